/* Asking a person, stage by stage, with this test as supervisor and as every helper. */
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
	struct prompts prompts;
	struct consents consents;
	int channel[2];
	struct watch supervisor;
	struct task tick;
	uint64_t give_up;
	bool deaf, fileless, gone, refuse; /* what the supervisor does not do */
	unsigned heard_who, heard_files, asked;
	uint32_t files_id;
	int helper[MOST]; /* in the order of the questions */
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

static uint64_t skipping_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + skipped;
}

/* Two programs run by application 7, started at 70; number 99 has one of its own. */
static void say_who(struct scene *s, uint32_t id, long pid)
{
	struct lineage l = {.count = s->gone ? 0 : 2};
	struct builder b = {0};

	l.process[0] = (struct process){.pid = (pid_t)pid, .started = 5, .name = "ssh"};
	l.process[0].helper = true;
	l.process[1] = (struct process){.pid = 7, .started = 1, .name = "editor"};
	if (pid == 99)
		l.process[1].started = 2; /* the number of 7, given anew */
	if (pid == 98)
		l.process[1].pid = 8;
	lineage_build(&b, &l);
	witness_heard(&s->witness, id, builder_view(&b));
	builder_clear(&b);
}

static void start_helper(struct scene *s, uint32_t id)
{
	int ends[2] = {-1, -1};

	assert_true(s->asked < MOST);
	if (!s->refuse)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	s->helper[s->asked++] = ends[1];
	prompts_started(&s->prompts, id, ends[0]);
}

static void supervise(struct watch *w, uint32_t events)
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
		if (!s->fileless)
			hostnames_heard(&s->hostnames, m.id, KNOWNFILES, -1);
	} else {
		assert_int_equal(m.kind, CHANNEL_START);
		start_helper(s, m.id);
	}
}

/* No timer, for a clock that skips would let it sleep. */
static void tick(struct task *t)
{
	struct scene *s = (struct scene *)(void *)((char *)t - offsetof(struct scene, tick));

	if (s->until(s) || clock_now() > s->give_up) {
		loop_stop(s->loop);
		return;
	}
	usleep(200);
	loop_post(s->loop, t);
}

static bool run_until(struct scene *s, bool (*until)(const struct scene *s))
{
	s->until = until;
	s->give_up = clock_now() + BASE_PATIENCE;
	s->tick.run = tick;
	loop_post(s->loop, &s->tick);
	loop_run(s->loop);
	return until(s);
}

static unsigned wanted;

static bool so_many_asked(const struct scene *s)
{
	return s->asked >= wanted;
}

static struct client *awaited;

static bool awaited_is_answered(const struct scene *s)
{
	(void)s;
	return awaited->calls != 0;
}

static unsigned rounds;

static bool some_rounds(const struct scene *s)
{
	(void)s;
	return rounds++ >= 20;
}

static void settle_down(struct scene *s)
{
	rounds = 0;
	assert_true(run_until(s, some_rounds));
}

static void expect_asked(struct scene *s, unsigned n)
{
	wanted = n;
	assert_true(run_until(s, so_many_asked));
	settle_down(s);
	assert_int_equal(s->asked, n);
}

static void expect_answer(struct client *c, enum err result, enum consent how)
{
	awaited = c;
	assert_true(run_until(c->scene, awaited_is_answered));
	assert_int_equal(c->calls, 1);
	assert_string_equal(err_text(c->result), err_text(result));
	assert_int_equal(c->how, how);
}

static void done(void *ctx, enum err result, enum consent how, struct bytes destination)
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

static const struct consent_request usual = {
    .key = {(const uint8_t *)"key", 3},
    .comment = {(const uint8_t *)"a key", 5},
    .print = "SHA256:print",
    .rules = {.confirm = CONFIRM_TIMED, .confirm_seconds = 600},
    .data = {(const uint8_t *)"data", 4},
    .who = {.client = 1, .pid = 42},
    .route = &local,
};

static void ask(struct scene *s, struct client *c, struct consent_request r)
{
	*c = (struct client){.scene = s};
	r.who.since = clock_now();
	c->inquiry = consent_ask(&s->consents, &r, done, c);
	assert_non_null(c->inquiry);
	assert_int_equal(c->calls, 0);
}

static void answer(struct scene *s, unsigned question, enum err result)
{
	struct helper_answer m = {result, BYTES_NONE};
	struct builder b = {0};

	helper_answer_build(&b, &m);
	assert_int_equal(send(s->helper[question], b.data, b.len, MSG_NOSIGNAL), b.len);
	builder_clear(&b);
}

/* True when the helper's socket was closed by the core. */
static bool question_is_closed(const struct scene *s, unsigned question)
{
	uint8_t room[4096];
	ssize_t n;

	do {
		n = recv(s->helper[question], room, sizeof(room), MSG_DONTWAIT);
	} while (n > 0);
	return n == 0;
}

/* A yes to this request is given by a person. */
static void allow(struct scene *s, struct consent_request r)
{
	struct client c;
	unsigned n = s->asked;

	ask(s, &c, r);
	expect_asked(s, n + 1);
	answer(s, n, ERR_OK);
	expect_answer(&c, ERR_OK, CONSENT_ASKED);
}

static void expect_remembered(struct scene *s, struct consent_request r)
{
	struct client c;
	unsigned n = s->asked;

	ask(s, &c, r);
	expect_answer(&c, ERR_OK, CONSENT_REMEMBERED);
	assert_int_equal(s->asked, n);
}

/* Lives as long as the process: threads of one pool for all tests. */
static struct workers *pool;

static int setup(void **state)
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
	s->witness = (struct witness){.loop = s->loop, .channel = s->channel[CORE]};
	s->prompts = (struct prompts){.loop = s->loop, .channel = s->channel[CORE]};
	s->hostnames = (struct hostnames){.loop = s->loop, .channel = s->channel[CORE]};
	s->hostnames.workers = pool;
	s->consents = (struct consents){.loop = s->loop,
	    .witness = &s->witness,
	    .hostnames = &s->hostnames,
	    .prompts = &s->prompts};
	s->supervisor = (struct watch){.fd = s->channel[SUPERVISOR], .ready = supervise};
	if (loop_watch(s->loop, &s->supervisor, EPOLLIN) != ERR_OK)
		return -1;
	*state = s;
	return 0;
}

/* After every test: nothing is open, nothing waits. */
static int teardown(void **state)
{
	struct scene *s = *state;
	bool good;

	settle_down(s);
	consent_forget(&s->consents);
	good = s->consents.first == NULL && s->consents.last == NULL &&
	       s->consents.answer_count == 0 && s->prompts.open == 0 && s->witness.open == 0 &&
	       s->hostnames.open == 0;
	loop_unwatch(&s->supervisor);
	loop_free(s->loop);
	clock_replace(NULL, NULL);
	fd_close(&s->channel[CORE]);
	fd_close(&s->channel[SUPERVISOR]);
	for (unsigned i = 0; i < s->asked; i++)
		fd_close(&s->helper[i]);
	good = good && base_open_count() == s->open_before;
	free(s);
	return good ? 0 : -1;
}

static void yes_and_no(void **state)
{
	struct scene *s = *state;
	struct client c;

	allow(s, usual);
	struct consent_request other = usual;
	other.print = "SHA256:other";
	ask(s, &c, other);
	expect_asked(s, 2);
	answer(s, 1, ERR_DENIED);
	expect_answer(&c, ERR_DENIED, CONSENT_ASKED);
	/* A no is not remembered. */
	allow(s, other);
}

static void cancelled_while_who_is_asked(void **state)
{
	struct scene *s = *state;
	struct client c;

	s->deaf = true;
	ask(s, &c, usual);
	settle_down(s);
	assert_int_equal(s->heard_who, 1);
	consent_cancel(c.inquiry);
	consent_cancel(NULL);
	settle_down(s);
	assert_int_equal(c.calls, 0);
	assert_int_equal(s->asked, 0);
}

static void bind_to(struct route *r, const char *host, bool forwarding)
{
	struct session_bind m = {
	    .host_key = bytes_str(host), .session = bytes_str(host), .forwarding = forwarding};

	assert_int_equal(route_add(r, &m), ERR_OK);
}

static void cancelled_while_names_are_looked_for(void **state)
{
	struct scene *s = *state;
	struct route r = {0};
	struct consent_request bound = usual;
	struct client c;

	s->fileless = true;
	bind_to(&r, "host", false);
	bound.route = &r;
	ask(s, &c, bound);
	settle_down(s);
	assert_int_equal(s->heard_files, 1);
	consent_cancel(c.inquiry);
	settle_down(s);
	assert_int_equal(c.calls, 0);
	assert_int_equal(s->asked, 0);
	s->fileless = false;
	allow(s, bound);
	route_clear(&r);
}

static void cancelled_while_a_person_is_asked(void **state)
{
	struct scene *s = *state;
	struct client c;

	ask(s, &c, usual);
	expect_asked(s, 1);
	assert_false(question_is_closed(s, 0));
	consent_cancel(c.inquiry);
	settle_down(s);
	assert_true(question_is_closed(s, 0));
	assert_int_equal(c.calls, 0);
	assert_int_equal(s->consents.answer_count, 0);
}

static void the_next_asks_when_the_first_leaves(void **state)
{
	struct scene *s = *state;
	struct client c[3];

	for (int i = 0; i < 3; i++)
		ask(s, &c[i], usual);
	expect_asked(s, 1);
	consent_cancel(c[1].inquiry); /* from the middle of the row */
	consent_cancel(c[0].inquiry);
	expect_asked(s, 2);
	assert_true(question_is_closed(s, 0));
	answer(s, 1, ERR_OK);
	expect_answer(&c[2], ERR_OK, CONSENT_ASKED);
	assert_int_equal(c[0].calls + c[1].calls, 0);
}

static void one_answer_for_all_that_wait(void **state)
{
	struct scene *s = *state;
	struct client c[3];

	for (int no = 0; no < 2; no++) {
		for (int i = 0; i < 3; i++)
			ask(s, &c[i], usual);
		expect_asked(s, 1 + no);
		answer(s, no, no ? ERR_OK : ERR_TIMEOUT);
		expect_answer(&c[0], no ? ERR_OK : ERR_TIMEOUT, CONSENT_ASKED);
		for (int i = 1; i < 3; i++)
			expect_answer(&c[i], no ? ERR_OK : ERR_TIMEOUT, CONSENT_REMEMBERED);
	}
}

static void always_asks_each_in_turn(void **state)
{
	struct scene *s = *state;
	struct consent_request always = usual;
	struct client c[3];

	always.rules = (struct key_rules){.confirm = CONFIRM_ALWAYS};
	for (int i = 0; i < 3; i++)
		ask(s, &c[i], always);
	for (unsigned i = 0; i < 3; i++) {
		expect_asked(s, i + 1);
		answer(s, i, i == 1 ? ERR_DENIED : ERR_OK);
		expect_answer(&c[i], i == 1 ? ERR_DENIED : ERR_OK, CONSENT_ASKED);
	}
	assert_int_equal(s->consents.answer_count, 0);
}

static void remembered_for_key_application_and_rule(void **state)
{
	struct scene *s = *state;
	struct consent_request other = usual;

	allow(s, usual);
	other.who.pid = 43; /* another process, and connection, of the same application */
	other.who.client = 2;
	expect_remembered(s, other);
	other.who.pid = 98;
	allow(s, other);
	other.who.pid = 99; /* the application's number, given anew */
	allow(s, other);
	other = usual;
	other.print = "SHA256:other";
	allow(s, other);
	other = usual;
	other.rules.confirm_seconds = 5; /* the key was added again, more strictly */
	allow(s, other);
	expect_remembered(s, usual);
}

/* RFC 4252, section 7. */
static struct bytes login(struct builder *b, const char *session, const char *user)
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

static void remembered_for_one_destination(void **state)
{
	struct scene *s = *state;
	struct route to_a = {0}, to_b = {0}, back_from_a = {0};
	struct builder b = {0};
	struct consent_request r = usual;

	bind_to(&to_a, "a", false);
	bind_to(&to_b, "b", false);
	bind_to(&back_from_a, "a", true);
	r.data = login(&b, "a", "me");
	r.route = &to_a;
	allow(s, r);
	expect_remembered(s, r);
	r.data = login(&b, "a", "root");
	allow(s, r);
	r.data = login(&b, "b", "me");
	r.route = &to_b;
	allow(s, r);
	/* A yes to a login at A is none to what A asks through the forwarded agent. */
	r.data = login(&b, "a", "me");
	r.route = &back_from_a;
	allow(s, r);
	r.data = bytes_str("neither a login");
	r.route = &to_a;
	allow(s, r);
	builder_clear(&b);
	route_clear(&to_a);
	route_clear(&to_b);
	route_clear(&back_from_a);
}

static void what_is_not_proved_is_not_remembered(void **state)
{
	struct scene *s = *state;
	struct route to_a = {0}, failed = {.failed = true};
	struct builder b = {0};
	struct consent_request r = usual;
	struct client c;

	bind_to(&to_a, "a", false);
	r.route = &to_a;
	r.data = login(&b, "another session", "me");
	for (int i = 0; i < 2; i++) {
		ask(s, &c, r);
		expect_asked(s, i + 1);
		answer(s, i, ERR_OK);
		expect_answer(&c, ERR_OK, CONSENT_ASKED);
		assert_string_equal(c.destination, "me@unproven host");
	}
	allow(s, usual);
	r = usual;
	r.route = &failed;
	allow(s, r);
	allow(s, r);
	s->gone = true; /* nobody knows whose yes it would be */
	allow(s, usual);
	allow(s, usual);
	assert_int_equal(s->consents.answer_count, 1);
	builder_clear(&b);
	route_clear(&to_a);
}

static void answers_expire(void **state)
{
	struct scene *s = *state;

	allow(s, usual);
	skipped += 590 * 1000;
	expect_remembered(s, usual);
	skipped += 11 * 1000;
	allow(s, usual);
	assert_int_equal(s->consents.answer_count, 1);
}

static void once_per_connection(void **state)
{
	struct scene *s = *state;
	struct consent_request r = usual;

	r.rules = (struct key_rules){.confirm = CONFIRM_CONNECTION};
	allow(s, r);
	skipped += 100000000;
	expect_remembered(s, r);
	r.who.client = 2;
	allow(s, r);
}

static void forgotten(void **state)
{
	struct scene *s = *state;
	struct consent_request other = usual;
	struct client c;

	allow(s, usual);
	other.print = "SHA256:other";
	ask(s, &c, other);
	expect_asked(s, 2);
	consent_forget(&s->consents);
	assert_int_equal(s->consents.answer_count, 0);
	answer(s, 1, ERR_OK); /* asked before the lock, answered after it */
	expect_answer(&c, ERR_OK, CONSENT_ASKED);
	assert_int_equal(s->consents.answer_count, 0);
	allow(s, usual);
}

static void the_oldest_of_too_many_goes(void **state)
{
	struct scene *s = *state;
	struct consent_request r = usual;

	r.rules = (struct key_rules){.confirm = CONFIRM_CONNECTION};
	for (uint64_t i = 1; i <= 257; i++) {
		r.who.client = i;
		wanted = (unsigned)i;
		struct client c;
		ask(s, &c, r);
		assert_true(run_until(s, so_many_asked));
		answer(s, (unsigned)i - 1, ERR_OK);
		expect_answer(&c, ERR_OK, CONSENT_ASKED);
		fd_close(&s->helper[i - 1]);
	}
	assert_int_equal(s->consents.answer_count, 256);
	expect_remembered(s, r);
	r.who.client = 2;
	expect_remembered(s, r);
	r.who.client = 1;
	allow(s, r);
}

/* A long row behind a question, and no helper for any of them: no deep stack, each hears why. */
static void nobody_can_be_asked(void **state)
{
	struct scene *s = *state;
	struct client c[300];
	struct consent_request always = usual;

	always.rules = (struct key_rules){.confirm = CONFIRM_ALWAYS};
	s->refuse = true;
	for (int i = 0; i < 300; i++) {
		ask(s, &c[i], always);
		settle_down(s);
	}
	for (int i = 0; i < 300; i++)
		expect_answer(&c[i], ERR_NO_PROMPT, CONSENT_ASKED);
}

/* All questions that may be open are open: who waits is refused, and the stack stays shallow. */
static void too_many_questions(void **state)
{
	struct scene *s = *state;
	struct consent_request r = usual;
	static struct client c[200];

	r.rules = (struct key_rules){.confirm = CONFIRM_ALWAYS};
	for (int i = 0; i < 200; i++)
		ask(s, &c[i], r);
	expect_asked(s, 1);
	s->prompts.open += LIMIT_PROMPTS; /* others' */
	answer(s, 0, ERR_OK);
	expect_answer(&c[0], ERR_OK, CONSENT_ASKED);
	for (int i = 1; i < 200; i++)
		expect_answer(&c[i], ERR_LIMIT, CONSENT_NOT_ASKED);
	s->prompts.open -= LIMIT_PROMPTS;
	assert_int_equal(s->asked, 1);
}

/* Clients that leave together start no helpers for one another. */
static void all_leave_at_once(void **state)
{
	struct scene *s = *state;
	struct client c[200];

	for (int i = 0; i < 200; i++)
		ask(s, &c[i], usual);
	expect_asked(s, 1);
	for (int i = 0; i < 200; i++)
		consent_cancel(c[i].inquiry);
	settle_down(s);
	assert_int_equal(s->asked, 1);
	assert_true(question_is_closed(s, 0));
}

static void forwarded_rule(void **state)
{
	struct key_rules rules = {.confirm = CONFIRM_FORWARDED};
	struct route r = {0};

	(void)state;
	assert_false(consent_needed(&rules, &r));
	bind_to(&r, "a", false);
	assert_false(consent_needed(&rules, &r));
	route_clear(&r);
	bind_to(&r, "a", true);
	assert_true(consent_needed(&rules, &r));
	rules.confirm = CONFIRM_NEVER;
	assert_false(consent_needed(&rules, &r));
	route_clear(&r);
	rules.confirm = CONFIRM_ALWAYS;
	assert_true(consent_needed(&rules, &r));
	rules.confirm = CONFIRM_FORWARDED;
	r.failed = true;
	assert_true(consent_needed(&rules, &r));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(yes_and_no),
	    TEST(cancelled_while_who_is_asked),
	    TEST(cancelled_while_names_are_looked_for),
	    TEST(cancelled_while_a_person_is_asked),
	    TEST(the_next_asks_when_the_first_leaves),
	    TEST(one_answer_for_all_that_wait),
	    TEST(always_asks_each_in_turn),
	    TEST(remembered_for_key_application_and_rule),
	    TEST(remembered_for_one_destination),
	    TEST(what_is_not_proved_is_not_remembered),
	    TEST(answers_expire),
	    TEST(once_per_connection),
	    TEST(forgotten),
	    TEST(the_oldest_of_too_many_goes),
	    TEST(nobody_can_be_asked),
	    TEST(too_many_questions),
	    TEST(all_leave_at_once),
	    cmocka_unit_test(forwarded_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
