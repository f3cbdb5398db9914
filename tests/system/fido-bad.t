#!/bin/sh
# seconds 120
# Security keys that answer nonsense, too much or never, that are pulled out at each step, that are there twice, and
# keys that none can hold: a reason in the log each time, no helper left, and nobody else is held up.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/securitykeys.sh"
need ssh-add ssh-keygen python3

echo 123456 >"$T/keygen-pin"
ok 'pcscd starts' pcscd_start 8
SK_VIRTUAL_PIN=123456 fido_key ed ed25519-sk mine
fido_key ec ecdsa-sk mine
fido_key v ed25519-sk mine -O verify-required
fido_key good ed25519-sk good
keygen ed25519 "$T/soft"
ok 'a card that will go wrong' card_start mine 0 -s "$T/mine.state"
ok 'a card that will not' card_start good 2 -a -s "$T/good.state"
fido_agent
"$ADD" -q "$T/ed" "$T/ec" "$T/v" "$T/good" "$T/soft"
ok 'both work' touching mine sign ed
ok 'first' sign good

# others WHEN: whoever does not want this device is served, and at once.
others() {
	ok "$1: another device signs" timeout 10 ssh-keygen -Y sign -f "$T/pub/good.pub" -n test "$T/message"
	rm -f "$T/message.sig"
	ok "$1: a software key signs" timeout 5 ssh-add -T "$T/soft.pub"
}

# --- answers that are none
for mode in garbage long truncated empty 'status 127' other-key bad-signature other-rp; do
	for key in ed ec; do
		card mine auto on >/dev/null
		card mine mode $mode >/dev/null
		not_ok "$mode: $key is not signed with" sign $key
		has "$mode: $key, for a reason" "$(log_last sign)" 'sign refused: the (security key|helper)'
		card mine mode good >/dev/null
	done
	others "$mode"
	ok "$mode: no helper is left" poll 5 helpers_are 1
	card mine auto off >/dev/null
	# One that was taken for gone or busy for a moment is looked at again.
	ok "$mode: and afterwards it works" touching mine sign ed
	ok "$mode: rightly" verified ed
done

# --- no answer
card mine mode never >/dev/null
forget
begin sign ed
ok 'never: the person is told' poll 10 shown_is notice 1
others never
leave "$begun"
ok 'never: the client leaves, and the notice goes' poll 5 shown_is notice 0
ok 'never: no helper is left' poll 5 helpers_are 1
has 'never: the log has it' "$(log_last sign)" 'sign refused: the request was cancelled'
card_pull mine
card mine mode good >/dev/null
card_insert mine >/dev/null
ok 'never: and afterwards it works' touching mine sign ed
card_pull mine
card mine mode never >/dev/null
card mine insert >/dev/null
others 'one that does not even say what it holds'
card_pull mine
card mine mode good >/dev/null
card_insert mine >/dev/null
ok 'it says so again' touching mine sign ed

# --- pulled out at each step
for step in ed:1 ed:2 v:1 v:2 v:3 v:4 v:5; do
	key=${step%:*}
	forget
	printf '123456\n123456\n' >"$T/pins"
	card mine mode die "${step#*:}" >/dev/null
	begin sign "$key"
	went_on() {
		[ "$(shown confirm)" -eq 1 ] || [ "$(status_of mine waiting)" = yes ]
	}
	ok "$step: something is asked for" poll 20 went_on
	if [ "$(shown confirm)" -eq 1 ]; then
		pass "$step: to plug it in"
		card mine mode good >/dev/null
		card mine insert >/dev/null
	else
		pass "$step: a touch"
	fi
	ok "$step: a touch is waited for" card_await mine waiting 20
	card mine touch >/dev/null
	if [ "$key" = v ] && ! poll 3 ended "$begun"; then
		# It was chosen by touch, or its PIN has its turn first.
		card_await mine waiting 10 >/dev/null && card mine touch >/dev/null
	fi
	result
	is "$step: it signs" $? 0
	ok "$step: rightly" verified "$key"
	card mine mode good >/dev/null
	[ "$(status_of mine plugged)" = yes ] || card_insert mine >/dev/null
done
others 'after all that'

# --- the same credential on two devices
cp "$T/mine.state" "$T/twin.state"
ok 'a twin' card_start twin 4 -s "$T/twin.state"
ssh-add -q -D 2>/dev/null
"$ADD" -q "$T/ed"
both() {
	[ "$(status_of mine waiting)" = yes ] || [ "$(status_of twin waiting)" = yes ]
}
begin sign ed
ok 'one of them waits' poll 20 both
if [ "$(status_of mine waiting)" = yes ]; then
	first=mine second=twin
else
	first=twin second=mine
fi
is 'and only one' "$(status_of $second waiting)" no
ok 'it is pulled out' card $first pull
ok 'the other waits' card_await $second waiting 20
ok 'for the touch' card $second touch
result
is 'that is enough' $? 0
ok 'the signature is right' verified ed
is 'nobody was asked to plug in anything' "$(shown confirm)" 0
ssh-add -q -D 2>/dev/null
ok 'no helper is left' poll 5 helpers_are 0

# --- handles that no device has
cat >"$T/odd.py" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from client import *
public = blob_of(sys.argv[3])[4 + 26 + 4:][:32]
c = Client(sys.argv[2])
c.socket.settimeout(40)
handle = bytes(int(sys.argv[4]))
reply = c.ask(bytes([ADD]) + string(b"sk-ssh-ed25519@openssh.com") + string(public) + string(b"ssh:") + b"\x01" +
              string(handle) + string(b"") + string(b"odd"))
print("added" if reply[0] == SUCCESS else "refused")
if reply[0] == SUCCESS:
    blob = string(b"sk-ssh-ed25519@openssh.com") + string(public) + string(b"ssh:")
    print("signed" if c.ask(sign_request(blob))[0] == SIGNATURE else "refused")
END
: >"$T/no"
for length in 0 1 1024 1025; do
	result=$(python3 "$T/odd.py" tests/support "$SSH_AUTH_SOCK" "$T/ed.pub" $length | tail -n 1)
	is "a handle of $length bytes signs nothing" "$result" refused
	has "a handle of $length bytes: for a reason" "$("$ADD" --log | tail -n 1)" ' (add|sign) refused: .'
	ssh-add -q -D 2>/dev/null
done
finish
