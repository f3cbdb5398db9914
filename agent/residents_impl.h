/* Between the files of residents.h: residents.c (devices and what is done with them),
 * residents_pin.c (the PIN), residents_keys.c (keys that were told of). */
#ifndef SIGNET_RESIDENTS_IMPL_H
#define SIGNET_RESIDENTS_IMPL_H

#include <stddef.h>

#include "agent/residents.h"

enum sight_stage {
	SIGHT_NEW,     /* has not said yet what it is and holds */
	SIGHT_WAITS,   /* for its turn to be asked for; see away */
	SIGHT_LINE,    /* turn is in line */
	SIGHT_LOOKING, /* call is set; the turn is held: how many tries are left? */
	SIGHT_ASKING,  /* prompt is set */
	SIGHT_READING, /* call is set; the turn is held */
	SIGHT_PAUSE,   /* timer is armed: the device was in use by others */
	SIGHT_DONE,    /* known, or left alone while it is plugged in */
};

/* Why it waits. */
enum away { AWAY_NO, AWAY_UNSEEN, AWAY_SILENT };

/* Why a PIN is asked for once more. */
enum sight_remark { SIGHT_FIRST, SIGHT_WRONG, SIGHT_KEPT_WRONG, SIGHT_LENGTH, SIGHT_UNTRIED };

struct sighting {
	struct residents *all;
	struct sighting *next;
	struct device *device; /* plugged in, unless retired */
	enum sight_stage stage;
	enum away away;
	struct known *known;
	bool owed;    /* its keys are to be given to the store */
	bool ending;  /* call is on its way out, */
	bool retired; /* and with it this */
	bool came;    /* the answer did */
	struct turn turn;
	struct call *call;
	struct prompt *prompt;
	struct timer timer;
	unsigned rounds; /* how often the device was busy */
	unsigned spent;  /* chances of the person */
	enum sight_remark remark;
	struct fido_info info; /* of this round */
	bool told_last;        /* the person knows that it is the last try */
	bool kept;             /* the PIN that was sent is the one remembered */
	struct blob pin;       /* typed, to be used once */
};

#define SIGHT_OF(ptr, member)                                                                      \
	((struct sighting *)(void *)((char *)(ptr)-offsetof(struct sighting, member)))

/* --- residents.c */

/* Its turn, and then the question or the keys. */
void sight_begin(struct sighting *s);
/* It is over with: known or left alone. */
void sight_done(struct sighting *s);
/* The same with the reason for the log. */
void sight_give_up(struct sighting *s, enum err why);
/* Nobody could be asked. */
void sight_postpone(struct sighting *s, enum away away);
/* With this PIN; the turn is held. */
void sight_read(struct sighting *s, struct bytes pin);

/* --- residents_pin.c */

/* The device told of itself: go on with a PIN, or ask for one. */
void sight_choose_pin(struct sighting *s);
/* The one that was sent is wrong. */
void sight_pin_wrong(struct sighting *s);

/* --- residents_keys.c */

/* The one that d is, as far as can be told; NULL: it is new. */
struct known *known_find(const struct residents *rs, const struct device *d);
/* What d told: keys (fido_key_next, count times).  ERR_MEMORY. */
enum err known_add(struct residents *rs, const struct device *d, struct reader keys, uint32_t count,
    struct known **out);
/* Its keys to the store. */
void known_give(struct residents *rs, const struct known *k);
/* All are forgotten; take: and what came by this goes from the store. */
void known_clear(struct residents *rs, bool take);

#endif
