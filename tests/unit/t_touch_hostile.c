/*
 * Whatever helpers say, at whatever stage, in whatever order people, clients and devices come and
 * go: each request ends once, no PIN is tried that nobody typed for it, and nothing is left.  What
 * happens follows from a seed, which a failure tells; TOUCH_SEED runs that one alone.
 */
#include "tests/support/touch_scene.h"

#include <stdio.h>

enum {
	SEEDS = 250,
	STEPS = 80,
	CLIENTS = 12,
	DEVICES = 3,
	KEYS = 3,
	TYPED_MOST = 512,
	CROWD = 400, /* helpers after which a round comes to its end */
};

struct chaos {
	struct touch_scene *s;
	uint64_t state;
	unsigned typed;
	uint8_t sent[TYPED_MOST]; /* how often */
	bool wrong[TYPED_MOST];   /* a device has said so */
	bool seen[HELPERS_MOST];  /* its request was looked at, */
	int pin[HELPERS_MOST];    /* and had this one, or -1; */
	bool spoke[HELPERS_MOST]; /* it has said something */
	bool added[KEYS];
	bool left[CLIENTS];
	unsigned begun, honest;
};

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

static int pin_of(const struct bytes pin)
{
	char text[16] = "";
	int number = -1;

	if (pin.len != 0) {
		assert_true(pin.len < sizeof(text));
		memcpy(text, pin.data, pin.len);
		/* One that is too short for a device may be what a library wants. */
		assert_int_equal(sscanf(text, strlen(text) < 4 ? "%d" : "pin-%d", &number), 1);
	}
	return number;
}

static void look_at_request(struct chaos *c, size_t i)
{
	struct helper *h = c->s->d.h.helper[i];
	struct bytes message;
	struct fido_sign m;

	if (c->seen[i] || h->program != HELPER_FIDO ||
	    frame_next(BYTES(h->heard, h->len), LIMIT_FIDO_REQUEST, &message) != FRAME_READY)
		return;
	c->seen[i] = true;
	c->pin[i] = -1;
	if (fido_sign_parse(message, &m) != ERR_OK)
		return;
	c->pin[i] = pin_of(m.pin);
	if (c->pin[i] < 0)
		return;
	assert_true((unsigned)c->pin[i] < c->typed);
	assert_false(c->wrong[c->pin[i]]);
	assert_true(c->sent[c->pin[i]]++ == 0 || c->s->options.remember_pin != 0);
}

static void check(struct chaos *c)
{
	unsigned signatures = 0, open = 0;

	settle(&c->s->d.h);
	for (size_t i = 0; i < c->s->d.h.count; i++)
		look_at_request(c, i);
	for (unsigned i = 0; i < c->begun; i++) {
		const struct client *k = &c->s->client[i];

		assert_int_equal(k->calls, k->touch == NULL && !c->left[i] ? 1 : 0);
		signatures += k->signature.len != 0;
		open += k->touch != NULL;
	}
	assert_int_equal(c->s->ts.pending, open);
	assert_true(signatures <= c->honest);
}

/* --- what may happen ---------------------------------------------------------- */

static void a_client_comes(struct chaos *c)
{
	unsigned key = below(c, KEYS);
	struct touch_request r;
	struct client *k = &c->s->client[c->begun];

	if (c->begun == CLIENTS || !c->added[key])
		return;
	r = a_request(c->s, key);
	r.forwarded = one_in(c, 4);
	if (one_in(c, 8))
		r.provider = bytes_str("/usr/lib/libmine.so");
	k->scene = c->s;
	k->touch = touch_begin(&c->s->ts, &r, touch_done, k);
	assert_non_null(k->touch);
	c->begun++;
}

static void a_client_leaves(struct chaos *c)
{
	unsigned i = below(c, CLIENTS);

	if (c->s->client[i].touch == NULL)
		return;
	c->left[i] = true;
	leave(&c->s->client[i]);
}

static void nothing_is_allowed(struct chaos *c)
{
	for (unsigned i = 0; i < c->begun; i++)
		c->s->client[i].allowed = one_in(c, 2) ? ERR_LOCKED : ERR_OK;
	touches_review(&c->s->ts);
}

static void a_key_goes_or_comes(struct chaos *c)
{
	unsigned i = below(c, KEYS);

	if (c->added[i])
		devices_key_removed(c->s->d.ds, c->s->d.key[i]);
	else
		assert_int_equal(devices_key_added(c->s->d.ds, c->s->d.key[i]), ERR_OK);
	c->added[i] = !c->added[i];
}

static void time_passes(struct chaos *c)
{
	static const unsigned ms[] = {
	    1, 499, LIMIT_NOTICE_MS, LIMIT_CANCEL_MS, 1000, 4000, LIMIT_DEVICE_MS, LIMIT_TOUCH_MS};

	scene_now += ms[below(c, sizeof(ms) / sizeof(ms[0]))];
}

static struct helper *somebody(struct chaos *c, unsigned program, size_t *index)
{
	const struct helpers_scene *h = &c->s->d.h;
	size_t start = h->count != 0 ? below(c, (unsigned)h->count) : 0;

	for (size_t i = 0; i < h->count; i++) {
		*index = (start + i) % h->count;
		if (h->helper[*index]->program == program && h->helper[*index]->fd >= 0)
			return h->helper[*index];
	}
	return NULL;
}

static void somebody_answers(struct chaos *c)
{
	static const enum err results[] = {
	    ERR_OK, ERR_OK, ERR_OK, ERR_DENIED, ERR_NO_PROMPT, ERR_TIMEOUT, ERR_CANCELLED};
	struct helper_answer m = {results[below(c, sizeof(results) / sizeof(results[0]))], {0}};
	struct builder b = {0};
	struct helper_ask ask;
	struct bytes message;
	char pin[16];
	size_t i;
	struct helper *h = somebody(c, HELPER_PROMPT, &i);

	if (h == NULL ||
	    frame_next(BYTES(h->heard, h->len), LIMIT_FIDO_REQUEST, &message) != FRAME_READY)
		return;
	assert_int_equal(helper_ask_parse(message, &ask), ERR_OK);
	if (ask.kind == ASKPASS_SECRET && m.result == ERR_OK && c->typed < TYPED_MOST) {
		(void)snprintf(pin, sizeof(pin), one_in(c, 8) ? "%u" : "pin-%u", c->typed);
		m.answer = bytes_str(pin);
		c->typed++;
	}
	helper_answer_build(&b, &m);
	(void)send(h->fd, b.data, b.len, MSG_NOSIGNAL);
	builder_clear(&b);
	settle(&c->s->d.h);
	helper_close(h);
}

/* --- what helpers say --------------------------------------------------------- */

static void say_devices(struct chaos *c, struct builder *b)
{
	struct fido_device list[2 * DEVICES];
	char path[2 * DEVICES][16];
	size_t n = below(c, one_in(c, 10) ? 2 * DEVICES : DEVICES + 1);

	for (size_t i = 0; i < n; i++) {
		unsigned number = one_in(c, 10) ? 0 : (unsigned)i;

		(void)snprintf(path[i], sizeof(path[i]), "/dev/%u", number);
		list[i] = a_device(path[i], number + (one_in(c, 4) ? 100 : 1));
	}
	fido_devices_build(b, list, n);
}

static void say_probed(struct chaos *c, uint32_t count, struct builder *b)
{
	static const uint32_t abilities[] = {
	    0, FIDO_CAN_CTAP2, FIDO_CAN_CTAP2 | FIDO_CAN_PIN | FIDO_HAS_PIN, FIDO_ABILITIES};
	struct fido_info info = {.abilities = abilities[below(c, 4)],
	    .pin_tries = FIDO_TRIES_UNKNOWN,
	    .uv_tries = FIDO_TRIES_UNKNOWN};
	uint8_t held[FIDO_CREDENTIALS_MOST];

	for (uint32_t i = 0; i < count; i++)
		held[i] = (uint8_t)below(c, 3);
	fido_probed_build(b, &info, BYTES(held, count));
}

static enum err say_failed(struct chaos *c, struct builder *b)
{
	static const enum err usual[] = {ERR_PIN, ERR_PIN_NEEDED, ERR_NO_DEVICE, ERR_DEVICE_BUSY};
	struct fido_failure f = {.tries = FIDO_TRIES_UNKNOWN, .detail = bytes_str("so it says")};

	do
		f.why = one_in(c, 3) ? (enum err)below(c, 256) : usual[below(c, 4)];
	while (!fido_failure_allowed(f.why));
	if (f.why == ERR_PIN || f.why == ERR_PIN_NEEDED)
		f.tries = (uint8_t)below(c, 9);
	fido_failed_build(b, &f);
	return f.why;
}

static void say_signed(struct chaos *c, struct builder *b)
{
	build_signed(c->s, below(c, KEYS), one_in(c, 2) ? FIDO_TOUCH : FIDO_TOUCH | FIDO_VERIFY, b);
}

static void say_chosen(struct chaos *c, struct builder *b)
{
	char path[16];

	(void)snprintf(path, sizeof(path), "/dev/%u", below(c, DEVICES));
	fido_text_build(b, FIDO_CHOSEN, bytes_str(path));
}

static void say_bytes(struct chaos *c, struct builder *b)
{
	unsigned n = below(c, 64);

	if (one_in(c, 2)) { /* of a frame, at least */
		builder_u32(b, n + 2);
		builder_u8(b, 2);
		builder_u8(b, (uint8_t)(16 + below(c, 24)));
	}
	for (unsigned i = 0; i < n; i++)
		builder_u8(b, (uint8_t)below(c, 256));
}

/* What fits what it was asked, in form. */
static enum err say_what_fits(struct chaos *c, size_t i, struct builder *b)
{
	const struct helper *h = c->s->d.h.helper[i];
	struct fido_failure pin = {c->pin[i] < 0 ? ERR_PIN_NEEDED : ERR_PIN, 8, {0}};
	struct bytes message;
	struct fido_probe p;
	enum fido_kind kind;

	if (frame_next(BYTES(h->heard, h->len), LIMIT_FIDO_REQUEST, &message) != FRAME_READY ||
	    fido_kind_of(message, &kind) != ERR_OK)
		return ERR_OK;
	switch (kind) {
	case FIDO_WATCH:
		say_devices(c, b);
		break;
	case FIDO_PROBE:
		if (fido_probe_parse(message, &p) == ERR_OK)
			say_probed(c, p.count, b);
		break;
	case FIDO_CHOOSE:
		say_chosen(c, b);
		break;
	default:
		if (one_in(c, 2)) {
			fido_failed_build(b, &pin);
			return pin.why;
		}
		say_signed(c, b);
	}
	return ERR_OK;
}

/* Damage that leaves no frame as it was. */
static void damage(struct chaos *c, struct builder *b)
{
	unsigned at = b->len != 0 ? below(c, (unsigned)b->len) : 0;

	if (b->len == 0)
		return;
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

static void a_helper_speaks(struct chaos *c)
{
	struct builder b = {0};
	enum err why = ERR_OK;
	bool whole;
	size_t i;
	struct helper *h = somebody(c, HELPER_FIDO, &i);

	if (h == NULL)
		return;
	switch (below(c, 12)) {
	case 0:
		say_devices(c, &b);
		break;
	case 1:
		say_probed(c, below(c, 4), &b);
		break;
	case 2:
		say_bytes(c, &b);
		break;
	case 3:
		say_signed(c, &b);
		break;
	case 4:
	case 5:
	case 6:
		why = say_failed(c, &b);
		break;
	default:
		why = say_what_fits(c, i, &b);
	}
	assert_int_equal(builder_error(&b), ERR_OK);
	c->honest++;
	whole = !one_in(c, 4);
	if (!whole)
		damage(c, &b);
	if (whole && why == ERR_PIN && !c->spoke[i] && !h->hung_up && c->seen[i] && c->pin[i] >= 0)
		c->wrong[c->pin[i]] = true;
	c->spoke[i] = true;
	(void)send(h->fd, b.data, b.len, MSG_NOSIGNAL);
	builder_clear(&b);
	if (one_in(c, 4))
		return;
	settle(&c->s->d.h);
	if (h->heard[5] != FIDO_WATCH || one_in(c, 8))
		helper_close(h);
}

static void a_helper_falls(struct chaos *c)
{
	size_t i;
	struct helper *h = somebody(c, one_in(c, 2) ? HELPER_FIDO : HELPER_PROMPT, &i);

	if (h != NULL)
		helper_close(h);
}

static void step(struct chaos *c)
{
	c->s->d.h.unable = one_in(c, 40);
	switch (below(c, 16)) {
	case 0:
	case 1:
	case 2:
		a_client_comes(c);
		break;
	case 3:
		if (one_in(c, 2))
			a_client_leaves(c);
		break;
	case 4:
		if (one_in(c, 8))
			nothing_is_allowed(c);
		break;
	case 5:
		if (one_in(c, 4))
			a_key_goes_or_comes(c);
		break;
	case 6:
	case 7:
		time_passes(c);
		break;
	case 8:
	case 9:
		somebody_answers(c);
		break;
	case 10:
		if (one_in(c, 4))
			a_helper_falls(c);
		break;
	default:
		a_helper_speaks(c);
	}
	check(c);
}

/* Helpers that only end, and time: every request comes to an end by itself. */
static void come_to_an_end(struct chaos *c)
{
	struct touch_scene *s = c->s;

	s->d.h.unable = false;
	for (unsigned i = 0; s->ts.first != NULL && i < 40; i++) {
		for (size_t k = 0; k < s->d.h.count; k++)
			helper_close(s->d.h.helper[k]);
		pass(&s->d.h, LIMIT_TOUCH_MS);
		check(c);
	}
	assert_null(s->ts.first);
}

static void run(uint64_t seed)
{
	static const unsigned how[KEYS] = {
	    FIDO_TOUCH, FIDO_TOUCH | FIDO_VERIFY | ECDSA, FIDO_TOUCH | ECDSA};
	struct chaos *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	print_message("seed %llu\n", (unsigned long long)seed);
	c->state = seed * 0x9e3779b97f4a7c15ull + 1;
	assert_int_equal(touch_setup((void **)&c->s), 0);
	c->s->options.remember_pin = one_in(c, 2) ? 600 : 0;
	c->s->options.insert_wait = one_in(c, 2) ? 60 : 0;
	for (unsigned i = 0; i < KEYS; i++) {
		(void)add_real_key(c->s, i, how[i]);
		c->added[i] = true;
	}
	for (unsigned i = 0; i < STEPS && c->s->d.h.count < CROWD; i++)
		step(c);
	come_to_an_end(c);
	assert_int_equal(touch_teardown((void **)&c->s), 0);
	free(c);
}

static void test_anything_may_happen(void **state)
{
	const char *only = getenv("TOUCH_SEED");

	(void)state;
	if (only != NULL) {
		run(strtoull(only, NULL, 10));
		return;
	}
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_anything_may_happen),
	};

	return cmocka_run_group_tests(tests, touch_group_setup, touch_group_teardown);
}
