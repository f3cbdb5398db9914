#include "tokens/card/session.h"

#include <time.h>

#include "proto/base/clock.h"

enum { PAUSE_LEAST_MS = 20, PAUSE_MOST_MS = 320 };

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

static enum err transmit(void *ctx, struct bytes apdu, uint8_t *reply, size_t *n)
{
	struct pcsc_card *card = ctx;
	enum err e = pcsc_transmit(card, apdu, reply, n);

	/* pcscd learns a moment later than the driver that the card is not there. */
	if (e == ERR_DEVICE && pcsc_gone(card))
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
	struct timespec pause = {.tv_nsec = PAUSE_LEAST_MS * 1000000L};
	enum err e;

	*s = (struct session){0};
	while ((e = attempt(s, reader)) == ERR_TOKEN_BUSY || e == ERR_TOKEN) {
		if (clock_now() >= end)
			break;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < PAUSE_MOST_MS * 1000000L)
			pause.tv_nsec *= 2;
	}
	return e;
}

void session_end(struct session *s)
{
	wire_clear(&s->wire);
	pcsc_close(s->card);
	*s = (struct session){0};
}
