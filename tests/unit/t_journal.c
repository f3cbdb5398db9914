/* Decisions in the journal, with a socket of this test as the journal. */
#include "tests/support/base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/journal.h"
#include "proto/base/fdio.h"
#include "proto/ctlmsg.h"

static void make_record(struct builder *b, const char *comment)
{
	ctl_pair_build(b, "request", "sign");
	ctl_pair_build(b, "answer", "refused");
	ctl_pair_build(b, "reason", "the agent is locked");
	ctl_pair_build(b, "key", "SHA256:abc");
	ctl_pair_build(b, "comment", comment);
	ctl_pair_build(b, "pid", "77");
}

static int bind_journal(const char *folder, struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(at->sun_path, sizeof(at->sun_path), "%s/j", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
	return fd;
}

static void test_fields_reach_the_journal(void **state)
{
	struct sockaddr_un at;
	struct builder b = {0};
	char folder[64], got[4096];
	struct journal j = {.fd = -1};
	int fd;
	ssize_t n;

	(void)state;
	base_folder_make(folder);
	fd = bind_journal(folder, &at);
	j.socket = at.sun_path;
	make_record(&b, "me");
	journal_decision(&j, builder_view(&b));
	n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	got[n] = '\0';
	assert_non_null(strstr(got, "SIGNET_DECISION=refused\n"));
	assert_non_null(strstr(got, "SIGNET_KEY=SHA256:abc\n"));
	assert_non_null(strstr(got, "SIGNET_PID=77\n"));
	assert_non_null(strstr(got, "SIGNET_REASON=the agent is locked\n"));
	assert_non_null(strstr(got, "PRIORITY=5\n"));
	assert_int_equal(strncmp(got, "MESSAGE=sign refused: the agent is locked", 41), 0);
	builder_clear(&b);
	fd_close(&j.fd);
	fd_close(&fd);
	unlink(at.sun_path);
	base_folder_remove(folder);
}

/* systemd.journal's native protocol: a value with a line end has its length, little-endian, before
 * it. */
static void test_line_ends_cannot_make_fields(void **state)
{
	static const char wanted[] = "SIGNET_COMMENT\n\x0d\0\0\0\0\0\0\0a\nPRIORITY=0x\n";
	struct builder b = {0}, out = {0};

	(void)state;
	make_record(&b, "a\nPRIORITY=0x");
	assert_int_equal(journal_fields(builder_view(&b), &out), ERR_OK);
	assert_non_null(memmem(out.data, out.len, wanted, sizeof(wanted) - 1));
	assert_null(memmem(out.data, out.len, "\nPRIORITY=0\n", 12));
	builder_clear(&b);
	builder_clear(&out);
}

/* Nor can a value pass for other parts of the line; the field has it as it is. */
static void test_values_cannot_make_parts(void **state)
{
	struct builder b = {0}, out = {0};
	char line[2048];

	(void)state;
	make_record(&b, "x\"; by ssh");
	ctl_pair_build(&b, "program", "ssh; pid 1");
	ctl_pair_build(&b, "forwarded", "yes");
	ctl_pair_build(&b, "through", "hop; person: asked");
	ctl_pair_build(&b, "view", "work");
	assert_int_equal(journal_line(builder_view(&b), line, sizeof(line)), ERR_OK);
	assert_string_equal(line,
	    "sign refused: the agent is locked; key SHA256:abc \"x\\x22\\x3b by ssh\"; "
	    "by ssh\\x3b pid 1; pid 77; forwarded: yes; through hop\\x3b person: asked; "
	    "view work");
	assert_int_equal(journal_fields(builder_view(&b), &out), ERR_OK);
	assert_non_null(memmem(out.data, out.len, "\nSIGNET_COMMENT=x\"; by ssh\n", 27));
	assert_non_null(memmem(out.data, out.len, "\nSIGNET_THROUGH=hop; person", 27));
	assert_non_null(memmem(out.data, out.len, "\nSIGNET_VIEW=work\n", 18));
	builder_clear(&b);
	builder_clear(&out);
}

static void test_malformed_records_are_dropped(void **state)
{
	struct builder out = {0};
	char line[256];

	(void)state;
	assert_int_not_equal(journal_fields(bytes_str("nonsense"), &out), ERR_OK);
	assert_int_equal(out.len, 0);
	assert_int_not_equal(journal_line(bytes_str("nonsense"), line, sizeof(line)), ERR_OK);
	builder_clear(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields_reach_the_journal),
	    cmocka_unit_test(test_line_ends_cannot_make_fields),
	    cmocka_unit_test(test_values_cannot_make_parts),
	    cmocka_unit_test(test_malformed_records_are_dropped),
	};

	/* Else what is written in a service would be looked for in vain. */
	(void)unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
