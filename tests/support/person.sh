# A person who answers the agent's questions, and clients that sign meanwhile, for tests in POSIX sh that have sourced
# lib.sh.  One program answers all questions.  Each leaves its text in $T/asked/KIND.PID (secret, confirm or notice).
# A secret is the next line of $T/pins, and without one the question is left; while $T/think is there it is not
# answered at all.  A confirmation is what $T/yes or $T/no say by being there, and is waited for without them.  A
# notice stays until it is ended.

mkdir "$T/pub" "$T/asked"
echo 'a message' >"$T/message"
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
	"while [ -e $T/think ]; do sleep 0.05; done" \
	"[ -s $T/pins ] || exit 1" \
	"head -n 1 $T/pins" \
	"sed -i 1d $T/pins" >/dev/null

# person_agent [ARGUMENT...]: an agent whose questions the person answers.
person_agent() {
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
	person_newest=$(find "$T/asked" -name "$1.*" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
	[ -z "$person_newest" ] || cat "$person_newest"
}

# shown KIND: how many are on the screen.
shown() {
	person_shown=0
	for person_file in "$T/asked/$1".*; do
		[ -e "$person_file" ] || continue
		ended "${person_file##*.}" || person_shown=$((person_shown + 1))
	done
	echo $person_shown
}

# shown_is KIND NUMBER, for poll.
shown_is() {
	[ "$(shown "$1")" -eq "$2" ]
}

forget() {
	rm -f "$T/asked"/* "$T/yes" "$T/no" "$T/pins" "$T/think"
}

# pins PIN...: what the person will answer from here on.
pins() {
	forget
	printf '%s\n' "$@" >"$T/pins"
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

# begin COMMAND...: in the background; its exit status comes by `result`.
begin() {
	"$@" >"$T/begun" 2>&1 </dev/null &
	begun=$!
	reap "$begun"
}

result() {
	wait "$begun"
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
