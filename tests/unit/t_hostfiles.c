/* The known_hosts files that a person names, or the default ones. */
#include "tests/support/base_test.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keystore/hostfiles.h"
#include "proto/base/mem.h"

/* What was asked for, and what was told. */
struct scene {
	char read[8][256];
	size_t reads;
	enum err result;
	int why;
	char told[512];
};

static struct scene scene;

static enum err give(const char *path, struct blob *content, const char **why)
{
	assert_true(scene.reads < 8);
	snprintf(scene.read[scene.reads++], sizeof(scene.read[0]), "%s", path);
	(void)why;
	errno = scene.why;
	return scene.result == ERR_OK ? blob_copy(content, bytes_str("\n")) : scene.result;
}

static void hear(void *ctx, const char *line)
{
	struct scene *s = ctx;

	snprintf(s->told, sizeof(s->told), "%s", line);
}

static const struct hostfiles_from from = {give, hear, &scene};

static enum err read_files(const char *const *paths, size_t n, enum err result, int why)
{
	struct hostfiles files = {0};
	enum err e;

	scene = (struct scene){.result = result, .why = why};
	e = hostfiles_read(&files, &from, paths, n);
	if (e == ERR_OK && result == ERR_OK)
		assert_int_equal(hostfiles_count(&files), files.n);
	hostfiles_clear(&files);
	return e;
}

static void the_default_ones(void **state)
{
	const struct passwd *self = getpwuid(getuid());
	char path[256];

	(void)state;
	if (self == NULL)
		base_skip("not on Debian 12: no entry in the password file");
	assert_int_equal(read_files(NULL, 0, ERR_OK, 0), ERR_OK);
	assert_int_equal(scene.reads, 4);
	snprintf(path, sizeof(path), "%s/.ssh/known_hosts", self->pw_dir);
	assert_string_equal(scene.read[0], path);
	assert_string_equal(scene.read[2], "/etc/ssh/ssh_known_hosts");
	assert_string_equal(scene.told, "");
	/* One that is not there is none; one that cannot be read is told. */
	assert_int_equal(read_files(NULL, 0, ERR_SYSTEM, ENOENT), ERR_OK);
	assert_string_equal(scene.told, "");
	assert_int_equal(read_files(NULL, 0, ERR_UNSUPPORTED, 0), ERR_OK);
	assert_non_null(strstr(scene.told, "it is not a regular file"));
}

static void named_ones(void **state)
{
	static const char *const root[] = {"~root/hosts", "/x"}, *const nobody[] = {"~?\n/hosts"};
	const struct passwd *entry = getpwnam("root");
	char path[256];

	(void)state;
	if (entry == NULL)
		base_skip("not on Debian 12: there is no root");
	/* The entry does not outlive the next search. */
	snprintf(path, sizeof(path), "%s/hosts", entry->pw_dir);
	assert_int_equal(read_files(root + 1, 1, ERR_SYSTEM, ENOENT), ERR_OK);
	assert_non_null(strstr(scene.told, "Known hosts file /x: "));
	assert_int_equal(read_files(nobody, 1, ERR_OK, 0), ERR_NOT_FOUND);
	assert_string_equal(scene.told, "~?\\x0a/hosts: there is no such user");
	assert_int_equal(scene.reads, 0);
	assert_int_equal(read_files(root, 2, ERR_OK, 0), ERR_OK);
	assert_string_equal(scene.read[0], path);
	assert_string_equal(scene.read[1], "/x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_default_ones),
	    cmocka_unit_test(named_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
