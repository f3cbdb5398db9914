#!/bin/sh
# Other programs that use a card between our signatures and while ours wait, and such as keep it for themselves.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/smartcards.sh"
need python3 openssl

ok 'pcscd starts' pcscd_start 4
ok 'a card' tokencard_start main 0 -s "$T/main.state" -o serial=1234567 -o slot=9a:p256 -o slot=9c:p256 \
	-o slot=9e:p256:touch -o touch_ms=20000
ok 'another' tokencard_start other 2 -o serial=77 -o slot=9e:p256
person_agent
ok 'cards are offered' "$ADD" -q --card --slot 9a --slot 9c --slot 9e
for each in 9a 9c 9e; do
	ok "a key: $each" public $each "PIV $each, .*1234567"
done
ok 'one of the other' public other 'PIV 9e, .*[^0-9]77'

# --- programs
READER=$(reader_name 0)
OPENSC=
for each in /usr/lib/*/opensc-pkcs11.so /usr/lib/*/pkcs11/opensc-pkcs11.so /usr/lib/pkcs11/opensc-pkcs11.so; do
	[ ! -e "$each" ] || OPENSC=$each
done

by_atr() {
	opensc-tool --reader "$READER" --atr
}
by_name() {
	opensc-tool --reader "$READER" --name
}
by_list() {
	pkcs15-tool --reader "$READER" --list-keys
}
by_status() {
	yubico-piv-tool -r "$READER" -a status
}
by_verify() {
	yubico-piv-tool -r "$READER" -a verify-pin -P 123456
}
by_wrong() {
	! yubico-piv-tool -r "$READER" -a verify-pin -P 000000
}
by_signature() {
	openssl dgst -sha256 -binary "$T/message" >"$T/digest"
	pkcs11-tool --module "$OPENSC" --slot-index 0 --login --pin 123456 --sign --id 01 -m ECDSA -i "$T/digest" \
		-o "$T/theirs"
}

# there PROGRAM: can it be tried?
there() {
	case $1 in
	by_atr | by_name) command -v opensc-tool ;;
	by_list) command -v pkcs15-tool ;;
	by_signature) [ -n "$OPENSC" ] && command -v pkcs11-tool ;;
	*) command -v yubico-piv-tool ;;
	esac >/dev/null
}

for each in by_atr by_name by_list by_status by_verify by_wrong by_signature; do
	if ! there $each; then
		skip "$each" 'its program is not installed'
		continue
	fi
	pins 123456
	ok "$each: a signature of ours" sign 9a
	ok "$each: works" $each
	pins 123456
	ok "$each: ours again" sign 9a
	ok "$each: rightly" verified 9a
	pins 123456
	ok "$each: and with a PIN each time" sign 9c
	touch "$T/think"
	begin sign 9c
	ok "$each: while we ask for a PIN" poll 10 eval 'asked_is secret 2 && shown_is secret 1'
	ok "$each: it works" $each
	echo 123456 >"$T/pins"
	rm -f "$T/think"
	result
	is "$each: and so do we" $? 0
	ok "$each: rightly" verified 9c
done
is 'in all, wrong PINs were only theirs' "$(status_of main pin)" 3

# --- while a touch is awaited
forget
begin sign 9e
ok 'a touch is awaited' tokencard_await main waiting 10
by_name >"$T/name" 2>&1 &
looker=$!
reap $looker
ok 'another card signs meanwhile' timeout 10 ssh-add -T "$T/pub/other.pub"
ok 'it comes' tokencard main touch
result
is 'and we sign' $? 0
ok 'rightly' verified 9e
wait $looker
is 'and whoever waited for the card is served' $? 0

# --- programs that keep it
# keep SLOT PYTHON: hold the card in this slot by these words of winscard.h, until card_free.
keep() {
	card_hold "$1" && card_free || return 1
	sed "$2" "$T/hold.py" >"$T/keep.py"
	: >"$T/held"
	python3 "$T/keep.py" "$(reader_name "$1")" >"$T/held" &
	pcscd_holder=$!
	reap "$pcscd_holder"
	poll 10 grep -q held "$T/held"
}
lock=$(askpass lock 'echo secret')
locking() {
	SSH_ASKPASS=$lock SSH_ASKPASS_REQUIRE=force ssh-add "$1"
}
ok 'a program has the card open' keep 0 ''
pins 123456
ok 'which is no obstacle' sign 9c
ok 'it ends' card_free
for how in transaction exclusive; do
	case $how in
	transaction) words='s/^print/assert pcsc.SCardBeginTransaction(card) == 0\n&/' ;;
	*) words='s/SHARED, ANY, LEAVE = 2, 2,/SHARED, ANY, LEAVE = 2, 1,/' ;;
	esac
	# No program gets a card for itself while the one in which a PIN counts is kept for the next signature.
	if [ $how = exclusive ]; then
		ok "$how: the agent is locked" locking -x
		ok "$how: and unlocked" locking -X
	fi
	ok "$how: a program keeps the card" poll 10 keep 0 "$words"
	pins 123456 123456
	begin sign 9c
	ok "$how: a signature waits" poll 10 asked_is secret 1
	ok "$how: another card signs" timeout 5 ssh-add -T "$T/pub/other.pub"
	not_ok "$how: is refused after a while" result
	has "$how: in words" "$(log_last sign)" 'sign refused: the card is in use by another program'
	pins 123456 123456
	begin sign 9c
	ok "$how: one more" poll 10 asked_is secret 1
	ok "$how: the program ends" card_free
	result
	is "$how: and the signature is made" $? 0
	ok "$how: rightly" verified 9c
	is "$how: the PIN was asked for once" "$(asked secret)" 1
done

# --- a card that somebody has from the start
agent_stop
ok 'a program has the card' keep 0 's/SHARED, ANY, LEAVE = 2, 2,/SHARED, ANY, LEAVE = 2, 1,/'
person_agent
exits 'it cannot be offered' 1 "$ADD" -q --card 1234567
has 'and why is said' "$(cat "$T/err")" 'the card is in use by another program'
has 'as by --tokens' "$("$ADD" --tokens 2>/dev/null)" '^Virtual FIDO 0 00 00 .*in use by another program'
ok 'others can' "$ADD" -q --card 77
ok 'it ends' card_free
ok 'now it can' poll 10 "$ADD" -q --card 1234567
pins 123456
ok 'and signs' sign 9a
finish
