/* Whose wish to unlock is next, on a clock that the test sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "agent/guessers.h"

enum { OWNER = 1000, GUESSER = 2000, DERIVING_MS = 50, MANY = 200, MINUTE = 60000 };

/* Guesses that are all wrong, of many clients: each guesses again when it was answered. */
struct storm {
	struct guessers gs;
	struct guess guess[MANY];
	uint64_t now;
	bool new_processes; /* a new one for each guess */
	pid_t last_pid;
};

static struct storm *storm_new(bool forwarded, bool new_processes)
{
	struct storm *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->new_processes = new_processes;
	s->last_pid = GUESSER;
	s->now = 1000000;
	for (int i = 0; i < MANY; i++) {
		s->guess[i].pid = new_processes ? s->last_pid++ : GUESSER;
		s->guess[i].forwarded = forwarded;
		guessers_join(&s->gs, &s->guess[i]);
	}
	return s;
}

/* What is derived until then. */
static unsigned storm_run(struct storm *s, uint64_t until)
{
	unsigned derived = 0;

	while (s->now < until) {
		uint64_t when;
		struct guess *g = guessers_next(&s->gs, s->now, &when);

		if (g == NULL) {
			assert_true(when > s->now && when != UINT64_MAX);
			s->now = when;
			continue;
		}
		derived++;
		s->now += DERIVING_MS;
		(void)guessers_wrong(&s->gs, g, s->now);
		if (s->new_processes)
			g->pid = s->last_pid++;
		guessers_join(&s->gs, g);
	}
	return derived;
}

static void many_connections_guess_no_faster_than_one(void **state)
{
	(void)state;
	for (int forwarded = 0; forwarded < 2; forwarded++) {
		struct storm *s = storm_new(forwarded != 0, false);
		uint64_t from = s->now;

		/* 100 ms + 200 ms + ... of delays fill a minute with 34. */
		assert_in_range(storm_run(s, from + MINUTE), 20, 35);
		(void)storm_run(s, from + 10 * MINUTE);
		assert_in_range(storm_run(s, from + 20 * MINUTE), 50, 60);
		free(s);
	}
}

static void new_processes_are_no_way_around(void **state)
{
	struct storm *s = storm_new(false, true);
	uint64_t from = s->now;

	(void)state;
	assert_in_range(storm_run(s, from + MINUTE), GUESSERS_BURST, GUESSERS_BURST + 10);
	(void)storm_run(s, from + 10 * MINUTE);
	assert_in_range(storm_run(s, from + 20 * MINUTE), 90, 101);
	free(s);
}

/* At any moment of it the owner is the next to be looked at. */
static void the_owner_waits_for_nobody(void **state)
{
	(void)state;
	for (uint64_t after = 977; after < 2 * MINUTE; after += 977) {
		struct storm *s = storm_new(after % 2 == 0, false);
		struct guess owner = {.pid = OWNER};
		uint64_t when;

		(void)storm_run(s, s->now + after);
		guessers_join(&s->gs, &owner);
		assert_ptr_equal(guessers_next(&s->gs, s->now, &when), &owner);
		free(s);
	}
}

static struct guess *next_at(struct guessers *gs, uint64_t now)
{
	uint64_t when;

	return guessers_next(gs, now, &when);
}

static void in_their_order(void **state)
{
	struct guessers gs = {0};
	struct guess far = {.pid = 1, .forwarded = true}, twice = {.pid = 2}, once = {.pid = 3},
		     once_more = {.pid = 3}, fresh = {.pid = 4},
		     wish = {.pid = 2, .no_guess = true};
	struct guess *const expected[] = {&wish, &fresh, &once, &once_more, &twice, &far};
	uint64_t when;

	(void)state;
	(void)guessers_wrong(&gs, &twice, 0);
	(void)guessers_wrong(&gs, &twice, 0);
	assert_int_equal(guessers_wrong(&gs, &once, 0), 3 * GUESSERS_STEP_MS);
	guessers_join(&gs, &far);
	guessers_join(&gs, &twice);
	guessers_join(&gs, &once);
	guessers_join(&gs, &once_more);
	guessers_join(&gs, &fresh);
	guessers_join(&gs, &wish);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (i == 2) {
			assert_null(guessers_next(&gs, 299, &when));
			assert_int_equal(when, 300);
		}
		assert_ptr_equal(next_at(&gs, i < 2 ? 0 : 300), expected[i]);
	}
	assert_null(guessers_next(&gs, 300, &when));
	assert_true(when == UINT64_MAX);
}

static void who_leaves_is_not_looked_at(void **state)
{
	struct guessers gs = {0};
	struct guess g[4] = {{.pid = 1}, {.pid = 2}, {.pid = 3}, {.pid = 4}};

	(void)state;
	for (int i = 0; i < 4; i++)
		guessers_join(&gs, &g[i]);
	guessers_leave(&gs, &g[1]);
	guessers_leave(&gs, &g[0]);
	guessers_leave(&gs, &g[3]);
	assert_ptr_equal(next_at(&gs, 0), &g[2]);
	assert_null(gs.first);
	assert_null(gs.last);
}

static void delays_end_and_are_forgiven(void **state)
{
	struct guessers gs = {0};
	struct guess g = {.pid = 5};
	uint64_t late = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		late = guessers_wrong(&gs, &g, 7);
	assert_int_equal(late, GUESSERS_MOST_MS);
	guessers_join(&gs, &g);
	assert_null(next_at(&gs, 7 + GUESSERS_MOST_MS - 1));
	guessers_forgive(&gs);
	assert_ptr_equal(next_at(&gs, 8), &g);
	assert_int_equal(guessers_wrong(&gs, &g, 9), GUESSERS_STEP_MS);
}

/* Those that are remembered are the last ones. */
static void so_many_are_known(void **state)
{
	struct guessers gs = {0};
	struct guess g = {0};

	(void)state;
	for (g.pid = 1; g.pid <= GUESSERS_KNOWN + 1; g.pid++)
		(void)guessers_wrong(&gs, &g, 0);
	g.pid = 2;
	guessers_join(&gs, &g);
	assert_null(next_at(&gs, 0));
	guessers_leave(&gs, &g);
	g.pid = 1;
	guessers_join(&gs, &g);
	assert_ptr_equal(next_at(&gs, 0), &g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(many_connections_guess_no_faster_than_one),
	    cmocka_unit_test(new_processes_are_no_way_around),
	    cmocka_unit_test(the_owner_waits_for_nobody),
	    cmocka_unit_test(in_their_order),
	    cmocka_unit_test(who_leaves_is_not_looked_at),
	    cmocka_unit_test(delays_end_and_are_forgiven),
	    cmocka_unit_test(so_many_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
