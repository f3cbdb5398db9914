#include "tokens/base/pcsc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { SOCKET_PATH_ROOM = 1024 };

const char *pcsc_socket(void)
{
	const char *path = getenv("PCSCLITE_CSOCK_NAME");

	return path != NULL && path[0] == '/' ? path : "/run/pcscd/pcscd.comm";
}

bool pcsc_socket_there(void)
{
	return access(pcsc_socket(), F_OK) == 0;
}

/* The folder of a path, which is changed to it; false for the root's. */
static bool to_parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return false;
	*slash = '\0';
	return true;
}

void pcsc_socket_watch(int inotify)
{
	const uint32_t events = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ATTRIB;
	char path[SOCKET_PATH_ROOM];

	if (strlen(pcsc_socket()) >= sizeof(path))
		return;
	strcpy(path, pcsc_socket());
	/* The folder above is for the time when the socket's is not there. */
	if (to_parent(path) && inotify_add_watch(inotify, path, events) == -1 && to_parent(path))
		inotify_add_watch(inotify, path, events);
}

void pcsc_prepare(void)
{
	setenv("PCSCLITE_NO_BLOCKING", "1", 1);
}

#ifdef HAVE_LIBPCSCLITE
#include <pthread.h>
#include <reader.h>
#include <time.h>
#include <winscard.h>

enum { CONNECT_SECONDS = 1 }; /* how long somebody else's transaction is waited for */

/* pcscd's name for "the readers themselves"; winscard.h has none for it. */
static const char new_readers[] = "\\\\?PnP?\\Notification";

struct pcsc {
	SCARDCONTEXT context;
};

enum err pcsc_start(struct pcsc **out)
{
	struct pcsc *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return ERR_MEMORY;
	if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &p->context) != SCARD_S_SUCCESS) {
		free(p);
		return ERR_NO_DEVICE;
	}
	*out = p;
	return ERR_OK;
}

void pcsc_end(struct pcsc *p)
{
	if (p == NULL)
		return;
	SCardReleaseContext(p->context);
	free(p);
}

static const struct pcsc_reader *named(const struct pcsc_reader *r, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(r[i].name, name) == 0)
			return &r[i];
	}
	return NULL;
}

/* The readers of a list of strings that an empty one ends; what is known of them stays. */
static bool take_names(const char *list, const char *end, struct pcsc_reader *readers, size_t *n)
{
	struct pcsc_reader now[PCSC_READERS_MOST] = {0};
	size_t count = 0;
	bool other = false;

	while (list < end && *list != '\0' && count < PCSC_READERS_MOST) {
		size_t len = strnlen(list, (size_t)(end - list));
		const struct pcsc_reader *known;

		if (len < PCSC_NAME_ROOM) {
			memcpy(now[count].name, list, len);
			known = named(readers, *n, now[count].name);
			other = other || known == NULL;
			if (known != NULL)
				now[count] = *known;
			count++;
		}
		list += len + 1;
	}
	other = other || count != *n;
	memcpy(readers, now, sizeof(now));
	*n = count;
	return other;
}

/* Which readers there are; *other: not the same as before. */
static enum err list_readers(struct pcsc *p, struct pcsc_reader *readers, size_t *n, bool *other)
{
	char names[PCSC_READERS_MOST * PCSC_NAME_ROOM + 1];
	DWORD len = sizeof(names);

	switch (SCardListReaders(p->context, NULL, names, &len)) {
	case SCARD_S_SUCCESS:
		*other = take_names(names, names + len, readers, n);
		return ERR_OK;
	case SCARD_E_NO_READERS_AVAILABLE:
		*other = *n != 0;
		*n = 0;
		return ERR_OK;
	case SCARD_E_INSUFFICIENT_BUFFER:
		return ERR_LIMIT;
	default:
		return ERR_DEVICE_GONE;
	}
}

/*
 * What pcscd is to compare with.  Who uses a card is no news: our own looking at it would be.  But
 * pcscd tells of the end of a use that is in here, and never of the start of one that is not.
 */
static unsigned long state_known(const struct pcsc_reader *r)
{
	unsigned long use = SCARD_STATE_INUSE | SCARD_STATE_EXCLUSIVE;

	return r->awaited ? r->state : r->state & ~use;
}

static void take_state(struct pcsc_reader *r, unsigned long state)
{
	r->state = state & ~(unsigned long)(SCARD_STATE_CHANGED | SCARD_STATE_IGNORE);
	r->present = (state & SCARD_STATE_PRESENT) != 0 && (state & SCARD_STATE_MUTE) == 0;
	r->shared = (state & (SCARD_STATE_INUSE | SCARD_STATE_EXCLUSIVE)) != 0;
	r->changes = (uint16_t)(state >> 16);
}

enum err pcsc_wait(struct pcsc *p, struct pcsc_reader *readers, size_t *n, int ms)
{
	SCARD_READERSTATE states[PCSC_READERS_MOST + 1] = {0};
	bool other = false;
	enum err e = list_readers(p, readers, n, &other);
	size_t count = *n;
	LONG rv;

	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < count; i++) {
		states[i].szReader = readers[i].name;
		states[i].dwCurrentState = state_known(&readers[i]);
	}
	states[count].szReader = new_readers;
	rv = SCardGetStatusChange(p->context,
	    other    ? 0
	    : ms < 0 ? INFINITE
		     : (DWORD)ms,
	    states, (DWORD)count + 1);
	/* A reader that went away meanwhile is found missing in the next list. */
	if (rv == SCARD_E_UNKNOWN_READER)
		return ERR_OK;
	if (rv != SCARD_S_SUCCESS && rv != SCARD_E_TIMEOUT)
		return ERR_DEVICE_GONE;
	for (size_t i = 0; i < count; i++) {
		if (states[i].dwEventState != 0)
			take_state(&readers[i], states[i].dwEventState);
	}
	return rv == SCARD_E_TIMEOUT && !other ? ERR_TIMEOUT : ERR_OK;
}

struct pcsc_card {
	SCARDCONTEXT context;
	SCARDHANDLE handle;
	DWORD protocol;
	bool begun;
	char reader[PCSC_NAME_ROOM];
	/* Of its worker's list, when it is to be ended. */
	struct pcsc_card *next;
	DWORD disposition;
};

static enum err error_of(LONG rv)
{
	switch (rv) {
	case SCARD_S_SUCCESS:
		return ERR_OK;
	case SCARD_E_SHARING_VIOLATION:
		return ERR_DEVICE_BUSY;
	case SCARD_W_REMOVED_CARD:
	case SCARD_E_NO_SMARTCARD:
	case SCARD_E_READER_UNAVAILABLE:
	case SCARD_E_UNKNOWN_READER:
	case SCARD_E_NO_SERVICE:
	case SCARD_E_SERVICE_STOPPED:
		return ERR_DEVICE_GONE;
	default:
		return ERR_DEVICE;
	}
}

static enum err open_card(const char *reader, struct pcsc_card **out)
{
	struct pcsc_card *c = calloc(1, sizeof(*c));
	enum err e;

	if (c == NULL)
		return ERR_MEMORY;
	if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &c->context) != SCARD_S_SUCCESS) {
		free(c);
		return ERR_NO_DEVICE;
	}
	e = error_of(SCardConnect(c->context, reader, SCARD_SHARE_SHARED,
	    SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &c->handle, &c->protocol));
	if (e == ERR_OK) {
		strcpy(c->reader, reader);
		*out = c;
		return ERR_OK;
	}
	SCardReleaseContext(c->context);
	free(c);
	return e == ERR_DEVICE_GONE ? ERR_NO_DEVICE : e;
}

static void end(struct pcsc_card *c, DWORD disposition)
{
	/* Ends our transaction, too: in between somebody else could begin one, to be waited for. */
	SCardDisconnect(c->handle, disposition);
	SCardReleaseContext(c->context);
	free(c);
}

/*
 * pcscd answers whoever comes or goes only once nobody has a transaction on the card and the card
 * itself answers, which may be never.  So a thread waits for that, one for each reader however
 * often it is tried: it ends connections, then makes the one that is wanted, and is gone.
 */
struct worker {
	struct worker *next;
	char reader[PCSC_NAME_ROOM]; /* constant */
	struct pcsc_card *ends;      /* to be ended */
	bool wanted;                 /* a connection, */
	bool opening;                /* which is being made, */
	bool awaited;                /* by somebody who waits for it now */
	bool done;                   /* it came to this: */
	enum err e;
	struct pcsc_card *card;
};

static struct {
	pthread_mutex_t mutex; /* of all workers */
	pthread_cond_t changed;
	pthread_once_t once;
	struct worker *first;
} workers = {.mutex = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

static void prepare_workers(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&workers.changed, &attr);
}

/* Below, workers.mutex is held. */

static struct worker *worker_of(const char *reader)
{
	struct worker *w = workers.first;

	while (w != NULL && strcmp(w->reader, reader) != 0)
		w = w->next;
	return w;
}

static void worker_remove(struct worker *w)
{
	struct worker **at = &workers.first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	free(w);
}

static void work_end(struct worker *w)
{
	struct pcsc_card *c = w->ends;

	w->ends = c->next;
	pthread_mutex_unlock(&workers.mutex);
	end(c, c->disposition);
	pthread_mutex_lock(&workers.mutex);
}

static void work_open(struct worker *w)
{
	struct pcsc_card *card = NULL;
	enum err e;

	w->wanted = false;
	w->opening = true;
	pthread_mutex_unlock(&workers.mutex);
	e = open_card(w->reader, &card);
	pthread_mutex_lock(&workers.mutex);
	w->opening = false;
	if (w->awaited) {
		w->done = true;
		w->e = e;
		w->card = card;
	} else if (card != NULL) {
		card->disposition = SCARD_LEAVE_CARD;
		card->next = w->ends;
		w->ends = card;
	}
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(&workers.mutex);
	while (w->ends != NULL || w->wanted || w->awaited) {
		if (w->ends != NULL)
			work_end(w);
		else if (w->wanted)
			work_open(w);
		else
			pthread_cond_wait(&workers.changed, &workers.mutex);
		pthread_cond_broadcast(&workers.changed);
	}
	worker_remove(w);
	pthread_cond_broadcast(&workers.changed);
	pthread_mutex_unlock(&workers.mutex);
	return NULL;
}

/* The one there is, or a new one, which begins when the mutex is left.  NULL without memory or
 * thread. */
static struct worker *worker_get(const char *reader)
{
	struct worker *w = worker_of(reader);
	pthread_t thread;

	if (w != NULL)
		return w;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return NULL;
	strcpy(w->reader, reader);
	if (pthread_create(&thread, NULL, run_worker, w) != 0) {
		free(w);
		return NULL;
	}
	(void)pthread_detach(thread);
	w->next = workers.first;
	workers.first = w;
	return w;
}

static struct timespec patience(void)
{
	struct timespec end;

	pthread_once(&workers.once, prepare_workers);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += CONNECT_SECONDS;
	return end;
}

enum err pcsc_open(const char *reader, struct pcsc_card **out)
{
	struct timespec until = patience();
	struct worker *w;
	enum err e = ERR_DEVICE_BUSY;

	if (strlen(reader) >= PCSC_NAME_ROOM)
		return ERR_NO_DEVICE;
	pthread_mutex_lock(&workers.mutex);
	w = worker_get(reader);
	if (w == NULL) {
		e = ERR_SYSTEM;
	} else if (!w->awaited) {
		/* Perhaps the one that an earlier call gave up waiting for. */
		w->awaited = true;
		w->wanted = !w->opening;
		while (!w->done &&
		       pthread_cond_timedwait(&workers.changed, &workers.mutex, &until) == 0)
			;
		if (w->done) {
			e = w->e;
			if (e == ERR_OK)
				*out = w->card;
		}
		w->awaited = w->wanted = w->done = false;
		pthread_cond_broadcast(&workers.changed);
	}
	pthread_mutex_unlock(&workers.mutex);
	return e;
}

static void finish(struct pcsc_card *c, DWORD disposition)
{
	struct timespec until = patience();
	char reader[PCSC_NAME_ROOM];
	struct worker *w;

	/* Whoever has the transaction waits for nobody. */
	if (c->begun) {
		end(c, disposition);
		return;
	}
	strcpy(reader, c->reader);
	c->disposition = disposition;
	pthread_mutex_lock(&workers.mutex);
	w = worker_get(reader);
	if (w != NULL) {
		c->next = w->ends;
		w->ends = c;
		pthread_cond_broadcast(&workers.changed);
		while (worker_of(reader) == w &&
		       pthread_cond_timedwait(&workers.changed, &workers.mutex, &until) == 0)
			;
	}
	pthread_mutex_unlock(&workers.mutex);
	if (w == NULL)
		end(c, disposition);
}

void pcsc_close(struct pcsc_card *c)
{
	if (c != NULL)
		finish(c, SCARD_LEAVE_CARD);
}

void pcsc_reset(struct pcsc_card *c)
{
	finish(c, SCARD_RESET_CARD);
}

enum err pcsc_begin(struct pcsc_card *c)
{
	BYTE atr[MAX_ATR_SIZE];
	DWORD n = sizeof(atr);
	enum err e;

	/* libpcsclite waits without end for somebody else's transaction; this question does not. */
	if (SCardGetAttrib(c->handle, SCARD_ATTR_ATR_STRING, atr, &n) == SCARD_E_SHARING_VIOLATION)
		return ERR_DEVICE_BUSY;
	e = error_of(SCardBeginTransaction(c->handle));
	if (e == ERR_OK)
		c->begun = true;
	return e;
}

enum err pcsc_pause(struct pcsc_card *c)
{
	c->begun = false;
	return error_of(SCardEndTransaction(c->handle, SCARD_LEAVE_CARD));
}

enum err pcsc_transmit(struct pcsc_card *c, struct bytes apdu, uint8_t *reply, size_t *n)
{
	const SCARD_IO_REQUEST *send =
	    c->protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
	DWORD got = (DWORD)*n;
	enum err e =
	    error_of(SCardTransmit(c->handle, send, apdu.data, (DWORD)apdu.len, NULL, reply, &got));

	if (e == ERR_OK)
		*n = got;
	return e;
}

bool pcsc_is_t0(const struct pcsc_card *c)
{
	return c->protocol == SCARD_PROTOCOL_T0;
}

enum err pcsc_control(
    struct pcsc_card *c, uint32_t code, struct bytes in, uint8_t *reply, size_t *n)
{
	DWORD got = 0;
	enum err e =
	    error_of(SCardControl(c->handle, code, in.data, (DWORD)in.len, reply, (DWORD)*n, &got));

	if (e == ERR_OK)
		*n = got;
	return e;
}

bool pcsc_gone(struct pcsc_card *c)
{
	BYTE atr[MAX_ATR_SIZE];
	DWORD state = 0, protocol, atr_len = sizeof(atr), name_len = 0;
	LONG rv = SCardStatus(c->handle, NULL, &name_len, &state, &protocol, atr, &atr_len);

	return error_of(rv) == ERR_DEVICE_GONE ||
	       (rv == SCARD_S_SUCCESS && (state & SCARD_ABSENT) != 0);
}

#else

enum err pcsc_start(struct pcsc **out)
{
	(void)out;
	return ERR_NO_DEVICE;
}

void pcsc_end(struct pcsc *p)
{
	(void)p;
}

enum err pcsc_wait(struct pcsc *p, struct pcsc_reader *readers, size_t *n, int ms)
{
	(void)p, (void)readers, (void)n, (void)ms;
	return ERR_DEVICE_GONE;
}

enum err pcsc_open(const char *reader, struct pcsc_card **out)
{
	(void)reader, (void)out;
	return ERR_NO_DEVICE;
}

void pcsc_close(struct pcsc_card *c)
{
	(void)c;
}

enum err pcsc_begin(struct pcsc_card *c)
{
	(void)c;
	return ERR_DEVICE;
}

enum err pcsc_pause(struct pcsc_card *c)
{
	(void)c;
	return ERR_DEVICE;
}

void pcsc_reset(struct pcsc_card *c)
{
	(void)c;
}

enum err pcsc_transmit(struct pcsc_card *c, struct bytes apdu, uint8_t *reply, size_t *n)
{
	(void)c, (void)apdu, (void)reply, (void)n;
	return ERR_DEVICE;
}

bool pcsc_is_t0(const struct pcsc_card *c)
{
	(void)c;
	return false;
}

enum err pcsc_control(
    struct pcsc_card *c, uint32_t code, struct bytes in, uint8_t *reply, size_t *n)
{
	(void)c, (void)code, (void)in, (void)reply, (void)n;
	return ERR_DEVICE;
}

bool pcsc_gone(struct pcsc_card *c)
{
	(void)c;
	return true;
}
#endif
