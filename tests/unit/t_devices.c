/* What is plugged in: the watch, devices that come and go, and who is told. */
#include "tests/support/devices_scene.h"

static void test_watched_while_there_is_a_key(void **state)
{
	struct scene *s = *state;
	struct key *key;

	settle(&s->h);
	assert_int_equal(s->h.count, 0);
	key = add_key(s, 0, FIDO_TOUCH);
	expect_presence(s, key, PRESENCE_UNKNOWN);
	assert_int_equal(devices_key_added(s->ds, key), ERR_OK);
	add_key(s, 1, FIDO_TOUCH);
	settle(&s->h);
	assert_int_equal(s->h.count, 1);
	(void)watch_of(s);
	PLUG_NONE(s);
	expect_presence(s, key, PRESENCE_ABSENT);
	devices_key_removed(s->ds, s->key[1]);
	devices_key_removed(s->ds, key);
	settle(&s->h);
	assert_false(s->h.helper[0]->hung_up);
	devices_key_removed(s->ds, key);
	settle(&s->h);
	assert_true(s->h.helper[0]->hung_up);
	devices_key_removed(s->ds, key); /* once too often */
	expect_presence(s, key, PRESENCE_ABSENT);
	assert_int_equal(devices_key_added(s->ds, key), ERR_OK);
	settle(&s->h);
	assert_int_equal(s->h.count, 2);
}

static void test_devices_come_and_go(void **state)
{
	struct scene *s = *state;
	struct fido_device list[2] = {a_device("/dev/1", 1), a_device("pcsc:Reader", 2)};
	struct device *found[FIDO_PATHS_MOST];
	unsigned changes;

	list[1].transport = FIDO_PCSC;
	list[1].name = bytes_str("Reader");
	add_key(s, 0, FIDO_TOUCH);
	settle(&s->h);
	tell_devices(s, list, 2);
	assert_int_equal(devices_list(s->ds, found), 2);
	assert_true(bytes_is(device_path(found[0]), "/dev/1"));
	assert_true(bytes_is(device_name(found[0]), "Maker Product"));
	assert_int_equal(device_transport(found[0]), FIDO_HID);
	assert_int_equal(device_transport(found[1]), FIDO_PCSC);
	assert_int_equal(device_info(found[0])->abilities, 0);
	changes = s->changes;
	assert_true(changes > 0);
	assert_int_equal(probes(s), 2);
	tell_devices(s, list, 1);
	assert_int_equal(s->changes, changes + 1);
	assert_int_equal(devices_list(s->ds, found), 1);
	assert_true(bytes_is(device_path(found[0]), "/dev/1"));
	assert_int_equal(probes(s), 1); /* the other's was told to end */
	tell_devices(s, list, 0);
	assert_int_equal(devices_list(s->ds, found), 0);
}

/* What was known of the one before says nothing of the one that is there now. */
static void test_replugged_at_the_same_path(void **state)
{
	struct scene *s = *state;
	struct fido_device d = a_device("/dev/1", 1);
	struct key *key = add_key(s, 0, FIDO_TOUCH | ECDSA);

	settle(&s->h);
	tell_devices(s, &d, 1);
	answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES);
	expect_presence(s, key, PRESENCE_HERE);
	tell_devices(s, &d, 1); /* the same still */
	expect_presence(s, key, PRESENCE_HERE);
	assert_int_equal(probes(s), 0);
	d.instance = 2;
	tell_devices(s, &d, 1);
	expect_presence(s, key, PRESENCE_UNKNOWN);
	assert_int_equal(probes(s), 1);
	answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_NO);
	expect_presence(s, key, PRESENCE_ABSENT);
}

static void test_watch_that_ends_is_started_again(void **state)
{
	static const unsigned pauses[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
	struct scene *s = *state;

	add_key(s, 0, FIDO_TOUCH);
	settle(&s->h);
	assert_int_equal(devices_trouble(s->ds), ERR_OK);
	for (unsigned i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		helper_close(watch_of(s));
		settle(&s->h);
		assert_int_equal(devices_trouble(s->ds), ERR_HELPER);
		pass(&s->h, pauses[i] - 1);
		assert_int_equal(s->h.count, i + 1);
		pass(&s->h, 1);
		assert_int_equal(s->h.count, i + 2);
	}
	/* One that served for a while begins anew. */
	pass(&s->h, 60000);
	PLUG_NONE(s);
	assert_int_equal(devices_trouble(s->ds), ERR_OK);
	helper_close(watch_of(s));
	settle(&s->h);
	pass(&s->h, 1000);
	(void)watch_of(s);
	/* Nor without a key. */
	helper_close(watch_of(s));
	settle(&s->h);
	devices_key_removed(s->ds, s->key[0]);
	pass(&s->h, 100000);
	assert_null(helper_with(&s->h, FIDO_WATCH, 0));
	assert_int_equal(devices_trouble(s->ds), ERR_OK);
}

/* Numbers of devices hold within one watch only. */
static void test_after_a_new_watch_all_are_new(void **state)
{
	struct scene *s = *state;
	struct key *key = add_key(s, 0, FIDO_TOUCH | ECDSA);

	settle(&s->h);
	PLUG(s, 1);
	answer_all(s, "/dev/1", FIDO_CAN_CTAP2, FIDO_HELD_YES);
	helper_close(watch_of(s));
	settle(&s->h);
	expect_presence(s, key, PRESENCE_HERE); /* as far as anybody knows */
	pass(&s->h, 1000);
	expect_presence(s, key, PRESENCE_HERE);
	PLUG(s, 1);
	expect_presence(s, key, PRESENCE_UNKNOWN);
	assert_int_equal(probes(s), 1);
}

static void test_watch_that_cannot_be_started(void **state)
{
	struct scene *s = *state;
	struct device *found;
	bool settled;

	s->h.unable = true;
	add_key(s, 0, FIDO_TOUCH);
	devices_holding(s->ds, s->key[0], &found, 1, &settled);
	assert_false(settled);
	settle(&s->h);
	assert_int_equal(devices_trouble(s->ds), ERR_HELPER_MISSING);
	assert_int_equal(devices_holding(s->ds, s->key[0], &found, 1, &settled), 0);
	assert_true(settled); /* there is nothing to wait for */
	s->h.unable = false;
	pass(&s->h, 1000);
	PLUG_NONE(s);
	assert_int_equal(devices_trouble(s->ds), ERR_OK);
}

/* --- a watch that lies ----------------------------------------------------------------------- */

static void expect_watch_ended(struct scene *s, enum err why)
{
	struct helper *h = watch_of(s);

	settle(&s->h);
	assert_true(h->hung_up);
	helper_close(h);
	settle(&s->h);
	assert_string_equal(err_text(devices_trouble(s->ds)), err_text(why));
	assert_int_equal(probes(s), 0);
	pass(&s->h, 1000);
	(void)watch_of(s); /* and the next one has its chance */
	PLUG(s, 7);
	assert_int_equal(probes(s), 1);
}

static void lie(struct scene *s, const void *bytes, size_t n, enum err why)
{
	add_key(s, 0, FIDO_TOUCH);
	settle(&s->h);
	helper_say(watch_of(s), bytes, n);
	for (unsigned i = 0; i < ROUNDS; i++)
		scene_turn(&s->h);
	expect_watch_ended(s, why);
}

/* Written out by hand: length, version, kind, count, devices. */
static void test_path_with_a_nul(void **state)
{
	lie(*state,
	    "\0\0\0\31\2\40\0\0\0\1"
	    "\0\0\0\2a\0"
	    "\0\0\0\0\0\0\0\1\1\0\0\0\0",
	    29, ERR_TEXT);
}

static void test_path_that_is_empty(void **state)
{
	lie(*state,
	    "\0\0\0\27\2\40\0\0\0\1"
	    "\0\0\0\0"
	    "\0\0\0\0\0\0\0\1\1\0\0\0\0",
	    27, ERR_FORMAT);
}

static void test_ten_thousand_devices(void **state)
{
	lie(*state, "\0\0\0\6\2\40\0\0\x27\x10", 10, ERR_LIMIT);
}

static void test_message_of_another_kind(void **state)
{
	lie(*state, "\0\0\0\6\2\46\0\0\0\1", 10, ERR_MESSAGE);
}

static void test_message_of_another_version(void **state)
{
	lie(*state, "\0\0\0\6\3\40\0\0\0\0", 10, ERR_VERSION);
}

static void lie_with(struct scene *s, const struct fido_device *list, size_t count, enum err why)
{
	struct builder b = {0};

	fido_devices_build(&b, list, count);
	lie(s, b.data, b.len, why);
	builder_clear(&b);
}

static void test_one_path_twice(void **state)
{
	struct fido_device list[] = {a_device("/dev/1", 1), a_device("/dev/1", 2)};

	lie_with(*state, list, 2, ERR_REPLY);
}

static void test_one_number_twice(void **state)
{
	struct fido_device list[] = {a_device("/dev/1", 1), a_device("/dev/2", 1)};

	lie_with(*state, list, 2, ERR_REPLY);
}

/* The helper says itself why. */
static void test_failure_of_the_watch(void **state)
{
	struct scene *s = *state;
	struct fido_failure f = {.why = ERR_DEVICE, .tries = FIDO_TRIES_UNKNOWN};
	struct builder b = {0};

	fido_failed_build(&b, &f);
	lie(s, b.data, b.len, ERR_DEVICE);
	builder_clear(&b);
}

/* Each new device costs a helper of its own. */
static void test_flood_of_news(void **state)
{
	struct scene *s = *state;
	struct helper *h;

	add_key(s, 0, FIDO_TOUCH);
	settle(&s->h);
	h = watch_of(s);
	for (uint64_t i = 1; i <= 128; i++) {
		PLUG_NONE(s);
		pass(&s->h, 100); /* as fast as one may */
	}
	assert_false(h->hung_up);
	pass(&s->h, 10000);
	for (unsigned i = 0; i < 128; i++)
		PLUG_NONE(s);
	assert_false(h->hung_up);
	helper_say(h, "\0\0\0\6\2\40\0\0\0\0", 10);
	settle(&s->h);
	assert_true(h->hung_up);
	helper_close(h);
	settle(&s->h);
	assert_int_equal(devices_trouble(s->ds), ERR_LIMIT);
}

/* --- listeners ------------------------------------------------------------------------------- */

struct watcher {
	struct device_listener listener;
	struct scene *scene;
	struct watcher *leaves; /* whom it takes off the list when called */
	unsigned calls;
};

static void watcher_called(struct device_listener *l)
{
	struct watcher *w = (struct watcher *)(void *)l;

	w->calls++;
	if (w->leaves != NULL)
		devices_unlisten(w->scene->ds, &w->leaves->listener);
}

static void test_listeners_may_leave_while_they_are_told(void **state)
{
	struct scene *s = *state;
	struct watcher w[4];

	for (unsigned i = 0; i < 4; i++) {
		w[i] = (struct watcher){.listener.changed = watcher_called, .scene = s};
		devices_listen(s->ds, &w[i].listener);
	}
	w[3].leaves = &w[2]; /* the next one */
	w[1].leaves = &w[1]; /* itself */
	add_key(s, 0, FIDO_TOUCH);
	settle(&s->h);
	PLUG(s, 1);
	PLUG_NONE(s);
	assert_int_equal(w[3].calls, 2);
	assert_int_equal(w[2].calls, 0);
	assert_int_equal(w[1].calls, 1);
	assert_int_equal(w[0].calls, 2);
	devices_unlisten(s->ds, &w[2].listener);
	devices_unlisten(s->ds, &w[0].listener);
	devices_unlisten(s->ds, &w[3].listener);
	PLUG(s, 2);
	assert_int_equal(w[0].calls, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_watched_while_there_is_a_key),
	    TEST(test_devices_come_and_go),
	    TEST(test_replugged_at_the_same_path),
	    TEST(test_watch_that_ends_is_started_again),
	    TEST(test_after_a_new_watch_all_are_new),
	    TEST(test_watch_that_cannot_be_started),
	    TEST(test_path_with_a_nul),
	    TEST(test_path_that_is_empty),
	    TEST(test_ten_thousand_devices),
	    TEST(test_message_of_another_kind),
	    TEST(test_message_of_another_version),
	    TEST(test_one_path_twice),
	    TEST(test_one_number_twice),
	    TEST(test_failure_of_the_watch),
	    TEST(test_flood_of_news),
	    TEST(test_listeners_may_leave_while_they_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
