#include "keystore/fingerprint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "keystore/base64.h"
#include "proto/keyblob.h"

/* One row a hash; hex is how OpenSSH writes MD5 and nothing else. */
static const struct print {
	const char *name;
	const EVP_MD *(*md)(void);
	bool hex;
} prints[] = {
    [FINGERPRINT_SHA256] = {"SHA256", EVP_sha256, false},
    [FINGERPRINT_MD5] = {"MD5", EVP_md5, true},
    [FINGERPRINT_SHA1] = {"SHA1", EVP_sha1, false},
    [FINGERPRINT_SHA384] = {"SHA384", EVP_sha384, false},
    [FINGERPRINT_SHA512] = {"SHA512", EVP_sha512, false},
};

bool fingerprint_hash_find(const char *name, enum fingerprint_hash *out)
{
	for (size_t i = 0; i < sizeof(prints) / sizeof(prints[0]); i++) {
		if (strcasecmp(name, prints[i].name) == 0) {
			*out = (enum fingerprint_hash)i;
			return true;
		}
	}
	return false;
}

static void write_hex(struct bytes digest, char *text)
{
	for (size_t i = 0; i < digest.len; i++)
		text += sprintf(text, ":%02x", digest.data[i]);
}

static enum err write_base64(struct bytes digest, char *text)
{
	struct builder b = {0};
	enum err e;
	size_t n;

	base64_encode(digest, &b);
	e = builder_error(&b);
	if (e == ERR_OK) {
		n = builder_view(&b).len;
		while (n > 0 && builder_view(&b).data[n - 1] == '=')
			n--;
		text[0] = ':';
		memcpy(text + 1, builder_view(&b).data, n);
		text[n + 1] = '\0';
	}
	builder_clear(&b);
	return e;
}

static enum err print_blob(struct bytes blob, const struct print *print, char *text)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n;
	size_t label = strlen(print->name);

	if (EVP_Digest(blob.data, blob.len, digest, &n, print->md(), NULL) != 1)
		return ERR_CRYPTO;
	memcpy(text, print->name, label + 1);
	if (print->hex) {
		write_hex(BYTES(digest, n), text + label);
		return ERR_OK;
	}
	return write_base64(BYTES(digest, n), text + label);
}

static bool blob_is_cert(struct bytes blob)
{
	struct reader r = reader_of(blob);
	struct bytes name;
	bool is_cert;

	return reader_string(&r, &name) == ERR_OK && keytype_find(name, &is_cert) != NULL &&
	       is_cert;
}

enum err fingerprint(struct bytes blob, enum fingerprint_hash hash, char *text)
{
	struct builder plain = {0};
	struct cert cert;
	enum err e;

	/* Blobs of types that we don't know have a fingerprint too: other agents list such keys. */
	if (!blob_is_cert(blob))
		return print_blob(blob, &prints[hash], text);
	e = cert_parse(blob, &cert);
	if (e != ERR_OK)
		return e;
	pubkey_build(&plain, &cert.key);
	e = builder_error(&plain);
	if (e == ERR_OK)
		e = print_blob(builder_view(&plain), &prints[hash], text);
	builder_clear(&plain);
	return e;
}
