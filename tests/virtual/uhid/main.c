/*
 * A virtual security key on USB, as far as programs can tell: a device of /dev/uhid, which the
 * kernel shows as a hidraw device.
 *
 *	fido-uhid [OPTIONS of device.h] SOCKET         a key; plugged in unless -u
 *	fido-uhid --tell SOCKET WORD...                command it: see device.h
 *	fido-uhid --await SOCKET CONDITION... SECONDS
 *
 * To be created is to be plugged in.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/uhid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "tests/virtual/ctaphid.h"
#include "tests/virtual/device.h"

/* The vendor and product are pid.codes' for private testing. */
enum { VENDOR = 0x1209, PRODUCT = 0x0001, QUEUE = 2048, PACE_MS = 1, IDLE_MS = 1000 };

static const char usage[] = "fido-uhid [-o NAME=VALUE]... [-p PIN] [-s FILE] [-a] [-u] SOCKET\n"
			    "       fido-uhid --tell SOCKET WORD...\n"
			    "       fido-uhid --await SOCKET CONDITION... SECONDS";

/* CTAP 2.1, section 11.2.8.1, as items of HID 1.11, section 6.2.2. */
static const uint8_t descriptor[] = {
    0x06, 0xd0, 0xf1, /* usage page: FIDO alliance */
    0x09, 0x01,       /* usage: U2F authenticator device */
    0xa1, 0x01,       /* collection: application */
    0x09, 0x20,       /* usage: data in */
    0x15, 0x00,       /* logical minimum: 0 */
    0x26, 0xff, 0x00, /* logical maximum: 255 */
    0x75, 0x08,       /* report size: 8 bits */
    0x95, 0x40,       /* report count: 64 */
    0x81, 0x02,       /* input: data, variable, absolute */
    0x09, 0x21,       /* usage: data out */
    0x15, 0x00,       /* logical minimum: 0 */
    0x26, 0xff, 0x00, /* logical maximum: 255 */
    0x75, 0x08,       /* report size: 8 bits */
    0x95, 0x40,       /* report count: 64 */
    0x91, 0x02,       /* output: data, variable, absolute */
    0xc0,             /* end of the collection */
};

struct usb {
	struct device device;
	struct ctaphid hid;
	int fd;       /* of /dev/uhid */
	bool created; /* the kernel has the device */
	/* reports to the client that wait to be sent: the kernel keeps 64 for a reader and drops
	 * the rest, so they go out no faster than on a bus */
	uint8_t queue[QUEUE][CTAPHID_REPORT];
	size_t first, waiting;
};

static void tell_kernel(struct usb *u, const struct uhid_event *event)
{
	if (write(u->fd, event, sizeof(*event)) < 0) {
		fprintf(stderr, "fido-uhid: /dev/uhid: %s\n", strerror(errno));
		exit(1);
	}
}

/* --- plugging in ---------------------------------------------------------- */

static void enqueue(void *arg, const uint8_t report[CTAPHID_REPORT])
{
	struct usb *u = arg;

	if (u->waiting == QUEUE)
		return;
	memcpy(u->queue[(u->first + u->waiting++) % QUEUE], report, CTAPHID_REPORT);
}

static void put_in(struct usb *u)
{
	const struct authenticator_options *o = authenticator_options(u->device.authenticator);
	struct uhid_event event = {.type = UHID_CREATE2};
	struct uhid_create2_req *q = &event.u.create2;

	strcpy((char *)q->name, "Signet virtual security key");
	memcpy(q->uniq, o->serial, sizeof(o->serial));
	memcpy(q->rd_data, descriptor, sizeof(descriptor));
	q->rd_size = sizeof(descriptor);
	q->bus = BUS_USB;
	q->vendor = VENDOR;
	q->product = PRODUCT;
	ctaphid_init(&u->hid, u->device.authenticator, enqueue, u);
	tell_kernel(u, &event);
	u->created = true;
}

static void take_out(struct usb *u)
{
	tell_kernel(u, &(struct uhid_event){.type = UHID_DESTROY});
	u->created = false;
	u->waiting = 0;
	authenticator_power_cycle(u->device.authenticator);
}

/* --- reports -------------------------------------------------------------- */

static void send_one(struct usb *u)
{
	struct uhid_event event = {.type = UHID_INPUT2};

	/* What is answered is kept: a test may kill us after it saw the answer. */
	device_save(&u->device);
	event.u.input2.size = CTAPHID_REPORT;
	memcpy(event.u.input2.data, u->queue[u->first], CTAPHID_REPORT);
	u->first = (u->first + 1) % QUEUE;
	u->waiting--;
	tell_kernel(u, &event);
}

/* With the number of the report in front, which is 0. */
static void take_output(struct usb *u, const struct uhid_output_req *q)
{
	if (q->size == 1 + CTAPHID_REPORT && q->data[0] == 0)
		ctaphid_receive(&u->hid, q->data + 1, device_now());
}

static void read_event(struct usb *u)
{
	struct uhid_event event = {0}, reply = {0};

	if (read(u->fd, &event, sizeof(event)) <= 0)
		return;
	switch (event.type) {
	case UHID_OUTPUT:
		take_output(u, &event.u.output);
		break;
	case UHID_GET_REPORT:
		reply.type = UHID_GET_REPORT_REPLY;
		reply.u.get_report_reply.id = event.u.get_report.id;
		reply.u.get_report_reply.err = EIO;
		tell_kernel(u, &reply);
		break;
	case UHID_SET_REPORT:
		reply.type = UHID_SET_REPORT_REPLY;
		reply.u.set_report_reply.id = event.u.set_report.id;
		reply.u.set_report_reply.err = EIO;
		tell_kernel(u, &reply);
		break;
	default:
		break;
	}
}

/* --- rounds --------------------------------------------------------------- */

static int patience(const struct usb *u)
{
	int wait = u->created ? ctaphid_wait(&u->hid, device_now()) : -1;

	if (u->waiting != 0)
		return PACE_MS;
	return wait < 0 ? IDLE_MS : wait;
}

/* One round: follow the test, then whatever came. */
static void round_of(struct usb *u)
{
	struct pollfd fds[CONTROL_FDS + 1];
	const size_t n = device_poll(&u->device, fds);

	if (u->device.plugged && !u->created)
		put_in(u);
	if (!u->device.plugged && u->created)
		take_out(u);
	fds[n] = (struct pollfd){.fd = u->fd, .events = POLLIN};
	if (poll(fds, n + 1, patience(u)) < 0 && errno != EINTR)
		exit(1);
	device_serve(&u->device, fds, n);
	if ((fds[n].revents & POLLIN) != 0)
		read_event(u);
	if (!u->created || !u->device.plugged)
		return;
	if (!ctaphid_step(&u->hid, device_now()))
		u->device.plugged = false;
	else if (u->waiting != 0)
		send_one(u);
}

int main(int argc, char **argv)
{
	static struct usb u = {.fd = -1};
	int status;

	if (control_client(argc, argv, &status))
		return status;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (!device_start(&u.device, &argc, &argv, usage))
		return 2;
	if (argc != 0) {
		fprintf(stderr, "usage: %s\n", usage);
		return 2;
	}
	u.fd = open("/dev/uhid", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (u.fd < 0) {
		fprintf(stderr, "/dev/uhid: %s\n", strerror(errno));
		return 2;
	}
	while (!u.device.quit)
		round_of(&u);
	fd_close(&u.fd);
	device_end(&u.device);
	return 0;
}
