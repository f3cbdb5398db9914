/* Keys that files offer, in the store. */
#include "tests/support/files_scene.h"

static void keys_are_offered_in_order(void **state)
{
	static const char *const paths[] = {
	    "/a/id_rsa", "/k/aaa", "/k/id_ed25519", "/k/id_rsa", "/k/zzz"};
	struct scene *s = *state;
	struct builder b = {0};

	settle(&s->helpers);
	assert_int_equal(s->helpers.count, 0);
	add_by_hand(s, 50);
	offer(s);
	assert_int_equal(s->helpers.count, 1);
	assert_int_equal(s->helpers.helper[0]->program, HELPER_FILES);
	assert_int_equal(files_watch_parse(
			     BYTES(s->helpers.helper[0]->heard + 4, s->helpers.helper[0]->len - 4)),
	    ERR_OK);
	for (unsigned i = 0; i < 5; i++)
		put_key(&b, paths[i], blob_of(i), NULL, 0);
	say(s, &b);
	assert_list(s, "by hand "); /* the group is not whole */
	say_done(s);
	assert_list(s, "by hand /k/id_rsa /k/id_ed25519 /k/aaa /k/zzz /a/id_rsa ");
	for (unsigned i = 0; i < 5; i++)
		assert_true(is_offered(s, i, paths[i]));
	add_by_hand(s, 51);
	say_key(s, "/k/id_dsa", 60);
	assert_list(
	    s, "by hand /k/id_rsa /k/id_ed25519 /k/id_dsa /k/aaa /k/zzz /a/id_rsa by hand ");
	assert_int_equal(files_count(s->files).offered, 6);
	assert_int_equal(files_count(s->files).locked, 6);
}

static void what_was_added_by_hand_stays_as_it_is(void **state)
{
	struct scene *s = *state;

	add_by_hand(s, 1);
	offer(s);
	say_key(s, "/k/a", 1);
	assert_int_equal(held(s, 1)->rules.file.len, 0);
	/* Its time is over. */
	remove_now(s, 1);
	assert_true(is_offered(s, 1, "/k/a"));
	/* And added again: it is as it was added, until it goes. */
	add_by_hand(s, 1);
	settle(&s->helpers);
	say_key(s, "/k/b", 2);
	assert_int_equal(held(s, 1)->rules.file.len, 0);
	remove_now(s, 1);
	assert_true(is_offered(s, 1, "/k/a"));
}

static void files_go_and_change(void **state)
{
	struct scene *s = *state;
	struct builder b = {0};

	offer(s);
	say_key(s, "/k/a", 1);
	say_key(s, "/k/b", 2);
	say_key(s, "/k/a", 3);
	assert_null(held(s, 1));
	assert_true(is_offered(s, 3, "/k/a"));
	files_gone_build(&b, bytes_str("/k/a"));
	files_trouble_build(&b, bytes_str("/k/b"), ERR_FILE_OPEN);
	files_trouble_build(&b, bytes_str("/k"), ERR_DIRECTORY);
	files_done_build(&b);
	say(s, &b);
	assert_int_equal(store_count(s->store), 0);
	assert_int_equal(files_count(s->files).troubles, 2);
	say_key(s, "/k/b", 2);
	assert_true(is_offered(s, 2, "/k/b"));
	assert_int_equal(files_count(s->files).troubles, 1);
}

/* One key in two files: the other takes its place when it goes. */
static void copies_offer_a_key_once(void **state)
{
	struct scene *s = *state;
	struct builder b = {0};

	offer(s);
	say_key(s, "/k/a", 1);
	say_key(s, "/k/b", 1);
	assert_true(is_offered(s, 1, "/k/a"));
	files_gone_build(&b, bytes_str("/k/a"));
	files_done_build(&b);
	say(s, &b);
	assert_true(is_offered(s, 1, "/k/b"));
}

/* A key of ssh-keygen's in DIR/NAME, with its certificates by options of ssh-keygen. */
static void make_key(const char *name, struct builder *wire)
{
	keys_generate(&dir, name, "-t ed25519", wire);
}

static void make_cert(const char *name, const char *as, const char *options, struct builder *blob)
{
	assert_true(keys_run("cd %s && cp %s.pub %s.pub && ssh-keygen -q -s ca -I x %s %s.pub",
	    dir.path, name, as, options, as));
	char file[64];

	(void)snprintf(file, sizeof(file), "%s-cert.pub", as);
	keys_load_public(&dir, file, blob);
}

static void certificates_come_and_are_renewed(void **state)
{
	struct scene *s = *state;
	struct builder wire = {0}, ca = {0}, old = {0}, fresh = {0}, later = {0}, other = {0},
		       host = {0}, b = {0};
	struct key *key = NULL;
	struct bytes certs[5], public;
	struct identity *id;

	make_key("ca", &ca);
	make_key("id", &wire);
	make_key("other", &b);
	builder_clear(&b);
	make_cert("id", "old", "-n me -V 20200101:20400101", &old);
	make_cert("id", "fresh", "-n me -V 20210101:20400101", &fresh);
	make_cert("id", "later", "-n me -V 20390101:20400101", &later);
	make_cert("other", "others", "-n me", &other);
	make_cert("id", "host", "-h -n me", &host);
	key = keys_import(&wire);
	public = key_blob(key);
	offer(s);
	certs[0] = builder_view(&old);
	put_key(&b, "/k/id", public, certs, 1);
	files_done_build(&b);
	say(s, &b);
	id = store_find(s->store, certs[0]);
	assert_non_null(id);
	assert_true(key_is_locked(id->key));
	assert_int_equal(store_count(s->store), 2);
	/* Unlocked, as signatures do it; a certificate that comes then is as well. */
	assert_int_equal(store_unlock(store_find(s->store, public), key_ref(key), 0), ERR_OK);
	assert_int_equal(store_unlock(id, key_ref(key), 0), ERR_OK);
	certs[1] = builder_view(&fresh);
	certs[2] = builder_view(&later);
	certs[3] = builder_view(&other);
	certs[4] = builder_view(&host);
	put_key(&b, "/k/id", public, certs, 5);
	files_done_build(&b);
	say(s, &b);
	assert_null(store_find(s->store, certs[0]));
	assert_non_null(store_find(s->store, certs[1]));
	assert_false(key_is_locked(store_find(s->store, certs[1])->key));
	assert_non_null(store_find(s->store, certs[2]));
	assert_null(store_find(s->store, certs[3]));
	assert_null(store_find(s->store, certs[4]));
	assert_false(key_is_locked(store_find(s->store, public)->key));
	/* What is unlocked goes with its file. */
	files_gone_build(&b, bytes_str("/k/id"));
	files_done_build(&b);
	say(s, &b);
	assert_int_equal(store_count(s->store), 0);
	key_unref(key);
	builder_clear(&wire);
	builder_clear(&ca);
	builder_clear(&old);
	builder_clear(&fresh);
	builder_clear(&later);
	builder_clear(&other);
	builder_clear(&host);
}

static int64_t wall;

static int64_t wall_now(void)
{
	return wall;
}

static void certificates_end_and_begin_by_themselves(void **state)
{
	struct scene *s = *state;
	struct builder wire = {0}, ca = {0}, first = {0}, second = {0}, b = {0};
	struct bytes certs[2];
	struct key *key;

	make_key("maker", &ca);
	make_key("timed", &wire);
	assert_true(keys_run("cd %s && cp maker ca && cp maker.pub ca.pub", dir.path));
	make_cert("timed", "first", "-n me -V 0x1000:0x100000", &first);
	make_cert("timed", "second", "-n me -V 0x80000:0x110000", &second);
	key = keys_import(&wire);
	certs[0] = builder_view(&first);
	certs[1] = builder_view(&second);
	wall = 0x2000;
	clock_replace(scene_clock, wall_now);
	offer(s);
	put_key(&b, "/k/timed", key_blob(key), certs, 2);
	files_done_build(&b);
	say(s, &b);
	assert_non_null(store_find(s->store, certs[0]));
	assert_non_null(store_find(s->store, certs[1]));
	/* The clock is set: it is looked at each hour. */
	wall = 0x80000;
	pass(&s->helpers, 3600 * 1000 + 1);
	assert_null(store_find(s->store, certs[0]));
	assert_non_null(store_find(s->store, certs[1]));
	wall = 0x110000 - 10;
	pass(&s->helpers, 3600 * 1000 + 1);
	assert_non_null(store_find(s->store, certs[1]));
	wall += 10;
	pass(&s->helpers, 9 * 1000);
	assert_non_null(store_find(s->store, certs[1]));
	pass(&s->helpers, 1000);
	assert_null(store_find(s->store, certs[1]));
	assert_int_equal(store_count(s->store), 1);
	clock_replace(scene_clock, NULL);
	key_unref(key);
	builder_clear(&wire);
	builder_clear(&ca);
	builder_clear(&first);
	builder_clear(&second);
}

static void the_configuration_has_its_say(void **state)
{
	struct scene *s = *state;
	struct builder wire = {0}, b = {0};
	struct key *key;
	const struct identity *id;

	make_key("unlocked", &wire);
	key = keys_import(&wire);
	policy_rules = (struct rules){.key.confirm = CONFIRM_ALWAYS, .relock = 60, .lifetime = 600};
	policy_refuses = "/k/b";
	offer(s);
	say_key(s, "/k/b", 2);
	put_key(&b, "/k/a", key_blob(key), NULL, 0);
	files_done_build(&b);
	say(s, &b);
	assert_null(held(s, 2));
	id = store_find(s->store, key_blob(key));
	assert_non_null(id);
	assert_int_equal(id->rules.key.confirm, CONFIRM_ALWAYS);
	assert_int_equal(id->rules.relock, 60);
	assert_int_equal(id->rules.lifetime, 600);
	assert_int_equal(
	    store_unlock(store_find(s->store, key_blob(key)), key_ref(key), 0), ERR_OK);
	/* Reloaded with the same for it: unlocked still. */
	policy_refuses = NULL;
	offer(s);
	assert_false(key_is_locked(store_find(s->store, key_blob(key))->key));
	assert_true(is_offered(s, 2, "/k/b"));
	policy_rules.relock = 30;
	offer(s);
	assert_true(key_is_locked(store_find(s->store, key_blob(key))->key));
	assert_int_equal(store_find(s->store, key_blob(key))->rules.relock, 30);
	key_unref(key);
	builder_clear(&wire);
}

/* In all that is allocated, store and list; what the paths take is a person's. */
static void a_locked_key_takes_little_memory(void **state)
{
	enum { KEYS = 500, MODULUS = 3072 / 8 + 1 };
	struct scene *s = *state;
	struct builder b = {0}, blob = {0};
	uint8_t modulus[MODULUS] = {0};
	size_t before = base_heap_in_use();

	if (before == 0)
		base_skip("not on Debian 12: only glibc tells how much is allocated");
	offer(s);
	say_key(s, "/k/a", 1);
	before = base_heap_in_use();
	for (unsigned i = 0; i < KEYS; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/k/home/person/.ssh/key-%03u", i);
		memset(modulus + 1, 0xff, MODULUS - 1);
		modulus[2] = (uint8_t)i;
		modulus[3] = (uint8_t)(i >> 8);
		builder_reset(&blob);
		builder_string(&blob, bytes_str("ssh-rsa"));
		builder_string(&blob, BYTES((const uint8_t *)"\1\0\1", 3));
		builder_string(&blob, BYTES(modulus, sizeof(modulus)));
		put_key(&b, path, builder_view(&blob), NULL, 0);
		if (i % 20 == 19)
			say(s, &b);
	}
	say_done(s);
	builder_clear(&blob);
	assert_int_equal(files_count(s->files).locked, KEYS + 1);
	assert_in_range((base_heap_in_use() - before) / KEYS, 0, 1024);
}

/* A comment is a view of the path where it is it. */
static void comments_change(void **state)
{
	struct scene *s = *state;
	const struct bytes path = bytes_str("/k/a"), mine = bytes_str("mine");
	struct files_key m = {.path = path, .public = blob_of(1), .comment = mine};
	struct builder b = {0};

	offer(s);
	say_key(s, "/k/a", 1);
	assert_true(bytes_is(held(s, 1)->comment, "/k/a"));
	for (unsigned round = 0; round < 3; round++) {
		m.comment = round == 0 ? mine : round == 1 ? path : BYTES_NONE;
		files_key_build(&b, &m, NULL);
		files_done_build(&b);
		say(s, &b);
		assert_true(bytes_equal(held(s, 1)->comment, m.comment));
		assert_true(is_offered(s, 1, "/k/a"));
	}
	/* By hand over it, and offered again. */
	say_key(s, "/k/a", 1);
	add_by_hand(s, 1);
	assert_true(bytes_is(held(s, 1)->comment, "by hand"));
	remove_now(s, 1);
	assert_true(bytes_is(held(s, 1)->comment, "/k/a"));
}

/* Its file's offer is no looser than what it was added with. */
static void what_it_was_added_with_is_kept(void **state)
{
	struct scene *s = *state;
	const struct rules strict = {.key = {.confirm = CONFIRM_ALWAYS, .local_only = true},
	    .destinations = bytes_str("there only")};

	offer(s);
	say_key(s, "/k/a", 1);
	add_ruled(s, 1, &strict);
	settle(&s->helpers);
	assert_int_equal(held(s, 1)->rules.file.len, 0);
	remove_now(s, 1);
	assert_true(is_offered(s, 1, "/k/a"));
	assert_int_equal(held(s, 1)->rules.source, SOURCE_FILE);
	assert_int_equal(held(s, 1)->rules.key.confirm, CONFIRM_ALWAYS);
	assert_true(held(s, 1)->rules.key.local_only);
	assert_true(bytes_is(held(s, 1)->rules.destinations, "there only"));
	/* The newest addition says it, */
	add_by_hand(s, 1);
	settle(&s->helpers);
	remove_now(s, 1);
	assert_true(is_offered(s, 1, "/k/a"));
	assert_int_equal(held(s, 1)->rules.key.confirm, CONFIRM_NEVER);
	assert_int_equal(held(s, 1)->rules.destinations.len, 0);
	/* and a reload forgets it. */
	add_ruled(s, 1, &strict);
	settle(&s->helpers);
	remove_now(s, 1);
	assert_int_equal(held(s, 1)->rules.key.confirm, CONFIRM_ALWAYS);
	offer(s);
	assert_int_equal(held(s, 1)->rules.key.confirm, CONFIRM_NEVER);
}

/* A list has no room for more, and OpenSSH no use for one that has. */
static void what_no_list_has_room_for_is_trouble(void **state)
{
	static const struct {
		unsigned from, to; /* keys that are told */
		size_t troubles;
	} steps[] = {{0, 2048, 0}, {2048, 2051, 3}};
	struct scene *s = *state;
	struct builder b = {0};
	uint8_t blob[51];

	offer(s);
	for (size_t step = 0; step < 2; step++) {
		for (unsigned i = steps[step].from; i < steps[step].to; i++) {
			char path[32];

			(void)snprintf(path, sizeof(path), "/k/%04u", i);
			memcpy(blob, blob_of(0).data, sizeof(blob));
			blob[20] = (uint8_t)(i >> 8);
			blob[21] = (uint8_t)i;
			put_key(&b, path, BYTES(blob, sizeof(blob)), NULL, 0);
			if (i % 20 == 19)
				say(s, &b);
		}
		files_done_build(&b);
		say(s, &b);
		assert_int_equal(store_count(s->store), steps[step].to);
		assert_int_equal(files_count(s->files).troubles, steps[step].troubles);
	}
	assert_int_equal(files_count(s->files).offered, 2051);
	for (unsigned i = 7; i < 9; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "/k/%04u", i);
		files_gone_build(&b, bytes_str(path));
		files_done_build(&b);
		say(s, &b);
	}
	assert_int_equal(files_count(s->files).troubles, 1);
	files_gone_build(&b, bytes_str("/k/2050"));
	files_done_build(&b);
	say(s, &b);
	assert_int_equal(files_count(s->files).troubles, 0);
}

/* Of a file that shows none, found when it was decrypted. */
static void a_comment_of_the_files_own_is_kept(void **state)
{
	struct scene *s = *state;
	struct files_key m = {
	    .path = bytes_str("/k/a"), .public = blob_of(1), .comment = bytes_str("/k/a")};
	struct builder b = {0};

	offer(s);
	say_key(s, "/k/a", 1);
	policy_rules.key.confirm = CONFIRM_ALWAYS;
	assert_int_equal(
	    files_comment(s->files, bytes_str("/k/a"), blob_of(2), bytes_str("other")), ERR_OK);
	assert_true(bytes_is(held(s, 1)->comment, "/k/a"));
	assert_int_equal(
	    files_comment(s->files, bytes_str("/k/a"), blob_of(1), bytes_str("own")), ERR_OK);
	assert_true(is_offered(s, 1, "/k/a"));
	assert_true(bytes_is(held(s, 1)->comment, "own"));
	assert_int_equal(held(s, 1)->rules.key.confirm, CONFIRM_ALWAYS);
	/* Told anew, reloaded, and found to be another now. */
	m.flags = FILES_KEY_ENCRYPTED;
	files_key_build(&b, &m, NULL);
	files_done_build(&b);
	say(s, &b);
	offer(s);
	assert_true(bytes_is(held(s, 1)->comment, "own"));
	assert_int_equal(
	    files_comment(s->files, bytes_str("/k/a"), blob_of(1), bytes_str("newer")), ERR_OK);
	assert_true(bytes_is(held(s, 1)->comment, "newer"));
	/* One that can be seen goes before it. */
	m.comment = bytes_str("seen");
	files_key_build(&b, &m, NULL);
	files_done_build(&b);
	say(s, &b);
	assert_true(bytes_is(held(s, 1)->comment, "seen"));
	assert_int_equal(
	    files_comment(s->files, bytes_str("/k/a"), blob_of(1), bytes_str("own")), ERR_OK);
	assert_true(bytes_is(held(s, 1)->comment, "seen"));
}

/* With its file's rules, once that is known; whether or not files are offered. */
static void what_is_said_of_files_holds_for_what_was_added_by_hand(void **state)
{
	static char path[] = "/k/a";
	char *about[] = {path};
	struct config_key block = {.patterns = {about, 1}};
	struct scene *s = *state;

	s->config.keys = &block;
	s->config.key_count = 1;
	add_by_hand(s, 1);
	add_by_hand(s, 3);
	files_reload(s->files, &s->config, false);
	settle(&s->helpers);
	assert_false(files_pending(s->files));
	policy_rules.key.local_only = true;
	say_key(s, "/k/a", 1);
	say_key(s, "/k/b", 2);
	assert_null(held(s, 2));
	assert_true(held(s, 1)->rules.key.local_only);
	assert_string_equal(held(s, 1)->rules.known_file, "/k/a");
	assert_int_equal(held(s, 1)->rules.file.len, 0);
	assert_true(bytes_is(held(s, 1)->comment, "by hand"));
	assert_false(held(s, 3)->rules.key.local_only);
	assert_true(bytes_is(files_path_of(s->files, blob_of(2)), "/k/b"));
	assert_int_equal(files_count(s->files).troubles, 0);
	/* And offered from now on. */
	offer(s);
	assert_true(is_offered(s, 2, "/k/b"));
	s->config.key_count = 0;
	files_reload(s->files, &s->config, false);
	settle(&s->helpers);
	assert_null(helper_now(s));
	assert_null(held(s, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(keys_are_offered_in_order),
	    TEST(what_was_added_by_hand_stays_as_it_is),
	    TEST(files_go_and_change),
	    TEST(copies_offer_a_key_once),
	    TEST(certificates_come_and_are_renewed),
	    TEST(certificates_end_and_begin_by_themselves),
	    TEST(the_configuration_has_its_say),
	    TEST(a_locked_key_takes_little_memory),
	    TEST(comments_change),
	    TEST(what_it_was_added_with_is_kept),
	    TEST(what_no_list_has_room_for_is_trouble),
	    TEST(a_comment_of_the_files_own_is_kept),
	    TEST(what_is_said_of_files_holds_for_what_was_added_by_hand),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
