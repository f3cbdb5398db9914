#!/bin/sh
# Seeing what goes on: the decision log, the verbose list, the status, each as text and as JSON.
. "${0%/*}/../support/lib.sh"
need ssh-keygen python3

keygen ed25519 "$T/key" -C 'quote " and \ comment'
keygen rsa "$T/other" -b 2048 -C other
agent_start || fail "the agent starts"

# json FILE: every line is one object whose values are strings.
json() {
	python3 - "$1" <<-'END'
		import json, sys
		lines = open(sys.argv[1], encoding="utf-8").read().splitlines()
		assert lines
		for line in lines:
		    o = json.loads(line)
		    assert isinstance(o, dict) and o and all(isinstance(v, str) for v in o.values())
	END
}

log_has() {
	"$ADD" --log | grep -Eq -e "$1"
}

# A client that is refused ends at once, sometimes before it could be looked at: its name is "(gone)" then.
refused_and_logged() {
	! ssh-add -T "$T/key.pub" 2>/dev/null && log_has "$1"
}

refused_and_streamed() {
	! ssh-add -T "$T/key.pub" 2>/dev/null && grep -q "$1" "$T/follow"
}

print=$(ssh-keygen -lf "$T/key.pub" | awk '{ print $2 }')
pattern=$(printf '%s' "$print" | sed 's/+/[+]/g')
"$ADD" -q "$T/key"
"$ADD" -q -t 1h "$T/other"

# --- the verbose list
"$ADD" -l >"$T/plain"
ssh-add -l >"$T/theirs"
ok "-l stays what ssh-add prints" cmp "$T/plain" "$T/theirs"
ok "-l -v lists" "$ADD" -l -v
verbose=$(cat "$T/out")
is "its headlines are the lines of -l" "$(printf '%s\n' "$verbose" | grep -v '^ ')" "$(cat "$T/plain")"
has "it tells the lifetime left" "$verbose" '^    lifetime-left-seconds: 3(600|59[0-9])$'
has "a key that came by the protocol says so" "$verbose" '^    source: agent socket$'
"$ADD" -q --idle 1d "$T/other"
has "one with our rules came by the control socket" "$("$ADD" -l -v | sed -n '/ other /,/source/p')" \
	'^    source: control socket$'
"$ADD" -q -t 1h "$T/other"
is "until it is added again without them" "$("$ADD" -l -v | grep -c '^    source: agent socket$')" 2
is "no key was used yet" "$(printf '%s\n' "$verbose" | grep -c 'uses: 0$')" 2
ok "the key signs" ssh-add -T "$T/key.pub"
has "a use is counted" "$("$ADD" -l -v | sed -n "\\|$print|,/last-use/p")" 'uses: 1$'
has "and dated" "$("$ADD" -l -v | sed -n "\\|$print|,/last-use/p")" 'last-use: 20[0-9-]*T[0-9:]*Z$'
"$ADD" -l -v --json >"$T/keys.json"
ok "-l -v --json is JSON" json "$T/keys.json"
has "which tells the source" "$(cat "$T/keys.json")" '"source":"agent socket"'
is "with the comment as it is" "$(python3 -c 'import json, sys
print(json.loads(open(sys.argv[1]).readline())["comment"])' "$T/keys.json")" 'quote " and \ comment'

# --- the log
printf 'first-lock-secret\nfirst-lock-secret\n' >"$T/lines"
ask=$(askpass ask 'echo first-lock-secret')
SSH_ASKPASS=$ask SSH_ASKPASS_REQUIRE=force "$ADD" -x >/dev/null 2>&1 </dev/null
not_ok "a locked agent signs nothing" ssh-add -T "$T/key.pub"
ok "the log says why" poll 5 refused_and_logged "sign refused: the agent is locked; by ssh-add; pid [0-9]+; hidden: keys and hosts"
has "a locked agent lists no key" "$("$ADD" -l -v 2>&1)" 'the agent is locked'
wrong=$(askpass wrong 'echo wrong-lock-secret')
SSH_ASKPASS=$wrong SSH_ASKPASS_REQUIRE=force "$ADD" -X >/dev/null 2>&1 </dev/null
ok "a wrong passphrase is in the log" log_has 'unlock refused: the passphrase is wrong'
SSH_ASKPASS=$ask SSH_ASKPASS_REQUIRE=force "$ADD" -X >/dev/null 2>&1 </dev/null
ok "unlocking is in the log" log_has 'unlock allowed'
ok "and then what the lock hid" log_has "sign refused: the agent is locked; key $pattern; by ssh-add; pid [0-9]+; to unrecognised data\$"
"$ADD" --log --json >"$T/log.json"
ok "--log --json is JSON" json "$T/log.json"

"$ADD" --log -f --json >"$T/follow" 2>"$T/follow.err" &
follower=$!
reap "$follower"
ok "-f shows what was" poll 5 grep -q '"request":"unlock"' "$T/follow"
before=$(wc -l <"$T/follow")
"$ADD" -q -d "$T/key.pub"
ok "and what comes" poll 5 grep -Eq "\"request\":\"remove\",\"answer\":\"allowed\",\"key\":\"$pattern\"" "$T/follow"
is "once" "$(($(wc -l <"$T/follow") - before))" 1
not_ok "a key that is not there signs nothing" ssh-add -T "$T/key.pub"
ok "with the name of who asked" poll 5 refused_and_streamed '"reason":"no such key".*"program":"ssh-add"'
ok "what was streamed is JSON" json "$T/follow"
[ "$tap_failed" -eq 0 ] || diag "$(tail -n 3 "$T/follow")"
kill "$follower"
wait "$follower" 2>/dev/null

# --- the bound, and a follower that does not read
mkfifo "$T/fifo"
"$ADD" --log -f >"$T/fifo" 2>/dev/null &
deaf=$!
reap "$deaf"
exec 9<"$T/fifo"
python3 - "$SSH_AUTH_SOCK" <<'END'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
body = b"\x0d" + struct.pack(">I", 3) + b"key" + struct.pack(">I", 1) + b"d" + struct.pack(">I", 0)
for i in range(6000):
    s.sendall(struct.pack(">I", len(body)) + body)
    answer = b""
    while len(answer) < 5:
        answer += s.recv(5 - len(answer))
    assert answer == b"\0\0\0\1\5"
END
is "six thousand refusals are answered" "$?" 0
is "the last thousand stay" "$("$ADD" --log | wc -l)" 1000
"$ADD" --log --json >"$T/log.json"
is "without a gap" "$(python3 -c 'import json, sys
n = [int(json.loads(l)["number"]) for l in open(sys.argv[1])]
print(n == list(range(n[0], n[0] + 1000)))' "$T/log.json")" True
exec 9<&-
ok "a follower that does not read is let go" gone "$deaf" 10

# --- destinations by name
ssh-keygen -q -t ed25519 -N '' -f "$T/hostkey"
echo "a.example.org,b.example.org $(cut -d' ' -f1,2 "$T/hostkey.pub")" >"$T/known"
ssh-keygen -q -t ed25519 -N '' -f "$T/bound"
"$ADD" -q -H "$T/known" -h a.example.org -h 'a.example.org>you@b.example.org' "$T/bound"
has "the list names the destinations" "$("$ADD" -l -v)" \
	'^    destinations: a.example.org, a.example.org>you@b.example.org$'
"$ADD" -q -d "$T/bound"
echo "a,b $(cut -d' ' -f1,2 "$T/hostkey.pub")" >"$T/known"
"$ADD" -q -H "$T/known" -h a -h 'x, y@b' "$T/bound"
has "an odd name stands in quotation marks" "$("$ADD" -l -v)" '^    destinations: a, "x, y"@b$'
"$ADD" -q -d "$T/bound"

# --- the status
ok "--status --json" "$ADD" --status --json
mv "$T/out" "$T/status.json"
is "in one object" "$(python3 -c 'import json, sys
print(type(json.load(open(sys.argv[1]))).__name__)' "$T/status.json")" dict
has "it tells the followers" "$("$ADD" --status)" '^log-followers: 0$'
has "it names the socket" "$("$ADD" --status)" "^socket: $SSH_AUTH_SOCK\$"
has "it names the helpers" "$("$ADD" --status)" '^helper-signet-prompt: present$'

# --- another agent
agent_stop
ssh-agent -D -a "$T/theirs.sock" >/dev/null 2>&1 &
reap $!
SSH_AUTH_SOCK=$T/theirs.sock
poll 5 test -S "$SSH_AUTH_SOCK"
ssh-add -q "$T/key"
ok "-l -v of another agent" "$ADD" -l -v
is "is the plain list" "$(cat "$T/out")" "$(ssh-add -l)"
has "with a note" "$(cat "$T/err")" 'control socket cannot be reached'
exits "--log of another agent fails" 2 "$ADD" --log

is "no passphrase is in any of it" \
	"$(cat "$T/agent.log" "$T/follow" "$T/log.json" "$T/keys.json" | grep -c 'lock-secret')" 0
finish
