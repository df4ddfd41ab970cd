"""The machine loses power before its n-th change of state, for every n: tests/vm/cut.c in the place of libc resets it
there, without a sync. Then it is booted again, and again: it must come up with its key each time."""

import os
import re
import shutil

import machine as m
from box import Box
from gate import KERNEL_STATE, check, record, went_on
from golden import conf
from recovery import SEAL_FILE

CUT = "/usr/lib/imagate/cut.so"
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
    """start(n): boots and is cut at n. Ends with the first n that is beyond the last point."""
    saved, rows, n = Saved(box), [], 0
    while n < 40:
        n += 1
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
        r = comes_up(box, "cut %d" % n, twice=bool(os.environ.get("LONG")))
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
    return each_cut(box, lambda n: box.boot("echo %s | " % box.recovery + in_host("imagate recover", n)), after, 8)


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


NEW = ("6.12.",)
CASES = [("power-raise", raise_floor, NEW)]
LONG = [("power-permit", use_permit, NEW), ("power-recover", recover, NEW), ("power-seal", seal, NEW)]
