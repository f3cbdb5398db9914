#include "keystore/knownhosts.h"

#include <string.h>

#include "keystore/base64.h"
#include "keystore/crypto.h"
#include "proto/base/mem.h"
#include "proto/keyblob.h"
#include "proto/limits.h"

enum {
	NAME_MOST = 1022, /* OpenSSH's match_pattern_list takes no longer pattern */
	SHA1_BYTES = 20,
	SHA1_BLOCK = 64,
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes skip(struct bytes b, size_t n)
{
	return BYTES(b.data + n, b.len - n);
}

static struct bytes skip_blanks(struct bytes b)
{
	while (b.len != 0 && is_blank(b.data[0]))
		b = skip(b, 1);
	return b;
}

/* The next word, and the blanks behind it off *rest. */
static struct bytes take_word(struct bytes *rest)
{
	size_t n = 0;
	struct bytes word;

	while (n < rest->len && !is_blank(rest->data[n]))
		n++;
	word = BYTES(rest->data, n);
	*rest = skip_blanks(skip(*rest, n));
	return word;
}

/* All of *rest up to sep, which goes too; the whole of it where there is no sep. */
static struct bytes take_until(struct bytes *rest, char sep)
{
	const uint8_t *at = memchr(rest->data, sep, rest->len);
	size_t n = at != NULL ? (size_t)(at - rest->data) : rest->len;
	struct bytes head = BYTES(rest->data, n);

	*rest = skip(*rest, at != NULL ? n + 1 : n);
	return head;
}

static enum err take_marker(struct bytes *rest, enum knownhost_marker *marker)
{
	struct bytes word;

	*marker = KNOWNHOST_KEY;
	if (rest->data[0] != '@')
		return ERR_OK;
	word = take_word(rest);
	if (bytes_is(word, "@cert-authority"))
		*marker = KNOWNHOST_CA;
	else if (bytes_is(word, "@revoked"))
		*marker = KNOWNHOST_REVOKED;
	else
		return ERR_FORMAT;
	/* a second one */
	return rest->len != 0 && rest->data[0] == '@' ? ERR_FORMAT : ERR_OK;
}

enum err knownhost_parse(struct bytes line, struct knownhost *out)
{
	struct knownhost h = {0};
	struct bytes rest;
	enum err e;

	if (line.len > LIMIT_KNOWN_HOSTS_LINE)
		return ERR_TOO_LONG;
	rest = skip_blanks(line);
	if (rest.len == 0 || rest.data[0] == '#')
		return ERR_NOT_FOUND;
	if (memchr(rest.data, '\0', rest.len) != NULL)
		return ERR_TEXT;
	e = take_marker(&rest, &h.marker);
	if (e != ERR_OK)
		return e;
	h.names = take_word(&rest);
	h.type = take_word(&rest);
	h.base64 = take_word(&rest);
	if (h.base64.len == 0 || h.type.data[0] == '#')
		return ERR_FORMAT;
	*out = h;
	return ERR_OK;
}

struct knownhosts_walk knownhosts_walk(struct bytes file)
{
	return (struct knownhosts_walk){.rest = file};
}

bool knownhosts_next(struct knownhosts_walk *w, struct knownhost *out)
{
	while (w->rest.len != 0) {
		struct bytes line = take_until(&w->rest, '\n');

		w->line++;
		if (knownhost_parse(line, out) == ERR_OK) {
			out->line = w->line;
			return true;
		}
	}
	return false;
}

/* Of ASCII, whatever the locale. */
static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* "*" and "?" in pattern; letters in both cases. */
static bool pattern_matches(struct bytes pattern, struct bytes name)
{
	size_t p = 0, n = 0;
	size_t star = SIZE_MAX, from = 0; /* the last "*", and where in name it gave up */

	while (n < name.len) {
		bool here = p < pattern.len;

		if (here && pattern.data[p] == '*') {
			star = p++;
			from = n;
		} else if (here && (pattern.data[p] == '?' ||
				       lower(pattern.data[p]) == lower(name.data[n]))) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			/* The last "*" takes one character more; an earlier one need not. */
			p = star + 1;
			n = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*')
		p++;
	return p == pattern.len;
}

static bool list_matches(struct bytes patterns, struct bytes name)
{
	bool any = false;

	while (patterns.len != 0) {
		struct bytes one = take_until(&patterns, ',');
		bool negated = one.len != 0 && one.data[0] == '!';

		if (negated)
			one = skip(one, 1);
		if (one.len > NAME_MOST)
			return false;
		if (pattern_matches(one, name)) {
			if (negated)
				return false;
			any = true;
		}
	}
	return any;
}

/* SHA-1 of a block of key, changed by pad, and of data, at most NAME_MOST bytes (RFC 2104). */
static enum err keyed_hash(const uint8_t *key, uint8_t pad, struct bytes data, uint8_t *out)
{
	uint8_t text[SHA1_BLOCK + NAME_MOST];
	size_t length;

	for (size_t i = 0; i < SHA1_BLOCK; i++)
		text[i] = (uint8_t)((i < SHA1_BYTES ? key[i] : 0) ^ pad);
	memcpy(text + SHA1_BLOCK, data.data, data.len);
	return crypto_hash(HASH_SHA1, BYTES(text, SHA1_BLOCK + data.len), out, &length);
}

/* HMAC-SHA1; only to find a name, nothing is kept secret by it. */
static bool hashes_to(struct bytes name, const uint8_t *salt, const uint8_t *wanted)
{
	uint8_t inner[HASH_MOST], outer[HASH_MOST];

	return keyed_hash(salt, 0x36, name, inner) == ERR_OK &&
	       keyed_hash(salt, 0x5c, BYTES(inner, SHA1_BYTES), outer) == ERR_OK &&
	       memcmp(outer, wanted, SHA1_BYTES) == 0;
}

static bool take_hash(struct bytes text, uint8_t out[static SHA1_BYTES])
{
	struct builder b = {0};
	bool fits = base64_decode(text, &b) == ERR_OK && builder_view(&b).len == SHA1_BYTES;

	if (fits)
		memcpy(out, builder_view(&b).data, SHA1_BYTES);
	builder_clear(&b);
	return fits;
}

/* "|1|salt|hash" */
static bool hash_matches(struct bytes text, struct bytes name)
{
	uint8_t salt[SHA1_BYTES], wanted[SHA1_BYTES], small[NAME_MOST];

	text = skip(text, 1);
	if (!bytes_is(take_until(&text, '|'), "1") || !take_hash(take_until(&text, '|'), salt) ||
	    !take_hash(text, wanted))
		return false;
	for (size_t i = 0; i < name.len; i++)
		small[i] = lower(name.data[i]);
	return hashes_to(name, salt, wanted) ||
	       (memcmp(small, name.data, name.len) != 0 &&
		   hashes_to(BYTES(small, name.len), salt, wanted));
}

bool knownhost_hashed(const struct knownhost *h)
{
	return h->names.data[0] == '|';
}

bool knownhost_matches(const struct knownhost *h, struct bytes name)
{
	if (name.len == 0 || name.len > NAME_MOST)
		return false;
	return knownhost_hashed(h) ? hash_matches(h->names, name) : list_matches(h->names, name);
}

bool knownhost_try(
    const struct knownhost *h, const struct bytes *candidates, size_t n, size_t *which)
{
	for (size_t i = 0; i < n; i++) {
		if (knownhost_matches(h, candidates[i])) {
			*which = i;
			return true;
		}
	}
	return false;
}

bool knownhost_next_name(struct bytes *rest, struct bytes *name)
{
	while (rest->len != 0) {
		struct bytes one = take_until(rest, ',');

		if (one.len != 0 && one.data[0] != '!' && one.data[0] != '|' &&
		    memchr(one.data, '*', one.len) == NULL &&
		    memchr(one.data, '?', one.len) == NULL) {
			*name = one;
			return true;
		}
	}
	return false;
}

/* As the line says, whole, and nothing that OpenSSH would pass over. */
static enum err check_key(const struct knownhost *h, struct bytes blob)
{
	struct reader r = reader_of(blob);
	struct bytes inner;
	struct pubkey key;
	enum err e = reader_string(&r, &inner);

	if (e == ERR_OK && !bytes_equal(inner, h->type))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = pubkey_parse(blob, &key);
	if (e == ERR_OK && key.type->family == FAMILY_RSA && pubkey_bits(&key) < LIMIT_RSA_MIN_BITS)
		e = ERR_KEY_SHORT;
	return e;
}

enum err knownhost_key(const struct knownhost *h, struct blob *out)
{
	struct builder b = {0};
	enum err e = base64_decode(h->base64, &b);

	if (e == ERR_OK)
		e = check_key(h, builder_view(&b));
	if (e == ERR_OK)
		e = builder_take(&b, out);
	builder_clear(&b);
	return e;
}

bool knownhost_holds(const struct knownhost *h, struct bytes blob)
{
	struct blob key = {0};
	bool same = h->marker != KNOWNHOST_REVOKED && knownhost_key(h, &key) == ERR_OK &&
		    bytes_equal(blob_view(&key), blob);

	blob_clear(&key);
	return same;
}
