/*
 * The known_hosts files that a person names (signet-add -H), or the default ones, and the keys of a
 * host in them: what destinations.h needs.
 */
#ifndef SIGNET_HOSTFILES_H
#define SIGNET_HOSTFILES_H

#include "proto/builder.h"

/* What whoever looks up provides. */
struct hostfiles_from {
	/* The content of a file of at most LIMIT_KNOWN_HOSTS bytes, to be cleared by the caller.
	   ERR_FILE_EMPTY counts as read; ERR_SYSTEM with errno, or another error: *why says it, a
	   constant string or strerror()'s. */
	enum err (*read)(const char *path, struct blob *content, const char **why);
	/* A whole line for people, without its end; valid during the call. */
	void (*tell)(void *ctx, const char *line);
	void *ctx;
};

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
 * is no error, but is told, unless it is a default one that is not there.  ERR_NOT_FOUND for a
 * "~name" that is no user and for an unknown home (told); ERR_MEMORY.  hostfiles_clear is due in
 * any case.
 */
enum err hostfiles_read(
    struct hostfiles *f, const struct hostfiles_from *from, const char *const *paths, size_t n);
void hostfiles_clear(struct hostfiles *f);

/*
 * Put the keys of host into b (hop_key_build), in the order of the files and as often as they hold
 * them.  Keys that an entry for this host marks as revoked are left out; *revoked counts them.
 */
enum err hostfiles_keys(
    const struct hostfiles *f, struct bytes host, struct builder *b, size_t *revoked);

/* Put the names of the files that were read (or that were not) with commas between. */
void hostfiles_names(const struct hostfiles *f, bool is_read, struct builder *b);

/* How many were read. */
size_t hostfiles_count(const struct hostfiles *f);

#endif
