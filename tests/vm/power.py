"""The machine loses power before its n-th change of state, for every n: tests/vm/cut.c in the place of libc resets it
there, without a sync. Then it is booted again, and again: it must come up with its key each time."""

import os
import re
import shutil

import machine as m
from box import Box
from common import ENFORCE, KERNEL_STATE, check, record, stopped, went_on
from golden import conf
from recovery import SEAL_FILE, moved

CUT = "/usr/lib/imagate/cut.so"
LONG_RUN = bool(os.environ.get("LONG"))
FLOOR = KERNEL_STATE + 'imagate stage floor enforce; echo "floor-rc=$?"\n'


def in_gate(n):
    """The gate of this boot, cut at n."""
    with open(os.path.join(m.CACHE, "root", CUT.lstrip("/")), "rb") as f:
        lib = f.read()
    return {CUT.lstrip("/"): (lib, 0o100755), "usr/lib/systemd/system/imagate-gate.service.d/cut.conf":
            "[Service]\nEnvironment=LD_PRELOAD=%s CUT_AT=%d\n" % (CUT, n)}


class Saved:
    """A box's disk and TPM, to begin from again and again."""

    def __init__(self, box):
        self.box, self.dir = box, box.save("saved")

    def again(self):
        shutil.copy(os.path.join(self.dir, "disk"), self.box.disk)
        shutil.rmtree(self.box.tpm, ignore_errors=True)
        shutil.copytree(os.path.join(self.dir, "tpm"), self.box.tpm)


def comes_up(box, words, twice=True):
    for _ in range(2 if twice else 1):
        r = box.boot(script=KERNEL_STATE + SEAL_FILE)
        went_on(r, "admit", "none")
        check(r, r.value("evm") == "1", words + ": the key is lost")
    return r


def table(rows):
    for n, what, outcome in rows:
        print("        cut before %2d %-34s %s" % (n, what, outcome), flush=True)


def each_cut(box, start, after, least):
    """start(n): boots and is cut at n, in CI at every other. Ends with the first n that is beyond the last point."""
    saved, rows = Saved(box), []
    for n in range(1, 40, 1 if LONG_RUN else 2):
        saved.again()
        r = start(n)
        what = re.findall(r"cut-point %d: (.*)" % n, r.console + r.agent)
        if "POWER CUT at %d" % n not in r.console + r.agent:
            check(r, n > least, "only %d points were met" % (n - 1))
            table(rows)
            return r
        rows.append((n, what[-1].strip() if what else "?", after(n)))
    raise m.Failure("it never ends")


def raise_floor(kernel, work):
    """cut at each change of state while the gate raises the floor: the key is there each time, and the floor in the end"""
    box = Box(kernel, work)
    r = box.boot(FLOOR)
    check(r, r.value("floor-rc") == "0", "no request")

    def after(n):
        r = comes_up(box, "cut %d" % n, twice=LONG_RUN)
        check(r, record(r)["floor"] == "enforce", "cut %d: the floor was not raised in the end" % n)
        return "up, floor enforce, generation " + record(r)["generation"]
    return each_cut(box, lambda n: box.boot(files=in_gate(n)), after, 5)


def use_permit(kernel, work):
    """cut at each change of state while a permit is used up: the key is there, and the permit works once at most"""
    box = Box(kernel, work, conf(floor="enforce"))
    r = box.boot(KERNEL_STATE + 'imagate permit fix; echo "permit-rc=$?"\n')
    check(r, r.value("permit-rc") == "0", "no permit")
    fix = "ima_appraise=fix imagate.stage=fix"

    def after(n):
        first = record(box.boot(cmdline=fix)).get("verdict")
        second = record(box.boot(cmdline=fix)).get("verdict")
        r = comes_up(box, "cut %d" % n, twice=False)
        check(r, second == "stop", "cut %d: the permit worked twice" % n)
        return "up; the permit then: %s, %s" % (first, second)
    return each_cut(box, lambda n: box.boot(cmdline=fix, files=in_gate(n)), after, 5)


def in_host(command, n):
    return "LD_PRELOAD=%s CUT_AT=%d %s 2>/dev/ttyS1\n" % (CUT, n, command)


def recover(kernel, work):
    """cut at each change of state of imagate recover: the old seal or the new one gives the key"""
    box = Box(kernel, work)

    def after(n):
        # the initramfs has the old one; what is on the root is newer, or the same
        r = comes_up(box, "cut %d" % n)
        return "up, generation " + record(r)["generation"]
    r = each_cut(box, lambda n: box.boot("echo %s | " % box.recovery + in_host("imagate recover", n) + 'echo "recover-rc=$?"\n'),
                 after, 8)
    check(r, r.value("recover-rc") == "0", "not recovered without a cut")
    # the one before, where the new one is not in the way: it is dead
    box.boot(KERNEL_STATE + "rm /etc/imagate/seal.pem*; sync\n")
    r = box.boot()
    stopped(r, "key-refused")
    return r


BLOCK = 'echo "--- env"; grub-editenv /boot/grub/grubenv list; echo "--- end"\n'
# nothing but the command that is cut is to write; a mask on the command line would be refused above the floor
ALONE = "systemctl -q mask imagate-bless.service; echo mask-rc=$?\n"


def block(r):
    """GRUB's block, which must be whole."""
    env = dict(line.split("=", 1) for line in r.block("env").splitlines() if "=" in line)
    check(r, env.get("saved_entry") == "1", "GRUB's block is damaged")
    return env


def with_block(kernel, work, words, config=None, script=""):
    box = Box(kernel, work, config)
    r = box.boot(KERNEL_STATE + "mkdir -p /boot/grub /var/lib/imagate; grub-editenv /boot/grub/grubenv create\n"
                 "grub-editenv /boot/grub/grubenv set saved_entry=1 %s; echo env-rc=$?\n%s%ssync\n" % (words, script, ALONE))
    check(r, r.value("env-rc") == "0" and r.value("mask-rc") == "0", "no block")
    return box


def comes_up_with(box, n):
    """As comes_up(), once, and what GRUB's block says then."""
    r = box.boot(KERNEL_STATE + BLOCK)
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "cut %d: the key is lost" % n)
    return r, block(r)


CLEAN = "".join("boot=00000000-0000-0000-0000-00000000000%d stage=audit denials=0 lost=0 good=yes finished=yes\n" % n for n in range(3))


def promote(kernel, work):
    """cut at each change of state of imagate stage promote: up, in the stage that it was or on trial in the next one"""
    box = with_block(kernel, work, "imagate_stage=audit", script="cat >/var/lib/imagate/evidence <<'END'\n%sEND\n" % CLEAN)

    def after(n):
        r, env = comes_up_with(box, n)
        check(r, env["imagate_stage"] == "audit" and env.get("imagate_trial", "enforce") == "enforce", "cut %d: %r" % (n, env))
        return "up, trial: %s" % env.get("imagate_trial", "none")
    r = each_cut(box, lambda n: box.boot(in_host("imagate stage promote", n) + 'echo "promote-rc=$?"\n' + BLOCK,
                                         cmdline="ima_appraise=log imagate.stage=audit"), after, 1)
    check(r, r.value("promote-rc") == "0" and block(r).get("imagate_trial") == "enforce", "not promoted without a cut")
    return r


def ask_permit(kernel, work):
    """cut at each change of state of imagate permit fix: up, and the permit is there whole or not at all, and works once"""
    box = with_block(kernel, work, "imagate_stage=enforce", conf(floor="enforce"))
    fix = "ima_appraise=fix imagate.stage=fix"

    def after(n):
        r, env = comes_up_with(box, n)
        first = record(box.boot(cmdline=fix)).get("verdict")
        r = box.boot(cmdline=fix)
        stopped(r, "below-floor")
        check(r, first in ("admit", "stop") and (first == "admit" or "imagate_once" not in env), "cut %d: once without a permit" % n)
        r, _ = comes_up_with(box, n)
        return "up; once=%s, the permit then: %s" % (env.get("imagate_once", ""), first)
    r = each_cut(box, lambda n: box.boot(in_host("imagate permit fix", n) + 'echo "permit-rc=$?"\n'), after, 3)
    check(r, r.value("permit-rc") == "0", "no permit without a cut")
    return r


def bless(kernel, work):
    """cut at each change of state of the imagate bless that ends a trial: up, and no trial is over without the floor"""
    box = with_block(kernel, work, "imagate_stage=audit imagate_trial=enforce imagate_tries=2 imagate_blessed=2",
                     script="echo 1 >/etc/imagate/reboots\n")

    def after(n):
        r, env = comes_up_with(box, n)
        over = "imagate_trial" not in env
        check(r, env["imagate_stage"] == ("enforce" if over else "audit"), "cut %d: %r" % (n, env))
        check(r, not over or record(r)["floor"] == "enforce", "cut %d: the trial is over, and the floor did not rise" % n)
        floor = record(r)["floor"]
        comes_up_with(box, n)
        return "up; %s, floor %s" % ("the trial is over" if over else "on trial", floor)
    r = each_cut(box, lambda n: box.boot(in_host("imagate bless", n) + 'echo "bless-rc=$?"\n' + BLOCK,
                                         cmdline=ENFORCE + "imagate.trial=1"), after, 5)
    check(r, r.value("bless-rc") == "0" and "imagate_trial" not in block(r), "not blessed without a cut")
    return r


def seal(kernel, work):
    """cut at each change of state of the first imagate seal: no seal, or one that gives the key"""
    box = Box(kernel, work)
    box.boot("rm /etc/imagate/seal.pem*; sync; tpm2_nvundefine 0x1810000 >/dev/null; echo ok\n",
             cmdline="imagate.stage=off ima_appraise=off", config=conf(stage="off", floor="off"))
    off = dict(cmdline="imagate.stage=off ima_appraise=off", config=conf(stage="off", floor="off"))

    def after(n):
        r = box.boot("[ -e /etc/imagate/seal.pem ] || imagate seal >/dev/null; echo rc=$?\n" + SEAL_FILE, **off)
        check(r, r.value("rc") == "0", "cut %d: no seal could be made" % n)
        r = box.boot(seal=r.block("seal"), cmdline="ima_appraise=fix imagate.stage=fix")
        went_on(r, "admit", "none")
        check(r, r.value("evm") == "1", "cut %d: the seal does not give its key" % n)
        return "sealed, unsealed"
    return each_cut(box, lambda n: box.boot(in_host("imagate seal", n), **off), after, 6)


def reseal(kernel, work):
    """cut at each change of state of imagate reseal: up with the key, and the new slot is there whole or not at all"""
    box = Box(kernel, work, conf())

    def after(n):
        r = box.boot(files=moved())
        verdict = record(r).get("verdict")
        check(r, verdict in ("admit", "stop") and (verdict == "stop") == (r.value("evm") is None or r.value("evm") == "0"), "cut %d" % n)
        comes_up(box, "cut %d" % n)
        return "up; the PCRs suspended: %s" % ("yes" if verdict == "admit" else "no")
    r = each_cut(box, lambda n: box.boot(in_host("imagate reseal --suspend-once", n) + 'echo "reseal-rc=$?"\n'), after, 2)
    check(r, r.value("reseal-rc") == "0", "not suspended without a cut")
    return r


NEW = ("6.12.",)
CASES = [("power-raise", raise_floor, NEW)]
LONG = [
    ("power-promote", promote, NEW), ("power-ask-permit", ask_permit, NEW), ("power-bless", bless, NEW),
    ("power-permit", use_permit, NEW), ("power-recover", recover, NEW), ("power-seal", seal, NEW), ("power-reseal", reseal, NEW),
]
