/*
 * signet-unlock: decrypts one key file for the core, answers, and ends (proto/filesmsg.h).  Its
 * arguments are the key directories; what lies outside of them it does not open, whatever it is
 * asked for.  It can be killed at any moment.
 */
#include <signal.h>
#include <stdlib.h>

#include "keystore/crypto.h"
#include "keystore/unlock/confine.h"
#include "keystore/unlock/serve.h"
#include "proto/base/harden.h"
#include "proto/base/log.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"

int main(int argc, char *argv[])
{
	const char *const *directories = (const char *const *)argv + 1;
	size_t n = argc > 0 ? (size_t)argc - 1 : 0;
	enum err e;

	crypto_clean_environment();
	log_start("signet-unlock", LOG_LEVEL_WARN);
	harden_process();
	signal(SIGPIPE, SIG_IGN);
	if (!helper_started()) {
		log_error(
		    "this helper is started by signet-agent; there is nothing to run by hand");
		return 2;
	}
	e = crypto_start();
	if (e == ERR_OK)
		e = harden_no_new_privileges();
	if (e == ERR_OK) {
		e = confine(directories, n);
		/* The core tells once that this kernel lacks it. */
		e = e == ERR_UNSUPPORTED ? ERR_OK : e;
	}
	if (e == ERR_OK)
		(void)confine_calls(); /* the core told of this, too */
	if (e == ERR_OK)
		e = unlock_serve(HELPER_FD, directories, n);
	if (e != ERR_OK && e != ERR_CLOSED)
		log_error("a key file was not unlocked: %s", err_text(e));
	return e == ERR_OK || e == ERR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE;
}
