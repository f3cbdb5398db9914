/*
 * Whatever the helpers of modules and cards say, in whatever order people, clients and tokens come
 * and go: each request ends once, a PIN goes to the token that it was typed for and to no other, no
 * more often than it may, never after it was called wrong, and nothing is left.  What happens
 * follows from a seed, which a failure tells; TOKEN_SEED runs that one alone.
 */
#include "tests/support/tokensign_scene.h"

#include <stdio.h>

enum {
	SEEDS = 30,
	STEPS = 250,
	CLIENTS = 32,
	TOKENS = 3,
	TYPED_MOST = 256,
	REQUESTS_MOST = 512,
	CROWD = 400, /* helpers after which a round comes to its end */
};

static const struct {
	const char *module, *id;
} tokens[TOKENS] = {{ONE, "Alpha"}, {ONE, "Beta"}, {MODULE_CARDS, "Gamma"}};

/* What a helper was asked for. */
struct request {
	const struct helper *helper;
	uint32_t number;
	unsigned client;
	int pin; /* which was typed as that; -1: none */
};

struct chaos {
	struct token_scene *s;
	uint64_t state;
	struct bytes places[TOKENS];
	unsigned typed;
	unsigned typed_for[TYPED_MOST];
	unsigned sent[TYPED_MOST]; /* how often */
	bool wrong[TYPED_MOST];    /* its token has said so */
	struct request request[REQUESTS_MOST];
	size_t requests;
	bool told[HELPERS_MOST];    /* it has said which tokens there are */
	bool spoiled[HELPERS_MOST]; /* it has said what is no message */
	bool left[CLIENTS];
	char data[CLIENTS][16];
	unsigned begun, signatures;
};

/* Over all rounds: what must have happened for this to have tested anything. */
static unsigned good_ends, bad_ends, pins_sent, pins_wrong;

/* xorshift64* (S. Vigna, "An experimental exploration of Marsaglia's xorshift generators"). */
static unsigned below(struct chaos *c, unsigned n)
{
	c->state ^= c->state >> 12;
	c->state ^= c->state << 25;
	c->state ^= c->state >> 27;
	return (unsigned)((c->state * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static bool one_in(struct chaos *c, unsigned n)
{
	return below(c, n) == 0;
}

/* --- what must hold ----------------------------------------------------------- */

/* The number in "KIND-NUMBER"; -1 for nothing. */
static int number_in(struct bytes text, const char *kind)
{
	char copy[16] = "";
	int number = -1;

	if (text.len == 0)
		return -1;
	assert_true(text.len < sizeof(copy));
	memcpy(copy, text.data, text.len);
	assert_memory_equal(copy, kind, strlen(kind));
	assert_int_equal(sscanf(copy + strlen(kind), "%d", &number), 1);
	return number;
}

static void look_at_pin(struct chaos *c, const struct token_sign *m, int pin)
{
	assert_true((unsigned)pin < c->typed);
	assert_true(bytes_is(m->token, tokens[c->typed_for[pin]].id));
	assert_false(c->wrong[pin]);
	assert_true(c->sent[pin]++ == 0 || c->s->options.remember_pin != 0);
	pins_sent++;
}

static void hear_all(struct chaos *c, const char *module)
{
	struct helper *h = running(&c->s->m, module);
	enum token_message kind;
	struct token_sign m;
	struct bytes message;

	while (h != NULL && hear(&c->s->m, h, &message)) {
		struct request *r = &c->request[c->requests];

		assert_int_equal(token_message_of(message, &kind), ERR_OK);
		if (kind != TOKEN_SIGN)
			continue;
		assert_int_equal(token_sign_parse(message, &m), ERR_OK);
		assert_true(c->requests++ < REQUESTS_MOST);
		*r = (struct request){.helper = h, .number = m.number};
		r->client = (unsigned)number_in(m.data, "data-");
		r->pin = number_in(m.pin, "pin-");
		assert_true(r->client < c->begun);
		if (r->pin >= 0)
			look_at_pin(c, &m, r->pin);
	}
}

static void check(struct chaos *c)
{
	unsigned open = 0, good = 0;

	settle(&c->s->m.h);
	hear_all(c, ONE);
	hear_all(c, MODULE_CARDS);
	for (unsigned i = 0; i < c->begun; i++) {
		const struct client *k = &c->s->client[i];

		assert_int_equal(k->calls, k->sign == NULL && !c->left[i] ? 1 : 0);
		assert_true((k->signature.len != 0) == (k->calls != 0 && k->result == ERR_OK));
		good += k->signature.len != 0;
		open += k->sign != NULL;
	}
	assert_int_equal(c->s->ts.pending, open);
	assert_true(good <= c->signatures);
}

/* --- what may happen ---------------------------------------------------------- */

static void a_client_comes(struct chaos *c)
{
	struct client *k = &c->s->client[c->begun];
	struct touch_request r = a_request(c->s);

	if (c->begun == CLIENTS)
		return;
	(void)snprintf(c->data[c->begun], sizeof(c->data[0]), "data-%u", c->begun);
	r.data = bytes_str(c->data[c->begun]);
	r.forwarded = one_in(c, 4);
	k->scene = c->s;
	k->sign = tokensign_begin(&c->s->ts, &r, c->places[below(c, TOKENS)], token_done, k);
	assert_non_null(k->sign);
	c->begun++;
}

static void a_client_leaves(struct chaos *c)
{
	unsigned i = below(c, CLIENTS);

	if (c->s->client[i].sign == NULL)
		return;
	c->left[i] = true;
	leave(&c->s->client[i]);
}

static void nothing_is_allowed(struct chaos *c)
{
	for (unsigned i = 0; i < c->begun; i++)
		c->s->client[i].allowed = one_in(c, 2) ? ERR_LOCKED : ERR_OK;
	tokensigns_review(&c->s->ts);
}

static void time_passes(struct chaos *c)
{
	static const unsigned ms[] = {
	    1, 499, LIMIT_NOTICE_MS, 1000, 5000, 61000, LIMIT_TOUCH_MS, 700000};

	scene_now += ms[below(c, sizeof(ms) / sizeof(ms[0]))];
}

static struct helper *a_prompt(struct chaos *c)
{
	const struct helpers_scene *h = &c->s->m.h;
	size_t start = h->count != 0 ? below(c, (unsigned)h->count) : 0;

	for (size_t i = 0; i < h->count; i++) {
		struct helper *p = h->helper[(start + i) % h->count];

		if (p->program == HELPER_PROMPT && p->fd >= 0)
			return p;
	}
	return NULL;
}

/* The person types a PIN for the token that the question names. */
static void type(struct chaos *c, const struct helper_ask *ask, struct bytes *out)
{
	static char pin[16];
	unsigned named = 0;

	for (unsigned i = 0; i < TOKENS; i++) {
		if (memmem(ask->text.data, ask->text.len, tokens[i].id, strlen(tokens[i].id))) {
			c->typed_for[c->typed] = i;
			named++;
		}
	}
	assert_int_equal(named, 1);
	(void)snprintf(pin, sizeof(pin), "pin-%u", c->typed++);
	*out = bytes_str(pin);
}

static void somebody_answers(struct chaos *c)
{
	static const enum err results[] = {
	    ERR_OK, ERR_OK, ERR_OK, ERR_OK, ERR_DENIED, ERR_NO_PROMPT, ERR_TIMEOUT};
	struct helper_answer m = {results[below(c, sizeof(results) / sizeof(results[0]))], {0}};
	struct helper *h = a_prompt(c);
	struct builder b = {0};
	struct helper_ask ask;
	struct bytes message;

	if (h == NULL ||
	    frame_next(BYTES(h->heard, h->len), LIMIT_HELPER_MESSAGE, &message) != FRAME_READY)
		return;
	assert_int_equal(helper_ask_parse(message, &ask), ERR_OK);
	/* It goes away by itself when the token comes. */
	if (ask.kind == ASKPASS_CONFIRM && !one_in(c, 6))
		return;
	if (ask.kind == ASKPASS_SECRET && m.result == ERR_OK && c->typed < TYPED_MOST)
		type(c, &ask, &m.answer);
	helper_answer_build(&b, &m);
	(void)send(h->fd, b.data, b.len, MSG_NOSIGNAL);
	builder_clear(&b);
	settle(&c->s->m.h);
	helper_close(h);
}

/* --- what helpers say --------------------------------------------------------- */

static void say_inventory(struct chaos *c, unsigned of, struct builder *b)
{
	struct fake_token list[TOKENS];
	uint32_t n = 0;
	size_t mark;

	for (unsigned i = 0; i < TOKENS; i++) {
		/* Now and then what is another's, and the same from two. */
		if ((i == 2) != (of == 1) && !one_in(c, 10))
			continue;
		if (one_in(c, 8))
			continue;
		list[n++] = (struct fake_token){
		    .id = tokens[i].id,
		    .keys = {one_in(c, 20) ? "another" : "key"},
		    .public = one_in(c, 20) ? some_public() : key_blob(token_keys.soft[ED25519]),
		    .parallel = (uint8_t)(1 + below(c, 3)),
		    .type = of == 1 ? TOKEN_PIV : TOKEN_PKCS11,
		    .flags = one_in(c, 6) ? below(c, TOKEN_FLAGS + 1) &
						~(unsigned)(TOKEN_UNKNOWN_CARD | TOKEN_BUSY_CARD)
					  : 0,
		    .tries = (uint8_t)below(c, 5),
		    .key_flags = one_in(c, 4) ? below(c, TOKEN_KEY_FLAGS + 1) : 0,
		};
	}
	mark = token_inventory_open(b, n == 0 && one_in(c, 2) ? ERR_NO_READER : ERR_OK, n);
	for (uint32_t i = 0; i < n; i++)
		put_token(b, &list[i]);
	token_inventory_close(b, mark);
}

static enum err say_failure(struct chaos *c, uint32_t number, int pin, struct builder *b)
{
	static const enum err usual[] = {ERR_TOKEN_GONE, ERR_PAD, ERR_PIN_NEEDED, ERR_PIN};
	struct token_failure f = {.number = number, .tries = TOKEN_TRIES_UNKNOWN};

	do
		f.why = one_in(c, 4) ? (enum err)below(c, 256) : usual[below(c, 4)];
	while (!token_failure_allowed(f.why));
	if (one_in(c, 2))
		f.why = pin < 0 ? ERR_PIN_NEEDED : ERR_PIN;
	if (f.why == ERR_PIN || f.why == ERR_PIN_NEEDED || f.why == ERR_PIN_LOCKED)
		f.tries = one_in(c, 3) ? (uint8_t)below(c, 5) : TOKEN_TRIES_UNKNOWN;
	if ((f.why == ERR_PIN || f.why == ERR_PIN_NEEDED) && one_in(c, 3))
		f.flags = below(c, TOKEN_FLAGS + 1);
	token_failed_build(b, &f);
	return f.why;
}

static void say_signed_by(
    struct chaos *c, uint32_t number, const struct request *r, struct builder *b)
{
	struct token_signed m = {.number = number, .r = bytes_str("no signature")};
	struct builder sig = {0};

	if (r != NULL && !one_in(c, 4)) {
		make_numbers(c->s, bytes_str(c->data[r->client]), &sig, &m.r, &m.s);
		c->signatures++;
	}
	token_signed_build(b, &m);
	builder_clear(&sig);
}

static void say_bytes(struct chaos *c, struct builder *b)
{
	unsigned n = below(c, 64);

	if (one_in(c, 2)) { /* of a frame, at least */
		builder_u32(b, n + 2);
		builder_u8(b, 2);
		builder_u8(b, (uint8_t)(64 + below(c, 24)));
	}
	for (unsigned i = 0; i < n; i++)
		builder_u8(b, (uint8_t)below(c, 256));
}

/* Damage that leaves no frame as it was. */
static void damage(struct chaos *c, struct builder *b)
{
	unsigned at = below(c, (unsigned)b->len);

	switch (below(c, 3)) {
	case 0:
		b->data[at] ^= (uint8_t)(1 + below(c, 255));
		break;
	case 1:
		b->len = at;
		break;
	default:
		say_bytes(c, b);
	}
}

/* One of this helper's, or NULL. */
static struct request *a_request_of(struct chaos *c, const struct helper *h)
{
	size_t start = c->requests != 0 ? below(c, (unsigned)c->requests) : 0;

	for (size_t i = 0; i < c->requests; i++) {
		struct request *r = &c->request[(start + i) % c->requests];

		if (r->helper == h)
			return r;
	}
	return NULL;
}

static size_t index_of(const struct chaos *c, const struct helper *h)
{
	size_t i = 0;

	while (c->s->m.h.helper[i] != h)
		i++;
	return i;
}

/* About that request, or one that there is not. */
static enum err answer_one(struct chaos *c, const struct request *r, struct builder *b)
{
	uint32_t number = r == NULL || one_in(c, 12) ? below(c, 40) : r->number;

	if (one_in(c, 2))
		return say_failure(c, number, r != NULL ? r->pin : -1, b);
	say_signed_by(c, number, r, b);
	return ERR_OK;
}

static void a_helper_speaks(struct chaos *c)
{
	unsigned of = below(c, 2);
	struct helper *h = running(&c->s->m, of == 0 ? ONE : MODULE_CARDS);
	struct request *r = h != NULL ? a_request_of(c, h) : NULL;
	bool whole = !one_in(c, 40);
	struct builder b = {0};
	uint32_t number = 0;
	enum err why = ERR_OK;

	if (h == NULL || (r == NULL && c->told[index_of(c, h)] && !one_in(c, 8)))
		return;
	c->told[index_of(c, h)] = true;
	/* Most tokens stay where they are. */
	if (r == NULL || one_in(c, 10))
		say_inventory(c, of, &b);
	else if (one_in(c, 40))
		say_bytes(c, &b);
	else
		why = answer_one(c, r, &b);
	assert_int_equal(builder_error(&b), ERR_OK);
	if (why == ERR_PIN)
		number = (uint32_t)b.data[6] << 24 | (uint32_t)b.data[7] << 16 |
			 (uint32_t)b.data[8] << 8 | b.data[9];
	if (!whole)
		damage(c, &b);
	/* Who asked has an answer; unless it left, it knows from now on. */
	if (why == ERR_PIN && whole && !c->spoiled[index_of(c, h)] && number == r->number &&
	    c->s->client[r->client].sign != NULL && r->pin >= 0) {
		c->wrong[r->pin] = true;
		pins_wrong++;
	}
	c->spoiled[index_of(c, h)] |= !whole;
	if (r != NULL && number == r->number)
		r->helper = NULL;
	(void)send(h->fd, b.data, b.len, MSG_NOSIGNAL);
	builder_clear(&b);
}

static void a_helper_falls(struct chaos *c)
{
	struct helper *h =
	    one_in(c, 3) ? a_prompt(c) : running(&c->s->m, one_in(c, 2) ? ONE : MODULE_CARDS);

	if (h != NULL)
		helper_close(h);
}

static void step(struct chaos *c)
{
	c->s->m.h.unable = one_in(c, 60);
	switch (below(c, 24)) {
	case 0:
	case 1:
	case 2:
		a_client_comes(c);
		break;
	case 3:
		if (one_in(c, 3))
			a_client_leaves(c);
		break;
	case 4:
		if (one_in(c, 10))
			nothing_is_allowed(c);
		break;
	case 5:
		if (one_in(c, 6))
			modules_forget_pins(c->s->m.ms);
		break;
	case 6:
		if (one_in(c, 2))
			time_passes(c);
		break;
	case 8:
		if (one_in(c, 10))
			a_helper_falls(c);
		break;
	case 9:
	case 10:
	case 11:
	case 12:
	case 13:
		somebody_answers(c);
		break;
	default:
		a_helper_speaks(c);
	}
	if (one_in(c, 4))
		let_end(&c->s->m);
	check(c);
}

/* Helpers that only end, and time: every request comes to an end by itself. */
static void come_to_an_end(struct chaos *c)
{
	struct token_scene *s = c->s;

	s->m.h.unable = false;
	for (unsigned i = 0; s->ts.first != NULL && i < 60; i++) {
		for (size_t k = 0; k < s->m.h.count; k++)
			helper_close(s->m.h.helper[k]);
		pass(&s->m.h, LIMIT_TOUCH_MS);
		check(c);
	}
	assert_null(s->ts.first);
	for (unsigned i = 0; i < c->begun; i++) {
		good_ends += s->client[i].signature.len != 0;
		bad_ends += s->client[i].calls != 0 && s->client[i].result != ERR_OK;
	}
}

/* All tokens of a module are there at first. */
static void say_everything(struct chaos *c, const char *module)
{
	struct fake_token list[TOKENS + 1] = {{.id = NULL}};
	size_t n = 0;

	for (unsigned i = 0; i < TOKENS; i++) {
		if (strcmp(tokens[i].module, module) != 0)
			continue;
		list[n++] = (struct fake_token){.id = tokens[i].id,
		    .keys = {"key"},
		    .public = key_blob(token_keys.soft[ED25519]),
		    .parallel = 2,
		    .tries = 3};
	}
	tell_tokens(&c->s->m, module, list, ERR_OK);
}

static void run(uint64_t seed)
{
	struct chaos *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	print_message("seed %llu\n", (unsigned long long)seed);
	c->state = seed * 0x9e3779b97f4a7c15ull + 1;
	assert_int_equal(token_setup((void **)&c->s), 0);
	c->s->soft = ED25519;
	c->s->options.remember_pin = one_in(c, 2) ? 600 : 0;
	c->s->options.insert_wait = one_in(c, 6) ? 0 : 60;
	for (unsigned i = 0; i < TOKENS; i++) {
		c->places[i] = place_at(&c->s->m, tokens[i].module, tokens[i].id, "key");
		assert_int_equal(modules_key_added(c->s->m.ms, c->places[i]), ERR_OK);
	}
	say_everything(c, ONE);
	say_everything(c, MODULE_CARDS);
	for (unsigned i = 0; i < STEPS && c->s->m.h.count < CROWD; i++)
		step(c);
	come_to_an_end(c);
	assert_int_equal(token_teardown((void **)&c->s), 0);
	free(c);
}

static void test_anything_may_happen(void **state)
{
	const char *only = getenv("TOKEN_SEED");

	(void)state;
	if (only != NULL) {
		run(strtoull(only, NULL, 10));
		return;
	}
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
	print_message("%u signatures, %u failures, %u PINs sent, %u wrong\n", good_ends, bad_ends,
	    pins_sent, pins_wrong);
	assert_true(
	    good_ends > SEEDS && bad_ends > SEEDS && pins_sent > SEEDS / 2 && pins_wrong > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_anything_may_happen),
	};

	return cmocka_run_group_tests(tests, token_group_setup, token_group_teardown);
}
