#!/bin/sh
# What each of our processes could do to others and to the machine if it were taken over: it is stopped as it runs,
# shut in as it shut itself in, and made to try (tests/tools/inject.c).  All that is not named here is refused, and
# afterwards the process goes on with what it was doing.  Everything runs as one ordinary user.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/pkcs11.sh"
need ssh-keygen ssh-add python3 /usr/bin/python3 setpriv
no_sanitizers
[ "$(id -u)" -eq 0 ] || skip_all 'only root can take over processes'
[ "$(uname -m)" = x86_64 ] || skip_all 'not on Debian 12: written for x86-64'
[ "$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))')" -ge 1 ] ||
	skip_all 'not on Debian 12: a kernel without Landlock'
INJECT=$BUILD/tests/tools/inject

# Where the ordinary user finds all of it.
mkdir "$T/tests" "$T/user" "$T/user/f" "$T/user/keys" "$T/lib"
cp -R "$BUILD/bin" "$BUILD/libexec" "$T/"
cp -R "$BUILD/tests/tools" "$T/tests/"
cp "${0%/*}/../support/unlocker.py" "$T/"
cp "$BUILD/tests/virtual/sk-virtual.so" "$T/lib/"
AGENT=$T/bin/signet-agent ADD=$T/bin/signet-add
F=$T/user/f
echo text | tee "$F/plain" >"$F/other"
echo 'no program' >"$F/noexec"
chmod 755 "$F/noexec"
keygen ed25519 "$T/user/keys/offered" -C offered
keygen ed25519 "$T/user/asked" -C asked
keygen ed25519 "$T/user/plain" -C plain
SK_VIRTUAL_STATE=$T/sk.state ssh-keygen -q -w "$T/lib/sk-virtual.so" -t ed25519-sk -N '' -f "$T/user/sk" </dev/null ||
	skip_all 'ssh-keygen cannot make a security key'
softhsm_start
token_make token 1234 && pkcs11-tool --module "$SOFTHSM" --token-label token --login --pin 1234 --keypairgen \
	--key-type EC:prime256v1 --id 01 --label tokenkey --usage-sign >/dev/null 2>&1 || skip_all 'SoftHSM makes no keys here'
askpass person '[ "${SSH_ASKPASS_PROMPT:-}" = confirm ] || exec echo 1234' "until [ -e $T/user/yes ]; do sleep 0.05; done" \
	>/dev/null
printf 'OfferKeys yes\nKeyDirectory %s\n' "$T/user/keys" >"$T/user/config"
chown -R 65534:65534 "$T/user" "$T/softhsm"
chmod 700 "$T/user"

# as_user COMMAND...: as the ordinary user, and $! is its process.
HOME=$T/user XDG_RUNTIME_DIR=$T/user XDG_STATE_HOME=$T/user/state
export XDG_STATE_HOME
unset DBUS_SESSION_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS
as_user() {
	exec setpriv --reuid=65534 --regid=65534 --clear-groups env BUILD="$T" "$@"
}
user() {
	(as_user "$@")
}

# Somebody who listens and says nothing: sock, and a message bus and a pcscd that do not answer.
cat >"$T/mute.py" <<'END'
import signal, socket, sys
held = []
for path in sys.argv[1:]:
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(50)
    held.append(s)
signal.pause()
END
(as_user /usr/bin/python3 "$T/mute.py" "$F/sock" "$T/user/mute" "$T/user/pcscd") &
mute=$!
reap $mute
poll 10 test -S "$T/user/pcscd" || fail 'the mute services start'

# victim: a process of the same user, not yet traced by anybody.
victim() {
	(as_user sleep 600) >/dev/null 2>&1 9>&- &
	victim=$!
	reap "$victim"
	poll 5 grep -q sleep "/proc/$victim/comm"
}

# settled PID: it waits for something, with its filter in force where it has one.
settled() {
	grep -q '^Seccomp:	2$' "/proc/$1/status" && grep -q '^State:	S' "/proc/$1/status"
}

# can NAME PID WANTED: what it is able to do, without the tries that every process of the user may make.
can() {
	can_name=$1 can_pid=$2
	[ "${4-}" = free ] || ok "$can_name: is shut in" poll 10 settled "$can_pid"
	victim
	timeout 20 "$INJECT" "$can_pid" "$F" "$victim" "$core" "$SSH_AGENT_PID" "$files" >"$T/$can_name.tries" 2>"$T/err"
	is "$can_name: tried everything" "$?$(cat "$T/err")" 0
	is "$can_name: what is possible" \
		"$(sed -nE '/ (EPERM|EACCES|ENOSYS)$/!s/ .*//p' "$T/$can_name.tries" | sort | tr '\n' ' ')" \
		"$(printf '%s\n' $3 | sed '/^$/d' | sort | tr '\n' ' ')"
	not_ok "$can_name: it goes on" ended "$can_pid"
}

# named NAME: the process of the agent with this name, its oldest.
named() {
	for named_pid in $(children "$SSH_AGENT_PID"); do
		! grep -qx "$1" "/proc/$named_pid/comm" || echo "$named_pid"
	done | sort -n | head -n 1
}
is_there() {
	[ -n "$(named "$1")" ]
}

# --- an agent with all that lives for long
SSH_AUTH_SOCK=$T/user/agent.sock
export SSH_AUTH_SOCK
(
	SSH_ASKPASS=$T/person SSH_ASKPASS_REQUIRE=force SIGNET_PROMPT=askpass SIGNET_NOTIFY=''
	export SSH_ASKPASS SSH_ASKPASS_REQUIRE SIGNET_PROMPT SIGNET_NOTIFY
	as_user "$AGENT" -D -a "$SSH_AUTH_SOCK" --config "$T/user/config" -P "$T/*"
) >"$T/agent.log" 2>&1 </dev/null &
SSH_AGENT_PID=$!
reap "$SSH_AGENT_PID"
poll 10 test -S "$SSH_AUTH_SOCK" || diag "$(cat "$T/agent.log")"
user "$ADD" -q "$T/user/plain"
user "$ADD" -q -c "$T/user/asked"
ok 'a security key is held' user "$ADD" -q "$T/user/sk"
ok 'a module is loaded' user env SSH_ASKPASS="$T/person" SSH_ASKPASS_REQUIRE=force "$ADD" -q -s "$P11BAD"
(as_user ssh-add -T "$T/user/asked.pub") >/dev/null 2>&1 &
asked=$!
for name in signet-files signet-session signet-pkcs11 signet-fido signet-prompt; do
	ok "$name runs" poll 20 is_there "$name"
done
[ "$tap_failed" -eq 0 ] || diag "$(cat "$T/agent.log")"
core=$(named signet-agent) files=$(named signet-files)

# What a process without a filter can do; the agent's own processes are out of its reach all the same, but for signals.
programs='clone clone3 execve execveat fork'
everywhere='create-file list-folder read-file read-random rename remove write-file'
sockets='connect-inet connect-unix inet inet6 netlink unix'
kernel='bpf dumpable io_uring keyctl map-code outlive perf setns type unshare'
victims='environ-victim kcmp-victim kill-victim limit-victim maps-victim mem-victim own-signals-victim pidfd-victim
	ptrace-victim read-victim tgkill-victim'
signals='kill-%s limit-%s own-signals-%s pidfd-%s tgkill-%s'
# signals_to PLACE...
signals_to() {
	for signals_place; do
		echo "$signals" | sed "s/%s/$signals_place/g"
	done
}
# A process that has no Landlock reads and writes what the user can, memory of processes that did not close themselves included.
unlanded='environ-victim maps-victim mem-victim'

can core "$core" ''
can supervisor "$SSH_AGENT_PID" "$programs $everywhere $sockets $kernel $victims $(signals_to 0 2)" free
can files "$files" 'map-code'
can session "$(named signet-session)" 'map-code unix connect-unix'
can module "$(named signet-pkcs11)" "$everywhere $unlanded map-code netlink unix connect-unix"
can watch "$(named signet-fido)" "$everywhere $unlanded map-code netlink unix connect-unix"
can prompt "$(named signet-prompt)" "$programs $everywhere $sockets $kernel $victims $(signals_to 0 1 2)" free

# --- they serve as before
: >"$T/user/yes"
ok 'the question is answered' wait $asked
ok 'the core signs' user ssh-add -T "$T/user/plain.pub"
user ssh-add -L >"$T/public"
grep tokenkey "$T/public" >"$T/user/token.pub"
ok 'the module signs' user ssh-add -T "$T/user/token.pub"
keygen ed25519 "$T/new" -C new
mv "$T/new.pub" "$T/user/keys/" && chown 65534 "$T/new" && mv "$T/new" "$T/user/keys/"
offers() {
	user ssh-add -L | grep -q ' new$'
}
ok 'a new file is offered' poll 10 offers
ok 'and unlocked' user ssh-add -T "$T/user/keys/new.pub"
is 'by the same processes' "$(named signet-agent) $(named signet-files)" "$core $files"

# --- those that live for one operation, in the middle of it
spoken() {
	grep -q "$1" "$T/$2.out"
}
# child PROGRAM: the process of that name that the last one in the background started.
child() {
	for child_pid in $(children "$tool"); do
		! grep -qx "$1" "/proc/$child_pid/comm" || echo "$child_pid"
	done
}
has_child() {
	[ -n "$(child "$1")" ]
}
# tool NAME PROGRAM INPUT COMMAND...: a helper that this started; its standard input stays open on descriptor 9.
tool() {
	tool_name=$1 tool_program=$2
	shift 2
	mkfifo "$T/$tool_name.in"
	(as_user "$@") <"$T/$tool_name.in" >"$T/$tool_name.out" 2>"$T/$tool_name.log" &
	tool=$!
	reap "$tool"
	exec 9>"$T/$tool_name.in"
	ok "$tool_name: runs" poll 10 has_child "$tool_program"
}

tool unlock signet-unlock env HOLD=1 /usr/bin/python3 "$T/unlocker.py" "$T/libexec/signet/signet-unlock" "$T/user/keys" \
	"$T/user/keys/offered" "$T/user/keys/offered.pub"
can unlock "$(child signet-unlock)" 'map-code'
exec 9>&-
wait "$tool"
ok 'unlock: the file is opened' spoken '^key [0-9]* offered$' unlock

tool keyring signet-keyring env DBUS_SESSION_BUS_ADDRESS="unix:path=$T/user/mute" "$T/tests/tools/keyring" \
	"$T/libexec/signet/signet-keyring" lookup passphrase /k x
can keyring "$(child signet-keyring)" 'map-code read-random unix connect-unix'
exec 9>&-

keyring=$tool
tool card signet-card "$T/tests/tools/cards"
can card "$(child signet-card)" 'map-code netlink unix connect-unix'
echo 'select pkcs11:token=none' >&9
ok 'card: answers' poll 10 spoken '^\(failed\|selected\) ' card
exec 9>&-

tool fido signet-fido env PCSCLITE_CSOCK_NAME="$T/user/pcscd" "$T/tests/tools/fido" list
can fido "$(child signet-fido)" "$everywhere $unlanded map-code netlink unix connect-unix"
kill $mute
wait "$tool"
ok 'fido: answers' spoken '^\(end\|failed\)' fido
exec 9>&-
wait "$keyring"
is 'keyring: answers' "$(cat "$T/keyring.out")" 'failed: no keyring (Secret Service) answers'
finish
