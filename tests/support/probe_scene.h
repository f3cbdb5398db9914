/* One agent for all tests of a file, a connection for each of them, and a key that most use. */
#ifndef TESTS_PROBE_SCENE_H
#define TESTS_PROBE_SCENE_H

#include <unistd.h>

#include "tests/support/agent_client_keys.h"

static struct probe agent;
static int client;

static inline const struct test_key *some_key(void)
{
	return test_key("ed25519", "one");
}

static inline void add(const struct test_key *key)
{
	struct wire w = ask_add(key, "a key");

	probe_expect(client, &w, MSG_SUCCESS);
}

/* --- of the group */

static inline int start(void **state)
{
	(void)state;
	probe_start(&agent, NULL);
	return 0;
}

static inline int stop(void **state)
{
	(void)state;
	probe_end(&agent);
	keys_remove();
	return 0;
}

/* --- of a test: it begins with a new connection, to an agent without keys if it says so */

static inline int fresh(void **state)
{
	(void)state;
	client = probe_dial(&agent);
	return 0;
}

static inline int fresh_and_empty(void **state)
{
	struct wire w = ask_plain(MSG_REMOVE_ALL);

	(void)state;
	client = probe_dial(&agent);
	probe_expect(client, &w, MSG_SUCCESS);
	return 0;
}

static inline int hang_up(void **state)
{
	(void)state;
	return close(client);
}

/* A test that failed may have left keys, and the agent locked with "sesame". */
static inline int restore(void **state)
{
	struct wire remove_all = ask_plain(MSG_REMOVE_ALL), unlock = ask_text(MSG_UNLOCK, "sesame");
	struct wire a, b;

	(void)state;
	close(client);
	client = probe_dial(&agent);
	a = probe_ask(client, &unlock);
	b = probe_ask(client, &remove_all);
	wire_free(&a);
	wire_free(&b);
	return close(client);
}

#endif
