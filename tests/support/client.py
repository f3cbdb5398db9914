"""A client of the agent protocol for tests in shell that need to hold connections: requests are written out by hand."""
import base64
import socket
import struct
import subprocess
import time

FAILURE, SUCCESS, LIST, KEYS, SIGN, SIGNATURE, ADD, ADD_CONSTRAINED, EXTENSION = 5, 6, 11, 12, 13, 14, 17, 25, 27
PATIENCE = 20


def number(n):
    return struct.pack(">I", n)


def string(b):
    return number(len(b)) + b


def mpint(n):
    return string(n.to_bytes(n.bit_length() // 8 + 1, "big"))


def blob_of(path):
    """The key blob in a .pub file."""
    return base64.b64decode(open(path, encoding="ascii").read().split()[1])


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)

    def send(self, body):
        self.socket.sendall(string(body))

    def receive(self):
        """A whole reply."""
        want, got = 4, b""
        while len(got) < want:
            more = self.socket.recv(want - len(got))
            assert more, "the agent hung up"
            got += more
            if len(got) == 4:
                want += struct.unpack(">I", got)[0]
        return got[4:]

    def ask(self, body):
        self.send(body)
        return self.receive()

    def leave(self):
        self.socket.close()


def sign_request(blob, data=b"data"):
    return bytes([SIGN]) + string(blob) + string(data) + number(0)


def bind_request(client, host, session, forwarding=False):
    """A session-bind@openssh.com for which the agent, holding the host's key, signs as the host."""
    reply = client.ask(sign_request(host, session))
    assert reply[0] == SIGNATURE, reply
    signature = reply[5:]
    return (bytes([EXTENSION]) + string(b"session-bind@openssh.com") + string(host) + string(session) +
            string(signature) + bytes([forwarding]))


def until(what, test):
    """Poll until test() is true."""
    end = time.monotonic() + PATIENCE
    while not test():
        assert time.monotonic() < end, "in vain: " + what
        time.sleep(0.01)


def status(program):
    """What signet-add --status says, by name."""
    text = subprocess.run([program, "--status"], check=True, stdout=subprocess.PIPE).stdout.decode()
    return dict(line.split(": ", 1) for line in text.splitlines())
