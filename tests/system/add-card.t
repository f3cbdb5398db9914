#!/bin/sh
# signet-add with tokens: what it sends, held against ssh-add; -s and -e with OpenSSH's agent and SoftHSM; what --tokens
# tells of cards and modules.
# shellcheck disable=SC2016 # what is in single quotes is for other shells
. tests/support/add_env.sh
SUPPORT=$OLDPWD/tests/support

for program in ssh-add ssh-keygen python3 setsid; do
	command -v $program >/dev/null || { echo "1..0 # SKIP $program is not installed"; exit 0; }
done

# --- an agent that records

# recorder NAME: an agent at $T/NAME whose requests are in $T/NAME.log, and whose answer $T/NAME.answer may hold
recorder() {
	python3 "$SUPPORT/recorder.py" "$T/$1" "$T/$1.log" "$T/$1.answer" &
	agents="$agents $!"
	tries=100
	until [ -S "$T/$1" ] || [ $tries = 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
}
recorder agent
recorder agent.ctl
echo 09 >agent.ctl.answer # CTL_DONE
ssh-keygen -q -t ed25519 -N '' -f ca </dev/null
make_key ec -t ecdsa
make_key ed -t ed25519
ssh-keygen -q -s ca -I 'one id' -n me ec.pub
ssh-keygen -q -s ca -I 'other id' -n me ed.pub
ssh-keygen -q -s ca -I 'old id' -n me -V 20200101:20200102 ca.pub
printf 'host.test %s\n' "$(cut -d ' ' -f 1,2 ca.pub)" >hosts
: >empty
echo 123456 >pin

# sent PROGRAM INPUT ARGS...: what it asks the agent for
sent() {
	: >agent.log
	: >agent.ctl.log
	program=$1
	input=$2
	shift 2
	status=0
	SSH_AUTH_SOCK=$T/agent setsid -w "$program" "$@" <"$input" >out 2>err || status=$?
	cat agent.log agent.ctl.log >got.sent
}

# We end the line of a question whose answer does not come from a terminal; ssh-add does not.
after_prompt() {
	sed 's/^Enter passphrase for PKCS#11: /&\n/'
}

# same NAME INPUT ARGS...: both programs send and say the same
same() {
	name=$1
	shift
	sent ssh-add "$@"
	theirs=$status
	after_prompt <err >theirs.err
	mv out theirs.out
	cp agent.log theirs.sent
	sent "$ADD" "$@"
	{
		[ "$status" = "$theirs" ] || echo "exit status $status, ssh-add has $theirs"
		[ -s theirs.sent ] || echo 'ssh-add sends nothing'
		diff theirs.sent agent.log
		diff theirs.err err
		diff theirs.out out
	} >why 2>&1
	! [ -s why ]
	report $? "$name"
}

same 'a module without a PIN' empty -s /lib/none.so
same 'with a PIN' pin -s /lib/none.so
same 'an empty PIN' hosts -q -s /lib/none.so
same 'with constraints' pin -c -t 1h -s /lib/none.so
same 'for one host' pin -H hosts -h host.test -t 5 -s /lib/none.so
same 'quietly' pin -qs /lib/none.so
same 'removed' empty -e /lib/none.so
same 'removed quietly' empty -q -e /lib/none.so
same 'the last one counts' empty -s /lib/none.so -e /lib/other.so
same '-d removes' empty -d -s /lib/none.so
echo 05 >agent.answer
same 'refused' pin -s /lib/none.so
same 'refused, quietly' pin -qs /lib/none.so
same 'removal refused' empty -e /lib/none.so
rm agent.answer

# expect NAME PYTHON: what was sent is the bytes that this expression gives
expect() {
	python3 - "$2" >want.sent <<'END'
import base64, sys, os
number = lambda n: n.to_bytes(4, "big")
string = lambda b: number(len(b)) + (b if isinstance(b, bytes) else b.encode())
cert = lambda f: string(base64.b64decode(open(f + "-cert.pub").read().split()[1]))
certs = lambda only, *f: b"\xff" + string("associated-certs-v00@openssh.com") + bytes([only]) + string(b"".join(map(cert, f)))
here = os.getcwd()
for message in eval("[" + sys.argv[1] + "]"):
    print(message.hex())
END
	check "$1" diff want.sent got.sent
}

# Where a path begins, ssh-add of later versions than some that are tested with says too.
sent "$ADD" pin -s ./lib/none.so
expect 'a path begins where we are' 'b"\x14" + string(here + "/./lib/none.so") + string("123456")'
sent "$ADD" pin -s opensc-pkcs11
expect 'a name stays one' 'b"\x14" + string("opensc-pkcs11") + string("123456")'
sent "$ADD" pin -s 'pkcs11:token=a?module-path=/x.so'
expect 'so does an address' 'b"\x14" + string("pkcs11:token=a?module-path=/x.so") + string("123456")'
sent "$ADD" pin -e lib/none.so
expect 'and for removal' 'b"\x15" + string(here + "/lib/none.so") + string("")'

# OpenSSH 9.6 and later
sent "$ADD" pin -s /lib.so ec-cert.pub ed-cert.pub
expect 'certificates go with it' 'b"\x1a" + string("/lib.so") + string("123456") + certs(0, "ec", "ed")'
sent "$ADD" pin -t 10 -C -s /lib.so ec-cert.pub
expect 'alone with -C' 'b"\x1a" + string("/lib.so") + string("123456") + b"\1" + number(10) + certs(1, "ec")'
sent "$ADD" pin -k -s /lib.so ec-cert.pub
expect 'and not with -k' 'b"\x14" + string("/lib.so") + string("123456")'
sent "$ADD" pin -s /lib.so ec.pub
check 'a key that is no certificate: nothing is sent' test ! -s got.sent
check 'which is an error' test $status = 1
check 'and said' grep -q 'Failed to load certificate "ec.pub": the certificate is malformed' err
sent "$ADD" pin -s /lib.so absent-cert.pub
check 'a certificate that is not there: nothing is sent' test ! -s got.sent

# --- rules of ours
sent "$ADD" pin --local-only --idle 10 -s /lib.so
expect 'rules go by the control socket' \
	'b"\x0c" + bytes(5) + number(10) + b"\1" + string(string("/lib.so") + string("123456"))'
check 'as the addition' grep -q '^Card added: /lib.so$' err
# refusal REASON: what the control socket answers
refusal() {
	python3 -c 'import sys; r = sys.argv[1].encode(); print("03" + (len(r).to_bytes(4, "big") + r).hex())' "$1" >agent.ctl.answer
}
refusal no
sent "$ADD" pin --local-only -s /lib.so
check 'a refusal' test $status = 1
check 'with its reason' grep -q '^The agent refused: no$' err
check 'and its words' grep -q '^Could not add card "/lib.so": agent refused operation$' err
echo 09 >agent.ctl.answer # CTL_DONE

# --- cards
sent "$ADD" empty --card
expect 'any card' 'b"\x14" + string("card:") + string("")'
check 'nobody was asked' test "$(cat err)" = 'Card added: any card, keys for logging in'
sent "$ADD" empty --card 123 --slot 9a -t 5 --slot 82
expect 'slots of one card' 'b"\x1a" + string("card:serial=123;slot=9a;slot=82") + string("") + b"\1" + number(5)'
sent "$ADD" empty --card --slot all
expect 'all slots' 'b"\x14" + string("card:slot=all") + string("")'
sent "$ADD" empty --card --slot 9A --slot 8F
expect 'slots in capitals' 'b"\x14" + string("card:slot=9a;slot=8f") + string("")'
sent "$ADD" empty --card --slot 9f
check 'a slot that no card has' test $status = 1 -a ! -s got.sent
check 'and which there are' grep -q '^--slot: not 9a, 9c, 9d, 9e or 82 to 95 (hexadecimal) of PIV cards, 3 of OpenPGP cards, or all: 9f$' err
sent "$ADD" empty --card=77 -c --local-only
expect 'with rules' 'b"\x0c" + bytes(9) + b"\1" + string(string("card:serial=77") + string("") + b"\2")'
sent "$ADD" empty --card 123 --slot 9a -d
expect 'taken back' 'b"\x15" + string("card:serial=123;slot=9a") + string("")'
check 'and said' test "$(cat err)" = 'Card removed: serial number 123, slot 9a'
sent "$ADD" empty -d --card
expect 'all taken back' 'b"\x15" + string("card:") + string("")'
check 'and said' test "$(cat err)" = 'Card removed: all cards'
sent "$ADD" empty -d --card --slot 9a
check 'those of any card in one slot' test "$(cat err)" = 'Card removed: any card, slot 9a'
sent "$ADD" empty -d --card 123
check 'those of one card' test "$(cat err)" = 'Card removed: serial number 123, keys for logging in'

# --- certificates for keys that are there
sent "$ADD" empty --certificate ec-cert.pub ed-cert.pub
expect 'two' 'b"\x0b" + cert("ec"), b"\x0b" + cert("ed")'
check 'and said' test "$(cat err)" = 'Certificate added: ec-cert.pub (one id)
Certificate added: ed-cert.pub (other id)'
sent "$ADD" empty -q --certificate ec-cert.pub
check 'quietly' test $status = 0 -a ! -s err
refusal 'the certificate has expired'
sent "$ADD" empty --certificate ca-cert.pub
check 'an old one is for the agent to refuse' grep -q '^The agent refused: the certificate has expired$' err
sent "$ADD" empty --certificate ec.pub
check 'a key that is no certificate is refused' test $status = 1 -a ! -s got.sent
refusal 'no such key'
sent "$ADD" empty --certificate ed-cert.pub
check 'a certificate of a key that is not loaded' test $status = 1
check 'the reason' grep -q '^The agent refused: no such key$' err
check 'and which key it is for' grep -q "^It is for the key $(ssh-keygen -lf ed.pub | cut -d ' ' -f 2) (ED25519), which must be added first$" err
refusal 'the agent is locked'
sent "$ADD" empty --certificate ed-cert.pub
check 'another reason stands alone' sh -c '! grep "must be added first" err && grep "^The agent refused: the agent is locked$" err'
rm agent.ctl
sent "$ADD" empty --certificate ed-cert.pub
check 'without a control socket: no agent of ours' test $status = 2

# --- with OpenSSH's agent
MODULE=/usr/lib/softhsm/libsofthsm2.so
if ! command -v softhsm2-util >/dev/null || ! [ -e $MODULE ]; then
	count=$((count + 1))
	echo "ok $count - keys on a token # SKIP softhsm2 is not installed"
else
	mkdir tokens
	printf 'directories.tokendir=%s/tokens\nobjectstore.backend=file\nlog.level=ERROR\n' "$T" >softhsm2.conf
	export SOFTHSM2_CONF="$T/softhsm2.conf"
	softhsm2-util --init-token --free --label ssh --so-pin 5678 --pin 123456 >why 2>&1
	openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem 2>why ||
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem 2>why
	softhsm2-util --import p256.pem --token ssh --pin 123456 --label one --id 01 >why 2>&1
	for agent in theirs ours; do
		eval "$(ssh-agent -s -P '/usr/lib/*' -a "$T/$agent.sock")" >/dev/null
		agents="$agents $SSH_AGENT_PID"
	done
	unset SSH_AUTH_SOCK SSH_AGENT_PID
	echo 9999 >wrong

	# both NAME INPUT ARGS...: the same is said, and the agents hold the same
	both() {
		name=$1
		input=$2
		shift 2
		a=0 b=0
		SSH_AUTH_SOCK=$T/theirs.sock setsid -w ssh-add "$@" <"$input" >theirs.out 2>said || a=$?
		after_prompt <said >theirs.err
		SSH_AUTH_SOCK=$T/ours.sock setsid -w "$ADD" "$@" <"$input" >out 2>err || b=$?
		SSH_AUTH_SOCK=$T/theirs.sock ssh-add -L >theirs.keys
		SSH_AUTH_SOCK=$T/ours.sock ssh-add -L >ours.keys
		{
			[ $a = $b ] || echo "exit status $b, ssh-add has $a"
			diff theirs.out out
			diff theirs.err err
			diff theirs.keys ours.keys
		} >why 2>&1
		! [ -s why ]
		report $? "$name"
	}
	both 'a wrong PIN' wrong -s $MODULE
	both 'a token is added' pin -s $MODULE
	check 'with its key' grep -q '^ecdsa-sha2-nistp256 ' ours.keys
	both 'it is there already' pin -s $MODULE
	both 'it is removed' empty -e $MODULE
	check 'with its key' grep -q 'no identities' ours.keys
	both 'again: refused' empty -e $MODULE
	both 'with constraints' pin -q -c -t 60 -s $MODULE
	both 'removed quietly' empty -q -e $MODULE
	both 'no module' pin -s /usr/lib/none.so
	both 'not allowed' pin -s "$T/none.so"
fi

# --- what --tokens tells, by a helper that says what is in a file
mkdir -p prefix/bin prefix/libexec/signet config/pkcs11/modules
cp "$ADD" prefix/bin/
LISTER=$T/prefix/bin/signet-add

tokens() {
	status=0
	HOME=$T XDG_CONFIG_HOME=$T/config setsid -w "$LISTER" --tokens "$@" >out 2>err </dev/null || status=$?
}
tokens
check 'without any helper: done' test $status = 0 -a ! -s err
check 'no security keys are looked for' grep -q '^Security keys are not looked for: signet-fido is not installed' out
check 'nor cards' grep -q '^Smartcards are not looked for: signet-card is not installed' out

cat >prefix/libexec/signet/signet-card <<END
#!$(command -v python3)
import socket, struct
talk = socket.socket(fileno=3)
request = talk.recv(100)
open("$T/request", "w").write(request.hex())
answer = bytes.fromhex(open("$T/inventory").read())
if answer:
    talk.sendall(struct.pack(">I", len(answer)) + answer)
    open("$T/after", "w").write(talk.recv(100).hex())
END
chmod +x prefix/libexec/signet/signet-card

# inventory PYTHON: what the helper tells
inventory() {
	python3 - "$1" >inventory <<'END'
import base64, sys
number = lambda n: n.to_bytes(4, "big")
string = lambda b: number(len(b)) + (b if isinstance(b, bytes) else b.encode())
public = lambda f: base64.b64decode(open(f + ".pub").read().split()[1])
key = lambda i, f, label, slot, flags: string(i) + string(public(f)) + string(label) + string(slot) + number(flags)
def token(kind, ident, name, place, serial, firmware, flags, tries, *keys):
    return (bytes([kind]) + b"".join(map(string, (ident, name, place, serial, firmware))) + number(flags) +
        bytes([tries, 1]) + number(len(keys)) + b"".join(keys))
def tell(trouble, *tokens):
    return bytes([2, 81, trouble]) + number(len(tokens)) + b"".join(tokens)
print(eval(sys.argv[1]).hex())
END
}
print_of() {
	ssh-keygen -lf "$1.pub" | cut -d ' ' -f 2
}

inventory 'tell(0, token(0, "", "Reader A", "Reader A", "", "", 0, 255),
	token(0, "", "Reader B", "Reader B", "", "", 64, 255),
	token(0, "", "Reader C", "Reader C", "", "", 128, 255),
	token(2, "piv:17", "PIV card 17", "Reader D", "17", "5.4.3", 0, 3,
		key("9a", "ec", "login", "9a", 4), key("9c", "ed", "", "9c", 3)),
	token(3, "o:1", "OpenPGP card 1", "Reader E", "1", "", 8, 0),
	token(2, "piv:18", "PIV card 18", "Reader F", "", "", 1, 1, key("9a", "ed", "x", "9a", 0)))'
tokens
check 'cards are listed' test $status = 0 -a ! -s err
check 'the helper was asked once' test "$(cat request)" = 0000000a02410000000000000000
check 'and then left' test -e after -a ! -s after
grep -v '^Security keys\|^PKCS#11 modules\|^  [^ ]* (' out >cards
cat >want <<END
Reader A (smartcard reader): no card
Reader B (smartcard reader): a card is there, neither PIV nor OpenPGP
Reader C (smartcard reader): a card is there, in use by another program
PIV card 17 (in Reader D)
  PIV; serial 17; firmware 5.4.3; 3 PIN tries left
  slot 9a 256 $(print_of ec) (ECDSA), login, offered by --card
  slot 9c 256 $(print_of ed) (ED25519), PIN each time, touch
OpenPGP card 1 (in Reader E)
  OpenPGP; serial 1; PIN locked; no key that SSH can use
PIV card 18 (in Reader F)
  PIV; 1 PIN try left; PIN entered on the reader
  slot 9a 256 $(print_of ed) (ED25519), x
END
check 'all that is known of them' diff want cards
tokens --json
check 'as JSON' python3 - "$(print_of ec)" "$(print_of ed)" <<'END'
import json, sys
lines = [json.loads(line) for line in open("out")]
cards = [d for d in lines if d["kind"] != "module"]
ec = {"slot": "9a", "fingerprint": sys.argv[1], "type": "ECDSA", "bits": 256, "label": "login", "pin-each": False,
    "touch": False, "default": True}
ed = {"slot": "9c", "fingerprint": sys.argv[2], "type": "ED25519", "bits": 256, "label": "", "pin-each": True,
    "touch": True, "default": False}
assert [d["kind"] for d in cards] == ["reader"] * 3 + ["piv", "openpgp", "piv"], cards
assert [d["card"] for d in cards[:3]] == ["none", "unknown", "busy"], cards
assert cards[3] == {"kind": "piv", "name": "PIV card 17", "reader": "Reader D", "serial": "17", "firmware": "5.4.3",
    "pin-tries-left": 3, "pin-locked": False, "pin-set": True, "keypad": False, "keys": [ec, ed]}, cards[3]
assert cards[4]["pin-locked"] and cards[4]["keys"] == [] and cards[5]["keypad"], cards
END
inventory 'tell(0)'
tokens
check 'no reader' grep -q '^No smartcard reader is plugged in[.]$' out
tokens --json
check 'as JSON: no line' test $status = 0 -a "$(grep -vc '"kind":"module"' out)" = 0
# pcscd is not there: the number that err.h gives ERR_NO_READER
none=$(grep -o '^	X(ERR_[A-Z_0-9]*' "$SUPPORT/../../proto/base/err.h" | grep -n 'ERR_NO_READER$' | cut -d : -f 1)
inventory "tell($((none - 1)))"
tokens
check 'without pcscd: done' test $status = 0 -a ! -s err
check 'which is said once' test "$(grep -c 'pcscd does not run' out)" = 1
said=$(grep 'pcscd does not run' out)
tokens --json
check 'in JSON too' test $status = 0 -a ! -s err
check 'by an object in the same words' python3 - "$said" <<'END'
import json, sys
objects = [d for d in map(json.loads, open("out")) if d["kind"] != "module"]
assert objects == [{"kind": "smartcards", "error": sys.argv[1]}], objects
END
inventory 'tell(0)[:-1]'
tokens
check 'a helper that makes no sense' test $status = 1
check 'is said' grep -q '^Could not look for smartcards: ' err
check 'modules are listed all the same' test -s out
: >inventory
tokens
check 'a helper that ends' grep -q '^Could not look for smartcards: the helper program ended without an answer$' err
rm prefix/libexec/signet/signet-card

# --- modules of p11-kit
printf '# a comment\nmodule: /lib/one.so\ncritical: no\n' >config/pkcs11/modules/mine.module
printf '  module :  two.so  \r\n' >config/pkcs11/modules/with-blanks.module
printf 'critical: yes\n' >config/pkcs11/modules/nothing.module
printf 'module: /x.so\n' >config/pkcs11/modules/other.conf
printf 'module: /x.so\n' >'config/pkcs11/modules/a b.module'
printf 'module: x\033[1m.so\n' >config/pkcs11/modules/bold.module
mkdir config/pkcs11/modules/folder.module
tokens
check 'a module with its path' grep -q '^  mine (/lib/one[.]so)$' out
check 'a bare name' grep -q '^  with-blanks (two[.]so)$' out
check 'control characters are written out' grep -qF '  bold (x\x1b[1m.so)' out
check 'no others' sh -c '! grep "nothing\|other\|a b\|folder" out'
tokens --json
check 'as JSON' grep -q '^{"kind":"module","name":"mine","path":"/lib/one.so"}$' out
# where signet-pkcs11 finds a bare name
cat >prefix/libexec/signet/signet-pkcs11 <<END
#!$(command -v python3)
import socket, struct
talk = socket.socket(fileno=3)
request = talk.recv(300)
known = request[4:6] == b"\\2\\x40" and request[10:] == b"with-blanks"
answer = b"\\2\\x50" + struct.pack(">I", 11) + b"/lib/two.so" if known else b"\\2\\x54" + bytes(4) + b"\\0" * 10
talk.sendall(struct.pack(">I", len(answer)) + answer)
END
chmod +x prefix/libexec/signet/signet-pkcs11
tokens
check 'a bare name with its path' grep -q '^  with-blanks (/lib/two[.]so)$' out
check 'or as it is, where that does not know' grep -qF '  bold (x\x1b[1m.so)' out
rm prefix/libexec/signet/signet-pkcs11
tokens --json
if [ -e /usr/share/p11-kit/modules/p11-kit-trust.module ]; then
	check 'those of the system too' grep -q '"name":"p11-kit-trust","path":"p11-kit-trust.so"' out
	printf 'module: /my/trust.so\n' >config/pkcs11/modules/p11-kit-trust.module
	tokens
	check "a user's goes before it" sh -c 'grep -q "^  p11-kit-trust (/my/trust.so)$" out && [ "$(grep -c p11-kit-trust out)" = 1 ]'
fi

done_testing
