/*
 * Public key blobs and certificates: bytes to structs (RFC 4253 section 6.6,
 * RFC 5656 section 3.1, RFC 8709 section 4, draft-ietf-sshm-composite-sigs,
 * OpenSSH's PROTOCOL.u2f and PROTOCOL.certkeys).  Layout only: whether a point
 * is on its curve is keystore's to say.
 */
#ifndef SIGNET_KEYBLOB_H
#define SIGNET_KEYBLOB_H

#include "proto/keytype.h"
#include "proto/reader.h"

/* A public key.  All members are views into the blob that was read. */
struct pubkey {
	const struct keytype *type;
	union {
		struct {
			struct bytes e, n; /* magnitudes */
		} rsa;
		struct {
			struct bytes p, q, g, y; /* magnitudes */
		} dsa;
		struct {
			struct bytes point; /* SEC 1: 0x04 ‖ x ‖ y, as long as the curve wants */
		} ec;
		struct bytes raw; /* EdDSA and composite: type->field bytes */
	};
	struct bytes application; /* sk types only */
};

enum cert_kind { CERT_USER = 1, CERT_HOST = 2 };

/*
 * A certificate; all members are views.  valid_* are seconds since 1970; valid_before is
 * UINT64_MAX for one that is valid for ever.
 */
struct cert {
	struct pubkey key;
	uint64_t serial;
	enum cert_kind kind;
	struct bytes key_id;
	struct bytes principals; /* strings back to back */
	uint64_t valid_after, valid_before;
	struct bytes critical, extensions; /* name-value strings back to back */
	struct bytes signature_key; /* public key blob of the CA: never itself a certificate */
	struct bytes signed_part;   /* what the signature covers */
	struct bytes signature;
};

/*
 * Read the fields of a public key of this type (what follows the type name in
 * a blob).  Moves r behind them; what follows is the caller's.
 */
enum err pubkey_read_fields(struct reader *r, const struct keytype *type, struct pubkey *out);

/* An mpint of a key: as reader_mpint, and ERR_KEY_INVALID for zero, which no number of a key is. */
enum err keynumber_read(struct reader *r, struct bytes *out);

/* Read a whole plain public key blob: ERR_KEY_TYPE for unknown types and certificates. */
enum err pubkey_parse(struct bytes blob, struct pubkey *out);

/* Read a whole certificate blob: ERR_CERT when it is no well-formed certificate. */
enum err cert_parse(struct bytes blob, struct cert *out);

/*
 * Read either: *is_cert tells which it was, and *key is the (certified) key.
 * For callers that only need type and size.
 */
enum err keyblob_parse(struct bytes blob, struct pubkey *key, bool *is_cert);

/* Key size in bits as ssh-add -l prints it. */
unsigned pubkey_bits(const struct pubkey *key);

struct builder;

/* Write the plain public key blob of key. */
void pubkey_build(struct builder *b, const struct pubkey *key);

/* Write what pubkey_read_fields reads. */
void pubkey_build_fields(struct builder *b, const struct pubkey *key);

#endif
