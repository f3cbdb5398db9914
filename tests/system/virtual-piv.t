#!/bin/sh
# The virtual PIV card of the tests, as programs that know nothing of it see it: OpenSC, Yubico's, and openssl for
# what they signed; then APDU for APDU what tests need of it.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"

need scriptor openssl perl pkcs11-tool pkcs15-tool
# Yubico's programs look for readers of this name.
PCSCD_READER='Yubico YubiKey'
OPENSC=$(ls /usr/lib/*/opensc-pkcs11.so /usr/lib*/opensc-pkcs11.so 2>/dev/null | head -n 1)
YKCS11=$(ls /usr/lib/*/libykcs11.so /usr/lib/*/libykcs11.so.2 /usr/lib*/libykcs11.so 2>/dev/null | head -n 1)
[ -n "$OPENSC" ] || skip_all 'opensc-pkcs11 is not installed'
echo 'some text' >"$T/text"
HASH=$(openssl dgst -sha256 -r "$T/text" | cut -c 1-64 | sed "s/../& /g")

# last SLOT APDU...: the last answer to them.
last() {
	apdus "$@" | tail -n 1
}

# unhex: hex on standard input to bytes.
unhex() {
	perl -ne 's/\s//g; print pack "H*", $_'
}

# public_key CERTIFICATE: what openssl reads in it.
public_key() {
	openssl x509 -in "$1" -noout -pubkey
}

# signs DESCRIPTION MODULE ID MECHANISM CERTIFICATE DIGEST: by PKCS#11, and openssl says that it is right.
signs() {
	rm -f "$T/sig"
	case $4 in ECDSA*) signs_form='--signature-format openssl' ;; *) signs_form= ;; esac
	# shellcheck disable=SC2086 # two words or none
	ok "$1: signs" pkcs11-tool --module "$2" -l -p 123456 -s --id "$3" -m "$4" $signs_form \
		-i "$T/text" -o "$T/sig"
	public_key "$5" >"$T/key.pub"
	ok "$1: the signature is right" openssl dgst "-$6" -verify "$T/key.pub" -signature "$T/sig" "$T/text"
}

ok 'pcscd starts with six slots' pcscd_start 6
ok 'a card with the usual four keys' tokencard_start main 0 -o slot=9a:p256 -o slot=9c:rsa2048 \
	-o slot=9d:rsa2048 -o slot=9e:p384 -o slot=82:rsa1024 -o slot=83:p256:gzip

# --- OpenSC -------------------------------------------------------------------
has 'opensc-tool knows what it is' "$(opensc-tool -n 2>&1)" 'Personal Identity Verification Card'
objects=$(pkcs15-tool -D 2>/dev/null)
for ref in 154:0x9A 156:0x9C 157:0x9D 158:0x9E 130:0x82 131:0x83; do
	is "pkcs15-tool finds the key ${ref#*:}, public and private" \
		"$(echo "$objects" | grep -c "Key ref *: ${ref%:*} (${ref#*:})")" 2
done
is 'and six certificates' "$(echo "$objects" | grep -c '^X.509 Certificate')" 6
for id in 01 02 03 04 05 06; do
	ok "certificate $id can be read" pkcs15-tool --read-certificate "$id" -o "$T/cert$id"
	ok 'and is one that signed itself' openssl verify -partial_chain -trusted "$T/cert$id" "$T/cert$id"
done
signs 'OpenSC, 9A, P-256' "$OPENSC" 01 ECDSA-SHA256 "$T/cert01" sha256
signs 'OpenSC, 9C, RSA-2048, a PIN for every signature' "$OPENSC" 02 SHA256-RSA-PKCS "$T/cert02" sha256
signs 'OpenSC, 9E, P-384' "$OPENSC" 04 ECDSA-SHA384 "$T/cert04" sha384
signs 'OpenSC, retired 82, RSA-1024' "$OPENSC" 05 SHA1-RSA-PKCS "$T/cert05" sha1
signs 'OpenSC, retired 83, P-256, its certificate compressed' "$OPENSC" 06 ECDSA-SHA256 "$T/cert06" sha256
not_ok 'OpenSC: a wrong PIN is refused' pkcs11-tool --module "$OPENSC" -l -p 654321 -s --id 01 -m ECDSA-SHA256 \
	-i "$T/text" -o "$T/sig"
has 'and costs a try' "$(tokencard main status)" ' wrong=1 .* pin=2 '
ok 'no extended lengths' tokencard main option extended=off
signs 'OpenSC, in pieces' "$OPENSC" 02 SHA256-RSA-PKCS "$T/cert02" sha256
has 'which brought the tries back' "$(tokencard main status)" ' pin=3 '
ok 'extended lengths' tokencard main option extended=on

# --- Yubico's -----------------------------------------------------------------
# YubiKeys forget what was verified when PIV is selected again, and Yubico's programs count on it.
ok 'a card that does as theirs' tokencard main option forgetful=on
if command -v yubico-piv-tool >/dev/null; then
	status=$(yubico-piv-tool -a status 2>&1)
	has 'yubico-piv-tool: version' "$status" '^Version:.*5\.4\.3$'
	has 'serial number' "$status" '^Serial Number:.*12345678$'
	has 'CHUID with a GUID' "$status" '^CHUID:.*3019[0-9a-f]{50}3410[0-9a-f]{32}3508'
	is 'all its slots' "$(echo "$status" | sed -n 's/^Slot \(..\):.*/\1/p' | tr '\n' ' ')" '9a 9c 9d 9e 82 83 '
	has 'tries' "$status" '^PIN tries left:.*3$'
	ok 'the PIN' yubico-piv-tool -a verify-pin -P 123456
	not_ok 'a wrong PIN' yubico-piv-tool -a verify-pin -P 654321
	for slot in 9a:01 9c:02 9e:04; do
		ok "its own test of a signature, ${slot%:*}" yubico-piv-tool -a verify-pin -P 123456 \
			-a test-signature -s "${slot%:*}" -i "$T/cert${slot#*:}"
	done
	ok 'a new PIN' yubico-piv-tool -a change-pin -P 123456 -N 1234567
	ok 'serves' yubico-piv-tool -a verify-pin -P 1234567
	ok 'tries are spent' tokencard main tries pin 0
	not_ok 'then it is blocked' yubico-piv-tool -a verify-pin -P 1234567
	ok 'the PUK helps' yubico-piv-tool -a unblock-pin -P 12345678 -N 123456
	ok 'and the PIN serves' yubico-piv-tool -a verify-pin -P 123456
else
	skip 'yubico-piv-tool' 'it is not installed'
fi
if [ -n "$YKCS11" ]; then
	has 'ykcs11 sees the keys' "$(pkcs11-tool --module "$YKCS11" -O 2>&1)" 'Public key for PIV Authentication'
	signs 'ykcs11, 9A' "$YKCS11" 01 ECDSA-SHA256 "$T/cert01" sha256
	signs 'ykcs11, 9C' "$YKCS11" 02 SHA256-RSA-PKCS "$T/cert02" sha256
else
	skip 'ykcs11' 'it is not installed'
fi

# --- APDU for APDU ------------------------------------------------------------
SELECT="00 A4 04 00 05 A0 00 00 03 08 00"
SELECT_PGP="00 A4 04 00 06 D2 76 00 01 24 01 00"
PIN="00 20 00 80 08 31 32 33 34 35 36 FF FF"
WRONG="00 20 00 80 08 36 35 34 33 32 31 FF FF"
TRIES="00 20 00 80"
# sign_apdu SLOT: with P-256.
sign_apdu() {
	echo "00 87 11 $1 26 7C 24 82 00 81 20 ${HASH}00"
}

ok 'a card of both applets' tokencard_start both 1 -o applets=both -o slot=9a:p256 -o slot=9c:p256 \
	-o slot=9e:p256 -o slot=9d:p256:touch -o slot=95:ed25519 -o slot=84:p256:pin-never:touch-cached \
	-o touch_ms=60000
is 'nothing is selected at first' "$(last 1 "$TRIES")" 6D00
is 'SELECT' "$(last 1 "$SELECT")" '61114F0600001000010079074F05A0000003089000'
is 'how many tries' "$(last 1 "$SELECT" "$TRIES")" 63C3
is 'verified' "$(last 1 "$SELECT" "$PIN" "$TRIES")" 9000
is 'it stays so when PIV is selected again' "$(last 1 "$SELECT" "$PIN" "$SELECT" "$TRIES")" 9000
is 'and when what is not there is selected' \
	"$(last 1 "$SELECT" "$PIN" '00 A4 04 00 05 A0 00 00 06 47 00' "$TRIES")" 9000
is 'not when another applet was' "$(last 1 "$SELECT" "$PIN" "$SELECT_PGP" "$SELECT" "$TRIES")" 63C3
is 'verified' "$(last 1 "$SELECT" "$PIN")" 9000
ok 'it is pulled' tokencard_pull both
ok 'and inserted' tokencard_insert both
is 'it forgot' "$(last 1 "$SELECT" "$TRIES")" 63C3
is 'nor when it was taken back' "$(last 1 "$SELECT" "$PIN" '00 20 FF 80' "$TRIES")" 63C3
ok 'a card that forgets' tokencard both option forgetful=on
is 'does so when it is selected' "$(last 1 "$SELECT" "$PIN" "$SELECT" "$TRIES")" 63C3
ok 'one that does not' tokencard both option forgetful=off
is 'a wrong PIN' "$(last 1 "$SELECT" "$WRONG")" 63C2
is 'takes back what was verified' "$(last 1 "$SELECT" "$PIN" "$WRONG" "$TRIES")" 63C2
is 'what is no PIN costs no try' "$(last 1 "$SELECT" '00 20 00 80 04 31 32 33 34' "$TRIES")" 63C2
is 'the last try' "$(last 1 "$SELECT" "$WRONG" "$WRONG")" 63C0
is 'blocked' "$(last 1 "$SELECT" "$PIN")" 6983
ok 'tries again' tokencard both tries pin 3

# signed SLOT_ID: what the card said is right by its certificate.
signed() {
	case $1 in
	9C) signed_object='5F C1 0A' ;;
	9D) signed_object='5F C1 0B' ;;
	9E) signed_object='5F C1 01' ;;
	84) signed_object='5F C1 0F' ;;
	*) signed_object='5F C1 05' ;;
	esac
	last 1 "$SELECT" "00 CB 3F FF 00 00 05 5C 03 $signed_object 00 00" |
		sed 's/^5382....7082....//; s/710100FE009000$//' | unhex |
		openssl x509 -inform DER -noout -pubkey >"$T/key.pub" &&
		sed 's/^7C..82..//; s/9000$//' "$T/answer" | unhex >"$T/sig" &&
		openssl dgst -sha256 -verify "$T/key.pub" -signature "$T/sig" "$T/text"
}
is '9A wants the PIN' "$(last 1 "$SELECT" "$(sign_apdu 9A)")" 6982
last 1 "$SELECT" "$PIN" "$(sign_apdu 9A)" "$(sign_apdu 9A)" >"$T/answer"
ok 'once' signed 9A
last 1 "$SELECT" "$PIN" "$(sign_apdu 9C)" >"$T/answer"
ok '9C wants it' signed 9C
is 'for each' "$(last 1 "$SELECT" "$PIN" "$(sign_apdu 9C)" "$(sign_apdu 9C)")" 6982
is 'and right before it' "$(last 1 "$SELECT" "$PIN" '00 CB 3F FF 03 5C 01 7E 00' "$(sign_apdu 9C)")" 6982
last 1 "$SELECT" "$(sign_apdu 9E)" >"$T/answer"
ok '9E never' signed 9E
is 'a key that is not there' "$(last 1 "$SELECT" "$PIN" "$(sign_apdu 82)")" 6A86
last 1 "$SELECT" "$PIN" "10 87 11 9A 06 7C 24 82 00 81 20" "00 87 11 9A 20 ${HASH}00" >"$T/answer"
ok 'a command in pieces' signed 9A
is 'an answer in pieces says how much is left' \
	"$(apdus 1 "$SELECT" '00 CB 3F FF 03 5C 01 7E 04' '00 C0 00 00 00' | tail -n 2)" \
	'7E124F0B6110
A0000003080000100001005F2F0240009000'
# Ed25519, which no client here knows: by openssl alone.
{
	printf '302a300506032b6570032100'
	last 1 "$SELECT" '00 F7 00 95 00' | sed 's/.*04228620\(.\{64\}\)9000$/\1/'
} | unhex >"$T/ed.der"
last 1 "$SELECT" "$PIN" "00 87 E0 95 10 7C 0E 82 00 81 0A$(od -An -tx1 "$T/text") 00" |
	sed 's/^7C428240//; s/9000$//' | unhex >"$T/sig"
ok 'Ed25519' openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$T/ed.der" -sigfile "$T/sig" -in "$T/text"

# --- touch --------------------------------------------------------------------
# touching SLOT_ID: sign in the background, until it waits for a touch.
touching() {
	last 1 "$SELECT" "$PIN" "$(sign_apdu "$1")" >"$T/answer" &
	touching=$!
	reap "$touching"
	tokencard_await both waiting 10
}
ok 'a key waits for a touch' touching 9D
ok 'which comes' tokencard both touch
ok 'then it ends' gone "$touching" 10
ok 'with a signature' signed 9D
ok 'another' touching 9D
ok 'is refused' tokencard both refuse
ok 'then it ends' gone "$touching" 10
is 'with nothing' "$(cat "$T/answer")" 6982
ok 'it need not wait for long' tokencard both option touch_ms=100
is 'for what never comes' "$(last 1 "$SELECT" "$PIN" "$(sign_apdu 9D)")" 6982
ok 'one whose touch is remembered' tokencard both touch
apdus 1 "$SELECT" "$(sign_apdu 84)" "$(sign_apdu 84)" | tail -n 1 >"$T/answer"
ok 'needs one of them' signed 84
has 'in all two touches' "$(tokencard both status)" ' touches=2 '

# --- misbehaviour -------------------------------------------------------------
DISCOVERY='00 CB 3F FF 03 5C 01 7E 00'
while read -r mode answer; do
	tokencard both mode $(echo "$mode" | tr , ' ') >"$T/out" || diag "$mode: $(cat "$T/out")"
	has "misbehaves: $mode" "$(last 1 "$SELECT" "$DISCOVERY")" "^$answer\$"
done <<-'MODES'
	good 7E124F0BA0000003080000100001005F2F0240009000
	truncated,ins=cb 7E124F0BA000000308009000
	bare,ins=cb 9000
	status,6581,ins=cb 6581
	status,1234 1234
	oversize,ins=cb 7E83FFFFFF4F0BA0000003080000100001005F2F0240009000
	nothing-behind,ins=cb 6120
	endless,ins=cb 7E12.*61FF
	garbage,ins=cb [0-9A-F]{40}9000
MODES
tokencard both mode long ins=cb >"$T/out"
has 'misbehaves: long' "$(last 1 "$SELECT" '00 CB 3F FF 00 00 03 5C 01 7E 00 00' | cut -c 1-40)" \
	'^7E124F0BA000000308'
tokencard both mode endless ins=cb >"$T/out"
has 'there is always more' "$(last 1 "$SELECT" "$DISCOVERY" '00 C0 00 00 00' '00 C0 00 00 00')" '^7E.*61FF$'
tokencard both mode nothing-behind ins=cb >"$T/out"
is 'there is nothing' "$(last 1 "$SELECT" "$DISCOVERY" '00 C0 00 00 20')" 6985
tokencard both mode bad-signature >"$T/out"
last 1 "$SELECT" "$PIN" "$(sign_apdu 9A)" >"$T/answer"
not_ok 'a wrong signature' signed 9A
tokencard both mode other-key >"$T/out"
last 1 "$SELECT" "$PIN" "$(sign_apdu 9A)" >"$T/answer"
not_ok 'a signature of another key' signed 9A
tokencard both mode hang 700 ins=cb times=1 >"$T/out"
start=$(date +%s%N)
is 'it takes its time' "$(last 1 "$SELECT" "$DISCOVERY" | tail -c 5)" 9000
ok 'as long as it was told' test $((($(date +%s%N) - start) / 1000000)) -ge 700
has 'once' "$(tokencard both status)" ' mode=good$'
before=$(tokencard both status | sed 's/.* signatures=\([0-9]*\) .*/\1/')
ok 'it is pulled in the middle of a signature' tokencard both mode die-after ins=87 times=1
last 1 "$SELECT" "$PIN" "$(sign_apdu 9A)" >"$T/answer"
not_ok 'which does not come' signed 9A
ok 'it is gone' poll 10 slot_has 1 No
has 'the signature was made' "$(tokencard both status)" " signatures=$((before + 1)) "
ok 'it comes again' tokencard_insert both
last 1 "$SELECT" "$PIN" "$(sign_apdu 9A)" >"$T/answer"
ok 'with the same key' signed 9A

# --- kinds of cards -----------------------------------------------------------
ok 'a plain card' tokencard_start plain 2 -o yubico=off -o guid=none -o discovery=off -o chaining=off \
	-o slot=9a:p256:broken -o slot=9c:p256:nocert -o slot=9e:p256:gzip
is 'has no version' "$(last 2 "$SELECT" '00 FD 00 00 00')" 6D00
is 'no serial number' "$(last 2 "$SELECT" '00 F8 00 00 00')" 6D00
is 'no metadata' "$(last 2 "$SELECT" '00 F7 00 9A 00')" 6D00
is 'no discovery object' "$(last 2 "$SELECT" "$DISCOVERY")" 6A82
has 'no GUID' "$(last 2 "$SELECT" '00 CB 3F FF 05 5C 03 5F C1 02 00')" '^53..3019.{50}350832303430313233313E00FE009000$'
has 'a certificate that is none' "$(last 2 "$SELECT" '00 CB 3F FF 05 5C 03 5F C1 05 00')" '^5324701D74686973'
is 'no certificate' "$(last 2 "$SELECT" '00 CB 3F FF 05 5C 03 5F C1 0A 00')" 6A82
is 'no pieces of commands' "$(last 2 "$SELECT" '10 CB 3F FF 01 5C')" 6884
set --
for n in 82 83 84 85 86 87 88 89 8a 8b 8c 8d 8e 8f 90 91 92 93 94 95; do
	set -- "$@" -o slot=$n:p256
done
ok 'a card with all retired keys' tokencard_start many 3 "$@" -s "$T/state"
is 'OpenSC finds them' "$(pkcs15-tool --reader "$(reader_name 3)" -c 2>/dev/null | grep -c '^X.509 Certificate \[Retired')" 20
is 'a wrong PIN there' "$(last 3 "$SELECT" "$WRONG")" 63C2
ok 'the same card in another reader' tokencard_start again 4 -s "$T/state"
is 'has one try less as well' "$(last 4 "$SELECT" "$TRIES")" 63C2
history='00 CB 3F FF 00 00 05 5C 03 5F C1 20 00 00'
is 'and the same certificates' "$(last 4 "$SELECT" "$history")" "$(last 3 "$SELECT" "$history")"
finish
