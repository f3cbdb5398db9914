/* Which keys are meant: "card:" addresses (struct token_select). */
#ifndef SIGNET_CARD_SELECT_H
#define SIGNET_CARD_SELECT_H

#include "tokens/card/card.h"

/* Views into the address. */
struct choice {
	struct bytes serial; /* empty: any card's */
	struct bytes slots;  /* from the first on; empty: those with TOKEN_KEY_DEFAULT */
};

/* ERR_URI. */
enum err choice_parse(struct bytes uri, struct choice *out);

bool choice_has_token(const struct choice *c, const struct card_token *t);
bool choice_has_key(const struct choice *c, const struct card_key *k);

#endif
