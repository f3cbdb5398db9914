#include <string.h>

#include "proto/base/mem.h"
#include "tests/virtual/cbor.h"
#include "tests/virtual/impl.h"

enum { SALT_LEN = 32 };

/* What one assertion is made of. */
struct assertion {
	const uint8_t *rp_hash;
	const uint8_t *client_data_hash;
	uint8_t flags;
	struct credential key;
	struct bytes id;
	const struct resident *resident; /* whose user is told; NULL: none */
	size_t total;                    /* told when above one */
	struct bytes extensions;         /* encoded outputs, or empty */
};

/* Who may see a credential: CTAP 2.1, section 12.1. */
static bool visible(const struct credential *c, bool verified, bool by_id)
{
	return verified || c->protect == PROTECT_NONE || (c->protect == PROTECT_WITH_ID && by_id);
}

static void put_user(const struct resident *r, bool verified, struct builder *out)
{
	const bool name = verified && r->user_name.len > 0;
	const bool display = verified && r->user_display.len > 0;

	ctap_cbor_put_map(out, 1 + (size_t)name + display);
	ctap_cbor_put_text(out, "id");
	ctap_cbor_put_bytes(out, blob_view(&r->user_id));
	if (name) {
		ctap_cbor_put_text(out, "name");
		ctap_cbor_put_text_bytes(out, blob_view(&r->user_name));
	}
	if (display) {
		ctap_cbor_put_text(out, "displayName");
		ctap_cbor_put_text_bytes(out, blob_view(&r->user_display));
	}
}

static void put_id(const struct authenticator *a, struct bytes id, struct builder *out)
{
	uint8_t other[HASH_LEN];

	if (a->mode == AUTHENTICATOR_OTHER_ID && vcrypto_sha256(id, other) == ERR_OK)
		id = BYTES(other, sizeof other);
	ctap_cbor_put_map(out, 2);
	ctap_cbor_put_text(out, "id");
	ctap_cbor_put_bytes(out, id);
	ctap_cbor_put_text(out, "type");
	ctap_cbor_put_text(out, "public-key");
}

static enum ctap answer(struct authenticator *a, const struct assertion *s, struct builder *out)
{
	const bool verified = (s->flags & FLAG_UV) != 0;
	const uint8_t extended = s->extensions.len > 0 ? FLAG_ED : 0;
	struct builder data = {0};
	uint8_t signature[SIGNATURE_MAX];
	size_t authdata_len;
	size_t n;
	enum err e;

	authdata_put(a, s->rp_hash, s->flags | extended, &data);
	builder_put(&data, s->extensions);
	authdata_len = data.len;
	builder_put(&data, BYTES(s->client_data_hash, HASH_LEN));
	e = builder_error(&data);
	if (e == ERR_OK)
		e = authdata_sign(a, &s->key, builder_view(&data), signature, &n);
	if (e != ERR_OK)
		goto out;
	ctap_cbor_put_map(out, 3 + (size_t)(s->resident != NULL) + (s->total > 1));
	ctap_cbor_put_int(out, 1);
	put_id(a, s->id, out);
	ctap_cbor_put_int(out, 2);
	ctap_cbor_put_bytes(out, BYTES(data.data, authdata_len));
	ctap_cbor_put_int(out, 3);
	ctap_cbor_put_bytes(out, BYTES(signature, n));
	if (s->resident != NULL) {
		ctap_cbor_put_int(out, 4);
		put_user(s->resident, verified, out);
	}
	if (s->total > 1) {
		ctap_cbor_put_int(out, 5);
		ctap_cbor_put_int(out, (int64_t)s->total);
	}
	if ((s->flags & FLAG_UP) != 0)
		a->counts.assertions++;
out:
	builder_clear(&data);
	return e == ERR_OK ? CTAP_OK : CTAP_OTHER;
}

/* The first of the allow list that is ours. */
static bool find_listed(
    const struct authenticator *a, const struct request *q, bool verified, struct assertion *out)
{
	struct reader list = request_list(q);

	while (request_next(&list, &out->id)) {
		if (!credential_open(a, q->rp_hash, out->id, &out->key) ||
		    !visible(&out->key, verified, true))
			continue;
		out->resident = credential_resident(a, out->id);
		out->total = 1;
		return true;
	}
	return false;
}

/* The newest stored one before `before` that may be seen, and how many there are; -1: none. */
static int find_stored(const struct authenticator *a, const uint8_t rp_hash[HASH_LEN],
    bool verified, size_t before, size_t *total)
{
	int found = -1;

	*total = 0;
	for (size_t i = before; i-- > 0;) {
		const struct resident *r = &a->memory.residents[i];

		if (memcmp(r->rp_hash, rp_hash, HASH_LEN) != 0 ||
		    !visible(&r->key, verified, false))
			continue;
		if (found < 0)
			found = (int)i;
		++*total;
	}
	return found;
}

static void use_stored(const struct authenticator *a, int at, struct assertion *s)
{
	const struct resident *r = &a->memory.residents[at];

	s->key = r->key;
	s->id = blob_view(&r->id);
	s->resident = r;
}

static bool find(
    struct authenticator *a, const struct request *q, bool verified, struct assertion *s)
{
	int at;

	if (q->list_given && q->list_count > 0)
		return find_listed(a, q, verified, s);
	at = find_stored(a, q->rp_hash, verified, a->memory.n_residents, &s->total);
	if (at < 0)
		return false;
	use_stored(a, at, s);
	if (s->total > 1) {
		a->walk = (struct walk){.command = 8, .at = (size_t)at, .flags = s->flags};
		memcpy(a->walk.rp_hash, q->rp_hash, HASH_LEN);
		memcpy(a->walk.client_data_hash, q->client_data_hash.data, HASH_LEN);
	}
	return true;
}

struct hmac_request {
	struct reader key;
	struct bytes salts;
	struct bytes auth;
	int protocol;
};

static enum err read_hmac(struct bytes input, struct hmac_request *h)
{
	struct reader r = reader_of(input);
	struct bytes raw;
	int64_t key;
	int64_t protocol = 1;
	size_t n;
	enum err e = ctap_cbor_get_map(&r, &n);

	*h = (struct hmac_request){0};
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		e = ctap_cbor_get_int(&r, &key);
		if (e != ERR_OK)
			break;
		if (key == 1) {
			e = ctap_cbor_skip(&r, &raw);
			if (e == ERR_OK)
				h->key = reader_of(raw);
		} else if (key == 2) {
			e = ctap_cbor_get_bytes(&r, &h->salts);
		} else if (key == 3) {
			e = ctap_cbor_get_bytes(&r, &h->auth);
		} else if (key == 4) {
			e = ctap_cbor_get_int(&r, &protocol);
		} else {
			e = ctap_cbor_skip(&r, NULL);
		}
	}
	h->protocol = protocol == 1 || protocol == 2 ? (int)protocol : -1;
	return e;
}

/* The extension hmac-secret: one or two HMACs of the client's salts (CTAP 2.1, section 12.5). */
static enum ctap hmac_secret(
    struct authenticator *a, const struct assertion *s, struct bytes input, struct builder *out)
{
	struct hmac_request h;
	struct shared shared;
	uint8_t random[HASH_LEN];
	uint8_t salts[2 * SALT_LEN];
	uint8_t secrets[2 * HASH_LEN];
	const uint8_t verified = s->flags & FLAG_UV;
	struct builder sealed = {0};
	size_t n;
	enum ctap status;
	enum err e;

	if (read_hmac(input, &h) != ERR_OK || h.key.p == NULL)
		return CTAP_MISSING_PARAMETER;
	if (!protocol_known(a, h.protocol))
		return CTAP_INVALID_PARAMETER;
	status = shared_make(a, h.protocol, h.key, &shared);
	if (status != CTAP_OK)
		return status;
	if (!protocol_verify(h.protocol, shared.hmac_key, h.salts, BYTES_NONE, h.auth))
		return CTAP_PIN_AUTH_INVALID;
	status = shared_decrypt(&shared, h.salts, salts, sizeof salts, &n);
	if (status != CTAP_OK)
		return status;
	if (n != SALT_LEN && n != 2 * SALT_LEN)
		return CTAP_INVALID_LENGTH;
	e = vcrypto_hmac(BYTES(a->memory.secret, SEED_LEN), BYTES(s->key.seed, SEED_LEN),
	    BYTES(&verified, 1), random);
	for (size_t at = 0; e == ERR_OK && at < n; at += SALT_LEN)
		e = vcrypto_hmac(BYTES(random, sizeof random), BYTES(salts + at, SALT_LEN),
		    BYTES_NONE, secrets + at);
	if (e == ERR_OK)
		e = shared_encrypt(&shared, BYTES(secrets, n), &sealed);
	ctap_cbor_put_map(out, 1);
	ctap_cbor_put_text(out, "hmac-secret");
	ctap_cbor_put_bytes(out, builder_view(&sealed));
	builder_clear(&sealed);
	return e == ERR_OK ? CTAP_OK : CTAP_OTHER;
}

enum ctap command_assert(struct authenticator *a, struct bytes body, struct builder *out)
{
	struct request q;
	struct assertion s = {0};
	struct builder extensions = {0};
	bool verified = false;
	bool present;
	enum ctap status = request_assert(a, body, &q);

	if (status != CTAP_OK)
		return status;
	present = q.up != NO;
	if (q.rk != UNSAID)
		return CTAP_UNSUPPORTED_OPTION;
	status = pin_authorise(a, &q, PERM_GA, &verified);
	if (status != CTAP_OK)
		return status;
	if (present && a->options.always_uv && !verified)
		return CTAP_PUAT_REQUIRED;
	s.flags = (present ? FLAG_UP : 0) | (verified ? FLAG_UV : 0);
	s.rp_hash = q.rp_hash;
	s.client_data_hash = q.client_data_hash.data;
	if (!find(a, &q, verified, &s))
		status = CTAP_NO_CREDENTIALS;
	else if (present)
		status = touch_wait(a);
	if (status == CTAP_OK && q.hmac_input.len > 0 && a->options.hmac_secret)
		status = hmac_secret(a, &s, q.hmac_input, &extensions);
	if (status == CTAP_OK) {
		if (present)
			pin_token_used(a);
		s.extensions = builder_view(&extensions);
		status = answer(a, &s, out);
	}
	if (!present)
		a->counts.silent++;
	if (status != CTAP_OK)
		a->walk.command = 0;
	mem_wipe(&s.key, sizeof s.key);
	builder_clear(&extensions);
	return status;
}

enum ctap command_next(struct authenticator *a, struct bytes body, struct builder *out)
{
	struct walk *w = &a->walk;
	const bool verified = (w->flags & FLAG_UV) != 0;
	struct assertion s = {
	    .rp_hash = w->rp_hash,
	    .client_data_hash = w->client_data_hash,
	    .flags = w->flags,
	};
	size_t left;
	int at;

	if (body.len != 0)
		return CTAP_INVALID_LENGTH;
	if (w->command != 8)
		return CTAP_NOT_ALLOWED;
	at = find_stored(a, w->rp_hash, verified, w->at, &left);
	if (at < 0) {
		w->command = 0;
		return CTAP_NOT_ALLOWED;
	}
	w->at = (size_t)at;
	use_stored(a, at, &s);
	return answer(a, &s, out);
}
