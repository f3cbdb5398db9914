/* The limits of messages of helpers for tokens: a field at its limit is read, more is not. */
#include "tests/support/base_test.h"

#include <string.h>

#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"
#include "proto/tokenmsg.h"

static const char public[] = "\0\0\0\x0bssh-ed25519\0\0\0\x20"
			     "0123456789abcdef0123456789abcdef";
static const struct token_key signer = {
    .id = {(const uint8_t *)"k", 1}, .public = {(const uint8_t *)public, sizeof(public) - 1}};

static enum err parse(struct bytes message)
{
	enum token_message kind;
	struct bytes text;
	enum err e = token_message_of(message, &kind);

	if (e != ERR_OK)
		return e;
	switch (kind) {
	case TOKEN_RESOLVE:
		return token_resolve_parse(message, &text);
	case TOKEN_SELECT:
		return token_select_parse(message, &(struct token_select){0});
	case TOKEN_SIGN:
		return token_sign_parse(message, &(struct token_sign){0});
	case TOKEN_INVENTORY:
		return token_inventory_parse(message, &(struct token_inventory){0});
	case TOKEN_SIGNED:
		return token_signed_parse(message, &(struct token_signed){0});
	default:
		return ERR_MESSAGE;
	}
}

static uint8_t big[LIMIT_TOKEN_MESSAGE + 1];

static enum err parse_built(struct builder *b)
{
	struct bytes content;
	enum err e;

	assert_int_equal(frame_next(builder_view(b), LIMIT_TOKEN_MESSAGE, &content), FRAME_READY);
	e = parse(content);
	builder_clear(b);
	return e;
}

static void limits_of_requests(void **state)
{
	static const struct {
		size_t token, key, algorithm, data, pin;
		enum err e;
	} table[] = {
	    {TOKEN_ID_MOST, TOKEN_ID_MOST, TOKEN_TEXT_MOST, LIMIT_MESSAGE, TOKEN_PIN_MOST, ERR_OK},
	    {1, 1, 1, 0, 0, ERR_OK},
	    {TOKEN_ID_MOST + 1, 1, 1, 0, 0, ERR_LIMIT},
	    {1, TOKEN_ID_MOST + 1, 1, 0, 0, ERR_LIMIT},
	    {1, 1, TOKEN_TEXT_MOST + 1, 0, 0, ERR_LIMIT},
	    {1, 1, 1, LIMIT_MESSAGE + 1, 0, ERR_LIMIT},
	    {1, 1, 1, 0, TOKEN_PIN_MOST + 1, ERR_LIMIT},
	};
	struct builder b = {0};

	(void)state;
	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct token_sign m = {.number = 1,
		    .token = BYTES(big, table[i].token),
		    .key = BYTES(big, table[i].key),
		    .algorithm = BYTES(big, table[i].algorithm),
		    .data = BYTES(big, table[i].data),
		    .pin = BYTES(big, table[i].pin)};

		token_sign_build(&b, &m);
		assert_int_equal(parse_built(&b), table[i].e);
	}
	for (size_t n = 0; n < 2; n++) {
		struct token_select m = {.number = 1, .uri = BYTES(big, TOKEN_PATH_MOST + n)};

		token_select_build(&b, &m);
		assert_int_equal(parse_built(&b), n == 0 ? ERR_OK : ERR_LIMIT);
		token_resolve_build(&b, BYTES(big, TOKEN_PATH_MOST + n));
		assert_int_equal(parse_built(&b), n == 0 ? ERR_OK : ERR_LIMIT);
	}
	big[0] = HELPER_VERSION;
	big[1] = TOKEN_SIGN;
	assert_int_equal(parse(BYTES(big, LIMIT_TOKEN_MESSAGE + 1)), ERR_TOO_LONG);
}

/* Tokens with so many keys each. */
static enum err keys_of_tokens(const uint32_t *counts, uint32_t tokens)
{
	struct builder b = {0};
	size_t mark = token_inventory_open(&b, ERR_OK, tokens);

	for (uint32_t i = 0; i < tokens; i++) {
		uint8_t id = (uint8_t)i;
		struct token_info m = {
		    .type = TOKEN_PKCS11, .id = BYTES(&id, 1), .parallel = 1, .count = counts[i]};

		token_info_put(&b, &m);
		for (uint32_t k = 0; k < counts[i]; k++)
			token_key_put(&b, &signer);
	}
	token_inventory_close(&b, mark);
	return parse_built(&b);
}

static void limits_of_inventories(void **state)
{
	static const uint32_t none[TOKEN_TOKENS_MOST + 1];
	static const uint32_t full[] = {TOKEN_KEYS_MOST - 1, 1, 1};

	(void)state;
	assert_int_equal(keys_of_tokens(none, TOKEN_TOKENS_MOST), ERR_OK);
	assert_int_equal(keys_of_tokens(none, TOKEN_TOKENS_MOST + 1), ERR_LIMIT);
	assert_int_equal(keys_of_tokens(full, 2), ERR_OK);
	assert_int_equal(keys_of_tokens(full, 3), ERR_LIMIT);
}

/* One token with one key, one field of which may be too long. */
static enum err lengths(size_t id, size_t text, size_t key_id, size_t label)
{
	struct token_info m = {.type = TOKEN_PKCS11,
	    .id = BYTES(big, id),
	    .name = BYTES(big, text),
	    .parallel = 1,
	    .count = 1};
	struct token_key k = signer;
	struct builder b = {0};
	size_t mark = token_inventory_open(&b, ERR_OK, 1);

	k.id = BYTES(big, key_id);
	k.label = BYTES(big, label);
	token_info_put(&b, &m);
	token_key_put(&b, &k);
	token_inventory_close(&b, mark);
	return parse_built(&b);
}

static void limits_of_tokens(void **state)
{
	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(
	    lengths(TOKEN_ID_MOST, TOKEN_TEXT_MOST, TOKEN_ID_MOST, TOKEN_TEXT_MOST), ERR_OK);
	assert_int_equal(lengths(TOKEN_ID_MOST + 1, 0, 1, 0), ERR_LIMIT);
	assert_int_equal(lengths(1, TOKEN_TEXT_MOST + 1, 1, 0), ERR_LIMIT);
	assert_int_equal(lengths(1, 0, TOKEN_ID_MOST + 1, 0), ERR_LIMIT);
	assert_int_equal(lengths(1, 0, 1, TOKEN_TEXT_MOST + 1), ERR_LIMIT);
}

/* RSA of 16384 bits, and two numbers of P-521. */
static void limits_of_signatures(void **state)
{
	static const struct {
		size_t r, s;
		enum err e;
	} table[] = {{2048, 0, ERR_OK}, {2049, 0, ERR_FORMAT}, {66, 66, ERR_OK},
	    {67, 66, ERR_FORMAT}, {66, 67, ERR_FORMAT}, {0, 0, ERR_FORMAT}};
	struct builder b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct token_signed m = {1, BYTES(big, table[i].r), BYTES(big, table[i].s)};

		token_signed_build(&b, &m);
		assert_int_equal(parse_built(&b), table[i].e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(limits_of_requests),
	    cmocka_unit_test(limits_of_inventories),
	    cmocka_unit_test(limits_of_tokens),
	    cmocka_unit_test(limits_of_signatures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
