#!/bin/sh
# `make run` and `make stop`: a person's whole path, in a private home.
. "${0%/*}/../support/lib.sh"
need ssh-keygen ssh-add setsid

unset SUDO_UID SUDO_GID SUDO_USER XDG_STATE_HOME
HOME=$T/home
XDG_RUNTIME_DIR=$T/run
SHELL=/bin/bash
export HOME XDG_RUNTIME_DIR SHELL BUILD
mkdir -m 700 "$HOME" "$XDG_RUNTIME_DIR"
folder=$XDG_RUNTIME_DIR/signet
socket=$folder/agent.sock

# In a session of its own there is no terminal to ask at.
signet_run() {
	setsid -w packaging/run --no-install >"$T/out" 2>&1 </dev/null
}

signet_stop() {
	setsid -w packaging/run --stop >"$T/out" 2>&1 </dev/null
}

pid_of_agent() {
	sed -n 1p "$folder/agent.pid"
}

# started_pid: the agent's process, ended with the test whatever happens.
started_pid() {
	pid=$(pid_of_agent)
	reap "$pid"
}

fingerprint() {
	ssh-keygen -lf "$1" | cut -d' ' -f2
}

# check DESCRIPTION COMMAND...: like ok, but leaves $T/out alone.
check() {
	what=$1
	shift
	if "$@" >/dev/null 2>&1; then pass "$what"; else fail "$what"; fi
}

# says DESCRIPTION PATTERN: the last run printed it.
says() {
	has "$1" "$(cat "$T/out")" "$2"
}

# --- no key yet
signet_run
is "run succeeds without a key" $? 0
started_pid
says "it says how to make a key" 'ssh-keygen -t ed25519'
says "it prints the line for the profile" "^  export SSH_AUTH_SOCK='$socket'\$"
is "the folder is private" "$(stat -c %a "$folder")" 700
is "the socket is private" "$(stat -c %a "$socket")" 600
first=$pid

# --- keys of any name
mkdir -m 700 "$HOME/.ssh"
keygen rsa "$HOME/.ssh/id_rsa.ceci" -b 2048 -m PEM -C ceci
keygen ed25519 "$HOME/.ssh/key of a work laptop" -C laptop
keygen ecdsa "$HOME/.ssh/locked" -N 'a passphrase' -C locked
rm "$HOME/.ssh/key of a work laptop.pub"
echo 'not a key' >"$HOME/.ssh/config"
signet_run
is "run succeeds, though a key is left out" $? 0
is "the running agent is found" "$(pid_of_agent)" "$first"
says "it says that it found it" "process $first"
says "the key with an odd name is listed" "$(fingerprint "$HOME/.ssh/id_rsa.ceci" | sed 's/[+]/[+]/g')"
says "the key without a .pub is listed" 'laptop \(ED25519\)'
says "the encrypted key is named as left out" 'locked'
held=$(SSH_AUTH_SOCK=$socket ssh-add -l 2>&1)
is "the agent holds the two keys" "$(echo "$held" | wc -l)" 2
has "one is the RSA key" "$held" "$(fingerprint "$HOME/.ssh/id_rsa.ceci" | sed 's/[+]/[+]/g')"
is "the encrypted key is not held" "$(echo "$held" | grep -c 'locked')" 0

# --- the line for the profile is good for any program
line=$(sed -n 's/^  export /export /p' "$T/out")
check "the printed line leads ssh-add to the agent" sh -c "$line; ssh-add -l"

# --- a passphrase typed at the terminal
if command -v expect >/dev/null 2>&1; then
	expect -c '
		set timeout 60
		log_user 0
		spawn packaging/run --no-install
		expect -nocase "passphrase"
		send "a passphrase\r"
		expect eof
		lassign [wait] pid id os status
		exit $status' >"$T/out" 2>&1 </dev/null
	is "run at a terminal succeeds" $? 0
	held=$(SSH_AUTH_SOCK=$socket ssh-add -l 2>&1)
	is "the encrypted key is held too" "$(echo "$held" | wc -l)" 3
else
	skip "run at a terminal asks for the passphrase" "expect is not installed"
fi

# --- a socket that nobody listens on
kill -9 "$first"
gone "$first"
signet_run
is "run after the agent was killed succeeds" $? 0
started_pid
check "a new agent was started" test "$pid" != "$first"
SSH_AUTH_SOCK=$socket ssh-add -l >/dev/null 2>&1
is "it answers and holds keys" $? 0

# --- stop
signet_stop
is "stop succeeds" $? 0
says "it says which process has ended" "process $pid\\) has ended"
check "the process is gone" ended "$pid"
check "the socket is gone" test ! -e "$socket"
check "the record is gone" test ! -e "$folder/agent.pid"
signet_stop
is "stop with nothing to stop succeeds" $? 0
says "it says that nothing runs" 'No agent of .make run. is running'

# --- stop ends nothing but our agent
sleep 60 &
other=$!
reap $other
echo $other >"$folder/agent.pid"
signet_stop
is "stop with a stale record succeeds" $? 0
check "the process of that number lives on" kill -0 $other

# --- an agent that someone else started there
"$AGENT" -D -a "$socket" >/dev/null 2>&1 </dev/null &
other=$!
reap $other
poll 10 test -S "$socket"
signet_stop
is "stop leaves an agent that run did not start" $? 1
check "that agent lives on" kill -0 $other
signet_run
is "run uses it" $? 0
says "it says so" 'did not start'
kill $other
gone $other

# --- what cannot work is said
XDG_RUNTIME_DIR=$T/$(printf '%0110d' 0)
mkdir -m 700 "$XDG_RUNTIME_DIR"
signet_run
is "a path too long for a socket is an error" $? 1
says "it names the remedy" 'set XDG_RUNTIME_DIR to a shorter folder'

# --- no session folder: the state folder of the home (where no /run/user/UID is the tester's own)
if [ ! -d "/run/user/$(id -u)" ]; then
	unset XDG_RUNTIME_DIR
	folder=$HOME/.local/state/signet
	signet_run
	is "run without a session folder succeeds" $? 0
	started_pid
	check "the socket is in the home" test -S "$folder/agent.sock"
	is "its folder is private" "$(stat -c %a "$folder")" 700
	signet_stop
	is "stop finds it there" $? 0
	check "it is gone" ended "$pid"
fi

finish
