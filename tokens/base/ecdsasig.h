/* ECDSA signatures as security keys and cards give them. */
#ifndef SIGNET_TOKENS_ECDSASIG_H
#define SIGNET_TOKENS_ECDSASIG_H

#include "proto/base/bytes.h"

/*
 * ECDSA-Sig-Value (RFC 3279, section 2.2.3) in DER: r and s are their magnitudes, views into der,
 * never empty and at most size bytes, which are those of a coordinate of the key's curve (field of
 * struct keytype).  ERR_FORMAT for whatever else.
 */
enum err ecdsasig_read(struct bytes der, size_t size, struct bytes *r, struct bytes *s);

#endif
