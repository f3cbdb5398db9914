"""What the agent's processes take up, again and again, and whether it grows."""
import os
import threading
import time

from storm_scene import comm
from client import status

# What may come on by caches, in KiB of the trend over a run, and beyond that for each thousand requests.  A leak of a KiB in
# each signature is some 900 over a minute of about 1,100 requests; the log's ring is full before (fill_log in storm.py).
SLACK, RATE = 256, 8
LEAST = 8  # samples of a process that tell a trend


def memory(pid):
    """KiB of heap, stacks and written data; not of files, of which one's share changes as others come and go."""
    try:
        with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith(("Anonymous:", "Swap:")))
    except PermissionError:  # of a process that is not dumpable, in a namespace of an ordinary user
        with open("/proc/%d/status" % pid, encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith(("RssAnon:", "VmSwap:")))


def secret_used(scene):
    """Bytes of the core's secret memory, which counts as nobody's."""
    return int(status(scene.add)["secret-memory-used"])


def descriptors(pid):
    """0 where that is not told, as with memory."""
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except PermissionError:
        return 0


def threads(pid):
    return len(os.listdir("/proc/%d/task" % pid))


def state(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def slope(points):
    """The median of the slopes between all pairs: what single peaks do not move."""
    slopes = sorted((y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(points) for x2, y2 in points[i + 1:] if x2 > x1)
    return slopes[len(slopes) // 2] if slopes else 0.0


class Sampler(threading.Thread):
    def __init__(self, scene):
        super().__init__(daemon=True)
        self.scene = scene
        self.every = max(1.0, scene.seconds / 300)
        self.samples = {}  # (role, pid): [(requests, KiB, descriptors, threads)]
        self.dead = set()
        self.zombies = set()
        self.most = 0  # children of the supervisor

    def run(self):
        while not self.scene.over.wait(self.every):
            self.once()

    def once(self):
        requests, children = self.scene.total(), self.scene.children()
        self.most = max(self.most, len(children))
        dead = {pid for pid in children if state(pid) == "Z"}
        self.zombies |= dead & self.dead
        self.dead = dead
        self.keep("secret memory", self.scene.core, (requests, secret_used(self.scene) // 1024, 0, 0))
        for pid in [self.scene.supervisor] + children:
            role = {self.scene.supervisor: "supervisor", self.scene.core: "core"}.get(pid, comm(pid))
            try:
                sample = (requests, memory(pid), descriptors(pid), threads(pid))
            except OSError:
                continue  # it has ended
            self.keep(role, pid, sample)

    def keep(self, role, pid, sample):
        self.samples.setdefault((role, pid), []).append(sample)
        with open(self.scene.path("samples"), "a", encoding="ascii") as file:
            print(role.replace(" ", "-"), pid, round(time.monotonic()), *sample, file=file)

    def trends(self):
        """Of each process that lived long enough: (role, pid, requests, KiB per thousand, KiB in all); the first fifth
        of all requests warms up."""
        warm = self.scene.total() / 5
        for (role, pid), samples in sorted(self.samples.items()):
            points = [(requests, kib) for requests, kib, _, _ in samples if requests >= warm]
            if len(points) < LEAST:
                continue
            span = points[-1][0] - points[0][0]
            trend = slope(points)
            yield role, pid, span, trend * 1000, trend * span


def too_much(span, growth):
    return growth > SLACK + RATE * span / 1000


def screens():
    """Processes of the person's: a question or a notice each (see the person in storm)."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", b"600"]:
            found.append(int(pid))
    return found


def quiet(scene):
    """What the two processes that stay have while nothing is asked of them: (descriptors, threads) of each, and who else
    there is."""
    others = sorted(comm(pid) for pid in scene.children() if pid != scene.core)
    return [(descriptors(pid), threads(pid)) for pid in (scene.supervisor, scene.core)], others
