/* Keys that files offer: how a file is unlocked, and what a person is asked. */
#include "tests/support/unlock_scene.h"

#include <semaphore.h>

static void test_a_plain_file(void **state)
{
	struct unlock_scene *s = *state;
	const struct client *c = begin(s, 0);

	expect_unlocked(s, false);
	try_fits(s, NULL);
	expect_end(c, ERR_OK);
	assert_int_equal(c->how, UNLOCK_PLAIN);
	expect_unlocked(s, true);
	expect_nothing_shown(&s->h);
	assert_int_equal(started(s, HELPER_KEYRING), 0);
	/* Nothing is to be done for the next. */
	(void)begin(s, 1);
	expect_end(&s->client[1], ERR_OK);
	assert_int_equal(started(s, HELPER_UNLOCK), 1);
}

/* What the file says of itself when it is decrypted counts before anybody can use the key. */
static void test_a_comment_that_the_file_alone_knows(void **state)
{
	struct unlock_scene *s = *state;
	const struct client *c;

	comment_fails = ERR_MEMORY;
	c = begin(s, 0);
	try_fits(s, NULL);
	expect_end(c, ERR_MEMORY);
	expect_unlocked(s, false);
	comment_counts = true;
	c = begin(s, 0);
	try_fits(s, NULL);
	expect_end(c, ERR_OK);
	expect_unlocked(s, true);
	assert_true(bytes_is(store_first(s->store)->comment, "a comment"));
	/* Its times are of the rules that it brought. */
	assert_int_not_equal(store_first(s->store)->rules.expires, 0);
	pass(&s->h, 5001);
	expect_unlocked(s, false);
	assert_true(bytes_is(store_first(s->store)->comment, "a comment"));
}

static void test_many_wait_for_one_file(void **state)
{
	struct unlock_scene *s = *state;

	(void)begin(s, 0);
	(void)begin(s, 1);
	try_fails(s, NULL, ERR_PASSPHRASE_NEEDED);
	(void)begin(s, 2);
	keyring_fails(s, ERR_NOT_FOUND);
	(void)begin(s, 3);
	assert_int_equal(unlockings_count(&s->us), 4);
	assert_int_equal(shown_count(&s->h, ASKPASS_SECRET), 1);
	enter(s, "right");
	(void)begin(s, 4);
	try_fits(s, "right");
	for (unsigned i = 0; i < 5; i++)
		expect_end(&s->client[i], ERR_OK);
	assert_int_equal(unlockings_count(&s->us), 0);
	assert_int_equal(started(s, HELPER_UNLOCK), 2);
}

static unsigned tries(const struct unlock_scene *s)
{
	unsigned n = 0;

	while (running(s, HELPER_UNLOCK, n) != NULL)
		n++;
	return n;
}

/* Files of their own, each wanted by one client. */
static void test_few_files_are_decrypted_at_a_time(void **state)
{
	enum { FILES = 8 };
	static uint8_t blobs[FILES][51];
	struct unlock_scene *s = *state;
	struct builder b = {0};

	for (unsigned i = 0; i < FILES; i++) {
		char path[32];
		struct rules rules = {0};
		struct unlock_request r = {.pid = i, .allowed = unlock_allowed};
		struct bytes blob = BYTES(blobs[i], sizeof(blobs[i]));
		struct client *c = &s->client[i];
		struct key *key = NULL;

		memcpy(blobs[i], unlock_blob[0].data, sizeof(blobs[i]));
		blobs[i][50] = (uint8_t)~blobs[i][50];
		blobs[i][49] = (uint8_t)i;
		(void)snprintf(path, sizeof(path), "/k/%u", i);
		rules.file = bytes_str(path);
		assert_int_equal(key_locked(blob, &key), ERR_OK);
		assert_int_equal(store_put(s->store, key, blob, BYTES_NONE, &rules), ERR_OK);
		r.identity = blob;
		*c = (struct client){.scene = s};
		c->unlocking = unlocking_begin(&s->us, &r, unlock_done, c);
		settle(&s->h);
	}
	assert_int_equal(tries(s), UNLOCK_TRYING_MOST);
	/* Whoever leaves the line, or ends, makes room; the oldest is next. */
	leave(&s->client[4]);
	assert_int_equal(tries(s), UNLOCK_TRYING_MOST);
	unlock_failed_build(&b, ERR_FORMAT);
	say_and_close(&s->h, running(s, HELPER_UNLOCK, 0), &b);
	expect_end(&s->client[0], ERR_FORMAT);
	assert_int_equal(tries(s), UNLOCK_TRYING_MOST);
	assert_int_equal(s->us.first->next->next->stage, OPENING_TRYING);
	leave(&s->client[1]);
	assert_int_equal(started(s, HELPER_UNLOCK), UNLOCK_TRYING_MOST + 2);
	/* Who may not go on is not decrypted for. */
	s->client[7].allowed = ERR_LOCAL_ONLY;
	leave(&s->client[2]);
	expect_end(&s->client[7], ERR_LOCAL_ONLY);
	assert_int_equal(started(s, HELPER_UNLOCK), UNLOCK_TRYING_MOST + 2);
}

static void test_what_is_asked(void **state)
{
	struct unlock_scene *s = *state;
	char text[512];
	struct helper_ask m;

	(void)begin_asked(s, 2);
	assert_non_null(shown(&s->h, ASKPASS_SECRET, 0, &m));
	assert_true(bytes_is(m.title, "Signet: passphrase of a key file"));
	(void)snprintf(text, sizeof(text),
	    "Enter the passphrase of the key file \"" FILE_PATH "\" to unlock key \"work\".\n"
	    "Key fingerprint %s.\n\nAsked by ssh.",
	    store_first(s->store)->print);
	assert_true(bytes_is(m.text, text));
	assert_int_equal(m.pid, 42);
	assert_int_equal(m.started, 5);
	assert_int_equal(m.flags, 0);
	assert_int_equal(m.timeout, 30);
	enter(s, "right");
	try_fits(s, "right");
	expect_end(&s->client[2], ERR_OK);
	assert_int_equal(s->client[2].how, UNLOCK_TYPED);
}

static void test_three_tries(void **state)
{
	struct unlock_scene *s = *state;
	const struct client *c = begin_asked(s, 0);

	enter(s, "first");
	try_fails(s, "first", ERR_PASSPHRASE);
	assert_true(shown_has(&s->h, ASKPASS_SECRET, "That passphrase was wrong. Enter the"));
	assert_false(shown_has(&s->h, ASKPASS_SECRET, "last try"));
	enter(s, "second");
	try_fails(s, "second", ERR_PASSPHRASE);
	assert_true(shown_has(&s->h, ASKPASS_SECRET, "This is the last try"));
	enter(s, "third");
	expect_waiting(c);
	try_fails(s, "third", ERR_PASSPHRASE);
	expect_end(c, ERR_PASSPHRASE);
	expect_nothing_shown(&s->h);
	expect_unlocked(s, false);
	/* The keyring was asked once, and holds nothing new. */
	assert_int_equal(started(s, HELPER_KEYRING), 1);
	/* The next request has three of its own. */
	(void)begin_asked(s, 1);
	assert_false(shown_has(&s->h, ASKPASS_SECRET, "wrong"));
}

static void test_a_person_says_no(void **state)
{
	static const struct {
		enum err answer, result;
	} table[] = {
	    {ERR_DENIED, ERR_DENIED}, {ERR_TIMEOUT, ERR_TIMEOUT}, {ERR_OK, ERR_DENIED} /* empty */};
	struct unlock_scene *s = *state;

	for (unsigned i = 0; i < 3; i++) {
		(void)begin_asked(s, 2 * i);
		(void)begin(s, 2 * i + 1);
		answer_shown(&s->h, ASKPASS_SECRET, table[i].answer, "");
		/* Nobody is asked for each that waits. */
		expect_end(&s->client[2 * i], table[i].result);
		expect_end(&s->client[2 * i + 1], table[i].result);
		expect_nothing_shown(&s->h);
		expect_no_try(s);
	}
}

static void test_longer_than_any(void **state)
{
	char text[LIMIT_PASSPHRASE + 2];
	struct unlock_scene *s = *state;

	memset(text, 'x', sizeof(text));
	text[LIMIT_PASSPHRASE + 1] = '\0';
	(void)begin_asked(s, 0);
	enter(s, text);
	expect_no_try(s);
	assert_true(shown_has(&s->h, ASKPASS_SECRET, "That is longer than any passphrase. "));
	text[LIMIT_PASSPHRASE] = '\0';
	enter(s, text);
	try_fits(s, text);
	expect_end(&s->client[0], ERR_OK);
}

/* A terminal is one client's; where nobody can be asked the refusal is immediate. */
static void test_nobody_can_be_asked(void **state)
{
	struct unlock_scene *s = *state;
	struct helper_ask m;

	(void)begin_asked(s, 0);
	(void)begin_with(s, 1, "\n\nAsked by git.", false);
	answer_shown(&s->h, ASKPASS_SECRET, ERR_NO_PROMPT, "");
	expect_end(&s->client[0], ERR_NO_PROMPT);
	expect_waiting(&s->client[1]);
	assert_non_null(shown(&s->h, ASKPASS_SECRET, 0, &m));
	assert_int_equal(m.pid, 41);
	assert_true(shown_has(&s->h, ASKPASS_SECRET, "Asked by git."));
	answer_shown(&s->h, ASKPASS_SECRET, ERR_NO_PROMPT, "");
	expect_end(&s->client[1], ERR_NO_PROMPT);
	expect_nothing_shown(&s->h);
}

static void test_refused_at_once(void **state)
{
	struct unlock_scene *s = *state;

	s->lock.on = true;
	(void)begin(s, 0);
	expect_end(&s->client[0], ERR_LOCKED);
	s->lock.on = false;
	s->session.locked = true;
	(void)begin(s, 1);
	expect_end(&s->client[1], ERR_SCREEN);
	s->session.locked = false;
	(void)begin_with(s, 2, "", true);
	expect_end(&s->client[2], ERR_UNLOCK_FORWARDED);
	assert_int_equal(s->h.count, 0);
	/* Where it is allowed, no terminal is asked. */
	s->config.unlock_forwarded = true;
	(void)begin_with(s, 3, "", true);
	try_fails(s, NULL, ERR_PASSPHRASE_NEEDED);
	keyring_fails(s, ERR_NOT_FOUND);
	{
		struct helper_ask m;

		assert_non_null(shown(&s->h, ASKPASS_SECRET, 0, &m));
		assert_int_equal(m.flags, HELPER_ASK_FORWARDED);
	}
	/* It is gone. */
	store_remove_all(s->store);
	(void)begin(s, 4);
	expect_end(&s->client[4], ERR_NOT_FOUND);
}

static void test_old_keys_only_where_wanted(void **state)
{
	struct unlock_scene *s = *state;
	const struct rules rules = {.file = bytes_str(FILE_PATH)};
	struct builder b = {0};
	struct key *dsa = NULL;

	builder_cstring(&b, "ssh-dss");
	for (unsigned i = 0; i < 4; i++)
		builder_mpint(&b, bytes_str("a number"));
	assert_int_equal(key_locked(builder_view(&b), &dsa), ERR_OK);
	assert_int_equal(
	    store_put(s->store, dsa, blob_view(&unlock_blob[0]), BYTES_NONE, &rules), ERR_OK);
	builder_clear(&b);
	(void)begin(s, 0);
	expect_end(&s->client[0], ERR_KEY_TYPE_OFF);
	s->options.allow_dss = true;
	(void)begin(s, 1);
	expect_waiting(&s->client[1]);
}

/* --- the end of waiting --- */

/* To each step there is: what runs then. */
enum step { TRYING, LOOKING_UP, ASKING, TRYING_TYPED, STEPS };

static void go_to(struct unlock_scene *s, enum step step, unsigned number)
{
	(void)begin(s, number);
	if (step >= LOOKING_UP)
		try_fails(s, NULL, ERR_PASSPHRASE_NEEDED);
	if (step >= ASKING)
		keyring_fails(s, ERR_NOT_FOUND);
	if (step >= TRYING_TYPED)
		enter(s, "right");
}

static void expect_nothing_runs(struct unlock_scene *s)
{
	assert_null(s->us.first);
	expect_nothing_shown(&s->h);
	expect_no_try(s);
	assert_null(running(s, HELPER_KEYRING, 0));
	expect_unlocked(s, false);
	let_ending_helpers_end(&s->h);
}

static void test_the_client_leaves(void **state)
{
	struct unlock_scene *s = *state;
	struct unlock_request r = {.identity = blob_view(&unlock_blob[0])};

	for (unsigned step = 0; step < STEPS; step++) {
		go_to(s, step, step);
		leave(&s->client[step]);
		expect_nothing_runs(s);
		assert_int_equal(s->client[step].calls, 0);
	}
	/* Before it has arrived. */
	r.allowed = unlock_allowed;
	unlocking_cancel(unlocking_begin(&s->us, &r, unlock_done, &s->client[8]));
	settle(&s->h);
	assert_int_equal(s->client[8].calls, 0);
	unlocking_cancel(NULL);
}

static void test_one_of_two_leaves(void **state)
{
	struct unlock_scene *s = *state;
	struct helper_ask m;

	for (unsigned step = 0; step < STEPS; step++) {
		go_to(s, step, 0);
		(void)begin_with(s, 1, "\n\nAsked by git.", false);
		leave(&s->client[0]);
		expect_waiting(&s->client[1]);
		/* Nobody answers at the terminal of one who left. */
		if (step == ASKING) {
			let_ending_helpers_end(&s->h);
			assert_int_equal(shown_count(&s->h, ASKPASS_SECRET), 1);
			assert_non_null(shown(&s->h, ASKPASS_SECRET, 0, &m));
			assert_int_equal(m.pid, 41);
			assert_true(shown_has(&s->h, ASKPASS_SECRET, "Asked by git."));
		}
		leave(&s->client[1]);
		expect_nothing_runs(s);
		s->client[0].calls = s->client[1].calls = 0;
	}
}

static void lock_agent(struct unlock_scene *s)
{
	s->lock.on = true;
}

static void lock_screen(struct unlock_scene *s)
{
	s->session.locked = true;
}

static void refuse_all(struct unlock_scene *s)
{
	for (unsigned i = 0; i < CLIENTS_MOST; i++)
		s->client[i].allowed = ERR_ROUTE;
}

static void test_no_longer_allowed(void **state)
{
	static const struct {
		void (*happens)(struct unlock_scene *s);
		enum err why;
	} table[] = {{lock_agent, ERR_LOCKED}, {lock_screen, ERR_SCREEN}, {refuse_all, ERR_ROUTE}};
	struct unlock_scene *s = *state;

	for (unsigned i = 0; i < 3; i++) {
		for (unsigned step = 0; step < STEPS; step++) {
			go_to(s, step, 0);
			(void)begin(s, 1);
			table[i].happens(s);
			unlockings_review(&s->us);
			unlockings_review(&s->us);
			expect_waiting(&s->client[0]); /* not from within */
			settle(&s->h);
			expect_end(&s->client[0], table[i].why);
			expect_end(&s->client[1], table[i].why);
			expect_nothing_runs(s);
			s->lock.on = s->session.locked = false;
		}
	}
}

/* The same where nobody said so: each step looks itself. */
static void test_looked_at_before_each_step(void **state)
{
	struct unlock_scene *s = *state;

	go_to(s, TRYING, 0);
	s->session.locked = true;
	try_fails(s, NULL, ERR_PASSPHRASE_NEEDED);
	expect_end(&s->client[0], ERR_SCREEN);
	assert_int_equal(started(s, HELPER_KEYRING), 0);
	s->session.locked = false;
	go_to(s, LOOKING_UP, 1);
	s->lock.on = true;
	keyring_gives(s, "secret");
	expect_end(&s->client[1], ERR_LOCKED);
	expect_nothing_runs(s);
	s->lock.on = false;
	go_to(s, ASKING, 2);
	s->lock.on = true;
	enter(s, "right");
	expect_end(&s->client[2], ERR_LOCKED);
	expect_nothing_runs(s);
	s->lock.on = false;
	go_to(s, TRYING_TYPED, 3);
	s->lock.on = true;
	try_fits(s, "right");
	expect_end(&s->client[3], ERR_LOCKED);
	expect_nothing_runs(s);
}

/* What the worker has to do first. */
struct gate {
	struct job job;
	sem_t open, passed;
};

static void wait_at_gate(struct job *j)
{
	struct gate *g = (struct gate *)(void *)j;

	(void)sem_wait(&g->open);
	(void)sem_post(&g->passed);
}

/* Left, refused or locked, while a worker is to look at the key. */
static void test_ended_while_it_is_checked(void **state)
{
	static struct gate gate = {.job.run = wait_at_gate};
	struct unlock_scene *s = *state;
	struct builder b = {0};

	(void)sem_init(&gate.open, 0, 0);
	(void)sem_init(&gate.passed, 0, 0);
	for (unsigned i = 0; i < 3; i++) {
		(void)begin(s, i);
		workers_run(unlock_workers, &gate.job);
		unlock_key_build(&b, builder_view(&unlock_wire[0]), BYTES_NONE);
		say_and_close(&s->h, expect_try(s, NULL), &b);
		expect_waiting(&s->client[i]);
		assert_int_equal(s->us.first->stage, OPENING_CHECKING);
		if (i == 0)
			leave(&s->client[i]);
		else
			s->lock.on = true;
		if (i == 1)
			unlockings_review(&s->us);
		settle(&s->h);
		assert_int_equal(s->us.first == NULL, i != 2);
		(void)sem_post(&gate.open);
		/* A job that is still in its line must not be put there again. */
		(void)sem_wait(&gate.passed);
		let_check(s);
		if (i != 0)
			expect_end(&s->client[i], ERR_LOCKED);
		expect_nothing_runs(s);
		s->lock.on = false;
	}
	(void)sem_destroy(&gate.open);
	(void)sem_destroy(&gate.passed);
}

static void relock_of_rules(const struct unlock_scene *s, uint32_t seconds)
{
	for (struct identity *id = store_first(s->store); id != NULL; id = id->next)
		id->rules.relock = seconds;
}

static void test_locked_again_after_a_time(void **state)
{
	struct unlock_scene *s = *state;

	s->options.relock = 90;
	(void)begin(s, 0);
	try_fits(s, NULL);
	expect_unlocked(s, true);
	pass(&s->h, 89999);
	expect_unlocked(s, true);
	pass(&s->h, 1);
	expect_unlocked(s, false);
	/* A rule of the key's that is longer does not loosen it. */
	relock_of_rules(s, 3600);
	(void)begin(s, 1);
	try_fits(s, NULL);
	expect_end(&s->client[1], ERR_OK);
	pass(&s->h, 90000);
	expect_unlocked(s, false);
	/* Nor does it loosen a shorter one. */
	relock_of_rules(s, 10);
	(void)begin(s, 2);
	try_fits(s, NULL);
	expect_end(&s->client[2], ERR_OK);
	pass(&s->h, 10000);
	expect_unlocked(s, false);
}

/* SIGUSR1 while the passphrase is asked for: what is unlocked is not to stay so. */
static void test_keys_are_locked_meanwhile(void **state)
{
	struct unlock_scene *s = *state;

	(void)begin(s, 0);
	try_fails(s, NULL, ERR_PASSPHRASE_NEEDED);
	unlockings_revoke(&s->us);
	settle(&s->h);
	expect_end(&s->client[0], ERR_RELOCKED);
	expect_unlocked(s, false);
	(void)begin(s, 1);
	try_fits(s, NULL);
	expect_end(&s->client[1], ERR_OK);
	expect_unlocked(s, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    UNLOCK_TEST(test_a_plain_file),
	    UNLOCK_TEST(test_a_comment_that_the_file_alone_knows),
	    UNLOCK_TEST(test_many_wait_for_one_file),
	    UNLOCK_TEST(test_few_files_are_decrypted_at_a_time),
	    UNLOCK_TEST(test_what_is_asked),
	    UNLOCK_TEST(test_three_tries),
	    UNLOCK_TEST(test_a_person_says_no),
	    UNLOCK_TEST(test_longer_than_any),
	    UNLOCK_TEST(test_nobody_can_be_asked),
	    UNLOCK_TEST(test_refused_at_once),
	    UNLOCK_TEST(test_old_keys_only_where_wanted),
	    UNLOCK_TEST(test_the_client_leaves),
	    UNLOCK_TEST(test_one_of_two_leaves),
	    UNLOCK_TEST(test_no_longer_allowed),
	    UNLOCK_TEST(test_looked_at_before_each_step),
	    UNLOCK_TEST(test_ended_while_it_is_checked),
	    UNLOCK_TEST(test_locked_again_after_a_time),
	    UNLOCK_TEST(test_keys_are_locked_meanwhile),
	};

	return cmocka_run_group_tests(tests, unlock_group_setup, unlock_group_teardown);
}
