/*
 * Clients whom a worker attends (agent/attend.h), and what they may do meanwhile.
 */
#include "tests/support/busy_scene.h"

enum { CLIENTS = 8, PIPELINED = 1000, LEAVING = 8, LAST_WORDS = 40 };

/* --- tests */

static void test_one_asks_for_many(void **state)
{
	(void)state;
	busy_row(&me, MANY);
	be_attended();
	busy_row(&me, MANY);
	part();
}

static void test_it_is_a_worker_that_answers(void **state)
{
	(void)state;
	assert_true(busy_attended(&me));
	part();
}

/* More than workers: two a processor, and eight at most. */
static void test_eight_ask_for_many(void **state)
{
	static struct busy crowd[CLIENTS + 1];
	const unsigned n = CLIENTS + beside;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		busy_dial(&crowd[i], i % 2 == 0 ? some_key() : company.key, 10 + i);
		crowd[i].most = MANY;
	}
	for (unsigned i = 0; i < n; i++)
		busy_begin(&crowd[i]);
	for (unsigned i = 0; i < n; i++)
		pthread_join(crowd[i].thread, NULL);
	for (unsigned i = 0; i < n; i++) {
		busy_good(&crowd[i]);
		assert_int_equal(crowd[i].asked, MANY);
		busy_close(&crowd[i]);
	}
	part();
}

static void sign_by_rsa(const struct test_key *rsa)
{
	struct wire data = busy_data(&me, me.asked);
	struct wire signature = probe_sign(me.fd, &rsa->blob, &data, 4);

	assert_true(signature_is_good(rsa, "rsa-sha2-512", &data, &signature));
	wire_free(&signature);
	wire_free(&data);
}

/* As ssh does for a host, whose key the agent happens to hold. */
static void bind_session(void)
{
	struct wire data = busy_data(&me, me.asked), w, signature;

	signature = probe_sign(me.fd, &me.key->blob, &data, 0);
	busy_row(&me, QUICK_ROW);
	w = ask_text(MSG_EXTENSION, "session-bind@openssh.com");
	wire_string(&w, me.key->blob.data, me.key->blob.len);
	wire_string(&w, data.data, data.len);
	wire_string(&w, signature.data, signature.len);
	wire_u8(&w, 0);
	expect_number(&w, MSG_SUCCESS);
	wire_free(&signature);
	wire_free(&data);
}

/* Each of them right after signatures, and more of these at once after it. */
static void test_asking_for_something_else(void **state)
{
	const struct test_key *other = test_key("ed25519", "other");
	const struct test_key *rsa = test_key("rsa2048", "slow");
	struct wire w;

	(void)state;
	add(rsa);
	be_attended();
	assert_int_equal(probe_count(me.fd), 3);
	busy_row(&me, QUICK_ROW);
	w = ask_add(other, "other");
	expect_number(&w, MSG_SUCCESS);
	busy_row(&me, QUICK_ROW);
	probe_expect_works(me.fd, &other->blob);
	busy_row(&me, QUICK_ROW);
	w = ask_string(MSG_REMOVE, other->blob.data, other->blob.len);
	expect_number(&w, MSG_SUCCESS);
	busy_row(&me, QUICK_ROW);
	w = ask_string(MSG_REMOVE, other->blob.data, other->blob.len);
	expect_number(&w, MSG_FAILURE);
	busy_row(&me, QUICK_ROW);
	sign_by_rsa(rsa);
	busy_row(&me, QUICK_ROW);
	bind_session();
	busy_row(&me, QUICK_ROW);
	w = ask_text(MSG_EXTENSION, "nobody@example.org");
	expect_number(&w, MSG_FAILURE);
	busy_row(&me, QUICK_ROW);
	w = ask_plain(99);
	expect_number(&w, MSG_FAILURE);
	busy_row(&me, QUICK_ROW);
	w = ask_text(MSG_EXTENSION, "session-bind@openssh.com");
	expect_number(&w, MSG_EXTENSION_FAILURE);
	/* Nobody knows any more where it leads. */
	expect_refused();
	part();
}

/* All of it as a row in one write: the answers are in this order. */
static void test_other_requests_in_between_in_one_write(void **state)
{
	struct wire stream = {0}, w;
	unsigned first;

	(void)state;
	be_attended();
	for (int i = 0; i < 10; i++) {
		first = me.asked;
		busy_request(&me, first, &stream);
		w = ask_plain(MSG_LIST);
		wire_frame(&stream, &w);
		wire_free(&w);
		busy_request(&me, first + 1, &stream);
		probe_send(me.fd, &stream);
		wire_free(&stream);
		(void)busy_hear(&me, first);
		busy_good(&me);
		w = probe_receive(me.fd);
		assert_int_equal(w.data[0], MSG_KEYS);
		wire_free(&w);
		(void)busy_hear(&me, first + 1);
		me.asked = first + 2;
		busy_row(&me, QUICK_ROW);
	}
	part();
}

/* One request in pieces of so many bytes. */
static void ask_in_pieces(size_t piece)
{
	struct wire stream = {0};

	busy_request(&me, me.asked, &stream);
	for (size_t at = 0; at < stream.len; at += piece) {
		const size_t n = stream.len - at < piece ? stream.len - at : piece;

		assert_true(send_quietly(me.fd, stream.data + at, n));
	}
	wire_free(&stream);
	(void)busy_hear(&me, me.asked);
	me.asked++;
	busy_row(&me, QUICK_ROW);
}

static void test_requests_in_pieces(void **state)
{
	(void)state;
	be_attended();
	ask_in_pieces(70);
	ask_in_pieces(1);
	ask_in_pieces(4);
	ask_in_pieces(5);
	ask_in_pieces(70);
	part();
}

/* The first request and the beginning of the second in one write, which the rest follows when the
 * first is answered. */
static void test_a_request_and_a_half(void **state)
{
	struct wire stream = {0};
	size_t cut;

	(void)state;
	be_attended();
	for (unsigned i = 1; i < 20; i++) {
		busy_request(&me, me.asked, &stream);
		cut = stream.len + i * 4;
		busy_request(&me, me.asked + 1, &stream);
		assert_true(send_quietly(me.fd, stream.data, cut));
		(void)busy_hear(&me, me.asked);
		assert_true(send_quietly(me.fd, stream.data + cut, stream.len - cut));
		(void)busy_hear(&me, me.asked + 1);
		me.asked += 2;
		wire_free(&stream);
		busy_row(&me, QUICK_ROW);
	}
	part();
}

static void test_three_requests_in_one_write(void **state)
{
	struct wire stream = {0};

	(void)state;
	be_attended();
	for (int i = 0; i < 10; i++) {
		for (unsigned k = 0; k < 3; k++)
			busy_request(&me, me.asked + k, &stream);
		probe_send(me.fd, &stream);
		wire_free(&stream);
		for (unsigned k = 0; k < 3; k++)
			(void)busy_hear(&me, me.asked++);
		busy_row(&me, QUICK_ROW);
	}
	part();
}

/* What --status counts but for its own. */
static int connections(void)
{
	const char *build = getenv("BUILD");
	char path[160];
	int n = -1;

	snprintf(path, sizeof(path), "%s/connections", agent.dir);
	shell("SSH_AUTH_SOCK=%s %s/bin/signet-add --status | sed -n 's/^connections: //p' >%s",
	    agent.path, build != NULL ? build : "build", path);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &n), 1);
	fclose(f);
	return n - 1;
}

static void expect_connections(int wanted)
{
	for (long long end = now_ms() + REPLY_MS; connections() != wanted; pause_ms(10)) {
		if (now_ms() > end)
			fail_msg("%d connections, and not %d", connections(), wanted);
	}
}

/* With a request on its way or none, by closing or by the end of what it sends. */
static void leave_busily(unsigned way)
{
	struct wire stream = {0};
	struct wire last;

	busy_dial(&me, some_key(), 100 + way);
	(void)busy_attended(&me);
	busy_request(&me, me.asked, &stream);
	if (way % 4 == 1)
		stream.len /= 2;
	if (way % 4 != 0)
		assert_true(send_quietly(me.fd, stream.data, stream.len));
	wire_free(&stream);
	if (way / 4 != 0) {
		assert_int_equal(shutdown(me.fd, SHUT_WR), 0);
		last = busy_answer(&me);
		if (last.len != 0) {
			assert_true(way % 4 > 1 && busy_verify(&me, me.asked, &last));
			probe_expect_closed(me.fd);
		}
		wire_free(&last);
	}
	busy_close(&me);
}

static void test_leaving(void **state)
{
	(void)state;
	be_attended();
	/* Before connections are counted, which takes one of its own. */
	const int open = descriptors_of(core_of(&agent));
	const int connected = connections();
	busy_close(&me);
	for (unsigned way = 0; way < LEAVING; way++) {
		leave_busily(way);
		expect_connections(connected - 1);
	}
	if (open >= 0)
		expect_descriptors(open - 1);
	part();
}

/* What it said last is done, although it did not wait for the answer. */
static void test_last_words(void **state)
{
	const struct test_key *doomed = test_key("ed25519", "doomed");
	struct wire w, stream = {0};

	(void)state;
	be_attended();
	for (unsigned i = 0; i < LAST_WORDS; i++) {
		add(doomed);
		busy_row(&me, ROW);
		w = ask_string(MSG_REMOVE, doomed->blob.data, doomed->blob.len);
		wire_frame(&stream, &w);
		probe_send(me.fd, &stream);
		busy_close(&me);
		wire_free(&w);
		wire_free(&stream);
		for (long long end = now_ms() + REPLY_MS; probe_holds(client, &doomed->blob);) {
			if (now_ms() > end)
				fail_msg("the last request is not carried out");
		}
		busy_dial(&me, some_key(), 100 + i);
	}
	part();
}

/* True once the agent has taken from the socket what was sent. */
static bool taken(int fd)
{
	for (int i = 0; i < 1000; i++, (void)sched_yield()) {
		int n = -1;

		assert_int_equal(ioctl(fd, TIOCOUTQ, &n), 0);
		if (n == 0)
			return true;
	}
	return false;
}

/* Its requests come one by one, until its answers fill the socket. */
static void test_not_reading(void **state)
{
	struct wire stream = {0};
	struct busy other;
	unsigned sent = 0;
	ssize_t n = 0;

	(void)state;
	be_attended();
	for (bool quick = true; sent < PIPELINED; sent++) {
		busy_request(&me, me.asked + sent, &stream);
		n = send(me.fd, stream.data, stream.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n != (ssize_t)stream.len)
			break;
		wire_free(&stream);
		quick = quick && taken(me.fd);
	}
	wire_free(&stream);
	/* A stream of AF_UNIX takes one of so few bytes whole, or not at all. */
	assert_true(sent > 0 && (n < 0 || sent == PIPELINED));
	busy_dial(&other, company.key, 3);
	busy_row(&other, MANY);
	busy_close(&other);
	while (sent-- != 0 && busy_hear(&me, me.asked))
		me.asked++;
	busy_good(&me);
	busy_row(&me, QUICK_ROW);
	part();
}

/* --- what comes with bytes on such a socket: at most its own connection is lost by it */

static void send_with_descriptor(const struct wire *stream)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = {0};
	struct iovec bytes = {stream->data, stream->len};
	struct msghdr m = {.msg_iov = &bytes,
	    .msg_iovlen = 1,
	    .msg_control = u.room,
	    .msg_controllen = sizeof(u.room)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &me.fd, sizeof(int));
	assert_int_equal(sendmsg(me.fd, &m, MSG_NOSIGNAL), stream->len);
}

static void test_passing_descriptors(void **state)
{
	struct wire stream = {0};

	(void)state;
	be_attended();
	const int open = descriptors_of(core_of(&agent));
	for (int i = 0; i < MANY; i++) {
		busy_request(&me, me.asked, &stream);
		send_with_descriptor(&stream);
		wire_free(&stream);
		(void)busy_hear(&me, me.asked++);
		busy_good(&me);
	}
	if (open >= 0)
		expect_descriptors(open);
	part();
}

static void test_out_of_band(void **state)
{
	struct wire stream = {0}, answer;

	(void)state;
	be_attended();
	for (int i = 0; i < MANY; i++) {
		if (send(me.fd, "!", 1, MSG_OOB | MSG_NOSIGNAL) != 1 && errno == EOPNOTSUPP)
			break; /* so it is before Linux 5.15 */
		busy_request(&me, me.asked, &stream);
		const bool sent = send_quietly(me.fd, stream.data, stream.len);
		wire_free(&stream);
		answer = sent ? busy_answer(&me) : (struct wire){0};
		if (answer.len == 0)
			break;
		assert_true(busy_verify(&me, me.asked++, &answer));
		wire_free(&answer);
	}
	busy_close(&me);
	part();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    {"test_it_is_a_worker_that_answers", test_it_is_a_worker_that_answers, begin_alone,
		end_busy, NULL},
	    BUSY(test_one_asks_for_many),
	    BUSY(test_eight_ask_for_many),
	    BUSY(test_asking_for_something_else),
	    BUSY(test_other_requests_in_between_in_one_write),
	    BUSY(test_requests_in_pieces),
	    BUSY(test_a_request_and_a_half),
	    BUSY(test_three_requests_in_one_write),
	    BUSY(test_leaving),
	    BUSY(test_last_words),
	    BUSY(test_not_reading),
	    BUSY(test_passing_descriptors),
	    BUSY(test_out_of_band),
	};

	raise_own_limit();
	return cmocka_run_group_tests(tests, NULL, keys_gone);
}
