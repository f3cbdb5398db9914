/* The authenticator of the tests, as stock libfido2 sees it: credentials, assertions, touch. */
#include "tests/support/base_test.h"

#ifdef HAVE_LIBFIDO2

#include <string.h>

#include <fido/credman.h>

#include "tests/support/fido_scene.h"

static const int types[] = {COSE_ES256, COSE_EDDSA};

enum { N_TYPES = sizeof types / sizeof *types };

static void make_ok(struct scene *s, const struct wish *w, fido_cred_t **cred)
{
	assert_int_equal(scene_make(s, w, cred), FIDO_OK);
}

static void test_info(void **state)
{
	struct scene s;
	fido_cbor_info_t *info = fido_cbor_info_new();

	(void)state;
	scene_start(&s, NULL);
	assert_true(fido_dev_is_fido2(s.dev));
	assert_true(fido_dev_supports_pin(s.dev));
	assert_false(fido_dev_has_pin(s.dev));
	assert_true(fido_dev_supports_cred_prot(s.dev));
	assert_true(fido_dev_supports_credman(s.dev));
	assert_false(fido_dev_supports_uv(s.dev));
	assert_int_equal(fido_dev_get_cbor_info(s.dev, info), FIDO_OK);
	assert_int_equal(fido_cbor_info_versions_len(info), 3);
	assert_int_equal(fido_cbor_info_extensions_len(info), 2);
	assert_int_equal(fido_cbor_info_protocols_len(info), 2);
	assert_int_equal(fido_cbor_info_protocols_ptr(info)[0], 2);
	assert_int_equal(fido_cbor_info_protocols_ptr(info)[1], 1);
	assert_int_equal(fido_cbor_info_maxmsgsiz(info), AUTHENTICATOR_MESSAGE);
	assert_int_equal(fido_cbor_info_algorithm_count(info), 2);
	assert_int_equal(fido_cbor_info_algorithm_cose(info, 0), COSE_ES256);
	assert_int_equal(fido_cbor_info_algorithm_cose(info, 1), COSE_EDDSA);
	fido_cbor_info_free(&info);
	scene_end(&s);
}

/* Both types; attested by a batch key and by themselves. */
static void test_sign(void **state)
{
	struct authenticator_options options;
	struct scene s;
	fido_cred_t *cred;
	fido_assert_t *a;

	(void)state;
	authenticator_options_default(&options);
	for (int self = 0; self < 2; self++) {
		options.attestation = self ? AUTHENTICATOR_ATTEST_SELF : AUTHENTICATOR_ATTEST_CERT;
		scene_start(&s, &options);
		for (size_t i = 0; i < N_TYPES; i++) {
			const struct wish w = {.type = types[i], .self = self};
			uint32_t counter;

			make_ok(&s, &w, &cred);
			assert_int_equal(fido_cred_type(cred), types[i]);
			assert_int_equal(fido_cred_aaguid_len(cred), sizeof options.aaguid);
			assert_memory_equal(
			    fido_cred_aaguid_ptr(cred), options.aaguid, sizeof options.aaguid);
			assert_int_equal(
			    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
			scene_verify(a, 0, cred, true, false);
			counter = fido_assert_sigcount(a, 0);
			fido_assert_free(&a);
			assert_int_equal(
			    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
			assert_true(fido_assert_sigcount(a, 0) > counter);
			fido_assert_free(&a);
			fido_cred_free(&cred);
		}
		scene_end(&s);
	}
}

static void test_attest_none(void **state)
{
	struct authenticator_options options;
	struct scene s;
	const struct wish w = {.type = COSE_EDDSA};
	fido_cred_t *cred = fido_cred_new();

	(void)state;
	authenticator_options_default(&options);
	options.attestation = AUTHENTICATOR_ATTEST_NONE;
	scene_start(&s, &options);
	assert_int_equal(fido_cred_set_type(cred, w.type), FIDO_OK);
	assert_int_equal(fido_cred_set_clientdata(cred, (const unsigned char *)"x", 1), FIDO_OK);
	assert_int_equal(fido_cred_set_rp(cred, "ssh:", NULL), FIDO_OK);
	assert_int_equal(
	    fido_cred_set_user(cred, (const unsigned char *)"x", 1, NULL, NULL, NULL), FIDO_OK);
	assert_int_equal(fido_dev_make_cred(s.dev, cred, NULL), FIDO_OK);
	assert_string_equal(fido_cred_fmt(cred), "none");
	fido_cred_free(&cred);
	scene_end(&s);
}

static void test_silent(void **state)
{
	struct scene s;
	struct scene other;
	fido_cred_t *cred;
	fido_assert_t *a;
	struct wish w = {.type = COSE_EDDSA};

	(void)state;
	scene_start(&s, NULL);
	scene_start(&other, NULL);
	make_ok(&s, &w, &cred);
	/* Nobody touches it from here on. */
	authenticator_set_auto(s.authenticator, false);
	w.up = FIDO_OPT_FALSE;
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
	scene_verify(a, 0, cred, false, false);
	fido_assert_free(&a);
	assert_int_equal(scene_assert(&other, &w, (const fido_cred_t *[]){cred}, 1, &a),
	    FIDO_ERR_NO_CREDENTIALS);
	w.rp = "ssh:other";
	assert_int_equal(
	    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_ERR_NO_CREDENTIALS);
	assert_int_equal(scene_status(&s).silent, 2);
	assert_int_equal(scene_status(&s).assertions, 0);
	assert_int_equal(scene_status(&s).touches, 1);
	fido_cred_free(&cred);
	scene_end(&other);
	scene_end(&s);
}

static void test_lists(void **state)
{
	struct scene s;
	struct scene other;
	fido_cred_t *foreign;
	fido_cred_t *mine;
	fido_cred_t *again;
	fido_assert_t *a;
	struct wish w = {.type = COSE_ES256};

	(void)state;
	scene_start(&s, NULL);
	scene_start(&other, NULL);
	make_ok(&other, &w, &foreign);
	make_ok(&s, &w, &mine);
	assert_int_equal(
	    scene_assert(&s, &w, (const fido_cred_t *[]){foreign, mine}, 2, &a), FIDO_OK);
	scene_verify(a, 0, mine, true, false);
	assert_int_equal(fido_assert_id_len(a, 0), fido_cred_id_len(mine));
	assert_memory_equal(
	    fido_assert_id_ptr(a, 0), fido_cred_id_ptr(mine), fido_cred_id_len(mine));
	fido_assert_free(&a);
	w.exclude = foreign;
	make_ok(&s, &w, &again);
	fido_cred_free(&again);
	w.exclude = mine;
	assert_int_equal(scene_make(&s, &w, &again), FIDO_ERR_CREDENTIAL_EXCLUDED);
	fido_cred_free(&foreign);
	fido_cred_free(&mine);
	scene_end(&other);
	scene_end(&s);
}

/* Two stored for one rp: the newest first, and all of them; one more for another rp. */
static void test_resident(void **state)
{
	struct scene s;
	fido_cred_t *first;
	fido_cred_t *second;
	fido_cred_t *third;
	fido_assert_t *a;
	struct wish w = {.type = COSE_EDDSA, .rk = FIDO_OPT_TRUE, .user = "first"};

	(void)state;
	scene_start(&s, NULL);
	make_ok(&s, &w, &first);
	w.user = "second";
	w.type = COSE_ES256;
	make_ok(&s, &w, &second);
	w.rp = "ssh:elsewhere";
	make_ok(&s, &w, &third);
	w.rp = NULL;
	w.rk = FIDO_OPT_OMIT;
	assert_int_equal(scene_status(&s).resident, 3);
	assert_int_equal(scene_assert(&s, &w, NULL, 0, &a), FIDO_OK);
	assert_int_equal(fido_assert_count(a), 2);
	scene_verify(a, 0, second, true, false);
	scene_verify(a, 1, first, true, false);
	assert_int_equal(fido_assert_user_id_len(a, 1), strlen("first"));
	assert_memory_equal(fido_assert_user_id_ptr(a, 1), "first", strlen("first"));
	fido_assert_free(&a);
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){first}, 1, &a), FIDO_OK);
	assert_int_equal(fido_assert_count(a), 1);
	scene_verify(a, 0, first, true, false);
	fido_assert_free(&a);
	/* The same user again takes the place of the first. */
	fido_cred_free(&third);
	w = (struct wish){.type = COSE_EDDSA, .rk = FIDO_OPT_TRUE, .user = "first"};
	make_ok(&s, &w, &third);
	assert_int_equal(scene_status(&s).resident, 3);
	w.rk = FIDO_OPT_OMIT;
	assert_int_equal(
	    scene_assert(&s, &w, (const fido_cred_t *[]){first}, 1, &a), FIDO_ERR_NO_CREDENTIALS);
	fido_cred_free(&first);
	fido_cred_free(&second);
	fido_cred_free(&third);
	scene_end(&s);
}

static void test_full(void **state)
{
	struct authenticator_options options;
	struct scene s;
	fido_cred_t *cred;
	struct wish w = {.type = COSE_ES256, .rk = FIDO_OPT_TRUE};

	(void)state;
	authenticator_options_default(&options);
	options.resident_max = 1;
	scene_start(&s, &options);
	make_ok(&s, &w, &cred);
	fido_cred_free(&cred);
	w.user = "another";
	assert_int_equal(scene_make(&s, &w, &cred), FIDO_ERR_KEY_STORE_FULL);
	authenticator_options(s.authenticator)->rk = false;
	assert_int_equal(scene_make(&s, &w, &cred), FIDO_ERR_UNSUPPORTED_OPTION);
	scene_end(&s);
}

static void test_id_length(void **state)
{
	static const size_t lengths[] = {64, 255, 1024, 2048};
	struct authenticator_options options;
	struct scene s;
	fido_cred_t *cred;
	fido_assert_t *a;
	const struct wish w = {.type = COSE_EDDSA};

	(void)state;
	authenticator_options_default(&options);
	options.max_message = 4096;
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		options.id_length = lengths[i];
		scene_start(&s, &options);
		make_ok(&s, &w, &cred);
		assert_int_equal(fido_cred_id_len(cred), lengths[i]);
		/* libfido2 1.12 sends at most 2048 bytes; the rest of a request needs some of them.
		 */
		if (lengths[i] < 2000) {
			assert_int_equal(
			    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
			scene_verify(a, 0, cred, true, false);
			fido_assert_free(&a);
		}
		fido_cred_free(&cred);
		scene_end(&s);
	}
}

struct person {
	struct scene *scene;
	unsigned asked;
	bool no;
	bool cancel;
};

/* The third time that it is asked. */
static void answer(void *arg)
{
	struct person *p = arg;

	if (++p->asked != 3)
		return;
	assert_true(scene_status(p->scene).waiting);
	if (p->cancel)
		fido_dev_cancel(p->scene->dev);
	else if (p->no)
		authenticator_refuse(p->scene->authenticator);
	else
		authenticator_touch(p->scene->authenticator);
}

static void test_touch(void **state)
{
	struct scene s;
	struct person p = {.scene = &s};
	fido_cred_t *cred;
	fido_assert_t *a;
	const struct wish w = {.type = COSE_EDDSA};

	(void)state;
	scene_start(&s, NULL);
	make_ok(&s, &w, &cred);
	authenticator_set_auto(s.authenticator, false);
	virtual_dev_on_wait(s.dev, answer, &p);
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
	scene_verify(a, 0, cred, true, false);
	fido_assert_free(&a);
	assert_int_equal(p.asked, 3);
	assert_false(scene_status(&s).waiting);
	p = (struct person){.scene = &s, .no = true};
	assert_int_equal(
	    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_ERR_OPERATION_DENIED);
	p = (struct person){.scene = &s, .cancel = true};
	assert_int_equal(
	    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_ERR_KEEPALIVE_CANCEL);
	assert_int_equal(scene_status(&s).cancelled, 1);
	virtual_dev_on_wait(s.dev, NULL, NULL);
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a),
	    FIDO_ERR_USER_ACTION_TIMEOUT);
	/* One given in advance, and one after a while. */
	authenticator_touch(s.authenticator);
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
	fido_assert_free(&a);
	authenticator_set_auto(s.authenticator, true);
	authenticator_set_delay(s.authenticator, 29000);
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
	fido_assert_free(&a);
	authenticator_set_delay(s.authenticator, 31000);
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a),
	    FIDO_ERR_USER_ACTION_TIMEOUT);
	fido_cred_free(&cred);
	scene_end(&s);
}

/* A key whose options contradict its use, a file in between, and another life after it. */
static void test_kept(void **state)
{
	struct authenticator_options options;
	char folder[64];
	char path[96];
	struct authenticator *loaded;
	struct scene s;
	fido_cred_t *cred;
	fido_cred_t *stored;
	fido_assert_t *a;
	uint32_t counter;
	struct wish w = {.type = COSE_EDDSA};

	(void)state;
	base_folder_make(folder);
	snprintf(path, sizeof path, "%s/key", folder);
	authenticator_options_default(&options);
	options.id_length = 100;
	scene_start(&s, &options);
	make_ok(&s, &w, &cred);
	w.rk = FIDO_OPT_TRUE;
	make_ok(&s, &w, &stored);
	w.rk = FIDO_OPT_OMIT;
	assert_int_equal(authenticator_set_pin(s.authenticator, "1234"), ERR_OK);
	counter = scene_status(&s).counter;
	assert_int_equal(authenticator_save(s.authenticator, path), ERR_OK);
	assert_int_equal(authenticator_load(path, &loaded), ERR_OK);
	authenticator_free(s.authenticator);
	s.authenticator = loaded;
	authenticator_set_auto(loaded, true);
	scene_reopen(&s);
	assert_int_equal(authenticator_options(loaded)->id_length, 100);
	assert_true(fido_dev_has_pin(s.dev));
	assert_int_equal(scene_status(&s).counter, counter);
	assert_int_equal(scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_OK);
	scene_verify(a, 0, cred, true, false);
	fido_assert_free(&a);
	w.pin = "1234";
	assert_int_equal(scene_assert(&s, &w, NULL, 0, &a), FIDO_OK);
	scene_verify(a, 0, stored, true, true);
	assert_string_equal(fido_assert_user_name(a, 0), "someone");
	fido_assert_free(&a);
	fido_cred_free(&cred);
	fido_cred_free(&stored);
	scene_end(&s);
	assert_int_equal(truncate(path, 300), 0);
	assert_int_not_equal(authenticator_load(path, &loaded), ERR_OK);
	base_folder_remove(folder);
}

static void test_reset(void **state)
{
	struct scene s;
	fido_cred_t *cred;
	fido_assert_t *a;
	struct wish w = {.type = COSE_ES256, .rk = FIDO_OPT_TRUE};

	(void)state;
	scene_start(&s, NULL);
	make_ok(&s, &w, &cred);
	assert_int_equal(authenticator_set_pin(s.authenticator, "1234"), ERR_OK);
	assert_int_equal(fido_dev_reset(s.dev), FIDO_OK);
	assert_int_equal(scene_status(&s).resident, 0);
	assert_false(scene_status(&s).pin_set);
	w.rk = FIDO_OPT_OMIT;
	assert_int_equal(
	    scene_assert(&s, &w, (const fido_cred_t *[]){cred}, 1, &a), FIDO_ERR_NO_CREDENTIALS);
	fido_cred_free(&cred);
	scene_end(&s);
}

/* Which of several keys is the one to use: a touch without an operation, old and new way. */
static void test_choose(void **state)
{
	struct authenticator_options options;
	struct scene s;
	int touched = 0;

	(void)state;
	authenticator_options_default(&options);
	for (int preview = 0; preview < 2; preview++) {
		options.preview = preview;
		scene_start(&s, &options);
		authenticator_set_auto(s.authenticator, false);
		assert_int_equal(fido_dev_get_touch_begin(s.dev), FIDO_OK);
		assert_int_equal(fido_dev_get_touch_status(s.dev, &touched, 100), FIDO_OK);
		assert_int_equal(touched, 0);
		authenticator_touch(s.authenticator);
		assert_int_equal(fido_dev_get_touch_status(s.dev, &touched, 100), FIDO_OK);
		assert_int_equal(touched, 1);
		scene_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_info),
	    cmocka_unit_test(test_sign),
	    cmocka_unit_test(test_attest_none),
	    cmocka_unit_test(test_silent),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_resident),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_id_length),
	    cmocka_unit_test(test_touch),
	    cmocka_unit_test(test_kept),
	    cmocka_unit_test(test_reset),
	    cmocka_unit_test(test_choose),
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
