#!/bin/sh
# 'imagate pcr' as a person uses it: exit codes, words, JSON; and its replay against a software TPM that has been given
# the same digests one by one. Prints cmocka-like lines.
set -u
make=${1:-make}
b=${BUILD:-build}
logs=tests/unit/eventlogs
tmp=$(mktemp -d) || exit 1
tpm=
trap '[ -z "$tpm" ] || kill "$tpm" 2>/dev/null; rm -rf "$tmp"' EXIT
bad=0
# the sanitized objects are for the unit tests; this is the program that is installed
$make --no-print-directory "$b/imagate" >"$tmp/make" 2>&1 || { cat "$tmp/make"; echo "[  FAILED  ] imagate"; exit 1; }

# name, exit code, pattern that the output has, arguments...
try() {
	name=$1 want=$2 pattern=$3; shift 3
	"$b/imagate" pcr "$@" >"$tmp/out" 2>&1; rc=$?
	if [ $rc = "$want" ] && grep -q -e "$pattern" "$tmp/out"; then
		echo "[       OK ] $name"
	else
		echo "$name: exit $rc, wanted $want and '$pattern'"; cat "$tmp/out"; echo "[  FAILED  ] $name"; bad=1
	fi
}
json() { # name, exit code, python expression over o, arguments...
	name=$1 want=$2 test=$3; shift 3
	"$b/imagate" pcr "$@" --json >"$tmp/out" 2>"$tmp/err"; rc=$?
	if [ $rc = "$want" ] && python3 -c "import json, sys; o = json.load(sys.stdin); sys.exit(not ($test))" <"$tmp/out"; then
		echo "[       OK ] $name"
	else
		echo "$name: exit $rc, wanted $want"; cat "$tmp/out" "$tmp/err"; echo "[  FAILED  ] $name"; bad=1
	fi
}

try explain_words 0 'GRUB  *the initramfs /boot/initrd' explain --log $logs/ovmf-grub.bin
try explain_value 0 'sha384 c50b529497c7' explain sha384:5 --log $logs/ovmf-grub.bin
try explain_changed 1 "^PCR 4: the EFI program /EFI/BOOT/BOOTX64.EFI changed" explain --log $logs/ovmf-grub-next.bin --against $logs/ovmf-grub.bin
try explain_cmdline 1 "command line.*'quiet' became 'audit=1'" explain 8 --log $logs/ovmf-grub-next.bin --against $logs/ovmf-grub.bin
try explain_unchanged 0 'nothing changed' explain 0,2,7 --log $logs/ovmf-grub-next.bin --against $logs/ovmf-grub.bin
try explain_boot_entry 0 'Boot0001: UEFI QEMU NVMe Ctrl esp 1 PciRoot(0x0)/Pci(0x1,0x0)/NVMe(0x1)$' explain 1 --log $logs/ovmf-grub.bin
try explain_no_log 2 'No such file' explain --log "$tmp/none"
try explain_bad_log 2 'byte 0:' explain --log tests/structure/pcr.sh
try explain_bad_pcr 2 'not a PCR number' explain 24 --log $logs/ovmf-grub.bin
try usage_sub 2 'explain or coverage' inspect
try usage_extra 2 'unexpected argument' explain 0 4 --log $logs/ovmf-grub.bin
try coverage_default 1 'NOT COVERED  the kernel command line' coverage 0,2,4,7 --log $logs/ovmf-grub.bin
try coverage_recommended 1 'pcrs = sha256:0,2,4,7,8,9' coverage 0,2,4,7 --log $logs/ovmf-grub.bin
try coverage_strict 0 'keep these' coverage 0,2,4,7,8,9 --log $logs/ovmf-grub.bin
json explain_json 0 'o["bank"] == "sha256" and [p["pcr"] for p in o["pcrs"]] == [0, 2, 4, 7, 8, 9] and
	o["pcrs"][2]["events"][-1]["name"] == "/EFI/BOOT/BOOTX64.EFI" and o["pcrs"][0]["tpm"] is None' explain --log $logs/ovmf-grub.bin
json differences_json 1 '[(d["pcr"], d["what"], d["subject"]) for d in o["differences"]] == [(4, "changed", "image"),
	(9, "changed", "boot-config")]' explain 4,9 --log $logs/ovmf-grub-next.bin --against $logs/ovmf-grub.bin
json coverage_json 1 'o["add"] == [8, 9] and o["covers"]["loader"]["covered"] and not o["covers"]["initrd"]["covered"] and
	o["covers"]["cmdline"]["measured-by"] == "GRUB"' coverage 0,2,4,7 --log $logs/ovmf-grub.bin

# a seal's slot: one bound to other values, and the same one bound to this log's
seal=tests/fuzz/corpus/seal/ok-seal
try seal_other 0 'slot 1 (sha256:0,2,4,7): does NOT fit' explain --log $logs/ovmf-grub.bin --seal $seal
"$b/imagate" pcr explain 0,2,4,7 --log $logs/ovmf-grub.bin --json 2>/dev/null | python3 -c 'import base64, hashlib, json, re, sys
values = b"".join(bytes.fromhex(p["value"]) for p in json.load(sys.stdin)["pcrs"])
text = open(sys.argv[1]).read()
old = bytes.fromhex(re.search(r"Pcr-Digest: (\w+)", text).group(1))
new = hashlib.sha256(values).digest()
head, body, tail = re.match(r"(.*KEY-----\n)(.*)(-----END.*)", text, re.S).groups()
body = base64.encodebytes(base64.b64decode(body).replace(old, new)).decode().replace("\n", "")
body = "\n".join(body[i:i + 64] for i in range(0, len(body), 64)) + "\n"
kept = "Pcr-Values: " + " ".join("%d=%s" % (n, values[32 * i:32 * i + 32].hex()) for i, n in enumerate((0, 2, 4, 7))) + "\n"
head = head.replace(old.hex(), new.hex()).replace("-----BEGIN", kept + "-----BEGIN")
print(head + body + tail, end="")' $seal >"$tmp/seal.pem"
try seal_fits 0 'slot 1 (sha256:0,2,4,7): fits this log' explain --log $logs/ovmf-grub.bin --seal "$tmp/seal.pem"
json seal_fits_json 0 'o["slots"] == [{"pcrs": "sha256:0,2,4,7", "fits": True, "differ": []}]' explain --log $logs/ovmf-grub.bin \
	--seal "$tmp/seal.pem"
try seal_differs 0 'does NOT fit this log: PCR 4$' explain --log $logs/ovmf-grub-next.bin --seal "$tmp/seal.pem"
json seal_differs_json 0 'o["slots"][0]["fits"] is False and o["slots"][0]["differ"] == [4]' explain \
	--log $logs/ovmf-grub-next.bin --seal "$tmp/seal.pem"
try seal_other_bank 0 'a bank that this log does not have, or is not shown' explain sha384:0 --log $logs/ovmf-grub.bin --seal $seal
try seal_covers 1 '^sha256:0,2,4,7, from' coverage --log $logs/ovmf-grub.bin --seal $seal

# a TPM that was given each digest of the log
export TPM2TOOLS_TCTI="swtpm:path=$tmp/s"
mkdir "$tmp/tpm"
swtpm socket --tpm2 --tpmstate "dir=$tmp/tpm" --server "type=unixio,path=$tmp/s" --ctrl "type=unixio,path=$tmp/s.ctrl" \
	--flags not-need-init,startup-clear >"$tmp/swtpm" 2>&1 &
tpm=$!
tries=0
until [ -S "$tmp/s" ] || [ $tries = 100 ]; do sleep 0.1; tries=$((tries + 1)); done
"$b/imagate" pcr explain 0,1,2,3,4,5,6,7,8,9 --log $logs/ovmf-grub.bin --json |
	python3 -c 'import json, sys
for p in json.load(sys.stdin)["pcrs"]:
    for e in p["events"]:
        print("%d:sha256=%s" % (p["pcr"], e["digest"]))' >"$tmp/digests"
if [ "$(wc -l <"$tmp/digests")" = 35 ] && xargs tpm2_pcrextend <"$tmp/digests" >"$tmp/out" 2>&1; then
	try tpm_agrees 0 'as in the TPM' explain --log $logs/ovmf-grub.bin --tcti "$TPM2TOOLS_TCTI"
	json tpm_agrees_json 0 'all(p["tpm"] == p["value"] for p in o["pcrs"])' explain 0,1,2,3,4,5,6,7,8,9 \
		--log $logs/ovmf-grub.bin --tcti "$TPM2TOOLS_TCTI"
	tpm2_pcrextend 4:sha256="$(head -n 1 "$tmp/digests" | cut -d= -f2)"
	try tpm_differs 1 'NOT what the TPM has' explain 4 --log $logs/ovmf-grub.bin --tcti "$TPM2TOOLS_TCTI"
	tpm2_pcrextend 9:sha256="$(head -n 1 "$tmp/digests" | cut -d= -f2)"
	try tpm_went_on 0 'measured after the log ended' explain 9 --log $logs/ovmf-grub.bin --tcti "$TPM2TOOLS_TCTI"
else
	cat "$tmp/out" "$tmp/swtpm"; echo "[  FAILED  ] software TPM"; bad=1
fi
exit $bad
