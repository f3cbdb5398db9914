/* Files that must not open, each for its reason. */
#include "tests/support/base_test.h"
#include "tests/support/keyfile_edit.h"
#include "tests/support/keyfile_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keystore/file/format.h"
#include "proto/limits.h"
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

static enum err probe(struct bytes file)
{
	struct keyfile_info info = {0};
	enum err e = keyfile_probe(file, &info);

	keyfile_info_clear(&info);
	return e;
}

/* Make a file that opens as it is: otherwise what follows would prove nothing. */
static struct blob made(const char *base, const char *command)
{
	struct blob file;

	assert_true(keyfile_make("file", base, command));
	file = keyfile_slurp("file");
	assert_int_equal(decode(blob_view(&file)), ERR_OK);
	return file;
}

static struct blob openssh_plain(void)
{
	return made("sshed", "cp $B.ossh $F");
}

static struct blob openssh_locked(const char *cipher)
{
	char command[256];

	snprintf(command, sizeof(command),
	    "cp $B.ossh $F && ssh-keygen -q -p -a 1 -Z %s -P '' -N \"$P\" -f $F", cipher);
	return made("sshed", command);
}

/* One edit of the bytes inside the armour of an OpenSSH file, and what must come of it. */
static enum err decode_edited(const struct blob *file, size_t at, size_t n, struct bytes with)
{
	struct blob bin = edit_unarmor(blob_view(file));
	struct blob edited = edit_replace(blob_view(&bin), at, n, with);
	struct blob text = edit_armor("OPENSSH PRIVATE KEY", blob_view(&edited));
	enum err e = decode(blob_view(&text));

	blob_clear(&text);
	blob_clear(&edited);
	blob_clear(&bin);
	return e;
}

/* Where the private section's content begins. */
static size_t section_at(const struct blob *file)
{
	struct blob bin = edit_unarmor(blob_view(file));
	struct reader r = reader_of(blob_view(&bin));
	struct bytes skip;
	uint32_t n;
	size_t at;

	assert_int_equal(reader_take(&r, sizeof("openssh-key-v1"), &skip), ERR_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(reader_string(&r, &skip), ERR_OK);
	assert_int_equal(reader_u32(&r, &n), ERR_OK);
	assert_int_equal(reader_string(&r, &skip), ERR_OK);
	assert_int_equal(reader_u32(&r, &n), ERR_OK);
	at = bin.len - r.left;
	blob_clear(&bin);
	return at;
}

static void foreign_files(void **state)
{
	static const struct {
		enum err want;
		const char *command;
	} rows[] = {
	    {ERR_FILE_EMPTY, ": >$F"},
	    {ERR_FILE_EMPTY, "printf '\\357\\273\\277' >$F"},
	    {ERR_FILE_FORMAT, "echo >$F"},
	    {ERR_FILE_FORMAT, "head -c 5000 /dev/urandom | tr -d P- >$F"},
	    {ERR_FILE_FORMAT, "printf 'Host *\\n  ForwardAgent no\\n' >$F"},
	    {ERR_FILE_FORMAT, "printf 'host.example %s\\n' \"$(ssh-keygen -y -f sshed.ossh)\" >$F"},
	    {ERR_FILE_FORMAT, "printf '\\0\\0\\0\\0' >$F"},
	    {ERR_FILE_FORMAT, "printf 'SSH PRIVATE KEY FILE FORMAT 1.1\\n\\0\\0' >$F"},
	    {ERR_FILE_FORMAT, "printf 'PuTTY-User-Key-File-1: ssh-rsa\\n' >$F"},
	    {ERR_FILE_FORMAT, "printf 'PuTTY-User-Key-File-4: ssh-rsa\\n' >$F"},
	    {ERR_FILE_FORMAT, "openssl req -x509 -new -key p256 -subj /CN=x -days 9 >$F"},
	    {ERR_FILE_FORMAT, "echo '-----BEGIN OPENSSH PRIVATE KEY----' >$F"},
	    {ERR_KEY_PUBLIC_ONLY, "ssh-keygen -y -f sshed.ossh >$F"},
	    {ERR_KEY_PUBLIC_ONLY, "ssh-keygen -e -f rsa.ossh >$F"},
	    {ERR_KEY_PUBLIC_ONLY, "ssh-keygen -e -m PEM -f rsa.ossh >$F"},
	    {ERR_KEY_PUBLIC_ONLY, "ssh-keygen -e -m PKCS8 -f p256.ossh >$F"},
	    {ERR_KEY_PUBLIC_ONLY, "openssl pkey -in ed25519 -pubout >$F"},
	};
	struct blob file;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].command);
		assert_true(keyfile_make("file", "", rows[i].command));
		file = keyfile_slurp("file");
		assert_int_equal(probe(blob_view(&file)), rows[i].want);
		assert_int_equal(decode(blob_view(&file)), rows[i].want);
		blob_clear(&file);
	}
}

static void a_file_over_the_limit(void **state)
{
	struct blob file = openssh_plain(), big = {0};
	static uint8_t lines[LIMIT_KEY_FILE];

	(void)state;
	memset(lines, '\n', sizeof(lines));
	memcpy(lines, file.data, file.len);
	assert_int_equal(decode(BYTES(lines, sizeof(lines))), ERR_OK);
	assert_int_equal(blob_copy(&big, BYTES(lines, sizeof(lines))), ERR_OK);
	assert_int_equal(probe(BYTES(big.data, big.len + 1)), ERR_FILE_TOO_BIG);
	blob_clear(&big);
	blob_clear(&file);
}

/* Cut after every line, and (the short file) after every byte. */
static void truncated_files(void **state)
{
	static const char *const commands[][2] = {
	    {"rsa", "cp $B $F"},
	    {"rsa", "openssl rsa -in rsa -traditional -aes128 -passout file:$PASS -out $F"},
	    {"p256", "openssl pkcs8 -topk8 -in $B -passout file:$PASS -out $F"},
	    {"rsa", "cp $B.ossh $F && ssh-keygen -q -p -a 1 -P '' -N \"$P\" -f $F"},
	    {"sshed", "cp $B.ossh $F"},
	    {"rsa",
		"puttygen $B.ossh -O private --ppk-param version=2 --new-passphrase $PASS -o $F"},
	    {"rsa", "puttygen $B.ossh -O private --ppk-param version=3,memory=64,passes=1 "
		    "--new-passphrase $PASS -o $F"},
	};
	struct blob file;

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		file = made(commands[i][0], commands[i][1]);
		for (size_t n = 0; n < edit_lines(blob_view(&file)); n++)
			assert_int_not_equal(decode(edit_head(blob_view(&file), n)), ERR_OK);
		blob_clear(&file);
	}
	file = openssh_plain();
	for (size_t n = 0; n < file.len - 1; n++)
		assert_int_not_equal(decode(BYTES(file.data, n)), ERR_OK);
	blob_clear(&file);
}

/* The binary cut everywhere, armour whole: reading must end at each length check. */
static void truncated_inside(void **state)
{
	struct blob file = openssh_plain(), bin = edit_unarmor(blob_view(&file));

	(void)state;
	for (size_t n = 0; n < bin.len; n++)
		assert_int_not_equal(decode_edited(&file, n, bin.len - n, BYTES_NONE), ERR_OK);
	blob_clear(&bin);
	blob_clear(&file);
}

static void another_keys_public_half(void **state)
{
	struct blob file = openssh_plain(), other = keyfile_public("ed25519"),
		    own = keyfile_public("sshed"), bin = edit_unarmor(blob_view(&file));
	size_t outer = edit_find(blob_view(&bin), blob_view(&own));
	/* inside: type, then the public half's own 32 bytes, later again behind the seed */
	size_t inner = section_at(&file) + 8 + own.len - 32;

	(void)state;
	assert_int_equal(decode_edited(&file, outer, own.len, blob_view(&other)), ERR_KEY_MISMATCH);
	assert_int_equal(decode_edited(&file, inner, 32, BYTES(other.data + other.len - 32, 32)),
	    ERR_KEY_MISMATCH);
	blob_clear(&bin);
	blob_clear(&own);
	blob_clear(&other);
	blob_clear(&file);
}

/* Both copies inside and the one outside say the same wrong thing: only the mathematics tells. */
static void a_public_half_wrong_everywhere(void **state)
{
	struct blob file = openssh_plain(), own = keyfile_public("sshed"),
		    other = keyfile_public("ed25519"), bin = edit_unarmor(blob_view(&file)), text;
	const struct bytes raw = BYTES(own.data + own.len - 32, 32);

	(void)state;
	for (int i = 0; i < 3; i++) {
		size_t at = edit_find(blob_view(&bin), raw);

		memcpy(bin.data + at, other.data + other.len - 32, 32);
	}
	text = edit_armor("OPENSSH PRIVATE KEY", blob_view(&bin));
	assert_int_equal(decode(blob_view(&text)), ERR_KEY_MISMATCH);
	blob_clear(&text);
	blob_clear(&bin);
	blob_clear(&other);
	blob_clear(&own);
	blob_clear(&file);
}

static void mismatch_in_pem(void **state)
{
	struct blob file = made("p256", "cp $B $F"), bin = edit_unarmor(blob_view(&file)), text;
	struct blob other = keyfile_public("p256");

	(void)state;
	/* The file ends with the point; put another key's there. */
	assert_memory_equal(bin.data + bin.len - 64, other.data + other.len - 64, 64);
	assert_true(keyfile_make("neg", "p256",
	    "openssl ecparam -name prime256v1 -genkey -noout | openssl ec -outform DER -out $F"));
	blob_clear(&other);
	other = keyfile_slurp("neg");
	memcpy(bin.data + bin.len - 64, other.data + other.len - 64, 64);
	text = edit_armor("EC PRIVATE KEY", blob_view(&bin));
	assert_int_equal(decode(blob_view(&text)), ERR_KEY_MISMATCH);
	blob_clear(&text);
	bin.data[bin.len - 1] ^= 1;
	text = edit_armor("EC PRIVATE KEY", blob_view(&bin));
	assert_int_equal(decode(blob_view(&text)), ERR_KEY_CURVE);
	blob_clear(&text);
	blob_clear(&other);
	blob_clear(&bin);
	blob_clear(&file);
}

static void changed_rsa_numbers(void **state)
{
	struct blob file = made("rsa", "cp $B $F"), bin = edit_unarmor(blob_view(&file)), text;
	enum err e;

	(void)state;
	/* version, n (257 bytes), e (3), d (256), ...: one bit of d, then one of p */
	for (size_t at = 350; at < 800; at += 300) {
		bin.data[at] ^= 1;
		text = edit_armor("RSA PRIVATE KEY", blob_view(&bin));
		e = decode(blob_view(&text));
		assert_true(e == ERR_KEY_INVALID || e == ERR_KEY_MISMATCH);
		blob_clear(&text);
		bin.data[at] ^= 1;
	}
	blob_clear(&bin);
	blob_clear(&file);
}

static void check_numbers_and_padding(void **state)
{
	struct blob file = openssh_plain(), bin = edit_unarmor(blob_view(&file));
	uint8_t first = (uint8_t)(bin.data[section_at(&file)] ^ 1);
	uint8_t last = (uint8_t)(bin.data[bin.len - 1] ^ 1);

	(void)state;
	assert_int_equal(
	    decode_edited(&file, section_at(&file), 1, BYTES(&first, 1)), ERR_FILE_TAMPERED);
	assert_int_equal(decode_edited(&file, bin.len - 1, 1, BYTES(&last, 1)), ERR_FILE_TAMPERED);
	blob_clear(&bin);
	blob_clear(&file);
}

/* The two authenticated ciphers notice a change of any byte behind the header. */
static void changed_ciphertext(void **state)
{
	static const char *const ciphers[] = {
	    "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"};
	struct blob file, bin;
	uint8_t changed;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		file = openssh_locked(ciphers[i]);
		bin = edit_unarmor(blob_view(&file));
		for (size_t at = section_at(&file); at < bin.len; at += 13) {
			changed = bin.data[at] ^ 0x40;
			assert_int_equal(
			    decode_edited(&file, at, 1, BYTES(&changed, 1)), ERR_PASSPHRASE);
		}
		changed = bin.data[bin.len - 1] ^ 1; /* the tag's end */
		assert_int_equal(
		    decode_edited(&file, bin.len - 1, 1, BYTES(&changed, 1)), ERR_PASSPHRASE);
		blob_clear(&bin);
		blob_clear(&file);
	}
}

static void surplus(void **state)
{
	static const char *const labels[] = {"RSA PRIVATE KEY", "PRIVATE KEY"};
	static const char *const makes[] = {
	    "cp $B $F", "openssl pkcs8 -topk8 -nocrypt -in $B -out $F"};
	struct blob file = openssh_plain(), bin = edit_unarmor(blob_view(&file)), text, more;

	(void)state;
	assert_int_equal(decode_edited(&file, bin.len, 0, BYTES("x", 1)), ERR_SURPLUS);
	blob_clear(&bin);
	blob_clear(&file);
	for (size_t i = 0; i < 2; i++) {
		file = made("rsa", makes[i]);
		bin = edit_unarmor(blob_view(&file));
		more = edit_replace(blob_view(&bin), bin.len, 0, BYTES("\0", 1));
		text = edit_armor(labels[i], blob_view(&more));
		assert_int_equal(decode(blob_view(&text)), ERR_SURPLUS);
		blob_clear(&text);
		blob_clear(&more);
		blob_clear(&bin);
		blob_clear(&file);
	}
}

/* A block of padding too much inside the section: 1 ... 8 where less than 8 can be needed. */
static void surplus_padding(void **state)
{
	struct blob file = openssh_plain(), bin = edit_unarmor(blob_view(&file)), text;
	size_t at = section_at(&file);
	struct builder b = {0};
	struct bytes section = BYTES(bin.data + at, bin.len - at);
	uint8_t last = section.data[section.len - 1];

	(void)state;
	last = last < 8 ? last : 0; /* a comment may end on the block */
	builder_put(&b, BYTES(bin.data, at - 4));
	builder_u32(&b, (uint32_t)section.len + 8);
	builder_put(&b, section);
	for (int i = 1; i <= 8; i++)
		builder_u8(&b, (uint8_t)(last + i));
	text = edit_armor("OPENSSH PRIVATE KEY", builder_view(&b));
	assert_int_equal(decode(blob_view(&text)), ERR_SURPLUS);
	blob_clear(&text);
	builder_clear(&b);
	blob_clear(&bin);
	blob_clear(&file);
}

static void several_keys(void **state)
{
	static const char *const commands[] = {
	    "cat rsa p256 >$F",
	    "cat sshed.ossh sshed.ossh >$F",
	    "puttygen rsa -O private --new-passphrase $EMPTY -o $F && cat $F p256 >x && mv x $F",
	};
	struct blob file;
	const uint8_t two[] = {0, 0, 0, 2};
	size_t keys_at;

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_true(keyfile_make("file", "", commands[i]));
		file = keyfile_slurp("file");
		assert_int_equal(decode(blob_view(&file)), ERR_FILE_SEVERAL);
		assert_int_equal(probe(blob_view(&file)), ERR_FILE_SEVERAL);
		blob_clear(&file);
	}
	file = openssh_plain();
	keys_at = sizeof("openssh-key-v1") + 4 + 4 + 4 + 4 + 4; /* "none", "none", "" */
	assert_int_equal(decode_edited(&file, keys_at, 4, BYTES(two, 4)), ERR_FILE_SEVERAL);
	blob_clear(&file);
}

static void unknown_algorithms(void **state)
{
	struct blob file = openssh_locked("aes256-ctr"), edited;
	struct blob bin = edit_unarmor(blob_view(&file));

	(void)state;
	assert_int_equal(decode_edited(&file, edit_find(blob_view(&bin), bytes_str("aes256-ctr")),
			     10, bytes_str("aes256-xyz")),
	    ERR_FILE_CIPHER);
	assert_int_equal(decode_edited(&file, edit_find(blob_view(&bin), bytes_str("bcrypt")), 6,
			     bytes_str("dcrypt")),
	    ERR_FILE_KDF);
	blob_clear(&bin);
	blob_clear(&file);
	file = made("rsa", "openssl rsa -in rsa -traditional -aes128 -passout file:$PASS -out $F");
	edited = edit_text(blob_view(&file), "AES-128-CBC", "ROT-13-CBC");
	assert_int_equal(decode(blob_view(&edited)), ERR_FILE_CIPHER);
	blob_clear(&edited);
	edited = edit_text(blob_view(&file), "DEK-Info: ", "DEK-Inf0: ");
	assert_int_equal(decode(blob_view(&edited)), ERR_FORMAT);
	blob_clear(&edited);
	edited = edit_text(blob_view(&file), "-----END RSA", "-----END DSA");
	assert_int_equal(decode(blob_view(&edited)), ERR_TRUNCATED);
	blob_clear(&edited);
	blob_clear(&file);
}

/* Keys that are well formed and of no use to SSH. */
static void unusable_keys(void **state)
{
	static const struct {
		enum err want;
		const char *command;
	} rows[] = {
	    {ERR_KEY_TYPE, "openssl genpkey -algorithm x25519 -out $F"},
	    {ERR_KEY_CURVE, "openssl ecparam -name secp256k1 -genkey -noout -out $F"},
	    {ERR_KEY_CURVE,
		"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1 "
		"-out $F"},
	    {ERR_KEY_CURVE, "openssl ecparam -name prime256v1 -param_enc explicit -genkey -noout "
			    "-out $F"},
	    {ERR_KEY_CURVE, "openssl pkcs8 -topk8 -nocrypt -in p256 -out x && openssl pkey -in x "
			    "-ec_param_enc explicit -out $F"},
	    {ERR_KEY_SHORT, "openssl genrsa -traditional -out $F 768"},
	    {ERR_KEY_SHORT, "openssl genrsa 768 >$F"},
	    {ERR_KEY_TYPE,
		"openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:1024 -out $F"},
	};
	struct blob file;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].command);
		assert_true(keyfile_make("file", "", rows[i].command));
		file = keyfile_slurp("file");
		assert_int_equal(decode(blob_view(&file)), rows[i].want);
		blob_clear(&file);
	}
}

static void a_cost_over_the_limit(void **state)
{
	static const uint8_t rounds[] = {0x7f, 0xff, 0xff, 0xff};
	struct blob file = openssh_locked("aes256-ctr"), bin = edit_unarmor(blob_view(&file));
	const uint8_t salt_length[] = {0, 0, 0, 24, 0, 0, 0, 16};
	size_t at = edit_find(blob_view(&bin), BYTES(salt_length, 8)) + 8 + 16;

	(void)state;
	assert_int_equal(decode_edited(&file, at, 4, BYTES(rounds, 4)), ERR_FILE_COST);
	blob_clear(&bin);
	blob_clear(&file);
}

/* Each bound is exact: the file's own cost passes, one less does not. */
static void bounds_are_exact(void **state)
{
	static const struct {
		const char *base, *command;
		struct kdf_limits enough, less;
	} rows[] = {
	    {"sshed", "cp $B.ossh $F && ssh-keygen -q -p -a 5 -P '' -N \"$P\" -f $F",
		{.bcrypt_rounds = 5}, {.bcrypt_rounds = 4}},
	    {"p256", "openssl pkcs8 -topk8 -iter 3000 -in $B -passout file:$PASS -out $F",
		{.iterations = 3000}, {.iterations = 2999}},
	    {"p256",
		"openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -iter 3000 -in $B -passout file:$PASS -out "
		"$F",
		{.iterations = 3000}, {.iterations = 2999}},
	    {"p256", "openssl pkcs8 -topk8 -scrypt -in $B -passout file:$PASS -out $F",
		{.memory = 16384, .work = 32768}, {.memory = 16383, .work = 32768}},
	    {"p256", "openssl pkcs8 -topk8 -scrypt -in $B -passout file:$PASS -out $F",
		{.memory = 16384, .work = 32768}, {.memory = 16384, .work = 32767}},
	    {"p256",
		"puttygen $B.ossh -O private --ppk-param version=3,memory=128,passes=3 "
		"--new-passphrase $PASS -o $F",
		{.memory = 128, .work = 384}, {.memory = 127, .work = 384}},
	    {"p256",
		"puttygen $B.ossh -O private --ppk-param version=3,memory=128,passes=3 "
		"--new-passphrase $PASS -o $F",
		{.memory = 128, .work = 384}, {.memory = 128, .work = 383}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct unlock enough = {&passphrase, &rows[i].enough};
		const struct unlock less = {&passphrase, &rows[i].less};
		struct blob file = made(rows[i].base, rows[i].command);
		struct keyfile_key key = {0};

		assert_int_equal(keyfile_decode_within(blob_view(&file), &enough, &key), ERR_OK);
		keyfile_key_clear(&key);
		assert_int_equal(
		    keyfile_decode_within(blob_view(&file), &less, &key), ERR_FILE_COST);
		blob_clear(&file);
	}
}

/* Thousands of rounds are what careful people choose. */
static void many_rounds_are_allowed(void **state)
{
	(void)state;
	assert_true(kdf_limits_standard.bcrypt_rounds >= 5000);
	assert_true(kdf_limits_standard.iterations >= 10u * 1000 * 1000);
	assert_true(kdf_limits_standard.memory >= 512u * 1024);
}

static void no_legacy_provider(void **state)
{
	struct blob file;

	(void)state;
	if (!keyfile_make("file", "rsa",
		"openssl rsa -in rsa -traditional -des -passout file:$PASS -out $F "
		"-provider legacy -provider default"))
		base_skip("no legacy provider here");
	file = keyfile_slurp("file");
	assert_int_equal(decode(blob_view(&file)), ERR_OK);
	assert_int_equal(setenv("OPENSSL_MODULES", "/nonexistent", 1), 0);
	assert_int_equal(decode(blob_view(&file)), ERR_LEGACY);
	assert_int_equal(unsetenv("OPENSSL_MODULES"), 0);
	assert_int_equal(decode(blob_view(&file)), ERR_OK);
	blob_clear(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(foreign_files),
	    cmocka_unit_test(a_file_over_the_limit),
	    cmocka_unit_test(truncated_files),
	    cmocka_unit_test(truncated_inside),
	    cmocka_unit_test(another_keys_public_half),
	    cmocka_unit_test(a_public_half_wrong_everywhere),
	    cmocka_unit_test(mismatch_in_pem),
	    cmocka_unit_test(changed_rsa_numbers),
	    cmocka_unit_test(check_numbers_and_padding),
	    cmocka_unit_test(changed_ciphertext),
	    cmocka_unit_test(surplus),
	    cmocka_unit_test(surplus_padding),
	    cmocka_unit_test(several_keys),
	    cmocka_unit_test(unknown_algorithms),
	    cmocka_unit_test(unusable_keys),
	    cmocka_unit_test(a_cost_over_the_limit),
	    cmocka_unit_test(bounds_are_exact),
	    cmocka_unit_test(many_rounds_are_allowed),
	    cmocka_unit_test(no_legacy_provider),
	};

	return cmocka_run_group_tests_name(
	    "keyfile_bad", tests, keyfile_make_setup, keyfile_make_teardown);
}
