/*
 * atend [-f BYTES] [-n NAME] FILE LOG PID: look for secrets in what PID starts, at its end.
 * atend [-f BYTES] [-n NAME] FILE LOG COMMAND ARGUMENT...: the same with a command, itself
 * included.
 *
 * PID, its children of now and every process that comes out of them, or of the command, is held at
 * its exit, when it has done all that it does and its memory is still there, and its memory is
 * searched for the needles in FILE (tests/support/secret_needles.h).  Of those whose program is
 * called NAME (a pattern; signet-*) LOG gets a line "end HITS NAME NUMBER", and before it what the
 * search says; the others are not looked at.  "ready" is the first line.  Ends when the last
 * process does, or by SIGTERM, which lets go of all; with the exit status of the command.
 */
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/secret_needles.h"

enum { FAILED = 125 };

struct tracer {
	struct scan *scan;
	FILE *log;
	const char *pattern;
	pid_t first;
	int status; /* of the first */
};

/* Set by SIGTERM; what is traced runs on when we end. */
static volatile sig_atomic_t over;

static void stop(int number)
{
	(void)number;
	over = 1;
}

/* A line of /proc/PID/status; false when there is none. */
static bool status_line(pid_t pid, const char *name, char *out, size_t room)
{
	char path[64];
	char line[256];
	size_t n = strlen(name);
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	f = fopen(path, "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		found = strncmp(line, name, n) == 0 && line[n] == ':';
		if (found)
			snprintf(out, room, "%s", line + n + 1 + strspn(line + n + 1, " \t"));
	}
	if (f != NULL)
		fclose(f);
	out[found ? strcspn(out, "\n") : 0] = '\0';
	return found;
}

/* Threads end one by one; a process is looked at when its first one does. */
static void look(struct tracer *t, pid_t pid)
{
	char name[64];
	char group[32];
	long hits;

	if (!status_line(pid, "Name", name, sizeof(name)) ||
	    !status_line(pid, "Tgid", group, sizeof(group)) ||
	    strtol(group, NULL, 10) != (long)pid || fnmatch(t->pattern, name, 0) != 0)
		return;
	hits = scan_process(t->scan, pid, t->log);
	fprintf(t->log, "end %ld %s %ld\n", hits, name, (long)pid);
	fflush(t->log);
}

static void handle(struct tracer *t, pid_t pid, int status)
{
	const int event = status >> 16;
	int deliver = 0;

	if (!WIFSTOPPED(status)) {
		if (pid == t->first)
			t->status = status;
		return;
	}
	if (event == PTRACE_EVENT_EXIT)
		look(t, pid);
	else if (event == 0)
		deliver = WSTOPSIG(status);
	/* A stop of a whole process is kept, so that SIGSTOP and SIGCONT do as ever. */
	if (event == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP)
		ptrace(PTRACE_LISTEN, pid, NULL, NULL);
	else
		ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)deliver);
}

static bool seize(pid_t pid)
{
	const intptr_t options =
	    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT;

	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) == 0)
		return true;
	fprintf(stderr, "atend: process %ld: %s\n", (long)pid, strerror(errno));
	return false;
}

/* Those that its first thread has started. */
static bool seize_children(pid_t parent)
{
	char path[64];
	long pid;
	bool ok = true;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)parent, (long)parent);
	f = fopen(path, "re");
	while (ok && f != NULL && fscanf(f, "%ld", &pid) == 1)
		ok = seize((pid_t)pid);
	if (f != NULL)
		fclose(f);
	return ok;
}

/* The command in a child, which waits to be seized. */
static pid_t start(char **argv)
{
	int ends[2];
	char c = 0;
	pid_t pid;

	if (pipe(ends) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		if (read(ends[0], &c, 1) == 1)
			execvp(argv[0], argv);
		_exit(FAILED);
	}
	close(ends[0]);
	if (pid > 0 && (!seize(pid) || write(ends[1], &c, 1) != 1))
		pid = -1;
	close(ends[1]);
	return pid;
}

static int trace(struct tracer *t)
{
	const struct sigaction end = {.sa_handler = stop};
	pid_t pid;
	int status;

	sigaction(SIGTERM, &end, NULL);
	fprintf(t->log, "ready\n");
	fflush(t->log);
	while (over == 0 && (pid = waitpid(-1, &status, __WALL)) > 0)
		handle(t, pid, status);
	return WIFEXITED(t->status) ? WEXITSTATUS(t->status) : FAILED;
}

int main(int argc, char **argv)
{
	struct tracer t = {.pattern = "signet-*"};
	size_t fragment = 0;
	char *rest = NULL;
	int option;

	while ((option = getopt(argc, argv, "+f:n:")) != -1) {
		if (option == 'f')
			fragment = strtoul(optarg, NULL, 10);
		else if (option == 'n')
			t.pattern = optarg;
		else
			return FAILED;
	}
	if (argc - optind < 3) {
		fprintf(stderr, "usage: atend [-f BYTES] [-n NAME] FILE LOG PID|COMMAND...\n");
		return FAILED;
	}
	t.scan = scan_new(fragment);
	t.log = fopen(argv[optind + 1], "we");
	if (t.scan == NULL || t.log == NULL || !needles_load(t.scan, argv[optind]))
		return FAILED;
	argv += optind + 2;
	t.first = (pid_t)strtol(argv[0], &rest, 10);
	if (*rest != '\0')
		t.first = start(argv);
	else if (!seize(t.first) || !seize_children(t.first))
		return FAILED;
	return t.first > 0 ? trace(&t) : FAILED;
}
