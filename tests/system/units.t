#!/bin/sh
# The units of a login: what systemd says of them, and the agent started as they start it.
. "${0%/*}/../support/lib.sh"
need systemd-analyze systemd-socket-activate ssh-keygen ssh-add

# As --setup fills them in, in a folder of their own.
units=$T/units
mkdir "$units"
for unit in packaging/systemd/signet-*; do
	sed "s|@AGENT@|$AGENT|" "$unit" >"$units/${unit##*/}"
done
service=$units/signet-agent.service

for unit in signet-agent.socket signet-agent-control.socket signet-agent.service; do
	ok "$unit can be verified" systemd-analyze verify --user --man=no "$units/$unit"
	is "and nothing is wrong with it" "$(cat "$T/err")" ''
done

# The bound is what it came to: what is missing are settings that make a namespace (see the unit).
exposure=$(systemd-analyze security --user --offline=yes --no-pager "$service" 2>"$T/err" |
	sed -n 's/.*Overall exposure level for [^:]*: \([0-9]*\)\.\([0-9]\).*/\1\2/p')
has "systemd tells the exposure" "$exposure" '^[0-9]+$'
ok "it is at most 7.5 (${exposure:-none} tenths)" test "${exposure:-999}" -le 75

# Each of these has a user's manager make a user namespace, in which root is nobody (systemd.exec(5)).
is "no setting makes a namespace" "$(grep -E '^(Private|Protect(Home|System|Proc|Control|Kernel|Clock|Host)|ProcSubset|ReadOnly|ReadWrite|Inaccessible|Exec.*Paths|NoExec|TemporaryFileSystem|Bind|Root|Mount|DynamicUser|Dev|RestrictNamespaces|MemoryDeny|IPAddress)' "$service")" ''

# With the AppArmor profile each of these keeps the helpers from theirs (systemd.exec(5), NoNewPrivileges=).
settings() {
	sed -n 's/^\([A-Za-z]*\)=.*/\1/p' "$1" | grep -E '^(NoNew|Lock|Restrict|SystemCall[AF])' | sort -u
}
has 'some settings of the unit bring no new privileges' "$(settings "$service")" '^NoNewPrivileges$'
is 'what is said to go with the AppArmor profile turns all of them off' \
	"$(sed -n 's/=\(no\|\)$//p' packaging/apparmor/unit.conf | sort)" "$(settings "$service")"

# The very command of the service, with the sockets and names of the units.
setting() {
	sed -n "s/^$2=//p" "$units/$1" | sed "s|%t|$XDG_RUNTIME_DIR|"
}
agent_sock=$(setting signet-agent.socket ListenStream)
control_sock=$(setting signet-agent-control.socket ListenStream)
is "the control socket lies beside the agent's" "$control_sock" "$agent_sock.ctl"
command=$(setting signet-agent.service ExecStart)
mkdir -m 700 "${agent_sock%/*}"

# activate NAME:NAME SOCKET...: as the manager would; $pid is the agent's from the first client on.
activate() {
	names=$1
	shift
	for s; do
		set -- "$@" -l "$s"
		shift
	done
	eval "exec systemd-socket-activate --fdname=$names $* $command" >"$T/activated.log" 2>&1 &
	pid=$!
	reap $pid
	poll 5 test -S "$agent_sock"
}

keygen ed25519 "$T/key"
unset XDG_CONFIG_HOME
mkdir -m 700 "$HOME/.ssh"
keygen ed25519 "$HOME/.ssh/id_ed25519" -C offered
SSH_AUTH_SOCK=$agent_sock
export SSH_AUTH_SOCK
activate "$(setting signet-agent.socket FileDescriptorName):$(setting signet-agent-control.socket FileDescriptorName)" \
	"$agent_sock" "$control_sock"
ok "the agent answers at the units' socket" ssh-add -q "$T/key"
ok "and signs" ssh-add -T "$T/key.pub"
has "the control socket is the units' too" "$("$ADD" --status 2>&1)" '^control-socket: *'"$control_sock\$"
reload=$(setting signet-agent.service ExecReload | sed 's/\$\$/$/g')
ok "ExecReload works on a system without other programs" sh -c "exec env -i PATH=/none MAINPID=$pid $reload"
ok "ExecReload's signal leaves the key" ssh-add -T "$T/key.pub"
offers() {
	[ "$(ssh-add -L | grep -c ' offered$')" = "$1" ]
}
ok "the keys in ~/.ssh are offered" poll 10 offers 1
mkdir -p "$HOME/.config/signet"
echo 'OfferKeys no' >"$HOME/.config/signet/config"
kill -HUP $pid
ok "unless the configuration says otherwise" poll 10 offers 0
rm "$HOME/.config/signet/config"
kill $pid
wait $pid
is "stopped, it ends well" $? 0
ok "the sockets are the manager's, and stay" test -S "$agent_sock" -a -S "$control_sock"
rm -f "$agent_sock" "$control_sock"

# Without the control socket's unit.
activate agent "$agent_sock"
ok "with the agent's socket alone, it answers" ssh-add -q "$T/key"
ok "and has bound the control socket beside it" "$ADD" --status
is "for its user alone" "$(stat -c %a "$control_sock")" 600
kill $pid
wait $pid
ok "its end leaves the manager's socket" test -S "$agent_sock"
not_ok "and not the one that it made" test -e "$control_sock"

finish
