# The driver of helpers for tokens (tests/tools/token.c) and signet-pkcs11, after lib.sh and pkcs11.sh.

PKCS11=$BUILD/libexec/signet/signet-pkcs11
[ -x "$PKCS11" ] || skip_all 'signet-pkcs11 is not built: libp11-kit is missing'
softhsm_start
SOFTHSM=$(realpath "$SOFTHSM")
echo 'a message' >"$T/message"

# hsm_key TOKEN PIN TYPE ID LABEL [ARGUMENT...]: as key_make, for keys that cannot be read by their ID alone.
hsm_key() {
	hsm_of=$1 hsm_pin=$2 hsm_type=$3 hsm_id=$4 hsm_label=$5
	shift 5
	token_tool "$hsm_of" "$hsm_pin" --keypairgen --key-type "$hsm_type" --id "$hsm_id" --label "$hsm_label" \
		--usage-sign "$@" >"$T/hsm.log" 2>&1 || diag "pkcs11-tool: $hsm_label" "$(cat "$T/hsm.log")"
}

# hsm_import TOKEN PIN FILE ID LABEL: a key that openssl made is put there.
hsm_import() {
	softhsm2-util --import "$3" --token "$1" --pin "$2" --id "$4" --label "$5" --force >"$T/hsm.log" 2>&1 ||
		diag "softhsm2-util: $5" "$(cat "$T/hsm.log")"
}

# hsm_public TOKEN PIN ID LABEL FILE: the public key in PEM, as pkcs11-tool reads it.
hsm_public() {
	token_tool "$1" "$2" --read-object --type pubkey --id "$3" --label "$4" -o "$5.der" >"$T/hsm.log" 2>&1 &&
		openssl pkey -pubin -inform DER -in "$5.der" -out "$5" >"$T/hsm.log" 2>&1
}

# token COMMAND...: what signet-pkcs11 answers.
token() {
	timeout 60 "$BUILD/tests/tools/token" "$PKCS11" "$@" </dev/null 2>"$T/err"
}

# good ALGORITHM PUBLIC SIGNATURE: does openssl take it as one of $T/message?
good() {
	case $1 in
	ssh-ed25519)
		openssl pkeyutl -verify -rawin -pubin -inkey "$2" -sigfile "$3" -in "$T/message" >/dev/null 2>&1
		return
		;;
	ssh-rsa) good_hash=sha1 ;;
	*256) good_hash=sha256 ;;
	*384) good_hash=sha384 ;;
	*) good_hash=sha512 ;;
	esac
	openssl dgst -$good_hash -verify "$2" -signature "$3" "$T/message" >/dev/null 2>&1
}
