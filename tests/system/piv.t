#!/bin/sh
# PIV cards through the whole: offered before and after they come, listed with names that say what they are, logins with
# every kind of key, certificates, and what --tokens tells.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/smartcards.sh"

ok 'pcscd starts' pcscd_start 4
keygen ed25519 "$T/ca"
: >"$T/trusted"
server_start "TrustedUserCAKeys $T/trusted"
person_agent

# --- an offer, and the card that comes
ok 'cards are offered' "$ADD" -q --card
is 'without one there is no key' "$(keys)" 0
ok 'a card comes' tokencard_start main 0 -s "$T/main.state" -o serial=1234567 -o slot=9a:p256 -o slot=9c:rsa2048 \
	-o slot=9d:p384 -o slot=9e:ed25519 -o slot=82:rsa4096 -o slot=83:rsa3072:nocert
ok 'with the keys to log in by' poll 10 keys_are 2
has 'named so that one knows which is meant' "$(ssh-add -L)" '^ecdsa-sha2-nistp256 [^ ]* PIV 9a, .*1234567$'
has 'both' "$(ssh-add -L)" '^ssh-ed25519 [^ ]* PIV 9e, .*1234567$'
ok 'the rest by name' "$ADD" -q --card 1234567 --slot 9c --slot 9d --slot 82 --slot 83
is 'is there at once' "$(keys)" 6
exits 'a slot without a key' 1 "$ADD" -q --card --slot 95
has 'is said to be one' "$(cat "$T/err")" 'the token shows no key'
is 'and adds none' "$(keys)" 6
for each in 9a 9c 9d 9e 82 83; do
	ok "a key: $each" public $each "PIV $each, "
done
has 'a list for people' "$("$ADD" -l -v)" 'PIV 9a, .*1234567'
is 'all are there' "$("$ADD" -l -v | grep -c 'present: yes')" 6

if command -v yubico-piv-tool >/dev/null; then
	for each in 9a 9c 9d 82; do
		yubico-piv-tool -r "$(reader_name 0)" -a read-certificate -s $each 2>"$T/err" |
			openssl x509 -noout -pubkey >"$T/$each.pem" 2>>"$T/err"
		is "the key is the one that yubico-piv-tool sees: $each" "$(cut -d ' ' -f 1,2 "$T/pub/$each.pub")" \
			"$(ssh-keygen -i -m PKCS8 -f "$T/$each.pem" | cut -d ' ' -f 1,2)"
	done
else
	skip 'the keys that yubico-piv-tool sees' 'it is not installed'
fi

# --- logins and signatures
for each in 9a 9c 9d 9e 82 83; do
	login $each
	pins 123456
	ok "ssh-keygen signs: $each" sign $each
	ok "and verifies: $each" verified $each
	pins 123456
	ok "ssh-add -T: $each" ssh-add -T "$T/pub/$each.pub"
done
login 9c -oPubkeyAcceptedAlgorithms=rsa-sha2-256
login 9c -oPubkeyAcceptedAlgorithms=rsa-sha2-512
is 'no wrong PIN was ever tried' "$(status_of main wrong)" 0

# --- certificates
ssh-keygen -q -s "$T/ca" -I first -n nobody "$T/pub/9a.pub"
mv "$T/pub/9a-cert.pub" "$T/first-cert.pub"
ssh-keygen -q -s "$T/ca" -I second -n "$user" "$T/pub/9a.pub"
mv "$T/pub/9a-cert.pub" "$T/second-cert.pub"
: >"$T/authorized_keys"
cat "$T/ca.pub" >"$T/trusted"
not_ok 'without a certificate there is no login' try
pins 123456
ok 'a certificate' "$ADD" --certificate "$T/first-cert.pub"
is 'is listed beside the key' "$(ssh-add -L | grep -c 'cert-v01')" 1
not_ok 'for another user: no login' try
pins 123456
ok 'a newer one' "$ADD" --certificate "$T/second-cert.pub"
is 'takes its place' "$(ssh-add -L | grep 'cert-v01' | cut -d ' ' -f 2)" "$(cut -d ' ' -f 2 "$T/second-cert.pub")"
pins 123456
ok 'and lets in' try
ok 'the card is pulled' tokencard_pull main
ok 'and comes back' tokencard_insert main
pins 123456
ok 'the certificate still lets in' try
: >"$T/trusted"
keygen ecdsa "$T/other"
ssh-keygen -q -s "$T/ca" -I other -n "$user" "$T/other.pub"
exits 'a certificate for a key that is not held' 1 "$ADD" --certificate "$T/other-cert.pub"
has 'is refused in words' "$(cat "$T/err")" 'It is for the key SHA256:.*added first'

# --- nothing happens
ok 'nothing of the agent wakes up while nothing happens' poll 30 sleeping

# --- the offer ends
ok 'the other offer ends' "$ADD" -q -d --card 1234567 --slot 9c --slot 9d --slot 82 --slot 83
is 'with its keys' "$(ssh-add -L | grep -vc cert-v01)" 2
ok 'all offers end' "$ADD" -q -D
is 'with all' "$(keys)" 0
tokencard_pull main
tokencard_insert main
ok 'a card that comes then adds none' poll 5 slot_has 0 Yes
is 'so that none is listed' "$(keys)" 0

# --- what --tokens tells
ok 'another card' tokencard_start second 2 -o applets=both -o serial=7654321 -o slot=9a:rsa2048:touch -o slot=aut:p256 \
	-o slot=sig:ed25519 -o slot=dec:x25519
ok 'one that is not known' tokencard_start strange 3 -o applets=openpgp
tokencard strange mode status 6d00 >"$T/out"
tokencard_pull strange && tokencard_insert strange
ok 'tokens are listed' "$ADD" --tokens
cp "$T/out" "$T/tokens"
has 'a card, by serial number and reader' "$(cat "$T/tokens")" '1234567 \(in Virtual FIDO 0 00 00\)'
has 'its kind, firmware and tries' "$(cat "$T/tokens")" '^  PIV; serial 1234567; firmware 5\.4\.3; 3 PIN tries left$'
for each in 9a 9c 9d 9e 82 83; do
	print=$(ssh-keygen -lf "$T/pub/$each.pub" | cut -d ' ' -f 1,2)
	has "its key: $each" "$(grep -F "$print" "$T/tokens")" "^  slot $each "
done
has 'which one wants a PIN each time' "$(cat "$T/tokens")" '^  slot 9c 2048 .*, PIN each time'
has 'which one a touch' "$(cat "$T/tokens")" '^  slot 9a 2048 .*, touch'
has 'which ones --card would offer' "$(cat "$T/tokens")" '^  slot 9e .*, offered by --card$'
has 'an OpenPGP card' "$(cat "$T/tokens")" '^  OpenPGP; serial .*; 3 PIN tries left'
has 'an empty reader' "$(cat "$T/tokens")" '^Virtual FIDO 0 00 01 \(smartcard reader\): no card$'
has 'a card of another kind' "$(cat "$T/tokens")" '^Virtual FIDO 1 00 01 \(smartcard reader\): a card is there, neither'
if command -v python3 >/dev/null; then
	ok 'as JSON' "$ADD" --tokens --json
	cat >"$T/check.py" <<-'END'
		import json, sys
		all = [json.loads(line) for line in open(sys.argv[1])]
		cards = {(c["kind"], c["reader"]): c for c in all if c.get("kind") in ("piv", "openpgp", "reader")}
		main = cards["piv", "Virtual FIDO 0 00 00"]
		assert main["serial"] == "1234567" and main["firmware"] == "5.4.3" and main["pin-tries-left"] == 3
		assert not main["pin-locked"] and main["pin-set"] and not main["keypad"]
		keys = {k["slot"]: k for k in main["keys"]}
		assert sorted(keys) == ["82", "83", "9a", "9c", "9d", "9e"]
		assert [s for s in sorted(keys) if keys[s]["default"]] == ["9a", "9e"]
		assert keys["9c"]["pin-each"] and not keys["9a"]["pin-each"] and keys["82"]["bits"] == 4096
		assert cards["piv", "Virtual FIDO 1 00 00"]["keys"][0]["touch"]
		assert cards["openpgp", "Virtual FIDO 1 00 00"]["keys"]
		assert cards["reader", "Virtual FIDO 0 00 01"]["card"] == "none"
		assert cards["reader", "Virtual FIDO 1 00 01"]["card"] == "unknown"
	END
	cp "$T/out" "$T/json"
	ok 'with what a program needs' python3 "$T/check.py" "$T/json"
else
	skip 'as JSON' 'python3 is not installed'
fi
is 'no try was spent on that' "$(status_of main wrong)$(status_of second wrong)$(status_of strange wrong)" 000
is 'nor a PIN' "$(status_of second verifies)" 0
finish
