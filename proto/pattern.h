/* Patterns as ssh_config(5) has them (PATTERNS): * for any run of characters, ? for one. */
#ifndef SIGNET_PATTERN_H
#define SIGNET_PATTERN_H

#include "proto/base/bytes.h"

/* One pattern; no list, no negation. */
bool pattern_match(struct bytes text, struct bytes pattern);

/*
 * A list with commas between: does one pattern match, and none that begins with "!"?  An empty
 * list matches nothing.
 */
bool pattern_list_match(struct bytes text, struct bytes list);

#endif
