/* Pattern lists: ssh_config(5), PATTERNS, and what this machine's ssh makes of the same lists. */
#include "tests/support/base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pattern.h"

static const struct list {
	const char *text, *list;
	bool matches;
} lists[] = {
    {"abc", "abc", true}, {"abc", "abd", false}, {"abc", "ab", false}, {"ab", "abc", false},
    {"abc", "*", true}, {"abc", "***", true}, {"abc", "a*", true}, {"abc", "*c", true},
    {"abc", "a*c", true}, {"abc", "abc*", true}, {"abc", "*abc", true}, {"abc", "*b", false},
    {"abc", "a?c", true}, {"abc", "???", true}, {"abc", "????", false}, {"abc", "??", false},
    {"abc", "*???", true}, {"abc", "*????", false}, {"abc", "?*?*?", true}, {"aaab", "*ab", true},
    {"abababc", "*abc", true}, {"abababc", "*ab?c", false},
    {"a.b.example.com", "*.example.com", true}, {"example.com", "*.example.com", false},
    {"abc", "x,abc", true}, {"abc", "abc,x", true}, {"abc", "x,y", false}, {"abc", "!abc", false},
    {"abc", "*,!abc", false}, {"abc", "!abc,*", false},
    {"abc", "!x", false}, /* alone it yields nothing positive */
    {"abc", "!x,!y", false}, {"abc", "!x,*", true}, {"abc", "abc,!a*", false},
    {"host.dialup.example.com", "!*.dialup.example.com,*.example.com", false},
    {"host.example.com", "!*.dialup.example.com,*.example.com", true}, {"abc", ",abc", true},
    {"abc", "abc,", true}, {"abc", "x,,abc", true}, {"abc", ",", false}, {"abc", ",,", false},
    {"abc", "!", false}, {"abc", "!,abc", true},
    {"abc", "!!abc,abc", true}, /* the second is one of the pattern's characters */
};

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (pattern_list_match(bytes_str(lists[i].text), bytes_str(lists[i].list)) !=
		    lists[i].matches)
			fail_msg("%s against %s", lists[i].text, lists[i].list);
	}
}

/* "Match host LIST" of ssh, which takes the same lists. */
static bool ssh_matches(const char *folder, const char *text, const char *list)
{
	char path[128], command[256], line[64];
	FILE *f;
	bool found;

	(void)snprintf(path, sizeof(path), "%s/config", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f, "Match host %s\n\tUser it-matched\n", list);
	assert_int_equal(fclose(f), 0);
	(void)snprintf(command, sizeof(command),
	    "ssh -G -F '%s' '%s' 2>&1 | grep -E '^user |rror|bad'", path, text);
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_memory_equal(line, "user ", 5);
	found = strcmp(line, "user it-matched\n") == 0;
	(void)pclose(f);
	return found;
}

static void test_ssh_agrees(void **state)
{
	char folder[64];

	(void)state;
	base_folder_make(folder);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (ssh_matches(folder, lists[i].text, lists[i].list) != lists[i].matches)
			fail_msg("%s against %s", lists[i].text, lists[i].list);
	}
	base_folder_remove(folder);
}

/* What no configuration file can hold. */
static void test_empty_and_binary(void **state)
{
	(void)state;
	assert_false(pattern_list_match(bytes_str("abc"), BYTES_NONE));
	assert_false(pattern_list_match(BYTES_NONE, BYTES_NONE));
	assert_true(pattern_list_match(BYTES_NONE, bytes_str("*")));
	assert_false(pattern_list_match(BYTES_NONE, bytes_str("?")));
	assert_false(pattern_list_match(BYTES_NONE, bytes_str(",")));
	assert_false(pattern_list_match(bytes_str("ABC"), bytes_str("abc")));
	/* A NUL is a character, no end. */
	assert_false(pattern_list_match(BYTES("a\0b", 3), bytes_str("a")));
	assert_true(pattern_list_match(BYTES("a\0b", 3), bytes_str("a?b")));
	/* One pattern is no list. */
	assert_true(pattern_match(bytes_str("a,b"), bytes_str("a,b")));
	assert_true(pattern_match(bytes_str("!a"), bytes_str("!a")));
	assert_true(pattern_match(BYTES_NONE, BYTES_NONE));
	assert_false(pattern_match(bytes_str("a"), BYTES_NONE));
}

/* Every star matters, and yet it ends: a matcher that tries each of them anew would not. */
static void test_many_stars(void **state)
{
	static char text[2048], pattern[2048];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(pattern) - 1; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[sizeof(pattern) - 1] = 'b';
	assert_false(pattern_match(BYTES(text, sizeof(text)), BYTES(pattern, sizeof(pattern))));
	text[sizeof(text) - 1] = 'b';
	assert_true(pattern_match(BYTES(text, sizeof(text)), BYTES(pattern, sizeof(pattern))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_ssh_agrees),
	    cmocka_unit_test(test_empty_and_binary),
	    cmocka_unit_test(test_many_stars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
