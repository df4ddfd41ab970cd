"""Labelling that is cut off: by the power, at any write, and by a full disk."""

import json
import os
import re
import shutil

import machine as m
from diskwrites import flushes, replay, writes
from common import KERNEL_STATE, boot, check
from golden import conf
from label import imagate
from policyboot import mounted

FILES = 3500
CUT_AFTER = 2800  # files, by imagate's own progress
POINTS = 8
TREE_SH = "sha256sum * | sort >%s; stat -c '%%n %%Y %%u:%%g %%a %%h' * | sort >>%s"


def make_tree(root):
    """Files that differ in content, time, owner and mode; some are hard-linked."""
    os.makedirs(os.path.join(root, "keys"))
    for d in range(25):
        os.makedirs(os.path.join(root, "tree", "d%02d" % d))
        for n in range(FILES // 25):
            path = os.path.join(root, "tree", "d%02d" % d, "f%03d" % n)
            with open(path, "wb") as f:
                f.write(b"%d\n" % (d * 1000 + n) * (1 + n * 7))
            os.chown(path, n % 3, n % 5)
            os.chmod(path, (0o755, 0o4755, 0o711, 0o555)[n % 4])
            os.utime(path, ns=(10 ** 18, (10 ** 9 + d * 100 + n) * 10 ** 9 + 123456789))
            if n % 50 == 0:
                os.link(path, path + "-linked")
    keys = os.path.join(root, "keys")
    m.sh("openssl", "req", "-new", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=cut",
         "-keyout", keys + "/key", "-out", keys + "/cert")
    os.mkdir(keys + "/certs")
    m.sh("openssl", "x509", "-in", keys + "/cert", "-outform", "DER", "-out", keys + "/certs/c.der")
    for name, text in (("policy", "appraise func=BPRM_CHECK appraise_type=imasig\n"), ("conf", conf())):
        with open(os.path.join(keys, name), "w") as f:
            f.write(text)


def data_disk(work):
    disk = os.path.join(work, "data.raw")
    m.sh("truncate", "-s", "96M", disk)
    m.sh("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-I", "256", disk)
    with mounted(disk, work) as root:
        make_tree(root)
    return disk


def label_args(root):
    k = root + "/keys/"
    return ["label", "--root", root + "/tree", "--policy", k + "policy", "--config", k + "conf", "--sign", k + "key", "--cert", k + "cert",
            "--evm-sign", k + "key", "--evm-cert", k + "cert"]


def facts(root):
    """{path: all of it that labelling must leave alone}"""
    found = {}
    for where, _, names in os.walk(os.path.join(root, "tree")):
        for name in names:
            path = os.path.join(where, name)
            st = os.lstat(path)
            with open(path, "rb") as f:
                found[os.path.relpath(path, root)] = (f.read(), st.st_mtime_ns, st.st_uid, st.st_gid, st.st_mode, st.st_nlink, st.st_ino)
    return found


def denied(root, evm):
    k = root + "/keys/"
    out = imagate("check", "--files", "--no-cache", "--json", "--root", root + "/tree", "--policy", k + "policy", "--config", k + "conf",
                  "--evm", evm, "--ima-certs", k + "certs", "--evm-certs", k + "certs", ok=(0, 1))
    report = json.loads(out)["files"]
    if report["denied"] != len(report["denials"]) or report["appraised"] != report["files"]:
        raise m.Failure("imagate check did not look at all:\n" + out)
    return {"tree" + d["path"] for d in report["denials"]}


def whole(root, before):
    """Nothing but labels changed, and what has a label has a whole one: (files with both, with one of the two)."""
    if facts(root) != before:
        raise m.Failure("content, time, owner, mode or links changed")
    labels = {p: {n for n in os.listxattr(os.path.join(root, p)) if n.startswith("security.")} for p in before}
    both = {"security.ima", "security.evm"}
    bad_ima = denied(root, "0")
    if bad_ima != {p for p, l in labels.items() if "security.ima" not in l}:
        raise m.Failure("there is a half-written security.ima: %r" % sorted(bad_ima)[:5])
    bad_evm = denied(root, "2")
    if bad_evm != {p for p, l in labels.items() if not l >= both}:
        raise m.Failure("there is a half-written security.evm: %r" % sorted(bad_evm)[:5])
    return sum(l >= both for l in labels.values()), sum(len(l & both) == 1 for l in labels.values())


def goes_on(root, before, good):
    """It is resumed, and the next run has nothing to do. What was labelled is right already."""
    counts = r"(\d+) labelled, (\d+) right already, 0 not in scope of the policy, 0 failed"
    done = re.search(counts, imagate(*label_args(root)))
    again = re.search(counts, imagate(*label_args(root)))
    names = len(before)  # a file is labelled by one of its names
    if not done or int(done[1]) + int(done[2]) != names or int(done[2]) < good or not again or int(again[1]) or int(again[2]) != names:
        raise m.Failure("not resumed: %r, %r, %d were good of %d" % (done and done[0], again and again[0], good, names))
    if whole(root, before) != (names, 0):
        raise m.Failure("not all have their labels in the end")


def at_each_point(work, fresh, log, before):
    """The disk as it was after some of the writes, from the first to the last one before the machine was killed."""
    total = sum(1 for _ in writes(log))
    commits = sorted(set(flushes(log)))
    chosen = commits[::len(commits) * 2 // POINTS + 1]  # at a commit of the journal, and in the middle of one
    points = {n - k for n in chosen for k in (0, 1)} | {total // 2, total}
    rows = []
    for n in replay(log, fresh):
        if n not in points:
            continue
        cut = os.path.join(work, "cut.raw")
        shutil.copy(fresh, cut)
        with mounted(cut, work) as root:
            good, half = whole(root, before)
            goes_on(root, before, good)
        rows.append((n, good, half))
        print("        cut after write %4d of %d: %4d files labelled, %d with one of two labels; resumed" % (n, total, good, half), flush=True)
    return rows


LABEL = """
mkdir -p /mnt; mount -o commit=1 /dev/vdc /mnt; echo "mount=$?"
imagate %s 2>/dev/console; echo "label-rc=$?"
"""
AGAIN = """
mkdir -p /mnt; mount /dev/vdc /mnt; echo "mount=$?"
imagate %s >/run/1 2>/run/err; echo "resumed=$?"; imagate %s >/run/2 2>/run/err; echo "again=$?"
sed 's/^/first-run=/' /run/1; sed 's/^/second-run=/' /run/2
umount /mnt
"""
# the first label has room in the inode there, the second one takes a block
FULL = """
cd /run; truncate -s 6M full.img; mkfs.ext4 -q -b 1024 -I 256 -N 800 -m 0 full.img; mkdir -p full; mount -o loop full.img full; echo "full-mount=$?"
mkdir full/tree; cd full/tree; for i in $(seq 600); do echo $i >f$i; done; chmod 755 *; chown 3:4 f1*; touch -d 2001-02-03 f2*
%s
dd if=/dev/zero of=../filler bs=1k 2>/dev/null; truncate -s -400k ../filler; sync
L="imagate label --root /run/full/tree --policy /mnt/keys/policy --config /mnt/keys/conf --sign /mnt/keys/key --cert /mnt/keys/cert --evm-sign /mnt/keys/key --evm-cert /mnt/keys/cert"
$L >/run/full.1 2>/run/full.err; echo "full-rc=$?"
sed s/^/full-run=/ /run/full.1; echo "--- full"; cat /run/full.err; echo "--- end"
both=0; one=0; for f in *; do n=$(getfattr -d -m '^security[.](ima|evm)' $f | grep -c =); [ $n = 1 ] && one=$((one+1)); [ $n = 2 ] && both=$((both+1)); done
echo "both=$both"; echo "one=$one"
%s; cmp /run/a /run/b && echo kept=yes
rm ../filler; $L >/run/full.2 2>/run/err; echo "room-rc=$?"; sed s/^/room-run=/ /run/full.2
$L 2>/run/err | sed s/^/third-run=/; %s; cmp /run/a /run/c && echo kept-again=yes
cd /; umount /run/full
""" % tuple(TREE_SH % (x, x) for x in ("/run/a", "/run/b", "/run/c"))


def full_disk(r):
    check(r, r.value("full-mount") == "0" and r.value("full-rc") == "1", "the full disk was no failure")
    said = re.match(r"600 files in .*: (\d+) labelled, 0 right already, 0 not in scope of the policy, (\d+) failed", r.value("full-run") or "")
    check(r, said and int(said[1]) > 50 and int(said[2]) > 50 and int(said[1]) + int(said[2]) == 600, "not some of both")
    check(r, re.search(r"/f\d+: no room for the label: the disk is full \(make room, and run it again", r.block("full")), "no file is named")
    check(r, r.value("both") == said[1] and r.value("one") == "0", "a file has one of two labels")
    check(r, r.value("kept") == "yes" and r.value("kept-again") == "yes", "content, time, owner or mode changed")
    check(r, r.value("room-rc") == "0" and "%s labelled, %s right already" % (said[2], said[1]) in r.value("room-run"), "not resumed")
    check(r, "0 labelled, 600 right already" in r.value("third-run"), "the third run had something to do")


def power(kernel, work):
    """killed while it labels a disk: after each write that was done what has labels has whole ones, and it is resumed; then a full disk"""
    disk, log = data_disk(work), os.path.join(work, "log")
    fresh = os.path.join(work, "fresh.raw")
    m.sh("cp", "--sparse=always", disk, fresh)
    with mounted(fresh, work) as root:
        before = facts(root)
    m.sh("cp", "--sparse=always", disk, fresh)  # as before: mounting it wrote to it
    open(log, "w").close()
    off = dict(cmdline="imagate.stage=off ima_appraise=off ", seal=False, tpm=False, config=conf(stage="off", floor="off"))
    command = " ".join(label_args("/mnt"))

    def far(text):
        return any(int(n) >= CUT_AFTER for n in re.findall(r"(\d+) files, \d+ a second", text))
    r = boot(kernel, work, script=LABEL % command, disks=[(disk, log)], until=far, **off)
    check(r, r.value("mount") == "0" and r.value("label-rc") is None and far(r.console), "it was not killed while it labelled")
    rows = at_each_point(work, fresh, log, before)
    check(r, any(0 < good < len(before) for _, good, _ in rows), "no point with a part of them labelled: %r" % rows)
    # the machine itself, started again
    r = boot(kernel, work, script=KERNEL_STATE + AGAIN.replace("umount /mnt\n", "") % (command, command) + FULL + "umount /mnt\n", disks=[disk], **off)
    check(r, r.value("mount") == "0" and r.value("resumed") == "0" and r.value("again") == "0", "not resumed")
    check(r, " 0 labelled, %d right already" % len(before) in r.value("second-run"), "the third run had something to do")
    full_disk(r)
    with mounted(disk, work) as root:
        check(r, whole(root, before) == (len(before), 0), "not all have their labels")
    return r


NEW = ("6.12.",)
CASES = [("label-power", power, NEW)]
