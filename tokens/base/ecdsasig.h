/* ECDSA signatures as security keys give them. */
#ifndef SIGNET_TOKENS_ECDSASIG_H
#define SIGNET_TOKENS_ECDSASIG_H

#include "proto/base/bytes.h"

/*
 * ECDSA-Sig-Value (RFC 3279, section 2.2.3) in DER, for a curve of 256 bits: r and s are their
 * magnitudes, views into der, never empty and at most 32 bytes.  ERR_FORMAT for whatever else.
 */
enum err ecdsasig_read(struct bytes der, struct bytes *r, struct bytes *s);

#endif
