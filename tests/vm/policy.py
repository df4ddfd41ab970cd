"""The policy language, asked of two who must agree: the kernel, and 'imagate policy lint'."""

import json
import os
import random
import re
import subprocess

import machine as m
import policyboot
from common import check
from golden import lsm_for

BARE = True  # no system is booted
IMAGATE = os.path.join(m.REPO, "build", "imagate")
RULES = int(os.environ.get("POLICY_RULES", "120000" if os.environ.get("LONG") else "24000"))
CHUNK = 1000  # what one policy may have

ACTIONS = "measure dont_measure appraise dont_appraise audit hash dont_hash".split()
FUNCS = ("FILE_CHECK PATH_CHECK MMAP_CHECK FILE_MMAP MMAP_CHECK_REQPROT BPRM_CHECK CREDS_CHECK MODULE_CHECK FIRMWARE_CHECK "
         "KEXEC_KERNEL_CHECK KEXEC_INITRAMFS_CHECK POLICY_CHECK KEXEC_CMDLINE KEY_CHECK CRITICAL_DATA SETXATTR_CHECK").split()
MASKS = "MAY_READ MAY_WRITE MAY_EXEC MAY_APPEND".split()
ALGOS = ("md4 md5 sha1 rmd160 sha256 sha384 sha512 sha224 wp512 sm3 streebog256 sha3-256 sha3-512 sha-256 SHA256").split()
TEMPLATES = ("ima ima-ng ima-sig ima-ngv2 ima-sigv2 ima-buf ima-modsig evm-sig ima-sigv3 d-ng|n-ng d|n d-ng|n-ng|sig "
             "d-ngv2|n-ng d-ng n-ng|d-ng").split()
UUID = "3b1f6f2e-9c1a-4a57-8d0e-0123456789ab"


def number(r, base):
    n = r.choice([0, 1, 10, 0x9fa0, 1000, 65534, 0x01021994, 2**31, 2**32 - 2, 2**32 - 1, 2**32, 2**64 - 1, 2**64,
                  r.randrange(2**33)])
    text = ("%x" if base == 16 else "%d") % n
    return r.choice(["", "", "", "", "0x", "+", "-", "0", "0X", "+0x"]) + text + r.choice(["", "", "", "", "", "x", ".", "\t"])


def condition(r):
    """One word, mostly a right one."""
    kind = r.randrange(22)
    op = r.choice("===<>")
    if kind < 4:
        return "func=" + r.choice(FUNCS)
    if kind < 6:
        return "mask=" + r.choice(["", "", "^", "^^"]) + r.choice(MASKS)
    if kind == 6:
        return "fsmagic=" + number(r, 16)
    if kind == 7:
        return "fsname=" + r.choice(["rootfs", "ext4", "tmpfs", "x" * 200, "a|b", "="])
    if kind == 8:
        return "fsuuid=" + r.choice([UUID, UUID.upper(), UUID + "0", UUID[:-1], UUID.replace("-", ""), "0" * 8 + "-0000" * 3 + "-" + "0" * 12])
    if kind < 12:
        return r.choice(["uid", "euid", "gid", "egid", "fowner", "fgroup"]) + op + number(r, 10)
    if kind == 12:
        return "pcr=" + r.choice(["0", "10", "23", "63", "64", "-0", "-1", "+7", "", "1e1", "007", "99999999999", "-+0"])
    if kind == 13:
        return "template=" + r.choice(TEMPLATES)
    if kind == 14:
        return "appraise_type=" + r.choice(["imasig", "imasig", "sigv3", "imasig|modsig", "modsig", "imasig ", "meta_immutable"])
    if kind == 15:
        return "digest_type=" + r.choice(["verity", "verity", "ima", "Verity"])
    if kind == 16:
        return "appraise_flag=" + r.choice(["check_blacklist", "blacklist", "x", "check-blacklists"])
    if kind == 17:
        return "appraise_algos=" + r.choice([",", ",", ",,"]).join(r.choice(ALGOS) for _ in range(r.randrange(1, 4)))
    if kind == 18:
        return "keyrings=" + r.choice([".ima", ".ima|.evm", "|a", "a|", "a||b", "a", "|"])
    if kind == 19:
        return "label=" + r.choice(["selinux", "a|b", "|", "x|"])
    if kind == 20:
        return r.choice(["subj_role=unconfined", "subj_role=unc", "subj_role=nosuch", "subj_role=unconfined2", "obj_type=etc_t", "obj_user=u", "obj_role=r", "subj_user=u",
                         "subj_type=t", "fs_subtype=sshfs"])
    return r.choice(["permit_directio", "permit_directio=1", "measure", "dont_audit", "#", "# comment", "func", "func=", "=", "uid",
                     "POLICY"])


def valid(r):
    """A rule as people write them."""
    action = r.choice(ACTIONS)
    words = [action]
    if r.random() < 0.8:
        words.append("func=" + r.choice(FUNCS))
    for w in ("mask=" + r.choice(["", "^"]) + r.choice(MASKS), "fsmagic=0x9fa0", "fsname=ext4", "fsuuid=" + UUID,
              r.choice(["uid", "euid"]) + r.choice("=<>") + "1000", r.choice(["gid", "egid"]) + r.choice("=<>") + "5",
              "fowner" + r.choice("=<>") + "0", "fgroup=8", "permit_directio"):
        if r.random() < 0.12:
            words.append(w)
    if action == "measure":
        words += [w for w in ("pcr=11", "template=" + r.choice(TEMPLATES), "digest_type=verity") if r.random() < 0.15]
    if action == "appraise":
        words += r.choice([[], [], ["appraise_type=imasig"], ["digest_type=verity", "appraise_type=sigv3"],
                           ["appraise_algos=sha256"], ["appraise_type=imasig", "appraise_flag=check_blacklist"]])
    if words[-1].startswith("func=KEY_CHECK") and r.random() < 0.5:
        words.append("keyrings=.ima")
    if words[-1].startswith("func=CRITICAL_DATA") and r.random() < 0.5:
        words.append("label=selinux")
    return words


def mutate(r, words):
    words = list(words)
    kind = r.randrange(9)
    if kind == 0:
        words.insert(r.randrange(len(words) + 1), r.choice(words))
    elif kind == 1:
        words.pop(r.randrange(len(words)))
    elif kind == 2:
        r.shuffle(words)
    elif kind < 6:
        words.insert(r.randrange(len(words) + 1), condition(r))
    elif kind == 6:
        words[r.randrange(len(words))] = condition(r)
    else:
        i = r.randrange(len(words))
        w = words[i] or "x"
        at = r.randrange(len(w))
        words[i] = w[:at] + r.choice(["", chr(r.randrange(33, 127)), w[at] * 2, w[at].swapcase(), "\r", "\xc3"]) + w[at + 1:]
    return words or ["#"]


def rule(r):
    words = valid(r)
    if r.random() < 0.25:
        words = [r.choice(ACTIONS)] + [condition(r) for _ in range(r.randrange(5))]
    while r.random() < 0.45:
        words = mutate(r, words)
    text = r.choice([" ", " ", " ", "  ", "\t"]).join(words)
    text = r.choice(["", "", "", "", " ", "\t"]) + text + r.choice(["", "", "", "", " ", "\t "])
    text = text.replace("\n", "").replace("\0", "")
    return "x" if text.startswith("/") else text  # a path is another question


def by_us(kernel, rules, work):
    """One verdict for each rule, from the command that people use."""
    release = ".".join(kernel.split(".")[:2])
    out = []
    for at in range(0, len(rules), CHUNK):
        path = os.path.join(work, "policy")
        with open(path, "wb") as f:
            f.write(b"".join(x.encode("latin-1") + b"\n" for x in rules[at:at + CHUNK]))
        r = subprocess.run([IMAGATE, "policy", "lint", "--json", "--kernel", release, path], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
        if r.returncode not in (0, 1):
            raise m.Failure("imagate policy lint: exit %d: %s" % (r.returncode, r.stderr.decode()))
        bad = {f["line"]: f for f in json.loads(r.stdout.decode("utf-8", "replace"))["findings"] if f["severity"] == "error"}
        out += [bad.get(i + 1) for i in range(len(rules[at:at + CHUNK]))]
    return out


def language(kernel, work):
    """thousands of rules, right and wrong, are judged alike by the kernel and by imagate policy lint"""
    seed = int(os.environ.get("POLICY_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
    r = random.Random(seed)
    rules = [rule(r) for _ in range(RULES)]
    ask = os.path.join(work, "ask")
    m.sh("gcc", "-O2", "-static", "-Wall", "-Wextra", "-o", ask, os.path.join(m.REPO, "tests", "vm", "ask.c"))
    empty = os.path.join(work, "empty.cpio")
    m.cpio({}, empty)
    with open(ask, "rb") as f:
        overlay = {"init": (f.read(), 0o100755)}
    overlay["rules"] = b"".join(x.encode("latin-1") + b"\n" for x in rules)
    vm = m.Machine(kernel, "quiet audit=0 " + lsm_for(kernel), overlay=overlay, initramfs=empty).run()
    theirs = "".join(re.findall(r"^verdicts=([01]*)$", vm.agent, re.M))
    check(vm, vm.value("ask-failed") is None, "the guest could not ask")
    check(vm, vm.value("asked") == str(len(rules)) and len(theirs) == len(rules), "not all rules were asked")
    check(vm, vm.value("policy-file") == "there", "the kernel kept a policy that was spoilt")
    ours = by_us(kernel, rules, work)
    differ = ["%-9s here, %s there: %r%s" % ("accepted" if a is None else "refused", "accepted" if b == "1" else "refused", x,
                                             "" if a is None else "  (%s)" % a["what"])
              for x, a, b in zip(rules, ours, theirs) if (a is None) != (b == "1")]
    taken = theirs.count("1")
    check(vm, not differ, "seed %d: %d of %d verdicts differ:\n%s" % (seed, len(differ), len(rules), "\n".join(differ[:40])))
    check(vm, 0.15 < taken / len(rules) < 0.85, "seed %d asks too one-sidedly: %d of %d are right" % (seed, taken, len(rules)))
    print("        %d rules, seed %d: kernel %s takes %d and refuses %d, and so do we" % (
        len(rules), seed, kernel, taken, len(rules) - taken), flush=True)
    return vm


BOTH, NEW = ("6.1.", "6.12."), ("6.12.",)
CASES = [("policy-language", language, BOTH)] + policyboot.CASES
