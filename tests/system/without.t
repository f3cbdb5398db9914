#!/bin/sh
# On kernels that lack a protection: the agent serves, says what is missing, in the log once, and keeps the rest.
. "${0%/*}/../support/lib.sh"
need ssh-keygen ssh-add python3
no_sanitizers
WITHOUT=$BUILD/tests/tools/without
keygen ed25519 "$T/key"
keygen rsa "$T/rsa" -b 2048
keygen ed25519 "$T/asked"
SSH_ASKPASS=$(askpass yes 'exit 0') SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE

# The same agent, behind the tool.
program=$AGENT
AGENT=$T/lacking

# status NAME: its value, as --json has it.
status() {
	"$ADD" --status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# lacks PROTECTION...: start the agent on a kernel without them, and see it serve.
lacks() {
	printf '#!/bin/sh\nexec "%s" %s -- "%s" "$@"\n' "$WITHOUT" "$*" "$program" >"$AGENT"
	chmod 755 "$AGENT"
	ok "without $*: the agent starts" agent_start
	ok "without $*: keys are added" "$ADD" -q "$T/key" "$T/rsa"
	"$ADD" -q -c "$T/asked"
	ok "without $*: it signs" ssh-add -T "$T/key.pub" "$T/rsa.pub"
	ok "without $*: a person can be asked" ssh-add -T "$T/asked.pub"
}

# said TEXT: how often the log has it.
said() {
	grep -c "$1" "$T/agent.log"
}

agent_plain() {
	printf '#!/bin/sh\nexec "%s" "$@"\n' "$program" >"$AGENT"
	chmod 755 "$AGENT"
	agent_start
}
ok 'with all of it the agent starts' agent_plain
# What this kernel itself lacks cannot be taken away, and must be told of here as well.
is 'the system-call filter is on' "$(status system-call-filter)" on
landlock=$(status landlock)
memory=$(status secret-memory)
ok 'landlock is on, or said to be missing' test "$landlock" = on -o "$landlock" = missing
agent_stop
is 'nothing else is complained of' "$(grep -v Landlock "$T/agent.log" | grep -c 'going on without')" 0

lacks landlock
is 'status says that Landlock is missing' "$("$ADD" --status | grep '^landlock:')" 'landlock: missing'
is 'in JSON, too' "$(status landlock)" missing
is 'the filter is in force' "$(status system-call-filter)" on
is 'secret memory is what it was' "$(status secret-memory)" "$memory"
agent_stop
is 'the log says it once' "$(said 'going on without Landlock')" 1
has 'and what to do' "$(cat "$T/agent.log")" 'Linux 5.13 or later'

lacks seccomp
is 'status says that the filter is missing' "$("$ADD" --status | grep '^system-call-filter:')" \
	'system-call-filter: missing'
is 'in JSON, too' "$(status system-call-filter)" missing
is 'Landlock is what it was' "$(status landlock)" "$landlock"
agent_stop
is 'the log says it once' "$(said 'going on without a system-call filter')" 1
has 'and what to do' "$(cat "$T/agent.log")" 'CONFIG_SECCOMP_FILTER'

lacks memfd_secret
is 'keys lie in locked memory then' "$("$ADD" --status | grep '^secret-memory:')" 'secret-memory: locked'
is 'and encrypted' "$(status keys-encrypted-at-rest)" 3
agent_stop

lacks landlock seccomp memfd_secret
has 'status says all of it' "$("$ADD" --status | tr '\n' ' ')" \
	'secret-memory: locked .*system-call-filter: missing landlock: missing'
agent_stop
is 'the log says each once' "$(said 'going on without')" 2

# In the background the lines come on standard error, before the command ends.
SSH_AUTH_SOCK=$T/background.sock
eval "$("$WITHOUT" landlock seccomp -- "$program" -a "$SSH_AUTH_SOCK" 2>"$T/err")" >/dev/null
reap "$SSH_AGENT_PID"
is 'an agent in the background says so to who starts it' "$(grep -c 'going on without' "$T/err")" 2
ok 'and serves' "$ADD" -q "$T/key"
ok 'until it is ended' "$program" -k
finish
