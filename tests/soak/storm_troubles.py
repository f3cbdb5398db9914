"""What goes wrong in the storm, as chance has it: helpers are killed, cards pulled, and so on."""
import os
import shutil
import signal
import subprocess
import threading
import time

from storm_scene import FILES, PROMPT, SECRET, comm
from client import LIST, SUCCESS, Client, blob_of, string

LOCK, UNLOCK = 22, 23
CARDS = {"first": "fido-card", "second": "fido-card", "piv": "token-card", "pgp": "token-card"}
# The instruction in which a card goes: of a signature.
DIES = {"first": ("die", "1"), "second": ("die", "4"), "piv": ("die-after", "ins=87", "times=1"),
        "pgp": ("die-after", "ins=88", "times=1")}


# Two at a time: one of the first, and one of the second.
KINDS = {"helpers": ["kill"] * 5 + ["stop"],
         "devices and agent": ["pull"] * 5 + ["pull_within"] * 3 + ["pcscd"] + ["reload"] * 3 + ["forget", "lock"] +
                              ["touch", "replace", "remove", "damage"]}


class Troubles(threading.Thread):
    """One trouble after the other until then."""

    def __init__(self, scene, name, until):
        super().__init__(name=name, daemon=True)
        self.scene, self.until = scene, until
        self.chance = scene.chance(name)
        self.own_pcscd = None
        # A helper that is killed again and again is started after pauses that grow, and would seldom be there.
        self.rest = (1, min(12, max(2, scene.seconds / 20))) if name == "helpers" else (0.2, 1.5)

    def run(self):
        kind = ""
        try:
            while time.monotonic() < self.until:
                kind = self.chance.choice(KINDS[self.name])
                self.scene.trouble(kind)
                getattr(self, "do_" + kind)()
                self.pause(*self.rest)
        except Exception as problem:  # pylint: disable=broad-except (whatever it was is to be seen)
            self.scene.problem("%s: %r" % (kind, problem))
            raise

    def pause(self, least, most):
        time.sleep(self.chance.uniform(least, most))

    # --- helpers

    def helpers(self):
        return [pid for pid in self.scene.children() if pid != self.scene.core and comm(pid).startswith("signet-")]

    def do_kill(self):
        helpers = self.helpers()
        if helpers:
            self.signal(self.chance.choice(helpers), signal.SIGKILL)

    def do_stop(self):
        """It hangs for a while."""
        helpers = self.helpers()
        if helpers:
            pid = self.chance.choice(helpers)
            self.signal(pid, signal.SIGSTOP)
            self.pause(0.5, 2)
            self.signal(pid, signal.SIGCONT)

    @staticmethod
    def signal(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    # --- devices

    def tell(self, card, *words):
        program = os.path.join(self.scene.build, "tests", "virtual", CARDS[card])
        subprocess.run([program, "--tell", self.scene.path(card + ".card")] + list(words), check=True,
                       stdout=subprocess.DEVNULL, timeout=PROMPT * 3)

    def do_pull(self):
        cards = self.chance.sample(sorted(CARDS), self.chance.choice((1, 1, 1, 2, 4)))
        for card in cards:
            self.tell(card, "pull")
        self.pause(0, 3)
        for card in cards:
            self.tell(card, "insert")

    def do_pull_within(self):
        """In the middle of what is done with it."""
        card = self.chance.choice(sorted(CARDS))
        self.tell(card, "mode", *DIES[card])
        self.pause(1, 3)
        self.tell(card, "mode", "good")
        self.tell(card, "insert")

    def do_pcscd(self):
        self.signal(self.scene.pcscd, self.chance.choice((signal.SIGTERM, signal.SIGKILL)))
        if self.own_pcscd is not None:
            self.own_pcscd.wait(PROMPT)
        self.pause(0, 2)
        with open(self.scene.path("pcscd.log"), "ab") as log:
            words = ["pcscd"] + self.scene.pcscd_options.split() + ["-f", "-C", "-c", self.scene.path("readers")]
            self.own_pcscd = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.scene.pcscd = self.own_pcscd.pid

    # --- the agent

    def configure(self, name):
        if name != "wrong":  # which is not followed
            self.scene.config = name
        shutil.copy(self.scene.path("config." + name), self.scene.path("config.new"))
        os.rename(self.scene.path("config.new"), self.scene.path("config"))
        os.kill(self.scene.supervisor, signal.SIGHUP)

    def do_reload(self):
        self.configure(self.chance.choice(("base", "base", "base", "remember", "without", "views", "wrong")))

    def do_forget(self):
        """SIGUSR1: keys of files are locked, and those that were added are removed, so they are added again."""
        self.scene.locks_begin()
        os.kill(self.scene.supervisor, signal.SIGUSR1)
        end = time.monotonic() + PROMPT
        while blob_of(self.scene.publics["host"]) in Client(self.scene.socket).ask(bytes([LIST])):
            if time.monotonic() > end:
                self.scene.problem("SIGUSR1 removed nothing")
                break
            time.sleep(0.05)
        subprocess.run([self.scene.path("add-all")], check=True, stdin=subprocess.DEVNULL, timeout=PROMPT * 3)
        self.scene.locks_end()

    def do_lock(self):
        client = Client(self.scene.socket)
        self.scene.locks_begin()
        client.socket.settimeout(PROMPT)
        if client.ask(bytes([LOCK]) + string(SECRET.encode()))[0] != SUCCESS:
            self.scene.problem("the agent was not locked")
        self.pause(0, 1)
        if client.ask(bytes([UNLOCK]) + string(SECRET.encode()))[0] != SUCCESS:
            self.scene.problem("the agent was not unlocked")
        self.scene.locks_end()
        client.leave()

    # --- key files

    def key(self, *name):
        return self.scene.path("keys", *name)

    def spare(self, *name):
        return self.scene.path("spare", *name)

    def do_touch(self):
        os.utime(self.key(self.chance.choice(FILES)))

    def do_replace(self):
        """Another key under the same name."""
        for name in ("changing", "changing.pub"):
            if os.path.exists(self.spare(name)):
                os.unlink(self.spare(name))
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "changing", "-f", self.spare("changing")],
                       check=True, stdin=subprocess.DEVNULL)
        for name in ("changing", "changing.pub"):
            os.rename(self.spare(name), self.key(name))

    def do_remove(self):
        name = self.chance.choice(FILES)
        os.rename(self.key(name), self.spare(name))
        self.pause(0.1, 2)
        os.rename(self.spare(name), self.key(name))

    def do_damage(self):
        name = self.chance.choice(FILES)
        shutil.copy2(self.key(name), self.spare(name))
        os.truncate(self.key(name), self.chance.randrange(100))
        self.pause(0.1, 2)
        os.rename(self.spare(name), self.key(name))

    def end(self):
        """All is as it was before, but for helpers, which have to come by themselves."""
        for card in CARDS:
            self.tell(card, "mode", "good")
            self.tell(card, "insert")
        for pid in self.helpers():
            self.signal(pid, signal.SIGKILL)
        # Where it need not be reloaded, nothing but a request and time helps what is stuck.
        if self.scene.config != "base":
            self.configure("base")
        os.unlink(self.scene.path("trouble"))
