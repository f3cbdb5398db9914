/*
 * Many clients at once, each doing whatever comes to its mind: asking, pipelining, leaving in the
 * middle.  Answers must fit what each of them knows, and afterwards the agent must hold exactly
 * the keys that it was left with.
 *
 * STRESS_SEED, STRESS_CLIENTS and STRESS_STEPS make another run, or a longer one.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/agent_client_keys.h"

enum { CLIENTS_MOST = 32, SHARED = 3, OWN = 2, ROW_MOST = 80 };

#define PASSPHRASE "correct horse"

/* A key, and what one of its signatures looks like where that is always the same. */
struct sample {
	const struct test_key *key;
	struct wire signature; /* empty: differs each time */
	bool held;
};

/* One client: what it owns is its alone, so that it knows what the agent must answer. */
struct client {
	const struct probe *agent;
	struct sample *shared; /* never removed */
	struct sample own[OWN];
	const struct test_key *doubtful; /* added and removed without waiting for the answer */
	bool locking;                    /* others may lock the agent meanwhile */
	uint64_t dice;
	unsigned steps;
	int fd;
	char wrong[160]; /* the first answer that did not fit */
};

static const char text[] = "the bytes to be signed";

static unsigned roll(struct client *c, unsigned sides)
{
	c->dice ^= c->dice << 13;
	c->dice ^= c->dice >> 7;
	c->dice ^= c->dice << 17;
	return (unsigned)(c->dice >> 33) % sides;
}

/* cmocka's checks are for its own thread: a client keeps what went wrong for later. */
static bool expect(struct client *c, bool good, const char *what, int detail)
{
	if (!good && c->wrong[0] == '\0')
		snprintf(c->wrong, sizeof(c->wrong), "%s (%d)", what, detail);
	return good;
}

static bool send_bytes(const struct client *c, const uint8_t *p, size_t n)
{
	while (n != 0) {
		ssize_t done = send(c->fd, p, n, MSG_NOSIGNAL);

		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

static bool read_bytes(const struct client *c, uint8_t *p, size_t n)
{
	while (n != 0) {
		struct pollfd ready = {.fd = c->fd, .events = POLLIN};
		ssize_t got = poll(&ready, 1, REPLY_MS) == 1 ? read(c->fd, p, n) : -1;

		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

/* The next answer; empty when there is none. */
static struct wire next_answer(const struct client *c)
{
	struct wire w = {0};
	uint8_t length[4];

	if (!read_bytes(c, length, sizeof(length)))
		return w;
	w.len =
	    (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
	w.data = calloc(1, w.len + 1);
	if (w.data == NULL || w.len == 0 || !read_bytes(c, w.data, w.len))
		wire_free(&w);
	return w;
}

static bool dial(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = probe_try_dial(c->agent);
	return expect(c, c->fd >= 0, "no connection", errno);
}

static bool send_request(const struct client *c, struct wire *body)
{
	struct wire stream = {0};
	bool sent;

	wire_frame(&stream, body);
	sent = send_bytes(c, stream.data, stream.len);
	wire_free(&stream);
	wire_free(body);
	return sent;
}

static struct wire exchange(struct client *c, struct wire *body)
{
	const struct wire none = {0};

	return expect(c, send_request(c, body), "request not taken", errno) ? next_answer(c) : none;
}

/* The answer to be this number, or FAILURE where the agent may be locked. */
static bool right_number(struct client *c, const struct wire *answer, int number, const char *what)
{
	int got = answer->len == 0 ? -1 : answer->data[0];

	return expect(c, got == number || (c->locking && got == MSG_FAILURE), what, got);
}

static struct wire sign_request(const struct sample *s)
{
	struct wire data = {0}, w;

	wire_raw(&data, text, sizeof(text));
	w = ask_sign(&s->key->blob, &data, strncmp(s->key->type, "ssh-rsa", 7) == 0 ? 2 : 0);
	wire_free(&data);
	return w;
}

static void check_signature(struct client *c, const struct sample *s, const struct wire *answer)
{
	struct wire got;
	size_t pos = 1;

	if (!s->held) {
		right_number(c, answer, MSG_FAILURE, "signature by a key that is not there");
		return;
	}
	if (!right_number(c, answer, MSG_SIGNATURE, "no signature") ||
	    answer->data[0] != MSG_SIGNATURE)
		return;
	if (!expect(c, answer->len > 5, "short signature", (int)answer->len))
		return;
	got = wire_get_string(answer, &pos);
	expect(c, s->signature.len == 0 || wire_equal(&got, &s->signature), "another signature",
	    (int)got.len);
}

static struct sample *any_key(struct client *c)
{
	unsigned n = roll(c, SHARED + OWN);

	return n < SHARED ? &c->shared[n] : &c->own[n - SHARED];
}

static void step_sign(struct client *c)
{
	struct sample *s = any_key(c);
	struct wire w = sign_request(s), answer = exchange(c, &w);

	check_signature(c, s, &answer);
	wire_free(&answer);
}

static bool lists(const struct wire *answer, const struct wire *blob)
{
	size_t pos = 1;
	uint32_t n = wire_get_u32(answer, &pos);

	while (n-- != 0) {
		struct wire listed = wire_get_string(answer, &pos);

		(void)wire_get_string(answer, &pos);
		if (wire_equal(&listed, blob))
			return true;
	}
	return false;
}

static void check_list(struct client *c, const struct wire *answer)
{
	if (!right_number(c, answer, MSG_KEYS, "no list"))
		return;
	if (c->locking)
		return; /* an empty list may be right */
	for (int i = 0; i < SHARED; i++)
		expect(c, lists(answer, &c->shared[i].key->blob), "shared key not listed", i);
	for (int i = 0; i < OWN; i++)
		expect(
		    c, lists(answer, &c->own[i].key->blob) == c->own[i].held, "own key listed?", i);
}

static void step_list(struct client *c)
{
	struct wire w = ask_plain(MSG_LIST), answer = exchange(c, &w);

	check_list(c, &answer);
	wire_free(&answer);
}

static void step_add(struct client *c)
{
	struct sample *s = &c->own[roll(c, OWN)];
	struct wire w = ask_add(s->key, "stress"), answer = exchange(c, &w);

	if (right_number(c, &answer, MSG_SUCCESS, "not added"))
		s->held = s->held || answer.data[0] == MSG_SUCCESS;
	wire_free(&answer);
}

static void step_remove(struct client *c)
{
	struct sample *s = &c->own[roll(c, OWN)];
	struct wire w = ask_string(MSG_REMOVE, s->key->blob.data, s->key->blob.len);
	struct wire answer = exchange(c, &w);

	if (right_number(c, &answer, s->held ? MSG_SUCCESS : MSG_FAILURE, "not removed"))
		s->held = s->held && answer.data[0] != MSG_SUCCESS;
	wire_free(&answer);
}

/* A row of requests in one write, more than the agent handles in a turn: answers keep the order. */
static void step_row(struct client *c)
{
	struct sample *asked[ROW_MOST];
	struct wire stream = {0};
	unsigned n = 1 + roll(c, ROW_MOST);

	for (unsigned i = 0; i < n; i++) {
		struct wire w;

		asked[i] = roll(c, 3) == 0 ? any_key(c) : NULL;
		w = asked[i] != NULL ? sign_request(asked[i]) : ask_plain(MSG_LIST);
		wire_frame(&stream, &w);
		wire_free(&w);
	}
	expect(c, send_bytes(c, stream.data, stream.len), "row not taken", errno);
	wire_free(&stream);
	for (unsigned i = 0; i < n && c->wrong[0] == '\0'; i++) {
		struct wire answer = next_answer(c);

		if (asked[i] != NULL)
			check_signature(c, asked[i], &answer);
		else
			check_list(c, &answer);
		wire_free(&answer);
	}
}

/* Something in flight or in halves when the client goes away. */
static void step_leave(struct client *c)
{
	struct wire stream = {0};
	unsigned n = 1 + roll(c, 4);

	while (n-- != 0) {
		struct wire w = {0};

		switch (roll(c, 5)) {
		case 0:
			w = ask_add(c->doubtful, "doubtful");
			break;
		case 1:
			w = ask_string(MSG_REMOVE, c->doubtful->blob.data, c->doubtful->blob.len);
			break;
		case 2:
			w = ask_text(MSG_UNLOCK, "a wrong guess");
			break;
		default:
			w = sign_request(any_key(c));
		}
		wire_frame(&stream, &w);
		wire_free(&w);
	}
	if (roll(c, 2) == 0)
		stream.len -= roll(c, (unsigned)stream.len);
	(void)send_bytes(c, stream.data, stream.len);
	wire_free(&stream);
	dial(c);
}

/* A request in two pieces, with another client's life between them. */
static void step_halves(struct client *c)
{
	struct sample *s = any_key(c);
	struct wire body = sign_request(s), stream = {0}, answer;
	size_t cut;
	int first = c->fd;

	wire_frame(&stream, &body);
	wire_free(&body);
	cut = roll(c, (unsigned)stream.len);
	expect(c, send_bytes(c, stream.data, cut), "first half not taken", errno);
	c->fd = -1;
	if (dial(c))
		step_list(c);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = first;
	expect(
	    c, send_bytes(c, stream.data + cut, stream.len - cut), "second half not taken", errno);
	wire_free(&stream);
	answer = next_answer(c);
	check_signature(c, s, &answer);
	wire_free(&answer);
}

/* Bytes that are no message end this connection and no other. */
static void step_garbage(struct client *c)
{
	const uint8_t too_long[] = {0x7f, (uint8_t)roll(c, 256), 1, 2, 3};
	const uint8_t empty[4] = {0};
	uint8_t byte;

	if (roll(c, 2) == 0)
		(void)send_bytes(c, too_long, sizeof(too_long));
	else
		(void)send_bytes(c, empty, sizeof(empty));
	expect(c, !read_bytes(c, &byte, 1), "an answer to garbage", 0);
	dial(c);
}

/* Lock and unlock, by one client of all. */
static void step_lock(struct client *c)
{
	struct wire w = ask_text(MSG_LOCK, PASSPHRASE), answer = exchange(c, &w);

	expect(c, answer.len == 1 && answer.data[0] == MSG_SUCCESS, "not locked", (int)answer.len);
	wire_free(&answer);
	w = ask_text(MSG_UNLOCK, PASSPHRASE);
	answer = exchange(c, &w);
	expect(
	    c, answer.len == 1 && answer.data[0] == MSG_SUCCESS, "not unlocked", (int)answer.len);
	wire_free(&answer);
}

static void *live(void *arg)
{
	static void (*const steps[])(struct client *) = {step_sign, step_sign, step_list, step_add,
	    step_add, step_remove, step_row, step_leave, step_halves, step_garbage};
	struct client *c = arg;

	if (!dial(c))
		return NULL;
	while (c->steps-- != 0 && c->wrong[0] == '\0')
		steps[roll(c, sizeof(steps) / sizeof(steps[0]))](c);
	close(c->fd);
	return NULL;
}

static void *live_locking(void *arg)
{
	struct client *c = arg;

	if (!dial(c))
		return NULL;
	for (unsigned i = c->steps / 10; i != 0 && c->wrong[0] == '\0'; i--)
		step_lock(c);
	close(c->fd);
	return NULL;
}

static unsigned number_of(const char *name, unsigned otherwise)
{
	const char *value = getenv(name);

	return value != NULL ? (unsigned)strtoul(value, NULL, 10) : otherwise;
}

/* Add the key, and keep what openssl finds to be a good signature where there is but one. */
static void add_sample(int fd, struct sample *s, const struct test_key *key, bool same_always)
{
	struct wire data = {0}, w = ask_add(key, "sample");
	size_t pos = 1;

	*s = (struct sample){.key = key, .held = true};
	probe_expect(fd, &w, MSG_SUCCESS);
	if (!same_always)
		return;
	wire_raw(&data, text, sizeof(text));
	w = sign_request(s);
	struct wire answer = probe_ask(fd, &w);
	assert_int_equal(answer.data[0], MSG_SIGNATURE);
	struct wire signature = wire_get_string(&answer, &pos);
	wire_raw(&s->signature, signature.data, signature.len);
	assert_true(signature_is_good(key,
	    strncmp(key->type, "ssh-rsa", 7) == 0 ? "rsa-sha2-256" : key->type, &data,
	    &s->signature));
	wire_free(&answer);
	wire_free(&data);
}

static void set_up(
    struct client *c, const struct probe *agent, struct sample *shared, int i, int fd)
{
	char name[16];

	*c = (struct client){.agent = agent, .shared = shared, .fd = -1};
	c->dice = (uint64_t)number_of("STRESS_SEED", 20250923) * 2654435761u + (unsigned)i + 1;
	c->steps = number_of("STRESS_STEPS", 120);
	snprintf(name, sizeof(name), "own%d", i);
	add_sample(fd, &c->own[0], test_key("ed25519", name), true);
	add_sample(fd, &c->own[1], test_key("ecdsa256", name), false);
	snprintf(name, sizeof(name), "doubt%d", i);
	c->doubtful = test_key("ed25519", name);
}

/* Exactly the keys that the clients left there: shared ones, and what each says it holds. */
static void check_left(int fd, struct client *clients, unsigned n, struct sample *shared)
{
	unsigned held = SHARED;

	for (unsigned i = 0; i < n; i++) {
		struct wire w = ask_string(
		    MSG_REMOVE, clients[i].doubtful->blob.data, clients[i].doubtful->blob.len);
		struct wire answer = probe_ask(fd, &w);

		wire_free(&answer); /* there or not: nobody knows */
		for (int k = 0; k < OWN; k++) {
			struct sample *s = &clients[i].own[k];

			assert_int_equal(probe_holds(fd, &s->key->blob), s->held);
			if (s->held)
				probe_expect_works(fd, &s->key->blob);
			held += s->held;
		}
	}
	for (int i = 0; i < SHARED; i++)
		probe_expect_works(fd, &shared[i].key->blob);
	assert_int_equal(probe_count(fd), held);
}

/* Sanitizers report where the agent's messages go; a race is no reason for it to end. */
static void expect_no_reports(const struct probe *agent)
{
	static const char *const words[] = {"Sanitizer", "runtime error"};
	char path[80];

	snprintf(path, sizeof(path), "%s/log", agent->dir);
	struct wire log = file_read(path);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *found = memmem(log.data, log.len, words[i], strlen(words[i]));

		if (found != NULL)
			fail_msg("a sanitizer's report: %.*s",
			    (int)(log.data + log.len - (const uint8_t *)found), found);
	}
	wire_free(&log);
}

static void run_clients(bool locking)
{
	static struct client clients[CLIENTS_MOST];
	struct sample shared[SHARED];
	pthread_t threads[CLIENTS_MOST], locker_thread;
	struct probe agent;
	struct client locker;
	unsigned n = number_of("STRESS_CLIENTS", 6);

	assert_in_range(n, 1, CLIENTS_MOST);
	print_message("# STRESS_SEED=%u, %u clients\n", number_of("STRESS_SEED", 20250923), n);
	probe_start(&agent, NULL);
	int fd = probe_dial(&agent);
	add_sample(fd, &shared[0], test_key("ed25519", "shared"), true);
	add_sample(fd, &shared[1], test_key("ecdsa384", "shared"), false);
	add_sample(fd, &shared[2], test_key("rsa2048", "shared"), true);
	for (unsigned i = 0; i < n; i++) {
		set_up(&clients[i], &agent, shared, (int)i, fd);
		clients[i].locking = locking;
	}
	locker = clients[0];
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, live, &clients[i]), 0);
	if (locking)
		assert_int_equal(pthread_create(&locker_thread, NULL, live_locking, &locker), 0);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (locking)
		pthread_join(locker_thread, NULL);
	for (unsigned i = 0; i < n; i++) {
		if (clients[i].wrong[0] != '\0')
			fail_msg("client %u: %s", i, clients[i].wrong);
	}
	if (locking && locker.wrong[0] != '\0')
		fail_msg("the locking client: %s", locker.wrong);
	close(fd);
	fd = probe_dial(&agent);
	check_left(fd, clients, n, shared);
	close(fd);
	expect_no_reports(&agent);
	probe_end(&agent);
	for (int i = 0; i < SHARED; i++)
		wire_free(&shared[i].signature);
	for (unsigned i = 0; i < n; i++)
		wire_free(&clients[i].own[0].signature);
}

static void test_many_clients(void **state)
{
	(void)state;
	run_clients(false);
}

static void test_many_clients_while_one_locks_and_unlocks(void **state)
{
	(void)state;
	run_clients(true);
}

static int tear_down(void **state)
{
	(void)state;
	keys_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_many_clients),
	    cmocka_unit_test(test_many_clients_while_one_locks_and_unlocks),
	};

	return cmocka_run_group_tests(tests, NULL, tear_down);
}
