"""What all cases have in common: a boot of the golden machine, and what the kernel, the gate and the console said of it."""

import os
import re

import machine as m
from golden import conf, golden, lsm_for

ENFORCE = "ima_appraise=enforce "
# what the journal says of a stop, where it ends
STOP_ENTRY = """journalctl --no-pager -o verbose MESSAGE_ID=7bf2afcfbc874797b80ca241ba80085b | sed -n 's/^ *IMAGATE_CAUSE=/journal-cause=/p'"""
RECORD = """echo "--- record"; cat /run/imagate/record; echo "--- end"
if [ -e /etc/initrd-release ]; then journalctl --sync; %s; fi
""" % STOP_ENTRY
KERNEL_STATE = (RECORD + """
echo "evm=$(cat /sys/kernel/security/integrity/evm/evm)"
[ -e /sys/kernel/security/integrity/ima/policy ] && echo policy-file=there || echo policy-file=gone
sed "s/.* denials=\\([0-9]*\\) .*/audit-denials=\\1/" /run/imagate/audit 2>/dev/null
[ -e /etc/initrd-release ] && echo where=initramfs || echo where=host
""")
HOST_UP = "Hostname set to <imagate-test>"
# a unit of the initramfs: PCR 7 is not what it was
EXTEND_UNIT = """[Unit]
DefaultDependencies=no
Before=imagate-gate.service
After=systemd-journald.socket
[Service]
Type=oneshot
ExecStart=/usr/bin/tpm2 pcrextend 7:sha256=0000000000000000000000000000000000000000000000000000000000000001 --tcti device:/dev/tpmrm0
"""


def check(r, truth, text):
    if not truth:
        raise m.Failure("%s\n--- agent\n%s\n--- console (end)\n%s" % (text, r.agent[-6000:], r.console[-4000:]))


def record(r):
    return dict(line.split("=", 1) for line in r.block("record").splitlines() if "=" in line)


def boot(kernel, work, cmdline=ENFORCE, files=None, seal=True, tpm=True, disk=None, script=KERNEL_STATE,
         config=None, **kw):
    g = golden(kernel)
    overlay = {"etc/imagate/imagate.conf": config if config is not None else conf()}
    if seal:
        overlay["etc/imagate/seal.pem"] = g.seal
    overlay.update(files or {})
    return m.Machine(kernel, cmdline + " " + kw.pop("lsm", lsm_for(kernel)), disk=disk or g.disk,
                     tpm=g.tpm_copy(work) if tpm is True else tpm or None, overlay=overlay, script=script,
                     **kw).run()


def in_journal(r, cause):
    check(r, r.value("journal-cause") == cause, "the journal has no entry of a stop for " + cause)


def stopped(r, cause):
    rec = record(r)
    check(r, rec.get("verdict") == "stop", "the verdict is not stop")
    check(r, rec.get("cause") == cause, "the cause is not " + cause)
    check(r, r.value("where") == "initramfs", "the boot did not end in the initramfs")
    check(r, HOST_UP not in r.console, "the real root was started")
    check(r, r.value("evm") == "0", "EVM is on")
    check(r, "imagate: STOPPED" in r.console, "the console does not say STOPPED")
    in_journal(r, cause)


def went_on(r, verdict, cause):
    rec = record(r)
    check(r, rec.get("verdict") == verdict and rec.get("cause") == cause,
          "the verdict is not %s (%s)" % (verdict, cause))
    check(r, r.value("where") == "host" and HOST_UP in r.console, "the real root was not started")


def initrd_unit(name, text):
    return {"usr/lib/systemd/system/" + name: text,
            "usr/lib/systemd/system/initrd.target.d/%s.conf" % name: "[Unit]\nWants=%s\n" % name}


# -- keys and signatures for the cases that need them ------------------------------------

def make_signer(work, name):
    """RSA key and certificate; returns (key path, DER bytes, keyid as the kernel sees it)."""
    key, der = os.path.join(work, name + ".pem"), os.path.join(work, name + ".der")
    m.sh("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj",
         "/CN=" + name, "-addext", "keyUsage=digitalSignature", "-addext", "basicConstraints=CA:FALSE",
         "-keyout", key, "-outform", "DER", "-out", der)
    return signer(key, der)


def signer(key, der):
    text = m.sh("openssl", "x509", "-inform", "DER", "-in", der, "-noout", "-ext", "subjectKeyIdentifier")
    keyid = bytes.fromhex(re.search(r"((?:[0-9A-F]{2}:)+[0-9A-F]{2})", text).group(1).replace(":", ""))[-4:]
    return key, open(der, "rb").read(), keyid
