/*
 * Whose wish to unlock is looked at next, and when.
 *
 * Passphrases are derived one at a time, so that guesses cannot be made side by side.  Who is next
 * is told by what his process has done since the agent was locked:
 *
 * - One that has not guessed wrong goes ahead at once.  The owner's signet-add is such a process,
 *   whatever others do, and waits for no more than the one derivation that is being made.  Whoever
 *   starts programs here could make each guess in a new process, so a burst of GUESSERS_BURST of
 *   them goes ahead, and then one in GUESSERS_PACE_MS.  Beyond that the owner waits too: such a
 *   program could hold him up as well by ending the agent, but it gets no more guesses.
 * - One that has guessed wrong, and whatever came over a forwarded connection (another host can
 *   open any number of those, but starts no processes here), waits between any two of them for a
 *   delay that grows with each wrong guess of anybody; those of this machine before those of other
 *   hosts, whoever has failed least first.
 *
 * So a thousand connections guess no faster than one: with a hundred failures behind them six times
 * a minute, and new processes ten times.  Nothing here knows of time but by what it is told.
 */
#ifndef SIGNET_GUESSERS_H
#define SIGNET_GUESSERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	GUESSERS_BURST = 10,
	GUESSERS_PACE_MS = 6000,
	/* After the n-th wrong guess the delay is n times this, in milliseconds ... */
	GUESSERS_STEP_MS = 100,
	/* ... but no more than this. */
	GUESSERS_MOST_MS = 10000,
	/* Processes that are remembered for their wrong guesses; more replace the oldest. */
	GUESSERS_KNOWN = 256,
};

/* One that waits; embed it, with the first three set. */
struct guess {
	pid_t pid;
	bool forwarded;
	bool no_guess; /* a wish to lock: nobody is held up for what he did */
	struct guess *next, *prev;
};

/* Zero-initialised: nobody waits, nobody has guessed. */
struct guessers {
	struct guess *first, *last; /* in the order of their coming */
	unsigned failures;
	uint64_t slow_from; /* before which none of the second kind is looked at */
	uint64_t
	    fresh_from; /* GUESSERS_PACE_MS after the last of the first kind, had none been early */
	struct guesser {
		pid_t pid;
		unsigned failures; /* 0: unused */
	} known[GUESSERS_KNOWN];
	unsigned oldest;
};

void guessers_join(struct guessers *gs, struct guess *g);

/* He waits no more. */
void guessers_leave(struct guessers *gs, struct guess *g);

/*
 * Takes out who is to be looked at now.  NULL: nobody; *when is then the time to ask again (in the
 * milliseconds of now), UINT64_MAX when nobody waits.
 */
struct guess *guessers_next(struct guessers *gs, uint64_t now, uint64_t *when);

/* He guessed wrong: counts it.  Returns how late his answer is to be, in milliseconds. */
uint64_t guessers_wrong(struct guessers *gs, const struct guess *g, uint64_t now);

/* The agent was locked or unlocked: all is forgiven.  Who waits goes on waiting. */
void guessers_forgive(struct guessers *gs);

#endif
