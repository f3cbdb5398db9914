/*
 * Public halves of key files that hide theirs (PEM, PKCS#8, encrypted), as they were learnt when
 * the key was unlocked once: remembered in learnt below $XDG_STATE_HOME/signet, with the file's
 * path and its content's SHA-256 fingerprint.  What is read from there is believed no more than
 * any other file, and can do no more than offer a key that its file then does not hold.
 */
#ifndef SIGNET_LEARNT_H
#define SIGNET_LEARNT_H

#include "proto/base/bytes.h"

enum { LEARNT_MOST = 1024, LEARNT_FILE_MOST = 1024 * 1024 };

struct learnt; /* what is remembered */

/*
 * From the directory $XDG_STATE_HOME/signet, by default ~/.local/state/signet, made where it is
 * missing.  Without it what is learnt is remembered as long as this process lives.  NULL without
 * memory.
 */
struct learnt *learnt_open(void);
void learnt_close(struct learnt *l); /* NULL is allowed */

/* The directory, open; -1: there is none.  Stays l's. */
int learnt_directory(const struct learnt *l);

/* The public half of the file at path with this content: valid until the next call; empty: not
 * known. */
struct bytes learnt_find(const struct learnt *l, const char *path, const char *print);

/* From now on it is public (empty: not known), and the file says so.  ERR_MEMORY, ERR_SYSTEM: it
 * will be forgotten at the end. */
enum err learnt_set(struct learnt *l, const char *path, const char *print, struct bytes public);

#endif
