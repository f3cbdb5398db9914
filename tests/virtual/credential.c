#include <string.h>

#include "proto/base/mem.h"
#include "tests/virtual/cbor.h"
#include "tests/virtual/impl.h"

enum {
	ID_VERSION = 1,
	PLAIN_LEN = 3 + SEED_LEN, /* algorithm, protection, resident, seed */
	SEALED_LEN = PLAIN_LEN + SEAL_OVERHEAD,
	NATURAL_LEN = 1 + SEALED_LEN, /* 64: a version byte before it */
};

/* What is sealed with the rp: its hash, and the padding after the sealed part. */
static enum err binding(
    const uint8_t rp_hash[HASH_LEN], struct bytes padding, uint8_t out[HASH_LEN])
{
	return vcrypto_hmac(BYTES(rp_hash, HASH_LEN), padding, BYTES_NONE, out);
}

enum err credential_new(struct authenticator *a, const uint8_t rp_hash[HASH_LEN],
    struct credential *c, struct builder *id)
{
	const size_t length =
	    a->options.id_length > NATURAL_LEN ? a->options.id_length : NATURAL_LEN;
	uint8_t plain[PLAIN_LEN] = {(uint8_t)c->alg, c->protect, c->resident};
	uint8_t bound[HASH_LEN];
	uint8_t *p;
	enum err e = vcrypto_seed(c->seed);

	if (e != ERR_OK)
		return e;
	memcpy(plain + 3, c->seed, SEED_LEN);
	p = builder_reserve(id, length);
	if (p == NULL)
		return builder_error(id);
	p[0] = ID_VERSION;
	e = vcrypto_random(p + NATURAL_LEN, length - NATURAL_LEN);
	if (e == ERR_OK)
		e = binding(rp_hash, BYTES(p + NATURAL_LEN, length - NATURAL_LEN), bound);
	if (e == ERR_OK)
		e = vcrypto_seal(a->memory.secret, BYTES(bound, sizeof bound),
		    BYTES(plain, sizeof plain), p + 1);
	return e;
}

struct resident *credential_resident(const struct authenticator *a, struct bytes id)
{
	for (size_t i = 0; i < a->memory.n_residents; i++)
		if (bytes_equal(blob_view(&a->memory.residents[i].id), id))
			return &a->memory.residents[i];
	return NULL;
}

bool credential_open(const struct authenticator *a, const uint8_t rp_hash[HASH_LEN],
    struct bytes id, struct credential *out)
{
	uint8_t plain[PLAIN_LEN];
	uint8_t bound[HASH_LEN];

	if (id.len < NATURAL_LEN || id.data[0] != ID_VERSION)
		return false;
	if (binding(rp_hash, BYTES(id.data + NATURAL_LEN, id.len - NATURAL_LEN), bound) != ERR_OK)
		return false;
	if (vcrypto_open(a->memory.secret, BYTES(bound, sizeof bound),
		BYTES(id.data + 1, SEALED_LEN), plain) != ERR_OK)
		return false;
	out->alg = (enum algorithm)(int8_t)plain[0];
	out->protect = plain[1];
	out->resident = plain[2] != 0;
	memcpy(out->seed, plain + 3, SEED_LEN);
	return !out->resident || credential_resident(a, id) != NULL;
}

void resident_clear(struct resident *r)
{
	blob_clear(&r->id);
	blob_clear(&r->rp_id);
	blob_clear(&r->user_id);
	blob_clear(&r->user_name);
	blob_clear(&r->user_display);
	mem_wipe(r, sizeof *r);
}

void credential_delete(struct authenticator *a, struct resident *r)
{
	const size_t at = (size_t)(r - a->memory.residents);

	resident_clear(r);
	a->memory.n_residents--;
	memmove(r, r + 1, (a->memory.n_residents - at) * sizeof *r);
	a->changes++;
}

enum err credential_store(struct authenticator *a, struct resident *r)
{
	struct memory *m = &a->memory;
	struct resident *more;

	for (size_t i = 0; i < m->n_residents; i++) {
		struct resident *old = &m->residents[i];

		if (memcmp(old->rp_hash, r->rp_hash, HASH_LEN) == 0 &&
		    bytes_equal(blob_view(&old->user_id), blob_view(&r->user_id))) {
			credential_delete(a, old);
			break;
		}
	}
	if (m->n_residents >= a->options.resident_max)
		return ERR_LIMIT;
	more = mem_grow(m->residents, (m->n_residents + 1) * sizeof *more);
	if (more == NULL)
		return ERR_MEMORY;
	m->residents = more;
	more[m->n_residents++] = *r;
	*r = (struct resident){0};
	a->changes++;
	return ERR_OK;
}

enum err credential_public(const struct credential *c, struct builder *out)
{
	const bool ec = c->alg != ALG_EDDSA;
	uint8_t x[32];
	uint8_t y[32];
	const enum err e = vcrypto_public(c->alg, c->seed, x, y);

	if (e != ERR_OK)
		return e;
	ctap_cbor_put_map(out, ec ? 5 : 4);
	ctap_cbor_put_int(out, 1); /* kty: EC2 or OKP */
	ctap_cbor_put_int(out, ec ? 2 : 1);
	ctap_cbor_put_int(out, 3); /* alg */
	ctap_cbor_put_int(out, c->alg);
	ctap_cbor_put_int(out, -1); /* crv: P-256 or Ed25519 */
	ctap_cbor_put_int(out, ec ? 1 : 6);
	ctap_cbor_put_int(out, -2);
	ctap_cbor_put_bytes(out, BYTES(x, sizeof x));
	if (ec) {
		ctap_cbor_put_int(out, -3);
		ctap_cbor_put_bytes(out, BYTES(y, sizeof y));
	}
	return builder_error(out);
}

void authdata_put(
    struct authenticator *a, const uint8_t rp_hash[HASH_LEN], uint8_t flags, struct builder *out)
{
	uint8_t other[HASH_LEN];

	if (a->mode == AUTHENTICATOR_OTHER_RP &&
	    vcrypto_sha256(BYTES(rp_hash, HASH_LEN), other) == ERR_OK)
		rp_hash = other;
	if (a->mode == AUTHENTICATOR_NO_FLAGS)
		flags &= (uint8_t) ~(FLAG_UP | FLAG_UV);
	a->memory.counter++;
	a->counts.counter = a->memory.counter;
	a->changes++;
	builder_put(out, BYTES(rp_hash, HASH_LEN));
	builder_u8(out, flags);
	builder_u32(out, a->memory.counter);
}

enum err authdata_sign(struct authenticator *a, const struct credential *c, struct bytes data,
    uint8_t *signature, size_t *n)
{
	struct credential used = *c;
	enum err e = ERR_OK;

	if (a->mode == AUTHENTICATOR_OTHER_KEY)
		e = vcrypto_seed(used.seed);
	if (e == ERR_OK)
		e = vcrypto_sign(used.alg, used.seed, data, signature, n);
	if (e == ERR_OK && a->mode == AUTHENTICATOR_BAD_SIGNATURE)
		signature[*n - 1] ^= 1;
	mem_wipe(&used, sizeof used);
	return e;
}
