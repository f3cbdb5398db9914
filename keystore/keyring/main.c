/*
 * signet-keyring: one operation with the desktop's keyring for the core or signet-add
 * (proto/keyringmsg.h).  It can be killed at any moment.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "keystore/keyring/service.h"
#include "proto/base/fdio.h"
#include "proto/base/harden.h"
#include "proto/base/landlock.h"
#include "proto/base/log.h"
#include "proto/base/profiles.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

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

static enum err lookup(struct service *s, const struct keyring_item *item, bool prompt)
{
	SecretValue *value = NULL;
	struct builder b = {0};
	const gchar *data;
	gsize len = 0;
	enum err e = service_lookup(s, item, prompt, &value);

	if (e != ERR_OK)
		return e;
	data = secret_value_get(value, &len);
	keyring_secret_build(&b, BYTES(data, len));
	secret_value_unref(value);
	e = builder_error(&b);
	patience_over(s->patience);
	if (e == ERR_OK && fd_write_all(HELPER_FD, builder_view(&b), LIMIT_HELPER_MS) != ERR_OK)
		e = ERR_CLOSED;
	builder_clear(&b);
	return e;
}

static enum err answer(enum err result)
{
	struct builder b = {0};
	enum err e;

	if (result == ERR_OK)
		keyring_done_build(&b);
	else
		keyring_failed_build(
		    &b, keyring_failure_allowed((uint8_t)result) ? result : ERR_KEYRING);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = fd_write_all(HELPER_FD, builder_view(&b), LIMIT_HELPER_MS);
	builder_clear(&b);
	return e;
}

/* The request was read: who asked sends nothing more. */
static enum err carry_out(struct bytes message)
{
	struct service s = {.cancel = g_cancellable_new()};
	struct keyring_item item;
	struct bytes label, secret;
	bool prompt, looked_up = false;
	enum err e;

	s.patience = patience_start(HELPER_FD, s.cancel);
	e = s.patience != NULL ? service_open(&s) : ERR_MEMORY;
	if (e == ERR_OK && keyring_lookup_parse(message, &item, &prompt) == ERR_OK) {
		e = lookup(&s, &item, prompt);
		looked_up = e == ERR_OK;
	} else if (e == ERR_OK && keyring_store_parse(message, &item, &label, &secret) == ERR_OK) {
		e = service_store(&s, &item, label, secret);
	} else if (e == ERR_OK && keyring_forget_parse(message, &item) == ERR_OK) {
		e = service_forget(&s, &item);
	}
	if (e == ERR_CLOSED || looked_up)
		return e;
	patience_over(s.patience);
	return answer(e);
}

static enum err check(struct bytes message)
{
	struct keyring_item item;
	struct bytes label, secret;
	uint8_t kind;
	bool prompt;
	enum err e = helper_message_kind(message, &kind);

	if (e != ERR_OK)
		return e;
	if (kind == KEYRING_LOOKUP)
		return keyring_lookup_parse(message, &item, &prompt);
	if (kind == KEYRING_STORE)
		return keyring_store_parse(message, &item, &label, &secret);
	return keyring_forget_parse(message, &item);
}

/* A bus, and what libraries read of theirs: not all of Landlock, as a bus may have an abstract
 * socket.  libgcrypt up to 1.9 ends the process where it cannot open the devices, read or not. */
static enum err confine(void)
{
	static const struct landlock_room rooms[] = {{.path = "/usr"}, {.path = "/lib"},
	    {.path = "/lib64"}, {.path = "/etc"}, {.path = "/nix/store"},
	    {.path = "/dev/random", .file = true}, {.path = "/dev/urandom", .file = true}};
	enum err e = landlock_shut(rooms, sizeof(rooms) / sizeof(rooms[0]), false);

	return e == ERR_OK || e == ERR_UNSUPPORTED ? profile_enter(&profile_bus) : e;
}

static enum err serve(void)
{
	struct blob message = {0};
	enum err e = helper_receive(HELPER_FD, KEYRING_REQUEST_MOST, &message);

	if (e == ERR_OK)
		e = check(blob_view(&message));
	if (e == ERR_OK)
		e = confine();
	if (e == ERR_OK)
		e = carry_out(blob_view(&message));
	else if (e != ERR_CLOSED)
		/* By its version, whoever asked sees what is wrong. */
		(void)answer(ERR_KEYRING);
	blob_clear(&message);
	return e;
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
		e = serve();
	if (e != ERR_OK && e != ERR_CLOSED)
		log_error("the request was not answered: %s", err_text(e));
	/* Not exit(): libraries have threads that still run. */
	_exit(e == ERR_OK || e == ERR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE);
}
