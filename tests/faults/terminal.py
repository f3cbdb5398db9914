"""A command in the foreground of a terminal of its own, at which a person types an answer to the first question:
terminal.py ANSWER COMMAND..."""
import os
import pty
import re
import select
import sys
import time

PATIENCE = 50
QUESTION = re.compile(rb": $")

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
said, answered, end = b"", False, time.monotonic() + PATIENCE
while time.monotonic() < end:
    if not select.select([terminal], [], [], 0.1)[0]:
        continue
    try:
        more = os.read(terminal, 4096)
    except OSError:
        break
    if not more:
        break
    said += more
    if not answered and QUESTION.search(said):
        os.write(terminal, sys.argv[1].encode() + b"\n")
        answered = True
sys.stdout.buffer.write(said.replace(b"\r\n", b"\n"))
status = os.waitpid(pid, 0)[1]
if os.WIFSIGNALED(status):
    print("ended without an answer: signal %d" % os.WTERMSIG(status))
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)
