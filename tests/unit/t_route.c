/*
 * Routes, with binds, constraints and logins that OpenSSH's clients made (tests/vectors/make-route)
 * for the hosts a, b and c; c has a certificate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/route.h"
#include "keystore/crypto.h"
#include "proto/destination.h"
#include "proto/keyblob.h"
#include "proto/limits.h"
#include "proto/signdata.h"
#include "tests/support/route_seed.h"

struct fixture {
	struct blob body[3], login[3], one, two, authority;
	struct session_bind bind[3]; /* a, b, c */
	struct sign_data data[3];
	struct route route;
};

static int load(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char name[] = "sessionbind/a", login[] = "signdata/login-a";

	assert_non_null(f);
	for (int i = 0; i < 3; i++) {
		f->body[i] = route_seed(name);
		f->login[i] = route_seed(login);
		assert_int_equal(session_bind_parse(blob_view(&f->body[i]), &f->bind[i]), ERR_OK);
		sign_data_read(blob_view(&f->login[i]), &f->data[i]);
		assert_int_equal(f->data[i].kind, SIGN_LOGIN);
		name[sizeof(name) - 2]++;
		login[sizeof(login) - 2]++;
	}
	f->one = route_seed("destination/one");
	f->two = route_seed("destination/two");
	f->authority = route_seed("destination/authority");
	*state = f;
	return 0;
}

static int unload(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		blob_clear(&f->body[i]);
		blob_clear(&f->login[i]);
	}
	blob_clear(&f->one);
	blob_clear(&f->two);
	blob_clear(&f->authority);
	route_clear(&f->route);
	free(f);
	return 0;
}

static void go(struct fixture *f, int host, bool forwarding)
{
	f->bind[host].forwarding = forwarding;
	assert_int_equal(route_add(&f->route, &f->bind[host]), ERR_OK);
}

static enum err sign(struct fixture *f, int host, const struct blob *destinations)
{
	return route_permits_sign(&f->route, blob_view(destinations), f->data[host].login.key,
	    blob_view(&f->login[host]));
}

static void test_verify(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		struct session_bind m = f->bind[i];

		assert_int_equal(bind_verify(&m), ERR_OK);
		m.session = f->bind[(i + 1) % 3].session;
		assert_int_equal(bind_verify(&m), ERR_BIND);
		m = f->bind[i];
		m.host_key = f->bind[(i + 1) % 3].host_key;
		assert_int_equal(bind_verify(&m), ERR_BIND);
		m = f->bind[i];
		m.signature = BYTES_NONE;
		assert_int_equal(bind_verify(&m), ERR_BIND);
	}
	/* The certificate's own signature is its last part. */
	((uint8_t *)(uintptr_t)f->bind[2].host_key.data)[f->bind[2].host_key.len - 1] ^= 1;
	assert_int_equal(bind_verify(&f->bind[2]), ERR_BIND);
}

/* What is well-formed but of no known type says that we cannot tell, and nothing worse. */
static void test_foreign_keys(void **state)
{
	struct fixture *f = *state;
	struct session_bind m = f->bind[0];

	m.host_key = BYTES("\0\0\0\4next\0\0\0\1x", 13);
	assert_int_equal(bind_verify(&m), ERR_KEY_TYPE);
	m.host_key = BYTES("\0\0\0\4next", 7);
	assert_int_equal(bind_verify(&m), ERR_BIND);
	m.host_key = BYTES_NONE;
	assert_int_equal(bind_verify(&m), ERR_BIND);
}

static void test_rules_of_adding(void **state)
{
	struct fixture *f = *state;
	struct session_bind m;

	go(f, 0, true);
	go(f, 0, true);
	assert_int_equal(f->route.count, 1);
	m = f->bind[1];
	m.session = f->bind[0].session;
	assert_int_equal(route_add(&f->route, &m), ERR_BIND_TWICE);
	go(f, 1, false);
	assert_int_equal(route_add(&f->route, &f->bind[2]), ERR_BIND_OVER);
	assert_int_equal(route_add(&f->route, &f->bind[1]), ERR_BIND_OVER);
	assert_int_equal(f->route.count, 2);
}

static void test_number_of_binds(void **state)
{
	struct fixture *f = *state;
	struct session_bind m = f->bind[0];

	m.forwarding = true;
	for (uint8_t i = 0; i <= LIMIT_SESSION_BINDS; i++) {
		m.session = BYTES(&i, 1);
		assert_int_equal(
		    route_add(&f->route, &m), i < LIMIT_SESSION_BINDS ? ERR_OK : ERR_LIMIT);
	}
}

static void test_unbound(void **state)
{
	struct fixture *f = *state;

	assert_false(route_is_remote(&f->route));
	assert_int_equal(route_permits(&f->route, blob_view(&f->one)), ERR_OK);
	assert_int_equal(sign(f, 1, &f->one), ERR_UNBOUND);
	f->route.failed = true;
	assert_true(route_is_remote(&f->route));
	assert_int_equal(route_permits(&f->route, BYTES_NONE), ERR_OK);
	assert_int_equal(route_permits(&f->route, blob_view(&f->one)), ERR_BIND_FAILED);
	assert_int_equal(sign(f, 1, &f->one), ERR_BIND_FAILED);
}

static void test_one_hop(void **state)
{
	struct fixture *f = *state;

	go(f, 1, false);
	assert_false(route_is_remote(&f->route));
	assert_false(route_is_forwarded(&f->route));
	assert_int_equal(sign(f, 1, &f->one), ERR_OK);
	assert_int_equal(sign(f, 0, &f->one), ERR_OTHER_SESSION);
	assert_int_equal(sign(f, 1, &f->two), ERR_ROUTE); /* to b by way of a only */
	assert_int_equal(route_permits(&f->route, blob_view(&f->two)), ERR_ROUTE);
	assert_int_equal(sign(f, 1, &f->authority), ERR_ROUTE);
	assert_int_equal(route_permits_sign(&f->route, blob_view(&f->one), f->bind[1].host_key,
			     blob_view(&f->login[1])),
	    ERR_NOT_LOGIN); /* another key than the login's */
}

static void test_two_hops(void **state)
{
	struct fixture *f = *state;

	go(f, 0, true);
	assert_true(route_is_remote(&f->route));
	assert_true(route_is_forwarded(&f->route));
	assert_int_equal(route_permits(&f->route, blob_view(&f->two)), ERR_OK);
	assert_int_equal(route_permits(&f->route, blob_view(&f->one)), ERR_ROUTE);
	assert_int_equal(sign(f, 0, &f->two), ERR_ROUTE); /* no login by a bind for forwarding */
	go(f, 1, false);
	assert_int_equal(sign(f, 1, &f->two), ERR_OK);
	assert_int_equal(sign(f, 1, &f->one), ERR_ROUTE);
}

/* The host's part of a constraint; a host with a certificate is known by its authority. */
static void put_hop(struct fixture *f, char host, struct builder *keys, struct hop *out)
{
	static const char *const names[] = {"a.example", "b.example", "c.example"};
	struct bytes blob = f->bind[host - 'a'].host_key;
	struct cert cert;
	bool certified = cert_parse(blob, &cert) == ERR_OK;

	hop_key_build(keys, certified ? cert.signature_key : blob, certified);
	out->host = bytes_str(names[host - 'a']);
	out->keys = builder_view(keys);
}

/* Of words: "a" is from here to a, "ab" from a to b. */
static struct blob constraints_for(struct fixture *f, const char *words)
{
	struct builder list = {0};
	struct blob out = {0};

	for (size_t n = 0; *words != '\0'; words += n + (words[n] == ' ')) {
		struct builder from = {0}, to = {0};
		struct destination d = {0};

		n = strcspn(words, " ");
		if (n == 2)
			put_hop(f, words[0], &from, &d.from);
		put_hop(f, words[n - 1], &to, &d.to);
		destination_build(&list, &d);
		builder_clear(&from);
		builder_clear(&to);
	}
	assert_int_equal(builder_take(&list, &out), ERR_OK);
	builder_clear(&list);
	return out;
}

/* From here by a and b to c, which stops at host or, forwarding, waits there to go on. */
static void go_as_far_as(struct fixture *f, int host, bool forwarding)
{
	route_clear(&f->route);
	for (int i = 0; i < host; i++)
		go(f, i, true);
	go(f, host, forwarding);
}

/* Each hop is looked at from the host before it: that the host may be reached from another, or
 * from here, is not enough. */
static void test_three_hops(void **state)
{
	static const struct {
		const char *words, *listed, *login; /* on which hosts, to which */
	} keys[] = {
	    {"a ab bc ca", "abc", "abc"},  /* the whole way, and on */
	    {"a ab bc", "ab", "abc"},      /* where it ends */
	    {"a b bc ca", "", "a"},        /* to b from here only */
	    {"a b ac bc ca", "a", "a"},    /* and on from a, but not to b */
	    {"a cb bc ca", "", "a"},       /* to b from c only */
	    {"a ab ba c ca", "ab", "ab"},  /* to c from here only */
	    {"a ab ba ac ca", "ab", "ab"}, /* to c from a only */
	    {"b ba ab bc ca", "", ""},     /* to a from b only */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct blob destinations = constraints_for(f, keys[i].words);

		for (int host = 0; host < 3; host++) {
			bool listed = strchr(keys[i].listed, 'a' + host) != NULL;
			bool login = strchr(keys[i].login, 'a' + host) != NULL;

			go_as_far_as(f, host, true);
			if (route_permits(&f->route, blob_view(&destinations)) !=
			    (listed ? ERR_OK : ERR_ROUTE))
				fail_msg("%s: listed on %c?", keys[i].words, 'a' + host);
			go_as_far_as(f, host, false);
			if (sign(f, host, &destinations) != (login ? ERR_OK : ERR_ROUTE))
				fail_msg("%s: logs in to %c?", keys[i].words, 'a' + host);
		}
		blob_clear(&destinations);
	}
}

static void test_nowhere_to_go_on(void **state)
{
	struct fixture *f = *state;

	go(f, 0, true);
	go(f, 1, true);
	assert_int_equal(route_permits(&f->route, blob_view(&f->two)), ERR_ROUTE);
	assert_int_equal(route_permits(&f->route, BYTES_NONE), ERR_OK);
}

/* Other keys, too, log in only where the client proved to go; what is no login is as it was. */
static void test_login_elsewhere(void **state)
{
	struct fixture *f = *state;
	const struct blob free_key = {0};
	struct session_bind other;

	assert_int_equal(sign(f, 0, &free_key), ERR_OK);
	go(f, 1, false);
	assert_int_equal(sign(f, 1, &free_key), ERR_OK);
	assert_int_equal(sign(f, 0, &free_key), ERR_OTHER_SESSION);
	assert_int_equal(
	    route_permits_sign(&f->route, BYTES_NONE, f->data[0].login.key, bytes_str("data")),
	    ERR_OK);
	/* The session of the login, and another host's key than it names. */
	route_clear(&f->route);
	other = f->bind[1];
	other.session = f->bind[0].session;
	other.forwarding = false;
	assert_int_equal(route_add(&f->route, &other), ERR_OK);
	assert_int_equal(sign(f, 0, &free_key), ERR_OTHER_SESSION);
	route_clear(&f->route);
	go(f, 1, true);
	assert_int_equal(sign(f, 0, &free_key), ERR_OK);
}

static void test_after_a_failure(void **state)
{
	static const enum err bars[] = {
	    ERR_BIND, ERR_BIND_TWICE, ERR_BIND_OVER, ERR_LIMIT, ERR_FORMAT, ERR_CERT, ERR_MEMORY};
	struct fixture *f = *state;
	const struct blob free_key = {0};

	for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
		route_fail(&f->route, bars[i]);
		assert_int_equal(sign(f, 0, &free_key), ERR_BIND_FAILED);
		assert_int_equal(sign(f, 0, &f->one), ERR_BIND_FAILED);
		route_fail(&f->route, ERR_KEY_TYPE);
		assert_int_equal(sign(f, 0, &free_key), ERR_BIND_FAILED);
		route_clear(&f->route);
	}
	/* A host key of a type to come. */
	route_fail(&f->route, ERR_KEY_TYPE);
	assert_true(route_is_remote(&f->route));
	assert_false(route_is_forwarded(&f->route));
	assert_int_equal(sign(f, 0, &free_key), ERR_OK);
	assert_int_equal(sign(f, 0, &f->one), ERR_BIND_FAILED);
	/* But not as the second of two. */
	route_clear(&f->route);
	go(f, 0, false);
	route_fail(&f->route, ERR_KEY_TYPE);
	assert_int_equal(sign(f, 0, &free_key), ERR_BIND_FAILED);
}

static void test_certified(void **state)
{
	struct fixture *f = *state;

	go(f, 2, false);
	assert_int_equal(sign(f, 2, &f->authority), ERR_OK);
	assert_int_equal(sign(f, 2, &f->one), ERR_ROUTE);
}

static int first(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK && crypto_warm_up() == ERR_OK ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, load, unload)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_verify),
	    TEST(test_foreign_keys),
	    TEST(test_rules_of_adding),
	    TEST(test_number_of_binds),
	    TEST(test_unbound),
	    TEST(test_one_hop),
	    TEST(test_two_hops),
	    TEST(test_three_hops),
	    TEST(test_nowhere_to_go_on),
	    TEST(test_login_elsewhere),
	    TEST(test_after_a_failure),
	    TEST(test_certified),
	};

	return cmocka_run_group_tests(tests, first, NULL);
}
