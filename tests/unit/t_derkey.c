/* DER, and the private keys in it, put together byte by byte: what openssl writes is in
 * t_keyfile.c. */
#include "tests/support/base_test.h"
#include "tests/support/keyfile_edit.h"

#include <string.h>

#include <openssl/evp.h>

#include "keystore/crypto.h"
#include "keystore/file/derkey.h"

#define P256 "\x2a\x86\x48\xce\x3d\x03\x01\x07"

/* One element; its length in up to two bytes. */
static void put(struct builder *b, enum der_tag tag, struct bytes content)
{
	builder_u8(b, (uint8_t)tag);
	if (content.len >= 0x80) {
		builder_u8(b, 0x82);
		builder_u8(b, (uint8_t)(content.len >> 8));
	}
	builder_u8(b, (uint8_t)content.len);
	builder_put(b, content);
}

static void put_number(struct builder *b, uint8_t n)
{
	put(b, DER_INTEGER, BYTES(&n, 1));
}

/* The element becomes the content of another. */
static void wrap(struct builder *b, enum der_tag tag)
{
	struct blob content = {0};

	assert_int_equal(builder_take(b, &content), ERR_OK);
	put(b, tag, blob_view(&content));
	assert_int_equal(builder_error(b), ERR_OK);
	blob_clear(&content);
}

static void lengths(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum err want;
	} rows[] = {
	    {"\x04", 1, ERR_TRUNCATED},
	    {"\x04\x80", 2, ERR_FORMAT},
	    {"\x04\x85\x00\x00\x00\x00\x01z", 8, ERR_FORMAT},
	    {"\x04\x82\x00", 3, ERR_TRUNCATED},
	    {"\x04\x02z", 3, ERR_TRUNCATED},
	    {"\x04\x84\xff\xff\xff\xffz", 7, ERR_TRUNCATED},
	    {"\x05\x01z", 3, ERR_FORMAT},
	    {"\x04\x01z", 3, ERR_OK},
	    {"\x04\x84\x00\x00\x00\x01z", 7, ERR_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reader r = reader_of(BYTES(rows[i].bytes, rows[i].n));
		struct bytes got = BYTES_NONE;

		assert_int_equal(der_take(&r, DER_OCTETS, &got), rows[i].want);
		assert_int_equal(got.len, rows[i].want == ERR_OK ? 1 : 0);
		assert_int_equal(r.left, rows[i].want == ERR_OK ? 0 : rows[i].n);
	}
}

static void numbers(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum err want, want_u32;
		uint32_t value;
	} rows[] = {
	    {"\x04\x01\x01", 3, ERR_FORMAT, ERR_FORMAT, 0},
	    {"\x02\x00", 2, ERR_NUMBER, ERR_NUMBER, 0},
	    {"\x02\x01\x80", 3, ERR_NUMBER, ERR_NUMBER, 0},
	    {"\x02\x01\x00", 3, ERR_OK, ERR_OK, 0},
	    {"\x02\x05\x00\xff\xff\xff\xff", 7, ERR_OK, ERR_OK, UINT32_MAX},
	    {"\x02\x05\x01\x00\x00\x00\x00", 7, ERR_OK, ERR_NUMBER, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reader r = reader_of(BYTES(rows[i].bytes, rows[i].n)), again = r;
		struct bytes magnitude;
		uint32_t value = 0;

		assert_int_equal(der_uint(&r, &magnitude), rows[i].want);
		assert_int_equal(der_u32(&again, &value), rows[i].want_u32);
		assert_int_equal(value, rows[i].value);
	}
}

static void bits(void **state)
{
	struct bytes got;

	(void)state;
	assert_int_equal(der_bits(BYTES_NONE, &got), ERR_FORMAT);
	assert_int_equal(der_bits(BYTES("\x01\xf0", 2), &got), ERR_FORMAT);
	assert_int_equal(der_bits(BYTES("\x00\xf0", 2), &got), ERR_OK);
	assert_int_equal(got.len, 1);
}

/* The key is read, and what became of it looked at no further. */
static enum err done(enum err e, struct builder *b, struct keyfile_key *key)
{
	keyfile_key_clear(key);
	builder_clear(b);
	return e;
}

static enum err rsa(uint8_t version)
{
	struct keyfile_key key = {0};
	struct builder b = {0};

	put_number(&b, version);
	for (uint8_t i = 1; i <= 8; i++)
		put_number(&b, i);
	wrap(&b, DER_SEQUENCE);
	return done(derkey_rsa(builder_view(&b), &key), &b, &key);
}

/* More than two primes cannot be carried by SSH's messages. */
static void rsa_of_many_primes(void **state)
{
	(void)state;
	assert_int_equal(rsa(0), ERR_OK);
	assert_int_equal(rsa(1), ERR_KEY_TYPE);
}

static enum err dsa(uint8_t version, struct bytes p, uint8_t y)
{
	struct keyfile_key key = {0};
	struct builder b = {0};

	put_number(&b, version);
	put(&b, DER_INTEGER, p);
	put_number(&b, 11); /* q */
	put_number(&b, 4);  /* g */
	put_number(&b, y);
	put_number(&b, 3); /* x */
	wrap(&b, DER_SEQUENCE);
	return done(derkey_dsa(builder_view(&b), &key), &b, &key);
}

static void dsa_numbers(void **state)
{
	static uint8_t long_prime[1252];
	const uint8_t p = 23, even = 24;

	(void)state;
	memset(long_prime, 1, sizeof(long_prime));
	assert_int_equal(dsa(0, BYTES(&p, 1), 18), ERR_OK); /* 4^3 mod 23 */
	assert_int_equal(dsa(0, BYTES(&p, 1), 17), ERR_KEY_MISMATCH);
	assert_int_equal(dsa(1, BYTES(&p, 1), 18), ERR_FORMAT);
	assert_int_equal(dsa(0, BYTES(&even, 1), 18), ERR_KEY_INVALID);
	assert_int_equal(dsa(0, BYTES(long_prime, sizeof(long_prime)), 18), ERR_KEY_INVALID);
}

static enum err ec(uint8_t version, struct bytes scalar, struct bytes params)
{
	struct keyfile_key key = {0};
	struct builder b = {0};

	put_number(&b, version);
	put(&b, DER_OCTETS, scalar);
	builder_put(&b, params);
	wrap(&b, DER_SEQUENCE);
	return done(derkey_ec(builder_view(&b), BYTES_NONE, &key), &b, &key);
}

static void ec_numbers(void **state)
{
	static uint8_t scalar[140];
	const struct bytes named = BYTES("\xa0\x0a\x06\x08" P256, 12);

	(void)state;
	scalar[31] = 1;
	assert_int_equal(ec(1, BYTES(scalar, 32), named), ERR_OK);
	assert_int_equal(ec(0, BYTES(scalar, 32), named), ERR_FORMAT);
	assert_int_equal(ec(1, BYTES(scalar, 31), named), ERR_KEY_INVALID); /* zero */
	assert_int_equal(ec(1, BYTES(scalar, 32), BYTES_NONE), ERR_KEY_CURVE);
	assert_int_equal(ec(1, BYTES(scalar, 32), BYTES("\xa0\x02\x05\x00", 4)), ERR_KEY_CURVE);
	assert_int_equal(ec(1, BYTES(scalar, 32), BYTES("\xa0\x7f", 2)), ERR_TRUNCATED);
	memset(scalar, 0xff, sizeof(scalar));
	assert_int_equal(ec(1, BYTES(scalar, 32), named), ERR_KEY_INVALID); /* over the order */
	assert_int_equal(ec(1, BYTES(scalar, sizeof(scalar)), named), ERR_CRYPTO);
}

static enum err eddsa(struct bytes der, struct bytes given)
{
	struct keyfile_key key = {0};
	enum err e = derkey_eddsa("ssh-ed25519", der, given, &key);

	keyfile_key_clear(&key);
	return e;
}

static void public_of(const uint8_t seed[32], uint8_t public[32])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	size_t n = 32;

	assert_int_equal(EVP_PKEY_get_raw_public_key(key, public, &n), 1);
	EVP_PKEY_free(key);
}

static void eddsa_seeds(void **state)
{
	uint8_t der[36] = {DER_OCTETS, 32, 7}, public[32];

	(void)state;
	public_of(der + 2, public);
	assert_int_equal(eddsa(BYTES(der, 34), BYTES_NONE), ERR_OK);
	assert_int_equal(eddsa(BYTES(der, 34), BYTES(public, 32)), ERR_OK);
	assert_int_equal(eddsa(BYTES(der, 35), BYTES_NONE), ERR_SURPLUS);
	public[0] ^= 1;
	assert_int_equal(eddsa(BYTES(der, 34), BYTES(public, 32)), ERR_KEY_MISMATCH);
	der[1] = 31;
	assert_int_equal(eddsa(BYTES(der, 33), BYTES_NONE), ERR_KEY_INVALID);
	assert_int_equal(eddsa(BYTES("\x02\x00", 2), BYTES_NONE), ERR_FORMAT);
}

/* OneAsymmetricKey with attributes and the public half, which openssl reads and does not write. */
static enum err asymmetric(uint8_t version, struct bytes attributes, const uint8_t *public_bits)
{
	uint8_t seed[34] = {DER_OCTETS, 32, 7};
	struct keyfile_key key = {0};
	struct builder b = {0};
	struct blob text;
	enum err e;

	put_number(&b, version);
	builder_put(&b, BYTES("\x30\x05\x06\x03\x2b\x65\x70", 7)); /* Ed25519 */
	put(&b, DER_OCTETS, BYTES(seed, sizeof(seed)));
	builder_put(&b, attributes);
	put(&b, DER_CONTEXT1_PLAIN, BYTES(public_bits, 33));
	wrap(&b, DER_SEQUENCE);
	text = edit_armor("PRIVATE KEY", builder_view(&b));
	e = keyfile_decode(blob_view(&text), NULL, &key);
	blob_clear(&text);
	return done(e, &b, &key);
}

static void the_public_half_in_pkcs8(void **state)
{
	const struct bytes attributes = BYTES("\xa0\x02\x31\x00", 4);
	uint8_t seed[32] = {7}, public_bits[33] = {0};

	(void)state;
	public_of(seed, public_bits + 1);
	assert_int_equal(asymmetric(1, attributes, public_bits), ERR_OK);
	assert_int_equal(asymmetric(1, BYTES_NONE, public_bits), ERR_OK);
	assert_int_equal(asymmetric(2, BYTES_NONE, public_bits), ERR_FORMAT);
	assert_int_equal(asymmetric(1, BYTES("\xa0\x7f", 2), public_bits), ERR_TRUNCATED);
	public_bits[0] = 1;
	assert_int_equal(asymmetric(1, attributes, public_bits), ERR_FORMAT);
	public_bits[0] = 0;
	public_bits[1] ^= 1;
	assert_int_equal(asymmetric(1, attributes, public_bits), ERR_KEY_MISMATCH);
}

static int setup(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lengths),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(bits),
	    cmocka_unit_test(rsa_of_many_primes),
	    cmocka_unit_test(dsa_numbers),
	    cmocka_unit_test(ec_numbers),
	    cmocka_unit_test(eddsa_seeds),
	    cmocka_unit_test(the_public_half_in_pkcs8),
	};

	return cmocka_run_group_tests_name("derkey", tests, setup, NULL);
}
