/* Keys that files offer, with a made-up signet-files. */
#include "tests/support/helpers_scene.h"

#include <stdio.h>

#include "agent/files.h"
#include "agent/policy.h"
#include "keystore/crypto.h"
#include "proto/filesmsg.h"
#include "tests/support/keys_ssh.h"

static struct keys_dir dir;

struct scene {
	struct helpers_scene helpers;
	struct store *store;
	struct files *files;
	struct files_waiter waiter;
	unsigned waited;
	struct config config;
	char *folders[2];
};

/* What the made-up configuration says of keys. */
static struct rules policy_rules;
static const char *policy_refuses; /* this file */

void config_policy(const struct config *c, const struct key_facts *key, struct config_policy *out)
{
	(void)c;
	*out = (struct config_policy){.offer = true};
	assert_int_equal(strncmp(key->print, "SHA256:", 7), 0);
	if (policy_refuses != NULL && bytes_is(key->file, policy_refuses)) {
		out->set = KEY_OFFER;
		out->offer = false;
	}
}

void policy_apply(const struct config *c, const struct key_facts *key, struct rules *rules)
{
	(void)c, (void)key;
	rules->key = policy_rules.key;
	rules->relock = policy_rules.relock;
	rules->lifetime = policy_rules.lifetime;
}

static void removed(void *ctx, struct key *key, const struct rules *rules)
{
	struct scene *s = ctx;

	(void)key, (void)rules;
	files_review(s->files);
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	scene_open(&s->helpers);
	s->store = store_new(s->helpers.loop);
	s->files = files_new(s->helpers.loop, &s->helpers.calls, s->store);
	s->folders[0] = strdup("/k");
	s->folders[1] = strdup("/a");
	s->config = (struct config){.key_directories = {s->folders, 2}};
	store_watch(s->store, &(struct store_watcher){.removed = removed, .ctx = s});
	policy_rules = (struct rules){0};
	policy_refuses = NULL;
	*state = s;
	return s->store != NULL && s->files != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	bool good;

	files_wait_end(s->files, &s->waiter);
	store_watch(s->store, &(struct store_watcher){0});
	files_free(s->files);
	store_remove_all(s->store);
	good = scene_close(&s->helpers);
	free(s->folders[0]);
	free(s->folders[1]);
	free(s); /* the store lives as long as the program, as in the agent */
	return good ? 0 : -1;
}

/* --- what the helper says ---------------------------------------------------------- */

/* An Ed25519 key, as far as a public half tells. */
static struct bytes blob_of(unsigned n)
{
	static uint8_t room[256][51];
	static const uint8_t head[19] = "\0\0\0\x0bssh-ed25519\0\0\0\x20";

	memcpy(room[n], head, sizeof(head));
	memset(room[n] + sizeof(head), (int)n, 32);
	return BYTES(room[n], 51);
}

/* The helper that runs, or NULL. */
static struct helper *helper_now(const struct scene *s)
{
	for (size_t i = s->helpers.count; i-- > 0;) {
		struct helper *h = s->helpers.helper[i];

		if (h->fd >= 0 && !h->hung_up && h->program == HELPER_FILES)
			return h;
	}
	return NULL;
}

static void say(struct scene *s, struct builder *b)
{
	struct helper *h = helper_now(s);

	assert_non_null(h);
	assert_int_equal(builder_error(b), ERR_OK);
	helper_say(h, b->data, b->len);
	builder_clear(b);
	settle(&s->helpers);
}

static void put_key(
    struct builder *b, const char *path, struct bytes public, const struct bytes *certs, uint32_t n)
{
	const struct files_key m = {
	    .path = bytes_str(path), .public = public, .comment = bytes_str(path), .cert_count = n};

	files_key_build(b, &m, certs);
}

static void say_key(struct scene *s, const char *path, unsigned n)
{
	struct builder b = {0};

	put_key(&b, path, blob_of(n), NULL, 0);
	files_done_build(&b);
	say(s, &b);
}

static void say_done(struct scene *s)
{
	struct builder b = {0};

	files_done_build(&b);
	say(s, &b);
}

static void offer(struct scene *s)
{
	files_reload(s->files, &s->config, true);
	settle(&s->helpers);
}

/* --- what is in the store ---------------------------------------------------------- */

static const struct identity *held(const struct scene *s, unsigned n)
{
	return store_find(s->store, blob_of(n));
}

static bool is_offered(const struct scene *s, unsigned n, const char *path)
{
	const struct identity *id = held(s, n);

	return id != NULL && key_is_locked(id->key) && bytes_is(id->rules.file, path);
}

static void add_by_hand(struct scene *s, unsigned n)
{
	const struct rules none = {0};
	struct key *key;

	assert_int_equal(key_locked(blob_of(n), &key), ERR_OK);
	assert_int_equal(store_put(s->store, key, blob_of(n), bytes_str("by hand"), &none), ERR_OK);
}

static void remove_now(struct scene *s, unsigned n)
{
	store_remove(s->store, store_find(s->store, blob_of(n)));
	settle(&s->helpers);
}

static void assert_list(const struct scene *s, const char *comments)
{
	char text[512] = "";

	for (const struct identity *id = store_first(s->store); id != NULL; id = id->next) {
		size_t len = strlen(text);

		(void)snprintf(text + len, sizeof(text) - len, "%.*s ", (int)id->comment.len,
		    (const char *)id->comment.data);
	}
	assert_string_equal(text, comments);
}

/* --- tests ------------------------------------------------------------------------- */

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
	say_key(s, "/k/id_ecdsa", 60);
	assert_list(
	    s, "by hand /k/id_rsa /k/id_ecdsa /k/id_ed25519 /k/aaa /k/zzz /a/id_rsa by hand ");
	assert_int_equal(files_count(s->files).offered, 6);
	assert_int_equal(files_count(s->files).locked, 6);
}

static void waited(struct files_waiter *w)
{
	struct scene *s = (struct scene *)(void *)((char *)w - offsetof(struct scene, waiter));

	s->waited++;
}

static void lists_wait_for_the_first_look(void **state)
{
	struct scene *s = *state;

	s->waiter.ready = waited;
	assert_true(files_wait(s->files, &s->waiter));
	offer(s);
	assert_false(files_wait(s->files, &s->waiter));
	settle(&s->helpers);
	assert_int_equal(s->waited, 0);
	say_key(s, "/k/a", 1);
	assert_int_equal(s->waited, 1);
	assert_true(files_wait(s->files, &s->waiter));
}

static void lists_wait_no_longer_than_they_should(void **state)
{
	struct scene *s = *state;

	s->waiter.ready = waited;
	offer(s);
	assert_false(files_wait(s->files, &s->waiter));
	pass(&s->helpers, LIMIT_FILES_MS - 1);
	assert_int_equal(s->waited, 0);
	pass(&s->helpers, 1);
	assert_int_equal(s->waited, 1);
	assert_true(files_wait(s->files, &s->waiter));
}

static void a_helper_that_ends_lets_lists_go(void **state)
{
	struct scene *s = *state;

	s->waiter.ready = waited;
	offer(s);
	assert_false(files_wait(s->files, &s->waiter));
	helper_close(helper_now(s));
	settle(&s->helpers);
	assert_int_equal(s->waited, 1);
	assert_int_equal(files_count(s->files).why, ERR_HELPER);
}

static void a_helper_that_is_missing_is_tried_again(void **state)
{
	struct scene *s = *state;

	s->helpers.unable = true;
	offer(s);
	assert_int_equal(files_count(s->files).why, ERR_HELPER_MISSING);
	assert_true(files_wait(s->files, &s->waiter));
	for (unsigned i = 0; i < 20; i++)
		pass(&s->helpers, 1000);
	assert_in_range(s->helpers.count, 5, 9); /* pauses that grow */
	s->helpers.unable = false;
	pass(&s->helpers, 60000);
	say_key(s, "/k/a", 1);
	assert_true(is_offered(s, 1, "/k/a"));
	assert_int_equal(files_count(s->files).why, ERR_OK);
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

static void what_was_withdrawn_stays_away_until_a_reload(void **state)
{
	struct scene *s = *state;

	offer(s);
	say_key(s, "/k/a", 1);
	say_key(s, "/k/b", 2);
	files_withdraw(s->files, held(s, 1));
	remove_now(s, 1);
	say_key(s, "/k/c", 3);
	assert_null(held(s, 1));
	assert_int_equal(files_count(s->files).withdrawn, 1);
	files_withdraw_all(s->files);
	store_remove_all(s->store);
	settle(&s->helpers);
	assert_int_equal(store_count(s->store), 0);
	/* The same told once more changes nothing; another key in the file does. */
	say_key(s, "/k/b", 2);
	assert_null(held(s, 2));
	say_key(s, "/k/b", 4);
	assert_true(is_offered(s, 4, "/k/b"));
	offer(s);
	assert_true(is_offered(s, 1, "/k/a"));
	assert_true(is_offered(s, 3, "/k/c"));
	assert_int_equal(s->helpers.count, 1);
}

static void what_was_added_by_hand_and_removed_stays_away(void **state)
{
	struct scene *s = *state;

	add_by_hand(s, 1);
	offer(s);
	say_key(s, "/k/a", 1);
	files_withdraw(s->files, held(s, 1));
	remove_now(s, 1);
	assert_null(held(s, 1));
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
	assert_int_equal(store_unlock(store_find(s->store, public), key_ref(key)), ERR_OK);
	assert_int_equal(store_unlock(id, key_ref(key)), ERR_OK);
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

static void a_helper_that_died_is_started_again(void **state)
{
	struct scene *s = *state;

	offer(s);
	say_key(s, "/k/a", 1);
	say_key(s, "/k/b", 2);
	helper_close(helper_now(s));
	settle(&s->helpers);
	assert_true(is_offered(s, 1, "/k/a"));
	assert_null(helper_now(s));
	pass(&s->helpers, 200);
	assert_non_null(helper_now(s));
	assert_true(is_offered(s, 1, "/k/a"));
	/* Until it has told what is there now. */
	say_key(s, "/k/b", 2);
	assert_null(held(s, 1));
	assert_true(is_offered(s, 2, "/k/b"));
}

/* Each ends the helper, and nothing else. */
static void what_makes_no_sense_ends_the_helper(void **state)
{
#define MESSAGE(s)                                                                                 \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
	    MESSAGE("\2"),
	    MESSAGE("\3\x6b"),
	    MESSAGE("\2\x60"),
	    MESSAGE("\2\x6b\0"),
	    MESSAGE("\2\x72\0"),
	    MESSAGE("\2\x6a\0\0\0\1/"),
	    MESSAGE("\2\x6a\0\0\0\3k/a"),
	    MESSAGE("\2\x6a\0\0\0\7/k/../a"),
	    MESSAGE("\2\x6a\0\0\0\4/k//"),
	    MESSAGE("\2\x69\0\0\0\4/k/a\0"),
	    MESSAGE("\2\x69\0\0\0\4/k/a\xff"),
	    MESSAGE("\2\x68\0\0\0\4/k/a\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	    MESSAGE("\2\x68\0\0\0\4/k/a\2\0\0\0\0\0\0\0\0\0\0\0\0"),
	};
	struct scene *s = *state;

	offer(s);
	say_key(s, "/k/keeps", 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct builder b = {0};
		struct helper *h = helper_now(s);

		builder_string(&b, BYTES(bad[i].bytes, bad[i].len));
		say(s, &b);
		assert_true(h->hung_up);
		helper_close(h);
		settle(&s->helpers);
		assert_int_not_equal(files_count(s->files).why, ERR_OK);
		assert_true(is_offered(s, 1, "/k/keeps"));
		pass(&s->helpers, 60000);
		assert_non_null(helper_now(s));
		assert_ptr_not_equal(helper_now(s), h);
	}
}

static void a_helper_that_tells_without_end_is_ended(void **state)
{
	struct scene *s = *state;
	struct helper *h;

	offer(s);
	h = helper_now(s);
	for (unsigned i = 0; i < 1000 && !h->hung_up; i++)
		say_done(s);
	assert_true(h->hung_up);
}

static void more_files_than_a_helper_may_tell_end_it(void **state)
{
	struct scene *s = *state;
	struct helper *h;

	offer(s);
	h = helper_now(s);
	for (unsigned i = 0; i <= FILES_KEYS_MOST + FILES_TROUBLES_MOST && !h->hung_up; i++) {
		struct builder b = {0};
		char path[32];

		(void)snprintf(path, sizeof(path), "/k/%u", i);
		files_trouble_build(&b, bytes_str(path), ERR_FILE_OPEN);
		assert_int_equal(send(h->fd, b.data, b.len, MSG_NOSIGNAL), b.len);
		builder_clear(&b);
		if (i % 64 == 0)
			settle(&s->helpers);
	}
	settle(&s->helpers);
	assert_true(h->hung_up);
	assert_int_equal(files_count(s->files).troubles, FILES_KEYS_MOST + FILES_TROUBLES_MOST);
}

/* The last message that the helper was sent. */
static struct bytes last_heard(const struct scene *s)
{
	const struct helper *h = helper_now(s);
	struct bytes rest = BYTES(h->heard, h->len), message = BYTES_NONE;

	while (frame_next(rest, LIMIT_FILES_MESSAGE, &message) == FRAME_READY)
		rest = BYTES(message.data + message.len,
		    rest.len - (size_t)(message.data + message.len - rest.data));
	return message;
}

static void hidden_halves_are_learnt(void **state)
{
	struct scene *s = *state;
	struct builder b = {0};
	struct bytes path, public;

	offer(s);
	say_key(s, "/k/known", 1);
	files_trouble_build(&b, bytes_str("/k/pem"), ERR_FILE_HIDDEN);
	files_done_build(&b);
	say(s, &b);
	files_added(s->files, bytes_str("/k/known"), blob_of(3));
	files_added(s->files, bytes_str("comment"), blob_of(3));
	files_added(s->files, BYTES_NONE, blob_of(3));
	settle(&s->helpers);
	assert_int_equal(files_learn_parse(last_heard(s), &path, &public), ERR_MESSAGE);
	files_added(s->files, bytes_str("/k/pem"), blob_of(2));
	settle(&s->helpers);
	assert_int_equal(files_learn_parse(last_heard(s), &path, &public), ERR_OK);
	assert_true(bytes_is(path, "/k/pem"));
	assert_true(bytes_equal(public, blob_of(2)));
	files_doubt(s->files, bytes_str("/k/known"));
	settle(&s->helpers);
	assert_int_equal(files_learn_parse(last_heard(s), &path, &public), ERR_OK);
	assert_true(bytes_is(path, "/k/known"));
	assert_int_equal(public.len, 0);
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
	assert_int_equal(store_unlock(store_find(s->store, key_blob(key)), key_ref(key)), ERR_OK);
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

static void offering_ends_and_directories_change(void **state)
{
	struct scene *s = *state;

	offer(s);
	say_key(s, "/k/a", 1);
	free(s->folders[1]);
	s->folders[1] = strdup("/b");
	offer(s);
	pass(&s->helpers, LIMIT_CANCEL_MS);
	assert_int_equal(s->helpers.count, 2);
	assert_true(is_offered(s, 1, "/k/a"));
	say_key(s, "/b/a", 2);
	assert_null(held(s, 1));
	files_reload(s->files, &s->config, false);
	settle(&s->helpers);
	assert_int_equal(store_count(s->store), 0);
	assert_null(helper_now(s));
	pass(&s->helpers, 100000);
	assert_int_equal(s->helpers.count, 2);
}

static int make_folder(void **state)
{
	(void)state;
	if (crypto_start() != ERR_OK)
		return -1;
	keys_dir_make(&dir);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	keys_dir_remove(&dir);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(keys_are_offered_in_order),
	    TEST(lists_wait_for_the_first_look),
	    TEST(lists_wait_no_longer_than_they_should),
	    TEST(a_helper_that_ends_lets_lists_go),
	    TEST(a_helper_that_is_missing_is_tried_again),
	    TEST(what_was_added_by_hand_stays_as_it_is),
	    TEST(what_was_withdrawn_stays_away_until_a_reload),
	    TEST(what_was_added_by_hand_and_removed_stays_away),
	    TEST(files_go_and_change),
	    TEST(copies_offer_a_key_once),
	    TEST(certificates_come_and_are_renewed),
	    TEST(a_helper_that_died_is_started_again),
	    TEST(what_makes_no_sense_ends_the_helper),
	    TEST(a_helper_that_tells_without_end_is_ended),
	    TEST(more_files_than_a_helper_may_tell_end_it),
	    TEST(hidden_halves_are_learnt),
	    TEST(the_configuration_has_its_say),
	    TEST(offering_ends_and_directories_change),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
