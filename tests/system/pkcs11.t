#!/bin/sh
# Keys on PKCS#11 tokens in the agent, with SoftHSM: added and removed by OpenSSH's ssh-add and by signet-add, signing
# for OpenSSH, with certificates, rules, names of all kinds, and a helper that ends.
. "${0%/*}/../support/lib.sh"
need ssh-add ssh-keygen python3 softhsm2-util pkcs11-tool openssl
[ -x "$BUILD/libexec/signet/signet-pkcs11" ] || skip_all 'signet-pkcs11 is not built'
MODULE=
for file in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do
	[ ! -e "$file" ] || MODULE=$(readlink -f "$file")
done
[ -n "$MODULE" ] || skip_all 'the module of softhsm2 is not installed'
mkdir "$T/asked"
printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$T/tokens" >"$T/softhsm2.conf"
SOFTHSM2_CONF=$T/softhsm2.conf
export SOFTHSM2_CONF
echo 'a message' >"$T/message"

# key TOKEN PIN ID NAME FILE: a private key in a file of OpenSSL's, put on the token by SoftHSM's own program; its
# public half as OpenSSH writes it in $T/NAME.pub.
key() {
	softhsm2-util --import "$5" --token "$1" --pin "$2" --label "$4" --id "$3" >"$T/import.log" 2>&1 || cat "$T/import.log"
	if [ "$4" = ed ]; then
		{
			printf '\000\000\000\013ssh-ed25519\000\000\000\040'
			openssl pkey -in "$5" -pubout -outform DER | tail -c 32
		} | base64 -w 0 | sed 's/^/ssh-ed25519 /' >"$T/$4.pub"
	else
		openssl pkey -in "$5" -pubout | ssh-keygen -i -m PKCS8 -f /dev/stdin >"$T/$4.pub"
	fi
}
# The order is SoftHSM's; a PIN for several tokens goes to the first.
tokens() {
	rm -rf "$T/tokens"
	mkdir "$T/tokens"
	for token in ssh:1234 other:9999; do
		softhsm2-util --init-token --free --label "${token%:*}" --so-pin 5678 --pin "${token#*:}" >/dev/null
	done
	softhsm2-util --show-slots | sed -n 's/^ *Label: *//p' | head -n 1 | grep -q ssh
}
poll 5 tokens || skip_all 'SoftHSM makes no tokens here'
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$T/rsa.pem" 2>/dev/null
openssl genpkey -algorithm ED25519 -out "$T/ed.pem"
for name in ec mine; do
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/$name.pem"
done
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$T/far.pem"
key ssh 1234 01 rsa "$T/rsa.pem"
key ssh 1234 02 ec "$T/ec.pem"
key ssh 1234 03 ed "$T/ed.pem"
key other 9999 02 far "$T/far.pem"

# The person: secrets are the lines of $T/pins; what was asked is in $T/asked/KIND.PID.
askpass person "kind=\${SSH_ASKPASS_PROMPT:-secret}" \
	"printf '%s\\n' \"\$1\" >$T/asked/.\$\$ && mv $T/asked/.\$\$ $T/asked/\$kind.\$\$" \
	"[ \$kind != confirm ] || exec test -e $T/yes" \
	"[ -s $T/pins ] || exit 1" "head -n 1 $T/pins" "sed -i 1d $T/pins" >/dev/null
askpass typist "cat $T/pin" >/dev/null
echo 1234 >"$T/pin"
agent() {
	SSH_ASKPASS=$T/person SSH_ASKPASS_REQUIRE=force SIGNET_PROMPT=askpass SIGNET_NOTIFY='' agent_start "$@"
}
# openssh ARGUMENT...: its ssh-add, to which $T/pin is typed.
openssh() {
	SSH_ASKPASS=$T/typist SSH_ASKPASS_REQUIRE=force timeout 50 ssh-add "$@"
}
ours() {
	SSH_ASKPASS=$T/typist SSH_ASKPASS_REQUIRE=force timeout 50 "$ADD" "$@"
}
sign() {
	timeout 50 ssh-keygen -Y sign -f "$T/$1.pub" -n test <"$T/message" >"$T/$1.sig"
}
verified() {
	echo "me $(cat "$T/$1.pub")" >"$T/signers"
	ssh-keygen -Y verify -f "$T/signers" -I me -n test -s "$T/$1.sig" <"$T/message"
}
asked() {
	find "$T/asked" -name "$1.*" | wc -l
}
forget() {
	rm -f "$T/asked"/* "$T/pins" "$T/yes"
}
# keys: their comments, in the order of the list.
keys() {
	ssh-add -L 2>/dev/null | grep '^[a-z0-9@.-]* AAAA' | cut -d ' ' -f 3- | tr '\n' ' '
}
# helper: the process that has loaded the module.
helper() {
	for pid in $(children "$SSH_AGENT_PID"); do
		case $(tr '\0' ' ' <"/proc/$pid/cmdline") in *signet-pkcs11*) echo "$pid" ;; esac
	done
}
# logged PATTERN: whether the agent's log has such a line, soon.
logged() {
	poll 10 grep -Eq -e "$1" "$T/agent.log"
}
no_helper() {
	[ -z "$(helper)" ]
}
SSH="pkcs11:token=ssh?module-path=$MODULE"
agent || fail 'the agent starts'

# --- OpenSSH's commands
ok 'ssh-add -s adds' openssh -s "$MODULE"
is 'with labels as comments' "$(keys | tr ' ' '\n' | sort | tr '\n' ' ')" 'ec ed far rsa '
for name in rsa ec ed far; do
	has "$name is the key that OpenSSL made" "$(ssh-add -L)" "^$(sed 's/[+]/[+]/g' "$T/$name.pub" | cut -d ' ' -f 1,2)"
done
for name in rsa ec ed; do
	ok "$name: ssh-add -T" timeout 50 ssh-add -T "$T/$name.pub"
	ok "$name: signs" sign "$name"
	ok "$name: rightly" verified "$name"
done
is 'nobody was asked for the PIN again' "$(asked secret)" 0
echo 9999 >"$T/pins"
ok 'one whose token has another PIN' sign far
ok 'signs rightly' verified far
is 'once it was asked for' "$(asked secret)" 1
has 'by the name of the token' "$(cat "$T/asked"/secret.*)" other
ok 'added again' openssh -s "$MODULE"
ok 'ssh-add -e removes' openssh -e "$MODULE"
is 'all of them' "$(keys)" ''
not_ok 'once only' openssh -e "$MODULE"
ok 'the helper ends' poll 10 no_helper

# --- names
ln -s "$MODULE" "$T/link.so"
ok 'by a link' openssh -s "$T/link.so"
ok 'and removed by it' openssh -e "$T/link.so"
is 'altogether' "$(keys)" ''
ok 'a URI names a token and a key' openssh -s "pkcs11:token=ssh;object=ec?module-path=$MODULE"
is 'that one alone' "$(keys)" 'ec '
ok 'removed by the module' openssh -e "$MODULE"
ok 'a URI names a token' openssh -s "$SSH"
is 'its keys alone' "$(keys | tr ' ' '\n' | sort | tr '\n' ' ')" 'ec ed rsa '
ok 'removed by the URI' openssh -e "$SSH"
is 'all' "$(keys)" ''
not_ok 'no such file' openssh -s /usr/lib/no-such-module.so
not_ok 'no token of this name' openssh -s "pkcs11:token=none?module-path=$MODULE"
not_ok 'no URI' openssh -s 'pkcs11:to%ken=x'
not_ok 'a URI without a module' ours -s 'pkcs11:object=ec'
ok 'is told what to add' logged 'add token refused.*put [?]module-name=NAME'
cp "$MODULE" "$T/copy.so"
not_ok 'a module that -P does not allow' openssh -s "$T/copy.so"
ok 'in words' logged 'add token refused.*not on the list of those allowed'
is 'nothing is left of it' "$(keys)" ''
ok 'nor its helpers' poll 10 no_helper

# --- the PIN
echo 4321 >"$T/pin"
not_ok 'a wrong PIN' openssh -s "$SSH"
ok 'is said to be wrong' logged 'add token refused.*the PIN is wrong'
has 'and not written down' "$(lines_with "$T/agent.log" 4321)" '^0$'
echo 1234 >"$T/pin"

# --- rules
ok 'with -t' openssh -t 2 -s "$MODULE"
has 'the keys have a lifetime' "$("$ADD" -l -v)" 'lifetime-left-seconds|lifetime: '
no_keys() {
	[ -z "$(keys)" ]
}
ok 'and go' poll 10 no_keys
ok 'with -c' openssh -c -s "$SSH"
forget
not_ok 'a no' sign ec
is 'was asked for' "$(asked confirm)" 1
touch "$T/yes"
ok 'a yes' sign ec
ok 'signs' verified ec
ok 'the rules are those of the last addition' openssh -s "$SSH"
forget
ok 'nobody is asked' sign ec
is 'any more' "$(asked confirm)" 0
openssh -q -D 2>/dev/null
is 'ssh-add -D removes them' "$(keys)" ''
ok 'a private key in memory' "$ADD" -q "$T/ec.pem"
ok 'stays when a token has it, too' openssh -s "$MODULE"
is 'with the others' "$(ssh-add -L | wc -l)" 4
ok 'and when the token goes' openssh -e "$MODULE"
is 'alone' "$(ssh-add -L | cut -d ' ' -f 1,2)" "$(cut -d ' ' -f 1,2 "$T/ec.pub")"
ssh-add -q -D 2>/dev/null

# --- locked
lock=$(askpass lock 'echo secret')
openssh -q -s "$MODULE"
SSH_ASKPASS=$lock SSH_ASKPASS_REQUIRE=force ssh-add -x >/dev/null 2>&1
not_ok 'locked it adds none' openssh -s "$MODULE"
not_ok 'and does not sign' sign ec
ok 'but removes' openssh -e "$MODULE"
SSH_ASKPASS=$lock SSH_ASKPASS_REQUIRE=force ssh-add -X >/dev/null 2>&1
is 'all' "$(keys)" ''

# --- certificates
ssh-keygen -q -t ed25519 -N '' -f "$T/ca"
for name in ec rsa mine; do
	[ -e "$T/$name.pub" ] || openssl pkey -in "$T/$name.pem" -pubout | ssh-keygen -i -m PKCS8 -f /dev/stdin >"$T/$name.pub"
	ssh-keygen -q -s "$T/ca" -I "first $name" -n me "$T/$name.pub"
done
ok 'with certificates' ours -q -s "$MODULE" "$T/ec-cert.pub" "$T/mine-cert.pub"
is 'that of a key on the token is there' "$(ssh-add -L | grep -c 'cert-v01@openssh.com')" 1
is 'beside all keys' "$(ssh-add -L | wc -l)" 5
ok 'certified it signs' timeout 50 ssh-add -T "$T/ec-cert.pub"
ok 'removed' ours -q -e "$MODULE"
ok 'only certificates' ours -q -C -s "$MODULE" "$T/ec-cert.pub"
has 'and no key' "$(ssh-add -L)" '^ecdsa-sha2-nistp256-cert-v01@openssh.com'
is 'but it' "$(ssh-add -L | wc -l)" 1
not_ok 'only those of other keys' ours -q -C -s "$MODULE" "$T/mine-cert.pub"
ssh-add -q -D 2>/dev/null
if ssh-add '-?' 2>&1 | grep -q -- '-s.*certificate'; then
	ok "OpenSSH's ssh-add with certificates" openssh -q -t 600 -s "$MODULE" "$T/ec-cert.pub" "$T/mine-cert.pub" "$T/rsa-cert.pub"
	is 'those of keys on the token are there' "$(ssh-add -L | grep -c 'cert-v01@openssh.com')" 2
	ok 'and sign' timeout 50 ssh-add -T "$T/ec-cert.pub" "$T/rsa-cert.pub"
	ok 'removed with the keys' openssh -q -e "$MODULE"
	is 'all' "$(keys)" ''
	ok 'only certificates' openssh -q -C -s "$MODULE" "$T/rsa-cert.pub"
	is 'and no key' "$(ssh-add -L | cut -d ' ' -f 1)" ssh-rsa-cert-v01@openssh.com
	ssh-add -q -D 2>/dev/null
else
	skip "OpenSSH's ssh-add with certificates" 'not on Debian 12: this one takes none with -s'
fi
openssh -q -s "$MODULE"
ok 'one comes later' "$ADD" -q --certificate "$T/rsa-cert.pub"
ok 'and signs' timeout 50 ssh-add -T "$T/rsa-cert.pub"
old=$(cut -d ' ' -f 2 "$T/rsa-cert.pub")
ssh-keygen -q -s "$T/ca" -I 'second rsa' -n me "$T/rsa.pub"
ok 'a newer one' "$ADD" -q --certificate "$T/rsa-cert.pub"
is 'replaces it' "$(ssh-add -L | grep -c "$old")" 0
is 'and is there' "$(ssh-add -L | grep -c 'cert-v01@openssh.com')" 1
not_ok 'one of a key that is not held' "$ADD" -q --certificate "$T/mine-cert.pub"

# --- the helper ends
forget
echo 1234 >"$T/pins"
kill -9 "$(helper)"
ok 'a signature after the helper was killed' sign ec
ok 'is right' verified ec
is 'and the PIN was asked for' "$(asked secret)" 1
has 'a key says where it is' "$("$ADD" -l -v)" 'token: ssh'
has 'and that it is there' "$("$ADD" -l -v)" 'present: yes'
has 'the status counts' "$("$ADD" --status)" 'tokens-present: 2'
kill -USR1 "$SSH_AGENT_PID"
ok 'SIGUSR1 removes all' poll 10 no_keys
ok 'and ends the helper' poll 10 no_helper

# --- PINs that are remembered, and keys that are hidden
agent_stop
agent --remember-pin plugged --hide-absent || fail 'the agent starts'
openssh -q -s "$SSH"
forget
kill -9 "$(helper)"
echo 1234 >"$T/pins"
ok 'a signature after the helper was killed' sign ec
is 'asks for the PIN' "$(asked secret)" 1
ok 'another' sign ec
is 'does not' "$(asked secret)" 1
is 'keys that are there are listed' "$(ssh-add -L | wc -l)" 3

# --- for other hosts, in pieces, and given up
ssh-add -q -D 2>/dev/null
keygen ed25519 "$T/host"
ssh-add -q "$T/host"
cat >"$T/requests.py" <<'END'
import os, sys
sys.path.insert(0, sys.argv[1])
from client import *

module, program = sys.argv[2].encode(), sys.argv[3]
path = os.environ["SSH_AUTH_SOCK"]
add = bytes([20]) + string(module) + string(b"1234")
with_rules = bytes([26]) + add[1:]
remove = bytes([21]) + string(module) + string(b"")
host = blob_of(sys.argv[4])


def extension(name, content=b""):
    return bytes([255]) + string(name) + content


for rest in [bytes([9]), extension(b"sk-provider@openssh.com", string(b"internal")),
             extension(b"associated-certs-v00@openssh.com", b"\x00" + string(string(b"none")))]:
    c = Client(path)
    assert c.ask(with_rules + rest) == bytes([FAILURE]), rest
    c.leave()
for body in [add + b"x", bytes([20]) + string(b"") + string(b""), bytes([20]) + string(module) + string(b"1" * 256),
             bytes([20]) + string(b"/" * 5000) + string(b"")]:
    c = Client(path)
    assert c.ask(body) == bytes([FAILURE]), body
    c.leave()

# Whoever leaves has nothing added; the helpers end.
for i in range(20):
    c = Client(path)
    c.send(add)
    time.sleep(i * 0.002)
    c.leave()
until("what was begun ends", lambda: status(program)["connections"] == "1")

away = Client(path)
assert away.ask(bind_request(away, host, os.urandom(32), forwarding=True)) == bytes([SUCCESS])
assert away.ask(add) == bytes([FAILURE])
assert away.ask(remove)[0] in (SUCCESS, FAILURE)
here = Client(path)
assert here.ask(add) == bytes([SUCCESS])
assert away.ask(remove) == bytes([SUCCESS])
assert here.ask(remove) == bytes([FAILURE])
END
ok 'refused over forwarded connections, as are malformed requests' \
	timeout 100 python3 "$T/requests.py" "${0%/*}/../support" "$MODULE" "$ADD" "$T/host.pub"
ok 'in words' logged 'refused.*tokens are not added from another host'
is 'nothing of them stays' "$(ssh-add -L | wc -l)" 1
ok 'no helper either' poll 10 no_helper

# --- a scheme has no case
agent_stop
agent || fail 'the agent starts'
ok 'PKCS11: in capitals' ours -s "PKCS11:token=ssh;object=ec?module-path=$MODULE&pin-value=1234"
is 'picks as in small letters' "$(keys)" 'ec '
ok 'and removes' ours -q -e "PKCS11:object=none?module-path=$MODULE&pin-value=1234"
is 'all' "$(keys)" ''
has 'both are in the log' "$("$ADD" --log)" 'remove.*token|token.*remove'
has 'their PIN is not' "$("$ADD" --log | grep -c 'pin-value')" '^0$'

finish
