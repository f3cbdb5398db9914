/* Which keys of a module are meant. */
#include "tests/support/modules_scene.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, modules_setup, modules_teardown)

struct picker {
	struct modules_scene *scene;
	struct selection *selection;
	unsigned calls;
	enum err result;
	uint8_t tries;
	uint32_t count;
	char first[64]; /* "token key" */
	bool frees;     /* all modules, when it is done */
};

static void done(
    void *ctx, enum err result, const struct token_failure *f, uint32_t count, struct reader refs)
{
	struct picker *p = ctx;
	struct token_ref ref;

	p->calls++;
	p->selection = NULL;
	p->result = result;
	p->count = count;
	assert_int_equal(f == NULL, result == ERR_OK);
	if (f != NULL) {
		assert_int_equal(f->why, result);
		p->tries = f->tries;
		assert_int_equal(count, 0);
	} else if (count != 0) {
		assert_int_equal(token_ref_next(&refs, &ref), ERR_OK);
		(void)snprintf(p->first, sizeof(p->first), "%.*s %.*s", (int)ref.token.len,
		    ref.token.data, (int)ref.key.len, ref.key.data);
	}
	if (p->frees) {
		modules_unlisten(p->scene->ms, &p->scene->listener);
		modules_free(p->scene->ms);
		p->scene->ms = NULL;
	}
}

/* The selection alone holds the module. */
static void pick_with(
    struct modules_scene *s, struct picker *p, const char *path, const char *pin, uint32_t flags)
{
	struct module *m = hold_module(s, path);

	p->scene = s;
	p->selection =
	    module_select(m, bytes_str("pkcs11:token=x"), bytes_str(pin), flags, done, p);
	assert_non_null(p->selection);
	module_unref(m);
	assert_int_equal(p->calls, 0);
	settle(&s->h);
}

static void pick(struct modules_scene *s, struct picker *p)
{
	pick_with(s, p, ONE, "", 0);
}

static void expect_done(struct picker *p, enum err result)
{
	assert_int_equal(p->calls, 1);
	assert_int_equal(p->result, result);
}

static void test_selected(void **state)
{
	struct modules_scene *s = *state;
	struct picker p = {0};
	struct token_select heard;

	pick_with(s, &p, ONE, "1234", TOKEN_LAST_TRY);
	hear_openings(s);
	expect_nothing(s, ONE); /* not before it is open */
	TELL(s, ONE, {FAKE("token", "key")});
	heard = expect_select(s, ONE);
	assert_true(bytes_is(heard.uri, "pkcs11:token=x"));
	assert_true(bytes_is(heard.pin, "1234"));
	assert_int_equal(heard.flags, TOKEN_LAST_TRY);
	assert_int_equal(p.calls, 0);
	say_selected(s, ONE, heard.number, "token", "key");
	expect_done(&p, ERR_OK);
	assert_int_equal(p.count, 1);
	assert_string_equal(p.first, "token key");
	/* Nobody holds it any more. */
	assert_null(running(s, ONE));
}

static void test_several_at_once(void **state)
{
	struct modules_scene *s = *state;
	struct picker a = {0}, b = {0}, c = {0};
	uint32_t first, second;

	pick(s, &a);
	hear_openings(s);
	TELL(s, ONE, {FAKE("token", "key")});
	pick(s, &b);
	pick_with(s, &c, TWO, "", 0);
	first = expect_select(s, ONE).number;
	second = expect_select(s, ONE).number;
	assert_int_not_equal(first, second);
	say_selected(s, ONE, second, NULL, NULL);
	expect_done(&b, ERR_OK);
	assert_int_equal(b.count, 0);
	say_failed(s, ONE, first, ERR_PIN);
	expect_done(&a, ERR_PIN);
	assert_null(running(s, ONE));
	assert_int_equal(c.calls, 0);
	selection_cancel(c.selection);
	selection_cancel(NULL);
	assert_null(running(s, TWO));
	assert_int_equal(c.calls, 0);
}

/* One selection with an inventory in its answer; true: the helper still runs after it. */
static bool select_and_tell(struct modules_scene *s, const char *pin)
{
	struct picker p = {0};
	uint32_t number;

	pick_with(s, &p, ONE, pin, 0);
	number = expect_select(s, ONE).number;
	TELL(s, ONE, {FAKE("token", "key")});
	if (p.calls != 0)
		return false;
	say_selected(s, ONE, number, "token", "key");
	expect_done(&p, ERR_OK);
	return true;
}

/* A PIN may show new keys each time: with a new inventory for each of many such it is no flood. */
static void test_inventories_that_were_asked_for(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);

	hear_openings(s);
	TELL_NONE(s, ONE);
	for (unsigned i = 0; i < 300; i++)
		assert_true(select_and_tell(s, "1234"));
	module_unref(m);
}

/* What is selected again because of a new inventory must not bring one again and again. */
static void test_inventories_without_end(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);
	unsigned i = 0;

	hear_openings(s);
	TELL_NONE(s, ONE);
	while (i < 300 && select_and_tell(s, ""))
		i++;
	assert_in_range(i, 100, 200);
	module_unref(m);
}

static void test_what_is_not_known(void **state)
{
	struct modules_scene *s = *state;
	struct picker a = {0}, b = {0}, c = {0};
	uint32_t first, second;

	pick(s, &a);
	pick(s, &b);
	hear_openings(s);
	TELL(s, ONE, {FAKE("token", "key")});
	first = expect_select(s, ONE).number;
	second = expect_select(s, ONE).number;
	say_selected(s, ONE, first, "other", "key");
	expect_done(&a, ERR_TOKEN_GONE);
	say_selected(s, ONE, second, "token", "other");
	expect_done(&b, ERR_TOKEN_GONE);
	pick(s, &c);
	settle(&s->h);
	selection_cancel(c.selection);
}

static void test_cancelled(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);
	struct picker a = {0}, b = {0}, c = {0}, d = {0};
	uint32_t number, failing;

	pick(s, &a);
	selection_cancel(a.selection); /* while it waits for the helper */
	hear_openings(s);
	TELL_NONE(s, ONE);
	expect_nothing(s, ONE);
	pick(s, &b);
	pick(s, &c);
	selection_cancel(b.selection);
	selection_cancel(c.selection);
	number = expect_select(s, ONE).number;
	failing = expect_select(s, ONE).number;
	say_selected(s, ONE, number, "what", "ever");
	say_failed(s, ONE, failing, ERR_PIN);
	assert_non_null(running(s, ONE));
	pick(s, &d);
	selection_cancel(d.selection);
	crash(s, ONE);
	assert_int_equal(a.calls + b.calls + c.calls + d.calls, 0);
	module_unref(m);
}

/* When nobody holds the module any more: its helper goes with the question. */
static void test_cancelled_with_the_module(void **state)
{
	struct modules_scene *s = *state;
	struct picker p = {0};

	pick(s, &p);
	hear_openings(s);
	TELL_NONE(s, ONE);
	selection_cancel(p.selection);
	assert_null(running(s, ONE));
	pass(&s->h, LIMIT_TOKEN_MS);
	assert_int_equal(p.calls, 0);
}

static void test_module_that_cannot_be_loaded(void **state)
{
	struct modules_scene *s = *state;
	struct picker p = {0}, b = {0};
	struct module *m = hold_module(s, ONE);

	pick(s, &p);
	hear_openings(s);
	say_failed(s, ONE, 0, ERR_MODULE);
	expect_done(&p, ERR_MODULE);
	/* It was mended: nobody waits for the pause to pass. */
	let_end(s);
	assert_null(running(s, ONE));
	pick(s, &b);
	assert_non_null(running(s, ONE));
	TELL_NONE(s, ONE);
	say_selected(s, ONE, expect_select(s, ONE).number, NULL, NULL);
	expect_done(&b, ERR_OK);
	module_unref(m);
}

/* While one that failed is still ending. */
static void test_asked_of_one_that_is_ending(void **state)
{
	struct modules_scene *s = *state;
	struct picker p = {0};
	struct module *m = hold_module(s, ONE);

	hear_openings(s);
	say_failed(s, ONE, 0, ERR_MODULE);
	pick(s, &p);
	assert_int_equal(starts_of(s, ONE), 1);
	let_end(s);
	assert_int_equal(starts_of(s, ONE), 2);
	TELL_NONE(s, ONE);
	say_selected(s, ONE, expect_select(s, ONE).number, NULL, NULL);
	expect_done(&p, ERR_OK);
	module_unref(m);
}

static void test_helpers_that_end(void **state)
{
	struct modules_scene *s = *state;
	struct picker a = {0}, b = {0}, c = {0}, d = {0}, e = {0};

	pick(s, &a);
	hear_openings(s);
	crash(s, ONE);
	expect_done(&a, ERR_HELPER);
	pick(s, &b);
	hear_openings(s);
	TELL_NONE(s, ONE);
	crash(s, ONE);
	expect_done(&b, ERR_HELPER);
	pick(s, &c);
	hear_openings(s);
	say_raw(s, ONE, "\0\0\0\2\2\377", 6);
	expect_done(&c, ERR_HELPER);
	let_end(s);
	pick(s, &d);
	hear_openings(s);
	pass(&s->h, LIMIT_TOKEN_MS);
	expect_done(&d, ERR_TOKEN_TIMEOUT);
	let_end(s);
	s->h.unable = true;
	pick(s, &e);
	expect_done(&e, ERR_HELPER_MISSING);
}

static void test_no_answer_in_time(void **state)
{
	struct modules_scene *s = *state;
	struct picker a = {0}, b = {0};

	pick_with(s, &a, ONE, "", TOKEN_USE_PAD);
	hear_openings(s);
	TELL_NONE(s, ONE);
	pick(s, &b);
	pass(&s->h, LIMIT_TOKEN_MS - 1);
	assert_int_equal(a.calls + b.calls, 0);
	pass(&s->h, 1);
	expect_done(&a, ERR_HELPER);
	expect_done(&b, ERR_TOKEN_TIMEOUT);
	let_end(s);
	memset(&a, 0, sizeof(a));
	/* Somebody is at the keypad. */
	pick_with(s, &a, ONE, "", TOKEN_USE_PAD);
	hear_openings(s);
	TELL_NONE(s, ONE);
	pass(&s->h, LIMIT_TOUCH_MS - 1);
	assert_int_equal(a.calls, 0);
	pass(&s->h, 1);
	expect_done(&a, ERR_TOKEN_TIMEOUT);
}

static void test_wrong_kind_of_answer(void **state)
{
	struct modules_scene *s = *state;
	struct picker p = {0};

	pick(s, &p);
	hear_openings(s);
	TELL_NONE(s, ONE);
	say_signed(s, ONE, expect_select(s, ONE).number, "r");
	expect_done(&p, ERR_HELPER);
}

static void test_question_that_is_too_long(void **state)
{
	struct modules_scene *s = *state;
	struct module *m = hold_module(s, ONE);
	struct picker a = {.scene = s}, b = {.scene = s};
	char *text = calloc(1, TOKEN_PATH_MOST + 1);

	assert_non_null(
	    module_select(m, BYTES(text, TOKEN_PATH_MOST + 1), BYTES_NONE, 0, done, &a));
	assert_non_null(module_select(m, BYTES_NONE, BYTES(text, TOKEN_PIN_MOST + 1), 0, done, &b));
	free(text);
	assert_int_equal(a.calls + b.calls, 0);
	settle(&s->h);
	expect_done(&a, ERR_TOO_LONG);
	expect_done(&b, ERR_TOO_LONG);
	hear_openings(s);
	expect_nothing(s, ONE);
	module_unref(m);
}

/* A helper would take it for nonsense, and end. */
static void test_what_no_helper_takes(void **state)
{
	struct modules_scene *s = *state;
	struct picker p = {.scene = s};
	struct module *m = hold_module(s, ONE);

	hear_openings(s);
	TELL(s, ONE, {FAKE("token", "key")});
	p.selection = module_select(m, BYTES_NONE,
	    BYTES("12\0"
		  "4",
		4),
	    0, done, &p);
	assert_non_null(p.selection);
	settle(&s->h);
	expect_done(&p, ERR_TEXT);
	p = (struct picker){.scene = s};
	p.selection = module_select(m, BYTES("pkcs11:\0", 8), BYTES_NONE, 0, done, &p);
	settle(&s->h);
	expect_done(&p, ERR_TEXT);
	expect_nothing(s, ONE);
	module_unref(m);
}

/* The agent is locked before the helper is open: what was typed before is not sent after. */
static void test_pins_that_wait_are_forgotten(void **state)
{
	struct modules_scene *s = *state;
	struct picker with = {0}, without = {0};
	struct module *m = hold_module(s, ONE);
	struct token_select heard;

	pick_with(s, &with, ONE, "1234", 0);
	pick(s, &without);
	hear_openings(s);
	modules_forget_pins(s->ms);
	assert_int_equal(with.calls, 0);
	settle(&s->h);
	expect_done(&with, ERR_CANCELLED);
	TELL(s, ONE, {FAKE("token", "key")});
	heard = expect_select(s, ONE);
	assert_int_equal(heard.pin.len, 0);
	say_selected(s, ONE, heard.number, NULL, NULL);
	expect_done(&without, ERR_OK);
	expect_nothing(s, ONE);
	module_unref(m);
}

static void test_freed_when_it_is_done(void **state)
{
	struct modules_scene *s = *state;
	struct picker a = {.frees = true}, b = {0};

	pick(s, &a);
	pick(s, &b);
	hear_openings(s);
	TELL_NONE(s, ONE);
	say_selected(s, ONE, expect_select(s, ONE).number, NULL, NULL);
	expect_done(&a, ERR_OK);
	assert_int_equal(b.calls, 0);
	assert_null(running(s, ONE));
}

static void test_freed_when_it_fails(void **state)
{
	struct modules_scene *s = *state;
	struct picker a = {.frees = true}, b = {0}, c = {0};

	pick(s, &a);
	pick(s, &b);
	pick_with(s, &c, TWO, "", 0);
	hear_openings(s);
	crash(s, ONE);
	expect_done(&a, ERR_HELPER);
	assert_int_equal(b.calls + c.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_selected),
	    TEST(test_several_at_once),
	    TEST(test_inventories_that_were_asked_for),
	    TEST(test_inventories_without_end),
	    TEST(test_what_is_not_known),
	    TEST(test_cancelled),
	    TEST(test_cancelled_with_the_module),
	    TEST(test_module_that_cannot_be_loaded),
	    TEST(test_asked_of_one_that_is_ending),
	    TEST(test_helpers_that_end),
	    TEST(test_no_answer_in_time),
	    TEST(test_wrong_kind_of_answer),
	    TEST(test_question_that_is_too_long),
	    TEST(test_what_no_helper_takes),
	    TEST(test_pins_that_wait_are_forgotten),
	    TEST(test_freed_when_it_is_done),
	    TEST(test_freed_when_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
