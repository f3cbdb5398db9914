/* Where a key of a token is, as the store has it. */
#include "agent/modules.h"

void place_build(struct builder *b, const struct place *p)
{
	builder_string(b, p->module);
	builder_string(b, p->token);
	builder_string(b, p->key);
}

enum err place_parse(struct bytes bytes, struct place *out)
{
	struct reader r = reader_of(bytes);
	struct place p;
	enum err e = reader_text(&r, &p.module);

	if (e == ERR_OK)
		e = reader_string(&r, &p.token);
	if (e == ERR_OK)
		e = reader_string(&r, &p.key);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK || p.module.len == 0 || p.module.len > TOKEN_PATH_MOST ||
	    p.token.len == 0 || p.token.len > TOKEN_ID_MOST || p.key.len == 0 ||
	    p.key.len > TOKEN_ID_MOST)
		return ERR_FORMAT;
	*out = p;
	return ERR_OK;
}
