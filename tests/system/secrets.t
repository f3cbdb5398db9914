#!/bin/sh
# seconds 600
# Root looks at every readable page of our processes: no private number, seed or passphrase is in any of them, idle
# in both modes of secret memory, and while signing in the stronger one.  What is looked for comes from the key files
# by way of openssl.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/secrets.sh"
need openssl ssh-add ssh-keygen nm
# Helpers that load libraries of others, which free copies of PINs (unit/t_wipefree.c).
for helper in fido pkcs11 card; do
	has "signet-$helper wipes what is freed, whoever frees it" "$(nm -D "$BUILD/libexec/signet/signet-$helper")" ' T free$'
done
# Keys, each with its needles: made without passphrase, then protected with one.

printf 'needle of a passphrase' >"$T/passphrase"
secret=$(cat "$T/passphrase")
text_needle "$secret" >"$T/needles"
chmod 600 "$T/needles" "$T/passphrase"

# protected NAME OPENSSL-GENPKEY-ARGUMENT...: an encrypted PKCS#8 file.
protected() {
	name=$1
	shift
	openssl genpkey "$@" -out "$T/$name.plain" 2>/dev/null
	numbers "$T/$name.plain" >>"$T/needles"
	openssl pkcs8 -topk8 -in "$T/$name.plain" -out "$T/$name" -passout "pass:$secret"
	chmod 600 "$T/$name"
}
protected rsa -algorithm RSA -pkeyopt rsa_keygen_bits:3072
protected p256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
protected p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
protected p521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521
protected ed25519 -algorithm ed25519
protected ed448 -algorithm ed448
# An old PEM file, and OpenSSH's own format.
openssl genrsa -traditional -out "$T/pem.plain" 2048 2>/dev/null
numbers "$T/pem.plain" >>"$T/needles"
openssl rsa -traditional -des3 -in "$T/pem.plain" -out "$T/pem" -passout "pass:$secret" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null | openssl ec -out "$T/openssh" 2>/dev/null
numbers "$T/openssh" >>"$T/needles"
chmod 600 "$T/pem" "$T/openssh"
ssh-keygen -q -p -P '' -N "$secret" -f "$T/openssh" >/dev/null
keygen ed25519 "$T/openssh25519"
seed "$T/openssh25519" >>"$T/needles"
ssh-keygen -q -p -P '' -N "$secret" -f "$T/openssh25519" >/dev/null
KEYS="rsa p256 p384 p521 ed25519 ed448 pem openssh openssh25519"
is "there are needles of every key" "$(grep -cE '^[0-9a-f]{56,}$' "$T/needles")" 19
is "and of the passphrase" "$(head -n 1 "$T/needles" | grep -cE '^[0-9a-f]{40,60}$')" 1

# The scan finds what is there: a passphrase in a shell, and an RSA key in a server of openssl.

sh -c 'secret=$(cat "$0"); while :; do sleep 1; done' "$T/passphrase" &
plain=$!
reap $plain
ok "the scan finds a passphrase in a plain process" poll 10 found_in $plain
openssl req -x509 -new -key "$T/rsa.plain" -subj /CN=test -out "$T/cert" 2>/dev/null
openssl s_server -accept 127.0.0.1:0 -cert "$T/cert" -key "$T/rsa.plain" -quiet >/dev/null 2>&1 </dev/null &
server=$!
reap $server
ok "and private numbers in a process that holds the key" poll 10 found_in $server
kill $plain $server
rm "$T"/*.plain

askpass answer "cat $T/passphrase" >/dev/null

add_all() {
	for key in $KEYS; do
		ok "$1: $key is added" env SSH_ASKPASS="$T/answer" SSH_ASKPASS_REQUIRE=force "$ADD" -q "$T/$key"
	done
	ssh-add -L >"$T/list"
	"$ADD" -L >"$T/list"
	is "$1: all keys are held" "$(wc -l <"$T/list")" 9
	n=0
	while read -r line; do
		n=$((n + 1))
		echo "$line" >"$T/public$n"
	done <"$T/list"
}

sign_all() {
	for n in 1 2 3 4 5 6 7 8 9; do
		"$ADD" -T "$T/public$n" >/dev/null 2>&1 || return
	done
}

# whole_life MODE: what is found after adding, after signing, after removing.
whole_life() {
	add_all "$1"
	# shellcheck disable=SC2046 # process numbers
	clean "$1: idle, with nine keys" $(ours)
	ok "$1: every key signs" sign_all
	clean "$1: idle after signing" $(ours)
	"$ADD" -q -D 2>/dev/null
	clean "$1: after removing all keys" $(ours)
}

agent_start --secret-memory locked
whole_life locked
agent_stop

if agent_start --secret-memory memfd >"$T/out" 2>&1; then
	whole_life memfd
	add_all "memfd, again"
	(while sign_all; do touch "$T/signed"; done) &
	busy=$!
	reap $busy
	for round in 1 2 3 4 5; do
		rm -f "$T/signed"
		clean "memfd: while signing, scan $round" $(ours)
		poll 20 test -e "$T/signed"
	done
	not_ok "all keys went on signing" ended $busy
	kill $busy
	wait $busy 2>/dev/null
	agent_stop
else
	skip "memfd" "this kernel has no memfd_secret: $(tail -n 1 "$T/agent.log")"
fi

# signet-add while it waits for the passphrase of a second file, and the prompts.

agent_start
keygen ed25519 "$T/second" -N "another passphrase"
cat >"$T/answer" <<-SH
	#!/bin/sh
	case \$1 in
	*$T/pem*) cat $T/passphrase ;;
	*) touch $T/asked; echo \$\$ >$T/asking; exec sleep 100 ;;
	esac
SH
chmod 755 "$T/answer"
SSH_ASKPASS=$T/answer SSH_ASKPASS_REQUIRE=force "$ADD" "$T/pem" "$T/second" >"$T/out" 2>&1 &
adding=$!
reap $adding
ok "signet-add asks for a second passphrase" poll 30 test -s "$T/asking"
is "the first key is added" "$(ssh-add -l 2>/dev/null | grep -c RSA)" 1
clean "signet-add, while it waits: nothing of the first file" $adding
kill "$(cat "$T/asking")"
wait $adding 2>/dev/null
agent_stop

cat >"$T/answer" <<-SH
	#!/bin/sh
	echo \$\$ >$T/confirming
	exec sleep 100
SH
SSH_ASKPASS=$T/answer
SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
agent_start
cat >"$T/answer.add" <<-SH
	#!/bin/sh
	cat $T/passphrase
SH
chmod 755 "$T/answer.add"
ok "a key that asks is added" env SSH_ASKPASS="$T/answer.add" "$ADD" -q -c "$T/openssh25519"
"$ADD" -L >"$T/public1"
"$ADD" -T "$T/public1" >/dev/null 2>&1 &
client=$!
reap $client
ok "it asks" poll 30 test -s "$T/confirming"
helpers=
for p in $(ours); do
	helpers="$helpers $(children "$p")"
done
clean "the agent and its prompt, while somebody is asked" $(ours) $helpers
kill $client
agent_stop
finish
