#!/bin/sh
# Security keys that are not plugged in: the order of the list, the question to plug one in, going on by itself, and
# who is not waited for.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/securitykeys.sh"
need ssh-add ssh-keygen python3

ok 'pcscd starts' pcscd_start 4
fido_key one ed25519-sk first
fido_key two ed25519-sk second
keygen ed25519 "$T/soft" -C soft
keygen ed25519 "$T/host" -C host
ok 'a card' card_start first 0 -s "$T/first.state"
ok 'one that is not inserted' card_start second 2 -u -s "$T/second.state"
fido_agent
"$ADD" -q "$T/two" "$T/one" "$T/soft" "$T/host"

# order_is NAME...: the list, for poll.
order_is() {
	[ "$(ssh-add -L | sed 's/.* //' | tr '\n' ' ')" = "$* " ]
}

# --- the list
ok 'what is plugged in is listed first' poll 10 order_is one soft host two
ok 'the other is inserted' card_insert second
ok 'then all keep their order' poll 10 order_is two one soft host
ok 'the first is pulled out' card_pull first
ok 'and goes to the end' poll 10 order_is two soft host one
ok 'the other, too' card_pull second
ok 'and both do' poll 10 order_is soft host two one

# --- a question, and what becomes of it
begin sign two
ok 'a signature waits for the device' poll 10 shown_is confirm 1
has 'with a question that names the key' "$(text_of confirm)" 'holds key "two"\.'
has 'with its fingerprint' "$(text_of confirm)" "$(fido_print two)"
has 'and who asks' "$(text_of confirm)" 'ssh-keygen'
ok 'software keys sign meanwhile' ssh-add -T "$T/soft.pub"
ok 'and the list is there' ssh-add -l
ok 'another device does not help' card_insert first
ok 'so that it goes on waiting' poll 10 order_is one soft host two
is 'with its question' "$(shown confirm)" 1
# opensc-tool, with which card_insert looks, would wait for the end of the touch.
ok 'the device is inserted' card second insert
ok 'and waits for a touch' card_await second waiting 20
ok 'the question has gone by itself' poll 5 shown_is confirm 0
ok 'in its place is the notice' poll 10 shown_is notice 1
ok 'a touch' card second touch
result
is 'is what was missing' $? 0
ok 'and the signature is right' verified two
ok 'the notice goes' poll 5 shown_is notice 0
card_pull second
forget

# --- no
: >"$T/no"
not_ok 'no' sign two
has 'is a refusal' "$(log_last sign)" 'sign refused: the person said no'
is 'after one question' "$(asked confirm)" 1
forget

# --- several who wait, and one who leaves
begin sign two a
first=$begun
poll 10 shown_is confirm 1
begin sign two b
ok 'a second client waits' poll 10 test -e "$T/sig.b"
is 'for the same question' "$(shown confirm)" 1
leave "$first"
ok 'the first leaves: a question stays' poll 10 shown_is confirm 1
card second insert >/dev/null
ok 'the device comes' card_await second waiting 20
card second touch >/dev/null
result
is 'the second is served' $? 0
forget

# --- pulled out in the middle
begin sign two
ok 'a touch is awaited' card_await second waiting 20
ok 'the device is pulled out' card_pull second
ok 'the question to plug it in comes' poll 10 shown_is confirm 1
is 'in place of the notice' "$(shown notice)" 0
ok 'it is inserted again' card second insert
ok 'and waits again' card_await second waiting 20
ok 'for the touch' card second touch
result
is 'that ends it well' $? 0
ok 'with a good signature' verified two
card_pull second
forget

# --- a forwarded connection is not waited for
cat >"$T/forwarded.py" <<'END'
import os, sys
sys.path.insert(0, sys.argv[1])
from client import *
c = Client(sys.argv[2])
host, key = blob_of(sys.argv[3]), blob_of(sys.argv[4])
assert c.ask(bind_request(c, host, os.urandom(32), forwarding=True)) == bytes([SUCCESS])
# What a login on the host would sign is of no matter here.
c.socket.settimeout(float(sys.argv[5]))
reply = c.ask(sign_request(key))
sys.exit(0 if reply[0] == SIGNATURE else 3)
END
exits 'a forwarded connection is refused at once' 3 python3 "$T/forwarded.py" tests/support "$SSH_AUTH_SOCK" \
	"$T/host.pub" "$T/two.pub" 10
is 'without a question' "$(asked confirm)" 0
has 'for this reason' "$(log_last sign)" 'sign refused: the security key that holds it is not plugged in'
agent_stop
fido_agent --insert-wait-forwarded --insert-wait 1h
"$ADD" -q "$T/two" "$T/host"
begin python3 "$T/forwarded.py" tests/support "$SSH_AUTH_SOCK" "$T/host.pub" "$T/two.pub" 30
ok 'unless that is allowed' poll 10 shown_is confirm 1
has 'when the question tells of it' "$(text_of confirm)" 'forwarded|host'
card second insert >/dev/null
card_await second waiting 20
card second touch >/dev/null
result
is 'and it is served' $? 0
card_pull second
agent_stop
forget

# --- the time is over; not at all
fido_agent --insert-wait 1
"$ADD" -q "$T/two"
not_ok 'a short time' sign two
is 'one question' "$(asked confirm)" 1
has 'ends so' "$(log_last sign)" 'sign refused: the security key that holds it is not plugged in'
agent_stop
forget
fido_agent --insert-wait 0
"$ADD" -q "$T/two"
not_ok 'no time' sign two
is 'no question' "$(asked confirm)" 0
agent_stop

# --- nobody can be asked
SSH_AUTH_SOCK=$T/bare.sock
export SSH_AUTH_SOCK
setsid env -i PATH=/usr/bin:/bin HOME="$HOME" SIGNET_PINENTRY= "$AGENT" -D -a "$SSH_AUTH_SOCK" >"$T/bare.log" 2>&1 \
	</dev/null &
reap $!
poll 10 test -S "$SSH_AUTH_SOCK"
"$ADD" -q "$T/two"
exits 'nobody to ask: refused at once' 1 setsid -w timeout 10 ssh-add -T "$T/two.pub"
has 'for the reason that the log has' "$("$ADD" --log | tail -n 1)" \
	'sign refused: the security key that holds it is not plugged in'
finish
