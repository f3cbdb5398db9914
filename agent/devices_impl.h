/*
 * What the parts of devices.h share: devices.c (what is plugged in, and who is told), watch.c (the
 * helper that says so), holdings.c (which keys they hold), turns.c (whose turn it is), pins.c.
 */
#ifndef SIGNET_DEVICES_IMPL_H
#define SIGNET_DEVICES_IMPL_H

#include "agent/devices.h"

enum { PROBE_MOST = 64 }; /* keys asked about at once: others wait for the device meanwhile */

enum answer { ANSWER_NONE, ANSWER_NO, ANSWER_YES, ANSWER_HIDDEN };

/* A key, which may have been added several times. */
struct held_key {
	struct held_key *next, *prev; /* in the order of addition */
	struct held_key *same_hash;
	struct key *key;
	size_t count;
	uint8_t answer[FIDO_PATHS_MOST]; /* enum answer, by the slots of devices */
};

/*
 * The question put to a device.  One thing at a time: its turn is waited for or there, or again is
 * armed, or nothing is asked.
 */
struct probe {
	struct turn turn; /* holds the device until the helper is gone */
	struct call *call;
	struct timer again;
	bool given_up;                      /* it would not say what it is */
	unsigned tries;                     /* that failed, since the last that did not */
	size_t most;                        /* keys asked about at once; fewer for a slow device */
	bool answered;                      /* the one under way */
	struct held_key *asked[PROBE_MOST]; /* NULL: is gone */
	size_t count;
};

struct device {
	struct device *next; /* of those gone, or of the libraries */
	struct devices *all;
	int slot; /* -1: a library */
	bool gone;
	uint64_t instance;
	enum fido_transport transport;
	struct blob path, name;
	struct fido_info info;
	bool info_known;
	struct probe probe;
	struct held_key *to_ask; /* every key before it has an answer; NULL: all have */
	struct turn *holder;
	size_t wanted;    /* turns in line for it, its holder's included, our own not */
	uint64_t claimed; /* devices.marks when somebody earlier wants it */
	bool sealed;      /* no PIN is kept for whoever has it */
	struct blob pin;
	struct timer pin_end;
};

struct turn_line {
	struct turn *first, *last;
};

/* Invariants: here[0..count) are plugged in, in the order in which they came; bit d->slot of slots
 * is set for each of them, and the answers of free slots mean nothing. */
struct devices {
	struct loop *loop;
	struct calls *calls;
	struct held_key *first_key, *last_key;
	size_t keys;
	struct held_key **table; /* by hash */
	size_t buckets;
	struct device *here[FIDO_PATHS_MOST];
	size_t count;
	uint32_t slots;
	struct device *gone;      /* what nobody was told of yet */
	struct device *libraries; /* newest first */
	bool wanted;              /* watched without a key, too */
	struct call *watch;
	bool fresh; /* it has not told yet: here is what an earlier one told, */
	bool told;  /* if there was one */
	enum err trouble;
	struct timer watch_again;
	uint64_t pause;         /* before the next one, in milliseconds */
	uint64_t watch_started; /* clock_now() */
	uint64_t watch_over;    /* clock_now(), of the last one */
	uint64_t messages_since;
	unsigned messages;                    /* since then */
	struct turn_line line, lost, telling; /* telling: of those lost */
	size_t pending;
	uint64_t marks;
	struct device_listener *listeners, *next_listener; /* the next to be told */
	bool changed;
	struct task tell;
	bool tell_posted, freed;
};

/* devices.c: lost, changed and granted are called soon, on the loop. */
void devices_tell_soon(struct devices *ds);
void devices_changed(struct devices *ds);
/* What the watch told: plugged in from now on, NULL without memory or slot; and gone. */
struct device *device_plug(struct devices *ds, const struct fido_device *m);
void device_unplug(struct device *d);

/* watch.c */
void watch_start(struct devices *ds);
/* Nobody watches any more, and nothing is known of what is plugged in. */
void watch_stop(struct devices *ds);

/* holdings.c: ask d about what it was not asked about yet, unless that is under way. */
void device_ask(struct device *d);
/* d is new in its slot. */
void device_begin(struct device *d);
/* It is gone, and with it what it was being asked. */
void device_ask_no_more(struct device *d);
void holdings_clear(struct devices *ds);

/* turns.c */
void turns_lose(struct device *d);
void turns_tell_lost(struct devices *ds);
void turns_grant(struct devices *ds);

#endif
