#include <string.h>

#include "tests/support/agent_client.h"

struct wire ask_plain(uint8_t number)
{
	struct wire w = {0};

	wire_u8(&w, number);
	return w;
}

struct wire ask_string(uint8_t number, const void *p, size_t n)
{
	struct wire w = ask_plain(number);

	wire_string(&w, p, n);
	return w;
}

struct wire ask_text(uint8_t number, const char *s)
{
	return ask_string(number, s, strlen(s));
}

struct wire ask_token(uint8_t number, const char *token, const char *pin)
{
	struct wire w = ask_text(number, token);

	wire_text(&w, pin);
	return w;
}

void probe_say(int fd, uint8_t number, const char *text, uint8_t reply)
{
	struct wire w = text != NULL ? ask_text(number, text) : ask_plain(number);

	probe_expect(fd, &w, reply);
}

struct wire ask_sign(const struct wire *blob, const struct wire *data, uint32_t flags)
{
	struct wire w = ask_string(MSG_SIGN, blob->data, blob->len);

	wire_string(&w, data->data, data->len);
	wire_u32(&w, flags);
	return w;
}

void constrain_lifetime(struct wire *w, uint32_t seconds)
{
	wire_u8(w, 1);
	wire_u32(w, seconds);
}

void constrain_confirm(struct wire *w)
{
	wire_u8(w, 2);
}

void constrain_extension(struct wire *w, const char *name)
{
	wire_u8(w, 255);
	wire_text(w, name);
}

/* The whole list; calls each (may be NULL) for every key. */
static uint32_t walk(int fd, const struct wire *wanted, bool *found)
{
	struct wire ask = ask_plain(MSG_LIST);
	struct wire reply = probe_ask(fd, &ask);
	size_t pos = 1;

	assert_int_equal(reply.data[0], MSG_KEYS);
	uint32_t n = wire_get_u32(&reply, &pos);
	for (uint32_t i = 0; i < n; i++) {
		struct wire blob = wire_get_string(&reply, &pos);
		wire_get_string(&reply, &pos);
		if (wanted != NULL && wire_equal(&blob, wanted))
			*found = true;
	}
	assert_int_equal(pos, reply.len);
	wire_free(&reply);
	return n;
}

uint32_t probe_count(int fd)
{
	return walk(fd, NULL, NULL);
}

bool probe_holds(int fd, const struct wire *blob)
{
	bool found = false;

	walk(fd, blob, &found);
	return found;
}

struct wire probe_sign(int fd, const struct wire *blob, const struct wire *data, uint32_t flags)
{
	struct wire ask = ask_sign(blob, data, flags);
	struct wire reply = probe_ask(fd, &ask), signature = {0};
	size_t pos = 1;

	if (reply.data[0] != MSG_SIGNATURE)
		fail_msg("the agent refused to sign (reply %u)", reply.data[0]);
	struct wire view = wire_get_string(&reply, &pos);
	assert_int_equal(pos, reply.len);
	wire_raw(&signature, view.data, view.len);
	wire_free(&reply);
	return signature;
}

void probe_expect_works(int fd, const struct wire *blob)
{
	uint8_t bytes[] = "still there";
	struct wire data = {bytes, sizeof(bytes)};

	assert_true(probe_holds(fd, blob));
	struct wire signature = probe_sign(fd, blob, &data, 0);
	wire_free(&signature);
}
