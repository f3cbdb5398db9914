/* May a library for security keys be used: with this test as signet-fido. */
#include "tests/support/helpers_scene.h"

#include "agent/provider.h"

struct scene {
	struct helpers_scene h;
	struct provider *provider;
	unsigned calls;
	enum err result;
	char path[128];
};

static void done(void *ctx, enum err result, struct bytes path)
{
	struct scene *s = ctx;

	s->calls++;
	s->provider = NULL;
	s->result = result;
	assert_true(path.len < sizeof(s->path));
	memset(s->path, 0, sizeof(s->path));
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

	provider_cancel(s->provider);
	good = scene_close(&s->h);
	free(s);
	return good ? 0 : -1;
}

static void check(struct scene *s, const char *path, const char *allowed)
{
	s->calls = 0;
	s->provider = provider_check(&s->h.calls, bytes_str(path), allowed, done, s);
	assert_non_null(s->provider);
	assert_int_equal(s->calls, 0);
	settle(&s->h);
}

static void expect(struct scene *s, enum err result)
{
	assert_int_equal(s->calls, 1);
	assert_string_equal(err_text(s->result), err_text(result));
	s->calls = 0;
}

/* The helper with this request, about this path. */
static struct helper *asked(const struct scene *s, enum fido_kind kind, const char *path)
{
	struct helper *h = helper_with(&s->h, kind, 0);
	struct bytes message, text;

	assert_non_null(h);
	assert_int_equal(h->program, HELPER_FIDO);
	assert_int_equal(
	    frame_next(BYTES(h->heard, h->len), LIMIT_FIDO_REQUEST, &message), FRAME_READY);
	assert_int_equal(fido_text_parse(message, kind, &text), ERR_OK);
	assert_true(bytes_is(text, path));
	return h;
}

static void say(struct scene *s, struct helper *h, struct builder *b)
{
	assert_non_null(h);
	helper_say(h, b->data, b->len);
	builder_clear(b);
	settle(&s->h);
	helper_close(h);
	settle(&s->h);
}

static void resolve(struct scene *s, const char *path, const char *real)
{
	struct builder b = {0};

	fido_text_build(&b, FIDO_RESOLVED, bytes_str(real));
	say(s, asked(s, FIDO_RESOLVE, path), &b);
}

static void load(struct scene *s, const char *real)
{
	struct builder b = {0};

	fido_loaded_build(&b, 10);
	say(s, asked(s, FIDO_LOAD, real), &b);
}

static void test_allowed(void **state)
{
	struct scene *s = *state;

	check(s, "/usr/lib/link.so", NULL);
	resolve(s, "/usr/lib/link.so", "/usr/lib/x86_64/real.so");
	assert_int_equal(s->calls, 0);
	load(s, "/usr/lib/x86_64/real.so");
	expect(s, ERR_OK);
	assert_string_equal(s->path, "/usr/lib/x86_64/real.so");
	assert_int_equal(s->h.count, 2);
}

/* It is where it lies that counts; what is not allowed is not loaded. */
static void test_denied(void **state)
{
	static const char *const rows[][2] = {{NULL, "/home/me/evil.so"}, {NULL, "/tmp/usr/lib/x"},
	    {NULL, "/usr/lib"}, {"", "/usr/lib/x.so"}, {"/opt/*,!/opt/bad/*", "/opt/bad/x.so"},
	    {"/opt/*", "/usr/lib/x.so"}};
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(s, "/usr/lib/link.so", rows[i][0]);
		resolve(s, "/usr/lib/link.so", rows[i][1]);
		expect(s, ERR_PROVIDER_DENIED);
		assert_null(helper_with(&s->h, FIDO_LOAD, 0));
	}
	check(s, "x", "/opt/*,!/opt/bad/*");
	resolve(s, "x", "/opt/good/x.so");
	load(s, "/opt/good/x.so");
	expect(s, ERR_OK);
	check(s, "x", NULL);
	resolve(s, "x", "/usr/local/lib64/x.so");
	load(s, "/usr/local/lib64/x.so");
	expect(s, ERR_OK);
}

/* In both steps. */
static void in_step(struct scene *s, unsigned step)
{
	check(s, "/usr/lib/x.so", NULL);
	if (step == 1)
		resolve(s, "/usr/lib/x.so", "/usr/lib/x.so");
}

static struct helper *running(const struct scene *s, unsigned step)
{
	return asked(s, step == 0 ? FIDO_RESOLVE : FIDO_LOAD, "/usr/lib/x.so");
}

static void test_it_fails(void **state)
{
	struct scene *s = *state;

	for (unsigned step = 0; step < 2; step++) {
		static const enum err codes[] = {ERR_PROVIDER, ERR_NO_DEVICE, ERR_SYSTEM};

		for (unsigned i = 0; i < 3; i++) {
			struct fido_failure f = {
			    codes[i], FIDO_TRIES_UNKNOWN, bytes_str("why\x1b")};
			struct builder b = {0};

			in_step(s, step);
			fido_failed_build(&b, &f);
			say(s, running(s, step), &b);
			expect(s, ERR_PROVIDER);
		}
		in_step(s, step);
		helper_close(running(s, step)); /* it crashed */
		settle(&s->h);
		expect(s, ERR_HELPER);
		in_step(s, step);
		pass(&s->h, LIMIT_DEVICE_MS); /* it hangs, */
		pass(&s->h, LIMIT_CANCEL_MS); /* and is killed */
		expect(s, ERR_HELPER);
		in_step(s, step);
		s->h.unable = true;
		if (step == 0) {
			helper_close(running(s, step));
			settle(&s->h);
			expect(s, ERR_HELPER);
			check(s, "/usr/lib/x.so", NULL);
			expect(s, ERR_HELPER_MISSING);
		}
		s->h.unable = false;
	}
	helper_close(running(s, 1));
	settle(&s->h);
}

static void test_it_makes_no_sense(void **state)
{
	struct scene *s = *state;

	for (unsigned step = 0; step < 2; step++) {
		struct builder b = {0};

		in_step(s, step);
		fido_text_build(&b, FIDO_CHOSEN, bytes_str("/usr/lib/x.so"));
		say(s, running(s, step), &b);
		expect(s, ERR_REPLY);
		/* The other step's answer. */
		in_step(s, step);
		if (step == 0)
			fido_loaded_build(&b, 10);
		else
			fido_text_build(&b, FIDO_RESOLVED, bytes_str("/usr/lib/x.so"));
		say(s, running(s, step), &b);
		expect(s, ERR_REPLY);
		/* More than one. */
		in_step(s, step);
		if (step == 1)
			fido_loaded_build(&b, 10);
		else
			fido_text_build(&b, FIDO_RESOLVED, bytes_str("/usr/lib/x.so"));
		builder_u8(&b, 0);
		say(s, running(s, step), &b);
		expect(s, ERR_REPLY);
		in_step(s, step);
		builder_put(&b, BYTES("\xff\xff\xff\xff", 4));
		say(s, running(s, step), &b);
		expect(s, ERR_REPLY);
		in_step(s, step);
		builder_put(&b, BYTES("\0\0\0\1\2", 5));
		say(s, running(s, step), &b);
		expect(s, ERR_REPLY);
	}
	/* Where that is, is anybody's guess. */
	in_step(s, 0);
	resolve(s, "/usr/lib/x.so", "usr/lib/x.so");
	expect(s, ERR_REPLY);
	assert_null(helper_with(&s->h, FIDO_LOAD, 0));
}

static void test_cancelled_at_each_step(void **state)
{
	struct scene *s = *state;
	struct builder b = {0};
	struct helper *h;

	provider_cancel(NULL);
	for (unsigned step = 0; step < 2; step++) {
		in_step(s, step);
		h = running(s, step);
		provider_cancel(s->provider);
		s->provider = NULL;
		settle(&s->h);
		assert_true(h->hung_up);
		helper_close(h);
		settle(&s->h);
		/* When it has answered, but is not gone yet. */
		in_step(s, step);
		h = running(s, step);
		if (step == 0)
			fido_text_build(&b, FIDO_RESOLVED, bytes_str("/usr/lib/x.so"));
		else
			fido_loaded_build(&b, 10);
		helper_say(h, b.data, b.len);
		builder_clear(&b);
		settle(&s->h);
		assert_int_equal(s->calls, 0);
		provider_cancel(s->provider);
		s->provider = NULL;
		helper_close(h);
		settle(&s->h);
		assert_int_equal(s->calls, 0);
	}
	/* Before anything was started. */
	s->h.slow = true;
	check(s, "/usr/lib/x.so", NULL);
	provider_cancel(s->provider);
	s->provider = NULL;
	settle(&s->h);
	for (size_t i = 0; i < s->h.count; i++) {
		if (!s->h.helper[i]->started)
			helper_begin(&s->h, s->h.helper[i]);
	}
	settle(&s->h);
	assert_int_equal(s->calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_allowed),
	    TEST(test_denied),
	    TEST(test_it_fails),
	    TEST(test_it_makes_no_sense),
	    TEST(test_cancelled_at_each_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
