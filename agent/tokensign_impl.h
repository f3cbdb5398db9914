/* Between the files of tokensign.h: tokensign.c (life, finding the token, the line),
 * tokensign_use.c (requests and what comes of them), tokensign_pin.c, tokensign_line.c (who may ask
 * for a PIN), tokensign_stored.c (PINs in the keyring), tokensign_text.c. */
#ifndef SIGNET_TOKENSIGN_IMPL_H
#define SIGNET_TOKENSIGN_IMPL_H

#include <stddef.h>

#include "agent/options.h"
#include "agent/tokensign.h"
#include "keystore/fingerprint.h"

enum tokensign_stage {
	TOKENSIGN_FINDING, /* its module's helper is starting, or pausing is set */
	TOKENSIGN_INSERT,  /* waits for the insertion */
	TOKENSIGN_LINE,    /* use is in line */
	TOKENSIGN_PIN, /* prompt or lookup is set, or ASKING_LATER; the turn is held, as in the next
			*/
	TOKENSIGN_SIGNING, /* the helper has the request */
};

/* Of the PIN of its token a person is asked by one at a time. */
enum tokensign_asking {
	ASKING_NONE,
	ASKING_LATER, /* waits for the one that does */
	ASKING_NOW,   /* until it is over: also while the token looks at what was entered */
};

/* What PIN the token was given last. */
enum tokensign_sent { SENT_NONE, SENT_TYPED, SENT_KEPT, SENT_STORED, SENT_PAD };

/* Why a PIN is asked for once more. */
enum tokensign_remark {
	REMARK_NONE,
	REMARK_WRONG,
	REMARK_KEPT_WRONG,
	REMARK_LENGTH,
	REMARK_UNTRIED,
	REMARK_AGAIN, /* it may have been taken, and lost */
};

struct tokensign {
	struct tokensigns *all;
	struct tokensign *next, *prev;
	enum tokensign_stage stage;
	struct module_listener listener; /* from the first stage to the last */
	struct insertion_member insertion;
	bool awaits; /* modules_await */
	struct token_use use;
	struct prompt *prompt;
	struct prompt *notice;
	struct timer timer; /* LIMIT_NOTICE_MS of a request; of TOKENSIGN_FINDING the end */
	bool pausing;       /* TOKENSIGN_FINDING: it is said to be gone */
	uint64_t find_by;   /* clock_now() when a helper that does not tell is given up; 0: unset */
	unsigned losses;    /* how often it had the turn, and lost it, */
	unsigned rounds;    /* and how often in line too */
	bool person;        /* somebody is awaited for the request, */
	bool blinks;        /* and was told so: a PIN that it had was found good */
	/* of the PIN */
	enum tokensign_asking asking;
	struct token *asks_of; /* held unless ASKING_NONE: the use may have lost it */
	uint64_t asks_as;      /* its place among those that wait */
	unsigned asked;        /* how often a person was */
	enum tokensign_remark remark;
	enum tokensign_sent sent;
	bool kept_failed;     /* the one that is remembered is not for this request */
	bool told_last;       /* the person knows that it may be the last try */
	uint8_t tries;        /* left, as far as known */
	uint32_t token_flags; /* as the token was found last */
	uint32_t key_flags;
	struct blob pin;             /* typed or stored, to be used once */
	bool pin_is_stored;          /* not typed */
	bool stored_tried;           /* the keyring was asked: once a request */
	struct keyring_call *lookup; /* it is being asked */
	/* of the request */
	struct key *key;
	struct key_verifier *verifier; /* of key, made while the helper signs */
	const struct sigalg *alg;
	struct blob data, comment, purpose, place_bytes;
	struct place place; /* views into them */
	char print[FINGERPRINT_ROOM];
	uint32_t pid;
	uint64_t started;
	bool forwarded;
	enum err (*allowed)(void *ctx);
	enum err (*describe)(void *ctx);   /* NULL: it was called, or need not be */
	bool described;                    /* purpose and started are known */
	void (*then)(struct tokensign *t); /* once they are; NULL: nothing waits for them */
	void (*done)(void *ctx, enum err result, struct bytes signature);
	void *ctx;
};

#define TOKENSIGN_OF(ptr, member)                                                                  \
	((struct tokensign *)(void *)((char *)(ptr)-offsetof(struct tokensign, member)))

/* --- tokensign.c */

/* Answer, and let go of everything; t is dead. */
void tokensign_finish(struct tokensign *t, enum err why, struct bytes signature);
void tokensign_refuse(struct tokensign *t, enum err why);

/* Nothing is on the screen for it, it waits for no insertion, and no timer runs, any more. */
void tokensign_quieten(struct tokensign *t);

/*
 * Can a person be told what it is for?  If not yet, `then` is called once one can, unless
 * tokensign_quieten comes first; or it was refused, and t is dead.
 */
bool tokensign_is_described(struct tokensign *t, void (*then)(struct tokensign *t));

/* Put a question or a notice; timeout in seconds, 0: the usual one.  NULL: it could not be put. */
struct prompt *tokensign_ask(struct tokensign *t, uint8_t kind, const char *title,
    struct builder *text, uint32_t timeout,
    void (*done)(void *ctx, enum err result, struct bytes answer), void *ctx);

/* The token or its helper was lost: try again, unless that was done already. */
void tokensign_lost(struct tokensign *t, enum err why);

/* --- tokensign_use.c */

void tokensign_answered(
    struct token_use *u, const struct token_signed *s, const struct token_failure *f);

/* With the turn: look at the token and its key, and ask or send. */
void tokensign_start(struct tokensign *t);

/* Send the request, with the PIN that was typed or is remembered; on_pad: with the keypad's. */
void tokensign_send(struct tokensign *t, bool on_pad);

/* --- tokensign_pin.c */

/* The one that is remembered, where it may be used; NULL: none. */
const struct blob *tokensign_kept(const struct tokensign *t);

/* The token wants one, as t->tries and t->token_flags have it. */
void tokensign_want_pin(struct tokensign *t);
/* What was sent was wrong. */
void tokensign_pin_wrong(struct tokensign *t, enum tokensign_sent sent);
/* It wants one, though that was sent. */
void tokensign_pin_wanted(struct tokensign *t, enum tokensign_sent sent);
void tokensign_pin_good(struct tokensign *t);
/* Whether the token found the remembered one good is not known: it is not tried again. */
void tokensign_doubt_pin(struct tokensign *t);

/* --- tokensign_stored.c: nothing of it where the configuration does not want it */

/* True: the keyring is asked for the PIN, and tokensign_want_pin is called if it has none that may
 * be tried.  Never when the next wrong one could be the last. */
bool tokensign_try_stored(struct tokensign *t);
/* It was wrong. */
void tokensign_forget_stored(struct tokensign *t);
/* The one that was typed is good. */
void tokensign_store(struct tokensign *t);

/* --- tokensign_line.c */

/* With the turn: may a person be asked about its token now?  If not, its request is sent again once
 * the one that asks is over. */
bool tokensign_may_ask(struct tokensign *t);
/* It has asked, or wants to no more; the next comes with the loop. */
void tokensign_ask_no_more(struct tokensign *t);

/* --- tokensign_text.c: what came from outside is escaped */

void tokensign_insert_text(struct builder *b, const struct tokensign *t);
void tokensign_touch_text(struct builder *b, const struct tokensign *t);
void tokensign_pin_text(struct builder *b, const struct tokensign *t);
void tokensign_pad_text(struct builder *b, const struct tokensign *t);
void tokensign_last_text(struct builder *b, const struct tokensign *t);

#endif
