/*
 * Loaded into signet-agent with LD_PRELOAD: receiving with recvmsg(), which is how the core and its
 * supervisor hear each other, fails for as long as the file DEAF_SHEET says so.  Its bytes: [0] and
 * [1] are not '0' while the supervisor, and the core, hear nothing; the line behind them counts the
 * calls that failed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SUPERVISOR, CORE, COUNT, DIGITS = 8, ROOM = COUNT + DIGITS + 1 };

static _Atomic char *sheet;
static pid_t supervisor;
static ssize_t (*receive)(int, struct msghdr *, int);

__attribute__((constructor)) static void load(void)
{
	const char *path = getenv("DEAF_SHEET");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at =
	    fd < 0 ? MAP_FAILED : mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	sheet = at != MAP_FAILED ? at : NULL;
	supervisor = getpid();
	*(void **)&receive = dlsym(RTLD_NEXT, "recvmsg");
}

/* One more, in decimal digits. */
static void count(void)
{
	for (int i = COUNT + DIGITS - 1; i >= COUNT; i--) {
		if (sheet[i] != '9') {
			sheet[i]++;
			return;
		}
		sheet[i] = '0';
	}
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	if (sheet == NULL || sheet[getpid() == supervisor ? SUPERVISOR : CORE] == '0')
		return receive(fd, m, flags);
	count();
	errno = ENOMEM;
	return -1;
}
