/*
 * A virtual authenticator, stock libfido2 on it, and the questions that tests put to both.  Every
 * signature is checked twice: by libfido2, and by libcrypto over what the standard says is signed.
 * Functions end the current cmocka test when they cannot do their work.  Without libfido2 there is
 * nothing here, and a test says so by base_skip().
 */
#ifndef SIGNET_TESTS_FIDO_SCENE_H
#define SIGNET_TESTS_FIDO_SCENE_H

#ifdef HAVE_LIBFIDO2

#include <fido.h>

#include "tests/support/base_test.h"
#include "tests/virtual/authenticator.h"
#include "tests/virtual/fido_dev.h"

struct scene {
	struct authenticator *authenticator;
	fido_dev_t *dev;
};

/* A key of these options (NULL: the default ones), which finds touches by itself. */
void scene_start(struct scene *s, const struct authenticator_options *options);
/* Close the device and open it again, as a client that comes anew. */
void scene_reopen(struct scene *s);
void scene_end(struct scene *s);
struct authenticator_status scene_status(const struct scene *s);

/* What is asked of the key; zero-initialised with a type is an ordinary credential for "ssh:". */
struct wish {
	int type;         /* COSE_ES256 or COSE_EDDSA */
	const char *rp;   /* NULL: "ssh:" */
	const char *user; /* NULL: "someone"; its id too */
	const char *pin;  /* NULL: none */
	fido_opt_t rk;
	fido_opt_t up; /* of assertions */
	fido_opt_t uv;
	int protect; /* FIDO_CRED_PROT_*; 0: not asked for */
	bool self;   /* expect self attestation */
	const fido_cred_t *exclude;
};

/*
 * Make a credential: libfido2's status.  On FIDO_OK its attestation was verified, and *cred (NULL
 * otherwise) is the caller's to free with fido_cred_free.
 */
int scene_make(struct scene *s, const struct wish *w, fido_cred_t **cred);

/*
 * Ask for an assertion by one of n credentials (0: whatever the key holds): libfido2's status.  On
 * FIDO_OK *out is the caller's to free with fido_assert_free; signatures are not looked at yet.
 */
int scene_assert(struct scene *s, const struct wish *w, const fido_cred_t *const *allowed, size_t n,
    fido_assert_t **out);

/* The signature of assertion i is that of the credential, with user presence and verification or
 * without. */
void scene_verify(
    const fido_assert_t *assertion, size_t i, const fido_cred_t *cred, bool present, bool verified);
/* libfido2 refuses the first assertion as one of the credential. */
void scene_refused(const fido_assert_t *assertion, const fido_cred_t *cred);

#endif

#endif
