/*
 * The floor that the agent is measured against: a thread for each connection
 * that reads, makes one libcrypto signature with everything prepared, and
 * writes.  It parses nothing and checks nothing.
 *
 *     b_floor SOCKET KEYFILE
 */
#include <err.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "keystore/crypto.h"
#include "keystore/file/keyfile.h"
#include "proto/agentmsg.h"
#include "proto/base/fdio.h"
#include "proto/limits.h"

enum { REQUEST_ROOM = 4096, SIGNATURE_ROOM = 1024, HEAD = 9 };

static EVP_PKEY *key;

struct client {
	int fd;
	EVP_PKEY_CTX *sign;  /* RSA and ECDSA */
	EVP_MD_CTX *message; /* Ed25519 */
};

static EVP_PKEY *load_openssh(FILE *f)
{
	struct keyfile_key k = {0};
	struct privkey pk;
	struct blob file = {0};
	struct reader r;

	rewind(f);
	if (crypto_start() != ERR_OK || fd_read_file(fileno(f), LIMIT_KEY_FILE, &file) != ERR_OK ||
	    keyfile_decode(blob_view(&file), NULL, &k) != ERR_OK)
		return NULL;
	r = reader_of(blob_view(&k.key_data));
	if (privkey_read(&r, &pk) != ERR_OK || pk.type->family != FAMILY_ED25519)
		return NULL;
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, pk.seed.data, pk.seed.len);
}

static EVP_PKEY *load(const char *path)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *k;

	if (f == NULL)
		err(1, "%s", path);
	k = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	if (k == NULL)
		k = load_openssh(f);
	fclose(f);
	if (k == NULL)
		errx(1, "%s: no key that the floor can use", path);
	return k;
}

static void prepare(struct client *c)
{
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) {
		c->message = EVP_MD_CTX_new();
		return;
	}
	c->sign = EVP_PKEY_CTX_new(key, NULL);
	if (EVP_PKEY_sign_init(c->sign) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(c->sign, EVP_sha256()) != 1)
		errx(1, "libcrypto");
}

static size_t sign(struct client *c, const uint8_t *data, size_t len, uint8_t *out)
{
	size_t n = SIGNATURE_ROOM;
	uint8_t digest[32];

	if (c->message != NULL) {
		if (EVP_DigestSignInit(c->message, NULL, NULL, NULL, key) != 1 ||
		    EVP_DigestSign(c->message, out, &n, data, len) != 1)
			errx(1, "libcrypto");
		return n;
	}
	if (EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) != 1 ||
	    EVP_PKEY_sign(c->sign, out, &n, digest, sizeof(digest)) != 1)
		errx(1, "libcrypto");
	return n;
}

static void put_u32(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void *serve(void *arg)
{
	struct client c = {.fd = (int)(intptr_t)arg};
	uint8_t request[REQUEST_ROOM];
	uint8_t reply[HEAD + SIGNATURE_ROOM];
	ssize_t n;

	prepare(&c);
	while ((n = read(c.fd, request, sizeof(request))) > 0) {
		size_t len = sign(&c, request, (size_t)n, reply + HEAD);

		put_u32(reply, len + HEAD - 4);
		reply[4] = AGENT_SIGN_RESPONSE;
		put_u32(reply + 5, len);
		if (write(c.fd, reply, HEAD + len) < 0)
			break;
	}
	close(c.fd);
	EVP_PKEY_CTX_free(c.sign);
	EVP_MD_CTX_free(c.message);
	return NULL;
}

int main(int argc, char *argv[])
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd;

	if (argc != 3)
		errx(1, "usage: b_floor SOCKET KEYFILE");
	key = load(argv[2]);
	signal(SIGPIPE, SIG_IGN);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", argv[1]);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    listen(fd, 64) != 0)
		err(1, "%s", argv[1]);
	for (;;) {
		int client = accept(fd, NULL, NULL);
		pthread_t thread;

		if (client < 0)
			err(1, "accept");
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)client) != 0)
			errx(1, "pthread_create");
		pthread_detach(thread);
	}
}
