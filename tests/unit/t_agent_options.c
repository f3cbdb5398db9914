/* signet-agent's command line. */
#include "tests/support/base_test.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/options.h"

enum { MOST = 12 };

/* What a mistake prints goes into a file. */
static char said[4096];

/* Parse a line of words; standard error is kept in said. */
static bool parse(const char *line, struct options *o)
{
	static char words[512];
	static char *argv[MOST];
	int argc = 0, kept = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	bool good;

	assert_non_null(file);
	snprintf(words, sizeof(words), "signet-agent %s", line);
	for (char *w = strtok(words, " "); w != NULL && argc < MOST - 1; w = strtok(NULL, " "))
		argv[argc++] = w;
	argv[argc] = NULL;
	dup2(fileno(file), STDERR_FILENO);
	optind = 0; /* getopt starts anew */
	good = options_parse(argc, argv, o);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	return good;
}

static void expect_good(const char *line, struct options *o)
{
	if (!parse(line, o))
		fail_msg("'%s' was refused: %s", line, said);
	assert_string_equal(said, "");
}

/* Refused, with these words and how the program is used, and OpenSSH's exit status. */
static void expect_refused(const char *line, const char *words, int status)
{
	struct options o;

	if (parse(line, &o))
		fail_msg("'%s' was taken", line);
	if (strstr(said, words) == NULL || strstr(said, "usage: signet-agent") == NULL)
		fail_msg("'%s' said: %s", line, said);
	assert_int_equal(o.exit_status, status);
}

static void test_nothing_asked_for(void **state)
{
	struct options o;

	(void)state;
	expect_good("", &o);
	assert_int_equal(o.action, ACTION_SERVE);
	assert_int_equal(o.shell, SHELL_BOURNE);
	assert_false(o.foreground || o.debug || o.tmp_socket || o.keep_stale || o.clean_all_hosts);
	assert_false(o.allow_dss || o.no_rsa_sha1 || o.remote_pkcs11);
	assert_true(o.restrict_websafe);
	assert_null(o.socket);
	assert_null(o.command);
	assert_null(o.providers);
	assert_int_equal(o.lifetime, 0);
	assert_int_equal(o.fingerprints, FINGERPRINT_SHA256);
	assert_int_equal(o.secret_memory, SECRET_AUTO);
}

static void test_flags(void **state)
{
	struct options o;

	(void)state;
	expect_good("-D", &o);
	assert_true(o.foreground && !o.debug);
	expect_good("-d", &o);
	assert_true(o.foreground && o.debug);
	expect_good("-DTU --allow-dss --no-rsa-sha1", &o);
	assert_true(o.foreground && o.tmp_socket && o.keep_stale && o.allow_dss && o.no_rsa_sha1);
	expect_good("-k", &o);
	assert_int_equal(o.action, ACTION_KILL);
	expect_good("-u", &o);
	assert_true(o.action == ACTION_CLEAN && !o.clean_all_hosts);
	expect_good("-uu", &o);
	assert_true(o.action == ACTION_CLEAN && o.clean_all_hosts);
	expect_good("-V", &o);
	assert_int_equal(o.action, ACTION_VERSION);
	expect_good("--help", &o);
	assert_int_equal(o.action, ACTION_HELP);
}

static void test_values(void **state)
{
	struct options o;

	(void)state;
	expect_good("-a /run/x -t 1h30m -E md5 -P /usr/lib/* --secret-memory locked", &o);
	assert_string_equal(o.socket, "/run/x");
	assert_int_equal(o.lifetime, 5400);
	assert_int_equal(o.fingerprints, FINGERPRINT_MD5);
	assert_string_equal(o.providers, "/usr/lib/*");
	assert_int_equal(o.secret_memory, SECRET_LOCKED);
	assert_int_equal(o.prompt_timeout, 0);
	expect_good("--prompt-timeout 1h", &o);
	assert_int_equal(o.prompt_timeout, 3600);
	expect_good("-a relative -t 90 -E sha512 --secret-memory=memfd", &o);
	assert_string_equal(o.socket, "relative");
	assert_int_equal(o.lifetime, 90);
	assert_int_equal(o.fingerprints, FINGERPRINT_SHA512);
	assert_int_equal(o.secret_memory, SECRET_MEMFD);
	expect_good("-O no-restrict-websafe -O allow-remote-pkcs11 -O websafe-allow=a,b", &o);
	assert_true(!o.restrict_websafe && o.remote_pkcs11);
	assert_string_equal(o.websafe, "a,b");
}

static void test_tokens(void **state)
{
	struct options o;

	(void)state;
	expect_good("", &o);
	assert_int_equal(o.remember_pin, 0);
	assert_false(o.hide_absent);
	assert_null(o.network);
	expect_good(
	    "--remember-pin 10m --hide-absent --pkcs11-network /opt/hsm/*,/usr/lib/x.so", &o);
	assert_int_equal(o.remember_pin, 600);
	assert_true(o.hide_absent);
	assert_string_equal(o.network, "/opt/hsm/*,/usr/lib/x.so");
	expect_good("--remember-pin plugged", &o);
	assert_true(o.remember_pin == UINT32_MAX);
	expect_good("--remember-pin 24h", &o);
	assert_int_equal(o.remember_pin, 24 * 3600);
	assert_int_equal(o.relock, 0);
	expect_good("--relock 1h30m", &o);
	assert_int_equal(o.relock, 5400);
}

static void test_shell_is_that_of_the_person_unless_given(void **state)
{
	struct options o;

	(void)state;
	setenv("SHELL", "/bin/tcsh", 1);
	expect_good("", &o);
	assert_int_equal(o.shell, SHELL_C);
	expect_good("-s", &o);
	assert_int_equal(o.shell, SHELL_BOURNE);
	setenv("SHELL", "sh", 1);
	expect_good("", &o);
	assert_int_equal(o.shell, SHELL_BOURNE);
	expect_good("-c", &o);
	assert_int_equal(o.shell, SHELL_C);
	unsetenv("SHELL");
	expect_good("", &o);
	assert_int_equal(o.shell, SHELL_BOURNE);
}

static void test_options_behind_the_command_are_its_own(void **state)
{
	struct options o;

	(void)state;
	expect_good("-t 5 ssh -k -D host", &o);
	assert_int_equal(o.action, ACTION_SERVE);
	assert_false(o.foreground);
	assert_int_equal(o.lifetime, 5);
	assert_string_equal(o.command[0], "ssh");
	assert_string_equal(o.command[1], "-k");
	assert_string_equal(o.command[3], "host");
	assert_null(o.command[4]);
	expect_good("-- -D", &o);
	assert_string_equal(o.command[0], "-D");
}

static void test_mistakes(void **state)
{
	(void)state;
	expect_refused("-x", " option", 1); /* each C library has its words */
	expect_refused("--no-such-option", "unrecognized option", 1);
	expect_refused("-a", "requires an argument", 1);
	expect_refused("-t never", "invalid lifetime", 1);
	expect_refused("-t -1", "invalid lifetime", 1);
	expect_refused("-t 99999999999", "invalid lifetime", 1);
	expect_refused("-E sha2", "unknown fingerprint hash", 255);
	expect_refused("-O restrict", "unknown -O option: restrict", 255);
	expect_refused("-P /a -P /b", "-P was given twice", 255);
	expect_refused("--secret-memory swap", "--secret-memory wants", 1);
	expect_refused("--prompt-timeout 0", "--prompt-timeout wants", 1);
	expect_refused("--prompt-timeout 61m", "--prompt-timeout wants", 1);
	expect_refused("--prompt-timeout soon", "--prompt-timeout wants", 1);
	expect_refused("--pkcs11-network /a --pkcs11-network /b", "was given twice", 1);
	expect_refused("--pkcs11-network", "requires an argument", 1);
	expect_refused("-a x -T", "exclude each other", 1);
	expect_refused("-d -D", "exclude each other", 1);
	expect_refused("-D true", "a command goes with none of", 1);
	expect_refused("-k true", "a command goes with none of", 1);
	expect_refused("-u true", "a command goes with none of", 1);
	/* As OpenSSH's agent has it. */
	expect_refused("-s true", "a command goes with none of", 1);
	expect_refused("-c -s", "-c and -s exclude each other", 1);
	expect_refused("-c true", "a command goes with none of", 1);
}

static void test_configuration(void **state)
{
	struct options o;

	(void)state;
	expect_good("", &o);
	assert_null(o.config);
	assert_int_equal(o.set, 0);
	expect_good("--config none --offer-keys", &o);
	assert_string_equal(o.config, "none");
	assert_true(o.offer_keys);
	assert_int_equal(o.set, OPTION_OFFER_KEYS);
	expect_good("--offer-keys=default", &o);
	assert_true(o.offer_keys);
	assert_int_equal(o.set & OPTION_OFFER_KEYS, 0);
	expect_good("--offer-keys --no-offer-keys", &o);
	assert_false(o.offer_keys);
	assert_int_equal(o.set, OPTION_OFFER_KEYS);
	expect_good("--check-config", &o);
	assert_int_equal(o.action, ACTION_CHECK_CONFIG);
	assert_null(o.config);
	expect_good("--check-config /a/b", &o);
	assert_string_equal(o.config, "/a/b");
	assert_null(o.command);
	expect_good("--check-config=c", &o);
	assert_string_equal(o.config, "c");
	expect_good("--config /x --check-config", &o);
	assert_string_equal(o.config, "/x");
	expect_refused("--config=", "--config wants a path, or none", 1);
}

/* What was given is known, also where it is the default. */
static void test_what_was_given(void **state)
{
	static const struct {
		const char *line;
		uint32_t set;
	} rows[] = {
	    {"-E sha256", OPTION_FINGERPRINTS},
	    {"-P /x", OPTION_PROVIDERS},
	    {"-t 0", OPTION_LIFETIME},
	    {"-O no-restrict-websafe", OPTION_RESTRICT_WEBSAFE},
	    {"-O allow-remote-pkcs11", OPTION_REMOTE_PKCS11},
	    {"-O websafe-allow=x", OPTION_WEBSAFE},
	    {"--secret-memory auto", OPTION_SECRET_MEMORY},
	    {"--prompt-timeout 60", OPTION_PROMPT_TIMEOUT},
	    {"--insert-wait 60", OPTION_INSERT_WAIT},
	    {"--insert-wait-forwarded", OPTION_INSERT_WAIT_FORWARDED},
	    {"--remember-pin 0", OPTION_REMEMBER_PIN},
	    {"--hide-absent", OPTION_HIDE_ABSENT},
	    {"--pkcs11-network /x", OPTION_NETWORK},
	    {"--allow-dss", OPTION_ALLOW_DSS},
	    {"--no-rsa-sha1", OPTION_NO_RSA_SHA1},
	    {"-D -T -U", 0},
	};
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_good(rows[i].line, &o);
		assert_int_equal(o.set, rows[i].set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_configuration),
	    cmocka_unit_test(test_what_was_given),
	    cmocka_unit_test(test_nothing_asked_for),
	    cmocka_unit_test(test_flags),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_tokens),
	    cmocka_unit_test(test_shell_is_that_of_the_person_unless_given),
	    cmocka_unit_test(test_options_behind_the_command_are_its_own),
	    cmocka_unit_test(test_mistakes),
	};

	setenv("LC_ALL", "C", 1);
	setenv("SHELL", "/bin/sh", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
