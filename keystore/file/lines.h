/* Text files as lines: LF or CRLF, the last one with or without its end. */
#ifndef SIGNET_LINES_H
#define SIGNET_LINES_H

#include "proto/base/bytes.h"

/* Take the next line off *rest, without its end; false when none is left. */
bool line_next(struct bytes *rest, struct bytes *line);

/* line without blanks at its end. */
struct bytes line_trimmed(struct bytes line);

/* True when line begins with prefix; *after is what follows it. */
bool line_after(struct bytes line, const char *prefix, struct bytes *after);

/* Pass over the UTF-8 byte order mark that some editors put first. */
struct bytes text_without_bom(struct bytes file);

/* All of b up to sep into *head (and off *rest); false when sep is not there. */
bool split_at(struct bytes *rest, char sep, struct bytes *head);

/* Exactly n bytes from hexadecimal text of either case: else ERR_FORMAT. */
enum err hex_decode(struct bytes text, uint8_t *out, size_t n);

#endif
