#include "proto/sessionmsg.h"

#include "proto/helpermsg.h"
#include "proto/limits.h"

static void plain_build(struct builder *b, enum session_message kind)
{
	builder_close(b, helper_message_open(b, (uint8_t)kind));
}

void session_watch_build(struct builder *b)
{
	plain_build(b, SESSION_WATCH);
}

void session_slept_build(struct builder *b)
{
	plain_build(b, SESSION_SLEPT);
}

void session_state_build(struct builder *b, uint32_t flags)
{
	size_t mark = helper_message_open(b, SESSION_STATE);

	builder_u32(b, flags);
	builder_close(b, mark);
}

static enum err plain_parse(struct bytes message, enum session_message kind)
{
	struct reader r;
	enum err e = helper_message_start(message, LIMIT_HELPER_MESSAGE, (uint8_t)kind, &r);

	return e == ERR_OK ? reader_end(&r) : e;
}

enum err session_watch_parse(struct bytes message)
{
	return plain_parse(message, SESSION_WATCH);
}

enum err session_slept_parse(struct bytes message)
{
	return plain_parse(message, SESSION_SLEPT);
}

/* Who told it is one of three. */
static bool is_sound(uint32_t flags)
{
	uint32_t source = flags & (SESSION_LOGIND | SESSION_SAVER | SESSION_BLIND);

	return (flags & ~(uint32_t)SESSION_FLAGS) == 0 &&
	       (source == SESSION_LOGIND || source == SESSION_SAVER || source == SESSION_BLIND);
}

enum err session_state_parse(struct bytes message, uint32_t *flags)
{
	struct reader r;
	uint32_t read = 0;
	enum err e = helper_message_start(message, LIMIT_HELPER_MESSAGE, SESSION_STATE, &r);

	if (e == ERR_OK)
		e = reader_u32(&r, &read);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK && !is_sound(read))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		*flags = read;
	return e;
}
