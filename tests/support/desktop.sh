# A desktop for tests in POSIX sh that have sourced lib.sh: a system bus with a logind (python3-dbusmock's), a session bus
# with a screen saver, all of them this test's own.

SYSTEM=unix:path=$T/system SESSION=unix:path=$T/session
LOGIN=org.freedesktop.login1 SAVER=org.freedesktop.ScreenSaver
MOCK=org.freedesktop.DBus.Mock
# The one that has Debian's modules.
PYTHON=/usr/bin/python3

# desktop_need: skip everything without the programs for it.
desktop_need() {
	need dbus-daemon gdbus
	"$PYTHON" -c 'import dbusmock' 2>/dev/null || skip_all 'python3-dbusmock is not installed'
	[ -x "$BUILD/libexec/signet/signet-session" ] || skip_all 'signet-session is not built: libsystemd is missing'
}

# bus_start NAME: a message bus at $T/NAME; sets bus_pid.
bus_start() {
	cat >"$T/$1.conf" <<-CONF
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
		<type>session</type><listen>unix:path=$T/$1</listen><auth>EXTERNAL</auth>
		<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
		</busconfig>
	CONF
	dbus-daemon --config-file="$T/$1.conf" --nofork --nopidfile >"$T/$1.log" 2>&1 &
	bus_pid=$!
	reap "$bus_pid"
	poll 10 test -S "$T/$1" || fail "a bus at $1 starts"
}

# bus_stop PID NAME
bus_stop() {
	kill "$1"
	gone "$1"
	rm -f "$T/$2"
}

# mock NAME BUS ARGUMENT...: a service of that name, by dbusmock; sets mock_pid.
mock() {
	mock_name=$1 mock_bus=$2
	shift 2
	case $mock_bus in
	"$SYSTEM") set -- --system "$@" ;;
	*) set -- --session "$@" ;;
	esac
	DBUS_SYSTEM_BUS_ADDRESS=$SYSTEM DBUS_SESSION_BUS_ADDRESS=$SESSION "$PYTHON" -m dbusmock "$@" >"$T/mock.log" 2>&1 &
	mock_pid=$!
	reap "$mock_pid"
	poll 10 owned "$mock_bus" "$mock_name" || fail "$mock_name starts"
}

owned() {
	gdbus call --timeout 5 --address "$1" -d org.freedesktop.DBus -o / -m org.freedesktop.DBus.NameHasOwner "$2" | grep -q true
}

# helper: the process that listens.
helper() {
	for desktop_pid in $(children "$SSH_AGENT_PID"); do
		! grep -q signet-session "/proc/$desktop_pid/comm" || echo "$desktop_pid"
	done
}

# unheard COMMAND...: do it while the one that listens does not, so that it finds all of it at once.
unheard() {
	unheard_pid=$(helper)
	kill -STOP "$unheard_pid"
	"$@"
	kill -CONT "$unheard_pid"
}

# logind_start: without a session.
logind_start() {
	mock $LOGIN "$SYSTEM" --template logind
}

# login PATH METHOD ARGUMENT...: call it of logind, at a path below its own.
login() {
	login_path=/org/freedesktop/login1${1:+/$1} login_method=$2
	shift 2
	gdbus call --timeout 5 --address "$SYSTEM" -d $LOGIN -o "$login_path" -m "$login_method" "$@"
}

# session_add ID UID TYPE [ACTIVE]: a session appears.
session_add() {
	login '' $MOCK.AddSession "$1" seat0 "$2" someone "${4-true}" >/dev/null
	login "session/$1" $MOCK.UpdateProperties $LOGIN.Session "{'Type': <'$3'>}" >/dev/null
	login '' $MOCK.EmitSignal $LOGIN.Manager SessionNew so "[<'$1'>, <objectpath '/org/freedesktop/login1/session/$1'>]" \
		>/dev/null
}

# session_set ID PROPERTY VALUE: changed, and told.
session_set() {
	login "session/$1" $MOCK.UpdateProperties $LOGIN.Session "{'$2': <$3>}" >/dev/null
}

# session_say ID Lock|Unlock: the signal.
session_say() {
	login "session/$1" "$LOGIN.Session.$2" >/dev/null
}

# sleep_signal true|false: the machine goes to sleep, or woke up.
sleep_signal() {
	login '' $MOCK.EmitSignal $LOGIN.Manager PrepareForSleep b "[<$1>]" >/dev/null
}

# inhibitors: how many hold up sleep.
inhibitors() {
	login '' $LOGIN.Manager.ListInhibitors | grep -o "'sleep'" | wc -l
}

inhibitors_are() {
	[ "$(inhibitors)" -eq "$1" ]
}

# sleep_waits: the machine wants to sleep, and is held up: not let go within a second, or, where looking takes long, not
# before the four seconds (LOGIND_SLEPT_MS) for which it may be.
sleep_waits() {
	desktop_since=$(date +%s%3N)
	sleep_signal true
	poll 1 inhibitors_are 0 || return 0
	[ $(($(date +%s%3N) - desktop_since)) -ge 3500 ]
}

# saver_start ACTIVE: a screen saver that answers GetActive so ("True", "False", or another Python value).
saver_start() {
	mock $SAVER "$SESSION" $SAVER /org/freedesktop/ScreenSaver $SAVER
	gdbus call --timeout 5 --address "$SESSION" -d $SAVER -o /org/freedesktop/ScreenSaver -m $MOCK.AddMethod '' GetActive '' \
		"${2-b}" "ret = $1" >/dev/null
}

# saver_say true|false [TYPE]: it becomes active or inactive.
saver_say() {
	gdbus call --timeout 5 --address "$SESSION" -d $SAVER -o /org/freedesktop/ScreenSaver -m $MOCK.EmitSignal $SAVER ActiveChanged \
		"${2-b}" "[<$1>]" >/dev/null
}
