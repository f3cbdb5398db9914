#include "agent/session/confine.h"

#include <errno.h>

#include "proto/base/harden.h"
#include "proto/base/landlock.h"
#include "proto/base/profiles.h"

/* Two buses, and no file: not all of Landlock, since a bus may have an abstract socket. */
enum err session_confine(void)
{
	enum err e = harden_no_new_privileges();

	if (e == ERR_OK)
		e = landlock_shut(NULL, 0, false);
	if (e == ERR_OK || e == ERR_UNSUPPORTED)
		e = profile_enter(&profile_bus);
	/* The core tells of a kernel without filters; the screen's lock counts for more. */
	return e == ERR_SYSTEM && errno == EINVAL ? ERR_OK : e;
}
