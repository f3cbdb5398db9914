/* Notices as desktop notifications (org.freedesktop.Notifications). */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "agent/prompt/asker.h"
#include "agent/prompt/child.h"
#include "proto/base/askpass.h"
#include "proto/base/mem.h"
#include "proto/builder.h"

enum { PATIENCE = 3000, OUTPUT_ROOM = 256, LONGEST_MS = 3600 * 1000 };

#define SERVICE "org.freedesktop.Notifications"

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0';
}

/* A display, and a session bus over which its desktop can be reached. */
static bool desktop_is_there(void)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	char path[4096];
	struct stat st;

	if (!is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY"))
		return false;
	if (is_set("DBUS_SESSION_BUS_ADDRESS"))
		return true;
	if (folder == NULL)
		return false;
	snprintf(path, sizeof(path), "%s/bus", folder);
	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Desktops read the text as markup.  quoted: for a reader to whom a backslash means something. */
static void put_body(struct builder *b, const char *text, bool quoted)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			builder_put(b, bytes_str("&amp;"));
			break;
		case '<':
			builder_put(b, bytes_str("&lt;"));
			break;
		case '>':
			builder_put(b, bytes_str("&gt;"));
			break;
		case '\\':
			builder_put(b, bytes_str(quoted ? "\\\\" : "\\"));
			break;
		default:
			builder_u8(b, (uint8_t)*text);
		}
	}
}

/* As GVariant's text format writes a string. */
static void put_gvariant(struct builder *b, struct bytes text)
{
	builder_u8(b, '\'');
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\'' || text.data[i] == '\\')
			builder_u8(b, '\\');
		if (text.data[i] == '\n')
			builder_put(b, bytes_str("\\n"));
		else
			builder_u8(b, text.data[i]);
	}
	builder_u8(b, '\'');
	builder_u8(b, '\0');
}

/* The first number behind what was skipped over, as "5\n" and "(uint32 5,)" have it; 0: none. */
static uint32_t number_in(const char *output, const char *before)
{
	size_t n = strlen(before);

	return strncmp(output, before, n) == 0 ? (uint32_t)strtoul(output + n, NULL, 10) : 0;
}

/* Run it to its end; the number of the notification is what it must write. */
static enum err run(const char *path, const char *const *argv, const char *before, uint32_t *id)
{
	char output[OUTPUT_ROOM + 1] = "";
	struct child c;
	size_t len = 0;
	enum err e = child_start(path, argv, true, &c);

	if (e != ERR_OK)
		return e;
	e = child_read(&c, PATIENCE, output, OUTPUT_ROOM, &len);
	child_end(&c, e == ERR_OK ? PATIENCE : 0);
	output[len] = '\0';
	*id = e == ERR_OK ? number_in(output, before) : 0;
	return e == ERR_OK && *id == 0 ? ERR_NO_PROMPT : e;
}

/* Milliseconds that the desktop is asked to show it; 0: until it is taken back. */
static int time_of(const struct question *q)
{
	int ms = question_time_left(q);

	return ms < 0 || ms > LONGEST_MS ? 0 : ms > 0 ? ms : 1;
}

static enum err with_notify_send(const char *path, const struct question *q, uint32_t *id)
{
	char time[16];
	struct builder body = {0};
	enum err e;

	snprintf(time, sizeof(time), "%d", time_of(q));
	put_body(&body, q->text, true);
	builder_u8(&body, '\0');
	e = builder_error(&body);
	if (e == ERR_OK) {
		const char *const argv[] = {"notify-send", "-p", "-a", "Signet", "-t", time, "--",
		    q->title, (const char *)builder_view(&body).data, NULL};

		e = run(path, argv, "", id);
	}
	builder_clear(&body);
	return e;
}

static enum err with_gdbus(const char *path, const struct question *q, uint32_t *id)
{
	char time[32];
	struct builder text = {0}, title = {0}, body = {0};
	enum err e;

	snprintf(time, sizeof(time), "int32 %d", time_of(q));
	put_body(&text, q->text, false);
	put_gvariant(&title, bytes_str(q->title));
	put_gvariant(&body, builder_view(&text));
	e = builder_error(&text);
	if (e == ERR_OK)
		e = builder_error(&title);
	if (e == ERR_OK)
		e = builder_error(&body);
	if (e == ERR_OK) {
		const char *const argv[] = {"gdbus", "call", "--session", "--dest", SERVICE,
		    "--object-path", "/org/freedesktop/Notifications", "--method",
		    SERVICE ".Notify", "'Signet'", "uint32 0", "''",
		    (const char *)builder_view(&title).data, (const char *)builder_view(&body).data,
		    "@as []", "@a{sv} {}", time, NULL};

		e = run(path, argv, "(uint32 ", id);
	}
	builder_clear(&text);
	builder_clear(&title);
	builder_clear(&body);
	return e;
}

static enum err show(const struct question *q, uint32_t *id)
{
	const char *named = getenv("SIGNET_NOTIFY");
	char *path;
	enum err e = ERR_NO_PROMPT;

	if (named != NULL)
		return named[0] == '/' ? with_notify_send(named, q, id) : ERR_NO_PROMPT;
	path = program_find("notify-send");
	if (path != NULL)
		e = with_notify_send(path, q, id);
	free(path);
	if (e != ERR_NO_PROMPT)
		return e;
	/* Also for a notify-send that is too old to tell the number. */
	path = program_find("gdbus");
	if (path != NULL)
		e = with_gdbus(path, q, id);
	free(path);
	return e;
}

static void withdraw(uint32_t id)
{
	char number[32], nothing[OUTPUT_ROOM];
	const char *const argv[] = {"gdbus", "call", "--session", "--dest", SERVICE,
	    "--object-path", "/org/freedesktop/Notifications", "--method",
	    SERVICE ".CloseNotification", number, NULL};
	char *path = program_find(argv[0]);
	struct child c;
	size_t len;

	snprintf(number, sizeof(number), "uint32 %" PRIu32, id);
	if (path != NULL && child_start(path, argv, true, &c) == ERR_OK) {
		(void)child_read(&c, PATIENCE, nothing, sizeof(nothing), &len);
		child_end(&c, PATIENCE);
	}
	free(path);
}

/* ERR_CANCELLED, or ERR_OK when its time is over. */
static enum err wait_for_end(const struct question *q)
{
	struct pollfd p = {.fd = q->cancel, .events = POLLIN | POLLRDHUP};

	for (;;) {
		if (poll(&p, 1, question_time_left(q)) > 0)
			return ERR_CANCELLED;
		if (question_time_left(q) == 0)
			return ERR_OK;
	}
}

static bool ask(const struct question *q, struct reply *reply)
{
	uint32_t id = 0;

	if (q->ask->kind != ASKPASS_NOTICE || !desktop_is_there()) {
		reply->result = ERR_NO_PROMPT;
		return false;
	}
	/* Our end must not leave it on the screen; the core's end is seen through the socket. */
	(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	reply->result = show(q, &id);
	if (reply->result != ERR_OK)
		return false;
	reply->result = wait_for_end(q);
	withdraw(id);
	return true;
}

const struct asker asker_notify = {"notify", ask};
