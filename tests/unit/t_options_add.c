/* The command line of signet-add, held against what OpenSSH's getopt string gives. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "add/options.h"

enum { MOST_WORDS = 16 };

/* Split line at blanks and parse it; what is said on standard error goes to said (or nowhere). */
static enum err parse(const char *line, struct options *out, char *said, size_t room)
{
	static char copy[256];
	static char *words[MOST_WORDS];
	int count = 0;
	FILE *sink = tmpfile();
	int kept = dup(STDERR_FILENO);
	size_t n = 0;
	enum err e;

	assert_non_null(sink);
	snprintf(copy, sizeof(copy), "signet-add %s", line);
	for (char *w = strtok(copy, " "); w != NULL; w = strtok(NULL, " "))
		words[count++] = w;
	words[count] = NULL;
	fflush(stderr);
	assert_int_not_equal(dup2(fileno(sink), STDERR_FILENO), -1);
	e = add_options_parse(count, words, out);
	fflush(stderr);
	assert_int_not_equal(dup2(kept, STDERR_FILENO), -1);
	close(kept);
	rewind(sink);
	if (said != NULL) {
		n = fread(said, 1, room - 1, sink);
		said[n] = '\0';
	}
	fclose(sink);
	return e;
}

static struct options accepts(const char *line)
{
	struct options o = {0};

	assert_int_equal(parse(line, &o, NULL, 0), ERR_OK);
	return o;
}

static void refuses(const char *line, enum err reason, const char *words)
{
	struct options o = {.action = ACTIONS};
	char said[2048];

	assert_int_equal(parse(line, &o, said, sizeof(said)), reason);
	assert_int_equal(o.action, ACTIONS);
	if (strstr(said, words) == NULL)
		fail_msg("\"%s\" said: %s", line, said);
}

static void every_action(void **state)
{
	static const struct {
		const char *line;
		enum action action;
	} rows[] = {
	    {"", ACTION_ADD},
	    {"file", ACTION_ADD},
	    {"-", ACTION_ADD},
	    {"-d", ACTION_REMOVE},
	    {"-d -", ACTION_REMOVE},
	    {"-D", ACTION_REMOVE_ALL},
	    {"-l", ACTION_LIST},
	    {"-L", ACTION_LIST_FULL},
	    {"-x", ACTION_LOCK},
	    {"-X", ACTION_UNLOCK},
	    {"-T key.pub", ACTION_TEST},
	    {"-Q", ACTION_QUERY},
	    {"--all", ACTION_SCAN},
	    {"--status", ACTION_STATUS},
	    {"--tokens", ACTION_TOKENS},
	    {"--tokens --json", ACTION_TOKENS},
	    {"-K", ACTION_RESIDENT},
	    {"-S lib -K", ACTION_RESIDENT},
	    {"--update-environment", ACTION_ENVIRONMENT},
	    {"--help", ACTION_HELP},
	    {"--version", ACTION_VERSION},
	    {"-ld file", ACTION_LIST},
	    {"-lT file", ACTION_LIST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(accepts(rows[i].line).action, rows[i].action);
}

static void clustered_options(void **state)
{
	struct options o = accepts("-kt 10 a b");

	(void)state;
	assert_true(o.plain_only);
	assert_true(o.constraints.has_lifetime);
	assert_int_equal(o.constraints.lifetime, 10);
	assert_int_equal(o.noperands, 2);
	assert_string_equal(o.operands[1], "b");
	o = accepts("-qcvvt1h30m -N -C f");
	assert_true(o.quiet && o.constraints.confirm && o.keep_expired && o.cert_only);
	assert_int_equal(o.verbose, 2);
	assert_int_equal(o.constraints.lifetime, 5400);
	o = accepts("-ql");
	assert_true(o.quiet);
	assert_int_equal(o.action, ACTION_LIST);
	o = accepts("-vvv -lEmd5");
	assert_int_equal(o.verbose, 3);
	assert_int_equal(o.hash, FINGERPRINT_MD5);
}

static void rules_beyond_the_protocol(void **state)
{
	struct options o = accepts("--confirm=forwarded --idle 10m --local-only key");

	(void)state;
	assert_int_equal(o.rules.confirm, CONFIRM_FORWARDED);
	assert_int_equal(o.rules.idle, 600);
	assert_true(o.rules.local_only && !o.constraints.confirm);
	o = accepts("--confirm 1h --all");
	assert_int_equal(o.rules.confirm, CONFIRM_TIMED);
	assert_int_equal(o.rules.confirm_seconds, 3600);
	/* what every agent understands stays the protocol's */
	o = accepts("-c --confirm=always key");
	assert_true(o.constraints.confirm && key_rules_none(&o.rules));
	o = accepts("-c -t 10 key");
	assert_true(key_rules_none(&o.rules));
	refuses("--confirm=sometimes", ERR_FORMAT, "--confirm: not");
	refuses("--confirm=0", ERR_FORMAT, "--confirm: not");
	refuses("--idle soon", ERR_FORMAT, "--idle: not a length of time");
	refuses("--idle 0", ERR_FORMAT, "--idle: not a length of time");
	refuses("-c --confirm=forwarded", ERR_FORMAT, "only one can be followed");
	refuses("--confirm=once-per-connection -c", ERR_FORMAT, "only one can be followed");
	refuses("--idle", ERR_FORMAT, "option requires an argument");
}

static void options_end_at_the_first_file(void **state)
{
	struct options o = accepts("file -d");

	(void)state;
	assert_int_equal(o.action, ACTION_ADD);
	assert_int_equal(o.noperands, 2);
	o = accepts("-- -d");
	assert_int_equal(o.action, ACTION_ADD);
	assert_string_equal(o.operands[0], "-d");
	o = accepts("- -d");
	assert_int_equal(o.noperands, 2);
}

static void hashes_in_any_case(void **state)
{
	(void)state;
	assert_int_equal(accepts("-l").hash, FINGERPRINT_SHA256);
	assert_int_equal(accepts("-lE SHA256").hash, FINGERPRINT_SHA256);
	assert_int_equal(accepts("-E sha512 -l").hash, FINGERPRINT_SHA512);
	refuses("-E foo -l", ERR_FORMAT, "Invalid hash algorithm \"foo\"\n");
}

static void lifetime_zero_is_none(void **state)
{
	(void)state;
	assert_false(accepts("-t 0 f").constraints.has_lifetime);
	refuses("-t 5x f", ERR_FORMAT, "Invalid lifetime\n");
	refuses("-t 2147483648 f", ERR_FORMAT, "Invalid lifetime\n");
}

static void contradictions(void **state)
{
	(void)state;
	refuses("-lL", ERR_FORMAT, "-l flag already specified\n");
	refuses("-ll", ERR_FORMAT, "-l flag already specified\n");
	refuses("-Xx", ERR_FORMAT, "-X flag already specified\n");
	refuses("-lD", ERR_FORMAT, "Invalid combination of actions\n");
	refuses("-D -x", ERR_FORMAT, "Invalid combination of actions\n");
	refuses("--all -l", ERR_FORMAT, "Invalid combination of actions\n");
	refuses("--all -d", ERR_FORMAT, "Invalid combination of actions\n");
	refuses("-kC f", ERR_FORMAT, "nothing to do\n");
	refuses("-T", ERR_FORMAT, "no keys to test\n");
}

static void destinations_and_their_files(void **state)
{
	struct options o = accepts("-h a -H f -t 5 -ha>b -Hg file");

	(void)state;
	assert_int_equal(o.action, ACTION_ADD);
	assert_int_equal(o.ndestinations, 2);
	assert_string_equal(o.destinations[0], "a");
	assert_string_equal(o.destinations[1], "a>b");
	assert_int_equal(o.nhostkey_files, 2);
	assert_string_equal(o.hostkey_files[0], "f");
	assert_string_equal(o.hostkey_files[1], "g");
	assert_int_equal(o.noperands, 1);
	refuses("-H", ERR_FORMAT, "option requires an argument -- H\nusage: ");
}

/* The limits themselves are reached with as many words, which parse() has no room for. */
static void too_many_destinations(void **state)
{
	static char *words[2 * (LIMIT_DESTINATIONS + 1) + 2];
	static char program[] = "signet-add", letter[] = "-h", host[] = "a";
	struct options o = {0};
	size_t n = 1;

	(void)state;
	words[0] = program;
	while (n < 2 * LIMIT_DESTINATIONS + 1) {
		words[n++] = letter;
		words[n++] = host;
	}
	assert_int_equal(add_options_parse((int)n, words, &o), ERR_OK);
	assert_int_equal(o.ndestinations, LIMIT_DESTINATIONS);
	words[n++] = letter;
	words[n++] = host;
	assert_int_equal(add_options_parse((int)n, words, &o), ERR_LIMIT);
}

static void unknown_options(void **state)
{
	(void)state;
	refuses("-Z", ERR_FORMAT, "unknown option -- Z\nusage: ");
	refuses("-lZ", ERR_FORMAT, "unknown option -- Z\nusage: ");
	refuses("-t", ERR_FORMAT, "option requires an argument -- t\nusage: ");
	refuses("-h", ERR_FORMAT, "option requires an argument -- h\nusage: ");
	refuses("--nonsense", ERR_FORMAT, "unknown option --nonsense\nusage: ");
	refuses("--all=x", ERR_FORMAT, "--all=x\nusage: ");
}

/* -S before the environment's, and ours without either. */
static void the_library_of_security_keys(void **state)
{
	(void)state;
	unsetenv("SSH_SK_PROVIDER");
	assert_string_equal(accepts("file").provider, "internal");
	assert_int_equal(setenv("SSH_SK_PROVIDER", "/lib/of.so", 1), 0);
	assert_string_equal(accepts("file").provider, "/lib/of.so");
	assert_string_equal(accepts("-S /other.so file").provider, "/other.so");
	unsetenv("SSH_SK_PROVIDER");
}

/* As ssh-add takes them: the last module counts, -e and -d remove. */
static void modules(void **state)
{
	struct options o = accepts("-c -t 10 -s lib.so a-cert.pub b-cert.pub");

	(void)state;
	assert_int_equal(o.action, ACTION_TOKEN_ADD);
	assert_string_equal(o.module, "lib.so");
	assert_true(o.constraints.confirm && o.constraints.lifetime == 10);
	assert_int_equal(o.noperands, 2);
	assert_string_equal(o.operands[1], "b-cert.pub");
	o = accepts("-qCs /lib.so");
	assert_int_equal(o.action, ACTION_TOKEN_ADD);
	assert_true(o.quiet && o.cert_only);
	o = accepts("-e pkcs11:token=x");
	assert_int_equal(o.action, ACTION_TOKEN_REMOVE);
	assert_string_equal(o.module, "pkcs11:token=x");
	o = accepts("-s a -e b");
	assert_int_equal(o.action, ACTION_TOKEN_REMOVE);
	assert_string_equal(o.module, "b");
	assert_int_equal(accepts("-d -s a").action, ACTION_TOKEN_REMOVE);
	assert_int_equal(accepts("-K -s a").action, ACTION_TOKEN_ADD);
	assert_int_equal(accepts("-l -s a").action, ACTION_LIST);
	assert_int_equal(accepts("-D -s a").action, ACTION_REMOVE_ALL);
	assert_int_equal(accepts("--local-only -s a").rules.local_only, true);
	refuses("-s", ERR_FORMAT, "option requires an argument -- s\nusage: ");
	refuses("-e", ERR_FORMAT, "option requires an argument -- e\nusage: ");
	refuses("-s a --tokens", ERR_FORMAT, "Invalid combination of actions");
	refuses("-s a --all", ERR_FORMAT, "Invalid combination of actions");
	refuses("-s a --card", ERR_FORMAT, "Invalid combination of actions");
	refuses("-s a --slot 9a", ERR_FORMAT, "--slot goes with --card");
}

static void cards(void **state)
{
	struct options o = accepts("--card");

	(void)state;
	assert_int_equal(o.action, ACTION_TOKEN_ADD);
	assert_true(o.module == NULL && o.serial == NULL && o.nslots == 0);
	o = accepts("--card 123 --slot 9a -t 10 --slot=82");
	assert_int_equal(o.action, ACTION_TOKEN_ADD);
	assert_string_equal(o.serial, "123");
	assert_int_equal(o.nslots, 2);
	assert_string_equal(o.slots[0], "9a");
	assert_string_equal(o.slots[1], "82");
	assert_int_equal(o.constraints.lifetime, 10);
	assert_string_equal(accepts("--card=00AB").serial, "00AB");
	o = accepts("--card -d");
	assert_int_equal(o.action, ACTION_TOKEN_REMOVE);
	assert_null(o.serial);
	o = accepts("-d --slot all --card 7");
	assert_int_equal(o.action, ACTION_TOKEN_REMOVE);
	assert_string_equal(o.serial, "7");
	/* what would mean another thing in the address */
	refuses("--card 1;slot=9a", ERR_FORMAT, "--card: not a card's serial number: 1;slot=9a");
	refuses("--card=", ERR_FORMAT, "--card: not a card's serial number");
	refuses("--card --slot 9a;serial=1", ERR_FORMAT, "--slot: not 9a, 9c");
	refuses("--slot 9a", ERR_FORMAT, "--slot goes with --card");
	refuses("--card 1 key-cert.pub", ERR_FORMAT, "--certificate\nusage: ");
	refuses("--card -C", ERR_FORMAT, "-C does not go with --card");
	refuses("-k --card 1 --slot 9a", ERR_FORMAT, "-k does not go with --card");
	refuses("-d -C --card", ERR_FORMAT, "-C does not go with --card");
	refuses("--card -C key-cert.pub", ERR_FORMAT, "--certificate\n");
	refuses("--card -l", ERR_FORMAT, "Invalid combination of actions");
	refuses("--card --certificate x", ERR_FORMAT, "Invalid combination of actions");
}

static void names_of_slots(void **state)
{
	static const char *const good[] = {"9a", "9c", "9d", "9e", "3", "all"};
	static const char *const bad[] = {"9f", "9b", "99", "96", "81", "80", "0x9a", "9a0", "9",
	    "a", "8g", "1", "2", "03", "al"};
	char line[64], wanted[8];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "--card --slot %s", good[i]);
		assert_string_equal(accepts(line).slots[0], good[i]);
	}
	/* the retired ones */
	for (unsigned ref = 0x82; ref <= 0x95; ref++) {
		snprintf(wanted, sizeof(wanted), "%02x", ref);
		snprintf(line, sizeof(line), "--card --slot %02X", ref);
		assert_string_equal(accepts(line).slots[0], wanted);
	}
	assert_string_equal(accepts("--card --slot 9A").slots[0], "9a");
	assert_string_equal(accepts("--card --slot ALL").slots[0], "all");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "--card --slot %s", bad[i]);
		snprintf(wanted, sizeof(wanted), ": %s\n", bad[i]);
		refuses(line, ERR_FORMAT, wanted);
	}
	refuses("--card --slot=", ERR_FORMAT, "--slot: not 9a");
}

static void too_many_slots(void **state)
{
	static char *words[OPTION_SLOTS_MOST + 4];
	static char program[] = "signet-add", card[] = "--card", slot[] = "--slot=9a";
	struct options o = {0};
	size_t n = 0;

	(void)state;
	words[n++] = program;
	words[n++] = card;
	while (n < OPTION_SLOTS_MOST + 2)
		words[n++] = slot;
	assert_int_equal(add_options_parse((int)n, words, &o), ERR_OK);
	assert_int_equal(o.nslots, OPTION_SLOTS_MOST);
	words[n++] = slot;
	assert_int_equal(add_options_parse((int)n, words, &o), ERR_LIMIT);
}

static void certificates_for_loaded_keys(void **state)
{
	struct options o = accepts("--certificate a-cert.pub b-cert.pub");

	(void)state;
	assert_int_equal(o.action, ACTION_CERTIFICATE);
	assert_string_equal(o.certificate, "a-cert.pub");
	assert_int_equal(o.noperands, 1);
	refuses("--certificate", ERR_FORMAT, "option requires an argument: --certificate\nusage: ");
	refuses("--certificate a -D", ERR_FORMAT, "Invalid combination of actions");
}

static void passphrases_to_forget(void **state)
{
	struct options o = accepts("-q --forget a b");

	(void)state;
	assert_int_equal(o.action, ACTION_FORGET);
	assert_int_equal(o.noperands, 2);
	assert_true(o.quiet);
	refuses("--forget", ERR_FORMAT, "--forget: name the key files");
	refuses("--forget -d a", ERR_FORMAT, "Invalid combination of actions");
	refuses("--forget -D a", ERR_FORMAT, "Invalid combination of actions");
	refuses("--forget -T a", ERR_FORMAT, "Invalid combination of actions");
	refuses("--forget -s a", ERR_FORMAT, "Invalid combination of actions");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_action),
	    cmocka_unit_test(clustered_options),
	    cmocka_unit_test(rules_beyond_the_protocol),
	    cmocka_unit_test(options_end_at_the_first_file),
	    cmocka_unit_test(hashes_in_any_case),
	    cmocka_unit_test(lifetime_zero_is_none),
	    cmocka_unit_test(contradictions),
	    cmocka_unit_test(destinations_and_their_files),
	    cmocka_unit_test(too_many_destinations),
	    cmocka_unit_test(unknown_options),
	    cmocka_unit_test(the_library_of_security_keys),
	    cmocka_unit_test(modules),
	    cmocka_unit_test(cards),
	    cmocka_unit_test(names_of_slots),
	    cmocka_unit_test(too_many_slots),
	    cmocka_unit_test(certificates_for_loaded_keys),
	    cmocka_unit_test(passphrases_to_forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
