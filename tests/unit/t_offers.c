/* Keys of tokens taken into the store, and offers of cards, with the test as every helper. */
#include "tests/support/modules_scene.h"

#include "agent/offers.h"
#include "keystore/crypto.h"
#include "tests/support/keys_ssh.h"

enum { KEYS = 3 };

static struct keys_dir dir;
static struct builder public[KEYS], wire, certs[KEYS];

struct scene {
	struct scene *before;
	struct modules_scene m;
	struct store *store;
	struct lock lock;
	struct offers offers;
};

/* Stores live as long as the program, as in the agent. */
static struct scene *last;

static enum err added(void *ctx, struct key *key, const struct rules *rules)
{
	struct scene *s = ctx;

	if (key_is_public(key))
		assert_int_equal(modules_key_added(s->m.ms, rules->place), ERR_OK);
	return ERR_OK;
}

static void removed(void *ctx, struct key *key, const struct rules *rules)
{
	struct scene *s = ctx;

	if (key_is_public(key))
		modules_key_removed(s->m.ms, rules->place);
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	s->before = last;
	last = s;
	modules_scene_open(&s->m);
	s->store = store_new(s->m.h.loop);
	assert_non_null(s->store);
	store_watch(
	    s->store, &(struct store_watcher){.added = added, .removed = removed, .ctx = s});
	s->offers = (struct offers){
	    .loop = s->m.h.loop, .store = s->store, .modules = s->m.ms, .lock = &s->lock};
	offers_start(&s->offers);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	bool good;

	offers_end_all(&s->offers, NULL);
	store_remove_all(s->store);
	settle(&s->m.h);
	let_end(&s->m);
	good = modules_scene_close(&s->m);
	return good ? 0 : -1;
}

static struct fake_token card(const char *id, unsigned key)
{
	return (struct fake_token){.id = id,
	    .keys = {"9a"},
	    .type = TOKEN_PIV,
	    .name = "YubiKey",
	    .public = builder_view(&public[key])};
}

static void insert(struct scene *s, const char *id, unsigned key)
{
	const struct fake_token list[] = {card(id, key), {.id = NULL}};

	tell_tokens(&s->m, MODULE_CARDS, list, ERR_OK);
}

static struct token_terms terms_of(
    const struct scene *s, const char *id, struct bytes certificates, bool only, uint64_t seconds)
{
	struct rules rules = {.key = {.confirm = CONFIRM_FORWARDED}, .source = SOURCE_FORWARDED};
	struct token_terms terms = {0};

	(void)s;
	rules.expires = seconds != 0 ? clock_now() + seconds * 1000 : 0;
	assert_int_equal(
	    token_terms_set(&terms, bytes_str(id), &rules, certificates, only), ERR_OK);
	return terms;
}

static void offer(struct scene *s, const char *id, uint64_t seconds)
{
	struct token_terms terms = terms_of(s, id, BYTES_NONE, false, seconds);
	struct module *m = module_get(s->m.ms, bytes_str(MODULE_CARDS), 0);
	struct token_given given = {0};

	assert_non_null(m);
	assert_int_equal(offers_keep(&s->offers, m, &terms, &given), ERR_OK);
	assert_int_equal(terms.id.len, 0);
	module_unref(m);
}

static struct identity *held(const struct scene *s, unsigned key)
{
	return store_find(s->store, builder_view(&public[key]));
}

/* The open selection names this, and is answered with this token's key. */
static void answer(struct scene *s, const char *id, const char *token)
{
	struct token_select select = expect_select(&s->m, MODULE_CARDS);

	assert_true(bytes_is(select.uri, id));
	assert_int_equal(select.pin.len, 0);
	say_selected(&s->m, MODULE_CARDS, select.number, token, "9a");
}

static void test_keys_come_with_their_card(void **state)
{
	struct scene *s = *state;
	struct identity *id;

	offer(s, "card:", 0);
	TELL_NONE(&s->m, MODULE_CARDS);
	expect_nothing(&s->m, MODULE_CARDS);
	insert(s, "one", 0);
	answer(s, "card:", "one");
	id = held(s, 0);
	assert_non_null(id);
	assert_true(bytes_is(id->comment, "PIV, YubiKey"));
	assert_true(key_is_public(id->key));
	assert_int_equal(id->rules.key.confirm, CONFIRM_FORWARDED);
	assert_int_equal(id->rules.source, SOURCE_FORWARDED);
	assert_true(bytes_equal(id->rules.place, place_at(&s->m, MODULE_CARDS, "one", "9a")));
	assert_int_equal(modules_presence(s->m.ms, id->rules.place), PRESENCE_HERE);
	/* Pulled out it stays listed; nothing is asked when it is back, nor for news of no keys. */
	TELL_NONE(&s->m, MODULE_CARDS);
	assert_ptr_equal(held(s, 0), id);
	assert_int_equal(modules_presence(s->m.ms, id->rules.place), PRESENCE_ABSENT);
	insert(s, "one", 0);
	expect_nothing(&s->m, MODULE_CARDS);
	/* Another card. */
	insert(s, "two", 1);
	answer(s, "card:", "two");
	assert_non_null(held(s, 1));
	assert_int_equal(store_count(s->store), 2);
}

/* A key that was removed stays away, until it is asked for again or is another key. */
static void test_what_was_removed_stays_away(void **state)
{
	struct scene *s = *state;

	offer(s, "card:", 0);
	insert(s, "one", 0);
	answer(s, "card:", "one");
	store_remove(s->store, held(s, 0));
	TELL_NONE(&s->m, MODULE_CARDS);
	insert(s, "two", 1);
	answer(s, "card:", "two");
	insert(s, "one", 0);
	answer(s, "card:", "one");
	assert_null(held(s, 0));
	insert(s, "one", 2); /* a new key in the same place */
	answer(s, "card:", "one");
	assert_non_null(held(s, 2));
	offer(s, "card:", 0);
	insert(s, "one", 0);
	answer(s, "card:", "one"); /* the look at the offer's start, at what was there then, */
	answer(s, "card:", "one");
	assert_non_null(held(s, 0));
	assert_int_equal(s->offers.count, 1);
}

static bool is_at(const struct scene *s, struct bytes blob, const char *module, const char *token)
{
	const struct identity *id = store_find(s->store, blob);
	struct place place;

	return id != NULL && place_parse(id->rules.place, &place) == ERR_OK &&
	       bytes_is(place.module, module) && bytes_is(place.token, token);
}

/* The same key on two cards, one plugged in after the other: it is where it can be used, and its
 * rules are those that it had, of an attached certificate too. */
static void test_a_key_on_two_cards(void **state)
{
	struct scene *s = *state;
	struct rules strict = {.key = {.confirm = CONFIRM_ALWAYS, .local_only = true}};
	struct bytes blobs[] = {builder_view(&public[0]), builder_view(&certs[0])};

	offer(s, "card:", 0);
	insert(s, "one", 0);
	answer(s, "card:", "one");
	for (size_t i = 0; i < 2; i++) {
		strict.place = held(s, 0)->rules.place;
		assert_int_equal(store_put(s->store, key_ref(held(s, 0)->key), blobs[i],
				     bytes_str("mine"), &strict),
		    ERR_OK);
	}
	for (unsigned round = 0; round < 3; round++) {
		const char *name = round % 2 == 0 ? "two" : "one";

		TELL_NONE(&s->m, MODULE_CARDS);
		insert(s, name, 0);
		answer(s, "card:", name);
		assert_int_equal(store_count(s->store), 2);
		for (size_t i = 0; i < 2; i++) {
			const struct identity *id = store_find(s->store, blobs[i]);

			assert_true(is_at(s, blobs[i], MODULE_CARDS, name));
			assert_int_equal(id->rules.key.confirm, CONFIRM_ALWAYS);
			assert_true(id->rules.key.local_only);
			assert_int_equal(id->rules.source, SOURCE_AGENT_SOCKET);
		}
	}
	/* Removed it stays away with either. */
	store_remove_all(s->store);
	TELL_NONE(&s->m, MODULE_CARDS);
	insert(s, "one", 0);
	answer(s, "card:", "one");
	assert_int_equal(store_count(s->store), 0);
}

/* A card can say that it has any key. */
static void test_a_card_takes_no_key_from_a_module(void **state)
{
	struct scene *s = *state;
	struct module *m = module_get(s->m.ms, bytes_str(ONE), 0);
	struct rules rules = {.place = place_at(&s->m, ONE, "t", "label")};
	struct key *key = NULL;

	assert_int_equal(key_public(builder_view(&public[0]), &key), ERR_OK);
	assert_int_equal(
	    store_put(s->store, key, key_blob(key), bytes_str("mine"), &rules), ERR_OK);
	hear_openings(&s->m);
	TELL_NONE(&s->m, ONE);
	offer(s, "card:", 0);
	insert(s, "one", 0);
	answer(s, "card:", "one");
	assert_true(is_at(s, builder_view(&public[0]), ONE, "t"));
	assert_true(bytes_is(held(s, 0)->comment, "mine"));
	module_unref(m);
}

static void test_the_lifetime_is_the_offers(void **state)
{
	struct scene *s = *state;

	offer(s, "card:", 60);
	TELL_NONE(&s->m, MODULE_CARDS);
	pass(&s->m.h, 40000);
	insert(s, "one", 0);
	answer(s, "card:", "one");
	assert_true(held(s, 0)->rules.expires == clock_now() + 20000);
	pass(&s->m.h, 20000);
	assert_null(held(s, 0));
	assert_int_equal(s->offers.count, 0);
	assert_null(running(&s->m, MODULE_CARDS));
}

static void test_nothing_while_locked(void **state)
{
	struct scene *s = *state;
	struct token_select select;

	offer(s, "card:", 0);
	insert(s, "one", 0);
	select = expect_select(&s->m, MODULE_CARDS);
	s->lock.on = true;
	offers_review(&s->offers);
	say_selected(&s->m, MODULE_CARDS, select.number, "one", "9a");
	assert_null(held(s, 0));
	insert(s, "two", 1);
	expect_nothing(&s->m, MODULE_CARDS);
	s->lock.on = false;
	offers_review(&s->offers);
	settle(&s->m.h);
	answer(s, "card:", "two");
	assert_non_null(held(s, 1));
}

static void test_failures_wait_for_the_next_change(void **state)
{
	static const enum err codes[] = {ERR_TOKEN_BUSY, ERR_TOKEN, ERR_PIN_NEEDED};
	struct scene *s = *state;

	offer(s, "card:", 0);
	for (unsigned i = 0; i < 3; i++) {
		struct token_select select;

		TELL_NONE(&s->m, MODULE_CARDS);
		insert(s, "one", 0);
		select = expect_select(&s->m, MODULE_CARDS);
		say_failed(&s->m, MODULE_CARDS, select.number, codes[i]);
		expect_nothing(&s->m, MODULE_CARDS);
	}
	TELL_NONE(&s->m, MODULE_CARDS);
	insert(s, "one", 0);
	answer(s, "card:", "one");
	assert_non_null(held(s, 0));
}

static void test_ends_by_name_with_its_keys(void **state)
{
	struct scene *s = *state;
	size_t n = 77;

	offer(s, "card:serial=1", 0);
	offer(s, "card:serial=2", 0);
	insert(s, "one", 0);
	answer(s, "card:serial=2", "one");
	answer(s, "card:serial=1", "one");
	assert_false(offers_end(&s->offers, bytes_str("card:"), &n));
	assert_int_equal(n, 77);
	assert_non_null(held(s, 0));
	/* The one that gave it second found it there; both wanted it. */
	assert_true(offers_end(&s->offers, bytes_str("card:serial=2"), &n));
	assert_int_equal(n, 0);
	assert_non_null(held(s, 0));
	assert_true(offers_end(&s->offers, bytes_str("card:serial=1"), &n));
	assert_int_equal(n, 1);
	assert_null(held(s, 0));
	assert_null(running(&s->m, MODULE_CARDS));
}

static void test_no_more_than_the_limit(void **state)
{
	struct scene *s = *state;
	struct token_terms terms = terms_of(s, "card:slot=9a", BYTES_NONE, false, 0);
	struct module *m = module_get(s->m.ms, bytes_str(MODULE_CARDS), 0);
	struct token_given given = {0};

	for (unsigned i = 0; i < LIMIT_OFFERS; i++) {
		char id[32];

		(void)snprintf(id, sizeof(id), "card:serial=%u", i);
		offer(s, id, 0);
	}
	offer(s, "card:serial=0", 0);
	assert_int_equal(offers_keep(&s->offers, m, &terms, &given), ERR_LIMIT);
	assert_int_equal(terms.id.len, strlen("card:slot=9a"));
	token_terms_clear(&terms);
	module_unref(m);
}

/* --- taking in ------------------------------------------------------------------------------- */

static enum err take(struct scene *s, const struct token_terms *terms, const char *module,
    const char *token, const char *key)
{
	struct token_taking how = {.store = s->store, .modules = s->m.ms, .terms = terms};
	struct module *m = module_get(s->m.ms, bytes_str(module), 0);
	struct builder b = {0};
	enum err e;

	builder_cstring(&b, token);
	builder_cstring(&b, key);
	e = token_keys_take(&how, m, 1, reader_of(builder_view(&b)));
	builder_clear(&b);
	module_unref(m);
	return e;
}

static struct module *one_with(struct scene *s, const char *token, unsigned key)
{
	struct module *m = module_get(s->m.ms, bytes_str(ONE), 0);
	const struct fake_token list[] = {
	    {FAKE(token, "label"), .public = builder_view(&public[key])}, {.id = NULL}};

	tell_tokens(&s->m, ONE, list, ERR_OK);
	return m;
}

static void test_an_addition_sets_the_rules_anew(void **state)
{
	struct scene *s = *state;
	struct token_terms terms = terms_of(s, ONE, BYTES_NONE, false, 10);
	struct module *m = one_with(s, "t", 0);

	assert_int_equal(take(s, &terms, ONE, "t", "label"), ERR_OK);
	assert_true(bytes_is(held(s, 0)->comment, "label"));
	assert_true(held(s, 0)->rules.expires != 0);
	terms.rules.expires = 0;
	assert_int_equal(take(s, &terms, ONE, "t", "label"), ERR_OK);
	assert_true(held(s, 0)->rules.expires == 0);
	assert_int_equal(take(s, &terms, ONE, "t", "none"), ERR_NOT_FOUND);
	assert_int_equal(take(s, &terms, ONE, "u", "label"), ERR_TOKEN_GONE);
	token_terms_clear(&terms);
	module_unref(m);
}

static void test_a_private_key_stays(void **state)
{
	struct scene *s = *state;
	struct token_terms terms = terms_of(s, ONE, BYTES_NONE, false, 10);
	struct module *m = one_with(s, "t", 0);
	const struct rules none = {0};

	assert_int_equal(store_put(s->store, keys_import(&wire), builder_view(&public[0]),
			     bytes_str("mine"), &none),
	    ERR_OK);
	assert_int_equal(take(s, &terms, ONE, "t", "label"), ERR_OK);
	assert_false(key_is_public(held(s, 0)->key));
	assert_true(bytes_is(held(s, 0)->comment, "mine"));
	assert_int_equal(token_keys_remove(s->store, bytes_str(ONE), NULL), 0);
	assert_non_null(held(s, 0));
	token_terms_clear(&terms);
	module_unref(m);
}

/* The same key in two tokens: the one that is there signs. */
static void test_a_key_in_two_tokens(void **state)
{
	struct scene *s = *state;
	struct token_terms terms = terms_of(s, ONE, BYTES_NONE, false, 0);
	struct module *m = one_with(s, "t", 0), *two = module_get(s->m.ms, bytes_str(TWO), 0);
	const struct fake_token list[] = {
	    {FAKE("other", "label"), .public = builder_view(&public[0])}, {.id = NULL}};
	struct place place;

	tell_tokens(&s->m, TWO, list, ERR_OK);
	assert_int_equal(take(s, &terms, ONE, "t", "label"), ERR_OK);
	assert_int_equal(take(s, &terms, TWO, "other", "label"), ERR_OK);
	assert_int_equal(place_parse(held(s, 0)->rules.place, &place), ERR_OK);
	assert_true(bytes_is(place.module, ONE));
	TELL_NONE(&s->m, ONE);
	assert_int_equal(take(s, &terms, TWO, "other", "label"), ERR_OK);
	assert_int_equal(place_parse(held(s, 0)->rules.place, &place), ERR_OK);
	assert_true(bytes_is(place.module, TWO));
	assert_int_equal(token_keys_remove(s->store, bytes_str(ONE), NULL), 0);
	assert_int_equal(token_keys_remove(s->store, bytes_str(TWO), NULL), 1);
	token_terms_clear(&terms);
	module_unref(m);
	module_unref(two);
}

static void test_certificates_beside_or_instead(void **state)
{
	struct scene *s = *state;
	struct module *m = one_with(s, "t", 0);

	for (unsigned only = 0; only < 2; only++) {
		struct builder list = {0};
		struct token_terms terms;

		builder_string(&list, builder_view(&certs[1])); /* of a key that is not there */
		builder_string(&list, builder_view(&certs[0]));
		terms = terms_of(s, ONE, builder_view(&list), only == 1, 0);
		builder_clear(&list);
		assert_int_equal(take(s, &terms, ONE, "t", "label"), ERR_OK);
		assert_non_null(store_find(s->store, builder_view(&certs[0])));
		assert_null(store_find(s->store, builder_view(&certs[1])));
		assert_int_equal(store_count(s->store), only == 1 ? 1 : 2);
		assert_int_equal(
		    token_keys_remove(s->store, bytes_str(ONE), NULL), only == 1 ? 1 : 2);
		token_terms_clear(&terms);
	}
	module_unref(m);
}

static void test_certificates_that_do_not_fit(void **state)
{
	struct scene *s = *state;
	struct module *m = one_with(s, "t", 0);
	struct token_terms terms = {0};
	struct rules rules = {0};
	struct builder list = {0};

	builder_string(&list, builder_view(&certs[1]));
	terms = terms_of(s, ONE, builder_view(&list), true, 0);
	assert_int_equal(take(s, &terms, ONE, "t", "label"), ERR_CERT_MISMATCH);
	assert_int_equal(store_count(s->store), 0);
	token_terms_clear(&terms);
	/* No certificate at all, or more than one. */
	builder_string(&list, builder_view(&public[0]));
	assert_int_equal(
	    token_terms_set(&terms, bytes_str("x"), &rules, builder_view(&list), true), ERR_CERT);
	assert_int_equal(terms.id.len, 0);
	builder_clear(&list);
	module_unref(m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int group_setup(void **state)
{
	(void)state;
	crypto_clean_environment();
	if (crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return -1;
	keys_dir_make(&dir);
	for (unsigned i = 0; i < KEYS; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "k%u", i);
		builder_clear(&wire);
		keys_generate(&dir, name, "-t ed25519", &wire);
		(void)snprintf(name, sizeof(name), "k%u.pub", i);
		keys_load_public(&dir, name, &public[i]);
		if (!keys_run("cd %s && ssh-keygen -q -s k0 -I me -n me %s", dir.path, name))
			return -1;
		(void)snprintf(name, sizeof(name), "k%u-cert.pub", i);
		keys_load_public(&dir, name, &certs[i]);
	}
	builder_clear(&wire);
	keys_load_file(&dir, "k0", &wire);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KEYS; i++) {
		builder_clear(&public[i]);
		builder_clear(&certs[i]);
	}
	builder_clear(&wire);
	keys_dir_remove(&dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_keys_come_with_their_card),
	    TEST(test_what_was_removed_stays_away),
	    TEST(test_a_key_on_two_cards),
	    TEST(test_a_card_takes_no_key_from_a_module),
	    TEST(test_the_lifetime_is_the_offers),
	    TEST(test_nothing_while_locked),
	    TEST(test_failures_wait_for_the_next_change),
	    TEST(test_ends_by_name_with_its_keys),
	    TEST(test_no_more_than_the_limit),
	    TEST(test_an_addition_sets_the_rules_anew),
	    TEST(test_a_private_key_stays),
	    TEST(test_a_key_in_two_tokens),
	    TEST(test_certificates_beside_or_instead),
	    TEST(test_certificates_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
