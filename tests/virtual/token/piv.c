/* The PIV applet's commands (SP 800-73-4 part 2, section 3; Yubico's "PIV extensions"). */
#include <string.h>

#include "tests/virtual/token/piv.h"
#include "tests/virtual/token/tlv.h"

enum {
	INS_VERIFY = 0x20,
	INS_CHANGE = 0x24,
	INS_RESET_RETRY = 0x2c,
	INS_AUTHENTICATE = 0x87,
	INS_GET_DATA = 0xcb,
	INS_METADATA = 0xf7,
	INS_SERIAL = 0xf8,
	INS_VERSION = 0xfd,
	REF_PIN = 0x80,
	REF_PUK = 0x81,
	TAG_WITNESS = 0x80,
	TAG_CHALLENGE = 0x81,
	TAG_RESPONSE = 0x82,
	TAG_EXPONENT = 0x85,
};

/* Of the application, with its version. */
static const uint8_t aid[] = {0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00};

static struct bytes piv_aid(struct token *t)
{
	(void)t;
	return BYTES(aid, sizeof aid);
}

/* The application property template (part 2, table 3). */
static enum status_word piv_select(struct token *t, struct builder *out)
{
	struct builder body = {0};
	struct builder authority = {0};

	(void)t;
	tlv_put(&body, 0x4f, BYTES(aid + 5, 6));
	tlv_put(&authority, 0x4f, BYTES(aid, 5));
	tlv_put(&body, 0x79, builder_view(&authority));
	tlv_put(out, 0x61, builder_view(&body));
	builder_clear(&authority);
	builder_clear(&body);
	return SW_OK;
}

/* --- PINs ----------------------------------------------------------------- */

/* A PIN of eight bytes without what it is filled up with; false: it has no form of one. */
static bool unpad(struct bytes padded, struct bytes *out)
{
	size_t n = padded.len;

	if (padded.len != TOKEN_PIV_PIN)
		return false;
	while (n > 0 && padded.data[n - 1] == 0xff)
		n--;
	*out = BYTES(padded.data, n);
	return n >= 6;
}

static enum status_word verify(struct token *t, const struct apdu *a)
{
	struct bytes pin;
	enum status_word sw;

	if (a->p2 != REF_PIN)
		return SW_NO_REFERENCE;
	if (a->p1 == 0xff && a->data.len == 0) {
		t->verified[SECRET_PIN] = false;
		return SW_OK;
	}
	if (a->p1 != 0)
		return SW_BAD_P1P2;
	if (a->data.len == 0)
		return t->verified[SECRET_PIN] ? SW_OK : token_tries(t, SECRET_PIN);
	t->counts.verifies++;
	if (!unpad(a->data, &pin))
		return SW_WRONG_DATA;
	sw = token_verify(t, SECRET_PIN, pin);
	t->fresh = sw == SW_OK;
	return sw;
}

/* Old and new, of the same length; which one is compared and which one set differ. */
static enum status_word change(struct token *t, const struct apdu *a)
{
	const bool unblock = a->ins == INS_RESET_RETRY;
	const enum token_secret_id set = a->p2 == REF_PIN ? SECRET_PIN : SECRET_PUK;
	struct bytes old;
	struct bytes new;
	enum status_word sw;

	if (a->p1 != 0 || (a->p2 != REF_PIN && (unblock || a->p2 != REF_PUK)))
		return SW_NO_REFERENCE;
	if (a->data.len != 2 * TOKEN_PIV_PIN || !unpad(BYTES(a->data.data, TOKEN_PIV_PIN), &old) ||
	    !unpad(BYTES(a->data.data + TOKEN_PIV_PIN, TOKEN_PIV_PIN), &new))
		return SW_WRONG_DATA;
	sw = token_verify(t, unblock ? SECRET_PUK : set, old);
	t->verified[SECRET_PUK] = false;
	if (sw == SW_OK && !token_set_secret(t, set, new))
		sw = SW_WRONG_DATA;
	return sw;
}

/* --- GENERAL AUTHENTICATE ------------------------------------------------- */

/* Algorithm identifiers (SP 800-78-4, table 6-2), and Yubico's. */
uint8_t piv_algorithm(enum key_algorithm algorithm)
{
	switch (algorithm) {
	case KEY_RSA1024:
		return 0x06;
	case KEY_RSA2048:
		return 0x07;
	case KEY_RSA3072:
		return 0x05;
	case KEY_RSA4096:
		return 0x16;
	case KEY_P256:
		return 0x11;
	case KEY_P384:
		return 0x14;
	case KEY_ED25519:
		return 0xe0;
	default:
		return 0;
	}
}

static enum status_word allow(struct token *t, struct token_slot *slot)
{
	if (slot->pin == PIN_ONCE && !t->verified[SECRET_PIN])
		return SW_UNVERIFIED;
	if (slot->pin == PIN_ALWAYS && !(t->verified[SECRET_PIN] && t->fresh))
		return SW_UNVERIFIED;
	return token_touch(t, slot);
}

static bool fits(const struct token_slot *slot, bool agreement, struct bytes in)
{
	const size_t size = key_size(slot->algorithm);

	if (key_is_rsa(slot->algorithm))
		return !agreement && in.len == size;
	if (agreement)
		return slot->algorithm != KEY_ED25519 && in.len == 2 * size + 1;
	return slot->algorithm == KEY_ED25519 || (in.len > 0 && in.len <= size);
}

static enum status_word authenticate(struct token *t, const struct apdu *a, struct builder *out)
{
	struct token_slot *slot = token_slot(t, a->p2);
	struct builder response = {0};
	struct builder body = {0};
	struct bytes template;
	struct bytes in;
	bool agreement;
	enum status_word sw;
	enum err e;

	if (slot == NULL || a->p1 != piv_algorithm(slot->algorithm))
		return SW_BAD_P1P2;
	if (!value_find(a->data, 0x7c, &template) || !value_find(template, TAG_RESPONSE, &in) ||
	    in.len != 0)
		return SW_WRONG_DATA;
	agreement = value_find(template, TAG_EXPONENT, &in);
	if (!agreement && !value_find(template, TAG_CHALLENGE, &in))
		return SW_WRONG_DATA;
	if (!fits(slot, agreement, in))
		return SW_WRONG_DATA;
	sw = allow(t, slot);
	if (sw != SW_OK)
		return sw;
	t->fresh = false;
	e = token_sign(t, slot, agreement ? key_decipher : key_sign, in, &response);
	tlv_put(&body, TAG_RESPONSE, builder_view(&response));
	if (e == ERR_OK)
		tlv_put(out, 0x7c, builder_view(&body));
	builder_clear(&response);
	builder_clear(&body);
	return e == ERR_OK ? SW_OK : SW_WRONG_DATA;
}

/* --- Yubico --------------------------------------------------------------- */

static void put_key_metadata(const struct token_slot *slot, struct builder *out)
{
	struct builder public = {0};

	tlv_put_u8(out, 0x01, piv_algorithm(slot->algorithm));
	tlv_put(out, 0x02, BYTES(((uint8_t[]){(uint8_t)slot->pin, (uint8_t)slot->touch}), 2));
	tlv_put_u8(out, 0x03, 1);
	if (key_template(slot->key, &public) == ERR_OK)
		tlv_put(out, 0x04, builder_view(&public));
	builder_clear(&public);
}

static void put_secret_metadata(
    const struct token_secret *s, const char *standard, struct builder *out)
{
	tlv_put_u8(out, 0x01, 0xff);
	tlv_put_u8(out, 0x05, strcmp(s->text, standard) == 0);
	tlv_put(out, 0x06, BYTES(((uint8_t[]){(uint8_t)s->most, (uint8_t)s->tries}), 2));
}

static enum status_word metadata(struct token *t, const struct apdu *a, struct builder *out)
{
	const struct token_slot *slot = token_slot(t, a->p2);

	if (a->p2 == REF_PIN)
		put_secret_metadata(&t->secrets[SECRET_PIN], "123456", out);
	else if (a->p2 == REF_PUK)
		put_secret_metadata(&t->secrets[SECRET_PUK], "12345678", out);
	else if (slot != NULL && slot->id >= SLOT_RETIRED_FIRST && slot->id <= SLOT_CARD)
		put_key_metadata(slot, out);
	else
		return SW_NO_REFERENCE;
	return SW_OK;
}

static enum status_word yubico(struct token *t, const struct apdu *a, struct builder *out)
{
	const struct token_options *o = &t->options;

	if (o->yubico && a->ins == INS_VERSION && o->version) {
		for (int shift = 16; shift >= 0; shift -= 8)
			builder_u8(out, (uint8_t)(o->firmware >> shift));
		return SW_OK;
	}
	if (o->yubico && a->ins == INS_SERIAL && o->serial_known) {
		builder_u32(out, o->serial);
		return SW_OK;
	}
	if (o->yubico && a->ins == INS_METADATA && o->metadata)
		return metadata(t, a, out);
	return SW_INS;
}

static enum status_word dispatch(struct token *t, const struct apdu *a, struct builder *out)
{
	switch (a->ins) {
	case INS_VERIFY:
		return verify(t, a);
	case INS_CHANGE:
	case INS_RESET_RETRY:
		return change(t, a);
	case INS_AUTHENTICATE:
		return authenticate(t, a, out);
	case INS_GET_DATA:
		return piv_data(t, a, out);
	default:
		return yubico(t, a, out);
	}
}

static enum status_word piv_command(struct token *t, const struct apdu *a, struct builder *out)
{
	const enum status_word sw = dispatch(t, a, out);

	/* What comes between VERIFY and a key whose PIN policy is "always" (part 1, 3.1.3). */
	if (t->options.strict && a->ins != INS_VERIFY && sw != SW_WAIT)
		t->fresh = false;
	return sw;
}

const struct token_applet token_piv = {piv_aid, piv_select, piv_command};
