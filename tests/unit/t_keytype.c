/* The key type table, against the names that OpenSSH and the RFCs have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/keytype.h"
#include "proto/numbers.h"

/*
 * "ssh -Q key" of OpenSSH 9.2, Ed448 of RFC 8709, and the composite type of
 * draft-ietf-sshm-composite-sigs under the names of OpenSSH 10.4 and of 10.6.
 */
static const struct {
	const char *plain, *cert;
	enum key_family family;
	const char *signature; /* algorithm without flags */
	enum hash_id hash;
} known[] = {
    {"ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", FAMILY_ED25519, "ssh-ed25519", HASH_NONE},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", FAMILY_SK_ED25519,
	"sk-ssh-ed25519@openssh.com", HASH_NONE},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", FAMILY_ECDSA,
	"ecdsa-sha2-nistp256", HASH_SHA256},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com", FAMILY_ECDSA,
	"ecdsa-sha2-nistp384", HASH_SHA384},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com", FAMILY_ECDSA,
	"ecdsa-sha2-nistp521", HASH_SHA512},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
	FAMILY_SK_ECDSA, "sk-ecdsa-sha2-nistp256@openssh.com", HASH_SHA256},
    {"ssh-dss", "ssh-dss-cert-v01@openssh.com", FAMILY_DSA, "ssh-dss", HASH_SHA1},
    {"ssh-rsa", "ssh-rsa-cert-v01@openssh.com", FAMILY_RSA, "ssh-rsa", HASH_SHA1},
    {"ssh-ed448", NULL, FAMILY_ED448, "ssh-ed448", HASH_NONE},
    {"ssh-mldsa44-ed25519", "ssh-mldsa44-ed25519-cert", FAMILY_MLDSA44_ED25519,
	"ssh-mldsa44-ed25519", HASH_NONE},
    {"ssh-mldsa44-ed25519@openssh.com", "ssh-mldsa44-ed25519-cert-v01@openssh.com",
	FAMILY_MLDSA44_ED25519, "ssh-mldsa44-ed25519@openssh.com", HASH_NONE},
};

enum { KNOWN = sizeof(known) / sizeof(known[0]) };

static void test_every_name_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < KNOWN; i++) {
		bool is_cert = true;
		const struct keytype *type = keytype_find(bytes_str(known[i].plain), &is_cert);

		assert_non_null(type);
		assert_false(is_cert);
		assert_string_equal(type->name, known[i].plain);
		assert_int_equal(type->family, known[i].family);
		if (known[i].cert == NULL) {
			assert_null(type->cert_name);
			continue;
		}
		assert_ptr_equal(keytype_find(bytes_str(known[i].cert), &is_cert), type);
		assert_true(is_cert);
	}
}

static void test_no_other_name_is_found(void **state)
{
	static const char *const others[] = {"", "ssh-ed2551", "ssh-ed25519x", "SSH-ED25519",
	    "rsa-sha2-256", "ssh-ed448-cert-v01@openssh.com", "ssh-xmss@openssh.com",
	    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "ecdsa-sha2-nistp224"};
	bool is_cert = true;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_null(keytype_find(bytes_str(others[i]), &is_cert));
	assert_null(keytype_find(BYTES("ssh-rsa", 8), &is_cert)); /* with its NUL */
	assert_true(is_cert);
}

static void test_walk_meets_each_row_once(void **state)
{
	size_t rows = 0;

	(void)state;
	while (keytype_at(rows) != NULL)
		rows++;
	assert_int_equal(rows, KNOWN);
	assert_null(keytype_at(rows + 1));
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(keytype_at(i)->name, keytype_at(j)->name);
}

/* Bytes of a coordinate or public key: SEC 1 for the curves, RFC 8032, FIPS 204 (1312) and 32. */
static void test_field_sizes(void **state)
{
	static const struct {
		const char *name;
		size_t field;
		const char *curve;
	} rows[] = {
	    {"ecdsa-sha2-nistp256", 32, "nistp256"},
	    {"ecdsa-sha2-nistp384", 48, "nistp384"},
	    {"ecdsa-sha2-nistp521", 66, "nistp521"},
	    {"sk-ecdsa-sha2-nistp256@openssh.com", 32, "nistp256"},
	    {"ssh-ed25519", 32, NULL},
	    {"sk-ssh-ed25519@openssh.com", 32, NULL},
	    {"ssh-ed448", 57, NULL},
	    {"ssh-mldsa44-ed25519", 1344, NULL},
	    {"ssh-mldsa44-ed25519@openssh.com", 1344, NULL},
	};
	bool is_cert;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct keytype *type = keytype_find(bytes_str(rows[i].name), &is_cert);

		assert_int_equal(type->field, rows[i].field);
		if (rows[i].curve != NULL)
			assert_string_equal(type->curve, rows[i].curve);
		else
			assert_null(type->curve);
	}
}

/*
 * ssh-add -l's words for types that the vectors (t_keyblob) cannot hold: OpenSSH 10.4, and PuTTY
 * for Ed448.
 */
static void test_labels_and_bits(void **state)
{
	bool is_cert;
	const struct keytype *composite = keytype_find(bytes_str("ssh-mldsa44-ed25519"), &is_cert);
	const struct keytype *ed448 = keytype_find(bytes_str("ssh-ed448"), &is_cert);

	(void)state;
	assert_string_equal(composite->label, "MLDSA44-ED25519");
	assert_int_equal(composite->bits, 256);
	assert_string_equal(ed448->label, "ED448");
	assert_int_equal(ed448->bits, 448);
}

/* ssh-add(1) of OpenSSH 9.2, and what 10.4 has behind them; ~/.ssh holds other files, too. */
static void test_names_of_files(void **state)
{
	static const char *const names[] = {"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519",
	    "id_ed25519_sk", "id_dsa", "id_mldsa44_ed25519"};
	const size_t n = sizeof(names) / sizeof(names[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(keytype_file_at(i), names[i]);
		assert_int_equal(keytype_file_rank(names[i]), i);
	}
	assert_null(keytype_file_at(n));
	assert_int_equal(keytype_file_rank("id_rs"), n);
	assert_int_equal(keytype_file_rank("id_rsa.pub"), n);
	assert_int_equal(keytype_file_rank(""), n);
}

static void test_signature_algorithms(void **state)
{
	(void)state;
	for (size_t i = 0; i < KNOWN; i++) {
		bool is_cert;
		const struct keytype *type = keytype_find(bytes_str(known[i].plain), &is_cert);
		const struct sigalg *alg = NULL;

		assert_int_equal(sigalg_choose(type, 0, &alg), ERR_OK);
		assert_string_equal(alg->name, known[i].signature);
		assert_int_equal(alg->hash, known[i].hash);
	}
}

/* M16: a flag that is unknown, or that means nothing for the type, refuses. */
static void test_sign_flags(void **state)
{
	static const struct {
		uint32_t flags;
		const char *name;
		enum hash_id hash;
	} rsa[] = {
	    {SIGN_RSA_SHA2_256, "rsa-sha2-256", HASH_SHA256},
	    {SIGN_RSA_SHA2_512, "rsa-sha2-512", HASH_SHA512},
	    {SIGN_RSA_SHA2_256 | SIGN_RSA_SHA2_512, "rsa-sha2-256", HASH_SHA256},
	};
	bool is_cert;
	const struct keytype *type = keytype_find(bytes_str("ssh-rsa"), &is_cert);
	const struct sigalg *alg = NULL;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(sigalg_choose(type, rsa[i].flags, &alg), ERR_OK);
		assert_string_equal(alg->name, rsa[i].name);
		assert_int_equal(alg->hash, rsa[i].hash);
	}
	for (unsigned bit = 0; bit < 32; bit++) {
		if (bit != 1 && bit != 2)
			assert_int_equal(sigalg_choose(type, 1u << bit, &alg), ERR_SIGN_FLAGS);
		for (size_t i = 0; i < KNOWN; i++)
			if (known[i].family != FAMILY_RSA)
				assert_int_equal(
				    sigalg_choose(keytype_find(bytes_str(known[i].plain), &is_cert),
					1u << bit, &alg),
				    ERR_SIGN_FLAGS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_name_is_found),
	    cmocka_unit_test(test_no_other_name_is_found),
	    cmocka_unit_test(test_walk_meets_each_row_once),
	    cmocka_unit_test(test_field_sizes),
	    cmocka_unit_test(test_labels_and_bits),
	    cmocka_unit_test(test_names_of_files),
	    cmocka_unit_test(test_signature_algorithms),
	    cmocka_unit_test(test_sign_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
