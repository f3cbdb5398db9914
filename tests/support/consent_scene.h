/* Asking a person, stage by stage, with the test as supervisor and as every helper. */
#ifndef TESTS_CONSENT_SCENE_H
#define TESTS_CONSENT_SCENE_H

#include "tests/support/base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/channel.h"
#include "agent/consent.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

enum { CORE, SUPERVISOR, MOST = 400 };

struct scene {
	struct loop *loop;
	struct witness witness;
	struct hostnames hostnames;
	struct calls calls;
	struct prompts prompts;
	struct consents consents;
	int channel[2];
	struct watch core_end;
	struct outbox outbox;
	struct watch supervisor;
	struct task tick;
	uint64_t give_up;
	bool deaf, fileless, gone, refuse; /* what the supervisor does not do */
	struct bytes arguments;            /* of every client: a NUL after each */
	const char *home; /* where known_hosts is looked for; NULL: there is none */
	unsigned heard_who, heard_files, asked;
	uint32_t files_id;
	int helper[MOST]; /* in the order of the questions */
	uint32_t number[MOST];
	size_t open_before;
	bool (*until)(const struct scene *s);
};

/* One request, and what became of it. */
struct client {
	struct scene *scene;
	struct inquiry *inquiry;
	unsigned calls;
	enum err result;
	enum consent how;
	char destination[64];
};

static uint64_t skipped;

static inline uint64_t skipping_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + skipped;
}

/* Two programs run by application 7, started at 70; number 99 has one of its own. */
static inline void say_who(struct scene *s, uint32_t id, long pid)
{
	struct lineage l = {.count = s->gone ? 0 : 2};
	struct builder b = {0};

	l.process[0] = (struct process){
	    .pid = (pid_t)pid, .started = 5, .name = "ssh", .exe = "/usr/bin/ssh", .settled = true};
	l.process[0].helper = true;
	l.process[1] = (struct process){.pid = 7, .started = 1, .name = "editor"};
	if (pid == 99)
		l.process[1].started = 2; /* the number of 7, given anew */
	if (pid == 98)
		l.process[1].pid = 8;
	if (s->arguments.len != 0)
		memcpy(l.args, s->arguments.data, s->arguments.len);
	l.args_len = s->arguments.len;
	lineage_build(&b, &l);
	witness_heard(&s->witness, id, builder_view(&b));
	builder_clear(&b);
}

static inline void start_helper(struct scene *s, uint32_t id)
{
	int ends[2] = {-1, -1};

	assert_true(s->asked < MOST);
	if (!s->refuse)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	s->number[s->asked] = id;
	s->helper[s->asked++] = ends[1];
	calls_started(&s->calls, id, ends[0]);
}

/* Both ends: the test may still look at what it was told. */
static inline void end_helper(struct scene *s, uint32_t id)
{
	for (unsigned i = 0; i < s->asked; i++) {
		if (s->number[i] == id)
			(void)shutdown(s->helper[i], SHUT_RDWR);
	}
}

static inline void supervise(struct watch *w, uint32_t events)
{
	struct scene *s = (struct scene *)(void *)((char *)w - offsetof(struct scene, supervisor));
	struct channel_message m;
	int fd;

	(void)events;
	assert_int_equal(channel_receive(w->fd, &m, &fd), ERR_OK);
	if (m.kind == CHANNEL_WHO) {
		s->heard_who++;
		if (!s->deaf)
			say_who(s, m.id, atol(m.text));
	} else if (m.kind == CHANNEL_FILES) {
		s->heard_files++;
		s->files_id = m.id;
		if (s->home != NULL)
			hostnames_heard(&s->hostnames, m.id, 0, knownfile_open(0, s->home));
		if (!s->fileless)
			hostnames_heard(&s->hostnames, m.id, KNOWNFILES, -1);
	} else if (m.kind == CHANNEL_END) {
		end_helper(s, m.id);
	} else {
		assert_int_equal(m.kind, CHANNEL_START);
		start_helper(s, m.id);
	}
}

static inline void core_ready(struct watch *w, uint32_t events)
{
	struct scene *s = (struct scene *)(void *)((char *)w - offsetof(struct scene, core_end));

	assert_int_equal(events, EPOLLOUT);
	outbox_ready(&s->outbox);
}

/* No timer, for a clock that skips would let it sleep. */
static inline void tick(struct task *t)
{
	struct scene *s = (struct scene *)(void *)((char *)t - offsetof(struct scene, tick));

	if (s->until(s) || clock_now() > s->give_up) {
		loop_stop(s->loop);
		return;
	}
	usleep(200);
	loop_post(s->loop, t);
}

static inline bool run_until(struct scene *s, bool (*until)(const struct scene *s))
{
	s->until = until;
	s->give_up = clock_now() + BASE_PATIENCE;
	s->tick.run = tick;
	loop_post(s->loop, &s->tick);
	loop_run(s->loop);
	return until(s);
}

static unsigned wanted;

static inline bool so_many_asked(const struct scene *s)
{
	return s->asked >= wanted;
}

static struct client *awaited;

static inline bool awaited_is_answered(const struct scene *s)
{
	(void)s;
	return awaited->calls != 0;
}

static unsigned rounds;

static inline bool some_rounds(const struct scene *s)
{
	(void)s;
	return rounds++ >= 20;
}

static inline void settle_down(struct scene *s)
{
	rounds = 0;
	assert_true(run_until(s, some_rounds));
}

static inline void expect_asked(struct scene *s, unsigned n)
{
	wanted = n;
	assert_true(run_until(s, so_many_asked));
	settle_down(s);
	assert_int_equal(s->asked, n);
}

static inline void expect_answer(struct client *c, enum err result, enum consent how)
{
	awaited = c;
	assert_true(run_until(c->scene, awaited_is_answered));
	assert_int_equal(c->calls, 1);
	assert_string_equal(err_text(c->result), err_text(result));
	assert_int_equal(c->how, how);
}

static inline void done(void *ctx, enum err result, enum consent how, struct bytes destination)
{
	struct client *c = ctx;

	c->calls++;
	c->inquiry = NULL;
	c->result = result;
	c->how = how;
	assert_true(destination.len < sizeof(c->destination));
	memcpy(c->destination, destination.data, destination.len);
}

static const struct route local;

/* A signature of files for "git" (PROTOCOL.sshsig): a yes to it can be remembered. */
static const uint8_t git_data[] = "SSHSIG"
				  "\0\0\0\3git"
				  "\0\0\0\0"
				  "\0\0\0\6sha512"
				  "\0\0\0\4hash";

static const struct consent_request usual = {
    .comment = {(const uint8_t *)"a key", 5},
    .print = "SHA256:print",
    .rules = {.confirm = CONFIRM_TIMED, .confirm_seconds = 600},
    .data = {git_data, sizeof(git_data) - 1},
    .who = {.client = 1, .pid = 42},
    .route = &local,
};

static inline void ask(struct scene *s, struct client *c, struct consent_request r)
{
	*c = (struct client){.scene = s};
	r.who.since = clock_now();
	c->inquiry = consent_ask(&s->consents, &r, done, c);
	assert_non_null(c->inquiry);
	assert_int_equal(c->calls, 0);
}

static inline void answer(struct scene *s, unsigned question, enum err result)
{
	struct helper_answer m = {result, BYTES_NONE};
	struct builder b = {0};

	helper_answer_build(&b, &m);
	assert_int_equal(send(s->helper[question], b.data, b.len, MSG_NOSIGNAL), b.len);
	(void)shutdown(s->helper[question], SHUT_WR); /* and it ends */
	builder_clear(&b);
}

/* True when the helper's socket was closed by the core. */
static inline bool question_is_closed(const struct scene *s, unsigned question)
{
	uint8_t room[4096];
	ssize_t n;

	do {
		n = recv(s->helper[question], room, sizeof(room), MSG_DONTWAIT);
	} while (n > 0);
	return n == 0;
}

/* These words are in what the helper is to ask. */
static inline bool question_has(const struct scene *s, unsigned question, const char *part)
{
	uint8_t room[16 * 1024];
	ssize_t n = recv(s->helper[question], room, sizeof(room), MSG_DONTWAIT | MSG_PEEK);

	return n > 0 && memmem(room, (size_t)n, part, strlen(part)) != NULL;
}

/* A yes to this request is given by a person. */
static inline void allow(struct scene *s, struct consent_request r)
{
	struct client c;
	unsigned n = s->asked;

	ask(s, &c, r);
	expect_asked(s, n + 1);
	answer(s, n, ERR_OK);
	expect_answer(&c, ERR_OK, CONSENT_ASKED);
}

static inline void expect_remembered(struct scene *s, struct consent_request r)
{
	struct client c;
	unsigned n = s->asked;

	ask(s, &c, r);
	expect_answer(&c, ERR_OK, CONSENT_REMEMBERED);
	assert_int_equal(s->asked, n);
}

/* Lives as long as the process: threads of one pool for all tests. */
static struct workers *pool;

static inline int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	skipped = 0;
	clock_replace(skipping_clock, NULL);
	if (pool == NULL)
		pool = workers_start(1, 0);
	s->open_before = base_open_count();
	s->loop = loop_new();
	if (s->loop == NULL || channel_pair(s->channel) != ERR_OK)
		return -1;
	s->core_end = (struct watch){.fd = s->channel[CORE], .ready = core_ready};
	s->outbox.channel = &s->core_end;
	s->witness = (struct witness){.loop = s->loop, .outbox = &s->outbox};
	s->calls = (struct calls){.loop = s->loop, .outbox = &s->outbox};
	s->prompts = (struct prompts){.calls = &s->calls};
	s->hostnames = (struct hostnames){.loop = s->loop, .outbox = &s->outbox};
	s->hostnames.workers = pool;
	s->consents = (struct consents){.loop = s->loop,
	    .witness = &s->witness,
	    .hostnames = &s->hostnames,
	    .prompts = &s->prompts};
	s->supervisor = (struct watch){.fd = s->channel[SUPERVISOR], .ready = supervise};
	if (loop_watch(s->loop, &s->supervisor, EPOLLIN) != ERR_OK ||
	    loop_watch(s->loop, &s->core_end, EPOLLIN) != ERR_OK)
		return -1;
	*state = s;
	return 0;
}

/* After every test: nothing is open, nothing waits. */
static inline int teardown(void **state)
{
	struct scene *s = *state;
	bool good;

	for (unsigned i = 0; i < s->asked; i++)
		fd_close(&s->helper[i]);
	settle_down(s);
	consent_forget(&s->consents, NULL);
	good = s->consents.first == NULL && s->consents.last == NULL &&
	       s->consents.answer_count == 0 && s->prompts.open == 0 && s->witness.open == 0 &&
	       s->hostnames.open == 0;
	loop_unwatch(&s->supervisor);
	loop_free(s->loop);
	clock_replace(NULL, NULL);
	fd_close(&s->channel[CORE]);
	fd_close(&s->channel[SUPERVISOR]);
	good = good && base_open_count() == s->open_before;
	free(s);
	return good ? 0 : -1;
}

/* RFC 4252, section 7. */
static inline struct bytes login(struct builder *b, const char *session, const char *user)
{
	builder_clear(b);
	builder_cstring(b, session);
	builder_u8(b, 50);
	builder_cstring(b, user);
	builder_cstring(b, "ssh-connection");
	builder_cstring(b, "publickey");
	builder_u8(b, 1);
	builder_cstring(b, "ssh-ed25519");
	builder_cstring(b, "blob");
	return builder_view(b);
}

static inline void bind_to(struct route *r, const char *host, bool forwarding)
{
	struct session_bind m = {
	    .host_key = bytes_str(host), .session = bytes_str(host), .forwarding = forwarding};

	assert_int_equal(route_add(r, &m), ERR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
