/* Views in the core: clients that come through them, also while the configuration changes. */
#include "tests/support/base_test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/conn.h"
#include "agent/dispatch.h"
#include "keystore/crypto.h"
#include "proto/base/fdio.h"
#include "proto/base/mem.h"
#include "proto/limits.h"

enum { ROUNDS = 8, CLIENTS = 40 };

struct scene {
	char folder[64];
	struct core core;
	struct core_start start;
	struct sockets sockets;
	struct options options;
	struct config config;
	struct config_view views[2];
	struct task tick;
	unsigned rounds;
	size_t open_before;
};

static char all[] = "*", one[] = "a", *everything[] = {all}, *only_a[] = {one};
static char name_work[] = "work", name_home[] = "home";
static struct scene *scene;

static void tick(struct task *t)
{
	if (--scene->rounds == 0)
		loop_stop(scene->core.loop);
	else
		loop_post(scene->core.loop, t);
}

/* Let the loop make so many. */
static void turns(unsigned rounds)
{
	scene->rounds = rounds;
	scene->tick.run = tick;
	loop_post(scene->core.loop, &scene->tick);
	loop_run(scene->core.loop);
}

/* Let it see to everything that there is to see to. */
static void settle(void)
{
	turns(ROUNDS);
}

/* RFC 8032's first public key but for its last byte: a letter, which is the comment as well. */
static void hold(char letter)
{
	uint8_t blob[] = {0, 0, 0, 11, 's', 's', 'h', '-', 'e', 'd', '2', '5', '5', '1', '9', 0, 0,
	    0, 32, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9,
	    0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a,
	    0x68, 0xf7, 0x07, 0x51, 0x1a};
	struct rules rules = {.place = bytes_str("")};
	struct key *key = NULL;

	assert_int_equal(key_public(BYTES(blob, sizeof(blob)), &key), ERR_OK);
	assert_int_equal(
	    store_put(scene->core.store, key, BYTES(&letter, 1), BYTES(&letter, 1), &rules),
	    ERR_OK);
}

/* Stores and the loops that serve them live as long as the program, as in the agent. */
static int setup(void **state)
{
	struct core *core;

	(void)state;
	if (crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return -1;
	scene = calloc(1, sizeof(*scene));
	if (scene == NULL)
		return -1;
	base_folder_make(scene->folder);
	core = &scene->core;
	core->loop = loop_new();
	core->store = store_new(core->loop);
	core->config = &scene->config;
	core->options = &scene->options;
	core->start = &scene->start;
	core->consents.loop = core->loop;
	core->touches.loop = core->loop;
	core->tokensigns.loop = core->loop;
	core->unlockings.loop = core->loop;
	core->calls.loop = core->loop;
	core->files = files_new(core->loop, &core->calls, core->store);
	core->decisions = decisions_new(NULL);
	core->input = mem_alloc(INPUT_ROOM);
	core->spare = -1;
	scene->start.sockets = &scene->sockets;
	scene->config.views = scene->views;
	scene->open_before = base_open_count();
	return 0;
}

static int teardown(void **state)
{
	struct core *core = &scene->core;
	bool good;

	(void)state;
	scene->config.view_count = 0;
	core_views_changed(core);
	settle();
	good = core->conns == NULL && core->conn_count == 0 && core->views == NULL &&
	       base_open_count() == scene->open_before;
	store_remove_all(core->store);
	builder_clear(&core->reply);
	decisions_free(core->decisions);
	mem_free(core->input);
	base_folder_remove(scene->folder);
	return good ? 0 : -1;
}

static void configure(char *name, char **patterns, size_t n)
{
	scene->views[scene->config.view_count++] =
	    (struct config_view){.name = name, .keys = {patterns, n}};
}

static void path_of(const char *name, char out[SOCKET_PATH])
{
	(void)snprintf(out, SOCKET_PATH, "%s/%s", scene->folder, name);
}

/* As the supervisor sends it. */
static void give_socket(const char *name, const char *file)
{
	char path[SOCKET_PATH], text[SOCKET_PATH + 64];
	int fd = -1;

	path_of(file, path);
	assert_int_equal(socket_bind(path, &fd), ERR_OK);
	(void)snprintf(text, sizeof(text), "%s %s", name, path);
	core_view_take(&scene->core, bytes_str(text), fd);
}

static int client(const char *file)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	path_of(file, sa.sun_path);
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void ask(int fd)
{
	assert_int_equal(write(fd, "\0\0\0\1\13", 5), 5);
}

/* How many keys the answer that came has; -1: the connection is closed. */
static int answer(int fd)
{
	uint8_t reply[512];
	ssize_t n = read(fd, reply, sizeof(reply));

	if (n == 0)
		return -1;
	assert_true(n >= 9);
	assert_int_equal(reply[4], AGENT_IDENTITIES_ANSWER);
	return reply[8];
}

static int keys_through(int fd)
{
	ask(fd);
	settle();
	return answer(fd);
}

static void test_each_sees_its_own(void **state)
{
	int work, home;

	(void)state;
	hold('a');
	hold('b');
	configure(name_work, only_a, 1);
	configure(name_home, NULL, 0);
	give_socket("work", "w");
	give_socket("home", "h");
	give_socket("other", "o"); /* the configuration has none */
	work = client("w");
	home = client("h");
	assert_int_equal(client("o"), -1);
	assert_int_equal(keys_through(work), 1);
	assert_int_equal(keys_through(home), 0);
	assert_int_equal(view_count(scene->core.views, scene->core.store), 1);
	close(work);
	close(home);
}

/* Other views, other memory: what clients see follows, and nothing of the old is looked at. */
static void test_the_configuration_is_another(void **state)
{
	struct config *fresh = calloc(1, sizeof(*fresh));
	struct config *old = calloc(1, sizeof(*old));
	int work;

	(void)state;
	assert_true(fresh != NULL && old != NULL);
	hold('a');
	hold('b');
	configure(name_work, only_a, 1);
	*old = scene->config;
	old->views = calloc(1, sizeof(*old->views));
	assert_non_null(old->views);
	old->views[0] = scene->views[0];
	scene->core.config = old;
	give_socket("work", "w");
	work = client("w");
	assert_int_equal(keys_through(work), 1);
	fresh->views = scene->views;
	fresh->view_count = 1;
	scene->views[0].keys = (struct words){everything, 1};
	scene->core.config = fresh;
	free(old->views);
	free(old);
	core_views_changed(&scene->core);
	assert_int_equal(keys_through(work), 2);
	scene->core.config = &scene->config;
	free(fresh);
	core_views_changed(&scene->core);
	assert_int_equal(keys_through(work), 2);
	close(work);
}

/* Some have asked, some have not, some are not even accepted; then the view is gone. */
static void test_clients_of_a_view_that_goes(void **state)
{
	int fd[CLIENTS], other;

	(void)state;
	hold('a');
	configure(name_home, everything, 1);
	configure(name_work, everything, 1);
	give_socket("work", "w");
	give_socket("home", "h");
	other = client("h");
	for (int i = 0; i < CLIENTS / 2; i++)
		fd[i] = client("w");
	settle();
	assert_int_equal(scene->core.conn_count, CLIENTS / 2 + 1);
	for (int i = 0; i < CLIENTS / 4; i++)
		ask(fd[i]);
	for (int i = CLIENTS / 2; i < CLIENTS; i++)
		fd[i] = client("w");
	scene->config.view_count = 1; /* home stays */
	core_views_changed(&scene->core);
	assert_int_equal(client("w"), -1);
	settle();
	for (int i = 0; i < CLIENTS; i++) {
		char byte;

		assert_true(read(fd[i], &byte, 1) <= 0);
		close(fd[i]);
	}
	assert_int_equal(scene->core.conn_count, 1);
	assert_int_equal(keys_through(other), 1);
	close(other);
}

/* However many knock at once: who is in is answered between them. */
static void test_newcomers_come_in_by_rows(void **state)
{
	enum { ROW = 16 };
	int fd[CLIENTS], other;

	(void)state;
	hold('a');
	configure(name_work, everything, 1);
	give_socket("work", "w");
	other = client("w");
	assert_int_equal(keys_through(other), 1);
	for (int i = 0; i < CLIENTS; i++)
		fd[i] = client("w");
	ask(other);
	for (size_t in = 1; in < CLIENTS + 1;) {
		turns(1);
		assert_in_range(scene->core.conn_count, in + 1, in + ROW);
		if (in == 1)
			assert_int_equal(answer(other), 1);
		in = scene->core.conn_count;
	}
	for (int i = 0; i < CLIENTS; i++)
		close(fd[i]);
	close(other);
}

static void nothing(struct parked *p)
{
	(void)p;
}

/* Answers that nobody reads, to requests that waited: too much is too much, also when no client
 * does anything any more. */
static void test_answers_of_what_waited_are_bounded(void **state)
{
	enum { MANY = 5 * CLIENTS };
	static uint8_t reply[LIMIT_MESSAGE] = {0, 3, 0xff, 0xfc, AGENT_IDENTITIES_ANSWER};
	struct parked parked = {.cancel = nothing};
	struct core *core = &scene->core;
	size_t closed = 0;
	int fd[MANY];

	(void)state;
	configure(name_work, everything, 1);
	give_socket("work", "w");
	for (int i = 0; i < MANY; i++) {
		fd[i] = client("w");
		settle();
	}
	for (struct conn *c = core->conns; c != NULL; c = c->next)
		conn_park(c, &parked);
	for (struct conn *c = core->conns; c != NULL; c = c->next)
		conn_answer(c, BYTES(reply, sizeof(reply)));
	turns(1);
	assert_in_range(core->backlog.bytes, 1, LIMIT_BACKLOG);
	assert_in_range(core->conn_count, 1, MANY - 1);
	for (int i = 0; i < MANY; i++) {
		struct pollfd p = {.fd = fd[i]};

		closed += poll(&p, 1, 0) == 1;
		close(fd[i]);
	}
	assert_int_equal(core->conn_count + closed, MANY);
}

/* Its clients stay, and its next ones come by the new path. */
static void test_a_view_that_moves(void **state)
{
	int before, after;

	(void)state;
	hold('a');
	configure(name_work, everything, 1);
	give_socket("work", "w");
	before = client("w");
	assert_int_equal(keys_through(before), 1);
	core_views_changed(&scene->core);
	core_view_take(&scene->core, bytes_str("work "), -1);
	assert_int_equal(client("w"), -1);
	assert_int_equal(keys_through(before), 1);
	give_socket("work", "v");
	after = client("v");
	assert_int_equal(keys_through(after), 1);
	assert_int_equal(keys_through(before), 1);
	close(before);
	close(after);
}

/* Of the supervisor, and so not hostile; but nothing comes of it. */
static void test_no_view_in_the_message(void **state)
{
	char text[100];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	core_view_take(&scene->core, BYTES_NONE, open("/dev/null", O_RDONLY | O_CLOEXEC));
	core_view_take(&scene->core, bytes_str("work"), open("/dev/null", O_RDONLY | O_CLOEXEC));
	core_view_take(&scene->core, bytes_str(" path"), open("/dev/null", O_RDONLY | O_CLOEXEC));
	text[60] = ' ';
	core_view_take(&scene->core, bytes_str(text), open("/dev/null", O_RDONLY | O_CLOEXEC));
	assert_null(scene->core.views);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_each_sees_its_own),
	    TEST(test_the_configuration_is_another),
	    TEST(test_clients_of_a_view_that_goes),
	    TEST(test_newcomers_come_in_by_rows),
	    TEST(test_answers_of_what_waited_are_bounded),
	    TEST(test_a_view_that_moves),
	    TEST(test_no_view_in_the_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
