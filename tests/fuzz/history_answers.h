/* What the agent answers in f_history.c, held against the table. */
#ifndef SIGNET_FUZZ_HISTORY_ANSWERS_H
#define SIGNET_FUZZ_HISTORY_ANSWERS_H

#include "proto/ctlmsg.h"
#include "tests/fuzz/history_lexicon.h"

/* What a client asked last, and what of it must be so. */
struct asked {
	uint8_t number; /* 0: nothing is under way */
	enum { MUST_NOT, MAY, MUST } success;
	unsigned key, passphrase;
	struct model_data data;
	struct model_key rules; /* of an addition */
	unsigned yes;           /* how often a person had agreed before */
	unsigned more;          /* the same was asked so many times besides */
	bool raw;               /* in bytes of the input's own */
};

struct history {
	struct reader all, in; /* the input, and the step that is done */
	struct model model;
	struct asked asked[SCENE_CLIENTS];
	bool loose;
	bool broken[SCENE_CLIENTS]; /* was sent what no message is */
	unsigned yes;
	unsigned additions[MODEL_KEYS];
};

static struct history h;

/* All that each asked on its connection, as answers come in the order of requests. */
enum { SAID_MOST = 512 };
static struct asked said[SCENE_CLIENTS][SAID_MOST];

static unsigned index_of(const struct scene_client *c)
{
	return (unsigned)(c - scene.client);
}

static void must(bool holds, const char *what)
{
	fuzz_require(h.loose || holds, what);
}

static void hear_list(unsigned client, struct bytes message)
{
	struct identity_walk w;
	struct bytes blob, comment;
	bool more = true, seen[MODEL_KEYS] = {false};

	fuzz_require(reply_identities(message, &w) == ERR_OK, "a list is one");
	while (identity_next(&w, &more, &blob, &comment) == ERR_OK && more) {
		unsigned i = 0;

		while (i < MODEL_KEYS && !bytes_equal(blob, blob_view(&lexicon.key[i])))
			i++;
		must(i < MODEL_KEYS && !seen[i], "a list has keys that were added, once");
		if (i < MODEL_KEYS)
			seen[i] = true;
	}
	fuzz_require(!more, "a list has as many keys as it counts");
	for (unsigned i = 0; i < MODEL_KEYS; i++)
		must(seen[i] ==
			 (!h.model.locked && model_sees(&h.model.key[i], &h.model.route[client])),
		    "a list has what the client may see, and all of it");
}

static void check_signature(const struct asked *a, struct bytes signature)
{
	struct builder data = {0};

	lexicon_data(&a->data, &data);
	fuzz_require(
	    key_verify(blob_view(&lexicon.key[a->key]), builder_view(&data), signature) == ERR_OK,
	    "a signature is by the key over the data");
	builder_clear(&data);
}

static void hear_signature(unsigned client, const struct asked *a, struct bytes message)
{
	const struct model_route *route = &h.model.route[client];
	struct bytes signature;

	fuzz_require(reply_signature(message, &signature) == ERR_OK, "a signature is one");
	if (!a->raw && !h.broken[client])
		check_signature(a, signature);
	must(model_signs(&h.model, a->key, route, &a->data),
	    "what is signed is what the constraints allow, here and now");
	must(!h.model.key[a->key].confirm || h.yes > a->yes, "a person agreed");
	/* At the second host of a way, by a key that was added twice. */
	fuzz_plant(!h.loose && route->count == 2 && h.model.key[a->key].hops >= 2 &&
		   h.additions[a->key] > 1);
}

static void take_addition(const struct asked *a)
{
	must(!h.model.locked, "a locked agent takes no key");
	h.model.key[a->key] = a->rules;
	h.model.key[a->key].held = true;
	h.additions[a->key]++;
}

/* It was answered that it was done. */
static void hear_success(unsigned client, const struct asked *a)
{
	switch (a->number) {
	case AGENT_ADD_IDENTITY:
	case AGENT_ADD_ID_CONSTRAINED:
		take_addition(a);
		break;
	case AGENT_REMOVE_IDENTITY:
		must(!h.model.locked && model_sees(&h.model.key[a->key], &h.model.route[client]),
		    "nothing is removed that is not seen");
		h.model.key[a->key] = (struct model_key){0};
		break;
	case AGENT_REMOVE_ALL_IDENTITIES:
		model_forget_keys(&h.model);
		break;
	case AGENT_LOCK:
		must(!h.model.locked, "what is locked is not locked again");
		h.model.locked = true;
		h.model.passphrase = (int)a->passphrase;
		break;
	case AGENT_UNLOCK:
		must(h.model.locked && h.model.passphrase == (int)a->passphrase,
		    "the passphrase unlocks, and no other");
		h.model.locked = false;
		break;
	default:
		break;
	}
}

static bool answers(uint8_t asked, uint8_t answer)
{
	switch (asked) {
	case AGENT_REQUEST_IDENTITIES:
		return answer == AGENT_IDENTITIES_ANSWER;
	case AGENT_SIGN_REQUEST:
		return answer == AGENT_SIGN_RESPONSE || answer == AGENT_FAILURE;
	case AGENT_EXTENSION:
		return answer == AGENT_SUCCESS || answer == AGENT_EXTENSION_FAILURE ||
		       answer == AGENT_EXTENSION_RESPONSE || answer == AGENT_FAILURE;
	default:
		return answer == AGENT_SUCCESS || answer == AGENT_FAILURE;
	}
}

static void hear_control(const struct asked *a, struct bytes message)
{
	struct reader records;
	struct bytes reason;
	uint8_t kind = message.data[0];

	fuzz_require(kind == CTL_STATUS_ANSWER || kind == CTL_FAILURE || kind == CTL_RECORDS ||
			 kind == CTL_DONE,
	    "an answer of the control protocol");
	if (kind == CTL_RECORDS)
		fuzz_require(ctl_records_parse(message, &records, &reason) == ERR_OK, "records");
	if (a->number == 0)
		return;
	must((kind == CTL_DONE) == (a->success == MUST), "the control socket adds what it can");
	if (kind == CTL_DONE)
		take_addition(a);
}

static void scene_heard(struct scene_client *c, struct bytes message)
{
	unsigned i = index_of(c);
	bool known = i != SCENE_CONTROL && !h.broken[i];
	struct asked a = h.asked[i];
	uint8_t kind = message.data[0];
	bool done = kind != AGENT_FAILURE && kind != AGENT_EXTENSION_FAILURE;

	fuzz_touch(message);
	fuzz_require(c->answered <= c->asked || i == SCENE_CONTROL || h.broken[i],
	    "a request has one answer");
	if (known)
		a = said[i][(c->answered - 1) % SAID_MOST];
	if (!known || c->answered == c->asked)
		h.asked[i].number = 0;
	if (i == SCENE_CONTROL) {
		hear_control(&a, message);
		return;
	}
	if (a.number == 0) {
		fuzz_require(h.loose, "nothing is answered that was not asked");
		return;
	}
	fuzz_require(
	    (known ? a.raw : h.loose) || answers(a.number, kind), "an answer to what was asked");
	must(a.success == MAY || done == (a.success == MUST), "what is allowed is done");
	if (a.number == AGENT_REQUEST_IDENTITIES && kind == AGENT_IDENTITIES_ANSWER)
		hear_list(i, message);
	else if (a.number == AGENT_SIGN_REQUEST && kind == AGENT_SIGN_RESPONSE)
		hear_signature(i, &a, message);
	else if (done)
		hear_success(i, &a);
}

#endif
