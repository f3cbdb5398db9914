#!/bin/sh
# The agent's flags, what it prints, how it ends, and who may look into it.
. "${0%/*}/../support/lib.sh"
need ssh-add ssh-keygen

root() {
	[ "$(id -u)" -eq 0 ]
}

keygen ed25519 "$T/key"
add_key() {
	ssh-add -q "$@" "$T/key" 2>/dev/null </dev/null
}

# listing: the exit status of a list: 0 with keys, 1 without, 2 when there is no agent.
listing() {
	ssh-add -l >/dev/null 2>&1
	echo $?
}

no_keys() {
	[ "$(listing)" = 1 ]
}

# daemon [ARGUMENT...]: start an agent that goes to the background; what it printed is then $out.
daemon() {
	out=$("$AGENT" "$@")
	SSH_AUTH_SOCK='' SSH_AGENT_PID=''
	eval "$out" >/dev/null
	reap "$SSH_AGENT_PID"
}

# forget: no agent is known any more.
forget() {
	unset SSH_AUTH_SOCK SSH_AGENT_PID
}

# What it prints.

daemon -s
is "-s prints Bourne shell commands" "$out" "SSH_AUTH_SOCK=$SSH_AUTH_SOCK; export SSH_AUTH_SOCK;
SSH_AGENT_PID=$SSH_AGENT_PID; export SSH_AGENT_PID;
echo Agent pid $SSH_AGENT_PID;"
is "the agent behind them answers" "$(listing)" 1
if root; then
	is "it left the folder where it was started" "$(readlink "/proc/$SSH_AGENT_PID/cwd")" /
fi
is "only its owner may use the socket" "$(stat -c '%a %F' "$SSH_AUTH_SOCK")" "600 socket"
is "only its owner may enter the socket's folder" "$(stat -c %a "${SSH_AUTH_SOCK%/*}")" 700
case $SSH_AUTH_SOCK in
"$HOME/.ssh/agent/s."*) fine=yes ;;
*) fine=no ;;
esac
is "the socket is in ~/.ssh/agent" $fine yes
has "its name has host, program and chance in it" "${SSH_AUTH_SOCK##*/}" '^s\.[^.]{10}\.agent\.[^.]{10}$'
is "the folder .ssh is for its owner only" "$(stat -c %a "$HOME/.ssh")" 700
first=$SSH_AUTH_SOCK
pid=$SSH_AGENT_PID
out=$("$AGENT" -k)
is "-k says what it did" "$out" "unset SSH_AUTH_SOCK;
unset SSH_AGENT_PID;
echo Agent pid $pid killed;"
ok "-k ended the agent" gone "$pid"
not_ok "-k removed the socket" test -e "$first"
forget

out=$("$AGENT" -c)
sock=$(echo "$out" | sed -n 's/^setenv SSH_AUTH_SOCK \(.*\);$/\1/p')
pid=$(echo "$out" | sed -n 's/^setenv SSH_AGENT_PID \(.*\);$/\1/p')
reap "$pid"
is "-c prints C shell commands" "$out" "setenv SSH_AUTH_SOCK $sock;
setenv SSH_AGENT_PID $pid;
echo Agent pid $pid;"
is "each agent has a socket of its own" "$([ "$sock" = "$first" ] || echo differs)" differs
out=$(SSH_AGENT_PID=$pid SSH_AUTH_SOCK=$sock "$AGENT" -c -k)
is "-c -k too" "$out" "unsetenv SSH_AUTH_SOCK;
unsetenv SSH_AGENT_PID;
echo Agent pid $pid killed;"

out=$(SHELL=/bin/tcsh "$AGENT")
pid=$(echo "$out" | sed -n 's/^setenv SSH_AGENT_PID \(.*\);$/\1/p')
reap "$pid"
has "a C shell is known by its name" "$out" '^setenv SSH_AUTH_SOCK'
out=$(SHELL=/bin/tcsh "$AGENT" -s)
pid=$(echo "$out" | sed -n 's/^SSH_AGENT_PID=\([0-9]*\);.*/\1/p')
reap "$pid"
has "-s overrides it" "$out" '^SSH_AUTH_SOCK=.*; export SSH_AUTH_SOCK;$'

exits "-k without an agent is an error" 1 "$AGENT" -k
exits "-k with no number in SSH_AGENT_PID is an error" 1 env SSH_AGENT_PID=12x "$AGENT" -k
exits "an unknown flag is an error" 1 "$AGENT" -Z
has "and shows the usage" "$(cat "$T/err")" '^usage: '
exits "an unknown fingerprint hash is an error" 255 "$AGENT" -E nohash
exits "a lifetime that is none is an error" 1 "$AGENT" -t never
exits "an unknown -O is an error" 255 "$AGENT" -O no-such-option
exits "-c and -s together are an error" 1 "$AGENT" -c -s
exits "-V prints the version" 0 "$AGENT" -V
has "-V names itself" "$(cat "$T/out" "$T/err")" '[0-9]+\.[0-9]+'
for flags in "-E md5" "-E sha256" "-O no-restrict-websafe" "-O allow-remote-pkcs11" "-O websafe-allow=ssh:*" \
	"-P /usr/lib/*" "-t 1h30m" "-U" "-T"; do
	set -f
	# shellcheck disable=SC2086 # the flag and its value
	exits "$flags is taken" 0 "$AGENT" $flags true
	set +f
done

# A command under the agent.

"$AGENT" sh -c 'echo "$SSH_AUTH_SOCK $SSH_AGENT_PID" >"$0"; exit 7' "$T/command"
is "a command's exit status is passed on" $? 7
read -r sock pid <"$T/command"
reap "$pid"
ok "the agent ends with its command" gone "$pid" 1
not_ok "and takes its socket along" test -e "$sock"
"$AGENT" -a "$T/c.sock" sh -c 'echo "$SSH_AUTH_SOCK"; ssh-add -l' >"$T/command" 2>&1
is "a command sees the socket of -a, and an agent behind it" "$(cat "$T/command")" "$T/c.sock
The agent has no identities."
"$AGENT" sh -c 'kill -TERM $$'
is "a command ended by a signal is one for the caller too" $? 143
"$AGENT" sh -c 'echo $SSH_AGENT_PID >"$0"; sleep 60 & echo $! >>"$0"; kill -9 $$' "$T/command"
is "killed, it is so too" $? 137
pid=$(sed -n 1p "$T/command")
reap "$pid" "$(sed -n 2p "$T/command")"
ok "and the agent ends all the same" gone "$pid" 1
exits "a command that is not there is an error" 1 "$AGENT" "$T/no-such-command"
out=$(echo from-outside | "$AGENT" cat)
is "a command has its own input and output" "$out" from-outside

# Staying in the foreground.

agent_start
is "-D is the agent itself" "$([ -S "$SSH_AUTH_SOCK" ] && echo "$(listing)")" 1
has "-D prints the socket" "$(cat "$T/agent.log")" "^SSH_AUTH_SOCK=$SSH_AUTH_SOCK; export SSH_AUTH_SOCK;\$"
for signal in TERM INT; do
	[ $signal = TERM ] || agent_start
	kill -$signal "$SSH_AGENT_PID"
	wait "$SSH_AGENT_PID"
	is "SIG$signal ends it with status 2" $? 2
	not_ok "and removes the socket" test -e "$SSH_AUTH_SOCK"
done
"$AGENT" -d -a "$T/d.sock" >"$T/d.out" 2>"$T/d.err" &
pid=$!
reap $pid
ok "-d listens" poll 5 test -S "$T/d.sock"
SSH_AUTH_SOCK=$T/d.sock ssh-add -l >/dev/null 2>&1
ok "-d says what happens" poll 5 test -s "$T/d.err"
kill $pid
wait $pid
is "-d ends as -D does" $? 2

# The socket's path.

agent_start
exits "an hour of --insert-wait at most" 1 "$AGENT" --insert-wait 61m
exits "a day of --remember-pin at most" 1 "$AGENT" --remember-pin 25h
exits "no time is none" 1 "$AGENT" --remember-pin soon
exits "a socket in use is an error" 1 "$AGENT" -a "$SSH_AUTH_SOCK"
is "and its agent goes on" "$(listing)" 1
kill -9 "$SSH_AGENT_PID"
wait "$SSH_AGENT_PID" 2>/dev/null
ok "a killed agent leaves its socket" test -S "$SSH_AUTH_SOCK"
ok "and its other process ends too" poll 5 sh -c 'ssh-add -l; [ $? -eq 2 ]'
"$AGENT" -D -a "$SSH_AUTH_SOCK" >"$T/agent.log" 2>&1 &
pid=$!
reap $pid
ok "a socket that nobody answers on is replaced" poll 5 sh -c 'ssh-add -l; [ $? -eq 1 ]'
kill $pid
wait $pid
echo content >"$T/file"
exits "a path that is a file is an error" 1 "$AGENT" -a "$T/file"
is "and the file is left alone" "$(cat "$T/file")" content
exits "a path that is too long is an error" 1 "$AGENT" -a "$T/$(printf '%0120d' 0)"
exits "so is one in a folder that is not there" 1 "$AGENT" -a "$T/nowhere/agent.sock"
forget

TMPDIR=$T
export TMPDIR
daemon -T -s
unset TMPDIR
has "-T puts the socket below TMPDIR" "$SSH_AUTH_SOCK" "^$T/ssh-[A-Za-z0-9]{10,12}/agent\.[0-9]+\$"
is "in a folder of its own" "$(stat -c %a "${SSH_AUTH_SOCK%/*}")" 700
dir=${SSH_AUTH_SOCK%/*}
"$AGENT" -k >/dev/null
gone "$SSH_AGENT_PID"
not_ok "which goes with the agent" test -e "$dir"
forget

# Stale sockets in ~/.ssh/agent.

sockets=$HOME/.ssh/agent
# stale NAME AGE: a socket of that name that nobody answers on; its path is then $stale.
stale() {
	stale=$sockets/$1
	"$AGENT" -D -a "$stale" >/dev/null 2>&1 &
	stale_pid=$!
	poll 5 test -S "$stale"
	stale_children=$(children $stale_pid)
	kill -9 $stale_pid
	wait $stale_pid 2>/dev/null
	for p in $stale_children; do
		gone "$p"
	done
	rm -f "$stale.ctl"
	touch -d "$2" "$stale"
}
daemon -s
host=$(echo "${SSH_AUTH_SOCK##*/}" | cut -d. -f2)
touch -d '2 hours ago' "$SSH_AUTH_SOCK"
stale "s.$host.agent.oldoldoldo" '2 hours ago'
old=$stale
stale "s.$host.agent.youngyoung" '10 minutes ago'
young=$stale
stale "s.otherhostx.agent.oldoldoldo" '2 hours ago'
other=$stale
before=$(find "$sockets" -name 's.*' | wc -l)
exits "-u cleans up and ends" 0 "$AGENT" -u
not_ok "-u removes an old socket that nobody answers on" test -e "$old"
ok "-u leaves a young one" test -e "$young"
ok "-u leaves that of another host" test -e "$other"
ok "-u leaves one that an agent answers on" test -S "$SSH_AUTH_SOCK"
is "and starts no agent" "$(find "$sockets" -name 's.*' | wc -l)" $((before - 1))
exits "-uu cleans up" 0 "$AGENT" -uu
not_ok "-uu removes that of another host" test -e "$other"
ok "-uu leaves a young one" test -e "$young"
touch -d '2 hours ago' "$young"
"$AGENT" -U true
ok "-U leaves old ones" test -e "$young"
"$AGENT" true
not_ok "without -U an agent cleans up when it starts" test -e "$young"
"$AGENT" -k >/dev/null
gone "$SSH_AGENT_PID"
forget

# Lifetimes and signals.

agent_start -t 1
add_key
is "a key is there with a default lifetime" "$(listing)" 0
ok "which ends it" poll 10 no_keys
add_key -t 1h
sleep 1.5
is "a lifetime of its own overrides it" "$(listing)" 0
agent_stop

# A certificate's end, which comes as a lifetime, is no wish for a longer one.
keygen ed25519 "$T/authority"
keygen ed25519 "$T/certified"
certify() {
	ssh-keygen -q -s "$T/authority" -I test -n anybody -V "$1" "$T/certified.pub"
}
# minutes [ARGUMENT...]: the time left to the certificate, added so, in minutes rounded up.
minutes() {
	ssh-add -q -D
	"$ADD" -q -C "$@" "$T/certified"
	left=$("$ADD" -l -v | sed -n 's/^ *lifetime-left-seconds: //p')
	echo $(((${left:-0} + 59) / 60))
}
agent_start -t 1h
certify -10m:+2h
is "the default ends a certificate that is valid for longer" "$(minutes)" 60
is "unless -t asks for more" "$(minutes -t 90m)" 90
is "or for less" "$(minutes -t 30m)" 30
is "-N leaves it to the default" "$(minutes -N)" 60
certify -10m:+20m
is "one that ends before goes five minutes later" "$(minutes)" 25
agent_stop
agent_start
certify -10m:+2h
is "so it does without a default" "$(minutes)" 125
is "but not with -N" "$(minutes -N)" 0
agent_stop

agent_start
add_key
is "a key is there" "$(listing)" 0
kill -USR1 "$SSH_AGENT_PID"
ok "SIGUSR1 drops all keys" poll 5 no_keys
not_ok "and the agent lives on" ended "$SSH_AGENT_PID"
add_key
is "and takes keys" "$(listing)" 0
kill -PIPE "$SSH_AGENT_PID"
is "SIGPIPE does nothing" "$(listing)" 0

# switches PID...: how often their threads went to sleep, which is how often they were awake.
switches() {
	for p; do
		cat "/proc/$p/task/"*/status
	done 2>/dev/null | awk '/^(non)?voluntary_ctxt_switches/ { n += $2 } END { print n }'
}
core=$(children "$SSH_AGENT_PID")
sleep 0.5
before=$(switches "$SSH_AGENT_PID" $core)
sleep 3
is "idle, no thread wakes up" "$(switches "$SSH_AGENT_PID" $core)" "$before"
agent_stop

# Two processes that end together.

if [ -n "$core" ]; then
	agent_start
	core=$(children "$SSH_AGENT_PID")
	kill -9 "$SSH_AGENT_PID"
	wait "$SSH_AGENT_PID" 2>/dev/null
	for p in $core; do
		ok "the process with the keys ends when the other is killed" gone "$p"
	done
	agent_start
	for p in $(children "$SSH_AGENT_PID"); do
		kill -9 "$p"
	done
	ok "the agent ends when the process with the keys is killed" gone "$SSH_AGENT_PID"
	wait "$SSH_AGENT_PID"
	status=$?
	is "with an error" "$([ $status -ne 0 ] && [ $status -lt 126 ] && echo error)" error
	not_ok "and no socket left" test -e "$SSH_AUTH_SOCK"
	has "and says so" "$(grep -v '^SSH_\|^echo' "$T/agent.log")" '[a-z]{3}'
fi
forget

# Socket activation.

# activated NAMES-FLAG SOCKET...: the agent started by the first client of the sockets; its pid is $!.
activated() {
	activated_names=$1
	shift
	for s; do
		set -- "$@" -l "$s"
		shift
	done
	# shellcheck disable=SC2086 # a flag or nothing
	systemd-socket-activate $activated_names "$@" "$AGENT" -D >"$T/activated.log" 2>&1 &
}
if command -v systemd-socket-activate >/dev/null; then
	activated "" "$T/a.sock"
	pid=$!
	reap $pid
	poll 5 test -S "$T/a.sock"
	SSH_AUTH_SOCK=$T/a.sock
	export SSH_AUTH_SOCK
	is "activated with one socket, it answers there" "$(listing)" 1
	add_key
	is "and holds keys" "$(listing)" 0
	kill $pid
	wait $pid
	is "SIGTERM ends an activated agent with status 0" $? 0
	ok "the socket is the service manager's, and stays" test -S "$T/a.sock"
	activated --fdname=control:agent "$T/b.sock.ctl" "$T/b.sock"
	pid=$!
	reap $pid
	poll 5 test -S "$T/b.sock"
	SSH_AUTH_SOCK=$T/b.sock
	is "several sockets are told apart by their names" "$(listing)" 1
	ok "the control socket answers" "$ADD" --status
	kill $pid
	wait $pid
	is "and it ends with status 0" $? 0
	activated --fdname=one:two "$T/e.sock" "$T/f.sock"
	pid=$!
	reap $pid
	poll 5 test -S "$T/f.sock"
	SSH_AUTH_SOCK=$T/f.sock ssh-add -l >/dev/null 2>&1 &
	client=$!
	wait $pid
	is "sockets of other names are an error" $? 1
	wait $client
	forget
else
	skip "socket activation" "systemd-socket-activate is not installed"
fi
exits "descriptors meant for another process are not taken" 0 env LISTEN_PID=1 LISTEN_FDS=1 "$AGENT" true

# Who may use it, and look into it.

public_programs
if root; then
	mkdir "$T/user"
	chown 65534:65534 "$T/user"
	agent_start
	add_key
	chmod 666 "$SSH_AUTH_SOCK"
	unprivileged ssh-add -l >"$T/out" 2>/dev/null
	status=$?
	is "S10: another user at a socket open to all gets nothing" "$(cat "$T/out")" ""
	ok "S10: and is told so" test $status -ne 0
	is "S10: the owner is served" "$(listing)" 0
	agent_stop
	cp "$T/key" "$T/user/key"
	chown 65534 "$T/user/key"
	(
		HOME=$T/user
		exec_unprivileged "$AGENT" -D -a "$T/user/agent.sock"
	) >"$T/agent.log" 2>&1 &
	SSH_AGENT_PID=$!
	SSH_AUTH_SOCK=$T/user/agent.sock
	export SSH_AUTH_SOCK
	reap "$SSH_AGENT_PID"
	poll 5 test -S "$SSH_AUTH_SOCK"
	is "S10: root is served by another user's agent" "$(listing)" 1
	ok "the user is, too" env HOME="$T/user" setpriv --reuid=65534 --regid=65534 --clear-groups \
		ssh-add -q "$T/user/key"
else
	skip "S10: another user at a socket open to all gets nothing" "only root can be two users"
	agent_start
	add_key
fi

# The same user can look into a process of theirs, but not into the agent's.
(exec_unprivileged sleep 100) &
plain=$!
reap $plain
poll 5 grep -q sleep "/proc/$plain/comm"
for file in mem maps environ; do
	ok "a plain process can be looked into: $file" unprivileged sh -c ': <"$0"' "/proc/$plain/$file"
done
for p in $SSH_AGENT_PID $(children "$SSH_AGENT_PID"); do
	name=$([ "$p" = "$SSH_AGENT_PID" ] && echo "the agent" || echo "the process with the keys")
	for file in mem maps environ; do
		# Opening is what the kernel checks, and reading the first byte of mem fails for every process.
		not_ok "$name: $file is out of reach of the same user" unprivileged sh -c ': <"$0"' "/proc/$p/$file"
	done
	not_ok "$name: so are its descriptors" unprivileged ls "/proc/$p/fd"
	has "$name: leaves no core" "$(cat "/proc/$p/limits")" '^Max core file size +0 +0 '
	if command -v gdb >/dev/null; then
		unprivileged gdb -nx -batch -p "$p" >"$T/gdb.out" 2>&1 </dev/null
		has "$name: gdb of the same user cannot attach" "$(cat "$T/gdb.out")" 'ptrace: Operation not permitted'
	else
		skip "$name: gdb of the same user cannot attach" "gdb is not installed"
	fi
done
finish
