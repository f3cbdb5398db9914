#!/bin/sh
# Consent with the real agent: what is remembered and for whom, what is forgotten, prompters that misbehave.
. "${0%/*}/../support/lib.sh"
need ssh-keygen ssh-add setsid python3
unset SIGNET_PROMPT SIGNET_PINENTRY SSH_CONNECTION
SIGNET_PINENTRY=
export SIGNET_PINENTRY
keygen ed25519 "$T/key" -C asked
keygen ed25519 "$T/free" -C free

# The prompter does what the file "mode" says, and leaves its number.
ask=$(askpass ask "echo \$\$ >>$T/pids" "case \$(cat $T/mode) in" \
	'yes) exit 0 ;;' 'no) exit 1 ;;' 'die) kill -9 $$ ;;' 'hang) exec sleep 600 ;;' \
	'megabyte) head -c 1048576 /dev/zero | tr "\0" x; exit 0 ;;' \
	"wait) while ! [ -e $T/go ]; do sleep 0.05; done; exit 0 ;;" 'esac' 'exit 1')
SSH_ASKPASS=$ask SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
: >"$T/pids"
agent_start || fail 'the agent starts'

mode() { echo "$1" >"$T/mode"; }
asked() { wc -l <"$T/pids" | tr -d ' '; }
asked_is() { [ "$(asked)" = "$1" ]; }
all_ended() {
	while read -r pid; do
		ended "$pid" || return 1
	done <"$T/pids"
}
# ssh-keygen runs for whoever started it, which is one application throughout this test.
printf 'a message' >"$T/message"
# shellcheck disable=SC2120
sign() { ssh-keygen -Y sign -f "$T/key.pub" -n "${1:-git}" <"$T/message"; }
log_last() { "$ADD" --log | grep 'sign' | tail -n 1; }
why() { log_last | grep -Eq -e "$1"; }

# --- remembered for the application, for a time
mode yes
ok 'a key whose answers hold ten minutes' "$ADD" -q --confirm=10m "$T/key"
ok 'it signs' sign
is 'a person was asked' "$(asked)" 1
ok 'it signs again for the same application' sign
is 'which is not asked again' "$(asked)" 1
has 'the log tells that an earlier answer held' "$(log_last)" 'consent (remembered|.*earlier)'
ok 'another application is asked' setsid -w python3 -c \
	'import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))' \
	ssh-keygen -Y sign -f "$T/key.pub" -n git "$T/message"
is 'once more' "$(asked)" 2
ok 'another purpose' sign file
is 'is asked for, too' "$(asked)" 3

# --- forgotten
lock=$(askpass lock 'echo a-passphrase')
SSH_ASKPASS=$lock "$ADD" -x >/dev/null 2>&1 </dev/null
SSH_ASKPASS=$lock "$ADD" -X >/dev/null 2>&1 </dev/null
ok 'after a lock it signs' sign
is 'when a person was asked anew' "$(asked)" 4
"$ADD" -q -D 2>/dev/null
"$ADD" -q --confirm=10m "$T/key"
ok 'added again after all keys were removed, it signs' sign
is 'when a person was asked anew, too' "$(asked)" 5
ssh-add -q -d "$T/key.pub" 2>/dev/null
"$ADD" -q --confirm=10m "$T/key"
ok 'removed alone and added again, it signs' sign
is 'when a person was asked' "$(asked)" 6
"$ADD" -q -c "$T/key"
"$ADD" -q --confirm=10m "$T/key"
ok 'with other rules in between, it signs' sign
is 'when a person was asked' "$(asked)" 7
"$ADD" -q -t 1 --confirm=10m "$T/key"
sign >/dev/null 2>&1
n=$(asked)
no_keys() { ! ssh-add -l; }
ok 'its lifetime ends' poll 20 no_keys
"$ADD" -q --confirm=10m "$T/key"
ok 'added once more, it signs' sign
is 'when a person was asked' "$(asked)" $((n + 1))

# --- never remembered: bytes that are not recognised
"$ADD" -q --confirm=10m "$T/key"
n=$(asked)
ok 'unrecognised data are signed' ssh-add -T "$T/key.pub"
is 'after a question' "$(asked)" $((n + 1))
ok 'and others' ssh-add -T "$T/key.pub"
is 'after another one' "$(asked)" $((n + 2))

# --- prompters that misbehave hold up nobody
"$ADD" -q -D 2>/dev/null
"$ADD" -q -c "$T/key"
"$ADD" -q "$T/free"
mode no
not_ok 'no is a refusal' sign
ok 'with the reason in the log' poll 5 why 'sign refused: .*(said no|refused|denied)'
mode die
not_ok 'a prompter that dies is a refusal' sign
ok 'which nobody said no to' poll 5 why 'sign refused: the program that asks the person ended without an answer'
mode megabyte
not_ok 'one that prints a megabyte is a refusal' sign
ok 'with the reason in the log' poll 5 why 'sign refused: the program that asks the person wrote more'
ok 'after one that prints a megabyte the agent still signs' ssh-add -T "$T/free.pub"
mode hang
n=$(asked)
ssh-add -T "$T/key.pub" >/dev/null 2>&1 </dev/null &
client=$!
reap "$client"
ok 'a prompter that hangs' poll 5 asked_is $((n + 1))
ok 'holds up no other signature' timeout 5 ssh-add -T "$T/free.pub"
ok 'and no list' timeout 5 ssh-add -l
kill "$client"
ok 'and ends with its client' poll 10 all_ended

# --- a second request for the same consent
mode wait
n=$(asked)
"$ADD" -q --confirm=10m "$T/key"
sign >/dev/null 2>&1 &
one=$!
poll 5 asked_is $((n + 1))
sign >/dev/null 2>&1 &
two=$!
reap "$one" "$two"
ok 'others sign meanwhile' ssh-add -T "$T/free.pub"
is 'the second request asks nobody' "$(asked)" $((n + 1))
: >"$T/go"
wait "$one"
is 'the first is allowed' $? 0
wait "$two"
is 'and the second with it' $? 0
is 'by one answer' "$(asked)" $((n + 1))

# --- 200 at once
"$ADD" -q -c "$T/key"
mode hang
cat >"$T/many.py" <<'END'
import socket, struct, subprocess, sys
def string(b): return struct.pack(">I", len(b)) + b
import base64
blob = base64.b64decode(open(sys.argv[1]).read().split()[1])
body = b"\x0d" + string(blob) + string(b"data") + struct.pack(">I", 0)
clients = []
for i in range(200):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[2])
    s.sendall(string(body))
    clients.append(s)
sys.exit(subprocess.call(["timeout", "5", "ssh-add", "-T", sys.argv[3]]) or
         subprocess.call(["timeout", "5", "ssh-add", "-l"], stdout=subprocess.DEVNULL))
END
ok 'with 200 clients that wait for an answer, others sign and list' \
	python3 "$T/many.py" "$T/key.pub" "$SSH_AUTH_SOCK" "$T/free.pub"
ok 'all questions end with their clients' poll 10 all_ended
ok 'and the agent signs' ssh-add -T "$T/free.pub"
agent_stop

# --- a question goes when its key does, or when the agent is locked
mode hang
agent_start
for end in removed expired locked; do
	"$ADD" -q -c "$T/key"
	[ $end != expired ] || "$ADD" -q -c -t 2 "$T/key"
	n=$(asked)
	ssh-add -T "$T/key.pub" >/dev/null 2>&1 &
	one=$!
	reap $one
	ok "a question is open before its key is $end" poll 10 asked_is $((n + 1))
	case $end in
	removed) ssh-add -q -d "$T/key.pub" 2>/dev/null ;;
	locked) SSH_ASKPASS=$lock "$ADD" -x >/dev/null 2>&1 </dev/null ;;
	esac
	ok 'then it is closed' poll 10 all_ended
	wait "$one"
	is 'and the request refused' $? 1
	[ $end != locked ] || SSH_ASKPASS=$lock "$ADD" -X >/dev/null 2>&1 </dev/null
	reason='no such key'
	[ $end != locked ] || reason='the agent is locked'
	has 'with the reason in the log' "$("$ADD" --log | grep 'sign refused' | tail -n 1)" "sign refused: $reason"
done
agent_stop

# --- nobody answers in the time that the agent was told
mode hang
agent_start --prompt-timeout 1
"$ADD" -q -c "$T/key"
exits 'a prompter that hangs is a refusal' 1 timeout 20 ssh-add -T "$T/key.pub"
ok 'with the reason in the log' poll 5 why 'sign refused: nobody answered in time'
ok 'and it is ended' poll 10 all_ended
exits 'so it is when questions are to be moved' 1 env DISPLAY=far:1 timeout 20 "$ADD" --update-environment
has 'with the reason' "$(cat "$T/err")" 'nobody answered in time'
agent_stop

# --- nobody can be asked
SSH_ASKPASS=$T/missing
agent_start
"$ADD" -q -c "$T/key"
exits 'which comes at once' 1 timeout 5 ssh-add -T "$T/key.pub"
ok 'with the reason in the log' poll 5 why 'sign refused: the program that asks the person .* cannot be started'
agent_stop
unset SSH_ASKPASS SSH_ASKPASS_REQUIRE
SSH_AUTH_SOCK=$T/bare.sock
export SSH_AUTH_SOCK
setsid env -i PATH=/usr/bin:/bin HOME="$HOME" SIGNET_PINENTRY= "$AGENT" -D -a "$SSH_AUTH_SOCK" >/dev/null 2>&1 </dev/null &
reap $!
poll 5 test -S "$SSH_AUTH_SOCK"
"$ADD" -q -c "$T/key"
exits 'where nobody can be asked the refusal comes within a second' 1 \
	setsid -w timeout 1 ssh-add -T "$T/key.pub"
ok 'with the reason in the log' poll 5 why 'sign refused: nobody can be asked'
finish
