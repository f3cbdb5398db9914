#include "tokens/fido/card.h"

#include <fido.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/clock.h"
#include "tokens/fido/nfc.h"
#include "tokens/base/pcsc.h"

enum {
	READY_MS =
	    1000, /* for another program's transaction to end, or a card just put in to answer */
	READY_POLL_MS = 20,
};

struct card {
	struct pcsc_card *pcsc;
	struct nfc nfc;
};

/* libfido2's open function gets a path and nothing else; this is what it is to return. */
static struct card *opening;

static enum err transmit(void *arg, struct bytes apdu, uint8_t *reply, size_t *n)
{
	*n = NFC_REPLY_MOST;
	return pcsc_transmit(arg, apdu, reply, n);
}

static enum err connect_to(const char *reader, struct card *c)
{
	enum err e = pcsc_open(reader, &c->pcsc);

	/* Another program may select an applet of its own at any time but within this. */
	if (e == ERR_OK)
		e = pcsc_begin(c->pcsc);
	if (e != ERR_OK)
		return e;
	c->nfc.transmit = transmit;
	c->nfc.card = c->pcsc;
	return nfc_select(&c->nfc);
}

static void let_go(struct card *c)
{
	nfc_clear(&c->nfc);
	pcsc_close(c->pcsc);
	c->pcsc = NULL;
}

enum err card_probe(const char *reader)
{
	struct card c = {0};
	enum err e = connect_to(reader, &c);

	/* That the card holds no such applet is for the card to say. */
	if (e == ERR_NO_DEVICE && c.pcsc == NULL)
		e = ERR_DEVICE_GONE;
	let_go(&c);
	return e;
}

enum err card_open(const char *reader, struct card **out)
{
	static const struct timespec pause = {.tv_nsec = READY_POLL_MS * 1000000L};
	uint64_t end = clock_now() + READY_MS;
	struct card *c = calloc(1, sizeof(*c));
	enum err e;

	if (c == NULL)
		return ERR_MEMORY;
	while ((e = connect_to(reader, c)) == ERR_DEVICE_BUSY || e == ERR_DEVICE) {
		if (clock_now() >= end)
			break;
		let_go(c);
		nanosleep(&pause, NULL);
	}
	if (e != ERR_OK) {
		card_close(c);
		return e;
	}
	*out = c;
	return ERR_OK;
}

void card_close(struct card *c)
{
	if (c == NULL)
		return;
	let_go(c);
	free(c);
}

bool card_gone(struct card *c)
{
	return pcsc_gone(c->pcsc);
}

bool card_failed(const struct card *c)
{
	return c->nfc.failed;
}

bool card_is_u2f(const struct card *c)
{
	return c->nfc.ctap2_refused;
}

static void *io_open(const char *path)
{
	(void)path;
	return opening;
}

static void io_close(void *handle)
{
	(void)handle;
}

/* libfido2 wants these to be there; with a transport of one's own it does not call them. */
static int io_read(void *handle, unsigned char *buf, size_t n, int ms)
{
	(void)handle, (void)buf, (void)n, (void)ms;
	return -1;
}

static int io_write(void *handle, const unsigned char *buf, size_t n)
{
	(void)handle, (void)buf, (void)n;
	return -1;
}

static int transport_rx(fido_dev_t *dev, uint8_t command, unsigned char *buf, size_t n, int ms)
{
	struct card *c = fido_dev_io_handle(dev);

	return nfc_rx(&c->nfc, command, buf, n, ms);
}

static int transport_tx(fido_dev_t *dev, uint8_t command, const unsigned char *buf, size_t n)
{
	struct card *c = fido_dev_io_handle(dev);

	return nfc_tx(&c->nfc, command, BYTES(buf, n));
}

enum err card_attach(struct card *c, fido_dev_t *dev)
{
	static const fido_dev_io_t io = {io_open, io_close, io_read, io_write};
	static const fido_dev_transport_t transport = {transport_rx, transport_tx};

	if (fido_dev_set_io_functions(dev, &io) != FIDO_OK ||
	    fido_dev_set_transport_functions(dev, &transport) != FIDO_OK)
		return ERR_DEVICE;
	opening = c;
	return ERR_OK;
}
