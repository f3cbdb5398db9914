/*
 * All readers of pcscd and what is in them, followed by a thread of its own; each has a lane, on
 * which its card is looked at and used.  What may be told changes are sent as TOKEN_INVENTORY.
 */
#ifndef SIGNET_CARD_READERS_H
#define SIGNET_CARD_READERS_H

#include <pthread.h>

#include "tokens/base/lane.h"
#include "tokens/base/pcsc.h"
#include "tokens/card/card.h"
#include "tokens/card/session.h"

enum found {
	FOUND_NOTHING, /* no card */
	FOUND_LOOKING, /* not looked at yet */
	FOUND_TOKENS,
	FOUND_UNKNOWN, /* a card of a kind not known, or one that does not answer */
	FOUND_BUSY,    /* somebody keeps it for himself */
};

struct readers;

struct reader_slot {
	struct readers *all;
	struct lane *lane; /* NULL until it is used the first time */
	/* Held while the card is used, and by whoever changes tokens, who holds all->mutex, too:
	   one of the two is enough to read them. */
	pthread_mutex_t use;
	/* From here on by all->mutex. */
	char name[PCSC_NAME_ROOM]; /* empty: no reader */
	uint16_t changes;          /* pcscd's count of cards in this reader */
	bool present, shared;
	uint64_t generation; /* another for another card */
	enum found found;
	bool posted;       /* a look is in the lane */
	unsigned looks;    /* that brought nothing */
	uint64_t look_due; /* clock_now: when to look again */
	struct card_token *tokens[CARD_APPLETS];
	size_t n;
	bool entered; /* a PIN, and nobody had it forgotten */
};

struct readers {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct reader_slot slots[PCSC_READERS_MOST];
	uint64_t generations;
	bool service; /* pcscd runs */
	bool listed;  /* it was looked for pcscd and its readers at least once */
	/* What was told last, and whether anything may be: by publish. */
	pthread_mutex_t publish;
	bool open;
	struct blob told;
	struct outlet *outlet;
	struct keeper *keeper; /* a place for each slot */
	/* Handles a request in the lane of its token's reader. */
	void (*serve)(struct reader_slot *s, struct bytes message);
};

/* NULL without memory or threads.  outlet stays the caller's. */
struct readers *readers_new(
    struct outlet *outlet, void (*serve)(struct reader_slot *s, struct bytes message));
/*
 * Follow them from now on, in a thread of its own (follow.c), which says whether pcscd runs, and
 * what readers there are with what in them.
 */
enum err readers_follow(struct readers *all);
void readers_service(struct readers *all, bool runs);
void readers_take(struct readers *all, struct pcsc_reader *view, size_t n);

/*
 * How long the next wait for pcscd may last (-1: for ever); changed: the last one had news.  A card
 * that is kept by somebody for himself is told of when it is free; one in a long transaction is
 * not.
 */
int readers_patience(struct readers *all, bool changed);

/* Wait until every card was looked at, for ms milliseconds at most. */
void readers_settle(struct readers *all, unsigned ms);

/* Tell what there is, where it is other than what was told. */
void readers_publish(struct readers *all);

/* Look at the card in s once more, now; s->use is not held. */
void readers_look(struct reader_slot *s);
/* The same with s->use; it is not told yet (readers_publish). */
void readers_look_held(struct reader_slot *s);

/* Put a request into the lane of the reader that has this token; message is moved from.
 * ERR_TOKEN_GONE, ERR_NO_READER. */
enum err readers_hand(struct readers *all, struct bytes token, struct blob *message);

/* In a lane, with s->use: the token with this id, NULL: it is not there any more; name: the
 * reader's. */
struct card_token *readers_token(struct reader_slot *s, struct bytes id, char name[PCSC_NAME_ROOM]);

/* With s->use: begin to use its card where a PIN may be entered or count. */
enum err readers_resume(
    struct reader_slot *s, const char *name, unsigned ms, struct session *session);

/* Build the frame; the publish mutex and all->mutex are held. */
void inventory_build(struct builder *b, struct readers *all);

#endif
