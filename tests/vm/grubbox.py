"""A machine that boots by itself: OVMF, GRUB with its configuration and environment block on the root's disk, as
'update-grub' makes them."""

import os
import re
import shutil
import subprocess

import machine as m
from box import Box
from common import check
from golden import lsm_for

MODULES = ("part_gpt fat ext2 linux linuxefi normal tpm echo configfile search search_label search_fs_uuid loadenv test "
           "gzio sleep minicmd all_video").split()
EARLY = "search --no-floppy --label imagate-root --set=root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n"
DEFAULTS = """GRUB_DEFAULT=0
GRUB_TIMEOUT=1
GRUB_DISTRIBUTOR=Debian
GRUB_TERMINAL=console
GRUB_CMDLINE_LINUX="console=ttyS0 systemd.show_status=0 %s"
"""
SETUP = """
cat >/etc/imagate/imagate.conf <<'END'
%sEND
mkdir -p /boot/grub /etc/default
cat >/etc/default/grub <<'END'
%sEND
grub-editenv /boot/grub/grubenv create
grub-mkconfig -o /boot/grub/grub.cfg >/run/mkconfig.txt 2>&1; echo "mkconfig-rc=$?"
echo "--- mkconfig"; cat /run/mkconfig.txt; echo "--- end"
echo "--- grubcfg"; cat /boot/grub/grub.cfg; echo "--- end"
"""


def put(disk, path, src):
    """A file into an ext4 image, below the file system."""
    m.sh("debugfs", "-w", "-R", "rm %s" % path, disk)
    m.sh("debugfs", "-w", "-R", "write %s %s" % (src, path), disk)


def esp(work):
    """An ESP whose GRUB looks for the root by its label."""
    root = os.path.join(m.CACHE, "root")
    early, made = "/tmp/%s.cfg" % os.path.basename(work), "/tmp/%s.efi" % os.path.basename(work)
    with open(root + early, "w") as f:
        f.write(EARLY)
    m.sh("chroot", root, "grub-mkimage", "-O", "x86_64-efi", "-o", made, "-p", "/", "-c", early, *MODULES)
    efi, image = os.path.join(work, "grub.efi"), os.path.join(work, "esp.img")
    shutil.move(root + made, efi)
    os.unlink(root + early)
    m.sh("truncate", "-s", "40M", image)
    m.sh("mkfs.vfat", "-n", "ESP", image)
    m.sh("mmd", "-i", image, "::/EFI", "::/EFI/BOOT")
    m.sh("mcopy", "-i", image, efi, "::/EFI/BOOT/BOOTX64.EFI")
    shutil.copy("/usr/share/OVMF/OVMF_VARS_4M.fd", os.path.join(work, "vars.fd"))
    return image


class GrubBox(Box):
    """The golden machine, with GRUB on its disk. self.config and the golden seal are in its initramfs; newer
    seals are found on the root. Boots are GRUB's: no command line from outside."""

    def __init__(self, kernel, work, config):
        super().__init__(kernel, work, config)
        raw = os.path.join(work, "box.raw")
        m.sh("qemu-img", "convert", "-O", "raw", self.golden.disk, raw)
        subprocess.run(["e2fsck", "-fp", raw], stdout=subprocess.DEVNULL, check=False)  # 1: it replayed the journal
        os.unlink(self.disk)
        self.disk = raw
        self.esp = esp(work)
        self.initramfs_is(config)
        others = [k for k in m.kernels() if k != kernel]
        for k in others:
            m.sh("debugfs", "-w", "-R", "rm /boot/vmlinuz-" + k, raw)
        r = m.Machine(kernel, "imagate.stage=off ima_appraise=off", disk=raw, keep=True,
                      initramfs=os.path.join(m.CACHE, "initramfs-%s-plain.cpio" % kernel),
                      script=SETUP % (config, DEFAULTS % lsm_for(kernel))).run()
        check(r, r.value("mkconfig-rc") == "0" and "imagate_args" in r.block("grubcfg"), "grub-mkconfig failed")
        self.setup = r

    def initramfs_is(self, config, seal=None, more=None):
        """What 'dracut -f' would leave in /boot."""
        files = {"etc/imagate/imagate.conf": config, "etc/imagate/seal.pem": seal or self.seal}
        vm = m.Machine(self.kernel, overlay=dict(files, **(more or {})))
        put(self.disk, "/boot/initrd.img-" + self.kernel, vm._initrd(self.work))

    def write(self, path, text):
        """A file of the root, offline."""
        name = os.path.join(self.work, "offline")
        with open(name, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        put(self.disk, path, name)

    def read(self, path):
        """The same, to be put back byte for byte: PCR 9 sees the difference."""
        name = os.path.join(self.work, "offline")
        m.sh("debugfs", "-R", "dump %s %s" % (path, name), self.disk)
        with open(name, "rb") as f:
            return f.read()

    def edit_grub(self, word):
        """One more word on every kernel line of grub.cfg, as update-grub made it."""
        self.write("/boot/grub/grub.cfg", re.sub(r"^(\s*linux\s.*)$", r"\1 " + word, self.setup.block("grubcfg"), flags=re.M)
                   if word else self.setup.block("grubcfg"))

    def grubenv(self, **words):
        """GRUB's environment block, offline, with these words and no others."""
        text = "# GRUB Environment Block\n" + "".join("%s=%s\n" % w for w in words.items())
        self.write("/boot/grub/grubenv", text.ljust(1024, "#"))

    def boot(self, script="", **kw):
        return m.Machine(self.kernel, disk=self.disk, tpm=self.tpm, script=script, keep=True, firmware=self._firmware,
                         **kw).run()

    def _firmware(self, vm, work):
        return ["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
                "-drive", "if=pflash,format=raw,file=" + os.path.join(self.work, "vars.fd"),
                "-drive", "id=esp,if=none,format=raw,file=" + self.esp,
                "-device", "nvme,serial=esp,drive=esp,bootindex=1"]
