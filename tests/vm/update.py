"""An update of what the machine boots, foreseen: 'imagate reseal --next' before the reboot, and no hand after it."""

import re

from box import Box
from common import KERNEL_STATE, check, record, went_on
from golden import conf
from loaderbox import LoaderBox
from recovery import SEAL_FILE, moved, recover

PCRS = 'echo "--- pcrs"; grep -H . /sys/class/tpm/tpm0/pcr-*/*; echo "--- end"\n'
SLOTS = 'echo "slots=$(grep -c ^Slot: /etc/imagate/seal.pem)"\n'
RESEAL = """
imagate reseal --next >/run/%(n)s 2>&1; echo "%(n)s-rc=$?"
echo "--- %(n)s"; cat /run/%(n)s; echo "--- end"
"""
MOUNT = """
modprobe -a nvme vfat nls_cp437 nls_ascii; udevadm wait --timeout=120 /dev/nvme0n1; echo "nvme-rc=$?"
mkdir -p /boot/efi; mount -t vfat /dev/nvme0n1 /boot/efi; echo "mount-rc=$?"
mountpoint -q /sys/firmware/efi/efivars || mount -t efivarfs efivarfs /sys/firmware/efi/efivars; echo "efivars-rc=$?"
"""
UPDATE = """
head -c %d /dev/vdc >/boot/efi/EFI/BOOT/BOOTX64.EFI; sync; echo "update-rc=$?"
"""


MEASURED = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14)  # that the system itself extends no more: not 10, 11


def pcrs(r):
    """{(bank, number): value}, as the kernel reads them from the TPM, of those that the system itself does not extend."""
    found = {(bank, int(n)): v for bank, n, v in re.findall(r"pcr-(\w+)/(\d+):([0-9A-F]+)", r.block("pcrs")) if int(n) in MEASURED}
    check(r, found, "the kernel shows no PCRs")
    return found


def pcrs_moved(a, b):
    """Which PCRs do between two boots."""
    a, b = pcrs(a), pcrs(b)
    return {n for bank, n in a if a[bank, n] != b[bank, n]}


def no_hand(r, text):
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and record(r)["authority"] == "none" and record(r)["step.unseal"] == "ok", text)


def sealed(kernel, work):
    """The machine behind its first GRUB, sealed there."""
    box = LoaderBox(kernel, work)
    r = box.boot(KERNEL_STATE + recover(box), answers=[("recovery key:", box.recovery + "\n")])
    check(r, r.value("recover-rc") == "0", "recover failed")
    return box


CHANGED = r"PCR 4: the EFI program /EFI/BOOT/BOOTX64\.EFI changed \(firmware\)"
SAYS_WHY = KERNEL_STATE + """
echo "--- status"; imagate status; echo "--- end"
echo "--- explain"; imagate explain; echo "--- end"
"""


def chain(kernel, work):
    """OVMF and GRUB: sealed there, admitted there; with another GRUB the key is refused, and console and status say what changed"""
    box = sealed(kernel, work)
    r = box.boot(KERNEL_STATE)
    no_hand(r, "the same chain does not get the key")
    check(r, record(r).get("refused") is None, "a boot that was not refused says why it was")
    box.put_loader(box.second)
    r = box.boot(SAYS_WHY, answers=[("recovery key:", box.recovery + "\n")])
    went_on(r, "admit", "none")
    rec = record(r)
    check(r, rec.get("authority") == "recovery-key" and rec.get("changed-pcrs") == "000010", "another GRUB got the key, or more differs")
    before = r.console.split("Type the recovery key")[0]
    for says, text in (("the console", before), ("status", r.block("status")), ("explain", r.block("explain"))):
        check(r, re.search(CHANGED, text) and "If you updated the boot loader (GRUB, shim) or the kernel: type the recovery key, then run "
              "'imagate recover'" in text, says + " does not say what changed and what to do")
    return r


def updated(kernel, work):
    """The machine in the blessed first boot of another GRUB, that boot, and the seal from before it."""
    box = sealed(kernel, work)
    r = box.boot(KERNEL_STATE + PCRS + MOUNT + RESEAL % {"n": "idle"} + UPDATE % box.size + RESEAL % {"n": "next"} + RESEAL % {"n": "again"} + SLOTS + SEAL_FILE +
                 "umount /boot/efi\n")
    no_hand(r, "what was sealed to gets no key")
    check(r, r.value("mount-rc") == "0" and r.value("efivars-rc") == "0" and r.value("update-rc") == "0", "the ESP could not be written")
    check(r, r.value("idle-rc") == "0" and "nothing to do: the next boot has the PCRs of this one" in r.block("idle"), "nothing had changed")
    check(r, r.value("next-rc") == "0" and "PCR 4: /EFI/BOOT/BOOTX64.EFI changed" in r.block("next"), "not foreseen")
    check(r, r.value("again-rc") == "0" and "opens for these values already" in r.block("again"), "twice is not once")
    check(r, r.value("slots") == "2", "not one slot more")
    before = r
    r = box.boot(KERNEL_STATE + PCRS + 'imagate bless; echo "bless-rc=$?"\n' + SLOTS + "grep ^Floor: /etc/imagate/request | sed s/^/asked-/\n")
    no_hand(r, "the update that was foreseen gets no key")
    check(r, pcrs_moved(before, r) == {4}, "another GRUB moves other PCRs than 4, or none")
    check(r, r.value("bless-rc") == "0" and r.value("slots") == "1", "what was replaced is still in the seal")
    check(r, "asked-Floor: fix" in r.agent, "the next boot is not asked to end copies of what was replaced")
    return box, r, before.block("seal")


def loader(kernel, work):
    """OVMF and GRUB: another GRUB is foreseen, and booted with the key by itself; the good boot drops what it replaced"""
    return updated(kernel, work)[1]


PUT_SEAL = "cat >/etc/imagate/seal.pem <<'END'\n%sEND\nsync\n"


def old_loader(kernel, work):
    """the loader and the seal from before an update put back, after the boot that followed the good one: they open nothing"""
    box, r, seal = updated(kernel, work)
    generation = int(record(r)["generation"])
    r = box.boot(KERNEL_STATE + PUT_SEAL % seal)
    no_hand(r, "the boot that counts up gets no key")
    check(r, record(r)["step.ratchet"] == "ok" and int(record(r)["generation"]) == generation + 1, "it was not counted up")
    box.put_loader(box.first)
    r = box.boot(KERNEL_STATE, answers=[("recovery key:", box.recovery + "\n")])
    rec = record(r)
    check(r, rec["authority"] == "recovery-key" and rec["generation"] == "0" and "superseded" in rec["why.unseal"], "the loader from before the update gets the key by the seal from before it")
    return r


def suspended(kernel, work):
    """suspend-once: another firmware state gets the key in the next boot, says so, and is what is sealed to from then on"""
    box = Box(kernel, work, conf())
    r = box.boot(KERNEL_STATE + 'imagate reseal --suspend-once >/run/s 2>&1; echo "suspend-rc=$?"\n' + SLOTS +
                 "journalctl -q -b | grep -c 'suspended the PCRs' | sed s/^/logged=/\n")
    check(r, r.value("suspend-rc") == "0" and r.value("slots") == "2", "it was not suspended")
    check(r, r.value("logged") == "1", "the journal does not say who")
    r = box.boot(files=moved(), script=KERNEL_STATE + SLOTS)
    no_hand(r, "the PCRs were not suspended")
    check(r, "the PCRs did not count in this boot" in r.console, "the console does not say so")
    generation = int(record(r)["generation"])
    r = box.boot(files=moved(), script=KERNEL_STATE)
    no_hand(r, "it was not sealed to what the boot was")
    check(r, "the PCRs did not count in this boot" not in r.console and int(record(r)["generation"]) == generation, "it was suspended once more")
    return r


NEW = ("6.12.",)
CASES = [("gate-chain", chain, NEW), ("update-grub", loader, NEW), ("update-suspended", suspended, NEW)]
LONG = [("attack-old-loader", old_loader, NEW)]
