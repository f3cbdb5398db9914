#!/bin/sh
# seconds 600
# The virtual security key on USB, where the kernel shows it as a hidraw device: inside a virtual machine, since only
# there is a /dev/uhid to be had.  Programs that know nothing of ours find it, make keys and sign.
. "${0%/*}/../support/lib.sh"
need fido2-token ssh-keygen ssh-add ssh-agent

if [ "${1-}" != inside ]; then
	reason=$(tests/virtual/guest --ready 2>&1) || skip_all "$reason"
	tests/virtual/guest -t 240 sh "$0" inside
	exit
fi

device=$BUILD/tests/virtual/fido-uhid

# tell WORD...: command the key; await CONDITION...: until its status is so.
tell() {
	"$device" --tell "$T/key" "$@"
}
await() {
	"$device" --await "$T/key" "$@" 20
}

# status NAME: its value in the key's status.
status() {
	tell status | tr ' ' '\n' | sed -n "s/^$1=//p"
}

# start NAME [OPTION...]: a key that is commanded at $T/NAME.
start() {
	start_name=$1
	shift
	"$device" "$@" "$T/$start_name" >"$T/$start_name.log" 2>&1 </dev/null &
	reap $!
	poll 10 "$device" --tell "$T/$start_name" status || diag "$(cat "$T/$start_name.log")"
}

# touched COMMAND...: run it, and touch the key once when that waits for it.
touched() {
	"$@" &
	touched_pid=$!
	if await waiting 2>"$T/await"; then
		tell touch >/dev/null
	else
		cat "$T/await" >&2
		kill $touched_pid
	fi
	wait $touched_pid
}

# refused COMMAND...: run it, and refuse each touch that it asks for: OpenSSH takes a refusal for "a PIN is
# needed" and asks again with one.
refused() {
	"$@" &
	refused_pid=$!
	until ended $refused_pid; do
		"$device" --await "$T/key" waiting 0.2 2>/dev/null && tell refuse >/dev/null
	done
	wait $refused_pid
}

listed() {
	fido2-token -L | wc -l
}
lists() {
	[ "$(listed)" -eq "$1" ]
}

# --- libfido2's own program sees it

start key
ok "the kernel shows it as a hidraw device" poll 5 lists 1
has "fido2-token lists it" "$(fido2-token -L)" '^/dev/hidraw[0-9]+: vendor=0x1209, product=0x0001 '
node=$(fido2-token -L | cut -d: -f1)
info=$(fido2-token -I "$node" 2>&1)
has "and reads from it: CTAPHID's version" "$info" '^proto: 0x02$'
has "what it can do" "$info" '^caps: 0x05 \(wink, cbor, msg\)$'
has "the versions of its commands" "$info" '^version strings:.*U2F_V2.*FIDO_2_0|^version strings:.*FIDO_2_0.*U2F_V2'
has "its algorithms" "$info" '^algorithms:.*es256.*eddsa|^algorithms:.*eddsa.*es256'
has "that it has no PIN" "$info" '^options:.*noclientPin'

# --- ssh-keygen makes keys

for type in ed25519-sk ecdsa-sk; do
	ok "$type: ssh-keygen makes a key with a touch" touched keygen $type "$T/$type"
	has "$type: it is of that type" "$(ssh-keygen -lf "$T/$type.pub" 2>&1)" "$(echo "(${type%-sk}-sk)" | tr a-z A-Z)"
done
is "each took one touch" "$(status registrations) $(status touches)" "2 2"
not_ok "a touch that is refused makes no key" refused keygen ed25519-sk "$T/refused"

# --- agents sign with it

# signs_with NAME AGENT ARGUMENT...: the agent, on a socket that is added as its last argument, signs with each key.
signs_with() {
	agent_name=$1
	shift
	SSH_AUTH_SOCK=$T/agent.sock
	export SSH_AUTH_SOCK
	rm -f "$SSH_AUTH_SOCK"
	"$@" "$SSH_AUTH_SOCK" >"$T/agent.log" 2>&1 </dev/null &
	agent_pid=$!
	reap $agent_pid
	poll 10 test -S "$SSH_AUTH_SOCK" || diag "$(cat "$T/agent.log")"
	for type in ed25519-sk ecdsa-sk; do
		ok "$agent_name: $type: it is added" ssh-add -q "$T/$type"
		touches=$(status touches)
		ok "$agent_name: $type: it signs with a touch" touched ssh-add -T "$T/$type.pub"
		is "$agent_name: $type: which took one touch" "$(status touches)" $((touches + 1))
		not_ok "$agent_name: $type: not with a touch that is refused" refused ssh-add -T "$T/$type.pub"
	done
	tell pull >/dev/null
	ok "$agent_name: the key is pulled out" poll 5 lists 0
	not_ok "$agent_name: nothing signs without it" ssh-add -T "$T/ed25519-sk.pub"
	tell insert >/dev/null
	ok "$agent_name: it is put in again" poll 5 lists 1
	ok "$agent_name: and signs again" touched ssh-add -T "$T/ed25519-sk.pub"
	kill $agent_pid
	gone $agent_pid
}
# One line an agent.
signs_with "OpenSSH's agent" ssh-agent -D -a
signs_with signet-agent "$AGENT" -D -a
has 'signet-add --tokens lists it' "$("$ADD" --tokens </dev/null 2>&1)" 'USB, /dev/hidraw'

# --- PIN, resident keys, several keys, old keys

tell pin 'a long PIN' >/dev/null
has "a PIN is seen" "$(fido2-token -I "$(fido2-token -L | cut -d: -f1)" 2>&1)" '^options:.*[ ,]clientPin'
SSH_ASKPASS=$(askpass answer "echo a long PIN")
SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
tell auto on >/dev/null
# libfido2 knows no other management of resident keys before its version 1.13.
tell option preview=on >/dev/null
ok "ssh-keygen makes a resident key with PIN and touch" \
	ssh-keygen -q -t ed25519-sk -O resident -O verify-required -O application=ssh:test -N '' -f "$T/resident"
is "it is stored" "$(status resident)" 1
mkdir "$T/found"
load_resident() {
	cd "$T/found" && ssh-keygen -K -N ''
}
ok "ssh-keygen finds it there again" load_resident
cd "$OLDPWD" || exit 1
is "and it is the same key" "$(cut -d' ' -f1-2 "$T/found/"*.pub)" "$(cut -d' ' -f1-2 "$T/resident.pub")"
echo text >"$T/text"
echo "me $(cat "$T/resident.pub")" >"$T/signers"
ok "it signs with PIN and touch" ssh-keygen -q -Y sign -f "$T/resident" -n test "$T/text"
verify() {
	ssh-keygen -Y verify -f "$T/signers" -I me -n test -s "$T/text.sig" <"$T/text"
}
ok "the signature says so, and is right" verify
askpass answer "echo a wrong PIN" >/dev/null
not_ok "not with a wrong PIN" ssh-keygen -q -Y sign -f "$T/resident" -n test "$T/signers"
is "which took a try" "$(status pin_retries)" 7

start second -o ctap2=off -a
ok "a second key is listed beside the first" poll 5 lists 2
tell pull >/dev/null
ok "and alone" poll 5 lists 1
has "it knows U2F only" "$(fido2-token -I "$(fido2-token -L | cut -d: -f1)" 2>&1)" '^caps: 0x01 \(wink, nocbor, msg\)$'
ok "ssh-keygen makes an ecdsa-sk key on it" keygen ecdsa-sk "$T/u2f"
ok "which signs" ssh-keygen -q -Y sign -f "$T/u2f" -n test "$T/signers"
finish
