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

static enum err connect(struct session *s, const char *reader)
{
	enum err e = pcsc_open(reader, &s->card);

	if (e != ERR_OK)
		return token_error(e);
	e = token_error(pcsc_begin(s->card));
	if (e != ERR_OK) {
		pcsc_close(s->card);
		s->card = NULL;
	}
	return e;
}

/* Somebody may have reset the card, or it is gone: then the connection is of no use. */
static enum err resume(struct session *s)
{
	enum err e = token_error(pcsc_begin(s->kept.card));

	if (e == ERR_TOKEN_BUSY)
		return e;
	if (e == ERR_OK)
		s->card = s->kept.card;
	else
		pcsc_close(s->kept.card);
	s->kept.card = NULL;
	return e;
}

static enum err attempt(struct session *s, const char *reader)
{
	bool resumed = false;
	enum err e;

	if (s->kept.card != NULL) {
		e = resume(s);
		if (e == ERR_TOKEN_BUSY)
			return e;
		resumed = e == ERR_OK;
	}
	e = resumed ? ERR_OK : connect(s, reader);
	if (e != ERR_OK)
		return e;
	s->wire = (struct wire){.transmit = transmit,
	    .control = control,
	    .ctx = s->card,
	    .resumed = resumed,
	    .pin = resumed ? WIRE_PIN_BEFORE : WIRE_PIN_NONE,
	    .t0 = pcsc_is_t0(s->card)};
	return ERR_OK;
}

static enum err begin(struct session *s, const char *reader, unsigned ms)
{
	uint64_t end = clock_now() + ms;
	long pause = PAUSE_LEAST_MS;
	enum err e;

	while ((e = attempt(s, reader)) == ERR_TOKEN_BUSY || e == ERR_TOKEN) {
		if (clock_now() >= end)
			break;
		pause_ms(pause);
		pause = pause < PAUSE_MOST_MS ? 2 * pause : pause;
	}
	return e;
}

enum err session_begin(struct session *s, const char *reader, unsigned ms)
{
	*s = (struct session){0};
	return begin(s, reader, ms);
}

enum err session_resume(
    struct session *s, struct keeper *k, size_t place, const char *reader, unsigned ms)
{
	*s = (struct session){.keeper = k, .place = place, .kept = keeper_take(k, place)};
	return begin(s, reader, ms);
}

/* In somebody else's hands all the time. */
static void give_back(struct session *s)
{
	if (s->kept.card != NULL)
		keeper_put(s->keeper, s->place, &s->kept, false);
	s->kept.card = NULL;
}

void session_end(struct session *s)
{
	enum wire_pin pin = s->wire.pin;

	wire_clear(&s->wire);
	give_back(s);
	if (s->card != NULL && s->keeper != NULL && pin != WIRE_PIN_NONE &&
	    pcsc_pause(s->card) == ERR_OK) {
		s->kept.card = s->card;
		keeper_put(s->keeper, s->place, &s->kept, pin == WIRE_PIN_NOW);
	} else {
		pcsc_close(s->card);
	}
	*s = (struct session){0};
}

void session_reset(struct session *s)
{
	wire_clear(&s->wire);
	give_back(s);
	if (s->card != NULL)
		pcsc_reset(s->card);
	else if (s->keeper != NULL)
		keeper_drop(s->keeper, s->place, true);
	*s = (struct session){0};
}
