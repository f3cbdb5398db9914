#!/bin/sh
# seconds 30
# Keys of files are locked again with the screen and before sleep, and while the screen is locked none is unlocked, by
# no passphrase of GNOME Keyring's and by no person.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/person.sh"
. "${0%/*}/../support/desktop.sh"
. "${0%/*}/../support/secretservice.sh"
need ssh-keygen ssh-add
desktop_need
secretservice_need
[ -x "$KEYRING" ] || skip_all 'signet-keyring is not built: libsecret is not installed'
me=$(id -u)

dir=$HOME/.ssh
mkdir -m 700 "$dir"
keygen ed25519 "$dir/plain" -C plain
keygen ed25519 "$dir/kept" -C kept -N 'kept phrase' -a 4
keygen ed25519 "$dir/typed" -C typed -N 'typed phrase' -a 4
for name in plain kept typed; do
	cp "$dir/$name.pub" "$T/pub/$name.pub"
done

# One bus is the system's, the other the session's, with the keyring.
bus_start system
bus_start session
DBUS_SYSTEM_BUS_ADDRESS=$SYSTEM
export DBUS_SYSTEM_BUS_ADDRESS
unset XDG_SESSION_ID
logind_start
session_add c1 "$me" wayland
service_start
printf 'kept phrase' | secret-tool store --label=L xdg:schema org.signet.Secret kind passphrase \
	name "$dir/kept" id "$(ssh-keygen -lf "$T/pub/kept.pub" | cut -d ' ' -f 2)"

# becomes DESCRIPTION WORDS: what the agent knows of the session.
session_is() {
	[ "$("$ADD" --status | sed -n 's/^session: //p')" = "$1" ]
}
becomes() {
	ok "$1" poll 10 session_is "$2"
}

# locked NAME, unlocked NAME: its key.
locked() {
	"$ADD" -l | grep -q " $1 .* \[locked\]\$"
}
unlocked() {
	"$ADD" -l | grep " $1 " | grep -q -v ' \[locked\]$'
}

# visits: how many connected to the session's bus so far, this one among them; the bus numbers them.
visits() {
	"$PYTHON" -c 'import dbus.bus, sys; print(dbus.bus.BusConnection(sys.argv[1]).get_unique_name()[3:])' "$SESSION"
}

# agent SCREEN SLEEP: an agent whose keys do this.
agent() {
	printf 'KeyDirectory %s\nOnScreenLock %s\nOnSleep %s\n' "$dir" "$1" "$2" >"$T/config"
	person_agent --config "$T/config" --offer-keys
	becomes "an agent that sees the session ($*)" 'unlocked (logind)'
	forget
}

# --- the screen

agent relock nothing
before=$(visits)
ok 'a key is unlocked by the keyring' sign kept
ok 'which is seen on its bus' [ "$(visits)" -gt $((before + 1)) ]
ok 'a plain one is unlocked' sign plain
pins 'typed phrase'
ok 'and one by a person' sign typed
ok 'so they are' unlocked kept
ok 'all' unlocked plain
ok 'three' unlocked typed
# A question whether to remember it is on the screen.
ok 'a question is open' poll 5 shown_is confirm 1
session_set c1 LockedHint true
becomes 'the screen is locked' 'locked (logind)'
ok 'the key of the keyring is locked' locked kept
ok 'the plain one, too' locked plain
ok 'and the typed one' locked typed
ok 'the question is gone' poll 5 shown_is confirm 0
pins 'typed phrase'
before=$(visits)
for name in kept plain typed; do
	not_ok "no signature by $name" sign "$name"
	has 'for this reason' "$(log_last unlock-key)" "refused: the screen is locked;.*\"$name\""
done
is 'the keyring was left alone' "$(visits)" $((before + 1))
is 'nobody was asked' "$(asked secret)" 0
is 'the passphrase is still to be typed' "$(cat "$T/pins")" 'typed phrase'
for name in kept plain typed; do
	ok "$name stays locked" locked "$name"
done
session_set c1 LockedHint false
becomes 'the screen is unlocked' 'unlocked (logind)'
ok 'which unlocks nothing by itself' locked plain
ok 'but the keyring does' sign kept
ok 'and a person' sign typed
is 'with one question' "$(asked secret)" 1
kill -USR1 "$SSH_AGENT_PID"
ok 'locked again' poll 5 locked typed
forget
: >"$T/think"
begin sign typed
ok 'a passphrase is asked for' poll 5 shown_is secret 1
session_set c1 LockedHint true
not_ok 'the screen is locked meanwhile, which is a no' result
ok 'and takes the question away' poll 5 shown_is secret 0
has 'for this reason' "$(log_last unlock-key)" 'refused: the screen is locked;.*"typed"'
session_set c1 LockedHint false
becomes 'the screen is unlocked once more' 'unlocked (logind)'
agent_stop

# --- sleep

agent nothing relock
ok 'sleep is held up' poll 10 inhibitors_are 1
ok 'a key is unlocked' sign kept
session_set c1 LockedHint true
becomes 'the screen is locked, which leaves keys as they are' 'locked (logind)'
ok 'a key that is unlocked signs' sign kept
not_ok 'but no other is unlocked' sign plain
session_set c1 LockedHint false
becomes 'it is unlocked' 'unlocked (logind)'
for pid in $(children "$SSH_AGENT_PID"); do
	! grep -q signet-agent "/proc/$pid/comm" || core=$pid
done
kill -STOP "$core"
ok 'sleep waits for the keys' sleep_waits
kill -CONT "$core"
ok 'and comes' poll 10 inhibitors_are 0
ok 'when the key is locked' locked kept
sleep_signal false
ok 'awake' poll 10 inhibitors_are 1
ok 'the key is unlocked at its next use' sign kept
agent_stop
finish
