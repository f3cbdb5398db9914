#include "keystore/keyring/confine.h"

#include "proto/base/landlock.h"
#include "proto/base/profiles.h"

/* A bus, and what libraries read of theirs: not all of Landlock, as a bus may have an abstract
 * socket.  libgcrypt up to 1.9 ends the process where it cannot open the devices, read or not. */
enum err keyring_confine(void)
{
	static const struct landlock_room rooms[] = {{.path = "/usr"}, {.path = "/lib"},
	    {.path = "/lib64"}, {.path = "/etc"}, {.path = "/nix/store"},
	    {.path = "/dev/random", .file = true}, {.path = "/dev/urandom", .file = true}};
	enum err e = landlock_shut(rooms, sizeof(rooms) / sizeof(rooms[0]), false);

	return e == ERR_OK || e == ERR_UNSUPPORTED ? profile_enter(&profile_bus) : e;
}
