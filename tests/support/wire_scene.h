/* A card that answers from a table: what it is sent, in hex, up to where the row's text ends. */
#ifndef SIGNET_WIRE_SCENE_H
#define SIGNET_WIRE_SCENE_H

#include "tests/support/base_test.h"

#include <stdio.h>
#include <string.h>

#include "tokens/card/card.h"

enum { WIRE_SENT_MOST = 128 };

struct wire_row {
	const char *sent;  /* hex; a command that begins so */
	const char *reply; /* hex, with its status word; NULL: pulled out */
};

struct wire_card {
	const struct wire_row *rows; /* up to one without sent; the first that fits */
	char sent[WIRE_SENT_MOST][2048];
	size_t n;
};

static inline size_t wire_unhex(const char *hex, uint8_t *out, size_t room)
{
	size_t n = 0;
	unsigned byte;

	for (; n < room && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[n++] = (uint8_t)byte;
	return n;
}

static inline enum err wire_answer(void *ctx, struct bytes apdu, uint8_t *reply, size_t *n)
{
	struct wire_card *c = ctx;
	char *hex;

	assert_true(c->n < WIRE_SENT_MOST);
	assert_true(apdu.len < sizeof(c->sent[0]) / 2);
	hex = c->sent[c->n++];
	hex[0] = '\0';
	for (size_t i = 0; i < apdu.len; i++)
		sprintf(hex + 2 * i, "%02x", apdu.data[i]);
	for (const struct wire_row *r = c->rows; r->sent != NULL; r++) {
		if (strncmp(hex, r->sent, strlen(r->sent)) != 0)
			continue;
		if (r->reply == NULL)
			return ERR_TOKEN_GONE;
		*n = wire_unhex(r->reply, reply, *n);
		return ERR_OK;
	}
	*n = wire_unhex("6a82", reply, *n);
	return ERR_OK;
}

static inline struct wire wire_to(struct wire_card *c, const struct wire_row *rows)
{
	*c = (struct wire_card){.rows = rows};
	return (struct wire){.transmit = wire_answer, .ctx = c};
}

/* How many commands began so. */
static inline size_t wire_count(const struct wire_card *c, const char *sent)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += strncmp(c->sent[i], sent, strlen(sent)) == 0;
	return n;
}

#endif
