#!/bin/sh
# Requests that wait for a security key end at once when the agent is locked or the key goes.
. "${0%/*}/../support/lib.sh"
need python3
[ -x "$BUILD/libexec/signet/signet-fido" ] || skip_all 'signet-fido is not built: libfido2 is missing'
unset SIGNET_PROMPT SIGNET_PINENTRY SSH_CONNECTION

ask=$(askpass ask "echo \$\$ >>$T/pids" 'exec sleep 600')
SSH_ASKPASS=$ask SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
: >"$T/pids"
agent_start || fail 'the agent starts'
log_last() { "$ADD" --log | grep 'sign' | tail -n 1; }

cat >"$T/try.py" <<'EOF'
import os, sys, time
sys.path.insert(0, sys.argv[1])
from client import *

LOCK, UNLOCK, REMOVE = 22, 23, 18
path, pids = os.environ["SSH_AUTH_SOCK"], sys.argv[2]
kind = b"sk-ssh-ed25519@openssh.com"
public, application = bytes(range(32)), b"ssh:"
blob = string(kind) + string(public) + string(application)


def say(*body):
    c = Client(path)
    c.send(b"".join(body))
    return c.receive()[0]


def add():
    return say(bytes([ADD]), string(kind), string(public), string(application), b"\1", string(b"handle"),
               string(b""), string(b"a key"))


def waiting(n):
    """A client whose request waits: the nth question is on the screen."""
    c = Client(path)
    c.send(bytes([SIGN]) + string(blob) + string(b"data") + number(0))
    end = time.monotonic() + PATIENCE
    while len(open(pids).readlines()) < n:
        assert time.monotonic() < end, "nobody is asked"
        time.sleep(0.02)
    return c


assert add() == SUCCESS
c = waiting(1)
if sys.argv[3] == "lock":
    assert say(bytes([LOCK]), string(b"pass")) == SUCCESS
    assert c.receive()[0] == FAILURE
    assert say(bytes([UNLOCK]), string(b"pass")) == SUCCESS
else:
    assert add() == SUCCESS  # again, which changes nothing
    assert say(bytes([LIST])) == KEYS
    c.socket.setblocking(False)  # the agent has been round since
    try:
        c.receive()
        raise SystemExit("it ended with the second addition")
    except BlockingIOError:
        c.socket.settimeout(PATIENCE)
    assert say(bytes([REMOVE]), string(blob)) == SUCCESS
    assert c.receive()[0] == FAILURE
EOF
try() {
	: >"$T/pids"
	python3 "$T/try.py" "${0%/*}/../support" "$T/pids" "$1"
}
question_ended() { gone "$(tail -n 1 "$T/pids")"; }

ok 'locking the agent ends a request that waits' try lock
ok 'and takes its question off the screen' question_ended
has 'the log says why' "$(log_last)" 'the agent is locked'
ok 'adding the key again does not end it; removing it does' try remove
ok 'and takes its question off the screen' question_ended
has 'the log says why' "$(log_last)" 'no such key'
finish
