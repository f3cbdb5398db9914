/* The authenticator of the tests, as stock libfido2 sees it: PINs, verification, stored
 * credentials. */
#include "tests/support/base_test.h"

#ifdef HAVE_LIBFIDO2

#include <string.h>

#include <fido/credman.h>

#include "tests/support/fido_scene.h"

/* libfido2 1.12 knows credential management by the number of its preview alone. */
enum { MANAGE = 0x0a, MANAGE_PREVIEW = 0x41 };

static int retries(struct scene *s)
{
	int n = -1;

	assert_int_equal(fido_dev_get_retry_count(s->dev, &n), FIDO_OK);
	return n;
}

static int uv_retries(struct scene *s)
{
	int n = -1;

	assert_int_equal(fido_dev_get_uv_retry_count(s->dev, &n), FIDO_OK);
	return n;
}

static void plug_again(struct scene *s)
{
	authenticator_power_cycle(s->authenticator);
	scene_reopen(s);
}

/* Set, used, changed, used, with this protocol alone. */
static void pin_with(uint8_t protocol, bool preview)
{
	struct authenticator_options options;
	struct scene s;
	fido_cred_t *cred;
	fido_cred_t *none;
	fido_assert_t *a;
	struct wish w = {.type = COSE_ES256, .pin = "1234", .rk = FIDO_OPT_TRUE};

	authenticator_options_default(&options);
	options.pin_protocols[0] = protocol;
	options.pin_protocols[1] = 0;
	options.preview = preview;
	scene_start(&s, &options);
	assert_int_equal(scene_make(&s, &w, &cred), FIDO_ERR_PIN_NOT_SET);
	assert_int_equal(fido_dev_set_pin(s.dev, "123", NULL), FIDO_ERR_PIN_POLICY_VIOLATION);
	assert_int_equal(fido_dev_set_pin(s.dev, "1234", NULL), FIDO_OK);
	scene_reopen(&s);
	assert_true(fido_dev_has_pin(s.dev));
	assert_int_equal(scene_make(&s, &w, &cred), FIDO_OK);
	assert_int_equal(fido_cred_flags(cred) & 4, 4);
	w.pin = NULL;
	assert_int_equal(scene_make(&s, &w, &none), FIDO_ERR_PIN_REQUIRED);
	w.pin = "1234";
	w.rk = FIDO_OPT_OMIT;
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
	scene_verify(a, 0, cred, true, true);
	fido_assert_free(&a);
	assert_int_equal(fido_dev_set_pin(s.dev, "another one", "4321"), FIDO_ERR_PIN_INVALID);
	assert_int_equal(retries(&s), AUTHENTICATOR_PIN_RETRIES - 1);
	assert_int_equal(fido_dev_set_pin(s.dev, "another one", "1234"), FIDO_OK);
	assert_int_equal(retries(&s), AUTHENTICATOR_PIN_RETRIES);
	assert_int_equal(
	    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_ERR_PIN_INVALID);
	w.pin = "another one";
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
	scene_verify(a, 0, cred, true, true);
	fido_assert_free(&a);
	assert_int_equal(retries(&s), AUTHENTICATOR_PIN_RETRIES);
	fido_cred_free(&cred);
	scene_end(&s);
}

static void test_protocol_1(void **state)
{
	(void)state;
	pin_with(1, false);
}

static void test_protocol_2(void **state)
{
	(void)state;
	pin_with(2, false);
}

static void test_preview(void **state)
{
	(void)state;
	pin_with(1, true);
	pin_with(2, true);
}

/* Eight tries in all, three between two insertions (CTAP 2.1, section 6.5.5.7). */
static void test_blocked(void **state)
{
	struct scene s;
	fido_assert_t *a;
	fido_cred_t *cred;
	struct wish w = {.type = COSE_EDDSA};

	(void)state;
	scene_start(&s, NULL);
	assert_int_equal(scene_make(&s, &w, &cred), FIDO_OK);
	assert_int_equal(authenticator_set_pin(s.authenticator, "right"), ERR_OK);
	scene_reopen(&s);
	w.pin = "wrong";
	for (int tried = 1; tried <= AUTHENTICATOR_PIN_RETRIES; tried++) {
		const int wanted = tried == AUTHENTICATOR_PIN_RETRIES ? FIDO_ERR_PIN_BLOCKED
				   : tried % AUTHENTICATOR_PIN_IN_A_ROW == 0
				       ? FIDO_ERR_PIN_AUTH_BLOCKED
				       : FIDO_ERR_PIN_INVALID;

		assert_int_equal(
		    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), wanted);
		assert_int_equal(retries(&s), AUTHENTICATOR_PIN_RETRIES - tried);
		if (wanted == FIDO_ERR_PIN_AUTH_BLOCKED) {
			/* Not even the right one helps, and it costs no try. */
			w.pin = "right";
			assert_int_equal(
			    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), wanted);
			assert_int_equal(retries(&s), AUTHENTICATOR_PIN_RETRIES - tried);
			plug_again(&s);
			w.pin = "wrong";
		}
	}
	plug_again(&s);
	w.pin = "right";
	assert_int_equal(
	    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_ERR_PIN_BLOCKED);
	/* Without a PIN it goes on working. */
	w.pin = NULL;
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
	scene_verify(a, 0, cred, true, false);
	fido_assert_free(&a);
	fido_cred_free(&cred);
	scene_end(&s);
}

/* A good try gives back the others. */
static void test_retries_come_back(void **state)
{
	struct scene s;
	fido_assert_t *a;
	fido_cred_t *cred;
	struct wish w = {.type = COSE_EDDSA};

	(void)state;
	scene_start(&s, NULL);
	assert_int_equal(scene_make(&s, &w, &cred), FIDO_OK);
	assert_int_equal(authenticator_set_pin(s.authenticator, "right"), ERR_OK);
	scene_reopen(&s);
	for (int i = 0; i < 3; i++) {
		w.pin = "wrong";
		assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a),
		    FIDO_ERR_PIN_INVALID);
		assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a),
		    FIDO_ERR_PIN_INVALID);
		w.pin = "right";
		assert_int_equal(
		    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
		scene_verify(a, 0, cred, true, true);
		fido_assert_free(&a);
		assert_int_equal(retries(&s), AUTHENTICATOR_PIN_RETRIES);
	}
	fido_cred_free(&cred);
	scene_end(&s);
}

/* Who sees a credential at each level (CTAP 2.1, section 12.1). */
static void test_protection(void **state)
{
	static const struct {
		int level;
		bool rk;
		bool by_id; /* seen silently with its id */
		bool any;   /* and without */
	} rows[] = {
	    {FIDO_CRED_PROT_UV_OPTIONAL, true, true, true},
	    {FIDO_CRED_PROT_UV_OPTIONAL_WITH_ID, true, true, false},
	    {FIDO_CRED_PROT_UV_REQUIRED, true, false, false},
	    {FIDO_CRED_PROT_UV_REQUIRED, false, false, false},
	};
	struct scene s;
	fido_assert_t *a;
	fido_cred_t *cred;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct wish w = {.type = COSE_EDDSA, .pin = "right", .protect = rows[i].level};
		const fido_cred_t *allowed[1];

		w.rk = rows[i].rk ? FIDO_OPT_TRUE : FIDO_OPT_OMIT;
		scene_start(&s, NULL);
		assert_int_equal(authenticator_set_pin(s.authenticator, "right"), ERR_OK);
		scene_reopen(&s);
		assert_int_equal(scene_make(&s, &w, &cred), FIDO_OK);
		assert_int_equal(fido_cred_prot(cred), rows[i].level);
		allowed[0] = cred;
		w = (struct wish){.type = COSE_EDDSA, .up = FIDO_OPT_FALSE};
		assert_int_equal(scene_assert(&s, &w, allowed, 1, &a),
		    rows[i].by_id ? FIDO_OK : FIDO_ERR_NO_CREDENTIALS);
		fido_assert_free(&a);
		assert_int_equal(scene_assert(&s, &w, NULL, 0, &a),
		    rows[i].any ? FIDO_OK : FIDO_ERR_NO_CREDENTIALS);
		fido_assert_free(&a);
		w = (struct wish){.type = COSE_EDDSA, .pin = "right"};
		assert_int_equal(scene_assert(&s, &w, allowed, 1, &a), FIDO_OK);
		scene_verify(a, 0, cred, true, true);
		fido_assert_free(&a);
		assert_int_equal(scene_assert(&s, &w, NULL, 0, &a),
		    rows[i].rk ? FIDO_OK : FIDO_ERR_NO_CREDENTIALS);
		fido_assert_free(&a);
		fido_cred_free(&cred);
		scene_end(&s);
	}
}

/* Built-in verification, by its own way of getting a token (2.1) and in the request itself. */
static void test_verification(void **state)
{
	struct authenticator_options options;
	struct scene s;
	fido_assert_t *a;
	fido_cred_t *cred;
	struct wish w = {.type = COSE_ES256, .uv = FIDO_OPT_TRUE};

	(void)state;
	authenticator_options_default(&options);
	for (int preview = 0; preview < 2; preview++) {
		options.uv = true;
		options.preview = preview;
		scene_start(&s, &options);
		assert_true(fido_dev_has_uv(s.dev));
		assert_int_equal(scene_make(&s, &w, &cred), FIDO_OK);
		assert_int_equal(fido_cred_flags(cred) & 4, 4);
		assert_int_equal(
		    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
		scene_verify(a, 0, cred, true, true);
		fido_assert_free(&a);
		authenticator_set_uv_failures(s.authenticator, 4);
		assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a),
		    FIDO_ERR_UV_INVALID);
		if (!preview)
			assert_int_equal(uv_retries(&s), AUTHENTICATOR_UV_RETRIES - 1);
		assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a),
		    FIDO_ERR_UV_INVALID);
		assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a),
		    FIDO_ERR_UV_BLOCKED);
		assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a),
		    FIDO_ERR_UV_BLOCKED);
		assert_int_equal(scene_status(&s).uv_retries, 0);
		fido_cred_free(&cred);
		scene_end(&s);
	}
}

/* A key that insists on verification. */
static void test_demands(void **state)
{
	struct authenticator_options options;
	struct scene s;
	fido_assert_t *a;
	fido_cred_t *cred;
	struct wish w = {.type = COSE_EDDSA};

	(void)state;
	authenticator_options_default(&options);
	options.always_uv = true;
	scene_start(&s, &options);
	assert_int_equal(scene_make(&s, &w, &cred), FIDO_ERR_PIN_REQUIRED);
	assert_int_equal(authenticator_set_pin(s.authenticator, "right"), ERR_OK);
	scene_reopen(&s);
	w.pin = "right";
	assert_int_equal(scene_make(&s, &w, &cred), FIDO_OK);
	w.pin = NULL;
	assert_int_equal(
	    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_ERR_PIN_REQUIRED);
	w.up = FIDO_OPT_FALSE;
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
	fido_assert_free(&a);
	fido_cred_free(&cred);
	scene_end(&s);
}

/* What is stored for the rp, as credential management tells it. */
static void count_stored(struct scene *s, const char *rp, const char *pin, size_t wanted)
{
	fido_credman_rk_t *rk = fido_credman_rk_new();
	const int status = fido_credman_get_dev_rk(s->dev, rp, rk, pin);

	assert_int_equal(status, FIDO_OK);
	assert_int_equal(fido_credman_rk_count(rk), wanted);
	for (size_t i = 0; i < wanted; i++) {
		const fido_cred_t *c = fido_credman_rk(rk, i);

		assert_non_null(fido_cred_id_ptr(c));
		assert_non_null(fido_cred_user_name(c));
		assert_true(fido_cred_pubkey_len(c) == 32 || fido_cred_pubkey_len(c) == 64);
		assert_int_equal(fido_cred_prot(c), FIDO_CRED_PROT_UV_OPTIONAL);
	}
	fido_credman_rk_free(&rk);
}

static void manage(bool preview, uint8_t command)
{
	struct authenticator_options options;
	struct scene s;
	fido_cred_t *creds[3];
	fido_assert_t *a;
	fido_credman_metadata_t *meta = fido_credman_metadata_new();
	fido_credman_rp_t *rps = fido_credman_rp_new();
	struct wish w = {.rk = FIDO_OPT_TRUE, .pin = "right"};

	authenticator_options_default(&options);
	options.preview = preview;
	options.resident_max = 10;
	scene_start(&s, &options);
	assert_int_equal(authenticator_set_pin(s.authenticator, "right"), ERR_OK);
	scene_reopen(&s);
	virtual_dev_rewrite(s.dev, MANAGE_PREVIEW, command);
	assert_int_equal(fido_credman_get_dev_rp(s.dev, rps, "right"), FIDO_ERR_NO_CREDENTIALS);
	for (int i = 0; i < 3; i++) {
		w.type = i == 1 ? COSE_ES256 : COSE_EDDSA;
		w.user = i == 1 ? "second" : "first";
		w.rp = i == 2 ? "ssh:elsewhere" : "ssh:";
		assert_int_equal(scene_make(&s, &w, &creds[i]), FIDO_OK);
	}
	assert_int_equal(fido_credman_get_dev_metadata(s.dev, meta, "wrong"), FIDO_ERR_PIN_INVALID);
	assert_int_equal(fido_credman_get_dev_metadata(s.dev, meta, "right"), FIDO_OK);
	assert_int_equal(fido_credman_rk_existing(meta), 3);
	assert_int_equal(fido_credman_rk_remaining(meta), 7);
	assert_int_equal(fido_credman_get_dev_rp(s.dev, rps, "right"), FIDO_OK);
	assert_int_equal(fido_credman_rp_count(rps), 2);
	assert_string_equal(fido_credman_rp_id(rps, 0), "ssh:");
	assert_string_equal(fido_credman_rp_id(rps, 1), "ssh:elsewhere");
	count_stored(&s, "ssh:", "right", 2);
	count_stored(&s, "ssh:elsewhere", "right", 1);
	assert_int_equal(fido_credman_del_dev_rk(s.dev, fido_cred_id_ptr(creds[0]),
			     fido_cred_id_len(creds[0]), "right"),
	    FIDO_OK);
	assert_int_equal(fido_credman_del_dev_rk(s.dev, fido_cred_id_ptr(creds[0]),
			     fido_cred_id_len(creds[0]), "right"),
	    FIDO_ERR_NO_CREDENTIALS);
	count_stored(&s, "ssh:", "right", 1);
	w = (struct wish){.type = COSE_EDDSA, .up = FIDO_OPT_FALSE};
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){creds[0]}, 1, &a),
	    FIDO_ERR_NO_CREDENTIALS);
	for (int i = 0; i < 3; i++)
		fido_cred_free(&creds[i]);
	fido_credman_rp_free(&rps);
	fido_credman_metadata_free(&meta);
	scene_end(&s);
}

static void test_manage(void **state)
{
	(void)state;
	manage(false, MANAGE);
	manage(false, MANAGE_PREVIEW);
}

static void test_manage_preview(void **state)
{
	(void)state;
	manage(true, MANAGE_PREVIEW);
}

/* hmac-secret: the same secret for the same salt, another for another, each through both protocols.
 */
static void test_hmac_secret(void **state)
{
	struct authenticator_options options;
	unsigned char first[32];
	unsigned char salt[32] = "thirty-two bytes of a salt, say";

	(void)state;
	authenticator_options_default(&options);
	options.pin_protocols[1] = 0;
	for (uint8_t protocol = 1; protocol <= 2; protocol++) {
		struct scene s;
		const struct wish w = {.type = COSE_ES256};
		fido_cred_t *cred;

		options.pin_protocols[0] = protocol;
		scene_start(&s, &options);
		assert_int_equal(scene_make(&s, &w, &cred), FIDO_OK);
		for (int round = 0; round < 3; round++) {
			fido_assert_t *a = fido_assert_new();

			salt[0] = round == 2 ? 'T' : 't';
			fido_assert_set_clientdata(a, salt, sizeof salt);
			fido_assert_set_rp(a, "ssh:");
			fido_assert_allow_cred(a, fido_cred_id_ptr(cred), fido_cred_id_len(cred));
			fido_assert_set_extensions(a, FIDO_EXT_HMAC_SECRET);
			fido_assert_set_hmac_salt(a, salt, sizeof salt);
			assert_int_equal(fido_dev_get_assert(s.dev, a, NULL), FIDO_OK);
			assert_int_equal(fido_assert_hmac_secret_len(a, 0), sizeof first);
			if (round == 0)
				memcpy(first, fido_assert_hmac_secret_ptr(a, 0), sizeof first);
			else if (round == 1)
				assert_memory_equal(
				    first, fido_assert_hmac_secret_ptr(a, 0), sizeof first);
			else
				assert_memory_not_equal(
				    first, fido_assert_hmac_secret_ptr(a, 0), sizeof first);
			fido_assert_free(&a);
		}
		fido_cred_free(&cred);
		scene_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_protocol_1),
	    cmocka_unit_test(test_protocol_2),
	    cmocka_unit_test(test_preview),
	    cmocka_unit_test(test_blocked),
	    cmocka_unit_test(test_retries_come_back),
	    cmocka_unit_test(test_protection),
	    cmocka_unit_test(test_verification),
	    cmocka_unit_test(test_demands),
	    cmocka_unit_test(test_manage),
	    cmocka_unit_test(test_manage_preview),
	    cmocka_unit_test(test_hmac_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void test_needs(void **state)
{
	(void)state;
	base_skip("libfido2 is not installed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_needs)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
