/*
 * What the parts of files.h share: files.c (who asks), files_helper.c (the helper's life, and what
 * it says), files_list.c (the files that it told of), files_offer.c (their keys in the store).
 */
#ifndef SIGNET_FILES_IMPL_H
#define SIGNET_FILES_IMPL_H

#include "agent/files.h"
#include "proto/filesmsg.h"

enum {
	FILES_TOLD_MOST = FILES_KEYS_MOST + FILES_TROUBLES_MOST, /* files, */
	FILES_BYTES_MOST = 64 * 1024 * 1024,                     /* and what was told of them */
};

/* An identity of a file: its plain key, or one of its certificates. */
struct file_item {
	struct bytes blob; /* a view of the file's message */
	bool withdrawn;    /* by hand: not offered until files_reload */
	bool good;         /* the key itself, or a certificate that may log in, */
	uint8_t kind;      /* of which this is known: */
	uint64_t after, before;
	struct bytes authority;
};

/*
 * What was told of a path.  In ordinary memory, since nothing of it is secret: message is that
 * of FILES_KEY; where there is none, trouble says why.
 */
struct file {
	char *path;
	uint8_t *message;
	size_t message_len;
	struct files_key key;
	struct file_item *items; /* the first is the key itself */
	size_t item_count;
	enum err trouble;
	enum err refused;    /* by us: a type of key that cannot be had here */
	uint64_t generation; /* of the configuration that offered and the rules are of */
	bool offered;
	bool told; /* by the helper that runs now */
	size_t folder, rank;
};

struct files {
	struct loop *loop;
	struct calls *calls;
	struct store *store;

	const struct config *config; /* NULL: before the first files_reload */
	bool offer;
	uint64_t generation, folders; /* of config; a hash of its directories */

	struct call *call; /* NULL: none runs */
	struct timer again;
	bool ending;             /* the call failed, and its process is not gone yet */
	bool fresh;              /* the helper's first look is not told yet */
	bool told;               /* some helper's was */
	uint64_t started, pause; /* clock_now(); milliseconds */
	enum err trouble;        /* why none runs */
	uint64_t counted_since;  /* groups of messages */
	unsigned groups;

	struct file **list; /* by path */
	size_t count, room, bytes;

	struct files_waiter *first_waiter;
	struct timer patience;
	struct task review;
	bool review_posted, syncing, disorder;
};

/* files_list.c */
struct file *file_find(const struct files *fs, struct bytes path);
/* What a message says.  ERR_FORMAT, ERR_LIMIT, ERR_MEMORY. */
enum err file_take(struct files *fs, struct bytes message);
enum err file_trouble(struct files *fs, struct bytes path, enum err why);
void file_gone(struct files *fs, struct bytes path);
/* All that the helper that runs now told nothing of. */
void files_drop_untold(struct files *fs);
void files_drop_all(struct files *fs);

/* files_offer.c */
/* The store is as it should be of these. */
void file_sync(struct files *fs, struct file *f);
void files_sync(struct files *fs);
/* Its identities leave the store. */
void file_retract(struct files *fs, struct file *f);
/* items of a fresh message.  ERR_MEMORY. */
enum err file_items(struct file *f);

/* files_helper.c */
void files_start(struct files *fs);
void files_stop(struct files *fs);
void files_release(struct files *fs);

#endif
