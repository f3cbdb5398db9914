/* What clients of a bench share: they end the program when something is wrong. */
#ifndef SIGNET_BENCH_CLIENT_H
#define SIGNET_BENCH_CLIENT_H

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "keystore/file/pubfile.h"
#include "proto/agentmsg.h"
#include "proto/base/fdio.h"
#include "proto/limits.h"

static inline int dial(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0)
		err(1, "%s", path);
	return fd;
}

/* A signature of data by the key of pubfile. */
static inline void build_sign_request(struct builder *b, const char *pubfile, struct bytes data)
{
	struct pubfile pub = {0};
	struct blob file = {0};
	int fd = open(pubfile, O_RDONLY | O_CLOEXEC);
	size_t mark;

	if (fd < 0 || fd_read_file(fd, LIMIT_KEY_FILE, &file) != ERR_OK ||
	    pubfile_parse(blob_view(&file), &pub) != ERR_OK)
		errx(1, "%s: no public key", pubfile);
	close(fd);
	mark = message_open(b, AGENT_SIGN_REQUEST);
	builder_string(b, blob_view(&pub.blob));
	builder_string(b, data);
	builder_u32(b, strncmp((const char *)file.data, "ssh-rsa", 7) == 0 ? SIGN_RSA_SHA2_256 : 0);
	message_close(b, mark);
}

#endif
