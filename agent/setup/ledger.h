/*
 * What --setup has done, so that --undo can put it back: a text file in the state folder, a line
 * for each thing, written before the thing is done.
 */
#ifndef SIGNET_SETUP_LEDGER_H
#define SIGNET_SETUP_LEDGER_H

#include "agent/setup/place.h"
#include "proto/base/bytes.h"

struct ledger {
	struct path file;
	struct blob text;
};

/* A kind of line, and how its end is called. */
#define LEDGER_FILE    "file "    /* a file of ours was written */
#define LEDGER_LINK    "link "    /* a symbolic link was made */
#define LEDGER_FOLDER  "folder "  /* a folder was made */
#define LEDGER_MASK    "mask "    /* another's unit was masked, and did not run */
#define LEDGER_STOPPED "stopped " /* another's unit was masked and stopped */
#define LEDGER_TEXT    "text "    /* so it was written: a hash, a space and the path */
/* SSH_AUTH_SOCK was so in the service manager's environment */
#define LEDGER_VARIABLE "variable "

/* Read it, or start with an empty one.  False, with a sentence on standard error, when it is there
 * and cannot be read: what was done would be forgotten.  Release with ledger_close. */
bool ledger_open(const struct place *p, struct ledger *out);
void ledger_close(struct ledger *l);

/* Note it, once.  False, with a sentence on standard error, where it cannot be written. */
bool ledger_note(struct ledger *l, const char *kind, const char *value);

/* Is it noted? */
bool ledger_has(const struct ledger *l, const char *kind, const char *value);

/*
 * Note what a file of ours holds, or what a link of ours leads to, before it is written; and is
 * what it holds now something that was noted for it, by this version or by an earlier one?
 */
bool ledger_note_text(struct ledger *l, const char *path, struct bytes text);
bool ledger_has_text(const struct ledger *l, const char *path, struct bytes text);

/* Make the folder of a file, and the folders above it, and note each that is new. */
bool ledger_folders(struct ledger *l, const char *file);

/* The lines, from the last to the first: before starts as the number of bytes. */
bool ledger_back(const struct ledger *l, size_t *before, struct bytes *line);

#endif
