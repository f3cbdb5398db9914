#!/bin/sh
# Cards that are pulled out, put into another reader, two at once, many clients of one, and pcscd that stops: nothing is
# lost without a word, and all goes on by itself.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/smartcards.sh"
need python3

ok 'pcscd starts' pcscd_start 4
ok 'a card' tokencard_start main 0 -s "$T/main.state" -o serial=1234567 -o slot=9a:p256 -o slot=9c:p256 -o slot=9e:p256 \
	-o slot=82:p256:pin-never:touch
keygen ed25519 "$T/soft"
cp "$T/soft.pub" "$T/pub/"
person_agent
ok 'cards are offered' "$ADD" -q --card --slot 9c --slot 9e --slot 82 --slot 9a
"$ADD" -q "$T/soft"
for each in 9a 9c 9e 82; do
	ok "a key: $each" public $each "PIV $each, .*1234567"
done

# --- the list
listed_last() {
	ssh-add -L | sed '1!d' | cut -d ' ' -f 2 | cmp -s - "$T/softblob"
}
cut -d ' ' -f 2 "$T/soft.pub" >"$T/softblob"
not_ok 'a card that is there is listed where it was added' listed_last
ok 'the card is pulled' tokencard_pull main
ok 'its keys go to the end' poll 10 listed_last
is 'all are listed' "$(keys)" 5
ok 'as not there' present_is 9a no
ok 'it comes back' tokencard_insert main
ok 'and they are there' poll 10 present_is 9a yes
not_ok 'where they were' listed_last

# --- a signature by a card that is not there
tokencard_pull main
forget
begin sign 9e
ok 'a signature waits for the card' poll 10 shown_is confirm 1
has 'with a question that names the key' "$(text_of confirm)" 'holds key "PIV 9e, .*1234567"'
has 'and its fingerprint' "$(text_of confirm)" "$(ssh-keygen -lf "$T/pub/9e.pub" | cut -d ' ' -f 2 | sed 's/[+]/[+]/g')"
has 'and who asks' "$(text_of confirm)" 'ssh-keygen'
ok 'software keys sign meanwhile' ssh-add -T "$T/soft.pub"
ok 'the card comes' tokencard_insert main
result
is 'and the signature is made' $? 0
ok 'rightly' verified 9e
ok 'the question goes by itself' poll 5 shown_is confirm 0
tokencard_pull main
: >"$T/no"
not_ok 'no' sign 9e
has 'is a refusal' "$(log_last sign)" 'sign refused: the person said no'
forget

# --- another reader
tokencard main quit >"$T/out"
gone "$CARD_PID_main" 10
begin sign 9e
ok 'whoever waits' poll 10 shown_is confirm 1
ok 'is served by the other reader' tokencard_start main 2 -s "$T/main.state" -o serial=1234567
result
is 'and signs' $? 0
ok 'rightly' verified 9e
is 'its keys are the same' "$(keys)" 5
ok 'and there' present_is 9a yes
forget

# --- pulled in the middle
# middle NAME: pull the card when the signature was made and not answered; wait for the question.
middle() {
	tokencard main mode die-after ins=87 times=1 >"$T/out"
	begin sign "$1"
	poll 15 shown_is confirm 1 && poll 10 slot_has 2 No
}
ok 'pulled in the middle' middle 9e
ok 'it comes back' tokencard_insert main
result
is 'the signature is made' $? 0
ok 'rightly' verified 9e
is 'after one question' "$(asked confirm)" 1
is 'and no PIN' "$(asked secret)" 0
pins 123456
ok 'a PIN, for all that follows' sign 9a
ok 'as long as the card is there' sign 9a
is 'one question' "$(asked secret)" 1
pins 123456
ok 'pulled in the middle of one with a PIN' middle 9a
ok 'it comes back' tokencard_insert main
result
is 'the signature is made' $? 0
ok 'rightly' verified 9a
is 'the PIN was asked for again, since the card wants it' "$(asked secret)" 1
# An operation is repeated once.
forget
tokencard main mode die-after ins=87 times=2 >"$T/out"
begin sign 9e
ok 'pulled in the middle' poll 15 shown_is confirm 1
ok 'it comes back' tokencard main insert
not_ok 'and is pulled again: a refusal' result
has 'in words' "$(log_last sign)" 'sign refused: the token was pulled out'
ok 'it comes back' tokencard_insert main
ok 'and signs' sign 9e
forget
touch "$T/think"
begin sign 9c
ok 'a PIN is asked for' poll 10 shown_is secret 1
ok 'meanwhile the card is pulled' tokencard_pull main
ok 'the question goes' poll 10 shown_is secret 0
ok 'and one for the card comes' poll 10 shown_is confirm 1
pins 123456
ok 'it comes back' tokencard_insert main
result
is 'and signs' $? 0
is 'with the PIN asked for' "$(asked secret)" 1
forget

# --- two cards
ok 'a second card' tokencard_start other 0 -o serial=77 -o slot=9e:p256
ok 'its key comes' poll 10 public other 'PIV 9e, .*[^0-9]77$'
begin sign 82
ok 'the first waits for a touch' tokencard_await main waiting 10
ok 'the second signs meanwhile' timeout 10 ssh-add -T "$T/pub/other.pub"
is 'indeed' "$(status_of main waiting)" yes
ok 'software keys sign' timeout 5 ssh-add -T "$T/soft.pub"
ok 'a touch' tokencard main touch
result
is 'ends it' $? 0
ok 'rightly' verified 82
forget

# --- many clients
MANY=6
served() {
	find "$T" -maxdepth 1 -name 'done.*' | wc -l
}
served_is() {
	[ "$(served)" -eq "$1" ]
}
tokens_awaited() {
	"$ADD" --status | grep -qx "tokens-awaited: $1"
}
number=0
: >"$T/queue"
while [ $number -lt $MANY ]; do
	number=$((number + 1))
	(sign 82 $number 2>/dev/null && : >"$T/done.$number") &
	echo $! >>"$T/queue"
	reap $!
	[ $number -gt 1 ] || tokencard_await main waiting 10 || fail 'the first waits for a touch'
done
ok 'many wait' poll 20 tokens_awaited $MANY
ok 'with one notice' poll 10 shown_is notice 1
ok 'the first is touched' tokencard main touch
ok 'and served' poll 10 served_is 1
ok 'the next has its notice' poll 10 eval 'shown_is notice 1 && asked_is notice 2'
has 'with the count of those behind it' "$(text_of notice)" '^4 more requests wait for it'
# One in line, and the one at the card.
for pid in $(while read -r pid; do ended "$pid" || echo "$pid"; done <"$T/queue" | sed -n '1p;$p'); do
	leave "$pid"
done
ok 'two leave' poll 10 tokens_awaited 3
# The touch that the one at the card had asked for is still awaited, and then of no use.
more=0
until served_is $((MANY - 2)) || [ $more -eq $MANY ]; do
	more=$((more + 1))
	touches=$(status_of main touches)
	tokencard_await main waiting 20 >/dev/null && tokencard main touch >/dev/null
	poll 10 eval '[ "$(status_of main touches)" -gt $touches ]'
	[ "$(status_of main waiting)" = yes ] || poll 2 served_is $((MANY - 2))
done
is 'all others are served' "$(served)" $((MANY - 2))
good=0
for file in "$T"/done.*; do
	verified 82 "${file##*.}" >/dev/null 2>&1 && good=$((good + 1))
done
is 'rightly' $good $((MANY - 2))
ok 'no notice is left' poll 5 shown_is notice 0
ok 'nobody waits' poll 10 tokens_awaited 0
forget

# --- pcscd stops and starts
for signal in TERM KILL; do
	ok "pcscd stops: $signal" pcscd_end -s $signal
	ok 'the keys are not there' poll 10 present_is 9e no
	has '--tokens says why' "$("$ADD" --tokens)" '^No smartcard can be seen: the service pcscd does not run'
	begin sign 9e
	ok 'a signature waits' poll 10 shown_is confirm 1
	has 'and says what is wrong' "$(text_of confirm)" 'pcscd does not run'
	pcscd_again
	result
	is 'it is made when pcscd is back' $? 0
	ok 'rightly' verified 9e
	ok 'the keys are back by themselves' poll 20 present_is 9e yes
	forget
done

# --- the helper dies
helper=$(card_helper)
kill -KILL "$helper"
ok 'a helper that dies' gone "$helper" 5
ok 'is replaced' poll 15 eval '[ -n "$(card_helper)" ] && [ "$(card_helper)" != "$helper" ]'
ok 'and the key signs' sign 9e
ok 'without anybody at the keyboard' poll 5 shown_is confirm 0
begin sign 82
ok 'a touch is awaited' tokencard_await main waiting 10
kill -KILL "$(card_helper)"
ok 'the helper dies, and the card waits on' tokencard main touch
ok 'the touch was for nobody, and another is asked for' tokencard_await main waiting 30
ok 'which comes' tokencard main touch
result
is 'and ends it' $? 0
agent_stop
forget

# --- not listed
person_agent --hide-absent --insert-wait 1
"$ADD" -q --card --slot 9e --slot 9a
is 'with --hide-absent' "$(keys)" 3
ok 'the card is pulled' tokencard_pull main
ok 'its keys are not listed' poll 10 keys_are 1
ok 'it comes back' tokencard_insert main
ok 'they are' poll 10 keys_are 3
tokencard_pull main
poll 10 keys_are 1
# ssh-keygen signs by listed keys only.
not_ok 'whoever signs by one that is not there' timeout 20 ssh-add -T "$T/pub/9e.pub"
is 'is asked for it' "$(asked confirm)" 1
has 'and over the time refused' "$(log_last sign)" 'sign refused: the token that holds it is not there'
agent_stop
forget

# --- without pcscd from the start
ok 'pcscd stops' pcscd_end
person_agent --insert-wait 1
ok 'cards are offered nevertheless' "$ADD" --card
is 'without keys' "$(keys)" 0
pcscd_again
tokencard main insert >"$T/out"
ok 'which come when it runs' poll 20 keys_are 3
finish
