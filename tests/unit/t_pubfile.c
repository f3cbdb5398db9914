/* Public key files and certificates as ssh-keygen writes them, and what is refused. */
#include "tests/support/base_test.h"
#include "tests/support/keyfile_edit.h"
#include "tests/support/keyfile_make.h"

#include <stdio.h>
#include <string.h>

#include "keystore/file/pubfile.h"
#include "keystore/fingerprint.h"
#include "proto/limits.h"

static enum err parse(struct bytes file)
{
	struct pubfile p = {0};
	enum err e = pubfile_parse(file, &p);

	pubfile_clear(&p);
	return e;
}

static struct blob made(const char *base, const char *command)
{
	assert_true(keyfile_make("file", base, command));
	return keyfile_slurp("file");
}

/* The blob must be the one whose fingerprint ssh-keygen prints for the same file. */
static void check_with_ssh_keygen(const struct blob *blob)
{
	char ours[FINGERPRINT_ROOM];
	struct blob theirs;

	assert_int_equal(fingerprint(blob_view(blob), FINGERPRINT_SHA256, ours), ERR_OK);
	assert_true(
	    keyfile_make("print", "", "ssh-keygen -l -f file | cut -d' ' -f2 | tr -d '\\n' >$F"));
	theirs = keyfile_slurp("print");
	assert_string_equal(ours, (const char *)theirs.data);
	blob_clear(&theirs);
}

static void keys_of_each_type(void **state)
{
	static const char *const bases[] = {"sshed", "rsa", "p256", "p384", "p521"};
	struct pubfile p = {0};
	struct blob file;
	char comment[32];

	(void)state;
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		file = made(bases[i], "ssh-keygen -y -f $B.ossh >$F");
		assert_int_equal(pubfile_parse(blob_view(&file), &p), ERR_OK);
		check_with_ssh_keygen(&p.blob);
		snprintf(comment, sizeof(comment), "base %s", bases[i]);
		assert_string_equal((const char *)p.comment.data, comment);
		pubfile_clear(&p);
		blob_clear(&file);
	}
}

static void certificates(void **state)
{
	struct pubfile p = {0};
	struct blob file =
	    made("sshed", "ssh-keygen -y -f $B.ossh >s.pub && cp p256.ossh ca && "
			  "ssh-keygen -q -s ca -I id -n me s.pub && mv s-cert.pub $F");

	(void)state;
	assert_int_equal(pubfile_parse(blob_view(&file), &p), ERR_OK);
	check_with_ssh_keygen(&p.blob);
	assert_string_equal((const char *)p.comment.data, "base sshed");
	pubfile_clear(&p);
	blob_clear(&file);
}

static void what_may_stand_around_the_line(void **state)
{
	static const char *const commands[] = {
	    "printf '\\357\\273\\277# a\\n\\n' >$F; ssh-keygen -y -f $B.ossh >>$F",
	    "ssh-keygen -y -f $B.ossh | sed 's/$/\\r/' >$F",
	    "{ ssh-keygen -y -f $B.ossh; echo more; } >$F",
	    "ssh-keygen -y -f $B.ossh | tr -d '\\n' >$F",
	    "ssh-keygen -y -f $B.ossh | tr ' ' '\\t' >$F",
	};
	struct pubfile p = {0};
	struct blob file, public;

	(void)state;
	public = keyfile_public("sshed");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		file = made("sshed", commands[i]);
		assert_int_equal(pubfile_parse(blob_view(&file), &p), ERR_OK);
		assert_true(bytes_equal(blob_view(&p.blob), blob_view(&public)));
		pubfile_clear(&p);
		blob_clear(&file);
	}
	file = made("sshed", "ssh-keygen -y -f $B.ossh | cut -d' ' -f1,2 >$F");
	assert_int_equal(pubfile_parse(blob_view(&file), &p), ERR_OK);
	assert_int_equal(p.comment.len, 0);
	pubfile_clear(&p);
	blob_clear(&file);
	blob_clear(&public);
}

static void refused(void **state)
{
	static const struct {
		enum err want;
		const char *command;
	} rows[] = {
	    {ERR_FILE_EMPTY, ": >$F"},
	    {ERR_FILE_EMPTY, "printf '# only\\n\\n' >$F"},
	    {ERR_KEY_TYPE, "echo hello world >$F"},
	    {ERR_KEY_TYPE, "printf 'restrict %s\\n' \"$(ssh-keygen -y -f $B.ossh)\" >$F"},
	    {ERR_KEY_TYPE, "cp $B.ossh $F"},
	    {ERR_FORMAT, "ssh-keygen -y -f $B.ossh | sed 's/ssh-ed25519/ssh-rsa/' >$F"},
	    {ERR_FORMAT, "ssh-keygen -y -f $B.ossh | sed 's/ AAAA/ A!AA/' >$F"},
	    {ERR_FORMAT, "ssh-keygen -y -f $B.ossh | sed 's/ AAAA/ AAAAAAAA/' >$F"},
	    {ERR_TRUNCATED, "echo ssh-ed25519 >$F"},
	    {ERR_TRUNCATED, "echo ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA >$F"},
	};
	struct blob file;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].command);
		file = made("sshed", rows[i].command);
		assert_int_equal(parse(blob_view(&file)), rows[i].want);
		blob_clear(&file);
	}
}

static void cut_short(void **state)
{
	struct blob file = made("p256", "ssh-keygen -y -f $B.ossh >$F");
	struct bytes text = blob_view(&file);
	const uint8_t *second = memchr(text.data, ' ', text.len);
	size_t end;

	(void)state;
	assert_non_null(second);
	end = (size_t)(second - text.data) + 1 + strcspn((const char *)second + 1, " ");
	assert_int_equal(parse(BYTES(text.data, end)), ERR_OK);
	for (size_t n = 0; n < end; n++)
		assert_int_not_equal(parse(BYTES(text.data, n)), ERR_OK);
	blob_clear(&file);
}

static void a_file_over_the_limit(void **state)
{
	static uint8_t lines[LIMIT_KEY_FILE + 1];

	(void)state;
	memset(lines, '\n', sizeof(lines));
	assert_int_equal(parse(BYTES(lines, sizeof(lines))), ERR_FILE_TOO_BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_of_each_type),
	    cmocka_unit_test(certificates),
	    cmocka_unit_test(what_may_stand_around_the_line),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(cut_short),
	    cmocka_unit_test(a_file_over_the_limit),
	};

	return cmocka_run_group_tests_name(
	    "pubfile", tests, keyfile_make_setup, keyfile_make_teardown);
}
