#!/bin/sh
# seconds 600
# signet-fido and security keys on USB: inside a virtual machine, where the kernel shows the virtual key as a hidraw
# device and libfido2 finds it by itself.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/fido.sh"
need ssh-keygen flock
[ -x "$BUILD/libexec/signet/signet-fido" ] || skip_all 'signet-fido is not built: libfido2 is missing'

if [ "${1-}" != inside ]; then
	reason=$(tests/virtual/guest --ready 2>&1) || skip_all "$reason"
	tests/virtual/guest -t 240 sh "$0" inside
	exit
fi

# card NAME WORD..., card_await NAME CONDITION... SECONDS: as for cards, for support/fido.sh.
card() {
	key=$1
	shift
	"$BUILD/tests/virtual/fido-uhid" --tell "$T/$key.card" "$@"
}
card_await() {
	key=$1
	shift
	"$BUILD/tests/virtual/fido-uhid" --await "$T/$key.card" "$@"
}
key_start() {
	key=$1
	shift
	"$BUILD/tests/virtual/fido-uhid" "$@" "$T/$key.card" >"$T/$key.log" 2>&1 </dev/null &
	reap $!
	poll 10 card "$key" status
}
lists() {
	[ "$(answer list | grep -c '^device ')" -eq "$1" ]
}
# node N: the path of the N-th device.
node() {
	answer list | sed -n "s/^device $1 hid //p"
}
path() {
	eval "echo \"\$node_$1\""
}
told() {
	awk '{ list = list $0 "\n" } /^end$/ { last = list; list = "" } END { printf "%s", last }' "$T/watch" |
		grep -q "$1"
}
helper() {
	eval "children \$ASKER_$1" | tr -d ' '
}
echo 'some text' >"$T/text"

ask watch watch
ok 'the watch says that there is nothing' poll 20 grep -q '^end$' "$T/watch"
watcher=$(helper watch)
ok 'a key' key_start one -p 1234
ok 'it is told' poll 20 told '^device 1 hid /dev/hidraw0$'
ok 'another' key_start two
ok 'it is told too' poll 20 told '^device 2 hid /dev/hidraw1$'
card one pull >/dev/null
ok 'one is pulled out' poll 20 sh -c "! tail -n 2 '$T/watch' | grep -q '^device 1 '"
card one insert >/dev/null
ok 'and comes back as another' poll 20 told '^device 3 hid /dev/hidraw0$'
ok 'the other is what it was' told '^device 2 hid /dev/hidraw1$'
switches() {
	cat "/proc/$watcher/task/"*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'
}
settled() {
	before=$(switches)
	sleep 2
	[ "$(switches)" -eq "$before" ]
}
ok 'it sleeps while nothing happens' poll 1 settled
order h
answered watch >/dev/null
ok 'hanging up ends it' gone "$watcher" 5

node_one=/dev/hidraw0 node_two=/dev/hidraw1
is 'both are listed' "$(answer list | sed 's/ [0-9]* / /' | sort)" "device hid $node_one
device hid $node_two
end"
for type in ed25519 ecdsa; do
	ok "a key: $type" make_key one one $type "$T/$type"
	ok 'a touch' card one touch
	has 'it signs' "$(answer sign "$node_one" "$T/$type" "$T/text")" '^signed flags=0x01 '
	ok 'and OpenSSH verifies it' verified "$T/$type" "$T/text"
done
is 'who holds it' "$(answer probe "$node_one" "$T/ed25519" | tail -n 1) $(answer probe "$node_two" "$T/ed25519" | tail -n 1)" \
	'yes no'

ask touch sign "$node_one" "$T/ed25519" "$T/text"
ok 'it waits for a touch' card_await one waiting 20
has 'others find it busy' "$(answer probe "$node_one" "$T/ed25519")" \
	'^failed: the security key is in use by another program;'
has 'the other key is not' "$(answer probe "$node_two" "$T/ed25519")" '^abilities '
card one touch >/dev/null
has 'it signs' "$(answered touch)" '^signed '
card one option timeout_ms=1000 >/dev/null
has 'nobody touches it' "$(answer sign "$node_one" "$T/ed25519" "$T/text")" \
	'^failed: the device was not touched in time;'
card one option timeout_ms=30000 >/dev/null
ask touch sign "$node_one" "$T/ed25519" "$T/text"
ok 'it waits' card_await one waiting 20
waiting=$(helper touch)
order c
has 'taken back' "$(answered touch)" '^failed: the request was cancelled;.*FIDO_ERR_KEEPALIVE_CANCEL$'
ok 'the process is gone' gone "$waiting" 2
ok 'the key stops' card_await one waiting=no 10
ask touch sign "$node_one" "$T/ed25519" "$T/text"
ok 'it waits' card_await one waiting 20
card one pull >/dev/null
has 'pulled out' "$(answered touch)" '^failed: the security key was pulled out;'
ok 'only the other is left' poll 10 lists 1
has 'nothing is there' "$(answer sign "$node_one" "$T/ed25519" "$T/text")" \
	'^failed: the security key that holds it is not plugged in;'
card one insert >/dev/null
ok 'both are there' poll 10 lists 2
find_nodes() {
	node_one=$(node 1) node_two=$(node 2)
	[ "$(answer probe "$node_one" "$T/ed25519" | tail -n 1)" = yes ] && return
	node_one=$(node 2) node_two=$(node 1)
}
find_nodes

ask choice choose "$node_one" "$node_two"
ok 'both blink' card_await one waiting 20
ok 'both blink' card_await two waiting 20
card two touch >/dev/null
has 'one is chosen' "$(answered choice)" '^chosen /dev/hidraw[0-9]$'
ok 'the other stops' card_await one waiting=no 10
ask choice choose "$node_one" "$node_two"
ok 'both blink' card_await one waiting 20
card one pull >/dev/null
card two touch >/dev/null
has 'one may be pulled out' "$(answered choice)" '^chosen /dev/hidraw[0-9]$'
card one insert >/dev/null
poll 10 lists 2
find_nodes

card one auto on >/dev/null
for mode in garbage truncated empty 'status 127'; do
	# shellcheck disable=SC2086 # a mode and its number
	card one mode $mode >/dev/null
	has "$mode is an error" "$(answer sign "$node_one" "$T/ed25519" "$T/text")" \
		'^failed: the security key or its library reported an error;'
done
card one mode good >/dev/null

card two pull >/dev/null
poll 10 lists 1
ok 'a key that knows U2F only' key_start old -o ctap2=off -a
ok 'is listed' poll 10 lists 2
node_old=$(answer list | sed -n 's/^device [12] hid //p' | grep -vx "$node_one")
ok 'a key on it' make_key old old ecdsa "$T/old"
is 'it holds it' "$(answer probe "$node_old" "$T/old" "$T/ed25519")" 'abilities 0x0 tries 255 255
yes
no'
has 'it signs' "$(answer sign "$node_old" "$T/old" "$T/text")" '^signed flags=0x01 '
ok 'and OpenSSH verifies it' verified "$T/old" "$T/text"

# The build folder may lie in a home that others cannot enter.
mkdir -p "$T/open/libexec/signet"
cp "$FIDO" "$T/open/" && cp "$BUILD/libexec/signet/signet-fido" "$T/open/libexec/signet/"
chmod 0 "$node_one"
has 'a user who may not open it is told why' "$(exec 2>&1
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		env BUILD="$T/open" "$T/open/fido" probe "$node_one" </dev/null)" \
	'^failed: .*Permission denied; are the udev rules'
finish
