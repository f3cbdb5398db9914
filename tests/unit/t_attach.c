/* Certificates, made by ssh-keygen, for keys that are held. */
#include "tests/support/base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/attach.h"
#include "keystore/crypto.h"
#include "proto/base/clock.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir;

struct scene {
	struct scene *before;
	struct loop *loop;
	struct store *store;
};

/* Stores live as long as the program, as in the agent. */
static struct scene *last;

static uint64_t now = 1000000;

static uint64_t test_clock(void)
{
	return now;
}

enum { DAY = 24 * 60 * 60, DAY_2020 = 1577836800 };

static int64_t wall = DAY_2020;

static int64_t test_wall(void)
{
	return wall;
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	s->before = last;
	last = s;
	wall = DAY_2020;
	clock_replace(test_clock, test_wall);
	s->loop = loop_new();
	s->store = store_new(s->loop);
	*state = s;
	return s->store != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	store_remove_all(s->store);
	loop_free(s->loop);
	clock_replace(NULL, NULL);
	return 0;
}

static struct bytes load(const char *name)
{
	static struct builder b;

	builder_reset(&b);
	keys_load_public(&dir, name, &b);
	return builder_view(&b);
}

/* The private key, or only its public half, as of a token. */
static void hold(struct scene *s, const char *name, bool public)
{
	struct rules rules = {.key = {.confirm = CONFIRM_ALWAYS},
	    .source = SOURCE_FORWARDED,
	    .expires = now + 60000,
	    .place = public ? bytes_str("place") : BYTES_NONE};
	struct builder wire = {0};
	struct key *key = NULL;

	keys_load_file(&dir, name, &wire);
	key = keys_import(&wire);
	builder_clear(&wire);
	if (public) {
		struct key *half = NULL;

		assert_int_equal(key_public(key_blob(key), &half), ERR_OK);
		key_unref(key);
		key = half;
	}
	assert_int_equal(
	    store_put(s->store, key, key_blob(key), bytes_str("comment"), &rules), ERR_OK);
}

static void expect(struct scene *s, const char *certificate, enum err why)
{
	struct identity *id = NULL;

	assert_string_equal(
	    err_text(attach_certificate(s->store, load(certificate), &id)), err_text(why));
	assert_true((id != NULL) == (why == ERR_OK));
	if (id != NULL)
		assert_ptr_equal(id, store_find(s->store, load(certificate)));
}

static void test_listed_beside_the_key(void **state)
{
	struct scene *s = *state;

	for (unsigned public = 0; public < 2; public ++) {
		const struct identity *key, *id;

		hold(s, "k", public == 1);
		key = store_first(s->store);
		now += 1000;
		expect(s, "one-cert.pub", ERR_OK);
		assert_int_equal(store_count(s->store), 2);
		id = key->next;
		assert_ptr_equal(id->key, key->key);
		assert_true(bytes_is(id->comment, "comment"));
		assert_int_equal(id->rules.key.confirm, CONFIRM_ALWAYS);
		assert_true(id->rules.expires == key->rules.expires && id->rules.expires != 0);
		assert_true(bytes_equal(id->rules.place, key->rules.place));
		/* Once more it is there already. */
		expect(s, "one-cert.pub", ERR_OK);
		assert_int_equal(store_count(s->store), 2);
		store_remove_all(s->store);
	}
}

static void test_a_newer_one_replaces_that_of_the_same_authority(void **state)
{
	struct scene *s = *state;

	hold(s, "k", false);
	expect(s, "one-cert.pub", ERR_OK);
	expect(s, "other-cert.pub", ERR_OK); /* another authority's */
	assert_int_equal(store_count(s->store), 3);
	expect(s, "two-cert.pub", ERR_OK);
	assert_int_equal(store_count(s->store), 3);
	assert_null(store_find(s->store, load("one-cert.pub")));
	assert_non_null(store_find(s->store, load("other-cert.pub")));
	assert_non_null(store_find(s->store, load("k.pub")));
	/* Of another key it stays. */
	hold(s, "l", false);
	expect(s, "l-cert.pub", ERR_OK);
	assert_int_equal(store_count(s->store), 5);
	assert_non_null(store_find(s->store, load("two-cert.pub")));
	/* Where only a certificate is listed. */
	store_remove(s->store, store_find(s->store, load("k.pub")));
	store_remove(s->store, store_find(s->store, load("other-cert.pub")));
	expect(s, "one-cert.pub", ERR_OK);
	assert_null(store_find(s->store, load("two-cert.pub")));
	assert_true(bytes_is(store_find(s->store, load("one-cert.pub"))->comment, "comment"));
}

/* A certificate that was listed with more rules than its key: neither attaching it again nor
 * replacing it makes it freer. */
static void test_rules_are_not_loosened(void **state)
{
	struct scene *s = *state;
	struct rules strict = {
	    .key = {.confirm = CONFIRM_FORWARDED, .idle = 60, .local_only = true},
	    .expires = now + 5000,
	    .destinations = bytes_str("one")};
	const struct rules loose = {.expires = now + 9000};
	static const char *const names[] = {"one-cert.pub", "two-cert.pub"};
	struct identity *key, *id;

	hold(s, "k", true);
	key = store_first(s->store);
	assert_int_equal(
	    store_put(s->store, key_ref(key->key), key->blob, bytes_str("comment"), &loose),
	    ERR_OK);
	assert_int_equal(store_put(s->store, key_ref(key->key), load("one-cert.pub"),
			     bytes_str("strict"), &strict),
	    ERR_OK);
	for (size_t i = 0; i < 2; i++) {
		expect(s, names[i], ERR_OK);
		id = store_find(s->store, load(names[i]));
		assert_int_equal(store_count(s->store), 2);
		assert_int_equal(id->rules.key.confirm, CONFIRM_FORWARDED);
		assert_int_equal(id->rules.key.idle, 60);
		assert_true(id->rules.key.local_only);
		assert_true(id->rules.expires == now + 5000);
		assert_true(bytes_is(id->rules.destinations, "one"));
	}
	assert_int_equal(key->rules.key.confirm, CONFIRM_NEVER);
	/* Neither of two is the stricter. */
	strict.destinations = bytes_str("two");
	strict.key.confirm = CONFIRM_CONNECTION;
	assert_int_equal(
	    store_put(s->store, key_ref(key->key), key->blob, bytes_str("comment"), &strict),
	    ERR_OK);
	expect(s, "two-cert.pub", ERR_CONSTRAINT);
	strict.destinations = BYTES_NONE;
	assert_int_equal(
	    store_put(s->store, key_ref(key->key), key->blob, bytes_str("comment"), &strict),
	    ERR_OK);
	expect(s, "two-cert.pub", ERR_OK);
	id = store_find(s->store, load("two-cert.pub"));
	assert_int_equal(id->rules.key.confirm, CONFIRM_ALWAYS);
}

static void test_refused(void **state)
{
	struct scene *s = *state;
	struct bytes cert;
	uint8_t copy[2048];
	struct identity *id;

	expect(s, "one-cert.pub", ERR_NOT_FOUND);
	hold(s, "l", false);
	expect(s, "one-cert.pub", ERR_NOT_FOUND);
	hold(s, "k", false);
	expect(s, "k.pub", ERR_CERT);
	cert = load("one-cert.pub");
	assert_true(cert.len < sizeof(copy));
	memcpy(copy, cert.data, cert.len);
	for (size_t n = 0; n < cert.len; n += 7)
		assert_int_not_equal(attach_certificate(s->store, BYTES(copy, n), &id), ERR_OK);
	for (size_t i = 0; i < cert.len; i++) {
		copy[i] ^= 1;
		assert_int_not_equal(
		    attach_certificate(s->store, BYTES(copy, cert.len), &id), ERR_OK);
		copy[i] ^= 1;
	}
	assert_int_equal(store_count(s->store), 2);
	assert_int_equal(attach_certificate(s->store, BYTES(copy, cert.len), &id), ERR_OK);
}

/* What logs nobody in takes no good one's place. */
static void test_none_of_use(void **state)
{
	struct scene *s = *state;
	struct identity *key;

	hold(s, "k", false);
	key = store_first(s->store);
	expect(s, "one-cert.pub", ERR_OK);
	expect(s, "expired-cert.pub", ERR_CERT_EXPIRED);
	expect(s, "host-cert.pub", ERR_CERT_HOST);
	assert_int_equal(store_count(s->store), 2);
	assert_non_null(store_find(s->store, load("one-cert.pub")));
	/* Nor does one that is not valid yet, until it is. */
	wall = DAY_2020;
	expect(s, "later-cert.pub", ERR_OK);
	assert_int_equal(store_count(s->store), 3);
	wall = DAY_2020 + 10 * DAY;
	expect(s, "later-cert.pub", ERR_OK);
	assert_int_equal(store_count(s->store), 2);
	assert_null(store_find(s->store, load("one-cert.pub")));
	/* It ends with the second that it names. */
	wall = DAY_2020 + 20 * DAY - 1;
	expect(s, "later-cert.pub", ERR_OK);
	wall++;
	expect(s, "later-cert.pub", ERR_CERT_EXPIRED);
	/* One for a host that was added as any identity is stays. */
	assert_int_equal(store_put(s->store, key_ref(key->key), load("host-cert.pub"),
			     bytes_str("host"), &key->rules),
	    ERR_OK);
	expect(s, "one-cert.pub", ERR_OK);
	assert_non_null(store_find(s->store, load("host-cert.pub")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int group_setup(void **state)
{
	(void)state;
	crypto_clean_environment();
	if (crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return -1;
	keys_dir_make(&dir);
	return keys_run(
		   "cd %s && for k in k l ca ca2; do ssh-keygen -q -t ed25519 -N '' -f $k || exit "
		   "1; done; "
		   "for n in one two other host expired later; do cp k.pub $n.pub || exit 1; done; "
		   "ssh-keygen -q -s ca -I 1 -n me one.pub && ssh-keygen -q -s ca -I 2 -n me "
		   "two.pub && "
		   "ssh-keygen -q -s ca2 -I 3 -n me other.pub && ssh-keygen -q -s ca -I 4 l.pub && "
		   "ssh-keygen -q -h -s ca -I 5 -n host host.pub && "
		   "export TZ=UTC && "
		   "ssh-keygen -q -s ca -I 6 -n me -V 20190101000000:20200101000000 expired.pub && "
		   "ssh-keygen -q -s ca -I 7 -n me -V 20200111000000:20200121000000 later.pub",
		   dir.path)
		   ? 0
		   : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	keys_dir_remove(&dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_listed_beside_the_key),
	    TEST(test_a_newer_one_replaces_that_of_the_same_authority),
	    TEST(test_rules_are_not_loosened),
	    TEST(test_refused),
	    TEST(test_none_of_use),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
