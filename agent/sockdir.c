#include "agent/sockdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/bytes.h"

#include "agent/unixsocket.h"

enum {
	TAG_CHARS = 10,     /* of the host's hash, and of the random part */
	STALE_AFTER = 3600, /* seconds */
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* TAG_CHARS letters and digits that stand for number. */
static void spell(uint64_t number, char *out)
{
	for (int i = 0; i < TAG_CHARS; i++) {
		out[i] = alphabet[number % (sizeof(alphabet) - 1)];
		number /= sizeof(alphabet) - 1;
	}
	out[TAG_CHARS] = '\0';
}

/* The supervisor uses no libcrypto: the core starts that for itself, with its own memory. */
static enum err random_tag(char *out)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return ERR_SYSTEM;
	spell(number, out);
	return ERR_OK;
}

/* Tells the sockets of hosts that share a home directory apart (by a hash of the host's name). */
static void host_tag(char *out)
{
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	spell(bytes_hash(BYTES_HASH_START, bytes_str(host)), out);
}

static const char *home(void)
{
	const char *dir = getenv("HOME");
	const struct passwd *pw;

	if (dir != NULL && dir[0] == '/')
		return dir;
	pw = getpwuid(getuid());
	return pw != NULL ? pw->pw_dir : NULL;
}

static bool make_dir(const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return true;
	fprintf(stderr, "signet-agent: cannot make the directory %s: %s; give a path with -a\n",
	    path, strerror(errno));
	return false;
}

/* Who can write to the directory could put a socket of his own there. */
static bool is_private(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	    (st.st_mode & 022) == 0)
		return true;
	fprintf(stderr,
	    "signet-agent: %s must be a directory of yours that nobody else can "
	    "write to (chmod 700), or give a path with -a\n",
	    path);
	return false;
}

/* ~/.ssh/agent, made if need be. */
static bool agent_dir(char *dir, size_t room, bool make)
{
	const char *base = home();
	int n;

	if (base == NULL) {
		fprintf(stderr, "signet-agent: HOME is not set; give a socket path with -a\n");
		return false;
	}
	n = snprintf(dir, room, "%s/.ssh", base);
	if (n < 0 || (size_t)n + sizeof("/agent") > room) {
		fprintf(stderr, "signet-agent: the path of the home directory is too long for a "
				"socket; use -T or -a\n");
		return false;
	}
	if (make && !make_dir(dir))
		return false;
	strcat(dir, "/agent");
	return !make || (make_dir(dir) && is_private(dir));
}

enum err sockdir_home(char *path, size_t room)
{
	char dir[SOCKET_PATH];
	char host[TAG_CHARS + 1];
	char tag[TAG_CHARS + 1];
	int n;
	enum err e;

	if (!agent_dir(dir, sizeof(dir), true))
		return ERR_SYSTEM;
	host_tag(host);
	e = random_tag(tag);
	if (e != ERR_OK)
		return e;
	n = snprintf(path, room, "%s/s.%s.agent.%s", dir, host, tag);
	if (n < 0 || (size_t)n >= room) {
		fprintf(stderr,
		    "signet-agent: a socket path in %s would be too long; use -T or -a\n", dir);
		return ERR_TOO_LONG;
	}
	return ERR_OK;
}

enum err sockdir_tmp(char *directory, char *path, size_t room)
{
	const char *tmp = getenv("TMPDIR");
	char tag[TAG_CHARS + 1];
	int n;
	enum err e = random_tag(tag);

	if (e != ERR_OK)
		return e;
	if (tmp == NULL || tmp[0] != '/')
		tmp = "/tmp";
	n = snprintf(directory, room, "%s/ssh-%s", tmp, tag);
	if (n < 0 || (size_t)n + sizeof("/agent.4294967295") > room) {
		fprintf(stderr, "signet-agent: TMPDIR is too long for a socket path; use -a\n");
		return ERR_TOO_LONG;
	}
	if (mkdir(directory, 0700) != 0) {
		fprintf(stderr, "signet-agent: cannot make the directory %s: %s\n", directory,
		    strerror(errno));
		return ERR_SYSTEM;
	}
	(void)snprintf(path, room, "%s/agent.%ld", directory, (long)getpid());
	return ERR_OK;
}

/* s.HOST.TAG.RANDOM, and .ctl beside it for a control socket of ours. */
static bool named_like_ours(const char *name, const char *host)
{
	return strncmp(name, "s.", 2) == 0 &&
	       (host == NULL ||
		   (strncmp(name + 2, host, TAG_CHARS) == 0 && name[2 + TAG_CHARS] == '.'));
}

static bool stale(int dir, const char *dir_path, const char *name)
{
	char path[SOCKET_PATH];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%s", dir_path, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return false;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	return st.st_mtime + STALE_AFTER < time(NULL) && !socket_alive(path);
}

unsigned sockdir_clean(bool all_hosts)
{
	char dir_path[SOCKET_PATH];
	char host[TAG_CHARS + 1];
	const struct dirent *entry;
	unsigned removed = 0;
	DIR *dir;

	if (!agent_dir(dir_path, sizeof(dir_path), false))
		return 0;
	host_tag(host);
	dir = opendir(dir_path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		if (named_like_ours(entry->d_name, all_hosts ? NULL : host) &&
		    stale(dirfd(dir), dir_path, entry->d_name) &&
		    unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			removed++;
	}
	closedir(dir);
	return removed;
}
