"""One virtual machine: QEMU (q35, TCG, tpm-tis) with a swtpm of its own, disks that are thrown
away, a script it runs once it is up, and what came out of both serial lines."""

import fcntl
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

REPO = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
CACHE = os.path.realpath(os.environ.get("IMAGATE_CACHE", os.path.join(REPO, "build", "vm")))
TIMEOUT = int(os.environ.get("VM_TIMEOUT", "240"))
BOOT_GRACE = 60  # seconds without a word from the kernel: the VM hangs, not our code
GRUB_GRACE = 180  # the same where OVMF and GRUB come first and read the initramfs, on a busy machine
DONE = "imagate-agent: "
LSM_6_1 = "lsm=landlock,lockdown,yama,loadpin,safesetid,integrity,apparmor"


tpm_lock = threading.Lock()


class Failure(Exception):
    pass


def sh(*args, **kw):
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    if r.returncode != 0:
        raise Failure("%s: exit %d\n%s" % (" ".join(args), r.returncode, r.stdout))
    return r.stdout


def unmount(at):
    """A program that another thread is just starting has our files open until it is there: busy for a moment."""
    for _ in range(100):
        if subprocess.run(["umount", at], stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.1)
    sh("umount", at)


cache_lock = None


def images(what):
    """images/build WHAT. From here to this process's end the cache is its own: another run would build the images
    anew under its machines."""
    global cache_lock
    os.makedirs(CACHE, exist_ok=True)
    cache_lock = open(os.path.join(CACHE, "lock"), "w")
    try:
        fcntl.flock(cache_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another run is at work in %s: waiting for its end" % CACHE, flush=True)
        fcntl.flock(cache_lock, fcntl.LOCK_EX)
    return subprocess.call([os.path.join(REPO, "images", "build"), what]) == 0


def kernels():
    names = sorted(f[len("vmlinuz-"):] for f in os.listdir(CACHE) if f.startswith("vmlinuz-"))
    if not names:
        raise Failure("no kernel in %s: images/build all" % CACHE)
    return names


def kernel_like(prefix):
    return next(k for k in kernels() if k.startswith(prefix))


def cpio(files, path):
    """A newc archive of {name: bytes or (bytes, mode)}, to be appended to an initramfs."""
    out = bytearray()

    def entry(name, data, mode, ino):
        name = name.encode() + b"\0"
        head = "070701" + "".join("%08x" % v for v in (
            ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0))
        out.extend(head.encode() + name)
        out.extend(b"\0" * (-len(out) % 4))
        out.extend(data)
        out.extend(b"\0" * (-len(out) % 4))

    seen = set()
    ino = 720000
    for name in sorted(files):
        parts = name.strip("/").split("/")
        for i in range(1, len(parts)):
            d = "/".join(parts[:i])
            if d not in seen:
                seen.add(d)
                entry(d, b"", 0o40755, ino)
                ino += 1
        data = files[name]
        mode = 0o100644
        if isinstance(data, tuple):
            data, mode = data
        if isinstance(data, str):
            data = data.encode()
        entry("/".join(parts), data, mode, ino)
        ino += 1
    entry("TRAILER!!!", b"", 0, 0)
    out.extend(b"\0" * (-len(out) % 512))
    with open(path, "wb") as f:
        f.write(out)


def cpio_without(path, names, out):
    """A copy of an uncompressed newc archive without these files."""
    data = open(path, "rb").read()
    kept = bytearray()
    at = 0
    while at < len(data):
        if data[at:at + 6] not in (b"070701", b"070702"):
            kept += data[at:at + 4]  # padding between archives
            at += 4
            continue
        size, name_len = int(data[at + 54:at + 62], 16), int(data[at + 94:at + 102], 16)
        name = data[at + 110:at + 110 + name_len - 1].decode().lstrip("./")
        body = (at + 110 + name_len + 3) & ~3
        end = (body + size + 3) & ~3
        if name not in names:
            kept += data[at:end]
        at = end
    with open(out, "wb") as f:
        f.write(kept)


def program(name):
    """A program of the image with the libraries it needs, for an initramfs overlay."""
    root = os.path.join(CACHE, "root")
    files = {}
    out = sh("chroot", root, "ldd", name)
    for word in [name] + [w for w in out.split() if w.startswith("/")]:
        real = os.path.realpath(os.path.join(root, word.lstrip("/")))
        with open(real, "rb") as f:
            files["usr" + word if word.startswith(("/lib", "/bin", "/sbin")) else word] = (f.read(), 0o100755)
    return files


def new_tpm(path, banks="sha256"):
    """The state of a TPM as it leaves the factory, with these banks."""
    template = os.path.join(CACHE, "tpm-template" + ("" if banks == "sha256" else "-" + banks.replace(",", "-")))
    with tpm_lock:
        if not os.path.isdir(template):
            work = tempfile.mkdtemp(dir=CACHE)
            sh("swtpm_setup", "--tpm2", "--tpmstate", work, "--pcr-banks", banks, "--overwrite")
            os.rename(work, template)
    shutil.copytree(template, path)


def debs(*names):
    """Packages of the archive, kept in the cache: {name: path}."""
    cache = os.path.join(CACHE, "debs")
    os.makedirs(cache, exist_ok=True)
    if not all(glob.glob(os.path.join(cache, n + "_*.deb")) for n in names):
        r = subprocess.run(("apt-get", "download") + names, cwd=cache, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if r.returncode != 0:
            sh("apt-get", "update", "-q")
            sh("apt-get", "download", *names, cwd=cache)
    return {n: glob.glob(os.path.join(cache, n + "_*.deb"))[0] for n in names}


class Result:
    def __init__(self, console, agent, seconds, started_again):
        self.console, self.agent = console, agent
        self.seconds, self.started_again = seconds, started_again

    def value(self, key):
        """The value of the agent's last line KEY=value; None if it said none."""
        got = None
        for line in self.agent.splitlines():
            if line.startswith(key + "="):
                got = line[len(key) + 1:].strip()
        return got

    def block(self, name):
        """What the agent printed between '--- name' and '--- end'."""
        lines, on = [], False
        for line in self.agent.splitlines():
            line = line.rstrip("\r")
            if line == "--- " + name:
                lines, on = [], True
            elif line == "--- end":
                on = False
            elif on:
                lines.append(line)
        return "\n".join(lines) + "\n" if lines else ""


class Machine:
    """kernel: its release. disk: raw or qcow2 file, copied on write unless keep. disks: more of them,
    raw, changed in place: /dev/vdc and on; a pair (disk, log) has every write to it logged, see diskwrites.py. overlay: files appended to the initramfs. tpm: state
    directory (changed in place) or None. script: for the agent, in the host system or, where the
    boot stops, in the initramfs."""

    def __init__(self, kernel, cmdline="", disk=None, overlay=None, tpm=None, script="", keep=False,
                 initramfs=None, timeout=TIMEOUT, until=None, firmware=None, name="vm", extra_cpio=(),
                 answers=(), disks=()):
        self.kernel, self.cmdline, self.disk, self.tpm = kernel, cmdline, disk, tpm
        self.overlay, self.script, self.keep = dict(overlay or {}), script, keep
        self.initramfs = initramfs or os.path.join(CACHE, "initramfs-%s.cpio" % kernel)
        self.timeout, self.until, self.firmware, self.name = timeout, until, firmware, name
        self.extra_cpio, self.disks = extra_cpio, disks
        self.answers = list(answers)  # (pattern, text): typed at the console when the pattern appears, in order

    def run(self):
        r = self._run_once()
        if os.environ.get("VM_TRACE"):
            print("    boot %3.0f s: %s" % (r.seconds, self.cmdline), flush=True)
        # the kernel never spoke, or never reached our code: the machine's fault, once
        if r.hung_early:
            again = self._run_once()
            again.started_again = True
            return again
        return r

    def _initrd(self, work):
        path = os.path.join(work, "initrd")
        unit = open(os.path.join(REPO, "images", "guest", "imagate-agent-initrd.service")).read()
        files = {
            "usr/lib/systemd/system/imagate-agent-initrd.service": unit,
            "usr/lib/systemd/system/emergency.target.d/agent.conf":
                "[Unit]\nWants=imagate-agent-initrd.service\n",
        }
        files.update(self.overlay)
        extra = os.path.join(work, "extra.cpio")
        cpio(files, extra)
        with open(path, "wb") as out:
            for part in (self.initramfs, *self.extra_cpio, extra):
                with open(part, "rb") as f:
                    shutil.copyfileobj(f, out)
                out.write(b"\0" * (-out.tell() % 512))
        return path

    def _disks(self, work):
        args = []
        if self.disk:
            disk = self.disk
            fmt = "raw" if disk.endswith(".raw") else "qcow2"
            if not self.keep:
                disk = os.path.join(work, "disk.qcow2")
                sh("qemu-img", "create", "-q", "-f", "qcow2", "-b", self.disk, "-F", fmt, disk)
                fmt = "qcow2"
            args += ["-drive", "file=%s,format=%s,if=none,id=root,cache=unsafe" % (disk, fmt)]
        else:
            args += ["-drive", "driver=null-co,read-zeroes=on,size=1M,if=none,id=root"]
        # in the boot order: OVMF shows its GRUB no other disks
        args += ["-device", "virtio-blk-pci,drive=root,bootindex=2"]
        script = os.path.join(work, "script")
        with open(script, "wb") as f:
            f.write(self.script.encode())
            f.write(b"\n" * 512 + b"\0" * (-(f.tell() + 512) % 4096))
        args += ["-drive", "file=%s,format=raw,if=none,id=script,readonly=on" % script,
                 "-device", "virtio-blk-pci,drive=script"]
        for i, path in enumerate(self.disks):
            if isinstance(path, tuple):
                for node, name in zip(("data", "log"), path):
                    args += ["-blockdev", "driver=file,node-name=%s%d,filename=%s" % (node, i, name)]
                args += ["-blockdev", "driver=blklogwrites,node-name=more%d,file=data%d,log=log%d" % (i, i, i)]
            else:
                args += ["-drive", "file=%s,format=raw,if=none,id=more%d,cache=unsafe,discard=unmap" % (path, i)]
            args += ["-device", "virtio-blk-pci,drive=more%d" % i]
        return args

    def _start_tpm(self, work):
        sock = os.path.join(work, "tpm.sock")
        p = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.tpm, "--ctrl",
                              "type=unixio,path=" + sock, "--flags", "not-need-init",
                              "--terminate"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.time() + 10
        while not os.path.exists(sock):
            if p.poll() is not None or time.time() > end:
                raise Failure("swtpm did not start")
            time.sleep(0.02)  # swtpm has no ready event but its socket
        return p, ["-chardev", "socket,id=tpm,path=" + sock, "-tpmdev", "emulator,id=tpm0,chardev=tpm",
                   "-device", "tpm-tis,tpmdev=tpm0"]

    def _boot_args(self, work):
        if self.firmware:
            return self.firmware(self, work)
        line = "root=/dev/vda ro console=ttyS0 systemd.show_status=0 " + self.cmdline
        return ["-kernel", os.path.join(CACHE, "vmlinuz-" + self.kernel), "-initrd", self._initrd(work),
                "-append", line.strip()]

    def _run_once(self):
        work = tempfile.mkdtemp(prefix="vm-", dir=CACHE)
        tpm = None
        try:
            args = ["qemu-system-x86_64", "-machine", "q35,sata=off,smbus=off,vmport=off", "-cpu",
                    "qemu64,-svm,+rdrand", "-accel", "tcg", "-smp", "1", "-m", "1024",
                    "-nodefaults", "-display", "none", "-no-reboot",
                    "-chardev", "socket,id=con,server=on,wait=off,path=%s,logfile=%s" % (
                        os.path.join(work, "con.sock"), os.path.join(work, "console")),
                    "-serial", "chardev:con",
                    "-serial", "file:" + os.path.join(work, "agent")]
            args += self._boot_args(work) + self._disks(work)
            if self.tpm:
                tpm, more = self._start_tpm(work)
                args += more
            return self._watch(args, work)
        finally:
            if tpm:
                try:
                    tpm.wait(5)
                except subprocess.TimeoutExpired:
                    tpm.kill()
                    tpm.wait()
            if not os.environ.get("VM_KEEP"):
                shutil.rmtree(work, ignore_errors=True)

    @staticmethod
    def _drain(sock):
        try:
            while sock.recv(65536):
                pass
        except OSError:
            pass

    def _answer(self, text, work):
        """Types what is asked for. A pattern counts once, behind what was answered before."""
        at = getattr(self, "answered", 0)
        if not self.answers:
            return
        hit = re.search(self.answers[0][0], text[at:])
        if not hit:
            return
        if not getattr(self, "keyboard", None):
            self.keyboard = socket.socket(socket.AF_UNIX)
            self.keyboard.connect(os.path.join(work, "con.sock"))
            # QEMU writes byte by byte: who does not read stops the machine after some 270 of them
            threading.Thread(target=self._drain, args=(self.keyboard,), daemon=True).start()
        self.keyboard.sendall(self.answers.pop(0)[1].encode())
        self.answered = at + hit.end()

    def _watch(self, args, work):
        start = time.time()
        log = open(os.path.join(work, "qemu.log"), "w")
        p = subprocess.Popen(args, stdout=log, stderr=subprocess.STDOUT)
        spoke = hung = False

        def read(name):
            try:
                with open(os.path.join(work, name), "rb") as f:
                    return f.read().decode("utf-8", "replace").replace("\r", "")
            except FileNotFoundError:
                return ""

        while p.poll() is None:
            try:
                p.wait(0.3)
            except subprocess.TimeoutExpired:
                pass
            now = time.time() - start
            text = read("console")
            spoke = spoke or "Linux version" in text or read("agent") != ""
            self._answer(text, work)
            if self.until and self.until(text):
                break
            # "IO-APIC + timer doesn't work!": a virtual machine that was not given its time
            early = read("agent") == "" and (not spoke or "imagate" not in re.sub(r"[Cc]ommand line:.*", "", text.split("Linux version")[-1]))
            grace = GRUB_GRACE if self.firmware else BOOT_GRACE
            if now > self.timeout or (early and "end Kernel panic" in text) or (not spoke and now > grace):
                hung = early
                break
        if p.poll() is None:
            p.send_signal(signal.SIGKILL)
            p.wait()
        r = Result(read("console"), read("agent"), time.time() - start, False)
        # under load, before our code: SeaBIOS gives a TPM up that was slow once, and switches its hierarchies off; the
        # kernel's driver does not find it
        lost = self.tpm and ("the TPM's owner hierarchy is disabled" in r.console or "no TPM 2.0 appeared" in r.console)
        r.hung_early = hung or bool(lost)
        if p.returncode not in (0, -9):
            raise Failure("qemu: exit %d: %s" % (p.returncode, open(log.name).read()))
        return r
