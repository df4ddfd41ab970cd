#!/bin/sh
# /etc/kernel and kernel-install, the real ones of Debian and systemd: we come last, when the initramfs is there.
. "$(dirname "$0")/lib.sh"
record enforce hmac
v=$(cd "$root/usr/lib/modules" && echo 6.12.*)
# a small initramfs is as good here
printf 'dracutmodules=" base "\nhostonly=no\nearly_microcode=no\n' >$root/etc/dracut.conf.d/small.conf
kernel=$lower/boot/vmlinuz-$v
cp "$kernel" $root/boot/vmlinuz-"$v"
debian() { in_root run-parts --arg="$v" --arg=/boot/vmlinuz-"$v" /etc/kernel/"$1".d; }

begin
printf '#!/bin/sh\n' >$root/etc/kernel/postinst.d/zz-update-grub
chmod 755 $root/etc/kernel/postinst.d/zz-update-grub
expect 0 in_root run-parts --test /etc/kernel/postinst.d
[ "$(tail -n 1 /mnt/out)" = /etc/kernel/postinst.d/zzz-imagate ] || fail "not the last"
expect 0 debian postinst
[ -s $root/boot/initrd.img-"$v" ] || fail "no initramfs was made"
reseals 1
grep -q "^reseal --next : /boot/initrd.img-$v /boot/vmlinuz-$v$" $root/resealed || fail "not after the initramfs was there"
end "postinst.d: after dracut, once"

begin
rm $root/boot/initrd.img-"$v"
chmod a-x $root/etc/kernel/postinst.d/dracut
expect 0 debian postinst
says "kernel $v has no initramfs"
grep -q "no initramfs" $root/run/motd.d/60-imagate-initramfs || fail "nothing at login"
chmod a+x $root/etc/kernel/postinst.d/dracut
expect 0 debian postinst
silent "no initramfs"
[ ! -e $root/run/motd.d/60-imagate-initramfs ] || fail "it still warns"
end "postinst.d: a kernel without an initramfs is named"

begin
n=$(wc -l <$root/resealed)
rm $root/boot/vmlinuz-"$v"
expect 0 debian postrm
[ ! -e $root/boot/initrd.img-"$v" ] || fail "dracut's hook left the initramfs"
reseals $((n + 1))
tail -n 1 $root/resealed | grep -q '^reseal --next : $' || fail "not after all was gone"
end "postrm.d"

begin
echo 0123456789abcdef0123456789abcdef >$root/etc/machine-id
printf 'root=/dev/vda\n' >$root/etc/kernel/cmdline
printf 'layout=bls\n' >$root/etc/kernel/install.conf
mkdir -p $root/boot/loader/entries $root/boot/0123456789abcdef0123456789abcdef
cp "$kernel" $root/usr/lib/modules/"$v"/vmlinuz
echo initramfs >$root/initrd
n=$(wc -l <$root/resealed)
expect 0 in_root kernel-install add "$v" /usr/lib/modules/"$v"/vmlinuz /initrd
reseals $((n + 1))
tail -n 1 $root/resealed | grep -q "/boot/loader/entries/.*$v.conf" || fail "not after the entry was there"
expect 0 in_root kernel-install remove "$v"
reseals $((n + 2))
tail -n 1 $root/resealed | grep -q "loader/entries/.*$v.conf" && fail "not after the entry was gone"
end "kernel-install: add and remove, after the entry"

begin # a plugin that comes later still runs, whether ours can reseal or not
printf '#!/bin/sh\necho "later $1" >>/later\n' >$root/etc/kernel/install.d/99-later.install
chmod 755 $root/etc/kernel/install.d/99-later.install
: >$root/fail
expect 0 in_root kernel-install add "$v" /usr/lib/modules/"$v"/vmlinuz /initrd
says "IF YOU REBOOT NOW"
grep -q "later add" $root/later || fail "later plugins are kept from running"
end "kernel-install: what cannot be sealed is said, and stops nothing"
exit $bad
