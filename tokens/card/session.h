/* A card of pcscd's that nobody else sends to until the session ends; then others find it as it is.
 */
#ifndef SIGNET_CARD_SESSION_H
#define SIGNET_CARD_SESSION_H

#include "tokens/base/pcsc.h"
#include "tokens/card/apdu.h"
#include "tokens/card/keep.h"

struct session {
	struct wire wire;
	struct pcsc_card *card;
	/* Where the connection is kept when a PIN counts; NULL: nowhere. */
	struct keeper *keeper;
	size_t place;
	struct kept kept;
};

/*
 * Begin, waiting up to ms milliseconds while somebody else uses the card, or it does not answer
 * yet. ERR_TOKEN_GONE, ERR_TOKEN_BUSY, ERR_TOKEN, ERR_NO_READER: no service.
 */
enum err session_begin(struct session *s, const char *reader, unsigned ms);

/* The same, over the connection that is kept in this place, if any; where a PIN counts at the end
 * it is kept there. */
enum err session_resume(
    struct session *s, struct keeper *k, size_t place, const char *reader, unsigned ms);

/* Zeroes are allowed. */
void session_end(struct session *s);

/* The same, and the card forgets all PINs. */
void session_reset(struct session *s);

#endif
