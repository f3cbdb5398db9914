#include "tests/virtual/vpcd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/builder.h"

enum { GET_ATR = 4 };
enum { READ_MS = 10000, LENGTH_MAX = 65535 };

bool vpcd_port(const char *text, uint16_t *out)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	*out = (uint16_t)n;
	return *end == '\0' && n > 0 && n <= UINT16_MAX;
}

void vpcd_connect(struct vpcd *v)
{
	const struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons(v->port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	const int one = 1;

	v->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (v->fd < 0)
		return;
	if (connect(v->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
		fd_close(&v->fd);
		return;
	}
	(void)setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* Length and content at once: vpcd would wait for the second of two packets. */
bool vpcd_send(struct vpcd *v, struct bytes content)
{
	struct builder message = {0};

	if (content.len > LENGTH_MAX)
		content.len = LENGTH_MAX;
	builder_u8(&message, (uint8_t)(content.len >> 8));
	builder_u8(&message, (uint8_t)content.len);
	builder_put(&message, content);
	if (fd_write_all(v->fd, builder_view(&message), READ_MS) != ERR_OK)
		fd_close(&v->fd);
	builder_clear(&message);
	return v->fd >= 0;
}

/* vpcd sends the length alone, and the rest when that was acknowledged. */
static bool read_exact(struct vpcd *v, void *out, size_t n)
{
	const int one = 1;

	(void)setsockopt(v->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
	if (fd_read_exact(v->fd, out, n, READ_MS) != ERR_OK) {
		fd_close(&v->fd);
		return false;
	}
	(void)setsockopt(v->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
	return true;
}

enum vpcd_event vpcd_read(struct vpcd *v, struct bytes *command)
{
	static uint8_t content[LENGTH_MAX];
	uint8_t length[2];
	size_t n;

	if (!read_exact(v, length, sizeof length))
		return VPCD_GONE;
	n = (size_t)length[0] << 8 | length[1];
	if (!read_exact(v, content, n))
		return VPCD_GONE;
	*command = BYTES(content, n);
	if (n != 1)
		return VPCD_COMMAND;
	if (content[0] != GET_ATR)
		return VPCD_POWER;
	return vpcd_send(v, v->atr) ? VPCD_NONE : VPCD_GONE;
}
