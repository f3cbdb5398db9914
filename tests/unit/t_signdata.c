/* What sign requests are about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/signdata.h"

/* RFC 4252, section 7, written out. */
#define HEAD  "\0\0\0\x02id\x32\0\0\0\x01u\0\0\0\x0essh-connection"
#define PLAIN "\0\0\0\x09publickey"
#define BOUND "\0\0\0\x23publickey-hostbound-v00@openssh.com"
#define KEY                                                                                        \
	"\0\0\0\x03"                                                                               \
	"alg\0\0\0\x03"                                                                            \
	"key"
#define HOST "\0\0\0\x04host"
/* PROTOCOL.sshsig */
#define SIGNED "SSHSIG\0\0\0\x03git\0\0\0\0\0\0\0\x06sha512\0\0\0\x04hash"

#define READ(text) read_exactly(text, sizeof(text) - 1)

static struct sign_data found;

/* From memory of just this length, for the address sanitizer. */
static enum sign_kind read_exactly(const char *text, size_t n)
{
	static char *copy;

	free(copy);
	copy = malloc(n + 1);
	assert_non_null(copy);
	memcpy(copy + 1, text, n);
	sign_data_read(BYTES(copy + 1, n), &found);
	return found.kind;
}

static void test_login(void **state)
{
	(void)state;
	assert_int_equal(READ(HEAD PLAIN "\x01" KEY), SIGN_LOGIN);
	assert_true(bytes_is(found.login.session, "id"));
	assert_true(bytes_is(found.login.user, "u"));
	assert_true(bytes_is(found.login.service, "ssh-connection"));
	assert_true(bytes_is(found.login.method, "publickey"));
	assert_true(bytes_is(found.login.algorithm, "alg"));
	assert_true(bytes_is(found.login.key, "key"));
	assert_int_equal(found.login.host_key.len, 0);
}

static void test_hostbound(void **state)
{
	(void)state;
	assert_int_equal(READ(HEAD BOUND "\x01" KEY HOST), SIGN_LOGIN);
	assert_true(bytes_is(found.login.host_key, "host"));
	assert_int_equal(READ(HEAD BOUND "\x01" KEY), SIGN_UNKNOWN);
	assert_int_equal(READ(HEAD BOUND "\x01" KEY "\0\0\0\0"), SIGN_UNKNOWN);
	assert_int_equal(READ(HEAD PLAIN "\x01" KEY HOST), SIGN_UNKNOWN);
}

static void test_near_logins(void **state)
{
	(void)state;
	assert_int_equal(READ(HEAD PLAIN "\0" KEY), SIGN_UNKNOWN); /* a question, no login */
	assert_int_equal(READ(HEAD "\0\0\0\x04none\x01" KEY), SIGN_UNKNOWN);
	assert_int_equal(READ("\0\0\0\0" HEAD PLAIN "\x01" KEY), SIGN_UNKNOWN);
	assert_int_equal(READ(HEAD PLAIN "\x01" KEY "\0"), SIGN_UNKNOWN);
	assert_int_equal(
	    READ("\0\0\0\x02id\x33\0\0\0\x01u\0\0\0\x0essh-connection" PLAIN "\x01" KEY),
	    SIGN_UNKNOWN);
}

static void test_sshsig(void **state)
{
	(void)state;
	assert_int_equal(READ(SIGNED), SIGN_SSHSIG);
	assert_true(bytes_is(found.sshsig.name_space, "git"));
	assert_true(bytes_is(found.sshsig.hash, "sha512"));
	assert_int_equal(READ(SIGNED "x"), SIGN_UNKNOWN);
	assert_int_equal(READ("SSHSIG\0\0\0\0\0\0\0\0\0\0\0\x01h\0\0\0\x01h"), SIGN_UNKNOWN);
}

static void test_no_cut_is_recognised(void **state)
{
	static const char login[] = HEAD BOUND "\x01" KEY HOST;
	static const char sshsig[] = SIGNED;

	(void)state;
	for (size_t n = 0; n + 1 < sizeof(login); n++)
		assert_int_equal(read_exactly(login, n), SIGN_UNKNOWN);
	for (size_t n = 0; n + 1 < sizeof(sshsig); n++)
		assert_int_equal(read_exactly(sshsig, n), SIGN_UNKNOWN);
	assert_int_equal(found.login.session.len, 0);
	(void)read_exactly("", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_login),
	    cmocka_unit_test(test_hostbound),
	    cmocka_unit_test(test_near_logins),
	    cmocka_unit_test(test_sshsig),
	    cmocka_unit_test(test_no_cut_is_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
