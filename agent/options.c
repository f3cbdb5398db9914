#include "agent/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/duration.h"
#include "proto/limits.h"

enum long_option {
	OPT_SECRET_MEMORY = 256,
	OPT_ALLOW_DSS,
	OPT_NO_RSA_SHA1,
	OPT_PROMPT_TIMEOUT,
	OPT_INSERT_WAIT,
	OPT_INSERT_WAIT_FORWARDED,
	OPT_REMEMBER_PIN,
	OPT_RELOCK,
	OPT_HIDE_ABSENT,
	OPT_PKCS11_NETWORK,
	OPT_CONFIG,
	OPT_CHECK_CONFIG,
	OPT_OFFER_KEYS,
	OPT_NO_OFFER_KEYS,
	OPT_HELP,
	OPT_VERSION,
	OPT_SETUP,
	OPT_UNDO,
	OPT_REPLACE,
	OPT_DOCTOR,
};

static const struct option long_options[] = {
    {"secret-memory", required_argument, NULL, OPT_SECRET_MEMORY},
    {"allow-dss", no_argument, NULL, OPT_ALLOW_DSS},
    {"no-rsa-sha1", no_argument, NULL, OPT_NO_RSA_SHA1},
    {"prompt-timeout", required_argument, NULL, OPT_PROMPT_TIMEOUT},
    {"insert-wait", required_argument, NULL, OPT_INSERT_WAIT},
    {"insert-wait-forwarded", no_argument, NULL, OPT_INSERT_WAIT_FORWARDED},
    {"remember-pin", required_argument, NULL, OPT_REMEMBER_PIN},
    {"relock", required_argument, NULL, OPT_RELOCK},
    {"hide-absent", no_argument, NULL, OPT_HIDE_ABSENT},
    {"pkcs11-network", required_argument, NULL, OPT_PKCS11_NETWORK},
    {"config", required_argument, NULL, OPT_CONFIG},
    {"check-config", optional_argument, NULL, OPT_CHECK_CONFIG},
    {"offer-keys", optional_argument, NULL, OPT_OFFER_KEYS},
    {"no-offer-keys", no_argument, NULL, OPT_NO_OFFER_KEYS},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {"setup", no_argument, NULL, OPT_SETUP},
    {"undo", no_argument, NULL, OPT_UNDO},
    {"replace", no_argument, NULL, OPT_REPLACE},
    {"doctor", no_argument, NULL, OPT_DOCTOR},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: signet-agent [-c | -s] [-DdTU] [-a bind_address] [-E fingerprint_hash]\n"
    "                    [-O option] [-P allowed_providers] [-t life]\n"
    "                    [--secret-memory auto|memfd|locked] [--allow-dss] [--no-rsa-sha1]\n"
    "                    [--prompt-timeout time]\n"
    "                    [--insert-wait time] [--insert-wait-forwarded]\n"
    "                    [--remember-pin time|plugged] [--hide-absent]\n"
    "                    [--relock time]\n"
    "                    [--pkcs11-network patterns]\n"
    "                    [--config file|none] [--offer-keys[=default] | --no-offer-keys]\n"
    "                    [command [arg ...]]\n"
    "       signet-agent [-c | -s] -k\n"
    "       signet-agent -u\n"
    "       signet-agent --check-config [file]\n"
    "       signet-agent -V | --version | --help\n"
    "       signet-agent --setup [--replace | --undo]\n"
    "       signet-agent --doctor\n";

static const char help[] =
    "\n"
    "  -a PATH   listen on this socket\n"
    "  -c, -s    print csh or Bourne shell commands (default: by SHELL)\n"
    "  -D        stay in the foreground\n"
    "  -d        stay in the foreground and say what happens\n"
    "  -E HASH   sha256 (default), md5, sha1, sha384 or sha512 for fingerprints\n"
    "  -k        end the agent that SSH_AGENT_PID names\n"
    "  -O OPTION no-restrict-websafe, allow-remote-pkcs11, websafe-allow=PATTERNS\n"
    "  -P PATHS  libraries that may be loaded for tokens\n"
    "  -T        put the socket below TMPDIR\n"
    "  -t LIFE   default lifetime of keys: 90, 10m, 1h30m, 2d, 1w\n"
    "  -U        do not remove stale sockets\n"
    "  -u        remove stale sockets and exit; -uu: of every host\n"
    "  -V        print the version\n"
    "\n"
    "  --secret-memory MODE  memfd: out of reach even of root, turns hibernation off;\n"
    "                        locked: keys rest encrypted; auto (default) chooses\n"
    "  --allow-dss           hold ssh-dss keys\n"
    "  --no-rsa-sha1         refuse SHA-1 signatures with RSA keys\n"
    "  --prompt-timeout TIME\n"
    "                        how long a question waits for an answer (default 60 seconds)\n"
    "  --insert-wait TIME    how long a request waits for a security key or a token to be\n"
    "                        plugged in (default 1m; 0: not at all)\n"
    "  --insert-wait-forwarded  such waiting also for requests of forwarded connections\n"
    "  --remember-pin TIME   remember the PIN of a security key or token so long, until it is\n"
    "                        pulled out; plugged: until then\n"
    "  --relock TIME         lock keys that files offer again so long after they were unlocked\n"
    "  --hide-absent         do not list keys of tokens that are not there\n"
    "  --pkcs11-network PATHS\n"
    "                        PKCS#11 modules that may use the network\n"
    "  --config FILE         the configuration, instead of ~/.config/signet/config;\n"
    "                        none: none\n"
    "  --check-config [FILE] say what is wrong in it, and end\n"
    "  --offer-keys, --no-offer-keys\n"
    "                        offer the keys in ~/.ssh, or do not; --offer-keys=default:\n"
    "                        unless the configuration says OfferKeys no\n"
    "  --help, --version\n"
    "\n"
    "  --setup               have the agent at each login of yours; says who else claims\n"
    "                        SSH_AUTH_SOCK\n"
    "  --replace             with --setup: turn off those that are units\n"
    "  --undo                with --setup: take all that back\n"
    "  --doctor              look at all that a login needs, and say what to do\n";

void options_help(void)
{
	fputs(usage, stdout);
	fputs(help, stdout);
}

static bool complain(const char *what, const char *value)
{
	fprintf(stderr, "signet-agent: %s%s%s\n%s", what, value != NULL ? ": " : "",
	    value != NULL ? value : "", usage);
	return false;
}

/* A mistake in a value for which OpenSSH's agent ends with another status. */
static bool complain_fatal(struct options *o, const char *what, const char *value)
{
	o->exit_status = 255;
	return complain(what, value);
}

static bool parse_extra(struct options *o, const char *value)
{
	static const char websafe[] = "websafe-allow=";

	if (strcmp(value, "no-restrict-websafe") == 0) {
		o->restrict_websafe = false;
		o->set |= OPTION_RESTRICT_WEBSAFE;
	} else if (strcmp(value, "allow-remote-pkcs11") == 0) {
		o->remote_pkcs11 = true;
		o->set |= OPTION_REMOTE_PKCS11;
	} else if (strncmp(value, websafe, sizeof(websafe) - 1) == 0) {
		o->websafe = value + sizeof(websafe) - 1;
		o->set |= OPTION_WEBSAFE;
	} else {
		return complain_fatal(o, "unknown -O option", value);
	}
	return true;
}

static bool parse_secret_memory(struct options *o, const char *value)
{
	static const enum secret_mode modes[] = {SECRET_AUTO, SECRET_MEMFD, SECRET_LOCKED};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(value, secret_mode_name(modes[i])) == 0) {
			o->secret_memory = modes[i];
			return true;
		}
	}
	return complain("--secret-memory wants auto, memfd or locked, not", value);
}

static bool parse_prompt_timeout(struct options *o, const char *value)
{
	uint32_t seconds = 0;

	if (duration_parse(value, &seconds) != ERR_OK || seconds == 0 ||
	    seconds > LIMIT_PROMPT_SECONDS)
		return complain(
		    "--prompt-timeout wants a time from 1 second to 1 hour, such as 90 or 2m, not",
		    value);
	o->prompt_timeout = seconds;
	return true;
}

static bool parse_time(const char *value, uint32_t most, uint32_t *out, const char *option)
{
	if (duration_parse(value, out) == ERR_OK && *out <= most)
		return true;
	fprintf(stderr, "signet-agent: %s wants a time of %uh at most (90, 10m, 1h), not %s\n",
	    option, (unsigned)(most / 3600), value);
	return false;
}

static bool parse_remember_pin(struct options *o, const char *value)
{
	if (strcmp(value, "plugged") != 0)
		return parse_time(value, 24 * 3600, &o->remember_pin, "--remember-pin");
	o->remember_pin = UINT32_MAX;
	return true;
}

static bool parse_value(struct options *o, int option, const char *value)
{
	switch (option) {
	case 'a':
		o->socket = value;
		return true;
	case 'E':
		return fingerprint_hash_find(value, &o->fingerprints) ||
		       complain_fatal(o,
			   "unknown fingerprint hash (use sha256, md5, sha1, sha384 or sha512)",
			   value);
	case 'O':
		return parse_extra(o, value);
	case 'P':
		if (o->providers != NULL)
			return complain_fatal(o, "-P was given twice", NULL);
		o->providers = value;
		return true;
	case 't':
		return duration_parse(value, &o->lifetime) == ERR_OK ||
		       complain("invalid lifetime (use 90, 10m, 1h30m, 2d or 1w)", value);
	case OPT_SECRET_MEMORY:
		return parse_secret_memory(o, value);
	case OPT_PROMPT_TIMEOUT:
		return parse_prompt_timeout(o, value);
	case OPT_INSERT_WAIT:
		return parse_time(value, LIMIT_PROMPT_SECONDS, &o->insert_wait, "--insert-wait");
	case OPT_REMEMBER_PIN:
		return parse_remember_pin(o, value);
	case OPT_RELOCK:
		return duration_parse(value, &o->relock) == ERR_OK ||
		       complain("--relock wants a time, such as 90, 10m or 1h30m, not", value);
	case OPT_PKCS11_NETWORK:
		if (o->network != NULL)
			return complain("--pkcs11-network was given twice", NULL);
		o->network = value;
		return true;
	case OPT_OFFER_KEYS:
		o->offer_keys = true;
		return value == NULL || strcmp(value, "default") == 0 ||
		       complain("--offer-keys has no value but default, not", value);
	case OPT_CONFIG:
		if (value[0] == '\0')
			return complain("--config wants a path, or none", NULL);
		o->config = value;
		return true;
	default:
		return complain("unknown option", NULL);
	}
}

/* The bit of an option that the configuration has as well; 0: it has not. */
static uint32_t bit_of(int option)
{
	static const struct {
		int option;
		uint32_t bit;
	} rows[] = {
	    {'E', OPTION_FINGERPRINTS},
	    {'P', OPTION_PROVIDERS},
	    {'t', OPTION_LIFETIME},
	    {OPT_SECRET_MEMORY, OPTION_SECRET_MEMORY},
	    {OPT_PROMPT_TIMEOUT, OPTION_PROMPT_TIMEOUT},
	    {OPT_INSERT_WAIT, OPTION_INSERT_WAIT},
	    {OPT_INSERT_WAIT_FORWARDED, OPTION_INSERT_WAIT_FORWARDED},
	    {OPT_REMEMBER_PIN, OPTION_REMEMBER_PIN},
	    {OPT_HIDE_ABSENT, OPTION_HIDE_ABSENT},
	    {OPT_PKCS11_NETWORK, OPTION_NETWORK},
	    {OPT_ALLOW_DSS, OPTION_ALLOW_DSS},
	    {OPT_NO_RSA_SHA1, OPTION_NO_RSA_SHA1},
	    {OPT_OFFER_KEYS, OPTION_OFFER_KEYS},
	    {OPT_NO_OFFER_KEYS, OPTION_OFFER_KEYS},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].option == option)
			return rows[i].bit;
	}
	return 0;
}

static void parse_clean(struct options *o)
{
	o->clean_all_hosts = o->action == ACTION_CLEAN;
	o->action = ACTION_CLEAN;
}

/* Options without a value; false when it is none of them. */
static bool parse_plain(struct options *o, int option)
{
	switch (option) {
	case 'c':
		o->shell = SHELL_C;
		o->shell_c = true;
		break;
	case 's':
		o->shell = SHELL_BOURNE;
		o->shell_bourne = true;
		break;
	case 'd':
	case 'D':
		o->foreground_twice = o->foreground;
		o->debug = option == 'd';
		o->foreground = true;
		break;
	case 'k':
		o->action = ACTION_KILL;
		break;
	case 'T':
		o->tmp_socket = true;
		break;
	case 'U':
		o->keep_stale = true;
		break;
	case 'u':
		parse_clean(o);
		break;
	case 'V':
	case OPT_VERSION:
		o->action = ACTION_VERSION;
		break;
	case OPT_SETUP:
		o->action = ACTION_SETUP;
		break;
	case OPT_UNDO:
		o->setup_undo = true;
		break;
	case OPT_REPLACE:
		o->setup_replace = true;
		break;
	case OPT_DOCTOR:
		o->action = ACTION_DOCTOR;
		break;
	case OPT_HELP:
		o->action = ACTION_HELP;
		break;
	case OPT_ALLOW_DSS:
		o->allow_dss = true;
		break;
	case OPT_NO_RSA_SHA1:
		o->no_rsa_sha1 = true;
		break;
	case OPT_INSERT_WAIT_FORWARDED:
		o->insert_wait_forwarded = true;
		break;
	case OPT_HIDE_ABSENT:
		o->hide_absent = true;
		break;
	case OPT_NO_OFFER_KEYS:
		o->offer_keys = false;
		break;
	default:
		return false;
	}
	return true;
}

static enum shell login_shell(void)
{
	const char *shell = getenv("SHELL");
	size_t n = shell == NULL ? 0 : strlen(shell);

	return n >= 3 && strcmp(shell + n - 3, "csh") == 0 ? SHELL_C : SHELL_BOURNE;
}

static bool check(const struct options *o)
{
	if (o->foreground_twice)
		return complain("-d and -D exclude each other, and are given once", NULL);
	if (o->shell_c && o->shell_bourne)
		return complain("-c and -s exclude each other", NULL);
	if (o->command != NULL &&
	    (o->foreground || o->shell_c || o->shell_bourne || o->action != ACTION_SERVE))
		return complain("a command goes with none of -c, -s, -D, -d, -k and -u", NULL);
	if ((o->setup_undo || o->setup_replace) &&
	    (o->action != ACTION_SETUP || (o->setup_undo && o->setup_replace)))
		return complain("one of --undo and --replace goes with --setup", NULL);
	if (o->socket != NULL && o->tmp_socket)
		return complain("-a and -T exclude each other", NULL);
	if (o->socket != NULL && o->socket[0] == '\0')
		return complain("-a wants a path", NULL);
	return true;
}

/* "--check-config FILE" and "--check-config=FILE". */
static void parse_check(struct options *o, char *const argv[], const char *value)
{
	o->action = ACTION_CHECK_CONFIG;
	if (value == NULL && argv[optind] != NULL && argv[optind][0] != '-')
		value = argv[optind++];
	if (value != NULL)
		o->config = value;
}

static bool parse_all(int argc, char *const argv[], struct options *o)
{
	int option;

	/* "+": options after the command are the command's. */
	while (
	    (option = getopt_long(argc, argv, "+a:cDdE:kO:P:sTt:UuV", long_options, NULL)) != -1) {
		if (option == '?') {
			fputs(usage, stderr);
			return false;
		}
		if (option == OPT_CHECK_CONFIG)
			parse_check(o, argv, optarg);
		else if (!parse_plain(o, option) && !parse_value(o, option, optarg))
			return false;
		if (option == OPT_OFFER_KEYS && optarg != NULL)
			continue; /* a default, which gives way */
		o->set |= bit_of(option);
	}
	if (optind < argc)
		o->command = argv + optind;
	return check(o);
}

bool options_parse(int argc, char *const argv[], struct options *out)
{
	struct options o = {.insert_wait = LIMIT_PROMPT_MS / 1000,
	    .restrict_websafe = true,
	    .shell = login_shell(),
	    .exit_status = EXIT_FAILURE};
	bool well = parse_all(argc, argv, &o);

	*out = o;
	return well;
}
