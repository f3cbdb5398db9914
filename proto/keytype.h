/*
 * The kinds of key, one row each, and the signature algorithms, one row each.
 * Everything that depends on a key's type is read from these tables or hangs
 * on the family; no other place compares type names.
 */
#ifndef SIGNET_KEYTYPE_H
#define SIGNET_KEYTYPE_H

#include "proto/base/bytes.h"

/* Keys of one family share layout and mathematics. */
enum key_family {
	FAMILY_RSA,
	FAMILY_DSA,
	FAMILY_ECDSA,
	FAMILY_ED25519,
	FAMILY_ED448,
	FAMILY_MLDSA44_ED25519, /* draft-ietf-sshm-composite-sigs */
	FAMILY_SK_ECDSA,        /* OpenSSH's PROTOCOL.u2f */
	FAMILY_SK_ED25519,
	FAMILIES /* how many: each has a row in the tables of families */
};

struct keytype {
	const char *name;      /* "ssh-ed25519": in blobs, and on the wire */
	const char *cert_name; /* "ssh-ed25519-cert-v01@openssh.com", NULL where none is defined */
	const char *label;     /* "ED25519": what ssh-add -l prints in brackets */
	enum key_family family;
	unsigned bits;     /* as ssh-add -l prints it; 0: depends on the key (RSA, DSA) */
	const char *curve; /* "nistp256" for ECDSA kinds, else NULL */
	size_t field;      /* bytes of a coordinate (ECDSA) or of a public key (EdDSA), else 0 */
};

/* The row for a plain or certificate type name; *is_cert tells which.  NULL when there is none. */
const struct keytype *keytype_find(struct bytes name, bool *is_cert);

/* Row i, for walking all of them; NULL past the last. */
const struct keytype *keytype_at(size_t i);

/*
 * The names of the private key files that ssh tries by itself, in that order; NULL past the last.
 * keytype_file_rank is the place of a name among them, and their number for any other.
 */
const char *keytype_file_at(size_t i);
size_t keytype_file_rank(const char *name);

enum hash_id { HASH_NONE, HASH_SHA1, HASH_SHA256, HASH_SHA384, HASH_SHA512 };

/* A signature algorithm: what the first string of a signature blob names. */
struct sigalg {
	const char *name;  /* "rsa-sha2-256" */
	enum hash_id hash; /* HASH_NONE: the scheme hashes by itself */
};

/*
 * The algorithm that a key of this type uses under the flags of a sign request
 * (enum sign_flag).  ERR_SIGN_FLAGS for a flag that is unknown or means nothing for
 * this type (RFC 9987, section 5.6.1: refuse, don't ignore).
 */
enum err sigalg_choose(const struct keytype *type, uint32_t flags, const struct sigalg **out);

#endif
