"""What the kernel does to files in every state, and what 'imagate check' said it would: some hundred files on ext4,
xfs and btrfs, each tried at each hook under a policy that appraises. The lists must be equal, verdicts and causes."""

import collections
import fcntl
import hashlib
import hmac
import lzma
import os
import re
import struct
import subprocess

import machine as m
from common import check
from golden import lsm_for

BARE = True  # no system is booted: no golden machine is needed
EVM_KEY, KMK = bytes(range(1, 33)), b"a master key that everybody knows"
FS_IOC_GETVERSION, FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, IMMUTABLE = 0x80087601, 0x80086601, 0x40086602, 0x10
# linux/hash_info.h
ALGO = {"md4": 0, "md5": 1, "sha1": 2, "rmd160": 3, "sha256": 4, "sha384": 5, "sha512": 6, "sha224": 7, "rmd128": 8, "wp512": 13,
        "tgr192": 16, "sm3": 17, "sha3-256": 20, "sha3-384": 21, "sha3-512": 22}
# in the kernel's order; True: Debian's HMACs cover it
PROTECTED = [("security.selinux", True), ("security.SMACK64", False), ("security.SMACK64EXEC", False),
             ("security.SMACK64TRANSMUTE", False), ("security.SMACK64MMAP", False), ("security.apparmor", True),
             ("security.ima", True), ("security.capability", True)]
CAPS = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)  # cap_net_bind_service=ep
TEXT = b"not a program\n"


def run(args, data):
    r = subprocess.run(args, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if r.returncode != 0:
        raise m.Failure("%s: %s" % (" ".join(args), r.stderr.decode()))
    return r.stdout


# -- keys --------------------------------------------------------------------------------

class Key:
    """A key, its certificate and the four bytes that the kernel finds it by."""

    def __init__(self, work, name, kind, expired=False):
        self.name, self.signed = name, {}
        self.pem, der = os.path.join(work, name + ".pem"), os.path.join(work, name + ".der")
        new = ["-newkey", kind] if kind.startswith("rsa") else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + kind]
        what = [] if expired else ["-x509", "-days", "3650", "-outform", "DER"]
        m.sh("openssl", "req", "-new", *what, *new, "-nodes", "-subj", "/CN=" + name, "-addext", "keyUsage=digitalSignature",
             "-addext", "basicConstraints=CA:FALSE", "-keyout", self.pem, "-out", der)
        if expired:
            self.sign_in_the_past(work, der)
        text = m.sh("openssl", "x509", "-inform", "DER", "-in", der, "-noout", "-ext", "subjectKeyIdentifier")
        self.id = bytes.fromhex(re.search(r"((?:[0-9A-F]{2}:)+[0-9A-F]{2})", text).group(1).replace(":", ""))[-4:]
        with open(der, "rb") as f:
            self.der = f.read()

    def sign_in_the_past(self, work, path):
        """Of a request a certificate that has expired: 'openssl req' makes none."""
        config = os.path.join(work, "ca.conf")
        with open(config, "w") as f:
            f.write("[ca]\ndefault_ca=x\n[x]\ndatabase=%s/index\nrand_serial=yes\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n"
                    "[p]\ncommonName=supplied\n[e]\nsubjectKeyIdentifier=hash\nkeyUsage=digitalSignature\n" % work)
        open(os.path.join(work, "index"), "w").close()
        pem = path + ".pem"
        m.sh("openssl", "ca", "-batch", "-selfsign", "-config", config, "-keyfile", self.pem, "-in", path, "-notext", "-out", pem,
             "-outdir", work, "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
        m.sh("openssl", "x509", "-in", pem, "-outform", "DER", "-out", path)

    def sign(self, data, algo="sha256"):
        if (data, algo) not in self.signed:
            self.signed[data, algo] = run(["openssl", "dgst", "-" + algo, "-sign", self.pem], data)
        return self.signed[data, algo]

    def label(self, data, algo="sha256", kind=3, version=2, said=None, keyid=None):
        """signature_v2_hdr and the signature; said: the algorithm that the header names instead"""
        return header(kind, version, ALGO[said or algo], keyid or self.id, self.sign(data, algo))


def header(kind, version, algo, keyid, signature):
    return bytes([kind, version, algo]) + keyid + len(signature).to_bytes(2, "big") + signature


def keys(work):
    made = {name: Key(work, name, kind, name == "expired") for name, kind in (
        ("rsa", "rsa:2048"), ("rsa4096", "rsa:4096"), ("p256", "P-256"), ("p384", "P-384"), ("p521", "P-521"), ("expired", "rsa:2048"),
        ("stranger", "rsa:2048"), ("evm-rsa", "rsa:2048"), ("evm-p256", "P-256"))}
    return collections.namedtuple("Keys", [k.replace("-", "_") for k in made])(*made.values())


def encrypted_key():
    """The kernel's 'encrypted' key EVM_KEY under the user key KMK, as 'load' takes it (KERNEL-FACTS 1.3)."""
    def derived(word):
        text = word + b"\0" + KMK
        return hashlib.sha256(text.ljust(len(KMK) + 9, b"\0")).digest()

    iv = bytes(16)
    secret = run(["openssl", "enc", "-aes-256-cbc", "-nopad", "-K", derived(b"ENC_KEY").hex(), "-iv", iv.hex()], EVM_KEY)
    body = b"default\0user:kmk\x0032\0" + iv + b"\0" + secret
    mac = hmac.new(derived(b"AUTH_KEY"), body, "sha256").digest()
    return "load default user:kmk 32 " + (iv + b"\0" + secret + mac).hex()


# -- what EVM's HMACs and signatures are over -------------------------------------------------

class Inode:
    def __init__(self, path, fsuuid, **changed):
        s = os.stat(path)
        fd = os.open(path, os.O_RDONLY)
        generation = struct.unpack("<i", fcntl.ioctl(fd, FS_IOC_GETVERSION, bytes(8))[:4])[0] & 0xffffffff
        os.close(fd)
        self.__dict__.update(ino=s.st_ino, generation=generation, uid=s.st_uid, gid=s.st_gid, mode=s.st_mode, uuid=fsuuid)
        self.xattrs = {n: os.getxattr(path, n) for n in os.listxattr(path) if n.startswith("security.")}
        self.__dict__.update(changed)

    def message(self, portable=False):
        values = b"".join(self.xattrs[n] for n, enabled in PROTECTED if n in self.xattrs and (enabled or portable))
        ino, generation, uuid = (0, 0, b"") if portable else (self.ino, self.generation, self.uuid)
        return values + struct.pack("<QIIIHxx", ino, generation, self.uid, self.gid, self.mode) + uuid

    def hmac(self, key=EVM_KEY):
        return b"\x02" + hmac.new(key.ljust(128, b"\0"), self.message(), "sha1").digest()


# -- states ------------------------------------------------------------------------------------

def digest(algo, data):
    if algo in ("wp512", "md4", "rmd160"):
        name = {"wp512": "whirlpool"}.get(algo, algo)
        return run(["openssl", "dgst", "-provider", "legacy", "-provider", "default", "-" + name, "-binary"], data)
    return hashlib.new(algo.replace("-", "_"), data).digest() if algo not in ("tgr192", "rmd128") else bytes(32)


def ng(algo, data):
    return bytes([4, ALGO[algo]]) + digest(algo, data)


def flipped(label, at=-1):
    at %= len(label)
    return label[:at] + bytes([label[at] ^ 1]) + label[at + 1:]


def ima_labels(k, data):
    """name -> security.ima, None: none"""
    sha256, rsa = ng("sha256", data), k.rsa.label(data)
    labels = {"none": None, "empty": b""}
    labels.update((a, ng(a, data)) for a in ALGO)
    labels.update((a + "-wrong", flipped(ng(a, data))) for a in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512"))
    labels.update({
        "sha1-legacy": b"\x01" + digest("sha1", data), "md5-legacy": b"\x01" + digest("md5", data),
        "md5-legacy-padded": b"\x01" + digest("md5", data) + bytes(4), "sha1-legacy-wrong": flipped(b"\x01" + digest("sha1", data)),
        "md5-legacy-wrong": flipped(b"\x01" + digest("md5", data)), "sha256-legacy": b"\x01" + digest("sha256", data),
        "sha1-legacy-longer": b"\x01" + digest("sha1", data) + b"x", "legacy-bare": b"\x01",
        "sha256-longer": sha256 + b"tail", "sha256-shorter": sha256[:-1], "sha256-bare": b"\x04\x04", "bare": b"\x04",
        "algo-23": b"\x04\x17" + digest("sha256", data), "algo-200": b"\x04\xc8" + digest("sha256", data),
        "algo-20-sha256": b"\x04\x14" + digest("sha256", data), "algo-200-wrong": b"\x04\xc8" + bytes(32),
        "type-0": b"\0" * 34, "type-2": b"\x02" + bytes(20), "type-5": k.rsa.label(data, kind=5), "type-7": b"\x07\x04" + bytes(32),
        "type-255": b"\xff" * 34, "type-6": k.rsa.label(data, kind=6, version=3), "type-6-v2": k.rsa.label(data, kind=6),
        "type-6-bare": b"\x06", "garbage": bytes(range(32, 96)),
        "rsa": rsa, "rsa4096": k.rsa4096.label(data), "expired": k.expired.label(data), "p256": k.p256.label(data),
        "p384": k.p384.label(data, "sha384"), "p521": k.p521.label(data, "sha512"), "p256-sha512": k.p256.label(data, "sha512"), "p256-flipped": flipped(k.p256.label(data)),
        "p256-by-rsa": k.rsa.label(data, keyid=k.p256.id), "rsa-by-p256": k.p256.label(data, keyid=k.rsa.id),
        "stranger": k.stranger.label(data), "stranger-as-rsa": k.stranger.label(data, keyid=k.rsa.id),
        "evm-key": k.evm_rsa.label(data), "rsa-flipped": flipped(rsa), "rsa-other-content": k.rsa.label(data + b"x"),
        "rsa-said-sha512": k.rsa.label(data, said="sha512"), "rsa-said-sha1": k.rsa.label(data, said="sha1"),
        "rsa-algo-200": header(3, 2, 200, k.rsa.id, k.rsa.sign(data)), "rsa-algo-sm3": header(3, 2, 17, k.rsa.id, k.rsa.sign(data)),
        "rsa-version-0": k.rsa.label(data, version=0), "rsa-version-1": k.rsa.label(data, version=1),
        "rsa-version-3": k.rsa.label(data, version=3), "rsa-version-4": k.rsa.label(data, version=4),
        "rsa-longer": rsa + b"x", "rsa-shorter": rsa[:-1], "rsa-header": rsa[:9], "rsa-empty": header(3, 2, 4, k.rsa.id, b""),
        "rsa-two": b"\x03\x02", "rsa-one": b"\x03", "rsa-as-sha1": header(3, 2, 2, k.rsa.id, b"x" * 256)})
    labels.update(("rsa-" + a, k.rsa.label(data, a)) for a in ("md5", "sha1", "sha224", "sha384", "sha512", "sha3-256"))
    return labels


def evm_labels(k):
    """name -> function of an Inode and its path's neighbour that makes security.evm"""
    def portable(key=k.evm_rsa, algo="sha256", **kw):
        return lambda i: key.label(i.message(True), algo, kind=5, **kw)

    def bound(key=k.evm_rsa, **kw):
        return lambda i: key.label(i.message(), kind=3, **kw)

    return {
        "hmac": lambda i: i.hmac(), "hmac-flipped": lambda i: flipped(i.hmac()), "hmac-other-key": lambda i: i.hmac(bytes(32)),
        "hmac-bare-key": lambda i: b"\x02" + hmac.new(hashlib.sha1(EVM_KEY).digest(), i.message(), "sha1").digest(),
        "hmac-longer": lambda i: i.hmac() + b"x", "hmac-shorter": lambda i: i.hmac()[:-1], "hmac-bare": lambda i: b"\x02",
        "empty": lambda i: b"", "type-0": lambda i: b"\0" + i.hmac()[1:], "type-1": lambda i: b"\x01" + i.hmac()[1:],
        "type-4": lambda i: b"\x04" + i.hmac()[1:], "type-6": lambda i: k.evm_rsa.label(i.message(True), kind=6),
        "portable": portable(), "portable-sha1": portable(algo="sha1"), "portable-sha512": portable(algo="sha512"),
        "portable-p256": portable(k.evm_p256), "portable-stranger": portable(k.stranger), "portable-by-ima-key": portable(k.rsa),
        "portable-flipped": lambda i: flipped(portable()(i)), "portable-version-3": portable(version=3),
        "portable-version-1": portable(version=1), "portable-said-sha1": portable(said="sha1"),
        "portable-algo-200": lambda i: header(5, 2, 200, k.evm_rsa.id, k.evm_rsa.sign(i.message(True))),
        "portable-sm3": lambda i: header(5, 2, 17, k.evm_rsa.id, k.evm_rsa.sign(i.message(True))),
        "portable-header": lambda i: portable()(i)[:9], "portable-one": lambda i: b"\x05", "portable-longer": lambda i: portable()(i) + b"x",
        "portable-over-inode": lambda i: k.evm_rsa.label(i.message(), kind=5),
        "bound": bound(), "bound-stranger": bound(k.stranger), "bound-flipped": lambda i: flipped(bound()(i)),
        "bound-header": lambda i: bound()(i)[:9], "bound-portably": lambda i: k.evm_rsa.label(i.message(True), kind=3),
    }


class Tree:
    """Files on one mounted file system."""

    def __init__(self, kind, image, root, uuid, k):
        self.kind, self.image, self.root, self.uuid, self.k = kind, image, root, uuid, k
        self.names, self.immutable, self.evm = [], set(), evm_labels(k)

    def add(self, name, content=TEXT, ima=None, evm=None, owner=(0, 0), mode=0o755, xattrs=None, grown=0):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content)
            if grown:
                f.truncate(grown)  # a hole
        os.chown(path, *owner)
        os.chmod(path, mode)
        for x, value in (xattrs or {}).items():
            os.setxattr(path, x, value)
        if ima is not None:
            os.setxattr(path, "security.ima", ima)
        if evm:
            self.seal(path, evm)
        self.names.append(name)
        return path

    def seal(self, path, evm, **changed):
        os.setxattr(path, "security.evm", self.evm[evm](Inode(path, self.uuid, **changed)))

    def fill(self):
        labels = ima_labels(self.k, TEXT)
        for name, value in labels.items():
            self.add("ima/" + name, ima=value)
            self.add("hmac/" + name, ima=value, evm="hmac")
            self.add("portable/" + name, ima=value, evm="portable")
        for ima in ("none", "sha256", "sha256-wrong", "rsa", "rsa-flipped"):
            for evm in self.evm:
                self.add("evm/%s/%s" % (ima, evm), ima=labels[ima], evm=evm)
        for evm in ("hmac", "portable", "bound"):
            self.contents(evm)
            self.metadata(evm)
            self.moved(evm)
        for where in ("ima", "hmac"):
            for name in ("sha256", "rsa", "none"):
                if name != "none" or where == "ima":
                    os.link(os.path.join(self.root, where, name), os.path.join(self.root, where, "link-to-" + name))
                    self.names.append("%s/link-to-%s" % (where, name))

    def contents(self, evm):
        for name, content, grown in (("empty", b"", 0), ("one", b"x", 0), ("page", b"y" * 4096, 0), ("page-and-one", b"z" * 4097, 0),
                                     ("large", b"0123456789abcdef" * 20000 + b"end", 0), ("hole", b"begin", 1 << 20)):
            whole = content.ljust(grown, b"\0")
            for kind, label in (("sha256", ng("sha256", whole)), ("rsa", self.k.rsa.label(whole)),
                                ("wrong", ng("sha256", whole + b"\0"))):
                self.add("content/%s/%s-%s" % (evm, name, kind), content, label, evm, grown=grown)

    def metadata(self, evm):
        """Owners, modes, capabilities, ACLs, LSM labels: as sealed, and changed afterwards."""
        sha256, at = ng("sha256", TEXT), "metadata/%s/" % evm
        acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in (
            (1, 7, 0xffffffff), (2, 5, 1000), (4, 5, 0xffffffff), (16, 5, 0xffffffff), (32, 5, 0xffffffff)))
        extra = {"setuid": dict(mode=0o4755), "setgid-sticky": dict(mode=0o3711), "owned": dict(owner=(1000, 4294967294)),
                 "capable": dict(xattrs={"security.capability": CAPS}), "setuid-owned": dict(mode=0o4755, owner=(5, 0)), "setgid-owned": dict(mode=0o2755, owner=(0, 6)),
                 "setgid-without-x": dict(mode=0o2745, owner=(0, 6)), "acl": dict(xattrs={"system.posix_acl_access": acl}),
                 "selinux": dict(xattrs={"security.selinux": b"system_u:object_r:bin_t:s0\0"}),
                 "smack": dict(xattrs={"security.SMACK64": b"_"}), "apparmor": dict(xattrs={"security.apparmor": b"x"}),
                 "all": dict(mode=0o6750, owner=(5, 6), xattrs={"security.capability": CAPS, "security.selinux": b"a", "user.x": b"y",
                                                              "security.apparmor": b"b", "security.SMACK64EXEC": b"c"})}
        for name, what in extra.items():
            self.add(at + name, ima=sha256, evm=evm, **what)
        os.chmod(self.add(at + "mode-changed", ima=sha256, evm=evm), 0o4755)
        os.chown(self.add(at + "owner-changed", ima=sha256, evm=evm), 1000, 0)
        os.chown(self.add(at + "group-changed", ima=sha256, evm=evm), 0, 1000)
        os.setxattr(self.add(at + "capability-added", ima=sha256, evm=evm), "security.capability", CAPS)
        os.setxattr(self.add(at + "acl-added", ima=sha256, evm=evm), "system.posix_acl_access", acl)
        os.setxattr(self.add(at + "selinux-added", ima=sha256, evm=evm), "security.selinux", b"x")
        os.setxattr(self.add(at + "smack-added", ima=sha256, evm=evm), "security.SMACK64", b"x")
        os.setxattr(self.add(at + "user-added", ima=sha256, evm=evm), "user.x", b"y")
        os.setxattr(self.add(at + "label-changed", ima=sha256, evm=evm), "security.ima", ng("sha512", TEXT))
        os.removexattr(self.add(at + "label-gone", ima=sha256, evm=evm), "security.ima")
        os.removexattr(self.add(at + "capability-gone", ima=sha256, evm=evm, xattrs={"security.capability": CAPS}),
                       "security.capability")
        for name, label in (("sha256", sha256), ("unlabelled", None), ("wrong", ng("sha256", b"")), ("rsa", self.k.rsa.label(TEXT))):
            path = self.add(at + "immutable-" + name, ima=label, evm=evm)
            fd = os.open(path, os.O_RDONLY)
            flags = struct.unpack("<i", fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(8))[:4])[0]
            fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("<q", flags | IMMUTABLE))
            os.close(fd)
            self.immutable.add(at + "immutable-" + name)

    def moved(self, evm):
        """Made for another inode, generation or file system of otherwise the same state."""
        sha256 = ng("sha256", TEXT)
        other = Inode(os.path.join(self.root, "ima/sha256"), self.uuid)
        for name, changed in (("inode", dict(ino=other.ino, generation=other.generation)), ("generation", dict(generation=77)),
                              ("file-system", dict(uuid=bytes(16)))):
            self.seal(self.add("moved/%s-%s" % (evm, name), ima=sha256), evm, **changed)


# -- disks -------------------------------------------------------------------------------------

FILE_SYSTEMS = [("ext4", "64M", ["-q", "-F", "-b", "4096", "-N", "4096"]), ("xfs", "320M", ["-q"]), ("btrfs", "128M", ["-q"])]


def uuid_of(image):
    return bytes.fromhex(m.sh("blkid", "-p", "-o", "value", "-s", "UUID", image).strip().replace("-", ""))


def make_tree(work, k, name, size, options, fill):
    """An image of a file system that fill(tree) has put files on."""
    image, at = os.path.join(work, name + ".img"), os.path.join(work, name)
    with open(image, "wb"):
        os.truncate(image, int(size[:-1]) << 20)
    m.sh("mkfs." + name, *options, image)
    os.mkdir(at)
    m.sh("mount", "-o", "loop", image, at)
    try:
        tree = Tree(name, image, at, uuid_of(image), k)
        fill(tree)
        return tree
    finally:
        m.unmount(at)


# -- the guest ---------------------------------------------------------------------------------

MODULES = ("virtio_pci virtio_blk crc32c_generic ext4 xfs btrfs sha512_generic sha3_generic rmd160 md4 wp512 "
           "ecdsa_generic").split()  # the kernel asks modprobe for algorithms, and there is none here


def modules(kernel):
    """What is to be loaded, in order."""
    base = os.path.join(m.CACHE, "root", "usr", "lib", "modules", kernel)
    depends = {}
    for line in open(os.path.join(base, "modules.dep")):
        path, needs = line.rstrip("\n").split(":")
        depends[re.sub(r".*/|\.ko.*", "", path).replace("-", "_")] = [path] + needs.split()
    wanted = []
    for name in MODULES:
        for path in reversed(depends.get(name, [])):
            if path not in wanted:
                wanted.append(path)
    files = {}
    for i, path in enumerate(wanted):
        with open(os.path.join(base, path), "rb") as f:
            data = f.read()
        files["modules/%02d.ko" % i] = lzma.decompress(data) if path.endswith(".xz") else data
    return files


def overlay(kernel, work, k, mode, policy, trees, names):
    init = os.path.join(work, "init")
    m.sh("gcc", "-O2", "-static", "-Wall", "-Wextra", "-o", init, os.path.join(m.REPO, "tests", "vm", "evaluate.c"))
    files = dict(modules(kernel), **m.program("/usr/bin/imagate"))
    with open(init, "rb") as f:
        files["init"] = (f.read(), 0o100755)
    files.update({
        "policy": policy, "evm-mode": str(mode), "evm-key": EVM_KEY, "kmk": KMK, "evm-blob": encrypted_key(),
        "mounts": "".join("vd%s %s\n" % ("defg"[i], t.kind) for i, t in enumerate(trees)),
        "list": "".join("/t/%s\n" % n for n in names)})
    files.update(("certs/ima/%s.der" % c.name, c.der) for c in (k.rsa, k.rsa4096, k.p256, k.p384, k.p521, k.expired))
    files.update(("certs/evm/%s.der" % c.name, c.der) for c in (k.evm_rsa, k.evm_p256))
    return files


class Report:
    """ours: (path, hook) -> (verdict, cause); theirs: (path, hook) -> (errno, [cause])"""

    def __init__(self, text):
        self.text, self.ours, self.theirs, where = text, {}, {}, None
        for line in text.splitlines():
            if line.startswith("--- "):
                where = line[4:].split()
            elif where[0] == "check" and not line.startswith("imagate: "):
                got = re.match(r"(\w+) (\d) (\w+) (.*) (/\S+)$", line)
                if not got:
                    raise m.Failure("imagate check says: " + line)
                func, mask, verdict, cause, path = got.groups()
                hook = func + "-" + mask if func == "FILE_CHECK" else func
                self.ours["%s%s" % (where[1], path), hook] = verdict, cause
            elif where[0] == "probes":
                path, hook, errno, *causes = line.split(" ")
                self.theirs[path[len("/t/"):], hook] = int(errno), causes


# -- comparing -----------------------------------------------------------------------------------

SILENT = ("signed-file-written", "no-label-possible")  # denied without an audit record
EPERM, ENOEXEC, EACCES = 1, 8, 13


def expected(report, path, hook):
    """What happens when all that the kernel asks about on the way is as imagate says. A label that only the kernel could
    prove is no claim: 'unproven'."""
    for way in WAYS.get(hook, (hook,)):
        verdict, cause = report.ours.get((path, way), ("unjudged", "-"))
        if verdict == "denied" or cause.startswith("not verified"):
            return verdict if verdict == "denied" else "unproven", cause
    return "allowed", "good"


WAYS = {"BPRM_CHECK": ("FILE_CHECK-1", "BPRM_CHECK", "CREDS_CHECK"), "MMAP_CHECK": ("MMAP_CHECK_REQPROT", "MMAP_CHECK")}
UNPROVEN = ("md4", "wp512")  # OpenSSL's default provider has none of them


def differences(report, immutable, tally):
    """Lines; the same on more than one hook or file system is said once."""
    found = collections.OrderedDict()
    for (path, hook), (errno, causes) in sorted(report.theirs.items()):
        if path in immutable and errno == EPERM:
            tally["immutable"] += 1
            continue
        allowed = ENOEXEC if hook == "BPRM_CHECK" else 0
        theirs = "denied" if errno == EACCES else "allowed" if errno == allowed else "errno %d" % errno
        ours, cause = expected(report, path, hook)
        word = causes[-1] if causes else ""
        tally[theirs] += 1
        if theirs == "denied":
            tally[word or "silent"] += 1
        if ours == "unproven" and path.split("/")[-1] in UNPROVEN:
            tally[ours] += 1
            continue
        if theirs != ours or len(causes) > 1 or word != ("" if ours == "allowed" or cause in SILENT else cause):
            where, name = path.split("/", 1)
            text = "%-40s the kernel: %s %s; imagate: %s %s" % (name, theirs, " ".join(causes), ours, cause)
            found.setdefault(text, []).append(where + " " + hook)
    return ["%s (%s%s)" % (text, ", ".join(places[:3]), ", and %d more" % (len(places) - 3) if len(places) > 3 else "")
            for text, places in found.items()]


EXEMPT = "".join("dont_appraise %s\n" % w for w in (
    "fsname=rootfs", "fsmagic=0x01021994", "fsmagic=0x9fa0", "fsmagic=0x62656572", "fsmagic=0x73636673"))


def compare(kernel, work, mode, policy, wanted):
    """Everything, on each file system. wanted: the causes that must occur."""
    k = keys(work)
    trees = [make_tree(work, k, *f, Tree.fill) for f in FILE_SYSTEMS]
    vm, tally = probe(kernel, work, k, mode, policy, trees)
    check(vm, tally["allowed"] > 500 and tally["denied"] > 500, "one-sided: %s" % tally)
    check(vm, not set(wanted.split()) - set(tally), "never seen: %s" % " ".join(set(wanted.split()) - set(tally)))
    return vm


def probe(kernel, work, k, mode, policy, trees, files=None):
    """One boot; that both say the same of every file at every hook. files: more of them for the guest, and what it is
    to run first, in 'commands'."""
    out, empty = os.path.join(work, "report"), os.path.join(work, "empty.cpio")
    names = ["%s/%s" % (t.kind, n) for t in trees for n in t.names] + ["ramfs/file0", "ramfs/file1"]
    immutable = {"%s/%s" % (t.kind, n) for t in trees for n in t.immutable}
    with open(out, "wb") as f:
        f.truncate(8 << 20)
    m.cpio({}, empty)
    vm = m.Machine(kernel, "quiet " + lsm_for(kernel), overlay=dict(overlay(kernel, work, k, mode, EXEMPT + policy, trees, names), **files or {}),
                   initramfs=empty, disks=[out] + [t.image for t in trees]).run()
    check(vm, vm.value("guest-failed") is None and vm.value("report"), "the guest could not try")
    with open(out, "rb") as f:
        vm.report = f.read(int(vm.value("report"))).decode()
    report = Report(vm.report)
    tally = collections.Counter()
    differ = differences(report, immutable, tally)
    check(vm, not differ, "%d kinds of verdicts differ:\n%s" % (len(differ), "\n".join(differ[:80])))
    check(vm, len(report.theirs) == 5 * len(names) and vm.value("policy-file") == "gone", "not everything was tried")
    check(vm, tally["immutable"] == 2 * len(immutable), "not only the immutable files, and not all of them, refused to be written")
    print("        %d files, %d verdicts on %s agree: %s" % (
        len(names), len(report.theirs), kernel, ", ".join("%s %d" % t for t in tally.most_common())), flush=True)
    return vm, tally


PLAIN = """appraise func=BPRM_CHECK
appraise func=MMAP_CHECK
appraise func=FILE_CHECK
"""
SIGNED = "appraise appraise_type=imasig\n"  # whatever the hook
LABELS = "missing-hash invalid-hash invalid-signature invalid-signature-version unknown-ima-data failed silent "


def with_hmac(kernel, work):
    """EVM's HMAC over hash labels: what the kernel does to files in every state is what imagate check says"""
    return compare(kernel, work, 1, PLAIN, LABELS + "missing-HMAC invalid-HMAC invalid-fail-immutable")


def signed(kernel, work):
    """EVM with HMAC and certificates, signatures demanded: the kernel's verdicts are imagate check's"""
    return compare(kernel, work, 3, SIGNED, "IMA-signature-required missing-HMAC invalid-HMAC invalid-signature silent")


def certificates(kernel, work):
    """EVM with certificates alone, rules by owner and rights: the kernel's verdicts are imagate check's"""
    return compare(kernel, work, 2, RIGHTS, LABELS + "missing-HMAC invalid-HMAC invalid-fail-immutable")


def without_evm(kernel, work):
    """EVM off, a hook's rule each of its own: the kernel's verdicts are imagate check's"""
    return compare(kernel, work, 0, MIXED, LABELS + "IMA-signature-required denied-hash-algorithm")


RIGHTS = """appraise func=MMAP_CHECK
dont_appraise func=FILE_CHECK fowner=1000 mask=MAY_EXEC
appraise func=FILE_CHECK mask=MAY_READ
appraise func=FILE_CHECK mask=^MAY_WRITE
appraise func=FILE_CHECK mask=MAY_EXEC fgroup=1000
dont_appraise func=CREDS_CHECK euid=5
appraise func=CREDS_CHECK egid<5 fowner=0
"""
MIXED = """appraise func=MMAP_CHECK appraise_algos=sha256,sha384
dont_appraise func=FILE_CHECK mask=MAY_READ fowner=1000
appraise func=FILE_CHECK mask=MAY_READ
appraise func=FILE_CHECK mask=MAY_WRITE fgroup=0
appraise func=FILE_CHECK mask=^MAY_WRITE fowner<5
appraise func=BPRM_CHECK appraise_type=imasig
"""

def large(kernel, work):
    """a sparse file of more than 4 GiB: the kernel hashes all of it, and so does imagate check"""
    def fill(tree):
        path = tree.add("large", b"begin", grown=(4 << 30) + 4096)
        with open(path, "r+b") as f:
            f.seek(-3, os.SEEK_END)
            f.write(b"end")
        os.setxattr(path, "security.ima", b"\x04\x01" + hashlib.file_digest(open(path, "rb"), "md5").digest())
        tree.seal(path, "hmac")
        tree.add("small", ima=ng("md5", b""), evm="hmac")

    k = keys(work)
    vm, tally = probe(kernel, work, k, 1, PLAIN, [make_tree(work, k, *FILE_SYSTEMS[0], fill)])
    check(vm, tally["allowed"] == 5 and tally["invalid-hash"] == 5, "not: the large file good, the small one not")
    return vm


BOTH = ("6.1.", "6.12.")
CASES = [("evaluate-hmac", with_hmac, BOTH), ("evaluate-signed", signed, BOTH), ("evaluate-certificates", certificates, BOTH),
         ("evaluate-off", without_evm, BOTH), ("evaluate-large", large, ("6.12.",))]
