/* libcrypto as the programs start it. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <seccomp.h>

#include "keystore/crypto.h"
#include "keystore/shield.h"
#include "tests/support/secret_child.h"

extern char **environ;

static void test_environment_loses_every_openssl_variable(void **state)
{
	char conf[] = "OPENSSL_CONF=/x";
	char modules[] = "OPENSSL_MODULES=/y";
	char close_by[] = "OPENSSLX=1";
	char home[] = "HOME=/z";
	char empty[] = "OPENSSL_=";
	char *list[] = {conf, close_by, modules, empty, home, NULL};
	char **saved = environ;

	(void)state;
	environ = list;
	crypto_clean_environment();
	environ = saved;
	assert_ptr_equal(list[0], close_by);
	assert_ptr_equal(list[1], home);
	assert_null(list[2]);
	environ = NULL;
	crypto_clean_environment();
	environ = saved;
}

/* A configuration that is heeded leaves libcrypto without any algorithm. */
static const char hostile[] = "openssl_conf = all\n"
			      "[all]\nalg_section = none\n"
			      "[none]\ndefault_properties = provider=nowhere\n";

static bool can_hash(void)
{
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);

	EVP_MD_free(md);
	return md != NULL;
}

static void start_as_ever(void *path)
{
	CHILD_CHECK(setenv("OPENSSL_CONF", path, 1) == 0);
	CHILD_CHECK(OPENSSL_init_crypto(0, NULL) == 1);
	CHILD_CHECK(!can_hash());
}

static void start_our_way(void *path)
{
	CHILD_CHECK(setenv("OPENSSL_CONF", path, 1) == 0);
	CHILD_CHECK(crypto_start() == ERR_OK);
	CHILD_CHECK(crypto_warm_up() == ERR_OK);
	CHILD_CHECK(OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) == 1);
	CHILD_CHECK(can_hash());
}

static void test_no_configuration_is_read(void **state)
{
	char path[] = "/tmp/signet-conf-XXXXXX";
	const int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, hostile, strlen(hostile)), strlen(hostile));
	close(fd);
	assert_int_equal(child_run(start_as_ever, path), 0);
	assert_int_equal(child_run(start_our_way, path), 0);
	unlink(path);
}

/* FIPS 180-4's example messages: the digests are the standard's. */
static const struct {
	enum hash_id hash;
	const char *text;
	const char *digest;
} vectors[] = {
    {HASH_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {HASH_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {HASH_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {HASH_SHA384, "abc",
	"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
	"8086072ba1e7cc2358baeca134c825a7"},
    {HASH_SHA512, "abc",
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
};

static void check_hashes(void *unused)
{
	uint8_t digest[HASH_MOST];
	char hex[2 * HASH_MOST + 1];
	size_t n = 99;

	(void)unused;
	CHILD_CHECK(crypto_hash(HASH_SHA256, BYTES_NONE, digest, &n) == ERR_UNSUPPORTED);
	CHILD_CHECK(crypto_start() == ERR_OK);
	CHILD_CHECK(crypto_hash(HASH_NONE, BYTES_NONE, digest, &n) == ERR_UNSUPPORTED);
	CHILD_CHECK(crypto_hash((enum hash_id)77, BYTES_NONE, digest, &n) == ERR_UNSUPPORTED);
	CHILD_CHECK(n == 99);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		CHILD_CHECK(
		    crypto_hash(vectors[i].hash, bytes_str(vectors[i].text), digest, &n) == ERR_OK);
		for (size_t j = 0; j < n; j++)
			sprintf(hex + 2 * j, "%02x", digest[j]);
		CHILD_CHECK(strcmp(hex, vectors[i].digest) == 0);
	}
}

static void test_hashes_are_those_of_fips_180(void **state)
{
	(void)state;
	assert_int_equal(child_run(check_hashes, NULL), 0);
}

static void check_random(void *unused)
{
	uint8_t a[64] = {0};
	uint8_t b[64] = {0};

	(void)unused;
	CHILD_CHECK(crypto_start() == ERR_OK);
	CHILD_CHECK(crypto_random(a, sizeof(a) - 16) == ERR_OK);
	CHILD_CHECK(crypto_random(b, sizeof(b) - 16) == ERR_OK);
	CHILD_CHECK(memcmp(a, b, 48) != 0);
	for (size_t i = 48; i < 64; i++)
		CHILD_CHECK(a[i] == 0);
	CHILD_CHECK(crypto_random(a, 0) == ERR_OK);
	CHILD_CHECK(crypto_random(a, SIZE_MAX) == ERR_CRYPTO);
}

static void test_random_bytes_differ_and_stay_inside(void **state)
{
	(void)state;
	assert_int_equal(child_run(check_random, NULL), 0);
}

/* From here on, opening anything kills the process. */
static void forbid_opening(void)
{
	static const int calls[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2),
	    SCMP_SYS(creat), SCMP_SYS(stat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
	    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(readlink), SCMP_SYS(socket)};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	CHILD_CHECK(filter != NULL);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		CHILD_CHECK(seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, calls[i], 0) == 0);
	CHILD_CHECK(seccomp_load(filter) == 0);
	seccomp_release(filter);
}

struct kind {
	const char *type;
	const char *curve;
	size_t bits;
	const char *hash;
};

static const struct kind kinds[] = {{"ED25519", NULL, 0, NULL}, {"ED448", NULL, 0, NULL},
    {"EC", "P-256", 0, "SHA256"}, {"EC", "P-384", 0, "SHA384"}, {"EC", "P-521", 0, "SHA512"},
    {"RSA", NULL, 1024, "SHA1"}, {"RSA", NULL, 1024, "SHA256"}, {"RSA", NULL, 2048, "SHA512"}};

/* Taken apart into parameters and built again, as keys that come by wire are. */
static EVP_PKEY *rebuild(const struct kind *k)
{
	EVP_PKEY *made;
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, k->type, NULL);
	OSSL_PARAM *parameters = NULL;

	if (k->bits != 0)
		made = EVP_PKEY_Q_keygen(NULL, NULL, k->type, k->bits);
	else if (k->curve != NULL)
		made = EVP_PKEY_Q_keygen(NULL, NULL, k->type, k->curve);
	else
		made = EVP_PKEY_Q_keygen(NULL, NULL, k->type);
	CHILD_CHECK(made != NULL && context != NULL);
	CHILD_CHECK(EVP_PKEY_todata(made, EVP_PKEY_KEYPAIR, &parameters) == 1);
	CHILD_CHECK(EVP_PKEY_fromdata_init(context) == 1);
	CHILD_CHECK(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) == 1);
	OSSL_PARAM_free(parameters);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(made);
	return key;
}

static void sign_and_verify(const struct kind *k)
{
	static const uint8_t text[] = "text";
	uint8_t signature[1024];
	size_t n = sizeof(signature);
	EVP_PKEY *key = rebuild(k);
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	CHILD_CHECK(EVP_DigestSignInit_ex(context, NULL, k->hash, NULL, NULL, key, NULL) == 1);
	CHILD_CHECK(EVP_DigestSign(context, signature, &n, text, sizeof(text)) == 1);
	EVP_MD_CTX_reset(context);
	CHILD_CHECK(EVP_DigestVerifyInit_ex(context, NULL, k->hash, NULL, NULL, key, NULL) == 1);
	CHILD_CHECK(EVP_DigestVerify(context, signature, n, text, sizeof(text)) == 1);
	EVP_MD_CTX_reset(context);
	CHILD_CHECK(EVP_DigestVerifyInit_ex(context, NULL, k->hash, NULL, NULL, key, NULL) == 1);
	CHILD_CHECK(EVP_DigestVerify(context, signature, n, text, sizeof(text) - 1) != 1);
	CHILD_CHECK(ERR_peek_error() == 0 || ERR_error_string(ERR_get_error(), NULL) != NULL);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
}

static void sign_without_files(void *mode)
{
	struct shielded sealed;
	struct blob open = {NULL, 0};
	uint8_t digest[HASH_MOST];
	size_t n;

	child_start_secrets(*(enum secret_mode *)mode);
	CHILD_CHECK(shield_start() == ERR_OK);
	forbid_opening();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		sign_and_verify(&kinds[i]);
	CHILD_CHECK(crypto_random(digest, sizeof(digest)) == ERR_OK);
	CHILD_CHECK(crypto_hash(HASH_SHA1, bytes_str("abc"), digest, &n) == ERR_OK);
	CHILD_CHECK(shield_seal(bytes_str("abc"), &sealed) == ERR_OK);
	CHILD_CHECK(shield_open(&sealed, &open) == ERR_OK);
}

static void open_something(void *unused)
{
	(void)unused;
	forbid_opening();
	(void)!open("/dev/null", O_RDONLY);
}

static void test_nothing_is_opened_after_warm_up(void **state)
{
	enum secret_mode mode = SECRET_LOCKED;
	const int status = child_run(open_something, NULL);

	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	assert_int_equal(child_run(sign_without_files, &mode), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_environment_loses_every_openssl_variable),
	    cmocka_unit_test(test_no_configuration_is_read),
	    cmocka_unit_test(test_hashes_are_those_of_fips_180),
	    cmocka_unit_test(test_random_bytes_differ_and_stay_inside),
	    cmocka_unit_test(test_nothing_is_opened_after_warm_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
