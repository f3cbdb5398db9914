#include "tokens/base/asker.h"

#include <fcntl.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/helpermsg.h"

int asker_hide(void)
{
	int sock = fcntl(HELPER_FD, F_DUPFD_CLOEXEC, 64);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (sock == -1 || null == -1 || dup2(null, HELPER_FD) == -1 ||
	    dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1) {
		fd_close(&sock);
		fd_close(&null);
		return -1;
	}
	if (null > HELPER_FD)
		close(null);
	return sock;
}
