/*
 * The agent against hostile helpers: every helper that the core starts is the input's, which has
 * them say something well-formed that fits what they were asked, bends a byte of it, cuts it,
 * splits it, says it twice or hangs up, while clients ask for signatures by keys of files, tokens,
 * cards and security keys, and time passes.
 *
 * Whatever helpers do, each request is answered, nobody is hung up on, a signature that is handed
 * out is one, what a person typed goes to none but who needs it, a locked screen shows no key, and
 * with everybody gone nothing is left.
 */
#include "tests/fuzz/hostile_words.h"
#include "tests/fuzz/steps.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { STEPS_MOST = 100, MINUTE = 60 * 1000 };

#define EVERYTHING                                                                                 \
	"KeyDirectory /home/me/.ssh\nOfferKeys yes\nOnScreenLock lock\nOnSleep drop\n"             \
	"Keyring yes\nKeyringPins yes\nResidentKeys yes\nPKCS11Module /usr/lib/a.so\nCards yes\n"  \
	"InsertWait 30\nRememberPin 60\n"
#define CAREFULLY                                                                                  \
	"KeyDirectory /home/me/.ssh\nOfferKeys yes\nOnScreenLock relock\nKeyring ask\n"            \
	"UnlockForwarded yes\nCards yes\nInsertWait 10\n"                                          \
	"Key comment=\"a name\"\n  Confirm always\n  Relock 20\nKey *\n  Idle 30\n"
#define DEVICES_ALONE                                                                              \
	"KeyDirectory none\nOnScreenLock drop\nKeyringPins yes\nResidentKeys yes\nCards yes\n"     \
	"HideAbsent yes\nInsertWait 60\n"

static const char *const configurations[] = {EVERYTHING, CAREFULLY, DEVICES_ALONE};

enum { CONFIGURATIONS = sizeof(configurations) / sizeof(configurations[0]) };

/* What a client asked for last. */
struct wish {
	uint8_t number;
	unsigned key;
};

static struct wish wish[SCENE_CLIENTS];
static unsigned hung_up; /* helpers that ended unasked */

static void scene_helper_started(struct scene_helper *h)
{
	(void)h;
}

/* --- clients ---------------------------------------------------------------------------- */

#define DATA "what is to be signed"

static void hear_signature(const struct wish *w, struct bytes message)
{
	struct bytes signature;

	fuzz_require(
	    reply_signature(message, &signature) == ERR_OK &&
		key_verify(blob_view(&lexicon.key[w->key]), bytes_str(DATA), signature) == ERR_OK,
	    "what helpers made of a signature is looked at before it is handed out");
	/* A token's, after some helper had ended or another client had come. */
	fuzz_plant((w->key == 1 || w->key == 2) && (hung_up != 0 || scene.connections > 1));
}

static void hear_list(struct bytes message)
{
	struct identity_walk w;
	struct bytes blob, comment;
	bool more = true;
	size_t n = 0;

	fuzz_require(reply_identities(message, &w) == ERR_OK, "a list is one");
	while (identity_next(&w, &more, &blob, &comment) == ERR_OK && more)
		n++;
	fuzz_require(
	    !more && (n == 0 || !lock_is_on(&scene.core->lock)), "who is locked lists none");
}

static void scene_heard(struct scene_client *c, struct bytes message)
{
	const struct wish *w = &wish[c - scene.client];

	fuzz_touch(message);
	fuzz_require(c->answered <= c->asked, "a request has one answer");
	if (w->number == AGENT_REQUEST_IDENTITIES)
		hear_list(message);
	else if (w->number == AGENT_SIGN_REQUEST && message.data[0] == AGENT_SIGN_RESPONSE)
		hear_signature(w, message);
	else
		fuzz_require(message.data[0] == AGENT_SUCCESS || message.data[0] == AGENT_FAILURE,
		    "yes or no");
}

static void client_body(struct wish *w, struct builder *b)
{
	w->key = pick(MODEL_KEYS);
	switch (pick(8)) {
	default:
		w->number = AGENT_SIGN_REQUEST;
		builder_string(b, blob_view(&lexicon.key[w->key]));
		builder_cstring(b, DATA);
		builder_u32(b, 0);
		break;
	case 3:
		w->number = AGENT_REQUEST_IDENTITIES;
		break;
	case 4:
		w->number = AGENT_ADD_IDENTITY;
		lexicon_add(MODEL_SK, &(struct model_key){0}, 0, b);
		break;
	case 5:
	case 6:
		w->number = pick(4) == 3 ? AGENT_REMOVE_SMARTCARD_KEY : AGENT_ADD_SMARTCARD_KEY;
		builder_cstring(b, pick(2) == 0 ? "/usr/lib/a.so" : "card:");
		builder_cstring(b, pick(2) == 0 ? "" : TYPED "pin");
		break;
	case 7:
		w->number = AGENT_REMOVE_ALL_IDENTITIES;
	}
}

static void step_client(void)
{
	unsigned i = pick(SCENE_CONTROL);
	struct scene_client *c = scene_dial(i);
	struct builder body = {0};
	struct wish w;

	client_body(&w, &body);
	if (c->answered == c->asked) {
		wish[i] = w;
		c->asked++;
		scene_ask(c, w.number, builder_view(&body), 1, 0);
	}
	builder_clear(&body);
}

/* --- helpers ---------------------------------------------------------------------------- */

/* The nth that runs, counted from the newest. */
static struct scene_helper *some_helper(void)
{
	struct scene_helper *found = NULL;
	unsigned running = 0;
	uint8_t nth = pick(0);

	for (unsigned i = 0; i < SCENE_HELPERS; i++)
		running += scene.helper[i].fd >= 0;
	if (running == 0)
		return NULL;
	nth = (uint8_t)(nth % running);
	for (unsigned n = 0; n <= nth; n++) {
		uint32_t below = found != NULL ? found->id : UINT32_MAX;

		found = NULL;
		for (unsigned i = 0; i < SCENE_HELPERS; i++) {
			struct scene_helper *h = &scene.helper[i];

			if (h->fd >= 0 && h->id < below && (found == NULL || h->id > found->id))
				found = h;
		}
	}
	return found;
}

static void helper_sends(const struct scene_helper *h, struct bytes b)
{
	scene_send(&(struct scene_client){.fd = h->fd}, b);
}

static void bend(struct builder *b)
{
	size_t at = pick(0);
	uint8_t bits = pick(0);

	if (b->len > FRAME_HEADER)
		b->data[FRAME_HEADER + at % (b->len - FRAME_HEADER)] ^= bits;
}

/* how: 0 to 3 as it is, then split, bent, cut, twice. */
static void step_helper(uint8_t how)
{
	struct scene_helper *h = some_helper();
	struct builder b = {0};
	size_t part;

	if (h == NULL)
		return;
	say_something(h, &b);
	if (builder_error(&b) != ERR_OK)
		builder_reset(&b);
	if (how == 5)
		bend(&b);
	part = how == 4 || how == 6 ? pick(0) % (b.len + 1) : b.len;
	helper_sends(h, BYTES(b.data, part));
	if (how == 4) {
		scene_settle();
		if (h->fd >= 0)
			helper_sends(h, BYTES(b.data + part, b.len - part));
	}
	if (how == 7)
		helper_sends(h, builder_view(&b));
	builder_clear(&b);
	scene_settle();
}

/* As helpers do that the core hangs up on. */
static void let_end(void)
{
	bool busy = true;

	while (busy) {
		busy = false;
		for (unsigned i = 0; i < SCENE_HELPERS; i++) {
			struct scene_helper *h = &scene.helper[i];

			if (h->fd < 0 || !h->hung_up)
				continue;
			scene_helper_close(h);
			busy = true;
		}
		if (busy)
			scene_settle();
	}
}

static void step_hang_up(void)
{
	struct scene_helper *h = some_helper();

	if (h != NULL) {
		scene_helper_close(h);
		hung_up++;
	}
	scene_settle();
}

static void step_raw(void)
{
	struct scene_helper *h = some_helper();
	struct bytes b = BYTES_NONE;
	size_t n = pick(64);

	if (n > reader_rest(&script).len)
		n = reader_rest(&script).len;
	(void)reader_take(&script, n, &b);
	if (h != NULL)
		helper_sends(h, b);
	scene_settle();
}

/* --- what must hold ---------------------------------------------------------------------- */

static void check_typed(void)
{
	for (unsigned i = 0; i < SCENE_HELPERS; i++) {
		const struct scene_helper *h = &scene.helper[i];

		if (h->fd >= 0 && (h->program == HELPER_PROMPT || h->program == HELPER_FILES ||
				      h->program == HELPER_SESSION))
			fuzz_require(h->heard.len == 0 || memmem(h->heard.data, h->heard.len, TYPED,
							      strlen(TYPED)) == NULL,
			    "what is typed goes to nobody who has no use for it");
	}
	for (unsigned i = 0; i < SCENE_CLIENTS; i++)
		fuzz_require(!scene.client[i].hung_up, "helpers hang up on no client");
}

static void check_answered(void)
{
	scene.no_helpers = true;
	for (unsigned i = 0; i < 30; i++) {
		for (unsigned k = 0; k < SCENE_HELPERS; k++)
			scene_helper_close(&scene.helper[k]);
		scene_pass(10 * MINUTE);
	}
	for (unsigned i = 0; i < SCENE_CLIENTS; i++)
		fuzz_require(
		    scene.client[i].answered == scene.client[i].asked, "each request is answered");
}

static void step(uint8_t what, bool stubborn)
{
	switch (what) {
	case 8:
		step_hang_up();
		break;
	case 9:
		step_raw();
		break;
	case 10:
		scene_client_close(&scene.client[pick(SCENE_CONTROL)]);
		scene_settle();
		break;
	case 11:
		scene_pass((uint64_t)pick(0) * 500);
		break;
	case 12:
		(void)scene_work();
		scene_settle();
		break;
	case 13:
	case 14:
	case 15:
		step_client();
		break;
	default:
		step_helper(what);
	}
	check_typed();
	if (!stubborn)
		let_end();
}

enum { STEP_KINDS = 16 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	scene_start();
	lexicon_start();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader all = reader_of(BYTES(data, size));
	uint8_t first = 0;

	(void)reader_u8(&all, &first);
	memset(wish, 0, sizeof(wish));
	hung_up = 0;
	scene_begin(configurations[first % CONFIGURATIONS]);
	crew.lazy = (first & 0x80) != 0;
	/* With workers for fast keys, which may run before the loop does (scene_workers.h). */
	if ((first & 0x20) != 0)
		scene_hasten((first & 0x10) != 0);
	for (unsigned i = 0; i < STEPS_MOST && steps_next(&all, &script); i++)
		step(pick(STEP_KINDS), (first & 0x40) != 0);
	crew.lazy = false;
	check_answered();
	scene_end();
	return 0;
}
