#!/bin/sh
# dpkg and apt, the real ones, under signed.policy: what a package brings signed is labelled before it is configured,
# what it brings unsigned is named; and the key is sealed again when a package changed what is booted.
. "$(dirname "$0")/lib.sh"
imagate=$(realpath "$b")/imagate
printf '[key]\nsource = none\nx509-ima = /etc/imagate/x509\nx509-evm = /etc/imagate/x509\n' >$root/etc/imagate/imagate.conf
cp policy/signed.policy $root/etc/imagate/policy
mkdir -p $root/etc/imagate/x509 $root/etc/imagate/x509-catalogue
cat >/mnt/signer.cnf <<'END'
[ req ]
distinguished_name = dn
prompt = no
x509_extensions = ext
[ dn ]
CN = builder
[ ext ]
basicConstraints = critical,CA:FALSE
keyUsage = digitalSignature
subjectKeyIdentifier = hash
END
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config /mnt/signer.cnf -days 2 \
	-keyout /mnt/key -out /mnt/cert.pem 2>/dev/null && openssl x509 -in /mnt/cert.pem -outform DER -out /mnt/cert.der || exit 1
cp /mnt/cert.der $root/etc/imagate/x509/
cp /mnt/cert.der $root/etc/imagate/x509-catalogue/
: >/mnt/none.conf

# as whoever builds packages does it: sign, list, dump; the last two are part of the package
signed_package() { # name, tree
	t=$2 c=$2/etc/imagate/catalogues
	mkdir -p "$c" "$t/var/lib/dpkg/info" "$t/DEBIAN"
	for s in preinst postinst; do [ ! -e "$t/DEBIAN/$s" ] || cp -p "$t/DEBIAN/$s" "$t/var/lib/dpkg/info/$1.$s"; done
	"$imagate" label --root "$t" --all --policy policy/signed.policy --config /mnt/none.conf --sign /mnt/key --cert /mnt/cert.pem \
		--evm-sign /mnt/key --evm-cert /mnt/cert.pem >/dev/null || exit 1
	"$imagate" catalogue build --root "$t" --all --name "$1" -o "$c/$1.catalogue" >/dev/null &&
		"$imagate" catalogue sign --key /mnt/key --cert /mnt/cert.pem "$c/$1.catalogue" >/dev/null || exit 1
	(cd "$t" && getfattr -R -h -d -m '^security\.(ima|evm)$' -e hex . 2>/dev/null) >"$c/$1.labels"
	rm -rf "$t/var"
	package "$1" "$t"
}

mkdir -p /mnt/good/usr/bin /mnt/good/etc/init.d /mnt/good/DEBIAN
cp /bin/true /mnt/good/usr/bin/good
printf '#!/bin/sh\n' >/mnt/good/etc/init.d/good
chmod 755 /mnt/good/etc/init.d/good
echo /etc/init.d/good >/mnt/good/DEBIAN/conffiles
# is what is there when the package is configured labelled already?
printf '#!/bin/sh\ngetfattr -h --absolute-names -d -m security /usr/bin/good "$0" >/postinst\n' >/mnt/good/DEBIAN/postinst
chmod 755 /mnt/good/DEBIAN/postinst
signed_package good /mnt/good
mkdir -p /mnt/plain/usr/bin
cp /bin/false /mnt/plain/usr/bin/plain
package plain /mnt/plain

begin
expect 0 in_root dpkg --unpack /good.deb
expect 0 in_root dpkg --purge good
has_not /usr/share/doc ima
[ ! -e $root/var/lib/imagate/upgraded ] || fail "without a gate in this boot it did something"
end "dpkg: nothing in a boot without the gate"

begin
record enforce x509
expect 0 in_root apt-get install -y /good.deb
says "3 files of what was installed are labelled now"
has /usr/bin/good ima
has /usr/bin/good evm
has /etc/init.d/good ima
grep -q security.ima $root/postinst || fail "not labelled before it was configured"
[ "$(grep -c security.ima $root/postinst)" = 2 ] || fail "its own script was not labelled before it ran"
expect 0 in_root imagate upgraded --dry-run --files-from /var/lib/dpkg/info/good.list
[ ! -e $root/var/lib/imagate/denied ] || fail "something is denied"
[ ! -e $root/run/motd.d/60-imagate-labels ] || fail "it warns"
end "apt: a package with signatures is labelled between unpacking and configuring"

begin
expect 0 in_root dpkg -i /plain.deb
says "/usr/bin/plain: denied when run as a program: IMA-signature-required"
says "1 files of what was installed cannot be used under this policy"
has_not /usr/bin/plain ima
grep -q /usr/bin/plain $root/run/motd.d/60-imagate-labels || fail "nothing at login"
# the next run says it again, whatever it is about
expect 0 in_root dpkg --purge good
says "/usr/bin/plain: denied"
"$imagate" label --root $root --policy policy/signed.policy --config /mnt/none.conf --sign /mnt/key --cert /mnt/cert.pem \
	--evm-sign /mnt/key --evm-cert /mnt/cert.pem /usr/bin/plain >/dev/null || fail "label"
expect 0 in_root /usr/lib/imagate/hook packages
silent plain
[ ! -e $root/run/motd.d/60-imagate-labels ] || fail "it still warns"
end "dpkg: a package without signatures is named, at once and at login, until it is mended"

begin # built for /bin, which is a link here
mkdir -p /mnt/merged/bin
cp /bin/true /mnt/merged/bin/merged
signed_package merged /mnt/merged
expect 0 in_root dpkg -i /merged.deb
says "1 files of what was installed are labelled now"
has /usr/bin/merged ima
has /usr/bin/merged evm
expect 0 in_root imagate catalogue check /usr/bin/merged
in_root dpkg --purge merged >/dev/null 2>&1
end "dpkg: a catalogue proves what it has at /bin where that is /usr/bin, too"

begin # the signature of another file, of another key, and content that its catalogue does not have
mkdir -p /mnt/other/usr/bin
cp /bin/true /mnt/other/usr/bin/other
signed_package other /mnt/other
printf x >>/mnt/other/usr/bin/other
package other /mnt/other
expect 0 in_root dpkg -i /other.deb
says "/usr/bin/other: denied"
has_not /usr/bin/other ima
in_root dpkg --purge other >/dev/null 2>&1
rm -rf /mnt/other; mkdir -p /mnt/other/usr/bin
cp /bin/true /mnt/other/usr/bin/other
signed_package other /mnt/other
sed -i 's/^# epoch: .*/# epoch: 9/' /mnt/other/etc/imagate/catalogues/other.catalogue
package other /mnt/other
expect 0 in_root dpkg -i /other.deb
says "/usr/bin/other: denied"
has_not /usr/bin/other ima
in_root dpkg --purge other >/dev/null 2>&1
end "dpkg: content that is not the signed one, and a catalogue that was edited, get no label"

begin # the way of a machine that signs by itself
printf 'IMAGATE_UPGRADED="--sign /key --cert /cert.pem --evm-sign /key --evm-cert /cert.pem"\n' >$root/etc/default/imagate
cp /mnt/key /mnt/cert.pem $root/
mv $root/etc/imagate/x509-catalogue $root/etc/imagate/x509-none
in_root dpkg --purge plain >/dev/null 2>&1
expect 0 in_root dpkg -i /plain.deb
says "1 files of what was installed are labelled now"
has /usr/bin/plain evm
rm $root/etc/default/imagate
# and is there after a power cut: what has come to the disk
truncate -s 150M /mnt/btrfs && mkfs.btrfs -q /mnt/btrfs 2>/dev/null && mount -o loop,commit=300 /mnt/btrfs $root/srv || fail "no btrfs"
cp /bin/true $root/srv/x; sync
echo /srv/x >$root/files
expect 0 in_root imagate upgraded --sign /key --cert /cert.pem --evm-sign /key --evm-cert /cert.pem --files-from /files
has /srv/x evm
cp --sparse=always /mnt/btrfs /mnt/cut && umount $root/srv && mount -o loop /mnt/cut $root/srv || fail "no copy"
has /srv/x evm
umount $root/srv; rm /mnt/btrfs /mnt/cut
mv $root/etc/imagate/x509-none $root/etc/imagate/x509-catalogue
end "dpkg: or it is signed here, by a key that /etc/default/imagate names"

begin
record enforce x509
expect 0 in_root dpkg -i /plain.deb
says "/usr/bin/plain: denied"
in_root dpkg --purge plain >/dev/null 2>&1
touch -d '+3 days' $root/var/lib/imagate/upgraded
expect 0 in_root dpkg -i /plain.deb
says "/usr/bin/plain: denied"
in_root dpkg --purge plain >/dev/null 2>&1
end "dpkg: a clock that was set back hides nothing that is installed afterwards"

begin
in_root dpkg-divert --local --rename --divert /usr/bin/plain.real --add /usr/bin/plain >/dev/null
expect 0 in_root dpkg -i /plain.deb
says "/usr/bin/plain.real: denied"
in_root dpkg --purge plain >/dev/null 2>&1
in_root dpkg-divert --remove /usr/bin/plain >/dev/null
end "dpkg: a file that is diverted is looked at where it lies"

# libc6 has that file: dpkg says so where it is let so far, and replaces nothing
begin
mkdir -p /mnt/libc/lib/x86_64-linux-gnu
cp $root/usr/lib/x86_64-linux-gnu/libc.so.6 /mnt/libc/lib/x86_64-linux-gnu/
package libc /mnt/libc
expect 2 in_root dpkg -i /libc.deb
says "libc.deb brings /lib/x86_64-linux-gnu/libc.so.6"
says "NOTHING WAS UNPACKED"
silent "trying to overwrite"
expect 100 in_root apt-get install -y /libc.deb
says "NOTHING WAS UNPACKED"
(cd /mnt/libc && md5sum lib/x86_64-linux-gnu/libc.so.6 >DEBIAN/md5sums)
package libc /mnt/libc
mkdir -p $root/debs/one
ln -s /libc.deb $root/debs/one/0-libc.deb
expect 2 in_root sh -c 'cd /debs && dpkg --unpack --recursive one'
says "NOTHING WAS UNPACKED"
expect 1 in_root env IMAGATE_UNPACK=anyway dpkg -i /libc.deb
says "trying to overwrite"
record audit x509
expect 1 in_root dpkg -i /libc.deb
says "trying to overwrite"
record enforce x509
expect 0 in_root dpkg -i /plain.deb
in_root dpkg --purge plain >/dev/null 2>&1
end "dpkg: what takes away libc before imagate could label it is not unpacked, and why is said"

begin # what only imagate needs: the real one
cp $root/usr/bin/imagate /mnt/stand-in && cp $root/usr/bin/imagate.real $root/usr/bin/imagate
crypto=usr/lib/x86_64-linux-gnu/libcrypto.so.3
mkdir -p /mnt/crypto/usr/lib/x86_64-linux-gnu /mnt/crypto/DEBIAN
cp $root/$crypto /mnt/crypto/$crypto
package crypto /mnt/crypto
expect 2 in_root dpkg --force-overwrite -i /crypto.deb
says "crypto.deb brings /lib/x86_64-linux-gnu/libcrypto.so.3"
[ ! -e $root/usr/lib/imagate/kept ] || fail "kept for nothing"
# by imagate as it was, were the new one denied: here it is broken
printf '#!/bin/sh\ngetfattr -h --absolute-names -d -m security /%s >/postinst; ls /usr/lib/imagate/kept >/kept\n' $crypto >/mnt/crypto/DEBIAN/postinst
chmod 755 /mnt/crypto/DEBIAN/postinst
head -c 5000 $root/$crypto >/mnt/crypto/$crypto
signed_package crypto /mnt/crypto
cp $root/$crypto /mnt/crypto-was
expect 0 in_root dpkg --force-overwrite --unpack /crypto.deb
in_root imagate --help >/mnt/out 2>&1 && fail "imagate is not broken"
cmp $root/usr/lib/imagate/kept/libcrypto.so.3 /mnt/crypto-was || fail "that is not the file that was"
has /$crypto ima
cp $root/usr/lib/imagate/kept/libcrypto.so.3 $root/$crypto.as-it-was && mv $root/$crypto.as-it-was $root/$crypto
expect 0 in_root dpkg --configure crypto
[ ! -e $root/usr/lib/imagate/kept ] || fail "it is kept for ever"
cp /mnt/stand-in $root/usr/bin/imagate
end "dpkg: what only imagate needs is unpacked where it can be labelled, by imagate as it was"

# -- what is booted ---------------------------------------------------------------------------
printf '[key]\nsource = tpm\nx509-ima = /etc/imagate/x509\nx509-evm = /etc/imagate/x509\n' >$root/etc/imagate/imagate.conf
mkdir -p /mnt/kernel/boot
echo kernel >/mnt/kernel/boot/vmlinuz-9
package kernel /mnt/kernel

begin
expect 0 in_root dpkg -i /plain.deb
reseals 1 # nobody knows what it was sealed to before
expect 0 in_root dpkg -i /plain.deb
reseals 1
expect 0 in_root dpkg -i /kernel.deb
reseals 2
tail -n 1 $root/resealed | grep -q '^reseal --next : /boot/vmlinuz-9$' || fail "not after the kernel was there"
end "dpkg: the key is sealed again when what is booted changed, and only then"

begin
: >$root/fail
expect 0 in_root dpkg --purge kernel
says "could not be sealed to what the next boot will be"
says "PCR 4 cannot be predicted"
says "IF YOU REBOOT NOW"
login
grep -q "IF YOU REBOOT NOW" /mnt/login || { cat /mnt/login; fail "nothing at login"; }
echo newer >/mnt/kernel/boot/vmlinuz-9
package kernel /mnt/kernel
expect 0 in_root dpkg -i /kernel.deb
says "has changed (/boot/vmlinuz-9)"
rm $root/fail
expect 0 in_root dpkg -i /plain.deb
silent "REBOOT"
login
! grep -q "IF YOU REBOOT NOW" /mnt/login || fail "it still warns"
end "dpkg: where that fails the person is told before the reboot, and the package operation goes on"

begin
mv $root/usr/lib/imagate/hook $root/usr/lib/imagate/hook.away
expect 0 in_root dpkg -i /plain.deb
mv $root/usr/lib/imagate/hook.away $root/usr/lib/imagate/hook
end "dpkg: a hook that was taken away stops nothing"
exit $bad
