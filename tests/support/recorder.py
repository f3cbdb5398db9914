"""An agent for tests of clients: it answers every request at SOCKET with success, or as ANSWER says, and writes each as a
line of hexadecimal digits to LOG.

    recorder.py SOCKET LOG [ANSWER]

ANSWER: a file with the whole answer in hexadecimal digits, read for each request; there need be none."""
import os
import socket
import struct
import sys


def whole(connection, length):
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            return None
        data += more
    return data


def answer():
    if len(sys.argv) > 3 and os.path.exists(sys.argv[3]):
        return bytes.fromhex(open(sys.argv[3], encoding="ascii").read())
    return b"\x06"


def serve(connection):
    while True:
        header = whole(connection, 4)
        body = whole(connection, struct.unpack(">I", header)[0]) if header else None
        if body is None:
            return
        with open(sys.argv[2], "a", encoding="ascii") as log:
            log.write(body.hex() + "\n")
        reply = answer()
        connection.sendall(struct.pack(">I", len(reply)) + reply)


listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + ".new")
listener.listen()
os.rename(sys.argv[1] + ".new", sys.argv[1])  # when it is there, it listens
test = os.getppid()
listener.settimeout(1)
while os.getppid() == test:  # it does not outlive the test
    try:
        client, _ = listener.accept()
    except socket.timeout:
        continue
    client.settimeout(60)
    with client:
        serve(client)
