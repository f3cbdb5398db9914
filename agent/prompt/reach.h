/* Is there anybody at the other end of a display, without talking to him? */
#ifndef SIGNET_PROMPT_REACH_H
#define SIGNET_PROMPT_REACH_H

#include <stdbool.h>

/*
 * Does the local socket take connections?  False when it is not there, or was left behind by who
 * has ended; true also when he is only busy.
 */
bool reach_socket(const char *path);

/*
 * Does the display of these variables' values (NULL or empty: not set) take connections?  folder is
 * XDG_RUNTIME_DIR (or NULL).  What is on another host is taken to.
 */
bool reach_display(const char *wayland, const char *x, const char *folder);

#endif
