#include "tokens/card/inflate.h"

#ifdef HAVE_ZLIB
#include <zlib.h>

#include "proto/base/mem.h"

enum { OPENED_MOST = 16384, EITHER_FORM = 15 + 32 /* zlib.h, inflateInit2 */ };

static enum err run(z_stream *z, uint8_t *buf, struct bytes packed, struct blob *out)
{
	z->next_in = (Bytef *)(uintptr_t)packed.data;
	z->avail_in = (uInt)packed.len;
	z->next_out = buf;
	z->avail_out = OPENED_MOST;
	if (inflate(z, Z_FINISH) != Z_STREAM_END)
		return ERR_FORMAT;
	return blob_copy(out, BYTES(buf, OPENED_MOST - z->avail_out));
}

enum err inflate_certificate(struct bytes packed, struct blob *out)
{
	z_stream z = {0};
	uint8_t *buf;
	enum err e;

	if (packed.len > OPENED_MOST || inflateInit2(&z, EITHER_FORM) != Z_OK)
		return ERR_FORMAT;
	buf = mem_alloc(OPENED_MOST);
	e = buf == NULL ? ERR_MEMORY : run(&z, buf, packed, out);
	inflateEnd(&z);
	mem_free(buf);
	return e;
}

#else

enum err inflate_certificate(struct bytes packed, struct blob *out)
{
	(void)packed, (void)out;
	return ERR_UNSUPPORTED;
}

#endif
