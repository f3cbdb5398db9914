/* PuTTY's files beyond the happy path: its MAC, certificates, layout. */
#include "tests/support/base_test.h"
#include "tests/support/keyfile_edit.h"
#include "tests/support/keyfile_make.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "keystore/base64.h"
#include "keystore/file/argon2.h"
#include "keystore/file/keyfile.h"
#include "proto/reader.h"

static const struct bytes passphrase = {
    (const uint8_t *)KEYFILE_PASSPHRASE, sizeof(KEYFILE_PASSPHRASE) - 1};

static enum err decode(struct bytes file)
{
	struct keyfile_key key = {0};
	enum err e = keyfile_decode(file, &passphrase, &key);

	keyfile_key_clear(&key);
	return e;
}

static struct blob made(const char *base, const char *options, bool locked)
{
	char command[256];
	struct blob file;

	snprintf(command, sizeof(command),
	    "puttygen $B.ossh -O private --ppk-param %s --new-passphrase %s -o $F", options,
	    locked ? "$PASS" : "$EMPTY");
	assert_true(keyfile_make("file", base, command));
	file = keyfile_slurp("file");
	assert_int_equal(decode(blob_view(&file)), ERR_OK);
	return file;
}

static const char *const versions[] = {"version=2", "version=3,memory=64,passes=1"};

/* Every part that the MAC covers: type, comment, public and private half; and the MAC itself. */
static void the_mac_notices(void **state)
{
	static const char *const edits[][2] = {
	    {"Comment: base", "Comment: basf"},
	    {"Comment: base sshed", "Comment: base sshed "}, /* a blank nobody sees */
	    {"Private-MAC: ", "Private-MAC: 00"},
	};
	struct blob file, edited;

	(void)state;
	for (size_t v = 0; v < 4; v++) {
		bool locked = v >= 2;
		enum err want = locked ? ERR_PASSPHRASE : ERR_FILE_TAMPERED;

		file = made("sshed", versions[v % 2], locked);
		for (size_t i = 0; i < 2; i++) {
			edited = edit_text(blob_view(&file), edits[i][0], edits[i][1]);
			assert_int_equal(decode(blob_view(&edited)), want);
			blob_clear(&edited);
		}
		edited = edit_text(blob_view(&file), edits[2][0], edits[2][1]);
		assert_int_equal(decode(blob_view(&edited)), ERR_FORMAT); /* two digits too many */
		blob_clear(&edited);
		blob_clear(&file);
	}
}

/* The last digit of the MAC, and one base64 digit in each half. */
static void one_digit_changed(void **state)
{
	static const char *const before[] = {
	    "Public-Lines: 2\n", "Private-Lines: 1\n", "Private-MAC: "};
	struct blob file, edited;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char with = 'B';
		size_t at;

		file = made("sshed", versions[1], false);
		at = edit_find(blob_view(&file), bytes_str(before[i])) + strlen(before[i]) + 30;
		with = file.data[at] == 'b' ? 'a' : 'b';
		edited = edit_replace(blob_view(&file), at, 1, BYTES(&with, 1));
		assert_int_equal(decode(blob_view(&edited)), ERR_FILE_TAMPERED);
		blob_clear(&edited);
		blob_clear(&file);
	}
}

/* A whole file of version 3 without encryption, put together here with an honest MAC (empty key).
 */
static struct blob put_together(const char *type, struct bytes public, struct bytes private)
{
	static const char comment[] = "made here";
	struct builder covered = {0}, out = {0};
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n;
	char hex[3];
	struct blob file = {0};

	builder_cstring(&covered, type);
	builder_cstring(&covered, "none");
	builder_cstring(&covered, comment);
	builder_string(&covered, public);
	builder_string(&covered, private);
	assert_non_null(HMAC(EVP_sha256(), "", 0, covered.data, covered.len, mac, &n));
	builder_put(&out, bytes_str("PuTTY-User-Key-File-3: "));
	builder_put(&out, bytes_str(type));
	builder_put(&out, bytes_str("\nEncryption: none\nComment: made here\nPublic-Lines: 1\n"));
	base64_encode(public, &out);
	builder_put(&out, bytes_str("\nPrivate-Lines: 1\n"));
	base64_encode(private, &out);
	builder_put(&out, bytes_str("\nPrivate-MAC: "));
	for (unsigned i = 0; i < n; i++) {
		snprintf(hex, sizeof(hex), "%02x", mac[i]);
		builder_put(&out, bytes_str(hex));
	}
	builder_put(&out, bytes_str("\n"));
	builder_clear(&covered);
	assert_int_equal(builder_take(&out, &file), ERR_OK);
	return file;
}

/* "string seed", from the end of the wire form: string (seed ‖ public). */
static struct blob private_of_ed25519(const struct blob *wire)
{
	struct builder b = {0};
	struct blob out = {0};

	builder_string(&b, BYTES(wire->data + wire->len - 64, 32));
	assert_int_equal(builder_take(&b, &out), ERR_OK);
	return out;
}

static void an_honest_mac_over_lies(void **state)
{
	struct blob public = keyfile_public("sshed"), other = keyfile_public("ed25519");
	struct blob wire = keyfile_wire("sshed"), private = private_of_ed25519(&wire);
	const struct {
		enum err want;
		const char *type;
		struct bytes public, private;
	} rows[] = {
	    {ERR_OK, "ssh-ed25519", blob_view(&public), blob_view(&private)},
	    {ERR_KEY_MISMATCH, "ssh-ed25519", blob_view(&other), blob_view(&private)},
	    {ERR_FORMAT, "ssh-rsa", blob_view(&public), blob_view(&private)},
	    /* the NUL behind a blob, as one byte more */
	    {ERR_SURPLUS, "ssh-ed25519", blob_view(&public), BYTES(private.data, private.len + 1)},
	    {ERR_SURPLUS, "ssh-ed25519", BYTES(public.data, public.len + 1), blob_view(&private)},
	    {ERR_TRUNCATED, "ssh-ed25519", blob_view(&public),
		BYTES(private.data, private.len - 1)},
	    {ERR_TRUNCATED, "ssh-ed25519", BYTES(public.data, public.len - 1), blob_view(&private)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct blob file = put_together(rows[i].type, rows[i].public, rows[i].private);

		assert_int_equal(decode(blob_view(&file)), rows[i].want);
		blob_clear(&file);
	}
	blob_clear(&private);
	blob_clear(&wire);
	blob_clear(&other);
	blob_clear(&public);
}

/* PuTTY can keep a certificate in the key file: the key inside is the plain one. */
static void a_certificate_in_the_file(void **state)
{
	struct blob public = keyfile_public("sshed"), wire = keyfile_wire("sshed");
	struct blob private = private_of_ed25519(&wire), text, file, cert = {0};
	struct keyfile_key key = {0};
	struct builder b = {0};
	struct bytes base64;

	(void)state;
	assert_true(keyfile_make("signed", "",
	    "ssh-keygen -y -f sshed.ossh >s.pub && cp p256.ossh ca && "
	    "ssh-keygen -q -s ca -I id -n me s.pub && mv s-cert.pub $F"));
	text = keyfile_slurp("signed");
	base64 = BYTES((uint8_t *)strchr((char *)text.data, ' ') + 1, 0);
	base64.len = strcspn((const char *)base64.data, " \n");
	assert_int_equal(base64_decode(base64, &b), ERR_OK);
	assert_int_equal(builder_take(&b, &cert), ERR_OK);
	file =
	    put_together("ssh-ed25519-cert-v01@openssh.com", blob_view(&cert), blob_view(&private));
	assert_int_equal(keyfile_decode(blob_view(&file), NULL, &key), ERR_OK);
	assert_true(bytes_equal(blob_view(&key.key_data), blob_view(&wire)));
	assert_true(bytes_equal(blob_view(&key.public_blob), blob_view(&public)));
	keyfile_key_clear(&key);
	blob_clear(&file);
	blob_clear(&cert);
	blob_clear(&text);
	blob_clear(&private);
	blob_clear(&wire);
	blob_clear(&public);
}

static void layout(void **state)
{
	static const struct {
		enum err want;
		const char *old, *with;
	} rows[] = {
	    {ERR_FILE_CIPHER, "aes256-cbc", "aes128-cbc"},
	    {ERR_FILE_KDF, "Argon2id", "Argon3id"},
	    {ERR_FILE_COST, "Argon2-Memory: 64", "Argon2-Memory: 4294967295"},
	    {ERR_FILE_COST, "Argon2-Passes: 1", "Argon2-Passes: 4294967295"},
	    {ERR_FORMAT, "Argon2-Memory: 64", "Argon2-Memory: 4294967296"},
	    {ERR_FORMAT, "Argon2-Memory: 64", "Argon2-Memory: -1"},
	    {ERR_FORMAT, "Argon2-Memory: 64", "Argon2-Memory: "},
	    {ERR_FORMAT, "Argon2-Memory: 64", "Argon2-Memory: 7"}, /* Argon2 wants 8 a lane */
	    {ERR_FORMAT, "Argon2-Passes: 1", "Argon2-Passes: 0"},
	    {ERR_FORMAT, "Argon2-Parallelism: 1", "Argon2-Parallelism: 0"},
	    {ERR_FORMAT, "Argon2-Parallelism: 1", "Argon2-Parallelism: 9"},
	    {ERR_FORMAT, "Private-Lines: 1", "Private-Lines: 0"},
	    {ERR_TRUNCATED, "Private-Lines: 1", "Private-Lines: 4294967295"},
	    {ERR_FORMAT, "Encryption: ", "Decryption: "},
	    {ERR_FORMAT, "Public-Lines: 2", "Public-Lines: 1"},
	};
	struct blob file = made("sshed", versions[1], true), edited;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		edited = edit_text(blob_view(&file), rows[i].old, rows[i].with);
		print_message("# %s\n", rows[i].with);
		assert_int_equal(decode(blob_view(&edited)), rows[i].want);
		blob_clear(&edited);
	}
	edited = edit_replace(blob_view(&file), file.len, 0, bytes_str("\n\nmore\n"));
	assert_int_equal(decode(blob_view(&edited)), ERR_SURPLUS);
	blob_clear(&edited);
	edited = edit_replace(blob_view(&file), file.len, 0, bytes_str("\r\n \r\n"));
	assert_int_equal(decode(blob_view(&edited)), ERR_OK);
	blob_clear(&edited);
	blob_clear(&file);
}

/* RFC 9106, section 5: the vectors have a secret and associated data, which PPK does not use; these
 * are of the reference implementation's test.c (version 0x13, 2 passes, 256 KiB, password,
 * somesalt). */
static void argon2_vectors(void **state)
{
	static const struct {
		struct argon2_cost cost;
		const char *hex;
	} rows[] = {
	    {{ARGON2_FLAVOR_I, 256, 2, 1},
		"89e9029f4637b295beb027056a7336c414fadd43f6b208645281cb214a56452f"},
	    {{ARGON2_FLAVOR_ID, 256, 2, 1},
		"9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"},
	    {{ARGON2_FLAVOR_ID, 256, 2, 2},
		"6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"},
	};
	uint8_t out[32];
	char hex[65];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(argon2_derive(&rows[i].cost, bytes_str("password"),
				     bytes_str("somesalt"), out, sizeof(out)),
		    ERR_OK);
		for (size_t k = 0; k < sizeof(out); k++)
			snprintf(hex + 2 * k, 3, "%02x", out[k]);
		assert_string_equal(hex, rows[i].hex);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_mac_notices),
	    cmocka_unit_test(one_digit_changed),
	    cmocka_unit_test(an_honest_mac_over_lies),
	    cmocka_unit_test(a_certificate_in_the_file),
	    cmocka_unit_test(layout),
	    cmocka_unit_test(argon2_vectors),
	};

	return cmocka_run_group_tests_name("ppk", tests, keyfile_make_setup, keyfile_make_teardown);
}
