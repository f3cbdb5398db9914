#!/bin/sh
# Programs that ask and misbehave, through the real agent: each ends in an answer, or in a refusal with the reason in the
# log; others are served meanwhile, and nothing of the program stays.  And an answer that holds for one connection.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/display.sh"
need ssh-keygen ssh-add python3
unset SIGNET_PROMPT SIGNET_PINENTRY SSH_CONNECTION
keygen ed25519 "$T/asked"
keygen ed25519 "$T/free"
: >"$T/pids"

log_last() { "$ADD" --log | grep ' sign \|^sign\|sign ' | tail -n 1; }
refused_for() { log_last | grep -Eq -e "sign refused: ($1)"; }
ended_all() {
	while read -r pid; do
		ended "$pid" || return 1
	done <"$T/pids"
	[ "$("$ADD" --status | sed -n 's/^prompts-open: //p')" = 0 ]
}
signs() { timeout 30 ssh-add -T "$T/asked.pub"; }
started() { [ "$(wc -l <"$T/pids")" -gt "$1" ]; }

the_program='the program that asks the person'

# refuses HOW REASON: the prompter of this mode, or as it lies there, is a refusal.
refuses() {
	echo "$1" >"$T/mode"
	exits "$way, $1: refused" 1 signs
	ok "$way, $1: the log has the reason" poll 10 refused_for "$2"
	[ "$tap_failed" -eq 0 ] || log_last
	ok "$way, $1: nothing stays" poll 10 ended_all
}

# held HOW ANSWER STATUS: it goes on, and others are served, until the file "go" is there.
held() {
	echo "$1" >"$T/mode"
	echo "$2" >"$T/answer"
	rm -f "$T/go"
	n=$(wc -l <"$T/pids")
	signs >/dev/null 2>&1 &
	client=$!
	reap "$client"
	ok "$way, $1: asks" poll 10 started "$n"
	ok "$way, $1: others are served" timeout 10 ssh-add -T "$T/free.pub"
	: >"$T/go"
	wait "$client"
	is "$way, $1: what it says at last holds" $? "$3"
	ok "$way, $1: nothing stays" poll 10 ended_all
}

agent_with_keys() {
	agent_start || fail "$way: the agent starts"
	"$ADD" -q -c "$T/asked"
	"$ADD" -q "$T/free"
}

# not_a_program PATH REASON: the prompter is taken away in several manners.
not_a_program() {
	cp "$1" "$T/kept"
	chmod 644 "$1"
	refuses 'not executable' "$2"
	echo 'no program' >"$1"
	chmod 755 "$1"
	refuses 'no program' "$2"
	rm "$1"
	refuses 'missing' "$2"
	mkdir "$1"
	refuses 'a directory' "$2"
	rmdir "$1"
	cp "$T/kept" "$1"
	chmod 755 "$1"
}

# --- an askpass program
way=askpass
ask=$T/ask
cat >"$ask" <<-EOT
	#!/bin/sh
	echo \$\$ >>$T/pids
	mode=\$(cat $T/mode)
	case \$mode in
	yes) exit 0 ;;
	KILL | SEGV | TERM | PIPE) kill -\$mode \$\$; exec sleep 600 ;;
	'a megabyte') head -c 1048576 /dev/zero | tr '\\0' x; exit 0 ;;
	'a megabyte of lines') yes no | head -c 1048576; exit 0 ;;
	'no end of output') exec yes no ;;
	'output closed')
		exec >&- 2>&-
		while ! [ -e $T/go ]; do sleep 0.02; done
		exit \$(cat $T/answer)
		;;
	'a child left behind') sleep 600 & echo \$! >$T/child; exit 0 ;;
	esac
	exit 1
EOT
chmod 755 "$ask"
SSH_ASKPASS=$ask SSH_ASKPASS_REQUIRE=force SIGNET_PINENTRY=
export SSH_ASKPASS SSH_ASKPASS_REQUIRE SIGNET_PINENTRY
agent_with_keys
for signal in KILL SEGV TERM PIPE; do
	refuses $signal "$the_program ended without an answer"
done
refuses 'a megabyte' "$the_program wrote more than any answer has"
refuses 'a megabyte of lines' "$the_program wrote more than any answer has"
refuses 'no end of output' "$the_program wrote more than any answer has"
held 'output closed' 0 0
held 'output closed' 1 1
echo 'a child left behind' >"$T/mode"
ok "$way, a child left behind, with its output open: its yes holds" signs
ok "$way, a child left behind: nothing stays" poll 10 ended_all
reap "$(cat "$T/child")"
ok "$way, nor the child" gone "$(cat "$T/child")" 10
not_a_program "$ask" "$the_program .* cannot be started"
echo yes >"$T/mode"
ok "$way: a good one asks again" signs
agent_stop

# --- a pinentry
way=pinentry
display_start
SSH_ASKPASS='' SIGNET_PROMPT=pinentry SIGNET_PINENTRY=$T/pinentry DISPLAY=$display
unset SSH_ASKPASS_REQUIRE
export SIGNET_PROMPT DISPLAY
cat >"$SIGNET_PINENTRY" <<-EOT
	#!/bin/sh
	echo \$\$ >>$T/pids
	mode=\$(cat $T/mode)
	case \$mode in
	'no greeting') exit 0 ;;
	'a megabyte for a greeting') head -c 1048576 /dev/zero | tr '\\0' x; exec sleep 600 ;;
	'closed at once') exec >&-; exec sleep 600 ;;
	esac
	echo OK
	while read -r command rest; do
		case \$command:\$mode in
		BYE:*) echo OK; exit 0 ;;
		CONFIRM:yes) echo OK ;;
		CONFIRM:KILL | CONFIRM:SEGV) kill -\$mode \$\$ ;;
		CONFIRM:'a megabyte') head -c 1048576 /dev/zero | tr '\\0' x; echo; echo OK ;;
		CONFIRM:'no end of output') exec yes '# wait' ;;
		CONFIRM:'output closed') exec >&-; exec sleep 600 ;;
		CONFIRM:'no answer that there is') echo PERHAPS ;;
		*) echo OK ;;
		esac
	done
EOT
chmod 755 "$SIGNET_PINENTRY"
agent_with_keys
echo yes >"$T/mode"
ok "$way: a good one" signs
for how in 'no greeting' 'a megabyte for a greeting' 'closed at once' KILL SEGV 'a megabyte' 'output closed' \
	'no answer that there is'; do
	refuses "$how" "$the_program (ended without an answer|wrote more|gave an answer that makes no sense)"
done
not_a_program "$SIGNET_PINENTRY" "$the_program .* cannot be started"
echo yes >"$T/mode"
ok "$way: a good one asks again" signs
agent_stop

# --- once per connection
unset SIGNET_PROMPT DISPLAY
SSH_ASKPASS=$ask SSH_ASKPASS_REQUIRE=force SIGNET_PINENTRY=
export SSH_ASKPASS_REQUIRE
: >"$T/pids"
agent_start || fail 'the agent starts'
"$ADD" -q --confirm=once-per-connection "$T/asked"
cat >"$T/connections.py" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from client import *
folder, agent = sys.argv[2], sys.argv[3]
blob = blob_of(folder + "/asked.pub")
first, second = Client(agent), Client(agent)
def asked():
    return len(open(folder + "/pids").readlines())
def answer(word):
    open(folder + "/mode", "w").write(word + "\n")
# PROTOCOL.sshsig: files signed for "git".
def git(digest):
    return b"SSHSIG" + string(b"git") + string(b"") + string(b"sha512") + string(digest)
def sign(client, reply, questions, data=git(b"one")):
    assert client.ask(sign_request(blob, data))[0] == reply
    assert asked() == questions, "%d questions, not %d" % (asked(), questions)
answer("yes")
sign(first, SIGNATURE, 1)
sign(first, SIGNATURE, 1)
sign(first, SIGNATURE, 1, git(b"two"))
answer("no")
sign(second, FAILURE, 2)
sign(second, FAILURE, 3) # a no is not kept
sign(first, SIGNATURE, 3)
answer("yes")
sign(second, SIGNATURE, 4)
sign(second, SIGNATURE, 4)
first.leave()
third = Client(agent)
sign(third, SIGNATURE, 5)
sign(second, SIGNATURE, 5)
END
ok 'once per connection: each connection is asked for, once' \
	python3 -B "$T/connections.py" "${0%/*}/../support" "$T" "$SSH_AUTH_SOCK"
has 'the log tells which were asked for' "$("$ADD" --log | tail -n 1)" 'consent remembered|person: .*(earlier|remembered)'
finish
