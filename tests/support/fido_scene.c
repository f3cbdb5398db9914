#ifdef HAVE_LIBFIDO2

#include "tests/support/fido_scene.h"

#include <string.h>

#include <fido/eddsa.h>
#include <fido/es256.h>
#include <openssl/evp.h>

static const uint8_t client_data_hash[32] = "the hash of what a client wants.";

void scene_start(struct scene *s, const struct authenticator_options *options)
{
	struct authenticator_options defaults;

	authenticator_options_default(&defaults);
	fido_init(0);
	assert_int_equal(
	    authenticator_new(options == NULL ? &defaults : options, &s->authenticator), ERR_OK);
	authenticator_set_auto(s->authenticator, true);
	s->dev = virtual_dev_open(s->authenticator);
	assert_non_null(s->dev);
}

void scene_reopen(struct scene *s)
{
	fido_dev_close(s->dev);
	fido_dev_free(&s->dev);
	s->dev = virtual_dev_open(s->authenticator);
	assert_non_null(s->dev);
}

void scene_end(struct scene *s)
{
	fido_dev_close(s->dev);
	fido_dev_free(&s->dev);
	authenticator_free(s->authenticator);
	s->authenticator = NULL;
}

struct authenticator_status scene_status(const struct scene *s)
{
	struct authenticator_status status;

	authenticator_status(s->authenticator, 0, &status);
	return status;
}

static const char *rp_of(const struct wish *w)
{
	return w->rp == NULL ? "ssh:" : w->rp;
}

int scene_make(struct scene *s, const struct wish *w, fido_cred_t **out)
{
	const char *user = w->user == NULL ? "someone" : w->user;
	fido_cred_t *cred = fido_cred_new();
	int status;

	*out = NULL;
	assert_non_null(cred);
	assert_int_equal(fido_cred_set_type(cred, w->type), FIDO_OK);
	assert_int_equal(
	    fido_cred_set_clientdata_hash(cred, client_data_hash, sizeof client_data_hash),
	    FIDO_OK);
	assert_int_equal(fido_cred_set_rp(cred, rp_of(w), NULL), FIDO_OK);
	assert_int_equal(
	    fido_cred_set_user(cred, (const unsigned char *)user, strlen(user), user, user, NULL),
	    FIDO_OK);
	assert_int_equal(fido_cred_set_rk(cred, w->rk), FIDO_OK);
	assert_int_equal(fido_cred_set_uv(cred, w->uv), FIDO_OK);
	if (w->protect != 0) {
		assert_int_equal(fido_cred_set_extensions(cred, FIDO_EXT_CRED_PROTECT), FIDO_OK);
		assert_int_equal(fido_cred_set_prot(cred, w->protect), FIDO_OK);
	}
	if (w->exclude != NULL)
		assert_int_equal(fido_cred_exclude(cred, fido_cred_id_ptr(w->exclude),
				     fido_cred_id_len(w->exclude)),
		    FIDO_OK);
	status = fido_dev_make_cred(s->dev, cred, w->pin);
	if (status != FIDO_OK) {
		fido_cred_free(&cred);
		return status;
	}
	assert_int_equal(w->self ? fido_cred_verify_self(cred) : fido_cred_verify(cred), FIDO_OK);
	*out = cred;
	return FIDO_OK;
}

int scene_assert(struct scene *s, const struct wish *w, const fido_cred_t *const *allowed, size_t n,
    fido_assert_t **out)
{
	fido_assert_t *a = fido_assert_new();
	int status;

	*out = NULL;
	assert_non_null(a);
	assert_int_equal(
	    fido_assert_set_clientdata_hash(a, client_data_hash, sizeof client_data_hash), FIDO_OK);
	assert_int_equal(fido_assert_set_rp(a, rp_of(w)), FIDO_OK);
	assert_int_equal(fido_assert_set_up(a, w->up), FIDO_OK);
	assert_int_equal(fido_assert_set_uv(a, w->uv), FIDO_OK);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(fido_assert_allow_cred(
				     a, fido_cred_id_ptr(allowed[i]), fido_cred_id_len(allowed[i])),
		    FIDO_OK);
	status = fido_dev_get_assert(s->dev, a, w->pin);
	if (status != FIDO_OK) {
		fido_assert_free(&a);
		return status;
	}
	*out = a;
	return FIDO_OK;
}

/* libfido2 keeps the public key of Ed25519 as it is, that of P-256 as x and y. */
static EVP_PKEY *public_key(const fido_cred_t *cred)
{
	es256_pk_t *es256;
	EVP_PKEY *key;

	if (fido_cred_type(cred) == COSE_EDDSA)
		return EVP_PKEY_new_raw_public_key(
		    EVP_PKEY_ED25519, NULL, fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred));
	es256 = es256_pk_new();
	assert_non_null(es256);
	assert_int_equal(
	    es256_pk_from_ptr(es256, fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred)),
	    FIDO_OK);
	key = es256_pk_to_EVP_PKEY(es256);
	es256_pk_free(&es256);
	return key;
}

/* Authenticator data and client data hash are what is signed (WebAuthn 2, section 6.3.3). */
static int libcrypto_verifies(const fido_assert_t *a, size_t i, const fido_cred_t *cred)
{
	/* libfido2 gives the data as a CBOR byte string: one byte, or two from 24 bytes on. */
	const unsigned char *data = fido_assert_authdata_ptr(a, i);
	const size_t n = fido_assert_authdata_len(a, i);
	unsigned char message[1024];
	EVP_PKEY *key = public_key(cred);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *digest = fido_cred_type(cred) == COSE_EDDSA ? NULL : EVP_sha256();
	int good;

	assert_true(n > 2 && data[0] == 0x58 && data[1] == n - 2 && n < sizeof message - 32);
	memcpy(message, data + 2, n - 2);
	memcpy(message + n - 2, client_data_hash, sizeof client_data_hash);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, digest, NULL, key), 1);
	good = EVP_DigestVerify(ctx, fido_assert_sig_ptr(a, i), fido_assert_sig_len(a, i), message,
	    n - 2 + sizeof client_data_hash);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

/* libfido2 wants a key of its own type. */
static int libfido2_verifies(const fido_assert_t *a, size_t i, const fido_cred_t *cred)
{
	EVP_PKEY *key = public_key(cred);
	es256_pk_t *es256 = NULL;
	eddsa_pk_t *eddsa = NULL;
	int status;

	if (fido_cred_type(cred) == COSE_EDDSA) {
		eddsa = eddsa_pk_new();
		assert_int_equal(eddsa_pk_from_EVP_PKEY(eddsa, key), FIDO_OK);
		status = fido_assert_verify(a, i, COSE_EDDSA, eddsa);
	} else {
		es256 = es256_pk_new();
		assert_int_equal(es256_pk_from_EVP_PKEY(es256, key), FIDO_OK);
		status = fido_assert_verify(a, i, COSE_ES256, es256);
	}
	eddsa_pk_free(&eddsa);
	es256_pk_free(&es256);
	EVP_PKEY_free(key);
	return status;
}

void scene_verify(
    const fido_assert_t *assertion, size_t i, const fido_cred_t *cred, bool present, bool verified)
{
	const uint8_t flags = fido_assert_flags(assertion, i);

	assert_int_equal(flags & 1, present ? 1 : 0);
	assert_int_equal(flags & 4, verified ? 4 : 0);
	assert_int_equal(libcrypto_verifies(assertion, i, cred), 1);
	assert_int_equal(libfido2_verifies(assertion, i, cred), FIDO_OK);
}

void scene_refused(const fido_assert_t *assertion, const fido_cred_t *cred)
{
	assert_int_not_equal(libfido2_verifies(assertion, 0, cred), FIDO_OK);
}

#else

/* A translation unit has something in it. */
extern int fido_scene_needs_libfido2;

#endif
