#include "proto/helpermsg.h"
#include "proto/limits.h"
#include "proto/tokenmsg_impl.h"

enum err tokenmsg_start(struct bytes message, enum token_message kind, struct reader *out)
{
	return helper_message_start(message, LIMIT_TOKEN_MESSAGE, (uint8_t)kind, out);
}

enum err token_message_of(struct bytes message, enum token_message *out)
{
	uint8_t kind;
	enum err e = helper_message_kind(message, &kind);

	if (e != ERR_OK)
		return e;
	if ((kind < TOKEN_RESOLVE || kind > TOKEN_LOGOUT) &&
	    (kind < TOKEN_RESOLVED || kind > TOKEN_FAILED))
		return ERR_MESSAGE;
	*out = (enum token_message)kind;
	return ERR_OK;
}

enum err tokenmsg_id(struct reader *r, struct bytes *out)
{
	enum err e = reader_string_most(r, TOKEN_ID_MOST, out);

	return e == ERR_OK && out->len == 0 ? ERR_FORMAT : e;
}

enum err tokenmsg_flags(struct reader *r, uint32_t known, uint32_t *out)
{
	enum err e = reader_u32(r, out);

	return e == ERR_OK && (*out & ~known) != 0 ? ERR_FORMAT : e;
}

/* Of a request: 0 stands for the request that opens. */
static enum err read_number(struct reader *r, uint32_t *out)
{
	enum err e = reader_u32(r, out);

	return e == ERR_OK && *out == 0 ? ERR_FORMAT : e;
}

/* --- a module's name and path ------------------------------------------------------------------
 */

static void text_build(struct builder *b, enum token_message kind, struct bytes text)
{
	size_t mark = helper_message_open(b, (uint8_t)kind);

	builder_string(b, text);
	builder_close(b, mark);
}

void token_resolve_build(struct builder *b, struct bytes name)
{
	text_build(b, TOKEN_RESOLVE, name);
}

void token_resolved_build(struct builder *b, struct bytes path)
{
	text_build(b, TOKEN_RESOLVED, path);
}

static enum err text_parse(struct bytes message, enum token_message kind, struct bytes *out)
{
	struct reader r;
	enum err e = tokenmsg_start(message, kind, &r);

	if (e == ERR_OK)
		e = reader_text_most(&r, TOKEN_PATH_MOST, out);
	if (e == ERR_OK && out->len == 0)
		e = ERR_FORMAT;
	return e == ERR_OK ? reader_end(&r) : e;
}

enum err token_resolve_parse(struct bytes message, struct bytes *name)
{
	struct bytes text;
	enum err e = text_parse(message, TOKEN_RESOLVE, &text);

	if (e == ERR_OK)
		*name = text;
	return e;
}

enum err token_resolved_parse(struct bytes message, struct bytes *path)
{
	struct bytes text;
	enum err e = text_parse(message, TOKEN_RESOLVED, &text);

	if (e == ERR_OK && text.data[0] != '/')
		e = ERR_FORMAT;
	if (e == ERR_OK)
		*path = text;
	return e;
}

void token_open_build(struct builder *b, const struct token_open *m)
{
	size_t mark = helper_message_open(b, TOKEN_OPEN);

	builder_string(b, m->path);
	builder_u32(b, m->flags);
	builder_close(b, mark);
}

enum err token_open_parse(struct bytes message, struct token_open *out)
{
	struct token_open m = {0};
	struct reader r;
	enum err e = tokenmsg_start(message, TOKEN_OPEN, &r);

	if (e == ERR_OK)
		e = reader_text_most(&r, TOKEN_PATH_MOST, &m.path);
	if (e == ERR_OK && m.path.len != 0 && m.path.data[0] != '/')
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = tokenmsg_flags(&r, TOKEN_OPEN_FLAGS, &m.flags);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = m;
	return e;
}

/* --- requests ----------------------------------------------------------------------------------
 */

/* string PIN, uint32 request flags, and no more */
static enum err read_pin(struct reader *r, struct bytes *pin, uint32_t *flags)
{
	enum err e = reader_text_most(r, TOKEN_PIN_MOST, pin);

	if (e == ERR_OK)
		e = tokenmsg_flags(r, TOKEN_REQUEST_FLAGS, flags);
	if (e == ERR_OK && (*flags & TOKEN_USE_PAD) != 0 && pin->len != 0)
		e = ERR_FORMAT;
	return e == ERR_OK ? reader_end(r) : e;
}

void token_select_build(struct builder *b, const struct token_select *m)
{
	size_t mark = helper_message_open(b, TOKEN_SELECT);

	builder_u32(b, m->number);
	builder_string(b, m->uri);
	builder_string(b, m->pin);
	builder_u32(b, m->flags);
	builder_close(b, mark);
}

enum err token_select_parse(struct bytes message, struct token_select *out)
{
	struct token_select m = {0};
	struct reader r;
	enum err e = tokenmsg_start(message, TOKEN_SELECT, &r);

	if (e == ERR_OK)
		e = read_number(&r, &m.number);
	if (e == ERR_OK)
		e = reader_text_most(&r, TOKEN_PATH_MOST, &m.uri);
	if (e == ERR_OK)
		e = read_pin(&r, &m.pin, &m.flags);
	if (e == ERR_OK)
		*out = m;
	return e;
}

void token_sign_build(struct builder *b, const struct token_sign *m)
{
	size_t mark = helper_message_open(b, TOKEN_SIGN);

	builder_u32(b, m->number);
	builder_string(b, m->token);
	builder_string(b, m->key);
	builder_string(b, m->algorithm);
	builder_string(b, m->data);
	builder_string(b, m->pin);
	builder_u32(b, m->flags);
	builder_close(b, mark);
}

static enum err read_what(struct reader *r, struct token_sign *m)
{
	enum err e = reader_text_most(r, TOKEN_TEXT_MOST, &m->algorithm);

	if (e == ERR_OK && m->algorithm.len == 0)
		e = ERR_FORMAT;
	return e == ERR_OK ? reader_string_most(r, LIMIT_MESSAGE, &m->data) : e;
}

enum err token_sign_parse(struct bytes message, struct token_sign *out)
{
	struct token_sign m = {0};
	struct reader r;
	enum err e = tokenmsg_start(message, TOKEN_SIGN, &r);

	if (e == ERR_OK)
		e = read_number(&r, &m.number);
	if (e == ERR_OK)
		e = tokenmsg_id(&r, &m.token);
	if (e == ERR_OK)
		e = tokenmsg_id(&r, &m.key);
	if (e == ERR_OK)
		e = read_what(&r, &m);
	if (e == ERR_OK)
		e = read_pin(&r, &m.pin, &m.flags);
	if (e == ERR_OK)
		*out = m;
	return e;
}

void token_watch_build(struct builder *b, bool waits)
{
	size_t mark = helper_message_open(b, TOKEN_WATCH);

	builder_bool(b, waits);
	builder_close(b, mark);
}

enum err token_watch_parse(struct bytes message, bool *waits)
{
	struct reader r;
	uint8_t byte = 0;
	enum err e = tokenmsg_start(message, TOKEN_WATCH, &r);

	if (e == ERR_OK)
		e = reader_u8(&r, &byte);
	if (e == ERR_OK && byte > 1)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*waits = byte == 1;
	return e;
}

void token_logout_build(struct builder *b)
{
	builder_close(b, helper_message_open(b, TOKEN_LOGOUT));
}

enum err token_logout_parse(struct bytes message)
{
	struct reader r;
	enum err e = tokenmsg_start(message, TOKEN_LOGOUT, &r);

	return e == ERR_OK ? reader_end(&r) : e;
}

/* --- answers -----------------------------------------------------------------------------------
 */

void token_selected_build(
    struct builder *b, uint32_t number, const struct token_ref *refs, size_t count)
{
	size_t mark = helper_message_open(b, TOKEN_SELECTED);

	builder_u32(b, number);
	builder_u32(b, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		builder_string(b, refs[i].token);
		builder_string(b, refs[i].key);
	}
	builder_close(b, mark);
}

enum err token_ref_next(struct reader *refs, struct token_ref *out)
{
	struct reader ahead = *refs;
	struct token_ref ref;
	enum err e = tokenmsg_id(&ahead, &ref.token);

	if (e == ERR_OK)
		e = tokenmsg_id(&ahead, &ref.key);
	if (e != ERR_OK)
		return e;
	*refs = ahead;
	*out = ref;
	return ERR_OK;
}

enum err token_selected_parse(
    struct bytes message, uint32_t *number, uint32_t *count, struct reader *refs)
{
	struct reader r, first;
	struct token_ref ref;
	uint32_t n = 0, of = 0;
	enum err e = tokenmsg_start(message, TOKEN_SELECTED, &r);

	if (e == ERR_OK)
		e = read_number(&r, &of);
	if (e == ERR_OK)
		e = reader_u32_most(&r, TOKEN_KEYS_MOST, &n);
	if (e != ERR_OK)
		return e;
	first = r;
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		e = token_ref_next(&r, &ref);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return e;
	*number = of;
	*count = n;
	*refs = first;
	return ERR_OK;
}

void token_signed_build(struct builder *b, const struct token_signed *m)
{
	size_t mark = helper_message_open(b, TOKEN_SIGNED);

	builder_u32(b, m->number);
	builder_string(b, m->r);
	builder_string(b, m->s);
	builder_close(b, mark);
}

/* Two numbers of P-521 at most, or one as long as the longest modulus. */
static bool signature_fits(const struct token_signed *m)
{
	size_t most = m->s.len != 0 ? 66 : LIMIT_RSA_MAX_BITS / 8;

	return m->r.len >= 1 && m->r.len <= most && m->s.len <= most;
}

enum err token_signed_parse(struct bytes message, struct token_signed *out)
{
	struct token_signed m = {0};
	struct reader r;
	enum err e = tokenmsg_start(message, TOKEN_SIGNED, &r);

	if (e == ERR_OK)
		e = read_number(&r, &m.number);
	if (e == ERR_OK)
		e = reader_string(&r, &m.r);
	if (e == ERR_OK)
		e = reader_string(&r, &m.s);
	if (e == ERR_OK && !signature_fits(&m))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = m;
	return e;
}

bool token_failure_allowed(enum err why)
{
	static const enum err allowed[] = {ERR_MODULE, ERR_MODULE_NAME, ERR_URI, ERR_URI_MODULE,
	    ERR_TOKEN, ERR_TOKEN_GONE, ERR_TOKEN_BUSY, ERR_TOKEN_KEYS, ERR_TOKEN_SIGN, ERR_NO_TOKEN,
	    ERR_NO_READER, ERR_PIN, ERR_PIN_NEEDED, ERR_PIN_LOCKED, ERR_PIN_NOT_SET, ERR_PAD,
	    ERR_TOUCH_TIMEOUT, ERR_UNSUPPORTED, ERR_MEMORY, ERR_SYSTEM, ERR_FORMAT, ERR_LIMIT};

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		if (allowed[i] == why)
			return true;
	}
	return false;
}

void token_failed_build(struct builder *b, const struct token_failure *m)
{
	size_t mark = helper_message_open(b, TOKEN_FAILED);

	builder_u32(b, m->number);
	builder_u8(b, (uint8_t)m->why);
	builder_u8(b, m->tries);
	builder_u32(b, m->flags);
	builder_string(b, m->detail);
	builder_close(b, mark);
}

enum err token_failed_parse(struct bytes message, struct token_failure *out)
{
	struct token_failure m = {0};
	struct reader r;
	uint8_t why = 0;
	enum err e = tokenmsg_start(message, TOKEN_FAILED, &r);

	if (e == ERR_OK)
		e = reader_u32(&r, &m.number);
	if (e == ERR_OK)
		e = reader_u8(&r, &why);
	m.why = (enum err)why;
	if (e == ERR_OK && !token_failure_allowed(m.why))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_u8(&r, &m.tries);
	if (e == ERR_OK)
		e = tokenmsg_flags(&r, TOKEN_FLAGS, &m.flags);
	if (e == ERR_OK)
		e = reader_text_most(&r, TOKEN_TEXT_MOST, &m.detail);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = m;
	return e;
}
