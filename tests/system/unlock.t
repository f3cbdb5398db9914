#!/bin/sh
# The right passphrase is taken at once, while others have wrong ones waiting.
. "${0%/*}/../support/lib.sh"
need python3
SSH_ASKPASS=$(askpass pass 'echo the-right-one')
SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE

# One process: a connection that guesses wrong six times, and then twelve that guess at once.
cat >"$T/guess.py" <<'END'
import socket, struct, sys
def dial():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    return s
def guess(s):
    body = b"\x17" + struct.pack(">I", 5) + b"wrong"
    s.sendall(struct.pack(">I", len(body)) + body)
first = dial()
for i in range(6):
    guess(first)
    assert first.recv(5) == b"\0\0\0\1\5"
rest = [dial() for i in range(12)]
for s in rest:
    guess(s)
open(sys.argv[2], "w").close()
for s in rest:
    assert s.recv(5) == b"\0\0\0\1\5"
END
agent_start || fail 'the agent starts'
ok 'the agent is locked' "$ADD" -x
python3 "$T/guess.py" "$SSH_AUTH_SOCK" "$T/waiting" &
guesser=$!
reap "$guesser"
ok 'twelve wrong guesses wait' poll 20 test -e "$T/waiting"
ok 'the right one unlocks' "$ADD" -X
wait "$guesser"
is 'those that waited are answered' $? 0
# refused REASON: how many guesses were, by the log.
refused() {
	"$ADD" --log --json | grep '"request":"unlock"' | grep -c "\"reason\":\"$1\""
}
late=$(refused 'the agent is not locked')
wrong=$(refused 'the passphrase is wrong')
is 'each of them' $((late + wrong)) 18
ok 'most of them after it, so that it did not wait for them' test "$late" -ge 6
agent_stop
finish
