#!/bin/sh
# The virtual security keys of the tests, as pcscd and a client that knows nothing of them see them.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"

need scriptor

# What a client sees of the answers to these APDUs of CTAP 2.1: INFO, and a choice by touch.
AID="00 A4 04 00 08 A0 00 00 06 47 2F 00 01 00"
INFO="80 10 00 00 01 04 00"
CHOOSE="80 10 00 00 01 0B 00"
CHOOSE_ASKING="80 10 80 00 01 0B 00"
STILL="80 11 00 00 00"
STILL_CANCEL="80 11 11 00 00"

ok 'pcscd starts with eight slots' pcscd_start 8
ok 'a card in the first' card_start key 0
ok 'a card in the last, which speaks U2F only' card_start old 7 -o ctap2=off
ok 'a card in between, which speaks no U2F' card_start new 2 -o u2f=off
ok 'a card that is not inserted yet' card_start out 5 -u
is 'no card in the second' "$(slot_has 1 No && echo none)" none

# "U2F_V2" and "FIDO_2_0", as od writes them.
U2F_V2=5532465F5632 FIDO_2_0=4649444F5F325F30
is 'SELECT of a key of both kinds' "$(apdus 0 "$AID")" "${U2F_V2}9000"
is 'SELECT of a U2F key' "$(apdus 7 "$AID")" "${U2F_V2}9000"
is 'SELECT of a CTAP2 key' "$(apdus 2 "$AID")" "${FIDO_2_0}9000"
is 'SELECT of another applet' "$(apdus 0 '00 A4 04 00 05 A0 00 00 03 08 00')" 6A82
is 'nothing is there before SELECT' "$(apdus 0 "$INFO")" 6D00
has 'getInfo' "$(apdus 0 "$AID" "$INFO")" "^00A[A-F]0183.*$U2F_V2.*$FIDO_2_0.*9000\$"
has 'getInfo of a CTAP2 key' "$(apdus 2 "$AID" "$INFO")" "^00A[A-F]0182.*$FIDO_2_0.*9000\$"
is 'getInfo of a U2F key' "$(apdus 7 "$AID" "$INFO" | tail -n 1)" 6D00
is 'a U2F key tells its version' "$(apdus 7 "$AID" "00 03 00 00 00" | tail -n 1)" "${U2F_V2}9000"
is 'a CTAP2 key has no U2F' "$(apdus 2 "$AID" "00 03 00 00 00" | tail -n 1)" 6D00

# An answer in pieces (ISO 7816-4, section 5.3.4), and a command in pieces.
whole=$(apdus 0 "$AID" "$INFO" | tail -n 1)
pieces=$(apdus 0 "$AID" "80 10 00 00 01 04 C8" "80 C0 00 00 00" | tail -n 2)
is 'an answer is fetched in two pieces' \
	"$(printf '%s\n' "$pieces" | sed 's/\(61..\|9000\)$//' | tr -d '\n')" "${whole%9000}"
has 'the first of which says how much is left' "$pieces" '61[0-9A-F][0-9A-F]$'
is 'a command comes in two pieces' \
	"$(apdus 0 "$AID" '90 10 00 00 01 06' '80 10 00 00 05 A2 01 02 02 01 00' | tail -n 2)" \
	'9000
00A2030804F49000'
is 'extended lengths' "$(apdus 0 "$AID" "80 10 00 00 00 00 01 04 00 00" | tail -n 1)" "$whole"

# Touch: a client that waits, and one that is told to ask again.
apdus 0 "$AID" "$CHOOSE" >"$T/choice" &
chooser=$!
ok 'the key waits for a touch' card_await key waiting 10
ok 'it gets one' card key touch
wait "$chooser"
is 'and answers' "$(tail -n 1 "$T/choice")" 009000
has 'its status tells' "$(card key status)" '^waiting=no plugged=yes .*touches=1 '
is 'a client that asks again is told to, until it cancels' \
	"$(apdus 0 "$AID" "$CHOOSE_ASKING" "$STILL" "$STILL_CANCEL" | tail -n 3 | tr '\n' ' ')" \
	'029100 029100 2D9000 '
ok 'touches come by themselves' card key auto on
is 'the key has them at once' "$(apdus 0 "$AID" "$CHOOSE" | tail -n 1)" 009000

# Out of the reader, in the middle of a command too.
card key auto off >/dev/null
apdus 0 "$AID" "$CHOOSE" >"$T/choice" &
chooser=$!
ok 'the key waits again' card_await key waiting 10
ok 'it is pulled out' card_pull key
wait "$chooser"
is 'no answer came' "$(grep -c '^009000$' "$T/choice")" 0
ok 'it is inserted again' card_insert key
is 'and works' "$(apdus 0 "$AID" "$CHOOSE" 2>/dev/null & card_await key waiting 10 && card key touch \
	>/dev/null; wait)" "${U2F_V2}9000
009000"
ok 'the one that was out is inserted' card_insert out
has 'and works' "$(apdus 5 "$AID" "$INFO")" '^00A'

# The program ends, and what the key knows does not.
ok 'a card that is kept in a file' card_start kept 4 -s "$T/kept.key" -p 2468 -o u2f=off
ok 'its program ends' card kept quit
ok 'and is gone' gone "$CARD_PID_kept"
ok 'the reader is empty' poll 10 slot_has 4 No
ok 'it is started again' card_start kept 4 -s "$T/kept.key"
has 'and has its PIN' "$(card kept status)" ' pin=set pin_retries=8 '
is 'and its options' "$(apdus 4 "$AID")" "${FIDO_2_0}9000"
not_ok 'a command that there is not' card key dance
finish
