/* Where windows can be opened. */
#ifndef SIGNET_PROMPT_DISPLAY_H
#define SIGNET_PROMPT_DISPLAY_H

#include "proto/helpermsg.h"

/*
 * Set our own display variables, which every program that asks inherits, from the best source there
 * is: those that the question carries, else those that we have if that display is there, else those
 * of the user's service manager (systemctl --user show-environment), as they are now.
 * Where there is no manager, or it is slow, things stay as they are.
 */
void display_find(const struct helper_ask *ask);

/* A line of that command's output: ERR_OK with NAME=VALUE, unquoted, in out; ERR_FORMAT otherwise.
 */
enum err display_parse_line(struct bytes line, char *out, size_t room);

#endif
