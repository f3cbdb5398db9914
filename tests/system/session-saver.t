#!/bin/sh
# The screen's lock without logind: told by a screen saver, or by nobody, or by something that makes no sense.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/desktop.sh"
need ssh-keygen ssh-add
desktop_need
keygen ed25519 "$T/key"
printf 'OnScreenLock lock\n' >"$T/config"
DBUS_SYSTEM_BUS_ADDRESS=$SYSTEM DBUS_SESSION_BUS_ADDRESS=$SESSION
export DBUS_SYSTEM_BUS_ADDRESS DBUS_SESSION_BUS_ADDRESS
unset XDG_SESSION_ID

session_is() {
	[ "$("$ADD" --status | sed -n 's/^session: //p')" = "$1" ]
}

# becomes DESCRIPTION WORDS
becomes() {
	poll 12 session_is "$2"
	is "$1" "$("$ADD" --status | sed -n 's/^session: //p')" "$2"
}

signs() {
	ssh-add -T "$T/key.pub"
}

# mock_end: the service goes.
mock_end() {
	kill "$mock_pid"
	gone "$mock_pid"
}

# --- nobody, and then a screen saver
bus_start session
agent_start --config "$T/config" || fail 'the agent starts'
"$ADD" -q "$T/key"
becomes 'without a system bus and a screen saver nothing is seen' 'not seen'
ok 'and nothing is locked' signs
saver_start False
becomes 'a screen saver appears' 'unlocked (screen saver)'
saver_say true
becomes 'it locks' 'locked (screen saver)'
not_ok 'nothing is signed' signs
saver_say '"no"' s
saver_say false u 2>/dev/null
gdbus emit --address "$SESSION" --object-path /org/freedesktop/ScreenSaver --signal $SAVER.ActiveChanged false
mock_end
becomes 'neither nonsense nor others unlock, nor does its end' 'locked (not seen any more)'
not_ok 'nothing is signed yet' signs
unheard saver_start True
becomes 'one that is active already' 'locked (screen saver)'
saver_say false
becomes 'it unlocks' 'unlocked (screen saver)'
ok 'the key signs' signs
mock_end
unheard saver_start '"what?"' s
becomes 'one that answers nonsense is taken to be inactive' 'unlocked (screen saver)'
ok 'and the key signs' signs

# --- logind goes before it
bus_start system
logind_start
session_add c1 "$(id -u)" x11
becomes 'a logind that appears is listened to instead' 'unlocked (logind)'
saver_say true
session_set c1 LockedHint true
becomes 'it locks' 'locked (logind)'
saver_say false
not_ok 'and alone unlocks' signs
session_set c1 LockedHint false
becomes 'as it does' 'unlocked (logind)'
mock_end
becomes 'where it goes the screen saver is heard' 'unlocked (screen saver)'
agent_stop

# --- a logind that is none
mock $LOGIN "$SYSTEM" $LOGIN /org/freedesktop/login1 $LOGIN.Manager
login '' $MOCK.AddMethod '' ListSessions '' s 'ret = "c1"' >/dev/null
login '' $MOCK.AddMethod '' Inhibit ssss s 'ret = "held"' >/dev/null
DBUS_SESSION_BUS_ADDRESS=unix:path=$T/none agent_start --config "$T/config" || fail 'another agent starts'
"$ADD" -q "$T/key"
becomes 'sessions of another type are none' 'not seen'
ok 'which locks nothing' signs
ok 'the log says it' poll 10 grep -q 'logind does not tell the sessions' "$T/agent.log"
login '' $MOCK.AddMethod '' ListSessions '' 'a(susso)' \
	"ret = [('c$(printf '%0300d' 1)', $(id -u), 'me', 'seat0', '/x$(printf '%0300d' 1)'), ('c1', $(id -u), 'me', '', '/c1')]" \
	>/dev/null
becomes 'a session without properties is none' 'unlocked (logind)'
ok 'nor is a descriptor that is none' grep -q 'sleep is not held up until keys are locked' "$T/agent.log"
login '' $MOCK.AddObject /c1 $LOGIN.Session \
	"{'Type': <uint32 7>, 'Class': <@as []>, 'Active': <'yes'>, 'LockedHint': <'yes'>}" '@a(ssss) []' >/dev/null
for signal in PrepareForSleep SessionNew SessionRemoved; do
	login '' $MOCK.EmitSignal $LOGIN.Manager $signal s "[<'now'>]" >/dev/null
done
gdbus call --timeout 5 --address "$SYSTEM" -d $LOGIN -o /c1 -m $MOCK.EmitSignal $LOGIN.Session Lock s "[<'now'>]" >/dev/null
gdbus call --timeout 5 --address "$SYSTEM" -d $LOGIN -o /c1 -m $MOCK.EmitSignal org.freedesktop.DBus.Properties \
	PropertiesChanged sss "[<'$LOGIN.Session'>, <'LockedHint'>, <'true'>]" >/dev/null
gdbus call --timeout 5 --address "$SYSTEM" -d $LOGIN -o /c1 -m $MOCK.UpdateProperties $LOGIN.Session \
	"{'Type': <'wayland'>, 'Class': <'user'>, 'Active': <true>, 'LockedHint': <true>}" >/dev/null
becomes 'what is said in the right form is heard' 'locked (logind)'
not_ok 'and obeyed' signs
is 'all else was not' "$("$ADD" --log | grep -c ' sleep ')" 0
agent_stop

# --- a bus that is not reached through a socket of this machine
DBUS_SYSTEM_BUS_ADDRESS='tcp:host=127.0.0.1,port=1' DBUS_SESSION_BUS_ADDRESS="unixexec:path=/bin/false;$SESSION"
agent_start --config "$T/config"
said() { grep -q "$1" "$T/agent.log"; }
ok 'an address that cannot be reached is said' poll 12 said \
	'DBUS_SYSTEM_BUS_ADDRESS is "tcp:host=127.0.0.1,port=1", which signet-session cannot reach'
saver_start False
becomes 'of several, one that can be is enough' 'unlocked (screen saver)'
is 'and nothing said of it' "$(grep -c 'DBUS_SESSION_BUS_ADDRESS' "$T/agent.log")" 0
agent_stop
finish
