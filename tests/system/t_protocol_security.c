/*
 * RFC 9987's section 10, security considerations: what an agent should (S) do that shows in the
 * process and not in an answer.  The other requirements are in t_protocol_requirements.c.
 */
#include <stdio.h>
#include <unistd.h>

#include "tests/support/agent_client_keys.h"

static struct probe agent;
static int client;

static void expect_text(uint8_t ask, const char *text, uint8_t reply)
{
	struct wire w = ask_text(ask, text);

	probe_expect(client, &w, reply);
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
	struct wire w = ask_text(MSG_TOKEN_ADD, path);
	wire_text(&w, "1234");
	probe_expect(client, &w, MSG_FAILURE);
	assert_false(maps_have(path));
}

/* 10: guessing at the lock is slowed down (how much, and that nobody else waits, is in
 * t_protocol_lock.c). */
static void test_S18_wrong_passphrases_are_slowed_down(void **state)
{
	(void)state;
	expect_text(MSG_LOCK, "sesame", MSG_SUCCESS);
	long long first = now_ms();
	expect_text(MSG_UNLOCK, "wrong", MSG_FAILURE);
	first = now_ms() - first;
	for (int i = 0; i < 3; i++)
		expect_text(MSG_UNLOCK, "wrong", MSG_FAILURE);
	long long last = now_ms();
	expect_text(MSG_UNLOCK, "wrong", MSG_FAILURE);
	last = now_ms() - last;
	assert_true(last > first);
	expect_text(MSG_UNLOCK, "sesame", MSG_SUCCESS);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_S13_cryptography_is_libcryptos),
	    cmocka_unit_test(test_S16_S17_no_provider_code_in_the_agent),
	    cmocka_unit_test(test_S18_wrong_passphrases_are_slowed_down),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
