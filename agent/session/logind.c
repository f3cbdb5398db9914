#include "agent/session/logind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/log.h"

#define SERVICE    "org.freedesktop.login1"
#define PATH       "/org/freedesktop/login1"
#define MANAGER    SERVICE ".Manager"
#define SESSION    SERVICE ".Session"
#define PROPERTIES "org.freedesktop.DBus.Properties"

/* --- properties ---------------------------------------------------------------- */

/* Of a session: what was told of it.  NULL, and false in has_: nothing, or of another type. */
struct properties {
	const char *class, *type;
	bool has_active, active;
	bool has_hint, hint;
};

static int read_text(sd_bus_message *m, const char *contents, const char **out)
{
	return strcmp(contents, "s") == 0 ? sd_bus_message_read(m, "v", "s", out)
					  : sd_bus_message_skip(m, "v");
}

static int read_flag(sd_bus_message *m, const char *contents, bool *has, bool *out)
{
	int value = 0, r;

	if (strcmp(contents, "b") != 0)
		return sd_bus_message_skip(m, "v");
	r = sd_bus_message_read(m, "v", "b", &value);
	*has = r >= 0;
	*out = value != 0;
	return r;
}

static int read_property(sd_bus_message *m, struct properties *p)
{
	const char *name, *contents;
	char type;
	int r = sd_bus_message_read(m, "s", &name);

	if (r >= 0)
		r = sd_bus_message_peek_type(m, &type, &contents);
	if (r < 0)
		return r;
	if (strcmp(name, "Class") == 0)
		return read_text(m, contents, &p->class);
	if (strcmp(name, "Type") == 0)
		return read_text(m, contents, &p->type);
	if (strcmp(name, "Active") == 0)
		return read_flag(m, contents, &p->has_active, &p->active);
	if (strcmp(name, "LockedHint") == 0)
		return read_flag(m, contents, &p->has_hint, &p->hint);
	return sd_bus_message_skip(m, "v");
}

/* Views of m. */
static int read_properties(sd_bus_message *m, struct properties *p)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	*p = (struct properties){0};
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = read_property(m, p);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static void take_properties(struct logind_session *s, const struct properties *p)
{
	if (p->class != NULL)
		s->person = strncmp(p->class, "user", 4) == 0;
	if (p->type != NULL)
		s->graphical = strcmp(p->type, "x11") == 0 || strcmp(p->type, "wayland") == 0 ||
			       strcmp(p->type, "mir") == 0;
	if (p->has_active)
		s->active = p->active;
	if (p->has_hint)
		s->hint = p->hint;
}

/* --- sessions ------------------------------------------------------------------ */

static struct logind_session *find(struct logind *l, const char *path)
{
	for (unsigned i = 0; i < l->count; i++) {
		if (strcmp(l->sessions[i].path, path) == 0)
			return &l->sessions[i];
	}
	return NULL;
}

static void list(struct logind *l, const char *id, const char *path)
{
	const char *mine = getenv("XDG_SESSION_ID");
	struct logind_session *s = find(l, path);

	if (s == NULL) {
		if (l->count == LOGIND_SESSIONS || strlen(path) >= sizeof(s->path))
			return;
		s = &l->sessions[l->count++];
		*s = (struct logind_session){.named = mine != NULL && strcmp(id, mine) == 0};
		(void)snprintf(s->path, sizeof(s->path), "%s", path);
	}
	s->listed = true;
}

static int read_list(struct logind *l, sd_bus_message *m)
{
	const char *id, *user, *seat, *path;
	uint32_t uid;
	int r = sd_bus_message_enter_container(m, 'a', "(susso)");

	while (
	    r >= 0 && (r = sd_bus_message_read(m, "(susso)", &id, &uid, &user, &seat, &path)) > 0) {
		if (uid == getuid())
			list(l, id, path);
	}
	return r;
}

/* A session that is gone meanwhile is none. */
static void look_at(struct logind *l, struct logind_session *s, bool fresh, bool back)
{
	sd_bus_message *reply = NULL;
	struct properties p;
	bool hint = s->hint;

	if (bus_call(&l->bus, s->path, PROPERTIES, "GetAll", &reply, "s", SESSION) >= 0 &&
	    read_properties(reply, &p) >= 0)
		take_properties(s, &p);
	else
		s->listed = false;
	if (!fresh && back)
		s->locked = s->locked || s->hint;
	else if (fresh || s->hint != hint)
		s->locked = s->hint;
	sd_bus_message_unref(reply);
}

static void complain(struct logind *l, int why)
{
	if (!l->complained)
		log_warn("logind does not tell the sessions (%s): the screen's lock is not seen; "
			 "tried again from time to time",
		    strerror(-why));
	l->complained = true;
}

/* back: it was gone since the last look. */
static bool look(struct logind *l, bool back)
{
	sd_bus_message *reply = NULL;
	unsigned before = l->count, kept = 0;
	int r;

	l->look = false;
	for (unsigned i = 0; i < l->count; i++)
		l->sessions[i].listed = false;
	r = bus_call(&l->bus, PATH, MANAGER, "ListSessions", &reply, "");
	if (r >= 0)
		r = read_list(l, reply);
	sd_bus_message_unref(reply);
	if (r < 0) {
		complain(l, r);
		return false;
	}
	for (unsigned i = 0; i < l->count; i++) {
		if (l->sessions[i].listed)
			look_at(l, &l->sessions[i], i >= before, back);
	}
	for (unsigned i = 0; i < l->count; i++) {
		if (l->sessions[i].listed)
			l->sessions[kept++] = l->sessions[i];
	}
	l->count = kept;
	l->complained = false;
	return true;
}

/* How many count that are of this kind, and are they all locked? */
static unsigned tally(const struct logind *l, bool graphical, bool named, bool active, bool *locked)
{
	unsigned n = 0;

	*locked = true;
	for (unsigned i = 0; i < l->count; i++) {
		const struct logind_session *s = &l->sessions[i];

		if (!s->person || (graphical && !s->graphical) || (named && !s->named) ||
		    (active && !s->active))
			continue;
		n++;
		*locked = *locked && s->locked;
	}
	return n;
}

void logind_forget(struct logind *l)
{
	l->count = 0;
}

bool logind_is_locked(const struct logind *l)
{
	bool locked;

	return (tally(l, true, true, false, &locked) != 0 ||
		   tally(l, true, false, true, &locked) != 0 ||
		   tally(l, true, false, false, &locked) != 0 ||
		   tally(l, false, true, false, &locked) != 0) &&
	       locked;
}

/* --- sleep --------------------------------------------------------------------- */

static void let_sleep(struct logind *l)
{
	fd_close(&l->inhibitor);
	l->let_go = 0;
}

void logind_slept(struct logind *l)
{
	if (l->sleeping)
		let_sleep(l);
}

static void hold_up_sleep(struct logind *l)
{
	sd_bus_message *reply = NULL;
	int fd, r;

	l->inhibit = false;
	if (l->inhibitor >= 0 || l->sleeping)
		return;
	r = bus_call(&l->bus, PATH, MANAGER, "Inhibit", &reply, "ssss", "sleep", "Signet",
	    "Keys are locked before sleep", "delay");
	if (r >= 0)
		r = sd_bus_message_read(reply, "h", &fd);
	if (r >= 0) {
		l->inhibitor = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		r = l->inhibitor < 0 ? -errno : 0;
	}
	if (r < 0 && !l->warned)
		log_warn("sleep is not held up until keys are locked (%s): they may be locked only "
			 "after waking up",
		    strerror(-r));
	l->warned = r < 0;
	sd_bus_message_unref(reply);
}

static void sleep_comes(struct logind *l)
{
	l->sleeping = true;
	l->let_go = clock_now() + LOGIND_SLEPT_MS;
}

static void read_sleep(struct logind *l)
{
	sd_bus_message *reply = NULL;
	int value = 0;

	if (bus_call(&l->bus, PATH, PROPERTIES, "Get", &reply, "ss", MANAGER,
		"PreparingForSleep") >= 0 &&
	    sd_bus_message_read(reply, "v", "b", &value) >= 0 && value != 0)
		sleep_comes(l);
	sd_bus_message_unref(reply);
}

/* --- signals ------------------------------------------------------------------- */

static void properties_changed(struct logind *l, struct logind_session *s, sd_bus_message *m)
{
	struct properties p;
	const char *interface;

	if (sd_bus_message_read(m, "s", &interface) <= 0 || strcmp(interface, SESSION) != 0)
		return;
	if (read_properties(m, &p) < 0)
		return;
	take_properties(s, &p);
	if (p.has_hint)
		s->locked = p.hint;
	/* Some are only named: they are to be asked for. */
	if (sd_bus_message_enter_container(m, 'a', "s") > 0 && sd_bus_message_at_end(m, false) == 0)
		l->look = true;
}

static void session_signal(struct logind *l, sd_bus_message *m)
{
	const char *path = sd_bus_message_get_path(m);
	struct logind_session *s = path != NULL ? find(l, path) : NULL;

	if (s == NULL)
		return;
	if (sd_bus_message_is_signal(m, SESSION, "Lock") > 0)
		s->locked = true;
	else if (sd_bus_message_is_signal(m, SESSION, "Unlock") > 0)
		s->locked = false;
	else if (sd_bus_message_is_signal(m, PROPERTIES, "PropertiesChanged") > 0)
		properties_changed(l, s, m);
}

static void prepare_for_sleep(struct logind *l, sd_bus_message *m)
{
	int begins;

	if (sd_bus_message_read(m, "b", &begins) <= 0)
		return;
	if (begins != 0) {
		sleep_comes(l);
		return;
	}
	l->sleeping = false;
	l->let_go = 0;
	l->inhibit = true;
}

static void heard(void *ctx, sd_bus_message *m)
{
	struct logind *l = ctx;

	if (sd_bus_message_is_signal(m, MANAGER, "PrepareForSleep") > 0)
		prepare_for_sleep(l, m);
	else if (sd_bus_message_is_signal(m, MANAGER, "SessionNew") > 0 ||
		 sd_bus_message_is_signal(m, MANAGER, "SessionRemoved") > 0)
		l->look = true;
	else
		session_signal(l, m);
}

/* --- coming and going ---------------------------------------------------------- */

static bool found(void *ctx)
{
	struct logind *l = ctx;

	if (!look(l, true))
		return false;
	read_sleep(l);
	hold_up_sleep(l);
	return true;
}

static void lost(void *ctx)
{
	struct logind *l = ctx;

	l->look = l->sleeping = l->inhibit = false;
	let_sleep(l);
}

static bool rest(void *ctx)
{
	struct logind *l = ctx;

	if (l->let_go != 0 && clock_now() >= l->let_go) {
		log_warn("keys were not locked in time before sleep");
		let_sleep(l);
	}
	if (l->inhibit)
		hold_up_sleep(l);
	return !l->look || look(l, false);
}

static const struct bus_user user = {found, lost, heard, rest};

void logind_init(struct logind *l)
{
	*l = (struct logind){
	    .bus = {.system = true, .service = SERVICE, .user = &user, .ctx = l},
	    .inhibitor = -1,
	};
}
