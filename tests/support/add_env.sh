# Sourced by the system tests of signet-add: a private folder, OpenSSH agents to talk to, and TAP.
# shellcheck shell=sh disable=SC2034 # what is set here is used by the tests
ADD=${BUILD:-$PWD/build}/bin/signet-add
T=$(mktemp -d /tmp/sadd.XXXXXX) || exit 1
count=0
agents=

cleanup() {
	for pid in $agents; do
		kill "$pid" 2>/dev/null
	done
	cd / && rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# Nothing of the caller's session gets in.
unset DISPLAY WAYLAND_DISPLAY SSH_ASKPASS SSH_ASKPASS_REQUIRE SSH_AUTH_SOCK SSH_AGENT_PID SSH_SK_PROVIDER
LC_ALL=C
export LC_ALL

# start_agent NAME: OpenSSH's ssh-agent at $T/NAME.sock
start_agent() {
	eval "$(ssh-agent -s -a "$T/$1.sock")" >/dev/null
	agents="$agents $SSH_AGENT_PID"
	unset SSH_AUTH_SOCK SSH_AGENT_PID
}

# make_key NAME [ssh-keygen options]: an unencrypted key unless -N is given
make_key() {
	key=$1
	shift
	ssh-keygen -q -f "$key" -N '' "$@" </dev/null || exit 1
}

# report STATUS NAME: a TAP line; the diagnosis, if any, is in $T/why
report() {
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		sed 's/^/# /' "$T/why" 2>/dev/null
	fi
	: >"$T/why"
}

# run [VAR=VALUE...] COMMAND...: output in $T/out and $T/err, exit status in $status; nobody is there to be asked
run() {
	status=0
	setsid -w env "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
}

# want NAME STATUS STDOUT STDERR: of the last run, the texts whole
want() {
	printf '%s' "$3" >"$T/want.out"
	printf '%s' "$4" >"$T/want.err"
	{
		[ "$status" = "$2" ] || echo "exit status $status, not $2"
		diff "$T/want.out" "$T/out"
		diff "$T/want.err" "$T/err"
	} >"$T/why" 2>&1
	! [ -s "$T/why" ]
	report $? "$1"
}

# want_line NAME STATUS PATTERN: standard error of the last run has a line that PATTERN (grep -E) matches
want_line() {
	{
		[ "$status" = "$2" ] || echo "exit status $status, not $2"
		grep -Eq -- "$3" "$T/err" || { echo "no line like: $3"; cat "$T/err"; }
	} >"$T/why" 2>&1
	! [ -s "$T/why" ]
	report $? "$1"
}

# check NAME COMMAND...: the command succeeds
check() {
	name=$1
	shift
	"$@" >"$T/why" 2>&1
	report $? "$name"
}

done_testing() {
	echo "1..$count"
}

cd "$T" || exit 1
