/* Messages of signet-pkcs11 and signet-card, both ways. */
#include "proto/frame.h"
#include "proto/tokenmsg.h"
#include "tests/fuzz/fuzz.h"

/* What was built is one frame with the same content as what was read. */
static void check_built(struct builder *b, struct bytes message)
{
	struct bytes content;

	fuzz_require(frame_next(builder_view(b), LIMIT_TOKEN_MESSAGE, &content) == FRAME_READY,
	    "a message that was read can be sent");
	fuzz_require(bytes_equal(content, message), "a message is written as it was read");
	builder_clear(b);
}

static void modules(struct bytes message)
{
	struct token_open open;
	struct builder b = {0};
	struct bytes text;

	if (token_resolve_parse(message, &text) == ERR_OK) {
		token_resolve_build(&b, text);
		check_built(&b, message);
	}
	if (token_resolved_parse(message, &text) == ERR_OK) {
		token_resolved_build(&b, text);
		check_built(&b, message);
	}
	if (token_open_parse(message, &open) == ERR_OK) {
		token_open_build(&b, &open);
		check_built(&b, message);
	}
}

static void requests(struct bytes message)
{
	struct token_select select;
	struct token_sign sign;
	struct builder b = {0};
	bool waits;

	if (token_select_parse(message, &select) == ERR_OK) {
		token_select_build(&b, &select);
		check_built(&b, message);
	}
	if (token_sign_parse(message, &sign) == ERR_OK) {
		token_sign_build(&b, &sign);
		check_built(&b, message);
	}
	if (token_watch_parse(message, &waits) == ERR_OK) {
		token_watch_build(&b, waits);
		check_built(&b, message);
	}
	if (token_logout_parse(message) == ERR_OK) {
		token_logout_build(&b);
		check_built(&b, message);
	}
}

static void inventory(struct bytes message)
{
	struct token_inventory all;
	struct token_info m;
	struct token_key k;
	struct builder b = {0};
	size_t mark;

	if (token_inventory_parse(message, &all) != ERR_OK)
		return;
	mark = token_inventory_open(&b, all.trouble, all.count);
	for (uint32_t i = 0; i < all.count; i++) {
		fuzz_require(token_info_next(&all.tokens, &m) == ERR_OK,
		    "an inventory has as many tokens as it counts");
		token_info_put(&b, &m);
		for (uint32_t n = 0; n < m.count; n++) {
			fuzz_require(token_key_next(&m.keys, &k) == ERR_OK,
			    "a token has as many keys as it counts");
			token_key_put(&b, &k);
		}
		fuzz_require(m.keys.left == 0, "a token's keys end with the last");
	}
	token_inventory_close(&b, mark);
	check_built(&b, message);
}

static void answers(struct bytes message)
{
	static struct token_ref refs[TOKEN_KEYS_MOST];
	struct token_failure failure;
	struct token_signed done;
	struct builder b = {0};
	struct reader r;
	uint32_t number, count;

	if (token_selected_parse(message, &number, &count, &r) == ERR_OK) {
		for (uint32_t i = 0; i < count; i++)
			fuzz_require(token_ref_next(&r, &refs[i]) == ERR_OK,
			    "a selection has as many keys as it counts");
		token_selected_build(&b, number, refs, count);
		check_built(&b, message);
	}
	if (token_signed_parse(message, &done) == ERR_OK) {
		token_signed_build(&b, &done);
		check_built(&b, message);
	}
	if (token_failed_parse(message, &failure) == ERR_OK) {
		fuzz_plant(failure.tries > 20 && failure.tries < 200);
		token_failed_build(&b, &failure);
		check_built(&b, message);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes message = BYTES(data, size);
	enum token_message kind;

	if (token_message_of(message, &kind) != ERR_OK)
		return 0;
	modules(message);
	requests(message);
	inventory(message);
	answers(message);
	return 0;
}
