/* The part of DER (ITU-T X.690) in which tokens write keys and signatures, on the bounded reader.
 */
#ifndef SIGNET_TOKENS_ASN1_H
#define SIGNET_TOKENS_ASN1_H

#include "proto/reader.h"

enum asn1_tag {
	ASN1_INTEGER_TAG = 0x02,
	ASN1_BITS_TAG = 0x03,
	ASN1_OCTETS_TAG = 0x04,
	ASN1_NULL_TAG = 0x05,
	ASN1_OID_TAG = 0x06,
	ASN1_PRINTABLE_TAG = 0x13,
	ASN1_SEQUENCE_TAG = 0x30,
};

/* All fail with ERR_FORMAT and leave the cursor where it was; results are views. */

/* The content of the next element, which must have this tag, and a definite length in its shortest
 * form. */
enum err asn1_take(struct reader *r, enum asn1_tag tag, struct bytes *out);

/* The content of an element of this tag that is all of der. */
enum err asn1_whole(struct bytes der, enum asn1_tag tag, struct bytes *out);

/* Is the next element of this tag? */
bool asn1_next_is(const struct reader *r, enum asn1_tag tag);

/* INTEGER in its shortest form that is not negative, as a magnitude without leading zero bytes:
 * empty for zero. */
enum err asn1_uint(struct reader *r, struct bytes *magnitude);

/* The bytes of a BIT STRING's content, of whole bytes. */
enum err asn1_bits(struct bytes content, struct bytes *out);

#endif
