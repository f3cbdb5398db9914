# The real pcscd with virtual readers and cards, for tests in POSIX sh.  It wants a /run, a network and
# a process table of its own, which end with the test, so a test starts with
#
#	. "${0%/*}/../support/pcscd.sh"
#	. "${0%/*}/../support/lib.sh"
#
# and is run again inside them (as root, or as an ordinary user who may make user namespaces and is
# root in there).  Every name below is set after that only.

PCSCD_DRIVER=/usr/lib/pcsc/drivers/serial/libifdvpcd.so

pcscd_skip() {
	echo "1..0 # SKIP $1"
	exit 0
}

if [ "${PCSCD_INSIDE-}" != yes ]; then
	PATH=$PATH:/usr/sbin:/sbin
	export PATH
	for pcscd_program in pcscd opensc-tool unshare ip; do
		command -v "$pcscd_program" >/dev/null 2>&1 ||
			pcscd_skip "$pcscd_program is not installed"
	done
	[ -e "$PCSCD_DRIVER" ] || pcscd_skip 'vsmartcard-vpcd is not installed'
	[ -x "${BUILD:-build}/tests/virtual/fido-card" ] || pcscd_skip 'fido-card is not built'
	if unshare -m -n -p -f --mount-proc true 2>/dev/null; then
		pcscd_map=
	elif unshare -Ur -m -n -p -f --mount-proc true 2>/dev/null; then
		pcscd_map=-Ur
	else
		pcscd_skip 'namespaces cannot be made here'
	fi
	PCSCD_INSIDE=yes
	export PCSCD_INSIDE
	# shellcheck disable=SC2086 # no word when it is empty
	exec unshare $pcscd_map -m -n -p -f --mount-proc --kill-child sh "$0" "$@"
fi
unset PCSCD_INSIDE

# Of a pcscd that asks polkit otherwise, which does not run in here.
PCSCD_OPTIONS=$(pcscd --help 2>&1 | grep -o -e '--disable-polkit' | head -n 1)

# The port of slot 0; vpcd has two slots an instance, each on the port after the last.
PCSCD_PORT=36000

# card NAME WORD...: command the card of card_start; see tests/virtual/device.h.
card() {
	pcscd_card=$1
	shift
	"$BUILD/tests/virtual/fido-card" --tell "$T/$pcscd_card.card" "$@"
}

# card_await NAME CONDITION... SECONDS: until its status says so.
card_await() {
	pcscd_card=$1
	shift
	"$BUILD/tests/virtual/fido-card" --await "$T/$pcscd_card.card" "$@"
}

# tokencard NAME WORD..., tokencard_await NAME CONDITION... SECONDS: the same for a card of tokencard_start;
# see tests/virtual/token/main.c.
tokencard() {
	pcscd_card=$1
	shift
	"$BUILD/tests/virtual/token-card" --tell "$T/$pcscd_card.card" "$@"
}

tokencard_await() {
	pcscd_card=$1
	shift
	"$BUILD/tests/virtual/token-card" --await "$T/$pcscd_card.card" "$@"
}

# What readers are called, with a number behind; a test may set another before pcscd_start.
PCSCD_READER='Virtual FIDO'

# pcscd_start N: pcscd with N slots, 0 to N - 1, in readers named "$PCSCD_READER NUMBER", two slots each.
# The driver keeps its slots in one table for all readers, so each reader has a copy of the driver.
pcscd_start() {
	mount -t tmpfs pcscd /run && mkdir /run/pcscd && ip link set lo up || return 1
	mkdir "$T/readers"
	pcscd_number=0
	while [ $((pcscd_number * 2)) -lt "$1" ]; do
		cp "$PCSCD_DRIVER" "$T/vpcd$pcscd_number.so"
		pcscd_hex=$(printf '0x%X' $((PCSCD_PORT + pcscd_number * 2)))
		printf '%s\n' "FRIENDLYNAME \"$PCSCD_READER $pcscd_number\"" \
			"DEVICENAME /dev/null:$pcscd_hex" "LIBPATH $T/vpcd$pcscd_number.so" \
			"CHANNELID $pcscd_hex" '' >>"$T/readers/vpcd"
		pcscd_number=$((pcscd_number + 1))
	done
	pcscd $PCSCD_OPTIONS -f -C -c "$T/readers" >"$T/pcscd.log" 2>&1 </dev/null &
	PCSCD_PID=$!
	reap "$PCSCD_PID"
	poll 10 pcscd_has_readers "$pcscd_number" || {
		diag 'pcscd did not start' "$(cat "$T/pcscd.log")"
		return 1
	}
}

# pcscd_stop: end it; the cards stay, and connect again to the next.
pcscd_stop() {
	kill "$PCSCD_PID"
	gone "$PCSCD_PID" 10
	rm -rf "$T/readers"
}

pcscd_has_readers() {
	[ "$(opensc-tool --list-readers | grep -c "$PCSCD_READER")" -eq $(($1 * 2)) ]
}

# reader_name SLOT: what pcscd calls the reader.
reader_name() {
	echo "$PCSCD_READER $(($1 / 2)) 00 0$(($1 % 2))"
}

# apdus SLOT APDU...: send them; prints each answer, data and status words in hex, on a line of its own.
# By scriptor, which must be there.
apdus() {
	apdus_slot=$1
	shift
	printf '%s\n' "$@" | scriptor -r "$(reader_name "$apdus_slot")" 2>&1 |
		awk '
		/^>/ { inside = 0; next }
		/^</ { inside = 1; sub(/^</, "") }
		!inside { next }
		{ last = sub(/ : .*/, ""); gsub(/ /, ""); printf "%s%s", $0, last ? "\n" : "" }
		last { inside = 0 }'
}

# slot_has SLOT Yes|No: whether pcscd sees a card there.
slot_has() {
	opensc-tool --list-readers | grep -q \
		"^[0-9]*  *$2 .*$PCSCD_READER $(($1 / 2)) 0*[0-9]* 0*$(($1 % 2))\$"
}

# pcscd_card_start PROGRAM NAME SLOT [OPTION...]: a card in that slot; waits until pcscd has seen it, unless
# it starts outside (-u).
pcscd_card_start() {
	pcscd_program=$1 pcscd_card=$2 pcscd_slot=$3
	shift 3
	eval "pcscd_slot_$pcscd_card=$pcscd_slot"
	"$BUILD/tests/virtual/$pcscd_program" "$@" $((PCSCD_PORT + pcscd_slot)) "$T/$pcscd_card.card" \
		>"$T/$pcscd_card.log" 2>&1 </dev/null &
	eval "CARD_PID_$pcscd_card=$!"
	reap $!
	poll 30 "$BUILD/tests/virtual/$pcscd_program" --tell "$T/$pcscd_card.card" status || {
		diag "the card did not start" "$(cat "$T/$pcscd_card.log")"
		return 1
	}
	case " $* " in
	*' -u '*) ;;
	*) poll 10 slot_has "$pcscd_slot" Yes ;;
	esac
}

# card_start NAME SLOT [OPTION...]: a security key, named NAME to the functions here, with the options of
# tests/virtual/device.h.
card_start() {
	pcscd_card_start fido-card "$@"
}

# tokencard_start NAME SLOT [OPTION...]: a smartcard, with the options of tests/virtual/token/main.c.
tokencard_start() {
	pcscd_card_start token-card "$@"
}

# card_pull NAME, card_insert NAME: out of the reader and in again, until pcscd has seen it.
card_pull() {
	card "$1" pull >/dev/null && eval "poll 10 slot_has \$pcscd_slot_$1 No"
}

card_insert() {
	card "$1" insert >/dev/null && eval "poll 10 slot_has \$pcscd_slot_$1 Yes"
}

tokencard_pull() {
	tokencard "$1" pull >/dev/null && eval "poll 10 slot_has \$pcscd_slot_$1 No"
}

tokencard_insert() {
	tokencard "$1" insert >/dev/null && eval "poll 10 slot_has \$pcscd_slot_$1 Yes"
}

# card_hold SLOT: another program uses the card in this slot, until card_free.
card_hold() {
	cat >"$T/hold.py" <<-'PYTHON'
		import ctypes, signal, sys
		signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
		pcsc = ctypes.CDLL("libpcsclite.so.1")
		context, card, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
		SYSTEM, SHARED, ANY, LEAVE = 2, 2, 3, 0  # winscard.h, pcsclite.h
		assert pcsc.SCardEstablishContext(SYSTEM, None, None, ctypes.byref(context)) == 0
		assert pcsc.SCardConnect(context, sys.argv[1].encode(), SHARED, ANY, ctypes.byref(card), ctypes.byref(protocol)) == 0
		print("held", flush=True)
		signal.sigwait([signal.SIGTERM])
		pcsc.SCardDisconnect(card, LEAVE)
		pcsc.SCardReleaseContext(context)
	PYTHON
	: >"$T/held"
	python3 "$T/hold.py" "$(reader_name "$1")" >"$T/held" &
	pcscd_holder=$!
	reap "$pcscd_holder"
	poll 10 grep -q held "$T/held"
}

card_free() {
	kill "$pcscd_holder" && gone "$pcscd_holder" 10
}
