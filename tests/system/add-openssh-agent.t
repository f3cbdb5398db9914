#!/bin/sh
# signet-add against OpenSSH's ssh-agent, each step held against what ssh-add does in the same state: two agents, one for
# each program, get the same commands, and outputs, exit statuses and the agents' contents are compared.
# shellcheck disable=SC2016 # what is in single quotes is for other shells
. tests/support/add_env.sh

start_agent theirs
start_agent ours

# shown on failure; the two outputs whole
compare() {
	{
		[ "$2" = "$3" ] || echo "exit status $3, ssh-add has $2"
		diff "$T/theirs.out" "$T/ours.out"
		diff "$T/theirs.err" "$T/ours.err"
	} >"$T/why" 2>&1
	! [ -s "$T/why" ]
	report $? "$1"
}

# both NAME [VAR=VALUE...] -- ARGS...: ssh-add and signet-add with the same arguments
both() {
	name=$1
	shift
	extra=
	while [ "$1" != -- ]; do
		extra="$extra $1"
		shift
	done
	shift
	input=/dev/null
	[ -z "$stdin" ] || input=$stdin
	a=0 b=0
	# shellcheck disable=SC2086 # words on purpose
	setsid -w env SSH_AUTH_SOCK="$T/theirs.sock" $extra ssh-add "$@" >"$T/theirs.out" 2>"$T/theirs.err" <"$input" || a=$?
	# shellcheck disable=SC2086
	setsid -w env SSH_AUTH_SOCK="$T/ours.sock" $extra "$ADD" "$@" >"$T/ours.out" 2>"$T/ours.err" <"$input" || b=$?
	# some of its lines end as a terminal in raw mode wants it
	tr -d '\r' <"$T/theirs.err" >"$T/plain" && mv "$T/plain" "$T/theirs.err"
	# ssh-add ends with 255 on some usage errors, against its own manual
	[ $a != 255 ] || a=1
	compare "$name" $a $b
}
stdin=

same_keys() {
	SSH_AUTH_SOCK=$T/theirs.sock ssh-add -L >"$T/theirs.out"
	SSH_AUTH_SOCK=$T/ours.sock ssh-add -L >"$T/ours.out"
	check "$1: the agents hold the same" diff "$T/theirs.out" "$T/ours.out"
}

ssh-keygen -q -t ed25519 -N '' -f ca </dev/null
for t in rsa ecdsa ed25519; do
	make_key "$t" -t $t -C "key of $t"
done
make_key p384 -t ecdsa -b 384 -C 'a b  c'
make_key p521 -t ecdsa -b 521 -C ''
make_key utf8 -t ed25519 -C 'Schlüssel für Łódź ☃'
make_key pem -t rsa -b 2048 -m PEM -C unseen
make_key ecpem -t ecdsa -m PEM
make_key p8 -t rsa -b 2048 -m PKCS8
make_key locked -t ed25519 -N secret -C 'locked one'
make_key locked2 -t ecdsa -N secret -C 'locked two'
make_key lockpem -t rsa -b 2048 -m PEM -N secret
ssh-keygen -q -s ca -I 'the id' -n me ed25519.pub
ssh-keygen -q -s ca -I 'rsa id' -n me rsa.pub
ssh-keygen -q -s ca -I 'ec id' -n me ecdsa.pub
printf '#!/bin/sh\necho "$1" >>"$T/asked"\nhead -n 1 "$T/secret"\n' >ask
chmod +x ask
echo secret >secret
export T
ASKING="SSH_ASKPASS=$T/ask SSH_ASKPASS_REQUIRE=force"

for o in -l -L -ql -qL '-E md5 -l' '-vvv -L'; do
	# shellcheck disable=SC2086
	both "an empty agent: $o" -- $o
done

both 'add with a certificate' -- ed25519
both 'add quietly' -- -q rsa
both 'add several' -- p384 p521 utf8
both 'add a PEM key: the file name is its comment' -- pem
both 'add an EC PEM key' -- ecpem
both 'add a PKCS#8 key' -- p8
both 'add a plain key only' -- -k ecdsa
same_keys 'after adding'
for o in -l -L -ql '-E md5 -l' '-E MD5 -l' '-l -E sha256' '-E sha512 -l' '-vvv -L' '-l file'; do
	# shellcheck disable=SC2086
	both "list: $o" -- $o
done

both 'confirm' -- -c ed25519
both 'lifetime' -- -t 10m ed25519
both 'lifetime and confirm' -- -c -t 1h30m ed25519
both 'lifetime, clustered' -- -kt 100 rsa
both 'lifetime and confirm, quietly' -- -qct 100 rsa
both 'lifetime 0' -- -t 0 utf8
for t in nonsense '' -5 2147483648 99999999999 1.5h '5 ' 1y; do
	both "lifetime refused: '$t'" -- -t "$t" utf8
done
both 'the longest lifetime' -- -t 2147483647 utf8
same_keys 'after lifetimes'

both 'test a key' -- -T rsa.pub
both 'test several' -- -T ed25519.pub ecdsa.pub p384.pub p521.pub
both 'test a certificate' -- -T ed25519-cert.pub
both 'test by the private file' -- -T ed25519
both 'test a key that is not there' -- -T locked.pub
both 'test an unknown file' -- -T rsa.pub nofile
both 'test nothing' -- -T

both 'remove' -- -d ed25519
both 'remove again' -- -d ed25519
both 'remove a plain key only' -- -dk rsa
both 'remove the certificate that stayed' -- -d rsa
both 'remove quietly' -- -qdk ecdsa
both 'remove by the public file' -- -d p384.pub
both 'remove an unknown file' -- -d nofile
both 'remove a PEM key' -- -d pem
cp ed25519 nopub && rm -f nopub.pub
both 'add a key without .pub' -- nopub
stdin=p521.pub
both 'remove from standard input' -- -d -
both 'remove from standard input again' -- -d -
cat utf8.pub ed25519.pub ecpem.pub >three
stdin=three
both 'remove several from standard input' -- -qd -
stdin=rsa
both 'add from standard input' -- -
stdin=pem
both 'add a PEM key from standard input' -- -
stdin=
same_keys 'after removing'
both 'remove all' -- -D
both 'remove all quietly' -- -qD
both 'nothing is left' -- -l

both 'a passphrase from askpass' "$ASKING" -- locked
both 'a passphrase for several' "$ASKING" -- locked locked2 lockpem
both 'a passphrase with confirm' "$ASKING" -- -c locked
same_keys 'after passphrases'
sort asked | uniq -c >asked.counts
check 'each question was asked as often by either' awk '$1 % 2 { bad = 1 } END { exit bad || NR != 2 }' asked.counts
both 'lock' "$ASKING" -- -x
both 'list while locked' -- -l
both 'add while locked' -- ed25519
both 'remove while locked' -- -d locked
both 'lock again' "$ASKING" -- -x
echo wrong >secret
both 'unlock with a wrong password' "$ASKING" -- -X
echo secret >secret
both 'unlock' "$ASKING" -- -X
both 'unlock again' "$ASKING" -- -X
both 'remove all afterwards' -- -D

both 'a file that is not there' -- nofile
both 'the others go on' -- nofile ed25519
cp ed25519 mismatch
cp rsa-cert.pub mismatch-cert.pub
both 'a certificate for another key' -- mismatch
both 'actions that contradict: -Dl' -- -Dl
both 'actions that contradict: -lL' -- -lL
both 'actions that contradict: -xX' -- -xX
both 'an unknown hash' -- -E foo -l
both 'options end at the first file' -- ed25519 -d

# The messages above are ssh-add's; the usage lines are our own.
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -Z
want_line 'an unknown option' 1 '^unknown option -- Z$'
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -t
want_line 'an option without its argument' 1 '^option requires an argument -- t$'

# Where no agent answers, ssh-add's line comes first and a line on what to do follows.
run "$ADD" -l
want_line 'SSH_AUTH_SOCK is not set' 2 '^Could not open a connection to your authentication agent\.$'
want_line 'it tells how to set it' 2 '^Set SSH_AUTH_SOCK .*export SSH_AUTH_SOCK='
run SSH_AUTH_SOCK= "$ADD" ed25519
want_line 'SSH_AUTH_SOCK is empty' 2 '^Could not open a connection to your authentication agent\.$'
run SSH_AUTH_SOCK=/nonexistent "$ADD" -l
want_line 'no socket there' 2 '^Error connecting to agent: No such file or directory$'
run SSH_AUTH_SOCK="$T/ed25519" "$ADD" -D
want_line 'a file that is no socket' 2 '^Error connecting to agent: Connection refused$'
run SSH_AUTH_SOCK="$(printf '/%0200d' 0)" "$ADD" -l
want_line 'a path too long for a socket' 2 '^Error connecting to agent: .*too long'

# What ssh-add 9.2 does not have.
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -D
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -C ed25519
want 'certificates only' 0 '' 'Certificate added: ed25519-cert.pub (the id)
'
run SSH_AUTH_SOCK="$T/ours.sock" ssh-add -l
check 'the certificate is there alone' sh -c 'grep -c . out | grep -qx 1 && grep -q "(ED25519-CERT)" out'
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" ed25519
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -dC ed25519
want 'remove the certificate only' 0 '' 'Identity removed: ed25519-cert.pub ED25519-CERT (key of ed25519)
'
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -C p384
want_line 'a key without a certificate' 1 '^p384: there is no certificate p384-cert\.pub to add$'
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -Q
want_line 'an agent without the query extension' 1 '^This agent does not tell its extensions'
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" --status
want_line 'an agent without a control socket' 2 "^Error connecting to $T/ours.sock.ctl: No such file"

cp ed25519 short && cp ed25519.pub short.pub
ssh-keygen -q -s ca -I short -n me -V -1h:+1h short.pub
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -C short
want_line 'a certificate gets a lifetime: its own and five minutes' 0 '^Lifetime set to (3900|389[0-9]) seconds$'
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -Ct 60 short
want_line 'a shorter lifetime stays' 0 '^Lifetime set to 60 seconds$'
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -CN short
want '-N: no lifetime' 0 '' 'Certificate added: short-cert.pub (short)
'
ssh-keygen -q -s ca -I old -n me -V -2d:-1d short.pub
# sshsig of OpenSSH's regression tests signs with a certificate of 1984.
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -C short
want 'an expired certificate is added as it is, and said to be expired' 0 '' 'Certificate added: short-cert.pub (old)
The certificate has expired
'
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -CN short
want '-N: the same' 0 '' 'Certificate added: short-cert.pub (old)
The certificate has expired
'
run SSH_AUTH_SOCK="$T/ours.sock" "$ADD" -Ct 60 short
want_line 'an expired certificate takes a lifetime that is asked for' 0 '^Lifetime set to 60 seconds$'

# refused by both agents: /lib is no module
for o in '-s /lib' '-qs /lib' '-e /lib'; do
	# shellcheck disable=SC2086
	both "refused: $o" $ASKING -- $o
done
run "$ADD" --version
check '--version needs no agent' grep -q '^signet-add [0-9]' out
run "$ADD" --help
check '--help needs no agent' sh -c 'grep -q -- --all out && ! [ -s err ]'
run SSH_AUTH_SOCK="$T/ours.sock" sh -c "'$ADD' -l >/dev/full"
want_line 'output that cannot be written is a failure' 1 '^Could not write the output: '

done_testing
