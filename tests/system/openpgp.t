#!/bin/sh
# OpenPGP cards through the whole: listed, logins with every kind of key, PINs, a card with PIV and OpenPGP, and GnuPG's
# scdaemon beside us.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/smartcards.sh"

ok 'pcscd starts' pcscd_start 6
server_start
person_agent
ok 'cards are offered' "$ADD" -q --card

# --- each kind of key
slot=0
for each in rsa2048:ssh-rsa p256:ecdsa-sha2-nistp256 ed25519:ssh-ed25519; do
	name=${each%:*} type=${each#*:}
	ok "a card: $name" tokencard_start "$name" $slot -o applets=openpgp -o "serial=10$slot" -o "slot=sig:$name" \
		-o slot=dec:rsa2048 -o "slot=aut:$name"
	serial=$(printf '%08x' "10$slot")
	ok "its authentication key: $name" poll 10 public "$name" "OpenPGP 3, .*(10$slot|$serial)\$"
	has "is of this kind: $name" "$(cat "$T/pub/$name.pub")" "^$type "
	login "$name"
	pins 123456
	ok "ssh-keygen signs: $name" sign "$name"
	ok "and verifies: $name" verified "$name"
	pins 123456
	ok "ssh-add -T: $name" ssh-add -T "$T/pub/$name.pub"
	slot=$((slot + 1))
done
is 'one key a card' "$(keys)" 3
login rsa2048 -oPubkeyAcceptedAlgorithms=rsa-sha2-512

# --- PINs
anew p256 p256
pins 000000 123456
ok 'wrong, then right' sign p256
is 'two questions' "$(asked secret)" 2
has 'of the card' "$(text_of secret)" 'PIN of token '
has 'with the tries' "$(text_of secret)" '2 tries are left'
pins 111111
ok 'then no PIN is needed' sign p256
is 'nor asked for' "$(asked secret)" 0
anew p256 p256
pins 123456
ok 'but after it was pulled' sign p256
is 'it is' "$(asked secret)" 1
anew p256 p256
ok 'two tries are gone' tokencard p256 tries pw1 1
anew p256 p256
pins 123456
ok 'the last try' sign p256
has 'is announced' "$(cat "$T"/asked/secret.*)" 'the last try'
anew p256 p256
tokencard p256 tries pw1 0 >"$T/out"
pins 123456
not_ok 'a locked PIN' sign p256
has 'is explained' "$(log_last sign)" 'sign refused: the PIN is locked'
has 'and told by --tokens' "$("$ADD" --tokens | grep -A 1 'Virtual FIDO 0 00 01')" '^  OpenPGP; .*PIN locked'
tokencard p256 secret pw1 123456 >"$T/out"
pins 12345 123456
before=$(status_of p256 wrong)
ok 'one that is too short, and the right one' sign p256
is 'costs no try' "$(status_of p256 wrong)" "$before"
tokencard rsa2048 option wrong_is_6982=on >"$T/out"
anew rsa2048 rsa2048
pins 000000 123456
ok 'a card that tells of wrong PINs in its own way' sign rsa2048
is 'is understood' "$(asked secret)" 2

# --- touches
ok 'a card that wants touches' tokencard_start touchy 3 -o applets=openpgp -o serial=99 -o slot=aut:ed25519:touch \
	-o touch_ms=8000
ok 'its key' poll 10 public touchy 'OpenPGP 3, .*(99|00000063)$'
pins 123456
begin sign touchy
ok 'waits for one' tokencard_await touchy waiting 10
ok 'which the person is told' poll 5 shown_is notice 1
ok 'it comes' tokencard touchy touch
result
is 'and ends it' $? 0
ok 'rightly' verified touchy
ok 'the notice goes' poll 5 shown_is notice 0

# --- two applets on one card
ok 'a card with both' tokencard_start both 4 -o applets=both -o serial=500 -o slot=9a:p256 -o slot=aut:p384
ok 'is two tokens' poll 10 public piv 'PIV 9a, .*[^0-9]500$'
ok 'with a key each' public pgp 'OpenPGP 3, .*(500|000001f4)$'
for each in piv pgp piv; do
	pins 123456
	ok "each signs in turn: $each" sign $each
	ok "rightly: $each" verified $each
	is "with its PIN, since the other took it back: $each" "$(asked secret)" 1
done

# --- GnuPG
SCDAEMON=$(gpgconf --list-components 2>/dev/null | sed -n 's/^scdaemon:[^:]*://p')
if [ -x "$SCDAEMON" ] && command -v gpg-connect-agent >/dev/null; then
	mkdir -m 700 "$T/gnupg"
	GNUPGHOME=$T/gnupg
	export GNUPGHOME
	printf '%s\n' disable-ccid pcsc-shared "reader-port $(reader_name 2)" >"$GNUPGHOME/scdaemon.conf"
	gpg-agent --daemon >/dev/null 2>&1
	reap "$(gpg-connect-agent 'getinfo pid' /bye | sed -n 's/^D //p')"
	learn() {
		gpg-connect-agent 'scd learn --force' /bye 2>&1 | grep -q 'OPENPGP\.3'
	}
	ok 'scdaemon uses a card' learn
	pins 123456
	ok 'as we do meanwhile' sign ed25519
	ok 'rightly' verified ed25519
	ok 'and it again' learn
	pins 123456
	ok 'and we' sign ed25519
	gpgconf --kill all
else
	skip 'scdaemon uses a card' 'it is not installed'
fi
finish
