#!/bin/sh
# seconds 200
# PIV cards through PKCS#11 modules of others, OpenSC's and Yubico's, with a virtual card on the real pcscd: signatures,
# PINs with the tries left, cards that come and go, a pcscd that is restarted.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/p11agent.sh"
need ssh-add ssh-keygen openssl pkcs15-tool
no_sanitizers
[ -x "$BUILD/tests/virtual/token-card" ] || skip_all 'token-card is not built'
# Yubico's module looks for readers of this name.
PCSCD_READER='Yubico YubiKey'
for file in /usr/lib/*/opensc-pkcs11.so /usr/lib*/opensc-pkcs11.so /usr/lib/*/pkcs11/opensc-pkcs11.so; do
	[ ! -e "$file" ] || OPENSC=$(readlink -f "$file")
done
for file in /usr/lib/*/libykcs11.so.2 /usr/lib/*/libykcs11.so /usr/lib*/libykcs11.so; do
	[ ! -e "$file" ] || YKCS11=$(readlink -f "$file")
done

# status_of NAME: a fact of the card's.
status_of() {
	tokencard piv status | tr ' ' '\n' | sed -n "s/^$1=//p"
}
# public ID NAME: the public key in a certificate on the card, as pkcs15-tool reads it.
public() {
	pkcs15-tool --read-certificate "$1" -o "$T/$2.crt" >/dev/null 2>&1 &&
		openssl x509 -in "$T/$2.crt" -noout -pubkey >"$T/$2.pem" &&
		ssh-keygen -i -m PKCS8 -f "$T/$2.pem" >"$T/$2.pub"
}
held() {
	ssh-add -L 2>/dev/null | grep -qF "$(cut -d ' ' -f 1,2 "$T/$1.pub")"
}
present_is() {
	[ "$(ours -l -v | grep -c "present: $1")" -eq "$2" ]
}

ok 'pcscd starts' pcscd_start 2
ok 'a card' tokencard_start piv 0 -s "$T/piv.state" -o slot=9a:p256 -o slot=9c:rsa2048 -o slot=9e:p384 ||
	finish
ok 'its key for logins' public 01 nine_a
ok 'its key for documents' public 02 nine_c

# tried NAME MODULE
tried() {
	module=$2
	: >"$T/pin"
	p11agent || fail 'the agent starts'
	ok "$1: added without a PIN" openssh -s "$module"
	ok "$1: the key for logins is there" held nine_a
	ok "$1: and that for documents" held nine_c
	keys=$(comments | wc -l)
	person 123456
	ok "$1: it signs" well nine_a
	is "$1: for the PIN" "$(asked secret)" 1
	person
	ok "$1: and again" well nine_a
	is "$1: for none" "$(asked secret)" 0
	before=$(status_of verifies)
	person 123456 123456
	ok "$1: one that wants it each time" well nine_c
	ok "$1: and again" well nine_c
	is "$1: asks each time" "$(asked secret)" 2
	has "$1: and says so" "$(questions secret)" 'for each signature'
	is "$1: the card was told twice" "$(($(status_of verifies) - before >= 2))" 1
	ok "$1: which is no hindrance to the other" well nine_a

	# The card comes and goes.
	ok "$1: the card is pulled out" tokencard_pull piv
	ok "$1: its keys are not there any more" poll 10 present_is no "$keys"
	person 123456
	sign nine_a >/dev/null 2>&1 &
	signing=$!
	reap $signing
	ok "$1: whoever signs is asked for it" poll 15 asked_is confirm 1
	has "$1: by name" "$(questions confirm)" 'Plug in the token'
	ok "$1: the card comes back" tokencard_insert piv
	ok "$1: and it goes on by itself" gone $signing 20
	ok "$1: rightly" verified nine_a
	is "$1: with the PIN, since the card wants it" "$(asked secret)" 1
	ok "$1: its keys are there again" poll 10 present_is yes "$keys"

	# Another pcscd.
	ok "$1: pcscd ends" pcscd_stop
	ok "$1: another one starts" pcscd_start 2
	poll 20 slot_has 0 Yes
	person 123456 123456
	ok "$1: it signs once more" well nine_a
	has "$1: with the PIN" "$(asked secret)" '^[01]$'
	is "$1: and no question for the card" "$(asked confirm)" 0

	# Tries: three of them.
	ok "$1: the card is pulled out once more" tokencard_pull piv
	poll 10 present_is no "$keys"
	ok "$1: and inserted" tokencard_insert piv
	ok "$1: seen" poll 10 present_is yes "$keys"
	person 999999 888888
	not_ok "$1: two wrong PINs" sign nine_a
	is "$1: are two tries" "$(status_of pin)" 1
	has "$1: the second question says that one was wrong" "$(questions secret)" '[Ww]rong'
	person 123456
	ok "$1: the last try, which is right" well nine_a
	has "$1: is said to be one" "$(questions secret)" 'last try'
	is "$1: all are back" "$(status_of pin)" 3
	is "$1: no PIN was written down" "$(lines_with "$T/agent.log" 123456 999999)" 0
	ok "$1: removed" openssh -e "$module"
	ok "$1: its helper ends" poll 10 no_p11helpers
	agent_stop
}
if [ -n "${OPENSC-}" ]; then
	tried opensc "$OPENSC"
else
	skip 'OpenSC' 'opensc-pkcs11.so is not installed'
fi
if [ -n "${YKCS11-}" ]; then
	tried ykcs11 "$YKCS11"
else
	skip "Yubico's module" 'libykcs11.so is not installed'
fi
finish
