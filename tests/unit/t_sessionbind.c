/* Session binds that OpenSSH's ssh sent while it logged in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/agentmsg.h"
#include "proto/limits.h"
#include "proto/sessionbind.h"
#include "tests/support/proto_vectors.h"

static struct bytes bind_body(const char *name)
{
	struct msg_extension m;

	assert_int_equal(msg_extension_parse(body_of(vector(name)), &m), ERR_OK);
	assert_true(bytes_is(m.name, "session-bind@openssh.com"));
	return m.body;
}

static enum err parse(struct bytes body)
{
	struct session_bind m;

	return session_bind_parse(body, &m);
}

static void check(const char *name, const char *host_key, bool forwarding)
{
	struct bytes body = bind_body(name);
	struct session_bind m;
	struct builder b = {0};

	assert_int_equal(session_bind_parse(body, &m), ERR_OK);
	assert_bytes(m.host_key, vector(host_key));
	assert_true(m.session.len == 32 || m.session.len == 64); /* SHA-256 or SHA-512 */
	assert_true(m.forwarding == forwarding);
	session_bind_build(&b, &m);
	assert_bytes(builder_view(&b), body);
	builder_clear(&b);
	assert_exact(body, parse);
}

static void test_captured(void **state)
{
	(void)state;
	check("login.bind", "alpha.blob", false);
	check("login-rsa.bind", "alpha.blob", false);
	check("login-cert.bind", "alpha.cert", false);
	check("forward.bind", "alpha.blob", true);
}

/* What the session identifier is, the login's data has too. */
static void test_session_of_the_login(void **state)
{
	struct reader r = reader_of(vector("login.signed"));
	struct session_bind m;
	struct bytes session;

	(void)state;
	assert_int_equal(session_bind_parse(bind_body("login.bind"), &m), ERR_OK);
	assert_int_equal(reader_string(&r, &session), ERR_OK);
	assert_bytes(m.session, session);
}

static enum err parse_with(struct bytes host_key, size_t session_len)
{
	static const uint8_t zeros[LIMIT_SESSION_ID + 1];
	struct builder b = {0};
	enum err e;

	builder_string(&b, host_key);
	builder_string(&b, BYTES(zeros, session_len));
	builder_cstring(&b, "signature");
	builder_u8(&b, 0);
	e = parse(builder_view(&b));
	builder_clear(&b);
	return e;
}

static void test_limits_and_keys(void **state)
{
	struct bytes key = vector("alpha.blob");

	(void)state;
	assert_int_equal(parse_with(key, 0), ERR_FORMAT);
	assert_int_equal(parse_with(key, 1), ERR_OK);
	assert_int_equal(parse_with(key, LIMIT_SESSION_ID), ERR_OK);
	assert_int_equal(parse_with(key, LIMIT_SESSION_ID + 1), ERR_TOO_LONG);
	assert_int_equal(parse_with(vector("alpha.cert"), 32), ERR_OK);
	assert_int_equal(parse_with(vector("ed25519.cert"), 32), ERR_CERT); /* a user's */
	assert_int_not_equal(parse_with(BYTES_NONE, 32), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_captured),
	    cmocka_unit_test(test_session_of_the_login),
	    cmocka_unit_test(test_limits_and_keys),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_unload);
}
