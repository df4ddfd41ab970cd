"""A disk that systemd-cryptenroll bound to the same PCRs: imagate's seal, reseal and closed door leave it alone."""

import os

import machine as m
from box import Box
from common import KERNEL_STATE, check, initrd_unit, record, went_on
from recovery import recover

PASSPHRASE = "a passphrase"
FIX = "imagate.stage=fix ima_appraise=fix"
PCRS = "for f in /sys/class/tpm/tpm0/pcr-sha256/*; do read v <$f; echo ${f##*/} $v; done"
BEFORE_UNIT = """[Unit]
DefaultDependencies=no
Before=imagate-gate.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c '%s >/run/pcrs-before'
""" % PCRS.replace("$", "$$")
# $1: what the answer is called
OPEN = """
export TPM2TOOLS_TCTI=device:/dev/tpmrm0
modprobe dm_crypt
if [ -s /run/pcrs-before ]; then
	%s | diff /run/pcrs-before - | grep '^[<>]' | grep -v '^[<>] 10 ' >/run/moved # 10 is IMA's
	[ -s /run/moved ] && cat /run/moved || echo gate-extended=nothing
fi
open() {
	/usr/lib/systemd/systemd-cryptsetup attach beside /dev/vdc - tpm2-device=auto,headless=1 >>/run/luks.txt 2>&1
	echo "open-$1=$?"
}
close() { sync; /usr/lib/systemd/systemd-cryptsetup detach beside >>/run/luks.txt 2>&1; }
content() { echo "content-$1=$(head -c 7 /dev/mapper/beside)"; close; }
""" % PCRS
ENROL = """
PASSWORD='%s' systemd-cryptenroll --tpm2-device=auto --tpm2-pcrs=0+2+4+7 /dev/vdc >/run/luks.txt 2>&1; echo "enrol=$?"
open enrolled; printf content | dd of=/dev/mapper/beside 2>/dev/null; close
tpm2 nvdefine 0x1500016 -C o -s 8 -a 'ownerread|ownerwrite|read_stclear' >>/run/luks.txt 2>&1
printf 12345678 | tpm2 nvwrite 0x1500016 -C o -i- >>/run/luks.txt 2>&1
open sealed; content sealed
""" % PASSPHRASE
RESEALED = """
open resealed; content resealed
echo "nv-resealed=$(tpm2 nvread 0x1500016 -C o -s 8 2>>/run/luks.txt)"
"""
NEXT = """
open next; content next
echo "nv-next=$(tpm2 nvread 0x1500016 -C o -s 8 2>>/run/luks.txt)"
tpm2 pcrextend 7:sha256=%064d
open moved; close
""" % 1
END = 'echo "--- luks"; cat /run/luks.txt; echo "--- end"\n'


def volume(work):
    """LUKS2, made by the archive's cryptsetup with the libraries of the image."""
    for deb in m.debs("cryptsetup-bin", "libpopt0").values():
        m.sh("dpkg", "-x", deb, os.path.join(work, "cryptsetup"))
    lib = "usr/lib/x86_64-linux-gnu"
    root, key, image = os.path.join(m.CACHE, "root"), os.path.join(work, "key"), os.path.join(work, "luks.raw")
    with open(key, "w") as f:
        f.write(PASSPHRASE)
    m.sh("truncate", "-s", "24M", image)
    m.sh(os.path.join(root, lib, "ld-linux-x86-64.so.2"), "--library-path",
         os.path.join(root, lib) + ":" + os.path.join(work, "cryptsetup", lib), os.path.join(work, "cryptsetup/sbin/cryptsetup"),
         "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file", key, image)
    return image


def beside(kernel, work):
    """LUKS2 bound to PCRs 0, 2, 4, 7 by systemd-cryptenroll opens after the gate, after a reseal, after the next boot; the gate extends no PCR"""
    box, disk = Box(kernel, work), volume(work)
    before = initrd_unit("before.service", BEFORE_UNIT)
    r = box.boot(KERNEL_STATE + OPEN + ENROL + recover(box) + RESEALED + END, cmdline=FIX, files=before, disks=[disk])
    went_on(r, "admit", "none")
    check(r, r.value("enrol") == "0" and r.value("open-enrolled") == "0", "the volume was not bound to the TPM")
    check(r, r.value("recover-rc") == "0", "imagate recover failed")
    after = box.boot(KERNEL_STATE + OPEN + NEXT + END, cmdline=FIX, files=before, disks=[disk], seal=r.block("seal"))
    went_on(after, "admit", "none")
    check(after, record(after)["step.door"] == "ok", "the door was not closed")
    for boot, when in ((r, "sealed"), (r, "resealed"), (after, "next")):
        check(boot, boot.value("open-" + when) == "0" and boot.value("content-" + when) == "content", "not opened: " + when)
    check(r, r.value("nv-resealed") == "12345678" and after.value("nv-next") == "12345678", "the door locked an index that is not ours")
    for boot in (r, after):
        check(boot, boot.value("gate-extended") == "nothing", "a PCR changed while the gate ran")
    check(after, after.value("open-moved") not in (None, "0"), "the volume is not bound to PCR 7")
    return after


NEW = ("6.12.",)
CASES = [("update-luks", beside, NEW)]
