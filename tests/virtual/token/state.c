/* The file that a card is kept in. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/reader.h"
#include "tests/virtual/token/token.h"

static const char magic[] = "virtual smartcard 1";

enum { FILE_MAX = 1 << 20 };

static enum err encode(const struct token *t, struct builder *out)
{
	enum err e = ERR_OK;

	builder_cstring(out, magic);
	builder_string(out, BYTES(t->options.id, sizeof t->options.id));
	builder_u32(out, t->options.serial);
	builder_u32(out, t->pgp_signatures);
	for (size_t i = 0; i < SECRETS; i++) {
		builder_cstring(out, t->secrets[i].text);
		builder_u32(out, t->secrets[i].tries);
		builder_u32(out, t->secrets[i].most);
	}
	builder_u32(out, (uint32_t)t->n_slots);
	for (size_t i = 0; i < t->n_slots && e == ERR_OK; i++) {
		const struct token_slot *s = &t->slots[i];
		size_t mark;

		builder_u32(out, s->id);
		builder_u32(out, s->algorithm);
		builder_u32(out, s->pin);
		builder_u32(out, s->touch);
		builder_u32(out, s->form);
		builder_string(out, blob_view(&s->certificate));
		mark = builder_open(out);
		e = key_save(s->key, out);
		builder_close(out, mark);
	}
	return e != ERR_OK ? e : builder_error(out);
}

enum err token_save(const struct token *t, const char *path)
{
	struct builder b = {0};
	char temporary[4096];
	int fd;
	enum err e = encode(t, &b);

	if (e == ERR_OK && snprintf(temporary, sizeof temporary, "%s.%d", path, (int)getpid()) >=
			       (int)sizeof temporary)
		e = ERR_TOO_LONG;
	if (e != ERR_OK) {
		builder_clear(&b);
		return e;
	}
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	e = fd < 0 ? ERR_SYSTEM : fd_write_all(fd, builder_view(&b), -1);
	fd_close(&fd);
	if (e == ERR_OK && rename(temporary, path) != 0)
		e = ERR_SYSTEM;
	builder_clear(&b);
	return e;
}

/* A number that must be below a limit. */
static enum err small(struct reader *r, uint32_t limit, uint32_t *out)
{
	const enum err e = reader_u32(r, out);

	return e != ERR_OK ? e : *out < limit ? ERR_OK : ERR_FORMAT;
}

static enum err decode_slot(struct reader *r, struct token_slot *s)
{
	uint32_t v[5];
	struct bytes certificate;
	struct bytes key;
	enum err e = ERR_OK;

	for (size_t i = 0; i < sizeof v / sizeof *v && e == ERR_OK; i++)
		e = small(r, 256, &v[i]);
	if (e == ERR_OK)
		e = reader_string(r, &certificate);
	if (e == ERR_OK)
		e = reader_string(r, &key);
	if (e != ERR_OK)
		return e;
	*s = (struct token_slot){
	    .id = (uint8_t)v[0],
	    .algorithm = (enum key_algorithm)v[1],
	    .pin = (enum token_pin_policy)v[2],
	    .touch = (enum token_touch_policy)v[3],
	    .form = (enum token_certificate)v[4],
	};
	if (v[1] > KEY_X25519)
		return ERR_FORMAT;
	e = blob_copy(&s->certificate, certificate);
	return e != ERR_OK ? e : key_load(key, &s->key);
}

static enum err decode_head(struct reader *r, struct token *t)
{
	struct bytes text;
	enum err e = reader_string(r, &text);

	if (e != ERR_OK || !bytes_is(text, magic))
		return ERR_FORMAT;
	e = reader_string(r, &text);
	if (e != ERR_OK || text.len != sizeof t->options.id)
		return ERR_FORMAT;
	memcpy(t->options.id, text.data, text.len);
	e = reader_u32(r, &t->options.serial);
	if (e == ERR_OK)
		e = reader_u32(r, &t->pgp_signatures);
	for (size_t i = 0; i < SECRETS && e == ERR_OK; i++) {
		uint32_t tries;
		uint32_t most;

		e = reader_text(r, &text);
		if (e == ERR_OK && !token_set_secret(t, (enum token_secret_id)i, text))
			e = ERR_FORMAT;
		if (e == ERR_OK)
			e = small(r, 16, &tries);
		if (e == ERR_OK)
			e = small(r, 16, &most);
		if (e != ERR_OK)
			return e;
		t->secrets[i].tries = tries;
		t->secrets[i].most = most;
	}
	return e;
}

static enum err decode(struct bytes content, struct token *t)
{
	struct reader r = reader_of(content);
	uint32_t n;
	enum err e = decode_head(&r, t);

	if (e == ERR_OK)
		e = small(&r, TOKEN_SLOTS + 1, &n);
	for (; e == ERR_OK && t->n_slots < n; t->n_slots++)
		e = decode_slot(&r, &t->slots[t->n_slots]);
	return e != ERR_OK ? e : reader_end(&r);
}

enum err token_load(struct token *t, const char *path)
{
	struct blob content = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const uint64_t changes = t->changes;
	enum err e = fd < 0 ? ERR_SYSTEM : fd_read_file(fd, FILE_MAX, &content);

	fd_close(&fd);
	if (e == ERR_OK) {
		token_clear(t);
		e = decode(blob_view(&content), t);
		/* What was read is what is in the file. */
		t->changes = changes;
	}
	blob_clear(&content);
	return e;
}
