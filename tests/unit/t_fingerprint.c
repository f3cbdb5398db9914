/* Fingerprints against what ssh-keygen -l prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "keystore/crypto.h"
#include "keystore/fingerprint.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir; /* cmocka's group setup has no other way to hand it on */

static const char *const hashes[] = {"sha256", "md5", "sha1", "sha384", "sha512"};

/* "256 SHA256:... comment (ED25519)": the second word. */
static void ssh_keygen_says(const char *name, const char *hash, char *text)
{
	struct builder out = {0};
	char *start, *end;

	assert_true(
	    keys_run("ssh-keygen -l -E %s -f %s/%s >%s/said", hash, dir.path, name, dir.path));
	keys_read_file(&dir, "said", &out);
	builder_u8(&out, 0);
	start = strchr((char *)out.data, ' ') + 1;
	end = strchr(start, ' ');
	assert_true(end - start < FINGERPRINT_ROOM);
	memcpy(text, start, (size_t)(end - start));
	text[end - start] = '\0';
	builder_clear(&out);
}

static void assert_as_ssh_keygen(const char *name)
{
	struct builder blob = {0};

	keys_load_public(&dir, name, &blob);
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		enum fingerprint_hash hash;
		char ours[FINGERPRINT_ROOM], theirs[FINGERPRINT_ROOM];

		assert_true(fingerprint_hash_find(hashes[i], &hash));
		assert_int_equal(fingerprint(builder_view(&blob), hash, ours), ERR_OK);
		ssh_keygen_says(name, hashes[i], theirs);
		assert_string_equal(ours, theirs);
	}
	builder_clear(&blob);
}

static void keys_as_ssh_keygen_prints_them(void **state)
{
	static const char *const kinds[] = {"-t ed25519", "-t ecdsa -b 521", "-t rsa -b 2048"};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct builder wire = {0};
		char name[16];

		snprintf(name, sizeof(name), "k%zu", i);
		keys_generate(&dir, name, kinds[i], &wire);
		strcat(name, ".pub");
		assert_as_ssh_keygen(name);
		builder_clear(&wire);
	}
}

/* A certificate has the fingerprint of the key in it. */
static void certificates_as_ssh_keygen_prints_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char name[32];

		assert_true(
		    keys_run("ssh-keygen -q -s %s/k0 -I id %s/k%zu.pub", dir.path, dir.path, i));
		snprintf(name, sizeof(name), "k%zu-cert.pub", i);
		assert_as_ssh_keygen(name);
	}
}

/* Another agent may hold types that we have never heard of: SHA-256 of "" is a known answer. */
static void any_blob_has_a_fingerprint(void **state)
{
	char text[FINGERPRINT_ROOM];

	(void)state;
	assert_int_equal(fingerprint(BYTES_NONE, FINGERPRINT_SHA256, text), ERR_OK);
	assert_string_equal(text, "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
	assert_int_equal(fingerprint(BYTES_NONE, FINGERPRINT_MD5, text), ERR_OK);
	assert_string_equal(text, "MD5:d4:1d:8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e");
}

static void a_broken_certificate_has_none(void **state)
{
	struct builder blob = {0};
	char text[FINGERPRINT_ROOM] = "untouched";

	(void)state;
	builder_cstring(&blob, "ssh-ed25519-cert-v01@openssh.com");
	builder_cstring(&blob, "nonce");
	assert_int_not_equal(fingerprint(builder_view(&blob), FINGERPRINT_SHA256, text), ERR_OK);
	assert_string_equal(text, "untouched");
	builder_clear(&blob);
}

static void hash_names(void **state)
{
	enum fingerprint_hash hash = FINGERPRINT_MD5;

	(void)state;
	assert_true(fingerprint_hash_find("Sha256", &hash));
	assert_int_equal(hash, FINGERPRINT_SHA256);
	assert_true(fingerprint_hash_find("MD5", &hash));
	assert_int_equal(hash, FINGERPRINT_MD5);
	assert_true(fingerprint_hash_find("SHA512", &hash));
	assert_int_equal(hash, FINGERPRINT_SHA512);
	assert_false(fingerprint_hash_find("sha2", &hash));
	assert_false(fingerprint_hash_find("", &hash));
	assert_int_equal(hash, FINGERPRINT_SHA512);
}

static int setup(void **state)
{
	(void)state;
	crypto_clean_environment();
	keys_dir_make(&dir);
	return crypto_start() == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	keys_dir_remove(&dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_as_ssh_keygen_prints_them),
	    cmocka_unit_test(certificates_as_ssh_keygen_prints_them),
	    cmocka_unit_test(any_blob_has_a_fingerprint),
	    cmocka_unit_test(a_broken_certificate_has_none),
	    cmocka_unit_test(hash_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
