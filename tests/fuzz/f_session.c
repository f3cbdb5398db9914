/*
 * signet-session's loop (agent/session/serve.c) with what it knows of logind and the screen saver,
 * and a hostile agent.  The buses (bus.c) are none: what a message of theirs would change, the
 * input changes; calls over them fail.  The sandbox (confine.c) is left out.
 */
#include "tests/fuzz/hostile_agent.h"

/* After it: this one wants no wait of its own. */
#include <errno.h>
#include <sys/eventfd.h>

#include "agent/session/confine.h"
#include "agent/session/logind.h"
#include "agent/session/saver.h"
#include "agent/session/serve.h"
#include "proto/sessionmsg.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct {
	bool there[2], settled; /* the screen saver, logind; somebody was looked for */
	bool locked, active, sleeps;
	int event; /* something of it is news */
} world;

static bool told, slept;
static uint32_t before; /* what was told last */

/* --- instead of bus.c --------------------------------------------------------------------------
 */

enum err session_confine(void)
{
	return ERR_OK;
}

static void tell_logind(struct logind *l)
{
	l->sessions[0] = (struct logind_session){
	    .person = true, .graphical = true, .active = true, .locked = world.locked};
	l->count = 1;
	if (world.sleeps && !l->sleeping) {
		l->inhibitor = l->inhibitor < 0 ? eventfd(0, EFD_CLOEXEC) : l->inhibitor;
		l->let_go = agent.now + LOGIND_SLEPT_MS;
	}
	l->sleeping = world.sleeps;
}

static void tell_saver(struct saver *s)
{
	s->active = world.active;
}

bool bus_turn(struct bus *b)
{
	uint64_t n;

	(void)!read(world.event, &n, sizeof(n));
	b->settled = world.settled;
	if (b->used && !world.there[b->system])
		b->user->lost(b->ctx);
	b->used = world.there[b->system];
	if (b->used && b->system)
		tell_logind(b->ctx);
	else if (b->used)
		tell_saver(b->ctx);
	if (b->used)
		(void)b->user->rest(b->ctx);
	return false;
}

void bus_poll(const struct bus *b, struct pollfd *fd, uint64_t *until)
{
	(void)b;
	*fd = (struct pollfd){.fd = world.event, .events = POLLIN};
	*until = UINT64_MAX;
}

void bus_close(struct bus *b)
{
	if (b->used)
		b->user->lost(b->ctx);
	b->used = b->settled = false;
}

int bus_call(const struct bus *b, const char *path, const char *interface, const char *method,
    sd_bus_message **reply, const char *types, ...)
{
	(void)b, (void)path, (void)interface, (void)method, (void)reply, (void)types;
	return -ENOTCONN;
}

/* --- the agent
 * ------------------------------------------------------------------------------------- */

static void agent_says(struct builder *b)
{
	if (agent_pick(3) == 0) {
		session_watch_build(b);
	} else {
		session_slept_build(b);
		slept = true;
	}
}

static void agent_says_again(void)
{
}

static void agent_does(void)
{
	unsigned how = agent_pick(0);

	world.there[0] = (how & 1) != 0;
	world.there[1] = (how & 2) != 0;
	world.settled = (how & 4) == 0;
	world.locked = (how & 8) != 0;
	world.active = (how & 16) != 0;
	world.sleeps = (how & 32) != 0;
	(void)eventfd_write(world.event, 1);
}

static void agent_hears(struct bytes message)
{
	uint32_t flags;

	fuzz_require(agent.sent != 0, "who was not asked tells nothing");
	if (message.len == 2 && message.data[1] == HELPER_ALIEN)
		return;
	fuzz_require(session_state_parse(message, &flags) == ERR_OK, "the core understands it");
	fuzz_require(!told || flags != before, "only what changes is told");
	fuzz_require((flags & SESSION_BLIND) == 0 || !told || (before & SESSION_LOCKED) == 0 ||
			 (flags & SESSION_LOCKED) != 0,
	    "who sees nothing any more unlocks nothing");
	/* A locked screen at the end of a sleep that the core was ready for. */
	fuzz_plant(told && slept && (before & SESSION_SLEEPING) != 0 &&
		   flags == (SESSION_LOGIND | SESSION_LOCKED));
	told = true;
	before = flags;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	agent_start(LIMIT_HELPER_MESSAGE);
	world.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum err e;

	told = slept = false;
	before = 0;
	(void)agent_begin(data, size);
	agent.step = reader_of(BYTES(data, size < 1 ? size : 1));
	agent_does();
	e = session_serve(agent.sock[0]);
	agent_end();
	fuzz_require(e != ERR_OK, "there is a reason for the end");
	return 0;
}
