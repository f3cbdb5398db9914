#include "agent/session/serve.h"

#include <errno.h>
#include <poll.h>

#include "agent/session/confine.h"
#include "agent/session/logind.h"
#include "agent/session/saver.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/helperio.h"
#include "proto/limits.h"
#include "proto/sessionmsg.h"

enum {
	SETTLE_MS = 3000,  /* to find out who is there, before the first word */
	TURNS_AT_ONCE = 64 /* messages of a bus before the core is looked at again */
};

struct world {
	int core;
	struct logind logind;
	struct saver saver;
	uint64_t settle_until;
	bool told;      /* anything yet */
	uint32_t flags; /* what was told last */
};

/* --- the core ------------------------------------------------------------------ */

/* Who cannot be heard any more has said last what holds: a locked screen stays locked. */
static uint32_t state_of(const struct world *w)
{
	if (w->logind.bus.used)
		return SESSION_LOGIND | (logind_is_locked(&w->logind) ? SESSION_LOCKED : 0) |
		       (w->logind.sleeping ? SESSION_SLEEPING : 0);
	if (w->saver.bus.used)
		return SESSION_SAVER | (w->saver.active ? SESSION_LOCKED : 0);
	return SESSION_BLIND | (w->flags & SESSION_LOCKED);
}

/* At the start nothing is said before it is known who is there. */
static bool is_settled(const struct world *w)
{
	return w->told || w->logind.bus.used || (w->logind.bus.settled && w->saver.bus.settled) ||
	       clock_now() >= w->settle_until;
}

static enum err tell(struct world *w)
{
	uint32_t flags = state_of(w);
	struct builder b = {0};
	enum err e;

	if ((w->told && flags == w->flags) || !is_settled(w))
		return ERR_OK;
	session_state_build(&b, flags);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = fd_write_all(w->core, builder_view(&b), LIMIT_HELPER_MS);
	builder_clear(&b);
	w->told = true;
	w->flags = flags;
	if ((flags & SESSION_SAVER) != 0 && (flags & SESSION_LOCKED) == 0)
		logind_forget(&w->logind);
	return e;
}

static enum err hear(struct world *w)
{
	struct blob message = {0};
	enum err e = helper_receive(w->core, LIMIT_HELPER_MESSAGE, &message);

	if (e == ERR_OK)
		e = session_slept_parse(blob_view(&message));
	blob_clear(&message);
	if (e == ERR_OK)
		logind_slept(&w->logind);
	return e;
}

/* --- the buses ----------------------------------------------------------------- */

/* Each message by itself: a lock that is followed by its end at once is told, too. */
static enum err drive(struct world *w, struct bus *b)
{
	enum err e = ERR_OK;
	unsigned turns = 0;
	bool more = true;

	while (e == ERR_OK && more && turns++ < TURNS_AT_ONCE) {
		more = bus_turn(b);
		e = tell(w);
	}
	return e;
}

/* The screen saver is listened to only where there is no logind. */
static enum err drive_all(struct world *w)
{
	enum err e = drive(w, &w->logind.bus);

	if (w->logind.bus.used)
		bus_close(&w->saver.bus);
	else if (e == ERR_OK && w->logind.bus.settled)
		e = drive(w, &w->saver.bus);
	return e;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Until something happens. */
static enum err rest(const struct world *w, bool *core_speaks)
{
	struct pollfd fds[3] = {{.fd = w->core, .events = POLLIN}};
	uint64_t until, other = UINT64_MAX, now = clock_now();
	int timeout;

	bus_poll(&w->logind.bus, &fds[1], &until);
	fds[2].fd = -1;
	if (!w->logind.bus.used && w->logind.bus.settled)
		bus_poll(&w->saver.bus, &fds[2], &other);
	until = earlier(until, other);
	if (!w->told)
		until = earlier(until, w->settle_until);
	if (w->logind.let_go != 0)
		until = earlier(until, w->logind.let_go);
	timeout = until == UINT64_MAX ? -1 : until <= now ? 0 : (int)earlier(until - now, 60000);
	if (poll(fds, 3, timeout) < 0 && errno != EINTR)
		return ERR_SYSTEM;
	*core_speaks = fds[0].revents != 0;
	return ERR_OK;
}

enum err session_serve(int core)
{
	struct world w = {.core = core, .settle_until = clock_now() + SETTLE_MS};
	struct blob message = {0};
	enum err e = helper_receive(core, LIMIT_HELPER_MESSAGE, &message);

	if (e == ERR_OK)
		e = session_watch_parse(blob_view(&message));
	blob_clear(&message);
	if (e == ERR_OK)
		e = session_confine();
	logind_init(&w.logind);
	saver_init(&w.saver);
	while (e == ERR_OK) {
		bool core_speaks = false;

		e = drive_all(&w);
		if (e == ERR_OK)
			e = rest(&w, &core_speaks);
		if (e == ERR_OK && core_speaks)
			e = hear(&w);
	}
	bus_close(&w.saver.bus);
	bus_close(&w.logind.bus);
	return e;
}
