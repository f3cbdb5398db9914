#!/bin/sh
# What the log says of requests that went wrong or came from afar: what for, over which hosts, and nothing that was not so.
. "${0%/*}/../support/lib.sh"
need ssh-keygen python3
PYTHONPATH=${0%/*}/../support
PYTHONDONTWRITEBYTECODE=1
export PYTHONPATH PYTHONDONTWRITEBYTECODE
unset SIGNET_PROMPT SIGNET_PINENTRY SSH_CONNECTION
for name in plain asked bound local hop end other; do
	keygen ed25519 "$T/$name" -C "$name"
done
keygen ed25519 "$T/evil" -C 'x; by ssh; pid 1; to root@bank'
# fingerprint NAME
fingerprint() { ssh-keygen -lf "$T/$1.pub" | awk '{ print $2 }'; }
printf 'end.example.org %s\n' "$(cut -d' ' -f1,2 "$T/end.pub")" >"$T/known_hosts"

ask=$(askpass ask "echo >>$T/shown" "while ! [ -e $T/go ]; do sleep 0.05; done" 'exit 0')
SSH_ASKPASS=$ask SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
agent_start || fail 'the agent starts'
"$ADD" -q "$T/plain" "$T/hop" "$T/end" "$T/other" 2>/dev/null
"$ADD" -q --local-only "$T/local"
"$ADD" -q -H "$T/known_hosts" -h end.example.org "$T/bound"
"$ADD" -q --confirm=once-per-connection "$T/asked"

cat >"$T/client_test.py" <<'PY'
import json, os, subprocess, sys
import client as c

T, ADD, SOCKET = sys.argv[1], sys.argv[2], os.environ["SSH_AUTH_SOCK"]
host = c.Client(SOCKET)
count = 0


def check(what, good, more=""):
    global count
    count += 1
    print(("ok" if good else "not ok") + " - " + what)
    if not good:
        print("# " + str(more))


def blob(name):
    return c.blob_of(T + "/" + name + ".pub")


def fingerprint(name):
    return subprocess.run(["ssh-keygen", "-lf", T + "/" + name + ".pub"], check=True, stdout=subprocess.PIPE).stdout.decode().split()[1]


def records():
    text = subprocess.run([ADD, "--log", "--json"], check=True, stdout=subprocess.PIPE).stdout.decode()
    return [json.loads(line) for line in text.splitlines()]


def last(request):
    return [r for r in records() if r["request"] == request][-1]


def login(session, key, user=b"you", host_key=None):
    method = b"publickey" if host_key is None else b"publickey-hostbound-v00@openssh.com"
    return (c.string(session) + b"\x32" + c.string(user) + c.string(b"ssh-connection") + c.string(method) + b"\1" +
            c.string(b"ssh-ed25519") + c.string(key) + (b"" if host_key is None else c.string(host_key)))


def bind(connection, name, session, forwarding=False):
    reply = connection.ask(c.bind_request(host, blob(name), session, forwarding))
    assert reply[0] == c.SUCCESS, reply


def ask(connection, name, data):
    return connection.ask(c.sign_request(blob(name), data))[0]


def says(what, record, **wanted):
    for name, value in wanted.items():
        check(what + ": " + name, record.get(name) == value, record)


# A login with a plain key, whose client proved the host: told by the key's fingerprint.
one = c.Client(SOCKET)
bind(one, "end", b"S1")
assert ask(one, "plain", login(b"S1", blob("plain"), host_key=blob("end"))) == c.SIGNATURE
says("a login", last("sign"), answer="allowed", destination="you@" + fingerprint("end"), forwarded="no")
check("it came through nothing", "through" not in last("sign"))

# The constraints of a key have a name for it.
assert ask(one, "bound", login(b"S1", blob("bound"), host_key=blob("end"))) == c.SIGNATURE
says("a login with a bound key", last("sign"), answer="allowed", destination="you@end.example.org")

# Without a bind nothing is proved.
two = c.Client(SOCKET)
assert ask(two, "plain", login(b"S2", blob("plain"))) == c.SIGNATURE
says("a login without a proof", last("sign"), answer="allowed", destination="you@unproven host")
assert ask(two, "bound", login(b"S2", blob("bound"))) == c.FAILURE
says("a refused one", last("sign"), answer="refused", destination="you@unproven host", forwarded="no")
assert ask(two, "plain", b"SSHSIG" + c.string(b"git") + c.string(b"") + c.string(b"sha512") + c.string(b"x" * 64)) == c.SIGNATURE
says("a signature of a commit", last("sign"), destination="signature for git")

# Over a forwarded connection, refusals too say so, and through which hosts.
far = c.Client(SOCKET)
bind(far, "hop", b"S3", True)
bind(far, "other", b"S4", True)
bind(far, "end", b"S5")
through = fingerprint("hop") + ", then " + fingerprint("other")
assert ask(far, "local", login(b"S5", blob("local"), host_key=blob("end"))) == c.FAILURE
says("a key of this machine only", last("sign"), answer="refused", forwarded="yes", through=through,
     destination="you@" + fingerprint("end"))
assert ask(far, "bound", login(b"S5", blob("bound"), host_key=blob("end"))) == c.FAILURE
says("off the route", last("sign"), answer="refused", forwarded="yes", destination="you@end.example.org")
assert ask(far, "plain", login(b"S5", blob("plain"), b'a"; by x', blob("end"))) == c.SIGNATURE
says("an odd user", last("sign"), forwarded="yes", through=through,
     destination='"a\\x22\\x3b by x"@' + fingerprint("end"))
assert far.ask(bytes([18]) + c.string(b"no key"))[0] == c.FAILURE
says("a removal", last("remove"), answer="refused", forwarded="yes", through=through)
assert far.ask(bytes([21]) + c.string(b"token") + c.string(b""))[0] == c.FAILURE
says("a token's removal", last("remove-token"), reason="no such token", forwarded="yes")

# A bind that is refused is in the log, with the host that was claimed.
forged = c.Client(SOCKET)
request = c.bind_request(host, blob("end"), b"S6")
assert forged.ask(request[:-2] + bytes([request[-2] ^ 1]) + request[-1:])[0] == 28
says("a forged bind", last("session-bind"), answer="refused", destination=fingerprint("end"), forwarded="no")
assert c.Client(SOCKET).ask(request[:-1])[0] == 28
says("a truncated one", last("session-bind"), answer="refused")
check("one that is good is not told", len([r for r in records() if r["request"] == "session-bind"]) == 2)

# After one that was forged no key signs; nor does any log in elsewhere than to the host it proved.
assert ask(forged, "plain", login(b"S6", blob("plain"))) == c.FAILURE
says("a signature after it", last("sign"), reason="an earlier session bind on this connection failed", forwarded="no")
assert ask(one, "plain", login(b"S2", blob("plain"))) == c.FAILURE
says("a login of another session", last("sign"), reason="the login is not for the host that the client proved")
assert ask(one, "plain", login(b"S1", blob("plain"), host_key=blob("hop"))) == c.FAILURE
says("a login to another host key", last("sign"), reason="the login is not for the host that the client proved")
assert ask(one, "plain", b"data") == c.SIGNATURE
# An ssh that is newer than the agent: a host key of a type to come.
newer = c.Client(SOCKET)
future = c.string(b"ssh-of-tomorrow") + c.string(b"key")
newer_bind = c.string(b"session-bind@openssh.com") + c.string(future) + c.string(b"S8") + c.string(b"signature") + b"\0"
assert newer.ask(b"\x1b" + newer_bind)[0] == 28
says("a bind by a key of an unknown type", last("session-bind"), reason="the key type is not known or not supported")
assert ask(newer, "plain", login(b"S8", blob("plain"), host_key=future)) == c.SIGNATURE
assert ask(newer, "bound", login(b"S8", blob("bound"), host_key=future)) == c.FAILURE
says("a bound key after it", last("sign"), reason="an earlier session bind on this connection failed")
assert newer.ask(b"\x1b" + newer_bind[:-1])[0] == 28
assert ask(newer, "plain", login(b"S8", blob("plain"), host_key=future)) == c.FAILURE

# An earlier answer.
asking = c.Client(SOCKET)
bind(asking, "end", b"S7")
open(T + "/go", "w").close()
data = login(b"S7", blob("asked"), host_key=blob("end"))
assert ask(asking, "asked", data) == c.SIGNATURE
says("a question", last("sign"), destination="you@" + fingerprint("end"), consent="asked")
assert ask(asking, "asked", data) == c.SIGNATURE
says("an earlier answer", last("sign"), destination="you@" + fingerprint("end"), consent="remembered")
os.unlink(T + "/go")

# Who asked is known even when it has ended before the answer.
child = os.fork()
if child == 0:
    gone = c.Client(SOCKET)
    os.unlink(T + "/shown")
    gone.send(c.sign_request(blob("asked"), b"data"))
    c.until("a question", lambda: os.path.exists(T + "/shown"))
    os._exit(0)
os.waitpid(child, 0)
c.until("the withdrawal", lambda: last("sign")["answer"] == "refused" and last("sign").get("program"))
says("a client that left", last("sign"), consent="asked", program="python3", pid=str(child))

# What is pending, by kind.
clients = [c.Client(SOCKET) for i in range(3)]
for each in clients[:2]:
    each.send(c.sign_request(blob("asked"), b"data"))
c.until("two questions", lambda: c.status(ADD)["requests-asking"] == "2")
says("the status", c.status(ADD), **{"prompts-open": "2", "notices-open": "0", "requests-behind-another": "0"})
# A lock takes them off the screen.
clients[2].send(b"\x16" + c.string(b"sesame"))
assert clients[2].receive()[0] == c.SUCCESS
check("both are refused", [each.receive()[0] for each in clients[:2]] == [c.FAILURE] * 2)
c.until("no question", lambda: c.status(ADD)["prompts-open"] == "0")
guesser = c.Client(SOCKET)
for i in range(2):
    assert guesser.ask(b"\x17" + c.string(b"wrong"))[0] == c.FAILURE
guesser.send(b"\x17" + c.string(b"wrong"))
c.until("a wrong guess that waits", lambda: c.status(ADD)["locks-waiting"] == "1")

# Locked: no key, no host.
secret = [fingerprint(n) for n in ("plain", "bound", "asked", "end", "hop")] + ["end.example.org"]
text = subprocess.run([ADD, "--log"], check=True, stdout=subprocess.PIPE).stdout.decode()
check("a locked agent's log shows no key and no host", not [s for s in secret if s in text], text)
check("and says so", "; hidden: keys and hosts, while the agent is locked" in text)
check("while it tells reasons", "this key may be used on this machine only" in text)
assert guesser.receive()[0] == c.FAILURE
assert guesser.ask(b"\x17" + c.string(b"sesame"))[0] == c.SUCCESS
text = subprocess.run([ADD, "--log"], check=True, stdout=subprocess.PIPE).stdout.decode()
check("unlocked it shows all again", not [s for s in secret if s not in text], text)
for each in clients:
    each.leave()
print("1..%d" % count)
PY
ok 'the scene' python3 "$T/client_test.py" "$T" "$ADD"
tap_scene=$(cat "$T/out")
diag "$tap_scene" "$(cat "$T/err")" | grep -v '^# ok\|^# 1\.\.\|^# $'
is 'and all that it checks' "$(printf '%s\n' "$tap_scene" | grep -c '^not ok')" 0

# --- the control protocol has numbers of its own
python3 -c 'import os, client as c; c.Client(os.environ["SSH_AUTH_SOCK"] + ".ctl").ask(b"\x0b" + c.string(b"x"))'
ok 'a request on the control socket is not taken for one of the agent protocol' poll 5 \
	grep -q 'request 11 (control) refused' "$T/agent.log"

# --- a comment cannot pass for other fields
"$ADD" -q "$T/evil"
cat >"$T/evil_test.py" <<'PY'
import os, sys
import client as c

# It stays until the log knows who it is: of one that ends at once nothing may be left to be known.
one = c.Client(os.environ["SSH_AUTH_SOCK"])
data = b"SSHSIG" + c.string(b"file") + c.string(b"") + c.string(b"sha512") + c.string(b"x" * 64)
assert one.ask(c.sign_request(c.blob_of(sys.argv[1] + "/evil.pub"), data))[0] == c.SIGNATURE
print("signed", flush=True)
sys.stdin.read()
PY
mkfifo "$T/stay"
python3 "$T/evil_test.py" "$T" <"$T/stay" >"$T/signed" &
evil=$!
reap "$evil"
exec 9>"$T/stay"
poll 10 grep -q signed "$T/signed"
named() { "$ADD" --log | grep -F "$(fingerprint evil)" | grep -q ' sign .*; by python3; '; }
poll 10 named
line=$("$ADD" --log | grep -F "$(fingerprint evil)" | tail -n 1)
exec 9>&-
has 'a comment is marked off' "$line" '; key SHA256:[^ ]* "x\\x3b by ssh\\x3b pid 1\\x3b to root@bank"; by python3; pid [0-9]+; to signature for file$'
finish
