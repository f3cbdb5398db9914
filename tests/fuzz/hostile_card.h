/*
 * Hostile devices instead of card.c's cards: a HID device is a file that is locked and looked at;
 * what is in a reader is not, and everything behind that is the same.
 */
#ifndef SIGNET_FUZZ_HOSTILE_CARD_H
#define SIGNET_FUZZ_HOSTILE_CARD_H

#include "proto/base/mem.h"
#include "tests/fuzz/hostile.h"
#include "tokens/fido/card.h"

struct card {
	struct authenticator *device;
};

enum err card_open(const char *reader, struct card **out)
{
	struct card *c = mem_alloc(sizeof(*c));

	if (c == NULL)
		return ERR_MEMORY;
	c->device = hostile_device(reader);
	*out = c;
	return ERR_OK;
}

void card_close(struct card *c)
{
	mem_free(c);
}

enum err card_attach(struct card *c, struct fido_dev *dev)
{
	return virtual_dev_attach(dev, c->device, hostile_answer, NULL) == FIDO_OK ? ERR_OK
										   : ERR_DEVICE;
}

bool card_gone(struct card *c)
{
	(void)c;
	return (hostile.now & 0x40) != 0;
}

bool card_failed(const struct card *c)
{
	(void)c;
	return reader_rest(&hostile.script).len != 0;
}

bool card_is_u2f(const struct card *c)
{
	return !authenticator_options(c->device)->ctap2;
}

#endif
