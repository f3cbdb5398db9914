/* Public keys in the forms of tokens, against what openssl and ssh-keygen make of the same keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "proto/keyblob.h"
#include "tests/support/keys_ssh.h"
#include "tokens/base/pubkey.h"

static struct keys_dir dir; /* cmocka's group setup has no other way to hand it on */

/* Made by openssl, once: NAME.pem, NAME.spki and NAME.crt in DER, NAME.pub as ssh-keygen has it. */
static const struct kind {
	const char *name, *options, *curve;
	size_t field;
} kinds[] = {
    {"rsa1024", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024", NULL, 0},
    {"rsa2048", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", NULL, 0},
    {"rsa3", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3", NULL, 0},
    {"rsa4096", "-algorithm RSA -pkeyopt rsa_keygen_bits:4096", NULL, 0},
    {"prime256v1", "-algorithm EC -pkeyopt ec_paramgen_curve:prime256v1", "nistp256", 32},
    {"secp384r1", "-algorithm EC -pkeyopt ec_paramgen_curve:secp384r1", "nistp384", 48},
    {"secp521r1", "-algorithm EC -pkeyopt ec_paramgen_curve:secp521r1", "nistp521", 66},
    {"ed25519", "-algorithm ED25519", "ed25519", 32},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), FIRST_EC = 4, ED25519 = KINDS - 1 };

/* What is read and made in one test, freed together. */
static struct builder scrap[256];
static size_t used;

static struct builder *fresh(void)
{
	assert_true(used < sizeof(scrap) / sizeof(scrap[0]));
	return &scrap[used++];
}

static int clear_scrap(void **state)
{
	(void)state;
	while (used > 0)
		builder_clear(&scrap[--used]);
	return 0;
}

static struct bytes file(const char *name, const char *suffix)
{
	struct builder *b = fresh();
	char whole[64];

	snprintf(whole, sizeof(whole), "%s%s", name, suffix);
	keys_read_file(&dir, whole, b);
	return builder_view(b);
}

static struct bytes join(struct bytes a, struct bytes b)
{
	struct builder *out = fresh();

	builder_put(out, a);
	builder_put(out, b);
	assert_int_equal(builder_error(out), ERR_OK);
	return builder_view(out);
}

/* An element of DER. */
static struct bytes der(uint8_t tag, struct bytes content)
{
	struct builder *out = fresh();

	builder_u8(out, tag);
	assert_true(content.len < 65536);
	if (content.len >= 256)
		builder_put(out, BYTES("\x82", 1));
	else if (content.len >= 128)
		builder_put(out, BYTES("\x81", 1));
	if (content.len >= 256)
		builder_u8(out, (uint8_t)(content.len >> 8));
	builder_u8(out, (uint8_t)content.len);
	builder_put(out, content);
	return builder_view(out);
}

static struct bytes bits(struct bytes content)
{
	return der(0x03, join(BYTES("", 1), content));
}

static struct bytes last(struct bytes b, size_t n)
{
	assert_true(b.len >= n);
	return BYTES(b.data + b.len - n, n);
}

/* The blob that is right, by ssh-keygen; of Ed25519, which it does not convert everywhere, RFC
 * 8709, section 4, around the last 32 bytes that openssl writes (RFC 8410, section 4). */
static struct bytes blob_of(const struct kind *k)
{
	struct builder *b = fresh();
	char name[64];

	if (k != &kinds[ED25519]) {
		snprintf(name, sizeof(name), "%s.pub", k->name);
		keys_load_public(&dir, name, b);
		return builder_view(b);
	}
	builder_cstring(b, "ssh-ed25519");
	builder_string(b, last(file(k->name, ".spki"), 32));
	return builder_view(b);
}

/* The uncompressed point, or the key of Ed25519, ends a SubjectPublicKeyInfo. */
static struct bytes point_of(const struct kind *k)
{
	bool edwards = k == &kinds[ED25519];

	return last(file(k->name, ".spki"), edwards ? 32 : 1 + 2 * k->field);
}

/* --- outcomes ------------------------------------------------------------------- */

#define SOME "what was there before"

static void is_blob(enum err e, struct builder *out, struct bytes want)
{
	struct bytes all = builder_view(out);
	struct pubkey parsed;

	assert_int_equal(e, ERR_OK);
	assert_true(all.len > strlen(SOME));
	assert_memory_equal(all.data, SOME, strlen(SOME));
	all = last(all, all.len - strlen(SOME));
	assert_int_equal(all.len, want.len);
	assert_memory_equal(all.data, want.data, want.len);
	assert_int_equal(pubkey_parse(all, &parsed), ERR_OK);
}

static struct builder *begun(void)
{
	struct builder *out = fresh();

	builder_put(out, bytes_str(SOME));
	return out;
}

#define takes(call, want)                                                                          \
	do {                                                                                       \
		struct builder *out = begun();                                                     \
		enum err outcome = call;                                                           \
		is_blob(outcome, out, want);                                                       \
	} while (0)

#define refuses(call, why)                                                                         \
	do {                                                                                       \
		struct builder *out = begun();                                                     \
		assert_int_equal(call, why);                                                       \
		assert_true(bytes_is(builder_view(out), SOME));                                    \
	} while (0)

/* --- SubjectPublicKeyInfo and certificates -------------------------------------- */

static void keys_of_certificates_are_those_of_ssh_keygen(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		struct bytes want = blob_of(&kinds[i]);
		bool usable = false;

		takes(pubkey_from_spki(file(kinds[i].name, ".spki"), out), want);
		takes(pubkey_from_x509(file(kinds[i].name, ".crt"), out, &usable), want);
		assert_true(usable);
		takes(pubkey_from_x509(file(kinds[i].name, ".crt"), out, NULL), want);
	}
}

/* RFC 8410, section 10.1. */
static void the_key_of_rfc_8410_is_read(void **state)
{
	static const uint8_t spki[] =
	    "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00\x19\xbf\x44\x09\x69\x84\xcd\xfe\x85"
	    "\x41\xba\xc1\x67\xdc\x3b\x96\xc8\x50\x86\xaa\x30\xb6\xb6\xcb\x0c\x5c\x38\xad\x70\x31"
	    "\x66\xe1";
	struct builder *want = fresh();

	(void)state;
	builder_cstring(want, "ssh-ed25519");
	builder_string(want, BYTES(spki + 12, 32));
	takes(pubkey_from_spki(BYTES(spki, sizeof(spki) - 1), out), builder_view(want));
}

static void make_certificate(const char *key, const char *extension)
{
	assert_true(keys_run("cd '%s' && openssl req -x509 -new -key %s.pem -subj /CN=x -days 1 %s "
			     "-outform DER -out some.crt 2>&1",
	    dir.path, key, extension));
}

static void key_usage_decides_what_is_usable(void **state)
{
	static const struct {
		const char *extension;
		bool usable;
	} table[] = {
	    {"-addext keyUsage=digitalSignature", true},
	    {"-addext keyUsage=critical,keyEncipherment,digitalSignature", true},
	    {"-addext keyUsage=keyEncipherment", false},
	    {"-addext keyUsage=critical,keyAgreement,decipherOnly", false},
	    {"-addext keyUsage=DER:04:01:00", false}, /* no BIT STRING */
	    {"-addext extendedKeyUsage=clientAuth", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool usable = !table[i].usable;

		make_certificate("secp384r1", table[i].extension);
		takes(pubkey_from_x509(file("some", ".crt"), out, &usable), blob_of(&kinds[5]));
		if (usable != table[i].usable)
			fail_msg("%s", table[i].extension);
	}
}

static void other_keys_are_refused(void **state)
{
	static const struct {
		const char *options;
		enum err why;
	} table[] = {
	    {"-algorithm ED448", ERR_KEY_TYPE},
	    {"-algorithm X25519", ERR_KEY_TYPE},
	    {"-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", ERR_KEY_TYPE},
	    {"-algorithm RSA -pkeyopt rsa_keygen_bits:1016", ERR_KEY_SHORT},
	    {"-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", ERR_KEY_CURVE},
	    {"-algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1", ERR_KEY_CURVE},
	    {"-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -pkeyopt ec_param_enc:explicit",
		ERR_KEY_CURVE},
	    {"-algorithm EC -pkeyopt ec_paramgen_curve:sect283r1 -pkeyopt ec_param_enc:explicit",
		ERR_KEY_CURVE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool usable = true;

		assert_true(
		    keys_run("cd '%s' && openssl genpkey %s -out other.pem 2>/dev/null && "
			     "openssl pkey -in other.pem -pubout -outform DER -out other.spki && "
			     "openssl pkey -in other.pem -pubout -out other.pub.pem && "
			     "openssl req -new -key rsa2048.pem -subj /CN=x | openssl x509 -req "
			     "-signkey rsa2048.pem -force_pubkey other.pub.pem -outform DER "
			     "-out other.crt 2>/dev/null",
			dir.path, table[i].options));
		refuses(pubkey_from_spki(file("other", ".spki"), out), table[i].why);
		refuses(pubkey_from_x509(file("other", ".crt"), out, &usable), table[i].why);
		assert_true(usable);
	}
}

/* Every length but the right one, and a byte more. */
static void cut_and_surplus_are_refused(void **state)
{
	static const uint8_t more[] = "\0";

	(void)state;
	for (size_t i = 1; i < KINDS; i++) {
		struct bytes spki = file(kinds[i].name, ".spki"), crt = file(kinds[i].name, ".crt");
		struct builder none = {0};

		for (size_t n = 0; n < spki.len; n++)
			assert_int_not_equal(pubkey_from_spki(BYTES(spki.data, n), &none), ERR_OK);
		for (size_t n = 0; n < crt.len; n++)
			assert_int_equal(
			    pubkey_from_x509(BYTES(crt.data, n), &none, NULL), ERR_FORMAT);
		assert_int_equal(none.len, 0);
		refuses(pubkey_from_spki(join(spki, BYTES(more, 1)), out), ERR_FORMAT);
		refuses(pubkey_from_x509(join(crt, BYTES(more, 1)), out, NULL), ERR_FORMAT);
		refuses(pubkey_from_x509(spki, out, NULL), ERR_FORMAT);
		refuses(pubkey_from_spki(crt, out), ERR_FORMAT);
	}
}

/* --- numbers of RSA ------------------------------------------------------------- */

/* 1 at bit `bits` - 1 and at bit 0. */
static struct bytes odd_number(unsigned wanted)
{
	struct builder *b = fresh();
	size_t n = (wanted + 7) / 8;
	uint8_t *p = builder_reserve(b, n);

	assert_non_null(p);
	memset(p, 0, n);
	p[0] = (uint8_t)(1u << (wanted - 1) % 8);
	p[n - 1] |= 1;
	return builder_view(b);
}

static void rsa_numbers_have_limits(void **state)
{
	struct bytes e = bytes_str("\3");

	(void)state;
	refuses(pubkey_from_rsa(odd_number(1023), e, out), ERR_KEY_SHORT);
	refuses(pubkey_from_rsa(BYTES_NONE, e, out), ERR_KEY_SHORT);
	refuses(pubkey_from_rsa(odd_number(16385), e, out), ERR_KEY_LONG);
	refuses(pubkey_from_rsa(join(odd_number(16384), bytes_str("\1")), e, out), ERR_KEY_LONG);
	refuses(pubkey_from_rsa(odd_number(2048), bytes_str("\1"), out), ERR_FORMAT);
	refuses(pubkey_from_rsa(odd_number(2048), bytes_str("\4"), out), ERR_FORMAT);
	refuses(pubkey_from_rsa(odd_number(2048), BYTES_NONE, out), ERR_FORMAT);
	refuses(pubkey_from_rsa(odd_number(2048), odd_number(257), out), ERR_FORMAT);
	refuses(pubkey_from_rsa(join(odd_number(2040), BYTES("", 1)), e, out), ERR_FORMAT);
	for (unsigned n = 1024; n <= 16384; n *= 2) {
		struct builder *plain = fresh(), *padded = fresh();
		struct pubkey key;

		assert_int_equal(pubkey_from_rsa(odd_number(n), e, plain), ERR_OK);
		assert_int_equal(pubkey_parse(builder_view(plain), &key), ERR_OK);
		assert_int_equal(pubkey_bits(&key), n);
		assert_int_equal(pubkey_from_rsa(join(BYTES("\0\0", 2), odd_number(n)),
				     BYTES("\0\0\3", 3), padded),
		    ERR_OK);
		assert_true(bytes_equal(builder_view(plain), builder_view(padded)));
	}
}

/* --- curves --------------------------------------------------------------------- */

/* CKA_EC_PARAMS of each curve: openssl's, and what else tokens say. */
static void params_of(const struct kind *k, struct bytes *list, size_t *n)
{
	static const char *const names[][2] = {{"P-256", "secp256r1"}, {"P-384", "secp384r1"},
	    {"P-521", "secp521r1"}, {"edwards25519", "Ed25519"}};
	char command[512];

	*n = 0;
	for (size_t i = 0; i < 2; i++)
		list[(*n)++] = der(0x13, bytes_str(names[k - &kinds[FIRST_EC]][i]));
	if (k == &kinds[ED25519]) {
		list[(*n)++] = BYTES("\x06\x03\x2b\x65\x70", 5);
		list[(*n)++] = BYTES("\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", 11);
		return;
	}
	for (size_t i = 0; i < 3; i++) {
		static const char *const ways[] = {
		    "", "-param_enc explicit", "-param_enc explicit -conv_form compressed"};

		snprintf(command, sizeof(command),
		    "cd '%s' && openssl ecparam -name %s %s -outform DER -out way%zu 2>/dev/null",
		    dir.path, k->name, ways[i], i);
		assert_true(keys_run("%s", command));
		snprintf(command, sizeof(command), "way%zu", i);
		list[(*n)++] = file(command, "");
	}
}

static void all_forms_of_curves_and_points_are_read(void **state)
{
	(void)state;
	for (const struct kind *k = &kinds[FIRST_EC]; k < &kinds[KINDS]; k++) {
		struct bytes want = blob_of(k), point = point_of(k), params[8], compressed;
		size_t n;

		params_of(k, params, &n);
		for (size_t i = 0; i < n; i++) {
			takes(pubkey_from_ec(params[i], point, out), want);
			takes(pubkey_from_ec(params[i], der(0x04, point), out), want);
			takes(pubkey_from_ec(params[i], bits(point), out), want);
		}
		takes(pubkey_from_point(k->curve, point, out), want);
		if (k == &kinds[ED25519])
			continue;
		assert_true(keys_run("cd '%s' && openssl pkey -in %s.pem -pubout -outform DER "
				     "-ec_conv_form compressed -out small",
		    dir.path, k->name));
		compressed = last(file("small", ""), 1 + k->field);
		assert_int_not_equal(compressed.data[0], 4);
		takes(pubkey_from_spki(file("small", ""), out), want);
		takes(pubkey_from_point(k->curve, compressed, out), want);
		takes(pubkey_from_ec(params[0], der(0x04, compressed), out), want);
	}
}

static void explicit_parameters_are_compared_whole(void **state)
{
	struct bytes params, point = point_of(&kinds[FIRST_EC]);
	uint8_t changed[512];

	(void)state;
	assert_true(keys_run("cd '%s' && openssl ecparam -name prime256v1 -param_enc explicit "
			     "-no_seed -outform DER -out whole",
	    dir.path));
	params = file("whole", "");
	assert_true(params.len < sizeof(changed));
	takes(pubkey_from_ec(params, point, out), blob_of(&kinds[FIRST_EC]));
	/* But for the version, which says nothing about the curve. */
	assert_memory_equal(params.data + 3, "\x02\x01\x01", 3);
	for (size_t i = 0; i < params.len; i++) {
		struct builder none = {0};

		memcpy(changed, params.data, params.len);
		changed[i] ^= 1;
		if (i != 5 && pubkey_from_ec(BYTES(changed, params.len), point, &none) == ERR_OK)
			fail_msg("byte %zu may be another", i);
	}
	refuses(pubkey_from_ec(join(params, BYTES("", 1)), point, out), ERR_FORMAT);
}

/* A seed says nothing about the curve, but must be a whole element. */
static void a_seed_is_passed_over(void **state)
{
	static const uint8_t head[] = {0x03, 0x15, 0x00};
	struct bytes params, point = point_of(&kinds[FIRST_EC]);
	uint8_t changed[512];
	size_t at = 0;

	(void)state;
	assert_true(keys_run("cd '%s' && openssl ecparam -name prime256v1 -param_enc explicit "
			     "-outform DER -out seeded",
	    dir.path));
	params = file("seeded", "");
	assert_true(params.len < sizeof(changed));
	memcpy(changed, params.data, params.len);
	while (at < params.len - 3 && memcmp(changed + at, head, 3) != 0)
		at++;
	assert_true(at < params.len - 3);
	takes(pubkey_from_ec(params, point, out), blob_of(&kinds[FIRST_EC]));
	changed[at + 3] ^= 1;
	takes(pubkey_from_ec(BYTES(changed, params.len), point, out), blob_of(&kinds[FIRST_EC]));
	changed[at + 1] = 0x7f;
	refuses(pubkey_from_ec(BYTES(changed, params.len), point, out), ERR_FORMAT);
}

static void bad_points_and_curves_are_refused(void **state)
{
	struct bytes point = point_of(&kinds[FIRST_EC]), oid, edwards = point_of(&kinds[ED25519]);
	uint8_t off[65], zeros[65] = {0};

	(void)state;
	assert_true(keys_run(
	    "cd '%s' && openssl ecparam -name prime256v1 -outform DER -out oid", dir.path));
	oid = file("oid", "");
	memcpy(off, point.data, sizeof(off));
	off[64] ^= 1;
	refuses(pubkey_from_point("nistp256", BYTES(off, 65), out), ERR_KEY_CURVE);
	refuses(pubkey_from_ec(oid, der(0x04, BYTES(off, 65)), out), ERR_KEY_CURVE);
	/* The hybrid form; infinity; the wrong curve; lengths. */
	off[64] ^= 1;
	off[0] = (uint8_t)(6 + (off[64] & 1));
	refuses(pubkey_from_point("nistp256", BYTES(off, 65), out), ERR_FORMAT);
	refuses(pubkey_from_point("nistp256", BYTES(zeros, 1), out), ERR_FORMAT);
	refuses(pubkey_from_point("nistp256", BYTES(zeros, 65), out), ERR_FORMAT);
	refuses(pubkey_from_point("nistp256", BYTES(zeros, 33), out), ERR_KEY_CURVE);
	refuses(pubkey_from_point("nistp384", point, out), ERR_FORMAT);
	refuses(pubkey_from_point("nistp256", last(point, 64), out), ERR_FORMAT);
	refuses(pubkey_from_point("nistp256", BYTES_NONE, out), ERR_FORMAT);
	refuses(pubkey_from_point("ed25519", last(edwards, 31), out), ERR_FORMAT);
	refuses(pubkey_from_point("nistp224", point, out), ERR_KEY_CURVE);
	refuses(pubkey_from_point("ed448", edwards, out), ERR_KEY_CURVE);
	/* Wrappings: surplus, unused bits, two of them, of another kind. */
	refuses(pubkey_from_ec(oid, join(der(0x04, point), BYTES("", 1)), out), ERR_FORMAT);
	refuses(pubkey_from_ec(oid, der(0x03, join(BYTES("\1", 1), point)), out), ERR_FORMAT);
	refuses(pubkey_from_ec(oid, der(0x04, der(0x04, point)), out), ERR_FORMAT);
	refuses(pubkey_from_ec(oid, der(0x30, point), out), ERR_FORMAT);
	refuses(pubkey_from_ec(oid, BYTES_NONE, out), ERR_FORMAT);
	/* Curves: none, Ed448, curve25519, implicit, NULL; an OID with surplus. */
	refuses(pubkey_from_ec(BYTES_NONE, point, out), ERR_FORMAT);
	refuses(pubkey_from_ec(BYTES("\x06\x03\x2b\x65\x71", 5), edwards, out), ERR_KEY_CURVE);
	refuses(pubkey_from_ec(der(0x13, bytes_str("curve25519")), edwards, out), ERR_KEY_CURVE);
	refuses(pubkey_from_ec(BYTES("\x05\x00", 2), point, out), ERR_FORMAT);
	refuses(pubkey_from_ec(join(oid, oid), point, out), ERR_FORMAT);
	refuses(pubkey_from_ec(der(0x30, oid), point, out), ERR_FORMAT);
}

#define OID_RSA_DER "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_EC_DER  "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"

/* SubjectPublicKeyInfo of this algorithm around these bits. */
static struct bytes spki_of(struct bytes algorithm, struct bytes content)
{
	return der(0x30, join(der(0x30, algorithm), bits(content)));
}

/* Whole wrappings around what is no key. */
static void wrapped_nonsense_is_refused(void **state)
{
	const struct bytes rsa = BYTES(OID_RSA_DER, sizeof(OID_RSA_DER) - 1);
	const struct bytes curve = BYTES(OID_EC_DER, sizeof(OID_EC_DER) - 1);
	const struct bytes null = BYTES("\x05\x00", 2), edwards = point_of(&kinds[ED25519]);
	const struct bytes number = der(0x02, odd_number(1024)), three = BYTES("\x02\x01\x03", 3);

	(void)state;
	refuses(pubkey_from_spki(spki_of(join(rsa, null), bytes_str("x")), out), ERR_FORMAT);
	refuses(pubkey_from_spki(spki_of(join(rsa, null), der(0x30, three)), out), ERR_FORMAT);
	refuses(pubkey_from_spki(
		    spki_of(join(rsa, null), der(0x30, join(number, join(three, three)))), out),
	    ERR_FORMAT);
	refuses(pubkey_from_spki(spki_of(join(rsa, three), der(0x30, join(number, three))), out),
	    ERR_FORMAT);
	refuses(pubkey_from_spki(spki_of(null, bytes_str("x")), out), ERR_FORMAT);
	refuses(pubkey_from_spki(der(0x30, join(null, bits(bytes_str("x")))), out), ERR_FORMAT);
	/* An Edwards curve is an algorithm, not a curve of the other one. */
	refuses(
	    pubkey_from_spki(spki_of(join(curve, BYTES("\x06\x03\x2b\x65\x70", 5)), edwards), out),
	    ERR_KEY_TYPE);
}

static int make_keys(void **state)
{
	(void)state;
	keys_dir_make(&dir);
	for (size_t i = 0; i < KINDS; i++) {
		const char *name = kinds[i].name;

		assert_true(keys_run(
		    "cd '%s' && openssl genpkey %s -out %s.pem 2>/dev/null && openssl pkey -in "
		    "%s.pem -pubout -outform DER -out %s.spki && openssl req -x509 -new -key "
		    "%s.pem "
		    "-subj /CN=x -days 1 -outform DER -out %s.crt",
		    dir.path, kinds[i].options, name, name, name, name, name));
		if (i == ED25519)
			continue;
		assert_true(keys_run("cd '%s' && openssl pkey -in %s.pem -pubout -out p.pem && "
				     "ssh-keygen -i -m PKCS8 -f p.pem >%s.pub",
		    dir.path, name, name));
	}
	return 0;
}

static int remove_keys(void **state)
{
	(void)state;
	keys_dir_remove(&dir);
	return 0;
}

#define row(name) cmocka_unit_test_teardown(name, clear_scrap)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    row(keys_of_certificates_are_those_of_ssh_keygen),
	    row(the_key_of_rfc_8410_is_read),
	    row(key_usage_decides_what_is_usable),
	    row(other_keys_are_refused),
	    row(cut_and_surplus_are_refused),
	    row(rsa_numbers_have_limits),
	    row(all_forms_of_curves_and_points_are_read),
	    row(explicit_parameters_are_compared_whole),
	    row(a_seed_is_passed_over),
	    row(bad_points_and_curves_are_refused),
	    row(wrapped_nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
