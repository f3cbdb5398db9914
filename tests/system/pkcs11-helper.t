#!/bin/sh
# signet-pkcs11 with SoftHSM: what is listed, what signs, what is refused.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/pkcs11.sh"
need ssh-keygen
. "${0%/*}/../support/token.sh"

# A library of a foreign build cannot be loaded beside the sanitizers' run-time.
no_sanitizers

token_make one 1234
token_make two 4321
hsm_key one 1234 rsa:2048 01 rsa2048
hsm_key one 1234 rsa:3072 02 rsa3072
hsm_key one 1234 rsa:4096 03 rsa4096
hsm_key one 1234 EC:prime256v1 04 p256
# pkcs11-tool does not write every public key of this curve that it reads.
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$T/p384.pem" 2>/dev/null
openssl pkey -in "$T/p384.pem" -pubout -out "$T/p384.pub"
hsm_import one 1234 "$T/p384.pem" 05 p384
hsm_key one 1234 EC:secp521r1 06 p521
hsm_key one 1234 EC:edwards25519 07 ed25519
openssl genpkey -algorithm ed25519 -out "$T/imported.pem" 2>/dev/null
hsm_import one 1234 "$T/imported.pem" 08 imported
openssl pkey -in "$T/imported.pem" -pubout -out "$T/imported.pub"
for key in rsa2048:01 rsa3072:02 rsa4096:03 p256:04 p521:06; do
	hsm_public one 1234 ${key#*:} ${key%:*} "$T/${key%:*}.pub" || diag "no public key of $key" "$(cat "$T/hsm.log")"
done

# line LABEL TEXT: the one line of authorized_keys for it.
line() {
	printf '%s\n' "$2" | sed -n "s/ [^ ]*\/$1\$//p"
}
# ours LABEL: PEM of what the helper says, by ssh-keygen where that can.
ours() {
	line "$1" "$keys" >"$T/ours.ssh"
	ssh-keygen -e -m PKCS8 -f "$T/ours.ssh" 2>/dev/null
}

# --- listing
keys=$(token open "$SOFTHSM" keys)
is 'eight keys are listed before any login' "$(printf '%s\n' "$keys" | grep -c '/')" 8
for key in rsa2048 rsa3072 rsa4096 p256 p384 p521; do
	is "the public key of $key is that of pkcs11-tool" "$(ours $key)" "$(cat "$T/$key.pub")"
done
# ssh-keygen writes no PEM of Ed25519: its last 32 bytes are the key in both.
raw_ssh() {
	line "$1" "$keys" | cut -d ' ' -f 2 | base64 -d | tail -c 32 | od -An -tx1
}
raw_pem() {
	openssl pkey -pubin -in "$1" -outform DER | tail -c 32 | od -An -tx1
}
is 'that of an imported Ed25519 key is that of openssl' "$(raw_ssh imported)" "$(raw_pem "$T/imported.pub")"
# For the key made on the token, whose public half pkcs11-tool does not write as openssl reads it.
line ed25519 "$keys" | cut -d ' ' -f 2 | base64 -d | tail -c 32 >"$T/raw"
{
	printf '\060\052\060\005\006\003\053\145\160\003\041\000'
	cat "$T/raw"
} | openssl pkey -pubin -inform DER -out "$T/ed25519.pub" 2>/dev/null
is 'what is known of a token' "$(token open "$SOFTHSM" inventory | sed -n 's/place=.* firmware/firmware/; s/^token //p' | sort)" \
	'one firmware= kind=1 flags=0x0 tries=255 parallel=4 keys=8
two firmware= kind=1 flags=0x0 tries=255 parallel=4 keys=0'

# --- every kind of key
sign_all() {
	while read -r key algorithm; do
		echo "sign one/$key $algorithm $T/message $T/$key.$algorithm.sig ."
	done
}
kinds='rsa2048 ssh-rsa
rsa2048 rsa-sha2-256
rsa2048 rsa-sha2-512
rsa3072 rsa-sha2-256
rsa4096 rsa-sha2-512
p256 ecdsa-sha2-nistp256
p384 ecdsa-sha2-nistp384
p521 ecdsa-sha2-nistp521
ed25519 ssh-ed25519
imported ssh-ed25519'
commands=$(printf '%s\n' "$kinds" | sign_all)
# shellcheck disable=SC2086 # a command is words
is 'all sign after one login' "$(token open "$SOFTHSM" select pkcs11:token=one 1234 $commands | grep -c '^signed$')" 10
printf '%s\n' "$kinds" | while read -r key algorithm; do
	good $algorithm "$T/$key.pub" "$T/$key.$algorithm.sig" || echo "$key $algorithm"
done >"$T/bad"
is 'and openssl takes every signature' "$(cat "$T/bad")" ''
is 'of which each is as long as it must be' \
	"$(wc -c <"$T/rsa3072.rsa-sha2-256.sig") $(wc -c <"$T/ed25519.ssh-ed25519.sig")" '384 64'
printf 'another message\n' >"$T/message"
not_ok 'but not of another message' good rsa-sha2-256 "$T/rsa2048.pub" "$T/rsa2048.rsa-sha2-256.sig"
echo 'a message' >"$T/message"
has 'an algorithm that is none of the key is refused' \
	"$(token open "$SOFTHSM" select pkcs11:token=one 1234 sign one/p256 rsa-sha2-256 "$T/message" "$T/x" .)" \
	'^failed 2: not supported;'
has 'one that nobody knows too' \
	"$(token open "$SOFTHSM" select pkcs11:token=one 1234 sign one/p256 ecdsa-sha2-nistp384 "$T/message" "$T/x" .)" \
	'^failed 2: not supported;'
: >"$T/empty"
head -c 200000 /dev/zero >"$T/long"
is 'nothing can be signed, and much' "$(token open "$SOFTHSM" select pkcs11:token=one 1234 \
	sign one/imported ssh-ed25519 "$T/empty" "$T/empty.sig" . \
	sign one/imported ssh-ed25519 "$T/long" "$T/long.sig" . | grep -c '^signed$')" 2
ok 'as openssl says' openssl pkeyutl -verify -rawin -pubin -inkey "$T/imported.pub" -sigfile "$T/long.sig" -in "$T/long"

# --- PINs
message="$T/message $T/sig"
# shellcheck disable=SC2086
answers=$(token open "$SOFTHSM" sign one/p256 ecdsa-sha2-nistp256 $message . \
	sign one/p256 ecdsa-sha2-nistp256 $message 1235 \
	sign one/p256 ecdsa-sha2-nistp256 $message 1 \
	sign one/p256 ecdsa-sha2-nistp256 $message 1234 \
	sign one/rsa2048 rsa-sha2-256 $message . \
	logout sign one/p256 ecdsa-sha2-nistp256 $message .)
is 'a PIN is needed until one was good' "$answers" \
	'failed 1: a PIN is needed; tries=255 flags=0x0; 
failed 2: the PIN is wrong; tries=255 flags=0x2; C_Login: CKR_PIN_INCORRECT
failed 3: the PIN is wrong; tries=255 flags=0x2; C_Login: CKR_PIN_INCORRECT
signed
signed
failed 6: a PIN is needed; tries=255 flags=0x0; '
is 'that it was wrong is in the inventory until one is good' \
	"$(token open "$SOFTHSM" select pkcs11:token=one 9999 inventory select pkcs11:token=one 1234 inventory |
		sed -n 's/^token one .*\(flags=[^ ]*\).*/\1/p')" 'flags=0x2
flags=0x0'

# --- what a URI means
select_of() {
	token open "$SOFTHSM" select "$1" "$2" | sort
}
is 'a token' "$(select_of pkcs11:token=one . | tail -n 1)" 'selected one/rsa4096'
is 'a key by its label' "$(select_of 'pkcs11:token=one;object=p256' .)" '1 selected
selected one/p256'
is 'by its ID' "$(select_of 'pkcs11:id=%05' .)" '1 selected
selected one/p384'
is 'by its type' "$(select_of 'pkcs11:object=p521;type=private' .)" '1 selected
selected one/p521'
has 'a certificate that is none' "$(select_of 'pkcs11:object=p521;type=cert' .)" '^failed 1: a PIN is needed;'
has 'nor with the PIN' "$(select_of 'pkcs11:token=one;object=p521;type=cert' 1234)" \
	'^failed 1: the token shows no key that SSH can use'
has 'no such token' "$(select_of pkcs11:token=three .)" '^failed 1: no such token'
has 'an attribute that nobody knows matches nothing' "$(select_of 'pkcs11:token=one;color=red' .)" \
	'^failed 1: no such token'
has 'what is no URI' "$(select_of 'pkcs11:token=%zz' .)" '^failed 1: the pkcs11: or card: address is malformed'
has 'nor that' "$(select_of 'one' .)" '^failed 1: the pkcs11: or card: address is malformed'
is 'a PIN within one is not looked at' \
	"$(token open "$SOFTHSM" select 'pkcs11:token=one;object=p256?pin-value=1234' . \
		sign one/p256 ecdsa-sha2-nistp256 "$T/message" "$T/sig" . | tail -n 1)" \
	'failed 2: a PIN is needed; tries=255 flags=0x0; '

# --- one CKA_ID, several keys; what is hidden; a PIN for each use
hsm_key two 4321 EC:prime256v1 0a first
hsm_key two 4321 EC:prime256v1 0a second
hsm_key two 4321 EC:prime256v1 0b same
hsm_key two 4321 EC:prime256v1 0b same
hsm_key two 4321 EC:prime256v1 0b same
hsm_key two 4321 rsa:2048 0a third
hsm_key two 4321 rsa:2048 0d hidden --private
hsm_key two 4321 EC:prime256v1 0e each --always-auth
is 'private objects are hidden before a login' "$(select_of pkcs11:token=two . | grep -c hidden)" 0
is 'and shown after one' "$(select_of pkcs11:token=two 4321 | grep hidden)" 'selected two/hidden'
has 'one that is hidden wants a PIN' "$(select_of 'pkcs11:token=two;object=hidden' .)" '^failed 1: a PIN is needed;'
is 'with it it is there' "$(select_of 'pkcs11:token=two;object=hidden' 4321)" '1 selected
selected two/hidden'
# pin_of TOKEN
pin_of() {
	case $1 in one) echo 1234 ;; *) echo 4321 ;; esac
}
first=$(token open "$SOFTHSM" inventory | sed -n '0,/^token /s/^token \([^ ]*\) .*/\1/p')
case $first in one) second=two ;; *) second=one ;; esac
has 'a PIN of an addition goes to the first token' "$(select_of . "$(pin_of $first)" | grep "/rsa2048\|/hidden")" 'selected'
has 'and nowhere else' "$(select_of . "$(pin_of $second)")" '^failed 1: the PIN is wrong;'
is 'of which the second knows nothing' "$(token open "$SOFTHSM" select . "$(pin_of $second)" inventory |
	sed -n "s/^token $second .* flags=\([^ ]*\) .*/\1/p")" 0x0
is 'where another is logged in it is not looked at' "$(token open "$SOFTHSM" \
	select "pkcs11:token=$first" "$(pin_of $first)" select . 9999 inventory |
	grep -e ^failed -e '^token .* flags=0x[^0]')" ''
is 'nor tried elsewhere' "$(token open "$SOFTHSM" \
	select "pkcs11:token=$second" "$(pin_of $second)" select . 9999 inventory |
	grep -e ^failed -e '^token .* flags=0x[^0]')" ''
is 'nor there' "$(token open "$SOFTHSM" select pkcs11:token=two 4321 select pkcs11:token=two 9999 \
	sign two/hidden rsa-sha2-256 "$T/message" "$T/sig" . | grep -e ^failed -e ^signed)" signed
is 'and stays listed after a logout' "$(token open "$SOFTHSM" select pkcs11:token=two 4321 logout \
	sign two/hidden rsa-sha2-256 "$T/message" "$T/sig" . inventory | grep -e ^failed -e ^key.*hidden)" \
	'failed 2: a PIN is needed; tries=255 flags=0x0; 
key two/hidden ssh-rsa 2048 slot= flags=0x0'

# A store of its own, in which a token without a PIN is the first: the order is SoftHSM's.
bare_store() {
	rm -rf "$T/bare"
	mkdir "$T/bare"
	printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$T/bare" >"$T/bare.conf"
	SOFTHSM2_CONF=$T/bare.conf
	token_make good 1234
	pkcs11-tool --module "$SOFTHSM" --slot-index 1 --init-token --label bare --so-pin "$PKCS11_SO_PIN" >"$T/hsm.log" 2>&1
	[ "$(token open "$SOFTHSM" inventory | sed -n 's/^token \([^ ]*\) .*/\1/p' | head -n 1)" = bare ]
}
store=$SOFTHSM2_CONF
ok 'a token without a PIN is the first' poll 2 bare_store
is 'a PIN passes it over' "$(token open "$SOFTHSM" select . 1235 inventory | sed -n 's/^token \([^ ]*\) .* \(flags=[^ ]*\) .*/\1 \2/p')" \
	'bare flags=0x10
good flags=0x2'
has 'unless it is meant' "$(token open "$SOFTHSM" select pkcs11:token=bare 1234)" '^failed 1: the token has no PIN yet'
SOFTHSM2_CONF=$store

keys=$(token open "$SOFTHSM" select pkcs11:token=two 4321 inventory keys)
# Each by its position, with its own public key: three cannot be told apart by anything but a signature.
printf '%s\n' "$keys" | grep -e '^ssh-rsa' -e '^ecdsa' | grep ' two/' >"$T/two.keys"
tokens=$(printf '%s\n' "$keys" | sed -n 's/^token \([^ ]*\) .*/\1/p')
at=$(printf '%s\n' "$tokens" | grep -n '^two$' | cut -d : -f 1)
at=$((at - 1))
commands=''
i=0
while read -r type rest; do
	algorithm=$type
	[ "$type" = ssh-rsa ] && algorithm=rsa-sha2-512
	# A PIN for the one that wants it each time.
	pin=.
	case $rest in *two/each) pin=4321 ;; esac
	commands="$commands sign #$at.$i $algorithm $T/message $T/two.$i.sig $pin sign #$at.$i $algorithm $T/message $T/two.$i.again $pin"
	i=$((i + 1))
done <"$T/two.keys"
is 'there are eight' $i 8
# shellcheck disable=SC2086
is 'all of them sign twice' "$(token open "$SOFTHSM" select pkcs11:token=two 4321 $commands | grep -c '^signed$')" 16
i=0
while read -r type rest; do
	echo "$type $rest" >"$T/ours.ssh"
	ssh-keygen -e -m PKCS8 -f "$T/ours.ssh" >"$T/ours.pem" 2>/dev/null
	[ $type = ssh-rsa ] && type=rsa-sha2-512
	good $type "$T/ours.pem" "$T/two.$i.sig" || echo "$rest"
	good $type "$T/ours.pem" "$T/two.$i.again" || echo "$rest again"
	i=$((i + 1))
done <"$T/two.keys" >"$T/bad"
is 'each with its own private half, whatever the CKA_ID' "$(cat "$T/bad")" ''

answers=$(token open "$SOFTHSM" select pkcs11:token=two 4321 \
	sign two/each ecdsa-sha2-nistp256 $message . \
	sign two/each ecdsa-sha2-nistp256 $message 1111 \
	sign two/first ecdsa-sha2-nistp256 $message . \
	sign two/each ecdsa-sha2-nistp256 $message 4321 \
	sign two/each ecdsa-sha2-nistp256 $message . \
	burst 8 two/second ecdsa-sha2-nistp256 $message | grep -v select)
is 'a key that wants a PIN for each use, refused one, leaves the others alone' \
	"$(printf '%s\n' "$answers" | sed 's/flags=0x22/flags=0x20/')" \
	'failed 2: a PIN is needed; tries=255 flags=0x20; 
failed 3: the PIN is wrong; tries=255 flags=0x2; C_Login: CKR_PIN_INCORRECT
signed
signed
failed 6: a PIN is needed; tries=255 flags=0x20; 
signed
signed
signed
signed
signed
signed
signed
signed'

# --- certificates
token_make certified 5555
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/c.pem" 2>/dev/null
openssl pkey -in "$T/c.pem" -pubout -out "$T/c.pub"
hsm_import certified 5555 "$T/c.pem" 21 key
token_tool certified 5555 --delete-object --type pubkey --id 21 >/dev/null 2>&1
# certificate EXTENSION ID KEY: for the key, with this key usage; on the token.
certificate() {
	openssl req -x509 -new -key "$3" -subj "/CN=$2" -addext "keyUsage=critical,$1" -outform DER -out "$T/$2.crt" 2>/dev/null
	token_tool certified 5555 --write-object "$T/$2.crt" --type cert --id "$2" --label "certificate $2" >/dev/null 2>&1
}
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/ca.pem" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/alone.pem" 2>/dev/null
certificate digitalSignature 21 "$T/c.pem"
certificate keyCertSign 22 "$T/ca.pem"
certificate digitalSignature 23 "$T/alone.pem"
is 'a key is found by its certificate, and none by that of an authority' \
	"$(select_of pkcs11:token=certified . | grep -v ' selected')" 'selected certified/certificate 21
selected certified/certificate 23'
is 'nor by one that has no private half here' "$(select_of 'pkcs11:token=certified;type=cert' 5555)" '1 selected
selected certified/certificate 21'
at=$(token open "$SOFTHSM" inventory | sed -n 's/^token \([^ ]*\) .*/\1/p' | grep -n '^certified$' | cut -d : -f 1)
is 'it signs' "$(token open "$SOFTHSM" select pkcs11:token=certified 5555 \
	sign "#$((at - 1)).0" ecdsa-sha2-nistp256 "$T/message" "$T/c.sig" . | tail -n 1)" signed
ok 'well' good ecdsa-sha2-nistp256 "$T/c.pub" "$T/c.sig"

# --- several at once
hsm_public two 4321 0a first "$T/first.pub"
is 'a hundred requests at once' "$(token open "$SOFTHSM" select pkcs11:token=two 4321 \
	burst 100 two/first ecdsa-sha2-nistp256 "$T/message" "$T/burst" | grep -c '^signed$')" 100
i=1
while [ $i -le 100 ]; do
	good ecdsa-sha2-nistp256 "$T/first.pub" "$T/burst.$i" || echo $i
	i=$((i + 1))
done >"$T/bad"
is 'all right' "$(cat "$T/bad")" ''

# --- a session with the helper, in between which things happen
mkfifo "$T/orders"
"$BUILD/tests/tools/token" "$PKCS11" open "$SOFTHSM" pid - <"$T/orders" >"$T/answers" 2>&1 &
asker=$!
reap $asker
exec 9>"$T/orders"
order() {
	echo "$*" >&9
}
lines() {
	[ "$(wc -l <"$T/answers")" -ge "$1" ]
}
ok 'the helper starts' poll 10 lines 1
helper=$(head -n 1 "$T/answers")
is 'it can gain no rights, and not do all that its user can' \
	"$(sed -n 's/^\(NoNewPrivs\|Seccomp\):[^0-9]*//p' "/proc/$helper/status" | tr '\n' ' ')" '1 2 '
is 'nobody reads its memory' "$(stat -c %u "/proc/$helper/mem")" 0
order 'select pkcs11:token=three .'
ok 'a token that is not there' poll 10 lines 2
token_make three 3333
hsm_key three 3333 EC:prime256v1 01 late
order 'select pkcs11:token=three 3333'
ok 'is found once it is' poll 10 grep -q '^selected three/late$' "$T/answers"
order "sign three/late ecdsa-sha2-nistp256 $T/message $T/late.sig ."
ok 'and signs' poll 10 grep -q '^signed$' "$T/answers"
hsm_public three 3333 01 late "$T/late.pub"
ok 'well' good ecdsa-sha2-nistp256 "$T/late.pub" "$T/late.sig"
order logout
order 'watch 1'
token_make four 4444
order 'next 10'
ok 'somebody who waits for a token is told that it came' poll 15 grep -q '^inventory$' "$T/answers"
order inventory
ok 'which one' poll 10 grep -q '^token four ' "$T/answers"
order 'watch 0'
exec 9>&-
ok 'it ends when nobody asks any more' gone "$asker" 5
ok 'all of it' gone "$helper" 5

# --- finding a module
mkdir -p "$HOME/.config/pkcs11/modules"
printf '# mine\n\n  module :  %s  \n' "$SOFTHSM" >"$HOME/.config/pkcs11/modules/my-hsm.module"
printf 'module:\n' >"$HOME/.config/pkcs11/modules/none.module"
printf 'module: relative-none.so\n' >"$HOME/.config/pkcs11/modules/relative.module"
ln -s "$SOFTHSM" "$T/link.so"
mkfifo "$HOME/.config/pkcs11/modules/pipe.module"
mkdir "$T/folder.so"
is 'a path without its links' "$(token resolve "$T/link.so")" "resolved $SOFTHSM"
is 'a name of a configuration file' "$(token resolve my-hsm)" "resolved $SOFTHSM"
is 'the name of the library within one' "$(token resolve softhsm2)" "resolved $SOFTHSM"
is 'its file' "$(token resolve libsofthsm2.so)" "resolved $SOFTHSM"
is 'a URI with a name' "$(token resolve 'pkcs11:token=x?module-name=my-hsm')" "resolved $SOFTHSM"
is 'a URI with a path' "$(token resolve "pkcs11:?module-path=$T/link.so")" "resolved $SOFTHSM"
has 'a URI without either' "$(token resolve 'pkcs11:token=x')" '^failed 0: the pkcs11: address names no module: put [?]module-name=NAME'
name='^failed 0: no PKCS#11 module has this name'
has 'a name that is none' "$(token resolve nothing-of-this-name)" "$name"
has 'a configuration without a module' "$(token resolve none)" "$name"
has 'one that is a pipe' "$(token resolve pipe)" "$name"
has 'a way out of the folder' "$(token resolve ../modules/my-hsm)" "$name"
has 'a library that is not there' "$(token resolve relative)" '^failed 0: the PKCS#11 module cannot be loaded'
has 'a folder' "$(token resolve "$T/folder.so")" '^failed 0: the PKCS#11 module cannot be loaded.*is not a file'

# --- what is no module
none='^failed 0: the PKCS#11 module cannot be loaded or is none;'
has 'a text' "$(token open "$T/message")" "$none"
has 'what is not there' "$(token open "$T/nothing.so")" "$none.*cannot open"
is 'a path from somewhere makes no sense' "$(token open libsofthsm2.so)" 'ended without an answer: closed; status 1'
libc=$(sed -n 's/.* \(\/.*libc\.so[^ ]*\)$/\1/p; s/.* \(\/.*libc-.*\.so\)$/\1/p' /proc/self/maps | head -n 1)
has 'another library' "$(token open "$libc")" "$none.*C_GetFunctionList"
# --- an asker that goes while the module is at work
# A module that is cut off while it writes to its token, as SoftHSM does with each login, may lose what is on it.
called() { [ "$(p11bad_calls C_Login)" -gt 0 ]; }
mkfifo "$T/orders"
: >"$P11BAD.commands.calls"
p11bad 'hang C_Login'
"$BUILD/tests/tools/token" "$PKCS11" - <"$T/orders" >"$T/out" 2>"$T/err" &
asker=$!
reap $asker
exec 9>"$T/orders"
printf 'open %s\nbegin . 1234\n' "$P11BAD" >&9
ok 'a login that hangs' poll 10 called
exec 9>&-
not_ok 'the helper does not end in the middle of it when its asker goes' gone $asker 1
p11bad
ok 'but then' gone $asker 10
is 'and the login was done' "$(p11bad_calls 'goes on')" 1

finish
