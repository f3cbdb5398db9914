/* Connections to cards that outlast an operation, over a pcscd that is made up here. */
#include "tests/support/base_test.h"

#include <pthread.h>
#include <time.h>

#include "proto/base/clock.h"
#include "tokens/card/session.h"

enum { CARDS = 32, LONG_MS = 30000, SHORT_MS = 30, PATIENCE_MS = 5000 };

/* One connection each. */
struct pcsc_card {
	bool open, begun, closed, reset;
};

static struct {
	pthread_mutex_t mutex;
	struct pcsc_card cards[CARDS];
	size_t n;
	enum err next_begin; /* of the next pcsc_begin only */
	unsigned busy;       /* so many of the next */
} world = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static uint64_t time_now = 1000;

static uint64_t tell_time(void)
{
	return __atomic_load_n(&time_now, __ATOMIC_SEQ_CST);
}

enum err pcsc_open(const char *reader, struct pcsc_card **out)
{
	(void)reader;
	pthread_mutex_lock(&world.mutex);
	assert_true(world.n < CARDS);
	*out = &world.cards[world.n++];
	**out = (struct pcsc_card){.open = true};
	pthread_mutex_unlock(&world.mutex);
	return ERR_OK;
}

static void end(struct pcsc_card *c, bool reset)
{
	pthread_mutex_lock(&world.mutex);
	assert_true(c->open);
	c->open = c->begun = false;
	c->closed = true;
	c->reset = reset;
	pthread_mutex_unlock(&world.mutex);
}

void pcsc_close(struct pcsc_card *c)
{
	if (c != NULL)
		end(c, false);
}

void pcsc_reset(struct pcsc_card *c)
{
	end(c, true);
}

enum err pcsc_begin(struct pcsc_card *c)
{
	enum err e = world.next_begin;

	assert_true(c->open && !c->begun);
	if (world.busy > 0) {
		world.busy--;
		return ERR_DEVICE_BUSY;
	}
	world.next_begin = ERR_OK;
	c->begun = e == ERR_OK;
	return e;
}

enum err pcsc_pause(struct pcsc_card *c)
{
	assert_true(c->open && c->begun);
	c->begun = false;
	return ERR_OK;
}

enum err pcsc_transmit(struct pcsc_card *c, struct bytes apdu, uint8_t *reply, size_t *n)
{
	(void)c, (void)apdu, (void)reply, (void)n;
	return ERR_DEVICE;
}

enum err pcsc_control(
    struct pcsc_card *c, uint32_t code, struct bytes in, uint8_t *reply, size_t *n)
{
	(void)c, (void)code, (void)in, (void)reply, (void)n;
	return ERR_DEVICE;
}

bool pcsc_is_t0(const struct pcsc_card *c)
{
	(void)c;
	return false;
}

bool pcsc_gone(struct pcsc_card *c)
{
	(void)c;
	return false;
}

static bool is_closed(size_t i)
{
	bool closed;

	pthread_mutex_lock(&world.mutex);
	closed = world.cards[i].closed;
	pthread_mutex_unlock(&world.mutex);
	return closed;
}

static bool closes(size_t i)
{
	for (unsigned ms = 0; ms < PATIENCE_MS && !is_closed(i); ms += 5)
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	return is_closed(i);
}

/* Never freed: its thread ends with the process. */
static struct keeper *keeper;

static int setup(void **state)
{
	(void)state;
	clock_replace(tell_time, NULL);
	world.n = 0;
	world.busy = 0;
	world.next_begin = ERR_OK;
	for (size_t i = 0; i < PCSC_READERS_MOST; i++)
		keeper_drop(keeper, i, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < PCSC_READERS_MOST; i++)
		keeper_drop(keeper, i, false);
	clock_replace(NULL, NULL);
	for (size_t i = 0; i < world.n; i++)
		assert_true(closes(i));
	return 0;
}

static struct session use(size_t place)
{
	struct session s;

	assert_int_equal(session_resume(&s, keeper, place, "reader", 0), ERR_OK);
	return s;
}

/* Use it, with this known of a PIN at the end. */
static void use_with(size_t place, enum wire_pin pin)
{
	struct session s = use(place);

	s.wire.pin = pin;
	session_end(&s);
}

static void a_pin_keeps_the_connection(void **state)
{
	struct session s;

	(void)state;
	use_with(0, WIRE_PIN_NOW);
	assert_false(world.cards[0].closed || world.cards[0].begun);
	s = use(0);
	assert_ptr_equal(s.card, &world.cards[0]);
	assert_true(s.wire.resumed);
	assert_int_equal(s.wire.pin, WIRE_PIN_BEFORE);
	assert_true(world.cards[0].begun);
	session_end(&s);
	/* Another place has another. */
	s = use(1);
	assert_ptr_equal(s.card, &world.cards[1]);
	assert_false(s.wire.resumed);
	assert_int_equal(s.wire.pin, WIRE_PIN_NONE);
	session_end(&s);
	assert_true(world.cards[1].closed);
	assert_false(world.cards[0].closed);
}

static void nothing_else_does(void **state)
{
	struct session s;

	(void)state;
	use_with(0, WIRE_PIN_NONE);
	assert_true(world.cards[0].closed && !world.cards[0].reset);
	use_with(0, WIRE_PIN_NOW);
	use_with(0, WIRE_PIN_NONE);
	assert_true(world.cards[1].closed && !world.cards[1].reset);
	/* Nor a session that has no place. */
	assert_int_equal(session_begin(&s, "reader", 0), ERR_OK);
	s.wire.pin = WIRE_PIN_NOW;
	session_end(&s);
	assert_true(world.cards[2].closed);
}

static void pass(uint64_t ms)
{
	__atomic_add_fetch(&time_now, ms, __ATOMIC_SEQ_CST);
}

/* Have the thread look at the time. */
static void wake(void)
{
	use_with(PCSC_READERS_MOST - 1, WIRE_PIN_NOW);
}

static void for_so_long(void **state)
{
	struct pcsc_card *card;
	struct session s;

	(void)state;
	use_with(0, WIRE_PIN_NOW);
	pass(LONG_MS - 1);
	/* A use that needs no PIN makes it no longer. */
	use_with(0, WIRE_PIN_BEFORE);
	assert_false(world.cards[0].closed);
	pass(1);
	wake();
	assert_true(closes(0));
	/* One that needs it does. */
	use_with(1, WIRE_PIN_NOW);
	pass(LONG_MS - 1);
	use_with(1, WIRE_PIN_NOW);
	pass(LONG_MS - 1);
	wake();
	s = use(1);
	assert_true(s.wire.resumed);
	card = s.card;
	/* Its time is over while it is used, and needs no PIN. */
	pass(1);
	session_end(&s);
	assert_true(closes((size_t)(card - world.cards)));
}

static void it_ends_by_itself(void **state)
{
	struct keeper *quick = keeper_new(SHORT_MS);
	struct session s;

	(void)state;
	assert_non_null(quick);
	clock_replace(NULL, NULL);
	for (size_t i = 0; i < 2; i++) {
		uint64_t from = clock_now();

		assert_int_equal(session_resume(&s, quick, i, "reader", 0), ERR_OK);
		s.wire.pin = WIRE_PIN_NOW;
		session_end(&s);
		assert_true(closes(i));
		assert_true(clock_now() >= from + SHORT_MS);
	}
}

static void another_card(void **state)
{
	struct session s;

	(void)state;
	use_with(0, WIRE_PIN_NOW);
	keeper_drop(keeper, 0, false);
	assert_true(closes(0));
	/* While it is used. */
	s = use(0);
	keeper_drop(keeper, 0, false);
	assert_false(is_closed(1));
	s.wire.pin = WIRE_PIN_NOW;
	session_end(&s);
	assert_true(closes(1));
	s = use(0);
	assert_false(s.wire.resumed);
	session_end(&s);
}

static void somebody_reset_it(void **state)
{
	struct session s;

	(void)state;
	use_with(0, WIRE_PIN_NOW);
	world.next_begin = ERR_DEVICE;
	s = use(0);
	assert_true(world.cards[0].closed);
	assert_false(s.wire.resumed);
	assert_ptr_equal(s.card, &world.cards[1]);
	session_end(&s);
}

static void somebody_uses_it(void **state)
{
	struct session s;

	(void)state;
	use_with(0, WIRE_PIN_NOW);
	world.busy = 1;
	assert_int_equal(session_resume(&s, keeper, 0, "reader", 0), ERR_TOKEN_BUSY);
	session_end(&s);
	assert_false(world.cards[0].closed);
	world.busy = 1;
	clock_replace(NULL, NULL);
	assert_int_equal(session_resume(&s, keeper, 0, "reader", PATIENCE_MS), ERR_OK);
	clock_replace(tell_time, NULL);
	assert_ptr_equal(s.card, &world.cards[0]);
	session_end(&s);
	assert_false(world.cards[0].closed);
}

static void a_reset(void **state)
{
	struct session s;

	(void)state;
	use_with(0, WIRE_PIN_NOW);
	s = use(0);
	session_reset(&s);
	assert_true(world.cards[0].reset);
	/* Also when nobody lets us. */
	use_with(0, WIRE_PIN_NOW);
	world.busy = 1;
	assert_int_equal(session_resume(&s, keeper, 0, "reader", 0), ERR_TOKEN_BUSY);
	session_reset(&s);
	assert_true(closes(1));
	assert_true(world.cards[1].reset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_pin_keeps_the_connection, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_else_does, setup, teardown),
	    cmocka_unit_test_setup_teardown(for_so_long, setup, teardown),
	    cmocka_unit_test_setup_teardown(it_ends_by_itself, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_card, setup, teardown),
	    cmocka_unit_test_setup_teardown(somebody_reset_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(somebody_uses_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_reset, setup, teardown),
	};

	keeper = keeper_new(LONG_MS);
	return keeper == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
