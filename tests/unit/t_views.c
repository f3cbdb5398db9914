/* Views: what they show and ask, where their sockets are, and what becomes of them at a reload. */
#include "tests/support/base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/channel.h"
#include "agent/listen.h"
#include "agent/views.h"
#include "proto/base/fdio.h"

enum { ROOM = 256, MANY = 200 };

struct scene {
	char folder[64];
	char names[MANY][LIMIT_VIEW_NAME + 8];
	struct config_view views[MANY];
	struct config config;
	struct sockets sockets;
	int channel[2];
	size_t open_before;
};

static struct scene *scene;

static const char *in_folder(const char *name)
{
	static char path[4][ROOM];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], ROOM, "%s/%s", scene->folder, name);
	return path[turn];
}

static int setup(void **state)
{
	(void)state;
	scene = calloc(1, sizeof(*scene));
	if (scene == NULL)
		return -1;
	scene->open_before = base_open_count();
	base_folder_make(scene->folder);
	scene->sockets = (struct sockets){.agent = -1, .control = -1};
	strcpy(scene->sockets.agent_path, in_folder("agent.sock"));
	strcpy(scene->sockets.control_path, in_folder("agent.sock.ctl"));
	scene->config.views = scene->views;
	return channel_pair(scene->channel) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	size_t now;

	(void)state;
	sockets_remove(&scene->sockets);
	sockets_close(&scene->sockets);
	fd_close(&scene->channel[0]);
	fd_close(&scene->channel[1]);
	base_folder_remove(scene->folder);
	for (size_t i = 0; i < MANY; i++)
		free(scene->views[i].socket);
	now = base_open_count();
	if (now != scene->open_before)
		print_error("%zu descriptors, %zu before\n", now, scene->open_before);
	now -= scene->open_before;
	free(scene);
	return now == 0 ? 0 : -1;
}

/* One more in the configuration; path NULL: the default. */
static struct config_view *add(const char *name, const char *path)
{
	struct config_view *v = &scene->views[scene->config.view_count];

	snprintf(scene->names[scene->config.view_count], sizeof(scene->names[0]), "%s", name);
	v->name = scene->names[scene->config.view_count];
	free(v->socket);
	v->socket = path == NULL ? NULL : strdup(path);
	v->line = (unsigned)++scene->config.view_count;
	return v;
}

/* What is said on standard error meanwhile comes back. */
static const char *heard(void (*act)(void))
{
	static char said[16384];
	int kept = dup(STDERR_FILENO), file = open(in_folder("said"), O_RDWR | O_CREAT, 0600);
	ssize_t n;

	dup2(file, STDERR_FILENO);
	act();
	dup2(kept, STDERR_FILENO);
	n = pread(file, said, sizeof(said) - 1, 0);
	assert_true(n >= 0);
	said[n] = '\0';
	close(kept);
	close(file);
	assert_int_equal(unlink(in_folder("said")), 0);
	return said;
}

static void open_them(void)
{
	sockets_views_open(&scene->sockets, &scene->config);
}

static void reload_them(void)
{
	sockets_views_reload(&scene->sockets, &scene->config, scene->channel[1]);
}

static void expect_said(const char *said, const char *part)
{
	if (strstr(said, part) == NULL)
		fail_msg("not said: %s\nbut: %s", part, said);
}

static bool connects(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good;

	assert_true(strlen(path) < sizeof(sa.sun_path));
	strcpy(sa.sun_path, path);
	good = connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0;
	close(fd);
	return good;
}

static bool there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* --- what they show ---------------------------------------------------------------- */

static struct bytes some(const char *text)
{
	return text == NULL ? BYTES_NONE : bytes_str(text);
}

static enum err permitted(char **patterns, size_t n, const char *comment, const char *file)
{
	struct config_view says = {.keys = {patterns, n}};
	struct view view = {.says = &says};
	struct identity id = {
	    .comment = some(comment), .rules = {.file = some(file)}, .print = "SHA256:abc"};

	return view_permits(&view, &id);
}

static void test_shows_what_its_patterns_name(void **state)
{
	char work[] = "work*", print[] = "SHA256:abc", file[] = "/home/you/.ssh/id_*",
	     not [] = "!*old";
	char *by_comment[] = {work, not }, *by_print[] = {print}, *by_file[] = {file};
	struct view gone = {.says = NULL};
	struct identity id = {.comment = bytes_str("work"), .print = "SHA256:abc"};

	(void)state;
	assert_int_equal(permitted(by_comment, 2, "work laptop", NULL), ERR_OK);
	assert_int_equal(permitted(by_comment, 2, "work old", NULL), ERR_VIEW);
	assert_int_equal(permitted(by_comment, 2, "home", NULL), ERR_VIEW);
	assert_int_equal(permitted(by_comment, 2, NULL, NULL), ERR_VIEW);
	assert_int_equal(permitted(by_print, 1, "home", NULL), ERR_OK);
	assert_int_equal(permitted(by_file, 1, "home", "/home/you/.ssh/id_a"), ERR_OK);
	assert_int_equal(permitted(by_file, 1, "/home/you/.ssh/id_a", NULL), ERR_VIEW);
	/* Without keys it shows nothing, and so does one that is no more. */
	assert_int_equal(permitted(NULL, 0, "work", NULL), ERR_VIEW);
	assert_int_equal(view_permits(&gone, &id), ERR_VIEW);
	assert_int_equal(view_permits(NULL, &id), ERR_OK);
}

static void test_changes(void **state)
{
	struct config_view says = {.read_only = true};
	struct view view = {.says = &says};

	(void)state;
	assert_int_equal(view_permits_changes(NULL), ERR_OK);
	assert_int_equal(view_permits_changes(&view), ERR_VIEW_READ_ONLY);
	says.read_only = false;
	assert_int_equal(view_permits_changes(&view), ERR_OK);
	view.says = NULL;
	assert_int_equal(view_permits_changes(&view), ERR_VIEW_READ_ONLY);
}

/* The rule that asks more often, here and over a forwarding. */
static void test_confirm(void **state)
{
	static const struct {
		struct key_rules key, view, here, away;
	} rows[] = {
#define R(rule) {.confirm = CONFIRM_##rule}
#define T(seconds)                                                                                 \
	{                                                                                          \
		.confirm = CONFIRM_TIMED, .confirm_seconds = (seconds)                             \
	}
	    {R(NEVER), R(ALWAYS), R(ALWAYS), R(ALWAYS)},
	    {R(ALWAYS), R(NEVER), R(ALWAYS), R(ALWAYS)},
	    {R(NEVER), R(FORWARDED), R(NEVER), R(ALWAYS)},
	    {R(FORWARDED), R(NEVER), R(FORWARDED), R(FORWARDED)},
	    {T(60), R(FORWARDED), T(60), R(ALWAYS)},
	    {R(FORWARDED), T(60), T(60), R(FORWARDED)},
	    {R(FORWARDED), R(CONNECTION), R(CONNECTION), R(FORWARDED)},
	    {T(60), R(CONNECTION), R(CONNECTION), R(CONNECTION)},
	    {R(CONNECTION), T(60), R(CONNECTION), R(CONNECTION)},
	    {T(600), T(60), T(60), T(60)},
	    {T(60), T(600), T(60), T(60)},
#undef R
#undef T
	};
	struct bind bind = {.forwarding = true};
	struct route here = {0}, away = {.first = &bind, .last = &bind, .count = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_view says = {.has_confirm = true, .confirm = rows[i].view};
		struct view view = {.says = &says};
		struct key_rules key = rows[i].key;
		struct key_rules got[2];
		const struct key_rules *want[2] = {&rows[i].here, &rows[i].away};

		key.idle = 5;
		key.local_only = true;
		got[0] = view_rules(&view, &key, &here);
		got[1] = view_rules(&view, &key, &away);
		for (size_t k = 0; k < 2; k++) {
			if (got[k].confirm != want[k]->confirm ||
			    got[k].confirm_seconds != want[k]->confirm_seconds ||
			    got[k].idle != 5 || !got[k].local_only)
				fail_msg("row %zu, %s: %u %u", i, k == 0 ? "here" : "away",
				    got[k].confirm, got[k].confirm_seconds);
		}
		assert_int_equal(view_rules(NULL, &key, &away).confirm, key.confirm);
		says.has_confirm = false;
		assert_int_equal(view_rules(&view, &key, &away).confirm, key.confirm);
	}
}

/* --- where their sockets are ------------------------------------------------------- */

static void test_made_beside_the_agent_and_removed(void **state)
{
	struct stat st;

	(void)state;
	add("work", NULL);
	add("home-2_x", in_folder("elsewhere"));
	assert_string_equal(heard(open_them), "");
	assert_int_equal(scene->sockets.view_count, 2);
	assert_true(connects(in_folder("work.sock")));
	assert_true(connects(in_folder("elsewhere")));
	assert_int_equal(stat(in_folder("work.sock"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	sockets_remove(&scene->sockets);
	assert_false(there(in_folder("work.sock")));
	assert_false(there(in_folder("elsewhere")));
}

static void test_what_another_put_there_is_not_removed(void **state)
{
	(void)state;
	add("work", NULL);
	assert_string_equal(heard(open_them), "");
	assert_int_equal(unlink(in_folder("work.sock")), 0);
	close(open(in_folder("work.sock"), O_CREAT | O_WRONLY, 0600));
	sockets_remove(&scene->sockets);
	assert_true(there(in_folder("work.sock")));
}

/* Each is said with what to do, and those that can be served are. */
static void test_what_cannot_be_bound(void **state)
{
	char path[SOCKET_PATH + 10];
	const char *said;
	int other = -1;

	(void)state;
	add("good", NULL);
	add("twice", in_folder("good.sock"));
	add("own", in_folder("agent.sock"));
	add("ctl", in_folder("agent.sock.ctl"));
	memset(path, 'x', sizeof(path));
	memcpy(path, scene->folder, strlen(scene->folder));
	path[strlen(scene->folder)] = '/';
	path[SOCKET_PATH] = '\0';
	add("long", path);
	close(open(in_folder("file"), O_CREAT | O_WRONLY, 0600));
	add("file", in_folder("file"));
	assert_int_equal(socket_bind(in_folder("other"), &other), ERR_OK);
	add("other", in_folder("other"));
	add("nowhere", in_folder("missing/socket"));
	assert_int_equal(mkdir(in_folder("open"), 0700), 0);
	assert_int_equal(chmod(in_folder("open"), 0777), 0);
	add("open", in_folder("open/socket"));
	add("../up", NULL);
	add("agent", NULL);
	add("a name", NULL);
	add("", NULL);
	add("abcdefghijklmnopqrstuvwxyzabcdefg", NULL);
	add("last", NULL);
	said = heard(open_them);
	expect_said(said, "view twice (line 2 of the configuration) is not served: its socket is "
			  "that of good already: give it one of its own (Socket)");
	expect_said(said,
	    "view own (line 3 of the configuration) is not served: its socket is that "
	    "of the agent already");
	expect_said(said, "view ctl (line 4 ");
	expect_said(said, "view long (line 5 of the configuration) is not served: the path of its "
			  "socket is longer than 107 bytes: give a shorter one (Socket)");
	expect_said(said, "it is no socket of yours: remove it");
	expect_said(said, "somebody answers there already: end that agent");
	expect_said(said, "missing must be a directory of yours");
	expect_said(said, "open must be a directory of yours that nobody else can write to");
	expect_said(said, "view ../up (line 10 ");
	expect_said(said, "view agent (line 11 ");
	expect_said(said, "view a name (line 12 ");
	expect_said(said, "(line 13 of the configuration) is not served: a name is of letters");
	expect_said(said, "(line 14 of the configuration) is not served: a name is of letters");
	assert_int_equal(scene->sockets.view_count, 2);
	assert_true(connects(in_folder("good.sock")));
	assert_true(connects(in_folder("last.sock")));
	assert_true(there(in_folder("file")));
	assert_true(connects(in_folder("other")));
	close(other);
}

static void test_dead_socket_is_replaced(void **state)
{
	int dead = -1;

	(void)state;
	assert_int_equal(socket_bind(in_folder("work.sock"), &dead), ERR_OK);
	close(dead);
	add("work", NULL);
	assert_string_equal(heard(open_them), "");
	assert_true(connects(in_folder("work.sock")));
}

static void test_no_more_than_the_limit(void **state)
{
	char name[16];
	const char *said;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "v%u", i);
		add(name, NULL);
	}
	said = heard(open_them);
	assert_int_equal(scene->sockets.view_count, LIMIT_VIEWS);
	assert_true(connects(in_folder("v0.sock")));
	assert_true(connects(in_folder("v63.sock")));
	assert_false(there(in_folder("v64.sock")));
	expect_said(said, "136 more views than the agent serves: it serves 64, remove some");
	assert_null(strchr(strchr(said, '\n') + 1, '\n')); /* in one line */
}

/* --- reload ------------------------------------------------------------------------ */

/* What the core is sent, and the descriptor with it. */
static void expect_sent(const char *text, bool socket)
{
	struct channel_message m;
	int fd = -1;

	assert_int_equal(channel_receive(scene->channel[0], &m, &fd), ERR_OK);
	assert_int_equal(m.kind, CHANNEL_VIEW);
	assert_string_equal(m.text, text);
	assert_int_equal(fd >= 0, socket);
	fd_close(&fd);
}

static void expect_no_more(void)
{
	struct channel_message m;
	int fd = -1;

	assert_int_equal(channel_receive(scene->channel[0], &m, &fd), ERR_LIMIT);
}

static void forget_config(void)
{
	scene->config.view_count = 0;
}

static void test_reload(void **state)
{
	char text[ROOM];

	(void)state;
	add("stays", NULL);
	add("goes", NULL);
	add("moves", NULL);
	assert_string_equal(heard(open_them), "");
	forget_config();
	add("moves", in_folder("goes.sock")); /* where another was */
	add("new", NULL);
	add("stays", NULL);
	assert_string_equal(heard(reload_them), "");
	expect_sent("moves ", false);
	snprintf(text, sizeof(text), "moves %s", in_folder("goes.sock"));
	expect_sent(text, true);
	snprintf(text, sizeof(text), "new %s", in_folder("new.sock"));
	expect_sent(text, true);
	expect_no_more();
	assert_true(connects(in_folder("goes.sock")));
	assert_true(connects(in_folder("new.sock")));
	assert_true(connects(in_folder("stays.sock")));
	assert_false(there(in_folder("moves.sock")));
	/* The same again changes nothing. */
	assert_string_equal(heard(reload_them), "");
	expect_no_more();
	forget_config();
	assert_string_equal(heard(reload_them), "");
	expect_no_more();
	assert_int_equal(scene->sockets.view_count, 0);
	assert_false(there(in_folder("goes.sock")));
	assert_false(there(in_folder("new.sock")));
	assert_false(there(in_folder("stays.sock")));
}

/* A socket of the service manager is its to remove, and is there when its view comes back. */
static void test_reload_with_activation(void **state)
{
	struct view_socket *v = &scene->sockets.views[0];
	int fd = -1;
	const char *said;
	char text[ROOM];

	(void)state;
	assert_int_equal(socket_bind(in_folder("given"), &fd), ERR_OK);
	scene->sockets.activated = true;
	*v = (struct view_socket){.fd = fd, .name = "work"};
	strcpy(v->path, in_folder("given"));
	scene->sockets.view_count = 1;
	said = heard(open_them);
	expect_said(said, "the service manager gave a socket named work");
	add("work", NULL);
	assert_string_equal(heard(reload_them), "");
	snprintf(text, sizeof(text), "work %s", in_folder("given"));
	expect_sent(text, true);
	forget_config();
	assert_string_equal(heard(reload_them), "");
	expect_no_more();
	add("work", NULL);
	assert_string_equal(heard(reload_them), "");
	expect_sent(text, true);
	sockets_remove(&scene->sockets);
	assert_true(there(in_folder("given")));
}

static void reload_to_nobody(void)
{
	sockets_views_reload(&scene->sockets, &scene->config, -1);
}

/* What could not be handed over is not there, and so is handed over by the next reload. */
static void test_reload_again(void **state)
{
	char text[ROOM];

	(void)state;
	add("new", NULL);
	expect_said(heard(reload_to_nobody), "its socket could not be handed over: reload again");
	assert_false(there(in_folder("new.sock")));
	assert_string_equal(heard(reload_them), "");
	snprintf(text, sizeof(text), "new %s", in_folder("new.sock"));
	expect_sent(text, true);
	assert_true(connects(in_folder("new.sock")));
}

/* Nobody waits on a socket that no view has. */
static void test_unserved(void **state)
{
	struct pollfd fds[LIMIT_VIEWS];
	struct view_socket *v = &scene->sockets.views[0];
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = -1;
	char byte;

	(void)state;
	assert_int_equal(socket_bind(in_folder("given"), &fd), ERR_OK);
	*v = (struct view_socket){.fd = fd, .name = "work"};
	strcpy(v->path, in_folder("given"));
	scene->sockets.view_count = 1;
	assert_int_equal(sockets_unserved(&scene->sockets, fds), 1);
	strcpy(sa.sun_path, in_folder("given"));
	assert_int_equal(connect(client, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(poll(fds, 1, 0), 1);
	socket_turn_away(fds[0].fd);
	assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), 0);
	assert_int_equal(poll(fds, 1, 0), 0);
	close(client);
	add("work", NULL);
	assert_string_equal(heard(open_them), "");
	assert_int_equal(sockets_unserved(&scene->sockets, fds), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shows_what_its_patterns_name),
	    cmocka_unit_test(test_changes),
	    cmocka_unit_test(test_confirm),
	    TEST(test_made_beside_the_agent_and_removed),
	    TEST(test_what_another_put_there_is_not_removed),
	    TEST(test_what_cannot_be_bound),
	    TEST(test_dead_socket_is_replaced),
	    TEST(test_no_more_than_the_limit),
	    TEST(test_reload),
	    TEST(test_reload_with_activation),
	    TEST(test_reload_again),
	    TEST(test_unserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
