#!/usr/bin/env python3
"""imagate label --sign with keys in a token (softhsm2): signed, verified by evmctl and by imagate; the PIN is asked for by
systemd's protocol and answered by an agent of this test's own. usage: tests/pkcs11/sign.py [MAKE]; output as cmocka's"""

import contextlib
import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback

REPO = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
IMAGATE = os.path.realpath(os.path.join(os.environ.get("BUILD", os.path.join(REPO, "build")), "imagate"))
ASK = "/run/systemd/ask-password"
PIN, WRONG = "80361592", "19283746"  # digits that are nowhere by chance
IN_CLOSE_WRITE, IN_MOVED_TO = 0x8, 0x80


class Agent(threading.Thread):
    """Answers questions with these PINs, in order; what was asked is in self.asked."""

    def __init__(self, *pins):
        super().__init__(daemon=True)
        self.pins, self.asked = list(pins), []
        os.makedirs(ASK, exist_ok=True)
        self.inotify = ctypes.CDLL(None).inotify_init()
        ctypes.CDLL(None).inotify_add_watch(self.inotify, ASK.encode(), IN_CLOSE_WRITE | IN_MOVED_TO)
        self.start()

    def _names(self):
        events = os.read(self.inotify, 65536)
        while events:
            length = struct.unpack_from("iIII", events)[3]
            yield events[16:16 + length].rstrip(b"\0").decode()
            events = events[16 + length:]

    def run(self):
        while True:
            for name in self._names():
                if name.startswith("ask."):
                    with contextlib.suppress(FileNotFoundError):
                        self._answer(os.path.join(ASK, name))

    def _answer(self, path):
        with open(path) as f:
            question = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
        if question.get("Id") != "imagate:pin":
            return  # somebody else's
        self.asked.append(question["Message"])
        answer = b"+" + self.pins.pop(0).encode() + b"\0" if self.pins else b"-"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(answer, question["Socket"])


def sh(*args, ok=(0,), **kw):
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, **kw)
    assert r.returncode in ok, "%s: exit %d\n%s" % (" ".join(args), r.returncode, r.stdout)
    return r.stdout


class World:
    """A token with two keys, their certificates, a tree to sign. softhsm2 keeps it all below self.dir."""

    KEYS = {"rsa": ["rsa:2048"], "p256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}

    def __init__(self, where):
        self.dir = where
        os.makedirs(self.at("tokens"))
        self.write("softhsm", "directories.tokendir = %s\nobjectstore.backend = file\n" % self.at("tokens"))
        self.write("policy", "appraise func=BPRM_CHECK\n")
        self.write("signed", "appraise func=BPRM_CHECK appraise_type=imasig\n")
        self.write("conf", "[gate]\nstage = fix\n")
        self.env = dict(os.environ, SOFTHSM2_CONF=self.at("softhsm"))
        self.tool("--init-token", "--free", "--so-pin", "00000000", "--label", "site")
        for i, (name, kind) in enumerate(self.KEYS.items()):
            key, pem = self.at(name + ".key"), self.at(name + ".pem")
            sh("openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-subj", "/CN=" + name, "-keyout", key, "-out", pem)
            self.tool("--import", key, "--token", "site", "--label", name, "--id", "0%d" % (i + 1))
            os.unlink(key)  # only the token has it now
            os.makedirs(self.at("certs-" + name))
            sh("openssl", "x509", "-in", pem, "-outform", "DER", "-out", self.der(name))

    def at(self, name):
        return os.path.join(self.dir, name)

    def der(self, name):
        return self.at("certs-%s/c.der" % name)

    def write(self, name, text):
        with open(self.at(name), "w") as f:
            f.write(text)

    def tool(self, *args):
        sh("softhsm2-util", *args, "--pin", PIN, env=self.env)

    def tree(self, count=3):
        root = self.at("root")
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(os.path.join(root, "bin"))
        paths = [os.path.join(root, "bin", "f%04d" % n) for n in range(count)]
        for n, path in enumerate(paths):
            with open(path, "w") as f:
                f.write("#!/bin/sh\nexit %d\n" % n)
            os.chmod(path, 0o755)
        return paths

    def command(self, ima="rsa", evm=None, uri="pkcs11:token=site;object=%s"):
        args = [IMAGATE, "label", "--root", self.at("root"), "--policy", self.at("policy"), "--config", self.at("conf"),
                "--sign", uri % ima if "%" in uri else uri, "--cert", self.at(ima + ".pem")]
        return args + (["--evm-sign", uri % evm, "--evm-cert", self.at(evm + ".pem")] if evm else [])

    def label(self, *args, ok=(0,), env=None, **kw):
        return sh(*self.command(*args, **kw), ok=ok, env=dict(self.env, **(env or {})), start_new_session=True)


def labels(path):
    return sorted(n for n in os.listxattr(path) if n.startswith("security."))


def says(text, *words):
    for w in words:
        assert w in text, "it does not say '%s':\n%s" % (w, text)
    assert PIN not in text and WRONG not in text, "the PIN is in the output"


def untouched(paths):
    for p in paths:
        assert not labels(p), "%s has %s" % (p, labels(p))


# -- the cases -----------------------------------------------------------------------------------------------

def verified(w, agent, ima, evm):
    paths = w.tree()
    agent.pins = [PIN, PIN]
    says(w.label(ima, evm), "3 labelled", "0 failed")
    assert agent.asked == ["PIN of the token site:"], agent.asked  # once, for both keys
    for p in paths:
        says(sh("evmctl", "ima_verify", "--key", w.der(ima), p), "verification is OK")
        says(sh("evmctl", "verify", "--key", w.der(evm), p), "verification is OK")
    says(sh(IMAGATE, "check", "--files", "--no-cache", "--root", w.at("root"), "--policy", w.at("signed"), "--config", w.at("conf"),
            "--evm", "2", "--ima-certs", w.at("certs-" + ima), "--evm-certs", w.at("certs-" + evm)), "none would be denied")
    other = "rsa" if ima == "p256" else "p256"  # and a check that can fail
    sh("evmctl", "ima_verify", "--key", w.der(other), paths[0], ok=range(1, 256))


def rsa_and_p256(w, agent):
    verified(w, agent, "rsa", "p256")


def p256_and_rsa(w, agent):
    verified(w, agent, "p256", "rsa")


def wrong_pin(w, agent):
    paths = w.tree()
    agent.pins = [WRONG]
    says(w.label(ok=(2,)), "the PIN is wrong")
    assert len(agent.asked) == 1, "asked again: the token counts wrong PINs"
    untouched(paths)
    agent.pins = [PIN]
    says(w.label(), "3 labelled")


def nobody_answers(w, agent):
    paths = w.tree()
    agent.pins = []
    says(w.label(ok=(2,)), "pkcs11:token=site;object=rsa", "nobody gave the token's PIN")
    assert agent.asked, "nobody was asked"
    untouched(paths)


def missing(w, agent):
    paths = w.tree()
    for what, kw in (("object", {"uri": "pkcs11:token=site;object=nope"}), ("token", {"uri": "pkcs11:token=nope;object=rsa"}),
                     ("module", {"env": {"PKCS11_MODULE_PATH": "/nonexistent.so"}})):
        agent.pins = [PIN]
        out = w.label(ok=(2,), **kw)
        says(out, "no token here has such a key", "p11-kit")
        untouched(paths)
    empty = w.at("empty")
    os.makedirs(empty)
    says(w.label(ok=(2,), env={"OPENSSL_ENGINES": empty, "OPENSSL_MODULES": empty}), "apt-get install libengine-pkcs11-openssl")
    untouched(paths)


def other_certificate(w, agent):
    paths = w.tree()
    agent.pins = [PIN]
    says(w.label("p256", uri="pkcs11:token=site;object=rsa", ok=(2,)), "another key's certificate")
    untouched(paths)


def pin_in_uri(w, agent):
    paths = w.tree()
    says(w.label(uri="pkcs11:token=site;object=rsa;pin-value=" + PIN, ok=(2,)), "pin-value", "leave it out")
    assert not agent.asked
    untouched(paths)


def of_group(group):
    """The processes of a session, and what all the world can read of them."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.getsid(int(pid)) == group:
                yield pid, b"".join(open("/proc/%s/%s" % (pid, name), "rb").read() for name in ("cmdline", "environ"))


def nowhere_else(w, agent):
    """While it signs, thousands of times, the PIN known to it: not in a command line, an environment, a file, a key."""
    paths = w.tree(2000)
    agent.pins = [PIN]
    looked = 0
    p = subprocess.Popen(w.command(), env=w.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                         start_new_session=True)
    while p.poll() is None:
        seen = list(of_group(p.pid))
        assert not any(PIN.encode() in text for _, text in seen), "the PIN is in a command line or an environment"
        looked += bool(agent.asked and seen and any(labels(q) for q in (paths[0], paths[1000], paths[-1])))
    says(p.stdout.read(), "2000 labelled")
    assert looked, "it was over before anybody looked"
    assert not [n for n in os.listdir(ASK) if n.startswith(("ask.", "sck."))], "the question is still there"
    planted = subprocess.Popen(["sh", "-c", "echo; read x", PIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    planted.stdout.readline()
    assert any(PIN.encode() in text for _, text in of_group(planted.pid)), "the look for it finds nothing at all"
    planted.communicate()
    for where in (w.dir, ASK, "/var/log"):
        assert subprocess.run(["grep", "-rqsF", PIN, where]).returncode == 1, "the PIN is in a file below " + where


def token_lost(w, agent):
    """The token goes away while it signs: what is labelled is right, the rest has no label and is named, and it goes on later."""
    paths = w.tree(2000)
    agent.pins = [PIN, PIN]
    p = subprocess.Popen(w.command("p256", "rsa"), env=w.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         stdin=subprocess.DEVNULL, text=True, start_new_session=True)
    while not any(labels(q) for q in paths[::50]):
        assert p.poll() is None, "it was over before the token could be lost"
    os.rename(w.at("tokens"), w.at("lost"))
    out = p.communicate()[0]
    good = [q for q in paths if labels(q)]
    assert p.returncode == 1 and 0 < len(good) < len(paths), "exit %d, %d labelled\n%s" % (p.returncode, len(good), out[-2000:])
    says(out, "%d labelled" % len(good), "%d failed" % (len(paths) - len(good)), "/bin/f")
    os.rename(w.at("lost"), w.at("tokens"))
    agent.pins = [PIN, PIN]
    says(w.label("p256", "rsa"), "%d labelled, %d right already" % (len(paths) - len(good), len(good)), "0 failed")
    for q in good[:10]:
        says(sh("evmctl", "ima_verify", "--key", w.der("p256"), q), "verification is OK")


CASES = [rsa_and_p256, p256_and_rsa, wrong_pin, nobody_answers, missing, other_certificate, pin_in_uri, nowhere_else, token_lost]


def main():
    make = sys.argv[1].split() if len(sys.argv) > 1 else ["make"]
    sh(*make, "--no-print-directory", os.path.relpath(IMAGATE, REPO), cwd=REPO)
    failed = 0
    agent = Agent()
    with tempfile.TemporaryDirectory() as where:
        w = World(where)
        for case in CASES:
            agent.pins, agent.asked[:] = [], []
            try:
                case(w, agent)
                print("[       OK ] " + case.__name__)
            except Exception:
                traceback.print_exc(file=sys.stdout)
                print("[  FAILED  ] " + case.__name__)
                failed += 1
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
