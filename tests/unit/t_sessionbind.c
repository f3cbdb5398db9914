/* session-bind@openssh.com as OpenSSH's ssh sends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "proto/sessionbind.h"
#include "tests/support/proto_vectors.h"
#include "tests/support/route_seed.h"

static const char *const seeds[] = {"sessionbind/a", "sessionbind/b", "sessionbind/c"};

enum { SEEDS = sizeof(seeds) / sizeof(seeds[0]) };

static void test_what_ssh_sends(void **state)
{
	static const char *const types[] = {
	    "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-ed25519-cert-v01@openssh.com"};

	(void)state;
	for (size_t i = 0; i < SEEDS; i++) {
		struct blob body = route_seed(seeds[i]);
		struct session_bind m;
		struct builder b = {0};
		struct reader r;
		struct bytes type;

		assert_int_equal(session_bind_parse(blob_view(&body), &m), ERR_OK);
		r = reader_of(m.host_key);
		assert_int_equal(reader_string(&r, &type), ERR_OK);
		assert_true(bytes_is(type, types[i]));
		assert_true(m.session.len == 32 || m.session.len == 64);
		assert_false(m.forwarding);
		session_bind_build(&b, &m);
		assert_true(bytes_equal(builder_view(&b), blob_view(&body)));
		builder_clear(&b);
		blob_clear(&body);
	}
}

/* A bind without its last byte is one that other agents take for a local one. */
static void test_cuts_and_surplus(void **state)
{
	(void)state;
	for (size_t i = 0; i < SEEDS; i++) {
		struct blob body = route_seed(seeds[i]);
		struct session_bind m;
		struct builder b = {0};

		for (size_t n = 0; n < body.len; n++) {
			uint8_t *cut = route_cut(blob_view(&body), n);

			assert_int_not_equal(session_bind_parse(BYTES(cut, n), &m), ERR_OK);
			free(cut);
		}
		builder_put(&b, blob_view(&body));
		builder_u8(&b, 0);
		assert_int_equal(session_bind_parse(builder_view(&b), &m), ERR_SURPLUS);
		builder_clear(&b);
		blob_clear(&body);
	}
}

static enum err with(struct bytes host_key, size_t session)
{
	static const uint8_t zeros[LIMIT_SESSION_ID + 1];
	struct session_bind m = {.host_key = host_key, .session = BYTES(zeros, session)}, out;
	struct builder b = {0};
	enum err e;

	session_bind_build(&b, &m);
	e = session_bind_parse(builder_view(&b), &out);
	builder_clear(&b);
	return e;
}

static void test_limits(void **state)
{
	struct bytes key = vector("ed25519.public");

	(void)state;
	assert_int_equal(with(key, 1), ERR_OK);
	assert_int_equal(with(key, LIMIT_SESSION_ID), ERR_OK);
	assert_int_equal(with(key, LIMIT_SESSION_ID + 1), ERR_TOO_LONG);
	assert_int_equal(with(key, 0), ERR_FORMAT);
}

static void test_what_is_no_host(void **state)
{
	(void)state;
	assert_int_not_equal(with(BYTES_NONE, 32), ERR_OK);
	assert_int_equal(with(BYTES("\0\0\0\x01x", 5), 32), ERR_KEY_TYPE);
	assert_int_equal(with(vector("ed25519.cert"), 32), ERR_CERT); /* a user's */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_ssh_sends),
	    cmocka_unit_test(test_cuts_and_surplus),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_what_is_no_host),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_unload);
}
