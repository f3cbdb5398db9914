/* Which of several devices is meant: the one that the person touches. */
#include <fido.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/clock.h"
#include "proto/limits.h"
#include "tokens/fido/cancel.h"
#include "tokens/fido/op.h"
#include "tokens/fido/token.h"

enum {
	TURN_MS = 20, /* each device is listened to for so long, in turn */
	BUSY_TRIES = 10,
	BUSY_PAUSE_MS = 100,
	STOP_MS = 400, /* a device that was told to stop has so long to say that it did */
};

struct candidate {
	struct token token;
	bool asked; /* it blinks */
	bool open;
};

struct choice {
	struct candidate all[FIDO_PATHS_MOST];
	size_t n;
	size_t asked;
};

/* Who looked at it a moment ago may not have let go yet: a device left out could not be chosen. */
static enum err open_patiently(struct op *op, struct bytes path, struct token *t)
{
	static const struct timespec pause = {.tv_nsec = BUSY_PAUSE_MS * 1000000L};
	enum err e = token_open(op, path, t);

	for (int i = 0; e == ERR_DEVICE_BUSY && i < BUSY_TRIES && !cancel_asked(op->cancel); i++) {
		(void)nanosleep(&pause, NULL);
		e = token_open(op, path, t);
	}
	return e;
}

/* One that cannot be asked is left out; e stays what was wrong with the last such. */
static enum err ask_all(struct op *op, struct choice *c, const struct bytes *paths)
{
	enum err e = ERR_NO_DEVICE;

	for (size_t i = 0; i < c->n && !cancel_asked(op->cancel); i++) {
		struct candidate *k = &c->all[i];
		uint64_t since = clock_now();
		enum err failed = open_patiently(op, paths[i], &k->token);
		int code;

		if (failed != ERR_OK) {
			e = failed;
			continue;
		}
		k->open = true;
		code = fido_dev_get_touch_begin(k->token.dev);
		k->asked = code == FIDO_OK;
		if (k->asked)
			c->asked++;
		else
			e = token_failed(op, &k->token, code, since);
	}
	return c->asked != 0 ? ERR_OK : e;
}

/* Listen to one for its turn: ERR_TIMEOUT while it was not touched. */
static enum err listen_to(struct op *op, struct choice *c, struct candidate *k)
{
	int touched = 0;
	int code = fido_dev_get_touch_status(k->token.dev, &touched, TURN_MS);

	if (code == FIDO_OK && touched)
		return ERR_OK;
	/* libfido2 does not tell one that says nothing from one that cannot any more. */
	if (code == FIDO_OK && !token_lost(&k->token))
		return ERR_TIMEOUT;
	if (code == FIDO_OK)
		code = FIDO_ERR_RX;
	/* Pulled out, or it waited long enough: the others may still be touched. */
	k->asked = false;
	c->asked--;
	return c->asked != 0 ? ERR_TIMEOUT : token_failed(op, &k->token, code, clock_now());
}

static enum err await_touch(struct op *op, struct choice *c, size_t *chosen)
{
	uint64_t end = clock_now() + LIMIT_TOUCH_MS;

	while (clock_now() < end) {
		for (size_t i = 0; i < c->n; i++) {
			enum err e;

			if (cancel_asked(op->cancel))
				return ERR_CANCELLED;
			if (!c->all[i].asked)
				continue;
			e = listen_to(op, c, &c->all[i]);
			if (e == ERR_OK)
				*chosen = i;
			if (e != ERR_TIMEOUT)
				return e;
		}
	}
	return ERR_TOUCH_TIMEOUT;
}

/* Have it stop blinking, and wait until it says that it did. */
static void stop(struct candidate *k)
{
	int touched;

	if (fido_dev_cancel(k->token.dev) == FIDO_OK)
		fido_dev_get_touch_status(k->token.dev, &touched, STOP_MS);
}

static void close_all(struct op *op, struct choice *c, size_t chosen)
{
	for (size_t i = 0; i < c->n; i++) {
		struct candidate *k = &c->all[i];

		if (k->open && k->asked && i != chosen)
			stop(k);
		if (k->open)
			token_close(op, &k->token);
	}
}

enum err op_choose(struct op *op)
{
	struct bytes paths[FIDO_PATHS_MOST];
	struct choice *c = calloc(1, sizeof(*c));
	size_t chosen = FIDO_PATHS_MOST;
	enum err e;

	if (c == NULL)
		return ERR_MEMORY;
	e = fido_choose_parse(op->message, paths, &c->n);
	if (e == ERR_OK)
		e = ask_all(op, c, paths);
	if (e == ERR_OK)
		e = await_touch(op, c, &chosen);
	close_all(op, c, chosen);
	if (e == ERR_OK)
		fido_text_build(&op->answer, FIDO_CHOSEN, paths[chosen]);
	free(c);
	return e;
}
