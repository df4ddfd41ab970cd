"""The machine loses power between two writes. The gate's writes and the TPM's count are ordered and synced, so what a cut
leaves is a disk of one moment and a TPM of the same or the moment before; each such pair is put together and booted."""

import os
import shutil

from attack import FLOOR
from box import Box
from gate import KERNEL_STATE, check, record, went_on
from recovery import SEAL_FILE



def restore(box, saved):
    shutil.rmtree(box.tpm, ignore_errors=True)
    shutil.copytree(os.path.join(saved, "tpm"), box.tpm)


def write(path, text):
    return "cat >%s <<'END'\n%sEND\nsync\n" % (path, text)


def raise_floor(kernel, work):
    """cut while the floor rises: before the seal is stored, before the counter counts, before the request is gone"""
    box = Box(kernel, work)
    r = box.boot(FLOOR + SEAL_FILE + 'echo "--- request"; cat /etc/imagate/request; echo "--- end"\n')
    check(r, r.value("floor-rc") == "0", "no request")
    before, request = r.block("seal"), r.block("request")
    tpm_before = box.save("before")
    r = box.boot(KERNEL_STATE + SEAL_FILE)
    check(r, record(r)["step.ratchet"] == "ok", "the floor was not raised")
    after = r.block("seal")
    check(r, after != before and after.count("Slot:") == 2, "not: the old slot and the new one")
    put = KERNEL_STATE + SEAL_FILE
    # the next boot of each state: (seal on the disk, TPM, request there) -> what the ratchet does
    rows = [
        ("the seal was stored, the counter did not count", after, tpm_before, request, "ok"),
        ("the counter counted, the request was not removed", after, None, request, "blocked"),
        ("nothing was cut", after, None, "", "blocked"),
        ("nothing had begun", before, tpm_before, request, "ok"),
    ]
    tpm_after = box.save("after")
    for words, seal, tpm, asked, ratchet in rows:
        # the state is made by a boot that needs no key, with the TPM put back behind it
        r = box.boot(write("/etc/imagate/seal.pem", seal) + (write("/etc/imagate/request", asked) if asked else
                     "rm -f /etc/imagate/request; sync\n") + "echo made=yes\n",
                     cmdline="imagate.stage=off ima_appraise=off", config="[gate]\nstage = off\n[key]\nsource = tpm\n")
        check(r, r.value("made") == "yes", words + ": the state was not made")
        restore(box, tpm or tpm_after)
        r = box.boot(put)
        went_on(r, "admit", "none")
        check(r, r.value("evm") == "1", words + ": no key")
        check(r, record(r)["step.ratchet"] == ratchet, "%s: the ratchet is not %s" % (words, ratchet))
        r = box.boot(put)
        went_on(r, "admit", "none")
        check(r, r.value("evm") == "1" and record(r)["floor"] == "enforce", words + ": the boot after it")
    return r


NEW = ("6.12.",)
CASES = [("power-raise", raise_floor, NEW)]
