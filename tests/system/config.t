#!/bin/sh
# seconds 60
# The configuration: what is wrong in it is said with file, line and remedy; what it says holds for keys that are
# added; SIGHUP has it read anew, and no key is lost.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/person.sh"
need ssh-add ssh-keygen python3
unset XDG_CONFIG_HOME
config=$HOME/.config/signet/config
mkdir -p "$HOME/.config/signet"
mkdir -m 700 "$HOME/.ssh"
for name in one two three; do
	keygen ed25519 "$T/$name" -C "$name"
	cp "$T/$name.pub" "$T/pub/"
done

# --- --check-config
ok "no configuration is none" "$AGENT" --check-config
is "which is said" "$(cat "$T/out")" 'There is no configuration: everything has its default.'
exits "a file that is named must be there" 1 "$AGENT" --check-config "$T/nowhere"
has "which is said" "$(cat "$T/out")" "^$T/nowhere: No such file or directory; "
printf 'OfferKeys yes\nKeyDirectory ~/.ssh' >"$config"
ok "one without a line end at its end is right" "$AGENT" --check-config
is "which is said" "$(cat "$T/out")" "$config: no mistakes"
printf 'OfferKeys yes\r\nKey *\r\n\tConfirm always\r\n' >"$config"
ok "so are lines that end with CR LF" "$AGENT" --check-config
echo "there $(cat "$T/one.pub")" >"$HOME/.ssh/known_hosts"
cat >"$T/wrong" <<END
# every kind of mistake
KeyDirectry ~/.ssh
KeyDirectory ~/.ssh $T/nowhere $T/one
OfferKeys maybe
Cards
AskPass $T/one
Pinentry $T/nowhere
PKCS11Module $T/nowhere.so
KeyringPins yes no
Idle 1h
Key *
	Cards yes
	Destination there nowhere
	Destination a>b>c
View a
	Socket $T/x/a.sock
View b
	Keys *
	Socket $T/x/a.sock
View b
Lifetime "1h
View c
	Keys *
	Socket /tmp/c.sock
END
exits "mistakes are found" 1 "$AGENT" --check-config "$T/wrong"
is "each in its line" "$(sed "s|^$T/wrong:\([0-9]*\): .*; .*|\1|;s|^$T/wrong:\([0-9]*\): .*?\$|\1|" "$T/out" | tr '\n' ' ')" \
	'2 3 3 4 5 6 7 8 9 10 12 13 14 15 15 17 20 21 22 '
has "with the nearest keyword" "$(cat "$T/out")" "^$T/wrong:2: there is no keyword \"KeyDirectry\"; did you mean KeyDirectory\?$"
has "and what to do" "$(cat "$T/out")" "^$T/wrong:12: Cards is no keyword of a Key block; move it above the first Key or View line$"
has "a host without a key" "$(cat "$T/out")" "^$T/wrong:13: .*\"nowhere\"; connect to it once with ssh"
has "a module that is not there" "$(cat "$T/out")" "^$T/wrong:8: $T/nowhere.so: "
printf 'PKCS11Module %s\nCardSerial 12\n' "$T/one" >"$T/useless"
exits "what would be of no use is one" 1 "$AGENT" --check-config "$T/useless"
has "a module that is not allowed" "$(cat "$T/out")" "^$T/useless:1: $T/one: .*; name it in AllowedProviders$"
has "cards that are not wanted" "$(cat "$T/out")" "CardSerial and CardSlots mean nothing without cards; write Cards yes$"
cp "$HOME/.ssh/known_hosts" "$T/hosts"
seq -f "many $(cut -d ' ' -f 1,2 "$T/one.pub") %g" 1 5500 >>"$HOME/.ssh/known_hosts"
printf 'Key *\n\tDestination many\n' >"$T/many"
exits "more hosts' keys than a message holds are one" 1 "$AGENT" --check-config "$T/many"
has "which is said" "$(cat "$T/out")" "^$T/many:2: .*; name fewer$"
mv "$T/hosts" "$HOME/.ssh/known_hosts"
sed -n 6p "$T/wrong" >"$T/nul"
printf 'Key\0ring no\n' >>"$T/nul"
exits "a NUL byte is one" 1 "$AGENT" --check-config "$T/nul"
has "in its line" "$(cat "$T/out")" "^$T/nul:2: the line has a NUL byte"
head -c 1048576 /dev/zero | tr '\0' '\n' >"$T/big"
exits "a file of 1 MB is not read" 1 "$AGENT" --check-config "$T/big"
has "which is said" "$(cat "$T/out")" "^$T/big: the file is bigger than 256 KiB"
exits "nor is a directory" 1 "$AGENT" --check-config "$T"
has "which is said" "$(cat "$T/out")" "^$T: it is a directory; "
mkfifo "$T/fifo"
exits "nor a FIFO" 1 timeout 10 "$AGENT" --check-config "$T/fifo"
chmod 666 "$config"
exits "nor one that others may write to" 1 "$AGENT" --check-config
has "which is said" "$(cat "$T/out")" "^$config: others may write to it, .*; chmod go-w mends it$"
chmod 600 "$config"
public_programs
mkdir -m 777 "$T/theirs"
echo 'OfferKeys yes' >"$T/theirs/mine"
if [ "$(id -u)" -eq 0 ]; then
	chown 1 "$T/theirs/mine"
	exits "nor one of another user" 1 "$AGENT" --check-config "$T/theirs/mine"
	has "which is said" "$(cat "$T/out")" "^$T/theirs/mine: it belongs to another user, "
	chmod 600 "$T/theirs/mine"
	exits "nor one that may not be read" 1 unprivileged "$AGENT" --check-config "$T/theirs/mine"
	has "which is said" "$(cat "$T/out")" "^$T/theirs/mine: Permission denied; "
	mkdir -m 700 "$T/shut"
	echo "KeyDirectory $T/shut" >"$T/shut.config"
	exits "nor one whose folder may not" 1 unprivileged "$AGENT" --check-config "$T/shut.config"
	has "which is said" "$(cat "$T/out")" "^$T/shut.config:1: the key directory $T/shut cannot be read: Permission denied; "
fi

# --- a start with mistakes
cat >"$config" <<END
Lifetime never
Key one
	Confirm always
	LocalOnly perhaps
Key two
	Lifetime 2
END
person_agent
has "the agent starts, and says what is wrong" "$(cat "$T/agent.log")" "^signet-agent: $config:1: \"never\" is no value of Lifetime; "
has "line by line" "$(cat "$T/agent.log")" "^signet-agent: $config:4: \"perhaps\" is no value of LocalOnly; write yes or no$"

# --- policies hold for keys that are added
ssh-add -q "$T/one"
ssh-add -q "$T/two"
ssh-add -q "$T/three"
has "a Key block asks" "$("$ADD" -l -v)" '^    confirm: always$'
has "a mistaken restriction restricts" "$("$ADD" -l -v)" '^    local-only: yes$'
is "the other keys have no such rules" "$("$ADD" -l -v | grep -c -e 'confirm: always' -e 'local-only: yes')" 2
begin sign one
ok "the person is asked" poll 10 asked_is confirm 1
touch "$T/no"
not_ok "and what is refused is not signed" result
forget
touch "$T/yes"
ok "what is allowed is" sign one
ok "well" verified one
ok "another key signs unasked" sign three
is "so there was one question" "$(asked confirm)" 1
forget
two_gone() {
	[ "$(ssh-add -L | cut -d ' ' -f 3 | tr '\n' ' ')" = 'one three ' ]
}
ok "a lifetime of the configuration ends its key" poll 10 two_gone

# --- SIGHUP, in the middle of a request
held() {
	ssh-add -L | cut -d ' ' -f 3 | tr '\n' ' '
}
begin sign one
ok "a question is open" poll 10 asked_is confirm 1
cat >"$config" <<END
Key three
	Confirm always
Key two
	Destination there
END
kill -HUP "$SSH_AGENT_PID"
added_asks() {
	ssh-add -q "$T/three" && "$ADD" -l -v | grep -A 20 ' three' | grep -q 'confirm: always'
}
ok "SIGHUP has it read anew" poll 10 added_asks
is "no key is lost" "$(held)" 'one three '
touch "$T/yes"
ok "the open request is answered" result
ok "well" verified one
forget
ssh-add -q "$T/two"
has "destinations are looked up in known_hosts" "$("$ADD" -l -v)" 'destination.*there'
not_ok "and bite" sign two
printf 'Key three\n\tConfirm nevr\n' >"$config"
kill -HUP "$SSH_AGENT_PID"
said_again() {
	grep -q 'the old one stays in force' "$T/agent.log"
}
ok "with a mistake in it it is not" poll 10 said_again
status_has() {
	"$ADD" --status >"$T/status" && grep -q "^configuration: $1\$" "$T/status"
}
ok "the status tells so" poll 10 status_has \
	"$config (read anew it has 1 mistake, and what was read before stays in force; signet-agent --check-config names it)"
has "which is said with its line" "$(cat "$T/agent.log")" "^signet-agent: $config:2: \"nevr\" is no value of Confirm; "
ok "and the old one stays in force" added_asks
is "no key is lost" "$(held)" 'one three two '
rm "$config"
kill -HUP "$SSH_AGENT_PID"
added_is_silent() {
	ssh-add -q "$T/three" && ! "$ADD" -l -v | grep -A 20 ' three' | grep -q 'confirm: always'
}
ok "without a file everything has its default" poll 10 added_is_silent
ok "the status tells that there is none" status_has none
is "still no key is lost" "$(held)" 'one three two '
agent_stop

# --- a key for a host that is not known cannot be used at all
printf 'Key one\n\tDestination nowhere\n' >"$config"
person_agent
has "an unknown host is said" "$(cat "$T/agent.log")" "^signet-agent: $config:2: .*\"nowhere\"; connect to it once"
ssh-add -q "$T/one"
not_ok "and the key signs for nobody" sign one
printf 'Key one\n\tDestination there\n' >"$config"
kill -HUP "$SSH_AGENT_PID"
known_now() {
	ssh-add -q "$T/one" && "$ADD" -l -v | grep -q 'destination.*there'
}
ok "until its host is" poll 10 known_now
ok "the status tells which file it is" poll 10 status_has "$config"
agent_stop

# --- names in known_hosts that are hashed, as Debian's ssh has them
ssh-keygen -q -H -f "$HOME/.ssh/known_hosts" >/dev/null 2>&1
rm "$HOME/.ssh/known_hosts.old"
not_ok "with hashed names in known_hosts" grep -q there "$HOME/.ssh/known_hosts"
ok "hosts are known" "$AGENT" --check-config
person_agent
is "at the start" "$(grep -c "$config:" "$T/agent.log")" 0
ssh-add -q "$T/one"
one_is_for() {
	"$ADD" -l -v | grep -q "destination.*$1"
}
ok "and keys are for them" one_is_for there
revoked=$(ssh-keygen -F there -f "$HOME/.ssh/known_hosts" | sed -n 's/^|/@revoked |/p')
echo "$revoked" >>"$HOME/.ssh/known_hosts"
kill -HUP "$SSH_AGENT_PID"
ok "unless their keys are marked as revoked" poll 10 status_has \
	"$config (read anew it has 1 mistake, and what was read before stays in force; signet-agent --check-config names it)"
"$AGENT" --check-config >"$T/revoked"
has "and that is what is said" "$(cat "$T/revoked")" '"there"; all that there are in known_hosts are marked as revoked: '
mv "$HOME/.ssh/known_hosts" "$T/kept_hosts"
truncate -s 17M "$HOME/.ssh/known_hosts"
"$AGENT" --check-config >"$T/big"
has "so is a file that is too big" "$(cat "$T/big")" "\"there\"; Known hosts file $HOME/.ssh/known_hosts: it is too big"
mv "$T/kept_hosts" "$HOME/.ssh/known_hosts"
sed -i /revoked/d "$HOME/.ssh/known_hosts"
printf 'Key one\n\tDestination there\nKey three\n\tLocalOnly maybe\n' >"$config"
agent_stop
person_agent
ok "the status tells a mistake at the start" status_has \
	"$config (it has 1 mistake, and the lines that are right are followed; signet-agent --check-config names it)"
agent_stop

# --- the command line goes before it
printf 'Lifetime 1h\nHideAbsent yes\n' >"$config"
person_agent
ssh-add -q "$T/one"
has "a lifetime for all keys" "$("$ADD" -l -v)" '^    lifetime-left-seconds: 3(600|59[0-9])$'
agent_stop
person_agent -t 2h
ssh-add -q "$T/one"
has "that of the command line goes before" "$("$ADD" -l -v)" '^    lifetime-left-seconds: 7(200|19[0-9])$'
kill -HUP "$SSH_AGENT_PID"
ssh-add -q "$T/two"
has "after a reload, too" "$("$ADD" -l -v | tail -n 12)" '^    lifetime-left-seconds: 7(200|19[0-9])$'
agent_stop
person_agent --config none
ssh-add -q "$T/one"
is "--config none reads none" "$("$ADD" -l -v | grep -c lifetime-left)" 0
agent_stop

# --- the program that asks
cp "$T/person" "$T/person2"
printf 'AskPass %s\nPromptOrder askpass\n' "$T/person2" >"$config"
SSH_ASKPASS_REQUIRE=force SIGNET_NOTIFY='' agent_start
ssh-add -q -c "$T/one"
touch "$T/yes"
ok "AskPass is who asks" sign one
is "once" "$(asked confirm)" 1
forget
agent_stop

# --- key directories
mkdir -m 700 "$T/more"
cp "$T/two" "$T/two.pub" "$HOME/.ssh/"
cp "$T/three" "$T/three.pub" "$T/more/"
offered_are() {
	[ "$(ssh-add -L | grep ' AAAA' | cut -d ' ' -f 3 | sort | tr '\n' ' ')" = "$1" ]
}
echo 'OfferKeys yes' >"$config"
agent_start
ok "OfferKeys offers those in ~/.ssh" poll 10 offered_are 'two '
printf 'OfferKeys yes\nKeyDirectory %s ~/.ssh\nKey three\n\tLocalOnly yes\n' "$T/more" >"$config"
kill -HUP "$SSH_AGENT_PID"
ok "a reload takes another directory" poll 10 offered_are 'three two '
has "with the rules of Key blocks" "$("$ADD" -l -v)" '^    local-only: yes$'
printf 'OfferKeys yes\nKeyDirectory %s ~/.ssh\nKey three\n\tOffer no\n' "$T/more" >"$config"
kill -HUP "$SSH_AGENT_PID"
ok "Offer no leaves one out" poll 10 offered_are 'two '
echo 'OfferKeys no' >"$config"
kill -HUP "$SSH_AGENT_PID"
ok "OfferKeys no leaves out all" poll 10 offered_are ''
agent_stop

# --- a rule that comes while a passphrase is being asked for holds for that request, too
keygen ed25519 "$HOME/.ssh/secret" -C secret -N phrase -a 4
cp "$HOME/.ssh/secret.pub" "$T/pub/"
printf 'OfferKeys yes\nKeyring no\n' >"$config"
person_agent
ok "a locked key is offered" poll 10 offered_are 'secret two '
forget
touch "$T/think"
begin sign secret
ok "its passphrase is asked for" poll 10 asked_is secret 1
printf 'OfferKeys yes\nKeyring no\nKey ~/.ssh/secret\n\tConfirm always\n' >"$config"
kill -HUP "$SSH_AGENT_PID"
asks_for() {
	"$ADD" -l -v | grep -A 20 " $1\b" | grep -q 'confirm: always'
}
ok "a reload has it confirmed" poll 10 asks_for secret
echo phrase >"$T/pins"
rm "$T/think"
not_ok "what nobody confirmed is not signed" result
forget
pins phrase
touch "$T/yes"
ok "confirmed, it is" sign secret
is "by a person" "$(asked confirm)" 1

# --- and a rule for a path also where the key is added by hand
SSH_ASKPASS=$(askpass phrase 'echo phrase') SSH_ASKPASS_REQUIRE=force ssh-add -q "$HOME/.ssh/secret"
ok "a key that is added is that of its file" asks_for secret
is "and unlocked" "$("$ADD" -l | grep ' secret' | grep -c locked)" 0
agent_stop
rm "$T/yes"

# --- SIGHUP of a terminal that is gone
cat >"$T/terminal.py" <<'END'
import os, pty, signal, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "-D", "-a", sys.argv[2], "--config", "none"])
deadline = time.time() + 10
while not os.path.exists(sys.argv[2]) and time.time() < deadline:
    time.sleep(0.02)
os.kill(pid, signal.SIGHUP)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
is "an agent in the foreground of a terminal ends with it" "$(timeout 20 python3 "$T/terminal.py" "$AGENT" "$T/pty.sock")" 2
finish
