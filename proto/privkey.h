/*
 * Private keys as the protocol carries them: "string type, key data" of
 * ADD_IDENTITY (RFC 9987 section 5.2; certificates as OpenSSH's PROTOCOL.certkeys
 * and PROTOCOL.agent add them).  OpenSSH's key file format holds the same bytes.
 * Layout only: keystore/key.h checks that the halves fit.
 */
#ifndef SIGNET_PRIVKEY_H
#define SIGNET_PRIVKEY_H

#include "proto/keyblob.h"

/* All members are views into the message; magnitudes have no leading zero byte. */
struct privkey {
	const struct keytype *type;
	struct bytes cert;    /* whole certificate blob; len 0 for a plain key */
	struct pubkey public; /* the public half: as given, or from the certificate */
	union {
		struct {
			struct bytes d, iqmp, p, q;
		} rsa;
		struct bytes scalar; /* DSA x, ECDSA d: a magnitude */
		/*
		 * EdDSA: the seed (type->field bytes; 32 for Ed25519).  Composite:
		 * ML-DSA seed ‖ Ed25519 seed, 64 bytes.
		 */
		struct bytes seed;
		struct {
			uint8_t flags;
			struct bytes handle, reserved;
		} sk;
	};
};

/*
 * Read "string type, key data", leaving r at the comment that follows.
 * ERR_KEY_TYPE: no such type.  ERR_KEY_MISMATCH: the public half inside the
 * private part is another one.  ERR_CERT, ERR_CERT_MISMATCH as named.
 */
enum err privkey_read(struct reader *r, struct privkey *out);

struct builder;

/*
 * Write "string type, key data" for key; with cert (len not 0) in the layout
 * that a certified key has, whatever key->cert says.
 */
void privkey_build(struct builder *b, const struct privkey *key, struct bytes cert);

#endif
