"""Faults in signet-agent: one agent takes many, with a session of requests for each."""
import atexit
import base64
import os
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
ADD_TOKEN, REMOVE_TOKEN = 20, 21
CTL_STATUS, CTL_LIST, CTL_LOG, CTL_ADD, CTL_DONE = 1, 4, 5, 8, 9


class Wrong(Exception):
    """A fault had a consequence that it must not have."""


def take_string(b):
    n = struct.unpack(">I", b[:4])[0]
    return b[4 : 4 + n], b[4 + n :]


class Public:
    """A key of which only the public half is in a file: its private half is on a token."""

    def __init__(self, path):
        self.blob = base64.b64decode(open(path + ".pub", encoding="ascii").read().split()[1])
        self.type = take_string(self.blob)[0]
        self.flags = 2 if self.type == b"ssh-rsa" else 0
        self.same = self.type in (b"ssh-ed25519", b"ssh-rsa")  # a signature of the same is the same
        self.signature = None

    def sign(self, data=b"to be signed"):
        return bytes([SIGN]) + string(self.blob) + string(data) + number(self.flags)


class Key(Public):
    """A key pair in a file of ssh-keygen without a passphrase, or that and its certificate."""

    FIELDS = {b"ssh-ed25519": 2, b"ssh-rsa": 6, b"ecdsa-sha2-nistp256": 3}
    SECURITY_KEY = b"sk-ssh-ed25519@openssh.com"

    def __init__(self, path, certificate=None):
        super().__init__(path)
        text = open(path, encoding="ascii").read().split("\n")
        data = base64.b64decode("".join(l for l in text if l and not l.startswith("-")))
        rest = data[len(b"openssh-key-v1\0") :]
        for _ in range(3):
            _, rest = take_string(rest)
        _, rest = take_string(rest[4:])
        private = take_string(rest)[0][8:]
        rest = take_string(private)[1]
        if self.type == self.SECURITY_KEY:  # point, application, flags, handle, what is reserved
            rest = take_string(take_string(rest)[1])[1]
            rest = take_string(take_string(rest[1:])[1])[1]
            self.body = private[: len(private) - len(rest)]
            return
        fields = []
        for _ in range(self.FIELDS[self.type]):
            field, rest = take_string(rest)
            fields.append(field)
        name = self.type
        if certificate is not None:
            self.blob = base64.b64decode(open(certificate, encoding="ascii").read().split()[1])
            name = take_string(self.blob)[0]
            public = {b"ssh-ed25519": 0, b"ssh-rsa": 2, b"ecdsa-sha2-nistp256": 2}[self.type]
            fields = [self.blob] + fields[public:]
        self.body = string(name) + b"".join(map(string, fields))

    def add(self, comment=b"c", constraints=b""):
        number_ = ADD_CONSTRAINED if constraints else ADD
        return bytes([number_]) + self.body + string(comment) + constraints


class Agent:
    def __init__(self, program, folder, arguments=(), environment=None, log="agent.log"):
        self.program, self.path = program, os.path.join(folder, "agent.sock")
        self.log = os.path.join(folder, log)
        self.arguments = list(arguments)
        self.environment = dict(os.environ, **(environment or {}))
        self.process = self.core = None
        self.helpers = False  # whether it needs any that run as long as there are keys
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

    def poll(self, test, seconds=PATIENCE, pause=0.002):
        end = time.monotonic() + seconds
        while not test():
            if time.monotonic() > end:
                return False
            time.sleep(pause)
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
        """A connection to the agent's socket or, with ".ctl", the control socket; another one after each "#"."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        s.connect(self.path + suffix.partition("#")[0])
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
        self.some_of = set()  # of which one was added at least
        self.locked = False
        self.failures = 0
        self.fired = lambda: 0

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

    def add_with_rules(self, name, comment, rules):
        """On the control socket (proto/rules.h)."""
        reply = self.ask(bytes([CTL_ADD]) + rules + string(self.keys[name].add(comment)[1:]), CTL_DONE, ".ctl")
        if reply is None:
            self.unsure.add(name)
        elif reply[0] == CTL_DONE:
            self.held.add(name)
            self.unsure.discard(name)

    def add_token(self, module, pin, names):
        """The keys of a module, of which a fault may leave some out, as the agent's log says then, but not all."""
        before = self.fired()
        reply = self.ask(bytes([ADD_TOKEN]) + string(module) + string(pin), SUCCESS)
        self.some_of = set()
        if reply is None or (reply[0] == SUCCESS and self.fired() != before):
            self.unsure |= set(names)
            self.some_of = set(names) if reply is not None else set()
        elif reply[0] == SUCCESS:
            self.held |= set(names)
            self.unsure -= set(names)

    def remove_token(self, module, names):
        reply = self.ask(bytes([REMOVE_TOKEN]) + string(module) + string(b""), SUCCESS)
        if reply is None:
            self.unsure |= set(names) & self.held
        elif reply[0] == SUCCESS:
            self.held -= set(names)
            self.unsure -= set(names)
            self.some_of = set()

    def remove(self, name):
        reply = self.ask(bytes([REMOVE]) + string(self.keys[name].blob), SUCCESS)
        if reply is None:
            self.unsure.add(name)
        elif reply[0] == SUCCESS:
            self.held.discard(name)
            self.unsure.discard(name)
            self.some_of.clear()

    def remove_all(self):
        reply = self.ask(bytes([REMOVE_ALL]), SUCCESS)
        if reply is None:
            self.unsure |= self.held
        elif reply[0] == SUCCESS:
            self.held, self.unsure = set(self.offered), set()

    def sign(self, name, suffix=""):
        key = self.keys[name]
        reply = self.ask(key.sign(), SIGNATURE, suffix)
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

    def signs(self, name):
        key = self.keys[name]
        reply = self.agent.ask(key.sign())
        return reply is not None and reply[0] == SIGNATURE and not (key.same and key.signature and reply != key.signature)

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
        if self.some_of and not self.some_of & listed:
            raise Wrong("a token was added without a key")
        for name in self.held - self.unsure - listed:
            raise Wrong("a key was lost: " + name)
        for name in listed - self.held - self.unsure:
            raise Wrong("a key is there whose addition failed: " + name)
        for name in listed.difference(unsigned):
            # Helpers that could not be started are started again after a while.
            if not self.agent.poll(lambda name=name: self.signs(name), PATIENCE if self.agent.helpers else 0):
                raise Wrong("a key does not sign any more: " + name)
        if self.offered:
            self.agent.process.send_signal(signal.SIGUSR1)  # they are locked again
        reply = self.agent.ask(bytes([REMOVE_ALL if not self.offered else LIST]))
        if reply is None or reply[0] not in (SUCCESS, KEYS):
            raise Wrong("keys cannot be removed any more")


class Core:
    """Faults in the core, or the supervisor, of one agent."""

    def __init__(self, sheet, agent, keys, session, offered_keys=(), unsigned=()):
        self.sheet, self.agent, self.keys, self.session = sheet, agent, keys, session
        self.offered, self.unsigned = offered_keys, unsigned
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
        while same < (300 if self.agent.helpers else 10):
            time.sleep(0.01)
            before, now = now, self.agent.descriptors()
            same = same + 1 if now == before else 0
        return now

    def one(self, row, kind, which):
        """A session with one fault; whether it came, and how many requests failed of it."""
        self.agent.hang_up()
        s = Session(self.agent, self.keys, self.offered)
        self.sheet.arm(row, kind, which)
        s.fired = lambda: self.sheet.fired(row)
        self.session(s, self.bind)
        self.sheet.disarm(row)
        fired = self.sheet.fired(row)
        s.check(self.unsigned)
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
