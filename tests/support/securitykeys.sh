# Security keys in shell tests that have sourced pcscd.sh and lib.sh: keys made by ssh-keygen on virtual
# authenticators, cards that serve them, and a person who answers questions.
. "${0%/*}/../support/person.sh"

SK=$T/lib/sk-virtual.so
mkdir "$T/lib"
cp "$BUILD/tests/virtual/sk-virtual.so" "$SK" 2>/dev/null || skip_all 'sk-virtual.so is not built'

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

# fido_agent [ARGUMENT...]: an agent whose questions the person answers.
fido_agent() {
	person_agent "$@"
}

# --- doing things

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
