"""The person whom gnome-keyring asks: gcr's mock prompter on the session bus.

mockprompter.py FIFO: prints its bus name, then does what the lines of FIFO say, and prints one line
for each.  "ok PASSWORD" and "cancel" are what the next question will be answered with ("done");
"delay MS" is how long she thinks before; "asked" gives "yes" when all answers were wanted, else
"no"; "state" gives "prompting" or "idle".
"""
import ctypes
import sys

gcr = ctypes.CDLL("libgcr-base-3.so.1")
gcr.gcr_mock_prompter_start.restype = ctypes.c_char_p
gcr.gcr_mock_prompter_expect_password_ok.argtypes = [ctypes.c_char_p, ctypes.c_char_p]


def obey(line):
    word, _, rest = line.rstrip("\n").partition(" ")
    if word == "asked":
        return "no" if gcr.gcr_mock_prompter_is_expecting() else "yes"
    if word == "state":
        return "prompting" if gcr.gcr_mock_prompter_is_prompting() else "idle"
    if word == "ok":
        gcr.gcr_mock_prompter_expect_password_ok(rest.encode(), None)
    elif word == "cancel":
        gcr.gcr_mock_prompter_expect_password_cancel()
    elif word == "delay":
        gcr.gcr_mock_prompter_set_delay_msec(int(rest))
    return "done"


print(gcr.gcr_mock_prompter_start().decode(), flush=True)
while True:
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            print(obey(line), flush=True)
