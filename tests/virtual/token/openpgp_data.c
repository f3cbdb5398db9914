/* The data objects of the OpenPGP applet (OpenPGP card 3.4.1, section 4.4). */
#include <openssl/evp.h>
#include <string.h>

#include "tests/virtual/token/openpgp.h"
#include "tests/virtual/token/tlv.h"

enum {
	MADE = 1577836800, /* when the keys were made: 2020-01-01 */
	FINGERPRINT = 20,
	EXTENDED_MOST = 3070,
	PGP_RSA = 1, /* RFC 4880, section 9.1, RFC 6637, and what became of EdDSA */
	PGP_ECDH = 18,
	PGP_ECDSA = 19,
	PGP_EDDSA = 22,
};

/* In the order that data objects have them. */
static const uint8_t order[] = {SLOT_PGP_SIGN, SLOT_PGP_DECRYPT, SLOT_PGP_AUTHENTICATE};

struct bytes pgp_aid(struct token *t)
{
	/* Version 3.4, of nobody who has numbers for cards of his own. */
	memcpy(t->pgp_aid, "\xd2\x76\x00\x01\x24\x01\x03\x04\xff\xfe", 10);
	for (int i = 0; i < 4; i++)
		t->pgp_aid[10 + i] = (uint8_t)(t->options.serial >> (24 - 8 * i));
	return BYTES(t->pgp_aid, sizeof t->pgp_aid);
}

/* --- algorithms ----------------------------------------------------------- */

/* The contents of the curve's OBJECT IDENTIFIER. */
static struct bytes oid_of(enum key_algorithm algorithm)
{
	switch (algorithm) {
	case KEY_P256:
		return BYTES("\x2a\x86\x48\xce\x3d\x03\x01\x07", 8);
	case KEY_P384:
		return BYTES("\x2b\x81\x04\x00\x22", 5);
	case KEY_P521:
		return BYTES("\x2b\x81\x04\x00\x23", 5);
	case KEY_ED25519:
		return BYTES("\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", 9);
	case KEY_X25519:
		return BYTES("\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01", 10);
	default:
		return BYTES_NONE;
	}
}

static uint8_t number_of(enum key_algorithm algorithm, uint8_t slot)
{
	if (key_is_rsa(algorithm))
		return PGP_RSA;
	if (slot == SLOT_PGP_DECRYPT)
		return PGP_ECDH;
	return algorithm == KEY_ED25519 ? PGP_EDDSA : PGP_ECDSA;
}

/* Algorithm attributes (section 4.4.3.9). */
static void put_attributes(enum key_algorithm algorithm, uint8_t slot, struct builder *out)
{
	const size_t bits = key_size(algorithm) * 8;

	builder_u8(out, number_of(algorithm, slot));
	if (!key_is_rsa(algorithm)) {
		builder_put(out, oid_of(algorithm));
		return;
	}
	builder_u8(out, (uint8_t)(bits >> 8));
	builder_u8(out, (uint8_t)bits);
	builder_put(out, BYTES("\x00\x20\x00", 3));
}

static void put_attributes_of(struct token *t, size_t i, struct builder *out)
{
	const struct token_slot *slot = token_slot(t, order[i]);

	put_attributes(slot != NULL ? slot->algorithm : KEY_RSA2048, order[i], out);
}

/* All that each key might be (section 4.4.3.11). */
static void put_choices(struct builder *out)
{
	static const enum key_algorithm all[] = {KEY_RSA2048, KEY_RSA3072, KEY_RSA4096, KEY_P256,
	    KEY_P384, KEY_P521, KEY_ED25519, KEY_X25519};
	struct builder one = {0};

	for (size_t i = 0; i < sizeof order; i++) {
		for (size_t j = 0; j < sizeof all / sizeof *all; j++) {
			const enum key_algorithm other =
			    order[i] == SLOT_PGP_DECRYPT ? KEY_ED25519 : KEY_X25519;

			if (all[j] == other)
				continue;
			builder_reset(&one);
			put_attributes(all[j], order[i], &one);
			tlv_put(out, 0xc1 + (uint32_t)i, builder_view(&one));
		}
	}
	builder_clear(&one);
}

/* --- fingerprints (RFC 4880, section 12.2) -------------------------------- */

static void put_mpi(struct bytes magnitude, struct builder *out)
{
	size_t bits = magnitude.len * 8;

	for (uint8_t top = magnitude.len == 0 ? 0x80 : magnitude.data[0]; (top & 0x80) == 0;
	     top = (uint8_t)(top << 1 | 1))
		bits--;
	builder_u8(out, (uint8_t)(bits >> 8));
	builder_u8(out, (uint8_t)bits);
	builder_put(out, magnitude);
}

static enum err put_key_material(const struct token_slot *slot, struct builder *out)
{
	const bool edwards = slot->algorithm == KEY_ED25519 || slot->algorithm == KEY_X25519;
	const struct bytes oid = oid_of(slot->algorithm);
	struct builder a = {0};
	struct builder b = {0};
	enum err e;

	if (key_is_rsa(slot->algorithm)) {
		e = key_modulus(slot->key, &a, &b);
		put_mpi(builder_view(&a), out);
		put_mpi(builder_view(&b), out);
	} else {
		if (edwards)
			builder_u8(&a, 0x40);
		e = key_point(slot->key, &a);
		builder_u8(out, (uint8_t)oid.len);
		builder_put(out, oid);
		put_mpi(builder_view(&a), out);
	}
	/* How ECDH derives keys (RFC 6637, section 13): SHA-256 and AES-128 of the small curves. */
	if (slot->id == SLOT_PGP_DECRYPT && !key_is_rsa(slot->algorithm))
		builder_put(out, slot->algorithm == KEY_P384   ? BYTES("\x03\x01\x09\x08", 4)
				 : slot->algorithm == KEY_P521 ? BYTES("\x03\x01\x0a\x09", 4)
							       : BYTES("\x03\x01\x08\x07", 4));
	builder_clear(&a);
	builder_clear(&b);
	return e;
}

/* Zeros where there is no key. */
static void put_fingerprint(const struct token_slot *slot, struct builder *out)
{
	struct builder packet = {0};
	struct builder whole = {0};
	uint8_t digest[FINGERPRINT] = {0};

	if (slot != NULL) {
		builder_u8(&packet, 4);
		builder_u32(&packet, MADE);
		builder_u8(&packet, number_of(slot->algorithm, slot->id));
		(void)put_key_material(slot, &packet);
		builder_u8(&whole, 0x99);
		builder_u8(&whole, (uint8_t)(packet.len >> 8));
		builder_u8(&whole, (uint8_t)packet.len);
		builder_put(&whole, builder_view(&packet));
		(void)EVP_Digest(whole.data, whole.len, digest, NULL, EVP_sha1(), NULL);
	}
	builder_put(out, BYTES(digest, sizeof digest));
	builder_clear(&packet);
	builder_clear(&whole);
}

/* --- objects -------------------------------------------------------------- */

/* Historical bytes: chaining and extended length, as the card has them (section 6). */
static void put_historical(const struct token *t, struct builder *out)
{
	builder_put(out, BYTES("\x00\x31\xf5\x73\xc0\x01", 6));
	builder_u8(
	    out, (uint8_t)((t->options.chaining ? 0x80 : 0) | (t->options.extended ? 0x40 : 0)));
	builder_put(out, BYTES("\x05\x90\x00", 3));
}

static void put_status(const struct token *t, struct builder *out)
{
	builder_u8(out, t->options.pw1_once ? 0 : 1);
	builder_put(out, BYTES(((uint8_t[]){PGP_SECRET_MOST, 0, PGP_SECRET_MOST}), 3));
	builder_u8(out, (uint8_t)t->secrets[SECRET_PW1].tries);
	builder_u8(out, 0);
	builder_u8(out, (uint8_t)t->secrets[SECRET_PW3].tries);
}

static void put_counter(const struct token *t, struct builder *out)
{
	for (int shift = 16; shift >= 0; shift -= 8)
		builder_u8(out, (uint8_t)(t->pgp_signatures >> shift));
}

/* A key: there, and imported; a touch: wanted, by a button. */
static void put_keys(struct token *t, uint32_t tag, struct builder *out)
{
	for (uint8_t i = 0; i < sizeof order; i++) {
		const struct token_slot *slot = token_slot(t, order[i]);

		if (tag == 0xc5)
			put_fingerprint(slot, out);
		else if (tag == 0xcd)
			builder_u32(out, slot == NULL ? 0 : MADE);
		else
			builder_put(out, BYTES(((uint8_t[]){i + 1, slot == NULL ? 0 : 2}), 2));
	}
}

static void put_lengths(struct builder *out)
{
	for (int i = 0; i < 2; i++)
		tlv_put(
		    out, 0x02, BYTES(((uint8_t[]){EXTENDED_MOST >> 8, EXTENDED_MOST & 0xff}), 2));
}

static bool put_value(struct token *t, uint32_t tag, struct builder *out);

/* A template of these objects, without its own tag; those that the card does not have are left out.
 */
static void put_all(struct token *t, const uint16_t *tags, size_t n, struct builder *out)
{
	struct builder value = {0};

	for (size_t i = 0; i < n; i++) {
		builder_reset(&value);
		if (put_value(t, tags[i], &value))
			tlv_put(out, tags[i], builder_view(&value));
	}
	builder_clear(&value);
}

static bool put_template(struct token *t, uint32_t tag, struct builder *out)
{
	static const uint16_t holder[] = {0x5b, 0x5f2d, 0x5f35};
	static const uint16_t application[] = {0x4f, 0x5f52, 0x7f66, 0x73};
	static const uint16_t discretionary[] = {
	    0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xcd, 0xde, 0xd6, 0xd7, 0xd8};
	static const uint16_t security[] = {0x93};

	switch (tag) {
	case 0x65:
		put_all(t, holder, sizeof holder / sizeof *holder, out);
		return true;
	case 0x6e:
		put_all(t, application, sizeof application / sizeof *application, out);
		return true;
	case 0x73:
		put_all(t, discretionary, sizeof discretionary / sizeof *discretionary, out);
		return true;
	case 0x7a:
		put_all(t, security, 1, out);
		return true;
	case 0xfa:
		put_choices(out);
		return true;
	case 0x7f66:
		if (t->options.extended)
			put_lengths(out);
		return t->options.extended;
	default:
		return false;
	}
}

static bool put_touch(struct token *t, size_t i, struct builder *out)
{
	const struct token_slot *slot = token_slot(t, order[i]);

	builder_u8(out, slot != NULL && slot->touch != TOUCH_NEVER);
	builder_u8(out, 0x20);
	return true;
}

/* False: there is no such object. */
static bool put_value(struct token *t, uint32_t tag, struct builder *out)
{
	static const uint8_t nobody[3 * FINGERPRINT] = {0};

	if (tag >= 0xc1 && tag <= 0xc3)
		put_attributes_of(t, tag - 0xc1, out);
	else if (tag >= 0xd6 && tag <= 0xd8)
		put_touch(t, tag - 0xd6, out);
	else if (tag == 0xc5 || tag == 0xcd || tag == 0xde)
		put_keys(t, tag, out);
	else if (tag == 0x4f)
		builder_put(out, pgp_aid(t));
	else if (tag == 0x5b)
		builder_put(out, bytes_str("Doe<<Jane"));
	else if (tag == 0x5e)
		builder_put(out, bytes_str("jane"));
	else if (tag == 0x5f2d)
		builder_put(out, bytes_str("en"));
	else if (tag == 0x5f35)
		builder_put(out, bytes_str("9"));
	else if (tag == 0x5f50)
		builder_put(out, bytes_str("http://localhost/key"));
	else if (tag == 0x5f52)
		put_historical(t, out);
	else if (tag == 0x93)
		put_counter(t, out);
	else if (tag == 0xc0)
		/* GET CHALLENGE of 255 bytes; certificates of 2048, other objects of 255. */
		builder_put(out, BYTES("\x40\x00\x00\xff\x08\x00\x00\xff\x00\x00", 10));
	else if (tag == 0xc4)
		put_status(t, out);
	else if (tag == 0xc6)
		builder_put(out, BYTES(nobody, sizeof nobody));
	else if (tag != 0x7f21)
		return put_template(t, tag, out);
	return true;
}

enum status_word pgp_data(struct token *t, const struct apdu *a, struct builder *out)
{
	const uint32_t tag = (uint32_t)a->p1 << 8 | a->p2;
	const bool template = tag == 0x65 || tag == 0x6e || tag == 0x7a || tag == 0xfa;
	struct builder value = {0};
	const bool found = put_value(t, tag, &value);

	/* Cards differ in whether a template comes with its own tag. */
	if (found && template && t->options.outer)
		tlv_put(out, tag, builder_view(&value));
	else if (found)
		builder_put(out, builder_view(&value));
	builder_clear(&value);
	return found ? SW_OK : SW_NO_REFERENCE;
}
