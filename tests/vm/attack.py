"""Attacks on a machine whose floor is enforce: with the GRUB prompt, with the disk, with root. Each must fail, and say so."""

import os
import re
import shutil
import subprocess

import machine as m
from box import Box
from gate import ENFORCE, HOST_UP, KERNEL_STATE, RECORD, check, initrd_unit, record, stopped, went_on
from golden import conf
from grubbox import GrubBox, put as put_file
from power import FLOOR
from recovery import SEAL_FILE

ATTACK = "/usr/lib/imagate/unseal-attack"


def hardened(kernel, work):
    """Its floor raised the way a proven trial does it; the new seal is in the initramfs."""
    box = Box(kernel, work)
    r = box.boot(FLOOR)
    check(r, r.value("floor-rc") == "0", "the floor was not asked for")
    r = box.boot(KERNEL_STATE + SEAL_FILE)
    went_on(r, "admit", "none")
    check(r, record(r)["floor"] == "enforce" and record(r)["step.ratchet"] == "ok", "the floor was not raised")
    box.old_seal, box.seal = box.seal, r.block("seal")
    return box


def tool():
    files = m.program(ATTACK)
    files.update(m.program("/usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0"))
    return files


# what the boot that an attacker made says, from whatever shell he has
IN_INITRAMFS = RECORD + """
echo "evm=$(cat /sys/kernel/security/integrity/evm/evm)"
[ -e /etc/initrd-release ] && echo where=initramfs || echo where=host
%s /etc/imagate/seal.pem
""" % ATTACK


def nothing_to_have(r, text):
    check(r, r.value("where") == "initramfs" and HOST_UP not in r.console, text + ": the real root was started")
    check(r, r.value("evm") == "0", text + ": EVM has the key")
    slots = re.findall(r"^slot \d: (.*)$", r.agent, re.M)
    check(r, slots and all(s.startswith("refused") for s in slots), text + ": the key can be unsealed")


EDITS = [
    ("imagate.stage=fix ima_appraise=fix", "below-floor"),
    ("imagate.stage=off ima_appraise=off", "below-floor"),
    (ENFORCE + "evm=fix", "evm-fix"),
    (ENFORCE + "init=/bin/sh", "cmdline"),
    (ENFORCE + "systemd.debug-shell", "cmdline"),
]
MORE_EDITS = [
    ("imagate.stage=audit ima_appraise=log", "below-floor"),
    (ENFORCE + "rd.break", "cmdline"),
    (ENFORCE + "some.new_word=1", "cmdline"),
    ("ima_appraise=off", "appraise-mode"),
]


def edit(kernel, work):
    """GRUB edited: fix, off, evm=fix, init=, debug-shell (LONG: audit, rd.break, an unknown word): no key, and the cause is told"""
    box = hardened(kernel, work)
    for line, cause in EDITS + (MORE_EDITS if os.environ.get("LONG") else []):
        r = box.boot(IN_INITRAMFS, cmdline=line, files=tool())
        check(r, record(r).get("cause") == cause, "%s: the cause is not %s" % (line, cause))
        nothing_to_have(r, line)
    r = box.boot()
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "the machine's own boot suffered")
    return r


def masked(kernel, work):
    """the gate masked: no switch_root, no shell without the recovery key, and the key out of reach in the shell"""
    box = hardened(kernel, work)
    for line in ("rd.systemd.mask=imagate-gate.service", "systemd.mask=imagate-gate.service"):
        files = tool()
        files["usr/lib/systemd/system/emergency.target.d/agent.conf"] = "[Unit]\n"
        r = box.boot(cmdline=ENFORCE + line + " rd.timeout=5", files=files, timeout=120,
                     answers=[(r"type the recovery key[\s\S]*recovery key:", box.recovery + "\n"),
                              (r"Leaving the shell reboots[\s\S]*# ", ATTACK + " /etc/imagate/seal.pem; exit\n")],
                     until=lambda t: HOST_UP in t)
        check(r, HOST_UP not in r.console, "the real root was started")
        check(r, "slot 0: ok" not in r.console, "the key can be unsealed")
        if "systemd.mask=" == line[:13]:
            continue
        check(r, re.search(r"slot 0: refused .*door", r.console), "the door is not closed")
    return r


def offline(kernel, work):
    """the disk offline: an old seal back, the floor in the seal's lines edited, another's seal, the counter deleted and made anew"""
    box = hardened(kernel, work)
    # the old seal in the initramfs, the new one gone from the root
    r = box.boot(KERNEL_STATE + "mv /etc/imagate/seal.pem /root/seal; sync\n")
    went_on(r, "admit", "none")
    r = box.boot(seal=box.old_seal)
    stopped(r, "key-refused")
    check(r, "superseded" in r.console, "nobody says that the seal is old")
    # what the lines say is only a hint
    r = box.boot(cmdline="imagate.stage=fix ima_appraise=fix", seal=box.seal.replace("floor=enforce", "floor=fix"))
    check(r, record(r)["cause"] == "below-floor" and record(r)["floor"] == "enforce", "the edited floor was believed")
    check(r, r.value("where") == "initramfs" and r.value("evm") == "0", "the boot went on")
    # a seal of somebody else for the same TPM and PCRs: other master key, own recovery key
    r = box.boot(KERNEL_STATE + "imagate seal --output /root/mine.pem >/dev/null; echo rc=$?\n"
                 'echo "--- mine"; cat /root/mine.pem; echo "--- end"\n')
    mine = r.block("mine")
    check(r, r.value("rc") == "0", "the attacker could not even seal")
    key_id = re.search(r"Key-Id: .*", box.seal).group(0)
    r = box.boot(seal=re.sub(r"Key-Id: .*", key_id, mine))
    stopped(r, "key-refused")
    check(r, "somebody else" in r.console, "another's key was believed")
    # with the machine's own seal on the root, the planted one does no harm
    box.boot(KERNEL_STATE + "mv /root/seal /etc/imagate/seal.pem; sync\n", cmdline="imagate.stage=off ima_appraise=off",
             config="[gate]\nstage = off\n[recovery]\nkey-refused = degrade\n")
    r = box.boot(seal=re.sub(r"Key-Id: .*", key_id, mine))
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and record(r)["floor"] == "enforce", "the machine's own seal was not taken")
    # the counter deleted: the key is lost to the TPM, nobody gains anything
    index = "tpm2_getcap handles-nv-index | sed 's/- //' | while read i; do case $i in 0x181*) tpm2_nvundefine $i;; esac; done\n"
    r = box.boot(KERNEL_STATE + index + "imagate seal --output /root/new.pem >/dev/null; echo rc=$?\n")
    check(r, r.value("rc") == "0", "no counter was made anew")
    r = box.boot()
    stopped(r, "key-refused")
    return r


def cloned(kernel, work):
    """the disk in another machine: no key without the recovery key"""
    box = hardened(kernel, work)
    box.new_tpm()
    r = box.boot()
    stopped(r, "key-refused")
    check(r, "or it is another TPM" in r.console, "nobody says why")
    return r


def swapped_root(kernel, work):
    """the root swapped for the attacker's own with the same label and UUID: init is not started"""
    box = hardened(kernel, work)
    raw, theirs = os.path.join(work, "ours.raw"), os.path.join(work, "theirs.raw")
    m.sh("qemu-img", "convert", "-O", "raw", box.disk, raw)
    uuid = re.search(r"UUID:\s+(\S+)", m.sh("dumpe2fs", "-h", raw)).group(1)
    os.unlink(raw)
    shutil.copy(os.path.join(m.CACHE, "disk.raw"), theirs)
    subprocess.run(["tune2fs", "-f", "-U", uuid, theirs], check=True, stdout=subprocess.DEVNULL, input=b"y\n")
    box.disk = theirs
    r = box.boot()
    check(r, record(r)["cause"] == "preflight" and r.value("where") == "initramfs", "not stopped")
    check(r, HOST_UP not in r.console, "the attacker's init was started")
    # another UUID: not even the key is used
    subprocess.run(["tune2fs", "-f", "-U", "random", theirs], check=True, stdout=subprocess.DEVNULL, input=b"y\n")
    r = box.boot()
    check(r, record(r)["cause"] == "root" and r.value("evm") == "0" and r.value("where") == "initramfs", "another root got the key")
    return r


STRICT = "pcrs = sha256:0,2,4,7,8,9\n"
# instead of the gate, before the door is closed
TOOL_UNIT = """[Unit]
DefaultDependencies=no
Before=imagate-gate.service
After=systemd-journald.socket systemd-udevd.service
[Service]
Type=oneshot
StandardOutput=journal+console
ExecStart=/bin/sh -c 'while ! [ -e /dev/tpmrm0 ]; do :; done; %s /etc/imagate/seal.pem'
""" % ATTACK


def strict(kernel, work):
    """strict binding, OVMF and GRUB: one slot a stage; the gate masked or the initramfs replaced, and the TPM refuses"""
    text = conf(stage="fix", recovery="ask = yes", tpm=STRICT)
    quiet = conf(stage="fix", tpm=STRICT)
    box = GrubBox(kernel, work, text)
    put = ("echo %s | imagate recover %%s; echo recover-rc=$?\n" % box.recovery)
    r = box.boot(KERNEL_STATE + put % "" + "imagate stage set enforce\n" + SEAL_FILE)
    check(r, r.value("recover-rc") == "0" and "stage=fix" in r.block("seal"), "no strict slot for fix")
    check(r, "Binding: strict. The TPM itself refuses the key" in r.agent and "imagate recover --add" in r.agent, "recover: binding")
    r = box.boot(KERNEL_STATE + put % "--add" + SEAL_FILE, answers=[("recovery key:", box.recovery + "\n")])
    went_on(r, "admit", "none")
    check(r, record(r)["authority"] == "recovery-key", "another command line got the key without the recovery key")
    check(r, r.value("recover-rc") == "0" and "stage=enforce" in r.block("seal"), "no slot for enforce")
    seal = r.block("seal")
    r = box.boot(KERNEL_STATE + "imagate status\n")
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and record(r)["authority"] == "none", "the slot for enforce does not unseal")
    check(r, re.search(r"^boot-chain +yes bound to sha256:0,2,4,7,8,9: under GRUB another command line or initramfs gets no key",
                       r.agent, re.M), "status does not say that the binding is strict")
    # an initramfs of the attacker's: the tool runs where nothing has closed the door
    evil = dict(tool(), **initrd_unit("tool.service", TOOL_UNIT))
    evil["etc/imagate/seal.pem"] = seal
    good = open(os.path.join(box.work, "initrd"), "rb").read()
    box.initramfs_is(quiet, seal, evil)
    r = box.boot(IN_INITRAMFS)
    check(r, re.search(r"slot \d: refused", r.console) and "slot 0: ok" not in r.console and "slot 1: ok" not in r.console,
          "another initramfs has the key")
    check(r, record(r).get("cause") == "key-refused" and HOST_UP not in r.console, "the boot went on")
    # the right initramfs again, and a word on the command line
    with open(os.path.join(box.work, "initrd"), "wb") as f:
        f.write(good)
    put_file(box.disk, "/boot/initrd.img-" + kernel, os.path.join(box.work, "initrd"))
    box.edit_grub("rd.systemd.mask=imagate-gate.service")
    r = box.boot(KERNEL_STATE, timeout=120, until=lambda t: HOST_UP in t, answers=[
        (r"type the recovery key[\s\S]*recovery key:", box.recovery + "\n")])
    check(r, HOST_UP not in r.console and "ADMITTED" not in r.console, "the masked gate let the boot go on")
    return r


NEW = ("6.12.",)
CASES = [
    ("attack-edit", edit, NEW), ("attack-masked", masked, NEW), ("attack-offline", offline, NEW), ("attack-cloned", cloned, NEW), ("attack-strict", strict, NEW),
    ("attack-swapped-root", swapped_root, NEW),
]
