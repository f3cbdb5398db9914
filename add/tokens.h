/* For --tokens: cards and readers, and the PKCS#11 modules that p11-kit knows. */
#ifndef SIGNET_ADD_TOKENS_H
#define SIGNET_ADD_TOKENS_H

#include "add/options.h"
#include "proto/builder.h"

/* Each prints; false: something that is there could not be asked, which was said. */
bool tokens_list_cards(const struct options *o);
bool tokens_list_modules(const struct options *o);

/*
 * Start this helper, send it the request, whose content is taken, take its first answer and see it
 * end.  ERR_HELPER_MISSING, ERR_HELPER when it died, ERR_TIMEOUT and kin.
 */
enum err tokens_ask(unsigned helper, struct builder *request, struct blob *answer);

#endif
