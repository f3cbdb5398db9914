/* The data objects of the PIV applet (SP 800-73-4 part 1, appendix A). */
#include "tests/virtual/token/piv.h"
#include "tests/virtual/token/tlv.h"

enum {
	OBJECT_CCC = 0x5fc107,
	OBJECT_CHUID = 0x5fc102,
	OBJECT_HISTORY = 0x5fc10c,
	OBJECT_RETIRED_FIRST = 0x5fc10d,
	OBJECT_RETIRED_LAST = 0x5fc120,
	OBJECT_DISCOVERY = 0x7e,
	GZIP_BLOCK_MAX = 0xffff,
};

static void put_ccc(const struct token *t, struct builder *out)
{
	static const uint8_t tags[] = {0xf3, 0xf4, 0xf6, 0xf7, 0xfa, 0xfb, 0xfc, 0xfd};
	struct builder id = {0};

	/* GSC-RID, manufacturer, a JavaCard, and the card's own number. */
	builder_put(&id, BYTES("\xa0\x00\x00\x01\x16\xff\x02", 7));
	builder_put(&id, BYTES(t->options.id + 2, 14));
	tlv_put(out, 0xf0, builder_view(&id));
	tlv_put_u8(out, 0xf1, 0x21);
	tlv_put_u8(out, 0xf2, 0x21);
	tlv_put(out, tags[0], BYTES_NONE);
	tlv_put_u8(out, tags[1], 0);
	tlv_put_u8(out, 0xf5, 0x10);
	for (size_t i = 2; i < sizeof tags; i++)
		tlv_put(out, tags[i], BYTES_NONE);
	tlv_put(out, 0xfe, BYTES_NONE);
	builder_clear(&id);
}

/* FASC-N of a card that no agency issued: agency code 9999, and nothing else. */
static void put_chuid(const struct token *t, struct builder *out)
{
	static const uint8_t fascn[25] = {0xd4, 0xe7, 0x39, 0xda, 0x73, 0x9c, 0xed, 0x39, 0xce,
	    0x73, 0x9d, 0x83, 0x68, 0x58, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0xc8, 0x42, 0x10,
	    0xc3, 0xeb};

	tlv_put(out, 0x30, BYTES(fascn, sizeof fascn));
	if (t->options.guid)
		tlv_put(out, 0x34, BYTES(t->options.id, sizeof t->options.id));
	tlv_put(out, 0x35, bytes_str("20401231"));
	tlv_put(out, 0x3e, BYTES_NONE);
	tlv_put(out, 0xfe, BYTES_NONE);
}

/* --- certificates --------------------------------------------------------- */

static uint32_t crc32_of(struct bytes data)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < data.len; i++) {
		crc ^= data.data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void put_little_endian(struct builder *out, uint32_t v, int width)
{
	for (int i = 0; i < width; i++)
		builder_u8(out, (uint8_t)(v >> 8 * i));
}

/* RFC 1952, with one stored block of RFC 1951. */
static void put_gzip(struct bytes data, struct builder *out)
{
	const uint16_t n = (uint16_t)(data.len & GZIP_BLOCK_MAX);

	builder_put(out, BYTES("\x1f\x8b\x08\0\0\0\0\0\0\xff\x01", 11));
	put_little_endian(out, n, 2);
	put_little_endian(out, (uint16_t)~n, 2);
	builder_put(out, data);
	put_little_endian(out, crc32_of(data), 4);
	put_little_endian(out, (uint32_t)data.len, 4);
}

static enum status_word put_certificate(const struct token_slot *slot, struct builder *out)
{
	struct builder form = {0};

	if (slot == NULL || slot->form == CERTIFICATE_NONE)
		return SW_FILE_NOT_FOUND;
	if (slot->form == CERTIFICATE_GZIP)
		put_gzip(blob_view(&slot->certificate), &form);
	else if (slot->form == CERTIFICATE_BROKEN)
		builder_put(&form, bytes_str("this is no certificate in DER"));
	else
		builder_put(&form, blob_view(&slot->certificate));
	tlv_put(out, 0x70, builder_view(&form));
	tlv_put_u8(out, 0x71, slot->form == CERTIFICATE_GZIP);
	tlv_put(out, 0xfe, BYTES_NONE);
	builder_clear(&form);
	return SW_OK;
}

/* How many retired keys have their certificate on the card, and how many have it elsewhere. */
static enum status_word put_history(const struct token *t, struct builder *out)
{
	uint8_t on_card = 0;
	uint8_t elsewhere = 0;

	for (size_t i = 0; i < t->n_slots; i++) {
		if (t->slots[i].id < SLOT_RETIRED_FIRST || t->slots[i].id > SLOT_RETIRED_LAST)
			continue;
		if (t->slots[i].form == CERTIFICATE_NONE)
			elsewhere++;
		else
			on_card++;
	}
	if (on_card + elsewhere == 0)
		return SW_FILE_NOT_FOUND;
	tlv_put_u8(out, 0xc1, on_card);
	tlv_put_u8(out, 0xc2, elsewhere);
	if (elsewhere > 0)
		tlv_put(out, 0xf3, bytes_str("http://localhost/"));
	tlv_put(out, 0xfe, BYTES_NONE);
	return SW_OK;
}

/* The slot whose certificate an object is; 0: it is none. */
static uint8_t slot_of(uint32_t object)
{
	switch (object) {
	case 0x5fc105:
		return SLOT_AUTHENTICATION;
	case 0x5fc10a:
		return SLOT_SIGNATURE;
	case 0x5fc10b:
		return SLOT_MANAGEMENT;
	case 0x5fc101:
		return SLOT_CARD;
	default:
		if (object < OBJECT_RETIRED_FIRST || object > OBJECT_RETIRED_LAST)
			return 0;
		return (uint8_t)(SLOT_RETIRED_FIRST + (object - OBJECT_RETIRED_FIRST));
	}
}

/* What is in the object; the discovery object has no wrapping. */
static enum status_word put_object(struct token *t, uint32_t object, struct builder *out)
{
	if (object == OBJECT_CCC) {
		put_ccc(t, out);
		return SW_OK;
	}
	if (object == OBJECT_CHUID && t->options.chuid) {
		put_chuid(t, out);
		return SW_OK;
	}
	if (object == OBJECT_HISTORY)
		return put_history(t, out);
	return slot_of(object) == 0 ? SW_FILE_NOT_FOUND
				    : put_certificate(token_slot(t, slot_of(object)), out);
}

static void put_discovery(struct token *t, struct builder *out)
{
	struct builder body = {0};

	tlv_put(&body, 0x4f, token_piv.aid(t));
	/* There is a PIN of the application, and no other. */
	tlv_put(&body, 0x5f2f, BYTES("\x40\x00", 2));
	tlv_put(out, 0x7e, builder_view(&body));
	builder_clear(&body);
}

enum status_word piv_data(struct token *t, const struct apdu *a, struct builder *out)
{
	struct builder body = {0};
	struct bytes name;
	uint32_t object = 0;
	enum status_word sw;

	if (a->p1 != 0x3f || a->p2 != 0xff)
		return SW_BAD_P1P2;
	if (!value_find(a->data, 0x5c, &name) || name.len == 0 || name.len > 3)
		return SW_WRONG_DATA;
	for (size_t i = 0; i < name.len; i++)
		object = object << 8 | name.data[i];
	if (object == OBJECT_DISCOVERY && t->options.discovery) {
		put_discovery(t, out);
		return SW_OK;
	}
	sw = put_object(t, object, &body);
	if (sw == SW_OK)
		tlv_put(out, 0x53, builder_view(&body));
	builder_clear(&body);
	return sw;
}
