#include "tests/support/base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/fdio.h"

/* Two connected ends; what a test leaves open is closed after it. */
struct ends {
	int a;
	int b;
};

static int pair(void **state, int type)
{
	static struct ends e;
	int fds[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) == -1)
		return -1;
	e = (struct ends){fds[0], fds[1]};
	*state = &e;
	return 0;
}

static int stream_pair(void **state)
{
	return pair(state, SOCK_STREAM);
}

static int packet_pair(void **state)
{
	return pair(state, SOCK_SEQPACKET);
}

static int pipe_pair(void **state)
{
	static struct ends e;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	e = (struct ends){fds[0], fds[1]};
	*state = &e;
	return 0;
}

static int close_pair(void **state)
{
	struct ends *e = *state;

	fd_close(&e->a);
	fd_close(&e->b);
	return 0;
}

static void close_sets_minus_one(void **state)
{
	struct ends *e = *state;
	int number = e->a;

	fd_close(&e->a);
	assert_int_equal(e->a, -1);
	assert_int_equal(fcntl(number, F_GETFD), -1);
	fd_close(&e->a);
}

static void what_is_written_can_be_read(void **state)
{
	struct ends *e = *state;
	char out[6] = {0};

	assert_int_equal(fd_write_all(e->b, bytes_str("hello"), 1000), ERR_OK);
	assert_int_equal(fd_read_exact(e->a, out, 2, 1000), ERR_OK);
	assert_int_equal(fd_read_exact(e->a, out + 2, 3, 1000), ERR_OK);
	assert_string_equal(out, "hello");
}

static void reading_times_out(void **state)
{
	struct ends *e = *state;
	char out[4];

	assert_int_equal(fd_write_all(e->b, bytes_str("abc"), -1), ERR_OK);
	assert_int_equal(fd_read_exact(e->a, out, 4, 20), ERR_TIMEOUT);
}

static void reading_sees_the_end(void **state)
{
	struct ends *e = *state;
	char out[4];

	assert_int_equal(fd_write_all(e->b, bytes_str("abc"), -1), ERR_OK);
	fd_close(&e->b);
	assert_int_equal(fd_read_exact(e->a, out, 4, -1), ERR_CLOSED);
}

static void writing_to_nobody_is_no_signal(void **state)
{
	struct ends *e = *state;
	sigset_t pending;

	signal(SIGPIPE, SIG_DFL);
	fd_close(&e->a);
	assert_int_equal(fd_write_all(e->b, bytes_str("x"), 1000), ERR_CLOSED);
	assert_int_equal(sigpending(&pending), 0);
	assert_false(sigismember(&pending, SIGPIPE));
}

/* Both kinds, blocking and not: nobody reads, so the time-out has to come. */
static void writing_times_out(void **state)
{
	static uint8_t much[1 << 20];
	struct ends *e = *state;

	assert_int_equal(fd_write_all(e->b, BYTES(much, sizeof(much)), 20), ERR_TIMEOUT);
	assert_int_equal(fd_nonblock(e->b), ERR_OK);
	assert_int_equal(fd_write_all(e->b, BYTES(much, sizeof(much)), 20), ERR_TIMEOUT);
}

static void much_passes_in_parts(void **state)
{
	enum { MUCH = 1 << 20 };
	struct ends *e = *state;
	uint8_t *sent = malloc(MUCH);
	uint8_t *got = malloc(MUCH);
	pid_t pid;

	assert_non_null(sent);
	assert_non_null(got);
	for (size_t i = 0; i < MUCH; i++)
		sent[i] = (uint8_t)(i * 31 >> 3);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(fd_write_all(e->b, BYTES(sent, MUCH), BASE_PATIENCE) != ERR_OK);
	assert_int_equal(fd_nonblock(e->a), ERR_OK);
	assert_int_equal(fd_read_exact(e->a, got, MUCH, BASE_PATIENCE), ERR_OK);
	assert_memory_equal(got, sent, MUCH);
	assert_int_equal(base_wait_end(pid), 0);
	free(sent);
	free(got);
}

static int file_of(size_t n)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		assert_true(fputc('a' + (int)(i % 26), f) != EOF);
	assert_int_equal(fflush(f), 0);
	fd = dup(fileno(f));
	assert_int_not_equal(fd, -1);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	fclose(f);
	return fd;
}

static void a_file_is_read_up_to_the_limit(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 10000};
	const size_t limit = 10000;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = file_of(sizes[i]);
		struct blob b = {0};

		assert_int_equal(fd_read_file(fd, limit, &b), ERR_OK);
		assert_int_equal(b.len, sizes[i]);
		assert_int_equal(b.data[b.len], 0);
		if (b.len != 0)
			assert_int_equal(b.data[b.len - 1], 'a' + (int)((b.len - 1) % 26));
		blob_clear(&b);
		fd_close(&fd);
	}
}

static void a_file_over_the_limit_is_refused(void **state)
{
	struct blob b = {0};
	int fd = file_of(101);
	int endless = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(blob_copy(&b, bytes_str("as it was")), ERR_OK);
	assert_int_equal(fd_read_file(fd, 100, &b), ERR_TOO_LONG);
	assert_int_equal(fd_read_file(endless, 100000, &b), ERR_TOO_LONG);
	assert_true(bytes_is(blob_view(&b), "as it was"));
	blob_clear(&b);
	fd_close(&fd);
	fd_close(&endless);
}

static void a_folder_is_no_file(void **state)
{
	struct blob b = {0};
	int fd = open("/tmp", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(fd_read_file(fd, 100, &b), ERR_SYSTEM);
	assert_int_equal(errno, EISDIR);
	assert_null(b.data);
	fd_close(&fd);
}

/* A pipe has no size, gives its content in parts, and may be set not to block. */
static void a_pipe_is_read_to_its_end(void **state)
{
	enum { PARTS = 50, PART = 1000 };
	struct ends *e = *state;
	struct blob b = {0};
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		char part[PART];

		fd_close(&e->a);
		memset(part, 'p', sizeof(part));
		for (int i = 0; i < PARTS; i++) {
			if (fd_write_all(e->b, BYTES(part, sizeof(part)), BASE_PATIENCE) != ERR_OK)
				_exit(1);
			poll(NULL, 0, i % 10 == 0 ? 2 : 0);
		}
		_exit(0);
	}
	fd_close(&e->b);
	assert_int_equal(fd_nonblock(e->a), ERR_OK);
	assert_int_equal(fd_read_file(e->a, PARTS * PART, &b), ERR_OK);
	assert_int_equal(b.len, PARTS * PART);
	assert_int_equal(b.data[b.len - 1], 'p');
	assert_int_equal(base_wait_end(pid), 0);
	blob_clear(&b);
}

static void the_peer_is_who_made_the_socket(void **state)
{
	struct ends *e = *state;
	struct peer p;

	assert_int_equal(fd_peer(e->a, &p), ERR_OK);
	assert_int_equal(p.pid, getpid());
	assert_int_equal(p.uid, geteuid());
	assert_int_equal(p.gid, getegid());
}

static void a_pipe_has_no_peer(void **state)
{
	struct ends *e = *state;
	struct peer p;

	assert_int_equal(fd_peer(e->a, &p), ERR_SYSTEM);
}

static void a_descriptor_arrives_close_on_exec(void **state)
{
	struct ends *e = *state;
	int file = file_of(3);
	int got = -2;
	char data[8];
	char text[4] = {0};
	size_t n = 0;

	assert_int_equal(fd_send(e->b, bytes_str("file"), file), ERR_OK);
	assert_int_equal(fd_receive(e->a, data, sizeof(data), &n, &got), ERR_OK);
	assert_int_equal(n, 4);
	assert_memory_equal(data, "file", 4);
	assert_true(got >= 0 && got != file);
	assert_int_equal(fcntl(got, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(read(got, text, 3), 3);
	assert_string_equal(text, "abc");
	fd_close(&got);
	fd_close(&file);
}

static void without_a_descriptor_it_is_minus_one(void **state)
{
	struct ends *e = *state;
	char data[8];
	size_t n = 0;
	int got = -2;

	assert_int_equal(fd_send(e->b, bytes_str("x"), -1), ERR_OK);
	assert_int_equal(fd_receive(e->a, data, sizeof(data), &n, &got), ERR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(got, -1);
	assert_int_equal(fd_send(e->b, BYTES_NONE, -1), ERR_FORMAT);
}

/* Send count descriptors in one message, which fd_send cannot. */
static void send_many(int sock, int fd, size_t count)
{
	union {
		struct cmsghdr align;
		uint8_t room[CMSG_SPACE(16 * sizeof(int))];
	} control = {0};
	char byte = 'm';
	struct iovec part = {&byte, 1};
	struct msghdr m = {
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(h) + i * sizeof(int), &fd, sizeof(int));
	assert_int_equal(sendmsg(sock, &m, 0), 1);
}

static void surplus_descriptors_are_closed(void **state)
{
	struct ends *e = *state;
	size_t before = base_open_count();
	char data[8];
	size_t n = 77;
	int got = -2;

	send_many(e->b, e->b, 3);
	assert_int_equal(fd_receive(e->a, data, sizeof(data), &n, &got), ERR_SURPLUS);
	send_many(e->b, e->b, 1);
	assert_int_equal(fd_receive(e->a, data, sizeof(data), &n, NULL), ERR_SURPLUS);
	assert_int_equal(n, 77);
	assert_int_equal(got, -2);
	assert_int_equal(base_open_count(), before);
}

static void a_long_packet_is_refused_with_its_descriptor(void **state)
{
	struct ends *e = *state;
	size_t before = base_open_count();
	char data[4];
	size_t n = 0;
	int got = -2;

	assert_int_equal(fd_send(e->b, bytes_str("12345"), e->b), ERR_OK);
	assert_int_equal(fd_receive(e->a, data, sizeof(data), &n, &got), ERR_TOO_LONG);
	assert_int_equal(base_open_count(), before);
}

static void receiving_sees_the_end_and_emptiness(void **state)
{
	struct ends *e = *state;
	char data[4];
	size_t n = 0;
	int got = -2;

	assert_int_equal(fd_nonblock(e->a), ERR_OK);
	assert_int_equal(fd_receive(e->a, data, sizeof(data), &n, &got), ERR_SYSTEM);
	assert_int_equal(errno, EAGAIN);
	fd_close(&e->b);
	assert_int_equal(fd_receive(e->a, data, sizeof(data), &n, &got), ERR_CLOSED);
	assert_int_equal(fd_send(e->a, bytes_str("x"), -1), ERR_CLOSED);
}

#define WITH(test, kind) cmocka_unit_test_setup_teardown(test, kind, close_pair)
#define NAMED(test, kind)                                                                          \
	{                                                                                          \
#test "." #kind, test, kind, close_pair, NULL                                      \
	}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* In a child, since everything is closed. */
static void last_words_are_heard_though_ours_were_not(void **state)
{
	struct ends *e = *state;
	uint8_t data[16];
	size_t n;
	int got;

	assert_int_equal(send(e->a, "unread", 6, 0), 6);
	assert_int_equal(send(e->b, "last", 4, 0), 4);
	fd_close(&e->b);
	assert_int_equal(fd_receive(e->a, data, sizeof(data), &n, &got), ERR_OK);
	assert_int_equal(n, 4);
	assert_memory_equal(data, "last", 4);
	assert_int_equal(fd_receive(e->a, data, sizeof(data), &n, &got), ERR_CLOSED);
}

static void only_what_is_named_stays_open(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		static const int numbers[] = {20, 21, 23, 40};
		bool right = true;

		for (size_t i = 0; i < 4; i++)
			right = right && dup2(STDERR_FILENO, numbers[i]) == numbers[i];
		fd_keep_only((const int[]){40, -1, 21}, 3);
		right = right && is_open(STDIN_FILENO) && is_open(STDERR_FILENO);
		right = right && is_open(21) && is_open(40) && !is_open(20) && !is_open(23);
		for (int fd = 3; fd < 20; fd++)
			right = right && !is_open(fd);
		_exit(right ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(close_sets_minus_one, pipe_pair),
	    NAMED(what_is_written_can_be_read, pipe_pair),
	    NAMED(what_is_written_can_be_read, stream_pair),
	    NAMED(reading_times_out, pipe_pair),
	    NAMED(reading_times_out, stream_pair),
	    NAMED(reading_sees_the_end, pipe_pair),
	    NAMED(reading_sees_the_end, stream_pair),
	    NAMED(writing_to_nobody_is_no_signal, pipe_pair),
	    NAMED(writing_to_nobody_is_no_signal, stream_pair),
	    NAMED(writing_times_out, pipe_pair),
	    NAMED(writing_times_out, stream_pair),
	    NAMED(much_passes_in_parts, pipe_pair),
	    NAMED(much_passes_in_parts, stream_pair),
	    cmocka_unit_test(a_file_is_read_up_to_the_limit),
	    cmocka_unit_test(a_file_over_the_limit_is_refused),
	    cmocka_unit_test(a_folder_is_no_file),
	    cmocka_unit_test(only_what_is_named_stays_open),
	    WITH(a_pipe_is_read_to_its_end, pipe_pair),
	    WITH(the_peer_is_who_made_the_socket, stream_pair),
	    WITH(a_pipe_has_no_peer, pipe_pair),
	    NAMED(a_descriptor_arrives_close_on_exec, stream_pair),
	    NAMED(a_descriptor_arrives_close_on_exec, packet_pair),
	    WITH(without_a_descriptor_it_is_minus_one, packet_pair),
	    NAMED(surplus_descriptors_are_closed, stream_pair),
	    NAMED(surplus_descriptors_are_closed, packet_pair),
	    WITH(a_long_packet_is_refused_with_its_descriptor, packet_pair),
	    NAMED(receiving_sees_the_end_and_emptiness, stream_pair),
	    NAMED(last_words_are_heard_though_ours_were_not, stream_pair),
	    NAMED(receiving_sees_the_end_and_emptiness, packet_pair),
	    NAMED(last_words_are_heard_though_ours_were_not, packet_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
