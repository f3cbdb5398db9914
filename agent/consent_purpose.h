/*
 * What a signature is for, as far as consent goes: is that known at all, and is it the same for
 * two requests?
 */
#ifndef SIGNET_CONSENT_PURPOSE_H
#define SIGNET_CONSENT_PURPOSE_H

#include "agent/route.h"
#include "keystore/fingerprint.h"

/*
 * Is it known what the signature is for: a login to a host that the client proved, or a signature
 * of files for a named purpose?  Else one yes would be a yes to every host, or to any bytes.
 */
bool consent_is_known(const struct route *route, const struct sign_data *what);

/*
 * A digest of the way, and of what is done at its end: a yes to one login is none to whatever comes
 * back over it.  whole: of each session and each byte of data too, so that only the very same
 * request has the same one.  ERR_MEMORY, ERR_CRYPTO.
 */
enum err consent_purpose(
    const struct route *route, struct bytes data, bool whole, char out[FINGERPRINT_ROOM]);

#endif
