/* The part of DER (ITU-T X.690) that key files need, on the bounded reader. */
#ifndef SIGNET_DER_H
#define SIGNET_DER_H

#include "proto/reader.h"

enum der_tag {
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_OCTETS = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_SEQUENCE = 0x30,
	DER_CONTEXT0 = 0xa0,       /* [0], constructed */
	DER_CONTEXT1 = 0xa1,       /* [1], constructed */
	DER_CONTEXT1_PLAIN = 0x81, /* [1] IMPLICIT of a primitive type */
};

/* The content of an OID, written as a string literal, to initialise a struct bytes. */
#define OID(literal)                                                                               \
	{                                                                                          \
		(const uint8_t *)(literal), sizeof(literal) - 1                                    \
	}

/* The content of the next element, which must have this tag: else ERR_FORMAT. */
enum err der_take(struct reader *r, enum der_tag tag, struct bytes *out);

/* The same, as a cursor of its own. */
enum err der_enter(struct reader *r, enum der_tag tag, struct reader *out);

/* Is the next element of this tag? */
bool der_next_is(const struct reader *r, enum der_tag tag);

/* INTEGER that is not negative, as a magnitude without leading zero bytes: ERR_NUMBER. */
enum err der_uint(struct reader *r, struct bytes *magnitude);

/* INTEGER of 0 to UINT32_MAX. */
enum err der_u32(struct reader *r, uint32_t *out);

/* BIT STRING of whole bytes. */
enum err der_bits(struct bytes content, struct bytes *out);

#endif
