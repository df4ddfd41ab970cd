"""A machine that was sealed and labelled once, in boots of its own, for each kernel: what most
cases start from. Kept in the cache, made again when imagate or the image changed."""

import fcntl
import hashlib
import os
import re
import shutil

import machine as m

LABEL_DIRS = ("/usr/bin /usr/sbin /usr/lib/x86_64-linux-gnu /usr/lib/systemd /usr/lib/udev "
              "/usr/lib/imagate /usr/lib/dracut /usr/libexec")

SEAL = """
imagate seal; echo "seal-rc=$?"
echo "--- seal"; cat /etc/imagate/seal.pem; echo "--- end"
echo "--- record"; cat /run/imagate/record; echo "--- end"
"""
LABEL = """
echo "--- record"; cat /run/imagate/record; echo "--- end"
echo "evm=$(cat /sys/kernel/security/integrity/evm/evm)"
imagate label %s; echo "label-rc=$?"
""" % LABEL_DIRS


def lsm_for(kernel):
    """Debian's 6.1 crashes with EVM and the bpf LSM; the others run as they come."""
    return m.LSM_6_1 if kernel.startswith("6.1.") else ""


class Golden:
    def __init__(self, kernel):
        self.kernel = kernel
        self.dir = os.path.join(m.CACHE, "golden-" + kernel)
        self.disk = os.path.join(self.dir, "disk.qcow2")
        self.tpm = os.path.join(self.dir, "tpm")
        self.seal_path = os.path.join(self.dir, "seal.pem")
        self.recovery_path = os.path.join(self.dir, "recovery")

    @property
    def seal(self):
        with open(self.seal_path) as f:
            return f.read()

    @property
    def recovery(self):
        """The recovery key, as 'imagate seal' showed it."""
        with open(self.recovery_path) as f:
            return f.read()

    def conf(self, **changes):
        return conf(**changes)

    def tpm_copy(self, work):
        path = os.path.join(work, "tpm")
        shutil.copytree(self.tpm, path)
        return path


def conf(stage="enforce", floor="fix", extra="", **sections):
    text = "[gate]\nstage = %s\nfloor = %s\n" % (stage, floor)
    text += sections.pop("gate", "")
    # most cases have nobody to ask
    recovery = sections.pop("recovery", "")
    sections["recovery"] = recovery if "ask" in recovery else "ask = no\n" + recovery
    for name, body in sections.items():
        text += "[%s]\n%s\n" % (name, body)
    return text + extra


def recovery_key(r):
    keys = re.findall(r"^ +((?:[cbdefghijklnrtuv]{8}-){7}[cbdefghijklnrtuv]{8})$", r.agent, re.M)
    if len(keys) != 1:
        raise m.Failure("imagate seal did not show one recovery key\n" + r.agent)
    return keys[0]


def _inputs(kernel):
    h = hashlib.sha256()
    for name in ("initramfs.stamp", "disk.stamp"):
        h.update(open(os.path.join(m.CACHE, name), "rb").read())
    h.update((kernel + SEAL + LABEL).encode())
    return h.hexdigest()


def golden(kernel, say=lambda text: None):
    g = Golden(kernel)
    os.makedirs(m.CACHE, exist_ok=True)
    with open(os.path.join(m.CACHE, "golden-%s.lock" % kernel), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = os.path.join(g.dir, "stamp")
        if os.path.exists(stamp) and open(stamp).read() == _inputs(kernel):
            return g
        _make(g, say)
        with open(stamp, "w") as f:
            f.write(_inputs(kernel))
    return g


def _make(g, say):
    shutil.rmtree(g.dir, ignore_errors=True)
    os.makedirs(g.dir)
    m.new_tpm(g.tpm)
    m.sh("qemu-img", "create", "-q", "-f", "qcow2", "-b", os.path.join(m.CACHE, "disk.raw"), "-F", "raw",
         g.disk)
    line = "ima_appraise=fix " + lsm_for(g.kernel)
    say("%s: first boot, without a seal: imagate seal" % g.kernel)
    r = m.Machine(g.kernel, line, disk=g.disk, tpm=g.tpm, script=SEAL, keep=True).run()
    seal = r.block("seal")
    if r.value("seal-rc") != "0" or "TSS2 PRIVATE KEY" not in seal:
        raise m.Failure("imagate seal failed\n" + r.agent + r.console[-2000:])
    with open(g.seal_path, "w") as f:
        f.write(seal)
    with open(g.recovery_path, "w") as f:
        f.write(recovery_key(r))
    say("%s: second boot, stage fix: imagate label" % g.kernel)
    r = m.Machine(g.kernel, line, disk=g.disk, tpm=g.tpm, script=LABEL, keep=True,
                  overlay={"etc/imagate/seal.pem": seal}, timeout=600).run()
    if r.value("label-rc") not in ("0", "1") or r.value("evm") != "1":
        raise m.Failure("the fix boot failed\n" + r.agent + r.console[-2000:])
    g.label_result = r
    with open(os.path.join(g.dir, "fix-boot.log"), "w") as f:
        f.write(r.console + "\n=====\n" + r.agent)
