/* Destination constraints: layout, and the patterns in them. */
#include "proto/destination.h"

#include "proto/keyblob.h"
#include "proto/limits.h"

static enum err read_empty(struct reader *r)
{
	struct bytes reserved;
	enum err e = reader_string(r, &reserved);

	return e == ERR_OK && reserved.len != 0 ? ERR_CONSTRAINT : e;
}

/* string user, string host, string reserved, then key specs to the end */
static enum err read_hop(struct reader *outer, struct hop *out)
{
	struct reader r;
	struct hop hop;
	enum err e = reader_nested(outer, &r);

	if (e == ERR_OK)
		e = reader_text(&r, &hop.user);
	if (e == ERR_OK)
		e = reader_text(&r, &hop.host);
	if (e == ERR_OK)
		e = read_empty(&r);
	if (e != ERR_OK)
		return e;
	hop.keys = reader_rest(&r);
	*out = hop;
	return ERR_OK;
}

/* string (string from, string to, string reserved) */
static enum err read_destination(struct reader *list, struct destination *out)
{
	struct reader r;
	struct destination d;
	enum err e = reader_nested(list, &r);

	if (e == ERR_OK)
		e = read_hop(&r, &d.from);
	if (e == ERR_OK)
		e = read_hop(&r, &d.to);
	if (e == ERR_OK)
		e = read_empty(&r);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = d;
	return e;
}

static enum err read_key(struct reader *r, struct bytes *blob, bool *is_ca)
{
	struct reader ahead = *r;
	enum err e = reader_string(&ahead, blob);

	if (e == ERR_OK)
		e = reader_bool(&ahead, is_ca);
	if (e == ERR_OK)
		*r = ahead;
	return e;
}

static enum err check_keys(struct bytes keys)
{
	struct reader r = reader_of(keys);
	struct pubkey key;
	struct bytes blob;
	bool is_ca;
	enum err e = ERR_OK;

	while (e == ERR_OK && r.left != 0) {
		e = read_key(&r, &blob, &is_ca);
		if (e == ERR_OK)
			e = pubkey_parse(blob, &key);
	}
	return e;
}

/* A from names a host with its keys, or neither; a to always both. */
static enum err check_destination(const struct destination *d)
{
	enum err e;

	if (d->from.user.len != 0 || (d->from.host.len == 0) != (d->from.keys.len == 0))
		return ERR_CONSTRAINT;
	if (d->to.host.len == 0 || d->to.keys.len == 0)
		return ERR_CONSTRAINT;
	if (d->to.user.len > LIMIT_USER_PATTERN)
		return ERR_TOO_LONG;
	e = check_keys(d->from.keys);
	return e == ERR_OK ? check_keys(d->to.keys) : e;
}

enum err destinations_check(struct bytes list)
{
	struct reader r = reader_of(list);
	struct destination d;
	size_t count = 0;
	enum err e;

	/* A list of no destinations would be taken for a key without the constraint. */
	if (list.len == 0)
		return ERR_CONSTRAINT;
	do {
		if (++count > LIMIT_DESTINATIONS)
			return ERR_LIMIT;
		e = read_destination(&r, &d);
		if (e == ERR_OK)
			e = check_destination(&d);
	} while (e == ERR_OK && r.left != 0);
	return e;
}

struct destination_walk destinations_walk(struct bytes list)
{
	return (struct destination_walk){reader_of(list)};
}

bool destination_next(struct destination_walk *w, struct destination *out)
{
	return read_destination(&w->r, out) == ERR_OK;
}

bool hop_key_next(struct reader *keys, struct bytes *blob, bool *is_ca)
{
	return read_key(keys, blob, is_ca) == ERR_OK;
}

static void build_hop(struct builder *b, const struct hop *hop)
{
	size_t mark = builder_open(b);

	builder_string(b, hop->user);
	builder_string(b, hop->host);
	builder_string(b, BYTES_NONE);
	builder_put(b, hop->keys);
	builder_close(b, mark);
}

void destination_build(struct builder *b, const struct destination *d)
{
	size_t mark = builder_open(b);

	build_hop(b, &d->from);
	build_hop(b, &d->to);
	builder_string(b, BYTES_NONE);
	builder_close(b, mark);
}

void hop_key_build(struct builder *b, struct bytes blob, bool is_ca)
{
	builder_string(b, blob);
	builder_bool(b, is_ca);
}
