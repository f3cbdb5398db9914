#!/bin/sh
# seconds 300
# Logins by real ssh and sshd with keys on PKCS#11 tokens (SoftHSM): every kind, certificates, rules, and what the
# person reads and when.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/sshd.sh"
. "${0%/*}/../support/pkcs11.sh"
. "${0%/*}/../support/p11agent.sh"
need ssh ssh-add ssh-keygen setsid
no_sanitizers
sshd_need
softhsm_start
TOKEN_PIN=1234
token_make 'my token' 1234 && key_make 'my token' rsa:2048 01 rsa && key_make 'my token' EC:prime256v1 02 p256 &&
	key_import 'my token' '-algorithm EC -pkeyopt ec_paramgen_curve:P-384' 03 p384 &&
	key_import 'my token' '-algorithm EC -pkeyopt ec_paramgen_curve:P-521' 04 p521 &&
	key_import 'my token' '-algorithm ED25519' 05 ed || skip_all 'SoftHSM makes no keys here'
for key in 01:rsa 02:p256 03:p384 04:p521 05:ed; do
	public_line "${key%:*}" "${key#*:}" >"$T/${key#*:}.pub"
done
keygen ed25519 "$T/ca"
for host in here there; do
	keygen ed25519 "$T/host_$host"
	echo "$host $(cat "$T/host_$host.pub")"
done >"$T/known_hosts"
: >"$T/authorized_keys"
: >"$T/trusted"
ssh_config "IdentityFile none"
for host in there here; do
	sshd_start $host "$T/host_$host" "TrustedUserCAKeys $T/trusted" "MaxAuthTries 50" || skip_all 'sshd does not start here'
	printf 'Match originalhost %s\nHostKeyAlias %s\nPort %s\n' $host $host "$port" >>"$T/ssh_config"
done

# login HOST [OPTION...]: in and back with what only the server knows.
login() {
	login_host=$1
	shift
	timeout 60 ssh -F "$T/ssh_config" "$@" "$login_host" 'echo "logged in: $SSH_CONNECTION"' </dev/null >"$T/ssh.out" 2>&1 &&
		grep -q '^logged in: 127.0.0.1' "$T/ssh.out"
}
# lets_in NAME: this key, and no other.
lets_in() {
	cat "$T/$1.pub" >"$T/authorized_keys"
}
# log_last: the newest decision on a signature.
log_last() {
	"$ADD" --log | grep ' sign ' | tail -n 1
}
again() {
	openssh -q -e "$SOFTHSM" 2>/dev/null
	poll 10 no_p11helpers
}
# The agent finds hosts in $T/known_hosts.
[ -e "$BUILD/tests/preload/names.so" ] || skip_all 'names.so is not built'
program=$AGENT
AGENT=$T/agent
printf '#!/bin/sh\nexec env LD_PRELOAD="%s" NAMES_FOLDER="%s" "%s" "$@"\n' \
	"$BUILD/tests/preload/names.so" "$T" "$program" >"$AGENT"
chmod 755 "$AGENT"
p11agent || fail 'the agent starts'

# --- every kind of key
echo 1234 >"$T/pin"
ok 'a module is added' openssh -s "$SOFTHSM"
person
for name in rsa p256 p384 p521 ed; do
	lets_in $name
	ok "$name: login" login here
	is "$name: it was this key" "$(grep -c "Accepted publickey.*$(ssh-keygen -lf "$T/$name.pub" | cut -d ' ' -f 2)" \
		"$T/sshd_here.log")" 1
done
lets_in rsa
ok 'rsa: with SHA-256' login here -o PubkeyAcceptedAlgorithms=rsa-sha2-256
ok 'rsa: with SHA-512' login here -o PubkeyAcceptedAlgorithms=rsa-sha2-512
is 'nobody was asked for anything' "$(cat "$T/asked"/* 2>/dev/null)" ''
again
not_ok 'and when it is gone there is none' login here

# --- the PIN when it is needed
: >"$T/pin"
ok 'added by signet-add without a PIN' ours -q -s "$SOFTHSM"
lets_in p256
person 1234
ok 'login' login here -i "$T/p256.pub" -o IdentitiesOnly=yes
is 'it was asked for' "$(asked secret)" 1
has 'the token by its name' "$(questions secret)" 'PIN of token "my token"'
is 'with the key' "$(questions secret | grep -cF "$(ssh-keygen -lf "$T/p256.pub" | cut -d ' ' -f 2)")" 1
has 'the program' "$(questions secret)" '^Asked by ssh '
has 'and the destination' "$(questions secret)" "log in.* $user .*here"
has 'the log has it, too' "$(log_last)" "sign allowed.*$user@here"
person
ok 'another login' login there -i "$T/p256.pub" -o IdentitiesOnly=yes
is 'asks no more' "$(asked secret)" 0
again

# --- whoever left, a question that is left open, and a no
ours -q -s "$SOFTHSM"
person
: >"$T/wait"
timeout 60 ssh -F "$T/ssh_config" -i "$T/p256.pub" -o IdentitiesOnly=yes here true </dev/null >/dev/null 2>&1 &
leaver=$!
reap $leaver
ok 'a question' poll 20 asked_is secret 1
closed_question() {
	ended "$(basename "$T/asked"/secret.* | cut -d . -f 2)"
}
open_question() {
	! closed_question
}
ok 'is open' open_question
kill $leaver

ok 'it is closed when its client leaves' poll 5 closed_question
person
not_ok 'no PIN is a refusal' sign p256
person 9999 9998 9997
not_ok 'wrong PINs' sign p256
is 'are asked for twice' "$(asked secret)" 2
has 'why is in the log' "$(log_last)" 'the PIN is wrong'
has 'but none of them' "$(lines_with "$T/agent.log" 9999 9998 1234)" '^0$'
person 1234
ok 'the right one' well p256
again

# --- confirmation comes first
ok 'added with -c' ours -q -c -s "$SOFTHSM"
person 1234
touch "$T/yes"
ok 'login' login here -i "$T/p256.pub" -o IdentitiesOnly=yes
is 'the person was asked for a yes, then for the PIN' "$(tr '\n' ' ' <"$T/order")" 'confirm secret '
has 'the first question, too, names the destination' "$(questions confirm)" 'here'
person
touch "$T/no"
not_ok 'after a no' login here -i "$T/p256.pub" -o IdentitiesOnly=yes
is 'no PIN is asked for' "$(asked secret)" 0
again
ours -q -c -s "$SOFTHSM"
person 1234
touch "$T/no"
not_ok 'nor where it would be needed' login here -i "$T/p256.pub" -o IdentitiesOnly=yes
is 'either' "$(tr '\n' ' ' <"$T/order")" 'confirm '
again

# --- destinations
echo 1234 >"$T/pin"
person
for program in openssh ours; do
	ok "$program: added for one host" $program -q -H "$T/known_hosts" -h "$user@here" -s "$SOFTHSM"
	ok 'login there' login here -i "$T/p256.pub" -o IdentitiesOnly=yes
	not_ok 'and not at another' login there -i "$T/p256.pub" -o IdentitiesOnly=yes
	again
done

# --- certificates
for name in rsa p256 p384 p521 ed; do
	ssh-keygen -q -s "$T/ca" -I "certificate $name" -n "$user" "$T/$name.pub"
done
: >"$T/authorized_keys"
cat "$T/ca.pub" >"$T/trusted"
ok 'added with certificates' ours -q -s "$SOFTHSM" "$T/rsa-cert.pub" "$T/p256-cert.pub" "$T/p384-cert.pub" \
	"$T/p521-cert.pub" "$T/ed-cert.pub"
is 'all are there' "$(ssh-add -L | wc -l)" 10
for name in rsa p256 p384 p521 ed; do
	ok "$name: login" login here -o IdentitiesOnly=yes -i "$T/$name-cert.pub"
	is "$name: it was this one" "$(grep -c "Accepted publickey.*certificate $name" "$T/sshd_here.log")" 1
done
again
not_ok 'which are gone with the keys' login here
ok 'added with certificates only' ours -q -C -s "$SOFTHSM" "$T/p256-cert.pub"
is 'one' "$(ssh-add -L | wc -l)" 1
ok 'logs in' login here
again
# Since 9.6.
version=$(ssh -V 2>&1 | sed -n 's/^OpenSSH_\([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
if [ $((${version% *} * 100 + ${version#* })) -ge 906 ]; then
	ok 'added with certificates by ssh-add' openssh -s "$SOFTHSM" "$T/p256-cert.pub"
	is 'the keys and it' "$(ssh-add -L | wc -l)" 6
	ok 'logs in' login here
	again
	ok 'with certificates only' openssh -C -s "$SOFTHSM" "$T/p256-cert.pub"
	is 'one' "$(ssh-add -L | wc -l)" 1
	ok 'logs in' login here
	again
else
	skip 'certificates by ssh-add' 'not on Debian 12: OpenSSH has no such option before 9.6'
fi
: >"$T/trusted"

# --- locked
openssh -q -s "$SOFTHSM"
lets_in p256
lock=$(askpass lock 'echo secret')
SSH_ASKPASS=$lock SSH_ASKPASS_REQUIRE=force ssh-add -x >/dev/null 2>&1
person 1234
not_ok 'locked there is no login' login here
SSH_ASKPASS=$lock SSH_ASKPASS_REQUIRE=force ssh-add -X >/dev/null 2>&1
is 'and no question' "$(asked secret)" 0
ok 'unlocked it lets in' login here
is 'with the PIN asked for again' "$(asked secret)" 1
agent_stop

# --- nobody to ask
SSH_AUTH_SOCK=$T/bare.sock
export SSH_AUTH_SOCK
setsid env -i PATH=/usr/bin:/bin HOME="$HOME" SIGNET_PINENTRY= SOFTHSM2_CONF="$SOFTHSM2_CONF" "$AGENT" -D -a "$SSH_AUTH_SOCK" \
	>/dev/null 2>&1 </dev/null &
reap $!
poll 5 test -S "$SSH_AUTH_SOCK"
: >"$T/pin"
ok 'added where nobody can be asked' ours -q -s "$SOFTHSM"
before=$(date +%s)
not_ok 'there is no login' login here
is 'which is known soon' "$(($(date +%s) - before < 5))" 1
has 'with the reason in the log' "$(log_last)" 'a PIN is needed'
echo 1234 >"$T/pin"
ok 'with the PIN at the addition' ours -q -s "$SOFTHSM"
ok 'there is' login here
agent_stop

# --- several at once, that nobody has logged in for
p11agent || fail 'the agent starts'
: >"$T/pin"
openssh -q -s "$SOFTHSM"
person
: >"$T/wait"
tokens_awaited() {
	"$ADD" --status | grep -qx "tokens-awaited: $1"
}
for name in p256 p384 p521 rsa; do
	(exec timeout 50 ssh-keygen -Y sign -f "$T/$name.pub" -n test <"$T/message" >"$T/$name.sig" 2>/dev/null) &
	echo $! >"$T/$name.pid"
	reap $!
	[ $name != p256 ] || ok 'the first asks' poll 20 asked_is secret 1
done
ok 'the others wait' poll 20 tokens_awaited 4
is 'with one question for all' "$(asked secret)" 1
rm "$T/wait"
echo 1234 >"$T/pins"
kill "$(cat "$T/p256.pid")"
ok 'when the first leaves the others are over' poll 20 tokens_awaited 0
is 'with one question more' "$(asked secret)" 2
for name in p384 p521 rsa; do
	wait "$(cat "$T/$name.pid")"
	ok "it signed: $name" verified $name
done
finish
