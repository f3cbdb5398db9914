/* A private key for which libcrypto finds no memory, wherever it asks for it: refused, or taken and
 * signing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <openssl/crypto.h>

#include "keystore/crypto.h"
#include "proto/numbers.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir; /* cmocka's group setup has no other way to hand it on */

enum { MANY = 100000 };

/* The allocation from now on that fails, from 1; 0: none does. */
static unsigned failing;
static unsigned asked;

static bool fails(void)
{
	return failing != 0 && ++asked == failing;
}

static void *alloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n == 0 || fails() ? NULL : malloc(n);
}

static void *grow(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (n == 0) {
		free(p);
		return NULL;
	}
	return fails() ? NULL : realloc(p, n);
}

static void release(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static bool signs(struct key *key)
{
	struct builder s = {0};
	const struct sigalg *alg;
	bool good = sigalg_choose(key_type(key), 0, &alg) == ERR_OK &&
		    key_sign(key, alg, bytes_str("hello"), &s) == ERR_OK &&
		    key_verify(key_blob(key), bytes_str("hello"), builder_view(&s)) == ERR_OK;

	builder_clear(&s);
	return good;
}

/* The key, if it was taken though the allocation of that number failed; *came: whether there was
 * one. */
static struct key *import(const struct builder *wire, unsigned number, bool *came)
{
	struct privkey pk;
	struct key *key = NULL;

	keys_parse(wire, &pk);
	asked = 0;
	failing = number;
	(void)key_import(&pk, &key);
	failing = 0;
	*came = asked >= number;
	return key;
}

static void refused_or_whole(const char *name, const char *options)
{
	struct builder wire = {0};
	struct key *key;
	unsigned n = 1, taken = 0;
	bool came;

	keys_generate(&dir, name, options, &wire);
	/* What libcrypto looks up once is there. */
	key = keys_import(&wire);
	assert_true(signs(key));
	key_unref(key);
	for (came = true; came && n < MANY; n++) {
		key = import(&wire, n, &came);
		if (key != NULL && !signs(key))
			fail_msg("%s: taken without allocation %u, and does not sign", name, n);
		taken += came && key != NULL;
		key_unref(key);
	}
	print_message("%s: %u allocations, taken without %u of them\n", name, n - 2, taken);
	assert_in_range(n, 10, MANY - 1);
	builder_clear(&wire);
}

static void rsa(void **state)
{
	(void)state;
	refused_or_whole("rsa", "-t rsa -b 2048");
}

static void ecdsa(void **state)
{
	(void)state;
	refused_or_whole("p256", "-t ecdsa -b 256");
	refused_or_whole("p521", "-t ecdsa -b 521");
}

static void ed25519(void **state)
{
	(void)state;
	refused_or_whole("ed25519", "-t ed25519");
}

static void dsa(void **state)
{
	(void)state;
	if (!keys_can_generate(&dir, "-t dsa"))
		skip();
	refused_or_whole("dsa", "-t dsa");
}

static int make(void **state)
{
	(void)state;
	crypto_clean_environment();
	keys_dir_make(&dir);
	assert_int_equal(crypto_start(), ERR_OK);
	assert_int_equal(crypto_warm_up(), ERR_OK);
	return 0;
}

static int done(void **state)
{
	(void)state;
	keys_dir_remove(&dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rsa),
	    cmocka_unit_test(ecdsa),
	    cmocka_unit_test(ed25519),
	    cmocka_unit_test(dsa),
	};

	if (CRYPTO_set_mem_functions(alloc, grow, release) != 1) {
		printf("Bail out! libcrypto has allocated already\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, make, done);
}
