/*
 * Connections to cards that outlast the operation in which a PIN was entered, so that pcscd does
 * not cut the power and the PIN counts for the next operation, too; for a while only, since no
 * program can have the card for itself (scdaemon's usual way) while any connection to it is open.
 */
#ifndef SIGNET_CARD_KEEP_H
#define SIGNET_CARD_KEEP_H

#include "tokens/base/pcsc.h"

/* Long enough for the signatures that follow each other: a login, a push, a signed commit. */
enum { KEEP_MS = 30000 };

struct keeper;

/* A connection, and when it is to end.  The epoch is of the card that it leads to. */
struct kept {
	struct pcsc_card *card; /* NULL: none */
	uint64_t due, epoch;
};

/* ms: how long one is kept (KEEP_MS).  A thread ends what is due, and sleeps while nothing is kept.
 * NULL without memory or thread. */
struct keeper *keeper_new(unsigned ms);

/* Take what is kept in this place (of PCSC_READERS_MOST), which is the caller's then. */
struct kept keeper_take(struct keeper *k, size_t place);

/* Give it back, nobody else sends to it any more; renew: its time begins again.  It ends at once
 * when the card of that epoch is not there any more. */
void keeper_put(struct keeper *k, size_t place, const struct kept *kept, bool renew);

/* The card in this place is another one, or none; or it is to forget all PINs (reset). */
void keeper_drop(struct keeper *k, size_t place, bool reset);

#endif
