#include "tokens/pkcs11/module.h"

#include <dlfcn.h>
#include <string.h>
#include <time.h>

#include "proto/base/log.h"

/* With what threads need where the module can have it, else for one thread at a time. */
static CK_RV initialise(struct module *m)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
	CK_RV rv = m->f->C_Initialize(&args);

	m->threads = rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED;
	if (!m->threads)
		rv = m->f->C_Initialize(NULL);
	return rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? CKR_OK : rv;
}

static bool complete(const CK_FUNCTION_LIST *f)
{
	return f->C_Initialize != NULL && f->C_Finalize != NULL && f->C_GetInfo != NULL &&
	       f->C_GetSlotList != NULL && f->C_GetSlotInfo != NULL && f->C_GetTokenInfo != NULL &&
	       f->C_GetMechanismList != NULL && f->C_OpenSession != NULL &&
	       f->C_CloseSession != NULL && f->C_GetSessionInfo != NULL && f->C_Login != NULL &&
	       f->C_Logout != NULL && f->C_GetAttributeValue != NULL &&
	       f->C_FindObjectsInit != NULL && f->C_FindObjects != NULL &&
	       f->C_FindObjectsFinal != NULL && f->C_SignInit != NULL && f->C_Sign != NULL;
}

static enum err find_functions(struct module *m, void *handle, struct fault *f)
{
	CK_C_GetFunctionList list;
	void *found = dlsym(handle, "C_GetFunctionList");
	CK_RV rv;

	if (found == NULL)
		return fault_set(f, ERR_MODULE, "it has no C_GetFunctionList");
	memcpy(&list, &found, sizeof(list));
	rv = list(&m->f);
	if (rv != CKR_OK) {
		fault_of(f, "C_GetFunctionList", rv);
		f->why = ERR_MODULE;
		return ERR_MODULE;
	}
	if (m->f == NULL || m->f->version.major < 2 || m->f->version.major > 3)
		return fault_set(f, ERR_MODULE, "its list of functions has an unknown version");
	if (!complete(m->f))
		return fault_set(f, ERR_MODULE, "its list of functions has gaps");
	return ERR_OK;
}

enum err module_load(struct module *m, struct bytes path, struct fault *f)
{
	char name[TOKEN_PATH_MOST + 1] = {0};
	void *handle;
	enum err e;
	CK_RV rv;

	(void)pthread_rwlock_init(&m->use, NULL);
	(void)pthread_mutex_init(&m->door, NULL);
	(void)pthread_mutex_init(&m->turn, NULL);
	if (path.len == 0 || path.len > TOKEN_PATH_MOST || path.data[0] != '/')
		return fault_set(f, ERR_MODULE, "its path does not begin with /");
	/* dlopen(3) would load another file than the one that was allowed: $ORIGIN, $LIB. */
	if (memchr(path.data, '$', path.len) != NULL)
		return fault_set(f, ERR_MODULE, "its path holds a $");
	memcpy(name, path.data, path.len);
	handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		const char *why = dlerror();

		return fault_set(f, ERR_MODULE, "%s", why != NULL ? why : "it cannot be loaded");
	}
	e = find_functions(m, handle, f);
	if (e != ERR_OK)
		return e;
	rv = initialise(m);
	if (rv != CKR_OK) {
		fault_of(f, "C_Initialize", rv);
		f->why = ERR_MODULE;
		return ERR_MODULE;
	}
	if (m->f->C_GetInfo(&m->info) != CKR_OK)
		memset(&m->info, 0, sizeof(m->info));
	return ERR_OK;
}

void module_enter(struct module *m)
{
	pthread_mutex_lock(&m->door);
	pthread_rwlock_rdlock(&m->use);
	pthread_mutex_unlock(&m->door);
	if (!m->threads)
		pthread_mutex_lock(&m->turn);
}

void module_leave(struct module *m)
{
	/* Nobody changes m->threads while one is inside. */
	if (!m->threads)
		pthread_mutex_unlock(&m->turn);
	pthread_rwlock_unlock(&m->use);
}

bool module_restart(struct module *m, void (*forget)(void *ctx), void *ctx)
{
	CK_RV rv;

	if (pthread_rwlock_trywrlock(&m->use) != 0)
		return false;
	(void)m->f->C_Finalize(NULL);
	forget(ctx);
	rv = initialise(m);
	if (rv != CKR_OK)
		log_warn("the module cannot be initialised again: 0x%lx", rv);
	pthread_rwlock_unlock(&m->use);
	return true;
}

void module_rest(struct module *m)
{
	struct timespec until;

	if (m->f == NULL)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &until); /* the clock of timedwrlock */
	until.tv_sec += MODULE_REST_MS / 1000;
	if (pthread_mutex_timedlock(&m->door, &until) == 0)
		(void)pthread_rwlock_timedwrlock(&m->use, &until);
}
