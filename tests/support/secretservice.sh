# A session bus of its own, and on it gnome-keyring-daemon whose questions are answered by gcr's mock
# prompter, or another Secret Service, for tests in POSIX sh.  To be read behind lib.sh.

KEYRING=$BUILD/libexec/signet/signet-keyring

# secretservice_need: skip everything unless what it takes is there.
secretservice_need() {
	need dbus-daemon gnome-keyring-daemon secret-tool gdbus python3
	python3 -c 'import ctypes; ctypes.CDLL("libgcr-base-3.so.1")' 2>/dev/null ||
		skip_all 'libgcr-base-3.so.1 is not installed'
	/usr/bin/python3 -c 'import dbus, gi' 2>/dev/null || skip_all 'python3-dbus is not installed'
}

# bus_start [NAME]: a bus that nothing is started on unasked; sets DBUS_SESSION_BUS_ADDRESS.
bus_start() {
	bus_name=${1:-bus}
	cat >"$T/$bus_name.conf" <<-CONFIG
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
		  <type>session</type>
		  <listen>unix:path=$T/$bus_name</listen>
		  <auth>EXTERNAL</auth>
		  <policy context="default">
		    <allow send_destination="*" eavesdrop="true"/>
		    <allow eavesdrop="true"/>
		    <allow own="*"/>
		  </policy>
		</busconfig>
	CONFIG
	dbus-daemon --config-file="$T/$bus_name.conf" --nofork --nopidfile >"$T/$bus_name.log" 2>&1 \
		</dev/null &
	reap $!
	DBUS_SESSION_BUS_ADDRESS=unix:path=$T/$bus_name
	export DBUS_SESSION_BUS_ADDRESS
	poll 10 on_bus org.freedesktop.DBus ||
		diag 'the bus did not start' "$(cat "$T/$bus_name.log")"
}

# on_bus NAME: somebody has this name.
on_bus() {
	gdbus call --session -d org.freedesktop.DBus -o /org/freedesktop/DBus \
		-m org.freedesktop.DBus.GetNameOwner "$1"
}

# person_start: the mock prompter.
person_start() {
	mkfifo "$T/person"
	python3 "${0%/*}/../support/mockprompter.py" "$T/person" >"$T/person.out" 2>"$T/person.log" \
		</dev/null &
	reap $!
	poll 10 test -s "$T/person.out" || diag 'the prompter did not start' "$(cat "$T/person.log")"
	PROMPTER=$(head -n 1 "$T/person.out")
}

# person WORD...: what it is to do or tell (tests/support/mockprompter.py); prints its answer, once it
# is there.
person() {
	person_lines=$(wc -l <"$T/person.out")
	printf '%s\n' "$*" >"$T/person"
	poll 5 person_answered "$person_lines"
	tail -n 1 "$T/person.out"
}

person_answered() {
	[ "$(wc -l <"$T/person.out")" -gt "$1" ]
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
	kill "$SERVICE_PID" 2>/dev/null
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

# badservice MODE: a service that misbehaves (tests/support/badsecrets.py); what it tells goes to $T/bad.out.
badservice() {
	/usr/bin/python3 "${0%/*}/../support/badsecrets.py" "$1" >"$T/bad.out" 2>"$T/bad.log" </dev/null &
	SERVICE_PID=$!
	reap "$SERVICE_PID"
	poll 10 on_bus org.freedesktop.secrets || diag "$1 did not start" "$(cat "$T/bad.log")"
}

# keyring WORD...: tests/tools/keyring.c; what the helper logs goes to $T/keyring.log.
keyring() {
	"$BUILD/tests/tools/keyring" "$KEYRING" "$@" 2>"$T/keyring.log"
}
