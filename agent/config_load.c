/* The configuration's file, and what else is read with it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/knownfiles.h"
#include "keystore/crypto.h"
#include "keystore/destinations.h"
#include "proto/base/fdio.h"
#include "proto/base/text.h"
#include "proto/destination.h"
#include "proto/limits.h"

enum { LINE_ROOM = 1024 };

static const char *home(void)
{
	const char *own = getenv("HOME");

	if (own == NULL || own[0] != '/')
		own = knownfiles_home();
	return own != NULL && own[0] == '/' ? own : "/";
}

char *config_default_path(void)
{
	const char *folder = getenv("XDG_CONFIG_HOME");
	char *path;
	int n;

	if (folder != NULL && folder[0] == '/')
		n = asprintf(&path, "%s/signet/config", folder);
	else
		n = asprintf(&path, "%s/.config/signet/config", home());
	return n >= 0 ? path : NULL;
}

static void wrong(const struct config_teller *to, const char *path, unsigned line,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

static void wrong(
    const struct config_teller *to, const char *path, unsigned line, const char *format, ...)
{
	char what[LINE_ROOM];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	to->tell(to->ctx, &(struct config_mistake){path, line, what, false});
}

/* --- the file ------------------------------------------------------------------------------ */

/* Why it is not to be followed; NULL: it is. */
static const char *unfit(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return "it is a directory; name a file in it";
	if (!S_ISREG(st->st_mode))
		return "it is no regular file; name one that is";
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "it belongs to another user, so none of it is followed; make it yours with "
		       "chown";
	if ((st->st_mode & 022) != 0)
		return "others may write to it, so none of it is followed; chmod go-w mends it";
	return NULL;
}

/*
 * The way to it is barred by a folder of somebody else: a HOME that is not ours, as a program has
 * that was started as another user.  No configuration of ours is there.
 */
static bool is_behind_others(const char *path)
{
	char folder[PATH_MAX];
	struct stat st;
	char *slash;

	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
		return false;
	while ((slash = strrchr(folder, '/')) != NULL && slash != folder) {
		*slash = '\0';
		if (stat(folder, &st) == 0)
			return st.st_uid != geteuid();
		if (errno != EACCES)
			return false;
	}
	return false;
}

/* *there stays false for a file that need not be there and is not. */
static bool read_file(
    const char *path, bool named, const struct config_teller *to, bool *there, struct blob *content)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *why = NULL;
	struct stat st;
	enum err e = ERR_SYSTEM;

	if (fd < 0 && !named &&
	    (errno == ENOENT || errno == ENOTDIR || (errno == EACCES && is_behind_others(path))))
		return true;
	*there = true;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		why = unfit(&st);
		e = why == NULL ? fd_read_file(fd, CONFIG_MOST, content) : ERR_UNSUPPORTED;
	}
	if (e == ERR_TOO_LONG)
		wrong(to, path, 0,
		    "the file is bigger than %u KiB, so none of it is followed; is it the right "
		    "one?",
		    CONFIG_MOST / 1024);
	else if (e != ERR_OK)
		wrong(to, path, 0, "%s%s",
		    why != NULL       ? why
		    : e == ERR_SYSTEM ? strerror(errno)
				      : err_text(e),
		    why != NULL ? "" : "; make it a file that you can read, or take it away");
	fd_close(&fd);
	return e == ERR_OK;
}

/* --- destinations -------------------------------------------------------------------------- */

static enum err read_hosts(const char *path, struct blob *content, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	enum err e = ERR_SYSTEM;

	if (fd >= 0 && fstat(fd, &st) == 0)
		e = S_ISREG(st.st_mode) ? fd_read_file(fd, LIMIT_KNOWN_HOSTS, content)
					: ERR_UNSUPPORTED;
	*why = e == ERR_SYSTEM ? strerror(errno) : err_text(e);
	if (fd >= 0) {
		int saved = errno;

		fd_close(&fd);
		errno = saved;
	}
	return e == ERR_TOO_LONG ? ERR_FILE_TOO_BIG : e;
}

/* Of what a look-up tells the first line has the reason, and the second says more. */
struct told {
	char line[LINE_ROOM / 2], more[LINE_ROOM / 4];
	char file[LINE_ROOM /
		  4]; /* why one of the files cannot be read; empty: all that are there can */
};

static void hear(void *ctx, const char *line)
{
	struct told *t = ctx;

	if (t->line[0] == '\0')
		(void)snprintf(t->line, sizeof(t->line), "%s", line);
	else if (t->more[0] == '\0')
		(void)snprintf(t->more, sizeof(t->more), "%s", line);
}

static void hear_of_file(void *ctx, const char *line)
{
	struct told *t = ctx;

	if (t->file[0] == '\0' && strstr(line, strerror(ENOENT)) == NULL)
		(void)snprintf(t->file, sizeof(t->file), "%s", line);
}

struct hosts {
	struct hostfiles files;
	char *paths[KNOWNFILES];
	struct told told;
	struct hostfiles_from from;
};

/* Those that ssh reads by default, of this home. */
static enum err hosts_read(struct hosts *h)
{
	const char *list[KNOWNFILES];
	size_t n = 0;
	enum err e;

	crypto_clean_environment();
	e = crypto_start();
	h->from = (struct hostfiles_from){read_hosts, hear_of_file, &h->told};
	for (unsigned i = 0; e == ERR_OK && i < KNOWNFILES; i++) {
		const char *name = knownfile_name(i);

		if (asprintf(&h->paths[n], "%s%s", name[0] == '~' ? home() : "",
			name[0] == '~' ? name + 1 : name) < 0) {
			h->paths[n] = NULL;
			e = ERR_MEMORY;
		} else {
			list[n] = h->paths[n];
			n++;
		}
	}
	if (e == ERR_OK)
		e = hostfiles_read(&h->files, &h->from, list, n);
	h->from.tell = hear;
	return e;
}

static void hosts_clear(struct hosts *h)
{
	hostfiles_clear(&h->files);
	for (size_t i = 0; i < KNOWNFILES; i++)
		free(h->paths[i]);
}

/* To a host whose key is made of random bytes, so that nobody has its private half. */
static enum err put_unreachable(struct builder *b)
{
	struct builder blob = {0}, keys = {0};
	struct destination d = {.to = {.host = bytes_str("no-such-host")}};
	uint8_t public[32];
	enum err e = getrandom(public, sizeof(public), 0) == sizeof(public) ? ERR_OK : ERR_MEMORY;

	builder_cstring(&blob, "ssh-ed25519");
	builder_string(&blob, BYTES(public, sizeof(public)));
	hop_key_build(&keys, builder_view(&blob), false);
	d.to.keys = builder_view(&keys);
	if (e == ERR_OK)
		e = builder_error(&blob);
	if (e == ERR_OK)
		e = builder_error(&keys);
	if (e == ERR_OK)
		destination_build(b, &d);
	builder_clear(&blob);
	builder_clear(&keys);
	return e;
}

/* What is to be done so that a host is known. */
static const char *remedy(const struct told *t, enum err why)
{
	if (why == ERR_FORMAT)
		return "write [user@]host or host>[user@]host";
	if (why != ERR_NOT_FOUND)
		return "name fewer";
	if (strncmp(t->more, "All its keys", strlen("All its keys")) == 0)
		return "all that there are in known_hosts are marked as revoked: take it away";
	return t->file[0] != '\0' ? t->file : "connect to it once with ssh, which stores its key";
}

/* A host that is not known is left out, which limits the key more; where they are too many for a
 * key, all are. */
static enum err look_up(struct hosts *h, struct config *c, struct config_key *key,
    const struct config_teller *to, bool *good)
{
	struct builder b = {0};
	enum err e = ERR_OK;

	for (size_t i = 0; e != ERR_MEMORY && i < key->destination_words.n; i++) {
		h->told.line[0] = h->told.more[0] = '\0';
		e = destination_look_up(&h->from, &h->files, key->destination_words.list[i], &b);
		if (e == ERR_OK)
			continue;
		*good = false;
		wrong(to, c->path, key->destination_lines[i], "%s; %s", h->told.line,
		    remedy(&h->told, e));
		if (e == ERR_TOO_LONG) {
			builder_reset(&b);
			break;
		}
	}
	if (e != ERR_MEMORY)
		e = builder_view(&b).len == 0 ? put_unreachable(&b) : ERR_OK;
	if (e == ERR_OK)
		e = builder_take(&b, &key->destination_bytes);
	builder_clear(&b);
	return e;
}

static enum err look_up_all(struct config *c, const struct config_teller *to, bool *good)
{
	struct hosts hosts = {.files = {0}};
	bool is_read = false;
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < c->key_count; i++) {
		struct config_key *key = &c->keys[i];

		if ((key->policy.set & KEY_DESTINATION) == 0)
			continue;
		if (!is_read)
			e = hosts_read(&hosts);
		is_read = true;
		if (e == ERR_OK)
			e = look_up(&hosts, c, key, to, good);
	}
	hosts_clear(&hosts);
	return e;
}

/* --- all of it ----------------------------------------------------------------------------- */

static enum err load(
    struct config *c, const char *path, bool named, const struct config_teller *to, bool *good)
{
	struct blob content = {0};
	bool there = false;
	enum err e = ERR_OK;

	*good = read_file(path, named, to, &there, &content);
	if (there) {
		c->path = strdup(path);
		if (c->path == NULL)
			e = ERR_MEMORY;
	}
	if (!*good) {
		c->refused = true;
		if (e == ERR_OK)
			e = config_confirm_all(c);
	} else if (there && e == ERR_OK) {
		*good = config_parse(c, blob_view(&content), home(), to);
	}
	blob_clear(&content);
	return e;
}

static bool is_plain(const struct config *c)
{
	for (size_t i = 0; i < c->key_count; i++) {
		if ((c->keys[i].policy.set & KEY_DESTINATION) != 0)
			return false;
	}
	return true;
}

enum err config_load_plain(
    const char *path, const struct config_teller *to, struct config **out, bool *good, bool *plain)
{
	char *usual = path == NULL ? config_default_path() : NULL;
	const char *which = path != NULL ? path : usual;
	struct config *c = config_new(home());
	enum err e = c != NULL && which != NULL ? ERR_OK : ERR_MEMORY;

	*good = true;
	if (e == ERR_OK && strcmp(which, "none") != 0)
		e = load(c, which, path != NULL, to, good);
	free(usual);
	if (e == ERR_OK) {
		*plain = is_plain(c);
		*out = c;
	} else {
		config_free(c);
	}
	return e;
}

enum err config_load(
    const char *path, const struct config_teller *to, struct config **out, bool *good)
{
	struct config *c;
	bool plain;
	enum err e = config_load_plain(path, to, &c, good, &plain);

	if (e == ERR_OK && !plain) {
		e = look_up_all(c, to, good);
		if (e != ERR_OK)
			config_free(c);
	}
	if (e == ERR_OK)
		*out = c;
	return e;
}
