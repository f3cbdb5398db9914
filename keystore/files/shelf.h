/*
 * What lies in the key directories, as far as it was looked at, and what was told of it: shelf.c
 * (directories and their files), shelf_watch.c (what changes), shelf_tell.c (what is said).
 */
#ifndef SIGNET_SHELF_H
#define SIGNET_SHELF_H

#include <stdint.h>
#include <time.h>

#include "keystore/files/learnt.h"
#include "keystore/files/scan.h"

/* By which a file is known to be as it was. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	mode_t mode;
	uid_t uid;
	struct timespec modified, changed;
};

struct entry {
	char *path; /* of the file, */
	char *name; /* and in it its name */
	struct stamp stamp;
	struct scan scan;
	bool link;     /* what it leads to may change without a word */
	bool dirty;    /* to be looked at */
	bool found;    /* while its directory is read */
	uint64_t told; /* hash of the message that told of it; 0: nothing was told */
};

struct place {
	const char *path;
	int fd;                 /* -1: not readable */
	enum err trouble;       /* ERR_OK, ERR_DIRECTORY, ERR_DIRECTORY_GONE, */
	enum err told;          /* and what was told of it */
	bool dirty;             /* to be read as a whole */
	int watch;              /* inotify's number; -1: none */
	char *real;             /* path without links, as it was last; NULL: it never was there */
	struct entry **entries; /* by name */
	size_t n, room;
};

struct shelf {
	struct folders folders;
	struct learnt *learnt;
	struct place *places; /* folders.n */
	int notify;           /* inotify: of the directories, */
	int above;            /* and of what those are in, */
	bool guarded;         /* once shelf_guard was called */
	bool reborn;          /* a directory came that the sandbox knows nothing of: start again */
};

/* paths: absolute, kept.  ERR_MEMORY, ERR_SYSTEM. */
enum err shelf_open(struct shelf *s, const char *const *paths, size_t n, struct learnt *learnt);
void shelf_close(struct shelf *s);

/* Read what is dirty, and all links. */
void shelf_look(struct shelf *s);

/* From the next look on, watch also what the directories are in, and look at all of them then.  A
 * watch on a crowded directory takes the kernel tens of milliseconds: the first telling is not to
 * wait for it. */
void shelf_guard(struct shelf *s);

/* Everything is dirty; with contents also what did not change. */
void shelf_doubt_all(struct shelf *s);
/* This one is, contents included; or only where it is another one by its stamp. */
void shelf_doubt(struct shelf *s, const char *path);
void shelf_touch(struct shelf *s, const char *path);

/* The entry of a path, or of a name, or NULL. */
struct entry *shelf_find(const struct shelf *s, const char *path);
struct entry *place_find(const struct place *p, const char *name, size_t len);

/* --- shelf_watch.c */

/* Keep where this directory is, without links; while it is away, where it was counts. */
void place_follow(struct place *p);
/* Watch this directory, once it is open; and what it is in. */
void place_watch(struct shelf *s, struct place *p);
void place_watch_above(struct shelf *s, struct place *p);

/* Read what inotify has: true when something is dirty. */
bool shelf_heard(struct shelf *s);
/* The same of the directories above. */
bool shelf_heard_above(struct shelf *s);

/* --- shelf_tell.c */

/* Say all that is not as it was told last, and FILES_DONE; all anew with again.  Errors of
 * sending. */
enum err shelf_tell(struct shelf *s, int sock, bool again);

#endif
