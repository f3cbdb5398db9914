/* Which PKCS#11 module does a name mean, and may it be loaded: with this test as signet-pkcs11. */
#include "tests/support/helpers_scene.h"

#include "agent/module_name.h"
#include "proto/tokenmsg.h"

struct scene {
	struct helpers_scene h;
	struct module_name *name;
	unsigned calls;
	enum err result;
	char path[128];
};

static void done(void *ctx, enum err result, struct bytes path)
{
	struct scene *s = ctx;

	s->calls++;
	s->name = NULL;
	s->result = result;
	assert_true(path.len < sizeof(s->path));
	memset(s->path, 0, sizeof(s->path));
	if (path.len != 0)
		memcpy(s->path, path.data, path.len);
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	scene_open(&s->h);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	bool good;

	module_name_cancel(s->name);
	good = scene_close(&s->h);
	free(s);
	return good ? 0 : -1;
}

static void ask(struct scene *s, const char *name, const char *allowed)
{
	s->calls = 0;
	s->name = module_name_resolve(&s->h.calls, bytes_str(name), allowed, done, s);
	assert_non_null(s->name);
	assert_int_equal(s->calls, 0);
	settle(&s->h);
}

/* The helper, which was asked about this name. */
static struct helper *asked(const struct scene *s, const char *name)
{
	struct helper *h = s->h.helper[s->h.count - 1];
	struct bytes message, text;

	assert_int_equal(h->program, HELPER_PKCS11);
	assert_int_equal(
	    frame_next(BYTES(h->heard, h->len), LIMIT_HELPER_MESSAGE, &message), FRAME_READY);
	assert_int_equal(token_resolve_parse(message, &text), ERR_OK);
	assert_true(bytes_is(text, name));
	return h;
}

static void say(struct scene *s, struct helper *h, struct builder *b)
{
	helper_say(h, b->data, b->len);
	builder_clear(b);
	settle(&s->h);
	assert_int_equal(s->calls, 0); /* it is there still */
	helper_close(h);
	settle(&s->h);
}

static void expect(struct scene *s, enum err result, const char *path)
{
	assert_int_equal(s->calls, 1);
	assert_string_equal(err_text(s->result), err_text(result));
	assert_string_equal(s->path, path);
	s->calls = 0;
}

static void check(struct scene *s, const char *allowed, const char *path, enum err result)
{
	struct builder b = {0};

	ask(s, "pkcs11:token=x", allowed);
	token_resolved_build(&b, bytes_str(path));
	say(s, asked(s, "pkcs11:token=x"), &b);
	expect(s, result, result == ERR_OK ? path : "");
}

static void test_it_is_the_place_that_counts(void **state)
{
	struct scene *s = *state;

	check(s, NULL, "/usr/lib/softhsm/libsofthsm2.so", ERR_OK);
	check(s, NULL, "/usr/local/lib/x.so", ERR_OK);
	check(s, NULL, "/home/me/x.so", ERR_PROVIDER_DENIED);
	check(s, NULL, "/usr/lib", ERR_PROVIDER_DENIED);
	check(s, "/opt/*", "/opt/x.so", ERR_OK);
	check(s, "/opt/*,!/opt/bad/*", "/opt/bad/x.so", ERR_PROVIDER_DENIED);
	check(s, "", "/usr/lib/x.so", ERR_PROVIDER_DENIED);
	check(s, "*", "usr/lib/x.so", ERR_REPLY);
}

static void test_it_fails(void **state)
{
	static const enum err codes[] = {ERR_MODULE, ERR_MODULE_NAME, ERR_URI, ERR_URI_MODULE};
	struct scene *s = *state;
	struct builder b = {0};

	for (unsigned i = 0; i < 4; i++) {
		struct token_failure f = {.why = codes[i],
		    .tries = TOKEN_TRIES_UNKNOWN,
		    .detail = bytes_str("why \xc3\xa4")};

		ask(s, "x", NULL);
		token_failed_build(&b, &f);
		say(s, asked(s, "x"), &b);
		expect(s, codes[i], "");
		/* One that is another request's makes no sense. */
		ask(s, "x", NULL);
		f.number = 1;
		token_failed_build(&b, &f);
		say(s, asked(s, "x"), &b);
		expect(s, ERR_REPLY, "");
	}
	ask(s, "x", NULL);
	token_signed_build(&b, &(struct token_signed){.number = 1, .r = bytes_str("r")});
	say(s, asked(s, "x"), &b);
	expect(s, ERR_REPLY, "");
	ask(s, "x", NULL);
	token_resolved_build(&b, bytes_str("/usr/lib/x.so"));
	builder_u8(&b, 0); /* more than one */
	say(s, asked(s, "x"), &b);
	expect(s, ERR_REPLY, "");
	ask(s, "x", NULL);
	helper_close(asked(s, "x")); /* it crashed */
	settle(&s->h);
	expect(s, ERR_HELPER, "");
	ask(s, "x", NULL);
	pass(&s->h, LIMIT_DEVICE_MS); /* it hangs, */
	pass(&s->h, LIMIT_CANCEL_MS); /* and is killed */
	expect(s, ERR_HELPER, "");
	s->h.unable = true;
	ask(s, "x", NULL);
	expect(s, ERR_HELPER_MISSING, "");
}

static void test_cancelled(void **state)
{
	struct scene *s = *state;
	struct helper *h;

	module_name_cancel(NULL);
	ask(s, "x", NULL);
	h = asked(s, "x");
	module_name_cancel(s->name);
	s->name = NULL;
	settle(&s->h);
	assert_true(h->hung_up);
	helper_close(h);
	settle(&s->h);
	assert_int_equal(s->calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_it_is_the_place_that_counts),
	    TEST(test_it_fails),
	    TEST(test_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
