/*
 * Locking the agent: what it stops, what a passphrase may be, and what guessing at it costs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/agent_client_keys.h"

static struct probe agent;
static int client;

static const struct test_key *some_key(void)
{
	return test_key("ed25519", "one");
}

static void add(const struct test_key *key)
{
	struct wire w = ask_add(key, "a key");

	probe_expect(client, &w, MSG_SUCCESS);
}

/* A lock is on the agent, not on the connection that asked for it. */
static void test_lock_holds_for_every_connection(void **state)
{
	int other = probe_dial(&agent);
	struct wire data = {0}, w = ask_sign(&some_key()->blob, &data, 0);

	(void)state;
	add(some_key());
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	assert_int_equal(probe_count(other), 0);
	probe_expect(other, &w, MSG_FAILURE);
	int third = probe_dial(&agent);
	assert_int_equal(probe_count(third), 0);
	probe_say(third, MSG_UNLOCK, "sesame", MSG_SUCCESS);
	probe_expect_works(client, &some_key()->blob);
	probe_expect_works(other, &some_key()->blob);
	close(other);
	close(third);
}

/* Nothing is added, and no single key removed, while locked. */
static void test_locked_agent_takes_and_drops_no_key(void **state)
{
	(void)state;
	add(some_key());
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	struct wire w = ask_add(test_key("ed25519", "two"), "late");
	probe_expect(client, &w, MSG_FAILURE);
	w = ask_string(MSG_REMOVE, some_key()->blob.data, some_key()->blob.len);
	probe_expect(client, &w, MSG_FAILURE);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
	assert_int_equal(probe_count(client), 1);
	probe_expect_works(client, &some_key()->blob);
}

/* A lifetime runs on while locked. */
static void test_lifetime_runs_while_locked(void **state)
{
	struct wire w = ask_add_constrained(some_key(), "short");

	(void)state;
	constrain_lifetime(&w, 1);
	long long from = now_ms();
	probe_expect(client, &w, MSG_SUCCESS);
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	while (now_ms() < from + 1200)
		pause_ms(50);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
	for (long long end = now_ms() + REPLY_MS; probe_count(client) > 0; pause_ms(20))
		assert_true(now_ms() < end);
}

/* A passphrase is bytes: a NUL does not end it, and its beginning is not enough. */
static void test_passphrase_is_bytes(void **state)
{
	const char secret[] = "one\0two";
	struct wire w = ask_string(MSG_LOCK, secret, sizeof(secret) - 1);

	(void)state;
	probe_expect(client, &w, MSG_SUCCESS);
	probe_say(client, MSG_UNLOCK, "one", MSG_FAILURE);
	w = ask_string(MSG_UNLOCK, "one\0twO", 7);
	probe_expect(client, &w, MSG_FAILURE);
	w = ask_string(MSG_UNLOCK, secret, sizeof(secret) - 1);
	probe_expect(client, &w, MSG_SUCCESS);
}

/* A passphrase of any length locks for exactly itself, or is refused. */
static void test_long_passphrases(void **state)
{
	const size_t sizes[] = {72, 73, 255, 256, 1024, 1025, 100000};
	uint8_t bytes[100000];

	(void)state;
	memset(bytes, 'p', sizeof(bytes));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct wire w = ask_string(MSG_LOCK, bytes, sizes[i]),
			    reply = probe_ask(client, &w);
		assert_int_equal(reply.len, 1);
		if (reply.data[0] == MSG_SUCCESS) {
			w = ask_string(MSG_UNLOCK, bytes, sizes[i] - 1);
			probe_expect(client, &w, MSG_FAILURE);
			w = ask_string(MSG_UNLOCK, bytes, sizes[i]);
			probe_expect(client, &w, MSG_SUCCESS);
		} else {
			assert_true(sizes[i] > 1024);
		}
		wire_free(&reply);
	}
}

/* A malformed lock locks nothing. */
static void test_malformed_lock_and_unlock_fail(void **state)
{
	struct wire w = ask_plain(MSG_LOCK);

	(void)state;
	add(some_key());
	probe_expect(client, &w, MSG_FAILURE);
	w = ask_plain(MSG_LOCK);
	wire_u32(&w, 100);
	wire_raw(&w, "short", 5);
	probe_expect(client, &w, MSG_FAILURE);
	probe_expect_works(client, &some_key()->blob);
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	w = ask_plain(MSG_UNLOCK);
	probe_expect(client, &w, MSG_FAILURE);
	w = ask_text(MSG_UNLOCK, "sesame");
	wire_u8(&w, 0);
	probe_expect(client, &w, MSG_FAILURE);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
}

static void send_unlock(int fd, const char *text)
{
	struct wire w = ask_text(MSG_UNLOCK, text), stream = {0};

	wire_frame(&stream, &w);
	probe_send(fd, &stream);
	wire_free(&w);
	wire_free(&stream);
}

/*
 * Each answer to a wrong passphrase is held for a tenth of a second longer than the one before. How
 * long the machine takes beyond that says nothing.
 */
static void test_delay_grows_with_each_wrong_passphrase(void **state)
{
	enum { STEP_MS = 100, ROUNDING_MS = 2 };

	(void)state;
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	for (int i = 1; i <= 8; i++) {
		long long asked = now_ms();
		probe_say(client, MSG_UNLOCK, "wrong", MSG_FAILURE);
		assert_true(now_ms() - asked >= i * STEP_MS - ROUNDING_MS);
	}
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
}

/* While a wrong passphrase waits for its answer, everybody else is answered: before it, not after.
 */
static void test_delay_holds_up_only_its_connection(void **state)
{
	int guesser = probe_dial(&agent);

	(void)state;
	add(some_key());
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	for (int i = 0; i < 5; i++)
		probe_say(guesser, MSG_UNLOCK, "wrong", MSG_FAILURE);
	send_unlock(guesser, "wrong");
	for (int i = 0; i < 20; i++)
		assert_int_equal(probe_count(client), 0);
	assert_false(probe_readable(guesser, 0));
	struct wire reply = probe_receive(guesser);
	assert_int_equal(reply.data[0], MSG_FAILURE);
	wire_free(&reply);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
	close(guesser);
}

/* What the guesser sent behind its guess is answered behind it. */
static void test_requests_behind_a_wrong_passphrase_stay_in_order(void **state)
{
	struct wire w = ask_plain(MSG_LIST), stream = {0};
	int guesser = probe_dial(&agent);

	(void)state;
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	wire_frame(&stream, &w);
	for (int i = 0; i < 3; i++) {
		send_unlock(guesser, "wrong");
		probe_send(guesser, &stream);
	}
	for (int i = 0; i < 3; i++) {
		struct wire failure = probe_receive(guesser), list = probe_receive(guesser);
		assert_int_equal(failure.data[0], MSG_FAILURE);
		assert_int_equal(list.data[0], MSG_KEYS);
		wire_free(&failure);
		wire_free(&list);
	}
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
	wire_free(&w);
	wire_free(&stream);
	close(guesser);
}

/* A guesser that leaves takes its pending guess with it. */
static void test_guesser_that_leaves_harms_nobody(void **state)
{
	(void)state;
	add(some_key());
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	for (int i = 0; i < 10; i++) {
		int guesser = probe_dial(&agent);
		send_unlock(guesser, "wrong");
		close(guesser);
	}
	assert_int_equal(probe_count(client), 0);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
	probe_expect_works(client, &some_key()->blob);
}

/* Each test has an agent of its own: the delay is the agent's memory. */
static int start(void **state)
{
	(void)state;
	probe_start(&agent, NULL);
	client = probe_dial(&agent);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	close(client);
	probe_end(&agent);
	return 0;
}

static int last(void **state)
{
	(void)state;
	keys_remove();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_lock_holds_for_every_connection),
	    TEST(test_locked_agent_takes_and_drops_no_key),
	    TEST(test_lifetime_runs_while_locked),
	    TEST(test_passphrase_is_bytes),
	    TEST(test_long_passphrases),
	    TEST(test_malformed_lock_and_unlock_fail),
	    TEST(test_delay_grows_with_each_wrong_passphrase),
	    TEST(test_delay_holds_up_only_its_connection),
	    TEST(test_requests_behind_a_wrong_passphrase_stay_in_order),
	    TEST(test_guesser_that_leaves_harms_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, last);
}
