/*
 * What another process, root's included, finds of secrets that a process holds and signs
 * with.  Keys are made by a process of their own and reach the one that is scanned, and this one,
 * by socket: neither inherits a copy.
 */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "keystore/crypto.h"
#include "keystore/secretmem.h"
#include "keystore/shield.h"
#include "tests/support/secret_child.h"
#include "tests/support/secret_scan.h"

enum { FRAGMENT = 16, NEEDLE = 48, SCANS = 6 };

/* A step of the child: it does it and answers with the same byte. */
static bool step(const struct child *c, char what)
{
	char answer = 0;

	return child_send(c->socket, &what, 1) && child_receive(c->socket, &answer, 1) &&
	       answer == what;
}

static char next_step(int socket)
{
	char what = 0;

	return child_receive(socket, &what, 1) ? what : '\0';
}

static void done(int socket, char what)
{
	CHILD_CHECK(child_send(socket, &what, 1));
}

static void random_needle(uint8_t *needle)
{
	FILE *f = fopen("/dev/urandom", "re");

	assert_non_null(f);
	assert_int_equal(fread(needle, 1, NEEDLE, f), NEEDLE);
	fclose(f);
}

static long scan_for(const struct child *c, const uint8_t *needle)
{
	struct scan *s = scan_new(FRAGMENT);
	long hits;

	assert_true(scan_needle(s, needle, NEEDLE));
	hits = scan_process(s, c->pid, NULL);
	scan_free(s);
	return hits;
}

/* 'o': keep a needle in ordinary memory, 'r': reversed, 'h': half of it, 's': in secret memory. */
static void hold(int socket, void *mode)
{
	uint8_t *place;
	char what;

	CHILD_CHECK(secretmem_start(*(enum secret_mode *)mode) == ERR_OK);
	while ((what = next_step(socket)) != '\0') {
		place = what == 's' ? mem_alloc(NEEDLE) : malloc(NEEDLE);
		CHILD_CHECK(child_receive(socket, place, NEEDLE));
		for (size_t i = 0; what == 'r' && i < NEEDLE / 2; i++) {
			const uint8_t swap = place[i];

			place[i] = place[NEEDLE - 1 - i];
			place[NEEDLE - 1 - i] = swap;
		}
		if (what == 'h')
			memset(place, 0, NEEDLE / 2);
		done(socket, what);
	}
}

static long hits_of(struct child *c, char what)
{
	uint8_t needle[NEEDLE];
	char answer;

	random_needle(needle);
	assert_int_equal(scan_for(c, needle), 0);
	assert_true(child_send(c->socket, &what, 1));
	assert_true(child_send(c->socket, needle, NEEDLE));
	assert_true(child_receive(c->socket, &answer, 1));
	return scan_for(c, needle);
}

/* A program that ends when its standard input does. */
static void run_cat(int socket, void *name)
{
	dup2(socket, STDIN_FILENO);
	dup2(socket, STDOUT_FILENO);
	execl("/bin/cat", name, (char *)NULL);
	_exit(127);
}

static void test_scan_finds_an_argument_of_a_program(void **state)
{
	char name[NEEDLE + 1] = "an argument that no other process here has: ****";
	uint8_t other[NEEDLE];
	struct child c = child_start(run_cat, name);

	(void)state;
	assert_true(step(&c, 'x'));
	assert_true(scan_for(&c, (const uint8_t *)name) > 0);
	random_needle(other);
	assert_int_equal(scan_for(&c, other), 0);
	assert_int_equal(child_stop(&c), 0);
}

static void test_scan_finds_what_lies_in_ordinary_memory(void **state)
{
	enum secret_mode mode = SECRET_LOCKED;
	struct child c;

	(void)state;
	c = child_start(hold, &mode);
	assert_true(hits_of(&c, 'o') > 0);
	assert_true(hits_of(&c, 'r') > 0);
	assert_true(hits_of(&c, 'h') > 0);
	assert_int_equal(child_stop(&c), 0);
}

static void test_memfd_memory_is_out_of_reach_and_locked_is_not(void **state)
{
	enum secret_mode mode = SECRET_LOCKED;
	struct child c;

	(void)state;
	c = child_start(hold, &mode);
	assert_true(hits_of(&c, 's') > 0);
	assert_int_equal(child_stop(&c), 0);
	SKIP_WITHOUT_MEMFD();
	mode = SECRET_MEMFD;
	c = child_start(hold, &mode);
	assert_int_equal(hits_of(&c, 's'), 0);
	assert_int_equal(child_stop(&c), 0);
}

/* A thread that does what it is told, and reads needles onto its stack. */
struct stack_user {
	int socket;
	sem_t ended;
};

static __attribute__((noinline)) void read_deep(int socket, bool stay)
{
	uint8_t room[8 * 1024];
	uint8_t *place = room + 100;

	CHILD_CHECK(child_receive(socket, place, NEEDLE));
	__asm__ volatile("" : : "r"(place) : "memory");
	if (stay) {
		done(socket, 'n');
		CHILD_CHECK(next_step(socket) == 'c');
	}
}

/* 'd': read a needle and return, 'n': stay until 'c'; 'w': clean. */
static void use_stack(void *arg)
{
	struct stack_user *user = arg;
	char what;

	while ((what = next_step(user->socket)) != '\0') {
		if (what == 'w')
			secret_stack_clean();
		else
			read_deep(user->socket, what == 'n');
		done(user->socket, what == 'n' ? 'c' : what);
	}
	sem_post(&user->ended);
}

static void run_stack_user(int socket, void *mode)
{
	struct stack_user user = {.socket = socket};

	CHILD_CHECK(secretmem_start(*(enum secret_mode *)mode) == ERR_OK);
	CHILD_CHECK(sem_init(&user.ended, 0, 0) == 0);
	CHILD_CHECK(secret_thread(use_stack, &user, SECRET_STACK) == ERR_OK);
	CHILD_CHECK(sem_wait(&user.ended) == 0);
}

static void test_stack_is_clean_after_cleaning(void **state)
{
	enum secret_mode mode = SECRET_LOCKED;
	struct child c;
	uint8_t needle[NEEDLE];
	char answer;

	(void)state;
	c = child_start(run_stack_user, &mode);
	random_needle(needle);
	assert_true(child_send(c.socket, "d", 1));
	assert_true(child_send(c.socket, needle, NEEDLE));
	assert_true(child_receive(c.socket, &answer, 1));
	assert_true(scan_for(&c, needle) > 0);
	assert_true(step(&c, 'w'));
	assert_int_equal(scan_for(&c, needle), 0);
	assert_int_equal(child_stop(&c), 0);
}

static void test_stack_in_memfd_is_out_of_reach_while_in_use(void **state)
{
	enum secret_mode mode = SECRET_MEMFD;
	struct child c;
	uint8_t needle[NEEDLE];
	char answer;

	(void)state;
	SKIP_WITHOUT_MEMFD();
	c = child_start(run_stack_user, &mode);
	random_needle(needle);
	assert_true(child_send(c.socket, "n", 1));
	assert_true(child_send(c.socket, needle, NEEDLE));
	assert_true(child_receive(c.socket, &answer, 1));
	assert_int_equal(scan_for(&c, needle), 0);
	assert_true(step(&c, 'c'));
	assert_int_equal(scan_for(&c, needle), 0);
	assert_int_equal(child_stop(&c), 0);
}

/* What a signing test is made for. */
struct kind {
	const char *type;
	const char *curve;
	size_t bits;
	const char *hash;
	int id;
};

static const struct kind kinds[] = {
    {"ED25519", NULL, 0, NULL, EVP_PKEY_ED25519},
    {"EC", "P-256", 0, "SHA256", EVP_PKEY_EC},
    {"RSA", NULL, 3072, "SHA512", EVP_PKEY_RSA},
};

enum { MOST = 4096, NEEDLES_MOST = 8 };

/* A key on its way: its DER and the numbers that must not be found. */
struct parcel {
	size_t length;
	size_t needles;
	uint8_t der[MOST];
	size_t sizes[NEEDLES_MOST];
	uint8_t needle[NEEDLES_MOST][512];
};

static EVP_PKEY *make_key(const struct kind *k)
{
	if (k->bits != 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, k->type, k->bits);
	if (k->curve != NULL)
		return EVP_PKEY_Q_keygen(NULL, NULL, k->type, k->curve);
	return EVP_PKEY_Q_keygen(NULL, NULL, k->type);
}

static void add_numbers(struct parcel *p, const EVP_PKEY *key)
{
	static const char *const names[] = {OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PKEY_PARAM_RSA_D,
	    OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
	    OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		BIGNUM *n = NULL;

		if (EVP_PKEY_get_bn_param(key, names[i], &n) != 1)
			continue;
		p->sizes[p->needles] = (size_t)BN_num_bytes(n);
		BN_bn2bin(n, p->needle[p->needles++]);
		BN_free(n);
	}
}

/* RFC 8032, section 5.1.5: the scalar and the prefix come from the seed's hash. */
static void add_seed(struct parcel *p, const EVP_PKEY *key)
{
	uint8_t *seed = p->needle[0];
	uint8_t hash[64];
	size_t n = 32;

	CHILD_CHECK(EVP_PKEY_get_raw_private_key(key, seed, &n) == 1);
	SHA512(seed, n, hash);
	hash[0] &= 248;
	hash[31] = (uint8_t)((hash[31] & 127) | 64);
	memcpy(p->needle[1], hash, 32);
	memcpy(p->needle[2], hash + 32, 32);
	p->sizes[0] = p->sizes[1] = p->sizes[2] = 32;
	p->needles = 3;
}

static void make_parcel(int socket, void *kind)
{
	const struct kind *k = kind;
	static struct parcel p;
	uint8_t *der = p.der;
	EVP_PKEY *key = make_key(k);
	int length;

	CHILD_CHECK(key != NULL);
	length = i2d_PrivateKey(key, &der);
	CHILD_CHECK(length > 0 && length <= MOST);
	p.length = (size_t)length;
	if (k->id == EVP_PKEY_ED25519)
		add_seed(&p, key);
	else
		add_numbers(&p, key);
	CHILD_CHECK(p.needles > 0);
	CHILD_CHECK(child_send(socket, &p, sizeof(p)));
	EVP_PKEY_free(key);
}

/* The child that holds the key: its signing thread. */
struct signer {
	const struct kind *kind;
	int socket;
	sem_t taken; /* from then on the socket is the main thread's */
	sem_t ended;
	struct shielded sealed;
	EVP_PKEY *key;
	bool stop;
	unsigned long signatures;
};

static EVP_PKEY *decode(const struct kind *k, struct bytes der)
{
	const uint8_t *at = der.data;

	return d2i_PrivateKey(k->id, NULL, &at, (long)der.len);
}

static void sign(const struct kind *k, EVP_PKEY *key)
{
	static const uint8_t text[] = "what is signed";
	uint8_t signature[512];
	size_t n = sizeof(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	CHILD_CHECK(EVP_DigestSignInit_ex(context, NULL, k->hash, NULL, NULL, key, NULL) == 1);
	CHILD_CHECK(EVP_DigestSign(context, signature, &n, text, sizeof(text)) == 1);
	EVP_MD_CTX_free(context);
}

/* A key that rests encrypted is decoded for each signature. */
static void sign_sealed(struct signer *s)
{
	struct blob der = {NULL, 0};
	EVP_PKEY *key;

	CHILD_CHECK(shield_open(&s->sealed, &der) == ERR_OK);
	key = decode(s->kind, blob_view(&der));
	CHILD_CHECK(key != NULL);
	sign(s->kind, key);
	EVP_PKEY_free(key);
	blob_clear(&der);
}

static void take_key(struct signer *s)
{
	size_t length = 0;
	struct blob der;

	CHILD_CHECK(child_receive(s->socket, &length, sizeof(length)) && length <= MOST);
	der = (struct blob){mem_alloc(length), length};
	CHILD_CHECK(child_receive(s->socket, der.data, length));
	if (secretmem_mode() == SECRET_LOCKED)
		CHILD_CHECK(shield_seal(blob_view(&der), &s->sealed) == ERR_OK);
	else
		s->key = decode(s->kind, blob_view(&der));
	CHILD_CHECK(s->sealed.data != NULL || s->key != NULL);
	blob_clear(&der);
}

static void sign_until_told(void *arg)
{
	struct signer *s = arg;

	take_key(s);
	sem_post(&s->taken);
	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		if (s->key != NULL)
			sign(s->kind, s->key);
		else
			sign_sealed(s);
		if (__atomic_add_fetch(&s->signatures, 1, __ATOMIC_RELAXED) == 1)
			done(s->socket, 'r');
	}
	secret_stack_clean();
	sem_post(&s->ended);
	/* It waits here, so that what it left behind can be looked for. */
	CHILD_CHECK(next_step(s->socket) == '\0');
	_exit(0);
}

static struct {
	enum secret_mode mode;
	const struct kind *kind;
} plan;

static void hold_and_sign(int socket, void *unused)
{
	static struct signer s;
	sem_t never;

	(void)unused;
	s.kind = plan.kind;
	s.socket = socket;
	child_start_secrets(plan.mode);
	CHILD_CHECK(shield_start() == ERR_OK);
	CHILD_CHECK(sem_init(&s.taken, 0, 0) == 0 && sem_init(&s.ended, 0, 0) == 0);
	CHILD_CHECK(sem_init(&never, 0, 0) == 0);
	CHILD_CHECK(secret_thread(sign_until_told, &s, SECRET_STACK) == ERR_OK);
	sem_wait(&s.taken);
	CHILD_CHECK(next_step(socket) == 's');
	__atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
	sem_wait(&s.ended);
	done(socket, 's');
	sem_wait(&never);
}

static struct scan *scan_of(const struct parcel *p)
{
	struct scan *s = scan_new(FRAGMENT);

	assert_non_null(s);
	for (size_t i = 0; i < p->needles; i++)
		assert_true(scan_needle(s, p->needle[i], p->sizes[i]));
	return s;
}

/* Where something was found, say where. */
static void assert_clean(struct scan *s, pid_t pid)
{
	const long hits = scan_process(s, pid, NULL);

	if (hits != 0)
		scan_process(s, pid, stderr);
	assert_int_equal(hits, 0);
}

/* The holder is started first, so that it inherits nothing of the key. */
static void check_kind(const struct kind *k, enum secret_mode mode)
{
	static struct parcel p;
	struct child holder;
	struct child maker;
	struct scan *s;
	char ready = 0;

	plan.mode = mode;
	plan.kind = k;
	holder = child_start(hold_and_sign, NULL);
	maker = child_start(make_parcel, (void *)(uintptr_t)k);
	assert_true(child_receive(maker.socket, &p, sizeof(p)));
	assert_int_equal(child_stop(&maker), 0);
	assert_true(child_send(holder.socket, &p.length, sizeof(p.length)));
	assert_true(child_send(holder.socket, p.der, p.length));
	assert_true(child_receive(holder.socket, &ready, 1));
	s = scan_of(&p);
	for (unsigned i = 0; mode == SECRET_MEMFD && i < SCANS; i++)
		assert_clean(s, holder.pid);
	assert_true(step(&holder, 's'));
	assert_clean(s, holder.pid);
	scan_free(s);
	assert_int_equal(child_stop(&holder), 0);
	explicit_bzero(&p, sizeof(p));
}

static void test_memfd_hides_keys_idle_and_while_signing(void **state)
{
	(void)state;
	SKIP_WITHOUT_MEMFD();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		check_kind(&kinds[i], SECRET_MEMFD);
}

static void test_locked_hides_idle_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		check_kind(&kinds[i], SECRET_LOCKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scan_finds_an_argument_of_a_program),
	    cmocka_unit_test(test_scan_finds_what_lies_in_ordinary_memory),
	    cmocka_unit_test(test_memfd_memory_is_out_of_reach_and_locked_is_not),
	    cmocka_unit_test(test_stack_is_clean_after_cleaning),
	    cmocka_unit_test(test_stack_in_memfd_is_out_of_reach_while_in_use),
	    cmocka_unit_test(test_memfd_hides_keys_idle_and_while_signing),
	    cmocka_unit_test(test_locked_hides_idle_keys),
	};

	/* Sanitizers' shadow memory would be terabytes to read. */
	return RUN_TESTS(tests, 1);
}
