"""A fleet's machine: its seal opens for the PCR values that the fleet's key has signed, and for no others; and the way
from one epoch to the next."""

import hashlib
import os

import machine as m
from box import Box
from common import KERNEL_STATE, check, record, stopped, went_on
from golden import conf
from recovery import moved, recover

PCRS = (0, 2, 4, 7)
FLEET = "pcr-public-key = /etc/imagate/fleet.pem\n"
# where systemd-stub puts a unified kernel image's .pcrsig
STUB = ".extra/tpm2-pcr-signature.json"


class Fleet:
    """A machine that was sealed to it, in a boot of its own; and what is signed for it elsewhere."""

    def __init__(self, kernel, work):
        self.work = work
        self.key, pub = os.path.join(work, "fleet.key"), os.path.join(work, "fleet.pem")
        m.sh("openssl", "genrsa", "-out", self.key, "2048")
        m.sh("openssl", "rsa", "-in", self.key, "-pubout", "-out", pub)
        with open(pub) as f:
            self.pub = f.read()
        self.box = Box(kernel, work)
        r = self.box.boot(script="cat >/etc/imagate/fleet.pem <<'END'\n%sEND\ncat >/etc/imagate/imagate.conf <<'END'\n%sEND\n%s%s" % (
            self.pub, conf(tpm=FLEET), recover(self.box),
            "".join('echo "pcr%d=$(cat /sys/class/tpm/tpm0/pcr-sha256/%d)"\n' % (n, n) for n in PCRS)))
        check(r, r.value("recover-rc") == "0", "it could not be sealed")
        check(r, "The values of now are not signed" in r.block("recover"), "recover does not say that nothing is signed yet")
        self.box.seal = r.block("seal")
        self.values = {n: bytes.fromhex(r.value("pcr%d" % n)) for n in PCRS}

    def sign(self, last, epochs=(0,)):
        """For PCR 7 with this byte measured besides: another image."""
        values = dict(self.values)
        values[7] = hashlib.sha256(values[7] + bytes(31) + bytes([last])).digest()
        out = os.path.join(self.work, "pcrsig.json")
        for i, epoch in enumerate(epochs):
            m.sh(os.path.join(m.REPO, "build", "imagate"), "pcr-policy", "sign", "--key", self.key, "--output", out,
                 *(a for n in PCRS for a in ("--value", "sha256:%d=%s" % (n, values[n].hex()))),
                 *(("--epoch", str(epoch)) if epoch else ()), *(("--append", out) if i else ()))
        with open(out) as f:
            return f.read()

    def boot(self, last, signatures, epoch=0, script=KERNEL_STATE):
        files = moved()
        files = {name: text.replace("0" * 63 + "1", "%064d" % last) if name.endswith("extend.service") else text
                 for name, text in files.items()}
        files.update({STUB: signatures, "etc/imagate/fleet.pem": self.pub})
        return self.box.boot(files=files, config=conf(tpm=FLEET + ("pcr-epoch = %d\n" % epoch if epoch else "")), script=script)


def signed(kernel, work):
    """a PCR moved: to values that the fleet's key has signed, the boot is admitted; to others it stops and says why"""
    fleet = Fleet(kernel, work)
    signatures = fleet.sign(1)
    r = fleet.boot(1, signatures, script=KERNEL_STATE + "imagate status\n")
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "EVM is off")
    check(r, record(r).get("signed-pcrs") == "yes", "the record does not say that a signature opened the seal")
    check(r, "these PCR values are signed" in r.agent, "status does not say it")
    r = fleet.boot(2, signatures)
    stopped(r, "key-refused")
    check(r, "no signature by the key" in r.console, "the console does not say why")
    return r


def revoked(kernel, work):
    """an image of the next epoch is blessed: from then on one that is signed for the epoch before gets no key"""
    fleet = Fleet(kernel, work)
    both = fleet.sign(1, epochs=(0, 1))
    r = fleet.boot(1, both, epoch=1, script=KERNEL_STATE + 'systemctl start imagate-bless.service; cat /etc/imagate/request\n')
    went_on(r, "admit", "none")
    before = int(record(r)["generation"])
    check(r, record(r).get("renew") == "yes", "the gate does not say that the seal is of an older epoch")
    check(r, "Floor:" in r.agent, "a blessed boot did not ask for the next epoch")
    r = fleet.boot(1, both, epoch=1)
    went_on(r, "admit", "none")
    check(r, int(record(r)["generation"]) == before + 1 and record(r).get("renew") == "no", "it was not counted up")
    # an older image, whose signature is right, and the seal that it was made for, too
    r = fleet.boot(2, fleet.sign(2))
    stopped(r, "key-refused")
    check(r, "not by the key and epoch" in r.console, "the console does not say that it was revoked")
    r = fleet.boot(1, both, epoch=1)
    went_on(r, "admit", "none")
    return r


CASES = [("update-signed", signed, ("6.12.",)), ("update-revoked", revoked, ("6.12.",))]
