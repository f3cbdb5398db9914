#include "proto/frame.h"

#include "proto/reader.h"

enum frame_state frame_next(struct bytes buf, size_t limit, struct bytes *message)
{
	struct reader r = reader_of(buf);
	uint32_t n;

	if (reader_u32(&r, &n) != ERR_OK)
		return FRAME_MORE;
	if (n == 0)
		return FRAME_EMPTY;
	if (n > limit)
		return FRAME_LONG;
	if (reader_take(&r, n, message) != ERR_OK)
		return FRAME_MORE;
	return FRAME_READY;
}
