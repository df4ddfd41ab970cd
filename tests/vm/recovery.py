"""Cases of recovery: what happens when the key is refused, who may do what about it, and what an attacker gets."""

import os
import re
import shutil

import machine as m
from box import Box
from common import EXTEND_UNIT, HOST_UP, KERNEL_STATE, check, initrd_unit, record, stopped, went_on
from golden import conf
from grubbox import GrubBox

ASK = conf(recovery="ask = yes")
PROMPT = r"recovery key"
WRONG = "-".join(["cbdefghi"] * 8)
SEAL_FILE = 'echo "--- seal"; cat /etc/imagate/seal.pem; echo "--- end"\n'


def recover(box):
    return """echo %s | imagate recover >/run/recover.txt 2>&1; echo "recover-rc=$?"
echo "--- recover"; cat /run/recover.txt; echo "--- end"
""" % box.recovery + SEAL_FILE


def moved():
    """A unit that extends PCR 7 before the gate: another firmware state."""
    files = dict(m.program("/usr/bin/tpm2"), **initrd_unit("extend.service", EXTEND_UNIT))
    files.update(m.program("/usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0"))
    return files


def ask(kernel, work):
    """a PCR moved: the console asks; a wrong key is refused, the right one boots in enforce; recover seals anew"""
    box = Box(kernel, work, ASK)
    r = box.boot(files=moved(), script=KERNEL_STATE + recover(box),
                 answers=[(PROMPT + ":", WRONG + "\n"), (r"that was not the recovery key[\s\S]*recovery key:", box.recovery + "\n")])
    went_on(r, "admit", "none")
    rec = record(r)
    check(r, r.value("evm") == "1", "EVM is off")
    check(r, rec.get("authority") == "recovery-key" and rec.get("wrong-keys") == "1", "the record does not say how")
    check(r, rec.get("step.authority") == "ok", "authority was not asked")
    check(r, box.recovery not in r.console, "the recovery key was echoed")
    check(r, r.value("recover-rc") == "0", "recover failed")
    r = box.boot(files=moved(), seal=r.block("seal"))
    went_on(r, "admit", "none")
    check(r, record(r).get("authority") == "none" and r.value("evm") == "1", "the new seal does not unseal")
    # and the old one is dead, even where the PCRs are as they were
    r = box.boot(config=conf())
    stopped(r, "key-refused")
    return r


# who has the disk would have the floor lower than it was sealed
EDITED = """
cp /etc/imagate/seal.pem /run/kept; sed -i 's/ floor=fix / floor=off /' /etc/imagate/seal.pem
echo %s | imagate recover >/run/edited.txt 2>&1; echo "edited-rc=$?"
echo "--- edited"; cat /run/edited.txt; echo "--- end"
cp /run/kept /etc/imagate/seal.pem
tpm2_getcap handles-nv-index | grep -c 0x | sed s/^/counters=/
"""


def other_tpm(kernel, work):
    """another TPM, then none: the recovery key boots both; recover seals to the new one"""
    box = Box(kernel, work, ASK)
    box.new_tpm()
    r = box.boot(answers=[(PROMPT + ":", box.recovery + "\n")], script=KERNEL_STATE + EDITED % box.recovery + recover(box))
    went_on(r, "admit", "none")
    check(r, r.value("edited-rc") == "3" and "--floor" in r.block("edited"), "recover takes the floor that somebody has edited")
    check(r, r.value("counters") == "0", "a recover that changed nothing left a counter")
    check(r, r.value("recover-rc") == "0", "recover failed")
    seal = r.block("seal")
    r = box.boot(seal=seal, config=conf())
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "the new TPM does not give the key")
    r = box.boot(seal=seal, tpm=None, config=ASK + "[tpm]\nwait = 1\n", answers=[(PROMPT + ":", box.recovery + "\n")],
                 script=KERNEL_STATE + recover(box))
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "without a TPM the recovery key does not boot")
    check(r, r.value("recover-rc") == "3" and "takes the recovery key" in r.block("recover"), "recover without a TPM")
    return r


SHELL = ("echo shell-\"open\"; imagate status; /usr/lib/imagate/unseal-attack /etc/imagate/seal.pem; "
         "ls -d /sysroot/etc && echo rescue-\"done\"; exit\n")


def rescue(kernel, work):
    """imagate.rescue: no shell for a wrong key, one for the right key, and in it the key is out of reach"""
    box = Box(kernel, work, ASK)
    files = m.program("/usr/lib/imagate/unseal-attack")
    files.update(m.program("/usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0"))
    # the tests' agent would end the boot before the rescue does
    files["usr/lib/systemd/system/emergency.target.d/agent.conf"] = "[Unit]\n"
    r = box.boot(cmdline="imagate.rescue", files=files, answers=[
        (r"type the recovery key[\s\S]*recovery key:", WRONG + "\n"),
        (r"that was not the recovery key[\s\S]*recovery key:", box.recovery + "\n"),
        (r"Leaving the shell reboots[\s\S]*# ", SHELL),
    ])
    check(r, "shell-open" in r.console and "rescue-done" in r.console, "no shell")
    check(r, re.search(r"slot 0: refused .*door", r.console), "the key was not out of reach")
    check(r, r.console.index("that was not the recovery key") < r.console.index("shell-open"), "a shell for the wrong key")
    check(r, "imagate stopped this boot: Rescue was asked for" in r.console, "nobody says what happened")
    check(r, HOST_UP not in r.console, "the real root was started")
    return r


def bounded(kernel, work):
    """fallback: three automatic reboots and no more, counted on the disk; a good boot begins anew"""
    box = Box(kernel, work, conf(recovery="key-refused = fallback"))
    for n in range(1, 4):
        r = box.boot(files=moved())
        check(r, "rebooting in ten seconds" in r.console and HOST_UP not in r.console, "no reboot number %d" % n)
        check(r, "imagate: STOPPED (key-refused)" in r.console, "nobody says why")
    r = box.boot(files=moved())
    stopped(r, "key-refused")
    check(r, record(r)["action"] == "rescue" and record(r)["reboots"] == "3", "the fourth stop is not a rescue")
    r = box.boot(script=KERNEL_STATE + "systemctl is-active imagate-bless.service | sed s/^/bless=/\n"
                 "[ -e /etc/imagate/reboots ] && echo reboots=there || echo reboots=gone\n")
    went_on(r, "admit", "none")
    check(r, r.value("reboots") == "gone" and r.value("bless") == "active", "the good boot did not reset the count")
    return r


def poweroff(kernel, work):
    """stop = poweroff: the machine is off, and says why first"""
    box = Box(kernel, work, conf(gate="stop = poweroff\n"))
    r = box.boot(files=moved())
    check(r, "powering off in ten seconds" in r.console and HOST_UP not in r.console, "not powered off")
    check(r, "imagate: STOPPED (key-refused)" in r.console, "nobody says why")
    return r


# PCR 16 is all zeros and 17 all ones on every machine that has not used them
AS_ROOT = KERNEL_STATE + """
/usr/lib/imagate/unseal-attack /etc/imagate/seal.pem
before=$(tpm2_getcap handles-nv-index)
for n in 16 17; do
  printf '[tpm]\\npcrs = sha256:0,%s\\n' $n >/run/seal.conf
  imagate seal --config /run/seal.conf --output /run/seal.pem >/run/seal.txt 2>&1; echo "seal-$n=$?"
  grep -o "sha256 PCR $n" /run/seal.txt | sed "s/^/named-$n=/"
done
imagate seal --output /run/seal.pem >/dev/full 2>/run/full.txt; echo "full-rc=$?"; cat /run/full.txt
[ "$before" = "$(tpm2_getcap handles-nv-index)" ] && [ ! -e /run/seal.pem ] && [ ! -e /run/seal.pem.new ] && echo unchanged=yes
imagate status | sed 's/^/status: /'
# a root that nobody knows the UUID of
mkdir /run/empty; mount --bind /run/empty /run/udev/data
imagate seal --output /run/seal.pem >/run/seal.txt; echo "nameless-rc=$?"
tail -n1 /run/seal.txt | sed s/^/last=/; sed 's/^/nameless: /' /run/seal.txt; imagate status | sed 's/^/nameless: /'
"""


def unseal_as_root(kernel, work):
    """root of the running, admitted system cannot unseal: the door is closed; nothing is sealed to PCRs that nobody extended"""
    r = Box(kernel, work).boot(script=AS_ROOT)
    went_on(r, "admit", "none")
    check(r, re.search(r"slot 0: refused .*door", r.agent), "root could unseal")
    for n in ("16", "17"):
        check(r, r.value("seal-" + n) == "3" and r.value("named-" + n) == "sha256 PCR " + n, "sealed to PCR %s, which nobody extended" % n)
    check(r, r.value("full-rc") == "3" and "could not be shown" in r.agent, "sealed with a key that nobody saw")
    check(r, r.value("unchanged") == "yes", "a refused seal left something behind")
    check(r, "boot-chain  no  bound to sha256:0,2,4,7: under GRUB these cover neither command line nor initramfs" in r.agent,
          "status does not say what the binding leaves open")
    check(r, re.search(r"^status: root +yes .*UUID", r.agent, re.M), "status: root")
    check(r, r.value("nameless-rc") == "0" and r.value("last") == "sealed", "the last line of seal is not 'sealed'")
    check(r, "nameless: Binding: plain.\nnameless: These PCRs do not cover the kernel command line" in r.agent, "seal: binding")
    check(r, "nameless: The root file system has no UUID" in r.agent and re.search(r"^nameless: root +no ", r.agent, re.M),
          "nobody says that the root is not bound")
    return r


def permit(kernel, work):
    """floor enforce: fix gets no key; a permit gives it once; used, copied, replayed, forged or withdrawn it gives nothing"""
    fix = "ima_appraise=fix imagate.stage=fix"
    box = Box(kernel, work, conf(floor="enforce"))
    asked = KERNEL_STATE + """
imagate permit fix --once; echo "permit-rc=$?"
echo "--- request"; cat /etc/imagate/request; echo "--- end"
""" + SEAL_FILE

    def put(text):
        return KERNEL_STATE + "cat >/etc/imagate/request <<'END'\n%sEND\nsync\n" % text + SEAL_FILE

    def offline(text):
        """The same, by who has the disk."""
        return (KERNEL_STATE + "mount -o remount,rw /sysroot; cat >/sysroot/etc/imagate/request <<'END'\n%sEND\n" % text +
                "mount -o remount,ro /sysroot\n")
    r = box.boot(cmdline=fix)
    stopped(r, "below-floor")
    check(r, record(r)["step.unseal"] == "blocked" and record(r)["step.door"] == "ok", "asked for the key, or an open door")
    r = box.boot(script=asked)
    went_on(r, "admit", "none")
    check(r, r.value("permit-rc") == "0" and "Permit: fix" in r.block("request"), "no permit")
    request = r.block("request")
    # a forged one: the right generation, another Mac
    forged = re.sub(r"Mac: (.)", lambda x: "Mac: " + ("1" if x.group(1) == "0" else "0"), request)
    box.boot(script=put(forged))
    r = box.boot(cmdline=fix, script=offline(request))
    stopped(r, "below-floor")
    check(r, "Mac is not" in r.console, "nobody says that it was forged")
    r = box.boot(cmdline=fix)
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and record(r)["authority"] == "permit", "the permit gives no key")
    check(r, record(r)["step.ratchet"] == "ok", "it was not used up")
    # again, with the file put back: its generation is over. Another one is asked for, kept and withdrawn
    r = box.boot(script=asked + "imagate permit --withdraw; echo withdraw-rc=$?\n")
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "the next generation does not unseal")
    check(r, r.value("permit-rc") == "0" and r.value("withdraw-rc") == "0", "it could not be withdrawn")
    kept = r.block("request")
    r = box.boot(script=put(request))
    went_on(r, "admit", "none")
    check(r, record(r)["step.ratchet"] == "ok", "the boot after it was withdrawn does not count up")
    for _ in (request, kept):
        r = box.boot(cmdline=fix, script=offline(kept))
        stopped(r, "below-floor")
        check(r, "another generation" in r.console, "nobody says that it is a replay")
    return r


def cleared(kernel, work):
    """the TPM cleared: the boot asks and says why, the recovery key boots, recover seals anew, and the next boot is by itself"""
    box = Box(kernel, work, ASK)
    r = box.boot(script=KERNEL_STATE + "tpm2_clear -c l; echo clear-rc=$?\n")
    went_on(r, "admit", "none")
    check(r, r.value("clear-rc") == "0", "the TPM was not cleared")
    r = box.boot(answers=[(PROMPT + ":", box.recovery + "\n")], script=KERNEL_STATE + recover(box))
    went_on(r, "admit", "none")
    check(r, "The TPM refused the EVM key" in r.console and "or it is another TPM" in r.console, "nobody says why it is asked for")
    check(r, record(r)["authority"] == "recovery-key" and r.value("evm") == "1", "the recovery key does not boot")
    check(r, r.value("recover-rc") == "0", "recover failed")
    r = box.boot(seal=r.block("seal"), config=conf())
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and record(r)["authority"] == "none", "the next boot is not by itself")
    return r


ENTRY = """grub-editenv /boot/grub/grubenv set next_entry='imagate: another stage, this boot only>imagate: %s'; echo "entry-rc=$?"
"""
LINE = 'echo "cmdline=$(cat /proc/cmdline)"\n'
ENV = 'echo "--- env"; grub-editenv /boot/grub/grubenv list; echo "--- end"\n'


def mend(box):
    """What the rescue shell tells one to do."""
    return [(r"type the recovery key[\s\S]*recovery key:", box.recovery + "\n"),
            (r"Leaving the shell reboots[\s\S]*# ", "mount -o remount,rw /sysroot; imagate recover --root /sysroot; echo recover-\"rc\"=$?\n"),
            (r"recovery key:", box.recovery + "\n"),
            (r"recover-rc=\d+[\s\S]*# ", "imagate stage --root /sysroot set audit; echo set-\"rc\"=$?; mount -o remount,ro /sysroot; exit\n")]


def menu(kernel, work):
    """GRUB's menu: a refused key falls back to audit by itself; the entry for fix; the one for rescue, and in it recover and stage set"""
    text = conf(recovery="key-refused = fallback\nfallback-to = audit")
    box = GrubBox(kernel, work, text)
    lines = re.findall(r"^\s*linux\s.*$", box.setup.block("grubcfg"), re.M)
    check(box.setup, lines and all("$imagate_args" in line for line in lines), "an entry without the stage")
    r = box.boot()
    check(r, "imagate: STOPPED (key-refused)" in r.console and HOST_UP not in r.console, "not stopped")
    check(r, "the next boot asks for the stage audit, once" in r.console and "rebooting in ten seconds" in r.console, "no fall-back")
    r = box.boot(KERNEL_STATE + LINE + ENV + recover(box) + ENTRY % "fix (labels get written)")
    went_on(r, "degraded", "key-refused")
    check(r, record(r)["stage"] == "audit" and "ima_appraise=log" in r.value("cmdline"), "the next boot is not in audit")
    check(r, "imagate_once=audit" not in r.block("env") and r.value("recover-rc") == "0", "audit more than once, or not recovered")
    r = box.boot(KERNEL_STATE + LINE + ENTRY % "rescue shell in the initramfs (recovery key)")
    went_on(r, "admit", "none")
    check(r, record(r)["stage"] == "fix" and "ima_appraise=fix" in r.value("cmdline") and r.value("evm") == "1",
          "the entry for fix is not fix")
    # the tests' agent would end the boot before the rescue does
    box.initramfs_is(text, more={"usr/lib/systemd/system/emergency.target.d/agent.conf": "[Unit]\n"})
    r = box.boot(answers=mend(box))
    check(r, "imagate stopped this boot: Rescue was asked for" in r.console and HOST_UP not in r.console, "no rescue")
    check(r, "recover-rc=0" in r.console and "set-rc=0" in r.console, "recover or stage set failed in the rescue shell")
    r = box.boot(KERNEL_STATE + LINE)
    went_on(r, "admit", "none")
    check(r, record(r)["stage"] == "audit" and "ima_appraise=log" in r.value("cmdline"), "not the stage that was set")
    check(r, r.value("evm") == "1" and record(r)["authority"] == "none", "the seal made in the rescue shell does not unseal")
    return r


LATE_UNIT = """[Unit]
DefaultDependencies=no
Before=imagate-gate.service
[Service]
Type=oneshot
ExecStart=/bin/rm /dev/tpmrm0
"""
# the TPM comes when the host is up
LATE = KERNEL_STATE + """
[ -e /dev/tpmrm0 ] && echo early=yes
imagate status | grep door
mknod /dev/tpmrm0 c $(tr : ' ' </sys/class/tpmrm/tpmrm0/dev)
sleep 3
/usr/lib/imagate/unseal-attack /etc/imagate/seal.pem
journalctl -b -u imagate-watch --no-pager -o cat
imagate status | grep door | sed 's/^/then: /'
"""


def late_tpm(kernel, work):
    """a TPM that comes after the gate had stopped waiting: the host closes the door at once, and says so"""
    r = Box(kernel, work, conf(tpm="wait = 1")).boot(cmdline="ima_appraise=log imagate.stage=audit", script=LATE,
                                                     files=initrd_unit("late.service", LATE_UNIT))
    went_on(r, "degraded", "key-absent")
    check(r, record(r)["step.door"] == "absent" and r.value("early") is None, "the TPM was there")
    check(r, re.search(r"slot 0: refused .*door", r.agent), "root could unseal")
    check(r, "it is closed now" in r.agent and re.search(r"^then: door +yes .*closed by the host", r.agent, re.M), "nobody says so")
    return r


def leftover(kernel, work):
    """power cut between the new seal's rename and the end of the old counter: the next blessing ends it, and the old blob"""
    box = Box(kernel, work)
    box.save("saved")
    tpm, disk = box.tpm, box.disk
    r = box.boot("echo %s | LD_PRELOAD=/usr/lib/imagate/cut.so CUT_AT=0 imagate recover >/dev/null 2>/run/points; cat /run/points\n"
                 % box.recovery)
    at = re.search(r"cut-point (\d+): NV_UndefineSpace", r.agent)
    check(r, at, "the old counter was not undefined")
    shutil.copy(os.path.join(work, "saved", "disk"), disk)
    shutil.rmtree(tpm)
    shutil.copytree(os.path.join(work, "saved", "tpm"), tpm)
    r = box.boot("echo %s | LD_PRELOAD=/usr/lib/imagate/cut.so CUT_AT=%s imagate recover\n" % (box.recovery, at.group(1)))
    check(r, "POWER CUT at " + at.group(1) in r.console + r.agent, "no power cut")
    count = "systemctl start imagate-bless.service; tpm2_getcap handles-nv-index | grep -c 0x | sed s/^/counters=/\n"
    r = box.boot("systemctl stop imagate-bless.service\n" + KERNEL_STATE + count)
    went_on(r, "admit", "none")
    check(r, r.value("counters") == "1", "the old counter is still there")
    return r


BOTH, OLD, NEW = ("6.1.", "6.12."), ("6.1.",), ("6.12.",)
CASES = [
    ("recovery-ask", ask, BOTH), ("recovery-other-tpm", other_tpm, NEW), ("recovery-rescue", rescue, NEW),
    ("recovery-bounded", bounded, NEW), ("recovery-poweroff", poweroff, NEW),
    ("attack-unseal-as-root", unseal_as_root, NEW), ("attack-permit", permit, NEW),
    ("attack-late-tpm", late_tpm, NEW), ("power-leftover", leftover, NEW),
    ("recovery-cleared", cleared, NEW), ("recovery-menu", menu, NEW),
]
