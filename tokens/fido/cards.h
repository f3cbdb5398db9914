/* Which readers hold a security key, now and as it changes. */
#ifndef SIGNET_FIDO_CARDS_H
#define SIGNET_FIDO_CARDS_H

#include "tokens/fido/list.h"

/*
 * Add those that are there now.  Cards that somebody else uses are left alone, and added as
 * undecided if they are not free within 2 seconds.
 */
void cards_list(struct found_list *out);

/*
 * Follow them, in a thread of its own that sleeps while pcscd's socket is not there.  *fd becomes
 * readable when cards_now may say something else, and soon after the start in any case; it stays
 * open as long as the process.
 */
struct cards_watch;
enum err cards_watch_start(struct cards_watch **out, int *fd);

/* Something happened to pcscd's socket. */
void cards_watch_poke(struct cards_watch *w);

/* Add those that are there, and have fd no longer readable. */
void cards_now(struct cards_watch *w, struct found_list *out);

#endif
