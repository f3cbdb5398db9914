# A session bus of its own, and on it gnome-keyring-daemon whose questions are answered by gcr's mock
# prompter, or another Secret Service, for tests in POSIX sh.  To be read behind lib.sh.

KEYRING=$BUILD/libexec/signet/signet-keyring

# bus_start: a bus that nothing is started on unasked; sets DBUS_SESSION_BUS_ADDRESS.
bus_start() {
	cat >"$T/bus.conf" <<-CONFIG
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
		  <type>session</type>
		  <listen>unix:path=$T/bus</listen>
		  <auth>EXTERNAL</auth>
		  <policy context="default">
		    <allow send_destination="*" eavesdrop="true"/>
		    <allow eavesdrop="true"/>
		    <allow own="*"/>
		  </policy>
		</busconfig>
	CONFIG
	dbus-daemon --config-file="$T/bus.conf" --nofork --nopidfile >"$T/bus.log" 2>&1 </dev/null &
	BUS_PID=$!
	reap "$BUS_PID"
	DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
	export DBUS_SESSION_BUS_ADDRESS
	poll 10 on_bus org.freedesktop.DBus || diag 'the bus did not start' "$(cat "$T/bus.log")"
}

# on_bus NAME: somebody has this name.
on_bus() {
	gdbus call --session -d org.freedesktop.DBus -o /org/freedesktop/DBus \
		-m org.freedesktop.DBus.GetNameOwner "$1"
}

# person_start: the mock prompter; person WORD...: what it is to do (tests/support/mockprompter.py).
person_start() {
	mkfifo "$T/person"
	python3 "${0%/*}/../support/mockprompter.py" "$T/person" >>"$T/person.out" 2>"$T/person.log" \
		</dev/null &
	reap $!
	poll 10 test -s "$T/person.out" || diag 'the prompter did not start' "$(cat "$T/person.log")"
	PROMPTER=$(head -n 1 "$T/person.out")
}

person() {
	printf '%s\n' "$*" >"$T/person"
}

# person_was_asked: all answers that were to be given have been given.
person_says() {
	: >"$T/person.out"
	person "$1"
	poll 5 test -s "$T/person.out"
	cat "$T/person.out"
}

# service_start: gnome-keyring-daemon with an unlocked keyring "login", whose password is "master".
service_start() {
	mkdir -p "$HOME/.local/share"
	printf master | env GNOME_KEYRING_TEST_PROMPTER="${PROMPTER-}" XDG_DATA_HOME="$HOME/.local/share" \
		gnome-keyring-daemon --foreground --unlock --components=secrets \
		>"$T/service.log" 2>&1 &
	SERVICE_PID=$!
	reap "$SERVICE_PID"
	poll 10 on_bus org.freedesktop.secrets ||
		diag 'gnome-keyring-daemon did not start' "$(cat "$T/service.log")"
}

service_stop() {
	kill "$SERVICE_PID"
	gone "$SERVICE_PID" 10
	poll 5 not_on_bus org.freedesktop.secrets
}

not_on_bus() {
	! on_bus "$1"
}

# service_lock: lock its keyring.
service_lock() {
	gdbus call --session -d org.freedesktop.secrets -o /org/freedesktop/secrets \
		-m org.freedesktop.Secret.Service.Lock \
		"['/org/freedesktop/secrets/collection/login']" >/dev/null
}

# keyring WORD...: tests/tools/keyring.c; what it prints goes to $T/said, what the helper logs to $T/keyring.log
keyring() {
	"$BUILD/tests/tools/keyring" "$KEYRING" "$@" 2>"$T/keyring.log"
}
