/*
 * One signature by a security key: find its device (or have it plugged in), wait for its turn, ask
 * for the PIN where one is needed, say that a touch is awaited, and take the signature.
 *
 *   FINDING   devices are being asked which of them holds the key
 *   INSERT    none does: a person is asked to plug it in; goes on when it comes
 *   LINE      waits for its turn on the device
 *   CHOOSE    several devices may hold it and will not say: the person touches one
 *   PIN       a person is asked for the PIN
 *   SIGNING   the helper signs; after LIMIT_NOTICE_MS the person is told to touch
 *
 * Pulling the device out leads back to INSERT from everywhere, and so does a device that with its
 * PIN or a touch turns out not to hold the key; it is not asked again while it stays plugged in.  A
 * person is asked for a PIN twice at most, and none is ever sent to another device than it was
 * typed for.
 */
#ifndef SIGNET_TOUCH_H
#define SIGNET_TOUCH_H

#include "agent/devices.h"
#include "agent/insertion.h"
#include "agent/prompt.h"
#include "agent/route.h"

struct touch;

/* The core's; zero-initialised but for the first seven. */
struct touches {
	struct loop *loop;
	struct calls *calls;
	struct devices *devices;
	struct prompts *prompts;
	struct insertions *insertions;
	const struct blob *environment; /* of every question; may be NULL */
	const struct options *options;
	struct touch *first; /* newest first */
	size_t pending;      /* how many wait for a device, a PIN or a touch */
	struct task review;
	bool review_posted;
};

/* Views, needed only during the call, but for key (a reference is taken) and route. */
struct touch_request {
	struct key *key; /* key_is_sk */
	const struct sigalg *alg;
	struct bytes data;
	struct bytes provider; /* empty: ours */
	struct bytes comment;
	const char *print;
	struct bytes purpose; /* in words: who asks, what for, over which hosts (consent_about) */
	uint32_t pid;         /* the client's, and its start time: for questions at its terminal */
	uint64_t started;
	bool forwarded;
	enum err (*allowed)(void *ctx); /* may the key still be used?  For touches_review */
	/* Of tokensign.h only: purpose and started are found out when a person is to be asked or
	   told something, and said by tokensign_describe, later.  Called once at most.  NULL: they
	   are known. */
	enum err (*describe)(void *ctx);
};

/*
 * done is called exactly once, on the loop, never from within this call, unless cancelled first:
 * ERR_OK with a signature blob ("string algorithm, string signature, byte flags, uint32 counter"),
 * verified by the public key; or why not.  NULL without memory.
 */
struct touch *touch_begin(struct touches *ts, const struct touch_request *request,
    void (*done)(void *ctx, enum err result, struct bytes signature), void *ctx);

/* The client left: closes what is on the screen, gives its place in line to the next. */
void touch_cancel(struct touch *t);

/*
 * What is allowed may have changed (the agent was locked, a key went): soon, on the loop, every
 * request that is allowed no longer ends with the reason that allowed gives.
 */
void touches_review(struct touches *ts);

#endif
