/* What lies on a token: public keys, certificates and private keys, as the module shows them. */
#ifndef SIGNET_TOKENS_PKCS11_OBJECTS_H
#define SIGNET_TOKENS_PKCS11_OBJECTS_H

#include "tokens/pkcs11/world.h"

enum {
	OBJECTS_MOST = 2048,      /* of one class; what is more is left out */
	ATTRIBUTE_MOST = 8192,    /* bytes of one that is no certificate */
	CERTIFICATE_MOST = 65536, /* bytes */
};

/* Zero-initialised is empty. */
struct object {
	CK_OBJECT_HANDLE handle;
	CK_KEY_TYPE type; /* of private keys; CK_UNAVAILABLE_INFORMATION: it does not say */
	struct blob id, label;
	struct blob public;          /* blob of SSH; empty: it cannot be made out */
	struct blob modulus, params; /* of private keys: what it says of its public half beside */
	bool each;                   /* CKA_ALWAYS_AUTHENTICATE */
};

struct objects {
	struct object *list;
	size_t n;
	size_t unusable; /* were left out, as no key of SSH's */
};

/*
 * Those of a class (CKO_PUBLIC_KEY, CKO_CERTIFICATE, CKO_PRIVATE_KEY).  Public keys and
 * certificates of no kind that SSH knows, or not for signatures, are left out.  What one object
 * gives wrong leaves that object out; only errors of the session are returned.
 */
enum err objects_read(struct world *w, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
    struct objects *out, struct fault *f);
void objects_free(struct objects *o);

#endif
