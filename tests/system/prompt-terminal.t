#!/bin/sh
# Questions at the terminal of the client: asked only where a person sits and waits, and left as it was found.
. "${0%/*}/../support/lib.sh"
need expect stty
ASK=$BUILD/tests/tools/ask
unset SIGNET_PROMPT SIGNET_PINENTRY SSH_CONNECTION
# No window, and nobody's own pinentry, unless a scene wants one.
SIGNET_PINENTRY=
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export ASK SIGNET_PINENTRY PATH
cd "$T" || exit 1

# Each scene is typed into an interactive shell on a terminal of its own; `command` runs the tool that
# puts a question, with itself as the client, and so in the foreground of that terminal.
cat >prelude.exp <<'EXP'
set timeout 20
log_user 0
proc fail {text} { puts "failed: $text"; exit 1 }
spawn -noecho env PS1=ready> ENV= sh -i
expect_after {
	timeout { fail "timed out; so far: $expect_out(buffer)" }
	eof { fail "the terminal closed" }
}
set tty $spawn_out(slave,name)
proc flags {} { global tty; return [exec stty -a < $tty] }
proc wait_flag {pattern} {
	for {set i 0} {$i < 200} {incr i} {
		if {[regexp $pattern [flags]]} { return }
		after 50
	}
	fail "waited for $pattern: [flags]"
}
proc command {line} { send -- "$line\r"; expect -ex "$line\r\n" }
set usual [exec stty -g < $tty]
proc restored {} {
	global tty usual
	expect "ready>"
	if {[exec stty -g < $tty] ne $usual} { fail "the terminal was left in another state" }
}
expect "ready>"
EXP

# scene NAME: the expect script on standard input
scene() {
	{ cat prelude.exp; cat; } >scene.exp
	ok "$1" expect -f scene.exp
}

scene 'yes is a yes' <<'EXP'
command "\$ASK -T 'Signet: allow?' 'Key work laptop'"
expect -re "^\r\nSignet: allow\\?\r\nKey work laptop\r\nType \"yes\" to allow, anything else to refuse: $"
send "yes\r"
expect -re "^yes\r\nyes\r\n"
restored
EXP

scene 'another word and an empty line are a no' <<'EXP'
foreach answer {"y\r" "\r" "yes please\r" " yes\r"} {
	command "\$ASK Allow"
	expect "refuse: "
	send $answer
	expect "the person said no"
	restored
}
EXP

scene 'the end of input is nobody'"'"'s no' <<'EXP'
command "\$ASK Allow"
expect "refuse: "
send "\004"
expect "the terminal was closed or taken away before anybody answered"
restored
EXP

scene 'neither is a client put into the background' <<'EXP'
command "\$ASK -k secret PIN"
expect "shown): "
wait_flag { -echo }
send "\032"
wait_flag { echo }
send "fg\r"
expect "the terminal was closed or taken away"
restored
EXP

scene 'nor a terminal that another program sets' <<'EXP'
command "\$ASK Allow"
expect "refuse: "
exec stty -echo < $tty
expect "the terminal was closed or taken away"
exec stty $usual < $tty
expect "ready>"
EXP

# One is shown, another runs out of time behind it, a third comes when the first is answered.
cat >queue.sh <<'SH'
$ASK 'the first' &
while [ ! -e shown ]; do sleep 0.1; done
$ASK -t 1 'the second'
$ASK 'the third' &
wait
SH

scene 'one question at a time, and what was typed for it answers no other' <<'EXP'
command "rm -f shown; sh queue.sh"
expect "the first\r\n"
expect "refuse: "
exec touch shown
expect -re "^nobody answered in time\r\n"
send "yes\ryes\r"
expect "\nyes\r\n"
expect -re "the third\r\n.*refuse: $"
send "no\r"
expect "the person said no"
restored
EXP

scene 'a secret is not shown' <<'EXP'
command "\$ASK -k secret 'PIN of the token'"
expect -re "PIN of the token\r\nPassphrase or PIN \\(it is not shown\\): $"
wait_flag { -echo }
send "tr0ub4dor\r"
expect -re "^\r\nyes: tr0ub4dor\r\n"
restored
EXP

scene 'what was typed before the question is no answer' <<'EXP'
send "sleep 1; \$ASK Allow\r"
send "yes\r"
expect "refuse: "
send "no\r"
expect "the person said no"
restored
EXP

scene 'control characters of the text do nothing' <<'EXP'
command "\$ASK \"\$(printf 'a\\033\[31mb\\nline 2')\""
expect -re {a\\x1b\[31mb\r\nline 2\r\n}
expect "refuse: "
send "no\r"
expect "the person said no"
EXP

scene 'time runs out, and the terminal is as it was' <<'EXP'
command "\$ASK -k secret -t 1 PIN"
expect "shown): "
expect -re "Signet: nobody answered in time; refused.\r\nnobody answered in time"
restored
EXP

scene 'a question that is taken back says so' <<'EXP'
command "(sleep 1; echo q) | \$ASK -k secret PIN"
expect "shown): "
wait_flag { -echo }
expect "Signet: the question was withdrawn."
restored
EXP

scene 'a client that is interrupted takes its question with it' <<'EXP'
command "\$ASK -k secret PIN"
expect "shown): "
wait_flag { -echo }
send "\003"
expect "ready>"
wait_flag { echo }
send "echo alive\r"
expect "\nalive"
EXP

scene 'a forwarded request is never asked at the terminal' <<'EXP'
command "\$ASK -f Allow"
expect -re "^nobody can be asked"
restored
EXP

scene 'a raw terminal, or one where a secret is read, is left alone' <<'EXP'
foreach mode {raw -icanon -echo} {
	send -- "stty $mode; \$ASK Allow >out 2>&1; stty $usual; cat out\r"
	expect -re "\nnobody can be asked"
	restored
}
EXP

scene 'a client in the background is not asked' <<'EXP'
send "set -m; \$ASK -p 0 x >/dev/null; sleep 30 & pid=\$!; \$ASK -p \$pid Allow; kill \$pid\r"
expect -re "\nnobody can be asked"
EXP

scene 'a client without a terminal is not asked' <<'EXP'
command "setsid \$ASK Allow </dev/null | cat"
expect -re "^nobody can be asked"
EXP

printf '#!/bin/sh\nexit 0\n' >askpass
chmod +x askpass
scene 'a client that calls itself a remote login is not asked elsewhere' <<'EXP'
command "export SSH_ASKPASS_REQUIRE=force SSH_ASKPASS=\$PWD/askpass"
expect "ready>"
command "SSH_CONNECTION='192.0.2.1 5000 192.0.2.2 22' \$ASK Allow"
expect -re "^yes\r\n"
expect "ready>"
command "cp /bin/sh mosh-server; ./mosh-server -c '\$ASK Allow; :'"
expect -re "^yes\r\n"
EXP

# A server of this name that root runs; without a terminal, as the real one is.
as_login() {
	setsid -w ./sshd -c "expect -f $1; exit \$?"
}
if [ "$(id -u)" = 0 ]; then
	cp /bin/sh sshd
	{
		cat prelude.exp
		cat <<'EXP'
command "export SSH_ASKPASS_REQUIRE=force SSH_ASKPASS=\$PWD/askpass"
expect "ready>"
command "\$ASK Allow"
expect "refuse: "
send "no\r"
expect "the person said no"
restored
command "SIGNET_PROMPT=askpass \$ASK Allow"
expect -re "^yes\r\n"
expect "ready>"
command "script -qc '\$ASK Allow' out"
expect -re "^yes\r\n"
EXP
	} >login.exp
	ok 'a login over ssh is asked at its own terminal, not at the display' as_login login.exp
else
	skip 'a login over ssh is asked at its own terminal, not at the display' 'root runs the server'
fi

# The real programs, where they are installed.
SIGNET_PROMPT=pinentry
export SIGNET_PROMPT
if [ -x /usr/bin/pinentry-tty ]; then
	SIGNET_PINENTRY=/usr/bin/pinentry-tty
	scene 'pinentry-tty gets the terminal' <<'EXP'
command "\$ASK -T 'Signet: allow?' 'Key work laptop'"
expect "Signet: allow?"
expect "Key work laptop"
expect -ex {[ad]? }
send "d"
expect "the person said no"
restored
command "\$ASK -k secret 'PIN of the token'"
expect "PIN of the token"
expect "Passphrase or PIN:"
wait_flag { -echo }
send "tr0ub4dor\r"
expect "yes: tr0ub4dor"
restored
EXP
else
	skip 'pinentry-tty gets the terminal' 'pinentry-tty is not installed'
fi
if [ -x /usr/bin/pinentry-curses ]; then
	SIGNET_PINENTRY=/usr/bin/pinentry-curses
	scene 'pinentry-curses gets the terminal, and leaves it in order' <<'EXP'
command "TERM=xterm \$ASK -k secret 'PIN of the token'"
expect "PIN of the token"
wait_flag { -echo }
after 200
send "tr0ub4dor\r"
expect "yes: tr0ub4dor"
restored
command "(sleep 1; echo q) | TERM=xterm \$ASK Allow"
expect "Deny"
expect "withdrawn"
restored
EXP
	scene 'a second question waits for pinentry-curses too' <<'EXP'
command "export TERM=xterm; rm -f shown; sh queue.sh"
expect "the first"
wait_flag { -icanon}
exec touch shown
expect {
	"nobody answered in time" {}
	"nobody can be asked" { fail "it did not wait" }
}
after 200
send "\t\r"
expect "the person said no"
expect "the third"
wait_flag { -icanon}
after 200
send "\t\r"
expect "the person said no"
restored
EXP
else
	skip 'pinentry-curses gets the terminal, and leaves it in order' 'pinentry-curses is not installed'
fi
finish
