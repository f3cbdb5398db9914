/*
 * Whole histories of connections against the core: an input is a list of small steps (a key is
 * added with constraints, a session is bound, a signature asked for, the agent locked, time
 * passes), and after each the agent must have done what a plain table says (history_model.h).
 *
 * A step (steps.h) is a byte and what it wants as arguments, each a byte of which the remainder
 * counts, so that every input is a history.  Input's first byte: 2, there are fast workers, so that
 * a client who asks quickly, which is while time stands still, is attended (agent/attend.h); 4,
 * they are quicker than the loop; 1, work of threads is done late, so that clients leave and the
 * agent is locked meanwhile; then, and after bytes of the input's own were sent, the table is not
 * asked, and the rest must hold still: each request has one answer, of a kind that it can have, a
 * signature is one, and with everybody gone nothing is left.
 */
#include "tests/fuzz/history_answers.h"
#include "tests/fuzz/steps.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

enum {
	STEPS_MOST = 120,
	RAW_MOST = 4096,
	SAME_MOST = 4, /* signatures asked for at once */
	HOUR = 3600 * 1000,
};

static uint8_t next(uint8_t below)
{
	uint8_t byte = 0;

	(void)reader_u8(&h.in, &byte);
	return below != 0 ? byte % below : byte;
}

/* Bytes of what follows, as many as the step says; fewer at the end. */
static struct bytes next_bytes(void)
{
	struct bytes b = BYTES_NONE;
	size_t n = (size_t)next(0) << 8 | next(0);

	if (n > RAW_MOST)
		n %= 64;
	if (n > reader_rest(&h.all).len)
		n = reader_rest(&h.all).len;
	(void)reader_take(&h.all, n, &b);
	return b;
}

/* --- requests -------------------------------------------------------------------- */

/* What the agent has not read yet is not known to it.  Some say it in two pieces. */
static void ask(unsigned client, const struct asked *a, struct bytes body)
{
	struct scene_client *c = &scene.client[client];

	h.asked[client] = *a;
	for (unsigned i = 0; i <= a->more; i++)
		said[client][c->asked++ % SAID_MOST] = *a;
	scene_ask(c, a->number, body, 1 + a->more, next(0));
	fuzz_require(h.loose || a->success == MAY || a->number != h.asked[client].number,
	    "what waits for nobody is answered at once");
}

/* A client that waits for no answer, dialled anew if it has to be; -1: it waits still. */
static int some_client(unsigned below)
{
	unsigned i = next((uint8_t)below);

	if (scene.client[i].fd < 0 || scene.client[i].hung_up) {
		h.model.route[i] = (struct model_route){0};
		h.asked[i] = (struct asked){0};
		h.broken[i] = false;
		(void)scene_dial(i);
	}
	return h.asked[i].number != 0 && !h.loose ? -1 : (int)i;
}

static void ask_plain(int client, uint8_t number)
{
	ask((unsigned)client, &(struct asked){.number = number, .success = MUST}, BYTES_NONE);
}

static struct model_key some_rules(uint32_t *seconds)
{
	struct model_key k = {0};
	uint8_t how = next(0);

	*seconds = (how & 1) != 0 ? next(0) + 1u : 0;
	k.expires = *seconds != 0 ? scene.now + *seconds * 1000 : 0;
	k.confirm = (how & 2) != 0;
	k.hops = (how >> 2 & 7) % (MODEL_HOPS + 1);
	for (unsigned i = 0; i < k.hops; i++) {
		uint8_t way = next(0);

		k.hop[i].from = way % (MODEL_HOSTS + 1) - 1;
		k.hop[i].to = way / (MODEL_HOSTS + 1) % MODEL_HOSTS;
		k.hop[i].user = way / (MODEL_HOSTS * (MODEL_HOSTS + 1)) % (MODEL_USERS + 1) - 1;
	}
	return k;
}

static void step_add(int client)
{
	struct asked a = {.number = AGENT_ADD_ID_CONSTRAINED};
	struct builder b = {0};
	uint32_t seconds;

	a.key = next(MODEL_KEYS);
	a.rules = some_rules(&seconds);
	a.success = h.model.locked ? MUST_NOT : MUST;
	if (seconds == 0 && !a.rules.confirm && a.rules.hops == 0)
		a.number = AGENT_ADD_IDENTITY;
	lexicon_add(a.key, &a.rules, seconds, &b);
	ask((unsigned)client, &a, builder_view(&b));
	builder_clear(&b);
}

/* The same on the control socket, for this machine only. */
static void step_add_local(void)
{
	struct asked a = {.number = CTL_ADD};
	struct key_rules rules = {.local_only = true};
	struct builder b = {0}, frame = {0};
	uint32_t seconds;

	h.asked[SCENE_CONTROL].number = 0;
	(void)scene_dial(SCENE_CONTROL);
	a.key = next(MODEL_KEYS);
	a.rules = some_rules(&seconds);
	a.rules.local = true;
	a.success = h.model.locked ? MUST_NOT : MUST;
	lexicon_add(a.key, &a.rules, seconds, &b);
	ctl_add_build(&frame, &rules, builder_view(&b));
	ask(SCENE_CONTROL, &a, BYTES(frame.data + FRAME_HEADER + 1, frame.len - FRAME_HEADER - 1));
	builder_clear(&frame);
	builder_clear(&b);
}

static struct model_data some_data(void)
{
	uint8_t what = next(0), to = next(0);
	struct model_data d = {.is_login = (what & 7) != 7};

	d.session = (what >> 3) % MODEL_SESSIONS;
	d.other_service = (what & 7) == 6;
	d.user = to % MODEL_USERS;
	d.key = to / MODEL_USERS % MODEL_KEYS;
	d.host = to / (MODEL_USERS * MODEL_KEYS) % (MODEL_HOSTS + 1) - 1;
	return d;
}

static void step_sign(int client)
{
	struct asked a = {.number = AGENT_SIGN_REQUEST, .yes = h.yes};
	const struct model_key *k;
	struct builder b = {0}, data = {0};

	a.key = next(MODEL_KEYS);
	a.data = some_data();
	a.more = next(SAME_MOST);
	k = &h.model.key[a.key];
	a.success = !model_signs(&h.model, a.key, &h.model.route[client], &a.data) ? MUST_NOT
		    : k->confirm                                                   ? MAY
										   : MUST;
	/* Nobody has one, nor plays one here. */
	if (a.key == MODEL_SK)
		a.success = a.success == MUST_NOT ? MUST_NOT : MAY;
	lexicon_data(&a.data, &data);
	builder_string(&b, blob_view(&lexicon.key[a.key]));
	builder_string(&b, builder_view(&data));
	builder_u32(&b, 0);
	ask((unsigned)client, &a, builder_view(&b));
	builder_clear(&data);
	builder_clear(&b);
}

static void step_bind(int client)
{
	uint8_t what = next(0), how = next(0);
	struct model_route *r = &h.model.route[client];
	struct asked a = {.number = AGENT_EXTENSION};
	struct model_bind bind = {.host = what % (MODEL_HOSTS + 1),
	    .session = what / (MODEL_HOSTS + 1) % MODEL_SESSIONS,
	    .forwarding = (how & 1) != 0};
	bool forged = (how & 0x0e) == 0x0e, cut = (how & 0xf0) == 0xf0;
	struct builder b = {0};

	builder_cstring(&b, EXT_SESSION_BIND);
	lexicon_bind(&bind, forged, &b);
	if (cut)
		b.len -= 3;
	if (cut)
		model_fail(r, false);
	else
		a.success = model_add_bind(r, &bind, !forged) ? MUST : MUST_NOT;
	ask((unsigned)client, &a, builder_view(&b));
	builder_clear(&b);
}

static void step_remove(int client)
{
	struct asked a = {.number = AGENT_REMOVE_IDENTITY};
	struct builder b = {0};

	a.key = next(MODEL_KEYS);
	a.success = !h.model.locked && model_sees(&h.model.key[a.key], &h.model.route[client])
			? MUST
			: MUST_NOT;
	builder_string(&b, blob_view(&lexicon.key[a.key]));
	ask((unsigned)client, &a, builder_view(&b));
	builder_clear(&b);
}

/* A right passphrase can have to wait for wrong ones. */
static void step_lock(int client, bool unlock)
{
	static const char *const passphrases[] = {"", "sesame", "mellon"};
	struct asked a = {.number = unlock ? AGENT_UNLOCK : AGENT_LOCK};
	struct builder b = {0};

	a.passphrase = next(3);
	if (a.passphrase == 0 || unlock != h.model.locked)
		a.success = MUST_NOT;
	else
		a.success = unlock ? MAY : MUST;
	builder_cstring(&b, passphrases[a.passphrase]);
	ask((unsigned)client, &a, builder_view(&b));
	builder_clear(&b);
}

static void step_token(int client)
{
	struct asked a = {.success = MAY};
	struct builder b = {0};
	uint8_t which = next(4);

	a.number = which < 2 ? AGENT_ADD_SMARTCARD_KEY : AGENT_REMOVE_SMARTCARD_KEY;
	a.success = a.number == AGENT_ADD_SMARTCARD_KEY && h.model.locked ? MUST_NOT : MAY;
	builder_cstring(&b, which % 2 == 0 ? "/usr/lib/opensc-pkcs11.so" : "card:");
	builder_cstring(&b, "123456");
	ask((unsigned)client, &a, builder_view(&b));
	builder_clear(&b);
}

/* From here on nobody knows what the agent holds. */
static void step_raw(int client, bool framed)
{
	struct bytes raw = next_bytes();
	struct asked a = {.success = MAY, .raw = true};

	h.loose = true;
	if (framed && raw.len != 0) {
		a.number = raw.data[0];
		ask((unsigned)client, &a, BYTES(raw.data + 1, raw.len - 1));
		return;
	}
	h.broken[client] = true;
	scene_send(&scene.client[client], raw);
	scene_settle();
}

static void step_control(void)
{
	struct bytes raw = next_bytes();

	if (raw.len == 0)
		return;
	h.loose = h.loose || raw.data[0] == CTL_ADD || raw.data[0] == CTL_CERTIFICATE ||
		  raw.data[0] == CTL_ADD_TOKEN;
	(void)scene_dial(SCENE_CONTROL);
	h.broken[SCENE_CONTROL] = true;
	ask(SCENE_CONTROL, &(struct asked){.number = raw.data[0], .success = MAY},
	    BYTES(raw.data + 1, raw.len - 1));
}

/* A client leaves; some say something before, and wait for no answer. */
static void step_leave(void)
{
	static const uint8_t farewell[] = {0, 0, 0, 1, AGENT_REMOVE_ALL_IDENTITIES};
	unsigned i = next(SCENE_CLIENTS);
	struct scene_client *c = &scene.client[i];

	if (next(2) != 0 && i != SCENE_CONTROL && c->fd >= 0 && h.asked[i].number == 0 &&
	    !h.broken[i]) {
		scene_send(c, BYTES(farewell, sizeof(farewell)));
		model_forget_keys(&h.model);
	}
	scene_client_close(c);
	scene_settle();
}

/* --- people and time --------------------------------------------------------------- */

static void scene_helper_started(struct scene_helper *helper)
{
	(void)helper;
}

static bool is_asked(const struct scene_helper *helper, struct helper_ask *out)
{
	struct bytes message;

	return helper->fd >= 0 && helper->program == HELPER_PROMPT && !helper->hung_up &&
	       frame_next(builder_view(&helper->heard), LIMIT_HELPER_MESSAGE, &message) ==
		   FRAME_READY &&
	       helper_ask_parse(message, out) == ERR_OK;
}

static void step_person(void)
{
	uint8_t nth = next(4), how = next(4);
	struct helper_answer answer = {.result = how == 0 ? ERR_OK : ERR_DENIED};
	struct builder b = {0};
	struct helper_ask q;

	for (unsigned i = 0; i < SCENE_HELPERS; i++) {
		struct scene_helper *helper = &scene.helper[i];

		if (!is_asked(helper, &q) || nth-- != 0)
			continue;
		fuzz_touch(q.text);
		h.yes += how == 0 && (q.flags & HELPER_ASK_PASSING) == 0;
		helper_answer_build(&b, &answer);
		if (how != 2)
			scene_send(&(struct scene_client){.fd = helper->fd}, builder_view(&b));
		builder_clear(&b);
		scene_helper_close(helper);
		break;
	}
	scene_settle();
}

static void pass(uint64_t ms)
{
	model_expire(&h.model, scene.now + ms);
	scene_pass(ms);
}

static void step_keys_dropped(void)
{
	struct channel_message m = {.kind = CHANNEL_DROP_KEYS};

	model_forget_keys(&h.model);
	scene_tell(&m, -1);
	scene_settle();
}

static void step(uint8_t what)
{
	int client = what < 12 ? some_client(SCENE_CONTROL) : 0;

	if (client < 0)
		return;
	switch (what) {
	case 0:
		ask_plain(client, AGENT_REQUEST_IDENTITIES);
		break;
	case 1:
	case 2:
		step_sign(client);
		break;
	case 3:
	case 4:
		step_add(client);
		break;
	case 5:
	case 6:
		step_bind(client);
		break;
	case 7:
		step_remove(client);
		break;
	case 8:
		ask_plain(client, AGENT_REMOVE_ALL_IDENTITIES);
		break;
	case 9:
		step_lock(client, next(2) != 0);
		break;
	case 10:
		step_token(client);
		break;
	case 11:
		step_raw(client, next(4) != 0);
		break;
	case 12:
		step_add_local();
		break;
	case 13:
		step_control();
		break;
	case 14:
		step_person();
		break;
	case 15:
		pass((uint64_t)next(0) * 1000);
		break;
	case 16:
		step_leave();
		break;
	case 17:
		(void)scene_work();
		scene_settle();
		break;
	default:
		step_keys_dropped();
	}
}

enum { STEP_KINDS = 19 };

static void check_hung_up(void)
{
	for (unsigned i = 0; i < SCENE_CLIENTS; i++)
		fuzz_require(!scene.client[i].hung_up || h.broken[i],
		    "nobody is hung up on who speaks the protocol");
}

/* With all work done: a connection is watched for what it waits for, by the loop or by a worker. */
static void check_watched(void)
{
	for (const struct conn *c = scene.core->conns; c != NULL && !crew.lazy; c = c->next) {
		const enum conn_state state = c->state;
		const bool reading = state == CONN_READING;

		fuzz_require(c->attended == scene_attends(c->watch.fd) &&
				 c->attended == (state == CONN_SIGNING) && state != CONN_CALLED,
		    "whoever is attended has a worker, and nobody else");
		fuzz_require(((c->watch.events & EPOLLIN) != 0) == (reading && c->output.len == 0),
		    "the loop waits for requests where it can take one");
	}
}

/* Nobody answers, and the last second of everything passes: people are asked for one request of a
 * client after the other. */
static void check_answered(void)
{
	unsigned times = 6;

	for (unsigned i = 0; i < SCENE_CONTROL; i++)
		times += h.broken[i] ? 0 : scene.client[i].asked - scene.client[i].answered;
	crew.lazy = false;
	for (unsigned i = 0; i < times; i++)
		pass(HOUR / 4);
	for (unsigned i = 0; i < SCENE_CONTROL; i++) {
		const struct scene_client *c = &scene.client[i];

		fuzz_require(c->fd < 0 || h.broken[i] || c->answered == c->asked,
		    "each request is answered");
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	scene_start();
	lexicon_start();
	lexicon_slow(MODEL_SLOW);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t first = 0;

	memset(&h, 0, sizeof(h));
	h.all = reader_of(BYTES(data, size));
	(void)reader_u8(&h.all, &first);
	scene_begin("KeyDirectory none\n");
	h.loose = crew.lazy = (first & 1) != 0;
	if ((first & 2) != 0)
		scene_hasten((first & 4) != 0);
	for (unsigned i = 0; i < STEPS_MOST && steps_next(&h.all, &h.in); i++) {
		step(next(STEP_KINDS));
		check_hung_up();
		check_watched();
	}
	check_answered();
	scene_end();
	return 0;
}
