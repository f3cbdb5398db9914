#!/bin/sh
# Who asks, where a program of the same user would pass for another: one that may not be looked into and calls itself ssh,
# and one of that name in a home.  As an ordinary user, for root reads everything.
. "${0%/*}/../support/lib.sh"
need ssh-keygen ssh-add setpriv /usr/bin/python3
unset SIGNET_PINENTRY SSH_CONNECTION DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS
public_programs
mkdir -m 700 "$T/user" "$T/user/bin"
ssh-keygen -q -t ed25519 -N '' -C work -f "$T/user/key"
cp "$(command -v ssh-add)" "$T/user/bin/ssh"
cat >"$T/hides.py" <<-'PYTHON'
	import base64, ctypes, os, socket, struct, sys
	name, public = sys.argv[1:]
	libc = ctypes.CDLL(None, use_errno=True)
	assert libc.prctl(15, name.encode(), 0, 0, 0) == 0  # PR_SET_NAME
	assert libc.prctl(4, 0, 0, 0, 0) == 0  # PR_SET_DUMPABLE
	string = lambda s: struct.pack(">I", len(s)) + s
	blob = base64.b64decode(open(public).read().split()[1])
	s = socket.socket(socket.AF_UNIX)
	s.settimeout(60)
	s.connect(os.environ["SSH_AUTH_SOCK"])
	s.sendall(string(b"\x0d" + string(blob) + string(b"some bytes") + struct.pack(">I", 0)))
	sys.exit(s.recv(5)[4:] != b"\x0e")
PYTHON
askpass person "printf '%s\\n' \"\$1\" >$T/user/asked.new && mv $T/user/asked.new $T/user/asked" >/dev/null
[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 "$T/user"
HOME=$T/user XDG_RUNTIME_DIR=$T/user SSH_AUTH_SOCK=$T/user/sock
SSH_ASKPASS=$T/person SSH_ASKPASS_REQUIRE=force SIGNET_PROMPT=askpass SIGNET_NOTIFY=
export HOME XDG_RUNTIME_DIR SSH_AUTH_SOCK SSH_ASKPASS SSH_ASKPASS_REQUIRE SIGNET_PROMPT SIGNET_NOTIFY
(exec_unprivileged "$AGENT" -D -a "$SSH_AUTH_SOCK") >"$T/agent.log" 2>&1 </dev/null &
reap $!
ok 'an agent of an ordinary user' poll 10 grep -q '^echo Agent pid' "$T/agent.log"
ok 'with a key' unprivileged "$ADD" -q -c "$T/user/key"

# asked WHAT COMMAND...: it signs after a question; the line of the client.
asked() {
	asked_what=$1
	shift
	rm -f "$T/user/asked"
	ok "$asked_what signs" unprivileged "$@"
	client=$(sed -n 's/^Asked by \(.*([^()]*)\), started by .*/\1/p; s/^Asked by \(.*([^()]*)\)[.]$/\1/p' "$T/user/asked")
	line=$(unprivileged "$ADD" --log | grep ' sign ' | tail -n 1)
}

asked 'a program that hides' /usr/bin/python3 "$T/hides.py" ssh "$T/user/key.pub"
has 'and is not called by its own word alone' "$client" '^an unknown program that calls itself "ssh" \([0-9]+\)'
has 'nor in the log' "$line" '; by \(unknown\) ssh; '
asked 'a program of that name in a home' "$T/user/bin/ssh" -T "$T/user/key.pub"
has 'and has its path told' "$client" '^ssh \([0-9]+, program [^ ]*/user/bin/ssh\)'
has 'in the log, too' "$line" '; by ssh \([^ ]*/user/bin/ssh\); '
asked 'a program where only root may put one' ssh-add -T "$T/user/key.pub"
has 'and has its name told, no more' "$client" '^ssh-add \([0-9]+\)'
has 'in the log, too' "$line" '; by ssh-add; '

# In a mount namespace of its own any file is /usr/bin/ssh-add.
if unprivileged unshare -Urm true 2>/dev/null; then
	mkdir -m 755 "$T/user/bin/over"
	[ "$(id -u)" -ne 0 ] || chown 65534:65534 "$T/user/bin/over"
	asked 'another one mounted there' unshare -Urm sh -c 'mount --bind "$1" "$2" && exec "$2" -T "$3"' sh \
		"$T/user/bin/ssh" "$(readlink -f "$(command -v ssh-add)")" "$T/user/key.pub"
	has 'is not taken for it' "$client" '^(ssh-add \([0-9]+, program |an unknown program )'
else
	skip 'another one mounted there' 'not on Debian 12: an ordinary user has no namespaces of its own here'
fi
finish
