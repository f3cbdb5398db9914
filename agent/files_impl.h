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
	struct bytes blob; /* a view of the file's key, or of what it keeps */
	bool withdrawn;    /* by hand: not offered until files_reload */
};

/* What is to be known of a certificate. */
struct file_cert {
	bool good; /* it may log in */
	uint64_t after, before;
	struct bytes authority;
};

/* What the key was added by hand with, which its file's offer keeps: until files_reload. */
struct file_also {
	struct key_rules rules;
	size_t len;
	uint8_t destinations[];
};

/*
 * What was told of a path; where there is no item, trouble says why.  In ordinary memory, since
 * nothing of it is secret, and of each thing one copy, since many may have many.
 */
struct file {
	uint64_t hash;     /* of the message that told of it */
	uint64_t away;     /* while there is trouble: of its key that was withdrawn; 0: none was */
	uint8_t *kept;     /* what lies nowhere else: */
	uint32_t kept_len; /* a key that no locked one can be made of, a comment, certificates */
	uint32_t item_count;
	struct key *locked;           /* shared with the store; NULL: none can be made */
	struct file_also *also;       /* NULL: nothing */
	struct bytes comment;         /* a view of kept, or the path; with said in own memory */
	struct file_item own, *items; /* the first is the key itself; own, where there is but it */
	struct file_cert *certs;      /* of items[1] and so on */
	uint32_t generation;          /* of the configuration that offered and the rules are of */
	uint32_t folder;
	uint16_t rank;
	uint8_t trouble; /* enum err */
	uint8_t refused; /* the same, by us: a type of key that cannot be had here */
	bool offered;
	bool surplus; /* its keys are behind what a list has room for */
	bool told;    /* by the helper that runs now */
	bool said;    /* comment is what the file said when it was decrypted */
	char path[];
};

struct files {
	struct loop *loop;
	struct calls *calls;
	struct store *store;

	const struct config *config; /* NULL: before the first files_reload */
	bool looks;                  /* the helper is to run; */
	bool offer;                  /* and what it tells of is offered */
	uint32_t generation;         /* of config, */
	uint64_t folders;            /* and a hash of its directories */

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
	struct timer turn; /* a certificate may begin or end to be valid */
	struct task review;
	bool review_posted, syncing, disorder, surplus;
	bool withdrew; /* something may be withdrawn */
};

/* files_list.c */
struct file *file_find(const struct files *fs, struct bytes path);
/* What a message says.  ERR_FORMAT, ERR_LIMIT, ERR_MEMORY. */
enum err file_take(struct files *fs, struct bytes message);
enum err file_trouble(struct files *fs, struct bytes path, enum err why);
void file_gone(struct files *fs, struct bytes path);
/* All that the helper that runs now told nothing of. */
void files_drop_untold(struct files *fs);
/* All that lies in no key directory of the configuration. */
void files_drop_outside(struct files *fs);
void files_drop_all(struct files *fs);

/* files_offer.c */
/* The store is as it should be of these. */
void file_sync(struct files *fs, struct file *f);
void files_sync(struct files *fs);
/* Which of the configuration's key directories it lies in directly; as many as there are: in none.
 */
size_t file_folder(const struct config *c, const char *path);
/* Its identities leave the store. */
void file_retract(struct files *fs, struct file *f);
/* ERR_OK, or why it cannot be offered, or its key not be listed. */
enum err file_state(const struct file *f);
/* What a certificate that lies beside the key says of itself. */
void file_judge(struct bytes certificate, struct bytes public, struct file_cert *out);

/* files_helper.c */
void files_start(struct files *fs);
void files_stop(struct files *fs);
void files_release(struct files *fs);

#endif
