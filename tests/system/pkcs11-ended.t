#!/bin/sh
# Additions of tokens that are under way when all keys are removed, the token is removed or the agent is locked: they
# come to nothing at once, nothing is added afterwards, and the PIN that came with them is not entered.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/pkcs11.sh"
need ssh-add
[ -x "$BUILD/libexec/signet/signet-pkcs11" ] || skip_all 'signet-pkcs11 is not built'
# A library of a foreign build cannot be loaded beside the sanitizers' run-time.
no_sanitizers
softhsm_start
TOKEN_PIN=1234
token_make one 1234 && key_make one EC:prime256v1 01 ec || skip_all 'SoftHSM makes no keys here'
agent_start -P "$T/*" --remember-pin 1h || skip_all 'the agent does not start'
typist=$(askpass typist 'echo 1234')
secret=$(askpass secret 'echo secret')

with() {
	with_askpass=$1
	shift
	SSH_ASKPASS=$with_askpass SSH_ASKPASS_REQUIRE=force timeout 50 "$@"
}
called() { [ "$(p11bad_calls C_Initialize)" -gt "$calls" ]; }
keys() { ssh-add -L 2>/dev/null | grep -c '^[a-z]'; }
tried() { p11bad_calls C_Login; }
# adding: an addition that waits for its module.
adding() {
	p11bad 'hang C_Initialize'
	calls=$(p11bad_calls C_Initialize)
	(with "$typist" ssh-add -s "$P11BAD" >"$T/adding" 2>&1; echo $? >"$T/added") &
	adder=$!
	reap $adder
	poll 10 called
}
# nothing WHAT: it was refused, though the module hangs still; and when that goes on nothing comes.
nothing() {
	ok "$1: it is refused at once" gone $adder 5
	is "$1: refused" "$(cat "$T/added")" 1
	p11bad
	# Another addition of the module comes after whatever the first could have asked of it.
	before=$(tried)
	ok "$1: the module goes on" with "$(askpass empty 'echo')" ssh-add -s "$P11BAD"
	is "$1: no PIN was entered" "$(tried)" "$before"
	ssh-add -e "$P11BAD" >/dev/null 2>&1
	is "$1: nothing is added" "$(keys)" 0
}

adding
ok 'all keys are removed' ssh-add -D
nothing 'all removed'
adding
kill -USR1 "$SSH_AGENT_PID"
nothing 'on SIGUSR1'
adding
ssh-add -e "$P11BAD" >/dev/null 2>&1
nothing 'the token is removed'
adding
ok 'the agent is locked' with "$secret" ssh-add -x
ok 'and unlocked' with "$secret" ssh-add -X
nothing 'locked meanwhile'
adding
p11bad
gone $adder 20
is 'undisturbed it is added' "$(cat "$T/added") $(keys)" '0 1'
finish
