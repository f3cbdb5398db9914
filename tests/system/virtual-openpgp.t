#!/bin/sh
# The virtual OpenPGP card of the tests, as GnuPG and OpenSC see it, with openssl and OpenSSH for what was signed;
# then APDU for APDU what tests need of it.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"

need scriptor openssl perl gpg gpg-agent gpg-connect-agent gpgconf ssh-add ssh-keygen pkcs15-tool
SCDAEMON=$(gpgconf --list-components | sed -n 's/^scdaemon:[^:]*://p')
[ -x "$SCDAEMON" ] || skip_all 'scdaemon is not installed'
echo 'some text' >"$T/text"

# Whoever asks for a PIN gets it.
cat >"$T/pinentry" <<'PINENTRY'
#!/bin/sh
echo OK
while read -r command rest; do
	case $command in
	GETPIN) echo "D 123456" ;;
	BYE) echo OK; exit ;;
	esac
	echo OK
done
PINENTRY
chmod 755 "$T/pinentry"

# gnupg_start NAME: an agent and an scdaemon with a home of their own.
gnupg_start() {
	GNUPGHOME=$T/$1
	export GNUPGHOME
	mkdir -m 700 "$GNUPGHOME"
	printf '%s\n' disable-ccid pcsc-shared >"$GNUPGHOME/scdaemon.conf"
	printf '%s\n' "pinentry-program $T/pinentry" >"$GNUPGHOME/gpg-agent.conf"
	gpg-agent --daemon --enable-ssh-support >/dev/null 2>&1
	SSH_AUTH_SOCK=$(gpgconf --list-dirs agent-ssh-socket)
	export SSH_AUTH_SOCK
	GPG_AGENT_PID=$(number 'getinfo pid')
	reap "$GPG_AGENT_PID"
}

# number COMMAND: what the agent answers with.
number() {
	gpg-connect-agent "$1" /bye 2>/dev/null | sed -n 's/^D //p'
}

# gnupg_stop: the scdaemon ends with its agent.
gnupg_stop() {
	gnupg_scd=$(number 'scd getinfo pid')
	reap "$gnupg_scd"
	kill "$GPG_AGENT_PID" && gone "$GPG_AGENT_PID" 10 && gone "$gnupg_scd" 10
}

# grip N: what GnuPG calls the card's key.
grip() {
	gpg-connect-agent 'scd learn --force' /bye | sed -n "s/^S KEYPAIRINFO \([0-9A-F]*\) OPENPGP\.$1.*/\1/p"
}

# keyring TYPE SUBTYPE: a certificate of OpenPGP for keys that are on the card.
keyring() {
	{
		printf 'Key-Type: %b\nKey-Grip: %s\nKey-Usage: sign\n' "$1" "$(grip 1)"
		printf 'Subkey-Type: %b\nSubkey-Grip: %s\nSubkey-Usage: encrypt\n' "$2" "$(grip 2)"
		printf '%s\n' 'Creation-Date: 20200101T000000' 'Name-Real: Jane' %no-protection %commit
	} >"$T/parameters"
	gpg --batch --full-gen-key "$T/parameters" && gpg --batch --card-status
}

# decrypts: what was encrypted for the card comes back.
decrypts() {
	rm -f "$T/text.gpg"
	gpg --batch --trust-model always -r Jane -o "$T/text.gpg" -e "$T/text" &&
		gpg --batch -o - -d "$T/text.gpg" | cmp - "$T/text"
}

signs() {
	rm -f "$T/text.asc"
	gpg --batch -u Jane -o "$T/text.asc" --detach-sign "$T/text" && gpg --verify "$T/text.asc" "$T/text"
}

# INTERNAL AUTHENTICATE, by the SSH side of GnuPG's agent.
authenticates() {
	rm -f "$T/text.sig"
	ssh-add -L >"$T/key.pub" && printf 'me %s\n' "$(cat "$T/key.pub")" >"$T/allowed" &&
		ssh-keygen -Y sign -f "$T/key.pub" -n test "$T/text" &&
		ssh-keygen -Y verify -f "$T/allowed" -I me -n test -s "$T/text.sig" <"$T/text"
}

ok 'pcscd starts with two slots' pcscd_start 2

# kind NAME SIG DEC AUT TYPE SUBTYPE ATTRIBUTES SSH [OPTION...]: all that GnuPG does with such a card.
kind() {
	kind_name=$1 kind_type=$5 kind_subtype=$6 kind_attributes=$7 kind_ssh=$8
	kind_slots="-o slot=sig:$2 -o slot=dec:$3 -o slot=aut:$4"
	shift 8
	# shellcheck disable=SC2086 # options are words
	ok "$kind_name: a card" tokencard_start "$kind_name" 0 -o applets=openpgp $kind_slots "$@"
	gnupg_start "$kind_name"
	status=$(gpg --batch --card-status 2>&1)
	has "$kind_name: gpg reads it" "$status" '^Version \.*: 3\.4$'
	has "$kind_name: whose it is" "$status" '^Name of cardholder: Jane Doe$'
	has "$kind_name: its serial number" "$status" '^Serial number \.*: 00BC614E$'
	has "$kind_name: its keys" "$status" "^Key attributes \.*: $kind_attributes\$"
	has "$kind_name: its tries" "$status" '^PIN retry counter : 3 0 3$'
	ok "$kind_name: gpg makes its keys a certificate" keyring "$kind_type" "$kind_subtype"
	# Made when the card says that the keys were, the certificate has the card's fingerprints.
	is "$kind_name: their fingerprints" "$(gpg -k --with-colons | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p')" \
		"$(gpg-connect-agent 'scd learn --force' /bye | sed -n 's/^S KEY-FPR [12] //p')"
	ok "$kind_name: it signs" signs
	ok "$kind_name: it decrypts" decrypts
	ok "$kind_name: it authenticates" authenticates
	has "$kind_name: as what it is" "$(cat "$T/key.pub")" "^$kind_ssh "
	has "$kind_name: its signatures are counted" "$(gpg --batch --card-status 2>&1)" \
		'^Signature counter : [1-9]'
	ok "$kind_name: GnuPG ends" gnupg_stop
	tokencard "$kind_name" quit >/dev/null
	ok "$kind_name: the card is taken out" poll 10 slot_has 0 No
}
kind ed25519 ed25519 x25519 ed25519 'EDDSA\nKey-Curve: ed25519' 'ECDH\nSubkey-Curve: cv25519' \
	'ed25519 cv25519 ed25519' ssh-ed25519
kind rsa rsa2048 rsa2048 rsa4096 RSA RSA 'rsa2048 rsa2048 rsa4096' ssh-rsa
kind p256 p256 p256 p256 'ECDSA\nKey-Curve: nistp256' 'ECDH\nSubkey-Curve: nistp256' \
	'nistp256 nistp256 nistp256' ecdsa-sha2-nistp256 -o outer=off
kind p384 p384 p384 p384 'ECDSA\nKey-Curve: nistp384' 'ECDH\nSubkey-Curve: nistp384' \
	'nistp384 nistp384 nistp384' ecdsa-sha2-nistp384 -o extended=off
kind p521 p521 p521 p521 'ECDSA\nKey-Curve: nistp521' 'ECDH\nSubkey-Curve: nistp521' \
	'nistp521 nistp521 nistp521' ecdsa-sha2-nistp521 -o pw1_once=on

# --- OpenSC -------------------------------------------------------------------
ok 'a card' tokencard_start main 1 -o applets=openpgp -o slot=sig:rsa2048 -o slot=dec:rsa2048 -o slot=aut:rsa2048
objects=$(pkcs15-tool -D 2>&1)
has 'OpenSC knows what it is' "$objects" '^PKCS#15 Card \[OpenPGP card|Manufacturer ID: '
for key in Signature Encryption Authentication; do
	is "the $key key, public and private" "$(echo "$objects" | grep -c "RSA Key \[$key")" 2
done
ok 'its public key' pkcs15-tool --read-public-key 3 -o "$T/aut.pub"
openssl dgst -sha256 -binary "$T/text" >"$T/digest"
ok 'pkcs15-crypt authenticates' pkcs15-crypt -s -k 3 -p 123456 --sha-256 --pkcs1 -R -f openssl \
	-i "$T/digest" -o "$T/sig"
ok 'which is right' openssl dgst -sha256 -verify "$T/aut.pub" -signature "$T/sig" "$T/text"

# --- APDU for APDU ------------------------------------------------------------
last() {
	apdus "$@" | tail -n 1
}
SELECT="00 A4 04 00 06 D2 76 00 01 24 01 00"
SIGN="00 20 00 81 06 31 32 33 34 35 36"
OTHER="00 20 00 82 06 31 32 33 34 35 36"
WRONG="00 20 00 82 06 36 35 34 33 32 31"
ok 'a card of one curve' tokencard_start ec 0 -o applets=openpgp -o slot=sig:p256 -o slot=aut:ed25519:touch \
	-o slot=dec:p256 -o touch_ms=60000
is 'SELECT' "$(last 0 "$SELECT")" 9000
is 'the PIN for the rest is not the one for signatures' "$(last 0 "$SELECT" "$OTHER" '00 20 00 81')" 63C3
is 'it is verified' "$(last 0 "$SELECT" "$OTHER" '00 20 00 82')" 9000
is 'a wrong PIN' "$(last 0 "$SELECT" "$WRONG")" 63C2
ok 'as other cards have it' tokencard ec option wrong_is_6982=on
is 'a wrong PIN' "$(last 0 "$SELECT" "$WRONG")" 6982
is 'how many tries are left' "$(last 0 "$SELECT" '00 CA 00 C4 00')" 013F003F0100039000
is 'the last' "$(last 0 "$SELECT" "$WRONG" "$OTHER")" 6983
ok 'tries again' tokencard ec tries pw1 3
is 'a signature wants the PIN for signatures' "$(last 0 "$SELECT" "$OTHER" '00 2A 9E 9A 01 31 00')" 6982
has 'and is r and s' "$(last 0 "$SELECT" "$SIGN" '00 2A 9E 9A 01 31 00')" '^[0-9A-F]{128}9000$'
is 'authentication wants the other' "$(last 0 "$SELECT" "$SIGN" '00 88 00 00 01 31 00')" 6982
last 0 "$SELECT" "$OTHER" '00 88 00 00 01 31 00' >"$T/answer" &
waiting=$!
reap "$waiting"
ok 'and a touch' tokencard_await ec waiting 10
ok 'which comes' tokencard ec touch
ok 'then it ends' gone "$waiting" 10
has 'with a signature' "$(cat "$T/answer")" '^[0-9A-F]{128}9000$'
is 'it says that it wants one' "$(last 0 "$SELECT" '00 CA 00 D8 00')" 01209000
is 'there is no such object' "$(last 0 "$SELECT" '00 CA 00 99 00')" 6A88
has 'random numbers' "$(last 0 "$SELECT" '00 84 00 00 10')" '^[0-9A-F]{32}9000$'
finish
