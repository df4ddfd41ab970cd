"""Attacks on a machine whose floor is enforce: with the GRUB prompt, with the disk, with root. Each must fail, and say so."""

import os
import re
import shutil
import subprocess

import machine as m
from box import Box
from common import ENFORCE, HOST_UP, KERNEL_STATE, RECORD, STOP_ENTRY, boot, check, in_journal, record, stopped, went_on
from golden import LABEL_DIRS, conf, golden, lsm_for
from power import FLOOR
from recovery import SEAL_FILE, WRONG

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


def in_initramfs(seal="/etc/imagate/seal.pem"):
    """What the boot that an attacker made says, from whatever shell he has."""
    return RECORD + """
echo "evm=$(cat /sys/kernel/security/integrity/evm/evm)"
[ -e /etc/initrd-release ] && echo where=initramfs || echo where=host
%s %s
""" % (ATTACK, seal)


def nothing_to_have(r, text, cause, answer="refused"):
    check(r, record(r).get("cause", "undecided") == cause, "%s: the cause is not %s" % (text, cause))
    in_journal(r, cause)
    check(r, r.value("where") == "initramfs" and HOST_UP not in r.console, text + ": the real root was started")
    check(r, r.value("evm") == "0", text + ": EVM has the key")
    slots = re.findall(r"^slot \d: (.*)$", r.agent, re.M)
    check(r, slots and all(s.startswith((answer, "refused")) for s in slots), text + ": the key can be unsealed")


EDITS = [
    ("imagate.stage=fix ima_appraise=fix", "below-floor"),
    ("imagate.stage=off ima_appraise=off", "below-floor"),
    ("imagate.stage=audit ima_appraise=log", "below-floor"),
    ("ima_appraise=off", "appraise-mode"),
    (ENFORCE + "evm=fix", "evm-fix"),
    (ENFORCE + "init=/bin/sh", "cmdline"),
    (ENFORCE + "rd.break", "cmdline"),
    (ENFORCE + "systemd.debug-shell", "cmdline"),
    (ENFORCE + "some.new_word=1", "cmdline"),
    # a unit of the host's, by its own word: in the initramfs the gate runs, and sees it
    (ENFORCE + "systemd.mask=imagate-gate.service", "cmdline"),
]


def edit(kernel, work):
    """GRUB edited: fix, audit, off, evm=fix, init=, rd.break, debug-shell, a mask, an unknown word: no key, and the cause is told"""
    box = hardened(kernel, work)
    for line, cause in EDITS:
        nothing_to_have(box.boot(in_initramfs(), cmdline=line, files=tool()), line, cause)
    r = box.boot()
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "the machine's own boot suffered")
    return r


# typed in the rescue shell; the quotes keep its echo from looking like the answer
MASKED_SHELL = ("%s /etc/imagate/seal.pem; journalctl --sync; %s; [ -e /run/imagate/started ] || echo gate-\"never\"-ran; exit\n"
                % (ATTACK, STOP_ENTRY))


def masked(kernel, work):
    """the gate masked: no switch_root, no shell without the recovery key, and the key out of reach in the shell"""
    box = hardened(kernel, work)
    files = tool()
    files["usr/lib/systemd/system/emergency.target.d/agent.conf"] = "[Unit]\n"
    r = box.boot(cmdline=ENFORCE + "rd.systemd.mask=imagate-gate.service rd.timeout=5", files=files, timeout=120,
                 answers=[(r"type the recovery key[\s\S]*recovery key:", box.recovery + "\n"),
                          (r"Leaving the shell reboots[\s\S]*# ", MASKED_SHELL)],
                 until=lambda t: HOST_UP in t)
    check(r, HOST_UP not in r.console, "the real root was started")
    check(r, "gate-never-ran" in r.console, "the gate was not masked: nothing was tried")
    check(r, re.search(r"slot 0: refused .*door", r.console) and "slot 0: ok" not in r.console, "the door is not closed")
    check(r, "journal-cause=undecided" in r.console, "the journal says nothing")
    check(r, "imagate: the boot stopped before the gate had decided anything" in r.console, "nobody is told")
    return r


def door(kernel, work):
    """the door is closed where the initramfs holds no seal, and where the seal has another name; without imagate the key is there"""
    g = golden(kernel)
    dirs = [os.path.join(work, n) for n in ("plain", "no-seal", "other")]
    for d in dirs:
        os.mkdir(d)
    fix = "ima_appraise=fix imagate.stage=fix "
    try_it = "%s /etc/imagate/seal.pem\n" % ATTACK
    r = m.Machine(kernel, fix + lsm_for(kernel), disk=g.disk, tpm=g.tpm_copy(dirs[0]), script=try_it,
                  initramfs=os.path.join(m.CACHE, "initramfs-%s-plain.cpio" % kernel)).run()
    check(r, "slot 0: ok" in r.agent, "the attack does not even work without imagate")
    # as after 'imagate seal' without 'dracut -f'
    r = boot(kernel, dirs[1], cmdline=fix, seal=False, script=KERNEL_STATE + try_it)
    went_on(r, "degraded", "key-absent")
    check(r, re.search(r"slot 0: refused .*door", r.agent), "no seal in the initramfs, and root can unseal")
    other = "/etc/imagate/other.pem"
    files = dict(tool(), **{other.lstrip("/"): g.seal, "usr/lib/systemd/system/emergency.target.d/agent.conf": "[Unit]\n"})
    r = boot(kernel, dirs[2], cmdline="imagate.rescue", seal=False, files=files, answers=[
        (r"type the recovery key[\s\S]*recovery key:", WRONG + "\n"),
        (r"that was not the recovery key[\s\S]*recovery key:", g.recovery + "\n"),
        (r"Leaving the shell reboots[\s\S]*# ", "echo shell-\"open\"; %s %s; exit\n" % (ATTACK, other)),
    ], config=conf(recovery="ask = yes", key="seal = " + other))
    check(r, "shell-open" in r.console, "no shell for the recovery key")
    check(r, r.console.index("that was not the recovery key") < r.console.index("shell-open"), "a shell for the wrong key")
    check(r, re.search(r"slot 0: refused .*door", r.console), "a seal of another name, and the door is open")
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
    in_journal(r, "below-floor")
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


def labelled():
    """Programs and libraries that the golden machine labelled."""
    for top in LABEL_DIRS.split():
        for base, _, names in os.walk(os.path.join(m.CACHE, "root", top.lstrip("/"))):
            for n in names:
                path = os.path.join(base, n)
                if os.path.isfile(path) and not os.path.islink(path):
                    yield path[len(os.path.join(m.CACHE, "root")):]


def swapped_root(kernel, work):
    """the root swapped for the attacker's own with the same label and UUID: init is not started, with right hashes and junk HMACs neither"""
    box = hardened(kernel, work)
    raw, theirs = os.path.join(work, "ours.raw"), os.path.join(work, "theirs.raw")
    m.sh("qemu-img", "convert", "-O", "raw", box.disk, raw)
    subprocess.run(["e2fsck", "-fp", raw], stdout=subprocess.DEVNULL, check=False)  # 1: it replayed the journal
    uuid = re.search(r"UUID:\s+(\S+)", m.sh("dumpe2fs", "-h", raw)).group(1)
    shutil.copy(os.path.join(m.CACHE, "disk.raw"), theirs)
    subprocess.run(["tune2fs", "-f", "-U", uuid, theirs], check=True, stdout=subprocess.DEVNULL, input=b"y\n")
    box.disk = theirs
    r = box.boot()
    check(r, record(r)["cause"] == "preflight" and r.value("where") == "initramfs", "not stopped")
    check(r, HOST_UP not in r.console, "the attacker's init was started")
    in_journal(r, "preflight")
    # a copy of ours, its content as it is labelled; only the HMACs are not what the key makes of it
    with open(os.path.join(work, "junk"), "wb") as f:
        f.write(b"\x02" + bytes(range(20)))
    with open(os.path.join(work, "commands"), "w") as f:
        f.writelines("ea_set -f %s/junk %s security.evm\n" % (work, path) for path in labelled())
    m.sh("debugfs", "-w", "-f", os.path.join(work, "commands"), raw)
    box.disk = raw
    r = box.boot()
    check(r, record(r)["cause"] == "preflight" and r.value("where") == "initramfs" and HOST_UP not in r.console, "not stopped")
    in_journal(r, "preflight")
    check(r, r.value("evm") == "1" and record(r)["step.proof"] == "refused", "it was not the kernel's proof that stopped it")
    check(r, "/usr/lib/systemd/systemd: invalid-HMAC" in r.console, "the console does not name init")
    box.disk = theirs
    # another UUID: not even the key is used
    subprocess.run(["tune2fs", "-f", "-U", "random", theirs], check=True, stdout=subprocess.DEVNULL, input=b"y\n")
    r = box.boot()
    check(r, record(r)["cause"] == "root" and r.value("evm") == "0" and r.value("where") == "initramfs", "another root got the key")
    in_journal(r, "root")
    return r


NEW = ("6.12.",)
CASES = [
    ("attack-edit", edit, NEW), ("attack-masked", masked, NEW), ("attack-offline", offline, NEW), ("attack-cloned", cloned, NEW), ("attack-door", door, NEW),
    ("attack-swapped-root", swapped_root, NEW),
]
