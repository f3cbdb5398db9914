/*
 * signet-keyring: one operation with the desktop's keyring for the core or signet-add
 * (proto/keyringmsg.h).  It can be killed at any moment.
 */
#include <fcntl.h>
#include <signal.h>
#include <libsecret/secret.h>
#include <stdlib.h>
#include <unistd.h>

#include "keystore/keyring/serve.h"
#include "proto/base/harden.h"
#include "proto/base/log.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"

/* Whatever GLib and libsecret would print may hold what went over the bus. */
static GLogWriterOutput drop_line(
    GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	(void)level, (void)fields, (void)n, (void)data;
	return G_LOG_WRITER_HANDLED;
}

static void drop_text(const gchar *text)
{
	(void)text;
}

static void silence_libraries(void)
{
	static const char *const names[] = {
	    "G_MESSAGES_DEBUG", "G_DBUS_DEBUG", "G_DEBUG", "SECRET_SERVICE_BUS_NAME"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		unsetenv(names[i]);
	g_log_set_writer_func(drop_line, NULL, NULL);
	g_set_print_handler(drop_text);
	g_set_printerr_handler(drop_text);
}

int main(void)
{
	enum err e;

	log_start("signet-keyring", LOG_LEVEL_WARN);
	harden_process();
	signal(SIGPIPE, SIG_IGN);
	if (!helper_started()) {
		log_error(
		    "this helper is started by signet-agent; there is nothing to run by hand");
		return 2;
	}
	(void)fcntl(HELPER_FD, F_SETFD, FD_CLOEXEC);
	silence_libraries();
	e = harden_no_new_privileges();
	if (e == ERR_OK)
		e = keyring_serve(HELPER_FD);
	if (e != ERR_OK && e != ERR_CLOSED)
		log_error("the request was not answered: %s", err_text(e));
	/* Not exit(): libraries have threads that still run. */
	_exit(e == ERR_OK || e == ERR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE);
}
