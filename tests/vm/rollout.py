"""Cases of the rollout, by OVMF, GRUB and its environment block on the disk: nobody sets a kernel command line here."""

import re

import machine as m
from box import Box
from gate import ENFORCE, HOST_UP, KERNEL_STATE, check, record, stopped, went_on
from golden import conf
from grubbox import GrubBox
from recovery import moved

STATE = KERNEL_STATE + """
echo "--- env"; grub-editenv /boot/grub/grubenv list; echo "--- end"
echo "--- evidence"; cat /var/lib/imagate/evidence; echo "--- end"
echo "--- stage"; imagate stage show; echo "--- end"
echo "cmdline=$(cat /proc/cmdline)"
echo "bless=$(systemctl show -p Result --value imagate-bless.service)"
journalctl -b -u imagate-bless -u imagate-watch --no-pager -o cat | tail -5
"""
RECOVER = """
echo %s | imagate recover; echo "recover-rc=$?"
imagate stage set fix; echo "set-rc=$?"
"""
WHOLE = """
imagate label / | tail -1; echo "label-rc=$?"
imagate stage promote; echo "promote-rc=$?"
"""


def env(r):
    return dict(line.split("=", 1) for line in r.block("env").splitlines() if "=" in line)


def stage_is(r, stage, verdict="admit"):
    rec = record(r)
    check(r, rec.get("stage") == stage and rec.get("verdict") == verdict, "not %s in %s" % (verdict, stage))
    check(r, r.value("where") == "host" and HOST_UP in r.console, "the real root was not started")


def config(clean=1, blessings=1, tries=2, automatic="yes", **kw):
    return conf(stage="fix", rollout="tries = %d\nblessings = %d\nclean-boots = %d\nautomatic = %s" % (
        tries, blessings, clean, automatic), **kw)


def sealed(kernel, work, text):
    """A box whose seal is of its own firmware's making, in fix, all labelled."""
    box = GrubBox(kernel, work, text)
    r = box.boot(STATE + RECOVER % box.recovery)
    check(r, r.value("recover-rc") == "0" and r.value("set-rc") == "0", "recover or stage set failed")
    return box


def unattended(kernel, work):
    """from fix to enforce and a raised floor, by itself: GRUB's block, evidence, trial, blessing, ratchet"""
    box = sealed(kernel, work, config())
    r = box.boot(WHOLE + STATE)
    stage_is(r, "fix")
    check(r, r.value("evm") == "1", "the seal on the root was not used")
    check(r, r.value("promote-rc") == "0" and env(r).get("imagate_stage") == "audit", "not promoted to audit")
    generation = int(record(r)["generation"])
    r = box.boot("systemctl start imagate-bless.service\n" + STATE)
    stage_is(r, "audit")
    check(r, "ima_appraise=log" in r.value("cmdline"), "GRUB did not set the kernel's mode")
    check(r, re.search(r"stage=audit denials=0 lost=0 good=yes", r.block("evidence")), "no clean boot")
    check(r, env(r).get("imagate_trial") == "enforce" and env(r).get("imagate_tries") == "2", "no trial")
    r = box.boot("systemctl start imagate-bless.service\n" + STATE)
    stage_is(r, "enforce")
    check(r, "imagate.trial" in r.value("cmdline"), "it is not on trial")
    check(r, env(r).get("imagate_stage") == "enforce" and "imagate_trial" not in env(r), "not blessed")
    r = box.boot(STATE)
    stage_is(r, "enforce")
    rec = record(r)
    check(r, rec["step.ratchet"] == "ok" and int(rec["generation"]) == generation + 1, "the floor was not raised")
    check(r, rec["floor"] == "enforce" and "imagate.trial" not in r.value("cmdline"), "the floor is not enforce")
    # what was asked for and the ways back
    r = box.boot("imagate stage set fix\n" + STATE)
    stage_is(r, "enforce")
    check(r, record(r)["step.ratchet"] == "blocked", "the ratchet moved without a request")
    r = box.boot(STATE)
    check(r, record(r).get("cause") == "below-floor" and r.value("where") == "initramfs", "fix got past the floor")
    return r


# a library that init needs comes anew, as an update without labels would bring it
UPDATE = """
f=/usr/lib/x86_64-linux-gnu/libseccomp.so.2.5.4
cp $f $f.new && mv $f.new $f && sync; getfattr -m security.ima $f
"""


def broken_update(kernel, work):
    """a broken update in the trial: the gate stops it, GRUB counts, and the machine is back in audit by itself"""
    box = sealed(kernel, work, config(automatic="no"))
    r = box.boot(STATE + UPDATE + "grub-editenv /boot/grub/grubenv set imagate_stage=audit imagate_trial=enforce imagate_tries=2\n")
    stage_is(r, "fix")
    for left in (1, 0):
        r = box.boot(STATE)
        check(r, "imagate: STOPPED (preflight)" in r.console and "libseccomp" in r.console, "not stopped by the missing label")
        check(r, "rebooting in ten seconds" in r.console and HOST_UP not in r.console, "it did not come back by itself")
    r = box.boot(STATE)
    stage_is(r, "audit")
    check(r, env(r).get("imagate_tries") == "0", "GRUB did not count")
    check(r, int(record(r)["reboots"]) == 2, "the reboots were not counted")
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
    ("rollout-unattended", unattended, NEW), ("rollout-broken-update", broken_update, NEW),
    ("rollout-trial-lost", trial_lost, NEW), ("rollout-raise", raised, NEW), ("rollout-brick", brick, NEW),
]
LONG = [("rollout-brick", brick, ("6.1.",))]
