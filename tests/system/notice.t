#!/bin/sh
# A refusal that a person could wonder about is told by a desktop notification; here programs that
# write down how they were called stand for the desktop.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/display.sh"
need ssh-keygen python3
ASK=$BUILD/tests/tools/ask

mkdir "$T/bin"
# recorder FILE BODY: each call's arguments, a line each, in FILE.1, FILE.2, ...
recorder() {
	{
		printf '#!/bin/sh\nf=%s\n' "$1"
		echo 'n=1; while [ -e "$f.$n" ]; do n=$((n + 1)); done'
		echo 'printf "%s\n" "$@" >"$f.new$$"; mv "$f.new$$" "$f.$n"'
		echo "$2"
	} >"$T/bin/${1##*/}"
	chmod 755 "$T/bin/${1##*/}"
}
recorder "$T/notify" 'echo $((40 + n))'
recorder "$T/gdbus" 'echo "(uint32 7,)"'
recorder "$T/asked" 'exit 1'
PATH=$T/bin:$PATH
SIGNET_NOTIFY=$T/bin/notify
# A question has no way to a person.
SIGNET_PROMPT=pinentry
SIGNET_PINENTRY=
display_start
DISPLAY=$display
DBUS_SESSION_BUS_ADDRESS=unix:path=$T/nowhere
export BUILD PATH SIGNET_NOTIFY SIGNET_PROMPT SIGNET_PINENTRY DISPLAY DBUS_SESSION_BUS_ADDRESS

# notices: how many were shown.
notices() {
	find "$T" -maxdepth 1 -name 'notify.[0-9]*' | wc -l
}

# forget: what was written down so far.
forget() {
	rm -f "$T"/notify.* "$T"/gdbus.* "$T"/asked.*
}

keygen ed25519 "$T/key" -C '--help <b>& \74i \n'

# --- a flood
agent_start || fail "the agent starts"
"$ADD" -q -c "$T/key"
cat >"$T/flood.py" <<'END'
import base64, os, socket, struct, sys, time
blob = base64.b64decode(open(sys.argv[2]).read().split()[1])
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
string = lambda b: struct.pack(">I", len(b)) + b
body = b"\x0d" + string(blob) + string(b"data") + struct.pack(">I", 0)
for i in range(100):
    s.sendall(string(body))
    answer = b""
    while len(answer) < 5:
        answer += s.recv(5 - len(answer))
    assert answer == b"\0\0\0\1\5"
# It is to be looked at by name.
deadline = time.time() + 10
while not os.path.exists(sys.argv[3]) and time.time() < deadline:
    time.sleep(0.02)
END
ok "a hundred requests are refused" python3 "$T/flood.py" "$SSH_AUTH_SOCK" "$T/key.pub" "$T/notify.1"
ok "a notification is shown" poll 10 test -e "$T/notify.1"
sent=$(cat "$T/notify.1")
is "options end before the title" "$(printf '%s\n' "$sent" | sed -n '/^--$/{n;p;}')" 'Signet: signature refused'
has "it tells the key, as no markup and no escape" "$sent" '^Key: --help &lt;b&gt;&amp; \\\\74i \\\\n$'
has "and who asked" "$sent" '^Asked by python3[^ ]* \([0-9]+\)$'
has "and why not" "$sent" '^Reason: nobody can be asked: no askpass program, display or terminal$'
is "it is bounded in time" "$(printf '%s\n' "$sent" | sed -n '/^-t$/{n;p;}' | sed 's/^\(10000\|[1-9][0-9][0-9][0-9]\)$/fits/')" fits
is "it is the only one" "$(notices)" 1
ok "its time is over" poll 20 test -e "$T/gdbus.1"
is "it is taken away" "$(tail -n 2 "$T/gdbus.1")" 'org.freedesktop.Notifications.CloseNotification
uint32 41'
ok "the next one is shown" poll 10 test -e "$T/notify.2"
has "the others are counted in it" "$(cat "$T/notify.2")" '^and 98 more: see signet-add --log$'
agent_stop
ok "the agent's end withdraws it" poll 5 test -e "$T/gdbus.2"
is "by its number" "$(tail -n 1 "$T/gdbus.2")" 'uint32 42'
is "two notices tell of a hundred refusals" "$(notices)" 2
forget

# --- what a person knows already
SSH_ASKPASS=$T/bin/asked
SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
SIGNET_PROMPT=askpass agent_start || fail "the agent starts again"
"$ADD" -q -c "$T/key"
not_ok "the person says no" ssh-add -T "$T/key.pub"
ok "having been asked" test -e "$T/asked.1"
secret=$(askpass secret 'echo some-lock-secret')
SSH_ASKPASS=$secret "$ADD" -x >/dev/null 2>&1 </dev/null
not_ok "a locked agent refuses" ssh-add -T "$T/key.pub"
ok "that is shown" poll 10 test -e "$T/notify.1"
has "with its reason" "$(cat "$T/notify.1")" '^Reason: the agent is locked$'
is "and the person's own no is not" "$(grep -c '^and ' "$T/notify.1")" 0
agent_stop
ok "its withdrawal is over" poll 5 test -e "$T/gdbus.1"
forget

# --- where it is shown
notice() {
	"$ASK" -k notice -p 0 "$@"
}

nobody='nobody can be asked: no askpass program, display or terminal'
is "no display: nothing is started" "$(unset DISPLAY; notice -s -t 1 text)" "$nobody"
is "no session bus: nothing is started" "$(unset DBUS_SESSION_BUS_ADDRESS; notice -s -t 1 text)" "$nobody"
is "turned off" "$(SIGNET_NOTIFY='' notice -s -t 1 text)" "$nobody"
is "no window either" "$(SIGNET_PROMPT='askpass terminal' SIGNET_NOTIFY='' notice -s -t 1 text)" "$nobody"
is "none of it was run" "$(find "$T" -maxdepth 1 -name '*.1')" ''
is "a notice that stays is a window first" "$(SIGNET_PROMPT='askpass notify' notice text; notices)" 'the person said no
0'
SSH_ASKPASS_REQUIRE=never
is "a question is never a notification" "$(SIGNET_PROMPT='askpass notify' "$ASK" -p 0 text)" "$nobody"
is "which was not tried" "$(notices)" 0
is "a passing notice ends by itself" "$(notice -s -t 1 text; notices)" 'yes
1'
forget

# --- gdbus in place of a notify-send that tells no number
unset SIGNET_NOTIFY
printf '#!/bin/sh\nexit 1\n' >"$T/bin/notify-send"
chmod 755 "$T/bin/notify-send"
is "gdbus is the second way" "$(notice -s -t 1 "it's <b> \\n")" yes
has "its text is one string" "$(cat "$T/gdbus.1")" "^'it\\\\'s &lt;b&gt; \\\\\\\\n'\$"
is "taken away by its number" "$(tail -n 1 "$T/gdbus.2")" 'uint32 7'
finish
