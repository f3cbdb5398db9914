/* Certificates that cards hold compressed. */
#ifndef SIGNET_CARD_INFLATE_H
#define SIGNET_CARD_INFLATE_H

#include "proto/base/bytes.h"

/* gzip or zlib form; ERR_FORMAT, also for what is over 16 KiB when opened; ERR_UNSUPPORTED where
 * there was no zlib at build time. */
enum err inflate_certificate(struct bytes packed, struct blob *out);

#endif
