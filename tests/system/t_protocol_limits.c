/*
 * Message lengths at the limit, requests sent ahead of their answers, the query reply, and the
 * bodies of requests that must be used up to their last byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/probe_scene.h"

/* 256 KiB, the length field's maximum (OpenSSH's AGENT_MAX_LEN). */
enum { LONGEST = 256 * 1024 };

/* A sign request that is, with its number and without its length field, n bytes long. */
static struct wire sign_request_of(size_t n, struct wire *data)
{
	const struct wire *blob = &some_key()->blob;
	size_t payload = n - (1 + 4 + blob->len + 4 + 4);
	uint8_t *bytes = calloc(1, payload);

	assert_non_null(bytes);
	*data = (struct wire){0};
	wire_raw(data, bytes, payload);
	free(bytes);
	struct wire w = ask_sign(blob, data, 0);
	assert_int_equal(w.len, n);
	return w;
}

static void test_longest_message_is_served(void **state)
{
	struct wire data, w = sign_request_of(LONGEST, &data);
	size_t pos = 1;

	(void)state;
	add(some_key());
	struct wire reply = probe_ask(client, &w);
	assert_int_equal(reply.data[0], MSG_SIGNATURE);
	struct wire signature = wire_get_string(&reply, &pos);
	assert_true(signature_is_good(some_key(), "ssh-ed25519", &data, &signature));
	wire_free(&reply);
	wire_free(&data);
	probe_expect_works(client, &some_key()->blob);
}

/* One byte more closes this connection, and no other. */
static void test_one_byte_more_closes_the_connection(void **state)
{
	struct wire data, stream = {0}, w = sign_request_of(LONGEST + 1, &data);
	int other = probe_dial(&agent);

	(void)state;
	add(some_key());
	wire_frame(&stream, &w);
	/* The agent may close as soon as it has seen the length. */
	if (write(other, stream.data, stream.len) < 0)
		print_message("# closed while sending\n");
	probe_expect_closed(other);
	close(other);
	wire_free(&w);
	wire_free(&data);
	wire_free(&stream);
	probe_expect_works(client, &some_key()->blob);
}

/* The length alone is enough to know: nothing is waited for. */
static void test_length_over_the_limit_closes_at_once(void **state)
{
	const uint32_t lengths[] = {LONGEST + 1, 0x00100000, 0x7fffffff, 0x80000000, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		int other = probe_dial(&agent);
		struct wire stream = {0};
		wire_u32(&stream, lengths[i]);
		probe_send(other, &stream);
		probe_expect_closed(other);
		wire_free(&stream);
		close(other);
	}
}

/* Of what came before a bad length, every request is answered. */
static void test_requests_before_a_bad_length_are_answered(void **state)
{
	struct wire stream = {0}, list = ask_plain(MSG_LIST);

	(void)state;
	wire_frame(&stream, &list);
	wire_frame(&stream, &list);
	wire_u32(&stream, 0xffffffff);
	probe_send(client, &stream);
	for (int i = 0; i < 2; i++) {
		struct wire reply = probe_receive(client);
		assert_int_equal(reply.data[0], MSG_KEYS);
		wire_free(&reply);
	}
	probe_expect_closed(client);
	wire_free(&list);
	wire_free(&stream);
}

/* Fifty requests of all kinds, without an RSA signature among them two of which would differ. */
enum { REQUESTS = 50 };

static struct wire numbered_request(int i)
{
	uint8_t bytes[] = {(uint8_t)i, 's', 'i', 'g', 'n'};
	struct wire data = {bytes, sizeof(bytes)};
	const struct test_key *rsa = test_key("rsa2048", "one");

	switch (i % 7) {
	case 0:
		return ask_sign(&some_key()->blob, &data, 0);
	case 1:
		return ask_plain(MSG_LIST);
	case 2:
		return ask_sign(&rsa->blob, &data, i % 2 != 0 ? 2 : 4);
	case 3:
		return ask_text(MSG_EXTENSION, "query");
	case 4:
		return ask_plain(200);
	case 5:
		return ask_text(MSG_REMOVE, "not there");
	default:
		return ask_sign(&some_key()->blob, &data, 0);
	}
}

/* Ed25519 and RSA (PKCS #1 v1.5) signatures are the same each time, so that each reply is known
 * beforehand. */
static void one_at_a_time(struct wire *replies)
{
	add(some_key());
	add(test_key("rsa2048", "one"));
	for (int i = 0; i < REQUESTS; i++) {
		struct wire w = numbered_request(i);
		replies[i] = probe_ask(client, &w);
	}
}

static void expect_same(int fd, struct wire *replies)
{
	for (int i = 0; i < REQUESTS; i++) {
		struct wire reply = probe_receive(fd);
		assert_true(wire_equal(&reply, &replies[i]));
		wire_free(&reply);
	}
}

/* All fifty in pieces of n bytes each (0: in one). */
static void pipelined(size_t n)
{
	struct wire stream = {0}, replies[REQUESTS];
	int fd = probe_dial(&agent);

	one_at_a_time(replies);
	for (int i = 0; i < REQUESTS; i++) {
		struct wire w = numbered_request(i);
		wire_frame(&stream, &w);
		wire_free(&w);
	}
	for (size_t at = 0; at < stream.len; at += n) {
		if (n == 0)
			n = stream.len;
		struct wire piece = {stream.data + at, stream.len - at < n ? stream.len - at : n};
		probe_send(fd, &piece);
	}
	expect_same(fd, replies);
	assert_false(probe_readable(fd, 0));
	for (int i = 0; i < REQUESTS; i++)
		wire_free(&replies[i]);
	wire_free(&stream);
	close(fd);
}

static void test_pipelined_in_one_write(void **state)
{
	(void)state;
	pipelined(0);
}

static void test_pipelined_byte_by_byte(void **state)
{
	(void)state;
	pipelined(1);
}

static void test_pipelined_in_odd_pieces(void **state)
{
	(void)state;
	pipelined(3);
	pipelined(5);
	pipelined(1009);
}

/* Many clients ahead of their answers at the same time: each gets its own replies in its own order.
 */
static void test_pipelined_by_many_clients(void **state)
{
	enum { CLIENTS = 10 };
	struct wire stream = {0}, replies[REQUESTS];
	int fd[CLIENTS];

	(void)state;
	one_at_a_time(replies);
	for (int i = 0; i < REQUESTS; i++) {
		struct wire w = numbered_request(i);
		wire_frame(&stream, &w);
		wire_free(&w);
	}
	for (int c = 0; c < CLIENTS; c++) {
		fd[c] = probe_dial(&agent);
		probe_send(fd[c], &stream);
	}
	for (int c = CLIENTS - 1; c >= 0; c--) {
		expect_same(fd[c], replies);
		close(fd[c]);
	}
	for (int i = 0; i < REQUESTS; i++)
		wire_free(&replies[i]);
	wire_free(&stream);
}

/* The reply's first bytes: EXTENSION_RESPONSE, then "query" as a string. */
static void test_query_reply_begins_with_its_name(void **state)
{
	const uint8_t want[] = {29, 0, 0, 0, 5, 'q', 'u', 'e', 'r', 'y'};
	struct wire w = ask_text(MSG_EXTENSION, "query"), reply = probe_ask(client, &w);

	(void)state;
	assert_true(reply.len >= sizeof(want));
	assert_memory_equal(reply.data, want, sizeof(want));
	wire_free(&reply);
}

/* Bytes behind a request's last field are an error, and nothing was done. */
static void test_surplus_bytes_fail(void **state)
{
	struct wire data = {0};

	(void)state;
	add(some_key());
	wire_raw(&data, "data", 4);
	struct wire w[] = {
	    ask_plain(MSG_LIST),
	    ask_plain(MSG_REMOVE_ALL),
	    ask_sign(&some_key()->blob, &data, 0),
	    ask_string(MSG_REMOVE, some_key()->blob.data, some_key()->blob.len),
	    ask_text(MSG_LOCK, "sesame"),
	    ask_add(test_key("ed25519", "two"), "a key"),
	};
	for (size_t i = 0; i < sizeof(w) / sizeof(w[0]); i++) {
		wire_u8(&w[i], 0);
		probe_expect(client, &w[i], MSG_FAILURE);
	}
	wire_free(&data);
	assert_int_equal(probe_count(client), 1);
	probe_expect_works(client, &some_key()->blob);
}

/* Without the constrained number there are no constraints (RFC 9987, section 5.2). */
static void test_constraints_need_the_constrained_number(void **state)
{
	struct wire w = ask_add(some_key(), "a key");

	(void)state;
	constrain_lifetime(&w, 100);
	probe_expect(client, &w, MSG_FAILURE);
	assert_int_equal(probe_count(client), 0);
	w = ask_add_constrained(some_key(), "a key");
	probe_expect(client, &w, MSG_SUCCESS);
	probe_expect_works(client, &some_key()->blob);
}

static void test_constraint_cut_off_or_twice_fails(void **state)
{
	struct wire w;

	(void)state;
	for (size_t cut = 1; cut <= 4; cut++) {
		w = ask_add_constrained(some_key(), "a key");
		constrain_lifetime(&w, 100);
		w.len -= cut;
		probe_expect(client, &w, MSG_FAILURE);
	}
	w = ask_add_constrained(some_key(), "a key");
	constrain_lifetime(&w, 100);
	constrain_lifetime(&w, 200);
	probe_expect(client, &w, MSG_FAILURE);
	w = ask_add_constrained(some_key(), "a key");
	constrain_confirm(&w);
	constrain_confirm(&w);
	probe_expect(client, &w, MSG_FAILURE);
	assert_int_equal(probe_count(client), 0);
}

/* Wait for the key to go; it must not go before its time (in milliseconds from before it was
 * added). */
static void expect_gone_after(const struct wire *blob, long long from, long long least)
{
	while (probe_holds(client, blob)) {
		assert_true(now_ms() < from + least + REPLY_MS);
		pause_ms(20);
	}
	assert_true(now_ms() - from >= least);
}

static void test_lifetimes_end_keys_one_by_one(void **state)
{
	const char *const names[] = {"one", "two", "three"};
	const uint32_t seconds[] = {3, 1, 0xffffffff};
	long long from = now_ms();
	struct wire data = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct wire w = ask_add_constrained(test_key("ed25519", names[i]), names[i]);
		constrain_lifetime(&w, seconds[i]);
		probe_expect(client, &w, MSG_SUCCESS);
	}
	assert_int_equal(probe_count(client), 3);
	expect_gone_after(&test_key("ed25519", "two")->blob, from, 1000);
	/* Gone is gone: not only from the list. */
	struct wire w = ask_sign(&test_key("ed25519", "two")->blob, &data, 0);
	probe_expect(client, &w, MSG_FAILURE);
	expect_gone_after(&test_key("ed25519", "one")->blob, from, 3000);
	assert_int_equal(probe_count(client), 1);
	probe_expect_works(client, &test_key("ed25519", "three")->blob);
}

/* A lifetime of nothing is not one without end. */
static void test_lifetime_of_zero_is_not_forever(void **state)
{
	struct wire w = ask_add_constrained(some_key(), "a key");

	(void)state;
	constrain_lifetime(&w, 0);
	struct wire reply = probe_ask(client, &w);
	wire_free(&reply);
	expect_gone_after(&some_key()->blob, now_ms(), 0);
}

/* Keys end while nobody asks, and while others are added. */
static void test_many_lifetimes_with_keys_added_again(void **state)
{
	enum { KEYS = 100 };
	char name[16];
	long long from = now_ms();

	(void)state;
	for (int i = 0; i < KEYS; i++) {
		snprintf(name, sizeof(name), "%d", i % 20);
		struct wire w = ask_add_constrained(test_key("ed25519", name), name);
		constrain_lifetime(&w, 1 + (uint32_t)i % 2);
		probe_expect(client, &w, MSG_SUCCESS);
	}
	while (probe_count(client) > 0) {
		assert_true(now_ms() < from + REPLY_MS);
		pause_ms(50);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_and_empty, hang_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_longest_message_is_served),
	    TEST(test_one_byte_more_closes_the_connection),
	    TEST(test_length_over_the_limit_closes_at_once),
	    TEST(test_requests_before_a_bad_length_are_answered),
	    TEST(test_pipelined_in_one_write),
	    TEST(test_pipelined_byte_by_byte),
	    TEST(test_pipelined_in_odd_pieces),
	    TEST(test_pipelined_by_many_clients),
	    TEST(test_query_reply_begins_with_its_name),
	    TEST(test_surplus_bytes_fail),
	    TEST(test_constraints_need_the_constrained_number),
	    TEST(test_constraint_cut_off_or_twice_fails),
	    TEST(test_lifetimes_end_keys_one_by_one),
	    TEST(test_lifetime_of_zero_is_not_forever),
	    TEST(test_many_lifetimes_with_keys_added_again),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
