"""Attacks on a machine that boots by OVMF and GRUB: its environment block edited offline, and what the TPM itself refuses under
strict binding, whoever asks it."""

import os
import re

from attack import ATTACK, in_initramfs, nothing_to_have, tool
from common import HOST_UP, KERNEL_STATE, check, initrd_unit, record, stopped, went_on
from golden import conf
from grubbox import GrubBox
from recovery import SEAL_FILE

# what the rescue shell allows to who has the recovery key, as a script
RECOVER_THERE = """mount -o remount,rw /sysroot
echo %s | imagate recover %s --root /sysroot; echo "recover-rc=$?"
echo "--- seal"; cat /sysroot/etc/imagate/seal.pem; echo "--- end"
mount -o remount,ro /sysroot
"""
ON_ROOT = "/sysroot/etc/imagate/seal.pem"


def env_is(box, text, cause, **words):
    """The block edited offline; as if all automatic reboots had been used up, so that there is a shell to look from."""
    box.grubenv(**words)
    box.write("/etc/imagate/reboots", "99\n")
    nothing_to_have(box.boot(in_initramfs(ON_ROOT)), text, cause)


def grubenv(kernel, work):
    """GRUB's environment block edited offline: fix, once, a trial of fix, a menu entry: no key; junk in it changes nothing"""
    box = GrubBox(kernel, work, conf())
    box.initramfs_is(conf(), more=tool())
    r = box.boot(KERNEL_STATE + RECOVER_THERE % (box.recovery, "--floor enforce"))
    stopped(r, "key-refused")
    check(r, r.value("recover-rc") == "0", "recover failed")
    env_is(box, "stage", "below-floor", imagate_stage="fix")
    env_is(box, "once", "below-floor", imagate_stage="enforce", imagate_once="fix")
    env_is(box, "trial", "below-floor", imagate_stage="audit", imagate_trial="fix", imagate_tries=9, imagate_blessed=9)
    env_is(box, "menu", "below-floor", imagate_stage="enforce",
           next_entry="imagate: another stage, this boot only>imagate: fix (labels get written)")
    # words that are none, and an attacker's kernel line
    box.grubenv(imagate_stage="fix ima_appraise=fix init=/bin/sh", imagate_trial="off", imagate_tries="many",
                imagate_args="init=/bin/sh", imagate_now="fix", imagate_try="1")
    r = box.boot(KERNEL_STATE + "echo \"cmdline=$(cat /proc/cmdline)\"\n")
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and record(r)["stage"] == "enforce", "the junk was believed")
    check(r, "init=" not in r.value("cmdline") and "fix" not in r.value("cmdline"), "words of the block are on the command line")
    box.write("/boot/grub/grubenv", os.urandom(1024))
    r = box.boot(KERNEL_STATE)
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and record(r)["stage"] == "enforce", "a damaged block changes the stage")
    return r


STRICT = conf(stage="fix", tpm="pcrs = sha256:0,2,4,7,8,9\n")
# before the gate, with the door open: what the TPM gives to whoever runs in this boot
PROBE_UNIT = """[Unit]
DefaultDependencies=no
Before=imagate-gate.service systemd-fsck-root.service sysroot.mount
After=systemd-journald.socket systemd-udevd.service
[Service]
Type=oneshot
StandardOutput=journal+console
ExecStart=/bin/sh -c 'while ! [ -e /dev/tpmrm0 ] || ! [ -b /dev/vda ]; do :; done; mkdir -p /probe; mount -t ext4 -o ro /dev/vda /probe; %s /probe/etc/imagate/seal.pem; umount /probe'
""" % ATTACK


def probe():
    return dict(tool(), **initrd_unit("probe.service", PROBE_UNIT))


def slots(r):
    """What the TPM answered before the gate ran, slot by slot."""
    return re.findall(r"slot \d: (\w+)", r.console)


def refused(r, text, cause="key-refused", answer="refused"):
    """Of a slot for other PCRs the TPM says so before it looks for the counter."""
    check(r, answer in slots(r) and set(slots(r)) <= {answer, "refused"}, text + ": the TPM gives the key, or was not asked")
    nothing_to_have(r, text, cause, answer)


def strict(kernel, work):
    """strict binding, OVMF and GRUB: the TPM itself refuses another word, stage, init, initramfs, an old seal, a masked gate"""
    box = GrubBox(kernel, work, STRICT)
    box.initramfs_is(STRICT, more=probe())
    with open(os.path.join(work, "initrd"), "rb") as f:
        initramfs = f.read()
    r = box.boot(KERNEL_STATE + "echo %s | imagate recover; echo recover-rc=$?\nimagate stage set enforce\n" % box.recovery + SEAL_FILE)
    check(r, r.value("recover-rc") == "0" and "stage=fix" in r.block("seal"), "no strict slot for fix")
    check(r, "Binding: strict. The TPM itself refuses the key" in r.agent and "imagate recover --add" in r.agent, "recover: binding")
    check(r, "has no slot for enforce" in r.agent, "stage set does not say that the next boot gets no key")
    r = box.boot(KERNEL_STATE + RECOVER_THERE % (box.recovery, "--add"))
    stopped(r, "key-refused")
    check(r, r.value("recover-rc") == "0" and "stage=enforce" in r.block("seal"), "no slot for enforce")
    r = box.boot(KERNEL_STATE + ATTACK + " /etc/imagate/seal.pem\nimagate status\nimagate stage floor enforce; echo floor-rc=$?\n" + SEAL_FILE)
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and record(r)["authority"] == "none", "the slot for enforce does not unseal")
    check(r, slots(r) == ["refused", "ok"], "the probe does not see what the TPM gives")
    check(r, re.search(r"^boot-chain +yes bound to sha256:0,2,4,7,8,9: under GRUB another command line or initramfs gets no key",
                       r.agent, re.M), "status does not say that the binding is strict")
    after = re.findall(r"^slot \d: (.*)$", r.agent, re.M)
    check(r, len(after) == 2 and all(s.startswith("refused") for s in after) and "door" in after[1], "root can unseal after the boot")
    check(r, r.value("floor-rc") == "0", "the floor was not asked for")
    old = r.block("seal")
    r = box.boot(KERNEL_STATE + SEAL_FILE)
    went_on(r, "admit", "none")
    check(r, record(r)["step.ratchet"] == "ok" and record(r)["floor"] == "enforce", "the floor was not raised")
    seal = r.block("seal")
    cfg, env = box.read("/boot/grub/grub.cfg"), box.read("/boot/grub/grubenv")
    # words that the gate itself does not mind: the TPM does. The second has the kernel speak all the same
    box.edit_grub("quiet loglevel=7")
    r = box.boot(in_initramfs(ON_ROOT))
    refused(r, "quiet")
    check(r, "0x99d" in r.console or "the PCRs are not those that were sealed to" in r.console, "nobody says why")
    box.edit_grub("init=/bin/sh")
    r = box.boot(in_initramfs(ON_ROOT))
    refused(r, "init=/bin/sh", record(r).get("cause"))
    check(r, record(r).get("cause") in ("cmdline", "key-refused"), "init=/bin/sh is not the cause")
    box.edit_grub("rd.systemd.mask=imagate-gate.service")
    r = box.boot(KERNEL_STATE)
    check(r, slots(r) and set(slots(r)) == {"refused"}, "the gate masked: the TPM gives the key, or was not asked")
    check(r, not record(r) and r.value("where") == "initramfs" and HOST_UP not in r.console, "the gate masked: the boot went on")
    box.write("/boot/grub/grub.cfg", cfg)
    box.grubenv(imagate_stage="fix")
    refused(box.boot(in_initramfs(ON_ROOT)), "GRUB's block edited to fix", "below-floor")
    box.write("/boot/grub/grubenv", env)
    box.write("/etc/imagate/seal.pem", old)
    r = box.boot(in_initramfs(ON_ROOT))
    refused(r, "an old seal put back")
    check(r, "superseded" in r.console, "nobody says that the seal is old")
    box.write("/etc/imagate/seal.pem", seal)
    box.initramfs_is(STRICT, more=dict(probe(), **{"evil": "appended"}))
    refused(box.boot(in_initramfs(ON_ROOT)), "an initramfs appended to")
    box.write("/boot/initrd.img-" + kernel, initramfs)
    own = box.tpm
    box.new_tpm()
    # there the counter is not to be found
    refused(box.boot(in_initramfs(ON_ROOT)), "the disk in another machine", answer="absent")
    box.tpm = own
    r = box.boot(KERNEL_STATE)
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "the machine's own boot suffered")
    return r


NEW = ("6.12.",)
CASES = [("attack-strict", strict, NEW), ("attack-grubenv", grubenv, NEW)]
