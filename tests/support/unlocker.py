"""signet-unlock's asker, for tests: unlocker.py HELPER "DIRECTORY..." PATH PUBLIC-KEY-FILE [PASSPHRASE]

Prints "key BYTES COMMENT", "failed NUMBER" (of enum err), "other PUBLIC-KEY" (base64), "another version", or "nothing"; with RAW in the environment
it sends these bytes (hexadecimal) instead.  With HOLD it prints the helper's number once it runs, and sends nothing before its
own standard input has ended.
"""
import base64
import os
import socket
import struct
import subprocess
import sys

HELPER_FD, VERSION, ALIEN, OPEN, KEY, FAILED, OTHER = 3, 2, 0, 112, 113, 114, 115


def string(b):
    return struct.pack(">I", len(b)) + b


def read_string(b):
    n = struct.unpack(">I", b[:4])[0]
    return b[4 : 4 + n], b[4 + n :]


def request(path, public, passphrase):
    blob = base64.b64decode(open(public).read().split()[1])
    m = bytes([VERSION, OPEN]) + string(os.fsencode(path)) + string(blob)
    m += bytes([passphrase is not None]) + string((passphrase or "").encode())
    return string(m)


def answer(sock):
    got = b""
    while True:
        try:
            part = sock.recv(65536)
        except ConnectionResetError:
            part = b""
        if not part:
            return got
        got += part


def words(got):
    message, rest = read_string(got) if len(got) >= 4 else (b"", b"")
    if len(message) < 2 or rest:
        return "nothing"
    if message[1] == ALIEN:
        return "another version"
    if message[1] == FAILED:
        return "failed %d" % message[2]
    if message[1] == OTHER:
        return "other " + base64.b64encode(read_string(message[2:])[0]).decode()
    key, rest = read_string(message[2:])
    return "key %d %s" % (len(key), read_string(rest)[0].decode())


def main(helper, directories, path, public, passphrase=None):
    ours, theirs = socket.socketpair()

    def settle():
        os.dup2(theirs.fileno(), HELPER_FD)

    run = subprocess.Popen(
        [helper] + directories.split(), preexec_fn=settle, close_fds=False, stdin=subprocess.DEVNULL
    )
    theirs.close()
    if "HOLD" in os.environ:
        print(run.pid, flush=True)
        sys.stdin.read()
    if "RAW" in os.environ:
        ours.sendall(bytes.fromhex(os.environ["RAW"]))
        ours.shutdown(socket.SHUT_WR)
    else:
        ours.sendall(request(path, public, passphrase))
    print(words(answer(ours)), flush=True)
    return run.wait()


sys.exit(main(*sys.argv[1:]))
