#!/bin/sh
# seconds 120
# Key files are unlocked at the first signature: real ssh and sshd, a person at an askpass program, and GNOME Keyring.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/person.sh"
. "${0%/*}/../support/sshd.sh"
. "${0%/*}/../support/secretservice.sh"
need ssh ssh-add ssh-keygen openssl
sshd_need
"$AGENT" --help | grep -q -e --offer-keys || skip_all 'this agent offers no key files (--offer-keys)'

dir=$HOME/.ssh
mkdir -m 700 "$dir"
keygen ed25519 "$T/host"
ssh_config "HostKeyAlias here" "IdentityFile none"
echo "here $(cat "$T/host.pub")" >"$T/known_hosts"
: >"$T/authorized_keys"
sshd_start here "$T/host" "MaxAuthTries 50" || skip_all "sshd does not start here"

# --- files of all kinds

keygen ed25519 "$dir/plain" -C plain
keygen ed25519 "$dir/work" -C work -N 'work phrase' -a 4
keygen rsa "$dir/rsa" -C rsa -N 'rsa phrase' -a 4 -b 2048
keygen ed25519 "$T/ca"
ssh-keygen -q -s "$T/ca" -I work -n "$user" -V +1h "$dir/work.pub"
openssl genrsa -out "$T/pem" 2048 2>/dev/null
openssl pkcs8 -topk8 -v1 PBE-MD5-DES -provider legacy -provider default -passout 'pass:old phrase' \
	-in "$T/pem" -out "$dir/old" 2>/dev/null
chmod 600 "$T/pem" "$dir/old"
echo "$(ssh-keygen -y -f "$T/pem") old" >"$dir/old.pub"
files='plain work rsa old'
if command -v puttygen >/dev/null; then
	keygen ed25519 "$T/putty" -C putty
	printf 'ppk phrase' >"$T/phrase"
	puttygen "$T/putty" -o "$dir/putty.ppk" -O private --new-passphrase "$T/phrase" \
		--ppk-param version=3,memory=1024,passes=1
	chmod 600 "$dir/putty.ppk"
	cp "$T/putty.pub" "$T/pub/putty.pub"
	files="$files putty"
fi
for name in plain work rsa old; do
	cp "$dir/$name.pub" "$T/pub/$name.pub"
done
print() {
	ssh-keygen -lf "$T/pub/$1.pub" | cut -d ' ' -f 2
}

# print_re NAME: the same as a regular expression.
print_re() {
	print "$1" | sed 's/+/[+]/g'
}

# config LINE...: what the agent reads.
config() {
	{
		echo "KeyDirectory $dir"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$T/config"
}
config
unlocking_agent() {
	person_agent --config "$T/config" --offer-keys "$@"
}

# locked NAME: signet-add -l marks its key (and the certificate beside it).
locked() {
	"$ADD" -l >"$T/listed" && grep -q -F "$(print "$1") $1" "$T/listed" &&
		! grep -F "$(print "$1") $1" "$T/listed" | grep -q -v ' \[locked\]$'
}

unlocked() {
	"$ADD" -l >"$T/listed" && grep -q -F "$(print "$1") $1" "$T/listed" &&
		! grep -F "$(print "$1") $1" "$T/listed" | grep -q ' \[locked\]$'
}

# try [SSH-ARGUMENT...]: log in and come back with what only the server knows.
try() {
	ssh -F "$T/ssh_config" -p "$port" "$@" here 'echo "logged in: $SSH_CONNECTION"' </dev/null >"$T/ssh.out" 2>&1 &&
		grep -q '^logged in: 127.0.0.1' "$T/ssh.out"
}

cat "$T/pub/work.pub" >"$T/authorized_keys"
unlocking_agent
ok 'all are locked, the certificate too' poll 5 locked work
is 'with their number' "$("$ADD" -l | grep -c ' \[locked\]$')" "$("$ADD" --status | sed -n 's/^keys-locked: //p')"
is 'ssh-add sees no marks' "$(ssh-add -l)" "$("$ADD" -l | sed 's/ \[locked\]$//')"
has 'in the verbose list' "$("$ADD" -l -v)" "^    file: $dir/work\$"
has 'each says it' "$("$ADD" -l -v)" '^    locked: yes$'

# --- a login

pins 'work phrase'
ok 'a login unlocks the key' try
is 'with one question' "$(asked secret)" 1
has 'that names the file' "$(text_of secret)" "Enter the passphrase of the key file \"$dir/work\" to unlock key \"work\"\\."
has 'and who asks' "$(text_of secret)" '^Asked by ssh \('
ok 'the key is unlocked' unlocked work
ok 'no other is' locked plain
ok 'the next login asks nothing' try
is 'nothing' "$(asked secret)" 1
ok 'the log tells it' log_has "unlock-key allowed, passphrase typed; key $(print_re work) \"work\"; by ssh; .*consent asked"
cat >"$T/authorized_keys" <<-EOT
	cert-authority $(cat "$T/ca.pub")
EOT
ok 'the certificate was unlocked along with it' try
is 'for nothing' "$(asked secret)" 1

# --- formats

pins 'rsa phrase' 'old phrase' 'ppk phrase'
for name in $files; do
	ok "a signature by $name" sign "$name"
	ok "which is good ($name)" verified "$name"
	ok "$name is unlocked" unlocked "$name"
done
ok 'a plain file asks nobody' log_has "unlock-key allowed, without a passphrase; key $(print_re plain)"

# --- locked again

kill -USR1 "$SSH_AGENT_PID"
ok 'SIGUSR1 locks them again' poll 5 locked rsa
is 'all' "$("$ADD" -l | grep -c -v ' \[locked\]$')" 0
pins 'work phrase'
: >"$T/think"
sign work one >/dev/null 2>&1 &
one=$!
sign work two >/dev/null 2>&1 &
two=$!
reap $one $two
ok 'two signatures are asked for' poll 5 asked_is secret 1
awaited() {
	"$ADD" --status | grep -q "^unlocks-awaited: $1\$"
}
ok 'and wait for the same' poll 5 awaited 2
rm "$T/think"
ok 'both are made' wait $one
ok 'the other, too' wait $two
is 'by one passphrase' "$(asked secret)" 1
ok 'the second is good' verified work two

printf 'lock\nlock\n' >"$T/lock"
askpass locker 'echo lock' >/dev/null
SSH_ASKPASS=$T/locker SSH_ASKPASS_REQUIRE=force ssh-add -x >/dev/null 2>&1
pins 'work phrase'
not_ok 'a locked agent unlocks nothing' sign work
is 'and asks nobody' "$(asked secret)" 0
SSH_ASKPASS=$T/locker SSH_ASKPASS_REQUIRE=force ssh-add -X >/dev/null 2>&1
ok 'after it the key is locked' poll 5 locked work
: >"$T/think"
begin sign work
ok 'a question is open' poll 5 shown_is secret 1
SSH_ASKPASS=$T/locker SSH_ASKPASS_REQUIRE=force ssh-add -x >/dev/null 2>&1
not_ok 'locking the agent refuses who waits' result
ok 'and closes the question' poll 5 shown_is secret 0
SSH_ASKPASS=$T/locker SSH_ASKPASS_REQUIRE=force ssh-add -X >/dev/null 2>&1

# --- wrong, no, gone

pins one two three four
not_ok 'three wrong passphrases are refused' sign work
is 'after three questions' "$(asked secret)" 3
has 'the last says so' "$(text_of secret)" '^That passphrase was wrong\. .*'
ok 'the log says why' log_has "unlock-key refused: the passphrase is wrong; key $(print_re work)"
forget
not_ok 'cancelling is a refusal' sign work
is 'of one question' "$(asked secret)" 1
ok 'in the log, too' log_has 'unlock-key refused: the person said no;'
forget
: >"$T/think"
begin sign work
ok 'a question waits' poll 5 shown_is secret 1
leave "$begun"
ok 'it goes with its client' poll 5 shown_is secret 0
forget
: >"$T/think"
begin sign work
ok 'a question waits' poll 5 shown_is secret 1
config 'Key work' '	Confirm always'
kill -HUP "$SSH_AGENT_PID"
confirmed() {
	"$ADD" -l -v | grep -q '^    confirm: always$'
}
ok 'the configuration wants a confirmation' poll 5 confirmed
echo 'work phrase' >"$T/pins"
rm -f "$T/think"
not_ok 'a confirmation that is wanted from now on is not got round' result
is 'nobody was asked for it' "$(asked confirm)" 0
ok 'the question goes' poll 5 shown_is secret 0
config
kill -HUP "$SSH_AGENT_PID"
: >"$T/think"
begin sign work
ok 'a question waits' poll 5 shown_is secret 1
kill -HUP "$SSH_AGENT_PID"
ssh-add -l >/dev/null
echo 'work phrase' >"$T/pins"
rm "$T/think"
ok 'a reload of the same in between changes nothing' result
kill -USR1 "$SSH_AGENT_PID"
ok 'locked again' poll 5 locked work
forget
chmod 644 "$dir/work"
pins 'work phrase'
not_ok 'a file that others may read is not opened' sign work
is 'whatever is typed' "$(asked secret)" 0
chmod 600 "$dir/work"
ok 'it comes back' poll 5 locked work

# --- another host

ssh_forward() {
	ssh -F "$T/ssh_config" -p "$port" -A here "ssh-add -T $T/pub/work.pub" </dev/null >"$T/ssh.out" 2>&1
}
cat "$T/pub/plain.pub" >"$T/authorized_keys"
ok 'a login' try
pins 'work phrase'
not_ok 'another host unlocks nothing' ssh_forward
is 'and asks nobody' "$(asked secret)" 0
ok 'the log says what to do' log_has 'unlock-key refused: keys are not unlocked for another host \(UnlockForwarded\)'
agent_stop
config 'UnlockForwarded yes'
unlocking_agent
ok 'a login once more' try
pins 'work phrase'
ok 'with UnlockForwarded it does' ssh_forward
has 'the question says over which way' "$(text_of secret)" '^Over a connection forwarded through'
agent_stop

# --- --relock

config
unlocking_agent --relock 2
pins 'work phrase'
ok 'unlocked for a time' sign work
has 'with the time left' "$("$ADD" -l -v)" '^    relock-left-seconds: [12]$'
ok 'which locks it again' poll 5 locked work
agent_stop

# --- the keyring

if command -v gnome-keyring-daemon >/dev/null && command -v secret-tool >/dev/null && command -v dbus-daemon >/dev/null &&
	[ -x "$KEYRING" ]; then
	bus_start
	service_start
	item() {
		secret-tool lookup xdg:schema org.signet.Secret kind passphrase name "$dir/$1" id "$(print "$1")"
	}
	store() {
		printf %s "$2" | secret-tool store --label=L xdg:schema org.signet.Secret kind passphrase \
			name "$dir/$1" id "$(print "$1")"
	}
	unlocking_agent
	pins 'work phrase'
	ok 'a passphrase that nobody remembers is asked for' sign work
	ok 'and then whether to remember it' poll 5 shown_is confirm 1
	has 'in words' "$(text_of confirm)" "^Remember the passphrase of the key file \"$dir/work\" in the keyring\\?"
	: >"$T/yes"
	item_is() {
		[ "$(item "$1")" = "$2" ]
	}
	ok 'a yes stores it' poll 5 item_is work 'work phrase'
	store rsa 'stale phrase'
	pins 'rsa phrase'
	ok 'a stale one is asked for anew' sign rsa
	is 'once' "$(asked secret)" 1
	has 'with the reason' "$(text_of secret)" '^The passphrase in the keyring is wrong\.'
	ok 'and replaced' poll 5 item_is rsa 'rsa phrase'
	is 'unasked' "$(asked confirm)" 0
	agent_stop
	# No terminal, no display, no askpass program: only the bus.
	cat "$T/pub/work.pub" >"$T/authorized_keys"
	agent_start --config "$T/config" --offer-keys
	ok 'it is one' try
	ok 'the log says so' log_has "unlock-key allowed, passphrase from the keyring; key $(print_re work)"
	not_ok 'what it does not hold is refused at once' timeout 10 ssh-add -T "$T/pub/old.pub"
	ok 'because nobody can be asked' log_has 'unlock-key refused: nobody can be asked'
	agent_stop
	printf 'KeyDirectory %s\nKeyring no\n' "$dir" >"$T/config"
	agent_start --config "$T/config" --offer-keys
	not_ok 'Keyring no leaves it alone' try
	agent_stop
else
	skip 'passphrases from the keyring' 'gnome-keyring, libsecret-tools or dbus is not installed'
fi
finish
