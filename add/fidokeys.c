#include "add/fidokeys.h"

#include <stdio.h>

#include "add/ask.h"
#include "add/show.h"
#include "proto/base/text.h"

enum { CHANCES = 2 };

static enum err ask_pin(const char *name, const char *what, unsigned tries, struct blob *out)
{
	char prompt[SHOW_ROOM + 160], left[64] = "";
	enum err e;

	if (tries != FIDO_TRIES_UNKNOWN)
		snprintf(left, sizeof(left), " (%u tries left)", tries);
	snprintf(
	    prompt, sizeof(prompt), "Enter PIN for %.*s %s%s: ", SHOW_ROOM - 1, name, what, left);
	e = ask_secret(prompt, ASK_ALSO_STDIN, out);
	if (e == ERR_OK && out->len == 0)
		e = ERR_CANCELLED;
	if (e == ERR_OK && out->len > FIDO_PIN_MOST)
		e = ERR_TOO_LONG;
	return e;
}

static void say(const char *name, enum err e, const struct fido_failure *f)
{
	char detail[FIDO_DETAIL_MOST * 4 + 1];

	fprintf(stderr, "%s: %s", name, err_text(e));
	if (f->detail.len != 0)
		fprintf(stderr, " (%s)", text_escape(f->detail, detail, sizeof(detail)));
	fputc('\n', stderr);
}

static enum err walk(struct reader keys, uint32_t count,
    void (*one)(void *ctx, const struct fido_key *key), void *ctx)
{
	struct fido_key key;
	enum err e = ERR_OK;

	while (e == ERR_OK && count-- != 0) {
		e = fido_key_next(&keys, &key);
		if (e == ERR_OK)
			one(ctx, &key);
	}
	return e;
}

enum err fido_each_resident(const struct fido_resident *device, const char *name, const char *what,
    void (*one)(void *ctx, const struct fido_key *key), void *ctx)
{
	struct fido_resident request = *device;
	unsigned tries = FIDO_TRIES_UNKNOWN;
	enum err e = ERR_PIN;

	for (int chance = 0; e == ERR_PIN && chance < CHANCES; chance++) {
		struct fido_answer a = {0};
		struct blob pin = {0};
		struct reader keys;
		uint32_t count;

		e = ask_pin(name, what, tries, &pin);
		request.pin = blob_view(&pin);
		if (e == ERR_OK)
			e = fido_ask_resident(&request, &a, &keys, &count);
		blob_clear(&pin);
		if (e == ERR_OK)
			e = walk(keys, count, one, ctx);
		tries = a.failure.tries;
		if (e != ERR_OK && e != ERR_CANCELLED && e != ERR_NO_PROMPT)
			say(name, e, &a.failure);
		fido_answer_clear(&a);
	}
	return e;
}
