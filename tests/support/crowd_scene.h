/*
 * Crowds: processes with many connections that all do the same, and what they cost the agent.  They
 * are processes of their own, as what the agent keeps for clients is counted by processes.
 */
#ifndef TESTS_CROWD_SCENE_H
#define TESTS_CROWD_SCENE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "proto/limits.h"
#include "tests/support/probe_scene.h"

/* Sanitizers keep what was freed, and more beside it. */
#ifdef SIGNET_SANITIZE
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum {
	CROWD = 1000,
	/* What malloc, the kernel's rounding and threads that wake up may add. */
	SLACK_KIB = 6 * 1024,
};

/* A process with connections that are all in the same state. */
struct crowd {
	pid_t pid;
	int told; /* how many of its connections it still has, when everybody has done his part */
	int hold; /* closed: leave */
};

/* What one member does on its connection; false when the agent has closed it. */
typedef bool (*member)(int fd);

static inline bool send_quietly(int fd, const uint8_t *p, size_t n)
{
	while (n != 0) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

/* The agent has read all that was sent: or else nobody knows what it keeps. */
static inline bool was_closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = 0};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static inline _Noreturn void live_as_crowd(int count, member each, int tell, int hold)
{
	int *fds = calloc((size_t)count, sizeof(*fds));
	int left = 0;
	char byte;

	for (int i = 0; fds != NULL && i < count; i++) {
		fds[i] = probe_try_dial(&agent);
		if (fds[i] < 0)
			_exit(1);
		(void)each(fds[i]);
	}
	for (int i = 0; i < count; i++)
		left += !was_closed(fds[i]);
	if (write(tell, &left, sizeof(left)) != sizeof(left))
		_exit(1);
	while (read(hold, &byte, 1) < 0 && errno == EINTR)
		continue;
	_exit(0);
}

/* Start it, and wait until each has done its part. */
static inline struct crowd crowd_start(int count, member each)
{
	struct crowd c = {0};
	int tell[2], hold[2];

	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	c.pid = fork();
	assert_true(c.pid >= 0);
	if (c.pid == 0) {
		close(hold[1]);
		live_as_crowd(count, each, tell[1], hold[0]);
	}
	close(tell[1]);
	close(hold[0]);
	c.hold = hold[1];
	assert_true(probe_readable(tell[0], 3 * REPLY_MS));
	assert_int_equal(read(tell[0], &c.told, sizeof(c.told)), sizeof(c.told));
	close(tell[0]);
	return c;
}

static inline void crowd_end(struct crowd *c)
{
	int status;

	close(c->hold);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_int_equal(status, 0);
}

/* The process with the keys, child of the one that was started. */
static inline pid_t core_of(const struct probe *a)
{
	char path[64];
	long pid = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", a->pid, a->pid);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &pid), 1);
	fclose(f);
	return (pid_t)pid;
}

/* -1 where this cannot be seen (by others than root). */
static inline int descriptors_of(pid_t pid)
{
	char path[64];
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *d = opendir(path);
	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Those who left are let go, sooner or later. */
static inline void expect_descriptors(int wanted)
{
	const pid_t core = core_of(&agent);

	for (long long end = now_ms() + REPLY_MS; descriptors_of(core) != wanted; pause_ms(10)) {
		if (now_ms() > end)
			fail_msg("%d descriptors are open, %d were before", descriptors_of(core),
			    wanted);
	}
}

/* Of the process with the keys alone, in KiB. */
static inline long memory_used(void)
{
	return probe_rss(&(struct probe){.pid = core_of(&agent)});
}

static inline void expect_growth(long before, long most)
{
	const long grown = memory_used() - before;

	print_message("# the agent grew by %ld KiB of %ld\n", grown, most);
	if (!SANITIZED && grown > most)
		fail_msg("the agent grew by %ld KiB, %ld at most", grown, most);
}

static inline void expect_served(void)
{
	int newcomer = probe_dial(&agent);

	probe_expect_works(client, &some_key()->blob);
	probe_expect_works(newcomer, &some_key()->blob);
	close(newcomer);
}

/* --- of a test: it begins with an agent of its own, which holds some_key(), asks who never
 * answers, and has client for a client */

static inline int begin(void **state)
{
	static char askpass[160];
	static const char *const asks[] = {askpass, "SSH_ASKPASS_REQUIRE=force", NULL};

	(void)state;
	/* A question that nobody answers. */
	shell("printf '#!/bin/sh\\nexec sleep 60\\n' >%s/ask && chmod 700 %s/ask", keys_folder(),
	    keys_folder());
	snprintf(askpass, sizeof(askpass), "SSH_ASKPASS=%s/ask", keys_folder());
	probe_start(&agent, &(struct probe_options){.environment = asks});
	client = probe_dial(&agent);
	add(some_key());
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	close(client);
	probe_end(&agent);
	return 0;
}

static inline int keys_gone(void **state)
{
	(void)state;
	keys_remove();
	return 0;
}

/* Room for a thousand connections on our side. */
static inline void raise_own_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
