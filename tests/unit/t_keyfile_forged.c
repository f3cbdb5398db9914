/* Key files put together by hand, each with one thing that no program writes. */
#include "tests/support/base_test.h"
#include "tests/support/keyfile_edit.h"

#include <stdio.h>
#include <string.h>

#include "keystore/crypto.h"
#include "keystore/file/keyfile.h"
#include "proto/limits.h"

static enum err decode_with(struct bytes file, const struct bytes *passphrase)
{
	struct keyfile_key key = {0};
	enum err e = keyfile_decode(file, passphrase, &key);

	keyfile_key_clear(&key);
	return e;
}

static enum err decode(const char *text)
{
	const struct bytes passphrase = bytes_str("open");

	return decode_with(bytes_str(text), &passphrase);
}

static enum err probe(const char *text)
{
	struct keyfile_info info = {0};
	enum err e = keyfile_probe(bytes_str(text), &info);

	keyfile_info_clear(&info);
	return e;
}

/* --- openssh-key-v1 --------------------------------------------------------------------------- */

struct parts {
	const char *magic, *cipher, *kdf;
	struct bytes salt;
	uint32_t rounds;
	struct bytes section;
};

static enum err openssh(const struct parts *p)
{
	const struct bytes passphrase = bytes_str("open");
	struct builder b = {0}, options = {0};
	struct blob text;
	enum err e;

	if (strcmp(p->kdf, "bcrypt") == 0) {
		builder_string(&options, p->salt);
		builder_u32(&options, p->rounds);
	}
	builder_put(&b, BYTES(p->magic, sizeof("openssh-key-v1")));
	builder_cstring(&b, p->cipher);
	builder_cstring(&b, p->kdf);
	builder_string(&b, builder_view(&options));
	builder_u32(&b, 1);
	builder_cstring(&b, "public");
	builder_string(&b, p->section);
	text = edit_armor("OPENSSH PRIVATE KEY", builder_view(&b));
	e = decode_with(blob_view(&text), &passphrase);
	blob_clear(&text);
	builder_clear(&options);
	builder_clear(&b);
	return e;
}

static void openssh_headers(void **state)
{
	const struct bytes salt = BYTES("0123456789abcdef", 16);
	const struct bytes block = BYTES("0123456789abcdef", 16);
	const char *magic = "openssh-key-v1";
	const struct {
		enum err want;
		struct parts parts;
	} rows[] = {
	    {ERR_PASSPHRASE, {magic, "aes256-ctr", "bcrypt", salt, 1, block}},
	    {ERR_FORMAT, {magic, "aes256-ctr", "none", salt, 1, block}},
	    {ERR_FORMAT, {magic, "none", "bcrypt", salt, 1, block}},
	    {ERR_FORMAT, {magic, "aes256-ctr", "bcrypt", BYTES_NONE, 1, block}},
	    {ERR_FORMAT, {magic, "aes256-ctr", "bcrypt", salt, 0, block}},
	    {ERR_FORMAT, {magic, "aes256-ctr", "bcrypt", salt, 1, BYTES(block.data, 15)}},
	    {ERR_FORMAT, {magic, "aes256-ctr", "bcrypt", salt, 1, BYTES_NONE}},
	    {ERR_FORMAT, {"openssh-key-v2", "aes256-ctr", "bcrypt", salt, 1, block}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# row %zu\n", i);
		assert_int_equal(openssh(&rows[i].parts), rows[i].want);
	}
}

/* The public half in the clear is no key at all. */
static void openssh_without_a_public_half(void **state)
{
	/* The numbers of RFC 8032, section 7.1, test 1. */
	static const uint8_t both[64] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84,
	    0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19,
	    0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1,
	    0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3,
	    0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
	struct builder b = {0};

	(void)state;
	builder_u64(&b, 0);
	builder_cstring(&b, "ssh-ed25519");
	builder_string(&b, BYTES(both + 32, 32));
	builder_string(&b, BYTES(both, 64));
	builder_cstring(&b, "");
	for (uint8_t i = 1; b.len % 8 != 0; i++)
		builder_u8(&b, i);
	assert_int_equal(openssh(&(struct parts){
			     "openssh-key-v1", "none", "none", BYTES_NONE, 0, builder_view(&b)}),
	    ERR_TRUNCATED);
	builder_clear(&b);
}

static void a_passphrase_over_the_limit(void **state)
{
	static const char text[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
				   "-----END ENCRYPTED PRIVATE KEY-----\n";
	static uint8_t longest[LIMIT_PASSPHRASE + 1];
	const struct bytes over = BYTES(longest, sizeof(longest)),
			   just = BYTES(longest, LIMIT_PASSPHRASE);

	(void)state;
	assert_int_equal(decode_with(bytes_str(text), &over), ERR_PASSPHRASE);
	assert_int_equal(decode_with(bytes_str(text), &just), ERR_TRUNCATED);
}

/* --- PEM -------------------------------------------------------------------------------------- */

#define PEM(inside) "-----BEGIN RSA PRIVATE KEY-----\n" inside "-----END RSA PRIVATE KEY-----\n"

static void pem_headers(void **state)
{
	(void)state;
	/* Headers that no empty line ends. */
	assert_int_equal(decode(PEM("Proc-Type: 4,ENCRYPTED\nDEK-Info: x\n")), ERR_FORMAT);
	assert_int_equal(probe(PEM("Proc-Type: 4,ENCRYPTED\nDEK-Info: x\n")), ERR_FORMAT);
	/* "no key", as `openssl enc` encrypts it: a padding that is right, and no key in it. */
	assert_int_equal(decode(PEM("Proc-Type: 4,ENCRYPTED\n"
				    "DEK-Info: AES-128-CBC,00000000000000000000000000000000\n\n"
				    "qVxNnKYo+03EncRDniKIGw==\n")),
	    ERR_PASSPHRASE);
}

/* --- PuTTY ------------------------------------------------------------------------------------ */

#define PPK_HEAD                                                                                   \
	"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\nComment: c\n"                 \
	"Public-Lines: 1\nAAAA\nKey-Derivation: Argon2id\nArgon2-Memory: 64\nArgon2-Passes: 1\n"   \
	"Argon2-Parallelism: 1\n"

static void ppk_fields(void **state)
{
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "%sArgon2-Salt: %0258d\n", PPK_HEAD, 0);
	assert_int_equal(decode(text), ERR_TOO_LONG);
	snprintf(text, sizeof(text), "%sArgon2-Salt: %0256d\n", PPK_HEAD, 0);
	assert_int_equal(decode(text), ERR_TRUNCATED);
	snprintf(text, sizeof(text), "%sArgon2-Salt: 0g\n", PPK_HEAD);
	assert_int_equal(decode(text), ERR_FORMAT);
}

static int setup(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK && crypto_warm_up() == ERR_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(openssh_headers),
	    cmocka_unit_test(openssh_without_a_public_half),
	    cmocka_unit_test(a_passphrase_over_the_limit),
	    cmocka_unit_test(pem_headers),
	    cmocka_unit_test(ppk_fields),
	};

	return cmocka_run_group_tests_name("keyfile_forged", tests, setup, NULL);
}
