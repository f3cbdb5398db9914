#include "keystore/files/scan.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "keystore/file/keyfile.h"
#include "keystore/file/pubfile.h"
#include "keystore/key.h"
#include "proto/base/fdio.h"
#include "proto/builder.h"
#include "proto/filesmsg.h"
#include "proto/keyblob.h"
#include "proto/keytype.h"
#include "proto/limits.h"

void scan_clear(struct scan *s)
{
	blob_clear(&s->public);
	blob_clear(&s->cert);
	blob_clear(&s->comment);
	*s = (struct scan){0};
}

size_t scan_stem(const char *name, const char *ending)
{
	size_t len = strlen(name), end = strlen(ending);

	return len > end && strcmp(name + len - end, ending) == 0 ? len - end : 0;
}

/* Names that ssh knows as something else: nobody is told that such a one cannot be read. */
static bool is_known_other(const char *name)
{
	static const char *const beginnings[] = {"config", "known_hosts", "authorized_keys",
	    "environment", "rc", "allowed_signers", "."};

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	}
	return scan_stem(name, ".pub") != 0;
}

static void set_trouble(struct scan *s, enum err why)
{
	scan_clear(s);
	s->what = SCAN_TROUBLE;
	s->why = files_failure_allowed((uint8_t)why) ? why : ERR_FORMAT;
}

/* Comments are for people: what no message takes is left out. */
static struct blob fit_comment(struct blob *from)
{
	struct blob out = {0};
	struct bytes b = blob_view(from);
	const uint8_t *nul = b.len != 0 ? memchr(b.data, 0, b.len) : NULL;

	if (nul != NULL)
		b.len = (size_t)(nul - b.data);
	if (b.len > FILES_COMMENT_MOST)
		b.len = FILES_COMMENT_MOST;
	(void)blob_copy(&out, b);
	blob_clear(from);
	return out;
}

static enum err plain_of(struct bytes certificate, struct blob *out)
{
	struct builder b = {0};
	struct cert cert;
	enum err e = cert_parse(certificate, &cert);

	if (e != ERR_OK)
		return e;
	pubkey_build(&b, &cert.key);
	e = builder_take(&b, out);
	builder_clear(&b);
	return e;
}

/* The same as the core's own look at it, but for its time. */
static enum err check_cert(struct bytes certificate)
{
	struct cert cert;

	if (cert_parse(certificate, &cert) != ERR_OK)
		return ERR_CERT;
	if (cert.kind != CERT_USER)
		return ERR_CERT_HOST;
	return key_verify(cert.signature_key, cert.signed_part, cert.signature) == ERR_OK
		   ? ERR_OK
		   : ERR_CERT;
}

/* One that is broken, or too long to be told, counts as none. */
static void look_at_public(struct bytes content, bool is_cert, struct scan *out)
{
	struct pubfile file = {0};
	struct pubkey key;
	struct blob plain = {0};

	if (pubfile_parse(content, &file) != ERR_OK)
		return;
	if (file.blob.len <= FILES_PUBLIC_MOST) {
		if (is_cert && plain_of(blob_view(&file.blob), &plain) == ERR_OK) {
			out->what = SCAN_CERT;
			out->why = check_cert(blob_view(&file.blob));
			out->public = blob_move(&plain);
			out->cert = blob_move(&file.blob);
		} else if (!is_cert && pubkey_parse(blob_view(&file.blob), &key) == ERR_OK) {
			out->what = SCAN_PUBLIC;
			out->public = blob_move(&file.blob);
		}
		out->comment = fit_comment(&file.comment);
	}
	blob_clear(&plain);
	pubfile_clear(&file);
}

/* Messages take no longer ones, and none that the core could not read. */
static enum err check_public(struct bytes public)
{
	struct pubkey key;

	if (public.len == 0)
		return ERR_OK;
	return public.len > FILES_PUBLIC_MOST ? ERR_TOO_LONG : pubkey_parse(public, &key);
}

static void look_at_private(struct bytes content, const struct stat *st, struct scan *out)
{
	struct keyfile_info info = {0};
	enum err e = keyfile_probe(content, &info);

	if (e == ERR_FILE_FORMAT || e == ERR_KEY_PUBLIC_ONLY || e == ERR_FILE_EMPTY)
		return;
	if (folder_check_private(st) != ERR_OK)
		e = folder_check_private(st);
	if (e == ERR_OK)
		e = check_public(blob_view(&info.public_blob));
	if (e == ERR_OK && info.public_blob.len == 0)
		e = fingerprint(content, FINGERPRINT_SHA256, out->print);
	if (e == ERR_OK) {
		out->what = SCAN_KEY;
		out->encrypted = info.encrypted;
		out->public = blob_move(&info.public_blob);
		out->comment = fit_comment(&info.comment);
	} else {
		set_trouble(out, e);
	}
	keyfile_info_clear(&info);
}

/* By its name a key: one of ssh's own, or with a .pub file beside it. */
static bool is_named_like_key(int dir, const char *name)
{
	char pub[256 + sizeof(".pub")];
	struct stat st;
	int n = snprintf(pub, sizeof(pub), "%s.pub", name);

	if (keytype_file_at(keytype_file_rank(name)) != NULL)
		return true;
	return n > 0 && (size_t)n < sizeof(pub) && fstatat(dir, pub, &st, 0) == 0;
}

static bool is_link(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

void scan_file(const struct folders *f, int dir, const char *name, struct scan *out)
{
	struct blob content = {0};
	struct stat st;
	int fd = -1;
	enum err e = folder_open_name(f, dir, name, &fd, &st);

	if (e == ERR_FILE_OWNER || e == ERR_FILE_OPEN || e == ERR_FILE_OUTSIDE) {
		if (!is_known_other(name))
			set_trouble(out, e);
		return;
	}
	if (e == ERR_FILE_GONE && is_link(dir, name) && is_named_like_key(dir, name)) {
		set_trouble(out, e);
		return;
	}
	/* What is too big is no key: logs, archives. */
	if (e != ERR_OK || st.st_size == 0 || st.st_size > LIMIT_KEY_FILE) {
		fd_close(&fd);
		return;
	}
	e = fd_read_file(fd, LIMIT_KEY_FILE, &content);
	fd_close(&fd);
	if (e == ERR_OK && scan_stem(name, "-cert.pub") != 0)
		look_at_public(blob_view(&content), true, out);
	else if (e == ERR_OK && scan_stem(name, ".pub") != 0)
		look_at_public(blob_view(&content), false, out);
	else if (e == ERR_OK)
		look_at_private(blob_view(&content), &st, out);
	else if (e == ERR_MEMORY || e == ERR_SYSTEM)
		set_trouble(out, e);
	blob_clear(&content);
}
