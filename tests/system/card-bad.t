#!/bin/sh
# signet-card with cards that answer short, long, out of order or not at all: they are left out or listed as
# what is known of them, and another card goes on.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/cards.sh"

need ssh-keygen
[ -x "$BUILD/libexec/signet/signet-card" ] || skip_all 'signet-card is not built: libpcsclite is missing'
echo 'some text' >"$T/text"

ok 'pcscd starts with four slots' pcscd_start 4
ok 'a good card' tokencard_start good 0 -o slot=9d:p384:pin-never -o serial=1
ok 'another' tokencard_start bad 2 -o slot=9e:ed25519 -o slot=9a:rsa2048 -o serial=2
ok 'the helper starts' helper_start
lived=$HELPER
for mode in truncated bare one long garbage 'status 6581' oversize nothing-behind endless; do
	# In everything it says, or in what it holds.
	case $mode in
	truncated | garbage | oversize) ins=ins=cb ;;
	*) ins= ;;
	esac
	tokencard_pull bad
	# shellcheck disable=SC2086 # words
	tokencard bad mode $mode $ins >"$T/out"
	tokencard_insert bad
	signs "the good card signs: $mode" 9d ecdsa-sha2-nistp384
	mark
	tokencard_pull bad
	tokencard bad mode good >"$T/out"
	tokencard_insert bad
	says "and this one when it is good: $mode" '^key 9e ssh-ed25519' 30
	# shellcheck disable=SC2086 # words
	tokencard bad mode $mode ins=87 >"$T/out"
	ask sign 9e ssh-ed25519 "$T/text"
	says "no signature: $mode" '^failed [0-9]* the token'
	# shellcheck disable=SC2086 # words
	tokencard bad mode $mode ins=20 >"$T/out"
	ask sign 9a rsa-sha2-256 "$T/text" 123456
	# A good status with nothing behind it that counts is a PIN that fits: the card checks it, not we.
	case $mode in
	truncated | bare | garbage | oversize) says "its PIN: $mode" '^signed' ;;
	*) says "no PIN: $mode" '^failed [0-9]* the token' ;;
	esac
	tokencard bad mode good >"$T/out"
	signs "it has recovered: $mode" 9e ssh-ed25519
done
tokencard bad mode status 6f00 >"$T/out"
ask sign 9e ssh-ed25519 "$T/text"
says 'not pulled out: with the status word' '^failed [0-9]* the token .*SW 6F00'
tokencard bad mode good >"$T/out"

# Another reader's card says nothing: it is in use all the time.
tokencard_pull bad
tokencard bad mode hang 20000 ins=a4 >"$T/out"
before=$(status_of bad apdus)
tokencard_insert bad
ok 'a card is asked, and hangs' poll 10 eval '[ "$(status_of bad apdus)" -gt "$before" ]'
ask select 'card:serial=1;slot=9d'
says 'the good card is selected meanwhile' '^selected [0-9]* ' 10
signs 'and signs' 9d ecdsa-sha2-nistp384
ask select 'card:serial=1;slot=9d' 123456
says 'with a PIN' '^selected [0-9]* ' 10
tokencard bad mode good >"$T/out"
is 'the helper is the one that was started' "$(sed -n 's/^helper //p' "$T/said")" "$lived"
not_ok 'and runs' ended "$lived"
is 'it had nothing to say' "$(cat "$T/helper.err")" ''
finish
