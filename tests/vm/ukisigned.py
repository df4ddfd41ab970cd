"""A fleet's unified kernel images, each with a signature over its own PCR 11 in its .pcrsig section, made by systemd-measure: a seal
that names the fleet's key opens under every one of them, with nothing foreseen and nothing sealed again."""

import os
import subprocess
import time

import machine as m
from common import KERNEL_STATE, check, record
from golden import conf
from recovery import recover
from uki import CONFIGURE, LOOK, by_hand, typed
from ukibox import UkiBox, sections
from update import no_hand, pcrs_moved

FLEET = conf(recovery="ask = yes", tpm="pcr-public-key = /etc/imagate/fleet.pem\n")
MEASURE = "/usr/lib/systemd/systemd-measure"
PCRSIG_VMA = 0x28000  # between dracut's .osrel and .cmdline


def measure(work, *args):
    """systemd-measure, which asks a TPM for the policies that it signs; any will do."""
    state, at = os.path.join(work, "measure"), os.path.join(work, "measure", "s")
    os.makedirs(state, exist_ok=True)
    p = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + state, "--server", "type=unixio,path=" + at, "--ctrl",
                          "type=unixio,path=%s.ctrl" % at, "--flags", "not-need-init,startup-clear"], stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            if os.path.exists(at):
                break
            time.sleep(0.02)  # swtpm has no ready event but its socket
        r = subprocess.run([MEASURE, *args, "--tpm2-device=swtpm:path=" + at], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if r.returncode:
            raise m.Failure("systemd-measure: exit %d\n%s" % (r.returncode, r.stderr))
        return r.stdout
    finally:
        p.terminate()
        p.wait()
        for name in (at, at + ".ctrl"):
            if os.path.exists(name):
                os.unlink(name)


class FleetBox(UkiBox):
    def __init__(self, kernel, work):
        self.key, self.pub = os.path.join(work, "fleet.key"), os.path.join(work, "fleet.pem")
        m.sh("openssl", "genrsa", "-out", self.key, "2048")
        m.sh("openssl", "rsa", "-in", self.key, "-pubout", "-out", self.pub)
        super().__init__(kernel, work, FLEET, files={"/etc/imagate/fleet.pem": open(self.pub).read()}, options="--add systemd-pcrphase")

    def sign(self, name, uki, of=None):
        """The image with the section that the stub hands to its initramfs: what was signed for it, or for another one."""
        parts, out = sections(of or uki, self.work), self.path(name)
        p = measure(self.work, "sign", "--bank=sha256", "--phase=enter-initrd", "--private-key=" + self.key, "--public-key=" + self.pub,
                    *("--%s=%s" % (s[1:], file) for s, file in parts.items()))
        with open(self.path("pcrsig.json"), "w") as f:
            f.write(p)
        m.sh("objcopy", "--add-section", ".pcrsig=" + self.path("pcrsig.json"), "--change-section-vma", ".pcrsig=%d" % PCRSIG_VMA, uki, out)
        return out


def signed(kernel, work):
    """UKIs with systemd-measure's signature over PCR 11 in .pcrsig: another one boots with no hand, one that borrows its signature does not"""
    box = FleetBox(kernel, work)
    box.install(box.sign("first-signed.efi", box.uki))
    script = KERNEL_STATE + CONFIGURE % FLEET + "cat >/etc/imagate/fleet.pem <<'END'\n%sEND\n" % open(box.pub).read()
    r = box.boot(script + recover(box) + LOOK, answers=typed(box))
    by_hand(r, "its seal names no fleet", "signed, but not by the key")
    check(r, r.value("recover-rc") == "0", "recover failed")
    first = r
    other = box.variant("other.efi", line=box.line + " net.ifnames=0")
    box.install(box.sign("other-signed.efi", other))
    r = box.boot(KERNEL_STATE + LOOK)
    no_hand(r, "a UKI that the fleet's key has signed gets no key")
    check(r, pcrs_moved(first, r) == {4, 9}, "PCRs %s moved" % pcrs_moved(first, r))
    check(r, record(r).get("signed-pcrs") == "yes" and "these PCR values are signed" in r.agent, "nobody says that a signature did it")
    box.install(box.sign("borrowed.efi", box.variant("evil.efi", line=box.line + " net.ifnames=1"), of=other))
    r = box.boot(KERNEL_STATE, answers=typed(box))
    by_hand(r, "a UKI with the signature of another", "neither sealed to nor signed")
    return r


CASES = [("update-uki-signed", signed, ("6.12.",))]
