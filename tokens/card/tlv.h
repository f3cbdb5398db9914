/*
 * BER-TLV as cards answer it (ISO 7816-4, section 5.2.2): definite lengths in any number of bytes
 * up to four, tags of up to three bytes, 00 and FF as padding between objects.
 */
#ifndef SIGNET_CARD_TLV_H
#define SIGNET_CARD_TLV_H

#include "proto/reader.h"

struct tlv {
	uint32_t tag; /* its bytes as a number: 0x5f52 */
	struct bytes value;
};

/* The next object: ERR_NOT_FOUND at the end, ERR_FORMAT for what is none. */
enum err tlv_next(struct reader *r, struct tlv *out);

/* The value of the first object with this tag, of those side by side in b.  As tlv_next. */
enum err tlv_find(struct bytes b, uint32_t tag, struct bytes *out);

/* The same: ERR_FORMAT where the value is not n bytes long. */
enum err tlv_find_sized(struct bytes b, uint32_t tag, size_t n, struct bytes *out);

/*
 * ECDSA-Sig-Value (RFC 3279, section 2.2.3): the magnitudes of r and s, views, neither empty nor
 * longer than field bytes; ERR_FORMAT for whatever else.
 */
enum err tlv_ecdsa(struct bytes der, size_t field, struct bytes *r, struct bytes *s);

#endif
