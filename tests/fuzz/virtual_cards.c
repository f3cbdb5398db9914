#include "tests/fuzz/virtual_cards.h"

#include <string.h>

#include "proto/base/mem.h"
#include "tests/fuzz/fuzz.h"
#include "tests/virtual/token/token.h"

/* Both have names that proto/tokenmsg.h has, too: so this is a file of its own. */
enum { COMMANDS_MOST = 20000 };

struct virtual_cards virtual_cards;

static struct token tokens[CARDS];
static uint64_t now;

struct pcsc_card {
	unsigned which;
	uint16_t changes; /* as it was connected to */
	struct builder reply;
};

void cards_start(void)
{
	static const char *const slots[CARDS][2] = {
	    {"slot=9a:p256:pin-once", "slot=9c:p256:pin-always"},
	    {"slot=9a:p256:pin-never", "slot=9e:p256"}};

	for (unsigned i = 0; i < CARDS; i++) {
		token_init(&tokens[i]);
		memset(tokens[i].options.id, (int)i + 1, sizeof(tokens[i].options.id));
		tokens[i].options.serial += i;
		for (unsigned k = 0; k < 2; k++)
			fuzz_require(token_option(&tokens[i], slots[i][k]), "a key has a place");
		fuzz_require(token_make(&tokens[i]) == ERR_OK, "a card has keys");
	}
}

void cards_begin(unsigned present)
{
	virtual_cards = (struct virtual_cards){0};
	for (unsigned i = 0; i < CARDS; i++) {
		virtual_cards.present[i] = (present >> i & 1) != 0;
		for (unsigned k = 0; k < SECRETS; k++)
			tokens[i].secrets[k].tries = tokens[i].secrets[k].most;
		token_reset(&tokens[i]);
	}
}

void cards_toggle(unsigned which)
{
	virtual_cards.present[which] = !virtual_cards.present[which];
	virtual_cards.changes[which]++;
	token_reset(&tokens[which]);
}

void cards_view(struct pcsc_reader view[CARDS])
{
	for (unsigned i = 0; i < CARDS; i++)
		view[i] = (struct pcsc_reader){.name = {(char)('0' + i)},
		    .state = 1,
		    .present = virtual_cards.present[i],
		    .changes = virtual_cards.changes[i]};
}

static bool gone(const struct pcsc_card *c)
{
	return !virtual_cards.present[c->which] || virtual_cards.changes[c->which] != c->changes;
}

static bool taken(void)
{
	if (virtual_cards.busy == 0)
		return false;
	virtual_cards.busy--;
	return true;
}

enum err pcsc_open(const char *reader, struct pcsc_card **out)
{
	unsigned which = (unsigned)(reader[0] - '0') % CARDS;
	struct pcsc_card *c;

	if (!virtual_cards.present[which])
		return ERR_NO_DEVICE;
	if (taken())
		return ERR_DEVICE_BUSY;
	c = mem_alloc(sizeof(*c));
	if (c == NULL)
		return ERR_MEMORY;
	c->which = which;
	c->changes = virtual_cards.changes[which];
	*out = c;
	return ERR_OK;
}

void pcsc_close(struct pcsc_card *c)
{
	if (c == NULL)
		return;
	builder_clear(&c->reply);
	mem_free(c);
}

void pcsc_reset(struct pcsc_card *c)
{
	token_reset(&tokens[c->which]);
	pcsc_close(c);
}

enum err pcsc_begin(struct pcsc_card *c)
{
	return gone(c) ? ERR_DEVICE_GONE : taken() ? ERR_DEVICE_BUSY : ERR_OK;
}

enum err pcsc_pause(struct pcsc_card *c)
{
	return gone(c) ? ERR_DEVICE_GONE : ERR_OK;
}

bool pcsc_gone(struct pcsc_card *c)
{
	return gone(c);
}

bool pcsc_is_t0(const struct pcsc_card *c)
{
	(void)c;
	return false;
}

enum err pcsc_transmit(struct pcsc_card *c, struct bytes apdu, uint8_t *reply, size_t *n)
{
	struct token *t = &tokens[c->which];
	enum token_outcome o;

	fuzz_require(++virtual_cards.commands < COMMANDS_MOST, "every use of a card ends");
	if (gone(c))
		return ERR_DEVICE_GONE;
	for (o = token_command(t, apdu, ++now, &c->reply); o == TOKEN_BUSY;
	     o = token_step(t, now, &c->reply))
		now += TOKEN_POLL_MS;
	if (o != TOKEN_ANSWER || c->reply.len > *n)
		return ERR_DEVICE;
	memcpy(reply, c->reply.data, c->reply.len);
	*n = c->reply.len;
	return ERR_OK;
}

enum err pcsc_control(
    struct pcsc_card *c, uint32_t code, struct bytes in, uint8_t *reply, size_t *n)
{
	(void)c, (void)code, (void)in, (void)reply, (void)n;
	return ERR_DEVICE;
}
