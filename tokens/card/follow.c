/* The thread that follows pcscd and its readers. */
#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "tokens/card/readers.h"

enum {
	ATTEMPTS = 6,     /* to reach a service whose socket is there */
	ATTEMPT_MS = 500, /* between two attempts, twice as long each time */
};

/* Follow one connection to its end; whether it was of any use. */
static bool follow(struct readers *all, struct pcsc *service)
{
	struct pcsc_reader view[PCSC_READERS_MOST] = {0};
	bool useful = false;
	size_t n = 0;
	int ms = 0;

	for (;;) {
		enum err e = pcsc_wait(service, view, &n, ms);

		if (e != ERR_OK && e != ERR_TIMEOUT)
			return useful;
		useful = true;
		readers_service(all, true);
		readers_take(all, view, n);
		readers_publish(all);
		ms = readers_patience(all, e == ERR_OK);
	}
}

/* Until something happens where pcscd listens, or for ms milliseconds (-1: no limit). */
static void await_socket(int inotify, int ms)
{
	_Alignas(struct inotify_event) char buf[4096];
	struct pollfd fd = {.fd = inotify, .events = POLLIN};

	if (poll(&fd, 1, ms) == 1) {
		while (read(inotify, buf, sizeof(buf)) > 0)
			;
	}
	pcsc_socket_watch(inotify);
}

static void *follow_all(void *arg)
{
	struct readers *all = arg;
	int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	unsigned failures = 0;

	pcsc_socket_watch(inotify);
	for (;;) {
		struct pcsc *service;
		bool useful = false;

		if (pcsc_socket_there() && pcsc_start(&service) == ERR_OK) {
			useful = follow(all, service);
			pcsc_end(service);
		}
		readers_service(all, false);
		readers_take(all, NULL, 0);
		readers_publish(all);
		failures = useful ? 0 : failures + 1;
		/* A socket that nobody listens at any more is no reason to stay awake. */
		if (!pcsc_socket_there() || failures >= ATTEMPTS) {
			await_socket(inotify, -1);
			failures = 0;
		} else {
			await_socket(inotify, ATTEMPT_MS << failures);
		}
	}
	return NULL;
}

enum err readers_follow(struct readers *all)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, follow_all, all) != 0)
		return ERR_SYSTEM;
	(void)pthread_detach(thread);
	return ERR_OK;
}
