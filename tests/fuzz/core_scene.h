/*
 * The core in this process, whole but for its threads, its sandbox and the clock: the fuzzer is its
 * clients, its supervisor, its workers and all its helpers.  Nothing here waits for the machine's
 * time, so the same input does the same each time.
 *
 * Whoever includes it says what becomes of a helper that is started (scene_helper_started) and of
 * what a client is answered (scene_heard).
 */
#ifndef SIGNET_FUZZ_CORE_SCENE_H
#define SIGNET_FUZZ_CORE_SCENE_H

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/conn.h"
#include "agent/dispatch.h"
#include "agent/lineage.h"
#include "agent/unlocking_impl.h"
#include "keystore/crypto.h"
#include "keystore/kdf.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scene_workers.h"

enum {
	SCENE_CLIENTS = 4,
	SCENE_CONTROL = 3, /* the last of them came in on the control socket */
	SCENE_HELPERS = 24,
	SCENE_ROUNDS = 3,   /* of the loop, before anybody else has his turn */
	SCENE_ENOUGH = 400, /* turns after which something goes on for ever */
};

/* Far from the machine's own time, so that the kernel's timer never rings. */
#define SCENE_DAWN (UINT64_C(1) << 40)

struct scene_client {
	int fd; /* -1: not connected */
	struct builder heard;
	size_t number; /* of the connection, from 1 */
	unsigned asked, answered;
	bool hung_up; /* by the agent */
};

struct scene_helper {
	int fd; /* -1: free */
	uint32_t id;
	unsigned program;
	struct builder heard;
	bool hung_up; /* the core says no more */
};

struct scene {
	struct core *core;
	struct core_start start;
	struct options line;
	struct sockets sockets;
	int channel, listening[2]; /* the supervisor's end; the agent's and the control socket */
	struct scene_client client[SCENE_CLIENTS];
	struct scene_helper helper[SCENE_HELPERS];
	bool workers_first; /* they are quicker than the loop */
	bool no_helpers;    /* none can be started */
	uint64_t now;
	size_t connections;
	struct task tick;
	unsigned rounds;
};

static struct scene scene;

/* --- for whoever includes this ------------------------------------------------ */

static void scene_helper_started(struct scene_helper *h);
static void scene_heard(struct scene_client *c, struct bytes message);

/* --- work ------------------------------------------------------------------------ */

/* Instead of kdf.c's, whose whole point is to be slow. */
enum err kdf_bcrypt(
    struct bytes passphrase, struct bytes salt, unsigned rounds, uint8_t *out, size_t n)
{
	uint8_t all[HASH_MOST];
	size_t len;
	enum err e = crypto_hash(HASH_SHA256, passphrase, all, &len);

	(void)salt, (void)rounds;
	if (e == ERR_OK && n <= len)
		memcpy(out, all, n);
	return e;
}

/* --- time ---------------------------------------------------------------------- */

static uint64_t scene_clock(void)
{
	return scene.now;
}

/* 2026, so that certificates of the corpus are as valid as they were. */
static int64_t scene_wall(void)
{
	return 1767225600 + (int64_t)((scene.now - SCENE_DAWN) / 1000);
}

static void scene_tick(struct task *t)
{
	if (scene.rounds-- == 0)
		loop_stop(scene.core->loop);
	else
		loop_post(scene.core->loop, t);
}

/* Some rounds of the loop. */
static void scene_turn(void)
{
	scene.rounds = SCENE_ROUNDS;
	scene.tick.run = scene_tick;
	loop_post(scene.core->loop, &scene.tick);
	loop_run(scene.core->loop);
}

/* --- the supervisor -------------------------------------------------------------- */

static void scene_tell(struct channel_message *m, int fd)
{
	fuzz_require(channel_send(scene.channel, m, fd) == ERR_OK, "the core hears its supervisor");
}

/* An ssh that an editor runs. */
static void scene_tell_who(uint32_t id)
{
	struct channel_message m = {.kind = CHANNEL_LINEAGE, .id = id};
	static struct lineage l;
	struct builder b = {0};

	l.count = 2;
	l.process[0] = (struct process){.pid = 20,
	    .started = 5,
	    .name = "ssh",
	    .exe = "/usr/bin/ssh",
	    .settled = true,
	    .helper = true};
	l.process[1] = (struct process){.pid = 7, .started = 1, .name = "editor"};
	lineage_build(&b, &l);
	fuzz_require(channel_put(&m, builder_view(&b)) == ERR_OK, "a record fits");
	builder_clear(&b);
	scene_tell(&m, -1);
}

static void scene_helper_close(struct scene_helper *h)
{
	fd_close(&h->fd);
	builder_clear(&h->heard);
	h->hung_up = false;
}

static void scene_helper_start(uint32_t id, unsigned program)
{
	struct channel_message m = {.kind = CHANNEL_STARTED, .id = id};
	struct scene_helper *h = NULL;
	int ends[2] = {-1, -1};

	for (unsigned i = 0; i < SCENE_HELPERS && h == NULL; i++)
		h = scene.helper[i].fd < 0 ? &scene.helper[i] : NULL;
	if (h != NULL && !scene.no_helpers)
		fuzz_require(
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a socket");
	scene_tell(&m, ends[0]);
	fd_close(&ends[0]);
	if (ends[1] < 0)
		return;
	*h = (struct scene_helper){.fd = ends[1], .id = id, .program = program};
	scene_helper_started(h);
}

/* False when the core asked for nothing. */
static bool scene_supervise(void)
{
	struct channel_message m, answer = {0};
	int fd;

	if (channel_receive(scene.channel, &m, &fd) != ERR_OK)
		return false;
	fuzz_require(fd < 0, "the core sends no descriptors");
	answer.id = m.id;
	switch (m.kind) {
	case CHANNEL_START:
		scene_helper_start(m.id, m.arg);
		break;
	case CHANNEL_END:
		for (unsigned i = 0; i < SCENE_HELPERS; i++) {
			if (scene.helper[i].fd >= 0 && scene.helper[i].id == m.id)
				scene_helper_close(&scene.helper[i]);
		}
		break;
	case CHANNEL_WHO:
		scene_tell_who(m.id);
		break;
	case CHANNEL_FILES:
		answer.kind = CHANNEL_FILE;
		answer.arg = KNOWNFILES;
		scene_tell(&answer, -1);
		break;
	default:
		fuzz_require(false, "the core asks for what there is");
	}
	return true;
}

/* --- helpers and clients hear ------------------------------------------------------ */

/* What is there to be read; false: nothing. */
static bool scene_receive(int fd, struct builder *heard, bool *hung_up)
{
	uint8_t room[8192];
	ssize_t n = fd >= 0 && !*hung_up ? recv(fd, room, sizeof(room), MSG_DONTWAIT) : -1;

	if (n < 0)
		return false;
	if (n == 0)
		*hung_up = true;
	builder_put(heard, BYTES(room, n));
	return true;
}

static void scene_drop(struct builder *b, size_t n)
{
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

static bool scene_client_hears(struct scene_client *c)
{
	struct bytes message;

	if (!scene_receive(c->fd, &c->heard, &c->hung_up))
		return false;
	while (c->fd >= 0 &&
	       frame_next(builder_view(&c->heard), LIMIT_MESSAGE, &message) == FRAME_READY) {
		c->answered++;
		scene_heard(c, message);
		if (c->fd >= 0)
			scene_drop(&c->heard, FRAME_HEADER + message.len);
	}
	return true;
}

static bool scene_work_all(void)
{
	bool any = false;

	while (!crew.lazy && scene_work())
		any = true;
	return any;
}

/* Until nobody has anything to do. */
static void scene_settle(void)
{
	unsigned turns = 0;
	bool busy;

	do {
		fuzz_require(++turns < SCENE_ENOUGH, "everything comes to rest");
		busy = scene.workers_first && scene_work_all();
		scene_turn();
		while (scene_supervise())
			busy = true;
		busy = scene_work_all() || busy;
		for (unsigned i = 0; i < SCENE_HELPERS; i++) {
			struct scene_helper *h = &scene.helper[i];

			busy = scene_receive(h->fd, &h->heard, &h->hung_up) || busy;
		}
		for (unsigned i = 0; i < SCENE_CLIENTS; i++)
			busy = scene_client_hears(&scene.client[i]) || busy;
	} while (busy);
}

static void scene_pass(uint64_t ms)
{
	scene.now += ms;
	scene_settle();
}

/* --- clients ------------------------------------------------------------------------- */

static void scene_client_close(struct scene_client *c)
{
	fd_close(&c->fd);
	builder_clear(&c->heard);
	*c = (struct scene_client){.fd = -1};
}

static struct scene_client *scene_dial(unsigned i)
{
	struct scene_client *c = &scene.client[i];
	struct sockaddr_un address;
	socklen_t len = sizeof(address);

	if (c->fd >= 0 && !c->hung_up)
		return c;
	scene_client_close(c);
	fuzz_require(getsockname(scene.listening[i == SCENE_CONTROL],
			 (struct sockaddr *)(void *)&address, &len) == 0,
	    "it has an address");
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fuzz_require(
	    connect(c->fd, (struct sockaddr *)(void *)&address, len) == 0, "the agent listens");
	c->number = ++scene.connections;
	scene_settle();
	return c;
}

/* Bytes as they are.  The core reads no more while it works, so a full socket takes no more. */
static void scene_send(struct scene_client *c, struct bytes b)
{
	ssize_t n = send(c->fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)n;
}

/* A whole request, so many times: whoever sends it counts it (c->asked) before.  Its first bytes,
 * as many as cut says, come before the others; if it is nothing, all come at once. */
static inline void scene_ask(
    struct scene_client *c, uint8_t number, struct bytes body, unsigned times, size_t cut)
{
	struct builder b = {0};

	while (times-- != 0) {
		builder_u32(&b, (uint32_t)body.len + 1);
		builder_u8(&b, number);
		builder_put(&b, body);
	}
	if (cut >= b.len)
		cut = 0;
	if (cut != 0) {
		scene_send(c, BYTES(b.data, cut));
		scene_settle();
	}
	scene_send(c, BYTES(b.data + cut, b.len - cut));
	builder_clear(&b);
	scene_settle();
}

/* --- beginning and end --------------------------------------------------------------- */

static int scene_listen(void)
{
	struct sockaddr_un none = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* Without a name the kernel makes one. */
	fuzz_require(fd >= 0 &&
			 bind(fd, (struct sockaddr *)(void *)&none, sizeof(sa_family_t)) == 0 &&
			 listen(fd, 16) == 0,
	    "a listening socket");
	return fd;
}

static void scene_log(enum log_level level, const char *line)
{
	(void)level;
	fuzz_touch(bytes_str(line));
}

/* For LLVMFuzzerInitialize. */
static void scene_start(void)
{
	log_start("fuzz", LOG_LEVEL_DEBUG);
	log_to(scene_log);
	clock_replace(scene_clock, scene_wall);
	fuzz_require(crypto_start() == ERR_OK && crypto_warm_up() == ERR_OK, "libcrypto starts");
	scene_crew_start();
	scene.listening[0] = scene_listen();
	scene.listening[1] = scene_listen();
	for (unsigned i = 0; i < SCENE_CLIENTS; i++)
		scene.client[i].fd = -1;
	for (unsigned i = 0; i < SCENE_HELPERS; i++)
		scene.helper[i].fd = -1;
}

static void scene_mistake(void *ctx, const struct config_mistake *m)
{
	(void)ctx;
	fprintf(stderr, "line %zu: %s\n", (size_t)m->line, m->what);
}

static struct config *scene_config(const char *text)
{
	const struct config_teller to = {scene_mistake, NULL};
	struct config *c = config_new("/home/me");

	fuzz_require(c != NULL && config_parse(c, bytes_str(text), "/home/me", &to),
	    "the configuration is good");
	return c;
}

static void scene_serve(struct listener *l, int fd, bool control)
{
	*l = (struct listener){
	    .watch = {.fd = fd, .ready = conn_accept}, .control = control, .core = scene.core};
	fuzz_require(loop_watch(scene.core->loop, &l->watch, EPOLLIN) == ERR_OK, "it listens");
}

/* A new core, whose configuration this is; without fast workers, unless scene_hasten follows. */
static void scene_begin(const char *text)
{
	int ends[2];

	scene.now = SCENE_DAWN;
	scene_crew_begin();
	scene.workers_first = scene.no_helpers = false;
	scene.connections = 0;
	fuzz_require(channel_pair(ends) == ERR_OK && fd_nonblock(ends[1]) == ERR_OK, "a channel");
	scene.channel = ends[1];
	scene.line = (struct options){0};
	scene.sockets = (struct sockets){.agent = -1, .control = -1};
	scene.start = (struct core_start){.options = &scene.line,
	    .config = scene_config(text),
	    .channel = ends[0],
	    .sockets = &scene.sockets};
	for (unsigned i = 0; i < HELPERS; i++)
		scene.start.helper_present[i] = true;
	scene.core = core_new(&scene.start);
	scene.core->slow = &crew.slow;
	scene.core->hostnames.workers = scene.core->slow;
	scene.core->unlockings.workers = scene.core->slow;
	scene_serve(&scene.core->agent, scene.listening[0], false);
	scene_serve(&scene.core->control, scene.listening[1], true);
	fuzz_require(
	    loop_watch(scene.core->loop, &scene.core->channel, EPOLLIN) == ERR_OK, "it hears");
	core_configured(scene.core);
	scene_settle();
}

/* Whoever asks quickly is attended (agent/attend.h). */
static inline void scene_hasten(bool workers_first)
{
	scene.core->fast = &crew.fast;
	scene.workers_first = workers_first;
}

/* Nobody is there any more, and nothing is wanted of anybody: then nothing may be under way. */
static void scene_drain(void)
{
	struct core *core = scene.core;

	crew.lazy = false;
	for (unsigned i = 0; i < SCENE_CLIENTS; i++)
		scene_client_close(&scene.client[i]);
	scene_settle();
	fuzz_require(core->conn_count == 0, "connections end with their clients");
	fuzz_require(
	    core->attended == 0 && scene_idle() == SCENE_ATTENDANTS && crew.fast.waiting == 0,
	    "nobody is attended who is not there");
	offers_end_all(&core->offers, NULL);
	config_free(core->config);
	core->config = scene_config("");
	core_settle(core);
	core_configured(core);
	store_remove_all(core->store);
	consent_forget(&core->consents, NULL);
	scene.no_helpers = true;
	for (unsigned i = 0; i < 8 && core->calls.open != 0; i++) {
		for (unsigned k = 0; k < SCENE_HELPERS; k++)
			scene_helper_close(&scene.helper[k]);
		scene_pass(3600u * 1000);
	}
	fuzz_require(core->calls.open == 0, "helpers end when nobody wants them");
	fuzz_require(core->prompts.first == NULL && core->touches.pending == 0 &&
			 core->unlockings.pending == 0 && core->witness.open == 0 &&
			 core->consents.first == NULL,
	    "nothing is asked for nobody");
}

/* As the core never ends by itself, nothing in it frees what it has to its end. */
static void scene_free_core(void)
{
	struct core *core = scene.core;

	residents_clear(&core->residents);
	files_free(core->files);
	scene_settle();
	devices_free(core->devices);
	modules_free(core->modules);
	scene_settle();
	decisions_free(core->decisions);
	lastlogins_clear(&core->last_logins);
	while (core->unlockings.refusals != NULL) {
		struct refusal *r = core->unlockings.refusals;

		core->unlockings.refusals = r->next;
		blob_clear(&r->path);
		mem_free(r);
	}
	loop_unwatch(&core->agent.watch);
	loop_unwatch(&core->control.watch);
	store_free(core->store);
	blob_clear(&core->environment);
	builder_clear(&core->reply);
	mem_free(core->input);
	config_free(core->config);
	loop_free(core->loop);
	fd_close(&core->spare);
	fd_close(&core->channel.fd);
	fd_close(&scene.channel);
	free(core);
	scene.core = NULL;
}

static void scene_end(void)
{
	scene_drain();
	scene_free_core();
}

#endif
