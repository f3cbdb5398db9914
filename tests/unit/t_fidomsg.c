#include "tests/support/base_test.h"

#include <string.h>

#include "proto/fidokey.h"
#include "proto/fidomsg.h"
#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

#define TEXT(s) BYTES(s, sizeof(s) - 1)

/* Forms of fidomsg.h, written by hand: version, kind, fields. */
#define CREDENTIAL "\1\0\0\0\4ssh:\0\0\0\2\xab\xcd\5"
#define PUBLIC_32  "0123456789abcdef0123456789abcdef"
static const char probe_text[] = "\2\x12\0\0\0\6/dev/x\0\0\0\2" CREDENTIAL CREDENTIAL;
static const char choose_text[] = "\2\x13\0\0\0\2\0\0\0\1a\0\0\0\2bc";
static const char sign_text[] = "\2\x14\0\0\0\0\0\0\0\6/dev/x" CREDENTIAL "\0\0\0\3d\0t"
				"\0\0\0\4\x31\x32\x33\x34";
static const char resident_text[] = "\2\x15\0\0\0\5/a.so\0\0\0\0\0\0\0\2pw";
static const char resolve_text[] = "\2\x16\0\0\0\3sk*";
static const char devices_text[] =
    "\2\x20\0\0\0\1\0\0\0\6/dev/x\0\0\0\0\0\0\1\2\1\0\0\0\3K\xc3\xa9";
static const char probed_text[] = "\2\x21\0\0\0\x3f"
				  "AAGUID_of_16_byt\0\0\0\0\0\5\4\3\x08\x03\0\0\0\3\0\1\2";
static const char signed_text[] = "\2\x23\0\0\0\2r1\0\0\0\1s\5\0\0\1\7";
static const char keys_text[] =
    "\2\x24\0\0\0\1" CREDENTIAL "\0\0\0\x20" PUBLIC_32 "\0\0\0\3u\0v\0\0\0\3joe";
static const char resolved_text[] = "\2\x25\0\0\0\5/a.so";
static const char loaded_text[] = "\2\x26\0\x0a\0\0";
static const char failed_text[] = {
    HELPER_VERSION, FIDO_FAILED, ERR_PIN, 7, 0, 0, 0, 4, 'o', 'o', 'p', 's', 0};

#define MESSAGE(text) BYTES(text, sizeof(text) - 1)

static const struct fido_credential credential = {
    .algorithm = FIDO_ED25519,
    .application = {(const uint8_t *)"ssh:", 4},
    .handle = {(const uint8_t *)"\xab\xcd", 2},
    .flags = FIDO_TOUCH | FIDO_VERIFY,
};

/* b holds exactly one frame with this content. */
static void built(struct builder *b, struct bytes content)
{
	struct bytes got;

	assert_int_equal(builder_error(b), ERR_OK);
	assert_int_equal(frame_next(builder_view(b), LIMIT_FIDO_ANSWER, &got), FRAME_READY);
	assert_int_equal(builder_view(b).len, FRAME_HEADER + got.len);
	assert_int_equal(got.len, content.len);
	assert_memory_equal(got.data, content.data, content.len);
	builder_clear(b);
}

static void same_credential(const struct fido_credential *c)
{
	assert_int_equal(c->algorithm, FIDO_ED25519);
	assert_true(bytes_is(c->application, "ssh:"));
	assert_true(bytes_equal(c->handle, TEXT("\xab\xcd")));
	assert_int_equal(c->flags, FIDO_TOUCH | FIDO_VERIFY);
}

static void requests_about_devices(void **state)
{
	static const struct bytes two[] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"bc", 2}};
	struct bytes paths[FIDO_PATHS_MOST];
	struct fido_probe probe;
	struct fido_credential c;
	struct builder b = {0};
	size_t mark, count;

	(void)state;
	fido_probe_open(&b, TEXT("/dev/x"), 2, &mark);
	fido_credential_put(&b, &credential);
	fido_credential_put(&b, &credential);
	fido_probe_close(&b, mark);
	built(&b, MESSAGE(probe_text));
	assert_int_equal(fido_probe_parse(MESSAGE(probe_text), &probe), ERR_OK);
	assert_true(bytes_is(probe.path, "/dev/x"));
	assert_int_equal(probe.count, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fido_credential_next(&probe.credentials, &c), ERR_OK);
		same_credential(&c);
	}
	assert_int_equal(fido_credential_next(&probe.credentials, &c), ERR_TRUNCATED);
	fido_choose_build(&b, two, 2);
	built(&b, MESSAGE(choose_text));
	assert_int_equal(fido_choose_parse(MESSAGE(choose_text), paths, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_true(bytes_is(paths[0], "a") && bytes_is(paths[1], "bc"));
}

static void requests_about_keys(void **state)
{
	const struct fido_sign sign = {
	    .path = TEXT("/dev/x"), .key = credential, .data = TEXT("d\0t"), .pin = TEXT("1234")};
	const struct fido_resident resident = {.provider = TEXT("/a.so"), .pin = TEXT("pw")};
	struct fido_sign s;
	struct fido_resident r;
	struct builder b = {0};
	struct bytes text;

	(void)state;
	fido_sign_build(&b, &sign);
	built(&b, MESSAGE(sign_text));
	assert_int_equal(fido_sign_parse(MESSAGE(sign_text), &s), ERR_OK);
	assert_int_equal(s.provider.len, 0);
	assert_true(bytes_is(s.path, "/dev/x") && bytes_is(s.pin, "1234"));
	assert_true(bytes_equal(s.data, TEXT("d\0t")));
	same_credential(&s.key);
	fido_resident_build(&b, &resident);
	built(&b, MESSAGE(resident_text));
	assert_int_equal(fido_resident_parse(MESSAGE(resident_text), &r), ERR_OK);
	assert_true(bytes_is(r.provider, "/a.so") && r.path.len == 0 && bytes_is(r.pin, "pw"));
	fido_text_build(&b, FIDO_RESOLVE, TEXT("sk*"));
	built(&b, MESSAGE(resolve_text));
	assert_int_equal(fido_text_parse(MESSAGE(resolve_text), FIDO_RESOLVE, &text), ERR_OK);
	assert_true(bytes_is(text, "sk*"));
	fido_plain_build(&b, FIDO_CANCEL);
	built(&b, TEXT("\2\x18"));
	assert_int_equal(fido_plain_parse(TEXT("\2\x18"), FIDO_CANCEL), ERR_OK);
}

static void answers_about_devices(void **state)
{
	const struct fido_device device = {TEXT("/dev/x"), 0x102, FIDO_HID, TEXT("K\xc3\xa9")};
	const struct fido_info info = {.abilities = FIDO_ABILITIES,
	    .aaguid = "AAGUID_of_16_by"
		      "t",
	    .firmware = 0x50403,
	    .pin_tries = 8,
	    .uv_tries = 3};
	struct fido_device devices[FIDO_PATHS_MOST];
	struct builder b = {0};
	struct fido_info i;
	struct bytes held;
	size_t count;

	(void)state;
	fido_devices_build(&b, &device, 1);
	built(&b, MESSAGE(devices_text));
	assert_int_equal(fido_devices_parse(MESSAGE(devices_text), devices, &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_true(bytes_is(devices[0].path, "/dev/x") && bytes_is(devices[0].name, "K\xc3\xa9"));
	assert_int_equal(devices[0].instance, 0x102);
	assert_int_equal(devices[0].transport, FIDO_HID);
	fido_probed_build(&b, &info, TEXT("\0\1\2"));
	built(&b, MESSAGE(probed_text));
	assert_int_equal(fido_probed_parse(MESSAGE(probed_text), &i, &held), ERR_OK);
	assert_memory_equal(i.aaguid, "AAGUID_of_16_byt", 16);
	assert_int_equal(i.abilities, FIDO_ABILITIES);
	assert_int_equal(i.firmware, 0x50403);
	assert_int_equal(i.pin_tries, 8);
	assert_int_equal(i.uv_tries, 3);
	assert_true(bytes_equal(held, TEXT("\0\1\2")));
}

static void answers_about_keys(void **state)
{
	const struct fido_signed good = {TEXT("r1"), TEXT("s"), FIDO_TOUCH | FIDO_VERIFY, 0x107};
	const struct fido_key key = {credential, TEXT(PUBLIC_32), TEXT("u\0v"), TEXT("joe")};
	const struct fido_failure failure = {ERR_PIN, 7, TEXT("oops")};
	struct builder b = {0};
	struct fido_signed s;
	struct fido_failure f;
	struct fido_key k;
	struct reader r;
	struct bytes text;
	uint32_t n;

	(void)state;
	fido_signed_build(&b, &good);
	built(&b, MESSAGE(signed_text));
	assert_int_equal(fido_signed_parse(MESSAGE(signed_text), &s), ERR_OK);
	assert_true(bytes_is(s.r, "r1") && bytes_is(s.s, "s"));
	assert_int_equal(s.flags, FIDO_TOUCH | FIDO_VERIFY);
	assert_int_equal(s.counter, 0x107);
	fido_keys_build(&b, &key, 1);
	built(&b, MESSAGE(keys_text));
	assert_int_equal(fido_keys_parse(MESSAGE(keys_text), &r, &n), ERR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(fido_key_next(&r, &k), ERR_OK);
	same_credential(&k.credential);
	assert_true(bytes_is(k.public, PUBLIC_32) && bytes_is(k.user_name, "joe"));
	assert_true(bytes_equal(k.user_id, TEXT("u\0v")));
	fido_text_build(&b, FIDO_RESOLVED, TEXT("/a.so"));
	built(&b, MESSAGE(resolved_text));
	assert_int_equal(fido_text_parse(MESSAGE(resolved_text), FIDO_RESOLVED, &text), ERR_OK);
	fido_loaded_build(&b, 0x0a0000);
	built(&b, MESSAGE(loaded_text));
	assert_int_equal(fido_loaded_parse(MESSAGE(loaded_text), &n), ERR_OK);
	assert_int_equal(n, 0x0a0000);
	assert_int_equal(fido_failed_parse(MESSAGE(failed_text), &f), ERR_OK);
	fido_failed_build(&b, &f);
	built(&b, MESSAGE(failed_text));
	assert_int_equal(f.tries, failure.tries);
	assert_int_equal(f.why, failure.why);
	assert_true(bytes_is(f.detail, "oops"));
}

/* --- bad input -------------------------------------------------------------- */

static enum err parse(struct bytes message)
{
	static struct fido_device devices[FIDO_PATHS_MOST];
	struct bytes paths[FIDO_PATHS_MOST], text;
	enum fido_kind kind;
	size_t count;
	uint32_t n;
	enum err e = fido_kind_of(message, &kind);

	if (e != ERR_OK)
		return e;
	switch (kind) {
	case FIDO_WATCH:
	case FIDO_LIST:
	case FIDO_CANCEL:
		return fido_plain_parse(message, kind);
	case FIDO_PROBE:
		return fido_probe_parse(message, &(struct fido_probe){0});
	case FIDO_CHOOSE:
		return fido_choose_parse(message, paths, &count);
	case FIDO_SIGN:
		return fido_sign_parse(message, &(struct fido_sign){0});
	case FIDO_RESIDENT:
		return fido_resident_parse(message, &(struct fido_resident){0});
	case FIDO_RESOLVE:
	case FIDO_LOAD:
	case FIDO_CHOSEN:
	case FIDO_RESOLVED:
		return fido_text_parse(message, kind, &text);
	case FIDO_DEVICES:
		return fido_devices_parse(message, devices, &count);
	case FIDO_PROBED:
		return fido_probed_parse(message, &(struct fido_info){0}, &text);
	case FIDO_SIGNED:
		return fido_signed_parse(message, &(struct fido_signed){0});
	case FIDO_KEYS:
		return fido_keys_parse(message, &(struct reader){0}, &n);
	case FIDO_LOADED:
		return fido_loaded_parse(message, &n);
	case FIDO_FAILED:
		return fido_failed_parse(message, &(struct fido_failure){0});
	}
	return ERR_MESSAGE;
}

struct sample {
	const char *text;
	size_t len;
};
#define SAMPLE(text)                                                                               \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct sample samples[] = {
    SAMPLE("\2\x10"),
    SAMPLE(probe_text),
    SAMPLE(choose_text),
    SAMPLE(sign_text),
    SAMPLE(resident_text),
    SAMPLE(resolve_text),
    SAMPLE(devices_text),
    SAMPLE(probed_text),
    SAMPLE(signed_text),
    SAMPLE(keys_text),
    SAMPLE(resolved_text),
    SAMPLE(loaded_text),
    SAMPLE(failed_text),
};

/* Every shorter message, every longer one, and every other version and kind is refused. */
static void cut_and_longer_messages_are_refused(void **state)
{
	uint8_t copy[256];

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		size_t len = samples[i].len;

		assert_true(len < sizeof(copy));
		memcpy(copy, samples[i].text, len);
		copy[len] = 0;
		assert_int_equal(parse(BYTES(copy, len)), ERR_OK);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(parse(BYTES(copy, n)), ERR_TRUNCATED);
		assert_int_equal(parse(BYTES(copy, len + 1)), ERR_SURPLUS);
		copy[0] = HELPER_VERSION + 1;
		assert_int_equal(parse(BYTES(copy, len)), ERR_VERSION);
		assert_int_equal(
		    fido_probe_parse(BYTES(copy, len), &(struct fido_probe){0}), ERR_VERSION);
	}
	assert_int_equal(fido_plain_parse(TEXT("\2\x10"), FIDO_LIST), ERR_MESSAGE);
	for (int kind = 0; kind < 256; kind++) {
		const uint8_t message[] = {HELPER_VERSION, (uint8_t)kind};
		bool known = (kind >= 16 && kind <= 24) || (kind >= 32 && kind <= 39);
		enum fido_kind got;

		assert_int_equal(
		    fido_kind_of(BYTES(message, 2), &got), known ? ERR_OK : ERR_MESSAGE);
	}
}

static void malformed_fields_are_refused(void **state)
{
	static const struct {
		struct sample message;
		enum err e;
	} table[] = {
	    {SAMPLE("\2\x12\0\0\0\0\0\0\0\0"), ERR_FORMAT}, /* no path */
	    {SAMPLE("\2\x12\0\0\0\1a\0\0\1\1"), ERR_LIMIT}, /* 257 credentials */
	    {SAMPLE("\2\x12\0\0\0\1a\0\0\0\1\2\0\0\0\0\0\0\0\0\0"), ERR_FORMAT}, /* algorithm */
	    {SAMPLE("\2\x12\0\0\0\1a\0\0\0\1\0\0\0\0\1\0\0\0\0\0\0"), ERR_TEXT}, /* application */
	    {SAMPLE("\2\x13\0\0\0\0"), ERR_FORMAT},         /* choose of none */
	    {SAMPLE("\2\x13\0\0\0\x21"), ERR_LIMIT},        /* of 33 */
	    {SAMPLE("\2\x13\0\0\0\1\0\0\0\0"), ERR_FORMAT}, /* an empty path */
	    {SAMPLE("\2\x13\0\0\0\1\0\0\0\1\0"), ERR_TEXT},
	    {SAMPLE("\2\x15\0\0\0\1a\0\0\0\1b\0\0\0\0"), ERR_FORMAT}, /* provider and path */
	    {SAMPLE("\2\x15\0\0\0\0\0\0\0\0\0\0\0\0"), ERR_FORMAT},   /* neither */
	    {SAMPLE("\2\x15\0\0\0\1a\0\0\0\0\0\0\0\1\0"), ERR_TEXT},  /* PIN with a NUL */
	    {SAMPLE("\2\x16\0\0\0\0"), ERR_FORMAT},                   /* no library */
	    {SAMPLE("\2\x25\0\0\0\4a.so"), ERR_FORMAT},               /* not absolute */
	    {SAMPLE("\2\x20\0\0\0\x21"), ERR_LIMIT},
	    {SAMPLE("\2\x20\0\0\0\1\0\0\0\1a\0\0\0\0\0\0\0\1\3\0\0\0\0"), ERR_FORMAT},
	    {SAMPLE("\2\x20\0\0\0\1\0\0\0\1a\0\0\0\0\0\0\0\1\0\0\0\0\0"), ERR_FORMAT},
	    {SAMPLE("\2\x20\0\0\0\1\0\0\0\1a\0\0\0\0\0\0\0\1\1\0\0\0\1\x1b"), ERR_TEXT},
	    {SAMPLE("\2\x20\0\0\0\1\0\0\0\1a\0\0\0\0\0\0\0\1\1\0\0\0\1\xff"), ERR_TEXT},
	    {SAMPLE("\2\x21\0\0\0\x40"
		    "AAGUID_of_16_byt\0\0\0\0\0\5\4\3\x08\x03\0\0\0\0"),
		ERR_FORMAT},
	    {SAMPLE("\2\x21\0\0\0\0"
		    "AAGUID_of_16_byt\0\0\0\0\0\5\4\3\x08\x03\0\0\0\1\3"),
		ERR_FORMAT},
	    {SAMPLE("\2\x23\0\0\0\0\0\0\0\1s\0\0\0\0\0"), ERR_FORMAT}, /* no r */
	    {SAMPLE("\2\x23\0\0\0\1r\0\0\0\0\0\0\0\0\0"), ERR_FORMAT}, /* no s */
	    {SAMPLE("\2\x23\0\0\0\x21" PUBLIC_32 "x\0\0\0\1s\0\0\0\0\0"), ERR_FORMAT},
	    {SAMPLE("\2\x23\0\0\0\1r\0\0\0\x21" PUBLIC_32 "x\0\0\0\0\0"), ERR_FORMAT},
	    {SAMPLE("\2\x23\0\0\0\x40" PUBLIC_32 PUBLIC_32 "\0\0\0\1s\0\0\0\0\0"), ERR_FORMAT},
	    {SAMPLE("\2\x24\0\0\4\1"), ERR_LIMIT},
	    {SAMPLE("\2\x24\0\0\0\1" CREDENTIAL "\0\0\0\1x\0\0\0\0\0\0\0\0"), ERR_FORMAT},
	    {SAMPLE("\2\x24\0\0\0\1" CREDENTIAL "\0\0\0\x20" PUBLIC_32
		    "\0\0\0\x41" PUBLIC_32 PUBLIC_32 "x\0\0\0\0"),
		ERR_LIMIT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum err e = parse(BYTES(table[i].message.text, table[i].message.len));

		if (e != table[i].e)
			fail_msg("row %zu: %s, not %s", i, err_text(e), err_text(table[i].e));
	}
	assert_int_equal(
	    parse(TEXT("\2\x23\0\0\0\x40" PUBLIC_32 PUBLIC_32 "\0\0\0\0\0\0\0\0\0")), ERR_OK);
}

/* A field at its limit is read, one byte more is not. */
static void limits_are_exact(void **state)
{
	static uint8_t big[LIMIT_FIDO_ANSWER + 1];
	static const struct {
		size_t path, application, handle, data, pin;
		enum err e;
	} table[] = {
	    {FIDO_PATH_MOST, FIDO_APPLICATION_MOST, FIDO_HANDLE_MOST, LIMIT_MESSAGE, FIDO_PIN_MOST,
		ERR_OK},
	    {1, 0, 0, 0, 0, ERR_OK},
	    {FIDO_PATH_MOST + 1, 0, 0, 0, 0, ERR_LIMIT},
	    {1, FIDO_APPLICATION_MOST + 1, 0, 0, 0, ERR_LIMIT},
	    {1, 0, FIDO_HANDLE_MOST + 1, 0, 0, ERR_LIMIT},
	    {1, 0, 0, LIMIT_MESSAGE + 1, 0, ERR_LIMIT},
	    {1, 0, 0, 0, FIDO_PIN_MOST + 1, ERR_LIMIT},
	};

	(void)state;
	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct fido_sign m = {.path = BYTES(big, table[i].path),
		    .key.application = BYTES(big, table[i].application),
		    .key.handle = BYTES(big, table[i].handle),
		    .data = BYTES(big, table[i].data),
		    .pin = BYTES(big, table[i].pin)};
		struct builder b = {0};
		struct bytes content;

		fido_sign_build(&b, &m);
		assert_int_equal(
		    frame_next(builder_view(&b), LIMIT_FIDO_REQUEST, &content), FRAME_READY);
		assert_int_equal(parse(content), table[i].e);
		builder_clear(&b);
	}
	big[0] = HELPER_VERSION;
	big[1] = FIDO_SIGN;
	assert_int_equal(parse(BYTES(big, LIMIT_FIDO_REQUEST + 1)), ERR_TOO_LONG);
	big[1] = FIDO_KEYS;
	assert_int_equal(parse(BYTES(big, LIMIT_FIDO_REQUEST + 1)), ERR_LIMIT);
	assert_int_equal(parse(BYTES(big, LIMIT_FIDO_ANSWER + 1)), ERR_TOO_LONG);
}

/* A helper cannot make the agent say what only the agent can find. */
static void failures_are_of_a_list(void **state)
{
	uint8_t message[] = {HELPER_VERSION, FIDO_FAILED, 0, FIDO_TRIES_UNKNOWN, 0, 0, 0, 0};
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		bool allowed = fido_failure_allowed((enum err)i);

		message[2] = (uint8_t)i;
		assert_int_equal(
		    parse(BYTES(message, sizeof(message))), allowed ? ERR_OK : ERR_FORMAT);
		count += allowed;
	}
	assert_int_equal(count, 21);
	message[2] = ERR_PIN_NEEDED;
	message[3] = 7;
	assert_int_equal(parse(BYTES(message, sizeof(message))), ERR_OK);
	message[2] = ERR_DEVICE; /* tries that mean nothing */
	assert_int_equal(parse(BYTES(message, sizeof(message))), ERR_FORMAT);
	assert_false(fido_failure_allowed(ERR_OK));
	assert_false(fido_failure_allowed(ERR_NO_PROMPT));
	assert_false(fido_failure_allowed(ERR_LOCKED));
	assert_false(fido_failure_allowed(ERR_HELPER));
	assert_true(fido_failure_allowed(ERR_TOUCH_TIMEOUT));
}

/* A resident key becomes a key as a file would have it; its public half has its type's length. */
static void keys_of_devices(void **state)
{
	static const uint8_t public[65] = {4};
	struct fido_key key = {.credential = {.algorithm = FIDO_ECDSA,
				   .application = bytes_str("ssh:"),
				   .handle = bytes_str("handle"),
				   .flags = 1},
	    .public = BYTES(public, 65)};
	struct privkey k = {0};

	(void)state;
	assert_int_equal(fido_key_read(&key, &k), ERR_OK);
	assert_string_equal(k.type->name, "sk-ecdsa-sha2-nistp256@openssh.com");
	assert_ptr_equal(k.public.ec.point.data, public);
	assert_true(bytes_is(k.sk.handle, "handle"));
	key.public.len = 64;
	assert_int_equal(fido_key_read(&key, &k), ERR_KEY_INVALID);
	key.credential.algorithm = FIDO_ED25519;
	assert_int_equal(fido_key_read(&key, &k), ERR_KEY_INVALID);
	key.public.len = 32;
	assert_int_equal(fido_key_read(&key, &k), ERR_OK);
	assert_int_equal(k.public.raw.len, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_about_devices),
	    cmocka_unit_test(requests_about_keys),
	    cmocka_unit_test(answers_about_devices),
	    cmocka_unit_test(answers_about_keys),
	    cmocka_unit_test(cut_and_longer_messages_are_refused),
	    cmocka_unit_test(malformed_fields_are_refused),
	    cmocka_unit_test(limits_are_exact),
	    cmocka_unit_test(failures_are_of_a_list),
	    cmocka_unit_test(keys_of_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
