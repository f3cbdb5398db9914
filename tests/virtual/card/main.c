/*
 * A virtual card with a FIDO applet, in a virtual reader of pcscd.
 *
 *	fido-card [OPTIONS of device.h] PORT SOCKET    a card for the slot of vpcd at 127.0.0.1:PORT
 *	fido-card --tell SOCKET WORD...                command it: see device.h
 *	fido-card --await SOCKET CONDITION... SECONDS
 *
 * vpcd's messages are two bytes of length and as many bytes: a single byte is power off, on, reset
 *or "what is your ATR", anything else an APDU.  To be connected is to be in the reader.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "tests/virtual/card/applet.h"
#include "tests/virtual/device.h"

enum { POWER_OFF = 0, POWER_ON = 1, RESET = 2, GET_ATR = 4 };
enum { READ_MS = 10000, RECONNECT_MS = 50, IDLE_MS = 1000, LENGTH_MAX = 65535 };

static const char usage[] =
    "fido-card [-o NAME=VALUE]... [-p PIN] [-s FILE] [-a] [-u] PORT SOCKET\n"
    "       fido-card --tell SOCKET WORD...\n"
    "       fido-card --await SOCKET CONDITION... SECONDS";

/* T=1, historical bytes "FIDO". */
static const uint8_t atr[] = {0x3b, 0x84, 0x80, 0x01, 'F', 'I', 'D', 'O', 0x01};

struct card {
	struct device device;
	struct applet applet;
	uint16_t port;
	int fd; /* to vpcd; -1: not in the reader */
	bool busy;
};

static void take_out(struct card *c)
{
	fd_close(&c->fd);
	c->busy = false;
	applet_reset(&c->applet, device_now());
	authenticator_power_cycle(c->device.authenticator);
}

static void put_in(struct card *c)
{
	const struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons(c->port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	const int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return;
	if (connect(c->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
		fd_close(&c->fd);
		return;
	}
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* Length and content at once: vpcd would wait for the second of two packets. */
static void send_message(struct card *c, struct bytes content)
{
	struct builder message = {0};

	if (content.len > LENGTH_MAX)
		content.len = LENGTH_MAX;
	builder_u8(&message, (uint8_t)(content.len >> 8));
	builder_u8(&message, (uint8_t)content.len);
	builder_put(&message, content);
	if (fd_write_all(c->fd, builder_view(&message), READ_MS) != ERR_OK)
		take_out(c);
	builder_clear(&message);
}

static void follow(struct card *c, enum applet_outcome outcome, const struct builder *reply)
{
	c->busy = outcome == APPLET_BUSY;
	if (outcome == APPLET_ANSWER) {
		/* What is answered is kept: a test may kill us after it saw the answer. */
		device_save(&c->device);
		send_message(c, builder_view(reply));
	} else if (outcome == APPLET_GONE) {
		c->device.plugged = false;
		take_out(c);
	}
}

static void take_message(struct card *c, struct bytes content)
{
	struct builder reply = {0};

	if (content.len == 1) {
		if (content.data[0] == GET_ATR)
			send_message(c, BYTES(atr, sizeof atr));
		else
			applet_reset(&c->applet, device_now());
		return;
	}
	follow(c, applet_command(&c->applet, content, device_now(), &reply), &reply);
	builder_clear(&reply);
}

static void read_message(struct card *c)
{
	static uint8_t content[LENGTH_MAX];
	const int one = 1;
	uint8_t length[2];
	size_t n;

	/* vpcd sends the length alone, and the rest when that was acknowledged. */
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
	if (fd_read_exact(c->fd, length, sizeof length, READ_MS) != ERR_OK) {
		take_out(c);
		return;
	}
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
	n = (size_t)length[0] << 8 | length[1];
	if (fd_read_exact(c->fd, content, n, READ_MS) != ERR_OK) {
		take_out(c);
		return;
	}
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
	take_message(c, BYTES(content, n));
}

/* One round: follow the test, then whatever came. */
static void round_of(struct card *c)
{
	struct pollfd fds[DEVICE_FDS + 1];
	const size_t n = device_poll(&c->device, fds);
	struct builder reply = {0};
	int timeout = IDLE_MS;

	if (c->device.plugged && c->fd < 0)
		put_in(c);
	if (!c->device.plugged && c->fd >= 0)
		take_out(c);
	if (c->busy)
		timeout = AUTHENTICATOR_POLL_MS;
	else if (c->device.plugged && c->fd < 0)
		timeout = RECONNECT_MS;
	/* A busy card reads no further command, but notices that it was taken out. */
	fds[n] = (struct pollfd){.fd = c->fd, .events = c->busy ? POLLRDHUP : POLLIN};
	if (poll(fds, n + 1, timeout) < 0 && errno != EINTR)
		exit(1);
	device_serve(&c->device, fds, n);
	if (c->fd >= 0 && fds[n].fd == c->fd && fds[n].revents != 0) {
		if (c->busy)
			take_out(c);
		else
			read_message(c);
	}
	if (c->busy)
		follow(c, applet_step(&c->applet, device_now(), &reply), &reply);
	builder_clear(&reply);
}

static bool read_port(const char *text, uint16_t *out)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	*out = (uint16_t)n;
	return *end == '\0' && n > 0 && n <= UINT16_MAX;
}

int main(int argc, char **argv)
{
	struct card c = {.fd = -1};
	int status;

	if (device_client(argc, argv, &status))
		return status;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (!device_start(&c.device, &argc, &argv, usage))
		return 2;
	if (argc != 1 || !read_port(argv[0], &c.port)) {
		fprintf(stderr, "usage: %s\n", usage);
		return 2;
	}
	c.applet.authenticator = c.device.authenticator;
	while (!c.device.quit)
		round_of(&c);
	fd_close(&c.fd);
	applet_clear(&c.applet);
	device_end(&c.device);
	return 0;
}
