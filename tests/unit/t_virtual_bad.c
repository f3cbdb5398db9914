/* The authenticator of the tests as a U2F key, and when it misbehaves, as stock libfido2 sees it.
 */
#include "tests/support/base_test.h"

#ifdef HAVE_LIBFIDO2

#include "tests/support/fido_scene.h"

static void start_u2f(struct scene *s)
{
	struct authenticator_options options;

	authenticator_options_default(&options);
	options.ctap2 = false;
	scene_start(s, &options);
}

static void test_u2f(void **state)
{
	struct scene s;
	struct scene other;
	fido_cred_t *cred;
	fido_assert_t *a;
	struct wish w = {.type = COSE_ES256};

	(void)state;
	start_u2f(&s);
	start_u2f(&other);
	assert_false(fido_dev_is_fido2(s.dev));
	assert_int_equal(scene_make(&s, &w, &cred), FIDO_OK);
	assert_string_equal(fido_cred_fmt(cred), "fido-u2f");
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
	scene_verify(a, 0, cred, true, false);
	fido_assert_free(&a);
	/* Silently, libfido2 only looks whether the key handle is known, and says so like this. */
	w.up = FIDO_OPT_FALSE;
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a),
	    FIDO_ERR_USER_PRESENCE_REQUIRED);
	assert_int_equal(scene_assert(&other, &w, (const fido_cred_t *[]){cred}, 1, &a),
	    FIDO_ERR_NO_CREDENTIALS);
	fido_cred_free(&cred);
	scene_end(&other);
	scene_end(&s);
}

/* A credential of U2F is one of CTAP2 too, and the other way around. */
static void test_both_ways(void **state)
{
	struct scene s;
	fido_cred_t *cred;
	fido_assert_t *a;
	const struct wish w = {.type = COSE_ES256};

	(void)state;
	for (int first = 0; first < 2; first++) {
		scene_start(&s, NULL);
		if (first == 0)
			fido_dev_force_u2f(s.dev);
		assert_int_equal(scene_make(&s, &w, &cred), FIDO_OK);
		if (first == 0)
			fido_dev_force_fido2(s.dev);
		else
			fido_dev_force_u2f(s.dev);
		assert_int_equal(
		    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
		scene_verify(a, 0, cred, true, false);
		fido_assert_free(&a);
		fido_cred_free(&cred);
		scene_end(&s);
	}
}

enum { ANY = -1000 };

/* What a mode makes of an assertion: libfido2's status, or a signature that is not good. */
static const struct row {
	const char *mode;
	unsigned argument;
	int status; /* what libfido2 says; FIDO_OK: only the signature is wrong; ANY: some error */
} rows[] = {
    {"garbage", 0, ANY},
    {"truncated", 0, FIDO_ERR_RX_NOT_CBOR},
    {"long", 0, FIDO_ERR_RX},
    {"empty", 0, FIDO_ERR_RX},
    {"never", 0, FIDO_ERR_RX},
    {"status", 0x7f, FIDO_ERR_ERR_OTHER},
    {"status", 0x2e, FIDO_ERR_NO_CREDENTIALS},
    {"die", 1, FIDO_ERR_RX},
    {"other-key", 0, FIDO_OK},
    {"bad-signature", 0, FIDO_OK},
    {"other-rp", 0, FIDO_OK},
    {"no-flags", 0, FIDO_OK},
};

static void test_modes(void **state)
{
	struct scene s;
	fido_cred_t *cred;
	fido_assert_t *a;
	const struct wish w = {.type = COSE_ES256, .up = FIDO_OPT_TRUE};

	(void)state;
	scene_start(&s, NULL);
	assert_int_equal(scene_make(&s, &w, &cred), FIDO_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum authenticator_mode mode;
		int status;

		print_message("# %s\n", rows[i].mode);
		assert_true(authenticator_mode_parse(rows[i].mode, &mode));
		authenticator_set_mode(s.authenticator, mode, rows[i].argument);
		status = scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a);
		if (rows[i].status == ANY)
			assert_int_not_equal(status, FIDO_OK);
		else
			assert_int_equal(status, rows[i].status);
		if (status == FIDO_OK)
			scene_refused(a, cred);
		fido_assert_free(&a);
		/* And it is a key as before afterwards. */
		authenticator_set_mode(s.authenticator, AUTHENTICATOR_GOOD, 0);
		assert_int_equal(
		    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
		scene_verify(a, 0, cred, true, false);
		fido_assert_free(&a);
	}
	fido_cred_free(&cred);
	scene_end(&s);
}

/* It dies at a later command; and the id that comes back is another's. */
static void test_modes_more(void **state)
{
	enum authenticator_mode mode;
	struct scene s;
	fido_cred_t *cred;
	fido_assert_t *a;
	const struct wish w = {.type = COSE_EDDSA};

	(void)state;
	scene_start(&s, NULL);
	assert_int_equal(scene_make(&s, &w, &cred), FIDO_OK);
	authenticator_set_mode(s.authenticator, AUTHENTICATOR_DIE, 3);
	for (int i = 1; i <= 4; i++) {
		assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a),
		    i == 3 ? FIDO_ERR_RX : FIDO_OK);
		fido_assert_free(&a);
	}
	authenticator_set_mode(s.authenticator, AUTHENTICATOR_OTHER_ID, 0);
	if (scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a) == FIDO_OK)
		assert_false(fido_assert_id_len(a, 0) == fido_cred_id_len(cred));
	fido_assert_free(&a);
	assert_false(authenticator_mode_parse("nonsense", &mode));
	fido_cred_free(&cred);
	scene_end(&s);
}

/* Any bytes at all get an answer, or a wait; every prefix of good requests, too. */
static void test_any_bytes(void **state)
{
	static const uint8_t commands[] = {
	    0x01, 0x02, 0x04, 0x06, 0x07, 0x08, 0x0a, 0x0b, 0x41, 0x99};
	struct scene s;
	uint8_t body[300];
	uint32_t seed = 1;

	(void)state;
	scene_start(&s, NULL);
	for (int round = 0; round < 20000; round++) {
		const size_t n = (seed >> 8) % sizeof body;
		const enum authenticator_protocol protocol =
		    round % 5 == 0 ? AUTHENTICATOR_U2F : AUTHENTICATOR_CTAP2;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			body[i] = (uint8_t)(seed >> 24);
		}
		seed = seed * 1664525 + 1013904223;
		body[0] =
		    protocol == AUTHENTICATOR_U2F ? 0 : commands[(seed >> 16) % sizeof commands];
		if (n > 1 && protocol == AUTHENTICATOR_U2F)
			body[1] &= 3;
		else if (n > 1)
			body[1] = 0xa0 | (body[1] & 7);
		authenticator_begin(s.authenticator, protocol, BYTES(body, n), 0);
		assert_int_equal(authenticator_step(s.authenticator, 0), AUTHENTICATOR_DONE);
		assert_true(authenticator_response(s.authenticator).len >= 1);
		assert_int_equal(authenticator_step(s.authenticator, 0), AUTHENTICATOR_IDLE);
	}
	scene_end(&s);
}

static void test_options(void **state)
{
	struct authenticator_options o;
	struct authenticator *a = NULL;

	(void)state;
	authenticator_options_default(&o);
	assert_int_equal(authenticator_option(&o, "u2f=off"), ERR_OK);
	assert_false(o.u2f);
	assert_int_equal(authenticator_option(&o, "id_length=255"), ERR_OK);
	assert_int_equal(o.id_length, 255);
	assert_int_equal(authenticator_option(&o, "pin_protocols=01"), ERR_OK);
	assert_int_equal(o.pin_protocols[0], 1);
	assert_int_equal(o.pin_protocols[1], 0);
	assert_int_equal(authenticator_option(&o, "serial=ABC"), ERR_OK);
	assert_string_equal(o.serial, "ABC");
	assert_int_equal(authenticator_option(&o, "u2f"), ERR_FORMAT);
	assert_int_equal(authenticator_option(&o, "u2f=perhaps"), ERR_FORMAT);
	assert_int_equal(authenticator_option(&o, "colour=red"), ERR_FORMAT);
	assert_int_equal(authenticator_option(&o, "aaguid=0g"), ERR_FORMAT);
	o.ctap2 = false;
	assert_int_equal(authenticator_new(&o, &a), ERR_FORMAT);
	assert_null(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_u2f),
	    cmocka_unit_test(test_both_ways),
	    cmocka_unit_test(test_modes),
	    cmocka_unit_test(test_modes_more),
	    cmocka_unit_test(test_any_bytes),
	    cmocka_unit_test(test_options),
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
