#include "proto/helperio.h"

#include <sys/stat.h>

#include "proto/base/fdio.h"
#include "proto/base/mem.h"
#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"
#include "proto/reader.h"

bool helper_started(void)
{
	struct stat st;

	return fstat(HELPER_FD, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Of a core from before an upgrade.  A message of ours, so that it sees by the version what is
 * wrong. */
static enum err refuse_version(int sock)
{
	struct builder b = {0};

	builder_close(&b, helper_message_open(&b, HELPER_ALIEN));
	if (builder_error(&b) == ERR_OK)
		(void)fd_write_all(sock, builder_view(&b), LIMIT_HELPER_MS);
	builder_clear(&b);
	return ERR_VERSION;
}

enum err helper_receive(int sock, size_t limit, struct blob *out)
{
	uint8_t header[FRAME_HEADER];
	struct reader r = reader_of(BYTES(header, sizeof(header)));
	uint8_t *data;
	uint32_t n = 0;
	enum err e = fd_read_exact(sock, header, sizeof(header), LIMIT_HELPER_MS);

	if (e == ERR_OK)
		e = reader_u32(&r, &n);
	if (e == ERR_OK && n > limit)
		e = ERR_TOO_LONG;
	if (e != ERR_OK)
		return e;
	data = mem_alloc((size_t)n + 1);
	if (data == NULL)
		return ERR_MEMORY;
	e = fd_read_exact(sock, data, n, LIMIT_HELPER_MS);
	if (e == ERR_OK && n > 0 && data[0] != HELPER_VERSION)
		e = refuse_version(sock);
	if (e == ERR_OK) {
		*out = (struct blob){data, n};
		data = NULL;
	}
	mem_free(data);
	return e;
}
