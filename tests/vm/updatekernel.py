"""A kernel update and another command line under Debian's own boot chain: foreseen by the hook, booted with no hand."""

import machine as m
from gate import KERNEL_STATE, check
from golden import conf
from recovery import recover
from shimbox import ShimBox
from update import MOUNT, PCRS

STRICT = conf(recovery="ask = yes", tpm="pcrs = sha256:0,2,4,7,8,9\n")
LABEL = """
find /etc/grub.d /etc/kernel -type f | imagate upgraded --files-from -; echo "label-rc=$?"
"""
LOG = 'echo "--- log"; base64 /sys/kernel/security/tpm0/binary_bios_measurements; echo "--- end"; cp /boot/grub/grub.cfg /boot/grub/cfg.old; cat /proc/cmdline;\n'
UPDATE = """
mv /var/new/vmlinuz-%(v)s /boot/; mv /var/new/initrd.img-%(v)s /boot/
grub-mkconfig -o /boot/grub/grub.cfg; echo "mkconfig-rc=$?"
/etc/kernel/postinst.d/zzz-imagate %(v)s >/run/hook 2>&1; echo "hook-rc=$?"
echo "--- hook"; cat /run/hook; echo "--- end"
echo "--- seal"; cat /etc/imagate/seal.pem; echo "--- end"
echo "--- cfg"; cat /boot/grub/grub.cfg; echo "--- end"
journalctl -b -q --no-pager -o cat -u imagate-boot.service
"""


def kernel_update(kernel, work):
    """Debian's shim, GRUB and kernels under Secure Boot, strict binding: 6.12 after 6.1, then another command line, by the hooks alone"""
    later = m.kernel_like("6.12.")
    box = ShimBox(kernel, work, STRICT, later)
    r = box.boot(KERNEL_STATE + MOUNT + recover(box) + LABEL + LOG + PCRS, answers=[("recovery key:", box.recovery + "\n")], timeout=600)
    open("/tmp/kern/boot1", "w").write(r.console + "\n=====\n" + r.agent)
    check(r, r.value("recover-rc") == "0", "recover failed")
    r = box.boot(KERNEL_STATE + MOUNT + LOG + UPDATE % {"v": later} + PCRS, timeout=600)
    open("/tmp/kern/boot2", "w").write(r.console + "\n=====\n" + r.agent)
    r = box.boot(KERNEL_STATE + MOUNT + LOG + PCRS, answers=[("recovery key:", box.recovery + "\n")], timeout=600)
    open("/tmp/kern/boot3", "w").write(r.console + "\n=====\n" + r.agent)
    return r


CASES = [("update-kernel", kernel_update, ("6.1.",))]
