/* What one file of a key directory is. */
#ifndef SIGNET_SCAN_H
#define SIGNET_SCAN_H

#include "keystore/files/folder.h"
#include "keystore/fingerprint.h"

enum scan_what {
	SCAN_NOTHING, /* of no interest */
	SCAN_KEY,
	SCAN_TROUBLE, /* a private key, or what may be one, that cannot be offered */
	SCAN_PUBLIC,  /* a .pub file */
	SCAN_CERT,    /* a -cert.pub file */
};

/* Owns its blobs, which hold nothing secret. */
struct scan {
	enum scan_what what;
	enum err why;        /* of trouble; such that files_failure_allowed; of a certificate: what
				makes it one that no key can be offered with, but its time */
	bool encrypted;      /* of a key */
	struct blob public;  /* plain public key blob; of a key that hides it: empty */
	struct blob cert;    /* of a certificate: it as a whole */
	struct blob comment; /* without NUL, at most FILES_COMMENT_MOST bytes */
	char
	    print[FINGERPRINT_ROOM]; /* of the whole content; of a key that hides its public half */
};

/* Zero-initialised is empty. */
void scan_clear(struct scan *s);

/* Look at the file name of the directory dir.  *out must be empty. */
void scan_file(const struct folders *f, int dir, const char *name, struct scan *out);

/* name without the ending, for name.pub and name-cert.pub; 0: it ends otherwise. */
size_t scan_stem(const char *name, const char *ending);

#endif
