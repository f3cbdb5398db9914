/*
 * -h and -H: from what a person writes to the constraints that the agent gets.  Hosts are told by
 * their keys, which are looked up in known_hosts files.
 */
#ifndef SIGNET_ADD_DESTINATION_H
#define SIGNET_ADD_DESTINATION_H

#include "proto/base/bytes.h"

struct destination_words {
	const char *const *specs; /* "[user@]host" or "host>[user@]host" */
	size_t nspecs;            /* at most LIMIT_DESTINATIONS */
	const char *const *files; /* known_hosts files; "~" and "~name" are homes */
	size_t nfiles; /* at most LIMIT_HOSTKEY_FILES; 0: the four that ssh reads by default */
};

/*
 * *out becomes the content of restrict-destination-v00@openssh.com (proto/destination.h), the
 * caller's to clear.  What is wrong was said on standard error: ERR_FORMAT for a spec that makes no
 * sense, ERR_NOT_FOUND for a host without a key in the files, ERR_TOO_LONG, ERR_MEMORY.
 */
enum err destinations_look_up(const struct destination_words *w, struct blob *out);

#endif
