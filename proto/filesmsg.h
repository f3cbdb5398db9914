/*
 * Messages of the two helpers that read key files for the core, which cannot: signet-files, which
 * lives long and tells what lies in the key directories, and signet-unlock, which decrypts one file
 * and ends.  Both are started with the key directories as their arguments, by the supervisor; what
 * the core asks for outside of them is refused.  Frames as in helpermsg.h, of at most
 * LIMIT_FILES_MESSAGE.
 *
 *   signet-files
 *   request        answers
 *   FILES_WATCH    the first: FILES_KEY and FILES_TROUBLE for all that is there, then FILES_DONE;
 *                  later changes are told by the same messages unasked, each group ended with
 *                  FILES_DONE
 *   FILES_LEARN    no answer by itself: a file whose public half was hidden can be told then
 *
 *   signet-unlock
 *   UNLOCK_OPEN    UNLOCK_KEY, UNLOCK_OTHER or UNLOCK_FAILED, and the helper ends
 *
 * Hanging up ends either.  Paths are absolute, without "." and "..", as the directory was named.
 */
#ifndef SIGNET_FILESMSG_H
#define SIGNET_FILESMSG_H

#include "proto/builder.h"
#include "proto/reader.h"

enum files_message {
	FILES_WATCH = 96, /* no fields */
	FILES_LEARN = 97, /* string path, string public; empty: what was learnt of it is wrong, and
			     the file is to be read anew */

	FILES_KEY = 104, /* string path, byte flags, string public, string comment, uint32 count,
			    certificates (a string each).  Once more for a path: it is so now */
	FILES_TROUBLE = 105, /* string path, byte enum err: it cannot be offered.  A path that was
				a key is none any more.  Of a key directory: it cannot be read */
	FILES_GONE = 106,    /* string path: neither key nor trouble any more */
	FILES_DONE = 107,    /* no fields: all that was told since the last one belongs together */

	UNLOCK_OPEN = 112, /* string path, string public, byte has passphrase, string passphrase */
	UNLOCK_KEY = 113,  /* string: "string type, key data" as in ADD_IDENTITY (privkey.h), of the
			      plain key; string comment */
	UNLOCK_FAILED = 114, /* byte enum err */
	UNLOCK_OTHER = 115,  /* string public: it was decrypted, and holds this key instead */
};

enum {
	FILES_PATH_MOST = 4096,
	FILES_PUBLIC_MOST = 16384, /* bytes of a public key blob or certificate */
	FILES_COMMENT_MOST = 1024,
	FILES_CERTS_MOST = 16,      /* of one key */
	FILES_KEYS_MOST = 4096,     /* that are told; what is more is trouble, ERR_FILE_MANY */
	FILES_TROUBLES_MOST = 4096, /* that are told */
};

enum files_key_flag {
	FILES_KEY_ENCRYPTED = 1u << 0, /* it wants a passphrase */
	FILES_KEY_FLAGS = FILES_KEY_ENCRYPTED,
};

/* Views. */
struct files_key {
	struct bytes path, public, comment;
	uint8_t flags;
	uint32_t cert_count;
	struct reader certs; /* of files_cert_next */
};

struct unlock_open {
	struct bytes path, public;
	bool has_passphrase;
	struct bytes passphrase; /* at most LIMIT_PASSPHRASE */
};

/* Whole frames into b. */
void files_watch_build(struct builder *b);
void files_learn_build(struct builder *b, struct bytes path, struct bytes public);
void files_key_build(struct builder *b, const struct files_key *m, const struct bytes *certs);
void files_trouble_build(struct builder *b, struct bytes path, enum err why);
void files_gone_build(struct builder *b, struct bytes path);
void files_done_build(struct builder *b);
void unlock_open_build(struct builder *b, const struct unlock_open *m);
void unlock_key_build(struct builder *b, struct bytes key, struct bytes comment);
void unlock_failed_build(struct builder *b, enum err why);
void unlock_other_build(struct builder *b, struct bytes public);

/*
 * From a frame's content: ERR_VERSION, ERR_MESSAGE for another kind, or why it is malformed.  Paths
 * are checked to be absolute, without NUL, empty or dotted components; public halves to be plain
 * public key blobs; certificates to be as many as counted and well framed (no more); codes to be
 * such that files_failure_allowed or unlock_failure_allowed.
 */
enum err files_watch_parse(struct bytes message);
enum err files_learn_parse(struct bytes message, struct bytes *path, struct bytes *public);
enum err files_key_parse(struct bytes message, struct files_key *out);
enum err files_cert_next(struct reader *certs, struct bytes *cert); /* ERR_TRUNCATED at the end */
enum err files_trouble_parse(struct bytes message, struct bytes *path, enum err *why);
enum err files_gone_parse(struct bytes message, struct bytes *path);
enum err files_done_parse(struct bytes message);
enum err unlock_open_parse(struct bytes message, struct unlock_open *out);
enum err unlock_key_parse(struct bytes message, struct bytes *key, struct bytes *comment);
enum err unlock_failed_parse(struct bytes message, enum err *why);
enum err unlock_other_parse(struct bytes message, struct bytes *public);

/* Absolute, at most FILES_PATH_MOST bytes, without empty and dotted components. */
bool files_path_good(struct bytes path);

bool files_failure_allowed(uint8_t why);
bool unlock_failure_allowed(uint8_t why);

#endif
