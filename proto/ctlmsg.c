#include "proto/ctlmsg.h"

void ctl_pair_build(struct builder *b, const char *name, const char *value)
{
	builder_cstring(b, name);
	builder_cstring(b, value);
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
