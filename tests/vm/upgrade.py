"""Packages in enforce: what apt brings runs, what it replaces boots, with nothing done by hand; under signed.policy by
what the packages themselves bring."""

import hashlib
import os
import re
import shutil

import machine as m
from box import Box
from common import KERNEL_STATE, check, make_signer, went_on
from golden import LABEL_DIRS, conf
from label import imagate
from policyboot import mounted, policy_file, raw_copy

# one that is not installed; a shell that much depends on; a library that init itself needs
NEW_PACKAGE, REPLACED = "hello", ("dash", "libseccomp2")


def control(tree, field, value):
    path = os.path.join(tree, "DEBIAN", "control")
    with open(path) as f:
        lines = f.read().splitlines()
    with open(path, "w") as f:
        f.write("".join("%s: %s\n" % (field, value) if line.startswith(field + ":") else line + "\n" for line in lines))


def repack(deb, tree, version, change):
    """A package as another version of it, with other content."""
    m.sh("dpkg-deb", "-R", deb, tree)
    os.path.exists(os.path.join(tree, "DEBIAN/md5sums")) and os.unlink(os.path.join(tree, "DEBIAN/md5sums"))
    change(tree)
    control(tree, "Version", version)


def pack(tree, path):
    m.sh("dpkg-deb", "-Znone", "--root-owner-group", "-b", tree, path)


def append_byte(path):
    def change(tree):
        there = [p for p in (path, path[len("usr/"):]) if os.path.exists(os.path.join(tree, p))]
        with open(os.path.join(tree, there[0]), "ab") as f:
            f.write(b"x")
    return change


def repository(where, packages):
    """What 'deb [trusted=yes] file:/srv/repo ./' reads."""
    with open(os.path.join(where, "Packages"), "w") as f:
        for path in packages:
            data = open(path, "rb").read()
            shutil.copy(path, where)
            f.write(m.sh("dpkg-deb", "-f", path).strip() + "\nFilename: ./%s\nSize: %d\nSHA256: %s\n\n" %
                    (os.path.basename(path), len(data), hashlib.sha256(data).hexdigest()))


# which file of theirs to change, and what to call it then
OLD = {"dash": ("usr/bin/dash", "0.5.12-1"), "libseccomp2": ("usr/lib/x86_64-linux-gnu/libseccomp.so.2.5.4", "2.5.4-0")}
INSTALL = """
export DEBIAN_FRONTEND=noninteractive
mount -o remount,rw /
hello 2>/dev/null; echo "before=$?"
ls -i /usr/bin/dash | sed 's/ .*//; s/^/dash-before=/'
apt-get install -y /srv/repo/hello_*.deb >/run/apt.txt 2>&1; echo "install=$?"
hello >/dev/null; echo "hello=$?"
dpkg -i --force-downgrade /srv/old/*.deb >>/run/apt.txt 2>&1; echo "replace=$?"
dpkg-query -W -f 'old-${Package}=${Version}\n' dash libseccomp2
ls -i /usr/bin/dash | sed 's/ .*//; s/^/dash-after=/'
dash -c true; echo "dash=$?"
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list
apt-get update >>/run/apt.txt 2>&1 && apt-get -y upgrade >>/run/apt.txt 2>&1; echo "upgrade=$?"
dpkg-query -W -f 'new-${Package}=${Version}\n' dash libseccomp2
dash -c true; echo "dash-new=$?"
su mallory -s /bin/bash -c 'cp /usr/bin/true /home/mallory/t; /home/mallory/t' 2>/dev/null; echo "mallory=$?"
cp /usr/bin/true /dev/shm/t; /dev/shm/t 2>/dev/null; echo "shm=$?"
imagate check --files >/run/check.txt 2>&1; echo "check=$?"; tail -5 /run/check.txt
cat /var/lib/dpkg/info/*.list | sort -u >/run/all; echo "all=$(grep -c . /run/all)"
S=$(date +%s%N); imagate upgraded --files-from /run/all >/run/upgraded.txt 2>&1; echo "upgraded=$?"; echo "upgraded-ms=$((($(date +%s%N)-S)/1000000))"
echo "--- apt"; cat /run/apt.txt; echo "--- end"
echo "--- upgraded"; cat /run/upgraded.txt; echo "--- end"
"""


# as 'dracut -f' does; what becomes of it, with this event log, is not the question here
BY_HAND = """
mount -o remount,rw /
ran() { journalctl -b -q --no-pager -o cat -u imagate-boot.service | grep -c 'Finished imagate'; }
# a change, and one run of the service more
seen() { n=$(ran); eval "$2"; timeout 60 journalctl -b -f -n all -q -o cat -u imagate-boot.service | grep -m$((n + 1)) 'Finished imagate' | wc -l | sed "s/^/ran-$1=$n-/"; }
echo "ran-before=$(ran)"
seen mkdir 'mkdir -p /boot/grub'
seen grub 'echo menu >/boot/grub/grub.cfg.new; mv /boot/grub/grub.cfg.new /boot/grub/grub.cfg'
seen again 'echo other >/boot/grub/grub.cfg.new; mv /boot/grub/grub.cfg.new /boot/grub/grub.cfg'
seen boot 'echo x >/boot/A-test'
grep -sq /boot/A-test /var/lib/imagate/boot-files || [ -e /run/motd.d/60-imagate-boot ]; echo "by-hand=$?"
echo "--- watch"; systemctl status --no-pager -l imagate-boot.service 'imagate-boot*.path'; echo "--- end"
"""


def put_packages(box, packages, work):
    """The archive's in /srv/repo, two of them as older versions in /srv/old."""
    box.disk = raw_copy(box.disk, work)
    with mounted(box.disk, work) as root:
        for d in ("repo", "old"):
            os.makedirs(os.path.join(root, "srv", d))
        repository(os.path.join(root, "srv/repo"), packages.values())
        for name, (path, version) in OLD.items():
            tree = os.path.join(work, "old-" + name)
            repack(packages[name], tree, version, append_byte(path))
            pack(tree, os.path.join(root, "srv/old", name + ".deb"))


def install(kernel, work):
    """apt installs, dpkg replaces a shell and a library of init, apt upgrades them, in enforce; all run, users' own copies do not, and the reboot is admitted"""
    packages = m.debs(NEW_PACKAGE, *REPLACED)
    box = Box(kernel, work)
    put_packages(box, packages, work)
    r = box.boot(KERNEL_STATE + INSTALL)
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and r.value("before") == "127", "not the machine that this is about")
    check(r, r.value("install") == "0" and r.value("hello") == "0", "what apt installed does not run")
    check(r, r.value("replace") == "0" and r.value("dash") == "0", "what dpkg replaced does not run")
    check(r, r.value("dash-before") != r.value("dash-after"), "nothing was replaced")
    check(r, r.value("upgrade") == "0" and r.value("dash-new") == "0", "apt upgrade")
    check(r, all(r.value("old-" + n) == v and r.value("new-" + n) not in (None, v) for n, (_, v) in OLD.items()), "nothing was upgraded")
    check(r, r.value("mallory") == "126" and r.value("shm") == "126", "unlabelled code ran")
    check(r, "of what was installed" not in r.block("apt"), "the hook found something to label: the kernel had not")
    check(r, r.value("upgraded") in ("0", "1"), "imagate upgraded failed")
    print("        imagate upgraded: %s files of all packages in %s ms" % (r.value("all"), r.value("upgraded-ms")), flush=True)
    r = box.boot(KERNEL_STATE + "hello >/dev/null; echo hello=$?; dash -c true; echo dash=$?\n" + BY_HAND)
    went_on(r, "admit", "none")
    check(r, r.value("ran-before") == "0" and r.value("by-hand") == "0", "what the watch over /boot did")
    for change in ("mkdir", "grub", "again", "boot"):
        before, after = (r.value("ran-" + change) or "0-0").split("-")
        check(r, int(after) > int(before), "imagate-boot.path did not see: " + change)
    return r


FIX_INSTALL = """
export DEBIAN_FRONTEND=noninteractive
mount -o remount,rw /
apt-get install -y /srv/repo/hello_*.deb >/run/apt.txt 2>&1; echo "install=$?"
for f in /usr/bin/hello /usr/bin/nproc; do getfattr --absolute-names -e hex -d -m 'security.(ima|evm)' $f | sed -n 's/=0x\\(..\\).*/-of-\\1/p' | sort | paste -sd, | sed "s|^|${f##*/}=|"; done
echo "--- apt"; cat /run/apt.txt; echo "--- end"
sync
"""


def by_kernel(kernel, work):
    """a policy without hash rules, in fix: the hook shows the kernel what dpkg brought, which labels it, with EVM's HMAC; it runs in enforce"""
    packages = m.debs(NEW_PACKAGE, *REPLACED)
    policy = "".join(line for line in policy_file("server").splitlines(True) if not line.startswith("hash "))
    box = Box(kernel, work)
    put_packages(box, packages, work)
    with mounted(box.disk, work) as root:
        with open(os.path.join(root, "etc/imagate/policy"), "w") as f:
            f.write(policy)
    files = {"etc/imagate/policy": policy}
    r = box.boot(KERNEL_STATE + FIX_INSTALL, cmdline="ima_appraise=fix imagate.stage=fix", files=files)
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "1" and r.value("install") == "0", "not the machine that this is about")
    check(r, "files of what was installed are labelled now" in r.block("apt"), "the hook labelled nothing")
    check(r, r.value("hello") == r.value("nproc") == "security.evm-of-02,security.ima-of-04", "no hash with an HMAC")
    r = box.boot(KERNEL_STATE + "hello >/dev/null; echo hello=$?\n", files=files)
    went_on(r, "admit", "none")
    check(r, r.value("hello") == "0", "it does not run in enforce")
    return r


# -- signed.policy --------------------------------------------------------------------------

CONF = conf(key="source = tpm\nx509-ima = /etc/imagate/x509\nx509-evm = /etc/imagate/x509")


def sign_all(root, key, cert, *paths):
    imagate("label", "--root", root, "--policy", os.path.join(m.REPO, "policy/signed.policy"), "--config", "/nowhere", "--sign", key, "--cert", cert,
            "--evm-sign", key, "--evm-cert", cert, *paths)


def signed_package(tree, name, epoch, key, cert):
    """As whoever builds packages does it: sign the tree, and pack the list of its content, signed, and its labels."""
    where = os.path.join(tree, "etc/imagate/catalogues")
    info = os.path.join(tree, "var/lib/dpkg/info")
    for d in (where, info):
        os.makedirs(d, exist_ok=True)
    for script in ("preinst", "postinst", "prerm", "postrm"):
        path = os.path.join(tree, "DEBIAN", script)
        if os.path.exists(path):
            shutil.copy(path, os.path.join(info, "%s.%s" % (name, script)))
    sign_all(tree, key, cert, "--all")
    catalogue = os.path.join(where, name + ".catalogue")
    imagate("catalogue", "build", "--root", tree, "--all", "--name", name, "--epoch", str(epoch), "-o", catalogue)
    imagate("catalogue", "sign", "--key", key, "--cert", cert, catalogue)
    dump = m.sh("getfattr", "-R", "-h", "-d", "-m", r"^security\.(ima|evm)$", "-e", "hex", ".", cwd=tree)
    with open(os.path.join(where, name + ".labels"), "w") as f:
        f.write(dump)
    shutil.rmtree(os.path.join(tree, "var"))


def replace_hello(tree):
    shutil.copy(os.path.join(m.CACHE, "root/usr/bin/nproc"), os.path.join(tree, "usr/bin/hello"))


def postinst(tree):
    path = os.path.join(tree, "DEBIAN/postinst")
    with open(path, "w") as f:
        f.write("#!/bin/sh\nhello >/dev/null && echo ran >>/root/postinst\n")
    os.chmod(path, 0o755)


def put_signed(box, work):
    """The unlabelled disk, all of it signed as an image's builder does; packages of the same builder, and one of nobody's."""
    key, der, _ = make_signer(work, "builder")
    cert = os.path.join(work, "builder.der")
    hello = m.debs(NEW_PACKAGE, *REPLACED)[NEW_PACKAGE]
    box.disk = os.path.join(work, "signed.raw")
    m.sh("cp", "--sparse=always", os.path.join(m.CACHE, "disk.raw"), box.disk)
    with mounted(box.disk, work) as root:
        sign_all(root, key, cert, *LABEL_DIRS.split(), "/usr/lib/apt", "/usr/lib/dpkg", "/etc", "/var/lib/dpkg/info")
        with open(os.path.join(root, "etc/imagate/imagate.conf"), "w") as f:
            f.write(CONF)
        with open(os.path.join(root, "etc/imagate/policy"), "w") as f:
            f.write(policy_file("signed"))
        for d in ("x509", "x509-catalogue"):
            os.makedirs(os.path.join(root, "etc/imagate", d))
            shutil.copy(cert, os.path.join(root, "etc/imagate", d))
        for epoch, version, change in ((1, "1", postinst), (2, "2", lambda t: (postinst(t), replace_hello(t)))):
            tree = os.path.join(work, "hello-" + version)
            repack(hello, tree, version, change)
            signed_package(tree, "hello", epoch, key, cert)
            pack(tree, os.path.join(root, "root/hello-%s.deb" % version))
        tree = os.path.join(work, "plain")
        os.makedirs(os.path.join(tree, "usr/bin"))
        os.makedirs(os.path.join(tree, "DEBIAN"))
        shutil.copy(os.path.join(m.CACHE, "root/usr/bin/true"), os.path.join(tree, "usr/bin/plain"))
        with open(os.path.join(tree, "DEBIAN/control"), "w") as f:
            f.write("Package: plain\nVersion: 1\nArchitecture: all\nMaintainer: me <me@example.org>\nDescription: row\n")
        pack(tree, os.path.join(root, "root/plain.deb"))
        deb, tree = m.debs("libssl3")["libssl3"], os.path.join(work, "libssl3")
        shutil.copy(deb, os.path.join(root, "root/libssl3.deb"))
        repack(deb, tree, m.sh("dpkg-deb", "-f", deb, "Version").strip() + "+signed", append_byte("usr/lib/x86_64-linux-gnu/libcrypto.so.3"))
        signed_package(tree, "libssl3", 1, key, cert)
        pack(tree, os.path.join(root, "root/libssl3-signed.deb"))
    return der


SIGNED = """
export DEBIAN_FRONTEND=noninteractive
mount -o remount,rw /
hello 2>/dev/null; echo "before=$?"
apt-get install -y /root/hello-1.deb >/run/apt1.txt 2>&1; echo "install=$?"
hello | grep -q world; echo "hello=$?"
apt-get install -y /root/hello-2.deb >/run/apt2.txt 2>&1; echo "upgrade=$?"
hello | grep -qx '[0-9]*'; echo "hello-2=$?"
echo "postinst=$(cat /root/postinst | paste -sd,)"
dpkg -i /root/plain.deb >/run/plain.txt 2>&1; echo "plain-install=$?"
plain 2>/dev/null; echo "plain=$?"
apt-get install -y --reinstall --allow-downgrades /root/libssl3.deb >/run/libssl.txt 2>&1; echo "libssl-apt=$?"
dpkg -i /root/libssl3.deb >>/run/libssl.txt 2>&1; echo "libssl=$?"
apt-get install -y /root/libssl3-signed.deb >/run/ours.txt 2>&1; echo "ours=$?"
dpkg-query -W -f 'ours-version=${Version}\n' libssl3; imagate --help >/dev/null; echo "ours-runs=$?"; ls /usr/lib/imagate | grep -c kept | sed s/^/kept=/
echo "--- ours"; cat /run/ours.txt; echo "--- end"
echo "--- libssl"; cat /run/libssl.txt; echo "--- end"
for i in 1 2; do echo "--- apt$i"; cat /run/apt$i.txt; echo "--- end"; done
echo "--- plain"; cat /run/plain.txt; echo "--- end"
echo "--- motd"; cat /run/motd.d/*labels; echo "--- end"
echo "--- journal"; journalctl -b --no-pager -q -o cat -t imagate; echo "--- end"
sync
"""


# what comes of it: who should label it does not start
ANYWAY = """
mount -o remount,rw /
imagate --help >/dev/null; echo "before-libssl=$?"
IMAGATE_UNPACK=anyway dpkg -i /root/libssl3.deb >/dev/null 2>&1
imagate --help >/dev/null 2>&1; echo "after-libssl=$?"
"""


def signed(kernel, work):
    """signed.policy in enforce with EVM's HMAC on: what apt brings signed is labelled before it is configured, and runs, and is upgraded; what is not is named and denied; libcrypto, without which nothing could be labelled, is unpacked only with signatures; the reboot is admitted"""
    box = Box(kernel, work, config=CONF)
    der = put_signed(box, work)
    files = {"etc/imagate/policy": policy_file("signed"), "etc/imagate/x509/builder.der": der}
    r = box.boot(KERNEL_STATE + SIGNED, files=files)
    went_on(r, "admit", "none")
    check(r, r.value("evm") == "3" and r.value("before") == "127", "not the machine that this is about")
    check(r, r.value("install") == "0" and r.value("hello") == "0", "what apt installed does not run")
    check(r, "files of what was installed are labelled now" in r.block("apt1"), "who labelled it?")
    check(r, r.value("upgrade") == "0" and r.value("hello-2") == "0", "what apt upgraded does not run")
    check(r, r.value("postinst") == "ran,ran", "it was not labelled when it was configured")
    check(r, r.value("plain") == "126", "unsigned code ran")
    words = "/usr/bin/plain: denied when run as a program: IMA-signature-required"
    check(r, r.value("plain-install") == "0" and words in r.block("plain") and words in r.block("motd") and words in r.block("journal"),
          "nobody said that it will not run")
    check(r, r.value("libssl") == "2" and r.value("libssl-apt") == "100" and r.block("libssl").count("NOTHING WAS UNPACKED") == 2,
          "libcrypto was unpacked, or nobody says why not")
    check(r, r.value("ours") == "0" and r.value("ours-version").endswith("+signed") and re.search(r"\([1-9]\d* were labelled\)", r.block("ours")),
          "a libcrypto that brings its signatures is not installed")
    check(r, r.value("ours-runs") == "0" and r.value("kept") == "0", "imagate does not run with it, or keeps the old one")
    r = box.boot(KERNEL_STATE + "hello | grep -qx '[0-9]*'; echo hello=$?; plain 2>/dev/null; echo plain=$?\n" + ANYWAY, files=files)
    went_on(r, "admit", "none")
    check(r, r.value("before-libssl") == "0" and r.value("after-libssl") == "127", "a libcrypto without a label does no harm: then why keep dpkg from it?")
    check(r, r.value("evm") == "3" and r.value("hello") == "0" and r.value("plain") == "126", "after the reboot it is otherwise")
    return r


BOTH, NEW = ("6.1.", "6.12."), ("6.12.",)
CASES = [("upgrade-packages", install, BOTH), ("upgrade-signed", signed, NEW), ("upgrade-fix", by_kernel, NEW)]
