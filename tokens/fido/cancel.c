#include "tokens/fido/cancel.h"

#include <errno.h>
#include <fido.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/fidomsg.h"

enum {
	GRACE_MS =
	    600, /* for the operation to end once its device was told; below LIMIT_CANCEL_MS */
	ROUND_MS = 100, /* a device that was between two commands is told again */
};

struct cancel {
	pthread_mutex_t lock; /* of all below */
	int sock;
	bool asked;
	bool over; /* somebody answers already */
	size_t n;
	struct fido_dev *devices[FIDO_PATHS_MOST];
};

/* Until the other side says something; whether it is still there. */
static bool listen_to(int sock)
{
	struct pollfd fd = {.fd = sock, .events = POLLIN | POLLRDHUP};
	char byte;

	while (poll(&fd, 1, -1) < 0 && errno == EINTR)
		;
	if ((fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
		return false;
	return recv(sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* False when there is nothing that could be told to stop, or nobody left to stop. */
static bool tell_devices(struct cancel *c)
{
	bool some = false;

	pthread_mutex_lock(&c->lock);
	c->asked = true;
	for (size_t i = 0; !c->over && i < c->n; i++)
		some = fido_dev_cancel(c->devices[i]) == FIDO_OK || some;
	pthread_mutex_unlock(&c->lock);
	return some;
}

static void answer_and_end(struct cancel *c, bool heard)
{
	struct fido_failure m = {ERR_CANCELLED, FIDO_TRIES_UNKNOWN, BYTES_NONE};
	struct builder b = {0};

	pthread_mutex_lock(&c->lock);
	if (c->over) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	fido_failed_build(&b, &m);
	if (heard && builder_error(&b) == ERR_OK)
		fd_write_all(c->sock, builder_view(&b), ROUND_MS);
	_exit(EXIT_SUCCESS);
}

static void *run(void *arg)
{
	static const struct timespec round = {.tv_nsec = ROUND_MS * 1000000L};
	struct cancel *c = arg;
	bool heard = listen_to(c->sock);

	for (int ms = 0; ms < GRACE_MS && tell_devices(c); ms += ROUND_MS)
		nanosleep(&round, NULL);
	answer_and_end(c, heard);
	return NULL;
}

enum err cancel_start(int sock, struct cancel **out)
{
	struct cancel *c = calloc(1, sizeof(*c));
	sigset_t all, before;
	pthread_t thread;
	int failed;

	if (c == NULL)
		return ERR_MEMORY;
	c->sock = sock;
	pthread_mutex_init(&c->lock, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0) {
		free(c);
		return ERR_SYSTEM;
	}
	pthread_detach(thread);
	*out = c;
	return ERR_OK;
}

void cancel_watch(struct cancel *c, struct fido_dev *dev)
{
	pthread_mutex_lock(&c->lock);
	if (c->n < FIDO_PATHS_MOST)
		c->devices[c->n++] = dev;
	pthread_mutex_unlock(&c->lock);
}

void cancel_forget(struct cancel *c, struct fido_dev *dev)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->n; i++) {
		if (c->devices[i] == dev) {
			c->devices[i] = c->devices[--c->n];
			break;
		}
	}
	pthread_mutex_unlock(&c->lock);
}

bool cancel_asked(struct cancel *c)
{
	bool asked;

	pthread_mutex_lock(&c->lock);
	asked = c->asked;
	pthread_mutex_unlock(&c->lock);
	return asked;
}

bool cancel_end(struct cancel *c)
{
	bool asked;

	pthread_mutex_lock(&c->lock);
	c->over = true;
	asked = c->asked;
	pthread_mutex_unlock(&c->lock);
	return asked;
}
