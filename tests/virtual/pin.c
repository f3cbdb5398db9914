/* authenticatorClientPIN (CTAP 2.1, section 6.5.5), and what its tokens allow. */
#include <string.h>

#include "proto/base/mem.h"
#include "tests/virtual/cbor.h"
#include "tests/virtual/impl.h"

enum { PADDED_PIN = 64, SHORTEST_PIN = 4 };

enum subcommand {
	GET_RETRIES = 1,
	GET_KEY_AGREEMENT,
	SET_PIN,
	CHANGE_PIN,
	GET_PIN_TOKEN,
	GET_TOKEN_BY_UV,
	GET_UV_RETRIES,
	GET_TOKEN_BY_PIN = 9,
};

/* A request, read; views into the command. */
struct pin_request {
	int64_t protocol;
	int64_t sub;
	struct reader key_agreement;
	struct bytes auth;
	struct bytes new_pin;
	struct bytes pin_hash;
	int64_t permissions;
	struct bytes rp_id;
};

void session_start(struct session *s)
{
	mem_wipe(s, sizeof *s);
	/* A failure leaves a key that nothing agrees with. */
	(void)vcrypto_seed(s->agreement);
}

/* --- tokens --------------------------------------------------------------- */

enum ctap pin_token_check(struct authenticator *a, int protocol, struct bytes first,
    struct bytes second, struct bytes auth, enum permission permission, const uint8_t *rp_hash)
{
	struct session *s = &a->session;

	if (protocol == 0)
		return CTAP_MISSING_PARAMETER;
	if (!protocol_known(a, protocol))
		return CTAP_INVALID_PARAMETER;
	if (!s->token_live || !protocol_verify(protocol, s->token, first, second, auth))
		return CTAP_PIN_AUTH_INVALID;
	if ((s->permissions & permission) == 0)
		return CTAP_PIN_AUTH_INVALID;
	if (s->rp_bound && (rp_hash == NULL || memcmp(s->rp_hash, rp_hash, HASH_LEN) != 0))
		return CTAP_PIN_AUTH_INVALID;
	if (!s->rp_bound && rp_hash != NULL && !a->options.preview) {
		s->rp_bound = true;
		memcpy(s->rp_hash, rp_hash, HASH_LEN);
	}
	return CTAP_OK;
}

void pin_token_used(struct authenticator *a)
{
	if (!a->options.preview)
		a->session.permissions = 0;
}

/* An empty parameter asks for a touch, to choose among keys (CTAP 2.1, section 6.1.2, step 1). */
static enum ctap choose(struct authenticator *a)
{
	const enum ctap status = touch_wait(a);

	if (status != CTAP_OK)
		return status;
	return a->memory.pin_set ? CTAP_PIN_INVALID : CTAP_PIN_NOT_SET;
}

enum ctap pin_authorise(
    struct authenticator *a, const struct request *q, enum permission permission, bool *verified)
{
	enum ctap status;

	*verified = false;
	if (q->auth_given && q->auth.len == 0)
		return choose(a);
	if (q->auth_given) {
		status = pin_token_check(a, q->protocol, q->client_data_hash, BYTES_NONE, q->auth,
		    permission, q->rp_hash);
	} else if (q->uv == YES) {
		status = touch_verify(a);
	} else {
		return CTAP_OK;
	}
	*verified = status == CTAP_OK;
	return status;
}

static enum ctap give_token(struct authenticator *a, const struct shared *shared,
    const struct pin_request *q, struct builder *out)
{
	struct session *s = &a->session;
	const bool old = q->sub == GET_PIN_TOKEN;
	struct builder sealed = {0};
	enum err e = vcrypto_random(s->token, sizeof s->token);

	s->token_live = e == ERR_OK;
	s->permissions = old ? PERM_MC | PERM_GA : (unsigned)q->permissions;
	/* Keys of the preview knew no permissions. */
	if (old && a->options.preview)
		s->permissions |= PERM_CM;
	s->rp_bound = q->rp_id.data != NULL;
	if (e == ERR_OK && s->rp_bound)
		e = vcrypto_sha256(q->rp_id, s->rp_hash);
	if (e == ERR_OK)
		e = shared_encrypt(shared, BYTES(s->token, sizeof s->token), &sealed);
	ctap_cbor_put_map(out, 1);
	ctap_cbor_put_int(out, 2);
	ctap_cbor_put_bytes(out, builder_view(&sealed));
	builder_clear(&sealed);
	return e == ERR_OK ? CTAP_OK : CTAP_OTHER;
}

/* --- the PIN -------------------------------------------------------------- */

static enum ctap blocked(const struct authenticator *a)
{
	if (a->memory.pin_retries == 0)
		return CTAP_PIN_BLOCKED;
	if (a->session.wrong_in_a_row >= AUTHENTICATOR_PIN_IN_A_ROW)
		return CTAP_PIN_AUTH_BLOCKED;
	return CTAP_OK;
}

/* One try at the PIN, which costs a retry before it is looked at. */
static enum ctap try_pin(
    struct authenticator *a, const struct shared *shared, struct bytes encrypted)
{
	uint8_t hash[PIN_HASH_LEN];
	enum ctap status = blocked(a);
	size_t n;

	if (status != CTAP_OK)
		return status;
	a->memory.pin_retries--;
	a->changes++;
	status = shared_decrypt(shared, encrypted, hash, sizeof hash, &n);
	if (status == CTAP_OK && n == sizeof hash &&
	    mem_equal(hash, a->memory.pin_hash, sizeof hash)) {
		a->memory.pin_retries = AUTHENTICATOR_PIN_RETRIES;
		a->session.wrong_in_a_row = 0;
		return CTAP_OK;
	}
	a->session.wrong_in_a_row++;
	(void)vcrypto_seed(a->session.agreement);
	status = blocked(a);
	return status == CTAP_OK ? CTAP_PIN_INVALID : status;
}

static size_t code_points(const uint8_t *text, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += (text[i] & 0xc0) != 0x80;
	return count;
}

static enum err keep_pin(struct authenticator *a, const uint8_t *pin, size_t n)
{
	uint8_t hash[HASH_LEN];
	const enum err e = vcrypto_sha256(BYTES(pin, n), hash);

	if (e != ERR_OK)
		return e;
	memcpy(a->memory.pin_hash, hash, PIN_HASH_LEN);
	a->memory.pin_set = true;
	a->memory.pin_retries = AUTHENTICATOR_PIN_RETRIES;
	a->memory.uv_retries = AUTHENTICATOR_UV_RETRIES;
	a->session.wrong_in_a_row = 0;
	a->session.token_live = false;
	a->changes++;
	return ERR_OK;
}

enum err authenticator_set_pin(struct authenticator *a, const char *pin)
{
	const size_t n = strlen(pin);

	if (n >= PADDED_PIN)
		return ERR_TOO_LONG;
	if (n > 0)
		return keep_pin(a, (const uint8_t *)pin, n);
	a->memory.pin_set = false;
	a->memory.pin_retries = AUTHENTICATOR_PIN_RETRIES;
	a->session.wrong_in_a_row = 0;
	a->session.token_live = false;
	a->changes++;
	return ERR_OK;
}

static enum ctap take_new_pin(
    struct authenticator *a, const struct shared *shared, struct bytes encrypted)
{
	const size_t least = a->options.min_pin == 0 ? SHORTEST_PIN : a->options.min_pin;
	uint8_t pin[PADDED_PIN];
	size_t n;
	enum ctap status = shared_decrypt(shared, encrypted, pin, sizeof pin, &n);

	if (status != CTAP_OK)
		return status;
	if (n != PADDED_PIN)
		return CTAP_INVALID_PARAMETER;
	n = strnlen((const char *)pin, sizeof pin);
	if (n == PADDED_PIN || code_points(pin, n) < least)
		status = CTAP_PIN_POLICY_VIOLATION;
	else if (keep_pin(a, pin, n) != ERR_OK)
		status = CTAP_OTHER;
	mem_wipe(pin, sizeof pin);
	return status;
}

/* --- subcommands ---------------------------------------------------------- */

static enum ctap put_retries(const struct authenticator *a, struct builder *out)
{
	ctap_cbor_put_map(out, 2);
	ctap_cbor_put_int(out, 3);
	ctap_cbor_put_int(out, a->memory.pin_retries);
	ctap_cbor_put_int(out, 4); /* it wants to be unplugged */
	ctap_cbor_put_bool(out, a->session.wrong_in_a_row >= AUTHENTICATOR_PIN_IN_A_ROW);
	return CTAP_OK;
}

static enum ctap put_key_agreement(const struct authenticator *a, struct builder *out)
{
	struct credential key = {.alg = ALG_ECDH};
	enum err e;

	memcpy(key.seed, a->session.agreement, SEED_LEN);
	ctap_cbor_put_map(out, 1);
	ctap_cbor_put_int(out, 1);
	e = credential_public(&key, out);
	mem_wipe(&key, sizeof key);
	return e == ERR_OK ? CTAP_OK : CTAP_OTHER;
}

static enum ctap set_pin(
    struct authenticator *a, const struct shared *shared, const struct pin_request *q)
{
	if (a->memory.pin_set)
		return CTAP_PIN_AUTH_INVALID;
	if (!protocol_verify(shared->protocol, shared->hmac_key, q->new_pin, BYTES_NONE, q->auth))
		return CTAP_PIN_AUTH_INVALID;
	return take_new_pin(a, shared, q->new_pin);
}

static enum ctap change_pin(
    struct authenticator *a, const struct shared *shared, const struct pin_request *q)
{
	enum ctap status;

	if (!a->memory.pin_set)
		return CTAP_PIN_NOT_SET;
	status = blocked(a);
	if (status != CTAP_OK)
		return status;
	if (!protocol_verify(shared->protocol, shared->hmac_key, q->new_pin, q->pin_hash, q->auth))
		return CTAP_PIN_AUTH_INVALID;
	status = try_pin(a, shared, q->pin_hash);
	return status == CTAP_OK ? take_new_pin(a, shared, q->new_pin) : status;
}

static enum ctap token_by_pin(struct authenticator *a, const struct shared *shared,
    const struct pin_request *q, struct builder *out)
{
	enum ctap status;

	if (!a->memory.pin_set)
		return CTAP_PIN_NOT_SET;
	status = try_pin(a, shared, q->pin_hash);
	return status == CTAP_OK ? give_token(a, shared, q, out) : status;
}

static enum ctap token_by_uv(struct authenticator *a, const struct shared *shared,
    const struct pin_request *q, struct builder *out)
{
	const enum ctap status = a->options.uv ? touch_verify(a) : CTAP_NOT_ALLOWED;

	return status == CTAP_OK ? give_token(a, shared, q, out) : status;
}

static enum err read_pin_request(struct bytes body, struct pin_request *q)
{
	struct reader r = reader_of(body);
	struct bytes raw;
	int64_t key;
	size_t n;
	enum err e = ctap_cbor_get_map(&r, &n);

	*q = (struct pin_request){0};
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		e = ctap_cbor_get_int(&r, &key);
		if (e != ERR_OK)
			break;
		switch (key) {
		case 1:
			e = ctap_cbor_get_int(&r, &q->protocol);
			break;
		case 2:
			e = ctap_cbor_get_int(&r, &q->sub);
			break;
		case 3:
			e = ctap_cbor_skip(&r, &raw);
			if (e == ERR_OK)
				q->key_agreement = reader_of(raw);
			break;
		case 4:
			e = ctap_cbor_get_bytes(&r, &q->auth);
			break;
		case 5:
			e = ctap_cbor_get_bytes(&r, &q->new_pin);
			break;
		case 6:
			e = ctap_cbor_get_bytes(&r, &q->pin_hash);
			break;
		case 9:
			e = ctap_cbor_get_int(&r, &q->permissions);
			break;
		case 10:
			e = ctap_cbor_get_text(&r, &q->rp_id);
			break;
		default:
			e = ctap_cbor_skip(&r, NULL);
			break;
		}
	}
	return e == ERR_OK ? reader_end(&r) : e;
}

/* What each subcommand needs: a row that is not here is not known. */
enum need { KEY = 1, AUTH = 2, NEW_PIN = 4, PIN_HASH = 8, PERMISSIONS = 16 };

static const struct {
	uint8_t sub;
	uint8_t needs;
} rows[] = {
    {GET_RETRIES, 0},
    {GET_KEY_AGREEMENT, 0},
    {SET_PIN, KEY | AUTH | NEW_PIN},
    {CHANGE_PIN, KEY | AUTH | NEW_PIN | PIN_HASH},
    {GET_PIN_TOKEN, KEY | PIN_HASH},
    {GET_TOKEN_BY_UV, KEY | PERMISSIONS},
    {GET_UV_RETRIES, 0},
    {GET_TOKEN_BY_PIN, KEY | PIN_HASH | PERMISSIONS},
};

static enum ctap check_needs(const struct authenticator *a, const struct pin_request *q)
{
	const unsigned there =
	    (q->key_agreement.p != NULL ? KEY : 0) | (q->auth.data != NULL ? AUTH : 0) |
	    (q->new_pin.data != NULL ? NEW_PIN : 0) | (q->pin_hash.data != NULL ? PIN_HASH : 0) |
	    (q->permissions != 0 ? PERMISSIONS : 0);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].sub != q->sub)
			continue;
		if (a->options.preview && (rows[i].needs & PERMISSIONS) != 0)
			break;
		if ((rows[i].needs & ~there) != 0)
			return CTAP_MISSING_PARAMETER;
		/* Old requests may carry no permissions (section 6.5.5.7.1). */
		if (q->sub == GET_PIN_TOKEN && (q->permissions != 0 || q->rp_id.data != NULL))
			return CTAP_INVALID_PARAMETER;
		return CTAP_OK;
	}
	return CTAP_INVALID_SUBCOMMAND;
}

enum ctap command_pin(struct authenticator *a, struct bytes body, struct builder *out)
{
	struct pin_request q;
	struct shared shared;
	enum ctap status;

	if (!a->options.pin && !a->options.uv)
		return CTAP_INVALID_COMMAND;
	if (read_pin_request(body, &q) != ERR_OK)
		return CTAP_INVALID_CBOR;
	status = check_needs(a, &q);
	if (status != CTAP_OK)
		return status;
	if (q.sub == GET_RETRIES)
		return put_retries(a, out);
	if (q.sub == GET_UV_RETRIES) {
		ctap_cbor_put_map(out, 1);
		ctap_cbor_put_int(out, 5);
		ctap_cbor_put_int(out, a->memory.uv_retries);
		return CTAP_OK;
	}
	if (!protocol_known(a, q.protocol))
		return q.protocol == 0 ? CTAP_MISSING_PARAMETER : CTAP_INVALID_PARAMETER;
	if (q.sub == GET_KEY_AGREEMENT)
		return put_key_agreement(a, out);
	if (!a->options.pin && q.sub != GET_TOKEN_BY_UV)
		return CTAP_INVALID_SUBCOMMAND;
	status = shared_make(a, (int)q.protocol, q.key_agreement, &shared);
	if (status != CTAP_OK)
		return status;
	switch (q.sub) {
	case SET_PIN:
		status = set_pin(a, &shared, &q);
		break;
	case CHANGE_PIN:
		status = change_pin(a, &shared, &q);
		break;
	case GET_TOKEN_BY_UV:
		status = token_by_uv(a, &shared, &q, out);
		break;
	default:
		status = token_by_pin(a, &shared, &q, out);
		break;
	}
	mem_wipe(&shared, sizeof shared);
	return status;
}
