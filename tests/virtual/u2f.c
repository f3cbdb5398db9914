/* U2F raw messages (FIDO U2F Raw Message Formats 1.2). */
#include <string.h>

#include "proto/base/mem.h"
#include "tests/virtual/apdu.h"
#include "tests/virtual/impl.h"

enum { INS_REGISTER = 1, INS_AUTHENTICATE = 2, INS_VERSION = 3 };
enum { ENFORCE = 0x03, CHECK_ONLY = 0x07, DONT_ENFORCE = 0x08 };
enum { HANDLE_MAX = 255 };

static enum status_word register_key(
    struct authenticator *a, const struct apdu *apdu, struct builder *out)
{
	const struct bytes challenge = BYTES(apdu->data.data, HASH_LEN);
	const uint8_t *application = apdu->data.data + HASH_LEN;
	struct credential c = {.alg = ALG_ES256, .protect = PROTECT_NONE};
	struct credential shown;
	struct builder id = {0};
	struct builder data = {0};
	uint8_t point[65] = {4};
	uint8_t signature[SIGNATURE_MAX];
	size_t n;
	enum err e;

	if (apdu->data.len != 2 * HASH_LEN)
		return SW_WRONG_LENGTH;
	if (!touch_u2f(a))
		return SW_CONDITIONS;
	e = credential_new(a, application, &c, &id);
	shown = c;
	if (e == ERR_OK && a->mode == AUTHENTICATOR_OTHER_KEY)
		e = vcrypto_seed(shown.seed);
	if (e == ERR_OK)
		e = vcrypto_public(ALG_ES256, shown.seed, point + 1, point + 33);
	if (e == ERR_OK && id.len > HANDLE_MAX)
		e = ERR_TOO_LONG;
	if (e != ERR_OK)
		goto out;
	builder_u8(&data, 0);
	builder_put(&data, BYTES(application, HASH_LEN));
	builder_put(&data, challenge);
	builder_put(&data, builder_view(&id));
	builder_put(&data, BYTES(point, sizeof point));
	e = vcrypto_sign(ALG_ES256, a->memory.attester, builder_view(&data), signature, &n);
	if (e == ERR_OK && a->mode == AUTHENTICATOR_BAD_SIGNATURE)
		signature[n - 1] ^= 1;
	builder_u8(out, 5);
	builder_put(out, BYTES(point, sizeof point));
	builder_u8(out, (uint8_t)id.len);
	builder_put(out, builder_view(&id));
	if (e == ERR_OK)
		e = vcrypto_certificate(a->memory.attester, a->options.aaguid, out);
	builder_put(out, BYTES(signature, n));
	a->counts.registrations++;
out:
	mem_wipe(&c, sizeof c);
	mem_wipe(&shown, sizeof shown);
	builder_clear(&id);
	builder_clear(&data);
	return e == ERR_OK ? SW_OK : SW_FAILED;
}

static enum status_word authenticate(
    struct authenticator *a, const struct apdu *apdu, struct builder *out)
{
	const struct bytes in = apdu->data;
	const bool present = apdu->p1 == ENFORCE;
	const uint8_t *application;
	struct credential c;
	struct builder data = {0};
	uint8_t signature[SIGNATURE_MAX];
	size_t n;
	enum err e;

	if (apdu->p1 != ENFORCE && apdu->p1 != CHECK_ONLY && apdu->p1 != DONT_ENFORCE)
		return SW_WRONG_P1P2;
	if (in.len < 2 * HASH_LEN + 1 || in.len != 2 * HASH_LEN + 1 + (size_t)in.data[64])
		return SW_WRONG_LENGTH;
	application = in.data + HASH_LEN;
	if (!credential_open(a, application, BYTES(in.data + 65, in.data[64]), &c) ||
	    c.alg != ALG_ES256 || c.protect == PROTECT_UV)
		return SW_WRONG_DATA;
	if (apdu->p1 == CHECK_ONLY || (present && !touch_u2f(a)))
		return SW_CONDITIONS;
	/* Application, flags, counter: authenticator data is made like this. */
	authdata_put(a, application, present ? FLAG_UP : 0, &data);
	if (data.len > HASH_LEN)
		builder_put(out, BYTES(data.data + HASH_LEN, data.len - HASH_LEN));
	builder_put(&data, BYTES(in.data, HASH_LEN));
	e = builder_error(&data);
	if (e == ERR_OK)
		e = authdata_sign(a, &c, builder_view(&data), signature, &n);
	if (e == ERR_OK)
		builder_put(out, BYTES(signature, n));
	if (present)
		a->counts.assertions++;
	else
		a->counts.silent++;
	mem_wipe(&c, sizeof c);
	builder_clear(&data);
	return e == ERR_OK ? SW_OK : SW_FAILED;
}

static enum status_word version(const struct apdu *apdu, struct builder *out)
{
	if (apdu->data.len != 0)
		return SW_WRONG_LENGTH;
	builder_put(out, bytes_str("U2F_V2"));
	return SW_OK;
}

static enum status_word answer(
    struct authenticator *a, const struct apdu *apdu, struct builder *out)
{
	if (apdu->cla != 0)
		return SW_CLA;
	if (!a->options.u2f)
		return SW_INS;
	/* CTAP 2.1, section 7.2.4: U2F cannot verify a person. */
	if (a->options.always_uv && apdu->ins != INS_VERSION)
		return SW_NOT_ALLOWED;
	switch (apdu->ins) {
	case INS_REGISTER:
		return register_key(a, apdu, out);
	case INS_AUTHENTICATE:
		return authenticate(a, apdu, out);
	case INS_VERSION:
		return version(apdu, out);
	default:
		return SW_INS;
	}
}

void u2f_command(struct authenticator *a, struct bytes apdu, struct builder *out)
{
	enum status_word sw = SW_WRONG_LENGTH;
	struct apdu parsed;

	if (apdu_parse(apdu, &parsed) == ERR_OK)
		sw = answer(a, &parsed, out);
	if (sw != SW_OK)
		builder_reset(out);
	apdu_put_status(out, sw);
}
