#include "keystore/destinations.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/destination.h"
#include "proto/limits.h"

enum { SHOWN = 4096 };

/* A spec in its parts; all views of it. */
struct spec {
	const char *text;
	struct hop from, to;
	bool two;       /* there is a from */
	bool from_user; /* with a user, which only a to may have */
};

static enum err bad_spec(const struct hostfiles_from *from, const char *text, const char *why)
{
	char shown[SHOWN], line[SHOWN + 128];

	text_escape(bytes_str(text), shown, sizeof(shown));
	(void)snprintf(
	    line, sizeof(line), "Invalid key destination constraint \"%s\": %s", shown, why);
	from->tell(from->ctx, line);
	return ERR_FORMAT;
}

/* "[user@]host", split at the last "@": a user name may have one, a host's none.  True: "@" was
 * there. */
static bool split_hop(const char *text, size_t n, struct hop *out)
{
	const char *at = memrchr(text, '@', n);
	const char *host = at != NULL ? at + 1 : text;
	size_t left = n - (size_t)(host - text);

	if (at != NULL)
		out->user = BYTES(text, (size_t)(at - text));
	/* An address in brackets without a port. */
	if (left >= 2 && host[0] == '[' && host[left - 1] == ']') {
		host++;
		left -= 2;
	}
	out->host = BYTES(host, left);
	return at != NULL;
}

static enum err parse(const struct hostfiles_from *from, const char *text, struct spec *out)
{
	const char *arrow = strchr(text, '>');
	const char *to = arrow != NULL ? arrow + 1 : text;
	bool to_user;

	*out = (struct spec){.text = text, .two = arrow != NULL};
	if (out->two)
		out->from_user = split_hop(text, (size_t)(arrow - text), &out->from);
	to_user = split_hop(to, strlen(to), &out->to);
	if (strchr(to, '>') != NULL)
		return bad_spec(from, text, "it has more than one '>'; give each hop its own -h");
	if (out->from_user)
		return bad_spec(from, text, "cannot specify user on 'from' host");
	if (out->two && out->from.host.len == 0)
		return bad_spec(from, text, "does not specify the host before '>'");
	if (out->to.host.len == 0)
		return bad_spec(from, text,
		    to_user ? "does not specify a host after '@'"
			    : "does not specify user or host");
	if (out->to.user.len > LIMIT_USER_PATTERN)
		return bad_spec(from, text, "the user name is longer than 256 bytes");
	return ERR_OK;
}

static void tell_unknown(const struct hostfiles_from *from, const struct hostfiles *files,
    struct bytes host, size_t revoked)
{
	char shown[SHOWN], line[SHOWN + 128];
	struct builder b = {0};

	text_escape(host, shown, sizeof(shown));
	(void)snprintf(line, sizeof(line), "No host keys found for destination \"%s\"", shown);
	from->tell(from->ctx, line);
	if (hostfiles_count(files) == 0)
		builder_put(&b, bytes_str("None of the known hosts files could be read: "));
	else if (revoked != 0)
		builder_put(&b, bytes_str("All its keys are marked as revoked in: "));
	else
		builder_put(&b, bytes_str("Known hosts files that were read: "));
	hostfiles_names(files, hostfiles_count(files) != 0, &b);
	builder_put(&b, bytes_str(".  Connect to it once with ssh, or name the file that has its "
				  "key with -H"));
	builder_u8(&b, '\0');
	if (builder_error(&b) == ERR_OK)
		from->tell(from->ctx, (const char *)b.data);
	builder_clear(&b);
}

static enum err look_up_hop(const struct hostfiles_from *from, const struct hostfiles *files,
    struct hop *hop, struct builder *keys)
{
	size_t revoked;
	enum err e = hostfiles_keys(files, hop->host, keys, &revoked);

	if (e != ERR_OK)
		return e;
	hop->keys = builder_view(keys);
	if (hop->keys.len == 0) {
		tell_unknown(from, files, hop->host, revoked);
		return ERR_NOT_FOUND;
	}
	return ERR_OK;
}

static enum err look_up(const struct hostfiles_from *how, const struct hostfiles *files,
    struct spec *s, struct builder *out)
{
	struct builder from = {0}, to = {0};
	enum err e = ERR_OK;

	if (s->two)
		e = look_up_hop(how, files, &s->from, &from);
	if (e == ERR_OK)
		e = look_up_hop(how, files, &s->to, &to);
	if (e == ERR_OK) {
		struct destination d = {s->from, s->to};

		destination_build(out, &d);
		e = builder_error(out);
	}
	if (e == ERR_OK && builder_view(out).len > LIMIT_MESSAGE)
		e = ERR_TOO_LONG;
	builder_clear(&from);
	builder_clear(&to);
	return e;
}

enum err destination_look_up(const struct hostfiles_from *from, const struct hostfiles *files,
    const char *spec, struct builder *out)
{
	struct spec s;
	enum err e = parse(from, spec, &s);

	if (e == ERR_OK)
		e = look_up(from, files, &s, out);
	if (e == ERR_TOO_LONG)
		from->tell(from->ctx, "The destination constraints have more host keys than an "
				      "agent takes in one message.  Give fewer of them, or a "
				      "shorter file with -H");
	return e;
}

enum err destinations_look_up(
    const struct destination_words *w, const struct hostfiles_from *from, struct blob *out)
{
	struct hostfiles files = {0};
	struct builder b = {0};
	enum err e = hostfiles_read(&files, from, w->files, w->nfiles);

	for (size_t i = 0; i < w->nspecs && e == ERR_OK; i++)
		e = destination_look_up(from, &files, w->specs[i], &b);
	if (e == ERR_OK)
		e = builder_take(&b, out);
	if (e == ERR_MEMORY)
		from->tell(from->ctx, err_text(e));
	builder_clear(&b);
	hostfiles_clear(&files);
	return e;
}
