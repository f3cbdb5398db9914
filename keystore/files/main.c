/*
 * signet-files DIRECTORY...: the key files in these directories, as they are and as they change.
 * See proto/filesmsg.h.  It lives as long as its asker wants it, and can be killed at any moment;
 * it ends by itself when a directory comes that was not there when it was started.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "keystore/crypto.h"
#include "keystore/files/sandbox.h"
#include "keystore/files/serve.h"
#include "proto/base/harden.h"
#include "proto/base/log.h"
#include "proto/filesmsg.h"
#include "proto/helperexec.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"

/* The arguments that can be key directories, each once, without a slash at the end. */
static size_t clean_arguments(char **args, int n)
{
	size_t kept = 0;

	for (int i = 0; i < n; i++) {
		size_t len = strlen(args[i]);
		bool known = false;

		while (len > 1 && args[i][len - 1] == '/')
			args[i][--len] = '\0';
		for (size_t k = 0; k < kept; k++)
			known = known || strcmp(args[k], args[i]) == 0;
		if (!known && kept < HELPER_ARGS && files_path_good(bytes_str(args[i])))
			args[kept++] = args[i];
		else if (!known)
			log_warn("a key directory is not looked into: name it by its whole path, "
				 "without \".\" and \"..\"");
	}
	return kept;
}

int main(int argc, char **argv)
{
	struct shelf s;
	struct learnt *learnt;
	enum err e;

	log_start("signet-files", LOG_LEVEL_WARN);
	harden_process();
	signal(SIGPIPE, SIG_IGN);
	if (!helper_started() || argc < 2) {
		log_error(
		    "this helper is started by signet-agent; there is nothing to run by hand");
		return 2;
	}
	crypto_clean_environment();
	e = crypto_start();
	learnt = e == ERR_OK ? learnt_open() : NULL;
	if (learnt == NULL)
		return EXIT_FAILURE;
	e = shelf_open(
	    &s, (const char *const *)(argv + 1), clean_arguments(argv + 1, argc - 1), learnt);
	if (e == ERR_OK) {
		e = files_sandbox(&s.folders, learnt_directory(learnt));
		if (e == ERR_OK)
			e = files_serve(&s, HELPER_FD);
		shelf_close(&s);
	}
	learnt_close(learnt);
	return e == ERR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE;
}
