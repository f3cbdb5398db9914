#include "tests/support/skfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystore/base64.h"
#include "proto/base/fdio.h"
#include "proto/reader.h"

#define HEAD "-----BEGIN OPENSSH PRIVATE KEY-----\n"
#define TAIL "-----END OPENSSH PRIVATE KEY-----\n"
enum { LINE = 70, FILE_MOST = 65536, CIPHER_BLOCK = 8 };

static const char magic[] = "openssh-key-v1"; /* with its NUL */
static const char curve[] = "nistp256";

const char *skfile_type(enum fido_algorithm algorithm)
{
	return algorithm == FIDO_ED25519 ? "sk-ssh-ed25519@openssh.com"
					 : "sk-ecdsa-sha2-nistp256@openssh.com";
}

/* What public and private half have in common. */
static void put_common(struct builder *b, const struct skfile *key)
{
	builder_cstring(b, skfile_type(key->credential.algorithm));
	if (key->credential.algorithm == FIDO_ECDSA)
		builder_cstring(b, curve);
	builder_string(b, key->public);
	builder_string(b, key->credential.application);
}

void skfile_public(struct builder *out, const struct skfile *key)
{
	put_common(out, key);
}

static void put_private(struct builder *b, const struct skfile *key)
{
	size_t mark = builder_open(b), start = b->len;

	builder_u64(b, 0x0102030401020304);
	put_common(b, key);
	builder_u8(b, key->credential.flags);
	builder_string(b, key->credential.handle);
	builder_string(b, BYTES_NONE);
	builder_cstring(b, "test");
	for (uint8_t i = 1; (b->len - start) % CIPHER_BLOCK != 0; i++)
		builder_u8(b, i);
	builder_close(b, mark);
}

bool skfile_save(const char *path, struct bytes content)
{
	FILE *f = fopen(path, "we");
	bool written = f != NULL && fwrite(content.data, 1, content.len, f) == content.len;

	return f != NULL && fclose(f) == 0 && written;
}

static bool save_private(const char *path, const struct skfile *key)
{
	struct builder raw = {0}, text = {0}, file = {0};
	size_t mark;
	bool done;

	builder_put(&raw, BYTES(magic, sizeof(magic)));
	builder_cstring(&raw, "none");
	builder_cstring(&raw, "none");
	builder_cstring(&raw, "");
	builder_u32(&raw, 1);
	mark = builder_open(&raw);
	skfile_public(&raw, key);
	builder_close(&raw, mark);
	put_private(&raw, key);
	base64_encode(builder_view(&raw), &text);
	builder_put(&file, bytes_str(HEAD));
	for (size_t at = 0; at < text.len; at += LINE) {
		size_t n = text.len - at < LINE ? text.len - at : LINE;

		builder_put(&file, BYTES(text.data + at, n));
		builder_u8(&file, '\n');
	}
	builder_put(&file, bytes_str(TAIL));
	done = builder_error(&file) == ERR_OK && skfile_save(path, builder_view(&file));
	builder_clear(&raw);
	builder_clear(&text);
	builder_clear(&file);
	return done;
}

bool skfile_write(const char *path, const struct skfile *key)
{
	struct builder blob = {0}, line = {0};
	char name[4096];
	bool done;

	if (!save_private(path, key) || chmod(path, 0600) != 0)
		return false;
	skfile_public(&blob, key);
	builder_put(&line, bytes_str(skfile_type(key->credential.algorithm)));
	builder_u8(&line, ' ');
	base64_encode(builder_view(&blob), &line);
	builder_put(&line, bytes_str(" test\n"));
	snprintf(name, sizeof(name), "%s.pub", path);
	done = builder_error(&line) == ERR_OK && skfile_save(name, builder_view(&line));
	builder_clear(&blob);
	builder_clear(&line);
	return done;
}

/* The text between the first and the last line, decoded. */
static bool unarmor(const char *path, struct builder *out)
{
	struct blob file = {0};
	struct builder text = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool done = fd != -1 && fd_read_file(fd, FILE_MOST, &file) == ERR_OK &&
		    file.len > strlen(HEAD TAIL) && memcmp(file.data, HEAD, strlen(HEAD)) == 0;

	for (size_t i = strlen(HEAD); done && i < file.len && file.data[i] != '-'; i++) {
		if (file.data[i] != '\n')
			builder_u8(&text, file.data[i]);
	}
	done = done && base64_decode(builder_view(&text), out) == ERR_OK;
	fd_close(&fd);
	blob_clear(&file);
	builder_clear(&text);
	return done;
}

/* The part behind cipher, derivation, its options, the number of keys and the public one. */
static bool find_private(struct reader *r, struct reader *out)
{
	struct bytes b;
	uint32_t n;

	return reader_take(r, sizeof(magic), &b) == ERR_OK && reader_string(r, &b) == ERR_OK &&
	       bytes_is(b, "none") && reader_string(r, &b) == ERR_OK &&
	       reader_string(r, &b) == ERR_OK && reader_u32(r, &n) == ERR_OK && n == 1 &&
	       reader_string(r, &b) == ERR_OK && reader_nested(r, out) == ERR_OK;
}

bool skfile_read(const char *path, struct builder *memory, struct skfile *out)
{
	struct reader r, p;
	struct bytes type, b;
	uint64_t check;

	if (!unarmor(path, memory))
		return false;
	r = reader_of(builder_view(memory));
	if (!find_private(&r, &p) || reader_u64(&p, &check) != ERR_OK ||
	    reader_string(&p, &type) != ERR_OK)
		return false;
	out->credential.algorithm =
	    bytes_is(type, skfile_type(FIDO_ED25519)) ? FIDO_ED25519 : FIDO_ECDSA;
	if (out->credential.algorithm == FIDO_ECDSA && reader_string(&p, &b) != ERR_OK)
		return false;
	return reader_string(&p, &out->public) == ERR_OK &&
	       reader_string(&p, &out->credential.application) == ERR_OK &&
	       reader_u8(&p, &out->credential.flags) == ERR_OK &&
	       reader_string(&p, &out->credential.handle) == ERR_OK;
}
