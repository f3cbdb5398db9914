/*
 * ML-DSA-44 with Ed25519: a vector of the draft, and both halves verified one by one.
 * Where libcrypto has no ML-DSA (before 3.5) the type is refused, and that is all there is to test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/params.h>

#include "keystore/base64.h"
#include "keystore/crypto.h"
#include "keystore/key.h"
#include "tests/support/keys_mldsa_vector.h"

enum { SEED = 32, MLDSA_PUBLIC = 1312, ED_PUBLIC = 32, MLDSA_SIGNATURE = 2420, ED_SIGNATURE = 64 };

static const char *const names[] = {"ssh-mldsa44-ed25519", "ssh-mldsa44-ed25519@openssh.com"};

/* A key from the vector's seeds, by libcrypto alone. */
struct both {
	EVP_PKEY *mldsa, *ed25519;
	struct builder seeds;
	uint8_t public[MLDSA_PUBLIC + ED_PUBLIC];
};

static const struct keytype *type_of(const char *name)
{
	bool is_cert;
	const struct keytype *type = keytype_find(bytes_str(name), &is_cert);

	assert_non_null(type);
	return type;
}

static bool available(void)
{
	EVP_KEYMGMT *found = EVP_KEYMGMT_fetch(NULL, "ML-DSA-44", NULL);

	EVP_KEYMGMT_free(found);
	if (found == NULL)
		print_message("this libcrypto has no ML-DSA\n");
	return found != NULL;
}

static void make_both(struct both *b)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "ML-DSA-44", NULL);
	OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
	size_t n = ED_PUBLIC;

	*b = (struct both){0};
	assert_int_equal(base64_decode(bytes_str(KEYS_MLDSA_SEEDS), &b->seeds), ERR_OK);
	assert_int_equal(b->seeds.len, 2 * SEED);
	params[0] = OSSL_PARAM_construct_octet_string("seed", b->seeds.data, SEED);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &b->mldsa, EVP_PKEY_KEYPAIR, params), 1);
	EVP_PKEY_CTX_free(ctx);
	b->ed25519 =
	    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, b->seeds.data + SEED, SEED);
	assert_non_null(b->ed25519);
	assert_int_equal(EVP_PKEY_get_raw_public_key(b->ed25519, b->public + MLDSA_PUBLIC, &n), 1);
	assert_int_equal(
	    EVP_PKEY_get_octet_string_param(b->mldsa, "pub", b->public, MLDSA_PUBLIC, &n), 1);
	assert_int_equal(n, MLDSA_PUBLIC);
}

static void free_both(struct both *b)
{
	EVP_PKEY_free(b->mldsa);
	EVP_PKEY_free(b->ed25519);
	builder_clear(&b->seeds);
}

static struct privkey privkey_of(struct both *b, const char *name)
{
	struct privkey pk = {.type = type_of(name)};

	pk.public.type = pk.type;
	pk.public.raw = BYTES(b->public, sizeof(b->public));
	pk.seed = builder_view(&b->seeds);
	return pk;
}

static void availability_is_known(void **state)
{
	bool have = available();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		static const uint8_t nothing[MLDSA_PUBLIC + ED_PUBLIC];
		struct privkey pk = {.type = type_of(names[i])};
		struct key *key = NULL;

		assert_true(key_type_available(pk.type) == have);
		pk.public.type = pk.type;
		pk.public.raw = BYTES(nothing, sizeof(nothing));
		pk.seed = BYTES(nothing, 2 * SEED);
		assert_int_equal(key_import(&pk, &key), have ? ERR_KEY_MISMATCH : ERR_KEY_TYPE);
		assert_null(key);
	}
}

static void the_drafts_signature_verifies(void **state)
{
	struct both b;

	(void)state;
	if (!available())
		skip();
	make_both(&b);
	for (size_t i = 0; i < 2; i++) {
		struct builder blob = {0}, s = {0}, raw = {0};

		builder_cstring(&blob, names[i]);
		builder_string(&blob, BYTES(b.public, sizeof(b.public)));
		assert_int_equal(
		    base64_decode(
			BYTES(keys_mldsa_signature, sizeof(keys_mldsa_signature) - 1), &raw),
		    ERR_OK);
		builder_cstring(&s, names[i]);
		builder_string(&s, builder_view(&raw));
		assert_int_equal(key_verify(builder_view(&blob), bytes_str(KEYS_MLDSA_MESSAGE),
				     builder_view(&s)),
		    ERR_OK);
		assert_int_equal(
		    key_verify(builder_view(&blob), bytes_str("The"), builder_view(&s)),
		    ERR_KEY_MISMATCH);
		builder_clear(&blob);
		builder_clear(&s);
		builder_clear(&raw);
	}
	free_both(&b);
}

/* M' of the draft, for a message M and no context. */
static void put_message(struct bytes data, struct builder *out)
{
	uint8_t digest[HASH_MOST];
	size_t n;

	assert_int_equal(crypto_hash(HASH_SHA512, data, digest, &n), ERR_OK);
	builder_put(
	    out, bytes_str("CompositeAlgorithmSignatures2025COMPSIG-MLDSA44-Ed25519-SHA512"));
	builder_u8(out, 0);
	builder_put(out, BYTES(digest, n));
}

static int verify_half(EVP_PKEY *key, char *context, struct bytes message, struct bytes s)
{
	OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok;

	if (context != NULL)
		params[0] =
		    OSSL_PARAM_construct_octet_string("context-string", context, strlen(context));
	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key, params), 1);
	ok = EVP_DigestVerify(ctx, s.data, s.len, message.data, message.len);
	EVP_MD_CTX_free(ctx);
	return ok;
}

static void each_half_of_our_signature_verifies(void **state)
{
	char label[] = "COMPSIG-MLDSA44-Ed25519-SHA512";
	struct builder s = {0}, message = {0};
	const struct sigalg *alg;
	struct key *key = NULL;
	struct reader r;
	struct bytes name, both_halves;
	struct both b;
	struct privkey pk;

	(void)state;
	if (!available())
		skip();
	make_both(&b);
	pk = privkey_of(&b, names[0]);
	assert_int_equal(key_import(&pk, &key), ERR_OK);
	assert_true(key_is_slow(key));
	put_message(bytes_str("data"), &message);
	for (unsigned again = 0; again < 3; again++) {
		builder_reset(&s);
		assert_int_equal(sigalg_choose(pk.type, 0, &alg), ERR_OK);
		assert_int_equal(key_sign(key, alg, bytes_str("data"), &s), ERR_OK);
		r = reader_of(builder_view(&s));
		assert_int_equal(reader_string(&r, &name), ERR_OK);
		assert_true(bytes_is(name, names[0]));
		assert_int_equal(reader_string(&r, &both_halves), ERR_OK);
		assert_int_equal(reader_end(&r), ERR_OK);
		assert_int_equal(both_halves.len, MLDSA_SIGNATURE + ED_SIGNATURE);
		assert_int_equal(verify_half(b.mldsa, label, builder_view(&message),
				     BYTES(both_halves.data, MLDSA_SIGNATURE)),
		    1);
		assert_int_equal(verify_half(b.ed25519, NULL, builder_view(&message),
				     BYTES(both_halves.data + MLDSA_SIGNATURE, ED_SIGNATURE)),
		    1);
	}
	for (size_t i = 0; i < s.len; i += 61) {
		s.data[i] ^= 0x10;
		assert_int_not_equal(
		    key_verify(key_blob(key), bytes_str("data"), builder_view(&s)), ERR_OK);
		s.data[i] ^= 0x10;
		assert_int_not_equal(
		    key_verify(key_blob(key), bytes_str("data"), BYTES(s.data, i)), ERR_OK);
	}
	s.data[s.len - 1] ^= 0x10;
	assert_int_not_equal(
	    key_verify(key_blob(key), bytes_str("data"), builder_view(&s)), ERR_OK);
	key_unref(key);
	builder_clear(&s);
	builder_clear(&message);
	free_both(&b);
}

static void another_public_half_is_refused(void **state)
{
	static const size_t places[] = {0, MLDSA_PUBLIC - 1, MLDSA_PUBLIC, MLDSA_PUBLIC + 31};
	struct key *key = NULL;
	struct privkey pk;
	struct both b;

	(void)state;
	if (!available())
		skip();
	make_both(&b);
	pk = privkey_of(&b, names[1]);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		b.public[places[i]] ^= 1;
		assert_int_equal(key_import(&pk, &key), ERR_KEY_MISMATCH);
		b.public[places[i]] ^= 1;
	}
	assert_int_equal(key_import(&pk, &key), ERR_OK);
	key_unref(key);
	free_both(&b);
}

static int setup(void **state)
{
	(void)state;
	crypto_clean_environment();
	return crypto_start() == ERR_OK && crypto_warm_up() == ERR_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(availability_is_known),
	    cmocka_unit_test(the_drafts_signature_verifies),
	    cmocka_unit_test(each_half_of_our_signature_verifies),
	    cmocka_unit_test(another_public_half_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
