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
	if (e == ERR_OK) {
		*out = (struct blob){data, n};
		data = NULL;
	}
	mem_free(data);
	return e;
}
