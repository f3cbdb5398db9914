/*
 * The bounded cursor through which every untrusted byte is read
 * (data types of RFC 4251, section 5).
 *
 * A getter that fails returns an error and leaves both the cursor and the
 * result as they were.  Views returned point into the memory under the cursor
 * and live as long as it does.
 */
#ifndef SIGNET_READER_H
#define SIGNET_READER_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"

/* Copyable: copy it to look ahead. */
struct reader {
	const uint8_t *p; /* next byte */
	size_t left;      /* bytes from p on */
};

struct reader reader_of(struct bytes b);

/* Everything not yet read, without moving. */
struct bytes reader_rest(const struct reader *r);

enum err reader_u8(struct reader *r, uint8_t *out);
/* boolean: any non-zero byte is true (RFC 4251, section 5). */
enum err reader_bool(struct reader *r, bool *out);
enum err reader_u32(struct reader *r, uint32_t *out);
enum err reader_u64(struct reader *r, uint64_t *out);

/* The next n bytes. */
enum err reader_take(struct reader *r, size_t n, struct bytes *out);

/* string: uint32 length, then so many bytes. */
enum err reader_string(struct reader *r, struct bytes *out);

/* string whose content must not hold a NUL (names, comments): ERR_TEXT if it does. */
enum err reader_text(struct reader *r, struct bytes *out);

/* The same, and a uint32, with a limit of the message at hand: ERR_LIMIT beyond it, and r stays. */
enum err reader_string_most(struct reader *r, size_t most, struct bytes *out);
enum err reader_text_most(struct reader *r, size_t most, struct bytes *out);
enum err reader_u32_most(struct reader *r, uint32_t most, uint32_t *out);

/*
 * mpint that is not negative: out is its magnitude without the leading zero
 * byte, so empty for zero.  ERR_NUMBER for a negative number and for needless
 * leading zero bytes.
 */
enum err reader_mpint(struct reader *r, struct bytes *out);

/* A string, as a cursor of its own. */
enum err reader_nested(struct reader *r, struct reader *out);

/* ERR_SURPLUS unless everything was read: ends every decoder. */
enum err reader_end(const struct reader *r);

#endif
