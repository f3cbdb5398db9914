#!/bin/sh
# The system has no memory for what the core and its supervisor say to each other, and that lasts: neither spins, the
# keys stay and sign, and when it is over all goes on.
. "${0%/*}/../support/lib.sh"
need ssh-keygen ssh-add
no_sanitizers
keygen ed25519 "$T/key"
keygen ed25519 "$T/asked"
SSH_ASKPASS=$(askpass yes 'exit 0') SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
sheet=$T/sheet
program=$AGENT
AGENT=$(askpass deaf "export LD_PRELOAD='$BUILD/tests/preload/deaf.so' DEAF_SHEET='$sheet'" "exec '$program' \"\$@\"")

# hears SUPERVISOR CORE : 0 does, 1 does not
hears() { printf '%s%s' "$1" "$2" | dd of="$sheet" conv=notrunc status=none; }
# Digits, of which a look may see some before and some after a carry: three calls are not counted more than once.
failed() { sed 's/^..0*//' "$sheet" | head -n 1; }
tried_again() { [ "$(failed)" -ge 4 ] 2>/dev/null; }
removed() { ! ssh-add -l; }
told() { grep -q "$1" "$T/agent.log"; }

# deaf WHO SUPERVISOR CORE DO : something is said to the deaf one by DO, for as long as it takes to try four times
deaf() {
	who=$1
	printf '0000000000\n' >"$sheet"
	agent_start || fail 'the agent starts'
	core=$(children "$SSH_AGENT_PID")
	"$ADD" -q "$T/key"
	"$ADD" -q -c "$T/asked"
	hears "$2" "$3"
	shift 3
	"$@"
	ok "$who: it is tried again and again" poll 30 tried_again
	n=$(failed)
	# One that spins does so thousands of times in the time that four pauses take.
	is "$who: but with pauses" "$([ "$n" -lt 100 ] && echo some || echo "$n")" some
	ok "$who: the key signs meanwhile" ssh-add -T "$T/key.pub"
	hears 0 0
	ok "$who: it goes on" poll 30 "$after"
	is "$who: with the same core" "$(children "$SSH_AGENT_PID" | tr ' ' '\n' | grep -c "^${core% }\$")" 1
	"$ADD" -q -c "$T/asked"
	ok "$who: and asks" ssh-add -T "$T/asked.pub"
	is "$who: what was so is said once" "$(grep -c 'cannot be heard for now' "$T/agent.log")" 1
	agent_stop
}

after=removed
deaf 'the core' 0 1 eval 'kill -USR1 "$SSH_AGENT_PID"'

# Its question is what the supervisor does not hear.
asks() { ssh-add -T "$T/asked.pub" >"$T/answer" 2>&1 & asking=$!; }
answered() { ended "$asking"; }
after=answered
deaf 'the supervisor' 1 0 asks
ok 'the question was asked after all' wait "$asking"

# A core that ends meanwhile is the end of the agent, which says so.
printf '0000000000\n' >"$sheet"
agent_start
core=$(children "$SSH_AGENT_PID")
hears 1 0
kill -9 "$core"
ok 'a core that ends is seen to by one that does not hear' gone "$SSH_AGENT_PID" 20
ok 'and it is said' told 'the key-holding process was ended by signal 9'
finish
