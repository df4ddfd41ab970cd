"""Self-heal: a label that was lost comes back where a signed catalogue proves the content, and only there."""

import os
import subprocess

import machine as m
from gate import HOST_UP, KERNEL_STATE, boot, check, initrd_unit, make_signer, record, went_on
from golden import conf, golden
from label import configured, imagate
from policyboot import mounted, raw_copy
from preflight import INIT, LIBC, SPOIL, strip


def catalogued(kernel, work):
    """The golden disk with a signed catalogue of its programs and libraries on it; (disk, the signer's certificate)."""
    key, der, _ = make_signer(work, "catalogue")
    disk = raw_copy(golden(kernel).disk, work)
    with mounted(disk, work) as root:
        where = os.path.join(root, "etc/imagate/catalogues")
        os.makedirs(where)
        path = os.path.join(where, "base.catalogue")
        imagate("catalogue", "build", "--root", root, "--name", "base", "--epoch", "1", "-o", path, "/usr/lib/systemd",
                "/usr/lib/x86_64-linux-gnu", "/usr/bin", "/usr/sbin")
        imagate("catalogue", "sign", "--key", key, "--cert", os.path.join(work, "catalogue.der"), path)
    return disk, der


def heal(kernel, work):
    """init lost its label, a library's is wrong: healed before the root is started; changed content is not, and is named"""
    disk, der = catalogued(kernel, work)
    trust = {"etc/imagate/x509-catalogue/c.der": der}
    wrong = "setfattr -n security.ima -v 0x0404%s ./usr/lib/x86_64-linux-gnu/libseccomp.so.2.5.4" % ("00" * 32)
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


NEW = ("6.12.",)
CASES = [("heal-labels", heal, NEW)]
