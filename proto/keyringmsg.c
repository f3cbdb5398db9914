#include "proto/keyringmsg.h"

#include <string.h>

#include "proto/helpermsg.h"

bool keyring_failure_allowed(uint8_t why)
{
	switch ((enum err)why) {
	case ERR_NOT_FOUND:
	case ERR_NO_KEYRING:
	case ERR_KEYRING_LOCKED:
	case ERR_KEYRING:
	case ERR_TIMEOUT:
	case ERR_MEMORY:
		return true;
	default:
		return false;
	}
}

bool keyring_secret_allowed(struct bytes secret)
{
	return secret.len != 0 && secret.len <= KEYRING_SECRET_MOST &&
	       memchr(secret.data, '\0', secret.len) == NULL;
}

static void put_item(struct builder *b, const struct keyring_item *item)
{
	builder_u8(b, (uint8_t)item->kind);
	builder_string(b, item->name);
	builder_string(b, item->id);
}

static enum err read_item(struct reader *r, bool every_id, struct keyring_item *out)
{
	struct keyring_item m = {0};
	uint8_t kind;
	enum err e = reader_u8(r, &kind);

	if (e == ERR_OK && kind != KEYRING_PASSPHRASE && kind != KEYRING_PIN)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_text_most(r, KEYRING_NAME_MOST, &m.name);
	if (e == ERR_OK)
		e = reader_text_most(r, KEYRING_NAME_MOST, &m.id);
	if (e == ERR_OK && (m.name.len == 0 || (m.id.len == 0 && !every_id)))
		e = ERR_FORMAT;
	if (e != ERR_OK)
		return e;
	m.kind = (enum keyring_kind)kind;
	*out = m;
	return ERR_OK;
}

static enum err read_secret(struct reader *r, struct bytes *secret)
{
	enum err e = reader_text_most(r, KEYRING_SECRET_MOST, secret);

	return e == ERR_OK && secret->len == 0 ? ERR_FORMAT : e;
}

/* --- requests ----------------------------------------------------------------------------------
 */

void keyring_lookup_build(struct builder *b, const struct keyring_item *item, bool prompt)
{
	size_t mark = helper_message_open(b, KEYRING_LOOKUP);

	put_item(b, item);
	builder_bool(b, prompt);
	builder_close(b, mark);
}

enum err keyring_lookup_parse(struct bytes message, struct keyring_item *item, bool *prompt)
{
	struct keyring_item m;
	uint8_t asked = 0;
	struct reader r;
	enum err e = helper_message_start(message, KEYRING_REQUEST_MOST, KEYRING_LOOKUP, &r);

	if (e == ERR_OK)
		e = read_item(&r, false, &m);
	if (e == ERR_OK)
		e = reader_u8(&r, &asked);
	if (e == ERR_OK && asked > 1)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return e;
	*item = m;
	*prompt = asked == 1;
	return ERR_OK;
}

void keyring_store_build(
    struct builder *b, const struct keyring_item *item, struct bytes label, struct bytes secret)
{
	size_t mark = helper_message_open(b, KEYRING_STORE);

	put_item(b, item);
	builder_string(b, label);
	builder_string(b, secret);
	builder_close(b, mark);
}

enum err keyring_store_parse(
    struct bytes message, struct keyring_item *item, struct bytes *label, struct bytes *secret)
{
	struct bytes name = BYTES_NONE, value = BYTES_NONE;
	struct keyring_item m;
	struct reader r;
	enum err e = helper_message_start(message, KEYRING_REQUEST_MOST, KEYRING_STORE, &r);

	if (e == ERR_OK)
		e = read_item(&r, false, &m);
	if (e == ERR_OK)
		e = reader_text_most(&r, KEYRING_NAME_MOST, &name);
	if (e == ERR_OK)
		e = read_secret(&r, &value);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return e;
	*item = m;
	*label = name;
	*secret = value;
	return ERR_OK;
}

void keyring_forget_build(struct builder *b, const struct keyring_item *item)
{
	size_t mark = helper_message_open(b, KEYRING_FORGET);

	put_item(b, item);
	builder_close(b, mark);
}

enum err keyring_forget_parse(struct bytes message, struct keyring_item *item)
{
	struct keyring_item m;
	struct reader r;
	enum err e = helper_message_start(message, KEYRING_REQUEST_MOST, KEYRING_FORGET, &r);

	if (e == ERR_OK)
		e = read_item(&r, true, &m);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*item = m;
	return e;
}

/* --- answers -----------------------------------------------------------------------------------
 */

void keyring_secret_build(struct builder *b, struct bytes secret)
{
	size_t mark = helper_message_open(b, KEYRING_SECRET);

	builder_string(b, secret);
	builder_close(b, mark);
}

enum err keyring_secret_parse(struct bytes message, struct bytes *secret)
{
	struct bytes value;
	struct reader r;
	enum err e = helper_message_start(message, KEYRING_ANSWER_MOST, KEYRING_SECRET, &r);

	if (e == ERR_OK)
		e = read_secret(&r, &value);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*secret = value;
	return e;
}

void keyring_done_build(struct builder *b)
{
	builder_close(b, helper_message_open(b, KEYRING_DONE));
}

enum err keyring_done_parse(struct bytes message)
{
	struct reader r;
	enum err e = helper_message_start(message, KEYRING_ANSWER_MOST, KEYRING_DONE, &r);

	return e == ERR_OK ? reader_end(&r) : e;
}

void keyring_failed_build(struct builder *b, enum err why)
{
	size_t mark = helper_message_open(b, KEYRING_FAILED);

	builder_u8(b, (uint8_t)why);
	builder_close(b, mark);
}

enum err keyring_failed_parse(struct bytes message, enum err *why)
{
	uint8_t code = 0;
	struct reader r;
	enum err e = helper_message_start(message, KEYRING_ANSWER_MOST, KEYRING_FAILED, &r);

	if (e == ERR_OK)
		e = reader_u8(&r, &code);
	if (e == ERR_OK && !keyring_failure_allowed(code))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*why = (enum err)code;
	return e;
}
