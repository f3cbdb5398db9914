#!/bin/sh
# Keys that a token shows to nobody who is not logged in: found by signing, when their helper was replaced.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/pkcs11.sh"
. "${0%/*}/../support/p11agent.sh"
need ssh-add ssh-keygen
no_sanitizers
softhsm_start
TOKEN_PIN=1234
token_make one 1234 && key_make one rsa:2048 01 hidden && key_make one EC:prime256v1 02 shown ||
	skip_all 'SoftHSM makes no keys here'
public_line 01 hidden >"$T/hidden.pub"
public_line 02 shown >"$T/shown.pub"
token_tool one 1234 --delete-object --type pubkey --id 01 >/dev/null 2>&1
is 'of one key the token shows no public half' \
	"$(pkcs11-tool --module "$SOFTHSM" --token-label one --list-objects 2>/dev/null | grep -c 'Public Key')" 1

p11agent || fail 'the agent starts'
: >"$T/pin"
ok 'added without a PIN' openssh -s "$SOFTHSM"
is 'it is not there' "$(comments)" shown
ok 'removed' openssh -e "$SOFTHSM"
echo 1234 >"$T/pin"
ok 'added with the PIN' openssh -s "$SOFTHSM"
is 'it is' "$(comments | sort | tr '\n' ' ')" 'hidden shown '
person
ok 'and signs' well hidden

# replaced: the helper is, and the new one has told what it sees.
replaced() {
	replaced_old=$(p11helpers)
	kill -9 "$replaced_old"
	poll 10 other_helper
}
other_helper() {
	[ -n "$(p11helpers)" ] && [ "$(p11helpers)" != "$replaced_old" ] && ours -l -v | grep -q 'present: unknown'
}
ok 'its helper is replaced' replaced
has 'whether it is there is unknown' "$(ours -l -v)" 'present: unknown'
is 'both are listed' "$(comments | sort | tr '\n' ' ')" 'hidden shown '
person 1234
ok 'it signs' well hidden
is 'for its PIN' "$(asked secret)" 1
is 'and nothing else' "$(asked confirm) $(asked none)" '0 0'
is 'then it is there' "$(ours -l -v | grep -c 'present: yes')" 2
person
ok 'and signs again' well hidden
is 'for nothing' "$(asked secret)" 0

# A token from which it is gone, by whoever else uses it.
token_tool one 1234 --delete-object --type privkey --id 01 >/dev/null 2>&1
ok 'its helper is replaced once more' replaced
person 1234 1234
not_ok 'a key that is there no more' sign hidden
is 'asks for the PIN once' "$(asked secret)" 1
is 'and for no other token' "$(asked confirm)" 0
person
ok 'another key still signs' well shown

agent_stop
key_make one rsa:2048 03 again && public_line 03 again >"$T/again.pub" &&
	token_tool one 1234 --delete-object --type pubkey --id 03 >/dev/null 2>&1
p11agent --hide-absent || fail 'the agent starts'
ok 'with absent keys hidden' openssh -s "$SOFTHSM"
ok 'its helper is replaced once more' replaced
is 'the key is listed all the same' "$(comments | sort | tr '\n' ' ')" 'again shown '
person 1234
ok 'and signs' well again

# Without a PIN nothing is seen: the agent asks.
agent_stop
token_tool one 1234 --delete-object --type pubkey --id 02 >/dev/null 2>&1
p11agent || fail 'the agent starts'
: >"$T/pin"
uri='pkcs11:token=one;object=again?module-path='$SOFTHSM
person 1234
ok 'of hidden keys one is added without a PIN' ours -s "$uri"
is 'for one question' "$(asked secret) $(asked confirm) $(asked none)" '1 0 0'
has 'that names the token' "$(questions secret)" 'Enter the PIN of token "one" to add its keys.'
has 'and the module' "$(questions secret)" "Module $(readlink -f "$SOFTHSM")."
is 'it is there' "$(comments)" again
person
ok 'and signs' well again
is 'for nothing' "$(asked secret)" 0
ok 'removed' ours -e "$uri"
poll 10 no_p11helpers || fail 'its helper ends'
person 999999 1234
ok 'after a wrong one there is one more chance' ours -s "$uri"
is 'which is told' "$(questions secret | grep -c '^That PIN was wrong')" 1
ok 'removed' ours -e "$uri"
poll 10 no_p11helpers || fail 'its helper ends'
person 999999 999999 1234
not_ok 'but not two' ours -s "$uri"
is 'nor a third question' "$(asked secret)" 2
person
not_ok 'nothing is added where the person says no' ours -s "$uri"
is 'who was asked once' "$(asked secret)" 1
is 'nothing was' "$(comments)" ''
person
echo 999999 >"$T/pin"
not_ok 'a wrong PIN that was given' ours -s "$uri"
is 'is tried once' "$(asked secret)" 0
: >"$T/pin"
person
: >"$T/wait"
ours -s "$uri" >/dev/null 2>"$T/err" &
adding=$!
poll 10 asked_is secret 1
ok 'all are removed while it is asked' ours -D
wait $adding
is 'the addition comes to nothing' $? 1
rm -f "$T/wait"
finish
