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
	struct hostbook book = {0};
	struct keys_dir dir;
	struct client c;

	s->consents.hostbook = &book;
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
	/* An earlier answer searches nothing, but knows it all the same. */
	assert_non_null(hostbook_find(&book, r.first->print));
	ask(s, &c, bound);
	expect_answer(&c, ERR_OK, CONSENT_REMEMBERED);
	assert_string_equal(c.destination, "me@[db1.example.org]:2222");
	assert_int_equal(s->heard_files, 1);
	keys_dir_remove(&dir);
	builder_clear(&key);
	builder_clear(&data);
	route_clear(&r);
}

static const char *program_in(const struct decisions *ds, uint64_t after)
{
	const struct entry *e = decisions_ready(ds, after);

	return e == NULL ? "(not known)" : e->program;
}

/* Its client may be gone by the time that the log would look for its name. */
static void the_log_is_told_who_asked(void **state)
{
	struct scene *s = *state;
	struct decisions *ds = decisions_new(&s->witness);
	struct decision d = {.what = DECISION_SIGN};
	struct client c;

	s->consents.decisions = ds;
	allow(s, usual);
	decisions_put(ds, &usual.who, &d);
	assert_string_equal(program_in(ds, 0), "ssh");
	assert_int_equal(s->witness.open, 0);
	/* Cancelled, and another client had its place in between. */
	ask(s, &c,
	    (struct consent_request){
		.print = "other", .who = {.client = 2, .pid = 43}, .route = &local});
	expect_asked(s, 2);
	decisions_put(ds, &(struct asker){.client = 258, .pid = 44}, &d);
	consent_cancel(c.inquiry);
	decisions_put(ds, &(struct asker){.client = 2, .pid = 43}, &d);
	assert_string_equal(program_in(ds, 2), "ssh");
	settle_down(s);
	assert_string_equal(program_in(ds, 1), "");
	decisions_free(ds);
	s->consents.decisions = NULL;
}

static void what_is_pending_is_counted(void **state)
{
	struct scene *s = *state;
	struct consent_request other = usual;
	struct consent_counts n;
	struct client a, b, c;

	ask(s, &a, usual);
	n = consent_count(&s->consents);
	assert_true(n.looking == 1 && n.asking == 0 && n.behind == 0);
	ask(s, &b, usual);
	other.print = "SHA256:other";
	ask(s, &c, other);
	expect_asked(s, 2);
	n = consent_count(&s->consents);
	assert_true(n.looking == 0 && n.asking == 2 && n.behind == 1);
	assert_int_equal(prompt_count(&s->prompts).shown, 2);
	consent_cancel(c.inquiry);
	answer(s, 0, ERR_DENIED);
	expect_answer(&b, ERR_DENIED, CONSENT_REMEMBERED);
	expect_answer(&a, ERR_DENIED, CONSENT_ASKED);
}

/* Nobody was asked for those who waited for its answer either. */
static void an_unseen_question_is_no_answer(void **state)
{
	static const enum err unseen[] = {ERR_NO_PROMPT, ERR_ASKER, ERR_ASKER_SHOW, ERR_DISPLAY};
	struct scene *s = *state;
	struct client a, b;

	for (unsigned i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++) {
		ask(s, &a, usual);
		ask(s, &b, usual);
		expect_asked(s, i + 1);
		answer(s, i, unseen[i]);
		expect_answer(&a, unseen[i], CONSENT_NOT_ASKED);
		expect_answer(&b, unseen[i], CONSENT_NOT_ASKED);
	}
}

/* Also where each is asked for itself: a person who is away does not answer the next one either. */
static void an_unanswered_question_is_not_asked_again(void **state)
{
	struct scene *s = *state;
	struct consent_request always = usual;
	struct client c[5];

	always.rules = (struct key_rules){.confirm = CONFIRM_ALWAYS};
	for (int i = 0; i < 5; i++)
		ask(s, &c[i], always);
	expect_asked(s, 1);
	answer(s, 0, ERR_TIMEOUT);
	expect_answer(&c[0], ERR_TIMEOUT, CONSENT_ASKED);
	for (int i = 1; i < 5; i++)
		expect_answer(&c[i], ERR_TIMEOUT, CONSENT_NOT_ASKED);
	settle_down(s);
	assert_int_equal(s->asked, 1);
}

/* Whose own time is over while another is asked is asked no more; who came later is. */
static void time_runs_behind_another(void **state)
{
	struct scene *s = *state;
	struct consent_request always = usual;
	struct client early, late, c;

	s->consents.timeout = 10;
	always.rules = (struct key_rules){.confirm = CONFIRM_ALWAYS};
	ask(s, &c, always);
	ask(s, &early, always);
	expect_asked(s, 1);
	skipped += 9000;
	ask(s, &late, always);
	settle_down(s);
	skipped += 2000;
	answer(s, 0, ERR_OK);
	expect_answer(&c, ERR_OK, CONSENT_ASKED);
	expect_answer(&early, ERR_TIMEOUT, CONSENT_NOT_ASKED);
	expect_asked(s, 2);
	answer(s, 1, ERR_DENIED);
	expect_answer(&late, ERR_DENIED, CONSENT_ASKED);
}

/* One that hides behind another's words: each has a question of its own, but for the very same. */
static void what_is_not_known_waits_for_nothing(void **state)
{
	struct scene *s = *state;
	struct consent_request r = usual;
	struct builder data = {0};
	struct client c[6];
	struct route to_a = {0};
	unsigned n = 0;

	r.rules = (struct key_rules){.confirm = CONFIRM_ALWAYS};
	bind_to(&to_a, "a", true);
	for (int i = 0; i < 3; i++) {
		r.data = login(&data, i == 0 ? "one host" : "another host", "git");
		ask(s, &c[n++], r);
	}
	r.data = bytes_str("bytes that mean nothing");
	ask(s, &c[n++], r);
	r.data = bytes_str("bytes that mean nothing, too");
	ask(s, &c[n++], r);
	r.route = &to_a;
	ask(s, &c[n++], r);
	expect_asked(s, 5); /* the third is the second once more */
	while (n-- != 0)
		consent_cancel(c[n].inquiry);
	settle_down(s);
	builder_clear(&data);
	route_clear(&to_a);
}

static enum err permission;

static enum err allowed_still(void *ctx)
{
	(void)ctx;
	return permission;
}

/* At whatever stage they are; and those that are allowed still stay. */
static void what_is_allowed_no_longer_is_withdrawn(void **state)
{
	struct scene *s = *state;
	struct consent_request r = usual;
	struct client stays, c[3];

	ask(s, &stays, usual);
	expect_asked(s, 1);
	r.print = "SHA256:other";
	r.allowed = allowed_still;
	permission = ERR_OK;
	ask(s, &c[0], r);
	ask(s, &c[1], r);
	expect_asked(s, 2);
	s->deaf = true;
	ask(s, &c[2], r);
	consent_forget(&s->consents, r.print);
	settle_down(s);
	assert_false(question_is_closed(s, 1));
	permission = ERR_LOCKED;
	consent_forget(&s->consents, NULL);
	assert_int_equal(c[0].calls, 0); /* not from within the call */
	expect_answer(&c[0], ERR_LOCKED, CONSENT_ASKED);
	expect_answer(&c[1], ERR_LOCKED, CONSENT_NOT_ASKED);
	expect_answer(&c[2], ERR_LOCKED, CONSENT_NOT_ASKED);
	settle_down(s);
	assert_true(question_is_closed(s, 1));
	assert_int_equal(s->asked, 2);
	assert_false(question_is_closed(s, 0));
	answer(s, 0, ERR_OK);
	expect_answer(&stays, ERR_OK, CONSENT_ASKED);
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
			expect_answer(&c[i], no ? ERR_OK : ERR_TIMEOUT,
			    no ? CONSENT_REMEMBERED : CONSENT_NOT_ASKED);
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
	    TEST(the_log_is_told_who_asked),
	    TEST(what_is_pending_is_counted),
	    TEST(an_unseen_question_is_no_answer),
	    TEST(an_unanswered_question_is_not_asked_again),
	    TEST(time_runs_behind_another),
	    TEST(what_is_not_known_waits_for_nothing),
	    TEST(what_is_allowed_no_longer_is_withdrawn),
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
