#include "agent/prompt/display.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/prompt/child.h"
#include "agent/prompt/reach.h"
#include "proto/base/log.h"
#include "proto/limits.h"

enum {
	/* The manager's whole environment, in bytes, and how long it may take, in milliseconds. */
	OUTPUT_MOST = 256 * 1024,
	PATIENCE = 500,
	ENTRY_ROOM = LIMIT_PROMPT_VALUE + 64,
};

/* Those that say where windows go, and so belong together. */
static const char *const display_names[] = {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"};

enum { DISPLAY_NAMES = sizeof(display_names) / sizeof(display_names[0]) };

static bool is_display_name(const char *name)
{
	for (size_t i = 0; i < DISPLAY_NAMES; i++) {
		if (strcmp(name, display_names[i]) == 0)
			return true;
	}
	return false;
}

/* entry is NAME=VALUE and is cut at its equals sign. */
static void set(char *entry)
{
	char *equals = strchr(entry, '=');

	*equals = '\0';
	setenv(entry, equals + 1, 1);
}

static void forget_display(void)
{
	for (size_t i = 0; i < DISPLAY_NAMES; i++)
		unsetenv(display_names[i]);
}

/* Does its entry belong to the group that is replaced as a whole? */
static bool names_display(struct bytes entry)
{
	for (size_t i = 0; i < DISPLAY_NAMES; i++) {
		size_t n = strlen(display_names[i]);

		if (entry.len > n && entry.data[n] == '=' &&
		    memcmp(entry.data, display_names[i], n) == 0)
			return true;
	}
	return false;
}

/* The value of a variable in what the question carries: "" when it is not there. */
static void given_value(const struct helper_ask *ask, const char *name, char *out, size_t room)
{
	struct reader r = reader_of(ask->environment);
	struct bytes entry;
	size_t n = strlen(name);

	out[0] = '\0';
	while (helper_env_next(&r, &entry) == ERR_OK) {
		if (entry.len <= n || memcmp(entry.data, name, n) != 0 || entry.data[n] != '=' ||
		    entry.len - n > room)
			continue;
		memcpy(out, entry.data + n + 1, entry.len - n - 1);
		out[entry.len - n - 1] = '\0';
	}
}

/* How it is about a display: nobody named one, or the one that was named answers or not. */
enum found { NOT_NAMED, DEAD, ALIVE };

static enum found look_at(const char *wayland, const char *x)
{
	bool named = (wayland != NULL && wayland[0] != '\0') || (x != NULL && x[0] != '\0');

	if (!named)
		return NOT_NAMED;
	return reach_display(wayland, x, getenv("XDG_RUNTIME_DIR")) ? ALIVE : DEAD;
}

static enum found own_display(void)
{
	return look_at(getenv("WAYLAND_DISPLAY"), getenv("DISPLAY"));
}

static enum found given_display(const struct helper_ask *ask)
{
	char wayland[ENTRY_ROOM], x[ENTRY_ROOM];

	given_value(ask, "WAYLAND_DISPLAY", wayland, sizeof(wayland));
	given_value(ask, "DISPLAY", x, sizeof(x));
	return look_at(wayland, x);
}

/* What the question carries; where windows go only if the display answers. */
static void take_from_question(const struct helper_ask *ask, enum found display)
{
	struct reader r = reader_of(ask->environment);
	struct bytes entry;

	if (display == ALIVE)
		forget_display();
	while (helper_env_next(&r, &entry) == ERR_OK) {
		char copy[ENTRY_ROOM];

		if (entry.len >= sizeof(copy) || (names_display(entry) && display != ALIVE))
			continue;
		memcpy(copy, entry.data, entry.len);
		copy[entry.len] = '\0';
		set(copy);
	}
}

/* $'...' as systemd quotes a value in which the shell would see something. */
static enum err unquote(struct bytes in, char *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++) {
		char c = (char)in.data[i];

		if (c == '\'')
			return ERR_FORMAT;
		if (c == '\\') {
			if (++i == in.len || strchr("\\'", in.data[i]) == NULL)
				return ERR_FORMAT;
			c = (char)in.data[i];
		}
		if (n + 1 >= room)
			return ERR_TOO_LONG;
		out[n++] = c;
	}
	out[n] = '\0';
	return ERR_OK;
}

enum err display_parse_line(struct bytes line, char *out, size_t room)
{
	const uint8_t *equals = line.len != 0 ? memchr(line.data, '=', line.len) : NULL;
	struct bytes value;
	size_t head;
	enum err e = ERR_OK;

	if (equals == NULL || memchr(line.data, '\0', line.len) != NULL)
		return ERR_FORMAT;
	head = (size_t)(equals - line.data) + 1;
	value = BYTES(equals + 1, line.len - head);
	if (line.len >= room)
		return ERR_TOO_LONG;
	memcpy(out, line.data, head);
	if (value.len >= 3 && memcmp(value.data, "$'", 2) == 0 &&
	    value.data[value.len - 1] == '\'') {
		e = unquote(BYTES(value.data + 2, value.len - 3), out + head, room - head);
	} else {
		memcpy(out + head, value.data, value.len);
		out[line.len] = '\0';
	}
	if (e == ERR_OK && !helper_env_allowed(bytes_str(out)))
		e = ERR_FORMAT;
	return e;
}

/* Fill in what is missing; where windows go is taken as a whole, or not at all. */
static void take_lines(struct bytes text, bool display)
{
	bool fresh = display;

	while (text.len != 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t n = end != NULL ? (size_t)(end - text.data) : text.len;
		char entry[ENTRY_ROOM];

		if (display_parse_line(BYTES(text.data, n), entry, sizeof(entry)) == ERR_OK) {
			char *equals = strchr(entry, '=');
			bool where = names_display(bytes_str(entry));

			if (where && fresh) {
				forget_display();
				fresh = false;
			}
			*equals = '\0';
			if (is_display_name(entry) ? display : getenv(entry) == NULL)
				setenv(entry, equals + 1, 1);
		}
		n += end != NULL;
		text = BYTES(text.data + n, text.len - n);
	}
}

/* Without any way to the manager its command would not know what to do, but might be long in saying
 * so. */
static bool manager_is_there(void)
{
	static const char *const sockets[] = {"systemd/private", "bus"};
	const char *folder = getenv("XDG_RUNTIME_DIR");
	const char *bus = getenv("DBUS_SESSION_BUS_ADDRESS");
	char path[4096];

	if (folder == NULL)
		return false;
	if (bus != NULL && bus[0] != '\0')
		return true;
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		int n = snprintf(path, sizeof(path), "%s/%s", folder, sockets[i]);

		if (n > 0 && (size_t)n < sizeof(path) && reach_socket(path))
			return true;
	}
	return false;
}

static void take_from_manager(bool display)
{
	static const char *const argv[] = {"systemctl", "--user", "show-environment", NULL};
	char *path = manager_is_there() ? program_find(argv[0]) : NULL;
	char *text = malloc(OUTPUT_MOST);
	struct child c;
	size_t len = 0;
	enum err e;

	if (path == NULL || text == NULL || child_start(path, argv, true, &c) != ERR_OK)
		goto out;
	e = child_read(&c, PATIENCE, text, OUTPUT_MOST, &len);
	child_end(&c, e == ERR_OK ? PATIENCE : 0);
	if (e == ERR_OK)
		take_lines(BYTES(text, len), display);
	else
		log_warn("the service manager's environment was not read: %s", err_text(e));
out:
	free(path);
	free(text);
}

/* Where the manager and Wayland have their sockets, for an agent that was started without it. */
static void find_runtime_folder(void)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/run/user/%lu", (unsigned long)getuid());
	if (getenv("XDG_RUNTIME_DIR") == NULL && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == getuid())
		setenv("XDG_RUNTIME_DIR", path, 1);
}

enum err display_find(const struct helper_ask *ask)
{
	enum found given, found;

	find_runtime_folder();
	given = given_display(ask);
	take_from_question(ask, given);
	found = given == ALIVE ? ALIVE : own_display();
	if (found != ALIVE || getenv("DBUS_SESSION_BUS_ADDRESS") == NULL ||
	    getenv("SSH_ASKPASS") == NULL)
		take_from_manager(found != ALIVE);
	if (found != ALIVE)
		found = own_display();
	if (found == ALIVE)
		return ERR_OK;
	forget_display();
	return found == DEAD || given == DEAD ? ERR_DISPLAY : ERR_NO_PROMPT;
}
