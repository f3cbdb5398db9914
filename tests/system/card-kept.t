#!/bin/sh
# How long a PIN counts that signet-card entered: for the signatures that follow, on cards that forget it when
# their applet is selected, too; not when others used the card, not for keys that want it each time, and
# nobody is kept from a card whose PIN was not used.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/cards.sh"

need ssh-keygen python3
[ -x "$BUILD/libexec/signet/signet-card" ] || skip_all 'signet-card is not built: libpcsclite is missing'
echo 'some text' >"$T/text"
READER='Virtual FIDO 0 00 00'

# other APDU: another program sends it to the card.
other() {
	opensc-tool --reader "$READER" -c default -s "$1" >"$T/other" 2>&1 && grep -q 'SW1=0x90' "$T/other"
}

# exclusively: another program can have the card for itself.
exclusively() {
	python3 - "$READER" <<-'PYTHON'
		import ctypes, sys
		pcsc = ctypes.CDLL("libpcsclite.so.1")
		context, card, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
		SYSTEM, EXCLUSIVE, ANY, LEAVE = 2, 1, 3, 0  # winscard.h, pcsclite.h
		assert pcsc.SCardEstablishContext(SYSTEM, None, None, ctypes.byref(context)) == 0
		e = pcsc.SCardConnect(context, sys.argv[1].encode(), EXCLUSIVE, ANY, ctypes.byref(card), ctypes.byref(protocol))
		if e == 0:
		    pcsc.SCardDisconnect(card, LEAVE)
		pcsc.SCardReleaseContext(context)
		sys.exit(e != 0)
	PYTHON
}

# wants DESCRIPTION SLOT ALGORITHM [FLAGS]: a signature without a PIN is refused for want of one.
wants() {
	ask sign "$2" "$3" "$T/text"
	says "$1" "^failed [0-9]* a PIN is needed; tries=3 flags=${4:-0x0}"
}

verifies_were() {
	is "$1" "$(status_of main verifies)" "$2"
}

SELECT_PIV=00:A4:04:00:05:A0:00:00:03:08
SELECT_OPENPGP=00:A4:04:00:06:D2:76:00:01:24:01

ok 'pcscd starts' pcscd_start 2
for kind in plain forgetful strict; do
	mark
	ok "$kind: a card" tokencard_start main 0 -a -o applets=both -o slot=9a:p256 -o slot=9c:p384 -o slot=9e:ed25519 \
		-o slot=aut:rsa2048 -o serial=5
	[ "$kind" = plain ] || tokencard main option "$kind=on" >"$T/out"
	[ "$kind" = plain ] && ok 'the helper starts' helper_start
	says "$kind: it is told of" '^key 9a '

	signs "$kind: a signature that wants no PIN" 9e ssh-ed25519
	ok "$kind: nobody is kept from the card after that" exclusively
	wants "$kind: a PIN is wanted" 9a ecdsa-sha2-nistp256
	ok "$kind: nor after that" exclusively

	signs "$kind: with a PIN" 9a ecdsa-sha2-nistp256 123456
	signs "$kind: without" 9a ecdsa-sha2-nistp256
	signs "$kind: the key without a PIN" 9e ssh-ed25519
	signs "$kind: once more" 9a ecdsa-sha2-nistp256
	verifies_were "$kind: it was entered once" 1
	not_ok "$kind: it is kept meanwhile" exclusively

	wants "$kind: 9c wants its own" 9c ecdsa-sha2-nistp384 0x20
	signs "$kind: and signs with it" 9c ecdsa-sha2-nistp384 123456
	wants "$kind: and wants it again" 9c ecdsa-sha2-nistp384 0x20
	signs "$kind: and signs" 9c ecdsa-sha2-nistp384 123456
	verifies_were "$kind: it was entered for each" 3
	signs "$kind: 9a has it by that" 9a ecdsa-sha2-nistp256

	signs "$kind: the other applet with its PIN" 3 rsa-sha2-256 123456
	signs "$kind: and without" 3 rsa-sha2-256
	verifies_were "$kind: it was entered once" 4
	wants "$kind: by which the first was forgotten" 9a ecdsa-sha2-nistp256
	signs "$kind: so it is entered" 9a ecdsa-sha2-nistp256 123456
	wants "$kind: and the other's is forgotten" 3 rsa-sha2-256
	signs "$kind: so it is entered again" 9a ecdsa-sha2-nistp256 123456

	ok "$kind: another program selects the other applet" other "$SELECT_OPENPGP"
	wants "$kind: the PIN is wanted again" 9a ecdsa-sha2-nistp256
	signs "$kind: and taken" 9a ecdsa-sha2-nistp256 123456
	ok "$kind: another program selects PIV" other "$SELECT_PIV"
	if [ "$kind" = forgetful ]; then
		wants "$kind: the PIN is wanted again" 9a ecdsa-sha2-nistp256
	else
		signs "$kind: the PIN still counts" 9a ecdsa-sha2-nistp256
	fi
	signs "$kind: it is taken" 9a ecdsa-sha2-nistp256 123456
	ok "$kind: another program resets the card" opensc-tool --reader "$READER" --reset
	wants "$kind: the PIN is wanted again" 9a ecdsa-sha2-nistp256
	signs "$kind: it is taken" 9a ecdsa-sha2-nistp256 123456

	ask sign 9a ecdsa-sha2-nistp256 "$T/text" 000000
	says "$kind: a wrong one" '^failed [0-9]* the PIN is wrong; tries=2'
	ok "$kind: keeps nobody from the card" exclusively
	signs "$kind: the right one" 9a ecdsa-sha2-nistp256 123456

	ask logout
	ok "$kind: the agent logs out: nobody is kept from the card" poll 5 exclusively
	ok "$kind: a program that is connected" card_hold 0
	wants "$kind: the PIN is wanted again" 9a ecdsa-sha2-nistp256
	signs "$kind: it is taken" 9a ecdsa-sha2-nistp256 123456
	is "$kind: and counts" "$(status_of main verified)" yes
	ask logout
	ok "$kind: and the agent logs out" poll 5 eval '[ "$(status_of main verified)" = no ]'
	signs "$kind: it is taken" 9a ecdsa-sha2-nistp256 123456
	tokencard main mode status 6a86 ins=20 >"$T/out"
	ask logout
	ok "$kind: of a card that knows no way to" poll 5 eval '[ "$(status_of main verified)" = no ]'
	tokencard main mode good >"$T/out"
	ok "$kind: the program ends" card_free

	signs "$kind: it is taken" 9a ecdsa-sha2-nistp256 123456
	mark
	ok "$kind: pulled" tokencard_pull main
	says "$kind: it is gone" '^inventory 2'
	mark
	ok "$kind: put in" tokencard_insert main
	says "$kind: it is back" '^key 9a '
	wants "$kind: and the PIN wanted" 9a ecdsa-sha2-nistp256
	signs "$kind: it is taken" 9a ecdsa-sha2-nistp256 123456
	mark
	tokencard main quit >"$T/out"
	says "$kind: the card goes" '^inventory 2'
	gone "$CARD_PID_main" 10
	mark
done

# --- who finds a PIN in memory --------------------------------------------------
SCAN=$BUILD/tests/tools/memscan
PIN=48151623
printf %s "$PIN" | od -An -v -tx1 | tr -d ' \n' >"$T/needles"
echo >>"$T/needles"
if [ "$(id -u)" -ne 0 ] || grep -q __asan_init "$BUILD/libexec/signet/signet-card"; then
	skip 'no PIN is left in memory' 'only root can read it, and a build with sanitizers keeps it'
else
	mark
	ok 'a card with a PIN of eight digits' tokencard_start main 0 -a -o applets=both -o slot=9a:p256 -o slot=9c:p384 \
		-o slot=aut:rsa2048 -o "pin=$PIN" -o "pw1=$PIN"
	says 'it is told of' '^key 9a '
	# A scan that could find nothing would prove nothing: the test's own program was told the PIN.
	signs 'a signature' 9a ecdsa-sha2-nistp256 "$PIN"
	"$SCAN" "$CARDS" "$T/needles" >"$T/scan" 2>&1
	is 'the scan finds the PIN where it is' "$?" 1
	ok 'and not in the helper' "$SCAN" "$HELPER" "$T/needles"
	signs 'a signature' 9c ecdsa-sha2-nistp384 "$PIN"
	signs 'one by the other applet' 3 rsa-sha2-256 "$PIN"
	ask select card: "$PIN"
	says 'a selection' '^selected'
	ask sign 9a ecdsa-sha2-nistp256 "$T/text" "9$PIN"
	says 'a PIN that no card takes' '^failed [0-9]* the PIN is wrong'
	ask sign 9a rsa-sha2-256 "$T/text" "$PIN"
	says 'one for nothing' '^failed [0-9]* not supported'
	ok 'it is not in the helper' "$SCAN" "$HELPER" "$T/needles"
fi
ok 'the helper ends when it is hung up on' helper_stop
finish
