/* Between the files of touch.h: touch.c (life, and its helper), touch_find.c (whose turn on which
 * device), touch_insert.c (when there is none), touch_sign.c (PIN and signature), touch_text.c. */
#ifndef SIGNET_TOUCH_IMPL_H
#define SIGNET_TOUCH_IMPL_H

#include <stddef.h>

#include "agent/options.h"
#include "agent/touch.h"
#include "keystore/fingerprint.h"

enum touch_stage {
	TOUCH_FINDING, /* devices are being asked, or one that was busy or gone is looked at again
			*/
	TOUCH_INSERT,  /* waits for the insertion */
	TOUCH_LINE,    /* turn is in line */
	TOUCH_CHOOSE,  /* call is set; the turn is held, as in all that follow */
	TOUCH_PIN,     /* prompt is set */
	TOUCH_SIGNING, /* call is set */
	TOUCH_ENDING,  /* answered or cancelled; the helper is on its way out */
};

/* What PIN the helper was given last. */
enum touch_sent { SENT_NONE, SENT_TYPED, SENT_KEPT };

/* Why a PIN is asked for once more. */
enum touch_remark { REMARK_NONE, REMARK_WRONG, REMARK_KEPT_WRONG, REMARK_LENGTH };

struct touch {
	struct touches *all;
	struct touch *next, *prev;
	enum touch_stage stage;
	struct device_listener listener; /* from the first stage to the last */
	struct turn turn;
	struct device *device; /* the turn's, once it is a single one */
	struct call *call;
	void (*then)(struct touch *t);     /* what follows when the call has ended */
	enum err why;                      /* what ended it, for then */
	struct insertion_member insertion; /* TOUCH_INSERT */
	struct prompt *prompt;
	struct prompt *notice;
	struct timer timer; /* LIMIT_NOTICE_MS of a call; of TOUCH_FINDING the pause or the end */
	bool pausing;       /* TOUCH_FINDING: whatever comes or goes */
	uint64_t find_by;   /* clock_now() when devices that do not answer are given up; 0: unset */
	unsigned rounds;    /* how often a device disappointed */
	struct device *without[FIDO_PATHS_MOST]; /* plugged in, and found not to hold the key */
	size_t without_count;
	/* of the PIN of the device */
	unsigned asked; /* how often a person was */
	enum touch_remark remark;
	bool pin_wanted; /* also though the key's flags do not say so */
	uint8_t tries;   /* left, as far as known */
	enum touch_sent sent;
	bool blinks;     /* a touch is awaited, so the PIN was found good */
	struct blob pin; /* typed, to be used once */
	/* of the request */
	struct key *key;
	const struct sigalg *alg;
	struct blob data, provider, comment, purpose;
	char print[FINGERPRINT_ROOM];
	uint32_t pid;
	uint64_t started;
	bool forwarded;
	enum err (*allowed)(void *ctx);
	void (*done)(void *ctx, enum err result, struct bytes signature);
	void *ctx;
};

#define TOUCH_OF(ptr, member)                                                                      \
	((struct touch *)(void *)((char *)(ptr)-offsetof(struct touch, member)))

/* --- touch.c */

/* Answer, and let go of everything; t is dead, or ENDING. */
void touch_finish(struct touch *t, enum err why, struct bytes signature);
/* The same with why the helper failed. */
void touch_refuse(struct touch *t);

/* Nothing is on the screen for it, and no timer runs, any more. */
void touch_quieten(struct touch *t);

/* Another device from here on: nothing typed for the one before goes to it. */
void touch_leave_device(struct touch *t);

/* Put a question or a notice; timeout in seconds, 0: the usual one.  NULL: it could not be put. */
struct prompt *touch_ask(struct touch *t, uint8_t kind, const char *title, struct bytes text,
    uint32_t timeout, void (*done)(void *ctx, enum err result, struct bytes answer), void *ctx);

/* Start the helper with this request, whose content is taken, and tell the person of it when it
 * takes long.  May finish t. */
void touch_call(struct touch *t, struct builder *request, enum touch_stage stage);
/* The helper has said what it had to say: go on with then when it is gone. */
void touch_go_on(struct touch *t, void (*then)(struct touch *t));
/* The same, but it has not: it is told to end. */
void touch_interrupt(struct touch *t, void (*then)(struct touch *t));

/* --- touch_find.c */

/* Look for the device (again); the touch is in no stage that holds anything. */
void touch_find(struct touch *t);
/* A device came, went, or answered. */
void touch_devices_changed(struct device_listener *l);
/* The device is not there (any more), or in use by others; t->why says which. */
void touch_disappointed(struct touch *t);
/* The answer to TOUCH_CHOOSE. */
enum err touch_choice_came(struct touch *t, struct bytes message);

/* --- touch_insert.c */

/* Nobody holds the device: wait for it with a question, one a key, or refuse. */
void touch_insert(struct touch *t);

/* --- touch_sign.c */

/* On t->device, whose turn it is; with the PIN that was typed or remembered, where one is needed.
 */
void touch_sign(struct touch *t);
enum err touch_signature_came(struct touch *t, struct bytes message);
void touch_failure_came(struct touch *t, const struct fido_failure *f);
/* It ends without a word of the device: a remembered PIN that it may have found wrong is not tried
 * again. */
void touch_doubt_pin(struct touch *t);

/* --- touch_text.c: what came from outside is escaped */

void touch_insert_text(struct builder *b, const struct touch *t);
void touch_notice_text(struct builder *b, const struct touch *t);
void touch_pin_text(struct builder *b, const struct touch *t);

#endif
