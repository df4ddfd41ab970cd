#!/bin/sh
# The rooms' arrows: core <- base <- kernel|tpm|crypto|label <- gate <- cli, and who may
# include tss2/ and openssl/. Prints cmocka-like lines, one per rule.
set -u
bad=0

allowed() { # room -> rooms it may include
	case $1 in
	core) echo core ;;
	base) echo core base ;;
	kernel | tpm | crypto | label) echo core base "$1" ;;
	gate) echo core base kernel tpm crypto label gate ;;
	cli) echo core base kernel tpm crypto label gate cli ;;
	*) echo "a room without a rule: $1" >&2 ;;
	esac
}
for dir in src/*/; do
	room=$(basename "$dir")
	case $room in man | completion) continue ;; esac
	ok=$(allowed "$room")
	found=0
	for f in "$dir"*.c "$dir"*.h; do
		[ -e "$f" ] || continue
		for to in $(sed -n 's/^#[[:space:]]*include "\([a-z]*\)\/.*/\1/p' "$f" | sort -u); do
			case " $ok " in *" $to "*) ;; *) echo "$f includes $to/"; found=1 ;; esac
		done
		if [ "$room" != tpm ] && grep -q '<tss2/' "$f"; then echo "$f includes tss2/"; found=1; fi
		if [ "$room" != crypto ] && grep -q '<openssl/' "$f"; then echo "$f includes openssl/"; found=1; fi
	done
	if [ $found = 0 ]; then echo "[       OK ] arrows of $room"; else echo "[  FAILED  ] arrows"; bad=1; fi
done
exit $bad
