#include "add/show.h"

#include "proto/base/mem.h"
#include "proto/base/text.h"

char *show_whole(struct bytes text)
{
	/* A byte becomes \xNN, a character of two bytes or more \u{NNNN}: at most four times as
	 * long. */
	size_t room = text.len * 4 + 16;
	char *out = mem_alloc(room);

	if (out != NULL)
		text_escape(text, out, room);
	return out;
}
