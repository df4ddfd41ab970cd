"""Debian's own chain with Secure Boot on: OVMF with Microsoft's keys, Debian's signed shim, GRUB and kernels, grub.cfg as
grub-mkconfig makes it. It is the one in which Debian's GRUB hands an event log to the kernel by its plain 'linux'."""

import os
import shutil

import machine as m
from grubbox import GrubBox, put

EARLY = "search --no-floppy --label imagate-root --set=root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
PROGRAMS = {"shim-signed": "usr/lib/shim/shimx64.efi.signed",
            "grub-efi-amd64-signed": "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"}


def signed():
    """Debian's signed programs, kept in the cache: {package: path}."""
    found = {}
    for n, deb in m.debs(*PROGRAMS).items():
        tree = os.path.join(os.path.dirname(deb), n)
        found[n] = os.path.join(tree, PROGRAMS[n])
        if not os.path.exists(found[n]):
            m.sh("dpkg-deb", "-x", deb, tree)
    return found


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
        m.new_tpm(self.tpm, "sha1,sha256,sha384")

    def _firmware(self, vm, work):
        return [a.replace("OVMF_CODE_4M.fd", "OVMF_CODE_4M.secboot.fd") for a in super()._firmware(vm, work)]
