/*
 * signet-session: tells the core whether the person's screen is locked and when the machine goes to
 * sleep (proto/sessionmsg.h), as logind says, or the screen saver where there is no logind.
 */
#include <signal.h>
#include <stdlib.h>

#include "agent/session/serve.h"
#include "proto/base/harden.h"
#include "proto/base/log.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"

int main(void)
{
	enum err e;

	log_start("signet-session", LOG_LEVEL_WARN);
	harden_process();
	signal(SIGPIPE, SIG_IGN);
	if (!helper_started()) {
		log_error(
		    "this helper is started by signet-agent; there is nothing to run by hand");
		return 2;
	}
	e = session_serve(HELPER_FD);
	if (e != ERR_CLOSED)
		log_error("the session is not watched any more: %s", err_text(e));
	return e == ERR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE;
}
