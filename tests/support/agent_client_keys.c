#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/agent_client_keys.h"

enum { KEYS_MAX = 64 };

/* The keys made so far, and their folder: making an RSA key for each test anew would take minutes.
 */
static struct test_key keys[KEYS_MAX];
static size_t keys_made;
static char folder[32];

__attribute__((format(printf, 1, 0))) static int run(const char *format, va_list args)
{
	char command[2048];
	int n = vsnprintf(command, sizeof(command), format, args);

	assert_in_range(n, 1, (int)sizeof(command) - 1);
	int status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int shell_status(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int status = run(format, args);
	va_end(args);
	return status;
}

void shell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int status = run(format, args);
	va_end(args);
	if (status != 0)
		fail_msg("exit status %d: %s", status, format);
}

struct wire file_read(const char *path)
{
	struct wire w = {0};
	uint8_t part[4096];
	size_t n;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		fail_msg("cannot open %s", path);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		wire_raw(&w, part, n);
	fclose(f);
	return w;
}

void file_write(const char *path, const struct wire *w)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		fail_msg("cannot write %s", path);
	assert_int_equal(fwrite(w->data, 1, w->len, f), w->len);
	assert_int_equal(fclose(f), 0);
}

const char *keys_folder(void)
{
	if (folder[0] == '\0') {
		strcpy(folder, "/tmp/sgk.XXXXXX");
		assert_non_null(mkdtemp(folder));
	}
	return folder;
}

void keys_remove(void)
{
	for (size_t i = 0; i < keys_made; i++) {
		wire_free(&keys[i].blob);
		wire_free(&keys[i].fields);
	}
	keys_made = 0;
	if (folder[0] != '\0')
		shell("rm -rf %s", folder);
	folder[0] = '\0';
}

/* The bytes of a base64 text, by openssl. */
static struct wire unbase64(const char *command_that_prints)
{
	char out[64];

	snprintf(out, sizeof(out), "%s/raw", keys_folder());
	shell("%s | tr -d '\\n' | openssl base64 -d -A >%s", command_that_prints, out);
	return file_read(out);
}

static struct wire pub_file_blob(const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "cut -d' ' -f2 %s", path);
	return unbase64(command);
}

/* How many strings or numbers a private key of the type has in an add (RFC 9987, section 5.2). */
static int field_count(const char *type)
{
	if (strcmp(type, "ssh-rsa") == 0)
		return 6;
	if (strcmp(type, "ssh-dss") == 0)
		return 5;
	return strncmp(type, "ecdsa-", 6) == 0 ? 3 : 2;
}

/*
 * An unencrypted openssh-key-v1 file (OpenSSH's PROTOCOL.key): behind magic, cipher, KDF, its
 * options, the count and the public key comes a string: two check numbers, then type, private
 * fields and comment, which are those of an add.
 */
static void read_openssh_file(struct test_key *k)
{
	char command[256];

	snprintf(command, sizeof(command), "grep -v -e ----- %s", k->path);
	struct wire file = unbase64(command);
	size_t pos = strlen("openssh-key-v1") + 1, at = 8;

	for (int i = 0; i < 3; i++)
		wire_get_string(&file, &pos);
	assert_int_equal(wire_get_u32(&file, &pos), 1);
	struct wire blob = wire_get_string(&file, &pos);
	struct wire private = wire_get_string(&file, &pos);
	wire_raw(&k->blob, blob.data, blob.len);
	struct wire type = wire_get_string(&private, &at);
	snprintf(k->type, sizeof(k->type), "%.*s", (int)type.len, (const char *)type.data);
	for (int i = field_count(k->type); i > 0; i--) {
		struct wire value = wire_get_string(&private, &at);
		wire_string(&k->fields, value.data, value.len);
	}
	wire_free(&file);
}

/* Ed448 is not among ssh-keygen's types: RFC 8709 with openssl's key, whose DER ends with the 57
 * bytes. */
static void make_ed448(struct test_key *k)
{
	enum { SIZE = 57 };
	char out[160];

	strcpy(k->type, "ssh-ed448");
	snprintf(out, sizeof(out), "%s.der", k->path);
	shell("openssl genpkey -algorithm ed448 -out %s", k->path);
	shell("openssl pkey -in %s -outform DER -out %s", k->path, out);
	struct wire private = file_read(out);
	shell("openssl pkey -in %s -pubout -outform DER -out %s", k->path, out);
	struct wire public = file_read(out);
	const uint8_t *a = public.data + public.len - SIZE,
		      *seed = private.data + private.len - SIZE;

	wire_text(&k->blob, k->type);
	wire_string(&k->blob, a, SIZE);
	wire_string(&k->fields, a, SIZE);
	wire_u32(&k->fields, 2 * SIZE);
	wire_raw(&k->fields, seed, SIZE);
	wire_raw(&k->fields, a, SIZE);
	wire_free(&private);
	wire_free(&public);
}

/* The next INTEGER of a DER sequence, as a view. */
static struct wire der_integer(const struct wire *der, size_t *pos)
{
	assert_true(*pos + 2 <= der->len && der->data[*pos] == 0x02);
	size_t n = der->data[*pos + 1];
	*pos += 2;
	if (n > 0x80) {
		size_t bytes = n & 0x7f;
		n = 0;
		for (; bytes > 0; bytes--)
			n = n << 8 | der->data[(*pos)++];
	}
	assert_true(*pos + n <= der->len);
	struct wire view = {der->data + *pos, n};
	*pos += n;
	return view;
}

/* RSA of any length by openssl (ssh-keygen makes none below 1024 bits): RSAPrivateKey of RFC 8017,
 * A.1.2. */
static void make_rsa(struct test_key *k, const char *bits)
{
	enum { VERSION, N, E, D, P, Q, DP, DQ, IQMP, VALUES };
	const int order[] = {N, E, D, IQMP, P, Q};
	struct wire v[VALUES];
	char out[160];

	strcpy(k->type, "ssh-rsa");
	snprintf(out, sizeof(out), "%s.der", k->path);
	shell("openssl genrsa -traditional -out %s %s 2>/dev/null", k->path, bits);
	shell("openssl rsa -traditional -in %s -outform DER -out %s 2>/dev/null", k->path, out);
	struct wire der = file_read(out);
	size_t pos = der.data[1] > 0x80 ? 2u + (der.data[1] & 0x7f) : 2;
	for (int i = 0; i < VALUES; i++)
		v[i] = der_integer(&der, &pos);
	wire_text(&k->blob, k->type);
	wire_mpint(&k->blob, v[E].data, v[E].len);
	wire_mpint(&k->blob, v[N].data, v[N].len);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		wire_mpint(&k->fields, v[order[i]].data, v[order[i]].len);
	wire_free(&der);
}

static void make_by_keygen(struct test_key *k, const char *what)
{
	char type[16];
	int n = (int)strcspn(what, "0123456789");

	if (strcmp(what, "ed25519") == 0)
		n = (int)strlen(what);
	snprintf(type, sizeof(type), "%.*s", n, what);
	shell("ssh-keygen -q -t %s %s %s -N '' -C made-for-a-test -f %s </dev/null", type,
	    what[n] != '\0' ? "-b" : "", what + n, k->path);
	read_openssh_file(k);
}

static struct test_key *new_key(const char *what, const char *name)
{
	struct test_key *k = &keys[keys_made];

	for (size_t i = 0; i < keys_made; i++) {
		const char *file = strrchr(keys[i].path, '/') + 1;
		size_t n = strlen(what);
		if (strncmp(file, what, n) == 0 && file[n] == '-' &&
		    strcmp(file + n + 1, name) == 0)
			return &keys[i];
	}
	assert_true(keys_made < KEYS_MAX);
	keys_made++;
	*k = (struct test_key){0};
	snprintf(k->path, sizeof(k->path), "%s/%s-%s", keys_folder(), what, name);
	return k;
}

const struct test_key *test_key(const char *what, const char *name)
{
	struct test_key *k = new_key(what, name);

	if (k->blob.len > 0)
		return k;
	if (strcmp(what, "ed448") == 0)
		make_ed448(k);
	else if (strncmp(what, "rsa", 3) == 0)
		make_rsa(k, what + 3);
	else
		make_by_keygen(k, what);
	return k;
}

size_t test_key_split(const struct test_key *key, struct wire *values, size_t max)
{
	size_t pos = 0, n = 0;

	while (pos < key->fields.len) {
		assert_true(n < max);
		values[n++] = wire_get_string(&key->fields, &pos);
	}
	return n;
}

/* The fields of a certified key: the certificate, then those that it does not say
 * (PROTOCOL.certkeys). */
static void certified_fields(struct test_key *c, const struct test_key *key)
{
	struct wire v[8];
	size_t n = test_key_split(key, v, 8), first = 0;

	if (strcmp(key->type, "ssh-rsa") == 0)
		first = 2;
	else if (strcmp(key->type, "ssh-dss") == 0)
		first = 4;
	else if (strncmp(key->type, "ecdsa-", 6) == 0)
		first = 2;
	wire_string(&c->fields, c->blob.data, c->blob.len);
	for (; first < n; first++)
		wire_string(&c->fields, v[first].data, v[first].len);
}

const struct test_key *test_key_certified(const struct test_key *key, const struct test_key *ca)
{
	struct test_key *c = new_key("cert", strrchr(key->path, '/') + 1);
	char pub[192];

	if (c->blob.len > 0)
		return c;
	snprintf(pub, sizeof(pub), "%s.pub", key->path);
	if (access(pub, R_OK) != 0)
		shell("chmod 600 %s && ssh-keygen -y -f %s >%s", key->path, key->path, pub);
	shell("chmod 600 %s && ssh-keygen -q -s %s -I test -n someone %s", ca->path, ca->path, pub);
	snprintf(pub, sizeof(pub), "%s-cert.pub", key->path);
	c->blob = pub_file_blob(pub);
	/* The type is the certificate's own first string. */
	size_t pos = 0;
	struct wire type = wire_get_string(&c->blob, &pos);
	snprintf(c->type, sizeof(c->type), "%.*s", (int)type.len, (const char *)type.data);
	certified_fields(c, key);
	return c;
}

static struct wire ask_add_number(uint8_t number, const struct test_key *key, const char *comment)
{
	struct wire w = ask_text(number, key->type);

	wire_raw(&w, key->fields.data, key->fields.len);
	wire_text(&w, comment);
	return w;
}

struct wire ask_add(const struct test_key *key, const char *comment)
{
	return ask_add_number(MSG_ADD, key, comment);
}

struct wire ask_add_constrained(const struct test_key *key, const char *comment)
{
	return ask_add_number(MSG_ADD_CONSTRAINED, key, comment);
}
