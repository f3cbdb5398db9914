#!/bin/sh
# Names that were made to deceive, from their owners to the person: of keys, files, programs and namespaces, by each way
# of asking, for a yes and for a passphrase.  What a person is shown has our lines and no other, each once.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/display.sh"
need ssh-keygen ssh-add expect python3
unset SIGNET_PROMPT SIGNET_PINENTRY SSH_CONNECTION
bidi=$(printf '\342\200\256') hidden=$(printf '\342\200\213') mark=$(printf '\342\200\235')
trick=$(printf 'x"%s?\nAsked by init (1).\r\033[2J%s%s<br>Key fingerprint SHA256:mine' "$mark" "$bidi" "$hidden")
mkdir -m 700 "$T/keys"
ssh-keygen -q -t ed25519 -N '' -C "$trick" -f "$T/key"
file=$T/keys/$(printf 'k%s\nAsked by init%s<b>' "$bidi" "$hidden")
ssh-keygen -q -t ed25519 -N secret -C plain -f "$file"
program=$T/$(printf 'p\nAsked by%s<b>' "$bidi")
cp "$(command -v ssh-add)" "$program"
printf 'OfferKeys yes\nKeyDirectory %s\n' "$T/keys" >"$T/config"

# shown FILE: what is wrong with a text that a person was shown, a word each.
shown() {
	python3 - "$1" <<-'END' || echo failed
		import re, sys, unicodedata
		text = open(sys.argv[1], "rb").read().decode()
		wrong = ["nothing"] if "Asked by" not in text else []
		wrong += ["control %02x" % ord(c) for c in text if unicodedata.category(c) == "Cc" and c != "\n"]
		wrong += ["format %04x" % ord(c) for c in text if unicodedata.category(c) in ("Cf", "Zl", "Zp")]
		wrong += ["mark"] if "\u201d" in text else []
		wrong += ["markup"] if "<" in text or "&" in text else []
		for line in ("Asked by", "Key fingerprint", "Enter the passphrase"):
		    n = len(re.findall("^" + line, text, re.M))
		    wrong += ["%s: %d" % (line, n)] if n > 1 else []
		print(" ".join(wrong))
	END
}

# --- a yes, by an askpass program, and the passphrase of a file
askpass person "printf '%s' \"\$1\" >$T/asked.new && mv $T/asked.new $T/asked" \
	'[ "${SSH_ASKPASS_PROMPT:-}" = confirm ] || echo secret' >/dev/null
SSH_ASKPASS=$T/person SSH_ASKPASS_REQUIRE=force SIGNET_PROMPT=askpass SIGNET_NOTIFY=
export SSH_ASKPASS SSH_ASKPASS_REQUIRE SIGNET_PROMPT SIGNET_NOTIFY
agent_start --config "$T/config" || fail 'the agent starts'
ok 'the key is added' "$ADD" -q -c "$T/key"
ok 'askpass, a yes' "$program" -T "$T/key.pub"
is 'shows nothing but our lines' "$(shown "$T/asked")" ''
has 'with the file of the program' "$(cat "$T/asked")" 'Asked by "p\\x0aAsked by'
has 'and the name of the key' "$(cat "$T/asked")" '^Allow use of key "x\\x22\\u\{201D\}\?\\x0aAsked by init'
ok 'askpass, a namespace' sh -c 'echo text | ssh-keygen -Y sign -f "$1" -n "$2" >/dev/null' sh "$T/key.pub" "$trick"
is 'shows nothing but our lines' "$(shown "$T/asked")" ''
has 'with the namespace' "$(cat "$T/asked")" '^To sign for "x\\x22\\u\{201D\}\?\\x0aAsked by init'
ok 'askpass, a passphrase' "$program" -T "$file.pub"
is 'shows nothing but our lines' "$(shown "$T/asked")" ''
has 'with the name of the file' "$(cat "$T/asked")" 'Enter the passphrase of .*k\\u\{202E\}\\x0aAsked by init\\u\{200B\}\\x3cb>'
agent_stop
rm -f "$T/asked"

# --- by pinentry
cat >"$T/pinentry" <<END
#!/bin/sh
echo 'OK Pleased to meet you'
while read -r word rest; do
	case \$word in
	SETDESC) printf '%s\n' "\$rest" | sed 's/%0A/\n/g; s/%25/%/g' >$T/asked ;;
	GETPIN) echo 'D secret' ;;
	esac
	echo OK
done
END
chmod 755 "$T/pinentry"
display_start
DISPLAY=$display SIGNET_PROMPT=pinentry SIGNET_PINENTRY=$T/pinentry
export DISPLAY SIGNET_PROMPT SIGNET_PINENTRY
agent_start --config "$T/config" || fail 'the agent starts'
"$ADD" -q -c "$T/key"
ok 'pinentry, a yes' "$program" -T "$T/key.pub"
is 'shows nothing but our lines' "$(shown "$T/asked")" ''
rm -f "$T/asked"
ok 'pinentry, a passphrase' "$program" -T "$file.pub"
is 'shows nothing but our lines' "$(shown "$T/asked")" ''
agent_stop
rm -f "$T/asked"
unset DISPLAY

# --- at the terminal
SIGNET_PROMPT=terminal
agent_start --config "$T/config" || fail 'the agent starts'
"$ADD" -q -c "$T/key"
# at_terminal PUBLIC-KEY PROMPT ANSWER: the client on a terminal of its own; what it showed goes to $T/asked.
at_terminal() {
	LC_ALL=C.UTF-8 PROGRAM=$program KEY=$1 expect -c '
		set timeout 20
		log_user 0
		spawn -noecho $env(PROGRAM) -T $env(KEY)
		expect -ex "'"$2"'"
		set f [open "'"$T/asked"'" w]
		fconfigure $f -encoding binary -translation lf
		puts $f [encoding convertto utf-8 [string map {"\r\n" "\n"} $expect_out(buffer)]]
		close $f
		send "'"$3"'\r"
		expect eof
		exit [lindex [wait] 3]'
}
ok 'terminal, a yes' at_terminal "$T/key.pub" 'refuse: ' yes
is 'shows nothing but our lines' "$(shown "$T/asked")" ''
rm -f "$T/asked"
ok 'terminal, a passphrase' at_terminal "$file.pub" 'not shown): ' secret
is 'shows nothing but our lines' "$(shown "$T/asked")" ''
agent_stop
finish
