#include "keystore/keyring/patience.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/mem.h"
#include "proto/limits.h"

enum { LOOK_MS = 1000 }; /* how soon a changed deadline is seen */

struct patience {
	int sock;
	GCancellable *cancel;
	_Atomic uint64_t deadline; /* UINT64_MAX: none */
	_Atomic int end;           /* enum err */
	atomic_bool over;
};

/* True when it ended: nothing more is sent by whoever asked, but the end. */
static bool hung_up(int sock, uint64_t ms)
{
	struct pollfd p = {.fd = sock, .events = POLLIN | POLLRDHUP};

	return poll(&p, 1, ms < LOOK_MS ? (int)ms : LOOK_MS) == 1;
}

static gpointer wait_for_end(gpointer data)
{
	struct patience *p = data;

	while (p->end == ERR_OK && !p->over) {
		uint64_t now = clock_now(), deadline = p->deadline;

		if (now >= deadline)
			p->end = ERR_TIMEOUT;
		else if (hung_up(p->sock, deadline - now) && !p->over)
			_exit(EXIT_SUCCESS);
	}
	if (p->over)
		return NULL;
	g_cancellable_cancel(p->cancel);
	(void)poll(NULL, 0, LIMIT_CANCEL_MS);
	_exit(EXIT_FAILURE);
}

struct patience *patience_start(int sock, GCancellable *cancel)
{
	struct patience *p = mem_alloc(sizeof(*p));
	GThread *thread;

	if (p == NULL)
		return NULL;
	p->sock = sock;
	p->cancel = cancel;
	p->deadline = clock_now() + LIMIT_DEVICE_MS;
	p->end = ERR_OK;
	thread = g_thread_try_new("patience", wait_for_end, p, NULL);
	if (thread == NULL) {
		mem_free(p);
		return NULL;
	}
	g_thread_unref(thread);
	return p;
}

void patience_person(struct patience *p, bool may_be_asked)
{
	p->deadline = may_be_asked ? UINT64_MAX : clock_now() + LIMIT_DEVICE_MS;
}

void patience_over(struct patience *p)
{
	if (p != NULL)
		p->over = true;
}

enum err patience_end(const struct patience *p)
{
	return (enum err)p->end;
}
