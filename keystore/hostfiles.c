#include "keystore/hostfiles.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "keystore/knownhosts.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "proto/destination.h"
#include "proto/limits.h"

/* The home that "~" or "~name" means; by the password file, as OpenSSH takes it. */
static const char *home_of(struct bytes user)
{
	struct blob name = {0};
	const struct passwd *entry = NULL;

	if (user.len == 0)
		entry = getpwuid(getuid());
	else if (blob_copy(&name, user) == ERR_OK)
		entry = getpwnam((const char *)name.data);
	blob_clear(&name);
	return entry != NULL ? entry->pw_dir : NULL;
}

/* Escaped, whole however long it is. */
static char *shown(struct bytes text)
{
	size_t room = text.len * 4 + 16; /* a byte becomes four at most */
	char *out = mem_alloc(room);

	if (out != NULL)
		(void)text_escape(text, out, room);
	return out;
}

/* "before name: why" */
static void tell(
    const struct hostfiles_from *from, const char *before, const char *name, const char *why)
{
	struct builder b = {0};

	builder_put(&b, bytes_str(before));
	builder_put(&b, bytes_str(name));
	builder_put(&b, bytes_str(": "));
	builder_put(&b, bytes_str(why));
	builder_u8(&b, '\0');
	if (builder_error(&b) == ERR_OK)
		from->tell(from->ctx, (const char *)b.data);
	builder_clear(&b);
}

static enum err expand(const struct hostfiles_from *from, const char *path, struct blob *out)
{
	size_t n = strcspn(path, "/");
	struct builder b = {0};
	const char *home;
	enum err e;

	if (path[0] != '~')
		return blob_copy(out, bytes_str(path));
	home = home_of(BYTES(path + 1, n - 1));
	if (home == NULL) {
		char *name = shown(bytes_str(path));

		tell(from, "", name != NULL ? name : "~", "there is no such user");
		mem_free(name);
		return ERR_NOT_FOUND;
	}
	builder_put(&b, bytes_str(home));
	builder_put(&b, bytes_str(path + n));
	e = builder_take(&b, out);
	builder_clear(&b);
	return e;
}

static enum err read_one(
    const struct hostfiles_from *from, struct hostfile *f, const char *path, bool named)
{
	const char *why = NULL;
	enum err e = expand(from, path, &f->path);

	if (e == ERR_OK) {
		f->name = shown(blob_view(&f->path));
		e = f->name != NULL ? ERR_OK : ERR_MEMORY;
	}
	if (e != ERR_OK)
		return e;
	errno = 0;
	e = from->read((const char *)f->path.data, &f->content, &why);
	f->is_read = e == ERR_OK || e == ERR_FILE_EMPTY;
	if (!f->is_read && (named || e != ERR_SYSTEM || errno != ENOENT))
		tell(from, "Known hosts file ", f->name,
		    e == ERR_FILE_TOO_BIG  ? "it is too big"
		    : e == ERR_UNSUPPORTED ? "it is not a regular file"
		    : why != NULL          ? why
					   : err_text(e));
	return ERR_OK;
}

enum err hostfiles_read(
    struct hostfiles *f, const struct hostfiles_from *from, const char *const *paths, size_t n)
{
	/* What ssh reads unless its configuration says otherwise (ssh_config(5)). */
	static const char *const defaults[] = {
	    "~/.ssh/known_hosts",
	    "~/.ssh/known_hosts2",
	    "/etc/ssh/ssh_known_hosts",
	    "/etc/ssh/ssh_known_hosts2",
	};
	bool named = n != 0;
	enum err e = ERR_OK;

	if (!named) {
		paths = defaults;
		n = sizeof(defaults) / sizeof(defaults[0]);
	}
	f->list = mem_alloc(n * sizeof(*f->list));
	if (f->list == NULL)
		return ERR_MEMORY;
	f->n = n;
	for (size_t i = 0; i < n && e == ERR_OK; i++)
		e = read_one(from, &f->list[i], paths[i], named);
	return e;
}

void hostfiles_clear(struct hostfiles *f)
{
	for (size_t i = 0; i < f->n; i++) {
		blob_clear(&f->list[i].path);
		mem_free(f->list[i].name);
		blob_clear(&f->list[i].content);
	}
	mem_free(f->list);
	*f = (struct hostfiles){0};
}

/* Keys of a host, strings back to back, so that one can be looked for among them. */
static bool among(struct bytes keys, struct bytes blob)
{
	struct reader r = reader_of(keys);
	struct bytes one;

	while (reader_string(&r, &one) == ERR_OK) {
		if (bytes_equal(one, blob))
			return true;
	}
	return false;
}

struct lookup {
	struct bytes host;
	struct builder *keys;
	struct builder revoked; /* as among() wants it */
	size_t left_out;
};

static void take_key(struct lookup *l, const struct knownhost *h, const char *file)
{
	struct blob key = {0};
	enum err e = knownhost_key(h, &key);

	if (e != ERR_OK) {
		log_debug("%s:%zu: passed over: %s", file, h->line, err_text(e));
	} else if (h->marker == KNOWNHOST_REVOKED) {
		builder_string(&l->revoked, blob_view(&key));
	} else if (among(builder_view(&l->revoked), blob_view(&key))) {
		log_debug("%s:%zu: left out: the key is marked as revoked", file, h->line);
		l->left_out++;
	} else {
		log_debug("%s:%zu: %.*s%s", file, h->line, (int)h->type.len,
		    (const char *)h->type.data, h->marker == KNOWNHOST_CA ? " (authority)" : "");
		hop_key_build(l->keys, blob_view(&key), h->marker == KNOWNHOST_CA);
	}
	blob_clear(&key);
}

/* All entries for the host that are revoked, or all that are not. */
static void pass(const struct hostfiles *f, struct lookup *l, bool revoked)
{
	for (size_t i = 0; i < f->n; i++) {
		struct knownhosts_walk walk = knownhosts_walk(blob_view(&f->list[i].content));
		struct knownhost h;

		while (knownhosts_next(&walk, &h)) {
			if ((h.marker == KNOWNHOST_REVOKED) == revoked &&
			    knownhost_matches(&h, l->host))
				take_key(l, &h, f->list[i].name);
		}
	}
}

enum err hostfiles_keys(
    const struct hostfiles *f, struct bytes host, struct builder *b, size_t *revoked)
{
	struct lookup l = {.host = host, .keys = b};
	enum err e;

	pass(f, &l, true);
	pass(f, &l, false);
	e = builder_error(&l.revoked);
	builder_clear(&l.revoked);
	*revoked = l.left_out;
	return e != ERR_OK ? e : builder_error(b);
}

size_t hostfiles_count(const struct hostfiles *f)
{
	size_t count = 0;

	for (size_t i = 0; i < f->n; i++)
		count += f->list[i].is_read;
	return count;
}

void hostfiles_names(const struct hostfiles *f, bool is_read, struct builder *b)
{
	const char *before = "";

	for (size_t i = 0; i < f->n; i++) {
		if (f->list[i].is_read != is_read)
			continue;
		builder_put(b, bytes_str(before));
		builder_put(b, bytes_str(f->list[i].name));
		before = ", ";
	}
}
