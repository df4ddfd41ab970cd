#!/bin/sh
# 'imagate seal' and 'imagate recover' against a software TPM, while somebody else changes the seal: they wait, and nothing of
# that is lost. Prints cmocka-like lines.
set -u
make=${1:-make}
b=${BUILD:-build}
tmp=$(mktemp -d) || exit 1
tpm=
trap '[ -z "$tpm" ] || kill "$tpm" 2>/dev/null; rm -rf "$tmp"' EXIT
bad=0
$make --no-print-directory "$b/imagate" >"$tmp/make" 2>&1 || { cat "$tmp/make"; echo "[  FAILED  ] imagate"; exit 1; }
result() { # name, ok
	[ "$2" = 0 ] && { echo "[       OK ] $1"; return; }
	cat "$tmp"/out* 2>/dev/null
	echo "[  FAILED  ] $1"; bad=1
}

mkdir -p "$tmp/etc/imagate" "$tmp/tpm"
seal=$tmp/etc/imagate/seal.pem conf=$tmp/etc/imagate/imagate.conf
printf '[tpm]\npcrs = sha256:0,7\n[gate]\nstage = fix\nfloor = fix\n' >"$conf"
swtpm socket --tpm2 --tpmstate dir="$tmp/tpm" --server type=unixio,path="$tmp/s" --ctrl type=unixio,path="$tmp/s.ctrl" \
	--flags not-need-init,startup-clear >"$tmp/swtpm" 2>&1 &
tpm=$!
while [ ! -S "$tmp/s" ]; do kill -0 $tpm 2>/dev/null || { cat "$tmp/swtpm"; exit 1; }; done
export TPM2TOOLS_TCTI=swtpm:path=$tmp/s
for pcr in 0 7; do tpm2_pcrextend $pcr:sha256=$(printf '%064d' 1) || bad=1; done

"$b/imagate" seal --config "$conf" --output "$seal" --tcti "$TPM2TOOLS_TCTI" >"$tmp/out1" 2>&1
result seal $?
key=$(grep -oE '([cbdefghijklnrtuv]{8}-){7}[cbdefghijklnrtuv]{8}' "$tmp/out1" | head -n 1)
[ -n "$key" ]; result key $?

# whoever changes the seal waits for who is at it
waits() { # pid
	while kill -0 "$1" 2>/dev/null; do
		grep -q -e "-> FLOCK  *ADVISORY  *WRITE $1 " /proc/locks && return 0
	done
	return 1
}
exec 7<"$tmp/etc/imagate" 8<"$seal"
flock 7 # which any user may do: it holds up nobody
flock 8
"$b/imagate" seal --force --config "$conf" --output "$seal" --tcti "$TPM2TOOLS_TCTI" >"$tmp/out2" 2>&1 7<&- 8<&- &
pid=$!
waits $pid; result seal_waits $?
kill $pid 2>/dev/null
wait $pid 2>/dev/null

# and takes what is there by then: a hook's slot is not lost
echo "$key" >"$tmp/key"
"$b/imagate" recover --add --root "$tmp" --tcti "$TPM2TOOLS_TCTI" <"$tmp/key" >"$tmp/out2" 2>&1 7<&- 8<&- &
pid=$!
waits $pid; result recover_waits $?
sed -n '/^Slot:/,$p' "$seal" >"$tmp/slot"
cat "$tmp/slot" >>"$seal"
flock -u 8
wait $pid
[ $? = 0 ] && [ "$(grep -c '^Slot:' "$seal")" = 3 ]; result recover_adds $?

# somebody has edited the file: a slot with a counter of his own, which no door closes, is not what one more is hung on
tpm2_nvdefine 0x01800007 -C o -s 8 -a 'nt=counter|ownerread|ownerwrite|authread|authwrite|policyread' >"$tmp/out2" 2>&1 || bad=1
tpm2_nvincrement 0x01800007 -C o >>"$tmp/out2" 2>&1 || bad=1
python3 - "$seal" <<-'END'
	import base64, re, sys
	text = open(sys.argv[1]).read()
	at = text.index("Slot:")
	head, block, tail = re.match(r"(.*?-----\n)(.*?)(-----END.*?-----\n)", text[at:], re.S).groups()
	der = base64.b64decode(block)
	nv = re.search(rb"\x01\x81\x00.\x00\x08(.{8})\x00\x00\x00\x00", der, re.S)
	der = der[:nv.start()] + b"\x01\x80\x00\x07\x00\x08" + b"\x00" * 6 + b"\x7f\xff" + der[nv.end() - 4:]
	block = "\n".join(re.findall(".{1,64}", base64.b64encode(der).decode())) + "\n"
	open(sys.argv[1], "w").write(text[:at] + head + block + tail + text[at:])
END
"$b/imagate" recover --add --root "$tmp" --tcti "$TPM2TOOLS_TCTI" <"$tmp/key" >>"$tmp/out2" 2>&1
[ $? = 0 ] && tail -n +1 "$seal" | sed '/-----BEGIN/,/-----END/!d' | tac | sed '/-----BEGIN/q' | grep -v -e ----- | tac | base64 -d |
	od -An -tx1 | tr -d ' \n' | grep -q 0181000[0-9]0008; result recover_adds_to_ours $?
exit $bad
