/* Keys that files offer and a person removed by hand: they stay away until a reload. */
#include "tests/support/files_scene.h"

static void what_was_withdrawn_stays_away_until_a_reload(void **state)
{
	struct scene *s = *state;

	offer(s);
	say_key(s, "/k/a", 1);
	say_key(s, "/k/b", 2);
	files_withdraw(s->files, held(s, 1));
	remove_now(s, 1);
	say_key(s, "/k/c", 3);
	assert_null(held(s, 1));
	assert_int_equal(files_count(s->files).withdrawn, 1);
	files_withdraw_all(s->files);
	store_remove_all(s->store);
	settle(&s->helpers);
	assert_int_equal(store_count(s->store), 0);
	/* The same told once more changes nothing; another key in the file does. */
	say_key(s, "/k/b", 2);
	assert_null(held(s, 2));
	say_key(s, "/k/b", 4);
	assert_true(is_offered(s, 4, "/k/b"));
	offer(s);
	assert_true(is_offered(s, 1, "/k/a"));
	assert_true(is_offered(s, 3, "/k/c"));
	assert_int_equal(s->helpers.count, 1);
}

/* Its file cannot be read for a while: it stays away, and another key in it does not. */
static void what_was_withdrawn_stays_away_through_trouble(void **state)
{
	struct scene *s = *state;
	struct builder b = {0};

	offer(s);
	for (unsigned round = 0; round < 3; round++) {
		say_key(s, "/k/a", 1);
		files_withdraw(s->files, held(s, 1));
		remove_now(s, 1);
		for (unsigned i = 0; i < 2; i++) {
			files_trouble_build(&b, bytes_str("/k/a"), ERR_FILE_OPEN);
			files_done_build(&b);
			say(s, &b);
		}
		if (round == 1)
			offer(s);
		say_key(s, "/k/a", round == 0 ? 2 : 1);
		assert_int_equal(store_count(s->store), round != 2);
		if (round == 0)
			assert_true(is_offered(s, 2, "/k/a"));
	}
}

static void what_was_added_by_hand_and_removed_stays_away(void **state)
{
	struct scene *s = *state;

	add_by_hand(s, 1);
	offer(s);
	say_key(s, "/k/a", 1);
	files_withdraw(s->files, held(s, 1));
	remove_now(s, 1);
	assert_null(held(s, 1));
	offer(s);
	assert_true(is_offered(s, 1, "/k/a"));
}

/* It is the key that was withdrawn: a file that is renamed, or copied, does not bring it back. */
static void what_was_withdrawn_stays_away_under_another_name(void **state)
{
	struct scene *s = *state;
	struct builder b = {0};

	offer(s);
	say_key(s, "/k/b", 1);
	files_withdraw(s->files, held(s, 1));
	remove_now(s, 1);
	say_key(s, "/k/a", 1);
	assert_null(held(s, 1));
	files_gone_build(&b, bytes_str("/k/a"));
	files_gone_build(&b, bytes_str("/k/b"));
	files_done_build(&b);
	say(s, &b);
	say_key(s, "/k/c", 1);
	assert_null(held(s, 1));
	say_key(s, "/k/d", 2);
	assert_true(is_offered(s, 2, "/k/d"));
	say_key(s, "/k/d", 1);
	assert_null(held(s, 1));
	assert_null(held(s, 2));
	offer(s);
	assert_non_null(held(s, 1));
	/* Nothing is withdrawn any more. */
	say_key(s, "/k/e", 2);
	assert_true(is_offered(s, 2, "/k/e"));
}

/* Moved away and back, and through a helper that is started again. */
static void what_was_withdrawn_stays_away_when_its_file_goes(void **state)
{
	struct scene *s = *state;
	struct builder b = {0};

	offer(s);
	say_key(s, "/k/a", 1);
	files_withdraw(s->files, held(s, 1));
	remove_now(s, 1);
	files_gone_build(&b, bytes_str("/k/a"));
	files_done_build(&b);
	say(s, &b);
	assert_int_equal(files_count(s->files).troubles, 0);
	say_key(s, "/k/a", 1);
	assert_null(held(s, 1));
	helper_close(helper_now(s));
	settle(&s->helpers);
	pass(&s->helpers, 60000);
	say_done(s);
	say_key(s, "/k/a", 1);
	assert_null(held(s, 1));
	say_key(s, "/k/a", 2);
	assert_true(is_offered(s, 2, "/k/a"));
	offer(s);
	say_key(s, "/k/a", 1);
	assert_true(is_offered(s, 1, "/k/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_was_withdrawn_stays_away_until_a_reload),
	    TEST(what_was_withdrawn_stays_away_through_trouble),
	    TEST(what_was_added_by_hand_and_removed_stays_away),
	    TEST(what_was_withdrawn_stays_away_under_another_name),
	    TEST(what_was_withdrawn_stays_away_when_its_file_goes),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
