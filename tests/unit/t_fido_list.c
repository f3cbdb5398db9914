/* What is listed of HID devices, whose names and paths are their own; libfido2's list is made up
 * here. */
#include "tests/support/base_test.h"

#include <fido.h>

#include "proto/frame.h"
#include "proto/limits.h"
#include "tokens/fido/cards.h"
#include "tokens/fido/list.h"

struct fido_dev_info {
	const char *path, *manufacturer, *product;
};

static struct scene {
	const struct fido_dev_info *all;
	size_t n;
	int code;
} s;

void fido_init(int flags)
{
	(void)flags;
}

fido_dev_info_t *fido_dev_info_new(size_t n)
{
	assert_int_equal(n, FIDO_PATHS_MOST);
	return calloc(n, sizeof(struct fido_dev_info));
}

void fido_dev_info_free(fido_dev_info_t **list, size_t n)
{
	(void)n;
	free(*list);
	*list = NULL;
}

int fido_dev_info_manifest(fido_dev_info_t *list, size_t most, size_t *n)
{
	*n = s.n < most ? s.n : most;
	memcpy(list, s.all, *n * sizeof(*list));
	return s.code;
}

const fido_dev_info_t *fido_dev_info_ptr(const fido_dev_info_t *list, size_t i)
{
	return list + i;
}

const char *fido_dev_info_path(const fido_dev_info_t *d)
{
	return d->path;
}

const char *fido_dev_info_manufacturer_string(const fido_dev_info_t *d)
{
	return d->manufacturer;
}

const char *fido_dev_info_product_string(const fido_dev_info_t *d)
{
	return d->product;
}

/* No reader is there. */
void cards_list(struct found_list *list)
{
	(void)list;
}

static enum err list(const struct fido_dev_info *all, size_t n, int code,
    struct fido_device out[FIDO_PATHS_MOST], size_t *count)
{
	struct op op = {.tries = FIDO_TRIES_UNKNOWN};
	struct builder request = {0};
	struct bytes message;
	enum err e;

	s = (struct scene){all, n, code};
	fido_plain_build(&request, FIDO_LIST);
	assert_int_equal(
	    frame_next(builder_view(&request), LIMIT_FIDO_REQUEST, &op.message), FRAME_READY);
	e = op_list(&op);
	if (e == ERR_OK) {
		static struct builder kept;

		builder_clear(&kept);
		kept = op.answer;
		assert_int_equal(
		    frame_next(builder_view(&kept), LIMIT_FIDO_ANSWER, &message), FRAME_READY);
		assert_int_equal(fido_devices_parse(message, out, count), ERR_OK);
	}
	builder_clear(&request);
	return e;
}

static void test_what_devices_are_called(void **state)
{
	static char too_long[FIDO_PATH_MOST + 2];
	static char name[4 * FIDO_NAME_MOST];
	struct fido_device found[FIDO_PATHS_MOST];
	size_t n = 0;
	const struct fido_dev_info all[] = {
	    {"/dev/null", "Maker\n", "Key\x1b[1m"},
	    {NULL, "no path", "at all"},
	    {"", "an empty", "one"},
	    {too_long, "a path", "too long"},
	    {"/nonexistent", NULL, NULL},
	    {"/dev/zero", name, name},
	};

	(void)state;
	memset(too_long, 'p', sizeof(too_long) - 1);
	memset(name, '\x01', sizeof(name) - 1);
	assert_int_equal(list(all, sizeof(all) / sizeof(all[0]), FIDO_OK, found, &n), ERR_OK);
	assert_int_equal(n, 3);
	assert_true(bytes_is(found[0].path, "/dev/null"));
	assert_true(bytes_is(found[0].name, "Maker\\x0a Key\\x1b[1m"));
	assert_int_equal(found[0].transport, FIDO_HID);
	assert_true(bytes_is(found[1].path, "/nonexistent"));
	assert_true(bytes_is(found[1].name, " "));
	assert_true(bytes_is(found[2].path, "/dev/zero"));
	assert_in_range(found[2].name.len, 1, FIDO_NAME_MOST);
}

static void test_more_than_can_be(void **state)
{
	static struct fido_dev_info all[FIDO_PATHS_MOST + 1];
	struct fido_device found[FIDO_PATHS_MOST];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i <= FIDO_PATHS_MOST; i++)
		all[i] = (struct fido_dev_info){"/dev/null", "A", "B"};
	assert_int_equal(list(all, FIDO_PATHS_MOST + 1, FIDO_OK, found, &n), ERR_OK);
	assert_int_equal(n, FIDO_PATHS_MOST);
}

static void test_lists_that_fail(void **state)
{
	struct fido_device found[FIDO_PATHS_MOST];
	size_t n = 77;

	(void)state;
	assert_int_equal(list(NULL, 0, FIDO_ERR_INTERNAL, found, &n), ERR_OK);
	assert_int_equal(n, 0);
	assert_int_equal(list(NULL, 0, FIDO_ERR_INVALID_ARGUMENT, found, &n), ERR_DEVICE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_devices_are_called),
	    cmocka_unit_test(test_more_than_can_be),
	    cmocka_unit_test(test_lists_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
