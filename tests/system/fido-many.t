#!/bin/sh
# seconds 120
# Many clients and one security key: a touch each, one notice at a time that counts who waits, and a place that is
# given up; eight security keys that all wait, while software keys sign.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/securitykeys.sh"
need ssh-add ssh-keygen python3

MANY=20
ok 'pcscd starts' pcscd_start 8
fido_key ed ed25519-sk mine
keygen ed25519 "$T/soft"
ok 'a card' card_start mine 0 -s "$T/mine.state"
fido_agent
"$ADD" -q "$T/ed" "$T/soft"

# waiting_is NUMBER: so many requests wait for a security key, says the agent.
waiting_is() {
	"$ADD" --status | grep -qx "security-keys-awaited: $1"
}

# queue: MANY signatures at once, each a process whose number is in $T/queue.
queue() {
	: >"$T/queue"
	fido_number=0
	while [ $fido_number -lt $MANY ]; do
		fido_number=$((fido_number + 1))
		(sign ed "$fido_number" 2>/dev/null && : >"$T/done.$fido_number") &
		echo $! >>"$T/queue"
		reap $!
	done
}

served() {
	find "$T" -maxdepth 1 -name 'done.*' | wc -l
}

served_is() {
	[ "$(served)" -eq "$1" ]
}

queue
ok 'all wait' poll 20 waiting_is $MANY
ok 'with one notice' poll 10 shown_is notice 1
is 'and one at the card' "$(status_of mine waiting)" yes
ok 'software keys sign meanwhile' timeout 5 ssh-add -T "$T/soft.pub"
touched=0
while [ $touched -lt 5 ]; do
	touched=$((touched + 1))
	card_await mine waiting 20 >/dev/null && poll 10 shown_is notice 1 && card mine touch >/dev/null
	poll 10 served_is $touched || break
done
is 'each touch serves one' "$(served)" 5
is 'and no more touches were used' "$(status_of mine touches)" 5
ok 'the next has its notice' poll 10 shown_is notice 1
has 'with the count of those behind it' "$(text_of notice)" '^14 more requests wait for it'

# One that waits in line, and the one at the card: both leave.
awaited=
for pid in $(cat "$T/queue"); do
	ended "$pid" || awaited="$awaited $pid"
done
for pid in $(printf '%s\n' $awaited | sed -n '1p;$p'); do
	leave "$pid"
done
ok 'two leave' poll 10 waiting_is 13
# If one of them was at the card, it is off it within a second (LIMIT_CANCEL_MS): a touch before that would be for it.
sleep 2
while [ $touched -lt 18 ]; do
	touched=$((touched + 1))
	card_await mine waiting 20 >/dev/null && card mine touch >/dev/null
	poll 10 served_is $touched || break
done
is 'all others are served' "$(served)" 18
ok 'nobody waits' poll 10 waiting_is 0
ok 'no notice is left' poll 5 shown_is notice 0
is 'touches, signatures' "$(status_of mine touches) $(status_of mine assertions)" '18 18'
good=0
for file in "$T"/done.*; do
	verified ed "${file##*.}" >/dev/null 2>&1 && good=$((good + 1))
done
is 'each signature is right' $good 18
rm -f "$T"/done.*
forget

# --- touched by themselves
card mine auto on >/dev/null
queue
ok 'served one after the other without a hitch' poll 30 served_is $MANY
rm -f "$T"/done.*
card mine auto off >/dev/null

# --- eight devices
n=0
while [ $n -lt 7 ]; do
	n=$((n + 1))
	fido_key "k$n" ed25519-sk "c$n"
	card_start "c$n" $n -s "$T/c$n.state"
	"$ADD" -q "$T/k$n"
done
n=0
while [ $n -lt 7 ]; do
	n=$((n + 1))
	(sign "k$n" "$n" 2>/dev/null && : >"$T/done.$n") &
	reap $!
done
(sign ed 8 2>/dev/null && : >"$T/done.8") &
reap $!
for name in mine c1 c2 c3 c4 c5 c6 c7; do
	card_await $name waiting 20 >/dev/null || diag "$name does not wait"
done
ok 'eight wait' waiting_is 8
ok 'with a notice each' poll 10 shown_is notice 8
signed=0
while [ $signed -lt 20 ] && timeout 5 ssh-add -T "$T/soft.pub" 2>/dev/null; do
	signed=$((signed + 1))
done
is 'software keys sign meanwhile' $signed 20
ok 'and the list is there' timeout 5 ssh-add -l
for name in c7 c3 c5 c1 c6 c2 c4 mine; do
	card $name touch >/dev/null
done
ok 'each gets its touch' poll 20 served_is 8
for n in 1 2 3 4 5 6 7; do
	ok "device $n: its signature is right" verified "k$n" "$n"
done
ok 'nobody waits' poll 10 waiting_is 0
ok 'no notice is left' poll 5 shown_is notice 0
ssh-add -q -D 2>/dev/null
ok 'no helper is left' poll 5 helpers_are 0
finish
