"""faults.py SCENE [ARGUMENT...]: the faults of one scene; tests/faults/run prepares it and tells what it is given.

    faults.py agent SCRIPT AGENT FOLDER            the name of a function of scripts.py
    faults.py start TITLE AGENT FOLDER ARGUMENT...
    faults.py add NAME ADD FOLDER COMMAND...
    faults.py program NAME ROW PROGRAM COMMAND...

SAMPLE in the environment: so many faults of each kind at most, picked by chance from a fixed SEED, for all of them.  Each
row of the table is a line on standard output: what ran, in which process, kind of call, calls, faults, wrong ones.
"""
import os
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import scripts
from agentrun import Agent, Core, Key, Public, Session, Wrong
from sheet import KINDS, LEAKS_ASKED, LEAKS_NONE, Sheet

SAMPLE = int(os.environ.get("SAMPLE", "0"))
SEED = os.environ.get("SEED", "signet")
LIMIT = 60  # seconds a program may take, without an answer or an end
INNER = "inner"  # allocations that libcrypto makes by itself
BEYOND = 3  # so many runs without a fault behind the last one end the count
WRONG_MOST = 20
# Of a fault that did not come, as a session is not quite the same each time; and for so many seconds, as the agent's two
# processes may not have heard each other for a moment after the fault before.
TRIES, TRY_SECONDS = 5, 2
# These end by _exit, where wrap.c looks for leaks.
BY_EXIT = ("signet-fido", "signet-card", "signet-pkcs11", "signet-keyring")
SANITIZER = re.compile(rb"Sanitizer|runtime error:|ended without an answer: .*signal [0-9]+")


class Table:
    def __init__(self, title):
        self.title, self.wrong = title, 0

    def complain(self, row, kind, n, why, where, more=b""):
        self.wrong += 1
        print("WRONG %s: %s: %s %d: %s (%s)" % (self.title, row, kind, n, why, where), file=sys.stderr, flush=True)
        if more:
            sys.stderr.write(more.decode(errors="replace")[:6000] + "\n")
        if self.wrong > WRONG_MOST:
            sys.exit("too much goes wrong")

    def note(self, row, kind, where):
        """Not wrong: the session took another way at every try.  The ledger names it."""
        print("NOTE %s: %s: %s: %s" % (self.title, row, kind, where), flush=True)

    def line(self, row, kind, calls, faults, wrong):
        print("%s\t%s\t%s\t%d\t%d\t%d" % (self.title, row, kind, calls, faults, wrong), flush=True)


def points(what, calls):
    """Which calls are to fail: all, and some beyond the count in case that there are more; or a sample."""
    if SAMPLE and calls > SAMPLE:
        return sorted(random.Random(SEED + what).sample(range(1, calls + 1), SAMPLE))
    return list(range(1, calls + 1))


def comes(inject, n):
    """Whether that fault comes in the end."""
    end = time.monotonic() + TRY_SECONDS
    tries = 0
    while not inject(n):
        tries += 1
        if tries >= TRIES and time.monotonic() > end:
            return False
    return True


def sweep(table, sheet, row, program, counts, one):
    """one(kind, n) injects one fault, and raises Wrong; every kind that the row has calls of."""
    sites = {kind: sheet.sites(row, kind) for kind in KINDS}  # of a run without faults
    for kind in KINDS:
        if kind == INNER and not os.environ.get("INNER"):
            continue  # there are thousands
        faults = wrong = 0
        todo = points(table.title + row + kind, counts[kind])
        beyond = 0

        def inject(n):
            nonlocal faults, wrong
            try:
                fired = one(kind, n)
                faults += fired
                return fired
            except Wrong as e:
                faults += 1
                wrong += 1
                table.complain(row, kind, n, e.args[0], sheet.where(row, program), *e.args[1:])
                return 0

        while todo:
            n = todo.pop(0)
            fired = inject(n)
            if not SAMPLE and n >= counts[kind]:
                beyond = 0 if fired else beyond + 1
            # Not for ever: what a log says grows with each run.
            if not todo and not SAMPLE and beyond < BEYOND and n < counts[kind] * 5 // 4 + 8:
                todo.append(n + 1)
        missed(table, sheet, row, program, kind, sites[kind], inject)
        if counts[kind] and not faults and not comes(inject, 1):
            wrong += 1
            table.complain(row, kind, 1, "of %d calls none failed" % counts[kind], program)
        if counts[kind] or faults:
            table.line(row, kind, counts[kind], faults, wrong)


def missed(table, sheet, row, program, kind, sites, inject):
    """Places of calls where no fault came by number, as sessions differ: by their address; those that still had none are noted."""
    if SAMPLE:
        return
    failed = {site for site, _, fired in sheet.sites(row, kind) if fired}
    for site, call, _ in sites:
        if site not in failed and not comes(inject, -site):
            table.note(row, kind, sheet.line(call, site, program))


def keys_in(folder):
    keys = {name: Key(os.path.join(folder, name)) for name in ("ed25519", "second", "ecdsa", "rsa")}
    path = os.path.join(folder, "ed25519")
    keys["certified"] = Key(path, path + "-cert.pub")
    return keys


def keys_of(name, folder):
    """The keys of that script."""
    keys = keys_in(folder)
    if name in scripts.TOKEN_KEYS:
        keys.update({key: Public(os.path.join(folder, key)) for key in scripts.TOKEN_KEYS[name]})
    elif name == "touched":
        keys.update({key: Key(os.path.join(folder, key)) for key in ("card", "library")})
    return keys


def clean_log(path):
    data = open(path, "rb").read() if os.path.exists(path) else b""
    if SANITIZER.search(data):
        os.rename(path, path + ".%d" % time.monotonic_ns())
        raise Wrong("a sanitizer speaks", b"\n".join(l for l in data.split(b"\n") if not l.startswith(b"signet-agent:")))


def scene_agent(name, program, folder):
    table = Table("agent, " + name)
    sheet = Sheet(os.path.join(folder, "sheet"), ["signet-agent", "core", "child"])
    arguments = ["--offer-keys"] if name == "offered" else ["--no-offer-keys"]
    if name in ("configured", "screened", "resident"):
        arguments += ["--config", os.path.join(folder, "config")]
    if name == "configured":
        arguments += ["-d"]
    if name == "touched":
        arguments += ["-P", os.environ["SK"]]
    agent = Agent(program, folder, arguments)
    agent.helpers = name in ("carded", "module", "resident", "screened", "touched")
    core = Core(sheet, agent, keys_of(name, folder), getattr(scripts, name), ("second", "ecdsa") if name == "offered" else (),
                ("ecdsa",) if name == "asked" else ())
    core.start()
    # The derivation of keys from a lock's passphrase is slow, and is the core's alone.
    for row in ("core",) if name in ("locking", "busy") else ("core", "signet-agent", "child"):
        for _ in range(2):
            sheet.forget_sites()
            core.one(row, None, 0)
            counts = sheet.counts(row)

        def one(kind, n, row=row):
            try:
                return core.one(row, kind, n)[0]
            except Wrong:
                agent.process.kill()
                agent.process.wait()
                agent.hang_up()
                core.fds = None
                where = sheet.map[:]
                core.start()
                sheet.map[:] = where
                raise

        sweep(table, sheet, row, program, counts, one)
        if core.leaks():
            table.complain(row, "leak", 0, "memory was lost", "see " + agent.log)
    if agent.stop() != 2:
        table.complain("signet-agent", "end", 0, "its exit status", str(agent.process.returncode))
    try:
        clean_log(agent.log)
    except Wrong as e:
        table.complain("core", "leak", 0, e.args[0], agent.log, *e.args[1:])
    return table.wrong


def scene_start(title, program, folder, *arguments):
    """From the start of an agent to its end, with a key added meanwhile; it may refuse to start, but must say so."""
    table = Table(title)
    sheet = Sheet(os.path.join(folder, "sheet"), ["signet-agent", "core", "child"])
    keys = keys_in(folder)
    agent = Agent(program, folder, arguments, log="start.log")

    def one(row, kind, n):
        if os.path.exists(agent.log):
            os.unlink(agent.log)
        for r in ("signet-agent", "core", "child"):
            sheet.arm(r, kind if r == row else None, n if r == row else 0)
        try:
            if agent.start():
                s = Session(agent, keys)
                s.add("ed25519")
                s.sign("ed25519")
                if os.path.exists(agent.path + ".ctl"):  # without it the agent serves on
                    s.ask(bytes([1]), 2, ".ctl")
                fired = sheet.fired(row)
                if kind is None and s.failures:
                    raise Wrong("requests fail without a fault")
                sheet.disarm("core")
                # A Key block of which a line was lost holds for keys that it is not for.
                s.check(("ed25519",) if arguments and row == "child" and fired else ())
                status = agent.stop()
                fired = sheet.fired(row)
                if status != 2 and not fired:
                    raise Wrong("it ends with status %d" % status)
            else:
                agent.hang_up()
                fired = sheet.fired(row)
                if agent.process.returncode == 0:
                    raise Wrong("it does not start and does not say so")
            if os.path.exists(agent.path) and not fired:
                raise Wrong("it leaves its socket behind")
        except Wrong as e:
            if agent.process.poll() is None:
                agent.process.kill()
                agent.process.wait()
            raise Wrong(e.args[0], open(agent.log, "rb").read()) from None
        clean_log(agent.log)
        return fired

    one("core", None, 0)
    all_counts = {row: sheet.counts(row) for row in ("signet-agent", "core", "child")}
    for row, counts in all_counts.items():
        sheet.forget_sites()
        one("core", None, 0)
        sweep(table, sheet, row, program, counts, lambda kind, n, row=row: one(row, kind, n))
    return table.wrong


def run(command, data, log):
    """Exit status of a command, whose output goes to a file."""
    with open(log, "wb") as out:
        p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True)
        try:
            p.communicate(data, LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
            raise Wrong("neither answers nor ends", open(log, "rb").read()) from None
    said = open(log, "rb").read()
    if SANITIZER.search(said):
        raise Wrong("a sanitizer speaks, or it was ended by a signal", said)
    if p.returncode < 0 or p.returncode in (99, 134, 139):
        raise Wrong("it ends with status %d" % p.returncode, said)
    return p.returncode, said


def ended(sheet, row):
    end = time.monotonic() + LIMIT
    while not sheet.gone(row):
        if time.monotonic() > end:
            raise Wrong("it does not end once whoever drove it has")
        time.sleep(0.002)
    return True


def leaks_looked_for(sheet, row, fired):
    """What ends by _exit was searched, and nothing found."""
    leaks = sheet.leaks(row)
    if leaks != LEAKS_NONE and leaks != 0:
        raise Wrong("memory was lost, or the search for it came to no end", sheet.leaks_said())
    if leaks == 0 and not fired and row in BY_EXIT:
        raise Wrong("it did not end by _exit, and leaks were not looked for")
    sheet.leaks_said()


def scene_program(name, row, program, *command):
    """A program, or what drives it, with faults in the processes of that row.  DATA: a file for standard input."""
    table = Table(name)
    folder = os.environ["T"]
    sheet = Sheet(os.path.join(folder, "sheet." + row), [row])
    data = open(os.environ["DATA"], "rb").read() if os.environ.get("DATA") else b""
    log = os.path.join(folder, "out." + row)
    good = re.compile(os.environ.get("GOOD", "").encode(), re.M)

    def one(kind, n):
        for _ in range(TRIES):
            sheet.arm(row, kind, n)
            status, said = run(command, data, log)
            fired = sheet.fired(row)
            # Whoever drives it may have ended it while it searched.
            if ended(sheet, row) and sheet.leaks(row) != LEAKS_ASKED:
                break
        leaks_looked_for(sheet, row, fired)
        if not fired and (status != 0 or not good.search(said)):
            raise Wrong("it fails without a fault: status %d" % status, said)
        return fired

    one(None, 0)
    sheet.forget_sites()
    one(None, 0)
    counts = sheet.counts(row)
    if not sum(counts.values()):
        table.complain(row, "none", 0, "no call was counted", " ".join(command))
    sweep(table, sheet, row, program, counts, one)
    return table.wrong


def scene_add(name, program, folder, *command):
    """signet-add with an agent that has no faults: it may fail, but the agent holds what both say."""
    table = Table("add, " + name)
    sheet = Sheet(os.path.join(folder, "sheet"), ["signet-add", "child"])
    keys = keys_in(folder)
    held = {n for n in os.environ.get("HELD", "").split(",") if n}
    added = {n for n in os.environ.get("ADDED", "").split(",") if n}
    maybe = {n for n in os.environ.get("MAYBE", "").split(",") if n}
    gone = {n for n in os.environ.get("GONE", "").split(",") if n}
    agent = Agent(os.environ["AGENT"], folder)
    if not agent.start():
        raise SystemExit("the agent does not start")
    os.environ["SSH_AUTH_SOCK"] = agent.path
    data = open(os.environ["DATA"], "rb").read() if os.environ.get("DATA") else b""

    def one(kind, n):
        s = Session(agent, keys)
        agent.ask(bytes([23]) + b"\0\0\0\6phrase")
        agent.ask(bytes([19]))
        for key in held:
            s.add(key)
        agent.hang_up()
        sheet.arm("signet-add", kind, n)
        status, said = run([program] + list(command), data, os.path.join(folder, "out"))
        fired = sheet.fired("signet-add")
        agent.ask(bytes([23]) + b"\0\0\0\6phrase")
        s.held = (held | added) - gone if status == 0 else held - gone
        s.unsure = gone | added | maybe if status != 0 else maybe
        if status == 0 and not said and not s.listed().issuperset(maybe):
            raise Wrong("what it did not add it does not say")
        s.check(os.environ.get("UNSIGNED", "").split(","))
        if not fired and status != 0:
            raise Wrong("it fails without a fault: status %d" % status, said)
        return fired

    one(None, 0)
    counts = sheet.counts("signet-add")
    sweep(table, sheet, "signet-add", program, counts, one)
    agent.stop()
    return table.wrong


SCENES = {"agent": scene_agent, "start": scene_start, "program": scene_program, "add": scene_add}

if __name__ == "__main__":
    sys.exit(1 if SCENES[sys.argv[1]](*sys.argv[2:]) else 0)
