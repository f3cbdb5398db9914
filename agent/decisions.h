/*
 * The decision log: what was asked of the agent lately, and what became of it.
 *
 * A ring of the last LIMIT_DECISIONS, kept in the core and handed out on the
 * control socket; each decision also goes to the supervisor, which writes it to
 * the journal.  Nothing secret is ever in it: texts are key comments, names and
 * sentences of err.h.
 */
#ifndef SIGNET_DECISIONS_H
#define SIGNET_DECISIONS_H

#include "agent/lineage.h"
#include "agent/witness.h"
#include "proto/base/bytes.h"
#include "proto/builder.h"
#include "proto/limits.h"

struct conn;
struct identity;

/* X(name, words) */
#define DECISION_LIST(X)                                                                           \
	X(DECISION_UNKNOWN, "unknown")                                                             \
	X(DECISION_SIGN, "sign")                                                                   \
	X(DECISION_LIST_KEYS, "list")                                                              \
	X(DECISION_ADD, "add")                                                                     \
	X(DECISION_REMOVE, "remove")                                                               \
	X(DECISION_REMOVE_ALL, "remove-all")                                                       \
	X(DECISION_ADD_TOKEN, "add-token")                                                         \
	X(DECISION_REMOVE_TOKEN, "remove-token")                                                   \
	X(DECISION_LOCK, "lock")                                                                   \
	X(DECISION_UNLOCK, "unlock")                                                               \
	X(DECISION_BIND, "session-bind")                                                           \
	X(DECISION_EXTENSION, "extension")                                                         \
	X(DECISION_CONTROL, "control")                                                             \
	X(DECISION_UNLOCK_KEY, "unlock-key")                                                       \
	X(DECISION_SCREEN_LOCK, "screen-lock")                                                     \
	X(DECISION_SCREEN_UNLOCK, "screen-unlock")                                                 \
	X(DECISION_SLEEP, "sleep")

enum decision_what {
#define DECISION_ENUM(name, words) name,
	DECISION_LIST(DECISION_ENUM)
#undef DECISION_ENUM
};

enum consent { CONSENT_NOT_ASKED, CONSENT_ASKED, CONSENT_REMEMBERED };

/* What a handler says; views, needed only during the call.  Zero is "not known" everywhere. */
struct decision {
	enum decision_what what;
	enum err why; /* ERR_OK: allowed; else why it was refused */
	enum consent consent;
	bool forwarded;
	struct bytes view;        /* the name of the view that it came in through */
	struct bytes through;     /* the hosts that forwarded it, as a person reads it */
	const char *print;        /* the key's fingerprint (identity->print), if it is held, else */
	struct bytes blob;        /* its blob, of which the fingerprint is then made */
	struct bytes comment;     /* of the key */
	struct bytes destination; /* "USER@HOST", "signature for git", as a person reads it */
	const char *how;          /* of DECISION_UNLOCK_KEY, allowed: a constant string */
	/* For decision_record, which tells from them, and from the connection's route, what is not
	   said above: */
	struct bytes data;         /* to be signed */
	struct bytes destinations; /* of the key (rules.destinations) */
};

enum {
	DECISION_PRINT = 52, /* "SHA256:" and 43 characters */
	DECISION_COMMENT = 96,
	DECISION_DESTINATION = 128,
	DECISION_THROUGH = 256,
	DECISION_PROGRAM = LINEAGE_LABEL,
	DECISION_VIEW = LIMIT_VIEW_NAME + 1,
};

/* One decision as it is kept; texts are escaped. */
struct entry {
	uint64_t number; /* counts up from 1 */
	int64_t time;    /* seconds since 1970 */
	uint64_t client; /* the connection's number */
	pid_t pid;       /* 0: nobody */
	uint8_t what, why, consent;
	bool forwarded;
	const char *how; /* NULL: nothing to say */
	bool unnamed;    /* program is still being asked for: it is shown when that is known */
	char print[DECISION_PRINT];
	char comment[DECISION_COMMENT];
	char destination[DECISION_DESTINATION];
	char through[DECISION_THROUGH];
	char view[DECISION_VIEW];
	char program[DECISION_PROGRAM]; /* the client (lineage_label); empty until it is known */
};

/* Instead of the name of a client that had ended when it was looked for. */
#define DECISION_GONE "(gone)"

struct decisions;

/* w (may be NULL) finds the names of clients; it must outlive the log.  NULL: no memory. */
struct decisions *decisions_new(struct witness *w);
void decisions_free(struct decisions *ds);

/* Who asks. */
struct asker {
	uint64_t client; /* a number of its own for each connection; 0: nobody */
	pid_t pid;
	uint64_t since; /* clock_now() when it connected */
};

void decisions_put(struct decisions *ds, const struct asker *who, const struct decision *d);

/* Who the client is was found out otherwise: its decisions from now on, and those that wait for its
 * name, need no look at a process that may be gone. */
void decisions_introduce(struct decisions *ds, const struct asker *who, const char *program);

/*
 * The one call of the request handlers: enter d as c's (NULL: nobody's, as when a lifetime ends)
 * into its core's log.  In a round of the loop only.  Costs no system call for an allowed signature
 * of a client that is known already.
 */
struct core;
void decision_record(struct core *core, const struct conn *c, const struct decision *d);

/*
 * The oldest decision whose number is over after, or NULL; valid until the next one is put.  One
 * that is unnamed yet is there; decisions_ready passes none on before it is named.
 */
const struct entry *decisions_after(const struct decisions *ds, uint64_t after);

/* The same, but NULL also when that one is unnamed: it comes within LIMIT_WITNESS_MS. */
const struct entry *decisions_ready(const struct decisions *ds, uint64_t after);

/* The number of the last one; 0: none yet. */
uint64_t decisions_last(const struct decisions *ds);

/*
 * Called at each decision, after it was entered; one of each.  journal: what goes to the
 * supervisor, with the number of decisions passed over before it to spare the journal, or because
 * it returned false: it could not be sent; notify: the
 * place for a desktop notification when a refusal was one that a person could have wanted
 * (decision_wanted); follow: wakes those who follow the log.  NULL turns one off.
 */
struct decision_hooks {
	bool (*journal)(void *ctx, const struct entry *e, uint64_t left_out);
	void (*notify)(void *ctx, const struct entry *e);
	void (*follow)(void *ctx);
	void *ctx;
};

void decisions_hook(struct decisions *ds, const struct decision_hooks *hooks);

/* Could a person wonder about it?  True for a refused signature, save with a key that the agent
 * does not hold, and save for being malformed or for that person's own no. */
bool decision_wanted(const struct entry *e);

const char *decision_words(unsigned what);
const char *consent_words(unsigned consent);

/*
 * One record of the control protocol (ctlmsg.h): pairs, into b.  hidden: the agent is locked, and
 * shows neither keys nor where they were used; the record says so.
 */
void decision_build(struct builder *b, const struct entry *e, bool hidden);

#endif
