/*
 * RFC 9987's requirements on an agent that MUST be met (M), each in a test with its number in the
 * project's list: section and wording are in the comment.  M6, M11 and M22 are about names that we
 * choose, all of which the query reply shows.  Those that SHOULD be met (S) are in
 * t_protocol_should.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/probe_scene.h"

static struct wire some_data(void)
{
	struct wire w = {0};

	wire_raw(&w, "the quick brown fox", 19);
	return w;
}

/* 5.1: success is one byte, or the reply defined for the request. */
static void test_M01_success_is_one_byte(void **state)
{
	(void)state;
	add(some_key());
	struct wire w = ask_string(MSG_REMOVE, some_key()->blob.data, some_key()->blob.len);
	probe_expect(client, &w, MSG_SUCCESS);
	probe_say(client, MSG_REMOVE_ALL, NULL, MSG_SUCCESS);
}

/* 5.1: failure is one byte. */
static void test_M02_failure_is_one_byte(void **state)
{
	(void)state;
	probe_say(client, MSG_REMOVE, "no such key", MSG_FAILURE);
	probe_say(client, MSG_UNLOCK, "not locked", MSG_FAILURE);
}

static bool number_is_ours(int number)
{
	const int ours[] = {MSG_LIST, MSG_SIGN, MSG_ADD, MSG_REMOVE, MSG_REMOVE_ALL, MSG_TOKEN_ADD,
	    MSG_TOKEN_REMOVE, MSG_LOCK, MSG_UNLOCK, MSG_ADD_CONSTRAINED, MSG_TOKEN_ADD_CONSTRAINED,
	    MSG_EXTENSION};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (ours[i] == number)
			return true;
	}
	return false;
}

/* 5.1: unknown requests fail, and the connection goes on. */
static void test_M03_unknown_requests_fail_and_the_connection_goes_on(void **state)
{
	(void)state;
	add(some_key());
	for (int number = 0; number < 256; number++) {
		if (number_is_ours(number))
			continue;
		probe_say(client, (uint8_t)number, NULL, MSG_FAILURE);
		probe_say(client, (uint8_t)number, "with a body", MSG_FAILURE);
	}
	probe_expect_works(client, &some_key()->blob);
}

/* 8.1.1: numbers of SSH 1 and of private use are unknown like any other. */
static void test_M26_reserved_numbers_do_nothing(void **state)
{
	const uint8_t reserved[] = {0, 1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 24, 240, 255};

	(void)state;
	add(some_key());
	for (size_t i = 0; i < sizeof(reserved); i++)
		probe_say(client, reserved[i], NULL, MSG_FAILURE);
	/* 9 was SSH 1's remove-all. */
	probe_expect_works(client, &some_key()->blob);
}

/* 5.2: SUCCESS only when the key was loaded. */
static void test_M04_add_succeeds_only_when_loaded(void **state)
{
	(void)state;
	add(some_key());
	probe_expect_works(client, &some_key()->blob);
	struct wire w = ask_add(test_key("ed25519", "two"), "cut off");
	w.len -= 3;
	probe_expect(client, &w, MSG_FAILURE);
	assert_int_equal(probe_count(client), 1);
}

/* 5.2: an unknown key type. */
static void test_M05_unknown_key_type_fails(void **state)
{
	const char *const types[] = {
	    "", "ssh-rsa1", "ssh-ed25519@example.com", "ssh-ed2551", "null"};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct wire w = ask_text(MSG_ADD, types[i]);
		wire_raw(&w, some_key()->fields.data, some_key()->fields.len);
		wire_text(&w, "a comment");
		probe_expect(client, &w, MSG_FAILURE);
	}
	assert_int_equal(probe_count(client), 0);
}

/* 5.2.6: an unknown token, or no support for tokens. */
static void test_M07_M08_unknown_token_fails(void **state)
{
	(void)state;
	struct wire w = ask_token(MSG_TOKEN_ADD, "/nonexistent/token", "1234");
	probe_expect(client, &w, MSG_FAILURE);
	w = ask_token(MSG_TOKEN_ADD, "", "");
	probe_expect(client, &w, MSG_FAILURE);
	w = ask_token(MSG_TOKEN_ADD_CONSTRAINED, "/nonexistent/token", "1234");
	constrain_lifetime(&w, 10);
	probe_expect(client, &w, MSG_FAILURE);
	assert_int_equal(probe_count(client), 0);
}

/* 5.2.7: an unknown constraint refuses the whole add. */
static void test_M09_unknown_constraint_refuses_whole_add(void **state)
{
	const uint8_t unknown[] = {0, 3, 4, 77, 128, 254};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown); i++) {
		for (int before = 0; before < 2; before++) {
			struct wire w = ask_add_constrained(some_key(), "a key");
			if (before)
				constrain_lifetime(&w, 100);
			wire_u8(&w, unknown[i]);
			wire_u32(&w, 1);
			if (!before)
				constrain_lifetime(&w, 100);
			probe_expect(client, &w, MSG_FAILURE);
		}
	}
	assert_int_equal(probe_count(client), 0);
}

/* 5.2.7: the refused add changes nothing about the key that is there. */
static void test_M09_refused_add_leaves_the_held_key(void **state)
{
	(void)state;
	add(some_key());
	struct wire w = ask_add_constrained(some_key(), "a key");
	constrain_lifetime(&w, 1);
	wire_u8(&w, 99);
	probe_expect(client, &w, MSG_FAILURE);
	long long end = now_ms() + 2500;
	while (now_ms() < end) {
		assert_true(probe_holds(client, &some_key()->blob));
		pause_ms(100);
	}
}

/* 5.2.7.3: unknown constraint extensions, whatever their name is made of. */
static void test_M09_M10_M11_unknown_constraint_extension_refuses_whole_add(void **state)
{
	const char *const names[] = {"", "nobody@example.com", "restrict-destination",
	    "caf\xc3\xa9@example.com", "\xff\xfe@example.com", "query"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct wire w = ask_add_constrained(some_key(), "a key");
		constrain_extension(&w, names[i]);
		probe_expect(client, &w, MSG_FAILURE);
		w = ask_add_constrained(some_key(), "a key");
		constrain_lifetime(&w, 100);
		constrain_extension(&w, names[i]);
		wire_text(&w, "and what belongs to it");
		probe_expect(client, &w, MSG_FAILURE);
	}
	assert_int_equal(probe_count(client), 0);
}

/* 5.4: remove-all removes all, and is a success without keys too. */
static void test_M12_S04_remove_all_removes_all(void **state)
{
	(void)state;
	probe_say(client, MSG_REMOVE_ALL, NULL, MSG_SUCCESS);
	add(test_key("ed25519", "one"));
	add(test_key("ed25519", "two"));
	add(test_key("ecdsa256", "one"));
	assert_int_equal(probe_count(client), 3);
	probe_say(client, MSG_REMOVE_ALL, NULL, MSG_SUCCESS);
	assert_int_equal(probe_count(client), 0);
}

/* 5.4: remove one: SUCCESS when it was there. */
static void test_M13_remove_one(void **state)
{
	const struct test_key *one = test_key("ed25519", "one"), *two = test_key("ed25519", "two");

	(void)state;
	add(one);
	add(two);
	struct wire w = ask_string(MSG_REMOVE, one->blob.data, one->blob.len);
	probe_expect(client, &w, MSG_SUCCESS);
	w = ask_string(MSG_REMOVE, one->blob.data, one->blob.len);
	probe_expect(client, &w, MSG_FAILURE);
	assert_int_equal(probe_count(client), 1);
	probe_expect_works(client, &two->blob);
}

/* 5.4: removing a token's keys fails when there are none, touches no other key, and no token. */
static void test_M14_S06_S07_remove_token_without_keys(void **state)
{
	(void)state;
	add(some_key());
	struct wire w = ask_token(MSG_TOKEN_REMOVE, "/nonexistent/token", "");
	probe_expect(client, &w, MSG_FAILURE);
	w = ask_token(MSG_TOKEN_REMOVE, "", "");
	probe_expect(client, &w, MSG_FAILURE);
	probe_expect_works(client, &some_key()->blob);
}

/* 5.5: the list has a count, also when it is zero. */
static void test_M15_empty_list_has_a_count(void **state)
{
	const uint8_t empty[] = {MSG_KEYS, 0, 0, 0, 0};
	struct wire w = ask_plain(MSG_LIST), reply = probe_ask(client, &w);

	(void)state;
	assert_int_equal(reply.len, sizeof(empty));
	assert_memory_equal(reply.data, empty, sizeof(empty));
	wire_free(&reply);
}

/* 5.5: each entry is blob and comment, byte for byte as added. */
static void test_M15_list_gives_blob_and_comment(void **state)
{
	const char *comment = "caf\xc3\xa9 \"quoted\" \\ and a tab\there";
	struct wire w = ask_add(some_key(), comment), want = ask_plain(MSG_KEYS);

	(void)state;
	probe_expect(client, &w, MSG_SUCCESS);
	w = ask_plain(MSG_LIST);
	struct wire reply = probe_ask(client, &w);
	wire_u32(&want, 1);
	wire_string(&want, some_key()->blob.data, some_key()->blob.len);
	wire_text(&want, comment);
	assert_true(wire_equal(&reply, &want));
	wire_free(&want);
	wire_free(&reply);
}

static void expect_sign_fails(const struct test_key *key, uint32_t flags)
{
	struct wire data = some_data(), w = ask_sign(&key->blob, &data, flags);

	probe_expect(client, &w, MSG_FAILURE);
	wire_free(&data);
}

/* 5.6: a key that is not there. */
static void test_M16_sign_with_missing_key_fails(void **state)
{
	(void)state;
	expect_sign_fails(some_key(), 0);
	add(test_key("ed25519", "two"));
	expect_sign_fails(some_key(), 0);
}

/* 5.6: flags that mean nothing, or nothing for this type. */
static void test_M16_unsupported_flags_fail(void **state)
{
	const uint32_t unknown[] = {0x01, 0x08, 0x10, 0x80000000, 0x03, 0x0a, 0xffffffff};
	const struct test_key *keys[] = {
	    test_key("ed25519", "one"), test_key("ecdsa256", "one"), test_key("rsa2048", "one")};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		add(keys[k]);
		for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
			expect_sign_fails(keys[k], unknown[i]);
		probe_expect_works(client, &keys[k]->blob);
	}
	/* The RSA hash flags mean nothing for other types. */
	for (uint32_t flag = 2; flag <= 4; flag += 2) {
		expect_sign_fails(keys[0], flag);
		expect_sign_fails(keys[1], flag);
	}
}

/* 5.6: the signature is in the type's format, and right. */
static void test_M17_signature_in_the_types_format(void **state)
{
	const char *const types[] = {"ed25519", "ecdsa256", "ecdsa384", "ecdsa521"};
	struct wire data = some_data();

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct test_key *key = test_key(types[i], "one");
		add(key);
		struct wire signature = probe_sign(client, &key->blob, &data, 0);
		assert_true(signature_is_good(key, key->type, &data, &signature));
		/* The check itself can fail. */
		data.data[0] ^= 1;
		assert_false(signature_is_good(key, key->type, &data, &signature));
		data.data[0] ^= 1;
		wire_free(&signature);
	}
	wire_free(&data);
}

/* 5.7: M18 to M21, the life of a lock. */
static void test_M18_no_signing_while_locked(void **state)
{
	(void)state;
	add(some_key());
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	expect_sign_fails(some_key(), 0);
	assert_int_equal(probe_count(client), 0);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
	probe_expect_works(client, &some_key()->blob);
}

static void test_M19_locking_twice_fails(void **state)
{
	(void)state;
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	probe_say(client, MSG_LOCK, "sesame", MSG_FAILURE);
	probe_say(client, MSG_LOCK, "other", MSG_FAILURE);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
}

static void test_M20_unlock_with_the_right_passphrase(void **state)
{
	(void)state;
	probe_say(client, MSG_LOCK, "first", MSG_SUCCESS);
	probe_say(client, MSG_UNLOCK, "first", MSG_SUCCESS);
	probe_say(client, MSG_LOCK, "second", MSG_SUCCESS);
	probe_say(client, MSG_UNLOCK, "second", MSG_SUCCESS);
}

static void test_M21_unlock_fails_when_unlocked_or_wrong(void **state)
{
	(void)state;
	probe_say(client, MSG_UNLOCK, "sesame", MSG_FAILURE);
	probe_say(client, MSG_LOCK, "sesame", MSG_SUCCESS);
	probe_say(client, MSG_UNLOCK, "Sesame", MSG_FAILURE);
	expect_sign_fails(some_key(), 0);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_SUCCESS);
	probe_say(client, MSG_UNLOCK, "sesame", MSG_FAILURE);
}

/* 5.8: an unsupported extension is FAILURE, never EXTENSION_FAILURE. */
static void test_M23_unknown_extension_is_plain_failure(void **state)
{
	const char *const names[] = {
	    "", "nobody@example.com", "session-bind", "query@openssh.com", "Query"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		probe_say(client, MSG_EXTENSION, names[i], MSG_FAILURE);
		struct wire w = ask_text(MSG_EXTENSION, names[i]);
		wire_text(&w, "with a body");
		probe_expect(client, &w, MSG_FAILURE);
	}
}

/* The reply to query, whose names begin at *pos. */
static struct wire query(size_t *pos)
{
	struct wire w = ask_text(MSG_EXTENSION, "query"), reply = probe_ask(client, &w);

	*pos = 1;
	assert_int_equal(reply.data[0], MSG_EXTENSION_RESPONSE);
	struct wire echo = wire_get_string(&reply, pos);
	assert_true(wire_is_text(&echo, "query"));
	return reply;
}

/* 5.8, 5.8.1: the response echoes the extension's name; what follows are names to the end, and
 * nothing comes after. */
static void test_M24_S09_query_echoes_and_lists_names(void **state)
{
	size_t pos;
	struct wire reply = query(&pos);

	(void)state;
	while (pos < reply.len)
		wire_get_string(&reply, &pos);
	assert_int_equal(pos, reply.len);
	wire_free(&reply);
	/* Some agents send a SUCCESS behind it. */
	assert_false(probe_readable(client, 200));
}

/* 5.2.5, 5.2.7.3, 5.8: names that are not IANA's carry a domain; each name listed is known (not
 * plain FAILURE). */
static void test_M06_M11_M22_own_names_carry_a_domain(void **state)
{
	size_t pos;
	struct wire reply = query(&pos);

	(void)state;
	while (pos < reply.len) {
		struct wire name = wire_get_string(&reply, &pos);
		if (!wire_is_text(&name, "query"))
			assert_non_null(memchr(name.data, '@', name.len));
		int other = probe_dial(&agent);
		struct wire w = ask_string(MSG_EXTENSION, name.data, name.len),
			    answer = probe_ask(other, &w);
		assert_int_not_equal(answer.data[0], MSG_FAILURE);
		wire_free(&answer);
		close(other);
	}
	wire_free(&reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, restore)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_M01_success_is_one_byte),
	    TEST(test_M02_failure_is_one_byte),
	    TEST(test_M03_unknown_requests_fail_and_the_connection_goes_on),
	    TEST(test_M26_reserved_numbers_do_nothing),
	    TEST(test_M04_add_succeeds_only_when_loaded),
	    TEST(test_M05_unknown_key_type_fails),
	    TEST(test_M07_M08_unknown_token_fails),
	    TEST(test_M09_unknown_constraint_refuses_whole_add),
	    TEST(test_M09_refused_add_leaves_the_held_key),
	    TEST(test_M09_M10_M11_unknown_constraint_extension_refuses_whole_add),
	    TEST(test_M12_S04_remove_all_removes_all),
	    TEST(test_M13_remove_one),
	    TEST(test_M14_S06_S07_remove_token_without_keys),
	    TEST(test_M15_empty_list_has_a_count),
	    TEST(test_M15_list_gives_blob_and_comment),
	    TEST(test_M16_sign_with_missing_key_fails),
	    TEST(test_M16_unsupported_flags_fail),
	    TEST(test_M17_signature_in_the_types_format),
	    TEST(test_M18_no_signing_while_locked),
	    TEST(test_M19_locking_twice_fails),
	    TEST(test_M20_unlock_with_the_right_passphrase),
	    TEST(test_M21_unlock_fails_when_unlocked_or_wrong),
	    TEST(test_M23_unknown_extension_is_plain_failure),
	    TEST(test_M24_S09_query_echoes_and_lists_names),
	    TEST(test_M06_M11_M22_own_names_carry_a_domain),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
