/*
 * Key material for tests, made by ssh-keygen and openssl, and signatures checked by openssl:
 * nothing of the code under test has a say in what a key or a good signature is.
 */
#ifndef SIGNET_TESTS_AGENT_CLIENT_KEYS_H
#define SIGNET_TESTS_AGENT_CLIENT_KEYS_H

#include "tests/support/agent_client.h"

/* A run of the shell command; the test ends unless its exit status is 0. */
void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The exit status instead. */
int shell_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct wire file_read(const char *path);
void file_write(const char *path, const struct wire *w);

/* A folder for key files, made once a program and removed by keys_remove. */
const char *keys_folder(void);
void keys_remove(void);

struct test_key {
	char type[64];  /* the SSH name */
	char path[128]; /* the private key file, with .pub beside it where ssh-keygen made it */
	struct wire blob;
	struct wire fields; /* the type's private fields, as an add carries them (no type name) */
};

/*
 * what: "ed25519", "ed448", "ecdsa256", "ecdsa384", "ecdsa521", "rsa2048" (or other lengths from
 * 512), "dsa". A key is made once for each pair of what and name, and kept; not to be changed or
 * freed.
 */
const struct test_key *test_key(const char *what, const char *name);

/* A key with its certificate in the place of its public key; ca signed it. */
const struct test_key *test_key_certified(const struct test_key *key, const struct test_key *ca);

/* An add of the key: number, type, fields, comment; constraints may be appended. */
struct wire ask_add(const struct test_key *key, const char *comment);
struct wire ask_add_constrained(const struct test_key *key, const char *comment);

/* True when openssl finds the signature (string algorithm, string value) right; algorithm must be
 * the one named. */
bool signature_is_good(const struct test_key *key, const char *algorithm, const struct wire *data,
    const struct wire *signature);

/* The values (numbers, strings) in the fields: views, up to max; returns how many. */
size_t test_key_split(const struct test_key *key, struct wire *values, size_t max);

#endif
