/*
 * The configuration: ssh_config(5)'s syntax (a keyword, values, "#" comments, double quotes), read
 * by the process that becomes the supervisor, at the start and on SIGHUP; the core gets what was
 * read, never the file.  The page signet-config(5) describes every keyword.
 *
 * Of each keyword the first value holds, as in ssh_config; a Key block's apply to the keys that it
 * names, and those of the first block that has the keyword hold.  What the command line says goes
 * before the configuration.
 */
#ifndef SIGNET_CONFIG_H
#define SIGNET_CONFIG_H

#include <stdio.h>

#include "agent/options.h"
#include "proto/base/bytes.h"
#include "proto/rules.h"

enum {
	CONFIG_MOST = 256 * 1024,
	CONFIG_BLOCKS_MOST = 1024, /* of each kind */
	CONFIG_WORDS_MOST = 1024,  /* of one keyword */
	CONFIG_DIRECTORIES_MOST = 64,
	CONFIG_MODULES_MOST = 32,
	CONFIG_CARDS_MOST = 16,
	CONFIG_WORD_MOST = 4096, /* bytes */
};

/* Values of a keyword; own memory. */
struct words {
	char **list;
	size_t n;
};

/* What happens to keys when the screen is locked or the machine goes to sleep. */
enum config_event {
	EVENT_NOTHING,
	EVENT_RELOCK, /* those that files offer are locked again */
	EVENT_LOCK,   /* and nobody signs or lists until the screen is unlocked */
	EVENT_DROP,   /* and all others are removed */
};

enum keyring_rule {
	KEYRING_RULE_UNSET,
	KEYRING_RULE_NO,  /* neither looked into nor stored to */
	KEYRING_RULE_ASK, /* looked into; a person is asked before a passphrase is stored */
	KEYRING_RULE_YES, /* a passphrase that opened its file is stored unasked */
};

enum config_key_set {
	KEY_CONFIRM = 1u << 0,
	KEY_LIFETIME = 1u << 1,
	KEY_IDLE = 1u << 2,
	KEY_RELOCK = 1u << 3,
	KEY_LOCAL_ONLY = 1u << 4,
	KEY_KEYRING = 1u << 5,
	KEY_DESTINATION = 1u << 6,
	KEY_OFFER = 1u << 7,
	KEYS_ALL = (1u << 8) - 1,
};

/* What Key blocks say of one key, or one block says. */
struct config_policy {
	uint32_t set;              /* enum config_key_set: what was said */
	struct key_rules rules;    /* confirm, idle, local_only */
	uint32_t lifetime, relock; /* seconds; 0: none */
	enum keyring_rule keyring;
	bool offer;                /* false: its file is not offered */
	struct bytes destinations; /* restrict-destination's content; a view of the block's */
};

struct config_key {
	struct words patterns;
	unsigned line;
	struct config_policy policy;
	struct words destination_words; /* as written; */
	unsigned *destination_lines;    /* in which line each is; */
	/* looked up in known_hosts by config_load.  Where nothing could be: a constraint that no
	   host fulfils, so that the key is not usable beyond what was wanted. */
	struct blob destination_bytes;
};

struct config_view {
	char *name;
	char *socket; /* absolute path; NULL: NAME.sock beside the agent's socket */
	unsigned line;
	struct words keys; /* patterns; none is a mistake */
	bool read_only;
	bool has_confirm;
	struct key_rules confirm; /* beyond what its keys want */
};

struct config {
	char *path;                      /* of the file; NULL: there was none */
	uint32_t mistakes;               /* that were found in it */
	struct words key_directories;    /* absolute; by default ~/.ssh */
	bool has_offer_keys, offer_keys; /* files in them are offered */
	bool unlock_forwarded;
	enum config_event on_screen_lock, on_sleep;
	enum keyring_rule keyring; /* for keys without a rule of their own; never UNSET */
	bool keyring_pins;
	struct words modules;      /* PKCS#11 modules whose keys are added at the start */
	bool resident_keys;        /* security keys are asked for those that they keep */
	bool cards;                /* cards are offered, */
	struct words card_serials; /* these; none: all, */
	struct words slots;        /* and these of their slots; none: those that authenticate */
	char *askpass, *pinentry, *prompt_order; /* NULL: unset */
	/* Where these stand in the file, for config_check; the core has no use for it. */
	unsigned directory_lines[CONFIG_DIRECTORIES_MOST], module_lines[CONFIG_MODULES_MOST];
	unsigned askpass_line, pinentry_line;
	/* What the command line has as well: options.set says which, by their bits.  Its strings
	   are the next three; of its other members none means anything. */
	struct options options;
	char *providers, *websafe, *network;
	struct config_key *keys;
	size_t key_count;
	struct config_view *views;
	size_t view_count;
};

/* A mistake: where, what, and what to do. */
struct config_mistake {
	const char *path;
	unsigned line; /* 0: of the file as a whole */
	const char *what;
};

/* Told of each mistake; the strings are valid during the call. */
struct config_teller {
	void (*tell)(void *ctx, const struct config_mistake *m);
	void *ctx;
};

/* The defaults: what an empty file says.  home: absolute. NULL without memory. */
struct config *config_new(const char *home);
void config_free(struct config *c); /* NULL is allowed */

/*
 * Parse a whole file of at most CONFIG_MOST bytes.  A line with a mistake is told and passed over;
 * false when there was any.  But one in a block that was to restrict a key or a view restricts it
 * as much as it could have: Confirm asks always, LocalOnly and ReadOnly are yes, a Destination that
 * makes no sense is none that can be reached.
 * Reads nothing else: destinations are looked up by config_load.
 */
bool config_parse(
    struct config *c, struct bytes text, const char *home, const struct config_teller *to);

/*
 * Read the file at path, NULL: $XDG_CONFIG_HOME/signet/config or ~/.config/signet/config, which
 * need not be there; "none": no file; parse it and look destinations up.  What is wrong was told,
 * and *good is false then: *out is what the lines say that are right.  A file that is not ours (or
 * root's) or that others may write to, that cannot be read, or is no file at all, says nothing: the
 * defaults. ERR_MEMORY alone fails.
 * libcrypto is started where hosts are looked up, for known_hosts may have their names hashed: not
 * for a process that becomes the core, or its supervisor.
 */
enum err config_load(
    const char *path, const struct config_teller *to, struct config **out, bool *good);

/* The same, but that no hosts are looked up; *plain: there are none to be. */
enum err config_load_plain(
    const char *path, const struct config_teller *to, struct config **out, bool *good, bool *plain);

/*
 * For --check-config: is what it names there?  Directories, PKCS#11 modules (signet-pkcs11 finds
 * out; nothing is loaded), prompt programs.  False when something was told.
 */
bool config_check(const struct config *c, const struct config_teller *to);

/* The path that config_load takes for NULL, on the heap; NULL: no home, or no memory. */
char *config_default_path(void);

/* What was read, for the core, and back: a blob without secrets.  ERR_FORMAT, ERR_MEMORY. */
enum err config_pack(const struct config *c, struct blob *out);
enum err config_unpack(struct bytes packed, struct config **out);
enum { CONFIG_PACKED_MOST = 64 * 1024 * 1024 };

/*
 * The options of a process that was started with these: what its command line left unsaid comes
 * from the configuration.  out->set is what either said.  Views of both.
 */
void config_options(
    const struct config *c, const struct options *command_line, struct options *out);

/* Keywords whose value can be put to the environment of helpers, where that has none yet: name is
 * that of the variable.  NULL: unset. */
const char *config_variable(const struct config *c, unsigned nth, const char **name);
enum { CONFIG_VARIABLES = 3 };

/* --- words, for the files of this module --------------------------------------------------- */

/* A copy at the end.  ERR_MEMORY. */
enum err words_add(struct words *w, struct bytes word);
void words_clear(struct words *w);

/* One more, zero-initialised, with the defaults of its kind; NULL: no memory. */
struct config_key *config_add_key(struct config *c);
struct config_view *config_add_view(struct config *c);
void config_key_clear(struct config_key *key);
void config_view_clear(struct config_view *view);

/* --- what it says of a key --------------------------------------------------------- */

/* What patterns are matched with; empty is unknown. */
struct key_facts {
	struct bytes file; /* absolute path */
	struct bytes comment;
	const char *print; /* SHA-256 fingerprint; NULL: unknown */
};

/*
 * Does one of the patterns fit, and none that begins with "!"?  A pattern that begins with "/" is
 * for the file ("~/" is replaced when it is read), with "SHA256:" for the fingerprint; any other
 * for the comment and for the file's name without its directories.  "*" and "?" as in ssh_config.
 */
bool key_patterns_match(const struct words *patterns, const struct key_facts *key);

void config_policy(const struct config *c, const struct key_facts *key, struct config_policy *out);

#endif
