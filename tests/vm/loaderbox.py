"""A machine behind OVMF and a GRUB of our own making on an ESP that stays, with a second one to put in its place."""

import os
import shutil

import machine as m
from box import Box
from common import ENFORCE
from golden import conf, lsm_for

MODULES = "part_gpt part_msdos fat linux linuxefi normal tpm echo configfile search search_fs_file".split()


def grub(note):
    """Firmware for Machine: OVMF starts a GRUB from an ESP, GRUB the kernel. The note is in GRUB's image:
    another note is another boot loader to PCR 4."""
    def args(vm, work):
        root = os.path.join(m.CACHE, "root")
        line = "root=/dev/vda ro console=ttyS0 systemd.show_status=0 " + vm.cmdline
        cfg = os.path.join(work, "grub.cfg")
        # Debian's plain 'linux' hands no event log over where Secure Boot is off
        open(cfg, "w").write("linuxefi /vmlinuz %s\ninitrdefi /initrd\nboot\n" % line)
        early, made = "/tmp/%s.cfg" % os.path.basename(work), "/tmp/%s.efi" % os.path.basename(work)
        open(root + early, "w").write(
            "# %s\nsearch --no-floppy --file /imagate-esp --set=root\nconfigfile ($root)/grub.cfg\n" % note)
        m.sh("chroot", root, "grub-mkimage", "-O", "x86_64-efi", "-o", made, "-p", "/", "-c", early, *MODULES)
        efi = os.path.join(work, "grub.efi")
        shutil.move(root + made, efi)
        os.unlink(root + early)
        esp = os.path.join(work, "esp.img")
        m.sh("truncate", "-s", "120M", esp)
        m.sh("mkfs.vfat", "-n", "ESP", esp)
        m.sh("mmd", "-i", esp, "::/EFI", "::/EFI/BOOT")
        for src, to in ((efi, "/EFI/BOOT/BOOTX64.EFI"), (cfg, "/grub.cfg"), (cfg, "/imagate-esp"),
                        (os.path.join(m.CACHE, "vmlinuz-" + vm.kernel), "/vmlinuz"), (vm._initrd(work), "/initrd")):
            m.sh("mcopy", "-i", esp, src, "::" + to)
        shutil.copy("/usr/share/OVMF/OVMF_VARS_4M.fd", os.path.join(work, "vars.fd"))
        return ["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
                "-drive", "if=pflash,format=raw,file=" + os.path.join(work, "vars.fd"),
                "-drive", "id=esp,if=none,format=raw,file=" + esp,
                "-device", "nvme,serial=esp,drive=esp,bootindex=1"]
    return args


class LoaderBox(Box):
    """The golden machine; what the guest writes to the ESP is what is booted next. self.given is what it finds on /dev/vdc."""

    def __init__(self, kernel, work):
        super().__init__(kernel, work, conf(recovery="ask = yes"))
        vm = m.Machine(kernel, ENFORCE + " " + lsm_for(kernel),
                       overlay={"etc/imagate/imagate.conf": self.config, "etc/imagate/seal.pem": self.seal})
        self.args = grub("first")(vm, work)
        self.esp, self.first = os.path.join(work, "esp.img"), os.path.join(work, "grub.efi")
        other = os.path.join(work, os.path.basename(work) + "-second")
        os.mkdir(other)
        grub("second")(vm, other)
        self.second = self.given = os.path.join(other, "grub.efi")
        self.size = os.path.getsize(self.given)

    def put_loader(self, efi):
        """As who has the disk does."""
        m.sh("mcopy", "-o", "-i", self.esp, efi, "::/EFI/BOOT/BOOTX64.EFI")

    def boot(self, script, **kw):
        given = os.path.join(self.work, "given")
        shutil.copy(self.given, given)
        m.sh("truncate", "-s", "%512", given)
        # GRUB leaves its last line on the agent's console unfinished
        return m.Machine(self.kernel, disk=self.disk, tpm=self.tpm, script="echo\n" + script, keep=True, timeout=400,
                         firmware=lambda vm, work: self.args, disks=[given], **kw).run()
