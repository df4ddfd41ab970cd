"""Ways to brick a boot. Each is shown twice: with preflight off the machine does not come up; with it on the boot stops in
the initramfs, names what is wrong, and nothing has counted yet."""

import os
import re

import machine as m
from common import ENFORCE, HOST_UP, boot, check, initrd_unit, record
from golden import conf

INIT = "/usr/lib/systemd/systemd"
LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6"
LOADER = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
# what a machine says that will not come up any more
DEAD = r"Freezing execution|Kernel panic|You are in emergency mode|emergency mode|Failed to execute fallback shell"

SPOIL = """[Unit]
DefaultDependencies=no
After=initrd-root-fs.target
Before=imagate-sysroot.service
[Service]
Type=oneshot
StandardError=journal+console
ExecStart=/bin/sh -ec 'cd /sysroot; mount -o remount,rw /sysroot; %s; mount -o remount,ro /sysroot; echo spoilt-it >/dev/kmsg'
"""


def server():
    with open(os.path.join(m.REPO, "policy", "server.policy")) as f:
        return f.read()


class Brick:
    """shell: done to /sysroot before the gate looks, with EVM still off, as anybody with the disk could. policy: instead of
    server.policy. cause, names: what the boot that stops must say."""

    def __init__(self, text, cause, names, shell="", policy=None, cmdline=""):
        self.text, self.cause, self.names = text, cause, names
        self.shell, self.policy, self.cmdline = shell, policy, cmdline

    def files(self):
        files = {"etc/imagate/policy": self.policy} if self.policy else {}
        if self.shell:
            files.update(initrd_unit("spoil.service", SPOIL % self.shell.replace("'", "").replace("%", "%%")))
        return files

    def __call__(self, kernel, work):
        spoilt = (lambda r: "spoilt-it" in r.console) if self.shell else (lambda r: True)
        quiet = {"usr/lib/systemd/system/emergency.target.d/agent.conf": "[Unit]\n"}
        r = boot(kernel, work, cmdline=ENFORCE + self.cmdline, files=dict(self.files(), **quiet), timeout=100,
                 config=conf(gate="preflight = off\n"), until=lambda t: re.search(DEAD, t.split("imagate: ADMITTED")[-1])
                 if "imagate: ADMITTED" in t else None)
        check(r, spoilt(r), "the root was not spoilt")
        check(r, "imagate: ADMITTED" in r.console, "preflight is off, and the gate stopped all the same")
        check(r, r.value("where") != "host", "it came up: that is no brick")
        work = os.path.join(work, "on")
        os.mkdir(work)
        r = boot(kernel, work, cmdline=ENFORCE + self.cmdline, files=self.files())
        check(r, spoilt(r), "the root was not spoilt")
        rec = record(r)
        check(r, rec.get("verdict") == "stop" and rec.get("cause") == self.cause, "not stopped by " + self.cause)
        check(r, r.value("where") == "initramfs" and HOST_UP not in r.console, "the real root was started")
        check(r, re.search(self.names, r.console.split("STOPPED")[-1]), "the console does not say: " + self.names)
        return r


def strip(path):
    return "setfattr -x security.ima .%s; setfattr -x security.evm .%s" % (path, path)


BRICKS = {
    "init": Brick("init has no label", "preflight", INIT + ": missing-hash", strip(INIT)),
    "libc": Brick("libc was changed and not labelled again", "preflight", "libc.so.6: invalid-hash", "printf x >>.%s" % LIBC),
    "loader": Brick("the dynamic loader is missing", "preflight", "no such file", "mv .%s ./root/" % LOADER),
    "no-hmac": Brick("init's HMAC was lost", "preflight", INIT + ": missing-HMAC", "setfattr -x security.evm ." + INIT),
    "mode": Brick("init has another mode than its HMAC covers", "preflight", INIT + ": invalid-HMAC", "chmod 0754 ." + INIT),
    "short-label": Brick("a label was cut short", "preflight", "libseccomp.so.* (invalid-hash|unknown-ima-data)",
                         "setfattr -n security.ima -v 0x0404aabb ./usr/lib/x86_64-linux-gnu/libseccomp.so.2.5.4"),
    "unit": Brick("a program of a unit that the boot needs has no label: mount(8), and a file system to mount", "preflight",
                  "/usr/bin/mount: missing-hash", strip("/usr/bin/mount") + "; echo tmpfs /srv tmpfs defaults 0 0 >>etc/fstab"),
    "interpreter": Brick("init is a script, and its interpreter has no label", "preflight", "/usr/bin/bash: missing-hash",
                         strip("/usr/bin/bash"), cmdline="init=/usr/lib/imagate-init"),
    "imasig": Brick("the policy wants signatures, the files carry hashes", "preflight", "IMA-signature-required",
                    policy=server() + "" if False else None),
}
BRICKS["interpreter"].shell = ("printf \"#!/bin/bash\\nexec /sbin/init\\n\" >usr/lib/imagate-init; chmod 755 usr/lib/imagate-init; " +
                               BRICKS["interpreter"].shell)
BRICKS["imasig"].policy = server().replace("appraise func=BPRM_CHECK mask=MAY_EXEC", "appraise func=BPRM_CHECK mask=MAY_EXEC appraise_type=imasig")
BRICKS["initramfs"] = Brick("the policy forgets the initramfs", "policy-refused", "fsname=rootfs",
                            policy=re.sub(r"^dont_appraise .*\n", "", server(), flags=re.M))
BRICKS["proc"] = Brick("the policy appraises what root reads, /proc among it", "policy-refused", "pseudo file systems",
                       policy="dont_appraise fsname=rootfs\nappraise func=BPRM_CHECK mask=MAY_EXEC\nappraise func=FILE_CHECK mask=^MAY_READ uid=0\n")


def case(name):
    def run(kernel, work):
        return BRICKS[name](kernel, work)
    run.__doc__ = BRICKS[name].text + ": bricks without preflight, stops with it"
    return run


NEW, BOTH = ("6.12.",), ("6.1.", "6.12.")
CASES = [("preflight-" + n, case(n), BOTH if n in ("libc", "initramfs") else NEW) for n in BRICKS]
