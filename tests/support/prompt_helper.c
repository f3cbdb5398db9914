#include "tests/support/prompt_helper.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/spawn.h"
#include "proto/frame.h"
#include "proto/reader.h"

const char *prompt_helper_path(void)
{
	static char path[PATH_MAX];
	const char *build = getenv("BUILD");
	char here[PATH_MAX / 2];

	assert_non_null(getcwd(here, sizeof(here)));
	(void)snprintf(path, sizeof(path), "%s%s/libexec/signet/signet-prompt",
	    build != NULL ? build : here, build != NULL ? "" : "/build");
	return path;
}

void prompt_helper_start(struct prompt_helper *h, const char *const *environment)
{
	static const char *const argv[] = {"signet-prompt", NULL};
	int socks[2], errors[2];
	struct spawn_fd fds[2];
	struct spawn_args args = {
	    .path = prompt_helper_path(),
	    .argv = argv,
	    .env = environment,
	    .fds = fds,
	    .nfds = 2,
	    .new_session = true,
	    .die_with_parent = true,
	};

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks), 0);
	assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
	fds[0] = (struct spawn_fd){socks[1], HELPER_FD};
	fds[1] = (struct spawn_fd){errors[1], STDERR_FILENO};
	assert_int_equal(spawn(&args, &h->pid), ERR_OK);
	fd_close(&socks[1]);
	fd_close(&errors[1]);
	h->sock = socks[0];
	h->errors = errors[0];
}

void prompt_helper_ask(const struct prompt_helper *h, const struct helper_ask *m)
{
	struct builder b = {0};

	helper_ask_build(&b, m);
	assert_int_equal(fd_write_all(h->sock, builder_view(&b), BASE_PATIENCE), ERR_OK);
	builder_clear(&b);
}

enum err prompt_helper_hear(const struct prompt_helper *h, char *text, size_t room)
{
	uint8_t frame[4096];
	struct reader r = reader_of(BYTES(frame, FRAME_HEADER));
	struct helper_answer m;
	uint32_t n = 0;

	assert_int_equal(fd_read_exact(h->sock, frame, FRAME_HEADER, BASE_PATIENCE), ERR_OK);
	assert_int_equal(reader_u32(&r, &n), ERR_OK);
	assert_in_range(n, 1, sizeof(frame));
	assert_int_equal(fd_read_exact(h->sock, frame, n, BASE_PATIENCE), ERR_OK);
	assert_int_equal(helper_answer_parse(BYTES(frame, n), &m), ERR_OK);
	assert_true(m.answer.len < room);
	memcpy(text, m.answer.data, m.answer.len);
	text[m.answer.len] = '\0';
	assert_int_equal(fd_read_exact(h->sock, frame, 1, BASE_PATIENCE), ERR_CLOSED);
	return m.result;
}

void prompt_helper_close(struct prompt_helper *h)
{
	fd_close(&h->sock);
	fd_close(&h->errors);
}
