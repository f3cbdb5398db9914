#include "tokens/card/select.h"

#include <string.h>

static const char scheme[] = "card:", serial_name[] = "serial=", slot_name[] = "slot=";

/* What is before the next semicolon; *rest is moved behind it. */
static struct bytes part(struct bytes *rest)
{
	const uint8_t *end = rest->len != 0 ? memchr(rest->data, ';', rest->len) : NULL;
	size_t n = end != NULL ? (size_t)(end - rest->data) : rest->len;
	struct bytes out = BYTES(rest->data, n);

	*rest = BYTES(rest->data + n, rest->len - n);
	if (end != NULL)
		*rest = BYTES(rest->data + 1, rest->len - 1);
	return out;
}

/* The value of NAME=VALUE; an empty one is none. */
static bool value_of(struct bytes attribute, const char *name, struct bytes *out)
{
	size_t n = strlen(name);

	if (attribute.len <= n || memcmp(attribute.data, name, n) != 0)
		return false;
	*out = BYTES(attribute.data + n, attribute.len - n);
	return true;
}

enum err choice_parse(struct bytes uri, struct choice *out)
{
	struct choice c = {0};
	struct bytes rest, value;

	if (uri.len == 0) {
		*out = c;
		return ERR_OK;
	}
	if (uri.len < strlen(scheme) || memcmp(uri.data, scheme, strlen(scheme)) != 0)
		return ERR_URI;
	rest = BYTES(uri.data + strlen(scheme), uri.len - strlen(scheme));
	while (rest.len != 0) {
		struct bytes from = rest, attribute = part(&rest);

		if (value_of(attribute, slot_name, &value)) {
			if (c.slots.len == 0)
				c.slots = from;
		} else if (c.serial.len == 0 && value_of(attribute, serial_name, &value)) {
			c.serial = value;
		} else {
			return ERR_URI;
		}
	}
	*out = c;
	return ERR_OK;
}

static bool same_text(struct bytes a, const char *b)
{
	if (a.len != strlen(b))
		return false;
	return a.len == 0 || strncasecmp((const char *)a.data, b, a.len) == 0;
}

/* A card may be named by the hexadecimal digits of its GUID, too. */
static bool is_guid(const struct card_token *t, struct bytes text)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * CARD_ID_ROOM + 1] = "";

	if (t->id.len == 0 || t->id.bytes[0] != 'G')
		return false;
	for (size_t i = 1; i < t->id.len; i++) {
		hex[2 * (i - 1)] = digits[t->id.bytes[i] >> 4];
		hex[2 * (i - 1) + 1] = digits[t->id.bytes[i] & 15];
	}
	return same_text(text, hex);
}

bool choice_has_token(const struct choice *c, const struct card_token *t)
{
	return c->serial.len == 0 || same_text(c->serial, t->serial) || is_guid(t, c->serial);
}

bool choice_has_key(const struct choice *c, const struct card_key *k)
{
	struct bytes rest = c->slots, value;

	if (rest.len == 0)
		return (k->flags & TOKEN_KEY_DEFAULT) != 0;
	while (rest.len != 0) {
		if (value_of(part(&rest), slot_name, &value) &&
		    (same_text(value, "all") || same_text(value, k->slot)))
			return true;
	}
	return false;
}
