/* What known_hosts files say of a key: keys, certificates and hashed files made by ssh-keygen. */
#include "tests/support/base_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/hostsearch.h"
#include "agent/sandbox.h"
#include "keystore/crypto.h"
#include "proto/base/fdio.h"
#include "proto/limits.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir;
static struct builder db, other, cert, everywhere; /* blobs */
static char db_line[1024], other_line[1024], ca_line[1024];

/* "type base64" of a .pub file */
static void words_of(const char *name, char *out, size_t room)
{
	struct builder b = {0};
	size_t n;

	keys_read_file(&dir, name, &b);
	for (n = 0; n < b.len && b.data[n] != '\n'; n++)
		continue;
	assert_true(n < room);
	memcpy(out, b.data, n);
	out[n] = '\0';
	builder_clear(&b);
}

static int group_setup(void **state)
{
	(void)state;
	assert_int_equal(crypto_start(), ERR_OK);
	keys_dir_make(&dir);
	/* An ECDSA blob's length is no multiple of three: its base64 has padding. */
	assert_true(keys_run("cd %s && for k in db ca; do "
			     "ssh-keygen -q -t ed25519 -N '' -C '' -f $k || exit 1; done && "
			     "ssh-keygen -q -t ecdsa -N '' -C '' -f other && "
			     "cp db.pub any.pub && "
			     "ssh-keygen -q -s ca -h -I id -n db1.example.org,db2 db.pub && "
			     "ssh-keygen -q -s ca -h -I id any.pub",
	    dir.path));
	keys_load_public(&dir, "db.pub", &db);
	keys_load_public(&dir, "other.pub", &other);
	keys_load_public(&dir, "db-cert.pub", &cert);
	keys_load_public(&dir, "any-cert.pub", &everywhere);
	words_of("db.pub", db_line, sizeof(db_line));
	words_of("other.pub", other_line, sizeof(other_line));
	words_of("ca.pub", ca_line, sizeof(ca_line));
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	builder_clear(&db);
	builder_clear(&other);
	builder_clear(&cert);
	builder_clear(&everywhere);
	keys_dir_remove(&dir);
	return 0;
}

static FILE *file_open(unsigned which, const char *mode)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/f%u", dir.path, which);
	f = fopen(path, mode);
	assert_non_null(f);
	return f;
}

/* Write the file: a line for each of three keys whose front is given. */
static void file_is(
    unsigned which, const char *before_db, const char *before_other, const char *before_ca)
{
	const char *const before[] = {before_db, before_other, before_ca};
	const char *const key[] = {db_line, other_line, ca_line};
	FILE *f = file_open(which, "w");

	for (unsigned i = 0; i < 3; i++) {
		if (before[i] != NULL)
			(void)fprintf(f, "%s %s\n", before[i], key[i]);
	}
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KNOWNFILES; i++)
		file_is(i, NULL, NULL, NULL);
	return 0;
}

static void open_all(int *files)
{
	for (unsigned i = 0; i < KNOWNFILES; i++) {
		FILE *f = file_open(i, "r");

		files[i] = fcntl(fileno(f), F_DUPFD_CLOEXEC, 0);
		(void)fclose(f);
	}
}

static char said[HOSTSEARCH_TEXT];

static enum err search_with(struct bytes key, const char *candidate, const atomic_bool *cancelled)
{
	struct bytes candidates[] = {bytes_str("nothing"), bytes_str(candidate)};
	int files[KNOWNFILES];
	struct hostsearch s = {key, candidates, 2, files, cancelled};
	enum err e;

	open_all(files);
	strcpy(said, "left over");
	e = hostsearch_run(&s, said);
	for (unsigned i = 0; i < KNOWNFILES; i++)
		fd_close(&files[i]);
	return e;
}

static void expect(const struct builder *key, const char *candidate, const char *text)
{
	assert_int_equal(search_with(builder_view(key), candidate, NULL), ERR_OK);
	assert_string_equal(said, text);
}

static void expect_unknown(struct bytes key)
{
	assert_int_equal(search_with(key, "db1", NULL), ERR_OK);
	assert_string_equal(said, "");
}

static void test_plain_names_of_all_files_once(void **state)
{
	(void)state;
	file_is(0, "db1.example.org,192.0.2.7", "elsewhere", NULL);
	file_is(2, "!no,*.wild,192.0.2.7,[db1]:2222", NULL, "db1.example.org");
	expect(&db, "x", "db1.example.org, 192.0.2.7, [db1]:2222");
	expect(&other, "x", "elsewhere");
}

static void test_patterns_where_there_are_no_names(void **state)
{
	(void)state;
	file_is(1, "*.example.org,!bad.example.org", NULL, NULL);
	/* a name that fits a pattern is not the host's for that */
	expect(&db, "db1.example.org", "*.example.org, !bad.example.org");
}

static void test_unknown_keys(void **state)
{
	(void)state;
	file_is(0, NULL, "elsewhere", "db1");
	expect_unknown(builder_view(&db));
	expect_unknown(builder_view(&cert)); /* its CA is there, but not as an authority */
	file_is(0, "@cert-authority *", NULL, NULL);
	expect_unknown(builder_view(&db));
	expect_unknown(BYTES_NONE);
	expect_unknown(bytes_str("garbage"));
	expect_unknown(BYTES(cert.data, cert.len - 1));
}

static void test_hashed_names(void **state)
{
	(void)state;
	file_is(0, "db1.example.org", "elsewhere", NULL);
	assert_true(keys_run("ssh-keygen -q -H -f %s/f0 >/dev/null 2>&1", dir.path));
	expect(&db, "db1.example.org", "db1.example.org");
	expect(&db, "db2.example.org", "~/.ssh/known_hosts line 1");
	expect(&db, "elsewhere", "~/.ssh/known_hosts line 1");
	expect(&other, "elsewhere", "elsewhere");
	/* with a plain name elsewhere the unresolved line says nothing more */
	file_is(3, "db3", NULL, NULL);
	expect(&db, "x", "db3");
	file_is(3, NULL, NULL, NULL);
	assert_true(keys_run("cp %s/f0 %s/f3", dir.path, dir.path));
	expect(&other, "x", "~/.ssh/known_hosts line 2, /etc/ssh/ssh_known_hosts2 line 2");
}

static void test_certificates(void **state)
{
	(void)state;
	file_is(0, NULL, "elsewhere", "@cert-authority *.example.org,*.example.com");
	expect(&cert, "x",
	    "certified by the authority of *.example.org, *.example.com"
	    " (~/.ssh/known_hosts line 2) for db1.example.org, db2");
	expect(&everywhere, "x",
	    "certified by the authority of *.example.org, *.example.com"
	    " (~/.ssh/known_hosts line 2) for any host");
	/* The entry that lets the authority certify this host is the one to show. */
	file_is(0, NULL, NULL, "@cert-authority *.example.net");
	file_is(2, NULL, NULL, "@cert-authority db?");
	file_is(3, NULL, NULL, "@cert-authority *");
	expect(&cert, "x",
	    "certified by the authority of db? (/etc/ssh/ssh_known_hosts line 1)"
	    " for db1.example.org, db2");
	file_is(3, NULL, NULL, "@cert-authority db2");
	expect(&cert, "x",
	    "certified by the authority of db? (/etc/ssh/ssh_known_hosts line 1)"
	    " for db1.example.org, db2");
}

/* None of them may certify it: the first is shown. */
static void test_authorities_of_other_hosts(void **state)
{
	(void)state;
	file_is(0, NULL, NULL, "@cert-authority *.example.net");
	file_is(2, NULL, NULL, "@cert-authority *.example.edu");
	expect(&cert, "x",
	    "certified by the authority of *.example.net (~/.ssh/known_hosts line 1)"
	    " for db1.example.org, db2");
}

/* ssh-keygen -H hashes no such line, but whoever writes one is understood. */
static void test_authority_under_a_hashed_name(void **state)
{
	(void)state;
	file_is(0, NULL, NULL, "db1.example.org");
	assert_true(keys_run("ssh-keygen -q -H -f %s/f0 >/dev/null 2>&1 && "
			     "sed -i 's/^/@cert-authority /' %s/f0",
	    dir.path, dir.path));
	expect(&cert, "x",
	    "certified by the authority of a hashed name (~/.ssh/known_hosts line 1)"
	    " for db1.example.org, db2");
}

static void test_certificate_of_unknown_authority(void **state)
{
	(void)state;
	file_is(0, "db1", "@cert-authority *", NULL);
	expect(&cert, "x", "db1");
}

static void test_revoked(void **state)
{
	(void)state;
	file_is(0, "db1", NULL, NULL);
	file_is(1, "@revoked *", NULL, NULL);
	expect(&db, "x", "REVOKED in ~/.ssh/known_hosts2 line 1; db1");
	expect(&cert, "x", "REVOKED in ~/.ssh/known_hosts2 line 1; db1");
	file_is(0, NULL, NULL, NULL);
	expect(&db, "x", "REVOKED in ~/.ssh/known_hosts2 line 1");
	file_is(1, NULL, "a", "@revoked *");
	expect(&cert, "x", "REVOKED in ~/.ssh/known_hosts2 line 2");
	expect_unknown(builder_view(&db));
	file_is(0, NULL, NULL, "@cert-authority *");
	expect(&cert, "x",
	    "REVOKED in ~/.ssh/known_hosts2 line 2; certified by the authority of *"
	    " (~/.ssh/known_hosts line 1) for db1.example.org, db2");
}

static void test_names_are_escaped_and_bounded(void **state)
{
	char names[4000];

	(void)state;
	file_is(0, "a\x1b[1m(b);c", NULL, NULL);
	expect(&db, "x", "a?[1m?b??c");
	file_is(0,
	    "a\xe2\x80\xae"
	    "b\xff",
	    NULL, NULL);
	expect(&db, "x", "a\\u{202E}b\\xff");
	file_is(0, "a<b>&\xe2\x80\x8b", NULL, NULL);
	expect(&db, "x", "a\\x3cb>\\x26\\u{200B}");
	for (size_t i = 0; i + 5 < sizeof(names); i += 5)
		(void)snprintf(names + i, 6, "%04zu,", i % 10000);
	file_is(0, names, NULL, NULL);
	assert_int_equal(search_with(builder_view(&db), "x", NULL), ERR_OK);
	assert_in_range(strlen(said), HOSTSEARCH_TEXT - 8, HOSTSEARCH_TEXT - 1);
	assert_memory_equal(said, "0000, 0005, 0010, ", 18);
	assert_string_equal(said + strlen(said) - 3, "...");
	/* an authority's patterns leave room for the file and the hosts */
	(void)snprintf(names, sizeof(names), "@cert-authority %0400d", 7);
	file_is(0, NULL, NULL, names);
	assert_int_equal(search_with(builder_view(&cert), "x", NULL), ERR_OK);
	assert_non_null(strstr(said, "... (~/.ssh/known_hosts line 1) for db1.example.org, db2"));
}

/* Lines across the window's ends, over-long lines, and a last line without its end. */
static void test_long_files(void **state)
{
	FILE *f = file_open(0, "w");
	char want[HOSTSEARCH_TEXT];
	unsigned lines = 0;

	(void)state;
	for (; lines < 5000; lines++)
		(void)fprintf(f, "host%u.example.org %s\n", lines, other_line);
	(void)fprintf(f, "longest,%0*d %s\n", (int)(LIMIT_KNOWN_HOSTS_LINE * 5 / 2), 0, db_line);
	(void)fprintf(f, "just-too-long,%0*d %s\n", (int)LIMIT_KNOWN_HOSTS_LINE, 0, db_line);
	(void)fprintf(f, "@revoked * %s", db_line);
	assert_int_equal(fclose(f), 0);
	(void)snprintf(want, sizeof(want), "REVOKED in ~/.ssh/known_hosts line %u", lines + 3);
	expect(&db, "x", want);
}

/* db1's line at the front, comments up to room bytes, and the other key's as the last line. */
static void file_of_size(unsigned which, size_t room)
{
	FILE *f = file_open(which, "w");
	char last[1100], comment[4096];
	size_t n = (size_t)snprintf(last, sizeof(last), "\nlast %s\n", other_line), done;

	done = (size_t)fprintf(f, "db1 %s\n", db_line);
	memset(comment, '#', sizeof(comment));
	comment[sizeof(comment) - 1] = '\n';
	while (done + n < room) {
		size_t part = room - n - done;

		part = part < sizeof(comment) ? part : sizeof(comment);
		done += fwrite(comment + sizeof(comment) - part, 1, part, f);
	}
	assert_int_equal(done + fwrite(last, 1, n, f), room);
	assert_int_equal(fclose(f), 0);
}

static void test_files_over_the_limit(void **state)
{
	(void)state;
	file_of_size(1, LIMIT_KNOWN_HOSTS);
	expect(&other, "x", "last");
	file_of_size(1, LIMIT_KNOWN_HOSTS + LIMIT_KNOWN_HOSTS_LINE * 4);
	file_is(3, "db3", NULL, NULL); /* the next file is searched all the same */
	assert_int_equal(search_with(builder_view(&db), "x", NULL), ERR_TOO_LONG);
	assert_string_equal(said, "db1, db3");
	assert_int_equal(search_with(builder_view(&other), "x", NULL), ERR_TOO_LONG);
	assert_string_equal(said, "");
}

/* A descriptor that is a folder's gives EISDIR at the first read. */
static void test_file_that_cannot_be_read(void **state)
{
	int files[KNOWNFILES];
	struct hostsearch s = {builder_view(&db), NULL, 0, files, NULL};

	(void)state;
	file_is(2, "db1", NULL, NULL);
	open_all(files);
	fd_close(&files[0]);
	files[0] = open(dir.path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(hostsearch_run(&s, said), ERR_SYSTEM);
	assert_string_equal(said, "db1");
	for (unsigned i = 0; i < KNOWNFILES; i++)
		fd_close(&files[i]);
}

static void test_cancelled(void **state)
{
	atomic_bool cancelled = true;

	(void)state;
	file_is(0, "db1", NULL, NULL);
	assert_int_equal(search_with(builder_view(&db), "x", &cancelled), ERR_CANCELLED);
	assert_string_equal(said, "");
	cancelled = false;
	assert_int_equal(search_with(builder_view(&db), "x", &cancelled), ERR_OK);
}

/* Nothing but what the core is allowed to do. */
static void test_works_in_the_sandbox(void **state)
{
	struct bytes candidate = bytes_str("db1.example.org");
	int files[KNOWNFILES], how;
	struct hostsearch s = {builder_view(&db), &candidate, 1, files, NULL};
	pid_t pid;

	(void)state;
	file_is(0, "db1.example.org", NULL, NULL);
	assert_true(keys_run("ssh-keygen -q -H -f %s/f0 >/dev/null 2>&1", dir.path));
	open_all(files);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)sandbox_files();
		(void)sandbox_calls();
		_exit(hostsearch_run(&s, said) == ERR_OK && strcmp(said, "db1.example.org") == 0
			  ? 42
			  : 1);
	}
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), 42);
	for (unsigned i = 0; i < KNOWNFILES; i++)
		fd_close(&files[i]);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_plain_names_of_all_files_once),
	    TEST(test_patterns_where_there_are_no_names),
	    TEST(test_unknown_keys),
	    TEST(test_hashed_names),
	    TEST(test_certificates),
	    TEST(test_authorities_of_other_hosts),
	    TEST(test_authority_under_a_hashed_name),
	    TEST(test_certificate_of_unknown_authority),
	    TEST(test_revoked),
	    TEST(test_names_are_escaped_and_bounded),
	    TEST(test_long_files),
	    TEST(test_files_over_the_limit),
	    TEST(test_file_that_cannot_be_read),
	    TEST(test_cancelled),
	    TEST(test_works_in_the_sandbox),
	};

	return cmocka_run_group_tests_name("hostsearch", tests, group_setup, group_teardown);
}
