/*
 * What the parts of modules.h share: modules.c (the modules, and who is told), module_helper.c (its
 * helper's life, and what it says), module_requests.c (what it was asked), tokens.c (the
 * inventory), token_uses.c (lines), selections.c, module_keys.c (the keys in the store), and
 * token_pins.c.
 *
 * Nobody is called but from modules.c's task, save for the answers to requests: as the last thing
 * that is done with a message.
 */
#ifndef SIGNET_MODULES_IMPL_H
#define SIGNET_MODULES_IMPL_H

#include "agent/modules.h"

/*
 * Where a module's helper is.
 *   PAUSING   none runs; due starts one
 *   OPENING   it loads the module; due ends it when it has not told by then
 *   OPEN      it has told its inventory
 *   ENDING    it failed, and its process is not gone yet
 */
enum helper_state { HELPER_PAUSING, HELPER_OPENING, HELPER_OPEN, HELPER_ENDING };

struct token_requests {
	struct token_request *first, *last;
};

/*
 * Something that is asked of a helper.  Of one that its asker gave up only the number is left:
 * until its answer it keeps the token's way, and the helper may not take longer for it.
 */
struct token_request {
	struct token_request *next, *prev;
	struct token_requests *list; /* NULL: none */
	struct module *module;
	uint32_t number; /* 0: not sent */
	struct timer due;
	bool late;
	enum err why;           /* it failed without an answer */
	struct token *token;    /* held; of a signature */
	struct token_use *use;  /* NULL: given up, or a selection */
	bool keeps;             /* a way of the token's: its use gave it up */
	struct selection *pick; /* the selection whose part this is */
};

struct selection {
	struct token_request request;
	struct blob uri, pin; /* the PIN until it is sent */
	bool with_pin;
	uint32_t flags;
	void (*done)(void *ctx, enum err result, const struct token_failure *f, uint32_t count,
	    struct reader refs); /* NULL: given up */
	void *ctx;
};

/* A copy of a TOKEN_INVENTORY, that all of its tokens view. */
struct inventory {
	size_t users;
	struct token_key *keys;          /* of all tokens, one after the other, */
	const struct token_key **sorted; /* and those of each by their ids */
	uint8_t *message;
};

struct token_line {
	struct token_use *first, *last;
};

/* Invariants: uses and requests hold it; one that is gone has no uses. */
struct token {
	struct token *next; /* of its module's, in the inventory's order */
	size_t users;       /* its place in that list is one */
	struct modules *all;
	struct module *module; /* NULL: gone */
	struct inventory *inventory;
	struct token_info about;
	const struct token_key *keys;    /* about.count of them, */
	const struct token_key **sorted; /* and by their ids: a list asks for each key */
	struct token_line turns, waits;
	size_t waiting; /* in waits */
	size_t taken;   /* its ways: turns, and requests that were given up */
	size_t sealed;  /* turns that it had when the agent was locked: no PIN is kept */
	bool listed;    /* while an inventory is taken: the new one has it too */
	struct blob pin;
	struct timer pin_end;
};

/* A key in the store. */
struct module_key {
	struct module_key *next;
	size_t count;
	struct blob place;
};

struct module {
	struct module *next; /* in the order in which they came */
	struct modules *all; /* NULL: all were freed, and somebody holds this one still */
	size_t users;        /* at 0 it goes with the next task */
	struct blob path;
	uint32_t open_flags;

	enum helper_state state;
	struct call *call;
	struct timer due; /* always armed, so that moving it needs no memory */
	uint64_t pause;   /* before the next start, in milliseconds; 0: none */
	uint64_t opened;  /* clock_now() */
	uint64_t ended;   /* clock_now(), of the last one */
	bool ran;         /* this one, or the last, was open */
	bool told;        /* tokens are what was told last, and not long ago */
	enum err why;     /* it ended */
	enum err trouble;
	uint64_t counted_since;
	unsigned inventories; /* since then */

	struct token *tokens;
	uint32_t last_number;
	struct token_requests open;    /* sent, not answered */
	struct token_requests waiting; /* selections, until the helper is open */
	struct module_key *keys;
	size_t awaited;
};

struct modules {
	struct loop *loop;
	struct calls *calls;
	struct module *first;
	struct token_requests failed, telling_failed; /* without an answer; nobody was told yet */
	struct token_line lost, telling_lost;         /* uses whose token is gone */
	struct module_listener *listeners, *next_listener;
	bool changed;
	struct task tell;
	bool tell_posted, telling, freed;
};

/* modules.c */
void modules_tell_soon(struct modules *ms);
void modules_changed(struct modules *ms);

/* module_helper.c */
/* Now, unless one runs or is ending. */
void module_start(struct module *m);
/* Somebody waits for it: the pause is the shortest. */
void module_hurry(struct module *m);
/* No helper any more, and nobody is told. */
void module_stop(struct module *m);
/* It misbehaved, or was too slow: what is open fails; it is started again once it is gone. */
void module_fail(struct module *m, enum err why);
/* The number of a request that is none of those open. */
uint32_t module_number(struct module *m);

/* module_requests.c */
void request_put(struct token_requests *list, struct token_request *r);
void request_take(struct token_request *r);
struct token_request *request_numbered(const struct module *m, uint32_t number);
/* Send its frame, which has its number; it is open then. */
enum err request_send(struct token_request *r, struct bytes frame, bool person);
/* Why no helper would take what a client or a person wrote, without which it would be nonsense. */
enum err request_check_text(struct bytes text, size_t most);
/* It will not be answered; whoever asked is told soon. */
void request_fail(struct token_request *r, enum err why);
/* Nobody wants it any more, or it was answered. */
void request_free(struct token_request *r);
/* Of m: all that are open, and with why the selections that wait. */
void requests_fail(struct module *m, enum err why);
void requests_tell_failed(struct modules *ms);
/* What the helper answered.  After these nothing of m may be touched. */
enum err request_signed(struct module *m, const struct token_signed *s);
enum err request_selected(struct module *m, uint32_t number, uint32_t count, struct reader refs);
enum err request_refused(struct module *m, const struct token_failure *f);

/* tokens.c */
enum err tokens_take(struct module *m, struct bytes message, enum err *trouble);
/* All are gone. */
void tokens_lose(struct module *m);
struct token *module_token_with(const struct module *m, struct bytes id);

/* token_uses.c */
void use_line_put(struct token_line *line, struct token_use *u);
void use_line_drop(struct token_use *u);
void uses_lose(struct token *t);
void uses_tell_lost(struct modules *ms);
void uses_grant(struct modules *ms);
/* Nobody is told: for modules_free. */
void uses_forget(struct token_line *line);

/* selections.c */
void selections_send(struct module *m);
/* Calls done, and frees. */
void selection_over(struct selection *s, enum err why, const struct token_failure *f,
    uint32_t count, struct reader refs);

/* module_keys.c */
void module_keys_clear(struct module *m);

/* token_pins.c */
void token_pins_forget(struct module *m);

#endif
