#!/bin/sh
# PINs and touches of PIV cards: when they are asked for, what is said of tries, what is remembered and forgotten.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/smartcards.sh"

ok 'pcscd starts' pcscd_start 2
ok 'a card' tokencard_start main 0 -s "$T/main.state" -o serial=1234567 -o slot=9a:p256 -o slot=9c:p256 -o slot=9e:p256

# agent [ARGUMENT...]: one that offers all keys of the card.
agent() {
	person_agent "$@"
	"$ADD" -q --card --slot all || fail 'the card is offered'
}

# locking -x|-X: lock the agent, unlock it.
askpass lock 'echo secret' >/dev/null
locking() {
	SSH_ASKPASS=$T/lock SSH_ASKPASS_REQUIRE=force ssh-add "$1"
}
agent
for each in 9a 9c 9e; do
	public $each "PIV $each, " || fail "no key: $each"
done

# --- how often
pins 123456
ok '9a signs' sign 9a
ok 'rightly' verified 9a
is 'with a PIN asked for' "$(asked secret)" 1
has 'of this card' "$(text_of secret)" 'Enter the PIN of token ".*1234567'
has 'for this key' "$(text_of secret)" '"PIV 9a, .*1234567"'
has 'by its fingerprint' "$(text_of secret)" "$(ssh-keygen -lf "$T/pub/9a.pub" | cut -d ' ' -f 2 | sed 's/[+]/[+]/g')"
has 'for this program' "$(text_of secret)" 'ssh-keygen'
is 'nothing of tries, since all are there' "$(text_of secret | grep -c 'last try')" 0
pins 111111
ok 'and again' sign 9a
is 'without' "$(asked secret)" 0
tokencard_pull main && tokencard_insert main
pins 123456
ok 'after it was pulled' sign 9a
is 'with' "$(asked secret)" 1
for each in 1 2; do
	pins 123456
	ok "9c signs, $each" sign 9c
	is 'with a PIN each time' "$(asked secret)" 1
	has 'as is said' "$(text_of secret)" 'wants the PIN for each signature'
done
tokencard_pull main && tokencard_insert main
pins 111111
ok '9e signs' sign 9e
ok 'rightly' verified 9e
is 'without' "$(asked secret)" 0

# --- for whom: the destination
if command -v ssh >/dev/null && [ -x /usr/sbin/sshd ]; then
	server_start
	# Here only, as the user's own file is not touched.
	mount -t tmpfs known /etc/ssh && echo "server.example $(cat "$T/host.pub")" >/etc/ssh/ssh_known_hosts
	cat "$T/pub/9c.pub" >"$T/authorized_keys"
	pins 123456
	ok 'a login' try
	has 'its question names the program' "$(text_of secret)" '(^|[^a-z])ssh($|[^a-z-])'
	has 'and the host' "$(text_of secret)" 'server\.example'
	has 'and who logs in there' "$(text_of secret)" "$user"
else
	skip 'a login' 'openssh-server is not installed'
fi

# --- wrong ones
pins 000000 123456
ok 'wrong, then right' sign 9c
is 'two questions' "$(asked secret)" 2
has 'the second tells of the first' "$(text_of secret)" 'That PIN was wrong'
has 'and how many tries are left' "$(text_of secret)" '2 tries are left'
is 'all tries are back' "$(status_of main pin)" 3
pins 000000 000001 123456
not_ok 'wrong twice is a refusal' sign 9c
is 'after two questions' "$(asked secret)" 2
is 'and two tries' "$(status_of main pin)" 1
has 'for this reason' "$(log_last sign)" 'sign refused: the PIN is wrong'
forget
not_ok 'the last try: a question that is left' sign 9c
is 'spends none' "$(status_of main pin)" 1
has 'says so before' "$(text_of secret)" 'the last try.*PUK'
for each in 9a 9c; do
	ok "two tries are gone: $each" tokencard main tries pin 1
	# 9c is asked for with what was known before, which is then not tried.
	pins 123456 123456
	ok 'the last try, a right PIN' sign $each
	has 'with a warning before' "$(text_of secret)" 'the last try'
	is 'all tries are back' "$(status_of main pin)" 3
	anew main 9c
done
ok 'two tries are gone while nobody looks' tokencard main tries pin 1
pins 000000 123456
before=$(status_of main wrong)
ok 'a wrong PIN, typed with more tries in mind' sign 9c
is 'is not sent' "$(status_of main wrong)" "$before"
is 'but asked for anew' "$(asked secret)" 2
has 'with the reason' "$(text_of secret)" 'That PIN has not been tried'
has 'and the warning' "$(text_of secret)" 'the last try'
anew main 9c
tokencard main tries pin 1 >"$T/out"
pins 000000 000000
not_ok 'who goes on regardless' sign 9c
has 'was told' "$(text_of secret)" 'the last try'
is 'and has spent it' "$(status_of main pin)" 0
has 'with this reason' "$(log_last sign)" 'sign refused: the PIN is locked'
ok 'no tries are left' tokencard main tries pin 0
pins 123456
not_ok 'a locked PIN' sign 9c
has 'is explained, with the way out' "$(log_last sign)" 'sign refused: the PIN is locked.*unlock it'
pins 123456
not_ok '9a, too' sign 9a
has 'is told the same' "$(log_last sign)" 'sign refused: the PIN is locked.*unlock it'
has 'and --tokens tells' "$("$ADD" --tokens)" '; PIN locked'
ok '9e signs on' sign 9e
ok 'it is unlocked' tokencard main secret pin 123456
pins 123456
ok 'and signs' sign 9c
for each in 12345 123456789; do
	pins $each 123456
	before=$(status_of main wrong)
	ok "no PIN of a PIV card, then the right one: $each" sign 9c
	is 'was not sent' "$(status_of main wrong)" "$before"
done
agent_stop

# --- remembered, for a while
for each in 10m plugged; do
	tokencard_pull main && tokencard_insert main
	agent --remember-pin $each
	pins 123456
	ok "$each: the first" sign 9c
	ok "$each: the second" sign 9c
	ok "$each: another key" sign 9a
	is "$each: one question" "$(asked secret)" 1
	ok "$each: the agent is locked" locking -x
	ok "$each: and unlocked" locking -X
	pins 123456
	ok "$each: it signs" sign 9a
	is "$each: with the PIN asked for" "$(asked secret)" 1
	pins 123456
	tokencard_pull main && tokencard_insert main
	ok "$each: after it was pulled, too" sign 9c
	is "$each: with a question" "$(asked secret)" 1
	tokencard main secret pin 654321 >"$T/out"
	pins 654321
	ok "$each: another PIN" sign 9c
	is "$each: is asked for" "$(asked secret)" 1
	has "$each: with the reason" "$(text_of secret)" 'PIN that was remembered is wrong'
	is "$each: after one try" "$(status_of main pin)" 3
	tokencard main secret pin 123456 >"$T/out"
	agent_stop
done
agent --remember-pin 2
pins 123456
ok 'for two seconds' sign 9c
ok 'it is remembered' sign 9c
is 'indeed' "$(asked secret)" 1
again() {
	pins 123456
	sign 9c && asked_is secret 1
}
ok 'then it is forgotten' poll 10 again
agent_stop

# --- the lock, and PINs that the card remembers
agent
tokencard_pull main && tokencard_insert main
pins 123456
ok 'a PIN' sign 9a
pins 111111
ok 'is good for more' sign 9a
ok 'the agent is locked' locking -x
not_ok 'and signs nothing' sign 9a
ok 'nor has the card a PIN any more' poll 10 eval '[ "$(status_of main verified)" = no ]'
ok 'unlocked' locking -X
pins 123456
ok 'it signs' sign 9a
is 'with a new PIN' "$(asked secret)" 1
agent_stop

# --- nobody to ask
tokencard_pull main && tokencard_insert main
SSH_AUTH_SOCK=$T/bare.sock
export SSH_AUTH_SOCK
setsid env -i PATH=/usr/bin:/bin HOME="$HOME" SIGNET_PINENTRY= "$AGENT" -D -a "$SSH_AUTH_SOCK" >"$T/bare.log" 2>&1 \
	</dev/null &
bare=$!
reap $bare
poll 10 test -S "$SSH_AUTH_SOCK"
ok 'with nobody to ask a card is offered' "$ADD" -q --card --slot all
exits 'and a signature refused at once' 1 setsid -w timeout 10 ssh-add -T "$T/pub/9c.pub"
has 'for a reason that the log has' "$("$ADD" --log | grep ' sign ' | tail -n 1)" 'sign refused: a PIN is needed'
exits '9a, too' 1 setsid -w timeout 10 ssh-add -T "$T/pub/9a.pub"
has 'has the reason' "$("$ADD" --log | grep ' sign ' | tail -n 1)" 'sign refused: a PIN is needed'
ok 'what needs no PIN signs' setsid -w timeout 10 ssh-add -T "$T/pub/9e.pub"
kill $bare
gone $bare

# --- touches
ok 'a card that wants touches' tokencard_start touchy 1 -o serial=7 -o touch_ms=4000 -o slot=9a:p256:touch \
	-o slot=9e:p256:touch-cached
agent
ok 'its key' public touch 'PIV 9a, .*[^0-9]7$'
pins 123456
begin sign touch
ok 'asks for a touch' tokencard_await touchy waiting 10
ok 'which the person is told' poll 5 shown_is notice 1
has 'by the name of the card' "$(text_of notice)" 'Touch your token ".*7"'
has 'and of the key' "$(text_of notice)" '"PIV 9a, '
has 'and who wants it' "$(text_of notice)" 'ssh-keygen'
is 'after one PIN' "$(asked secret)" 1
ok 'it is touched' tokencard touchy touch
result
is 'and signs' $? 0
ok 'rightly' verified touch
ok 'the notice goes' poll 5 shown_is notice 0
pins 111111
ok 'the notice is not there' touching touchy sign touch
tokencard touchy auto on >"$T/out"
forget
ok 'a touch at once' sign touch
is 'needs no notice' "$(asked notice)" 0
tokencard touchy auto off >"$T/out"
begin sign touch
ok 'a touch is awaited' poll 10 shown_is notice 1
ok 'and refused by the card' tokencard touchy refuse
not_ok 'the signature is refused' result
has 'in words' "$(log_last sign)" 'sign refused: the device was not touched in time'
ok 'the notice is gone' poll 5 shown_is notice 0
forget
not_ok 'no touch at all' sign touch
has 'ends so' "$(log_last sign)" 'sign refused: the device was not touched in time'
is 'after a notice' "$(asked notice)" 1
finish
