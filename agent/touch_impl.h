/* Between the files of touch.h: touch.c (the stages), touch_insert.c, touch_text.c. */
#ifndef SIGNET_TOUCH_IMPL_H
#define SIGNET_TOUCH_IMPL_H

#include "agent/options.h"
#include "agent/touch.h"
#include "keystore/fingerprint.h"

enum touch_stage {
	TOUCH_FINDING, /* devices are being asked, or one that was busy or gone is looked at again
			*/
	TOUCH_INSERT,  /* a member of an insertion */
	TOUCH_LINE,    /* turn is in line */
	TOUCH_CHOOSE,  /* call is set; the turn is held, as in all that follow */
	TOUCH_PIN,     /* prompt is set */
	TOUCH_SIGNING, /* call is set */
	TOUCH_ENDING,  /* answered or cancelled; the helper is on its way out */
};

struct touch {
	struct touches *all;
	struct touch *next, *prev;
	enum touch_stage stage;
	struct device_listener listener;
	struct turn turn;
	struct device *device; /* the turn's, once it is a single one */
	struct call *call;
	void (*then)(struct touch *t); /* what follows when the call has ended */
	enum err why;                  /* what ended it, for then */
	struct insertion *insertion;
	struct prompt *prompt;
	struct prompt *notice;
	struct timer timer; /* LIMIT_NOTICE_MS of a call; the pause of TOUCH_FINDING */
	unsigned rounds;    /* how often a device disappointed */
	unsigned wrong;     /* PINs */
	uint8_t tries;      /* PIN tries left, as far as known */
	struct blob pin;    /* to be used once */
	/* of the request */
	struct key *key;
	const struct sigalg *alg;
	struct blob data, provider, comment, purpose;
	char print[FINGERPRINT_ROOM];
	uint32_t pid;
	uint64_t started;
	bool forwarded;
	void (*done)(void *ctx, enum err result, struct bytes signature);
	void *ctx;
};

/* Look for the device (again); the touch is in no stage that holds anything. */
void touch_find(struct touch *t);

/* Answer, and let go of everything; t is dead, or ENDING. */
void touch_finish(struct touch *t, enum err why, struct bytes signature);

/* Put a question or a notice; timeout in seconds, 0: the usual one.  NULL: it could not be put. */
struct prompt *touch_ask(struct touch *t, uint8_t kind, const char *title, struct bytes text,
    uint32_t timeout, void (*done)(void *ctx, enum err result, struct bytes answer), void *ctx);

/* Nobody holds the device: wait for it with a question, one a key, or refuse. */
void touch_insert(struct touch *t);
/* t waits for it no longer: closes the question, or gives it to the next who waits for the same. */
void touch_insert_leave(struct touch *t);

/* Texts; what came from outside is escaped. */
void touch_insert_text(struct builder *b, const struct touch *t);
void touch_notice_text(struct builder *b, const struct touch *t);
void touch_pin_text(struct builder *b, const struct touch *t);

#endif
