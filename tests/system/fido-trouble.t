#!/bin/sh
# signet-fido and what goes wrong with security keys: nobody touches them, they are pulled out, used by
# others, or answer nonsense; and the watch, which none of it ends.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/fido.sh"

need ssh-keygen python3 setpriv
[ -x "$BUILD/libexec/signet/signet-fido" ] || skip_all 'signet-fido is not built: libfido2 is missing'
echo 'some text' >"$T/text"

# helper NAME: the process that `ask NAME` started, and that has done something already.
helper() {
	eval "children \$ASKER_$1" | tr -d ' '
}

# pcscd_start would put another /run over the one that is watched.
mount() {
	:
}

# --- the watch ----------------------------------------------------------------
# told PATTERN: the last list that the watch sent has such a line.
told() {
	awk '{ list = list $0 "\n" } /^end$/ { last = list; list = "" } END { printf "%s", last }' "$T/watch" |
		grep -q "$1"
}
told_nothing() {
	[ "$(tail -n 2 "$T/watch" | tr '\n' ' ')" = 'end end ' ]
}
command mount -t tmpfs none /run
# Root may do without a limit, so it is none that may.
bounded() (
	ulimit "$@" && exec setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource "$BUILD/tests/tools/fido" list
)
is 'it lists what is there' "$(bounded -c 0)" end
is 'also where stacks may be larger than its memory' "$(bounded -s 1048576)" end
is 'and where less memory is allowed than it would take' "$(bounded -v 400000)" end
ask watch watch
ok 'the watch says at once that there is nothing' poll 10 grep -q '^end$' "$T/watch"
watcher=$(helper watch)
ok 'pcscd comes' pcscd_start 4
ok 'a key comes' card_start key 0 -p 1234
ok 'it is told' poll 10 told "^device 1 card $(path 0)\$"
ok 'another comes' card_start other 3 -o u2f=off
ok 'it is told too' poll 10 told "^device 2 card $(path 3)\$"
ok 'with the first under its number' told "^device 1 card $(path 0)\$"
ok 'the first is pulled out' card_pull key
ok 'it is gone' poll 10 sh -c "! tail -n 2 '$T/watch' | grep -q 'device 1 '"
ok 'it is put in again' card_insert key
ok 'as another' poll 10 told "^device 3 card $(path 0)\$"

# A card that is no security key: its slot speaks, but has no FIDO applet.
cat >"$T/plain.py" <<-'PYTHON'
	import socket, struct
	def take(n):
	    data = b""
	    while len(data) < n:
	        part = s.recv(n - len(data))
	        if not part: raise SystemExit
	        data += part
	    return data
	def give(data):
	    s.sendall(struct.pack(">H", len(data)) + data)
	s = socket.create_connection(("127.0.0.1", 36001))
	while True:
	    message = take(struct.unpack(">H", take(2))[0])
	    if message == b"\4": give(bytes.fromhex("3b80800101"))
	    elif len(message) > 1: give(b"\x6a\x82")
PYTHON
python3 "$T/plain.py" &
reap $!
ok 'a card that is no security key comes' poll 10 slot_has 1 Yes

switches() {
	cat "/proc/$watcher/task/"*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'
}
# settled: nothing woke it between two looks.
settled() {
	before=$(switches)
	sleep 2
	[ "$(switches)" -eq "$before" ]
}
ok 'it sleeps while nothing happens' poll 1 settled
not_ok 'the card that is none was not told' told "$(path 1)"
has 'nor is it one to ask' "$(answer probe "$(path 1)")" \
	'^failed: the security key that holds it is not plugged in;'
kill "$PCSCD_PID"
ok 'pcscd ends' gone "$PCSCD_PID" 10
ok 'all are gone' poll 10 told_nothing
rm -rf /run/pcscd
ok 'it sleeps without pcscd' poll 1 settled
mkdir /run/pcscd
/usr/sbin/pcscd $PCSCD_OPTIONS -f -C -c "$T/readers" >"$T/pcscd.log" 2>&1 </dev/null &
PCSCD_PID=$!
reap "$PCSCD_PID"
ok 'pcscd comes back' poll 10 told "^device [4-9] card $(path 0)\$"
ok 'with both' poll 10 told "^device [4-9] card $(path 3)\$"
ok 'pcscd is killed' kill -9 "$PCSCD_PID"
ok 'all are gone' poll 10 told_nothing
ok 'its socket stays' test -S /run/pcscd/pcscd.comm
rm -f /run/pcscd/pcscd.pid /run/pcscd/pcscd.comm
/usr/sbin/pcscd $PCSCD_OPTIONS -f -C -c "$T/readers" >"$T/pcscd.log" 2>&1 </dev/null &
PCSCD_PID=$!
reap "$PCSCD_PID"
ok 'pcscd comes back again' poll 10 told "^device [0-9]* card $(path 0)\$"
order h
answered watch >/dev/null
ok 'hanging up ends it' gone "$watcher" 2

# --- what the process may do --------------------------------------------------
ok 'a key' make_key key 0 ed25519 "$T/ed"
ok 'another' make_key other 3 ecdsa "$T/ec"
ask touch sign "$(path 0)" "$T/ed" "$T/text"
ok 'it waits for a touch' card_await key waiting 10
waiting=$(helper touch)
status=$(cat "/proc/$waiting/status")
has 'it gets no new privileges' "$status" '^NoNewPrivs:.*1$'
if grep -q __asan_init "$BUILD/libexec/signet/signet-fido"; then
	skip 'it has a system-call filter' 'not on Debian 12: a build with sanitizers has none'
else
	has 'it has a system-call filter' "$status" '^Seccomp:.*2$'
fi
has 'it leaves no core' "$(cat "/proc/$waiting/limits")" '^Max core file size *0 *0 '
if grep -q __asan_init "$BUILD/libexec/signet/signet-fido"; then
	skip 'its memory has an end' 'not on Debian 12: a build with sanitizers has none'
else
	has 'its memory has an end' "$(cat "/proc/$waiting/limits")" '^Max address space *[0-9]'
fi
is 'its memory is nobody else'"'"'s' "$(stat -c %u "/proc/$waiting/mem")" 0
is 'descriptor 3 is not the socket' "$(readlink "/proc/$waiting/fd/3")" /dev/null
is 'standard output is none' "$(readlink "/proc/$waiting/fd/1")" /dev/null

# --- busy ---------------------------------------------------------------------
busy='^failed: the security key is in use by another program;'
has 'another operation finds it busy' "$(answer probe "$(path 0)" "$T/ed")" "$busy"
has 'the other key is not' "$(answer probe "$(path 3)" "$T/ec")" '^abilities '
is 'a list says which card could not be asked' "$(answer list)" "device 0 card $(path 0)
device 2 card $(path 3)
end"
card key touch >/dev/null
has 'the one that waited signs' "$(answered touch)" '^signed '

# --- in use from before the watch on, with much else going on meanwhile -------
ok 'another program uses the card' card_hold 0
ask watch watch
ok 'the watch tells of the other' poll 10 told "^device [0-9]* card $(path 3)\$"
watcher=$(helper watch)
for time in 1 2 3 4; do
	card_pull other >/dev/null
	ok 'the other is pulled out' poll 10 told_nothing
	card_insert other >/dev/null
	ok 'and put in again' poll 10 told "^device [0-9]* card $(path 3)\$"
done
ok 'nobody asks again and again whether the card is free' poll 1 settled
not_ok 'it is not told' told "$(path 0)"
ok 'the program ends' card_free
ok 'the card is told' poll 10 told "^device [0-9]* card $(path 0)\$"
ok 'it sleeps again' poll 1 settled
order h
answered watch >/dev/null
ok 'the watch ends' gone "$watcher" 2

# --- another program selects an applet of its own, again and again, between our commands
cat >"$T/select.py" <<-'PYTHON'
	import ctypes, sys
	pcsc = ctypes.CDLL("libpcsclite.so.1")
	context, card, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
	SYSTEM, SHARED, T1, LEAVE = 2, 2, 2, 0  # winscard.h, pcsclite.h
	class Request(ctypes.Structure):
	    _fields_ = [("protocol", ctypes.c_ulong), ("length", ctypes.c_ulong)]
	request = Request(T1, ctypes.sizeof(Request))
	select = bytes.fromhex("00a4040005a000000308")  # PIV's (NIST SP 800-73-4, part 1)
	reply, n = ctypes.create_string_buffer(300), ctypes.c_ulong()
	assert pcsc.SCardEstablishContext(SYSTEM, None, None, ctypes.byref(context)) == 0
	print("ready", flush=True)
	while True:
	    if pcsc.SCardConnect(context, sys.argv[1].encode(), SHARED, T1, ctypes.byref(card), ctypes.byref(protocol)) == 0:
	        for _ in range(50):
	            n.value = 300
	            pcsc.SCardTransmit(card, ctypes.byref(request), select, len(select), None, reply, ctypes.byref(n))
	        pcsc.SCardDisconnect(card, LEAVE)
PYTHON
python3 "$T/select.py" "$(reader_name 0)" >"$T/selecting" &
selecter=$!
reap $selecter
poll 10 grep -q ready "$T/selecting"
for time in 1 2 3 4 5 6 7 8 9 10; do
	answer probe "$(path 0)" "$T/ed"
done | grep -v '^abilities' | sort | uniq -c >"$T/probes"
is 'each time it is found to hold its key, or to be in use' \
	"$(sed 's/^ *[0-9]* //; s/;.*//' "$T/probes" | grep -v '^failed: the security key is in use')" yes
kill -9 $selecter
gone $selecter 10

# --- nobody touches it --------------------------------------------------------
card key option timeout_ms=1000 >/dev/null
has 'in time' "$(answer sign "$(path 0)" "$T/ed" "$T/text")" \
	'^failed: the device was not touched in time;'
ok 'it may wait for long' card key option timeout_ms=30000
ask touch sign "$(path 0)" "$T/ed" "$T/text"
ok 'it waits' card_await key waiting 10
card key refuse >/dev/null
has 'it is refused on the key' "$(answered touch)" '^failed: (a PIN is needed; tries=8|the person said no)'

for how in c h; do
	ask touch sign "$(path 0)" "$T/ed" "$T/text"
	ok 'it waits' card_await key waiting 10
	waiting=$(helper touch)
	order $how
	ok 'taken back, it is gone within a second' gone "$waiting" 1
	case $how in
	c) has "with an answer, which the key's was" "$(answered touch)" \
		'^failed: the request was cancelled;.*FIDO_ERR_KEEPALIVE_CANCEL$' ;;
	h) is 'without one' "$(answered touch)" 'ended without an answer: status 0' ;;
	esac
	ok 'the key stops' card_await key waiting=no 5
done
has 'FIDO_CANCEL alone' "$(answer raw 0218)" '^failed: the request was cancelled;'

# --- pulled out ---------------------------------------------------------------
ask touch sign "$(path 0)" "$T/ed" "$T/text"
ok 'it waits' card_await key waiting 10
ok 'pulled out' card_pull key
has 'while it waits' "$(answered touch)" '^failed: the security key was pulled out;'
card_insert key >/dev/null
# At every command of a signature, of which there are two: getInfo and the assertion.
for step in 1 2; do
	ok 'it falls off' card key mode die $step
	has "at command $step" "$(answer sign "$(path 0)" "$T/ed" "$T/text")" \
		'^failed: the security key was pulled out;'
	card key mode good >/dev/null
	card_insert key >/dev/null
done
ok 'a resident key' make_key key 0 ed25519 "$T/resident" -r -p 1234
step=0
while [ $step -lt 30 ]; do
	step=$((step + 1))
	card key mode die $step >/dev/null
	answer -p 1234 resident "$(path 0)"
	card key mode good >/dev/null
	card_insert key >/dev/null
	tail -n 1 "$T/falls" | grep -q keys && break
done >"$T/falls"
is 'at any command of a list of resident keys' \
	"$(sed 's/;.*//; s/^key.*/key/' "$T/falls" | uniq -c | sed 's/^ *[5-9] /many /; s/^ *[12][0-9] /many /')" \
	'many failed: the security key was pulled out
      1 key
      1 1 keys'
ask choice choose "$(path 0)" "$(path 3)"
ok 'two blink' card_await other waiting 10
# Not card_pull: what it looks with would wait for the other.
ok 'one is pulled out' card key pull
ok 'the other is touched' card other touch
is 'and chosen' "$(answered choice)" "chosen $(path 3)"
poll 10 slot_has 0 No
card_insert key >/dev/null

# --- nonsense -----------------------------------------------------------------
card key auto on >/dev/null
device='^failed: the security key or its library reported an error;'
for mode in garbage long truncated empty claim 'status 1' 'status 127' other-id; do
	# shellcheck disable=SC2086 # a mode and its number
	card key mode $mode >/dev/null
	has "$mode is an error" "$(answer sign "$(path 0)" "$T/ed" "$T/text")" "$device"
	case $mode in
	garbage | empty | claim | status*)
		has "also when it is asked what it is" "$(answer probe "$(path 0)" "$T/ed")" "$device"
		has "also for its keys" "$(answer -p 1234 resident "$(path 0)")" "$device"
		has "also when it is one of two" "$(answer choose "$(path 0)")" "$device"
		;;
	esac
done
card key mode never >/dev/null
sent=$(card key status | sed 's/.* commands=\([0-9]*\) .*/\1/')
ask never sign "$(path 0)" "$T/ed" "$T/text"
ok 'one that never answers' card_await key "commands>=$((sent + 2))" 10
waiting=$(helper never)
order c
ok 'does not keep the process' gone "$waiting" 1
has 'nor the answer' "$(answered never)" '^failed: the request was cancelled;'
card key mode good >/dev/null
card_pull key >/dev/null && card_insert key >/dev/null
has 'it works again' "$(answer sign "$(path 0)" "$T/ed" "$T/text")" '^signed '
ok 'and OpenSSH verifies it' verified "$T/ed" "$T/text"

# --- key handles of odd sizes -------------------------------------------------
for n in 255 1024; do
	ok "a key whose handles have $n bytes" card_start "long$n" 2 -o id_length=$n -o max_message=4096 -o u2f=off
	ok 'makes one' make_key "long$n" 2 ed25519 "$T/long$n"
	has 'holds it' "$(answer probe "$(path 2)" "$T/long$n" | tail -n 1)" '^yes$'
	ok 'a touch' card "long$n" touch
	has 'and signs' "$(answer sign "$(path 2)" "$T/long$n" "$T/text")" '^signed '
	ok 'and OpenSSH verifies it' verified "$T/long$n" "$T/text"
	is 'no other holds it' "$(answer probe "$(path 3)" "$T/long$n" | tail -n 1)" no
	card "long$n" quit >/dev/null
	poll 10 slot_has 2 No
done

# --- malformed requests -------------------------------------------------------
has 'a request of another version is answered by one of ours, which is none here' "$(answer raw 0311)" '^ended without an answer: status 1'
has 'one of an unknown kind' "$(answer raw 0299)" '^failed: the data is malformed;'
has 'one that is an answer' "$(answer raw 022100)" '^failed: the data is malformed;'
has 'one that is cut' "$(answer raw 0214)" '^failed: '
has 'none' "$(answer raw '')" '^(failed: the data is malformed;|ended without)'
finish
