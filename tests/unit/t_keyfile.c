/* Private key files as ssh-keygen, openssl and puttygen write them: every one must open. */
#include "tests/support/base_test.h"
#include "tests/support/keyfile_edit.h"
#include "tests/support/keyfile_make.h"

#include <string.h>

#include "keystore/file/keyfile.h"
#include "keystore/key.h"

/*
 * A file: its name, the base key that it holds, and the command that makes it.  Programs that
 * cannot make it (an openssl without a cipher, an older puttygen) skip the test.
 */
struct row {
	const char *name, *base, *format;
	bool encrypted;
	const char *comment; /* NULL: the file has none */
	const char *command;
};

#define LEGACY "-provider legacy -provider default"
#define ZED(cipher)                                                                                \
	{                                                                                          \
		"openssh " cipher, "sshed", "OpenSSH", true, "base sshed",                         \
		    "cp $B.ossh $F && ssh-keygen -q -p -a 2 -Z " cipher " -P '' -N \"$P\" -f $F"   \
	}
#define OSSH_PLAIN(base)                                                                           \
	{                                                                                          \
		"openssh none " base, base, "OpenSSH", false, "base " base, "cp $B.ossh $F"        \
	}
#define OSSH_LOCKED(base)                                                                          \
	{                                                                                          \
		"openssh " base, base, "OpenSSH", true, "base " base,                              \
		    "cp $B.ossh $F && ssh-keygen -q -p -a 1 -P '' -N \"$P\" -f $F"                 \
	}
#define CONVERT(how, base, format)                                                                 \
	{"ssh-keygen -m " how " " base, base, format, false, NULL,                                 \
	    "cp $B.ossh $F && ssh-keygen -q -p -m " how " -P '' -N '' -f $F"},                     \
	{                                                                                          \
		"ssh-keygen -m " how " " base " locked", base, format, true, NULL,                 \
		    "cp $B.ossh $F && ssh-keygen -q -p -m " how " -P '' -N \"$P\" -f $F"           \
	}
#define DEK(cipher, opt)                                                                           \
	{                                                                                          \
		"openssl rsa -" cipher, "rsa", "PEM", true, NULL,                                  \
		    "openssl rsa -in rsa -traditional -" cipher                                    \
		    " -passout file:$PASS -out $F " opt                                            \
	}
#define DEK_EC(cipher)                                                                             \
	{                                                                                          \
		"openssl ec -" cipher, "p384", "PEM", true, NULL,                                  \
		    "openssl ec -in $B -" cipher " -passout file:$PASS -out $F"                    \
	}
#define PKCS8(name, base, opt)                                                                     \
	{                                                                                          \
		"openssl pkcs8 " name, base, "PKCS#8", true, NULL,                                 \
		    "openssl pkcs8 -topk8 -in $B " opt " -passout file:$PASS -out $F"              \
	}
#define V2(cipher, opt) PKCS8("-v2 " cipher, "p256", "-v2 " cipher " " opt)
#define PRF(hash)       PKCS8("-v2prf " hash, "p256", "-v2 aes256 -v2prf " hash)
#define V1(scheme, opt) PKCS8("-v1 " scheme, "rsa", "-v1 " scheme " " opt)
#define PPK(name, base, comment, opt)                                                              \
	{                                                                                          \
		"ppk " name " " base, base, "PuTTY", false, comment,                               \
		    "puttygen $B.ossh -O private --ppk-param " opt                                 \
		    " --new-passphrase $EMPTY -o $F"                                               \
	}
#define PPK_LOCKED(name, base, opt)                                                                \
	{                                                                                          \
		"ppk " name " " base " locked", base, "PuTTY", true, "base " base,                 \
		    "puttygen $B.ossh -O private --ppk-param " opt " --new-passphrase $PASS -o $F" \
	}
#define PPK_ALL(base)                                                                              \
	PPK("2", base, "base " base, "version=2"), PPK_LOCKED("2", base, "version=2"),             \
	    PPK("3", base, "base " base, "version=3"),                                             \
	    PPK_LOCKED("3", base, "version=3,memory=64,passes=2")

static const struct row rows[] = {
    ZED("3des-cbc"),
    ZED("aes128-cbc"),
    ZED("aes192-cbc"),
    ZED("aes256-cbc"),
    ZED("aes128-ctr"),
    ZED("aes192-ctr"),
    ZED("aes256-ctr"),
    ZED("aes128-gcm@openssh.com"),
    ZED("aes256-gcm@openssh.com"),
    ZED("chacha20-poly1305@openssh.com"),
    OSSH_PLAIN("sshed"),
    OSSH_PLAIN("rsa"),
    OSSH_PLAIN("p256"),
    OSSH_PLAIN("p384"),
    OSSH_PLAIN("p521"),
    OSSH_PLAIN("dsa"),
    OSSH_LOCKED("rsa"),
    OSSH_LOCKED("p256"),
    OSSH_LOCKED("p384"),
    OSSH_LOCKED("p521"),
    OSSH_LOCKED("dsa"),
    CONVERT("PEM", "rsa", "PEM"),
    CONVERT("PEM", "p256", "PEM"),
    CONVERT("PEM", "p384", "PEM"),
    CONVERT("PEM", "p521", "PEM"),
    CONVERT("PEM", "dsa", "PEM"),
    CONVERT("PKCS8", "rsa", "PKCS#8"),
    CONVERT("PKCS8", "p256", "PKCS#8"),
    CONVERT("PKCS8", "p384", "PKCS#8"),
    CONVERT("PKCS8", "p521", "PKCS#8"),
    CONVERT("PKCS8", "dsa", "PKCS#8"),
    {"openssl genrsa -traditional", "rsa", "PEM", false, NULL, "cp $B $F"},
    {"openssl ecparam -genkey (parameters first)", "p256", "PEM", false, NULL,
	"{ openssl ecparam -name prime256v1; cat $B; } >$F"},
    {"openssl ec -no_public", "p256", "PEM", false, NULL, "openssl ec -in $B -no_public -out $F"},
    {"openssl ec -conv_form compressed", "p521", "PEM", false, NULL,
	"openssl ec -in $B -conv_form compressed -out $F"},
    DEK("des3", ""),
    DEK("des", LEGACY),
    DEK("aes128", ""),
    DEK("aes192", ""),
    DEK("aes256", ""),
    DEK("camellia256", ""),
    DEK("aria256", ""),
    DEK("seed", LEGACY),
    DEK_EC("des3"),
    DEK_EC("aes128"),
    DEK_EC("aes256"),
    {"openssl genpkey ed25519", "ed25519", "PKCS#8", false, NULL, "cp $B $F"},
    {"openssl genpkey ed448", "ed448", "PKCS#8", false, NULL, "cp $B $F"},
    PKCS8("(default) rsa", "rsa", ""),
    PKCS8("(default) p521", "p521", ""),
    PKCS8("(default) ed25519", "ed25519", ""),
    PKCS8("(default) ed448", "ed448", ""),
    PKCS8("(default) dsa", "dsa", ""),
    V2("aes128", ""),
    V2("aes192", ""),
    V2("aes256", ""),
    V2("des3", ""),
    V2("camellia128", ""),
    V2("aria192", ""),
    V2("des", LEGACY),
    V2("bf-cbc", LEGACY),
    PRF("hmacWithMD5"),
    PRF("hmacWithSHA1"),
    PRF("hmacWithSHA224"),
    PRF("hmacWithSHA256"),
    PRF("hmacWithSHA384"),
    PRF("hmacWithSHA512"),
    PRF("hmacWithSHA512-224"),
    PRF("hmacWithSHA512-256"),
    PKCS8("-scrypt", "p256", "-scrypt"),
    PKCS8("-scrypt_N 1024 -scrypt_r 4 -scrypt_p 3", "p256",
	"-scrypt -scrypt_N 1024 -scrypt_r 4 -scrypt_p 3"),
    V1("PBE-MD5-DES", LEGACY),
    V1("PBE-SHA1-DES", LEGACY),
    V1("PBE-MD5-RC2-64", LEGACY),
    V1("PBE-SHA1-RC2-64", LEGACY),
    V1("PBE-SHA1-3DES", ""),
    V1("PBE-SHA1-2DES", ""),
    V1("PBE-SHA1-RC2-128", LEGACY),
    V1("PBE-SHA1-RC2-40", LEGACY),
    V1("PBE-SHA1-RC4-128", LEGACY),
    V1("PBE-SHA1-RC4-40", LEGACY),
    PPK_ALL("sshed"),
    PPK_ALL("rsa"),
    PPK_ALL("p256"),
    PPK_ALL("p384"),
    PPK_ALL("p521"),
    PPK_ALL("dsa"),
    PPK_LOCKED("3 Argon2i", "sshed", "version=3,kdf=argon2i,memory=64,passes=2"),
    PPK_LOCKED("3 Argon2d", "sshed", "version=3,kdf=argon2d,memory=64,passes=2"),
    PPK_LOCKED("3 three lanes", "sshed", "version=3,memory=64,passes=2,parallelism=3"),
    PPK_LOCKED("3 (default cost)", "sshed", "version=3"),
    {"puttygen -O private-openssh rsa", "rsa", "PEM", true, NULL,
	"puttygen $B.ossh -O private-openssh --new-passphrase $PASS -o $F"},
    {"puttygen -O private-openssh dsa", "dsa", "PEM", true, NULL,
	"puttygen $B.ossh -O private-openssh --new-passphrase $PASS -o $F"},
    {"puttygen -O private-openssh p256", "p256", "PEM", true, NULL,
	"puttygen $B.ossh -O private-openssh --new-passphrase $PASS -o $F"},
    {"puttygen -O private-openssh-new rsa", "rsa", "OpenSSH", true, "base rsa",
	"puttygen $B -O private-openssh-new -C 'base rsa' --new-passphrase $PASS -o $F"},
    {"mail text before, CRLF", "p256", "PEM", false, NULL,
	"{ printf 'Hello,\\n\\nhere is the key:\\n\\n'; cat $B; printf -- '-- \\nBob\\n'; } | "
	"sed 's/$/\\r/' >$F"},
    {"openssh under mail text, CRLF", "sshed", "OpenSSH", true, "base sshed",
	"cp $B.ossh $F.l && ssh-keygen -q -p -a 1 -P '' -N \"$P\" -f $F.l && "
	"{ printf 'From: a\\n-----BEGIN PGP SIGNED MESSAGE-----\\n\\n'; cat $F.l; } | "
	"sed 's/$/\\r/' >$F"},
    {"byte order mark", "rsa", "PEM", false, NULL, "{ printf '\\357\\273\\277'; cat $B; } >$F"},
    {"DEK headers with CRLF", "rsa", "PEM", true, NULL,
	"openssl rsa -in rsa -traditional -aes128 -passout file:$PASS -out $F.l && "
	"sed 's/$/\\r/' $F.l >$F"},
    {"no line end behind END", "p256", "PEM", false, NULL,
	"tr '\\n' '~' <$B | sed 's/~$//' | tr '~' '\\n' >$F"},
    {"ppk with CRLF", "rsa", "PuTTY", true, "base rsa",
	"puttygen $B.ossh -O private --ppk-param version=3,memory=64,passes=1 "
	"--new-passphrase $PASS -o $F.l && sed 's/$/\\r/' $F.l >$F"},
    {"a certificate behind the key", "p256", "PEM", false, NULL,
	"cp $B $F && openssl req -x509 -new -key $B -subj /CN=x -days 9 >>$F"},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void assert_same(const struct blob *got, const struct blob *want)
{
	assert_int_equal(got->len, want->len);
	assert_memory_equal(got->data, want->data, want->len);
}

static void check_probe(const struct row *row, struct bytes file, const struct blob *public)
{
	struct keyfile_info info = {0};
	bool hidden = row->encrypted &&
		      (strcmp(row->format, "PEM") == 0 || strcmp(row->format, "PKCS#8") == 0);

	assert_int_equal(keyfile_probe(file, &info), ERR_OK);
	assert_string_equal(info.format, row->format);
	assert_int_equal(info.encrypted, row->encrypted);
	if (hidden)
		assert_int_equal(info.public_blob.len, 0);
	else
		assert_same(&info.public_blob, public);
	keyfile_info_clear(&info);
}

static void check_passphrases(const struct row *row, struct bytes file)
{
	const struct bytes wrong = bytes_str("wrong horse"), none = BYTES_NONE;
	struct keyfile_key key = {0};

	if (!row->encrypted)
		return;
	assert_int_equal(keyfile_decode(file, NULL, &key), ERR_PASSPHRASE_NEEDED);
	assert_int_equal(keyfile_decode(file, &wrong, &key), ERR_PASSPHRASE);
	assert_int_equal(keyfile_decode(file, &none, &key), ERR_PASSPHRASE);
	assert_null(key.key_data.data); /* failures leave it alone */
}

static void opens(void **state)
{
	const struct row *row = *state;
	const struct bytes pass = bytes_str(KEYFILE_PASSPHRASE);
	struct keyfile_key key = {0};
	struct blob file, wire, public;

	if (!keyfile_make("file", row->base, row->command) ||
	    !keyfile_make("", row->base, "[ -f $B.ossh ] || [ -f $B.wire ]"))
		base_skip("the program here cannot make this file");
	file = keyfile_slurp("file");
	wire = keyfile_wire(row->base);
	public = keyfile_public(row->base);
	check_probe(row, blob_view(&file), &public);
	check_passphrases(row, blob_view(&file));
	assert_int_equal(
	    keyfile_decode(blob_view(&file), row->encrypted ? &pass : NULL, &key), ERR_OK);
	assert_same(&key.key_data, &wire);
	assert_same(&key.public_blob, &public);
	assert_string_equal(key.comment.data != NULL ? (const char *)key.comment.data : "",
	    row->comment != NULL ? row->comment : "");
	keyfile_key_clear(&key);
	blob_clear(&file);
	blob_clear(&wire);
	blob_clear(&public);
}

/* puttygen makes Ed448 keys but reads nobody else's, so these two have no base key. */
static void opens_ppk_ed448(void **state)
{
	const struct bytes pass = bytes_str(KEYFILE_PASSPHRASE);
	struct keyfile_key locked = {0}, plain = {0};
	struct blob file;

	(void)state;
	if (!keyfile_make("a", "",
		"puttygen -q -t ed448 -O private -C 'ed 448' --ppk-param "
		"version=3,memory=64,passes=1 --new-passphrase $PASS -o $F && "
		"puttygen $F -P --old-passphrase $PASS --new-passphrase $EMPTY -o b && "
		"puttygen b -O private-openssh-new -o ed448ppk.ossh"))
		base_skip("this puttygen has no Ed448");
	file = keyfile_slurp("a");
	assert_int_equal(keyfile_decode(blob_view(&file), &pass, &locked), ERR_OK);
	blob_clear(&file);
	file = keyfile_slurp("b");
	assert_int_equal(keyfile_decode(blob_view(&file), NULL, &plain), ERR_OK);
	blob_clear(&file);
	file = keyfile_wire("ed448ppk");
	assert_same(&locked.key_data, &file);
	assert_same(&plain.key_data, &file);
	blob_clear(&file);
	keyfile_key_clear(&locked);
	keyfile_key_clear(&plain);
}

/* FIDO keys of OpenSSH's test device: the file opens; whether it can be used is the agent's to say.
 */
static void opens_sk(void **state)
{
	struct keyfile_key key = {0};
	struct keyfile_info info = {0};
	struct blob file;

	(void)state;
	if (!keyfile_make("sk", "",
		"d=/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so; [ -f $d ] && "
		"ssh-keygen -q -t ed25519-sk -w $d -N '' -C 'dummy sk' -f $F"))
		base_skip("no FIDO test device (package openssh-tests)");
	file = keyfile_slurp("sk");
	assert_int_equal(keyfile_probe(blob_view(&file), &info), ERR_OK);
	assert_int_equal(keyfile_decode(blob_view(&file), NULL, &key), ERR_OK);
	assert_string_equal(key.type->name, "sk-ssh-ed25519@openssh.com");
	assert_string_equal((const char *)key.comment.data, "dummy sk");
	keyfile_key_clear(&key);
	keyfile_info_clear(&info);
	blob_clear(&file);
}

/*
 * No program here writes composite keys yet, so the file is put together as PROTOCOL.key has it.
 * Its halves do not fit, which only a libcrypto with ML-DSA can tell.
 */
static void opens_composite(void **state)
{
	static const char name[] = "ssh-mldsa44-ed25519";
	static const uint8_t bytes[1344] = {1, 2, 3};
	struct builder wire = {0}, bin = {0};
	struct keyfile_key key = {0};
	struct blob text;
	bool is_cert, judged;
	size_t section;

	(void)state;
	builder_cstring(&wire, name);
	builder_string(&wire, BYTES(bytes, sizeof(bytes)));
	builder_string(&wire, BYTES(bytes, 64));
	builder_put(&bin, BYTES("openssh-key-v1", 15));
	builder_cstring(&bin, "none");
	builder_cstring(&bin, "none");
	builder_cstring(&bin, "");
	builder_u32(&bin, 1);
	section = builder_open(&bin);
	builder_cstring(&bin, name);
	builder_string(&bin, BYTES(bytes, sizeof(bytes)));
	builder_close(&bin, section);
	section = builder_open(&bin);
	builder_u64(&bin, 0);
	builder_put(&bin, builder_view(&wire));
	builder_cstring(&bin, "pq");
	for (uint8_t i = 1; (bin.len - section - 4) % 8 != 0; i++)
		builder_u8(&bin, i);
	builder_close(&bin, section);
	text = edit_armor("OPENSSH PRIVATE KEY", builder_view(&bin));
	judged = key_type_available(keytype_find(bytes_str(name), &is_cert));
	assert_int_equal(
	    keyfile_decode(blob_view(&text), NULL, &key), judged ? ERR_KEY_MISMATCH : ERR_OK);
	if (!judged)
		assert_true(bytes_equal(blob_view(&key.key_data), builder_view(&wire)));
	keyfile_key_clear(&key);
	blob_clear(&text);
	builder_clear(&bin);
	builder_clear(&wire);
}

int main(void)
{
	/* cmocka wants writable state pointers; no test writes through them. */
	static struct row copies[ROWS];
	struct CMUnitTest tests[ROWS + 3] = {[ROWS] = cmocka_unit_test(opens_ppk_ed448),
	    cmocka_unit_test(opens_sk),
	    cmocka_unit_test(opens_composite)};

	memcpy(copies, rows, sizeof(copies));
	for (size_t i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, opens, NULL, NULL, &copies[i]};
	return cmocka_run_group_tests_name(
	    "keyfile", tests, keyfile_make_setup, keyfile_make_teardown);
}
