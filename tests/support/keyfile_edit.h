/* Key files changed on purpose: taken apart, edited, put together again. */
#ifndef SIGNET_TEST_KEYFILE_EDIT_H
#define SIGNET_TEST_KEYFILE_EDIT_H

#include "proto/builder.h"

/* The bytes in a file's armour, its text up to and with the BEGIN line left off.  No headers. */
struct blob edit_unarmor(struct bytes file);

/* The bytes in armour with this label. */
struct blob edit_armor(const char *label, struct bytes data);

/* Where needle is in b: there must be such a place. */
size_t edit_find(struct bytes b, struct bytes needle);

/* A copy of b in which the n bytes from at on are replaced by with. */
struct blob edit_replace(struct bytes b, size_t at, size_t n, struct bytes with);

/* A copy of text with the first old (a string) replaced. */
struct blob edit_text(struct bytes text, const char *old, const char *with);

/* Number of lines, and the text up to the end of the nth (from 1). */
size_t edit_lines(struct bytes text);
struct bytes edit_head(struct bytes text, size_t lines);

#endif
