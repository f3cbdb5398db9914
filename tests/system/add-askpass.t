#!/bin/sh
# SSH_ASKPASS and SSH_ASKPASS_REQUIRE; nobody else can be asked (each run has a session of its own, without a terminal).
. tests/support/add_env.sh

start_agent a
SSH_AUTH_SOCK=$T/a.sock
export SSH_AUTH_SOCK

make_key one -t ed25519 -N secret -C one
make_key two -t ed25519 -N secret -C two
make_key plain -t ed25519
make_key other -t ed25519 -N different -C other
# answers with the next line of $ANSWERS and notes the question
cat >ask <<'ASK'
#!/bin/sh
echo "$1" >>asked
head -n 1 "$ANSWERS"
sed -i 1d "$ANSWERS"
ASK
chmod +x ask
ANSWERS=$T/answers
SSH_ASKPASS=$T/ask
export ANSWERS SSH_ASKPASS

answers() {
	: >asked
	printf '%s\n' "$@" >answers
	ssh-add -qD
}

asked() {
	name=$1
	shift
	printf '%s\n' "$@" >want.asked
	check "$name" diff want.asked asked
}

answers secret
run SSH_ASKPASS_REQUIRE=force "$ADD" one
want 'force needs no display' 0 '' 'Identity added: one (one)
'
asked 'the question' 'Enter passphrase for one: '

answers secret
run DISPLAY=:77 "$ADD" one
want 'a display is enough' 0 '' 'Identity added: one (one)
'
answers secret
run WAYLAND_DISPLAY=w "$ADD" one
want 'so is a Wayland display' 0 '' 'Identity added: one (one)
'
answers secret
run SSH_ASKPASS_REQUIRE=prefer DISPLAY=:77 "$ADD" one
want 'prefer with a display' 0 '' 'Identity added: one (one)
'
answers secret
run SSH_ASKPASS_REQUIRE=never DISPLAY=:77 "$ADD" one
want_line 'never forbids it: what to do is said' 1 \
	'^Nobody could be asked: there is no terminal.* SSH_ASKPASS_REQUIRE=force\.$'
check 'never: nobody was asked' sh -c '! [ -s asked ]'
run "$ADD" one
want_line 'no display: what to do is said' 1 '^one: not added, since it needs a passphrase$'

answers secret
run SSH_ASKPASS_REQUIRE=force "$ADD" one two
want 'one passphrase for two files' 0 '' 'Identity added: one (one)
Identity added: two (two)
'
asked 'it was asked for once' 'Enter passphrase for one: '
answers secret different secret
run SSH_ASKPASS_REQUIRE=force "$ADD" one other two
want 'another passphrase between' 0 '' 'Identity added: one (one)
Identity added: other (other)
Identity added: two (two)
'
asked 'the last one that fitted is tried first' 'Enter passphrase for one: ' 'Enter passphrase for other: ' \
	'Enter passphrase for two: '

answers wrong 'wrong again' secret
run SSH_ASKPASS_REQUIRE=force "$ADD" -c one
want_line 'wrong twice, then right' 0 '^Identity added: one \(one\)$'
asked 'asked again' 'Enter passphrase for one (will confirm each use): ' \
	'Bad passphrase, try again for one (will confirm each use): ' \
	'Bad passphrase, try again for one (will confirm each use): '
answers wrong '' different
run SSH_ASKPASS_REQUIRE=force "$ADD" one other
want 'an empty answer gives the file up, the next goes on' 1 '' 'one: not added, since no passphrase was given
Identity added: other (other)
'
answers "$(head -c 2000 /dev/zero | tr '\0' x)"
run SSH_ASKPASS_REQUIRE=force "$ADD" one
want 'an answer that is far too long' 1 '' 'A passphrase has at most 1024 bytes
one: not added, since no passphrase was given
'
check 'nothing was added' sh -c '! ssh-add -l >/dev/null'

run SSH_ASKPASS_REQUIRE=force SSH_ASKPASS=/bin/false "$ADD" one
want 'the window was closed' 1 '' 'one: not added, since no passphrase was given
'
run SSH_ASKPASS_REQUIRE=force SSH_ASKPASS=/nonexistent/ask "$ADD" one
want_line 'a program that is not there' 1 '^The program in SSH_ASKPASS cannot be run: No such file or directory$'

answers pw pw
run SSH_ASKPASS_REQUIRE=force "$ADD" -x
want 'lock' 0 '' 'Agent locked.
'
asked 'locking asks twice' 'Enter lock password: ' 'Again: '
: >asked; echo no >answers
run SSH_ASKPASS_REQUIRE=force "$ADD" -X
want 'a wrong password' 1 '' 'Failed to unlock agent: agent refused operation
'
: >asked; echo pw >answers
run SSH_ASKPASS_REQUIRE=force "$ADD" -X
want 'unlock' 0 '' 'Agent unlocked.
'
asked 'unlocking asks once' 'Enter lock password: '
answers pw other
run SSH_ASKPASS_REQUIRE=force "$ADD" -x
want 'passwords that differ' 1 '' 'Passwords do not match.
'
run SSH_ASKPASS_REQUIRE=force SSH_ASKPASS=/bin/false "$ADD" -x
want 'no password' 1 '' 'Failed to lock agent: no password was given
'
run "$ADD" -x
want_line 'nobody to ask for the lock password' 1 '^Nobody could be asked: '
check 'none of these locked it' ssh-add -q plain

# Scripts write passphrases to standard input where there is neither terminal nor askpass.
unset SSH_ASKPASS
ssh-add -qD
run sh -c "echo secret | '$ADD' one two"
want_line 'a line of standard input' 0 '^Identity added: two \(two\)$'
run sh -c "printf 'wrong\nsecret\n' | '$ADD' one"
want_line 'the next line for the next question' 0 '^Identity added: one \(one\)$'
run sh -c "printf 'pw\npw\n' | '$ADD' -x"
want_line 'both lock passwords' 0 'Agent locked\.$'
run sh -c "printf 'pw' | '$ADD' -X"
want_line 'a line without an end' 0 'Agent unlocked\.$'
run sh -c "cat one | '$ADD' -"
want_line 'standard input is the key itself: it is not read for a passphrase' 1 \
	'^\(stdin\): not added, since it needs a passphrase$'

done_testing
