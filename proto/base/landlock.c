#include "proto/base/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/harden.h"

/*
 * The attributes as the kernel knows them up to ABI 6; older headers lack the later members
 * (linux/landlock.h).
 */
struct ruleset {
	uint64_t files, net, scoped;
};

/* What each ABI can handle: all that no rule allows is denied. */
static const struct {
	struct ruleset handled;
	size_t size;
} by_abi[] = {
    {{0, 0, 0}, 0}, {{0x1fff, 0, 0}, 8}, /* 1: 13 rights on files */
    {{0x3fff, 0, 0}, 8},                 /* 2: moving between directories */
    {{0x7fff, 0, 0}, 8},                 /* 3: truncating */
    {{0x7fff, 3, 0}, 16},                /* 4: binding and connecting TCP */
    {{0xffff, 3, 0}, 16},                /* 5: device ioctl */
    {{0xffff, 3, 3}, 24},                /* 6: abstract sockets, signals */
};

enum {
	KNOWN_ABIS = sizeof(by_abi) / sizeof(by_abi[0]),
	READS = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	WRITES = READS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
		 LANDLOCK_ACCESS_FS_REMOVE_FILE,
};

static uint64_t rights(const struct landlock_room *room)
{
	if (room->file)
		return LANDLOCK_ACCESS_FS_READ_FILE;
	return room->writable ? WRITES : READS;
}

static enum err allow(int rules, const struct landlock_room *room)
{
	int flags = O_PATH | O_CLOEXEC | (room->file ? 0 : O_DIRECTORY);
	int opened = room->path == NULL ? -1 : open(room->path, flags);
	struct landlock_path_beneath_attr rule = {
	    .allowed_access = rights(room),
	    .parent_fd = room->path == NULL ? room->fd : opened,
	};
	long result = 0;

	if (rule.parent_fd >= 0)
		result =
		    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	fd_close(&opened);
	return result == 0 ? ERR_OK : ERR_SYSTEM;
}

enum err landlock_shut(const struct landlock_room *rooms, size_t n, bool all)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset handled;
	enum err e = ERR_OK;
	int rules;

	if (abi <= 0)
		return ERR_UNSUPPORTED;
	if (abi >= KNOWN_ABIS)
		abi = KNOWN_ABIS - 1;
	handled = by_abi[abi].handled;
	if (!all)
		handled.net = handled.scoped = 0;
	rules = (int)syscall(SYS_landlock_create_ruleset, &handled, by_abi[abi].size, 0);
	if (rules < 0)
		return ERR_SYSTEM;
	for (size_t i = 0; e == ERR_OK && i < n; i++)
		e = allow(rules, &rooms[i]);
	if (e == ERR_OK)
		e = harden_no_new_privileges();
	if (e == ERR_OK && syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		e = ERR_SYSTEM;
	fd_close(&rules);
	return e;
}
