"""What all of the storm shares: where things are, which keys there are, and what came of it so far."""
import glob
import os
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import blob_of  # noqa: E402 (the path comes first)

SECRET = "123456"

# Seconds for an answer: where nothing but the agent has to do with it, and where a person or a device has.
PROMPT, PATIENT = 10, 90

PLAIN = ["plain-ed25519", "plain-ecdsa", "plain-rsa", "plain-384", "plain-521"]
FILES = ["open", "closed", "kept", "pem", "confirmed"]


class Scene:
    def __init__(self, arguments):
        (self.t, self.build, self.add, supervisor, pcscd, self.pcscd_options, self.port, seconds, seed) = arguments
        self.supervisor, self.pcscd = int(supervisor), int(pcscd)
        self.seconds, self.seed = int(seconds), int(seed)
        self.socket = os.environ["SSH_AUTH_SOCK"]
        self.over = threading.Event()
        self.guard = threading.Lock()
        self.tallies = {}
        self.troubles = {}
        self.config = "base"  # that is in force
        self.problems = []
        self.locks = []  # [from, until] in monotonic time, until None: it is locked, or its keys are removed
        self.publics = self.find_publics()
        self.core = next(pid for pid in self.children() if comm(pid) == "signet-agent")

    def path(self, *names):
        return os.path.join(self.t, *names)

    def chance(self, name):
        """What a thread draws from: the same for the same seed, whatever the others draw."""
        return random.Random("%d %s" % (self.seed, name))

    def find_publics(self):
        """The .pub files of all keys by name; those of devices, which have none, are written from the list."""
        found = {}
        for path in glob.glob(self.path("*.pub")) + glob.glob(self.path("keys", "*.pub")):
            found[os.path.basename(path)[:-4]] = path
        known = {blob_of(path) for path in found.values()}
        for line in subprocess.run(["ssh-add", "-L"], check=True, stdout=subprocess.PIPE).stdout.decode().splitlines():
            comment = line.split(" ", 2)[2]
            name = comment.lower().replace(",", " ").split()
            name = "module" if name[0] == "module" else "-".join(name[:2])
            path = self.path("pub", name + ".pub")
            with open(path, "w", encoding="ascii", errors="replace") as file:
                file.write(line + "\n")
            os.chmod(path, 0o600)
            if blob_of(path) not in known:
                found[name] = path
        return found

    def devices(self):
        """Names of the keys that are not in files, or whose private half is not."""
        return [name for name in self.publics if name in ("touched", "verified", "module") or "-" in name and
                not name.startswith("plain")]

    def children(self):
        """Processes that the supervisor has started, zombies too."""
        with open("/proc/%d/task/%d/children" % (self.supervisor, self.supervisor), encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    # --- what came of it

    def count(self, kind, outcome, took=0.0):
        with self.guard:
            tally = self.tallies.setdefault(kind, {"slowest": 0.0})
            tally[outcome] = tally.get(outcome, 0) + 1
            tally["slowest"] = max(tally["slowest"], took)

    def trouble(self, kind):
        with self.guard:
            self.troubles[kind] = self.troubles.get(kind, 0) + 1

    def total(self, outcome=None):
        with self.guard:
            return sum(n for tally in self.tallies.values() for name, n in tally.items()
                       if name != "slowest" and outcome in (None, name))

    def problem(self, text):
        with self.guard:
            self.problems.append(text)
        print("problem: " + text, file=sys.stderr, flush=True)

    # --- the agent is locked now and then, or has no keys

    def locks_begin(self):
        with self.guard:
            self.locks.append([time.monotonic(), None])

    def locks_end(self):
        with self.guard:
            self.locks[-1][1] = time.monotonic()

    def was_locked(self, since):
        """It was, at some time between then and now."""
        with self.guard:
            return any(until is None or until >= since for _, until in self.locks)


def comm(pid):
    try:
        with open("/proc/%d/comm" % pid, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
