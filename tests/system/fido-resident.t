#!/bin/sh
# Keys that live on security keys, what is plugged in, and security keys of odd kinds: U2F only, long key handles,
# applications that are not for SSH.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/securitykeys.sh"
need ssh-add ssh-keygen python3

echo 123456 >"$T/keygen-pin"
ok 'pcscd starts' pcscd_start 8
export SK_VIRTUAL_PIN=123456
fido_key work ed25519-sk mine -O resident -O application=ssh:work -O user=someone
fido_key house ecdsa-sk mine -O resident
fido_key strict ed25519-sk theirs -O resident -O verify-required -O application=ssh:strict
unset SK_VIRTUAL_PIN

# asking COMMAND...: a command whose questions the person answers.
asking() {
	SSH_ASKPASS=$T/person SSH_ASKPASS_REQUIRE=force timeout 50 "$@" </dev/null
}

# listed: the fingerprints in the agent, in the order of their text.
listed() {
	ssh-add -l 2>/dev/null | grep -o 'SHA256:[^ ]*' | sort
}

# prints NAME...: of these keys, likewise.
prints() {
	for name; do
		ssh-keygen -lf "$T/pub/$name.pub" | cut -d ' ' -f 2
	done | sort
}

fido_agent

# --- nothing is there
exits 'no device: nothing to list' 0 asking "$ADD" --tokens
is 'which is said' "$(head -n 1 "$T/out")" 'No security key is plugged in.'
exits 'as JSON' 0 asking "$ADD" --tokens --json
not_ok 'no line' grep '"transport"' "$T/out"
exits 'no device: nothing to add' 1 asking "$ADD" -K
has 'and what to do' "$(cat "$T/err")" 'No security key is plugged in: plug it in and try again'

# --- one device
ok 'a card' card_start mine 0 -s "$T/mine.state"
pins 123456
ok 'its keys are added' asking "$ADD" -K
is 'all of them' "$(listed)" "$(prints work house)"
is 'with one PIN' "$(asked secret)" 1
has 'asked for by the name of the device' "$(text_of secret)" 'PIN for Virtual FIDO 0'
is 'their comments are their applications' "$(ssh-add -L | cut -d ' ' -f 3- | sort | tr '\n' ' ')" 'ssh: ssh:work '
is 'no touch was needed' "$(status_of mine touches)" 0
for key in work house; do
	ok "$key: signs" touching mine sign "$key"
	ok "$key: rightly" verified "$key"
done
ssh-add -q -D 2>/dev/null
pins 1111 123456
ok 'a wrong PIN has one more chance' asking "$ADD" -K
has 'which tells the tries that are left' "$(text_of secret)" '7 tries left'
is 'and works' "$(listed)" "$(prints work house)"
ssh-add -q -D 2>/dev/null
pins 1111 2222 123456
exits 'and no more' 1 asking "$ADD" -K
has 'the reason is said' "$(cat "$T/err")" 'the PIN is wrong'
is 'nothing is added' "$(listed)" ''
pins 123456
ok 'with rules' asking "$ADD" -q -K --local-only -t 1h
is 'all have them' "$("$ADD" -l -v | grep -c 'local-only: yes')" 2
ssh-add -q -D 2>/dev/null

# --- OpenSSH's own way gives the same keys
mkdir "$T/down"
(cd "$T/down" && SK_VIRTUAL_STATE=$T/mine.state SSH_ASKPASS=$T/keygen-ask SSH_ASKPASS_REQUIRE=force \
	ssh-keygen -q -K -N '' -w "$SK" </dev/null >"$T/keygen.out" 2>&1)
is 'ssh-keygen -K finds the same' "$(for f in "$T"/down/*.pub; do ssh-keygen -lf "$f"; done | cut -d ' ' -f 2 | sort)" \
	"$(prints work house)"

# --- what is plugged in
pins 123456
ok 'listed' asking "$ADD" --tokens
has 'the device' "$(cat "$T/out")" '^Virtual FIDO 0 00 00 [(]'
has 'what it is' "$(cat "$T/out")" 'FIDO2.*8 PIN tries left.*resident'
has 'a key on it' "$(cat "$T/out")" "resident key .*$(fido_print work) ssh:work .*user someone"
has 'another' "$(cat "$T/out")" "resident key .*$(fido_print house) ssh: "
is 'nothing was added' "$(listed)" ''
forget
exits 'without a PIN the keys are not listed' 0 asking "$ADD" --tokens
has 'which is said' "$(cat "$T/err")" 'its resident keys are not listed, since no PIN was given'

ok 'a second device' card_start theirs 2 -s "$T/theirs.state"
ok 'a U2F key' card_start old 4 -a -s "$T/old.state" -o ctap2=off
pins 123456 123456
ok 'as JSON' asking "$ADD" --tokens --json
is 'devices and keys' "$(python3 - "$T/out" <<'END'
import json, sys
for line in open(sys.argv[1]):
    d = json.loads(line)
    if "transport" not in d:  # no security key
        continue
    keys = ["%s %s %s" % (k["application"], k["user"], k["verify-required"]) for k in d.get("resident", [])]
    print(d["name"], d["transport"], d["fido2"], *sorted(keys))
END
)" 'Virtual FIDO 0 00 00 pcsc True ssh: openssh False ssh:work someone False
Virtual FIDO 1 00 00 pcsc True ssh:strict openssh True
Virtual FIDO 2 00 00 pcsc False'

# --- a device in use
ok 'another program uses the first' card_hold 0
pins 123456
exits 'it cannot be asked' 1 asking "$ADD" --tokens
has 'but is listed' "$(cat "$T/out")" '^Virtual FIDO 0 00 00 [(]smartcard reader, '
has 'with the others' "$(cat "$T/out")" '^Virtual FIDO 1 00 00 [(]smartcard reader, '
has 'and the reason' "$(cat "$T/err")" \
	'^Virtual FIDO 0 00 00: a card is there, in use by another program [(]perhaps waiting for a touch[)]: try again'
not_ok 'it is not called a security key' grep 'security key' "$T/err"
pins 123456
exits 'as JSON' 1 asking "$ADD" --tokens --json
is 'the same' "$(python3 - "$T/out" <<'END'
import json, sys
for line in open(sys.argv[1]):
    d = json.loads(line)
    if "transport" not in d:  # no security key
        continue
    print(d["name"], d.get("error", "well").split(":")[0])
END
)" 'Virtual FIDO 0 00 00 a card is there, in use by another program (perhaps waiting for a touch)
Virtual FIDO 1 00 00 well
Virtual FIDO 2 00 00 well'
pins 123456
exits 'what could not be asked is no success' 1 asking "$ADD" -K
has 'it is passed over' "$(cat "$T/err")" \
	'^Virtual FIDO 0 00 00: passed over: a card is there, in use by another program [(]perhaps waiting'
is 'and the keys of the other are added' "$(listed)" "$(prints strict)"
ssh-add -q -D 2>/dev/null
card_pull old >/dev/null
card_pull theirs >/dev/null
forget
exits 'the only one' 1 asking "$ADD" --tokens
not_ok 'is not denied' grep -h 'No security key is plugged in' "$T/out" "$T/err"
exits 'nor' 1 asking "$ADD" -K
not_ok 'by -K' grep -h 'No security key is plugged in' "$T/out" "$T/err"
ok 'the program ends' card_free
card_insert theirs >/dev/null
card_insert old >/dev/null

pins 123456 123456
asking "$ADD" -q -K 2>/dev/null
is 'the keys of both are added' "$(listed)" "$(prints work house strict)"
is 'with a PIN each' "$(asked secret)" 2
pins 123456
begin sign strict
ok 'one that wants its user verified: a device is chosen' card_await theirs waiting 20
card theirs touch >/dev/null
ok 'its PIN is asked for' poll 20 asked_is secret 1
ok 'and its touch' card_await theirs waiting 20
card theirs touch >/dev/null
result
is 'it signs' $? 0
ok 'rightly' verified strict
ssh-add -q -D 2>/dev/null

# --- U2F
FIDOKEY=$BUILD/tests/tools/fidokey
ok 'a key of a U2F device' "$FIDOKEY" ecdsa 'pcsc:Virtual FIDO 2 00 00' "$T/u2f"
cp "$T/u2f.pub" "$T/pub/"
card old auto off >/dev/null
ok 'is added' "$ADD" -q "$T/u2f"
ok 'signs with a touch' touching old sign u2f
ok 'rightly' verified u2f
is 'with flags and counter of the device' "$(said u2f)" "flags=1 counter=$(status_of old counter)"
card old quit >/dev/null
ssh-add -q -D 2>/dev/null

# --- long handles
for length in 255 1024; do
	SK_VIRTUAL_OPTIONS="id_length=$length max_message=2048" fido_key "long$length" ed25519-sk "long$length"
	ok "a device with handles of $length bytes" card_start "long$length" 6 -s "$T/long$length.state"
	ok "$length: its key is added" "$ADD" -q "$T/long$length"
	ok "$length: and signs" touching "long$length" sign "long$length"
	ok "$length: rightly" verified "long$length"
	card "long$length" quit >/dev/null
	poll 10 slot_has 6 No
done
ssh-add -q -D 2>/dev/null

# --- applications that are not for SSH
card mine pin >/dev/null
card mine auto on >/dev/null
ok 'a key for a web site' "$FIDOKEY" -a login.example.org ed25519 'pcsc:Virtual FIDO 0 00 00' "$T/web"
cp "$T/web.pub" "$T/pub/"
"$ADD" -q "$T/web"
cat >"$T/raw.py" <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from client import *
reply = Client(sys.argv[2]).ask(sign_request(blob_of(sys.argv[3]), b"\0" * 37 + b"what a web site wants signed"))
sys.exit(0 if reply[0] == SIGNATURE else 3)
END
raw() {
	python3 "$T/raw.py" tests/support "$SSH_AUTH_SOCK" "$T/pub/web.pub"
}
ok 'signs for SSH' sign web
ok 'rightly' verified web
exits 'and nothing else' 3 raw
has 'for this reason' "$(log_last sign)" "sign refused: the security key's application is not for SSH"
agent_stop
fido_agent -O no-restrict-websafe
"$ADD" -q "$T/web"
ok 'unless anything goes' raw
agent_stop
fido_agent -O 'websafe-allow=ssh:*,*.example.org'
"$ADD" -q "$T/web"
ok 'or the application is one of those allowed' raw
agent_stop
fido_agent -O 'websafe-allow=ssh:*,*.example.com'
"$ADD" -q "$T/web"
exits 'which it is not here' 3 raw
finish
