#include "tests/support/keyfile_make.h"

#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "keystore/base64.h"
#include "keystore/crypto.h"
#include "proto/reader.h"

/* One folder a test program; set by the group's set-up, read by its tests. */
static char folder[64];

/*
 * The raw halves of an EdDSA key end its PKCS#8 and SubjectPublicKeyInfo (RFC 8410), so openssl
 * alone gives the wire form.
 */
static const char make_bases[] =
    "set -e; printf '%s' \"$P\" >pass; : >empty; "
    "openssl genrsa -traditional -out rsa 2048 2>/dev/null; "
    "for c in 256 384 521; do n=secp${c}r1; [ $c = 256 ] && n=prime256v1; "
    "  openssl ecparam -name $n -genkey -noout -out p$c; done; "
    "openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 "
    "  -pkeyopt dsa_paramgen_q_bits:160 -out par 2>/dev/null; "
    "openssl genpkey -paramfile par -out dsa; "
    /* Newer OpenSSH reads no DSA: then dsa.ossh is missing, and the tests that need it skip. */
    "for k in rsa p256 p384 p521 dsa; do cp $k $k.ossh; "
    "  [ $k = dsa ] && ! ssh-keygen -y -P '' -f $k.ossh >/dev/null 2>&1 && rm $k.ossh && continue; "
    "  ssh-keygen -q -p -P '' -N '' -f $k.ossh >/dev/null; "
    "  ssh-keygen -q -c -P '' -C \"base $k\" -f $k.ossh >/dev/null; rm -f $k.ossh.pub; done; "
    "for a in ed25519 ed448; do openssl genpkey -algorithm $a -out $a; done; "
    "half() { openssl pkey -in $1 $2 -outform DER | tail -c $3; }; "
    "wire() { printf \"\\\\0\\\\0\\\\0\\\\$2ssh-$1\\\\0\\\\0\\\\0\\\\$3\"; half $1 -pubout $5; "
    "  printf \"\\\\0\\\\0\\\\0\\\\$4\"; half $1 '' $5; half $1 -pubout $5; }; "
    "wire ed25519 013 040 100 32 >ed25519.wire; wire ed448 011 071 162 57 >ed448.wire; "
    "ssh-keygen -q -t ed25519 -N '' -C 'base sshed' -f sshed; mv sshed sshed.ossh; "
    "cp sshed.ossh sshed";

bool keyfile_make(const char *file, const char *base, const char *command)
{
	char script[4096];
	int status;
	pid_t pid;

	/* ssh-keygen refuses files that others can read. */
	if (snprintf(script, sizeof(script), "umask 077; rm -f \"$F\"; %s", command) >=
	    (int)sizeof(script))
		return false;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		/* Their chatter would stand between our lines of TAP. */
		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		if (chdir(folder) != 0 || setenv("F", file, 1) != 0 || setenv("B", base, 1) != 0 ||
		    setenv("P", KEYFILE_PASSPHRASE, 1) != 0 || setenv("PASS", "pass", 1) != 0 ||
		    setenv("EMPTY", "empty", 1) != 0)
			_exit(127);
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

int keyfile_make_setup(void **state)
{
	(void)state;
	if (crypto_start() != ERR_OK)
		return -1;
	snprintf(folder, sizeof(folder), "/tmp/signet-keyfile.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	return keyfile_make("", "", make_bases) ? 0 : -1;
}

int keyfile_make_teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

void keyfile_path(const char *name, char *out, size_t room)
{
	assert_true(snprintf(out, room, "%s/%s", folder, name) < (int)room);
}

struct blob keyfile_slurp(const char *name)
{
	char path[256];
	struct stat st;
	struct blob out = {0};
	uint8_t *data;
	int fd;

	keyfile_path(name, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	data = malloc((size_t)st.st_size + 1);
	assert_non_null(data);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	close(fd);
	assert_int_equal(blob_copy(&out, BYTES(data, (size_t)st.st_size)), ERR_OK);
	free(data);
	return out;
}

/* The private section of OpenSSH's unencrypted file is the wire form, between check numbers and
 * comment. */
static struct blob section_of(const char *file)
{
	struct blob text = keyfile_slurp(file), out = {0};
	const char *start = strchr((const char *)text.data, '\n');
	const char *end = strstr((const char *)text.data, "-----END");
	struct builder bin = {0};
	struct bytes skip, section;
	struct reader r;
	uint32_t keys;

	assert_non_null(start);
	assert_non_null(end);
	assert_int_equal(base64_decode(BYTES(start, (size_t)(end - start)), &bin), ERR_OK);
	r = reader_of(builder_view(&bin));
	assert_int_equal(reader_take(&r, sizeof("openssh-key-v1"), &skip), ERR_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(reader_string(&r, &skip), ERR_OK);
	assert_int_equal(reader_u32(&r, &keys), ERR_OK);
	assert_int_equal(reader_string(&r, &skip), ERR_OK);
	assert_int_equal(reader_string(&r, &section), ERR_OK);
	assert_true(section.len > 8);
	assert_int_equal(blob_copy(&out, BYTES(section.data + 8, section.len - 8)), ERR_OK);
	builder_clear(&bin);
	blob_clear(&text);
	return out;
}

/* How many strings the wire form of a base key has. */
static int strings_of(const char *base)
{
	if (strcmp(base, "rsa") == 0)
		return 7;
	if (strcmp(base, "dsa") == 0)
		return 6;
	return base[0] == 'p' ? 4 : 3;
}

struct blob keyfile_wire(const char *base)
{
	struct blob section, out = {0};
	struct bytes skip;
	struct reader r;
	char name[64];

	if (strcmp(base, "ed25519") == 0 || strcmp(base, "ed448") == 0) {
		snprintf(name, sizeof(name), "%s.wire", base);
		return keyfile_slurp(name);
	}
	snprintf(name, sizeof(name), "%s.ossh", base);
	section = section_of(name);
	r = reader_of(blob_view(&section));
	for (int i = 0; i < strings_of(base); i++)
		assert_int_equal(reader_string(&r, &skip), ERR_OK);
	assert_int_equal(blob_copy(&out, BYTES(section.data, section.len - r.left)), ERR_OK);
	blob_clear(&section);
	return out;
}

struct blob keyfile_public(const char *base)
{
	struct blob text, out = {0};
	struct builder bin = {0};
	char name[64];
	const char *at, *end;

	snprintf(name, sizeof(name), "%s.public", base);
	assert_true(keyfile_make(name, base,
	    "if [ -f $B.ossh ]; then ssh-keygen -y -f $B.ossh; else "
	    "puttygen $B -L >$F.p 2>/dev/null && cat $F.p || { n=32 l=013 h=040; "
	    "[ $B = ed448 ] && n=57 l=011 h=071; printf 'x '; "
	    "{ printf \"\\\\0\\\\0\\\\0\\\\${l}ssh-$B\\\\0\\\\0\\\\0\\\\$h\"; "
	    "openssl pkey -in $B -pubout -outform DER | tail -c $n; } | openssl base64 -A; "
	    "echo; }; fi >$F"));
	text = keyfile_slurp(name);
	at = strchr((const char *)text.data, ' ');
	assert_non_null(at);
	at++;
	end = at + strcspn(at, " \n");
	assert_int_equal(base64_decode(BYTES(at, (size_t)(end - at)), &bin), ERR_OK);
	assert_int_equal(builder_take(&bin, &out), ERR_OK);
	blob_clear(&text);
	return out;
}
