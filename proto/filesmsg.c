#include "proto/filesmsg.h"

#include "proto/helpermsg.h"
#include "proto/keyblob.h"
#include "proto/limits.h"

static enum err start(struct bytes message, uint8_t kind, struct reader *out)
{
	return helper_message_start(message, LIMIT_FILES_MESSAGE, kind, out);
}

/* Absolute, and every component one that a directory can list. */
bool files_path_good(struct bytes path)
{
	size_t begin = 1;

	if (path.len < 2 || path.len > FILES_PATH_MOST || path.data[0] != '/')
		return false;
	for (size_t i = 1; i <= path.len; i++) {
		size_t n = i - begin;

		if (i < path.len && path.data[i] != '/')
			continue;
		if (n == 0 || (n == 1 && path.data[begin] == '.') ||
		    (n == 2 && path.data[begin] == '.' && path.data[begin + 1] == '.'))
			return false;
		begin = i + 1;
	}
	return true;
}

static enum err read_path(struct reader *r, struct bytes *out)
{
	enum err e = reader_text_most(r, FILES_PATH_MOST, out);

	return e == ERR_OK && !files_path_good(*out) ? ERR_FORMAT : e;
}

static enum err read_public(struct reader *r, struct bytes *out)
{
	struct pubkey key;
	enum err e = reader_string_most(r, FILES_PUBLIC_MOST, out);

	return e == ERR_OK ? pubkey_parse(*out, &key) : e;
}

/* byte enum err, and no more */
static enum err read_failure(struct reader *r, bool (*allowed)(uint8_t why), enum err *out)
{
	uint8_t why = 0;
	enum err e = reader_u8(r, &why);

	if (e == ERR_OK && !allowed(why))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_end(r);
	if (e == ERR_OK)
		*out = (enum err)why;
	return e;
}

/* A kind without fields. */
static void bare_build(struct builder *b, uint8_t kind)
{
	builder_close(b, helper_message_open(b, kind));
}

static enum err bare_parse(struct bytes message, uint8_t kind)
{
	struct reader r;
	enum err e = start(message, kind, &r);

	return e == ERR_OK ? reader_end(&r) : e;
}

/* --- signet-files -------------------------------------------------------------- */

void files_watch_build(struct builder *b)
{
	bare_build(b, FILES_WATCH);
}

enum err files_watch_parse(struct bytes message)
{
	return bare_parse(message, FILES_WATCH);
}

void files_done_build(struct builder *b)
{
	bare_build(b, FILES_DONE);
}

enum err files_done_parse(struct bytes message)
{
	return bare_parse(message, FILES_DONE);
}

/* Is the next string empty?  It is read then. */
static bool read_empty(struct reader *r, struct bytes *out)
{
	return reader_string_most(r, 0, out) == ERR_OK;
}

void files_learn_build(struct builder *b, struct bytes path, struct bytes public)
{
	size_t mark = helper_message_open(b, FILES_LEARN);

	builder_string(b, path);
	builder_string(b, public);
	builder_close(b, mark);
}

enum err files_learn_parse(struct bytes message, struct bytes *path, struct bytes *public)
{
	struct bytes where, what;
	struct reader r;
	enum err e = start(message, FILES_LEARN, &r);

	if (e == ERR_OK)
		e = read_path(&r, &where);
	if (e == ERR_OK && !read_empty(&r, &what))
		e = read_public(&r, &what);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return e;
	*path = where;
	*public = what;
	return ERR_OK;
}

void files_key_build(struct builder *b, const struct files_key *m, const struct bytes *certs)
{
	size_t mark = helper_message_open(b, FILES_KEY);

	builder_string(b, m->path);
	builder_u8(b, m->flags);
	builder_string(b, m->public);
	builder_string(b, m->comment);
	builder_u32(b, m->cert_count);
	for (uint32_t i = 0; i < m->cert_count; i++)
		builder_string(b, certs[i]);
	builder_close(b, mark);
}

enum err files_cert_next(struct reader *certs, struct bytes *cert)
{
	return reader_string_most(certs, FILES_PUBLIC_MOST, cert);
}

/* uint32 count, so many certificates, and no more */
static enum err read_certs(struct reader *r, struct files_key *m)
{
	struct bytes cert;
	enum err e = reader_u32_most(r, FILES_CERTS_MOST, &m->cert_count);

	if (e != ERR_OK)
		return e;
	m->certs = *r;
	for (uint32_t i = 0; e == ERR_OK && i < m->cert_count; i++)
		e = files_cert_next(r, &cert);
	return e == ERR_OK ? reader_end(r) : e;
}

enum err files_key_parse(struct bytes message, struct files_key *out)
{
	struct files_key m = {0};
	struct reader r;
	enum err e = start(message, FILES_KEY, &r);

	if (e == ERR_OK)
		e = read_path(&r, &m.path);
	if (e == ERR_OK)
		e = reader_u8(&r, &m.flags);
	if (e == ERR_OK && (m.flags & ~(unsigned)FILES_KEY_FLAGS) != 0)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = read_public(&r, &m.public);
	if (e == ERR_OK)
		e = reader_text_most(&r, FILES_COMMENT_MOST, &m.comment);
	if (e == ERR_OK)
		e = read_certs(&r, &m);
	if (e == ERR_OK)
		*out = m;
	return e;
}

void files_trouble_build(struct builder *b, struct bytes path, enum err why)
{
	size_t mark = helper_message_open(b, FILES_TROUBLE);

	builder_string(b, path);
	builder_u8(b, (uint8_t)why);
	builder_close(b, mark);
}

enum err files_trouble_parse(struct bytes message, struct bytes *path, enum err *why)
{
	struct bytes where;
	struct reader r;
	enum err e = start(message, FILES_TROUBLE, &r);

	if (e == ERR_OK)
		e = read_path(&r, &where);
	if (e == ERR_OK)
		e = read_failure(&r, files_failure_allowed, why);
	if (e == ERR_OK)
		*path = where;
	return e;
}

void files_gone_build(struct builder *b, struct bytes path)
{
	size_t mark = helper_message_open(b, FILES_GONE);

	builder_string(b, path);
	builder_close(b, mark);
}

enum err files_gone_parse(struct bytes message, struct bytes *path)
{
	struct bytes where;
	struct reader r;
	enum err e = start(message, FILES_GONE, &r);

	if (e == ERR_OK)
		e = read_path(&r, &where);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*path = where;
	return e;
}

/* --- signet-unlock ------------------------------------------------------------- */

void unlock_open_build(struct builder *b, const struct unlock_open *m)
{
	size_t mark = helper_message_open(b, UNLOCK_OPEN);

	builder_string(b, m->path);
	builder_string(b, m->public);
	builder_bool(b, m->has_passphrase);
	builder_string(b, m->passphrase);
	builder_close(b, mark);
}

/* byte has passphrase, string passphrase, and no more */
static enum err read_passphrase(struct reader *r, struct unlock_open *m)
{
	uint8_t has = 0;
	enum err e = reader_u8(r, &has);

	if (e == ERR_OK && has > 1)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_string_most(r, LIMIT_PASSPHRASE, &m->passphrase);
	if (e == ERR_OK && has == 0 && m->passphrase.len != 0)
		e = ERR_FORMAT;
	m->has_passphrase = has == 1;
	return e == ERR_OK ? reader_end(r) : e;
}

enum err unlock_open_parse(struct bytes message, struct unlock_open *out)
{
	struct unlock_open m = {0};
	struct reader r;
	enum err e = start(message, UNLOCK_OPEN, &r);

	if (e == ERR_OK)
		e = read_path(&r, &m.path);
	if (e == ERR_OK)
		e = read_public(&r, &m.public);
	if (e == ERR_OK)
		e = read_passphrase(&r, &m);
	if (e == ERR_OK)
		*out = m;
	return e;
}

void unlock_key_build(struct builder *b, struct bytes key, struct bytes comment)
{
	size_t mark = helper_message_open(b, UNLOCK_KEY);

	builder_string(b, key);
	builder_string(b, comment);
	builder_close(b, mark);
}

enum err unlock_key_parse(struct bytes message, struct bytes *key, struct bytes *comment)
{
	struct bytes private, words;
	struct reader r;
	enum err e = start(message, UNLOCK_KEY, &r);

	if (e == ERR_OK)
		e = reader_string(&r, &private);
	if (e == ERR_OK && private.len == 0)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_text_most(&r, FILES_COMMENT_MOST, &words);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return e;
	*key = private;
	*comment = words;
	return ERR_OK;
}

void unlock_failed_build(struct builder *b, enum err why)
{
	size_t mark = helper_message_open(b, UNLOCK_FAILED);

	builder_u8(b, (uint8_t)why);
	builder_close(b, mark);
}

enum err unlock_failed_parse(struct bytes message, enum err *why)
{
	struct reader r;
	enum err e = start(message, UNLOCK_FAILED, &r);

	return e == ERR_OK ? read_failure(&r, unlock_failure_allowed, why) : e;
}

void unlock_other_build(struct builder *b, struct bytes public)
{
	size_t mark = helper_message_open(b, UNLOCK_OTHER);

	builder_string(b, public);
	builder_close(b, mark);
}

enum err unlock_other_parse(struct bytes message, struct bytes *public)
{
	struct bytes what;
	struct reader r;
	enum err e = start(message, UNLOCK_OTHER, &r);

	if (e == ERR_OK)
		e = read_public(&r, &what);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*public = what;
	return e;
}

/* --- what can be wrong with a file --------------------------------------------- */

bool files_failure_allowed(uint8_t why)
{
	static const enum err allowed[] = {ERR_MEMORY, ERR_SYSTEM, ERR_CRYPTO, ERR_TRUNCATED,
	    ERR_SURPLUS, ERR_TOO_LONG, ERR_FORMAT, ERR_NUMBER, ERR_TEXT, ERR_LIMIT, ERR_UNSUPPORTED,
	    ERR_KEY_TYPE, ERR_KEY_TYPE_OFF, ERR_KEY_INVALID, ERR_KEY_MISMATCH, ERR_KEY_CURVE,
	    ERR_KEY_SHORT, ERR_KEY_LONG, ERR_CERT, ERR_CERT_MISMATCH, ERR_CERT_EXPIRED,
	    ERR_CERT_HOST, ERR_FILE_FORMAT, ERR_FILE_CIPHER, ERR_FILE_KDF, ERR_FILE_EMPTY,
	    ERR_FILE_TOO_BIG, ERR_FILE_TAMPERED, ERR_FILE_COST, ERR_FILE_SEVERAL, ERR_FILE_GONE,
	    ERR_FILE_OPEN, ERR_FILE_OWNER, ERR_FILE_OUTSIDE, ERR_FILE_HIDDEN, ERR_FILE_CHANGED,
	    ERR_FILE_MANY, ERR_LEGACY, ERR_DIRECTORY, ERR_DIRECTORY_GONE};

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		if ((uint8_t)allowed[i] == why)
			return true;
	}
	return false;
}

bool unlock_failure_allowed(uint8_t why)
{
	return why == ERR_PASSPHRASE || why == ERR_PASSPHRASE_NEEDED ||
	       why == ERR_KEY_PUBLIC_ONLY ||
	       (files_failure_allowed(why) && why != ERR_FILE_HIDDEN && why != ERR_DIRECTORY &&
		   why != ERR_DIRECTORY_GONE);
}
