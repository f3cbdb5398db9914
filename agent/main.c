/* signet-agent: what was asked for, and who becomes what. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/config_apply.h"
#include "agent/listen.h"
#include "agent/options.h"
#include "agent/service.h"
#include "agent/sockdir.h"
#include "agent/supervisor.h"
#include "keystore/crypto.h"
#include "proto/base/fdio.h"
#include "proto/base/harden.h"
#include "proto/base/log.h"

#define ENV_SOCKET "SSH_AUTH_SOCK"
#define ENV_PID    "SSH_AGENT_PID"

/* value in single quotes, so that the shell takes any path for what it is. */
static void print_quoted(const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "/._-+:@%,=";

	if (value[strspn(value, plain)] == '\0') {
		fputs(value, stdout);
		return;
	}
	putchar('\'');
	for (; *value != '\0'; value++) {
		if (*value == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*value);
	}
	putchar('\'');
}

static void print_variable(enum shell shell, const char *name, const char *value)
{
	printf(shell == SHELL_C ? "setenv %s " : "%s=", name);
	print_quoted(value);
	if (shell == SHELL_C)
		puts(";");
	else
		printf("; export %s;\n", name);
}

static void print_unset(enum shell shell, const char *name)
{
	printf(shell == SHELL_C ? "unsetenv %s;\n" : "unset %s;\n", name);
}

static int kill_agent(const struct options *o)
{
	const char *text = getenv(ENV_PID);
	char *rest;
	long pid;

	if (text == NULL) {
		fprintf(
		    stderr, "signet-agent: " ENV_PID " is not set, so there is no agent to end\n");
		return EXIT_FAILURE;
	}
	errno = 0;
	pid = strtol(text, &rest, 10);
	if (errno != 0 || *rest != '\0' || pid <= 1 || pid > INT32_MAX) {
		fprintf(stderr, "signet-agent: " ENV_PID "=%s is not a process number\n", text);
		return EXIT_FAILURE;
	}
	if (kill((pid_t)pid, SIGTERM) != 0) {
		fprintf(stderr, "signet-agent: cannot end process %ld: %s\n", pid, strerror(errno));
		return EXIT_FAILURE;
	}
	print_unset(o->shell, ENV_SOCKET);
	print_unset(o->shell, ENV_PID);
	printf("echo Agent pid %ld killed;\n", pid);
	return EXIT_SUCCESS;
}

static int serve_in_foreground(const struct options *o, struct config *config, struct sockets *s)
{
	if (!s->activated) {
		print_variable(o->shell, ENV_SOCKET, s->agent_path);
		printf("echo Agent pid %ld;\n", (long)getpid());
	}
	fflush(stdout);
	sockets_keep(s, -1);
	return supervise(o, config, s, 0, -1);
}

/* The process that was started becomes the command, and the agent its child. */
static int become_command(const struct options *o, const struct sockets *s, const char *pid)
{
	if (setenv(ENV_SOCKET, s->agent_path, 1) != 0 || setenv(ENV_PID, pid, 1) != 0)
		return EXIT_FAILURE;
	execvp(o->command[0], o->command);
	fprintf(stderr, "signet-agent: cannot start %s: %s\n", o->command[0], strerror(errno));
	return EXIT_FAILURE;
}

static int parent_goes_on(const struct options *o, struct sockets *s, pid_t agent, int ready)
{
	char pid[24];
	char byte;

	sockets_close(s);
	if (fd_read_exact(ready, &byte, 1, -1) != ERR_OK)
		return EXIT_FAILURE; /* the agent has said why */
	snprintf(pid, sizeof(pid), "%ld", (long)agent);
	if (o->command != NULL)
		return become_command(o, s, pid);
	print_variable(o->shell, ENV_SOCKET, s->agent_path);
	print_variable(o->shell, ENV_PID, pid);
	printf("echo Agent pid %s;\n", pid);
	return EXIT_SUCCESS;
}

/*
 * Not for the process that becomes the command: its limits and its environment are the person's,
 * and a hard limit could not be taken back.
 */
static void close_up(void)
{
	crypto_clean_environment();
	harden_process();
}

/*
 * From before the sockets exist until the supervisor reads its signals none may end this process:
 * it would leave them behind.
 */
static void hold_signals(sigset_t *before)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigaddset(&ending, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ending, before);
}

static int serve_in_background(
    const struct options *o, struct config *config, struct sockets *s, const sigset_t *before)
{
	pid_t parent = getpid();
	int ready[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		fprintf(
		    stderr, "signet-agent: cannot go into the background: %s\n", strerror(errno));
		sockets_remove(s);
		return EXIT_FAILURE;
	}
	if (pid != 0) {
		(void)sigprocmask(SIG_SETMASK, before, NULL);
		fd_close(&ready[1]);
		return parent_goes_on(o, s, pid, ready[0]);
	}
	sockets_keep(s, ready[1]);
	close_up();
	(void)setsid();
	if (s->agent_path[0] == '/' && chdir("/") != 0)
		log_warn("staying in this directory: %m");
	return supervise(o, config, s, o->command != NULL ? parent : 0, ready[1]);
}

/* signet-setup takes over; of its words see agent/setup/main.c. */
static int become_setup(const struct options *o)
{
	char agent[PATH_MAX], program[PATH_MAX + 64];
	const char *word = o->action == ACTION_DOCTOR ? "doctor"
			   : o->setup_undo            ? "undo"
			   : o->setup_replace         ? "replace"
						      : "setup";
	ssize_t n = readlink("/proc/self/exe", agent, sizeof(agent) - 1);
	const char *slash;

	agent[n > 0 ? n : 0] = '\0';
	slash = strrchr(agent, '/');
	(void)snprintf(program, sizeof(program), "%.*s/../libexec/signet/signet-setup",
	    slash != NULL ? (int)(slash - agent) : 0, agent);
	execl(program, "signet-setup", word, agent, (char *)NULL);
	fprintf(stderr, "signet-agent: cannot start %s: %s: install Signet again\n", program,
	    strerror(errno));
	return EXIT_FAILURE;
}

/* It is read again on SIGHUP, whichever the working directory is then. */
static bool make_absolute(struct options *o)
{
	char here[PATH_MAX];
	char *path;

	if (o->config == NULL || o->config[0] == '/' || strcmp(o->config, "none") == 0)
		return true;
	if (getcwd(here, sizeof(here)) == NULL || asprintf(&path, "%s/%s", here, o->config) < 0) {
		fprintf(stderr, "signet-agent: --config: give the whole path\n");
		return false;
	}
	o->config = path;
	return true;
}

static int serve(const struct options *o)
{
	struct config *config = config_start(o->config);
	struct sockets s;
	sigset_t before;

	if (config == NULL)
		return EXIT_FAILURE;
	if (o->socket == NULL && !o->tmp_socket && !o->keep_stale)
		(void)sockdir_clean(false);
	hold_signals(&before);
	if (sockets_open(o, &s) != ERR_OK) {
		config_free(config);
		return EXIT_FAILURE;
	}
	sockets_views_open(&s, config);
	return o->foreground ? serve_in_foreground(o, config, &s)
			     : serve_in_background(o, config, &s, &before);
}

int main(int argc, char *argv[])
{
	struct options o;

	stdio_fill();
	if (setresgid(getgid(), getgid(), getgid()) != 0)
		return EXIT_FAILURE;
	if (!options_parse(argc, argv, &o))
		return o.exit_status;
	if (o.command == NULL)
		close_up();
	log_start("signet-agent", o.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	switch (o.action) {
	case ACTION_KILL:
		return kill_agent(&o);
	case ACTION_CLEAN:
		printf("%u stale sockets removed\n", sockdir_clean(o.clean_all_hosts));
		return EXIT_SUCCESS;
	case ACTION_HELP:
		options_help();
		return EXIT_SUCCESS;
	case ACTION_VERSION:
		puts("signet-agent " SIGNET_VERSION);
		return EXIT_SUCCESS;
	case ACTION_SETUP:
	case ACTION_DOCTOR:
		return become_setup(&o);
	case ACTION_CHECK_CONFIG:
		return config_report(o.config);
	case ACTION_SERVE:
		break;
	}
	return make_absolute(&o) ? serve(&o) : EXIT_FAILURE;
}
