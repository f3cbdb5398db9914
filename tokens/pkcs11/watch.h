/* Looking at the slots by oneself. */
#ifndef SIGNET_TOKENS_PKCS11_WATCH_H
#define SIGNET_TOKENS_PKCS11_WATCH_H

#include "tokens/pkcs11/world.h"

/* In a thread of its own: every two seconds where a token can be pulled out, more often while
 * somebody waits for one, never otherwise.  ERR_SYSTEM: there can be no thread. */
enum err watch_start(struct world *w);

/* TOKEN_WATCH. */
void watch_set(struct world *w, bool somebody);

#endif
