/* -h and -H: destinations looked up in files of any kind, with what is wrong on standard error. */
#ifndef SIGNET_ADD_DESTINATION_H
#define SIGNET_ADD_DESTINATION_H

#include "keystore/destinations.h"

/* destinations_look_up for the command line. */
enum err destinations_find(const struct destination_words *w, struct blob *out);

#endif
