#!/bin/sh
# seconds 240
# Cards that answer badly, in the agent: refused in words, other cards, keys and clients untouched.  (An answer without any byte, "empty", hangs the driver
# of the virtual readers itself.)
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/smartcards.sh"

ok 'pcscd starts' pcscd_start 6
ok 'a good card' tokencard_start good 0 -o serial=11 -o slot=9e:p256
ok 'a bad one' tokencard_start bad 2 -o serial=22 -o slot=9e:p256 -o slot=9a:rsa2048
keygen ed25519 "$T/soft"
cp "$T/soft.pub" "$T/pub/"
person_agent
ok 'cards are offered' "$ADD" -q --card
"$ADD" -q "$T/soft"
ok 'a good key' public good 'PIV 9e, .*[^0-9]11'
ok 'a bad one' public bad 'PIV 9e, .*[^0-9]22'
ok 'one with a PIN' public pin 'PIV 9a, .*[^0-9]22'
helper=$(card_helper)

# untouched DESCRIPTION: the other keys sign.
untouched() {
	ok "$1: the other card signs" timeout 10 ssh-add -T "$T/pub/good.pub"
	ok "$1: a software key signs" timeout 5 ssh-add -T "$T/soft.pub"
}

# --- bad signatures, and bad answers in their place
for mode in truncated bare one long garbage 'status 6f00' 'status 9100' 'status 6581' 'status 6983' oversize nothing-behind endless \
	bad-signature other-key; do
	# shellcheck disable=SC2086 # words
	tokencard bad mode $mode ins=87 >"$T/out"
	forget
	not_ok "$mode: refused" sign bad
	has "$mode: in words" "$(log_last sign)" 'sign refused: the token( or its module reported an error| cannot make)'
	is "$mode: nobody was asked" "$(asked secret)$(asked confirm)" 00
	untouched "$mode"
	tokencard bad mode good >"$T/out"
	ok "$mode: it signs when it is good again" sign bad
	ok "$mode: rightly" verified bad
done
is 'the helper is the same' "$(card_helper)" "$helper"

# --- bad answers before: it is there, and not pulled out
for mode in bare 'status 6f00' 'status 6581' 'status 6983'; do
	# shellcheck disable=SC2086 # words
	tokencard bad mode $mode >"$T/out"
	forget
	not_ok "all commands, $mode: refused" sign bad
	has "all commands, $mode: in words" "$(log_last sign)" 'sign refused: the token or its module reported an error'
	is "all commands, $mode: nobody was asked" "$(asked secret)$(asked confirm)" 00
	tokencard bad mode good >"$T/out"
	ok "all commands, $mode: it signs when it is good again" sign bad
done

# --- bad answers to the PIN, and to its being asked about
for mode in truncated bare one long 'status 6f00' oversize nothing-behind endless; do
	anew bad bad || fail 'the card comes again'
	# shellcheck disable=SC2086 # words
	tokencard bad mode $mode ins=20 >"$T/out"
	pins 123456
	begin sign pin
	poll 30 ended "$begun" || fail "$mode: a PIN: an end"
	untouched "PIN, $mode"
	tokencard bad mode good >"$T/out"
	is "PIN, $mode: no try was spent" "$(status_of bad pin)" 3
done
pins 123456
ok 'a PIN' sign pin
ok 'rightly' verified pin

# --- when it is put in
for mode in truncated bare one long garbage 'status 6f00' oversize nothing-behind endless; do
	tokencard_pull bad
	# shellcheck disable=SC2086 # words
	tokencard bad mode $mode >"$T/out"
	tokencard_insert bad
	untouched "put in, $mode"
	tokencard_pull bad
	tokencard bad mode good >"$T/out"
done
ok 'put in, and good' tokencard_insert bad
ok 'it is there' poll 30 present_is bad yes
ok 'and signs' sign bad
is 'the helper is the same' "$(card_helper)" "$helper"
is 'nothing was added' "$(keys)" 4

# --- what its keys are
ok 'a key is another' tokencard bad option slot=9e:p384
tokencard_pull bad && tokencard_insert bad
ok 'it is offered' poll 20 eval 'ssh-add -L | grep -q nistp384'
ok 'the old one is not there' poll 10 present_is bad no
ssh-add -L | grep nistp384 >"$T/pub/new.pub"
ok 'the new one signs' sign new
ok 'rightly' verified new
ok 'a card whose certificate is none' tokencard_start broken 3 -o serial=33 -o slot=9a:p256:broken -o slot=9e:p256
ok 'has the keys that can be read' poll 20 public broken 'PIV 9e, .*[^0-9]33'
ok 'which sign' sign broken
ok 'a card without a GUID' tokencard_start bare 4 -o guid=none -o chuid=off -o yubico=off -o slot=9e:p256
ok 'has its keys' poll 20 public bare 'PIV 9e, [^0-9]*$' || ssh-add -L | sed 's/^/# /'
ok 'which sign' sign bare
ok 'rightly' verified bare
ok 'a card with the number of another' tokencard_start twin 5 -o serial=11 -o slot=9e:p256
untouched 'twins'
tokencard twin quit >"$T/out"

# --- no answer to another program, which we then wait for
threads() {
	set -- "/proc/$(card_helper)/task/"*
	echo $#
}
anew good good
ok 'a program has the card open' card_hold 2
ok 'it ends' card_free
# shellcheck disable=SC2016 # the script's own
sed 's/^print/command, reply, n = bytes([0, 0x87, 0, 0, 0]), bytes(258), ctypes.c_ulong(258)\
pci = ctypes.byref(ctypes.c_ulong.in_dll(pcsc, "g_rgSCardT1Pci"))\
print("held", flush=True)\
pcsc.SCardTransmit(card, pci, command, 5, None, reply, ctypes.byref(n))\
&/' "$T/hold.py" >"$T/stuck.py"
tokencard bad mode hang 40000 ins=87 >"$T/out"
python3 "$T/stuck.py" "$(reader_name 2)" >"$T/held" 2>"$T/stuck.err" &
stuck=$!
reap "$stuck"
ok 'a program waits for a card' tokencard_await bad busy 10
before=$(threads)
for each in 1 2 3; do
	not_ok "which we cannot reach, $each" sign new
	has 'in words' "$(log_last sign)" 'sign refused: the (card is in use by another program|token did not answer in time)'
	after=$(threads)
	ok "and leave no threads behind, $before before, $after after" [ "$after" -le $((before + 1)) ]
done
untouched 'a stuck card'
kill -9 "$stuck"
tokencard bad mode good >"$T/out"
tokencard bad pull >"$T/out"
ok 'pulled' poll 50 slot_has 2 No
tokencard_insert bad
ok 'it is there' poll 30 present_is new yes
ok 'it signs' sign new

# --- no answer at all
tokencard bad mode hang 45000 ins=87 >"$T/out"
begin sign new
ok 'a card that does not answer' tokencard_await bad busy 10
untouched 'no answer'
not_ok 'is given up' result
has 'in words' "$(log_last sign)" 'sign refused: the token did not answer in time'
ok 'its helper is replaced' poll 10 eval '[ -n "$(card_helper)" ] && [ "$(card_helper)" != "$helper" ]'
ok 'the other card signs' timeout 20 ssh-add -T "$T/pub/good.pub"
ok 'and software keys' timeout 5 ssh-add -T "$T/soft.pub"
tokencard bad mode good >"$T/out"
tokencard bad pull >"$T/out"
ok 'pulled, and put in again' poll 20 slot_has 2 No
tokencard_insert bad
ok 'it is there' poll 30 present_is new yes
ok 'it signs' sign new
finish
