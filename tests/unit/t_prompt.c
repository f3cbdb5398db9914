/* Drives the real signet-prompt over its socket, as the core does. */
#include "tests/support/prompt_helper.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/askpass.h"
#include "proto/base/fdio.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

/* A running helper, and the folder with the script that it asks through. */
struct helper {
	char folder[64];
	char script[128];
	struct prompt_helper run;
};

static int setup(void **state)
{
	static struct helper h;

	h = (struct helper){.run = {.sock = -1, .errors = -1}};
	base_folder_make(h.folder);
	/* What an ended helper leaves behind becomes ours, so that its end can be seen. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	*state = &h;
	return 0;
}

static int teardown(void **state)
{
	struct helper *h = *state;

	prompt_helper_close(&h->run);
	base_folder_remove(h->folder);
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

/* Start the helper; rule is its SSH_ASKPASS_REQUIRE. */
static void start(struct helper *h, const char *script, const char *rule)
{
	char askpass[160], require[64];
	const char *const env[] = {"PATH=/usr/bin:/bin", askpass, require, NULL};

	base_script(h->folder, "askpass", script, h->script);
	snprintf(askpass, sizeof(askpass), "SSH_ASKPASS=%s", h->script);
	snprintf(require, sizeof(require), "SSH_ASKPASS_REQUIRE=%s", rule);
	prompt_helper_start(&h->run, env);
}

static void ask(struct helper *h, enum askpass_kind kind, const char *text)
{
	struct helper_ask m = {.kind = (uint8_t)kind, .text = bytes_str(text)};

	prompt_helper_ask(&h->run, &m);
}

/* Its exit status, once it has ended without an answer. */
static int ended_in_silence(struct helper *h)
{
	uint8_t byte;
	int status;

	assert_int_equal(fd_read_exact(h->run.sock, &byte, 1, BASE_PATIENCE), ERR_CLOSED);
	status = base_wait_end(h->run.pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

struct row {
	enum askpass_kind kind;
	const char *script;
	enum err result;
	const char *answer;
};

static void answers(void **state)
{
	static const struct row table[] = {
	    {ASKPASS_CONFIRM, "exit 0", ERR_OK, ""},
	    {ASKPASS_CONFIRM, "echo yes", ERR_OK, ""},
	    {ASKPASS_CONFIRM, "exit 1", ERR_DENIED, ""},
	    {ASKPASS_CONFIRM, "echo no", ERR_DENIED, ""},
	    {ASKPASS_SECRET, "echo 1234", ERR_OK, "1234"},
	    {ASKPASS_SECRET, "echo 1234; exit 1", ERR_DENIED, ""},
	    {ASKPASS_SECRET, "echo \"$1\"", ERR_OK, "Allow the use of key \xc3\xa9?"},
	    {ASKPASS_SECRET, "echo $SSH_ASKPASS_PROMPT.", ERR_OK, "."},
	    {ASKPASS_CONFIRM, "[ $SSH_ASKPASS_PROMPT = confirm ]", ERR_OK, ""},
	    {ASKPASS_NOTICE, "[ $SSH_ASKPASS_PROMPT = none ]", ERR_OK, ""},
	    {ASKPASS_SECRET, "exec yes", ERR_ASKER_FLOOD, ""},
	    {ASKPASS_SECRET, "kill -9 $$", ERR_ASKER_ENDED, ""},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct helper *h = *state;
		char text[128];

		start(h, table[i].script, "force");
		ask(h, table[i].kind, "Allow the use of key \xc3\xa9?");
		assert_int_equal(prompt_helper_hear(&h->run, text, sizeof(text)), table[i].result);
		assert_string_equal(text, table[i].answer);
		assert_int_equal(base_wait_end(h->run.pid), 0);
		prompt_helper_close(&h->run);
	}
}

static void without_a_display_nobody_is_asked(void **state)
{
	struct helper *h = *state;
	char text[16];

	start(h, "exit 0", "prefer");
	ask(h, ASKPASS_CONFIRM, "?");
	assert_int_equal(prompt_helper_hear(&h->run, text, sizeof(text)), ERR_NO_PROMPT);
	assert_int_equal(base_wait_end(h->run.pid), 0);
}

static void a_program_that_cannot_start_is_told(void **state)
{
	struct helper *h = *state;
	struct blob errors = {0};
	char text[16];

	start(h, "exit 0", "force");
	assert_int_equal(unlink(h->script), 0);
	ask(h, ASKPASS_CONFIRM, "?");
	assert_int_equal(prompt_helper_hear(&h->run, text, sizeof(text)), ERR_ASKER);
	assert_int_equal(base_wait_end(h->run.pid), 0);
	assert_int_equal(fd_read_file(h->run.errors, 4096, &errors), ERR_OK);
	assert_non_null(strstr((char *)errors.data, "SSH_ASKPASS"));
	assert_non_null(strstr((char *)errors.data, "No such file"));
	blob_clear(&errors);
}

/* Start, let the script write its number, and give the core's end the treatment. */
static void taken_back(struct helper *h, void (*how)(struct helper *))
{
	char path[128], line[32];
	int status;

	start(h, "echo $$ >${0%/*}/pid; exec sleep 1000", "force");
	ask(h, ASKPASS_CONFIRM, "?");
	snprintf(path, sizeof(path), "%s/pid", h->folder);
	assert_true(base_wait_line(path, line, sizeof(line)));
	how(h);
	status = base_wait_end(h->run.pid);
	assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
	/* Reaped by the helper; or, where that was killed, by its death signal and by us. */
	if (WIFSIGNALED(status)) {
		status = base_wait_end((pid_t)atoi(line));
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	assert_int_equal(kill((pid_t)atoi(line), 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void hang_up(struct helper *h)
{
	fd_close(&h->run.sock);
}

static void half_close(struct helper *h)
{
	assert_int_equal(shutdown(h->run.sock, SHUT_WR), 0);
}

static void say_more(struct helper *h)
{
	assert_int_equal(fd_write_all(h->run.sock, bytes_str("x"), BASE_PATIENCE), ERR_OK);
}

static void kill_it(struct helper *h)
{
	assert_int_equal(kill(h->run.pid, SIGKILL), 0);
}

static void hanging_up_takes_the_question_back(void **state)
{
	taken_back(*state, hang_up);
}

static void half_closing_takes_the_question_back(void **state)
{
	taken_back(*state, half_close);
}

static void a_second_message_takes_the_question_back(void **state)
{
	taken_back(*state, say_more);
}

static void killing_the_helper_ends_the_program(void **state)
{
	taken_back(*state, kill_it);
}

struct bad_row {
	uint8_t bytes[20];
	size_t len;
	const char *words; /* in what it says */
};

static void bad_messages_end_the_helper(void **state)
{
	static const struct bad_row table[] = {
	    {{0, 0, 0, 0}, 4, "ends too early"},
	    {{0, 0, 0, 4, HELPER_VERSION, HELPER_ANSWER, 1, 0}, 8, "unknown message"},
	    {{0, 0, 0, 4, HELPER_VERSION, HELPER_ASK, 9, 0}, 8, "malformed"},
	    {{0, 0, 0, 9, HELPER_VERSION, HELPER_ASK, 1, 0, 0, 0, 9, 'h', 'i'}, 13, "too early"},
	    {{0, 0, 0, 9, HELPER_VERSION, HELPER_ASK, 1, 0, 0, 0, 2, 'h', 0}, 13, "NUL"},
	    {{0, 1, 0, 1, HELPER_VERSION}, 5, "over its limit"},
	    {{0xff, 0xff, 0xff, 0xff, HELPER_VERSION}, 5, "over its limit"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct helper *h = *state;
		struct blob errors = {0};

		start(h, "touch ${0%/*}/asked", "force");
		assert_int_equal(
		    fd_write_all(h->run.sock, BYTES(table[i].bytes, table[i].len), BASE_PATIENCE),
		    ERR_OK);
		assert_int_equal(ended_in_silence(h), 1);
		assert_int_equal(fd_read_file(h->run.errors, 4096, &errors), ERR_OK);
		assert_non_null(strstr((char *)errors.data, table[i].words));
		blob_clear(&errors);
		prompt_helper_close(&h->run);
	}
}

static void another_version_is_told_ours(void **state)
{
	static const uint8_t alien[] = {0, 0, 0, 2, HELPER_VERSION, HELPER_ALIEN};
	struct helper *h = *state;
	uint8_t answer[sizeof(alien)];

	start(h, "touch ${0%/*}/asked", "force");
	assert_int_equal(
	    fd_write_all(h->run.sock, BYTES("\0\0\0\4\xff\1\1\0", 8), BASE_PATIENCE), ERR_OK);
	assert_int_equal(fd_read_exact(h->run.sock, answer, sizeof(answer), BASE_PATIENCE), ERR_OK);
	assert_memory_equal(answer, alien, sizeof(alien));
	assert_int_equal(ended_in_silence(h), 1);
}

static void a_message_cut_short_ends_the_helper(void **state)
{
	struct helper *h = *state;

	start(h, "exit 0", "force");
	assert_int_equal(fd_write_all(h->run.sock, BYTES("\0\0\0\11\1", 5), BASE_PATIENCE), ERR_OK);
	assert_int_equal(shutdown(h->run.sock, SHUT_WR), 0);
	assert_int_equal(ended_in_silence(h), 1);
}

static void by_hand_it_explains_itself(void **state)
{
	struct helper *h = *state;
	char command[PATH_MAX + 64];
	char line[128] = {0};
	FILE *f;

	(void)h;
	snprintf(command, sizeof(command), "exec '%s' 2>&1 </dev/null 3</dev/null",
	    prompt_helper_path());
	f = popen(command, "re");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(strstr(line, "started by signet-agent"));
	assert_int_equal(WEXITSTATUS(pclose(f)), 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(answers),
	    TEST(without_a_display_nobody_is_asked),
	    TEST(a_program_that_cannot_start_is_told),
	    TEST(hanging_up_takes_the_question_back),
	    TEST(half_closing_takes_the_question_back),
	    TEST(a_second_message_takes_the_question_back),
	    TEST(killing_the_helper_ends_the_program),
	    TEST(bad_messages_end_the_helper),
	    TEST(another_version_is_told_ours),
	    TEST(a_message_cut_short_ends_the_helper),
	    TEST(by_hand_it_explains_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
