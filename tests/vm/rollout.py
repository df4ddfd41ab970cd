"""Cases of the rollout, by OVMF, GRUB and its environment block on the disk: nobody sets a kernel command line here."""

import re

import machine as m
from box import Box
from common import ENFORCE, HOST_UP, KERNEL_STATE, check, record, stopped, went_on
from golden import conf
from grubbox import GrubBox
from recovery import moved

STATE = KERNEL_STATE + """
echo "--- env"; grub-editenv /boot/grub/grubenv list; echo "--- end"
echo "--- evidence"; cat /var/lib/imagate/evidence; echo "--- end"
echo "--- stage"; imagate stage show; echo "--- end"
echo "cmdline=$(cat /proc/cmdline)"
echo "bless=$(systemctl show -p Result --value imagate-bless.service)"
echo "seen=$(cat /var/lib/imagate/critical.seen 2>/dev/null | wc -l)"
journalctl -b -u imagate-bless -u imagate-watch --no-pager -o cat | tail -5
"""
RECOVER = """
echo %s | imagate recover; echo "recover-rc=$?"
imagate stage set fix; echo "set-rc=$?"
"""
BLESS = "systemctl start imagate-bless.service\n"
# as an administrator would: what is counted at the end counts, and the agent's own power-off skips that
ORDERLY = "sync; systemctl poweroff; sleep infinity\n"
EVIDENCE = r"stage=audit denials=%s lost=0 good=yes finished=%s"


def env(r):
    return dict(line.split("=", 1) for line in r.block("env").splitlines() if "=" in line)


def stage_is(r, stage, verdict="admit"):
    rec = record(r)
    check(r, rec.get("stage") == stage and rec.get("verdict") == verdict, "not %s in %s" % (verdict, stage))
    check(r, r.value("where") == "host" and HOST_UP in r.console, "the real root was not started")


def config(clean=1, blessings=1, tries=2, automatic="yes", **kw):
    return conf(stage="fix", rollout="tries = %d\nblessings = %d\nclean-boots = %d\nautomatic = %s" % (
        tries, blessings, clean, automatic), **kw)


def sealed(kernel, work, text, more=""):
    """A box whose seal is of its own firmware's making, in fix, all labelled but what more does. Its first boot has no key."""
    box = GrubBox(kernel, work, text)
    r = box.boot(STATE + RECOVER % box.recovery + more)
    check(r, r.value("recover-rc") == "0" and r.value("set-rc") == "0", "recover or stage set failed")
    return box


# programs that the boot does not use, on a disk of their own, too
UNUSED = """
for i in 1 2 3; do cp /usr/bin/true /usr/local/bin/tool.$i; done
truncate -s 50M /opt.img; mkfs.ext4 -q /opt.img; mount -o loop /opt.img /opt; cp /usr/bin/true /opt/tool; umount /opt
echo '/opt.img /opt ext4 loop 0 0' >>/etc/fstab; sync
"""


def unattended(kernel, work):
    """from fix to enforce and a raised floor, by itself: labels, GRUB's block, evidence, trial, blessing, ratchet"""
    box = sealed(kernel, work, config(), UNUSED)
    r = box.boot(BLESS + STATE + "getfattr -n security.ima /usr/local/bin/tool.3 /opt/tool | grep -c ^security.ima | sed s/^/labels=/\n",
                 timeout=600)
    stage_is(r, "fix")
    check(r, r.value("labels") == "2", "not all was labelled")
    check(r, re.search(r"imagate: labelling /opt: 1 files, 1 labelled now, 0 failed", r.console), "/opt was not looked at")
    check(r, r.value("evm") == "1", "the seal on the root was not used")
    check(r, re.search(r"imagate: labelling /: \d+ files, [1-9]\d* labelled now, 0 failed", r.console), "no progress at the console")
    check(r, env(r).get("imagate_stage") == "audit", "not promoted to audit by itself")
    check(r, r.value("seen") == "0", "what was labelled counts as what a boot needs")
    generation = int(record(r)["generation"])
    r = box.boot(BLESS + STATE + ORDERLY)
    stage_is(r, "audit")
    check(r, 50 < int(r.value("seen")) < 2000, "what has run was not kept")
    check(r, "ima_appraise=log" in r.value("cmdline"), "GRUB did not set the kernel's mode")
    check(r, re.search(EVIDENCE % (0, "no"), r.block("evidence")), "the boot that runs is not kept as unfinished")
    check(r, "imagate_trial" not in env(r), "promoted by a boot that was not over")
    check(r, "0 of 1 boots in audit were clean" in r.block("stage"), "nobody says what is missing")
    r = box.boot(BLESS + STATE + ORDERLY)
    stage_is(r, "audit")
    check(r, re.search(EVIDENCE % (0, "yes"), r.block("evidence")), "no clean boot")
    check(r, re.search(r"in audit:   [0-9a-f]{8} clean\n", r.block("stage")), "stage show does not say which boot is clean")
    check(r, env(r).get("imagate_trial") == "enforce" and env(r).get("imagate_tries") == "2", "no trial")
    r = box.boot(BLESS + STATE)
    stage_is(r, "enforce")
    check(r, "imagate.trial" in r.value("cmdline"), "it is not on trial")
    check(r, env(r).get("imagate_stage") == "enforce" and "imagate_trial" not in env(r), "not blessed")
    r = box.boot(STATE)
    stage_is(r, "enforce")
    rec = record(r)
    check(r, rec["step.ratchet"] == "ok" and int(rec["generation"]) == generation + 1, "the floor was not raised")
    check(r, rec["floor"] == "enforce" and "imagate.trial" not in r.value("cmdline"), "the floor is not enforce")
    check(r, "this boot:  enforce (admit)" in r.block("stage") and "floor:      enforce" in r.block("stage"), "stage show")
    # what was asked for and the ways back
    r = box.boot("imagate stage set fix\n" + STATE)
    stage_is(r, "enforce")
    check(r, record(r)["step.ratchet"] == "blocked", "the ratchet moved without a request")
    r = box.boot(STATE)
    check(r, record(r).get("cause") == "below-floor" and r.value("where") == "initramfs", "fix got past the floor")
    return r


PROMOTE = """
imagate stage promote >/run/promote.txt 2>&1; echo "promote-rc=$?"
echo "--- promote"; cat /run/promote.txt; echo "--- end"
"""
# by a user: what root writes there the policy has the kernel label
MANY = """
mkdir -p /srv/unlabelled; chown 65534 /srv/unlabelled
setpriv --reuid=65534 --clear-groups sh -c 'for i in $(seq 300); do cp /usr/bin/true /srv/unlabelled/$i; /srv/unlabelled/$i; done'
mkdir -p /boot/grub; grub-editenv /boot/grub/grubenv create
sleep 2
"""
KILL = "systemctl kill -s KILL imagate-watch.service; sleep 1\n"
OWN_VAR = """
truncate -s 300M /var.img; mkfs.ext4 -q /var.img; mount -o loop /var.img /mnt; cp -a /var/. /mnt/; umount /mnt
echo '/var.img /var ext4 loop 0 0' >>/etc/fstab; echo "own-var=$?"
"""


def evidence(kernel, work):
    """audit: every would-be denial is counted to the end of the boot; a killed watch is not clean, also where /var is a disk of its own"""
    box = Box(kernel, work)
    audit = "imagate.stage=audit ima_appraise=log"
    host = "cat >/etc/imagate/imagate.conf <<'END'\n%sEND\n" % config(automatic="no")
    r = box.boot(host + BLESS + MANY + STATE + PROMOTE + ORDERLY, cmdline=audit)
    stage_is(r, "audit")
    seen = re.search(EVIDENCE % (r"(\d+)", "no"), r.block("evidence"))
    check(r, seen and int(seen.group(1)) >= 300, "not all would-be denials were counted, or some were lost")
    check(r, r.value("promote-rc") == "1" and "0 of 1 boots" in r.block("promote"), "promoted with denials")
    check(r, re.search(r"denials:    [3-9]\d\d in this boot, first .*unlabelled", r.block("stage")), "stage show does not name them")
    r = box.boot(BLESS + STATE + PROMOTE + KILL + ORDERLY, cmdline=audit)
    check(r, re.search(EVIDENCE % (r"[3-9]\d\d", "yes") + " first=.*unlabelled", r.block("evidence")), "not counted to the end")
    check(r, re.search(r"not clean: [3-9]\d\d would-be denials, first .*unlabelled", r.block("stage")), "stage show: not clean")
    check(r, r.value("promote-rc") == "1", "promoted with denials in the boot before")
    r = box.boot(BLESS + STATE + PROMOTE + OWN_VAR + ORDERLY, cmdline=audit)
    check(r, re.search(EVIDENCE % (0, "no") + r"\n.*finished=no", r.block("evidence")), "a killed watch has seen the end")
    check(r, "the watch did not see its end" in r.block("stage") and r.value("promote-rc") == "1", "a killed watch is clean")
    check(r, r.value("own-var") == "0", "no /var of its own")
    mounted = 'grep -c " /var " /proc/mounts | sed s/^/var-mounts=/\n'
    r = box.boot(BLESS + STATE + mounted + ORDERLY, cmdline=audit)
    check(r, r.value("var-mounts") == "1", "/var is not mounted")
    r = box.boot(BLESS + STATE + PROMOTE, cmdline=audit)
    check(r, re.search(EVIDENCE % (0, "yes") + r"\n.*finished=no\n$", r.block("evidence")), "the last line did not reach /var")
    check(r, r.value("promote-rc") == "0" and "trial of enforce" in r.block("promote"), "not promoted by a clean boot")
    return r


# a library that init needs comes anew, as an update without labels would bring it
UPDATE = """
f=/usr/lib/x86_64-linux-gnu/libseccomp.so.2.5.4
cp $f $f.new && setfattr -x security.ima $f.new; mv $f.new $f && sync; getfattr -m security.ima $f
"""


# written anew by root: the policy has the kernel label it
MEND = """
cp $f $f.new && mv $f.new $f && sync
""".replace("$f", "/usr/lib/x86_64-linux-gnu/libseccomp.so.2.5.4")


def broken_update(kernel, work):
    """a broken update in the trial: the gate stops it, GRUB counts, and the machine is back in audit by itself"""
    box = sealed(kernel, work, config(automatic="no"))
    r = box.boot(STATE + UPDATE + "grub-editenv /boot/grub/grubenv set imagate_stage=audit imagate_trial=enforce imagate_tries=2\n")
    stage_is(r, "fix")
    for left in (1, 0):
        r = box.boot(STATE)
        check(r, "imagate: STOPPED (preflight)" in r.console and "libseccomp" in r.console, "not stopped by the missing label")
        check(r, "rebooting in ten seconds" in r.console and HOST_UP not in r.console, "it did not come back by itself")
    r = box.boot(STATE + PROMOTE + MEND)
    stage_is(r, "audit")
    check(r, env(r).get("imagate_tries") == "0", "GRUB did not count")
    check(r, int(record(r)["reboots"]) == 2, "the reboots were not counted")
    check(r, "enforce fell back after 2 boots" in r.block("stage") and "'imagate stage promote' begins" in r.block("stage"),
          "stage show does not say that it fell back")
    check(r, r.value("promote-rc") == "1" and "libseccomp" in r.block("stage"), "promoted with the library still unlabelled")
    r = box.boot("mkdir -p /var/lib/imagate; echo 'boot=x stage=audit denials=0 lost=0 good=yes finished=yes' "
                 ">/var/lib/imagate/evidence\n" + PROMOTE + "grub-editenv /boot/grub/grubenv list | sed s/^/then-/\n")
    check(r, r.value("promote-rc") == "0" and "fell back after 2 boots" in r.block("promote"), "promote does not say so")
    check(r, r.value("then-imagate_trial") == "enforce" and r.value("then-imagate_tries") == "2", "no new trial")
    return r


def brick(kernel, work):
    """a trial that only the kernel stops (preflight off, init unlabelled): systemd's freeze becomes a reboot, and audit is back"""
    box = sealed(kernel, work, config(automatic="no", tries=1, gate="preflight = off\n"))
    r = box.boot(STATE + UPDATE.replace("libseccomp.so.2.5.4", "../systemd/systemd").replace("x86_64-linux-gnu/../", "")
                 + "grub-editenv /boot/grub/grubenv set imagate_stage=audit imagate_trial=enforce imagate_tries=1\n")
    stage_is(r, "fix")
    r = box.boot(STATE)
    check(r, "Failed to execute" in r.console and HOST_UP not in r.console, "init was started")
    check(r, r.seconds < m.TIMEOUT, "it froze")
    r = box.boot(STATE)
    stage_is(r, "audit")
    return r


GRUB_ENV = """
mkdir -p /boot/grub; grub-editenv /boot/grub/grubenv create
grub-editenv /boot/grub/grubenv set imagate_stage=audit imagate_trial=enforce imagate_tries=2 imagate_once=enforce saved_entry=1
sync
"""


def counted_here(kernel, work):
    """GRUB could not write its block: the gate counts the trial and clears the permit's once, and nothing else of it"""
    box = Box(kernel, work)
    box.boot(script=KERNEL_STATE + GRUB_ENV)
    # as GRUB would have started it, had it counted 2 down to 1 without being able to write that
    r = box.boot(cmdline="imagate.stage=enforce ima_appraise=enforce imagate.trial=1", files=moved())
    check(r, "rebooting in ten seconds" in r.console and HOST_UP not in r.console, "the trial did not fall back")
    r = box.boot(script=STATE, cmdline="imagate.stage=audit ima_appraise=log")
    stage_is(r, "audit")
    check(r, env(r) == {"imagate_stage": "audit", "imagate_trial": "enforce", "imagate_tries": "1", "imagate_blessed": "0",
                        "saved_entry": "1"}, "the block is not as it should be")
    return r


# the administrator's own health check, which fails until there is /var/healthy; and less patience than 15 minutes
HEALTH = KERNEL_STATE + """
cat >/etc/systemd/system/healthy.service <<'END'
[Unit]
Before=boot-complete.target
[Service]
Type=oneshot
ExecStart=/usr/bin/test -e /var/healthy
[Install]
RequiredBy=boot-complete.target
END
mkdir -p /etc/systemd/system/imagate-trial.timer.d
printf '[Timer]\\nOnBootSec=\\nOnActiveSec=30\\n' >/etc/systemd/system/imagate-trial.timer.d/soon.conf
systemctl enable healthy.service; echo "enable-rc=$?"; sync
"""
ON_TRIAL = "ima_appraise=enforce imagate.stage=enforce imagate.trial=1"


def stuck(kernel, work):
    """a trial that comes up but is not blessed in time is rebooted; one that is blessed stays"""
    box = Box(kernel, work)
    r = box.boot(HEALTH)
    check(r, r.value("enable-rc") == "0", "no health check")
    r = box.boot(KERNEL_STATE + "touch /var/healthy; sync; sleep infinity\n", cmdline=ON_TRIAL)
    check(r, HOST_UP in r.console and r.value("evm") == "1", "the trial did not come up in enforce")
    check(r, "reboot: Restarting system" in r.console, "it was not rebooted")
    r = box.boot(STATE + """
echo "timer=$(systemctl is-active imagate-trial.timer)"
systemctl start imagate-bless.service; systemctl start imagate-trial.service
echo "condition=$(systemctl show -p ConditionResult --value imagate-trial.service)"
""", cmdline=ON_TRIAL)
    stage_is(r, "enforce")
    check(r, r.value("timer") == "active" and r.value("condition") == "no", "a blessed trial would be rebooted")
    return r


def trial_lost(kernel, work):
    """a trial whose root never comes, so that the gate has nothing to decide: it reboots by itself when nobody is at the console"""
    r = Box(kernel, work).boot(cmdline=ON_TRIAL + " systemd.crash_reboot=1 panic=10 root=/dev/nonexistent rd.timeout=5",
                               files={"usr/lib/systemd/system/emergency.target.d/agent.conf": "[Unit]\n"}, timeout=300)
    check(r, "the boot stopped before the gate had decided anything" in r.console, "the gate had decided")
    check(r, "This boot is on trial" in r.console and "nobody is at the console; rebooting" in r.console, "it waits for somebody")
    check(r, "reboot: Restarting system" in r.console and HOST_UP not in r.console, "it did not reboot")
    return r


# all that is left, in pieces that get smaller
FILL = """
i=0; for s in 256M 64M 16M 4M 1M 256K 64K 16K 4K; do
    while fallocate -l $s /root/fill.$i; do i=$((i+1)); done 2>/dev/null; rm -f /root/fill.$i; done
sync; df -B1 --output=avail / | tail -1 | sed 's/ *//; s/^/avail=/'
"""


def raised(kernel, work):
    """a rise that fails (disk full) is said, and done later; its command line is that of the boot that asked, not of the one that does it"""
    box = Box(kernel, work)
    r = box.boot(KERNEL_STATE + "imagate stage floor enforce; echo floor-rc=$?\n" + FILL)
    check(r, r.value("floor-rc") == "0" and int(r.value("avail")) == 0, "no request, or room left")
    r = box.boot(KERNEL_STATE + "rm /root/fill.*; sync\n")
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and record(r)["floor"] == "fix" and record(r)["step.ratchet"] == "broken", "raised, or no key")
    check(r, "the request in /etc/imagate/request could not be carried out" in r.console and
          "the real root could not be written: is it full" in r.console, "nobody says so")
    odd = ENFORCE + "nomodeset"
    r = box.boot(cmdline=odd)
    went_on(r, "admit", "none")
    check(r, record(r)["step.ratchet"] == "ok" and record(r)["floor"] == "enforce", "the floor was not raised")
    r = box.boot(cmdline=odd)
    stopped(r, "cmdline")
    r = box.boot()
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1", "the command line that was blessed does not get the key")
    return r


NEW = ("6.12.",)
CASES = [
    ("rollout-counted-here", counted_here, NEW), ("rollout-stuck", stuck, NEW),
    ("rollout-unattended", unattended, NEW), ("rollout-evidence", evidence, NEW), ("rollout-broken-update", broken_update, NEW),
    ("rollout-trial-lost", trial_lost, NEW), ("rollout-raise", raised, NEW), ("rollout-brick", brick, NEW),
]
LONG = [("rollout-brick", brick, ("6.1.",))]
