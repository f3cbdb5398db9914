#!/bin/sh
# seconds 240
# Clients that leave at each stage of a consent: nothing of them stays, nobody else waits, and the log has the reason.
# The agent has few descriptors and each stage many rounds, so that one lost in each of them ends in refused connections.
. "${0%/*}/../support/lib.sh"
need ssh-keygen ssh-add python3
no_sanitizers
ROUNDS=40
# shellcheck disable=SC3045 # every sh of a Linux has it
ulimit -n 56 || fail 'few descriptors'
ask=$(askpass ask "echo \$\$ >>$T/pids" "case \$(cat $T/mode) in" 'yes) exit 0 ;;' 'hang) exec sleep 600 ;;' \
	"wait) while ! [ -e $T/go ]; do sleep 0.05; done; exit 0 ;;" 'esac' 'exit 1')
SSH_ASKPASS=$ask SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
: >"$T/pids"
keygen ed25519 "$T/asked"
keygen ed25519 "$T/other"
keygen ed25519 "$T/free"
echo "here $(cat "$T/free.pub")" >"$T/known_hosts"
program=$AGENT
AGENT=$T/agent
printf '#!/bin/sh\nexec env LD_PRELOAD="%s" NAMES_FOLDER="%s" "%s" "$@"\n' \
	"$BUILD/tests/preload/names.so" "$T" "$program" >"$AGENT"
chmod 755 "$AGENT"
agent_start || fail 'the agent starts'
core=$(children "$SSH_AGENT_PID" | tr -d ' ')
"$ADD" -q -c "$T/asked" "$T/other"
"$ADD" -q "$T/free"

cat >"$T/leave.py" <<'END'
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from client import *

folder, rounds, stage = sys.argv[2], int(sys.argv[3]), sys.argv[4]
agent, add, supervisor = os.environ["SSH_AUTH_SOCK"], sys.argv[5], int(os.environ["SSH_AGENT_PID"])
asked, other, free = (blob_of(folder + "/" + name + ".pub") for name in ("asked", "other", "free"))
beside = Client(agent)

def others_are_served():
    """Also: what was sent before this was sent is in the agent's hands when the second answer is here."""
    assert beside.ask(bytes([LIST]))[0] == KEYS
    assert beside.ask(sign_request(free))[0] == SIGNATURE

def prompts():
    with open(folder + "/pids") as f:
        return len(f.readlines())

def request(blob=asked, data=b"data"):
    client = Client(agent)
    client.send(sign_request(blob, data))
    return client

def mark(name, there):
    if there:
        open(folder + "/" + name, "w").close()
    else:
        os.unlink(folder + "/" + name)

def who_asks():
    """The supervisor, which finds out, is stopped."""
    os.kill(supervisor, signal.SIGSTOP)
    try:
        client = request()
        others_are_served()
        client.leave()
        others_are_served()
    finally:
        os.kill(supervisor, signal.SIGCONT)

def names():
    bound = Client(agent)
    assert bound.ask(bind_request(beside, free, b"session"))[0] == SUCCESS
    mark("hold", True)
    bound.send(sign_request(asked))
    until("the names are looked up", lambda: os.path.exists(folder + "/looking"))
    others_are_served()
    bound.leave()
    others_are_served()
    mark("hold", False)
    until("the supervisor goes on", lambda: not os.path.exists(folder + "/looking"))

def behind():
    """The third client's question is put after it is known who the second is."""
    before = prompts()
    first = request()
    until("the first is asked", lambda: prompts() == before + 1)
    second = request()
    others_are_served()
    third = request(other)
    until("the third is asked", lambda: prompts() == before + 2)
    second.leave()
    others_are_served()
    first.leave()
    third.leave()
    assert prompts() == before + 2

def before_the_follower():
    """Who waited behind it is asked then."""
    before = prompts()
    first = request()
    until("the first is asked", lambda: prompts() == before + 1)
    second = request()
    others_are_served()
    first.leave()
    until("the second is asked", lambda: prompts() == before + 2)
    second.leave()

def question():
    before = prompts()
    client = request()
    until("a question", lambda: prompts() == before + 1)
    others_are_served()
    client.leave()
    others_are_served()

def signature():
    """Slow signatures, by a key from known primes (both of Mersenne's)."""
    p, q, e = 2**4423 - 1, 2**4253 - 1, 65537
    n, d = p * q, pow(e, -1, (p - 1) * (q - 1))
    blob = string(b"ssh-rsa") + mpint(e) + mpint(n)
    key = string(b"ssh-rsa") + mpint(n) + mpint(e) + mpint(d) + mpint(pow(q, -1, p)) + mpint(p) + mpint(q)
    assert beside.ask(bytes([ADD_CONSTRAINED]) + key + string(b"slow") + b"\x02")[0] == SUCCESS
    before = prompts()
    # Signatures for different purposes, each of which is asked for.
    clients = [request(blob, b"SSHSIG" + string(b"purpose%d" % i) + string(b"") + string(b"sha512") + string(bytes(64)))
               for i in range(16)]
    until("all are asked", lambda: prompts() == before + 16)
    mark("go", True)
    others_are_served()
    # Allowed means begun, or in the queue behind one that is.
    until("all are allowed", lambda: subprocess.run([add, "--log"], stdout=subprocess.PIPE).stdout.count(b"purpose") == 16)
    for client in clients:
        client.leave()
    # Its own, the one beside, and those on which a worker still works.
    assert int(status(add)["connections"]) > 2, "all were signed already"
    others_are_served()

for _ in range(rounds):
    globals()[stage]()
END

stage() {
	python3 -B "$T/leave.py" "${0%/*}/../support" "$T" "$2" "$1" "$ADD"
}

# What the processes have open, where /proc tells; and those that the supervisor started.
held() {
	for process in "$SSH_AGENT_PID" "$core"; do
		find "/proc/$process/fd" -mindepth 1 2>/dev/null | wc -l
	done
	children "$SSH_AGENT_PID" | wc -w
}
# Not more than before, of which something that a start takes may have gone since.
held_no_more() {
	# shellcheck disable=SC2086
	held | {
		set -- $before
		while read -r now; do
			[ "$now" -le "$1" ] || exit 1
			shift
		done
	}
}
# Programs that asked as well: each left its number.
ended_all() {
	while read -r pid; do
		ended "$pid" || return 1
	done <"$T/pids"
}
settled() {
	"$ADD" --status >"$T/status" && grep -qx 'connections: 1' "$T/status" &&
		grep -qx 'prompts-open: 0' "$T/status" && held_no_more && ended_all
}
cancelled() {
	"$ADD" --log >"$T/log"
	grep -c "sign refused: the request was cancelled" "$T/log"
}
counted() {
	[ "$(cancelled)" -eq "$1" ]
}

# leaves STAGE ROUNDS CLIENTS WORDS: in each round so many clients leave.
count=0
leaves() {
	before=$(held)
	count=$((count + $2 * $3))
	ok "clients leave $4, and others are served" stage "$1" "$2"
	ok "$4: nothing of them stays" poll 20 settled
	[ "$tap_failed" -eq 0 ] || diag "before: $before" "now: $(held)" "$(cat "$T/status")"
	ok "$4: the log has the reason, for each" poll 10 counted "$count"
	[ "$tap_failed" -eq 0 ] || diag "$count wanted, $(cancelled) found"
}
echo hang >"$T/mode"
stage question 1 # what is opened once and kept is not to be counted
count=1
leaves who_asks $ROUNDS 1 'while it is found out who asks'
leaves names $ROUNDS 1 'while names are looked up'
leaves behind 15 3 "behind another's question"
leaves before_the_follower 15 2 'before one that waited behind'
leaves question $ROUNDS 1 'while asked'
echo wait >"$T/mode"
leaves signature 1 0 'while the signature is made'
echo yes >"$T/mode"
ok 'in the end a person is asked, and it signs' ssh-add -T "$T/asked.pub"
is 'the agent has nothing to complain of' \
	"$(grep -v '^SSH_AUTH_SOCK=\|^echo Agent\|: sign \(allowed\|refused: the request was cancelled\);\|: add allowed;' "$T/agent.log")" ''
finish
