"""Packages in enforce: what apt brings runs, what it replaces boots, with nothing done by hand."""

import base64
import glob
import os
import subprocess

import machine as m
from box import Box
from gate import KERNEL_STATE, check, went_on

# one that is not installed; a shell that much depends on; a library that init itself needs
NEW_PACKAGE, REPLACED = "hello", ("dash", "libseccomp2")


def debs():
    """From the archive, kept in the cache: {name: bytes}."""
    cache = os.path.join(m.CACHE, "debs")
    os.makedirs(cache, exist_ok=True)
    wanted = (NEW_PACKAGE,) + REPLACED
    if not all(glob.glob(os.path.join(cache, n + "_*.deb")) for n in wanted):
        r = subprocess.run(("apt-get", "download") + wanted, cwd=cache, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if r.returncode != 0:
            m.sh("apt-get", "update", "-q")
            m.sh("apt-get", "download", *wanted, cwd=cache)
    return {n: open(glob.glob(os.path.join(cache, n + "_*.deb"))[0], "rb").read() for n in wanted}


def put(name, data):
    return "base64 -d >/root/%s.deb <<'END'\n%sEND\n" % (name, base64.encodebytes(data).decode())


INSTALL = """
export DEBIAN_FRONTEND=noninteractive
mount -o remount,rw /
hello 2>/dev/null; echo "before=$?"
ls -i /usr/bin/dash | sed 's/ .*//; s/^/dash-before=/'
apt-get install -y /root/hello.deb >/run/apt.txt 2>&1; echo "install=$?"
hello >/dev/null; echo "hello=$?"
dpkg -i /root/dash.deb /root/libseccomp2.deb >>/run/apt.txt 2>&1; echo "replace=$?"
ls -i /usr/bin/dash | sed 's/ .*//; s/^/dash-after=/'
dash -c true; echo "dash=$?"
su mallory -s /bin/bash -c 'cp /usr/bin/true /home/mallory/t; /home/mallory/t' 2>/dev/null; echo "mallory=$?"
cp /usr/bin/true /dev/shm/t; /dev/shm/t 2>/dev/null; echo "shm=$?"
imagate check --files >/run/check.txt 2>&1; echo "check=$?"; tail -5 /run/check.txt
echo "--- apt"; cat /run/apt.txt; echo "--- end"
"""


def install(kernel, work):
    """apt installs, dpkg replaces a shell and a library of init in enforce; all run, users' own copies do not, and the reboot is admitted"""
    packages = debs()
    box = Box(kernel, work)
    r = box.boot(KERNEL_STATE + "".join(put(n, d) for n, d in packages.items()) + INSTALL)
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and r.value("before") == "127", "not the machine that this is about")
    check(r, r.value("install") == "0" and r.value("hello") == "0", "what apt installed does not run")
    check(r, r.value("replace") == "0" and r.value("dash") == "0", "what dpkg replaced does not run")
    check(r, r.value("dash-before") != r.value("dash-after"), "nothing was replaced")
    check(r, r.value("mallory") == "126" and r.value("shm") == "126", "unlabelled code ran")
    r = box.boot(KERNEL_STATE + "hello >/dev/null; echo hello=$?; dash -c true; echo dash=$?\n")
    went_on(r, "admit", "none")
    check(r, r.value("hello") == "0" and r.value("dash") == "0", "after the reboot they do not run")
    return r


BOTH = ("6.1.", "6.12.")
CASES = [("upgrade-packages", install, BOTH)]
