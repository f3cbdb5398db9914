# signet-card as the core has it, for tests in POSIX sh (tests/tools/cards.c).

# helper_start: begin it, until it has told what there is; sets HELPER to its process.
helper_start() {
	rm -f "$T/asks"
	mkfifo "$T/asks"
	"$BUILD/tests/tools/cards" <"$T/asks" >"$T/said" 2>"$T/helper.err" &
	CARDS=$!
	reap "$CARDS"
	exec 9>"$T/asks"
	said_before=0
	poll 10 grep -q '^inventory' "$T/said" || return 1
	HELPER=$(sed -n 's/^helper //p' "$T/said")
}

# helper_stop: hang up; the exit status is the helper's.
helper_stop() {
	echo quit >&9
	exec 9>&-
	wait "$CARDS"
}

# ask WORD...: a request; what is said from here on is `news`.
ask() {
	said_before=$(wc -l <"$T/said")
	echo "$@" >&9
}

# mark: what is said from here on is news.
mark() {
	said_before=$(wc -l <"$T/said")
}

news() {
	tail -n +$((said_before + 1)) "$T/said"
}

news_has() {
	news | grep -Eq -e "$1"
}

# says DESCRIPTION PATTERN [SECONDS]: passes when the news has such a line, soon.
says() {
	if poll "${3:-15}" news_has "$2"; then
		pass "$1"
	else
		fail "$1"
		diag "no line matches: $2" "$(news)" "$(cat "$T/helper.err")"
	fi
}

# told: the tokens and keys of the last inventory.
told() {
	awk '/^inventory/ { last = now; now = ""; next } /^(token|key) / { now = now $0 "\n" } END { printf "%s", last }' \
		"$T/said"
}

# signs DESCRIPTION SLOT ALGORITHM [PIN [FLAGS]]: a signature that ssh-keygen verifies.
signs() {
	tap_what=$1
	shift
	rm -f "$T/text.sig"
	ask sign "$1" "$2" "$T/text" "${3:--}" "${4:-0}"
	if poll 15 news_has '^signed' &&
		ssh-keygen -Y check-novalidate -n test -s "$T/text.sig" <"$T/text" >"$T/out" 2>&1; then
		pass "$tap_what"
	else
		fail "$tap_what"
		diag "$(news)" "$(cat "$T/out")" "$(cat "$T/helper.err")"
	fi
}

# status_of CARD NAME: a fact of a virtual card's.
status_of() {
	tokencard "$1" status | tr ' ' '\n' | sed -n "s/^$2=//p"
}
