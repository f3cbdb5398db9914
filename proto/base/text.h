/* Text from outside, made safe to show to a person. */
#ifndef SIGNET_TEXT_H
#define SIGNET_TEXT_H

#include "proto/base/bytes.h"

/*
 * Copy src into out (room bytes, NUL included), control characters, invalid UTF-8, what changes the
 * direction of text, what is not seen, and more marks on a character than two written as \xNN or
 * \u{NNNN}; backslash stays.  Cut with "..." at the end when it does not fit.  Returns out.
 */
const char *text_escape(struct bytes src, char *out, size_t room);

/* The same without what begins markup, for words that stand in a question unquoted. */
const char *text_shown(struct bytes src, char *out, size_t room);

/* As text_escape with semicolons escaped too, for a line whose fields they separate. */
const char *text_field(struct bytes src, char *out, size_t room);

/*
 * As text_escape between quotation marks, with those inside escaped too, and what looks like one,
 * all spaces but single plain ones, and what begins markup: so the text can pass neither for the
 * words around it nor for a line or a field of its own.  room: at least TEXT_QUOTE_LEAST.
 */
const char *text_quote(struct bytes src, char *out, size_t room);

enum { TEXT_QUOTE_LEAST = 8 };

/* src as it is where it is one word of ASCII letters, digits and "._+-:/", else as text_quote. */
const char *text_word(struct bytes src, char *out, size_t room);

#endif
