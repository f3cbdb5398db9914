#include "add/pubsource.h"

#include <errno.h>
#include <string.h>

#include "keystore/file/keyfile.h"
#include "proto/base/mem.h"

/* What a private key file tells about its public half. */
static enum err from_private(struct bytes content, struct pubfile *out)
{
	struct keyfile_info info = {0};
	enum err e = keyfile_probe(content, &info);

	if (e == ERR_OK && info.public_blob.len == 0)
		e = ERR_PASSPHRASE_NEEDED;
	if (e == ERR_OK) {
		out->blob = blob_move(&info.public_blob);
		out->comment = blob_move(&info.comment);
	}
	keyfile_info_clear(&info);
	return e;
}

/* Most PEM files show nothing until they are decoded; without a passphrase that can be done here.
 */
static enum err from_decoded(struct bytes content, struct pubfile *out)
{
	struct keyfile_key key = {0};
	enum err e = keyfile_decode(content, NULL, &key);

	if (e == ERR_OK) {
		out->blob = blob_move(&key.public_blob);
		out->comment = blob_move(&key.comment);
	}
	keyfile_key_clear(&key);
	return e;
}

static enum err from_dot_pub(const char *path, struct pubfile *out)
{
	size_t length = strlen(path);
	char *name = mem_alloc(length + sizeof(".pub"));
	struct keysource k = {0};
	enum err e = ERR_MEMORY;

	if (name != NULL) {
		memcpy(name, path, length);
		memcpy(name + length, ".pub", sizeof(".pub"));
		e = keysource_read(name, &k);
	}
	if (e == ERR_OK)
		e = pubfile_parse(blob_view(&k.content), out);
	keysource_clear(&k);
	mem_free(name);
	return e;
}

static enum err find(
    const struct keysource *k, enum err read, const char *path, struct pubfile *out)
{
	struct bytes content = blob_view(&k->content);
	enum err e;

	if (read == ERR_OK && pubfile_parse(content, out) == ERR_OK)
		return ERR_OK;
	if (from_dot_pub(path, out) == ERR_OK)
		return ERR_OK;
	if (read != ERR_OK)
		return read;
	e = from_private(content, out);
	if (e == ERR_PASSPHRASE_NEEDED)
		e = from_decoded(content, out);
	return e;
}

enum err pubsource_read(const char *path, struct pubfile *out, const char **why)
{
	struct pubfile found = {0};
	struct keysource k;
	enum err read = keysource_read(path, &k);
	enum err e = find(&k, read, path, &found);

	if (e == ERR_OK && found.comment.len == 0)
		e = blob_copy(&found.comment, bytes_str("no comment"));
	if (e == ERR_OK)
		*out = found;
	else if (e == read && k.why != NULL)
		*why = k.why;
	else if (e == ERR_FILE_FORMAT || e == ERR_FORMAT)
		*why = "neither a public nor a private key";
	else if (e == ERR_PASSPHRASE_NEEDED)
		*why =
		    "it is encrypted and shows no public key, and there is no .pub file beside it";
	else
		*why = err_text(e);
	if (e != ERR_OK)
		pubfile_clear(&found);
	keysource_clear(&k);
	return e;
}
