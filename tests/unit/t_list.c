/* The order in which keys are listed. */
#include "tests/support/devices_scene.h"

#include "agent/dispatch.h"
#include "keystore/crypto.h"

enum { ABLE = FIDO_CAN_CTAP2 | FIDO_CAN_PIN | FIDO_HAS_PIN };

struct list_scene {
	struct list_scene *before;
	struct scene d;
	struct core core;
	struct options options;
	struct conn conn;
};

/* Stores live as long as the program, as in the agent. */
static struct list_scene *last;

static int list_setup(void **state)
{
	struct list_scene *s = calloc(1, sizeof(*s));

	if (s == NULL || crypto_start() != ERR_OK || crypto_warm_up() != ERR_OK)
		return -1;
	s->before = last;
	last = s;
	scene_open(&s->d.h);
	s->d.ds = devices_new(s->d.h.loop, &s->d.h.calls);
	s->core.devices = s->d.ds;
	s->core.modules = modules_new(s->d.h.loop, &s->d.h.calls);
	s->core.options = &s->options;
	s->core.store = store_new(s->d.h.loop);
	s->core.files = files_new(s->d.h.loop, &s->d.h.calls, s->core.store);
	s->conn.core = &s->core;
	*state = s;
	return s->d.ds != NULL && s->core.store != NULL ? 0 : -1;
}

static int list_teardown(void **state)
{
	struct list_scene *s = *state;
	bool good;

	store_remove_all(s->core.store);
	builder_clear(&s->core.reply);
	for (unsigned i = 0; i < KEYS_MOST; i++)
		key_unref(s->d.key[i]);
	devices_free(s->d.ds);
	modules_free(s->core.modules);
	good = scene_close(&s->d.h);
	return good ? 0 : -1;
}

/* A key that is held, with a comment of one letter. */
static void hold(struct list_scene *s, char letter, struct key *key, const char *provider)
{
	struct rules rules = {.provider = bytes_str(provider)};

	assert_int_equal(
	    store_put(s->core.store, key_ref(key), BYTES(&letter, 1), BYTES(&letter, 1), &rules),
	    ERR_OK);
}

static void hold_sk(struct list_scene *s, char letter, unsigned how, const char *provider)
{
	hold(s, letter, add_key(&s->d, (unsigned)letter, how), provider);
}

/* The comments in the order of the answer. */
static void expect_list(struct list_scene *s, const char *letters)
{
	struct request r = {.conn = &s->conn, .core = &s->core};
	struct reader in;
	struct bytes message, blob, comment;
	uint32_t count;
	uint8_t number;
	char got[64] = "";
	size_t n = 0;

	builder_reset(&s->core.reply);
	assert_int_equal(req_list(&r), ANSWERED);
	assert_int_equal(
	    frame_next(builder_view(&s->core.reply), LIMIT_MESSAGE, &message), FRAME_READY);
	in = reader_of(message);
	assert_int_equal(reader_u8(&in, &number), ERR_OK);
	assert_int_equal(number, AGENT_IDENTITIES_ANSWER);
	assert_int_equal(reader_u32(&in, &count), ERR_OK);
	while (count-- != 0) {
		assert_int_equal(reader_string(&in, &blob), ERR_OK);
		assert_int_equal(reader_string(&in, &comment), ERR_OK);
		assert_true(bytes_equal(blob, comment) && n + 1 < sizeof(got));
		got[n++] = (char)comment.data[0];
	}
	assert_int_equal(reader_end(&in), ERR_OK);
	assert_string_equal(got, letters);
}

static void test_absent_ones_come_last(void **state)
{
	struct list_scene *s = *state;

	hold_sk(s, 'a', FIDO_TOUCH | ECDSA, "");               /* in device 1 */
	hold_sk(s, 'b', FIDO_TOUCH | FIDO_VERIFY | ECDSA, ""); /* hidden */
	hold_sk(s, 'c', FIDO_TOUCH | ECDSA, "/usr/lib/x.so");  /* who knows */
	settle(&s->d.h);
	/* Nothing is known yet: as they came, but for the library's. */
	expect_list(s, "cab");
	PLUG_NONE(&s->d);
	expect_list(s, "cab");
	PLUG(&s->d, 1);
	(void)answer_all(&s->d, "/dev/1", ABLE, FIDO_HELD_NO);
	expect_list(s, "cba"); /* b may be in it, a is not */
	hold_sk(s, 'd', FIDO_TOUCH | ECDSA, "");
	settle(&s->d.h);
	(void)answer_all(&s->d, "/dev/1", ABLE, FIDO_HELD_YES);
	expect_list(s, "cdba");
	hold_sk(s, 'e', FIDO_TOUCH | ECDSA, "");
	settle(&s->d.h);
	(void)answer_all(&s->d, "/dev/1", ABLE, FIDO_HELD_YES);
	hold_sk(s, 'f', FIDO_TOUCH | ECDSA, "");
	settle(&s->d.h);
	expect_list(s, "cdebfa"); /* f is just being asked about */
	(void)answer_all(&s->d, "/dev/1", ABLE, FIDO_HELD_NO);
	expect_list(s, "cdebaf");
	PLUG_NONE(&s->d);
	expect_list(s, "cabdef");
}

/* The key of the first test of RFC 8032, section 7.1, but for its last byte: on a token. */
static void hold_token(struct list_scene *s, char letter, const char *token)
{
	static const uint8_t start[] = {0, 0, 0, 11, 's', 's', 'h', '-', 'e', 'd', '2', '5', '5',
	    '1', '9', 0, 0, 0, 32, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
	    0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf,
	    0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
	struct place place = {bytes_str("/lib/one.so"), bytes_str(token), BYTES(&letter, 1)};
	struct builder b = {0};
	struct rules rules = {0};
	struct key *key = NULL;

	assert_int_equal(key_public(BYTES(start, sizeof(start)), &key), ERR_OK);
	place_build(&b, &place);
	rules.place = builder_view(&b);
	assert_int_equal(modules_key_added(s->core.modules, rules.place), ERR_OK);
	assert_int_equal(
	    store_put(s->core.store, key, BYTES(&letter, 1), BYTES(&letter, 1), &rules), ERR_OK);
	builder_clear(&b);
}

/* The module sees one token of this name, with these keys of one letter each; NULL: none. */
static void tell_token(struct list_scene *s, const char *name, const char *letters)
{
	struct key *key = store_first(s->core.store)->key;
	struct token_info about = {
	    .type = TOKEN_PKCS11, .tries = TOKEN_TRIES_UNKNOWN, .parallel = 1};
	struct helper *h = s->d.h.helper[s->d.h.count - 1];
	struct builder b = {0};
	size_t mark = token_inventory_open(&b, ERR_OK, name != NULL ? 1 : 0);

	if (name != NULL) {
		about.id = about.name = bytes_str(name);
		about.count = (uint32_t)strlen(letters);
		token_info_put(&b, &about);
		for (; *letters != '\0'; letters++)
			token_key_put(&b,
			    &(struct token_key){.id = BYTES(letters, 1), .public = key_blob(key)});
	}
	token_inventory_close(&b, mark);
	assert_int_equal(h->program, HELPER_PKCS11);
	helper_say(h, b.data, b.len);
	builder_clear(&b);
	settle(&s->d.h);
}

static void test_tokens(void **state)
{
	struct list_scene *s = *state;

	hold_token(s, 'a', "t");
	hold_token(s, 'b', "u");
	hold_token(s, 'c', "t");
	hold_token(s, 'd', "t");
	settle(&s->d.h);
	expect_list(s, "abcd"); /* nothing is known yet */
	s->options.hide_absent = true;
	expect_list(s, "abcd");
	s->options.hide_absent = false;
	tell_token(s, "t", "ac");
	expect_list(s, "acdb"); /* a login may show d */
	s->options.hide_absent = true;
	expect_list(s, "acd");
	tell_token(s, "u", "b");
	expect_list(s, "b");
	tell_token(s, NULL, NULL);
	expect_list(s, "");
	s->options.hide_absent = false;
	expect_list(s, "abcd");
	/* Security keys are not hidden. */
	hold_sk(s, 's', FIDO_TOUCH | ECDSA, "");
	settle(&s->d.h);
	PLUG_NONE(&s->d);
	s->options.hide_absent = true;
	expect_list(s, "s");
}

/* What the list shows to nobody stays so, whatever its place. */
static void test_only_what_the_route_allows(void **state)
{
	struct list_scene *s = *state;
	struct rules rules = {.key.local_only = true};
	struct session_bind m = {
	    .host_key = bytes_str("host"), .session = bytes_str("session"), .forwarding = true};
	char x = 'x';

	hold_sk(s, 'a', FIDO_TOUCH | ECDSA, "");
	assert_int_equal(store_put(s->core.store, key_ref(add_key(&s->d, 'x', FIDO_TOUCH | ECDSA)),
			     BYTES(&x, 1), BYTES(&x, 1), &rules),
	    ERR_OK);
	hold_sk(s, 'b', FIDO_TOUCH | ECDSA, "");
	expect_list(s, "axb");
	assert_int_equal(route_add(&s->conn.route, &m), ERR_OK);
	expect_list(s, "ab");
	route_clear(&s->conn.route);
	s->core.lock.on = true;
	expect_list(s, "");
}

/* RFC 4252, section 7: this key logs in where the connection is bound to. */
static void log_in(struct list_scene *s, char letter)
{
	struct builder b = {0};

	builder_cstring(&b, "session");
	builder_u8(&b, 50);
	builder_cstring(&b, "you");
	builder_cstring(&b, "ssh-connection");
	builder_cstring(&b, "publickey");
	builder_u8(&b, 1);
	builder_cstring(&b, "ssh-ed25519");
	builder_cstring(&b, "blob");
	lastlogin_signed(&s->core.last_logins, &s->conn.route, builder_view(&b),
	    store_find(s->core.store, BYTES(&letter, 1))->number);
	builder_clear(&b);
}

/* The key that last logged in to a host is first there, and nowhere else; one whose device is not
 * there, one that the route hides, and one that is gone are not. */
static void test_last_login_first(void **state)
{
	struct list_scene *s = *state;
	struct rules local = {.key.local_only = true};
	struct session_bind m = {.host_key = bytes_str("host"), .session = bytes_str("session")};
	struct session_bind hop = {
	    .host_key = bytes_str("hop"), .session = bytes_str("hop"), .forwarding = true};
	char d = 'd';

	hold_sk(s, 'a', FIDO_TOUCH | ECDSA, "/usr/lib/x.so");
	hold_sk(s, 'b', FIDO_TOUCH | ECDSA, "/usr/lib/x.so");
	hold_sk(s, 'c', FIDO_TOUCH | ECDSA, ""); /* not plugged in */
	assert_int_equal(store_put(s->core.store, key_ref(add_key(&s->d, 'd', FIDO_TOUCH | ECDSA)),
			     BYTES(&d, 1), BYTES(&d, 1), &local),
	    ERR_OK);
	settle(&s->d.h);
	PLUG_NONE(&s->d);
	expect_list(s, "abcd");
	assert_int_equal(route_add(&s->conn.route, &m), ERR_OK);
	expect_list(s, "abcd");
	log_in(s, 'b');
	expect_list(s, "bacd");
	log_in(s, 'c');
	expect_list(s, "abcd");
	log_in(s, 'b');
	store_remove(s->core.store, store_find(s->core.store, BYTES("b", 1)));
	expect_list(s, "acd");
	assert_int_equal(s->core.last_logins.n, 0);
	hold_sk(s, 'e', FIDO_TOUCH | ECDSA, "/usr/lib/x.so");
	log_in(s, 'e');
	expect_list(s, "eacd");
	route_clear(&s->conn.route);
	expect_list(s, "aecd");
	/* Over a hop, with what is for this machine only. */
	assert_int_equal(route_add(&s->conn.route, &hop), ERR_OK);
	assert_int_equal(route_add(&s->conn.route, &m), ERR_OK);
	expect_list(s, "eac");
	log_in(s, 'd');
	expect_list(s, "aec");
	route_clear(&s->conn.route);
	lastlogins_clear(&s->core.last_logins);
}

/* OpenSSH's programs fail at more than 2048 keys (MAX_AGENT_IDENTITIES of its authfd.c). */
static void test_a_list_is_no_longer_than_openssh_reads(void **state)
{
	struct list_scene *s = *state;
	struct request r = {.conn = &s->conn, .core = &s->core};
	const struct rules none = {0};
	struct key *key = add_key(&s->d, 'a', FIDO_TOUCH | ECDSA);
	uint32_t shown;

	for (uint32_t i = 0; i < 2050; i++) {
		uint8_t name[] = {(uint8_t)(i >> 8), (uint8_t)i};

		assert_int_equal(
		    store_put(s->core.store, key_ref(key), BYTES(name, 2), BYTES(name, 2), &none),
		    ERR_OK);
		if (i < 2046)
			continue;
		builder_reset(&s->core.reply);
		assert_int_equal(req_list(&r), ANSWERED);
		/* uint32 length, byte number, uint32 count; 2 + 2 bytes and two lengths each */
		shown = i < 2048 ? i + 1 : 2048;
		assert_int_equal(s->core.reply.data[7] << 8 | s->core.reply.data[8], shown);
		assert_int_equal(s->core.reply.len, 9 + 12 * shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_absent_ones_come_last, list_setup, list_teardown),
	    cmocka_unit_test_setup_teardown(
		test_only_what_the_route_allows, list_setup, list_teardown),
	    cmocka_unit_test_setup_teardown(test_tokens, list_setup, list_teardown),
	    cmocka_unit_test_setup_teardown(test_last_login_first, list_setup, list_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_list_is_no_longer_than_openssh_reads, list_setup, list_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
