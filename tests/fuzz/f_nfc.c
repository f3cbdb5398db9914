/*
 * The same for cards: our transport over APDUs (nfc.c, card.c) and all that is above it, on the
 * virtual card's applet, whose answers, status words and all, are bent on their way.
 */
#include "tests/virtual/card/applet.h"

/* After it: fido.h has macros of the names that apdu.h has. */
#include "proto/base/mem.h"
#include "tests/fuzz/hostile.h"
#include "tokens/base/pcsc.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Instead of pcsc.c's, which asks pcscd. */
struct pcsc_card {
	struct applet applet;
	struct builder reply;
};

enum err pcsc_open(const char *reader, struct pcsc_card **out)
{
	struct pcsc_card *c = mem_alloc(sizeof(*c));

	if (c == NULL)
		return ERR_MEMORY;
	c->applet.authenticator = hostile_device(reader);
	applet_reset(&c->applet, hostile.now);
	*out = c;
	return ERR_OK;
}

void pcsc_close(struct pcsc_card *c)
{
	if (c == NULL)
		return;
	applet_clear(&c->applet);
	builder_clear(&c->reply);
	mem_free(c);
}

enum err pcsc_begin(struct pcsc_card *c)
{
	(void)c;
	return ERR_OK;
}

bool pcsc_gone(struct pcsc_card *c)
{
	(void)c;
	return (hostile.now & 0x40) != 0;
}

/* No answer is one of three errors, as the time of it has it. */
static enum err no_answer(void)
{
	static const enum err all[] = {ERR_DEVICE_GONE, ERR_DEVICE_BUSY, ERR_DEVICE};

	return all[reader_rest(&hostile.script).len % 3];
}

enum err pcsc_transmit(struct pcsc_card *c, struct bytes apdu, uint8_t *reply, size_t *n)
{
	enum applet_outcome o = applet_command(&c->applet, apdu, hostile.now, &c->reply);
	int len = -1;

	while (o == APPLET_BUSY) {
		hostile.now += AUTHENTICATOR_POLL_MS;
		o = applet_step(&c->applet, hostile.now, &c->reply);
	}
	if (o == APPLET_ANSWER && c->reply.len <= *n) {
		memcpy(reply, c->reply.data, c->reply.len);
		len = (int)c->reply.len;
	}
	len = hostile_answer(NULL, reply, len, *n);
	if (len < 0)
		return no_answer();
	*n = (size_t)len;
	return ERR_OK;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	hostile_start();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	hostile_run(data, size);
	return 0;
}
