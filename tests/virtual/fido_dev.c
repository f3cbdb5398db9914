#ifdef HAVE_LIBFIDO2

#include "tests/virtual/fido_dev.h"

#include <string.h>

#include "proto/base/mem.h"

/* Commands of CTAPHID (CTAP 2.1, section 11.2.9), which libfido2 gives to a transport. */
enum { CMD_MSG = 0x03, CMD_INIT = 0x06, CMD_CBOR = 0x10, CMD_CANCEL = 0x11 };
enum { NONCE_LEN = 8, INIT_LEN = 17, CAPABILITY_CBOR = 0x04, CAPABILITY_NO_MSG = 0x08 };

struct link {
	struct authenticator *authenticator;
	uint64_t now;
	uint8_t nonce[NONCE_LEN];
	void (*on_wait)(void *arg);
	void *arg;
	uint8_t from;
	uint8_t to;
	virtual_dev_twist *twist;
	void *twister;
};

/* libfido2's open function gets a path and nothing else; this is what the next one opens. */
static struct link opening;

static void *link_open(const char *path)
{
	struct link *l = mem_alloc(sizeof *l);

	(void)path;
	if (l != NULL)
		*l = opening;
	return l;
}

static void link_close(void *handle)
{
	mem_free(handle);
}

/* Never called, since the transport is ours; libfido2 wants them all the same. */
static int link_read(void *handle, unsigned char *buf, size_t n, int ms)
{
	(void)handle, (void)buf, (void)n, (void)ms;
	return -1;
}

static int link_write(void *handle, const unsigned char *buf, size_t n)
{
	(void)handle, (void)buf, (void)n;
	return -1;
}

static int begin(
    struct link *l, enum authenticator_protocol protocol, const unsigned char *buf, size_t n)
{
	struct blob command = {0};

	if (blob_copy(&command, BYTES(buf, n)) != ERR_OK)
		return -1;
	if (protocol == AUTHENTICATOR_CTAP2 && n > 0 && l->from != 0 && buf[0] == l->from)
		command.data[0] = l->to;
	authenticator_begin(l->authenticator, protocol, blob_view(&command), l->now);
	blob_clear(&command);
	return 0;
}

static int link_tx(fido_dev_t *dev, uint8_t command, const unsigned char *buf, size_t n)
{
	struct link *l = fido_dev_io_handle(dev);

	switch (command) {
	case CMD_INIT:
		if (n != NONCE_LEN)
			return -1;
		memcpy(l->nonce, buf, NONCE_LEN);
		return 0;
	case CMD_CANCEL:
		authenticator_cancel(l->authenticator);
		return 0;
	case CMD_CBOR:
		return begin(l, AUTHENTICATOR_CTAP2, buf, n);
	case CMD_MSG:
		return begin(l, AUTHENTICATOR_U2F, buf, n);
	default:
		return -1;
	}
}

static int init_answer(const struct link *l, unsigned char *buf, size_t room)
{
	const struct authenticator_options *o = authenticator_options(l->authenticator);

	if (room < INIT_LEN)
		return -1;
	memset(buf, 0, INIT_LEN);
	memcpy(buf, l->nonce, NONCE_LEN);
	buf[11] = 1; /* channel */
	buf[12] = 2; /* protocol version */
	buf[16] = (uint8_t)((o->ctap2 ? CAPABILITY_CBOR : 0) | (o->u2f ? 0 : CAPABILITY_NO_MSG));
	return INIT_LEN;
}

static int answer_of(struct link *l, uint8_t command, unsigned char *buf, size_t room, int ms)
{
	const uint64_t start = l->now;
	enum authenticator_outcome outcome;
	struct bytes answer;

	if (command == CMD_INIT)
		return init_answer(l, buf, room);
	while ((outcome = authenticator_step(l->authenticator, l->now)) != AUTHENTICATOR_DONE) {
		if (outcome != AUTHENTICATOR_WAITING && outcome != AUTHENTICATOR_WORKING)
			return -1;
		if (ms >= 0 && l->now - start >= (uint64_t)ms)
			return -1;
		if (ms < 0 && outcome == AUTHENTICATOR_WORKING)
			return -1;
		if (outcome == AUTHENTICATOR_WAITING && l->on_wait != NULL)
			l->on_wait(l->arg);
		l->now += AUTHENTICATOR_POLL_MS;
	}
	answer = authenticator_response(l->authenticator);
	if (answer.len > room)
		return -1;
	if (answer.len > 0)
		memcpy(buf, answer.data, answer.len);
	return (int)answer.len;
}

static int link_rx(fido_dev_t *dev, uint8_t command, unsigned char *buf, size_t room, int ms)
{
	struct link *l = fido_dev_io_handle(dev);
	int n = answer_of(l, command, buf, room, ms);

	return l->twist != NULL ? l->twist(l->twister, buf, n, room) : n;
}

int virtual_dev_attach(
    fido_dev_t *dev, struct authenticator *a, virtual_dev_twist *twist, void *arg)
{
	static const fido_dev_io_t io = {link_open, link_close, link_read, link_write};
	static const fido_dev_transport_t transport = {link_rx, link_tx};
	int code = fido_dev_set_io_functions(dev, &io);

	if (code == FIDO_OK)
		code = fido_dev_set_transport_functions(dev, &transport);
	opening = (struct link){.authenticator = a, .twist = twist, .twister = arg};
	return code;
}

fido_dev_t *virtual_dev_open(struct authenticator *a)
{
	fido_dev_t *dev = fido_dev_new();

	if (dev != NULL && virtual_dev_attach(dev, a, NULL, NULL) == FIDO_OK &&
	    fido_dev_open(dev, "virtual") == FIDO_OK)
		return dev;
	fido_dev_free(&dev);
	return NULL;
}

void virtual_dev_on_wait(fido_dev_t *dev, void (*fn)(void *arg), void *arg)
{
	struct link *l = fido_dev_io_handle(dev);

	l->on_wait = fn;
	l->arg = arg;
}

void virtual_dev_rewrite(fido_dev_t *dev, uint8_t from, uint8_t to)
{
	struct link *l = fido_dev_io_handle(dev);

	l->from = from;
	l->to = to;
}

#else

/* A translation unit has something in it. */
extern int virtual_dev_needs_libfido2;

#endif
