/* clang-format off */
/*
 * p11bad.so: a PKCS#11 module that loads another one (SoftHSM) and passes calls through, except for
 * what a file of commands says, one a line, read again at each call, also of a running program.
 *
 * Everything is beside the library as well, which tests copy for this:
 *   P11BAD_MODULE     LIBRARY.module, which holds a path    the real module (else Debian's SoftHSM)
 *   P11BAD_COMMANDS   LIBRARY.commands                      the commands
 *   SOFTHSM2_CONF     LIBRARY.softhsm, which holds a path   SoftHSM's configuration
 *
 * The file with .calls behind its name gets a line for each call: its function; the one with .used
 * for each command used up.  N is how often, in all processes together; without it, always.
 *
 *   fail FUNCTION NUMBER [N]   it answers that number (0x30) and does nothing
 *   hang FUNCTION [N]          it does not return as long as this stands; "goes on" goes to .calls
 *   hang-late FUNCTION [N]     the same after it did its work
 *   crash FUNCTION [N]         SIGSEGV;   exit FUNCTION [N]   it ends the process
 *   null FUNCTION              C_GetFunctionList has a null pointer instead of it
 *   no-list                    C_GetFunctionList gives a null pointer
 *   print-stdout               each call writes to standard output
 *   device-removed [N]         C_SignInit: the sessions are closed, CKR_DEVICE_REMOVED
 *   device-removed-late [N]    the same in C_Sign
 *   sessions-most N            C_OpenSession answers CKR_SESSION_COUNT where N are open
 *   session-lost [N]           C_SignInit: the sessions are closed, CKR_SESSION_HANDLE_INVALID
 *   logged-out [N]             C_SignInit: somebody logged out, CKR_USER_NOT_LOGGED_IN
 *   swap [N]                   C_SignInit: the tokens of the first two slots change places,
 *                              sessions are gone; logins go to .calls
 *   logged-out-quietly [N]     the same without a word: SoftHSM's handles are none any more
 *   token-absent, slots-absent slots have no token, there are no slots; sessions are gone
 *   removable                  slots are of devices that come and go
 *   no-os-locking              no CKF_OS_LOCKING_OK; "overlap" goes to .calls when two call at once
 *   wrong-mechanisms           without CKM_RSA_PKCS, in the list and in C_SignInit
 *   no-mechanisms              the list is empty, all work
 *   many-objects N             that many more of each class, RSA moduli and CKA_IDs made different
 *   no-public, same-id         no public keys or certificates are shown, CKA_ID is the same for all
 *   bad-der, bad-point         the CKA_VALUE of certificates, the CKA_EC_POINT is garbage
 *   always-authenticate PIN    CKA_ALWAYS_AUTHENTICATE; C_Sign answers CKR_USER_NOT_LOGGED_IN until
 *                              C_Login(CKU_CONTEXT_SPECIFIC) gave that PIN
 *   context-lost [N]           that login answers CKR_OPERATION_NOT_INITIALIZED
 *   pin-pad PIN                CKF_PROTECTED_AUTHENTICATION_PATH; NULL stands for that PIN, and none
 *                              is taken from the program.  "pin-pad cancel": CKR_FUNCTION_CANCELED
 *   pin-flags low|final|locked CKF_USER_PIN_COUNT_LOW and so on; locked: CKR_PIN_LOCKED
 *   user-pin-not-initialized   the flag, and C_Login's answer
 *   short-signature, wrong-signature   a byte less, a bit changed
 *   buffer-lies FUNCTION       C_Sign, C_GetSlotList, C_GetMechanismList, C_FindObjects and
 *                              C_GetAttributeValue say that there is more than there was room for
 */
/* clang-format on */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/modules/p11bad.h"

#define DEFAULT_MODULE "/usr/lib/softhsm/libsofthsm2.so"

enum { PENDING_MOST = 256, SLOTS_MOST = 64 };

CK_FUNCTION_LIST *bad_real;
static CK_FUNCTION_LIST list;
static atomic_int inside;

/* --- around every call ------------------------------------------------------------ */

static CK_RV enter(const char *function)
{
	if (atomic_fetch_add(&inside, 1) != 0 && bad_told("no-os-locking", NULL))
		bad_record("overlap");
	bad_record(function);
	if (bad_told("print-stdout", NULL) &&
	    write(STDOUT_FILENO, "the module says something\n", 26) != 26)
		bad_record("stdout is closed");
	bad_hang("hang", function);
	if (bad_told_of("crash", function)) {
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
	if (bad_told_of("exit", function))
		_exit(0);
	return bad_failure(function);
}

static CK_RV leave(CK_RV rv)
{
	atomic_fetch_sub(&inside, 1);
	return rv;
}

#define FUNCTION(name, params, ...)                                                                \
	static CK_RV bad_##name params                                                             \
	{                                                                                          \
		CK_RV rv = enter("C_" #name);                                                      \
                                                                                                   \
		if (rv == CKR_OK)                                                                  \
			rv = (__VA_ARGS__);                                                        \
		bad_hang("hang-late", "C_" #name);                                                 \
		return leave(rv);                                                                  \
	}
#define PASS(name, params, args) FUNCTION(name, params, bad_real->C_##name args)

/* --- what gets lost ------------------------------------------------------------------ */

static atomic_ulong sessions_open;

static void close_sessions(void)
{
	CK_SLOT_ID slots[SLOTS_MOST];
	CK_ULONG n = SLOTS_MOST;

	sessions_open = 0;
	if (bad_real->C_GetSlotList(CK_FALSE, slots, &n) != CKR_OK)
		return;
	for (CK_ULONG i = 0; i < n; i++)
		(void)bad_real->C_CloseAllSessions(slots[i]);
}

static bool absent(void)
{
	bool gone = bad_told("token-absent", NULL) || bad_told("slots-absent", NULL);

	if (gone)
		close_sessions();
	return gone;
}

static CK_RV present(CK_RV otherwise)
{
	return absent() ? otherwise : CKR_OK;
}

static atomic_bool swapped;

/* The slot of the real module that has the token of this one. */
static CK_SLOT_ID place(CK_SLOT_ID slot)
{
	CK_SLOT_ID slots[SLOTS_MOST];
	CK_ULONG n = SLOTS_MOST;

	if (!swapped || bad_real->C_GetSlotList(CK_FALSE, slots, &n) != CKR_OK || n < 2)
		return slot;
	return slot == slots[0] ? slots[1] : slot == slots[1] ? slots[0] : slot;
}

/* What is done with a session, which may be gone. */
#define SESSION(name, params, ...)                                                                 \
	FUNCTION(name, params,                                                                     \
	    present(CKR_DEVICE_REMOVED) == CKR_OK ? (__VA_ARGS__) : CKR_DEVICE_REMOVED)

/* --- general ------------------------------------------------------------------------- */

static CK_RV initialize(CK_C_INITIALIZE_ARGS *args)
{
	if (bad_told("no-os-locking", NULL) && args != NULL &&
	    (args->flags & CKF_OS_LOCKING_OK) != 0)
		return CKR_CANT_LOCK;
	return bad_real->C_Initialize(args);
}

static CK_RV slot_list(CK_BBOOL token, CK_SLOT_ID *slots, CK_ULONG *n)
{
	CK_RV rv;

	if (absent() && (token || bad_told("slots-absent", NULL))) {
		*n = 0;
		return CKR_OK;
	}
	rv = bad_real->C_GetSlotList(token, slots, n);
	if (rv == CKR_OK && slots != NULL && bad_told_of("buffer-lies", "C_GetSlotList"))
		*n += BAD_LIE;
	return rv;
}

static CK_RV slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	CK_RV rv = bad_real->C_GetSlotInfo(slot, info);

	if (rv != CKR_OK)
		return rv;
	if (bad_told("removable", NULL))
		info->flags |= CKF_REMOVABLE_DEVICE;
	if (absent())
		info->flags &= ~CKF_TOKEN_PRESENT;
	return rv;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	static const struct {
		const char *word;
		CK_FLAGS flag;
	} pin_flags[] = {{"low", CKF_USER_PIN_COUNT_LOW}, {"final", CKF_USER_PIN_FINAL_TRY},
	    {"locked", CKF_USER_PIN_LOCKED}};
	CK_RV rv = present(CKR_TOKEN_NOT_PRESENT);

	if (rv == CKR_OK)
		rv = bad_real->C_GetTokenInfo(place(slot), info);
	if (rv != CKR_OK)
		return rv;
	for (size_t i = 0; i < sizeof(pin_flags) / sizeof(pin_flags[0]); i++) {
		if (bad_told_of("pin-flags", pin_flags[i].word))
			info->flags |= pin_flags[i].flag;
	}
	if (bad_told("pin-pad", NULL))
		info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
	if (bad_told("user-pin-not-initialized", NULL))
		info->flags &= ~CKF_USER_PIN_INITIALIZED;
	return rv;
}

static CK_RV mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *types, CK_ULONG *n)
{
	CK_RV rv = bad_real->C_GetMechanismList(slot, types, n);
	CK_ULONG kept = 0;

	if (rv != CKR_OK)
		return rv;
	if (bad_told("no-mechanisms", NULL))
		*n = 0;
	if (types != NULL && bad_told("wrong-mechanisms", NULL)) {
		for (CK_ULONG i = 0; i < *n; i++) {
			if (types[i] != CKM_RSA_PKCS)
				types[kept++] = types[i];
		}
		*n = kept;
	}
	if (types != NULL && bad_told_of("buffer-lies", "C_GetMechanismList"))
		*n += BAD_LIE;
	return rv;
}

FUNCTION(Initialize, (void *args), initialize(args))
PASS(Finalize, (void *reserved), (reserved))
PASS(GetInfo, (CK_INFO * info), (info))
FUNCTION(GetSlotList, (CK_BBOOL token, CK_SLOT_ID *slots, CK_ULONG *n), slot_list(token, slots, n))
FUNCTION(GetSlotInfo, (CK_SLOT_ID slot, CK_SLOT_INFO *info), slot_info(slot, info))
FUNCTION(GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), token_info(slot, info))
FUNCTION(GetMechanismList, (CK_SLOT_ID slot, CK_MECHANISM_TYPE *types, CK_ULONG *n),
    mechanism_list(slot, types, n))
PASS(GetMechanismInfo, (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info),
    (slot, type, info))
PASS(WaitForSlotEvent, (CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved), (flags, slot, reserved))

/* --- sessions and logins --------------------------------------------------------------- */

static CK_RV open_session(
    CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *out)
{
	char most[BAD_LINE];
	CK_RV rv = present(CKR_TOKEN_NOT_PRESENT);

	if (rv == CKR_OK && bad_told("sessions-most", most) &&
	    sessions_open >= strtoul(most, NULL, 10))
		rv = CKR_SESSION_COUNT;
	if (rv == CKR_OK)
		rv = bad_real->C_OpenSession(place(slot), flags, application, notify, out);
	sessions_open += rv == CKR_OK;
	return rv;
}

static CK_RV close_session(CK_SESSION_HANDLE session)
{
	CK_RV rv = bad_real->C_CloseSession(session);

	sessions_open -= rv == CKR_OK;
	return rv;
}

FUNCTION(OpenSession,
    (CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *out),
    open_session(slot, flags, application, notify, out))
SESSION(CloseSession, (CK_SESSION_HANDLE session), close_session(session))
SESSION(CloseAllSessions, (CK_SLOT_ID slot), bad_real->C_CloseAllSessions(slot))
SESSION(GetSessionInfo, (CK_SESSION_HANDLE session, CK_SESSION_INFO *info),
    bad_real->C_GetSessionInfo(session, info))
SESSION(Logout, (CK_SESSION_HANDLE session), bad_real->C_Logout(session))

/* Sessions in which a signature waits for its PIN. */
static struct {
	pthread_mutex_t lock;
	CK_SESSION_HANDLE sessions[PENDING_MOST];
	size_t n;
} pending = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Was it pending?  From now on it is, or is not. */
static bool set_pending(CK_SESSION_HANDLE session, bool now)
{
	bool before = false;

	pthread_mutex_lock(&pending.lock);
	for (size_t i = 0; i < pending.n; i++) {
		if (pending.sessions[i] != session)
			continue;
		before = true;
		pending.sessions[i--] = pending.sessions[--pending.n];
	}
	if (now && pending.n < PENDING_MOST)
		pending.sessions[pending.n++] = session;
	pthread_mutex_unlock(&pending.lock);
	return before;
}

static bool is_pending(CK_SESSION_HANDLE session)
{
	bool is = set_pending(session, false);

	(void)set_pending(session, is);
	return is;
}

static CK_RV context_login(CK_SESSION_HANDLE session, const char *given, CK_ULONG n)
{
	char want[BAD_LINE];

	if (!bad_told("always-authenticate", want) || !is_pending(session))
		return CKR_OPERATION_NOT_INITIALIZED;
	if (bad_told_once("context-lost"))
		return CKR_OPERATION_NOT_INITIALIZED;
	if (strlen(want) != n || memcmp(want, given, n) != 0)
		return CKR_PIN_INCORRECT;
	(void)set_pending(session, false);
	return CKR_OK;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG n)
{
	char pad[BAD_LINE];
	CK_SESSION_INFO at;
	CK_TOKEN_INFO info;

	if (swapped && bad_real->C_GetSessionInfo(session, &at) == CKR_OK &&
	    bad_real->C_GetTokenInfo(at.slotID, &info) == CKR_OK)
		bad_record(memcmp(info.label, "one ", 4) == 0 ? "login one" : "login another");
	if (bad_told("user-pin-not-initialized", NULL))
		return CKR_USER_PIN_NOT_INITIALIZED;
	if (bad_told_of("pin-flags", "locked"))
		return CKR_PIN_LOCKED;
	if (bad_told("pin-pad", pad)) {
		if (pin != NULL)
			return CKR_ARGUMENTS_BAD;
		if (strcmp(pad, "cancel") == 0)
			return CKR_FUNCTION_CANCELED;
		pin = (unsigned char *)pad;
		n = strlen(pad);
	}
	if (user == CKU_CONTEXT_SPECIFIC && bad_told("always-authenticate", NULL))
		return context_login(session, (const char *)pin, pin != NULL ? n : 0);
	return bad_real->C_Login(session, user, pin, n);
}

SESSION(Login, (CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG n),
    login(session, user, pin, n))

/* --- objects ------------------------------------------------------------------------- */

SESSION(FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n),
    bad_find_begin(session, template, n))
SESSION(FindObjects, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out, CK_ULONG most, CK_ULONG *n),
    bad_find_objects(session, out, most, n))
SESSION(FindObjectsFinal, (CK_SESSION_HANDLE session), bad_real->C_FindObjectsFinal(session))
SESSION(GetAttributeValue,
    (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *template, CK_ULONG n),
    bad_attributes(session, h, template, n))

/* --- signatures ------------------------------------------------------------------------ */

static CK_RV lose(CK_RV rv)
{
	close_sessions();
	return rv;
}

static CK_RV sign_begin(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE h)
{
	bool swap = bad_told_once("swap");
	CK_RV rv;

	if (bad_told_once("device-removed"))
		return lose(CKR_DEVICE_REMOVED);
	swapped = swapped || swap;
	if (swap || bad_told_once("session-lost"))
		return lose(CKR_SESSION_HANDLE_INVALID);
	if (bad_told_once("logged-out"))
		return bad_real->C_Logout(session), CKR_USER_NOT_LOGGED_IN;
	if (bad_told_once("logged-out-quietly"))
		(void)bad_real->C_Logout(session);
	if (m->mechanism == CKM_RSA_PKCS && bad_told("wrong-mechanisms", NULL))
		return CKR_MECHANISM_INVALID;
	rv = bad_real->C_SignInit(session, m, bad_handle(h));
	if (rv == CKR_OK && bad_told("always-authenticate", NULL))
		(void)set_pending(session, true);
	return rv;
}

static CK_RV sign(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG len,
    unsigned char *signature, CK_ULONG *n)
{
	CK_RV rv;

	if (bad_told_once("device-removed-late"))
		return lose(CKR_DEVICE_REMOVED);
	if (bad_told("always-authenticate", NULL) && is_pending(session))
		return CKR_USER_NOT_LOGGED_IN;
	rv = bad_real->C_Sign(session, data, len, signature, n);
	if (rv != CKR_OK || signature == NULL)
		return rv;
	if (bad_told("short-signature", NULL))
		--*n;
	if (bad_told("wrong-signature", NULL))
		signature[*n / 2] ^= 1;
	if (bad_told_of("buffer-lies", "C_Sign"))
		*n += BAD_LIE;
	return rv;
}

SESSION(SignInit, (CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key),
    sign_begin(session, m, key))
SESSION(Sign,
    (CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG len, unsigned char *signature,
	CK_ULONG *n),
    sign(session, data, len, signature, n))

/* --- the list ----------------------------------------------------------------------------- */

/* The first line of a file beside the library, or what a variable says. */
static bool setting(const char *variable, const char *ending, char out[BAD_PATH])
{
	char path[BAD_PATH];
	FILE *f;
	bool got;

	if (getenv(variable) != NULL)
		return snprintf(out, BAD_PATH, "%s", getenv(variable)) < BAD_PATH;
	if (!bad_path("", ending, path) || (f = fopen(path, "re")) == NULL)
		return false;
	got = fgets(out, BAD_PATH, f) != NULL;
	fclose(f);
	out[strcspn(out, "\n")] = '\0';
	return got;
}

static void load(void)
{
	char path[BAD_PATH], conf[BAD_PATH];
	CK_C_GetFunctionList get;
	void *lib;

	if (setting("SOFTHSM2_CONF", ".softhsm", conf))
		setenv("SOFTHSM2_CONF", conf, 1);
	lib = dlopen(setting("P11BAD_MODULE", ".module", path) ? path : DEFAULT_MODULE,
	    RTLD_NOW | RTLD_LOCAL);
	get = lib != NULL ? (CK_C_GetFunctionList)dlsym(lib, "C_GetFunctionList") : NULL;
	if (get == NULL || get(&bad_real) != CKR_OK)
		bad_real = NULL;
	else
		list = *bad_real;
}

/* What is put into the list, by name. */
#define ROW(name)                                                                                  \
	do {                                                                                       \
		list.C_##name = bad_told_of("null", "C_" #name) ? NULL : bad_##name;               \
	} while (0)

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	CK_RV rv;

	pthread_once(&once, load);
	rv = enter("C_GetFunctionList");
	if (rv == CKR_OK && bad_real == NULL)
		rv = CKR_GENERAL_ERROR;
	if (rv != CKR_OK)
		return leave(rv);
	list.C_GetFunctionList = C_GetFunctionList;
	ROW(Initialize);
	ROW(Finalize);
	ROW(GetInfo);
	ROW(GetSlotList);
	ROW(GetSlotInfo);
	ROW(GetTokenInfo);
	ROW(GetMechanismList);
	ROW(GetMechanismInfo);
	ROW(WaitForSlotEvent);
	ROW(OpenSession);
	ROW(CloseSession);
	ROW(CloseAllSessions);
	ROW(GetSessionInfo);
	ROW(Login);
	ROW(Logout);
	ROW(FindObjectsInit);
	ROW(FindObjects);
	ROW(FindObjectsFinal);
	ROW(GetAttributeValue);
	ROW(SignInit);
	ROW(Sign);
	*out = bad_told("no-list", NULL) ? NULL : &list;
	return leave(CKR_OK);
}
