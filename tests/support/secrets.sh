# Looking for secrets in processes, for tests in POSIX sh that have sourced lib.sh.  $T/needles is what is looked for,
# a needle a line, in hex.

MEMSCAN=$BUILD/tests/tools/memscan
ATEND=$BUILD/tests/tools/atend
[ "$(id -u)" -eq 0 ] || skip_all "only root can read other processes' memory"
[ -x "$MEMSCAN" ] && [ -x "$ATEND" ] || skip_all 'memscan or atend is not built'
no_sanitizers

# hex: standard input in hex, on one line.
hex() {
	od -An -v -tx1 | tr -d ' \n'
}

# text_needle TEXT: a needle of these bytes.
text_needle() {
	printf '%s' "$1" | hex
	echo
}

# numbers FILE: the private numbers of a key without passphrase, a needle a line.
numbers() {
	openssl pkey -in "$1" -noout -text | awk '
	/^[a-zA-Z]/ {
		if (text != "") print text
		text = ""
		private = /^(privateExponent|prime1|prime2|exponent1|exponent2|coefficient|priv):/
		next
	}
	private { gsub(/[ :]/, ""); text = text $0 }
	END { if (text != "") print text }' | sed 's/^00//'
}

# seed FILE: that of an Ed25519 key in OpenSSH's format without passphrase, with FILE.pub beside it.  It lies in front
# of the second copy of the public half (RFC 9987, section 5.2.3).
seed() {
	seed_public=$(cut -d' ' -f2 "$1.pub" | openssl base64 -d -A | tail -c 32 | hex)
	grep -v -e ----- "$1" | openssl base64 -d | hex | sed "s/.*00000040\(.*\)$seed_public.*/\1/"
	echo
}

# found_in PID [NEEDLES]: this process shows one.
found_in() {
	"$MEMSCAN" -f 16 "$1" "${2-$T/needles}" >/dev/null 2>&1
	[ $? -eq 1 ]
}

# clean DESCRIPTION PID...: none of the needles, nor 16 bytes of one, is in these processes.  $NEEDLES names another
# file of them.
clean() {
	clean_what=$1
	shift
	clean_found=
	for p; do
		"$MEMSCAN" -f 16 "$p" "${NEEDLES-$T/needles}" >"$T/scan" 2>&1 ||
			clean_found="$clean_found$(printf '\nprocess %s (%s):\n' "$p" "$(cat "/proc/$p/comm")"; head -n 15 "$T/scan")"
	done
	if [ -z "$clean_found" ] && [ $# -gt 0 ]; then
		pass "$clean_what"
	else
		fail "$clean_what"
		diag "${clean_found:-no process to look at}"
	fi
}

# ours: the agent's processes.
ours() {
	# shellcheck disable=SC2046 # words
	echo "$SSH_AGENT_PID" $(children "$SSH_AGENT_PID")
}

# watch_ends LOG: look at the end of each process that the agent starts from here on.  Sets WATCHER.
watch_ends() {
	rm -f "$1"
	"$ATEND" -f 16 "$T/needles" "$1" "$SSH_AGENT_PID" 2>"$1.err" &
	WATCHER=$!
	reap "$WATCHER"
	poll 10 test -s "$1" || diag "the agent cannot be watched: $(cat "$1.err")"
}

# ended_clean LOG NAME: of the processes with this name at least one ended, and none had a needle in it.
ended_clean() {
	ends_all=$(grep -c "^end [-0-9]* $2 " "$1")
	ends_bad=$(grep "^end [-0-9]* $2 " "$1" | grep -v -c '^end 0 ')
	if [ "$ends_all" -gt 0 ] && [ "$ends_bad" -eq 0 ]; then
		pass "nothing is left in $2 at its end ($ends_all)"
	else
		fail "nothing is left in $2 at its end ($ends_all)"
		diag "$ends_bad had something left:" "$(awk -v name="$2" '
			/^needle/ { text = text "\n" $0; next }
			/^end / { if ($2 != 0 && $3 == name) print $0 text; text = "" }' "$1" | head -n 40)"
	fi
}
