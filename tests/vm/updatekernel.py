"""A kernel update and another command line under Debian's own boot chain: foreseen by the hook, booted with no hand."""

import re

import machine as m
from gate import KERNEL_STATE, check
from golden import conf
from recovery import SEAL_FILE, recover
from shimbox import ShimBox
from update import MOUNT, PCRS, SLOTS, no_hand, pcrs

STRICT = conf(recovery="ask = yes", tpm="pcrs = sha256:0,2,4,7,8,9\n")
# what dpkg's trigger would do with the scripts of grub-common and imagate: the golden machine has them without labels
LABEL = """
find /etc/grub.d /etc/kernel -type f | imagate upgraded --files-from -; echo "label-rc=$?"
imagate bless; echo "bless-rc=$?"
"""
# as Debian's postinst.d does: grub-mkconfig, and we come last
KERNEL = """
mv /var/new/vmlinuz-%(v)s /boot/; mv /var/new/initrd.img-%(v)s /boot/
grub-mkconfig -o /boot/grub/grub.cfg >/run/mkconfig 2>&1; echo "mkconfig-rc=$?"
/etc/kernel/postinst.d/zzz-imagate %(v)s >/run/hook 2>&1; echo "hook-rc=$?"
"""
WORD = "audit_backlog_limit=8192"
LINE = """
imagate bless; echo "bless-rc=$?"
""" + SLOTS + """
sed -i '/^GRUB_CMDLINE_LINUX=/s/"$/ %s"/' /etc/default/grub
grub-mkconfig -o /boot/grub/grub.cfg >/run/mkconfig 2>&1; echo "mkconfig-rc=$?"
/usr/lib/imagate/hook boot >/run/hook 2>&1; echo "hook-rc=$?"
""" % WORD
TOLD = """
echo "--- hook"; cat /run/hook; journalctl -b -q --no-pager -o cat -u imagate-boot.service; echo "--- end"
[ -e /run/motd.d/60-imagate-boot ]; echo "motd-rc=$?"
""" + SEAL_FILE
SHOW = 'echo "release=$(uname -r)"; echo "cmdline=$(cat /proc/cmdline)"\n'


def foretold(r):
    """{PCR: value} of the newest slot."""
    values = re.findall(r"^Pcr-Values: (.*)$", r.block("seal"), re.M)
    check(r, len(values) == 2, "not one slot more, with its values")
    return {int(n): v.upper() for n, v in re.findall(r"(\d+)=([0-9a-f]+)", values[-1])}


def came_true(r, told):
    now = {n: v for (bank, n), v in pcrs(r).items() if bank == "sha256"}
    check(r, set(told) == {0, 2, 4, 7, 8, 9}, "not all PCRs were foretold")
    wrong = {n: (told[n], now[n]) for n in told if told[n] != now[n]}
    check(r, not wrong, "foretold and measured: %s" % wrong)


def update(r, text, moved):
    check(r, r.value("mkconfig-rc") == "0" and r.value("hook-rc") == "0", "the update failed")
    check(r, r.value("motd-rc") == "1", text + ": not foreseen")
    told = foretold(r)
    now = {n: v for (bank, n), v in pcrs(r).items() if bank == "sha256"}
    check(r, {n for n in told if told[n] != now[n]} == moved, text + ": other PCRs move")
    return told


def kernel_update(kernel, work):
    """Debian's shim, GRUB and kernels under Secure Boot, strict binding: 6.12 after 6.1, then another command line, by the hooks alone"""
    later = m.kernel_like("6.12.")
    box = ShimBox(kernel, work, STRICT, later)
    r = box.boot(KERNEL_STATE + MOUNT + recover(box) + LABEL + PCRS, answers=[("recovery key:", box.recovery + "\n")], timeout=600)
    check(r, r.value("recover-rc") == "0" and r.value("label-rc") == "0" and r.value("bless-rc") == "0", "recover, labels or bless failed")
    r = box.boot(KERNEL_STATE + MOUNT + SHOW + KERNEL % {"v": later} + TOLD + PCRS, timeout=600)
    no_hand(r, "what was sealed to gets no key")
    check(r, r.value("release") == kernel, "another kernel runs")
    told = update(r, "kernel", {4, 8, 9})
    r = box.boot(KERNEL_STATE + MOUNT + SHOW + LINE + TOLD + PCRS, timeout=600)
    came_true(r, told)
    no_hand(r, "the kernel that was foreseen gets no key")
    check(r, r.value("release") == later, "the update is not what runs")
    check(r, r.value("bless-rc") == "0" and r.value("slots") == "1", "what was replaced is still in the seal")
    told = update(r, "command line", {8, 9})
    r = box.boot(KERNEL_STATE + SHOW + PCRS, timeout=600)
    came_true(r, told)
    no_hand(r, "the command line that was foreseen gets no key")
    check(r, WORD in r.value("cmdline"), "the word is not on the command line")
    return r


CASES = [("update-kernel", kernel_update, ("6.1.",))]
