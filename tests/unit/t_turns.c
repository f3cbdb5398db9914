/* Whose turn it is on each device, and PINs that are remembered. */
#include "tests/support/devices_scene.h"

struct waiter {
	struct turn turn;
	struct scene *scene;
	char name;
	bool leaves;            /* as soon as it is granted */
	struct waiter *removes; /* whom it takes out of the line when it is called */
};

/* What was told, in order: a letter for each grant, a capital one for each loss. */
static char told[64];
static size_t told_count;

static void note(char c)
{
	assert_true(told_count < sizeof(told) - 1);
	told[told_count++] = c;
	told[told_count] = '\0';
}

static void expect_told(struct scene *s, const char *expected)
{
	settle(&s->h);
	assert_string_equal(told, expected);
	told_count = 0;
	told[0] = '\0';
}

static struct waiter *waiter_of(struct turn *t)
{
	return (struct waiter *)(void *)((char *)t - offsetof(struct waiter, turn));
}

static void granted(struct turn *t)
{
	struct waiter *w = waiter_of(t);

	assert_true(t->has);
	note(w->name);
	if (w->removes != NULL)
		turn_leave(&w->removes->turn);
	if (w->leaves)
		turn_leave(t);
}

static void lost(struct turn *t)
{
	struct waiter *w = waiter_of(t);

	assert_false(t->has);
	assert_null(t->line);
	note((char)(w->name - 'a' + 'A'));
	if (w->removes != NULL)
		turn_leave(&w->removes->turn);
	turn_leave(t);
}

static void take(struct scene *s, struct waiter *w, char name, struct device *a, struct device *b)
{
	struct device *wants[2] = {a, b};

	w->scene = s;
	w->name = name;
	w->turn.granted = granted;
	w->turn.lost = lost;
	turn_take(s->ds, &w->turn, wants, b != NULL ? 2 : 1);
	assert_int_equal(w->turn.has, false);
}

/* Three devices that were asked about the only key and do not hold it. */
static void plug_three(struct scene *s, struct device *d[3])
{
	told_count = 0;
	told[0] = '\0';
	add_key(s, 0, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	PLUG(s, 1, 2, 3);
	answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_NO);
	answer_all(s, "/dev/2", FIDO_CAN_CTAP2, FIDO_HELD_NO);
	answer_all(s, "/dev/3", FIDO_CAN_CTAP2, FIDO_HELD_NO);
	assert_int_equal(devices_list(s->ds, (struct device *[FIDO_PATHS_MOST]){0}), 3);
	d[0] = device_at(s, "/dev/1");
	d[1] = device_at(s, "/dev/2");
	d[2] = device_at(s, "/dev/3");
}

static void test_one_after_the_other(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0}, b = {0}, c = {0};
	struct device *d[3];

	plug_three(s, d);
	turn_leave(&a.turn); /* in no line */
	take(s, &a, 'a', d[0], NULL);
	assert_string_equal(told, ""); /* never from within */
	take(s, &b, 'b', d[0], NULL);
	take(s, &c, 'c', d[0], NULL);
	expect_told(s, "a");
	assert_int_equal(device_waiting(d[0]), 2);
	assert_int_equal(device_waiting(d[1]), 0);
	assert_int_equal(devices_pending(s->ds), 3);
	turn_leave(&a.turn);
	assert_string_equal(told, "");
	expect_told(s, "b");
	assert_int_equal(device_waiting(d[0]), 1);
	turn_leave(&b.turn);
	expect_told(s, "c");
	turn_leave(&c.turn);
	turn_leave(&c.turn);
	expect_told(s, "");
	assert_int_equal(devices_pending(s->ds), 0);
	assert_int_equal(device_waiting(d[0]), 0);
}

static void test_other_devices_are_not_waited_for(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0}, b = {0}, c = {0};
	struct device *d[3];

	plug_three(s, d);
	take(s, &a, 'a', d[0], NULL);
	take(s, &b, 'b', d[0], NULL);
	take(s, &c, 'c', d[1], NULL);
	expect_told(s, "ac");
	turn_leave(&b.turn); /* gives up its place */
	turn_leave(&a.turn);
	turn_leave(&c.turn);
	expect_told(s, "");
}

/* Who wants several gets them once all are free; those that are free serve others meanwhile. */
static void test_several_at_once(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0}, both = {0}, c = {0}, e = {0};
	struct device *d[3];

	plug_three(s, d);
	take(s, &a, 'a', d[0], NULL);
	take(s, &both, 'b', d[0], d[1]);
	take(s, &c, 'c', d[1], NULL); /* passes by */
	take(s, &e, 'e', d[2], NULL);
	expect_told(s, "ace");
	assert_int_equal(device_waiting(d[1]), 1);
	turn_leave(&a.turn);
	expect_told(s, "");
	turn_leave(&c.turn);
	expect_told(s, "b");
	turn_leave(&e.turn);
	turn_leave(&both.turn);
}
static void test_several_after_some_patience(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0}, both = {0}, others[TURN_PATIENCE + 1] = {0};
	struct device *d[3];

	plug_three(s, d);
	take(s, &a, 'a', d[0], NULL);
	take(s, &both, 'b', d[0], d[1]);
	expect_told(s, "a");
	for (size_t i = 0; i <= TURN_PATIENCE; i++) {
		turn_leave(&others[i == 0 ? 0 : i - 1].turn);
		take(s, &others[i], 'c', d[1], NULL);
		expect_told(s, i < TURN_PATIENCE ? "c" : "");
	}
	turn_leave(&a.turn);
	expect_told(s, "b");
	turn_leave(&both.turn);
	expect_told(s, "c");
	turn_leave(&others[TURN_PATIENCE].turn);
}

/* Who gives up its wish for several lets those behind it go on. */
static void test_several_given_up(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0}, both = {0}, c = {0};
	struct device *d[3];

	plug_three(s, d);
	take(s, &a, 'a', d[0], NULL);
	take(s, &both, 'b', d[0], d[1]);
	both.turn.passed = TURN_PATIENCE;
	take(s, &c, 'c', d[1], NULL);
	expect_told(s, "a");
	turn_leave(&both.turn);
	expect_told(s, "c");
	turn_leave(&a.turn);
	turn_leave(&c.turn);
}

/* One of several is enough from now on: the others are free, and it stays. */
static void test_several_narrowed_to_one(void **state)
{
	struct scene *s = *state;
	struct waiter both = {0}, a = {0}, c = {0};
	struct device *d[3];

	plug_three(s, d);
	take(s, &both, 'b', d[0], d[1]);
	take(s, &a, 'a', d[0], NULL);
	take(s, &c, 'c', d[1], NULL);
	expect_told(s, "b");
	turn_narrow(&both.turn, d[1]);
	expect_told(s, "a");
	turn_leave(&both.turn);
	expect_told(s, "c");
	turn_leave(&a.turn);
	turn_leave(&c.turn);
}

/* Chains of claims: what is wanted by who must wait is not free for others. */
static void test_claims_pass_on(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0}, b = {0}, c = {0}, e = {0};
	struct device *d[3];

	plug_three(s, d);
	take(s, &a, 'a', d[0], NULL);
	take(s, &b, 'b', d[0], d[1]);
	take(s, &c, 'c', d[1], d[2]);
	b.turn.passed = c.turn.passed = TURN_PATIENCE;
	take(s, &e, 'e', d[2], NULL);
	expect_told(s, "a");
	turn_leave(&a.turn);
	expect_told(s, "b");
	turn_leave(&b.turn);
	expect_told(s, "c");
	turn_leave(&c.turn);
	expect_told(s, "e");
	turn_leave(&e.turn);
}

static void test_leaving_and_removing_while_granted(void **state)
{
	struct scene *s = *state;
	struct waiter a = {.leaves = true}, b = {0}, c = {.leaves = true};
	struct device *d[3];

	plug_three(s, d);
	a.removes = &b;
	take(s, &a, 'a', d[0], NULL);
	take(s, &b, 'b', d[0], NULL);
	take(s, &c, 'c', d[0], NULL);
	expect_told(s, "ac");
	assert_int_equal(devices_pending(s->ds), 0);
}

static void test_lost_when_it_is_pulled_out(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0}, b = {0}, c = {0}, both = {0};
	struct device *d[3];

	plug_three(s, d);
	take(s, &a, 'a', d[0], NULL);
	take(s, &b, 'b', d[0], NULL);
	take(s, &both, 'd', d[1], d[0]);
	both.turn.passed = TURN_PATIENCE;
	take(s, &c, 'c', d[1], NULL);
	expect_told(s, "a");
	PLUG(s, 2, 3);
	/* The one who had it too; and whoever waited behind them goes on. */
	expect_told(s, "ABDc");
	assert_int_equal(devices_pending(s->ds), 1);
	assert_int_equal(device_waiting(d[1]), 0);
	turn_leave(&c.turn);
}

static void test_removed_while_it_is_lost(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0}, b = {0}, c = {0};
	struct device *d[3];

	plug_three(s, d);
	a.removes = &b;
	take(s, &a, 'a', d[0], NULL);
	take(s, &b, 'b', d[0], NULL);
	take(s, &c, 'c', d[0], NULL);
	expect_told(s, "a");
	a.removes = &b;
	PLUG_NONE(s);
	expect_told(s, "A"
		       "C");
	assert_int_equal(devices_pending(s->ds), 0);
}

/* It went in the same round of the loop. */
static void test_wanted_when_it_is_gone_already(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0};
	struct device *d[3];

	plug_three(s, d);
	devices_key_removed(s->ds, s->key[0]);
	take(s, &a, 'a', d[0], NULL);
	expect_told(s, "A");
	assert_int_equal(devices_pending(s->ds), 0);
}

/* --- questions of our own wait like others --------------------------------------------------- */

static void test_question_waits_for_the_operation_under_way(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0}, b = {0};
	struct device *d[3];

	plug_three(s, d);
	take(s, &a, 'a', d[0], NULL);
	expect_told(s, "a");
	add_key(s, 1, FIDO_TOUCH | ECDSA);
	take(s, &b, 'b', d[0], NULL);
	settle(&s->h);
	assert_int_equal(probes(s), 2); /* the other two */
	assert_int_equal(device_waiting(d[0]), 1);
	assert_int_equal(devices_pending(s->ds), 2);
	turn_leave(&a.turn);
	expect_told(s, "");
	assert_int_equal(answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_NO), 1);
	expect_told(s, "b");
	turn_leave(&b.turn);
}

/* The device is free only when the helper that had it is gone. */
static void test_turn_comes_when_the_helper_is_gone(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0};
	struct device *d[3];
	struct fido_probe p;
	struct helper *h;

	plug_three(s, d);
	add_key(s, 1, FIDO_TOUCH | ECDSA);
	take(s, &a, 'a', d[0], NULL);
	settle(&s->h);
	assert_int_equal(device_waiting(d[0]), 1);
	h = probe_at(s, "/dev/1", &p);
	helper_say(h, "\0\0\0\5\2\47\10\377\0", 9); /* nonsense */
	settle(&s->h);
	assert_true(h->hung_up);
	expect_told(s, "");
	pass(&s->h, LIMIT_CANCEL_MS);
	assert_true(h->killed);
	expect_told(s, "a");
	turn_leave(&a.turn);
}

/* Between two questions about many keys others have their turn. */
static void test_between_questions_others_have_their_turn(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0};
	struct device *d[3];

	plug_three(s, d);
	for (unsigned i = 1; i < 100; i++)
		add_key(s, i, FIDO_TOUCH | ECDSA);
	settle(&s->h);
	take(s, &a, 'a', d[0], NULL);
	expect_told(s, "");
	answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_NO);
	expect_told(s, "a");
	expect_presence(s, s->key[99], PRESENCE_UNKNOWN);
	turn_leave(&a.turn);
	settle(&s->h);
	answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES);
	expect_presence(s, s->key[99], PRESENCE_HERE);
}

/* --- libraries ------------------------------------------------------------------------------- */

static void test_libraries_have_lines_of_their_own(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0}, b = {0}, c = {0};
	struct device *one = devices_provider(s->ds, bytes_str("/lib/one.so"));
	struct device *two;

	told_count = 0;
	assert_non_null(one);
	assert_true(bytes_is(device_path(one), "/lib/one.so"));
	take(s, &a, 'a', one, NULL);
	assert_ptr_equal(devices_provider(s->ds, bytes_str("/lib/one.so")), one);
	two = devices_provider(s->ds, bytes_str("/lib/two.so"));
	assert_ptr_not_equal(two, one);
	take(s, &b, 'b', one, NULL);
	take(s, &c, 'c', two, NULL);
	expect_told(s, "ac");
	assert_int_equal(device_waiting(one), 1);
	device_pin_keep(one, bytes_str("123456"), 600);
	assert_null(device_pin(one));
	assert_int_equal(devices_list(s->ds, (struct device *[FIDO_PATHS_MOST]){0}), 0);
	turn_leave(&a.turn);
	expect_told(s, "b");
	assert_ptr_equal(devices_provider(s->ds, bytes_str("/lib/one.so")), one);
	turn_leave(&b.turn);
	turn_leave(&c.turn);
	assert_int_equal(s->h.count, 0); /* nothing is asked of a library */
}

/* --- many ------------------------------------------------------------------------------------ */

enum { MANY = 1000 };

static struct waiter crowd[MANY];
static unsigned served;

static void served_next(struct turn *t)
{
	assert_ptr_equal(waiter_of(t), &crowd[served]);
	served++;
	turn_leave(t);
}

static void test_a_thousand_in_order(void **state)
{
	struct scene *s = *state;
	struct device *d[3];

	plug_three(s, d);
	served = 0;
	for (unsigned i = 0; i < MANY; i++) {
		crowd[i] = (struct waiter){.turn = {.granted = served_next, .lost = lost}};
		turn_take(s->ds, &crowd[i].turn, &d[0], 1);
	}
	assert_int_equal(device_waiting(d[0]), MANY);
	settle(&s->h);
	assert_int_equal(served, MANY);
}

/* --- PINs ------------------------------------------------------------------------------------ */

#define PIN bytes_str("1234")

static void expect_pin(const struct device *d, bool kept)
{
	const struct blob *pin = device_pin(d);

	assert_int_equal(pin != NULL, kept);
	assert_true(pin == NULL || bytes_is(blob_view(pin), "1234"));
}

static void test_pin_is_kept_for_its_time(void **state)
{
	struct scene *s = *state;
	struct device *d[3];

	plug_three(s, d);
	expect_pin(d[0], false);
	device_pin_keep(d[0], PIN, 30);
	expect_pin(d[0], true);
	expect_pin(d[1], false);
	pass(&s->h, 29999);
	expect_pin(d[0], true);
	device_pin_keep(d[0], PIN, 30); /* anew */
	pass(&s->h, 29999);
	expect_pin(d[0], true);
	pass(&s->h, 1);
	expect_pin(d[0], false);
	device_pin_keep(d[0], PIN, 0);
	expect_pin(d[0], false);
	device_pin_keep(d[0], PIN, 30);
	device_pin_forget(d[0]);
	expect_pin(d[0], false);
	device_pin_keep(d[0], PIN, UINT32_MAX);
	expect_pin(d[0], true);
}

static void test_pin_of_impossible_length(void **state)
{
	static const char digits[] =
	    "0123456789012345678901234567890123456789012345678901234567890123";
	struct scene *s = *state;
	struct device *d[3];

	plug_three(s, d);
	device_pin_keep(d[0], BYTES(digits, 63), 30);
	assert_int_equal(device_pin(d[0])->len, 63);
	device_pin_keep(d[0], BYTES(digits, 64), 30);
	assert_null(device_pin(d[0]));
	device_pin_keep(d[0], BYTES_NONE, 30);
	assert_null(device_pin(d[0]));
}

static void test_pin_goes_with_the_device(void **state)
{
	struct scene *s = *state;
	struct device *d[3];

	plug_three(s, d);
	device_pin_keep(d[0], PIN, 30);
	device_pin_keep(d[1], PIN, 30);
	PLUG(s, 2, 3);
	expect_pin(d[1], true);
	PLUG(s, 1, 2, 3);
	expect_pin(device_at(s, "/dev/1"), false);
}

/* The wait for its end outlives neither device nor PIN. */
static void test_pin_of_a_gone_device_is_not_kept(void **state)
{
	struct scene *s = *state;
	struct device *d[3];

	plug_three(s, d);
	device_pin_keep(d[0], PIN, 30);
	devices_key_removed(s->ds, s->key[0]);
	expect_pin(d[0], false);
	device_pin_keep(d[0], PIN, 30); /* dead soon */
	expect_pin(d[0], false);
	pass(&s->h, 60000);
}

static void test_pins_go_with_the_watch(void **state)
{
	struct scene *s = *state;
	struct device *d[3];

	plug_three(s, d);
	device_pin_keep(d[0], PIN, 3000);
	helper_close(watch_of(s));
	settle(&s->h);
	expect_pin(d[0], false);
	device_pin_keep(d[0], PIN, 3000); /* who knows what is plugged in there now */
	expect_pin(d[0], false);
	pass(&s->h, 1000);
	device_pin_keep(d[0], PIN, 3000);
	expect_pin(d[0], false);
	PLUG(s, 1);
	device_pin_keep(device_at(s, "/dev/1"), PIN, 3000);
	expect_pin(device_at(s, "/dev/1"), true);
}

static void test_all_pins_are_forgotten(void **state)
{
	struct scene *s = *state;
	struct waiter a = {0};
	struct device *d[3], *library;

	plug_three(s, d);
	library = devices_provider(s->ds, bytes_str("/lib/one.so"));
	device_pin_keep(library, PIN, 30);
	expect_pin(library, false); /* which device it takes is not known */
	settle(&s->h);              /* nobody wants it, and it goes */
	device_pin_keep(d[0], PIN, 30);
	expect_pin(d[0], true);
	take(s, &a, 'a', d[1], NULL);
	expect_told(s, "a");
	devices_forget_pins(s->ds);
	expect_pin(d[0], false);
	/* Nor is one kept that was given before. */
	device_pin_keep(d[1], PIN, 30);
	expect_pin(d[1], false);
	turn_leave(&a.turn);
	take(s, &a, 'a', d[1], NULL);
	expect_told(s, "a");
	device_pin_keep(d[1], PIN, 30);
	expect_pin(d[1], true);
	turn_leave(&a.turn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_one_after_the_other),
	    TEST(test_other_devices_are_not_waited_for),
	    TEST(test_several_at_once),
	    TEST(test_several_after_some_patience),
	    TEST(test_several_given_up),
	    TEST(test_several_narrowed_to_one),
	    TEST(test_claims_pass_on),
	    TEST(test_leaving_and_removing_while_granted),
	    TEST(test_lost_when_it_is_pulled_out),
	    TEST(test_removed_while_it_is_lost),
	    TEST(test_wanted_when_it_is_gone_already),
	    TEST(test_question_waits_for_the_operation_under_way),
	    TEST(test_turn_comes_when_the_helper_is_gone),
	    TEST(test_between_questions_others_have_their_turn),
	    TEST(test_libraries_have_lines_of_their_own),
	    TEST(test_a_thousand_in_order),
	    TEST(test_pin_is_kept_for_its_time),
	    TEST(test_pin_of_impossible_length),
	    TEST(test_pin_goes_with_the_device),
	    TEST(test_pin_of_a_gone_device_is_not_kept),
	    TEST(test_pins_go_with_the_watch),
	    TEST(test_all_pins_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
