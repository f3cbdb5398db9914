/* Asking a person: one or many at a time, cancelled at each stage, refused. */
#include "tests/support/consent_scene.h"

#include "keystore/crypto.h"
#include "tests/support/keys_ssh.h"

static void yes_and_no(void **state)
{
	struct scene *s = *state;
	struct client c;

	allow(s, usual);
	struct consent_request other = usual;
	other.print = "SHA256:other";
	ask(s, &c, other);
	expect_asked(s, 2);
	answer(s, 1, ERR_DENIED);
	expect_answer(&c, ERR_DENIED, CONSENT_ASKED);
	/* A no is not remembered. */
	allow(s, other);
}

static void cancelled_while_who_is_asked(void **state)
{
	struct scene *s = *state;
	struct client c;

	s->deaf = true;
	ask(s, &c, usual);
	settle_down(s);
	assert_int_equal(s->heard_who, 1);
	consent_cancel(c.inquiry);
	consent_cancel(NULL);
	settle_down(s);
	assert_int_equal(c.calls, 0);
	assert_int_equal(s->asked, 0);
}

static void cancelled_while_names_are_looked_for(void **state)
{
	struct scene *s = *state;
	struct route r = {0};
	struct consent_request bound = usual;
	struct client c;

	s->fileless = true;
	bind_to(&r, "host", false);
	bound.route = &r;
	ask(s, &c, bound);
	settle_down(s);
	assert_int_equal(s->heard_files, 1);
	consent_cancel(c.inquiry);
	settle_down(s);
	assert_int_equal(c.calls, 0);
	assert_int_equal(s->asked, 0);
	s->fileless = false;
	allow(s, bound);
	route_clear(&r);
}

/* The question names a host on a port of its own, which ssh-keygen hashed. */
static void a_hashed_host_is_named(void **state)
{
	static const char arguments[] = "ssh\0-p\0"
					"2222\0me@db1.example.org";
	struct scene *s = *state;
	struct consent_request bound = usual;
	struct route r = {0};
	struct session_bind m = {.session = bytes_str("a")};
	struct builder key = {0}, data = {0};
	struct keys_dir dir;
	struct client c;

	assert_int_equal(crypto_start(), ERR_OK);
	keys_dir_make(&dir);
	assert_true(keys_run("cd %s && mkdir .ssh && ssh-keygen -q -t ed25519 -N '' -f k && "
			     "(printf '[db1.example.org]:2222 ' && cat k.pub) >.ssh/known_hosts && "
			     "ssh-keygen -q -H -f .ssh/known_hosts >/dev/null 2>&1",
	    dir.path));
	keys_load_public(&dir, "k.pub", &key);
	m.host_key = builder_view(&key);
	assert_int_equal(route_add(&r, &m), ERR_OK);
	s->home = dir.path;
	s->arguments = BYTES(arguments, sizeof(arguments));
	bound.route = &r;
	bound.data = login(&data, "a", "me");
	ask(s, &c, bound);
	expect_asked(s, 1);
	answer(s, 0, ERR_OK);
	expect_answer(&c, ERR_OK, CONSENT_ASKED);
	assert_string_equal(c.destination, "me@[db1.example.org]:2222");
	keys_dir_remove(&dir);
	builder_clear(&key);
	builder_clear(&data);
	route_clear(&r);
}

/* Nor does it wait for files that never come: it says so. */
static void names_do_not_come_in_time(void **state)
{
	struct scene *s = *state;
	struct consent_request bound = usual;
	struct route r = {0};
	struct builder data = {0};
	struct client c;

	s->fileless = true;
	bind_to(&r, "a", false);
	bound.route = &r;
	bound.data = login(&data, "a", "me");
	ask(s, &c, bound);
	settle_down(s);
	assert_int_equal(s->asked, 0);
	skipped += LIMIT_WITNESS_MS;
	expect_asked(s, 1);
	assert_true(question_has(s, 0, "known_hosts could not be read in time"));
	answer(s, 0, ERR_OK);
	expect_answer(&c, ERR_OK, CONSENT_ASKED);
	builder_clear(&data);
	route_clear(&r);
}

static void cancelled_while_a_person_is_asked(void **state)
{
	struct scene *s = *state;
	struct client c;

	ask(s, &c, usual);
	expect_asked(s, 1);
	assert_false(question_is_closed(s, 0));
	consent_cancel(c.inquiry);
	settle_down(s);
	assert_true(question_is_closed(s, 0));
	assert_int_equal(c.calls, 0);
	assert_int_equal(s->consents.answer_count, 0);
}

static void the_next_asks_when_the_first_leaves(void **state)
{
	struct scene *s = *state;
	struct client c[3];

	for (int i = 0; i < 3; i++)
		ask(s, &c[i], usual);
	expect_asked(s, 1);
	consent_cancel(c[1].inquiry); /* from the middle of the row */
	consent_cancel(c[0].inquiry);
	expect_asked(s, 2);
	assert_true(question_is_closed(s, 0));
	answer(s, 1, ERR_OK);
	expect_answer(&c[2], ERR_OK, CONSENT_ASKED);
	assert_int_equal(c[0].calls + c[1].calls, 0);
}

static void one_answer_for_all_that_wait(void **state)
{
	struct scene *s = *state;
	struct client c[3];

	for (int no = 0; no < 2; no++) {
		for (int i = 0; i < 3; i++)
			ask(s, &c[i], usual);
		expect_asked(s, 1 + no);
		answer(s, no, no ? ERR_OK : ERR_TIMEOUT);
		expect_answer(&c[0], no ? ERR_OK : ERR_TIMEOUT, CONSENT_ASKED);
		for (int i = 1; i < 3; i++)
			expect_answer(&c[i], no ? ERR_OK : ERR_TIMEOUT, CONSENT_REMEMBERED);
	}
}

static void always_asks_each_in_turn(void **state)
{
	struct scene *s = *state;
	struct consent_request always = usual;
	struct client c[3];

	always.rules = (struct key_rules){.confirm = CONFIRM_ALWAYS};
	for (int i = 0; i < 3; i++)
		ask(s, &c[i], always);
	for (unsigned i = 0; i < 3; i++) {
		expect_asked(s, i + 1);
		answer(s, i, i == 1 ? ERR_DENIED : ERR_OK);
		expect_answer(&c[i], i == 1 ? ERR_DENIED : ERR_OK, CONSENT_ASKED);
	}
	assert_int_equal(s->consents.answer_count, 0);
}

/* A long row behind a question, and no helper for any of them: no deep stack, each hears why. */
static void nobody_can_be_asked(void **state)
{
	struct scene *s = *state;
	struct client c[300];
	struct consent_request always = usual;

	always.rules = (struct key_rules){.confirm = CONFIRM_ALWAYS};
	s->refuse = true;
	for (int i = 0; i < 300; i++) {
		ask(s, &c[i], always);
		settle_down(s);
	}
	for (int i = 0; i < 300; i++)
		expect_answer(&c[i], ERR_HELPER_MISSING, CONSENT_NOT_ASKED);
}

/* As many are shown as may be; the others wait in line, and nobody is refused. */
static void three_hundred_questions_in_one_instant(void **state)
{
	struct scene *s = *state;
	struct consent_request r = usual;
	static struct client c[300];
	char print[16];

	for (int i = 0; i < 300; i++) {
		snprintf(print, sizeof(print), "SHA256:%d", i);
		r.print = print;
		ask(s, &c[i], r);
	}
	expect_asked(s, LIMIT_PROMPTS);
	assert_int_equal(s->prompts.waiting, 300 - LIMIT_PROMPTS);
	assert_true(consent_is_shown(c[0].inquiry));
	assert_false(consent_is_shown(c[299].inquiry));
	consent_cancel(c[299].inquiry);
	for (unsigned i = 0; i < 299; i++) {
		if (i >= LIMIT_PROMPTS)
			expect_asked(s, 299); /* each place that was left was taken */
		answer(s, i, i % 2 == 0 ? ERR_OK : ERR_DENIED);
		expect_answer(&c[i], i % 2 == 0 ? ERR_OK : ERR_DENIED, CONSENT_ASKED);
	}
	assert_int_equal(s->asked, 299);
}

/* Who waits for another's answer was asked nothing yet. */
static void behind_another_nobody_is_asked(void **state)
{
	struct scene *s = *state;
	struct client one, two;

	ask(s, &one, usual);
	assert_false(consent_is_shown(one.inquiry));
	ask(s, &two, usual);
	expect_asked(s, 1);
	assert_true(consent_is_shown(one.inquiry));
	assert_false(consent_is_shown(two.inquiry));
	consent_cancel(two.inquiry);
	consent_cancel(one.inquiry);
}

/* Clients that leave together start no helpers for one another. */
static void all_leave_at_once(void **state)
{
	struct scene *s = *state;
	struct client c[200];

	for (int i = 0; i < 200; i++)
		ask(s, &c[i], usual);
	expect_asked(s, 1);
	for (int i = 0; i < 200; i++)
		consent_cancel(c[i].inquiry);
	settle_down(s);
	assert_int_equal(s->asked, 1);
	assert_true(question_is_closed(s, 0));
}

static void forwarded_rule(void **state)
{
	struct key_rules rules = {.confirm = CONFIRM_FORWARDED};
	struct route r = {0};

	(void)state;
	assert_false(consent_needed(&rules, &r));
	bind_to(&r, "a", false);
	assert_false(consent_needed(&rules, &r));
	route_clear(&r);
	bind_to(&r, "a", true);
	assert_true(consent_needed(&rules, &r));
	rules.confirm = CONFIRM_NEVER;
	assert_false(consent_needed(&rules, &r));
	route_clear(&r);
	rules.confirm = CONFIRM_ALWAYS;
	assert_true(consent_needed(&rules, &r));
	rules.confirm = CONFIRM_FORWARDED;
	r.failed = true;
	assert_true(consent_needed(&rules, &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(yes_and_no),
	    TEST(cancelled_while_who_is_asked),
	    TEST(cancelled_while_names_are_looked_for),
	    TEST(a_hashed_host_is_named),
	    TEST(names_do_not_come_in_time),
	    TEST(cancelled_while_a_person_is_asked),
	    TEST(the_next_asks_when_the_first_leaves),
	    TEST(one_answer_for_all_that_wait),
	    TEST(always_asks_each_in_turn),
	    TEST(nobody_can_be_asked),
	    TEST(three_hundred_questions_in_one_instant),
	    TEST(behind_another_nobody_is_asked),
	    TEST(all_leave_at_once),
	    cmocka_unit_test(forwarded_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
