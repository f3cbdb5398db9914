#!/bin/sh
# serial
# seconds 600
# An agent that is good for one route: three real sshd on this machine, A, B and C, each with its own host
# key, and ssh -A from here to A, from A to B, from B to C.  The key is limited once with OpenSSH's ssh-add
# and once with ours.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/sshd.sh"
need ssh ssh-add ssh-keygen
sshd_need

keygen ed25519 "$T/user"
keygen ed25519 "$T/free"
keygen ed25519 "$T/ca"
cat "$T/user.pub" "$T/free.pub" >"$T/authorized_keys"

ssh_config "IdentitiesOnly no" "IdentityFile none"

# server NAME HOST-KEY-TYPE: an sshd on a port of its own, known as host_NAME.
server() {
	keygen "$2" "$T/host_$1"
	printf 'host_%s %s\n' "$1" "$(cat "$T/host_$1.pub")" >>"$T/known_hosts"
	sshd_start "$1" "$T/host_$1" || skip_all "sshd does not start here"
	printf 'Host host_%s\n\tHostKeyAlias host_%s\n\tPort %s\n' "$1" "$1" "$port" >>"$T/ssh_config"
}

server a ed25519
server b ecdsa
server c rsa

# on HOST... -- COMMAND: run it on the last host, going there by the others with the agent forwarded.
on() {
	on_command=
	while [ "$1" != -- ]; do
		on_command="${on_command}ssh -A -F $T/ssh_config host_$1 "
		shift
	done
	shift
	# Each ssh on the way hands one command line on, which the next shell reads once more.
	sh -c "$on_command$*" </dev/null >"$T/ssh.out" 2>&1
}

# there HOST...: log in that way, and hear from the last host.
there() {
	on "$@" -- "echo logged-in" && grep -qx logged-in "$T/ssh.out"
}

# denied HOST...: the last host lets nobody in, though all before it do.
denied() {
	! on "$@" -- "echo logged-in" && grep -q 'Permission denied' "$T/ssh.out"
}

# lists KEY HOST...: it is listed on the last host.
lists() {
	lists_key=$(cut -d' ' -f2 "$T/$1.pub")
	shift
	on "$@" -- "ssh-add -L" && grep -qF "$lists_key" "$T/ssh.out"
}

# limited PROGRAM ARGUMENT...: the key again, with these limits.
limited() {
	"$ADD" -D >/dev/null 2>&1
	"$@" "$T/user" >"$T/add.out" 2>&1 </dev/null || {
		diag "$(cat "$T/add.out")"
		return 1
	}
}

# with_program PROGRAM: the same questions, whoever limited the key.
with_program() {
	p=${1##*/}
	ok "$p -h: here to A, A to B" limited "$1" -H "$T/known_hosts" -h host_a -h "host_a>$user@host_b"
	ok "$p: to A" there a
	ok "$p: to A and on to B" there a b
	ok "$p: listed on A, which may go on" lists user a
	ok "$p: not to B from here" denied b
	ok "$p: not from A to C" denied a c
	ok "$p: not back from A to A" denied a a

	ok "$p -h: the user is another" limited "$1" -H "$T/known_hosts" -h host_a -h "host_a>nobody@host_b"
	ok "$p: to A, as before" there a
	ok "$p: not to B as $user" denied a b

	ok "$p -h: three hops" limited "$1" -H "$T/known_hosts" -h host_a -h 'host_a>host_b' -h 'host_b>host_c'
	ok "$p: A, B, C" there a b c
	ok "$p: not from here to B" denied b
	ok "$p: not from A to C" denied a c

	# Each host may be reached from somewhere, and yet B not from A.
	ok "$p -h: to A or B, B to C, C to A" limited "$1" -H "$T/known_hosts" \
		-h host_a -h host_b -h 'host_b>host_c' -h 'host_c>host_a'
	ok "$p: a free key that opens every way" "$ADD" -q "$T/free"
	ok "$p: on C by way of B the limited one is listed" lists user b c
	ok "$p: on C by way of A and B the free one is" lists free a b c
	not_ok "$p: the limited one is not, as A is not to lead to B" lists user a b c

	ok "$p -h: to A only" limited "$1" -H "$T/known_hosts" -h host_a
	ok "$p: a key for nothing but A logs in there" there a
	# A free key opens the way, so that what is listed on A can be looked at.
	ok "$p: a free key beside it" "$ADD" -q "$T/free"
	ok "$p: the free one goes everywhere" there a c b
	ok "$p: which is listed on A" lists free a
	not_ok "$p: the limited one is not" lists user a
	on a -- "ssh-add -d $T/user.pub"
	ok "$p: nor removed from there" sh -c "ssh-add -L | grep -qF '$(cut -d' ' -f2 "$T/user.pub")'"
	ok "$p: the free one signs a file" ssh-keygen -Y sign -n file -f "$T/free.pub" "$T/ssh_config"
	rm -f "$T/ssh_config.sig"
	not_ok "$p: the limited one does not" ssh-keygen -Y sign -n file -f "$T/user.pub" "$T/ssh_config"
	ok "$p: remove-all is honoured from A" on a -- "ssh-add -D"
	is "$p: nothing is left" "$(ssh-add -l)" "The agent has no identities."
}

agent_start
with_program /usr/bin/ssh-add
"$ADD" -H "$T/known_hosts" -h host_a "$T/user" >"$T/add.out" 2>&1 </dev/null
if grep -q 'not supported yet' "$T/add.out"; then
	skip "with ${ADD##*/}" "$(cat "$T/add.out")"
else
	with_program "$ADD"
fi
finish
