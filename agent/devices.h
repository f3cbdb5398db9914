/*
 * The security keys that are plugged in, which keys they hold, and whose turn it is on each.
 *
 * One helper watches what is plugged in, from the first key of this kind that is added until the
 * last is gone (or as devices_want says).  Each new device is asked silently for the keys that we
 * have (FIDO_PROBE).  A middleware library stands for a device that is always there.
 *
 * One operation at a time uses a device; the others wait in the order in which they came.  Nothing
 * here asks a person, and nothing blocks.
 */
#ifndef SIGNET_DEVICES_H
#define SIGNET_DEVICES_H

#include "agent/helpercall.h"
#include "keystore/key.h"
#include "proto/fidomsg.h"

struct device; /* plugged in; dead when lost and changed have been called for its going */

struct devices;

/* NULL without memory.  calls must outlive it. */
struct devices *devices_new(struct loop *loop, struct calls *calls);

/* Ends what is under way; turns and listeners are forgotten, nobody is told.  NULL is allowed. */
void devices_free(struct devices *ds);

/*
 * A security key (key_is_sk) was added to the store, or is gone from it.  Each key counts as
 * often as it was added; the watch runs while there is any.  Takes a reference of its own.
 * ERR_MEMORY: it is not counted.  Removing one that was not added does nothing.
 */
enum err devices_key_added(struct devices *ds, struct key *key);
void devices_key_removed(struct devices *ds, struct key *key);

/* Watch also while there is no key, and ask each device what it is (residents.h); or no longer. */
void devices_want(struct devices *ds, bool wanted);

/* Is its device plugged in?  For the order of the list; immediate. */
enum presence {
	PRESENCE_ABSENT,
	PRESENCE_UNKNOWN, /* a device is still being asked, or will not tell (FIDO_HELD_HIDDEN) */
	PRESENCE_HERE,
};
enum presence devices_presence(const struct devices *ds, const struct key *key);

/*
 * A request waits for a device to be plugged in.  A watch that keeps ending is started after ever
 * longer pauses; for who waits it is after a second.  Nothing happens while one runs.
 */
void devices_hurry(struct devices *ds);

/*
 * Called whenever presence of any key may have changed: a device came, went, or answered; on the
 * loop, never from within a call to anything here.  One listener a struct; embed it,
 * zero-initialised.
 */
struct device_listener {
	struct device_listener *next, *prev;
	void (*changed)(struct device_listener *l);
	bool listens;
};
/* Both are allowed at any time, also twice. */
void devices_listen(struct devices *ds, struct device_listener *l);
void devices_unlisten(struct devices *ds, struct device_listener *l);

/*
 * Where key may be: up to room devices, those that are known to hold it (then only these), else all
 * that may hold it unseen.  *settled is false while a device has not answered yet: more may come.
 * Returns their number.  Views until the next change.  A device that could not be asked, after a
 * few tries, counts as one that does not hold it.
 */
size_t devices_holding(const struct devices *ds, const struct key *key, struct device **out,
    size_t room, bool *settled);

/* Why nothing is known of what is plugged in: how the last watch ended, until another tells.
 * ERR_OK while one runs, and while there is no key. */
enum err devices_trouble(const struct devices *ds);

/* All that are plugged in, FIDO_PATHS_MOST at most, in the order in which they came; their
 * number.  Views until the next change. */
size_t devices_list(const struct devices *ds, struct device *out[FIDO_PATHS_MOST]);

/* Turns of others (not of this module's own questions) that have or wait for a device. */
size_t devices_pending(const struct devices *ds);

struct bytes device_path(const struct device *d);
struct bytes device_name(const struct device *d);
enum fido_transport device_transport(const struct device *d);
/* All zero before its first answer, and for a library. */
const struct fido_info *device_info(const struct device *d);
/* Has it said what it is, and of each key whether it holds it; or is it given up? */
bool device_has_told(const struct device *d);
/* Has it said that it holds this key? */
bool device_holds(const struct device *d, const struct key *key);

/*
 * The PIN that a person gave for it and wants remembered (options: --remember-pin): wiped after the
 * time, when the device goes or nobody watches it any more, is found wrong, or the agent is locked.
 * NULL: none.  It is not kept for an operation that had the device while it was locked.
 */
const struct blob *device_pin(const struct device *d);
void device_pin_keep(struct device *d, struct bytes pin, uint32_t seconds);
void device_pin_forget(struct device *d);
void devices_forget_pins(struct devices *ds);

enum { TURN_PATIENCE = 8 };

/*
 * A place in line for devices: granted when all of them are free and nobody who came before wants
 * one of them.  Who wants several is passed by on those that are free meanwhile, since what it
 * waits for may be a touch on another; but TURN_PATIENCE times only.  Embed it, zero-initialised.
 */
struct turn {
	struct turn *next, *prev;
	void (*granted)(struct turn *t); /* on the loop, never from within turn_take */
	void (*lost)(struct turn *t);    /* one of its devices was pulled out: t is out of the
					    line; an operation under way sees it fail itself.
					    On the loop, as granted; wants is empty by then */
	struct device *wants[FIDO_PATHS_MOST];
	size_t count;
	unsigned passed; /* how often others were granted one of its devices before it */
	bool has;
	bool own; /* a question of the agent's own, which wants no touch: nobody is told of it */
	struct devices *all;
	struct turn_line *line; /* NULL: in none */
};
/* count: 1 to FIDO_PATHS_MOST, no device twice.  t must be in no line. */
void turn_take(struct devices *ds, struct turn *t, struct device *const *wants, size_t count);
/* Give it back, or up; allowed when in no line. */
void turn_leave(struct turn *t);
/* Keep only d, one of those that it has, and give the others up; the turn goes on. */
void turn_narrow(struct turn *t, struct device *d);
/* How many wait for d behind whoever has it: the count of the notice. */
size_t device_waiting(const struct device *d);

/*
 * A key's library instead of a device: the same line of its own for each library.  It lives while a
 * turn wants it, else until control is back with the loop.  NULL without memory.
 */
struct device *devices_provider(struct devices *ds, struct bytes path);

#endif
