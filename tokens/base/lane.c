#include "tokens/base/lane.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/helperio.h"
#include "proto/base/mem.h"
#include "proto/limits.h"

/* --- answers -------------------------------------------------------------------- */

struct outlet {
	pthread_mutex_t mutex;
	int sock;
	bool broken; /* a frame was sent in part: nothing may follow it */
};

struct outlet *outlet_new(int sock)
{
	struct outlet *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->sock = sock;
	if (pthread_mutex_init(&o->mutex, NULL) == 0)
		return o;
	free(o);
	return NULL;
}

static void break_off(struct outlet *o)
{
	o->broken = true;
	(void)shutdown(o->sock, SHUT_RDWR);
}

static enum err send_all(struct outlet *o, struct bytes frame)
{
	while (frame.len != 0 && !o->broken) {
		ssize_t n = send(o->sock, frame.data, frame.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break_off(o);
		else
			frame = BYTES(frame.data + n, frame.len - (size_t)n);
	}
	return o->broken ? ERR_CLOSED : ERR_OK;
}

enum err outlet_send(struct outlet *o, struct builder *frame)
{
	enum err e;

	pthread_mutex_lock(&o->mutex);
	if (builder_error(frame) != ERR_OK)
		break_off(o);
	e = send_all(o, builder_view(frame));
	pthread_mutex_unlock(&o->mutex);
	builder_clear(frame);
	return e;
}

void outlet_hang_up(struct outlet *o)
{
	pthread_mutex_lock(&o->mutex);
	break_off(o);
	pthread_mutex_unlock(&o->mutex);
}

/* --- requests ------------------------------------------------------------------- */

enum err request_next(int sock, struct blob *out)
{
	struct pollfd readable = {.fd = sock, .events = POLLIN};

	while (poll(&readable, 1, -1) < 0) {
		if (errno != EINTR)
			return ERR_SYSTEM;
	}
	return helper_receive(sock, LIMIT_TOKEN_MESSAGE, out);
}

struct request {
	struct request *next;
	struct blob message;
};

/* Of a thread that has nothing to do. */
struct idler {
	struct idler *next;
	pthread_cond_t woken;
	bool called;
};

struct lane {
	pthread_mutex_t mutex;
	struct idler *idle; /* the last first, whose caches are the warmest */
	struct request *first, **last;
	void (*run)(void *ctx, struct bytes message);
	void (*next)(void *ctx, struct blob *out); /* of lane_lead */
	bool led;                                  /* a thread is in next */
	void *ctx;
};

static void wake(struct idler *i)
{
	if (i != NULL)
		pthread_cond_signal(&i->woken);
}

/* --- with the mutex held --- */

/* To be woken (wake) after the mutex is let go of, which it would wait for; NULL: nobody is idle.
 */
static struct idler *call_one(struct lane *l)
{
	struct idler *i = l->idle;

	if (i == NULL)
		return NULL;
	l->idle = i->next;
	i->called = true;
	return i;
}

static void rest(struct lane *l, struct idler *me)
{
	me->called = false;
	me->next = l->idle;
	l->idle = me;
	while (!me->called)
		pthread_cond_wait(&me->woken, &l->mutex);
}

static enum err enqueue(struct lane *l, struct blob *message)
{
	struct request *r = mem_alloc(sizeof(*r));

	if (r == NULL)
		return ERR_MEMORY;
	*r = (struct request){.message = blob_move(message)};
	*l->last = r;
	l->last = &r->next;
	return ERR_OK;
}

static void dequeue(struct lane *l, struct blob *out)
{
	struct request *r = l->first;

	l->first = r->next;
	if (l->first == NULL)
		l->last = &l->first;
	*out = r->message;
	mem_free(r);
}

/*
 * Read until there is one that this thread can run itself, while another reads on: whoever asked
 * then waits for no other thread to wake up.
 */
static struct idler *lead(struct lane *l, struct blob *out)
{
	struct idler *other = l->first != NULL ? call_one(l) : NULL;

	l->led = true;
	do {
		pthread_mutex_unlock(&l->mutex);
		wake(other);
		other = NULL;
		l->next(l->ctx, out);
		pthread_mutex_lock(&l->mutex);
	} while (l->idle == NULL && enqueue(l, out) == ERR_OK);
	l->led = false;
	return call_one(l);
}

static void take(struct lane *l, struct idler *me, struct blob *out)
{
	struct idler *other = NULL;
	bool leads;

	pthread_mutex_lock(&l->mutex);
	for (;;) {
		leads = l->next != NULL && !l->led;
		if (leads || l->first != NULL)
			break;
		rest(l, me);
	}
	if (leads)
		other = lead(l, out);
	else
		dequeue(l, out);
	pthread_mutex_unlock(&l->mutex);
	wake(other);
}

/* Ends with the process: a library may be stuck in any of them. */
static void *serve(void *arg)
{
	struct lane *l = arg;
	struct idler me = {0};

	(void)pthread_cond_init(&me.woken, NULL);
	for (;;) {
		struct blob message = {0};

		take(l, &me, &message);
		l->run(l->ctx, blob_view(&message));
		blob_clear(&message);
	}
	return NULL;
}

static bool add_thread(struct lane *l)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, serve, l) != 0)
		return false;
	(void)pthread_detach(thread);
	return true;
}

struct lane *lane_new(unsigned threads, void (*run)(void *ctx, struct bytes message), void *ctx)
{
	struct lane *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->last = &l->first;
	l->run = run;
	l->ctx = ctx;
	(void)pthread_mutex_init(&l->mutex, NULL);
	if (!add_thread(l)) {
		free(l);
		return NULL;
	}
	/* With fewer than were wanted it is only slower. */
	for (unsigned i = 1; i < threads && add_thread(l); i++)
		;
	return l;
}

enum err lane_put(struct lane *l, struct blob *message)
{
	struct idler *other = NULL;
	enum err e;

	pthread_mutex_lock(&l->mutex);
	e = enqueue(l, message);
	if (e == ERR_OK)
		other = call_one(l);
	pthread_mutex_unlock(&l->mutex);
	wake(other);
	return e;
}

void lane_lead(struct lane *l, void (*next)(void *ctx, struct blob *out))
{
	pthread_mutex_lock(&l->mutex);
	l->next = next;
	pthread_mutex_unlock(&l->mutex);
	(void)serve(l);
	abort();
}
