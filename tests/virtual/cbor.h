/*
 * CBOR as CTAP uses it (CTAP 2.1, section 8; RFC 8949): definite lengths only, numbers in their
 * shortest form.  Puts go to a builder, gets come from a reader and obey their rules; maps are
 * written with their keys in canonical order by the caller.
 */
#ifndef SIGNET_TESTS_VIRTUAL_CBOR_H
#define SIGNET_TESTS_VIRTUAL_CBOR_H

#include "proto/builder.h"
#include "proto/reader.h"

void ctap_cbor_put_int(struct builder *b, int64_t v);
void ctap_cbor_put_bytes(struct builder *b, struct bytes v);
void ctap_cbor_put_text(struct builder *b, const char *s);
void ctap_cbor_put_text_bytes(struct builder *b, struct bytes v);
void ctap_cbor_put_bool(struct builder *b, bool v);
/* n items (pairs) must follow. */
void ctap_cbor_put_array(struct builder *b, size_t n);
void ctap_cbor_put_map(struct builder *b, size_t n);

/* ERR_FORMAT for another type; views point into what the reader reads. */
enum err ctap_cbor_get_int(struct reader *r, int64_t *out);
enum err ctap_cbor_get_bytes(struct reader *r, struct bytes *out);
enum err ctap_cbor_get_text(struct reader *r, struct bytes *out);
enum err ctap_cbor_get_bool(struct reader *r, bool *out);
enum err ctap_cbor_get_array(struct reader *r, size_t *n);
enum err ctap_cbor_get_map(struct reader *r, size_t *n);

/* Step over one item, whatever it is; raw (may be NULL) is its encoding. */
enum err ctap_cbor_skip(struct reader *r, struct bytes *raw);

#endif
