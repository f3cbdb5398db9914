/* What a person sees and says, with the test as signet-prompt. */
#ifndef TESTS_SCREEN_SCENE_H
#define TESTS_SCREEN_SCENE_H

#include "tests/support/helpers_scene.h"

#include "agent/prompt.h"

/* The first thing that it was told. */
static inline struct bytes request_of(const struct helper *h)
{
	struct bytes message;

	assert_int_equal(
	    frame_next(BYTES(h->heard, h->len), LIMIT_FIDO_REQUEST, &message), FRAME_READY);
	return message;
}

/* Its last word. */
static inline void say_and_close(struct helpers_scene *s, struct helper *h, struct builder *b)
{
	assert_non_null(h);
	assert_int_equal(builder_error(b), ERR_OK);
	helper_say(h, b->data, b->len);
	builder_clear(b);
	settle(s);
	helper_close(h);
	settle(s);
}

/* The nth thing on the screen of this kind, or NULL. */
static inline struct helper *shown(
    const struct helpers_scene *s, uint8_t kind, unsigned nth, struct helper_ask *m)
{
	struct helper_ask ask;

	for (size_t i = 0; i < s->count; i++) {
		struct helper *h = s->helper[i];

		if (h->program != HELPER_PROMPT || h->fd < 0 || h->hung_up || h->len == 0)
			continue;
		assert_int_equal(helper_ask_parse(request_of(h), &ask), ERR_OK);
		if (ask.kind != kind || nth-- != 0)
			continue;
		if (m != NULL)
			*m = ask;
		return h;
	}
	return NULL;
}

static inline size_t shown_count(const struct helpers_scene *s, uint8_t kind)
{
	size_t n = 0;

	while (shown(s, kind, (unsigned)n, NULL) != NULL)
		n++;
	return n;
}

static inline bool shown_has(const struct helpers_scene *s, uint8_t kind, const char *part)
{
	struct helper_ask m;

	return shown(s, kind, 0, &m) != NULL &&
	       memmem(m.text.data, m.text.len, part, strlen(part)) != NULL;
}

static inline void expect_nothing_shown(const struct helpers_scene *s)
{
	assert_int_equal(shown_count(s, ASKPASS_NOTICE), 0);
	assert_int_equal(shown_count(s, ASKPASS_SECRET), 0);
	assert_int_equal(shown_count(s, ASKPASS_CONFIRM), 0);
}

static inline void answer_shown(
    struct helpers_scene *s, uint8_t kind, enum err result, const char *answer)
{
	struct helper_answer m = {result, bytes_str(answer)};
	struct builder b = {0};

	helper_answer_build(&b, &m);
	say_and_close(s, shown(s, kind, 0, NULL), &b);
}

/* Everything that ran for somebody who left, ended by whoever runs it. */
static inline void let_ending_helpers_end(struct helpers_scene *s)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->helper[i]->hung_up)
			helper_close(s->helper[i]);
	}
	settle(s);
}

#endif
