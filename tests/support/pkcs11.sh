# SoftHSM's tokens and the module that misbehaves (tests/modules/p11bad.c); after lib.sh.
# A PIN given here is on a command line: for tests only.
P11BAD=$T/p11bad.so
PKCS11_SO_PIN=5678

# Debian's place, and those of others.
softhsm_find() {
	for SOFTHSM in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so \
		/usr/lib64/pkcs11/libsofthsm2.so /usr/lib64/softhsm/libsofthsm.so; do
		[ -e "$SOFTHSM" ] && SOFTHSM=$(readlink -f "$SOFTHSM") && return
	done
	return 1
}

# softhsm_start: a private store of tokens below $T, and a private copy of the module that misbehaves,
# $P11BAD, which needs no variable of the environment.  Sets SOFTHSM and SOFTHSM2_CONF.  Skips the whole
# test where programs are missing.
softhsm_start() {
	need softhsm2-util pkcs11-tool openssl
	softhsm_find || skip_all 'the module of softhsm2 is not installed'
	[ -e "$BUILD/tests/modules/p11bad.so" ] || skip_all 'p11-kit-1 (headers) was not there when the tests were built'
	mkdir -p "$T/softhsm"
	SOFTHSM2_CONF=$T/softhsm2.conf
	export SOFTHSM2_CONF
	printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n' \
		"$T/softhsm" >"$SOFTHSM2_CONF"
	cp "$BUILD/tests/modules/p11bad.so" "$P11BAD"
	echo "$SOFTHSM" >"$P11BAD.module"
	echo "$SOFTHSM2_CONF" >"$P11BAD.softhsm"
	p11bad
}

# token_make LABEL PIN: a token in a new slot.
token_make() {
	softhsm2-util --init-token --free --label "$1" --so-pin "$PKCS11_SO_PIN" --pin "$2" >/dev/null
}

# token_tool LABEL PIN ARGUMENT...: OpenSC's program, logged in to the token, at SoftHSM itself.
token_tool() {
	pkcs11_label=$1 pkcs11_pin=$2
	shift 2
	pkcs11-tool --module "$SOFTHSM" --token-label "$pkcs11_label" --login --pin "$pkcs11_pin" "$@"
}

# key_make LABEL TYPE ID [NAME [ARGUMENT...]]: a key pair on the token LABEL, whose PIN token_pin says; TYPE as
# pkcs11-tool has it (rsa:2048, EC:prime256v1, EC:secp384r1, EC:secp521r1, EC:edwards25519), ID in hexadecimal.
# The public half in DER goes to $T/ID.spki.
key_make() {
	pkcs11_token=$1 pkcs11_type=$2 pkcs11_id=$3 pkcs11_name=${4:-key $3}
	shift 3
	[ $# -eq 0 ] || shift
	token_tool "$pkcs11_token" "$(token_pin)" --keypairgen --key-type "$pkcs11_type" --id "$pkcs11_id" \
		--label "$pkcs11_name" --usage-sign "$@" >"$T/keypairgen.log" 2>&1 &&
		pkcs11-tool --module "$SOFTHSM" --token-label "$pkcs11_token" --read-object --type pubkey \
			--id "$pkcs11_id" -o "$T/$pkcs11_id.read" >/dev/null 2>&1 &&
		openssl pkey -pubin -in "$T/$pkcs11_id.read" -pubout -outform DER -out "$T/$pkcs11_id.spki"
}

# key_import LABEL OPTIONS ID [NAME]: the same for a key made by "openssl genpkey OPTIONS" and imported, which of
# Ed25519 has its attributes in another form; the private key is in $T/ID.key.
key_import() {
	# shellcheck disable=SC2086 # options are words
	openssl genpkey $2 -out "$T/$3.key" 2>/dev/null &&
		openssl pkey -in "$T/$3.key" -pubout -outform DER -out "$T/$3.spki" &&
		softhsm2-util --import "$T/$3.key" --token "$1" --pin "$(token_pin)" --id "$3" --label "${4:-key $3}" \
			>/dev/null
}

# token_pin: the PIN that the functions here use.
token_pin() {
	echo "${TOKEN_PIN:-1234}"
}

# certificate_make LABEL ID: a certificate for the key pair with this ID, beside it; in $T/ID.crt, too.
certificate_make() {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/ca.pem" 2>/dev/null &&
		openssl pkey -pubin -inform DER -in "$T/$2.spki" -out "$T/$2.pem" &&
		openssl req -new -key "$T/ca.pem" -subj "/CN=$2" |
		openssl x509 -req -signkey "$T/ca.pem" -force_pubkey "$T/$2.pem" -days 2 -outform DER \
			-out "$T/$2.crt" 2>/dev/null &&
		token_tool "$1" "$(token_pin)" --write-object "$T/$2.crt" --type cert --id "$2" \
			--label "certificate $2" >/dev/null 2>&1
}

# public_line ID [COMMENT]: the public key of key_make as OpenSSH writes it, by ssh-keygen; of Ed25519, which it
# does not convert everywhere, from the last 32 bytes of the SubjectPublicKeyInfo (RFC 8410, RFC 8709).
public_line() {
	openssl pkey -pubin -inform DER -in "$T/$1.spki" -out "$T/$1.pem" 2>/dev/null || return 1
	if openssl pkey -pubin -in "$T/$1.pem" -noout -text | grep -q ED25519; then
		echo "ssh-ed25519 $({
			printf '\000\000\000\013ssh-ed25519\000\000\000\040'
			tail -c 32 "$T/$1.spki"
		} | openssl base64 -A)${2:+ $2}"
	else
		echo "$(ssh-keygen -i -m PKCS8 -f "$T/$1.pem")${2:+ $2}"
	fi
}

# p11bad [COMMAND...]: what $P11BAD does from now on, each COMMAND a line of tests/modules/p11bad.c; without
# any it behaves.  What was used up of earlier ones is forgotten.
p11bad() {
	rm -f "$P11BAD.commands.used"
	[ $# -eq 0 ] || printf '%s\n' "$@" >"$P11BAD.commands.new"
	[ $# -ne 0 ] || : >"$P11BAD.commands.new"
	mv "$P11BAD.commands.new" "$P11BAD.commands"
}

# p11bad_calls FUNCTION: how often it was called.
p11bad_calls() {
	grep -cx "$1" "$P11BAD.commands.calls" 2>/dev/null || [ $? -eq 1 ] || echo 0
}
