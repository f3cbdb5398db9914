/* What the log says a request is for, with binds and logins that OpenSSH's clients made. */
#include "tests/support/base_test.h"

#include <stdio.h>
#include <string.h>

#include "agent/purpose.h"
#include "keystore/crypto.h"
#include "proto/limits.h"
#include "tests/support/route_seed.h"

static struct route route;
static struct hostbook book;
static struct purpose out;

static int fresh(void **state)
{
	(void)state;
	route_clear(&route);
	memset(&book, 0, sizeof(book));
	return crypto_start() == ERR_OK ? 0 : -1;
}

static void read_purpose(struct bytes data, struct bytes destinations)
{
	/* What was there before is no part of it. */
	memset(&out, 'x', sizeof(out));
	purpose_read(&out, &(struct purpose_of){&route, &book, data, destinations});
}

/* The host of this seed, bound for a login or a forwarding. */
static const char *bind_seed(const char *name, bool forwarding)
{
	struct blob body = route_seed(name);
	struct session_bind m;

	assert_int_equal(session_bind_parse(blob_view(&body), &m), ERR_OK);
	m.forwarding = forwarding;
	assert_int_equal(route_add(&route, &m), ERR_OK);
	blob_clear(&body);
	return route.last->print;
}

static void expect(const char *destination, const char *through, bool forwarded)
{
	assert_string_equal(out.destination, destination);
	assert_string_equal(out.through, through);
	assert_int_equal(out.forwarded, forwarded);
}

/* The user is the one who made the seeds. */
static const char *at_host(const struct blob *data, const char *host)
{
	static char text[400];
	struct sign_data d;

	sign_data_read(blob_view(data), &d);
	assert_int_equal(d.kind, SIGN_LOGIN);
	snprintf(text, sizeof(text), "%.*s@%s", (int)d.login.user.len, d.login.user.data, host);
	return text;
}

static void a_login_names_its_host(void **state)
{
	struct blob data = route_seed("signdata/login-a"), two = route_seed("destination/two");
	const char *print;

	(void)state;
	read_purpose(blob_view(&data), BYTES_NONE);
	expect(at_host(&data, "unproven host"), "", false);
	print = bind_seed("sessionbind/a", false);
	assert_int_equal(strlen(print), 50);
	assert_int_equal(strncmp(print, "SHA256:", 7), 0);
	read_purpose(blob_view(&data), BYTES_NONE);
	expect(at_host(&data, print), "", false);
	hostbook_note(&book, print, "a.example.org, 192.0.2.1");
	read_purpose(blob_view(&data), BYTES_NONE);
	expect(at_host(&data, "a.example.org, 192.0.2.1"), "", false);
	/* The key's own name for it goes first. */
	read_purpose(blob_view(&data), blob_view(&two));
	expect(at_host(&data, "a.example"), "", false);
	hostbook_note(&book, print, "");
	read_purpose(blob_view(&data), BYTES_NONE);
	expect(at_host(&data, print), "", false);
	blob_clear(&data);
	blob_clear(&two);
}

/* A bind is no proof of another session's host, nor one that failed, nor one for a forwarding. */
static void only_what_was_proved_is_named(void **state)
{
	struct blob a = route_seed("signdata/login-a"), b = route_seed("signdata/login-b");

	(void)state;
	(void)bind_seed("sessionbind/a", false);
	read_purpose(blob_view(&b), BYTES_NONE);
	expect(at_host(&b, "unproven host"), "", false);
	route.failed = true;
	read_purpose(blob_view(&a), BYTES_NONE);
	expect(at_host(&a, "unproven host"), "", false);
	route_clear(&route);
	(void)bind_seed("sessionbind/a", true);
	read_purpose(blob_view(&a), BYTES_NONE);
	expect(at_host(&a, "unproven host"), route.last->print, true);
	blob_clear(&a);
	blob_clear(&b);
}

static void hops_are_told_in_their_order(void **state)
{
	struct blob data = route_seed("signdata/login-c");
	char through[200];

	(void)state;
	(void)bind_seed("sessionbind/a", true);
	(void)bind_seed("sessionbind/b", true);
	(void)bind_seed("sessionbind/c", false);
	hostbook_note(&book, route.first->next->print, "b.example.org");
	read_purpose(blob_view(&data), BYTES_NONE);
	snprintf(through, sizeof(through), "%s, then b.example.org", route.first->print);
	expect(at_host(&data, route.last->print), through, true);
	/* Of a request that signs nothing. */
	read_purpose(BYTES_NONE, BYTES_NONE);
	expect("", through, true);
	blob_clear(&data);
}

/* Sixteen hops have no room; those that are left out are counted. */
static void many_hops_are_counted(void **state)
{
	char session[4] = "s00";

	(void)state;
	for (unsigned i = 0; i < LIMIT_SESSION_BINDS; i++) {
		struct session_bind m = {.host_key = bytes_str(session),
		    .session = bytes_str(session),
		    .forwarding = true};

		session[1] = (char)('a' + i);
		assert_int_equal(route_add(&route, &m), ERR_OK);
	}
	read_purpose(BYTES_NONE, BYTES_NONE);
	assert_true(strlen(out.through) < sizeof(out.through));
	assert_int_equal(strncmp(out.through, route.first->print, 50), 0);
	assert_string_equal(
	    out.through + strlen(out.through) - strlen(", then 12 more"), ", then 12 more");
}

static void put_sshsig(struct builder *b, const char *name_space)
{
	builder_clear(b);
	builder_put(b, bytes_str("SSHSIG"));
	builder_cstring(b, name_space);
	builder_cstring(b, "");
	builder_cstring(b, "sha512");
	builder_cstring(b, "digest");
}

static void other_signatures(void **state)
{
	struct builder b = {0};

	(void)state;
	put_sshsig(&b, "git");
	read_purpose(builder_view(&b), BYTES_NONE);
	expect("signature for git", "", false);
	put_sshsig(&b, "git; by x");
	read_purpose(builder_view(&b), BYTES_NONE);
	expect("signature for \"git\\x3b by x\"", "", false);
	read_purpose(bytes_str("no such data"), BYTES_NONE);
	expect("unrecognised data", "", false);
	builder_clear(&b);
}

static void the_book_has_its_limit(void **state)
{
	char print[16];

	(void)state;
	for (int i = 0; i < HOSTBOOK_MOST + 1; i++) {
		snprintf(print, sizeof(print), "p%d", i);
		hostbook_note(&book, print, print);
		hostbook_note(&book, print, print);
	}
	assert_null(hostbook_find(&book, "p0"));
	assert_string_equal(hostbook_find(&book, "p1"), "p1");
	assert_string_equal(hostbook_find(&book, "p64"), "p64");
	hostbook_note(&book, "p64", "another name");
	assert_string_equal(hostbook_find(&book, "p64"), "another name");
	hostbook_note(&book, "", "nameless");
	assert_null(hostbook_find(&book, ""));
	assert_null(hostbook_find(NULL, "p64"));
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_login_names_its_host),
	    TEST(only_what_was_proved_is_named),
	    TEST(hops_are_told_in_their_order),
	    TEST(many_hops_are_counted),
	    TEST(other_signatures),
	    TEST(the_book_has_its_limit),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	route_clear(&route);
	return failed;
}
