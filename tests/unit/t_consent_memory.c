/* Answers that hold for later requests: for what, for how long, and for what not. */
#include "tests/support/consent_scene.h"

static void remembered_for_key_application_and_rule(void **state)
{
	struct scene *s = *state;
	struct consent_request other = usual;

	allow(s, usual);
	other.who.pid = 43; /* another process, and connection, of the same application */
	other.who.client = 2;
	expect_remembered(s, other);
	other.who.pid = 98;
	allow(s, other);
	other.who.pid = 99; /* the application's number, given anew */
	allow(s, other);
	other = usual;
	other.print = "SHA256:other";
	allow(s, other);
	other = usual;
	other.rules.confirm_seconds = 5; /* the key was added again, more strictly */
	allow(s, other);
	expect_remembered(s, usual);
}

static void remembered_for_one_destination(void **state)
{
	struct scene *s = *state;
	struct route to_a = {0}, to_b = {0}, back_from_a = {0};
	struct builder b = {0};
	struct consent_request r = usual;

	bind_to(&to_a, "a", false);
	bind_to(&to_b, "b", false);
	bind_to(&back_from_a, "a", true);
	r.data = login(&b, "a", "me");
	r.route = &to_a;
	allow(s, r);
	expect_remembered(s, r);
	r.data = login(&b, "a", "root");
	allow(s, r);
	r.data = login(&b, "b", "me");
	r.route = &to_b;
	allow(s, r);
	/* A yes to a login at A is none to what A asks through the forwarded agent. */
	r.data = login(&b, "a", "me");
	r.route = &back_from_a;
	allow(s, r);
	r.data = bytes_str("neither a login");
	r.route = &to_a;
	allow(s, r);
	builder_clear(&b);
	route_clear(&to_a);
	route_clear(&to_b);
	route_clear(&back_from_a);
}

static void what_is_not_proved_is_not_remembered(void **state)
{
	struct scene *s = *state;
	struct route to_a = {0}, failed = {.failed = true};
	struct builder b = {0};
	struct consent_request r = usual;
	struct client c;

	bind_to(&to_a, "a", false);
	r.route = &to_a;
	r.data = login(&b, "another session", "me");
	for (int i = 0; i < 2; i++) {
		ask(s, &c, r);
		expect_asked(s, i + 1);
		answer(s, i, ERR_OK);
		expect_answer(&c, ERR_OK, CONSENT_ASKED);
		assert_string_equal(c.destination, "me@unproven host");
	}
	allow(s, usual);
	r = usual;
	r.route = &failed;
	allow(s, r);
	allow(s, r);
	s->gone = true; /* nobody knows whose yes it would be */
	allow(s, usual);
	allow(s, usual);
	assert_int_equal(s->consents.answer_count, 1);
	builder_clear(&b);
	route_clear(&to_a);
}

/* Each is asked anew, though it is the same, of the same application, under the same rule. */
static void where_it_leads_is_not_known(void **state)
{
	struct scene *s = *state;
	struct route through_a = {0};
	struct builder b = {0};
	struct consent_request r = usual;

	bind_to(&through_a, "a", true);
	r.data = login(&b, "a", "git");
	for (int once = 0; once < 2; once++) {
		/* Two hosts that the client did not prove look alike. */
		for (int i = 0; i < 2; i++) {
			r.rules.confirm = once ? CONFIRM_CONNECTION : CONFIRM_TIMED;
			r.route = &local;
			r.data = login(&b, "session", "git");
			allow(s, r);
			r.data = login(&b, "session of another host", "git");
			allow(s, r);
			r.route = &through_a;
			allow(s, r);
			r.data = bytes_str("bytes that mean nothing");
			allow(s, r);
			r.route = &local;
			allow(s, r);
		}
	}
	assert_int_equal(s->consents.answer_count, 0);
	builder_clear(&b);
	route_clear(&through_a);
}

static void answers_expire(void **state)
{
	struct scene *s = *state;

	allow(s, usual);
	skipped += 590 * 1000;
	expect_remembered(s, usual);
	skipped += 11 * 1000;
	allow(s, usual);
	assert_int_equal(s->consents.answer_count, 1);
}

static void once_per_connection(void **state)
{
	struct scene *s = *state;
	struct consent_request r = usual;

	r.rules = (struct key_rules){.confirm = CONFIRM_CONNECTION};
	allow(s, r);
	skipped += 100000000;
	expect_remembered(s, r);
	r.who.client = 2;
	allow(s, r);
}

static void forgotten(void **state)
{
	struct scene *s = *state;
	struct consent_request other = usual;
	struct client c;

	allow(s, usual);
	other.print = "SHA256:other";
	ask(s, &c, other);
	expect_asked(s, 2);
	consent_forget(&s->consents, NULL);
	assert_int_equal(s->consents.answer_count, 0);
	answer(s, 1, ERR_OK); /* asked before the lock, answered after it */
	expect_answer(&c, ERR_OK, CONSENT_ASKED);
	assert_int_equal(s->consents.answer_count, 0);
	allow(s, usual);
}

static void forgotten_with_its_key(void **state)
{
	struct scene *s = *state;
	struct consent_request other = usual, third = usual;
	struct client c;

	other.print = "SHA256:other";
	third.print = "SHA256:third";
	allow(s, usual);
	allow(s, other);
	ask(s, &c, third);
	expect_asked(s, 3);
	consent_forget(&s->consents, other.print);
	consent_forget(&s->consents, third.print);
	assert_int_equal(s->consents.answer_count, 1);
	answer(s, 2, ERR_OK); /* asked about a key that is gone now */
	expect_answer(&c, ERR_OK, CONSENT_ASKED);
	assert_int_equal(s->consents.answer_count, 1);
	expect_remembered(s, usual);
	allow(s, other);
	allow(s, third);
}

static void the_oldest_of_too_many_goes(void **state)
{
	struct scene *s = *state;
	struct consent_request r = usual;

	r.rules = (struct key_rules){.confirm = CONFIRM_CONNECTION};
	for (uint64_t i = 1; i <= 257; i++) {
		r.who.client = i;
		wanted = (unsigned)i;
		struct client c;
		ask(s, &c, r);
		assert_true(run_until(s, so_many_asked));
		answer(s, (unsigned)i - 1, ERR_OK);
		expect_answer(&c, ERR_OK, CONSENT_ASKED);
		fd_close(&s->helper[i - 1]);
	}
	assert_int_equal(s->consents.answer_count, 256);
	expect_remembered(s, r);
	r.who.client = 2;
	expect_remembered(s, r);
	r.who.client = 1;
	allow(s, r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(remembered_for_key_application_and_rule),
	    TEST(remembered_for_one_destination),
	    TEST(what_is_not_proved_is_not_remembered),
	    TEST(where_it_leads_is_not_known),
	    TEST(answers_expire),
	    TEST(once_per_connection),
	    TEST(forgotten),
	    TEST(forgotten_with_its_key),
	    TEST(the_oldest_of_too_many_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
