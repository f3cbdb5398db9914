/*
 * The process that holds the keys: its state, and how it starts.
 */
#ifndef SIGNET_CORE_H
#define SIGNET_CORE_H

#include <stdatomic.h>

#include "agent/backlog.h"
#include "agent/config.h"
#include "agent/configured.h"
#include "agent/decisions.h"
#include "agent/devices.h"
#include "agent/consent.h"
#include "agent/files.h"
#include "agent/hostbook.h"
#include "agent/hostnames.h"
#include "agent/insertion.h"
#include "agent/keyring.h"
#include "agent/lastlogin.h"
#include "agent/listen.h"
#include "agent/lock.h"
#include "agent/loop.h"
#include "agent/modules.h"
#include "agent/notice.h"
#include "agent/offers.h"
#include "agent/options.h"
#include "agent/outbox.h"
#include "agent/prompt.h"
#include "agent/residents.h"
#include "agent/session.h"
#include "agent/store.h"
#include "agent/tokensign.h"
#include "agent/touch.h"
#include "agent/unlocking.h"
#include "agent/views.h"
#include "agent/witness.h"
#include "agent/workers.h"
#include "proto/builder.h"
#include "proto/helpermsg.h"

struct conn;
struct sign_op;
struct token_op;
struct follower;

struct core_start;

struct core {
	const struct options *options; /* settings */
	struct options settings;       /* command line and configuration together */
	struct config *config;         /* never NULL; a reload replaces it (configured.h) */
	uint32_t config_refused;       /* mistakes in a newer one, which so is not followed */
	struct configured configured;
	const struct core_start *start;
	struct loop *loop;
	struct workers *slow; /* for what takes long */
	struct workers *fast; /* for fast signatures beside the loop's; NULL: there are none */
	atomic_uint attended; /* connections with a worker of their own (attend.h) */
	struct store *store;
	struct lock lock;
	struct outbox outbox; /* of channel */
	struct calls calls;
	struct prompts prompts;
	struct devices *devices;      /* security keys that are plugged in, */
	struct residents residents;   /* keys that they keep themselves, */
	struct insertions insertions; /* who waits for one to be plugged in, */
	struct touches touches;       /* and signatures that they make */
	struct modules *modules;      /* tokens and their keys, */
	struct offers offers;         /* cards that may come, */
	struct tokensigns tokensigns; /* and signatures that they make */
	struct files *files;          /* keys that files offer, */
	struct unlockings unlockings; /* who waits for one to be unlocked, */
	struct keyring keyring;       /* where passphrases may be, */
	struct session session;       /* and whether the screen is locked */
	struct witness witness;
	struct hostnames hostnames;
	struct hostbook hostbook;
	struct consents consents;
	struct blob environment; /* display variables set by hand (helper_ask.environment), */
	uint64_t moves;          /* and how often they were */
	struct decisions *decisions;
	struct notices notices;
	struct follower *followers; /* of the decision log, newest first */
	size_t follower_count;
	struct listener agent, control;
	struct view *views; /* in the order of the configuration, as far as they have sockets */
	struct lastlogins last_logins;
	struct timer accept_again; /* armed while no descriptor is left for a new connection */
	struct watch channel;      /* to the supervisor; */
	struct timer hear_again;   /* armed while nothing can be received from it, */
	bool deaf;                 /* which was so when the loop looked last */
	struct conn *conns;        /* every connection, newest first */
	size_t conn_count;
	struct backlog backlog;  /* what they make us keep, */
	struct task room_wanted; /* and what sees to its being too much (conn.c) */
	bool room_is_wanted;
	uint64_t conn_last;    /* number of the newest */
	struct sign_op *signs; /* signatures asked for in this round, newest first */
	struct token_op
	    *token_ops; /* additions and removals of tokens that are under way (req_token.c) */
	struct task token_ops_end;
	bool token_ops_posted;
	int spare;            /* a descriptor to give up when none is left */
	uint8_t *input;       /* where all reads go first: INPUT_ROOM bytes of secret memory */
	struct builder reply; /* the answer being built by a handler */
	bool files_denied;    /* Landlock is in force */
	bool calls_filtered;  /* the system-call filter is in force */
	uint64_t started;     /* clock_now() */
};

/* What the supervisor hands to the core. */
struct core_start {
	const struct options *options; /* the command line's */
	struct config *config;         /* the core's from now on */
	int agent_socket;              /* listening */
	int control_socket;            /* listening, or -1 */
	int channel;                   /* core's end of channel_pair() */
	const struct sockets *sockets; /* where they lie; outlives the core */
	bool helper_present[HELPERS];  /* by enum helper_id: its program is there */
};

/*
 * A core that watches no socket yet, and has neither workers nor listeners: what core_main begins
 * with, and fuzzers that are its supervisor, its workers and all its helpers.  Ends the process
 * when there is no memory.
 */
struct core *core_new(const struct core_start *start);

/*
 * Become the core: never returns.  Tells the supervisor CHANNEL_READY or
 * CHANNEL_FAILED, and ends when the supervisor does.
 */
_Noreturn void core_main(const struct core_start *start);

#endif
