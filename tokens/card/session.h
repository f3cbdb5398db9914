/* A card of pcscd's that nobody else sends to until the session ends; then others find it as it is.
 */
#ifndef SIGNET_CARD_SESSION_H
#define SIGNET_CARD_SESSION_H

#include "tokens/base/pcsc.h"
#include "tokens/card/apdu.h"

struct session {
	struct wire wire;
	struct pcsc_card *card;
};

/*
 * Begin, waiting up to ms milliseconds while somebody else uses the card, or it does not answer
 * yet. ERR_TOKEN_GONE, ERR_TOKEN_BUSY, ERR_TOKEN, ERR_NO_READER: no service.
 */
enum err session_begin(struct session *s, const char *reader, unsigned ms);

/* Zeroes are allowed. */
void session_end(struct session *s);

#endif
