/*
 * OpenPGP cards: "Functional Specification of the OpenPGP application on ISO Smart Card Operating
 * Systems", version 3.4.  Their authentication key only: the others are no keys for SSH.
 */
#include "tokens/card/card.h"

#include <stdio.h>
#include <string.h>

#include "tokens/base/pubkey.h"
#include "tokens/card/tlv.h"

enum {
	INS_GENERATE = 0x47, /* P1 81: only read the public key */
	INS_INTERNAL_AUTHENTICATE = 0x88,
	INS_GET_DATA = 0xca,
	INS_YUBIKEY_VERSION = 0xf1,
};

enum {
	DO_AID = 0x4f,
	DO_HISTORICAL = 0x5f52,
	DO_APPLICATION = 0x6e,
	DO_KDF = 0xf9,
	AID_BYTES = 16,
	YUBICO = 0x0006,
	REF_PIN = 0x82,
	PIN_MOST = 127,
	AUTHENTICATION = 3, /* of the three keys */
	FINGERPRINT_BYTES = 20,
};

/* Algorithm identifiers in C3 (RFC 4880, section 9.1). */
enum { ALGORITHM_RSA = 0x01, ALGORITHM_ECDSA = 0x13, ALGORITHM_EDDSA = 0x16 };

static const struct bytes aid = {(const uint8_t *)"\xd2\x76\x00\x01\x24\x01", 6};

static enum err get_data(struct wire *w, unsigned object, bool is_long)
{
	return apdu_ask(w, &(struct apdu){.ins = INS_GET_DATA,
			       .p1 = (uint8_t)(object >> 8),
			       .p2 = (uint8_t)object,
			       .answers = true,
			       .long_answer = is_long});
}

static bool is_fatal(enum err e)
{
	return e == ERR_TOKEN_GONE || e == ERR_TOKEN_BUSY || e == ERR_TOKEN || e == ERR_MEMORY;
}

/* --- identity ---------------------------------------------------------------------- */

/* Its maker and serial number; the whole name holds the version too, which may be updated. */
static enum err read_id(struct wire *w, struct card_id *id, struct bytes *name)
{
	enum err e = get_data(w, DO_AID, false);
	struct bytes a = builder_view(&w->answer);

	if (e != ERR_OK)
		return e;
	if (a.len != AID_BYTES || !bytes_equal(BYTES(a.data, aid.len), aid))
		return ERR_NOT_FOUND;
	card_id_set(id, 'O', BYTES(a.data + 8, 6));
	*name = a;
	return ERR_OK;
}

static enum err look_name(struct wire *w, struct card_token *t)
{
	struct bytes a;
	enum err e = read_id(w, &t->id, &a);
	unsigned maker;

	if (e != ERR_OK)
		return e;
	maker = (unsigned)a.data[8] << 8 | a.data[9];
	snprintf(t->serial, sizeof(t->serial), "%02x%02x%02x%02x", a.data[10], a.data[11],
	    a.data[12], a.data[13]);
	snprintf(t->name, sizeof(t->name), "%s %.16s",
	    maker == YUBICO ? "YubiKey OpenPGP" : "OpenPGP card", t->serial);
	if (maker != YUBICO)
		return ERR_OK;
	e = apdu_ask(w, &(struct apdu){.ins = INS_YUBIKEY_VERSION, .answers = true});
	a = builder_view(&w->answer);
	if (e == ERR_OK && a.len == 3)
		snprintf(
		    t->firmware, sizeof(t->firmware), "%x.%x.%x", a.data[0], a.data[1], a.data[2]);
	return is_fatal(e) ? e : ERR_OK;
}

/* Card capabilities (ISO 7816-4, section 12.1.1.9) in the historical bytes: compact TLV 73. */
static enum err look_capabilities(struct wire *w)
{
	enum err e = get_data(w, DO_HISTORICAL, false);
	struct bytes h = builder_view(&w->answer);

	if (e != ERR_OK || h.len == 0 || h.data[0] != 0)
		return e;
	for (size_t i = 1; i < h.len; i += 1u + (h.data[i] & 0x0f)) {
		if (h.data[i] == 0x73 && i + 3 < h.len)
			w->extended = (h.data[i + 3] & 0x40) != 0;
	}
	return ERR_OK;
}

/* --- the key ------------------------------------------------------------------------- */

/* What the application data say of the authentication key. */
struct about {
	bool there, touch;
	uint8_t algorithm;
	const char *curve; /* NULL: RSA */
};

static const struct curve {
	uint8_t algorithm;
	struct bytes oid;
	const char *name;
} curves[] = {
    {ALGORITHM_ECDSA, {(const uint8_t *)"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8}, "nistp256"},
    {ALGORITHM_ECDSA, {(const uint8_t *)"\x2b\x81\x04\x00\x22", 5}, "nistp384"},
    {ALGORITHM_ECDSA, {(const uint8_t *)"\x2b\x81\x04\x00\x23", 5}, "nistp521"},
    {ALGORITHM_EDDSA, {(const uint8_t *)"\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", 9}, "ed25519"},
    {ALGORITHM_EDDSA, {(const uint8_t *)"\x2b\x65\x70", 3}, "ed25519"},
};

/* Algorithm attributes: the identifier, then sizes for RSA, or a curve's name, after which FF may
 * tell of a form to import. */
static enum err take_attributes(struct bytes a, struct about *out)
{
	struct bytes oid;

	if (a.len == 0)
		return ERR_FORMAT;
	out->algorithm = a.data[0];
	oid = BYTES(a.data + 1, a.len - 1);
	if (out->algorithm == ALGORITHM_RSA)
		return ERR_OK;
	if (oid.len != 0 && oid.data[oid.len - 1] == 0xff)
		oid.len--;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (curves[i].algorithm == out->algorithm && bytes_equal(curves[i].oid, oid)) {
			out->curve = curves[i].name;
			return ERR_OK;
		}
	}
	return ERR_UNSUPPORTED;
}

/* Key information tells which keys there are; cards before version 3 have fingerprints only. */
static bool has_key(struct bytes d)
{
	struct bytes v;

	if (tlv_find(d, 0xde, &v) == ERR_OK && v.len % 2 == 0) {
		for (size_t i = 0; i < v.len; i += 2) {
			if (v.data[i] == AUTHENTICATION)
				return v.data[i + 1] != 0;
		}
	}
	if (tlv_find_sized(d, 0xc5, 3 * FINGERPRINT_BYTES, &v) != ERR_OK)
		return false;
	for (size_t i = 2 * FINGERPRINT_BYTES; i < v.len; i++) {
		if (v.data[i] != 0)
			return true;
	}
	return false;
}

/* PW status: of its seven bytes the fifth is the counter of the first PIN, the second its length.
 */
static void take_pin_status(struct bytes d, struct card_token *t)
{
	struct bytes v;

	if (tlv_find_sized(d, 0xc4, 7, &v) == ERR_OK)
		t->tries = v.data[4];
}

/* What is in a template: some cards leave out its tag. */
static enum err open_template(struct bytes b, uint32_t tag, struct bytes *out)
{
	enum err e = tlv_find(b, tag, out);

	if (e == ERR_NOT_FOUND)
		*out = b;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Application related data; what of it lies side by side is in 73. */
static enum err read_application(struct wire *w, struct bytes *out)
{
	struct bytes all;
	enum err e = get_data(w, DO_APPLICATION, true);

	if (e == ERR_OK)
		e = open_template(builder_view(&w->answer), DO_APPLICATION, &all);
	return e == ERR_OK ? open_template(all, 0x73, out) : e;
}

static enum err look_application(struct wire *w, struct card_token *t, struct about *out)
{
	struct bytes d, v;
	enum err e = read_application(w, &d);

	if (e != ERR_OK)
		return e;
	take_pin_status(d, t);
	/* The first byte of the extended capabilities: it may want PINs hashed. */
	if (tlv_find(d, 0xc0, &v) == ERR_OK && v.len != 0)
		t->hashed_pin = (v.data[0] & 0x01) != 0;
	out->touch = tlv_find_sized(d, 0xd8, 2, &v) == ERR_OK && v.data[0] != 0;
	out->there = has_key(d);
	e = tlv_find(d, 0xc3, &v);
	return e == ERR_OK ? take_attributes(v, out) : e;
}

/* UIF of the authentication key, where the application data have it not. */
static enum err look_touch(struct wire *w, struct about *a)
{
	enum err e = a->touch ? ERR_NOT_FOUND : get_data(w, 0xd8, false);
	struct bytes v = builder_view(&w->answer);

	if (e == ERR_OK && v.len == 2)
		a->touch = v.data[0] != 0;
	return e;
}

/* The card may derive keys from PINs; is that turned on? */
static enum err look_kdf(struct wire *w, struct card_token *t)
{
	struct bytes in, v;
	enum err e;

	if (!t->hashed_pin)
		return ERR_OK;
	e = get_data(w, DO_KDF, true);
	if (e == ERR_OK)
		e = open_template(builder_view(&w->answer), DO_KDF, &in);
	if (e == ERR_OK)
		e = tlv_find_sized(in, 0x81, 1, &v);
	t->hashed_pin = e == ERR_OK && v.data[0] != 0;
	return e;
}

static enum err read_public(struct wire *w, const struct about *a, struct builder *out)
{
	static const uint8_t which[] = {0xa4, 0x00};
	struct bytes key, n, exponent;
	enum err e = apdu_ask(w, &(struct apdu){.ins = INS_GENERATE,
				     .p1 = 0x81,
				     .data = BYTES(which, sizeof(which)),
				     .answers = true,
				     .long_answer = true});

	if (e == ERR_OK)
		e = tlv_find(builder_view(&w->answer), 0x7f49, &key);
	if (e != ERR_OK)
		return e;
	if (a->curve == NULL) {
		e = tlv_find(key, 0x81, &n);
		if (e == ERR_OK)
			e = tlv_find(key, 0x82, &exponent);
		return e == ERR_OK ? pubkey_from_rsa(n, exponent, out) : e;
	}
	e = tlv_find(key, 0x86, &n);
	/* Some put OpenPGP's own prefix before the point of EdDSA. */
	if (e == ERR_OK && a->algorithm == ALGORITHM_EDDSA && n.len == 33 && n.data[0] == 0x40)
		n = BYTES(n.data + 1, 32);
	return e == ERR_OK ? pubkey_from_point(a->curve, n, out) : e;
}

static enum err look_key(struct wire *w, struct card_token *t, const struct about *a)
{
	struct builder public = {0};
	struct card_key *k = NULL;
	enum err e = a->there ? read_public(w, a, &public) : ERR_NOT_FOUND;

	if (e == ERR_OK)
		k = card_key_add(t, AUTHENTICATION, &public);
	builder_clear(&public);
	if (k == NULL)
		return e;
	k->flags = TOKEN_KEY_DEFAULT | (a->touch ? TOKEN_KEY_TOUCH : 0);
	snprintf(k->slot, sizeof(k->slot), "%u", AUTHENTICATION);
	snprintf(k->label, sizeof(k->label), "OpenPGP Authentication");
	return ERR_OK;
}

/* --- the applet ------------------------------------------------------------------------ */

static enum err openpgp_look(struct wire *w, struct card_token *t)
{
	struct about a = {0};
	enum err e = apdu_select(w, aid);

	w->extended = false;
	if (e == ERR_OK)
		e = look_name(w, t);
	if (e != ERR_OK)
		return e;
	t->pin_ref = REF_PIN;
	t->pin_most = PIN_MOST;
	if (is_fatal(e = look_capabilities(w)))
		return e;
	e = look_application(w, t, &a);
	if (e == ERR_OK && !is_fatal(e = look_touch(w, &a)) && !is_fatal(e = look_kdf(w, t)))
		e = look_key(w, t, &a);
	w->extended = false;
	return is_fatal(e) ? e : ERR_OK;
}

static enum err same_identity(struct wire *w, const struct card_token *t)
{
	struct card_id id = {0};
	struct bytes name;
	enum err e = read_id(w, &id, &name);

	if (is_fatal(e))
		return e;
	if (e != ERR_OK)
		return card_lacks(w);
	return card_id_is(&id, BYTES(t->id.bytes, t->id.len)) ? ERR_OK : ERR_NOT_FOUND;
}

static enum err openpgp_enter(struct wire *w, const struct card_token *t)
{
	enum err e = w->resumed ? same_identity(w, t) : ERR_NOT_FOUND;

	w->extended = false;
	/* Another applet, or another card; PINs count as long as an applet is selected. */
	if (e == ERR_NOT_FOUND || e == ERR_FORMAT) {
		w->pin = WIRE_PIN_NONE;
		e = apdu_select(w, aid);
		if (e == ERR_OK)
			e = same_identity(w, t);
		else if (e == ERR_NOT_FOUND)
			e = card_lacks(w);
	}
	if (e == ERR_NOT_FOUND)
		return ERR_TOKEN_GONE;
	if (e == ERR_FORMAT)
		return ERR_TOKEN;
	if (e == ERR_OK)
		e = look_capabilities(w);
	return is_fatal(e) ? e : ERR_OK;
}

static enum err openpgp_tries(
    struct wire *w, const struct card_token *t, uint8_t *tries, bool *verified)
{
	struct card_token now = {.tries = TOKEN_TRIES_UNKNOWN};
	struct bytes d;
	enum err e = read_application(w, &d);

	(void)t;
	if (e == ERR_OK)
		take_pin_status(d, &now);
	if (is_fatal(e))
		return e;
	*tries = now.tries;
	*verified = false;
	return ERR_OK;
}

static enum err openpgp_sign(struct wire *w, const struct card_key *k, const struct pubkey *public,
    struct bytes data, struct card_signature *out)
{
	size_t half = public->type->field;
	struct bytes a;
	enum err e = apdu_ask(w, &(struct apdu){.ins = INS_INTERNAL_AUTHENTICATE,
				     .data = data,
				     .answers = true,
				     .long_answer = true});

	(void)k;
	if (e != ERR_OK)
		return e;
	a = builder_view(&w->answer);
	switch (public->type->family) {
	case FAMILY_RSA:
		*out = (struct card_signature){a, BYTES_NONE};
		return a.len == public->rsa.n.len ? ERR_OK : ERR_TOKEN;
	case FAMILY_ED25519:
		*out = (struct card_signature){a, BYTES_NONE};
		return a.len == 64 ? ERR_OK : ERR_TOKEN;
	default:
		if (a.len != 2 * half)
			return ERR_TOKEN;
		*out = (struct card_signature){BYTES(a.data, half), BYTES(a.data + half, half)};
		return ERR_OK;
	}
}

const struct applet applet_openpgp = {
    TOKEN_OPENPGP,
    openpgp_look,
    openpgp_enter,
    openpgp_tries,
    openpgp_sign,
};
