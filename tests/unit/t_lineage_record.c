/* Who a process is, as the supervisor tells the core. */
#include "tests/support/base_test.h"

#include <string.h>

#include "agent/lineage.h"
#include "proto/builder.h"

static struct lineage sample(void)
{
	struct lineage l = {.count = 3, .remote = true, .tty = "pts/4", .args_len = 9};

	memcpy(l.args, "ssh\0host", 9);
	l.process[0] = (struct process){.pid = 30,
	    .started = 900,
	    .uid = 1000,
	    .name = "ssh",
	    .exe = "/usr/bin/ssh",
	    .settled = true,
	    .helper = true};
	l.process[1] = (struct process){.pid = 20, .started = 800, .name = "git", .helper = true};
	l.process[2] = (struct process){.pid = 10, .started = 700, .name = "bash"};
	return l;
}

static void test_record_comes_back(void **state)
{
	struct lineage l = sample(), got = {0};
	struct builder b = {0};

	(void)state;
	lineage_build(&b, &l);
	assert_int_equal(builder_error(&b), ERR_OK);
	assert_int_equal(lineage_parse(builder_view(&b), &got), ERR_OK);
	assert_memory_equal(&got, &l, sizeof(l));
	for (size_t n = 0; n < b.len; n++)
		assert_int_not_equal(lineage_parse(BYTES(b.data, n), &got), ERR_OK);
	builder_u8(&b, 0);
	assert_int_equal(lineage_parse(builder_view(&b), &got), ERR_SURPLUS);
	builder_clear(&b);
}

static void test_longest_record_fits(void **state)
{
	struct lineage l = {.count = LINEAGE_MOST, .args_len = LINEAGE_ARGS}, got;
	struct builder b = {0};

	(void)state;
	for (size_t i = 0; i < LINEAGE_MOST; i++) {
		l.process[i].pid = 1;
		memset(l.process[i].name, 'n', LINEAGE_NAME - 1);
		memset(l.process[i].exe, 'e', LINEAGE_EXE - 1);
	}
	lineage_build(&b, &l);
	assert_in_range(b.len, 1, LINEAGE_RECORD);
	assert_int_equal(lineage_parse(builder_view(&b), &got), ERR_OK);
	builder_clear(&b);
}

static void test_texts_are_escaped_on_arrival(void **state)
{
	struct lineage l = sample(), got;
	struct builder b = {0};

	(void)state;
	strcpy(l.process[0].name, "s\nh");
	lineage_build(&b, &l);
	assert_int_equal(lineage_parse(builder_view(&b), &got), ERR_OK);
	assert_string_equal(got.process[0].name, "s\\x0ah");
	builder_clear(&b);
}

/* A record's fields, for bending single ones. */
struct fields {
	uint8_t version;
	struct bytes args;
	uint32_t count, pid;
};

static enum err parse_fields(const struct fields *f)
{
	struct builder b = {0};
	struct lineage got = {.count = 77};
	enum err e;

	builder_u8(&b, f->version);
	builder_bool(&b, false);
	builder_cstring(&b, "tty1");
	builder_string(&b, f->args);
	builder_u32(&b, f->count);
	builder_u32(&b, f->pid);
	builder_u64(&b, 1);
	builder_u32(&b, 0);
	builder_bool(&b, true);
	builder_bool(&b, false);
	builder_cstring(&b, "sh");
	builder_cstring(&b, "/bin/sh");
	assert_int_equal(builder_error(&b), ERR_OK);
	e = lineage_parse(builder_view(&b), &got);
	assert_int_equal(got.count, e == ERR_OK ? 1 : 77);
	builder_clear(&b);
	return e;
}

static void test_bent_records(void **state)
{
	static const char args[LINEAGE_ARGS + 1] = "";
	const struct fields good = {2, BYTES("sh\0-c", 6), 1, 20};
	struct fields f = good;

	(void)state;
	assert_int_equal(parse_fields(&f), ERR_OK);
	f.version = 1;
	assert_int_equal(parse_fields(&f), ERR_VERSION);
	f = good;
	f.args = BYTES(args, LINEAGE_ARGS);
	assert_int_equal(parse_fields(&f), ERR_OK);
	f.args = BYTES(args, LINEAGE_ARGS + 1);
	assert_int_equal(parse_fields(&f), ERR_TOO_LONG);
	f.args = bytes_str("without its end");
	assert_int_equal(parse_fields(&f), ERR_FORMAT);
	f = good;
	f.count = LINEAGE_MOST + 1;
	assert_int_equal(parse_fields(&f), ERR_LIMIT);
	f = good;
	f.pid = 0;
	assert_int_equal(parse_fields(&f), ERR_NUMBER);
	f.pid = UINT32_C(1) << 31;
	assert_int_equal(parse_fields(&f), ERR_NUMBER);
}

static void test_application(void **state)
{
	struct lineage l = sample();

	(void)state;
	assert_int_equal(lineage_application(&l)->pid, 10);
	l.process[1].helper = false;
	assert_int_equal(lineage_application(&l)->pid, 20);
	/* All that a user's services have in common is the manager: not good for all of them. */
	l.process[1].helper = true;
	strcpy(l.process[2].name, "systemd");
	assert_int_equal(lineage_application(&l)->pid, 20);
	l.count = 1;
	assert_int_equal(lineage_application(&l)->pid, 30);
}

static void test_a_path_is_not_cut_within_a_character(void **state)
{
	char out[11];

	(void)state;
	lineage_tail("abcd\xc3\xa9"
		     "456789",
	    out, 10);
	assert_string_equal(out, "...456789");
	lineage_tail("0123456789", out, 10);
	assert_string_equal(out, "0123456789");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_record_comes_back),
	    cmocka_unit_test(test_longest_record_fits),
	    cmocka_unit_test(test_texts_are_escaped_on_arrival),
	    cmocka_unit_test(test_bent_records),
	    cmocka_unit_test(test_application),
	    cmocka_unit_test(test_a_path_is_not_cut_within_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
