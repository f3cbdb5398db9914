"""What the driver and a program with tests/faults/wrap.c in it share: counts of calls, and which one is to fail."""
import mmap
import os
import struct
import subprocess

KINDS = ["allocation", "read", "write", "accept", "fork", "mmap", "epoll_ctl", "open", "libcrypto", "inner"]
ROWS, ROW = 16, 32 + 5 * 8 + 40 + 8 * len(KINDS) + 8
ARMED, WHICH, FIRED, LEAKS, PLACE, CALL, COUNTS, PID = 32, 40, 48, 56, 64, 72, 112, ROW - 8
VARIABLE = "XDG_SIGNET_FAULTS"
SITES, SITE, KIND_SHIFT = 1024, 4 * 8 + 32, 48
LEAKS_ASKED, LEAKS_NONE, LEAKS_FOUND = 1, 2, 3


class Sheet:
    def __init__(self, path, names):
        self.path = path
        with open(path, "wb") as f:
            f.truncate(ROWS * ROW + SITES * SITE)
        fd = os.open(path, os.O_RDWR)
        self.map = mmap.mmap(fd, ROWS * ROW + SITES * SITE)
        os.close(fd)
        self.base = {}
        for i, name in enumerate(names):
            self.base[name] = i * ROW
            self.map[i * ROW : i * ROW + len(name)] = name.encode()
            self.put(name, ARMED, -1)
        os.environ[VARIABLE] = path

    def get(self, name, at):
        return struct.unpack_from("<q", self.map, self.base[name] + at)[0]

    def put(self, name, at, value):
        struct.pack_into("<q", self.map, self.base[name] + at, value)

    def arm(self, name, kind, which):
        """The call number `which` of a kind, from now on, fails; 0: none does, and all are counted."""
        self.put(name, ARMED, -1)
        for i in range(len(KINDS)):
            self.put(name, COUNTS + 8 * i, 0)
        self.put(name, FIRED, 0)
        self.put(name, LEAKS, 0)
        self.put(name, WHICH, which)
        self.put(name, ARMED, -1 if kind is None else KINDS.index(kind))

    def disarm(self, name):
        """From now on none fails, and none is counted."""
        self.put(name, ARMED, -2)

    def counts(self, name):
        return {k: self.get(name, COUNTS + 8 * i) for i, k in enumerate(KINDS)}

    def fired(self, name):
        return self.get(name, FIRED)

    def gone(self, name):
        """Whether the last process of that name has ended; whoever drove it may not have waited."""
        try:
            state = open("/proc/%d/stat" % self.get(name, PID), encoding="utf-8").read()
        except OSError:
            return True
        return state.rsplit(")", 1)[1].split()[0] in "ZX"

    def leaks(self, name):
        """How the search at an _exit ended; 0: there was none."""
        return self.get(name, LEAKS)

    def leaks_said(self):
        """What was said of those, which is then forgotten."""
        path = self.path + ".leaks"
        if not os.path.exists(path):
            return b""
        said = open(path, "rb").read()
        os.unlink(path)
        return said

    def forget_sites(self):
        at = ROWS * ROW
        self.map[at:] = bytes(len(self.map) - at)

    def sites(self, name, kind):
        """[(id, call, faults)] where that row made calls of a kind since forget_sites."""
        here, found = self.base[name] // ROW + 1, []
        for at in range(ROWS * ROW, len(self.map), SITE):
            id_, row, seen, fired = struct.unpack_from("<qqqq", self.map, at)
            if row == here and seen and id_ >> KIND_SHIFT == KINDS.index(kind) + 1:
                found.append((id_, self.map[at + 32 : at + SITE].split(b"\0")[0].decode(), fired))
        if struct.unpack_from("<q", self.map, len(self.map) - SITE)[0]:
            raise SystemExit("more places of calls than the sheet has room for (SITES)")
        return found

    def where(self, name, program):
        """What failed last, and where from, in words."""
        at = self.base[name]
        call = self.map[at + CALL : at + CALL + 40].split(b"\0")[0].decode()
        place = self.get(name, PLACE)
        if not call:
            return "nothing failed"
        return self.line(call, place, program)

    def line(self, call, place, program):
        place &= (1 << KIND_SHIFT) - 1
        found = subprocess.run(["addr2line", "-pfe", program, hex(place - 1)], stdout=subprocess.PIPE, check=False)
        return "%s at %s" % (call, found.stdout.decode().strip())
