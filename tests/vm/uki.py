"""Cases of unified kernel images and Secure Boot: what PCR 4 then covers and what it does not; what a change of the image, of a
key of Secure Boot, of the firmware does to the key; and how it is met."""

import base64
import os
import re
import struct

import machine as m
from common import KERNEL_STATE, check, record, went_on
from golden import conf
from recovery import SEAL_FILE, recover
from update import PCRS, no_hand, pcrs, pcrs_moved
from ukibox import EFI_GLOBAL, EFI_IMAGE_SECURITY, LINE, OTHER_CODE, UkiBox, snakeoil

WIDE = "pcrs = sha256:0,2,4,7,12,13\n"
ASK = conf(recovery="ask = yes", tpm=WIDE)
PROMPT = r"recovery key:"
WHY = ("the PCRs are not those that were sealed to", "0x99d")
LOG = "/sys/kernel/security/tpm0/binary_bios_measurements"
LOOK = """
echo "--- status"; imagate status; echo "--- end"
echo "cmdline=$(cat /proc/cmdline)"
""" + PCRS
# the root's own configuration, which 'imagate recover' goes by; and its ESP, as an installer leaves it
CONFIGURE = """cat >/etc/imagate/imagate.conf <<'END'
%sEND
mkdir -p /boot/efi; echo 'LABEL=ESP /boot/efi vfat umask=0077 0 0' >>/etc/fstab
"""
COVERAGE = """echo "--- wide"; imagate pcr coverage; echo "--- end"
imagate pcr coverage >/dev/null; echo "wide-rc=$?"
echo "--- plain"; imagate pcr coverage 0,2,4,7; echo "--- end"
"""


def by_hand(r, text, *why):
    """The TPM said no; the recovery key was typed."""
    check(r, record(r).get("refused"), text + ": the TPM gives the key")
    check(r, record(r).get("authority") == "recovery-key", text + ": nobody typed the recovery key")
    check(r, any(words in r.console for words in why or WHY), text + ": the console does not say why")
    went_on(r, "admit", "none")


def typed(box):
    return [(PROMPT, box.recovery + "\n")]


def first(kernel, work, script="", config=ASK, banks=None, box=None, **kw):
    """In its first boot the UKI is another chain than the one that was sealed to: the recovery key, then 'imagate recover'."""
    box = box or UkiBox(kernel, work, config, **kw)
    if banks:
        m.sh("swtpm_setup", "--tpm2", "--tpmstate", box.tpm, "--reconfigure", "--pcr-banks", banks)
    r = box.boot(KERNEL_STATE + CONFIGURE % config + recover(box) + COVERAGE + LOOK + script, answers=typed(box))
    by_hand(r, "the first boot")
    check(r, r.value("recover-rc") == "0", "recover failed")
    box.first = r
    return box, r


def says_uki(r, secure):
    """What pcr coverage, recover and status say of this boot chain."""
    wide, plain = r.block("wide"), r.block("plain")
    for what in ("the boot loader", "the kernel", "the initramfs", "the kernel command line"):
        check(r, re.search(r"^  covered +%s: " % what, wide, re.M), "not covered: " + what)
    check(r, r.value("wide-rc") == "0" and "Secure Boot is %s" % ("on." if secure else "off") in wide, "coverage's last word")
    check(r, "into PCR 4,11" in wide, "nobody says that PCR 4 covers it")
    check(r, re.search(r"NOT COVERED  the initramfs: .*\n +whoever can write to the ESP can put credentials and system extensions "
                       r"beside the UKI", plain), "what lies beside the UKI")
    check(r, bool(re.search(r"NOT COVERED  the kernel command line: .*\n +Secure Boot is off: whoever can set a boot entry's", plain))
          != secure, "the command line, by PCR 4 alone")
    check(r, "set pcrs = sha256:0,2,4,7,12,13" in plain, "what to bind to")
    said = r.block("recover")
    check(r, "Binding: strict." in said and "PCR 4 covers it, and the kernel, the initramfs and the command line" in said and
          "dracut -f" not in said, "recover: binding")


def sealed(box, r, bank="sha256"):
    """The same UKI again: the key, with no hand; and status says what binds."""
    no_hand(r, "the UKI that was sealed to gets no key")
    check(r, not pcrs_moved(box.first, r), "PCRs move from boot to boot: %s" % pcrs_moved(box.first, r))
    check(r, re.search(r"^boot-chain +yes bound to %s:0,2,4,7,12,13: another unified kernel image" % bank, r.agent, re.M), "status: binding")


SWAP = """
head -c %d /dev/vdc >/boot/efi/new.efi && sync && mv /boot/efi/new.efi /boot/efi/EFI/BOOT/BOOTX64.EFI; echo "swap-rc=$?"
"""
# what the watch over the ESP or over the firmware's variables set off, and no more than that
FORESEEN = """
timeout 200 journalctl -b -f -n all -q -o cat -u imagate-boot.service | grep -m%d 'one slot more\\|IF YOU REBOOT NOW'
journalctl --sync
echo "--- hook"; journalctl -b -q -o cat -u imagate-boot.service; echo "--- end"
[ -e /run/motd.d/60-imagate-boot ] && echo motd=there || echo motd=none
sync
""" + SEAL_FILE


def foreseen(r, count, *said):
    """The hook sealed to what comes, by itself, so many times; returns what that will be."""
    hook = r.block("hook")
    check(r, "one slot more, for the next boot" in hook and r.value("motd") == "none", "the hook did not seal to the next boot")
    for words in said:
        check(r, re.search(words, hook, re.M), "the hook does not say: " + words)
    slots = re.findall(r"^Pcr-Values: (.*(?:\n .*)*)", r.block("seal"), re.M)
    check(r, len(slots) == 1 + count, "%d slots with values" % len(slots))
    return {int(n): v.upper() for n, v in re.findall(r"(\d+)=([0-9a-f]+)", slots[-1])}


def came(r, predicted, bank, differ, before):
    """The next boot: the key with no hand, and every PCR as it was foreseen."""
    no_hand(r, "what was foreseen gets no key")
    now = {n: pcrs(r).get((bank, n)) for n in predicted}
    check(r, now == predicted, "foreseen: %s\nthe TPM: %s" % (predicted, now))
    check(r, pcrs_moved(before, r) == differ, "PCRs %s moved" % pcrs_moved(before, r))


def uki(kernel, work):
    """dracut --uefi -a imagate, OVMF: sealed there; another UKI put on the ESP is foreseen by the watch, and booted with no hand"""
    box, r = first(kernel, work)
    says_uki(r, False)
    new = box.variant("next.efi", line=box.line + " net.ifnames=0", files={"another": "initramfs"})
    size = os.path.getsize(new)
    m.sh("truncate", "-s", "%512", new)
    r = box.boot(KERNEL_STATE + LOOK + SWAP % size + FORESEEN % 1, disks=[new])
    sealed(box, r)
    check(r, r.value("swap-rc") == "0", "the ESP could not be written")
    predicted = foreseen(r, 1, "^PCR 4: /EFI/BOOT/BOOTX64.EFI changed$", "^the kernel command line changes")
    r = box.boot(KERNEL_STATE + LOOK)
    came(r, predicted, "sha256", {4, 9}, box.first)
    check(r, r.value("cmdline") == box.line + " net.ifnames=0", "the other UKI was not booted")
    return r


# -- what an attacker, or an update, changes -----------------------------------------------------


def load_option(file, words, name="other words"):
    """EFI_LOAD_OPTION: a path by its file alone, and the optional data that a stub takes for its command line."""
    path = file.replace("/", "\\").encode("utf-16-le") + b"\0\0"
    path = struct.pack("<BBH", 4, 4, 4 + len(path)) + path + b"\x7f\xff\4\0"
    return struct.pack("<IH", 1, len(path)) + name.encode("utf-16-le") + b"\0\0" + path + words.encode("utf-16-le") + b"\0\0"


def set_variable(name, guid, data, attributes=7):
    """In the guest: an EFI variable, as efibootmgr or fwupd write it."""
    path = "/sys/firmware/efi/efivars/%s-%s" % (name, guid)
    return """mountpoint -q /sys/firmware/efi/efivars || mount -t efivarfs none /sys/firmware/efi/efivars
chattr -i %s 2>/dev/null
base64 -d >/run/variable <<'END'
%sEND
cat /run/variable >%s; echo "%s-rc=$?"
""" % (path, base64.encodebytes(struct.pack("<I", attributes) + data).decode(), path, name)


def next_boot_with(words):
    """The UKI where it is, started by an entry that brings a command line; for the next boot only."""
    return set_variable("Boot00F0", EFI_GLOBAL, load_option("/EFI/BOOT/BOOTX64.EFI", words)) + set_variable(
        "BootNext", EFI_GLOBAL, struct.pack("<H", 0xf0))


def refused(kernel, work):
    """a UKI with another command line, another initramfs, a boot entry's command line, a credential beside it: the TPM refuses each"""
    box, r = first(kernel, work)
    box.install(box.variant("line.efi", line=box.line + " net.ifnames=0"))
    r = box.boot(KERNEL_STATE + LOOK, answers=typed(box))
    by_hand(r, "another command line")
    check(r, pcrs_moved(box.first, r) == {4, 9}, "another command line moves PCRs %s" % pcrs_moved(box.first, r))
    box.install(box.variant("initrd.efi", files={"evil": "appended"}))
    r = box.boot(KERNEL_STATE + LOOK + next_boot_with(box.line + " panic=30"), answers=typed(box))
    by_hand(r, "another initramfs")
    check(r, pcrs_moved(box.first, r) == {4, 9}, "another initramfs moves PCRs %s" % pcrs_moved(box.first, r))
    check(r, r.value("Boot00F0-rc") == "0" and r.value("BootNext-rc") == "0", "the boot entry could not be set")
    # Secure Boot is off: the stub takes the entry's words. PCR 4 does not see it: 12 does
    box.install(box.uki)
    r = box.boot(KERNEL_STATE + LOOK, answers=typed(box))
    by_hand(r, "a boot entry's command line")
    check(r, r.value("cmdline").endswith("panic=30"), "the stub did not take the entry's command line")
    check(r, pcrs_moved(box.first, r) >= {12} and 4 not in pcrs_moved(box.first, r), "PCRs %s moved" % pcrs_moved(box.first, r))
    open(os.path.join(work, "x.cred"), "w").write("not a credential")
    m.sh("mmd", "-i", box.esp, "::/EFI/BOOT/BOOTX64.EFI.extra.d")
    box.install(os.path.join(work, "x.cred"), "/EFI/BOOT/BOOTX64.EFI.extra.d/x.cred")
    r = box.boot(KERNEL_STATE + LOOK, answers=typed(box))
    by_hand(r, "a credential beside the UKI")
    check(r, 12 in pcrs_moved(box.first, r) and 4 not in pcrs_moved(box.first, r), "PCRs %s moved" % pcrs_moved(box.first, r))
    return r


# -- Secure Boot ----------------------------------------------------------------------------------

OWNER = "11111111-2222-3333-4444-123456789abc"
AUTHENTICATED = 0x27 | 0x40  # NON_VOLATILE, BOOTSERVICE, RUNTIME, TIME_BASED_AUTHENTICATED, APPEND


def signed_update(work, name, esl):
    """An addition to db or dbx, signed by the KEK."""
    out = os.path.join(work, name + ".auth")
    key, cert = snakeoil(work)
    m.sh("sign-efi-sig-list", "-a", "-t", "2026-01-01 00:00:00", "-g", OWNER, "-k", key, "-c", cert, name, esl, out)
    return set_variable(name, EFI_IMAGE_SECURITY, open(out, "rb").read(), AUTHENTICATED)


def certificate_list(work):
    """Another key for db."""
    cert, esl = os.path.join(work, "other.pem"), os.path.join(work, "other.esl")
    m.sh("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=other", "-keyout",
         os.path.join(work, "other.key"), "-out", cert)
    m.sh("cert-to-efi-sig-list", "-g", OWNER, cert, esl)
    return esl


def hash_list(work, efi):
    """A program for dbx."""
    esl = os.path.join(work, "hash.esl")
    m.sh("hash-to-efi-sig-list", efi, esl)
    return esl


SECURE = """
for s in fix audit; do imagate stage set $s >/run/set.txt 2>&1; echo "set-$s-rc=$?"; sed "s/^/set-$s: /" /run/set.txt; done
echo "lockdown=$(sed 's/.*\\[\\(.*\\)\\].*/\\1/' /sys/kernel/security/lockdown)"
/usr/bin/true && echo true=ran; cp /usr/bin/true /dev/shm/true; /dev/shm/true && echo shm=ran || echo shm=denied
"""
KEEP_LOG = "cp %s /var/lib/sealed-log\n" % LOG
EXPLAIN = """echo "--- explain"; imagate pcr explain 0,2,4,7 --against /var/lib/sealed-log; echo "--- end"
"""


def only_signed(box):
    """Secure Boot is on: the firmware starts no UKI that nobody signed."""
    box.secure = False
    box.install(box.variant("unsigned.efi"))
    box.secure = True
    r = box.boot(until=lambda text: re.search(r"failed to load Boot\d+ .*: Access Denied", text))
    check(r, "Access Denied" in r.console and "Linux version" not in r.console, "an unsigned UKI was started")
    box.install(box.uki)


def fix_mode(box):
    """A signed UKI whose command line asks for fix: the kernel does not listen, and the gate gives no key for it."""
    box.install(box.variant("fix.efi", line=box.line.replace("=enforce", "=fix") + " imagate.stage=fix"))
    r = box.boot(KERNEL_STATE + LOOK)
    check(r, re.search(r"Secure boot enabled: ignoring ima_appraise=fix", r.console), "the kernel takes ima_appraise=fix")
    check(r, record(r).get("cause") == "appraise-mode" and r.value("evm") == "0", "the gate took it for fix")
    box.install(box.uki)


def secureboot(kernel, work):
    """Secure Boot, a signed UKI: enforce, by a policy that nobody signed; fix is refused; another dbx, then another db are foreseen by the
    watch over them, in the bank of SHA-384, and booted with no hand"""
    box, r = first(kernel, work, secure=True, banks="sha1,sha256,sha384", config=ASK.replace("sha256:", "sha384:"))
    says_uki(r, True)
    r = box.boot(KERNEL_STATE + LOOK + SECURE +
                 signed_update(work, "dbx", hash_list(work, box.variant("old.efi", line=LINE + " old"))) + FORESEEN % 1 +
                 signed_update(work, "db", certificate_list(work)) + FORESEEN % 2)
    sealed(box, r, "sha384")
    check(r, "Secure boot enabled" in r.console and r.value("lockdown") == "integrity", "Secure Boot is off")
    check(r, r.value("set-fix-rc") not in (None, "0") and r.value("set-audit-rc") not in (None, "0") and
          re.search("^set-fix: .*Secure Boot", r.agent, re.M), "stage set fix was not refused")
    # Debian's kernel has an architecture's policy then, which demands no signature of this policy, nor of any file
    check(r, r.value("policy-file") == "gone" and r.value("true") == "ran" and r.value("shm") == "denied", "the policy is not in force")
    check(r, r.value("dbx-rc") == "0" and r.value("db-rc") == "0", "db or dbx was not taken")
    predicted = foreseen(r, 2, "^PCR 7: the variable dbx changed$", "^PCR 7: the variable db changed$")
    r = box.boot(KERNEL_STATE + LOOK)
    came(r, predicted, "sha384", {7}, box.first)
    return r


def secureboot_refused(kernel, work):
    """Secure Boot: another db and dbx that could not be foreseen are told of before the reboot, and refused after it; a boot entry's
    command line, an unsigned UKI, one that asks for fix"""
    box = UkiBox(kernel, work, ASK, secure=True)
    box, r = first(kernel, work, KEEP_LOG + next_boot_with(box.line + " panic=30") +
                   signed_update(work, "dbx", hash_list(work, box.variant("old.efi", line=LINE + " old"))) +
                   signed_update(work, "db", certificate_list(work)) + FORESEEN % 1, box=box)
    check(r, r.value("dbx-rc") == "0" and r.value("db-rc") == "0", "db or dbx was not taken")
    check(r, "IF YOU REBOOT NOW" in r.block("hook") and r.value("motd") == "there", "nobody says that it cannot be foreseen")
    r = box.boot(KERNEL_STATE + LOOK + EXPLAIN, answers=typed(box))
    by_hand(r, "another db and dbx")
    check(r, pcrs_moved(box.first, r) == {7}, "another db and dbx move PCRs %s" % pcrs_moved(box.first, r))
    check(r, r.value("cmdline") == box.line, "Secure Boot is on, and the stub took a boot entry's command line")
    for name in ("db", "dbx"):
        words = r"PCR 7: the Secure Boot variable %s changed" % name
        check(r, re.search(words, r.block("explain")) and re.search(words, r.console), "nobody says that %s changed" % name)
    only_signed(box)
    fix_mode(box)
    return r


def firmware(kernel, work):
    """another build of the firmware: the key is refused, explained, and sealed again by the recovery key"""
    box, r = first(kernel, work, KEEP_LOG)
    box.code = OTHER_CODE
    r = box.boot(KERNEL_STATE + recover(box) + LOOK + EXPLAIN, answers=typed(box))
    by_hand(r, "another firmware")
    check(r, 0 in pcrs_moved(box.first, r), "PCRs %s moved" % pcrs_moved(box.first, r))
    check(r, re.search(r"PCR 0: the firmware", r.block("explain")), "nobody says that the firmware changed")
    check(r, re.search(r"imagate: PCR 0: the firmware.*\(firmware\)", r.console), "the console does not say what changed")
    check(r, re.search(r"If you .*updated the firmware.*: type the recovery key, then run 'imagate recover'", r.console), "nor what to do")
    check(r, r.value("recover-rc") == "0", "recover failed")
    box.first = r
    r = box.boot(KERNEL_STATE + LOOK)
    sealed(box, r)
    return r


def firmware_suspended(kernel, work):
    """another build of the firmware, suspended beforehand: no hand, told on the console, and bound to it from then on"""
    box, r = first(kernel, work)
    r = box.boot(KERNEL_STATE + LOOK + 'imagate reseal --suspend-once >/run/s 2>&1; echo "suspend-rc=$?"\n')
    sealed(box, r)
    check(r, r.value("suspend-rc") == "0", "it was not suspended")
    box.code = OTHER_CODE
    r = box.boot(KERNEL_STATE + LOOK)
    no_hand(r, "the PCRs were not suspended")
    check(r, 0 in pcrs_moved(box.first, r), "PCRs %s moved" % pcrs_moved(box.first, r))
    check(r, SUSPENDED in r.console, "the console does not say so")
    box.first = r
    r = box.boot(KERNEL_STATE + LOOK)
    sealed(box, r)
    check(r, SUSPENDED not in r.console, "it was suspended once more")
    return r


SUSPENDED = "the PCRs did not count in this boot"
NEW = ("6.12.",)
CASES = [("update-uki", uki, NEW), ("update-uki-refused", refused, NEW), ("update-secureboot", secureboot, NEW),
         ("update-secureboot-refused", secureboot_refused, NEW), ("update-firmware", firmware, NEW),
         ("update-firmware-suspended", firmware_suspended, NEW)]
