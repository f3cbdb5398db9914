/* Messages of the agent protocol, as OpenSSH's programs put them on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/agentmsg.h"
#include "tests/support/proto_vectors.h"

static bool is_sk(const char *type)
{
	return strncmp(type, "sk-", 3) == 0;
}

static enum err parse_add(struct bytes body)
{
	struct msg_add m;

	return msg_add_parse(body, false, &m);
}

static enum err parse_add_constrained(struct bytes body)
{
	struct msg_add m;

	return msg_add_parse(body, true, &m);
}

static void check_add(const char *type, const char *what, bool constrained)
{
	struct bytes message = vector_of(type, what);
	char comment[64];
	struct msg_add m;

	snprintf(comment, sizeof(comment), "%s@test", type);
	assert_int_equal(
	    message.data[0], constrained ? AGENT_ADD_ID_CONSTRAINED : AGENT_ADD_IDENTITY);
	assert_int_equal(msg_add_parse(body_of(message), constrained, &m), ERR_OK);
	assert_true(bytes_is(m.comment, comment));
	assert_int_equal(m.constraints.has_lifetime, constrained);
	assert_int_equal(m.constraints.confirm, constrained);
	if (constrained)
		assert_int_equal(m.constraints.lifetime, 3600);
	/*
	 * The key data starts the body; a string with the comment ends it, and here 6 bytes of
	 * constraints.
	 */
	assert_ptr_equal(m.key_data.data, message.data + 1);
	assert_int_equal(
	    m.key_data.len, message.len - 1 - 4 - strlen(comment) - (constrained ? 6 : 0));
	assert_int_equal(m.key.cert.len != 0, strstr(what, "cert") != NULL);
}

/* What ssh-add sends for each type, with -t 3600 -c, and for a certificate. */
static void test_add_as_ssh_add_sends_it(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++) {
		const char *type = vector_types[i];

		if (is_sk(type))
			continue;
		check_add(type, "add", false);
		if (!vector_exists(type, "add-cert"))
			continue;
		check_add(type, "add-constrained", true);
		check_add(type, "add-cert", false);
		check_add(type, "add-cert-constrained", true);
	}
}

/* The library of a security key, as ssh-add names it; what is unknown is refused. */
static void test_add_with_a_provider(void **state)
{
	struct bytes message = vector("sk-ed25519.add");
	struct blob copy = {0};
	struct msg_add m;

	(void)state;
	assert_int_equal(message.data[0], AGENT_ADD_ID_CONSTRAINED);
	assert_int_equal(msg_add_parse(body_of(message), true, &m), ERR_OK);
	assert_true(m.constraints.provider.len != 0);
	assert_int_equal(blob_copy(&copy, body_of(message)), ERR_OK);
	/* The name's last letter: "...openssh.con". */
	copy.data[copy.len - m.constraints.provider.len - 4 - 1]++;
	assert_int_equal(parse_add_constrained(blob_view(&copy)), ERR_CONSTRAINT);
	blob_clear(&copy);
}

static void test_add_every_cut_and_a_surplus_byte_refused(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++) {
		if (is_sk(vector_types[i]))
			continue;
		assert_exact(body_of(vector_of(vector_types[i], "add")), parse_add);
		if (vector_exists(vector_types[i], "add-cert"))
			assert_exact(body_of(vector_of(vector_types[i], "add-cert")), parse_add);
	}
}

/*
 * Lifetime and confirm end it: the message without confirm, and without both, is whole too, and
 * no other.
 */
static void test_add_constrained_cuts(void **state)
{
	struct bytes body = body_of(vector("ed25519.add-cert-constrained"));

	(void)state;
	assert_int_equal(accepted_cuts(body, parse_add_constrained), 2);
	assert_int_equal(parse_add_constrained(BYTES(body.data, body.len - 1)), ERR_OK);
	assert_int_equal(parse_add_constrained(BYTES(body.data, body.len - 6)), ERR_OK);
	assert_int_equal(parse_longer(body, parse_add_constrained), ERR_CONSTRAINT);
	/* Constraints in the message that has none. */
	assert_int_equal(parse_add(body), ERR_SURPLUS);
}

static void test_add_flips_never_crash(void **state)
{
	(void)state;
	for (size_t i = 0; vector_types[i] != NULL; i++)
		if (vector_exists(vector_types[i], "add-cert-constrained") &&
		    !is_sk(vector_types[i]))
			assert_true(refused_flips(
					body_of(vector_of(vector_types[i], "add-cert-constrained")),
					parse_add_constrained) > 64);
}

static void test_add_comment_holds_no_nul(void **state)
{
	struct bytes body = body_of(vector("ed25519.add"));
	struct blob copy = {0};

	(void)state;
	assert_int_equal(blob_copy(&copy, body), ERR_OK);
	copy.data[copy.len - 3] = 0;
	assert_int_equal(parse_add(blob_view(&copy)), ERR_TEXT);
	blob_clear(&copy);
}

/* ---- the other requests */

static enum err parse_sign(struct bytes body)
{
	struct msg_sign m;

	return msg_sign_parse(body, &m);
}

static void test_sign_as_ssh_keygen_asks(void **state)
{
	struct bytes rsa = vector("sign-rsa.request"), ed25519 = vector("sign-ed25519.request");
	struct msg_sign m;

	(void)state;
	assert_int_equal(rsa.data[0], AGENT_SIGN_REQUEST);
	assert_int_equal(msg_sign_parse(body_of(rsa), &m), ERR_OK);
	assert_bytes(m.key, vector("rsa.public"));
	assert_memory_equal(m.data.data, "SSHSIG", 6); /* PROTOCOL.sshsig */
	assert_int_equal(m.flags, SIGN_RSA_SHA2_512);
	assert_int_equal(msg_sign_parse(body_of(ed25519), &m), ERR_OK);
	assert_bytes(m.key, vector("ed25519.public"));
	assert_int_equal(m.flags, 0);
	assert_exact(body_of(rsa), parse_sign);
	assert_true(refused_flips(body_of(rsa), parse_sign) > 32);
}

static enum err parse_string(struct bytes body)
{
	struct bytes s;

	return msg_string_parse(body, &s);
}

static void test_remove_lock_unlock(void **state)
{
	static const char *const names[] = {"remove.request", "lock.request", "unlock.request"};
	static const uint8_t numbers[] = {18, 22, 23}; /* RFC 9987, section 8 */
	struct bytes s;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bytes message = vector(names[i]);

		assert_int_equal(message.data[0], numbers[i]);
		assert_int_equal(msg_string_parse(body_of(message), &s), ERR_OK);
		assert_bytes(s, i == 0 ? vector("dsa.public") : bytes_str("123456"));
		assert_exact(body_of(message), parse_string);
	}
}

static void test_extension(void **state)
{
	static const uint8_t body[] = "\0\0\0\x05querymore";
	struct msg_extension m;

	(void)state;
	assert_int_equal(msg_extension_parse(BYTES(body, 13), &m), ERR_OK);
	assert_true(bytes_is(m.name, "query") && bytes_is(m.body, "more"));
	assert_int_equal(msg_extension_parse(BYTES(body, 9), &m), ERR_OK);
	assert_int_equal(m.body.len, 0);
	for (size_t n = 0; n < 9; n++)
		assert_int_equal(msg_extension_parse(BYTES(body, n), &m), ERR_TRUNCATED);
	assert_int_equal(msg_extension_parse(BYTES("\0\0\0\1\0", 5), &m), ERR_TEXT);
}

static enum err parse_token(struct bytes body)
{
	struct msg_token m;

	return msg_token_parse(body, false, &m);
}

static enum err parse_token_constrained(struct bytes body)
{
	struct msg_token m;

	return msg_token_parse(body, true, &m);
}

static void test_token_as_ssh_add_sends_it(void **state)
{
	struct bytes plain = vector("token.request"), bound = vector("token-constrained.request");
	struct msg_token m;

	(void)state;
	assert_int_equal(plain.data[0], AGENT_ADD_SMARTCARD_KEY);
	assert_int_equal(msg_token_parse(body_of(plain), false, &m), ERR_OK);
	assert_true(bytes_is(m.token, "/usr/lib/softhsm/libsofthsm2.so"));
	assert_true(bytes_is(m.pin, "123456"));
	assert_true(constraints_none(&m.constraints));
	assert_exact(body_of(plain), parse_token);

	assert_int_equal(bound.data[0], AGENT_ADD_SMARTCARD_KEY_CONSTRAINED);
	assert_int_equal(msg_token_parse(body_of(bound), true, &m), ERR_OK);
	assert_true(bytes_is(m.pin, "123456"));
	assert_true(m.constraints.has_lifetime && m.constraints.lifetime == 3600);
	assert_true(m.constraints.confirm);
	assert_int_equal(accepted_cuts(body_of(bound), parse_token_constrained), 2);
	assert_int_equal(parse_token(body_of(bound)), ERR_SURPLUS);
}

/* Certificates come with a token's keys; other keys bring their own. */
static void test_associated_certificates(void **state)
{
	static const char certs[] = "\xff\0\0\0\x20"
				    "associated-certs-v00@openssh.com"
				    "\1\0\0\0\5\0\0\0\1c";
	struct bytes add = body_of(vector("ed25519.add"));
	struct bytes token = body_of(vector("token-constrained.request"));
	struct builder b = {0};
	struct msg_token m;

	(void)state;
	builder_put(&b, token);
	builder_put(&b, BYTES(certs, sizeof(certs) - 1));
	assert_int_equal(msg_token_parse(builder_view(&b), true, &m), ERR_OK);
	assert_true(m.constraints.has_certs && m.constraints.certs_only && m.constraints.confirm);
	assert_bytes(m.constraints.certs, BYTES("\0\0\0\1c", 5));
	builder_reset(&b);
	builder_put(&b, add);
	assert_int_equal(parse_add_constrained(builder_view(&b)), ERR_OK);
	builder_put(&b, BYTES(certs, sizeof(certs) - 1));
	assert_int_equal(parse_add_constrained(builder_view(&b)), ERR_CONSTRAINT);
	builder_clear(&b);
}

/* ---- building */

static void test_messages_are_framed(void **state)
{
	struct builder b = {0};
	size_t mark;

	(void)state;
	message_plain(&b, AGENT_SUCCESS);
	mark = message_open(&b, AGENT_REMOVE_IDENTITY);
	builder_cstring(&b, "ab");
	message_close(&b, mark);
	assert_bytes(builder_view(&b), BYTES("\0\0\0\1\6\0\0\0\7\x12\0\0\0\2ab", 16));
	builder_clear(&b);
}

/* ---- replies */

static void test_identities_as_ssh_agent_answers(void **state)
{
	/* rsa, its certificate, dsa, ...: in the order in which the vectors' maker added them */
	static const char *const order[] = {
	    "rsa", "dsa", "ecdsa256", "ecdsa384", "ecdsa521", "ed25519"};
	struct identity_walk w;
	struct bytes blob, comment;
	char want[64];
	bool more = false;

	(void)state;
	assert_int_equal(reply_identities(vector("list.reply"), &w), ERR_OK);
	for (size_t i = 0; i < 12; i++) {
		assert_int_equal(identity_next(&w, &more, &blob, &comment), ERR_OK);
		assert_true(more);
		assert_bytes(blob, vector_of(order[i / 2], i % 2 == 0 ? "public" : "cert"));
		snprintf(want, sizeof(want), "%s@test", order[i / 2]);
		assert_bytes(comment, bytes_str(want));
	}
	assert_int_equal(identity_next(&w, &more, &blob, &comment), ERR_OK);
	assert_false(more);
}

static enum err parse_identities(struct bytes reply)
{
	struct identity_walk w;
	struct bytes blob, comment;
	bool more = true;
	enum err e = reply_identities(reply, &w);

	while (e == ERR_OK && more)
		e = identity_next(&w, &more, &blob, &comment);
	return e;
}

static void test_identities_cuts(void **state)
{
	(void)state;
	assert_exact(BYTES("\x0c\0\0\0\2\0\0\0\1a\0\0\0\1b\0\0\0\0\0\0\0\0", 23), parse_identities);
	assert_exact(BYTES("\x0c\0\0\0\0", 5), parse_identities);
	/* A count that no message has room for. */
	assert_int_equal(parse_identities(BYTES("\x0c\xff\xff\xff\xff", 5)), ERR_REPLY);
	assert_int_equal(parse_identities(BYTES("\x05", 1)), ERR_REFUSED);
	assert_int_equal(parse_identities(BYTES("\x06", 1)), ERR_REPLY);
}

static enum err parse_signature(struct bytes reply)
{
	struct bytes signature;

	return reply_signature(reply, &signature);
}

static void test_signature_as_ssh_agent_answers(void **state)
{
	struct bytes signature, reply = vector("sign-ed25519.reply");

	(void)state;
	assert_int_equal(reply_signature(reply, &signature), ERR_OK);
	assert_int_equal(signature.len, 4 + 11 + 4 + 64);
	assert_memory_equal(signature.data, "\0\0\0\x0bssh-ed25519\0\0\0\x40", 19);
	assert_exact(reply, parse_signature);
	assert_int_equal(parse_signature(BYTES("\x05", 1)), ERR_REFUSED);
	assert_int_equal(parse_signature(BYTES("\x06", 1)), ERR_REPLY);
}

static void test_success(void **state)
{
	(void)state;
	assert_int_equal(reply_success(vector("remove.reply")), ERR_OK);
	assert_int_equal(reply_success(vector("lock.reply")), ERR_OK);
	assert_int_equal(reply_success(BYTES("\x05", 1)), ERR_REFUSED);
	assert_int_equal(reply_success(BYTES("\x1c", 1)), ERR_REFUSED);
	assert_int_equal(reply_success(BYTES("\x06\0", 2)), ERR_REPLY);
	assert_int_equal(reply_success(BYTES("\x0c\0\0\0\0", 5)), ERR_REPLY);
	assert_int_equal(reply_success(BYTES_NONE), ERR_REPLY);
}

static void test_extension_replies(void **state)
{
	struct bytes body = bytes_str("untouched");

	(void)state;
	assert_int_equal(reply_extension(BYTES("\x1d\0\0\0\1xy", 7), "y", &body), ERR_REPLY);
	assert_int_equal(reply_extension(BYTES("\x1d\0\0\0\2x", 6), "x", &body), ERR_REPLY);
	assert_int_equal(reply_extension(BYTES("\x1c", 1), "x", &body), ERR_REFUSED);
	assert_int_equal(reply_extension(BYTES("\x05", 1), "x", &body), ERR_REFUSED);
	assert_int_equal(reply_extension(BYTES_NONE, "x", &body), ERR_REPLY);
	assert_int_equal(reply_extension(BYTES("\x0c\0\0\0\0", 5), "x", &body), ERR_REPLY);
	assert_true(bytes_is(body, "untouched"));
	assert_int_equal(reply_extension(BYTES("\x1d\0\0\0\1xy", 7), "x", &body), ERR_OK);
	assert_true(bytes_is(body, "y"));
	/* Pageant's way to answer query, and a bare success. */
	assert_int_equal(reply_extension(BYTES("\x06\0\0\0\1z", 6), "query", &body), ERR_OK);
	assert_bytes(body, BYTES("\0\0\0\1z", 5));
	assert_int_equal(reply_extension(BYTES("\x06", 1), "x", &body), ERR_OK);
	assert_int_equal(body.len, 0);
}

/* It names the library of a security key, which a token's key is not. */
static void test_a_token_has_no_provider(void **state)
{
	static const char provider[] = "\xff\0\0\0\x17"
				       "sk-provider@openssh.com"
				       "\0\0\0\x08"
				       "internal";
	struct builder b = {0};

	(void)state;
	builder_put(&b, body_of(vector("token-constrained.request")));
	assert_int_equal(parse_token_constrained(builder_view(&b)), ERR_OK);
	builder_put(&b, BYTES(provider, sizeof(provider) - 1));
	assert_int_equal(parse_token_constrained(builder_view(&b)), ERR_CONSTRAINT);
	builder_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_add_as_ssh_add_sends_it),
	    cmocka_unit_test(test_add_with_a_provider),
	    cmocka_unit_test(test_add_every_cut_and_a_surplus_byte_refused),
	    cmocka_unit_test(test_add_constrained_cuts),
	    cmocka_unit_test(test_add_flips_never_crash),
	    cmocka_unit_test(test_add_comment_holds_no_nul),
	    cmocka_unit_test(test_sign_as_ssh_keygen_asks),
	    cmocka_unit_test(test_remove_lock_unlock),
	    cmocka_unit_test(test_extension),
	    cmocka_unit_test(test_token_as_ssh_add_sends_it),
	    cmocka_unit_test(test_associated_certificates),
	    cmocka_unit_test(test_messages_are_framed),
	    cmocka_unit_test(test_identities_as_ssh_agent_answers),
	    cmocka_unit_test(test_identities_cuts),
	    cmocka_unit_test(test_signature_as_ssh_agent_answers),
	    cmocka_unit_test(test_success),
	    cmocka_unit_test(test_extension_replies),
	    cmocka_unit_test(test_a_token_has_no_provider),
	};

	return cmocka_run_group_tests(tests, vectors_load, vectors_unload);
}
