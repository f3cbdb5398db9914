#!/bin/sh
# signet-add -h and -H: what an agent makes of every form, and mistakes, beside ssh-add.
. tests/support/add_env.sh

start_agent a
SSH_AUTH_SOCK=$T/a.sock
export SSH_AUTH_SOCK
make_key key -t ed25519 -C me
make_key host -t ed25519
make_key other -t ecdsa
blob() {
	cut -d ' ' -f 1,2 "$1.pub"
}
echo "plain,[plain]:2222 $(blob host)" >known
echo "*.wild,!bad.wild $(blob other)" >>known
echo "@revoked gone $(blob host)" >>known
echo "gone $(blob host)" >>known

held() {
	ssh-add -L | grep -q "$(cut -d ' ' -f 2 key.pub)"
}

# added NAME ARGUMENT...: the agent takes the key so
added() {
	name=$1
	shift
	ssh-add -qD
	run "$ADD" "$@" key
	want "$name" 0 '' 'Identity added: key (me)
'
	check "$name: the agent has it" held
}

added 'a host' -H known -h plain
added 'a user' -H known -h me@plain
added 'any user by a wildcard' -H known -h '*@plain'
added 'a host with a port' -H known -h 'me@[plain]:2222'
added 'a host by a wildcard' -H known -h a.wild
added 'two hops' -H known -h plain -h 'plain>me@a.wild'
ssh-add -qD
run "$ADD" -h plain -t 1h -H known -h a.wild key
want 'options in any order' 0 '' 'Identity added: key (me)
Lifetime set to 3600 seconds
'
ssh-add -qD
run sh -c "'$ADD' -H /dev/fd/3 -h plain -h a.wild key 3<known"
check 'a descriptor, for several hosts' held

# mistake NAME STATUS TEXT ARGUMENT...: refused by both programs, whose first lines are the same; no key is added.
# A fatal mistake is status 255 for ssh-add, 1 for us as everything that fails.
mistake() {
	name=$1 theirs=$2 text=$3
	shift 3
	ssh-add -qD
	run ssh-add "$@" key
	{
		[ "$status" = "$theirs" ] || echo "ssh-add's exit status: $status, not $theirs"
		tr -d '\r' <err | head -n 1 >theirs.err
		run "$ADD" "$@" key
		[ "$status" = 1 ] || echo "exit status $status"
		head -n 1 err >ours.err
		printf '%s\n' "$text" | diff - ours.err
		[ "$theirs" != 255 ] || [ "${differs:-}" ] || diff theirs.err ours.err
		! held || echo 'the key was added'
	} >"$T/why" 2>&1
	! [ -s "$T/why" ]
	report $? "$name"
	differs=
}

bad='Invalid key destination constraint'
mistake 'nothing' 255 "$bad \"\": does not specify user or host" -H known -h ''
mistake 'an unknown host' 255 'No host keys found for destination "nohost"' -H known -h nohost
mistake 'an unknown host before >' 255 'No host keys found for destination "x"' -H known -h 'x>plain'
mistake 'an unknown host behind >' 255 'No host keys found for destination "x"' -H known -h 'plain>x'
mistake 'a negated pattern' 255 'No host keys found for destination "bad.wild"' -H known -h bad.wild
mistake 'another port' 255 'No host keys found for destination "[plain]:2223"' -H known -h '[plain]:2223'
differs=1
mistake 'no host before >' 255 "$bad \">plain\": does not specify the host before '>'" -H known -h '>plain'
differs=1
mistake 'no host behind >' 255 "$bad \"plain>\": does not specify user or host" -H known -h 'plain>'
differs=1
mistake 'a user before >' 255 "$bad \"me@plain>plain\": cannot specify user on 'from' host" -H known -h 'me@plain>plain'
# ssh-add sends these two, and its agent refuses
mistake 'a user without a host' 1 "$bad \"me@\": does not specify a host after '@'" -H known -h me@
mistake 'any user without a host' 1 "$bad \"*@\": does not specify a host after '@'" -H known -h '*@'
differs=1
mistake "two '>'" 255 "$bad \"plain>plain>plain\": it has more than one '>'; give each hop its own -h" \
	-H known -h 'plain>plain>plain'
differs=1
mistake 'one good, one bad' 255 'No host keys found for destination "x"' -H known -h plain -h x
differs=1
mistake 'a file that is not there' 255 'Known hosts file nofile: No such file or directory' -H nofile -h plain
: >empty
mistake 'an empty file' 255 'No host keys found for destination "plain"' -H empty -h plain
head -c 200000 /dev/urandom >noise
mistake 'noise' 255 'No host keys found for destination "plain"' -H noise -h plain
differs=1
mistake 'a folder' 255 'Known hosts file .: it is not a regular file' -H . -h plain

# What only we refuse, or say.
only() {
	name=$1 text=$2
	shift 2
	run "$ADD" "$@" key
	want_line "$name" 1 "$text"
	check "$name: no key is added" sh -c '! ssh-add -l'
}
ssh-add -qD
only 'all files read are named' '^Known hosts files that were read: known, empty\.  Connect to it once with ssh' \
	-H known -H empty -h nohost
only 'that there was none to read is said' '^None of the known hosts files could be read: nofile, [.]\.' \
	-H nofile -H . -h nohost
only 'a key that is revoked' '^All its keys are marked as revoked in: known\.' -H known -h gone
only 'a device' '^Known hosts file /dev/zero: it is not a regular file$' -H /dev/zero -h plain
only 'a home that is none' '^~no-such-user/known: there is no such user$' -H '~no-such-user/known' -h plain
truncate -s 17M huge
only 'a huge file' '^Known hosts file huge: it is too big$' -H huge -h plain
only 'a long user name' 'the user name is longer than 256 bytes$' -H known -h "$(printf '%0257d' 0)@plain"
only 'control characters' '^No host keys found for destination "\\x1b\[31mx"$' -H known -h "$(printf '\033[31mx')"
for i in 1 2 3 4 5 6 7 8 9 10 11; do
	seq -f "plain $(blob host) %g" 1 500
done >many
only 'more keys than a message holds' '^The destination constraints have more host keys than' -H many -h plain

# A file among several that cannot be read is said, and the others count.
ssh-add -qD
run "$ADD" -H nofile -H known -h plain key
want 'one file is not there' 0 '' 'Known hosts file nofile: No such file or directory
Identity added: key (me)
'
check 'the key is added with the other file' held

# --all, whatever is in the agent already
mkdir keys && cp key keys/
run "$ADD" -H known -h plain --all keys
want '--all adds a key again, constrained' 0 '' 'Identity added: keys/key (me)
'
run "$ADD" -H known -h nohost --all keys
want_line '--all with an unknown host' 1 '^No host keys found for destination "nohost"$'
run SSH_AUTH_SOCK="$T/none" "$ADD" -H known -h nohost key
check 'without an agent the status is 2' test "$status" = 2

# Listing and the like heed neither.
run "$ADD" -h nohost -l
check '-l with -h lists, as ssh-add does' test "$status" = 0
done_testing
