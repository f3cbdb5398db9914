/*
 * signet-keyring's request (keystore/keyring/serve.c) and a hostile agent.  The Secret Service
 * (service.c) is what the input's settings say, and takes time, in which the agent says more.
 *
 * Left out is what ends the process when its asker does (patience.c), and the sandbox (confine.c).
 */
#include "tests/fuzz/hostile_agent.h"

/* After it: this one wants no wait of its own. */
#include "keystore/keyring/confine.h"
#include "keystore/keyring/serve.h"
#include "keystore/keyring/service.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

#define FOUND "what was kept"

static enum err outcome; /* of the service */
static GCancellable *cancel;
static bool asked_person;

/* --- instead of the service
 * ----------------------------------------------------------------------- */

struct patience {
	int sock;
};

enum err keyring_confine(void)
{
	return ERR_OK;
}

struct patience *patience_start(int sock, GCancellable *c)
{
	static struct patience one;

	one.sock = sock;
	cancel = c;
	return &one;
}

void patience_over(struct patience *p)
{
	(void)p;
}

/* As long as the agent likes. */
static enum err serve_it(const struct service *s, const struct keyring_item *item)
{
	struct pollfd fd = {.fd = s->patience->sock, .events = POLLIN};

	fuzz_require(item->name.len <= KEYRING_NAME_MOST && item->id.len <= KEYRING_NAME_MOST,
	    "what is asked for is bounded");
	fuzz_touch(item->name);
	fuzz_touch(item->id);
	(void)poll(&fd, 1, 1000);
	return outcome;
}

enum err service_open(struct service *s)
{
	(void)s;
	return outcome == ERR_NO_KEYRING ? outcome : ERR_OK;
}

enum err service_lookup(
    struct service *s, const struct keyring_item *item, bool prompt, SecretValue **out)
{
	enum err e = serve_it(s, item);

	asked_person = prompt;
	if (e == ERR_OK)
		*out = secret_value_new(FOUND, strlen(FOUND), "text/plain");
	return e;
}

enum err service_store(
    struct service *s, const struct keyring_item *item, struct bytes label, struct bytes secret)
{
	fuzz_touch(label);
	fuzz_require(secret.len != 0 && secret.len <= KEYRING_SECRET_MOST, "a secret is one");
	fuzz_touch(secret);
	return serve_it(s, item);
}

enum err service_forget(struct service *s, const struct keyring_item *item)
{
	return serve_it(s, item);
}

/* --- the agent
 * ------------------------------------------------------------------------------------- */

static void agent_says(struct builder *b)
{
	static const char *const names[] = {"/home/me/.ssh/id_ed25519", "a token", "\xff\x01", ""};
	struct keyring_item item = {.kind = KEYRING_PASSPHRASE};
	unsigned what = agent_pick(5), how = agent_pick(0);

	if ((how & 1) != 0)
		item.kind = KEYRING_PIN;
	item.name = bytes_str(names[how >> 1 & 3]);
	item.id = bytes_str(names[how >> 3 & 3]);
	if (what == 0)
		keyring_forget_build(b, &item);
	else if (what < 3)
		keyring_store_build(b, &item, bytes_str("a label"), bytes_str(AGENT_SECRET));
	else
		keyring_lookup_build(b, &item, (how >> 5 & 1) != 0);
}

static void agent_says_again(void)
{
}

static void agent_does(void)
{
	static const enum err all[] = {ERR_OK, ERR_NOT_FOUND, ERR_NO_KEYRING, ERR_KEYRING_LOCKED,
	    ERR_KEYRING, ERR_TIMEOUT, ERR_MEMORY, ERR_FORMAT};

	outcome = all[agent_pick(8)];
}

static void agent_hears(struct bytes message)
{
	struct bytes secret;
	enum err why;

	fuzz_require(agent.answers == 1, "a request has one answer");
	if (message.len == 2 && message.data[1] == HELPER_ALIEN)
		return;
	if (keyring_secret_parse(message, &secret) == ERR_OK) {
		fuzz_require(bytes_is(secret, FOUND), "it is what was found");
		/* By asking the person, where the service has just changed. */
		fuzz_plant(asked_person && agent.now > 100000);
		return;
	}
	fuzz_require(
	    keyring_done_parse(message) == ERR_OK || keyring_failed_parse(message, &why) == ERR_OK,
	    "the core understands it");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	agent_start(KEYRING_ANSWER_MOST);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader settings;
	enum err e;

	settings = reader_of(BYTES(data, size < 1 ? size : 1));
	(void)agent_begin(data, size);
	agent.step = settings;
	agent_does();
	asked_person = false;
	e = keyring_serve(agent.sock[0]);
	agent_end();
	g_clear_object(&cancel);
	fuzz_require(e != ERR_OK || agent.answers == 1, "a request is answered");
	return 0;
}
