/*
 * signet-fido's operations and answers of a device that no honest one gives, bent as the fuzzers
 * bend them: an input says what is asked of which key, and then what becomes of each answer.
 */
#include "tests/support/base_test.h"

#include "tests/fuzz/hostile_card.h"

/* First bytes of an input: an operation on a device, by touch. */
enum {
	PIN_DEVICE = 0x20,
	UV_DEVICE = 0x24,
	PLAIN_DEVICE = 0x28,
	U2F_DEVICE = 0x2c,
	ED25519 = 0x10,
	VERIFIED = 0x40,
	WITH_PIN = 0x80,
};

/* Those of a device before what it is asked for: to CTAPHID_INIT, and of its abilities. */
#define BEGINNING "\0\0"
#define STATUS    "\x02"
#define FLIP      "\x07\0"
#define WHOLE     "\x09"

/* What an authenticator signs, but for its last byte: the application's hash, flags and a counter.
 */
#define ZEROS  "\0\0\0\0\0\0\0\0"
#define SIGNED "\x02\x58\x25" ZEROS ZEROS ZEROS ZEROS "\x01\0\0\0\x07"
/* An answer with a signature of one byte, and the same that says that there are two. */
#define ONE    WHOLE "\x2d\x00\xa2" SIGNED "\x03\x41\x30"
#define OF_TWO WHOLE "\x2f\x00\xa3" SIGNED "\x03\x41\x30\x05\x02"

static int start(void **state)
{
	(void)state;
	hostile_start();
	return 0;
}

/* For so many times that it is asked if it shall go on; 0: for ever. */
static uint8_t patience;

static void run(uint8_t what, const char *script, size_t n)
{
	uint8_t input[256] = {what, patience};

	assert_in_range(n, 0, sizeof(input) - 2);
	memcpy(input + 2, script, n);
	hostile_run(input, n + 2);
}

#define RUN(what, script) run((uint8_t)(what), script, sizeof(script) - 1)

static void expect(enum err why, const char *words)
{
	assert_int_equal(hostile.why, why);
	if (strstr(hostile.op.detail, words) == NULL)
		fail_msg("\"%s\" has no \"%s\"", hostile.op.detail, words);
}

static void test_probe_that_is_refused(void **state)
{
	static const struct {
		uint8_t status, held;
	} table[] = {
	    {0x00, FIDO_HELD_YES},
	    {0x2e, FIDO_HELD_NO},
	    {0x22, FIDO_HELD_NO},
	    {0x27, FIDO_HELD_HIDDEN},
	    {0x2b, FIDO_HELD_HIDDEN},
	    {0x2c, FIDO_HELD_HIDDEN},
	    {0x31, FIDO_HELD_HIDDEN},
	    {0x33, FIDO_HELD_HIDDEN},
	    {0x36, FIDO_HELD_HIDDEN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char script[] = BEGINNING "\0" STATUS "?";

		script[sizeof(script) - 2] = (char)table[i].status;
		RUN(HOSTILE_PROBE | PLAIN_DEVICE, script);
		assert_int_equal(hostile.why, ERR_OK);
		assert_int_equal(hostile.held[0], table[i].held);
	}
	RUN(HOSTILE_PROBE | PLAIN_DEVICE, BEGINNING "\0" STATUS "\x7f");
	expect(ERR_DEVICE, "FIDO_ERR_ERR_OTHER");
	RUN(HOSTILE_PROBE | PLAIN_DEVICE, BEGINNING STATUS "\x01");
	expect(ERR_UNSUPPORTED, "FIDO_ERR_INVALID_COMMAND");
}

static void test_signatures_of_another_kind(void **state)
{
	(void)state;
	RUN(HOSTILE_SIGN | PLAIN_DEVICE, BEGINNING FLIP "\x14\x01");
	expect(ERR_DEVICE, "a signature of another key");
	RUN(HOSTILE_SIGN | PLAIN_DEVICE, BEGINNING ONE);
	expect(ERR_DEVICE, "the signature is malformed");
	RUN(HOSTILE_SIGN | PLAIN_DEVICE | ED25519, BEGINNING ONE);
	expect(ERR_DEVICE, "the signature is malformed");
	RUN(HOSTILE_SIGN | PLAIN_DEVICE, BEGINNING OF_TWO ONE);
	expect(ERR_DEVICE, "2 signatures");
}

/* It is tried again while there are tries, and no more often than three times. */
static void test_user_that_is_not_recognised(void **state)
{
	const uint8_t what = HOSTILE_SIGN | UV_DEVICE | VERIFIED;

	(void)state;
	RUN(what, BEGINNING "\0" STATUS "\x3f");
	expect(ERR_OK, "");
	RUN(what, BEGINNING "\0" STATUS "\x3c");
	expect(ERR_UV, "FIDO_ERR_UV_BLOCKED");
}

static void test_keys_that_are_not_there(void **state)
{
	(void)state;
	RUN(HOSTILE_RESIDENT | PIN_DEVICE | WITH_PIN, BEGINNING "\0");
	expect(ERR_OK, "");
	RUN(HOSTILE_RESIDENT | PIN_DEVICE | WITH_PIN, BEGINNING "\0\0\0" STATUS "\x2e");
	expect(ERR_OK, "");
	RUN(HOSTILE_RESIDENT | PLAIN_DEVICE, "");
	expect(ERR_UNSUPPORTED, "");
	RUN(HOSTILE_RESIDENT | U2F_DEVICE, "");
	expect(ERR_UNSUPPORTED, "cannot list its keys");
}

static void test_nobody_waits_any_more(void **state)
{
	(void)state;
	patience = 1;
	RUN(HOSTILE_RESIDENT | PIN_DEVICE | WITH_PIN, "");
	expect(ERR_CANCELLED, "");
	RUN(HOSTILE_SIGN | UV_DEVICE | VERIFIED, BEGINNING "\0" STATUS "\x3f");
	expect(ERR_UV, "");
	patience = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_probe_that_is_refused),
	    cmocka_unit_test(test_signatures_of_another_kind),
	    cmocka_unit_test(test_user_that_is_not_recognised),
	    cmocka_unit_test(test_keys_that_are_not_there),
	    cmocka_unit_test(test_nobody_waits_any_more),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
