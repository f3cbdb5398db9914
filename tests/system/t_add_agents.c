/* signet-add against agents that lie, break off or hang, and what it sends them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/agentmsg.h"
#include "proto/ctlmsg.h"
#include "tests/support/add_agent.h"

/* Big, so neither lies on a stack; used by one test after the other. */
static struct add_agent agent;
static struct add_run run;
static char folder[] = "/tmp/sadd-agents.XXXXXX";

static void command(const char *line)
{
	if (system(line) != 0) { /* fixed strings and a folder of ours */
		fprintf(stderr, "%s\n", line);
		abort();
	}
}

static int make_files(void **state)
{
	char line[512];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(line, sizeof(line),
	    "cd %s && ssh-keygen -q -t ed25519 -N '' -C me -f key </dev/null && "
	    "ssh-keygen -q -t rsa -b 2048 -N '' -f rsa </dev/null",
	    folder);
	command(line);
	return 0;
}

static int remove_files(void **state)
{
	char line[512];

	(void)state;
	snprintf(line, sizeof(line), "rm -rf %s", folder);
	command(line);
	return 0;
}

static const char *const *words(const char *a, const char *b, const char *c, const char *d)
{
	static const char *list[5];

	list[0] = a;
	list[1] = b;
	list[2] = c;
	list[3] = d;
	return list;
}

/* Run signet-add with these arguments; its request is answered with reply. */
static int against(struct bytes reply, const char *const *args)
{
	memset(&agent, 0, sizeof(agent));
	agent.replies[0] = reply;
	agent.nreplies = 1;
	add_agent_start(&agent, folder, "a.sock");
	add_run_start(&run, folder, agent.path, args);
	add_run_finish(&run);
	add_agent_stop(&agent);
	assert_true(WIFEXITED(run.status));
	return WEXITSTATUS(run.status);
}

static void says(const char *text)
{
	if (strstr(run.err_text, text) == NULL)
		fail_msg("standard error has no \"%s\": %s", text, run.err_text);
}

#define FRAME(s) BYTES(s, sizeof(s) - 1)

static void ends_with(const char *bytes, size_t n)
{
	assert_true(agent.request_len > n);
	assert_memory_equal(agent.request + agent.request_len - n, bytes, n);
}

static void replies_that_make_no_sense(void **state)
{
	static const struct {
		struct bytes reply;
		const char *words;
	} rows[] = {
	    {{NULL, 0}, "communication with agent failed: it closed the connection"},
	    {FRAME("\0\0"), "it closed the connection"},
	    {FRAME("\0\0\0\5\14\0\0"), "it closed the connection"},
	    {FRAME("\0\0\0\0"), "makes no sense"},
	    {FRAME("\377\377\377\377\14"), "makes no sense"},
	    {FRAME("\0\4\0\1\14"), "makes no sense"},
	    {FRAME("\0\0\0\1\6"), "makes no sense"},
	    {FRAME("\0\0\0\1\14"), "makes no sense"},
	    {FRAME("\0\0\0\5\14\0\17\377\377"), "makes no sense"},
	    {FRAME("\0\0\0\6\14\0\0\0\0x"), "makes no sense"},
	    {FRAME("\0\0\0\15\14\0\0\0\1\177\377\377\377\0\0\0\0"), "makes no sense"},
	    {FRAME("\0\0\0\1\5"), "agent refused operation"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(against(rows[i].reply, words("-l", NULL, NULL, NULL)), 1);
		says("error fetching identities: ");
		says(rows[i].words);
		assert_string_equal(run.out_text, "");
	}
}

static void refusals(void **state)
{
	const struct bytes no = FRAME("\0\0\0\1\5");

	(void)state;
	assert_int_equal(against(no, words("key", NULL, NULL, NULL)), 1);
	assert_string_equal(
	    run.err_text, "Could not add identity \"key\": agent refused operation\n");
	assert_int_equal(against(no, words("-D", NULL, NULL, NULL)), 1);
	assert_string_equal(run.err_text, "Failed to remove all identities.\n");
	assert_int_equal(against(no, words("-d", "key", NULL, NULL)), 1);
	assert_string_equal(
	    run.err_text, "Could not remove identity \"key\": agent refused operation\n");
	assert_int_equal(against(no, words("-T", "key", NULL, NULL)), 1);
	assert_string_equal(
	    run.err_text, "Agent signature failed for key: agent refused operation\n");
}

/* An IDENTITIES_ANSWER with one key. */
static void one_key(struct builder *b, struct bytes blob, struct bytes comment)
{
	size_t mark = message_open(b, AGENT_IDENTITIES_ANSWER);

	builder_u32(b, 1);
	builder_string(b, blob);
	builder_string(b, comment);
	message_close(b, mark);
}

static void no_control_character(const char *text)
{
	for (; *text != '\0'; text++)
		assert_true((unsigned char)*text >= ' ' || *text == '\n');
}

static void comments_do_not_reach_the_terminal_raw(void **state)
{
	static const char evil[] = "\033]0;owned\007\r\nssh-rsa AAAA x\xff\xe2\x80\xae";
	struct builder key = {0}, b = {0};

	(void)state;
	builder_cstring(&key, "ssh-ed25519");
	builder_string(&key, BYTES("0123456789abcdef0123456789abcdef", 32));
	one_key(&b, builder_view(&key), bytes_str(evil));
	assert_int_equal(against(builder_view(&b), words("-l", NULL, NULL, NULL)), 0);
	no_control_character(run.out_text);
	assert_non_null(strstr(run.out_text, "\\x1b]0;owned\\x07\\x0d\\x0assh-rsa AAAA x\\xff"));
	assert_non_null(strstr(run.out_text, " (ED25519)\n"));
	assert_int_equal(against(builder_view(&b), words("-L", NULL, NULL, NULL)), 0);
	no_control_character(run.out_text);
	assert_non_null(strstr(run.out_text, "\\x1b]0;owned"));
	builder_clear(&b);
	builder_clear(&key);
}

static void keys_of_unknown_types_are_listed(void **state)
{
	struct builder key = {0}, b = {0};

	(void)state;
	builder_cstring(&key, "new-type\033@example.org");
	builder_put(&key, BYTES("\1\2\3", 3));
	one_key(&b, builder_view(&key), bytes_str("c"));
	assert_int_equal(against(builder_view(&b), words("-l", NULL, NULL, NULL)), 0);
	assert_memory_equal(run.out_text, "0 SHA256:", 9);
	assert_non_null(strstr(run.out_text, " c (new-type\\x1b@example.org)\n"));
	assert_int_equal(against(builder_view(&b), words("-L", NULL, NULL, NULL)), 0);
	/* the base64 by openssl base64 */
	assert_string_equal(
	    run.out_text, "new-type\\x1b@example.org AAAAFW5ldy10eXBlG0BleGFtcGxlLm9yZwECAw== c\n");
	builder_reset(&b);
	one_key(&b, BYTES_NONE, bytes_str("nothing"));
	assert_int_equal(against(builder_view(&b), words("-l", NULL, NULL, NULL)), 0);
	assert_non_null(strstr(run.out_text, " nothing (unknown)\n"));
	builder_clear(&b);
	builder_clear(&key);
}

static void signatures_that_do_not_fit(void **state)
{
	struct builder b = {0};
	size_t mark, inner;

	(void)state;
	mark = message_open(&b, AGENT_SIGN_RESPONSE);
	inner = builder_open(&b);
	builder_cstring(&b, "ssh-ed25519");
	builder_u32(&b, 64);
	for (int i = 0; i < 64; i++)
		builder_u8(&b, (uint8_t)i);
	builder_close(&b, inner);
	message_close(&b, mark);
	assert_int_equal(against(builder_view(&b), words("-T", "key.pub", NULL, NULL)), 1);
	assert_string_equal(
	    run.err_text, "Signature verification failed for key.pub: incorrect signature\n");
	assert_int_equal(agent.request[0], AGENT_SIGN_REQUEST);
	builder_clear(&b);
	assert_int_equal(
	    against(FRAME("\0\0\0\5\16\0\0\0\0"), words("-T", "key.pub", NULL, NULL)), 1);
	says("Signature verification failed for key.pub: ");
}

/* RFC 9987, section 5.6.1: without flags an RSA key would sign with SHA-1. */
static void rsa_is_tested_with_sha256(void **state)
{
	const struct bytes no = FRAME("\0\0\0\1\5");

	(void)state;
	assert_int_equal(against(no, words("-T", "rsa.pub", NULL, NULL)), 1);
	ends_with("\0\0\0\2", 4);
	assert_int_equal(against(no, words("-T", "key.pub", NULL, NULL)), 1);
	ends_with("\0\0\0\0", 4);
}

static void extensions(void **state)
{
	(void)state;
	assert_int_equal(against(FRAME("\0\0\0\33\35\0\0\0\5query\0\0\0\3a@b\0\0\0\6c\033d.ef"),
			     words("-Q", NULL, NULL, NULL)),
	    0);
	assert_string_equal(run.out_text, "a@b\nc\\x1bd.ef\n");
	assert_int_equal(agent.request_len, 10);
	assert_memory_equal(agent.request, "\33\0\0\0\5query", 10);
	assert_int_equal(
	    against(FRAME("\0\0\0\12\35\0\0\0\5other"), words("-Q", NULL, NULL, NULL)), 1);
	assert_int_equal(
	    against(FRAME("\0\0\0\14\35\0\0\0\5query\0\0"), words("-Q", NULL, NULL, NULL)), 1);
	says("makes no sense");
	assert_int_equal(against(FRAME("\0\0\0\1\5"), words("-Q", NULL, NULL, NULL)), 1);
	says("does not tell its extensions");
	assert_int_equal(against(FRAME("\0\0\0\1\34"), words("-Q", NULL, NULL, NULL)), 1);
}

/* The control socket is the agent's path and a suffix: an agent of that name plays it. */
static int control_against(struct bytes reply, const char *const *args)
{
	char path[ADD_PATH + 8];

	memset(&agent, 0, sizeof(agent));
	agent.replies[0] = reply;
	agent.nreplies = 1;
	add_agent_start(&agent, folder, "b.sock" CTL_SUFFIX);
	snprintf(path, sizeof(path), "%s/b.sock", folder);
	add_run_start(&run, folder, path, args);
	add_run_finish(&run);
	add_agent_stop(&agent);
	assert_true(WIFEXITED(run.status));
	return WEXITSTATUS(run.status);
}

static int status_against(struct bytes reply)
{
	return control_against(reply, words("--status", NULL, NULL, NULL));
}

static void status(void **state)
{
	(void)state;
	assert_int_equal(
	    status_against(FRAME("\0\0\0\36\2\0\0\0\4keys\0\0\0\0013\0\0\0\4mode\0\0\0\4a\033bc")),
	    0);
	assert_string_equal(run.out_text, "keys: 3\nmode: a\\x1bbc\n");
	assert_int_equal(agent.request_len, 1);
	assert_int_equal(agent.request[0], CTL_STATUS);
	assert_int_equal(status_against(FRAME("\0\0\0\7\3\0\0\0\2no")), 1);
	says("The agent refused: no\n");
	assert_int_equal(status_against(FRAME("\0\0\0\11\2\0\0\0\4keys")), 1);
	says("Could not ask for the status: ");
	assert_int_equal(status_against(FRAME("\0\0\0\1\14")), 1);
	assert_int_equal(status_against(BYTES_NONE), 1);
	says("it closed the connection");
}

static void status_as_json(void **state)
{
	(void)state;
	assert_int_equal(
	    control_against(FRAME("\0\0\0\36\2\0\0\0\4keys\0\0\0\0013\0\0\0\4mode\0\0\0\4a\033bc"),
		words("--status", "--json", NULL, NULL)),
	    0);
	assert_string_equal(run.out_text, "{\"keys\":\"3\",\"mode\":\"a\\u001bbc\"}\n");
}

/* Records of these numbers, from an agent that would have us ask for ever. */
static void put_records(struct builder *b, const char *first, const char *second)
{
	const char *const numbers[] = {first, second};
	size_t all = ctl_records_open(b), one;

	for (size_t i = 0; i < 2; i++) {
		one = builder_open(b);
		builder_cstring(b, "number");
		builder_cstring(b, numbers[i]);
		builder_close(b, one);
	}
	ctl_records_close(b, all);
}

static void records_that_count_backwards(void **state)
{
	static const char *const seconds[] = {"7", "6", "0", "x", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		struct builder b = {0};

		put_records(&b, "7", seconds[i]);
		assert_int_equal(builder_error(&b), ERR_OK);
		assert_int_equal(
		    control_against(builder_view(&b), words("--log", NULL, NULL, NULL)), 1);
		says("Could not read the log: communication with agent failed: its reply makes no "
		     "sense");
		builder_clear(&b);
	}
}

static void no_agent_is_named(void **state)
{
	static const char *const commands[] = {"-l", "--status", "--log"};

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		add_run_start(&run, folder, "", words(commands[i], NULL, NULL, NULL));
		add_run_finish(&run);
		assert_true(WIFEXITED(run.status) && WEXITSTATUS(run.status) == 2);
		says("Could not open a connection to your authentication agent.\n"
		     "Set SSH_AUTH_SOCK to the agent's socket");
	}
}

/* What is sent, read back from the wire. */
static struct msg_add added(const char *const *args)
{
	struct msg_add m;
	bool constrained;

	assert_int_equal(against(FRAME("\0\0\0\1\6"), args), 0);
	constrained = agent.request[0] == AGENT_ADD_ID_CONSTRAINED;
	if (!constrained)
		assert_int_equal(agent.request[0], AGENT_ADD_IDENTITY);
	assert_int_equal(
	    msg_add_parse(BYTES(agent.request + 1, agent.request_len - 1), constrained, &m),
	    ERR_OK);
	assert_true(bytes_is(m.comment, "me"));
	assert_string_equal(m.key.type->name, "ssh-ed25519");
	return m;
}

static void constraints_on_the_wire(void **state)
{
	(void)state;
	added(words("key", NULL, NULL, NULL));
	assert_int_equal(agent.request[0], AGENT_ADD_IDENTITY);
	ends_with("\0\0\0\2me", 6);
	added(words("-c", "key", NULL, NULL));
	ends_with("\0\0\0\2me\2", 7);
	added(words("-t", "90", "key", NULL));
	ends_with("\0\0\0\2me\1\0\0\0\132", 11);
	assert_true(added(words("-ct", "1h30m", "key", NULL)).constraints.confirm);
	assert_int_equal(agent.request[0], AGENT_ADD_ID_CONSTRAINED);
	added(words("-t", "0", "key", NULL));
	assert_int_equal(agent.request[0], AGENT_ADD_IDENTITY);
}

static void an_agent_that_hangs_is_left_by_a_signal(void **state)
{
	struct pollfd heard;

	(void)state;
	memset(&agent, 0, sizeof(agent));
	agent.hang = true;
	add_agent_start(&agent, folder, "a.sock");
	add_run_start(&run, folder, agent.path, words("-l", NULL, NULL, NULL));
	heard = (struct pollfd){.fd = agent.heard, .events = POLLIN};
	assert_int_equal(poll(&heard, 1, 20000), 1);
	assert_int_equal(kill(run.pid, SIGINT), 0);
	add_run_finish(&run);
	add_agent_stop(&agent);
	assert_true(WIFSIGNALED(run.status));
	assert_int_equal(WTERMSIG(run.status), SIGINT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replies_that_make_no_sense),
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(comments_do_not_reach_the_terminal_raw),
	    cmocka_unit_test(keys_of_unknown_types_are_listed),
	    cmocka_unit_test(signatures_that_do_not_fit),
	    cmocka_unit_test(rsa_is_tested_with_sha256),
	    cmocka_unit_test(extensions),
	    cmocka_unit_test(status),
	    cmocka_unit_test(status_as_json),
	    cmocka_unit_test(records_that_count_backwards),
	    cmocka_unit_test(no_agent_is_named),
	    cmocka_unit_test(constraints_on_the_wire),
	    cmocka_unit_test(an_agent_that_hangs_is_left_by_a_signal),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
