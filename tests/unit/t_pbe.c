/* Password-based encryption whose parameters are put together by hand: each refusal with its
 * reason. */
#include "tests/support/base_test.h"

#include <string.h>

#include "keystore/crypto.h"
#include "keystore/file/argon2.h"
#include "keystore/file/lines.h"
#include "keystore/file/pbe.h"
#include "proto/builder.h"

#define OID_PBES2  "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"
#define OID_PBKDF2 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c"
#define OID_SCRYPT "\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x04\x0b"
#define OID_MD5DES "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x03"
#define OID_3DES   "\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03"
#define OID_NONE   "\x06\x02\x2a\x03"
#define HMAC_SHA2  "\x30\x0a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x09"
#define AES128     "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02"
#define IV         "\x04\x10iviviviviviviviv"
#define SALT       "\x04\x04salt"
#define ROUNDS     "\x02\x01\x05"

struct text {
	const char *bytes;
	size_t n;
};

#define TEXT(literal)                                                                              \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}

static struct bytes view(struct text t)
{
	return BYTES(t.bytes, t.n);
}

static void sequence(struct builder *b, struct bytes first, struct bytes second)
{
	builder_u8(b, DER_SEQUENCE);
	builder_u8(b, (uint8_t)(first.len + second.len));
	builder_put(b, first);
	builder_put(b, second);
	assert_true(first.len + second.len < 0x80);
}

static enum err decrypt(struct bytes algorithm)
{
	static const struct kdf_limits limits = {.iterations = 100, .memory = 16384, .work = 65536};
	const struct bytes passphrase = bytes_str("open");
	const struct unlock with = {&passphrase, &limits};
	const uint8_t cipher_text[32] = {1, 2, 3};
	struct blob plain = {0};
	enum err e = pbe_decrypt(
	    reader_of(algorithm), BYTES(cipher_text, sizeof(cipher_text)), &with, &plain);

	blob_clear(&plain);
	return e;
}

/* PBES2 with this key derivation and this cipher, each its identifier and its parameters. */
static enum err pbes2(struct text kdf, struct text kdf_params, struct text cipher, struct text iv)
{
	struct builder inner = {0}, outer = {0}, params = {0};
	enum err e;

	sequence(&params, view(kdf_params), BYTES_NONE);
	sequence(&inner, view(kdf), builder_view(&params));
	sequence(&inner, view(cipher), view(iv));
	builder_put(&outer, BYTES(OID_PBES2, sizeof(OID_PBES2) - 1));
	sequence(&outer, builder_view(&inner), BYTES_NONE);
	e = decrypt(builder_view(&outer));
	builder_clear(&params);
	builder_clear(&inner);
	builder_clear(&outer);
	return e;
}

static void second_scheme(void **state)
{
	static const struct {
		enum err want;
		struct text kdf, kdf_params, cipher, iv;
	} rows[] = {
	    /* Whole, and so it is the passphrase that does not fit. */
	    {ERR_PASSPHRASE, TEXT(OID_PBKDF2), TEXT(SALT ROUNDS), TEXT(AES128), TEXT(IV)},
	    {ERR_PASSPHRASE, TEXT(OID_PBKDF2), TEXT(SALT ROUNDS "\x02\x01\x10" HMAC_SHA2),
		TEXT(AES128), TEXT(IV)},
	    {ERR_PASSPHRASE, TEXT(OID_SCRYPT), TEXT(SALT "\x02\x01\x10\x02\x01\x08\x02\x01\x01"),
		TEXT(AES128), TEXT(IV)},
	    {ERR_FILE_CIPHER, TEXT(OID_PBKDF2), TEXT(SALT ROUNDS), TEXT(OID_NONE), TEXT(IV)},
	    {ERR_FORMAT, TEXT(OID_PBKDF2), TEXT(SALT ROUNDS), TEXT("\x05\x00"), TEXT(IV)},
	    {ERR_FORMAT, TEXT(OID_PBKDF2), TEXT(SALT ROUNDS), TEXT(AES128), TEXT("\x04\x02iv")},
	    {ERR_SURPLUS, TEXT(OID_PBKDF2), TEXT(SALT ROUNDS), TEXT(AES128), TEXT(IV "\x05\x00")},
	    {ERR_FILE_KDF, TEXT(OID_NONE), TEXT(SALT ROUNDS), TEXT(AES128), TEXT(IV)},
	    /* The key's length must be the cipher's. */
	    {ERR_FORMAT, TEXT(OID_PBKDF2), TEXT(SALT ROUNDS "\x02\x01\x20"), TEXT(AES128),
		TEXT(IV)},
	    {ERR_FORMAT, TEXT(OID_PBKDF2), TEXT(SALT "\x02\x01\x00"), TEXT(AES128), TEXT(IV)},
	    {ERR_FILE_COST, TEXT(OID_PBKDF2), TEXT(SALT "\x02\x01\x65"), TEXT(AES128), TEXT(IV)},
	    {ERR_FILE_KDF, TEXT(OID_PBKDF2), TEXT(SALT ROUNDS "\x30\x04" OID_NONE), TEXT(AES128),
		TEXT(IV)},
	    {ERR_FORMAT, TEXT(OID_PBKDF2), TEXT(SALT ROUNDS "\x30\x02\x05\x00"), TEXT(AES128),
		TEXT(IV)},
	    {ERR_FORMAT, TEXT(OID_SCRYPT), TEXT(SALT "\x02\x01\x0f\x02\x01\x08\x02\x01\x01"),
		TEXT(AES128), TEXT(IV)},
	    {ERR_FORMAT, TEXT(OID_SCRYPT), TEXT(SALT "\x02\x01\x10\x02\x01\x00\x02\x01\x01"),
		TEXT(AES128), TEXT(IV)},
	    {ERR_FILE_COST, TEXT(OID_SCRYPT), TEXT(SALT "\x02\x01\x10\x02\x02\x7f\x00\x02\x01\x01"),
		TEXT(AES128), TEXT(IV)},
	    {ERR_FILE_COST, TEXT(OID_SCRYPT),
		TEXT(SALT "\x02\x04\x40\x00\x00\x00\x02\x01\x08\x02\x01\x01"), TEXT(AES128),
		TEXT(IV)},
	    /* More blocks than n can have for this r: libcrypto says no. */
	    {ERR_CRYPTO, TEXT(OID_SCRYPT),
		TEXT(SALT "\x02\x03\x01\x00\x00\x02\x01\x01\x02\x01\x01"), TEXT(AES128), TEXT(IV)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# row %zu\n", i);
		assert_int_equal(pbes2(rows[i].kdf, rows[i].kdf_params, rows[i].cipher, rows[i].iv),
		    rows[i].want);
	}
}

static enum err pbes1(struct text oid, struct text params)
{
	struct builder b = {0};
	enum err e;

	builder_put(&b, view(oid));
	sequence(&b, view(params), BYTES_NONE);
	e = decrypt(builder_view(&b));
	builder_clear(&b);
	return e;
}

static void first_scheme(void **state)
{
	(void)state;
	assert_int_equal(
	    pbes1((struct text)TEXT(OID_3DES), (struct text)TEXT(SALT ROUNDS)), ERR_PASSPHRASE);
	assert_int_equal(
	    pbes1((struct text)TEXT(OID_NONE), (struct text)TEXT(SALT ROUNDS)), ERR_FILE_CIPHER);
	assert_int_equal(
	    pbes1((struct text)TEXT(OID_3DES), (struct text)TEXT("\x04\x00" ROUNDS)), ERR_FORMAT);
	assert_int_equal(
	    pbes1((struct text)TEXT(OID_MD5DES), (struct text)TEXT(SALT "\x02\x01\x00")),
	    ERR_FORMAT);
	assert_int_equal(
	    pbes1((struct text)TEXT(OID_MD5DES), (struct text)TEXT(SALT "\x02\x01\x65")),
	    ERR_FILE_COST);
	assert_int_equal(decrypt(BYTES("\x05\x00", 2)), ERR_FORMAT);
}

static void ciphers(void **state)
{
	static const struct cipher unknown = {"ROT-13-CBC", 16, 16, false},
				   wrong = {"AES-128-CBC", 24, 16, false},
				   gcm = {"AES-256-GCM", 32, 12, false};
	static const uint8_t key[64], iv[16];
	struct cipher_run run = {&unknown, key, iv, CIPHER_BARE, BYTES_NONE};
	struct blob out = {0};

	(void)state;
	assert_int_equal(cipher_decrypt(&run, BYTES(key, 16), &out), ERR_FILE_CIPHER);
	run.cipher = &wrong;
	assert_int_equal(cipher_decrypt(&run, BYTES(key, 16), &out), ERR_CRYPTO);
	run.cipher = &gcm;
	run.tag = BYTES(key, 12);
	assert_int_equal(cipher_decrypt(&run, BYTES(key, 16), &out), ERR_CRYPTO);
	run.tag = BYTES(key, 16);
	assert_int_equal(cipher_decrypt(&run, BYTES(key, 16), &out), ERR_PASSPHRASE);
	assert_int_equal(cipher_decrypt(&run, BYTES_NONE, &out), ERR_FORMAT);
	assert_int_equal(chachapoly_decrypt(key, BYTES(key, 16), BYTES(key, 15), &out), ERR_FORMAT);
	assert_int_equal(
	    chachapoly_decrypt(key, BYTES(key, 16), BYTES(key, 16), &out), ERR_PASSPHRASE);
	assert_null(out.data);
}

static void hexadecimal(void **state)
{
	uint8_t out[2] = {0};

	(void)state;
	assert_int_equal(hex_decode(bytes_str("a0Fx"), out, 2), ERR_FORMAT);
	assert_int_equal(hex_decode(bytes_str("a0F"), out, 2), ERR_FORMAT);
	assert_int_equal(hex_decode(bytes_str("a0F9"), out, 2), ERR_OK);
	assert_int_equal(out[1], 0xf9);
}

static int setup(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(second_scheme),
	    cmocka_unit_test(first_scheme),
	    cmocka_unit_test(ciphers),
	    cmocka_unit_test(hexadecimal),
	};

	return cmocka_run_group_tests_name("pbe", tests, setup, NULL);
}
