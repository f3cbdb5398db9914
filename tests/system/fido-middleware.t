#!/bin/sh
# signet-fido with middleware libraries: OpenSSH's own, and such as misbehave.
. "${0%/*}/../support/lib.sh"

need ssh-keygen
[ -x "$BUILD/libexec/signet/signet-fido" ] || skip_all 'signet-fido is not built: libfido2 is missing'
# A library of a foreign build cannot be loaded beside the sanitizers' run-time.
no_sanitizers
FIDO=$BUILD/tests/tools/fido
BAD=$BUILD/tests/preload/skbad.so
DUMMY=/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so
export BUILD
echo 'some text' >"$T/text"

# answer ARGUMENT...: what comes back.
answer() {
	"$FIDO" "$@" </dev/null 2>"$T/err"
}

# bad NAME: a library that misbehaves so; its path.
bad() {
	cp "$BAD" "$T/$1.so"
	echo "$T/$1.so"
}

# --- OpenSSH's library -------------------------------------------------------
if [ -e "$DUMMY" ]; then
	has 'it is loaded' "$(answer load "$DUMMY")" '^loaded 0x000a0000$'
	for type in ed25519 ecdsa; do
		ok "a key of its own, $type" ssh-keygen -q -t "$type-sk" -w "$DUMMY" -N '' -f "$T/$type"
		has "it signs" "$(answer -P "$DUMMY" sign - "$T/$type" "$T/text")" '^signed flags=0x01 '
		printf 'me %s\n' "$(cat "$T/$type.pub")" >"$T/allowed"
		ok 'and ssh-keygen verifies it' sh -c \
			"ssh-keygen -Y verify -f '$T/allowed' -I me -n test -s '$T/text.sig' <'$T/text'"
	done
	has 'it has no resident keys' "$(answer -P "$DUMMY" resident -)" '^failed: not supported;'
else
	skip "OpenSSH's library" 'openssh-tests is not installed'
fi
keygen ed25519 "$T/plain"

# --- finding one --------------------------------------------------------------
cp "$BAD" "$T/real.so"
ln -s real.so "$T/link.so"
mkdir "$T/folder.so"
mkfifo "$T/pipe.so"
is 'a link is resolved' "$(answer resolve "$T/link.so")" "resolved $T/real.so"
is 'and the way to it' "$(answer resolve "$T/folder.so/../link.so")" "resolved $T/real.so"
provider='^failed: the security key library cannot be loaded or is none;'
has 'a folder is no library' "$(answer resolve "$T/folder.so")" "$provider.*is not a file"
has 'a pipe is none' "$(answer resolve "$T/pipe.so")" "$provider.*is not a file"
has 'what is not there is none' "$(answer resolve "$T/none.so")" "$provider.*No such file"
has 'a path from somewhere is none' "$(answer resolve real.so)" "$provider.*does not begin with /"
has 'nor can that be loaded' "$(answer load libc.so.6)" "$provider.*does not begin with /"
has 'a text cannot be loaded' "$(answer load "$T/text")" "$provider.*(invalid ELF|too short)"
has 'what is not there cannot be loaded' "$(answer load "$T/none.so")" "$provider.*cannot open"
libc=$(sed -n 's/.* \(\/.*libc\.so[^ ]*\)$/\1/p; s/.* \(\/.*libc-.*\.so\)$/\1/p' /proc/self/maps | head -n 1)
has 'another library is none' "$(answer load "$libc")" "$provider.*sk_api_version"
has 'one of an older version is none' "$(answer load "$(bad old)")" "$provider.*0x00090000"
is 'one of a newer minor version is one' "$(answer load "$(bad good)")" 'loaded 0x000a0007'

# --- libraries that misbehave -------------------------------------------------
# A key to ask for, from the tool's own words; any will do.
key=$T/ed25519
[ -e "$key" ] || key=$T/plain
sign() {
	answer -P "$(bad "$1")" sign - "$key" "$T/text"
}

is 'one that crashes ends its process and nothing else' "$(sign crash)" 'ended without an answer: signal 6'
is 'one that leaves does' "$(sign leave)" 'ended without an answer: status 0'
is 'one that leaves while it is loaded does' "$(answer load "$(bad quit-load)")" \
	'ended without an answer: status 0'
is 'what one prints is not an answer' "$(sign print)" \
	'failed: the security key or its library reported an error; tries=255; sk_sign gave -1'
is 'nor is it in the log' "$(cat "$T/err")" ''
has 'no signature is none' "$(sign null)" "$provider.*what sk_sign gave makes no sense"
has 'one of odd sizes is none' "$(sign lie)" "$provider.*what sk_sign gave makes no sense"
has 'no device' "$(sign lone)" '^failed: the security key that holds it is not plugged in;'
has 'a PIN is wanted' "$(sign pin)" '^failed: a PIN is needed; tries=255;'
has 'a wrong PIN' "$(answer -P "$T/pin.so" -p 1233 sign - "$key" "$T/text")" '^failed: the PIN is wrong;'
has 'the right PIN' "$(answer -P "$T/pin.so" -p 1234 sign - "$key" "$T/text")" '^failed: not supported;'

is 'a resident key' "$(answer -P "$(bad good)" -o "$T/out" resident -)" \
	'key sk-ssh-ed25519@openssh.com ssh:mine flags=0x25  
1 keys'
ok 'of which a key file is made' ssh-keygen -y -f "$T/out.0"
has 'more than there can be' "$(answer -P "$(bad many)" resident -)" "$provider.*makes no sense"
has 'one without a public key' "$(answer -P "$(bad lie)" resident -)" "$provider.*makes no sense"

# One that hangs, taken back and hung up on: it ends within a second, and the tool waits for that.
mkfifo "$T/orders"
for order in c h; do
	"$FIDO" -P "$(bad hang)" sign - "$key" "$T/text" <"$T/orders" >"$T/answer" 2>&1 &
	asker=$!
	reap "$asker"
	exec 9>"$T/orders"
	helper_maps() {
		for pid in $(children "$asker"); do
			grep -q hang.so "/proc/$pid/maps" && helper=$pid && return
		done
		return 1
	}
	helper=
	ok 'one that hangs is loaded' poll 10 helper_maps
	echo "$order" >&9
	ok 'and gone when it is told to be' gone "$helper" 2
	exec 9>&-
	wait "$asker"
	case $order in
	c) has 'with an answer' "$(cat "$T/answer")" '^failed: the request was cancelled;' ;;
	h) is 'without one' "$(cat "$T/answer")" 'ended without an answer: status 0' ;;
	esac
done
finish
