/* The inside of an authenticator, shared by the files that make it up and by nobody else. */
#ifndef SIGNET_TESTS_VIRTUAL_IMPL_H
#define SIGNET_TESTS_VIRTUAL_IMPL_H

#include "proto/builder.h"
#include "proto/reader.h"
#include "tests/virtual/authenticator.h"
#include "tests/virtual/crypto.h"

/* Status bytes (CTAP 2.1, section 8.2), and one of our own that never leaves. */
enum ctap {
	CTAP_OK = 0x00,
	CTAP_INVALID_COMMAND = 0x01,
	CTAP_INVALID_PARAMETER = 0x02,
	CTAP_INVALID_LENGTH = 0x03,
	CTAP_CBOR_UNEXPECTED_TYPE = 0x11,
	CTAP_INVALID_CBOR = 0x12,
	CTAP_MISSING_PARAMETER = 0x14,
	CTAP_CREDENTIAL_EXCLUDED = 0x19,
	CTAP_UNSUPPORTED_ALGORITHM = 0x26,
	CTAP_OPERATION_DENIED = 0x27,
	CTAP_KEY_STORE_FULL = 0x28,
	CTAP_UNSUPPORTED_OPTION = 0x2b,
	CTAP_INVALID_OPTION = 0x2c,
	CTAP_KEEPALIVE_CANCEL = 0x2d,
	CTAP_NO_CREDENTIALS = 0x2e,
	CTAP_USER_ACTION_TIMEOUT = 0x2f,
	CTAP_NOT_ALLOWED = 0x30,
	CTAP_PIN_INVALID = 0x31,
	CTAP_PIN_BLOCKED = 0x32,
	CTAP_PIN_AUTH_INVALID = 0x33,
	CTAP_PIN_AUTH_BLOCKED = 0x34,
	CTAP_PIN_NOT_SET = 0x35,
	CTAP_PUAT_REQUIRED = 0x36, /* PIN_REQUIRED in CTAP 2.0 */
	CTAP_PIN_POLICY_VIOLATION = 0x37,
	CTAP_REQUEST_TOO_LARGE = 0x39,
	CTAP_UV_BLOCKED = 0x3c,
	CTAP_INVALID_SUBCOMMAND = 0x3e,
	CTAP_UV_INVALID = 0x3f,
	CTAP_UNAUTHORIZED_PERMISSION = 0x40,
	CTAP_OTHER = 0x7f,
	CTAP_WAIT = 0x100, /* for a touch; the command is run again from its start */
};

/* Permissions of a token (CTAP 2.1, section 6.5.5.7). */
enum permission { PERM_MC = 0x01, PERM_GA = 0x02, PERM_CM = 0x04 };

/* Flags of authenticator data (WebAuthn 2, section 6.1). */
enum { FLAG_UP = 0x01, FLAG_UV = 0x04, FLAG_AT = 0x40, FLAG_ED = 0x80 };

enum { PROTECT_NONE = 1, PROTECT_WITH_ID = 2, PROTECT_UV = 3 };
enum { TOKEN_LEN = 32, PIN_HASH_LEN = 16, USER_ID_MAX = 64 };

/* What a credential id carries, sealed. */
struct credential {
	enum algorithm alg;
	uint8_t protect;
	bool resident;
	uint8_t seed[SEED_LEN];
};

/* A stored credential.  Texts are UTF-8 and may be empty; ids and rp.id may not. */
struct resident {
	struct credential key;
	uint8_t rp_hash[HASH_LEN];
	struct blob id;
	struct blob rp_id;
	struct blob user_id;
	struct blob user_name;
	struct blob user_display;
};

/* What survives power loss. */
struct memory {
	uint8_t secret[SEED_LEN];   /* seals credential ids, salts hmac-secret */
	uint8_t attester[SEED_LEN]; /* signs attestations */
	bool pin_set;
	uint8_t pin_hash[PIN_HASH_LEN]; /* the left half of the PIN's SHA-256 */
	unsigned pin_retries;
	unsigned uv_retries;
	uint32_t counter;
	struct resident *residents; /* oldest first */
	size_t n_residents;
};

/* A pinUvAuthToken in use, and the key agreement; lost with power. */
struct session {
	uint8_t agreement[SEED_LEN];
	uint8_t token[TOKEN_LEN];
	bool token_live;
	unsigned permissions;
	bool rp_bound;
	uint8_t rp_hash[HASH_LEN];
	unsigned wrong_in_a_row;
};

/* What the next authenticatorGetNextAssertion answers, or the next step of an enumeration. */
struct walk {
	uint8_t command; /* the only command that may continue; 0: none */
	uint8_t sub;     /* and its subcommand */
	size_t at;       /* resident to look at next, counted down (assertions) or up */
	uint8_t rp_hash[HASH_LEN];
	uint8_t client_data_hash[HASH_LEN];
	uint8_t flags;
};

struct authenticator {
	struct authenticator_options options;
	struct memory memory;
	struct session session;
	struct walk walk;
	struct authenticator_status counts; /* the counters in it */
	uint64_t changes;

	/* The command. */
	bool pending;
	bool cancelled;
	bool touched; /* this command has had its touch */
	bool waiting;
	enum authenticator_protocol protocol;
	struct blob command;
	struct builder response;
	uint64_t now;
	uint64_t asked;     /* when it began to ask for a touch */
	bool u2f_asking;    /* the last U2F command was answered "touch me" */
	uint64_t u2f_first; /* when it began to be, */
	uint64_t u2f_last;  /* and when last */

	/* The person. */
	unsigned touches;
	unsigned refusals;
	bool always;
	unsigned delay_ms;
	unsigned uv_failures;

	enum authenticator_mode mode;
	unsigned mode_argument;
};

/* --- touch (touch.c) ------------------------------------------------------ */

/* One touch a command: CTAP_OK, CTAP_WAIT, CTAP_OPERATION_DENIED or CTAP_USER_ACTION_TIMEOUT. */
enum ctap touch_wait(struct authenticator *a);
/* For U2F, whose client asks again and again: true when there is one. */
bool touch_u2f(struct authenticator *a);
bool touch_waiting(const struct authenticator *a, uint64_t now);
/* Built-in verification: the same touch, and whether it is the owner's. */
enum ctap touch_verify(struct authenticator *a);

/* --- credentials (credential.c) ------------------------------------------- */

/* A new key and its id (appended to id). */
enum err credential_new(struct authenticator *a, const uint8_t rp_hash[HASH_LEN],
    struct credential *c, struct builder *id);
/* The credential of an id: false for one of another rp or authenticator, or a deleted resident one.
 */
bool credential_open(const struct authenticator *a, const uint8_t rp_hash[HASH_LEN],
    struct bytes id, struct credential *out);
/* The stored credential of an id, or NULL. */
struct resident *credential_resident(const struct authenticator *a, struct bytes id);
/* Takes what r holds, in place of one with the same rp and user.  ERR_LIMIT when there is no room.
 */
enum err credential_store(struct authenticator *a, struct resident *r);
void credential_delete(struct authenticator *a, struct resident *r);
void resident_clear(struct resident *r);
/* COSE_Key (RFC 9053). */
enum err credential_public(const struct credential *c, struct builder *out);

/*
 * rpIdHash, flags and counter, which grows; then what follows is the caller's.  The mode may change
 * them.
 */
void authdata_put(
    struct authenticator *a, const uint8_t rp_hash[HASH_LEN], uint8_t flags, struct builder *out);
/* Sign data with the credential as the mode wants it. */
enum err authdata_sign(struct authenticator *a, const struct credential *c, struct bytes data,
    uint8_t *signature, size_t *n);

/* --- requests (request.c) ------------------------------------------------- */

enum tristate { UNSAID = -1, NO = 0, YES = 1 };

/* authenticatorMakeCredential and authenticatorGetAssertion, read; views into the command. */
struct request {
	struct bytes client_data_hash; /* HASH_LEN bytes */
	struct bytes rp_id;
	uint8_t rp_hash[HASH_LEN];
	bool user_given;
	struct bytes user_id;
	struct bytes user_name;
	struct bytes user_display;
	bool algs_given;
	int alg; /* the first that we have; 0: none */
	bool list_given;
	struct bytes list; /* exclude or allow list: an encoded array of descriptors, checked */
	size_t list_count;
	int protect; /* 0: not asked for */
	bool hmac_secret;
	struct bytes hmac_input; /* encoded map */
	enum tristate rk;
	enum tristate up;
	enum tristate uv;
	bool auth_given;
	struct bytes auth;
	int protocol; /* 0: not given */
};

enum ctap request_make(const struct authenticator *a, struct bytes body, struct request *out);
enum ctap request_assert(const struct authenticator *a, struct bytes body, struct request *out);
/* The next id of a checked list; false at its end.  Start with the reader of request_list(). */
struct reader request_list(const struct request *q);
bool request_next(struct reader *r, struct bytes *id);

/* --- PIN and tokens (pin.c, pin_protocol.c) ------------------------------- */

void session_start(struct session *s);
/* Shared keys of a key agreement; protocol 1 has one for both uses. */
struct shared {
	int protocol;
	uint8_t hmac_key[32];
	uint8_t aes_key[32];
};
bool protocol_known(const struct authenticator *a, int64_t protocol);
/* Reads a COSE key from cose, and agrees with it. */
enum ctap shared_make(
    const struct authenticator *a, int protocol, struct reader cose, struct shared *out);
enum ctap shared_decrypt(
    const struct shared *s, struct bytes in, uint8_t *out, size_t room, size_t *n);
enum err shared_encrypt(const struct shared *s, struct bytes in, struct builder *out);
/* A protocol's signature of first and second by the key (32 bytes). */
bool protocol_verify(int protocol, const uint8_t key[32], struct bytes first, struct bytes second,
    struct bytes signature);
/*
 * Whether this command is the owner's: by token (with the permission, for the rp), by built-in
 * verification, or not at all, which *verified tells.
 */
enum ctap pin_authorise(
    struct authenticator *a, const struct request *q, enum permission permission, bool *verified);
/* A token for something that names no rp, or the rp of rp_hash. */
enum ctap pin_token_check(struct authenticator *a, int protocol, struct bytes first,
    struct bytes second, struct bytes auth, enum permission permission, const uint8_t *rp_hash);
/* After a touch was used: what a token may do once, it did (CTAP 2.1, section 6.5.3). */
void pin_token_used(struct authenticator *a);

/* --- commands ------------------------------------------------------------- */

/* Bodies without the command byte; the answer without the status goes to out, which is empty. */
enum ctap command_info(struct authenticator *a, struct bytes body, struct builder *out);
enum ctap command_make(struct authenticator *a, struct bytes body, struct builder *out);
enum ctap command_assert(struct authenticator *a, struct bytes body, struct builder *out);
enum ctap command_next(struct authenticator *a, struct bytes body, struct builder *out);
enum ctap command_pin(struct authenticator *a, struct bytes body, struct builder *out);
enum ctap command_manage(struct authenticator *a, struct bytes body, struct builder *out);
enum ctap command_reset(struct authenticator *a, struct bytes body, struct builder *out);
enum ctap command_selection(struct authenticator *a, struct bytes body, struct builder *out);

/* A whole APDU; the answer with SW1 SW2. */
void u2f_command(struct authenticator *a, struct bytes apdu, struct builder *out);

/* --- misbehaviour (mode.c) ------------------------------------------------ */

/* Change the answer; what is an operation is a registration or an assertion of either protocol. */
void mode_apply(struct authenticator *a, bool operation);

void memory_clear(struct memory *m);

#endif
