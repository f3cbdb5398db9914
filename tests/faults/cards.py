"""One life of signet-card, by tests/tools/cards.c: cards.py CARDS REQUEST...  What is said is waited for, or the end."""
import subprocess
import sys

p = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def until(*words):
    """Lines up to one that begins so; False at the end."""
    for line in p.stdout:
        sys.stdout.buffer.write(line)
        sys.stdout.flush()
        if line.split(b" ")[0].decode().strip() in words:
            return True
    return False


def ask(line):
    try:
        p.stdin.write(line.encode() + b"\n")
        p.stdin.flush()
    except BrokenPipeError:
        pass


going = until("inventory")
for request in sys.argv[2:]:
    if not going:
        break
    ask(request)
    if request != "logout":
        going = until("signed", "selected", "failed", "no")
ask("quit")
try:
    p.stdin.close()
except BrokenPipeError:
    pass
until()
status = p.wait(30)
if status >= 128:
    print("ended without an answer: signal %d" % (status - 128))
