#include "add/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/duration.h"
#include "proto/tokenmsg.h"

/* The actions of which one line can ask for only one; later ones in the list give way to earlier
 * ones. */
struct wish {
	int list, lock; /* the option's letter, 0 for none */
	bool remove_all, query, test, remove, scan, status, log, environment, tokens, resident;
	bool module, card, certificate, forget;
};

struct parse {
	struct options *out;
	struct wish wish;
	char **argv;
};

enum {
	LONG_ALL = 256,
	LONG_STATUS,
	LONG_LOG,
	LONG_JSON,
	LONG_HELP,
	LONG_VERSION,
	LONG_CONFIRM,
	LONG_IDLE,
	LONG_LOCAL_ONLY,
	LONG_ENVIRONMENT,
	LONG_TOKENS,
	LONG_CARD,
	LONG_SLOT,
	LONG_CERTIFICATE,
	LONG_FORGET,
};

static const char usage_text[] =
    "usage: signet-add [-CcDdKkLlNqvXx] [-E fingerprint_hash] [-H hostkey_file]\n"
    "                  [-h destination_constraint] [-S library] [-t life] [--confirm=rule]\n"
    "                  [--idle time] [--local-only] [file ...]\n"
    "       signet-add [-CckNqv] [-H hostkey_file] [-h destination_constraint]\n"
    "                  [-t life] [--confirm=rule] [--idle time] [--local-only]\n"
    "                  --all [folder ...]\n"
    "       signet-add [-Cckqv] [-H hostkey_file] [-h destination_constraint] [-t life]\n"
    "                  [--confirm=rule] [--idle time] [--local-only]\n"
    "                  -s module [certificate ...]\n"
    "       signet-add [-cqv] [-H hostkey_file] [-h destination_constraint] [-t life]\n"
    "                  [--confirm=rule] [--idle time] [--local-only]\n"
    "                  --card [serial] [--slot name]\n"
    "       signet-add -e module | -d --card [serial] [--slot name]\n"
    "       signet-add --certificate file ...\n"
    "       signet-add [-q] --forget file ...\n"
    "       signet-add -T pubkey ...\n"
    "       signet-add -Q\n"
    "       signet-add -l -v [--json]\n"
    "       signet-add --log [-f] [--json]\n"
    "       signet-add --tokens [--json]\n"
    "       signet-add --update-environment\n"
    "       signet-add --status [--json] | --help | --version\n";

static const char help_text[] =
    "Add private keys to the SSH agent at SSH_AUTH_SOCK, or look after the keys in it.\n"
    "\n"
    "  (no option)  add the files named, \"-\" for standard input, else ~/.ssh/id_*\n"
    "  --all        add every private key of the folders named, else of ~/.ssh\n"
    "  -c -t LIFE   ask before each use; forget after LIFE (90, 10m, 1h30m, 2d)\n"
    "  --confirm=RULE\n"
    "               ask always, forwarded (on forwarded connections), once-per-connection,\n"
    "               or once in a time (10m) for each destination and application\n"
    "  --idle TIME  forget after TIME without use\n"
    "  --local-only\n"
    "               hidden from and refused to hosts that the agent is forwarded to\n"
    "  -h WHERE     usable only for WHERE: [user@]host, or host>[user@]host for a hop\n"
    "               of a forwarded agent; repeat it for more\n"
    "  -H FILE      look up the keys of these hosts in FILE, not in ~/.ssh/known_hosts\n"
    "  -K           add the resident keys of the security keys that are plugged in\n"
    "  -s MODULE    add the keys of a PKCS#11 module: a path, a name that p11-kit knows, or a\n"
    "               pkcs11: URI; certificates for them may follow\n"
    "  -e MODULE    remove them\n"
    "  --card [SERIAL]\n"
    "               offer the keys of this card (PIV, OpenPGP), else of any; with -d: no longer\n"
    "  --slot NAME  the key in this slot (9a), or in all; else those for logging in\n"
    "  --certificate FILE\n"
    "               give certificates to the loaded keys that they belong to (signet-agent)\n"
    "  --forget     the desktop's keyring forgets the passphrases of the files named\n"
    "  --tokens     list security keys, cards and readers with their keys, and modules\n"
    "  -S LIBRARY   use security keys through this middleware library\n"
    "  -k -C        plain keys only; certificates only\n"
    "  -N           let certificates stay after they have expired\n"
    "  -l -L        list fingerprints; list public keys\n"
    "  -E HASH      fingerprints in sha256, md5, sha1, sha384 or sha512\n"
    "  -d -D        remove the keys of the files named; remove all\n"
    "  -x -X        lock the agent with a password; unlock it\n"
    "  -T           let the agent sign with the public keys named, and check\n"
    "  -Q           list the extensions of the agent\n"
    "  -l -v        list keys with their rules, sources and uses (signet-agent)\n"
    "  --status     ask signet-agent how it is\n"
    "  --log -f     what signet-agent decided lately; -f: and what it decides from now on\n"
    "  --update-environment\n"
    "               let signet-agent ask at the display of this shell from now on\n"
    "  --json       with -l -v, --status, --log and --tokens: JSON\n"
    "  -q -v        quiet; tell more (up to three times)\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 no connection to an agent.  See signet-add(1).\n";

const char *add_options_help(void)
{
	return help_text;
}

static enum err bad_usage(void)
{
	fputs(usage_text, stderr);
	return ERR_FORMAT;
}

static enum err set_lifetime(struct options *o, const char *text)
{
	uint32_t seconds;

	if (duration_parse(text, &seconds) != ERR_OK) {
		fputs("Invalid lifetime\n", stderr);
		return ERR_FORMAT;
	}
	/* ssh-add takes 0 for "no lifetime" */
	o->constraints.has_lifetime = seconds != 0;
	o->constraints.lifetime = seconds;
	return ERR_OK;
}

static enum err set_idle(struct options *o, const char *text)
{
	if (duration_parse(text, &o->rules.idle) != ERR_OK || o->rules.idle == 0) {
		fprintf(stderr,
		    "--idle: not a length of time (1 second or more) such as 90, 10m or 1h30m: "
		    "%s\n",
		    text);
		return ERR_FORMAT;
	}
	return ERR_OK;
}

/* Asking each time is a constraint of the protocol, which every agent knows. */
static enum err set_confirm(struct options *o, const char *text)
{
	if (confirm_rule_parse(text, &o->rules) != ERR_OK) {
		fprintf(stderr,
		    "--confirm: not always, forwarded, once-per-connection, never or a length of "
		    "time "
		    "such as 10m: %s\n",
		    text);
		return ERR_FORMAT;
	}
	if (o->rules.confirm == CONFIRM_ALWAYS) {
		o->rules.confirm = CONFIRM_NEVER;
		o->constraints.confirm = true;
	}
	return ERR_OK;
}

static enum err set_hash(struct options *o, const char *name)
{
	if (fingerprint_hash_find(name, &o->hash))
		return ERR_OK;
	fprintf(stderr, "Invalid hash algorithm \"%s\"\n", name);
	return ERR_FORMAT;
}

/* -l against -L, -x against -X: each pair once. */
static enum err set_once(int *place, int letter)
{
	if (*place != 0) {
		fprintf(stderr, "-%c flag already specified\n", *place);
		return ERR_FORMAT;
	}
	*place = letter;
	return ERR_OK;
}

static enum err add_destination(struct options *o, const char *spec)
{
	if (o->ndestinations == LIMIT_DESTINATIONS) {
		fprintf(stderr, "A key can have %u destination constraints, no more\n",
		    LIMIT_DESTINATIONS);
		return ERR_LIMIT;
	}
	o->destinations[o->ndestinations++] = spec;
	return ERR_OK;
}

static enum err add_hostkey_file(struct options *o, const char *path)
{
	if (o->nhostkey_files == LIMIT_HOSTKEY_FILES) {
		fprintf(stderr, "Only %u files can be named with -H\n", LIMIT_HOSTKEY_FILES);
		return ERR_LIMIT;
	}
	o->hostkey_files[o->nhostkey_files++] = path;
	return ERR_OK;
}

/* A part of a card's address, in which ";" and "=" mean something. */
static bool is_plain(const char *text)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

static enum err add_slot(struct options *o, const char *name)
{
	const char *slot = token_slot_find(name);

	if (slot == NULL) {
		fprintf(stderr, "--slot: not " TOKEN_SLOT_WORDS ": %s\n", name);
		return ERR_FORMAT;
	}
	if (o->nslots == OPTION_SLOTS_MOST) {
		fprintf(stderr, "Only %u slots can be named with --slot\n", OPTION_SLOTS_MOST);
		return ERR_LIMIT;
	}
	o->slots[o->nslots++] = slot;
	return ERR_OK;
}

/* "--card SERIAL" and "--card=SERIAL"; options may follow either. */
static enum err take_card(struct parse *p)
{
	const char *serial = optarg;

	p->wish.card = true;
	if (serial == NULL && p->argv[optind] != NULL && p->argv[optind][0] != '-')
		serial = p->argv[optind++];
	if (serial != NULL && !is_plain(serial)) {
		fprintf(stderr, "--card: not a card's serial number: %s\n", serial);
		return ERR_FORMAT;
	}
	p->out->serial = serial;
	return ERR_OK;
}

static enum err take_switch(struct options *o, int letter)
{
	switch (letter) {
	case 'f':
		o->follow = true;
		return ERR_OK;
	case LONG_JSON:
		o->json = true;
		return ERR_OK;
	case 'C':
		o->cert_only = true;
		return ERR_OK;
	case 'c':
		o->constraints.confirm = true;
		return ERR_OK;
	case 'k':
		o->plain_only = true;
		return ERR_OK;
	case 'N':
		o->keep_expired = true;
		return ERR_OK;
	case 'q':
		o->quiet = true;
		return ERR_OK;
	case 'v':
		o->verbose++;
		return ERR_OK;
	case 'E':
		return set_hash(o, optarg);
	case 't':
		return set_lifetime(o, optarg);
	case LONG_CONFIRM:
		return set_confirm(o, optarg);
	case LONG_IDLE:
		return set_idle(o, optarg);
	case LONG_LOCAL_ONLY:
		o->rules.local_only = true;
		return ERR_OK;
	case 'S':
		o->provider = optarg;
		return ERR_OK;
	case 'h':
		return add_destination(o, optarg);
	case 'H':
		return add_hostkey_file(o, optarg);
	case LONG_SLOT:
		return add_slot(o, optarg);
	default:
		return bad_usage();
	}
}

static enum err take_option(struct parse *p, int letter)
{
	switch (letter) {
	case 'l':
	case 'L':
		return set_once(&p->wish.list, letter);
	case 'x':
	case 'X':
		return set_once(&p->wish.lock, letter);
	case 'D':
		p->wish.remove_all = true;
		return ERR_OK;
	case 'd':
		p->wish.remove = true;
		return ERR_OK;
	case 'T':
		p->wish.test = true;
		return ERR_OK;
	case 'Q':
		p->wish.query = true;
		return ERR_OK;
	case LONG_ALL:
		p->wish.scan = true;
		return ERR_OK;
	case LONG_STATUS:
		p->wish.status = true;
		return ERR_OK;
	case LONG_LOG:
		p->wish.log = true;
		return ERR_OK;
	case LONG_ENVIRONMENT:
		p->wish.environment = true;
		return ERR_OK;
	case LONG_TOKENS:
		p->wish.tokens = true;
		return ERR_OK;
	case 'K':
		p->wish.resident = true;
		return ERR_OK;
	case 'e':
		p->wish.remove = true;
		p->wish.module = true;
		p->out->module = optarg;
		return ERR_OK;
	case 's':
		p->wish.module = true;
		p->out->module = optarg;
		return ERR_OK;
	case LONG_CARD:
		return take_card(p);
	case LONG_CERTIFICATE:
		p->wish.certificate = true;
		p->out->certificate = optarg;
		return ERR_OK;
	case LONG_FORGET:
		p->wish.forget = true;
		return ERR_OK;
	default:
		return take_switch(p->out, letter);
	}
}

/* Actions of which only one can be asked for. */
static enum err check_wish(const struct wish *w)
{
	int ours = w->status + w->log + w->scan + w->environment + w->tokens + w->card +
		   w->certificate + w->forget;
	int first = (w->list != 0) + (w->lock != 0) + w->remove_all + w->query + w->resident + ours;

	/* ssh-add passes over -K beside -s. */
	if (first > 1 || ((w->scan || w->forget) && (w->remove || w->test)) ||
	    (w->module && ours != 0)) {
		fputs("Invalid combination of actions\n", stderr);
		return ERR_FORMAT;
	}
	return ERR_OK;
}

/*
 * Two actions of the first group contradict each other; against the rest they win, as in ssh-add,
 * where
 * "-ld FILE" lists.
 */
static enum action choose(const struct wish *w)
{
	const struct {
		bool asked;
		enum action action;
	} rows[] = {
	    {w->list == 'l', ACTION_LIST},
	    {w->list == 'L', ACTION_LIST_FULL},
	    {w->lock == 'x', ACTION_LOCK},
	    {w->lock == 'X', ACTION_UNLOCK},
	    {w->remove_all, ACTION_REMOVE_ALL},
	    {w->query, ACTION_QUERY},
	    {w->status, ACTION_STATUS},
	    {w->log, ACTION_LOG},
	    {w->environment, ACTION_ENVIRONMENT},
	    {w->tokens, ACTION_TOKENS},
	    {w->certificate, ACTION_CERTIFICATE},
	    {w->forget, ACTION_FORGET},
	    {w->scan, ACTION_SCAN},
	    {w->test, ACTION_TEST},
	    {(w->module || w->card) && w->remove, ACTION_TOKEN_REMOVE},
	    {w->module || w->card, ACTION_TOKEN_ADD},
	    {w->resident, ACTION_RESIDENT},
	    {w->remove, ACTION_REMOVE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].asked)
			return rows[i].action;
	}
	return ACTION_ADD;
}

static enum err check_card(const struct parse *p)
{
	const struct options *o = p->out;

	if (o->nslots != 0 && !p->wish.card) {
		fputs("--slot goes with --card\n", stderr);
		return ERR_FORMAT;
	}
	if (p->wish.card && (o->plain_only || o->cert_only)) {
		fprintf(stderr,
		    "-%c does not go with --card, which offers plain keys; a certificate is given "
		    "to a loaded key with --certificate\n",
		    o->plain_only ? 'k' : 'C');
		return ERR_FORMAT;
	}
	if (p->wish.card && o->noperands != 0) {
		fputs("--card takes one serial number and no files; a certificate is given to a "
		      "loaded key with --certificate\n",
		    stderr);
		return bad_usage();
	}
	return ERR_OK;
}

static enum err check(const struct options *o)
{
	if (o->plain_only && o->cert_only) {
		fputs("-k (plain keys only) and -C (certificates only) leave nothing to do\n",
		    stderr);
		return ERR_FORMAT;
	}
	if (o->constraints.confirm && o->rules.confirm != CONFIRM_NEVER) {
		fputs(
		    "Ask always, or by another --confirm rule: only one can be followed\n", stderr);
		return ERR_FORMAT;
	}
	if (o->follow && o->action != ACTION_LOG) {
		fputs("-f (follow) goes with --log\n", stderr);
		return bad_usage();
	}
	if (o->json && o->action != ACTION_LOG && o->action != ACTION_STATUS &&
	    o->action != ACTION_LIST_VERBOSE && o->action != ACTION_TOKENS) {
		fputs("--json goes with -l -v, --log, --status and --tokens\n", stderr);
		return ERR_FORMAT;
	}
	if (o->action == ACTION_ENVIRONMENT && o->noperands != 0) {
		fputs(
		    "--update-environment takes the variables from its own environment\n", stderr);
		return bad_usage();
	}
	if (o->action == ACTION_FORGET && o->noperands == 0) {
		fputs(
		    "--forget: name the key files whose passphrases are to be forgotten\n", stderr);
		return bad_usage();
	}
	if (o->action == ACTION_TEST && o->noperands == 0) {
		fputs("no keys to test\n", stderr);
		return ERR_FORMAT;
	}
	return ERR_OK;
}

static enum err unknown_option(int letter, const char *word)
{
	if (letter == ':' && optopt < 256)
		fprintf(stderr, "option requires an argument -- %c\n", optopt);
	else if (letter == ':')
		fprintf(stderr, "option requires an argument: %s\n", word);
	else if (optopt != 0 && optopt < 256)
		fprintf(stderr, "unknown option -- %c\n", optopt);
	else
		fprintf(stderr, "unknown option %s\n", word);
	return bad_usage();
}

static const char *default_provider(void)
{
	const char *named = getenv("SSH_SK_PROVIDER");

	return named != NULL && named[0] != '\0' ? named : "internal";
}

enum err add_options_parse(int argc, char **argv, struct options *out)
{
	/* "+" ends the options at the first operand, ":" leaves the messages to us. */
	static const char letters[] = "+:vfkKlLCcdDNQTxXE:e:h:H:qs:S:t:";
	static const struct option names[] = {
	    {"all", no_argument, NULL, LONG_ALL},
	    {"status", no_argument, NULL, LONG_STATUS},
	    {"log", no_argument, NULL, LONG_LOG},
	    {"json", no_argument, NULL, LONG_JSON},
	    {"update-environment", no_argument, NULL, LONG_ENVIRONMENT},
	    {"tokens", no_argument, NULL, LONG_TOKENS},
	    {"confirm", required_argument, NULL, LONG_CONFIRM},
	    {"idle", required_argument, NULL, LONG_IDLE},
	    {"local-only", no_argument, NULL, LONG_LOCAL_ONLY},
	    {"card", optional_argument, NULL, LONG_CARD},
	    {"slot", required_argument, NULL, LONG_SLOT},
	    {"certificate", required_argument, NULL, LONG_CERTIFICATE},
	    {"forget", no_argument, NULL, LONG_FORGET},
	    {"help", no_argument, NULL, LONG_HELP},
	    {"version", no_argument, NULL, LONG_VERSION},
	    {NULL, 0, NULL, 0},
	};
	struct options o = {.hash = FINGERPRINT_SHA256, .provider = default_provider()};
	struct parse p = {.out = &o, .argv = argv};
	enum err e = ERR_OK;
	int letter;

	optind = 0; /* glibc: start afresh */
	while (e == ERR_OK && (letter = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (letter == '?' || letter == ':')
			e = unknown_option(letter, argv[optind - 1]);
		else if (letter == LONG_HELP || letter == LONG_VERSION) {
			out->action = letter == LONG_HELP ? ACTION_HELP : ACTION_VERSION;
			return ERR_OK;
		} else
			e = take_option(&p, letter);
	}
	if (e == ERR_OK)
		e = check_wish(&p.wish);
	if (e != ERR_OK)
		return e;
	o.action = choose(&p.wish);
	if (o.action == ACTION_LIST && o.verbose != 0)
		o.action = ACTION_LIST_VERBOSE;
	o.operands = (const char *const *)(argv + optind);
	o.noperands = (size_t)(argc - optind);
	e = check(&o);
	if (e == ERR_OK)
		e = check_card(&p);
	if (e == ERR_OK)
		*out = o;
	return e;
}
