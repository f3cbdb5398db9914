#include <string.h>

#include "tests/virtual/cbor.h"
#include "tests/virtual/impl.h"

static enum ctap status_of(enum err e)
{
	switch (e) {
	case ERR_OK:
		return CTAP_OK;
	case ERR_FORMAT:
		return CTAP_CBOR_UNEXPECTED_TYPE;
	default:
		return CTAP_INVALID_CBOR;
	}
}

/* Read one member of a map; the key was read already.  *known stays true unless it was skipped. */
typedef enum err member_fn(struct reader *r, struct bytes key, void *arg);

/* A map with text keys, each handed to member, which must read or skip its value. */
static enum err read_text_map(struct reader *r, member_fn *member, void *arg)
{
	struct bytes key;
	size_t n;
	enum err e = ctap_cbor_get_map(r, &n);

	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		e = ctap_cbor_get_text(r, &key);
		if (e == ERR_OK)
			e = member(r, key, arg);
	}
	return e;
}

static enum err member_rp(struct reader *r, struct bytes key, void *arg)
{
	struct request *q = arg;

	return bytes_is(key, "id") ? ctap_cbor_get_text(r, &q->rp_id) : ctap_cbor_skip(r, NULL);
}

static enum err member_user(struct reader *r, struct bytes key, void *arg)
{
	struct request *q = arg;

	if (bytes_is(key, "id"))
		return ctap_cbor_get_bytes(r, &q->user_id);
	if (bytes_is(key, "name"))
		return ctap_cbor_get_text(r, &q->user_name);
	if (bytes_is(key, "displayName"))
		return ctap_cbor_get_text(r, &q->user_display);
	return ctap_cbor_skip(r, NULL);
}

static enum err member_option(struct reader *r, struct bytes key, void *arg)
{
	struct request *q = arg;
	enum tristate *option = bytes_is(key, "rk")   ? &q->rk
				: bytes_is(key, "up") ? &q->up
				: bytes_is(key, "uv") ? &q->uv
						      : NULL;
	bool v = false;
	enum err e;

	if (option == NULL)
		return ctap_cbor_skip(r, NULL);
	e = ctap_cbor_get_bool(r, &v);
	if (e == ERR_OK)
		*option = v ? YES : NO;
	return e;
}

static enum err member_extension(struct reader *r, struct bytes key, void *arg)
{
	struct request *q = arg;
	struct reader at = *r;
	int64_t protect;
	size_t n;

	if (bytes_is(key, "credProtect")) {
		const enum err e = ctap_cbor_get_int(r, &protect);

		if (e == ERR_OK)
			q->protect =
			    protect >= PROTECT_NONE && protect <= PROTECT_UV ? (int)protect : -1;
		return e;
	}
	if (bytes_is(key, "hmac-secret")) {
		if (ctap_cbor_get_map(&at, &n) == ERR_OK)
			return ctap_cbor_skip(r, &q->hmac_input);
		return ctap_cbor_get_bool(r, &q->hmac_secret);
	}
	return ctap_cbor_skip(r, NULL);
}

struct described {
	struct bytes id;
	struct bytes type;
	int64_t alg;
};

static enum err member_described(struct reader *r, struct bytes key, void *arg)
{
	struct described *d = arg;

	if (bytes_is(key, "id"))
		return ctap_cbor_get_bytes(r, &d->id);
	if (bytes_is(key, "type"))
		return ctap_cbor_get_text(r, &d->type);
	if (bytes_is(key, "alg"))
		return ctap_cbor_get_int(r, &d->alg);
	return ctap_cbor_skip(r, NULL);
}

static enum err read_algorithms(const struct authenticator *a, struct reader *r, struct request *q)
{
	size_t n;
	enum err e = ctap_cbor_get_array(r, &n);

	q->algs_given = true;
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		struct described d = {0};

		e = read_text_map(r, member_described, &d);
		if (e != ERR_OK || q->alg != 0 || !bytes_is(d.type, "public-key"))
			continue;
		if ((d.alg == ALG_ES256 && a->options.es256) ||
		    (d.alg == ALG_EDDSA && a->options.eddsa))
			q->alg = (int)d.alg;
	}
	return e;
}

static enum err read_list(struct reader *r, struct request *q)
{
	const struct reader start = *r;
	enum err e = ctap_cbor_get_array(r, &q->list_count);

	q->list_given = true;
	for (size_t i = 0; e == ERR_OK && i < q->list_count; i++) {
		struct described d = {0};

		e = read_text_map(r, member_described, &d);
	}
	if (e == ERR_OK)
		q->list = BYTES(start.p, start.left - r->left);
	return e;
}

struct reader request_list(const struct request *q)
{
	struct reader r = reader_of(q->list);
	size_t n;

	(void)ctap_cbor_get_array(&r, &n);
	return r;
}

bool request_next(struct reader *r, struct bytes *id)
{
	struct described d;

	do {
		d = (struct described){0};
		if (r->left == 0 || read_text_map(r, member_described, &d) != ERR_OK)
			return false;
	} while (!bytes_is(d.type, "public-key"));
	*id = d.id;
	return true;
}

static enum err read_auth(struct reader *r, struct request *q)
{
	q->auth_given = true;
	return ctap_cbor_get_bytes(r, &q->auth);
}

static enum err read_protocol(struct reader *r, struct request *q)
{
	int64_t v = 0;
	const enum err e = ctap_cbor_get_int(r, &v);

	if (e == ERR_OK)
		q->protocol = v == 1 || v == 2 ? (int)v : -1;
	return e;
}

/* Members of authenticatorMakeCredential (CTAP 2.1, section 6.1). */
static enum err member_make(
    const struct authenticator *a, struct reader *r, int64_t key, struct request *q)
{
	switch (key) {
	case 1:
		return ctap_cbor_get_bytes(r, &q->client_data_hash);
	case 2:
		return read_text_map(r, member_rp, q);
	case 3:
		q->user_given = true;
		return read_text_map(r, member_user, q);
	case 4:
		return read_algorithms(a, r, q);
	case 5:
		return read_list(r, q);
	case 6:
		return read_text_map(r, member_extension, q);
	case 7:
		return read_text_map(r, member_option, q);
	case 8:
		return read_auth(r, q);
	case 9:
		return read_protocol(r, q);
	default:
		return ctap_cbor_skip(r, NULL);
	}
}

/* Members of authenticatorGetAssertion (CTAP 2.1, section 6.2). */
static enum err member_assert(
    const struct authenticator *a, struct reader *r, int64_t key, struct request *q)
{
	(void)a;
	switch (key) {
	case 1:
		return ctap_cbor_get_text(r, &q->rp_id);
	case 2:
		return ctap_cbor_get_bytes(r, &q->client_data_hash);
	case 3:
		return read_list(r, q);
	case 4:
		return read_text_map(r, member_extension, q);
	case 5:
		return read_text_map(r, member_option, q);
	case 6:
		return read_auth(r, q);
	case 7:
		return read_protocol(r, q);
	default:
		return ctap_cbor_skip(r, NULL);
	}
}

static enum ctap read_request(const struct authenticator *a, struct bytes body, struct request *q,
    enum err (*member)(
	const struct authenticator *a, struct reader *r, int64_t key, struct request *q))
{
	struct reader r = reader_of(body);
	int64_t key;
	size_t n = 0;
	enum err e;

	*q = (struct request){.rk = UNSAID, .up = UNSAID, .uv = UNSAID};
	e = ctap_cbor_get_map(&r, &n);
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		e = ctap_cbor_get_int(&r, &key);
		if (e == ERR_OK)
			e = member(a, &r, key, q);
	}
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return status_of(e);
	if (q->client_data_hash.data == NULL || q->rp_id.data == NULL)
		return CTAP_MISSING_PARAMETER;
	if (q->client_data_hash.len != HASH_LEN || q->protect < 0 || q->protocol < 0)
		return CTAP_INVALID_PARAMETER;
	if (!a->options.cred_protect)
		q->protect = 0;
	return vcrypto_sha256(q->rp_id, q->rp_hash) == ERR_OK ? CTAP_OK : CTAP_OTHER;
}

enum ctap request_make(const struct authenticator *a, struct bytes body, struct request *out)
{
	const enum ctap status = read_request(a, body, out, member_make);

	if (status != CTAP_OK)
		return status;
	if (!out->user_given || !out->algs_given || out->user_id.data == NULL)
		return CTAP_MISSING_PARAMETER;
	if (out->user_id.len > USER_ID_MAX)
		return CTAP_INVALID_LENGTH;
	return CTAP_OK;
}

enum ctap request_assert(const struct authenticator *a, struct bytes body, struct request *out)
{
	return read_request(a, body, out, member_assert);
}
