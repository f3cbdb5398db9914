#!/bin/sh
# signet-agent --doctor: a line for each thing that a login needs, and for each fault its remedy.
. "${0%/*}/../support/lib.sh"
need unshare setpriv ssh-keygen ssh-agent python3

# Files of the system are planted in copies that only this test sees.
[ "$(id -u)" -eq 0 ] || skip_all 'not on Debian 12: only root may lay folders over those of the system'
namespace=$(readlink /proc/self/ns/mnt)
if [ -z "${DOCTOR_OUTSIDE:-}" ]; then
	DOCTOR_OUTSIDE=$namespace
	export DOCTOR_OUTSIDE
	unshare -m mount -t tmpfs tmpfs /mnt 2>/dev/null || skip_all 'namespaces cannot be made here'
	unshare -m sh "$0"
	exit
fi
[ "$namespace" != "$DOCTOR_OUTSIDE" ] || skip_all 'this is no namespace of its own'
mount -t tmpfs tmpfs /mnt
for folder in /etc /usr/lib/systemd /usr/lib/udev /usr/share/p11-kit; do
	[ -d "$folder" ] || continue
	at=/mnt/layers$folder
	mkdir -p "$at/upper" "$at/work"
	mount -t overlay overlay -o "lowerdir=$folder,upperdir=$at/upper,workdir=$at/work" "$folder" ||
		skip_all "folders cannot be laid over each other here"
done
rm -rf /etc/systemd/user /etc/xdg/autostart /etc/X11 /etc/environment.d /etc/profile.d /etc/environment
mkdir -p /etc/systemd/user/sockets.target.wants
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system

# The programs around, as scripts: a manager, a bus with a keyring and logind.
mkdir "$T/stub"
askpass ask 'exit 0' >/dev/null
stub() {
	name=$1
	shift
	{
		echo '#!/bin/sh'
		printf '%s\n' "$@"
	} >"$T/stub/$name"
	chmod 755 "$T/stub/$name"
}
stub systemctl 'exit 1'
stub busctl 'case $1 in --user) echo org.freedesktop.secrets ;; --system) echo org.freedesktop.login1 ;; esac'
stub pinentry 'exit 0'
PATH=$T/stub:$PATH
SSH_ASKPASS=$T/ask
export SSH_ASKPASS

mkdir -m 700 "$HOME/.ssh"
keygen ed25519 "$HOME/.ssh/id_ed25519"
sock=$XDG_RUNTIME_DIR/signet/agent.sock
mkdir -m 700 "${sock%/*}"
start() {
	"$AGENT" -D -a "$sock" "$@" >"$T/agent.log" 2>&1 </dev/null &
	pid=$!
	reap $pid
	poll 10 test -S "$sock.ctl"
}
start
SSH_AUTH_SOCK=$sock
export SSH_AUTH_SOCK
# socket_at PATH [ANSWER]: something that listens, and answers with these bytes or not at all; $pid is its process.
socket_at() {
	rm -f "$1"
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8)
while True:
    c, _ = s.accept()
    if len(sys.argv) > 2:
        c.recv(100); c.sendall(bytes.fromhex(sys.argv[2]))
    c.close()' "$@" &
	pid=$!
	reap $pid
	poll 5 test -S "$1"
}
stop() {
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# doctor STATUS [PREFIX...]: its report in $report.
doctor() {
	want=$1
	shift
	report=$("$@" "$AGENT" --doctor 2>&1 </dev/null)
	got=$?
	[ $got -eq "$want" ] || diag "exit status $got, expected $want"
	[ $got -eq "$want" ]
}
# finds WHAT PATTERN [PREFIX...]: with that fault it fails, with this line.
finds() {
	what=$1 pattern=$2
	shift 2
	ok_or_not=no
	doctor 1 "$@" && ok_or_not=yes
	is "$what: it ends with status 1" $ok_or_not yes
	has "and names it, with what to do" "$report" "^wrong +$pattern"
	is "and nothing else is wrong" "$(printf '%s\n' "$report" | grep -c '^wrong')" 1
}
# notes WHAT PATTERN [PREFIX...]: that is said, and is not wrong.
notes() {
	what=$1 pattern=$2
	shift 2
	ok_or_not=no
	doctor 0 "$@" && ok_or_not=yes
	is "$what: it ends with status 0" $ok_or_not yes
	has "and says what is lost" "$report" "^note +$pattern"
}

ok_or_not=no
doctor 0 && ok_or_not=yes
is 'with all in place it ends with status 0' $ok_or_not yes
for line in "socket +$sock is answered by Signet [0-9.]+\$" 'variable +SSH_AUTH_SOCK leads there' 'others +no other agent' \
	'config +there is none' "keys +1 key file in $HOME/.ssh" "prompts +$T/ask asks" "prompts +$T/stub/pinentry asks" \
	'keyring +org.freedesktop.secrets' 'session +logind' "helpers +all are in ${BUILD%/}/libexec/signet"; do
	has "it has the line: $line" "$report" "^ok +$line"
done
has 'it says that all is well' "$report" '^All that matters is well'
is 'each line begins with its grade' "$(printf '%s\n' "$report" | grep -v -E '^(ok   |note |wrong)  [a-z]+ +' | tr '\n' ';')" ';All that matters is well.;'

# The socket and the variable.
finds 'no variable' "variable +SSH_AUTH_SOCK is not set: .*export SSH_AUTH_SOCK=$sock" env -u SSH_AUTH_SOCK
ssh-agent -D -a "$T/other.sock" >/dev/null 2>&1 &
other=$!
reap $other
poll 5 test -S "$T/other.sock"
finds "another agent's socket in the variable" "variable +$T/other.sock is answered by .*ssh-agent, which is not Signet" env SSH_AUTH_SOCK="$T/other.sock"
# Whoever connects to it waits in line for ever.
python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0)
waiting = socket.socket(socket.AF_UNIX); waiting.connect(sys.argv[1])
print("full", flush=True)
time.sleep(600)' "$T/hung.sock" >"$T/hung" &
hung=$!
reap $hung
poll 5 test -s "$T/hung"
finds 'one that hangs' "variable +$T/hung.sock takes no more connections.*restart" \
	timeout 60 env SSH_AUTH_SOCK="$T/hung.sock"
kill $hung
notes 'a forwarded agent' "variable +SSH_AUTH_SOCK leads to $T/other.sock, as in a login with a forwarded" \
	env SSH_AUTH_SOCK="$T/other.sock" SSH_CONNECTION='a 1 b 2'
stop $other
# Agents of Signet elsewhere, and views.
cat >"$T/views" <<CONFIG
View work
	Keys *
View far
	Socket $T/far
	Keys *
CONFIG
login=$pid
stop $login
start --config "$T/views"
poll 5 test -S "$T/far"
for view in "work ${sock%/*}/work.sock" "far $T/far"; do
	report=$(SSH_AUTH_SOCK=${view#* } "$AGENT" --doctor 2>&1 </dev/null)
	is "the variable at the socket of view ${view%% *} is no fault" $? 0
	has 'and it is said to be one' "$report" "^ok +variable +SSH_AUTH_SOCK leads to the view ${view%% *} of the agent at $sock"
done
stop $pid
mkdir "$T/own"
"$AGENT" -D -a "$T/own/agent" --config "$T/views" >"$T/own.log" 2>&1 </dev/null &
own=$!
reap $own
poll 10 test -S "$T/own/agent.ctl" && poll 5 test -S "$T/own/work.sock"
notes 'an agent of Signet at a place of its own' "socket +nobody listens at $sock, .*another agent of Signet" env SSH_AUTH_SOCK="$T/own/agent"
has 'which is well' "$report" "^ok +variable +SSH_AUTH_SOCK leads to Signet [0-9.]+ at $T/own/agent"
notes 'and a view of it' "socket +nobody listens at $sock" env SSH_AUTH_SOCK="$T/own/work.sock"
stop $own
start
finds 'a variable that leads nowhere' "variable +$T/none: No such file" env SSH_AUTH_SOCK="$T/none"
agent=$pid
stop $agent
finds 'no agent' "socket +$sock: (No such file|Connection refused).*signet-agent --setup"
socket_at "$sock"
fake=$pid
finds 'something that does not answer' "socket +$sock: .*python.* does not answer as an agent does"
stop $fake
socket_at "$sock" 000000050c00000000
fake=$pid
finds 'an agent that is not ours' "socket +$sock is answered by .*python.*, which is not Signet"
# 2, then the pair "version", "0.0.1".
socket_at "$sock.ctl" 00000015020000000776657273696f6e00000005302e302e31
finds 'an agent of another version' "socket +$sock is answered by Signet 0.0.1, and .* systemctl --user restart"
stop $fake
stop $pid
rm -f "$sock" "$sock.ctl"
start
chmod 755 "$XDG_RUNTIME_DIR"
finds 'a runtime folder open to others' "socket +$XDG_RUNTIME_DIR is not yours alone: chmod 700"
chmod 700 "$XDG_RUNTIME_DIR"

# Others who claim the variable.
echo 'eval $(ssh-agent)' >"$HOME/.profile"
notes 'another agent in a start file' "others +$HOME/.profile, line 1: .*; to turn it off: put a #"
report=$(SSH_AUTH_SOCK=$T/none "$AGENT" --doctor 2>&1)
has 'is wrong where the variable is' "$report" "^wrong +others +$HOME/.profile, line 1"
rm "$HOME/.profile"

# Asking.
finds 'SSH_ASKPASS that is not there' "prompts +SSH_ASKPASS names $T/none, which cannot be executed" env SSH_ASKPASS="$T/none"
finds 'SIGNET_PINENTRY that is not there' "prompts +SIGNET_PINENTRY names $T/none" env SIGNET_PINENTRY="$T/none"
mkdir "$T/bare"
for program in sh busctl systemctl; do ln -s "$(command -v $program)" "$T/bare/$program"; done
if [ -x /usr/bin/ssh-askpass ] || [ -x /usr/lib/openssh/ssh-askpass ] || [ -x /usr/lib/openssh/gnome-ssh-askpass ]; then
	ask=
else
	ask=-uSSH_ASKPASS
fi
finds 'no program that asks' 'prompts +no program can ask in a window' env ${ask:-SSH_ASKPASS=} PATH="$T/bare"
finds 'a display that is gone' 'display +:77 cannot be reached: .*unset-environment DISPLAY' env DISPLAY=:77
finds 'a Wayland display that is gone' 'display +wayland-9 cannot be reached' env WAYLAND_DISPLAY=wayland-9
socket_at "$XDG_RUNTIME_DIR/wayland-9"
report=$(WAYLAND_DISPLAY=wayland-9 "$AGENT" --doctor)
has 'one that is there is well' "$report" '^ok +display +wayland-9 can be reached'
stop $pid
stub systemctl '[ "$3" = show-environment ] && echo DISPLAY=:78'
finds "the manager's display counts" 'display +:78 cannot be reached'
stub systemctl 'exit 1'
stub busctl 'exit 0'
notes 'no keyring' "keyring +no keyring is on the session's bus"
has 'no logind either' "$report" '^note +session +neither logind nor a screen saver'
stub busctl 'exit 1'
notes 'no bus' "keyring +the session's bus cannot be asked"
stub busctl '[ $1 = --user ] && echo org.freedesktop.ScreenSaver'
report=$("$AGENT" --doctor)
has 'a screen saver will do' "$report" '^ok +session +the screen saver'

# Helpers.
cp -R "$BUILD/bin" "$BUILD/libexec" "$T/"
whole=$AGENT
AGENT=$T/bin/signet-agent
for helper in prompt:nobody files:offered unlock:unlocked; do
	mv "$T/libexec/signet/signet-${helper%:*}" "$T/kept"
	finds "signet-${helper%:*} is missing" "helpers +$T/.*signet-${helper%:*} is missing, so .*${helper#*:}.*install Signet again"
	mv "$T/kept" "$T/libexec/signet/signet-${helper%:*}"
done
for helper in keyring:remembered session:screen fido:security card:PIV pkcs11:PKCS; do
	rm -f "$T/libexec/signet/signet-${helper%:*}"
	notes "signet-${helper%:*} is missing" "helpers +signet-${helper%:*} is not installed, so .*${helper#*:}"
done
rm "$T/libexec/signet/signet-setup"
exits 'signet-setup itself is missing' 1 "$AGENT" --doctor
has 'and is named' "$(cat "$T/err")" 'signet-setup: No such file or directory: install Signet again'
AGENT=$whole

# Devices.
notes 'no pcscd' 'cards +pcscd does not run.*systemctl enable --now pcscd.socket'
socket_at "$T/pcscd"
report=$(PCSCLITE_CSOCK_NAME=$T/pcscd "$AGENT" --doctor)
has 'pcscd that answers is well' "$report" "^ok +cards +pcscd answers at $T/pcscd"
stop $pid
rm -f /usr/lib/udev/rules.d/60-fido-id.rules /usr/lib/udev/rules.d/70-u2f.rules
notes 'no rules for security keys' 'fido +udev has no rules for security keys'
if mount -t tmpfs tmpfs /sys/class 2>/dev/null; then
	mkdir -p /sys/class/hidraw/hidraw77/device /sys/class/hidraw/hidraw78/device
	printf '\006\320\361\011\001\241\001' >/sys/class/hidraw/hidraw77/device/report_descriptor
	printf '\005\001\011\006\241\001' >/sys/class/hidraw/hidraw78/device/report_descriptor
	finds 'a security key without a device file' 'fido +the security key /dev/hidraw77 cannot be opened .*install libfido2'
	is 'another device is none' "$(printf '%s\n' "$report" | grep -c hidraw78)" 0
	mkdir -p /usr/lib/udev/rules.d
	: >/usr/lib/udev/rules.d/60-fido-id.rules
	finds 'with rules there' 'fido +the security key /dev/hidraw77 cannot be opened .*log in at this machine'
	mount -t tmpfs -o mode=755 tmpfs /dev
	mknod /dev/null c 1 3 && mknod /dev/hidraw77 c 1 3 && chmod 666 /dev/null && chmod 600 /dev/hidraw77
	report=$("$AGENT" --doctor)
	has 'one that can be opened is well' "$report" '^ok +fido +1 security key can be opened'
	umount /dev /sys/class
else
	fail 'devices can be planted'
fi
rm -rf /usr/share/p11-kit/modules /etc/pkcs11
notes 'no module' 'modules +p11-kit knows no PKCS#11 module'
mkdir -p "$HOME/.config/pkcs11/modules"
echo 'module: x.so' >"$HOME/.config/pkcs11/modules/mine.module"
report=$("$AGENT" --doctor)
has "one's own module is named" "$report" '^ok +modules +PKCS#11 modules by name: mine$'
mkdir -p /etc/pkcs11/modules
for name in min mine; do
	echo 'module: x.so' >"/etc/pkcs11/modules/$name.module"
done
report=$("$AGENT" --doctor)
has 'so is one for all, each name once' "$report" '^ok +modules +PKCS#11 modules by name: mine, min$'
rm -r /etc/pkcs11

# Memory, configuration, key files.
finds 'too little memory may be locked' 'memory +only 64 KiB may be locked.*limits.conf' sh -c 'ulimit -l 64 && exec "$0" "$@"'
mkdir -p "$HOME/.config/signet"
echo 'NoSuchKeyword yes' >"$HOME/.config/signet/config"
finds 'a mistake in the configuration' 'config +.*NoSuchKeyword.*--check-config'
: >"$HOME/.config/signet/config"
report=$("$AGENT" --doctor)
has 'a good one is well' "$report" "^ok +config +$HOME/.config/signet/config is without mistakes"
rm "$HOME/.config/signet/config"
chmod 644 "$HOME/.ssh/id_ed25519"
finds 'a key that others may read' "keys +others may read $HOME/.ssh/id_ed25519 .mode 0644.: chmod 600"
chmod 600 "$HOME/.ssh/id_ed25519"
hard="$HOME/.ssh/a key; it's \$HOME"
cp "$HOME/.ssh/id_ed25519" "$hard"
chmod 644 "$hard"
finds 'one with a hard name' 'keys +others may read .*/a key; it.s [$]HOME .mode 0644.: chmod 600'
(eval "$(printf '%s\n' "$report" | sed -n 's/.*: \(chmod 600 .*\); if they may have.*/\1/p')")
is 'and the command that it says mends it' "$(stat -c %a "$hard")" 600
rm "$hard"
chmod 770 "$HOME/.ssh"
finds 'a folder that others may write in' "keys +others may write in $HOME/.ssh .mode 0770.: chmod 700"
chmod 700 "$HOME/.ssh"
mv "$HOME/.ssh" "$T/kept.ssh"
notes 'no folder' 'keys +there is no folder ~/.ssh'
notes 'no runtime folder' 'socket +XDG_RUNTIME_DIR is not set' env -u XDG_RUNTIME_DIR SSH_AUTH_SOCK="$sock"

finish
