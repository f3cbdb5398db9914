# signet-fido asked directly, with keys on virtual cards; after pcscd.sh and lib.sh.
FIDO=$BUILD/tests/tools/fido
KEYMAKER=$BUILD/tests/tools/fidokey
export BUILD

# path SLOT: what the device in this slot is called.
path() {
	echo "pcsc:Virtual FIDO $(($1 / 2)) 00 0$(($1 % 2))"
}

# answer ARGUMENT...: what comes back; see tests/tools/fido.c.
answer() {
	"$FIDO" "$@" </dev/null 2>&1
}

# make_key CARD SLOT TYPE FILE [OPTION...]: a key on this card, with one touch.
make_key() {
	fido_card=$1 fido_slot=$2 fido_type=$3 fido_file=$4
	shift 4
	card "$fido_card" touch >/dev/null &&
		"$KEYMAKER" "$@" "$fido_type" "$(path "$fido_slot")" "$fido_file"
}

# verified KEYFILE FILE: OpenSSH says that FILE.sig is the key's signature of FILE.
verified() {
	printf 'me %s\n' "$(cat "$1.pub")" >"$T/allowed"
	ssh-keygen -Y verify -f "$T/allowed" -I me -n test -s "$2.sig" <"$2"
}

# ask NAME ARGUMENT...: ask in the background, answer to $T/NAME, and take orders by `order NAME c`.
ask() {
	fido_name=$1
	shift
	rm -f "$T/$fido_name.orders"
	mkfifo "$T/$fido_name.orders"
	"$FIDO" "$@" <"$T/$fido_name.orders" >"$T/$fido_name" 2>&1 &
	eval "ASKER_$fido_name=$!"
	reap $!
	eval "exec 9>\"\$T/$fido_name.orders\""
}

order() {
	echo "$1" >&9
}

# answered NAME: wait for the end of `ask`; prints the answer.
answered() {
	exec 9>&-
	eval "gone \$ASKER_$1 20 || echo 'it did not end'"
	cat "$T/$1"
}
