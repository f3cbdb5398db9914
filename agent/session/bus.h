/*
 * One message bus and one service on it: connected to, watched for the service's coming and going,
 * and connected to again, with growing pauses, when it is lost.
 *
 * Signals are taken from whoever owns the service's name and from nobody else: any user of the
 * system bus may send one that looks the same.
 */
#ifndef SIGNET_SESSION_BUS_H
#define SIGNET_SESSION_BUS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#if __has_include(<systemd/sd-bus.h>)
#include <systemd/sd-bus.h>
#else
#include <basu/sd-bus.h>
#endif

enum { BUS_CALL_MS = 3000 }; /* the longest that a call is waited for */

struct bus_user {
	/* The service is there, or is another process than it was: look at it.  False: it cannot be
	   used; it is tried again later.  Calls are allowed. */
	bool (*found)(void *ctx);
	/* It is gone, or cannot be asked. */
	void (*lost)(void *ctx);
	/* A signal of its own.  No calls from within: on_rest is the place. */
	void (*signal)(void *ctx, sd_bus_message *m);
	/* After each message.  False: it cannot be used any more. */
	bool (*rest)(void *ctx);
};

/* Zero-initialised but for what comes before bus. */
struct bus {
	bool system;         /* or the session's */
	const char *service; /* well-known name */
	const struct bus_user *user;
	void *ctx;
	sd_bus *bus;      /* NULL: not connected */
	bool ready;       /* the bus answered */
	bool settled;     /* ready, or was tried in vain */
	bool refused;     /* its address is of a kind that cannot be reached, which was said */
	bool used;        /* found said so, and lost was not called since */
	bool new_owner;   /* to be looked at */
	char owner[256];  /* unique name of who has the service's; empty: nobody */
	unsigned pause;   /* milliseconds before the next try */
	uint64_t again;   /* clock_now() of the next try, */
	uint64_t started; /* and of the last one */
	uint64_t looks;   /* messages since */
};

/* Do one thing: connect, or handle one message.  True: there is more to be done at once. */
bool bus_turn(struct bus *b);

/* What to poll for, and until when: clock_now() milliseconds, UINT64_MAX for ever.  fd -1: nothing.
 */
void bus_poll(const struct bus *b, struct pollfd *fd, uint64_t *until);

/* Let go of it, until the next bus_turn. */
void bus_close(struct bus *b);

/*
 * Call the service's method without waiting longer than BUS_CALL_MS: what sd_bus_call_method
 * returns.  reply: to be unreferenced, or NULL.
 */
int bus_call(const struct bus *b, const char *path, const char *interface, const char *method,
    sd_bus_message **reply, const char *types, ...);

#endif
