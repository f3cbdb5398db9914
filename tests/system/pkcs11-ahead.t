#!/bin/sh
# seconds 300
# Signatures that signet-pkcs11 begins before they are asked for (tokens/pkcs11/ahead.h), with the agent, SoftHSM behind
# a module that misbehaves (tests/modules/p11bad.c), and OpenSSH's ssh-keygen as the client and the judge: begun only
# where signatures follow each other quickly, never used after a logout, and no harm where they fail or hang.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/pkcs11.sh"
. "${0%/*}/../support/p11agent.sh"
need ssh-add ssh-keygen
no_sanitizers
softhsm_start
TOKEN_PIN=1234
token_make one 1234 && key_make one rsa:2048 01 rsa && key_make one EC:prime256v1 02 ec ||
	skip_all 'SoftHSM makes no keys here'
public_line 01 rsa >"$T/rsa.pub"
public_line 02 ec >"$T/ec.pub"
keygen ed25519 "$T/soft"
mkdir "$T/burst"
CALLS=$P11BAD.commands.calls
ONE="pkcs11:token=one?module-path=$P11BAD"

# --- bursts

# burst NAME [N]: so many signatures by one ssh-keygen on one connection, as quick as they come; 32.
burst() {
	rm -f "$T/burst"/*
	burst_files=$(seq -f "$T/burst/%g" "${2:-32}")
	for burst_file in $burst_files; do
		echo "message $burst_file" >"$burst_file"
	done
	# shellcheck disable=SC2086 # files are words
	timeout 100 ssh-keygen -Y sign -f "$T/$1.pub" -n test $burst_files >"$T/burst.out" 2>&1
}
# burst_verified NAME: all that the last burst made.
burst_verified() {
	echo "me $(cat "$T/$1.pub")" >"$T/signers"
	for burst_file in "$T/burst"/*.sig; do
		ssh-keygen -Y verify -f "$T/signers" -I me -n test -s "$burst_file" <"${burst_file%.sig}" >/dev/null 2>&1 ||
			return 1
	done
}
# ahead: how many signatures were begun and not asked for; ahead_is N.
ahead() {
	awk '$0 == "C_SignInit" { n++ } $0 == "C_Sign" { n-- } END { print n + 0 }' "$CALLS"
}
ahead_is() {
	[ "$(ahead)" -eq "$1" ]
}
# bursts NAME N: until so many were begun and not asked for.  One burst is enough where nothing slows it down.
bursts() {
	bursts_end=$(($(date +%s) + 60))
	until burst "$1" && poll 1 ahead_is "$2"; do
		[ "$(date +%s)" -lt "$bursts_end" ] || return 1
	done
}
# mark; calls [FUNCTION...]: those of all or of these functions since the mark, in one line.
mark() {
	marked=$(wc -l <"$CALLS")
}
calls() {
	[ $# -ne 0 ] || set -- C_SignInit C_Sign
	tail -n "+$((marked + 1))" "$CALLS" | grep -x "$(printf '%s\n' "$@")" | tr '\n' ' '
}
# fresh [COMMAND...]: the module added anew, with this told to it, calls counted from there, and nothing begun.
fresh() {
	p11bad "$@"
	openssh -q -e "$ONE" 2>/dev/null
	poll 20 no_p11helpers
	rm -f "$CALLS"
	openssh -q -s "$ONE" 2>/dev/null || fail "the module is added${1:+: $1}"
	person
}
# begun_alone NAME [COMMAND...]: the same, with one signature by this key begun; begun: it must be.
begun_alone() {
	begun_name=$1
	shift
	fresh "$@"
	bursts "$begun_name" 1
}
begun() {
	begun_alone "$@" || fail "after a burst one is begun: $begun_name"
	mark
}

# strikes COMMAND: a burst in whose course the command strikes what is begun, so that the burst waits for nothing and makes
# all its signatures.  It is chance that it does not strike one that was asked for, so this is repeated.
strikes() {
	strikes_end=$(($(date +%s) + 60))
	while [ "$(date +%s)" -lt "$strikes_end" ]; do
		fresh
		rm -f "$T/burst"/*
		(burst rsa 1000) &
		strikes_burst=$!
		reap $strikes_burst
		poll 10 test -e "$T/burst/20.sig"
		p11bad "$1"
		gone $strikes_burst 10 && grep -qx "$1" "$P11BAD.commands.used" &&
			[ "$(find "$T/burst" -name '*.sig' | wc -l)" -eq 1000 ] && mark && return
		p11bad
		gone $strikes_burst 20
	done
	return 1
}

p11agent -P "$T/*" --insert-wait 0 || fail 'the agent starts'
echo 1234 >"$T/pin"
ssh-add -q "$T/soft"

# --- what is begun is used
for name in rsa ec; do
	fresh
	ok "$name: after a burst one is begun that nobody asked for" bursts $name 1
	is "$name: the burst made all its signatures" "$(find "$T/burst" -name '*.sig' | wc -l)" 32
	ok "$name: all are good" burst_verified $name
	mark
	ok "$name: the next signature is good" well $name
	has "$name: and was begun before" "$(calls)" '^C_Sign '
done
is 'nobody was asked for anything' "$(asked secret)" 0

# --- none is begun without need
fresh
for round in 1 2 3 4 5; do
	burst rsa 7
	well ec >/dev/null 2>&1 || fail "round $round"
	slow_ahead="${slow_ahead-}$(ahead)"
done
is 'seven in a row begin none' "$slow_ahead" 00000
slow_ahead=
for round in 1 2 3 4 5 6 7 8 9 10 11 12; do
	sign rsa 2>/dev/null || fail "round $round"
	# Longer than what is quick.
	sleep 0.02
	slow_ahead="$slow_ahead$(ahead)"
done
is 'nor do a dozen that follow each other slowly' "$slow_ahead" 000000000000
fresh no-os-locking
for round in 1 2 3; do
	burst ec || fail "round $round"
	burst_verified ec || fail "round $round is good"
	slow_threads="${slow_threads-}$(ahead)"
done
is 'nor does a module that wants no threads' "$slow_threads" 000
is 'which is called by one at a time' "$(p11bad_calls overlap)" 0

# --- what was begun fails: it is begun again, and the PIN is not needed for that
for lost in 'fail C_Sign 5 1' 'fail C_Sign 0x30 1' 'fail C_Sign 0x91 1' 'fail C_Sign 0xb3 1' 'fail C_Sign 0x101 1'; do
	begun rsa
	p11bad "$lost"
	person
	ok "the signature is good all the same: $lost" well rsa
	is "begun once more: $lost" "$(calls)" 'C_Sign C_SignInit C_Sign '
	is "nobody is asked: $lost" "$(asked secret)" 0
done
# sessions: how many are open.
sessions() {
	awk '$0 == "C_OpenSession" { n++ } $0 == "C_CloseSession" { n-- } END { print n + 0 }' "$CALLS"
}
# beside_another NAME: as begun_alone, with one more session, of a signature that hung beside another.
beside_another() {
	fresh 'hang C_SignInit 1'
	(sign "$1" 2>/dev/null) &
	beside=$!
	reap $beside
	poll 10 test -s "$P11BAD.commands.used"
	well ec
	p11bad
	gone $beside 20
	bursts "$1" 1
}
for sessions in begun_alone beside_another; do
	ok "a signature is begun: $sessions" $sessions rsa
	p11bad 'device-removed-late 1'
	person 1234
	ok 'a device that was pulled out with it' well rsa
	is 'wants its PIN once' "$(asked secret)" 1
	ok 'then another signature is begun' bursts rsa "$(($(ahead) + 1))"
	ok 'which is good' well rsa
done
begun rsa removable
p11bad removable token-absent
not_ok 'a token that is not there' sign rsa
p11bad removable
person 1234
ok 'and is back' poll 20 well rsa
is 'wants its PIN once, too' "$(asked secret)" 1
# CKR_SESSION_COUNT.
for name in ec rsa; do
	ok "a signature is begun where no more sessions can be had: $name" begun_alone rsa
	p11bad 'fail C_OpenSession 0xb1'
	ok "another is made: $name" well $name
	ok "and many are: $name" burst $name 200
done
# begun_in_three NAME: one is begun where besides its session there is the one that keeps the login and one for the next
# signature; a signature that was asked for while one was begun opens another.
begun_in_three() {
	for three_try in 1 2 3 4 5 6 7 8 9 10 11 12; do
		begun_alone "$1"
		if [ "$(sessions)" -eq 3 ]; then
			return
		fi
	done
	return 1
}
ok 'a signature is begun in the third session' begun_in_three rsa
p11bad 'sessions-most 3' 'hang C_SignInit 1'
(sign ec 2>/dev/null) &
first=$!
reap $first
ok 'a signature takes the last session that was left' poll 10 test -s "$P11BAD.commands.used"
mark
ok 'the next gets that of what was begun' well ec
is 'which is closed for it' "$(calls C_OpenSession C_CloseSession)" 'C_OpenSession C_CloseSession C_OpenSession '
p11bad 'sessions-most 3'
ok 'the first ends as well' gone $first 20
ok 'and is good' verified ec
rm -f "$CALLS"
ok 'then many are made' burst rsa 200
is 'with none begun ahead' "$(ahead)" 0
# What fails is the beginning.
begun ec
p11bad 'fail C_SignInit 5'
ok 'where none can be begun what is begun is used still' well ec
p11bad
person
ok 'and what follows is not worse off' well ec
is 'without a question' "$(asked secret)" 0
ok 'a beginning that fails is of no concern to who signs meanwhile' strikes 'fail C_SignInit 5 1'
is 'nor to the person' "$(asked secret)" 0
ok 'and another is begun later' bursts rsa 2
ok 'and used' well rsa

# --- other keys
begun rsa
ok 'another key between' well ec
ok 'and the first again' well rsa
is 'takes what was begun for it' "$(calls)" 'C_SignInit C_Sign C_Sign '
mark
for round in 1 2 3 4 5 6; do
	{ well rsa && well ec; } >/dev/null 2>&1 || fail "round $round of two keys in turns"
done
is 'two keys in turns begin each theirs' "$(calls | sed 's/C_SignInit C_Sign //g')" ''
begun rsa
ok 'a burst by another key begins one of its own' bursts ec 2
is 'in place of the first, which is closed' "$(calls C_CloseSession)" 'C_CloseSession '
mark
ok 'it is good' well ec
has 'and was begun before' "$(calls)" '^C_Sign '
mark
ok 'the first key signs as well' well rsa
has 'from the beginning' "$(calls)" '^C_SignInit C_Sign '
burst rsa 100 &
both=$!
reap $both
for round in 1 2 3 4 5 6; do
	well ec >/dev/null 2>&1 || fail "round $round beside a burst"
done
wait $both
is 'a burst beside another client is made' "$(find "$T/burst" -name '*.sig' | wc -l)" 100
ok 'and good' burst_verified rsa

# --- a logout
lock=$(askpass lock 'echo secret')
locks() {
	SSH_ASKPASS=$lock SSH_ASKPASS_REQUIRE=force ssh-add "$@" >/dev/null 2>&1
}
called() {
	[ -n "$(calls "$1")" ]
}
begun rsa
locks -x
ok 'a locked agent logs out' poll 20 called C_Logout
is 'after the end of what was begun' "$(calls C_CloseSession C_Logout)" 'C_CloseSession C_Logout '
is 'which is not used' "$(calls)" ''
locks -X
person
not_ok 'unlocked it signs for no PIN' sign rsa
is 'which is asked for' "$(asked secret)" 1
is 'with nothing begun for nobody' "$(calls)" ''
person 1234
ok 'and signs for one' well rsa
is 'after a login, and from the beginning' "$(calls C_Login C_SignInit C_Sign)" 'C_Login C_SignInit C_Sign '

ok 'a module hangs in what is begun, when it has begun it already' strikes 'hang-late C_SignInit 1'
locks -x
ok 'the locked agent logs out all the same' poll 20 called C_Logout
p11bad
ok 'it goes on' poll 20 called 'goes on'
ok 'and is closed' poll 20 called C_CloseSession
locks -X
person 1234
mark
ok 'after that the key signs' well rsa
is 'after a login, and from the beginning' "$(calls C_Login C_SignInit C_Sign)" 'C_Login C_SignInit C_Sign '
is 'which is asked for' "$(asked secret)" 1

# --- a module that hangs
ok 'a module hangs in what is begun' strikes 'hang C_SignInit 1'
person
ok 'meanwhile a key of the agent signs' well soft
ok 'another key of the token' well ec
ok 'and the same key' well rsa
ok 'a burst as well' burst rsa
is 'with nothing else begun' "$(ahead)" 1
p11bad
ok 'it goes on' poll 20 called 'goes on'
mark
ok 'and is used' well rsa
has 'rightly' "$(calls)" '^C_Sign '
is 'nobody was asked' "$(asked secret)" 0
ok 'once more' strikes 'hang C_SignInit 1'
helper=$(p11helpers)
agent_stop
ok 'the agent ends' ended "$SSH_AGENT_PID"
ok 'and the helper, too' gone "$helper" 20
is 'while it hangs' "$(calls 'goes on')" ''

# --- a key that wants its PIN each time, which is at hand
p11bad
p11agent -P "$T/*" --remember-pin plugged || fail 'the agent starts'
fresh
ok 'with a PIN that is remembered one is begun' bursts ec 1
fresh 'always-authenticate 1234'
person 1234
for round in 1 2 3; do
	burst ec || fail "round $round"
	burst_verified ec || fail "round $round is good"
	slow_each="${slow_each-}$(ahead)"
done
is 'none is for a key that wants it each time' "$slow_each" 000
is 'which got it' "$(p11bad_calls C_Login)" "$(($(p11bad_calls C_Sign) + 1))"
agent_stop
finish
