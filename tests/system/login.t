#!/bin/sh
# seconds 600
# Real ssh and sshd on this machine's loopback, with the keys in our agent only; OpenSSH's programs against ours and
# ours against theirs.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/sshd.sh"
need ssh ssh-add ssh-agent ssh-keygen openssl
sshd_need

# A server with one configuration for everything, and a client that has no key files.

keygen ed25519 "$T/host_ed25519"
keygen ed25519 "$T/ca"
ssh_config "HostKeyAlias here" "IdentityFile none"
echo "here $(cat "$T/host_ed25519.pub")" >"$T/known_hosts"
: >"$T/authorized_keys"
: >"$T/trusted"
sshd_start here "$T/host_ed25519" "TrustedUserCAKeys $T/trusted" "PubkeyAcceptedAlgorithms +ssh-rsa" "MaxAuthTries 50" ||
	skip_all "sshd does not start here"

# try [SSH-ARGUMENT...]: log in and come back with what only the server knows.
try() {
	ssh -F "$T/ssh_config" -p "$port" "$@" here 'echo "logged in: $SSH_CONNECTION"' </dev/null >"$T/ssh.out" 2>&1 &&
		grep -q '^logged in: 127.0.0.1' "$T/ssh.out"
}

# login DESCRIPTION PUBLIC-KEY-FILE [SSH-ARGUMENT...]: the key in the agent lets us in, while nothing else could.
login() {
	login_what=$1
	cat "$2" >"$T/authorized_keys"
	shift 2
	ok "$login_what" try "$@"
	[ "$tap_got" -eq 0 ] || diag "$(cat "$T/ssh.out")" "$(tail -n 3 "$T/sshd_here.log")"
}

# add FILE [ARGUMENT...]: our signet-add, with the passphrase (if any) from $T/passphrase.
askpass answer "cat $T/passphrase" >/dev/null
add() {
	add_file=$1
	shift
	SSH_ASKPASS=$T/answer SSH_ASKPASS_REQUIRE=force "$ADD" "$@" "$add_file" >"$T/add.out" 2>&1 </dev/null ||
		diag "$(cat "$T/add.out")"
}

forget_all() {
	ssh-add -D >/dev/null 2>&1
}

# fingerprints: of what the agent holds, in the order of their text.
fingerprints() {
	"$@" -l 2>/dev/null | grep -o 'SHA256:[^ ]*' | sort
}

printf 'correct horse' >"$T/passphrase"
passphrase=$(cat "$T/passphrase")
agent_start
keygen ed25519 "$T/plain"
cat "$T/plain.pub" >"$T/authorized_keys"
not_ok "without keys there is no login" try

# One login for each kind of key file.

openssl genrsa -traditional -out "$T/rsa.plain" 2048 2>/dev/null
openssl rsa -traditional -des3 -passout "pass:$passphrase" -in "$T/rsa.plain" -out "$T/des3" 2>/dev/null
chmod 600 "$T/rsa.plain" "$T/des3"
ssh-keygen -y -f "$T/rsa.plain" >"$T/des3.pub"
ok "the DES-EDE3-CBC key is one" grep -q '^DEK-Info: DES-EDE3-CBC' "$T/des3"
rm "$T/rsa.plain"
add "$T/des3"
login "login with a DES-EDE3-CBC key" "$T/des3.pub"
login "login with its SHA-1 signature, for old servers" "$T/des3.pub" -oPubkeyAcceptedAlgorithms=ssh-rsa
login "login with its SHA-512 signature" "$T/des3.pub" -oPubkeyAcceptedAlgorithms=rsa-sha2-512
forget_all
not_ok "which is over once the key is removed" try

keygen ed25519 "$T/bcrypt" -N "$passphrase"
add "$T/bcrypt"
login "login with a bcrypt-protected openssh key" "$T/bcrypt.pub"
forget_all

if command -v puttygen >/dev/null; then
	for version in 2 3; do
		keygen ecdsa "$T/ppk$version" -b 256
		puttygen "$T/ppk$version" -o "$T/ppk$version.ppk" -O private --ppk-param version=$version \
			--new-passphrase "$T/passphrase" >/dev/null 2>&1
		rm "$T/ppk$version"
		ok "the PPK file is of version $version" grep -q "^PuTTY-User-Key-File-$version" "$T/ppk$version.ppk"
		add "$T/ppk$version.ppk"
		login "login with a PPK key of version $version" "$T/ppk$version.pub"
		forget_all
	done
else
	skip "login with PPK keys" "puttygen is not installed (package putty-tools)"
fi

for kind in "ecdsa 256" "ecdsa 384" "ecdsa 521" "rsa 3072" "ed25519 256"; do
	type=${kind% *} bits=${kind#* }
	keygen "$type" "$T/$type$bits" -b "$bits"
	add "$T/$type$bits"
	login "login with a key of type $type, $bits bits" "$T/$type$bits.pub"
	forget_all
done

# A certificate: only its CA is trusted.

: >"$T/authorized_keys"
cat "$T/ca.pub" >"$T/trusted"
for type in ed25519 ecdsa rsa; do
	keygen $type "$T/certified_$type"
	ssh-keygen -q -s "$T/ca" -I a-test -n "$user" "$T/certified_$type.pub"
	add "$T/certified_$type"
	is "$type: key and certificate are added" "$(ssh-add -l | wc -l)" 2
	ok "$type: login with a certificate" try
	"$ADD" -q -d "$T/certified_$type-cert.pub" 2>/dev/null
	forget_all
	add "$T/certified_$type" -k
	not_ok "$type: and not with its key alone" try
	forget_all
done

# ssh puts a key into the agent by itself.

: >"$T/trusted"
cat "$T/plain.pub" >"$T/authorized_keys"
ok "login with a key file and AddKeysToAgent" try -oAddKeysToAgent=yes -i "$T/plain"
is "the key is in the agent" "$(fingerprints ssh-add)" "$(ssh-keygen -lf "$T/plain.pub" | cut -d' ' -f2)"
ok "and lets us in without its file" try
forget_all
ok "with AddKeysToAgent and a lifetime" try -oAddKeysToAgent=1s -i "$T/plain"
no_keys() {
	[ -z "$(fingerprints ssh-add)" ]
}
ok "it goes again" poll 10 no_keys

# Signatures and certificates by ssh-keygen, with the private key nowhere but in the agent.

echo "a message" >"$T/message"
for key in ed25519256 ecdsa256 ecdsa384 ecdsa521 rsa3072; do
	add "$T/$key"
	mv "$T/$key" "$T/$key.away"
	rm -f "$T/message.sig"
	ok "$key: ssh-keygen -Y sign" ssh-keygen -q -Y sign -f "$T/$key.pub" -n a-test "$T/message"
	echo "me $(cat "$T/$key.pub")" >"$T/signers"
	verify() {
		ssh-keygen -Y verify -f "$T/signers" -I me -n a-test -s "$T/message.sig" <"$1"
	}
	ok "$key: the signature is right" verify "$T/message"
	not_ok "$key: and wrong for other data" verify "$T/signers"
	mv "$T/$key.away" "$T/$key"
	forget_all
done
for ca in ed25519256 ecdsa256 rsa3072; do
	keygen ed25519 "$T/by_$ca"
	add "$T/$ca"
	mv "$T/$ca" "$T/$ca.away"
	ok "$ca: ssh-keygen -U signs a certificate" ssh-keygen -q -U -s "$T/$ca.pub" -I a-test -n "$user" "$T/by_$ca.pub"
	mv "$T/$ca.away" "$T/$ca"
	forget_all
	cat "$T/$ca.pub" >"$T/trusted"
	: >"$T/authorized_keys"
	add "$T/by_$ca"
	ok "$ca: which logs us in" try
	forget_all
done
: >"$T/trusted"

# A forwarded agent.

add "$T/plain"
add "$T/rsa3072"
cat "$T/plain.pub" >"$T/authorized_keys"
public_programs
here=$(fingerprints ssh-add)
# there COMMAND: its output on the server, in a session with our agent forwarded.
there() {
	ssh -F "$T/ssh_config" -p "$port" -A here "$@" </dev/null 2>/dev/null
}
is "ssh-add through a forwarded agent lists the same keys" "$(there ssh-add -l | cut -d' ' -f2 | sort)" "$here"
is "so does signet-add" "$(there "$ADD" -l | cut -d' ' -f2 | sort)" "$here"
is "another login with the forwarded agent" \
	"$(there ssh -F "$T/ssh_config" -p "$port" here echo inside)" inside
is "without forwarding there is none" \
	"$(ssh -F "$T/ssh_config" -p "$port" -a here 'echo "${SSH_AUTH_SOCK-none}"' </dev/null)" none
forget_all

# OpenSSH's ssh-add with our agent, signet-add with OpenSSH's: each type is listed and signs.

# both_ways ADD-PROGRAM WHAT: every type through this program into the current agent.
both_ways() {
	for key in ed25519256 ecdsa256 ecdsa384 ecdsa521 rsa3072; do
		ok "$2: $key is added" "$1" -q "$T/$key"
		is "$2: $key has ssh-keygen's fingerprint" "$(fingerprints "$1")" \
			"$(ssh-keygen -lf "$T/$key.pub" | cut -d' ' -f2)"
		is "$2: $key is listed whole" "$("$1" -L | cut -d' ' -f1-2)" "$(cut -d' ' -f1-2 "$T/$key.pub")"
		ok "$2: $key signs (ssh-add -T)" ssh-add -T "$T/$key.pub"
		ok "$2: $key signs (signet-add -T)" "$ADD" -T "$T/$key.pub"
		ok "$2: $key is removed" "$1" -q -d "$T/$key"
		is "$2: and gone" "$(fingerprints "$1")" ""
	done
	for type in ed25519 ecdsa rsa; do
		ok "$2: $type with certificate is added" "$1" -q "$T/certified_$type"
		is "$2: $type: both are listed" "$("$1" -L | cut -d' ' -f1-2 | sort)" \
			"$(cut -d' ' -f1-2 "$T/certified_$type.pub" "$T/certified_$type-cert.pub" | sort)"
		ok "$2: $type: the certificate's key signs" "$ADD" -T "$T/certified_$type-cert.pub"
		ok "$2: all are removed" "$1" -q -D
		is "$2: nothing is left" "$(fingerprints "$1")" ""
	done
	ok "$2: with a lifetime" "$1" -q -t 1 "$T/plain"
	ok "$2: which ends" poll 10 no_keys
	ok "$2: with confirmation" "$1" -q -c "$T/plain"
	not_ok "$2: which nobody gives" ssh-add -T "$T/plain.pub"
	"$1" -q -D
	exits "$2: an empty list is status 1" 1 "$1" -l
}
both_ways ssh-add "ssh-add with our agent"
both_ways "$ADD" "signet-add with our agent"
SSH_AUTH_SOCK=$T/theirs.sock
ssh-agent -D -a "$SSH_AUTH_SOCK" >/dev/null 2>&1 &
reap $!
poll 10 test -S "$SSH_AUTH_SOCK"
both_ways "$ADD" "signet-add with OpenSSH's agent"
finish
