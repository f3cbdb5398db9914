/* The decision log. */
#include "tests/support/base_test.h"

#include <string.h>

#include "agent/decisions.h"
#include "proto/base/clock.h"
#include "proto/ctlmsg.h"
#include "proto/limits.h"

struct heard {
	unsigned journal, notify, follow;
	bool full; /* nothing can be sent to the journal */
	uint64_t left_out, last;
};

/* Posted last, so run last. */
struct end {
	struct task task;
	struct loop *loop;
};

static void stop(struct task *t)
{
	loop_stop(((struct end *)(void *)t)->loop);
}

static int64_t noon(void)
{
	return 1000000000; /* 2001-09-09T01:46:40Z, as date -u -d @1000000000 says */
}

static bool journal(void *ctx, const struct entry *e, uint64_t left_out)
{
	struct heard *h = ctx;

	if (h->full)
		return false;
	h->journal++;
	h->left_out += left_out;
	assert_true(e->number > h->last);
	h->last = e->number;
	return true;
}

static void notify(void *ctx, const struct entry *e)
{
	assert_true(decision_wanted(e));
	((struct heard *)ctx)->notify++;
}

static void follow(void *ctx)
{
	((struct heard *)ctx)->follow++;
}

static void put(struct decisions *ds, enum decision_what what, enum err why)
{
	const struct asker who = {.client = 1, .pid = 77};
	const struct decision d = {
	    .what = what, .why = why, .print = "SHA256:abc", .comment = bytes_str("me\n")};

	decisions_put(ds, &who, &d);
}

static void test_only_the_last_thousand_stay(void **state)
{
	struct decisions *ds = decisions_new(NULL);
	uint64_t after = 0, count = 0;
	const struct entry *e;

	(void)state;
	assert_null(decisions_after(ds, 0));
	for (int i = 0; i < 2500; i++)
		put(ds, DECISION_SIGN, ERR_OK);
	assert_int_equal(decisions_last(ds), 2500);
	assert_int_equal(decisions_after(ds, 0)->number, 1501);
	while ((e = decisions_after(ds, after)) != NULL) {
		after = e->number;
		count++;
	}
	assert_int_equal(count, 1000);
	assert_int_equal(after, 2500);
	assert_null(decisions_after(ds, UINT64_MAX));
	decisions_free(ds);
}

static void test_texts_are_escaped_and_cut(void **state)
{
	struct decisions *ds = decisions_new(NULL);
	static uint8_t longest[100000];
	const struct asker who = {.client = 1, .pid = 77};
	const struct decision d = {.what = DECISION_SIGN,
	    .comment = BYTES(longest, sizeof(longest)),
	    .destination = BYTES(longest, sizeof(longest))};
	const struct entry *e;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[0] = '\033';
	decisions_put(ds, &who, &d);
	e = decisions_after(ds, 0);
	assert_int_equal(strncmp(e->comment, "\\x1bxxx", 7), 0);
	assert_int_equal(strlen(e->comment), DECISION_COMMENT - 1);
	assert_in_range(strlen(e->destination), 1, DECISION_DESTINATION - 1);
	decisions_free(ds);
}

static void test_journal_is_spared(void **state)
{
	struct decisions *ds = decisions_new(NULL);
	struct heard h = {0};

	(void)state;
	clock_replace(NULL, noon);
	decisions_hook(ds, &(struct decision_hooks){
			       .journal = journal, .notify = notify, .follow = follow, .ctx = &h});
	for (int i = 0; i < 200; i++)
		put(ds, DECISION_SIGN, ERR_OK);
	assert_int_equal(h.journal, LIMIT_JOURNAL_A_SECOND);
	assert_int_equal(h.left_out, 0);
	assert_int_equal(h.follow, 200);
	clock_replace(NULL, NULL);
	put(ds, DECISION_SIGN, ERR_LOCKED);
	assert_int_equal(h.journal, LIMIT_JOURNAL_A_SECOND + 1);
	assert_int_equal(h.left_out, 200 - LIMIT_JOURNAL_A_SECOND);
	assert_int_equal(h.notify, 1);
	put(ds, DECISION_SIGN, ERR_SURPLUS);
	put(ds, DECISION_ADD, ERR_LOCKED);
	assert_int_equal(h.notify, 1);
	decisions_free(ds);
}

/* What could not be sent is counted in what can be. */
static void test_full_channel_is_told_afterwards(void **state)
{
	struct decisions *ds = decisions_new(NULL);
	struct heard h = {.full = true};

	(void)state;
	clock_replace(NULL, noon);
	decisions_hook(ds, &(struct decision_hooks){.journal = journal, .ctx = &h});
	for (unsigned i = 0; i < LIMIT_JOURNAL_A_SECOND + 1; i++)
		put(ds, DECISION_SIGN, ERR_OK);
	h.full = false;
	put(ds, DECISION_SIGN, ERR_OK);
	assert_int_equal(h.journal, 1);
	assert_int_equal(h.left_out, LIMIT_JOURNAL_A_SECOND + 1);
	put(ds, DECISION_SIGN, ERR_OK);
	assert_int_equal(h.left_out, LIMIT_JOURNAL_A_SECOND + 1);
	clock_replace(NULL, NULL);
	decisions_free(ds);
}

static void test_what_a_person_wants_to_know(void **state)
{
	static const struct {
		enum decision_what what;
		enum err why;
		enum consent consent;
		bool wanted;
	} table[] = {
	    {DECISION_SIGN, ERR_NO_PROMPT, CONSENT_NOT_ASKED, true},
	    {DECISION_SIGN, ERR_HELPER_MISSING, CONSENT_NOT_ASKED, true},
	    {DECISION_SIGN, ERR_TIMEOUT, CONSENT_ASKED, true},
	    {DECISION_SIGN, ERR_LOCKED, CONSENT_NOT_ASKED, true},
	    {DECISION_SIGN, ERR_ROUTE, CONSENT_NOT_ASKED, true},
	    {DECISION_SIGN, ERR_LOCAL_ONLY, CONSENT_NOT_ASKED, true},
	    {DECISION_SIGN, ERR_SIGN_ALGORITHM, CONSENT_NOT_ASKED, true},
	    {DECISION_SIGN, ERR_NOT_FOUND, CONSENT_ASKED, true},
	    {DECISION_SIGN, ERR_NOT_FOUND, CONSENT_NOT_ASKED, false},
	    {DECISION_SIGN, ERR_SIGN_FLAGS, CONSENT_NOT_ASKED, false},
	    {DECISION_SIGN, ERR_DENIED, CONSENT_ASKED, false},
	    {DECISION_SIGN, ERR_OK, CONSENT_ASKED, false},
	    {DECISION_REMOVE, ERR_NOT_FOUND, CONSENT_NOT_ASKED, false},
	    {DECISION_ADD, ERR_LOCKED, CONSENT_NOT_ASKED, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct entry e = {.number = 1,
		    .what = (uint8_t)table[i].what,
		    .why = (uint8_t)table[i].why,
		    .consent = (uint8_t)table[i].consent};

		if (decision_wanted(&e) != table[i].wanted)
			fail_msg("%s: %s", decision_words(e.what), err_text(table[i].why));
	}
}

static void assert_pair(struct bytes record, const char *name, const char *value)
{
	struct bytes got = BYTES_NONE;

	assert_true(ctl_value(reader_of(record), name, &got));
	assert_true(bytes_is(got, value));
}

static void test_record_says_all(void **state)
{
	struct decisions *ds = decisions_new(NULL);
	struct builder b = {0};
	struct bytes none;

	(void)state;
	clock_replace(NULL, noon);
	put(ds, DECISION_SIGN, ERR_LOCKED);
	clock_replace(NULL, NULL);
	decision_build(&b, decisions_after(ds, 0), false);
	assert_pair(builder_view(&b), "number", "1");
	assert_pair(builder_view(&b), "time", "2001-09-09T01:46:40Z");
	assert_pair(builder_view(&b), "request", "sign");
	assert_pair(builder_view(&b), "answer", "refused");
	assert_pair(builder_view(&b), "reason", "the agent is locked");
	assert_pair(builder_view(&b), "key", "SHA256:abc");
	assert_pair(builder_view(&b), "comment", "me\\x0a");
	assert_pair(builder_view(&b), "pid", "77");
	assert_pair(builder_view(&b), "forwarded", "no");
	assert_pair(builder_view(&b), "consent", "not asked");
	assert_false(ctl_value(reader_of(builder_view(&b)), "destination", &none));
	builder_clear(&b);
	decisions_free(ds);
}

/* A locked agent shows no key; that and why it was asked is no secret. */
static void test_hidden_record_shows_no_key(void **state)
{
	static const char *const hidden[] = {"key", "comment", "destination", "through"};
	const struct asker who = {.client = 1, .pid = 77};
	const struct decision d = {.what = DECISION_SIGN,
	    .why = ERR_LOCKED,
	    .forwarded = true,
	    .print = "SHA256:abc",
	    .comment = bytes_str("me"),
	    .destination = bytes_str("you@db1"),
	    .through = bytes_str("hop"),
	    .view = bytes_str("work")};
	struct decisions *ds = decisions_new(NULL);
	struct builder whole = {0}, b = {0};
	struct bytes value;

	(void)state;
	decisions_put(ds, &who, &d);
	decision_build(&whole, decisions_after(ds, 0), false);
	decision_build(&b, decisions_after(ds, 0), true);
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		assert_true(ctl_value(reader_of(builder_view(&whole)), hidden[i], &value));
		assert_false(ctl_value(reader_of(builder_view(&b)), hidden[i], &value));
	}
	assert_pair(builder_view(&whole), "destination", "you@db1");
	assert_pair(builder_view(&whole), "through", "hop");
	assert_false(ctl_value(reader_of(builder_view(&whole)), "hidden", &value));
	assert_true(ctl_value(reader_of(builder_view(&b)), "hidden", &value));
	assert_pair(builder_view(&b), "reason", "the agent is locked");
	assert_pair(builder_view(&b), "pid", "77");
	assert_pair(builder_view(&b), "forwarded", "yes");
	assert_pair(builder_view(&b), "view", "work");
	builder_clear(&whole);
	builder_clear(&b);
	decisions_free(ds);
}

/* Without a supervisor every client is soon known to be gone; its decisions are held back till
 * then. */
static void test_names_come_later_and_in_order(void **state)
{
	struct watch nowhere = {.fd = -1};
	struct outbox outbox = {.channel = &nowhere};
	struct witness w = {.loop = loop_new(), .outbox = &outbox};
	struct decisions *ds = decisions_new(&w);
	struct heard h = {0};
	struct end end = {.task.run = stop};

	(void)state;
	decisions_hook(ds, &(struct decision_hooks){.journal = journal, .ctx = &h});
	put(ds, DECISION_SIGN, ERR_OK);
	put(ds, DECISION_SIGN, ERR_OK);
	assert_int_equal(w.open, 1); /* asked once a connection */
	assert_null(decisions_ready(ds, 0));
	assert_non_null(decisions_after(ds, 0));
	assert_int_equal(h.journal, 0);
	/* Another connection in the same place: what waited for the first name waits no more. */
	decisions_put(ds, &(struct asker){.client = 257, .pid = 78},
	    &(struct decision){.what = DECISION_LOCK});
	assert_int_equal(decisions_ready(ds, 0)->number, 1);
	assert_null(decisions_ready(ds, 2));
	assert_int_equal(h.journal, 2);
	decisions_free(ds);
	assert_int_equal(w.open, 0);
	/* What was cancelled is freed by the loop. */
	end.loop = w.loop;
	loop_post(w.loop, &end.task);
	loop_run(w.loop);
	loop_free(w.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_the_last_thousand_stay),
	    cmocka_unit_test(test_texts_are_escaped_and_cut),
	    cmocka_unit_test(test_journal_is_spared),
	    cmocka_unit_test(test_full_channel_is_told_afterwards),
	    cmocka_unit_test(test_what_a_person_wants_to_know),
	    cmocka_unit_test(test_record_says_all),
	    cmocka_unit_test(test_hidden_record_shows_no_key),
	    cmocka_unit_test(test_names_come_later_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
