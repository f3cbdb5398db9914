#!/bin/sh
# seconds 60
# ResidentKeys yes: a security key that is plugged in brings the SSH keys that it keeps; its PIN is asked for once, for
# a login that nobody added a key for.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/sshd.sh"
. "${0%/*}/../support/display.sh"
. "${0%/*}/../support/securitykeys.sh"
need ssh ssh-add ssh-keygen python3

echo 123456 >"$T/keygen-pin"
unset XDG_CONFIG_HOME
config=$HOME/.config/signet/config
mkdir -p "$HOME/.config/signet"
ok 'pcscd starts' pcscd_start 6
sshd_need
keygen ed25519 "$T/host"
echo "here $(cat "$T/host.pub")" >"$T/known_hosts"
ssh_config 'HostKeyAlias here' 'IdentityFile none'
: >"$T/authorized_keys"
sshd_start here "$T/host" || skip_all 'sshd does not start here'
export SK_VIRTUAL_PIN=123456
fido_key work ed25519-sk mine -O resident -O application=ssh:work
fido_key house ecdsa-sk mine -O resident
fido_key other ed25519-sk theirs -O resident -O application=ssh:other
unset SK_VIRTUAL_PIN
fido_key plain ed25519-sk none
cat "$T/pub/work.pub" >"$T/authorized_keys"

login() {
	timeout 50 ssh -F "$T/ssh_config" -p "$port" here 'echo "in: $SSH_CONNECTION"' </dev/null >"$T/ssh.out" 2>&1 &&
		grep -q '^in: 127.0.0.1' "$T/ssh.out"
}
# listed: the fingerprints in the agent, in the order of their text.
listed() {
	ssh-add -l 2>/dev/null | grep -o 'SHA256:[^ ]*' | sort
}
# listed_are NAME...: these keys are.
listed_are() {
	[ "$(listed)" = "$(for name; do ssh-keygen -lf "$T/pub/$name.pub" | cut -d ' ' -f 2; done | sort)" ]
}
# logged PATTERN: the agent says so.
logged() {
	grep -Eq -e "$1" "$T/agent.log"
}
reload() {
	: >"$T/agent.log"
	kill -HUP "$SSH_AGENT_PID"
	poll 10 logged 'the configuration was read anew'
}

cat >"$config" <<END
ResidentKeys yes
Key ssh:work
	LocalOnly yes
END
ok 'the configuration is right' "$AGENT" --check-config

# --- plugged in while the agent runs
pins 123456
fido_agent
not_ok 'nothing is there' ssh-add -l
ok 'a security key' card_start mine 0 -s "$T/mine.state"
ok 'brings its keys' poll 20 listed_are work house
is 'with one PIN' "$(asked secret)" 1
has 'of the device' "$(text_of secret)" '^Enter the PIN of your security key "Virtual FIDO 0 00 00" to offer the SSH keys that it keeps'
has 'asked for by the agent' "$(text_of secret)" 'Signet itself asks'
has 'with the tries that are left' "$(text_of secret)" '^8 tries are left'
has 'and how to end it' "$(text_of secret)" "ResidentKeys no in $config ends these questions"
is 'and no touch' "$(status_of mine touches)" 0
is 'their comments are their applications' "$(ssh-add -L | cut -d ' ' -f 3- | sort | tr '\n' ' ')" 'ssh: ssh:work '
is 'rules of Key blocks hold' "$("$ADD" -l -v | grep -c '^    local-only: yes$')" 1
ok 'a login with a key that nobody added' touching mine login
ok 'and a signature with the other' touching mine sign house
ok 'which verifies' verified house

# --- known from now on
keygen ed25519 "$T/local" -C local
cp "$T/local.pub" "$T/pub/"
ssh-add -q "$T/local"
first_is() {
	[ "$(ssh-add -L | head -n 1 | cut -d ' ' -f 3)" = "$1" ]
}
not_ok 'its keys are listed before one that came later' first_is local
ok 'it is pulled out' card_pull mine
ok 'its keys stay, as those of what is not plugged in' poll 10 first_is local
ok 'all' listed_are work house local
ok 'all keys are removed' ssh-add -q -D
ok 'it is plugged in again' card_insert mine
ok 'which brings them back' poll 20 listed_are work house
ok 'for a login' touching mine login
is 'without a PIN' "$(asked secret)" 1
ok 'one is removed' ssh-add -q -d "$T/pub/house.pub"
reload
ok 'a reload brings it back' poll 10 listed_are work house
is 'without a PIN, too' "$(asked secret)" 1

# --- another device: the person says no
forget
ok 'another security key' card_start theirs 2 -s "$T/theirs.state"
ok 'has its own PIN asked for' poll 20 asked_is secret 1
has 'by its name' "$(text_of secret)" 'security key "Virtual FIDO 1 00 00" '
ok 'which the person does not tell' poll 10 logged 'left out until it is plugged in again: the person said no'
ok 'so its keys are left out' listed_are work house
ok 'it is pulled out' card_pull theirs
pins 999999 123456
ok 'and plugged in again' card_insert theirs
ok 'then its keys come' poll 20 listed_are work house other
is 'with a second question after a wrong PIN' "$(asked secret)" 2
has 'that says so' "$(text_of secret)" '^That PIN was wrong[.] Enter the PIN of your security key "Virtual FIDO 1'
has 'and what is left' "$(text_of secret)" '^7 tries are left'

# --- nothing to ask
forget
ok 'one without a PIN' card_start none 4 -s "$T/none.state"
ok 'is looked at' "$ADD" -q "$T/plain"
ok 'for its own key' touching none sign plain
is 'and nothing else' "$(asked secret)" 0
card none quit >/dev/null
poll 10 slot_has 4 No
ok 'one that speaks U2F only' card_start old 4 -a -s "$T/old.state" -o ctap2=off
ok 'with a key' "$BUILD/tests/tools/fidokey" ecdsa 'pcsc:Virtual FIDO 2 00 00' "$T/u2f"
cp "$T/u2f.pub" "$T/pub/"
ok 'is looked at, too' "$ADD" -q "$T/u2f"
ok 'for this one' sign u2f
is 'and nothing else' "$(asked secret)" 0

# --- no longer
echo "ResidentKeys no" >"$config"
"$ADD" -q "$T/house"
reload
ok 'switched off: what came by itself goes' poll 10 listed_are plain u2f house
is 'nobody was asked' "$(asked secret)" 0
agent_stop

# --- there when the agent starts, locked, and with nobody to ask
echo "ResidentKeys yes" >"$config"
forget
touch "$T/think"
card_pull theirs
lock=$(askpass lock 'echo a-passphrase')
fido_agent --remember-pin 10m
ok 'it is there when the agent starts' poll 20 shown_is secret 1
SSH_ASKPASS=$lock SSH_ASKPASS_REQUIRE=force "$ADD" -x >/dev/null 2>&1 </dev/null
ok 'a locked agent takes its question back' poll 10 shown_is secret 0
pins 123456
SSH_ASKPASS=$lock SSH_ASKPASS_REQUIRE=force "$ADD" -X >/dev/null 2>&1 </dev/null
ok 'and asks it unlocked' poll 20 listed_are work house
agent_stop
forget
SIGNET_PROMPT=askpass SIGNET_NOTIFY='' SSH_ASKPASS=$T/person agent_start
not_ok 'where there is no display nobody is asked' poll 2 asked_is secret 1
not_ok 'there is no key' ssh-add -l
is 'and nothing is said' "$(grep '^signet-agent:' "$T/agent.log")" ''
pins 123456
display_start
ok 'questions move to a display' env DISPLAY="$display" "$ADD" --update-environment
ok 'where the PIN is asked for' poll 20 listed_are work house
is 'once' "$(asked secret)" 1
agent_stop
is 'no PIN is in a log' "$(lines_with "$T/agent.log" 123456 999999)" 0
finish
