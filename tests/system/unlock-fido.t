#!/bin/sh
# seconds 60
# Key files of security keys that the agent offers: unlocked at the first signature, then touched.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/securitykeys.sh"
need ssh-add ssh-keygen
"$AGENT" --help | grep -q -e --offer-keys || skip_all 'this agent offers no key files (--offer-keys)'

ok 'pcscd starts' pcscd_start 2
dir=$HOME/.ssh
mkdir -m 700 "$dir"
fido_key open ed25519-sk mine
fido_key closed ecdsa-sk mine -N 'a passphrase'
fido_key checked ed25519-sk mine
mv "$T/open" "$T/closed" "$T/checked" "$dir"
ok 'a card holds the keys' card_start mine 0 -s "$T/mine.state"
printf 'KeyDirectory %s\nKeyring no\nKey checked\n\tConfirm always\n' "$dir" >"$T/config"
fido_agent --config "$T/config" --offer-keys

# marked NAME: signet-add -l says that it is locked.
marked() {
	"$ADD" -l | grep -q -E "$(fido_print "$1") .* \[locked\]\$"
}

ok 'all are listed' test "$(ssh-add -l | wc -l)" -eq 3
ok 'locked' marked open

# touched NAME: sign with it, and with one touch.
touched() {
	begin sign "$1"
	card_await mine waiting 20 && poll 10 shown_is notice 1 && card mine touch >/dev/null && result
}

forget
ok 'a file without a passphrase: the first signature is by a touch' touched open
ok 'it is good' verified open
is 'the person was told to touch it' "$(asked notice)" 1
is 'and asked for nothing' "$(asked secret)" 0
not_ok 'it is unlocked' marked open
ok 'the log says how' log_has "unlock-key allowed, without a passphrase; key $(fido_print open)"

pins 'a passphrase'
ok 'one with a passphrase: signs' touched closed
ok 'and well' verified closed
is 'the passphrase was asked for once' "$(asked secret)" 1
has 'for its file' "$(text_of secret)" "^Enter the passphrase of the key file \"$dir/closed\" to unlock"
is 'and one touch' "$(asked notice)" 1
forget
ok 'the next signature takes a touch' touched closed
is 'alone' "$(asked secret)" 0

pins 'not it' 'nor that' 'nor this'
kill -USR1 "$SSH_AGENT_PID"
ok 'SIGUSR1 locks it' poll 5 marked closed
touches=$(status_of mine touches)
not_ok 'without the passphrase there is no signature' sign closed
is 'nor a touch asked for' "$(asked notice)" 0
is 'or used' "$(status_of mine touches)" "$touches"

forget
: >"$T/no"
not_ok 'a no to the question leaves it' sign checked
ok 'locked' marked checked
is 'and no touch is asked for' "$(asked notice)" 0
forget
: >"$T/yes"
ok 'a yes' touched checked
is 'is given once' "$(asked confirm)" 1
ok 'and the signature is good' verified checked

# --- locked again while the card waits
forget
before=$(status_of mine cancelled)
begin sign open
ok 'a touch is waited for' card_await mine waiting 20
kill -USR1 "$SSH_AGENT_PID"
ok 'SIGUSR1 locks the key' poll 5 marked open
result
is 'and ends the wait' "$?" 255
cancelled_is() {
	[ "$(status_of mine cancelled)" -eq "$1" ]
}
ok 'at the card too' poll 5 cancelled_is $((before + 1))
ok 'the log says so' log_has "sign refused: the key was locked again meanwhile \\(its time was over, or SIGUSR1 came\\): try again; key $(fido_print open)"
ok 'nobody is asked to plug it in' test "$(asked confirm)$(shown notice)" = 00

# --- and while a person is asked
forget
: >"$T/yes"
ok 'a key that is unlocked' touched checked
forget
begin sign checked
ok 'a person is asked' poll 10 shown_is confirm 1
kill -USR1 "$SSH_AGENT_PID"
ok 'it is locked' poll 5 marked checked
: >"$T/yes"
ok 'a yes: it is unlocked once more, and a touch is waited for' card_await mine waiting 20
card mine touch >/dev/null
result
is 'which gives the signature' "$?" 0
ok 'a good one' verified checked
finish
