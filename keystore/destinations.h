/*
 * Destinations as people write them (signet-add -h, and the configuration's): from what a person
 * writes to the constraints that the agent gets.  Hosts are told by their keys, which are looked up
 * in known_hosts files.
 */
#ifndef SIGNET_DESTINATIONS_H
#define SIGNET_DESTINATIONS_H

#include "keystore/hostfiles.h"

struct destination_words {
	const char *const *specs; /* "[user@]host" or "host>[user@]host" */
	size_t nspecs;            /* at most LIMIT_DESTINATIONS */
	const char *const *files; /* known_hosts files; "~" and "~name" are homes */
	size_t nfiles; /* at most LIMIT_HOSTKEY_FILES; 0: the four that ssh reads by default */
};

/*
 * *out becomes the content of restrict-destination-v00@openssh.com (proto/destination.h), the
 * caller's to clear.  What is wrong was told, in one or two lines: ERR_FORMAT for a spec that makes
 * no sense, ERR_NOT_FOUND for a host without a key in the files, ERR_TOO_LONG, ERR_MEMORY.
 */
enum err destinations_look_up(
    const struct destination_words *w, const struct hostfiles_from *from, struct blob *out);

/* The same for one spec, behind what *out has already, in files that were read: with an error but
 * ERR_TOO_LONG and ERR_MEMORY *out is as it was. */
enum err destination_look_up(const struct hostfiles_from *from, const struct hostfiles *files,
    const char *spec, struct builder *out);

#endif
