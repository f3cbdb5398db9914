/*
 * Nothing secret stays behind: after a file was decoded and the key cleared, no page of the process
 * holds the passphrase or a private number.  A child decodes; what to look for is known to it only
 * in a disguise, so that the search does not find itself.
 */
#include "tests/support/base_test.h"
#include "tests/support/keyfile_make.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keystore/crypto.h"
#include "keystore/file/keyfile.h"
#include "proto/base/mem.h"
#include "proto/reader.h"

enum { DISGUISE = 0x5a, PIECE = 16, SECRETS = 8 };

/* The first bytes of secrets, each xored with DISGUISE. */
struct wanted {
	size_t n;
	uint8_t piece[SECRETS][PIECE];
};

static void want(struct wanted *w, struct bytes secret)
{
	assert_true(w->n < SECRETS && secret.len >= PIECE);
	for (size_t i = 0; i < PIECE; i++)
		w->piece[w->n][i] = secret.data[i] ^ DISGUISE;
	w->n++;
}

static bool is_piece(const uint8_t *at, const uint8_t *piece)
{
	for (size_t i = 0; i < PIECE; i++) {
		if ((at[i] ^ DISGUISE) != piece[i])
			return false;
	}
	return true;
}

/* How often a piece stands in one range of our memory, forwards or (libcrypto's numbers) backwards.
 */
static size_t count_in(const uint8_t *start, size_t n, const struct wanted *w)
{
	size_t found = 0;
	uint8_t back[SECRETS][PIECE];

	for (size_t k = 0; k < w->n; k++) {
		for (size_t i = 0; i < PIECE; i++)
			back[k][i] = w->piece[k][PIECE - 1 - i];
	}
	for (size_t i = 0; n >= PIECE && i <= n - PIECE; i++) {
		for (size_t k = 0; k < w->n; k++) {
			if (is_piece(start + i, w->piece[k]) || is_piece(start + i, back[k]))
				found++;
		}
	}
	return found;
}

/* Read through the kernel, so that no page is skipped and none can fault. */
static size_t count_everywhere(const struct wanted *w)
{
	static uint8_t page[1 << 16];
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned long start, end;
	char mode[8], line[512];
	size_t found = 0;
	ssize_t n;

	while (fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, mode) != 3 || mode[1] != 'w')
			continue;
		while (start < end) {
			size_t take = end - start < sizeof(page) ? end - start : sizeof(page);
			bool own = start < (uintptr_t)page + sizeof(page) &&
				   start + take > (uintptr_t)page;

			n = own ? (ssize_t)take : pread(mem, page, take, (off_t)start);
			if (n <= 0)
				break;
			found += own ? 0 : count_in(page, (size_t)n, w);
			/* Overlap, so that a piece on a border is whole in one of the two. */
			start += n > PIECE ? (size_t)n - (start + (size_t)n < end ? PIECE : 0)
					   : (size_t)n;
		}
	}
	mem_wipe(page, sizeof(page));
	fclose(maps);
	close(mem);
	return found;
}

/* The secret strings of the key data of a base key: those behind its public half. */
static void want_secrets(struct wanted *w, const char *base)
{
	struct blob wire = keyfile_wire(base);
	struct reader r = reader_of(blob_view(&wire));
	struct bytes field;
	int skip = strcmp(base, "rsa") == 0 ? 3 : base[0] == 'p' ? 3 : 2;

	for (int i = 0; reader_string(&r, &field) == ERR_OK; i++) {
		/* A leading zero is not part of the number in libcrypto's memory. */
		if (field.len != 0 && field.data[0] == 0)
			field = BYTES(field.data + 1, field.len - 1);
		if (i >= skip && field.len >= PIECE)
			want(w, field);
	}
	blob_clear(&wire);
}

/* In the child: exit status 0 when nothing was found, 1 when something was, 2 for anything else. */
static int decode_and_look(const struct wanted *w, int file_fd, bool clear)
{
	static uint8_t text[16384];
	uint8_t words[sizeof(KEYFILE_PASSPHRASE)];
	struct bytes pass;
	struct keyfile_key key = {0};
	ssize_t n = read(file_fd, text, sizeof(text));
	enum err e;
	size_t found;

	if (n <= 0)
		return 2;
	memcpy(words, KEYFILE_PASSPHRASE, sizeof(words));
	pass = BYTES(words, sizeof(words) - 1);
	e = keyfile_decode(BYTES(text, (size_t)n), &pass, &key);
	mem_wipe(words, sizeof(words));
	mem_wipe(text, sizeof(text));
	if (e != ERR_OK)
		return 2;
	if (clear)
		keyfile_key_clear(&key);
	found = count_everywhere(w);
	if (clear && found != 0)
		fprintf(stderr, "# found %zu times\n", found);
	return found != 0;
}

/*
 * The scan runs in a fresh image of this program: in the test's own process cmocka, the helpers and
 * the files they read have left the secrets all over.
 */
static int run_child(const char *path, const struct wanted *w, bool clear)
{
	int status, in[2];
	pid_t pid;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(write(in[1], w, sizeof(*w)), sizeof(*w));
	close(in[1]);
	pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		execl("/proc/self/exe", "t_keyfile_leak", clear ? "clear" : "keep", path,
		    (char *)NULL);
		_exit(3);
	}
	close(in[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int child_main(const char *how, const char *path)
{
	struct wanted w;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(0, &w, sizeof(w)) != sizeof(w) || crypto_start() != ERR_OK)
		return 2;
	return decode_and_look(&w, fd, strcmp(how, "clear") == 0);
}

struct row {
	const char *name, *base, *command;
};

static const struct row rows[] = {
    {"openssh ed25519", "sshed", "cp $B.ossh $F; ssh-keygen -q -p -a 1 -P '' -N \"$P\" -f $F"},
    {"openssh rsa chacha20", "rsa",
	"cp $B.ossh $F; ssh-keygen -q -p -a 1 -Z chacha20-poly1305@openssh.com -P '' -N \"$P\" -f "
	"$F"},
    {"openssh p384 plain", "p384", "cp $B.ossh $F"},
    {"PEM rsa plain", "rsa", "cp $B $F"},
    {"PEM rsa AES", "rsa", "openssl rsa -in rsa -traditional -aes128 -passout file:$PASS -out $F"},
    {"PEM rsa DES (legacy provider)", "rsa",
	"openssl rsa -in rsa -traditional -des -passout file:$PASS -out $F -provider legacy "
	"-provider default"},
    {"PEM ec", "p256", "openssl ec -in $B -aes256 -passout file:$PASS -out $F"},
    {"PKCS#8 rsa", "rsa", "openssl pkcs8 -topk8 -in $B -passout file:$PASS -out $F"},
    {"PKCS#8 ec plain", "p521", "openssl pkcs8 -topk8 -nocrypt -in $B -out $F"},
    {"PKCS#8 ed25519", "ed25519", "openssl pkcs8 -topk8 -in $B -passout file:$PASS -out $F"},
    {"PKCS#8 scrypt", "ed448", "openssl pkcs8 -topk8 -scrypt -in $B -passout file:$PASS -out $F"},
    {"PKCS#8 PKCS#12's", "p256",
	"openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in $B -passout file:$PASS -out $F"},
    {"PPK 2", "rsa",
	"puttygen $B.ossh -O private --ppk-param version=2 --new-passphrase $PASS -o $F"},
    {"PPK 3", "sshed",
	"puttygen $B.ossh -O private --ppk-param version=3 --new-passphrase $PASS -o $F"},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void leaves_nothing(void **state)
{
	const struct row *row = *state;
	struct wanted w = {0};
	char path[256];

#ifdef SIGNET_SANITIZE
	base_skip("not on Debian 12: no scan under a sanitizer, whose shadow memory is terabytes");
#endif
	if (!keyfile_make("file", row->base, row->command))
		base_skip("the program here cannot make this file");
	keyfile_path("file", path, sizeof(path));
	want_secrets(&w, row->base);
	want(&w, bytes_str(KEYFILE_PASSPHRASE));
	assert_int_equal(run_child(path, &w, false), 1); /* the search can find */
	assert_int_equal(run_child(path, &w, true), 0);
}

int main(int argc, char **argv)
{
	static struct row copies[ROWS];
	struct CMUnitTest tests[ROWS];

	if (argc == 3)
		return child_main(argv[1], argv[2]);
	memcpy(copies, rows, sizeof(copies));
	for (size_t i = 0; i < ROWS; i++)
		tests[i] =
		    (struct CMUnitTest){rows[i].name, leaves_nothing, NULL, NULL, &copies[i]};
	return cmocka_run_group_tests_name(
	    "keyfile_leak", tests, keyfile_make_setup, keyfile_make_teardown);
}
