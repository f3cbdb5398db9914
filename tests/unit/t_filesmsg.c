#include "tests/support/base_test.h"

#include <stdlib.h>
#include <string.h>

#include "proto/filesmsg.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define TEXT(s) BYTES(s, sizeof(s) - 1)

/* Forms of filesmsg.h, written by hand: version, kind, fields. */
#define PUBLIC                                                                                     \
	"\0\0\0\x33\0\0\0\x0bssh-ed25519\0\0\0\x20"                                                \
	"0123456789abcdef0123456789abcdef"
#define PATH "\0\0\0\4/k/a"
static const char watch_text[] = "\2\x60";
static const char learn_text[] = "\2\x61" PATH PUBLIC;
static const char forget_text[] = "\2\x61" PATH "\0\0\0\0";
static const char key_text[] = "\2\x68" PATH "\1" PUBLIC "\0\0\0\2me\0\0\0\2\0\0\0\1x\0\0\0\2yz";
static const char trouble_text[] = "\2\x69" PATH "\1";
static const char gone_text[] = "\2\x6a" PATH;
static const char done_text[] = "\2\x6b";
static const char open_text[] = "\2\x70" PATH PUBLIC "\1\0\0\0\2pw";
static const char open_plain_text[] = "\2\x70" PATH PUBLIC "\0\0\0\0\0";
static const char unlocked_text[] = "\2\x71\0\0\0\3key\0\0\0\2me";
static const char failed_text[] = "\2\x72\1";
static const char other_text[] = "\2\x73" PUBLIC;

static void assert_built(struct builder *b, struct bytes text)
{
	struct bytes message;

	assert_int_equal(frame_next(builder_view(b), LIMIT_FILES_MESSAGE, &message), FRAME_READY);
	assert_true(bytes_equal(message, text));
	builder_clear(b);
}

static void files(void **state)
{
	struct bytes path, public, certs[2];
	struct builder b = {0};
	struct files_key m;
	enum err why;

	(void)state;
	assert_int_equal(files_watch_parse(TEXT(watch_text)), ERR_OK);
	files_watch_build(&b);
	assert_built(&b, TEXT(watch_text));
	assert_int_equal(files_learn_parse(TEXT(learn_text), &path, &public), ERR_OK);
	assert_true(bytes_is(path, "/k/a"));
	files_learn_build(&b, path, public);
	assert_built(&b, TEXT(learn_text));
	assert_int_equal(files_learn_parse(TEXT(forget_text), &path, &public), ERR_OK);
	assert_int_equal(public.len, 0);
	assert_int_equal(files_key_parse(TEXT(key_text), &m), ERR_OK);
	assert_int_equal(m.flags, FILES_KEY_ENCRYPTED);
	assert_true(bytes_is(m.comment, "me"));
	assert_int_equal(m.cert_count, 2);
	assert_int_equal(files_cert_next(&m.certs, &certs[0]), ERR_OK);
	assert_int_equal(files_cert_next(&m.certs, &certs[1]), ERR_OK);
	assert_true(bytes_is(certs[0], "x") && bytes_is(certs[1], "yz"));
	assert_int_equal(files_cert_next(&m.certs, &certs[1]), ERR_TRUNCATED);
	files_key_build(&b, &m, certs);
	assert_built(&b, TEXT(key_text));
	assert_int_equal(files_trouble_parse(TEXT(trouble_text), &path, &why), ERR_OK);
	assert_int_equal(why, ERR_MEMORY);
	files_trouble_build(&b, path, why);
	assert_built(&b, TEXT(trouble_text));
	assert_int_equal(files_gone_parse(TEXT(gone_text), &path), ERR_OK);
	files_gone_build(&b, path);
	assert_built(&b, TEXT(gone_text));
	assert_int_equal(files_done_parse(TEXT(done_text)), ERR_OK);
	files_done_build(&b);
	assert_built(&b, TEXT(done_text));
}

static void unlocking(void **state)
{
	struct bytes key, comment;
	struct builder b = {0};
	struct unlock_open m;
	enum err why;

	(void)state;
	assert_int_equal(unlock_open_parse(TEXT(open_text), &m), ERR_OK);
	assert_true(m.has_passphrase && bytes_is(m.passphrase, "pw"));
	unlock_open_build(&b, &m);
	assert_built(&b, TEXT(open_text));
	assert_int_equal(unlock_open_parse(TEXT(open_plain_text), &m), ERR_OK);
	assert_false(m.has_passphrase);
	assert_int_equal(unlock_key_parse(TEXT(unlocked_text), &key, &comment), ERR_OK);
	assert_true(bytes_is(key, "key") && bytes_is(comment, "me"));
	unlock_key_build(&b, key, comment);
	assert_built(&b, TEXT(unlocked_text));
	assert_int_equal(unlock_failed_parse(TEXT(failed_text), &why), ERR_OK);
	unlock_failed_build(&b, why);
	assert_built(&b, TEXT(failed_text));
	assert_int_equal(unlock_other_parse(TEXT(other_text), &key), ERR_OK);
	assert_int_equal(key.len, 51);
	unlock_other_build(&b, key);
	assert_built(&b, TEXT(other_text));
}

/* Some parser that takes it. */
static bool is_taken(struct bytes text)
{
	struct unlock_open open;
	struct files_key key;
	struct bytes a, b;
	enum err why;

	return files_watch_parse(text) == ERR_OK || files_done_parse(text) == ERR_OK ||
	       files_learn_parse(text, &a, &b) == ERR_OK || files_key_parse(text, &key) == ERR_OK ||
	       files_trouble_parse(text, &a, &why) == ERR_OK ||
	       files_gone_parse(text, &a) == ERR_OK || unlock_open_parse(text, &open) == ERR_OK ||
	       unlock_key_parse(text, &a, &b) == ERR_OK ||
	       unlock_failed_parse(text, &why) == ERR_OK || unlock_other_parse(text, &a) == ERR_OK;
}

static void cut_and_longer_messages_are_refused(void **state)
{
	static const struct bytes all[] = {TEXT(watch_text), TEXT(learn_text), TEXT(forget_text),
	    TEXT(key_text), TEXT(trouble_text), TEXT(gone_text), TEXT(done_text), TEXT(open_text),
	    TEXT(open_plain_text), TEXT(unlocked_text), TEXT(failed_text), TEXT(other_text)};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint8_t *room = malloc(all[i].len + 1);

		assert_non_null(room);
		memcpy(room, all[i].data, all[i].len);
		room[all[i].len] = 0;
		assert_true(is_taken(BYTES(room, all[i].len)));
		assert_false(is_taken(BYTES(room, all[i].len + 1)));
		for (size_t len = 0; len < all[i].len; len++)
			assert_false(is_taken(BYTES(room, len)));
		room[0] = 3;
		assert_false(is_taken(BYTES(room, all[i].len)));
		free(room);
	}
}

static void malformed_fields_are_refused(void **state)
{
	static const struct bytes bad[] = {
	    TEXT("\2\x6a\0\0\0\0"),
	    TEXT("\2\x6a\0\0\0\1/"),
	    TEXT("\2\x6a\0\0\0\3k/a"),
	    TEXT("\2\x6a\0\0\0\5/k/a/"),
	    TEXT("\2\x6a\0\0\0\5//k/a"),
	    TEXT("\2\x6a\0\0\0\5/k/.."),
	    TEXT("\2\x6a\0\0\0\6/./k/a"),
	    TEXT("\2\x6a\0\0\0\4/k\0a"),
	    TEXT("\2\x69" PATH "\0"),
	    TEXT("\2\x69" PATH "\xff"),
	    TEXT("\2\x72\0"),
	    TEXT("\2\x72\xff"),
	    TEXT("\2\x61" PATH "\0\0\0\1x"),
	    TEXT("\2\x68" PATH "\2" PUBLIC "\0\0\0\0\0\0\0\0"),
	    TEXT("\2\x68" PATH "\0" PUBLIC "\0\0\0\1\0\0\0\0\0"),
	    TEXT("\2\x68" PATH "\0" PUBLIC "\0\0\0\0\0\0\0\x11"),
	    TEXT("\2\x70" PATH PUBLIC "\2\0\0\0\0"),
	    TEXT("\2\x70" PATH PUBLIC "\0\0\0\0\1x"),
	    TEXT("\2\x71\0\0\0\0\0\0\0\0"),
	    TEXT("\2\x73\0\0\0\0"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (is_taken(bad[i]))
			fail_msg("number %zu is taken", i);
	}
	assert_true(is_taken(TEXT("\2\x6a\0\0\0\6/k/..a")));
}

static void failures_are_the_helpers_own(void **state)
{
	(void)state;
	assert_true(files_failure_allowed(ERR_FILE_HIDDEN));
	assert_true(files_failure_allowed(ERR_DIRECTORY_GONE));
	assert_false(files_failure_allowed(ERR_PASSPHRASE));
	assert_false(files_failure_allowed(ERR_LOCKED));
	assert_true(unlock_failure_allowed(ERR_PASSPHRASE));
	assert_true(unlock_failure_allowed(ERR_FILE_CHANGED));
	assert_false(unlock_failure_allowed(ERR_FILE_HIDDEN));
	assert_false(unlock_failure_allowed(ERR_DIRECTORY));
	assert_false(unlock_failure_allowed(ERR_OK));
}

/* All that a key can have goes into one message. */
static void the_longest_key_fits(void **state)
{
	static uint8_t cert[FILES_PUBLIC_MOST];
	static char path[FILES_PATH_MOST], comment[FILES_COMMENT_MOST];
	struct bytes certs[FILES_CERTS_MOST], message;
	struct builder b = {0};
	struct files_key m = {.path = BYTES(path, sizeof(path)),
	    .public = BYTES(key_text + 15, 51),
	    .comment = BYTES(comment, sizeof(comment)),
	    .cert_count = FILES_CERTS_MOST};

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	memset(comment, 'c', sizeof(comment));
	for (size_t i = 0; i < FILES_CERTS_MOST; i++)
		certs[i] = BYTES(cert, sizeof(cert));
	files_key_build(&b, &m, certs);
	assert_int_equal(frame_next(builder_view(&b), LIMIT_FILES_MESSAGE, &message), FRAME_READY);
	assert_int_equal(files_key_parse(message, &m), ERR_OK);
	builder_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files),
	    cmocka_unit_test(unlocking),
	    cmocka_unit_test(cut_and_longer_messages_are_refused),
	    cmocka_unit_test(malformed_fields_are_refused),
	    cmocka_unit_test(failures_are_the_helpers_own),
	    cmocka_unit_test(the_longest_key_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
