#include "add/helper.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "proto/base/fdio.h"
#include "proto/builder.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/reader.h"

enum err helper_read(int sock, size_t limit, int timeout_ms, struct blob *out)
{
	uint8_t header[FRAME_HEADER];
	struct reader r = reader_of(BYTES(header, sizeof(header)));
	struct builder body = {0};
	uint32_t length = 0;
	uint8_t *room;
	enum err e = fd_read_exact(sock, header, sizeof(header), timeout_ms);

	if (e == ERR_OK)
		e = reader_u32(&r, &length);
	if (e == ERR_OK && (length == 0 || length > limit))
		e = ERR_REPLY;
	if (e != ERR_OK)
		return e == ERR_CLOSED ? ERR_HELPER : e;
	room = builder_reserve(&body, length);
	e = builder_error(&body);
	if (e == ERR_OK)
		e = fd_read_exact(sock, room, length, LIMIT_HELPER_MS);
	if (e == ERR_OK)
		e = builder_take(&body, out);
	builder_clear(&body);
	return e == ERR_CLOSED ? ERR_HELPER : e;
}

void helper_see_end(pid_t pid, int sock)
{
	uint8_t byte;

	(void)shutdown(sock, SHUT_WR);
	if (fd_read_exact(sock, &byte, 1, LIMIT_CANCEL_MS) != ERR_CLOSED)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
}
