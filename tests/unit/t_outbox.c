/* Letters to the supervisor, with this test as supervisor. */
#include "tests/support/base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/outbox.h"
#include "proto/base/fdio.h"

enum { CORE, SUPERVISOR, LETTERS = 500, FILLERS = 100000 };

struct scene {
	struct loop *loop;
	int channel[2];
	struct watch core_end, supervisor;
	struct outbox outbox;
	struct letter letters[LETTERS];
	unsigned filled, heard, rounds;
	uint32_t last;
};

static void core_ready(struct watch *w, uint32_t events)
{
	struct scene *s = (struct scene *)(void *)((char *)w - offsetof(struct scene, core_end));

	assert_int_equal(events, EPOLLOUT);
	s->rounds++;
	outbox_ready(&s->outbox);
}

/* Numbers only grow: nothing overtakes. */
static void hear(struct watch *w, uint32_t events)
{
	struct scene *s = (struct scene *)(void *)((char *)w - offsetof(struct scene, supervisor));
	struct channel_message m;
	char text[OUTBOX_TEXT];
	int fd;

	(void)events;
	assert_int_equal(channel_receive(w->fd, &m, &fd), ERR_OK);
	assert_int_equal(fd, -1);
	if (m.kind == CHANNEL_LOG) {
		s->filled--;
		return;
	}
	assert_int_equal(m.kind, CHANNEL_WHO);
	assert_int_equal(m.arg, 7);
	assert_true(m.id > s->last);
	snprintf(text, sizeof(text), "%u", m.id);
	assert_string_equal(m.text, text);
	s->last = m.id;
	s->heard++;
	if (m.id == LETTERS)
		loop_stop(s->loop);
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	s->loop = loop_new();
	if (s->loop == NULL || channel_pair(s->channel) != ERR_OK)
		return -1;
	s->core_end = (struct watch){.fd = s->channel[CORE], .ready = core_ready};
	s->supervisor = (struct watch){.fd = s->channel[SUPERVISOR], .ready = hear};
	s->outbox.channel = &s->core_end;
	if (loop_watch(s->loop, &s->core_end, EPOLLIN) != ERR_OK ||
	    loop_watch(s->loop, &s->supervisor, EPOLLIN) != ERR_OK)
		return -1;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	loop_free(s->loop);
	fd_close(&s->channel[CORE]);
	fd_close(&s->channel[SUPERVISOR]);
	free(s);
	return 0;
}

/* The next one. */
static void post(struct scene *s, unsigned number)
{
	struct letter *l = &s->letters[number - 1];

	*l = (struct letter){.kind = CHANNEL_WHO, .arg = 7, .id = number};
	snprintf(l->text, sizeof(l->text), "%u", number);
	assert_int_equal(outbox_send(&s->outbox, l), ERR_OK);
}

/* No room is left for anything. */
static void fill(struct scene *s)
{
	struct channel_message m = {.kind = CHANNEL_LOG};
	enum err e = ERR_OK;

	memset(m.text, 'x', sizeof(m.text) - 1);
	while (s->filled < FILLERS && (e = channel_send(s->channel[CORE], &m, -1)) == ERR_OK)
		s->filled++;
	m.text[0] = '\0';
	while (s->filled < FILLERS && (e = channel_send(s->channel[CORE], &m, -1)) == ERR_OK)
		s->filled++;
	assert_int_equal(e, ERR_LIMIT);
}

static void test_with_room_nothing_waits(void **state)
{
	struct scene *s = *state;

	post(s, 1);
	assert_false(s->letters[0].waits);
	outbox_take_back(&s->outbox, &s->letters[0]); /* it has left */
	post(s, LETTERS);
	loop_run(s->loop);
	assert_int_equal(s->heard, 2);
	assert_int_equal(s->rounds, 0);
}

static void test_all_go_in_order_when_there_is_room(void **state)
{
	struct scene *s = *state;

	fill(s);
	for (unsigned i = 1; i <= LETTERS; i++) {
		post(s, i);
		assert_true(s->letters[i - 1].waits);
	}
	loop_run(s->loop);
	assert_int_equal(s->filled, 0);
	assert_int_equal(s->heard, LETTERS);
	assert_null(s->outbox.first);
	assert_null(s->outbox.last);
	assert_int_equal(s->core_end.events, EPOLLIN); /* else the loop would never sleep */
}

/* Room that came meanwhile is not for those who come later. */
static void test_nobody_overtakes(void **state)
{
	struct scene *s = *state;

	fill(s);
	post(s, 1);
	while (s->filled != 0)
		hear(&s->supervisor, EPOLLIN);
	post(s, 2);
	assert_true(s->letters[1].waits);
	post(s, LETTERS);
	loop_run(s->loop);
	assert_int_equal(s->heard, 3);
}

static void test_what_is_taken_back_is_not_sent(void **state)
{
	struct scene *s = *state;

	fill(s);
	for (unsigned i = 1; i <= LETTERS; i++)
		post(s, i);
	outbox_take_back(&s->outbox, &s->letters[0]);
	outbox_take_back(&s->outbox, &s->letters[100]);
	outbox_take_back(&s->outbox, &s->letters[100]);
	outbox_take_back(&s->outbox, &s->letters[LETTERS - 1]);
	memset(&s->letters[100], 0xff, sizeof(s->letters[100])); /* its owner is gone */
	post(s, LETTERS);
	loop_run(s->loop);
	assert_int_equal(s->heard, LETTERS - 2);
}

static void test_the_last_taken_back_ends_the_waiting(void **state)
{
	struct scene *s = *state;

	fill(s);
	post(s, 1);
	assert_int_equal(s->core_end.events, EPOLLIN | EPOLLOUT);
	outbox_take_back(&s->outbox, &s->letters[0]);
	assert_int_equal(s->core_end.events, EPOLLIN);
	assert_null(s->outbox.first);
}

static void test_supervisor_that_is_gone(void **state)
{
	struct scene *s = *state;
	struct letter l = {.kind = CHANNEL_FILES};

	fill(s);
	post(s, 1);
	loop_unwatch(&s->supervisor);
	fd_close(&s->channel[SUPERVISOR]);
	outbox_ready(&s->outbox);
	assert_null(s->outbox.first);
	assert_int_equal(outbox_send(&s->outbox, &l), ERR_CLOSED);
	assert_false(l.waits);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_with_room_nothing_waits),
	    TEST(test_all_go_in_order_when_there_is_room),
	    TEST(test_nobody_overtakes),
	    TEST(test_what_is_taken_back_is_not_sent),
	    TEST(test_the_last_taken_back_ends_the_waiting),
	    TEST(test_supervisor_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
