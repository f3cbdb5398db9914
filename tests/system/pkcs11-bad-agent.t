#!/bin/sh
# The agent and PKCS#11 modules that misbehave (tests/modules/p11bad.c): refused in words, other keys and clients are
# untouched, the helper is replaced, and the person is asked for a PIN only where one is needed.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/pkcs11.sh"
need ssh-add ssh-keygen
[ -x "$BUILD/libexec/signet/signet-pkcs11" ] || skip_all 'signet-pkcs11 is not built'
# A library of a foreign build cannot be loaded beside the sanitizers' run-time.
no_sanitizers
softhsm_start
mkdir "$T/asked"
echo 'a message' >"$T/message"
TOKEN_PIN=1234
token_make one 1234 && key_make one rsa:2048 01 rsa && key_make one EC:prime256v1 02 ec &&
	token_make two 1234 && key_make two EC:prime256v1 03 other || skip_all 'SoftHSM makes no keys here'
public_line 01 rsa >"$T/rsa.pub"
public_line 02 ec >"$T/ec.pub"
public_line 03 other >"$T/other.pub"
keygen ed25519 "$T/soft"
echo 'no module' >"$T/text.so"

# The person: secrets are the lines of $T/pins, all else waits; what was asked is in $T/asked/KIND.PID.
askpass person "kind=\${SSH_ASKPASS_PROMPT:-secret}" \
	"printf '%s\\n' \"\$1\" >$T/asked/.\$\$ && mv $T/asked/.\$\$ $T/asked/\$kind.\$\$" \
	"[ \$kind = secret ] || exec sleep 60" "[ -s $T/pins ] || exit 1" "head -n 1 $T/pins" "sed -i 1d $T/pins" >/dev/null
askpass typist 'echo 1234' >/dev/null
SSH_ASKPASS=$T/person SSH_ASKPASS_REQUIRE=force SIGNET_PROMPT=askpass SIGNET_NOTIFY='' \
	agent_start -P "$T/*,/usr/lib*/*" || skip_all 'the agent does not start'

BAD="pkcs11:token=one?module-path=$P11BAD"
add() {
	SSH_ASKPASS=$T/typist SSH_ASKPASS_REQUIRE=force timeout 50 ssh-add -s "$1"
}
away() {
	timeout 50 ssh-add -e "$1"
}
sign() {
	rm -f "$T/$1.sig"
	timeout 50 ssh-keygen -Y sign -f "$T/$1.pub" -n test <"$T/message" >"$T/$1.sig"
}
verified() {
	echo "me $(cat "$T/$1.pub")" >"$T/signers"
	ssh-keygen -Y verify -f "$T/signers" -I me -n test -s "$T/$1.sig" <"$T/message"
}
# well NAME: it signs, and rightly.
well() {
	sign "$1" && verified "$1"
}
person() {
	rm -f "$T/asked"/*
	: >"$T/pins"
	for pin; do
		echo "$pin" >>"$T/pins"
	done
}
asked() {
	find "$T/asked" -name 'secret.*' | wc -l
}
questions() {
	cat "$T/asked"/secret.* 2>/dev/null
}
# helpers: the processes that have loaded p11bad.so.
helpers() {
	for pid in $(children "$SSH_AGENT_PID"); do
		! grep -q "$P11BAD" "/proc/$pid/maps" 2>/dev/null || echo "$pid"
	done
}
no_helpers() {
	[ -z "$(helpers)" ]
}
# others_untouched WHEN: the software key, and the key behind the module that behaves, sign.
others_untouched() {
	if well soft && well other; then
		pass "$1: other keys sign"
	else
		fail "$1: other keys sign"
	fi
}
log_new() {
	tail -n "+$((log_at + 1))" "$T/agent.log"
}
log_said() {
	log_new | grep -Eq "$1"
}
log_has() {
	poll 5 log_said "$2"
	has "$1" "$(log_new)" "$2"
}
log_from() {
	log_at=$(wc -l <"$T/agent.log")
}

ssh-add -q "$T/soft" 2>/dev/null
ok 'a module that behaves' add "pkcs11:token=two?module-path=$SOFTHSM"
person
others_untouched 'at the start'

# --- modules that cannot be loaded -------------------------------------------------------------
refused() {
	refused_what=$1
	shift
	log_from
	not_ok "$refused_what" add "$@"
	log_has "$refused_what: in words" 'add token refused'
}
refused 'a module that is not there' "$T/nothing.so"
refused 'a file that is no module' "$T/text.so"
for words in no-list 'null C_Sign' 'fail C_Initialize 5' 'crash C_Initialize' 'exit C_Initialize' 'crash C_GetFunctionList'; do
	p11bad "$words"
	refused "$words" "$BAD"
done
others_untouched 'after all of these'
ok 'nothing is left of them' poll 10 no_helpers
p11bad 'hang C_Initialize'
(add "$BAD" >"$T/adding" 2>&1; echo $? >"$T/added") &
adder=$!
reap $adder
called() { [ "$(p11bad_calls "$1")" -gt "$calls" ]; }
calls=0
poll 10 called C_Initialize
others_untouched 'while a module hangs in C_Initialize'
p11bad
gone $adder 30
is 'and when it goes on it is added' "$(cat "$T/added")" 0
ok 'its keys sign' well rsa
ok 'and are removed' away "$BAD"
p11bad print-stdout
ok 'one that prints to standard output' add "$BAD"
ok 'signs' well ec
ok 'and is removed' away "$BAD"

# --- what they show -----------------------------------------------------------------------------
p11bad 'many-objects 10000'
ok 'ten thousand objects' add "$BAD"
has 'of which not more than a thousand are keys' "$(ssh-add -L | wc -l)" '^(10[0-9][0-9]|[0-9]{1,3})$'
others_untouched 'with them'
ok 'they are removed' away "$BAD"
is 'all' "$(ssh-add -L | wc -l)" 2
certificate_make one 01
p11bad bad-der
ok 'a certificate that is none' add "$BAD"
ok 'is no hindrance' well rsa
ok 'nor for the removal' away "$BAD"
p11bad bad-point no-public 'fail C_GetMechanismList 5'
log_from
add "$BAD" >/dev/null 2>&1
others_untouched 'keys without public parts'
away "$BAD" >/dev/null 2>&1
is 'of which none stays' "$(ssh-add -L | wc -l)" 2

# --- what gets lost ------------------------------------------------------------------------------
p11bad
ok 'added' add "$BAD"
for lost in 'device-removed 1' 'device-removed-late 1' 'session-lost 1' 'logged-out 1' 'crash C_Sign 1' 'crash C_SignInit 1' \
	'exit C_Sign 1'; do
	p11bad "$lost"
	person 1234
	ok "a signature is made all the same: $lost" well rsa
	is "for one PIN: $lost" "$(asked)" 1
	person
	ok "and then for none: $lost" well ec
done
others_untouched 'after that'
is 'there is one helper' "$(helpers | wc -l)" 1
# By now it is started again after a pause only, and the person is told so, until somebody adds it anew.
p11bad 'crash C_SignInit'
person 1234 1234 1234
(sign rsa >/dev/null 2>&1) &
waiting=$!
reap $waiting
told() { cat "$T/asked"/* 2>/dev/null | grep -q 'might not be seen'; }
poll 20 told || ended $waiting
has 'a module that always dies is not tried for ever' "$(asked)" '^[012]$'
others_untouched 'while it pauses'
p11bad
ok 'added again it is there at once' add "$BAD"
gone $waiting 5
person
ok 'and signs' well rsa

# --- one that hangs ---------------------------------------------------------------------------------
p11bad 'hang C_Sign'
calls=$(p11bad_calls C_Sign)
(sign rsa >/dev/null 2>&1) &
hung=$!
reap $hung
ok 'a signature hangs' poll 10 called C_Sign
others_untouched 'meanwhile'
p11bad
ok 'it goes on when the token does' gone $hung 20
ok 'rightly' verified rsa

# --- PINs --------------------------------------------------------------------------------------------
# fresh WORD...: added anew, and nobody is logged in any more.
fresh() {
	p11bad
	away "$BAD" >/dev/null 2>&1
	poll 10 no_helpers
	add "$BAD" >/dev/null 2>&1
	p11bad 'logged-out 1' "$@"
}
fresh
person 9999 1234
ok 'a wrong PIN, then the right one' well rsa
is 'asked for twice' "$(asked)" 2
has 'the second time it says so' "$(questions)" '[Ww]rong'
fresh 'pin-flags final'
person 1234
well rsa >/dev/null 2>&1
has 'the last try is never spent without saying so' "$(questions)" '[Ll]ast|one (more|try)|locks'
fresh 'pin-flags locked'
person 1234
before=$(p11bad_calls C_Login)
not_ok 'a locked PIN' sign rsa
is 'is not tried' "$(p11bad_calls C_Login)" "$before"
fresh user-pin-not-initialized
person 1234
not_ok 'a token without a PIN' sign rsa
others_untouched 'after PINs'
fresh 'always-authenticate 1234'
person 1234 1234 1234
sign rsa >/dev/null 2>&1
person 1234
ok 'a key that wants its PIN each time' well rsa
is 'gets it' "$(asked)" 1
person
not_ok 'nobody enters it' sign rsa
person 1234
ok 'which does not stop the next' well rsa
person 1234
ok 'nor another key of the token' well ec

# --- nothing grows -------------------------------------------------------------------------------------
core=
for pid in $(children "$SSH_AGENT_PID"); do
	grep -q signet-agent "/proc/$pid/cmdline" && core=$pid
done
descriptors() {
	ls "/proc/$core/fd" | wc -l
}
for round in 1 2 3 4; do
	fresh 'crash C_Sign 1'
	person 1234 1234
	well rsa >/dev/null 2>&1 || fail "round $round of losing a helper"
	[ $round -ne 1 ] || before=$(descriptors)
done
same() {
	[ "$(descriptors)" -le "$before" ]
}
ok 'after three more helpers that died there are no more descriptors' poll 10 same
is 'and there is one helper' "$(helpers | wc -l)" 1
ok 'removed' away "$BAD"
ok 'it ends' poll 10 no_helpers
others_untouched 'at the end'
is 'no PIN was written down' "$(lines_with "$T/agent.log" 1234 9999)" 0
finish
