/* Sealing idle bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "keystore/crypto.h"
#include "keystore/shield.h"
#include "tests/support/secret_child.h"

enum { OVERHEAD = 28 };

static void start(void)
{
	child_start_secrets(SECRET_LOCKED);
	CHILD_CHECK(shield_start() == ERR_OK);
}

static bool holds(struct bytes where, struct bytes what)
{
	return memmem(where.data, where.len, what.data, what.len) != NULL;
}

static void check_sizes(void *unused)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 4096, 256 * 1024};
	static uint8_t plain[256 * 1024];

	(void)unused;
	start();
	CHILD_CHECK(crypto_random(plain, sizeof(plain)) == ERR_OK);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct bytes in = BYTES(plain, sizes[i]);
		struct shielded sealed = {NULL, 0};
		struct blob out = {NULL, 0};

		CHILD_CHECK(shield_seal(in, &sealed) == ERR_OK);
		CHILD_CHECK(sealed.len == sizes[i] + OVERHEAD);
		CHILD_CHECK(sizes[i] < 15 || !holds(BYTES(sealed.data, sealed.len), in));
		CHILD_CHECK(shield_open(&sealed, &out) == ERR_OK);
		CHILD_CHECK(bytes_equal(blob_view(&out), in));
		blob_clear(&out);
		shield_free(&sealed);
		CHILD_CHECK(sealed.data == NULL && sealed.len == 0);
		shield_free(&sealed);
	}
}

static void test_opens_what_was_sealed(void **state)
{
	(void)state;
	assert_int_equal(child_run(check_sizes, NULL), 0);
}

static void check_changes(void *unused)
{
	const struct bytes in = bytes_str("bytes that nobody may change");
	struct shielded sealed;
	struct shielded shorter;
	struct blob out = {NULL, 0};

	(void)unused;
	start();
	CHILD_CHECK(blob_copy(&out, bytes_str("kept")) == ERR_OK);
	CHILD_CHECK(shield_seal(in, &sealed) == ERR_OK);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 0x40;
		CHILD_CHECK(shield_open(&sealed, &out) == ERR_CRYPTO);
		sealed.data[i] ^= 0x40;
	}
	for (size_t n = 0; n < sealed.len; n++) {
		shorter = (struct shielded){sealed.data, n};
		CHILD_CHECK(shield_open(&shorter, &out) == ERR_CRYPTO);
	}
	CHILD_CHECK(bytes_is(blob_view(&out), "kept"));
	CHILD_CHECK(shield_open(&sealed, &out) == ERR_OK);
	CHILD_CHECK(bytes_equal(blob_view(&out), in));
}

static void test_refuses_changed_and_cut_bytes(void **state)
{
	(void)state;
	assert_int_equal(child_run(check_changes, NULL), 0);
}

static void check_fresh(void *unused)
{
	const struct bytes in = bytes_str("the same bytes, sealed twice");
	struct shielded a;
	struct shielded b;

	(void)unused;
	start();
	CHILD_CHECK(shield_seal(in, &a) == ERR_OK && shield_seal(in, &b) == ERR_OK);
	CHILD_CHECK(memcmp(a.data, b.data, 12) != 0);
	CHILD_CHECK(memcmp(a.data + OVERHEAD, b.data + OVERHEAD, in.len) != 0);
}

static void test_seals_anew_each_time(void **state)
{
	(void)state;
	assert_int_equal(child_run(check_fresh, NULL), 0);
}

static void check_foreign(int socket, void *unused)
{
	uint8_t bytes[OVERHEAD + 4];
	struct shielded foreign = {bytes, sizeof(bytes)};
	struct blob out = {NULL, 0};

	(void)unused;
	start();
	CHILD_CHECK(child_receive(socket, bytes, sizeof(bytes)));
	CHILD_CHECK(shield_open(&foreign, &out) == ERR_CRYPTO);
}

static void seal_and_send(int socket, void *unused)
{
	struct shielded sealed;
	struct blob out = {NULL, 0};

	(void)unused;
	start();
	CHILD_CHECK(shield_seal(bytes_str("mine"), &sealed) == ERR_OK);
	CHILD_CHECK(shield_open(&sealed, &out) == ERR_OK);
	CHILD_CHECK(child_send(socket, sealed.data, sealed.len));
}

static void test_another_process_cannot_open_it(void **state)
{
	struct child a = child_start(seal_and_send, NULL);
	struct child b = child_start(check_foreign, NULL);
	uint8_t bytes[OVERHEAD + 4];

	(void)state;
	assert_true(child_receive(a.socket, bytes, sizeof(bytes)));
	assert_true(child_send(b.socket, bytes, sizeof(bytes)));
	assert_int_equal(child_stop(&a), 0);
	assert_int_equal(child_stop(&b), 0);
}

static void check_unstarted(void *unused)
{
	struct shielded sealed = {NULL, 0};

	(void)unused;
	child_start_secrets(SECRET_LOCKED);
	CHILD_CHECK(shield_seal(bytes_str("x"), &sealed) == ERR_CRYPTO);
	CHILD_CHECK(sealed.data == NULL);
}

static void test_without_a_key_nothing_is_sealed(void **state)
{
	(void)state;
	assert_int_equal(child_run(check_unstarted, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_opens_what_was_sealed),
	    cmocka_unit_test(test_refuses_changed_and_cut_bytes),
	    cmocka_unit_test(test_seals_anew_each_time),
	    cmocka_unit_test(test_another_process_cannot_open_it),
	    cmocka_unit_test(test_without_a_key_nothing_is_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
