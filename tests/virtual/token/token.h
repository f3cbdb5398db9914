/*
 * A smartcard in software, for tests: PIV (NIST SP 800-73-4, 800-78-4, with Yubico's extensions)
 * and OpenPGP (OpenPGP card 3.4.1) over one layer of APDUs.  It does no input or output: the
 * program hands it APDUs and steps it while it is busy.  Nothing here is safe against its
 * neighbours.
 */
#ifndef SIGNET_TESTS_VIRTUAL_TOKEN_TOKEN_H
#define SIGNET_TESTS_VIRTUAL_TOKEN_TOKEN_H

#include "tests/virtual/apdu.h"
#include "tests/virtual/token/key.h"

enum {
	TOKEN_POLL_MS = 20, /* step a busy card this often */
	TOKEN_SLOTS = 32,
	TOKEN_SECRET_MAX = 64,
	TOKEN_ATR_MAX = 33,
	TOKEN_GUID = 16,
	TOKEN_PIV_PIN = 8, /* bytes of a PIN of PIV, filled up with ff */
	TOKEN_CACHE_MS = 15000,
};

/* What PIV calls them; the control reference templates of OpenPGP. */
enum token_slot_id {
	SLOT_AUTHENTICATION = 0x9a,
	SLOT_SIGNATURE = 0x9c,
	SLOT_MANAGEMENT = 0x9d,
	SLOT_CARD = 0x9e,
	SLOT_RETIRED_FIRST = 0x82,
	SLOT_RETIRED_LAST = 0x95,
	SLOT_PGP_SIGN = 0xb6,
	SLOT_PGP_DECRYPT = 0xb8,
	SLOT_PGP_AUTHENTICATE = 0xa4,
};

/* As Yubico's metadata number them. */
enum token_pin_policy { PIN_NEVER = 1, PIN_ONCE, PIN_ALWAYS };
enum token_touch_policy { TOUCH_NEVER = 1, TOUCH_ALWAYS, TOUCH_CACHED };

enum token_certificate { CERTIFICATE_GOOD, CERTIFICATE_NONE, CERTIFICATE_BROKEN, CERTIFICATE_GZIP };

struct token_slot {
	uint8_t id;
	enum key_algorithm algorithm;
	enum token_pin_policy pin;
	enum token_touch_policy touch;
	enum token_certificate form;
	uint64_t touched; /* when last, for TOUCH_CACHED; lost with power; 0: never */
	EVP_PKEY *key;
	struct blob certificate; /* DER, of a slot of PIV that has one */
};

enum token_secret_id { SECRET_PIN, SECRET_PUK, SECRET_PW1, SECRET_PW3, SECRETS };

struct token_secret {
	char text[TOKEN_SECRET_MAX];
	unsigned tries;
	unsigned most;
};

/* Set before token_make; `yubico` and those below it may change between commands. */
struct token_options {
	bool piv;
	bool openpgp;
	uint8_t atr[TOKEN_ATR_MAX];
	size_t atr_len;
	uint32_t serial;
	bool chuid;     /* it has one, */
	bool guid;      /* with this in it */
	bool forgetful; /* SELECT of the applet that is selected resets what was verified too */
	bool strict;    /* PIN always: any other command after VERIFY takes it back */
	bool yubico;    /* with Yubico's instructions, */
	bool version;   /* of which each may be missing */
	bool serial_known;
	bool metadata;
	bool discovery;
	bool extended;      /* takes APDUs of extended length */
	bool chaining;      /* and such in pieces */
	bool wrong_is_6982; /* OpenPGP: how a wrong PIN is answered by some cards */
	bool pw1_once;      /* OpenPGP: PW1 is for one signature */
	bool outer;         /* OpenPGP: templates come with their own tag */
	unsigned touch_ms;  /* how long it waits for a touch */
	unsigned firmware;  /* Yubico's: 0x050403 */
	uint8_t id[TOKEN_GUID];
};

/* name | what it does; `argument` is the mode's number */
#define TOKEN_MODE_LIST(X)                                                                         \
	X(TOKEN_GOOD, "good")              /* nothing */                                           \
	X(TOKEN_TRUNCATED, "truncated")    /* half of the data, and 90 00 */                       \
	X(TOKEN_BARE, "bare")              /* no data, and 90 00 */                                \
	X(TOKEN_EMPTY, "empty")            /* no byte at all, not even a status word */            \
	X(TOKEN_ONE, "one")                /* a single byte */                                     \
	X(TOKEN_LONG, "long")              /* 60000 bytes more */                                  \
	X(TOKEN_GARBAGE, "garbage")        /* junk, as many bytes */                               \
	X(TOKEN_STATUS, "status")          /* this status word, without data */                    \
	X(TOKEN_OVERSIZE, "oversize")      /* the outermost length says 16 MB */                   \
	X(TOKEN_NOTHING, "nothing-behind") /* 61 20, and no data behind it */                      \
	X(TOKEN_ENDLESS, "endless")        /* 61 ff for ever, each with data */                    \
	X(TOKEN_HANG, "hang")              /* so many ms late */                                   \
	X(TOKEN_DIE, "die")                /* pulled when the command comes */                     \
	X(TOKEN_DIE_AFTER, "die-after")    /* pulled when it was done, before its answer */        \
	X(TOKEN_BAD_SIGNATURE, "bad-signature")                                                    \
	X(TOKEN_OTHER_KEY, "other-key") /* signs with another key of the same kind */

enum token_mode {
#define TOKEN_MODE_ENUM(name, text) name,
	TOKEN_MODE_LIST(TOKEN_MODE_ENUM)
#undef TOKEN_MODE_ENUM
};

struct token_misbehaviour {
	enum token_mode mode;
	unsigned argument;
	int ins;       /* only commands with this instruction; -1: all but GET RESPONSE */
	unsigned left; /* so many times; 0: always */
};

struct token_counts {
	unsigned apdus;
	unsigned selects;    /* that succeeded */
	unsigned verifies;   /* with a PIN in them */
	unsigned wrong;      /* tries spent */
	unsigned signatures; /* private operations that succeeded */
	unsigned touches;
};

struct token;

/* A command whose status word is SW_WAIT is tried again until it is another. */
struct token_applet {
	struct bytes (*aid)(struct token *t);
	enum status_word (*select)(struct token *t, struct builder *out);
	enum status_word (*command)(struct token *t, const struct apdu *a, struct builder *out);
};

extern const struct token_applet token_piv;
extern const struct token_applet token_openpgp;

struct token {
	struct token_options options;
	struct token_slot slots[TOKEN_SLOTS];
	size_t n_slots;
	struct token_secret secrets[SECRETS];
	uint32_t pgp_signatures; /* the counter of OpenPGP */
	uint64_t changes;        /* grows with what is kept in the state file */
	uint8_t pgp_aid[16];

	/* Lost with power. */
	const struct token_applet *applet;
	bool verified[SECRETS];
	bool pw1_signs;  /* PW1 was verified for signatures (81), */
	bool pw1_others; /* or for the rest (82) */
	bool fresh;      /* the PIN was verified by the last command */
	struct builder chain;
	uint8_t chain_ins;
	struct builder rest; /* an answer, which was fetched up to here */
	size_t rest_at;
	bool endless;

	/* The command that waits. */
	bool busy;
	struct apdu pending; /* its data are the chain's */
	uint64_t now;
	uint64_t asked;
	uint64_t until; /* an answer is held back; 0: none */
	struct builder held;
	bool waiting; /* for a touch */
	bool touched;

	/* The person. */
	unsigned touches;
	unsigned refusals;
	bool always;
	unsigned delay_ms;

	struct token_misbehaviour bad;
	struct token_counts counts;
};

enum token_outcome { TOKEN_IDLE, TOKEN_ANSWER, TOKEN_BUSY, TOKEN_GONE };

/* --- making (options.c, state.c) ------------------------------------------ */

void token_init(struct token *t);
/* One option of the command line, NAME=VALUE: see main.c.  False: there is no such thing. */
bool token_option(struct token *t, const char *assignment);
/* Make the keys and certificates that are not there yet. */
enum err token_make(struct token *t);
void token_clear(struct token *t);

/* Keys, secrets and counters in a file that replaces the old one whole; ERR_SYSTEM with errno. */
enum err token_save(const struct token *t, const char *path);
enum err token_load(struct token *t, const char *path);

/* NULL: the card has no such key. */
struct token_slot *token_slot(struct token *t, uint8_t id);

/* --- APDUs (card.c) ------------------------------------------------------- */

void token_reset(struct token *t);
enum token_outcome token_command(
    struct token *t, struct bytes raw, uint64_t now, struct builder *reply);
enum token_outcome token_step(struct token *t, uint64_t now, struct builder *reply);

/* --- what applets share (secret.c) ---------------------------------------- */

/* Compare, and count tries: SW_OK, SW_TRIES and what is left, SW_BLOCKED. */
enum status_word token_verify(struct token *t, enum token_secret_id id, struct bytes given);
enum status_word token_tries(const struct token *t, enum token_secret_id id);
bool token_set_secret(struct token *t, enum token_secret_id id, struct bytes text);

/* SW_OK when this key needs no touch or had it; SW_WAIT; SW_UNVERIFIED. */
enum status_word token_touch(struct token *t, struct token_slot *slot);

/* A private operation, misbehaving as it was told to. */
typedef enum err token_sign_fn(EVP_PKEY *key, struct bytes data, struct builder *out);
enum err token_sign(struct token *t, const struct token_slot *slot, token_sign_fn *sign,
    struct bytes data, struct builder *out);

#endif
