/* Sessions with a token.  All of this between module_enter and module_leave. */
#ifndef SIGNET_TOKENS_PKCS11_SESSIONS_H
#define SIGNET_TOKENS_PKCS11_SESSIONS_H

#include "tokens/pkcs11/world.h"

/* A session of one's own, for a signature. */
struct session {
	CK_SESSION_HANDLE handle;
	unsigned era; /* of the token, when it was taken */
};

/* One that nobody uses, or a new one. */
enum err session_take(struct world *w, struct token *t, struct session *out, struct fault *f);
/* The same, but the last one that nobody uses is left to others. */
enum err session_take_spare(struct world *w, struct token *t, struct session *out, struct fault *f);
/* It goes to the next who needs one; nothing is under way in it. */
void session_give(struct world *w, struct token *t, const struct session *s);
/* It is closed, with whatever is under way in it; lost: it is none any more. */
void session_drop(struct world *w, struct token *t, const struct session *s, bool lost);

/* The token's own session, opened if it must be.  With token.login held. */
enum err session_anchor(struct world *w, struct token *t, CK_SESSION_HANDLE *out, struct fault *f);

/* Does the token's own session stand, and is as much logged in as we think?  Then those that nobody
 * uses are closed, which may not stand.  With token.login held. */
bool sessions_stand(struct world *w, struct token *t);

/* All sessions, the login and the handles of a token mean nothing any more; close: the module may
 * know some of the sessions all the same.  With token.login held, or with nobody else. */
void sessions_forget(struct world *w, struct token *t, bool close);

#endif
