/*
 * Security keys (OpenSSH's PROTOCOL.u2f): their signatures can be verified here; making them is the
 * device's business.
 */
#include "keystore/crypto.h"
#include "keystore/key_impl.h"
#include "proto/fidomsg.h"

/* No device could be asked about a key without a handle. */
static enum err sk_check(const struct privkey *pk)
{
	if (pk->sk.handle.len == 0)
		return ERR_KEY_INVALID;
	if (pk->sk.handle.len > FIDO_HANDLE_MOST ||
	    pk->public.application.len > FIDO_APPLICATION_MOST)
		return ERR_TOO_LONG;
	return ERR_OK;
}

/* "string signature, byte flags, uint32 counter" */
struct sk_signature {
	struct bytes signature;
	uint8_t flags;
	uint32_t counter;
};

static enum err sk_read(struct reader *r, struct sk_signature *out)
{
	enum err e = reader_string(r, &out->signature);

	if (e == ERR_OK)
		e = reader_u8(r, &out->flags);
	if (e == ERR_OK)
		e = reader_u32(r, &out->counter);
	return e == ERR_OK ? reader_end(r) : e;
}

static enum err put_hash(struct builder *b, struct bytes data)
{
	uint8_t digest[HASH_MOST];
	size_t n;
	enum err e = crypto_hash(HASH_SHA256, data, digest, &n);

	if (e == ERR_OK)
		builder_put(b, BYTES(digest, n));
	return e;
}

/* What the device signed: hash of the application, flags, counter, hash of the data. */
static enum err sk_message(
    struct bytes application, const struct sk_signature *s, struct bytes data, struct builder *out)
{
	enum err e = put_hash(out, application);

	builder_u8(out, s->flags);
	builder_u32(out, s->counter);
	if (e == ERR_OK)
		e = put_hash(out, data);
	return e == ERR_OK ? builder_error(out) : e;
}

static enum err sk_open_public(const struct pubkey *key, struct key_parts *out)
{
	return key->type->family == FAMILY_SK_ECDSA ? key_open_ecdsa(key, &out->main)
						    : key_open_ed25519(key->raw, &out->main);
}

static enum err sk_verify(const struct pubkey *key, const struct key_parts *parts,
    const struct sigalg *alg, struct bytes data, struct reader *signature)
{
	struct builder message = {0};
	struct sk_signature s;
	enum err e = sk_read(signature, &s);

	if (e == ERR_OK)
		e = sk_message(key->application, &s, data, &message);
	if (e == ERR_OK && key->type->family == FAMILY_SK_ECDSA)
		e = key_verify_ecdsa(
		    key, parts->main, alg->hash, builder_view(&message), s.signature);
	else if (e == ERR_OK)
		e = key_verify_message(parts->main, builder_view(&message), s.signature);
	builder_clear(&message);
	return e;
}

const struct key_ops key_ops_sk_ecdsa = {
    .token = true,
    .check = sk_check,
    .open_public = sk_open_public,
    .verify = sk_verify,
};

const struct key_ops key_ops_sk_ed25519 = {
    .token = true,
    .check = sk_check,
    .open_public = sk_open_public,
    .verify = sk_verify,
};
