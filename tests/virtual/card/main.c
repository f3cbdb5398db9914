/*
 * A virtual card with a FIDO applet, in a virtual reader of pcscd.
 *
 *	fido-card [OPTIONS of device.h] PORT SOCKET    a card for the slot of vpcd at 127.0.0.1:PORT
 *	fido-card --tell SOCKET WORD...                command it: see device.h
 *	fido-card --await SOCKET CONDITION... SECONDS
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "proto/base/fdio.h"
#include "tests/virtual/card/applet.h"
#include "tests/virtual/device.h"
#include "tests/virtual/vpcd.h"

enum { IDLE_MS = 1000 };

static const char usage[] =
    "fido-card [-o NAME=VALUE]... [-p PIN] [-s FILE] [-a] [-u] PORT SOCKET\n"
    "       fido-card --tell SOCKET WORD...\n"
    "       fido-card --await SOCKET CONDITION... SECONDS";

/* T=1, historical bytes "FIDO". */
static const uint8_t atr[] = {0x3b, 0x84, 0x80, 0x01, 'F', 'I', 'D', 'O', 0x01};

struct card {
	struct device device;
	struct applet applet;
	struct vpcd reader;
	bool busy;
};

static void take_out(struct card *c)
{
	fd_close(&c->reader.fd);
	c->busy = false;
	applet_reset(&c->applet, device_now());
	authenticator_power_cycle(c->device.authenticator);
}

static void follow(struct card *c, enum applet_outcome outcome, const struct builder *reply)
{
	c->busy = outcome == APPLET_BUSY;
	if (outcome == APPLET_ANSWER) {
		/* What is answered is kept: a test may kill us after it saw the answer. */
		device_save(&c->device);
		if (!vpcd_send(&c->reader, builder_view(reply)))
			take_out(c);
	} else if (outcome == APPLET_GONE) {
		c->device.plugged = false;
		take_out(c);
	}
}

static void read_message(struct card *c)
{
	struct builder reply = {0};
	struct bytes command;

	switch (vpcd_read(&c->reader, &command)) {
	case VPCD_NONE:
		break;
	case VPCD_POWER:
		applet_reset(&c->applet, device_now());
		break;
	case VPCD_COMMAND:
		follow(c, applet_command(&c->applet, command, device_now(), &reply), &reply);
		break;
	default:
		take_out(c);
	}
	builder_clear(&reply);
}

/* One round: follow the test, then whatever came. */
static void round_of(struct card *c)
{
	struct pollfd fds[CONTROL_FDS + 1];
	const size_t n = device_poll(&c->device, fds);
	struct builder reply = {0};
	int timeout = IDLE_MS;

	if (c->device.plugged && c->reader.fd < 0)
		vpcd_connect(&c->reader);
	if (!c->device.plugged && c->reader.fd >= 0)
		take_out(c);
	if (c->busy)
		timeout = AUTHENTICATOR_POLL_MS;
	else if (c->device.plugged && c->reader.fd < 0)
		timeout = VPCD_RECONNECT_MS;
	/* A busy card reads no further command, but notices that it was taken out. */
	fds[n] = (struct pollfd){.fd = c->reader.fd, .events = c->busy ? POLLRDHUP : POLLIN};
	if (poll(fds, n + 1, timeout) < 0 && errno != EINTR)
		exit(1);
	device_serve(&c->device, fds, n);
	if (c->reader.fd >= 0 && fds[n].fd == c->reader.fd && fds[n].revents != 0) {
		if (c->busy)
			take_out(c);
		else
			read_message(c);
	}
	if (c->busy)
		follow(c, applet_step(&c->applet, device_now(), &reply), &reply);
	builder_clear(&reply);
}

int main(int argc, char **argv)
{
	struct card c = {.reader = {.fd = -1, .atr = BYTES(atr, sizeof atr)}};
	int status;

	if (control_client(argc, argv, &status))
		return status;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (!device_start(&c.device, &argc, &argv, usage))
		return 2;
	if (argc != 1 || !vpcd_port(argv[0], &c.reader.port)) {
		fprintf(stderr, "usage: %s\n", usage);
		return 2;
	}
	c.applet.authenticator = c.device.authenticator;
	while (!c.device.quit)
		round_of(&c);
	fd_close(&c.reader.fd);
	applet_clear(&c.applet);
	device_end(&c.device);
	return 0;
}
