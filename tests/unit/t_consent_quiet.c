/* Finding out who asks, and what for, where nobody is to be asked. */
#include "tests/support/consent_scene.h"

struct about {
	struct client client;
	struct inquiry *inquiry; /* the same, for done */
	struct builder words;
	uint64_t started;
};

static void quiet_done(void *ctx, enum err result, enum consent how, struct bytes destination)
{
	struct about *a = ctx;

	consent_about(a->inquiry, &a->words);
	a->started = consent_client_started(a->inquiry);
	done(&a->client, result, how, destination);
}

static void find_out(struct scene *s, struct about *a, struct consent_request r)
{
	*a = (struct about){.client.scene = s};
	r.quiet = true;
	r.who.since = clock_now();
	a->inquiry = a->client.inquiry = consent_ask(&s->consents, &r, quiet_done, a);
	assert_non_null(a->inquiry);
	assert_int_equal(a->client.calls, 0);
}

static bool has_words(const struct about *a, const char *part)
{
	return memmem(a->words.data, a->words.len, part, strlen(part)) != NULL;
}

static void nobody_is_asked(void **state)
{
	static const enum confirm_rule rules[] = {
	    CONFIRM_NEVER, CONFIRM_ALWAYS, CONFIRM_TIMED, CONFIRM_CONNECTION};
	struct scene *s = *state;

	for (unsigned i = 0; i < 4; i++) {
		struct consent_request r = usual;
		struct builder b = {0};
		struct about a;

		r.rules.confirm = rules[i];
		r.data = login(&b, "session", "me\x1b");
		find_out(s, &a, r);
		assert_false(consent_is_shown(a.inquiry));
		expect_answer(&a.client, ERR_OK, CONSENT_NOT_ASKED);
		assert_memory_equal(a.words.data, "\n\n", 2);
		assert_true(has_words(&a, "me\\x1b"));
		assert_true(has_words(&a, "editor"));
		assert_false(has_words(&a, "a key")); /* its owner says that */
		assert_int_equal(a.started, 5);
		assert_true(strstr(a.client.destination, "me") != NULL);
		builder_clear(&a.words);
		builder_clear(&b);
	}
	assert_int_equal(s->asked, 0);
	assert_int_equal(s->consents.answer_count, 0);
}

/* It is no yes, and waits for none. */
static void it_is_apart_from_questions(void **state)
{
	struct scene *s = *state;
	struct client c;
	struct about a;

	find_out(s, &a, usual);
	expect_answer(&a.client, ERR_OK, CONSENT_NOT_ASKED);
	builder_clear(&a.words);
	ask(s, &c, usual);
	expect_asked(s, 1);
	find_out(s, &a, usual); /* the same is being asked */
	expect_answer(&a.client, ERR_OK, CONSENT_NOT_ASKED);
	builder_clear(&a.words);
	assert_int_equal(c.calls, 0);
	answer(s, 0, ERR_DENIED);
	expect_answer(&c, ERR_DENIED, CONSENT_ASKED);
	allow(s, usual);
	find_out(s, &a, usual);
	expect_answer(&a.client, ERR_OK, CONSENT_NOT_ASKED);
	builder_clear(&a.words);
	expect_remembered(s, usual);
}

/* While its names are looked for, a real question of the same is put, and not behind it. */
static void nobody_waits_behind_it(void **state)
{
	struct scene *s = *state;
	struct route r = {0};
	struct consent_request bound = usual;
	struct client c;
	struct about a;

	s->fileless = true;
	bind_to(&r, "host", false);
	bound.route = &r;
	find_out(s, &a, bound);
	settle_down(s);
	assert_int_equal(s->heard_files, 1);
	ask(s, &c, bound);
	settle_down(s);
	s->fileless = false;
	hostnames_heard(&s->hostnames, s->files_id, KNOWNFILES, -1);
	expect_answer(&a.client, ERR_OK, CONSENT_NOT_ASKED);
	builder_clear(&a.words);
	expect_asked(s, 1);
	assert_true(question_has(s, 0, "a key"));
	answer(s, 0, ERR_OK);
	expect_answer(&c, ERR_OK, CONSENT_ASKED);
	route_clear(&r);
}

static void cancelled_at_each_stage(void **state)
{
	struct scene *s = *state;
	struct route r = {0};
	struct consent_request bound = usual;
	struct about a;

	s->deaf = true;
	find_out(s, &a, usual);
	settle_down(s);
	consent_cancel(a.inquiry);
	s->deaf = false;
	s->fileless = true;
	bind_to(&r, "host", false);
	bound.route = &r;
	find_out(s, &a, bound);
	settle_down(s);
	consent_cancel(a.inquiry);
	settle_down(s);
	assert_int_equal(a.client.calls, 0);
	assert_int_equal(s->asked, 0);
	s->fileless = false;
	route_clear(&r);
}

/* The agent is locked meanwhile: that is its owner's to look at. */
static void forgetting_does_not_harm_it(void **state)
{
	struct scene *s = *state;
	struct about a;

	find_out(s, &a, usual);
	consent_forget(&s->consents, NULL);
	expect_answer(&a.client, ERR_OK, CONSENT_NOT_ASKED);
	builder_clear(&a.words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(nobody_is_asked),
	    TEST(it_is_apart_from_questions),
	    TEST(nobody_waits_behind_it),
	    TEST(cancelled_at_each_stage),
	    TEST(forgetting_does_not_harm_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
