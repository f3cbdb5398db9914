"""The requests that an agent gets while its calls fail: functions of a Session and of a session-bind for it."""
import os
import re
import signal
import subprocess
import time

from agentrun import (CTL_LIST, CTL_LOG, CTL_STATUS, EXTENSION, FAILURE, KEYS, LIST, SIGNATURE, SUCCESS, UNLOCK,
                      Wrong, number, string)

CONFIRM = b"\x02"
# More than 128 words of the screen in ten seconds are a flood (agent/session.c), whose helper is started again after a while.
SCREEN_PAUSE = 0.1
TOKEN_KEYS = {"module": ("token-p256", "token-rsa"), "carded": ("card-p256", "card-ed25519"),
              "resident": ("resident",)}
ANEW = re.compile(rb"was read anew|not read anew|cannot be (read|taken)|could not be (handed|taken) over|is not followed")


def requests(s, bind):
    """The session of requests."""
    s.ask(bytes([LIST]), KEYS)
    for name in ("ed25519", "ecdsa", "rsa", "certified"):
        s.add(name)
    s.add("second", b"a comment", b"\x01" + number(1000))  # a lifetime
    s.add("ed25519", b"another comment")
    s.ask(bytes([LIST]), KEYS)
    for name in ("ed25519", "ecdsa", "rsa", "certified", "second"):
        s.sign(name)
    s.ask(bind, SUCCESS)
    s.ask(bytes([EXTENSION]) + string(b"query"), 29)
    s.ask(bytes([EXTENSION]) + string(b"unheard-of"), FAILURE)
    s.sign("ed25519")
    s.agent.hang_up()
    for reply in s.agent.ask(s.keys["ed25519"].sign(), times=3):
        s.failures += reply is None
    s.ask(bytes([CTL_STATUS]), 2, ".ctl")
    s.ask(bytes([CTL_LIST, 1]) + bytes(8), 7, ".ctl")
    s.ask(bytes([CTL_LOG, 1]) + b"\x7f" * 8, 7, ".ctl")
    s.remove("ecdsa")
    s.ask(bytes([99]), FAILURE)
    s.ask(s.keys["ecdsa"].sign(), FAILURE)
    s.remove_all()
    s.add("rsa")


def busy(s, bind):
    """Two clients who ask for signature after signature, and so are attended, and for something else in between."""
    del bind
    for name in ("ed25519", "ecdsa", "rsa"):
        s.add(name)
    for _ in range(14):
        s.sign("ed25519")
        s.sign("ecdsa", "#2")
    s.ask(bytes([LIST]), KEYS)
    s.sign("rsa", "#2")
    for _ in range(3):
        s.sign("ecdsa")
        s.sign("ed25519", "#2")
    for reply in s.agent.ask(s.keys["ed25519"].sign(), times=3):
        s.failures += reply is None
    s.agent.hang_up()
    s.remove_all()


def locking(s, bind):
    """The session with a lock: its derivation of keys is slow."""
    del bind
    s.add("ed25519")
    s.lock(b"open", True)
    s.ask(bytes([LIST]), KEYS)
    s.ask(s.keys["ed25519"].sign(), FAILURE)
    s.ask(bytes([UNLOCK]) + string(b"wrong"), FAILURE)
    s.lock(b"open", False)
    s.sign("ed25519")


def offered(s, bind):
    """The session with a key file that is opened by its passphrase."""
    del bind
    s.ask(bytes([LIST]), KEYS)
    s.sign("second")
    s.sign("ecdsa")
    s.sign("second")


def reload(s):
    """Has the configuration read anew; what came of it, b"" where a fault was in the way of what is said."""
    before = os.path.getsize(s.agent.log)
    s.agent.process.send_signal(signal.SIGHUP)

    def said():
        with open(s.agent.log, "rb") as log:
            log.seek(before)
            return ANEW.search(log.read())

    return said().group(0) if s.agent.poll(lambda: said() is not None, 4) else b""


def configured(s, bind):
    """The session with a configuration, which is read anew."""
    del bind
    s.add("ed25519")
    s.add("rsa")
    s.ask(bytes([LIST]), KEYS, ".view")
    s.ask(s.keys["rsa"].sign(), SIGNATURE, ".view")
    s.sign("ed25519")
    # That the agent goes on whatever is said is seen below.
    s.failures += reload(s) != b"was read anew"
    s.ask(bytes([LIST]), KEYS, ".view")
    s.ask(bytes([CTL_STATUS]), 2, ".ctl")
    s.remove("rsa")


def asked(s, bind):
    """The session with questions, of which a person answers those for ecdsa with no."""
    del bind
    s.add("ed25519", b"granted", CONFIRM)
    s.add("ecdsa", b"refused", CONFIRM)
    s.add_with_rules("second", b"granted for a while", bytes([4]) + number(600) + number(0) + b"\0")
    s.sign("ed25519")
    s.ask(s.keys["ecdsa"].sign(), FAILURE)
    s.sign("second")
    s.sign("second")
    s.ask(bytes([CTL_LOG, 1]) + b"\x7f" * 8, 7, ".ctl")
    s.ask(bytes([CTL_STATUS]), 2, ".ctl")
    s.remove("ed25519")


def token(s, name, pin, names):
    """The keys of a token are added, used and removed, and added once more without a PIN, which is asked for then."""
    s.add_token(name, pin, names)
    s.ask(bytes([LIST]), KEYS)
    s.sign(names[0])
    s.sign(names[1])
    s.ask(bytes([CTL_LIST, 1]) + bytes(8), 7, ".ctl")
    s.remove_token(name, names)
    s.add_token(name, b"", names)
    s.sign(names[1])
    s.sign(names[0])
    s.remove(names[1])


def module(s, bind):
    """The session with a PKCS#11 module: its PIN given with it, and asked for at the first signature."""
    del bind
    token(s, os.environ["SOFTHSM"].encode(), b"1234", TOKEN_KEYS["module"])


def carded(s, bind):
    """The session with a smartcard: a key that wants its PIN, which is asked for, and one that does not."""
    del bind
    token(s, b"card:", b"", TOKEN_KEYS["carded"])
    s.ask(bytes([CTL_STATUS]), 2, ".ctl")


def screen(s, locked):
    """The screen is locked, or unlocked; whatever fails, nothing is listed while it is."""
    time.sleep(SCREEN_PAUSE)
    subprocess.run(["sh", os.path.join(os.environ["T"], "screen"), "true" if locked else "false"], check=True)

    def done():
        reply = s.agent.ask(bytes([LIST]))
        return reply is not None and reply[0] == KEYS and (reply[1:5] == bytes(4)) == locked

    if not s.agent.poll(done, pause=0.05):
        raise Wrong("the screen is locked, and keys are listed" if locked else "the screen is unlocked, and no key is listed",
                    open(s.agent.log, "rb").read()[-2000:])


def screened(s, bind):
    """The session with a screen that is locked and unlocked."""
    del bind
    s.add("ed25519")
    s.add("rsa")
    s.sign("ed25519")
    screen(s, True)
    s.ask(s.keys["ed25519"].sign(), FAILURE)
    s.ask(bytes([CTL_STATUS]), 2, ".ctl")
    screen(s, False)
    s.sign("ed25519")
    s.remove("rsa")


def offer_residents(s, wanted):
    """ResidentKeys: the key of the security key comes, or goes, at the latest when the configuration is read once more."""
    with open(os.path.join(os.environ["T"], "config"), "w", encoding="ascii") as config:
        config.write("ResidentKeys %s\n" % ("yes" if wanted else "no"))
    blob = s.keys["resident"].blob

    def done():
        reply = s.agent.ask(bytes([LIST]))
        return reply is not None and reply[0] == KEYS and (blob in reply) == wanted

    for _ in range(6):
        reload(s)
        if s.agent.poll(done, 1.5):
            break
    else:
        raise Wrong("a resident key " + ("does not come" if wanted else "stays"), open(s.agent.log, "rb").read()[-2000:])
    (s.held.add if wanted else s.held.discard)("resident")


def resident(s, bind):
    """The session with a resident key of a security key, which comes by itself for its PIN."""
    del bind
    s.add("ed25519")
    offer_residents(s, False)
    offer_residents(s, True)
    s.sign("resident")
    s.ask(bytes([CTL_LIST, 1]) + bytes(8), 7, ".ctl")
    s.ask(bytes([CTL_STATUS]), 2, ".ctl")
    s.remove("ed25519")


def touched(s, bind):
    """The session with a security key in a reader, and one of a library."""
    del bind
    s.add("card", b"on a card")
    s.add("library", b"of a library", b"\xff" + string(b"sk-provider@openssh.com") + string(os.environ["SK"].encode()))
    s.ask(bytes([LIST]), KEYS)
    s.sign("card")
    s.sign("library")
    s.ask(bytes([CTL_LIST, 1]) + bytes(8), 7, ".ctl")
    s.ask(bytes([CTL_STATUS]), 2, ".ctl")
    s.remove("library")
    s.sign("card")
