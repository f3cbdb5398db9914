/* The known_hosts files that -H names, or the default ones, and the keys of a host in them. */
#ifndef SIGNET_ADD_HOSTFILES_H
#define SIGNET_ADD_HOSTFILES_H

#include "proto/builder.h"

/* One file.  A file that could not be read stays in the list, to be named in a message. */
struct hostfile {
	struct blob path;    /* as it is opened */
	char *name;          /* escaped, for messages; mem_free */
	struct blob content; /* the whole file, read once: it may be a pipe */
	bool is_read;
};

/* Zero-initialised is empty. */
struct hostfiles {
	struct hostfile *list;
	size_t n;
};

/*
 * Read the files named, or with n 0 the default ones.  A file that is not there or cannot be read
 * is no error, but is said, unless it is a default one that is not there.  ERR_NOT_FOUND for a
 * "~name" that is no user and for an unknown home (said); ERR_MEMORY.  hostfiles_clear is due in
 * any case.
 */
enum err hostfiles_read(struct hostfiles *f, const char *const *paths, size_t n);
void hostfiles_clear(struct hostfiles *f);

/*
 * Put the keys of host into b (hop_key_build), in the order of the files and as often as they hold
 * them.  Keys that an entry for this host marks as revoked are left out; *revoked counts them.
 */
enum err hostfiles_keys(
    const struct hostfiles *f, struct bytes host, struct builder *b, size_t *revoked);

/* Write the names of the files that were read (or that were not) with commas between. */
void hostfiles_say(const struct hostfiles *f, bool is_read);

/* How many were read. */
size_t hostfiles_count(const struct hostfiles *f);

#endif
