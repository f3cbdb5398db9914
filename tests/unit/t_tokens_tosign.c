/* What tokens are given to sign, against what openssl signs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/keys_ssh.h"
#include "tokens/base/pubkey.h"

static struct keys_dir dir; /* cmocka's group setup has no other way to hand it on */

static struct bytes file(const char *name, struct builder *b)
{
	builder_reset(b);
	keys_read_file(&dir, name, b);
	return builder_view(b);
}

static const struct keytype *type_named(const char *name)
{
	bool is_cert;

	return keytype_find(bytes_str(name), &is_cert);
}

/* openssl signs, and shows what it raised to a power: without padding, and with it. */
static void rsa_signs_what_openssl_does(void **state)
{
	static const char *const table[][2] = {
	    {"ssh-rsa", "sha1"}, {"rsa-sha2-256", "sha256"}, {"rsa-sha2-512", "sha512"}};
	struct bytes data = bytes_str("to be signed");
	struct blob info = {0}, padded = {0};
	struct builder b[2] = {{0}};

	(void)state;
	assert_true(keys_run("printf 'to be signed' >'%s/data'", dir.path));
	for (size_t i = 0; i < 3; i++) {
		assert_true(keys_run(
		    "cd '%s' && openssl dgst -%s -sign rsa2048.pem -out sig data && "
		    "openssl pkeyutl -verifyrecover -inkey rsa2048.pem -in sig -pkeyopt "
		    "rsa_padding_mode:pkcs1 -out info && openssl pkeyutl -verifyrecover -inkey "
		    "rsa2048.pem -in sig -pkeyopt rsa_padding_mode:none -out padded",
		    dir.path, table[i][1]));
		assert_int_equal(
		    tosign(type_named("ssh-rsa"), bytes_str(table[i][0]), data, &info), ERR_OK);
		assert_true(bytes_equal(blob_view(&info), file("info", &b[0])));
		assert_int_equal(tosign_pad(blob_view(&info), 256, &padded), ERR_OK);
		assert_int_equal(file("padded", &b[1]).len, 256);
		assert_true(bytes_equal(blob_view(&padded), file("padded", &b[1])));
		/* Into itself, as a caller may. */
		assert_int_equal(tosign_pad(blob_view(&info), 256, &info), ERR_OK);
		assert_true(bytes_equal(blob_view(&info), blob_view(&padded)));
	}
	blob_clear(&padded);
	blob_clear(&info);
	builder_clear(&b[0]);
	builder_clear(&b[1]);
}

static void curves_sign_digests_or_data(void **state)
{
	static const char *const table[][2] = {{"ecdsa-sha2-nistp256", "sha256"},
	    {"ecdsa-sha2-nistp384", "sha384"}, {"ecdsa-sha2-nistp521", "sha512"}};
	struct bytes data = bytes_str("to be signed");
	struct blob got = {0};
	struct builder b[1] = {{0}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(keys_run("cd '%s' && printf 'to be signed' | openssl dgst -%s -binary "
				     "-out digest",
		    dir.path, table[i][1]));
		assert_int_equal(
		    tosign(type_named(table[i][0]), bytes_str(table[i][0]), data, &got), ERR_OK);
		assert_true(bytes_equal(blob_view(&got), file("digest", &b[0])));
	}
	assert_int_equal(
	    tosign(type_named("ssh-ed25519"), bytes_str("ssh-ed25519"), data, &got), ERR_OK);
	assert_true(bytes_equal(blob_view(&got), data));
	assert_int_equal(
	    tosign(type_named("ssh-ed25519"), bytes_str("ssh-ed25519"), BYTES_NONE, &got), ERR_OK);
	assert_int_equal(got.len, 0);
	blob_clear(&got);
	builder_clear(&b[0]);
}

static void algorithms_of_other_types_are_refused(void **state)
{
	static const char *const table[][2] = {{"ssh-rsa", "ssh-ed25519"},
	    {"ssh-rsa", "rsa-sha2-256-cert-v01@openssh.com"}, {"ssh-rsa", ""},
	    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"}, {"ecdsa-sha2-nistp256", "rsa-sha2-256"},
	    {"ssh-ed25519", "ssh-rsa"}, {"ssh-dss", "ssh-dss"}, {"ssh-ed448", "ssh-ed448"},
	    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com"}};
	struct blob got = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (tosign(type_named(table[i][0]), bytes_str(table[i][1]), BYTES_NONE, &got) !=
		    ERR_UNSUPPORTED)
			fail_msg("%s signs %s", table[i][0], table[i][1]);
	}
	assert_null(got.data);
}

/* RFC 8017, section 9.2, step 3: at least eight bytes of padding. */
static void padding_needs_room(void **state)
{
	struct bytes info = BYTES("0123456789", 10);
	struct blob got = {0};

	(void)state;
	assert_int_equal(tosign_pad(info, 20, &got), ERR_FORMAT);
	assert_int_equal(tosign_pad(info, 10, &got), ERR_FORMAT);
	assert_int_equal(tosign_pad(BYTES_NONE, 0, &got), ERR_FORMAT);
	assert_null(got.data);
	assert_int_equal(tosign_pad(info, 21, &got), ERR_OK);
	assert_int_equal(got.len, 21);
	assert_memory_equal(got.data,
	    "\0\1\xff\xff\xff\xff\xff\xff\xff\xff\0"
	    "0123456789",
	    21);
	blob_clear(&got);
}

static int make_key(void **state)
{
	(void)state;
	keys_dir_make(&dir);
	assert_true(keys_run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "
			     "'%s/rsa2048.pem' 2>/dev/null",
	    dir.path));
	return 0;
}

static int remove_key(void **state)
{
	(void)state;
	keys_dir_remove(&dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rsa_signs_what_openssl_does),
	    cmocka_unit_test(curves_sign_digests_or_data),
	    cmocka_unit_test(algorithms_of_other_types_are_refused),
	    cmocka_unit_test(padding_needs_room),
	};

	return cmocka_run_group_tests(tests, make_key, remove_key);
}
