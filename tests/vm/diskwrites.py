"""A disk as it was after each write: QEMU's blklogwrites logs them (in the format of the kernel's dm-log-writes), and here they
are done again, one by one. A power cut may be at each of them."""

import struct

MAGIC, FLUSH, DISCARD = 0x6a736677736872, 1, 4


def entries(log):
    """(flags, offset, bytes) of each write, flush and discard, in order. The machine was killed: what the head says of their number may be old."""
    with open(log, "rb") as f:
        magic, _, _, size = struct.unpack("<QQQI", f.read(28))
        assert magic == MAGIC, "no log of writes"
        at = size
        while True:
            f.seek(at)
            head = f.read(32)
            if len(head) < 32 or head == bytes(32):
                return
            sector, count, flags, _ = struct.unpack("<QQQQ", head)
            f.seek(at + size)
            data = b"" if flags & DISCARD else f.read(count * size)
            if not flags & DISCARD and len(data) < count * size:
                return  # the last one, when it was killed
            at += size + len(data)
            yield flags, sector * size, data


def writes(log):
    return ((offset, data) for _, offset, data in entries(log) if data)


def flushes(log):
    """How many writes were done at each flush: there a journal commits."""
    done, found = 0, []
    for flags, _, data in entries(log):
        done += bool(data)
        if flags & FLUSH:
            found.append(done)
    return found


def replay(log, disk):
    """Does them to the disk, which is as it was before; yields the number of those that are done, from 0."""
    done = 0
    yield done
    for offset, data in writes(log):
        with open(disk, "r+b") as f:
            f.seek(offset)
            f.write(data)
        done += 1
        yield done
