/*
 * The known_hosts files that ssh reads unless told otherwise (ssh_config(5)), opened by the
 * supervisor for the core, which cannot.  Nothing here reads what is in them.
 */
#ifndef SIGNET_KNOWNFILES_H
#define SIGNET_KNOWNFILES_H

#include <stdint.h>

/* They are known by their numbers: 0 to KNOWNFILES - 1. */
enum { KNOWNFILES = 4 };

/* How a person knows it: "~/.ssh/known_hosts". */
const char *knownfile_name(unsigned which);

/* The home of the user that the process runs as, by the password file, where ssh looks too.  NULL
 * when there is none; valid until the next look into that file. */
const char *knownfiles_home(void);

/*
 * Open one for reading, close-on-exec; -1 when it is missing, forbidden, or no regular file.  home
 * may be NULL.
 */
int knownfile_open(unsigned which, const char *home);

/* Answer CHANNEL_FILES (channel.h): each that can be opened, and the end. */
void knownfiles_send(int channel, uint32_t id, const char *home);

#endif
