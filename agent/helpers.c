#include "agent/helpers.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/helperexec.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

int helper_start(struct helpers *hs, unsigned program, const char *const *args, uint32_t id)
{
	const char *name = helper_program(program);
	pid_t pid;
	int sock = -1;
	enum err e = helper_exec(program, args, &pid, &sock);

	if (e == ERR_SYSTEM)
		log_error("%s cannot be started: %m", name);
	else if (e != ERR_OK)
		log_error("%s cannot be started: install it, or build it with make",
		    name != NULL ? name : "an unknown helper");
	else if (helpers_add(hs, id, pid) != ERR_OK)
		log_error("%s cannot be ended by force if that is needed: no memory", name);
	return sock;
}

enum err helpers_add(struct helpers *hs, uint32_t id, pid_t pid)
{
	if (hs->count == hs->room) {
		size_t room = hs->room == 0 ? 16 : hs->room * 2;
		struct helper_process *list = realloc(hs->list, room * sizeof(*list));

		if (list == NULL)
			return ERR_MEMORY;
		hs->list = list;
		hs->room = room;
	}
	hs->list[hs->count++] = (struct helper_process){id, pid};
	return ERR_OK;
}

void helpers_kill(const struct helpers *hs, uint32_t id)
{
	for (size_t i = 0; i < hs->count; i++) {
		if (hs->list[i].id != id)
			continue;
		(void)kill(-hs->list[i].pid, SIGKILL);
		(void)kill(hs->list[i].pid, SIGKILL);
	}
}

void helpers_reaped(struct helpers *hs, pid_t pid)
{
	for (size_t i = 0; i < hs->count; i++) {
		if (hs->list[i].pid == pid) {
			hs->list[i] = hs->list[--hs->count];
			return;
		}
	}
}

void helpers_end(struct helpers *hs)
{
	uint64_t until = clock_now() + LIMIT_CANCEL_MS;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (hs->count > 0) {
		uint64_t now = clock_now();
		struct timespec rest;
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		helpers_reaped(hs, pid);
		if (pid > 0)
			continue;
		if (pid < 0 || now >= until)
			break;
		rest.tv_sec = (time_t)((until - now) / 1000);
		rest.tv_nsec = (long)((until - now) % 1000) * 1000000;
		(void)sigtimedwait(&child, NULL, &rest);
	}
	free(hs->list);
	*hs = (struct helpers){0};
}
