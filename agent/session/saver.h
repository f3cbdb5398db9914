/* org.freedesktop.ScreenSaver on the session bus: an active one is a locked screen. */
#ifndef SIGNET_SESSION_SAVER_H
#define SIGNET_SESSION_SAVER_H

#include "agent/session/bus.h"

/* Zero-initialised but for bus.  It is watched while bus.used. */
struct saver {
	struct bus bus;
	bool active;
};

void saver_init(struct saver *s);

#endif
