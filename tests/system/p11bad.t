#!/bin/sh
# The module that misbehaves does what it is told, as OpenSC's pkcs11-tool sees it, and is SoftHSM otherwise: the tests
# of our helper stand on it.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/pkcs11.sh"
need ssh-keygen
softhsm_start
TOKEN_PIN=1234
printf 'to be signed' >"$T/data"

# tool ARGUMENT...: pkcs11-tool with the module that misbehaves; its output is one text.
tool() {
	timeout 20 pkcs11-tool --module "$P11BAD" "$@" 2>&1 </dev/null
}

# sign ID MECHANISM [ARGUMENT...]: $T/sig; silent when it went well.
sign() {
	sign_id=$1 sign_mechanism=$2
	shift 2
	rm -f "$T/sig"
	tool --token-label one --login --pin "$TOKEN_PIN" --sign --id "$sign_id" -m "$sign_mechanism" -i "$T/data" \
		-o "$T/sig" "$@"
}

# verified ID: openssl says that $T/sig is a signature of the data by this key, RSA with SHA-256.
verified() {
	openssl dgst -sha256 -verify "$T/$1.pem" -signature "$T/sig" "$T/data"
}

ok 'a token is made' token_make one 1234
ok 'an RSA key' key_make one rsa:2048 01
ok 'a P-256 key' key_make one EC:prime256v1 02
ok 'an Ed25519 key' key_make one EC:edwards25519 03
ok 'another, imported' key_import one '-algorithm ED25519' 11
p11bad 'many-objects 100'
is 'a hundred more public keys' "$(tool --list-objects --type pubkey | grep -c '^Public Key')" 104
p11bad
ok 'a certificate' certificate_make one 01
for id in 01 02 03 11; do
	public_line $id >"$T/$id.pub"
	ok "ssh-keygen reads the public key $id" ssh-keygen -lf "$T/$id.pub"
done

# --- nothing told -----------------------------------------------------------------
ok 'without commands it signs' sign 01 SHA256-RSA-PKCS
ok 'and openssl takes the signature' verified 01
is 'four public keys are there' "$(tool --list-objects --type pubkey | grep -c '^Public Key')" 4
has 'calls are counted' "$(p11bad_calls C_Sign)" '^[1-9]'
is 'a function that was not called counts for nothing' "$(p11bad_calls C_WaitForSlotEvent)" 0

# --- what gets lost -----------------------------------------------------------------
p11bad 'device-removed 1'
has 'a device that was removed' "$(sign 01 SHA256-RSA-PKCS)" CKR_DEVICE_REMOVED
ok 'once only, in all processes' sign 01 SHA256-RSA-PKCS
# pkcs11-tool begins again where C_Sign fails, in the session that is none any more.
p11bad 'device-removed-late 1'
calls=$(p11bad_calls C_SignInit)
has 'the same in C_Sign' "$(sign 01 SHA256-RSA-PKCS)" CKR_SESSION_HANDLE_INVALID
is 'behind a C_SignInit that went well' "$(p11bad_calls C_SignInit)" $((calls + 2))
p11bad 'session-lost'
has 'a session that was lost' "$(sign 01 SHA256-RSA-PKCS)" CKR_SESSION_HANDLE_INVALID
has 'without a number, always' "$(sign 01 SHA256-RSA-PKCS)" CKR_SESSION_HANDLE_INVALID
p11bad 'logged-out 1'
has 'somebody logged out' "$(sign 01 SHA256-RSA-PKCS)" CKR_USER_NOT_LOGGED_IN
p11bad token-absent
has 'no token in the slot' "$(tool --list-slots)" 'empty'
p11bad slots-absent
has 'no slots' "$(tool --list-slots)" 'No slots'
p11bad 'fail C_Login 0x30'
has 'any function fails as told' "$(sign 01 SHA256-RSA-PKCS)" 'C_Login failed.*CKR_DEVICE_ERROR'

# --- hang and crash --------------------------------------------------------------------
p11bad 'hang C_Sign'
calls=$(p11bad_calls C_Sign)
(sign 01 SHA256-RSA-PKCS >"$T/hung") &
hung=$!
reap $hung
called_again() { [ "$(p11bad_calls C_Sign)" -gt "$calls" ]; }
poll 10 called_again
ok 'a function hangs' kill -0 $hung
p11bad
ok 'until it is told otherwise' gone $hung 10
ok 'and then does its work' verified 01
p11bad 'crash C_Initialize 1'
tool --list-slots >/dev/null
is 'a crash' $? 139
has 'once' "$(tool --list-slots)" 'token label *: one'
p11bad 'exit C_GetSlotList'
is 'an end without a word' "$(tool --list-slots)" ''
p11bad 'null C_Initialize'
not_ok 'a null pointer in the list' tool --list-slots
p11bad no-list
not_ok 'no list' tool --list-slots
p11bad print-stdout
has 'words on standard output' "$(timeout 20 pkcs11-tool --module "$P11BAD" --list-slots 2>/dev/null)" 'the module says something'

# --- what is shown ----------------------------------------------------------------------
p11bad wrong-mechanisms
is 'a list without CKM_RSA_PKCS' "$(tool --list-mechanisms | grep -c ' RSA-PKCS,')" 0
has 'and it is none' "$(sign 01 RSA-PKCS)" CKR_MECHANISM_INVALID
p11bad no-mechanisms
is 'an empty list' "$(tool --list-mechanisms | grep -c keySize)" 0
p11bad no-public
is 'no public keys' "$(tool --list-objects --type pubkey | grep -c '^Public Key')" 0
is 'no certificates' "$(tool --list-objects --type cert | grep -c '^Certificate')" 0
p11bad same-id
is 'one ID for all' "$(tool --list-objects --type pubkey | sed -n 's/^ *ID: *//p' | sort -u)" 01
p11bad
ok 'the certificate is whole' sh -c "pkcs11-tool --module $P11BAD --read-object --type cert --id 01 -o $T/c && cmp $T/c $T/01.crt"
p11bad bad-der
tool --read-object --type cert --id 01 -o "$T/c" >/dev/null
not_ok 'a certificate that is none' openssl x509 -inform DER -in "$T/c" -noout
has 'of the same length' "$(stat -c %s "$T/c")" "^$(stat -c %s "$T/01.crt")\$"
p11bad removable
has 'a slot that is removable' "$(tool --list-slots -v)" 'removable'

# --- PINs ---------------------------------------------------------------------------------
p11bad 'pin-flags low'
has 'a PIN of which a try was lost' "$(tool --list-slots)" 'user PIN count low'
p11bad 'pin-flags final'
has 'a PIN with one try left' "$(tool --list-slots)" 'final user PIN try'
p11bad 'pin-flags locked'
has 'a locked PIN' "$(tool --list-slots)" 'user PIN locked'
has 'a locked PIN is not taken' "$(sign 01 SHA256-RSA-PKCS)" CKR_PIN_LOCKED
p11bad user-pin-not-initialized
has 'no PIN yet' "$(sign 01 SHA256-RSA-PKCS)" CKR_USER_PIN_NOT_INITIALIZED
p11bad 'pin-pad 1234'
has 'a PIN pad is announced' "$(tool --list-slots)" 'PIN pad'
ok 'the PIN comes from the pad' timeout 20 pkcs11-tool --module "$P11BAD" --token-label one --login --sign --id 01 \
	-m SHA256-RSA-PKCS -i "$T/data" -o "$T/sig"
ok 'and the signature is good' verified 01
p11bad 'pin-pad cancel'
has 'nobody enters it' "$(timeout 20 pkcs11-tool --module "$P11BAD" --token-label one --login --sign --id 01 -m SHA256-RSA-PKCS \
	-i "$T/data" -o "$T/sig" 2>&1)" CKR_FUNCTION_CANCELED
p11bad 'always-authenticate 1234'
has 'a PIN for each signature is announced' "$(tool --token-label one --login --pin 1234 --list-objects --type privkey)" \
	'always authenticate'
rm -f "$T/sig"
ok 'the PIN is asked for again' sign 01 SHA256-RSA-PKCS
ok 'and taken' verified 01
p11bad 'always-authenticate 4321'
not_ok 'a wrong one is not' sign 01 SHA256-RSA-PKCS

# --- signatures ---------------------------------------------------------------------------
p11bad short-signature
sign 01 SHA256-RSA-PKCS >/dev/null
is 'a byte less' "$(stat -c %s "$T/sig")" 255
p11bad wrong-signature
sign 01 SHA256-RSA-PKCS >/dev/null
not_ok 'a signature that is wrong' verified 01
p11bad
ok 'and good again' sign 01 SHA256-RSA-PKCS
ok 'as openssl says' verified 01
finish
