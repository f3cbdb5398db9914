/* authenticatorCredentialManagement and its preview (CTAP 2.1, section 6.8). */
#include <string.h>

#include "tests/virtual/cbor.h"
#include "tests/virtual/impl.h"

enum subcommand {
	GET_METADATA = 1,
	RPS_BEGIN,
	RPS_NEXT,
	CREDENTIALS_BEGIN,
	CREDENTIALS_NEXT,
	DELETE,
	UPDATE_USER,
};

struct manage_request {
	int64_t sub;
	struct bytes params; /* the encoded map, which is signed too */
	struct bytes rp_hash;
	struct bytes id;
	struct bytes user_id;
	struct bytes user_name;
	struct bytes user_display;
	int64_t protocol;
	struct bytes auth;
};

static enum err read_inner(struct reader *r, struct manage_request *q, bool user)
{
	struct bytes key;
	size_t n;
	enum err e = ctap_cbor_get_map(r, &n);

	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		e = ctap_cbor_get_text(r, &key);
		if (e != ERR_OK)
			break;
		if (bytes_is(key, "id"))
			e = ctap_cbor_get_bytes(r, user ? &q->user_id : &q->id);
		else if (user && bytes_is(key, "name"))
			e = ctap_cbor_get_text(r, &q->user_name);
		else if (user && bytes_is(key, "displayName"))
			e = ctap_cbor_get_text(r, &q->user_display);
		else
			e = ctap_cbor_skip(r, NULL);
	}
	return e;
}

static enum err read_params(struct manage_request *q)
{
	struct reader r = reader_of(q->params);
	int64_t key;
	size_t n;
	enum err e = ctap_cbor_get_map(&r, &n);

	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		e = ctap_cbor_get_int(&r, &key);
		if (e != ERR_OK)
			break;
		if (key == 1)
			e = ctap_cbor_get_bytes(&r, &q->rp_hash);
		else if (key == 2 || key == 3)
			e = read_inner(&r, q, key == 3);
		else
			e = ctap_cbor_skip(&r, NULL);
	}
	return e;
}

static enum err read_manage(struct bytes body, struct manage_request *q)
{
	struct reader r = reader_of(body);
	int64_t key;
	size_t n;
	enum err e = ctap_cbor_get_map(&r, &n);

	*q = (struct manage_request){0};
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		e = ctap_cbor_get_int(&r, &key);
		if (e != ERR_OK)
			break;
		switch (key) {
		case 1:
			e = ctap_cbor_get_int(&r, &q->sub);
			break;
		case 2:
			e = ctap_cbor_skip(&r, &q->params);
			break;
		case 3:
			e = ctap_cbor_get_int(&r, &q->protocol);
			break;
		case 4:
			e = ctap_cbor_get_bytes(&r, &q->auth);
			break;
		default:
			e = ctap_cbor_skip(&r, NULL);
			break;
		}
	}
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK && q->params.len > 0)
		e = read_params(q);
	return e;
}

static bool same_rp(const struct resident *r, const uint8_t *hash)
{
	return memcmp(r->rp_hash, hash, HASH_LEN) == 0;
}

/* The first credential from `from` on with an rp that none before it has; n_residents: none. */
static size_t next_rp(const struct authenticator *a, size_t from)
{
	const struct resident *all = a->memory.residents;

	for (size_t i = from; i < a->memory.n_residents; i++) {
		size_t earlier = 0;

		while (earlier < i && !same_rp(&all[earlier], all[i].rp_hash))
			earlier++;
		if (earlier == i)
			return i;
	}
	return a->memory.n_residents;
}

static size_t next_of_rp(const struct authenticator *a, size_t from, const uint8_t *hash)
{
	while (from < a->memory.n_residents && !same_rp(&a->memory.residents[from], hash))
		from++;
	return from;
}

static void put_rp(const struct resident *r, size_t total, struct builder *out)
{
	ctap_cbor_put_map(out, total > 0 ? 3 : 2);
	ctap_cbor_put_int(out, 3);
	ctap_cbor_put_map(out, 1);
	ctap_cbor_put_text(out, "id");
	ctap_cbor_put_text_bytes(out, blob_view(&r->rp_id));
	ctap_cbor_put_int(out, 4);
	ctap_cbor_put_bytes(out, BYTES(r->rp_hash, HASH_LEN));
	if (total > 0) {
		ctap_cbor_put_int(out, 5);
		ctap_cbor_put_int(out, (int64_t)total);
	}
}

static enum ctap put_credential(const struct resident *r, size_t total, struct builder *out)
{
	const bool name = r->user_name.len > 0;
	const bool display = r->user_display.len > 0;
	enum err e;

	ctap_cbor_put_map(out, total > 0 ? 5 : 4);
	ctap_cbor_put_int(out, 6);
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
	ctap_cbor_put_int(out, 7);
	ctap_cbor_put_map(out, 2);
	ctap_cbor_put_text(out, "id");
	ctap_cbor_put_bytes(out, blob_view(&r->id));
	ctap_cbor_put_text(out, "type");
	ctap_cbor_put_text(out, "public-key");
	ctap_cbor_put_int(out, 8);
	e = credential_public(&r->key, out);
	if (total > 0) {
		ctap_cbor_put_int(out, 9);
		ctap_cbor_put_int(out, (int64_t)total);
	}
	ctap_cbor_put_int(out, 10);
	ctap_cbor_put_int(out, r->key.protect);
	return e == ERR_OK ? CTAP_OK : CTAP_OTHER;
}

static enum ctap metadata(const struct authenticator *a, struct builder *out)
{
	const size_t used = a->memory.n_residents;
	const size_t room = a->options.resident_max;

	ctap_cbor_put_map(out, 2);
	ctap_cbor_put_int(out, 1);
	ctap_cbor_put_int(out, (int64_t)used);
	ctap_cbor_put_int(out, 2);
	ctap_cbor_put_int(out, room > used ? (int64_t)(room - used) : 0);
	return CTAP_OK;
}

static enum ctap list_rps(struct authenticator *a, bool begin, struct builder *out)
{
	const size_t none = a->memory.n_residents;
	size_t total = 0;
	size_t at;

	if (begin)
		for (at = next_rp(a, 0); at < none; at = next_rp(a, at + 1))
			total++;
	else if (a->walk.sub != RPS_NEXT)
		return CTAP_NOT_ALLOWED;
	at = next_rp(a, begin ? 0 : a->walk.at);
	if (at == none) {
		a->walk.sub = 0;
		return begin ? CTAP_NO_CREDENTIALS : CTAP_NOT_ALLOWED;
	}
	a->walk.sub = RPS_NEXT;
	a->walk.at = at + 1;
	put_rp(&a->memory.residents[at], total, out);
	return CTAP_OK;
}

static enum ctap list_credentials(
    struct authenticator *a, struct bytes rp_hash, bool begin, struct builder *out)
{
	const size_t none = a->memory.n_residents;
	size_t total = 0;
	size_t at;

	if (begin) {
		if (rp_hash.len != HASH_LEN)
			return CTAP_MISSING_PARAMETER;
		memcpy(a->walk.rp_hash, rp_hash.data, HASH_LEN);
		for (at = 0; (at = next_of_rp(a, at, a->walk.rp_hash)) < none; at++)
			total++;
	} else if (a->walk.sub != CREDENTIALS_NEXT) {
		return CTAP_NOT_ALLOWED;
	}
	at = next_of_rp(a, begin ? 0 : a->walk.at, a->walk.rp_hash);
	if (at == none) {
		a->walk.sub = 0;
		return begin ? CTAP_NO_CREDENTIALS : CTAP_NOT_ALLOWED;
	}
	a->walk.sub = CREDENTIALS_NEXT;
	a->walk.at = at + 1;
	return put_credential(&a->memory.residents[at], total, out);
}

static enum ctap update_user(struct resident *r, const struct manage_request *q)
{
	enum err e;

	if (!bytes_equal(blob_view(&r->user_id), q->user_id))
		return CTAP_INVALID_PARAMETER;
	e = blob_copy(&r->user_name, q->user_name);
	if (e == ERR_OK)
		e = blob_copy(&r->user_display, q->user_display);
	return e == ERR_OK ? CTAP_OK : CTAP_OTHER;
}

static enum ctap change(struct authenticator *a, const struct manage_request *q)
{
	struct resident *r = credential_resident(a, q->id);

	if (q->id.data == NULL)
		return CTAP_MISSING_PARAMETER;
	if (r == NULL)
		return CTAP_NO_CREDENTIALS;
	a->changes++;
	if (q->sub == UPDATE_USER)
		return update_user(r, q);
	credential_delete(a, r);
	return CTAP_OK;
}

/* The token signs the subcommand and its parameters (CTAP 2.1, section 6.8.2). */
static enum ctap authorise(struct authenticator *a, const struct manage_request *q)
{
	const uint8_t sub = (uint8_t)q->sub;
	const bool by_rp = q->sub == CREDENTIALS_BEGIN;

	if (q->sub == RPS_NEXT || q->sub == CREDENTIALS_NEXT)
		return CTAP_OK;
	if (q->auth.data == NULL)
		return CTAP_PUAT_REQUIRED;
	if (by_rp && q->rp_hash.len != HASH_LEN)
		return CTAP_MISSING_PARAMETER;
	if (a->session.rp_bound && !by_rp)
		return CTAP_PIN_AUTH_INVALID;
	/* A token of this permission is bound only when it was asked for with an rp. */
	return pin_token_check(a, (int)q->protocol, BYTES(&sub, 1), q->params, q->auth, PERM_CM,
	    a->session.rp_bound ? q->rp_hash.data : NULL);
}

enum ctap command_manage(struct authenticator *a, struct bytes body, struct builder *out)
{
	struct manage_request q;
	enum ctap status;

	if (!a->options.credential_management)
		return CTAP_INVALID_COMMAND;
	if (read_manage(body, &q) != ERR_OK)
		return CTAP_INVALID_CBOR;
	if (q.sub < GET_METADATA || q.sub > UPDATE_USER)
		return q.sub == 0 ? CTAP_MISSING_PARAMETER : CTAP_INVALID_SUBCOMMAND;
	status = authorise(a, &q);
	if (status != CTAP_OK)
		return status;
	if (q.sub != RPS_NEXT && q.sub != CREDENTIALS_NEXT)
		a->walk = (struct walk){.command = a->command.data[0]};
	switch (q.sub) {
	case GET_METADATA:
		return metadata(a, out);
	case RPS_BEGIN:
	case RPS_NEXT:
		return list_rps(a, q.sub == RPS_BEGIN, out);
	case CREDENTIALS_BEGIN:
	case CREDENTIALS_NEXT:
		return list_credentials(a, q.rp_hash, q.sub == CREDENTIALS_BEGIN, out);
	default:
		return change(a, &q);
	}
}
