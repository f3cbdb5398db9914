/* Listening Unix sockets and what lies at their paths. */
#ifndef SIGNET_UNIXSOCKET_H
#define SIGNET_UNIXSOCKET_H

#include <stdbool.h>
#include <sys/un.h>

#include "proto/base/err.h"

/* Room for a socket's path, its NUL included. */
enum { SOCKET_PATH = sizeof(((struct sockaddr_un *)0)->sun_path) };

/* Bind a listening socket, mode 0600, replacing a dead one.  errno is set on ERR_SYSTEM. */
enum err socket_bind(const char *path, int *fd);

/* True when somebody accepts connections at path. */
bool socket_alive(const char *path);

#endif
