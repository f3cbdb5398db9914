# Smartcards in shell tests that have sourced pcscd.sh and lib.sh: virtual PIV and OpenPGP cards in the agent, a person
# who answers questions, and signatures.
. "${0%/*}/../support/person.sh"

need ssh-add ssh-keygen
[ -x "$BUILD/libexec/signet/signet-card" ] || skip_all 'signet-card is not built: libpcsclite is missing'
[ -x "$BUILD/tests/virtual/token-card" ] || skip_all 'token-card is not built'

# pcscd_end [ARGUMENT...], pcscd_again: it stops, and starts with the readers it had.  The arguments are kill's.
pcscd_end() {
	kill "$@" "$PCSCD_PID" && gone "$PCSCD_PID" 10
}

pcscd_again() {
	pcscd -f -C -c "$T/readers" >"$T/pcscd.log" 2>&1 </dev/null &
	PCSCD_PID=$!
	reap "$PCSCD_PID"
}

# --- what the agent lists

keys() {
	ssh-add -L 2>/dev/null | grep -c ' AAAA'
}

# keys_are NUMBER, for poll.
keys_are() {
	[ "$(keys)" -eq "$1" ]
}

# present NAME: yes, no or unknown, as the agent says of the key in $T/pub/NAME.pub.
present() {
	person_print=$(ssh-keygen -lf "$T/pub/$1.pub" | cut -d ' ' -f 2)
	"$ADD" -l -v | awk -v name="$person_print" '
		/^[^ ]/ { mine = index($0, name) }
		mine && /present: / { sub(/.*present: /, ""); sub(/[^a-z].*/, ""); print; exit }'
}

# present_is NAME WORD, for poll.
present_is() {
	[ "$(present "$1")" = "$2" ]
}

# public NAME PATTERN: the public key whose comment is like this is $T/pub/NAME.pub; at once, and one.
public() {
	ssh-add -L | grep -E -e "^[^ ]* [^ ]* .*$2" >"$T/pub/$1.pub"
	[ "$(wc -l <"$T/pub/$1.pub")" -eq 1 ]
}

# order_is NAME...: these, by $T/pub/NAME.pub, are listed in this order and no other key; for poll.
order_is() {
	for order_name; do
		cut -d ' ' -f 2 "$T/pub/$order_name.pub"
	done >"$T/order"
	ssh-add -L 2>/dev/null | grep ' AAAA' | cut -d ' ' -f 2 | cmp -s - "$T/order"
}

# --- cards

# status_of CARD NAME: that value of its status.
status_of() {
	tokencard "$1" status | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# anew CARD NAME: out of the reader and in again, until the agent has noticed, by its key $T/pub/NAME.pub.
anew() {
	tokencard_pull "$1" && poll 10 present_is "$2" no && tokencard_insert "$1" && poll 10 present_is "$2" yes
}

# touching CARD COMMAND...: run it, give it one touch when the card asks for it, and end as it does.
touching() {
	touching_card=$1
	shift
	"$@" &
	touching_pid=$!
	if tokencard_await "$touching_card" waiting 20; then
		tokencard "$touching_card" touch
	else
		leave "$touching_pid"
		return 1
	fi
	wait "$touching_pid"
}

# card_helper: the process of signet-card that the agent has, if any.
card_helper() {
	for person_pid in $(children "$SSH_AGENT_PID"); do
		read -r person_comm <"/proc/$person_pid/comm" 2>/dev/null || continue
		[ "$person_comm" != signet-card ] || echo "$person_pid"
	done
}

# switches: how often the agent's processes were on a processor.
switches() {
	for person_pid in "$SSH_AGENT_PID" $(children "$SSH_AGENT_PID"); do
		cat "/proc/$person_pid/task/"*/status
	done | awk '/ctxt_switches/ { n += $2 } END { print n }'
}

# sleeping: nothing of the agent's woke up for three seconds.
sleeping() {
	sleeping_before=$(switches)
	sleep 3
	[ "$(switches)" = "$sleeping_before" ]
}

# --- logins; after pcscd_start, which gives the test a /run of its own

# server_start [LINE...]: an sshd that lets in whose key is in $T/authorized_keys, and a client without key files.
server_start() {
	need ssh
	. "${0%/*}/../support/sshd.sh"
	sshd_need
	keygen ed25519 "$T/host"
	ssh_config 'HostKeyAlias here' 'IdentityFile none'
	echo "here $(cat "$T/host.pub")" >"$T/known_hosts"
	: >"$T/authorized_keys"
	sshd_start here "$T/host" 'MaxAuthTries 50' "$@" || skip_all 'sshd does not start here'
}

# try [SSH-ARGUMENT...]: log in and come back with what only the server knows.
try() {
	# shellcheck disable=SC2016 # the server's shell is to expand it
	timeout 60 ssh -F "$T/ssh_config" -p "$port" "$@" here 'echo "logged in: $SSH_CONNECTION"' \
		</dev/null >"$T/ssh.out" 2>&1 && grep -q '^logged in: 127.0.0.1' "$T/ssh.out"
}

# login NAME [SSH-ARGUMENT...]: the key in $T/pub/NAME.pub lets us in, with the PIN.
login() {
	login_name=$1
	shift
	pins 123456
	cat "$T/pub/$login_name.pub" >"$T/authorized_keys"
	ok "login: $login_name $*" try "$@"
	[ "$tap_got" -eq 0 ] || diag "$(cat "$T/ssh.out")" "$(tail -n 3 "$T/sshd_here.log")" "$(log_last sign)"
}
