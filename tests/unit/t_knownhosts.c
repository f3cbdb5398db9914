/* known_hosts files, held against what ssh-keygen finds in them and against openssl's HMAC. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keystore/crypto.h"
#include "keystore/knownhosts.h"
#include "proto/base/mem.h"
#include "proto/limits.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir;
static char ed[256], ec[512], rsa[2048]; /* "type base64" of three keys */

/* "type base64" of NAME.pub */
static void public_words(const char *name, char *out, size_t room)
{
	struct builder b = {0};
	char file[64];
	struct bytes text;
	size_t n, blanks = 0;

	snprintf(file, sizeof(file), "%s.pub", name);
	keys_read_file(&dir, file, &b);
	text = builder_view(&b);
	for (n = 0; n < text.len && text.data[n] != '\n'; n++) {
		blanks += text.data[n] == ' ';
		if (blanks == 2)
			break;
	}
	assert_true(n < room);
	memcpy(out, text.data, n);
	out[n] = '\0';
	builder_clear(&b);
}

static int start(void **state)
{
	(void)state;
	assert_int_equal(crypto_start(), ERR_OK);
	keys_dir_make(&dir);
	assert_true(keys_run("cd %s && ssh-keygen -q -t ed25519 -N '' -f ed && "
			     "ssh-keygen -q -t ecdsa -N '' -f ec && "
			     "ssh-keygen -q -t rsa -b 2048 -N '' -f rsa",
	    dir.path));
	public_words("ed", ed, sizeof(ed));
	public_words("ec", ec, sizeof(ec));
	public_words("rsa", rsa, sizeof(rsa));
	return 0;
}

static int end(void **state)
{
	(void)state;
	assert_true(keys_run("rm -rf %s", dir.path));
	return 0;
}

static struct knownhost entry(const char *line)
{
	struct knownhost h = {0};

	if (knownhost_parse(bytes_str(line), &h) != ERR_OK)
		fail_msg("not parsed: %s", line);
	return h;
}

/* The lines on which ssh-keygen finds the name in the file, as " 1 4 "; the key type comes after.
 */
static void lines_of_ssh_keygen(const char *file, const char *name, char *out, size_t room)
{
	char command[512], line[256];
	FILE *pipe;
	size_t n = 0;

	snprintf(command, sizeof(command),
	    "ssh-keygen -F '%s' -f %s/%s | sed -n 's/^# Host .* found: line \\([0-9]*\\).*/\\1/p'",
	    name, dir.path, file);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	out[0] = '\0';
	while (fgets(line, sizeof(line), pipe) != NULL)
		n += (size_t)snprintf(out + n, room - n, "%s ", strtok(line, "\n"));
	pclose(pipe);
}

static void our_lines(const char *file, const char *name, char *out, size_t room)
{
	struct builder b = {0};
	struct knownhosts_walk walk;
	struct knownhost h;
	size_t n = 0;

	keys_read_file(&dir, file, &b);
	walk = knownhosts_walk(builder_view(&b));
	out[0] = '\0';
	while (knownhosts_next(&walk, &h)) {
		struct blob key = {0};

		if (knownhost_matches(&h, bytes_str(name)) && knownhost_key(&h, &key) == ERR_OK)
			n += (size_t)snprintf(out + n, room - n, "%zu ", h.line);
		blob_clear(&key);
	}
	builder_clear(&b);
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir.path, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static const char *const names[] = {
    "one",
    "ONE",
    "two",
    "three",
    "a.example.com",
    "b.example.com",
    "deep.a.example.com",
    "example.com",
    "[one]:2222",
    "[one]:2223",
    "10.0.0.7",
    "10.0.0.77",
    "fe80::1",
    "aaaaaaaaaaaaaaaaaaab",
    "nobody",
    "!one",
    "lonely",
};

static void same_lines(const char *file)
{
	char theirs[512], ours[512];
	size_t found = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		lines_of_ssh_keygen(file, names[i], theirs, sizeof(theirs));
		our_lines(file, names[i], ours, sizeof(ours));
		if (strcmp(theirs, ours) != 0)
			fail_msg("%s: ssh-keygen: %s ours: %s", names[i], theirs, ours);
		found += theirs[0] != '\0';
	}
	assert_true(found >= 3);
}

static void finds_what_ssh_keygen_finds(void **state)
{
	static char text[32768];

	(void)state;
	snprintf(text, sizeof(text),
	    "# comment\n"
	    "\n"
	    "one,two %s comment of words\n"
	    "  \t one\t \t%s\n"
	    "*.example.com,!b.example.com,!*.a.example.com %s\n"
	    "[one]:2222,10.0.0.? %s\n"
	    "!three,* %s\n"
	    "@revoked two %s\n"
	    "@cert-authority *.example.com %s\n"
	    "One,FE80::1 %s\n"
	    "@other one %s\n"
	    "@revoked @cert-authority one %s\n"
	    "one\n"
	    "one ssh-ed25519\n"
	    "one 1024 35 123456789\n"
	    "one #%s\n"
	    "*a*a*a*a*a*a*a*a*b,?ne %s\n"
	    ",,one,, %s\n"
	    "|1|bad|worse %s\n"
	    "lonely %s",
	    ed, ec, ed, rsa, ed, ed, ec, ed, ed, ed, ed, rsa, ec, ed, ed);
	write_file("hosts", text);
	same_lines("hosts");
}

static void finds_hashed_names(void **state)
{
	static char text[8192];
	struct builder b = {0};
	struct knownhosts_walk walk;
	struct knownhost h;
	const struct bytes candidates[] = {bytes_str("nobody"), bytes_str("two"), bytes_str("ONE")};
	size_t which, entries = 0, seen[3] = {0};

	(void)state;
	snprintf(text, sizeof(text), "one,two %s\n[one]:2222 %s\n10.0.0.7 %s\nlonely %s\n", ed, ec,
	    rsa, ed);
	write_file("hashed", text);
	assert_true(keys_run("ssh-keygen -q -H -f %s/hashed 2>/dev/null", dir.path));
	/* ssh-keygen hashes a name as it is given, and so finds ONE in no hash; ssh lowers it
	 * first. */
	keys_read_file(&dir, "hashed", &b);
	walk = knownhosts_walk(builder_view(&b));
	while (knownhosts_next(&walk, &h)) {
		struct bytes rest = h.names, name;

		entries++;
		assert_true(knownhost_hashed(&h));
		assert_false(knownhost_next_name(&rest, &name));
		if (knownhost_try(&h, candidates, 3, &which))
			seen[which]++;
	}
	assert_int_equal(entries, 5);
	assert_int_equal(seen[0], 0);
	assert_int_equal(seen[1], 1);
	assert_int_equal(seen[2], 1);
	builder_clear(&b);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char theirs[256], ours[256];

		if (strcmp(names[i], "ONE") == 0)
			continue;
		lines_of_ssh_keygen("hashed", names[i], theirs, sizeof(theirs));
		our_lines("hashed", names[i], ours, sizeof(ours));
		assert_string_equal(ours, theirs);
	}
}

/* An entry for "host.example" whose hash openssl makes. */
static void hash_is_hmac_sha1(void **state)
{
	char command[512], line[1024], hash[128] = "";
	FILE *pipe;

	(void)state;
	snprintf(command, sizeof(command),
	    "printf host.example | openssl dgst -sha1 -mac HMAC -macopt "
	    "hexkey:000102030405060708090a0b0c0d0e0f10111213 -binary | openssl base64");
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(hash, sizeof(hash), pipe));
	assert_int_equal(pclose(pipe), 0);
	hash[strcspn(hash, "\n")] = '\0';
	snprintf(line, sizeof(line), "|1|AAECAwQFBgcICQoLDA0ODxAREhM=|%s %s", hash, ed);
	struct knownhost h = entry(line);

	assert_true(knownhost_matches(&h, bytes_str("host.example")));
	assert_true(knownhost_matches(&h, bytes_str("Host.Example")));
	assert_false(knownhost_matches(&h, bytes_str("host.example2")));
	assert_false(knownhost_matches(&h, bytes_str("")));
	/* one bit of the hash, another version, a salt of another length, something behind it */
	line[strlen("|1|AAECAwQFBgcICQoLDA0ODxAREhM=|")] ^= 1;
	h = entry(line);
	assert_false(knownhost_matches(&h, bytes_str("host.example")));
	snprintf(line, sizeof(line), "|2|AAECAwQFBgcICQoLDA0ODxAREhM=|%s %s", hash, ed);
	h = entry(line);
	assert_false(knownhost_matches(&h, bytes_str("host.example")));
	snprintf(line, sizeof(line), "|1|AAECAwQFBgcICQoLDA0ODxAREg==|%s %s", hash, ed);
	h = entry(line);
	assert_false(knownhost_matches(&h, bytes_str("host.example")));
	snprintf(line, sizeof(line), "|1|AAECAwQFBgcICQoLDA0ODxAREhM=|%s,* %s", hash, ed);
	h = entry(line);
	assert_false(knownhost_matches(&h, bytes_str("host.example")));
}

static void tells_markers_and_names(void **state)
{
	char line[1024];
	struct knownhost h;
	struct bytes rest, name;

	(void)state;
	snprintf(line, sizeof(line), "@cert-authority a,*.b,!c,d?,[e]:22 %s", ed);
	h = entry(line);
	assert_int_equal(h.marker, KNOWNHOST_CA);
	assert_false(knownhost_hashed(&h));
	rest = h.names;
	assert_true(knownhost_next_name(&rest, &name));
	assert_true(bytes_is(name, "a"));
	assert_true(knownhost_next_name(&rest, &name));
	assert_true(bytes_is(name, "[e]:22"));
	assert_false(knownhost_next_name(&rest, &name));
	snprintf(line, sizeof(line), "@revoked\ta %s", ed);
	assert_int_equal(entry(line).marker, KNOWNHOST_REVOKED);
	snprintf(line, sizeof(line), "a %s", ed);
	assert_int_equal(entry(line).marker, KNOWNHOST_KEY);
}

static void holds_its_key(void **state)
{
	struct builder blob = {0}, other = {0};
	char line[1024];
	struct knownhost h;

	(void)state;
	keys_load_public(&dir, "ed.pub", &blob);
	keys_load_public(&dir, "ec.pub", &other);
	snprintf(line, sizeof(line), "a %s\r", ed);
	h = entry(line);
	assert_true(knownhost_holds(&h, builder_view(&blob)));
	assert_false(knownhost_holds(&h, builder_view(&other)));
	snprintf(line, sizeof(line), "@revoked a %s", ed);
	h = entry(line);
	assert_false(knownhost_holds(&h, builder_view(&blob)));
	builder_clear(&blob);
	builder_clear(&other);
}

static void refuses_bad_keys(void **state)
{
	char line[1024];
	struct knownhost h;
	struct blob key = {0};

	(void)state;
	snprintf(line, sizeof(line), "a ssh-rsa %s", strchr(ed, ' ') + 1);
	h = entry(line);
	assert_int_equal(knownhost_key(&h, &key), ERR_FORMAT);
	h = entry("a ssh-ed25519 AAA*");
	assert_int_equal(knownhost_key(&h, &key), ERR_FORMAT);
	h = entry("a ssh-ed25519 AAAA");
	assert_int_not_equal(knownhost_key(&h, &key), ERR_OK);
	snprintf(line, sizeof(line), "a %sAAAA", ed); /* surplus bytes */
	h = entry(line);
	assert_int_not_equal(knownhost_key(&h, &key), ERR_OK);
	/* ssh-rsa, e = 35, n of 16 bits: too short for OpenSSH too */
	h = entry("a ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAAMA//8=");
	assert_int_equal(knownhost_key(&h, &key), ERR_KEY_SHORT);
	assert_null(key.data);
}

static void refuses_bad_lines(void **state)
{
	static const struct {
		const char *line;
		enum err e;
	} rows[] = {
	    {"", ERR_NOT_FOUND},
	    {" \t", ERR_NOT_FOUND},
	    {"# a b c", ERR_NOT_FOUND},
	    {"@revoked", ERR_FORMAT},
	    {"@", ERR_FORMAT},
	    {"@Revoked a b c", ERR_FORMAT},
	    {"@revoked @revoked a b c", ERR_FORMAT},
	    {"a", ERR_FORMAT},
	    {"a b", ERR_FORMAT},
	    {"a #b c", ERR_FORMAT},
	};
	struct knownhost h = {.line = 99};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(knownhost_parse(bytes_str(rows[i].line), &h), rows[i].e);
	assert_int_equal(knownhost_parse(BYTES("a b\0 c", 6), &h), ERR_TEXT);
	assert_int_equal(knownhost_parse(BYTES_NONE, &h), ERR_NOT_FOUND);
	assert_int_equal(h.line, 99);
}

static void passes_over_long_lines(void **state)
{
	size_t room = LIMIT_KNOWN_HOSTS_LINE + 4096;
	char *text = mem_alloc(room);
	struct knownhosts_walk walk;
	struct knownhost h;
	size_t n;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', LIMIT_KNOWN_HOSTS_LINE);
	n = LIMIT_KNOWN_HOSTS_LINE + (size_t)snprintf(text + LIMIT_KNOWN_HOSTS_LINE,
					 room - LIMIT_KNOWN_HOSTS_LINE, " %s\nhost %s\n", ed, ec);
	walk = knownhosts_walk(BYTES(text, n));
	assert_true(knownhosts_next(&walk, &h));
	assert_int_equal(h.line, 2);
	assert_true(bytes_is(h.names, "host"));
	assert_false(knownhosts_next(&walk, &h));
	mem_free(text);
}

/* A pattern longer than ssh's own room for one matches nothing, and neither does the rest of it. */
static void long_patterns_match_nothing(void **state)
{
	char line[4096], pattern[1100];
	struct knownhost h;

	(void)state;
	memset(pattern, '*', sizeof(pattern));
	pattern[1022] = '\0';
	snprintf(line, sizeof(line), "%s %s", pattern, ed);
	h = entry(line);
	assert_true(knownhost_matches(&h, bytes_str("a")));
	pattern[1022] = '*';
	pattern[1023] = '\0';
	snprintf(line, sizeof(line), "%s,a %s", pattern, ed);
	h = entry(line);
	assert_false(knownhost_matches(&h, bytes_str("a")));
	snprintf(line, sizeof(line), "* %s", ed);
	h = entry(line);
	memset(pattern, 'a', sizeof(pattern));
	assert_false(knownhost_matches(&h, BYTES(pattern, sizeof(pattern))));
}

/* The name ends before the pattern does: only stars may follow. */
static void stars_at_the_end(void **state)
{
	char line[1024];
	struct knownhost h;

	(void)state;
	snprintf(line, sizeof(line), "host** %s", ed);
	h = entry(line);
	assert_true(knownhost_matches(&h, bytes_str("host")));
	assert_true(knownhost_matches(&h, bytes_str("hostess")));
	snprintf(line, sizeof(line), "host*s %s", ed);
	h = entry(line);
	assert_false(knownhost_matches(&h, bytes_str("host")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_ssh_keygen_finds),
	    cmocka_unit_test(finds_hashed_names),
	    cmocka_unit_test(hash_is_hmac_sha1),
	    cmocka_unit_test(tells_markers_and_names),
	    cmocka_unit_test(holds_its_key),
	    cmocka_unit_test(refuses_bad_keys),
	    cmocka_unit_test(refuses_bad_lines),
	    cmocka_unit_test(passes_over_long_lines),
	    cmocka_unit_test(long_patterns_match_nothing),
	    cmocka_unit_test(stars_at_the_end),
	};

	return cmocka_run_group_tests(tests, start, end);
}
