#!/bin/sh
# seconds 60
# Public halves of key files that hide theirs: who may teach them, and what becomes of one that was learnt wrongly.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/person.sh"
. "${0%/*}/../support/sshd.sh"
need ssh ssh-add ssh-keygen
sshd_need

K=$T/keys
XDG_STATE_HOME=$T/state
export XDG_STATE_HOME
mkdir -m 700 "$K"
keygen ed25519 "$T/host"
keygen ed25519 "$T/entry"
cat "$T/entry.pub" >"$T/authorized_keys"
echo "here $(cat "$T/host.pub")" >"$T/known_hosts"
ssh_config "HostKeyAlias here" "IdentityFile $T/entry" "IdentitiesOnly yes" "ForwardAgent yes"
sshd_start here "$T/host" || skip_all "sshd does not start here"
keygen rsa "$K/pem" -b 2048 -m PEM -N secret
mv "$K/pem.pub" "$T/pub/pem.pub"
keygen ed25519 "$T/evil" -C "$K/pem"
echo "KeyDirectory $K" >"$T/config"

offers() {
	ssh-add -L | grep -qF "$(cut -d ' ' -f 2 "$1")"
}
hidden() {
	"$ADD" --status | grep -q "^file-trouble-1: $K/pem: its public half"
}

person_agent --config "$T/config" --offer-keys
ok "the file hides its public half" poll 10 hidden

# --- another host
ok "another host adds a key whose comment is the file's path" \
	ssh -F "$T/ssh_config" -p "$port" here "ssh-add -q $T/evil" </dev/null
ok "it is there" offers "$T/evil.pub"
keygen ed25519 "$K/after" -C after # told after what would have been learnt
ok "a file that comes later is offered" poll 10 offers "$K/after.pub"
ok "nothing was learnt" test ! -e "$T/state/signet/learnt"
ok "the file hides it still" hidden
ssh-add -qd "$T/evil.pub"

# --- wrong ones
# poisoned: the file is offered as the other key.
poisoned() {
	ssh-add -q "$T/evil" && poll 10 test -s "$T/state/signet/learnt" && ssh-add -qd "$T/evil.pub" &&
		kill -HUP "$SSH_AGENT_PID" && poll 10 offers "$T/evil.pub"
}
ok "a key with a wrong comment that is added here is believed" poisoned
pins secret
cp "$T/evil.pub" "$T/pub/evil.pub"
not_ok "a signature finds that the file holds another" sign evil
is "once its passphrase is known" "$(asked secret)" 1
ok "which is learnt and offered instead" poll 10 offers "$T/pub/pem.pub"
not_ok "the wrong one no longer" offers "$T/evil.pub"
pins secret
ok "it signs" sign pem
kill -USR1 "$SSH_AGENT_PID"
agent_stop
person_agent --config "$T/config" --offer-keys
ok "the next agent knows it" poll 10 offers "$T/pub/pem.pub"
not_ok "and not the wrong one" offers "$T/evil.pub"

rm "$T/state/signet/learnt"
agent_stop
person_agent --config "$T/config" --offer-keys
ok "forgotten, it is hidden" poll 10 hidden
ok "and told wrongly once more" poisoned
SSH_ASKPASS=$(askpass ask 'echo secret') SSH_ASKPASS_REQUIRE=force ssh-add -q "$K/pem" 2>"$T/out"
gone() {
	! offers "$T/evil.pub"
}
ok "adding the file itself repairs it" poll 10 gone
agent_stop
person_agent --config "$T/config" --offer-keys
ok "for the next agent, too" poll 10 offers "$T/pub/pem.pub"

# --- named from within its folder
rm "$T/state/signet/learnt"
agent_stop
person_agent --config "$T/config" --offer-keys
ok "forgotten again" poll 10 hidden
(cd "$K" && SSH_ASKPASS=$(askpass ask 'echo secret') SSH_ASKPASS_REQUIRE=force ssh-add -q ./pem) 2>"$T/out"
ok "the name alone teaches, too" poll 10 test -s "$T/state/signet/learnt"
agent_stop
person_agent --config "$T/config" --offer-keys
ok "what it is" poll 10 offers "$T/pub/pem.pub"

# --- what was kept cannot be used
# unused WHAT: the file is hidden as if nothing had been learnt, and the log says why.
unused() {
	agent_stop
	person_agent --config "$T/config" --offer-keys
	ok "$1: nothing is known" poll 10 hidden
	has "which is said" "$(cat "$T/agent.log")" 'not (used|remembered)'
}
printf '\0\0\0\5older' >"$T/state/signet/learnt"
unused "kept by another version"
if [ "$(id -u)" -eq 0 ]; then
	chown 1 "$T/state/signet/learnt"
	unused "the file is somebody else's"
fi
XDG_STATE_HOME=$T/entry
unused "there is no folder for it"
finish
