#include "keystore/file/ppk.h"

#include "keystore/file/armor.h"
#include "keystore/file/format.h"
#include "keystore/file/lines.h"
#include "proto/limits.h"

static const char first_word[] = "PuTTY-User-Key-File-";

bool ppk_begins(struct bytes line)
{
	struct bytes after;

	return line_after(line, first_word, &after);
}

void ppk_clear(struct ppk *p)
{
	blob_clear(&p->public_blob);
	blob_clear(&p->salt);
	blob_clear(&p->private);
	*p = (struct ppk){0};
}

/* The next line must be "name: value". */
static enum err read_field(struct bytes *rest, const char *name, struct bytes *value)
{
	struct bytes line;

	if (!line_next(rest, &line))
		return ERR_TRUNCATED;
	if (!line_after(line, name, value) || !line_after(*value, ": ", value))
		return ERR_FORMAT;
	return ERR_OK;
}

static enum err read_number(struct bytes *rest, const char *name, uint32_t *out)
{
	struct bytes digits;
	uint64_t v = 0;
	enum err e = read_field(rest, name, &digits);

	if (e != ERR_OK)
		return e;
	if (digits.len == 0 || digits.len > 10)
		return ERR_FORMAT;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.data[i] < '0' || digits.data[i] > '9')
			return ERR_FORMAT;
		v = v * 10 + (uint64_t)(digits.data[i] - '0');
	}
	if (v > UINT32_MAX)
		return ERR_FORMAT;
	*out = (uint32_t)v;
	return ERR_OK;
}

/* "name: N", then N lines of base64. */
static enum err read_base64(struct bytes *rest, const char *name, struct blob *out)
{
	const uint8_t *start;
	struct bytes line;
	uint32_t lines;
	enum err e = read_number(rest, name, &lines);

	if (e != ERR_OK)
		return e;
	start = rest->data;
	for (uint32_t i = 0; i < lines; i++) {
		if (!line_next(rest, &line))
			return ERR_TRUNCATED;
	}
	if (lines == 0)
		return ERR_FORMAT;
	return armor_decode(BYTES(start, (size_t)(line.data + line.len - start)), out);
}

static enum err read_hex(struct bytes *rest, const char *name, struct blob *out)
{
	static const uint8_t zeros[128];
	struct bytes text;
	enum err e = read_field(rest, name, &text);

	if (e == ERR_OK)
		text = line_trimmed(text);
	if (e == ERR_OK && text.len / 2 > sizeof(zeros))
		e = ERR_TOO_LONG;
	if (e == ERR_OK)
		e = blob_copy(out, BYTES(zeros, text.len / 2));
	return e == ERR_OK ? hex_decode(text, out->data, out->len) : e;
}

static enum err read_start(struct bytes *rest, struct ppk *p)
{
	struct bytes line, version, encryption;
	enum err e;

	if (!line_next(rest, &line) || !line_after(line, first_word, &version))
		return ERR_FORMAT;
	if (line_after(version, "3: ", &p->type))
		p->version = 3;
	else if (line_after(version, "2: ", &p->type))
		p->version = 2;
	else
		return ERR_FILE_FORMAT;
	e = read_field(rest, "Encryption", &encryption);
	if (e != ERR_OK)
		return e;
	p->encryption = encryption;
	p->encrypted = bytes_is(encryption, "aes256-cbc");
	if (!p->encrypted && !bytes_is(encryption, "none"))
		return ERR_FILE_CIPHER;
	return read_field(rest, "Comment", &p->comment);
}

static enum err read_argon2(struct bytes *rest, struct ppk *p)
{
	struct bytes name;
	enum err e = read_field(rest, "Key-Derivation", &name);

	if (e != ERR_OK)
		return e;
	if (bytes_is(name, "Argon2id"))
		p->cost.flavor = ARGON2_FLAVOR_ID;
	else if (bytes_is(name, "Argon2i"))
		p->cost.flavor = ARGON2_FLAVOR_I;
	else if (bytes_is(name, "Argon2d"))
		p->cost.flavor = ARGON2_FLAVOR_D;
	else
		return ERR_FILE_KDF;
	e = read_number(rest, "Argon2-Memory", &p->cost.memory);
	if (e == ERR_OK)
		e = read_number(rest, "Argon2-Passes", &p->cost.passes);
	if (e == ERR_OK)
		e = read_number(rest, "Argon2-Parallelism", &p->cost.lanes);
	return e == ERR_OK ? read_hex(rest, "Argon2-Salt", &p->salt) : e;
}

static enum err read_mac(struct bytes *rest, struct ppk *p)
{
	struct bytes text;
	enum err e = read_field(rest, "Private-MAC", &text);

	p->mac_len = p->version == 3 ? 32 : 20; /* HMAC-SHA-256, HMAC-SHA-1 */
	return e == ERR_OK ? hex_decode(line_trimmed(text), p->mac, p->mac_len) : e;
}

static enum err read_end(struct bytes rest)
{
	struct bytes line;

	while (line_next(&rest, &line)) {
		if (line_trimmed(line).len != 0)
			return ERR_SURPLUS;
	}
	return ERR_OK;
}

enum err ppk_parse(struct bytes text, struct ppk *p)
{
	struct bytes rest = text;
	enum err e = read_start(&rest, p);

	if (e == ERR_OK)
		e = read_base64(&rest, "Public-Lines", &p->public_blob);
	if (e == ERR_OK && p->version == 3 && p->encrypted)
		e = read_argon2(&rest, p);
	if (e == ERR_OK)
		e = read_base64(&rest, "Private-Lines", &p->private);
	if (e == ERR_OK)
		e = read_mac(&rest, p);
	return e == ERR_OK ? read_end(rest) : e;
}
