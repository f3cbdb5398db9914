#include "add/marks.h"

#include <string.h>

static bool holds(struct reader pairs, const char *name, const char *wanted)
{
	struct bytes value;

	return ctl_value(pairs, name, &value) && bytes_is(value, wanted);
}

static void put_line(struct builder *b, bool is_cert, struct bytes print)
{
	builder_put(b, bytes_str(is_cert ? "certificate " : "key "));
	builder_put(b, print);
	builder_put(b, bytes_str("\n"));
}

static enum err look_at(void *ctx, struct reader pairs)
{
	struct marks *m = ctx;
	struct bytes print;

	if (holds(pairs, "locked", "yes") && ctl_value(pairs, "fingerprint", &print))
		put_line(&m->locked, holds(pairs, "certificate", "yes"), print);
	return builder_error(&m->locked);
}

void marks_get(struct marks *m)
{
	struct client control = CLIENT_NONE;
	uint64_t after = 0;

	if (control_try(&control) == ERR_OK)
		(void)control_records(&control, CTL_LIST, &after, look_at, m);
	client_close(&control);
}

void marks_clear(struct marks *m)
{
	builder_clear(&m->locked);
}

bool marks_locked(const struct marks *m, struct bytes blob, bool is_cert)
{
	struct bytes lines = builder_view(&m->locked), wanted;
	char print[FINGERPRINT_ROOM];
	struct builder line = {0};
	bool found = false;

	if (lines.len == 0 || fingerprint(blob, FINGERPRINT_SHA256, print) != ERR_OK)
		return false;
	put_line(&line, is_cert, bytes_str(print));
	wanted = builder_view(&line);
	if (builder_error(&line) == ERR_OK)
		found = memmem(lines.data, lines.len, wanted.data, wanted.len) != NULL;
	builder_clear(&line);
	return found;
}
