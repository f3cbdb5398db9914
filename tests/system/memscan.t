#!/bin/sh
# What root finds of keys and passphrases in the memory of the agent's processes: nothing while
# idle in either mode, nothing while signing in memfd mode.
. "${0%/*}/../support/lib.sh"
need openssl ssh-keygen ssh-add
no_sanitizers
[ "$(id -u)" -eq 0 ] || skip_all 'only root can read the memory of the agent'

SCAN=$BUILD/tests/tools/memscan
PASSPHRASE='a passphrase that no other process has'
FRAGMENT=16

# new_key NAME ALGORITHM [OPTION]: a PKCS#8 key, its .pub, and what must not be found in NAME.needles.
new_key() {
	new_name=$T/$1 new_type=$2
	shift 2
	(umask 077 && openssl genpkey -quiet -algorithm "$new_type" "$@" -out "$new_name") 2>/dev/null ||
		(umask 077 && openssl genpkey -algorithm "$new_type" "$@" -out "$new_name" 2>/dev/null)
	openssl pkey -in "$new_name" -noout -text | awk '
	/^[a-zA-Z]/ {
		if (hex != "")
			print hex
		hex = ""
		secret = /^(priv|privateExponent|prime[0-9]|exponent[0-9]|coefficient):/
		next
	}
	secret { gsub(/[ :]/, ""); hex = hex $0 }
	END { if (hex != "") print hex }' >"$new_name.needles"
	# The scalar and the prefix of Ed25519 are the halves of the hash of the seed.
	[ "$new_type" != ed25519 ] ||
		openssl pkey -in "$new_name" -outform DER | tail -c 32 |
		openssl dgst -sha512 -r | sed 's/ .*//; s/^.\{64\}/&\n/' >>"$new_name.needles"
	KEYS="$KEYS $new_name"
}

# text_needle TEXT: its bytes in hex.
text_needle() {
	printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
	echo
}

# scan PID: succeeds when the process could be read and shows no needle.
scan() {
	"$SCAN" -f "$FRAGMENT" "$1" "$T/needles" >"$T/scan" 2>&1
}

# hidden DESCRIPTION: no process of the agent shows a needle.
hidden() {
	hidden_found=
	for hidden_pid in $SSH_AGENT_PID $(children "$SSH_AGENT_PID"); do
		scan "$hidden_pid" && continue
		hidden_found=yes
		diag "process $hidden_pid:" "$(grep -v '^memscan' "$T/scan" | head -n 5)" "$(tail -n 1 "$T/scan")"
	done
	is "$1" "$hidden_found" ''
}

# shows PID NEEDLES: the process shows one.
shows() {
	"$SCAN" -f "$FRAGMENT" "$1" "$2" >/dev/null 2>&1
	[ $? -eq 1 ]
}

# A scan that could find nothing would prove nothing: a program that has read the key shows it.
check_scanner() {
	for key in $KEYS; do
		mkfifo "$key.pipe"
		cat "$key.pipe" >/dev/null &
		reader=$!
		reap "$reader"
		exec 9>"$key.pipe"
		openssl pkey -in "$key" -outform DER >&9
		if poll 5 shows "$reader" "$key.needles"; then
			pass "the scan finds ${key##*/} in a program that has read it"
		else
			fail "the scan finds ${key##*/} in a program that has read it"
		fi
		exec 9>&-
		wait "$reader"
	done
}

sign_each() {
	for key in $KEYS; do
		"$ADD" -T "$key.pub" >/dev/null 2>&1 || return 1
	done
}

# Sign in the background until $T/go is gone; the rounds are counted in $T/rounds.
sign_on() {
	while [ -e "$T/go" ]; do
		sign_each || return 1
		echo x >>"$T/rounds"
	done
}

scan_while_signing() {
	: >"$T/go"
	: >"$T/rounds"
	sign_on &
	signer=$!
	reap "$signer"
	poll 10 test -s "$T/rounds" || diag 'nothing was signed'
	for round in 1 2 3 4 5; do
		hidden "$1: signing, scan $round"
	done
	rm "$T/go"
	wait "$signer"
	is "$1: every signature was made" "$?" 0
}

check_mode() {
	if ! agent_start --secret-memory "$1"; then
		if [ "$1" = memfd ] && grep -q 'not supported' "$T/agent.log"; then
			skip "$1: the agent starts" 'not on Debian 12: memfd_secret is off'
		else
			fail "$1: the agent starts"
		fi
		return
	fi
	for key in $KEYS; do
		ok "$1: adds ${key##*/}" "$ADD" -q "$key"
		"$ADD" -L | tail -n 1 >"$key.pub"
	done
	ok "$1: signs with each" sign_each
	hidden "$1: idle"
	[ "$1" != memfd ] || scan_while_signing "$1"
	hidden "$1: idle after signing"
	ask=$(askpass "ask-$1" "echo '$PASSPHRASE'")
	SSH_ASKPASS=$ask SSH_ASKPASS_REQUIRE=force ok "$1: locks" "$ADD" -x
	hidden "$1: locked with a passphrase"
	SSH_ASKPASS=$ask SSH_ASKPASS_REQUIRE=force ok "$1: unlocks" "$ADD" -X
	hidden "$1: unlocked"
	ok "$1: removes all keys" "$ADD" -q -D
	hidden "$1: empty"
	agent_stop
}

KEYS=
new_key ed25519 ed25519
new_key p256 EC -pkeyopt ec_paramgen_curve:P-256
new_key p521 EC -pkeyopt ec_paramgen_curve:P-521
new_key rsa RSA -pkeyopt rsa_keygen_bits:3072
cat "$T"/*.needles >"$T/needles"
text_needle "$PASSPHRASE" >>"$T/needles"
is 'needles: three of Ed25519, one of each curve, six of RSA, a passphrase' \
	"$(wc -l <"$T/needles")" 12
check_scanner
check_mode locked
check_mode memfd
finish
