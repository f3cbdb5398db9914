/* The channel between core and supervisor. */
#include "tests/support/base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/channel.h"
#include "proto/base/fdio.h"

enum { CORE, SUPERVISOR };

struct pair {
	int ends[2];
	size_t open_before;
};

static int setup(void **state)
{
	static struct pair p;

	p.open_before = base_open_count();
	*state = &p;
	return channel_pair(p.ends) == ERR_OK ? 0 : -1;
}

/* After every test: no descriptor is left. */
static int teardown(void **state)
{
	struct pair *p = *state;

	fd_close(&p->ends[CORE]);
	fd_close(&p->ends[SUPERVISOR]);
	return base_open_count() == p->open_before ? 0 : -1;
}

static void test_fields_and_text_arrive(void **state)
{
	const struct pair *p = *state;
	struct channel_message sent = {.kind = CHANNEL_LOG, .arg = 3, .id = 0xdeadbeef};
	struct channel_message got;
	int fd = 99;

	strcpy(sent.text, "a line");
	assert_int_equal(channel_send(p->ends[CORE], &sent, -1), ERR_OK);
	memset(&got, 0xff, sizeof(got));
	assert_int_equal(channel_receive(p->ends[SUPERVISOR], &got, &fd), ERR_OK);
	assert_int_equal(got.kind, CHANNEL_LOG);
	assert_int_equal(got.arg, 3);
	assert_int_equal(got.id, 0xdeadbeef);
	assert_string_equal(got.text, "a line");
	assert_int_equal(fd, -1);
}

static void test_longest_text_and_none(void **state)
{
	const struct pair *p = *state;
	struct channel_message sent = {.kind = CHANNEL_FAILED}, got;
	int fd;

	memset(sent.text, 'x', sizeof(sent.text)); /* not even ended */
	assert_int_equal(channel_send(p->ends[CORE], &sent, -1), ERR_OK);
	memset(sent.text, 0, sizeof(sent.text));
	assert_int_equal(channel_send(p->ends[CORE], &sent, -1), ERR_OK);
	assert_int_equal(channel_receive(p->ends[SUPERVISOR], &got, &fd), ERR_OK);
	assert_int_equal(strlen(got.text), CHANNEL_TEXT - 1);
	assert_int_equal(channel_receive(p->ends[SUPERVISOR], &got, &fd), ERR_OK);
	assert_string_equal(got.text, "");
}

static void test_descriptor_arrives_and_is_closed_on_exec(void **state)
{
	const struct pair *p = *state;
	struct channel_message m = {.kind = CHANNEL_STARTED, .id = 1};
	struct stat sent, got;
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fd = -1;

	assert_int_equal(channel_send(p->ends[SUPERVISOR], &m, file), ERR_OK);
	assert_int_equal(channel_receive(p->ends[CORE], &m, &fd), ERR_OK);
	assert_true(fd >= 0 && fd != file);
	assert_int_equal(fstat(file, &sent), 0);
	assert_int_equal(fstat(fd, &got), 0);
	assert_int_equal(sent.st_rdev, got.st_rdev);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	fd_close(&fd);
	fd_close(&file);
}

static void test_core_never_waits(void **state)
{
	const struct pair *p = *state;
	struct channel_message m = {.kind = CHANNEL_LOG};
	enum err e = ERR_OK;
	int fd, sent = 0;

	assert_int_equal(channel_receive(p->ends[CORE], &m, &fd), ERR_LIMIT);
	memset(m.text, 'x', sizeof(m.text));
	for (sent = 0; e == ERR_OK && sent < 100000; sent++)
		e = channel_send(p->ends[CORE], &m, -1);
	assert_int_equal(e, ERR_LIMIT);
	/* What was taken comes whole; then there is room again. */
	assert_int_equal(channel_receive(p->ends[SUPERVISOR], &m, &fd), ERR_OK);
	assert_int_equal(strlen(m.text), CHANNEL_TEXT - 1);
	assert_int_equal(channel_send(p->ends[CORE], &m, -1), ERR_OK);
}

static void test_end_is_told(void **state)
{
	struct pair *p = *state;
	struct channel_message m = {.kind = CHANNEL_READY};
	int fd;

	assert_int_equal(channel_send(p->ends[SUPERVISOR], &m, -1), ERR_OK);
	fd_close(&p->ends[SUPERVISOR]);
	assert_int_equal(channel_receive(p->ends[CORE], &m, &fd), ERR_OK);
	assert_int_equal(channel_receive(p->ends[CORE], &m, &fd), ERR_CLOSED);
	assert_int_equal(channel_send(p->ends[CORE], &m, -1), ERR_CLOSED);
}

/* Too short to be a message, with a descriptor that must not stay open. */
static void test_malformed_packet_is_refused(void **state)
{
	const struct pair *p = *state;
	struct channel_message m;
	size_t before = base_open_count();
	int fd = -1;

	for (size_t n = 1; n < offsetof(struct channel_message, text); n++) {
		assert_int_equal(
		    fd_send(p->ends[SUPERVISOR], BYTES("\1\1\1\1\1\1\1\1", n), 0), ERR_OK);
		assert_int_equal(channel_receive(p->ends[CORE], &m, &fd), ERR_FORMAT);
		assert_int_equal(base_open_count(), before);
	}
}

static void test_packet_beyond_the_longest_is_refused(void **state)
{
	const struct pair *p = *state;
	static uint8_t packet[sizeof(struct channel_message) + 100];
	struct channel_message m;
	int fd = -1;

	assert_int_equal(send(p->ends[SUPERVISOR], packet, sizeof(packet), 0), sizeof(packet));
	assert_int_equal(channel_receive(p->ends[CORE], &m, &fd), ERR_TOO_LONG);
	assert_int_equal(fd, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* No room for its descriptor loses one message, not the channel. */
static void test_descriptor_that_finds_no_room(void **state)
{
	const struct pair *p = *state;
	struct channel_message m = {.kind = CHANNEL_FILE};
	struct rlimit before, none;
	int fd = dup(p->ends[CORE]);
	enum err e;

	assert_true(fd >= 0);
	assert_int_equal(channel_send(p->ends[SUPERVISOR], &m, fd), ERR_OK);
	m.id = 7;
	assert_int_equal(channel_send(p->ends[SUPERVISOR], &m, -1), ERR_OK);
	fd_close(&fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){0, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	e = channel_receive(p->ends[CORE], &m, &fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(e, ERR_SURPLUS);
	assert_int_equal(channel_receive(p->ends[CORE], &m, &fd), ERR_OK);
	assert_int_equal(m.id, 7);
}

static void test_a_record_that_does_not_fit(void **state)
{
	static const uint8_t record[CHANNEL_TEXT];
	struct channel_message m = {.len = 7};

	(void)state;
	assert_int_equal(channel_put(&m, BYTES(record, CHANNEL_TEXT)), ERR_TOO_LONG);
	assert_int_equal(m.len, 7);
	assert_int_equal(channel_put(&m, BYTES(record, CHANNEL_TEXT - 1)), ERR_OK);
	assert_int_equal(channel_record(&m).len, CHANNEL_TEXT - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_fields_and_text_arrive),
	    TEST(test_longest_text_and_none),
	    TEST(test_descriptor_that_finds_no_room),
	    TEST(test_descriptor_arrives_and_is_closed_on_exec),
	    TEST(test_a_record_that_does_not_fit),
	    TEST(test_core_never_waits),
	    TEST(test_end_is_told),
	    TEST(test_malformed_packet_is_refused),
	    TEST(test_packet_beyond_the_longest_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
