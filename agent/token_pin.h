/* The PIN of a token whose keys are to be added and that shows none without, asked of a person. */
#ifndef SIGNET_TOKEN_PIN_H
#define SIGNET_TOKEN_PIN_H

#include "agent/core.h"
#include "agent/modules.h"

struct conn;

/* Embed it, zero-initialised. */
struct token_pin_ask {
	struct prompt *prompt; /* set: a person is being asked */
	unsigned times;        /* how often one was */
	bool told_last;        /* and knows that it may be the last try */
	bool too_long;         /* what was typed is longer than any PIN */
	/* As the token had it last. */
	uint8_t tries;
	uint32_t flags;
	struct core *core;
	const struct conn *conn;
	const struct module *module;
	void (*done)(struct token_pin_ask *a, enum err result, struct bytes pin);
};

/*
 * For a selection in m that failed so, for this client: true: done is called once, on the loop,
 * never from within this call, unless cancelled first: with the PIN, a view, or why there is none
 * (ERR_PIN_NEEDED: nobody could be asked).  False: nobody is asked, since a PIN is not what is
 * missing, the client is not of this machine, the token takes none, or two were asked for.  All
 * that is handed over stays until then.
 */
bool token_pin_ask(struct token_pin_ask *a, struct core *core, const struct conn *c,
    const struct module *m, const struct token_failure *f,
    void (*done)(struct token_pin_ask *a, enum err result, struct bytes pin));
void token_pin_cancel(struct token_pin_ask *a);

#endif
