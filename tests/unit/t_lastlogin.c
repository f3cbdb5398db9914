/* Which key last logged in to a host: noted, found, bounded, forgotten. */
#include "tests/support/base_test.h"

#include <stdio.h>
#include <string.h>

#include "agent/lastlogin.h"
#include "keystore/crypto.h"
#include "proto/builder.h"
#include "proto/limits.h"

enum { KEY_A = 7, KEY_B = 9 };

static struct lastlogins all;
static struct route route;

static int fresh(void **state)
{
	(void)state;
	lastlogins_clear(&all);
	route_clear(&route);
	return crypto_start() == ERR_OK ? 0 : -1;
}

static int clean(void **state)
{
	(void)state;
	lastlogins_clear(&all);
	route_clear(&route);
	return 0;
}

static void bind_to(const char *host, bool forwarding)
{
	struct session_bind m = {.host_key = bytes_str(host), .forwarding = forwarding};
	char session[64];

	snprintf(session, sizeof(session), "session at %s", host);
	m.session = bytes_str(session);
	assert_int_equal(route_add(&route, &m), ERR_OK);
}

/* On a connection that is bound to this host alone. */
static void only_bind(const char *host)
{
	route_clear(&route);
	bind_to(host, false);
}

/* RFC 4252, section 7: a login of the session of bind_to(host). */
static void log_in(const char *host, uint64_t key)
{
	struct builder b = {0};
	char session[64];

	snprintf(session, sizeof(session), "session at %s", host);
	builder_cstring(&b, session);
	builder_u8(&b, 50);
	builder_cstring(&b, "you");
	builder_cstring(&b, "ssh-connection");
	builder_cstring(&b, "publickey");
	builder_u8(&b, 1);
	builder_cstring(&b, "ssh-ed25519");
	builder_cstring(&b, "blob");
	lastlogin_signed(&all, &route, builder_view(&b), key);
	builder_clear(&b);
}

static void test_the_last_one_of_each_host(void **state)
{
	(void)state;
	only_bind("a");
	assert_int_equal(lastlogin_of(&all, &route), 0);
	log_in("a", KEY_A);
	assert_int_equal(lastlogin_of(&all, &route), KEY_A);
	only_bind("b");
	assert_int_equal(lastlogin_of(&all, &route), 0);
	log_in("b", KEY_B);
	assert_int_equal(lastlogin_of(&all, &route), KEY_B);
	only_bind("a");
	assert_int_equal(lastlogin_of(&all, &route), KEY_A);
	log_in("a", KEY_B);
	assert_int_equal(lastlogin_of(&all, &route), KEY_B);
	assert_int_equal(all.n, 2);
}

/* No bind, one for a forwarding, one that failed, another session, and what is no login. */
static void test_only_what_was_proved(void **state)
{
	(void)state;
	log_in("a", KEY_A);
	bind_to("a", true);
	log_in("a", KEY_A);
	route_clear(&route);
	bind_to("a", false);
	log_in("b", KEY_A);
	lastlogin_signed(&all, &route, bytes_str("SSHSIG"), KEY_A);
	lastlogin_signed(&all, &route, BYTES_NONE, KEY_A);
	assert_int_equal(all.n, 0);
	route_fail(&route, ERR_BIND);
	log_in("a", KEY_A);
	assert_int_equal(all.n, 0);
}

/* What is known of the hop is not said to the host behind it, nor the other way round. */
static void test_the_last_bind_counts(void **state)
{
	(void)state;
	only_bind("hop");
	log_in("hop", KEY_A);
	route_clear(&route);
	bind_to("hop", true);
	assert_int_equal(lastlogin_of(&all, &route), 0); /* the hop itself asks */
	bind_to("far", false);
	assert_int_equal(lastlogin_of(&all, &route), 0);
	log_in("far", KEY_B);
	assert_int_equal(lastlogin_of(&all, &route), KEY_B);
	only_bind("hop");
	assert_int_equal(lastlogin_of(&all, &route), KEY_A);
	route_fail(&route, ERR_BIND);
	assert_int_equal(lastlogin_of(&all, &route), 0);
}

static void test_the_oldest_is_dropped(void **state)
{
	char host[16];

	(void)state;
	for (unsigned i = 0; i < LIMIT_LAST_LOGINS; i++) {
		snprintf(host, sizeof(host), "h%u", i);
		only_bind(host);
		log_in(host, i + 1);
	}
	only_bind("h0");
	log_in("h0", KEY_A); /* now h1 is the oldest */
	only_bind("one more");
	log_in("one more", KEY_B);
	assert_int_equal(all.n, LIMIT_LAST_LOGINS);
	assert_int_equal(lastlogin_of(&all, &route), KEY_B);
	only_bind("h0");
	assert_int_equal(lastlogin_of(&all, &route), KEY_A);
	only_bind("h1");
	assert_int_equal(lastlogin_of(&all, &route), 0);
	only_bind("h2");
	assert_int_equal(lastlogin_of(&all, &route), 3);
}

static void test_a_key_that_is_gone(void **state)
{
	(void)state;
	only_bind("a");
	log_in("a", KEY_A);
	only_bind("b");
	log_in("b", KEY_B);
	only_bind("c");
	log_in("c", KEY_A);
	lastlogin_forget(&all, KEY_A);
	assert_int_equal(all.n, 1);
	assert_int_equal(lastlogin_of(&all, &route), 0);
	only_bind("b");
	assert_int_equal(lastlogin_of(&all, &route), KEY_B);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_last_one_of_each_host),
	    TEST(test_only_what_was_proved),
	    TEST(test_the_last_bind_counts),
	    TEST(test_the_oldest_is_dropped),
	    TEST(test_a_key_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
