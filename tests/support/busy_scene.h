/*
 * Clients who ask for signature after signature, each for data of its own: a signature is checked
 * against the data of its request, so that no other answer passes for it.
 *
 * That the agent attends such a client cannot be seen from outside.  But the kernel counts for
 * each thread how often it went to sleep: where a client's requests are answered by the loop, no
 * other thread does; a worker that attends it does once for each.
 *
 * Each test is run twice: by a client alone, and beside another one who is as busy, where requests
 * stay in the socket until they are answered.
 */
#ifndef TESTS_BUSY_SCENE_H
#define TESTS_BUSY_SCENE_H

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/support/crowd_scene.h"

enum {
	MANY = 200,
	ROW = 50,        /* signatures, in which a client comes to be attended */
	QUICK_ROW = 20,  /* the same where it was so before */
	ROWS_MOST = 200, /* on a machine that has much else to do */
};

struct busy {
	const struct test_key *key;
	unsigned number;       /* its own */
	atomic_uint asked;     /* signatures so far */
	int fd;                /* -1: not connected */
	atomic_bool stop;      /* asks on until then, */
	unsigned most;         /* but at most so often, where it is not 0 */
	atomic_bool refusable; /* by a lock */
	atomic_bool leaves;    /* the agent may end */
	pthread_t thread;
	atomic_bool failed;
	char wrong[160]; /* then: the first answer that did not fit */
};

/* cmocka's checks are for its own thread: a client keeps what went wrong for later. */
static inline bool busy_expect(struct busy *b, bool good, const char *what, int detail)
{
	if (!good && !b->failed) {
		snprintf(b->wrong, sizeof(b->wrong), "client %u, request %u: %s (%d)", b->number,
		    b->asked, what, detail);
		b->failed = true;
	}
	return good;
}

static inline void busy_good(const struct busy *b)
{
	if (b->failed)
		fail_msg("%s", b->wrong);
}

static inline struct wire busy_data(const struct busy *b, unsigned n)
{
	struct wire w = {0};
	char text[64];

	snprintf(text, sizeof(text), "number %u of client %u", n, b->number);
	wire_text(&w, text);
	return w;
}

/* Its n-th request, appended to stream. */
static inline void busy_request(const struct busy *b, unsigned n, struct wire *stream)
{
	struct wire data = busy_data(b, n), w = ask_sign(&b->key->blob, &data, 0);

	wire_frame(stream, &w);
	wire_free(&data);
	wire_free(&w);
}

static inline bool busy_read(const struct busy *b, uint8_t *p, size_t n)
{
	while (n != 0) {
		ssize_t got = probe_readable(b->fd, REPLY_MS) ? read(b->fd, p, n) : -1;

		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

/* The next answer; empty when there is none. */
static inline struct wire busy_answer(const struct busy *b)
{
	struct wire w = {0};
	uint8_t head[4];

	if (!busy_read(b, head, sizeof(head)))
		return w;
	w.len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	w.data = w.len != 0 && w.len < 4096 ? malloc(w.len) : NULL;
	if (w.data == NULL || !busy_read(b, w.data, w.len))
		wire_free(&w);
	return w;
}

/* By libcrypto: the last bytes of the blob are the public key, of the answer its signature. */
static inline bool busy_verify(const struct busy *b, unsigned n, const struct wire *answer)
{
	const uint8_t *public = b->key->blob.data + b->key->blob.len - 32;
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct wire data = busy_data(b, n);
	bool good =
	    answer->len == 1 + 4 + 4 + strlen("ssh-ed25519") + 4 + 64 &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, answer->data + answer->len - 64, 64, data.data, data.len) == 1;

	wire_free(&data);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

/* The answer to its n-th request comes, and is the signature. */
static inline bool busy_hear(struct busy *b, unsigned n)
{
	struct wire answer = busy_answer(b);
	bool good;

	if (b->leaves && answer.len == 0)
		return false;
	if (!busy_expect(b, answer.len != 0, "no answer", 0))
		return false;
	if (answer.data[0] == MSG_FAILURE && b->refusable)
		good = true;
	else
		good = busy_expect(b, answer.data[0] == MSG_SIGNATURE, "refused", answer.data[0]) &&
		       busy_expect(b, busy_verify(b, n, &answer), "not its signature", 0);
	wire_free(&answer);
	return good;
}

static inline bool busy_send(struct busy *b, const struct wire *stream)
{
	bool sent = send_quietly(b->fd, stream->data, stream->len);

	return b->leaves ? sent : busy_expect(b, sent, "request not taken", errno);
}

static inline bool busy_ask(struct busy *b)
{
	struct wire stream = {0};
	const unsigned n = b->asked;
	bool good;

	busy_request(b, n, &stream);
	good = busy_send(b, &stream) && busy_hear(b, n);
	wire_free(&stream);
	b->asked = n + 1;
	return good;
}

/* In the main thread: so many signatures, all good. */
static inline void busy_row(struct busy *b, unsigned n)
{
	while (n-- != 0 && busy_ask(b))
		continue;
	busy_good(b);
}

static inline void *busy_live(void *arg)
{
	struct busy *b = arg;

	while (!b->stop && (b->most == 0 || b->asked < b->most) && busy_ask(b))
		continue;
	return NULL;
}

static inline void busy_dial(struct busy *b, const struct test_key *key, unsigned number)
{
	*b = (struct busy){.key = key, .number = number, .fd = probe_dial(&agent)};
}

/* It asks in a thread of its own. */
static inline void busy_begin(struct busy *b)
{
	assert_int_equal(pthread_create(&b->thread, NULL, busy_live, b), 0);
}

static inline void busy_end(struct busy *b)
{
	b->stop = true;
	pthread_join(b->thread, NULL);
	close(b->fd);
	b->fd = -1;
	busy_good(b);
}

static inline void busy_close(struct busy *b)
{
	busy_good(b);
	close(b->fd);
	b->fd = -1;
}

/* b has made n more signatures. */
static inline void busy_goes_on(struct busy *b, unsigned n)
{
	const unsigned before = b->asked;

	for (long long end = now_ms() + REPLY_MS; b->asked - before < n; pause_ms(1)) {
		if (now_ms() > end || b->failed)
			fail_msg("another client is not served: %u of %u: %s", b->asked - before, n,
			    b->wrong);
	}
}

/* --- who answers */

static inline long sleeps_of(pid_t core, const char *thread)
{
	char path[320], line[256];
	long n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/status", core, thread);
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
			break;
	}
	if (f != NULL)
		fclose(f);
	return n;
}

/* How often threads of the core other than the loop's went to sleep. */
static inline long workers_slept(void)
{
	const pid_t core = core_of(&agent);
	char path[64];
	long n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", core);
	DIR *d = opendir(path);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (e->d_name[0] != '.' && atoi(e->d_name) != core)
			n += sleeps_of(core, e->d_name);
	}
	closedir(d);
	return n;
}

/* b, who alone asks, is attended; it stays so as long as it asks quickly, which nobody can promise:
 * what follows holds in any case. */
static inline bool busy_attended(struct busy *b)
{
	for (int i = 0; i < ROWS_MOST; i++) {
		const long before = workers_slept();

		busy_row(b, ROW);
		if (workers_slept() - before >= ROW / 2) {
			busy_row(b, QUICK_ROW);
			return true;
		}
	}
	return false;
}

/* It asks on until the other one has been heard a row of times, so that both are attended. */
static inline void busy_beside(struct busy *b, struct busy *other)
{
	const unsigned before = other->asked;

	for (long long end = now_ms() + REPLY_MS; other->asked - before < 2 * ROW;) {
		busy_row(b, 1);
		if (now_ms() > end || other->failed)
			fail_msg("the client beside is not served: %s", other->wrong);
	}
	busy_row(b, QUICK_ROW);
}

/* --- of a test: it begins with an agent, which has a key for the client and one for who is beside
 * it */

static struct busy me, company;
static bool beside;

static inline int begin_alone(void **state)
{
	(void)begin(state);
	company = (struct busy){.key = test_key("ed25519", "company"), .fd = -1};
	add(company.key);
	beside = false;
	busy_dial(&me, some_key(), 1);
	return 0;
}

static inline int begin_beside(void **state)
{
	(void)begin_alone(state);
	beside = true;
	return 0;
}

static inline int end_busy(void **state)
{
	if (me.fd >= 0)
		close(me.fd);
	if (company.fd >= 0) {
		company.stop = true;
		shutdown(company.fd, SHUT_RDWR);
		pthread_join(company.thread, NULL);
		close(company.fd);
	}
	return end(state);
}

#define BUSY(name)                                                                                 \
	{#name "_alone", name, begin_alone, end_busy, NULL},                                       \
	{                                                                                          \
#name "_beside_another", name, begin_beside, end_busy, NULL                        \
	}

/* Me, and who is beside me. */
static inline void be_attended(void)
{
	(void)busy_attended(&me);
	if (!beside)
		return;
	busy_dial(&company, company.key, 2);
	busy_begin(&company);
	busy_beside(&me, &company);
}

/* Who was beside me has lost nothing. */
static inline void part(void)
{
	if (company.fd >= 0) {
		busy_goes_on(&company, ROW);
		busy_end(&company);
	}
	if (me.fd >= 0)
		busy_close(&me);
	expect_served();
}

static inline void expect_number(struct wire *w, uint8_t number)
{
	probe_expect(me.fd, w, number);
}

static inline void expect_refused(void)
{
	struct wire data = busy_data(&me, me.asked), w = ask_sign(&me.key->blob, &data, 0);

	expect_number(&w, MSG_FAILURE);
	wire_free(&data);
}

#endif
