#include "add/add.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"

static const char suffix[] = "-cert.pub";

/* The name of the certificate's file, built from the key's. */
static char *beside(const char *path)
{
	size_t length = strlen(path);
	char *out = mem_alloc(length + sizeof(suffix));

	if (out != NULL) {
		memcpy(out, path, length);
		memcpy(out + length, suffix, sizeof(suffix));
	}
	return out;
}

static bool certifies(const struct cert *cert, struct bytes public_blob)
{
	struct builder b = {0};
	bool same;

	pubkey_build(&b, &cert->key);
	same = builder_error(&b) == ERR_OK && bytes_equal(builder_view(&b), public_blob);
	builder_clear(&b);
	return same;
}

static void say_unread(const char *name, const char *why)
{
	fprintf(stderr, "Failed to load certificate \"%s\": %s\n", name, why);
}

/* Takes the name from source. */
static enum err parse(struct keysource *source, struct certfile *c)
{
	enum err e = pubfile_parse(blob_view(&source->content), &c->file);

	c->name = source->name;
	source->name = NULL;
	if (e == ERR_OK && cert_parse(blob_view(&c->file.blob), &c->cert) != ERR_OK)
		e = ERR_CERT;
	if (e != ERR_OK)
		say_unread(c->name, err_text(e));
	return e;
}

enum err certfile_load(const char *path, struct certfile *out)
{
	struct certfile c = {0};
	struct keysource source;
	enum err e = keysource_read(path, &source);

	if (e != ERR_OK)
		say_unread(source.name != NULL ? source.name : path, source.why);
	else
		e = parse(&source, &c);
	keysource_clear(&source);
	if (e == ERR_OK)
		*out = c;
	else
		certfile_clear(&c);
	return e;
}

enum err certfile_read(const struct keysource *k, struct bytes public_blob, struct certfile *out)
{
	struct certfile c = {0};
	struct keysource source = {0};
	enum err e;

	if (k->path == NULL)
		return ERR_NOT_FOUND;
	c.path = beside(k->path);
	if (c.path == NULL)
		return ERR_MEMORY;
	e = keysource_read(c.path, &source);
	if (e == ERR_SYSTEM && errno == ENOENT)
		e = ERR_NOT_FOUND;
	else if (e != ERR_OK)
		say_unread(source.name, source.why);
	if (e == ERR_OK)
		e = parse(&source, &c);
	if (e == ERR_OK && !certifies(&c.cert, public_blob)) {
		fprintf(stderr, "Certificate %s does not match private key %s\n", c.name, k->name);
		e = ERR_CERT_MISMATCH;
	}
	keysource_clear(&source);
	if (e == ERR_OK)
		*out = c;
	else
		certfile_clear(&c);
	return e;
}

void certfile_clear(struct certfile *c)
{
	mem_free(c->path);
	mem_free(c->name);
	pubfile_clear(&c->file);
	*c = (struct certfile){0};
}
