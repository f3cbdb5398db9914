/*
 * The command line: every flag of OpenSSH 10.5's ssh-agent with its meaning,
 * and long options of our own.
 */
#ifndef SIGNET_OPTIONS_H
#define SIGNET_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "keystore/fingerprint.h"
#include "keystore/secretmem.h"

enum action {
	ACTION_SERVE, /* be an agent */
	ACTION_KILL,  /* -k */
	ACTION_CLEAN, /* -u */
	ACTION_HELP,
	ACTION_VERSION,
	ACTION_SETUP,        /* --setup */
	ACTION_DOCTOR,       /* --doctor */
	ACTION_CHECK_CONFIG, /* --check-config */
};

enum shell { SHELL_BOURNE, SHELL_C };

/* What the configuration has as well (config.h). */
enum option_bit {
	OPTION_LIFETIME = 1u << 0,
	OPTION_PROMPT_TIMEOUT = 1u << 1,
	OPTION_FINGERPRINTS = 1u << 2,
	OPTION_PROVIDERS = 1u << 3,
	OPTION_RESTRICT_WEBSAFE = 1u << 4,
	OPTION_REMOTE_PKCS11 = 1u << 5,
	OPTION_WEBSAFE = 1u << 6,
	OPTION_INSERT_WAIT = 1u << 7,
	OPTION_INSERT_WAIT_FORWARDED = 1u << 8,
	OPTION_REMEMBER_PIN = 1u << 9,
	OPTION_HIDE_ABSENT = 1u << 10,
	OPTION_NETWORK = 1u << 11,
	OPTION_SECRET_MEMORY = 1u << 12,
	OPTION_ALLOW_DSS = 1u << 13,
	OPTION_NO_RSA_SHA1 = 1u << 14,
	OPTION_OFFER_KEYS = 1u << 15,
	OPTIONS_ALL = (1u << 16) - 1,
};

struct options {
	uint32_t set; /* enum option_bit: those that were given */
	enum action action;
	enum shell shell;
	bool shell_c;                       /* -c */
	bool shell_bourne;                  /* -s */
	bool foreground;                    /* -D or -d */
	bool foreground_twice;              /* -d or -D more than once */
	bool debug;                         /* -d */
	bool tmp_socket;                    /* -T: socket below TMPDIR */
	bool keep_stale;                    /* -U: leave stale sockets alone */
	bool clean_all_hosts;               /* -uu */
	const char *socket;                 /* -a; NULL: a random path */
	uint32_t lifetime;                  /* -t, seconds; 0: for ever */
	uint32_t prompt_timeout;            /* --prompt-timeout, seconds; 0: LIMIT_PROMPT_MS */
	enum fingerprint_hash fingerprints; /* -E */
	const char *providers;              /* -P; NULL: the default list */
	bool restrict_websafe;              /* -O no-restrict-websafe turns it off */
	bool remote_pkcs11;                 /* -O allow-remote-pkcs11 */
	const char *websafe;                /* -O websafe-allow=; NULL: the default */
	uint32_t insert_wait;               /* --insert-wait, seconds; 0: do not wait */
	bool insert_wait_forwarded;         /* --insert-wait-forwarded */
	uint32_t remember_pin;              /* --remember-pin, seconds; 0: ask each time; UINT32_MAX
					       ("plugged"): until it is pulled out */
	uint32_t relock; /* --relock, seconds; 0: unlocked key files are not locked again by time */
	bool hide_absent;    /* --hide-absent: keys of tokens that are not there */
	const char *network; /* --pkcs11-network: modules that may use it; NULL: none */
	enum secret_mode secret_memory;
	bool allow_dss;
	bool no_rsa_sha1;
	const char *config;   /* --config; NULL: the usual file.  "none": none */
	bool offer_keys;      /* --offer-keys; a default where set lacks its bit */
	char *const *command; /* NULL-terminated; NULL: none */
	int exit_status;      /* after a mistake */
	bool setup_undo;      /* --undo, with --setup */
	bool setup_replace;   /* --replace, with --setup */
};

/*
 * Parse.  On a mistake prints what is wrong and how the program is used, sets out->exit_status to
 * what OpenSSH's agent ends with (255 for a value of -E, -O or -P, else 1), and
 * returns false.  Views into argv.
 */
bool options_parse(int argc, char *const argv[], struct options *out);

/* The help text, to standard output. */
void options_help(void);

#endif
