"""Signed policies: taken, refused when changed or old, and handed over as a file to a kernel that takes nothing else."""

import os
import re

from box import Box
from common import ENFORCE, KERNEL_STATE, boot, check, make_signer, stopped, went_on
from golden import conf
from label import imagate
from policyboot import policy_file
from recovery import SEAL_FILE

POLICY = "etc/imagate/policy"


def signed(work, key, text, ima=False):
    """The policy with its signatures, as they belong into an initramfs."""
    path = os.path.join(work, "policy")
    with open(path, "w") as f:
        f.write(text)
    imagate("policy", "sign", "--kernel", "6.12", "--key", key, "--cert", os.path.join(work, "policy.der"), *(["--ima"] if ima else []), path)
    files = {POLICY: text, POLICY + ".p7s": open(path + ".p7s", "rb").read()}
    if ima:
        files[POLICY + ".ima"] = open(path + ".ima", "rb").read()
    return files


def epoch(n):
    return "# imagate-epoch: %d\n" % n + policy_file("server")


def by_certificate(kernel, work):
    """a policy signed by the configured certificate is taken; changed, unsigned or of an older epoch than sealed it is refused"""
    key, der, _ = make_signer(work, "policy")
    trust = {"etc/imagate/x509-policy/c.der": der}
    config = conf(policy="x509 = /etc/imagate/x509-policy")
    box = Box(kernel, work, config)
    new = signed(work, key, epoch(5))
    # the seal is made with the policy of epoch 5 configured
    r = box.boot(KERNEL_STATE + "printf '# imagate-epoch: 5\\n' >>/etc/imagate/policy\necho %s | imagate recover; echo rc=$?\n" % box.recovery +
                 SEAL_FILE, files=dict(trust, **new))
    went_on(r, "admit", "none")
    check(r, r.value("rc") == "0", "recover failed")
    box.seal = r.block("seal")
    r = box.boot(files=dict(trust, **new))
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and r.value("policy-file") == "gone", "the signed policy was not taken")
    r = box.boot(files=dict(trust, **signed(work, key, epoch(4))))
    stopped(r, "policy-refused")
    check(r, "its epoch is lower than the sealed one" in r.console, "nobody says that it is old")
    changed = dict(new)
    changed[POLICY] = new[POLICY].replace("appraise func=MODULE_CHECK\n", "")
    r = box.boot(files=dict(trust, **changed))
    stopped(r, "policy-refused")
    check(r, "is not signed by a configured certificate, or was changed" in r.console, "nobody says that it was changed")
    r = box.boot(files=dict(trust, **{POLICY: new[POLICY]}))
    stopped(r, "policy-refused")
    check(r, "it is not signed, and imagate.conf demands it" in r.console, "nobody says that it is not signed")
    return r


def by_path(kernel, work):
    """ima_policy=secure_boot: the kernel takes no text; the policy is handed over as a signed file, and counts"""
    key, der, _ = make_signer(work, "policy")
    config = conf(key="x509-ima = /etc/imagate/x509-ima")
    line = ENFORCE + "ima_policy=secure_boot module.sig_enforce=1"
    files = dict(signed(work, key, policy_file("server"), ima=True), **{"etc/imagate/x509-ima/c.der": der})
    r = boot(kernel, work, cmdline=line, config=config, files=files,
             script=KERNEL_STATE + "cp /usr/bin/true /dev/shm/t; /dev/shm/t 2>/dev/null || echo shm=denied\n")
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and r.value("policy-file") == "gone" and r.value("shm") == "denied", "the policy does not count")
    check(r, re.search(r"ima: policy update completed", r.console), "the kernel did not log it")
    # without the signature the kernel says no, and the boot stops before anything has counted
    work = os.path.join(work, "unsigned")
    os.mkdir(work)
    del files[POLICY + ".ima"]
    r = boot(kernel, work, cmdline=line, config=config, files=files)
    stopped(r, "policy-refused")
    check(r, "the kernel demands a signed policy" in r.console, "nobody says what the kernel wants")
    return r


NEW = ("6.12.",)
CASES = [("policy-signed", by_certificate, NEW), ("policy-signed-file", by_path, NEW)]
