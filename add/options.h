/*
 * The command line: OpenSSH's short options as its getopt reads them (options end at the first
 * file), and our own long ones.
 */
#ifndef SIGNET_ADD_OPTIONS_H
#define SIGNET_ADD_OPTIONS_H

#include "keystore/fingerprint.h"
#include "proto/constraint.h"
#include "proto/limits.h"
#include "proto/rules.h"

/* What is asked for.  Without an option that says it: ACTION_ADD. */
enum action {
	ACTION_ADD,
	ACTION_REMOVE,
	ACTION_REMOVE_ALL,
	ACTION_LIST,      /* fingerprints */
	ACTION_LIST_FULL, /* public keys */
	ACTION_LOCK,
	ACTION_UNLOCK,
	ACTION_TEST,
	ACTION_QUERY,
	ACTION_SCAN, /* --all */
	ACTION_STATUS,
	ACTION_LOG,
	ACTION_LIST_VERBOSE, /* -l -v */
	ACTION_ENVIRONMENT,  /* --update-environment */
	ACTION_TOKENS,       /* --tokens */
	ACTION_RESIDENT,     /* -K */
	ACTION_TOKEN_ADD,    /* -s, --card */
	ACTION_TOKEN_REMOVE, /* -e, --card -d */
	ACTION_CERTIFICATE,  /* --certificate */
	ACTION_FORGET,       /* --forget */
	ACTION_HELP,
	ACTION_VERSION,
	ACTIONS
};

enum { OPTION_SLOTS_MOST = 32 };

struct options {
	enum action action;
	struct constraints constraints;                 /* -c, -t, and --confirm=always */
	struct key_rules rules;                         /* --confirm, --idle, --local-only */
	const char *provider;                           /* -S, SSH_SK_PROVIDER, else "internal" */
	const char *destinations[LIMIT_DESTINATIONS];   /* -h: argv's memory, as the next */
	const char *hostkey_files[LIMIT_HOSTKEY_FILES]; /* -H */
	size_t ndestinations, nhostkey_files;
	const char *module;                   /* -s, -e; NULL: a card */
	const char *serial;                   /* --card; NULL: any */
	const char *slots[OPTION_SLOTS_MOST]; /* --slot */
	size_t nslots;
	const char *certificate; /* --certificate: the first; the others are operands */
	bool plain_only;         /* -k */
	bool cert_only;          /* -C */
	bool keep_expired;       /* -N: a certificate's expiry sets no lifetime */
	bool quiet;
	unsigned verbose;
	bool json;   /* --json */
	bool follow; /* --log -f */
	enum fingerprint_hash hash;
	const char *const *operands; /* what follows the options: argv's memory */
	size_t noperands;
};

/*
 * Read argv.  ERR_UNSUPPORTED, ERR_LIMIT and ERR_FORMAT: the reason was written to standard error
 * (with the usage, where that helps).  Not for use in several threads (getopt).
 */
enum err add_options_parse(int argc, char **argv, struct options *out);

/* The text of --help: the usage lines and what the long options do. */
const char *add_options_help(void);

#endif
