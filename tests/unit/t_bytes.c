#include "tests/support/base_test.h"

#include <string.h>

#include "proto/base/bytes.h"

static void views_compare_by_content(void **state)
{
	(void)state;
	assert_true(bytes_equal(BYTES_NONE, bytes_str("")));
	assert_true(bytes_equal(BYTES("ab", 2), bytes_str("ab")));
	assert_false(bytes_equal(BYTES("ab", 2), bytes_str("ac")));
	assert_false(bytes_equal(BYTES("ab", 2), bytes_str("abc")));
	assert_true(bytes_is(BYTES("ssh-rsa", 7), "ssh-rsa"));
	assert_false(bytes_is(BYTES("ssh-rsa", 6), "ssh-rsa"));
	assert_false(bytes_is(BYTES("ssh-rsa\0", 8), "ssh-rsa"));
}

static void copy_owns_its_bytes(void **state)
{
	char source[] = "a\0b";
	struct blob b = {0};

	(void)state;
	assert_int_equal(blob_copy(&b, BYTES(source, 3)), ERR_OK);
	source[0] = 'x';
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b\0", 4);
	assert_true(bytes_equal(blob_view(&b), BYTES("a\0b", 3)));
	blob_clear(&b);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	blob_clear(&b);
}

static void copy_replaces_also_by_a_part_of_itself(void **state)
{
	struct blob b = {0};

	(void)state;
	assert_int_equal(blob_copy(&b, bytes_str("comment of a key")), ERR_OK);
	assert_int_equal(blob_copy(&b, BYTES(b.data + 11, 5)), ERR_OK);
	assert_string_equal((char *)b.data, "a key");
	assert_int_equal(blob_copy(&b, BYTES_NONE), ERR_OK);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.data[0], 0);
	blob_clear(&b);
}

static void move_leaves_the_source_empty(void **state)
{
	struct blob a = {0};
	struct blob b;

	(void)state;
	assert_int_equal(blob_copy(&a, bytes_str("moved")), ERR_OK);
	b = blob_move(&a);
	assert_null(a.data);
	assert_int_equal(a.len, 0);
	assert_true(bytes_is(blob_view(&b), "moved"));
	blob_clear(&b);
}

/* Vectors of the FNV reference (draft-eastlake-fnv, 64 bits, FNV-1a). */
static void hash(void **state)
{
	(void)state;
	assert_int_equal(bytes_hash(BYTES_HASH_START, BYTES_NONE), UINT64_C(0xcbf29ce484222325));
	assert_int_equal(
	    bytes_hash(BYTES_HASH_START, bytes_str("a")), UINT64_C(0xaf63dc4c8601ec8c));
	assert_int_equal(
	    bytes_hash(bytes_hash(BYTES_HASH_START, bytes_str("foo")), bytes_str("bar")),
	    UINT64_C(0x85944171f73967e8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hash),
	    cmocka_unit_test(views_compare_by_content),
	    cmocka_unit_test(copy_owns_its_bytes),
	    cmocka_unit_test(copy_replaces_also_by_a_part_of_itself),
	    cmocka_unit_test(move_leaves_the_source_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
