#!/bin/sh
# signet-pkcs11 and what its module loses (tests/modules/p11bad.c): it is got back within one request, or else by the
# next one.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/pkcs11.sh"
. "${0%/*}/../support/token.sh"

# A library of a foreign build cannot be loaded beside the sanitizers' run-time.
no_sanitizers
TOKEN_PIN=1234
token_make one 1234 && key_make one rsa:2048 01 rsa && key_make one EC:prime256v1 02 ec ||
	skip_all 'SoftHSM makes no keys here'
for id in 01 02; do
	openssl pkey -pubin -inform DER -in "$T/$id.spki" -out "$T/$id.pem"
done

rsa="sign one/rsa rsa-sha2-256 $T/message $T/rsa.sig"
ec="sign one/ec ecdsa-sha2-nistp256 $T/message $T/ec.sig"

rsa="sign @rsa ${rsa#sign * }"
ec="sign @ec ${ec#sign * }"

# signs DESCRIPTION COMMAND...: a login, RSA, what is told to the module, RSA and ECDSA; all sign, and well.
signs() {
	signs_what=$1
	shift
	rm -f "$T/rsa.sig" "$T/ec.sig"
	talk_begin
	talk "$rsa 1234"
	p11bad "$@"
	talk "$rsa ${AGAIN:-.}"
	talk "$ec ."
	talk_end
	is "$signs_what" "$(grep -c '^signed$' "$T/talk")" 3
	[ "$(grep -c '^signed$' "$T/talk")" -eq 3 ] || diag "$(cat "$T/talk")"
	if good rsa-sha2-256 "$T/01.pem" "$T/rsa.sig" && good ecdsa-sha2-nistp256 "$T/02.pem" "$T/ec.sig"; then
		pass "$signs_what: openssl takes the signatures"
	else
		fail "$signs_what: openssl takes the signatures"
	fi
}

# talk_begin, talk COMMAND, talk_end: with one helper, the answers in $T/talk; each is waited for.
talk_begin() {
	rm -f "$T/orders"
	mkfifo "$T/orders"
	p11bad
	timeout 60 "$BUILD/tests/tools/token" "$PKCS11" open "$P11BAD" - <"$T/orders" >"$T/talk" 2>&1 &
	talker=$!
	reap $talker
	exec 9>"$T/orders"
	# The names stay good while the token is away.
	printf 'remember rsa one/rsa\nremember ec one/ec\n' >&9
}
answers() {
	grep -c '' "$T/talk"
}
more_than() {
	[ "$(answers)" -gt "$1" ] || ended $talker
}
talk() {
	talk_before=$(answers)
	echo "$1" >&9
	poll 40 more_than "$talk_before"
}
talk_end() {
	exec 9>&-
	gone $talker 20
}

# --- what is lost comes back ------------------------------------------------------------
signs 'nothing is lost'
AGAIN=1234
signs 'a device that is gone once, with the PIN at hand' 'device-removed 1'
signs 'the same in the middle of it' 'device-removed-late 1'
signs 'sessions that are lost' 'session-lost 1'
signs 'somebody who logged out' 'logged-out 1'
signs 'the function that opens sessions fails once' 'session-lost 1' 'fail C_OpenSession 0xb0 1'
AGAIN=.
talk_begin
talk "$rsa 1234"
p11bad 'device-removed 1'
talk "$rsa ."
has 'without a PIN at hand it is asked for' "$(tail -n 1 "$T/talk")" '^failed 2: a PIN is needed;'
talk "$rsa 1234"
is 'and then the key signs' "$(tail -n 1 "$T/talk")" signed
p11bad 'device-removed'
talk "$rsa 1234"
has 'a device that stays away' "$(tail -n 1 "$T/talk")" '^failed 4: .*CKR_DEVICE_REMOVED'
is 'is not tried for ever' "$(($(p11bad_calls C_SignInit) < 60))" 1
p11bad
talk "$rsa 1234"
is 'until it is back' "$(tail -n 1 "$T/talk")" signed
talk_end

# A token that is not there, and comes again.
talk_begin
talk "$rsa 1234"
p11bad removable token-absent
talk "$rsa 1234"
has 'a token that was pulled out' "$(grep -v inventory "$T/talk" | tail -n 1)" '^failed 2: '
p11bad removable
talk "$rsa 1234"
is 'is back' "$(tail -n 1 "$T/talk")" signed
p11bad removable slots-absent
talk "$rsa 1234"
has 'no slots at all' "$(tail -n 1 "$T/talk")" '^failed 4: '
p11bad
talk "$rsa 1234"
is 'and they are back' "$(tail -n 1 "$T/talk")" signed
talk_end

finish
