"""Faults in signet-agent: one agent takes many, with a session of requests for each."""
import atexit
import base64
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import ADD, ADD_CONSTRAINED, EXTENSION, FAILURE, KEYS, LIST, SIGN, SIGNATURE, SUCCESS, number, string
from sheet import LEAKS, LEAKS_ASKED, LEAKS_FOUND, LEAKS_NONE

PATIENCE = 20
REMOVE, REMOVE_ALL, LOCK, UNLOCK = 18, 19, 22, 23
ANEW = re.compile(rb"was read anew|not read anew|cannot be (read|taken)|could not be (handed|taken) over|is not followed")
CTL_STATUS, CTL_LIST, CTL_LOG = 1, 4, 5


class Wrong(Exception):
    """A fault had a consequence that it must not have."""


def take_string(b):
    n = struct.unpack(">I", b[:4])[0]
    return b[4 : 4 + n], b[4 + n :]


class Key:
    """A key pair in a file of ssh-keygen without a passphrase, or that and its certificate."""

    FIELDS = {b"ssh-ed25519": 2, b"ssh-rsa": 6, b"ecdsa-sha2-nistp256": 3}

    def __init__(self, path, certificate=None):
        text = open(path, encoding="ascii").read().split("\n")
        data = base64.b64decode("".join(l for l in text if l and not l.startswith("-")))
        rest = data[len(b"openssh-key-v1\0") :]
        for _ in range(3):
            _, rest = take_string(rest)
        _, rest = take_string(rest[4:])
        private = take_string(rest)[0][8:]
        self.type, rest = take_string(private)
        fields = []
        for _ in range(self.FIELDS[self.type]):
            field, rest = take_string(rest)
            fields.append(field)
        self.blob = base64.b64decode(open(path + ".pub", encoding="ascii").read().split()[1])
        name = self.type
        if certificate is not None:
            self.blob = base64.b64decode(open(certificate, encoding="ascii").read().split()[1])
            name = take_string(self.blob)[0]
            public = {b"ssh-ed25519": 0, b"ssh-rsa": 2, b"ecdsa-sha2-nistp256": 2}[self.type]
            fields = [self.blob] + fields[public:]
        self.body = string(name) + b"".join(map(string, fields))
        self.flags = 2 if self.type == b"ssh-rsa" else 0
        self.same = self.type != b"ecdsa-sha2-nistp256"  # a signature of the same is the same
        self.signature = None

    def add(self, comment=b"c", constraints=b""):
        number_ = ADD_CONSTRAINED if constraints else ADD
        return bytes([number_]) + self.body + string(comment) + constraints

    def sign(self, data=b"to be signed"):
        return bytes([SIGN]) + string(self.blob) + string(data) + number(self.flags)


class Agent:
    def __init__(self, program, folder, arguments=(), environment=None, log="agent.log"):
        self.program, self.path = program, os.path.join(folder, "agent.sock")
        self.log = os.path.join(folder, log)
        self.arguments = list(arguments)
        self.environment = dict(os.environ, **(environment or {}))
        self.process = self.core = None
        self.connection = {}
        atexit.register(self.end)

    def end(self):
        """Whatever went wrong, it is not left behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self):
        for path in (self.path, self.path + ".ctl"):
            if os.path.exists(path):
                os.unlink(path)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "-a", self.path] + ([] if "-d" in self.arguments else ["-D"]) + self.arguments,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        if not self.poll(lambda: os.path.exists(self.path) or self.process.poll() is not None):
            raise Wrong("the agent neither starts nor ends")
        try:
            if not self.poll(self.find_core):
                raise Wrong("the agent starts, but does not answer")
        except Wrong:
            if not self.poll(lambda: self.process.poll() is not None):
                raise
        return self.process.poll() is None

    def poll(self, test, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not test():
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        return True

    def find_core(self):
        """Its core, once it has answered; True as well when the agent has ended."""
        if self.process.poll() is not None:
            return True
        try:
            children = open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid), encoding="ascii").read()
        except OSError:
            return False
        for pid in children.split():
            try:
                if os.path.basename(open("/proc/%s/comm" % pid, encoding="ascii").read().strip()) == "signet-agent":
                    self.core = int(pid)
                    return self.ask(bytes([LIST])) is not None
            except OSError:
                pass
        return False

    def stop(self):
        self.hang_up()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Wrong("the agent does not end on SIGTERM") from None

    def alive(self):
        return self.process.poll() is None and os.path.exists("/proc/%d" % self.core)

    def descriptors(self):
        return tuple(len(os.listdir("/proc/%d/fd" % pid)) for pid in (self.process.pid, self.core))

    def hang_up(self):
        for s in self.connection.values():
            s.close()
        self.connection = {}

    def dial(self, suffix):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        s.connect(self.path + suffix)
        self.connection[suffix] = s
        return s

    def ask(self, body, suffix="", times=1):
        """The answer, or None when the connection was closed instead; more than one for times > 1."""
        answers = []
        try:
            s = self.connection.get(suffix) or self.dial(suffix)
            s.sendall(string(body) * times)
            for _ in range(times):
                answers.append(self.receive(s))
        except FileNotFoundError:
            raise Wrong("the agent has ended") from None
        except (ConnectionError, EOFError):
            self.connection.pop(suffix).close() if suffix in self.connection else None
            answers.append(None)
        except socket.timeout:
            raise Wrong("request %d is neither answered nor its connection closed" % body[0]) from None
        return answers[0] if times == 1 else answers

    def receive(self, s):
        want, got = 4, b""
        while len(got) < want:
            more = s.recv(want - len(got))
            if not more:
                raise EOFError
            got += more
            if len(got) == 4:
                want += struct.unpack(">I", got)[0]
        return got[4:]


class Session:
    """Requests in a row, and what the agent must hold after them by what it answered."""

    def __init__(self, agent, keys, offered=()):
        self.agent, self.keys, self.offered = agent, keys, set(offered)
        self.held = set(offered)  # those that files offer stay
        self.unsure = set()  # the connection was closed before an answer came
        self.locked = False
        self.failures = 0

    def ask(self, body, want, suffix=""):
        reply = self.agent.ask(body, suffix)
        if reply is None or reply[0] != want:
            self.failures += 1
        return reply

    def add(self, name, comment=b"c", constraints=b""):
        reply = self.ask(self.keys[name].add(comment, constraints), SUCCESS)
        if reply is None:
            self.unsure.add(name)
        elif reply[0] == SUCCESS:
            self.held.add(name)
            self.unsure.discard(name)

    def remove(self, name):
        reply = self.ask(bytes([REMOVE]) + string(self.keys[name].blob), SUCCESS)
        if reply is None:
            self.unsure.add(name)
        elif reply[0] == SUCCESS:
            self.held.discard(name)
            self.unsure.discard(name)

    def remove_all(self):
        reply = self.ask(bytes([REMOVE_ALL]), SUCCESS)
        if reply is None:
            self.unsure |= self.held
        elif reply[0] == SUCCESS:
            self.held, self.unsure = set(self.offered), set()

    def sign(self, name):
        key = self.keys[name]
        reply = self.ask(key.sign(), SIGNATURE)
        if reply is not None and reply[0] == SIGNATURE:
            if key.same and key.signature is not None and key.signature != reply:
                raise Wrong("a wrong signature of " + name)
            if key.signature is None:
                key.signature = reply
        elif reply is not None and reply[0] != FAILURE:
            raise Wrong("a signature was answered by %d" % reply[0])

    def listed(self):
        reply = self.agent.ask(bytes([LIST]))
        if reply is None or reply[0] != KEYS:
            raise Wrong("no list of keys once the fault is over")
        n, rest = struct.unpack(">I", reply[1:5])[0], reply[5:]
        blobs = set()
        for _ in range(n):
            blob, rest = take_string(rest)
            _, rest = take_string(rest)
            blobs.add(blob)
        return {name for name, key in self.keys.items() if key.blob in blobs}

    def lock(self, phrase, want_locked):
        reply = self.ask(bytes([LOCK if want_locked else UNLOCK]) + string(phrase), SUCCESS)
        if reply is None:
            self.locked = None
        elif reply[0] == SUCCESS:
            self.locked = want_locked

    def check(self, unsigned=()):
        """The fault is over: the agent holds what it said it holds, and it all works, but for what may not sign here."""
        if not self.agent.alive():
            raise Wrong("the agent has ended")
        if self.locked is not False:
            reply = self.agent.ask(bytes([UNLOCK]) + string(b"open"))
            if reply is None or (self.locked and reply[0] != SUCCESS):
                raise Wrong("the lock cannot be opened any more")
        self.agent.poll(lambda: self.offered <= self.listed())
        listed = self.listed()
        for name in self.held - self.unsure - listed:
            raise Wrong("a key was lost: " + name)
        for name in listed - self.held - self.unsure:
            raise Wrong("a key is there whose addition failed: " + name)
        for name in listed.difference(unsigned):
            key = self.keys[name]
            reply = self.agent.ask(key.sign())
            if reply is None or reply[0] != SIGNATURE or (key.same and key.signature and reply != key.signature):
                raise Wrong("a key does not sign any more: " + name)
        if self.offered:
            self.agent.process.send_signal(signal.SIGUSR1)  # they are locked again
        reply = self.agent.ask(bytes([REMOVE_ALL if not self.offered else LIST]))
        if reply is None or reply[0] not in (SUCCESS, KEYS):
            raise Wrong("keys cannot be removed any more")


def requests(s, bind):
    """The session of requests."""
    s.ask(bytes([LIST]), KEYS)
    for name in ("ed25519", "ecdsa", "rsa", "certified"):
        s.add(name)
    s.add("second", b"a comment", b"\x01" + number(1000))  # a lifetime
    s.add("ed25519", b"another comment")
    s.ask(bytes([LIST]), KEYS)
    for name in ("ed25519", "ecdsa", "rsa", "certified", "second"):
        s.sign(name)
    s.ask(bind, SUCCESS)
    s.ask(bytes([EXTENSION]) + string(b"query"), 29)
    s.ask(bytes([EXTENSION]) + string(b"unheard-of"), FAILURE)
    s.sign("ed25519")
    s.agent.hang_up()
    for reply in s.agent.ask(s.keys["ed25519"].sign(), times=3):
        s.failures += reply is None
    s.ask(bytes([CTL_STATUS]), 2, ".ctl")
    s.ask(bytes([CTL_LIST, 1]) + bytes(8), 7, ".ctl")
    s.ask(bytes([CTL_LOG, 1]) + b"\x7f" * 8, 7, ".ctl")
    s.remove("ecdsa")
    s.ask(bytes([99]), FAILURE)
    s.ask(s.keys["ecdsa"].sign(), FAILURE)
    s.remove_all()
    s.add("rsa")


def locking(s, bind):
    """The session with a lock: its derivation of keys is slow."""
    del bind
    s.add("ed25519")
    s.lock(b"open", True)
    s.ask(bytes([LIST]), KEYS)
    s.ask(s.keys["ed25519"].sign(), FAILURE)
    s.ask(bytes([UNLOCK]) + string(b"wrong"), FAILURE)
    s.lock(b"open", False)
    s.sign("ed25519")


def offered(s, bind):
    """The session with a key file that is opened by its passphrase."""
    del bind
    s.ask(bytes([LIST]), KEYS)
    s.sign("second")
    s.sign("ecdsa")
    s.sign("second")


def configured(s, bind):
    """The session with a configuration, which is read anew."""
    del bind
    s.add("ed25519")
    s.add("rsa")
    s.ask(bytes([LIST]), KEYS, ".view")
    s.ask(s.keys["rsa"].sign(), SIGNATURE, ".view")
    before = os.path.getsize(s.agent.log)
    s.agent.process.send_signal(signal.SIGHUP)

    def said():
        with open(s.agent.log, "rb") as log:
            log.seek(before)
            return ANEW.search(log.read())

    # A fault may be in the way of what is said; that the agent goes on is seen below.
    told = s.agent.poll(lambda: said() is not None, 4)
    s.failures += not told or said().group(0) != b"was read anew"
    s.ask(bytes([LIST]), KEYS, ".view")
    s.ask(bytes([CTL_STATUS]), 2, ".ctl")
    s.remove("rsa")


class Core:
    """Faults in the core, or the supervisor, of one agent."""

    def __init__(self, sheet, agent, keys, session, offered_keys=()):
        self.sheet, self.agent, self.keys, self.session = sheet, agent, keys, session
        self.offered = offered_keys
        self.bind = None
        self.fds = None

    def start(self):
        if not self.agent.start():
            raise Wrong("the agent does not start, without a fault", open(self.agent.log, "rb").read())
        host, session = self.keys["ed25519"], b"a session"
        self.agent.ask(host.add())
        signature = self.agent.ask(host.sign(session))[5:]
        self.agent.ask(bytes([REMOVE]) + string(host.blob))
        self.bind = (bytes([EXTENSION]) + string(b"session-bind@openssh.com") + string(host.blob) + string(session) +
                     string(signature) + b"\0")
        for _ in range(2):
            self.one("core", None, 0)
        self.fds = self.settled()

    def settled(self):
        """How many descriptors there are once nothing is closed any more."""
        now, same = self.agent.descriptors(), 0
        while same < 10:
            time.sleep(0.01)
            before, now = now, self.agent.descriptors()
            same = same + 1 if now == before else 0
        return now

    def one(self, row, kind, which):
        """A session with one fault; whether it came, and how many requests failed of it."""
        self.agent.hang_up()
        s = Session(self.agent, self.keys, self.offered)
        self.sheet.arm(row, kind, which)
        self.session(s, self.bind)
        self.sheet.disarm(row)
        fired = self.sheet.fired(row)
        s.check()
        self.agent.hang_up()
        if kind is None and s.failures:
            raise Wrong("%d requests fail without a fault" % s.failures)
        if self.fds is not None and not self.agent.poll(lambda: self.agent.descriptors() == self.fds, 10):
            raise Wrong("descriptors: %s before, %s after" % (self.fds, self.agent.descriptors()))
        return fired, s.failures

    def leaks(self):
        self.sheet.put("core", LEAKS, LEAKS_ASKED)
        self.agent.ask(bytes([LIST]))
        self.agent.hang_up()
        self.agent.poll(lambda: self.sheet.get("core", LEAKS) != LEAKS_ASKED)
        return self.sheet.get("core", LEAKS) != LEAKS_NONE
