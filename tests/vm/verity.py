"""fs-verity: 'imagate label --verity' on real file systems, and what the kernel then does to files with good labels,
wrong ones and none, under rules that ask for fs-verity digests."""

import glob
import hashlib
import os
import re
import struct
import subprocess

import machine as m
from evaluate import ALGO, TEXT, flipped, keys, make_tree, ng, probe
from common import check

BARE = True  # no system is booted: no golden machine is needed
VERITY = "digest_type=verity appraise_type=sigv3\n"
# the ext4 driver calls itself ext3 where it is mounted as that: the file system without the feature
POLICY = "".join("appraise func=%s fsname=ext3\n" % f for f in ("BPRM_CHECK", "MMAP_CHECK", "FILE_CHECK")) + "".join(
    "appraise func=%s %s" % (f, VERITY) for f in ("BPRM_CHECK", "MMAP_CHECK", "FILE_CHECK"))
FILE_SYSTEMS = [("ext4", "64M", ["-q", "-F", "-b", "4096", "-N", "4096", "-O", "verity"]), ("btrfs", "128M", ["-q"]),
                ("ext3", "32M", ["-q", "-F"])]
LARGE = b"0123456789abcdef" * 200000 + b"end"


def verity_digest(data, algo="sha256"):
    """As Documentation/filesystems/fsverity.rst has it, blocks of 4096, no salt; not asked of any kernel."""
    def h(b):
        return hashlib.new(algo, b).digest()

    level, root = data, b""
    while level:
        hashes = b"".join(h(level[i:i + 4096].ljust(4096, b"\0")) for i in range(0, len(level), 4096))
        if len(level) <= 4096:
            root = hashes
            break
        level = hashes
    return h(struct.pack("<BBBBIQ64s32s144s", 1, {"sha256": 1, "sha512": 2}[algo], 12, 0, 0, len(data), root, b"", b""))


def v3(key, data, algo="sha256", version=3, kind=6, **kw):
    return key.label(bytes([6, ALGO[algo]]) + verity_digest(data, algo), algo, kind=kind, version=version, **kw)


# Debian 12's evmctl is 1.4; 1.5 is the first that signs fs-verity digests. It runs beside, with libraries of its own.
EVMCTL = "ima-evm-utils libimaevm4 libssl3t64 libc6 libkeyutils1 libtss2-esys-3.0.2-0t64 libtss2-rc0t64 zlib1g libzstd1".split()


def evmctl_1_5():
    """How to call it: from Debian 13's archive, kept in the cache."""
    base = os.path.join(m.CACHE, "debs", "trixie")
    root = os.path.join(base, "root")
    if not os.path.exists(os.path.join(root, "usr", "bin", "evmctl")):
        for d in ("lists/partial", "archives/partial", "root"):
            os.makedirs(os.path.join(base, d), exist_ok=True)
        with open(os.path.join(base, "sources.list"), "w") as f:
            f.write("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main\n")
        open(os.path.join(base, "status"), "w").close()
        apt = ["apt-get", "-q"] + ["-oDir::" + o for o in (
            "Etc::sourcelist=%s/sources.list" % base, "Etc::sourceparts=/dev/null", "State::lists=%s/lists" % base,
            "State::status=%s/status" % base, "Cache=" + base)]
        m.sh(*apt, "update")
        m.sh(*apt, "download", *EVMCTL, cwd=base)
        for deb in glob.glob(os.path.join(base, "*.deb")):
            m.sh("dpkg-deb", "-x", deb, root)
    lib = os.path.join(root, "usr", "lib", "x86_64-linux-gnu")
    return [os.path.join(lib, "ld-linux-x86-64.so.2"), "--library-path", lib, os.path.join(root, "usr", "bin", "evmctl")]


def evmctl_label(key, cert, data, algo):
    """security.ima as 'evmctl sign_hash --veritysig' makes it of what 'fsverity digest' would print."""
    line = "%s:%s /x\n" % (algo, verity_digest(data, algo).hex())
    r = subprocess.run(evmctl_1_5() + ["sign_hash", "--veritysig", "--hashalgo", algo, "--key", key, "--keyid-from-cert", cert],
                       input=line.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    words = r.stdout.decode().split()
    if r.returncode or len(words) != 3 or not words[2].startswith("0603"):
        raise m.Failure("evmctl sign_hash: %d\n%s%s" % (r.returncode, r.stdout.decode(), r.stderr.decode()))
    return bytes.fromhex(words[2])


def judged(k):
    """Labels for files that get fs-verity with none of them written by imagate: name -> (content, security.ima)."""
    good = v3(k.rsa, TEXT)
    return {
        "rsa": (TEXT, good), "p256": (TEXT, v3(k.p256, TEXT)), "rsa4096": (TEXT, v3(k.rsa4096, TEXT)),
        "empty": (b"", v3(k.rsa, b"")), "block": (b"y" * 4096, v3(k.rsa, b"y" * 4096)),
        "block-and-one": (b"z" * 4097, v3(k.rsa, b"z" * 4097)), "large": (LARGE, v3(k.rsa, LARGE)),
        "none": (TEXT, None), "hash": (TEXT, ng("sha256", TEXT)), "hash-of-verity": (TEXT, b"\x04\x04" + verity_digest(TEXT)),
        "v2": (TEXT, k.rsa.label(TEXT)), "v3-of-content": (TEXT, k.rsa.label(TEXT, kind=6, version=3)),
        "bare-digest": (TEXT, k.rsa.label(verity_digest(TEXT), kind=6, version=3)),
        "said-version-2": (TEXT, v3(k.rsa, TEXT, version=2)), "said-type-3": (TEXT, v3(k.rsa, TEXT, kind=3)),
        "other-file": (TEXT + b"x", good), "large-changed": (LARGE[:70000] + b"X" + LARGE[70001:], v3(k.rsa, LARGE)),
        "stranger": (TEXT, v3(k.stranger, TEXT)), "stranger-as-rsa": (TEXT, v3(k.stranger, TEXT, keyid=k.rsa.id)),
        "flipped": (TEXT, flipped(good)), "sha512-digest": (TEXT, v3(k.rsa, TEXT, "sha512")), "said-sha512": (TEXT, v3(k.rsa, TEXT, said="sha512")),
    }


def fill_for(k, theirs, theirs512):
    def fill(tree):
        if tree.kind == "ext3":
            tree.add("content/hash", ima=ng("sha256", TEXT), evm="portable")
            tree.add("content/v3", ima=v3(k.rsa, TEXT), evm="portable")  # of what nobody asks for here
            return
        for name, (content, label) in judged(k).items():
            tree.add("judged/" + name, content, label, "portable")
            tree.add("without/" + name, content, label, "portable")  # never gets fs-verity
        for evm in (None, "portable-flipped", "portable-stranger"):
            tree.add("judged/evm-%s" % evm, ima=v3(k.rsa, TEXT), evm=evm)
        os.chmod(tree.add("judged/evm-mode-changed", ima=v3(k.rsa, TEXT), evm="portable"), 0o777)
        for name, content in (("a", TEXT), ("busy", TEXT), ("large", LARGE), ("empty", b"")):
            tree.add("ours/" + name, content, owner=(1000, 7), mode=0o711)
            tree.add("ours512/" + name, content)
        tree.add("ours/evmctl", LARGE, theirs)
        tree.add("ours512/evmctl", LARGE, theirs512)
        tree.add("ours/stranger", ima=v3(k.stranger, TEXT))
        tree.add("ours/moved", ima=v3(k.rsa, LARGE))
        tree.immutable |= {n for n in tree.names if not n.startswith("without/")}  # open() for writing: EPERM
    return fill


LABEL = "/usr/bin/imagate label --verity --root /t/%s --policy /%s"
SIGN = LABEL + " --sign /keys/rsa.pem --cert /certs/ima/rsa.der --evm-sign /keys/evm.pem --evm-cert /certs/evm/evm-rsa.der"


def commands():
    """What runs in the guest, in order: (line, exit code, what it says)."""
    lines = []
    for fs in ("ext4", "btrfs"):
        label, sign = LABEL % (fs, "policy"), SIGN % (fs, "policy")
        lines += [
            (label + " --dry-run /judged", 1, "\n26 would have fs-verity now"),
            (label + " /judged", 1, "/judged/none: a rule wants a signature over its fs-verity digest: --sign"),
            (label + " /judged", 1, " 0 labelled, 25 right already, 0 not in scope of the policy, 1 failed\n0 have fs-verity now"),
            ("!hold /t/%s/ours/busy" % fs, 0, ""),
            (sign + " /ours", 1, "/ours/busy: it is open for writing: fs-verity wants it closed"),
            ("!drop", 0, ""),
            (sign + " --json /ours", 0, '"fs-verity":1,'),
            (sign + " /ours", 0, " 0 labelled, 7 right already"),
            (sign + " --hash sha512 /ours512", 0, "\n5 have fs-verity now"),
            (sign + " /ours512", 1, "its fs-verity is by another hash algorithm: --hash"),
            ("/usr/bin/imagate label --write --root /t/%s --policy /policy /without/none" % fs, 1, "and it has none: --verity"),
            ("!ro /t/%s" % fs, 0, ""),
            (label + " /without", 2, "enable fs-verity on %s, which is mounted read-only" % fs),
            ("!rw /t/%s" % fs, 0, "")]
    return lines + [
        (LABEL % ("ext3", "demand"), 2, "enable fs-verity on ext3 without the feature 'verity': tune2fs -O verity /dev/block/"),
        (LABEL % ("ramfs", "demand"), 2, "enable fs-verity on ramfs, which has none"),
        (LABEL % ("ext3", "plain"), 2, "no rule says digest_type=verity")]


def stats(image, at):
    """path -> what labelling must leave alone. fs-verity's files need not be opened for it."""
    m.sh("mount", "-o", "loop", image, at)
    try:
        found = {}
        for d in ("ours", "ours512"):
            for name in os.listdir(os.path.join(at, d)):
                s = os.stat(os.path.join(at, d, name))
                found[d + "/" + name] = (s.st_mtime_ns, s.st_size, s.st_uid, s.st_gid, s.st_mode, s.st_ino), \
                    os.getxattr(os.path.join(at, d, name), "security.ima") if os.listxattr(os.path.join(at, d, name)) else None
        return found
    finally:
        m.unmount(at)


def verity(kernel, work):
    """imagate label --verity on ext4 and btrfs, v3 signatures as evmctl makes them: the kernel takes them, no others, and says what imagate check says"""
    k = keys(work)
    cert = os.path.join(work, "rsa.der")
    theirs = {a: evmctl_label(k.rsa.pem, cert, LARGE, a) for a in ("sha256", "sha512")}
    trees = [make_tree(work, k, *f, fill_for(k, theirs["sha256"], theirs["sha512"])) for f in FILE_SYSTEMS]
    before = [stats(t.image, t.root) for t in trees[:2]]
    lines = commands()
    files = {"commands": "".join(line + "\n" for line, _, _ in lines), "demand": "appraise func=FILE_CHECK " + VERITY,
             "plain": "appraise func=FILE_CHECK\n"}
    for name, key in (("rsa", k.rsa), ("evm", k.evm_rsa)):
        with open(key.pem) as f:
            files["keys/%s.pem" % name] = f.read()
    vm, tally = probe(kernel, work, k, 2, POLICY, trees, files)
    said = re.findall(r"^--- run (.*)\n((?:.*\n)*?)exit=(-?\d+)\n", vm.report, re.M)
    check(vm, len(said) == len(lines), "not all commands were run\n" + vm.report[:4000])
    for (line, code, words), (ran, out, got) in zip(lines, said):
        flat = out.replace('": ', '":')
        check(vm, ran == line and int(got) == code and words in "\n" + (flat if "--json" in line else out),
              "%s: exit %s, %d was wanted, and '%s'\n%s" % (line, got, code, words, out))
    for wanted in "no-verity-digest verity-signature-required invalid-verity-signature missing-HMAC invalid-fail-immutable invalid-hash".split():
        check(vm, tally[wanted] > 5, "never seen: %s in %s" % (wanted, tally))
    check(vm, tally["allowed"] > 80, "one-sided: %s" % tally)
    for tree, was in zip(trees, before):
        now = stats(tree.image, tree.root)
        check(vm, now.keys() == was.keys() and all(now[n][0] == was[n][0] for n in was), "time, owner or mode changed on " + tree.kind)
        for name, (_, label) in now.items():
            content = {"large": LARGE, "evmctl": LARGE, "empty": b""}.get(name.split("/")[1], TEXT)
            algo = "sha512" if name.startswith("ours512/") else "sha256"
            # RSA signs the same twice: it is evmctl's, byte for byte
            check(vm, label == (theirs[algo] if content == LARGE else v3(k.rsa, content, algo)), "another label: " + name)
    return vm


CASES = [("label-verity", verity, ("6.1.", "6.12."))]
