/*
 * Messages between signet-fido and whoever started it: the core, or signet-add for --tokens and
 * -K.  One process an operation: it gets one request, answers, and ends.  Frames as in helpermsg.h,
 * but a request may have LIMIT_FIDO_REQUEST bytes, an answer LIMIT_FIDO_ANSWER.
 *
 *   request          answers
 *   FIDO_WATCH       FIDO_DEVICES at once, and again whenever what is plugged in changes, until the
 *                    asker hangs up
 *   FIDO_LIST        FIDO_DEVICES
 *   FIDO_PROBE       FIDO_PROBED
 *   FIDO_CHOOSE      FIDO_CHOSEN: the device that the person touched
 *   FIDO_SIGN        FIDO_SIGNED
 *   FIDO_RESIDENT    FIDO_KEYS
 *   FIDO_RESOLVE     FIDO_RESOLVED: the path of a middleware library without links; nothing is
 *                    loaded
 *   FIDO_LOAD        FIDO_LOADED: the library can be loaded and speaks a version that we speak
 *
 * Each may be answered FIDO_FAILED instead.  FIDO_CANCEL takes a request back: it is answered
 * FIDO_FAILED with ERR_CANCELLED; hanging up does the same without an answer.  The helper never
 * asks a person anything: it fails with ERR_PIN_NEEDED, and the asker asks and comes again.
 */
#ifndef SIGNET_FIDOMSG_H
#define SIGNET_FIDOMSG_H

#include "proto/builder.h"
#include "proto/reader.h"

enum fido_kind {
	FIDO_WATCH = 16,    /* no fields */
	FIDO_LIST = 17,     /* no fields */
	FIDO_PROBE = 18,    /* string path, uint32 count, credentials */
	FIDO_CHOOSE = 19,   /* uint32 count, string path ... */
	FIDO_SIGN = 20,     /* string provider, string path, credential, string data, string PIN */
	FIDO_RESIDENT = 21, /* string provider, string path, string PIN */
	FIDO_RESOLVE = 22,  /* string provider */
	FIDO_LOAD = 23,     /* string provider */
	FIDO_CANCEL = 24,   /* no fields */

	FIDO_DEVICES = 32,  /* uint32 count, devices */
	FIDO_PROBED = 33,   /* uint32 abilities, 16 bytes aaguid, uint64 firmware, byte pin_tries,
			       byte uv_tries, string: an enum fido_held a credential */
	FIDO_CHOSEN = 34,   /* string path */
	FIDO_SIGNED = 35,   /* string r, string s, byte flags, uint32 counter */
	FIDO_KEYS = 36,     /* uint32 count, keys */
	FIDO_RESOLVED = 37, /* string path */
	FIDO_LOADED = 38,   /* uint32 version of its interface */
	FIDO_FAILED = 39,   /* byte enum err, byte tries left, string detail */
};

/*
 * device:     string path, uint64 instance, byte transport, string name
 * credential: byte algorithm, string application, string handle, byte flags
 * key:        credential, string public, string user id, string user name
 */

enum {
	FIDO_PATHS_MOST = 32,         /* devices told of at once */
	FIDO_PATH_MOST = 1024,        /* bytes of a device's path or a library's */
	FIDO_NAME_MOST = 256,         /* bytes of a device's name */
	FIDO_HANDLE_MOST = 1024,      /* bytes of a key handle (OpenSSH's limit is a string's) */
	FIDO_APPLICATION_MOST = 1024, /* bytes */
	FIDO_PIN_MOST = 63,           /* bytes (CTAP 2.1, section 6.5.1) */
	FIDO_DETAIL_MOST = 256,       /* bytes of what a library said */
	/* In one FIDO_PROBE; more, and those beyond LIMIT_FIDO_REQUEST, are asked about in several.
	 */
	FIDO_CREDENTIALS_MOST = 256,
	FIDO_KEYS_MOST = 1024,  /* in one FIDO_KEYS */
	FIDO_USER_ID_MOST = 64, /* bytes (WebAuthn, section 5.4.3) */
	FIDO_TRIES_UNKNOWN = 255,
};

enum fido_transport { FIDO_HID = 1, FIDO_PCSC = 2 };

/* The algorithms, by their numbers in OpenSSH's sk-api.h. */
enum fido_algorithm { FIDO_ECDSA = 0, FIDO_ED25519 = 1 };

/* Of a key, and of an assertion: OpenSSH's PROTOCOL.u2f. */
enum fido_flag {
	FIDO_TOUCH = 0x01,  /* user presence required / shown */
	FIDO_VERIFY = 0x04, /* user verification required / done */
	FIDO_RESIDENT_KEY = 0x20,
};

/* A device that is plugged in.  Views. */
struct fido_device {
	struct bytes path; /* what libfido2 opens, or "pcsc:" and the reader's name */
	/* Told apart from whatever was plugged in at this path before: unique among all of one
	   FIDO_WATCH.  0, of FIDO_LIST alone: a card that another program uses, so that it is not
	   known whether it is a security key. */
	uint64_t instance;
	enum fido_transport transport;
	struct bytes name; /* manufacturer and product, or the reader's name; UTF-8, no controls */
};

/* What a device says of itself (authenticatorGetInfo; CTAP 2.1, section 6.4). */
enum fido_ability {
	FIDO_CAN_CTAP2 = 1u << 0, /* else U2F only: no PIN, no resident keys, ECDSA only */
	FIDO_CAN_PIN = 1u << 1,   /* takes a PIN, */
	FIDO_HAS_PIN = 1u << 2,   /* and one is set */
	FIDO_HAS_UV = 1u << 3,    /* verifies its user itself (fingerprint), and is set up for it */
	FIDO_CAN_RESIDENT = 1u << 4, /* keeps resident keys, */
	FIDO_CAN_MANAGE = 1u << 5,   /* and can tell which */
	FIDO_ABILITIES = (1u << 6) - 1,
};

struct fido_info {
	uint32_t abilities; /* enum fido_ability */
	uint8_t aaguid[16]; /* its model; zero: not told */
	uint64_t firmware;  /* 0: not told */
	uint8_t pin_tries;  /* left; FIDO_TRIES_UNKNOWN: not told, or no PIN */
	uint8_t uv_tries;
};

/* A key as a device is asked about it.  Views. */
struct fido_credential {
	enum fido_algorithm algorithm;
	struct bytes application;
	struct bytes handle;
	uint8_t flags; /* enum fido_flag */
};

enum fido_held {
	FIDO_HELD_NO,
	FIDO_HELD_YES,
	FIDO_HELD_HIDDEN, /* a key that wants its user verified does not answer unseen */
};

/* Views. */
struct fido_probe {
	struct bytes path;
	struct reader credentials; /* fido_credential_next, count times; checked when parsed */
	uint32_t count;
};

struct fido_sign {
	/* Empty: ours, through libfido2, on the device at path; else the middleware library at this
	   path, which finds the device itself, and path is empty. */
	struct bytes provider;
	struct bytes path;
	struct fido_credential key;
	struct bytes data; /* to be signed, as SIGN_REQUEST has it */
	/* Empty: none.  Without one, a key with FIDO_VERIFY is signed for only on a device with
	   FIDO_HAS_UV; others fail with ERR_PIN_NEEDED. */
	struct bytes pin;
};

/* As the device or the library gave it; not verified. */
struct fido_signed {
	struct bytes r, s; /* ECDSA: big-endian magnitudes; Ed25519: r has all 64 bytes, s none */
	uint8_t flags;
	uint32_t counter;
};

struct fido_resident {
	struct bytes provider, path, pin; /* as in fido_sign */
};

/* A resident key.  Views. */
struct fido_key {
	struct fido_credential credential; /* flags: what the key file would have */
	struct bytes public;               /* ECDSA: 0x04 ‖ x ‖ y; Ed25519: 32 bytes */
	struct bytes user_id;              /* bytes of any kind, 64 at most */
	struct bytes user_name;            /* UTF-8; may be empty */
};

struct fido_failure {
	enum err why;  /* never ERR_OK; see fido_failure_allowed */
	uint8_t tries; /* PIN tries left with ERR_PIN, ERR_PIN_NEEDED; else FIDO_TRIES_UNKNOWN */
	struct bytes detail; /* what the library said, for the log; may be empty; no NUL */
};

/* Only what signet-fido can find out: a stray code would be shown as the agent's own finding. */
bool fido_failure_allowed(enum err why);

/* Whole frames into b. */
void fido_plain_build(struct builder *b, enum fido_kind kind); /* those without fields */
void fido_probe_open(struct builder *b, struct bytes path, uint32_t count, size_t *mark);
void fido_credential_put(struct builder *b, const struct fido_credential *c);
void fido_probe_close(struct builder *b, size_t mark);
void fido_choose_build(struct builder *b, const struct bytes *paths, size_t count);
void fido_sign_build(struct builder *b, const struct fido_sign *m);
void fido_resident_build(struct builder *b, const struct fido_resident *m);
void fido_text_build(struct builder *b, enum fido_kind kind, struct bytes text); /* FIDO_RESOLVE,
					FIDO_LOAD, FIDO_CHOSEN, FIDO_RESOLVED */
void fido_devices_build(struct builder *b, const struct fido_device *devices, size_t count);
void fido_probed_build(struct builder *b, const struct fido_info *info, struct bytes held);
void fido_signed_build(struct builder *b, const struct fido_signed *m);
void fido_keys_build(struct builder *b, const struct fido_key *keys, size_t count);
void fido_loaded_build(struct builder *b, uint32_t version);
void fido_failed_build(struct builder *b, const struct fido_failure *m);

/* Which message is it?  ERR_VERSION, ERR_MESSAGE for a kind that is none, ERR_TRUNCATED. */
enum err fido_kind_of(struct bytes message, enum fido_kind *out);

/*
 * From a frame's content, whose kind is known: why it is malformed, over a limit of this file
 * (ERR_LIMIT), or of another kind (ERR_MESSAGE).  Views into message.
 */
enum err fido_plain_parse(struct bytes message, enum fido_kind kind);
enum err fido_probe_parse(struct bytes message, struct fido_probe *out);
/* The next credential of a probe; there are as many as its count says. */
enum err fido_credential_next(struct reader *r, struct fido_credential *out);
enum err fido_choose_parse(
    struct bytes message, struct bytes paths[FIDO_PATHS_MOST], size_t *count);
enum err fido_sign_parse(struct bytes message, struct fido_sign *out);
enum err fido_resident_parse(struct bytes message, struct fido_resident *out);
enum err fido_text_parse(struct bytes message, enum fido_kind kind, struct bytes *out);
enum err fido_devices_parse(
    struct bytes message, struct fido_device out[FIDO_PATHS_MOST], size_t *count);
enum err fido_probed_parse(struct bytes message, struct fido_info *info, struct bytes *held);
enum err fido_signed_parse(struct bytes message, struct fido_signed *out);
/* keys: fido_key_next, count times; all were checked. */
enum err fido_keys_parse(struct bytes message, struct reader *keys, uint32_t *count);
enum err fido_key_next(struct reader *r, struct fido_key *out);
enum err fido_loaded_parse(struct bytes message, uint32_t *version);
enum err fido_failed_parse(struct bytes message, struct fido_failure *out);

#endif
