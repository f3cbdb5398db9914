#include "keystore/unlock/serve.h"

#include <string.h>

#include "keystore/file/keyfile.h"
#include "keystore/files/folder.h"
#include "proto/base/fdio.h"
#include "proto/filesmsg.h"
#include "proto/helperio.h"
#include "proto/limits.h"

struct directories {
	const char *const *list;
	size_t n;
};

/* Where the file shows its public half: another key's passphrase is not to be asked for. */
static enum err check_shown(struct bytes file, struct bytes expected)
{
	struct keyfile_info info = {0};
	enum err e = keyfile_probe(file, &info);

	if (e == ERR_OK && info.public_blob.len != 0 &&
	    !bytes_equal(blob_view(&info.public_blob), expected))
		e = ERR_FILE_CHANGED;
	keyfile_info_clear(&info);
	return e;
}

static enum err decode(struct bytes file, const struct unlock_open *m, struct keyfile_key *key)
{
	enum err e = check_shown(file, m->public);

	if (e == ERR_OK)
		e = keyfile_decode(file, m->has_passphrase ? &m->passphrase : NULL, key);
	return e;
}

/* Of what a file that hides its public half holds it was told wrongly: what it is in truth. */
static void say_key(const struct keyfile_key *key, const struct unlock_open *m, struct builder *b)
{
	struct bytes comment = blob_view(&key->comment);

	if (comment.len > FILES_COMMENT_MOST)
		comment = BYTES_NONE;
	if (bytes_equal(blob_view(&key->public_blob), m->public))
		unlock_key_build(b, blob_view(&key->key_data), comment);
	else
		unlock_other_build(b, blob_view(&key->public_blob));
}

/* Into b: the answer. */
static enum err unlock(struct bytes message, const struct directories *d, struct builder *b)
{
	char path[FILES_PATH_MOST + 1];
	struct keyfile_key key = {0};
	struct blob file = {0};
	struct unlock_open m;
	enum err e = unlock_open_parse(message, &m);

	if (e != ERR_OK)
		return e;
	memcpy(path, m.path.data, m.path.len);
	path[m.path.len] = '\0';
	e = folder_open(d->list, d->n, path, &file);
	if (e == ERR_OK)
		e = decode(blob_view(&file), &m, &key);
	if (e == ERR_OK) {
		say_key(&key, &m, b);
		e = builder_error(b);
	}
	keyfile_key_clear(&key);
	blob_clear(&file);
	return e;
}

enum err unlock_serve(int sock, const char *const *directories, size_t n)
{
	const struct directories d = {directories, n};
	struct blob message = {0};
	struct builder b = {0};
	enum err e = helper_receive(sock, LIMIT_FILES_MESSAGE, &message);

	if (e != ERR_OK)
		return e;
	e = unlock(blob_view(&message), &d, &b);
	blob_clear(&message);
	if (e != ERR_OK) {
		builder_reset(&b);
		unlock_failed_build(&b, unlock_failure_allowed((uint8_t)e) ? e : ERR_FORMAT);
	}
	e = builder_error(&b);
	if (e == ERR_OK)
		e = fd_write_all(sock, builder_view(&b), LIMIT_HELPER_MS);
	builder_clear(&b);
	return e;
}
