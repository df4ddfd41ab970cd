"""A machine that keeps its disk and its TPM from boot to boot."""

import os
import shutil

import machine as m
from common import ENFORCE, KERNEL_STATE
from golden import conf, golden, lsm_for


class Box:
    """Begins as the golden machine: sealed, labelled. self.seal is what the initramfs holds; dracut() is what
    'dracut -f' would do: it takes the one from the disk."""

    def __init__(self, kernel, work, config=None):
        self.kernel, self.work = kernel, work
        self.golden = golden(kernel)
        self.disk = os.path.join(work, "box.qcow2")
        m.sh("qemu-img", "create", "-q", "-f", "qcow2", "-b", self.golden.disk, "-F", "qcow2", self.disk)
        self.tpm = self.golden.tpm_copy(work)
        self.seal, self.recovery = self.golden.seal, self.golden.recovery
        self.config = config or conf()

    def boot(self, script=KERNEL_STATE, cmdline=ENFORCE, files=None, seal=None, config=None, **kw):
        overlay = {"etc/imagate/imagate.conf": config or self.config, "etc/imagate/seal.pem": seal or self.seal}
        overlay.update(files or {})
        r = m.Machine(self.kernel, cmdline + " " + kw.pop("lsm", lsm_for(self.kernel)), disk=self.disk,
                      tpm=kw.pop("tpm", self.tpm), overlay=overlay, script=script, keep=True, **kw).run()
        return r

    def new_tpm(self):
        self.tpm = os.path.join(self.work, "tpm-%d" % len(os.listdir(self.work)))
        m.new_tpm(self.tpm)

    def save(self, name):
        """Disk and TPM as they are, for an attacker who brings them back."""
        to = os.path.join(self.work, name)
        os.mkdir(to)
        shutil.copy(self.disk, os.path.join(to, "disk"))
        shutil.copytree(self.tpm, os.path.join(to, "tpm"))
        return to
