#include <string.h>

#include "proto/base/mem.h"
#include "tests/virtual/cbor.h"
#include "tests/virtual/impl.h"

static bool excluded(const struct authenticator *a, const struct request *q, bool verified)
{
	struct reader list = request_list(q);
	struct credential c;
	struct bytes id;

	while (q->list_given && request_next(&list, &id))
		if (credential_open(a, q->rp_hash, id, &c) && (verified || c.protect != PROTECT_UV))
			return true;
	return false;
}

static enum err put_attested(
    const struct authenticator *a, const struct credential *c, struct bytes id, struct builder *out)
{
	struct credential shown = *c;
	enum err e = ERR_OK;

	if (a->mode == AUTHENTICATOR_OTHER_KEY)
		e = vcrypto_seed(shown.seed);
	builder_put(out, BYTES(a->options.aaguid, sizeof a->options.aaguid));
	builder_u8(out, (uint8_t)(id.len >> 8));
	builder_u8(out, (uint8_t)id.len);
	builder_put(out, id);
	if (e == ERR_OK)
		e = credential_public(&shown, out);
	mem_wipe(&shown, sizeof shown);
	return e;
}

static void put_extensions(
    const struct authenticator *a, const struct request *q, struct builder *out)
{
	const bool hmac = q->hmac_secret && a->options.hmac_secret;

	if (q->protect == 0 && !hmac)
		return;
	ctap_cbor_put_map(out, (q->protect != 0) + (size_t)hmac);
	if (q->protect != 0) {
		ctap_cbor_put_text(out, "credProtect");
		ctap_cbor_put_int(out, q->protect);
	}
	if (hmac) {
		ctap_cbor_put_text(out, "hmac-secret");
		ctap_cbor_put_bool(out, true);
	}
}

/* The attestation statement over authenticator data and client data hash (WebAuthn 2, section 8.2).
 */
static enum err put_statement(struct authenticator *a, const struct credential *c,
    struct bytes authdata, struct bytes client_data_hash, struct builder *out)
{
	const bool with_cert = a->options.attestation == AUTHENTICATOR_ATTEST_CERT;
	struct credential signer = *c;
	struct builder cert = {0};
	struct builder data = {0};
	uint8_t signature[SIGNATURE_MAX];
	size_t n;
	enum err e;

	builder_put(&data, authdata);
	builder_put(&data, client_data_hash);
	e = builder_error(&data);
	if (with_cert) {
		signer.alg = ALG_ES256;
		memcpy(signer.seed, a->memory.attester, SEED_LEN);
		if (e == ERR_OK)
			e = vcrypto_certificate(signer.seed, a->options.aaguid, &cert);
	}
	if (e == ERR_OK)
		e = vcrypto_sign(signer.alg, signer.seed, builder_view(&data), signature, &n);
	if (e != ERR_OK)
		goto out;
	if (a->mode == AUTHENTICATOR_BAD_SIGNATURE)
		signature[n - 1] ^= 1;
	ctap_cbor_put_map(out, with_cert ? 3 : 2);
	ctap_cbor_put_text(out, "alg");
	ctap_cbor_put_int(out, signer.alg);
	ctap_cbor_put_text(out, "sig");
	ctap_cbor_put_bytes(out, BYTES(signature, n));
	if (with_cert) {
		ctap_cbor_put_text(out, "x5c");
		ctap_cbor_put_array(out, 1);
		ctap_cbor_put_bytes(out, builder_view(&cert));
	}
	e = builder_error(out);
out:
	mem_wipe(&signer, sizeof signer);
	builder_clear(&cert);
	builder_clear(&data);
	return e;
}

static enum err put_answer(struct authenticator *a, const struct request *q,
    const struct credential *c, struct bytes id, uint8_t flags, struct builder *out)
{
	const bool attested = a->options.attestation != AUTHENTICATOR_ATTEST_NONE;
	struct builder authdata = {0};
	struct builder extensions = {0};
	enum err e;

	put_extensions(a, q, &extensions);
	if (extensions.len > 0)
		flags |= FLAG_ED;
	authdata_put(a, q->rp_hash, flags | FLAG_AT, &authdata);
	e = put_attested(a, c, id, &authdata);
	builder_put(&authdata, builder_view(&extensions));
	if (e == ERR_OK)
		e = builder_error(&authdata);
	if (e != ERR_OK)
		goto out;
	ctap_cbor_put_map(out, 3);
	ctap_cbor_put_int(out, 1);
	ctap_cbor_put_text(out, attested ? "packed" : "none");
	ctap_cbor_put_int(out, 2);
	ctap_cbor_put_bytes(out, builder_view(&authdata));
	ctap_cbor_put_int(out, 3);
	if (attested)
		e = put_statement(a, c, builder_view(&authdata), q->client_data_hash, out);
	else
		ctap_cbor_put_map(out, 0);
out:
	builder_clear(&extensions);
	builder_clear(&authdata);
	return e;
}

static enum err remember(
    struct authenticator *a, const struct request *q, const struct credential *c, struct bytes id)
{
	struct resident r = {.key = *c};
	enum err e;

	memcpy(r.rp_hash, q->rp_hash, HASH_LEN);
	e = blob_copy(&r.id, id);
	if (e == ERR_OK)
		e = blob_copy(&r.rp_id, q->rp_id);
	if (e == ERR_OK)
		e = blob_copy(&r.user_id, q->user_id);
	if (e == ERR_OK)
		e = blob_copy(&r.user_name, q->user_name);
	if (e == ERR_OK)
		e = blob_copy(&r.user_display, q->user_display);
	if (e == ERR_OK)
		e = credential_store(a, &r);
	resident_clear(&r);
	return e;
}

static enum ctap create(
    struct authenticator *a, const struct request *q, bool verified, struct builder *out)
{
	const uint8_t flags = FLAG_UP | (verified ? FLAG_UV : 0);
	struct credential c = {
	    .alg = (enum algorithm)q->alg,
	    .protect = q->protect == 0 ? PROTECT_NONE : (uint8_t)q->protect,
	    .resident = q->rk == YES,
	};
	struct builder id = {0};
	enum err e = credential_new(a, q->rp_hash, &c, &id);

	if (e == ERR_OK && c.resident)
		e = remember(a, q, &c, builder_view(&id));
	if (e == ERR_OK)
		e = put_answer(a, q, &c, builder_view(&id), flags, out);
	if (e == ERR_OK)
		a->counts.registrations++;
	mem_wipe(&c, sizeof c);
	builder_clear(&id);
	return e == ERR_OK ? CTAP_OK : e == ERR_LIMIT ? CTAP_KEY_STORE_FULL : CTAP_OTHER;
}

/* What the key must be told of its owner before it makes a credential (CTAP 2.1, section 6.1.2). */
static bool must_verify(const struct authenticator *a, const struct request *q)
{
	const struct authenticator_options *o = &a->options;

	if (o->always_uv)
		return true;
	if (!a->memory.pin_set && !o->uv)
		return false;
	return o->preview ? a->memory.pin_set : q->rk == YES;
}

enum ctap command_make(struct authenticator *a, struct bytes body, struct builder *out)
{
	struct request q;
	bool verified = false;
	enum ctap status = request_make(a, body, &q);

	if (status == CTAP_OK)
		status = pin_authorise(a, &q, PERM_MC, &verified);
	if (status != CTAP_OK)
		return status;
	if (q.alg == 0)
		return CTAP_UNSUPPORTED_ALGORITHM;
	if (q.up == NO)
		return CTAP_INVALID_OPTION;
	if (q.rk == YES && !a->options.rk)
		return CTAP_UNSUPPORTED_OPTION;
	if (!verified && must_verify(a, &q))
		return CTAP_PUAT_REQUIRED;
	status = touch_wait(a);
	if (status != CTAP_OK)
		return status;
	if (excluded(a, &q, verified))
		return CTAP_CREDENTIAL_EXCLUDED;
	pin_token_used(a);
	return create(a, &q, verified, out);
}
