#include "proto/helpermsg.h"

#include <string.h>

#include "proto/base/askpass.h"
#include "proto/limits.h"
#include "proto/reader.h"

const char *helper_program(unsigned id)
{
	static const char *const programs[HELPERS] = {
#define HELPER_ROW(name, program) [name] = program,
	    HELPER_LIST(HELPER_ROW)
#undef HELPER_ROW
	};

	return id < HELPERS ? programs[id] : NULL;
}

size_t helper_message_open(struct builder *b, uint8_t kind)
{
	size_t mark = builder_open(b);

	builder_u8(b, HELPER_VERSION);
	builder_u8(b, kind);
	return mark;
}

static enum err read_start(struct reader *r, uint8_t *kind)
{
	uint8_t version;
	enum err e = reader_u8(r, &version);

	if (e == ERR_OK && version != HELPER_VERSION)
		e = ERR_VERSION;
	return e == ERR_OK ? reader_u8(r, kind) : e;
}

enum err helper_message_start(struct bytes message, size_t limit, uint8_t kind, struct reader *out)
{
	struct reader r = reader_of(message);
	uint8_t found;
	enum err e = message.len <= limit ? read_start(&r, &found) : ERR_TOO_LONG;

	if (e == ERR_OK && found != kind)
		e = ERR_MESSAGE;
	if (e == ERR_OK)
		*out = r;
	return e;
}

enum err helper_message_kind(struct bytes message, uint8_t *kind)
{
	struct reader r = reader_of(message);

	return read_start(&r, kind);
}

void helper_ask_build(struct builder *b, const struct helper_ask *m)
{
	size_t mark = helper_message_open(b, HELPER_ASK);

	builder_u8(b, m->kind);
	builder_string(b, m->title);
	builder_string(b, m->text);
	builder_u32(b, m->pid);
	builder_u64(b, m->started);
	builder_u32(b, m->flags);
	builder_u32(b, m->timeout);
	builder_string(b, m->environment);
	builder_close(b, mark);
}

/* The value behind NAME=; false when the entry has another name. */
static bool named(struct bytes entry, const char *name, struct bytes *value)
{
	struct bytes head = bytes_str(name);

	if (entry.len <= head.len || memcmp(entry.data, name, head.len) != 0 ||
	    entry.data[head.len] != '=')
		return false;
	*value = BYTES(entry.data + head.len + 1, entry.len - head.len - 1);
	return true;
}

static bool value_allowed(struct bytes value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < ' ' || value.data[i] == 0x7f)
			return false;
	}
	return value.len <= LIMIT_PROMPT_VALUE;
}

const char *helper_env_name(size_t i)
{
	static const char *const names[] = {
	    "DISPLAY",
	    "WAYLAND_DISPLAY",
	    "XAUTHORITY",
	    "DBUS_SESSION_BUS_ADDRESS",
	    "SSH_ASKPASS",
	};

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

bool helper_env_allowed(struct bytes entry)
{
	const char *name;

	for (size_t i = 0; (name = helper_env_name(i)) != NULL; i++) {
		struct bytes value;

		if (named(entry, name, &value))
			return value_allowed(value);
	}
	return false;
}

enum err helper_env_check(struct bytes entry)
{
	struct bytes path;

	if (!helper_env_allowed(entry))
		return ERR_VARIABLE;
	/* The agent's folder is not the one where the path was written. */
	if (named(entry, "SSH_ASKPASS", &path) && path.len != 0 && path.data[0] != '/')
		return ERR_ASKPASS_PATH;
	return ERR_OK;
}

enum err helper_env_next(struct reader *r, struct bytes *entry)
{
	return reader_text(r, entry);
}

static enum err check_environment(struct bytes environment)
{
	struct reader r = reader_of(environment);
	unsigned count = 0;

	while (r.left != 0) {
		struct bytes entry;
		enum err e = helper_env_next(&r, &entry);

		if (e != ERR_OK)
			return e;
		if (++count > LIMIT_PROMPT_VARIABLES)
			return ERR_LIMIT;
		if (helper_env_check(entry) != ERR_OK)
			return ERR_FORMAT;
	}
	return ERR_OK;
}

/* The fields behind kind, title and text. */
static enum err read_client(struct reader *r, struct helper_ask *m)
{
	enum err e = reader_u32(r, &m->pid);

	if (e == ERR_OK)
		e = reader_u64(r, &m->started);
	if (e == ERR_OK)
		e = reader_u32(r, &m->flags);
	if (e == ERR_OK && (m->flags & ~(uint32_t)HELPER_ASK_FLAGS) != 0)
		e = ERR_FORMAT;
	if (e == ERR_OK && (m->flags & HELPER_ASK_PASSING) != 0 && m->kind != ASKPASS_NOTICE)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_u32(r, &m->timeout);
	if (e == ERR_OK && m->timeout > LIMIT_PROMPT_SECONDS)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_string(r, &m->environment);
	return e == ERR_OK ? check_environment(m->environment) : e;
}

enum err helper_ask_parse(struct bytes message, struct helper_ask *out)
{
	struct helper_ask m = {0};
	struct reader r;
	enum err e = helper_message_start(message, LIMIT_HELPER_MESSAGE, HELPER_ASK, &r);

	if (e == ERR_OK)
		e = reader_u8(&r, &m.kind);
	if (e == ERR_OK && m.kind > ASKPASS_NOTICE)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_text(&r, &m.title);
	if (e == ERR_OK)
		e = reader_text(&r, &m.text);
	if (e == ERR_OK)
		e = read_client(&r, &m);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = m;
	return e;
}

void helper_answer_build(struct builder *b, const struct helper_answer *m)
{
	size_t mark = helper_message_open(b, HELPER_ANSWER);

	builder_u8(b, (uint8_t)m->result);
	builder_string(b, m->answer);
	builder_close(b, mark);
}

/* What a prompt may say, and no more: a stray code would be shown as the agent's own finding. */
bool helper_result_allowed(uint8_t result)
{
	switch ((enum err)result) {
	case ERR_OK:
	case ERR_DENIED:
	case ERR_TIMEOUT:
	case ERR_NO_PROMPT:
	case ERR_SYSTEM:
	case ERR_MEMORY:
	case ERR_ASKER:
	case ERR_ASKER_ENDED:
	case ERR_ASKER_FLOOD:
	case ERR_ASKER_REPLY:
	case ERR_ASKER_SHOW:
	case ERR_DISPLAY:
	case ERR_TERMINAL:
		return true;
	default:
		return false;
	}
}

enum err helper_answer_parse(struct bytes message, struct helper_answer *out)
{
	struct bytes answer;
	struct reader r;
	uint8_t result = 0;
	enum err e = helper_message_start(message, LIMIT_HELPER_MESSAGE, HELPER_ANSWER, &r);

	if (e == ERR_OK)
		e = reader_u8(&r, &result);
	if (e == ERR_OK && !helper_result_allowed(result))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_text(&r, &answer);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK && result != ERR_OK && answer.len != 0)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		*out = (struct helper_answer){(enum err)result, answer};
	return e;
}
