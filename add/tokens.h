/* For --tokens: cards and readers, and the PKCS#11 modules that p11-kit knows. */
#ifndef SIGNET_ADD_TOKENS_H
#define SIGNET_ADD_TOKENS_H

#include "add/options.h"

/* Each prints; false: something that is there could not be asked, which was said. */
bool tokens_list_cards(const struct options *o);
bool tokens_list_modules(const struct options *o);

#endif
