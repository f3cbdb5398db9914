/*
 * Offers of cards: an addition of a card holds for those that are plugged in later, too.  Their
 * keys come by themselves when the card does, with the rules of the addition, whose lifetime is the
 * offer's.
 *
 * Nothing is selected while the agent is locked; what came meanwhile is looked at when it is
 * unlocked.
 */
#ifndef SIGNET_OFFERS_H
#define SIGNET_OFFERS_H

#include "agent/lock.h"
#include "agent/token_keys.h"

struct offer;

/* The core's; zero-initialised but for the first five, and started with offers_start. */
struct offers {
	struct loop *loop;
	struct store *store;
	struct modules *modules;
	const struct lock *lock;
	struct config *const *config; /* the core's; its Key blocks hold.  NULL: there is none */
	struct module_listener listener;
	struct offer *first;
	size_t count;
};

void offers_start(struct offers *os);

/*
 * Keep what terms say for module m (a reference is taken).  An offer with the same id makes room.
 * terms and given are the offer's from now on, and empty.  ERR_LIMIT, ERR_MEMORY: they are as they
 * were.
 */
enum err offers_keep(
    struct offers *os, struct module *m, struct token_terms *terms, struct token_given *given);

/* End the one with this id; *removed: the keys that came by it (and by no other) are gone, so many.
 * False: there is none. */
bool offers_end(struct offers *os, struct bytes id, size_t *removed);

/* End all, or those of a module; their keys stay. */
void offers_end_all(struct offers *os, const struct module *m);

/* The agent was locked or unlocked. */
void offers_review(struct offers *os);

#endif
