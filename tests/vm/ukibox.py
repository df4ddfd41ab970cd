"""A machine that boots a unified kernel image by OVMF, with Secure Boot or without: 'dracut --uefi' makes it, in the image's
root, and what it wrote is what is booted. Keys: the ovmf package's snakeoil key, which its variable store has as PK, KEK and db."""

import os
import shutil
import struct
import subprocess

import machine as m
from box import Box
from golden import lsm_for

SHARE = "/usr/share/OVMF/"
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
SNAKEOIL = "/usr/share/ovmf/PkKek-1-snakeoil."
CODE = "OVMF_CODE_4M.fd"  # knows Secure Boot, and is fast: no SMM
OTHER_CODE = "OVMF_CODE_4M.secboot.fd"  # another build, with SMM
VARS, SECURE_VARS = "OVMF_VARS_4M.fd", "OVMF_VARS_4M.snakeoil.fd"
EFI_GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
EFI_IMAGE_SECURITY = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
SECTIONS = {".osrel": 0x20000, ".cmdline": 0x30000, ".linux": 0x2000000, ".initrd": 0x3000000}
LINE = "root=/dev/vda ro console=ttyS0 systemd.show_status=0 ima_appraise=enforce"
DRACUT = ("dracut --force --quiet --uefi --no-hostonly --no-hostonly-cmdline --no-early-microcode --no-compress -a imagate "
          "--filesystems ext4 --drivers 'virtio_pci virtio_blk ext4 crc32c_generic crc32c_intel' --force-drivers 'efivarfs nvme vfat nls_ascii nls_cp437' "
          "--omit 'network network-legacy plymouth i18n drm nfs lvm mdraid dm multipath btrfs crypt dmraid busybox dash "
          "kernel-network-modules qemu resume terminfo bluetooth rngd pcsc memstrack'")
AGENT = {"imagate-agent-initrd.service": "/usr/lib/systemd/system/",
         "agent.conf": "/usr/lib/systemd/system/emergency.target.d/"}


def snakeoil(work):
    """(key without passphrase, certificate)"""
    key = os.path.join(work, "snakeoil.key")
    if not os.path.exists(key):
        m.sh("openssl", "rsa", "-in", SNAKEOIL + "key", "-passin", "pass:snakeoil", "-out", key)
    return key, SNAKEOIL + "pem"


def sign(efi, key, cert):
    m.sh("sbsign", "--key", key, "--cert", cert, "--output", efi, efi)


def host_program(tree, name):
    """A program of this machine with its libraries, for a root of the same Debian: dracut calls it there."""
    path = os.path.realpath(shutil.which(name))
    for src in [path] + [w for w in m.sh("ldd", path).split() if w.startswith("/")]:
        to = tree + ("/usr/bin/" + name if src == path else "/usr" + src if src.startswith("/lib") else src)
        if not os.path.exists(to):
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copy(os.path.realpath(src), to)


class Tree:
    """The image's root, as hard links: what is changed here is changed nowhere else."""

    def __init__(self, work):
        self.path = os.path.join(work, "tree")
        m.sh("cp", "-al", os.path.join(m.CACHE, "root"), self.path)
        shutil.rmtree(self.path + "/etc/imagate")
        shutil.copytree(os.path.join(m.CACHE, "root/etc/imagate"), self.path + "/etc/imagate")
        os.makedirs(self.path + os.path.dirname(STUB))
        shutil.copy(STUB, self.path + STUB)
        for name in ("objcopy", "sbsign"):
            host_program(self.path, name)

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.path + path), exist_ok=True)
        if os.path.exists(self.path + path):
            os.unlink(self.path + path)
        with open(self.path + path, "w") as f:
            f.write(text)

    def chroot(self, command):
        m.sh("mount", "-t", "proc", "proc", self.path + "/proc")
        try:
            return subprocess.run(["chroot", self.path, "sh", "-c", command], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        finally:
            m.sh("umount", self.path + "/proc")


def sections(uki, work):
    """Those that a UKI is made of, as files."""
    out = {}
    with open(uki, "rb") as f:
        image = f.read()
    pe = struct.unpack_from("<I", image, 0x3c)[0]
    count, optional = struct.unpack_from("<H", image, pe + 6)[0], struct.unpack_from("<H", image, pe + 20)[0]
    for i in range(count):
        name, used, _, size, at = struct.unpack_from("<8sIIII", image, pe + 24 + optional + 40 * i)
        name = name.rstrip(b"\0").decode()
        if name in SECTIONS:
            out[name] = os.path.join(work, "section" + name)
            with open(out[name], "wb") as f:
                f.write(image[at:at + min(size, used)])
    return out


def assemble(parts, out):
    """As dracut does it."""
    args = []
    for name, vma in SECTIONS.items():
        args += ["--add-section", "%s=%s" % (name, parts[name]), "--change-section-vma", "%s=%d" % (name, vma)]
    m.sh("objcopy", *args, STUB, out)


class UkiBox(Box):
    """The golden machine, whose ESP holds a UKI where the firmware looks for it by itself. secure: Secure Boot is on, the UKI
    signed. What other seals there are is on the root."""

    def __init__(self, kernel, work, config=None, secure=False, line=LINE, files=None, options=""):
        super().__init__(kernel, work, config)
        self.files, self.options = files or {}, options
        self.secure, self.line = secure, (line + " " + lsm_for(kernel)).strip()
        self.esp, self.vars, self.code = os.path.join(work, "esp.img"), os.path.join(work, "vars.fd"), CODE
        shutil.copy(SHARE + (SECURE_VARS if secure else VARS), self.vars)
        self.uki = self.dracut("first.efi")
        m.sh("truncate", "-s", "150M", self.esp)
        m.sh("mkfs.vfat", "-F", "32", "-n", "ESP", self.esp)
        m.sh("mmd", "-i", self.esp, "::/EFI", "::/EFI/BOOT")
        self.install(self.uki)

    def path(self, name):
        return os.path.join(self.work, name)

    def dracut(self, name):
        tree = Tree(self.work)
        try:
            conf = 'uefi="yes"\nkernel_cmdline="%s"\n' % self.line
            if self.secure:
                key, cert = snakeoil(self.work)
                tree.write("/etc/snakeoil.key", open(key).read())
                tree.write("/etc/snakeoil.pem", open(cert).read())
                conf += 'uefi_secureboot_key=/etc/snakeoil.key\nuefi_secureboot_cert=/etc/snakeoil.pem\n'
            tree.write("/etc/dracut.conf.d/imagate.conf", conf)
            tree.write("/etc/imagate/imagate.conf", self.config)
            tree.write("/etc/imagate/seal.pem", self.seal)
            for path, text in self.files.items():
                tree.write(path, text)
            tree.write("/tmp/imagate-agent-initrd.service",
                       open(os.path.join(m.REPO, "images/guest/imagate-agent-initrd.service")).read())
            tree.write("/tmp/agent.conf", "[Unit]\nWants=imagate-agent-initrd.service\n")
            more = " ".join("--include /tmp/%s %s%s" % (f, to, f) for f, to in AGENT.items())
            p = tree.chroot("%s %s %s --kver %s /tmp/%s" % (DRACUT, more, self.options, self.kernel, name))
            self.dracut_said = p.stdout
            if p.returncode or not os.path.exists(tree.path + "/tmp/" + name):
                raise m.Failure("dracut --uefi: exit %d\n%s" % (p.returncode, p.stdout))
            shutil.move(tree.path + "/tmp/" + name, self.path(name))
        finally:
            shutil.rmtree(tree.path)
        return self.path(name)

    def variant(self, name, line=None, files=None):
        """This UKI with another command line, or with files appended to its initramfs; signed as it was."""
        parts = sections(self.uki, self.work)
        if line is not None:
            with open(parts[".cmdline"], "wb") as f:
                f.write(line.encode() + b"\0")
        if files:
            more = self.path("more.cpio")
            m.cpio(files, more)
            with open(parts[".initrd"], "r+b") as f:
                f.seek(0, 2)
                f.write(b"\0" * (-f.tell() % 512))
                f.write(open(more, "rb").read())
        assemble(parts, self.path(name))
        if self.secure:
            sign(self.path(name), *snakeoil(self.work))
        return self.path(name)

    def install(self, uki, to="/EFI/BOOT/BOOTX64.EFI"):
        m.sh("mcopy", "-o", "-i", self.esp, uki, "::" + to)

    def boot(self, script="", **kw):
        return m.Machine(self.kernel, disk=self.disk, tpm=self.tpm, script=script, keep=True, firmware=self._firmware,
                         timeout=kw.pop("timeout", 400), **kw).run()

    def _firmware(self, vm, work):
        secure = ["-machine", "smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on"]
        return (secure if self.code == OTHER_CODE else []) + [
            "-drive", "if=pflash,format=raw,readonly=on,file=" + SHARE + self.code,
            "-drive", "if=pflash,format=raw,file=" + self.vars,
            "-drive", "id=esp,if=none,format=raw,file=" + self.esp,
            "-device", "nvme,serial=esp,drive=esp,bootindex=1"]
