/* Text from files and agents on its way to the screen. */
#ifndef SIGNET_ADD_SHOW_H
#define SIGNET_ADD_SHOW_H

#include "proto/base/bytes.h"

/* Room for a file name or a comment in a message, in bytes; longer ones are cut. */
enum { SHOW_ROOM = 4096 };

/* Escaped as text_escape does, whole however long it is, NUL-terminated.  Release with mem_free;
 * NULL: no memory. */
char *show_whole(struct bytes text);

/* The same as text_field and text_quote do. */
char *show_field(struct bytes text);
char *show_quoted(struct bytes text);

#endif
