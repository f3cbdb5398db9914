/* signet-files, as the core sees it: its life, and what it says. */
#include "tests/support/files_scene.h"

static void waited(struct files_waiter *w)
{
	struct scene *s = (struct scene *)(void *)((char *)w - offsetof(struct scene, waiter));

	s->waited++;
}

static void lists_wait_for_the_first_look(void **state)
{
	struct scene *s = *state;

	s->waiter.ready = waited;
	assert_true(files_wait(s->files, &s->waiter));
	offer(s);
	assert_false(files_wait(s->files, &s->waiter));
	settle(&s->helpers);
	assert_int_equal(s->waited, 0);
	say_key(s, "/k/a", 1);
	assert_int_equal(s->waited, 1);
	assert_true(files_wait(s->files, &s->waiter));
}

static void lists_wait_no_longer_than_they_should(void **state)
{
	struct scene *s = *state;

	s->waiter.ready = waited;
	offer(s);
	assert_false(files_wait(s->files, &s->waiter));
	pass(&s->helpers, LIMIT_FILES_MS - 1);
	assert_int_equal(s->waited, 0);
	pass(&s->helpers, 1);
	assert_int_equal(s->waited, 1);
	assert_true(files_wait(s->files, &s->waiter));
}

static void a_helper_that_ends_lets_lists_go(void **state)
{
	struct scene *s = *state;

	s->waiter.ready = waited;
	offer(s);
	assert_false(files_wait(s->files, &s->waiter));
	helper_close(helper_now(s));
	settle(&s->helpers);
	assert_int_equal(s->waited, 1);
	assert_int_equal(files_count(s->files).why, ERR_HELPER);
}

static void a_helper_that_is_missing_is_tried_again(void **state)
{
	struct scene *s = *state;

	s->helpers.unable = true;
	offer(s);
	assert_int_equal(files_count(s->files).why, ERR_HELPER_MISSING);
	assert_true(files_wait(s->files, &s->waiter));
	for (unsigned i = 0; i < 20; i++)
		pass(&s->helpers, 1000);
	assert_in_range(s->helpers.count, 5, 9); /* pauses that grow */
	s->helpers.unable = false;
	pass(&s->helpers, 60000);
	say_key(s, "/k/a", 1);
	assert_true(is_offered(s, 1, "/k/a"));
	assert_int_equal(files_count(s->files).why, ERR_OK);
}

static void a_helper_that_died_is_started_again(void **state)
{
	struct scene *s = *state;

	offer(s);
	say_key(s, "/k/a", 1);
	say_key(s, "/k/b", 2);
	helper_close(helper_now(s));
	settle(&s->helpers);
	assert_true(is_offered(s, 1, "/k/a"));
	assert_null(helper_now(s));
	pass(&s->helpers, 200);
	assert_non_null(helper_now(s));
	assert_true(is_offered(s, 1, "/k/a"));
	/* Until it has told what is there now. */
	say_key(s, "/k/b", 2);
	assert_null(held(s, 1));
	assert_true(is_offered(s, 2, "/k/b"));
}

/* Each ends the helper, and nothing else. */
static void what_makes_no_sense_ends_the_helper(void **state)
{
#define MESSAGE(s)                                                                                 \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
	    MESSAGE("\2"),
	    MESSAGE("\3\x6b"),
	    MESSAGE("\2\x60"),
	    MESSAGE("\2\x6b\0"),
	    MESSAGE("\2\x72\0"),
	    MESSAGE("\2\x6a\0\0\0\1/"),
	    MESSAGE("\2\x6a\0\0\0\3k/a"),
	    MESSAGE("\2\x6a\0\0\0\7/k/../a"),
	    MESSAGE("\2\x6a\0\0\0\4/k//"),
	    MESSAGE("\2\x69\0\0\0\4/k/a\0"),
	    MESSAGE("\2\x69\0\0\0\4/k/a\xff"),
	    MESSAGE("\2\x68\0\0\0\4/k/a\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	    MESSAGE("\2\x68\0\0\0\4/k/a\2\0\0\0\0\0\0\0\0\0\0\0\0"),
	};
	struct scene *s = *state;

	offer(s);
	say_key(s, "/k/keeps", 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct builder b = {0};
		struct helper *h = helper_now(s);

		builder_string(&b, BYTES(bad[i].bytes, bad[i].len));
		say(s, &b);
		assert_true(h->hung_up);
		helper_close(h);
		settle(&s->helpers);
		assert_int_not_equal(files_count(s->files).why, ERR_OK);
		assert_true(is_offered(s, 1, "/k/keeps"));
		pass(&s->helpers, 60000);
		assert_non_null(helper_now(s));
		assert_ptr_not_equal(helper_now(s), h);
	}
}

static void a_helper_that_tells_without_end_is_ended(void **state)
{
	struct scene *s = *state;
	struct helper *h;

	offer(s);
	h = helper_now(s);
	for (unsigned i = 0; i < 1000 && !h->hung_up; i++)
		say_done(s);
	assert_true(h->hung_up);
}

static void more_files_than_a_helper_may_tell_end_it(void **state)
{
	struct scene *s = *state;
	struct helper *h;

	offer(s);
	h = helper_now(s);
	for (unsigned i = 0; i <= FILES_KEYS_MOST + FILES_TROUBLES_MOST && !h->hung_up; i++) {
		struct builder b = {0};
		char path[32];

		(void)snprintf(path, sizeof(path), "/k/%u", i);
		files_trouble_build(&b, bytes_str(path), ERR_FILE_OPEN);
		assert_int_equal(send(h->fd, b.data, b.len, MSG_NOSIGNAL), b.len);
		builder_clear(&b);
		if (i % 64 == 0)
			settle(&s->helpers);
	}
	settle(&s->helpers);
	assert_true(h->hung_up);
	assert_int_equal(files_count(s->files).troubles, FILES_KEYS_MOST + FILES_TROUBLES_MOST);
}

/* The last message that the helper was sent. */
static struct bytes last_heard(const struct scene *s)
{
	const struct helper *h = helper_now(s);
	struct bytes rest = BYTES(h->heard, h->len), message = BYTES_NONE;

	while (frame_next(rest, LIMIT_FILES_MESSAGE, &message) == FRAME_READY)
		rest = BYTES(message.data + message.len,
		    rest.len - (size_t)(message.data + message.len - rest.data));
	return message;
}

static void hidden_halves_are_learnt(void **state)
{
	struct scene *s = *state;
	struct builder b = {0};
	struct bytes path, public;

	offer(s);
	say_key(s, "/k/known", 1);
	files_trouble_build(&b, bytes_str("/k/pem"), ERR_FILE_HIDDEN);
	files_done_build(&b);
	say(s, &b);
	files_added(s->files, bytes_str("/k/known"), blob_of(1));
	files_added(s->files, bytes_str("comment"), blob_of(3));
	files_added(s->files, BYTES_NONE, blob_of(3));
	settle(&s->helpers);
	assert_int_equal(files_learn_parse(last_heard(s), &path, &public), ERR_MESSAGE);
	files_added(s->files, bytes_str("/k/pem"), blob_of(2));
	settle(&s->helpers);
	assert_int_equal(files_learn_parse(last_heard(s), &path, &public), ERR_OK);
	assert_true(bytes_is(path, "/k/pem"));
	assert_true(bytes_equal(public, blob_of(2)));
	/* What was learnt before may be wrong: an addition goes before it. */
	files_added(s->files, bytes_str("/k/known"), blob_of(3));
	settle(&s->helpers);
	assert_int_equal(files_learn_parse(last_heard(s), &path, &public), ERR_OK);
	assert_true(bytes_is(path, "/k/known") && bytes_equal(public, blob_of(3)));
	files_learn(s->files, bytes_str("/k/pem"), blob_of(4));
	settle(&s->helpers);
	assert_int_equal(files_learn_parse(last_heard(s), &path, &public), ERR_OK);
	assert_true(bytes_is(path, "/k/pem") && bytes_equal(public, blob_of(4)));
	files_doubt(s->files, bytes_str("/k/known"));
	settle(&s->helpers);
	assert_int_equal(files_learn_parse(last_heard(s), &path, &public), ERR_OK);
	assert_true(bytes_is(path, "/k/known"));
	assert_int_equal(public.len, 0);
}

static void offering_ends_and_directories_change(void **state)
{
	struct scene *s = *state;

	offer(s);
	say_key(s, "/k/a", 1);
	free(s->folders[1]);
	s->folders[1] = strdup("/b");
	offer(s);
	pass(&s->helpers, LIMIT_CANCEL_MS);
	assert_int_equal(s->helpers.count, 2);
	assert_true(is_offered(s, 1, "/k/a"));
	say_key(s, "/b/a", 2);
	assert_null(held(s, 1));
	files_reload(s->files, &s->config, false);
	settle(&s->helpers);
	assert_int_equal(store_count(s->store), 0);
	assert_null(helper_now(s));
	pass(&s->helpers, 100000);
	assert_int_equal(s->helpers.count, 2);
}

static void without_directories_nothing_runs(void **state)
{
	struct scene *s = *state;

	offer(s);
	say_key(s, "/k/a", 1);
	say_key(s, "/a/b", 2);
	/* One is taken out: its keys go at once. */
	s->config.key_directories.n = 1;
	offer(s);
	assert_true(is_offered(s, 1, "/k/a"));
	assert_null(held(s, 2));
	say_key(s, "/k/a", 1);
	s->config.key_directories.n = 0;
	offer(s);
	assert_int_equal(store_count(s->store), 0);
	assert_null(helper_now(s));
	assert_false(files_pending(s->files));
	pass(&s->helpers, 100000);
	assert_int_equal(s->helpers.count, 2);
	s->config.key_directories.n = 2;
	offer(s);
	assert_non_null(helper_now(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lists_wait_for_the_first_look),
	    TEST(without_directories_nothing_runs),
	    TEST(lists_wait_no_longer_than_they_should),
	    TEST(a_helper_that_ends_lets_lists_go),
	    TEST(a_helper_that_is_missing_is_tried_again),
	    TEST(a_helper_that_died_is_started_again),
	    TEST(what_makes_no_sense_ends_the_helper),
	    TEST(a_helper_that_tells_without_end_is_ended),
	    TEST(more_files_than_a_helper_may_tell_end_it),
	    TEST(hidden_halves_are_learnt),
	    TEST(offering_ends_and_directories_change),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
