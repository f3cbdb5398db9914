#!/bin/sh
# seconds 150
# PKCS#11 modules that hang (tests/modules/p11bad.c) as they are loaded, in a login, and in a signature: nobody else
# waits for them, and after half a minute their helpers are replaced.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/pkcs11.sh"
. "${0%/*}/../support/p11agent.sh"
need ssh-add ssh-keygen
no_sanitizers
softhsm_start
TOKEN_PIN=1234
for token in start:01 login:02 sign:03 other:04; do
	token_make "${token%:*}" 1234 && key_make "${token%:*}" EC:prime256v1 "${token#*:}" "${token%:*}" ||
		skip_all 'SoftHSM makes no keys here'
	public_line "${token#*:}" "${token%:*}" >"$T/${token%:*}.pub"
done
keygen ed25519 "$T/soft"

# module NAME: from here on p11bad is about a copy of its own, which is another module.
module() {
	[ -e "$T/$1.so" ] || {
		cp "$T/p11bad.so" "$T/$1.so"
		cp "$T/p11bad.so.module" "$T/$1.so.module"
		cp "$T/p11bad.so.softhsm" "$T/$1.so.softhsm"
	}
	P11BAD=$T/$1.so
}
uri() {
	echo "pkcs11:token=$1?module-path=$T/$1.so"
}
# helper_of NAME: the process that has loaded it.
helper_of() {
	for pid in $(p11helpers); do
		! grep -q "$T/$1.so" "/proc/$pid/maps" 2>/dev/null || echo "$pid"
	done
}
# others_sign WHEN
others_sign() {
	if well soft && well other; then
		pass "$1: a key in memory and one behind another module sign"
	else
		fail "$1: a key in memory and one behind another module sign"
	fi
}
called() {
	[ "$(p11bad_calls "$1")" -ge 1 ]
}

p11agent -P "$T/*,/usr/lib*/*" || fail 'the agent starts'
echo 1234 >"$T/pin"
ssh-add -q "$T/soft"
ok 'a module that behaves' openssh -s "pkcs11:token=other?module-path=$SOFTHSM"
module sign
p11bad
ok 'one that will hang in C_Sign' openssh -s "$(uri sign)"
ok 'signs' well sign
old=$(helper_of sign)
module start
p11bad 'hang C_Initialize'
module login
p11bad 'hang C_Login'
module sign
p11bad 'hang C_Sign'
rm -f "$T/sign.so.commands.calls"
person 1234 1234 1234
date +%s >"$T/began"
for name in start login; do
	(
		openssh -s "$(uri $name)" >"$T/$name.out" 2>&1
		echo $? >"$T/$name.status"
		date +%s >"$T/$name.end"
	) &
	eval "adding_$name=$!"
	reap $!
done
(
	sign sign >"$T/sign.out" 2>&1
	echo $? >"$T/sign.status"
	date +%s >"$T/sign.end"
) &
signing=$!
reap $signing
for at in start:C_Initialize login:C_Login sign:C_Sign; do
	module "${at%:*}"
	ok "one hangs in ${at#*:}" poll 20 called "${at#*:}"
done
others_sign 'meanwhile'
module early
p11bad
ok 'and another module is added' openssh -s "pkcs11:token=other?module-path=$T/early.so"
is 'while all three hang' "$(find "$T" -maxdepth 1 -name '*.status' | wc -l)" 0
# shellcheck disable=SC2154 # set by eval
gone "$adding_start" 45
gone "$adding_login" 45
gone $signing 45
others_sign 'after that'

# took NAME: seconds.
took() {
	echo $(($(cat "$T/$1.end") - $(cat "$T/began")))
}
for name in start login sign; do
	has "$name: refused" "$(cat "$T/$name.status")" '^[1-9]'
	has "$name: when half a minute was over" "$(took $name)" '^(29|3[0-9])$'
done
is 'for this reason' "$(grep -c 'add token refused.*did not answer in time' "$T/agent.log")" 2
has 'which the decision on the signature says, too' "$("$ADD" --log | grep ' sign ' | grep refused)" 'did not answer in time'

# --- replaced
replaced() {
	[ -n "$(helper_of sign)" ] && [ "$(helper_of sign)" != "$old" ]
}
p11bad
for name in start login sign; do
	module $name
	p11bad
done
ok 'the helper of the one that holds a key is replaced' poll 30 replaced
person 1234
ok 'and signs' well sign
is 'for its PIN' "$(asked secret)" 1
no_others() {
	[ -z "$(helper_of start)$(helper_of login)" ]
}
ok 'those of the others are ended' poll 10 no_others
for name in start login; do
	ok "$name: which does not hang any more is added" openssh -s "$(uri $name)"
	ok "$name: and signs" well $name
done
finish
