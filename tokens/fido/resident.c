/* The keys that a device keeps itself. */
#include <fido.h>
#include <fido/credman.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/clock.h"
#include "proto/base/mem.h"
#include "proto/limits.h"
#include "tokens/fido/cancel.h"
#include "tokens/fido/middleware.h"
#include "tokens/fido/op.h"
#include "tokens/fido/pin.h"
#include "tokens/fido/token.h"

enum { POINT = 65 };

/* What the views of an answer point into. */
struct harvest {
	fido_credman_rp_t *rps;
	fido_credman_rk_t **rks; /* one for each of rps; NULL where it was not asked */
	struct fido_key *keys;   /* FIDO_KEYS_MOST */
	uint8_t (*points)[POINT];
	size_t n;
};

static bool is_ssh(const char *rp)
{
	/* As OpenSSH: an application may be written in any case. */
	return rp != NULL && strncasecmp(rp, "ssh:", 4) == 0;
}

static struct bytes cut(const char *text, size_t most)
{
	return text == NULL ? BYTES_NONE : BYTES(text, strnlen(text, most));
}

/* False for a credential that is none of SSH's kinds: others may use such an application too. */
static bool take_public(struct harvest *h, const fido_cred_t *cred, struct fido_key *k)
{
	const uint8_t *key = fido_cred_pubkey_ptr(cred);
	size_t len = fido_cred_pubkey_len(cred);
	uint8_t *point = h->points[h->n];

	if (fido_cred_type(cred) == COSE_EDDSA && len == 32) {
		k->credential.algorithm = FIDO_ED25519;
		k->public = BYTES(key, len);
		return true;
	}
	if (fido_cred_type(cred) != COSE_ES256 || len != POINT - 1)
		return false;
	point[0] = 0x04;
	memcpy(point + 1, key, len);
	k->credential.algorithm = FIDO_ECDSA;
	k->public = BYTES(point, POINT);
	return true;
}

static void take_key(struct harvest *h, const char *rp, const fido_cred_t *cred)
{
	struct fido_key *k = &h->keys[h->n];
	size_t user_id = fido_cred_user_id_len(cred);

	*k = (struct fido_key){
	    .credential =
		{
		    .application = bytes_str(rp),
		    .handle = BYTES(fido_cred_id_ptr(cred), fido_cred_id_len(cred)),
		    .flags = FIDO_TOUCH | FIDO_RESIDENT_KEY,
		},
	    .user_name = cut(fido_cred_user_name(cred), FIDO_NAME_MOST),
	};
	if (fido_cred_prot(cred) == FIDO_CRED_PROT_UV_REQUIRED)
		k->credential.flags |= FIDO_VERIFY;
	if (user_id != 0 && user_id <= FIDO_USER_ID_MOST)
		k->user_id = BYTES(fido_cred_user_id_ptr(cred), user_id);
	if (take_public(h, cred, k) && k->credential.handle.len != 0 &&
	    k->credential.handle.len <= FIDO_HANDLE_MOST &&
	    k->credential.application.len <= FIDO_APPLICATION_MOST)
		h->n++;
}

static int ask_keys(struct harvest *h, struct token *t, size_t i, const char *pin)
{
	const char *rp = fido_credman_rp_id(h->rps, i);
	fido_credman_rk_t *rk;
	int code;

	h->rks[i] = rk = fido_credman_rk_new();
	if (rk == NULL)
		return FIDO_ERR_INTERNAL;
	code = fido_credman_get_dev_rk(t->dev, rp, rk, pin);
	for (size_t j = 0; code == FIDO_OK && j < fido_credman_rk_count(rk); j++) {
		if (h->n == FIDO_KEYS_MOST)
			return FIDO_ERR_LIMIT_EXCEEDED;
		take_key(h, rp, fido_credman_rk(rk, j));
	}
	/* A key of an algorithm that libfido2 does not know hides its neighbours, but no others. */
	return code == FIDO_ERR_NO_CREDENTIALS || code == FIDO_ERR_RX_INVALID_CBOR ? FIDO_OK : code;
}

static int ask_all(struct harvest *h, struct token *t, const struct op *op, const char *pin)
{
	int code = fido_credman_get_dev_rp(t->dev, h->rps, pin);
	size_t n = fido_credman_rp_count(h->rps);

	if (code == FIDO_ERR_NO_CREDENTIALS)
		return FIDO_OK;
	if (code != FIDO_OK || n == 0)
		return code;
	h->rks = calloc(n, sizeof(*h->rks));
	if (h->rks == NULL)
		return FIDO_ERR_INTERNAL;
	for (size_t i = 0; code == FIDO_OK && i < n; i++) {
		if (cancel_asked(op->cancel))
			return FIDO_ERR_KEEPALIVE_CANCEL;
		if (is_ssh(fido_credman_rp_id(h->rps, i)))
			code = ask_keys(h, t, i, pin);
	}
	return code;
}

static enum err harvest_new(struct harvest *h)
{
	h->rps = fido_credman_rp_new();
	h->keys = calloc(FIDO_KEYS_MOST, sizeof(*h->keys));
	h->points = calloc(FIDO_KEYS_MOST, sizeof(*h->points));
	return h->rps != NULL && h->keys != NULL && h->points != NULL ? ERR_OK : ERR_MEMORY;
}

static void harvest_free(struct harvest *h)
{
	size_t n = h->rks != NULL ? fido_credman_rp_count(h->rps) : 0;

	for (size_t i = 0; i < n; i++)
		fido_credman_rk_free(&h->rks[i]);
	fido_credman_rp_free(&h->rps);
	free(h->rks);
	free(h->keys);
	free(h->points);
}

static enum err resident_on_device(struct op *op, const struct fido_resident *m)
{
	char pin[FIDO_PIN_MOST + 1] = {0};
	enum pin_way way = PIN_NONE;
	struct harvest h = {0};
	struct token t;
	uint64_t since = clock_now();
	int code;
	enum err e = token_open(op, m->path, &t);

	if (e != ERR_OK)
		return e;
	if (m->pin.len != 0)
		memcpy(pin, m->pin.data, m->pin.len);
	if (!fido_dev_supports_credman(t.dev))
		e = op_fail(op, ERR_UNSUPPORTED, "%s cannot list its keys", t.path);
	if (e == ERR_OK)
		e = pin_way(op, &t, m->pin.len != 0, true, &way);
	if (e == ERR_OK)
		e = harvest_new(&h);
	if (e == ERR_OK) {
		token_await_person(&t);
		code = ask_all(&h, &t, op, way == PIN_SENT ? pin : NULL);
		if (code != FIDO_OK)
			e = pin_failed(op, &t, way, code, since);
	}
	mem_wipe(pin, sizeof(pin));
	if (e == ERR_OK)
		fido_keys_build(&op->answer, h.keys, h.n);
	harvest_free(&h);
	token_close(op, &t);
	return e;
}

enum err op_resident(struct op *op)
{
	struct fido_resident m;
	enum err e = fido_resident_parse(op->message, &m);

	if (e != ERR_OK)
		return e;
	return m.provider.len != 0 ? middleware_resident(op, &m) : resident_on_device(op, &m);
}
