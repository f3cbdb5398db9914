/*
 * PIV: NIST SP 800-73-4 part 2 (commands), SP 800-78-4 (algorithms), and what YubiKeys add
 * (version, serial number, metadata).
 */
#include "tokens/card/card.h"

#include <stdio.h>
#include <string.h>

#include "tokens/base/pubkey.h"
#include "tokens/card/inflate.h"
#include "tokens/card/tlv.h"

enum {
	INS_VERIFY = 0x20,
	INS_GENERAL_AUTHENTICATE = 0x87,
	INS_GET_DATA = 0xcb,
	/* YubiKeys'. */
	INS_METADATA = 0xf7,
	INS_SERIAL = 0xf8,
	INS_VERSION = 0xfd,
};

enum {
	OBJECT_CHUID = 0x5fc102,
	OBJECT_DISCOVERY = 0x7e,
	OBJECT_RETIRED = 0x5fc10d, /* of slot 82; the others follow */
	REF_RETIRED = 0x82,
	RETIRED = 20,
	REF_PIN = 0x80,
	REF_PIN_GLOBAL = 0x00,
	PIN_BYTES = 8,
	GUID_BYTES = 16,
};

/* Key algorithms; those of SP 800-78-5 and Yubico's Ed25519 too. */
enum {
	RSA_3072 = 0x05,
	RSA_1024 = 0x06,
	RSA_2048 = 0x07,
	ECC_P256 = 0x11,
	ECC_P384 = 0x14,
	RSA_4096 = 0x16,
	ED25519 = 0xe0,
};

/* Of metadata. */
enum { PIN_NEVER = 1, PIN_ALWAYS = 3, PIN_MATCH_ALWAYS = 5, TOUCH_ALWAYS = 2, TOUCH_CACHED = 3 };

static const struct bytes aid = {
    (const uint8_t *)"\xa0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00", 11};

struct slot {
	uint8_t ref;
	uint32_t object;
	const char *label;
};

static const struct slot main_slots[] = {
    {0x9a, 0x5fc105, "PIV Authentication"},
    {0x9c, 0x5fc10a, "Digital Signature"},
    {0x9d, 0x5fc10b, "Key Management"},
    {0x9e, 0x5fc101, "Card Authentication"},
};

/* What a card told of itself while it is looked at. */
struct look {
	struct wire *w;
	struct card_token *t;
	bool metadata; /* it knows the command */
};

/* The content of an object; a view into the wire's answer. */
static enum err get_data(struct wire *w, uint32_t object, struct bytes *out)
{
	uint8_t tag[] = {0x5c, 3, (uint8_t)(object >> 16), (uint8_t)(object >> 8), (uint8_t)object};
	bool discovery = object == OBJECT_DISCOVERY;
	struct bytes data = BYTES(tag, sizeof(tag));
	enum err e;

	if (discovery) {
		tag[1] = 1;
		tag[2] = OBJECT_DISCOVERY;
		data.len = 3;
	}
	e = apdu_ask(w, &(struct apdu){.ins = INS_GET_DATA,
			    .p1 = 0x3f,
			    .p2 = 0xff,
			    .data = data,
			    .answers = true,
			    .long_answer = true});
	return e == ERR_OK
		   ? tlv_find(builder_view(&w->answer), discovery ? OBJECT_DISCOVERY : 0x53, out)
		   : e;
}

/* Errors of the way to the card end everything; all else is a thing that is not there. */
static bool is_fatal(enum err e)
{
	return e == ERR_TOKEN_GONE || e == ERR_TOKEN_BUSY || e == ERR_TOKEN || e == ERR_MEMORY;
}

static bool is_nothing(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++) {
		if (b.data[i] != 0)
			return false;
	}
	return true;
}

/* --- identity ------------------------------------------------------------------- */

static enum err read_guid(struct wire *w, struct card_id *id)
{
	struct bytes chuid, guid;
	enum err e = get_data(w, OBJECT_CHUID, &chuid);

	if (e == ERR_OK)
		e = tlv_find_sized(chuid, 0x34, GUID_BYTES, &guid);
	if (e == ERR_OK && is_nothing(guid))
		e = ERR_NOT_FOUND;
	if (e == ERR_OK)
		card_id_set(id, 'G', guid);
	return e;
}

static enum err read_serial(struct wire *w, uint32_t *out)
{
	enum err e = apdu_ask(w, &(struct apdu){.ins = INS_SERIAL, .answers = true});
	struct reader r = reader_of(builder_view(&w->answer));

	if (e == ERR_OK && (reader_u32(&r, out) != ERR_OK || reader_end(&r) != ERR_OK))
		e = ERR_FORMAT;
	return e;
}

static void set_serial_id(struct card_id *id, uint32_t serial)
{
	uint8_t b[] = {(uint8_t)(serial >> 24), (uint8_t)(serial >> 16), (uint8_t)(serial >> 8),
	    (uint8_t)serial};

	card_id_set(id, 'S', BYTES(b, sizeof(b)));
}

/* Version and serial number, of YubiKeys and what behaves like them. */
static enum err look_maker(struct look *l)
{
	enum err e = apdu_ask(l->w, &(struct apdu){.ins = INS_VERSION, .answers = true});
	struct bytes v = builder_view(&l->w->answer);
	struct card_token *t = l->t;
	uint32_t serial = 0;

	if (e != ERR_OK || v.len != 3)
		return e == ERR_OK ? ERR_NOT_FOUND : e;
	snprintf(t->firmware, sizeof(t->firmware), "%u.%u.%u", v.data[0], v.data[1], v.data[2]);
	l->metadata = true;
	e = read_serial(l->w, &serial);
	if (e == ERR_OK && serial != 0) {
		snprintf(t->serial, sizeof(t->serial), "%u", serial);
		set_serial_id(&t->id, serial);
	}
	return e;
}

/* Which PIN the card wants: its own, or one for all its applets. */
static enum err look_discovery(struct look *l)
{
	struct bytes object, policy;
	enum err e = get_data(l->w, OBJECT_DISCOVERY, &object);

	if (e == ERR_OK)
		e = tlv_find_sized(object, 0x5f2f, 2, &policy);
	if (e == ERR_OK && (policy.data[0] & 0x20) != 0 && policy.data[1] == 0x20)
		l->t->pin_ref = REF_PIN_GLOBAL;
	return e;
}

/* --- keys ----------------------------------------------------------------------- */

static uint8_t algorithm_of(const struct pubkey *k)
{
	switch (k->type->family) {
	case FAMILY_RSA:
		switch (pubkey_bits(k)) {
		case 1024:
			return RSA_1024;
		case 2048:
			return RSA_2048;
		case 3072:
			return RSA_3072;
		case 4096:
			return RSA_4096;
		default:
			return 0;
		}
	case FAMILY_ECDSA:
		return k->type->bits == 256 ? ECC_P256 : k->type->bits == 384 ? ECC_P384 : 0;
	case FAMILY_ED25519:
		return ED25519;
	default:
		return 0;
	}
}

/* The public key of metadata: 86 a point, 81 and 82 modulus and exponent. */
static enum err metadata_key(struct bytes m, struct builder *out)
{
	struct bytes algorithm, key, n, e;
	enum err err = tlv_find_sized(m, 0x01, 1, &algorithm);

	if (err == ERR_OK)
		err = tlv_find(m, 0x04, &key);
	if (err != ERR_OK)
		return err;
	switch (algorithm.data[0]) {
	case ECC_P256:
	case ECC_P384:
	case ED25519:
		err = tlv_find(key, 0x86, &n);
		return err != ERR_OK
			   ? err
			   : pubkey_from_point(algorithm.data[0] == ECC_P256   ? "nistp256"
					       : algorithm.data[0] == ECC_P384 ? "nistp384"
									       : "ed25519",
				 n, out);
	default:
		err = tlv_find(key, 0x81, &n);
		if (err == ERR_OK)
			err = tlv_find(key, 0x82, &e);
		return err == ERR_OK ? pubkey_from_rsa(n, e, out) : err;
	}
}

/* What a key's slot is known to want. */
struct found {
	struct builder public;
	uint8_t pin, touch; /* of metadata; 0: the slot's own */
	bool usable;        /* its certificate forbids no signatures */
};

/* ERR_NOT_FOUND: no key there; ERR_UNSUPPORTED: the card does not tell. */
static enum err look_metadata(struct look *l, uint8_t ref, struct found *f)
{
	struct bytes policy;
	enum err e;

	if (!l->metadata)
		return ERR_UNSUPPORTED;
	e = apdu_ask(l->w,
	    &(struct apdu){.ins = INS_METADATA, .p2 = ref, .answers = true, .long_answer = true});
	if (e == ERR_NOT_FOUND && (l->w->sw == 0x6d00 || l->w->sw == 0x6e00)) {
		l->metadata = false;
		return ERR_UNSUPPORTED;
	}
	if (e != ERR_OK)
		return e;
	if (tlv_find_sized(builder_view(&l->w->answer), 0x02, 2, &policy) == ERR_OK) {
		f->pin = policy.data[0];
		f->touch = policy.data[1];
	}
	/* Where it makes no sense the certificate may. */
	return metadata_key(builder_view(&l->w->answer), &f->public) == ERR_OK ? ERR_OK
									       : ERR_UNSUPPORTED;
}

/* The certificate of an object's content: in 70, and 71 says whether it is compressed. */
static enum err certificate_key(struct bytes object, struct builder *public, bool *usable)
{
	struct bytes cert, info;
	struct blob opened = {0};
	enum err e = tlv_find(object, 0x70, &cert);

	if (e == ERR_OK && tlv_find_sized(object, 0x71, 1, &info) == ERR_OK &&
	    (info.data[0] & 0x03) != 0) {
		e = inflate_certificate(cert, &opened);
		cert = blob_view(&opened);
	}
	if (e == ERR_OK)
		e = pubkey_from_x509(cert, public, usable);
	blob_clear(&opened);
	return e;
}

/* A key of metadata wins over that of a certificate, which may be an old one. */
static enum err look_certificate(struct look *l, uint32_t id, struct found *f)
{
	struct bytes object;
	struct builder public = {0};
	bool usable = true;
	enum err e = get_data(l->w, id, &object);

	if (e == ERR_OK)
		e = certificate_key(object, &public, &usable);
	if (e == ERR_OK && f->public.len == 0) {
		f->public = public;
		f->usable = usable;
		return ERR_OK;
	}
	if (e == ERR_OK && bytes_equal(builder_view(&public), builder_view(&f->public)))
		f->usable = usable;
	builder_clear(&public);
	return e;
}

static uint32_t flags_of(const struct slot *s, const struct found *f)
{
	uint32_t flags = 0;

	if (f->pin == PIN_ALWAYS || f->pin == PIN_MATCH_ALWAYS || (f->pin == 0 && s->ref == 0x9c))
		flags |= TOKEN_KEY_PIN_EACH;
	if (f->touch == TOUCH_ALWAYS || f->touch == TOUCH_CACHED)
		flags |= TOKEN_KEY_TOUCH;
	if (f->usable && (s->ref == 0x9a || s->ref == 0x9e))
		flags |= TOKEN_KEY_DEFAULT;
	return flags;
}

static void add_key(struct look *l, const struct slot *s, struct found *f)
{
	struct pubkey public;
	struct card_key *k;
	uint8_t algorithm;

	if (pubkey_parse(builder_view(&f->public), &public) != ERR_OK)
		return;
	algorithm = algorithm_of(&public);
	k = algorithm != 0 ? card_key_add(l->t, s->ref, &f->public) : NULL;
	if (k == NULL)
		return;
	k->algorithm = algorithm;
	k->flags = flags_of(s, f);
	k->no_pin = f->pin == PIN_NEVER || (f->pin == 0 && s->ref == 0x9e);
	snprintf(k->slot, sizeof(k->slot), "%02x", s->ref);
	snprintf(k->label, sizeof(k->label), "%s", s->label);
}

static enum err look_slot(struct look *l, const struct slot *s)
{
	struct found f = {.usable = true};
	enum err e = look_metadata(l, s->ref, &f);

	if (e == ERR_OK || e == ERR_UNSUPPORTED)
		e = look_certificate(l, s->object, &f);
	if (!is_fatal(e) && f.public.len != 0)
		add_key(l, s, &f);
	builder_clear(&f.public);
	return is_fatal(e) ? e : ERR_OK;
}

static enum err look_keys(struct look *l)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < sizeof(main_slots) / sizeof(main_slots[0]) && e == ERR_OK; i++)
		e = look_slot(l, &main_slots[i]);
	for (unsigned i = 0; i < RETIRED && e == ERR_OK; i++) {
		char label[CARD_TEXT_ROOM];

		snprintf(label, sizeof(label), "Retired Key Management %u", i + 1);
		e = look_slot(
		    l, &(struct slot){(uint8_t)(REF_RETIRED + i), OBJECT_RETIRED + i, label});
	}
	return e;
}

/* --- PIN ------------------------------------------------------------------------- */

static enum err piv_tries(
    struct wire *w, const struct card_token *t, uint8_t *tries, bool *verified)
{
	enum err e = apdu_send(w, &(struct apdu){.ins = INS_VERIFY, .p2 = t->pin_ref});

	if (e != ERR_OK)
		return e;
	*verified = w->sw == SW_OK;
	w->pin = *verified ? WIRE_PIN_NOW : WIRE_PIN_NONE;
	if ((w->sw & 0xfff0) == 0x63c0)
		*tries = w->sw & 0x0f;
	else if (w->sw == SW_BLOCKED)
		*tries = 0;
	else
		*tries = TOKEN_TRIES_UNKNOWN;
	return ERR_OK;
}

/* YubiKeys tell how many tries there are when none was spent. */
static enum err look_pin(struct look *l)
{
	struct card_token *t = l->t;
	struct bytes tries, factory;
	bool verified;
	enum err e = piv_tries(l->w, t, &t->tries, &verified);

	if (e != ERR_OK || !l->metadata)
		return e;
	e = apdu_ask(l->w, &(struct apdu){.ins = INS_METADATA, .p2 = t->pin_ref, .answers = true});
	if (e != ERR_OK)
		return e;
	if (tlv_find_sized(builder_view(&l->w->answer), 0x06, 2, &tries) == ERR_OK) {
		t->full = tries.data[0];
		t->tries = tries.data[1];
	}
	if (tlv_find_sized(builder_view(&l->w->answer), 0x05, 1, &factory) == ERR_OK)
		t->default_pin = factory.data[0] == 1;
	return ERR_OK;
}

/* --- the applet -------------------------------------------------------------------- */

static void name_it(struct card_token *t)
{
	const char *kind = t->firmware[0] != '\0' ? "YubiKey PIV" : "PIV card";

	if (t->serial[0] != '\0')
		snprintf(t->name, sizeof(t->name), "%s %.40s", kind, t->serial);
	else
		snprintf(t->name, sizeof(t->name), "%s", kind);
}

/* A card without a GUID and a serial number is known by its first key. */
static enum err identify(struct look *l)
{
	struct card_token *t = l->t;
	struct card_id guid;
	enum err e = read_guid(l->w, &guid);

	if (is_fatal(e))
		return e;
	if (e != ERR_OK)
		return ERR_OK;
	t->id = guid;
	if (t->serial[0] == '\0') {
		for (size_t i = 0; i < GUID_BYTES; i++)
			snprintf(t->serial + 2 * i, 3, "%02x", guid.bytes[1 + i]);
	}
	return ERR_OK;
}

static enum err piv_look(struct wire *w, struct card_token *t)
{
	struct look l = {.w = w, .t = t};
	enum err e = apdu_select(w, aid);
	struct bytes fci;
	bool told;

	if (e != ERR_OK)
		return e;
	told = tlv_find(builder_view(&w->answer), 0x61, &fci) == ERR_OK;
	t->pin_ref = REF_PIN;
	t->pin_pad = t->pin_most = PIN_BYTES;
	if (is_fatal(e = look_maker(&l)) || is_fatal(e = identify(&l)) ||
	    is_fatal(e = look_discovery(&l)) || is_fatal(e = look_keys(&l)))
		return e;
	if (t->id.len == 0 && t->n != 0) {
		t->by_key = true;
		card_id_set(&t->id, 'K', BYTES(t->keys[0].id.bytes, t->keys[0].id.len));
	}
	/* Some cards answer 9000 to any name; and what has no identity cannot be told apart. */
	if (t->id.len == 0 || (!told && t->n == 0))
		return ERR_NOT_FOUND;
	name_it(t);
	e = look_pin(&l);
	return is_fatal(e) ? e : ERR_OK;
}

static enum err same_keys(struct wire *w, const struct card_token *t)
{
	struct card_token *now = card_token_new();
	enum err e = now == NULL ? ERR_MEMORY : piv_look(w, now);

	if (e == ERR_OK && !card_id_is(&now->id, BYTES(t->id.bytes, t->id.len)))
		e = ERR_TOKEN_GONE;
	card_token_free(now);
	return e;
}

/* ERR_NOT_FOUND: it is another, or another applet is selected; ERR_FORMAT: it does not tell. */
static enum err same_identity(struct wire *w, const struct card_token *t)
{
	struct card_id id = {0};
	uint32_t serial;
	enum err e;

	if (t->id.bytes[0] == 'G')
		e = read_guid(w, &id);
	else if ((e = read_serial(w, &serial)) == ERR_OK)
		set_serial_id(&id, serial);
	if (is_fatal(e))
		return e;
	if (e != ERR_OK)
		return card_lacks(w);
	return card_id_is(&id, BYTES(t->id.bytes, t->id.len)) ? ERR_OK : ERR_NOT_FOUND;
}

/* Real cards forget the PIN when the applet is selected, although it was already. */
static enum err piv_enter(struct wire *w, const struct card_token *t)
{
	enum err e = w->resumed && !t->by_key ? same_identity(w, t) : ERR_NOT_FOUND;

	/* Another applet, or another card. */
	if (e != ERR_NOT_FOUND && e != ERR_FORMAT)
		return e;
	w->pin = WIRE_PIN_NONE;
	e = apdu_select(w, aid);
	if (e == ERR_OK)
		e = t->by_key ? same_keys(w, t) : same_identity(w, t);
	else if (e == ERR_NOT_FOUND)
		e = card_lacks(w);
	return e == ERR_NOT_FOUND ? ERR_TOKEN_GONE : e == ERR_FORMAT ? ERR_TOKEN : e;
}

/* --- signatures --------------------------------------------------------------------- */

static void put_length(struct builder *b, size_t n)
{
	if (n > 0xff) {
		builder_u8(b, 0x82);
		builder_u8(b, (uint8_t)(n >> 8));
	} else if (n > 0x7f) {
		builder_u8(b, 0x81);
	}
	builder_u8(b, (uint8_t)n);
}

static size_t length_bytes(size_t n)
{
	return n > 0xff ? 3 : n > 0x7f ? 2 : 1;
}

/* 7C: 82 without content asks for the signature of what 81 holds. */
static void build_template(struct builder *b, struct bytes challenge)
{
	builder_u8(b, 0x7c);
	put_length(b, 3 + length_bytes(challenge.len) + challenge.len);
	builder_u8(b, 0x82);
	builder_u8(b, 0);
	builder_u8(b, 0x81);
	put_length(b, challenge.len);
	builder_put(b, challenge);
}

static enum err take_signature(
    struct bytes answer, const struct pubkey *public, struct card_signature *out)
{
	struct card_signature s = {.s = BYTES_NONE};
	struct bytes in, value;

	if (tlv_find(answer, 0x7c, &in) != ERR_OK || tlv_find(in, 0x82, &value) != ERR_OK)
		return ERR_TOKEN;
	if (public->type->family == FAMILY_ECDSA) {
		if (tlv_ecdsa(value, public->type->field, &s.r, &s.s) != ERR_OK)
			return ERR_TOKEN;
	} else if (value.len == (public->type->family == FAMILY_RSA ? public->rsa.n.len : 64)) {
		s.r = value;
	} else {
		return ERR_TOKEN;
	}
	*out = s;
	return ERR_OK;
}

static enum err piv_sign(struct wire *w, const struct card_key *k, const struct pubkey *public,
    struct bytes data, struct card_signature *out)
{
	struct apdu a = {.ins = INS_GENERAL_AUTHENTICATE,
	    .p1 = k->algorithm,
	    .p2 = k->ref,
	    .answers = true,
	    .long_answer = true};
	struct builder template = {0};
	struct blob padded = {0};
	enum err e = ERR_OK;

	if (data.len > APDU_COMMAND_MOST - 16)
		return ERR_LIMIT;
	if (public->type->family == FAMILY_RSA) {
		e = tosign_pad(data, public->rsa.n.len, &padded);
		data = blob_view(&padded);
	}
	build_template(&template, data);
	if (e == ERR_OK)
		e = builder_error(&template);
	a.data = builder_view(&template);
	if (e == ERR_OK)
		e = apdu_ask(w, &a);
	if (e == ERR_OK)
		e = take_signature(builder_view(&w->answer), public, out);
	builder_clear(&template);
	blob_clear(&padded);
	return e;
}

const struct applet applet_piv = {
    TOKEN_PIV,
    piv_look,
    piv_enter,
    piv_tries,
    piv_sign,
};
