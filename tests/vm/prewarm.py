"""imagate-prewarm: the kernel has appraised the boot-critical programs before anybody runs them, within its bounds."""

import re

from common import ENFORCE, KERNEL_STATE, boot, check, went_on
from golden import conf
from policyboot import policy_file

# nobody runs the first two in this boot, and they are boot-critical; the third is not
SCRIPT = KERNEL_STATE + r"""
list=/sys/kernel/security/ima/ascii_runtime_measurements
measured() { awk -v f="$1" '$5 == f { n++ } END { print n + 0 }' $list; }
pid=$(systemctl show -P MainPID imagate-prewarm)
[ "$pid" = 0 ] || tail --pid="$pid" -f /dev/null
systemctl show -P Result imagate-prewarm | sed s/^/result=/
journalctl -b -q -o cat -u imagate-prewarm | grep ' files, ' | sed s/^/said=/
for p in swapon sulogin nproc; do readlink -f /usr/sbin/$p /usr/bin/$p | while read f; do [ -e $f ] && echo "$p-before=$(measured $f)"; done; done
count() { awk 'END { print NR }' $list; }
n=$(count); swapon --version >/dev/null; echo "swapon=$?"; echo "anew=$(($(count) - n))"
nproc >/dev/null; echo "nproc-after=$(measured /usr/bin/nproc)"
imagate prewarm --seconds 600 --mib 2 | sed s/^/small=/
imagate prewarm --seconds 0 | sed s/^/none=/
imagate prewarm --seconds 600 | sed s/^/all=/
systemctl --failed --plain --no-legend | sed 's/ .*//; s/^/failed=/'
"""


def files_of(text):
    got = re.match(r"(\d+) files, ([0-9.]+) MiB in [0-9.]+ s, 0 failed(.*)$", text or "")
    return (int(got.group(1)), float(got.group(2)), got.group(3)) if got else (0, 0.0, "nothing was said")


def prewarm(kernel, work):
    """with imagate-prewarm, programs that nobody has run are in the kernel's measurement list, and running one measures nothing anew; its bounds hold"""
    policy = policy_file("server") + "measure func=MMAP_CHECK mask=MAY_EXEC\nmeasure func=BPRM_CHECK mask=MAY_EXEC\n"
    # the gate's own proof would have done it before
    r = boot(kernel, work, cmdline=ENFORCE + " systemd.wants=imagate-prewarm.service", config=conf(gate="preflight = off\n"),
             files={"etc/imagate/policy": policy}, script=SCRIPT)
    went_on(r, "admit", "none")
    check(r, r.value("result") == "success" and r.value("failed") is None, "a unit failed")
    found, mib, more = files_of(r.value("said"))
    check(r, found > 100 and mib > 10 and not more, "imagate-prewarm.service: %s" % r.value("said"))
    check(r, r.value("swapon-before") == "1" and r.value("sulogin-before") == "1", "not measured before they are used")
    check(r, r.value("nproc-before") == "0" and r.value("nproc-after") == "1", "the list does not tell what is run")
    check(r, r.value("swapon") == "0" and r.value("anew") == "0", "it was measured again")
    small, none, everything = (files_of(r.value(k)) for k in ("small", "none", "all"))
    check(r, 0 < small[0] < found and small[1] <= 2.0 and small[2] == "; ended by --mib", "--mib does not hold")
    check(r, none == (0, 0.0, "; ended by --seconds"), "--seconds does not hold")
    check(r, everything[0] >= found, "not all the next time")
    return r


CASES = [("prewarm-boot", prewarm, ("6.12.",))]
