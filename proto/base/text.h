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

#endif
