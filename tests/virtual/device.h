/*
 * An authenticator as a program offers it: made from a command line or a file, commanded by a test
 * through a Unix socket.  Transports share it.
 *
 * A test's commands, one a line; every reply is one line, "ok", what is asked for, or "error: ...":
 *
 *	touch [N]            one touch (N of them): for what waits, else for the next that asks
 *	refuse               no: likewise
 *	auto on|off          every operation finds a touch by itself,
 *	delay MS             so long after it asked
 *	uv on|off|fail N     built-in verification: set up or not; the next N fail
 *	pin [PIN]            the PIN, with all retries; without one, none
 *	option NAME=VALUE    see authenticator_option()
 *	mode NAME [NUMBER]   misbehave: see AUTHENTICATOR_MODE_LIST; "die" leaves the key pulled
 *	pull, insert         out of its port, and in again
 *	status               NAME=VALUE, with spaces between: waiting plugged commands touches
 *	                     registrations assertions silent cancelled pin pin_retries uv_retries
 *	                     resident counter
 *	quit                 end the program
 */
#ifndef SIGNET_TESTS_VIRTUAL_DEVICE_H
#define SIGNET_TESTS_VIRTUAL_DEVICE_H

#include "tests/virtual/authenticator.h"
#include "tests/virtual/control.h"

/* Zero-initialised plus device_start() is ready. */
struct device {
	struct authenticator *authenticator;
	const char *state; /* file to keep it in, or NULL */
	uint64_t saved;    /* authenticator_changes() at the last save */
	bool plugged;      /* as the test wants it: the transport follows */
	bool quit;
	struct control control;
};

/*
 * Options of a command line, which every transport's program has:
 *
 *	-o NAME=VALUE   option of a new authenticator (may be repeated)
 *	-p PIN          its PIN
 *	-s FILE         keep it in FILE; when that is there, take it from there (then no -o, -p)
 *	-a              touches come by themselves (auto on)
 *	-u              start unplugged
 *
 * Then come the transport's own arguments: *argc and *argv are moved to the first of them.  The
 *last of all is the path of the control socket, which is bound here and taken off.  Says on
 *standard error what is wrong, and returns false.
 */
bool device_start(struct device *d, int *argc, char ***argv, const char *usage);
void device_end(struct device *d);

/* Fill fds (CONTROL_FDS) for poll; after it, serve what is ready.  Also saves what changed. */
size_t device_poll(const struct device *d, struct pollfd *fds);
void device_serve(struct device *d, const struct pollfd *fds, size_t n);

/* Save now, if anything changed; says on standard error when it cannot. */
void device_save(struct device *d);

#endif
