#!/bin/sh
# seconds 60
# Key files that the agent offers, as ssh-add sees them: as they come, change, are withdrawn and are learnt of.
. "${0%/*}/../support/lib.sh"
need ssh-add ssh-keygen

K=$T/keys
XDG_STATE_HOME=$T/state
export XDG_STATE_HOME
mkdir -m 700 "$K" "$T/more"
keygen ed25519 "$T/ca"
keygen ed25519 "$K/zeta" -N secret -C zeta
keygen ecdsa "$K/id_ecdsa" -N secret -C default
keygen ed25519 "$T/more/other" -N secret -C other
keygen rsa "$K/pem" -b 2048 -m PEM -N secret
mv "$K/pem.pub" "$T/"
cat >"$T/config" <<CONFIG
KeyDirectory $K $T/more
Key $K/private*
	Offer no
CONFIG

# lists COMMENT...: the agent lists these, in this order.
lists() {
	[ "$(ssh-add -L | cut -d ' ' -f 3- | tr '\n' ' ')" = "${*:+$* }" ]
}

# in_time DESCRIPTION COMMAND...
in_time() {
	in_time_what=$1
	shift
	if poll 10 "$@"; then
		pass "$in_time_what"
	else
		fail "$in_time_what"
		diag "$(ssh-add -L 2>&1)" "$(cat "$T/agent.log")"
	fi
}

agent_start --config "$T/config" --offer-keys || fail "the agent starts"
is "the first list has all of them, in order" "$(ssh-add -L | cut -d ' ' -f 3-)" "default
zeta
other"
status=$("$ADD" --status)
has "the status counts them" "$status" '^files-offered: 3$'
has "and that they are locked" "$status" '^files-locked: 3$'
has "and names what cannot be offered, and the remedy" "$status" "^file-trouble-1: $K/pem: its public half .*signet-add"

is "and where they are from" "$("$ADD" -l -v | grep -c '^    source: file$')" 3

# --- changes
keygen ed25519 "$K/alpha" -C alpha
in_time "a new file is offered, in its place" lists default alpha zeta other
keygen ed25519 "$K/private" -C private
ssh-keygen -q -s "$T/ca" -I x -n me "$K/alpha.pub"
in_time "so is a certificate, before its key; what the configuration keeps back is not" lists default alpha alpha zeta other
ssh-keygen -q -s "$T/ca" -I y -n me "$K/alpha.pub"
renewed() {
	ssh-add -L | grep -qF "$(cut -d ' ' -f 2 "$K/alpha-cert.pub")"
}
in_time "a renewed one takes its place" renewed
lists default alpha alpha zeta other
is "and is one still" "$?" 0
rm "$K"/alpha*
in_time "what is deleted goes" lists default zeta other
mv "$T/more" "$T/aside"
in_time "so do those of a directory that vanishes" lists default zeta
has "which the status says" "$("$ADD" --status)" "^file-trouble-[0-9]*: $T/more: there is no such key directory"
mv "$T/aside" "$T/more"
in_time "until it is back" lists default zeta other

# --- what is wrong says what to do
keygen ed25519 "$K/short" -C short
head -c 200 "$T/more/other" >"$K/short"
ln -s "$K/nowhere" "$K/id_rsa"
echo none >"$K/zeta-cert.pub"
damaged() {
	"$ADD" --status | grep -q "^file-trouble-[0-9]*: $K/short: .*: "
}
in_time "a damaged file is named" damaged
status=$("$ADD" --status)
has "with what to do" "$status" "$K/short: the file is damaged.* put back a copy, or delete it"
has "so is a link that leads nowhere" "$status" "$K/id_rsa: the link leads to no file: .*delete the link"
has "and a certificate that is none" "$status" "$K/zeta-cert.pub: the certificate is damaged: "
rm "$K/short" "$K/short.pub" "$K/id_rsa" "$K/zeta-cert.pub"

# --- by hand
ok "a key is withdrawn" ssh-add -d "$K/zeta.pub"
is "and is away" "$(ssh-add -L | cut -d ' ' -f 3- | tr '\n' ' ')" 'default other '
has "the status says how it comes back" "$("$ADD" --status)" '^files-withdrawn-until: a reload .*SIGHUP'
mv "$K/zeta" "$T/zeta"
ssh-keygen -q -t ed25519 -N '' -C moved -f "$K/moved"
in_time "its file is moved away" lists default moved other
mv "$T/zeta" "$K/zeta"
rm "$K/moved" "$K/moved.pub"
in_time "and back: it stays away" lists default other
mv "$K/zeta" "$K/eta"
ssh-keygen -q -t ed25519 -N '' -C moved -f "$K/moved"
in_time "under another name, too" lists default moved other
rm "$K/moved" "$K/moved.pub"
mv "$K/eta" "$K/zeta"
in_time "and its own again" lists default other
ok "all are" ssh-add -D
is "and stay away" "$(ssh-add -L)" 'The agent has no identities.'
keygen ed25519 "$K/new" -C new
in_time "but for one that is new" lists new
kill -HUP "$SSH_AGENT_PID"
in_time "until the configuration is read again" lists default new zeta other
keygen ed25519 "$T/plain" -C plain
cp -p "$T/plain" "$K/plain"
cp -p "$T/plain.pub" "$K/plain.pub"
in_time "a key that needs no passphrase is offered as well" lists default new plain zeta other
ok "one that is offered is added by hand, for a moment" ssh-add -q -t 4 "$K/plain"
has "and counts as such" "$("$ADD" --status)" '^files-offered: 4$'
back() {
	"$ADD" --status | grep -q '^files-offered: 5$'
}
in_time "when its time is over, its file offers it again" back
ok "one is added by hand, to be asked for, for a moment" ssh-add -q -c -t 1 "$K/plain"
in_time "its file offers it again" back
is "and it is asked for still" "$("$ADD" -l -v | grep -c '^    confirm: always$')" 1
kill -HUP "$SSH_AGENT_PID"
asked_no_more() {
	! "$ADD" -l -v | grep -q '^    confirm: always$'
}
in_time "until a reload" asked_no_more
ok "SIGUSR1 locks" kill -USR1 "$SSH_AGENT_PID"
lists default new plain zeta other
is "and withdraws nothing" "$?" 0

# --- learnt
SSH_ASKPASS=$(askpass ask 'echo secret') SSH_ASKPASS_REQUIRE=force ssh-add "$K/pem" >"$T/out" 2>&1
in_time "a PEM key that was added once is known" grep -q . "$T/state/signet/learnt"
agent_stop
agent_start --config "$T/config" --offer-keys
has "and offered by the next agent, without its .pub" "$(ssh-add -L)" "$(cut -d ' ' -f 2 "$T/pem.pub" | cut -c 1-200 | sed 's/[+]/[+]/g')"
agent_stop

# --- the first look at the directories is under way
mkdir -m 700 "$T/many"
keygen ed25519 "$T/many/first" -C first
keygen ed25519 "$T/many/last" -C last
mv "$T/many/first.pub" "$T/many/last.pub" "$T"
(cd "$T/many" && umask 077 && tee $(seq -f key.%g 3000) <first >/dev/null)
echo "KeyDirectory $T/many" >"$T/many.config"
# at_once COMMAND...: the first thing that the agent is asked.
at_once() {
	"$AGENT" --config "$T/many.config" --offer-keys "$@"
}
ok "a signature waits for it" at_once ssh-add -T "$T/last.pub"
is "so does the removal of all keys" "$(at_once sh -c 'ssh-add -qD && ssh-add -L')" 'The agent has no identities.'
is "and of one" "$(at_once sh -c 'ssh-add -qd "$1" && ssh-add -L' sh "$T/first.pub")" "$(cat "$T/last.pub")"
agent_start --config "$T/config"
is "an agent that is started as ssh-agent is offers none" "$(ssh-add -L)" 'The agent has no identities.'
finish
