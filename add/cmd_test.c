#include <stdio.h>

#include "add/command.h"
#include "add/explain.h"
#include "add/pubsource.h"
#include "add/show.h"
#include "keystore/crypto.h"
#include "keystore/key.h"
#include "proto/agentmsg.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

/* As much as ssh-add lets the agent sign. */
enum { SAMPLE = 1024 };

struct sample {
	struct bytes blob; /* what the agent is to sign with: a key or certificate */
	struct pubkey key; /* the key in it */
	uint8_t data[SAMPLE];
};

/* RSA with SHA-1 may be turned off, so SHA-256 is asked for. */
static uint32_t flags_for(const struct pubkey *key)
{
	return key->type->family == FAMILY_RSA ? SIGN_RSA_SHA2_256 : 0;
}

static enum err let_sign(struct run *r, const struct sample *s, struct bytes *signature)
{
	struct builder b = {0};
	size_t mark = message_open(&b, AGENT_SIGN_REQUEST);
	struct bytes reply;
	enum err e;

	builder_string(&b, s->blob);
	builder_string(&b, BYTES(s->data, sizeof(s->data)));
	builder_u32(&b, flags_for(&s->key));
	message_close(&b, mark);
	e = client_call(&r->agent, &b, &reply);
	builder_clear(&b);
	return e == ERR_OK ? reply_signature(reply, signature) : e;
}

static enum err verify(const struct sample *s, struct bytes signature)
{
	struct builder plain = {0};
	enum err e;

	/* A certificate signs with the key that it certifies. */
	pubkey_build(&plain, &s->key);
	e = builder_error(&plain);
	if (e == ERR_OK)
		e = key_verify(builder_view(&plain), BYTES(s->data, sizeof(s->data)), signature);
	builder_clear(&plain);
	return e;
}

static bool test_blob(struct run *r, struct bytes blob, const char *name)
{
	struct sample s = {.blob = blob};
	struct bytes signature;
	bool is_cert;
	enum err e = keyblob_parse(blob, &s.key, &is_cert);

	if (e == ERR_OK)
		e = crypto_random(s.data, sizeof(s.data));
	if (e != ERR_OK) {
		fprintf(stderr, "Couldn't read public key %s: %s\n", name, err_text(e));
		return false;
	}
	e = let_sign(r, &s, &signature);
	if (e != ERR_OK) {
		fprintf(stderr, "Agent signature failed for %s: %s\n", name, client_words(e));
		if (e == ERR_REFUSED)
			explain_refusal();
		return false;
	}
	e = verify(&s, signature);
	if (e != ERR_OK) {
		fprintf(stderr, "Signature verification failed for %s: %s\n", name,
		    e == ERR_KEY_MISMATCH ? "incorrect signature" : err_text(e));
		return false;
	}
	log_debug("%s: the agent's signature fits", name);
	return true;
}

static bool test_file(struct run *r, const char *path)
{
	struct pubfile found;
	char name[SHOW_ROOM];
	const char *why;
	bool well;

	text_escape(bytes_str(path), name, sizeof(name));
	if (pubsource_read(path, &found, &why) != ERR_OK) {
		fprintf(stderr, "Couldn't read public key %s: %s\n", name, why);
		return false;
	}
	well = test_blob(r, blob_view(&found.blob), name);
	pubfile_clear(&found);
	return well;
}

int cmd_test(struct run *r)
{
	bool well = true;

	for (size_t i = 0; i < r->options->noperands; i++) {
		if (!test_file(r, r->options->operands[i]))
			well = false;
	}
	return well ? EXIT_DONE : EXIT_FAILED;
}
