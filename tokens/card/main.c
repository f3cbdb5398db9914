/*
 * signet-card: keys on the cards in all readers of pcscd, PIV and OpenPGP.  See proto/tokenmsg.h.
 * It lives as long as its asker wants it, and can be killed at any moment.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/harden.h"
#include "proto/base/landlock.h"
#include "proto/base/log.h"
#include "proto/helperio.h"
#include "tokens/base/asker.h"
#include "tokens/base/pcsc.h"
#include "tokens/base/sandbox.h"
#include "tokens/card/requests.h"

/* From version 2.2 on, libpcsclite loads all of what works when it is first used, by this name: the
 * loader has it then.  Older versions have no such library, nor need it. */
static void load_rest(void)
{
	(void)dlopen("libpcsclite_real.so.1", RTLD_LAZY);
}

/* pcscd's socket, and no file. */
static enum err confine(void)
{
	enum err e;

	load_rest();
	e = harden_no_new_privileges();
	if (e == ERR_OK)
		e = landlock_shut(NULL, 0, false);
	return e == ERR_OK || e == ERR_UNSUPPORTED ? sandbox_enter() : e;
}

int main(void)
{
	enum err e;
	int sock;

	log_start("signet-card", LOG_LEVEL_WARN);
	harden_process();
	signal(SIGPIPE, SIG_IGN);
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
	e = confine();
	if (e == ERR_OK)
		e = requests_serve(sock);
	if (e == ERR_CLOSED)
		e = ERR_OK;
	if (e != ERR_OK)
		log_error("serving cards ended: %s", err_text(e));
	/* Not exit(): a card may keep threads waiting. */
	_exit(e == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE);
}
