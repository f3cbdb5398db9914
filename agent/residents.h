/*
 * Resident keys (ResidentKeys in the configuration): the SSH keys that a security key keeps itself
 * are offered while it is plugged in or was, without anybody adding them.
 *
 * A device that is plugged in and has a PIN is asked for its keys once, with its PIN: the one that
 * is remembered (devices.h), else a person's, who is asked for one device after the other.  What it
 * told is known from then on, so that the same device costs no PIN again while the agent lives.  It
 * is known again by a key that it holds and shows unseen.  One that has none such looks like
 * others of its model: it is taken for one that is known and not plugged in.
 *
 *   the person says no, or is wrong twice   nothing until it is plugged in again, or a reload
 *   nobody could be asked                   again when somebody may be there: residents_review, or
 *                                           after pauses that grow
 *   nobody answered in time                 the same, but no sooner than residents_review
 *   no PIN, no resident keys, U2F only      nothing, but a line of the log for debugging
 *
 * Its turn on the device is not held while a person thinks, and the tries that are left are looked
 * at before each PIN is sent: the last is spent only by who was told that it is.
 *
 * Keys that are in the store already stay as they are.  Ours are given to it once for each time the
 * device is plugged in; removed by hand (-d, -D) they stay away until then, or a reload.
 */
#ifndef SIGNET_RESIDENTS_H
#define SIGNET_RESIDENTS_H

#include "agent/config.h"
#include "agent/devices.h"
#include "agent/lock.h"
#include "agent/prompt.h"
#include "agent/store.h"

struct sighting; /* a device that is plugged in */
struct known;    /* one that told its keys */

/* The core's; zero-initialised but for the first nine. */
struct residents {
	struct loop *loop;
	struct calls *calls;
	struct devices *devices;
	struct prompts *prompts;
	struct store *store;
	const struct lock *lock;
	const struct blob *environment; /* of questions; may be NULL */
	const struct options *options;
	struct config *const *config; /* its Key blocks hold */
	bool on;
	struct device_listener listener;
	struct sighting *first;
	struct sighting *at; /* the one that uses its device or a person now */
	struct known *known; /* newest first */
	size_t known_count;
	struct timer again; /* armed while somebody who can be asked is awaited */
	uint64_t pause;     /* before the next try, in milliseconds */
	struct task look;
	bool look_posted;
};

/* The configuration says so, at the start or on a reload: devices whose person said no are asked
 * for again, and removed keys come back.  Off: keys that came by this go, and all is forgotten. */
void residents_offer(struct residents *rs, bool on);

/* All keys were removed, but not by a person who names them: they come back. */
void residents_offer_again(struct residents *rs);

/* The agent was locked or unlocked, the screen was unlocked, or questions are put elsewhere: who
 * could not be asked perhaps can be now.  While the agent is locked nothing is asked or given. */
void residents_review(struct residents *rs);

/* Ends all at once; keys stay in the store. */
void residents_clear(struct residents *rs);

#endif
