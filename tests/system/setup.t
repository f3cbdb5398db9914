#!/bin/sh
# signet-agent --setup and --undo: what they write, run and say, with systemd's systemctl, without it, and beside every
# other agent that is known.
. "${0%/*}/../support/lib.sh"
need unshare ssh-keygen ssh-add ssh-agent systemd-analyze sha256sum

# Files of the system are planted in copies of /etc and /usr/lib that only this test sees.
[ "$(id -u)" -eq 0 ] || skip_all 'not on Debian 12: only root may lay folders over those of the system'
namespace=$(readlink /proc/self/ns/mnt)
if [ -z "${SETUP_OUTSIDE:-}" ]; then
	SETUP_OUTSIDE=$namespace
	export SETUP_OUTSIDE
	unshare -m mount -t tmpfs tmpfs /mnt 2>/dev/null || skip_all 'namespaces cannot be made here'
	unshare -m sh "$0"
	exit
fi
[ "$namespace" != "$SETUP_OUTSIDE" ] || skip_all 'this is no namespace of its own'
mount -t tmpfs tmpfs /mnt
for folder in /etc /usr/lib/systemd; do
	[ -d "$folder" ] || continue
	at=/mnt/layers$folder
	mkdir -p "$at/upper" "$at/work"
	mount -t overlay overlay -o "lowerdir=$folder,upperdir=$at/upper,workdir=$at/work" "$folder" ||
		skip_all "folders cannot be laid over each other here"
done
rm -rf /etc/systemd/user /etc/xdg/autostart /etc/X11 /etc/environment.d /etc/profile.d /etc/environment
mkdir -p /etc/systemd/user/sockets.target.wants /etc/xdg/autostart /etc/X11/Xsession.d /etc/environment.d
mount -t tmpfs tmpfs /run

# A systemctl that answers as the real one, from files.
mkdir "$T/stub" "$T/manager"
cat >"$T/stub/systemctl" <<STUB
#!/bin/sh
[ "\$1" = --user ] && [ "\$2" = --no-ask-password ] || exit 64
shift 2
echo "\$*" >>"$T/calls"
m=$T/manager
[ -e \$m/off ] && { echo 'Failed to connect to bus: No medium found'; exit 1; }
case \$1 in
show-environment) echo LANG=C; cat \$m/env 2>/dev/null; exit 0 ;;
set-environment) echo "\$2" >\$m/env ;;
unset-environment) rm -f \$m/env ;;
start) shift; for u; do echo >\$m/\$u; case \$u in signet-agent.socket) echo "SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/signet/agent.sock" >\$m/env ;; esac; done ;;
stop) shift; for u; do rm -f \$m/\$u; case \$u in signet-agent.socket) rm -f \$m/env ;; esac; done ;;
is-active) [ -e \$m/\$3 ] ;;
mask) rm -f \$m/\$3; ln -s /dev/null "$HOME/.config/systemd/user/\$3" ;;
unmask) rm -f "$HOME/.config/systemd/user/\$2" ;;
daemon-reload) ;;
*) exit 64 ;;
esac
STUB
chmod 755 "$T/stub/systemctl"
plain_path=$PATH
PATH=$T/stub:$PATH
: >"$T/calls"

# What of the home folder could change.
picture() {
	(cd "$HOME" && find . -printf '%p %y %m %l\n' | sort && find . -type f -exec sha256sum {} + | sort)
}
setup() {
	PATH=${setup_path:-$PATH} "$AGENT" --setup "$@" >"$T/out" 2>"$T/err" </dev/null
	status=$?
	cat "$T/out"
	[ $status -eq 0 ] || diag "exit status $status" "$(cat "$T/err")" >&2
	return $status
}
units=$HOME/.config/systemd/user

echo 'alias ll="ls -l"' >"$HOME/.profile"
before=$(picture)
said=$(setup)
is 'it succeeds' $? 0
for unit in signet-agent.socket signet-agent-control.socket signet-agent.service; do
	ok "$unit is there" test -f "$units/$unit"
	ok "and systemd can verify it" systemd-analyze verify --user --man=no "$units/$unit"
	is "and finds nothing wrong" "$(cat "$T/err")" ''
done
has 'the service starts this very program' "$(cat "$units/signet-agent.service")" "^ExecStart=\"$AGENT\" -D\$"
for unit in signet-agent.socket signet-agent-control.socket; do
	is "$unit is enabled" "$(readlink -f "$units/sockets.target.wants/$unit")" "$units/$unit"
done
is 'the variable is set for sessions' "$(grep -v '^#' "$HOME/.config/environment.d/90-signet.conf")" \
	'SSH_AUTH_SOCK=${XDG_RUNTIME_DIR}/signet/agent.sock'
is 'the manager is told' "$(grep -e reload -e start "$T/calls" | tr '\n' ';')" \
	'daemon-reload;start signet-agent.socket signet-agent-control.socket;'
has 'it says what to do in this shell' "$said" "export SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/signet/agent.sock"
has 'and in start files' "$said" "^    \\. $HOME/.config/signet/signet.sh\$"
has 'and to log in again' "$said" 'Log out and in'
is 'no other agent is named where there is none' "$(printf '%s\n' "$said" | grep -c 'Other agents')" 0
is 'files of others are as they were' "$(cat "$HOME/.profile")" 'alias ll="ls -l"'
after=$(picture)
said=$(setup)
is 'a second time, nothing is written' "$(printf '%s\n' "$said" | grep -E '^(wrote|enabled|removed)')" ''
is 'and nothing changed' "$(picture)" "$after"
said=$(setup --undo)
is '--undo succeeds' $? 0
is 'the home folder is as it was before' "$(picture)" "$before"
has 'the agent was stopped' "$(cat "$T/calls")" '^stop signet-agent.socket signet-agent-control.socket signet-agent.service$'
not_ok 'and the variable taken out of the manager' test -e "$T/manager/env"
has 'it names what it cannot take back' "$said" 'start files of shells'
has 'a second --undo says that there is nothing' "$(setup --undo)" 'has done nothing here'
is 'and changes nothing' "$(picture)" "$before"

# What --setup did is not forgotten where the note of it cannot be read.
setup >/dev/null
after=$(picture)
note=$HOME/.local/state/signet/setup
mv "$note" "$T/note" && mkdir "$note"
exits 'without its note --undo does nothing' 1 "$AGENT" --setup --undo
has 'and says why' "$(cat "$T/err")" "$note, .* cannot be read"
exits 'nor does --setup' 1 "$AGENT" --setup
rmdir "$note" && mv "$T/note" "$note"
is 'and nothing changed' "$(picture)" "$after"
setup --undo >/dev/null
is 'with it all is put back' "$(picture)" "$before"

# Another agent's variable is not ours to take away.
setup >/dev/null
echo SSH_AUTH_SOCK=/elsewhere >"$T/manager/env"
setup --undo >/dev/null
is "another's variable is left" "$(cat "$T/manager/env")" 'SSH_AUTH_SOCK=/elsewhere'

# One that led to another agent before leads there again, as long as that lives.
other_agent() {
	rm -f "$T/other.sock"
	ssh-agent -D -a "$T/other.sock" >/dev/null 2>&1 &
	other=$!
	reap $other
	poll 5 test -S "$T/other.sock"
}
other_agent
echo "SSH_AUTH_SOCK=$T/other.sock" >"$T/manager/env"
setup >/dev/null
setup >/dev/null
is 'the variable is ours after --setup' "$(cat "$T/manager/env")" "SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/signet/agent.sock"
said=$(setup --undo)
is "another's variable of before is set again" "$(cat "$T/manager/env")" "SSH_AUTH_SOCK=$T/other.sock"
has 'and that is said' "$said" "^set SSH_AUTH_SOCK .* to $T/other.sock, as before --setup"
setup >/dev/null
kill $other
poll 5 ended $other
said=$(setup --undo)
not_ok 'but not where that agent has ended' test -e "$T/manager/env"
has 'which is said' "$said" "^nobody answers at $T/other.sock"
has 'and that the variable is gone' "$said" '^took SSH_AUTH_SOCK out'
is 'and nothing else is left' "$(picture)" "$before"

# What the person wrote into Signet's files is not lost, neither by another --setup nor by --undo.
setup >/dev/null
variable_file=$HOME/.config/environment.d/90-signet.conf
echo 'EDITOR=vi' >>"$variable_file"
echo '# mine' >>"$units/signet-agent.service"
ln -sfn /dev/null "$units/sockets.target.wants/signet-agent-control.socket"
said=$(setup)
is 'a --setup beside changed files succeeds' $? 0
for changed in "$variable_file" "$units/signet-agent.service"; do
	has "${changed##*/} is left, and named, with what to do" "$said" "^left $changed: it was changed .* move it away and run"
done
has 'a link that was made over, too' "$said" "^left $units/sockets.target.wants/signet-agent-control.socket, which leads to /dev/null"
is 'a line added to the variable stays' "$(tail -n 1 "$variable_file")" 'EDITOR=vi'
is 'one added to the service, too' "$(tail -n 1 "$units/signet-agent.service")" '# mine'
said=$(setup --undo)
for changed in "$variable_file" "$units/signet-agent.service"; do
	has "--undo leaves and names ${changed##*/}" "$said" "^left $changed: it was changed .*remove it if"
	ok 'which is still there' test -f "$changed"
done
is 'and the link' "$(readlink "$units/sockets.target.wants/signet-agent-control.socket")" /dev/null
has 'which it names' "$said" "^left $units/sockets.target.wants/signet-agent-control.socket"
not_ok 'what was not changed is gone' test -e "$units/signet-agent.socket"
has 'a later --setup leaves them still' "$(setup)" "^left $variable_file: it was changed"
rm -rf "$HOME/.config" "$HOME/.local"

# What is in the way, and what was changed meanwhile.
mkdir -p "$units"
echo '[Unit]' >"$units/signet-agent.service"
not_ok "a unit that is not Signet's is not overwritten" "$AGENT" --setup
has 'it is named, with what to do' "$(cat "$T/err")" "$units/signet-agent.service is there and not Signet's.*move it away"
is 'and stays' "$(cat "$units/signet-agent.service")" '[Unit]'
rm "$units/signet-agent.service"
setup >/dev/null
sed -i 1d "$units/signet-agent.service"
echo mine >"$HOME/.config/environment.d/mine.conf"
said=$(setup --undo)
has 'a file that was made over is left, and named' "$said" "^left $units/signet-agent.service"
has 'and a folder with files of others' "$said" "^left the folder $HOME/.config/environment.d"
ok 'which are still there' test -e "$HOME/.config/environment.d/mine.conf"
rm -rf "$HOME/.config" "$HOME/.local"
is 'nothing else was left' "$(picture)" "$before"

# A build folder with spaces, and an outdated unit of ours.
mkdir "$T/a place"
cp -R "$BUILD/bin" "$BUILD/libexec" "$T/a place/"
"$T/a place/bin/signet-agent" --setup >"$T/out" 2>&1
is 'a folder with a space will do' $? 0
ok 'its unit can be verified' systemd-analyze verify --user --man=no "$units/signet-agent.service"
is 'and nothing is wrong with it' "$(cat "$T/err")" ''
has 'a later --setup from elsewhere writes it anew' "$(setup)" "^wrote $units/signet-agent.service"
setup --undo >/dev/null
is 'all of both is taken back' "$(picture)" "$before"
mv "$T/a place" "$T/a%b"
"$T/a%b/bin/signet-agent" --setup >"$T/out" 2>&1
is 'a path that units cannot have is refused' $? 1
has 'with a sentence' "$(cat "$T/out")" 'install it elsewhere'
setup --undo >/dev/null
rm -rf "$HOME/.config" "$HOME/.local"

# No bus, but a system with systemd.
: >"$T/manager/off"
mkdir -p /run/systemd/system
: >"$T/calls"
said=$(setup)
is 'without a bus it succeeds' $? 0
has 'and says that nothing was started, and why' "$said" 'does not answer here \(Failed to connect to bus: No medium found\), so nothing was started'
ok 'the units are there for the next login' test -L "$units/sockets.target.wants/signet-agent.socket"
setup --undo >/dev/null
is '--undo works as well' "$(picture)" "$before"
rm -r /run/systemd "$T/manager/off"

# No systemd at all.
PATH=$plain_path
mkdir "$T/bare"
for program in sh ls uname mkdir env id; do ln -s "$(command -v $program)" "$T/bare/$program"; done
said=$(setup_path=$T/bare && setup)
is 'without systemd it succeeds' $? 0
has 'and says so' "$said" 'does not run systemd'
desktop=$HOME/.config/autostart/signet-agent.desktop
ok 'the desktop starts the agent' test -f "$desktop"
not_ok 'and there is no unit' test -e "$units"
if command -v desktop-file-validate >/dev/null; then ok 'the file is a good one' desktop-file-validate "$desktop"; fi
# As a desktop would run it.
eval "PATH=$T/bare $(sed -n 's/^Exec=//p' "$desktop")"
sock=$XDG_RUNTIME_DIR/signet/agent.sock
ok 'it listens where it should' test -S "$sock"
pids() {
	grep -lsa -e "${sock%k}[k]" /proc/[0-9]*/cmdline | sed 's|/proc/||; s|/.*||' | sort -n
}
reap $(pids)
keygen ed25519 "$T/key"
ok 'and works' env SSH_AUTH_SOCK="$sock" ssh-add -q "$T/key"
snippet=$(printf '%s\n' "$said" | sed -n 's/^    \(\. .*\)$/\1/p')
for shell in sh dash bash ksh zsh; do
	command -v $shell >/dev/null || continue
	is "$shell: the snippet sets the variable" "$(env -u SSH_AUTH_SOCK $shell -c "$snippet; echo \$SSH_AUTH_SOCK" 2>&1)" "$sock"
done
is 'a forwarded agent is left alone' "$(SSH_CONNECTION='a 1 b 2' SSH_AUTH_SOCK=$sock.ctl sh -c "$snippet; echo \$SSH_AUTH_SOCK" 2>&1)" "$sock.ctl"
# Supervisor and core; a process that is about to become a helper has their words for a moment.
one_agent() { [ "$(pids | wc -l)" -eq 2 ]; }
ok 'and no other agent was started' poll 5 one_agent
is 'nothing is left in the shell' "$(sh -c "$snippet; set" | grep -i -e '^signet' -e signet_login)" ''
is 'with set -eu too' "$(env -u SSH_AUTH_SOCK -u SSH_CONNECTION sh -euc "$snippet; echo \$SSH_AUTH_SOCK" 2>&1)" "$sock"
kill $(pids)
poll 5 test ! -e "$sock"
echo 'umask 077' >>"$HOME/.config/signet/signet.sh"
echo 'OnlyShowIn=XFCE;' >>"$desktop"
said=$(setup_path=$T/bare && setup)
has 'a changed snippet is left by --setup' "$said" "^left $HOME/.config/signet/signet.sh: it was changed"
has 'and a changed autostart file' "$said" "^left $desktop: it was changed"
said=$(setup_path=$T/bare && setup --undo)
has 'and by --undo' "$said" "^left $HOME/.config/signet/signet.sh"
has 'both of them' "$said" "^left $desktop"
is 'as they were changed' "$(tail -qn 1 "$HOME/.config/signet/signet.sh" "$desktop" | tr '\n' ' ')" 'umask 077 OnlyShowIn=XFCE; '
rm -rf "$HOME/.config" "$HOME/.local"
PATH=$T/stub:$PATH setup_path=

# Other agents, each by what shows it.
# claims WHAT PATTERN REMEDY: --setup names it, and how to turn it off.
claims() {
	said=$(setup)
	has "$1 is named" "$said" "$2"
	has "and how to turn it off" "$said" "to turn it off: $3"
}
# silent WHAT: no agent is named.
silent() {
	is "$1 is not named" "$(setup | grep -A 3 'Other agents')" ''
}
# unit NAME: enabled for all.
unit() {
	printf '[Unit]\n' >"/etc/systemd/user/$1"
	ln -s "/etc/systemd/user/$1" "/etc/systemd/user/sockets.target.wants/$1"
}
unit_gone() {
	rm "/etc/systemd/user/$1" "/etc/systemd/user/sockets.target.wants/$1"
}
for unit in gcr-ssh-agent.socket ssh-agent.socket ssh-agent.service; do
	unit $unit
	claims "an enabled $unit" "unit $unit is enabled" "systemctl --user mask --now $unit"
	mkdir -p "$units"
	ln -s /dev/null "$units/$unit"
	silent "a masked $unit"
	rm "$units/$unit"
	unit_gone $unit
done
unit gpg-agent-ssh.socket
silent "GnuPG's socket without enable-ssh-support"
mkdir -p "$HOME/.gnupg"
echo '#enable-ssh-support' >"$HOME/.gnupg/gpg-agent.conf"
silent "a comment"
echo 'enable-ssh-support' >"$HOME/.gnupg/gpg-agent.conf"
claims "GnuPG's socket" 'unit gpg-agent-ssh.socket is enabled' 'systemctl --user mask --now gpg-agent-ssh.socket'
claims "GnuPG's agent" "$HOME/.gnupg/gpg-agent.conf has enable-ssh-support" 'put a # before enable-ssh-support.*gpgconf --kill gpg-agent'
unit_gone gpg-agent-ssh.socket
rm -r "$HOME/.gnupg"

printf 'allow-failsafe\nuse-ssh-agent\n' >/etc/X11/Xsession.options
: >/etc/X11/Xsession.d/90x11-common_ssh-agent
claims "Xsession's agent" 'Xsession.options has use-ssh-agent' 'sudo sed -i .* /etc/X11/Xsession.options'
eval "$(printf '%s\n' "$said" | sed -n 's/.*to turn it off: sudo //p')"
silent "Xsession's agent, after that command,"

printf '[Desktop Entry]\nType=Application\nName=x\nExec=/usr/bin/gnome-keyring-daemon --start --components=ssh\n[Desktop Action y]\n' \
	>/etc/xdg/autostart/gnome-keyring-ssh.desktop
claims "GNOME Keyring's agent" 'desktop: /etc/xdg/autostart/gnome-keyring-ssh.desktop' 'mkdir -p .*Hidden=true'
eval "$(printf '%s\n' "$said" | sed -n 's/.*to turn it off: //p')"
silent "GNOME Keyring's agent, after that command,"
# Desktops look for it in that group alone.
is "which hides it for the desktop" "$(sed -n '/^.Desktop Entry.$/,/^.Desktop Action/p' \
	"$HOME/.config/autostart/gnome-keyring-ssh.desktop" | grep -c '^Hidden=true$')" 1
rm /etc/xdg/autostart/* "$HOME/.config/autostart/gnome-keyring-ssh.desktop"
# A name that a shell would take apart.
hard="the agent's \$(touch harm); \"x\".desktop"
printf '[Desktop Entry]\nExec=ssh-agent\n' >"/etc/xdg/autostart/$hard"
claims 'one with a hard name' 'started by the desktop: /etc/xdg/autostart/the agent' "mkdir -p .*Hidden=true"
(cd "$T" && eval "$(printf '%s\n' "$said" | sed -n 's/.*to turn it off: //p')")
silent 'it, after that command,'
ok 'which hides it' test -f "$HOME/.config/autostart/$hard"
not_ok 'and does nothing else' test -e "$T/harm"
rm "/etc/xdg/autostart/$hard" "$HOME/.config/autostart/$hard"

printf '[Desktop Entry]\nExec=/usr/bin/gnome-keyring-daemon --start --components=secrets\n' >/etc/xdg/autostart/secrets.desktop
silent "GNOME Keyring without an agent"

# line FILE TEXT: in a start file.
line() {
	mkdir -p "$(dirname "$1")"
	printf '# ssh-agent\n\n%s\n' "$2" >>"$1"
	number=$(wc -l <"$1")
	claims "${1##*/} with $2" "^  $1, line $number: " "put a # before line $number of $1"
	sed -i "${number}s/^/#/" "$1"
	silent "it, after that"
}
line "$HOME/.profile" 'eval "$(ssh-agent -s)"'
line "$HOME/.bashrc" 'export SSH_AUTH_SOCK=$(gpgconf --list-dirs agent-ssh-socket)'
line "$HOME/.zshrc" '  eval $(keychain --eval id_ed25519)'
line "$HOME/.config/fish/config.fish" 'set -gx SSH_AUTH_SOCK /x'
line "$HOME/.config/plasma-workspace/env/agent.sh" 'eval `ssh-agent`'
line "$HOME/.config/environment.d/10-other.conf" 'SSH_AUTH_SOCK=${XDG_RUNTIME_DIR}/gcr/ssh'
line /etc/environment 'SSH_AUTH_SOCK=/x'
echo 'echo "$SSH_AUTH_SOCK"; . /usr/local/share/signet/signet.sh' >>"$HOME/.profile"
silent "a line that only reads the variable"
mkdir -p "$HOME/.ssh"
printf 'Host *\n\tIdentityAgent ~/.1password/agent.sock\n' >"$HOME/.ssh/config"
claims 'IdentityAgent' "$HOME/.ssh/config, line 2: IdentityAgent names another agent" 'put a # before line 2'
rm "$HOME/.ssh/config"

# Turned off when told to.
unit gcr-ssh-agent.socket
unit ssh-agent.socket
: >"$T/manager/gcr-ssh-agent.socket"
setup --undo >/dev/null
before=$(picture)
: >"$T/calls"
said=$(setup --replace)
is '--replace succeeds' $? 0
has 'it says what it turned off' "$said" 'turned off by: systemctl --user mask --now gcr-ssh-agent.socket'
has 'how many those are, and how they come back' "$said" '^Turned off: 2; signet-agent --setup --undo turns them on again'
is 'and nothing of what was left, since nothing was' "$(printf '%s\n' "$said" | grep -E '^(Left as|Nothing of)')" ''
is 'both were masked' "$(grep ^mask "$T/calls" | tr '\n' ';')" 'mask --now gcr-ssh-agent.socket;mask --now ssh-agent.socket;'
is 'the variable is ours afterwards' "$(cat "$T/manager/env")" "SSH_AUTH_SOCK=$sock"
silent 'what was turned off'
: >"$T/calls"
said=$(setup --undo)
is 'both are unmasked by --undo' "$(grep ^unmask "$T/calls" | sort | tr '\n' ';')" 'unmask gcr-ssh-agent.socket;unmask ssh-agent.socket;'
is 'and started who ran' "$(grep ^start "$T/calls")" 'start gcr-ssh-agent.socket'
is 'and the home folder is as it was' "$(picture)" "$before"
echo 'eval "$(ssh-agent -s)"' >>"$HOME/.profile"
said=$(setup --replace)
has 'with a start file beside the units, both are counted' "$said" '^Turned off: 2;'
has 'the one that was left, too' "$said" '^Left as they are: 1,'
is 'and nobody says that nothing was changed' "$(printf '%s\n' "$said" | grep -c 'Nothing of theirs')" 0
setup --undo >/dev/null
unit_gone gcr-ssh-agent.socket
unit_gone ssh-agent.socket
said=$(setup --replace)
has 'without units nothing was changed' "$said" '^Nothing of theirs was changed: turn them off'
is 'and nothing was turned off' "$(printf '%s\n' "$said" | grep -c '^Turned off')" 0
setup --undo >/dev/null

# The command line.
exits '--undo alone is a mistake' 1 "$AGENT" --undo
exits '--undo with --replace too' 1 "$AGENT" --setup --undo --replace
exits 'and --replace with --doctor' 1 "$AGENT" --doctor --replace
exits '--setup with an argument, too' 1 "$AGENT" --setup foo
has 'which is said' "$(cat "$T/err")" '^signet-agent: --setup takes no argument .*: foo$'
exits 'and --doctor' 1 "$AGENT" --doctor foo
has 'which is said as well' "$(cat "$T/err")" '^signet-agent: --doctor takes no argument, not: foo$'
HOME=relative exits 'a home folder must be there' 1 env HOME= "$AGENT" --setup --undo --replace

finish
