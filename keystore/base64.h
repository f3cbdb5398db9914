/* Base64 (RFC 4648), strict. */
#ifndef SIGNET_BASE64_H
#define SIGNET_BASE64_H

#include "proto/builder.h"

/*
 * Decode text into out (appended).  White space (blank, tab, CR, LF) is passed over; padding must
 * be whole and last; anything else is ERR_FORMAT.
 */
enum err base64_decode(struct bytes text, struct builder *out);

/* Encode without line ends, with padding. */
void base64_encode(struct bytes data, struct builder *out);

#endif
