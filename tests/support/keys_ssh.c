#include "tests/support/keys_ssh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "keystore/base64.h"
#include "keystore/crypto.h"

void keys_dir_make(struct keys_dir *dir)
{
	strcpy(dir->path, "/tmp/t_keys.XXXXXX");
	assert_non_null(mkdtemp(dir->path));
}

bool keys_run(const char *format, ...)
{
	char command[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	assert_true(n > 0 && (size_t)n < sizeof(command));
	return system(command) == 0;
}

void keys_dir_remove(struct keys_dir *dir)
{
	assert_true(keys_run("rm -rf '%s'", dir->path));
}

static FILE *open_file(const struct keys_dir *dir, const char *name, const char *mode)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	f = fopen(path, mode);
	assert_non_null(f);
	return f;
}

void keys_read_file(const struct keys_dir *dir, const char *name, struct builder *out)
{
	FILE *f = open_file(dir, name, "r");
	char some[4096];
	size_t n;

	while ((n = fread(some, 1, sizeof(some), f)) > 0)
		builder_put(out, BYTES(some, n));
	fclose(f);
	assert_int_equal(builder_error(out), ERR_OK);
}

static void write_file(const struct keys_dir *dir, const char *name, struct bytes content)
{
	FILE *f = open_file(dir, name, "w");

	assert_int_equal(fwrite(content.data, 1, content.len, f), content.len);
	assert_int_equal(fclose(f), 0);
}

/* Base64 between the first and the last line. */
static void read_armor(const struct keys_dir *dir, const char *name, struct builder *out)
{
	struct builder text = {0};
	const uint8_t *start, *end;

	keys_read_file(dir, name, &text);
	start = memchr(text.data, '\n', text.len);
	assert_non_null(start);
	end = memchr(start, '-', text.len - (size_t)(start - text.data));
	assert_non_null(end);
	assert_int_equal(base64_decode(BYTES(start, end - start), out), ERR_OK);
	builder_clear(&text);
}

void keys_load_file(const struct keys_dir *dir, const char *name, struct builder *wire)
{
	struct builder body = {0};
	struct reader r, secret;
	struct privkey pk;
	struct bytes skip;
	uint32_t n;

	read_armor(dir, name, &body);
	r = reader_of(builder_view(&body));
	assert_int_equal(reader_take(&r, sizeof("openssh-key-v1"), &skip), ERR_OK);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(reader_string(&r, &skip), ERR_OK);
	assert_int_equal(reader_u32(&r, &n), ERR_OK);
	assert_int_equal(reader_string(&r, &skip), ERR_OK);
	assert_int_equal(reader_nested(&r, &secret), ERR_OK);
	assert_int_equal(reader_take(&secret, 8, &skip), ERR_OK);
	r = secret;
	assert_int_equal(privkey_read(&secret, &pk), ERR_OK);
	builder_put(wire, BYTES(r.p, secret.p - r.p));
	builder_clear(&body);
}

void keys_generate(
    const struct keys_dir *dir, const char *name, const char *options, struct builder *wire)
{
	assert_true(keys_run("ssh-keygen -q -N '' -C '' %s -f %s/%s", options, dir->path, name));
	keys_load_file(dir, name, wire);
}

bool keys_can_generate(const struct keys_dir *dir, const char *options)
{
	bool can = keys_run("ssh-keygen -q -N '' %s -f %s/try 2>/dev/null && rm %s/try %s/try.pub",
	    options, dir->path, dir->path, dir->path);

	if (!can)
		print_message("ssh-keygen makes no keys with %s\n", options);
	return can;
}

void keys_load_public(const struct keys_dir *dir, const char *name, struct builder *blob)
{
	struct builder text = {0};
	const uint8_t *start, *end;

	keys_read_file(dir, name, &text);
	start = memchr(text.data, ' ', text.len);
	assert_non_null(start);
	start++;
	end = start;
	while (end<text.data + text.len && * end> ' ')
		end++;
	assert_int_equal(base64_decode(BYTES(start, end - start), blob), ERR_OK);
	builder_clear(&text);
}

void keys_parse(const struct builder *wire, struct privkey *pk)
{
	struct reader r = reader_of(builder_view(wire));

	assert_int_equal(privkey_read(&r, pk), ERR_OK);
	assert_int_equal(reader_end(&r), ERR_OK);
}

struct key *keys_import(const struct builder *wire)
{
	struct privkey pk;
	struct key *key = NULL;

	keys_parse(wire, &pk);
	assert_int_equal(key_import(&pk, &key), ERR_OK);
	return key;
}

/* "string namespace, string reserved, string hash algorithm": the same in the file and in what is
 * signed. */
static void put_sshsig_head(struct builder *b)
{
	builder_cstring(b, "test");
	builder_cstring(b, "");
	builder_cstring(b, "sha512");
}

void keys_sshsig_message(struct builder *out)
{
	uint8_t digest[HASH_MOST];
	size_t n;

	builder_put(out, bytes_str("SSHSIG"));
	put_sshsig_head(out);
	assert_int_equal(crypto_hash(HASH_SHA512, bytes_str("hello"), digest, &n), ERR_OK);
	builder_string(out, BYTES(digest, n));
}

static void write_sshsig(const struct keys_dir *dir, struct bytes blob, struct bytes signature)
{
	struct builder b = {0}, text = {0};

	builder_put(&b, bytes_str("SSHSIG"));
	builder_u32(&b, 1);
	builder_string(&b, blob);
	put_sshsig_head(&b);
	builder_string(&b, signature);
	builder_put(&text, bytes_str("-----BEGIN SSH SIGNATURE-----\n"));
	base64_encode(builder_view(&b), &text);
	builder_put(&text, bytes_str("\n-----END SSH SIGNATURE-----\n"));
	write_file(dir, "sig", builder_view(&text));
	builder_clear(&b);
	builder_clear(&text);
}

static void write_allowed_signers(const struct keys_dir *dir, struct bytes blob)
{
	struct builder text = {0};
	struct reader r = reader_of(blob);
	struct bytes name;

	assert_int_equal(reader_string(&r, &name), ERR_OK);
	builder_put(&text, bytes_str("me "));
	builder_put(&text, name);
	builder_put(&text, bytes_str(" "));
	base64_encode(blob, &text);
	builder_put(&text, bytes_str("\n"));
	write_file(dir, "allowed", builder_view(&text));
	builder_clear(&text);
}

bool keys_sshsig_accepted(const struct keys_dir *dir, struct bytes blob, struct bytes signature)
{
	write_sshsig(dir, blob, signature);
	write_allowed_signers(dir, blob);
	return keys_run("printf hello | ssh-keygen -Y verify -f %s/allowed -I me -n test -s "
			"%s/sig >/dev/null 2>%s/errors",
	    dir->path, dir->path, dir->path);
}

bool keys_ssh_keygen_accepts(const struct keys_dir *dir, struct key *key, uint32_t flags)
{
	struct builder message = {0}, signature = {0};
	const struct sigalg *alg;
	bool accepted;

	keys_sshsig_message(&message);
	assert_int_equal(sigalg_choose(key_type(key), flags, &alg), ERR_OK);
	assert_int_equal(key_sign(key, alg, builder_view(&message), &signature), ERR_OK);
	accepted = keys_sshsig_accepted(dir, key_blob(key), builder_view(&signature));
	builder_clear(&message);
	builder_clear(&signature);
	return accepted;
}

void keys_sk_sign(struct key *software, const char *application, struct bytes data, uint8_t flags,
    uint32_t counter, struct builder *out)
{
	const struct sigalg *alg;
	struct builder message = {0}, plain = {0};
	struct reader r;
	struct bytes name, signature;
	uint8_t digest[HASH_MOST];
	size_t n;

	assert_int_equal(crypto_hash(HASH_SHA256, bytes_str(application), digest, &n), ERR_OK);
	builder_put(&message, BYTES(digest, n));
	builder_u8(&message, flags);
	builder_u32(&message, counter);
	assert_int_equal(crypto_hash(HASH_SHA256, data, digest, &n), ERR_OK);
	builder_put(&message, BYTES(digest, n));
	assert_int_equal(sigalg_choose(key_type(software), 0, &alg), ERR_OK);
	assert_int_equal(key_sign(software, alg, builder_view(&message), &plain), ERR_OK);
	r = reader_of(builder_view(&plain));
	assert_int_equal(reader_string(&r, &name), ERR_OK);
	assert_int_equal(reader_string(&r, &signature), ERR_OK);
	builder_put(out, signature);
	builder_clear(&message);
	builder_clear(&plain);
}

void keys_sk_blob(struct key *software, const char *type, struct builder *out)
{
	struct pubkey key;
	bool is_cert;

	assert_int_equal(pubkey_parse(key_blob(software), &key), ERR_OK);
	key.type = keytype_find(bytes_str(type), &is_cert);
	assert_non_null(key.type);
	key.application = bytes_str("ssh:");
	pubkey_build(out, &key);
}
