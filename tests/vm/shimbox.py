"""Debian's own chain with Secure Boot on: OVMF with Microsoft's keys, Debian's signed shim, GRUB and kernels, grub.cfg as
grub-mkconfig makes it. It is the one in which Debian's GRUB hands an event log to the kernel by its plain 'linux'."""

import glob
import os
import shutil
import subprocess

import machine as m
from golden import lsm_for
from grubbox import GrubBox, put

EARLY = "search --no-floppy --label imagate-root --set=root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
PACKAGES = ("shim-signed", "grub-efi-amd64-signed")
PROGRAMS = {"shim-signed": "usr/lib/shim/shimx64.efi.signed",
            "grub-efi-amd64-signed": "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"}


def signed():
    """Debian's signed programs, kept in the cache: {package: path}."""
    cache = os.path.join(m.CACHE, "debs")
    os.makedirs(cache, exist_ok=True)
    if not all(glob.glob(os.path.join(cache, n + "_*.deb")) for n in PACKAGES):
        r = subprocess.run(("apt-get", "download") + PACKAGES, cwd=cache, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if r.returncode != 0:
            m.sh("apt-get", "update", "-q")
            m.sh("apt-get", "download", *PACKAGES, cwd=cache)
    found = {}
    for n in PACKAGES:
        tree = os.path.join(cache, n)
        if not os.path.exists(os.path.join(tree, PROGRAMS[n])):
            m.sh("dpkg-deb", "-x", glob.glob(os.path.join(cache, n + "_*.deb"))[0], tree)
        found[n] = os.path.join(tree, PROGRAMS[n])
    return found


def new_tpm(path):
    """As machine.new_tpm, with more banks than one."""
    os.mkdir(path)
    m.sh("swtpm_setup", "--tpm2", "--tpmstate", path, "--pcr-banks", "sha1,sha256,sha384", "--overwrite")


class ShimBox(GrubBox):
    """A GrubBox behind Debian's shim. later: a kernel that is not in /boot yet; vmlinuz and initramfs are in /var/new."""

    def __init__(self, kernel, work, config, later):
        super().__init__(kernel, work, config)
        self.kernel = later
        vm = m.Machine(later, overlay={"etc/imagate/imagate.conf": config, "etc/imagate/seal.pem": self.seal})
        m.sh("debugfs", "-w", "-R", "mkdir /var/new", self.disk)
        put(self.disk, "/var/new/initrd.img-" + later, vm._initrd(work))
        put(self.disk, "/var/new/vmlinuz-" + later, os.path.join(m.CACHE, "vmlinuz-" + later))
        self.kernel = kernel
        os.unlink(self.esp)
        early = os.path.join(work, "early.cfg")
        with open(early, "w") as f:
            f.write(EARLY)
        m.sh("truncate", "-s", "40M", self.esp)
        m.sh("mkfs.vfat", "-n", "ESP", self.esp)
        m.sh("mmd", "-i", self.esp, "::/EFI", "::/EFI/BOOT", "::/EFI/debian")
        for src, to in ((signed()["shim-signed"], "/EFI/BOOT/BOOTX64.EFI"), (signed()["grub-efi-amd64-signed"], "/EFI/BOOT/grubx64.efi"),
                        (early, "/EFI/debian/grub.cfg")):
            m.sh("mcopy", "-i", self.esp, src, "::" + to)
        shutil.copy("/usr/share/OVMF/OVMF_VARS_4M.ms.fd", os.path.join(work, "vars.fd"))
        self.tpm = os.path.join(work, "tpm-banks")
        new_tpm(self.tpm)

    def _firmware(self, vm, work):
        return [a.replace("OVMF_CODE_4M.fd", "OVMF_CODE_4M.secboot.fd") for a in super()._firmware(vm, work)]
