#include "agent/session/bus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

enum {
	PAUSE_LEAST = 1000, /* before a lost bus is tried again, in milliseconds, */
	PAUSE_MOST = 60000, /* which grows; one that was there for so long begins anew */
};

#define DRIVER      "org.freedesktop.DBus"
#define DRIVER_PATH "/org/freedesktop/DBus"

/* --- losing it ------------------------------------------------------------------- */

static void lose_service(struct bus *b)
{
	b->owner[0] = '\0';
	b->new_owner = false;
	if (!b->used)
		return;
	b->used = false;
	b->user->lost(b->ctx);
}

void bus_close(struct bus *b)
{
	lose_service(b);
	b->bus = sd_bus_close_unref(b->bus);
	b->ready = b->settled = false;
	b->again = 0;
}

/* Tried again after a while. */
static void give_up(struct bus *b, int why)
{
	uint64_t now = clock_now();

	log_debug("the %s bus is lost: %s", b->system ? "system" : "session", strerror(-why));
	bus_close(b);
	b->settled = true;
	if (b->pause == 0 || now - b->started >= PAUSE_MOST)
		b->pause = PAUSE_LEAST;
	b->again = now + b->pause;
	b->pause = b->pause * 2 < PAUSE_MOST ? b->pause * 2 : PAUSE_MOST;
}

/* --- who has the name ------------------------------------------------------------- */

static bool is_from(sd_bus_message *m, const char *sender)
{
	const char *from = sd_bus_message_get_sender(m);

	return from != NULL && sender[0] != '\0' && strcmp(from, sender) == 0;
}

/* What is no unique name cannot be a sender. */
static void set_owner(struct bus *b, const char *name)
{
	lose_service(b);
	if (name[0] != ':' || strlen(name) >= sizeof(b->owner))
		return;
	(void)snprintf(b->owner, sizeof(b->owner), "%s", name);
	b->new_owner = true;
}

static int heard(sd_bus_message *m, void *ctx, sd_bus_error *error)
{
	struct bus *b = ctx;
	const char *name, *before, *now;

	(void)error;
	if (sd_bus_message_is_signal(m, NULL, NULL) <= 0)
		return 0;
	if (sd_bus_message_is_signal(m, DRIVER, "NameOwnerChanged") > 0 && is_from(m, DRIVER)) {
		if (sd_bus_message_read(m, "sss", &name, &before, &now) > 0 &&
		    strcmp(name, b->service) == 0)
			set_owner(b, now);
		return 0;
	}
	if (b->used && is_from(m, b->owner))
		b->user->signal(b->ctx, m);
	return 0;
}

static int add_match(const struct bus *b, const char *rule)
{
	return sd_bus_call_method(
	    b->bus, DRIVER, DRIVER_PATH, DRIVER, "AddMatch", NULL, NULL, "s", rule);
}

static int find_owner(struct bus *b)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *name;
	int r = sd_bus_call_method(
	    b->bus, DRIVER, DRIVER_PATH, DRIVER, "GetNameOwner", &error, &reply, "s", b->service);

	if (r >= 0)
		r = sd_bus_message_read(reply, "s", &name);
	if (r > 0)
		set_owner(b, name);
	if (sd_bus_error_has_name(&error, "org.freedesktop.DBus.Error.NameHasNoOwner"))
		r = 0;
	sd_bus_error_free(&error);
	sd_bus_message_unref(reply);
	return r;
}

/* The bus answers: watch the name, and all that its owner says. */
static int set_up(struct bus *b)
{
	char rule[256];
	int r;

	(void)snprintf(rule, sizeof(rule),
	    "type='signal',sender='" DRIVER "',member='NameOwnerChanged',arg0='%s'", b->service);
	r = add_match(b, rule);
	(void)snprintf(rule, sizeof(rule), "type='signal',sender='%s'", b->service);
	if (r >= 0)
		r = add_match(b, rule);
	if (r >= 0)
		r = find_owner(b);
	return r;
}

/* --- connecting ------------------------------------------------------------------- */

/* Is a path or an abstract name among what the address has to choose from?  (Network sockets are
 * filtered, and so is starting programs.) */
static bool is_reachable(const char *address)
{
	while (address != NULL && strncmp(address, "unix:", 5) != 0) {
		address = strchr(address, ';');
		if (address != NULL)
			address++;
	}
	return address != NULL;
}

/* Said once, as it stays so. */
static int refuse_address(struct bus *b, const char *variable, const char *address)
{
	char shown[128];

	if (!b->refused)
		log_warn(
		    "%s is %s, which signet-session cannot reach: it connects to addresses "
		    "of the kind \"unix:\" alone; the screen's lock and sleep are not seen there",
		    variable, text_quote(bytes_str(address), shown, sizeof(shown)));
	b->refused = true;
	return -EPROTONOSUPPORT;
}

static int connect_to(struct bus *b)
{
	const char *variable = b->system ? "DBUS_SYSTEM_BUS_ADDRESS" : "DBUS_SESSION_BUS_ADDRESS";
	const char *address = getenv(variable);
	int r;

	b->started = clock_now();
	if (address != NULL && address[0] != '\0' && !is_reachable(address))
		return refuse_address(b, variable, address);
	r = b->system ? sd_bus_open_system(&b->bus) : sd_bus_open_user(&b->bus);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(b->bus, BUS_CALL_MS * UINT64_C(1000));
	if (r >= 0)
		r = sd_bus_add_filter(b->bus, NULL, heard, b);
	return r;
}

static int go_on(struct bus *b)
{
	int r = sd_bus_process(b->bus, NULL);

	if (r < 0)
		return r;
	if (sd_bus_is_open(b->bus) <= 0)
		return -ECONNRESET;
	if (!b->ready && sd_bus_is_ready(b->bus) > 0) {
		int e = set_up(b);

		if (e < 0)
			return e;
		b->ready = b->settled = true;
		r = 1;
	}
	if (b->new_owner) {
		b->new_owner = false;
		b->used = true;
		if (!b->user->found(b->ctx))
			return -EPROTO;
		r = 1;
	}
	return b->used && !b->user->rest(b->ctx) ? -EPROTO : r;
}

bool bus_turn(struct bus *b)
{
	int r;

	if (b->bus == NULL) {
		if (clock_now() < b->again)
			return false;
		r = connect_to(b);
	} else {
		r = go_on(b);
	}
	if (r < 0)
		give_up(b, r);
	return r > 0;
}

void bus_poll(const struct bus *b, struct pollfd *fd, uint64_t *until)
{
	uint64_t usec = UINT64_MAX, now = clock_now();
	int events;

	*fd = (struct pollfd){.fd = -1};
	*until = b->again;
	if (b->bus == NULL)
		return;
	fd->fd = sd_bus_get_fd(b->bus);
	events = sd_bus_get_events(b->bus);
	fd->events = (short)(events > 0 ? events : POLLIN);
	*until = UINT64_MAX;
	/* On another clock than ours: within a second it is asked for again. */
	if (sd_bus_get_timeout(b->bus, &usec) >= 0 && usec != UINT64_MAX)
		*until = now + (usec == 0 ? 0 : 1000);
}

int bus_call(const struct bus *b, const char *path, const char *interface, const char *method,
    sd_bus_message **reply, const char *types, ...)
{
	sd_bus_message *m = NULL;
	va_list values;
	int r = sd_bus_message_new_method_call(b->bus, &m, b->owner, path, interface, method);

	va_start(values, types);
	if (r >= 0)
		r = sd_bus_message_appendv(m, types, values);
	va_end(values);
	if (r >= 0)
		r = sd_bus_call(b->bus, m, 0, NULL, reply);
	sd_bus_message_unref(m);
	return r;
}
