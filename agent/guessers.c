#include "agent/guessers.h"

#include <stddef.h>
#include <string.h>

/* In the order in which they are looked at. */
enum rank { NO_GUESS, FRESH, SLOW, SLOW_FORWARDED };

void guessers_join(struct guessers *gs, struct guess *g)
{
	g->next = NULL;
	g->prev = gs->last;
	if (gs->last != NULL)
		gs->last->next = g;
	else
		gs->first = g;
	gs->last = g;
}

void guessers_leave(struct guessers *gs, struct guess *g)
{
	if (g->prev != NULL)
		g->prev->next = g->next;
	else
		gs->first = g->next;
	if (g->next != NULL)
		g->next->prev = g->prev;
	else
		gs->last = g->prev;
}

static struct guesser *find(struct guessers *gs, pid_t pid)
{
	for (size_t i = 0; i < GUESSERS_KNOWN; i++) {
		if (gs->known[i].failures != 0 && gs->known[i].pid == pid)
			return &gs->known[i];
	}
	return NULL;
}

static unsigned failures_of(struct guessers *gs, const struct guess *g)
{
	const struct guesser *known = find(gs, g->pid);

	return known != NULL ? known->failures : 0;
}

static enum rank rank_of(const struct guess *g, unsigned failures)
{
	if (g->no_guess)
		return NO_GUESS;
	if (g->forwarded)
		return SLOW_FORWARDED;
	return failures == 0 ? FRESH : SLOW;
}

/* When one of this rank may be looked at. */
static uint64_t time_of(const struct guessers *gs, enum rank rank)
{
	const uint64_t ahead = (uint64_t)(GUESSERS_BURST - 1) * GUESSERS_PACE_MS;

	if (rank == NO_GUESS)
		return 0;
	if (rank == FRESH)
		return gs->fresh_from > ahead ? gs->fresh_from - ahead : 0;
	return gs->slow_from;
}

struct guess *guessers_next(struct guessers *gs, uint64_t now, uint64_t *when)
{
	struct guess *best = NULL;
	enum rank best_rank = NO_GUESS;
	unsigned best_failures = 0;

	*when = UINT64_MAX;
	for (struct guess *g = gs->first; g != NULL; g = g->next) {
		unsigned failures = failures_of(gs, g);
		enum rank rank = rank_of(g, failures);
		uint64_t time = time_of(gs, rank);

		if (time > now) {
			if (time < *when)
				*when = time;
			continue;
		}
		if (best != NULL &&
		    (rank > best_rank || (rank == best_rank && failures >= best_failures)))
			continue;
		best = g;
		best_rank = rank;
		best_failures = failures;
	}
	if (best == NULL)
		return NULL;
	guessers_leave(gs, best);
	if (best_rank == FRESH)
		gs->fresh_from = (gs->fresh_from > now ? gs->fresh_from : now) + GUESSERS_PACE_MS;
	return best;
}

static void remember(struct guessers *gs, pid_t pid)
{
	struct guesser *known = find(gs, pid);

	if (known == NULL) {
		known = &gs->known[gs->oldest];
		gs->oldest = (gs->oldest + 1) % GUESSERS_KNOWN;
		*known = (struct guesser){.pid = pid};
	}
	known->failures++;
}

uint64_t guessers_wrong(struct guessers *gs, const struct guess *g, uint64_t now)
{
	uint64_t delay;

	remember(gs, g->pid);
	gs->failures++;
	delay = (uint64_t)gs->failures * GUESSERS_STEP_MS;
	if (delay > GUESSERS_MOST_MS)
		delay = GUESSERS_MOST_MS;
	gs->slow_from = now + delay;
	return delay;
}

void guessers_forgive(struct guessers *gs)
{
	gs->failures = 0;
	gs->slow_from = 0;
	gs->fresh_from = 0;
	memset(gs->known, 0, sizeof(gs->known));
	gs->oldest = 0;
}
