#!/bin/sh
# seconds 30
# What the configuration says of a comment holds where the comment is in the encrypted part of the file alone; and what
# it says of a file holds for a key that was added from it by hand.  Directories go, and there is none.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/person.sh"
need ssh-add ssh-keygen

dir=$T/keys
mkdir -m 700 "$dir" "$T/more"
keygen ed25519 "$dir/quiet" -C 'secret comment' -N 'quiet phrase' -a 4
mv "$dir/quiet.pub" "$T/pub/quiet.pub"
keygen ed25519 "$T/more/other" -C other
cp "$T/more/other.pub" "$T/pub/other.pub"
cat >"$T/config" <<EOT
KeyDirectory $dir $T/more
Key "secret comment"
	Confirm always
Key $T/more/*
	Confirm always
View more
	Keys $T/more/*
View quiet
	Keys "secret comment"
EOT
lists() {
	[ "$(ssh-add -L 2>/dev/null | cut -d ' ' -f 3- | grep -v 'no identities' | tr '\n' ' ')" = "${*:+$* }" ]
}
view() {
	SSH_AUTH_SOCK=$T/$1.sock ssh-add -L
}

person_agent --config "$T/config" --offer-keys
ok 'the path is the comment at first' poll 5 lists "$dir/quiet" other
pins 'quiet phrase'
: >"$T/no"
not_ok 'the first signature meets the rule, and a no' sign quiet
is 'after one passphrase' "$(asked secret)" 1
is 'and one question' "$(asked confirm)" 1
has 'with the comment' "$(text_of confirm)" 'secret comment'
ok 'the comment is the one of the file' lists 'secret comment' other
has 'and views by it show it' "$(view quiet)" ' secret comment$'
forget
: >"$T/yes"
ok 'the next one, too, with a yes' sign quiet
is 'by one question' "$(asked confirm)" 1
ok 'it is good' verified quiet
kill -USR1 "$SSH_AGENT_PID"
locked() {
	"$ADD" -l | grep -q 'secret comment.*\[locked\]'
}
ok 'locked again it keeps its comment' poll 5 locked
forget
: >"$T/no"
not_ok 'the question comes first from now on' sign quiet
is 'before any passphrase' "$(asked secret)" 0

# --- directories that go
sed -i "s:^KeyDirectory.*:KeyDirectory $dir:" "$T/config"
kill -HUP "$SSH_AGENT_PID"
ok 'keys of a directory that is taken out go' poll 5 lists 'secret comment'
exec 9<"$dir"
rm -rf "$dir"
ok 'those of one that is removed, too' poll 5 lists
has 'which the status says' "$("$ADD" --status)" "^file-trouble-1: $dir: there is no such key directory"
mkdir -m 700 "$dir"
keygen ed25519 "$dir/fresh" -C fresh
ok 'one that is made again has its keys' poll 10 lists fresh
exec 9<&-
sed -i "s:^KeyDirectory.*:KeyDirectory none:" "$T/config"
kill -HUP "$SSH_AGENT_PID"
ok 'without directories nothing is offered' poll 5 lists
no_helper() {
	! for pid in $(children "$SSH_AGENT_PID"); do cat "/proc/$pid/comm"; done | grep -q signet-files
}
ok 'and no helper runs' poll 5 no_helper
not_ok 'nor was one run by hand' grep -q 'nothing to run by hand' "$T/agent.log"
agent_stop

# --- by hand, and nothing offered
sed -i "s:^KeyDirectory.*:KeyDirectory $T/more:" "$T/config"
person_agent --config "$T/config" --no-offer-keys
ssh-add -q "$T/more/other"
confirmed() {
	"$ADD" -l -v | grep -q '^    confirm: always$'
}
ok 'what is said of its file holds' poll 5 confirmed
has 'and views by it show it' "$(view more)" ' other$'
agent_stop
finish
