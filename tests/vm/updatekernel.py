"""A kernel update and another command line under Debian's own boot chain: foreseen by the hook, booted with no hand."""

import json
import re

import machine as m
from common import KERNEL_STATE, check, record
from golden import conf
from recovery import SEAL_FILE, recover
from grubbox import GrubBox
from shimbox import ShimBox
from update import MOUNT, PCRS, RESEAL, SLOTS, no_hand, pcrs

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
echo "--- json"; imagate reseal --next --dry-run --json; echo "--- end"; echo "--- show"; imagate reseal --show --json; echo "--- end"
echo "--- hook"; cat /run/hook; journalctl -b -q --no-pager -o cat -u imagate-boot.service; echo "--- end"
[ -e /run/motd.d/60-imagate-boot ]; echo "motd-rc=$?"
""" + SEAL_FILE
SHOW = 'echo "release=$(uname -r)"; echo "cmdline=$(cat /proc/cmdline)"\n'


def foretold(r):
    """{PCR: value} of the newest slot."""
    values = re.findall(r"^Pcr-Values: (.*)$", r.block("seal"), re.M)
    check(r, len(values) == 2, "not one slot more, with its values")
    shown = json.loads(r.block("show"))["slots"]
    check(r, [s["fits"] for s in shown] == [True, False] and shown[1]["kind"] == "approved", "--show --json")
    check(r, shown[1]["values"] == dict(re.findall(r"(\d+)=([0-9a-f]+)", values[1])), "--show --json has other values")
    told = json.loads(r.block("json"))
    check(r, set(told["values"]) == {"sha1", "sha256", "sha384"} and told["values"]["sha256"] == shown[1]["values"], "--next --json")
    return {(bank, int(n)): v.upper() for bank, values in told["values"].items() for n, v in values.items()}


def came_true(r, told):
    now = pcrs(r)
    check(r, {n for _, n in told} == {0, 2, 4, 7, 8, 9}, "not all PCRs were foretold")
    wrong = {k: (told[k], now[k]) for k in told if told[k] != now[k]}
    check(r, not wrong, "foretold and measured: %s" % wrong)


def update(r, text, moved):
    check(r, r.value("mkconfig-rc") == "0" and r.value("hook-rc") == "0", "the update failed")
    check(r, r.value("motd-rc") == "1", text + ": not foreseen")
    told, now = foretold(r), pcrs(r)
    check(r, {n for bank, n in told if told[bank, n] != now[bank, n]} == moved, text + ": other PCRs move")
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


class EfiBox(GrubBox):
    """Without Secure Boot, where Debian's GRUB hands an event log over by linuxefi alone: so it is in its grub.cfg."""

    def __init__(self, *args):
        super().__init__(*args)
        self.write("/boot/grub/grub.cfg", re.sub(r"^(\s*(?:linux|initrd))\t", r"\1efi\t", self.setup.block("grubcfg"), flags=re.M))


MKCONFIG = """
sed -i '/^GRUB_CMDLINE_LINUX=/s/"$/ %s"/' /etc/default/grub
grub-mkconfig 2>/run/mkconfig | sed 's/^\\(\\s*linux\\)\\t/\\1efi\\t/; s/^\\(\\s*initrd\\)\\t/\\1efi\\t/' >/run/grub.cfg; echo "mkconfig-rc=${PIPESTATUS[0]}"
cp /run/grub.cfg /boot/grub/grub.cfg
""" % WORD
NEWEST = """echo "--- newest"; grep ^Slot: /etc/imagate/seal.pem; grep ^Pcr-Values: /etc/imagate/seal.pem | tail -n 1; echo "--- end"
"""


def newest(r):
    return {("sha256", int(n)): v.upper() for n, v in re.findall(r"(\d+)=([0-9a-f]+)", r.block("newest").splitlines()[-1])}


def stages(kernel, work):
    """strict binding: the next stage's entry is foreseen with no recovery key, and an update serves each stage that has a slot"""
    box = EfiBox(kernel, work, conf(stage="audit", tpm="pcrs = sha256:0,2,4,7,8,9\n"))
    box.grubenv(imagate_stage="audit")
    r = box.boot(KERNEL_STATE + MOUNT + "echo %s | imagate recover; echo recover-rc=$?\n" % box.recovery, timeout=600)
    check(r, r.value("recover-rc") == "0", "recover failed")
    r = box.boot(KERNEL_STATE + MOUNT + LABEL + "imagate stage set enforce\n" + RESEAL % {"n": "raise"} + NEWEST + PCRS, timeout=600)
    no_hand(r, "the slot for audit gets no key")
    check(r, r.value("label-rc") == "0" and r.value("bless-rc") == "0", "labels or bless failed")
    check(r, r.value("raise-rc") == "0" and "stage=enforce" in r.block("newest"), "the next stage is not foreseen")
    told = newest(r)
    r = box.boot(KERNEL_STATE + MOUNT + MKCONFIG + RESEAL % {"n": "both"} + NEWEST + "imagate stage set audit\n" + PCRS, timeout=600)
    came_true(r, told)
    no_hand(r, "the stage that was foreseen gets no key")
    check(r, record(r)["stage"] == "enforce", "not in enforce")
    check(r, r.value("mkconfig-rc") == "0", "grub-mkconfig failed")
    check(r, r.value("both-rc") == "0" and "the kernel command line changes" in r.block("both") and "for stage audit: one slot more" in r.block("both"), "the other stage's entry is not foreseen")
    told = newest(r)
    r = box.boot(KERNEL_STATE + SHOW + PCRS, timeout=600)
    came_true(r, told)
    no_hand(r, "the other stage's slot gets no key")
    check(r, record(r)["stage"] == "audit" and WORD in r.value("cmdline"), "not what was foreseen")
    return r


CASES = [("update-kernel", kernel_update, ("6.1.",)), ("update-stages", stages, ("6.12.",))]
