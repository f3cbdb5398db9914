/* What signet-add sends for -h and -H, held against what OpenSSH's ssh-add sends for the same. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/add_agent.h"

enum { ROOM = 4096 };

static struct add_agent agent; /* big, so it lies on no stack */
static struct bytes ours;
static char folder[] = "/tmp/sadd-dest.XXXXXX";

/* known_hosts files of every form, and a key with a certificate. */
static const char script[] =
    "cd %s && for t in ed25519 ecdsa rsa; do ssh-keygen -q -t $t -N '' -f h_$t; done && "
    "ssh-keygen -q -t ed25519 -N '' -f ca && ssh-keygen -q -t ed25519 -N '' -C me -f key && "
    "ssh-keygen -q -t ed25519 -N '' -C it -f certified && "
    "ssh-keygen -q -s ca -I id -n me certified.pub && chmod 600 key certified && "
    "k() { cut -d ' ' -f 1,2 $1.pub; } && "
    "{ echo '# hosts'; echo; echo \"plain,other $(k h_ed25519) words\"; echo \"plain $(k h_rsa)\"; "
    "echo \"*.wild.example,!bad.wild.example $(k h_ecdsa)\"; echo \"[plain]:2222 $(k h_ecdsa)\"; "
    "echo \"UPPER $(k h_rsa)\"; echo \"@cert-authority *.ca.example $(k ca)\"; "
    "echo \"@revoked other $(k h_rsa)\"; echo 'plain broken'; echo 'plain ssh-rsa AAAA'; "
    "echo '@odd plain x y'; echo 'plain 1024 35 123'; printf 'crlf %%s\\r\\n' \"$(k h_ed25519)\"; "
    "printf 'last %%s' \"$(k h_ecdsa)\"; } >known && "
    "{ echo \"secret $(k h_ed25519)\"; echo \"[secret]:22022 $(k h_rsa)\"; } >hashed && "
    "ssh-keygen -q -H -f hashed >/dev/null 2>&1 && rm hashed.old && "
    "echo \"plain $(k h_ecdsa)\" >second";

static void command(const char *line)
{
	if (system(line) != 0)
		fail_msg("failed: %s", line);
}

static int make_files(void **state)
{
	char line[ROOM];

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_true(snprintf(line, sizeof(line), script, folder) < ROOM);
	command(line);
	return 0;
}

static int remove_files(void **state)
{
	char line[ROOM];

	(void)state;
	free((void *)(uintptr_t)ours.data);
	snprintf(line, sizeof(line), "rm -rf %s", folder);
	command(line);
	return 0;
}

/* The last of n requests that the program sends with these arguments; into agent. */
static int sends(const char *program, const char *arguments, size_t n)
{
	static const uint8_t success[] = {0, 0, 0, 1, 6};
	char line[ROOM];
	int status;

	memset(&agent, 0, sizeof(agent));
	agent.nreplies = n;
	for (size_t i = 0; i < n; i++)
		agent.replies[i] = BYTES(success, sizeof(success));
	add_agent_start(&agent, folder, "sock");
	snprintf(line, sizeof(line), "cd %s && SSH_AUTH_SOCK=%s exec %s %s </dev/null 2>said",
	    folder, agent.path, program, arguments);
	status = system(line);
	add_agent_stop(&agent);
	return status;
}

static void run_ours(const char *arguments, size_t n)
{
	const char *build = getenv("BUILD");
	char program[ROOM / 2];
	char here[ROOM / 4];

	assert_non_null(getcwd(here, sizeof(here)));
	if (build != NULL && build[0] == '/')
		snprintf(program, sizeof(program), "%s/bin/signet-add", build);
	else
		snprintf(program, sizeof(program), "%s/%s/bin/signet-add", here,
		    build != NULL ? build : "build");
	if (sends(program, arguments, n) != 0)
		fail_msg("signet-add %s failed", arguments);
}

static void keep_ours(void)
{
	uint8_t *copy = malloc(agent.request_len);

	assert_non_null(copy);
	memcpy(copy, agent.request, agent.request_len);
	free((void *)(uintptr_t)ours.data);
	ours = BYTES(copy, agent.request_len);
}

static bool holds(const void *part, size_t n)
{
	return memmem(agent.request, agent.request_len, part, n) != NULL;
}

static void same(const char *arguments, size_t n)
{
	static const char name[] = "\377\0\0\0\044restrict-destination-v00@openssh.com";

	run_ours(arguments, n);
	keep_ours();
	if (sends("ssh-add", arguments, n) != 0)
		fail_msg("ssh-add %s failed", arguments);
	if (!holds(name, sizeof(name) - 1))
		fail_msg("%s: no constraint", arguments);
	if (!bytes_equal(ours, BYTES(agent.request, agent.request_len)))
		fail_msg("%s: other bytes", arguments);
}

static void sends_what_ssh_add_sends(void **state)
{
	static const char *const rows[] = {
	    "-H known -h plain key",
	    "-H known -h me@plain key",
	    "-H known -h '*@plain' key",
	    "-H known -h @plain key",
	    "-H known -h other key",
	    "-H known -h a.wild.example key",
	    "-H known -h PLAIN key",
	    "-H known -h upper key",
	    "-H known -h '[plain]:2222' key",
	    "-H known -h 'me@[plain]:2222' key",
	    "-H known -h host.ca.example key",
	    "-H known -h '*.ca.example' key",
	    "-H known -h crlf key",
	    "-H known -h last key",
	    "-H hashed -h secret key",
	    "-H hashed -h 'x@[secret]:22022' key",
	    "-H known -H second -h plain key",
	    "-H second -H known -h plain key",
	    "-H known -H nowhere -h plain key",
	    "-h plain -H known key",
	    "-h plain -t 60 -H known -c key",
	    "-H known -h 'plain>other' key",
	    "-H known -h 'plain>me@other' key",
	    "-H known -H hashed -h plain -h 'plain>secret' -h 'secret>root@a.ca.example' key",
	    "-H known -h plain -h plain key",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		same(rows[i], 1);
}

static void certificates_too(void **state)
{
	(void)state;
	same("-H known -h plain certified", 2);
	assert_true(holds("ssh-ed25519-cert-v01@openssh.com", 32));
}

/* Later than OpenSSH 9.2, which splits at the first one. */
static void user_ends_at_the_last_at(void **state)
{
	static const char expected[] = "\0\0\0\023me@realm.example.or\0\0\0\005plain\0\0\0\0";

	(void)state;
	run_ours("-H known -h me@realm.example.or@plain key", 1);
	assert_true(holds(expected, sizeof(expected) - 1));
}

/* ssh-add looks for "[plain" here. */
static void brackets_without_port(void **state)
{
	static const char expected[] = "\0\0\0\0\0\0\0\005plain\0\0\0\0";

	(void)state;
	run_ours("-H known -h '[plain]' key", 1);
	assert_true(holds(expected, sizeof(expected) - 1));
}

/* A key that a line for this host revokes is no key of it, though another line says so. */
static void revoked_keys_stay_out(void **state)
{
	char line[ROOM];

	(void)state;
	snprintf(line, sizeof(line),
	    "cd %s && { echo \"@revoked plain $(cut -d ' ' -f 1,2 h_rsa.pub)\"; cat known; } >gone",
	    folder);
	command(line);
	run_ours("-H gone -h plain key", 1);
	keep_ours();
	run_ours("-H known -h plain key", 1);
	assert_true(holds("ssh-rsa", 7));
	memcpy(agent.request, ours.data, ours.len);
	agent.request_len = ours.len;
	assert_false(holds("ssh-rsa", 7));
	assert_true(holds("restrict-destination", 20));
}

/* ssh-add finds an upper-case name in no hash; ssh itself lowers it first. */
static void hashes_are_of_lower_case(void **state)
{
	(void)state;
	run_ours("-H hashed -h SECRET key", 1);
	assert_true(holds("\0\0\0\006SECRET", 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sends_what_ssh_add_sends),
	    cmocka_unit_test(certificates_too),
	    cmocka_unit_test(user_ends_at_the_last_at),
	    cmocka_unit_test(brackets_without_port),
	    cmocka_unit_test(revoked_keys_stay_out),
	    cmocka_unit_test(hashes_are_of_lower_case),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
