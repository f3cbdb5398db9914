/* Messages of signet-keyring: what was built is read, and what is malformed is not. */
#include "tests/support/base_test.h"

#include <string.h>

#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/keyringmsg.h"

static const struct keyring_item item = {
    KEYRING_PASSPHRASE, {(const uint8_t *)"/k", 2}, {(const uint8_t *)"SHA256:x", 8}};

/* The content of the one frame that was built. */
static struct bytes content(struct builder *b)
{
	struct bytes out;

	assert_int_equal(builder_error(b), ERR_OK);
	assert_int_equal(frame_next(builder_view(b), KEYRING_REQUEST_MOST, &out), FRAME_READY);
	assert_int_equal(out.len + FRAME_HEADER, b->len);
	return out;
}

static void assert_item(struct keyring_item got, enum keyring_kind kind, const char *id)
{
	assert_int_equal(got.kind, kind);
	assert_true(bytes_is(got.name, "/k"));
	assert_true(bytes_is(got.id, id));
}

/* Bytes are as the header says, so that a helper of another build reads them. */
static void test_the_bytes(void **state)
{
	static const uint8_t lookup[] = "\0\0\0\x16\x02\x80\x01\0\0\0\2/k\0\0\0\x08SHA256:x\1";
	struct builder b = {0};

	(void)state;
	keyring_lookup_build(&b, &item, true);
	assert_int_equal(b.len, sizeof(lookup) - 1);
	assert_memory_equal(b.data, lookup, sizeof(lookup) - 1);
	builder_clear(&b);
}

static void test_requests(void **state)
{
	struct builder b = {0};
	struct keyring_item got, pin = item;
	struct bytes label, secret;
	bool prompt = false;

	(void)state;
	keyring_lookup_build(&b, &item, true);
	assert_int_equal(keyring_lookup_parse(content(&b), &got, &prompt), ERR_OK);
	assert_item(got, KEYRING_PASSPHRASE, "SHA256:x");
	assert_true(prompt);
	assert_int_equal(keyring_forget_parse(content(&b), &got), ERR_MESSAGE);
	builder_clear(&b);
	pin.kind = KEYRING_PIN;
	keyring_lookup_build(&b, &pin, false);
	assert_int_equal(keyring_lookup_parse(content(&b), &got, &prompt), ERR_OK);
	assert_item(got, KEYRING_PIN, "SHA256:x");
	assert_false(prompt);
	builder_clear(&b);
	keyring_store_build(&b, &pin, bytes_str("Label"), bytes_str("secret"));
	assert_int_equal(keyring_store_parse(content(&b), &got, &label, &secret), ERR_OK);
	assert_item(got, KEYRING_PIN, "SHA256:x");
	assert_true(bytes_is(label, "Label") && bytes_is(secret, "secret"));
	builder_clear(&b);
	pin.id = BYTES_NONE;
	keyring_forget_build(&b, &pin);
	assert_int_equal(keyring_forget_parse(content(&b), &got), ERR_OK);
	assert_item(got, KEYRING_PIN, "");
	builder_clear(&b);
}

static void test_answers(void **state)
{
	struct builder b = {0};
	struct bytes secret;
	enum err why;

	(void)state;
	keyring_secret_build(&b, bytes_str("s"));
	assert_int_equal(keyring_secret_parse(content(&b), &secret), ERR_OK);
	assert_true(bytes_is(secret, "s"));
	assert_int_equal(keyring_done_parse(content(&b)), ERR_MESSAGE);
	builder_clear(&b);
	keyring_done_build(&b);
	assert_int_equal(keyring_done_parse(content(&b)), ERR_OK);
	builder_clear(&b);
	for (unsigned i = 0; i < 256; i++) {
		bool allowed = i == ERR_NOT_FOUND || i == ERR_NO_KEYRING ||
			       i == ERR_KEYRING_LOCKED || i == ERR_KEYRING || i == ERR_TIMEOUT ||
			       i == ERR_MEMORY;

		keyring_failed_build(&b, (enum err)i);
		assert_int_equal(
		    keyring_failed_parse(content(&b), &why), allowed ? ERR_OK : ERR_FORMAT);
		if (allowed)
			assert_int_equal(why, i);
		builder_clear(&b);
	}
}

/* --- what is malformed ------------------------------------------------------------------------ */

static enum err parse(struct bytes m)
{
	struct keyring_item got;
	struct bytes a, c;
	enum err why;
	bool prompt;
	uint8_t kind;
	enum err e = helper_message_kind(m, &kind);

	if (e != ERR_OK)
		return e;
	switch (kind) {
	case KEYRING_LOOKUP:
		return keyring_lookup_parse(m, &got, &prompt);
	case KEYRING_STORE:
		return keyring_store_parse(m, &got, &a, &c);
	case KEYRING_FORGET:
		return keyring_forget_parse(m, &got);
	case KEYRING_SECRET:
		return keyring_secret_parse(m, &a);
	case KEYRING_DONE:
		return keyring_done_parse(m);
	default:
		return keyring_failed_parse(m, &why);
	}
}

/* Every message that ends early, or goes on, is refused, and so is one of another version. */
static void check_edges(struct builder *b)
{
	uint8_t copy[128];
	struct bytes m = content(b);

	assert_true(m.len < sizeof(copy));
	memcpy(copy, m.data, m.len);
	assert_int_equal(parse(m), ERR_OK);
	for (size_t n = 0; n < m.len; n++)
		assert_int_equal(parse(BYTES(copy, n)), ERR_TRUNCATED);
	copy[m.len] = 0;
	assert_int_equal(parse(BYTES(copy, m.len + 1)), ERR_SURPLUS);
	copy[0]++;
	assert_int_equal(parse(BYTES(copy, m.len)), ERR_VERSION);
	builder_clear(b);
}

static void test_edges(void **state)
{
	struct builder b = {0};

	(void)state;
	keyring_lookup_build(&b, &item, true);
	check_edges(&b);
	keyring_store_build(&b, &item, bytes_str("L"), bytes_str("s"));
	check_edges(&b);
	keyring_forget_build(&b, &item);
	check_edges(&b);
	keyring_secret_build(&b, bytes_str("s"));
	check_edges(&b);
	keyring_done_build(&b);
	check_edges(&b);
	keyring_failed_build(&b, ERR_KEYRING);
	check_edges(&b);
}

static uint8_t big[KEYRING_NAME_MOST + 1];

static enum err lookup_of(struct keyring_item what)
{
	struct builder b = {0};
	enum err e;

	keyring_lookup_build(&b, &what, true);
	e = parse(content(&b));
	builder_clear(&b);
	return e;
}

static enum err store_of(struct bytes label, struct bytes secret)
{
	struct builder b = {0};
	enum err e;

	keyring_store_build(&b, &item, label, secret);
	e = parse(content(&b));
	builder_clear(&b);
	return e;
}

static enum err secret_of(struct bytes secret)
{
	struct builder b = {0};
	enum err e;

	keyring_secret_build(&b, secret);
	e = parse(content(&b));
	builder_clear(&b);
	return e;
}

static void test_limits(void **state)
{
	struct bytes ok = bytes_str("s");
	struct keyring_item i = item;

	(void)state;
	memset(big, 'a', sizeof(big));
	i.name = i.id = BYTES(big, KEYRING_NAME_MOST);
	assert_int_equal(lookup_of(i), ERR_OK);
	i.name = BYTES(big, KEYRING_NAME_MOST + 1);
	assert_int_equal(lookup_of(i), ERR_LIMIT);
	i.name = BYTES("a\0b", 3);
	assert_int_equal(lookup_of(i), ERR_TEXT);
	i.name = BYTES_NONE;
	assert_int_equal(lookup_of(i), ERR_FORMAT);
	i = item;
	i.id = BYTES_NONE;
	assert_int_equal(lookup_of(i), ERR_FORMAT);
	i = item;
	i.kind = (enum keyring_kind)3;
	assert_int_equal(lookup_of(i), ERR_FORMAT);
	i.kind = (enum keyring_kind)0;
	assert_int_equal(lookup_of(i), ERR_FORMAT);
	assert_int_equal(
	    store_of(BYTES(big, KEYRING_NAME_MOST), BYTES(big, KEYRING_SECRET_MOST)), ERR_OK);
	assert_int_equal(store_of(BYTES(big, KEYRING_NAME_MOST + 1), ok), ERR_LIMIT);
	assert_int_equal(store_of(ok, BYTES(big, KEYRING_SECRET_MOST + 1)), ERR_LIMIT);
	assert_int_equal(store_of(ok, BYTES("a\0", 2)), ERR_TEXT);
	assert_int_equal(store_of(ok, BYTES_NONE), ERR_FORMAT);
	assert_int_equal(secret_of(BYTES(big, KEYRING_SECRET_MOST)), ERR_OK);
	assert_int_equal(secret_of(BYTES(big, KEYRING_SECRET_MOST + 1)), ERR_LIMIT);
	assert_int_equal(secret_of(BYTES("a\0", 2)), ERR_TEXT);
	assert_int_equal(secret_of(BYTES_NONE), ERR_FORMAT);
	assert_true(keyring_secret_allowed(ok));
	assert_true(keyring_secret_allowed(BYTES(big, KEYRING_SECRET_MOST)));
	assert_false(keyring_secret_allowed(BYTES(big, KEYRING_SECRET_MOST + 1)));
	assert_false(keyring_secret_allowed(BYTES_NONE));
	assert_false(keyring_secret_allowed(BYTES("a\0b", 3)));
}

/* A flag is 0 or 1. */
static void test_flags(void **state)
{
	struct keyring_item got;
	struct builder b = {0};
	bool prompt = true;

	(void)state;
	keyring_lookup_build(&b, &item, false);
	b.data[b.len - 1] = 2;
	assert_int_equal(keyring_lookup_parse(content(&b), &got, &prompt), ERR_FORMAT);
	assert_true(prompt);
	builder_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_bytes),
	    cmocka_unit_test(test_requests),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_edges),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
