# Security keys in shell tests that have sourced pcscd.sh and lib.sh: keys made by ssh-keygen on virtual
# authenticators, cards that serve them, and a person who answers questions.

SK=$T/lib/sk-virtual.so
mkdir "$T/lib" "$T/pub" "$T/asked"
cp "$BUILD/tests/virtual/sk-virtual.so" "$SK" 2>/dev/null || skip_all 'sk-virtual.so is not built'
echo 'a message' >"$T/message"

# --- keys

# fido_key NAME TYPE STATE [ARGUMENT...]: ssh-keygen makes $T/NAME on the authenticator kept in $T/STATE.state, whose
# PIN, if it has one, is $T/keygen-pin.  The public key alone is in $T/pub/NAME.pub.
fido_key() {
	fido_name=$1 fido_type=$2 fido_state=$3
	shift 3
	case " $* " in
	*' -N '*) ;;
	*) set -- "$@" -N '' ;;
	esac
	SK_VIRTUAL_STATE=$T/$fido_state.state SSH_ASKPASS=$T/keygen-ask SSH_ASKPASS_REQUIRE=force \
		ssh-keygen -q -w "$SK" -t "$fido_type" -C "$fido_name" -f "$T/$fido_name" "$@" </dev/null >"$T/keygen.out" 2>&1 ||
		{
			diag "ssh-keygen: $fido_name" "$(cat "$T/keygen.out")"
			return 1
		}
	cp "$T/$fido_name.pub" "$T/pub/"
}
askpass keygen-ask "cat $T/keygen-pin" >/dev/null

# fido_print NAME: the key's fingerprint, as a regular expression too.
fido_print() {
	ssh-keygen -lf "$T/pub/$1.pub" | cut -d ' ' -f 2 | sed 's/[+]/[+]/g'
}

# --- the person: one program answers all questions.  Each leaves its text in $T/asked/KIND.PID (secret, confirm or
# notice).  A secret is the next line of $T/pins, and without one the question is left; a confirmation is what
# $T/yes or $T/no say by being there, and is waited for without them.  A notice stays until it is ended.

askpass person "kind=\${SSH_ASKPASS_PROMPT:-secret}" "[ \$kind != none ] || kind=notice" \
	"printf '%s\\n' \"\$1\" >$T/asked/.\$\$ && mv $T/asked/.\$\$ $T/asked/\$kind.\$\$" \
	"if [ \$kind = notice ]; then exec sleep 600; fi" \
	"if [ \$kind = confirm ]; then" \
	"	while :; do" \
	"		[ ! -e $T/yes ] || exit 0" \
	"		[ ! -e $T/no ] || exit 1" \
	"		sleep 0.05" \
	"	done" \
	"fi" \
	"[ -s $T/pins ] || exit 1" \
	"head -n 1 $T/pins" \
	"sed -i 1d $T/pins" >/dev/null

# fido_agent [ARGUMENT...]: an agent whose questions the person answers.
fido_agent() {
	SSH_ASKPASS=$T/person SSH_ASKPASS_REQUIRE=force
	export SSH_ASKPASS SSH_ASKPASS_REQUIRE
	SIGNET_PROMPT=askpass SIGNET_NOTIFY='' agent_start "$@" || fail 'the agent starts'
	unset SSH_ASKPASS SSH_ASKPASS_REQUIRE
}

# asked KIND: how many such questions there were since the last forget.
asked() {
	find "$T/asked" -name "$1.*" | wc -l
}

# asked_is KIND NUMBER, for poll.
asked_is() {
	[ "$(asked "$1")" -eq "$2" ]
}

# text_of KIND: what the newest said.
text_of() {
	fido_newest=$(find "$T/asked" -name "$1.*" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
	[ -z "$fido_newest" ] || cat "$fido_newest"
}

# shown KIND: how many are on the screen.
shown() {
	fido_shown=0
	for fido_file in "$T/asked/$1".*; do
		[ -e "$fido_file" ] || continue
		ended "${fido_file##*.}" || fido_shown=$((fido_shown + 1))
	done
	echo $fido_shown
}

# shown_is KIND NUMBER, for poll.
shown_is() {
	[ "$(shown "$1")" -eq "$2" ]
}

forget() {
	rm -f "$T/asked"/* "$T/yes" "$T/no" "$T/pins"
}

# --- doing things

# sign NAME [ID]: an SSHSIG of $T/message by the agent, into $T/sig.ID; over its time it fails.
sign() {
	timeout 50 ssh-keygen -Y sign -f "$T/pub/$1.pub" -n test <"$T/message" >"$T/sig.${2-$1}"
}

# verified NAME [ID]: OpenSSH finds that signature to be the key's.
verified() {
	echo "me $(cat "$T/pub/$1.pub")" >"$T/signers"
	ssh-keygen -Y verify -f "$T/signers" -I me -n test -s "$T/sig.${2-$1}" <"$T/message"
}

# said NAME [ID]: flags and counter of that signature, as the device gave them (PROTOCOL.u2f, PROTOCOL.sshsig).
said() {
	sed '/^-----/d' "$T/sig.${2-$1}" | base64 -d | tail -c 5 | od -An -tu1 |
		awk '{ print "flags=" $1, "counter=" (($2 * 256 + $3) * 256 + $4) * 256 + $5 }'
}

# status_of CARD NAME: that value of its status.
status_of() {
	card "$1" status | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# touching CARD COMMAND...: run it, give it one touch when the card asks for it, and end as it does.
touching() {
	fido_card=$1
	shift
	"$@" &
	fido_pid=$!
	if card_await "$fido_card" waiting 20; then
		card "$fido_card" touch
	else
		leave "$fido_pid"
		return 1
	fi
	wait "$fido_pid"
}

# begin COMMAND...: in the background; its exit status comes by `result`.
begin() {
	"$@" >"$T/begun" 2>&1 </dev/null &
	fido_begun=$!
	reap "$fido_begun"
}

result() {
	wait "$fido_begun"
}

# leave PID: end what was begun, which may be a function with a program in it, and wait for it.
leave() {
	# shellcheck disable=SC2046 # words
	kill $(children "$1") "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# log_has PATTERN: the agent's decisions have a line like it.  grep reads all, since the log is a pipe.
log_has() {
	"$ADD" --log >"$T/log" && grep -Eq -e "$1" "$T/log"
}

# log_last REQUEST: the newest decision on such a request.
log_last() {
	"$ADD" --log | grep " $1 " | tail -n 1
}

# fido_helpers: how many processes of signet-fido run.
fido_helpers() {
	fido_count=0
	for fido_comm in /proc/[0-9]*/comm; do
		read -r fido_word <"$fido_comm" 2>/dev/null || continue
		[ "$fido_word" != signet-fido ] || fido_count=$((fido_count + 1))
	done
	echo $fido_count
}

# helpers_are NUMBER, for poll.
helpers_are() {
	[ "$(fido_helpers)" -eq "$1" ]
}
