#include "tests/support/base_test.h"

#include <string.h>

#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"
#include "proto/tokenmsg.h"

#define TEXT(s) BYTES(s, sizeof(s) - 1)

/* Forms of tokenmsg.h, written by hand: version, kind, fields. */
#define PUBLIC                                                                                     \
	"\0\0\0\x0bssh-ed25519\0\0\0\x20"                                                          \
	"0123456789abcdef0123456789abcdef"
#define KEY                                                                                        \
	"\0\0\0\2k\0\0\0\0\x33" PUBLIC "\0\0\0\3Sig\0\0\0\2"                                       \
	"9c\0\0\0\3"
#define READER "\0\0\0\0\0\0\0\0\1R\0\0\0\1R\0\0\0\0\0\0\0\0\0\0\0\x40\xff\0\0\0\0\0"
#define CARD                                                                                       \
	"\2\0\0\0\2t\0\0\0\0\4K\xc3\xa9y\0\0\0\1R\0\0\0\2"                                         \
	"17\0\0\0\3"                                                                               \
	"5.4\0\0\0\2\3\1\0\0\0\2"
static const char resolve_text[] = "\2\x40\0\0\0\4opsc";
static const char open_text[] = "\2\x41\0\0\0\5/a.so\0\0\0\1";
static const char open_card_text[] = "\2\x41\0\0\0\0\0\0\0\0";
static const char select_text[] = "\2\x42\0\0\1\2\0\0\0\5"
				  "card:\0\0\0\4"
				  "1234\0\0\0\1";
static const char sign_text[] = "\2\x43\0\0\1\3\0\0\0\2t\0\0\0\0\2k\0\0\0\0\x0bssh-ed25519"
				"\0\0\0\3d\0t\0\0\0\0\0\0\0\3";
static const char watch_text[] = "\2\x44\1";
static const char logout_text[] = "\2\x45";
static const char resolved_text[] = "\2\x50\0\0\0\5/a.so";
static const char inventory_text[] = "\2\x51\0\0\0\0\2" READER CARD KEY KEY;
static const char selected_text[] =
    "\2\x52\0\0\1\2\0\0\0\2\0\0\0\2t\0\0\0\0\2k\0\0\0\0\1u\0\0\0\1l";
static const char signed_text[] = "\2\x53\0\0\1\3\0\0\0\2r\0\0\0\0\1s";
static const char failed_text[] = {HELPER_VERSION, TOKEN_FAILED, 0, 0, 1, 3, ERR_PIN, 2, 0, 0, 0,
    TOKEN_PIN_LOW, 0, 0, 0, 4, 'o', 'o', 'p', 's', 0};

/* b holds exactly one frame with this content. */
static void built(struct builder *b, struct bytes content)
{
	struct bytes got;

	assert_int_equal(builder_error(b), ERR_OK);
	assert_int_equal(frame_next(builder_view(b), LIMIT_TOKEN_MESSAGE, &got), FRAME_READY);
	assert_int_equal(builder_view(b).len, FRAME_HEADER + got.len);
	assert_int_equal(got.len, content.len);
	assert_memory_equal(got.data, content.data, content.len);
	builder_clear(b);
}

static void modules(void **state)
{
	const struct token_open module = {TEXT("/a.so"), TOKEN_OPEN_NETWORK}, card = {0};
	struct token_open open;
	struct builder b = {0};
	struct bytes text;

	(void)state;
	token_resolve_build(&b, TEXT("opsc"));
	built(&b, TEXT(resolve_text));
	assert_int_equal(token_resolve_parse(TEXT(resolve_text), &text), ERR_OK);
	assert_true(bytes_is(text, "opsc"));
	token_resolved_build(&b, TEXT("/a.so"));
	built(&b, TEXT(resolved_text));
	assert_int_equal(token_resolved_parse(TEXT(resolved_text), &text), ERR_OK);
	assert_true(bytes_is(text, "/a.so"));
	token_open_build(&b, &module);
	built(&b, TEXT(open_text));
	assert_int_equal(token_open_parse(TEXT(open_text), &open), ERR_OK);
	assert_true(bytes_is(open.path, "/a.so"));
	assert_int_equal(open.flags, TOKEN_OPEN_NETWORK);
	token_open_build(&b, &card);
	built(&b, TEXT(open_card_text));
	assert_int_equal(token_open_parse(TEXT(open_card_text), &open), ERR_OK);
	assert_true(open.path.len == 0 && open.flags == 0);
}

static void requests(void **state)
{
	const struct token_select select = {0x102, TEXT("card:"), TEXT("1234"), TOKEN_LAST_TRY};
	const struct token_sign sign = {.number = 0x103,
	    .token = TEXT("t\0"),
	    .key = TEXT("k\0"),
	    .algorithm = TEXT("ssh-ed25519"),
	    .data = TEXT("d\0t"),
	    .flags = TOKEN_LAST_TRY | TOKEN_USE_PAD};
	struct builder b = {0};
	struct token_select s;
	struct token_sign g;
	bool waits = false;

	(void)state;
	token_select_build(&b, &select);
	built(&b, TEXT(select_text));
	assert_int_equal(token_select_parse(TEXT(select_text), &s), ERR_OK);
	assert_int_equal(s.number, 0x102);
	assert_true(bytes_is(s.uri, "card:") && bytes_is(s.pin, "1234"));
	assert_int_equal(s.flags, TOKEN_LAST_TRY);
	token_sign_build(&b, &sign);
	built(&b, TEXT(sign_text));
	assert_int_equal(token_sign_parse(TEXT(sign_text), &g), ERR_OK);
	assert_int_equal(g.number, 0x103);
	assert_true(bytes_equal(g.token, TEXT("t\0")) && bytes_equal(g.key, TEXT("k\0")));
	assert_true(bytes_is(g.algorithm, "ssh-ed25519") && bytes_equal(g.data, TEXT("d\0t")));
	assert_true(g.pin.len == 0 && g.flags == (TOKEN_LAST_TRY | TOKEN_USE_PAD));
	token_watch_build(&b, true);
	built(&b, TEXT(watch_text));
	assert_int_equal(token_watch_parse(TEXT(watch_text), &waits), ERR_OK);
	assert_true(waits);
	token_watch_build(&b, false);
	built(&b, TEXT("\2\x44\0"));
	assert_int_equal(token_watch_parse(TEXT("\2\x44\0"), &waits), ERR_OK);
	assert_false(waits);
	token_logout_build(&b);
	built(&b, TEXT(logout_text));
	assert_int_equal(token_logout_parse(TEXT(logout_text)), ERR_OK);
}

/* --- the inventory -------------------------------------------------------- */

static const struct token_info reader = {.name = {(const uint8_t *)"R", 1},
    .place = {(const uint8_t *)"R", 1},
    .flags = TOKEN_UNKNOWN_CARD,
    .tries = TOKEN_TRIES_UNKNOWN};
static const struct token_info card = {.type = TOKEN_PIV,
    .id = {(const uint8_t *)"t", 2},
    .name = {(const uint8_t *)"K\xc3\xa9y", 4},
    .place = {(const uint8_t *)"R", 1},
    .serial = {(const uint8_t *)"17", 2},
    .firmware = {(const uint8_t *)"5.4", 3},
    .flags = TOKEN_PIN_LOW,
    .tries = 3,
    .parallel = 1,
    .count = 2};
static const struct token_key signer = {.id = {(const uint8_t *)"k", 2},
    .public = {(const uint8_t *)PUBLIC, sizeof(PUBLIC) - 1},
    .label = {(const uint8_t *)"Sig", 3},
    .slot = {(const uint8_t *)"9c", 2},
    .flags = TOKEN_KEY_PIN_EACH | TOKEN_KEY_TOUCH};

static void same_card(const struct token_info *m)
{
	assert_int_equal(m->type, TOKEN_PIV);
	assert_true(bytes_equal(m->id, card.id) && bytes_equal(m->name, card.name));
	assert_true(bytes_is(m->place, "R") && bytes_is(m->serial, "17"));
	assert_true(bytes_is(m->firmware, "5.4"));
	assert_int_equal(m->flags, TOKEN_PIN_LOW);
	assert_int_equal(m->tries, 3);
	assert_int_equal(m->parallel, 1);
	assert_int_equal(m->count, 2);
}

static void inventory(void **state)
{
	struct token_inventory all;
	struct builder b = {0};
	struct token_info m;
	struct token_key k;
	size_t mark;

	(void)state;
	mark = token_inventory_open(&b, ERR_OK, 2);
	token_info_put(&b, &reader);
	token_info_put(&b, &card);
	token_key_put(&b, &signer);
	token_key_put(&b, &signer);
	token_inventory_close(&b, mark);
	built(&b, TEXT(inventory_text));
	assert_int_equal(token_inventory_parse(TEXT(inventory_text), &all), ERR_OK);
	assert_int_equal(all.trouble, ERR_OK);
	assert_int_equal(all.count, 2);
	assert_int_equal(token_info_next(&all.tokens, &m), ERR_OK);
	assert_int_equal(m.type, TOKEN_READER);
	assert_true(m.id.len == 0 && bytes_is(m.name, "R") && m.count == 0 && m.keys.left == 0);
	assert_int_equal(m.flags, TOKEN_UNKNOWN_CARD);
	assert_int_equal(token_info_next(&all.tokens, &m), ERR_OK);
	same_card(&m);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(token_key_next(&m.keys, &k), ERR_OK);
		assert_true(bytes_equal(k.id, signer.id) && bytes_equal(k.public, signer.public));
		assert_true(bytes_is(k.label, "Sig") && bytes_is(k.slot, "9c"));
		assert_int_equal(k.flags, TOKEN_KEY_PIN_EACH | TOKEN_KEY_TOUCH);
	}
	/* A token's keys end with the last of them. */
	assert_int_equal(token_key_next(&m.keys, &k), ERR_TRUNCATED);
	assert_int_equal(token_info_next(&all.tokens, &m), ERR_TRUNCATED);
}

static void inventory_of_nothing(void **state)
{
	const uint8_t message[] = {HELPER_VERSION, TOKEN_INVENTORY, ERR_NO_READER, 0, 0, 0, 0};
	struct token_inventory all;
	struct builder b = {0};

	(void)state;
	token_inventory_close(&b, token_inventory_open(&b, ERR_NO_READER, 0));
	built(&b, BYTES(message, sizeof(message)));
	assert_int_equal(token_inventory_parse(BYTES(message, sizeof(message)), &all), ERR_OK);
	assert_int_equal(all.trouble, ERR_NO_READER);
	assert_int_equal(all.count, 0);
}

/* --- answers -------------------------------------------------------------- */

static void answers(void **state)
{
	const struct token_ref refs[] = {
	    {TEXT("t\0"), TEXT("k\0")},
	    {TEXT("u"), TEXT("l")},
	};
	const struct token_signed done = {0x103, TEXT("r\0"), TEXT("s")};
	const struct token_failure failure = {0x103, ERR_PIN, 2, TOKEN_PIN_LOW, TEXT("oops")};
	struct builder b = {0};
	struct token_signed s;
	struct token_failure f;
	struct token_ref ref;
	struct reader r;
	uint32_t number = 0, count = 0;

	(void)state;
	token_selected_build(&b, 0x102, refs, 2);
	built(&b, TEXT(selected_text));
	assert_int_equal(token_selected_parse(TEXT(selected_text), &number, &count, &r), ERR_OK);
	assert_true(number == 0x102 && count == 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(token_ref_next(&r, &ref), ERR_OK);
		assert_true(bytes_equal(ref.token, refs[i].token));
		assert_true(bytes_equal(ref.key, refs[i].key));
	}
	assert_int_equal(token_ref_next(&r, &ref), ERR_TRUNCATED);
	token_signed_build(&b, &done);
	built(&b, TEXT(signed_text));
	assert_int_equal(token_signed_parse(TEXT(signed_text), &s), ERR_OK);
	assert_true(s.number == 0x103 && bytes_equal(s.r, done.r) && bytes_is(s.s, "s"));
	token_failed_build(&b, &failure);
	built(&b, TEXT(failed_text));
	assert_int_equal(token_failed_parse(TEXT(failed_text), &f), ERR_OK);
	assert_true(f.number == 0x103 && f.why == ERR_PIN && f.tries == 2);
	assert_true(f.flags == TOKEN_PIN_LOW && bytes_is(f.detail, "oops"));
}

/* --- bad input ------------------------------------------------------------ */

static enum err parse(struct bytes message)
{
	enum token_message kind;
	struct bytes text;
	struct reader r;
	uint32_t n, count;
	bool waits;
	enum err e = token_message_of(message, &kind);

	if (e != ERR_OK)
		return e;
	switch (kind) {
	case TOKEN_RESOLVE:
		return token_resolve_parse(message, &text);
	case TOKEN_OPEN:
		return token_open_parse(message, &(struct token_open){0});
	case TOKEN_SELECT:
		return token_select_parse(message, &(struct token_select){0});
	case TOKEN_SIGN:
		return token_sign_parse(message, &(struct token_sign){0});
	case TOKEN_WATCH:
		return token_watch_parse(message, &waits);
	case TOKEN_LOGOUT:
		return token_logout_parse(message);
	case TOKEN_RESOLVED:
		return token_resolved_parse(message, &text);
	case TOKEN_INVENTORY:
		return token_inventory_parse(message, &(struct token_inventory){0});
	case TOKEN_SELECTED:
		return token_selected_parse(message, &n, &count, &r);
	case TOKEN_SIGNED:
		return token_signed_parse(message, &(struct token_signed){0});
	case TOKEN_FAILED:
		return token_failed_parse(message, &(struct token_failure){0});
	}
	return ERR_MESSAGE;
}

struct sample {
	const char *text;
	size_t len;
};
#define SAMPLE(text)                                                                               \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct sample samples[] = {
    SAMPLE(resolve_text),
    SAMPLE(open_text),
    SAMPLE(open_card_text),
    SAMPLE(select_text),
    SAMPLE(sign_text),
    SAMPLE(watch_text),
    SAMPLE(logout_text),
    SAMPLE(resolved_text),
    SAMPLE(inventory_text),
    SAMPLE(selected_text),
    SAMPLE(signed_text),
    SAMPLE(failed_text),
};

/* Every shorter message, every longer one, and every other version and kind is refused. */
static void cut_and_longer_messages_are_refused(void **state)
{
	uint8_t copy[512];

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		size_t len = samples[i].len;

		assert_true(len < sizeof(copy));
		memcpy(copy, samples[i].text, len);
		copy[len] = 0;
		assert_int_equal(parse(BYTES(copy, len)), ERR_OK);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(parse(BYTES(copy, n)), ERR_TRUNCATED);
		assert_int_equal(parse(BYTES(copy, len + 1)), ERR_SURPLUS);
		copy[0] = HELPER_VERSION + 1;
		assert_int_equal(parse(BYTES(copy, len)), ERR_VERSION);
		assert_int_equal(
		    token_open_parse(BYTES(copy, len), &(struct token_open){0}), ERR_VERSION);
	}
	assert_int_equal(token_logout_parse(TEXT("\2\x44")), ERR_MESSAGE);
	for (int kind = 0; kind < 256; kind++) {
		const uint8_t message[] = {HELPER_VERSION, (uint8_t)kind};
		bool known = (kind >= 64 && kind <= 69) || (kind >= 80 && kind <= 84);
		enum token_message got;

		assert_int_equal(
		    token_message_of(BYTES(message, 2), &got), known ? ERR_OK : ERR_MESSAGE);
	}
}

#define ONE "\2\x51\0\0\0\0\1"
/* of a token: what comes behind its id, and what comes behind that up to the count of keys */
#define NAMES "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define STATE "\0\0\0\0\3\1"
#define BARE  "\1\0\0\0\1t" NAMES STATE "\0\0\0\0"

static void malformed_fields_are_refused(void **state)
{
	static const struct {
		struct sample message;
		enum err e;
	} table[] = {
	    {SAMPLE("\2\x40\0\0\0\0"), ERR_FORMAT}, /* no name */
	    {SAMPLE("\2\x40\0\0\0\1\0"), ERR_TEXT},
	    {SAMPLE("\2\x50\0\0\0\4a.so"), ERR_FORMAT}, /* not absolute */
	    {SAMPLE("\2\x41\0\0\0\1a\0\0\0\0"), ERR_FORMAT},
	    {SAMPLE("\2\x41\0\0\0\0\0\0\0\2"), ERR_FORMAT},                  /* flag */
	    {SAMPLE("\2\x42\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), ERR_FORMAT},  /* number */
	    {SAMPLE("\2\x42\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0"), ERR_TEXT},  /* address */
	    {SAMPLE("\2\x42\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0"), ERR_TEXT},  /* PIN */
	    {SAMPLE("\2\x42\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\4"), ERR_FORMAT},  /* flag */
	    {SAMPLE("\2\x42\0\0\0\1\0\0\0\0\0\0\0\1p\0\0\0\2"), ERR_FORMAT}, /* PIN and keypad */
	    {SAMPLE("\2\x43\0\0\0\0\0\0\0\1t\0\0\0\1k\0\0\0\1a\0\0\0\0\0\0\0\0\0\0\0\0"),
		ERR_FORMAT}, /* number, */
	    {SAMPLE("\2\x43\0\0\0\1\0\0\0\0\0\0\0\1k\0\0\0\1a\0\0\0\0\0\0\0\0\0\0\0\0"),
		ERR_FORMAT}, /* no token, */
	    {SAMPLE("\2\x43\0\0\0\1\0\0\0\1t\0\0\0\0\0\0\0\1a\0\0\0\0\0\0\0\0\0\0\0\0"),
		ERR_FORMAT}, /* no key, */
	    {SAMPLE("\2\x43\0\0\0\1\0\0\0\1t\0\0\0\1k\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
		ERR_FORMAT}, /* no algorithm */
	    {SAMPLE("\2\x43\0\0\0\1\0\0\0\1t\0\0\0\1k\0\0\0\1a\0\0\0\0\0\0\0\1p\0\0\0\2"),
		ERR_FORMAT}, /* PIN and keypad */
	    {SAMPLE("\2\x44\2"), ERR_FORMAT},
	    {SAMPLE("\2\x51\1\0\0\0\0"), ERR_FORMAT},  /* trouble that is none of these */
	    {SAMPLE("\2\x51\0\0\0\0\x41"), ERR_LIMIT}, /* 65 tokens */
	    {SAMPLE(ONE "\1\0\0\0\0" NAMES STATE "\0\0\0\0"), ERR_FORMAT},     /* without an id */
	    {SAMPLE(ONE "\0\0\0\0\1t" NAMES STATE "\0\0\0\0"), ERR_FORMAT},    /* reader with one */
	    {SAMPLE(ONE "\0\0\0\0\0" NAMES STATE "\0\0\0\1" KEY), ERR_FORMAT}, /* with a key */
	    {SAMPLE(ONE "\1\0\0\0\1t" NAMES "\0\0\1\0\3\1\0\0\0\0"), ERR_FORMAT}, /* flag */
	    {SAMPLE(ONE "\1\0\0\0\1t" NAMES "\0\0\0\0\3\0\0\0\0\0"), ERR_FORMAT}, /* parallel */
	    {SAMPLE(ONE "\1\0\0\0\1t" NAMES STATE "\0\0\4\1"), ERR_LIMIT},
	    {SAMPLE(ONE "\1\0\0\0\1t\0\0\0\1\x1b\0\0\0\0\0\0\0\0\0\0\0\0" STATE "\0\0\0\0"),
		ERR_TEXT}, /* an escape character in each of the texts, */
	    {SAMPLE(ONE "\1\0\0\0\1t\0\0\0\0\0\0\0\1\n\0\0\0\0\0\0\0\0" STATE "\0\0\0\0"),
		ERR_TEXT},
	    {SAMPLE(ONE "\1\0\0\0\1t\0\0\0\0\0\0\0\0\0\0\0\1\x7f\0\0\0\0" STATE "\0\0\0\0"),
		ERR_TEXT},
	    {SAMPLE(ONE "\1\0\0\0\1t\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xff" STATE "\0\0\0\0"),
		ERR_TEXT},                                      /* or what is no UTF-8 */
	    {SAMPLE("\2\x51\0\0\0\0\2" BARE BARE), ERR_FORMAT}, /* one token twice */
	    {SAMPLE(ONE "\1\0\0\0\1t" NAMES STATE "\0\0\0\1\0\0\0\0\0\0\0\x33" PUBLIC
			"\0\0\0\0\0\0\0\0\0\0\0\0"),
		ERR_FORMAT}, /* key without an id, */
	    {SAMPLE(ONE "\1\0\0\0\1t" NAMES STATE "\0\0\0\1\0\0\0\1k\0\0\0\x33" PUBLIC
			"\0\0\0\0\0\0\0\0\0\0\0\x08"),
		ERR_FORMAT}, /* flag, */
	    {SAMPLE(ONE "\1\0\0\0\1t" NAMES STATE "\0\0\0\1\0\0\0\1k\0\0\0\x33" PUBLIC
			"\0\0\0\1\r\0\0\0\0\0\0\0\0"),
		ERR_TEXT}, /* label, */
	    {SAMPLE(ONE "\1\0\0\0\1t" NAMES STATE "\0\0\0\1\0\0\0\1k\0\0\0\x33" PUBLIC
			"\0\0\0\0\0\0\0\1\xfe\0\0\0\0"),
		ERR_TEXT}, /* slot, */
	    {SAMPLE(ONE "\1\0\0\0\1t" NAMES STATE "\0\0\0\1\0\0\0\1k\0\0\0\x34" PUBLIC
			"x\0\0\0\0\0\0\0\0\0\0\0\0"),
		ERR_SURPLUS},                               /* public key */
	    {SAMPLE("\2\x52\0\0\0\0\0\0\0\0"), ERR_FORMAT}, /* number */
	    {SAMPLE("\2\x52\0\0\0\1\0\0\4\1"), ERR_LIMIT},
	    {SAMPLE("\2\x52\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\1k"), ERR_FORMAT},
	    {SAMPLE("\2\x52\0\0\0\1\0\0\0\1\0\0\0\1t\0\0\0\0"), ERR_FORMAT},
	    {SAMPLE("\2\x53\0\0\0\0\0\0\0\1r\0\0\0\0"), ERR_FORMAT},      /* number */
	    {SAMPLE("\2\x53\0\0\0\1\0\0\0\0\0\0\0\1s"), ERR_FORMAT},      /* no r */
	    {SAMPLE("\2\x54\0\0\0\1\0\xff\0\0\0\0\0\0\0\0"), ERR_FORMAT}, /* success */
	};

	char unknown[] = ONE "\1\0\0\0\1t" NAMES STATE "\0\0\0\0";

	(void)state;
	assert_int_equal(parse(TEXT(unknown)), ERR_OK);
	unknown[sizeof(ONE) - 1] = TOKEN_TYPE_COUNT;
	assert_int_equal(parse(TEXT(unknown)), ERR_FORMAT);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum err e = parse(BYTES(table[i].message.text, table[i].message.len));

		if (e != table[i].e)
			fail_msg("row %zu: %s, not %s", i, err_text(e), err_text(table[i].e));
	}
	assert_int_equal(parse(TEXT(ONE BARE)), ERR_OK);
	/* Readers have no ids that could be the same. */
	assert_int_equal(parse(TEXT("\2\x51\0\0\0\0\2" READER READER)), ERR_OK);
	/* RSA and Ed25519 have no s. */
	assert_int_equal(parse(TEXT("\2\x53\0\0\0\1\0\0\0\1r\0\0\0\0")), ERR_OK);
}

static void trouble_comes_alone(void **state)
{
	struct builder b = {0};
	struct bytes content;
	size_t mark = token_inventory_open(&b, ERR_TOKEN, 1);

	(void)state;
	token_info_put(&b, &reader);
	token_inventory_close(&b, mark);
	assert_int_equal(frame_next(builder_view(&b), LIMIT_TOKEN_MESSAGE, &content), FRAME_READY);
	assert_int_equal(parse(content), ERR_FORMAT);
	builder_clear(&b);
}

/* Of all errors only those that the header names. */
static void failures_are_a_helpers_own(void **state)
{
	uint8_t message[] = {
	    HELPER_VERSION, TOKEN_FAILED, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0};
	unsigned allowed = 0;

	(void)state;
	for (unsigned why = 0; why < 256; why++) {
		message[6] = (uint8_t)why;
		allowed += parse(BYTES(message, sizeof(message))) == ERR_OK;
		assert_true(token_failure_allowed((enum err)why) ==
			    (parse(BYTES(message, sizeof(message))) == ERR_OK));
	}
	assert_int_equal(allowed, 22);
	assert_false(token_failure_allowed(ERR_DENIED));
	assert_false(token_failure_allowed(ERR_CANCELLED));
	assert_true(token_failure_allowed(ERR_PIN_LOCKED));
	message[6] = ERR_PIN;
	message[10] = 1; /* no such flag */
	assert_int_equal(parse(BYTES(message, sizeof(message))), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(modules),
	    cmocka_unit_test(requests),
	    cmocka_unit_test(inventory),
	    cmocka_unit_test(inventory_of_nothing),
	    cmocka_unit_test(answers),
	    cmocka_unit_test(cut_and_longer_messages_are_refused),
	    cmocka_unit_test(malformed_fields_are_refused),
	    cmocka_unit_test(trouble_comes_alone),
	    cmocka_unit_test(failures_are_a_helpers_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
