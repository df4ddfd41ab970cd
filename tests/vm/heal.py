"""Self-heal: a label that was lost comes back where a signed catalogue proves the content, and only there."""

import hashlib
import os

import machine as m
from common import HOST_UP, KERNEL_STATE, boot, check, initrd_unit, make_signer, record, went_on
from golden import conf, golden
from label import configured, imagate
from policyboot import mounted, policy_file, raw_copy
from preflight import INIT, LIBC, SPOIL, strip


SETS = ("/usr/lib/systemd", "/usr/lib/x86_64-linux-gnu", "/usr/bin", "/usr/sbin")
DIR = "etc/imagate/catalogues"
TRUST = "etc/imagate/x509-catalogue/c.der"
SECCOMP = "/usr/lib/x86_64-linux-gnu/libseccomp.so.2.5.4"
JOURNALD = "/usr/lib/systemd/systemd-journald"


class Signer:
    """A site's hand on a mounted root: builds and signs what goes into the directory of catalogues."""

    def __init__(self, work):
        self.key, self.der, _ = make_signer(work, "catalogue")
        self.cert = os.path.join(work, "catalogue.der")

    def _sign(self, path):
        imagate("catalogue", "sign", "--key", self.key, "--cert", self.cert, path)

    def catalogue(self, root, name, epoch, paths, file=None):
        os.makedirs(os.path.join(root, DIR), exist_ok=True)
        path = os.path.join(root, DIR, (file or name) + ".catalogue")
        imagate("catalogue", "build", "--root", root, "--name", name, "--epoch", str(epoch), "-o", path, *paths)
        self._sign(path)

    def revoked(self, root, epoch, *entries):
        path = configured(os.path.join(root, DIR), "revoked", "# imagate-revoked: 1\n# epoch: %d\n%s\n" % (epoch, "\n".join(entries)))
        self._sign(path)


def catalogued(kernel, work):
    """The golden disk with a signed catalogue of its programs and libraries on it; (disk, the signer's certificate)."""
    signer = Signer(work)
    disk = raw_copy(golden(kernel).disk, work)
    with mounted(disk, work) as root:
        signer.catalogue(root, "base", 1, SETS)
    return disk, signer.der


def heal(kernel, work):
    """init lost its label, a library's is wrong: healed before the root is started; changed content is not, and is named"""
    disk, der = catalogued(kernel, work)
    trust = {TRUST: der}
    wrong = "setfattr -n security.ima -v 0x0404%s .%s" % ("00" * 32, SECCOMP)
    unit = initrd_unit("spoil.service", SPOIL % (strip(INIT) + "; " + wrong))
    r = boot(kernel, work, disk=disk, files=dict(trust, **unit), script=KERNEL_STATE + "/usr/bin/nproc >/dev/null && echo nproc=ran\n",
             keep=True)
    went_on(r, "admit", "none")
    check(r, record(r)["healed"] == "2" and r.value("evm") == "1" and r.value("nproc") == "ran", "not healed")
    check(r, "healed: " + INIT in r.console, "nobody says what was healed")
    # the labels stay: nothing to heal the next time
    os.mkdir(os.path.join(work, "again"))
    r = boot(kernel, os.path.join(work, "again"), disk=disk, files=trust, keep=True)
    went_on(r, "admit", "none")
    check(r, record(r)["healed"] == "0", "healed again")
    # content that no catalogue proves, without a label
    os.mkdir(os.path.join(work, "tampered"))
    unit = initrd_unit("spoil.service", SPOIL % ("printf x >>.%s; " % LIBC + strip(LIBC)))
    r = boot(kernel, os.path.join(work, "tampered"), disk=disk, files=dict(trust, **unit))
    rec = record(r)
    check(r, rec["verdict"] == "stop" and rec["cause"] == "preflight" and rec["healed"] == "0", "the changed library was taken")
    check(r, "not healed: " + LIBC in r.console and HOST_UP not in r.console, "the changed library is not named")
    return r


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def stops_unhealed(r, *words):
    rec = record(r)
    check(r, rec["verdict"] == "stop" and rec["cause"] == "preflight" and HOST_UP not in r.console, "not stopped by the proof")
    for w in words:
        check(r, w in r.console, "the console does not say: " + w)


def unlabelled(root, paths):
    """Of these files those without any label."""
    return [p for p in paths if "security.ima" not in os.listxattr(os.path.join(root, p.lstrip("/")))]


def stamp(work, root, der, section="", ok=(0,)):
    """imagate label --from-catalogue by that root's catalogues, as its own system would."""
    trust = os.path.join(work, "trust")
    os.makedirs(trust, exist_ok=True)
    with open(os.path.join(trust, "c.der"), "wb") as f:
        f.write(der)
    config = configured(work, "conf", conf(catalogue="dir = %s\nx509 = %s\n%s" % (os.path.join(root, DIR), trust, section)))
    return imagate("label", "--root", root, "--config", config, "--policy", configured(work, "policy", policy_file("server")),
                   "--from-catalogue", INIT, SECCOMP, JOURNALD, ok=ok)


SPOILT = "; ".join(strip(p) for p in (INIT, SECCOMP, JOURNALD))


def says(text, *words):
    for w in words:
        if w not in text:
            raise m.Failure("it does not say '%s':\n%s" % (w, text))


def revoked(kernel, work):
    """nothing is healed or stamped by a catalogue of a revoked epoch, nor a revoked content; by another catalogue it is"""
    signer = Signer(work)
    disk = raw_copy(golden(kernel).disk, work)
    with mounted(disk, work) as root:
        signer.catalogue(root, "base", 1, SETS[1:2])
        signer.catalogue(root, "more", 1, SETS[:1] + SETS[2:])
        signer.revoked(root, 1, "base 2", digest(root + JOURNALD))
    unit = initrd_unit("spoil.service", SPOIL % SPOILT)
    r = boot(kernel, work, disk=disk, files=dict({TRUST: signer.der}, **unit), keep=True)
    stops_unhealed(r, "healed: " + INIT, "not healed: %s: no catalogue proves its content" % SECCOMP,
                   "not healed: %s: this content is revoked" % JOURNALD,
                   "revoked base.catalogue: base, epoch 1: the revocation list takes none below 2")
    check(r, record(r)["healed"] == "1", "more or less than one file was healed")
    with mounted(disk, work) as root:
        bare = unlabelled(root, (INIT, SECCOMP, JOURNALD))
        check(r, bare == [SECCOMP, JOURNALD], "other files than these have no label: %r" % bare)
        os.removexattr(root + INIT, "security.ima")
        says(stamp(work, root, signer.der), "revoked base.catalogue", "1 labelled", "1 are proven by no catalogue: left as they were")
        bare = unlabelled(root, (INIT, SECCOMP, JOURNALD))
        check(r, bare == [SECCOMP, JOURNALD], "imagate label left others: %r" % bare)
        os.removexattr(root + INIT, "security.ima")
        signer.revoked(root, 2, "base 2", "more 2")
        says(stamp(work, root, signer.der, ok=(2,)), "revoked base.catalogue", "revoked more.catalogue", "no active catalogue")
        signer.revoked(root, 3)
        says(stamp(work, root, signer.der, "revoked = 4", ok=(2,)), "an older list than [catalogue] revoked asks for")
        check(r, len(unlabelled(root, (INIT, SECCOMP, JOURNALD))) == 3, "labels were written all the same")
    return r


def old_list(kernel, work):
    """an older revocation list than the configuration asks for heals nothing; a newer one and the catalogue's next epoch heal all"""
    signer = Signer(work)
    disk = raw_copy(golden(kernel).disk, work)
    with mounted(disk, work) as root:
        signer.catalogue(root, "base", 1, SETS)
        signer.revoked(root, 1)
    files = dict({TRUST: signer.der}, **initrd_unit("spoil.service", SPOIL % SPOILT))
    config = conf(catalogue="revoked = 2")
    r = boot(kernel, work, disk=disk, files=files, config=config, keep=True)
    stops_unhealed(r, "nothing is healed", "an older list than [catalogue] revoked asks for", INIT + ": missing-hash")
    check(r, record(r)["healed"] == "0", "healed by a catalogue that may be revoked")
    with mounted(disk, work) as root:
        signer.revoked(root, 2, "base 2")
        signer.catalogue(root, "base", 2, SETS, file="base-2")
    os.mkdir(os.path.join(work, "next"))
    r = boot(kernel, os.path.join(work, "next"), disk=disk, files=files, config=config)
    went_on(r, "admit", "none")
    check(r, record(r)["healed"] == "3" and r.value("evm") == "1", "not healed by the next epoch")
    return r


NEW = ("6.12.",)
CASES = [("heal-labels", heal, NEW), ("heal-revoked", revoked, NEW), ("heal-revoked-list", old_list, NEW)]
