#!/bin/sh
# core has no effects: its objects may need nothing from outside but these.
set -u
make=${1:-make}
b=${BUILD:-build}
allow='memcpy memset memcmp memmove memchr memmem strlen strnlen strcmp strncmp strchr strrchr strstr
strspn strcspn strpbrk strcpy snprintf vsnprintf __snprintf_chk __vsnprintf_chk __memcpy_chk __memset_chk
__memmove_chk bcmp __stack_chk_fail _GLOBAL_OFFSET_TABLE_'
objs=$(for f in src/core/*.c; do echo "$b/obj/core/$(basename "$f" .c).o"; done)
$make --no-print-directory $objs >/dev/null || { echo "[  FAILED  ] purity"; exit 1; }
own=$(nm --defined-only $objs | awk 'NF == 3 { print $3 }')
bad=0
for sym in $(nm -u $objs | awk '$1 == "U" { print $2 }' | sort -u); do
	case " $(echo $allow) $(echo $own) " in
	*" $sym "*) ;;
	*) echo "core needs $sym"; bad=1 ;;
	esac
done
# writable data is state
if size -A $objs | awk '$1 ~ /^\.(data|bss|tdata|tbss)$/ && $2 > 0 { print; f = 1 } END { exit f }'; then :; else
	echo "core has writable data"; bad=1
fi
if [ $bad = 0 ]; then echo "[       OK ] purity of core"; else echo "[  FAILED  ] purity"; fi
exit $bad
