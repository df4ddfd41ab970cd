#!/bin/sh
# rpm, the real one, with a data base of its own in the root: its file triggers give us what a transaction changed.
. "$(dirname "$0")/lib.sh"
imagate=$(realpath "$b")/imagate
record enforce none
printf '[key]\nsource = tpm\n' >$root/etc/imagate/imagate.conf
# a policy of hashes, and nobody but us who writes them
grep -v '^hash ' policy/server.policy >$root/etc/imagate/policy

build() { # spec
	rpmbuild -bb --quiet --define "_topdir /mnt/rpm" --define "_rpmdir /mnt/rpms" --define "_build_id_links none" \
		--define "debug_package %{nil}" "$1" >/mnt/out 2>&1 || { cat /mnt/out; exit 1; }
}
rpm_in_root() { rpm --root $root --nodeps "$@"; }
program() { # name, version, what it installs
	cat >/mnt/"$1".spec <<-END
	Name: $1
	Version: $2
	Release: 1
	Summary: row
	License: none
	%description
	row
	%install
	mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/$1
	cp $3 %{buildroot}/usr/bin/$1
	echo data >%{buildroot}/usr/share/$1/data
	chmod 755 %{buildroot}/usr/bin/$1
	%files
	/usr/bin/$1
	/usr/share/$1/data
	END
	build /mnt/"$1".spec
}
good() {
	"$imagate" check --files --no-cache --root $root --policy $root/etc/imagate/policy --config $root/etc/imagate/imagate.conf --evm 0 \
		--all >/mnt/all 2>&1
	grep -q " allowed good $1$" /mnt/all || fail "the label of $1 is not good"
}
rpm_of() { find /mnt/rpms -name "$1-[0-9]*.rpm"; }

build $root/usr/share/imagate/imagate-hooks.spec
program one 1 /bin/true
program two 1 /bin/false

begin
expect 0 rpm_in_root -i "$(rpm_of one)"
has_not /usr/bin/one ima
# rpm gives a new trigger all that is installed
expect 0 rpm_in_root -i "$(rpm_of imagate-hooks)"
has /usr/bin/one ima
setfattr -x security.ima $root/usr/bin/one
expect 0 rpm_in_root -i "$(rpm_of two)"
says "1 files of what was installed are labelled now"
has /usr/bin/two ima
has_not /usr/share/two/data ima # no policy asks for it
has_not /usr/bin/one ima
good /usr/bin/two
end "rpm: a transaction's files are labelled by the file trigger, and no others"

begin
rm -rf /mnt/rpms/*/two*
program two 2 /usr/bin/expr
before=$(getfattr -h --absolute-names --only-values -n security.ima $root/usr/bin/two | od -An -tx1)
expect 0 rpm_in_root -U "$(rpm_of two)"
has /usr/bin/two ima
[ "$(getfattr -h --absolute-names --only-values -n security.ima $root/usr/bin/two | od -An -tx1)" != "$before" ] || fail "the old label"
good /usr/bin/two
end "rpm: an upgrade"

begin
cp policy/signed.policy $root/etc/imagate/policy
expect 0 rpm_in_root -U --replacepkgs "$(rpm_of one)"
says "/usr/bin/one: denied when run as a program: IMA-signature-required"
end "rpm: what cannot be labelled is named, and the transaction goes on"

begin
n=$(wc -l <$root/resealed)
cat >/mnt/boot.spec <<'END'
Name: boot
Version: 1
Release: 1
Summary: row
License: none
%description
row
%install
mkdir -p %{buildroot}/boot
echo kernel >%{buildroot}/boot/vmlinuz-9
%files
/boot/vmlinuz-9
END
build /mnt/boot.spec
expect 0 rpm_in_root -i "$(rpm_of boot)"
reseals $((n + 1))
expect 0 rpm_in_root -e boot
reseals $((n + 2))
tail -n 1 $root/resealed | grep -q '^reseal --next : $' || fail "not after it was gone"
end "rpm: the key is sealed again when what is booted came or went"
exit $bad
