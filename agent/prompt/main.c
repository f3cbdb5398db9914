/*
 * signet-prompt: puts one question of the core to the person, hands back the
 * answer, and ends.  It can be killed at any moment; the core closing the
 * socket takes the question back.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/prompt/serve.h"
#include "proto/base/harden.h"
#include "proto/base/log.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"

/* To be read when this process is told to end; open as long as it lives.  -1 with errno. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(void)
{
	int signals;
	enum err e;

	log_start("signet-prompt", LOG_LEVEL_WARN);
	harden_process();
	signal(SIGPIPE, SIG_IGN);
	if (!helper_started()) {
		log_error(
		    "this helper is started by signet-agent; there is nothing to run by hand");
		return 2;
	}
	signals = open_signals();
	e = signals != -1 ? prompt_serve(HELPER_FD, signals) : ERR_SYSTEM;
	if (e == ERR_OK || e == ERR_CANCELLED)
		return EXIT_SUCCESS;
	log_error("the agent's question was refused: %s", err_text(e));
	return EXIT_FAILURE;
}
