#!/bin/sh
# Cards in the agent, with virtual PIV cards on the real pcscd: offers for cards that are there and that come, keys that
# stay listed when a card is pulled, signatures that wait for it, and the end of an offer.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
need ssh-add ssh-keygen
[ -x "$BUILD/libexec/signet/signet-card" ] || skip_all 'signet-card is not built: libpcsclite is missing'
[ -x "$BUILD/tests/virtual/token-card" ] || skip_all 'token-card is not built'
GUID=00112233445566778899aabbccddeeff
mkdir "$T/asked"
echo 'a message' >"$T/message"
askpass person "kind=\${SSH_ASKPASS_PROMPT:-secret}" \
	"printf '%s\\n' \"\$1\" >$T/asked/.\$\$ && mv $T/asked/.\$\$ $T/asked/\$kind.\$\$" \
	"[ \$kind = secret ] || exec sleep 600" \
	"[ -s $T/pins ] || exit 1" "head -n 1 $T/pins" "sed -i 1d $T/pins" >/dev/null
askpass nothing 'echo' >/dev/null
# openssh ARGUMENT...: its ssh-add, to which no PIN is typed.
openssh() {
	SSH_ASKPASS=$T/nothing SSH_ASKPASS_REQUIRE=force timeout 50 ssh-add "$@"
}
sign() {
	timeout 50 ssh-keygen -Y sign -f "$T/$1.pub" -n test <"$T/message" >"$T/$1.sig"
}
verified() {
	echo "me $(cat "$T/$1.pub")" >"$T/signers"
	ssh-keygen -Y verify -f "$T/signers" -I me -n test -s "$T/$1.sig" <"$T/message"
}
asked() {
	find "$T/asked" -name "$1.*" | wc -l
}
asked_is() {
	[ "$(asked "$1")" -eq "$2" ]
}
forget() {
	rm -f "$T/asked"/* "$T/pins"
}
keys() {
	ssh-add -L 2>/dev/null | grep -c ' AAAA'
}
keys_are() {
	[ "$(keys)" -eq "$1" ]
}
present() {
	"$ADD" -l -v | grep -c "present: $1"
}
present_is() {
	[ "$(present "$1")" -eq "$2" ]
}
first() {
	tokencard_start first 0 -a -s "$T/first.state" -o "guid=$GUID" -o slot=9a:p256 -o slot=9c:rsa2048
}

ok 'pcscd starts' pcscd_start 2
SSH_ASKPASS=$T/person SSH_ASKPASS_REQUIRE=force SIGNET_PROMPT=askpass SIGNET_NOTIFY='' agent_start ||
	fail 'the agent starts'

# --- an offer
ok 'an offer without a card' openssh -s card:
is 'lists no key' "$(keys)" 0
ok 'a card' first
ok 'its key comes by itself' poll 10 keys_are 1
has 'with a name' "$(ssh-add -L)" '^ecdsa-sha2-nistp256 [^ ]* PIV 9a, .*12345678$'
ssh-add -L >"$T/nine.pub"
echo 123456 >"$T/pins"
ok 'it signs' sign nine
ok 'rightly' verified nine
is 'with its PIN asked for' "$(asked secret)" 1
has 'by the card' "$(cat "$T/asked"/secret.*)" 12345678

# --- pulled out
ok 'the card is pulled out' tokencard_pull first
ok 'its key is not there' poll 10 present_is no 1
is 'but listed' "$(keys)" 1
forget
echo 123456 >"$T/pins"
sign nine &
signing=$!
ok 'whoever signs waits for it' poll 10 asked_is confirm 1
ok 'the card comes back' tokencard_insert first
wait "$signing"
is 'and signs' $? 0
ok 'rightly' verified nine
is 'its key is there once' "$(keys)" 1

# --- names of slots, and the end of offers
ok 'another slot by name' openssh -s 'card:slot=9c'
is 'has its key listed' "$(keys)" 2
has 'by its name' "$(ssh-add -L)" '^ssh-rsa [^ ]* PIV 9c, '
ok 'that offer ends, in capitals, too' openssh -e 'CARD:slot=9c'
is 'with its key only' "$(keys)" 1
not_ok 'once' openssh -e 'card:slot=9c'
ok 'a card of another number' openssh -s 'card:serial=1'
is 'is an offer without a key' "$(keys)" 1
not_ok 'no address' openssh -s 'card:what=1'
ok 'all cards end' openssh -e card:
is 'with all keys' "$(keys)" 0
not_ok 'and only once' openssh -e card:
has 'no offer is left' "$("$ADD" --status)" 'card-offers: 0'

# --- lifetimes
ok 'an offer with a lifetime' openssh -t 2 -s card:
is 'has its key' "$(keys)" 1
ok 'until it is over' poll 10 keys_are 0
has 'as the offer is' "$("$ADD" --status)" 'card-offers: 0'
finish
