#!/bin/sh
# Hundreds of questions at once, all pending and all answered, while another client's signatures go on.
. "${0%/*}/../support/lib.sh"
need ssh-keygen python3
unset SIGNET_PROMPT SIGNET_PINENTRY SSH_CONNECTION
keygen ed25519 "$T/key" -C asked
keygen ed25519 "$T/free" -C free

# Each question waits before the gate until somebody opens it for writing, and is a yes then.
mkfifo "$T/gate"
SSH_ASKPASS=$(askpass ask "echo \$\$ >>'$T/pids'" ": <'$T/gate'")
SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
agent_start || fail 'the agent starts'
ok 'a key that asks' "$ADD" -q -c "$T/key"
ok 'and one that does not' "$ADD" -q "$T/free"

cat >"$T/many.py" <<'END'
import base64, os, re, socket, struct, subprocess, sys, threading, time
folder, add, scene, questions, shown = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])

def string(b):
    return struct.pack(">I", len(b)) + b

def request(name, number):
    """What ssh-keygen -Y sign asks for: each for a namespace of its own."""
    blob = base64.b64decode(open(f"{folder}/{name}.pub").read().split()[1])
    data = b"SSHSIG" + string(b"n%d" % number) + string(b"") + string(b"sha256") + string(b"x" * 32)
    return string(b"\x0d" + string(blob) + string(data) + struct.pack(">I", 0))

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(os.environ["SSH_AUTH_SOCK"])
    return s

def answer(s):
    head = b""
    while len(head) < 4:
        head += s.recv(4 - len(head)) or sys.exit("the agent hung up")
    rest = b""
    while len(rest) < struct.unpack(">I", head)[0]:
        rest += s.recv(65536) or sys.exit("the agent hung up")
    return rest[0]

def until(what, true):
    deadline = time.monotonic() + 50
    while not true():
        if time.monotonic() > deadline:
            sys.exit(f"{what}: waited too long; {status()}")
        time.sleep(0.05)

def status():
    text = subprocess.run([add, "--status"], capture_output=True, text=True, check=True).stdout
    return {k: int(v) for k, v in re.findall(r"^prompts-(\w+): (\d+)$", text, re.M)}

def asked():
    return open(f"{folder}/pids").read().count("\n")

class Others(threading.Thread):
    """Signs and signs."""
    made, over, fault = 0, False, None
    def run(self):
        s = connect()
        while not self.over:
            s.sendall(request("free", 0))
            if answer(s) != 14:
                self.fault = "a signature was refused"
                return
            self.made += 1
            time.sleep(0.02)

def go_on(others, what):
    before = others.made
    until(f"signatures {what}", lambda: others.fault or others.made > before + 20)
    if others.fault:
        sys.exit(f"{what}: {others.fault}")

def one_process_each():
    """Applications of their own: nothing joins their questions."""
    children = []
    for i in range(questions):
        pid = os.fork()
        if pid == 0:
            os.setsid()
            s = connect()
            s.sendall(request("key", 0))
            os._exit(0 if answer(s) == 14 else 1)
        children.append(pid)
    return lambda: [os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in children].count(0)

def one_instant():
    clients = [connect() for i in range(questions)]
    for i, s in enumerate(clients):
        s.sendall(request("key", i))
    return lambda: [answer(s) for s in clients].count(14)

open(f"{folder}/pids", "w").close()
collect = {"processes": one_process_each, "instant": one_instant}[scene]()
others = Others(daemon=True)
others.start()
until("all are pending", lambda: sum(status().values()) == questions and asked() == shown)
print("pending", status()["open"], status()["waiting"], flush=True)
go_on(others, "while they are pending")
gate = os.open(f"{folder}/gate", os.O_WRONLY)
print("allowed", collect(), flush=True)
go_on(others, "after them")
others.over = True
others.join()
print("asked", asked(), flush=True)
END
many() {
	timeout 200 python3 "$T/many.py" "$T" "$ADD" "$@" 2>&1
}

is '200 questions of as many applications are open at once, and answered' "$(many processes 200 200)" 'pending 200 0
allowed 200
asked 200'
is 'of 300 that one program asks in an instant, none is refused' "$(many instant 300 256)" 'pending 256 44
allowed 300
asked 300'
has 'the log has who was asked' "$("$ADD" --log)" 'sign allowed.*consent asked'
is 'and no refusal' "$("$ADD" --log | grep -c refused)" 0
is 'no question is left' "$("$ADD" --status | grep '^prompts-')" 'prompts-open: 0
prompts-waiting: 0'

# --- their clients leave: those in line were never asked
: >"$T/pids"
cat >"$T/leave.py" <<'END'
import re, sys
source = open(sys.argv[1] + "/many.py").read()
exec(source.split("others = Others")[0])
until("all are pending", lambda: sum(status().values()) == questions and asked() == shown)
END
ok 'a program with 300 questions leaves' timeout 100 python3 "$T/leave.py" "$T" "$ADD" instant 300 256
none_is_open() { "$ADD" --status | grep -q '^prompts-open: 0$'; }
ok 'which takes them back' poll 20 none_is_open
is 'without asking those in line' "$(wc -l <"$T/pids" | tr -d ' ')" 256
log=$("$ADD" --log | grep 'the request was cancelled')
is 'of each the log says whether a person was asked' \
	"$(printf '%s\n' "$log" | grep -c 'consent asked') $(printf '%s\n' "$log" | grep -vc consent)" '256 44'
agent_stop
finish
