/*
 * signet-prompt's question (agent/prompt/serve.c) and a hostile agent.  The person (order.c, and
 * all ways to ask behind it) answers as the input's settings say, or looks at the question while
 * the agent says more, which takes it back; displays (display.c) are none.
 */
#include "tests/fuzz/hostile_agent.h"

/* After it: this one wants no wait of its own. */
#include <sys/eventfd.h>

#include "agent/prompt/asker.h"
#include "agent/prompt/display.h"
#include "agent/prompt/serve.h"
#include "proto/base/askpass.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

#define TYPED "what a person typed"

static enum err person;
static bool patient; /* the question is there until it is taken back, or its time is over */
static bool secret;
static int signals;

/* --- instead of the person
 * ------------------------------------------------------------------------ */

enum err display_find(const struct helper_ask *ask)
{
	struct reader r = reader_of(ask->environment);
	struct bytes entry;

	while (helper_env_next(&r, &entry) == ERR_OK)
		fuzz_require(helper_env_allowed(entry), "only what may be is put up with");
	return ERR_NO_PROMPT;
}

/* True: it is void. */
static bool look_at(const struct question *q)
{
	struct pollfd fd = {.fd = q->cancel, .events = POLLIN};
	uint64_t now = clock_now();
	int ms = 20;

	if (patient)
		ms = q->deadline == UINT64_MAX || q->deadline - now > 100000
			 ? 100000
			 : (int)(q->deadline - now);
	return poll(&fd, 1, ms) > 0;
}

void ask_in_order(const struct question *q, struct reply *reply)
{
	fuzz_require(q->title[0] != '\0', "a question has a title");
	fuzz_touch(bytes_str(q->title));
	fuzz_touch(bytes_str(q->text));
	secret = q->ask->kind == ASKPASS_SECRET;
	reply->result = look_at(q) ? ERR_CANCELLED : patient ? ERR_TIMEOUT : person;
	if (reply->result == ERR_OK)
		fuzz_require(
		    blob_copy(&reply->answer, bytes_str(TYPED)) == ERR_OK, "there is memory");
}

/* --- the agent
 * ------------------------------------------------------------------------------------- */

static void agent_says(struct builder *b)
{
	static const uint8_t kinds[] = {ASKPASS_SECRET, ASKPASS_CONFIRM, ASKPASS_NOTICE};
	unsigned how = agent_pick(0), more = agent_pick(0);
	struct helper_ask m = {.kind = kinds[how % 3], .text = bytes_str("May this be?")};
	struct builder environment = {0};

	if ((more & 1) != 0)
		m.title = bytes_str("Signet: a question");
	if ((more & 2) != 0)
		m.text = bytes_str("One line\nand another, with \"quotes\"");
	m.flags = more >> 2 & HELPER_ASK_FLAGS;
	m.timeout = more >> 4 & 7;
	if ((more & 0x80) != 0)
		builder_cstring(&environment, "DISPLAY=:0");
	m.environment = builder_view(&environment);
	m.pid = how;
	helper_ask_build(b, &m);
	builder_clear(&environment);
}

static void agent_says_again(void)
{
}

/* The process is told to end. */
static void agent_does(void)
{
	(void)eventfd_write(signals, 1);
}

static void agent_hears(struct bytes message)
{
	struct helper_answer m;

	fuzz_require(agent.answers == 1, "a question has one answer");
	if (message.len == 2 && message.data[1] == HELPER_ALIEN)
		return;
	fuzz_require(helper_answer_parse(message, &m) == ERR_OK, "the core understands it");
	fuzz_require(
	    m.answer.len == 0 || (secret && m.result == ERR_OK && bytes_is(m.answer, TYPED)),
	    "what is typed answers what was asked for");
	/* A secret, that was wanted in so short a time. */
	fuzz_plant(m.result == ERR_TIMEOUT && secret && agent.now < 110000);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	agent_start(LIMIT_HELPER_MESSAGE);
	signals = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum err all[] = {
	    ERR_OK, ERR_DENIED, ERR_TIMEOUT, ERR_NO_PROMPT, ERR_SYSTEM, ERR_MEMORY};
	uint8_t settings = agent_begin(data, size);
	uint64_t n;
	enum err e;

	person = all[(settings & 0x7f) % 6];
	patient = (settings & 0x80) != 0;
	(void)!read(signals, &n, sizeof(n));
	e = prompt_serve(agent.sock[0], signals);
	agent_end();
	fuzz_require(e != ERR_OK || agent.answers == 1, "a question is answered");
	fuzz_require(e != ERR_CANCELLED || agent.answers == 0, "one that is void is not");
	return 0;
}
