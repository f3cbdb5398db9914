/*
 * Keys that ask before each use (constraint 2), with a program that answers in place of a person
 * (SSH_ASKPASS_REQUIRE=force).  What it does is up to the file "mode"; it leaves in its folder how
 * it was called.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/agent_client_keys.h"

static struct probe agent;
static int client;
static char dir[32]; /* the askpass program's */

/* "wait" lets two prompts be open and answered in any order: go-NAME answers the one whose text has
 * NAME in it. */
static const char askpass_text[] = "#!/bin/sh\n"
				   "d=${0%/*}\n"
				   "echo $$ >>$d/pids\n"
				   "printf '%s' \"${SSH_ASKPASS_PROMPT-unset}\" >$d/kind\n"
				   "printf '%s' \"$1\" >$d/text\n"
				   "case $(cat $d/mode) in\n"
				   "yes) exit 0 ;;\n"
				   "no) exit 1 ;;\n"
				   "die) kill -9 $$ ;;\n"
				   "hang) exec sleep 600 ;;\n"
				   "wait)\n"
				   "	case $1 in *alpha*) n=alpha ;; *beta*) n=beta ;; esac\n"
				   "	while ! [ -e $d/go-$n ]; do sleep 0.02; done\n"
				   "	exit 0 ;;\n"
				   "esac\n"
				   "exit 1\n";

static void set_mode(const char *mode)
{
	shell("echo %s >%s/mode", mode, dir);
}

static const struct test_key *some_key(void)
{
	return test_key("ed25519", "one");
}

static void add_confirmed(const struct test_key *key, const char *comment)
{
	struct wire w = ask_add_constrained(key, comment);

	constrain_confirm(&w);
	probe_expect(client, &w, MSG_SUCCESS);
}

static struct wire some_data(void)
{
	struct wire w = {0};

	wire_text(&w, "sign this");
	return w;
}

static void send_sign(int fd, const struct test_key *key)
{
	struct wire data = some_data(), w = ask_sign(&key->blob, &data, 0), stream = {0};

	wire_frame(&stream, &w);
	probe_send(fd, &stream);
	wire_free(&data);
	wire_free(&w);
	wire_free(&stream);
}

static void expect_reply(int fd, uint8_t number)
{
	struct wire reply = probe_receive(fd);

	assert_int_equal(reply.data[0], number);
	wire_free(&reply);
}

static void expect_refused(const struct test_key *key)
{
	send_sign(client, key);
	expect_reply(client, MSG_FAILURE);
}

/* How many prompts there were. */
static int prompts(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/pids", dir);
	if (access(path, R_OK) != 0)
		return 0;
	struct wire w = file_read(path);
	int lines = 0;
	for (size_t i = 0; i < w.len; i++)
		lines += w.data[i] == '\n';
	wire_free(&w);
	return lines;
}

/* Wait until there were n prompts; the number of the last one's process. */
static pid_t wait_for_prompt(int n)
{
	char path[64];

	for (long long end = now_ms() + REPLY_MS; prompts() < n; pause_ms(10)) {
		if (now_ms() > end)
			fail_msg("nobody was asked");
	}
	snprintf(path, sizeof(path), "%s/pids", dir);
	struct wire w = file_read(path);
	wire_u8(&w, 0);
	char *text = (char *)w.data, *line = text;
	while (n-- > 1)
		line = strchr(line, '\n') + 1;
	pid_t pid = atoi(line);
	wire_free(&w);
	assert_true(pid > 0);
	return pid;
}

static void expect_ended(pid_t pid)
{
	for (long long end = now_ms() + REPLY_MS; kill(pid, 0) == 0; pause_ms(10)) {
		/* A zombie is as good as ended. */
		if (shell_status("grep -q '^State:.Z' /proc/%d/status 2>/dev/null", pid) == 0)
			return;
		if (now_ms() > end)
			fail_msg("the prompt's process %d is still there", pid);
	}
}

static char *said(const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	struct wire w = file_read(path);
	wire_u8(&w, 0);
	return (char *)w.data;
}

static void test_yes_signs_and_each_use_asks(void **state)
{
	struct wire data = some_data();

	(void)state;
	set_mode("yes");
	add_confirmed(some_key(), "a key");
	assert_int_equal(prompts(), 0);
	for (int i = 1; i <= 3; i++) {
		struct wire signature = probe_sign(client, &some_key()->blob, &data, 0);
		assert_true(signature_is_good(some_key(), "ssh-ed25519", &data, &signature));
		assert_int_equal(prompts(), i);
		wire_free(&signature);
	}
	wire_free(&data);
}

static void test_no_refuses_and_keeps_the_key(void **state)
{
	(void)state;
	set_mode("no");
	add_confirmed(some_key(), "a key");
	expect_refused(some_key());
	assert_int_equal(prompts(), 1);
	set_mode("yes");
	probe_expect_works(client, &some_key()->blob);
}

static void test_prompt_that_dies_refuses(void **state)
{
	(void)state;
	set_mode("die");
	add_confirmed(some_key(), "a key");
	expect_refused(some_key());
	assert_true(probe_holds(client, &some_key()->blob));
}

/* The question is marked as one of yes or no, and names the key. */
static void test_prompt_names_the_key(void **state)
{
	char fingerprint[64] = "";

	(void)state;
	set_mode("yes");
	add_confirmed(some_key(), "my-own comment");
	probe_expect_works(client, &some_key()->blob);
	char *kind = said("kind"), *text = said("text");
	assert_string_equal(kind, "confirm");
	assert_non_null(strstr(text, "my-own comment"));
	shell("ssh-keygen -lf %s | cut -d' ' -f2 | tr -d '\\n' >%s/fingerprint", some_key()->path,
	    dir);
	char *want = said("fingerprint");
	snprintf(fingerprint, sizeof(fingerprint), "%s", want);
	assert_int_equal(strncmp(fingerprint, "SHA256:", 7), 0);
	assert_non_null(strstr(text, fingerprint));
	free(kind);
	free(text);
	free(want);
}

/* A comment is from outside: it draws nothing on the person's screen, and adds no lines to the
 * question. */
static void test_comment_cannot_draw(void **state)
{
	(void)state;
	set_mode("yes");
	add_confirmed(some_key(), "before\x1b[2J\x07\r\nPress OK to update your system\x9b");
	probe_expect_works(client, &some_key()->blob);
	char *text = said("text");
	assert_non_null(strstr(text, "before"));
	assert_null(strpbrk(text, "\x1b\x07\r"));
	assert_null(strstr(text, "\nPress"));
	free(text);
}

/* Adding a key again without the constraint ends the asking, and the other way round (RFC 9987,
 * section 5.2). */
static void test_adding_again_replaces_confirm(void **state)
{
	struct wire w = ask_add(some_key(), "a key");

	(void)state;
	set_mode("no");
	add_confirmed(some_key(), "a key");
	expect_refused(some_key());
	probe_expect(client, &w, MSG_SUCCESS);
	probe_expect_works(client, &some_key()->blob);
	assert_int_equal(prompts(), 1);
	add_confirmed(some_key(), "a key");
	expect_refused(some_key());
}

/* An unanswered question holds up nobody but who caused it. */
static void test_open_prompt_holds_up_nobody_else(void **state)
{
	const struct test_key *plain = test_key("ed25519", "plain");
	struct wire w = ask_add(plain, "plain");
	int asker = probe_dial(&agent);

	(void)state;
	set_mode("hang");
	add_confirmed(some_key(), "a key");
	probe_expect(client, &w, MSG_SUCCESS);
	send_sign(asker, some_key());
	wait_for_prompt(1);
	for (int i = 0; i < 20; i++)
		probe_expect_works(client, &plain->blob);
	int third = probe_dial(&agent);
	probe_expect_works(third, &plain->blob);
	assert_false(probe_readable(asker, 0));
	close(third);
	close(asker);
}

/* The client leaves, and the prompt closes. */
static void test_prompt_ends_with_its_client(void **state)
{
	int asker = probe_dial(&agent);

	(void)state;
	set_mode("hang");
	add_confirmed(some_key(), "a key");
	send_sign(asker, some_key());
	pid_t pid = wait_for_prompt(1);
	assert_int_equal(kill(pid, 0), 0);
	close(asker);
	expect_ended(pid);
	set_mode("yes");
	probe_expect_works(client, &some_key()->blob);
}

/* Two questions are open at once; the second may be answered first. */
static void test_two_prompts_at_once(void **state)
{
	int first = probe_dial(&agent), second = probe_dial(&agent);

	(void)state;
	set_mode("wait");
	add_confirmed(some_key(), "alpha");
	add_confirmed(test_key("ed25519", "two"), "beta");
	send_sign(first, some_key());
	wait_for_prompt(1);
	send_sign(second, test_key("ed25519", "two"));
	wait_for_prompt(2);
	shell("touch %s/go-beta", dir);
	expect_reply(second, MSG_SIGNATURE);
	assert_false(probe_readable(first, 0));
	shell("touch %s/go-alpha", dir);
	expect_reply(first, MSG_SIGNATURE);
	close(first);
	close(second);
}

/* On one connection the order of answers is that of the requests, also behind a question. */
static void test_requests_behind_a_prompt_stay_in_order(void **state)
{
	struct wire list = ask_plain(MSG_LIST), stream = {0};

	(void)state;
	set_mode("wait");
	add_confirmed(some_key(), "alpha");
	send_sign(client, some_key());
	wire_frame(&stream, &list);
	probe_send(client, &stream);
	wait_for_prompt(1);
	assert_false(probe_readable(client, 100));
	shell("touch %s/go-alpha", dir);
	expect_reply(client, MSG_SIGNATURE);
	expect_reply(client, MSG_KEYS);
	wire_free(&list);
	wire_free(&stream);
}

/* Consent given to a key that is no longer there signs nothing. */
static void test_key_removed_while_asking(void **state)
{
	int asker = probe_dial(&agent);
	struct wire w = ask_plain(MSG_REMOVE_ALL);

	(void)state;
	set_mode("wait");
	add_confirmed(some_key(), "alpha");
	send_sign(asker, some_key());
	wait_for_prompt(1);
	probe_expect(client, &w, MSG_SUCCESS);
	shell("touch %s/go-alpha", dir);
	expect_reply(asker, MSG_FAILURE);
	close(asker);
}

/* Nor while the agent is locked. */
static void test_agent_locked_while_asking(void **state)
{
	int asker = probe_dial(&agent);
	struct wire w = ask_text(MSG_LOCK, "sesame");

	(void)state;
	set_mode("wait");
	add_confirmed(some_key(), "alpha");
	send_sign(asker, some_key());
	wait_for_prompt(1);
	probe_expect(client, &w, MSG_SUCCESS);
	shell("touch %s/go-alpha", dir);
	expect_reply(asker, MSG_FAILURE);
	close(asker);
}

/* The agent ends, and no prompt stays on the screen. */
static void test_prompt_ends_with_the_agent(void **state)
{
	(void)state;
	set_mode("hang");
	add_confirmed(some_key(), "a key");
	send_sign(client, some_key());
	pid_t pid = wait_for_prompt(1);
	kill(agent.pid, SIGTERM);
	expect_ended(pid);
}

/* Where nobody can be asked, the answer is no, at once. */
static void test_nobody_to_ask_is_a_refusal(void **state)
{
	const char *const environment[] = {
	    "SSH_ASKPASS=/nonexistent/askpass", "SSH_ASKPASS_REQUIRE=force", NULL};
	struct probe other;
	struct wire w = ask_add_constrained(some_key(), "a key");

	(void)state;
	constrain_confirm(&w);
	probe_start(&other, &(struct probe_options){.environment = environment});
	int fd = probe_dial(&other);
	probe_expect(fd, &w, MSG_SUCCESS);
	send_sign(fd, some_key());
	expect_reply(fd, MSG_FAILURE);
	assert_true(probe_holds(fd, &some_key()->blob));
	close(fd);
	probe_end(&other);
}

/* Each test has its own agent, so that none inherits another's open question. */
static int start(void **state)
{
	char program[64], variable[96];
	const char *const environment[] = {variable, "SSH_ASKPASS_REQUIRE=force", NULL};
	struct wire text = {0};

	(void)state;
	strcpy(dir, "/tmp/sga.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(program, sizeof(program), "%s/askpass", dir);
	wire_raw(&text, askpass_text, strlen(askpass_text));
	file_write(program, &text);
	wire_free(&text);
	shell("chmod 755 %s", program);
	snprintf(variable, sizeof(variable), "SSH_ASKPASS=%s", program);
	probe_start(&agent, &(struct probe_options){.environment = environment});
	client = probe_dial(&agent);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	close(client);
	/* An agent that leaves its prompts behind must not leave them here. */
	shell("for p in $(cat %s/pids 2>/dev/null); do"
	      " grep -qa %s /proc/$p/cmdline /proc/$p/environ 2>/dev/null && kill $p; done; true",
	    dir, dir);
	probe_end(&agent);
	shell("rm -rf %s", dir);
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
	    TEST(test_yes_signs_and_each_use_asks),
	    TEST(test_no_refuses_and_keeps_the_key),
	    TEST(test_prompt_that_dies_refuses),
	    TEST(test_prompt_names_the_key),
	    TEST(test_comment_cannot_draw),
	    TEST(test_adding_again_replaces_confirm),
	    TEST(test_open_prompt_holds_up_nobody_else),
	    TEST(test_prompt_ends_with_its_client),
	    TEST(test_two_prompts_at_once),
	    TEST(test_requests_behind_a_prompt_stay_in_order),
	    TEST(test_key_removed_while_asking),
	    TEST(test_agent_locked_while_asking),
	    TEST(test_prompt_ends_with_the_agent),
	    TEST(test_nobody_to_ask_is_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, last);
}
