/* Names of PKCS#11 modules: paths, pkcs11: URIs, and files of p11-kit's configuration, which people
 * write. */
#include "tests/support/base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/tokenmsg.h"
#include "tokens/pkcs11/name.h"
#include "tokens/pkcs11/uri.h"

static char folder[64], library[128];

/* A file of the configuration; "%" stands for the library. */
static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/pkcs11/modules/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	for (; *text != '\0'; text++)
		fprintf(f, "%.*s", *text == '%' ? (int)sizeof(library) : 1,
		    *text == '%' ? library : text);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	char path[128];

	(void)state;
	base_folder_make(folder);
	snprintf(path, sizeof(path), "%s/pkcs11", folder);
	if (mkdir(path, 0755) != 0)
		return -1;
	strcat(path, "/modules");
	if (mkdir(path, 0755) != 0 || setenv("XDG_CONFIG_HOME", folder, 1) != 0)
		return -1;
	base_script(folder, "libsome.so", "", library);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	base_folder_remove(folder);
	return unsetenv("XDG_CONFIG_HOME");
}

/* The library, or why there is none. */
static enum err resolve(struct bytes name)
{
	struct blob path = {0};
	struct fault f = {0};
	enum err e = name_resolve(name, &path, &f);

	if (e == ERR_OK)
		assert_string_equal((const char *)path.data, library);
	else
		assert_int_equal(f.why, e);
	blob_clear(&path);
	return e;
}

static enum err named(const char *name)
{
	return resolve(bytes_str(name));
}

static void paths(void **state)
{
	static char longest[TOKEN_PATH_MOST + 1];
	char path[256];

	(void)state;
	assert_int_equal(named(library), ERR_OK);
	snprintf(path, sizeof(path), "%s/link", folder);
	assert_int_equal(symlink(library, path), 0);
	assert_int_equal(named(path), ERR_OK);
	assert_int_equal(named(folder), ERR_MODULE);
	assert_int_equal(named("/nowhere/x.so"), ERR_MODULE);
	assert_int_equal(named(""), ERR_MODULE_NAME);
	assert_int_equal(named("lib/x.so"), ERR_MODULE_NAME);
	assert_int_equal(named(".."), ERR_MODULE_NAME);
	assert_int_equal(resolve(BYTES("/a\0b", 4)), ERR_MODULE_NAME);
	memset(longest, '/', sizeof(longest));
	assert_int_equal(resolve(BYTES(longest, sizeof(longest))), ERR_MODULE_NAME);
}

static void uris(void **state)
{
	struct uri *none = (struct uri *)(void *)folder;
	struct fault f;
	char uri[256];

	(void)state;
	snprintf(uri, sizeof(uri), "pkcs11:?module-path=%s", library);
	assert_int_equal(named(uri), ERR_OK);
	put("mine.module", "module: %\n");
	assert_int_equal(named("pkcs11:token=x?module-name=mine"), ERR_OK);
	assert_int_equal(named("PKCS11:?module-name=mine"), ERR_OK);
	assert_int_equal(named("pkcs11:token=x"), ERR_URI_MODULE);
	assert_int_equal(named("pkcs11:?module-path=lib.so"), ERR_MODULE);
	assert_int_equal(named("pkcs11:?module-name=a%2fb"), ERR_MODULE_NAME);
	assert_int_equal(named("pkcs11:token"), ERR_URI);
	assert_int_equal(named("pkcs11:id=%4"), ERR_URI);
	/* An empty one means everything. */
	assert_int_equal(uri_parse(BYTES_NONE, &none, &f), ERR_OK);
	assert_null(none);
	assert_true(uri_means_token(none, NULL, NULL));
	assert_true(uri_means_key(none, NULL));
	uri_free(none);
	assert_int_equal(uri_parse(BYTES("pkcs11:\0", 8), &none, &f), ERR_URI);
}

static void files_of_the_configuration(void **state)
{
	static const struct {
		const char *text;
		enum err want;
	} rows[] = {
	    {"module: %\n", ERR_OK},
	    {"module: %", ERR_OK},
	    {" \tmodule \t:  % \t \r\n", ERR_OK},
	    {"# a comment\n\npriority: 1\nmodule: %\n", ERR_OK},
	    {"modules: %\n", ERR_MODULE_NAME},
	    {"module %\n", ERR_MODULE_NAME},
	    {"module\n", ERR_MODULE_NAME},
	    {"module:\n", ERR_MODULE_NAME},
	    {"module: \t\n", ERR_MODULE_NAME},
	    {"#module: %\n", ERR_MODULE_NAME},
	    {"", ERR_MODULE_NAME},
	    {"module: /nowhere/x.so\n", ERR_MODULE},
	    /* In the folder of p11-kit, where it is not. */
	    {"module: no-such-library-here.so\n", ERR_MODULE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# row %zu\n", i);
		put("one.module", rows[i].text);
		assert_int_equal(named("one"), rows[i].want);
	}
}

/* By the library's own name, with or without what all libraries are called. */
static void names_of_libraries(void **state)
{
	(void)state;
	put("one.module", "");
	put("other.module", "module: %\n");
	assert_int_equal(named("libsome.so"), ERR_OK);
	assert_int_equal(named("some.so"), ERR_OK);
	assert_int_equal(named("some"), ERR_OK);
	assert_int_equal(named("libsome"), ERR_OK);
	assert_int_equal(named("so"), ERR_MODULE_NAME);
	assert_int_equal(named("somewhat"), ERR_MODULE_NAME);
}

/* Without a folder of the person's own there are the machine's. */
static void nobodys_own(void **state)
{
	const char *home = getenv("HOME");
	char *before = home != NULL ? strdup(home) : NULL;

	(void)state;
	assert_int_equal(setenv("XDG_CONFIG_HOME", "relative", 1), 0);
	assert_int_equal(setenv("HOME", "relative", 1), 0);
	assert_int_equal(named("other"), ERR_MODULE_NAME);
	assert_int_equal(unsetenv("HOME"), 0);
	assert_int_equal(named("other"), ERR_MODULE_NAME);
	if (before != NULL)
		assert_int_equal(setenv("HOME", before, 1), 0);
	free(before);
	assert_int_equal(setenv("XDG_CONFIG_HOME", folder, 1), 0);
	assert_int_equal(named("other"), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(paths),
	    cmocka_unit_test(uris),
	    cmocka_unit_test(files_of_the_configuration),
	    cmocka_unit_test(names_of_libraries),
	    cmocka_unit_test(nobodys_own),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
