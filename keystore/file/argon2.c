#include "keystore/file/argon2.h"

#include "proto/base/mem.h"

/* RFC 9106, section 3.1, and libargon2's own least salt. */
enum { SALT_LEAST = 8, LANES_MOST = 0xffffff, BLOCKS_A_LANE = 8 };

static bool allowed(const struct argon2_cost *c, struct bytes salt)
{
	return c->passes != 0 && c->lanes != 0 && c->lanes <= LANES_MOST &&
	       c->memory / BLOCKS_A_LANE >= c->lanes && salt.len >= SALT_LEAST;
}

#ifdef HAVE_LIBARGON2

#include <argon2.h>

static enum err derive(
    const struct argon2_cost *c, struct bytes passphrase, struct bytes salt, uint8_t *out, size_t n)
{
	static const argon2_type flavors[] = {Argon2_d, Argon2_i, Argon2_id};
	struct blob pass = {0}, salt_copy = {0}; /* the library wants them writable */
	argon2_context ctx = {.out = out,
	    .outlen = (uint32_t)n,
	    .t_cost = c->passes,
	    .m_cost = c->memory,
	    .lanes = c->lanes,
	    .threads = 1,
	    .version = ARGON2_VERSION_13,
	    .flags = ARGON2_FLAG_CLEAR_PASSWORD};
	enum err e = blob_copy(&pass, passphrase);

	if (e == ERR_OK)
		e = blob_copy(&salt_copy, salt);
	if (e != ERR_OK)
		goto out;
	ctx.pwd = pass.data;
	ctx.pwdlen = (uint32_t)pass.len;
	ctx.salt = salt_copy.data;
	ctx.saltlen = (uint32_t)salt_copy.len;
	switch (argon2_ctx(&ctx, flavors[c->flavor])) {
	case ARGON2_OK:
		break;
	case ARGON2_MEMORY_ALLOCATION_ERROR:
		e = ERR_MEMORY;
		break;
	default:
		e = ERR_CRYPTO;
	}
out:
	blob_clear(&pass);
	blob_clear(&salt_copy);
	return e;
}

#else

#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

static enum err run(EVP_KDF_CTX *ctx, const struct argon2_cost *c, struct bytes passphrase,
    struct bytes salt, struct bytes out)
{
	uint32_t lanes = c->lanes, memory = c->memory, passes = c->passes;
	union {
		const uint8_t *from;
		void *to; /* OSSL_PARAM has no const; these two are only read */
	} pass = {passphrase.data}, salty = {salt.data}, place = {out.data};
	/* The names are libcrypto 3.2's, written out so that older headers build this too. */
	const OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string("pass", pass.to, passphrase.len),
	    OSSL_PARAM_construct_octet_string("salt", salty.to, salt.len),
	    OSSL_PARAM_construct_uint32("iter", &passes),
	    OSSL_PARAM_construct_uint32("memcost", &memory),
	    OSSL_PARAM_construct_uint32("lanes", &lanes),
	    OSSL_PARAM_construct_end(),
	};

	return EVP_KDF_derive(ctx, place.to, out.len, params) == 1 ? ERR_OK : ERR_CRYPTO;
}

static enum err derive(
    const struct argon2_cost *c, struct bytes passphrase, struct bytes salt, uint8_t *out, size_t n)
{
	static const char *const names[] = {"ARGON2D", "ARGON2I", "ARGON2ID"};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, names[c->flavor], NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	enum err e = kdf == NULL ? ERR_FILE_KDF : ERR_MEMORY;

	if (ctx != NULL)
		e = run(ctx, c, passphrase, salt, BYTES(out, n));
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	ERR_clear_error();
	return e;
}

#endif

enum err argon2_derive(const struct argon2_cost *cost, struct bytes passphrase, struct bytes salt,
    uint8_t *out, size_t n)
{
	return allowed(cost, salt) ? derive(cost, passphrase, salt, out, n) : ERR_FORMAT;
}
