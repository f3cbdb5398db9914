/* Text from outside, made safe to show to a person. */
#ifndef SIGNET_TEXT_H
#define SIGNET_TEXT_H

#include "proto/base/bytes.h"

/*
 * Copy src into out (room bytes, NUL included), control characters, invalid UTF-8 and
 * bidirectional overrides written as \xNN or \u{NNNN}; backslash stays.  Cut with "..." at the end
 * when it does not fit.  Returns out.
 */
const char *text_escape(struct bytes src, char *out, size_t room);

/* The same with semicolons escaped too, for a line whose fields they separate. */
const char *text_field(struct bytes src, char *out, size_t room);

/*
 * The same between quotation marks, with those inside escaped too, so that the text can pass
 * neither for the words around it nor for a field of its own.  room: at least TEXT_QUOTE_LEAST.
 */
const char *text_quote(struct bytes src, char *out, size_t room);

enum { TEXT_QUOTE_LEAST = 8 };

/* src as it is where it is one word of ASCII letters, digits and "._+-:/", else as text_quote. */
const char *text_word(struct bytes src, char *out, size_t room);

#endif
