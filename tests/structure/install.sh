#!/bin/sh
# What 'make install' puts there, 'make uninstall' takes away, but for the administrator's own files; and the hooks lie
# where those who call them look.
set -u
make=${1:-make}
t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"' EXIT
bad=0
$make --no-print-directory install DESTDIR="$t" >"$t.log" 2>&1 || { cat "$t.log"; bad=1; }
rm -f "$t.log"
for f in etc/dpkg/dpkg.cfg.d/imagate etc/kernel/postinst.d/zzz-imagate etc/kernel/postrm.d/zzz-imagate \
	usr/lib/kernel/install.d/95-imagate.install usr/lib/imagate/hook usr/share/imagate/imagate-hooks.spec \
	usr/lib/systemd/system/imagate-boot.path usr/lib/systemd/system/imagate-boot.service; do
	[ -f "$t/$f" ] || { echo "$f is not installed"; bad=1; }
done
for f in "$t"/etc/kernel/*.d/* "$t"/usr/lib/kernel/install.d/* "$t"/usr/lib/imagate/*; do
	[ -x "$f" ] || { echo "$f cannot be run"; bad=1; }
done
# run-parts takes no names with dots
case $(cd "$t/etc/kernel/postinst.d" && ls) in *.*) echo "run-parts would pass over it"; bad=1 ;; esac
$make --no-print-directory uninstall DESTDIR="$t" >/dev/null 2>&1 || { echo "uninstall failed"; bad=1; }
left=$(find "$t" -type f ! -path "$t/etc/imagate/*")
[ -z "$left" ] || { echo "left: $left"; bad=1; }
[ -e "$t/etc/imagate/imagate.conf" ] || { echo "the configuration is gone"; bad=1; }
if [ $bad = 0 ]; then echo "[       OK ] installed and uninstalled"; else echo "[  FAILED  ] install"; fi
exit $bad
