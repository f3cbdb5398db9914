/* The one PKCS#11 module of this process. */
#ifndef SIGNET_TOKENS_PKCS11_MODULE_H
#define SIGNET_TOKENS_PKCS11_MODULE_H

#include <pthread.h>
#include <stdatomic.h>

#include "tokens/pkcs11/fault.h"

struct module {
	CK_FUNCTION_LIST *f; /* constant once loaded, and none of those that we call is NULL */
	CK_INFO info;
	atomic_bool threads;  /* it may be called by several at once */
	pthread_rwlock_t use; /* written while it is initialised again */
	/* Through it goes who enters; shut by who rests: not every C library lets a writer go
	 * first. */
	pthread_mutex_t door;
	pthread_mutex_t turn; /* where there are no threads: held over a whole operation */
};

/* Load and initialise; the process can do nothing else if it fails.  Never unloaded. */
enum err module_load(struct module *m, struct bytes path, struct fault *f);

/* Around everything that calls f-> or keeps sessions and handles over several calls; they do not
 * nest. */
void module_enter(struct module *m);
void module_leave(struct module *m);

/*
 * Finalise and initialise it again, which takes all sessions, logins and handles with it; false
 * when somebody uses it now, and it was left alone.  Outside of enter and leave; between,
 * forget is called, with nobody else using the module.
 */
bool module_restart(struct module *m, void (*forget)(void *ctx), void *ctx);

/*
 * Before the process ends: nobody enters any more, and whoever is inside has come out, or
 * MODULE_REST_MS have passed.  A module that is cut off while it writes to its token may lose what
 * is on it: SoftHSM rewrites a token's file at each login.  Outside of enter and leave.
 */
void module_rest(struct module *m);
enum { MODULE_REST_MS = 5000 }; /* an asker that lives kills sooner (LIMIT_CANCEL_MS) */

#endif
