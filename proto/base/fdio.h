/* Descriptors: flags, whole reads and writes with a deadline, peers, passing. */
#ifndef SIGNET_FDIO_H
#define SIGNET_FDIO_H

#include <sys/types.h>

#include "proto/base/bytes.h"

enum err fd_nonblock(int fd);

/*
 * Close every descriptor above standard error but these n (-1 among them is passed over): what a
 * daemon inherited would keep others' pipes open.
 */
void fd_keep_only(const int *keep, size_t n);

/* Close *fd unless it is -1, and set it to -1. */
void fd_close(int *fd);

/*
 * Write all, or read exactly n bytes, waiting up to timeout_ms (-1: for ever).
 * ERR_CLOSED at end of file, ERR_TIMEOUT, ERR_SYSTEM (errno is set).  Never raises SIGPIPE.
 */
enum err fd_write_all(int fd, struct bytes data, int timeout_ms);
enum err fd_read_exact(int fd, void *out, size_t n, int timeout_ms);

/*
 * The content of a file, at most limit bytes: ERR_TOO_LONG beyond, ERR_SYSTEM with errno
 * otherwise.  The memory wipes itself.
 */
enum err fd_read_file(int fd, size_t limit, struct blob *out);

/* Who is at the other end of a connected Unix socket. */
struct peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

enum err fd_peer(int fd, struct peer *out);

/*
 * Send at least one byte of data, and a descriptor (-1: none) that stays the caller's.
 * ERR_CLOSED, or ERR_SYSTEM with errno (EAGAIN: a socket that does not block is full).
 */
enum err fd_send(int sock, struct bytes data, int fd);

/*
 * Receive one message of at most room bytes, and the descriptor that came with it in *fd (-1: none;
 * close-on-exec; the caller's to close).  fd may be NULL where none is expected.  ERR_CLOSED at
 * the end, ERR_SYSTEM with errno (EAGAIN), ERR_TOO_LONG for a datagram beyond room, ERR_SURPLUS for
 * more descriptors than expected: all of them are closed then.
 */
enum err fd_receive(int sock, void *data, size_t room, size_t *n, int *fd);

#endif
