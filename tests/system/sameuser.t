#!/bin/sh
# A program of the same user, beside the agent: it reads no memory, takes no descriptor and attaches to none of its
# processes, whatever it tries (agent-options.t has files of /proc and gdb); no process leaves a core; and what holds keys
# is never swapped or dumped.  That no key is anywhere else is looked at in secrets.t and memscan.t.
. "${0%/*}/../support/lib.sh"
need ssh-keygen ssh-add /usr/bin/python3 setpriv prlimit
no_sanitizers
[ "$(id -u)" -eq 0 ] || skip_all 'only root can look whether it is so'
[ "$(uname -m)" = x86_64 ] || skip_all 'not on Debian 12: the numbers of system calls are those of x86-64'
public_programs
cp "${0%/*}/../support/sameuser.py" "$T/"
mkdir -m 700 "$T/user" "$T/user/keys" "$T/user/dumps"
keygen ed25519 "$T/user/plain"
keygen ed25519 "$T/user/keys/offered" -N secret
printf 'OfferKeys yes\nKeyDirectory %s\n' "$T/user/keys" >"$T/user/config"
chown -R 65534:65534 "$T/user"
HOME=$T/user XDG_RUNTIME_DIR=$T/user
unset DBUS_SESSION_BUS_ADDRESS
SSH_AUTH_SOCK=$T/user/sock
export SSH_AUTH_SOCK

# Whoever starts it would like to have cores, where the machine lets them have any.
start() {
	(
		cd "$T/user/dumps" && exec prlimit --core=unlimited setpriv --reuid=65534 --regid=65534 --clear-groups "$AGENT" -D -a "$SSH_AUTH_SOCK" --config "$T/user/config" "$@"
	) >"$T/agent.log" 2>&1 </dev/null &
	SSH_AGENT_PID=$!
	reap "$SSH_AGENT_PID"
	poll 10 unprivileged ssh-add -q "$T/user/plain"
	poll 10 helpers_run
	core=$(children "$SSH_AGENT_PID" | tr ' ' '\n' | sort -n | sed -n '/./{p;q}')
}
helpers_run() {
	[ "$(grep -lxE 'signet-(files|session)' $(children "$SSH_AGENT_PID" | sed 's|[0-9]*|/proc/&/comm|g; s|/proc//comm||g') | wc -l)" -eq 2 ]
}
# refused PID: the tries that were not.
refused() {
	unprivileged /usr/bin/python3 "$T/sameuser.py" "$1" >"$T/tries" 2>&1
	grep -vE ' (EPERM|EACCES)$' "$T/tries"
}

(exec_unprivileged sleep 600) &
plain=$!
reap "$plain"
poll 5 grep -q sleep "/proc/$plain/comm"
is 'of an ordinary process all is to be had' "$(unprivileged /usr/bin/python3 "$T/sameuser.py" "$plain" 2>&1 |
	grep -vE '^(numa_maps|map_files|pagemap|smaps_rollup|let-dump) ' | grep -v ' done$')" ''

start
is 'the agent, its core and two helpers run' "$(children "$SSH_AGENT_PID" | wc -w)" 3
for pid in "$SSH_AGENT_PID" $(children "$SSH_AGENT_PID"); do
	is "of $(cat "/proc/$pid/comm") nothing is" "$(refused "$pid")" ''
	ok 'everything was tried' [ "$(wc -l <"$T/tries")" -eq 22 ]
done

# lies KIND: what is wrong with the memory of the core that has a part of this kind; by smaps.
lies() {
	awk -v kind="$1" '
	function judge() {
		if (!secret)
			return
		parts++
		if (flags !~ / lo / || flags !~ / dd /) print "may be swapped or dumped: " head
		if (swap > 0) print "is swapped: " head
	}
	/^[0-9a-f]+-[0-9a-f]+ / { judge(); head = $0; swap = 0; secret = kind == "memfd" && /secretmem/ }
	/^Swap:/ { swap = $2 }
	/^VmFlags:/ {
		flags = $0 " "
		# Memory that asks for no dumps is what is secret where it has no name.
		if (kind == "locked" && flags ~ / dd / && head !~ /vvar|vdso|secretmem/ && head ~ / rw-/) secret = 1
	}
	END { judge(); if (!parts) print "there is no such memory" }' "/proc/$core/smaps"
}
kind() {
	unprivileged "$ADD" --status | sed -n 's/^secret-memory: *\([a-z]*\).*/\1/p'
}
is "what holds keys ($(kind)) is never swapped or dumped" "$(lies "$(kind)")" ''

# Where the machine makes cores at all.
(cd "$T/user/dumps" && exec prlimit --core=unlimited setpriv --reuid=65534 --regid=65534 --clear-groups sleep 600) &
poll 5 grep -q sleep "/proc/$!/comm"
kill -SEGV $! && wait $! 2>/dev/null
[ -n "$(find "$T/user/dumps" -type f)" ] || diag 'here an ordinary process leaves no core in its folder either'
rm -f "$T/user/dumps/"*

# ends SIGNAL PID: it is ended by it, and no core is left.
ends() {
	kill "-$1" "$2"
	ok "SIG$1 ends it" gone "$2" 10
	is 'without a core' "$(find "$T/user/dumps" /var/lib/systemd/coredump -type f \( -path '*/dumps/*' -o -name "*.$2.*" \) 2>/dev/null)" ''
}
ends SEGV "$core"
gone "$SSH_AGENT_PID" 10
start --secret-memory locked
is 'in locked memory as well' "$(kind) $(lies locked)" 'locked '
ends ABRT "$core"
gone "$SSH_AGENT_PID" 10
start
ends BUS "$(children "$SSH_AGENT_PID" | tr ' ' '\n' | sort -n | sed -n '/./p' | sed -n 2p)" # a helper, whose agent lives
finish
