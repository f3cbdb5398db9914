#include "proto/ctlmsg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/helpermsg.h"
#include "proto/limits.h"

void ctl_pair_bytes(struct builder *b, const char *name, struct bytes value)
{
	builder_cstring(b, name);
	builder_string(b, value);
}

void ctl_pair_build(struct builder *b, const char *name, const char *value)
{
	ctl_pair_bytes(b, name, bytes_str(value));
}

void ctl_pair_number(struct builder *b, const char *name, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	ctl_pair_build(b, name, text);
}

enum err ctl_pair_read(struct reader *r, struct bytes *name, struct bytes *value)
{
	struct reader ahead = *r;
	struct bytes n, v;
	enum err e = reader_text(&ahead, &n);

	if (e == ERR_OK)
		e = reader_text(&ahead, &v);
	if (e != ERR_OK)
		return e;
	*r = ahead;
	*name = n;
	*value = v;
	return ERR_OK;
}

void ctl_page_build(struct builder *b, enum ctl_number number, uint64_t after)
{
	size_t mark = builder_open(b);

	builder_u8(b, (uint8_t)number);
	builder_u8(b, CTL_VERSION);
	builder_u64(b, after);
	builder_close(b, mark);
}

/* The version comes first, and decides what the rest looks like. */
static enum err read_version(struct reader *r)
{
	uint8_t version;
	enum err e = reader_u8(r, &version);

	return e == ERR_OK && version != CTL_VERSION ? ERR_VERSION : e;
}

enum err ctl_page_parse(struct bytes body, uint64_t *after)
{
	struct reader r = reader_of(body);
	uint64_t number = 0;
	enum err e = read_version(&r);

	if (e == ERR_OK)
		e = reader_u64(&r, &number);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*after = number;
	return e;
}

size_t ctl_records_open(struct builder *b)
{
	size_t mark = builder_open(b);

	builder_u8(b, CTL_RECORDS);
	builder_u8(b, CTL_VERSION);
	return mark;
}

void ctl_records_close(struct builder *b, size_t mark)
{
	builder_close(b, mark);
}

static enum err read_failure(struct reader *r, struct bytes *reason)
{
	struct reader ahead = *r;
	struct bytes text;
	enum err e = reader_text(&ahead, &text);

	if (e == ERR_OK)
		e = reader_end(&ahead);
	if (e != ERR_OK)
		return e;
	*reason = text;
	return ERR_REFUSED;
}

enum err ctl_records_parse(struct bytes message, struct reader *records, struct bytes *reason)
{
	struct reader r = reader_of(message);
	uint8_t number = 0;
	enum err e = reader_u8(&r, &number);

	if (e == ERR_OK && number == CTL_FAILURE)
		return read_failure(&r, reason);
	if (e == ERR_OK && number != CTL_RECORDS)
		return ERR_REPLY;
	if (e == ERR_OK)
		e = read_version(&r);
	if (e == ERR_OK)
		*records = r;
	return e;
}

enum err ctl_record_next(struct reader *records, bool *more, struct reader *pairs)
{
	struct reader record = {0}, walk;
	struct bytes name, value;
	enum err e = ERR_OK;

	if (records->left == 0) {
		*more = false;
		return ERR_OK;
	}
	e = reader_nested(records, &record);
	walk = record;
	while (e == ERR_OK && walk.left != 0)
		e = ctl_pair_read(&walk, &name, &value);
	if (e != ERR_OK)
		return e;
	*more = true;
	*pairs = record;
	return ERR_OK;
}

bool ctl_value(struct reader pairs, const char *name, struct bytes *value)
{
	struct bytes n, v;

	while (pairs.left != 0 && ctl_pair_read(&pairs, &n, &v) == ERR_OK) {
		if (bytes_is(n, name)) {
			*value = v;
			return true;
		}
	}
	return false;
}

enum err ctl_record_number(struct reader pairs, uint64_t *out)
{
	struct bytes text;
	uint64_t n = 0;

	if (!ctl_value(pairs, "number", &text) || text.len == 0 || text.len > 19)
		return ERR_REPLY;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return ERR_REPLY;
		n = n * 10 + (uint64_t)(text.data[i] - '0');
	}
	*out = n;
	return ERR_OK;
}

static void rules_build(
    struct builder *b, enum ctl_number number, const struct key_rules *rules, struct bytes message)
{
	size_t mark = builder_open(b);

	builder_u8(b, (uint8_t)number);
	key_rules_build(b, rules);
	builder_string(b, message);
	builder_close(b, mark);
}

void ctl_add_build(struct builder *b, const struct key_rules *rules, struct bytes message)
{
	rules_build(b, CTL_ADD, rules, message);
}

void ctl_add_token_build(struct builder *b, const struct key_rules *rules, struct bytes message)
{
	rules_build(b, CTL_ADD_TOKEN, rules, message);
}

enum err ctl_add_parse(struct bytes body, struct key_rules *rules, struct bytes *message)
{
	struct reader r = reader_of(body);
	struct key_rules read = {0};
	struct bytes inner = BYTES_NONE;
	enum err e = key_rules_read(&r, &read);

	if (e == ERR_OK)
		e = reader_string(&r, &inner);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return e;
	*rules = read;
	*message = inner;
	return ERR_OK;
}

void ctl_certificate_build(struct builder *b, struct bytes cert)
{
	size_t mark = builder_open(b);

	builder_u8(b, CTL_CERTIFICATE);
	builder_string(b, cert);
	builder_close(b, mark);
}

enum err ctl_certificate_parse(struct bytes body, struct bytes *cert)
{
	struct reader r = reader_of(body);
	struct bytes blob = BYTES_NONE;
	enum err e = reader_string(&r, &blob);

	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*cert = blob;
	return e;
}

void ctl_environment_build(struct builder *b, struct bytes environment)
{
	size_t mark = builder_open(b);

	builder_u8(b, CTL_ENVIRONMENT);
	builder_string(b, environment);
	builder_close(b, mark);
}

/* Both are allowed entries, and so have an equals sign. */
static bool same_name(struct bytes a, struct bytes b)
{
	const uint8_t *equals = memchr(a.data, '=', a.len);
	size_t n = (size_t)(equals - a.data) + 1;

	return b.len >= n && memcmp(a.data, b.data, n) == 0;
}

/* One entry, the count-th from 0 of all. */
static enum err check_variable(struct bytes all, struct bytes entry, size_t count)
{
	struct reader before = reader_of(all);
	struct bytes other;
	enum err e;

	if (count == LIMIT_PROMPT_VARIABLES)
		return ERR_LIMIT;
	e = helper_env_check(entry);
	if (e != ERR_OK)
		return e;
	while (count-- != 0) {
		if (helper_env_next(&before, &other) == ERR_OK && same_name(entry, other))
			return ERR_VARIABLE;
	}
	return ERR_OK;
}

enum err ctl_environment_parse(struct bytes body, struct bytes *environment)
{
	struct reader r = reader_of(body);
	struct bytes all = BYTES_NONE, entry = BYTES_NONE;
	enum err e = reader_string(&r, &all);

	if (e == ERR_OK)
		e = reader_end(&r);
	r = reader_of(all);
	for (size_t count = 0; e == ERR_OK && r.left != 0; count++) {
		e = helper_env_next(&r, &entry);
		if (e == ERR_OK)
			e = check_variable(all, entry, count);
	}
	if (e == ERR_OK)
		*environment = all;
	return e;
}

void ctl_done_build(struct builder *b)
{
	size_t mark = builder_open(b);

	builder_u8(b, CTL_DONE);
	builder_close(b, mark);
}

void ctl_failure_build(struct builder *b, const char *reason)
{
	size_t mark = builder_open(b);

	builder_u8(b, CTL_FAILURE);
	builder_cstring(b, reason);
	builder_close(b, mark);
}

enum err ctl_done_parse(struct bytes message, struct bytes *reason)
{
	struct reader r = reader_of(message);
	uint8_t number = 0;
	enum err e = reader_u8(&r, &number);

	if (e == ERR_OK && number == CTL_FAILURE)
		return read_failure(&r, reason);
	if (e == ERR_OK && number != CTL_DONE)
		return ERR_REPLY;
	return e == ERR_OK ? reader_end(&r) : e;
}
