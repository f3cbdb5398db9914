/* Where windows can be opened. */
#ifndef SIGNET_PROMPT_DISPLAY_H
#define SIGNET_PROMPT_DISPLAY_H

#include "proto/helpermsg.h"

/*
 * Set our own display variables, which every program that asks inherits, from the best source whose
 * display answers (reach.h): those that the question carries, else those that we have, else those
 * of the user's service manager (systemctl --user show-environment), as they are now.  A manager
 * that cannot be reached, or is slow, is none.  The question's other variables go before all
 * others. Where no display answers none is left: ERR_DISPLAY if one was named, ERR_NO_PROMPT if
 * not.
 */
enum err display_find(const struct helper_ask *ask);

/* A line of that command's output: ERR_OK with NAME=VALUE, unquoted, in out; ERR_FORMAT otherwise.
 */
enum err display_parse_line(struct bytes line, char *out, size_t room);

#endif
