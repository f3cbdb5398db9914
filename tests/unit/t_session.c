/* The screen's lock and sleep, with the test as signet-session. */
#include "tests/support/devices_scene.h"

#include "agent/dispatch.h"
#include "keystore/crypto.h"
#include "proto/sessionmsg.h"

enum { MINUTE = 60000 };

struct session_scene {
	struct session_scene *before;
	struct scene d;
	struct core core;
	struct options options;
	struct config config;
	struct sockets sockets;
	struct core_start start;
	struct conn conn;
	unsigned calls; /* answers to questions, and the last of them */
	enum err result;
};

/* Stores live as long as the program, as in the agent. */
static struct session_scene *last;

static int session_setup(void **state)
{
	struct session_scene *s = calloc(1, sizeof(*s));
	struct core *core;

	if (s == NULL || crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return -1;
	s->before = last;
	last = s;
	core = &s->core;
	scene_open(&s->d.h);
	s->d.ds = core->devices = devices_new(s->d.h.loop, &s->d.h.calls);
	core->modules = modules_new(s->d.h.loop, &s->d.h.calls);
	core->loop = s->d.h.loop;
	core->options = &s->options;
	core->config = &s->config;
	s->start.sockets = &s->sockets;
	core->start = &s->start;
	core->store = store_new(core->loop);
	core->decisions = decisions_new(NULL);
	core->prompts.calls = &s->d.h.calls;
	core->consents.loop = core->loop;
	core->offers = (struct offers){.loop = core->loop,
	    .store = core->store,
	    .modules = core->modules,
	    .lock = &core->lock};
	core->session = (struct session){.core = core, .calls = &s->d.h.calls};
	s->conn.core = core;
	*state = s;
	return core->devices != NULL && core->modules != NULL && core->store != NULL ? 0 : -1;
}

static int session_teardown(void **state)
{
	struct session_scene *s = *state;
	bool good;

	s->config = (struct config){0};
	s->sockets.activated = false;
	session_reload(&s->core.session);
	good = !s->core.lock.held && !session_is_locked(&s->core.session) &&
	       strcmp(session_words(&s->core.session), "off") == 0;
	settle(&s->d.h);
	store_remove_all(s->core.store);
	decisions_free(s->core.decisions);
	devices_free(s->d.ds);
	modules_free(s->core.modules);
	builder_clear(&s->core.reply);
	good = scene_close(&s->d.h) && good;
	return good ? 0 : -1;
}

static void begin(struct session_scene *s, enum config_event lock, enum config_event sleep)
{
	s->config.on_screen_lock = lock;
	s->config.on_sleep = sleep;
	session_reload(&s->core.session);
	settle(&s->d.h);
}

/* The newest helper that listens to the session. */
static struct helper *listener_of(const struct session_scene *s)
{
	struct helper *found = NULL;

	for (size_t i = 0; i < s->d.h.count; i++) {
		if (s->d.h.helper[i]->program == HELPER_SESSION)
			found = s->d.h.helper[i];
	}
	assert_non_null(found);
	return found;
}

static void tell(struct session_scene *s, uint32_t flags)
{
	struct builder b = {0};

	session_state_build(&b, flags);
	helper_say(listener_of(s), b.data, b.len);
	builder_clear(&b);
	settle(&s->d.h);
}

static void expect_words(const struct session_scene *s, const char *words)
{
	assert_string_equal(session_words(&s->core.session), words);
}

static void hold_key(struct session_scene *s, char letter, struct key *key, const char *file)
{
	struct rules rules = {.file = bytes_str(file)};

	assert_int_equal(
	    store_put(s->core.store, key, BYTES(&letter, 1), BYTES(&letter, 1), &rules), ERR_OK);
}

/* One that was added, and one of a file, unlocked. */
static void hold_two(struct session_scene *s)
{
	struct key *key = make_key(2, 0), *locked;
	struct identity *id;

	hold_key(s, 'a', make_key(1, 0), "");
	assert_int_equal(key_locked(key_blob(key), &locked), ERR_OK);
	hold_key(s, 'f', locked, "/home/me/.ssh/id");
	id = store_find(s->core.store, BYTES("f", 1));
	assert_non_null(id);
	assert_int_equal(store_unlock(id, key, 0), ERR_OK);
}

static void expect_keys(const struct session_scene *s, bool added, bool unlocked)
{
	const struct identity *f = store_find(s->core.store, BYTES("f", 1));

	assert_int_equal(store_find(s->core.store, BYTES("a", 1)) != NULL, added);
	assert_non_null(f);
	assert_int_equal(!key_is_locked(f->key), unlocked);
}

static void done(void *ctx, enum err result, struct bytes answer)
{
	struct session_scene *s = ctx;

	(void)answer;
	s->calls++;
	s->result = result;
}

static struct prompt *ask(struct session_scene *s, enum askpass_kind kind)
{
	struct helper_ask m = {.kind = (uint8_t)kind, .text = bytes_str("?")};
	struct prompt *p = prompt_ask(&s->core.prompts, &m, done, s);

	assert_non_null(p);
	return p;
}

static size_t questions(const struct session_scene *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->d.h.count; i++)
		n += s->d.h.helper[i]->program == HELPER_PROMPT;
	return n;
}

static enum decision_what newest(const struct session_scene *s)
{
	const struct entry *e =
	    decisions_after(s->core.decisions, decisions_last(s->core.decisions) - 1);

	return e != NULL ? (enum decision_what)e->what : DECISION_UNKNOWN;
}

/* --- when there is one --------------------------------------------------------- */

static void test_it_is_started_when_wanted(void **state)
{
	struct session_scene *s = *state;

	begin(s, EVENT_NOTHING, EVENT_NOTHING);
	expect_words(s, "off");
	assert_int_equal(s->d.h.count, 0);
	s->sockets.activated = true;
	begin(s, EVENT_NOTHING, EVENT_NOTHING);
	assert_int_equal(s->d.h.count, 1);
	expect_words(s, "not seen");
	assert_int_equal(listener_of(s)->len, 6);
	assert_memory_equal(listener_of(s)->heard, "\0\0\0\2\2\220", 6);
	begin(s, EVENT_LOCK, EVENT_NOTHING);
	assert_int_equal(s->d.h.count, 1);
	s->sockets.activated = false;
	begin(s, EVENT_NOTHING, EVENT_NOTHING);
	assert_true(listener_of(s)->hung_up);
	helper_close(listener_of(s));
	begin(s, EVENT_NOTHING, EVENT_DROP);
	assert_int_equal(s->d.h.count, 2);
}

static void test_who_told_it(void **state)
{
	struct session_scene *s = *state;

	begin(s, EVENT_LOCK, EVENT_NOTHING);
	tell(s, SESSION_BLIND);
	expect_words(s, "not seen");
	tell(s, SESSION_LOGIND);
	expect_words(s, "unlocked (logind)");
	tell(s, SESSION_LOGIND | SESSION_LOCKED);
	expect_words(s, "locked (logind)");
	tell(s, SESSION_BLIND | SESSION_LOCKED);
	expect_words(s, "locked (not seen any more)");
	assert_true(s->core.lock.held);
	tell(s, SESSION_SAVER | SESSION_LOCKED);
	expect_words(s, "locked (screen saver)");
	tell(s, SESSION_SAVER);
	expect_words(s, "unlocked (screen saver)");
	assert_false(s->core.lock.held);
}

/* --- what keys do -------------------------------------------------------------- */

static void test_each_event_of_the_screen(void **state)
{
	struct session_scene *s = *state;
	static const struct {
		enum config_event event;
		bool added, unlocked, held;
	} rows[] = {
	    {EVENT_NOTHING, true, true, false},
	    {EVENT_RELOCK, true, false, false},
	    {EVENT_LOCK, true, false, true},
	    {EVENT_DROP, false, false, true},
	};

	s->sockets.activated = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		store_remove_all(s->core.store);
		hold_two(s);
		begin(s, rows[i].event, EVENT_NOTHING);
		tell(s, SESSION_LOGIND);
		expect_keys(s, true, true);
		tell(s, SESSION_LOGIND | SESSION_LOCKED);
		assert_true(session_is_locked(&s->core.session));
		expect_keys(s, rows[i].added, rows[i].unlocked);
		assert_int_equal(s->core.lock.held, rows[i].held);
		assert_int_equal(lock_reason(&s->core.lock), rows[i].held ? ERR_SCREEN : ERR_OK);
		assert_int_equal(newest(s),
		    rows[i].event == EVENT_DROP ? DECISION_REMOVE_ALL : DECISION_SCREEN_LOCK);
		tell(s, SESSION_LOGIND);
		assert_int_equal(newest(s), DECISION_SCREEN_UNLOCK);
		assert_false(s->core.lock.held);
		assert_false(session_is_locked(&s->core.session));
	}
}

static void test_a_passphrase_holds_as_well(void **state)
{
	struct session_scene *s = *state;

	begin(s, EVENT_LOCK, EVENT_NOTHING);
	s->core.lock.on = true;
	tell(s, SESSION_LOGIND | SESSION_LOCKED);
	assert_int_equal(lock_reason(&s->core.lock), ERR_LOCKED);
	s->core.lock.on = false;
	assert_int_equal(lock_reason(&s->core.lock), ERR_SCREEN);
	s->core.lock.on = true;
	tell(s, SESSION_LOGIND);
	assert_int_equal(lock_reason(&s->core.lock), ERR_LOCKED);
}

static void test_a_configuration_that_comes_while_locked(void **state)
{
	struct session_scene *s = *state;

	hold_two(s);
	begin(s, EVENT_NOTHING, EVENT_RELOCK);
	tell(s, SESSION_LOGIND | SESSION_LOCKED);
	expect_keys(s, true, true);
	begin(s, EVENT_LOCK, EVENT_NOTHING);
	expect_keys(s, true, false);
	assert_true(s->core.lock.held);
	begin(s, EVENT_NOTHING, EVENT_NOTHING);
	assert_false(s->core.lock.held);
	assert_false(s->core.prompts.screen_locked);
}

/* --- questions ----------------------------------------------------------------- */

static void test_nobody_is_asked(void **state)
{
	struct session_scene *s = *state;
	struct prompt *p;

	begin(s, EVENT_NOTHING, EVENT_RELOCK);
	tell(s, SESSION_LOGIND | SESSION_LOCKED);
	ask(s, ASKPASS_CONFIRM);
	assert_int_equal(s->calls, 0);
	settle(&s->d.h);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_SCREEN);
	p = ask(s, ASKPASS_NOTICE);
	prompt_cancel(p);
	settle(&s->d.h);
	assert_int_equal(s->calls, 1);
	assert_int_equal(questions(s), 0);
	tell(s, SESSION_LOGIND);
	p = ask(s, ASKPASS_CONFIRM);
	settle(&s->d.h);
	assert_int_equal(questions(s), 1);
	prompt_cancel(p);
	settle(&s->d.h);
	helper_close(s->d.h.helper[s->d.h.count - 1]);
	settle(&s->d.h);
}

/* Shown, in line, or a notice. */
static void test_open_questions_are_taken_back(void **state)
{
	struct session_scene *s = *state;
	enum { ALL = LIMIT_PROMPTS + 3 };

	begin(s, EVENT_NOTHING, EVENT_RELOCK);
	tell(s, SESSION_LOGIND);
	ask(s, ASKPASS_NOTICE);
	for (unsigned i = 1; i < ALL; i++)
		ask(s, ASKPASS_SECRET);
	settle(&s->d.h);
	assert_int_equal(questions(s), LIMIT_PROMPTS);
	assert_int_equal(s->core.prompts.waiting, 3);
	tell(s, SESSION_LOGIND | SESSION_LOCKED);
	assert_int_equal(s->core.prompts.waiting, 0);
	for (size_t i = 0; i < s->d.h.count; i++) {
		struct helper *h = s->d.h.helper[i];

		if (h->program != HELPER_PROMPT)
			continue;
		assert_true(h->hung_up);
		helper_close(h);
	}
	settle(&s->d.h);
	assert_int_equal(s->calls, ALL);
	assert_int_equal(s->result, ERR_SCREEN);
	assert_int_equal(questions(s), LIMIT_PROMPTS);
	assert_int_equal(s->core.prompts.open, 0);
}

static void looked_up(void *ctx, enum err result, struct bytes secret)
{
	done(ctx, result, secret);
}

static void test_the_keyring_is_left_alone(void **state)
{
	static const struct keyring_item item = {
	    KEYRING_PIN, {(const uint8_t *)"card", 4}, {(const uint8_t *)"1", 1}};
	struct session_scene *s = *state;
	struct keyring *k = &s->core.keyring;
	size_t helpers;

	*k = (struct keyring){.loop = s->core.loop, .calls = &s->d.h.calls};
	begin(s, EVENT_RELOCK, EVENT_RELOCK);
	tell(s, SESSION_LOGIND);
	assert_non_null(keyring_lookup(k, &item, looked_up, s));
	settle(&s->d.h);
	helpers = s->d.h.count;
	tell(s, SESSION_LOGIND | SESSION_LOCKED);
	assert_int_equal(s->calls, 1);
	assert_int_equal(s->result, ERR_SCREEN);
	assert_true(s->d.h.helper[helpers - 1]->hung_up);
	helper_close(s->d.h.helper[helpers - 1]);
	assert_null(keyring_lookup(k, &item, looked_up, s));
	assert_false(keyring_store(k, &item, bytes_str("label"), bytes_str("1234")));
	assert_true(keyring_forget(k, &item));
	settle(&s->d.h);
	assert_int_equal(s->d.h.count, helpers);
	tell(s, SESSION_LOGIND);
	assert_int_equal(s->d.h.count, helpers + 1);
	helper_close(s->d.h.helper[helpers]);
	settle(&s->d.h);
	assert_int_equal(k->open, 0);
}

/* --- sleep --------------------------------------------------------------------- */

static size_t slept(const struct session_scene *s)
{
	const struct helper *h = listener_of(s);

	assert_int_equal(h->len % 6, 0);
	for (size_t at = 6; at < h->len; at += 6)
		assert_memory_equal(h->heard + at, "\0\0\0\2\2\221", 6);
	return h->len / 6 - 1;
}

static void test_sleep(void **state)
{
	struct session_scene *s = *state;

	hold_two(s);
	begin(s, EVENT_RELOCK, EVENT_LOCK);
	tell(s, SESSION_LOGIND);
	assert_int_equal(slept(s), 0);
	tell(s, SESSION_LOGIND | SESSION_SLEEPING);
	assert_int_equal(slept(s), 1);
	assert_int_equal(newest(s), DECISION_SLEEP);
	expect_keys(s, true, false);
	assert_true(s->core.lock.held);
	assert_false(session_is_locked(&s->core.session));
	tell(s, SESSION_LOGIND | SESSION_SLEEPING | SESSION_LOCKED);
	assert_int_equal(slept(s), 1);
	tell(s, SESSION_LOGIND | SESSION_LOCKED);
	assert_true(s->core.lock.held);
	tell(s, SESSION_LOGIND);
	assert_false(s->core.lock.held);
	tell(s, SESSION_LOGIND | SESSION_SLEEPING);
	assert_int_equal(slept(s), 2);
	assert_true(s->core.lock.held);
	tell(s, SESSION_LOGIND);
	assert_false(s->core.lock.held);
	begin(s, EVENT_RELOCK, EVENT_NOTHING);
	tell(s, SESSION_LOGIND | SESSION_SLEEPING);
	assert_int_equal(slept(s), 3);
	assert_false(s->core.lock.held);
}

/* --- helpers that end or misbehave --------------------------------------------- */

static void test_a_helper_that_ends_leaves_the_lock(void **state)
{
	struct session_scene *s = *state;

	begin(s, EVENT_LOCK, EVENT_LOCK);
	tell(s, SESSION_LOGIND | SESSION_LOCKED | SESSION_SLEEPING);
	helper_close(listener_of(s));
	settle(&s->d.h);
	expect_words(s, "locked (not seen any more)");
	assert_true(s->core.lock.held);
	s->d.h.unable = true;
	for (unsigned i = 0; i < 20; i++)
		pass(&s->d.h, MINUTE);
	assert_in_range(s->d.h.count, 20, 30);
	assert_true(s->core.lock.held);
	s->d.h.unable = false;
	pass(&s->d.h, MINUTE);
	assert_true(s->core.lock.held);
	/* It may be another sleep. */
	tell(s, SESSION_LOGIND | SESSION_LOCKED | SESSION_SLEEPING);
	assert_int_equal(slept(s), 1);
	tell(s, SESSION_LOGIND);
	assert_false(s->core.lock.held);
}

/* Another one that sees nothing yet has not seen that the screen is unlocked. */
static void test_a_blind_helper_takes_back_nothing(void **state)
{
	struct session_scene *s = *state;

	begin(s, EVENT_LOCK, EVENT_LOCK);
	tell(s, SESSION_LOGIND | SESSION_LOCKED);
	helper_close(listener_of(s));
	settle(&s->d.h);
	pass(&s->d.h, MINUTE);
	tell(s, SESSION_BLIND);
	expect_words(s, "locked (not seen any more)");
	assert_true(s->core.lock.held);
	tell(s, SESSION_LOGIND);
	assert_false(s->core.lock.held);
	/* Nor that the machine woke up. */
	tell(s, SESSION_LOGIND | SESSION_SLEEPING);
	helper_close(listener_of(s));
	settle(&s->d.h);
	pass(&s->d.h, MINUTE);
	tell(s, SESSION_BLIND);
	expect_words(s, "not seen");
	assert_true(s->core.lock.held);
	tell(s, SESSION_LOGIND);
	assert_false(s->core.lock.held);
}

static void test_pauses_grow(void **state)
{
	struct session_scene *s = *state;
	size_t expected = 1;

	begin(s, EVENT_LOCK, EVENT_LOCK);
	for (unsigned pause = 1000; pause < MINUTE; pause *= 2) {
		helper_close(listener_of(s));
		settle(&s->d.h);
		pass(&s->d.h, pause - 1);
		assert_int_equal(s->d.h.count, expected);
		pass(&s->d.h, 1);
		assert_int_equal(s->d.h.count, ++expected);
	}
	pass(&s->d.h, MINUTE);
	helper_close(listener_of(s));
	settle(&s->d.h);
	pass(&s->d.h, 1000);
	assert_int_equal(s->d.h.count, ++expected);
}

static void test_nonsense_ends_the_helper(void **state)
{
	struct session_scene *s = *state;

	begin(s, EVENT_LOCK, EVENT_LOCK);
	tell(s, SESSION_LOGIND | SESSION_LOCKED);
	tell(s, SESSION_LOGIND | SESSION_SAVER);
	assert_true(listener_of(s)->hung_up);
	assert_true(s->core.lock.held);
	helper_close(listener_of(s));
	pass(&s->d.h, 1000);
	pass(&s->d.h, 1000);
	assert_int_equal(s->d.h.count, 2);
	/* Too much of what makes sense does as well. */
	for (unsigned i = 0; i < 126; i++) /* two were said */
		tell(s, SESSION_LOGIND | (i % 2 == 0 ? SESSION_LOCKED : 0));
	assert_false(listener_of(s)->hung_up);
	tell(s, SESSION_LOGIND | SESSION_LOCKED);
	assert_true(listener_of(s)->hung_up);
	assert_false(s->core.lock.held);
}

#define SESSION_TEST(name) cmocka_unit_test_setup_teardown(name, session_setup, session_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SESSION_TEST(test_it_is_started_when_wanted),
	    SESSION_TEST(test_who_told_it),
	    SESSION_TEST(test_each_event_of_the_screen),
	    SESSION_TEST(test_a_passphrase_holds_as_well),
	    SESSION_TEST(test_a_configuration_that_comes_while_locked),
	    SESSION_TEST(test_nobody_is_asked),
	    SESSION_TEST(test_open_questions_are_taken_back),
	    SESSION_TEST(test_the_keyring_is_left_alone),
	    SESSION_TEST(test_sleep),
	    SESSION_TEST(test_a_helper_that_ends_leaves_the_lock),
	    SESSION_TEST(test_a_blind_helper_takes_back_nothing),
	    SESSION_TEST(test_pauses_grow),
	    SESSION_TEST(test_nonsense_ends_the_helper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
