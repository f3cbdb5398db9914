/* What a device is, and which keys it holds, without anybody touching it. */
#include <fido.h>
#include <string.h>

#include "proto/base/clock.h"
#include "tokens/fido/errors.h"
#include "tokens/fido/op.h"
#include "tokens/fido/request.h"
#include "tokens/fido/token.h"

/* What is asked about may be more than the device can take in one message. */
struct bounds {
	uint64_t message; /* bytes; 0: not told */
	uint64_t handle;
};

/* The map, its keys, a hash and the options of an assertion, beside application and handle. */
enum { ASSERTION_OVERHEAD = 96 };

static bool has_option(const fido_cbor_info_t *ci, const char *name)
{
	char **names = fido_cbor_info_options_name_ptr(ci);
	const bool *values = fido_cbor_info_options_value_ptr(ci);

	for (size_t i = 0; i < fido_cbor_info_options_len(ci); i++) {
		if (strcmp(names[i], name) == 0)
			return values[i];
	}
	return false;
}

static uint32_t abilities_of(const fido_dev_t *dev)
{
	uint32_t a = FIDO_CAN_CTAP2;

	if (fido_dev_supports_pin(dev))
		a |= FIDO_CAN_PIN;
	if (fido_dev_has_pin(dev))
		a |= FIDO_HAS_PIN;
	if (fido_dev_has_uv(dev))
		a |= FIDO_HAS_UV;
	if (fido_dev_supports_credman(dev))
		a |= FIDO_CAN_MANAGE;
	return a;
}

/* A U2F device has nothing to say of itself. */
static enum err ask_info(
    struct op *op, struct token *t, struct fido_info *info, struct bounds *bounds)
{
	uint64_t since = clock_now();
	fido_cbor_info_t *ci;
	int code;

	*info = (struct fido_info){.pin_tries = FIDO_TRIES_UNKNOWN, .uv_tries = FIDO_TRIES_UNKNOWN};
	if (!fido_dev_is_fido2(t->dev))
		return ERR_OK;
	ci = fido_cbor_info_new();
	if (ci == NULL)
		return ERR_MEMORY;
	code = fido_dev_get_cbor_info(t->dev, ci);
	if (code == FIDO_OK) {
		info->abilities = abilities_of(t->dev);
		if (has_option(ci, "rk"))
			info->abilities |= FIDO_CAN_RESIDENT;
		if (fido_cbor_info_aaguid_len(ci) == sizeof(info->aaguid))
			memcpy(info->aaguid, fido_cbor_info_aaguid_ptr(ci), sizeof(info->aaguid));
		info->firmware = fido_cbor_info_fwversion(ci);
		bounds->message = fido_cbor_info_maxmsgsiz(ci);
		bounds->handle = fido_cbor_info_maxcredidlen(ci);
	}
	fido_cbor_info_free(&ci);
	if (code != FIDO_OK)
		return token_failed(op, t, code, since);
	info->pin_tries = token_pin_tries(t);
	info->uv_tries = token_uv_tries(t);
	return ERR_OK;
}

static bool fits(const struct bounds *b, const struct fido_credential *c)
{
	return c->handle.len != 0 && (b->handle == 0 || c->handle.len <= b->handle) &&
	       (b->message == 0 ||
		   c->handle.len + c->application.len + ASSERTION_OVERHEAD <= b->message);
}

/*
 * What an answer to a silent assertion says.  A key that wants its user verified may hide
 * (credProtect; CTAP 2.1, section 12.1), and a device may want that for all its keys.
 */
static enum err held_of(struct op *op, struct token *t, int code, bool verify, uint8_t *held)
{
	switch (code) {
	case FIDO_OK:
	case FIDO_ERR_USER_PRESENCE_REQUIRED: /* U2F: this key, if somebody touches it */
	case FIDO_ERR_UP_REQUIRED:
		*held = FIDO_HELD_YES;
		return ERR_OK;
	case FIDO_ERR_NO_CREDENTIALS:
	case FIDO_ERR_INVALID_CREDENTIAL:
	case FIDO_ERR_CREDENTIAL_EXCLUDED:
	case FIDO_ERR_INVALID_LENGTH:
	case FIDO_ERR_REQUEST_TOO_LARGE:
	case FIDO_ERR_LIMIT_EXCEEDED:
		*held = verify ? FIDO_HELD_HIDDEN : FIDO_HELD_NO;
		return ERR_OK;
	case FIDO_ERR_PIN_REQUIRED:
	case FIDO_ERR_PIN_INVALID:
	case FIDO_ERR_PIN_AUTH_INVALID:
	case FIDO_ERR_OPERATION_DENIED:
	case FIDO_ERR_UNSUPPORTED_OPTION:
	case FIDO_ERR_INVALID_OPTION:
		*held = FIDO_HELD_HIDDEN;
		return ERR_OK;
	default:
		return token_failed(op, t, code, clock_now());
	}
}

static enum err ask_held(struct op *op, struct token *t, const struct bounds *bounds,
    const struct fido_credential *c, uint8_t *held)
{
	bool u2f = !fido_dev_is_fido2(t->dev);
	bool verify =
	    (c->flags & FIDO_VERIFY) != 0 && (fido_dev_has_pin(t->dev) || fido_dev_has_uv(t->dev));
	fido_assert_t *assertion = NULL;
	enum err e;

	*held = FIDO_HELD_NO;
	if (!fits(bounds, c) || (u2f && (c->algorithm != FIDO_ECDSA || c->flags & FIDO_VERIFY)))
		return ERR_OK;
	e = request_new(c, BYTES_NONE, &assertion);
	if (e != ERR_OK)
		return e;
	if (fido_assert_set_up(assertion, FIDO_OPT_FALSE) != FIDO_OK)
		e = ERR_MEMORY;
	else
		e = held_of(op, t, fido_dev_get_assert(t->dev, assertion, NULL), verify, held);
	fido_assert_free(&assertion);
	return e;
}

enum err op_probe(struct op *op)
{
	uint8_t held[FIDO_CREDENTIALS_MOST];
	struct bounds bounds = {0};
	struct fido_info info;
	struct fido_probe m;
	struct token t;
	enum err e = fido_probe_parse(op->message, &m);

	if (e == ERR_OK)
		e = token_open(op, m.path, &t);
	if (e != ERR_OK)
		return e;
	e = ask_info(op, &t, &info, &bounds);
	for (uint32_t i = 0; e == ERR_OK && i < m.count; i++) {
		struct fido_credential c;

		e = fido_credential_next(&m.credentials, &c);
		if (e == ERR_OK)
			e = ask_held(op, &t, &bounds, &c, &held[i]);
	}
	if (e == ERR_OK)
		fido_probed_build(&op->answer, &info, BYTES(held, m.count));
	token_close(op, &t);
	return e;
}
