#include "proto/agentmsg.h"

static enum err read_constraints(struct reader *r, bool constrained, struct constraints *out)
{
	*out = (struct constraints){0};
	return constrained ? constraints_read(r, out) : reader_end(r);
}

enum err msg_add_parse(struct bytes body, bool constrained, struct msg_add *out)
{
	struct reader r = reader_of(body);
	struct msg_add m;
	enum err e = privkey_read(&r, &m.key);

	if (e != ERR_OK)
		return e;
	m.key_data = BYTES(body.data, body.len - r.left);
	e = reader_text(&r, &m.comment);
	if (e == ERR_OK)
		e = read_constraints(&r, constrained, &m.constraints);
	/* Those are of a token's keys; this one brings its own. */
	if (e == ERR_OK && m.constraints.has_certs)
		e = ERR_CONSTRAINT;
	if (e == ERR_OK)
		*out = m;
	return e;
}

enum err msg_sign_parse(struct bytes body, struct msg_sign *out)
{
	struct reader r = reader_of(body);
	struct msg_sign m;
	enum err e = reader_string(&r, &m.key);

	if (e == ERR_OK)
		e = reader_string(&r, &m.data);
	if (e == ERR_OK)
		e = reader_u32(&r, &m.flags);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = m;
	return e;
}

enum err msg_string_parse(struct bytes body, struct bytes *out)
{
	struct reader r = reader_of(body);
	struct bytes string;
	enum err e = reader_string(&r, &string);

	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = string;
	return e;
}

enum err msg_extension_parse(struct bytes body, struct msg_extension *out)
{
	struct reader r = reader_of(body);
	struct bytes name;
	enum err e = reader_text(&r, &name);

	if (e == ERR_OK)
		*out = (struct msg_extension){.name = name, .body = reader_rest(&r)};
	return e;
}

enum err msg_token_parse(struct bytes body, bool constrained, struct msg_token *out)
{
	struct reader r = reader_of(body);
	struct msg_token m;
	enum err e = reader_text(&r, &m.token);

	if (e == ERR_OK)
		e = reader_string(&r, &m.pin);
	if (e == ERR_OK)
		e = read_constraints(&r, constrained, &m.constraints);
	/* It names a security key's library; a token's is its own. */
	if (e == ERR_OK && m.constraints.provider.len != 0)
		e = ERR_CONSTRAINT;
	if (e == ERR_OK)
		*out = m;
	return e;
}

size_t message_open(struct builder *b, enum agent_number number)
{
	size_t mark = builder_open(b);

	builder_u8(b, (uint8_t)number);
	return mark;
}

void message_close(struct builder *b, size_t mark)
{
	builder_close(b, mark);
}

void message_plain(struct builder *b, enum agent_number number)
{
	message_close(b, message_open(b, number));
}

/* Take the number off: ERR_OK when it is the one that was hoped for. */
static enum err reply_open(struct bytes reply, enum agent_number wanted, struct reader *body)
{
	struct reader r = reader_of(reply);
	uint8_t number;

	if (reader_u8(&r, &number) != ERR_OK)
		return ERR_REPLY;
	if (number == AGENT_FAILURE || number == AGENT_EXTENSION_FAILURE)
		return ERR_REFUSED;
	if (number != wanted)
		return ERR_REPLY;
	*body = r;
	return ERR_OK;
}

enum err reply_success(struct bytes reply)
{
	struct reader r;
	enum err e = reply_open(reply, AGENT_SUCCESS, &r);

	return e == ERR_OK && reader_end(&r) != ERR_OK ? ERR_REPLY : e;
}

enum err reply_signature(struct bytes reply, struct bytes *signature)
{
	struct reader r;
	enum err e = reply_open(reply, AGENT_SIGN_RESPONSE, &r);

	if (e == ERR_OK && msg_string_parse(reader_rest(&r), signature) != ERR_OK)
		e = ERR_REPLY;
	return e;
}

enum err reply_identities(struct bytes reply, struct identity_walk *out)
{
	struct identity_walk w;
	enum err e = reply_open(reply, AGENT_IDENTITIES_ANSWER, &w.r);

	if (e == ERR_OK && reader_u32(&w.r, &w.left) != ERR_OK)
		e = ERR_REPLY;
	if (e == ERR_OK)
		*out = w;
	return e;
}

enum err identity_next(
    struct identity_walk *w, bool *more, struct bytes *blob, struct bytes *comment)
{
	struct reader ahead = w->r;
	struct bytes key, words;

	if (w->left == 0) {
		if (reader_end(&ahead) != ERR_OK)
			return ERR_REPLY;
		*more = false;
		return ERR_OK;
	}
	if (reader_string(&ahead, &key) != ERR_OK || reader_text(&ahead, &words) != ERR_OK)
		return ERR_REPLY;
	w->r = ahead;
	w->left--;
	*more = true;
	*blob = key;
	*comment = words;
	return ERR_OK;
}

/* Agents older than the RFC answer SUCCESS, and the body without the name. */
static enum err reply_old_extension(struct bytes reply, struct bytes *body)
{
	struct reader r;
	enum err e = reply_open(reply, AGENT_SUCCESS, &r);

	if (e == ERR_OK)
		*body = reader_rest(&r);
	return e;
}

enum err reply_extension(struct bytes reply, const char *name, struct bytes *body)
{
	struct reader r;
	struct bytes echo;
	enum err e = reply_open(reply, AGENT_EXTENSION_RESPONSE, &r);

	if (e == ERR_REPLY)
		return reply_old_extension(reply, body);
	if (e != ERR_OK)
		return e;
	if (reader_string(&r, &echo) != ERR_OK || !bytes_is(echo, name))
		return ERR_REPLY;
	*body = reader_rest(&r);
	return ERR_OK;
}
