#!/bin/sh
# signet-card with virtual PIV cards on the real pcscd: what it lists, its signatures, PINs, and cards
# that come, go and are used by others.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/cards.sh"

need ssh-keygen
[ -x "$BUILD/libexec/signet/signet-card" ] || skip_all 'signet-card is not built: libpcsclite is missing'
echo 'some text' >"$T/text"
GUID=00112233445566778899aabbccddeeff

pcscd_end() {
	kill "$@" "$PCSCD_PID" && gone "$PCSCD_PID" 10
}

pcscd_again() {
	pcscd $PCSCD_OPTIONS -f -C -c "$T/readers" >"$T/pcscd.log" 2>&1 </dev/null &
	PCSCD_PID=$!
	reap "$PCSCD_PID"
}

# --- without a service --------------------------------------------------------
ok 'pcscd starts with four slots' pcscd_start 4
ok 'and ends' pcscd_end
ok 'the helper starts without it' helper_start
has 'and says so' "$(cat "$T/said")" '^inventory 0 no card can be seen: the service pcscd does not run'
ask select card:
says 'there is nothing to select' '^failed 1 no card can be seen'
mark
pcscd_again
says 'readers are found when it comes' '^inventory 4 success'
is 'they are empty' "$(told | grep -c '^token reader .* flags=0x0 ')" 4

# As on newer systems, where libpcsclite is in two parts.
mkdir -p "$T/split/libexec/signet"
ln -s "$(ldd "$BUILD/libexec/signet/signet-card" | sed -n 's/.*libpcsclite.so.1 => \([^ ]*\) .*/\1/p')" \
	"$T/split/libpcsclite_real.so.1"
printf '#!/bin/sh\nexec env LD_PRELOAD="%s" LD_LIBRARY_PATH="%s" ASAN_OPTIONS=verify_asan_link_order=0 "%s"\n' \
	"$BUILD/tests/preload/pcscsplit.so" "$T/split" "$BUILD/libexec/signet/signet-card" >"$T/split/libexec/signet/signet-card"
chmod 755 "$T/split/libexec/signet/signet-card"
{ poll 10 grep -q '^inventory' "$T/split/said"; echo quit; } |
	env BUILD="$T/split" timeout 30 "$BUILD/tests/tools/cards" >"$T/split/said" 2>&1
has 'a helper that loads libpcsclite late sees them, too' "$(cat "$T/split/said")" '^inventory 4 success'

# --- a card -------------------------------------------------------------------
mark
ok 'a card' tokencard_start main 0 -a -s "$T/main.state" -o "guid=$GUID" -o slot=9a:p256 -o slot=9c:rsa2048 \
	-o slot=9d:p384 -o slot=9e:ed25519 -o slot=82:rsa3072 -o slot=83:rsa4096 -o slot=84:rsa1024:nocert \
	-o slot=95:p384:gzip
says 'it is told of' '^token piv .*place=Virtual FIDO 0 00 00 serial=12345678 firmware=5\.4\.3 flags=0x0 tries=3 id=47'$GUID
is 'with its keys' "$(told | sed -n 's/^key \([^ ]* [^ ]* [^ ]*\) .*/\1/p')" "9a ecdsa-sha2-nistp256 flags=0x4
9c ssh-rsa flags=0x1
9d ecdsa-sha2-nistp384 flags=0x0
9e ssh-ed25519 flags=0x4
82 ssh-rsa flags=0x0
83 ssh-rsa flags=0x0
84 ssh-rsa flags=0x0
95 ecdsa-sha2-nistp384 flags=0x0"
is 'no try was spent on that' "$(status_of main wrong) $(status_of main verifies)" '0 0'

if command -v yubico-piv-tool >/dev/null; then
	signs 'the key in 9a' 9a ecdsa-sha2-nistp256 123456
	yubico-piv-tool -r 'Virtual FIDO 0 00 00' -a read-certificate -s 9a 2>"$T/err" |
		openssl x509 -noout -pubkey >"$T/9a.pem" 2>>"$T/err"
	is 'is the one that yubico-piv-tool sees' "$(cat "$T/text.pub")" \
		"$(ssh-keygen -i -m PKCS8 -f "$T/9a.pem" | cut -d ' ' -f 1,2)"
else
	skip 'the key in 9a' 'yubico-piv-tool is not installed'
fi

# --- signatures ---------------------------------------------------------------
tokencard main option forgetful=on >"$T/out"
for each in 9a:ecdsa-sha2-nistp256 9c:rsa-sha2-256 9c:rsa-sha2-512 9d:ecdsa-sha2-nistp384 82:rsa-sha2-256 \
	83:rsa-sha2-512 84:rsa-sha2-256 95:ecdsa-sha2-nistp384; do
	signs "a signature: $each" "${each%:*}" "${each#*:}" 123456
done
signs 'a signature without a PIN: 9e' 9e ssh-ed25519
tokencard main option extended=off >"$T/out"
signs 'with chains where the card takes nothing extended' 83 rsa-sha2-512 123456
tokencard main option extended=on >"$T/out"
tokencard main option chaining=off >"$T/out"
signs 'with extended APDUs where it takes no chains' 83 rsa-sha2-512 123456
tokencard main option chaining=on >"$T/out"
ask sign 9a rsa-sha2-256 "$T/text" 123456
says 'an algorithm of other keys' '^failed [0-9]* not supported'

# --- PINs ---------------------------------------------------------------------
ask logout
ask sign 9a ecdsa-sha2-nistp256 "$T/text"
says '9a needs a PIN' '^failed [0-9]* a PIN is needed; tries=3 flags=0x0'
ask sign 9c rsa-sha2-256 "$T/text"
says '9c one for each use' '^failed [0-9]* a PIN is needed; tries=3 flags=0x20'
ask sign 9a ecdsa-sha2-nistp256 "$T/text" 1234567890
says 'one that is too long' '^failed [0-9]* the PIN is wrong; tries=3'
is 'is not tried' "$(status_of main wrong)" 0
ask sign 9a ecdsa-sha2-nistp256 "$T/text" 000000
says 'a wrong one' '^failed [0-9]* the PIN is wrong; tries=2 flags=0x2 '
says 'is told of' '^token piv .* flags=0x2 tries=2 '
ask sign 9c rsa-sha2-256 "$T/text" 000000
says 'another' '^failed [0-9]* the PIN is wrong; tries=1 flags=0x6 '
ask sign 9a ecdsa-sha2-nistp256 "$T/text" 000000
says 'the last try is not spent' '^failed [0-9]* a PIN is needed; tries=1 flags=0x6 '
ask select card: 000000
says 'nor by a selection' '^failed [0-9]* a PIN is needed; tries=1 flags=0x6 '
is 'the card saw two' "$(status_of main wrong) $(status_of main pin)" '2 1'
signs 'but with leave, a right one' 9a ecdsa-sha2-nistp256 123456 1
is 'which brings all tries back' "$(status_of main pin)" 3
says 'and that is told' '^token piv .* flags=0x0 tries=3 '
for each in 1 2; do
	ask sign 9a ecdsa-sha2-nistp256 "$T/text" 000000
	says "wrong again, $each" '^failed'
done
ask sign 9a ecdsa-sha2-nistp256 "$T/text" 000000 1
says 'with leave, a wrong one' '^failed [0-9]* the PIN is locked .* tries=0'
ask sign 9a ecdsa-sha2-nistp256 "$T/text" 123456 1
says 'a locked PIN' '^failed [0-9]* the PIN is locked .* tries=0'
signs 'a key without a PIN still signs' 9e ssh-ed25519
tokencard main secret pin 123456 >"$T/out"

# --- selections ---------------------------------------------------------------
ask select card:
says 'the usual keys' '^selected [0-9]* 9a 9e$'
says 'the PIN is free again' '^token piv .* flags=0x0 tries=3 '
ask select 'card:serial=12345678;slot=9c;slot=82'
says 'some' '^selected [0-9]* 9c 82$'
ask select "card:slot=all;serial=$(echo $GUID | tr a-f A-F)"
says 'all, by GUID' '^selected [0-9]* 9a 9c 9d 9e 82 83 84 95$'
ask select card:serial=1
says 'another card' '^failed [0-9]* no such token'
ask select card:slot=85
says 'an empty slot' '^failed [0-9]* the token shows no key'
for each in pkcs11:token=x card:name=x 'card:slot=' 'card:serial=1;serial=2'; do
	ask select "$each"
	says "no address: $each" '^failed [0-9]* the pkcs11: or card: address is malformed'
done
ask select card: 123456
says 'with a PIN' '^selected'
ask select card: 000000
says 'with a wrong one' '^failed [0-9]* the PIN is wrong; tries=2'

# --- PIN states ---------------------------------------------------------------
tokencard main option forgetful=off >"$T/out"
signs 'the PIN is entered once' 9d ecdsa-sha2-nistp384 123456
ask logout
poll 5 eval '[ "$(status_of main verified)" = no ]'
is 'and forgotten when told to' "$(status_of main verified)" no

# --- pulled and put in --------------------------------------------------------
mark
ok 'pulled' tokencard_pull main
says 'it is gone' '^inventory 4'
is 'and nothing is left of it' "$(told | grep -c '^key')" 0
ask select card:
says 'nothing to select' '^failed [0-9]* no such token'
mark
ok 'put in again' tokencard_insert main
says 'it is back' "^token piv .* id=47$GUID"
signs 'and signs' 9a ecdsa-sha2-nistp256 123456
tokencard main mode die-after ins=87 times=1 >"$T/out"
ask sign 9e ssh-ed25519 "$T/text"
says 'pulled during a signature' '^failed [0-9]* the token was pulled out'
says 'and gone' '^inventory 4'
mark
ok 'in again' tokencard_insert main
says 'it is back' "^token piv .* id=47$GUID"
signs 'and signs' 9e ssh-ed25519
tokencard main quit >"$T/out"
gone "$CARD_PID_main" 10
mark
ok 'in another reader' tokencard_start main 2 -a -s "$T/main.state" -o "guid=$GUID"
says 'it is the same card' "^token piv .*place=Virtual FIDO 1 00 00 .* id=47$GUID"
signs 'and signs' 9a ecdsa-sha2-nistp256 123456

# --- pcscd ends and comes back --------------------------------------------------
for each in TERM KILL; do
	mark
	ok "pcscd ends: $each" pcscd_end -s "$each"
	says 'nothing is there' '^inventory 0 no card can be seen'
	mark
	pcscd_again
	says 'all is back when it is' "^token piv .*place=Virtual FIDO 1 00 00 .* id=47$GUID" 30
	signs 'and signs' 9a ecdsa-sha2-nistp256 123456
done

# --- others -------------------------------------------------------------------
mark
ok 'a second card, that wants a touch' tokencard_start other 1 -o slot=9a:p256:touch -o slot=9e:p384 \
	-o touch_ms=1500 -o serial=7
says 'it is told of' '^key 9a ecdsa-sha2-nistp256 flags=0x6 '
signs 'the first card signs as before' 9d ecdsa-sha2-nistp384 123456
ask select 'card:serial=7;slot=9a;slot=9e'
says 'the second has two' '^selected [0-9]* 9a 9e$'
main_gone() {
	tokencard main quit && gone "$CARD_PID_main" 10
}
mark
ok 'the first goes' main_gone
says 'and is told of no more' '^inventory 4'
ask sign 9a ecdsa-sha2-nistp256 "$T/text" 123456
ok 'the second waits for a touch' tokencard_await other waiting 10
tokencard other touch >"$T/out"
says 'and signs when it came' '^signed'
ask sign 9a ecdsa-sha2-nistp256 "$T/text"
says 'a touch that does not come' '^failed [0-9]* the device was not touched in time'

mark
ok 'a third card' tokencard_start slow 2 -o slot=9d:p384:pin-never -o serial=8
says 'is told of' '^key 9d ecdsa'
tokencard slow mode hang 4000 ins=87 >"$T/out"
ask sign 9d ecdsa-sha2-nistp384 "$T/text"
poll 10 eval '[ "$(status_of slow busy)" = yes ]'
signs 'a slow card holds up no other' 9e ecdsa-sha2-nistp384
not_ok 'whose signature is not there yet' news_has '^signed [0-9]*$.*^signed'
is 'and it works on its own' "$(status_of slow busy)" yes
mark
says 'until it is done' '^signed'
tokencard slow mode good >"$T/out"

ok 'another program looks at the card' opensc-tool --reader "$(reader_name 1)" --atr
signs 'and the key signs as before' 9e ecdsa-sha2-nistp384
ok 'another program keeps it open' card_hold 1
signs 'which is no obstacle' 9e ecdsa-sha2-nistp384
ok 'until it ends' card_free

# A PIN counts for a while, during which nobody can have the card for himself.
ask logout
signs 'the agent logs out, and the key signs' 9e ecdsa-sha2-nistp384

# exclusively SLOT: another program keeps the card in this slot for itself.
exclusively() {
	sed 's/SHARED, ANY, LEAVE = 2, 2,/SHARED, ANY, LEAVE = 2, 1,/' "$T/hold.py" >"$T/exclusive.py"
	: >"$T/held"
	python3 "$T/exclusive.py" "$(reader_name "$1")" >"$T/held" &
	pcscd_holder=$!
	reap "$pcscd_holder"
	poll 10 grep -q held "$T/held"
}
ok 'one that keeps it for itself' exclusively 1
ask sign 9e ecdsa-sha2-nistp384 "$T/text"
says 'is waited for, and not for ever' '^failed [0-9]* the card is in use by another program' 20
ask sign 9e ecdsa-sha2-nistp384 "$T/text"
ok 'when it ends in time' card_free
says 'the key signs' '^signed'
ok 'a card' exclusively 1
ok 'the helper ends when it is hung up on' helper_stop
ok 'a new one' helper_start
says 'tells that somebody has the card' '^token reader Virtual FIDO 0 00 01; .* flags=0x80 '
ask select card:serial=7
says 'it cannot be selected' '^failed [0-9]* the card is in use by another program'
mark
ok 'until it is free' card_free
says 'which is noticed' '^token piv .*place=Virtual FIDO 0 00 01 '

# switches: how often the helper's threads were on a processor.
switches() {
	cat /proc/"$HELPER"/task/*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'
}
poll 10 eval 'before=$(switches); sleep 1.5; [ "$(switches)" = "$before" ]'
is 'it sleeps while nothing happens' "$(switches)" "$before"
ask raw 0263
says 'a request that makes no sense' '^failed 0 the data is malformed'
not_ok 'ends it' wait "$CARDS"
finish
