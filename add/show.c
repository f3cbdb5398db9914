#include "add/show.h"

#include "proto/base/mem.h"
#include "proto/base/text.h"

static char *show(
    struct bytes text, const char *(*escape)(struct bytes src, char *out, size_t room))
{
	/* A byte becomes \xNN, a character of two bytes or more \u{NNNN}: at most four times as
	 * long. */
	size_t room = text.len * 4 + 16;
	char *out = mem_alloc(room);

	if (out != NULL)
		(void)escape(text, out, room);
	return out;
}

char *show_whole(struct bytes text)
{
	return show(text, text_escape);
}

char *show_field(struct bytes text)
{
	return show(text, text_field);
}

char *show_quoted(struct bytes text)
{
	return show(text, text_quote);
}
