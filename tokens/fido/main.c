/*
 * signet-fido: does one operation with security keys for the core or signet-add, answers, and
 * ends.  It can be killed at any moment; the asker closing the socket takes the request back.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/harden.h"
#include "proto/base/log.h"
#include "proto/helperio.h"
#include "tokens/base/asker.h"
#include "tokens/base/pcsc.h"
#include "tokens/fido/serve.h"

int main(void)
{
	enum err e;
	int sock;

	log_start("signet-fido", LOG_LEVEL_WARN);
	harden_process();
	signal(SIGPIPE, SIG_IGN);
	/* libfido2 would print what it sends to devices. */
	unsetenv("FIDO_DEBUG");
	pcsc_prepare();
	if (!helper_started()) {
		log_error(
		    "this helper is started by signet-agent; there is nothing to run by hand");
		return 2;
	}
	sock = asker_hide();
	if (sock == -1) {
		log_error("taking the agent's socket failed: %m");
		return EXIT_FAILURE;
	}
	e = fido_serve(sock);
	if (e == ERR_CLOSED)
		e = ERR_OK;
	if (e != ERR_OK)
		log_error("the request was not answered: %s", err_text(e));
	/* Not exit(): a foreign library's last words could take for ever. */
	_exit(e == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE);
}
