# Sourced by the tests of the hooks: a Debian that is thrown away (the virtual machines' root under an overlay, in a
# mount namespace of its own), with its own dpkg, dracut and kernel-install, entered by chroot. imagate is the real one;
# only its verb 'reseal', which needs the TPM of a machine that booted, is a stand-in that writes down when it was called
# and what was there, and fails if /fail is there.
set -u
b=${BUILD:-build}
if [ "${HOOKS_INSIDE:-}" != yes ]; then
	HOOKS_INSIDE=yes exec unshare --mount --propagation private sh "$0" "$@"
fi
lower=$(realpath "${IMAGATE_CACHE:-$b/vm}/root")
top=$(realpath "$(dirname "$0")/../..")
mount -t tmpfs -o size=1G tmpfs /mnt && mkdir /mnt/up /mnt/work /mnt/root &&
	mount -t overlay overlay -o "lowerdir=$lower,upperdir=/mnt/up,workdir=/mnt/work" /mnt/root || exit 1
root=/mnt/root
mount --rbind /dev $root/dev && mount -t proc proc $root/proc && mount -t tmpfs tmpfs $root/run || exit 1
mkdir -p $root/var/lib/imagate && rm -rf $root/var/lib/imagate/* $root/boot/*

cp $root/usr/bin/imagate $root/usr/bin/imagate.real
cat >$root/usr/bin/imagate <<'END'
#!/bin/sh
if [ "$1" = reseal ]; then
	echo "$* : $(find /boot -type f | sort | paste -sd' ')" >>/resealed
	if [ -e /fail ]; then echo "imagate: PCR 4 cannot be predicted: no event for the kernel" >&2; exit 3; fi
	exit 0
fi
exec /usr/bin/imagate.real "$@"
END
: >$root/resealed
: >$root/etc/imagate/seal.pem
mkdir -p $root/run/imagate
# what the gate leaves in a boot in enforce, as far as it matters here
record() { # stage evm
	printf 'imagate-record=1\nverdict=admit\ncause=none\nstage=%s\nappraise=enforce\nevm=%s\npolicy=/etc/imagate/policy\n' "$1" "$2" \
		>$root/run/imagate/record
}
in_root() { chroot $root env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }

bad=0
begin() { case_bad=0; }
end() { if [ $case_bad = 0 ]; then echo "[       OK ] $1"; else echo "[  FAILED  ] hooks"; echo "$1"; bad=1; fi; }
fail() { echo "$*"; [ ! -e /mnt/out ] || cat /mnt/out; case_bad=1; }
expect() { # exit code, command...: its output in /mnt/out
	want=$1; shift
	"$@" >/mnt/out 2>&1 </dev/null
	rc=$?
	[ $rc = "$want" ] || fail "exit status $rc instead of $want: $*"
}
says() { grep -qF -- "$1" /mnt/out || fail "it does not say '$1'"; }
silent() { ! grep -qF -- "$1" /mnt/out || fail "it says '$1'"; }
has() { getfattr -h -n "security.$2" "$root$1" >/dev/null 2>&1 || fail "$1 has no security.$2"; }
has_not() { ! getfattr -h -n "security.$2" "$root$1" >/dev/null 2>&1 || fail "$1 has security.$2"; }
reseals() { [ "$(wc -l <$root/resealed)" = "$1" ] || { cat $root/resealed; fail "not resealed $1 times"; }; }

# What a user sees who logs in, by the real login and PAM.
login() {
	python3 - $root <<-'END' >/mnt/login
	import os, pty, sys
	pid, fd = pty.fork()
	if pid == 0:
	    os.chroot(sys.argv[1])
	    os.chdir("/")
	    os.execv("/bin/login", ["login", "-f", "mallory"])
	os.write(fd, b"exit\n")
	try:
	    while True:
	        data = os.read(fd, 4096)
	        if not data:
	            break
	        sys.stdout.write(data.decode("utf-8", "replace"))
	except OSError:
	    pass
	os.waitpid(pid, 0)
	END
}

package() { # name, tree: NAME.deb in the root, with the scripts of tree/DEBIAN
	mkdir -p "$2/DEBIAN"
	printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: me <me@example.org>\nDescription: row\n' "$1" >"$2/DEBIAN/control"
	dpkg-deb -Znone --root-owner-group -b "$2" "$root/$1.deb" >/dev/null || exit 1
}
