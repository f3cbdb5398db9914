/*
 * ct FOLDER: are secrets compared in constant time?  To be run by valgrind's memcheck.
 *
 * A secret is marked as memory that nobody has initialised.  memcheck then reports each branch and
 * each address that depends on it, and so whatever could be told by a clock or from a cache.  What
 * memcheck reports within a case is counted and must be nothing.  The outcome of a comparison is
 * no secret: whoever asks is refused or not.
 *
 * Where this program compares secrets, or looks into what it has decrypted:
 *
 *	agent/req_lock.c         hash of the lock passphrase           mem_equal
 *	file/keyfile_ppk.c       MAC of a PuTTY file                   mem_equal
 *	file/cipher.c            tag of OpenSSH's chacha20-poly1305    mem_equal
 *	file/keyfile_openssh.c   check numbers, padding                mem_equal
 *	add/cmd_lock.c           a lock passphrase typed twice         mem_equal; its length is
 *	shield.c, AES-GCM files  tags                                  libcrypto's CRYPTO_memcmp
 *
 * PINs are compared by devices only: of ours nothing but their length decides.  Public halves that
 * were derived from private ones (key_*.c, derkey.c, proto/privkey.c) are compared as the public
 * things that they are.
 *
 * What is not in constant time: bcrypt and Argon2id use tables at places that depend on the
 * passphrase, as they are defined; they run once a try, and bcrypt's result is compared as above.
 * The padding of PKCS #8 and PEM files is libcrypto's to check, and whether it fits is told
 * by the answer anyhow, as whether what was decrypted is a key.  The lengths of
 * private numbers, which stand in the file and in the protocol, are read as lengths.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HAVE_MEMCHECK 1
#endif
#endif

#ifndef HAVE_MEMCHECK
int main(void)
{
	puts("1..0 # SKIP valgrind's headers were not there when the tests were built");
	return 0;
}
#else

#include "add/ask.h"
#include "agent/dispatch.h"
#include "keystore/base64.h"
#include "keystore/crypto.h"
#include "keystore/file/cipher.h"
#include "keystore/file/keyfile.h"
#include "keystore/kdf.h"
#include "proto/base/mem.h"

enum {
	SECRET = 32,
	CHECKS = 8,       /* the two check numbers */
	PADDING = 7,      /* of the key that ct.t makes */
	MOST = 64 * 1024, /* a file */
};

static struct {
	unsigned points, failed;
	unsigned before;       /* what memcheck had reported when the case began */
	unsigned comparisons;  /* by mem_equal, in the case */
	size_t padding;        /* secret bytes at the end of what is decrypted */
	struct blob decrypted; /* what cipher_decrypt gave last; not ours */
	struct task *posted;   /* to the core's loop */
	enum err answer;       /* of the request: what the client was told */
	const char *typed[2];  /* what the person answers next, and then */
} all;

static void hide(const void *p, size_t n)
{
	(void)VALGRIND_MAKE_MEM_UNDEFINED(p, n);
}

static void show(const void *p, size_t n)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(p, n);
}

/* --- put in the place of ours by the linker --------------------------------------------------- */

bool __real_mem_equal(const void *a, const void *b, size_t n);
bool __wrap_mem_equal(const void *a, const void *b, size_t n);
enum err __real_cipher_decrypt(const struct cipher_run *run, struct bytes in, struct blob *out);
enum err __wrap_cipher_decrypt(const struct cipher_run *run, struct bytes in, struct blob *out);
enum err __real_chachapoly_decrypt(
    const uint8_t *key, struct bytes in, struct bytes tag, struct blob *out);
enum err __wrap_chachapoly_decrypt(
    const uint8_t *key, struct bytes in, struct bytes tag, struct blob *out);
enum err __real_kdf_bcrypt(
    struct bytes passphrase, struct bytes salt, unsigned rounds, uint8_t *out, size_t n);
enum err __wrap_kdf_bcrypt(
    struct bytes passphrase, struct bytes salt, unsigned rounds, uint8_t *out, size_t n);

/* The outcome is public, and after a yes the lengths that begin a decrypted section are read. */
bool __wrap_mem_equal(const void *a, const void *b, size_t n)
{
	bool same = __real_mem_equal(a, b, n);

	all.comparisons++;
	show(&same, sizeof(same));
	if (same && all.decrypted.len >= CHECKS)
		show(all.decrypted.data, CHECKS);
	return same;
}

/* Made from a secret key.  The check numbers, or what is first in a PuTTY file, and the padding
 * stay secret. */
static void hide_decrypted(const struct blob *b)
{
	show(b->data, b->len);
	if (b->len < CHECKS + all.padding)
		return;
	all.decrypted = *b;
	hide(b->data, CHECKS);
	hide(b->data + b->len - all.padding, all.padding);
}

enum err __wrap_cipher_decrypt(const struct cipher_run *run, struct bytes in, struct blob *out)
{
	enum err e = __real_cipher_decrypt(run, in, out);

	if (e == ERR_OK)
		hide_decrypted(out);
	return e;
}

enum err __wrap_chachapoly_decrypt(
    const uint8_t *key, struct bytes in, struct bytes tag, struct blob *out)
{
	enum err e = __real_chachapoly_decrypt(key, in, tag, out);

	if (e == ERR_OK)
		hide_decrypted(out);
	return e;
}

enum err __wrap_kdf_bcrypt(
    struct bytes passphrase, struct bytes salt, unsigned rounds, uint8_t *out, size_t n)
{
	enum err e = __real_kdf_bcrypt(passphrase, salt, rounds, out, n);

	/* Behind a key of AES-256-CTR comes its first counter, which is none. */
	hide(out, n == 64 ? n : 32);
	return e;
}

/* add/command.h's, whose names for options are the agent's too. */
struct run;
int cmd_lock(struct run *r);
enum err simple_call(struct run *r, struct builder *request);

/* The core's loop, workers and connections, as far as a request to unlock wants them. */
void __wrap_workers_run(struct workers *w, struct job *j);
void __wrap_loop_post(struct loop *l, struct task *t);
void __wrap_conn_park(struct conn *c, struct parked *p);
void __wrap_conn_succeed(struct conn *c);
void __wrap_conn_refuse(struct conn *c, enum err why);
void __wrap_decision_record(struct core *core, const struct conn *c, const struct decision *d);
enum err __wrap_timer_arm(struct loop *l, struct timer *t, uint64_t at);
void __wrap_offers_review(struct offers *os);
void __wrap_residents_review(struct residents *rs);
enum err __wrap_ask_secret(const char *prompt, enum ask_from from, struct blob *answer);
enum err __wrap_simple_call(struct run *r, struct builder *request);

void __wrap_workers_run(struct workers *w, struct job *j)
{
	(void)w;
	j->run(j);
}

void __wrap_loop_post(struct loop *l, struct task *t)
{
	(void)l;
	all.posted = t;
}

void __wrap_conn_park(struct conn *c, struct parked *p)
{
	(void)c;
	(void)p;
}

void __wrap_conn_succeed(struct conn *c)
{
	(void)c;
	all.answer = ERR_OK;
}

void __wrap_conn_refuse(struct conn *c, enum err why)
{
	(void)c;
	all.answer = why;
}

void __wrap_decision_record(struct core *core, const struct conn *c, const struct decision *d)
{
	(void)core;
	(void)c;
	(void)d;
}

/* The answer to a wrong passphrase would come late. */
enum err __wrap_timer_arm(struct loop *l, struct timer *t, uint64_t at)
{
	(void)l;
	(void)t;
	(void)at;
	return ERR_MEMORY;
}

void __wrap_offers_review(struct offers *os)
{
	(void)os;
}

void __wrap_residents_review(struct residents *rs)
{
	(void)rs;
}

enum err __wrap_ask_secret(const char *prompt, enum ask_from from, struct blob *answer)
{
	enum err e = blob_copy(answer, bytes_str(all.typed[0]));

	(void)prompt;
	(void)from;
	all.typed[0] = all.typed[1];
	if (e == ERR_OK)
		hide(answer->data, answer->len);
	return e;
}

enum err __wrap_simple_call(struct run *r, struct builder *request)
{
	(void)r;
	(void)request;
	return ERR_OK;
}

/* --- cases ------------------------------------------------------------------------------------ */

static void point(bool good, const char *what)
{
	all.failed += !good;
	printf("%s %u - %s\n", good ? "ok" : "not ok", ++all.points, what);
	fflush(stdout);
}

static void begin(void)
{
	all.comparisons = 0;
	all.decrypted = (struct blob){NULL, 0};
	all.before = VALGRIND_COUNT_ERRORS;
}

static unsigned reported(void)
{
	return VALGRIND_COUNT_ERRORS - all.before;
}

/* What memcheck must see, or nothing here proves anything. */
static void check_memcheck(void)
{
	int (*volatile compare)(const void *, const void *, size_t) = memcmp;
	static const uint8_t table[256] = {1, 2, 3};
	uint8_t secret[SECRET] = {1}, guess[SECRET] = {1};
	volatile uint8_t sink;
	int order;

	begin();
	hide(secret, SECRET);
	order = compare(secret, guess, SECRET);
	show(&order, sizeof(order));
	point(reported() > 0, "memcmp is reported");
	begin();
	sink = table[secret[0]];
	(void)sink;
	point(reported() > 0, "a secret place in a table is reported");
	begin();
	point(reported() == 0, "nothing else is");
}

/* differs: where the two differ; SECRET: nowhere. */
static void check_equal(size_t differs, const char *what)
{
	uint8_t secret[SECRET] = {1, 2, 3}, guess[SECRET] = {1, 2, 3};
	bool same;

	if (differs < SECRET)
		guess[differs] ^= 1;
	begin();
	hide(secret, SECRET);
	same = mem_equal(guess, secret, SECRET);
	point(reported() == 0 && same == (differs == SECRET), what);
}

/* --- key files: FOLDER has them, with the passphrase "secret" --- */

static struct blob slurp(const char *folder, const char *name)
{
	char path[256];
	struct blob b = {mem_alloc(MOST), 0};
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (f == NULL || b.data == NULL) {
		perror(path);
		exit(1);
	}
	b.len = fread(b.data, 1, MOST - 1, f);
	fclose(f);
	return b;
}

/* The file with one bit of the byte `back` from its end turned round; 0: as it is. */
static struct blob damaged(const struct blob *file, size_t back)
{
	static const char head[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
	static const char foot[] = "\n-----END OPENSSH PRIVATE KEY-----\n";
	size_t edges = strlen(head) + strlen(foot) - 1;
	struct builder raw = {0}, text = {0};
	struct blob out = {NULL, 0};

	if (base64_decode(BYTES(file->data + strlen(head), file->len - edges), &raw) != ERR_OK ||
	    back > raw.len)
		exit(1);
	if (back != 0)
		raw.data[raw.len - back] ^= 1;
	builder_put(&text, bytes_str(head));
	base64_encode(builder_view(&raw), &text);
	builder_put(&text, bytes_str(foot));
	if (builder_take(&text, &out) != ERR_OK)
		exit(1);
	builder_clear(&raw);
	return out;
}

static void check_file(const struct blob *file, const char *word, enum err wanted, const char *what)
{
	char typed[16];
	struct bytes passphrase = {(const uint8_t *)typed, strlen(word)};
	struct keyfile_key key = {0};
	enum err e;
	unsigned n;

	snprintf(typed, sizeof(typed), "%s", word);
	begin();
	/* bcrypt cannot do without tables; what it gives is a secret (__wrap_kdf_bcrypt). */
	if (file->data[0] == 'P')
		hide(typed, passphrase.len);
	e = keyfile_decode(blob_view(file), &passphrase, &key);
	n = reported();
	if (e != wanted || n != 0 || all.comparisons == 0)
		printf("# %s, wanted %s; %u reports, %u comparisons\n", err_text(e),
		    err_text(wanted), n, all.comparisons);
	point(e == wanted && n == 0 && all.comparisons > 0, what);
	keyfile_key_clear(&key);
}

static void check_damaged(const struct blob *file, size_t back, enum err wanted, const char *what)
{
	struct blob b = damaged(file, back);

	check_file(&b, "secret", wanted, what);
	blob_clear(&b);
}

static void check_openssh(const char *folder)
{
	struct blob ctr = slurp(folder, "ctr"), chacha = slurp(folder, "chacha");

	all.padding = PADDING;
	check_damaged(&ctr, 0, ERR_OK, "OpenSSH's file: check numbers and padding");
	check_damaged(&ctr, PADDING, ERR_FILE_TAMPERED, "its padding, wrong from the start");
	check_damaged(&ctr, 1, ERR_FILE_TAMPERED, "its padding, wrong at the end");
	check_file(&ctr, "wrong", ERR_PASSPHRASE, "its check numbers, by a wrong passphrase");
	all.padding = 0;
	check_file(&chacha, "secret", ERR_OK, "the tag of chacha20-poly1305");
	check_damaged(&chacha, 16, ERR_PASSPHRASE, "which is wrong at its start");
	check_damaged(&chacha, 1, ERR_PASSPHRASE, "which is wrong at its end");
	blob_clear(&ctr);
	blob_clear(&chacha);
}

static void check_putty(const char *folder)
{
	struct blob ppk = slurp(folder, "ppk");

	all.padding = 0;
	check_file(&ppk, "secret", ERR_OK, "the MAC of a PuTTY file");
	check_file(&ppk, "wrong", ERR_PASSPHRASE, "and by a wrong passphrase");
	blob_clear(&ppk);
}

/* --- the lock: bcrypt's hash of "secret" is what the core has --- */

static void check_unlock(const char *word, enum err wanted, const char *what)
{
	static struct core core;
	static struct conn conn;
	struct builder body = {0};
	struct request r = {.conn = &conn, .core = &core};
	unsigned n;

	core = (struct core){.lock.on = true};
	if (kdf_bcrypt(bytes_str("secret"), BYTES(core.lock.salt, LOCK_SALT), 8, core.lock.hash,
		LOCK_HASH) != ERR_OK)
		exit(1);
	builder_string(&body, bytes_str(word));
	r.body = builder_view(&body);
	begin();
	all.answer = ERR_MEMORY;
	if (req_unlock(&r) == PARKED)
		all.posted->run(all.posted);
	n = reported();
	if (all.answer != wanted || n != 0 || all.comparisons != 1)
		printf("# %s, wanted %s; %u reports, %u comparisons\n", err_text(all.answer),
		    err_text(wanted), n, all.comparisons);
	point(all.answer == wanted && core.lock.on == (wanted != ERR_OK) && n == 0 &&
		  all.comparisons == 1,
	    what);
	builder_clear(&body);
}

static void check_typed_twice(const char *first, const char *second, int wanted, const char *what)
{
	unsigned n;
	int status;

	all.typed[0] = first;
	all.typed[1] = second;
	begin();
	status = cmd_lock(NULL); /* simple_call's, who is none here */
	n = reported();
	if (status != wanted || n != 0 || all.comparisons != 1)
		printf("# status %d, wanted %d; %u reports, %u comparisons\n", status, wanted, n,
		    all.comparisons);
	point(status == wanted && n == 0 && all.comparisons == 1, what);
}

static void check_lock(void)
{
	check_unlock("secret", ERR_OK, "the lock's passphrase");
	check_unlock("wrong", ERR_PASSPHRASE, "and a wrong one");
	check_typed_twice("secret", "secret", EXIT_SUCCESS, "a lock passphrase typed twice");
	check_typed_twice("secret", "Secret", EXIT_FAILURE, "which differs at its start");
	check_typed_twice("secret", "secreT", EXIT_FAILURE, "which differs at its end");
}

int main(int argc, char **argv)
{
	if (argc != 2 || RUNNING_ON_VALGRIND == 0 || crypto_start() != ERR_OK ||
	    crypto_warm_up() != ERR_OK) {
		fputs("usage: valgrind ct FOLDER\n", stderr);
		return 2;
	}
	check_memcheck();
	check_equal(SECRET, "mem_equal of the same");
	check_equal(0, "of what differs at the start");
	check_equal(SECRET - 1, "of what differs at the end");
	check_openssh(argv[1]);
	check_putty(argv[1]);
	check_lock();
	printf("1..%u\n", all.points);
	return all.failed != 0;
}
#endif
