/*
 * RSA is blinded: the first signature of a key draws a random number below its modulus, by which
 * what is signed is multiplied (libcrypto's BN_BLINDING), and from time to time another.  PKCS #1
 * v1.5 itself needs none, so whoever draws none does not blind; which is seen of a key whose
 * blinding is turned off.
 */
/* libcrypto offers neither to count random numbers nor to turn blinding off without these. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "keystore/crypto.h"
#include "tests/support/keys_ssh.h"

enum { MODULUS = 256 };

/* How many numbers of a modulus's size were drawn. */
static unsigned drawn;

static int count_bytes(unsigned char *out, int n)
{
	drawn += n >= MODULUS - 1 && n <= MODULUS + 1;
	return RAND_OpenSSL()->bytes(out, n);
}

static int always_ready(void)
{
	return 1;
}

static void start_counting(void)
{
	static RAND_METHOD counting = {
	    .bytes = count_bytes, .pseudorand = count_bytes, .status = always_ready};

	assert_int_equal(RAND_set_rand_method(&counting), 1);
	drawn = 0;
}

static unsigned stop_counting(void)
{
	assert_int_equal(RAND_set_rand_method(RAND_OpenSSL()), 1);
	return drawn;
}

static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
    0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};

/* One signature with libcrypto's own object; what it drew. */
static unsigned drawn_by_libcrypto(bool blinding)
{
	uint8_t signature[MODULUS];
	BIGNUM *e = BN_new();
	RSA *rsa = RSA_new();
	unsigned n;

	assert_true(e != NULL && rsa != NULL);
	assert_true(BN_set_word(e, RSA_F4) == 1);
	assert_true(RSA_generate_key_ex(rsa, MODULUS * 8, e, NULL) == 1);
	if (!blinding)
		RSA_blinding_off(rsa);
	start_counting();
	assert_int_equal(RSA_private_encrypt(
			     sizeof(digest_info), digest_info, signature, rsa, RSA_PKCS1_PADDING),
	    MODULUS);
	n = stop_counting();
	RSA_free(rsa);
	BN_free(e);
	return n;
}

static void test_what_is_counted_is_blinding(void **state)
{
	(void)state;
	assert_int_equal(drawn_by_libcrypto(false), 0);
	assert_true(drawn_by_libcrypto(true) >= 1);
}

static struct key *rsa_key(void)
{
	struct keys_dir dir;
	struct builder wire = {0};
	struct key *key;

	keys_dir_make(&dir);
	keys_generate(&dir, "rsa", "-t rsa -b 2048", &wire);
	key = keys_import(&wire);
	keys_dir_remove(&dir);
	builder_clear(&wire);
	return key;
}

/* Sign so often; how many numbers were drawn. */
static unsigned drawn_by(struct key *key, unsigned times)
{
	const struct sigalg *alg;
	struct builder signature = {0};

	assert_int_equal(sigalg_choose(key_type(key), 2, &alg), ERR_OK);
	start_counting();
	for (unsigned i = 0; i < times; i++) {
		builder_reset(&signature);
		assert_int_equal(key_sign(key, alg, bytes_str("data"), &signature), ERR_OK);
	}
	builder_clear(&signature);
	return stop_counting();
}

static void test_our_keys_blind(void **state)
{
	struct key *key = rsa_key();
	struct key *other = rsa_key();

	(void)state;
	assert_true(drawn_by(key, 1) >= 1);
	assert_true(drawn_by(other, 1) >= 1);
	/* libcrypto squares the number 32 times, and then draws another. */
	assert_true(drawn_by(key, 40) >= 1);
	key_unref(key);
	key_unref(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_counted_is_blinding),
	    cmocka_unit_test(test_our_keys_blind),
	};

	if (crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
