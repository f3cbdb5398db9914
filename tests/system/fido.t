#!/bin/sh
# Security keys through pcscd, by touch: both types added from every kind of file, listed, used for logins and
# signatures that OpenSSH's programs check.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/sshd.sh"
. "${0%/*}/../support/securitykeys.sh"
need ssh ssh-add ssh-keygen

ok 'pcscd starts' pcscd_start 4
sshd_need
keygen ed25519 "$T/host"
keygen ed25519 "$T/ca"
echo "here $(cat "$T/host.pub")" >"$T/known_hosts"
ssh_config 'HostKeyAlias here' 'IdentityFile none'
: >"$T/authorized_keys"
sshd_start here "$T/host" "TrustedUserCAKeys $T/ca.pub" || skip_all 'sshd does not start here'

fido_key ed ed25519-sk mine
fido_key ec ecdsa-sk mine
fido_key locked ed25519-sk mine -N 'a passphrase'
fido_key free ed25519-sk mine -O no-touch-required
fido_key other ed25519-sk theirs
ok 'a card holds the keys' card_start mine 0 -s "$T/mine.state"
ok 'another holds others' card_start theirs 2 -s "$T/theirs.state"
fido_agent

host_print() {
	ssh-keygen -lf "$T/host.pub" | cut -d ' ' -f 2 | sed 's/[+]/[+]/g'
}

login() {
	timeout 50 ssh -F "$T/ssh_config" -p "$port" here 'echo "in: $SSH_CONNECTION"' </dev/null >"$T/ssh.out" 2>&1 &&
		grep -q '^in: 127.0.0.1' "$T/ssh.out"
}

# --- each type: added, listed, tested, used
for key in ed ec; do
	ok "$key: added" "$ADD" "$T/$key"
	is "$key: listed as ssh-keygen has it" "$(ssh-add -l | cut -d ' ' -f 1-2)" \
		"$(ssh-keygen -lf "$T/$key.pub" | cut -d ' ' -f 1-2)"
	is "$key: and whole" "$(ssh-add -L | cut -d ' ' -f 1-2)" "$(cut -d ' ' -f 1-2 "$T/$key.pub")"
	touches=$(status_of mine touches)

	begin timeout 50 ssh-add -T "$T/$key.pub"
	ok "$key: the right card waits for a touch" card_await mine waiting 20
	ok "$key: the person is told" poll 10 shown_is notice 1
	has "$key: to touch it" "$(text_of notice)" '^Touch your security key '
	has "$key: for which key" "$(text_of notice)" "$(fido_print "$key")"
	has "$key: named as its comment" "$(text_of notice)" " key \"$key\"\\.\$"
	has "$key: and for whom" "$(text_of notice)" 'ssh-add'
	ok "$key: a touch" card mine touch
	result
	is "$key: gives a good signature" $? 0
	ok "$key: the notice goes" poll 5 shown_is notice 0
	is "$key: there was one" "$(asked notice)" 1
	is "$key: one touch was used" "$(status_of mine touches)" $((touches + 1))
	is "$key: the other card made nothing" "$(status_of theirs assertions)" 0
	forget

	ok "$key: ssh-keygen -Y sign" touching mine sign "$key"
	ok "$key: which verifies" verified "$key"
	is "$key: with flags and counter of the card" "$(said "$key")" "flags=1 counter=$(status_of mine counter)"
	forget

	cat "$T/$key.pub" >"$T/authorized_keys"
	begin login
	ok "$key: a login waits" poll 20 shown_is notice 1
	has "$key: the notice names the host" "$(text_of notice)" "^To log in as $user to .*host key $(host_print)"
	ok "$key: it is touched" card mine touch
	result
	is "$key: and we are in" $? 0
	ok "$key: the notice goes" poll 5 shown_is notice 0
	has "$key: the log has it" "$(log_last sign)" 'sign allowed'

	begin login
	ok "$key: the next login waits, too" card_await mine waiting 20
	ok "$key: it is refused at the key" card mine refuse
	result
	refused=$?
	ok "$key: which is no login" test $refused -ne 0
	ok "$key: for a reason" poll 5 log_has 'sign refused: .*(security key|said no|PIN)'
	: >"$T/authorized_keys"
	ssh-add -q -D 2>/dev/null
	forget
done

# --- other files
SSH_ASKPASS=$(askpass passphrase "echo 'a passphrase'") SSH_ASKPASS_REQUIRE=force \
	"$ADD" -q "$T/locked" </dev/null
is 'a file with a passphrase' "$(ssh-add -L | cut -d ' ' -f 2)" "$(cut -d ' ' -f 2 "$T/locked.pub")"
ok 'its key signs' touching mine sign locked
ok 'and verifies' verified locked
ssh-add -q -D 2>/dev/null

for key in ed ec; do
	ssh-keygen -q -s "$T/ca" -I a-test -n "$user" "$T/$key.pub"
	ok "$key: with its certificate" "$ADD" -q "$T/$key"
	is "$key: both are listed" "$(ssh-add -L | cut -d ' ' -f 2 | sort)" \
		"$(cut -d ' ' -f 2 "$T/$key.pub" "$T/$key-cert.pub" | sort)"
	ok "$key: the certificate logs in" touching mine login
	ok "$key: and is removed with its key" "$ADD" -q -d "$T/$key"
	is "$key: so that nothing is left" "$(ssh-add -L)" 'The agent has no identities.'
	rm "$T/$key-cert.pub"
done

# --- added by OpenSSH's ssh-add, which names a provider
for key in ed ec; do
	ok "$key: OpenSSH's ssh-add adds it" ssh-add -q "$T/$key"
	ok "$key: it signs" touching mine sign "$key"
	ok "$key: rightly" verified "$key"
	ok "$key: it is removed" ssh-add -q -d "$T/$key"
done

# --- no touch
ok 'a key that wants no touch' "$ADD" -q "$T/free"
touches=$(status_of mine touches)
forget
ok 'signs' sign free
is 'without one' "$(status_of mine touches)" "$touches"
is 'with no flag, and the counter' "$(said free)" "flags=0 counter=$(status_of mine counter)"
is 'and without a word' "$(asked notice)" 0

# --- the notice of one who leaves
ok 'another key is added' "$ADD" -q "$T/other"
begin timeout 50 ssh-add -T "$T/other.pub"
ok 'its own card waits' card_await theirs waiting 20
ok 'the person is told' poll 10 shown_is notice 1
leave "$begun"
ok 'the notice goes with the client' poll 5 shown_is notice 0
ok 'the card waits no more' card_await theirs waiting=no 5
ok 'the helper is gone' poll 5 log_has 'sign refused: the request was cancelled'
ok 'and the next is served' touching theirs ssh-add -T "$T/other.pub"

# --- a key that is to be confirmed from now on, while its touch is waited for
forget
begin timeout 50 ssh-add -T "$T/other.pub"
ok 'its card waits' card_await theirs waiting 20
ok 'it is added anew, to be confirmed' "$ADD" -q -c "$T/other"
card theirs touch >/dev/null
result
is 'nobody was asked, so there is no signature' "$?" 1
ok 'and the log has the reason' log_has "sign refused: the key's rules changed meanwhile, and its use is to be confirmed now: try again"
ok 'without that' "$ADD" -q "$T/other"
ok 'it signs' touching theirs ssh-add -T "$T/other.pub"

# --- a touch that does not come
card theirs option timeout_ms=1500 >/dev/null
forget
begin timeout 50 ssh-add -T "$T/other.pub"
ok 'a notice' poll 10 shown_is notice 1
result
ok 'is over when the device gives up' test $? -ne 0
ok 'and goes' poll 5 shown_is notice 0
has 'the log says why' "$(log_last sign)" 'sign refused: the device was not touched in time'

ssh-add -q -D 2>/dev/null
ok 'with the last key the last helper goes' poll 5 helpers_are 0
finish
