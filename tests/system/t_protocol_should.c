/*
 * RFC 9987's requirements on an agent that SHOULD be met (S), as t_protocol_must.c has those that
 * MUST. S4 and S9 are there, beside what they belong to; S10 (who may connect) is in
 * agent-options.t.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/probe_scene.h"

/* 5.2: adding a key again replaces its constraints, also by none. */
static void test_S03_adding_again_without_lifetime_keeps_the_key(void **state)
{
	(void)state;
	struct wire w = ask_add_constrained(some_key(), "for a second");
	constrain_lifetime(&w, 1);
	probe_expect(client, &w, MSG_SUCCESS);
	add(some_key());
	assert_int_equal(probe_count(client), 1);
	for (long long end = now_ms() + 2500; now_ms() < end; pause_ms(100))
		assert_true(probe_holds(client, &some_key()->blob));
	probe_expect_works(client, &some_key()->blob);
}

static void test_S03_adding_again_with_lifetime_ends_the_key(void **state)
{
	(void)state;
	add(some_key());
	struct wire w = ask_add_constrained(some_key(), "for a second");
	constrain_lifetime(&w, 1);
	probe_expect(client, &w, MSG_SUCCESS);
	assert_int_equal(probe_count(client), 1);
	for (long long end = now_ms() + REPLY_MS; probe_count(client) > 0; pause_ms(50))
		assert_true(now_ms() < end);
}

/* 5.4: remove-all is the emergency exit: no lock stops it. */
static void test_S05_remove_all_while_locked(void **state)
{
	(void)state;
	add(some_key());
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	probe_say(client, MSG_REMOVE_ALL, NULL, MSG_SUCCESS);
	/* It is locked all the same. */
	probe_say(client, MSG_LOCK, "sesame", MSG_FAILURE);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
	assert_int_equal(probe_count(client), 0);
}

/* 5.4: so is removing a token's keys; without such keys the answer is that there are none. */
static void test_S06_remove_token_while_locked(void **state)
{
	(void)state;
	add(some_key());
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	struct wire w = ask_token(MSG_TOKEN_REMOVE, "/nonexistent/token", "");
	probe_expect(client, &w, MSG_FAILURE);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
	probe_expect_works(client, &some_key()->blob);
}

/* 5.8: a known extension that fails says so with its own number. */
static void test_S08_failed_known_extension_is_extension_failure(void **state)
{
	struct wire w = ask_text(MSG_EXTENSION, "query");

	(void)state;
	wire_text(&w, "query takes nothing");
	probe_expect(client, &w, MSG_EXTENSION_FAILURE);
}

/* The memory map of the agent's processes, where we may read it (root only, since they are not
 * dumpable). */
static bool maps_have(const char *word)
{
	return shell_status("cat /proc/%d/maps $(sed 's,[0-9][0-9]*,/proc/&/maps,g' "
			    "/proc/%d/task/%d/children) "
			    "2>/dev/null | grep -q '%s'",
		   agent.pid, agent.pid, agent.pid, word) == 0;
}

static void skip_unless_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("# SKIP only root can look into the agent\n");
	skip();
}

/* 10: cryptography with side-channel resistance is libcrypto's, not our own. */
static void test_S13_cryptography_is_libcryptos(void **state)
{
	(void)state;
	skip_unless_root();
	assert_true(maps_have("libcrypto"));
}

/* 10: a token provider named by a client is not loaded into the process that holds the keys. */
static void test_S16_S17_no_provider_code_in_the_agent(void **state)
{
	char path[64];

	(void)state;
	skip_unless_root();
	shell("cp \"$(ldconfig -p | sed -n 's/.*libz.*=> //p' | head -n 1)\" %s/libz.so.1",
	    agent.dir);
	snprintf(path, sizeof(path), "%s/libz.so.1", agent.dir);
	struct wire w = ask_token(MSG_TOKEN_ADD, path, "1234");
	probe_expect(client, &w, MSG_FAILURE);
	assert_false(maps_have(path));
}

/* 10: guessing at the lock is slowed down (how much, and that nobody else waits, is in
 * t_protocol_lock.c). */
static void test_S18_wrong_passphrases_are_slowed_down(void **state)
{
	(void)state;
	long long last;

	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	for (int i = 0; i < 4; i++)
		probe_say(client, MSG_UNLOCK, "wrong", MSG_FAILURE);
	/* 100 ms for each wrong one before: waiting longer is allowed, less is not. */
	last = now_ms();
	probe_say(client, MSG_UNLOCK, "wrong", MSG_FAILURE);
	last = now_ms() - last;
	assert_true(last >= 300);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, restore)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_S03_adding_again_without_lifetime_keeps_the_key),
	    TEST(test_S03_adding_again_with_lifetime_ends_the_key),
	    TEST(test_S05_remove_all_while_locked),
	    TEST(test_S06_remove_token_while_locked),
	    TEST(test_S08_failed_known_extension_is_extension_failure),
	    TEST(test_S13_cryptography_is_libcryptos),
	    TEST(test_S16_S17_no_provider_code_in_the_agent),
	    TEST(test_S18_wrong_passphrases_are_slowed_down),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
