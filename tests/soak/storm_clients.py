"""The clients of the storm: those that wait for each answer, programs that people use, and those that behave badly."""
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time

from storm_scene import FILES, PATIENT, PLAIN, PROMPT
from client import FAILURE, LIST, SIGNATURE, KEYS, Client, bind_request, blob_of, sign_request, string


class Loop(threading.Thread):
    """A client that does one thing again and again, with pauses, until the storm is over."""

    def __init__(self, scene, kind, pause):
        super().__init__(name=kind, daemon=True)
        self.scene, self.kind, self.pause = scene, kind, pause
        self.chance = scene.chance(kind)

    def run(self):
        try:
            while not self.scene.over.wait(self.chance.uniform(0.5, 1.5) * self.pause):
                self.once()
        except Exception as problem:  # pylint: disable=broad-except (whatever it was is to be seen)
            self.scene.problem("%s ended: %r" % (self.kind, problem))
            raise


class Signer(Loop):
    """Signs with these keys by the protocol; sure: it may fail only while the agent is locked."""

    def __init__(self, scene, kind, keys, pause, sure=False, path=None):
        super().__init__(scene, kind, pause)
        self.keys, self.sure, self.path = keys, sure, path or scene.socket
        self.client = None
        self.left = 0  # requests until it connects anew

    def once(self):
        if self.client is None or self.left == 0:
            self.connect()
        self.left -= 1
        self.sign(self.chance.choice(self.keys))

    def connect(self):
        if self.client is not None:
            self.client.leave()
        self.client = Client(self.path)
        self.client.socket.settimeout(PROMPT if self.sure else PATIENT)
        self.left = self.chance.randrange(1, 30)

    def sign(self, key, sure=None):
        began = time.monotonic()
        try:
            reply = self.client.ask(sign_request(blob_of(self.scene.publics[key]), os.urandom(100)))
        except (OSError, AssertionError) as problem:
            self.scene.count(self.kind, "lost", time.monotonic() - began)
            self.scene.problem("%s: no answer for %s: %r after %.1f s" %
                               (self.kind, key, problem, time.monotonic() - began))
            self.client = None
            return
        outcome = {SIGNATURE: "signed", FAILURE: "refused"}.get(reply[0], "strange")
        self.scene.count(self.kind, outcome, time.monotonic() - began)
        if outcome == "strange":
            self.scene.problem("%s: an answer of type %d" % (self.kind, reply[0]))
        if outcome == "refused" and (self.sure if sure is None else sure) and not self.scene.was_locked(began):
            self.scene.problem("%s: refused with %s" % (self.kind, key))


class Bound(Signer):
    """A connection of ssh's, which proves its host, and is forwarded every other time."""

    def once(self):
        self.connect()
        forwarded = self.chance.random() < 0.5
        began = time.monotonic()
        try:
            reply = self.client.ask(bind_request(self.client, blob_of(self.scene.publics["host"]), os.urandom(32),
                                                 forwarded))
        except AssertionError as problem:
            self.scene.count(self.kind, "refused")
            if not self.scene.was_locked(began):
                self.scene.problem("%s: %r" % (self.kind, problem))
            return
        self.scene.count(self.kind, "signed")
        self.scene.count("bind", "done" if reply[0] == 6 else "failed")
        for key in self.chance.sample(self.keys, 2):
            self.sign(key)
        self.sign("local", not forwarded)


class Lister(Loop):
    def once(self):
        began = time.monotonic()
        try:
            client = Client(self.scene.socket)
            client.socket.settimeout(PROMPT)
            reply = client.ask(bytes([LIST]))
            client.leave()
        except (OSError, AssertionError) as problem:
            self.scene.problem("%s: no answer: %r" % (self.kind, problem))
            return
        self.scene.count(self.kind, "done", time.monotonic() - began)
        if reply[0] != KEYS:
            self.scene.problem("%s: an answer of type %d" % (self.kind, reply[0]))


class Programs(Loop):
    """Programs as people run them, each in its turn."""

    def once(self):
        getattr(self, self.chance.choice(self.CHOICE))()

    CHOICE = ["do_list", "do_list", "do_public", "do_test", "do_test_device", "do_file", "do_file_device", "do_tell",
              "do_tell", "do_tokens", "do_key", "do_login", "do_login_any"]

    def command(self, sure, bound, *words, text=None, may=(0,)):
        """Run it: it must end within the bound, and, where it is sure, well."""
        began = time.monotonic()
        try:
            done = subprocess.run(words, input=text, stdin=None if text is not None else subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=bound)
        except subprocess.TimeoutExpired:
            self.scene.problem("%s: %s did not end in %d s" % (self.kind, " ".join(words), bound))
            return None
        good = done.returncode in may
        self.scene.count(os.path.basename(words[0]), "done" if good else "failed", time.monotonic() - began)
        if sure and not good and not self.scene.was_locked(began):
            self.scene.problem("%s: %s: %d: %s" % (self.kind, " ".join(words), done.returncode,
                                                   done.stdout.decode(errors="replace").strip()))
        return done.stdout if good else None

    def public(self, *names):
        return self.scene.publics[self.chance.choice(names)]

    def anything(self):
        return self.public(*(FILES + self.scene.devices()))

    def do_list(self):
        self.command(True, PROMPT, "ssh-add", "-l")

    def do_public(self):
        began = time.monotonic()
        lines = self.command(True, PROMPT, "ssh-add", "-L") or b""
        if not self.scene.was_locked(began):
            for name in PLAIN:
                with open(self.scene.publics[name], "rb") as file:
                    if file.read().split()[1] not in lines:
                        self.scene.problem("%s is not listed" % name)

    def do_test(self):
        self.command(True, PROMPT * 2, "ssh-add", "-T", self.public(*PLAIN))

    def do_test_device(self):
        self.command(False, PATIENT, "ssh-add", "-T", self.anything())

    def sshsig(self, public, sure, bound):
        """A signature that ssh-keygen makes is one that it takes."""
        signature = self.command(sure, bound, "ssh-keygen", "-Y", "sign", "-f", public, "-n", "test", text=b"a message")
        if signature is None:
            return
        with tempfile.NamedTemporaryFile(dir=self.scene.t) as file:
            file.write(signature[signature.index(b"-----BEGIN"):])
            file.flush()
            self.command(True, PROMPT, "ssh-keygen", "-Y", "check-novalidate", "-n", "test", "-s", file.name,
                         text=b"a message")

    def do_file(self):
        self.sshsig(self.public(*PLAIN), True, PROMPT * 2)

    def do_file_device(self):
        self.sshsig(self.anything(), False, PATIENT)

    def do_tell(self):
        words = self.chance.choice((("-l", "-v"), ("--log",), ("--status",), ("--log", "--json"), ("-Q",)))
        self.command(True, PROMPT, self.scene.add, *words)

    def do_tokens(self):
        self.command(False, PATIENT, self.scene.add, "--tokens", may=(0, 1))

    def do_key(self):
        """One is added by either program, used, and removed or left to its lifetime."""
        path = self.scene.path("temporary")
        program = self.chance.choice((self.scene.add, "ssh-add"))
        self.command(True, PROMPT, program, "-q", "-t", "5", path)
        if self.chance.random() < 0.5:
            # Another thread may have removed it meanwhile.
            self.command(False, PROMPT, program, "-q", "-d", path + ".pub")

    def login(self, public, sure, bound):
        self.command(sure, bound, "ssh", "-F", self.scene.path("ssh_config"), "-p", self.scene.port, "-o",
                     "IdentitiesOnly yes", "-o", "IdentityFile " + public, "here", "true")

    def do_login(self):
        self.login(self.public(*PLAIN), True, PROMPT * 3)

    def do_login_any(self):
        self.login(self.anything(), False, PATIENT)


def sign_often(scene, count):
    """Cheap signatures; 0: all were made."""
    client = Client(scene.socket)
    client.socket.settimeout(PATIENT)
    request = sign_request(blob_of(scene.publics["plain-ed25519"]))
    bad = sum(client.ask(request)[0] != SIGNATURE for _ in range(count))
    client.leave()
    return int(bad != 0)


# --- those that behave badly, in a process of their own, so that the log tells their requests from the others'


def leaves(scene, chance):
    """In the middle of a request."""
    client = Client(scene.socket)
    name = chance.choice(sorted(scene.publics))
    client.send(sign_request(blob_of(scene.publics[name])))
    time.sleep(chance.choice((0, 0.01, 0.1, 0.5, 2)))
    client.leave()


def half(scene, chance):
    """A part of a frame, and perhaps the rest."""
    client = Client(scene.socket)
    frame = string(sign_request(blob_of(scene.publics["plain-ed25519"])))
    cut = chance.randrange(1, len(frame))
    client.socket.sendall(frame[:cut])
    time.sleep(chance.uniform(0, 1))
    if chance.random() < 0.5:
        client.socket.sendall(frame[cut:])
        client.receive()
    client.leave()


def noise(scene, chance):
    """What is no request: an empty frame, one too long, an unknown type, something at random."""
    client = Client(scene.socket)
    frame = chance.choice((struct.pack(">I", 0), struct.pack(">I", 0xffffffff) + b"x", string(b"\xff"),
                           string(bytes(chance.randrange(256) for _ in range(chance.randrange(1, 200))))))
    client.socket.sendall(frame)
    client.socket.settimeout(PROMPT)
    try:
        client.receive()
    except AssertionError:
        pass  # it hung up, which is an answer to this
    client.leave()


def flood(scene, chance):
    """Many connections at once, or many requests in a row, read or not."""
    clients = [Client(scene.socket) for _ in range(chance.choice((1, 40)))]
    count = 200 if len(clients) == 1 else 3
    for client in clients:
        client.socket.sendall(string(bytes([LIST])) * count)
    if chance.random() < 0.7:
        for client in clients:
            client.socket.settimeout(PROMPT)
            for _ in range(count):
                assert client.receive()[0] == KEYS
    for client in clients:
        client.leave()


def behave_badly(scene):
    """Until the parent says that it is enough; the exit status says whether all that had to be answered was."""
    chance = scene.chance("bad")
    while not os.path.exists(scene.path("enough")):
        what = chance.choice((leaves, leaves, leaves, half, noise, flood))
        try:
            what(scene, chance)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the agent may hang up on who behaves like this
        except (OSError, AssertionError) as problem:
            print("problem: %s: %r" % (what.__name__, problem), file=sys.stderr, flush=True)
            return 1
        time.sleep(chance.uniform(0.2, 1))
    return 0


def clients(scene):
    """All that wait for their answers."""
    devices = [name for name in scene.devices()]
    made = [Signer(scene, "plain", PLAIN, 0.2, sure=True), Signer(scene, "view", PLAIN, 0.5, True, scene.path("work.sock")),
            Signer(scene, "view-file", ["closed"], 3, False, scene.path("work.sock")),
            Signer(scene, "question", ["question"], 2), Bound(scene, "bound", PLAIN, 1.5, sure=True), Lister(scene, "list", 0.5)]
    made += [Signer(scene, "key " + name, [name], 1.5) for name in devices + FILES + ["changing"]]
    made += [Signer(scene, "any device", devices, 1), Signer(scene, "any file", FILES, 1)]
    made += [Programs(scene, "programs %d" % n, 1) for n in range(2)]
    return made
