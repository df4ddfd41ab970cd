#!/bin/sh
# 'imagate catalogue' at work, and its files in the hands of sha256sum and openssl cms, and the other way round.
set -u
make=${1:-make}
b=${BUILD:-build}
$make --no-print-directory "$b/imagate" >/dev/null || { echo "[  FAILED  ] catalogue"; exit 1; }
imagate=$(realpath "$b")/imagate
t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"' EXIT
bad=0
: >"$t/none.conf"

expect() { # exit code, command...: its output in $t/out
	want=$1; shift
	"$@" >"$t/out" 2>&1 </dev/null
	rc=$?
	[ "$rc" = "$want" ] && return
	echo "exit status $rc instead of $want: $*"; cat "$t/out"; case_bad=1
}
says() { grep -qF -- "$1" "$t/out" || { echo "it does not say '$1':"; cat "$t/out"; case_bad=1; }; }
begin() { case_bad=0; }
end() {
	if [ $case_bad = 0 ]; then echo "[       OK ] $1"; else echo "[  FAILED  ] catalogue"; bad=1; fi
}
catalogue() { c=$1; shift; expect "$c" "$imagate" catalogue "$@"; }
pair() { # name, certificate in DER
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$t/$1.key" -out "$t/$1.pem" \
		-subj "/CN=$1" -days 2 2>/dev/null && openssl x509 -in "$t/$1.pem" -outform DER -out "$2"
}

mkdir -p "$t/root/usr/bin" "$t/root/etc" "$t/set" "$t/trust" "$t/elsewhere"
cp /bin/true "$t/root/usr/bin/true"
cp /bin/false "$t/root/usr/bin/false"
echo data >"$t/root/etc/data"
printf '#!/bin/sh\n' | tee "$t/root/usr/bin/new
line" "$t/root/usr/bin/back\\slash" "$t/root/usr/bin/a blank" >"$t/root/usr/bin/return$(printf '\r')x"
chmod 755 "$t/root/usr/bin/"*
pair good "$t/trust/good.der" && pair other "$t/elsewhere/other.der" || { echo "no certificates"; bad=1; }
f=$t/set/base.catalogue
trusted="--config $t/none.conf --dir $t/set --x509 $t/trust"

begin
catalogue 0 build --root "$t/root" -o "$f"
says "base, epoch 1, 6 files"
catalogue 0 sign --key "$t/good.key" --cert "$t/good.pem" "$f"
catalogue 0 verify --config "$t/none.conf" --x509 "$t/trust" "$f"
says "base, epoch 1, 6 files"
catalogue 1 verify --config "$t/none.conf" --x509 "$t/elsewhere" "$f"
end "built, signed, verified"

begin # paths are absolute: in a root of their own
sed 's|  /|  ./|' "$f" >"$t/relative"
expect 0 env -C "$t/root" sha256sum --check --strict --warn "$t/relative"
expect 0 openssl cms -verify -binary -inform DER -in "$f.p7s" -content "$f" -CAfile "$t/good.pem" -purpose any -out /dev/null
expect 4 openssl cms -verify -binary -inform DER -in "$f.p7s" -content "$t/relative" -CAfile "$t/good.pem" -purpose any -out /dev/null
end "sha256sum and openssl cms read ours"

begin
{
	printf '# imagate-catalogue: 1\n# name: theirs\n# epoch: 4\n'
	(cd "$t/root" && find . -type f -print0 | xargs -0 sha256sum) | sed 's|  \./|  /|' | LC_ALL=C sort -t/ -k2
} >"$t/theirs.catalogue"
expect 0 openssl cms -sign -binary -in "$t/theirs.catalogue" -signer "$t/good.pem" -inkey "$t/good.key" -outform DER \
	-out "$t/theirs.catalogue.p7s"
catalogue 0 verify --config "$t/none.conf" --x509 "$t/trust" "$t/theirs.catalogue"
says "theirs, epoch 4, 7 files"
catalogue 0 build --root "$t/root" --all --name theirs -o "$t/ours.catalogue"
catalogue 0 diff "$t/theirs.catalogue" "$t/ours.catalogue"
end "ours reads theirs, and says the same"

begin
catalogue 0 check $trusted --root "$t/root"
says "0 not proven"
catalogue 1 check $trusted --root "$t/root" --all
says "/etc/data: in no catalogue"
cp "$t/root/usr/bin/false" "$t/root/usr/bin/true"
catalogue 1 check $trusted --root "$t/root"
says "/usr/bin/true: other content than in the catalogue; it is that of /usr/bin/false"
echo x >>"$t/root/usr/bin/true"
catalogue 1 check $trusted --root "$t/root" /usr/bin/true
says "/usr/bin/true: other content than in the catalogue"
says "1 files"
catalogue 0 check $trusted --root "$t/root" /usr/bin/false
catalogue 1 check $trusted --root "$t/root" --json
says '"path":"/usr/bin/true"'
end "check finds what is not proven"

begin
rm "$t/root/usr/bin/false"
cp /bin/true "$t/root/usr/bin/more"
catalogue 0 build --root "$t/root" --name base -o "$t/new.catalogue" --epoch 2
catalogue 1 diff "$f" "$t/new.catalogue"
says "- /usr/bin/false"
says "+ /usr/bin/more"
says "~ /usr/bin/true"
catalogue 1 diff --json "$f" "$t/new.catalogue"
says '"epoch":2'
catalogue 0 diff "$f" "$f"
end "diff"

begin
cp "$t/new.catalogue" "$t/set/new.catalogue"
catalogue 1 list $trusted
says "bad         new.catalogue"
catalogue 0 sign --key "$t/good.key" --cert "$t/good.pem" "$t/set/new.catalogue"
catalogue 0 list $trusted
says "active      new.catalogue: base, epoch 2"
says "superseded  base.catalogue: base, epoch 1"
catalogue 0 check $trusted --root "$t/root"
printf '# imagate-revoked: 1\n# epoch: 1\n%s\n' "$(sha256sum <"$t/root/usr/bin/more" | cut -c1-64)" >"$t/set/revoked"
catalogue 1 check $trusted --root "$t/root"
says "revocation list"
catalogue 0 sign --key "$t/good.key" --cert "$t/good.pem" "$t/set/revoked"
catalogue 0 verify --config "$t/none.conf" --x509 "$t/trust" "$t/set/revoked"
says "epoch 1"
catalogue 1 check $trusted --root "$t/root"
says "/usr/bin/more: this content is revoked"
printf '[catalogue]\ndir = %s\nx509 = %s\nrevoked = 2\n' "$t/set" "$t/trust" >"$t/two.conf"
catalogue 1 list --config "$t/two.conf"
says "older list"
end "epochs and revocation"

begin
catalogue 0 build --root "$t/root" -o "$f"
says "epoch 2"
catalogue 1 verify --config "$t/none.conf" --x509 "$t/trust" "$f" # its signature is the old one's
sort -r "$f" >"$t/sorted"
catalogue 2 sign --key "$t/good.key" --cert "$t/good.pem" "$t/sorted"
catalogue 2 sign --key "$t/good.key" --cert "$t/other.pem" "$f"
catalogue 2 sign "$f"
catalogue 2 build
catalogue 2 build -o "$t/x.catalogue" --epoch 0
catalogue 2 build -o "$t/x.catalogue" --name a/b
catalogue 2 build -o "$t/x.catalogue" --root "$t/nowhere"
catalogue 2 build -o "$t/x.catalogue" --root "$t/root" /nowhere
catalogue 3 build -o "$t/nowhere/x.catalogue" --root "$t/root"
catalogue 2 diff "$f"
catalogue 2 verify --config "$t/none.conf" "$t/nowhere/x.catalogue"
catalogue 2
catalogue 0 --help
[ ! -e "$t/x.catalogue" ] || { echo "x.catalogue was written"; case_bad=1; }
end "refusals have their exit status"
exit $bad
