/*
 * signet-card's request loop (tokens/card/requests.c) with its lanes' work, and a hostile agent:
 * two virtual cards in readers, that come and go, are busy and answer as cards do.  Threads are
 * none: what is in a lane is done in the order in which the input wants it, whenever the loop
 * waits.
 *
 * Left out, as it is a thread's: how pcscd is followed (follow.c), and the clock of the connections
 * that are kept (keep.c).  What a card itself may do is f_apdu.c's.
 */
#include "tests/fuzz/hostile_agent.h"

/* After it: this one wants no wait of its own. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/mem.h"
#include "proto/helperio.h"
#include "proto/tokenmsg.h"
#include "tests/fuzz/virtual_cards.h"
#include "tokens/card/readers.h"
#include "tokens/card/requests.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { NUMBERS = 5, LANES = PCSC_READERS_MOST + 1, JOBS = 256, KNOWN = 8 };

static struct readers *readers;
static uint32_t asked[NUMBERS], answered[NUMBERS]; /* requests, by their numbers */
static uint32_t last;                              /* the last one's; 0: none that is answered */
static unsigned pulled;

/* What the last inventory told. */
static struct {
	struct blob token, key;
} known[KNOWN];

static size_t n_known;

/* --- instead of lane.c ---------------------------------------------------------------------------
 */

struct lane {
	void (*run)(void *ctx, struct bytes message);
	void *ctx;
};

struct outlet {
	int sock;
};

static struct lane lanes[LANES];
static size_t n_lanes;
static struct outlet outlet;
static struct {
	struct lane *lane;
	struct blob message;
} jobs[JOBS];

static size_t n_jobs;
static bool newest_first;

struct outlet *outlet_new(int sock)
{
	outlet.sock = sock;
	return &outlet;
}

enum err outlet_send(struct outlet *o, struct builder *frame)
{
	fuzz_require(builder_error(frame) == ERR_OK, "an answer can be built");
	(void)send(o->sock, frame->data, frame->len, MSG_NOSIGNAL);
	builder_clear(frame);
	agent_listen();
	return ERR_OK;
}

void outlet_hang_up(struct outlet *o)
{
	(void)o;
	fuzz_require(false, "there is memory");
}

struct lane *lane_new(unsigned threads, void (*run)(void *ctx, struct bytes message), void *ctx)
{
	(void)threads;
	fuzz_require(n_lanes < LANES, "a lane a reader");
	lanes[n_lanes] = (struct lane){run, ctx};
	return &lanes[n_lanes++];
}

enum err lane_put(struct lane *l, struct blob *message)
{
	if (n_jobs == JOBS)
		return ERR_MEMORY;
	jobs[n_jobs].lane = l;
	jobs[n_jobs++].message = blob_move(message);
	return ERR_OK;
}

/* The next of some lane; a lane's own keep their order. */
static bool work(void)
{
	struct lane *l = n_jobs == 0 ? NULL : jobs[newest_first ? n_jobs - 1 : 0].lane;
	struct blob message;

	for (size_t i = 0; i < n_jobs; i++) {
		if (jobs[i].lane != l)
			continue;
		message = jobs[i].message;
		memmove(&jobs[i], &jobs[i + 1], (n_jobs - i - 1) * sizeof(jobs[0]));
		n_jobs--;
		l->run(l->ctx, blob_view(&message));
		blob_clear(&message);
		return true;
	}
	return false;
}

enum err request_next(int sock, struct blob *out)
{
	struct pollfd fd = {.fd = sock, .events = POLLIN};

	if (!newest_first || agent.hung_up) {
		while (work())
			;
	}
	while (poll(&fd, 1, 50) == 0)
		(void)work();
	return helper_receive(sock, LIMIT_TOKEN_MESSAGE, out);
}

/* Whoever waits for another lets others work. */
int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
	bool done;

	(void)c, (void)until;
	pthread_mutex_unlock(m);
	done = work();
	pthread_mutex_lock(m);
	return done ? 0 : ETIMEDOUT;
}

int nanosleep(const struct timespec *pause, struct timespec *left)
{
	(void)left;
	agent.now += (uint64_t)pause->tv_nsec / 1000000 + 1;
	return 0;
}

/* --- instead of keep.c and follow.c ------------------------------------------------------------
 */

struct keeper {
	struct kept kept[PCSC_READERS_MOST];
};

static struct keeper keeper;

struct keeper *keeper_new(unsigned ms)
{
	(void)ms;
	return &keeper;
}

struct kept keeper_take(struct keeper *k, size_t place)
{
	struct kept kept = k->kept[place];

	k->kept[place] = (struct kept){0};
	return kept;
}

void keeper_put(struct keeper *k, size_t place, const struct kept *kept, bool renew)
{
	(void)renew;
	fuzz_require(k->kept[place].card == NULL, "one connection is kept");
	k->kept[place] = *kept;
}

void keeper_drop(struct keeper *k, size_t place, bool reset)
{
	if (k->kept[place].card != NULL && reset)
		pcsc_reset(k->kept[place].card);
	else
		pcsc_close(k->kept[place].card);
	k->kept[place] = (struct kept){0};
}

static void follow(void)
{
	struct pcsc_reader view[CARDS];

	if (readers == NULL)
		return;
	cards_view(view);
	readers_service(readers, true);
	readers_take(readers, view, CARDS);
	readers_publish(readers);
}

enum err readers_follow(struct readers *all)
{
	readers = all;
	follow();
	return ERR_OK;
}

/* --- the agent
 * ------------------------------------------------------------------------------------- */

static struct bytes some_pin(void)
{
	static const char *const pins[] = {"", CARD_PIN, AGENT_SECRET, "9999"};

	return bytes_str(pins[agent_pick(4)]);
}

static uint32_t some_flags(void)
{
	return agent_pick(0) & TOKEN_LAST_TRY;
}

static void says_select(struct builder *b)
{
	static const char *const uris[] = {
	    "", "card:", "card:serial=12345678", "card:slot=9a", "card:slot=zz;slot=9c", "pkcs11:"};
	struct token_select m = {.number = last = 1 + agent_pick(NUMBERS - 1)};

	m.uri = bytes_str(uris[agent_pick(6)]);
	m.pin = some_pin();
	m.flags = some_flags();
	token_select_build(b, &m);
}

static void says_sign(struct builder *b)
{
	static const char *const algorithms[] = {
	    "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "ssh-ed25519", "rsa-sha2-256"};
	struct token_sign m = {.number = last = 1 + agent_pick(NUMBERS - 1)};
	unsigned which = agent_pick(KNOWN);

	m.token = bytes_str("a token");
	m.key = bytes_str("a key");
	if (which < n_known) {
		m.token = blob_view(&known[which].token);
		m.key = blob_view(&known[which].key);
	}
	m.algorithm = bytes_str(algorithms[agent_pick(4)]);
	m.pin = some_pin();
	m.flags = some_flags();
	m.data = bytes_str("what is to be signed");
	token_sign_build(b, &m);
}

static void agent_says_again(void)
{
	if (last != 0)
		asked[last]++;
}

static void agent_says(struct builder *b)
{
	const struct token_open open = {0};

	last = 0;
	switch (agent_pick(8)) {
	case 0:
		token_open_build(b, &open);
		break;
	case 1:
		token_logout_build(b);
		break;
	case 2:
		token_watch_build(b, agent_pick(2) != 0);
		break;
	case 3:
		token_resolve_build(b, bytes_str("opensc"));
		break;
	case 4:
	case 5:
		says_select(b);
		break;
	default:
		says_sign(b);
	}
	agent_says_again();
}

static void agent_does(void)
{
	unsigned what = agent_pick(4), which = agent_pick(CARDS);

	if (what == 0) {
		cards_toggle(which);
		pulled++;
	} else if (what == 1) {
		virtual_cards.busy = agent_pick(0);
	} else if (what == 2) {
		(void)work();
	}
	follow();
}

static void check_number(uint32_t number)
{
	if (number == 0 || agent.strange)
		return;
	fuzz_require(
	    number < NUMBERS && ++answered[number] <= asked[number], "a request has one answer");
}

static void take_inventory(struct token_inventory *inventory)
{
	struct token_info token;
	struct token_key key;

	while (n_known > 0) {
		n_known--;
		blob_clear(&known[n_known].token);
		blob_clear(&known[n_known].key);
	}
	for (uint32_t i = 0; i < inventory->count; i++) {
		fuzz_require(
		    token_info_next(&inventory->tokens, &token) == ERR_OK, "all are there");
		for (uint32_t k = 0; k < token.count; k++) {
			fuzz_require(
			    token_key_next(&token.keys, &key) == ERR_OK, "all keys are there");
			if (n_known < KNOWN &&
			    blob_copy(&known[n_known].token, token.id) == ERR_OK &&
			    blob_copy(&known[n_known].key, key.id) == ERR_OK)
				n_known++;
		}
	}
}

static void agent_hears(struct bytes message)
{
	struct token_inventory inventory;
	struct token_failure failure;
	struct token_signed done;
	struct reader refs;
	uint32_t number, count;

	if (message.len == 2 && message.data[1] == HELPER_ALIEN)
		return;
	if (token_inventory_parse(message, &inventory) == ERR_OK) {
		take_inventory(&inventory);
	} else if (token_signed_parse(message, &done) == ERR_OK) {
		check_number(done.number);
		fuzz_touch(done.r);
		fuzz_touch(done.s);
		/* After a card was pulled. */
		fuzz_plant(pulled != 0);
	} else if (token_selected_parse(message, &number, &count, &refs) == ERR_OK) {
		check_number(number);
	} else {
		fuzz_require(
		    token_failed_parse(message, &failure) == ERR_OK, "the core understands it");
		check_number(failure.number);
	}
}

/* --- beginning and end ---------------------------------------------------------------------------
 */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	agent_start(LIMIT_TOKEN_MESSAGE);
	cards_start();
	return 0;
}

/* What ends with the process. */
static void clear_all(void)
{
	struct token_inventory none = {0};

	take_inventory(&none);
	for (size_t i = 0; i < PCSC_READERS_MOST; i++) {
		keeper_drop(&keeper, i, false);
		for (size_t k = 0; readers != NULL && k < readers->slots[i].n; k++)
			card_token_free(readers->slots[i].tokens[k]);
	}
	if (readers != NULL)
		blob_clear(&readers->told);
	free(readers);
	readers = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t settings = agent_begin(data, size);
	enum err e;

	memset(asked, 0, sizeof(asked));
	memset(answered, 0, sizeof(answered));
	n_lanes = n_jobs = pulled = last = 0;
	newest_first = (settings & 4) != 0;
	cards_begin(settings & 3);
	e = requests_serve(agent.sock[0]);
	fuzz_require(e != ERR_OK, "there is a reason for the end");
	/* Where the process ends, lanes may still be at work. */
	while (work())
		;
	agent_end();
	for (unsigned i = 1; i < NUMBERS && e == ERR_CLOSED && !agent.strange; i++)
		fuzz_require(answered[i] == asked[i], "each request is answered");
	if (readers == NULL && n_lanes > 0)
		readers = lanes[0].ctx;
	clear_all();
	return 0;
}
