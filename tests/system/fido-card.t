#!/bin/sh
# signet-fido with virtual security keys in card readers: every request, and signatures that OpenSSH
# verifies.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/fido.sh"

need ssh-keygen
[ -x "$BUILD/libexec/signet/signet-fido" ] || skip_all 'signet-fido is not built: libfido2 is missing'
echo 'some text' >"$T/text"
: >"$T/empty"

is 'without pcscd there is nothing' "$(answer list)" end
has 'nothing to sign with either' "$(answer resident "$(path 0)")" \
	'^failed: the security key that holds it is not plugged in;'
ok 'pcscd starts with six slots' pcscd_start 6
is 'nor is there anything in empty readers' "$(answer list)" end
has 'an empty reader is no device' "$(answer probe "$(path 1)")" \
	'^failed: the security key that holds it is not plugged in;'
has 'a reader that is not there is none' "$(answer probe "pcsc:No such reader")" \
	'^failed: the security key that holds it is not plugged in;'
has 'a file is none' "$(answer probe "$T/text")" '^failed: the security key that holds it is not plugged in;'
has 'a path that is not there is none' "$(answer probe /dev/hidraw99)" \
	'^failed: the security key that holds it is not plugged in;.*No such file'

ok 'a key' card_start main 0 -p 1234
ok 'a key that knows U2F only' card_start old 2 -o ctap2=off
ok 'a key without a PIN' card_start bare 3 -o u2f=off -o uv=on
is 'they are listed' "$(answer list)" "device 1 card $(path 0)
device 2 card $(path 2)
device 3 card $(path 3)
end"

# --- keys and signatures ------------------------------------------------------
ok 'an Ed25519 key' make_key main 0 ed25519 "$T/ed"
ok 'an ECDSA key' make_key main 0 ecdsa "$T/ec"
ok 'one that needs no touch' make_key main 0 ecdsa "$T/free" -t
ok 'one that verifies its user' make_key main 0 ed25519 "$T/strict" -v -p 1234
ok 'one of another application' make_key main 0 ecdsa "$T/work" -a ssh:work
ok 'a U2F key' make_key old 2 ecdsa "$T/u2f"
ok 'a key of the one without a PIN' make_key bare 3 ed25519 "$T/bare"

for key in ed ec work; do
	ok 'a touch' card main touch
	has "it signs: $key" "$(answer sign "$(path 0)" "$T/$key" "$T/text")" \
		'^signed flags=0x01 counter=[1-9][0-9]*$'
	ok 'and OpenSSH verifies it' verified "$T/$key" "$T/text"
	not_ok 'for no other text' verified "$T/$key" "$T/empty"
done
ok 'a touch' card main touch
has 'it signs nothing at all as well' "$(answer sign "$(path 0)" "$T/ed" "$T/empty")" '^signed '
ok 'and OpenSSH verifies it' verified "$T/ed" "$T/empty"
head -c 200000 /dev/urandom >"$T/long"
ok 'a touch' card main touch
has 'it signs much' "$(answer sign "$(path 0)" "$T/ed" "$T/long")" '^signed '
ok 'and OpenSSH verifies it' verified "$T/ed" "$T/long"

has 'one that needs no touch signs without' "$(answer sign "$(path 0)" "$T/free" "$T/text")" \
	'^signed flags=0x00 '
ok 'a touch' card old touch
has 'a U2F key signs' "$(answer sign "$(path 2)" "$T/u2f" "$T/text")" '^signed flags=0x01 '
ok 'and OpenSSH verifies it' verified "$T/u2f" "$T/text"

other='^failed: the security key that holds it is not plugged in;'
has 'another key does not sign' "$(answer sign "$(path 3)" "$T/ed" "$T/text")" "$other"
has 'nor does a U2F key for a key that it cannot have' \
	"$(answer sign "$(path 2)" "$T/ed" "$T/text")" "$other"
has 'nor for one of its kind' "$(answer sign "$(path 2)" "$T/ec" "$T/text")" "$other"

# --- probes -------------------------------------------------------------------
silent() {
	card main status | sed 's/.* silent=\([0-9]*\) .*/\1/'
}
touches() {
	card main status | sed 's/.* touches=\([0-9]*\) .*/\1/'
}
before=$(touches)
is 'which keys it holds' "$(answer probe "$(path 0)" "$T/ed" "$T/ec" "$T/bare" "$T/strict" "$T/work")" \
	'abilities 0x37 tries 8 255
yes
yes
no
hidden
yes'
is 'nobody touched it' "$(touches)" "$before"
is 'and nobody had to' "$(card main status | grep -c waiting=no)" 1
is 'a U2F key' "$(answer probe "$(path 2)" "$T/u2f" "$T/ed" "$T/ec" "$T/strict")" 'abilities 0x0 tries 255 255
yes
no
no
no'
is 'the one without a PIN verifies by itself' "$(answer probe "$(path 3)" "$T/bare" "$T/strict")" \
	'abilities 0x3b tries 255 3
yes
hidden'
is 'about no key' "$(answer probe "$(path 3)")" 'abilities 0x3b tries 255 3'

# --- PIN ----------------------------------------------------------------------
has 'a key that verifies its user wants the PIN' "$(answer sign "$(path 0)" "$T/strict" "$T/text")" \
	'^failed: a PIN is needed; tries=8;'
has 'a wrong one costs a try' "$(answer -p 1233 sign "$(path 0)" "$T/strict" "$T/text")" \
	'^failed: the PIN is wrong; tries=7;'
has 'and says so the next time' "$(answer sign "$(path 0)" "$T/strict" "$T/text")" \
	'^failed: a PIN is needed; tries=7;'
ok 'a touch' card main touch
has 'the right one' "$(answer -p 1234 sign "$(path 0)" "$T/strict" "$T/text")" '^signed flags=0x05 '
ok 'and OpenSSH verifies it' verified "$T/strict" "$T/text"
has 'has all tries again' "$(card main status)" ' pin_retries=8 '
ok 'a touch' card main touch
has 'a PIN that is not needed does no harm' "$(answer -p 1234 sign "$(path 0)" "$T/ed" "$T/text")" \
	'^signed flags=0x05 '
for left in 7 6; do
	has 'wrong' "$(answer -p 0000 sign "$(path 0)" "$T/strict" "$T/text")" \
		"^failed: the PIN is wrong; tries=$left;"
done
has 'wrong for the third time in a row' "$(answer -p 0000 sign "$(path 0)" "$T/strict" "$T/text")" \
	'^failed: three wrong PINs in a row: pull the security key out'
has 'the right one is of no use now' "$(answer -p 1234 sign "$(path 0)" "$T/strict" "$T/text")" \
	'^failed: three wrong PINs in a row'
has 'and costs nothing' "$(card main status)" ' pin_retries=5 '
for left in 4 3 2 1 0; do
	card_pull main >/dev/null && card_insert main >/dev/null
	answer -p 0000 sign "$(path 0)" "$T/strict" "$T/text" >"$T/last"
done
has 'wrong until it is blocked' "$(cat "$T/last")" '^failed: the PIN is blocked after too many wrong ones'
commands() {
	card main status | sed 's/.* commands=\([0-9]*\) .*/\1/'
}
has 'it stays so' "$(answer sign "$(path 0)" "$T/strict" "$T/text")" '^failed: the PIN is blocked'
none=$(commands)
has 'a PIN is not even sent then' "$(answer -p 1234 sign "$(path 0)" "$T/strict" "$T/text")" \
	'^failed: the PIN is blocked'
# getInfo and getPINRetries: nothing else went there.
is 'two commands, and neither had it' "$(($(commands) - none))" 2
ok 'the PIN is set anew' card main pin 1234

# --- built-in verification ----------------------------------------------------
ok 'a key there that verifies its user' make_key bare 3 ecdsa "$T/finger" -v
ok 'a finger' card bare touch
ok 'which is a touch as well' card bare touch
has 'it signs' "$(answer sign "$(path 3)" "$T/finger" "$T/text")" '^signed flags=0x05 '
ok 'and OpenSSH verifies it' verified "$T/finger" "$T/text"
ok 'the next finger is not known' card bare uv fail 1
ok 'touches come by themselves' card bare auto on
has 'it gets another chance' "$(answer sign "$(path 3)" "$T/finger" "$T/text")" '^signed flags=0x05 '
ok 'no finger is known' card bare uv fail 9
has 'without a PIN that is the end' "$(answer sign "$(path 3)" "$T/finger" "$T/text")" \
	'^failed: the security key did not recognise its user;'
ok 'a PIN' card bare pin 4711
has 'with one it is asked for' "$(answer sign "$(path 3)" "$T/finger" "$T/text")" \
	'^failed: a PIN is needed; tries=8;'
has 'and does' "$(answer -p 4711 sign "$(path 3)" "$T/finger" "$T/text")" '^signed flags=0x05 '
card bare auto off >/dev/null
card bare pin >/dev/null
card bare uv off >/dev/null
has 'no PIN and no finger' "$(answer sign "$(path 3)" "$T/finger" "$T/text")" \
	'^failed: the security key has no PIN yet'
has 'no U2F key verifies its user' "$(answer sign "$(path 2)" "$T/strict" "$T/text")" "^failed: "

# --- resident keys ------------------------------------------------------------
is 'none yet' "$(answer -p 1234 resident "$(path 0)")" '0 keys'
ok 'one' make_key main 0 ed25519 "$T/r1" -r -p 1234 -u joe
ok 'one that verifies its user' make_key main 0 ecdsa "$T/r2" -r -v -p 1234 -u joe -a ssh:work
ok 'one of a web site' make_key main 0 ecdsa "$T/r3" -r -p 1234 -u joe -a example.org
is 'those of SSH are listed' "$(answer -p 1234 -o "$T/out" resident "$(path 0)" | sort)" \
	'2 keys
key sk-ecdsa-sha2-nistp256@openssh.com ssh:work flags=0x25 joe joe
key sk-ssh-ed25519@openssh.com ssh: flags=0x21 joe joe'
same_keys() {
	cat "$T"/out.?.pub | sort >"$T/listed"
	cat "$T/r1.pub" "$T/r2.pub" | sort | cmp - "$T/listed"
}
ok 'with their public keys' same_keys
for key in "$T"/out.?; do
	ok 'a touch' card main touch
	has 'the listed key signs' "$(answer -p 1234 sign "$(path 0)" "$key" "$T/text")" '^signed flags=0x05 '
	ok 'and OpenSSH verifies it' verified "$key" "$T/text"
done
has 'they want the PIN' "$(answer resident "$(path 0)")" '^failed: a PIN is needed; tries=8;'
has 'a wrong one costs one try' "$(answer -p 1111 resident "$(path 0)")" \
	'^failed: the PIN is wrong; tries=7;'
has 'and no more' "$(card main status)" ' pin_retries=7 '
has 'a U2F key has none' "$(answer -p 1234 resident "$(path 2)")" '^failed: not supported;'
has 'without a PIN there are none' "$(answer resident "$(path 3)")" \
	'^failed: the security key has no PIN yet'

# --- a choice -----------------------------------------------------------------
for chosen in main:0 bare:3 old:2; do
	ask choice choose "$(path 0)" "$(path 2)" "$(path 3)"
	for each in main bare old; do
		ok "$each blinks" card_await $each waiting 10
	done
	ok "${chosen%:*} is touched" card "${chosen%:*}" touch
	is 'and chosen' "$(answered choice)" "chosen $(path "${chosen#*:}")"
	# Before it was answered, so not because the reader is turned off.
	has 'the others stop' "$(card main status)" '^waiting=no '
	has 'the others stop' "$(card bare status)" '^waiting=no '
done
ask choice choose "$(path 0)" "$(path 1)"
ok 'an empty reader is left out' card_await main waiting 10
card main touch >/dev/null
is 'of a choice' "$(answered choice)" "chosen $(path 0)"
has 'a choice among none' "$(answer choose "$(path 1)" /dev/hidraw99)" "$other"
ask choice choose "$(path 0)" "$(path 3)"
ok 'both blink' card_await bare waiting 10
order c
has 'until it is taken back' "$(answered choice)" '^failed: the request was cancelled;'
ok 'they stop' card_await main waiting=no 10
ok 'they stop' card_await bare waiting=no 10
finish
