/* Names guessed from command lines, and hashed entries made by ssh-keygen that they fit. */
#include "tests/support/base_test.h"

#include <stdio.h>
#include <string.h>

#include "agent/candidates.h"
#include "keystore/crypto.h"
#include "keystore/knownhosts.h"
#include "proto/destination.h"
#include "tests/support/keys_ssh.h"

static struct candidates got;

/* The arguments as /proc has them: each '|' ends one. */
static struct lineage command(const char *line)
{
	struct lineage l = {.count = 1, .args_len = strlen(line) + 1};

	assert_true(l.args_len <= LINEAGE_ARGS);
	memcpy(l.args, line, l.args_len);
	for (size_t i = 0; i < l.args_len; i++) {
		if (l.args[i] == '|')
			l.args[i] = '\0';
	}
	return l;
}

static const char *names_of(const char *line, struct bytes destinations)
{
	static char all[CANDIDATES_TEXT + 2 * LIMIT_HOST_CANDIDATES];
	struct lineage l = command(line);
	size_t n = 0;

	memset(&got, 0xff, sizeof(got)); /* needs no initialisation */
	candidates_gather(&got, &l, destinations);
	all[0] = '\0';
	for (size_t i = 0; i < got.n; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%.*s", i == 0 ? "" : " ",
		    (int)got.name[i].len, (const char *)got.name[i].data);
	return all;
}

static void expect(const char *line, const char *names)
{
	const char *all = names_of(line, BYTES_NONE);

	if (strcmp(all, names) != 0)
		fail_msg("%s gives \"%s\", not \"%s\"", line, all, names);
}

static void test_hosts(void **state)
{
	(void)state;
	expect("ssh", "");
	expect("ssh|db1", "db1");
	expect("ssh|you@db1.example.org|true", "db1.example.org true");
	expect("ssh|you@realm@db1", "db1");
	expect("ssh|192.0.2.7", "192.0.2.7");
	expect("ssh|2001:db8::7", "2001:db8::7");
	expect("ssh|you@fe80::1%eth0", "fe80::1%eth0");
	expect("ssh|db1|db1|you@db1", "db1"); /* each once */
	expect("ssh|-v|-A|--|db1", "db1");
}

static void test_ports_of_options(void **state)
{
	(void)state;
	expect("ssh|-p|2222|git@db1|git-upload-pack 'a/b'",
	    "db1 [db1]:2222"); /* as git runs it: a word with a slash is no host */
	expect("ssh|db1|-p2222", "db1 [db1]:2222");
	expect("ssh|-vAp|2222|db1", "db1 [db1]:2222");
	expect("ssh|-vAp2222|db1", "db1 [db1]:2222");
	expect("ssh|-p|22|db1", "db1");
	expect("ssh|-lp|2222|db1", "db1");              /* a user named p */
	expect("ssh|-p|0|db1|-p|65536", "0 db1 65536"); /* what is no port is a word */
	expect("ssh|-oPort=2222|db1", "db1 [db1]:2222");
	expect("ssh|-o|port 2222|db1", "db1 [db1]:2222");
	expect("ssh|-vo|PORT = 2222|db1", "db1 [db1]:2222");
	expect("ssh|-o|Portable=2222|db1", "Portable=2222 db1");
	expect("ssh|--port=2222|db1", "db1 [db1]:2222");
	expect("sftp|-P|2222|you@db1:dir", "db1 [db1]:2222");
	expect("scp|-rp|-P|2222|file|db1:/tmp/2", "file [file]:2222 db1 [db1]:2222");
	expect("scp|-pP2222|db1:", "db1 [db1]:2222");
	expect("ssh|-p|1|-p|2|-p|3|-p|4|-p|5|h", "h [h]:1 [h]:2 [h]:3 [h]:4");
}

static void test_ports_of_words(void **state)
{
	(void)state;
	expect("ssh|ssh://you@db1:2222", "db1 [db1]:2222");
	expect("ssh|ssh://you@db1:22/", "db1");
	expect("ssh|ssh://db1", "db1");
	expect("x|sftp://you:p@ss@db1:2222/a@b/c", "db1 [db1]:2222");
	expect("x|ssh://you@[2001:db8::7]:2222/", "2001:db8::7 [2001:db8::7]:2222");
	expect("x|you@db1:2222", "db1 [db1]:2222");
	expect("x|[::1]:2222", "::1 [::1]:2222");
	expect("x|you@[::1]:dir/file", "::1");
	expect("x|[::1", "::1");
	expect("x|git@db1:a@b/c", "db1");
	expect("x|db1:99999", "db1");
	expect("x|/home/you@db1:2222|./x|ssh://|:|@|[]:2222|://@:", "");
	expect("ssh|-p|2200|ssh://db1:2222", "db1 [db1]:2222 [db1]:2200");
}

static void test_other_options(void **state)
{
	(void)state;
	expect("ssh|-W|[db1]:2222|you@jump", "db1 [db1]:2222 jump");
	expect("ssh|-Wdb1:2222|jump", "db1 [db1]:2222 jump");
	expect("ssh|-J|a@j1:2201,ssh://j2:2202|db1", "j1 [j1]:2201 j2 [j2]:2202 db1");
	expect("ssh|-Jj1,j2|db1", "j1 j2 db1");
	expect("ssh|-oProxyJump=j1:2201|db1", "j1 [j1]:2201 db1");
	expect("ssh|-o|HostName=10.0.0.7|-p|2222|db1", "10.0.0.7 [10.0.0.7]:2222 db1 [db1]:2222");
	expect("ssh|-ohostkeyalias db-alias|db1", "db-alias db1");
	expect("ssh|-i|/home/you/key|-lyou|-Eport|db1", "db1");
}

/* A name of the longest length, and one that is longer. */
static void test_long_words(void **state)
{
	char line[900], names[600], name[CANDIDATE_NAME + 1];

	(void)state;
	memset(name, 'a', CANDIDATE_NAME);
	name[CANDIDATE_NAME] = '\0';
	(void)snprintf(line, sizeof(line), "ssh|-p|65535|%s|%sb", name, name);
	(void)snprintf(names, sizeof(names), "%s [%s]:65535", name, name);
	expect(line, names);
}

/* What ssh-add -h would send: from here to each host. */
static void constrain(struct builder *b, const char *host)
{
	struct destination d = {.to = {.host = bytes_str(host), .keys = bytes_str("keys")}};

	destination_build(b, &d);
}

static void test_hosts_of_constraints(void **state)
{
	struct builder b = {0};

	(void)state;
	constrain(&b, "db1");
	constrain(&b, "[db2]:2200");
	assert_string_equal(names_of("ssh|-p|2222|x", builder_view(&b)),
	    "x [x]:2222 db1 [db1]:2222 db2 [db2]:2200 [db2]:2222");
	builder_clear(&b);
}

/* However many words there are, the constraints have their share, and nothing overflows. */
static void test_many_of_each(void **state)
{
	char line[LINEAGE_ARGS] = "ssh", host[16];
	struct builder b = {0};

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(host, sizeof(host), "|w%u", i);
		strcat(line, host);
		(void)snprintf(host, sizeof(host), "c%u", i);
		constrain(&b, host);
	}
	(void)names_of(line, builder_view(&b));
	assert_int_equal(got.n, LIMIT_HOST_CANDIDATES);
	assert_true(bytes_is(got.name[0], "w0"));
	assert_true(bytes_is(got.name[CANDIDATES_OF_WORDS], "c0"));
	builder_clear(&b);
	for (unsigned i = 0; i < 100; i++) {
		char wide[CANDIDATE_NAME + 1];

		(void)snprintf(wide, sizeof(wide), "%0*u", CANDIDATE_NAME, i);
		wide[0] = 'c';
		constrain(&b, wide);
	}
	(void)names_of("ssh", builder_view(&b));
	assert_int_equal(got.n, CANDIDATES_TEXT / CANDIDATE_NAME);
	builder_clear(&b);
}

/* The entry of the line's host, hashed by ssh-keygen, is found by a command line. */
static void expect_found(const struct keys_dir *dir, const char *host, const char *line)
{
	struct builder file = {0};
	struct knownhosts_walk walk;
	struct knownhost h;
	size_t which;

	assert_true(keys_run("cd %s && printf '%%s ' '%s' >hosts && cat k.pub >>hosts && "
			     "ssh-keygen -q -H -f hosts >/dev/null 2>&1",
	    dir->path, host));
	keys_read_file(dir, "hosts", &file);
	walk = knownhosts_walk(builder_view(&file));
	assert_true(knownhosts_next(&walk, &h));
	assert_true(knownhost_hashed(&h));
	(void)names_of(line, BYTES_NONE);
	if (!knownhost_try(&h, got.name, got.n, &which))
		fail_msg("%s does not find %s", line, host);
	assert_true(bytes_is(got.name[which], host));
	builder_clear(&file);
}

static void test_hashed_entries(void **state)
{
	struct keys_dir dir;

	(void)state;
	keys_dir_make(&dir);
	assert_true(keys_run("cd %s && ssh-keygen -q -t ed25519 -N '' -f k", dir.path));
	expect_found(&dir, "db1.example.org", "ssh|you@db1.example.org");
	expect_found(&dir, "[db1.example.org]:2222", "ssh|-p|2222|you@db1.example.org");
	expect_found(&dir, "[db1.example.org]:2222", "ssh|ssh://you@db1.example.org:2222/");
	expect_found(&dir, "[::1]:2222", "ssh|-oPort=2222|::1");
	expect_found(&dir, "[192.0.2.7]:2222", "ssh|-p2222|-oHostName=192.0.2.7|db1");
	keys_dir_remove(&dir);
}

static int group_setup(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hosts),
	    cmocka_unit_test(test_ports_of_options),
	    cmocka_unit_test(test_ports_of_words),
	    cmocka_unit_test(test_other_options),
	    cmocka_unit_test(test_long_words),
	    cmocka_unit_test(test_hosts_of_constraints),
	    cmocka_unit_test(test_many_of_each),
	    cmocka_unit_test(test_hashed_entries),
	};

	return cmocka_run_group_tests_name("candidates", tests, group_setup, NULL);
}
