#include "proto/base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/mem.h"

enum {
	/* The kernel passes at most so many descriptors in one message (SCM_MAX_FD). */
	MOST_PASSED = 253,
	FIRST_ROOM = 4096,
};

enum err fd_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return ERR_SYSTEM;
	return ERR_OK;
}

static void close_between(unsigned first, unsigned last)
{
	long most = sysconf(_SC_OPEN_MAX);

	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	for (unsigned fd = first; fd <= last && (long)fd < most; fd++)
		(void)close((int)fd);
}

void fd_keep_only(const int *keep, size_t n)
{
	int from = STDERR_FILENO + 1;

	for (;;) {
		int next = -1;

		for (size_t i = 0; i < n; i++) {
			if (keep[i] >= from && (next < 0 || keep[i] < next))
				next = keep[i];
		}
		if (next < 0)
			break;
		close_between((unsigned)from, (unsigned)next - 1);
		from = next + 1;
	}
	close_between((unsigned)from, INT_MAX);
}

void fd_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* When to give up; for ever when timeout_ms is negative. */
static uint64_t deadline_of(int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : clock_now() + (uint64_t)timeout_ms;
}

static int milliseconds_left(uint64_t deadline)
{
	uint64_t now;

	if (deadline == UINT64_MAX)
		return -1;
	now = clock_now();
	if (now >= deadline)
		return 0;
	return deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
}

static enum err wait_for(int fd, short events, uint64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int n = poll(&p, 1, milliseconds_left(deadline));

		if (n > 0)
			return ERR_OK;
		if (n == 0)
			return ERR_TIMEOUT;
		if (errno != EINTR)
			return ERR_SYSTEM;
	}
}

/* write() with the SIGPIPE that it may raise taken back: pipes have no MSG_NOSIGNAL. */
static ssize_t write_quietly(int fd, struct bytes data)
{
	static const struct timespec at_once = {0, 0};
	sigset_t set, before, pending;
	ssize_t n;
	int saved;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	n = write(fd, data.data, data.len);
	saved = errno;
	if (n == -1 && saved == EPIPE && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&set, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return n;
}

static ssize_t write_some(int fd, struct bytes data)
{
	ssize_t n = send(fd, data.data, data.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n != -1 || errno != ENOTSOCK)
		return n;
	/* A pipe that is ready takes at least so much without blocking. */
	if (data.len > PIPE_BUF)
		data.len = PIPE_BUF;
	return write_quietly(fd, data);
}

/* Whether a call that returned -1 is to be made again. */
static bool transient(void)
{
	return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
}

enum err fd_write_all(int fd, struct bytes data, int timeout_ms)
{
	uint64_t deadline = deadline_of(timeout_ms);

	while (data.len != 0) {
		enum err e = wait_for(fd, POLLOUT, deadline);
		ssize_t n;

		if (e != ERR_OK)
			return e;
		n = write_some(fd, data);
		if (n == -1 && !transient())
			return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : ERR_SYSTEM;
		if (n > 0)
			data = BYTES(data.data + n, data.len - (size_t)n);
	}
	return ERR_OK;
}

enum err fd_read_exact(int fd, void *out, size_t n, int timeout_ms)
{
	uint64_t deadline = deadline_of(timeout_ms);
	uint8_t *p = out;

	while (n != 0) {
		enum err e = wait_for(fd, POLLIN, deadline);
		ssize_t got;

		if (e != ERR_OK)
			return e;
		got = read(fd, p, n);
		if (got == 0 || (got == -1 && errno == ECONNRESET))
			return ERR_CLOSED;
		if (got == -1 && !transient())
			return ERR_SYSTEM;
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
	return ERR_OK;
}

/* Waits for descriptors that do not block; a regular file is always ready. */
static ssize_t read_some(int fd, uint8_t *p, size_t n)
{
	for (;;) {
		ssize_t got = read(fd, p, n);

		if (got != -1 || !transient())
			return got;
		if (errno != EINTR && wait_for(fd, POLLIN, UINT64_MAX) != ERR_OK)
			return -1;
	}
}

/* Room to begin with: the file's size as far as it is known and allowed, and one byte to see the
 * end. */
static size_t first_room(int fd, size_t limit)
{
	struct stat st;
	size_t size = FIRST_ROOM;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		size = (uintmax_t)st.st_size < limit ? (size_t)st.st_size : limit;
	return (size < limit ? size : limit) + 1;
}

enum err fd_read_file(int fd, size_t limit, struct blob *out)
{
	size_t room = first_room(fd, limit);
	uint8_t *data = mem_alloc(room + 1);
	size_t len = 0;
	enum err e = ERR_MEMORY;

	while (data != NULL) {
		ssize_t got = read_some(fd, data + len, room - len);

		e = got == -1 ? ERR_SYSTEM : ERR_OK;
		if (got <= 0)
			break;
		len += (size_t)got;
		e = ERR_TOO_LONG;
		if (len > limit)
			break;
		if (len == room) {
			uint8_t *grown;

			room = room > limit / 2 ? limit + 1 : room * 2;
			grown = mem_grow(data, room + 1);
			e = ERR_MEMORY;
			if (grown == NULL)
				break;
			data = grown;
		}
	}
	if (e == ERR_OK) {
		data[len] = '\0';
		blob_clear(out);
		*out = (struct blob){data, len};
		data = NULL;
	}
	mem_free(data);
	return e;
}

enum err fd_peer(int fd, struct peer *out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return ERR_SYSTEM;
	*out = (struct peer){cred.pid, cred.uid, cred.gid};
	return ERR_OK;
}

/* Room for the control part of a message, aligned as its header wants. */
union control {
	struct cmsghdr align;
	uint8_t room[CMSG_SPACE(MOST_PASSED * sizeof(int))];
};

static void attach(struct msghdr *m, union control *c, int fd)
{
	struct cmsghdr *h;

	m->msg_control = c;
	m->msg_controllen = CMSG_SPACE(sizeof(int));
	h = CMSG_FIRSTHDR(m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(int));
}

enum err fd_send(int sock, struct bytes data, int fd)
{
	union control control = {0};
	struct iovec part = {(void *)(uintptr_t)data.data, data.len};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	/* Without a byte there is no message that could carry the descriptor. */
	if (data.len == 0)
		return ERR_FORMAT;
	if (fd != -1)
		attach(&m, &control, fd);
	do
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : ERR_SYSTEM;
	return fd_write_all(sock, BYTES(data.data + n, data.len - (size_t)n), -1);
}

/* Take the descriptors out of a received message: the first into *fd, every other closed. */
static size_t detach(struct msghdr *m, int *fd)
{
	size_t count = 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int one;

			memcpy(&one, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
			if (count++ == 0)
				*fd = one;
			else
				close(one);
		}
	}
	return count;
}

enum err fd_receive(int sock, void *data, size_t room, size_t *n, int *fd)
{
	union control control = {0};
	struct iovec part = {data, room};
	struct msghdr m = {
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	int passed = -1;
	unsigned reset = 0;
	size_t count;
	ssize_t got;

	/* That the other end went with messages unread is said before, and only once, what it sent.
	 */
	do
		got = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (got == -1 && (errno == EINTR || (errno == ECONNRESET && !reset++)));
	if (got == -1)
		return errno == ECONNRESET ? ERR_CLOSED : ERR_SYSTEM;
	count = detach(&m, &passed);
	if (got == 0 || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || count > 1 ||
	    (count == 1 && fd == NULL)) {
		fd_close(&passed);
		if (got == 0)
			return ERR_CLOSED;
		return (m.msg_flags & MSG_TRUNC) != 0 ? ERR_TOO_LONG : ERR_SURPLUS;
	}
	*n = (size_t)got;
	if (fd != NULL)
		*fd = passed;
	return ERR_OK;
}
