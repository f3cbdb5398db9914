#!/bin/sh
# signet-card with virtual OpenPGP cards, and cards with both applets.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/cards.sh"

need ssh-keygen
[ -x "$BUILD/libexec/signet/signet-card" ] || skip_all 'signet-card is not built: libpcsclite is missing'
echo 'some text' >"$T/text"

ok 'pcscd starts with two slots' pcscd_start 2
ok 'the helper starts' helper_start
for each in p256:ecdsa-sha2-nistp256 p384:ecdsa-sha2-nistp384 p521:ecdsa-sha2-nistp521 ed25519:ssh-ed25519 \
	rsa2048:rsa-sha2-256 rsa4096:rsa-sha2-512; do
	name=${each%:*}
	mark
	ok "a card: $name" tokencard_start "$name" 0 -a -o applets=openpgp -o "slot=aut:$name" -o serial=77
	says 'it is told of' '^token openpgp .* tries=3 '
	is 'with its key' "$(told | grep -c '^key 3 .* flags=0x4 ')" 1
	ask sign 3 "${each#*:}" "$T/text"
	says 'which wants a PIN' '^failed [0-9]* a PIN is needed; tries=3 flags=0x0'
	signs "and signs: $each" 3 "${each#*:}" 123456
	tokencard "$name" option extended=off >"$T/out"
	signs 'with short APDUs as well' 3 "${each#*:}" 123456
	mark
	tokencard "$name" quit >"$T/out"
	says 'it goes' '^inventory 2'
done

mark
ok 'a card whose templates come without their tags' tokencard_start bare 0 -a -o applets=openpgp -o outer=off -o slot=aut:p256
says 'it is told of' '^token openpgp .* tries=3 '
signs 'and signs' 3 ecdsa-sha2-nistp256 123456
mark
tokencard bare quit >"$T/out"
says 'it goes' '^inventory 2'

mark
ok 'a card with both' tokencard_start both 0 -a -o applets=both -o slot=9a:p256 -o slot=aut:ed25519
says 'is told of' '^inventory 3'
is 'as two tokens' "$(told | sed -n 's/^token \([a-z]*\) .*/\1/p' | sort | tr '\n' ' ')" 'openpgp piv reader '
signs 'one signs' 9a ecdsa-sha2-nistp256 123456
signs 'and the other' 3 ssh-ed25519 123456
ask sign 3 ssh-ed25519 "$T/text" 000000
says 'a wrong PIN' '^failed [0-9]* the PIN is wrong; tries=2 flags=0x2 '
ask sign 3 ssh-ed25519 "$T/text" 000000
says 'another' '^failed [0-9]* the PIN is wrong; tries=1 flags=0x6 '
ask sign 3 ssh-ed25519 "$T/text" 000000
says 'the last is not spent' '^failed [0-9]* a PIN is needed; tries=1 flags=0x6 '
signs 'the PIN of the other applet is another' 9a ecdsa-sha2-nistp256 123456
ask select 'card:slot=all'
says 'both are selected' '^selected [0-9]* 3 9a$'
finish
