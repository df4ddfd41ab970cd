"""Part of make bench: labelling in the fix stage, by imagate and by find -exec cat, on equal trees in one boot, cold."""

import os
import re
import statistics

import machine as m
from common import KERNEL_STATE, boot, check, record
from policyboot import mounted, policy_file

ROUNDS = 5
FS = "5eed5eed-0000-4000-8000-0123456789ab"
# nothing is measured: a map would be, and a read not, and each costs a TPM command
POLICY = re.sub("(?m)^measure .*\n", "", policy_file("server")) + "".join("appraise func=%s fsuuid=%s\n" % (f, FS) for f in (
    "FILE_CHECK mask=^MAY_READ", "MMAP_CHECK mask=MAY_EXEC", "BPRM_CHECK mask=MAY_EXEC"))
# there is no fix stage without a key, and with EVM on the kernel takes no label from a program for a file that has none
WAYS = {
    "find -exec cat": "find %s -type f -exec cat {} + >/dev/null",
    "imagate label": "imagate label %s",
}
ONE = """
n() { getfattr -R -h -m "^security[.]$1\\$" -d %s 2>/dev/null | grep -c "^security[.]$1="; }
before=$(n ima); sync; echo 3 >/proc/sys/vm/drop_caches
t=$(date +%%s%%N); { %s; } >/run/out 2>&1; rc=$?; e=$(date +%%s%%N)
echo "run=%s:$(( (e - t) / 1000 )):$rc:$before:$(n ima):$(n evm)"; tail -c 200 /run/out | sed "s/^/out=/"
"""


def tree(way, n):
    return "/mnt/%d-%d" % (list(WAYS).index(way), n)


def trees(work):
    """A disk with a copy of the image's programs for each run; (disk, number of files, bytes in one)."""
    disk = os.path.join(work, "trees.raw")
    programs = [os.path.join(m.CACHE, "root/usr", d) for d in ("bin", "sbin", "lib/systemd", "lib/x86_64-linux-gnu/security")]
    m.sh("truncate", "-s", "1500M", disk)
    m.sh("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-U", FS, disk)
    with mounted(disk, work) as root:
        for way in WAYS:
            for n in range(ROUNDS):
                to = root + tree(way, n)[len("/mnt"):]
                os.mkdir(to)
                m.sh("cp", "-r", "--no-preserve=all", *programs, to)
                m.sh("find", to, "-type", "f", "-exec", "chmod", "755", "{}", "+")
        sizes = [os.lstat(os.path.join(d, f)).st_size for d, _, files in os.walk(to) for f in files if not os.path.islink(os.path.join(d, f))]
    return disk, len(sizes), sum(sizes)


def report(kernel, work):
    disk, files, size = trees(work)
    ways = list(WAYS)
    script = KERNEL_STATE + "systemctl stop imagate-label.service; mkdir -p /mnt; mount /dev/vdc /mnt; echo mount=$?\n"
    for n in range(ROUNDS):
        for way in ways[n % len(ways):] + ways[:n % len(ways)]:  # nobody is always first
            script += ONE % (tree(way, n), WAYS[way] % tree(way, n), way)
    r = boot(kernel, work, cmdline="audit=0 ima_appraise=fix imagate.stage=fix ", files={"etc/imagate/policy": POLICY}, script=script,
             disks=[disk], timeout=900)
    check(r, record(r).get("verdict") == "admit" and r.value("evm") == "1" and r.value("mount") == "0", "not in fix as it should be")
    got = {way: [] for way in ways}
    for way, us, rc, before, ima, hmac in re.findall(r"^run=(.*):(\d+):(\d+):(\d+):(\d+):(\d+)$", r.agent, re.M):
        check(r, before == "0", "somebody else labelled them before " + way)
        check(r, rc == "0" and int(ima) == int(hmac) == files, "%s did not label all %d files" % (way, files))
        got[way].append(int(us) / 1e6)
    check(r, all(len(x) == ROUNDS for x in got.values()), "not all was run")
    print("\n%s, TCG, one processor: labelling %d files of %.0f MiB in the fix stage, cold, EVM on; %d runs each, medians" % (
        kernel, files, size / 2 ** 20, ROUNDS))
    for way, x in got.items():
        print("    %-24s %6.2f s (%.2f to %.2f), %.2f times find's files per second" % (
            way, statistics.median(x), min(x), max(x), statistics.median(got[ways[0]]) / statistics.median(x)))
