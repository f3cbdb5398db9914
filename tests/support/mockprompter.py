"""The person whom gnome-keyring asks: gcr's mock prompter on the session bus.

mockprompter.py FIFO: prints its bus name, then does what the lines of FIFO say: "ok PASSWORD" and
"cancel" are what the next question will be answered with; "asked" prints "yes" when all expected
ones have come, else "no".
"""
import ctypes
import sys

gcr = ctypes.CDLL("libgcr-base-3.so.1")
glib = ctypes.CDLL("libglib-2.0.so.0")
gcr.gcr_mock_prompter_start.restype = ctypes.c_char_p
gcr.gcr_mock_prompter_expect_password_ok.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
gcr.gcr_mock_prompter_expect_password_cancel.argtypes = []

print(gcr.gcr_mock_prompter_start().decode(), flush=True)
while True:
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "ok":
                gcr.gcr_mock_prompter_expect_password_ok(rest.encode(), None)
            elif word == "cancel":
                gcr.gcr_mock_prompter_expect_password_cancel()
            elif word == "asked":
                print("no" if gcr.gcr_mock_prompter_is_expecting() else "yes", flush=True)
            elif word == "state":
                print("prompting" if gcr.gcr_mock_prompter_is_prompting() else "idle", flush=True)
