"""The storm: clients, troubles and measuring at once, and what has to hold.  Prints "pass TEXT", "fail TEXT" and "# TEXT".

    storm.py FOLDER BUILD SIGNET-ADD SUPERVISOR PCSCD PCSCD-OPTIONS SSHD-PORT SECONDS SEED
"""
import json
import os
import subprocess
import sys
import time

import storm_clients
import storm_measure
from storm_scene import PATIENT, PROMPT, Scene
from storm_troubles import KINDS, Troubles
from client import status

# Seconds for a key to sign again when the trouble is over, and for the agent to be as it was: a helper that kept ending
# comes after a minute at most.
AGAIN, SETTLE = 90, 90

RING = 1000  # decisions that the agent keeps


def verdict(what, good, *more):
    print(("pass " if good else "fail ") + what)
    for text in more if not good else ():
        note(text)


def note(text):
    print("# " + str(text), flush=True)


def spawn_bad(scene):
    pid = os.fork()
    if pid == 0:
        os._exit(storm_clients.behave_badly(scene))
    return pid


def sign_again(scene, name, end):
    """Seconds until a signature that verifies, and how many tries; None: there was none until then."""
    began, tries = time.monotonic(), 0
    while tries == 0 or time.monotonic() < end:
        tries += 1
        try:
            done = subprocess.run(["ssh-add", "-T", scene.publics[name]], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=AGAIN)
        except subprocess.TimeoutExpired:
            return None
        if done.returncode == 0:
            return time.monotonic() - began, tries
        time.sleep(0.2)
    return None


def all_sign(scene):
    """Every key signs; returns those that do not."""
    bad, slowest, end = [], (0.0, "", 0), time.monotonic() + AGAIN
    for name in sorted(scene.publics):
        if name == "temporary":
            continue
        took = sign_again(scene, name, end)
        if took is None:
            bad.append(name)
        else:
            slowest = max(slowest, (took[0], name, took[1]))
    note("the slowest to sign: %s, after %.1f s and %d tries" % (slowest[1], slowest[0], slowest[2]))
    return bad


def settle(test):
    """Until test() is true; is it?"""
    end = time.monotonic() + SETTLE
    while not test():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def at_rest(scene):
    """What there is when it does not change any more: connections by which something was asked have gone."""
    seen = [storm_measure.quiet(scene)]

    def same():
        time.sleep(1)
        seen.append(storm_measure.quiet(scene))
        return seen[-1] == seen[-2]
    verdict("the agent comes to rest", settle(same), seen[-2:])
    return seen[-1]


PENDING = ("prompts-open", "prompts-waiting", "notices-open", "requests-asking", "requests-behind-another",
           "requests-looking", "host-name-searches", "security-keys-awaited", "tokens-awaited", "unlocks-awaited",
           "locks-waiting", "security-keys-in-line")


def pending(scene):
    """What the agent says is under way."""
    told = status(scene.add)
    return {name: told[name] for name in PENDING if told[name] != "0"}


def fill_log(scene):
    """So many decisions that the log's ring is full, and its memory is taken before anything is measured.  A process of
    its own makes them: judge_log does not count them."""
    pid = os.fork()
    if pid == 0:
        os._exit(storm_clients.sign_often(scene, RING + 100))
    verdict("the log is filled (%d decisions)" % (RING + 100), os.waitpid(pid, 0)[1] == 0)


def follow(scene):
    """Keep the whole log, of which the agent has the last thousand only."""
    with open(scene.path("decisions"), "wb") as file:
        follower = subprocess.Popen([scene.add, "--log", "-f", "--json"], stdin=subprocess.DEVNULL, stdout=file)
    settle(lambda: status(scene.add)["log-followers"] == "1")
    return follower


def decisions(scene):
    with open(scene.path("decisions"), encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


def judge_log(scene):
    """Each refusal that a client was told has its line with a reason in the log, and no number is missing there."""
    records = decisions(scene)
    numbers = [int(record["number"]) for record in records]
    verdict("the log has no gap", numbers == list(range(numbers[0], numbers[0] + len(numbers))))
    mine = [record for record in records if record["request"] == "sign" and record["pid"] == str(os.getpid())]
    refused = [record for record in mine if record["answer"] != "allowed"]
    reasons = {}
    for record in refused:
        reasons[record.get("reason", "")] = reasons.get(record.get("reason", ""), 0) + 1
    verdict("each refusal is in the log (%d)" % len(refused), len(refused) == scene.total("refused"),
            scene.total("refused"))
    verdict("with its reason", "" not in reasons, refused[:3])
    verdict("each signature is (%d)" % (len(mine) - len(refused)), len(mine) - len(refused) == scene.total("signed"),
            scene.total("signed"))
    for reason, count in sorted(reasons.items(), key=lambda item: -item[1]):
        note("%5d refused: %s" % (count, reason))


def judge_growth(scene, sampler):
    staying, bad = set(), []
    for role, pid, span, rate, growth in sampler.trends():
        staying.add(role)
        text = "%s (%d): %+.1f KiB per thousand requests, %+.0f KiB over %d" % (role, pid, rate, growth, span)
        note(text)
        if storm_measure.too_much(span, growth):
            bad.append(text)
    verdict("no process grew", not bad and {"supervisor", "core", "secret memory"} <= staying, staying, *bad)
    verdict("no zombie stayed", not sampler.zombies, sampler.zombies)
    note("at most %d children at once" % sampler.most)


def storm(scene):
    """The time of trouble; returns what was measured."""
    open(scene.path("trouble"), "w").close()
    sampler = storm_measure.Sampler(scene)
    bad = spawn_bad(scene)
    clients = storm_clients.clients(scene)
    for each in clients + [sampler]:
        each.start()
    troubles = [Troubles(scene, kind, time.monotonic() + scene.seconds) for kind in KINDS]
    for each in troubles:
        each.start()
    for each in troubles:
        each.join(scene.seconds + PATIENT)
    verdict("the troubles came to their end", not any(each.is_alive() for each in troubles))
    troubles[0].end()
    open(scene.path("enough"), "w").close()
    scene.over.set()
    end = time.monotonic() + PATIENT + PROMPT
    for each in clients:
        each.join(max(0, end - time.monotonic()))
    waiting = [each.name for each in clients if each.is_alive()]
    verdict("every client came to its end", not waiting, waiting)
    verdict("those that behave badly had their answers, too", os.waitpid(bad, 0)[1] == 0)
    note("troubles: " + ", ".join("%s %d" % item for item in sorted(scene.troubles.items())))
    return sampler


def main():
    scene = Scene(sys.argv[1:])
    note("%d seconds, seed %d" % (scene.seconds, scene.seed))
    bad = all_sign(scene)
    verdict("every key signs (%d)" % (len(scene.publics) - 1), not bad, bad)
    verdict("and nothing is under way", settle(lambda: not pending(scene)), pending(scene))
    fill_log(scene)
    log = follow(scene)
    before = at_rest(scene)
    sampler = storm(scene)
    for name, tally in sorted(scene.tallies.items()):
        note("%s: %s" % (name, ", ".join("%s %.1f" % item if item[0] == "slowest" else "%s %d" % item
                                         for item in tally.items())))
    verdict("every request was answered in time, and as it had to be (%d)" % scene.total(), not scene.problems,
            *scene.problems[:30])
    judge_log(scene)
    bad = all_sign(scene)
    verdict("every key signs again", not bad, bad)
    verdict("nothing is under way", settle(lambda: not pending(scene)), pending(scene))
    verdict("no question is left on the screen", settle(lambda: not storm_measure.screens()), storm_measure.screens())
    verdict("descriptors, threads and children are as before", settle(lambda: storm_measure.quiet(scene) == before),
            before, storm_measure.quiet(scene))
    log.terminate()
    log.wait()
    judge_growth(scene, sampler)


main()
