/* BER-TLV (ISO 7816-4, section 5.2.2), as cards write and read it. */
#ifndef SIGNET_TESTS_VIRTUAL_TOKEN_TLV_H
#define SIGNET_TESTS_VIRTUAL_TOKEN_TLV_H

#include "proto/builder.h"
#include "proto/reader.h"

/* A data object; the tag is as it is written (0x7f49). */
void tlv_put(struct builder *out, uint32_t tag, struct bytes value);
void tlv_put_u8(struct builder *out, uint32_t tag, uint8_t value);

/* The next data object; tags have one to three bytes. */
enum err value_next(struct reader *in, uint32_t *tag, struct bytes *value);

/* The first with this tag, at this level; false: there is none. */
bool value_find(struct bytes in, uint32_t tag, struct bytes *value);

#endif
