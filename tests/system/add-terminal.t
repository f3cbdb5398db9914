#!/bin/sh
# Passphrases typed at a terminal: right, wrong, none; the echo is off while they are typed and on after any end.
. tests/support/add_env.sh

if ! command -v expect >/dev/null; then
	echo '1..0 # SKIP expect is not installed'
	exit 0
fi
start_agent a
SSH_AUTH_SOCK=$T/a.sock
export SSH_AUTH_SOCK ADD

make_key one -t ed25519 -N secret -C one
make_key two -t ed25519 -N secret -C two
make_key pem -t rsa -b 2048 -m PEM -N other

# Each scene is typed into an interactive shell on a terminal of its own.  `echo_on` and `echo_off` look
# at the terminal from outside; what is typed without echo must not come back.
cat >prelude.exp <<'EXP'
set timeout 30
log_user 0
proc fail {text} { puts "failed: $text"; exit 1 }
spawn -noecho env PS1=ready> PATH=$env(PATH) sh -i
expect_after {
	timeout { fail "timed out; so far: $expect_out(buffer)" }
	eof { fail "the terminal closed" }
}
proc flags {} { global spawn_out tty; return [exec stty -a < $tty] }
set tty $spawn_out(slave,name)
# The shell may set the terminal itself for a moment, so these wait for the state; expect's time-out bounds it.
proc wait_flag {pattern what} {
	for {set i 0} {$i < 300} {incr i} {
		if {[regexp $pattern [flags]]} { return }
		after 100
	}
	fail "$what: [flags]"
}
proc echo_on {} { wait_flag { echo } "echo is not on" }
proc echo_off {} { wait_flag { -echo } "echo is not off" }
proc type {text} { send -- $text }
proc command {line} { send -- "$line\r"; expect -ex "$line" }
expect "ready>"
EXP

# scene NAME: the expect script on standard input
scene() {
	ssh-add -qD
	{ cat prelude.exp; cat; } >scene.exp
	check "$1" expect -f scene.exp
}

scene 'a passphrase' <<'EXP'
command "$env(ADD) one"
expect -ex "Enter passphrase for one: "
echo_off
type "secret\r"
expect -re "^\r\nIdentity added: one \\(one\\)\r\n"
expect "ready>"
echo_on
EXP
check 'the key is there' sh -c 'ssh-add -l | grep -q " one (ED25519)"'

scene 'wrong, wrong again, right' <<'EXP'
command "$env(ADD) one"
expect -ex "Enter passphrase for one: "
echo_off
type "wrong\r"
expect -ex "Bad passphrase, try again for one: "
echo_off
type "also wrong\r"
expect -ex "Bad passphrase, try again for one: "
echo_off
type "secret\r"
expect -ex "Identity added: one (one)"
expect "ready>"
echo_on
EXP

scene 'two files with one passphrase' <<'EXP'
command "$env(ADD) one two; echo status \$?"
expect -ex "Enter passphrase for one: "
echo_off
type "secret\r"
expect {
	-ex "Enter passphrase for two" { fail "asked for two" }
	-ex "Identity added: two (two)"
}
expect -ex "status 0"
EXP

scene 'an empty answer gives up, the next file is asked for' <<'EXP'
command "$env(ADD) -c one pem; echo status \$?"
expect -ex "Enter passphrase for one (will confirm each use): "
echo_off
type "\r"
expect -ex "one: not added, since no passphrase was given"
expect -ex "Enter passphrase for pem (will confirm each use): "
echo_off
type "other\r"
expect -ex "Identity added: pem (pem)"
expect -ex "status 1"
EXP

scene 'end of file gives up' <<'EXP'
command "$env(ADD) one; echo status \$?"
expect -ex "Enter passphrase for one: "
echo_off
type "\004"
expect -ex "one: not added, since no passphrase was given"
expect -ex "status 1"
expect "ready>"
echo_on
EXP

scene '^C ends it with the echo back' <<'EXP'
command "$env(ADD) one two"
expect -ex "Enter passphrase for one: "
echo_off
type "sec\003"
expect "ready>"
echo_on
command "echo status \$?"
expect -ex "status 130"
EXP
check 'nothing was added' sh -c '! ssh-add -l >/dev/null'

for signal in TERM HUP QUIT; do
	scene "SIG$signal gives the echo back" <<EXP
command "sh -c 'echo \\\$\\\$ >pid; exec \$env(ADD) one'"
expect -ex "Enter passphrase for one: "
echo_off
exec sh -c {kill -$signal \$(cat pid)}
expect "ready>"
echo_on
EXP
done

scene '^Z gives the echo back, fg asks again' <<'EXP'
command "set -m"
expect "ready>"
command "$env(ADD) one; echo status \$?"
expect -ex "Enter passphrase for one: "
echo_off
type "sec\032"
expect "ready>"
echo_on
command "fg"
expect -ex "Enter passphrase for one: "
echo_off
type "secret\r"
expect -ex "Identity added: one (one)"
expect "ready>"
echo_on
EXP

scene 'from the background it stops until it is brought to the front' <<'EXP'
command "set -m"
expect "ready>"
command "$env(ADD) one &"
expect "ready>"
command "while jobs >j; ! grep -q Stopped j; do sleep 0.1; done; echo now"
expect -ex "\r\nnow"
expect "ready>"
echo_on
command "fg"
expect -ex "Enter passphrase for one: "
echo_off
type "secret\r"
expect -ex "Identity added: one (one)"
EXP

scene 'an answer that is far too long' <<'EXP'
command "$env(ADD) one; echo status \$?"
expect -ex "Enter passphrase for one: "
echo_off
type "[string repeat x 2000]\r"
expect -ex "A passphrase has at most 1024 bytes"
expect -ex "status 1"
EXP

scene 'lock and unlock' <<'EXP'
command "$env(ADD) -x; echo status \$?"
expect -ex "Enter lock password: "
echo_off
type "pw\r"
expect -ex "Again: "
echo_off
type "pw\r"
expect -ex "Agent locked."
expect -ex "status 0"
expect "ready>"
echo_on
command "$env(ADD) -X; echo status \$?"
expect -ex "Enter lock password: "
echo_off
type "pw\r"
expect -ex "Agent unlocked."
expect -ex "status 0"
EXP

scene 'lock passwords that differ' <<'EXP'
command "$env(ADD) -x; echo status \$?"
expect -ex "Enter lock password: "
echo_off
type "pw\r"
expect -ex "Again: "
echo_off
type "pv\r"
expect -ex "Passwords do not match."
expect -ex "status 1"
EXP

scene 'end of file does not lock with an empty password' <<'EXP'
command "$env(ADD) -x; echo status \$?"
expect -ex "Enter lock password: "
echo_off
type "\004"
expect -ex "Failed to lock agent: no password was given"
expect -ex "status 1"
EXP
make_key plain -t ed25519
check 'the agent is not locked' ssh-add -q plain

scene 'an encrypted key on standard input: the passphrase is typed' <<'EXP'
command "cat one | $env(ADD) -"
expect -ex "Enter passphrase for (stdin): "
echo_off
type "secret\r"
expect -ex "Identity added: (stdin) (one)"
EXP

printf '#!/bin/sh\necho secret\n' >ask && chmod +x ask
scene 'SSH_ASKPASS_REQUIRE=prefer goes past the terminal' <<'EXP'
command "DISPLAY=:7 SSH_ASKPASS=./ask SSH_ASKPASS_REQUIRE=prefer $env(ADD) one"
expect {
	-ex "Enter passphrase" { fail "asked at the terminal" }
	-ex "Identity added: one (one)"
}
EXP
scene 'a display alone does not' <<'EXP'
command "DISPLAY=:7 SSH_ASKPASS=./ask $env(ADD) one"
expect -ex "Enter passphrase for one: "
echo_off
type "secret\r"
expect -ex "Identity added: one (one)"
EXP
scene '--all asks for what needs it' <<'EXP'
command "$env(ADD) --all .; echo status \$?"
expect -ex "Enter passphrase for ./one: "
echo_off
type "secret\r"
expect -ex "Enter passphrase for ./pem: "
echo_off
type "\r"
expect -ex "./pem: not added, since no passphrase was given"
expect -ex "Enter passphrase for ./two: "
echo_off
type "secret\r"
expect -ex "Identity added: ./two (two)"
expect -ex "status 1"
EXP

done_testing
