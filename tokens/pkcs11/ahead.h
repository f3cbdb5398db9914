/*
 * Signatures that are begun before they are asked for.
 *
 * A client that asks for one signature by a key after the other has to wait for C_SignInit each
 * time, in which a module of software reads the key: so while an answer is on its way, the next is
 * begun.  Only where signatures follow each other as quickly as no card and no person makes them,
 * and where the module takes threads; never with a key that wants its PIN for each
 * (PKCS #11 v3.1, section 5.13: an operation is active until C_Sign ends it).
 *
 * All of this between module_enter and module_leave.
 */
#ifndef SIGNET_TOKENS_PKCS11_AHEAD_H
#define SIGNET_TOKENS_PKCS11_AHEAD_H

#include "tokens/pkcs11/sessions.h"

/* The session in which a signature like this has begun, which is the caller's now; false: there is
 * none. */
bool ahead_take(struct world *w, struct token *t, const struct begun *wanted, struct session *out);

/* A signature like this was made just now. */
void ahead_note(struct world *w, struct token *t, const struct begun *made);

/* Begin the next if it may be asked for soon, in a session that nobody else will want.  After the
 * answer has been sent; a module may hang in it. */
void ahead_begin(struct world *w, struct token *t);

/* What has begun or begins now is not wanted any more, nor is more until another row: its session
 * is closed. */
void ahead_end(struct world *w, struct token *t);

/* The same where sessions are short (CKR_SESSION_COUNT), for as long as the token stays; true when
 * there is one more now. */
bool ahead_forgo(struct world *w, struct token *t);

#endif
