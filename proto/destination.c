#include "proto/destination.h"

/* string user, string host, string reserved, then the keys; all of it a string itself */
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
