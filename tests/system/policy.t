#!/bin/sh
# seconds 120
# Rules that keys carry beyond the protocol's constraints: this machine only, idle time, and asking on forwarded
# connections only; with a real ssh that forwards the agent to a real sshd.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/sshd.sh"
need ssh ssh-add ssh-agent ssh-keygen python3
sshd_need

keygen ed25519 "$T/host"
keygen ed25519 "$T/entry" # logs in, from a file: the agent has no say in it
keygen ed25519 "$T/tied" -C tied
keygen ed25519 "$T/open" -C open
cat "$T/entry.pub" >"$T/authorized_keys"
echo "here $(cat "$T/host.pub")" >"$T/known_hosts"
ssh_config "HostKeyAlias here" "IdentityFile $T/entry" "IdentitiesOnly yes" "ForwardAgent yes"
sshd_start here "$T/host" || skip_all "sshd does not start here"

# away COMMAND...: run it on the other host, with the agent forwarded.
away() {
	ssh -F "$T/ssh_config" -p "$port" here "$@" </dev/null
}

# Each question leaves a line; the answer is in the file "answer".
echo 0 >"$T/answer"
: >"$T/asked"
SSH_ASKPASS=$(askpass ask "echo asked >>$T/asked" "exit \$(cat $T/answer)")
SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
questions() {
	grep -c asked "$T/asked"
}
agent_start || fail "the agent starts"
unset SSH_ASKPASS SSH_ASKPASS_REQUIRE

# --- this machine only
ok "a key for this machine is added" "$ADD" --local-only "$T/tied"
is "and said to be one" "$(sed -n 2p "$T/err")" 'The key may be used on this machine only'
"$ADD" -q "$T/open"
has "the verbose list says so" "$("$ADD" -l -v)" '^    local-only: yes$'
ok "it signs here" ssh-add -T "$T/tied.pub"
is "the other host sees the other key alone" "$(away ssh-add -L | cut -d ' ' -f 1-2)" "$(cut -d ' ' -f 1-2 "$T/open.pub")"
ok "which signs there" away ssh-add -T "$T/open.pub"
not_ok "the other host cannot sign with it" away ssh-add -T "$T/tied.pub"
# grep reads all, for the log is written to a pipe that must not break.
log_has() {
	"$ADD" --log >"$T/log" && grep -Eq -e "$1" "$T/log"
}
ok "the log says why" log_has 'sign refused: this key may be used on this machine only'
not_ok "nor remove it" away ssh-add -d "$T/tied.pub"
ok "which the log says too" log_has 'remove refused: this key may be used on this machine only'
is "it is still here" "$(ssh-add -L | grep -c ' tied$')" 1
not_ok "the control socket is out of its reach" away "$ADD" --status
ok "which is within ours" "$ADD" --status
ok "removing all is honoured from there" away ssh-add -D
is "and took it along" "$(ssh-add -L)" 'The agent has no identities.'
"$ADD" -q --local-only "$T/tied"
"$ADD" -q "$T/tied"
ok "added again without the rule it is seen there" away "ssh-add -L | grep -q ' tied$'"
"$ADD" -q --local-only "$T/tied"
"$ADD" -q --all --local-only "$T" 2>/dev/null
is "--all gives every key the rule" "$("$ADD" -l -v | grep -c 'local-only: yes')" "$(ssh-add -L | wc -l)"
not_ok "so that nothing is seen there" away ssh-add -L
ssh-add -q -D

# --- idle time
"$ADD" -q --idle 1 "$T/open"
"$ADD" -q --idle 1h -t 2h "$T/tied"
has "the verbose list tells the idle time left" "$("$ADD" -l -v)" '^    idle-left-seconds: 3(600|59[0-9])$'
has "and the lifetime" "$("$ADD" -l -v)" '^    lifetime-left-seconds: 7(200|19[0-9])$'
one_left() {
	[ "$(ssh-add -L | wc -l)" -eq 1 ]
}
ok "a key that is not used goes" poll 20 one_left
is "another does not" "$(ssh-add -L | sed 's/.* //')" tied
# Used every tenth of a second for two seconds; on a machine too slow for that it may go, and is added again.
outlives() {
	"$ADD" -q --idle 1 "$T/open"
	uses=0
	while [ $uses -lt 20 ]; do
		ssh-add -T "$T/open.pub" || return 1
		uses=$((uses + 1))
		sleep 0.1
	done
}
ok "one that is used stays" poll 1 outlives
ok "until it is used no more" poll 20 one_left
ssh-add -q -D

# --- where a key came from
away ssh-add -q "$T/open"
has "a key that was added over there says so" "$("$ADD" -l -v)" '^    source: forwarded connection$'
"$ADD" -q "$T/open"
has "until it is added here" "$("$ADD" -l -v)" '^    source: agent socket$'
ssh-add -q -D

# --- asking on forwarded connections only
"$ADD" --confirm=forwarded "$T/open" 2>"$T/err"
is "the rule is said" "$(sed -n 2p "$T/err")" 'The user must confirm each use of the key on forwarded connections'
has "and listed" "$("$ADD" -l -v --json)" '"confirm":"forwarded"'
ok "the key signs here" ssh-add -T "$T/open.pub"
is "without a question" "$(questions)" 0
ok "and there" away ssh-add -T "$T/open.pub"
is "after one" "$(questions)" 1
echo 1 >"$T/answer"
not_ok "unless the answer is no" away ssh-add -T "$T/open.pub"
is "which was asked for anew" "$(questions)" 2
ok "and here it still signs" ssh-add -T "$T/open.pub"
echo 0 >"$T/answer"
"$ADD" -q -c --local-only "$T/open"
ok "-c besides another rule" ssh-add -T "$T/open.pub"
is "asks here" "$(questions)" 3
has "and is listed as always" "$("$ADD" -l -v)" '^    confirm: always$'

# --- bad additions on the control socket: each is answered with a reason, and adds nothing
"$ADD" -q -D
python3 - "$SSH_AUTH_SOCK" "$T/tied.pub" >"$T/bad" 2>&1 <<'END'
import base64, socket, struct, sys
def string(b):
    return struct.pack(">I", len(b)) + b
def ask(path, body):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(path)
    s.sendall(string(body))
    f = s.makefile("rb")
    return f.read(struct.unpack(">I", f.read(4))[0])
def sentence(reply):
    assert reply[0] == 3 and len(reply) == 5 + struct.unpack(">I", reply[1:5])[0], reply
    return reply[5:].decode()
ctl = sys.argv[1] + ".ctl"
public = base64.b64decode(open(sys.argv[2]).read().split()[1])[-32:]
none = bytes(10)
key = string(b"ssh-ed25519") + string(public) + string(bytes(32) + public) + string(b"c")
print(sentence(ask(ctl, b"\x08")))
print(sentence(ask(ctl, b"\x08" + none)))
print(sentence(ask(ctl, b"\x08" + none + string(key) + b"x")))
print(sentence(ask(ctl, b"\x08\x05" + none[1:] + string(key))))
print(sentence(ask(ctl, b"\x08\x04" + none[1:] + string(key))))
print(sentence(ask(ctl, b"\x08" + none + string(key + b"\xff"))))
print(sentence(ask(ctl, b"\x08" + none + string(b"\x11" + key))))
print(sentence(ask(ctl, b"\x08" + none + string(key))))
assert ask(sys.argv[1], b"\x08" + none + string(key)) == b"\x05"
END
is "bad additions are refused, with the reason" "$(cat "$T/bad")" "data ends too early
data ends too early
there are surplus bytes after the end
unknown or unsupported constraint
unknown or unsupported constraint
data ends too early
data ends too early
the public half does not belong to the private key"
is "and nothing was added" "$(ssh-add -L)" 'The agent has no identities.'

# --- refused with a reason, and where there is no control socket
"$ADD" -q -D
asker=$(askpass pass 'echo lock-word')
SSH_ASKPASS=$asker SSH_ASKPASS_REQUIRE=force "$ADD" -x >/dev/null 2>&1 </dev/null
exits "a locked agent takes no key" 1 "$ADD" --local-only "$T/tied"
has "and says why" "$(cat "$T/err")" 'The agent refused: the agent is locked'
SSH_ASKPASS=$asker SSH_ASKPASS_REQUIRE=force "$ADD" -X >/dev/null 2>&1 </dev/null
exits "a forwarded agent takes no such key" 1 away "$ADD" --local-only "$T/tied"
has "and says what is missing" "$(cat "$T/err")" 'No key was added'
is "nothing was added" "$(ssh-add -L)" 'The agent has no identities.'
agent_stop
ssh-agent -D -a "$T/theirs.sock" >/dev/null 2>&1 &
reap $!
SSH_AUTH_SOCK=$T/theirs.sock
poll 5 test -S "$SSH_AUTH_SOCK"
for rule in --local-only --idle=1h --confirm=forwarded --confirm=once-per-connection --confirm=10m; do
	exits "another agent: $rule" 1 "$ADD" "$rule" "$T/tied"
	has "is refused with a sentence" "$(cat "$T/err")" '^No key was added: --confirm, --idle and --local-only need it'
done
exits "with --all too" 1 "$ADD" --local-only --all "$T"
is "no key was added" "$(ssh-add -L)" 'The agent has no identities.'
ok "--confirm=always is the protocol's, for any agent" "$ADD" --confirm=always "$T/tied"
finish
