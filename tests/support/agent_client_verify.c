#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/agent_client_keys.h"

/* What openssl needs to know for each signature algorithm. */
struct algorithm {
	const char *name;
	const char *digest; /* NULL: the algorithm has its own */
	enum { RAW, TWO_MPINTS, TWO_HALVES } form;
};

static const struct algorithm algorithms[] = {
    {"ssh-ed25519", NULL, RAW},
    {"ssh-ed448", NULL, RAW},
    {"ssh-rsa", "sha1", RAW},
    {"rsa-sha2-256", "sha256", RAW},
    {"rsa-sha2-512", "sha512", RAW},
    {"ecdsa-sha2-nistp256", "sha256", TWO_MPINTS},
    {"ecdsa-sha2-nistp384", "sha384", TWO_MPINTS},
    {"ecdsa-sha2-nistp521", "sha512", TWO_MPINTS},
    {"ssh-dss", "sha1", TWO_HALVES},
};

static const struct algorithm *algorithm_find(const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	}
	fail_msg("no such algorithm: %s", name);
	return NULL;
}

static void der_header(struct wire *w, uint8_t tag, size_t n)
{
	wire_u8(w, tag);
	if (n >= 0x80)
		wire_u8(w, 0x81);
	wire_u8(w, (uint8_t)n);
}

/* SEQUENCE of two INTEGERs; an mpint's bytes are those of an INTEGER. */
static struct wire der_pair(const struct wire *pair)
{
	struct wire body = {0}, der = {0};
	size_t pos = 0;

	while (pos < pair->len) {
		struct wire v = wire_get_string(pair, &pos);
		der_header(&body, 0x02, v.len);
		wire_raw(&body, v.data, v.len);
	}
	der_header(&der, 0x30, body.len);
	wire_raw(&der, body.data, body.len);
	wire_free(&body);
	return der;
}

/* The signature's value in the form that openssl reads. */
static struct wire openssl_form(const struct algorithm *a, const struct wire *value)
{
	struct wire out = {0}, pair = {0};

	if (a->form == TWO_MPINTS)
		return der_pair(value);
	if (a->form == TWO_HALVES) {
		assert_int_equal(value->len, 40);
		wire_mpint(&pair, value->data, 20);
		wire_mpint(&pair, value->data + 20, 20);
		out = der_pair(&pair);
		wire_free(&pair);
		return out;
	}
	wire_raw(&out, value->data, value->len);
	return out;
}

/* The public key as a PEM file beside the private one; Ed25519's by RFC 8410's fixed prefix. */
static void public_pem(const struct test_key *key, const char *pem)
{
	const uint8_t prefix[] = {
	    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
	struct wire der = {0};
	char path[128];

	if (strcmp(key->type, "ssh-ed448") == 0 || access(key->path, 0) != 0) {
		shell("openssl pkey -in %s -pubout -out %s", key->path, pem);
	} else if (strcmp(key->type, "ssh-ed25519") == 0) {
		wire_raw(&der, prefix, sizeof(prefix));
		wire_raw(&der, key->blob.data + key->blob.len - 32, 32);
		snprintf(path, sizeof(path), "%s/public.der", keys_folder());
		file_write(path, &der);
		wire_free(&der);
		shell("openssl pkey -pubin -inform DER -in %s -out %s", path, pem);
	} else {
		shell(
		    "chmod 600 %s && ssh-keygen -e -m PKCS8 -f %s >%s", key->path, key->path, pem);
	}
}

bool signature_is_good(const struct test_key *key, const char *algorithm, const struct wire *data,
    const struct wire *signature)
{
	const struct algorithm *a = algorithm_find(algorithm);
	char path[4][128];
	const char *const names[] = {"public.pem", "signed", "signature", "verdict"};
	size_t pos = 0;
	struct wire name = wire_get_string(signature, &pos);
	struct wire value = wire_get_string(signature, &pos);

	if (pos != signature->len || !wire_is_text(&name, algorithm))
		return false;
	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", keys_folder(), names[i]);
	struct wire converted = openssl_form(a, &value);
	public_pem(key, path[0]);
	file_write(path[1], data);
	file_write(path[2], &converted);
	wire_free(&converted);
	return shell_status("openssl pkeyutl -verify -pubin -inkey %s -rawin -in %s -sigfile %s %s "
			    "%s >%s 2>&1",
		   path[0], path[1], path[2], a->digest != NULL ? "-digest" : "",
		   a->digest != NULL ? a->digest : "", path[3]) == 0;
}
