#!/bin/sh
# signet-add --tokens with readers and smartcards, on the real pcscd; no try of a PIN is spent.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
need ssh-keygen python3
[ -x "$BUILD/tests/virtual/token-card" ] || skip_all 'token-card is not built'
[ -x "$BUILD/libexec/signet/signet-card" ] || skip_all 'signet-card is not built: libpcsclite is missing'

# listing [ARGUMENT...]: what --tokens tells of cards and readers
# shellcheck disable=SC2120 # `ok` gives them
listing() {
	HOME=$T timeout 50 "$ADD" --tokens "$@" </dev/null 2>"$T/err" >"$T/out"
}
resident() {
	HOME=$T timeout 50 "$ADD" -K </dev/null 2>"$T/err" >"$T/out"
}
# counter NAME WORD: of the card's status
counter() {
	tokencard "$1" status | sed -n "s/.*\\<$2=\([0-9]*\).*/\1/p"
}

ok 'pcscd starts' pcscd_start 4
ok 'empty readers are no failure' listing
is 'each is named' "$(grep -c '^Virtual FIDO [0-9] 00 0[01] (smartcard reader): no card$' "$T/out")" 4

ok 'a PIV card' tokencard_start main 0 -a -s "$T/main.state" -o slot=9a:p256 -o slot=9c:rsa2048 -o slot=82:p384
ok 'is listed' listing
is 'nothing is complained of' "$(cat "$T/err")" ''
has 'in its reader' "$(cat "$T/out")" '^[^ ].* [(]in Virtual FIDO 0 00 00[)]$'
has 'what it is' "$(cat "$T/out")" '^  PIV; serial 12345678; firmware 5[.]4[.]3; 3 PIN tries left$'
has 'a key' "$(cat "$T/out")" '^  slot 9a 256 SHA256:.* [(]ECDSA[)].*, offered by --card$'
has 'one that wants its PIN each time' "$(cat "$T/out")" '^  slot 9c 2048 SHA256:.* [(]RSA[)].*, PIN each time$'
has 'a retired one' "$(cat "$T/out")" '^  slot 82 384 SHA256:.* [(]ECDSA[)]'
is 'the other readers are empty' "$(grep -c ': no card$' "$T/out")" 3
is 'no PIN was tried' "$(counter main wrong) $(counter main verifies)" '0 0'
if command -v pkcs15-tool >/dev/null; then
	pkcs15-tool --reader 0 --read-ssh-key 01 >"$T/9a.pub" 2>/dev/null
	is 'the key is the one that OpenSC sees' "$(sed -n 's/^  slot 9a 256 \([^ ]*\) .*/\1/p' "$T/out")" \
		"$(ssh-keygen -lf "$T/9a.pub" | cut -d ' ' -f 2)"
else
	skip 'the key is the one that OpenSC sees' 'pkcs15-tool is not installed'
fi
ok 'as JSON' listing --json
is 'the same' "$(python3 - "$T/out" <<'END'
import json, sys
for line in open(sys.argv[1]):
    d = json.loads(line)
    if d.get("kind") == "piv":
        print(d["reader"], d["serial"], d["firmware"], d["pin-tries-left"], d["pin-locked"],
            *(k["slot"] + ":" + str(k["bits"]) for k in d["keys"]))
END
)" 'Virtual FIDO 0 00 00 12345678 5.4.3 3 False 9a:256 9c:2048 82:384'

# As the agent's signet-card does for a while after a PIN was entered.
ok 'another program keeps a connection to the card' card_hold 0
ok 'it is listed all the same' listing
is 'nothing is complained of' "$(cat "$T/err")" ''
is 'once' "$(grep -c 'Virtual FIDO 0 00 00' "$T/out")" 1
has 'in its reader' "$(cat "$T/out")" '^[^ ].* [(]in Virtual FIDO 0 00 00[)]$'
ok 'as JSON' listing --json
is 'nothing is complained of there' "$(cat "$T/err")" ''
is 'nor in the object' "$(grep -c '"error"' "$T/out")" 0
ok 'an agent' agent_start
not_ok 'for -K, which wants resident keys' resident
has 'it is passed over' "$(cat "$T/err")" '^Virtual FIDO 0 00 00: passed over: a card is there, in use'
has 'as if it were not there' "$(cat "$T/err")" '^There are no resident keys for SSH$'
ok 'the program ends' card_free
ok 'the card is pulled' tokencard_pull main
ok 'and' listing
is 'its reader is empty' "$(grep -c ': no card$' "$T/out")" 4

kill "$PCSCD_PID" && gone "$PCSCD_PID" 10
ok 'without pcscd: no failure' listing
is 'it is said once' "$(cat "$T/out" "$T/err" | grep -c 'pcscd does not run')" 1
ok 'as JSON' listing --json
has 'by an object' "$(cat "$T/out")" '^[{]"kind":"smartcards","error":"No smartcard can be seen: the service pcscd does not run'
finish
