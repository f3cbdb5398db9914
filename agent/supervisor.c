#include "agent/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/channel.h"
#include "agent/config_apply.h"
#include "agent/core.h"
#include "agent/helpers.h"
#include "agent/journal.h"
#include "agent/knownfiles.h"
#include "agent/lineage.h"
#include "agent/service.h"
#include "proto/base/fdio.h"
#include "proto/base/log.h"
#include "proto/base/spawn.h"
#include "proto/helperexec.h"
#include "proto/helpermsg.h"

enum {
	STATUS_FAILED = 1,
	STATUS_SIGNAL = 2, /* as OpenSSH's agent ends on a signal */
	WATCHED = 3,       /* descriptors, besides those of sockets that nobody serves */
	/* How long the core is not heard when it cannot be, in milliseconds. */
	DEAF_PAUSE = 250,
};

struct supervisor {
	const struct options *options;
	struct config *config;
	struct config_reading reading; /* of another one, and */
	bool read_again;               /* SIGHUP came meanwhile */
	struct sockets *sockets;
	pid_t core;
	int channel;
	bool deaf;  /* nothing could be received from it when we looked last, */
	bool rests; /* so the next wait leaves it out */
	int signals;
	int watched; /* pidfd of the command, or -1 */
	int ready_fd;
	int status;        /* exit status, -1 while serving */
	bool has_terminal; /* in the foreground of one: SIGHUP says that it is gone */
	struct variables variables;
	struct journal journal;
	struct helpers helpers;
};

static void end(struct supervisor *s, int status)
{
	if (s->status < 0)
		s->status = status;
}

static void tell_ready(struct supervisor *s)
{
	if (s->ready_fd >= 0) {
		(void)fd_write_all(s->ready_fd, BYTES("R", 1), -1);
		fd_close(&s->ready_fd);
	}
	service_ready();
	if (!s->options->foreground) {
		stdio_to_null();
		log_to(log_syslog);
	}
}

static void pass_log(const struct channel_message *m)
{
	static void (*const by_level[])(const char *, ...) = {
	    [LOG_LEVEL_ERROR] = log_error,
	    [LOG_LEVEL_WARN] = log_warn,
	    [LOG_LEVEL_INFO] = log_info,
	    [LOG_LEVEL_DEBUG] = log_debug,
	};

	if (m->arg < sizeof(by_level) / sizeof(by_level[0]))
		by_level[m->arg]("%s", m->text);
}

static void bear_witness(const struct supervisor *s, const struct channel_message *question)
{
	struct channel_message answer = {.kind = CHANNEL_LINEAGE, .id = question->id};
	struct builder b = {0};
	struct lineage who;

	lineage_read((pid_t)atol(question->text), &who);
	lineage_build(&b, &who);
	if (builder_error(&b) == ERR_OK && channel_put(&answer, builder_view(&b)) == ERR_OK)
		(void)channel_send(s->channel, &answer, -1);
	builder_clear(&b);
}

/* Those that read key files are told where those lie. */
static int start_helper(struct supervisor *s, unsigned program, uint32_t id)
{
	const struct words *w = &s->config->key_directories;
	const char *args[CONFIG_DIRECTORIES_MOST + 1] = {NULL};
	bool reads = program == HELPER_FILES || program == HELPER_UNLOCK;

	for (size_t i = 0; reads && i < w->n; i++)
		args[i] = w->list[i];
	return helper_start(&s->helpers, program, reads ? args : NULL, id);
}

/* What cannot be received now may be later, and is no reason to spin or to end. */
static void heard(struct supervisor *s, enum err e)
{
	const bool was_deaf = s->deaf;

	s->deaf = s->rests = e == ERR_SYSTEM;
	if (e == ERR_CLOSED)
		fd_close(&s->channel); /* the core is gone: SIGCHLD says so, and why */
	else if (s->deaf && !was_deaf)
		log_error("the core cannot be heard for now: %s: %m", err_text(e));
	else if (e != ERR_OK && !s->deaf)
		log_error("a message of the core could not be read: %s", err_text(e));
	else if (was_deaf && !s->deaf)
		log_info("the core is heard again");
}

/* One packet of the core. */
static void hear(struct supervisor *s)
{
	struct channel_message m;
	struct channel_message answer = {.kind = CHANNEL_STARTED};
	int fd = -1;
	enum err e = channel_receive(s->channel, &m, &fd);

	heard(s, e);
	if (e != ERR_OK)
		return;
	fd_close(&fd);
	switch (m.kind) {
	case CHANNEL_READY:
		tell_ready(s);
		break;
	case CHANNEL_FAILED:
		log_error("cannot start: %s", m.text);
		end(s, STATUS_FAILED);
		break;
	case CHANNEL_LOG:
		pass_log(&m);
		break;
	case CHANNEL_WHO:
		bear_witness(s, &m);
		break;
	case CHANNEL_DECISION:
		journal_decision(&s->journal, channel_record(&m));
		break;
	case CHANNEL_FILES:
		knownfiles_send(s->channel, m.id, knownfiles_home());
		break;
	case CHANNEL_START:
		answer.id = m.id;
		fd = start_helper(s, m.arg, m.id);
		(void)channel_send(s->channel, &answer, fd);
		fd_close(&fd);
		break;
	case CHANNEL_END:
		helpers_kill(&s->helpers, m.id);
		break;
	default:
		log_error("the core sent a message of unknown kind %u", m.kind);
	}
}

static void core_ended(struct supervisor *s, int how)
{
	if (s->status >= 0)
		return;
	if (WIFSIGNALED(how))
		log_error("the key-holding process was ended by signal %d: all keys are gone; "
			  "start the agent again",
		    WTERMSIG(how));
	else
		log_error(
		    "the key-holding process ended: all keys are gone; start the agent again");
	end(s, STATUS_FAILED);
}

/* What a dying core said last is heard before its end is reported. */
static void hear_the_rest(struct supervisor *s)
{
	struct pollfd p = {.fd = s->channel, .events = POLLIN};

	s->rests = false;
	while (s->channel >= 0 && !s->rests && poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0)
		hear(s);
}

static void reload(struct supervisor *s)
{
	s->read_again = s->reading.pid != 0;
	if (!s->read_again && config_reading_start(&s->reading, s->options->config) != ERR_OK)
		log_error("the configuration cannot be read anew: no process can be started: %m: "
			  "send SIGHUP again");
}

/* With a mistake in it the one that is in force stays so. */
static void keep_old(const struct supervisor *s, uint32_t mistakes)
{
	struct channel_message m = {.kind = CHANNEL_STALE, .id = mistakes};

	log_warn("the configuration was not read anew: the old one stays in force until the "
		 "mistakes are mended");
	(void)channel_send(s->channel, &m, -1);
}

static void take_over(struct supervisor *s, struct config *new)
{
	enum err e;

	config_free(s->config);
	s->config = new;
	variables_apply(&s->variables, new);
	e = config_send(new, s->channel);
	if (e != ERR_OK)
		log_error("the configuration could not be handed over: %s: send SIGHUP again",
		    err_text(e));
	else
		sockets_views_reload(s->sockets, new, s->channel);
}

/* The process that reads the configuration has ended. */
static void reading_ended(struct supervisor *s, int how)
{
	struct config *new = config_reading_end(&s->reading, how);

	if (s->read_again) {
		config_free(new);
		reload(s);
	} else if (new == NULL) {
		keep_old(s, 1);
	} else if (new->mistakes != 0) {
		keep_old(s, new->mistakes);
		config_free(new);
	} else {
		take_over(s, new);
	}
}

static void reap(struct supervisor *s)
{
	pid_t pid;
	int how;

	while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {
		helpers_reaped(&s->helpers, pid);
		if (pid == s->reading.pid)
			reading_ended(s, how);
		if (pid == s->core) {
			s->core = -1;
			hear_the_rest(s);
			core_ended(s, how);
		}
	}
}

static void take_signal(struct supervisor *s)
{
	struct channel_message drop = {.kind = CHANNEL_DROP_KEYS};
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGCHLD:
		reap(s);
		break;
	case SIGUSR1:
		if (channel_send(s->channel, &drop, -1) != ERR_OK)
			log_error("SIGUSR1 could not be passed on: the keys are still held (%m)");
		break;
	case SIGHUP:
		if (s->has_terminal)
			end(s, STATUS_SIGNAL);
		else
			reload(s);
		break;
	default:
		/* The service manager takes any status but 0 for a failure. */
		end(s, s->sockets->activated && info.ssi_signo == SIGTERM ? 0 : STATUS_SIGNAL);
	}
}

static void wait_for_work(struct supervisor *s)
{
	const bool rests = s->rests;
	struct pollfd fds[WATCHED + LIMIT_VIEWS] = {
	    {.fd = rests ? -1 : s->channel, .events = POLLIN},
	    {.fd = s->signals, .events = POLLIN},
	    {.fd = s->watched, .events = POLLIN},
	};
	size_t n = WATCHED + sockets_unserved(s->sockets, fds + WATCHED);

	s->rests = false;
	if (poll(fds, n, rests ? DEAF_PAUSE : -1) < 0)
		return;
	for (size_t i = WATCHED; i < n; i++) {
		if (fds[i].revents != 0)
			socket_turn_away(fds[i].fd);
	}
	if ((fds[0].revents & POLLIN) != 0)
		hear(s);
	/* Not only when the core is silent: clients decide how much it has to say. */
	if (fds[1].revents != 0)
		take_signal(s);
	if (fds[2].revents != 0)
		end(s, STATUS_SIGNAL);
}

static enum err open_signals(struct supervisor *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	if (s->options->foreground)
		sigaddset(&set, SIGINT);
	else
		signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return ERR_SYSTEM;
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signals >= 0 ? ERR_OK : ERR_SYSTEM;
}

/* On a kernel without pidfd the parent-death signal does the same. */
static void watch_process(struct supervisor *s, pid_t pid)
{
	if (pid == 0)
		return;
	s->watched = (int)syscall(SYS_pidfd_open, pid, 0);
	if (s->watched < 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != pid)
		end(s, STATUS_SIGNAL);
}

static enum err start_core(struct supervisor *s)
{
	int ends[2];
	enum err e = channel_pair(ends);

	if (e != ERR_OK)
		return e;
	s->core = fork();
	if (s->core < 0)
		return ERR_SYSTEM;
	if (s->core == 0) {
		struct core_start start = {
		    .options = s->options,
		    .config = s->config,
		    .agent_socket = s->sockets->agent,
		    .control_socket = s->sockets->control,
		    .channel = ends[0],
		    .sockets = s->sockets,
		};

		for (unsigned i = 0; i < HELPERS; i++)
			start.helper_present[i] = helper_present(i);
		fd_close(&ends[1]);
		fd_close(&s->signals);
		fd_close(&s->watched);
		fd_close(&s->ready_fd);
		core_main(&start);
	}
	fd_close(&ends[0]);
	s->channel = ends[1];
	return ERR_OK;
}

static void end_core(struct supervisor *s)
{
	if (s->core <= 0)
		return;
	(void)kill(s->core, SIGKILL);
	(void)waitpid(s->core, NULL, 0);
}

static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	bool has = fd >= 0;

	fd_close(&fd);
	return has;
}

int supervise(const struct options *o, struct config *config, struct sockets *sockets,
    pid_t watched, int ready_fd)
{
	struct supervisor s = {
	    .options = o,
	    .config = config,
	    .sockets = sockets,
	    .core = -1,
	    .channel = -1,
	    .signals = -1,
	    .watched = -1,
	    .ready_fd = ready_fd,
	    .status = -1,
	    .journal = {.socket = JOURNAL_SOCKET, .fd = -1, .foreground = o->foreground},
	};
	enum err e = open_signals(&s);

	s.has_terminal = o->foreground && has_terminal();
	variables_note(&s.variables);
	variables_apply(&s.variables, config);
	watch_process(&s, watched);
	if (e == ERR_OK)
		e = start_core(&s);
	if (e != ERR_OK) {
		log_error("cannot start: %s: %m", err_text(e));
		end(&s, STATUS_FAILED);
	}
	while (s.status < 0)
		wait_for_work(&s);
	end_core(&s);
	sockets_remove(sockets);
	helpers_end(&s.helpers);
	config_free(s.config);
	return s.status;
}
