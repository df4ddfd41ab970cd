#!/bin/sh
# 'imagate pcr-policy' at work, and against systemd-measure for the same image: the same values, the same signature.
set -u
make=${1:-make}
b=${BUILD:-build}
$make --no-print-directory "$b/imagate" >/dev/null || { echo "[  FAILED  ] pcrpolicy"; exit 1; }
imagate=$(realpath "$b")/imagate
measure=/lib/systemd/systemd-measure
stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
log=tests/unit/eventlogs/ovmf-grub.bin
t=$(mktemp -d) || exit 1
tpm=
trap '[ -z "$tpm" ] || kill "$tpm" 2>/dev/null; rm -rf "$t"' EXIT
bad=0

expect() { # exit code, command...: its output in $t/out
	want=$1; shift
	"$@" >"$t/out" 2>&1 </dev/null
	rc=$?
	[ "$rc" = "$want" ] && return
	echo "exit status $rc instead of $want: $*"; cat "$t/out"; case_bad=1
}
says() { grep -qF -- "$1" "$t/out" || { echo "it does not say '$1':"; cat "$t/out"; case_bad=1; }; }
same() { cmp -s "$1" "$2" || { echo "$1 and $2 differ:"; cat "$1"; echo; cat "$2"; echo; case_bad=1; }; }
begin() { case_bad=0; }
end() {
	if [ $case_bad = 0 ]; then echo "[       OK ] $1"; else echo "[  FAILED  ] pcrpolicy"; bad=1; fi
}
policy() { c=$1; shift; expect "$c" "$imagate" pcr-policy "$@"; }
field() { python3 -c 'import json, sys; print("\n".join(e[sys.argv[3]] for e in json.load(open(sys.argv[1]))[sys.argv[2]]))' "$@"; }

for k in rsa other; do openssl genrsa -out "$t/$k.key" 2048 2>/dev/null && openssl rsa -in "$t/$k.key" -pubout -out "$t/$k.pub" 2>/dev/null; done
openssl ecparam -name prime256v1 -genkey -noout -out "$t/ec.key" && openssl ec -in "$t/ec.key" -pubout -out "$t/ec.pub" 2>/dev/null
head -c 70000 /dev/urandom >"$t/linux"
head -c 5001 /dev/urandom >"$t/initrd"
printf 'root=/dev/vda ro' >"$t/cmdline"
cp /etc/os-release "$t/osrel"

begin # a unified kernel image, as dracut and ukify make them
set --
at=33554432
for s in osrel cmdline initrd linux; do
	set -- "$@" --add-section .$s="$t/$s" --change-section-vma .$s=$at
	at=$((at + 1048576))
done
expect 0 objcopy "$@" "$stub" "$t/uki.efi"
policy 0 sign --key "$t/rsa.key" --uki "$t/uki.efi" --output "$t/ours.json"
# systemd 252 asks a TPM for the policy's digest
swtpm socket --tpm2 --tpmstate dir="$t" --server type=unixio,path="$t/s" --ctrl type=unixio,path="$t/s.ctrl" \
	--flags not-need-init,startup-clear --daemon --pid file="$t/pid" 2>/dev/null && tpm=$(cat "$t/pid")
[ -n "$tpm" ] || { echo "no swtpm"; case_bad=1; }
theirs() {
	"$measure" sign --tpm2-device=swtpm:path="$t/s" --osrel="$t/osrel" --linux="$t/linux" --cmdline="$t/cmdline" --initrd="$t/initrd" "$@" 2>"$t/err" ||
		{ cat "$t/err"; case_bad=1; }
}
theirs --bank=sha256 --private-key="$t/rsa.key" --public-key="$t/rsa.pub" --phase=enter-initrd | tr -d '\n' >"$t/theirs.json"
same "$t/theirs.json" "$t/ours.json"
end "the same bytes as systemd-measure's"

begin
policy 0 verify --pub "$t/rsa.pub" --uki "$t/uki.efi" "$t/theirs.json"
says "1 by this key, 0 by others"
policy 1 verify --pub "$t/other.pub" "$t/theirs.json"
policy 1 verify --pub "$t/rsa.pub" --value "11=$(printf %064d 1)" "$t/theirs.json"
says "no signature for these PCR values"
theirs --bank=sha256 --bank=sha384 --private-key="$t/rsa.key" --public-key="$t/rsa.pub" | tr -d '\n' >"$t/phases.json"
policy 0 sign --key "$t/rsa.key" --uki "$t/uki.efi" --phase enter-initrd --phase enter-initrd:leave-initrd \
	--phase enter-initrd:leave-initrd:sysinit --phase enter-initrd:leave-initrd:sysinit:ready --output "$t/four.json"
field "$t/phases.json" sha256 sig >"$t/a"; field "$t/four.json" sha256 sig >"$t/b"; same "$t/a" "$t/b"
policy 1 verify --pub "$t/rsa.pub" "$t/phases.json" # systemd-measure signs sha384's policies by SHA-384, and no TPM takes that
says "other banks than sha256"
policy 0 sign --key "$t/rsa.key" --pcrs sha384:11 --value "sha384:11=$("$measure" calculate --bank=sha384 --phase=enter-initrd \
	--osrel="$t/osrel" --linux="$t/linux" --cmdline="$t/cmdline" --initrd="$t/initrd" 2>/dev/null | sed 's/.*=//')" --output "$t/384.json"
field "$t/phases.json" sha384 pol | sed -n 1p >"$t/a"; field "$t/384.json" sha384 pol >"$t/b"; same "$t/a" "$t/b"
theirs --bank=sha256 --private-key="$t/ec.key" --public-key="$t/ec.pub" --phase=enter-initrd >"$t/ec.json"
policy 0 verify --pub "$t/ec.pub" --uki "$t/uki.efi" "$t/ec.json"
end "ours reads theirs: phases, banks, elliptic curves"

begin # the section, as systemd-stub finds it
expect 0 objcopy --add-section .pcrsig="$t/theirs.json" --change-section-vma .pcrsig=$at "$t/uki.efi" "$t/signed.efi"
policy 0 verify --pub "$t/rsa.pub" --uki "$t/signed.efi" "$t/signed.efi"
policy 0 show "$t/signed.efi"
says "sha256:11: policy $(field "$t/theirs.json" sha256 pol)"
policy 2 show "$t/uki.efi"
says "no .pcrsig section"
end "a signed image is read as a file of signatures"

begin
policy 0 sign --key "$t/rsa.key" --pcrs sha256:0,2,4,7 --from-log $log --epoch 3 --append "$t/theirs.json" --output "$t/more.json"
policy 0 show "$t/more.json"
says "sha256:0,2,4,7: policy"
says "for seals of epoch 3 and of no epoch"
policy 0 verify --pub "$t/rsa.pub" --epoch 3 --pcrs sha256:0,2,4,7 --from-log $log "$t/more.json"
says "2 by this key"
policy 1 verify --pub "$t/rsa.pub" --epoch 4 --pcrs sha256:0,2,4,7 --from-log $log "$t/more.json"
policy 1 verify --pub "$t/rsa.pub" --pcrs sha256:0,2,4,7 --from-log tests/unit/eventlogs/ovmf-grub-next.bin "$t/more.json"
# one value is known to be another: what --from-log says of it does not count
policy 0 sign --key "$t/rsa.key" --pcrs sha256:0,4 --from-log $log --value "4=$(printf %064d 4)" --output "$t/mixed.json"
policy 0 verify --pub "$t/rsa.pub" --pcrs sha256:0,4 --from-log $log --value "4=$(printf %064d 4)" "$t/mixed.json"
policy 1 verify --pub "$t/rsa.pub" --pcrs sha256:0,4 --from-log $log "$t/mixed.json"
sed 's/"imagate-sig":"./"imagate-sig":"9/' "$t/more.json" >"$t/forged.json"
policy 1 verify --pub "$t/rsa.pub" "$t/forged.json"
says "the epoch's"
end "event logs, epochs, appended"

begin # a TPM's own values, and tpm2-tools' word for the policy
tpm2=${t}/s
expect 0 tpm2_pcrextend 7:sha256=$(printf %064d 7) -T "swtpm:path=$tpm2"
policy 0 sign --key "$t/ec.key" --pcrs sha256:7 --current --tcti "swtpm:path=$tpm2" --output "$t/now.json"
expect 0 tpm2_createpolicy --policy-pcr -l sha256:7 -L "$t/pol" -T "swtpm:path=$tpm2"
od -An -tx1 -v "$t/pol" | tr -d ' \n' >"$t/a"; field "$t/now.json" sha256 pol | tr -d '\n' >"$t/b"; same "$t/a" "$t/b"
end "the TPM's values, and tpm2_createpolicy's digest"

begin # what the initramfs takes along; not what signs the initramfs itself
$make --no-print-directory "$b/imagate-gate" >/dev/null || case_bad=1
printf '[tpm]\npcr-public-key = /etc/imagate/fleet.pem\n' >"$t/a.conf"
expect 0 "$b/imagate-gate" --config-files "$t/a.conf"
says "public-key /etc/imagate/fleet.pem"
says "optional-signatures /etc/imagate/pcrsig.json"
printf '[tpm]\npcr-public-key = /etc/imagate/fleet.pem\npcrs = sha256:0,4,7,9\n' >"$t/a.conf"
expect 0 "$b/imagate-gate" --config-files "$t/a.conf"
says "public-key /etc/imagate/fleet.pem"
! grep -q signatures "$t/out" || { echo "it would sign itself"; case_bad=1; }
end "the initramfs gets key and signatures"

begin
policy 2
policy 2 sign --key "$t/rsa.key" --output "$t/x.json"
says "no value"
policy 2 sign --key "$t/rsa.key" --output "$t/x.json" --pcrs sha256:0,11 --uki "$t/uki.efi"
policy 2 sign --key "$t/rsa.key" --output "$t/x.json" --from-log $log
policy 2 sign --key "$t/rsa.key" --output "$t/x.json" --pcrs sha256:0,15 --from-log $log
says "nothing was measured into PCR 15"
policy 2 sign --key "$t/rsa.key" --output "$t/x.json" --value 11=00
policy 2 sign --key "$t/rsa.key" --output "$t/x.json" --value "sha256:11=$(printf %064d 1)" --value "sha384:7=$(printf %096d 1)"
policy 2 sign --key "$t/rsa.key" --output "$t/x.json" --uki "$t/linux"
policy 2 sign --key "$t/rsa.key" --output "$t/x.json" --uki "$stub"
policy 2 sign --key "$t/rsa.key" --output "$t/x.json" --epoch 0 --uki "$t/uki.efi"
policy 2 sign --key "$t/rsa.pub" --output "$t/x.json" --uki "$t/uki.efi"
policy 2 sign --key "$t/rsa.key" --output "$t/x.json" --uki "$t/uki.efi" --append "$t/linux"
policy 3 sign --key "$t/rsa.key" --output "$t/nowhere/x.json" --uki "$t/uki.efi"
policy 2 show "$t/nowhere"
policy 2 verify "$t/theirs.json"
policy 2 verify --pub "$t/linux" "$t/theirs.json"
policy 2 show "$t/theirs.json" more
policy 0 --help
[ ! -e "$t/x.json" ] || { echo "x.json was written"; case_bad=1; }
end "refusals have their exit status"
exit $bad
