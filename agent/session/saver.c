#include "agent/session/saver.h"

#define SERVICE "org.freedesktop.ScreenSaver"

/* Plasma's first home of it is the second of these. */
static const char *const paths[] = {"/org/freedesktop/ScreenSaver", "/ScreenSaver"};

/* One that only sends signals is taken to be inactive until it sends one. */
static bool found(void *ctx)
{
	struct saver *s = ctx;
	int active = 0, r = -1;

	for (unsigned i = 0; r < 0 && i < sizeof(paths) / sizeof(paths[0]); i++) {
		sd_bus_message *reply = NULL;

		r = bus_call(&s->bus, paths[i], SERVICE, "GetActive", &reply, "");
		if (r >= 0)
			r = sd_bus_message_read(reply, "b", &active);
		sd_bus_message_unref(reply);
	}
	s->active = r > 0 && active != 0;
	return true;
}

static void lost(void *ctx)
{
	struct saver *s = ctx;

	s->active = false;
}

static void heard(void *ctx, sd_bus_message *m)
{
	struct saver *s = ctx;
	int active;

	if (sd_bus_message_is_signal(m, SERVICE, "ActiveChanged") > 0 &&
	    sd_bus_message_read(m, "b", &active) > 0)
		s->active = active != 0;
}

static bool rest(void *ctx)
{
	(void)ctx;
	return true;
}

static const struct bus_user user = {found, lost, heard, rest};

void saver_init(struct saver *s)
{
	*s = (struct saver){.bus = {.service = SERVICE, .user = &user, .ctx = s}};
}
