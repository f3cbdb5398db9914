#include "keystore/file/keyfile.h"

#include "keystore/file/armor.h"
#include "keystore/file/format.h"
#include "keystore/file/lines.h"
#include "keystore/file/pubfile.h"
#include "keystore/key.h"
#include "proto/limits.h"

/*
 * On a 2020s core: 10,000 rounds of bcrypt, 20 million iterations of PBKDF2 and
 * 32 GiB of memory traffic each take between ten seconds and a minute.
 * ssh-keygen's default is 16 or 24 rounds, openssl's 2048 iterations, PuTTY's a tenth of a second.
 */
const struct kdf_limits kdf_limits_standard = {
    .bcrypt_rounds = 10000,
    .iterations = 20u * 1000 * 1000,
    .memory = 1024u * 1024,
    .work = 32u * 1024 * 1024,
};

/* The formats, by the line on which a key begins. */
static const struct start {
	const char *label;                 /* of armour, or */
	bool (*begins)(struct bytes line); /* what it is instead */
	const struct keyfile_format *format;
} starts[] = {
    {"OPENSSH PRIVATE KEY", NULL, &keyfile_openssh},
    {"RSA PRIVATE KEY", NULL, &keyfile_pem},
    {"EC PRIVATE KEY", NULL, &keyfile_pem},
    {"DSA PRIVATE KEY", NULL, &keyfile_pem},
    {"PRIVATE KEY", NULL, &keyfile_pkcs8},
    {"ENCRYPTED PRIVATE KEY", NULL, &keyfile_pkcs8},
    {NULL, ppk_begins, &keyfile_ppk},
};

void keyfile_info_clear(struct keyfile_info *info)
{
	blob_clear(&info->public_blob);
	blob_clear(&info->comment);
	*info = (struct keyfile_info){0};
}

void keyfile_key_clear(struct keyfile_key *key)
{
	blob_clear(&key->key_data);
	blob_clear(&key->public_blob);
	blob_clear(&key->comment);
	*key = (struct keyfile_key){0};
}

/* The format that begins on this line, or NULL; *label is set for armour of any kind. */
static const struct keyfile_format *format_at(struct bytes line, struct bytes *label)
{
	bool armored;

	*label = BYTES_NONE;
	armored = armor_begins(line, label);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		const struct start *s = &starts[i];

		if (s->label != NULL ? armored && bytes_is(*label, s->label) : s->begins(line))
			return s->format;
	}
	return NULL;
}

/* Find the next line on which a key begins. */
static const struct keyfile_format *next_start(
    struct bytes *rest, struct bytes *line, struct bytes *label)
{
	const struct keyfile_format *f;

	while (line_next(rest, line)) {
		f = format_at(*line, label);
		if (f != NULL)
			return f;
	}
	return NULL;
}

static bool ends_with(struct bytes b, const char *end)
{
	struct bytes tail = bytes_str(end);

	return b.len >= tail.len && bytes_equal(BYTES(b.data + b.len - tail.len, tail.len), tail);
}

/* What to say of a file without a private key. */
static enum err name_foreign(struct bytes file)
{
	struct bytes rest = file, line, label;
	struct pubfile pub = {0};
	bool public_only = false;

	while (!public_only && line_next(&rest, &line)) {
		public_only = (armor_begins(line, &label) && ends_with(label, "PUBLIC KEY")) ||
			      bytes_is(line, "---- BEGIN SSH2 PUBLIC KEY ----");
	}
	if (!public_only && pubfile_parse(file, &pub) == ERR_OK) {
		public_only = true;
		pubfile_clear(&pub);
	}
	return public_only ? ERR_KEY_PUBLIC_ONLY : ERR_FILE_FORMAT;
}

static enum err find_key(
    struct bytes file, const struct keyfile_format **format, struct key_text *out)
{
	struct bytes rest, line, label;
	enum err e = ERR_OK;

	if (file.len > LIMIT_KEY_FILE)
		return ERR_FILE_TOO_BIG;
	file = rest = text_without_bom(file);
	if (file.len == 0)
		return ERR_FILE_EMPTY;
	*format = next_start(&rest, &line, &label);
	if (*format == NULL)
		return name_foreign(file);
	*out = (struct key_text){.label = label};
	if (label.len != 0)
		e = armor_body(&rest, label, &out->body);
	else
		out->body = BYTES(line.data, (size_t)(file.data + file.len - line.data));
	if (e == ERR_OK && next_start(&rest, &line, &label) != NULL)
		e = ERR_FILE_SEVERAL;
	return e;
}

enum err keyfile_probe(struct bytes file, struct keyfile_info *out)
{
	const struct keyfile_format *format;
	struct keyfile_info info = {0};
	struct key_text text;
	enum err e = find_key(file, &format, &text);

	if (e == ERR_OK) {
		info.format = format->name;
		e = format->probe(&text, &info);
	}
	if (e == ERR_OK)
		*out = info;
	else
		keyfile_info_clear(&info);
	return e;
}

enum err keyfile_probe_by_decoding(
    const struct keyfile_format *f, const struct key_text *text, struct keyfile_info *out)
{
	const struct unlock plain = {NULL, &kdf_limits_standard};
	struct keyfile_key key = {0};
	enum err e = f->decode(text, &plain, &key);

	if (e == ERR_OK) {
		out->public_blob = blob_move(&key.public_blob);
		out->comment = blob_move(&key.comment);
	}
	keyfile_key_clear(&key);
	return e;
}

enum err keyfile_key_fill(const struct privkey *pk, struct bytes comment, struct keyfile_key *out)
{
	struct builder private = {0}, public = {0};
	enum err e;

	privkey_build(&private, pk, BYTES_NONE);
	pubkey_build(&public, &pk->public);
	out->type = pk->type;
	e = builder_take(&private, &out->key_data);
	if (e == ERR_OK)
		e = builder_take(&public, &out->public_blob);
	if (e == ERR_OK)
		e = blob_copy(&out->comment, comment);
	builder_clear(&private);
	builder_clear(&public);
	return e;
}

/*
 * Do the numbers belong together?  The agent checks too, but can only say
 * "failure"; here the person learns what is wrong with the file.  Types that
 * this libcrypto cannot compute with are the agent's to judge.
 */
static enum err check_numbers(const struct keyfile_key *key)
{
	struct reader r = reader_of(blob_view(&key->key_data));
	struct privkey pk;
	enum err e = privkey_read(&r, &pk);

	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		e = key_check(&pk);
	return e == ERR_KEY_TYPE ? ERR_OK : e;
}

enum err keyfile_decode_within(
    struct bytes file, const struct unlock *with, struct keyfile_key *out)
{
	static const struct bytes empty = {(const uint8_t *)"", 0};
	const struct keyfile_format *format;
	struct keyfile_key key = {0};
	struct unlock checked = *with;
	struct key_text text;
	enum err e = find_key(file, &format, &text);

	/* libcrypto takes NULL for "none" where an empty passphrase is meant. */
	if (with->passphrase != NULL && with->passphrase->len == 0)
		checked.passphrase = &empty;
	if (e == ERR_OK && with->passphrase != NULL && with->passphrase->len > LIMIT_PASSPHRASE)
		e = ERR_PASSPHRASE;
	if (e == ERR_OK)
		e = format->decode(&text, &checked, &key);
	if (e == ERR_OK)
		e = check_numbers(&key);
	if (e == ERR_OK)
		*out = key;
	else
		keyfile_key_clear(&key);
	return e;
}

enum err keyfile_decode(struct bytes file, const struct bytes *passphrase, struct keyfile_key *out)
{
	const struct unlock with = {passphrase, &kdf_limits_standard};

	return keyfile_decode_within(file, &with, out);
}
