/* Keys used by many threads, and keys that rest encrypted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "keystore/crypto.h"
#include "keystore/secretmem.h"
#include "keystore/shield.h"
#include "proto/numbers.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir; /* cmocka's group setup has no other way to hand it on */

static const struct kind {
	const char *options;
	uint32_t flags;
	int rounds;
} kinds[] = {
    {"-t ed25519", 0, 200},
    {"-t ecdsa -b 256", 0, 200},
    {"-t rsa -b 2048", SIGN_RSA_SHA2_512, 20},
    {"-t dsa", 0, 20},
};

enum {
	ALL_KINDS = sizeof(kinds) / sizeof(kinds[0]),
	THREADS = 6 /* more than contexts are kept */
};

static struct builder wires[ALL_KINDS];

/* Without the last where ssh-keygen makes no DSA keys any more. */
static size_t kinds_here = ALL_KINDS;

struct job {
	struct key *key; /* a reference of its own */
	const struct kind *kind;
	int good;
};

static bool sign_and_verify(struct key *key, uint32_t flags, uint32_t number)
{
	struct builder data = {0}, s = {0};
	const struct sigalg *alg;
	bool good;

	builder_u32(&data, number);
	good = sigalg_choose(key_type(key), flags, &alg) == ERR_OK &&
	       key_sign(key, alg, builder_view(&data), &s) == ERR_OK &&
	       key_verify(key_blob(key), builder_view(&data), builder_view(&s)) == ERR_OK;
	builder_clear(&data);
	builder_clear(&s);
	return good;
}

static void *work(void *arg)
{
	struct job *job = arg;

	for (int i = 0; i < job->kind->rounds; i++)
		job->good += sign_and_verify(job->key, job->kind->flags, (uint32_t)i);
	key_unref(job->key);
	return NULL;
}

/* The first owner lets go while the others sign. */
static void many_threads_sign_with_one_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_here; i++) {
		struct key *key = keys_import(&wires[i]);
		struct job jobs[THREADS];
		pthread_t threads[THREADS];

		for (size_t t = 0; t < THREADS; t++)
			jobs[t] = (struct job){key_ref(key), &kinds[i], 0};
		for (size_t t = 0; t < THREADS; t++)
			assert_int_equal(pthread_create(&threads[t], NULL, work, &jobs[t]), 0);
		key_unref(key);
		for (size_t t = 0; t < THREADS; t++) {
			assert_int_equal(pthread_join(threads[t], NULL), 0);
			assert_int_equal(jobs[t].good, kinds[i].rounds);
		}
	}
}

static void sign_number(struct key *key, uint32_t flags, uint32_t number, struct builder *data,
    struct builder *signature)
{
	const struct sigalg *alg;

	builder_u32(data, number);
	assert_int_equal(sigalg_choose(key_type(key), flags, &alg), ERR_OK);
	assert_int_equal(key_sign(key, alg, builder_view(data), signature), ERR_OK);
}

/* Also after it has refused one. */
static void a_verifier_verifies_again_and_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_here; i++) {
		struct key *key = keys_import(&wires[i]);
		struct key_verifier *v = NULL;
		struct builder data[2] = {0}, s[2] = {0};

		assert_int_equal(key_verifier_new(key_blob(key), &v), ERR_OK);
		for (uint32_t n = 0; n < 2; n++)
			sign_number(key, kinds[i].flags, n, &data[n], &s[n]);
		for (size_t n = 0; n < 4; n++) {
			struct bytes signature = builder_view(&s[n % 2]);

			assert_int_equal(
			    key_verifier_check(v, builder_view(&data[n % 2]), signature), ERR_OK);
			assert_int_equal(
			    key_verifier_check(v, builder_view(&data[1 - n % 2]), signature),
			    ERR_KEY_MISMATCH);
			signature.len--;
			assert_int_not_equal(
			    key_verifier_check(v, builder_view(&data[n % 2]), signature), ERR_OK);
		}
		for (size_t n = 0; n < 2; n++) {
			builder_clear(&data[n]);
			builder_clear(&s[n]);
		}
		key_verifier_free(v);
		key_unref(key);
	}
}

static void what_is_no_key_has_no_verifier(void **state)
{
	struct key *key = keys_import(&wires[0]);
	struct key_verifier *v = NULL;
	struct bytes blob = key_blob(key);

	(void)state;
	blob.len--;
	assert_int_not_equal(key_verifier_new(blob, &v), ERR_OK);
	assert_null(v);
	assert_int_not_equal(key_verifier_new(BYTES_NONE, &v), ERR_OK);
	assert_null(v);
	key_verifier_free(NULL);
	key_unref(key);
}

/* In a process of its own, since secret memory is for the rest of its life: 0 when all is well. */
static int use_in_mode(enum secret_mode mode, bool shielded)
{
	if (secretmem_start(mode) != ERR_OK)
		return 10;
	if (crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK || shield_start() != ERR_OK)
		return 11;
	for (size_t i = 0; i < kinds_here; i++) {
		struct reader r = reader_of(builder_view(&wires[i]));
		struct key *key = NULL;
		struct privkey pk;
		int e;

		if (privkey_read(&r, &pk) != ERR_OK || key_import(&pk, &key) != ERR_OK)
			return 12;
		e = key_is_shielded(key) != shielded ? 13 : 0;
		for (uint32_t n = 0; n < 3 && e == 0; n++)
			e = sign_and_verify(key, kinds[i].flags, n) ? 0 : 14;
		key_unref(key);
		if (e != 0)
			return e;
	}
	return 0;
}

static int run_in_mode(enum secret_mode mode, bool shielded)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(use_in_mode(mode, shielded));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void keys_rest_encrypted_in_locked_memory(void **state)
{
	(void)state;
	assert_int_equal(run_in_mode(SECRET_LOCKED, true), 0);
}

static void keys_rest_as_they_are_in_memfd_memory(void **state)
{
	int e = run_in_mode(SECRET_MEMFD, false);

	(void)state;
	if (e == 10) {
		print_message("no memfd_secret in this kernel\n");
		skip();
	}
	assert_int_equal(e, 0);
}

static int setup(void **state)
{
	(void)state;
	crypto_clean_environment();
	keys_dir_make(&dir);
	if (!keys_can_generate(&dir, kinds[ALL_KINDS - 1].options))
		kinds_here--;
	for (size_t i = 0; i < kinds_here; i++) {
		char name[24];

		snprintf(name, sizeof(name), "k%zu", i);
		keys_generate(&dir, name, kinds[i].options, &wires[i]);
	}
	return 0;
}

/* The tests with secret memory come first: they need a process in which libcrypto was not started.
 */
static void start_libcrypto(void **state)
{
	(void)state;
	assert_int_equal(crypto_start(), ERR_OK);
	assert_int_equal(crypto_warm_up(), ERR_OK);
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < kinds_here; i++)
		builder_clear(&wires[i]);
	keys_dir_remove(&dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_rest_encrypted_in_locked_memory),
	    cmocka_unit_test(keys_rest_as_they_are_in_memfd_memory),
	    cmocka_unit_test(start_libcrypto),
	    cmocka_unit_test(many_threads_sign_with_one_key),
	    cmocka_unit_test(a_verifier_verifies_again_and_again),
	    cmocka_unit_test(what_is_no_key_has_no_verifier),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
