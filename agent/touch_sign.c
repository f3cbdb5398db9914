/* The PIN, where one is needed, and the signature. */
#include "agent/touch_impl.h"

#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/fidomsg.h"

enum {
	MOST_ASKED = 2, /* one more chance than the first */
	PIN_LEAST = 4,  /* characters, hence bytes too (CTAP 2.1, section 6.5.1) */
};

static const char title[] = "Signet: PIN of a security key";

/* --- PIN ---------------------------------------------------------------------- */

static void ask_pin(struct touch *t);

/* A PIN that no device has is not tried; what a library wants is not known. */
static bool is_pin(const struct touch *t, struct bytes typed)
{
	return typed.len <= FIDO_PIN_MOST && (typed.len >= PIN_LEAST || t->provider.len != 0);
}

static void pin_given(void *ctx, enum err result, struct bytes answer)
{
	struct touch *t = ctx;

	t->prompt = NULL;
	if (result == ERR_OK && answer.len == 0)
		result = ERR_DENIED;
	if (result == ERR_OK && !is_pin(t, answer)) {
		t->why = ERR_PIN;
		t->remark = REMARK_LENGTH;
		ask_pin(t);
		return;
	}
	if (result == ERR_OK)
		result = blob_copy(&t->pin, answer);
	if (result == ERR_OK)
		touch_sign(t);
	else
		touch_finish(t, result == ERR_NO_PROMPT ? ERR_PIN_NEEDED : result, BYTES_NONE);
}

/* Again for t->why, if there is one more chance. */
static void ask_pin(struct touch *t)
{
	struct builder text = {0};

	if (t->asked++ == MOST_ASKED) {
		touch_refuse(t);
		return;
	}
	t->stage = TOUCH_PIN;
	touch_pin_text(&text, t);
	if (builder_error(&text) == ERR_OK)
		t->prompt = touch_ask(t, ASKPASS_SECRET, title, builder_view(&text),
		    t->all->options->prompt_timeout, pin_given, t);
	builder_clear(&text);
	if (t->prompt == NULL)
		touch_finish(t, ERR_PIN_NEEDED, BYTES_NONE);
}

static void pin_was_good(struct touch *t)
{
	t->sent = SENT_NONE;
	if (t->pin.len != 0 && t->all->options->remember_pin != 0 && t->device != NULL)
		device_pin_keep(t->device, blob_view(&t->pin), t->all->options->remember_pin);
}

void touch_doubt_pin(struct touch *t)
{
	if (t->sent == SENT_KEPT && !t->blinks && t->device != NULL)
		device_pin_forget(t->device);
	t->sent = SENT_NONE;
}

/* The PIN was found good before it failed with this, or was not looked at. */
static bool clears_pin(enum err why)
{
	return why == ERR_TOUCH_TIMEOUT || why == ERR_NO_DEVICE || why == ERR_DEVICE_BUSY ||
	       why == ERR_CANCELLED;
}

/* --- signing ------------------------------------------------------------------ */

/* A remembered one only for what needs one. */
static struct bytes choose_pin(struct touch *t, bool verify)
{
	const struct blob *kept = t->device != NULL ? device_pin(t->device) : NULL;

	t->sent = SENT_NONE;
	if (t->pin.len != 0) {
		t->sent = SENT_TYPED;
		return blob_view(&t->pin);
	}
	if (kept == NULL || (!verify && !t->pin_wanted))
		return BYTES_NONE;
	t->sent = SENT_KEPT;
	return blob_view(kept);
}

void touch_sign(struct touch *t)
{
	struct builder b = {0};
	struct key_sk token;
	struct fido_sign m = {
	    .provider = blob_view(&t->provider),
	    .path = t->provider.len == 0 ? device_path(t->device) : BYTES_NONE,
	    .data = blob_view(&t->data),
	};

	key_sk(t->key, &token);
	m.key = (struct fido_credential){
	    .algorithm = key_type(t->key)->family == FAMILY_SK_ECDSA ? FIDO_ECDSA : FIDO_ED25519,
	    .application = token.application,
	    .handle = token.handle,
	    .flags = token.flags,
	};
	m.pin = choose_pin(t, (token.flags & FIDO_VERIFY) != 0);
	fido_sign_build(&b, &m);
	touch_call(t, &b, TOUCH_SIGNING);
}

/* "string algorithm, string signature, byte flags, uint32 counter" (OpenSSH's PROTOCOL.u2f). */
static void build_signature(struct builder *b, const struct touch *t, const struct fido_signed *s)
{
	size_t mark;

	builder_cstring(b, t->alg->name);
	mark = builder_open(b);
	if (key_type(t->key)->family == FAMILY_SK_ECDSA) {
		builder_mpint(b, s->r);
		builder_mpint(b, s->s);
	} else {
		builder_put(b, s->r);
	}
	builder_close(b, mark);
	builder_u8(b, s->flags);
	builder_u32(b, s->counter);
}

/* A helper's word is not taken for it: the public key tells whether it is a signature. */
enum err touch_signature_came(struct touch *t, struct bytes message)
{
	struct builder b = {0};
	struct fido_signed s;
	enum err e = fido_signed_parse(message, &s);

	if (e != ERR_OK)
		return e;
	build_signature(&b, t, &s);
	e = builder_error(&b);
	if (e == ERR_OK &&
	    key_verify(key_blob(t->key), blob_view(&t->data), builder_view(&b)) != ERR_OK) {
		log_warn("a security key gave a signature that its public key does not fit");
		e = ERR_DEVICE;
	}
	if (e == ERR_OK)
		pin_was_good(t);
	touch_finish(t, e, e == ERR_OK ? builder_view(&b) : BYTES_NONE);
	builder_clear(&b);
	return ERR_OK;
}

static void tell_log(const struct fido_failure *f)
{
	char detail[FIDO_DETAIL_MOST + 1];

	if (f->detail.len != 0)
		log_info("security key: %s (%s)", err_text(f->why),
		    text_escape(f->detail, detail, sizeof(detail)));
}

/* Without one it does nothing: the one that is remembered, or the person's. */
static void pin_is_needed(struct touch *t)
{
	bool again = t->pin_wanted;

	t->pin_wanted = true;
	if (!again && t->device != NULL && device_pin(t->device) != NULL)
		touch_sign(t);
	else
		ask_pin(t);
}

void touch_failure_came(struct touch *t, const struct fido_failure *f)
{
	enum touch_sent sent = t->sent;

	tell_log(f);
	if (sent == SENT_KEPT && t->device != NULL && !clears_pin(f->why))
		device_pin_forget(t->device);
	t->sent = SENT_NONE;
	blob_clear(&t->pin);
	t->tries = f->tries;
	t->why = f->tries == 0 ? ERR_PIN_BLOCKED : f->why;
	switch (t->why) {
	case ERR_PIN_NEEDED:
		touch_go_on(t, pin_is_needed);
		break;
	case ERR_PIN:
		t->remark = sent == SENT_KEPT ? REMARK_KEPT_WRONG : REMARK_WRONG;
		touch_go_on(t, ask_pin);
		break;
	case ERR_NO_DEVICE:
	case ERR_DEVICE_GONE:
	case ERR_DEVICE_BUSY:
		touch_go_on(t, t->provider.len == 0 ? touch_disappointed : touch_refuse);
		break;
	default:
		touch_go_on(t, touch_refuse);
	}
}
