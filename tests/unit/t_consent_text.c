/* The words of a question: what is signed, who asks, over which hosts; nothing raw from outside. */
#include "tests/support/base_test.h"

#include <stdio.h>
#include <string.h>

#include "agent/consent_text.h"

static struct builder words;

static const char *question(const struct question *q)
{
	builder_clear(&words);
	question_build(&words, q);
	builder_u8(&words, 0);
	assert_int_equal(builder_error(&words), ERR_OK);
	return (const char *)words.data;
}

static const char *destination(const struct question *q)
{
	builder_clear(&words);
	question_destination(&words, q);
	builder_u8(&words, 0);
	return (const char *)words.data;
}

/* RFC 4252, section 7: what a client signs to log in. */
static void login_data(struct builder *b, const char *user)
{
	builder_clear(b);
	builder_cstring(b, "0123456789abcdef");
	builder_u8(b, 50);
	builder_cstring(b, user);
	builder_cstring(b, "ssh-connection");
	builder_cstring(b, "publickey");
	builder_u8(b, 1);
	builder_cstring(b, "ssh-ed25519");
	builder_cstring(b, "a key blob");
}

/* PROTOCOL.sshsig. */
static void sshsig_data(struct builder *b, const char *name_space)
{
	builder_clear(b);
	builder_put(b, bytes_str("SSHSIG"));
	builder_cstring(b, name_space);
	builder_cstring(b, "");
	builder_cstring(b, "sha512");
	builder_cstring(b, "a digest of some bytes");
}

static struct lineage who;
static struct host_text hosts[17];

static struct question start(struct builder *data)
{
	memset(&who, 0, sizeof(who));
	memset(hosts, 0, sizeof(hosts));
	return (struct question){
	    .comment = bytes_str("work laptop"),
	    .print = "SHA256:abc",
	    .data = builder_view(data),
	    .lineage = &who,
	    .hosts = hosts,
	};
}

static void expect_in(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no '%s' in: %s", part, text);
}

static void expect_not_in(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("'%s' in: %s", part, text);
}

static void a_login_to_a_proved_host(void **state)
{
	struct builder data = {0};
	struct question q;

	(void)state;
	login_data(&data, "deploy");
	q = start(&data);
	strcpy(hosts[0].names, "db1.example.org");
	strcpy(hosts[0].print, "SHA256:host");
	q.host_count = 1;
	expect_in(question(&q), "Allow use of key \"work laptop\"?\nKey fingerprint SHA256:abc.");
	expect_in(question(&q), "To log in as deploy to db1.example.org (host key SHA256:host).");
	expect_not_in(question(&q), "forwarded");
	assert_string_equal(destination(&q), "deploy@db1.example.org");
	builder_clear(&data);
}

static void expect_host(struct question *q, const char *names, enum err searched, const char *part)
{
	strcpy(hosts[0].names, names);
	hosts[0].searched = searched;
	expect_in(question(q), part);
}

/* What was not looked at is told from what is not there. */
static void a_search_that_was_not_whole(void **state)
{
	struct builder data = {0};
	struct question q;

	(void)state;
	login_data(&data, "deploy");
	q = start(&data);
	strcpy(hosts[0].print, "P");
	q.host_count = 1;
	expect_host(&q, "", ERR_OK, " to a host that known_hosts does not name (host key P).");
	expect_host(&q, "", ERR_TIMEOUT,
	    " to a host whose name was not found (host key P;"
	    " known_hosts could not be read in time).");
	expect_host(&q, "", ERR_TOO_LONG,
	    " to a host whose name was not found (host key P;"
	    " known_hosts is bigger than 16 MiB: only its first part was searched).");
	/* A revocation may lie behind. */
	expect_host(&q, "db1", ERR_TOO_LONG,
	    " to db1 (host key P;"
	    " known_hosts is bigger than 16 MiB: only its first part was searched).");
	expect_host(&q, "db1", ERR_SYSTEM, " to db1 (host key P; known_hosts could not be read).");
	assert_string_equal(destination(&q), "deploy@db1");
	builder_clear(&data);
}

static void a_login_that_proves_no_host(void **state)
{
	struct builder data = {0};
	struct question q;

	(void)state;
	login_data(&data, "deploy");
	q = start(&data);
	expect_in(question(&q), "to a host that the client did not prove");
	/* A forwarding is no login: its host is on the way, not at the end of it. */
	strcpy(hosts[0].print, "SHA256:hop");
	hosts[0].forwarding = true;
	q.host_count = 1;
	expect_in(question(&q), "to a host that the client did not prove");
	expect_in(question(&q),
	    "Over a connection forwarded through a host that known_hosts does not name "
	    "(host key SHA256:hop).");
	q.unproven = true;
	expect_in(question(&q), "could not prove which host");
	builder_clear(&data);
}

static void hops_are_told_in_their_order(void **state)
{
	struct builder data = {0};
	struct question q;
	const char *text;

	(void)state;
	login_data(&data, "deploy");
	q = start(&data);
	for (int i = 0; i < 3; i++) {
		snprintf(hosts[i].names, sizeof(hosts[i].names), "h%d.example.org", i);
		hosts[i].forwarding = i < 2;
	}
	q.host_count = 3;
	text = question(&q);
	expect_in(text, "to h2.example.org");
	assert_true(strstr(text, "through h0.example.org") < strstr(text, "then h1.example.org"));
	assert_non_null(strstr(text, "then h1.example.org"));
	builder_clear(&data);
}

static void signatures_and_unknown_data(void **state)
{
	struct builder data = {0};
	struct question q;

	(void)state;
	sshsig_data(&data, "git");
	q = start(&data);
	expect_in(question(&q), "To sign for \"git\" (a git commit or tag).");
	assert_string_equal(destination(&q), "signature for git");
	builder_clear(&data);
	builder_cstring(&data, "something else");
	q = start(&data);
	expect_in(question(&q), "To sign data that Signet does not recognise.");
	builder_clear(&data);
}

static void who_asks(void **state)
{
	struct builder data = {0};
	struct question q = start(&data);

	(void)state;
	expect_in(question(&q), "Asked by a program that has ended.");
	who.count = 3;
	who.process[0] =
	    (struct process){.pid = 30, .name = "ssh", .exe = "/usr/bin/ssh", .settled = true};
	who.process[1] =
	    (struct process){.pid = 20, .name = "git", .exe = "/usr/bin/git", .settled = true};
	who.process[2] =
	    (struct process){.pid = 10, .name = "bash", .exe = "/bin/bash", .settled = true};
	expect_in(question(&q), "Asked by ssh (30), started by git (20), bash (10).");
}

/* A comment, a user or a namespace cannot write lines of its own. */
static void nothing_raw_is_shown(void **state)
{
	struct builder data = {0};
	struct question q;
	const char *text;

	(void)state;
	login_data(&data, "root\nKey fingerprint SHA256:other");
	q = start(&data);
	q.comment = bytes_str("mine\x1b[2J\nAsked by init");
	text = question(&q);
	expect_not_in(text, "\x1b");
	expect_not_in(text, "\nAsked by init");
	expect_not_in(text, "\nKey fingerprint SHA256:other");
	builder_clear(&data);
}

/* A host that the client proved for another session is not the one this login is to. */
static void a_login_of_another_session(void **state)
{
	struct builder data = {0};
	struct question q;

	(void)state;
	login_data(&data, "deploy");
	q = start(&data);
	strcpy(hosts[0].names, "db1.example.org");
	q.host_count = 1;
	q.astray = true;
	expect_not_in(question(&q), "db1.example.org");
	expect_in(question(&q), "to a host that the client did not prove");
	assert_string_equal(destination(&q), "deploy@unproven host");
	builder_clear(&data);
}

/* What the client chose cannot go on with the sentence. */
static void words_of_the_client_are_marked_off(void **state)
{
	struct builder data = {0};
	struct question q;

	(void)state;
	login_data(&data, "me to db1\" (host key x)");
	q = start(&data);
	expect_in(question(&q), "To log in as \"me to db1\\x22 (host key x)\" to a host");
	sshsig_data(&data, "git\" (a git commit or tag)");
	q = start(&data);
	expect_in(question(&q), "To sign for \"git\\x22 (a git commit or tag)\".");
	builder_clear(&data);
}

/* Words of a client's choice are short, whatever they are made of. */
static void clients_have_not_much_room(void **state)
{
	static const char *const filler[] = {"x", "\"", "%", ";", "\n", "\xc3\xbc", "\xff"};
	struct builder data = {0};
	struct question q;
	char text[201];

	(void)state;
	for (size_t i = 0; i < sizeof(filler) / sizeof(filler[0]); i++) {
		size_t shortest;

		text[0] = '\0';
		while (strlen(text) + strlen(filler[i]) < sizeof(text))
			strcat(text, filler[i]);
		login_data(&data, "u");
		q = start(&data);
		shortest = strlen(question(&q));
		login_data(&data, text);
		q = start(&data);
		assert_true(strlen(question(&q)) < shortest + 70);
		expect_in(question(&q), "...");
		expect_in(question(&q), " to a host that the client did not prove.");
		assert_true(strlen(destination(&q)) < 90);
		sshsig_data(&data, text);
		q = start(&data);
		assert_true(strlen(question(&q)) < shortest + 70);
		q.comment = bytes_str(text);
		assert_true(strlen(question(&q)) < shortest + 130);
	}
	builder_clear(&data);
}

/* Who asks and over which hosts stands above what the client chose. */
static void the_client_has_the_last_word(void **state)
{
	struct builder data = {0};
	struct question q;
	const char *text;

	(void)state;
	login_data(&data, "deploy");
	q = start(&data);
	strcpy(hosts[0].names, "hop.example.org");
	hosts[0].forwarding = true;
	q.host_count = 1;
	who.count = 1;
	who.process[0] =
	    (struct process){.pid = 30, .name = "ssh", .exe = "/usr/bin/ssh", .settled = true};
	text = question(&q);
	assert_non_null(strstr(text, "forwarded through hop.example.org"));
	assert_true(strstr(text, "forwarded through") < strstr(text, "Asked by ssh"));
	assert_true(strstr(text, "Asked by ssh") < strstr(text, "To log in as deploy"));
	builder_clear(&data);
}

static void names_of_programs_are_marked_off(void **state)
{
	struct builder data = {0};
	struct question q = start(&data);

	(void)state;
	who.count = 4;
	who.process[0] =
	    (struct process){.pid = 30, .name = "ssh (12), started", .exe = "/usr/bin/ssh"};
	who.process[1] = (struct process){.pid = 20, .name = "git", .exe = "/home/me/bin/evil"};
	who.process[2] = (struct process){.pid = 10,
	    .name = "gnome-terminal-",
	    .exe = "/x/gnome-terminal-server",
	    .settled = true};
	who.process[3] =
	    (struct process){.pid = 9, .name = "bash", .exe = "/bin/bash", .settled = true};
	expect_in(question(&q),
	    "Asked by \"ssh (12), started\" (30, program /usr/bin/ssh), started by "
	    "git (20, program /home/me/bin/evil), gnome-terminal- (10), bash (9).");
	memset(who.process[0].exe, 'p', sizeof(who.process[0].exe) - 1);
	expect_in(question(&q), ", program ...ppp");
	expect_not_in(
	    question(&q), "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp");
}

/* All of them, up to where the record ends, and then it says so. */
/* A name of its own choice is none, where the file does not bear it out. */
static void a_program_out_of_its_place(void **state)
{
	struct builder data = {0};
	struct question q = start(&data);

	(void)state;
	who.count = 2;
	who.process[0] = (struct process){.pid = 30, .name = "ssh"};
	who.process[1] = (struct process){.pid = 20, .name = "git", .exe = "/home/x/evil/git"};
	expect_in(question(&q),
	    "Asked by an unknown program that calls itself \"ssh\" (30), started by "
	    "git (20, program /home/x/evil/git).");
	/* python3 is a link. */
	who.process[0] = (struct process){
	    .pid = 30, .name = "python3", .exe = "/usr/bin/python3.11", .settled = true};
	who.process[1] =
	    (struct process){.pid = 20, .name = "p", .exe = "/usr/bin/python3.11", .settled = true};
	expect_in(
	    question(&q), "Asked by python3 (30), started by p (20, program /usr/bin/python3.11).");
}

static void every_process_is_told(void **state)
{
	struct builder data = {0};
	struct question q = start(&data);

	(void)state;
	who.count = LINEAGE_MOST - 1;
	for (size_t i = 0; i < LINEAGE_MOST; i++)
		who.process[i] = (struct process){
		    .pid = 100 + (pid_t)i, .name = "sh", .exe = "/bin/sh", .settled = true};
	expect_in(question(&q), "Asked by sh (100), started by sh (101), sh (102), ");
	expect_in(question(&q), ", sh (114).");
	who.count = LINEAGE_MOST;
	expect_in(question(&q), ", sh (115), and perhaps more.");
}

/* Its length with line ends as "%0A". */
static size_t spelt(const char *text)
{
	size_t n = strlen(text);

	while (*text != '\0')
		n += *text++ == '\n' ? 2 : 0;
	return n;
}

/* So much is told that pinentry takes it in one line, as long as there are not too many hosts. */
static void a_long_question_is_made_to_fit(void **state)
{
	struct builder data = {0};
	struct question q;
	char user[200];
	const char *text;

	(void)state;
	memset(user, '"', sizeof(user));
	user[sizeof(user) - 1] = '\0';
	login_data(&data, user);
	q = start(&data);
	q.print = "SHA256:0123456789012345678901234567890123456789012";
	for (int i = 0; i < 3; i++) {
		strcpy(hosts[i].print, q.print);
		memset(hosts[i].names, 'n', 190);
		hosts[i].forwarding = i < 2;
	}
	q.host_count = 3;
	who.count = 9;
	for (size_t i = 0; i < who.count; i++)
		who.process[i] = (struct process){.pid = 4000000,
		    .name = "gnome-terminal-",
		    .exe = "/usr/libexec/gnome-terminal-server",
		    .settled = true};
	text = question(&q);
	assert_true(spelt(text) <= QUESTION_ROOM);
	expect_in(text, "Asked by gnome-terminal- (4000000), started by ");
	expect_in(text, " and 5 more.");
	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; k < who.count; k++) {
			memset(who.process[k].name, '"', 15);
			memset(who.process[k].exe, i == 0 ? 'p' : 0, LINEAGE_EXE - 1);
			who.process[k].settled = false;
		}
		text = question(&q);
		assert_true(spelt(text) <= QUESTION_ROOM);
		expect_in(text, i == 0 ? ", program ...ppp" : "by an unknown program that calls");
		expect_in(
		    text, i == 0 ? ", program elsewhere)" : ", started by an unknown program");
	}
	text = question(&q);
	expect_in(text, "nnn... (host key SHA256:0123");
	expect_in(text, "012).");
	builder_clear(&data);
}

/* named of them have long names, the others none; all searches as said. */
static void long_way(struct question *q, size_t hops, size_t named, enum err searched)
{
	memset(hosts, 0, sizeof(hosts));
	for (size_t i = 0; i <= hops; i++) {
		strcpy(hosts[i].print, "SHA256:0123456789012345678901234567890123456789012");
		if (i < named)
			snprintf(hosts[i].names, sizeof(hosts[i].names),
			    "hop%zu.a-rather-long-name.example.org,192.0.2.%zu", i, i);
		hosts[i].forwarding = i < hops;
		hosts[i].searched = searched;
	}
	q->host_count = hops + 1;
}

/* Whatever the way: pinentry takes it, and who asks and the forwarding are in it. */
static void a_long_way_is_made_to_fit(void **state)
{
	static const enum err searches[] = {ERR_OK, ERR_TOO_LONG};
	struct builder data = {0};
	struct question q;

	(void)state;
	login_data(&data, "deploy");
	q = start(&data);
	q.print = "SHA256:0123456789012345678901234567890123456789012";
	who.count = 6;
	for (size_t i = 0; i < who.count; i++)
		who.process[i] = (struct process){.pid = 4000000,
		    .name = "gnome-terminal-",
		    .exe = "/usr/libexec/gnome-terminal-server",
		    .settled = true};
	for (size_t hops = 1; hops <= 16; hops++) {
		for (size_t named = 0; named <= hops; named++) {
			for (size_t s = 0; s < 2; s++) {
				const char *text;

				long_way(&q, hops, named, searches[s]);
				text = question(&q);
				assert_true(spelt(text) <= QUESTION_ROOM);
				expect_in(text, "Over a connection forwarded through ");
				expect_in(text, "Asked by gnome-terminal- (4000000), started by ");
				expect_in(text, "To log in as deploy to ");
				if (s != 0)
					expect_in(text, "known_hosts is bigger than 16 MiB");
			}
		}
	}
	builder_clear(&data);
}

static void of_a_long_way_both_ends_are_told(void **state)
{
	struct builder data = {0};
	struct question q;
	const char *text;

	(void)state;
	login_data(&data, "deploy");
	q = start(&data);
	who.count = 1;
	who.process[0] =
	    (struct process){.pid = 30, .name = "ssh", .exe = "/usr/bin/ssh", .settled = true};
	/* By their names alone. */
	long_way(&q, 9, 9, ERR_OK);
	text = question(&q);
	expect_in(text, "through hop0.a-rather-long-na..., then hop1.a-rather-long-na..., then ");
	expect_in(text, ", then hop8.a-rather-long-na....");
	expect_not_in(text, " between");
	long_way(&q, 16, 0, ERR_OK);
	strcpy(hosts[0].names, "one");
	strcpy(hosts[14].names, "fifteen");
	strcpy(hosts[15].names, "sixteen");
	text = question(&q);
	expect_in(text,
	    "through one and 13 more hosts between, then fifteen, then sixteen.\n\nAsked by ssh");
	builder_clear(&data);
}

static void no_word_is_wider_than_a_window(void **state)
{
	struct builder data = {0};
	struct question q;
	const char *text;

	(void)state;
	login_data(&data, "deploy");
	q = start(&data);
	memset(hosts[0].names, 'n', 150);
	q.host_count = 1;
	text = question(&q);
	while (*text != '\0') {
		size_t word = strcspn(text, " \n");

		assert_true(word <= 70);
		text += word;
		text += strspn(text, " \n");
	}
	builder_clear(&data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_login_to_a_proved_host),
	    cmocka_unit_test(a_search_that_was_not_whole),
	    cmocka_unit_test(a_login_that_proves_no_host),
	    cmocka_unit_test(hops_are_told_in_their_order),
	    cmocka_unit_test(signatures_and_unknown_data),
	    cmocka_unit_test(who_asks),
	    cmocka_unit_test(a_login_of_another_session),
	    cmocka_unit_test(words_of_the_client_are_marked_off),
	    cmocka_unit_test(clients_have_not_much_room),
	    cmocka_unit_test(the_client_has_the_last_word),
	    cmocka_unit_test(names_of_programs_are_marked_off),
	    cmocka_unit_test(a_program_out_of_its_place),
	    cmocka_unit_test(every_process_is_told),
	    cmocka_unit_test(a_long_question_is_made_to_fit),
	    cmocka_unit_test(a_long_way_is_made_to_fit),
	    cmocka_unit_test(of_a_long_way_both_ends_are_told),
	    cmocka_unit_test(no_word_is_wider_than_a_window),
	    cmocka_unit_test(nothing_raw_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
