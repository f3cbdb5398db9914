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

/* Write the file, unless what lies there is not ours.  False, with a sentence, when it does not
 * stand there afterwards. */
bool setup_put(struct setup *s, enum text_id id, const char *snippet, const char *path);

/* Does a file of ours stand there? */
bool setup_is_ours(const char *path);

#endif
