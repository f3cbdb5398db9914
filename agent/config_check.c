/* What the configuration names, looked at for --check-config. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/provider.h"
#include "proto/base/fdio.h"
#include "proto/base/text.h"
#include "proto/helperexec.h"
#include "proto/helperio.h"
#include "proto/limits.h"
#include "proto/pattern.h"
#include "proto/tokenmsg.h"

enum { LINE_ROOM = 1024, SHOWN = 512 };

struct check {
	const struct config *c;
	const struct config_teller *to;
	bool good;
};

static void wrong(struct check *k, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void wrong(struct check *k, unsigned line, const char *format, ...)
{
	char what[LINE_ROOM];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	k->good = false;
	k->to->tell(k->to->ctx, &(struct config_mistake){k->c->path, line, what, false});
}

static void note(struct check *k, unsigned line, const char *what)
{
	k->to->tell(k->to->ctx, &(struct config_mistake){k->c->path, line, what, true});
}

static const char *shown(const char *text, char *room)
{
	return text_escape(bytes_str(text), room, SHOWN);
}

static void check_directory(struct check *k, const char *path, unsigned line)
{
	char room[SHOWN];
	struct stat st;

	if (stat(path, &st) != 0)
		wrong(k, line,
		    "the key directory %s cannot be looked at: %s; make it, or name another",
		    shown(path, room), strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		wrong(k, line, "%s is no directory; name the one that its file is in",
		    shown(path, room));
	else if (access(path, R_OK | X_OK) != 0)
		wrong(k, line, "the key directory %s cannot be read: %s; chmod u+rx mends it",
		    shown(path, room), strerror(errno));
}

static void check_program(struct check *k, const char *path, unsigned line)
{
	char room[SHOWN];
	struct stat st;

	if (path == NULL)
		return;
	if (stat(path, &st) != 0)
		wrong(k, line, "the program %s is not there: %s; install it, or name another",
		    shown(path, room), strerror(errno));
	else if (!S_ISREG(st.st_mode) || access(path, X_OK) != 0)
		wrong(k, line, "%s cannot be started; name a program, or make it one with chmod +x",
		    shown(path, room));
}

/* One request to a helper that loads nothing and ends. */
static enum err ask(int sock, const char *name, struct blob *answer)
{
	struct builder b = {0};
	enum err e;

	token_resolve_build(&b, bytes_str(name));
	e = builder_error(&b);
	if (e == ERR_OK)
		e = fd_write_all(sock, builder_view(&b), LIMIT_HELPER_MS);
	if (e == ERR_OK)
		e = helper_receive(sock, LIMIT_HELPER_MESSAGE, answer);
	builder_clear(&b);
	return e;
}

static enum err resolve(const char *name, struct blob *path)
{
	struct blob answer = {0};
	enum token_message kind;
	struct token_failure f;
	struct bytes found = BYTES_NONE;
	pid_t pid;
	int sock;
	enum err e = helper_exec(HELPER_PKCS11, NULL, &pid, &sock);

	if (e != ERR_OK)
		return e;
	e = ask(sock, name, &answer);
	fd_close(&sock);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (e == ERR_OK)
		e = token_message_of(blob_view(&answer), &kind);
	if (e == ERR_OK && kind == TOKEN_FAILED)
		e = token_failed_parse(blob_view(&answer), &f) == ERR_OK ? f.why : ERR_REPLY;
	else if (e == ERR_OK)
		e = token_resolved_parse(blob_view(&answer), &found);
	if (e == ERR_OK)
		e = blob_copy(path, found);
	blob_clear(&answer);
	return e;
}

static void check_module(struct check *k, const char *name, unsigned line)
{
	const char *allowed = k->c->providers != NULL ? k->c->providers : DEFAULT_PROVIDERS;
	struct blob path = {0};
	char room[SHOWN];
	struct stat st;
	enum err e = resolve(name, &path);

	if (e == ERR_OK && stat((const char *)path.data, &st) != 0)
		e = ERR_MODULE;
	if (e == ERR_HELPER_MISSING)
		wrong(k, line,
		    "PKCS#11 modules need signet-pkcs11, which is not installed; install it");
	else if (e != ERR_OK)
		wrong(k, line,
		    "%s: %s; install it, or name another (signet-add --tokens lists "
		    "those there are)",
		    shown(name, room), err_text(e));
	else if (!pattern_list_match(blob_view(&path), bytes_str(allowed)))
		wrong(k, line, "%s: %s; name it in AllowedProviders", shown(name, room),
		    err_text(ERR_PROVIDER_DENIED));
	blob_clear(&path);
}

static void check_view(struct check *k, const struct config_view *v)
{
	char folder[CONFIG_WORD_MOST], room[SHOWN];
	const char *slash = v->socket != NULL ? strrchr(v->socket, '/') : NULL;
	struct stat st;

	if (slash == NULL)
		return;
	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - v->socket) + 1, v->socket);
	if (stat(folder, &st) != 0)
		wrong(k, v->line,
		    "the folder %s of the view's socket is not there; make it, or "
		    "name another",
		    shown(folder, room));
	else if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		wrong(k, v->line,
		    "the folder %s of the view's socket is not one of yours that nobody else can "
		    "write to, so the view is not served; chmod go-w mends that of yours, or name "
		    "another",
		    shown(folder, room));
}

/* Of a comment it cannot be known whether a key has it. */
static void check_patterns(struct check *k, const struct words *patterns, unsigned line)
{
	for (size_t i = 0; i < patterns->n; i++) {
		const char *path = patterns->list[i] + (patterns->list[i][0] == '!');
		char room[SHOWN], what[LINE_ROOM];

		if (path[0] != '/' || strpbrk(path, "*?") != NULL || access(path, F_OK) == 0)
			continue;
		(void)snprintf(what, sizeof(what),
		    "(no mistake) there is no file %s now, which a pattern names: %s",
		    shown(path, room), strerror(errno));
		note(k, line, what);
	}
}

bool config_check(const struct config *c, const struct config_teller *to)
{
	struct check k = {c, to, true};

	/* The default needs no file of its own to be there. */
	for (size_t i = 0; i < c->key_directories.n; i++) {
		if (c->directory_lines[i] != 0)
			check_directory(&k, c->key_directories.list[i], c->directory_lines[i]);
	}
	for (size_t i = 0; i < c->modules.n; i++)
		check_module(&k, c->modules.list[i], c->module_lines[i]);
	check_program(&k, c->askpass, c->askpass_line);
	check_program(&k, c->pinentry, c->pinentry_line);
	for (size_t i = 0; i < c->view_count; i++) {
		check_view(&k, &c->views[i]);
		check_patterns(&k, &c->views[i].keys, c->views[i].line);
	}
	for (size_t i = 0; i < c->key_count; i++)
		check_patterns(&k, &c->keys[i].patterns, c->keys[i].line);
	if (!c->cards && (c->card_serials.n != 0 || c->slots.n != 0))
		wrong(
		    &k, 0, "CardSerial and CardSlots mean nothing without cards; write Cards yes");
	return k.good;
}
