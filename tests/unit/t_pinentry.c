/* signet-prompt with pinentry programs that are scripts: honest, odd and hostile ones. */
#include "tests/support/prompt_helper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/askpass.h"
#include "proto/base/fdio.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

/* Displays of these numbers and display_base are there, others up to five are not. */
enum { FIRST_DISPLAY = 1, LAST_DISPLAY = 3 };

static unsigned display_base;

/* A socket that takes connections, as long as this process lives; abstract: its name is none of a
 * file. */
static void listen_at(const char *path, bool abstract)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(n + 1 < sizeof(sa.sun_path));
	memcpy(sa.sun_path + abstract, path, n);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sa,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1)),
	    0);
	assert_int_equal(listen(fd, 100), 0);
}

static int make_displays(void **state)
{
	(void)state;
	display_base = 1000 + (unsigned)getpid() % 10000 * 5;
	for (unsigned i = FIRST_DISPLAY; i <= LAST_DISPLAY; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/tmp/.X11-unix/X%u", display_base + i);
		listen_at(path, true);
	}
	return 0;
}

/* text with @N for the number of display N. */
static const char *with_displays(const char *text, char *out, size_t room)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		assert_true(n + 12 < room);
		if (*text == '@')
			n += (size_t)snprintf(
			    out + n, room - n, "%u", display_base + (unsigned)(*++text - '0'));
		else
			out[n++] = *text;
	}
	out[n] = '\0';
	return out;
}

struct scene {
	char folder[64];
	char pinentry[128];
	char askpass[128];
	struct prompt_helper run;
};

static int setup(void **state)
{
	static struct scene s;

	s = (struct scene){.run = {.sock = -1, .errors = -1}};
	base_folder_make(s.folder);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	prompt_helper_close(&s->run);
	base_folder_remove(s->folder);
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

/*
 * What every script has: it writes each command into the file "log", says OK to those that set
 * something, and does what the test says for the question itself.
 */
static void write_pinentry(struct scene *s, const char *greeting, const char *question)
{
	char body[4096];

	snprintf(body, sizeof(body),
	    "cd ${0%%/*}; echo $$ >pid; %s\n"
	    "while IFS= read -r line; do\n"
	    "printf '%%s\\n' \"$line\" >>log\n"
	    "case $line in\n"
	    "CONFIRM | GETPIN | MESSAGE) %s ;;\n"
	    "BYE) echo OK; exit ;;\n"
	    "*) echo OK ;;\n"
	    "esac\n"
	    "done\n",
	    greeting, question);
	base_script(s->folder, "pinentry", body, s->pinentry);
}

/* Is a variable of this name in the list? */
static bool names_one_of(const char *entry, const char *const *list)
{
	size_t n = strcspn(entry, "=") + 1;

	while (list != NULL && *list != NULL) {
		if (strncmp(entry, *list++, n) == 0)
			return true;
	}
	return false;
}

/* Start the helper with further variables, NULL-terminated. */
static void start(struct scene *s, const char *const *more)
{
	char pinentry[160], display[32];
	const char *const usual[] = {"PATH=/usr/bin:/bin", display, pinentry};
	const char *env[16] = {NULL};
	size_t n = 0;

	(void)with_displays("DISPLAY=:@1", display, sizeof(display));
	snprintf(pinentry, sizeof(pinentry), "SIGNET_PINENTRY=%s", s->pinentry);
	for (size_t i = 0; i < 3; i++) {
		if (!names_one_of(usual[i], more))
			env[n++] = usual[i];
	}
	while (more != NULL && *more != NULL)
		env[n++] = *more++;
	prompt_helper_start(&s->run, env);
}

/* The helper's answer and end. */
static enum err hear(struct scene *s, char *text, size_t room)
{
	enum err e = prompt_helper_hear(&s->run, text, room);

	assert_int_equal(base_wait_end(s->run.pid), 0);
	prompt_helper_close(&s->run);
	return e;
}

static const char *const only_pinentry[] = {"SIGNET_PROMPT=pinentry", NULL};

static enum err ask(struct scene *s, uint8_t kind, char *text, size_t room)
{
	struct helper_ask m = {.kind = kind, .text = bytes_str("Use key?")};

	start(s, only_pinentry);
	prompt_helper_ask(&s->run, &m);
	return hear(s, text, room);
}

struct row {
	uint8_t kind;
	const char *greeting;
	const char *question;
	enum err result;
	const char *answer;
};

static void run_rows(struct scene *s, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[1100];

		write_pinentry(s, rows[i].greeting, rows[i].question);
		assert_string_equal(
		    err_text(ask(s, rows[i].kind, text, sizeof(text))), err_text(rows[i].result));
		assert_string_equal(text, rows[i].answer);
	}
}

#define ROWS(table) table, sizeof(table) / sizeof(table[0])
#define HELLO       "echo 'OK Pleased to meet you'"

static void answers(void **state)
{
	static const struct row table[] = {
	    {ASKPASS_CONFIRM, HELLO, "echo OK", ERR_OK, ""},
	    {ASKPASS_CONFIRM, "echo '# hi'; " HELLO, "echo 'S BUTTON_INFO close'; echo OK", ERR_OK,
		""},
	    {ASKPASS_CONFIRM, HELLO, "echo 'ERR 83886179 Operation cancelled'", ERR_DENIED, ""},
	    {ASKPASS_CONFIRM, HELLO, "echo 'ERR 83886194 Not confirmed'", ERR_DENIED, ""},
	    {ASKPASS_CONFIRM, HELLO, "echo 'ERR 83886278 Fully cancelled'", ERR_DENIED, ""},
	    {ASKPASS_CONFIRM, HELLO, "echo 'ERR 83886142 Timeout'", ERR_TIMEOUT, ""},
	    {ASKPASS_SECRET, HELLO, "echo 'D 1234'; echo OK", ERR_OK, "1234"},
	    {ASKPASS_SECRET, HELLO, "echo 'D a%25b%0a '; echo 'D c'; echo OK", ERR_OK, "a%b\n c"},
	    {ASKPASS_SECRET, HELLO, "echo OK", ERR_OK, ""},
	    {ASKPASS_SECRET, HELLO, "echo 'ERR 83886179'", ERR_DENIED, ""},
	    {ASKPASS_NOTICE, HELLO, "echo OK", ERR_OK, ""},
	};

	run_rows(*state, ROWS(table));
}

/* None of these is a yes, and none of them ends or holds up the helper. */
static void hostile_answers_are_no_yes(void **state)
{
	static const struct row table[] = {
	    {ASKPASS_CONFIRM, HELLO, "echo OKAY", ERR_ASKER_REPLY, ""},
	    {ASKPASS_CONFIRM, HELLO, "echo 'D yes'; echo OK", ERR_ASKER_REPLY, ""},
	    {ASKPASS_CONFIRM, HELLO, "echo 'INQUIRE WHAT'", ERR_ASKER_REPLY, ""},
	    {ASKPASS_CONFIRM, HELLO, "echo; echo OK", ERR_ASKER_REPLY, ""},
	    {ASKPASS_CONFIRM, HELLO, "echo 'ERR'", ERR_ASKER_REPLY, ""},
	    {ASKPASS_CONFIRM, HELLO, "echo 'ERR x'", ERR_ASKER_REPLY, ""},
	    {ASKPASS_CONFIRM, HELLO, "exit 0", ERR_ASKER_ENDED, ""},
	    {ASKPASS_CONFIRM, HELLO, "kill -9 $$", ERR_ASKER_ENDED, ""},
	    {ASKPASS_CONFIRM, HELLO, "head -c 1000000 /dev/zero", ERR_ASKER_FLOOD, ""},
	    {ASKPASS_CONFIRM, HELLO, "yes '# and so on'", ERR_ASKER_FLOOD, ""},
	    {ASKPASS_SECRET, HELLO, "yes 'D aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
		ERR_ASKER_FLOOD, ""},
	    {ASKPASS_SECRET, HELLO, "echo 'D %4'; echo OK", ERR_ASKER_REPLY, ""},
	    {ASKPASS_SECRET, HELLO, "echo 'D %zz'; echo OK", ERR_ASKER_REPLY, ""},
	    {ASKPASS_SECRET, HELLO, "echo 'D a%00b'; echo OK", ERR_ASKER_REPLY, ""},
	    /* A yes that was there before the question. */
	    {ASKPASS_CONFIRM, "printf 'OK\\nOK\\n'", "echo OK", ERR_ASKER_REPLY, ""},
	    {ASKPASS_CONFIRM, "echo 'ERR 1'", "echo OK", ERR_ASKER_SHOW, ""},
	    {ASKPASS_CONFIRM, "exit 3", "echo OK", ERR_ASKER_ENDED, ""},
	    {ASKPASS_CONFIRM, "head -c 1000000 /dev/zero", "echo OK", ERR_ASKER_FLOOD, ""},
	};

	run_rows(*state, ROWS(table));
}

/* The file "log", which the script has closed when the helper has ended. */
static void read_log(const struct scene *s, char *out, size_t room)
{
	char path[128];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", s->folder);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(out, 1, room - 1, f);
	out[n] = '\0';
	fclose(f);
	unlink(path);
}

/* A yes-or-no question has no entry field, and other words on its buttons than one for a secret. */
static void kinds_look_different(void **state)
{
	struct scene *s = *state;
	char log[4096], text[64];

	write_pinentry(s, HELLO, "echo OK");
	assert_int_equal(ask(s, ASKPASS_CONFIRM, text, sizeof(text)), ERR_OK);
	read_log(s, log, sizeof(log));
	assert_non_null(strstr(log, "SETOK Allow\n"));
	assert_non_null(strstr(log, "SETCANCEL Deny\n"));
	assert_non_null(strstr(log, "CONFIRM\n"));
	assert_null(strstr(log, "SETPROMPT"));
	assert_null(strstr(log, "GETPIN"));
	assert_int_equal(ask(s, ASKPASS_SECRET, text, sizeof(text)), ERR_OK);
	read_log(s, log, sizeof(log));
	assert_non_null(strstr(log, "SETPROMPT Passphrase or PIN:\n"));
	assert_non_null(strstr(log, "GETPIN\n"));
	assert_null(strstr(log, "Allow"));
	assert_null(strstr(log, "CONFIRM"));
	assert_int_equal(ask(s, ASKPASS_NOTICE, text, sizeof(text)), ERR_OK);
	read_log(s, log, sizeof(log));
	assert_non_null(strstr(log, "MESSAGE\n"));
	assert_null(strstr(log, "SETPROMPT"));
	assert_null(strstr(log, "SETCANCEL"));
}

static void text_is_escaped(void **state)
{
	struct scene *s = *state;
	struct helper_ask m = {
	    .kind = ASKPASS_CONFIRM,
	    .title = bytes_str("100% sure?"),
	    .text = bytes_str("a%0Ab\nCONFIRM\r\n\xc3\xa9"),
	    .timeout = 30,
	};
	char log[4096], text[64];
	const char *limit;

	write_pinentry(s, HELLO, "echo OK");
	start(s, only_pinentry);
	prompt_helper_ask(&s->run, &m);
	assert_int_equal(hear(s, text, sizeof(text)), ERR_OK);
	read_log(s, log, sizeof(log));
	assert_non_null(strstr(log, "SETTITLE 100%25 sure?\n"));
	assert_non_null(strstr(log, "SETDESC 100%25 sure?%0A%0Aa%250Ab%0ACONFIRM%0D%0A\xc3\xa9\n"));
	/* What is left of the time, however long it took to get there. */
	limit = strstr(log, "SETTIMEOUT ");
	assert_non_null(limit);
	assert_in_range(strtol(limit + strlen("SETTIMEOUT "), NULL, 10), 1, 30);
}

static enum err ask_so_long(struct scene *s, size_t n)
{
	char long_text[2000], text[64];
	struct helper_ask m = {.kind = ASKPASS_CONFIRM, .title = bytes_str("T")};

	memset(long_text, 'x', n);
	m.text = BYTES(long_text, n);
	write_pinentry(s, HELLO, "echo OK");
	start(s, only_pinentry);
	prompt_helper_ask(&s->run, &m);
	return hear(s, text, sizeof(text));
}

/* The protocol has lines of 1000 bytes: "SETDESC T%0A%0A" and the text. */
static void half_a_question_is_not_asked(void **state)
{
	struct scene *s = *state;
	char log[8192];

	assert_int_equal(ask_so_long(s, 985), ERR_OK);
	read_log(s, log, sizeof(log));
	assert_non_null(strstr(log, "SETDESC T%0A%0Axxx"));
	assert_non_null(strstr(log, "CONFIRM\n"));
	assert_int_equal(ask_so_long(s, 986), ERR_ASKER_SHOW);
	read_log(s, log, sizeof(log));
	assert_null(strstr(log, "SETDESC"));
	assert_null(strstr(log, "CONFIRM"));
}

/* With a question open: what the core does, and whether the program is gone afterwards. */
static void withdrawn(struct scene *s, const char *question)
{
	struct helper_ask m = {.kind = ASKPASS_CONFIRM, .text = bytes_str("?")};
	char path[128], line[64];
	int status;

	write_pinentry(s, HELLO, question);
	start(s, only_pinentry);
	prompt_helper_ask(&s->run, &m);
	snprintf(path, sizeof(path), "%s/open", s->folder);
	assert_true(base_wait_line(path, line, sizeof(line)));
	fd_close(&s->run.sock);
	status = base_wait_end(s->run.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(kill((pid_t)atoi(line), 0), -1);
	assert_int_equal(errno, ESRCH);
	unlink(path);
}

static void withdrawing_ends_the_program(void **state)
{
	withdrawn(*state, "echo $$ >open; exec sleep 600");
	withdrawn(*state, "trap '' TERM; echo $$ >open; sleep 600; sleep 600");
}

static void time_is_limited(void **state)
{
	struct scene *s = *state;
	struct helper_ask m = {.kind = ASKPASS_CONFIRM, .text = bytes_str("?"), .timeout = 1};
	char text[16];

	write_pinentry(s, HELLO, "exec sleep 600");
	start(s, only_pinentry);
	prompt_helper_ask(&s->run, &m);
	assert_int_equal(hear(s, text, sizeof(text)), ERR_TIMEOUT);
}

/* Start with these ways, and say whether the second program was asked. */
static enum err with_order(struct scene *s, const char *order, const char *askpass, bool *seen)
{
	struct helper_ask m = {.kind = ASKPASS_CONFIRM, .text = bytes_str("?")};
	char variables[2][200];
	const char *const more[] = {variables[0], variables[1], "SSH_ASKPASS_REQUIRE=force", NULL};
	char path[128], text[16];
	enum err e;

	base_script(s->folder, "askpass", askpass, s->askpass);
	snprintf(variables[0], sizeof(variables[0]), "SIGNET_PROMPT=%s", order);
	snprintf(variables[1], sizeof(variables[1]), "SSH_ASKPASS=%s", s->askpass);
	start(s, more);
	prompt_helper_ask(&s->run, &m);
	e = hear(s, text, sizeof(text));
	snprintf(path, sizeof(path), "%s/asked", s->folder);
	*seen = unlink(path) == 0;
	return e;
}

#define ASKED "touch ${0%/*}/asked; "

static void next_way_only_when_the_first_could_not_ask(void **state)
{
	struct scene *s = *state;
	bool seen;

	write_pinentry(s, "exit 1", "echo OK");
	assert_int_equal(with_order(s, "pinentry askpass", ASKED "exit 0", &seen), ERR_OK);
	assert_true(seen);
	/* It could not show the question (gpg-error's "no tty"). */
	write_pinentry(s, HELLO, "echo 'ERR 83918950 Inappropriate ioctl for device'");
	assert_int_equal(with_order(s, "pinentry askpass", ASKED "exit 1", &seen), ERR_DENIED);
	assert_true(seen);
	/* It takes no text: a yes to what was not shown would be none. */
	write_pinentry(s, HELLO, "echo OK ;; SETDESC*) echo 'ERR 83886185'");
	assert_int_equal(with_order(s, "pinentry askpass", ASKED "exit 1", &seen), ERR_DENIED);
	assert_true(seen);
	/* An answer, a fall or nonsense once the question was out are final. */
	write_pinentry(s, HELLO, "echo 'ERR 83886179'");
	assert_int_equal(with_order(s, "pinentry askpass", ASKED "exit 0", &seen), ERR_DENIED);
	assert_false(seen);
	write_pinentry(s, HELLO, "exit 1");
	assert_int_equal(with_order(s, "pinentry askpass", ASKED "exit 0", &seen), ERR_ASKER_ENDED);
	assert_false(seen);
	write_pinentry(s, HELLO, "echo nonsense");
	assert_int_equal(with_order(s, "pinentry askpass", ASKED "exit 0", &seen), ERR_ASKER_REPLY);
	assert_false(seen);
	/* The order is the list's, and what it does not name is not asked. */
	write_pinentry(s, "touch asked; " HELLO, "echo OK");
	assert_int_equal(with_order(s, "askpass,pinentry", "exit 1", &seen), ERR_DENIED);
	assert_false(seen);
	assert_int_equal(with_order(s, "terminal nonsense", "exit 0", &seen), ERR_NO_PROMPT);
	assert_false(seen);
	assert_int_equal(with_order(s, "", "exit 0", &seen), ERR_NO_PROMPT);
	assert_false(seen);
}

static void a_program_that_is_not_there(void **state)
{
	struct scene *s = *state;
	char text[16];

	snprintf(s->pinentry, sizeof(s->pinentry), "%s/none", s->folder);
	assert_int_equal(ask(s, ASKPASS_CONFIRM, text, sizeof(text)), ERR_ASKER);
	snprintf(s->pinentry, sizeof(s->pinentry), "pinentry");
	assert_int_equal(ask(s, ASKPASS_CONFIRM, text, sizeof(text)), ERR_NO_PROMPT);
	s->pinentry[0] = '\0';
	assert_int_equal(ask(s, ASKPASS_CONFIRM, text, sizeof(text)), ERR_NO_PROMPT);
}

static const struct display_row {
	const char *manager; /* a script's body */
	const char *own;     /* a variable of the agent's */
	const char *given;   /* one that the question carries */
	const char *display; /* what the program has in the end; */
	enum err why;        /* or why there is none */
} display_rows[] = {
    {"echo DISPLAY=:@1", "A=", NULL, ":@1.", ERR_OK},
    {"echo LANG=C; echo WAYLAND_DISPLAY=wayland-7; printf '%s\\n' 'DISPLAY=$'\"'\"'a\\\\b:1'\"'\"",
	"A=", NULL, "a\\b:1.wayland-7", ERR_OK},
    {"echo LD_PRELOAD=/x; echo DISPLAY=:@2; echo; echo =; echo x", "DISPLAY=:@4", NULL, ":@2.",
	ERR_OK},
    {"echo DISPLAY=:@1", "DISPLAY=elsewhere:1", NULL, "elsewhere:1.", ERR_OK},
    {"echo DISPLAY=:@1", "DISPLAY=localhost:59000", NULL, ":@1.", ERR_OK},
    {"echo DISPLAY=:@1; echo XAUTHORITY=/x", "WAYLAND_DISPLAY=wayland-gone", "DISPLAY=:@2", ":@2.",
	ERR_OK},
    /* One that was told by hand and does not answer. */
    {"echo DISPLAY=:@1", "DISPLAY=:@3", "DISPLAY=:@4", ":@3.", ERR_OK},
    {"echo DISPLAY=:@1", "A=", "DISPLAY=:@4", ":@1.", ERR_OK},
    {"echo DISPLAY=:@1", "A=", "WAYLAND_DISPLAY=wayland-gone", ":@1.", ERR_OK},
    {"exit 1", "A=", "DISPLAY=:@4", NULL, ERR_DISPLAY},
    /* No other that does. */
    {"echo DISPLAY=:@4", "A=", NULL, NULL, ERR_DISPLAY},
    {"exit 1", "DISPLAY=:@4", NULL, NULL, ERR_DISPLAY},
    {"exec sleep 600", "DISPLAY=:@4", NULL, NULL, ERR_DISPLAY},
    {"yes DISPLAY=:@1", "DISPLAY=:@4", NULL, NULL, ERR_DISPLAY},
    {"printf '%s\\n' 'DISPLAY=$'\"'\"'a\\n:@1'\"'\"", "DISPLAY=:@4", NULL, NULL, ERR_DISPLAY},
    {"exit 1", "A=", NULL, NULL, ERR_NO_PROMPT},
};

/* The program writes the display that it was given; the manager is a script that PATH leads to. */
static void check_display(struct scene *s, const struct display_row *row, const char *bus)
{
	struct builder environment = {0};
	struct helper_ask m = {.kind = ASKPASS_SECRET, .text = bytes_str("?")};
	char variables[4][200], body[256], given[64], expected[64], unused[128], text[128];
	const char *const more[] = {variables[0], variables[1], variables[2], variables[3], bus,
	    strncmp(row->own, "DISPLAY", 7) == 0 ? NULL : "DISPLAY=", NULL};

	base_script(
	    s->folder, "systemctl", with_displays(row->manager, body, sizeof(body)), unused);
	base_script(
	    s->folder, "askpass", "printf '%s\\n' \"$DISPLAY.$WAYLAND_DISPLAY\"", s->askpass);
	snprintf(variables[0], sizeof(variables[0]), "PATH=%s:/usr/bin:/bin", s->folder);
	snprintf(variables[1], sizeof(variables[1]), "SSH_ASKPASS=%s", s->askpass);
	snprintf(variables[2], sizeof(variables[2]), "XDG_RUNTIME_DIR=%s", s->folder);
	(void)with_displays(row->own, variables[3], sizeof(variables[3]));
	if (row->given != NULL)
		builder_cstring(&environment, with_displays(row->given, given, sizeof(given)));
	m.environment = builder_view(&environment);
	start(s, more);
	prompt_helper_ask(&s->run, &m);
	assert_string_equal(err_text(hear(s, text, sizeof(text))), err_text(row->why));
	if (row->display != NULL)
		assert_string_equal(text, with_displays(row->display, expected, sizeof(expected)));
	builder_clear(&environment);
}

static void displays_are_found(void **state)
{
	for (size_t i = 0; i < sizeof(display_rows) / sizeof(display_rows[0]); i++)
		check_display(
		    *state, &display_rows[i], "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent");
}

/* The manager's command might be long in finding that there is no manager. */
static void a_manager_that_is_not_there_is_not_asked(void **state)
{
	static const struct display_row no_manager = {
	    "touch ${0%/*}/ran; echo DISPLAY=:@1", "A=", NULL, NULL, ERR_NO_PROMPT};
	static const struct display_row manager = {
	    "touch ${0%/*}/ran; echo DISPLAY=:@1", "A=", NULL, ":@1.", ERR_OK};
	struct scene *s = *state;
	char path[128];

	check_display(s, &no_manager, "B=");
	snprintf(path, sizeof(path), "%s/ran", s->folder);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/systemd", s->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/systemd/private", s->folder);
	listen_at(path, false);
	check_display(s, &manager, "B=");
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/systemd", s->folder);
	assert_int_equal(rmdir(path), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(answers),
	    TEST(hostile_answers_are_no_yes),
	    TEST(kinds_look_different),
	    TEST(text_is_escaped),
	    TEST(half_a_question_is_not_asked),
	    TEST(withdrawing_ends_the_program),
	    TEST(time_is_limited),
	    TEST(next_way_only_when_the_first_could_not_ask),
	    TEST(a_program_that_is_not_there),
	    TEST(displays_are_found),
	    TEST(a_manager_that_is_not_there_is_not_asked),
	};

	return cmocka_run_group_tests(tests, make_displays, NULL);
}
