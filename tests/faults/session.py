"""Asks signet-session (proto/sessionmsg.h) as the core does: session.py HELPER [COMMAND...].  Prints "state FLAGS" of each
answer, or "nothing" where it hung up.  The command locks the screen once the first is there: a helper that stays must say so."""
import socket
import struct
import subprocess
import sys

VERSION, WATCH, STATE, PATIENCE = 2, 144, 152, 20
LOCKED, TOLD, UNHEARD = 1, 4 | 8, 99

ours, theirs = socket.socketpair()
theirs_fd = theirs.fileno()
helper = subprocess.Popen(["sh", "-c", 'exec "$0" 3<&%d' % theirs_fd, sys.argv[1]], pass_fds=[theirs_fd],
                          stdin=subprocess.DEVNULL)
theirs.close()
ours.settimeout(PATIENCE)
got = b""


def answer():
    """The flags of the next answer; None: it hung up."""
    global got
    try:
        while len(got) < 10:
            more = ours.recv(64)
            if not more:
                return None
            got += more
    except ConnectionError:
        return None
    flags = struct.unpack(">I", got[6:10])[0] if got[5] == STATE else None
    got = got[10:]
    print("nothing" if flags is None else "state %d" % flags, flush=True)
    return flags


wrong = 0
try:
    ours.sendall(struct.pack(">IBB", 2, VERSION, WATCH))
    flags = answer()
except ConnectionError:
    flags = None
if len(sys.argv) > 2:
    # By whom the screen's lock is told may be known a little later only.
    try:
        while flags is not None and not flags & TOLD:
            flags = answer()
    except socket.timeout:
        flags = None
if flags is not None and len(sys.argv) > 2:
    subprocess.run(sys.argv[2:], check=False, stdout=subprocess.DEVNULL)
    try:
        while flags is not None and not flags & LOCKED:
            flags = answer()
    except socket.timeout:
        print("a lock was not heard of")
        wrong = UNHEARD
if flags is None:
    print("nothing", flush=True)
ours.close()
status = helper.wait(PATIENCE)
if status < 0:
    print("ended without an answer: signal %d" % -status)
sys.exit(wrong or (0 if status >= 0 and status != 99 else 1))
