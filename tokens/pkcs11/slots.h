/* Which tokens are there. */
#ifndef SIGNET_TOKENS_PKCS11_SLOTS_H
#define SIGNET_TOKENS_PKCS11_SLOTS_H

#include "tokens/pkcs11/world.h"

/*
 * Look at all slots: tokens that came are added and their keys read, those that left go.  all: the
 * keys of those that stayed are read anew, too.  Outside of module_enter.
 */
void slots_scan(struct world *w, bool all);

/* The same with the module initialised again before, if nobody uses it now; else false. */
bool slots_restart(struct world *w);

/*
 * Get back what was lost of a token, whose sessions of this era it was that failed, as
 * loss says.  Whatever others got back meanwhile stays.  Between enter and leave.  What is
 * lost still, or more than was thought.
 */
enum loss slots_recover(struct world *w, struct token *t, unsigned era, enum loss loss);

#endif
