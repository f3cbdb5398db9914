#!/bin/sh
# seconds 40
# A configuration with mistakes at the start: no key is freer than it could have been meant.  One that cannot be
# followed at all offers nothing and has every key confirmed; the status says so, until it is mended.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/person.sh"
need ssh-add ssh-keygen
unset XDG_CONFIG_HOME
config=$HOME/.config/signet/config
mkdir -p "$HOME/.config/signet"
mkdir -m 700 "$HOME/.ssh"
keygen ed25519 "$T/one" -C one
keygen ed25519 "$HOME/.ssh/id_own" -C own
cp "$T/one.pub" "$HOME/.ssh/id_own.pub" "$T/pub/"
keys_are() {
	[ "$(ssh-add -L | grep ' AAAA' | cut -d ' ' -f 3 | sort | tr '\n' ' ')" = "$1" ]
}
status_has() {
	"$ADD" --status >"$T/status" && grep -q "$1" "$T/status"
}
asks() {
	"$ADD" -l -v | grep -q '^    confirm: always$'
}
refused=' (it has 1 mistake, and none of it is followed: nothing is offered, and each use of every key that is added is confirmed; signet-agent --check-config names it)'

# refused WHAT [FILE]: an agent with it offers nothing and asks for what is added.
refused() {
	person_agent --offer-keys ${2:+--config "$2"}
	ok "$1: the status says so" status_has "^configuration: ${2:-$config}$refused\$"
	has "so does the log" "$(cat "$T/agent.log")" 'nothing is offered, .* until the configuration is mended; then send SIGHUP$'
	is "which does not claim that lines are followed" "$(grep -c "that are right are followed" "$T/agent.log")" 0
	is "there is no view" "$(grep -c '^view' "$T/status")" 0
	ssh-add -q "$T/one"
	ok "a key can be added, and is all there is" keys_are 'one '
	ok "it is confirmed" asks
	touch "$T/no"
	not_ok "and does not sign unasked" sign one
	is "a person was asked" "$(asked confirm)" 1
	forget
}

printf 'Key *\n\tConfirm always\nOfferKeys yes\nView v\n\tKeys *\n' >"$config"
chmod 664 "$config"
refused "others may write to it"
touch "$T/yes"
ok "who confirms can log in" sign one
forget
kill -HUP "$SSH_AGENT_PID"
poll 10 grep -q 'was not read anew' "$T/agent.log"
ok "read anew it is still refused" status_has "^configuration: $config$refused\$"
chmod 644 "$config"
printf 'Cards no\n' >"$config"
kill -HUP "$SSH_AGENT_PID"
ok "mended, it is followed" poll 10 keys_are 'one own '
ok "which the status says" status_has "^configuration: $config\$"
ssh-add -q "$T/one"
not_ok "a key that is added anew is free again" asks
agent_stop
mkfifo "$T/fifo"
refused "it is a FIFO" "$T/fifo"
agent_stop
head -c 300000 /dev/zero | tr '\0' '\n' >"$T/big"
refused "it is too big" "$T/big"
agent_stop
refused "it is not there" "$T/nowhere"
agent_stop

# --- lines with mistakes at the start
for text in 'Key "work laptop\n\tConfirm always' 'Key *\n\tCofirm always' 'Confirm always'; do
	# shellcheck disable=SC2059 # it is a format
	printf "$text\n" >"$config"
	person_agent
	ssh-add -q "$T/one"
	ok "'$text' asks" asks
	touch "$T/no"
	not_ok "and does not sign unasked" sign one
	forget
	agent_stop
done

# --- a file that comes later
rm "$config"
person_agent
ok "there is none" status_has '^configuration: none$'
echo 'OfferKeys maybe' >"$config"
kill -HUP "$SSH_AGENT_PID"
ok "the status names the one that is not followed" poll 10 status_has \
	"^configuration: $config (read anew it has 1 mistake, and what was read before stays in force; "
printf 'View none\n\tKeys nosuch\n' >"$config"
kill -HUP "$SSH_AGENT_PID"
ok "and why a view is empty" poll 10 status_has '^view-none: .*/none.sock (0 keys: no key fits its patterns)$'
agent_stop

# --- notes
printf 'Key nothing-such ~/.ssh/gone ~/.ssh/id_* ~/.ssh/id_own\nView v\n\tKeys nosuch !/nowhere/x\n' >"$config"
ok "a pattern for a file that is not there is no mistake" "$AGENT" --check-config
is "but told" "$(cat "$T/out")" "$config:1: (no mistake) there is no file $HOME/.ssh/gone now, which a pattern names: No such file or directory
$config:2: (no mistake) there is no file /nowhere/x now, which a pattern names: No such file or directory
$config: no mistakes"

# --- what was installed without a helper
mkdir -p "$T/bare/bin"
cp "$AGENT" "$T/bare/bin/signet-agent"
printf 'PKCS11Module p11-kit-trust.so\n' >"$config"
not_ok "a module is a mistake where there is no signet-pkcs11" "$T/bare/bin/signet-agent" --check-config
has "which is told" "$(cat "$T/out")" ':1: PKCS#11 modules need signet-pkcs11, which is not installed; install it$'

# --- the command line, and a longer time in a Key block
printf 'OfferKeys yes\nKey *\n\tRelock 1h\n' >"$config"
unlocked() {
	"$ADD" -l | grep ' own' | grep -vq locked
}
locked() {
	! unlocked
}
for option in '-t 2' '--relock 2'; do
	# shellcheck disable=SC2086 # an option and its value
	person_agent $option
	ok "$option: the key is offered" poll 10 keys_are 'own '
	ok "and signs" sign id_own
	ok "so it is unlocked" unlocked
	ok "and locked again though a Key block says later" poll 10 locked
	agent_stop
done
finish
