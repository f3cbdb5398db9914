#!/bin/sh
# An upgrade beside an agent that runs: helpers, signet-add and an agent of another version, made by compiling what
# knows the version with another number, are put in the place of the installed ones.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/securitykeys.sh"
. "${0%/*}/../support/pkcs11.sh"
need ssh-add ssh-keygen make cc
no_sanitizers
for program in signet-fido signet-pkcs11 signet-card; do
	[ -x "$BUILD/libexec/signet/$program" ] || skip_all "$program is not built"
done

# --- programs of another version

# other FOLDER FLAG OBJECT PROGRAM...: the programs, in $T/FOLDER, from the objects that are built, save this one.
other() {
	other_top=$T/$1 other_flag=$2 other_objects=$3
	shift 3
	mkdir "$other_top"
	cp -a "$BUILD/obj" "$BUILD/lib" "$other_top/"
	rm -rf "$other_top/obj/tests" "$other_top/obj/pic" "$other_top/lib/libproto.a"
	for other_object in $other_objects; do
		rm "$other_top/obj/$other_object.o" || return 1
	done
	for other_program; do
		set -- "$@" "$other_top/$other_program"
		shift
	done
	(unset MAKEFLAGS MFLAGS MAKELEVEL && CPPFLAGS=$other_flag make -s BUILD="$other_top" "$@") >"$T/make.log" 2>&1 ||
		diag "$(cat "$T/make.log")"
	for other_program; do
		[ -x "$other_program" ] || return 1
	done
}
helpers='signet-prompt signet-fido signet-pkcs11 signet-card'
of_files='signet-files signet-unlock'
for program in signet-session signet-keyring; do
	[ ! -x "$BUILD/libexec/signet/$program" ] || of_files="$of_files $program"
done
ok 'helpers of another version' other helpers -DSIGNET_HELPER_VERSION=77 'proto/helpermsg proto/helperio' \
	$(printf ' libexec/signet/%s' $helpers $of_files)
ok 'a signet-add and an agent of another version' other control -DSIGNET_CTL_VERSION=77 \
	'proto/ctlmsg agent/req_status' bin/signet-add bin/signet-agent

# --- an agent with a key of each kind
mkdir "$T/installed"
cp -a "$BUILD/bin" "$BUILD/libexec" "$T/installed/"
AGENT=$T/installed/bin/signet-agent
ADD=$T/installed/bin/signet-add

# place FOLDER: its helpers in the place of those there, as dpkg and rpm do it: another file by the same name.
place() {
	for place_helper in $helpers; do
		cp "$1/libexec/signet/$place_helper" "$T/installed/new" &&
			mv "$T/installed/new" "$T/installed/libexec/signet/$place_helper" || return 1
	done
}

# sign NAME, verified NAME: by the key in $T/pub/NAME.pub.
sign() {
	rm -f "$T/$1.sig"
	timeout 30 ssh-keygen -Y sign -f "$T/pub/$1.pub" -n test <"$T/message" >"$T/$1.sig" 2>"$T/$1.err"
}
good() {
	sign "$1" && echo "me $(cat "$T/pub/$1.pub")" >"$T/signers" &&
		ssh-keygen -Y verify -f "$T/signers" -I me -n test -s "$T/$1.sig" <"$T/message"
}
last_decision() {
	"$ADD" --log | tail -n 1
}

# helper NAME: the process of it that the agent has.
helper() {
	for helper_pid in $(children "$SSH_AGENT_PID"); do
		read -r helper_comm <"/proc/$helper_pid/comm" 2>/dev/null || continue
		[ "$helper_comm" != "$1" ] || echo "$helper_pid"
	done
}
listed() {
	ssh-add -L | cut -d ' ' -f 2 | sort
}
listed_are() {
	[ "$(listed | wc -l)" -eq "$1" ]
}

ok 'pcscd starts' pcscd_start 4
fido_key sk ed25519-sk mine -O no-touch-required
ok 'a security key' card_start mine 0 -s "$T/mine.state"
ok 'a smartcard' tokencard_start piv 2 -a -s "$T/piv.state" -o guid=00112233445566778899aabbccddeeff -o slot=9e:p256
softhsm_start
token_make work 1234
token_tool work 1234 --keypairgen --key-type EC:prime256v1 --id 01 --label hsm --usage-sign >"$T/hsm.log" 2>&1
askpass typist 'echo 1234' >/dev/null
keygen ed25519 "$T/plain" -C plain
keygen ed25519 "$T/asks" -C asks
cp "$T/plain.pub" "$T/asks.pub" "$T/pub/"
person_agent
: >"$T/yes"
ok 'a key' "$ADD" -q "$T/plain"
ok 'one that asks' "$ADD" -q -c "$T/asks"
ok 'one of a security key' "$ADD" -q "$T/sk"
ok 'one of a card' "$ADD" -q --card --slot 9e
ok 'one of a module' env SSH_ASKPASS="$T/typist" SSH_ASKPASS_REQUIRE=force "$ADD" -q -s "$SOFTHSM"
ok 'all are there' poll 10 listed_are 5
ssh-add -L | grep 'PIV 9e' >"$T/pub/piv.pub"
ssh-add -L | grep ' hsm$' >"$T/pub/hsm.pub"
all=$(listed)
for key in plain asks sk piv hsm; do
	ok "before: $key signs" good $key
done

# --- the upgrade
ok 'the helpers are replaced' place "$T/helpers"
restart='another version .*restart the agent'
ok 'a key that needs none of them signs' good plain
for key in piv hsm; do
	ok "$key signs by the helper that still runs" good $key
done
for program in signet-card signet-pkcs11; do
	old=$(helper $program)
	ok "$program ends" kill -9 $old
	gone "$old"
done
for key in asks sk piv hsm; do
	not_ok "$key: refused, by another helper" sign $key
	has "$key: with a sentence that says to restart" "$(last_decision)" "sign (refused|failed): .*$restart"
done
not_ok 'another module is refused' env SSH_ASKPASS="$T/typist" SSH_ASKPASS_REQUIRE=force "$ADD" -q -s "$P11BAD"
has 'with that sentence' "$(cat "$T/err"; last_decision)" "$restart"
is 'no key is lost' "$(listed)" "$all"
ok 'and the first signs' good plain
has 'the agent is the same' "$("$ADD" --status)" '^keys: 5$'

# What is put back is used at once: nothing in the agent has suffered.
ok 'the helpers are put back' place "$BUILD"
echo 1234 >"$T/pins"
for key in plain asks sk piv hsm; do
	ok "after: $key signs" poll 10 good $key
done

# --- the control socket
ADD=$T/control/bin/signet-add
for arguments in '-l -v' --log; do
	not_ok "a newer signet-add $arguments" "$ADD" $arguments
	has 'says to restart the agent' "$(cat "$T/err")" "$restart"
done
ok 'it lists' "$ADD" -l
ok 'it has its status' "$ADD" --status
has 'with the protocol of the agent' "$(cat "$T/out")" '^control-protocol: 1$'
keygen ed25519 "$T/more" -C more
ok 'it adds' "$ADD" -q "$T/more"
ok 'with rules' "$ADD" -q --local-only "$T/more"
ok 'it removes' "$ADD" -q -d "$T/more"
agent_stop

AGENT=$T/control/bin/signet-agent
ADD=$T/installed/bin/signet-add
agent_start
ok 'an older signet-add adds' "$ADD" -q --local-only "$T/plain"
ok 'lists' "$ADD" -l
not_ok 'not in detail' "$ADD" -l -v
has 'and says why' "$(cat "$T/err")" "$restart"
has 'its status is told' "$("$ADD" --status)" '^control-protocol: 77$'
agent_stop

# --- helpers of key files
AGENT=$T/installed/bin/signet-agent
helpers=$of_files
mkdir -m 700 "$T/keys"
keygen ed25519 "$T/keys/one" -C one -N 'a phrase' -a 4
keygen ed25519 "$T/keys/two" -C two
cp "$T/keys/one.pub" "$T/keys/two.pub" "$T/pub/"
echo "KeyDirectory $T/keys" >"$T/config"
person_agent --config "$T/config" --offer-keys
ok 'two key files are offered' poll 10 listed_are 2
ok 'one is unlocked' good two
pins 'a phrase'
ok 'their helpers are replaced' place "$T/helpers"
not_ok 'the other cannot be unlocked' sign one
has 'with a sentence that says to restart' "$(last_decision)" "(refused|failed): .*$restart"
is 'nobody was asked' "$(cat "$T/pins")" 'a phrase'
all=$(listed)
said() {
	[ "$(grep -c "$restart" "$T/agent.log")" -ge "$1" ]
}
number=0
for program in signet-files signet-session; do
	old=$(helper $program)
	[ -n "$old" ] || continue
	number=$(grep -c "$restart" "$T/agent.log")
	ok "$program ends" kill -9 $old
	ok 'the agent says to restart it' poll 20 said $((number + 1))
done
is 'no key is lost' "$(listed)" "$all"
ok 'what is unlocked signs' good two
ok 'the helpers of key files are put back' place "$BUILD"
ok 'and the other is unlocked' good one
keygen ed25519 "$T/keys/three" -C three
ok 'files are watched again' poll 70 listed_are 3
agent_stop
finish
