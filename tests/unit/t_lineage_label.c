/* How one process is told in a line of a log. */
#include "tests/support/base_test.h"

#include <string.h>

#include "agent/lineage.h"

static void test_label(void **state)
{
	char label[LINEAGE_LABEL];
	struct process p = {.name = "ssh", .exe = "/usr/bin/ssh", .settled = true};

	(void)state;
	assert_string_equal(lineage_label(&p, label), "ssh");
	p.settled = false;
	assert_string_equal(lineage_label(&p, label), "ssh (/usr/bin/ssh)");
	strcpy(p.name, "a) ; b");
	assert_string_equal(lineage_label(&p, label), "\"a) \\x3b b\" (/usr/bin/ssh)");
	p.exe[0] = '\0';
	assert_string_equal(lineage_label(&p, label), "(unknown) \"a) \\x3b b\"");
	memset(p.exe, 'e', LINEAGE_EXE - 1);
	memset(p.name, '"', LINEAGE_NAME - 1);
	assert_true(strlen(lineage_label(&p, label)) < LINEAGE_LABEL - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
