/* A middleware library for security keys that is none: what signet-fido makes of what it gives. */
#include "tests/support/base_test.h"

#include <dlfcn.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/limits.h"
#include "tokens/fido/middleware.h"
#include "tokens/fido/skapi.h"

/* The library. */
static struct {
	const char *missing; /* a function that it has not; "" is the library itself */
	uint32_t version;
	int code;
	struct skapi_signature *signature;
	struct skapi_resident **keys;
	size_t count;
} library;

static uint32_t version(void)
{
	return library.version;
}

static int sign(uint32_t algorithm, const uint8_t *data, size_t len, const char *application,
    const uint8_t *handle, size_t handle_len, uint8_t flags, const char *pin,
    struct skapi_option **options, struct skapi_signature **out)
{
	(void)algorithm, (void)data, (void)len, (void)application, (void)handle, (void)handle_len;
	(void)flags, (void)pin, (void)options;
	*out = library.signature;
	return library.code;
}

static int resident(
    const char *pin, struct skapi_option **options, struct skapi_resident ***out, size_t *n)
{
	(void)pin, (void)options;
	*out = library.keys;
	*n = library.count;
	return library.code;
}

void *dlopen(const char *name, int flags)
{
	(void)flags;
	assert_string_equal(name, "/library.so");
	return library.missing != NULL && library.missing[0] == '\0' ? NULL : &library;
}

char *dlerror(void)
{
	return NULL;
}

void *dlsym(void *handle, const char *name)
{
	static const struct {
		const char *name;
		void *function;
	} all[] = {
	    {"sk_api_version", (void *)version},
	    {"sk_sign", (void *)sign},
	    {"sk_load_resident_keys", (void *)resident},
	};

	assert_ptr_equal(handle, &library);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].name, name) == 0 &&
		    (library.missing == NULL || strcmp(library.missing, name) != 0))
			return all[i].function;
	}
	return NULL;
}

static int honest(void **state)
{
	(void)state;
	memset(&library, 0, sizeof(library));
	library.version = SKAPI_MAJOR;
	return 0;
}

static struct op op;

static enum err ask(void (*build)(struct builder *b), enum err (*run)(struct op *op))
{
	struct builder request = {0};
	enum err e;

	builder_clear(&op.answer);
	op = (struct op){.tries = FIDO_TRIES_UNKNOWN};
	build(&request);
	assert_int_equal(
	    frame_next(builder_view(&request), LIMIT_FIDO_REQUEST, &op.message), FRAME_READY);
	e = run(&op);
	builder_clear(&request);
	return e;
}

static void build_sign(struct builder *b)
{
	const struct fido_sign m = {
	    .provider = bytes_str("/library.so"),
	    .key = {.algorithm = FIDO_ECDSA,
		.application = bytes_str("ssh:"),
		.handle = bytes_str("handle"),
		.flags = FIDO_TOUCH},
	    .data = bytes_str("to be signed"),
	};

	fido_sign_build(b, &m);
}

static void build_resident(struct builder *b)
{
	fido_resident_build(b, &(struct fido_resident){.provider = bytes_str("/library.so")});
}

static enum err signature(struct skapi_signature sig)
{
	library.signature = &sig;
	return ask(build_sign, op_sign);
}

static void test_signatures(void **state)
{
	static uint8_t r[65] = {0, 1}, zeros[65];

	(void)state;
	r[40] = 1;
	assert_int_equal(signature((struct skapi_signature){
			     .flags = 1, .r = r, .r_len = 32, .s = r, .s_len = 32}),
	    ERR_OK);
	/* Zeros in front. */
	assert_int_equal(signature((struct skapi_signature){
			     .flags = 1, .r = r, .r_len = 33, .s = r, .s_len = 33}),
	    ERR_OK);
	/* Lengths of what is not there. */
	assert_int_equal(
	    signature((struct skapi_signature){.r_len = 32, .s = r, .s_len = 32}), ERR_PROVIDER);
	assert_int_equal(
	    signature((struct skapi_signature){.r = r, .r_len = 32, .s_len = 32}), ERR_PROVIDER);
	/* Too long, or nothing. */
	r[0] = 1;
	assert_int_equal(
	    signature((struct skapi_signature){.r = r, .r_len = 65, .s = r, .s_len = 32}),
	    ERR_PROVIDER);
	assert_int_equal(
	    signature((struct skapi_signature){.r = r, .r_len = 32, .s = r, .s_len = 33}),
	    ERR_PROVIDER);
	assert_int_equal(
	    signature((struct skapi_signature){.r = zeros, .r_len = 0, .s = zeros, .s_len = 0}),
	    ERR_PROVIDER);
	assert_non_null(strstr(op.detail, "sk_sign gave makes no sense"));
	assert_int_equal(op.answer.len, 0);
	library.signature = NULL;
	assert_int_equal(ask(build_sign, op_sign), ERR_PROVIDER);
}

static void test_keys(void **state)
{
	static uint8_t byte = 7;
	struct skapi_resident empty = {0}, strange = {.algorithm = 99, .user_id_len = 0};
	struct skapi_resident *keys[] = {&empty, NULL, &strange};

	(void)state;
	assert_int_equal(ask(build_resident, op_resident), ERR_OK);
	library.count = FIDO_KEYS_MOST + 1;
	assert_int_equal(ask(build_resident, op_resident), ERR_PROVIDER);
	library.count = 1;
	assert_int_equal(ask(build_resident, op_resident), ERR_PROVIDER);
	strange.key.public_key = strange.key.key_handle = &byte;
	strange.key.public_key_len = strange.key.key_handle_len = 1;
	for (size_t i = 0; i < 3; i++) {
		library.keys = keys + i;
		assert_int_equal(ask(build_resident, op_resident), ERR_PROVIDER);
		assert_int_equal(op.answer.len, 0);
	}
}

static void test_what_a_library_lacks(void **state)
{
	static const char *const missing[] = {
	    "", "sk_api_version", "sk_sign", "sk_load_resident_keys"};

	(void)state;
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		library.missing = missing[i];
		assert_int_equal(ask(build_sign, op_sign), ERR_PROVIDER);
		assert_int_equal(ask(build_resident, op_resident), ERR_PROVIDER);
	}
	library.missing = NULL;
	library.version = SKAPI_MAJOR + 0x10000;
	assert_int_equal(ask(build_resident, op_resident), ERR_PROVIDER);
}

static void test_codes(void **state)
{
	static const struct {
		int code;
		enum err e;
	} table[] = {
	    {SKAPI_UNSUPPORTED, ERR_UNSUPPORTED},
	    {SKAPI_PIN_REQUIRED, ERR_PIN_NEEDED},
	    {SKAPI_DEVICE_NOT_FOUND, ERR_NO_DEVICE},
	    {-1, ERR_DEVICE},
	    {12345, ERR_DEVICE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		library.code = table[i].code;
		assert_int_equal(ask(build_sign, op_sign), table[i].e);
		assert_int_equal(ask(build_resident, op_resident), table[i].e);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, honest)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_signatures),
	    TEST(test_keys),
	    TEST(test_what_a_library_lacks),
	    TEST(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
