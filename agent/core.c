#include "agent/core.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/channel.h"
#include "agent/conn.h"
#include "agent/dispatch.h"
#include "agent/sandbox.h"
#include "agent/service.h"
#include "keystore/crypto.h"
#include "keystore/shield.h"
#include "proto/base/clock.h"
#include "proto/base/harden.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/ctlmsg.h"

enum {
	MOST_THREADS = 4, /* for slow work */
	/* For fast signatures: each may wait for one client's next request (attend.h). */
	MOST_FAST = 8,
	FAST_A_PROCESSOR = 2,
	SLOW_NICE = 10,
	/* How long the supervisor is not heard when it cannot be, in milliseconds. */
	DEAF_PAUSE = 250,
};

/* Where log lines go: they are the one thing that has no handle to hang on (log.h). */
static int log_channel = -1;
static atomic_uint log_lost; /* lines that the channel did not take, since the last that it took */

static bool send_line(enum log_level level, const char *line)
{
	struct channel_message m = {.kind = CHANNEL_LOG, .arg = (uint8_t)level};

	strncpy(m.text, line, sizeof(m.text) - 1);
	return channel_send(log_channel, &m, -1) == ERR_OK;
}

/* On any thread.  A full channel loses lines, and how many is told: waiting would hold up
 * everybody. */
static void log_to_supervisor(enum log_level level, const char *line)
{
	unsigned lost = atomic_exchange(&log_lost, 0);
	char text[96];

	(void)snprintf(
	    text, sizeof(text), "%u lines of the log were lost here: too many came at once", lost);
	if (lost != 0 && !send_line(LOG_LEVEL_WARN, text))
		atomic_fetch_add(&log_lost, lost + 1);
	else if (!send_line(level, line))
		atomic_fetch_add(&log_lost, 1);
}

static _Noreturn void fail(const char *what, enum err e)
{
	struct channel_message m = {.kind = CHANNEL_FAILED};
	const char *why = e == ERR_SYSTEM && errno != 0 ? strerror(errno) : err_text(e);

	(void)snprintf(m.text, sizeof(m.text), "%s: %s", what, why);
	(void)channel_send(log_channel, &m, -1);
	_exit(EXIT_FAILURE);
}

/*
 * What could not be taken now may be still there, and no message is worth all keys: look again
 * later, without spinning meanwhile.
 */
static void deafened(struct core *core, enum err why)
{
	if (!core->deaf)
		log_error("the supervisor cannot be heard for now: %s: %m", err_text(why));
	core->deaf = true;
	if (timer_arm(core->loop, &core->hear_again, clock_now() + DEAF_PAUSE) == ERR_OK)
		loop_unwatch(&core->channel);
}

static void hear_again(struct timer *t)
{
	struct core *core = (struct core *)(void *)((char *)t - offsetof(struct core, hear_again));
	uint32_t events = core->outbox.first != NULL ? EPOLLIN | EPOLLOUT : EPOLLIN;

	if (loop_watch(core->loop, &core->channel, events) != ERR_OK)
		(void)timer_arm(core->loop, t, clock_now() + DEAF_PAUSE);
}

static void channel_ready(struct watch *w, uint32_t events)
{
	struct core *core = (struct core *)(void *)((char *)w - offsetof(struct core, channel));
	struct channel_message m;
	int fd;
	enum err e;

	if ((events & EPOLLOUT) != 0)
		outbox_ready(&core->outbox);
	e = channel_receive(w->fd, &m, &fd);
	if (e == ERR_LIMIT)
		return;
	if (e == ERR_SURPLUS) {
		/* No reason to lose all keys: whoever waits for what came gives up in time. */
		log_error("what the supervisor sent was lost: no descriptor is left");
		return;
	}
	if (e == ERR_CLOSED)
		_exit(EXIT_SUCCESS); /* the supervisor is gone, and so is the reason to be */
	if (e == ERR_SYSTEM) {
		deafened(core, e);
		return;
	}
	if (e != ERR_OK) {
		log_error("a message of the supervisor could not be read: %s", err_text(e));
		return;
	}
	if (core->deaf)
		log_info("the supervisor is heard again");
	core->deaf = false;
	switch (m.kind) {
	case CHANNEL_STARTED:
		calls_started(&core->calls, m.id, fd);
		return;
	case CHANNEL_FILE:
		hostnames_heard(&core->hostnames, m.id, m.arg, fd);
		return;
	case CHANNEL_LINEAGE:
		witness_heard(&core->witness, m.id, channel_record(&m));
		break;
	case CHANNEL_VIEW:
		core_view_take(core, bytes_str(m.text), fd);
		return;
	case CHANNEL_RELOAD:
		core_reload(core, fd);
		return;
	case CHANNEL_STALE:
		core->config_refused = m.id;
		break;
	case CHANNEL_DROP_KEYS:
		decision_record(core, NULL, &(struct decision){.what = DECISION_REMOVE_ALL});
		token_additions_end(core, ERR_CANCELLED);
		store_empty(core->store);
		unlockings_revoke(&core->unlockings);
		offers_end_all(&core->offers, NULL);
		devices_forget_pins(core->devices);
		modules_forget_pins(core->modules);
		core_offer_tokens(core);
		log_info("all keys removed on SIGUSR1 (those that files offer: locked)");
		break;
	default:
		log_error("the supervisor sent a message of unknown kind %u", m.kind);
	}
	if (fd >= 0)
		close(fd);
}

/* A full channel does not take it, as it does not take log lines. */
static bool decision_to_journal(void *ctx, const struct entry *e, uint64_t left_out)
{
	struct channel_message m = {.kind = CHANNEL_DECISION};
	struct builder b = {0};
	bool sent = false;

	(void)ctx;
	decision_build(&b, e, false);
	if (left_out != 0)
		ctl_pair_number(&b, "left-out", left_out);
	if (builder_error(&b) == ERR_OK && channel_put(&m, builder_view(&b)) == ERR_OK)
		sent = channel_send(log_channel, &m, -1) == ERR_OK;
	builder_clear(&b);
	return sent;
}

static void decision_to_person(void *ctx, const struct entry *e)
{
	struct core *core = ctx;

	notice_refusal(&core->notices, e);
}

static void key_changed(void *ctx, const struct identity *id)
{
	struct core *core = ctx;

	consent_forget(&core->consents, id != NULL ? id->print : NULL);
}

static void watch_or_fail(struct core *core, struct watch *w)
{
	enum err e = w->fd < 0 ? ERR_OK : loop_watch(core->loop, w, EPOLLIN);

	if (e != ERR_OK)
		fail("watching a socket", e);
}

static void listener_init(struct core *core, struct listener *l, int fd, bool control)
{
	l->watch = (struct watch){.fd = fd, .ready = conn_accept};
	l->control = control;
	l->core = core;
	watch_or_fail(core, &l->watch);
}

/* Going on with one wall less is for the person to judge. */
static void tell_missing(const char *what, const char *remedy)
{
#ifdef SIGNET_SANITIZE
	log_debug("going on without %s (%s)", what, remedy);
#else
	log_warn("going on without %s, which this kernel lacks: the process that holds the keys is "
		 "less well shut in; a kernel with %s has it",
	    what, remedy);
#endif
}

/* The last steps, on the thread that will serve: its stack lies in secret memory. */
static void serve(void *arg)
{
	struct core *core = arg;
	struct channel_message ready = {.kind = CHANNEL_READY};

	core->calls_filtered = sandbox_calls() == ERR_OK;
	if (!core->calls_filtered)
		tell_missing("a system-call filter", "CONFIG_SECCOMP_FILTER=y");
	if (channel_send(log_channel, &ready, -1) != ERR_OK)
		_exit(EXIT_FAILURE);
	core_configured(core);
	loop_run(core->loop);
	_exit(EXIT_SUCCESS);
}

static void start_keystore(const struct core_start *start)
{
	struct options o;
	enum err e;

	config_options(start->config, start->options, &o);
	e = secretmem_start(o.secret_memory);

	if (e != ERR_OK)
		fail("secret memory", e);
	e = crypto_start();
	if (e == ERR_OK)
		e = crypto_warm_up();
	if (e == ERR_OK)
		e = shield_start();
	if (e != ERR_OK)
		fail("libcrypto", e);
}

/* A key that could never be found in its token or device would be no key.  A library looks for its
 * device itself. */
static enum err key_added(void *ctx, struct key *key, const struct rules *rules)
{
	struct core *core = ctx;

	if (key_is_public(key))
		return modules_key_added(core->modules, rules->place);
	if (key_is_sk(key) && rules->provider.len == 0)
		return devices_key_added(core->devices, key);
	return ERR_OK;
}

static void key_removed(void *ctx, struct key *key, const struct rules *rules)
{
	struct core *core = ctx;

	files_review(core->files);
	if (key_is_locked(key))
		unlockings_review(&core->unlockings);
	if (key_is_public(key)) {
		modules_key_removed(core->modules, rules->place);
		tokensigns_review(&core->tokensigns);
	}
	if (!key_is_sk(key))
		return;
	if (rules->provider.len == 0)
		devices_key_removed(core->devices, key);
	touches_review(&core->touches);
}

static void tokens_init(struct core *core)
{
	core->tokensigns = (struct tokensigns){
	    .loop = core->loop,
	    .modules = core->modules,
	    .prompts = &core->prompts,
	    .insertions = &core->insertions,
	    .environment = &core->environment,
	    .options = core->options,
	    .keyring = &core->keyring,
	    .config = &core->config,
	};
	core->offers = (struct offers){
	    .loop = core->loop,
	    .store = core->store,
	    .modules = core->modules,
	    .lock = &core->lock,
	    .config = &core->config,
	};
	offers_start(&core->offers);
}

static void unlocking_init(struct core *core)
{
	core->files = files_new(core->loop, &core->calls, core->store);
	if (core->files == NULL)
		fail("starting", ERR_MEMORY);
	core->keyring = (struct keyring){.loop = core->loop, .calls = &core->calls};
	core->session = (struct session){.core = core, .calls = &core->calls};
	core->unlockings = (struct unlockings){
	    .loop = core->loop,
	    .calls = &core->calls,
	    .prompts = &core->prompts,
	    .keyring = &core->keyring,
	    .files = core->files,
	    .session = &core->session,
	    .store = core->store,
	    .environment = &core->environment,
	    .options = core->options,
	    .config = &core->config,
	    .lock = &core->lock,
	};
}

static void security_keys_init(struct core *core)
{
	core->insertions = (struct insertions){.loop = core->loop, .options = core->options};
	core->touches = (struct touches){
	    .loop = core->loop,
	    .calls = &core->calls,
	    .devices = core->devices,
	    .prompts = &core->prompts,
	    .insertions = &core->insertions,
	    .environment = &core->environment,
	    .options = core->options,
	};
	core->residents = (struct residents){
	    .loop = core->loop,
	    .calls = &core->calls,
	    .devices = core->devices,
	    .prompts = &core->prompts,
	    .store = core->store,
	    .lock = &core->lock,
	    .environment = &core->environment,
	    .options = core->options,
	    .config = &core->config,
	};
}

struct core *core_new(const struct core_start *start)
{
	struct core *core = calloc(1, sizeof(*core));

	if (core == NULL)
		fail("starting", ERR_MEMORY);
	core->options = &core->settings;
	core->config = start->config;
	core->start = start;
	core->loop = loop_new();
	core->store = core->loop == NULL ? NULL : store_new(core->loop);
	core->input = mem_alloc(INPUT_ROOM);
	core->started = clock_now();
	if (core->store == NULL || core->input == NULL)
		fail("starting", ERR_MEMORY);
	core->spare = fcntl(start->channel, F_DUPFD_CLOEXEC, 0);
	core->accept_again.due = conn_accept_again;
	core->channel = (struct watch){.fd = start->channel, .ready = channel_ready};
	core->hear_again.due = hear_again;
	core->outbox = (struct outbox){.channel = &core->channel};
	core->calls = (struct calls){.loop = core->loop, .outbox = &core->outbox};
	core->prompts = (struct prompts){.calls = &core->calls};
	core->devices = devices_new(core->loop, &core->calls);
	if (core->devices == NULL)
		fail("starting", ERR_MEMORY);
	core->modules = modules_new(core->loop, &core->calls);
	if (core->modules == NULL)
		fail("starting", ERR_MEMORY);
	core->witness = (struct witness){.loop = core->loop, .outbox = &core->outbox};
	core->hostnames = (struct hostnames){.loop = core->loop, .outbox = &core->outbox};
	core->notices = (struct notices){.loop = core->loop, .prompts = &core->prompts};
	core->decisions = decisions_new(&core->witness);
	if (core->decisions == NULL)
		fail("starting", ERR_MEMORY);
	core->consents = (struct consents){
	    .loop = core->loop,
	    .witness = &core->witness,
	    .hostnames = &core->hostnames,
	    .prompts = &core->prompts,
	    .environment = &core->environment,
	    .hostbook = &core->hostbook,
	    .decisions = core->decisions,
	};
	core_settle(core);
	security_keys_init(core);
	tokens_init(core);
	unlocking_init(core);
	store_watch(core->store,
	    &(struct store_watcher){
		.changed = key_changed, .added = key_added, .removed = key_removed, .ctx = core});
	decisions_hook(core->decisions, &(struct decision_hooks){
					    .journal = decision_to_journal,
					    .notify = decision_to_person,
					    .follow = followers_wake,
					    .ctx = core,
					});
	loop_after_round(core->loop, sign_round, core);
	return core;
}

/* A thousand idle clients are no reason to refuse one. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Signals are the supervisor's; a SIGTERM of its own ends the core as it would end any process. */
static void settle_signals(void)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGPIPE, SIGUSR1};
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static unsigned threads(long wanted, unsigned most)
{
	return wanted < 1 ? 1 : wanted < (long)most ? (unsigned)wanted : most;
}

static void start_workers(struct core *core)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	core->slow = workers_start(threads(cpus, MOST_THREADS), SLOW_NICE);
	if (core->slow == NULL)
		fail("starting threads", ERR_SYSTEM);
	core->hostnames.workers = core->slow;
	core->unlockings.workers = core->slow;
	core->fast = workers_start(threads(FAST_A_PROCESSOR * cpus, MOST_FAST), 0);
}

static void die_with_supervisor(void)
{
	pid_t parent = getppid();

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_SUCCESS);
}

_Noreturn void core_main(const struct core_start *start)
{
	struct core *core;
	enum err e;

	log_channel = start->channel;
	log_to(log_to_supervisor);
	die_with_supervisor();
	harden_process();
	settle_signals();
	raise_descriptor_limit();
#ifdef SIGNET_SANITIZE
	/* Sanitizers report on standard error; whoever reads standard output waits for its end. */
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
#else
	stdio_to_null();
#endif
	start_keystore(start);
	core = core_new(start);
	core->files_denied = sandbox_files() == ERR_OK;
	if (!core->files_denied)
		tell_missing("Landlock", "Linux 5.13 or later and \"landlock\" in lsm=");
	if (harden_no_new_privileges() != ERR_OK)
		fail("giving up privileges", ERR_SYSTEM);
	listener_init(core, &core->agent, start->agent_socket, false);
	listener_init(core, &core->control, start->control_socket, true);
	core_views_start(core);
	watch_or_fail(core, &core->channel);
	start_workers(core);
	e = secret_thread(serve, core, SECRET_STACK);
	if (e != ERR_OK)
		fail("starting the serving thread", e);
	for (;;)
		pause();
}
