/* What OpenSSH's ssh and ssh-keygen -Y sign asked an agent to sign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/builder.h"
#include "proto/signdata.h"
#include "tests/support/proto_vectors.h"

static enum err parse(struct bytes data)
{
	struct sign_data d;

	sign_data_read(data, &d);
	return d.kind == SIGN_UNKNOWN ? ERR_FORMAT : ERR_OK;
}

/* host_key NULL: a login that does not name it. */
static void check_login(
    const char *name, const char *algorithm, const char *key, const char *host_key)
{
	struct sign_data d;

	sign_data_read(vector(name), &d);
	assert_int_equal(d.kind, SIGN_LOGIN);
	assert_true(d.login.session.len == 32 || d.login.session.len == 64);
	assert_true(bytes_is(d.login.user, "root"));
	assert_true(bytes_is(d.login.service, "ssh-connection"));
	assert_true(bytes_is(d.login.method,
	    host_key != NULL ? "publickey-hostbound-v00@openssh.com" : "publickey"));
	assert_true(bytes_is(d.login.algorithm, algorithm));
	assert_bytes(d.login.key, vector(key));
	assert_bytes(d.login.host_key, host_key != NULL ? vector(host_key) : BYTES_NONE);
	assert_exact(vector(name), parse);
}

static void test_logins(void **state)
{
	(void)state;
	check_login("login.signed", "ssh-ed25519", "user.blob", "alpha.blob");
	check_login("login-rsa.signed", "rsa-sha2-512", "user-rsa.blob", "alpha.blob");
	check_login("login-cert.signed", "ssh-ed25519", "user.blob", "alpha.cert");
	check_login("login-unbound.signed", "ssh-ed25519", "user.blob", NULL);
}

static void test_sshsig(void **state)
{
	struct sign_data d;

	(void)state;
	sign_data_read(vector("sshsig.signed"), &d);
	assert_int_equal(d.kind, SIGN_SSHSIG);
	assert_true(bytes_is(d.sshsig.name_space, "git"));
	assert_true(bytes_is(d.sshsig.hash, "sha512"));
	assert_exact(vector("sshsig.signed"), parse);
}

struct login {
	uint8_t number;
	const char *method;
	uint8_t has_signature;
	const char *host_key;
	enum err want;
};

static enum err parse_login(const struct login *l)
{
	struct builder b = {0};
	enum err e;

	builder_cstring(&b, "session");
	builder_u8(&b, l->number);
	builder_cstring(&b, "root");
	builder_cstring(&b, "ssh-connection");
	builder_cstring(&b, l->method);
	builder_u8(&b, l->has_signature);
	builder_cstring(&b, "ssh-ed25519");
	builder_string(&b, vector("user.blob"));
	if (l->host_key != NULL)
		builder_string(&b, vector(l->host_key));
	e = parse(builder_view(&b));
	builder_clear(&b);
	return e;
}

static void test_forged_logins(void **state)
{
	static const struct login rows[] = {
	    {50, "publickey", 1, NULL, ERR_OK},
	    {50, "publickey-hostbound-v00@openssh.com", 1, "alpha.blob", ERR_OK},
	    {51, "publickey", 1, NULL, ERR_FORMAT},
	    {50, "publickey", 0, NULL, ERR_FORMAT},
	    {50, "publickey", 1, "alpha.blob", ERR_FORMAT},
	    {50, "password", 1, NULL, ERR_FORMAT},
	    {50, "publickey-hostbound-v00@openssh.com", 1, NULL, ERR_FORMAT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(parse_login(&rows[i]), rows[i].want);
}

static void test_unknown_is_empty(void **state)
{
	struct sign_data d;

	(void)state;
	sign_data_read(bytes_str("SSHSIG and then words"), &d);
	assert_int_equal(d.kind, SIGN_UNKNOWN);
	assert_int_equal(d.login.user.len + d.login.host_key.len, 0);
	assert_int_equal(parse(BYTES_NONE), ERR_FORMAT);
}

static enum err parse_session(const char *session, const char *service, const char *host_key)
{
	struct builder b = {0};
	enum err e;

	builder_cstring(&b, session);
	builder_u8(&b, 50);
	builder_cstring(&b, "root");
	builder_cstring(&b, service);
	builder_cstring(&b, "publickey-hostbound-v00@openssh.com");
	builder_u8(&b, 1);
	builder_cstring(&b, "ssh-ed25519");
	builder_cstring(&b, "key");
	builder_cstring(&b, host_key);
	e = parse(builder_view(&b));
	builder_clear(&b);
	return e;
}

static void test_empty_fields_of_a_login(void **state)
{
	(void)state;
	assert_int_equal(parse_session("s", "ssh-connection", "h"), ERR_OK);
	assert_int_equal(parse_session("", "ssh-connection", "h"), ERR_FORMAT);
	assert_int_equal(parse_session("s", "ssh-userauth", "h"), ERR_FORMAT);
	assert_int_equal(parse_session("s", "ssh-connection", ""), ERR_FORMAT);
}

static enum err parse_sshsig(const char *magic, const char *name_space, const char *hash)
{
	struct builder b = {0};
	enum err e;

	builder_put(&b, bytes_str(magic));
	builder_cstring(&b, name_space);
	builder_cstring(&b, "");
	builder_cstring(&b, hash);
	builder_cstring(&b, "digest");
	e = parse(builder_view(&b));
	builder_clear(&b);
	return e;
}

static void test_forged_sshsigs(void **state)
{
	(void)state;
	assert_int_equal(parse_sshsig("SSHSIG", "git", "sha256"), ERR_OK);
	assert_int_equal(parse_sshsig("SSHSIH", "git", "sha256"), ERR_FORMAT);
	assert_int_equal(parse_sshsig("SSHSIG", "", "sha256"), ERR_FORMAT);
	assert_int_equal(parse_sshsig("SSHSIG", "git", "md5"), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_logins),
	    cmocka_unit_test(test_sshsig),
	    cmocka_unit_test(test_forged_logins),
	    cmocka_unit_test(test_unknown_is_empty),
	    cmocka_unit_test(test_empty_fields_of_a_login),
	    cmocka_unit_test(test_forged_sshsigs),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_unload);
}
