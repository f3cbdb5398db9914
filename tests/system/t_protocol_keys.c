/*
 * Each key type through the agent: what is added is listed, signs, and openssl finds the signature
 * right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/base_test.h"
#include "tests/support/probe_scene.h"

enum { FLAG_SHA2_256 = 2, FLAG_SHA2_512 = 4 };

static struct wire data_of(size_t n)
{
	struct wire w = {0};

	for (size_t i = 0; i < n; i++)
		wire_u8(&w, (uint8_t)(i * 7 + n));
	return w;
}

static void add_as(const struct test_key *key, const char *comment)
{
	struct wire w = ask_add(key, comment);

	probe_expect(client, &w, MSG_SUCCESS);
}

static void remove_one(const struct wire *blob)
{
	struct wire w = ask_string(MSG_REMOVE, blob->data, blob->len);

	probe_expect(client, &w, MSG_SUCCESS);
}

/* Sign with the key called blob; signer is the pair whose public half the signature must fit. */
static void expect_signature(
    const struct wire *blob, const struct test_key *signer, const char *algorithm, uint32_t flags)
{
	const size_t sizes[] = {0, 1, 333, 70000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		/* openssl has no way to read an empty file to sign. */
		if (sizes[i] == 0) {
			struct wire none = {0}, signature = probe_sign(client, blob, &none, flags);
			wire_free(&signature);
			continue;
		}
		struct wire data = data_of(sizes[i]),
			    signature = probe_sign(client, blob, &data, flags);
		assert_true(signature_is_good(signer, algorithm, &data, &signature));
		wire_free(&signature);
		wire_free(&data);
	}
}

/* Add, list, sign, remove. */
static void whole_life(const char *what, const char *algorithm, uint32_t flags)
{
	const struct test_key *key = test_key(what, "life");

	add_as(key, what);
	assert_true(probe_holds(client, &key->blob));
	expect_signature(&key->blob, key, algorithm, flags);
	remove_one(&key->blob);
	assert_int_equal(probe_count(client), 0);
}

static void test_ed25519(void **state)
{
	(void)state;
	whole_life("ed25519", "ssh-ed25519", 0);
}

static void test_ed448(void **state)
{
	(void)state;
	whole_life("ed448", "ssh-ed448", 0);
}

static void test_ecdsa_on_each_curve(void **state)
{
	(void)state;
	whole_life("ecdsa256", "ecdsa-sha2-nistp256", 0);
	whole_life("ecdsa384", "ecdsa-sha2-nistp384", 0);
	whole_life("ecdsa521", "ecdsa-sha2-nistp521", 0);
}

static void test_rsa_with_each_hash(void **state)
{
	(void)state;
	whole_life("rsa2048", "rsa-sha2-256", FLAG_SHA2_256);
	whole_life("rsa2048", "rsa-sha2-512", FLAG_SHA2_512);
	whole_life("rsa2048", "ssh-rsa", 0);
}

static void test_rsa_of_the_shortest_and_of_odd_lengths(void **state)
{
	(void)state;
	whole_life("rsa1024", "rsa-sha2-256", FLAG_SHA2_256);
	whole_life("rsa1025", "rsa-sha2-512", FLAG_SHA2_512);
	whole_life("rsa2047", "rsa-sha2-256", FLAG_SHA2_256);
}

/* A certificate is a key of its own: listed as such, and signing with the plain algorithm's name.
 */
static void certified_life(const char *what, const char *algorithm, uint32_t flags)
{
	const struct test_key *key = test_key(what, "certified"), *ca = test_key("ed25519", "ca");
	const struct test_key *certified = test_key_certified(key, ca);

	add_as(certified, "with certificate");
	assert_true(probe_holds(client, &certified->blob));
	assert_false(probe_holds(client, &key->blob));
	expect_signature(&certified->blob, key, algorithm, flags);
	add_as(key, "without");
	assert_int_equal(probe_count(client), 2);
	remove_one(&key->blob);
	expect_signature(&certified->blob, key, algorithm, flags);
	remove_one(&certified->blob);
	assert_int_equal(probe_count(client), 0);
}

static void test_certificate_of_each_type(void **state)
{
	(void)state;
	certified_life("ed25519", "ssh-ed25519", 0);
	certified_life("ecdsa256", "ecdsa-sha2-nistp256", 0);
	certified_life("ecdsa384", "ecdsa-sha2-nistp384", 0);
	certified_life("ecdsa521", "ecdsa-sha2-nistp521", 0);
	certified_life("rsa2048", "rsa-sha2-256", FLAG_SHA2_256);
	certified_life("rsa2048", "rsa-sha2-512", FLAG_SHA2_512);
}

/* Adding a key again is no second key, and the new comment is the one listed. */
static void test_adding_again_replaces_the_comment(void **state)
{
	const struct test_key *key = test_key("ed25519", "life");
	struct wire want = ask_plain(MSG_KEYS), ask = ask_plain(MSG_LIST);

	(void)state;
	add_as(key, "first");
	add_as(key, "second");
	struct wire reply = probe_ask(client, &ask);
	wire_u32(&want, 1);
	wire_string(&want, key->blob.data, key->blob.len);
	wire_text(&want, "second");
	assert_true(wire_equal(&reply, &want));
	wire_free(&reply);
	wire_free(&want);
}

static void test_empty_comment(void **state)
{
	(void)state;
	add_as(test_key("ed25519", "life"), "");
	probe_expect_works(client, &test_key("ed25519", "life")->blob);
}

/* Keys are listed in the order in which they came. */
static void test_list_is_in_the_order_of_adding(void **state)
{
	const char *const whats[] = {"rsa2048", "ed25519", "ecdsa256"};
	struct wire ask = ask_plain(MSG_LIST);
	size_t pos = 1;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		add_as(test_key(whats[i], "life"), whats[i]);
	struct wire reply = probe_ask(client, &ask);
	assert_int_equal(wire_get_u32(&reply, &pos), 3);
	for (size_t i = 0; i < 3; i++) {
		wire_get_string(&reply, &pos);
		struct wire comment = wire_get_string(&reply, &pos);
		assert_true(wire_is_text(&comment, whats[i]));
	}
	wire_free(&reply);
}

/* ssh-keygen's own check of an SSHSIG signature (OpenSSH's PROTOCOL.sshsig) made through the raw
 * protocol. */
static void expect_sshsig(const char *what, uint32_t flags)
{
	const struct test_key *key = test_key(what, "life");
	struct wire to_sign = {0}, armoured = {0};
	char path[128];
	const char *dir = keys_folder();

	shell("printf 'the message' >%s/message; openssl dgst -sha512 -binary %s/message >%s/hash",
	    dir, dir, dir);
	snprintf(path, sizeof(path), "%s/hash", dir);
	struct wire hash = file_read(path);
	wire_raw(&to_sign, "SSHSIG", 6);
	wire_text(&to_sign, "a-test");
	wire_text(&to_sign, "");
	wire_text(&to_sign, "sha512");
	wire_string(&to_sign, hash.data, hash.len);
	add_as(key, "signer");
	struct wire signature = probe_sign(client, &key->blob, &to_sign, flags);
	wire_raw(&armoured, "SSHSIG\0\0\0\1", 10);
	wire_string(&armoured, key->blob.data, key->blob.len);
	wire_text(&armoured, "a-test");
	wire_text(&armoured, "");
	wire_text(&armoured, "sha512");
	wire_string(&armoured, signature.data, signature.len);
	snprintf(path, sizeof(path), "%s/sig.bin", dir);
	file_write(path, &armoured);
	shell("(echo '-----BEGIN SSH SIGNATURE-----'; openssl base64 -in %s;"
	      " echo '-----END SSH SIGNATURE-----') >%s/message.sig",
	    path, dir);
	shell("chmod 600 %s; echo \"me $(ssh-keygen -y -f %s)\" >%s/signers", key->path, key->path,
	    dir);
	assert_int_equal(
	    shell_status("ssh-keygen -Y verify -f %s/signers -I me -n a-test -s %s/message.sig"
			 " <%s/message >/dev/null 2>&1",
		dir, dir, dir),
	    0);
	assert_int_not_equal(
	    shell_status("echo other | ssh-keygen -Y verify -f %s/signers -I me -n a-test"
			 " -s %s/message.sig >/dev/null 2>&1",
		dir, dir),
	    0);
	wire_free(&hash);
	wire_free(&to_sign);
	wire_free(&armoured);
	wire_free(&signature);
}

static void test_ssh_keygen_verifies_our_signatures(void **state)
{
	(void)state;
	expect_sshsig("ed25519", 0);
	expect_sshsig("ecdsa256", 0);
	expect_sshsig("ecdsa384", 0);
	expect_sshsig("ecdsa521", 0);
	expect_sshsig("rsa2048", FLAG_SHA2_256);
	expect_sshsig("rsa2048", FLAG_SHA2_512);
}

/* Turned off, SHA-1 is refused, and nothing else. */
static void test_no_rsa_sha1(void **state)
{
	const char *const arguments[] = {"--no-rsa-sha1", NULL};
	const struct test_key *key = test_key("rsa2048", "life");
	struct probe other;
	struct wire data = data_of(20), ask = ask_add(key, "no SHA-1");

	(void)state;
	probe_start(&other, &(struct probe_options){.arguments = arguments});
	int fd = probe_dial(&other);
	probe_expect(fd, &ask, MSG_SUCCESS);
	ask = ask_sign(&key->blob, &data, 0);
	probe_expect(fd, &ask, MSG_FAILURE);
	struct wire signature = probe_sign(fd, &key->blob, &data, FLAG_SHA2_256);
	assert_true(signature_is_good(key, "rsa-sha2-256", &data, &signature));
	wire_free(&signature);
	wire_free(&data);
	close(fd);
	probe_end(&other);
}

/* DSA is refused, unless it was asked for. */
static void test_dsa_only_when_asked_for(void **state)
{
	if (system("ssh -Q key | grep -qx ssh-dss") != 0)
		base_skip("this version of OpenSSH makes no DSA keys");

	const char *const arguments[] = {"--allow-dss", NULL};
	const struct test_key *key = test_key("dsa", "life");
	struct probe other;
	struct wire data = data_of(20), ask = ask_add(key, "DSA");

	(void)state;
	probe_expect(client, &ask, MSG_FAILURE);
	assert_int_equal(probe_count(client), 0);
	probe_start(&other, &(struct probe_options){.arguments = arguments});
	int fd = probe_dial(&other);
	ask = ask_add(key, "DSA");
	probe_expect(fd, &ask, MSG_SUCCESS);
	struct wire signature = probe_sign(fd, &key->blob, &data, 0);
	assert_true(signature_is_good(key, "ssh-dss", &data, &signature));
	wire_free(&signature);
	wire_free(&data);
	close(fd);
	probe_end(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_and_empty, hang_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_ed25519),
	    TEST(test_ed448),
	    TEST(test_ecdsa_on_each_curve),
	    TEST(test_rsa_with_each_hash),
	    TEST(test_rsa_of_the_shortest_and_of_odd_lengths),
	    TEST(test_certificate_of_each_type),
	    TEST(test_adding_again_replaces_the_comment),
	    TEST(test_empty_comment),
	    TEST(test_list_is_in_the_order_of_adding),
	    TEST(test_ssh_keygen_verifies_our_signatures),
	    TEST(test_no_rsa_sha1),
	    TEST(test_dsa_only_when_asked_for),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
