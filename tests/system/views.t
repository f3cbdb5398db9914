#!/bin/sh
# seconds 120
# View sockets with real ssh clients and a real sshd: what each shows and signs with, what cannot be done through it,
# as IdentityAgent and as ForwardAgent, at a reload; and that the key that last logged in to a host is tried first.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/sshd.sh"
need ssh ssh-add ssh-keygen python3
sshd_need

for key in host entry work house spare k1 k2 k3 k4 k5; do
	keygen ed25519 "$T/$key" -C "$key"
done
ssh-keygen -q -c -P '' -C 'work laptop' -f "$T/work" >/dev/null
ssh-keygen -q -c -P '' -C home -f "$T/house" >/dev/null
mkdir -m 777 "$T/open"
chmod 777 "$T/open" # whatever the umask

# A question leaves a line, and is answered with yes.
: >"$T/asked"
SSH_ASKPASS=$(askpass ask "echo asked >>$T/asked")
SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
asked() { grep -c asked "$T/asked"; }

cat >"$T/config" <<EOT
OfferKeys no
View work
	Keys work*
	ReadOnly yes
View home
	Keys home $(ssh-keygen -lf "$T/spare.pub" | cut -d ' ' -f 2)
View all
	Keys * !k*
View asks
	Socket $T/asking
	Keys work*
	Confirm always
View none
	Keys nobody-is-called-so
View twice
	Socket $T/home.sock
	Keys *
View open
	Socket $T/open/socket
	Keys *
EOT
agent_start --config "$T/config" || fail 'the agent starts'
main=$SSH_AUTH_SOCK
unset SSH_ASKPASS

# by VIEW COMMAND...: with the view's socket for the agent's.
by() {
	case $1 in
	asks) by_socket=$T/asking ;;
	*) by_socket=$T/$1.sock ;;
	esac
	shift
	SSH_AUTH_SOCK=$by_socket "$@"
}
# shows VIEW: the comments that it lists, in its order.
shows() { by "$1" ssh-add -L 2>/dev/null | grep '^ssh-' | cut -d ' ' -f 3- | paste -sd , -; }
log_has() { "$ADD" --log >"$T/log" && grep -Eq -e "$1" "$T/log"; }
fill() { ssh-add -q "$T/k1" "$T/k2" "$T/k3" "$T/k4" "$T/k5" "$T/house" "$T/work" "$T/spare"; }

# --- what is said at the start
has 'two views with one socket are told' "$(cat "$T/agent.log")" 'view twice \(line [0-9]+ of .*that of home already'
has 'and one where others can write' "$(cat "$T/agent.log")" 'view open \(line [0-9]+ of .*directory of yours'
is 'each socket is for its owner alone' "$(stat -c %a "$T/work.sock" "$T/home.sock" "$T/asking" | sort -u)" 600

# --- what they show
ok 'keys are added' fill
is 'a view shows the keys whose comment it names' "$(shows work)" 'work laptop'
is 'or whose fingerprint' "$(shows home)" 'home,spare'
is 'and not those that it excepts' "$(shows all)" 'home,work laptop,spare'
is 'one that names no key shows none' "$(shows none)" ''
is "the agent's own socket shows all" "$(ssh-add -L | wc -l)" 8
for option in --log --status; do
	not_ok "a view has no control socket for signet-add $option" by work "$ADD" $option
	has 'which is said, with the socket that has one' "$(cat "$T/err")" "leads to the view work, .*export SSH_AUTH_SOCK=$main\$"
done
ok 'it signs with what it shows' by work ssh-add -T "$T/work.pub"
not_ok 'and with nothing else' by work ssh-add -T "$T/house.pub"
ok 'the log names the view and says why' log_has 'sign refused: this socket does not offer the key; .*view work$'
ok 'also what it allowed' log_has 'sign allowed; key .*view work$'
"$ADD" --status >"$T/status"
has 'the status tells where it is and what it shows' "$(cat "$T/status")" "^view-home: $T/home.sock \\(2 keys\\)$"
has 'one key is one' "$(cat "$T/status")" "^view-work: $T/work.sock \\(1 key\\)$"
has 'or that it is not served' "$(cat "$T/status")" '^view-twice: not served'

# --- a person is asked where the view wants it
is 'nobody was asked so far' "$(asked)" 0
ok 'through a view that asks it signs' by asks ssh-add -T "$T/work.pub"
is 'when a person said yes' "$(asked)" 1
ok "the agent's own socket" ssh-add -T "$T/work.pub"
is 'asks nobody' "$(asked)" 1

# --- what cannot be done
secret=$(askpass secret 'echo a-passphrase')
refuses() {
	refuses_view=$1 refuses_what=$2
	shift 2
	not_ok "$refuses_view: no $refuses_what" by "$refuses_view" env SSH_ASKPASS="$secret" "$@"
}
refuses work addition ssh-add -q "$T/entry"
refuses work removal ssh-add -q -d "$T/work.pub"
refuses work 'removal of all' ssh-add -q -D
refuses work lock ssh-add -x
refuses work 'token added' ssh-add -s /usr/lib/no-module.so
ok 'the log says why' log_has 'add-token refused: keys cannot be changed through this socket'
refuses work 'token removed' ssh-add -e /usr/lib/no-module.so
refuses home lock ssh-add -x
ok 'which is told apart' log_has 'lock refused: it would reach keys that this socket does not show'
refuses home 'removal of what it does not show' ssh-add -q -d "$T/work.pub"
is 'and all keys are as they were' "$(ssh-add -L | wc -l)" 8
ok 'home: an addition' by home ssh-add -q "$T/entry"
is 'which it need not show' "$(shows home)" 'home,spare'
ok 'home: the removal of a key' by home ssh-add -q -d "$T/house.pub"
is 'that is gone' "$(ssh-add -L | wc -l)" 8
ok 'home: the removal of all' by home ssh-add -q -D
is 'takes those that it shows' "$(shows home)" ''
is 'and no others' "$(ssh-add -L | wc -l)" 7
ssh-add -q -D
env SSH_ASKPASS="$secret" ssh-add -x >/dev/null 2>&1
refuses home unlock ssh-add -X
SSH_ASKPASS="$secret" ssh-add -X >/dev/null 2>&1
fill

# --- real logins.  The servers let in with one key, and have patience for two.
echo "here $(cat "$T/host.pub")" >"$T/known_hosts"
echo "there $(cat "$T/host.pub")" >>"$T/known_hosts"
cat "$T/work.pub" >"$T/authorized_keys"
ssh_config "IdentityFile none"
sshd_start here "$T/host" 'MaxAuthTries 2' || skip_all 'sshd does not start here'
# shellcheck disable=SC2154 # of sshd_start
here=$port
# in_to PORT NAME OPTION...: log in there, and do what $far says.
far=true
in_to() {
	in_port=$1 in_name=$2
	shift 2
	ssh -F "$T/ssh_config" -p "$in_port" -o HostKeyAlias="$in_name" "$@" "$in_name" "$far" </dev/null
}
not_ok 'with eight keys the server loses its patience' in_to "$here" here
ok 'a view as IdentityAgent offers the right one' in_to "$here" here -o IdentityAgent="$T/work.sock"
not_ok 'another view does not' in_to "$here" here -o IdentityAgent="$T/home.sock"
far='ssh-add -L'
in_to "$here" here -o IdentityAgent="$T/work.sock" -o ForwardAgent="$T/home.sock" >"$T/far"
is 'a view as ForwardAgent shows its keys there' "$(cut -d ' ' -f 3- "$T/far" | paste -sd , -)" 'home,spare'
in_to "$here" here -o IdentityAgent="$T/work.sock" -o ForwardAgent=yes >"$T/far"
is 'as does one that both are' "$(cut -d ' ' -f 3- "$T/far")" 'work laptop'
mkdir -p "$XDG_RUNTIME_DIR/signet"
ln -s "$T/home.sock" "$XDG_RUNTIME_DIR/signet/forwarded.sock"
readme=$(sed -n 's/^View forwarded .*: \(ForwardAgent .*\)$/\1/p' README.md)
in_to "$here" here -o IdentityAgent="$T/work.sock" -o "$readme" >"$T/far"
is 'as README has it, too' "$(cut -d ' ' -f 3- "$T/far" | paste -sd , -)" 'home,spare'
far="ssh-add -T $T/house.pub"
ok 'it signs there' in_to "$here" here -o IdentityAgent="$T/work.sock" -o ForwardAgent="$T/home.sock"
far="ssh-add -T $T/work.pub"
not_ok 'but with no other' in_to "$here" here -o IdentityAgent="$T/work.sock" -o ForwardAgent="$T/home.sock"
ok 'the log has the host and the view' log_has 'sign refused: this socket does not offer.*forwarded.*view home$'
far=true

# --- the key that last logged in there is first.  The logins above had one key to choose from: another host's key.
keygen ed25519 "$T/host2"
echo "again $(cat "$T/host2.pub")" >>"$T/known_hosts"
sshd_start again "$T/host2" 'MaxAuthTries 2' || skip_all 'sshd does not start here'
again=$port
not_ok 'a host that was never logged in to tries the first keys' in_to "$again" again
ok 'a key is named for the first login' in_to "$again" again -o IdentityFile="$T/work.pub"
ok 'and is the first at the second, by the order alone' in_to "$again" again
ok 'and at the third' in_to "$again" again
not_ok 'a view that does not show it does not list it' in_to "$again" again -o IdentityAgent="$T/home.sock"
is 'elsewhere the order is as it was' "$(ssh-add -L | head -n 1 | cut -d ' ' -f 3)" k1
ssh-add -q -d "$T/work.pub"
ssh-add -q "$T/work"
not_ok 'a key that was removed in between is forgotten' in_to "$again" again

# --- reload
python3 - "$T" >"$T/hung" 2>&1 <<'EOT' &
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1] + "/work.sock")
s.sendall(b"\0\0\0\1\x0b")
assert s.recv(4096)[4] == 12
print("answered", flush=True)
s.settimeout(30)
print("closed" if s.recv(1) == b"" else "more", flush=True)
EOT
reap $!
poll 10 grep -q answered "$T/hung"
cat >"$T/config" <<EOT
OfferKeys no
View home
	Keys k*
View new
	Keys work*
	ReadOnly yes
View asks
	Socket $T/elsewhere
	Keys k1
EOT
kill -HUP "$SSH_AGENT_PID"
ok 'after a reload a new view is there' poll 10 test -S "$T/elsewhere"
ok 'the socket of one that went is not' poll 10 test ! -e "$T/work.sock"
ok 'and its clients are hung up on' poll 10 grep -q closed "$T/hung"
is 'the new one shows its keys' "$(shows new)" 'work laptop'
is 'one that stayed shows what it is to show now' "$(shows home)" 'k1,k2,k3,k4,k5'
is 'one that moved is where it is to be' "$(SSH_AUTH_SOCK=$T/elsewhere ssh-add -L | cut -d ' ' -f 3)" k1
ok 'and no longer where it was' test ! -e "$T/asking"
is 'no key was lost' "$(ssh-add -L | wc -l)" 8

agent_stop
is 'at the end no socket is left' "$(find "$T" -type s)" ''
SSH_AUTH_SOCK=$main

# --- handed over by the service manager
if command -v systemd-socket-activate >/dev/null; then
	SSH_AUTH_SOCK=$T/given
	systemd-socket-activate --fdname=agent:new:other -l "$T/given" -l "$T/given.new" -l "$T/given.other" \
		-E HOME -E XDG_RUNTIME_DIR "$AGENT" -D --config "$T/config" >"$T/activated.log" 2>&1 &
	given=$!
	reap $given
	poll 10 test -S "$T/given.other"
	ok 'with sockets of the service manager keys are added' ssh-add -q "$T/work" "$T/house"
	is 'one that is named like a view is its' "$(SSH_AUTH_SOCK=$T/given.new ssh-add -L | cut -d ' ' -f 3-)" 'work laptop'
	ok 'another view has its own' test -S "$T/home.sock"
	has 'one that no view is named like is told' "$(cat "$T/activated.log")" 'gave a socket named other'
	# turned_away SOCKET: who connects there waits for nothing.
	turned_away() {
		timeout 10 python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(5)
s.connect(sys.argv[1])
assert s.recv(1) == b""' "$1"
	}
	ok 'and turns clients away' turned_away "$T/given.other"
	ok 'the next, too' turned_away "$T/given.other"
	sed -i 's/^View new/View other/' "$T/config"
	kill -HUP $given
	other_shows() {
		[ "$(SSH_AUTH_SOCK=$T/given.other timeout 5 ssh-add -L 2>/dev/null | cut -d ' ' -f 3-)" = 'work laptop' ]
	}
	ok 'after a reload it has a view' poll 10 other_shows
	ok 'and the other turns clients away' turned_away "$T/given.new"
	sed -i 's/^View other/View new/' "$T/config"
	kill -HUP $given
	new_shows() {
		[ "$(SSH_AUTH_SOCK=$T/given.new timeout 5 ssh-add -L 2>/dev/null | cut -d ' ' -f 3-)" = 'work laptop' ]
	}
	ok 'until it has one again' poll 10 new_shows
	kill $given
	wait $given
	ok "what is the service manager's is left" test -S "$T/given.new"
	ok 'what is not is removed' test ! -e "$T/home.sock"
else
	skip 'socket activation' 'systemd-socket-activate is not installed'
fi
finish
