# Helpers for tests in POSIX sh that print TAP.  A test starts with
#
#	. "${0%/*}/../support/lib.sh"
#
# and ends with `finish`.  $T is a private folder in a short path, removed at the end together with
# every process that was named to `reap`.  AGENT and ADD are the programs under test;
# TEST_AGENT and TEST_ADD put others in their place (OpenSSH's own, to prove the tests).
set -u
umask 022
LC_ALL=C
export LC_ALL
unset SSH_AUTH_SOCK SSH_AGENT_PID SSH_ASKPASS SSH_ASKPASS_REQUIRE SSH_ASKPASS_PROMPT DISPLAY WAYLAND_DISPLAY

BUILD=${BUILD:-$PWD/build}
AGENT=${TEST_AGENT:-$BUILD/bin/signet-agent}
ADD=${TEST_ADD:-$BUILD/bin/signet-add}
T=$(mktemp -d /tmp/sgt.XXXXXX) || exit 1
chmod 755 "$T"
# Never the real home of who runs the tests.
HOME=$T/home
XDG_RUNTIME_DIR=$T/run
export HOME XDG_RUNTIME_DIR
mkdir -m 700 "$HOME" "$XDG_RUNTIME_DIR"
tap_count=0
tap_failed=0
tap_reap=

# tap_end: what every end of a test does, wanted or not.
tap_end() {
	trap - EXIT
	for tap_pid in $tap_reap; do
		kill "$tap_pid" 2>/dev/null
	done
	for tap_pid in $tap_reap; do
		gone "$tap_pid" 3 || kill -9 "$tap_pid" 2>/dev/null
	done
	rm -rf "$T"
}
trap tap_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# diag TEXT...: comment lines in the TAP stream.
diag() {
	printf '%s\n' "$@" | sed 's/^/# /'
}

# pass|fail DESCRIPTION: one test point.
pass() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

fail() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
}

# skip DESCRIPTION REASON: a test point that could not be tried here.
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# skip_all REASON: the whole test cannot run here.
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# no_sanitizers: skip everything in a build with sanitizers, which lays out and keeps memory its own way.
no_sanitizers() {
	if grep -q __asan_init "$AGENT"; then
		skip_all 'not on Debian 12: a build with sanitizers keeps what was freed'
	fi
}

# need PROGRAM...: skip everything unless each program is there.
need() {
	for tap_program; do
		command -v "$tap_program" >/dev/null 2>&1 || skip_all "$tap_program is not installed"
	done
}

# exits DESCRIPTION STATUS COMMAND...: passes when the command ends with STATUS.  Its output is left
# in $T/out and $T/err, and shown when the status is another.
exits() {
	tap_what=$1 tap_want=$2
	shift 2
	"$@" >"$T/out" 2>"$T/err" </dev/null
	tap_got=$?
	if [ "$tap_got" -eq "$tap_want" ]; then
		pass "$tap_what"
	else
		fail "$tap_what"
		diag "exit status $tap_got, expected $tap_want: $*" "$(head -n 20 "$T/out" "$T/err")"
	fi
}

# ok DESCRIPTION COMMAND...: passes when the command succeeds.
ok() {
	tap_what=$1
	shift
	exits "$tap_what" 0 "$@"
}

# not_ok DESCRIPTION COMMAND...: passes when the command fails (and could be started at all).
not_ok() {
	tap_what=$1
	shift
	"$@" >"$T/out" 2>"$T/err" </dev/null
	tap_got=$?
	if [ "$tap_got" -ne 0 ] && [ "$tap_got" -ne 126 ] && [ "$tap_got" -ne 127 ]; then
		pass "$tap_what"
	else
		fail "$tap_what"
		diag "exit status $tap_got, expected a failure: $*" "$(head -n 20 "$T/out" "$T/err")"
	fi
}

# is DESCRIPTION GOT WANTED: passes when both texts are the same.
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1"
		diag "got:    $2" "wanted: $3"
	fi
}

# has DESCRIPTION TEXT PATTERN: passes when a line of the text matches the extended regular expression.
has() {
	if printf '%s\n' "$2" | grep -Eq -e "$3"; then
		pass "$1"
	else
		fail "$1"
		diag "no line matches: $3" "$2"
	fi
}

# poll SECONDS COMMAND...: repeat the command until it succeeds; fails after SECONDS.
poll() {
	tap_tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		tap_tries=$((tap_tries - 1))
		[ "$tap_tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

# ended PID: the process is gone, or a zombie that only waits for its parent.
ended() {
	case $(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) in
	'' | Z | X) return 0 ;;
	esac
	return 1
}

# gone PID [SECONDS]: wait for the end of the process.
gone() {
	poll "${2:-5}" ended "$1"
}

# reap PID...: end these processes with the test.  What is no number of a process is left out: kill would take
# an empty one, or 0, for the test itself.
reap() {
	for tap_pid; do
		case $tap_pid in
		'' | 0 | 1 | *[!0-9]*) ;;
		*) tap_reap="$tap_reap $tap_pid" ;;
		esac
	done
}

# cored PID: it has started its core, or is gone.
cored() {
	[ -n "$(children "$1")" ] || ended "$1"
}

# agent_start [ARGUMENT...]: start $AGENT in the foreground on a new socket; sets SSH_AUTH_SOCK and
# SSH_AGENT_PID.  Its output goes to $T/agent.log.
agent_start() {
	tap_agents=$((${tap_agents:-0} + 1))
	SSH_AUTH_SOCK=$T/agent$tap_agents.sock
	export SSH_AUTH_SOCK
	: >"$T/agent.log" # the last agent's word is not this one's
	"$AGENT" -D -a "$SSH_AUTH_SOCK" "$@" >"$T/agent.log" 2>&1 </dev/null &
	SSH_AGENT_PID=$!
	export SSH_AGENT_PID
	reap "$SSH_AGENT_PID"
	# It says so when its sockets listen: their names are there before.
	poll 10 grep -q '^echo Agent pid' "$T/agent.log" || {
		diag "the agent did not start: $AGENT" "$(cat "$T/agent.log")"
		return 1
	}
	# Not yet its core, which tests tell from what else it starts.
	[ -n "${TEST_AGENT:-}" ] || poll 10 cored "$SSH_AGENT_PID" || :
}

# agent_stop: end the agent of agent_start and wait for it; the exit status is the agent's.
agent_stop() {
	kill "$SSH_AGENT_PID" 2>/dev/null
	wait "$SSH_AGENT_PID"
}

# children PID: the processes that it started and that still run.
children() {
	cat "/proc/$1/task/"*/children 2>/dev/null
}

# keygen TYPE FILE [ARGUMENT...]: a key without a passphrase, unless -N is among the arguments.
keygen() {
	tap_type=$1 tap_file=$2
	shift 2
	case " $* " in
	*' -N '*) ssh-keygen -q -t "$tap_type" -f "$tap_file" "$@" </dev/null ;;
	*) ssh-keygen -q -t "$tap_type" -f "$tap_file" -N '' "$@" </dev/null ;;
	esac
}

# askpass NAME LINE...: a program that answers questions, with the lines as its body; prints its path.
askpass() {
	tap_file=$T/$1
	shift
	{
		echo '#!/bin/sh'
		printf '%s\n' "$@"
	} >"$tap_file"
	chmod 755 "$tap_file"
	echo "$tap_file"
}

# unprivileged COMMAND...: run it as a user that is not root.
unprivileged() {
	(exec_unprivileged "$@")
}

# exec_unprivileged COMMAND...: become it; behind (...) &, $! is then the command's own process.
exec_unprivileged() {
	if [ "$(id -u)" -eq 0 ]; then
		exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		exec "$@"
	fi
}

# public_programs: make AGENT and ADD reachable for every user, copying them to $T when the tree is not.
public_programs() {
	if unprivileged test -x "$AGENT" -a -x "$ADD"; then
		return
	fi
	cp -R "$BUILD/bin" "$BUILD/libexec" "$T/"
	AGENT=$T/bin/${AGENT##*/} ADD=$T/bin/${ADD##*/}
}

# finish: print the plan; the exit status says whether all passed.
finish() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
}

# lines_with FILE WORD...: in how many lines of a log the words (PINs) stand; numbers of processes and fingerprints, which may
# happen to have one in them, do not count.
lines_with() {
	lines_file=$1
	shift
	for lines_word; do
		set -- "$@" -e "$lines_word"
		shift
	done
	sed -E 's/(pid|process) [0-9]+|SHA256:[^ ]+//g' "$lines_file" | grep -c "$@"
}
