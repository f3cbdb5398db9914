#!/bin/sh
# Security keys that verify their user: PINs asked for, spent and remembered, built-in verification, and two devices
# that will not say which of them holds the key.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/securitykeys.sh"
need ssh-add ssh-keygen

echo 123456 >"$T/keygen-pin"
SK_VIRTUAL_PIN=123456
export SK_VIRTUAL_PIN
ok 'pcscd starts' pcscd_start 4
fido_key v ed25519-sk mine -O verify-required
fido_key w ecdsa-sk theirs -O verify-required
fido_key plain ed25519-sk mine
ok 'a card' card_start mine 0 -s "$T/mine.state"
fido_agent
ok 'a key that wants its user verified' "$ADD" -q "$T/v"

# --- the PIN, asked for each time
pins 123456
ok 'signs with PIN and touch' touching mine sign v
ok 'which verifies' verified v
is 'with both flags, and the counter of the card' "$(said v)" "flags=5 counter=$(status_of mine counter)"
is 'one PIN was asked for' "$(asked secret)" 1
has 'of the device' "$(text_of secret)" 'PIN of .*Virtual FIDO'
has 'for the key' "$(text_of secret)" "$(fido_print v)"
has 'for whom' "$(text_of secret)" 'ssh-keygen'
is 'no try was spent' "$(status_of mine pin_retries)" 8
pins 123456
ok 'and again' touching mine sign v
is 'with the PIN asked for again' "$(asked secret)" 1

# --- wrong ones
pins 999999 123456
ok 'wrong, then right' touching mine sign v
is 'two questions' "$(asked secret)" 2
has 'the second tells of the first' "$(text_of secret)" 'wrong'
has 'and how many tries are left' "$(text_of secret)" '7 tries'
is 'all tries are back' "$(status_of mine pin_retries)" 8
pins 999999 888888 123456
not_ok 'wrong twice is a refusal' sign v
is 'after two questions' "$(asked secret)" 2
is 'and two tries' "$(status_of mine pin_retries)" 6
has 'for this reason' "$(log_last sign)" 'sign refused: the PIN is wrong'
pins 123456
ok 'the right one afterwards' touching mine sign v
forget
not_ok 'a question that is left is a refusal' sign v
is 'and spends no try' "$(status_of mine pin_retries)" 8
is 'none is asked again' "$(asked secret)" 1
has 'with the reason' "$(log_last sign)" 'sign refused: '

# --- three in a row: the device wants to be pulled out
pins 1111 2222
not_ok 'two wrong ones' sign v
pins 3333
not_ok 'a third' sign v
has 'is explained' "$(log_last sign)" 'sign refused: three wrong PINs in a row: pull the security key out'
pins 123456
not_ok 'no PIN helps' sign v
has 'which is said, too' "$(log_last sign)" 'pull the security key out'
is 'before a PIN was spent on it' "$(status_of mine pin_retries)" 5
ok 'pulled out' card_pull mine
ok 'and inserted again' card_insert mine
pins 123456
ok 'it signs' touching mine sign v

# --- until it is blocked
card mine pin 123456 >/dev/null
tries=8
while [ "$tries" -gt 1 ]; do
	pins 0000 1111
	sign v >/dev/null 2>&1
	card_pull mine && card_insert mine
	tries=$(status_of mine pin_retries)
	[ "$tries" -gt 0 ] || break
done
is 'wrong until blocked' "$(status_of mine pin_retries)" 0
pins 123456
not_ok 'a blocked PIN' sign v
has 'is explained, with the way out' "$(log_last sign)" 'sign refused: the PIN is blocked.*reset'
ok 'a key on it that wants none still signs' "$ADD" -q "$T/plain"
ok 'with a touch' touching mine sign plain
ok 'the PIN is set anew' card mine pin 123456

# --- the device verifies its user itself
ok 'built-in verification' card mine uv on
card_pull mine && card_insert mine
forget
begin sign v
ok 'waits' card_await mine waiting 20
ok 'to verify its user, and to sign' card mine touch 2
result
is 'and signs' $? 0
is 'with both flags' "$(said v)" "flags=5 counter=$(status_of mine counter)"
is 'and no PIN' "$(asked secret)" 0
card mine auto on >/dev/null
ok 'a finger that is not recognised' card mine uv fail 1
ok 'is tried again' sign v
is 'still without a PIN' "$(asked secret)" 0
ok 'three times in vain' card mine uv fail 3
pins 123456
ok 'comes to the PIN' sign v
is 'which is asked for once' "$(asked secret)" 1
is 'and was used' "$(said v)" "flags=5 counter=$(status_of mine counter)"
card mine uv off >/dev/null
card mine auto off >/dev/null
card_pull mine && card_insert mine

# --- two devices
ok 'a second device' card_start theirs 2 -s "$T/theirs.state"
ok 'with a key of its own' "$ADD" -q "$T/w"
for pair in v:mine:theirs w:theirs:mine; do
	key=${pair%%:*} rest=${pair#*:}
	right=${rest%:*} wrong=${rest#*:}
	pins 123456
	before=$(status_of "$wrong" assertions)
	begin sign "$key"
	ok "$key: both devices wait to be chosen" card_await "$right" waiting 20
	ok "$key: this one, too" card_await "$wrong" waiting 20
	ok "$key: the person is told" poll 10 shown_is notice 1
	has "$key: which it is about" "$(text_of notice)" 'Touch the security key that holds'
	ok "$key: a touch chooses" card "$right" touch
	ok "$key: the PIN of this one is asked for" poll 20 asked_is secret 1
	ok "$key: and it waits" card_await "$right" waiting 20
	ok "$key: while the other does not" card_await "$wrong" waiting=no 5
	ok "$key: for the touch to sign" card "$right" touch
	result
	is "$key: it signs" $? 0
	ok "$key: rightly" verified "$key"
	is "$key: the other made no signature" "$(status_of "$wrong" assertions)" "$before"
done

# --- a PIN that is remembered
agent_stop
fido_agent --remember-pin 10m
"$ADD" -q "$T/v" "$T/plain"
card_pull theirs
pins 123456
ok 'remembered: the first time it is asked for' touching mine sign v
ok 'the second time' touching mine sign v
is 'it is not' "$(asked secret)" 1
card_pull mine && card_insert mine
forget
echo 123456 >"$T/pins"
ok 'after it was out of the reader' touching mine sign v
is 'it is' "$(asked secret)" 1
forget
lock=$(askpass lock 'echo a-passphrase')
SSH_ASKPASS=$lock SSH_ASKPASS_REQUIRE=force "$ADD" -x >/dev/null 2>&1 </dev/null
SSH_ASKPASS=$lock SSH_ASKPASS_REQUIRE=force "$ADD" -X >/dev/null 2>&1 </dev/null
echo 123456 >"$T/pins"
ok 'after the agent was locked' touching mine sign v
is 'it is asked for, too' "$(asked secret)" 1
card mine pin 654321 >/dev/null
forget
echo 654321 >"$T/pins"
ok 'changed behind our back' touching mine sign v
is 'the new one is asked for' "$(asked secret)" 1
ok 'no PIN is in the agent'\''s log' sh -c "! grep -E '123456|654321' $T/agent.log"
finish
