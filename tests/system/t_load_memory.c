/*
 * Clients that make the agent keep what they do not finish, read or wait for: its memory stays
 * within what it promises (LIMIT_CONNECTION for each, LIMIT_BACKLOG for all), whoever makes it keep
 * less is answered, and no descriptor is left behind.
 */
#include <string.h>
#include <unistd.h>

#include "tests/support/crowd_scene.h"

enum {
	UNREAD = 400,
	/* Longer ones come in pieces, and whoever sends another piece is the one with most. */
	LONG_DATA = 120 * 1024,
	EACH_KIB = LIMIT_CONNECTION / 1024,
	ALL_KIB = LIMIT_BACKLOG / 1024,
	OVER_KIB = 3, /* what a connection itself takes, malloc, and pages that are not full */
};

/* --- requests that are not whole */

static uint8_t long_request[4 + LIMIT_MESSAGE] = {0, 4, 0, 0, MSG_SIGN};

static bool send_all_but_a_byte(int fd)
{
	return send_quietly(fd, long_request, sizeof(long_request) - 1);
}

/* Somewhat more than each may always have. */
static bool send_some(int fd)
{
	return send_quietly(fd, long_request, LIMIT_CONNECTION + 2048);
}

/* So much each may have. */
static bool send_little(int fd)
{
	return send_quietly(fd, long_request, LIMIT_CONNECTION - 1024);
}

/* The longest message there is, most of it sent. */
static struct wire longest_request(void)
{
	const size_t frame = 1 + 4 + some_key()->blob.len + 4 + 4;
	struct wire data = {calloc(1, LIMIT_MESSAGE), LIMIT_MESSAGE - frame}, stream = {0}, w;

	w = ask_sign(&some_key()->blob, &data, 0);
	wire_frame(&stream, &w);
	assert_int_equal(stream.len, LIMIT_MESSAGE + 4);
	wire_free(&w);
	wire_free(&data);
	return stream;
}

static void send_part(int fd, const struct wire *w, size_t from, size_t to)
{
	struct wire part = {w->data + from, to - from};

	probe_send(fd, &part);
}

/* One who is slow, but by far not the worst, is not the one who has to go. */
static void halves(member each, int least_left, int most_left, long most_kib)
{
	const int open = descriptors_of(core_of(&agent));
	const long before = memory_used();
	struct wire request = longest_request(), reply;
	int slow = probe_dial(&agent);

	send_part(slow, &request, 0, 200 * 1024);
	struct crowd c = crowd_start(CROWD, each);
	print_message("# %d of %d are left\n", c.told, CROWD);
	expect_growth(before, most_kib);
	assert_in_range(c.told, least_left, most_left);
	expect_served();
	send_part(slow, &request, 200 * 1024, request.len);
	reply = probe_receive(slow);
	assert_int_equal(reply.data[0], MSG_SIGNATURE);
	wire_free(&reply);
	wire_free(&request);
	close(slow);
	crowd_end(&c);
	expect_descriptors(open);
}

static void test_thousand_all_but_whole_requests(void **state)
{
	(void)state;
	halves(send_all_but_a_byte, 1, 2 * LIMIT_BACKLOG / LIMIT_MESSAGE,
	    (long)CROWD * EACH_KIB + ALL_KIB + SLACK_KIB);
}

static void test_thousand_parts_of_requests(void **state)
{
	(void)state;
	halves(send_some, CROWD / 3, CROWD - 1, (long)CROWD * EACH_KIB + ALL_KIB + SLACK_KIB);
}

/* Within what each may have nobody is hung up on; beyond it there is the slow one's message only.
 */
static void test_thousand_small_parts(void **state)
{
	(void)state;
	halves(
	    send_little, CROWD, CROWD, (long)CROWD * (EACH_KIB + OVER_KIB) + LIMIT_MESSAGE / 1024);
}

/* --- answers that nobody reads */

static bool ask_and_never_read(int fd)
{
	const uint8_t lists[] = {0, 0, 0, 1, MSG_LIST, 0, 0, 0, 1, MSG_LIST, 0, 0, 0, 1, MSG_LIST};
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return send_quietly(fd, lists, sizeof(lists)) && poll(&p, 1, REPLY_MS) == 1;
}

/* Lists that are as long as can be. */
static void test_clients_that_never_read(void **state)
{
	static char comment[LIMIT_MESSAGE - 1024];
	const int open = descriptors_of(core_of(&agent));

	(void)state;
	memset(comment, 'c', sizeof(comment) - 1);
	struct wire w = ask_add(some_key(), comment);
	probe_expect(client, &w, MSG_SUCCESS);
	const long before = memory_used();
	struct crowd c = crowd_start(UNREAD, ask_and_never_read);
	expect_served();
	expect_growth(before, (long)UNREAD * EACH_KIB + ALL_KIB + SLACK_KIB);
	crowd_end(&c);
	expect_served();
	expect_descriptors(open);
}

/* --- requests that wait, each with much to be signed */

static struct wire waiting; /* the request of all members */

static bool ask_and_wait(int fd)
{
	return send_quietly(fd, waiting.data, waiting.len);
}

static void many_wait(const struct test_key *key, uint32_t flags)
{
	const int open = descriptors_of(core_of(&agent));
	struct wire data = {calloc(1, LONG_DATA), LONG_DATA},
		    w = ask_sign(&key->blob, &data, flags);

	wire_frame(&waiting, &w);
	wire_free(&w);
	wire_free(&data);
	const long before = memory_used();
	struct crowd c = crowd_start(UNREAD, ask_and_wait);
	expect_served();
	expect_growth(before, (long)UNREAD * EACH_KIB + ALL_KIB + SLACK_KIB);
	crowd_end(&c);
	expect_descriptors(open);
	wire_free(&waiting);
	expect_served();
}

static void test_long_questions(void **state)
{
	const struct test_key *asked = test_key("ed25519", "asked");
	struct wire w = ask_add_constrained(asked, "asked");

	(void)state;
	constrain_confirm(&w);
	probe_expect(client, &w, MSG_SUCCESS);
	many_wait(asked, 0);
}

/* They wait for each other. */
static void test_long_slow_signatures(void **state)
{
	const struct test_key *rsa = test_key("rsa2048", "slow");
	struct wire w = ask_add(rsa, "slow");

	(void)state;
	probe_expect(client, &w, MSG_SUCCESS);
	many_wait(rsa, 2);
}

/* A slow signature of much is made, as any. */
static void test_one_long_slow_signature(void **state)
{
	const struct test_key *rsa = test_key("rsa2048", "slow");
	struct wire data = {calloc(1, LONG_DATA), LONG_DATA}, w = ask_add(rsa, "slow"), reply;
	size_t pos = 1;

	(void)state;
	probe_expect(client, &w, MSG_SUCCESS);
	w = ask_sign(&rsa->blob, &data, 2);
	reply = probe_ask(client, &w);
	assert_int_equal(reply.data[0], MSG_SIGNATURE);
	struct wire signature = wire_get_string(&reply, &pos);
	assert_true(signature_is_good(rsa, "rsa-sha2-256", &data, &signature));
	wire_free(&reply);
	wire_free(&data);
}

/* --- session binds with certificates as long as can be */

enum { BINDS = 16, BINDERS = 16 };

static struct wire long_certificate(const struct test_key *key)
{
	char path[192];

	shell("names=$(seq -f 'host-%%0400.0f' 200 | paste -sd,) && ssh-keygen -q -s %s -h -I test"
	      " -n \"$names\" %s.pub && cut -d' ' -f2 %s-cert.pub | base64 -d >%s.cert",
	    key->path, key->path, key->path, key->path);
	snprintf(path, sizeof(path), "%s.cert", key->path);
	return file_read(path);
}

static bool bind_often(int fd)
{
	uint8_t replies[BINDS * 5];

	return send_quietly(fd, waiting.data, waiting.len) &&
	       recv(fd, replies, sizeof(replies), MSG_WAITALL) == sizeof(replies) &&
	       replies[sizeof(replies) - 1] == MSG_SUCCESS;
}

static void test_long_session_binds(void **state)
{
	const struct test_key *host = some_key();
	struct wire certificate = long_certificate(host);

	(void)state;
	for (uint8_t i = 0; i < BINDS; i++) {
		struct wire session = {0}, w = ask_text(MSG_EXTENSION, "session-bind@openssh.com");
		wire_u8(&session, i);
		struct wire signature = probe_sign(client, &host->blob, &session, 0);
		wire_string(&w, certificate.data, certificate.len);
		wire_string(&w, session.data, session.len);
		wire_string(&w, signature.data, signature.len);
		wire_u8(&w, 1);
		wire_frame(&waiting, &w);
		wire_free(&session);
		wire_free(&signature);
		wire_free(&w);
	}
	assert_true(waiting.len * BINDERS > 3 * LIMIT_BACKLOG);
	const long before = memory_used();
	struct crowd c = crowd_start(BINDERS, bind_often);
	assert_in_range(c.told, 1, 2 * LIMIT_BACKLOG / waiting.len);
	expect_growth(before, BINDERS * EACH_KIB + ALL_KIB + SLACK_KIB);
	expect_served();
	crowd_end(&c);
	wire_free(&waiting);
	wire_free(&certificate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_thousand_all_but_whole_requests),
	    TEST(test_thousand_parts_of_requests),
	    TEST(test_thousand_small_parts),
	    TEST(test_clients_that_never_read),
	    TEST(test_long_questions),
	    TEST(test_long_slow_signatures),
	    TEST(test_one_long_slow_signature),
	    TEST(test_long_session_binds),
	};

	raise_own_limit();
	return cmocka_run_group_tests(tests, NULL, keys_gone);
}
