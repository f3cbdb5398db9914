/* The words of a question (consent.h). */
#ifndef SIGNET_CONSENT_TEXT_H
#define SIGNET_CONSENT_TEXT_H

#include "agent/lineage.h"
#include "keystore/fingerprint.h"
#include "proto/builder.h"
#include "proto/signdata.h"

enum { HOST_TEXT = 320 };

/* A host on the way. */
struct host_text {
	char print[FINGERPRINT_ROOM]; /* of its key */
	char names[HOST_TEXT];        /* what known_hosts calls it, escaped; empty: nothing */
	enum err searched;            /* ERR_OK: known_hosts was, to its end (hostnames.h) */
	bool forwarding;
};

struct question {
	struct bytes comment;
	const char *print;
	struct bytes data;
	const struct lineage *lineage;
	const struct host_text *hosts; /* in the order of the way */
	size_t host_count;
	bool unproven; /* a bind failed: the way is not known */
	bool astray;   /* the login is not of the session that the last host proved */
};

/* What fits below the title into the one line that pinentry takes, percent-escaped, in bytes. */
enum { QUESTION_ROOM = 950 };

/*
 * The whole question into b: the key, over which hosts, who asks, and what is to be signed.
 * Everything that came from outside is escaped; what a client chose is bounded and stands in
 * quotation marks where it is not one plain word.  Where the text exceeds QUESTION_ROOM, processes
 * are counted rather than named, names of hosts cut, and hosts on the way told by name alone; where
 * that is not enough, of the way the first host and the last two, the others counted.  Who asks and
 * that the connection is forwarded is told always.
 */
void question_build(struct builder *b, const struct question *q);

/* The same question but for its first lines, the key's: begins with an empty line.  room instead of
 * QUESTION_ROOM. */
void question_about(struct builder *b, const struct question *q, size_t room);

/* A process as it is told there: by name and number, with its program where the name says too
 * little. */
void question_process(struct builder *b, const struct process *p);

/* What is signed, in short, for the decision log: "you@db1", "signature for git", ... */
void question_destination(struct builder *b, const struct question *q);

#endif
