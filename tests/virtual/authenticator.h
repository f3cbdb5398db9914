/*
 * A FIDO2 and U2F authenticator in software, for tests: what a security key is
 * without its plug.  It speaks the commands of CTAP 2.1 and of U2F, keeps its
 * credentials, PIN and counters as a key does, and asks for a touch that the
 * test gives, delays or refuses.
 *
 * It does no input or output and never waits: a transport (a card on pcscd, a
 * HID device, a fuzzer) hands it one command and then steps it.  A transport is
 *
 *	authenticator_begin(a, AUTHENTICATOR_CTAP2, command, now);
 *	while (authenticator_step(a, now) == AUTHENTICATOR_WAITING)
 *		... keep-alive to the client, look for cancel, poll again within POLL_MS ...
 *	send authenticator_response(a);
 *
 * Times are milliseconds of any clock that does not go backwards.
 * Nothing here is safe against its neighbours: it is for tests only.
 *
 * Sources: CTAP 2.1 (FIDO Alliance, 2021-06-15), section numbers below;
 * FIDO U2F Raw Message Formats 1.2.
 */
#ifndef SIGNET_TESTS_VIRTUAL_AUTHENTICATOR_H
#define SIGNET_TESTS_VIRTUAL_AUTHENTICATOR_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"

enum {
	AUTHENTICATOR_POLL_MS = 20,        /* step a waiting authenticator this often */
	AUTHENTICATOR_MESSAGE = 1200,      /* maxMsgSize it announces, unless set */
	AUTHENTICATOR_TIMEOUT_MS = 30000,  /* how long it waits for a touch, unless set */
	AUTHENTICATOR_PIN_RETRIES = 8,     /* in all */
	AUTHENTICATOR_PIN_IN_A_ROW = 3,    /* before it wants to be unplugged */
	AUTHENTICATOR_UV_RETRIES = 3,      /* built-in verification */
	AUTHENTICATOR_ID_MAX = 4096,       /* longest credential id a test can ask for */
	AUTHENTICATOR_RESIDENT_MAX = 1024, /* most resident credentials a test can ask for */
};

struct authenticator;

/* How a new credential is attested.  OpenSSH wants one of the two "packed" ones. */
enum authenticator_attestation {
	AUTHENTICATOR_ATTEST_NONE, /* format "none" */
	AUTHENTICATOR_ATTEST_SELF, /* "packed", signed by the credential itself */
	AUTHENTICATOR_ATTEST_CERT, /* "packed", signed by a batch key with a certificate, as keys do
				    */
};

/* What kind of key it is.  Start from authenticator_options_default() and change what matters. */
struct authenticator_options {
	bool ctap2;   /* speaks CTAP2; off is a U2F-only key */
	bool u2f;     /* speaks U2F */
	bool preview; /* a key of CTAP 2.1-PRE: credentialMgmtPreview (0x41), no permissions */
	bool rk;      /* stores resident credentials */
	bool up;      /* getInfo says up; off: it has no button */
	bool uv;      /* has built-in verification that is set up */
	bool pin;     /* knows client PINs at all */
	bool credential_management; /* credMgmt, and its preview as keys have it */
	bool cred_protect;          /* extension credProtect */
	bool hmac_secret;           /* extension hmac-secret, announced and accepted */
	bool always_uv;             /* option alwaysUv */
	bool es256;                 /* algorithms, in this order */
	bool eddsa;
	unsigned attestation;     /* enum authenticator_attestation */
	uint8_t pin_protocols[2]; /* in order of preference; 0 ends the list */
	unsigned max_message;     /* maxMsgSize, bytes */
	unsigned max_list;        /* maxCredentialCountInList; 0 leaves it out */
	unsigned min_pin;         /* code points */
	unsigned timeout_ms;      /* without a touch: USER_ACTION_TIMEOUT */
	size_t id_length; /* of new credential ids; 0 is the natural length, below it is an error */
	size_t resident_max; /* how many resident credentials fit */
	uint8_t aaguid[16];
	char serial[32]; /* shown by transports that have a place for it */
};

/* CTAP2 and 2.1, U2F, rk, PIN protocols 2 and 1, credential management, both algorithms, no uv. */
void authenticator_options_default(struct authenticator_options *out);

/*
 * Set one member by "name=value", for command lines: its name above, with on or off, a number, hex
 * (pin_protocols, aaguid) or text (serial).  ERR_FORMAT for an unknown name or a value that does
 * not fit.
 */
enum err authenticator_option(struct authenticator_options *options, const char *assignment);

/*
 * A new key with fresh secrets.  The options are copied.  ERR_FORMAT for options that contradict
 * each other, ERR_CRYPTO, ERR_MEMORY.  The caller frees it with authenticator_free (NULL is
 * allowed).
 */
enum err authenticator_new(const struct authenticator_options *options, struct authenticator **out);
void authenticator_free(struct authenticator *a);

/* The options, which may be changed between commands (a key whose verification is turned on). */
struct authenticator_options *authenticator_options(struct authenticator *a);

/* --- commands ------------------------------------------------------------- */

enum authenticator_protocol {
	AUTHENTICATOR_CTAP2, /* command byte and CBOR; the answer is a status byte and CBOR */
	AUTHENTICATOR_U2F,   /* an APDU, short or extended; the answer is data and SW1 SW2 */
};

enum authenticator_outcome {
	AUTHENTICATOR_IDLE,    /* there is no command */
	AUTHENTICATOR_DONE,    /* authenticator_response() is the answer */
	AUTHENTICATOR_WAITING, /* for a touch: send a keep-alive "user presence needed", step again
				*/
	AUTHENTICATOR_WORKING, /* misbehaving: it will never answer.  Keep-alive "processing" */
	AUTHENTICATOR_GONE,    /* misbehaving: it fell off the bus.  Close the transport */
};

/*
 * Take one command (copied).  One that was still pending is dropped without an answer.  What does
 * not fit into options.max_message, is malformed or unknown is answered with a status, as a key
 * does.
 */
void authenticator_begin(struct authenticator *a, enum authenticator_protocol protocol,
    struct bytes command, uint64_t now);

/* Work on it as far as possible.  After DONE it says IDLE until the next begin. */
enum authenticator_outcome authenticator_step(struct authenticator *a, uint64_t now);

/* The answer; valid from DONE until the next begin, cancel or free. */
struct bytes authenticator_response(const struct authenticator *a);

/*
 * CTAPHID_CANCEL, or the end command of NFCCTAP: a pending CTAP2 command becomes DONE with
 * CTAP2_ERR_KEEPALIVE_CANCEL at the next step; without one nothing happens.
 */
void authenticator_cancel(struct authenticator *a);

/*
 * Unplugged and plugged in again: tokens, the three-in-a-row block, touches that were given in
 * advance and a pending command are forgotten; credentials, PIN, retries and counters stay.
 */
void authenticator_power_cycle(struct authenticator *a);

/* --- the person ----------------------------------------------------------- */

/* One touch: for what waits, else for the next that asks.  It serves for one operation. */
void authenticator_touch(struct authenticator *a);
/* No: for what waits, else for the next that asks.  CTAP2_ERR_OPERATION_DENIED; U2F goes on asking.
 */
void authenticator_refuse(struct authenticator *a);
/* Every operation finds a touch, delay_ms after it asked for it. */
void authenticator_set_auto(struct authenticator *a, bool on);
void authenticator_set_delay(struct authenticator *a, unsigned delay_ms);
/* The next n built-in verifications fail, each with the touch that it takes. */
void authenticator_set_uv_failures(struct authenticator *a, unsigned n);

/*
 * Set the PIN without knowing the old one, with all retries; "" removes it.  ERR_TOO_LONG over 63
 * bytes.
 */
enum err authenticator_set_pin(struct authenticator *a, const char *pin);

/* What a test asks of it.  U2F counts as waiting for a second after an answer "touch me". */
struct authenticator_status {
	bool waiting; /* for a touch, at `now` */
	unsigned pin_retries;
	unsigned uv_retries;
	bool pin_set;
	unsigned resident; /* credentials stored */
	unsigned commands; /* since authenticator_new or _load, as all below; both protocols */
	unsigned touches;  /* touches used */
	unsigned registrations;
	unsigned assertions; /* with user presence */
	unsigned silent;     /* assertions asked for without user presence, found or not */
	unsigned cancelled;  /* commands that the client cancelled */
	uint32_t counter;    /* signature counter as last told to a client */
};

void authenticator_status(
    const struct authenticator *a, uint64_t now, struct authenticator_status *out);

/* --- what it keeps -------------------------------------------------------- */

/*
 * Secrets, options, credentials, PIN, retries and counter, in a file that only its owner can read
 * and that replaces the old one whole; and back.  What a test set for the person and for
 * misbehaviour is not in it.  ERR_SYSTEM with errno, ERR_FORMAT, ERR_MEMORY, ERR_CRYPTO.
 */
enum err authenticator_save(const struct authenticator *a, const char *path);
enum err authenticator_load(const char *path, struct authenticator **out);

/* A number that grows whenever what is saved changed: save when it is another than at the last
 * time. */
uint64_t authenticator_changes(const struct authenticator *a);

/* --- misbehaviour --------------------------------------------------------- */

/* name | what it does to the answers of the operations that make a credential or an assertion */
#define AUTHENTICATOR_MODE_LIST(X)                                                                 \
	X(AUTHENTICATOR_GOOD, "good")           /* nothing */                                      \
	X(AUTHENTICATOR_GARBAGE, "garbage")     /* junk of the same length, every command */       \
	X(AUTHENTICATOR_LONG, "long")           /* 64 KiB less 64 of surplus bytes follow */       \
	X(AUTHENTICATOR_TRUNCATED, "truncated") /* the answer ends in its middle */                \
	X(AUTHENTICATOR_EMPTY, "empty")         /* no byte at all, every command */                \
	X(AUTHENTICATOR_CLAIM, "claim")         /* CBOR for 2 GiB of items that do not come */     \
	X(AUTHENTICATOR_NEVER, "never")         /* WORKING for ever, cancel or not */              \
	X(AUTHENTICATOR_STATUS, "status")       /* the status in `argument`, every command */      \
	X(AUTHENTICATOR_DIE, "die") /* GONE at the argument-th command from now (1 is the next) */ \
	X(AUTHENTICATOR_OTHER_KEY, "other-key") /* another key's public key, signature or both */  \
	X(AUTHENTICATOR_BAD_SIGNATURE, "bad-signature")                                            \
	X(AUTHENTICATOR_OTHER_RP, "other-rp") /* authenticator data for another rp id hash */      \
	X(AUTHENTICATOR_NO_FLAGS, "no-flags") /* the flags UP and UV are clear, signed so */       \
	X(AUTHENTICATOR_OTHER_ID, "other-id") /* answers with another credential's id */

enum authenticator_mode {
#define AUTHENTICATOR_MODE_ENUM(name, text) name,
	AUTHENTICATOR_MODE_LIST(AUTHENTICATOR_MODE_ENUM)
#undef AUTHENTICATOR_MODE_ENUM
};

/* False for a name that is not in the list. */
bool authenticator_mode_parse(const char *name, enum authenticator_mode *out);

void authenticator_set_mode(
    struct authenticator *a, enum authenticator_mode mode, unsigned argument);

#endif
