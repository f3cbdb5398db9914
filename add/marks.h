/* What the agent's control socket says of the keys that are listed. */
#ifndef SIGNET_ADD_MARKS_H
#define SIGNET_ADD_MARKS_H

#include "add/control.h"
#include "keystore/fingerprint.h"

/* Those that their files offer and that are locked; zero-initialised is none. */
struct marks {
	struct builder locked; /* of each a line: "certificate" or "key", its fingerprint */
};

/* Without a word; nothing is marked where there is no such socket. */
void marks_get(struct marks *m);
void marks_clear(struct marks *m);

/* Is the key or certificate of this blob locked? */
bool marks_locked(const struct marks *m, struct bytes blob, bool is_cert);

#endif
