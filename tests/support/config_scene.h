/* A configuration read from text, and what was told of it. */
#ifndef SIGNET_TESTS_CONFIG_SCENE_H
#define SIGNET_TESTS_CONFIG_SCENE_H

#include "tests/support/base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"

/* What was told: "LINE: what" lines. */
struct told {
	char text[16384];
	unsigned count, line;
};

static inline void hear(void *ctx, const struct config_mistake *m)
{
	struct told *t = ctx;
	size_t n = strlen(t->text);

	t->count++;
	t->line = m->line;
	snprintf(t->text + n, sizeof(t->text) - n, "%u: %s\n", m->line, m->what);
}

static inline struct config *parse_bytes(struct bytes text, struct told *t, bool *good)
{
	struct config *c = config_new("/home/me");
	struct config_teller to = {hear, t};

	assert_non_null(c);
	*t = (struct told){.count = 0};
	*good = config_parse(c, text, "/home/me", &to);
	assert_int_equal(*good, t->count == 0);
	return c;
}

static inline struct config *good(const char *text)
{
	struct told t;
	bool well;
	struct config *c = parse_bytes(bytes_str(text), &t, &well);

	if (!well)
		fail_msg("'%s' was refused: %s", text, t.text);
	return c;
}

/* One mistake, in this line, with these words; what is left is the caller's. */
static inline struct config *bad(const char *text, unsigned line, const char *words)
{
	struct told t;
	bool well;
	struct config *c = parse_bytes(bytes_str(text), &t, &well);

	if (t.count != 1 || t.line != line || strstr(t.text, words) == NULL)
		fail_msg(
		    "'%s' was told %u times, last for line %u: %s", text, t.count, t.line, t.text);
	return c;
}

#endif
