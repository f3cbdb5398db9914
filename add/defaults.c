#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "add/command.h"
#include "proto/keytype.h"

bool home_folder(char *path, size_t room)
{
	const struct passwd *user;
	int n;

	errno = 0;
	user = getpwuid(getuid());
	if (user == NULL || user->pw_dir == NULL) {
		fprintf(stderr, "No user found with uid %u\n", (unsigned)getuid());
		return false;
	}
	n = snprintf(path, room, "%s/.ssh", user->pw_dir);
	if (n < 0 || (size_t)n >= room) {
		fputs("The path of the home folder is too long\n", stderr);
		return false;
	}
	return true;
}

bool default_files(struct run *r, bool (*one)(struct run *r, const char *path), bool *all_well)
{
	char folder[PATH_MAX];
	char path[PATH_MAX + 32];
	bool any = false;

	*all_well = true;
	if (!home_folder(folder, sizeof(folder)))
		return false;
	for (size_t i = 0; keytype_file_at(i) != NULL; i++) {
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", folder, keytype_file_at(i));
		if (stat(path, &st) == -1)
			continue;
		any = true;
		if (!one(r, path))
			*all_well = false;
	}
	return any;
}
