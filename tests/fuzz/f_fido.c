/*
 * signet-fido's request (tokens/fido/serve.c) and a hostile agent, with honest devices in card
 * readers: what it is asked for, and what follows while it is at work, FIDO_CANCEL among it.
 *
 * Left out is what belongs to the process or the machine: the thread that listens while a device
 * does not (cancel.c; here the operation itself looks), the sandbox (confine.c), libraries of
 * others (middleware.c) and the search for what is plugged in (cards.c, libfido2's own).
 */
#define HOSTILE_CANCEL

#include "tests/fuzz/hostile_agent.h"

/* After it: this one wants no wait of its own. */
#include "tests/fuzz/hostile_card.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include "tokens/fido/cards.h"
#include "tokens/fido/confine.h"
#include "tokens/fido/middleware.h"
#include "tokens/fido/serve.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct wanted asked; /* by the last message */
static bool watches;        /* FIDO_DEVICES was all that it told */
static unsigned readers;    /* with a device in it, a bit each */
static int card_events = -1;

/* --- instead of cancel.c ------------------------------------------------------------------------
 */

struct cancel {
	int sock;
	bool asked;
};

enum err cancel_start(int sock, struct cancel **out)
{
	static struct cancel one;

	one = (struct cancel){.sock = sock};
	*out = &one;
	return ERR_OK;
}

void cancel_watch(struct cancel *c, struct fido_dev *dev)
{
	(void)c, (void)dev;
}

void cancel_forget(struct cancel *c, struct fido_dev *dev)
{
	(void)c, (void)dev;
}

bool cancel_asked(struct cancel *c)
{
	struct pollfd fd = {.fd = c->sock, .events = POLLIN};

	c->asked = c->asked || poll(&fd, 1, 20) > 0;
	return c->asked;
}

bool cancel_end(struct cancel *c)
{
	return c->asked;
}

/* --- instead of the rest -------------------------------------------------------------------------
 */

enum err fido_confine(bool loads)
{
	(void)loads;
	return ERR_OK;
}

enum err middleware_sign(struct op *op, const struct fido_sign *m)
{
	(void)m;
	return op_fail(op, ERR_PROVIDER, "there is none");
}

enum err middleware_resident(struct op *op, const struct fido_resident *m)
{
	(void)m;
	return op_fail(op, ERR_PROVIDER, "there is none");
}

enum err op_resolve(struct op *op)
{
	struct bytes path;
	enum err e = fido_text_parse(op->message, FIDO_RESOLVE, &path);

	return e == ERR_OK ? ERR_PROVIDER : e;
}

enum err op_load(struct op *op)
{
	struct bytes path;
	enum err e = fido_text_parse(op->message, FIDO_LOAD, &path);

	return e == ERR_OK ? ERR_PROVIDER : e;
}

int fido_dev_info_manifest(fido_dev_info_t *list, size_t most, size_t *n)
{
	(void)list, (void)most;
	*n = 0;
	return FIDO_OK;
}

int inotify_init1(int flags)
{
	(void)flags;
	return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	(void)fd, (void)path, (void)mask;
	return 1;
}

void cards_list(struct found_list *out)
{
	for (unsigned i = 0; i < HOSTILE_DEVICES; i++) {
		struct pcsc_reader r = {.name = {(char)('0' + i)}, .present = true};

		if ((readers >> i & 1) != 0)
			list_card(out, &r, i);
	}
}

enum err cards_watch_start(struct cards_watch **out, int *fd)
{
	*out = NULL;
	*fd = card_events;
	return ERR_OK;
}

void cards_watch_poke(struct cards_watch *w)
{
	(void)w;
}

void cards_now(struct cards_watch *w, struct found_list *out)
{
	uint64_t n;

	(void)w;
	(void)!read(card_events, &n, sizeof(n));
	cards_list(out);
}

/* --- the agent -----------------------------------------------------------------------------------
 */

static void says_request(struct builder *b)
{
	struct bytes choices = BYTES_NONE;

	(void)reader_take(&agent.step, agent.step.left < 2 ? agent.step.left : 2, &choices);
	hostile.script = reader_of(choices);
	asked = hostile_wanted();
	hostile.script = reader_of(BYTES_NONE);
	hostile_request(&asked, b);
}

static void agent_says(struct builder *b)
{
	static const enum fido_kind plain[] = {FIDO_WATCH, FIDO_LIST, FIDO_CANCEL};
	static const enum fido_kind text[] = {FIDO_RESOLVE, FIDO_LOAD};
	unsigned what = agent_pick(9);

	if (what < 5)
		fido_plain_build(b, plain[what % 3]);
	else if (what < 7)
		fido_text_build(b, text[what % 2], bytes_str("/usr/lib/libsk.so"));
	else
		says_request(b);
}

/* Plugged in, pulled out. */
static void agent_does(void)
{
	readers ^= 1u << agent_pick(HOSTILE_DEVICES);
	(void)eventfd_write(card_events, 1);
}

static void check_signed(const struct fido_signed *m)
{
	fuzz_touch(m->r);
	fuzz_touch(m->s);
	/* By the device that looks at fingers. */
	fuzz_plant(asked.device == 1 && asked.ed25519);
}

static void agent_says_again(void)
{
}

static void agent_hears(struct bytes message)
{
	struct fido_device devices[FIDO_PATHS_MOST];
	struct fido_failure failure;
	struct fido_signed done;
	struct fido_info info;
	struct reader keys;
	struct bytes b;
	uint32_t n;
	size_t count;

	fuzz_require(watches, "a request has one answer");
	watches = fido_devices_parse(message, devices, &count) == ERR_OK;
	if (watches || (message.len == 2 && message.data[1] == HELPER_ALIEN))
		return;
	if (fido_signed_parse(message, &done) == ERR_OK) {
		check_signed(&done);
		return;
	}
	fuzz_require(fido_failed_parse(message, &failure) == ERR_OK ||
			 fido_probed_parse(message, &info, &b) == ERR_OK ||
			 fido_keys_parse(message, &keys, &n) == ERR_OK ||
			 fido_text_parse(message, FIDO_CHOSEN, &b) == ERR_OK,
	    "the core understands it");
}

/* --- beginning
 * ------------------------------------------------------------------------------------- */

static uint64_t all_time(void)
{
	agent.now += 20;
	return agent.now + hostile.now;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	hostile_start();
	agent_start(LIMIT_FIDO_ANSWER);
	clock_replace(all_time, NULL);
	card_events = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum err e;

	readers = agent_begin(data, size);
	watches = true;
	hostile.now = 0;
	for (unsigned i = 0; i < HOSTILE_DEVICES; i++)
		authenticator_power_cycle(hostile.device[i]);
	(void)authenticator_set_pin(hostile.device[0], HOSTILE_PIN);
	e = fido_serve(agent.sock[0]);
	agent_end();
	fuzz_require(e != ERR_OK || agent.answers != 0, "a request is answered");
	return 0;
}
