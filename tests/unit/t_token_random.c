/* Uses, selections, keys, crashes and inventories in any order: nobody is told twice or too late,
 * and nothing is left over. */
#include "tests/support/modules_scene.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, modules_setup, modules_teardown)

enum { USERS = 12, PICKERS = 4, STEPS = 1500, STARTS_MOST = 500 };

static uint64_t seed;

static unsigned any(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

struct user {
	struct token_use use;
	bool in, asked;
};

static struct user users[USERS];
static struct selection *picks[PICKERS];
static unsigned granted_count, signed_count, failed_count, gone_count, picked_count;

static void granted(struct token_use *use)
{
	struct user *u = (struct user *)(void *)((char *)use - offsetof(struct user, use));

	assert_true(u->in && use->has && !u->asked);
	granted_count++;
}

static void answered(
    struct token_use *use, const struct token_signed *s, const struct token_failure *f)
{
	struct user *u = (struct user *)(void *)((char *)use - offsetof(struct user, use));

	assert_true(u->in);
	u->in = use->token != NULL;
	assert_true(u->asked || !u->in);
	u->asked = false;
	signed_count += s != NULL;
	failed_count += f != NULL && u->in;
	gone_count += !u->in;
	if (u->in && any(2) == 0) {
		token_use_end(use);
		u->in = false;
	}
}

static void picked(
    void *ctx, enum err result, const struct token_failure *f, uint32_t count, struct reader refs)
{
	struct selection **s = ctx;

	(void)refs;
	assert_non_null(*s);
	assert_int_equal(result == ERR_OK, f == NULL);
	assert_true(result == ERR_OK || count == 0);
	*s = NULL;
	picked_count++;
}

static void use_some(struct modules_scene *s, struct user *u, struct bytes place)
{
	struct token *t = modules_token(s->ms, place);
	struct token_sign m = {
	    .key = bytes_str("key"), .algorithm = bytes_str("x"), .data = bytes_str("data")};

	if (u->in && any(4) == 0) {
		token_use_end(&u->use);
		u->in = u->asked = false;
	} else if (u->in && u->use.has && !u->asked) {
		assert_int_equal(token_use_sign(&u->use, &m, any(2) == 0), ERR_OK);
		u->asked = true;
	} else if (!u->in && t != NULL) {
		u->use = (struct token_use){.granted = granted, .answered = answered};
		u->in = true;
		token_use_begin(t, &u->use);
		token_pin_keep(t, bytes_str("1234"), any(20));
	}
}

static void pick_some(struct modules_scene *s, unsigned i, const char *path)
{
	struct module *m;

	if (picks[i] != NULL) {
		selection_cancel(picks[i]);
		picks[i] = NULL;
	} else {
		m = hold_module(s, path);
		picks[i] = module_select(m, BYTES_NONE, bytes_str("1234"), 0, picked, &picks[i]);
		module_unref(m);
	}
}

/* What it was asked is answered, or not. */
static void answer_some(struct modules_scene *s, const char *path)
{
	struct token_select select;
	struct token_sign sign;
	struct bytes m;

	while (running(s, path) != NULL && hear(s, running(s, path), &m)) {
		bool fails = any(3) == 0;

		if (any(12) == 0)
			continue;
		if (token_sign_parse(m, &sign) == ERR_OK && !fails)
			say_signed(s, path, sign.number, "r");
		else if (token_sign_parse(m, &sign) == ERR_OK)
			say_failed(s, path, sign.number, ERR_PIN);
		else if (token_select_parse(m, &select) == ERR_OK)
			say_selected(s, path, select.number, "token", fails ? "?" : "key");
	}
}

static void tell_some(struct modules_scene *s, const char *path)
{
	uint8_t parallel = (uint8_t)(1 + any(3));

	if (any(3) == 0)
		TELL(s, path, {FAKE("other", "key")});
	else if (any(3) == 0)
		TELL(s, path, {.id = ""}, {FAKE("other", "key")}, {FAKE("token", NULL)});
	else
		TELL(s, path, {FAKE("token", "key"), .parallel = parallel}, {FAKE("other", "key")});
}

static void step(struct modules_scene *s, struct bytes const *places)
{
	unsigned which = any(2);
	const char *path = which == 0 ? ONE : MODULE_CARDS;
	unsigned what = any(100);
	struct helper *h = running(s, path);

	if (what < 50)
		use_some(s, &users[any(USERS)], places[which]);
	else if (what < 56)
		pick_some(s, any(PICKERS), path);
	else if (what < 60)
		modules_forget_pins(s->ms);
	else if (what < 62)
		assert_int_equal(modules_key_added(s->ms, places[which]), ERR_OK);
	else if (what < 64)
		modules_key_removed(s->ms, places[which]);
	else if (what < 66)
		modules_await(s->ms, places[which]);
	else if (what < 68)
		modules_await_no_more(s->ms, places[which]);
	else if (what < 72)
		pass(&s->h, any(2) == 0 ? any(2000) : any(60000));
	else if (what < 74 && h != NULL && s->h.count < STARTS_MOST)
		crash(s, path);
	else if (what < 75 && h != NULL && s->h.count < STARTS_MOST)
		say_signed(s, path, any(100), "r");
	else if (what < 85 && h != NULL)
		tell_some(s, path);
	else if (h != NULL)
		answer_some(s, path);
	if (any(3) == 0)
		let_end(s);
}

static void run(struct modules_scene *s, uint64_t with)
{
	struct bytes places[] = {
	    place_at(s, ONE, "token", "key"), place_at(s, MODULE_CARDS, "token", "key")};

	seed = with;
	memset(users, 0, sizeof(users));
	memset(picks, 0, sizeof(picks));
	granted_count = signed_count = failed_count = gone_count = picked_count = 0;
	for (unsigned i = 0; i < STEPS && s->h.count < STARTS_MOST; i++)
		step(s, places);
	assert_true(granted_count > 10 && signed_count > 1 && failed_count > 1 && gone_count > 1 &&
		    picked_count > 1);
	for (unsigned i = 0; i < USERS; i++)
		token_use_end(&users[i].use);
	for (unsigned i = 0; i < PICKERS; i++)
		selection_cancel(picks[i]);
	for (unsigned i = 0; i < 2; i++) {
		struct module *m = module_find(s->ms, bytes_str(i == 0 ? ONE : MODULE_CARDS));

		while (m != NULL && module_find(s->ms, module_path(m)) != NULL) {
			modules_key_removed(s->ms, places[i]);
			modules_await_no_more(s->ms, places[i]);
		}
	}
	let_end(s);
	assert_null(module_find(s->ms, bytes_str(ONE)));
	assert_int_equal(s->h.calls.open, 0);
}

static void test_in_any_order(void **state)
{
	run(*state, 1);
}

static void test_in_another_order(void **state)
{
	run(*state, 20);
}

static void test_in_a_third_order(void **state)
{
	run(*state, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_in_any_order),
	    TEST(test_in_another_order),
	    TEST(test_in_a_third_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
