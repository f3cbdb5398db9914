/*
 * Requests and replies of the agent protocol: the input is a message, its number says which
 * decoder is meant.
 */
#include "proto/agentmsg.h"
#include "tests/fuzz/fuzz.h"

/* Our decoders take shortest forms only, so writing what was read must give the same bytes. */
static void check_key_data(const struct msg_add *m)
{
	struct builder b = {0};

	privkey_build(&b, &m->key, m->key.cert);
	fuzz_require(builder_error(&b) == ERR_OK, "a key that was read can be written");
	fuzz_require(bytes_equal(builder_view(&b), m->key_data), "a key is written as it was read");
	builder_clear(&b);
}

static void add(struct bytes body, bool constrained)
{
	struct msg_add m;

	if (msg_add_parse(body, constrained, &m) != ERR_OK)
		return;
	check_key_data(&m);
	fuzz_touch(m.comment);
	fuzz_plant(
	    m.constraints.confirm && m.constraints.lifetime > 0xffff); /* the seeds have an hour */
}

static void sign(struct bytes body)
{
	struct msg_sign m;

	if (msg_sign_parse(body, &m) != ERR_OK)
		return;
	fuzz_touch(m.key);
	fuzz_touch(m.data);
}

static void string(struct bytes body)
{
	struct bytes s;

	if (msg_string_parse(body, &s) == ERR_OK)
		fuzz_touch(s);
}

static void extension(struct bytes body)
{
	struct msg_extension m;

	if (msg_extension_parse(body, &m) != ERR_OK)
		return;
	fuzz_touch(m.name);
	fuzz_touch(m.body);
}

static void token(struct bytes body, bool constrained)
{
	struct msg_token m;
	struct reader certs;
	struct bytes cert;

	if (msg_token_parse(body, constrained, &m) != ERR_OK)
		return;
	fuzz_touch(m.token);
	fuzz_touch(m.pin);
	certs = reader_of(m.constraints.certs);
	while (certs.left != 0) {
		fuzz_require(
		    reader_string(&certs, &cert) == ERR_OK, "certificates stand back to back");
		fuzz_touch(cert);
	}
}

static void identities(struct bytes reply)
{
	struct identity_walk w;
	struct bytes blob, comment;
	bool more = true;
	enum err e = reply_identities(reply, &w);

	while (e == ERR_OK && more) {
		e = identity_next(&w, &more, &blob, &comment);
		if (e == ERR_OK && more) {
			fuzz_touch(blob);
			fuzz_touch(comment);
		}
	}
}

static void other_reply(struct bytes reply)
{
	struct bytes b;

	(void)reply_success(reply);
	if (reply_signature(reply, &b) == ERR_OK)
		fuzz_touch(b);
	if (reply_extension(reply, EXT_QUERY, &b) == ERR_OK)
		fuzz_touch(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes message = BYTES(data, size), body;

	if (size == 0)
		return 0;
	body = BYTES(data + 1, size - 1);
	switch (data[0]) {
	case AGENT_ADD_IDENTITY:
	case AGENT_ADD_ID_CONSTRAINED:
		add(body, data[0] == AGENT_ADD_ID_CONSTRAINED);
		break;
	case AGENT_SIGN_REQUEST:
		sign(body);
		break;
	case AGENT_REMOVE_IDENTITY:
	case AGENT_LOCK:
	case AGENT_UNLOCK:
		string(body);
		break;
	case AGENT_EXTENSION:
		extension(body);
		break;
	case AGENT_ADD_SMARTCARD_KEY:
	case AGENT_REMOVE_SMARTCARD_KEY:
	case AGENT_ADD_SMARTCARD_KEY_CONSTRAINED:
		token(body, data[0] == AGENT_ADD_SMARTCARD_KEY_CONSTRAINED);
		break;
	case AGENT_IDENTITIES_ANSWER:
		identities(message);
		break;
	default:
		other_reply(message);
	}
	return 0;
}
