"""Cases of the main job: the gate on stock Debian kernels. Each is a function of a kernel and a
work directory; its first line of words is what `LIST=1` shows. What counts is what the kernel did:
its log, its files, what it denied."""

import base64
import hashlib
import os
import re
import shutil
import struct
import subprocess

import machine as m
from common import (ENFORCE, EXTEND_UNIT, HOST_UP, KERNEL_STATE, boot, check, in_journal, initrd_unit, make_signer, record, signer, stopped,
                    went_on)
from golden import conf, golden, lsm_for

# programs of the image that nothing starts by itself
VICTIM_CONTENT, VICTIM_LABEL, UNTOUCHED = "/usr/bin/factor", "/usr/bin/tsort", "/usr/bin/nproc"


def ima_signature(key, keyid, path):
    """security.ima of type 3, version 2, sha256, PKCS#1."""
    sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key, path], check=True,
                         stdout=subprocess.PIPE).stdout
    return b"\x03\x02\x04" + keyid + len(sig).to_bytes(2, "big") + sig


def root_file(path):
    return os.path.join(m.CACHE, "root", path.lstrip("/"))


# -- the cases ---------------------------------------------------------------------------

AFTER_ENFORCE = KERNEL_STATE + """
imagate status --json >/run/status.json; echo "status-rc=$?"
echo "--- status"; cat /run/status.json; echo "--- end"
echo "--- keys"; cat /proc/keys; keyctl show @s 2>&1; keyctl show @u 2>&1; keyctl show @us 2>&1; echo "--- end"
for k in evm-key imagate-master; do for t in user encrypted keyring; do
    for ring in @s @u @us @t @p; do keyctl search $ring $t $k 2>/dev/null && echo "key-found=$k"; done; done; done
echo 1 >/sys/kernel/security/integrity/evm/evm 2>/dev/null && echo evm-write=taken || echo evm-write=refused
cp /usr/bin/true /dev/shm/true; /dev/shm/true && echo shm=ran || echo shm=denied
cp /usr/bin/true /run/true; /run/true && echo run=ran || echo run=denied
/usr/bin/true && echo true=ran || echo true=denied
imagate prewarm --if-unproven | sed s/^/prewarm=/
for i in 1 2 3 4 5 6 7 8 9 10; do su mallory -s /bin/bash -c /run/true && echo mallory=ran; done
cat /sys/kernel/security/integrity/ima/ascii_runtime_measurements | wc -l | sed s/^/measurements=/
journalctl -b --no-pager -o verbose MESSAGE_ID=4e26c4b1a7d14ffb92389813504daddb | grep -E "IMAGATE_(VERDICT|STAGE|CAUSE)" | sed 's/ *//'
systemctl --version | head -1
imagate check --stage enforce >/run/check.txt 2>&1; echo "check-rc=$?"
echo "--- check"; cat /run/check.txt; echo "--- end"
"""


def enforce(kernel, work):
    """the sealed and labelled system boots in enforce; no key is left to root; memfd-like copies are denied"""
    r = boot(kernel, work, script=AFTER_ENFORCE)
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "EVM is not on with HMAC alone")
    check(r, r.value("policy-file") == "gone", "the policy file is still there")
    check(r, "evm: key initialized" in r.console and "ima: policy update completed" in r.console,
          "the kernel did not log EVM's key and the policy")
    check(r, r.value("key-found") is None, "root finds a key")
    check(r, "imagate-master" not in r.block("keys") and "evm-key" not in r.block("keys"), "root sees a key")
    check(r, r.value("evm-write") == "refused", "EVM takes another write")
    check(r, r.value("shm") == "denied" and r.value("run") == "denied", "an unlabelled copy ran")
    check(r, r.value("true") == "ran", "a labelled program was denied")
    check(r, "the gate has had them appraised" in (r.value("prewarm") or ""), "prewarm does again what the gate's proof did")
    check(r, r.value("mallory") is None, "an unlabelled copy ran for a user")
    check(r, '"verdict":"admit"' in r.block("status").replace(" ", "").replace("\n", ""), "status says otherwise")
    check(r, r.value("status-rc") == "0", "status does not exit 0")
    check(r, r.value("IMAGATE_VERDICT") == "admit" and r.value("IMAGATE_STAGE") == "enforce",
          "the journal's entry is missing")
    check(r, r.value("check-rc") == "0", "check would not admit what was admitted")
    check(r, int(r.value("measurements")) > 50, "nothing was measured")
    return r


def blocks_of(disk, path):
    out = m.sh("debugfs", "-R", "blocks " + path, disk)
    return [int(w) for w in out.split() if w.isdigit()]


def tamper_content(disk, path):
    """Flips one byte in the middle of a file's content, below the file system."""
    blocks = blocks_of(disk, path)
    at = blocks[len(blocks) // 2] * 4096 + 100
    with open(disk, "r+b") as f:
        f.seek(at)
        b = f.read(1)
        f.seek(at)
        f.write(bytes([b[0] ^ 0xff]))


def file_bytes(disk, path, work):
    out = os.path.join(work, "dump")
    m.sh("debugfs", "-R", "dump %s %s" % (path, out), disk)
    return open(out, "rb").read()


def set_ima(disk, path, value, work):
    f = os.path.join(work, "xattr")
    open(f, "wb").write(value)
    m.sh("debugfs", "-w", "-R", "ea_set -f %s %s security.ima" % (f, path), disk)


def tampered_disk(g, work):
    """(a) content changed; (b) content changed and security.ima made to match."""
    disk = os.path.join(work, "tampered.raw")
    m.sh("qemu-img", "convert", "-O", "raw", g.disk, disk)
    subprocess.run(["e2fsck", "-fp", disk], stdout=subprocess.DEVNULL, check=False)  # 1: it replayed the journal
    for path in (VICTIM_CONTENT, VICTIM_LABEL):
        tamper_content(disk, path)
    digest = hashlib.sha256(file_bytes(disk, VICTIM_LABEL, work)).digest()
    set_ima(disk, VICTIM_LABEL, b"\x04\x04" + digest, work)
    return disk


RUN_VICTIMS = KERNEL_STATE + "".join("""
%s --version >/dev/null 2>&1 && echo "%s=ran" || echo "%s=denied $?"
""" % (p, p, p) for p in (VICTIM_CONTENT, VICTIM_LABEL, UNTOUCHED)) + """
sleep 1
echo "--- audit"; journalctl -b --no-pager _TRANSPORT=audit + _TRANSPORT=kernel | grep -E "factor|tsort|nproc"; dmesg | grep -E "factor|tsort|nproc"; echo "--- end"
"""


def tamper(kernel, work):
    """changed offline: content (invalid-hash), content and label (invalid-HMAC) are denied, the untouched runs"""
    r = boot(kernel, work, disk=tampered_disk(golden(kernel), work), script=RUN_VICTIMS)
    went_on(r, "admit", "none")
    audit = r.block("audit")
    check(r, r.value(VICTIM_CONTENT) == "denied 126", "the changed program was not denied")
    check(r, r.value(VICTIM_LABEL) == "denied 126", "the changed and relabelled program was not denied")
    check(r, r.value(UNTOUCHED) == "ran", "the untouched program was denied")
    check(r, re.search(r"cause=invalid-hash .*factor", audit), "the kernel did not say invalid-hash")
    check(r, re.search(r"cause=invalid-HMAC .*tsort", audit), "the kernel did not say invalid-HMAC")
    return r


def tamper_init(kernel, work):
    """a library of init was changed and relabelled: the kernel denies it while there is still an initramfs to stop in"""
    disk = os.path.join(work, "tampered.raw")
    path = "/usr/lib/x86_64-linux-gnu/libseccomp.so.2.5.4"
    m.sh("qemu-img", "convert", "-O", "raw", golden(kernel).disk, disk)
    subprocess.run(["e2fsck", "-fp", disk], stdout=subprocess.DEVNULL, check=False)
    tamper_content(disk, path)
    set_ima(disk, path, b"\x04\x04" + hashlib.sha256(file_bytes(disk, path, work)).digest(), work)
    r = boot(kernel, work, disk=disk)
    rec = record(r)
    check(r, rec.get("verdict") == "stop" and rec.get("cause") == "preflight", "not stopped by the proof")
    in_journal(r, "preflight")
    check(r, r.value("where") == "initramfs" and HOST_UP not in r.console, "the real root was started")
    # the console's copy is rate-limited; the audit group's is not
    check(r, re.search(r"cause=invalid-HMAC .*libseccomp", r.console) or int(r.value("audit-denials")) > 0,
          "the kernel did not deny it")
    check(r, "libseccomp.so.2.5.4: invalid-HMAC" in r.console, "the console does not name the file")
    return r


def pcr(kernel, work):
    """PCR 7 was extended before the gate: the TPM refuses the key, the boot stops and names the PCR and what to do"""
    files = dict(m.program("/usr/bin/tpm2"), **initrd_unit("extend.service", EXTEND_UNIT))
    files.update(m.program("/usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0"))
    r = boot(kernel, work, files=files, script=KERNEL_STATE + "systemctl show imagate-gate.service -p StatusText\n")
    stopped(r, "key-refused")
    check(r, r.value("StatusText") == "stop: stage enforce, key-refused", "systemd was not told")
    rec = record(r)
    check(r, rec["step.unseal"] == "refused" and ("0x99d" in r.console or "0x1c4" in r.console), "the TPM's code is not told")
    check(r, "imagate recover" in r.console, "the advice is missing")
    check(r, re.search(r"PCR 7 \(Secure Boot: [^)]*\)", r.console) and "If you switched Secure Boot" in r.console and
          rec["changed-pcrs"] == "000080", "the console does not name the PCR")
    return r


def no_tpm(kernel, work):
    """no TPM: the boot stops; nothing is unlocked"""
    r = boot(kernel, work, tpm=False, config=conf(tpm="wait = 1"))
    stopped(r, "key-absent")
    return r


def no_tpm_degrade(kernel, work):
    """no TPM, and the configuration forgives absence: degraded, the policy in force without EVM"""
    r = boot(kernel, work, tpm=False, config=conf(tpm="wait = 1", recovery="key-absent = degrade"))
    went_on(r, "degraded", "key-absent")
    check(r, r.value("evm") == "0" and r.value("policy-file") == "gone", "not: no EVM, but the policy")
    return r


def flip_hex(seal):
    """One digit of the EVM key's blob."""
    i = seal.index("Evm-Key:") + 120
    return seal[:i] + ("1" if seal[i] == "0" else "0") + seal[i + 1:]


def damaged_blob(kernel, work):
    """one digit of the EVM key's blob is wrong: the kernel refuses it, the boot stops"""
    r = boot(kernel, work, files={"etc/imagate/seal.pem": flip_hex(golden(kernel).seal)})
    stopped(r, "keyrings")
    return r


def damaged_pem(kernel, work):
    """the sealed object is cut short: the boot stops and names the file"""
    seal = golden(kernel).seal
    lines = seal.splitlines()
    r = boot(kernel, work, files={"etc/imagate/seal.pem": "\n".join(lines[:10] + lines[11:]) + "\n"})
    stopped(r, "key-broken")
    check(r, "/etc/imagate/seal.pem" in r.console, "the file is not named")
    return r


def no_config(kernel, work):
    """the configuration is not in the initramfs: the boot stops before the key is asked for"""
    slim = os.path.join(work, "slim.cpio")
    g = golden(kernel)
    m.cpio_without(os.path.join(m.CACHE, "initramfs-%s.cpio" % kernel), ("etc/imagate/imagate.conf",), slim)
    r = m.Machine(kernel, ENFORCE + lsm_for(kernel), disk=g.disk, tpm=g.tpm_copy(work), script=KERNEL_STATE,
                  initramfs=slim, overlay={"etc/imagate/seal.pem": g.seal}).run()
    stopped(r, "config")
    check(r, record(r)["step.unseal"] == "blocked", "the TPM was asked")
    return r


def bad_config(kernel, work):
    """a bad value in the configuration: the boot stops and names file, line and remedy"""
    r = boot(kernel, work, config="[gate]\nstage = enforce\nfloor = tall\n")
    stopped(r, "config")
    check(r, "/etc/imagate/imagate.conf:3" in r.console and "measure" in r.console, "file and line are not named")
    return r


def bad_rule(kernel, work):
    """a rule that the kernel refuses: nothing of the policy counts, no key is used, the line is named"""
    policy = open(os.path.join(m.REPO, "policy", "server.policy")).read()
    bad = policy + "appraise func=NO_SUCH_CHECK\n"
    r = boot(kernel, work, files={"etc/imagate/policy": bad})
    stopped(r, "policy-refused")
    check(r, r.value("policy-file") == "there", "a policy was loaded")
    check(r, "/etc/imagate/policy:%d" % len(bad.splitlines()) in r.console, "the line is not named")
    check(r, "policy update failed" in r.console, "the kernel did not throw the policy away")
    return r


def hazard(kernel, work):
    """Debian 12's own LSM list on 6.1: no crash, EVM off, degraded, the lsm= line is told"""
    r = boot(kernel, work, lsm="")
    went_on(r, "degraded", "hazard-bpf")
    check(r, r.value("evm") == "0", "EVM is on")
    check(r, "kernel command line: lsm=" in r.console, "the remedy is missing")
    line = re.search(r"kernel command line: (lsm=\S+)", r.console).group(1)
    check(r, "bpf" not in line and "integrity" in line, "the remedy is wrong")
    check(r, record(r)["step.unseal"] == "blocked", "the TPM was asked for the key")
    return r


def hazard_remedy(kernel, work):
    """the lsm= line that the hazard's advice gives boots into enforce"""
    first = boot(kernel, work, lsm="", script=KERNEL_STATE)
    line = re.search(r"kernel command line: (lsm=\S+)", first.console)
    check(first, line, "no advice")
    work2 = os.path.join(work, "second")
    os.mkdir(work2)
    r = boot(kernel, work2, lsm=line.group(1))
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "EVM is off")
    return r


KILL_UNIT = """[Unit]
DefaultDependencies=no
Before=imagate-sysroot.service
After=initrd-root-fs.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'until systemctl kill -s KILL imagate-gate.service; do :; done'
"""


def killed(kernel, work):
    """the gate is killed while it waits for the root: no switch_root, no key, no second run"""
    files = initrd_unit("kill.service", KILL_UNIT)
    script = KERNEL_STATE + """
systemctl show imagate-gate.service -p Result | sed s/Result/gate-result/
/usr/lib/imagate/imagate-gate; echo "again=$?"
systemctl start initrd-cleanup.service; echo "cleanup=$?"
systemctl start initrd-switch-root.service; echo "switch=$?"
"""
    r = boot(kernel, work, files=files, script=script)
    check(r, r.value("gate-result") == "signal", "the gate was not killed")
    check(r, r.value("where") == "initramfs" and HOST_UP not in r.console, "the real root was started")
    check(r, r.value("evm") == "0", "EVM is on")
    check(r, r.value("again") == "1", "the gate ran a second time")
    check(r, r.value("cleanup") not in (None, "0") and r.value("switch") not in (None, "0"),
          "the switch could be started by hand")
    return r


def floor(kernel, work):
    """fix is asked for at the GRUB prompt, the floor is enforce: no key, no labels, the boot stops"""
    r = boot(kernel, work, cmdline="ima_appraise=fix imagate.stage=fix", config=conf(floor="enforce"))
    stopped(r, "below-floor")
    check(r, record(r)["step.unseal"] == "blocked", "the TPM was asked for the key")
    return r


def mode(kernel, work):
    """enforce with ima_appraise=fix on the command line: the key is withheld, the boot stops"""
    r = boot(kernel, work, cmdline="ima_appraise=fix")
    stopped(r, "appraise-mode")
    return r


def unlabelled(kernel, work):
    """the root was never labelled: preflight stops the boot instead of letting it brick"""
    r = boot(kernel, work, disk=os.path.join(m.CACHE, "disk.raw"))
    stopped(r, "preflight")
    check(r, "missing-hash" in r.console and "/usr/lib/systemd/systemd" in r.console, "the file is not named")
    return r


def measure(kernel, work):
    """measure: no key is asked for, the list grows, nothing is denied"""
    r = boot(kernel, work, cmdline="imagate.stage=measure", config=conf(floor="off"), seal=False,
             files={"etc/imagate/measure.policy": open(os.path.join(m.REPO, "policy", "measure.policy")).read()},
             script=KERNEL_STATE + "cp /usr/bin/true /run/true; /run/true && echo run=ran\n"
                                   "wc -l </sys/kernel/security/integrity/ima/ascii_runtime_measurements | sed s/^/measurements=/\n")
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "0" and r.value("policy-file") == "gone", "not: no EVM, but the policy")
    check(r, r.value("run") == "ran" and int(r.value("measurements")) > 50, "denied, or not measured")
    return r


def off(kernel, work):
    """off, with a floor that allows it: nothing is changed in the kernel"""
    r = boot(kernel, work, cmdline="imagate.stage=off", config=conf(floor="off"), seal=False)
    went_on(r, "admit", "stage-off")
    check(r, r.value("evm") == "0" and r.value("policy-file") == "there", "something was changed")
    return r


def signed_program(work, signer):
    """Guest shell lines that put a signed copy of true at /run/signed."""
    key, _, keyid = signer
    value = ima_signature(key, keyid, root_file("/usr/bin/true"))
    return "cp /usr/bin/true /run/signed; setfattr -n security.ima -v 0x%s /run/signed; echo setfattr=$?\n" % value.hex()


ATTACK = """R=$(keyctl newring $1 @s); base64 -d /run/evil.b64 | keyctl padd asymmetric '' $R >/dev/null
$2 && echo ran || echo denied
"""
# every way to put a key into the rings that the gate made, whose serials root can see
EXTEND = """
for r in $(awk '/keyring *_(ima|evm):/ { print "0x" $1 }' /proc/keys); do
    echo "ring=$r"
    base64 -d /run/evil.b64 | keyctl padd asymmetric '' $r 2>/dev/null && echo extended=padd
    K=$(base64 -d /run/evil.b64 | keyctl padd asymmetric '' @s 2>/dev/null) && keyctl link $K $r 2>/dev/null && echo extended=link
    keyctl setperm $r 0x3f3f3f3f 2>/dev/null && echo extended=setperm
    keyctl clear $r 2>/dev/null && echo extended=clear
    keyctl revoke $r 2>/dev/null && echo extended=revoke
done
"""


def evm_portable(key, keyid, path):
    """security.ima and a portable security.evm for a root-owned 0755 copy of path: KERNEL-FACTS 1.6."""
    ima = b"\x04\x04" + hashlib.sha256(open(path, "rb").read()).digest()
    message = ima + struct.pack("<QIIIHxx", 0, 0, 0, 0, 0o100755)
    sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=message, check=True,
                         stdout=subprocess.PIPE).stdout
    return ima, b"\x05\x02\x04" + keyid + len(sig).to_bytes(2, "big") + sig


def as_user_and_root(name, ring, program):
    return """
echo "attack-%s-user=$(su mallory -s /bin/bash -c "keyctl session - bash /run/attack %s %s" 2>/dev/null | tail -1)"
echo "attack-%s-root=$(keyctl session - bash /run/attack %s %s 2>/dev/null | tail -1)"
""" % (name, ring, program, name, ring, program)


def attack_script(work, between=""):
    """As a user and as root: keyrings of the integrity names with the attacker's certificate, then a program
    whose security.ima, and one whose security.evm, the attacker signed."""
    key, der, keyid = evil = make_signer(work, "evil")
    ima, evm = evm_portable(key, keyid, root_file("/usr/bin/true"))
    return (signed_program(work, evil) + "echo %s >/run/evil.b64; chmod 644 /run/evil.b64\n"
            % base64.b64encode(der).decode()
            + 'cat >/run/attack <<"END"\n%sEND\n' % ATTACK
            + "cp /usr/bin/true /run/portable; chmod 755 /run/portable\n"
            + "setfattr -n security.ima -v 0x%s /run/portable; echo portable-ima=$?\n" % ima.hex()
            + "setfattr -n security.evm -v 0x%s /run/portable; echo portable-evm=$?\n" % evm.hex()
            + as_user_and_root("ima", "_ima", "/run/signed") + between
            + as_user_and_root("evm", "_evm", "/run/portable") + EXTEND
            + 'dmesg | grep "Request for unknown key" | tail -4\n')


def attack_failed(r):
    check(r, r.value("setfattr") == "0" and r.value("portable-evm") == "0", "the attack was not set up")
    for ring in ("ima", "evm"):
        for who in ("user", "root"):
            check(r, r.value("attack-%s-%s" % (ring, who)) == "denied", "%s supplied _%s" % (who, ring))
    check(r, r.value("ring") is not None, "root does not see the rings: nothing was tried")
    check(r, r.value("extended") is None, "a ring was changed by root")


def pinned(kernel, work):
    """neither a user nor root can supply or extend _ima and _evm after the gate: what their key signed stays denied"""
    r = boot(kernel, work, script=KERNEL_STATE + attack_script(work))
    went_on(r, "admit", "none")
    attack_failed(r)
    return r


def unpinned(kernel, work):
    """the same attack without imagate succeeds: the case above can fail"""
    rules = [line for line in open(os.path.join(m.REPO, "policy", "server.policy")).read().splitlines()
             if line and not line.startswith("#") and "appraise func" not in line]
    rules.append("appraise func=BPRM_CHECK fsmagic=0x01021994")
    script = ("".join("echo '%s'\n" % rule for rule in rules))
    load = "(%s) >/run/rules; while read -r l; do echo \"$l\"; done </run/rules >/sys/kernel/security/integrity/ima/policy\n" % script
    r = m.Machine(kernel, "ima_appraise=enforce", disk=golden(kernel).disk,
                  initramfs=os.path.join(m.CACHE, "initramfs-%s-plain.cpio" % kernel),
                  script=load + attack_script(work, "echo 2 >/sys/kernel/security/integrity/evm/evm\n")).run()
    check(r, r.value("attack-ima-user") == "ran" and r.value("attack-evm-user") == "ran",
          "the attack does not work even without imagate")
    return r


def x509(kernel, work):
    """certificates and HMAC together: a program signed by the configured key runs, an unsigned one does not"""
    keys = os.path.join(work, "keys")
    m.sh(os.path.join(m.REPO, "keys", "make-keys"), keys)
    good = signer(os.path.join(keys, "ima.key"), os.path.join(keys, "ima.der"))
    files = {"etc/imagate/x509-ima/ima.der": good[1],
             "etc/imagate/x509-evm/evm.der": open(os.path.join(keys, "evm.der"), "rb").read()}
    r = boot(kernel, work, files=files,
             config=conf(key="x509-ima = /etc/imagate/x509-ima\nx509-evm = /etc/imagate/x509-evm"),
             script=KERNEL_STATE + signed_program(work, good) +
             "/run/signed && echo signed=ran || echo signed=denied\n"
             "cp /usr/bin/true /run/plain; /run/plain && echo plain=ran || echo plain=denied\n" + attack_script(work))
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "3", "EVM is not on with both")
    check(r, r.value("signed") == "ran" and r.value("plain") == "denied", "not: signed runs, unsigned does not")
    attack_failed(r)
    return r


ON_TRIAL = """
cat >/etc/imagate/imagate.conf <<'END'
%sEND
mkdir -p /boot/grub; grub-editenv /boot/grub/grubenv create
grub-editenv /boot/grub/grubenv set imagate_stage=fix imagate_trial=audit imagate_tries=1
rm -f /run/imagate/blessed; imagate bless 2>&1; echo "bless-rc=$?"
grub-editenv /boot/grub/grubenv list | sed s/^/then-/
"""


def x509_only(kernel, work):
    """certificates alone, in audit: the policy first, then EVM; both keyrings pinned; no TPM is asked; a trial can be blessed"""
    good = make_signer(work, "good")
    certificates = conf(stage="audit", key="source = none\nx509-evm = /etc/imagate/x509-evm",
                        rollout="blessings = 1")
    r = boot(kernel, work, cmdline="ima_appraise=log imagate.stage=audit", tpm=False, seal=False,
             files={"etc/imagate/x509-evm/good.der": good[1]}, script=KERNEL_STATE + ON_TRIAL % certificates,
             config=certificates)
    went_on(r, "admit", "none")
    check(r, r.value("bless-rc") == "0" and "no floor is raised" in r.agent, "the trial cannot be blessed without a TPM")
    check(r, r.value("then-imagate_stage") == "audit" and r.value("then-imagate_trial") is None, "the trial is not over")
    check(r, r.value("evm") == "2", "EVM is not on with certificates alone")
    check(r, "in '_evm' keyring" in r.console and "in '_ima' keyring" in r.console, "not pinned")
    return r


def audit(kernel, work):
    """audit: what enforce would deny runs, and is in the kernel's log"""
    r = boot(kernel, work, cmdline="ima_appraise=log imagate.stage=audit",
             script=KERNEL_STATE + "cp /usr/bin/true /run/true; /run/true && echo run=ran\nsleep 1\n"
             'echo "--- audit"; journalctl -b --no-pager _TRANSPORT=audit | grep /run/true; dmesg | grep /run/true; echo "--- end"\n')
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and r.value("run") == "ran", "not: EVM on, nothing denied")
    check(r, "missing-hash" in r.block("audit"), "the kernel did not log what it would deny")
    return r


CHECK_TOUR = """
cp /etc/imagate/imagate.conf /run/good.conf
say() { echo "--- $1"; shift; "$@" 2>&1; echo "rc=$?"; echo "--- end"; }
say help imagate --help
say seal-again imagate seal
say badconf imagate check --config /etc/passwd
say noconf imagate check --config /nonexistent
say usage imagate seal --frobnicate
say check imagate check
before=$(sha256sum </etc/imagate/seal.pem)
mkdir -p /run/full; mount -t tmpfs -o size=4k tmpfs /run/full; cp /etc/imagate/seal.pem /run/full/ 2>/dev/null
say full imagate seal --force --output /run/full/x.pem
mount -o remount,ro /run/full
say readonly imagate seal --force --output /run/full/seal.pem
[ "$before" = "$(sha256sum </etc/imagate/seal.pem)" ] && echo seal-file=same
say force imagate seal --force
ls -la /etc/imagate
[ "$before" = "$(sha256sum </etc/imagate/seal.pem.old)" ] && echo old-file=kept
"""


def admin(kernel, work):
    """imagate seal refuses to overwrite, survives a full and a read-only disk, keeps the old seal; check finds errors"""
    r = boot(kernel, work, cmdline="ima_appraise=fix imagate.stage=fix", config=conf(stage="fix"), script=CHECK_TOUR,
             keep=False)

    def rc(name):
        return r.block(name).strip().splitlines()[-1] if r.block(name).strip() else "no answer"
    check(r, rc("help") == "rc=0", "help")
    check(r, rc("seal-again") == "rc=2" and "--force" in r.block("seal-again"), "seal does not refuse to overwrite")
    check(r, rc("badconf") == "rc=1" and "/etc/passwd" in r.block("badconf"), "bad configuration")
    check(r, rc("noconf") == "rc=1" and "files were not judged" in r.block("noconf"), "missing configuration")
    check(r, rc("usage") == "rc=2", "usage")
    check(r, rc("full") == "rc=3" and "no space" in r.block("full"), "full disk")
    check(r, rc("readonly") == "rc=3" and "read-only" in r.block("readonly"), "read-only disk")
    check(r, r.value("seal-file") == "same", "the seal was changed by what failed")
    check(r, rc("force") == "rc=0" and r.value("old-file") == "kept", "the old seal was not kept")
    return r


def no_systemd(kernel, work):
    """an initramfs without systemd: the pre-pivot hook starts the gate, the system boots in enforce"""
    r = boot(kernel, work, initramfs=os.path.join(m.CACHE, "initramfs-%s-nosystemd.cpio" % kernel))
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and r.value("policy-file") == "gone", "not: EVM on and the policy loaded")
    return r


def no_systemd_stop(kernel, work):
    """without systemd, a damaged seal: the hook does not let the boot go on"""
    r = boot(kernel, work, initramfs=os.path.join(m.CACHE, "initramfs-%s-nosystemd.cpio" % kernel),
             files={"etc/imagate/seal.pem": "nonsense\n"}, cmdline=ENFORCE + "rd.shell=1",
             until=lambda text: "powering off in ten" in text or HOST_UP in text)
    check(r, "imagate: STOPPED" in r.console and HOST_UP not in r.console, "the boot went on")
    check(r, "nobody can be let in" in r.console, "a shell without the recovery key")
    return r


class Dracut:
    """dracut in the image's root, with another /etc/imagate or other modules; nothing is kept."""

    def __init__(self, kernel, work):
        self.kernel, self.work = kernel, work
        self.root = os.path.join(m.CACHE, "root")

    SMALL = "--no-kernel -m 'base bash systemd systemd-initrd dracut-systemd %s'"
    WHOLE = ("-a imagate --filesystems ext4 --drivers 'virtio_pci virtio_blk ext4 crc32c_generic crc32c_intel' "
             "--omit 'network plymouth i18n drm nfs lvm mdraid dm multipath btrfs crypt dmraid busybox dash qemu'")

    def run(self, conf_text=None, modules="imagate", remove=(), add=(), whole=False):
        self.image = os.path.join(self.work, "image")
        # a tree of hard links: other cases use the same root
        root = os.path.join(self.work, "root")
        m.sh("cp", "-al", self.root, root)
        shutil.rmtree(os.path.join(root, "etc/imagate"))
        shutil.copytree(os.path.join(self.root, "etc/imagate"), os.path.join(root, "etc/imagate"))
        for name, text in dict(add, **({"imagate.conf": conf_text} if conf_text is not None else {})).items():
            open(os.path.join(root, "etc/imagate", name), "w").write(text)
        for name in remove:
            os.unlink(os.path.join(root, "etc/imagate", name))
        made = "/tmp/refuse.img"
        m.sh("mount", "-t", "proc", "proc", os.path.join(root, "proc"))
        try:
            p = subprocess.run("exec chroot %s dracut --force --no-hostonly --no-hostonly-cmdline --no-early-microcode "
                               "--kver %s %s %s" % (root, self.kernel, self.WHOLE if whole else self.SMALL % modules, made),
                               shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        finally:
            m.unmount(os.path.join(root, "proc"))
        there = os.path.exists(root + made)
        self.listing = m.sh("chroot", root, "lsinitrd", made) if there and whole else ""
        if there:
            shutil.move(root + made, self.image)
        shutil.rmtree(root)
        return m.Result("", "exit %d, image %s\n%s" % (p.returncode, "made" if there else "not made", p.stdout), 0, False)


def dracut_seal(kernel, work):
    """the initramfs that dracut makes with a seal in /etc/imagate, nothing added to it, boots in enforce"""
    g = golden(kernel)
    d = Dracut(kernel, work)
    r = d.run(conf_text=conf(), add={"seal.pem": g.seal, "seal.pem.log": "for words only"}, whole=True)
    check(r, r.agent.startswith("exit 0, image made") and "imagate:" not in r.agent, "dracut failed or complained")
    check(r, "etc/imagate/seal.pem.log" in d.listing, "the log beside the seal is not in the initramfs")
    r = m.Machine(kernel, ENFORCE + lsm_for(kernel), disk=g.disk, tpm=g.tpm_copy(work), initramfs=d.image,
                  script=KERNEL_STATE).run()
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "EVM is off")
    return r


def dracut_refuses(kernel, work):
    """dracut -a imagate refuses what cannot work, with a reason and a remedy, and leaves no image behind"""
    d = Dracut(kernel, work)
    rows = [
        (dict(modules="imagate masterkey integrity securityfs"), "cannot be in one initramfs"),
        (dict(remove=["imagate.conf"]), "copy /usr/share/imagate/imagate.conf"),
        (dict(conf_text="[gate]\nstage = tall\n"), "imagate.conf:2"),
        (dict(remove=["policy"]), "/etc/imagate/policy (policy)"),
        (dict(conf_text="[gate]\nstage = enforce\n"), "run 'imagate seal' first"),
    ]
    for args, words in rows:
        r = d.run(**args)
        check(r, r.agent.startswith("exit 1, image not made") and words in r.agent, "not refused: %s" % words)
    r = d.run()
    check(r, r.agent.startswith("exit 0, image made") and "run 'imagate seal'" in r.agent, "the good one is refused")
    return r


BOTH, OLD, NEW = ("6.1.", "6.12."), ("6.1.",), ("6.12.",)
CASES = [
    ("gate-enforce", enforce, BOTH), ("gate-tamper", tamper, BOTH), ("gate-tamper-init", tamper_init, BOTH), ("gate-pcr", pcr, BOTH),
    ("gate-no-tpm", no_tpm, BOTH), ("gate-no-tpm-degrade", no_tpm_degrade, NEW),
    ("gate-damaged-blob", damaged_blob, BOTH), ("gate-damaged-pem", damaged_pem, NEW),
    ("gate-no-config", no_config, BOTH), ("gate-bad-config", bad_config, NEW),
    ("gate-bad-rule", bad_rule, BOTH), ("gate-hazard", hazard, OLD), ("gate-hazard-remedy", hazard_remedy, OLD),
    ("gate-killed", killed, BOTH), ("gate-floor", floor, NEW), ("gate-mode", mode, OLD),
    ("gate-unlabelled", unlabelled, NEW), ("gate-measure", measure, OLD), ("gate-off", off, NEW),
    ("gate-pinned", pinned, BOTH), ("gate-unpinned", unpinned, NEW), ("gate-x509", x509, BOTH),
    ("gate-x509-only", x509_only, BOTH), ("gate-audit", audit, OLD), ("gate-admin", admin, NEW),
    ("gate-no-systemd", no_systemd, NEW), ("gate-no-systemd-stop", no_systemd_stop, NEW),
    ("gate-dracut-refuses", dracut_refuses, NEW), ("gate-dracut-seal", dracut_seal, OLD),
]
