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

static enum err send_all(struct outlet *o, struct bytes frame)
{
	while (frame.len != 0 && !o->broken) {
		ssize_t n = send(o->sock, frame.data, frame.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			o->broken = true;
		else
			frame = BYTES(frame.data + n, frame.len - (size_t)n);
	}
	return o->broken ? ERR_CLOSED : ERR_OK;
}

enum err outlet_send(struct outlet *o, struct builder *frame)
{
	enum err e = builder_error(frame);

	if (e == ERR_OK) {
		pthread_mutex_lock(&o->mutex);
		e = send_all(o, builder_view(frame));
		pthread_mutex_unlock(&o->mutex);
	}
	builder_clear(frame);
	return e;
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

struct lane {
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	struct request *first, **last;
	void (*run)(void *ctx, struct bytes message);
	void *ctx;
};

static struct request *take(struct lane *l)
{
	struct request *r;

	pthread_mutex_lock(&l->mutex);
	while (l->first == NULL)
		pthread_cond_wait(&l->filled, &l->mutex);
	r = l->first;
	l->first = r->next;
	if (l->first == NULL)
		l->last = &l->first;
	pthread_mutex_unlock(&l->mutex);
	return r;
}

/* Ends with the process: a library may be stuck in any of them. */
static void *serve(void *arg)
{
	struct lane *l = arg;

	for (;;) {
		struct request *r = take(l);

		l->run(l->ctx, blob_view(&r->message));
		blob_clear(&r->message);
		mem_free(r);
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
	(void)pthread_cond_init(&l->filled, NULL);
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
	struct request *r = mem_alloc(sizeof(*r));

	if (r == NULL)
		return ERR_MEMORY;
	*r = (struct request){.message = blob_move(message)};
	pthread_mutex_lock(&l->mutex);
	*l->last = r;
	l->last = &r->next;
	pthread_cond_signal(&l->filled);
	pthread_mutex_unlock(&l->mutex);
	return ERR_OK;
}
