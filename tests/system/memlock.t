#!/bin/sh
# Where the limit on locked memory is small or nothing: no key is refused, keys that find no
# secret memory rest encrypted, and status says so.
. "${0%/*}/../support/lib.sh"
need openssl setpriv
no_sanitizers
public_programs
chmod 777 "$T"

COUNT=100

# as_user LIMIT COMMAND...: as somebody whom the limit (in KiB) binds; root is not bound.
as_user() {
	as_limit=$1
	shift
	unprivileged sh -c "ulimit -l $as_limit && exec \"\$@\"" sh "$@"
}

start_limited() {
	SSH_AUTH_SOCK=$T/$1.sock
	export SSH_AUTH_SOCK
	as_user "$1" "$AGENT" -D -a "$SSH_AUTH_SOCK" >"$T/agent.log" 2>&1 </dev/null &
	reap "$!"
	poll 10 test -S "$SSH_AUTH_SOCK" || diag 'the agent did not start' "$(cat "$T/agent.log")"
	# What was started above is the shell that waits for it.
	poll 10 grep -q 'Agent pid' "$T/agent.log"
	SSH_AGENT_PID=$(sed -n 's/.*Agent pid \([0-9]*\).*/\1/p' "$T/agent.log")
	reap "$SSH_AGENT_PID"
}

sign_each() {
	sign_count=0
	while read -r line; do
		echo "$line" >"$T/one.pub"
		unprivileged "$ADD" -T "$T/one.pub" || return 1
		sign_count=$((sign_count + 1))
	done <"$T/public"
	[ "$sign_count" -eq "$COUNT" ]
}

# check_limit KIB: adds all keys and signs with each; leaves status in $T/status.
check_limit() {
	start_limited "$1"
	ok "$1 KiB: adds $COUNT keys" unprivileged "$ADD" -q "$T"/key*
	unprivileged "$ADD" -L >"$T/public"
	ok "$1 KiB: signs with each" sign_each
	unprivileged "$ADD" --status >"$T/status"
	encrypted=$(sed -n 's/^keys-encrypted-at-rest: //p' "$T/status")
	kill "$SSH_AGENT_PID"
	ok "$1 KiB: the agent ends" gone "$SSH_AGENT_PID"
}

number=0
while [ "$number" -lt "$COUNT" ]; do
	number=$((number + 1))
	unprivileged sh -c "umask 077 && openssl genpkey -algorithm EC \
		-pkeyopt ec_paramgen_curve:P-256 -out '$T/key$number' 2>/dev/null"
done

check_limit 1024
has '1024 KiB: status counts the keys' "$(cat "$T/status")" "^keys: $COUNT\$"
ok '1024 KiB: some keys rest encrypted' test "$encrypted" -gt 0
has '1024 KiB: status warns of it' "$(cat "$T/status")" '^warning: .*locked memory'
check_limit 0
is '0 KiB: every key rests encrypted' "$encrypted" "$COUNT"
has '0 KiB: status warns of it' "$(cat "$T/status")" '^warning: .*locked memory'
finish
