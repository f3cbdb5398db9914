/*
 * Growing, wiping output (data types of RFC 4251, section 5).
 *
 * Errors stick: after the first failure every put does nothing, and
 * builder_error() tells it.  So a message is built without a check a line and
 * looked at once at its end.  Only ERR_MEMORY and ERR_TOO_LONG can happen.
 */
#ifndef SIGNET_BUILDER_H
#define SIGNET_BUILDER_H

#include "proto/base/bytes.h"
#include "proto/base/err.h"

/* Zero-initialised is empty and ready.  The memory is of mem.h. */
struct builder {
	uint8_t *data;
	size_t len;
	size_t room;
	enum err error;
};

/* Wipe and free; ready for use again afterwards. */
void builder_clear(struct builder *b);

/* Forget (and wipe) the content, keep the memory for the next message. */
void builder_reset(struct builder *b);

enum err builder_error(const struct builder *b);

/* What was built so far; valid until the next put, reset or clear. */
struct bytes builder_view(const struct builder *b);

/* Move the content out as a blob; b is empty afterwards.  Gives builder_error(). */
enum err builder_take(struct builder *b, struct blob *out);

void builder_u8(struct builder *b, uint8_t v);
void builder_bool(struct builder *b, bool v);
void builder_u32(struct builder *b, uint32_t v);
void builder_u64(struct builder *b, uint64_t v);
/* Write over the uint32 that was put at this offset (b->len then). */
void builder_u32_at(struct builder *b, size_t offset, uint32_t v);
/* Bytes as they are. */
void builder_put(struct builder *b, struct bytes v);
/* uint32 length and the bytes. */
void builder_string(struct builder *b, struct bytes v);
void builder_cstring(struct builder *b, const char *s);
/* mpint from a magnitude; leading zero bytes in it are dropped. */
void builder_mpint(struct builder *b, struct bytes magnitude);

/*
 * Room for n bytes that the caller fills in; NULL after an error.  The pointer
 * is valid until the next call on b.
 */
uint8_t *builder_reserve(struct builder *b, size_t n);

/*
 * A string whose content is not known yet: put it between open and close.
 * open returns the mark that close wants; they nest.
 */
size_t builder_open(struct builder *b);
void builder_close(struct builder *b, size_t mark);

#endif
