#include "proto/base/harden.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/base/log.h"

/* A process that cannot protect itself must not go on to hold keys. */
static void require(int result, const char *what)
{
	if (result == 0)
		return;
	log_error("%s failed: %m; not going on without it", what);
	_exit(EXIT_FAILURE);
}

void harden_process(void)
{
	static const struct rlimit none = {0, 0};
	gid_t gid = getgid();

	/* Before the dumpable flag: the kernel sets that anew when the effective group changes. */
	require(setresgid(gid, gid, gid), "giving up the set-group-id right");
	require(setrlimit(RLIMIT_CORE, &none), "turning core dumps off");
	require(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "closing the process to tracing");
}

enum err harden_no_new_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? ERR_OK : ERR_SYSTEM;
}
