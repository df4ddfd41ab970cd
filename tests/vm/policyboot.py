"""The policies to start from, each loaded by the gate in the image and booted to multi-user: what the kernel denies
under it, what runs, and what its header says it leaves open."""

import contextlib
import hashlib
import json
import os
import re
import subprocess
import tempfile

import machine as m
from common import KERNEL_STATE, boot, check, make_signer, went_on
from golden import LABEL_DIRS, conf, golden, lsm_for

# what a row's command exits with: it went well, an exec was denied, an open was denied
RUNS, NO_EXEC, NO_OPEN = "0", "126", "1"

# Denials that the boot itself met, before anything was tried. The kernel's own words.
BEFORE = KERNEL_STATE + """
denials() {
    { journalctl -b --no-pager -q -o cat _TRANSPORT=audit + _TRANSPORT=kernel; dmesg; } | grep -a op=appraise_data |
        grep -v /run/imagate/ima-probe | sed 's/.*op=appraise_data //' | sort -u
}
echo "--- before"; denials; echo "--- end"
"""
AFTER = """
sleep 1
echo "--- audit"; denials; echo "--- end"
echo "--- failed"; systemctl --failed --plain --no-legend; echo "--- end"
sync
"""
# what a machine is for, whatever is appraised
LIFE = [
    ("dpkg", RUNS, "dpkg -l systemd | grep -q ^ii"),
    ("apt", RUNS, "apt-get check"),
    ("login", RUNS, "su - mallory -c 'test $(id -un) = mallory'"),
    ("setuid", RUNS, "su - mallory -c 'passwd -S' | grep -q mallory"),
    ("journal", RUNS, "logger here-is-a-row; sleep 1; journalctl -b | grep -q here-is-a-row"),
    ("session", RUNS, "systemd-run --wait --collect /usr/bin/true"),
]


def copied(path):
    return "cp /usr/bin/true %s && %s" % (path, path)


def script(rows):
    return BEFORE + "".join('( %s ) >/run/row 2>&1; echo "row-%s=$?"; sed "4q;s/^/    /" /run/row\n' % (command, name)
                            for name, _, command in rows) + AFTER


def policy_file(name):
    with open(os.path.join(m.REPO, "policy", name + ".policy")) as f:
        return f.read()


def linted(name, kernel, meant=()):
    """The policy's text, as 'imagate policy lint' lets it pass: no warning but those that its header says are meant."""
    p = subprocess.run([os.path.join(m.REPO, "build", "imagate"), "policy", "lint", "--json", "--kernel",
                        ".".join(kernel.split(".")[:2]), os.path.join(m.REPO, "policy", name + ".policy")],
                       stdout=subprocess.PIPE, text=True)
    told = [f["id"] for f in json.loads(p.stdout)["findings"] if f["severity"] != "note"]
    if p.returncode != 0 or sorted(told) != sorted(meant):
        raise m.Failure("policy/%s.policy: lint: exit %d, %s" % (name, p.returncode, p.stdout))
    return policy_file(name)


def judged(r, rows, denials=(), before=()):
    """Every row as expected; the kernel named these denials; at boot it denied nothing but what `before` matches."""
    for name, want, command in rows:
        check(r, r.value("row-" + name) == want, "%s: exit %s, not %s: %s" % (name, r.value("row-" + name), want, command))
    for path, cause in denials:
        check(r, re.search(r'cause="?%s"? .*name="[^"]*%s"' % (cause, re.escape(path)), r.block("audit")),
              "the kernel did not say %s of %s" % (cause, path))
    early = [line for line in r.block("before").splitlines() if not any(re.search(b, line) for b in before)]
    check(r, not early, "the boot itself was denied something:\n" + "\n".join(early[:20]))
    check(r, not r.block("failed").strip(), "units failed:\n" + r.block("failed"))


@contextlib.contextmanager
def mounted(disk, work):
    """A raw disk as whoever has it in hand sees it."""
    at = os.path.join(work, "mnt")
    os.makedirs(at, exist_ok=True)
    m.sh("mount", "-o", "loop", disk, at)
    try:
        yield at
    finally:
        m.unmount(at)


def raw_copy(disk, work):
    path = os.path.join(work, "copy.raw")
    m.sh("qemu-img", "convert", "-O", "raw", disk, path)
    return path


def change_byte(path):
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2)
        b = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([b[0] ^ 1]))


def relabel(path):
    """security.ima as it should be: what an attacker without the EVM key can do."""
    with open(path, "rb") as f:
        os.setxattr(path, "security.ima", b"\x04\x04" + hashlib.sha256(f.read()).digest())


# -- the cases ---------------------------------------------------------------------------

def measure(kernel, work):
    """policy/measure.policy: no label, no key, nothing denied; code is in the kernel's list, data is not"""
    rows = LIFE + [
        ("shm", RUNS, copied("/dev/shm/unlabelled")),
        ("listed", RUNS, "grep ' /dev/shm/unlabelled *$' $LIST && grep ' /usr/bin/su *$' $LIST && grep '/libc.so.6 *$' $LIST"),
        ("data", NO_OPEN, "echo exit >/root/data; bash /root/data; grep -E ' /(root/data|etc/passwd) *$' $LIST"),
        ("pcr10", RUNS, "tpm2 pcrread sha256:10 -T device:/dev/tpmrm0 | grep -q '10: 0x.*[1-9A-F]'"),
    ]
    r = boot(kernel, work, cmdline="imagate.stage=measure", config=conf(floor="off"), seal=False,
             disk=os.path.join(m.CACHE, "disk.raw"), files={"etc/imagate/measure.policy": linted("measure", kernel)},
             script="LIST=/sys/kernel/security/integrity/ima/ascii_runtime_measurements\n" + script(rows))
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "0" and r.value("policy-file") == "gone", "not: no EVM, but the policy")
    judged(r, rows)
    return r


UNLABELLED = [(place, NO_EXEC, copied("/%s/unlabelled" % path)) for place, path in
              (("disk", "root"), ("tmp", "tmp"), ("run", "run"), ("shm", "dev/shm"))]
MEMFD = """perl -e '$n = "m"; $fd = syscall(319, $n, 0); open($i, "<", "/usr/bin/true"); open($o, ">&=", $fd);
local $/; syswrite($o, <$i>); exec "/proc/$$/fd/$fd"; exit 126' """


def server(kernel, work):
    """policy/server.policy in enforce: changed, relabelled and unlabelled code is denied anywhere; scripts and data are open"""
    rows = LIFE + [row for row in UNLABELLED if row[0] in ("run", "shm")] + [
        # what root writes to a disk is labelled when it is closed: packages go on working
        ("disk", RUNS, copied("/root/mine")), ("tmp", RUNS, copied("/tmp/mine")),
        ("labelled", RUNS, "/usr/bin/nproc"),
        ("changed", NO_EXEC, "/usr/bin/factor 6"),
        ("relabelled", NO_EXEC, "/usr/bin/tsort /dev/null"),
        ("memfd", NO_EXEC, MEMFD),
        ("user", NO_EXEC, "su mallory -c 'cd; cp /usr/bin/true mine; ./mine'"),
        ("library", RUNS, "su mallory -c 'cp /usr/lib/x86_64-linux-gnu/libz.so.1 /home/mallory/libz.so'; "
                          "LD_PRELOAD=/home/mallory/libz.so /usr/bin/nproc 2>&1 | grep -q 'cannot be preloaded'"),
        ("script", NO_EXEC, "su mallory -c 'cd; echo \\#!/bin/sh >script; chmod 755 script; ./script'"),
        # what the header says is not covered
        ("argument", RUNS, "sh /home/mallory/script"),
        ("data", RUNS, "cat /etc/login.defs"),
    ]
    rows.append(("module", RUNS, "modprobe dummy"))
    disk = raw_copy(golden(kernel).disk, work)
    with mounted(disk, work) as root:
        for path in ("usr/bin/factor", "usr/bin/tsort", "etc/login.defs"):
            change_byte(os.path.join(root, path))
        relabel(os.path.join(root, "usr/bin/tsort"))
    r = boot(kernel, work, disk=disk, files={"etc/imagate/policy": linted("server", kernel)}, script=script(rows))
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "EVM is off")
    judged(r, rows, [("factor", "invalid-hash"), ("tsort", "invalid-HMAC"), ("/dev/shm/unlabelled", "missing-hash"),
                     ("/home/mallory/libz.so", "missing-hash"), ("/home/mallory/mine", "missing-hash")])
    return r


# -- signed ------------------------------------------------------------------------------

def sign(key, root, paths):
    for path in paths:
        path = os.path.join(root, path)
        m.sh("evmctl", "sign", *(["-r", "-t", "f"] if os.path.isdir(path) else []), "--imasig", "--portable", "-a", "sha256",
             "--key", os.path.abspath(key), path)


def signed_image(work, key):
    """The unlabelled disk, signed as the builder of an image does; then three programs as an attacker leaves them."""
    disk = os.path.join(work, "signed.raw")
    m.sh("cp", "--sparse=always", os.path.join(m.CACHE, "disk.raw"), disk)
    with mounted(disk, work) as root:
        sign(key, root, [d.lstrip("/") for d in LABEL_DIRS.split()])
        change_byte(os.path.join(root, "usr/bin/factor"))
        relabel(os.path.join(root, "usr/bin/tsort"))
        sign(make_signer(work, "evil")[0], root, ["usr/bin/shuf"])
        os.chmod(os.path.join(root, "usr/bin/sha1sum"), 0o4755)
        for name in ("security.ima", "security.evm"):
            os.removexattr(os.path.join(root, "usr/bin/md5sum"), name)
    return disk


PACKAGE = """mkdir -p /var/tmp/p/DEBIAN /var/tmp/p/usr/bin; cd /var/tmp; cp /usr/bin/true p/usr/bin/of-package
printf 'Package: row\\nVersion: 1\\nArchitecture: all\\nMaintainer: me\\nDescription: row\\n' >p/DEBIAN/control
printf '#!/bin/sh\\necho configured >/var/tmp/postinst\\n' >p/DEBIAN/postinst; chmod 755 p/DEBIAN/postinst
dpkg-deb -Znone -b p row.deb && dpkg -i row.deb """


def signed(kernel, work):
    """policy/signed.policy in enforce, no TPM: signed code runs, hashes and other keys' signatures do not, nor what root installs"""
    rows = LIFE + UNLABELLED + [
        ("signed", RUNS, "/usr/bin/nproc"),
        # cp --preserve=xattr leaves security.evm behind: /etc/xattr.conf
        ("signed-copy", RUNS, "T=/dev/shm/signed; cp -p /usr/bin/true $T; for a in security.ima security.evm; do setfattr -n $a -v "
                              "$(getfattr --absolute-names -e hex -n $a /usr/bin/true | grep -o '0x.*') $T; done; $T"),
        ("changed", NO_EXEC, "/usr/bin/factor 6"),
        ("relabelled", NO_EXEC, "/usr/bin/tsort /dev/null"),
        ("other-key", NO_EXEC, "/usr/bin/shuf /dev/null"),
        ("setuid-bit", NO_EXEC, "/usr/bin/sha1sum /dev/null"),
        ("unsigned", NO_EXEC, "/usr/bin/md5sum /dev/null"),
        ("memfd", NO_EXEC, MEMFD),
        ("hash", NO_EXEC, "cp /usr/bin/true /dev/shm/hash; setfattr -n security.ima -v "
                          "0x0404$(sha256sum </usr/bin/true | cut -c-64) /dev/shm/hash; /dev/shm/hash"),
        ("package", NO_OPEN, PACKAGE),
        ("of-package", NO_EXEC, "/usr/bin/of-package"),
        ("module", RUNS, "modprobe dummy"),
        # what the header says is not covered
        ("argument", RUNS, "echo exit >/root/script; sh /root/script"),
    ]
    key, der, _ = make_signer(work, "image")
    r = boot(kernel, work, disk=signed_image(work, key), tpm=False, seal=False,
             config=conf(key="source = none\nx509-ima = /etc/imagate/x509\nx509-evm = /etc/imagate/x509"),
             files={"etc/imagate/policy": linted("signed", kernel), "etc/imagate/x509/image.der": der}, script=script(rows))
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "2", "EVM is not on with certificates alone")
    judged(r, rows, [("factor", "invalid-signature"), ("tsort", "invalid-fail-immutable"), ("shuf", "invalid-fail-immutable"),
                     ("sha1sum", "invalid-fail-immutable"), ("md5sum", "IMA-signature-required"),
                     ("/dev/shm/unlabelled", "IMA-signature-required"), ("of-package", "missing-HMAC")])
    return r


# -- bastion -----------------------------------------------------------------------------

# as policy/bastion.policy says, but of the modules only those that are loaded: there are 8000
LABEL_ALL = KERNEL_STATE + """
modprobe dummy
all() { find / -xdev -type f ! -path '/usr/lib/modules/*' ! -path '/var/log/journal/*' -exec "$@" {} +; }
all cat >/dev/null; echo "label-rc=$?"
cat /usr/lib/modules/$(uname -r)/modules.* $(modinfo -n $(lsmod | sed 1d | cut -d' ' -f1)) >/dev/null; echo "modules-rc=$?"
all getfattr --absolute-names -n security.evm 2>&1 >/dev/null | sed s/^/unlabelled=/
sync
"""


def bastion_disk(kernel):
    """The golden disk, labelled once more under the bastion policy in the fix stage. Kept in the cache."""
    g = golden(kernel)
    disk, stamp = os.path.join(g.dir, "bastion.qcow2"), os.path.join(g.dir, "bastion.stamp")
    made_of = "".join(line for line in policy_file("bastion").splitlines(True) if line[0] not in "#\n") + LABEL_ALL
    if os.path.exists(stamp) and open(stamp).read() == made_of:
        return disk
    m.sh("qemu-img", "create", "-q", "-f", "qcow2", "-b", g.disk, "-F", "qcow2", disk)
    with tempfile.TemporaryDirectory(dir=m.CACHE) as work:
        # without audit records of each label
        r = m.Machine(kernel, "audit=0 ima_appraise=fix imagate.stage=fix " + lsm_for(kernel), disk=disk, tpm=g.tpm_copy(work),
                      script=LABEL_ALL, keep=True, timeout=600,
                      overlay={"etc/imagate/imagate.conf": conf(), "etc/imagate/seal.pem": g.seal,
                               "etc/imagate/policy": policy_file("bastion")}).run()
    check(r, r.value("label-rc") == r.value("modules-rc") == "0" and r.value("evm") == "1", "labelling failed")
    check(r, r.value("unlabelled") is None, "not all was labelled")
    print("        %s: labelled for policy/bastion.policy in %d s" % (kernel, r.seconds), flush=True)
    with open(stamp, "w") as f:
        f.write(made_of)
    return disk


OWN_FS = "01234567-89ab-cdef-0123-456789abcdef"


def bastion(kernel, work):
    """policy/bastion.policy in enforce: root opens no file with a bad label, whoever owns it; login, journal, dpkg go on"""
    rows = LIFE + UNLABELLED[2:] + [
        ("labelled", RUNS, "/usr/bin/nproc && cat /etc/fstab"),
        ("changed", NO_OPEN, "cat /etc/adduser.conf"),
        ("relabelled", NO_OPEN, "cat /etc/deluser.conf"),
        ("given-away", NO_OPEN, "cat /etc/gai.conf"),
        ("append", NO_OPEN, "echo more >>/etc/adduser.conf"),
        ("argument", NO_EXEC, "bash /etc/init.d/dbus status"),
        ("memfd", NO_EXEC, MEMFD),
        ("user-code", NO_EXEC, "su mallory -c 'cd; cp /usr/bin/true mine; ./mine'"),
        ("user-data", NO_OPEN, "su mallory -c 'cd; echo mine >data; cat data'; cat /home/mallory/data"),
        ("run-data", RUNS, "echo mine >/run/data; cat /run/data"),
        ("root-data", RUNS, "echo mine >/root/data; cat /root/data; echo more >>/root/data; cat /root/data"),
        ("passwd", RUNS, "useradd -m row && echo row:secret | chpasswd && su - row -c 'passwd -S'"),
        ("package", RUNS, PACKAGE + "&& grep configured /var/tmp/postinst"),
        ("of-package", RUNS, "/usr/bin/of-package"),
        ("module", RUNS, "modprobe dummy"),
        # the journal that was being written when the power went is refused; one on an exempt file system is not
        ("stale", NO_OPEN, "cat /var/log/journal/$(cat /etc/machine-id)/system.journal"),
        ("kept-open", RUNS, "cd /var/log/journal; truncate -s 60M /root/fs; mkfs.ext4 -q -U %s /root/fs; mount -o loop /root/fs . && "
                            "journalctl --flush; logger on-disk; sleep 1; journalctl -D /var/log/journal | grep -q on-disk" % OWN_FS),
        ("kept-code", NO_EXEC, copied("/var/log/journal/unlabelled")),
        # what the header says is not covered
        ("root-code", RUNS, copied("/root/unlabelled")),
        ("others-read", RUNS, "su mallory -c 'cat /etc/adduser.conf'"),
    ]
    disk = raw_copy(bastion_disk(kernel), work)
    with mounted(disk, work) as root:
        for name in ("adduser.conf", "deluser.conf", "gai.conf", "init.d/dbus"):
            change_byte(os.path.join(root, "etc", name))
        relabel(os.path.join(root, "etc/deluser.conf"))
        os.chown(os.path.join(root, "etc/gai.conf"), 1000, 1000)
    # with the file system that it offers to exempt
    policy = linted("bastion", kernel).replace("#dont_appraise", "dont_appraise")
    check(m.Result("", policy, 0, False), OWN_FS in policy, "the policy names no file system to exempt")
    r = boot(kernel, work, disk=disk, files={"etc/imagate/policy": policy}, script=script(rows))
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "EVM is off")
    judged(r, rows, [("/etc/adduser.conf", "invalid-hash"), ("/etc/deluser.conf", "invalid-HMAC"),
                     ("/etc/gai.conf", "invalid-HMAC"), ("/dev/shm/unlabelled", "missing-hash"),
                     ("/home/mallory/mine", "missing-hash"), ("/home/mallory/data", "missing-hash")],
           before=[r'name="/var/log/journal/.*\.journal"'])
    return r


# -- container host ----------------------------------------------------------------------

# an image's layer as an engine unpacks it, and a container on top of it
CONTAINER = """
C=/var/lib/containers; mkdir -p $C/layer/usr/bin $C/layer/usr/lib $C/layer/usr/lib64 $C/layer/tmp $C/up $C/work $C/root
for f in $(ldd /usr/bin/bash /usr/bin/cp | grep -o '/lib[^ )]*' | sort -u); do mkdir -p $C/layer/usr${f%/*}; cp -L $f $C/layer/usr$f; done
for l in bin lib lib64; do ln -s usr/$l $C/layer/$l; done
cp /usr/bin/bash /usr/bin/cp /usr/bin/true $C/layer/usr/bin/
mount -t overlay overlay -o lowerdir=$C/layer,upperdir=$C/up,workdir=$C/work $C/root; echo "mount=$?"
mount -t tmpfs tmpfs $C/root/tmp
run() { unshare --mount --pid --fork --uts --ipc --net chroot $C/root /usr/bin/bash -c "$1"; }
"""
# mallory's own container: a user namespace, and an overlay over a program of his
BY_USER = """cd; mkdir -p l u w r; cp /usr/bin/true l/mine; l/mine && echo at-once
unshare -Urm bash -c "mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w r && r/mine && echo ran" """
# exit 1: EACCES
FINIT_MODULE = """open($m, "<", $ARGV[0]); $p = ""; exit(syscall(313, fileno($m), $p, 4) == 0 ? 0 : $! == 13 ? 1 : 2)"""


def container_host(kernel, work):
    """policy/container-host.policy in enforce: what is in an overlay runs, what leaves it does not; the host is held"""
    rows = LIFE + UNLABELLED + [
        ("labelled", RUNS, "/usr/bin/nproc"),
        ("changed", NO_EXEC, "/usr/bin/factor 6"),
        ("memfd", NO_EXEC, MEMFD),
        ("container", RUNS, "run '/usr/bin/true && cp /usr/bin/true /usr/bin/made-inside && /usr/bin/made-inside'"),
        ("layer", NO_EXEC, "chroot $C/layer /usr/bin/true"),
        ("escaped", NO_EXEC, "cp $C/root/usr/bin/true /usr/local/bin/escaped; /usr/local/bin/escaped"),
        ("upper", NO_EXEC, "$C/up/usr/bin/made-inside"),
        ("inside-tmpfs", NO_EXEC, "run 'cp /usr/bin/true /tmp/; /tmp/true'"),
        ("volume", NO_EXEC, "mkdir /srv/v $C/root/v; mount --bind /srv/v $C/root/v; run 'cp /usr/bin/true /v/; /v/true'"),
        ("module", RUNS, "modprobe dummy"),
        # kmod of Debian 12 unpacks modules itself: here the kernel is given the file
        ("overlay-module", NO_OPEN, "cp /usr/lib/modules/$(uname -r)/kernel/drivers/net/dummy.ko.xz $C/root/m.ko; perl -e '%s' $C/root/m.ko"
                                    % FINIT_MODULE),
        # what the header says is not covered
        ("user-overlay", RUNS, "su - mallory -c '%s' | grep -x ran" % BY_USER),
        ("argument", RUNS, "echo exit >/root/script; sh /root/script"),
    ]
    disk = raw_copy(golden(kernel).disk, work)
    with mounted(disk, work) as root:
        change_byte(os.path.join(root, "usr/bin/factor"))
    r = boot(kernel, work, disk=disk, files={"etc/imagate/policy": linted("container-host", kernel, ["hole", "hole"])},
             script=CONTAINER + script(rows))
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "EVM is off")
    judged(r, rows, [("factor", "invalid-hash"), ("/usr/local/bin/escaped", "missing-hash"), ("/m.ko", "missing-hash"),
                     ("/home/mallory/l/mine", "missing-hash")])
    return r


BOTH, NEW = ("6.1.", "6.12."), ("6.12.",)
CASES = [("policy-boot-measure", measure, NEW), ("policy-boot-server", server, BOTH),
         ("policy-boot-signed", signed, NEW), ("policy-boot-bastion", bastion, BOTH),
         ("policy-boot-container-host", container_host, NEW)]
