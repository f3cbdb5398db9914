#!/bin/sh
# Keys follow the screen's lock and sleep, as logind tells them.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/person.sh"
. "${0%/*}/../support/desktop.sh"
need ssh-keygen ssh-add
desktop_need
me=$(id -u)
for name in plain guarded; do
	keygen ed25519 "$T/$name" -C "$name"
	mv "$T/$name.pub" "$T/pub/"
done

DBUS_SYSTEM_BUS_ADDRESS=$SYSTEM DBUS_SESSION_BUS_ADDRESS=$SESSION
export DBUS_SYSTEM_BUS_ADDRESS DBUS_SESSION_BUS_ADDRESS
unset XDG_SESSION_ID

# config SCREEN SLEEP: what happens to keys.
config() {
	printf 'OnScreenLock %s\nOnSleep %s\n' "$1" "$2" >"$T/config"
}

# session: what the agent knows of it.
session() {
	"$ADD" --status | sed -n 's/^session: //p'
}

session_is() {
	[ "$(session)" = "$1" ]
}

# becomes DESCRIPTION WORDS
becomes() {
	poll 10 session_is "$2"
	is "$1" "$(session)" "$2"
}

keys() {
	ssh-add -l 2>/dev/null | wc -l
}

core() {
	for pid in $(children "$SSH_AGENT_PID"); do
		! grep -q signet-agent "/proc/$pid/comm" || echo "$pid"
	done
}

# --- locked
bus_start system
system_bus=$bus_pid
logind_start
config lock lock
person_agent --config "$T/config"
"$ADD" -q "$T/plain"
"$ADD" -q --confirm=once-per-connection "$T/guarded"
becomes 'a session that is not there is not locked' 'unlocked (logind)'
ok 'sleep is held up until keys are locked' poll 10 inhibitors_are 1
has 'as a delay' "$(login '' $LOGIN.Manager.ListInhibitors)" "'sleep', 'Signet', '[^']+', 'delay'"
session_add c9 $((me + 1)) wayland
session_add c1 "$me" wayland
session_set c9 LockedHint true
session_say c9 Lock
session_set c1 LockedHint true
becomes 'the hint of a session that came later locks' 'locked (logind)'
is 'nothing is listed' "$(keys)" 1
has 'as if there were none' "$(ssh-add -l 2>&1)" 'no identities'
not_ok 'nothing is signed' ssh-add -T "$T/pub/plain.pub"
has 'for a reason that is logged' "$(log_last sign)" 'the screen is locked'
has 'signet-add hears it, too' "$("$ADD" "$T/plain" 2>&1)" 'the screen is locked'
has 'the status tells it' "$("$ADD" --status)" '^locked: until the screen is unlocked$'
askpass word 'echo word' >/dev/null
word() {
	SSH_ASKPASS=$T/word SSH_ASKPASS_REQUIRE=force ssh-add "$1" </dev/null
}
not_ok 'no passphrase lifts it' word -X
is 'so it stays' "$(session)" 'locked (logind)'
ok 'a passphrase can be added to it' word -x
session_set c1 LockedHint false
becomes 'the hint unlocks' 'unlocked (logind)'
not_ok 'which does not lift the passphrase' ssh-add -T "$T/pub/plain.pub"
has 'that is another reason' "$(log_last sign)" 'the agent is locked'
ok 'but the passphrase does' word -X
ok 'keys are as they were' sign plain
has 'the log has the lock' "$(log_last screen-lock)" 'allowed'
has 'and its end' "$(log_last screen-unlock)" 'allowed'

session_say c1 Lock
becomes 'the signal locks where no hint comes' 'locked (logind)'
session_say c1 Unlock
becomes 'the signal unlocks' 'unlocked (logind)'
session_say c1 Lock
session_set c1 LockedHint true
session_set c1 LockedHint false
becomes 'after the signal the hint has the last word' 'unlocked (logind)'

# Others on the bus cannot unlock it: neither by a signal to all nor by one to the helper.
session_say c1 Lock
becomes 'locked once more' 'locked (logind)'
cat >"$T/spoof.py" <<'PY'
import dbus, dbus.lowlevel, sys
bus = dbus.bus.BusConnection(sys.argv[1])
for name in [None] + [n for n in bus.list_names() if n.startswith(":")]:
    for path, interface, member, args in (
        ("session/c1", "login1.Session", "Unlock", ()),
        ("", "login1.Manager", "PrepareForSleep", (True,)),
    ):
        m = dbus.lowlevel.SignalMessage(("/org/freedesktop/login1/" + path).rstrip("/"), "org.freedesktop." + interface, member)
        m.append(*args)
        if name:
            m.set_destination(name)
        bus.send_message(m)
    # As if the name had gone.
    m = dbus.lowlevel.SignalMessage("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged")
    m.append("org.freedesktop.login1", ":1.1", "")
    if name:
        m.set_destination(name)
    bus.send_message(m)
bus.flush()
bus.close()
PY
ok 'somebody else says that it is unlocked' "$PYTHON" "$T/spoof.py" "$SYSTEM"
# What comes behind it is heard.
session_add c2 "$me" x11
session_set c2 LockedHint true
session_set c2 LockedHint false
becomes 'another session of the person is not locked' 'unlocked (logind)'
session_set c2 LockedHint true
becomes 'nobody believed it' 'locked (logind)'
is 'nor that the machine went to sleep' "$("$ADD" --log | grep -c ' sleep ')" 0
session_set c2 Active false
session_set c2 LockedHint false
session_set c1 LockedHint true
becomes 'one that is not active does not count beside one that is' 'locked (logind)'
session_set c1 LockedHint false
becomes 'all are unlocked' 'unlocked (logind)'
session_set c2 LockedHint true
session_set c1 Class "'greeter'"
becomes 'a greeter is nobody' 'locked (logind)'
session_set c1 Class "'user'"
session_set c1 Active true
becomes 'it is a person again' 'unlocked (logind)'

# --- sleep
core=$(core)
kill -STOP "$core"
ok 'sleep waits for the keys' sleep_waits
ok 'but not for ever' poll 6 inhibitors_are 0
kill -CONT "$core"
sleep_signal false
ok 'the next sleep is held up again' poll 10 inhibitors_are 1
ok 'nothing locked the screen, so that waking lifts it' poll 10 sign plain
kill -STOP "$core"
sleep_signal true
kill -CONT "$core"
ok 'sleep is let go' poll 10 inhibitors_are 0
has 'after the keys were locked' "$(ssh-add -l 2>&1)" 'no identities'
has 'the log has it' "$(log_last sleep)" allowed
session_set c1 LockedHint true
becomes 'the screen is locked as well' 'locked (logind)'
sleep_signal false
ok 'it woke up' poll 10 inhibitors_are 1
not_ok 'and is still locked' sign plain
session_set c1 LockedHint false
ok 'until the screen is not' poll 10 sign plain

# --- what listens is lost
session_say c1 Lock
becomes 'locked by the signal' 'locked (logind)'
kill "$(helper)"
becomes 'the helper ends: the lock stays' 'locked (not seen any more)'
not_ok 'nothing is signed meanwhile' sign plain
becomes 'the next one says otherwise' 'unlocked (logind)'
session_say c1 Lock
becomes 'locked again' 'locked (logind)'
bus_stop "$system_bus" system
becomes 'the bus ends: the lock stays' 'locked (not seen any more)'
not_ok 'and nothing is signed' sign plain
bus_again() {
	bus_start system
	logind_start
	session_add c1 "$me" wayland
}
unheard bus_again
becomes 'a new bus and a logind that knows nothing: the lock stays' 'locked (logind)'
session_say c1 Unlock
becomes 'until it is said to be over' 'unlocked (logind)'
ok 'sleep is held up again' poll 10 inhibitors_are 1
agent_stop
ok 'a helper that is gone holds up nothing' poll 10 inhibitors_are 0

# --- no lock of the agent, but nobody is asked
config relock drop
person_agent --config "$T/config"
"$ADD" -q "$T/plain"
"$ADD" -q --confirm=10m "$T/guarded"
becomes 'another agent' 'unlocked (logind)'
: >"$T/yes"
ok 'a key with a question' sign guarded
ok 'whose answer is remembered' sign guarded
is 'so one was asked' "$(asked confirm)" 1
session_set c1 LockedHint true
becomes 'locked' 'locked (logind)'
ok 'a key without a question signs' sign plain
not_ok 'one with a question does not, whatever was remembered' sign guarded
is 'nobody was asked' "$(asked confirm)" 1
has 'the log says why' "$("$ADD" --log --json | tail -n 1)" '"reason": *"the screen is locked".*"consent": *"not asked"'
session_set c1 LockedHint false
becomes 'unlocked' 'unlocked (logind)'
forget
begin sign guarded
ok 'what was remembered is forgotten' poll 10 shown_is confirm 1
session_set c1 LockedHint true
ok 'an open question goes with the lock' poll 10 shown_is confirm 0
not_ok 'and is no yes' result
has 'the log says why it went' "$(log_last sign)" 'the screen is locked'
is 'no notice of it' "$(asked notice)" 0
session_set c1 LockedHint false
becomes 'unlocked again' 'unlocked (logind)'
sleep_signal true
ok 'sleep comes' poll 10 inhibitors_are 0
is 'all keys are gone' "$(ssh-add -l 2>&1)" 'The agent has no identities.'
has 'which is logged' "$(log_last remove-all)" allowed
sleep_signal false
agent_stop

finish
