#!/bin/sh
# signet-pkcs11 with modules that misbehave, and tokens that get lost: refused in words, got back where it can be,
# and no PIN tried twice or where it would be the last.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/pkcs11.sh"
. "${0%/*}/../support/token.sh"
no_sanitizers

token_make one 1234
hsm_key one 1234 EC:prime256v1 01 first
hsm_key one 1234 EC:prime256v1 01 second
hsm_key one 1234 rsa:2048 02 rsa
token_make two 4321
hsm_key two 4321 rsa:2048 03 other
hsm_public one 1234 02 rsa "$T/rsa.pub"
hsm_public two 4321 03 other "$T/other.pub"
BAD=$P11BAD

# bad [COMMAND...]: what the module does from now on, with calls counted anew.
bad() {
	rm -f "$BAD.commands.calls"
	p11bad "$@"
}
calls() {
	p11bad_calls "$1"
}
# answers COMMAND...: without what is selected.
answers() {
	token open "$BAD" "$@" | grep -v -e '^selected' -e ' selected$'
}
login='select pkcs11:token=one 1234'
rsa="sign one/rsa rsa-sha2-256 $T/message $T/sig"
other="sign two/other rsa-sha2-256 $T/message $T/other.sig"
# shellcheck disable=SC2086 # commands are words
signs() {
	rm -f "$T/sig"
	answers $login $rsa "${1:-.}" && good rsa-sha2-256 "$T/rsa.pub" "$T/sig" && echo good
}
needed='a PIN is needed; tries=255 flags=0x0; '
bad
is 'when it behaves' "$(signs)" 'signed
good'

# --- what gets lost is got back, once, with the PIN only where the token wants it
for lost in 'device-removed 1' 'device-removed-late 1' 'session-lost 1' 'logged-out 1' 'fail C_Sign 0x30 1' \
	'fail C_SignInit 0xe0 1' 'fail C_SignInit 0xb0 1' 'fail C_SignInit 0x82 1' 'fail C_SignInit 0x60 1' \
	'fail C_SignInit 0x90 1' 'fail C_Sign 0x101 1' 'fail C_SignInit 0x190 1'; do
	bad "$lost"
	is "a PIN that is there is used after: $lost" "$(signs 1234)" 'signed
good'
done
bad 'device-removed 1'
is 'without one it is needed' "$(signs)" "failed 2: $needed"
for lost in 'fail C_SignInit 0x82 1' 'fail C_SignInit 0x60 1' 'fail C_SignInit 0x90 1' 'fail C_Sign 0xb3 1'; do
	bad "$lost"
	is "none is after: $lost" "$(signs)" 'signed
good'
done
bad 'device-removed'
has 'lost for ever' "$(signs 1234)" '^failed 2: the token was pulled out;.*CKR_DEVICE_REMOVED'
is 'it was tried twice' "$(calls C_SignInit)" 2
bad 'logged-out'
has 'one that forgets every login' "$(signs 1234)" '^failed 2: the token cannot make signatures'
bad 'fail C_Sign 0x30'
has 'a device with an error' "$(signs 1234)" '^failed 2: the token or its module reported an error;.*C_Sign: CKR_DEVICE_ERROR'
# Somebody else's logout shows in handles that mean nothing any more.
bad 'logged-out-quietly 1'
is 'hidden is not gone' "$(answers $login $rsa . $rsa 1234 | sed 's/;.*//')" 'failed 2: a PIN is needed
signed'

# --- PINs
bad 'pin-flags final'
has 'the last try is not spent' "$(answers $login)" '^failed 1: a PIN is needed; tries=1 flags=0x4;'
is 'not even asked' "$(calls C_Login)" 0
has 'unless it may be' "$(answers flags last $login $rsa .)" '^signed$'
bad 'pin-flags locked'
has 'a locked PIN' "$(answers $login)" '^failed 1: the PIN is locked'
has 'is told by the inventory' "$(answers inventory)" '^token one .*flags=0x8 tries=0 '
bad 'user-pin-not-initialized'
has 'no PIN at all' "$(answers $login)" '^failed 1: the token has no PIN yet'
has 'is told too' "$(answers inventory)" '^token one .*flags=0x10 '
bad
answers select . 9999 >"$T/wrong"
has 'a wrong PIN' "$(cat "$T/wrong")" '^failed 1: the PIN is wrong; tries=255 flags=0x2;'
is 'is tried once, on one token' "$(calls C_Login)" 1
bad 'pin-pad 1234'
has 'a reader with keys is told of' "$(answers inventory)" '^token one .*flags=0x[13] '
has 'and not used unasked' "$(answers $rsa .)" '^failed 1: a PIN is needed; tries=255 flags=0x[13];'
is 'but when it is' "$(answers flags pad $rsa .)" 'signed'
bad 'pin-pad cancel'
has 'nobody enters one' "$(answers flags pad $rsa .)" '^failed 1: no PIN was entered'
bad 'always-authenticate 1234'
is 'a PIN for each, refused, leaves no operation behind' "$(answers $login $rsa . $rsa 1111 $rsa 1234 $other 4321 $rsa .)" \
	"failed 2: a PIN is needed; tries=255 flags=0x20; 
failed 3: the PIN is wrong; tries=255 flags=0x0; C_Login: CKR_PIN_INCORRECT
signed
failed 5: the PIN is wrong; tries=255 flags=0x0; C_Login: CKR_PIN_INCORRECT
failed 6: a PIN is needed; tries=255 flags=0x20; "
bad 'always-authenticate 1234' 'context-lost 1'
has 'a PIN for each of which nobody knows whether it was tried' "$(answers $login $rsa 1234)" \
	'^failed 2: .*C_Login: CKR_OPERATION_NOT_INITIALIZED'
is 'is not tried again' "$(calls C_Login)" 2
bad 'fail C_Login 0x30 1'
has 'nor is one for all' "$(answers $rsa 1234)" '^failed 1: .*C_Login: CKR_DEVICE_ERROR'
is 'not even in another session' "$(calls C_Login)" 1
bad 'fail C_Login 0xb3 1'
has 'but where there was no session' "$(answers $rsa 1234)" '^signed'
bad 'swap 1'
is 'tokens that changed places' "$(signs 1234)" 'signed
good'
is 'the PIN went to its own' "$(grep '^login' "$BAD.commands.calls" | sort -u)" 'login one'
bad 'swap 1'
is 'and to none before it is known' "$(signs)" "failed 2: $needed"

# --- what it shows
for trouble in wrong-mechanisms no-mechanisms no-os-locking print-stdout bad-der same-id; do
	bad "$trouble"
	is "it signs all the same: $trouble" "$(signs)" 'signed
good'
done
bad wrong-mechanisms
is 'for all hashes' "$(answers $login sign one/rsa ssh-rsa "$T/message" "$T/sig1" . sign one/rsa rsa-sha2-512 \
	"$T/message" "$T/sig512" . | grep -c signed)" 2
ok 'with SHA-1' good ssh-rsa "$T/rsa.pub" "$T/sig1"
ok 'with SHA-512' good rsa-sha2-512 "$T/rsa.pub" "$T/sig512"
bad no-os-locking
is 'one that wants no threads is called by one' "$(answers inventory $login burst 20 one/rsa rsa-sha2-256 "$T/message" "$T/b" |
	sed -n 's/^token one.*parallel/parallel/p; /^signed/p' | sort | uniq -c | tr -s ' ')" " 1 parallel=1 keys=3
 20 signed"
is 'at a time' "$(calls overlap)" 0
bad no-public
is 'without public objects keys are found by their private halves' "$(token open "$BAD" $login | tail -n 1)" '1 selected'
bad bad-point
is 'points that are none are left out' "$(token open "$BAD" inventory | grep -c ecdsa)" 0
bad 'many-objects 10000'
signs >"$T/many"
is 'ten thousand objects' "$(tail -n 1 "$T/many")" good
has 'of which some are left out in words' "$(cat "$T/err")" 'more than 2048 objects'
has 'and keys too' "$(token open "$BAD" inventory >/dev/null; cat "$T/err")" 'keys are left out'
bad short-signature
answers $login "sign" one/first ecdsa-sha2-nistp256 "$T/message" "$T/sig" . >"$T/short"
has 'a signature that is too short' "$(cat "$T/short")" '^failed 2: the token or its module reported an error;.*C_Sign: no signature by'
bad wrong-signature
has 'one that is wrong, of a key that is not known for sure' \
	"$(answers $login sign one/first ecdsa-sha2-nistp256 "$T/message" "$T/sig" .)" '^failed 2: the token or its module reported an error;.*C_Sign: no signature by'
for function in C_Sign C_GetSlotList C_GetMechanismList C_FindObjects C_GetAttributeValue; do
	bad "buffer-lies $function"
	token open "$BAD" $login $rsa . >"$T/lies"
	[ $? -ne 3 ] && pass "it says that there is more than there is: $function" || fail "lies of $function"
done
bad 'fail C_Sign 0x150'
has 'a buffer that is too small' "$(signs)" '^failed 2: .*C_Sign: CKR_BUFFER_TOO_SMALL'

# --- what it does to its process
none='^failed 0: the PKCS#11 module cannot be loaded or is none;'
bad no-list
has 'no list of functions' "$(answers)" "$none"
bad 'null C_Sign'
has 'one with a gap' "$(answers)" "$none"
bad 'fail C_Initialize 0x30'
has 'it cannot start' "$(answers)" "$none.*C_Initialize: CKR_DEVICE_ERROR"
bad 'crash C_Initialize'
is 'a crash at the start' "$(answers)" 'ended without an answer: closed; signal 11'
bad 'exit C_Initialize'
is 'an end at the start' "$(answers)" 'ended without an answer: closed; status 0'
bad 'crash C_Sign'
is 'a crash in a signature' "$(answers $login $rsa .)" 'ended without an answer: closed; signal 11'

# --- a token that goes and comes back
bad removable
mkfifo "$T/orders"
"$BUILD/tests/tools/token" "$PKCS11" open "$BAD" $login remember rsa one/rsa pid - <"$T/orders" >"$T/answers" 2>&1 &
asker=$!
reap $asker
exec 9>"$T/orders"
# told WORD...: an order, and wait for one more line that is no selection.
seen=0
told() {
	lines=$(grep -cv '^selected' "$T/answers")
	echo "$*" >&9
	poll 15 more
}
more() {
	[ "$(grep -cv '^selected' "$T/answers")" -gt "$lines" ]
}
last() {
	tail -n 1 "$T/answers"
}
ok 'the helper starts' poll 10 grep -q '^[0-9]*$' "$T/answers"
helper=$(grep '^[0-9]*$' "$T/answers")
told "sign @rsa rsa-sha2-256 $T/message $T/sig ."
is 'it signs' "$(last)" signed
bad removable token-absent
told 'next 10'
is 'somebody who did not ask is told that it went' "$(last)" inventory
told "sign @rsa rsa-sha2-256 $T/message $T/sig ."
has 'it does not sign' "$(last)" '^failed [0-9]*: the token was pulled out'
bad removable
echo 'watch 1' >&9
told 'next 10'
is 'that it came back' "$(last)" inventory
told "sign @rsa rsa-sha2-256 $T/message $T/sig ."
has 'it wants its PIN again' "$(last)" '^failed [0-9]*: a PIN is needed'
told "sign @rsa rsa-sha2-256 $T/message $T/sig 1234"
is 'and signs' "$(last)" signed
ok 'well' good rsa-sha2-256 "$T/rsa.pub" "$T/sig"
echo 'watch 0' >&9
told inventory
fds=$(ls "/proc/$helper/fd" | wc -l)
for round in 1 2 3 4 5; do
	bad 'device-removed 1'
	told "sign @rsa rsa-sha2-256 $T/message $T/sig 1234"
done
is 'after five losses it signs' "$(last)" signed
is 'with no more descriptors than before' "$(ls "/proc/$helper/fd" | wc -l)" "$fds"
# One that hangs holds up nobody else; the asker hangs up on it.
bad 'hang C_SignInit'
exec 8>&9
"$BUILD/tests/tools/token" "$PKCS11" open "$BAD" pid $login $rsa . </dev/null >"$T/hung" 2>&1 &
hung=$!
reap $hung
ok 'one that hangs' poll 10 grep -qx C_SignInit "$BAD.commands.calls"
victim=$(head -n 1 "$T/hung")
kill $hung
ok 'ends with who asked it' gone "$victim" 5
exec 8>&- 9>&-
ok 'as all do' gone "$helper" 5
finish
