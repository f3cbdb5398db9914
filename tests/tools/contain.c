/*
 * contain SECONDS COMMAND [ARGUMENT...]: run a command, and end every process
 * that it leaves behind, also those that made themselves daemons.  Exits with
 * the command's status, or 124 when it ran for longer than SECONDS.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 20, GRACE_MS = 3000, TIMED_OUT = 124 };

/* The only use of a signal handler here: being told to stop is being out of time. */
static volatile sig_atomic_t stopped;

static void stop(int number)
{
	stopped = number;
}

static void tick(void)
{
	nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000000L}, NULL);
}

static pid_t start(char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* No controlling terminal: a test must never ask the person who runs it. */
		setsid();
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	return pid;
}

/* The command's exit status; orphans that end meanwhile are reaped on the way. */
static int wait_for(pid_t command, long limit_ms)
{
	while (limit_ms > 0 && !stopped) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid == command)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (pid > 0)
			continue;
		tick();
		limit_ms -= TICK_MS;
	}
	return TIMED_OUT;
}

static pid_t parent_of(const char *pid)
{
	char path[64];
	int parent = -1;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return -1;
	/* A name with a closing bracket in it is not read rightly; ours have none. */
	if (fscanf(f, "%*d (%*[^)]) %*c %d", &parent) != 1)
		parent = -1;
	fclose(f);
	return parent;
}

/* Every child is one of ours and not yet waited for, so that its number cannot be another's. */
static void signal_children(int number)
{
	DIR *proc = opendir("/proc");

	if (proc == NULL)
		return;
	for (struct dirent *e; (e = readdir(proc)) != NULL;) {
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && parent_of(e->d_name) == getpid())
			kill(atoi(e->d_name), number);
	}
	closedir(proc);
}

static void end_the_rest(int number)
{
	for (int ms = 0; ms < GRACE_MS; ms += TICK_MS) {
		pid_t pid;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			continue;
		if (pid < 0 && errno == ECHILD)
			return;
		signal_children(number);
		tick();
	}
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: contain SECONDS COMMAND [ARGUMENT...]\n");
		return 2;
	}
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	signal(SIGHUP, stop);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);

	pid_t command = start(argv + 2);
	if (command < 0) {
		perror("fork");
		return 2;
	}
	int status = wait_for(command, 1000 * atol(argv[1]));
	end_the_rest(SIGTERM);
	end_the_rest(SIGKILL);
	return status;
}
