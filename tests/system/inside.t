#!/bin/sh
# What the core must not be able to do, tried inside the core as it runs, on each kind of its threads: every call fails,
# and nothing else breaks.  Each of its two walls is tried alone as well, and without both every call works.
. "${0%/*}/../support/lib.sh"
need ssh-keygen ssh-add python3
no_sanitizers
WITHOUT=$BUILD/tests/tools/without
INSIDE=$BUILD/tests/preload/inside.so
keygen ed25519 "$T/key"
keygen rsa "$T/rsa" -b 2048
keygen ed25519 "$T/asked"
SSH_ASKPASS=$(askpass yes 'exit 0') SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
sleep 600 &
target=$!
reap "$target"
program=$AGENT
AGENT=$T/tried

# How many kinds of rights this kernel's Landlock knows (landlock_create_ruleset asked for its version); 0 without it.
landlock=$(python3 -c 'import ctypes; print(max(0, ctypes.CDLL(None).syscall(444, None, 0, 1)))')

only_child() {
	[ "$(children "$SSH_AGENT_PID")" = "$1" ]
}

reported() {
	[ "$(grep -ac ' end done$' "$folder/report")" -eq 3 ]
}

# tried WHAT [PROTECTION...]: start the agent, without these protections, with the tries in its core; outcomes to $T/WHAT.
tried() {
	what=$1
	folder=$T/$what.d
	shift
	mkdir "$folder"
	echo text >"$folder/plain"
	echo text >"$folder/other"
	echo 'no program' >"$folder/noexec"
	chmod 755 "$folder/noexec"
	{
		echo '#!/bin/sh'
		echo "export LD_PRELOAD='$INSIDE' INSIDE_FOLDER='$folder' INSIDE_TARGET=$target"
		[ $# -eq 0 ] || printf 'exec "%s" %s -- ' "$WITHOUT" "$*"
		[ $# -gt 0 ] || printf 'exec '
		echo "\"$program\" \"\$@\""
	} >"$AGENT"
	chmod 755 "$AGENT"
	ok "$what: the agent starts" agent_start
	core=$(children "$SSH_AGENT_PID")
	"$ADD" -q "$T/rsa"
	ok "$what: it signs on a worker" ssh-add -T "$T/rsa.pub"
	ok "$what: all threads have tried" poll 10 reported
	tr -d '\0' <"$folder/report" | grep -v ' end ' >"$T/$what"
	is "$what: as many calls on each of three kinds" \
		"$(cut -d' ' -f1 "$T/$what" | sort | uniq -c | awk '{ print $1 == 33 ? $2 : $0 }' | tr '\n' ' ')" \
		'main serving worker '
	ok "$what: it still signs on a worker" ssh-add -T "$T/rsa.pub"
	ok "$what: takes another key" "$ADD" -q "$T/key"
	ok "$what: signs with it" ssh-add -T "$T/key.pub"
	"$ADD" -q -c "$T/asked"
	ok "$what: has a person asked" ssh-add -T "$T/asked.pub"
	is "$what: lists all" "$(ssh-add -l | wc -l)" 3
	ok "$what: by the same processes" poll 20 only_child "$core" ||
		diag "$(ps -o pid,ppid,stat,etimes,args -p "$(children "$SSH_AGENT_PID" | tr -s ' ' ',' | sed 's/,$//')")"
	agent_stop
}

# outcomes WHAT CALL: what came of it on the three kinds of threads.
outcomes() {
	grep " $2 " "$T/$1" | cut -d' ' -f3 | sort -u | tr '\n' ' '
}

denied() {
	is "$1: $2 is denied on each thread" "$(outcomes "$1" "$2")" "$3 "
}

tried whole
is 'no call but is denied' "$(grep -v ' EPERM$' "$T/whole")" ''
for call in exec read-file create socket-inet socket-unix socketpair connect-tcp bind-tcp listen ptrace kill fork; do
	denied whole "$call" EPERM
done

tried filter landlock
is 'the filter alone denies them all' "$(grep -v ' EPERM$' "$T/filter")" ''

# Landlock knows more with each of its versions.
tried files seccomp
if [ "$landlock" -ge 1 ]; then
	for call in read-file create exec unlink rename; do
		denied files "$call" EACCES
	done
	[ "$landlock" -lt 3 ] || denied files truncate EACCES
	[ "$landlock" -lt 4 ] || {
		denied files connect-tcp EACCES
		denied files bind-tcp EACCES
	}
	[ "$landlock" -lt 6 ] || denied files kill EPERM
else
	is 'a kernel without Landlock denies nothing alone' "$(grep -Ec ' (EPERM|EACCES)$' "$T/files")" 0
fi

tried neither landlock seccomp
is 'without both walls every call reaches the kernel' "$(grep -E ' (EPERM|EACCES)$' "$T/neither")" ''
is 'a file that is no program is found to be none' "$(outcomes neither exec)" 'errno-8 '
is 'nobody listens' "$(outcomes neither connect-tcp)" 'errno-111 '
is 'the other process can be signalled' "$(outcomes neither kill)" 'done '
finish
