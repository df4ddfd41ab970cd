"""Labels that imagate writes itself: on an image that has never run, and beside evmctl."""

import os
import re
import subprocess

import machine as m
from common import KERNEL_STATE, boot, check, make_signer, went_on
from golden import conf, golden
from policyboot import mounted, policy_file, raw_copy

IMAGATE = os.path.join(m.REPO, "build", "imagate")
AFTER = KERNEL_STATE + """
/usr/bin/nproc >/dev/null && echo nproc=ran
cp /usr/bin/true /dev/shm/t; /dev/shm/t 2>/dev/null || echo shm=denied
systemctl --failed --plain --no-legend | sed 's/ .*//; s/^/failed=/'
journalctl -b --no-pager -q -o cat _TRANSPORT=audit + _TRANSPORT=kernel | grep -c "op=appraise_data.*res=0" | sed s/^/denials=/
"""


def imagate(*args, typed=None, ok=(0,)):
    r = subprocess.run((IMAGATE,) + args, input=typed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode not in ok:
        raise m.Failure("imagate %s: exit %d\n%s" % (" ".join(args), r.returncode, r.stdout))
    return r.stdout


def configured(work, name, text):
    path = os.path.join(work, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def image(kernel, work):
    """an image that was labelled offline, HMACs and all, boots straight into enforce; the second run finds nothing to do"""
    g = golden(kernel)
    disk = raw_copy(os.path.join(m.CACHE, "disk.raw"), work)
    policy = configured(work, "policy", policy_file("server"))
    args = ("label", "--policy", policy, "--config", configured(work, "conf", conf()), "--evm-seal", g.seal_path, "--root")
    with mounted(disk, work) as root:
        first = imagate(*args, root, typed=g.recovery)
        again = imagate(*args, root, typed=g.recovery)
        for words, text in (("\\b[1-9][0-9]* labelled, ", first), (r"\b0 labelled, [1-9][0-9]* right already", again)):
            if not re.search(words, text) or " 0 failed" not in text:
                raise m.Failure("imagate label:\n%s%s" % (first, again))
        checked = imagate("check", "--files", "--no-cache", "--root", root, "--policy", policy, "--evm", "1", "--evm-seal", g.seal_path,
                          "--config", configured(work, "conf", conf()), typed=g.recovery)
        if "none would be denied" not in checked or "not at hand" in checked:
            raise m.Failure("imagate check:\n" + checked)
    r = boot(kernel, work, disk=disk, files={"etc/imagate/policy": policy_file("server")}, script=AFTER)
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and r.value("nproc") == "ran" and r.value("shm") == "denied", "not enforced as it should be")
    check(r, r.value("failed") is None, "a unit failed")
    return r


def signed(kernel, work):
    """an image with portable signatures alone, made by imagate, boots in enforce under signed.policy without any HMAC key"""
    key, der, _ = make_signer(work, "signer")
    cert = os.path.join(work, "signer.der")
    disk = raw_copy(os.path.join(m.CACHE, "disk.raw"), work)
    policy = configured(work, "policy", policy_file("signed"))
    text = conf(key="source = none\nx509-evm = /etc/imagate/x509-evm\nx509-ima = /etc/imagate/x509-ima")
    with mounted(disk, work) as root:
        out = imagate("label", "--policy", policy, "--config", configured(work, "conf", conf()), "--sign", key, "--cert", cert,
                      "--evm-sign", key, "--evm-cert", cert, "--root", root)
        if " 0 failed" not in out:
            raise m.Failure("imagate label:\n" + out)
    r = boot(kernel, work, disk=disk, seal=False, tpm=False, config=text, script=AFTER, files={
        "etc/imagate/policy": policy_file("signed"), "etc/imagate/x509-evm/s.der": der, "etc/imagate/x509-ima/s.der": der})
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "2" and r.value("nproc") == "ran" and r.value("shm") == "denied", "not enforced as it should be")
    check(r, r.value("failed") is None, "a unit failed")
    return r


KEYS = [("rsa2048", ["rsa:2048"]), ("rsa3072", ["rsa:3072"]), ("rsa4096", ["rsa:4096"]),
        ("p256", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("p384", ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"])]
HASHES = ("sha1", "sha224", "sha256", "sha384", "sha512")


def evmctl(*args):
    r = subprocess.run(("evmctl",) + args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return r.returncode, r.stdout


def fresh(root):
    path = os.path.join(root, "bin", "x")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        os.unlink(path)
    with open(path, "wb") as f:
        f.write(os.urandom(5000))
    os.chmod(path, 0o755)
    return path


def interop(kernel, work):
    """what imagate signs and hashes evmctl verifies, and the other way round: RSA 2048 to 4096, P-256, P-384, sha1 to sha512"""
    root = os.path.join(work, "root")
    policy = configured(work, "policy", "appraise func=BPRM_CHECK appraise_type=imasig\n")
    plain = configured(work, "plain", "appraise func=BPRM_CHECK\n")
    config = configured(work, "conf", conf())
    compared = 0
    for name, kind in KEYS:
        key, pem, certs = os.path.join(work, name + ".key"), os.path.join(work, name + ".pem"), os.path.join(work, name)
        m.sh("openssl", "req", "-new", "-x509", "-newkey", *kind, "-nodes", "-subj", "/CN=" + name, "-keyout", key, "-out", pem)
        os.makedirs(certs)
        der = os.path.join(certs, "c.der")
        m.sh("openssl", "x509", "-in", pem, "-outform", "DER", "-out", der)
        for algo in HASHES:
            path = fresh(root)
            imagate("label", "--root", root, "--policy", plain, "--config", config, "--hash", algo, "--sign", key, "--cert", pem,
                    "--evm-sign", key, "--evm-cert", pem)
            ima = evmctl("ima_verify", "--key", der, path)
            evm = evmctl("verify", "--key", der, path)
            if ima[0] or "verification is OK" not in ima[1] or evm[0] or "verification is OK" not in evm[1]:
                raise m.Failure("evmctl does not take ours (%s, %s):\n%s%s" % (name, algo, ima[1], evm[1]))
            path = fresh(root)
            if evmctl("sign", "--imasig", "--portable", "-a", algo, "--key", key, path)[0]:
                raise m.Failure("evmctl sign (%s, %s)" % (name, algo))
            out = imagate("check", "--files", "--no-cache", "--root", root, "--policy", policy, "--config", config, "--evm", "2",
                          "--ima-certs", certs, "--evm-certs", certs)
            again = imagate("label", "--root", root, "--policy", plain, "--config", config, "--hash", algo, "--sign", key,
                            "--cert", pem, "--evm-sign", key, "--evm-cert", pem)
            if "none would be denied" not in out or " 0 labelled, 1 right already" not in again:
                raise m.Failure("ours does not take evmctl's (%s, %s):\n%s%s" % (name, algo, out, again))
            compared += 2
    for algo in HASHES:
        path = fresh(root)
        evmctl("ima_hash", "-a", algo, path)
        theirs = os.getxattr(path, "security.ima")
        imagate("label", "--root", root, "--policy", plain, "--config", config, "--hash", algo)
        if algo != "sha1" and os.getxattr(path, "security.ima") != theirs:
            raise m.Failure("another hash label than evmctl's (%s)" % algo)
        if "none would be denied" not in imagate("check", "--files", "--no-cache", "--root", root, "--policy", plain, "--config", config,
                                                 "--evm", "0"):
            raise m.Failure("a hash label that is not good (%s)" % algo)
    if compared != 2 * len(KEYS) * len(HASHES):
        raise m.Failure("only %d signatures were compared" % compared)


BOTH, NEW = ("6.1.", "6.12."), ("6.12.",)
CASES = [("label-image", image, BOTH), ("label-signed", signed, NEW), ("label-evmctl", interop, NEW)]
