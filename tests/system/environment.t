#!/bin/sh
# signet-add --update-environment: questions move to another display, with a yes at the present one.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/display.sh"
need ssh-keygen ssh-add setsid python3 expect
unset XAUTHORITY DBUS_SESSION_BUS_ADDRESS SIGNET_PROMPT SSH_CONNECTION
# Nobody's own pinentry.
SIGNET_PINENTRY=
export SIGNET_PINENTRY

keygen ed25519 "$T/key" -C asked
# Each prompter writes down what it is asked, and says what its file holds.
prompter() {
	askpass "$1" "printf '%s\n' \"DISPLAY=\$DISPLAY\" \"\$1\" >>'$T/$1.asked'" \
		"exit \"\$(cat '$T/$1.says')\"" >/dev/null
}
for name in first second third; do
	prompter "$name"
	: >"$T/$name.asked"
	echo 0 >"$T/$name.says"
done

# A display for each of them.
display_start
first_display=$display
display_start
second_display=$display
display_start
third_display=$display

# nobody COMMAND...: without a terminal that could be asked.
nobody() {
	setsid -w "$@"
}

# move NAME DISPLAY
move() {
	nobody env DISPLAY="$2" SSH_ASKPASS="$T/$1" "$ADD" --update-environment
}

asked() {
	grep -c '^DISPLAY=' "$T/$1.asked"
}

# send PYTHON-BYTES: a frame with it to the control socket; prints the answer's number.
send() {
	python3 - "$SSH_AUTH_SOCK.ctl" "$1" <<-'END'
		import socket, struct, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		v = [x.encode() for x in sys.argv[2].split("|")]
		inner = b"".join(struct.pack(">I", len(x)) + x for x in v)
		body = b"\x0a" + struct.pack(">I", len(inner)) + inner
		s.sendall(struct.pack(">I", len(body)) + body)
		print(s.recv(4096)[4])
	END
}

# typed ANSWER: as move first to its display, on a terminal of its own, where ANSWER is given to the question if one
# comes; an empty one takes a question for a failure.
typed() {
	cat >"$T/typed.exp" <<-'END'
		set timeout 20
		log_user 0
		set answer [lindex $argv 0]
		spawn -noecho {*}[lrange $argv 1 end]
		expect {
			-re "refuse: $" {
				set asked $expect_out(buffer)
				if {$answer eq ""} { puts "it asked"; exit 9 }
				send "$answer\r"
				exp_continue
			}
			timeout { puts "timed out"; exit 8 }
			eof
		}
		if {[info exists asked]} { puts $asked }
		exit [lindex [wait] 3]
	END
	expect -f "$T/typed.exp" "$1" env DISPLAY=$first_display SSH_ASKPASS="$T/first" "$ADD" --update-environment
}

agent_start || fail "the agent starts"
ok "a key that asks" "$ADD" -q -c "$T/key"

# --- nobody can be asked
not_ok "without a display nothing is signed" nobody ssh-add -T "$T/key.pub"
has "at once, with the reason" "$("$ADD" --log)" 'sign refused: nobody can be asked'
exits "there is nothing to tell without a display" 1 nobody "$ADD" --update-environment
has "which is said" "$(cat "$T/err")" 'neither DISPLAY nor WAYLAND_DISPLAY is set'
SSH_ASKPASS=relative/path
export SSH_ASKPASS
exits "a prompter that is named from some folder is not taken" 1 nobody "$ADD" --update-environment
has "which is said as well" "$(cat "$T/err")" 'SSH_ASKPASS is not an absolute path'
unset SSH_ASKPASS
exits "operands make no sense" 1 nobody "$ADD" --update-environment x

# --- where the terminal is what works, it is asked
exits "a no at the terminal refuses to move" 1 typed no
has "after the question" "$(tr -d '\r' <"$T/out")" '^Signet: move questions elsewhere[?]$'
has "which tells where to" "$(cat "$T/out")" "^New: DISPLAY=$first_display"
has "the log has that the person was asked" "$("$ADD" --log)" 'control refused: the person said no.*consent asked'
not_ok "nothing moved" nobody ssh-add -T "$T/key.pub"
is "to the new prompter" "$(asked first)" 0
exits "a yes there moves" 0 typed yes
ok "to where the key's questions are asked now" nobody ssh-add -T "$T/key.pub"
is "namely there" "$(asked first)" 1
echo 1 >"$T/first.says"
exits "a display that works is asked, and no terminal" 1 typed ''
is "once more" "$(asked first)" 2
SSH_CONNECTION='192.0.2.1 1 192.0.2.2 22'
export SSH_CONNECTION
exits "nor by a client that looks remote" 1 typed ''
unset SSH_CONNECTION
is "and it was asked again" "$(asked first)" 3
agent_stop

# --- a helper that cannot be started is not the same as nobody to ask
mkdir "$T/prefix"
cp -R "$BUILD/bin" "$BUILD/libexec" "$T/prefix/"
mv "$T/prefix/libexec/signet/signet-prompt" "$T/prefix/prompt"
echo 0 >"$T/first.says"
: >"$T/first.asked"
(
	AGENT=$T/prefix/bin/signet-agent
	agent_start && echo "$SSH_AUTH_SOCK $SSH_AGENT_PID" >"$T/started"
)
read -r SSH_AUTH_SOCK SSH_AGENT_PID <"$T/started"
reap "$SSH_AGENT_PID"
"$ADD" -q -c "$T/key"
exits "without the helper nothing moves" 1 move first $first_display
has "with the reason" "$(cat "$T/err")" 'the helper program could not be started'
not_ok "nor is anything signed" nobody ssh-add -T "$T/key.pub"
has "with the reason" "$("$ADD" --log)" 'sign refused: the helper program could not be started'
is "and nobody counts as asked" "$("$ADD" --log | grep -c 'consent asked')" 0
mv "$T/prefix/prompt" "$T/prefix/libexec/signet/signet-prompt"
exits "with it they move, since nobody can be asked" 0 move first $first_display
kill "$SSH_AGENT_PID"
gone "$SSH_AGENT_PID"
: >"$T/first.asked"
agent_start || fail "the agent starts again"
"$ADD" -q -c "$T/key"

# --- told by hand
exits "the display is told" 0 move first $first_display
is "and shown" "$(cat "$T/out")" "DISPLAY=$first_display
SSH_ASKPASS=$T/first"
ok "now the key signs" nobody ssh-add -T "$T/key.pub"
is "one question was asked there" "$(asked first)" 1
has "at that display" "$(cat "$T/first.asked")" "^DISPLAY=$first_display\$"
echo 1 >"$T/first.says"
not_ok "a no is a no" nobody ssh-add -T "$T/key.pub"
is "asked there too" "$(asked first)" 2

# --- away from a prompter that works
: >"$T/first.asked"
exits "a no there refuses to move" 1 move second $second_display
has "with the reason" "$(cat "$T/err")" 'the person said no'
is "nothing is shown as told" "$(cat "$T/out")" ''
is "it was asked once" "$(asked first)" 1
is "at the present one only" "$(asked second)" 0
has "with the title" "$(cat "$T/first.asked")" '^Signet: move questions elsewhere[?]$'
has "with the new display" "$(cat "$T/first.asked")" "^New: DISPLAY=$second_display\$"
has "with the new program" "$(cat "$T/first.asked")" "^New: SSH_ASKPASS=$T/second\$"
has "with who asks" "$(cat "$T/first.asked")" '^Asked by signet-add \([0-9]+(, program [^ ]+)?\)[.]$'
echo 0 >"$T/first.says"
ok "the key still signs" nobody ssh-add -T "$T/key.pub"
is "after asking where it was" "$(asked first) $(asked second)" "2 0"
exits "a yes there moves" 0 move second $second_display
ok "the key signs" nobody ssh-add -T "$T/key.pub"
is "after asking at the new one" "$(asked first) $(asked second)" "3 1"

# --- what the log says
log=$("$ADD" --log)
has "the log has the first move" "$log" "control allowed.*ask at DISPLAY=$first_display SSH_ASKPASS=$T/first"
has "the refusal" "$log" "control refused: the person said no.*ask at DISPLAY=$second_display"
has "and the second move" "$log" "control allowed.*ask at DISPLAY=$second_display"

# --- a client that leaves takes its question along
echo 1 >"$T/second.says"
askpass second "echo \$\$ >'$T/waits'" 'exec sleep 60' >/dev/null
setsid env DISPLAY=$third_display SSH_ASKPASS="$T/third" "$ADD" --update-environment >/dev/null 2>&1 </dev/null &
mover=$!
reap "$mover"
ok "a question is open" poll 10 test -s "$T/waits"
kill "$mover"
ok "it is taken back with its client" gone "$(cat "$T/waits")" 10
ok "which is in the log" poll 5 sh -c "'$ADD' --log | grep -q 'control refused: the request was cancelled'"

# --- what is not let in
is "other variables are refused" "$(send 'DISPLAY=:1|LD_PRELOAD=/x')" 3
is "a name twice is refused" "$(send 'DISPLAY=:1|DISPLAY=:2')" 3
has "with the reason" "$("$ADD" --log)" 'control refused: not a display variable'
is "nobody was asked for that" "$(asked third)" 0

ask=$(askpass lock 'echo lock-secret')
ok "the agent is locked" env SSH_ASKPASS="$ask" SSH_ASKPASS_REQUIRE=force "$ADD" -x
exits "a locked agent refuses" 1 move third $third_display
has "with the reason" "$(cat "$T/err")" 'the agent is locked'
agent_stop
exits "without an agent" 2 move third $third_display

# --- a prompter that cannot be reached does not work, and nobody is held up by it
for name in first second; do
	prompter "$name"
	: >"$T/$name.asked"
	echo 0 >"$T/$name.says"
done
agent_start || fail "another agent starts"
"$ADD" -q -c "$T/key"
display_start
exits "a move to a display" 0 move first "$display"
ok "where the key signs" nobody ssh-add -T "$T/key.pub"
display_stop "$display_pid"
not_ok "it dies, and nothing is signed" nobody ssh-add -T "$T/key.pub"
has "with the reason" "$("$ADD" --log)" 'sign refused: the display where the person is asked does not answer'
exits "a move to one that lives" 0 move second "$second_display"
is "asks nobody" "$(asked first) $(asked second)" "1 0"
ok "the key signs again" nobody ssh-add -T "$T/key.pub"
is "after asking there" "$(asked second)" 1
cp "$T/second" "$T/fleeting"
exits "a yes there moves to another prompter" 0 move fleeting "$first_display"
rm "$T/fleeting"
not_ok "it is gone, and nothing is signed" nobody ssh-add -T "$T/key.pub"
has "with the reason" "$("$ADD" --log)" 'sign refused: the program that asks the person .* cannot be started'
exits "a move to one that is there" 0 move second "$second_display"
askpass falls 'kill -9 $$' >/dev/null
exits "a yes moves to a prompter that falls" 0 move falls "$second_display"
exits "away from which nothing moves unasked" 1 move second "$second_display"
has "with the reason" "$(cat "$T/err")" 'ended without an answer'
agent_stop
for name in first second; do
	: >"$T/$name.asked"
done

# --- two at once, where nobody can be asked: the second is a move away from the first
for name in first third; do
	: >"$T/$name.asked"
	echo 1 >"$T/$name.says"
done
agent_start || fail "another agent starts"
move first $first_display >"$T/out1" 2>/dev/null </dev/null &
one=$!
move third $third_display >"$T/out2" 2>/dev/null </dev/null &
two=$!
wait "$one"
one=$?
wait "$two"
is "of two at once, one is told no" "$((one + $?))" 1
is "by whom the other one named" "$(($(asked first) + $(asked third)))" 1
agent_stop
finish
