#!/bin/sh
# Middleware libraries in place of libfido2: one that really signs, what may be loaded for whom, and libraries that
# crash, hang, print or lack what is asked of them.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/securitykeys.sh"
need ssh-add ssh-keygen python3

# sk-virtual.so keeps its authenticator beside it, here in $SK.state.
fido_key ed ed25519-sk lib/sk-virtual.so
fido_key ec ecdsa-sk lib/sk-virtual.so
echo 123456 >"$T/keygen-pin"
SK_VIRTUAL_PIN=123456 fido_key v ed25519-sk locked -O verify-required
keygen ed25519 "$T/soft"
keygen ed25519 "$T/host"
fido_agent -P "$T/lib/*"

# mode NAME: what the library does wrong from now on.
mode() {
	echo "$1" >"$SK.mode"
}

# --- a library that works
for key in ed ec; do
	ok "$key: added with -S" "$ADD" -q -S "$SK" "$T/$key"
	ok "$key: signs" sign "$key"
	ok "$key: rightly" verified "$key"
	has "$key: with the flag for a touch" "$(said "$key")" '^flags=1 counter=[1-9]'
	ssh-add -q -D 2>/dev/null
	ok "$key: added with SSH_SK_PROVIDER" env SSH_SK_PROVIDER="$SK" "$ADD" -q "$T/$key"
	ok "$key: signs" sign "$key"
	ssh-add -q -D 2>/dev/null
	ok "$key: added by OpenSSH's ssh-add" ssh-add -q -S "$SK" "$T/$key"
	ok "$key: signs" sign "$key"
	ok "$key: rightly" verified "$key"
	ssh-add -q -D 2>/dev/null
done
ok 'by a link' ln -s "$SK" "$T/lib/link.so"
ok 'a library is found' "$ADD" -q -S "$T/lib/link.so" "$T/ed"
ok 'and signs' sign ed
ssh-add -q -D 2>/dev/null

# --- one that wants a PIN
cp "$SK" "$T/lib/locked.so"
cp "$T/locked.state" "$T/lib/locked.so.state"
"$ADD" -q -S "$T/lib/locked.so" "$T/v"
forget
printf '%s\n' 999999 123456 >"$T/pins"
ok 'a PIN is asked for' sign v
ok 'and the signature is right' verified v
has 'with both flags' "$(said v)" '^flags=5 '
is 'there was one more chance' "$(asked secret)" 2
ssh-add -q -D 2>/dev/null

# --- its resident keys
SK_VIRTUAL_STATE=$T/lib/locked.so.state fido_key rk ed25519-sk lib/locked.so -O resident -O application=ssh:rk
forget
echo 123456 >"$T/pins"
ok 'resident keys of a library' env SSH_ASKPASS="$T/person" SSH_ASKPASS_REQUIRE=force "$ADD" -q -K -S "$T/lib/locked.so"
is 'are added' "$(ssh-add -L | cut -d ' ' -f 2,3)" "$(cut -d ' ' -f 2 "$T/pub/rk.pub") ssh:rk"
ok 'and sign' sign rk
ok 'rightly' verified rk
ssh-add -q -D 2>/dev/null

# --- not allowed
mkdir "$T/elsewhere"
cp "$SK" "$T/elsewhere/"
exits 'a library that -P leaves out' 1 "$ADD" -S "$T/elsewhere/sk-virtual.so" "$T/ed"
has 'is refused, and why' "$(log_last add)" 'add refused: the library is not on the list of those allowed'
ln -s "$T/elsewhere/sk-virtual.so" "$T/lib/away.so"
exits 'so is a link that leads out' 1 "$ADD" -S "$T/lib/away.so" "$T/ed"
has 'for the same reason' "$(log_last add)" 'not on the list of those allowed'
has 'signet-add says why' "$("$ADD" -S "$T/lib/away.so" "$T/ed" 2>&1)" \
	"^The agent's reason: the library is not on the list of those allowed"
exits 'one that is not there' 1 "$ADD" -S "$T/lib/missing.so" "$T/ed"
has 'is said to be none' "$(log_last add)" 'add refused: the security key library cannot be loaded'
cat >"$T/remote.py" <<'END'
import os, sys
sys.path.insert(0, sys.argv[1])
from client import *
c = Client(sys.argv[2])
assert c.ask(bind_request(c, blob_of(sys.argv[3]), os.urandom(32), forwarding=True)) == bytes([SUCCESS])
blob = blob_of(sys.argv[4])
public = blob[4 + 26 + 4:4 + 26 + 4 + 32]
key = (string(b"sk-ssh-ed25519@openssh.com") + string(public) + string(b"ssh:") + b"\x01" + string(b"h" * 64) +
       string(b"") + string(b"comment") + b"\xff" + string(b"sk-provider@openssh.com") + string(sys.argv[5].encode()))
reply = c.ask(bytes([ADD_CONSTRAINED]) + key)
sys.exit(0 if reply[0] == SUCCESS else 3)
END
"$ADD" -q "$T/host"
remote() {
	python3 "$T/remote.py" tests/support "$SSH_AUTH_SOCK" "$T/host.pub" "$T/ed.pub" "$1"
}
exits 'none is loaded for another host' 3 remote "$SK"
has 'which is said' "$(log_last add)" 'add refused: libraries are not loaded for another host'
ok 'a key without a library may come from there' remote internal
ssh-add -q -D 2>/dev/null

# --- libraries that are none
printf 'not a library\n' >"$T/lib/text.so"
cp "$BUILD/tests/virtual/sk-partial.so" "$T/lib/partial.so"
for wrong in text partial; do
	exits "$wrong: refused" 1 "$ADD" -S "$T/lib/$wrong.so" "$T/ed"
	has "$wrong: for this" "$(log_last add)" 'add refused: the security key library cannot be loaded or is none'
done
for wrong in version crash-loading hang-loading; do
	mode $wrong
	exits "$wrong: refused" 1 timeout 50 "$ADD" -S "$SK" "$T/ed"
	has "$wrong: for a reason" "$(log_last add)" 'add refused: the (security key library|helper program)'
	ok "$wrong: others sign" ssh-add -q "$T/soft"
	ok "$wrong: at once" timeout 5 ssh-add -T "$T/soft.pub"
	ok "$wrong: the helper is gone" poll 5 helpers_are 0
	ssh-add -q -D 2>/dev/null
done

# --- libraries that go wrong while they sign; one helper stays, which watches what is plugged in
rm -f "$SK.mode"
"$ADD" -q -S "$SK" "$T/ed"
"$ADD" -q "$T/soft"
for wrong in crash exit wrong long empty; do
	mode $wrong
	not_ok "$wrong: no signature" sign ed
	has "$wrong: for a reason" "$(log_last sign)" 'sign refused: the (security key|helper program)'
	ok "$wrong: the helper is gone" poll 5 helpers_are 0
	ok "$wrong: others sign" timeout 5 ssh-add -T "$T/soft.pub"
done
mode print
ok 'print: what it prints does no harm' sign ed
ok 'print: the signature is right' verified ed
mode hang
begin sign ed
ok 'hang: it hangs' poll 10 helpers_are 1
ok 'hang: others sign' timeout 5 ssh-add -T "$T/soft.pub"
ok 'hang: and list' timeout 5 ssh-add -l
ok 'hang: the person is told to touch' poll 10 shown_is notice 1
leave "$begun"
ok 'hang: the client leaves, and the helper is killed' poll 5 helpers_are 0
ok 'hang: the notice has gone' poll 5 shown_is notice 0
rm -f "$SK.mode"
ok 'and then it signs again' sign ed
ok 'rightly' verified ed
ok 'nothing of what it prints is in the log' sh -c "! grep -q 'middleware says' $T/agent.log"
finish
