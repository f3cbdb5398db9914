/* Which private keys are taken: certified ones, and refusals, each for its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "keystore/crypto.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir; /* cmocka's group setup has no other way to hand it on */

/* Two keys a kind, made once. */
enum kind { KIND_ED25519, KIND_P256, KIND_P384, KIND_P521, KIND_RSA, KIND_DSA, KINDS };

static const char *const options[KINDS] = {"-t ed25519", "-t ecdsa -b 256", "-t ecdsa -b 384",
    "-t ecdsa -b 521", "-t rsa -b 2048", "-t dsa"};

static struct builder wires[KINDS][2];

/* Without DSA where ssh-keygen makes no such keys any more. */
static enum kind kinds_here = KINDS;

static struct privkey key_of(enum kind kind, size_t which)
{
	struct privkey pk;

	keys_parse(&wires[kind][which], &pk);
	return pk;
}

static enum err import(const struct privkey *pk)
{
	struct key *key = NULL;
	enum err e = key_import(pk, &key);

	assert_true((e == ERR_OK) == (key != NULL));
	key_unref(key);
	return e;
}

/* A copy of v with one bit of its last byte changed. */
static struct bytes changed(struct bytes v, uint8_t *room)
{
	memcpy(room, v.data, v.len);
	room[v.len - 1] ^= 0x02;
	return BYTES(room, v.len);
}

static void good_keys_are_taken(void **state)
{
	(void)state;
	for (enum kind kind = 0; kind < kinds_here; kind++) {
		struct privkey pk = key_of(kind, 0);

		assert_int_equal(import(&pk), ERR_OK);
	}
}

static void another_public_half_is_refused(void **state)
{
	(void)state;
	for (enum kind kind = 0; kind < kinds_here; kind++) {
		struct privkey pk = key_of(kind, 0);

		pk.public = key_of(kind, 1).public;
		/* DSA keys have groups of their own, of which x and y of another are no part. */
		assert_int_equal(import(&pk), ERR_KEY_MISMATCH);
	}
}

static void load_cert(const char *name, const char *ca, struct builder *cert)
{
	char pub[64];

	assert_true(
	    keys_run("ssh-keygen -q -s %s/%s -I id -n me %s/%s.pub", dir.path, ca, dir.path, name));
	snprintf(pub, sizeof(pub), "%s-cert.pub", name);
	keys_load_public(&dir, pub, cert);
}

static void certified_keys(void **state)
{
	(void)state;
	for (enum kind kind = 0; kind < kinds_here; kind++) {
		struct builder cert = {0}, wire = {0}, foreign = {0};
		struct privkey pk = key_of(kind, 0), certified;
		struct builder plain = {0};
		struct key *key;
		struct reader r;
		char name[16];
		enum err e;

		snprintf(name, sizeof(name), "k%u-0", kind);
		load_cert(name, "k0-1", &cert);
		privkey_build(&wire, &pk, builder_view(&cert));
		key = keys_import(&wire);
		pubkey_build(&plain, &pk.public);
		assert_true(bytes_equal(key_blob(key), builder_view(&plain)));
		key_unref(key);

		/* The other key's certificate: found out while reading where the key's bytes say
		 * it, else here. */
		builder_reset(&cert);
		snprintf(name, sizeof(name), "k%u-1", kind);
		load_cert(name, "k0-1", &cert);
		privkey_build(&foreign, &pk, builder_view(&cert));
		r = reader_of(builder_view(&foreign));
		e = privkey_read(&r, &certified);
		if (e == ERR_OK)
			e = import(&certified);
		assert_int_equal(e, ERR_CERT_MISMATCH);
		builder_clear(&cert);
		builder_clear(&wire);
		builder_clear(&foreign);
		builder_clear(&plain);
	}
}

static void rsa_numbers_that_do_not_fit(void **state)
{
	const struct privkey good = key_of(KIND_RSA, 0);
	uint8_t room[512];
	struct privkey pk;

	(void)state;
	pk = good;
	pk.rsa.d = changed(good.rsa.d, room);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk = good;
	pk.rsa.iqmp = changed(good.rsa.iqmp, room);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk = good;
	pk.rsa.p = changed(good.rsa.p, room);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk = good;
	pk.rsa.q = changed(good.rsa.q, room);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	/* The right factors, the wrong way round: iqmp is q's inverse, not p's. */
	pk = good;
	pk.rsa.p = good.rsa.q;
	pk.rsa.q = good.rsa.p;
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk = good;
	pk.public.rsa.n = changed(good.public.rsa.n, room);
	assert_int_equal(import(&pk), ERR_KEY_MISMATCH);
	pk = good;
	pk.public.rsa.e = BYTES("\x01\x00\x03", 3);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
}

/* a + b - minus in room, as a magnitude. */
static struct bytes sum(struct bytes a, struct bytes b, unsigned minus, uint8_t *room)
{
	BIGNUM *x = BN_bin2bn(a.data, (int)a.len, NULL);
	BIGNUM *y = BN_bin2bn(b.data, (int)b.len, NULL);
	int n;

	assert_int_equal(BN_add(x, x, y), 1);
	assert_int_equal(BN_sub_word(x, minus), 1);
	n = BN_bn2bin(x, room);
	BN_free(x);
	BN_free(y);
	return BYTES(room, n);
}

/* Numbers that fit by half: congruent to the right ones, but out of range or for one factor only.
 */
static void rsa_numbers_that_nearly_fit(void **state)
{
	const struct privkey good = key_of(KIND_RSA, 0);
	uint8_t room[1024];
	struct privkey pk;

	(void)state;
	pk = good;
	pk.rsa.d = sum(good.rsa.d, good.rsa.p, 1, room);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.rsa.d = sum(good.rsa.d, good.rsa.q, 1, room);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk = good;
	pk.rsa.iqmp = sum(good.rsa.iqmp, good.rsa.p, 0, room);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
}

static void rsa_numbers_without_sense(void **state)
{
	static uint8_t huge[200 * 1024];
	const struct privkey good = key_of(KIND_RSA, 0);
	uint8_t room[512];
	struct privkey pk;

	(void)state;
	memset(huge, 0xff, sizeof(huge));
	for (size_t i = 0; i < 4; i++) {
		struct bytes bad[] = {
		    BYTES_NONE, BYTES("\x01", 1), BYTES("\x02", 1), BYTES(huge, sizeof(huge))};

		pk = good;
		pk.public.rsa.e = bad[i];
		assert_int_equal(import(&pk), ERR_KEY_INVALID);
		pk = good;
		pk.rsa.p = bad[i];
		assert_int_equal(import(&pk), ERR_KEY_INVALID);
		pk = good;
		pk.rsa.q = bad[i];
		assert_int_equal(import(&pk), ERR_KEY_INVALID);
		pk = good;
		pk.rsa.d = bad[i];
		assert_int_equal(import(&pk), ERR_KEY_INVALID);
		pk = good;
		pk.rsa.iqmp = bad[i];
		assert_int_equal(import(&pk), ERR_KEY_INVALID);
	}
	/* d beyond the modulus still inverts e, but no one makes such keys. */
	pk = good;
	pk.rsa.d = BYTES(huge, good.public.rsa.n.len);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk = good;
	memcpy(room, good.public.rsa.n.data, good.public.rsa.n.len);
	room[good.public.rsa.n.len - 1] &= 0xfe;
	pk.public.rsa.n = BYTES(room, good.public.rsa.n.len);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
}

/* One number of a libcrypto key as a magnitude in room, moved on. */
static struct bytes number_of(EVP_PKEY *key, const char *name, uint8_t **room)
{
	BIGNUM *n = NULL;
	struct bytes out;

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
	out = BYTES(*room, BN_bn2bin(n, *room));
	*room += out.len;
	BN_free(n);
	return out;
}

/* A key that ssh-keygen would not make. */
static enum err import_rsa_of(unsigned bits)
{
	uint8_t numbers[16384];
	uint8_t *room = numbers;
	EVP_PKEY *key = EVP_RSA_gen(bits);
	struct privkey pk = key_of(KIND_RSA, 0);
	enum err e;

	assert_non_null(key);
	pk.public.rsa.n = number_of(key, OSSL_PKEY_PARAM_RSA_N, &room);
	pk.public.rsa.e = number_of(key, OSSL_PKEY_PARAM_RSA_E, &room);
	pk.rsa.d = number_of(key, OSSL_PKEY_PARAM_RSA_D, &room);
	pk.rsa.p = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR1, &room);
	pk.rsa.q = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR2, &room);
	pk.rsa.iqmp = number_of(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, &room);
	EVP_PKEY_free(key);
	e = import(&pk);
	return e;
}

static void rsa_sizes(void **state)
{
	static uint8_t long_n[16384 / 8 + 1];
	struct privkey pk = key_of(KIND_RSA, 0);

	(void)state;
	assert_int_equal(import_rsa_of(512), ERR_KEY_SHORT);
	assert_int_equal(import_rsa_of(1023), ERR_KEY_SHORT);
	assert_int_equal(import_rsa_of(1024), ERR_OK);
	assert_int_equal(import_rsa_of(1025), ERR_OK);
	/* Making a real one takes minutes. */
	memset(long_n, 1, sizeof(long_n));
	pk.public.rsa.n = BYTES(long_n, sizeof(long_n));
	assert_int_equal(import(&pk), ERR_KEY_LONG);
	pk.public.rsa.n = BYTES_NONE;
	assert_int_equal(import(&pk), ERR_KEY_SHORT);
}

static void ecdsa_points_off_the_curve(void **state)
{
	(void)state;
	for (enum kind kind = KIND_P256; kind <= KIND_P521; kind++) {
		struct privkey pk = key_of(kind, 0);
		uint8_t room[256];

		pk.public.ec.point = changed(pk.public.ec.point, room);
		assert_int_equal(import(&pk), ERR_KEY_CURVE);
		memset(room + 1, 0, pk.public.ec.point.len - 1);
		assert_int_equal(import(&pk), ERR_KEY_CURVE);
		memset(room + 1, 0xff, pk.public.ec.point.len - 1);
		assert_int_equal(import(&pk), ERR_KEY_CURVE);
	}
}

static void ecdsa_scalars_out_of_range(void **state)
{
	/* The order of P-256 (FIPS 186-4, D.1.2.3). */
	static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e,
	    0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
	static uint8_t huge[100 * 1024];
	struct privkey pk = key_of(KIND_P256, 0);
	uint8_t room[64];

	(void)state;
	memset(huge, 0xff, sizeof(huge));
	pk.scalar = BYTES_NONE;
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.scalar = BYTES(order, sizeof(order));
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.scalar = BYTES(huge, 32);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.scalar = BYTES(huge, sizeof(huge));
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.scalar = changed(key_of(KIND_P256, 0).scalar, room);
	assert_int_equal(import(&pk), ERR_KEY_MISMATCH);
}

static void ed25519_seed_of_another(void **state)
{
	struct privkey pk = key_of(KIND_ED25519, 0);
	uint8_t room[64];

	(void)state;
	pk.seed = changed(pk.seed, room);
	assert_int_equal(import(&pk), ERR_KEY_MISMATCH);
}

static void dsa_numbers_without_sense(void **state)
{
	struct privkey good;
	static uint8_t huge[100 * 1024];
	uint8_t room[256];
	struct privkey pk;

	(void)state;
	if (kinds_here == KIND_DSA)
		skip();
	good = key_of(KIND_DSA, 0);
	memset(huge, 0xff, sizeof(huge));
	pk = good;
	pk.scalar = changed(good.scalar, room);
	assert_int_equal(import(&pk), ERR_KEY_MISMATCH);
	pk = good;
	pk.scalar = BYTES_NONE;
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.scalar = good.public.dsa.q;
	assert_int_equal(import(&pk), ERR_KEY_MISMATCH);
	pk.scalar = BYTES(huge, sizeof(huge));
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	/* g = 1, g beyond p, g of another order, p that does not fit q, a short p, a q of another
	 * size. */
	pk = good;
	pk.public.dsa.g = BYTES("\x01", 1);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.public.dsa.g = BYTES(huge, good.public.dsa.p.len);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.public.dsa.g = changed(good.public.dsa.g, room);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk = good;
	pk.public.dsa.p = changed(good.public.dsa.p, room);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.public.dsa.p = BYTES(good.public.dsa.p.data, 127);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.public.dsa.p = BYTES(huge, sizeof(huge));
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk = good;
	pk.public.dsa.q = BYTES(huge, 32);
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.public.dsa.q = BYTES_NONE;
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
}

/* Only what its device needs is kept, and nothing signs. */
static void security_keys_are_known_by_their_handle(void **state)
{
	static const uint8_t long_handle[1025] = {1};
	struct privkey pk = key_of(KIND_ED25519, 0);
	struct builder out = {0};
	const struct sigalg *alg;
	struct key_sk token;
	struct key *key;
	bool is_cert;

	(void)state;
	pk.type = pk.public.type = keytype_find(bytes_str("sk-ssh-ed25519@openssh.com"), &is_cert);
	assert_non_null(pk.type);
	assert_true(key_type_available(pk.type));
	pk.public.application = bytes_str("ssh:");
	pk.sk.flags = 1;
	pk.sk.reserved = BYTES_NONE;
	pk.sk.handle = BYTES_NONE;
	assert_int_equal(import(&pk), ERR_KEY_INVALID);
	pk.sk.handle = BYTES(long_handle, sizeof(long_handle));
	assert_int_equal(import(&pk), ERR_TOO_LONG);
	pk.sk.handle = BYTES(long_handle, sizeof(long_handle) - 1);
	assert_int_equal(key_import(&pk, &key), ERR_OK);
	assert_true(key_is_sk(key));
	key_sk(key, &token);
	assert_true(bytes_is(token.application, "ssh:"));
	assert_true(bytes_equal(token.handle, pk.sk.handle));
	assert_int_equal(token.flags, 1);
	assert_int_equal(sigalg_choose(pk.type, 0, &alg), ERR_OK);
	assert_int_equal(key_sign(key, alg, bytes_str("data"), &out), ERR_UNSUPPORTED);
	assert_int_equal(out.len, 0);
	key_unref(key);
}

static int setup(void **state)
{
	(void)state;
	crypto_clean_environment();
	if (crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return -1;
	keys_dir_make(&dir);
	if (!keys_can_generate(&dir, options[KIND_DSA]))
		kinds_here = KIND_DSA;
	for (enum kind kind = 0; kind < kinds_here; kind++) {
		for (size_t i = 0; i < 2; i++) {
			char name[16];

			snprintf(name, sizeof(name), "k%u-%zu", kind, i);
			keys_generate(&dir, name, options[kind], &wires[kind][i]);
		}
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (enum kind kind = 0; kind < kinds_here; kind++) {
		builder_clear(&wires[kind][0]);
		builder_clear(&wires[kind][1]);
	}
	keys_dir_remove(&dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_keys_are_taken),
	    cmocka_unit_test(another_public_half_is_refused),
	    cmocka_unit_test(certified_keys),
	    cmocka_unit_test(rsa_numbers_that_do_not_fit),
	    cmocka_unit_test(rsa_numbers_that_nearly_fit),
	    cmocka_unit_test(rsa_numbers_without_sense),
	    cmocka_unit_test(rsa_sizes),
	    cmocka_unit_test(ecdsa_points_off_the_curve),
	    cmocka_unit_test(ecdsa_scalars_out_of_range),
	    cmocka_unit_test(ed25519_seed_of_another),
	    cmocka_unit_test(dsa_numbers_without_sense),
	    cmocka_unit_test(security_keys_are_known_by_their_handle),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
