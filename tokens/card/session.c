#include "tokens/card/session.h"

#include <time.h>

#include "proto/base/clock.h"

enum {
	PAUSE_LEAST_MS = 20,
	PAUSE_MOST_MS = 320,
	GONE_MS = 1000, /* pcscd looks for cards so often, or oftener */
	GONE_POLL_MS = 50,
};

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

/* A card's errors are told in the words for tokens. */
static enum err token_error(enum err e)
{
	switch (e) {
	case ERR_NO_DEVICE:
	case ERR_DEVICE_GONE:
		return ERR_TOKEN_GONE;
	case ERR_DEVICE_BUSY:
		return ERR_TOKEN_BUSY;
	case ERR_DEVICE:
		return ERR_TOKEN;
	default:
		return e;
	}
}

/* A command did not get through: pcscd learns later than the driver that the card is not there. */
static bool is_gone(struct pcsc_card *card)
{
	uint64_t end = clock_now() + GONE_MS;
	bool gone;

	while (!(gone = pcsc_gone(card)) && clock_now() < end)
		pause_ms(GONE_POLL_MS);
	return gone;
}

static enum err transmit(void *ctx, struct bytes apdu, uint8_t *reply, size_t *n)
{
	struct pcsc_card *card = ctx;
	enum err e = pcsc_transmit(card, apdu, reply, n);

	/* Some drivers give no answer at all for no error. */
	if ((e == ERR_DEVICE || (e == ERR_OK && *n < 2)) && is_gone(card))
		e = ERR_DEVICE_GONE;
	return token_error(e);
}

static enum err control(void *ctx, uint32_t code, struct bytes in, uint8_t *out, size_t *n)
{
	return token_error(pcsc_control(ctx, code, in, out, n));
}

static enum err attempt(struct session *s, const char *reader)
{
	enum err e = pcsc_open(reader, &s->card);

	if (e != ERR_OK)
		return token_error(e);
	e = token_error(pcsc_begin(s->card));
	if (e != ERR_OK) {
		pcsc_close(s->card);
		s->card = NULL;
		return e;
	}
	s->wire = (struct wire){
	    .transmit = transmit, .control = control, .ctx = s->card, .t0 = pcsc_is_t0(s->card)};
	return ERR_OK;
}

enum err session_begin(struct session *s, const char *reader, unsigned ms)
{
	uint64_t end = clock_now() + ms;
	long pause = PAUSE_LEAST_MS;
	enum err e;

	*s = (struct session){0};
	while ((e = attempt(s, reader)) == ERR_TOKEN_BUSY || e == ERR_TOKEN) {
		if (clock_now() >= end)
			break;
		pause_ms(pause);
		pause = pause < PAUSE_MOST_MS ? 2 * pause : pause;
	}
	return e;
}

void session_end(struct session *s)
{
	wire_clear(&s->wire);
	pcsc_close(s->card);
	*s = (struct session){0};
}
