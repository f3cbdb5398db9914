/*
 * What others do while a worker attends a client (agent/attend.h): they lock the agent, remove the
 * client's key, let it wait for a person, or end the agent.
 */
#include <signal.h>

#include "tests/support/busy_scene.h"

static void test_locked_by_another(void **state)
{
	(void)state;
	be_attended();
	company.refusable = true;
	for (int i = 0; i < 5; i++) {
		probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
		for (int k = 0; k < QUICK_ROW; k++)
			expect_refused();
		probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
		busy_row(&me, QUICK_ROW);
	}
	/* An answer of before may still be on its way to the one beside. */
	if (beside)
		busy_goes_on(&company, 2);
	company.refusable = false;
	part();
}

static void test_key_removed_by_another(void **state)
{
	struct wire w;

	(void)state;
	be_attended();
	for (int i = 0; i < 5; i++) {
		w = ask_string(MSG_REMOVE, some_key()->blob.data, some_key()->blob.len);
		probe_expect(client, &w, MSG_SUCCESS);
		for (int k = 0; k < QUICK_ROW; k++)
			expect_refused();
		add(some_key());
		busy_row(&me, QUICK_ROW);
	}
	part();
}

/* --- a key that is asked for: what the person says is the content of a file */

static void person_waits(void)
{
	shell("rm -f %s/asked %s/says && "
	      "printf '#!/bin/sh\\n: >%s/asked\\nwhile ! [ -e %s/says ]; do sleep 0.02; done\\n"
	      "exit $(cat %s/says)\\n' >%s/ask.new && chmod 700 %s/ask.new && mv %s/ask.new %s/ask",
	    keys_folder(), keys_folder(), keys_folder(), keys_folder(), keys_folder(),
	    keys_folder(), keys_folder(), keys_folder(), keys_folder());
}

static void person_is_asked(void)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/asked", keys_folder());
	for (long long end = now_ms() + REPLY_MS; access(path, F_OK) != 0; pause_ms(10)) {
		if (now_ms() > end)
			fail_msg("nobody is asked");
	}
}

static void person_says(int status)
{
	shell("echo %d >%s/says.new && mv %s/says.new %s/says", status, keys_folder(),
	    keys_folder(), keys_folder());
}

static void test_consent(void **state)
{
	const struct test_key *asked = test_key("ed25519", "asked");
	struct wire w = ask_add_constrained(asked, "asked"), stream = {0};
	struct busy other;

	(void)state;
	constrain_confirm(&w);
	probe_expect(client, &w, MSG_SUCCESS);
	be_attended();
	busy_dial(&other, company.key, 3);
	for (int status = 1; status >= 0; status--) {
		person_waits();
		busy_row(&me, QUICK_ROW);
		me.key = asked;
		busy_request(&me, me.asked, &stream);
		probe_send(me.fd, &stream);
		wire_free(&stream);
		person_is_asked();
		busy_row(&other, MANY);
		assert_false(probe_readable(me.fd, 0));
		person_says(status);
		w = probe_receive(me.fd);
		assert_int_equal(w.data[0], status == 0 ? MSG_SIGNATURE : MSG_FAILURE);
		assert_true(status != 0 || busy_verify(&me, me.asked, &w));
		wire_free(&w);
		me.key = some_key();
		me.asked++;
		busy_row(&me, QUICK_ROW);
	}
	busy_close(&other);
	part();
}

/* It is gone, or a zombie that nobody has waited for yet. */
static bool has_ended(pid_t pid)
{
	char path[64], state = 'Z';

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return true;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(f);
	return state == 'Z' || state == 'X';
}

static void test_the_agent_ends(void **state)
{
	static struct busy crowd[4];
	const pid_t core = core_of(&agent);
	int status = -1;

	(void)state;
	be_attended();
	company.leaves = true;
	for (unsigned i = 0; i < 4; i++) {
		busy_dial(&crowd[i], i % 2 == 0 ? some_key() : company.key, 10 + i);
		crowd[i].leaves = true;
		busy_begin(&crowd[i]);
	}
	for (unsigned i = 0; i < 4; i++)
		busy_goes_on(&crowd[i], 2 * ROW);
	assert_int_equal(kill(agent.pid, SIGTERM), 0);
	for (long long end = now_ms() + REPLY_MS; waitpid(agent.pid, &status, WNOHANG) == 0;
	     pause_ms(5)) {
		if (now_ms() > end)
			fail_msg("the agent does not end");
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
	for (long long end = now_ms() + REPLY_MS; !has_ended(core); pause_ms(5)) {
		if (now_ms() > end)
			fail_msg("the process with the keys does not end");
	}
	assert_int_not_equal(access(agent.path, F_OK), 0);
	for (unsigned i = 0; i < 4; i++)
		busy_end(&crowd[i]);
	if (beside)
		busy_end(&company);
	shell("rm -rf %s", agent.dir);
	agent.pid = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    BUSY(test_locked_by_another),
	    BUSY(test_key_removed_by_another),
	    BUSY(test_consent),
	    BUSY(test_the_agent_ends),
	};

	return cmocka_run_group_tests(tests, NULL, keys_gone);
}
