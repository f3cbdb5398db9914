#!/bin/sh
# signet-pkcs11 with a module that misbehaves (tests/modules/p11bad.c): what is lost comes back, what is wrong is
# refused in words, and only that.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/softhsm.sh"
. "${0%/*}/../support/pkcs11.sh"

# A library of a foreign build cannot be loaded beside the sanitizers' run-time.
no_sanitizers
softhsm_start
TOKEN_PIN=1234
token_make one 1234 && key_make one rsa:2048 01 rsa && key_make one EC:prime256v1 02 ec ||
	skip_all 'SoftHSM makes no keys here'
for id in 01 02; do
	openssl pkey -pubin -inform DER -in "$T/$id.spki" -out "$T/$id.pem"
done

# ask COMMAND...: a new helper, with the commands of tests/tools/token.c.
ask() {
	token open "$P11BAD" "$@"
}

rsa="sign one/rsa rsa-sha2-256 $T/message $T/rsa.sig"
ec="sign one/ec ecdsa-sha2-nistp256 $T/message $T/ec.sig"

rsa_known="sign @rsa ${rsa#sign * }"
ec_known="sign @ec ${ec#sign * }"

# signs DESCRIPTION COMMAND...: a login, RSA, what is told to the module, RSA and ECDSA; all sign, and well.
signs() {
	signs_what=$1
	shift
	rm -f "$T/rsa.sig" "$T/ec.sig"
	talk_begin
	talk "$rsa_known 1234"
	p11bad "$@"
	talk "$rsa_known ${AGAIN:-.}"
	talk "$ec_known ."
	talk_end
	is "$signs_what" "$(grep -c '^signed$' "$T/talk")" 3
	[ "$(grep -c '^signed$' "$T/talk")" -eq 3 ] || diag "$(cat "$T/talk")"
	if good rsa-sha2-256 "$T/01.pem" "$T/rsa.sig" && good ecdsa-sha2-nistp256 "$T/02.pem" "$T/ec.sig"; then
		pass "$signs_what: openssl takes the signatures"
	else
		fail "$signs_what: openssl takes the signatures"
	fi
}

# talk_begin, talk COMMAND, talk_end: with one helper, the answers in $T/talk; each is waited for.
talk_begin() {
	rm -f "$T/orders"
	mkfifo "$T/orders"
	p11bad
	timeout 60 "$BUILD/tests/tools/token" "$PKCS11" open "$P11BAD" - <"$T/orders" >"$T/talk" 2>&1 &
	talker=$!
	reap $talker
	exec 9>"$T/orders"
	# The names stay good while the token is away.
	printf 'remember rsa one/rsa\nremember ec one/ec\n' >&9
}
answers() {
	grep -c '' "$T/talk"
}
more_than() {
	[ "$(answers)" -gt "$1" ] || ended $talker
}
talk() {
	talk_before=$(answers)
	echo "$1" >&9
	poll 40 more_than "$talk_before"
}
talk_end() {
	exec 9>&-
	gone $talker 20
}

# --- what is lost comes back ------------------------------------------------------------
signs 'nothing is lost'
AGAIN=1234
signs 'a device that is gone once, with the PIN at hand' 'device-removed 1'
signs 'the same in the middle of it' 'device-removed-late 1'
signs 'sessions that are lost' 'session-lost 1'
signs 'somebody who logged out' 'logged-out 1'
signs 'the function that opens sessions fails once' 'session-lost 1' 'fail C_OpenSession 0xb0 1'
AGAIN=.
talk_begin
talk "$rsa_known 1234"
p11bad 'device-removed 1'
talk "$rsa_known ."
has 'without a PIN at hand it is asked for' "$(tail -n 1 "$T/talk")" '^failed 2: a PIN is needed;'
talk "$rsa_known 1234"
is 'and then the key signs' "$(tail -n 1 "$T/talk")" signed
p11bad 'device-removed'
talk "$rsa_known 1234"
has 'a device that stays away' "$(tail -n 1 "$T/talk")" '^failed 4: .*CKR_DEVICE_REMOVED'
is 'is not tried for ever' "$(($(p11bad_calls C_SignInit) < 60))" 1
p11bad
talk "$rsa_known 1234"
is 'until it is back' "$(tail -n 1 "$T/talk")" signed
talk_end

# A token that is not there, and comes again.
talk_begin
talk "$rsa_known 1234"
p11bad removable token-absent
talk "$rsa_known 1234"
has 'a token that was pulled out' "$(grep -v inventory "$T/talk" | tail -n 1)" '^failed 2: '
p11bad removable
talk "$rsa_known 1234"
is 'is back' "$(tail -n 1 "$T/talk")" signed
p11bad removable slots-absent
talk "$rsa_known 1234"
has 'no slots at all' "$(tail -n 1 "$T/talk")" '^failed 4: '
p11bad
talk "$rsa_known 1234"
is 'and they are back' "$(tail -n 1 "$T/talk")" signed
talk_end

# --- modules that are none, or die --------------------------------------------------------
none='^failed 0: the PKCS#11 module cannot be loaded or is none'
for words in no-list 'null C_Sign' 'null C_Initialize' 'fail C_Initialize 5' 'fail C_GetFunctionList 5'; do
	p11bad "$words"
	has "$words: refused in words" "$(ask inventory)" "$none"
done
p11bad 'crash C_Initialize'
is 'a crash in C_Initialize ends the helper' "$(ask inventory)" 'ended without an answer: closed; signal 11'
p11bad 'exit C_Initialize'
is 'as does an exit' "$(ask inventory)" 'ended without an answer: closed; status 0'
p11bad print-stdout
is 'words on standard output are nobody'\''s' "$(ask inventory | sed 's/ .*//' | sort | uniq -c | tr -s ' ')" \
	"$(printf ' 2 key\n 1 token')"
p11bad no-os-locking
is 'a module without threads' "$(ask $rsa 1234 burst 8 one/rsa rsa-sha2-256 "$T/message" "$T/burst.sig" | grep -c '^signed$')" 9
is 'is called by one at a time' "$(p11bad_calls overlap)" 0

# --- what is shown wrong ------------------------------------------------------------------
p11bad 'many-objects 10000'
has 'ten thousand objects' "$(ask inventory | sed -n 's/^token one.* keys=//p')" '^(1024|[0-9]{1,3})$'
is 'the real ones sign all the same' "$(ask select 'pkcs11:object=ec' . $ec 1234 | tail -n 1)" signed
certificate_make one 01
p11bad bad-der
is 'a certificate that is none leaves the others' "$(ask $rsa 1234 $ec . | grep -c '^signed$')" 2
p11bad bad-point
is 'a point that is none leaves out that key' "$(ask inventory | grep -c '^key ')" 1
is 'and no other' "$(ask $rsa 1234)" signed
p11bad same-id
is 'one CKA_ID for all keys' "$(ask $rsa 1234 $ec . | grep -c '^signed$')" 2
ok 'each signs as itself' good ecdsa-sha2-nistp256 "$T/02.pem" "$T/ec.sig"
p11bad no-public
has 'keys without public parts' "$(ask select . 1234 | tail -n 1)" '^failed 1: the token shows no key|selected'
p11bad wrong-mechanisms
is 'no CKM_RSA_PKCS: another mechanism signs' "$(ask $rsa 1234)" signed
ok 'and well' good rsa-sha2-256 "$T/01.pem" "$T/rsa.sig"
p11bad no-mechanisms
has 'no mechanisms' "$(ask $rsa 1234)" '^(signed$|failed 1: )'
for function in C_Sign C_GetSlotList C_GetMechanismList C_FindObjects C_GetAttributeValue; do
	p11bad "buffer-lies $function"
	ask select . 1234 $rsa . >"$T/lies" # "no such key" is an answer, too
	if grep -q 'ended without an answer' "$T/lies"; then
		fail "$function says that there is more than there was room for"
		diag "$(cat "$T/lies")"
	else
		pass "$function says that there is more than there was room for"
	fi
done
p11bad short-signature
has 'a signature that is too short' "$(ask $ec 1234)" '^failed 1: '

# --- PINs -----------------------------------------------------------------------------------
logins() { p11bad_calls C_Login; }
p11bad 'pin-flags final'
before=$(logins)
has 'the last try is not spent unasked' "$(ask $rsa 9999)" '^failed 1: a PIN is needed; .*flags=0x4'
is 'no login was tried' "$(logins)" "$before"
is 'but if the person knows' "$(ask flags last $rsa 1234)" signed
p11bad 'pin-flags low'
is 'an earlier wrong PIN is no reason' "$(ask $rsa 1234)" signed
p11bad 'pin-flags locked'
before=$(logins)
has 'a locked PIN' "$(ask $rsa 1234)" '^failed 1: the PIN is locked'
is 'no login is tried there' "$(logins)" "$before"
p11bad user-pin-not-initialized
has 'a token without a PIN' "$(ask $rsa 1234)" '^failed 1: the token has no PIN yet'
p11bad
before=$(logins)
has 'a wrong PIN' "$(ask $rsa 9999)" '^failed 1: the PIN is wrong'
is 'is tried once' "$(logins)" $((before + 1))
p11bad 'pin-pad 1234'
has 'a PIN pad: nothing before somebody knows' "$(ask $rsa .)" '^failed 1: a PIN is needed; .*flags=0x[13];'
is 'the pad takes the PIN' "$(ask flags pad $rsa .)" signed
p11bad 'pin-pad cancel'
has 'nobody entered one' "$(ask flags pad $rsa .)" '^failed 1: no PIN was entered'
p11bad 'always-authenticate 1234'
has 'a PIN for each signature' "$(ask $rsa 1234 $rsa . | tail -n 1)" '^failed 2: a PIN is needed; .*flags=0x2[0-9a-f]*'
is 'each with its own' "$(ask $rsa 1234 $rsa 1234 | grep -c '^signed$')" 2
has 'a wrong one' "$(ask $rsa 1234 $rsa 9999 | tail -n 1)" '^failed 2: the PIN is wrong'
is 'does not stop the next' "$(ask $rsa 1234 $rsa 9999 $rsa 1234 | tail -n 1)" signed

# --- a module that hangs ----------------------------------------------------------------------
p11bad
talk_begin
talk "$ec_known 1234"
p11bad 'hang C_Sign'
echo "$ec_known ." >&9
hung() { [ "$(p11bad_calls C_Sign)" -gt "$calls" ]; }
calls=$(p11bad_calls C_Sign)
poll 10 hung
helper=$(children $talker)
exec 9>&-
kill $talker
ok 'who asks a module that hangs can leave' gone $talker 5
# shellcheck disable=SC2086 # one process, or none
ok 'and the helper ends with it' gone $helper 5
p11bad
is 'the next helper works' "$(ask $ec 1234)" signed
finish
