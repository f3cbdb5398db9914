/* Signatures, on a device of ours or by a middleware library. */
#include <fido.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/mem.h"
#include "tokens/base/ecdsasig.h"
#include "tokens/fido/cancel.h"
#include "tokens/fido/middleware.h"
#include "tokens/fido/op.h"
#include "tokens/fido/pin.h"
#include "tokens/fido/request.h"
#include "tokens/fido/token.h"

/* Built-in verifications tried in one operation; a device may allow fewer. */
enum { UV_TRIES = 3 };

enum { P256_FIELD = 32 }; /* bytes of a coordinate of the one curve that devices use here */

/* The device signed what was asked, with the key that was asked for. */
static enum err check_answer(struct op *op, const fido_assert_t *a, const struct fido_sign *m)
{
	struct bytes id;

	if (fido_assert_count(a) != 1)
		return op_fail(op, ERR_DEVICE, "%zu signatures", fido_assert_count(a));
	id = BYTES(fido_assert_id_ptr(a, 0), fido_assert_id_len(a, 0));
	/* A device may leave out what there was only one of (CTAP 2.1, section 6.2.2). */
	if (id.len != 0 && !bytes_equal(id, m->key.handle))
		return op_fail(op, ERR_DEVICE, "a signature of another key");
	return ERR_OK;
}

static enum err take_signature(struct op *op, const fido_assert_t *a, const struct fido_sign *m)
{
	struct bytes sig = BYTES(fido_assert_sig_ptr(a, 0), fido_assert_sig_len(a, 0));
	struct fido_signed out = {
	    .flags = fido_assert_flags(a, 0), .counter = fido_assert_sigcount(a, 0)};
	enum err e = check_answer(op, a, m);

	if (e != ERR_OK)
		return e;
	if (m->key.algorithm == FIDO_ECDSA)
		e = ecdsasig_read(sig, P256_FIELD, &out.r, &out.s);
	else if (sig.len == 64)
		out.r = sig;
	else
		e = ERR_FORMAT;
	if (e != ERR_OK)
		return op_fail(op, ERR_DEVICE, "the signature is malformed");
	fido_signed_build(&op->answer, &out);
	return ERR_OK;
}

/*
 * No U2F key signs without a touch, and none verifies its user; asking for a touch anyway is what
 * makes a key usable there whose owner wants none.
 */
static int set_presence(fido_assert_t *a, const struct token *t, const struct fido_sign *m)
{
	bool touch = (m->key.flags & FIDO_TOUCH) != 0 || !fido_dev_is_fido2(t->dev);

	return fido_assert_set_up(a, touch ? FIDO_OPT_TRUE : FIDO_OPT_FALSE);
}

/* Let the device verify its user by itself, again while it has tries left. */
static int assert_with_uv(struct token *t, fido_assert_t *a, const struct op *op)
{
	int code = FIDO_ERR_UV_INVALID;

	if (fido_assert_set_uv(a, FIDO_OPT_TRUE) != FIDO_OK)
		return FIDO_ERR_INTERNAL;
	for (int i = 0; i < UV_TRIES && code == FIDO_ERR_UV_INVALID; i++) {
		if (i > 0 && (cancel_asked(op->cancel) || token_uv_tries(t) == 0))
			break;
		code = fido_dev_get_assert(t->dev, a, NULL);
	}
	return code;
}

static enum err assert_on(struct op *op, struct token *t, const struct fido_sign *m,
    fido_assert_t *a, enum pin_way way, const char *pin)
{
	uint64_t since = clock_now();
	int code;

	if (set_presence(a, t, m) != FIDO_OK)
		return ERR_SYSTEM;
	token_await_person(t);
	code = way == PIN_BUILT_IN ? assert_with_uv(t, a, op)
				   : fido_dev_get_assert(t->dev, a, way == PIN_SENT ? pin : NULL);
	if (code == FIDO_OK)
		return take_signature(op, a, m);
	return pin_failed(op, t, way, code, since);
}

static enum err sign_on_device(struct op *op, const struct fido_sign *m)
{
	char pin[FIDO_PIN_MOST + 1] = {0};
	fido_assert_t *a = NULL;
	enum pin_way way = PIN_NONE;
	struct token t;
	enum err e = token_open(op, m->path, &t);

	if (e != ERR_OK)
		return e;
	if (m->pin.len != 0)
		memcpy(pin, m->pin.data, m->pin.len);
	/* A U2F key of this kind there cannot be. */
	if (!fido_dev_is_fido2(t.dev) && m->key.algorithm != FIDO_ECDSA)
		e = op_fail(op, ERR_NO_DEVICE, "%s knows U2F only", t.path);
	if (e == ERR_OK)
		e = pin_way(op, &t, m->pin.len != 0, (m->key.flags & FIDO_VERIFY) != 0, &way);
	if (e == ERR_OK)
		e = request_new(&m->key, m->data, &a);
	if (e == ERR_OK)
		e = assert_on(op, &t, m, a, way, pin);
	mem_wipe(pin, sizeof(pin));
	fido_assert_free(&a);
	token_close(op, &t);
	return e;
}

enum err op_sign(struct op *op)
{
	struct fido_sign m;
	enum err e = fido_sign_parse(op->message, &m);

	if (e != ERR_OK)
		return e;
	return m.provider.len != 0 ? middleware_sign(op, &m) : sign_on_device(op, &m);
}
