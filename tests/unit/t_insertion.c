/* Waiting for a device: one question a key, in the words of whoever waits longest. */
#include "tests/support/screen_scene.h"

#include <stdio.h>

#include "agent/insertion.h"

enum { MEMBERS_MOST = 32 };

struct scene;

struct member {
	struct insertion_member m;
	struct scene *scene;
	unsigned asked, overs;
	enum err why;
	unsigned pid;
	bool mute;                 /* cannot put the question */
	struct member *leaves;     /* when it is over, so does this one wait no longer, */
	struct member *waits_also; /* and this one waits */
};

struct scene {
	struct helpers_scene h;
	struct prompts prompts;
	struct options options;
	struct insertions all;
	struct member member[MEMBERS_MOST];
};

#define MEMBER_OF(ptr) ((struct member *)(void *)((char *)(ptr)-offsetof(struct member, m)))

static struct prompt *ask(struct insertion_member *m, uint32_t timeout,
    void (*answered)(void *ctx, enum err result, struct bytes answer), void *ctx)
{
	struct member *k = MEMBER_OF(m);
	struct helper_ask question = {
	    .kind = ASKPASS_CONFIRM, .text = m->key, .pid = k->pid, .timeout = timeout};

	k->asked++;
	return k->mute ? NULL : prompt_ask(&k->scene->prompts, &question, answered, ctx);
}

static void over(struct insertion_member *m, enum err why)
{
	struct member *k = MEMBER_OF(m);

	assert_null(m->of);
	k->overs++;
	k->why = why;
	if (k->leaves != NULL)
		insertion_leave(&k->leaves->m);
	if (k->waits_also != NULL)
		assert_int_equal(insertion_join(&k->scene->all, &k->waits_also->m, false), ERR_OK);
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	scene_open(&s->h);
	s->prompts.calls = &s->h.calls;
	s->options.insert_wait = 60;
	s->all = (struct insertions){.loop = s->h.loop, .options = &s->options};
	for (unsigned i = 0; i < MEMBERS_MOST; i++)
		s->member[i] = (struct member){
		    .m = {.key = bytes_str("a key"), .ask = ask, .over = over},
		    .scene = s,
		    .pid = 100 + i,
		};
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	bool good;

	for (unsigned i = 0; i < MEMBERS_MOST; i++)
		insertion_leave(&s->member[i].m);
	settle(&s->h);
	for (size_t i = 0; i < s->h.count; i++)
		helper_close(s->h.helper[i]);
	settle(&s->h);
	good = s->all.first == NULL && s->prompts.first == NULL;
	good = scene_close(&s->h) && good;
	free(s);
	return good ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void join(struct scene *s, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++) {
		assert_int_equal(insertion_join(&s->all, &s->member[i].m, false), ERR_OK);
		assert_non_null(s->member[i].m.of);
	}
}

static size_t questions(const struct scene *s)
{
	return shown_count(&s->h, ASKPASS_CONFIRM);
}

static struct helper_ask question(const struct scene *s)
{
	struct helper_ask m;

	assert_non_null(shown(&s->h, ASKPASS_CONFIRM, 0, &m));
	return m;
}

static void expect_over(const struct member *k, enum err why)
{
	assert_int_equal(k->overs, 1);
	assert_string_equal(err_text(k->why), err_text(why));
	assert_null(k->m.of);
}

static void test_options(void **state)
{
	struct scene *s = *state;
	struct insertion_member *m = &s->member[0].m;

	assert_int_equal(insertion_join(&s->all, m, true), ERR_NO_DEVICE);
	assert_null(m->of);
	s->options.insert_wait = 0;
	s->options.insert_wait_forwarded = true;
	assert_int_equal(insertion_join(&s->all, m, false), ERR_NO_DEVICE);
	assert_int_equal(insertion_join(&s->all, m, true), ERR_NO_DEVICE);
	insertion_leave(m); /* of none */
	assert_null(s->all.first);
	s->options.insert_wait = 60;
	assert_int_equal(insertion_join(&s->all, m, true), ERR_OK);
	settle(&s->h);
	assert_int_equal(questions(s), 1);
	assert_int_equal(s->member[0].overs, 0);
}

/* Never from within the call. */
static void test_one_question_a_key(void **state)
{
	struct scene *s = *state;

	s->member[10].m.key = bytes_str("another key");
	join(s, 0, 11);
	for (unsigned i = 0; i < 11; i++)
		assert_int_equal(s->member[i].asked, 0);
	settle(&s->h);
	assert_int_equal(questions(s), 2);
	assert_int_equal(s->member[0].asked, 1);
	assert_int_equal(s->member[10].asked, 1);
	for (unsigned i = 1; i < 10; i++)
		assert_int_equal(s->member[i].asked, 0);
}

static void test_answers(void **state)
{
	static const enum err answers[][2] = {{ERR_DENIED, ERR_DENIED},
	    {ERR_TIMEOUT, ERR_NO_DEVICE}, {ERR_CANCELLED, ERR_NO_DEVICE},
	    {ERR_SYSTEM, ERR_NO_DEVICE}};
	struct scene *s = *state;

	for (unsigned i = 0; i < 4; i++) {
		join(s, 3 * i, 3);
		settle(&s->h);
		answer_shown(&s->h, ASKPASS_CONFIRM, answers[i][0], "");
		for (unsigned k = 3 * i; k < 3 * i + 3; k++)
			expect_over(&s->member[k], answers[i][1]);
		assert_null(s->all.first);
	}
}

static void test_patience(void **state)
{
	struct scene *s = *state;
	unsigned asked = 0;

	s->options.insert_wait = 5;
	join(s, 0, 2);
	settle(&s->h);
	for (; s->member[0].overs == 0 && asked < 100; asked++) {
		assert_int_equal(question(s).timeout, 5 - asked);
		answer_shown(&s->h, ASKPASS_CONFIRM, ERR_OK, "");
		pass(&s->h, 999);
		assert_int_equal(questions(s), 0);
		pass(&s->h, 1);
	}
	assert_int_equal(asked, 5);
	expect_over(&s->member[0], ERR_NO_DEVICE);
	expect_over(&s->member[1], ERR_NO_DEVICE);
}

/* In the words of whoever waits longest, for what is left of the time. */
static void test_the_asker_leaves(void **state)
{
	struct scene *s = *state;

	join(s, 0, 4);
	settle(&s->h);
	assert_int_equal(question(s).pid, 100);
	insertion_leave(&s->member[1].m);
	settle(&s->h);
	assert_int_equal(s->member[0].asked, 1);
	pass(&s->h, 20000);
	insertion_leave(&s->member[0].m);
	assert_int_equal(s->member[2].asked, 0); /* not from within the call */
	settle(&s->h);
	assert_int_equal(questions(s), 1);
	assert_int_equal(question(s).pid, 102);
	assert_int_equal(question(s).timeout, 40);
	insertion_leave(&s->member[2].m);
	insertion_leave(&s->member[3].m);
	settle(&s->h);
	assert_int_equal(questions(s), 0);
	assert_int_equal(s->member[3].asked, 0);
	assert_null(s->all.first);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(s->member[i].overs, 0);
}

/* Whoever has no terminal is refused alone. */
static void test_no_prompt(void **state)
{
	struct scene *s = *state;

	join(s, 0, 2);
	settle(&s->h);
	answer_shown(&s->h, ASKPASS_CONFIRM, ERR_NO_PROMPT, "");
	expect_over(&s->member[0], ERR_NO_DEVICE);
	assert_int_equal(s->member[1].overs, 0);
	assert_int_equal(question(s).pid, 101);
	answer_shown(&s->h, ASKPASS_CONFIRM, ERR_NO_PROMPT, "");
	expect_over(&s->member[1], ERR_NO_DEVICE);
	assert_null(s->all.first);
}

static void test_a_question_that_cannot_be_put(void **state)
{
	struct scene *s = *state;

	s->member[0].mute = true;
	join(s, 0, 2);
	assert_int_equal(s->member[0].overs, 0);
	settle(&s->h);
	expect_over(&s->member[0], ERR_NO_DEVICE);
	expect_over(&s->member[1], ERR_NO_DEVICE);
}

/* What is over for one may end others of the same, and bring new ones. */
static void test_over_changes_the_rest(void **state)
{
	struct scene *s = *state;

	s->member[0].leaves = &s->member[1];
	s->member[2].waits_also = &s->member[4];
	join(s, 0, 4);
	settle(&s->h);
	answer_shown(&s->h, ASKPASS_CONFIRM, ERR_DENIED, "");
	expect_over(&s->member[0], ERR_DENIED);
	assert_int_equal(s->member[1].overs, 0);
	assert_null(s->member[1].m.of);
	expect_over(&s->member[2], ERR_DENIED);
	expect_over(&s->member[3], ERR_DENIED);
	/* The new one was not part of that answer. */
	assert_int_equal(s->member[4].overs, 0);
	assert_int_equal(question(s).pid, 104);
	assert_int_equal(question(s).timeout, 60);
}

/* The same once more. */
static void test_again(void **state)
{
	struct scene *s = *state;

	for (unsigned i = 0; i < 3; i++) {
		join(s, 0, 1);
		settle(&s->h);
		assert_int_equal(questions(s), 1);
		insertion_leave(&s->member[0].m);
		settle(&s->h);
		assert_int_equal(questions(s), 0);
	}
	assert_int_equal(s->member[0].asked, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_options),
	    TEST(test_one_question_a_key),
	    TEST(test_answers),
	    TEST(test_patience),
	    TEST(test_the_asker_leaves),
	    TEST(test_no_prompt),
	    TEST(test_a_question_that_cannot_be_put),
	    TEST(test_over_changes_the_rest),
	    TEST(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
