/* signet-agent --setup and --undo. */
#ifndef SIGNET_SETUP_SETUP_H
#define SIGNET_SETUP_SETUP_H

#include "agent/setup/ledger.h"
#include "agent/setup/place.h"
#include "agent/setup/texts.h"

struct setup {
	const struct place *place;
	struct ledger ledger;
	bool manager;  /* the person's service manager answers */
	char why[256]; /* why not */
	bool failed;   /* something that was to be done was not */
};

/* Both print what they do; the exit status.  replace: turn off other agents' units, too. */
int setup_do(const struct place *p, bool replace);
int setup_undo(const struct place *p);

/* Where signet.sh lies, or is to be written to (path_there tells). */
void setup_snippet(const struct place *p, struct path *out);

/*
 * Write the file.  One that was changed since it was written is left, and named; so is one that is
 * not ours, which is a fault: false, with a sentence, when no file of ours stands there afterwards.
 */
bool setup_put(struct setup *s, enum text_id id, const char *snippet, const char *path);

enum standing {
	STANDING_NONE,    /* nothing is there */
	STANDING_OURS,    /* as it was written, now or by an earlier version */
	STANDING_CHANGED, /* written by us, and changed meanwhile */
	STANDING_OTHER,   /* not written by us */
	STANDING_UNKNOWN, /* it cannot be read; a sentence on standard error has said so */
};

/* Of a file; and of a symbolic link. */
enum standing setup_file(const struct ledger *l, const char *path);
enum standing setup_link(const struct ledger *l, const char *path);

#endif
