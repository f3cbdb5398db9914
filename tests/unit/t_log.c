#include "tests/support/base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"

/* What the sink was given. */
static char seen[4096];
static enum log_level seen_level;
static unsigned seen_count;

static void sink(enum log_level level, const char *line)
{
	snprintf(seen, sizeof(seen), "%s", line);
	seen_level = level;
	seen_count++;
	errno = ERANGE;
}

static int fresh(void **state)
{
	(void)state;
	seen[0] = '\0';
	seen_count = 0;
	log_to(sink);
	log_start("test", LOG_LEVEL_INFO);
	return 0;
}

static void lines_reach_the_sink(void **state)
{
	(void)state;
	log_error("%s: %d of %d", "file", 1, 2);
	assert_string_equal(seen, "file: 1 of 2");
	assert_int_equal(seen_level, LOG_LEVEL_ERROR);
	log_warn("w");
	assert_int_equal(seen_level, LOG_LEVEL_WARN);
	log_info("i");
	assert_int_equal(seen_level, LOG_LEVEL_INFO);
	assert_int_equal(seen_count, 3);
}

static void lines_above_the_level_are_dropped(void **state)
{
	(void)state;
	log_debug("d");
	assert_int_equal(seen_count, 0);
	log_start("test", LOG_LEVEL_DEBUG);
	log_debug("d");
	assert_int_equal(seen_level, LOG_LEVEL_DEBUG);
	log_start("test", LOG_LEVEL_ERROR);
	log_warn("w");
	assert_int_equal(seen_count, 1);
}

static uint64_t fake_now;

static uint64_t now(void)
{
	return fake_now;
}

/* A thousand lines in one second: a hundred come through, and then how many did not. */
static void a_flood_is_cut(void **state)
{
	(void)state;
	fake_now = 5000000;
	clock_replace(now, NULL);
	for (int i = 0; i < 1000; i++)
		log_info("line %d", i);
	assert_int_equal(seen_count, 100);
	assert_string_equal(seen, "line 99");
	fake_now += 1000;
	log_info("after");
	assert_int_equal(seen_count, 102);
	assert_string_equal(seen, "after");
	clock_replace(NULL, NULL);
}

static void errno_is_told_and_kept(void **state)
{
	(void)state;
	errno = ENOENT;
	log_error("open: %m");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(seen, "open: No such file or directory");
}

static void a_line_stays_a_line(void **state)
{
	(void)state;
	log_error("a%sb%sc", "\n", "\x1b[2J\x7f");
	assert_string_equal(seen, "a?b?[2J?c");
}

static void a_long_line_says_that_it_is_cut(void **state)
{
	char text[4000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	assert_true(strlen(seen) > 1000 && strlen(seen) < sizeof(text) - 1);
	assert_string_equal(seen + strlen(seen) - 4, "x...");
}

static void without_a_sink_it_is_standard_error(void **state)
{
	char text[64] = {0};
	int ends[2];
	int saved = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	log_to(NULL);
	log_warn("%d keys", 3);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "test: 3 keys\n");
	close(ends[0]);
	close(ends[1]);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(lines_reach_the_sink, fresh),
	    cmocka_unit_test_setup(lines_above_the_level_are_dropped, fresh),
	    cmocka_unit_test_setup(a_flood_is_cut, fresh),
	    cmocka_unit_test_setup(errno_is_told_and_kept, fresh),
	    cmocka_unit_test_setup(a_line_stays_a_line, fresh),
	    cmocka_unit_test_setup(a_long_line_says_that_it_is_cut, fresh),
	    cmocka_unit_test_setup(without_a_sink_it_is_standard_error, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
