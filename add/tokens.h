/* For --tokens: cards and readers, and the PKCS#11 modules that p11-kit knows. */
#ifndef SIGNET_ADD_TOKENS_H
#define SIGNET_ADD_TOKENS_H

#include "add/options.h"
#include "proto/builder.h"
#include "proto/tokenmsg.h"

struct fido_device;

/* What signet-card told. */
struct cards {
	bool asked;       /* it is installed */
	enum err outcome; /* ERR_NO_READER without pcscd */
	struct blob answer;
	struct token_inventory inventory; /* views into answer */
};

/* Clear it with cards_clear in every case. */
void cards_ask(struct cards *c);
void cards_clear(struct cards *c);

/*
 * Is this, which signet-fido could not look at since its card is in use, a card that signet-card
 * read all the same?  The agent stays connected to a card for a while after its PIN was entered.
 */
bool cards_explain(const struct cards *c, const struct fido_device *d);

/* Each prints; false: something that is there could not be asked, which was said. */
bool tokens_list_cards(const struct options *o, const struct cards *c);
bool tokens_list_modules(const struct options *o);

/*
 * Start this helper, send it the request, whose content is taken, take its first answer and see it
 * end.  ERR_HELPER_MISSING, ERR_HELPER when it died, ERR_TIMEOUT and kin.
 */
enum err tokens_ask(unsigned helper, struct builder *request, struct blob *answer);

#endif
