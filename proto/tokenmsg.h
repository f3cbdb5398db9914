/*
 * Messages between a helper for tokens and whoever started it: the core, or signet-add for
 * --tokens.  signet-pkcs11 serves one PKCS#11 module, signet-card all card readers; both speak
 * this.  Frames as in helpermsg.h, of LIMIT_TOKEN_MESSAGE bytes at most.  Unlike other helpers
 * these live long: requests carry a number of the asker's, several may be under way at once, and
 * their answers come in any order.
 *
 *   request          answers
 *   TOKEN_RESOLVE    TOKEN_RESOLVED, and the helper ends.  The only request of its process; nothing
 *                    is loaded.  signet-card knows it not.
 *   TOKEN_OPEN       the first of all others: TOKEN_INVENTORY once the module is loaded, and again
 *                    whenever what it told changes, unasked.  TOKEN_FAILED with number 0: it cannot
 *                    be loaded, and the helper ends.
 *   TOKEN_SELECT     TOKEN_SELECTED, behind an inventory that has what it names; or TOKEN_FAILED
 *   TOKEN_SIGN       TOKEN_SIGNED or TOKEN_FAILED
 *   TOKEN_WATCH      no answer; somebody waits for a token to be plugged in, or no longer
 *   TOKEN_LOGOUT     no answer; PINs entered so far are to count for nothing
 *
 * Hanging up ends the helper.  It never asks a person anything: it fails with ERR_PIN_NEEDED, and
 * the asker asks and comes again.  A PIN in a request costs one try at most, and the last one of a
 * token only if TOKEN_LAST_TRY is set.  In a TOKEN_SELECT that means several tokens it goes to the
 * first that wants one, and to the next only past those whose PIN is locked or was never set; if a
 * user is logged in to one of them by now it is not looked at.
 */
#ifndef SIGNET_TOKENMSG_H
#define SIGNET_TOKENMSG_H

#include "proto/builder.h"
#include "proto/reader.h"

enum token_message {
	TOKEN_RESOLVE = 64, /* string name */
	TOKEN_OPEN = 65,    /* string path, uint32 open flags */
	TOKEN_SELECT = 66,  /* uint32 number, string uri, string PIN, uint32 request flags */
	TOKEN_SIGN = 67,  /* uint32 number, string token, string key, string algorithm, string data,
			     string PIN, uint32 request flags */
	TOKEN_WATCH = 68, /* byte: 1 somebody waits, 0 nobody */
	TOKEN_LOGOUT = 69, /* no fields */

	TOKEN_RESOLVED = 80,  /* string path */
	TOKEN_INVENTORY = 81, /* byte trouble, uint32 count, tokens */
	TOKEN_SELECTED = 82,  /* uint32 number, uint32 count, (string token, string key) ... */
	TOKEN_SIGNED = 83,    /* uint32 number, string r, string s */
	TOKEN_FAILED = 84, /* uint32 number, byte enum err, byte tries, uint32 token flags, string
			      detail */
};

/*
 * token: byte kind, string id, string name, string place, string serial, string firmware, uint32
 *        token flags, byte tries, byte parallel, uint32 count, keys
 * key:   string id, string public, string label, string slot, uint32 key flags
 */

enum {
	TOKEN_TOKENS_MOST = 64, /* in one TOKEN_INVENTORY */
	TOKEN_KEYS_MOST = 1024, /* of all tokens together; a helper leaves out what is more */
	TOKEN_ID_MOST = 512,    /* bytes of a token's or a key's id */
	TOKEN_TEXT_MOST = 256,  /* bytes of a name, place, serial, firmware, label, slot, detail */
	TOKEN_PUBLIC_MOST = 4096, /* bytes of a public key blob */
	TOKEN_PATH_MOST = 4096,   /* bytes of a path, a module's name or a URI */
	TOKEN_PIN_MOST = 255,     /* bytes */
	TOKEN_TRIES_UNKNOWN = 255,
};

enum token_open_flag {
	TOKEN_OPEN_NETWORK = 1u << 0, /* the module may use the network */
	TOKEN_OPEN_FLAGS = (1u << 1) - 1,
};

enum token_request_flag {
	/* The person knows that it may be the last try. */
	TOKEN_LAST_TRY = 1u << 0,
	/* The person was told to enter the PIN on the reader (TOKEN_HAS_PAD); the PIN is empty. */
	TOKEN_USE_PAD = 1u << 1,
	TOKEN_REQUEST_FLAGS = (1u << 2) - 1,
};

/*
 * Kinds of token: the name that programs read (signet-add --tokens --json), what people read, and
 * whether it is an applet of a card, whose keys are called by slot and card.  The first is a reader
 * without a card, or with one that is not known: no id, no keys.  Numbers are sent: new ones go
 * behind.
 */
#define TOKEN_TYPES(X)                                                                             \
	X(TOKEN_READER, "reader", "smartcard reader", false)                                       \
	X(TOKEN_PKCS11, "pkcs11", "PKCS#11", false)                                                \
	X(TOKEN_PIV, "piv", "PIV", true)                                                           \
	X(TOKEN_OPENPGP, "openpgp", "OpenPGP", true)

enum token_type {
#define TOKEN_TYPE_ENUM(type, name, words, applet) type,
	TOKEN_TYPES(TOKEN_TYPE_ENUM)
#undef TOKEN_TYPE_ENUM
	    TOKEN_TYPE_COUNT
};

const char *token_type_name(enum token_type type);
const char *token_type_words(enum token_type type);
bool token_type_is_applet(enum token_type type);

/* The slots of all kinds of card by which a person names keys, and "all": in one spelling, since
 * offers are compared by it; NULL: no card has such a slot. */
const char *token_slot_find(const char *name);

/* These, in words. */
#define TOKEN_SLOT_WORDS                                                                           \
	"9a, 9c, 9d, 9e or 82 to 95 (hexadecimal) of PIV cards, 3 of OpenPGP cards, or all"

enum token_flag {
	TOKEN_HAS_PAD = 1u << 0,   /* the PIN is entered on the reader only */
	TOKEN_PIN_LOW = 1u << 1,   /* a wrong PIN was given since the last good one */
	TOKEN_PIN_FINAL = 1u << 2, /* one more wrong PIN locks it */
	TOKEN_PIN_LOCKED = 1u << 3,
	TOKEN_PIN_UNSET = 1u << 4,
	/* In TOKEN_FAILED with ERR_PIN_NEEDED: it is the key that asks, for each of its uses. */
	TOKEN_PIN_EACH = 1u << 5,
	TOKEN_UNKNOWN_CARD = 1u << 6, /* of TOKEN_READER: there is a card, of a kind not known */
	TOKEN_BUSY_CARD = 1u << 7,    /* of TOKEN_READER: another program keeps it for itself */
	TOKEN_FLAGS = (1u << 8) - 1,
};

enum token_key_flag {
	TOKEN_KEY_PIN_EACH =
	    1u << 0,               /* a PIN for each signature (PIV 9C, CKA_ALWAYS_AUTHENTICATE) */
	TOKEN_KEY_TOUCH = 1u << 1, /* a touch too, for each or now and then */
	TOKEN_KEY_DEFAULT = 1u << 2, /* what an empty selection of a card picks */
	TOKEN_KEY_FLAGS = (1u << 3) - 1,
};

/* A key on a token.  Views. */
struct token_key {
	struct bytes id;     /* the same as long as the key is on the token; bytes of any kind */
	struct bytes public; /* plain public key blob (RFC 4253, section 6.6), well-formed */
	struct bytes label;  /* what its maker called it; may be empty; UTF-8, no controls */
	struct bytes slot;   /* "9a" (PIV), "3" (OpenPGP); else empty */
	uint32_t flags;      /* enum token_key_flag */
};

/* A token that is there.  Views. */
struct token_info {
	enum token_type type;
	/* The same whenever and wherever this token is plugged in, and another's never; bytes of
	   any kind.  Empty for TOKEN_READER. */
	struct bytes id;
	struct bytes name;     /* for people: label, or kind and serial; UTF-8, no controls */
	struct bytes place;    /* reader or slot */
	struct bytes serial;   /* may be empty */
	struct bytes firmware; /* "5.4.3"; may be empty */
	uint32_t flags;        /* enum token_flag */
	uint8_t tries;         /* PIN tries left; TOKEN_TRIES_UNKNOWN */
	uint8_t parallel;      /* signatures that it makes at once, at least 1 */
	uint32_t count;        /* keys: token_key_next, count times */
	struct reader keys;
};

/* TOKEN_INVENTORY.  tokens: token_info_next, count times; all were checked. */
struct token_inventory {
	/* Why nothing is seen: ERR_NO_READER (no pcscd), ERR_TOKEN; else ERR_OK. */
	enum err trouble;
	uint32_t count;
	struct reader tokens;
};

/* Views. */
struct token_open {
	struct bytes path; /* of the module, without links; empty for signet-card */
	uint32_t flags;    /* enum token_open_flag */
};

/*
 * Which keys are meant.  signet-pkcs11: empty (all), or a pkcs11: URI (RFC 7512), of which the
 * attributes that name a token or an object count.  signet-card: "card:" and any of these, with ";"
 * between them: "serial=TEXT", "slot=NAME" (several times: any of them; "all"); without a slot
 * those with TOKEN_KEY_DEFAULT.
 */
struct token_select {
	uint32_t number; /* not 0 */
	struct bytes uri;
	struct bytes pin; /* empty: no PIN is entered */
	uint32_t flags;   /* enum token_request_flag */
};

struct token_sign {
	uint32_t number;         /* not 0 */
	struct bytes token, key; /* their ids */
	struct bytes algorithm;  /* SSH's name of the signature algorithm: "rsa-sha2-256" */
	struct bytes data;       /* as SIGN_REQUEST has it */
	struct bytes pin;        /* empty: none */
	uint32_t flags;          /* enum token_request_flag */
};

/* As the token gave it; not verified. */
struct token_signed {
	uint32_t number;
	/* ECDSA: big-endian magnitudes; RSA: r as long as the modulus; Ed25519: r has all 64
	   bytes; s is empty for both. */
	struct bytes r, s;
};

struct token_failure {
	uint32_t number;     /* 0: of TOKEN_OPEN or TOKEN_RESOLVE */
	enum err why;        /* never ERR_OK; see token_failure_allowed */
	uint8_t tries;       /* PIN tries left; TOKEN_TRIES_UNKNOWN */
	uint32_t flags;      /* enum token_flag, with ERR_PIN and ERR_PIN_NEEDED */
	struct bytes detail; /* what the module said ("CKR_DEVICE_ERROR"), for the log; no NUL */
};

/* One selected key; views. */
struct token_ref {
	struct bytes token, key;
};

/*
 * Only what a helper can find out: ERR_MODULE, ERR_MODULE_NAME, ERR_URI, ERR_URI_MODULE,
 * ERR_TOKEN, ERR_TOKEN_GONE, ERR_TOKEN_BUSY, ERR_TOKEN_KEYS, ERR_TOKEN_SIGN, ERR_NO_TOKEN,
 * ERR_NO_READER, ERR_PIN, ERR_PIN_NEEDED, ERR_PIN_LOCKED, ERR_PIN_NOT_SET, ERR_PAD,
 * ERR_TOUCH_TIMEOUT, ERR_UNSUPPORTED, ERR_MEMORY, ERR_SYSTEM, ERR_FORMAT, ERR_LIMIT.
 */
bool token_failure_allowed(enum err why);

/* Whole frames into b. */
void token_resolve_build(struct builder *b, struct bytes name);
void token_open_build(struct builder *b, const struct token_open *m);
void token_select_build(struct builder *b, const struct token_select *m);
void token_sign_build(struct builder *b, const struct token_sign *m);
void token_watch_build(struct builder *b, bool waits);
void token_logout_build(struct builder *b);
void token_resolved_build(struct builder *b, struct bytes path);
/* An inventory: open; for each token token_info_open, token_key_put as often as count says,
 * close.  The count of tokens is told at the start. */
size_t token_inventory_open(struct builder *b, enum err trouble, uint32_t count);
void token_info_put(struct builder *b, const struct token_info *m); /* its keys follow */
void token_key_put(struct builder *b, const struct token_key *m);
void token_inventory_close(struct builder *b, size_t mark);
void token_selected_build(
    struct builder *b, uint32_t number, const struct token_ref *refs, size_t count);
void token_signed_build(struct builder *b, const struct token_signed *m);
void token_failed_build(struct builder *b, const struct token_failure *m);

/* Which message is it?  ERR_VERSION, ERR_MESSAGE for a kind that is none, ERR_TRUNCATED. */
enum err token_message_of(struct bytes message, enum token_message *out);

/*
 * From a frame's content, whose kind is known: why it is malformed, over a limit of this file
 * (ERR_LIMIT), or of another kind (ERR_MESSAGE).  Views into message.  Surplus bytes, unknown flags
 * and numbers, text that is not UTF-8 or has controls, a public key that pubkey_parse does not
 * take, and two tokens with one id are malformed.
 */
enum err token_resolve_parse(struct bytes message, struct bytes *name);
enum err token_open_parse(struct bytes message, struct token_open *out);
enum err token_select_parse(struct bytes message, struct token_select *out);
enum err token_sign_parse(struct bytes message, struct token_sign *out);
enum err token_watch_parse(struct bytes message, bool *waits);
enum err token_logout_parse(struct bytes message);
enum err token_resolved_parse(struct bytes message, struct bytes *path);
enum err token_inventory_parse(struct bytes message, struct token_inventory *out);
enum err token_info_next(struct reader *tokens, struct token_info *out);
enum err token_key_next(struct reader *keys, struct token_key *out);
/* refs: token_ref_next, count times; all were checked. */
enum err token_selected_parse(
    struct bytes message, uint32_t *number, uint32_t *count, struct reader *refs);
enum err token_ref_next(struct reader *refs, struct token_ref *out);
enum err token_signed_parse(struct bytes message, struct token_signed *out);
enum err token_failed_parse(struct bytes message, struct token_failure *out);

#endif
