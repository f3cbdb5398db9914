#!/bin/sh
# seconds 60
# A whole system: systemd as the first process, a bus, logind and a person who logs in, over this machine's own root
# folder, whose files stay as they are.  Signet is installed for all, set up by its own command, and is then part of
# the login: socket, variable, the key files of the person, ssh, and the lock of the session.
. "${0%/*}/../support/lib.sh"
need systemd-run loginctl ssh sshd ssh-keygen make ip
[ "$(id -u)" -eq 0 ] || skip_all 'not on Debian 12: only root may boot a system in namespaces'
[ -x /lib/systemd/systemd ] || skip_all 'systemd is not installed'
[ -e /usr/lib/dbus-1.0/dbus-daemon-launch-helper ] || skip_all 'the bus of a system (package dbus) is not installed'
grep -qs pam_systemd /etc/pam.d/* ||
	skip_all 'the service manager of users (package libpam-systemd) is not installed'

if grep -q __asan_init "$AGENT"; then
	skip_all 'not on Debian 12: LeakSanitizer traces its own process, which the unit forbids'
fi

root=$T/root
install -d "$T/upper" "$T/work" "$root" "$T/cgroups" "$T/shared"
unshare -m mount -t overlay overlay -o "lowerdir=/,upperdir=$T/upper,workdir=$T/work" "$root" 2>"$T/err" ||
	skip_all "not on Debian 12: folders cannot be laid over each other here: $(head -n 1 "$T/err")"
rm -rf "$T/upper" "$T/work" && install -d "$T/upper" "$T/work"
# overlayfs cannot have its upper layer in another one, but a memory file system will do everywhere.
name=${BUILD#"$PWD/"}

# What is laid over the root folder.
upper=$T/upper
(unset MAKEFLAGS MFLAGS MAKELEVEL && make -s BUILD="$name" DESTDIR="$upper" PREFIX=/usr/local install) >"$T/install.log" 2>&1 || {
	fail "Signet is installed"
	diag "$(cat "$T/install.log")"
	finish
}
install -d "$upper/etc/systemd/system" "$upper/home/tester/.ssh"
{
	cat /etc/passwd
	echo 'tester:x:4711:4711::/home/tester:/bin/sh'
} >"$upper/etc/passwd"
{
	cat /etc/group
	echo 'tester:x:4711:'
} >"$upper/etc/group"
(umask 077 && {
	cat /etc/shadow
	echo 'tester:*:19000:0:99999:7:::'
} >"$upper/etc/shadow")
: >"$upper/etc/fstab"
: >"$upper/etc/machine-id"
rm -f "$upper/etc/machine-id"
echo 0123456789abcdef0123456789abcdef >"$upper/etc/machine-id"
cat >"$upper/etc/systemd/system/boot-test.target" <<-'UNIT'
	[Unit]
	Requires=dbus.socket systemd-logind.service boot-test.service
	Wants=systemd-user-sessions.service
	After=dbus.socket systemd-logind.service
	AllowIsolate=yes
UNIT
cat >"$upper/etc/systemd/system/boot-test.service" <<-UNIT
	[Unit]
	After=dbus.socket systemd-logind.service systemd-user-sessions.service
	[Service]
	Type=oneshot
	ExecStart=/bin/sh $T/shared/inside.sh
	StandardOutput=file:$T/shared/tap
	StandardError=file:$T/shared/err
	ExecStopPost=systemctl exit
	TimeoutStartSec=40
UNIT
# A small system: nothing that belongs to the machine around it.
for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service \
	systemd-sysctl.service systemd-modules-load.service systemd-tmpfiles-setup-dev.service systemd-random-seed.service \
	systemd-update-utmp.service systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket \
	systemd-journald-audit.socket systemd-journal-flush.service systemd-binfmt.service systemd-hwdb-update.service \
	systemd-sysusers.service systemd-timesyncd.service systemd-firstboot.service systemd-remount-fs.service \
	systemd-tmpfiles-setup.service systemd-networkd.service systemd-resolved.service systemd-pcrphase.service \
	sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount \
	sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount getty.target timers.target swap.target \
	modprobe@.service kmod-static-nodes.service; do
	ln -sf /dev/null "$upper/etc/systemd/system/$unit"
done

# The server and the keys of the person.
keygen ed25519 "$T/shared/host"
install -m 600 /dev/null "$upper/home/tester/.ssh/id_ed25519" && rm "$upper/home/tester/.ssh/id_ed25519"
keygen ed25519 "$upper/home/tester/.ssh/id_ed25519" -C 'tester at login'
keygen ed25519 "$upper/home/tester/.ssh/id_kept" -C 'in the keyring' -N 'kept phrase' -a 4
cat "$upper/home/tester/.ssh/id_ed25519.pub" "$upper/home/tester/.ssh/id_kept.pub" >"$upper/home/tester/.ssh/authorized_keys"
echo "[127.0.0.1]:2222 $(cut -d ' ' -f 1,2 "$T/shared/host.pub")" >"$upper/home/tester/.ssh/known_hosts"
chown -R 4711:4711 "$upper/home/tester"
chmod 700 "$upper/home/tester/.ssh"
cat >"$T/shared/sshd_config" <<-CONFIG
	Port 2222
	ListenAddress 127.0.0.1
	HostKey $T/shared/host
	PidFile none
	UsePAM no
	PasswordAuthentication no
CONFIG

cat >"$T/shared/session.sh" <<'SESSION'
# In the person's session: what a login has, and what the person does then.
. "$1/lib.sh" >/dev/null 2>&1
trap - EXIT
HOME=/home/tester XDG_RUNTIME_DIR=/run/user/4711
export HOME XDG_RUNTIME_DIR
AGENT=/usr/local/bin/signet-agent ADD=/usr/local/bin/signet-add
sock=$XDG_RUNTIME_DIR/signet/agent.sock

find "$HOME" ! -name known_hosts ! -path "$HOME" -newermt @0 -print | sort >"$1/before"
ok 'signet-agent --setup succeeds in a session' "$AGENT" --setup
cp "$T/out" "$1/setup.out"
has 'it starts the sockets' "$(cat "$T/out")" '^started signet-agent.socket'
not_ok 'it uses the installed units' test -e "$HOME/.config/systemd/user/signet-agent.service"
ok 'the socket is there' test -S "$sock"
is 'for its user alone' "$(stat -c %a "$sock" "${sock%/*}" | tr '\n' ' ')" '600 700 '
has 'the manager has the variable' "$(systemctl --user show-environment)" "^SSH_AUTH_SOCK=$sock\$"
is 'what it starts has it too' "$(systemd-run --user --pipe --wait --quiet sh -c 'echo $SSH_AUTH_SOCK' 2>&1)" "$sock"
is 'the agent does not run yet' "$(systemctl --user is-active signet-agent.service)" inactive
SSH_AUTH_SOCK=$sock
export SSH_AUTH_SOCK
has 'the first client starts it, and the key file is offered' "$(ssh-add -l 2>&1)" 'tester at login'
is 'its service is active' "$(systemctl --user is-active signet-agent.service)" active
has 'the control socket answers' "$("$ADD" --status 2>&1)" '^control-socket: */run/user/4711/signet/agent.sock.ctl$'
pid=$(systemctl --user show -P MainPID signet-agent.service)
is 'it is in no user namespace of its own' "$(cat "/proc/$pid/uid_map")" "$(cat /proc/self/uid_map)"
ok 'ssh logs in with it' ssh -o IdentitiesOnly=no -o BatchMode=yes -p 2222 -o "IdentityFile=none" 127.0.0.1 'echo in'
is 'and is in' "$(cat "$T/out")" in
SSH_AUTH_SOCK=$sock "$AGENT" --doctor >"$1/doctor.out" 2>&1
has 'the doctor finds the socket well' "$(cat "$1/doctor.out")" "^ok +socket +$sock is answered by Signet"
has 'and the variable' "$(cat "$1/doctor.out")" '^ok +variable'
has 'and logind' "$(cat "$1/doctor.out")" '^ok +session +logind'
ok 'ExecReload succeeds' systemctl --user reload signet-agent.service
has 'and the key is still there' "$(ssh-add -l 2>&1)" 'tester at login'

# A key whose passphrase is in GNOME Keyring on the session's own bus, as the agent finds it.
if ! command -v gnome-keyring-daemon >/dev/null || ! command -v secret-tool >/dev/null; then
	skip 'a login by a passphrase of the keyring' 'gnome-keyring or libsecret-tools is not installed'
elif ! systemctl --user -q is-active dbus.socket; then
	skip 'a login by a passphrase of the keyring' 'sessions have no bus (package dbus-user-session)'
else
	kept() {
		ssh -o IdentitiesOnly=yes -o BatchMode=yes -p 2222 -o "IdentityFile=$HOME/.ssh/id_kept.pub" 127.0.0.1 'echo in'
	}
	not_ok 'there is neither a terminal nor a display' sh -c 'tty || [ -n "${DISPLAY-}${WAYLAND_DISPLAY-}" ]'
	has 'the key is offered locked' "$("$ADD" -l)" 'in the keyring.* \[locked\]$'
	(
		DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG_RUNTIME_DIR/bus XDG_DATA_HOME=$1/data
		export DBUS_SESSION_BUS_ADDRESS XDG_DATA_HOME
		mkdir -p "$XDG_DATA_HOME"
		printf master | gnome-keyring-daemon --foreground --unlock --components=secrets >"$1/keyring.log" 2>&1 &
		echo $! >"$1/keyring.pid"
		there() {
			gdbus call --session -d org.freedesktop.DBus -o / -m org.freedesktop.DBus.NameHasOwner org.freedesktop.secrets |
				grep -q true
		}
		poll 10 there
		printf 'kept phrase' | secret-tool store --label=L xdg:schema org.signet.Secret kind passphrase \
			name "$HOME/.ssh/id_kept" id "$(ssh-keygen -lf "$HOME/.ssh/id_kept.pub" | cut -d ' ' -f 2)"
	)
	ok 'ssh logs in with it' kept
	is 'and is in' "$(cat "$T/out")" in
	has 'by the passphrase in the keyring' "$("$ADD" --log)" 'unlock-key allowed, passphrase from the keyring; .*"in the keyring"'
	kill "$(cat "$1/keyring.pid")"
fi

# With the settings that the AppArmor profile needs, no new privileges are for the helpers to give up.
privileges() {
	sed -n 's/^NoNewPrivs:.//p' "/proc/$(systemctl --user show -P MainPID signet-agent.service)/status"
}
is 'the unit has no new privileges' "$(privileges)" 1
mkdir -p "$HOME/.config/systemd/user/signet-agent.service.d"
cp /usr/local/share/signet/apparmor.conf "$HOME/.config/systemd/user/signet-agent.service.d/"
systemctl --user daemon-reload
systemctl --user restart signet-agent.service
is 'what goes with the AppArmor profile leaves that to the helpers' "$(privileges)" 0
has 'and the agent works' "$(ssh-add -l 2>&1)" 'tester at login'
rm -r "$HOME/.config/systemd/user/signet-agent.service.d"
systemctl --user daemon-reload
systemctl --user restart signet-agent.service

# The lock of the session.
mkdir "$HOME/.config/signet"
echo 'OnScreenLock lock' >"$HOME/.config/signet/config"
systemctl --user reload signet-agent.service
# told WORD: --status has it in the row of the session.
told() {
	"$ADD" --status | grep -Eq "^session: +$1"
}
ok 'the agent sees the session unlocked' poll 10 told unlocked
ok 'and signs' ssh-add -T "$HOME/.ssh/id_ed25519.pub"
: >"$1/lock-now"
ok 'loginctl lock-sessions reaches the agent' poll 10 told locked
not_ok 'nobody signs then' ssh-add -T "$HOME/.ssh/id_ed25519.pub"
: >"$1/unlock-now"
ok 'and the unlock' poll 10 told unlocked
ok 'after which it signs again' ssh-add -T "$HOME/.ssh/id_ed25519.pub"
rm -r "$HOME/.config/signet"
ok 'a second --setup changes nothing' "$AGENT" --setup
is 'and says so' "$(grep -E '^(wrote|enabled)' "$T/out")" ''
ok '--undo succeeds' "$AGENT" --setup --undo
cp "$T/out" "$1/undo.out"
not_ok 'the socket is gone' test -e "$sock"
is 'the agent has ended' "$(systemctl --user is-active signet-agent.service)" inactive
is 'the manager has lost the variable' "$(systemctl --user show-environment | grep SSH_AUTH_SOCK)" ''
find "$HOME" ! -name known_hosts ! -path "$HOME" -newermt @0 -print | sort >"$1/after"
is 'the home folder is as it was' "$(cat "$1/after")" "$(cat "$1/before")"
echo done >"$1/done"
SESSION
cat >"$T/shared/inside.sh" <<INSIDE
# In the system that was booted, as root.
mkdir -p /run/sshd
/usr/sbin/sshd -f "$T/shared/sshd_config" -E "$T/shared/sshd.log"
(
	tries=600
	while [ \$tries -gt 0 ] && [ ! -e "$T/shared/done" ]; do
		if [ -e "$T/shared/lock-now" ]; then
			loginctl lock-sessions && rm "$T/shared/lock-now"
		fi
		if [ -e "$T/shared/unlock-now" ]; then
			loginctl unlock-sessions && rm "$T/shared/unlock-now"
		fi
		tries=\$((tries - 1))
		sleep 0.05
	done
) &
exec systemd-run --quiet --wait -p PAMName=login -p User=tester -p Environment=XDG_SESSION_TYPE=wayland \\
	-p StandardInput=null -p StandardOutput=file:"$T/shared/session.tap" -p StandardError=file:"$T/shared/session.err" \\
	/bin/sh "$T/shared/session.sh" "$T/shared"
INSIDE
chown 4711:4711 "$T/shared"
chmod 755 "$T/shared"
: >"$T/shared/session.tap"
cp tests/support/lib.sh "$T/shared/"
chmod 666 "$T/shared/session.tap"

# The namespaces.  All mounts, and every process, go with the first process of them.
cat >"$T/boot.sh" <<BOOT
set -e
mount --make-rprivate /
mount -t cgroup2 cgroup2 "$T/cgroups"
mkdir "$T/cgroups/${T##*/}"
echo \$\$ >"$T/cgroups/${T##*/}/cgroup.procs"
exec unshare -C -p -f -m -u -i -n --kill-child sh "$T/boot2.sh"
BOOT
cat >"$T/boot2.sh" <<BOOT
set -e
mount -t tmpfs tmpfs "$T/work"
mkdir "$T/work/upper" "$T/work/work"
cp -a "$upper/." "$T/work/upper/"
mount -t overlay overlay -o "lowerdir=/,upperdir=$T/work/upper,workdir=$T/work/work" "$root"
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir -p dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
for node in null zero full random urandom tty; do
	: >dev/\$node
	mount --bind /dev/\$node dev/\$node
done
mkdir -p "./$T/shared"
mount --bind "$T/shared" "./$T/shared"
hostname boot-test
pivot_root . tmp
umount -l /tmp
cd /
exec env -i container=boot-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=boot-test.target \
	--log-target=console --log-level=warning
BOOT

cgroup_gone() {
	unshare -m sh -c "mount -t cgroup2 cgroup2 '$T/cgroups' && { rmdir \$(find '$T/cgroups/${T##*/}' -depth -type d) 2>/dev/null; [ ! -e '$T/cgroups/${T##*/}' ]; }"
}
# However the test ends, the group of its processes goes.
boot_end() {
	[ -z "${boot:-}" ] || kill -9 "$boot" 2>/dev/null
	poll 5 cgroup_gone
	tap_end
}
trap boot_end EXIT
unshare -m sh "$T/boot.sh" >"$T/console" 2>&1 </dev/null &
boot=$!
poll 45 ended $boot || kill -9 $boot
wait $boot 2>/dev/null
# What was tried inside, told here.
if [ -e "$T/shared/done" ]; then pass 'the system boots, and the person logs in'; else
	fail 'the system boots, and the person logs in'
	diag "$(tail -n 30 "$T/console")" "$(cat "$T/shared/err" "$T/shared/session.err" 2>/dev/null | tail -n 20)"
fi
while IFS= read -r line; do
	case $line in
	'ok '*) pass "${line#ok * - }" ;;
	'not ok '*) fail "${line#not ok * - }" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$T/shared/session.tap"
[ "$tap_failed" -eq 0 ] || diag "$(tail -n 20 "$T/shared/session.err" "$T/shared/sshd.log" 2>/dev/null)" "$(cat "$T/shared/doctor.out" "$T/shared/setup.out" 2>/dev/null)"
ok 'no process and no group of it is left' poll 5 cgroup_gone
finish
