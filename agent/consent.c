#include "agent/consent.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "agent/candidates.h"
#include "agent/consent_purpose.h"
#include "agent/consent_text.h"
#include "proto/base/clock.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

enum {
	MOST_ANSWERS = 256,
	/* Of QUESTION_ROOM, for those who put words of their own before and behind. */
	ABOUT_ROOM = 600,
};

static const char title[] = "Signet: allow use of a key?";

/* Whose use of what, under which rule, an answer is for. */
struct subject {
	char key[FINGERPRINT_ROOM];
	char purpose[FINGERPRINT_ROOM]; /* digest of the way, and of what is done at its end */
	enum confirm_rule confirm;
	uint32_t seconds;
	uint64_t client; /* once-per-connection: the connection; else 0, and */
	pid_t pid;       /* the application, identified for ever */
	uint64_t started;
};

struct answer {
	struct answer *next;
	struct subject subject;
	uint64_t until; /* clock_now(); UINT64_MAX: as long as the connection */
};

enum stage {
	STAGE_WHO,    /* testimony is set */
	STAGE_BEHIND, /* another inquiry asks the same first, or its turn is about to come */
	STAGE_NAMES,  /* query is set: the names of hosts[named] */
	STAGE_ASKING, /* prompt is set */
};

struct inquiry {
	struct inquiry *next, *prev;
	struct consents *all;
	enum stage stage;
	bool doubtful; /* who asks, or what for, is not known: an answer holds this once */
	bool quiet;    /* nobody is asked: who and where are all that is wanted */
	bool astray;   /* the login is not of the session that the client proved */
	bool waited;   /* it was behind another: of its time only the rest is left */
	uint64_t over; /* clock_now() when that time is over */
	enum err (*allowed)(void *ctx);
	void (*done)(void *ctx, enum err result, enum consent how, struct bytes destination);
	void *ctx;
	struct testimony *testimony;
	struct hostnames_query *query;
	struct prompt *prompt;
	struct key_rules rules;
	struct subject subject;
	struct asker who;
	struct lineage lineage;
	struct blob comment, data, destinations;
	const struct route *route;
	struct host_text hosts[LIMIT_SESSION_BINDS];
	size_t host_count, named;
};

/* Does a yes hold for later requests? */
static bool is_remembered(const struct inquiry *q)
{
	if (q->doubtful)
		return false;
	return q->rules.confirm == CONFIRM_CONNECTION || q->rules.confirm == CONFIRM_TIMED;
}

static bool same_subject(const struct subject *a, const struct subject *b)
{
	return strcmp(a->key, b->key) == 0 && strcmp(a->purpose, b->purpose) == 0 &&
	       a->confirm == b->confirm && a->seconds == b->seconds && a->client == b->client &&
	       a->pid == b->pid && a->started == b->started;
}

/* Does one answer do for both?  Where it is not known what for, only for the very same request. */
static bool same_consent(const struct inquiry *a, const struct inquiry *b)
{
	return a->subject.purpose[0] != '\0' && a->doubtful == b->doubtful &&
	       same_subject(&a->subject, &b->subject);
}

static void unlink_inquiry(struct inquiry *q)
{
	struct consents *cs = q->all;

	if (q->prev != NULL)
		q->prev->next = q->next;
	else
		cs->first = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	else
		cs->last = q->prev;
}

static void inquiry_free(struct inquiry *q)
{
	blob_clear(&q->comment);
	blob_clear(&q->data);
	blob_clear(&q->destinations);
	free(q);
}

static struct question question_of(const struct inquiry *q)
{
	return (struct question){
	    .comment = blob_view(&q->comment),
	    .print = q->subject.key,
	    .data = blob_view(&q->data),
	    .lineage = &q->lineage,
	    .hosts = q->hosts,
	    .host_count = q->host_count,
	    .unproven = q->route->failed,
	    .astray = q->astray,
	};
}

/* Who asks is known already, and may be gone by the time that the log would look. */
static void introduce(const struct inquiry *q)
{
	char label[LINEAGE_LABEL];

	if (q->lineage.count != 0)
		decisions_introduce(
		    q->all->decisions, &q->who, lineage_label(&q->lineage.process[0], label));
}

/* q is decided, and dead. */
static void settle(struct inquiry *q, enum err result, enum consent how)
{
	struct question question = question_of(q);
	struct builder words = {0};

	unlink_inquiry(q);
	introduce(q);
	question_destination(&words, &question);
	q->done(q->ctx, result, how,
	    builder_error(&words) == ERR_OK ? builder_view(&words) : BYTES_NONE);
	builder_clear(&words);
	inquiry_free(q);
}

/* The oldest that waits behind q. */
static struct inquiry *follower(const struct inquiry *q)
{
	struct inquiry *f = q->all->first;

	while (f != NULL && (f->stage != STAGE_BEHIND || !same_consent(f, q)))
		f = f->next;
	return f;
}

static bool answered_before(struct consents *cs, const struct subject *subject)
{
	uint64_t now = clock_now();

	for (struct answer **at = &cs->answers; *at != NULL;) {
		struct answer *a = *at;

		if (a->until <= now) {
			*at = a->next;
			cs->answer_count--;
			free(a);
			continue;
		}
		if (same_subject(&a->subject, subject))
			return true;
		at = &a->next;
	}
	return false;
}

static void drop_oldest_answer(struct consents *cs)
{
	struct answer **at = &cs->answers;

	while ((*at)->next != NULL)
		at = &(*at)->next;
	free(*at);
	*at = NULL;
	cs->answer_count--;
}

/* Without memory the person is simply asked again. */
static void remember(const struct inquiry *q)
{
	struct consents *cs = q->all;
	struct answer *a = malloc(sizeof(*a));

	if (a == NULL)
		return;
	if (cs->answer_count == MOST_ANSWERS)
		drop_oldest_answer(cs);
	a->subject = q->subject;
	a->until = q->rules.confirm == CONFIRM_TIMED
		       ? clock_now() + (uint64_t)q->rules.confirm_seconds * 1000
		       : UINT64_MAX;
	a->next = cs->answers;
	cs->answers = a;
	cs->answer_count++;
}

/* Of one key, or of all: NULL. */
static bool is_of(const struct subject *subject, const char *print)
{
	return print == NULL || strcmp(subject->key, print) == 0;
}

static void review_soon(struct consents *cs);

void consent_forget(struct consents *cs, const char *print)
{
	for (struct answer **at = &cs->answers; *at != NULL;) {
		struct answer *a = *at;

		if (!is_of(&a->subject, print)) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		cs->answer_count--;
		free(a);
	}
	/* Nor is a yes kept to a question that was open before. */
	for (struct inquiry *q = cs->first; q != NULL; q = q->next) {
		if (is_of(&q->subject, print))
			q->doubtful = true;
	}
	review_soon(cs);
}

static void find_names(struct inquiry *q);

/* Is the same being asked, or about to be? */
static bool being_asked(const struct inquiry *q)
{
	for (const struct inquiry *o = q->all->first; o != NULL; o = o->next) {
		if (o != q && !o->quiet && (o->stage == STAGE_NAMES || o->stage == STAGE_ASKING) &&
		    same_consent(o, q))
			return true;
	}
	return false;
}

/* Each turn may end inquiries at once, where nothing can be asked: the walk begins anew. */
static void take_turns(struct task *t)
{
	struct consents *cs = (void *)((char *)t - offsetof(struct consents, turns));
	struct inquiry *q = cs->first;

	cs->turns_posted = false;
	while (q != NULL) {
		if (q->stage == STAGE_BEHIND && !being_asked(q)) {
			find_names(q);
			q = cs->first;
		} else {
			q = q->next;
		}
	}
}

/*
 * q no longer asks: who waits behind it asks for himself.  Not from here, so that a long row is no
 * deep stack, and clients that leave together start no helpers for one another.
 */
static void pass_on(const struct inquiry *q)
{
	struct consents *cs = q->all;

	if (cs->turns_posted || follower(q) == NULL)
		return;
	cs->turns_posted = true;
	cs->turns.run = take_turns;
	loop_post(cs->loop, &cs->turns);
}

static void person_answered(void *ctx, enum err result, struct bytes answer)
{
	struct inquiry *q = ctx;
	struct inquiry *f;
	bool unseen = prompt_is_unseen(result);
	bool given = !unseen && result != ERR_TIMEOUT;

	(void)answer;
	q->prompt = NULL;
	if (is_remembered(q) && result == ERR_OK)
		remember(q);
	/* Who does not answer one question does not answer the same again. */
	if (is_remembered(q) || result == ERR_TIMEOUT) {
		while ((f = follower(q)) != NULL)
			settle(f, result, given ? CONSENT_REMEMBERED : CONSENT_NOT_ASKED);
	} else {
		pass_on(q);
	}
	settle(q, result, unseen ? CONSENT_NOT_ASKED : CONSENT_ASKED);
}

/* In seconds for helper_ask.timeout; none is left to one that is over. */
static uint32_t time_left(const struct inquiry *q)
{
	uint64_t now = clock_now();

	return now < q->over ? (uint32_t)((q->over - now + 999) / 1000) : 0;
}

static void open_question(struct inquiry *q)
{
	struct consents *cs = q->all;
	struct question question = question_of(q);
	struct builder text = {0};
	struct helper_ask ask = {
	    .kind = ASKPASS_CONFIRM,
	    .title = bytes_str(title),
	    .pid = (uint32_t)q->who.pid,
	    .started = consent_client_started(q),
	    .flags = route_is_remote(q->route) ? HELPER_ASK_FORWARDED : 0,
	    .timeout = cs->timeout,
	    .environment = cs->environment != NULL ? blob_view(cs->environment) : BYTES_NONE,
	};

	if (q->quiet) {
		settle(q, ERR_OK, CONSENT_NOT_ASKED);
		return;
	}
	if (q->waited) {
		ask.timeout = time_left(q);
		if (ask.timeout == 0) {
			pass_on(q);
			settle(q, ERR_TIMEOUT, CONSENT_NOT_ASKED);
			return;
		}
	}
	question_build(&text, &question);
	ask.text = builder_view(&text);
	q->stage = STAGE_ASKING;
	if (builder_error(&text) == ERR_OK)
		q->prompt = prompt_ask(cs->prompts, &ask, person_answered, q);
	builder_clear(&text);
	if (q->prompt != NULL)
		return;
	pass_on(q);
	settle(q, ERR_MEMORY, CONSENT_NOT_ASKED);
}

static const struct bind *bind_at(const struct route *route, size_t i)
{
	const struct bind *b = route->first;

	while (b != NULL && i-- != 0)
		b = b->next;
	return b;
}

static void name_found(void *ctx, enum err result, const char *text)
{
	struct inquiry *q = ctx;
	struct host_text *host = &q->hosts[q->named++];

	q->query = NULL;
	host->searched = result;
	strncpy(host->names, text, sizeof(host->names) - 1);
	if (result == ERR_OK && q->all->hostbook != NULL)
		hostbook_note(q->all->hostbook, host->print, text);
	find_names(q);
}

/* Names of the hosts on the way, one after the other; then the question. */
static void find_names(struct inquiry *q)
{
	struct candidates candidates;

	if (q->named < q->host_count)
		candidates_gather(&candidates, &q->lineage, blob_view(&q->destinations));
	q->stage = STAGE_NAMES;
	for (; q->named < q->host_count; q->named++) {
		const struct bind *b = bind_at(q->route, q->named);

		if (b != NULL)
			q->query = hostnames_ask(q->all->hostnames, b->host_key, candidates.name,
			    candidates.n, name_found, q);
		if (q->query != NULL)
			return;
		q->hosts[q->named].searched = ERR_MEMORY;
	}
	open_question(q);
}

static void set_subject(struct inquiry *q)
{
	const struct process *app = lineage_application(&q->lineage);

	if (consent_purpose(q->route, blob_view(&q->data), q->doubtful, q->subject.purpose) !=
	    ERR_OK) {
		q->subject.purpose[0] = '\0';
		q->doubtful = true;
	}
	q->subject.confirm = q->rules.confirm;
	q->subject.seconds = q->rules.confirm_seconds;
	if (q->rules.confirm == CONFIRM_CONNECTION) {
		q->subject.client = q->who.client;
		return;
	}
	/* A number alone may soon be another program's. */
	if (app == NULL)
		q->doubtful = true;
	q->subject.pid = app != NULL ? app->pid : q->who.pid;
	q->subject.started = app != NULL ? app->started : 0;
}

static void stay_behind(struct inquiry *q)
{
	q->stage = STAGE_BEHIND;
	q->waited = true;
}

static void client_known(void *ctx, const struct lineage *who)
{
	struct inquiry *q = ctx;

	q->testimony = NULL;
	q->lineage = *who;
	set_subject(q);
	if (q->quiet)
		find_names(q);
	else if (is_remembered(q) && answered_before(q->all, &q->subject))
		settle(q, ERR_OK, CONSENT_REMEMBERED);
	else if (being_asked(q))
		stay_behind(q);
	else
		find_names(q);
}

static void note_hosts(struct inquiry *q)
{
	for (const struct bind *b = q->route->first; b != NULL; b = b->next) {
		struct host_text *host = &q->hosts[q->host_count];
		const char *names = hostbook_find(q->all->hostbook, b->print);

		if (q->host_count == LIMIT_SESSION_BINDS)
			return;
		host->forwarding = b->forwarding;
		strcpy(host->print, b->print);
		/* For the log, where an earlier answer holds; a question searches anew. */
		if (names != NULL)
			strcpy(host->names, names);
		q->host_count++;
	}
}

static enum err copy_request(struct inquiry *q, const struct consent_request *r)
{
	enum err e = blob_copy(&q->comment, r->comment);
	struct sign_data what;

	sign_data_read(r->data, &what);
	if (e == ERR_OK)
		e = blob_copy(&q->data, r->data);
	if (e == ERR_OK)
		e = blob_copy(&q->destinations, r->destinations);
	strncpy(q->subject.key, r->print, sizeof(q->subject.key) - 1);
	q->rules = r->rules;
	q->quiet = r->quiet;
	q->who = r->who;
	q->route = r->route;
	q->allowed = r->allowed;
	q->over = clock_now() +
		  (q->all->timeout != 0 ? q->all->timeout * UINT64_C(1000) : LIMIT_PROMPT_MS);
	q->astray = route_is_astray(r->route, &what);
	q->doubtful = !consent_is_known(r->route, &what);
	return e;
}

struct inquiry *consent_ask(struct consents *cs, const struct consent_request *r,
    void (*done)(void *ctx, enum err result, enum consent how, struct bytes destination), void *ctx)
{
	struct inquiry *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->all = cs;
	q->done = done;
	q->ctx = ctx;
	if (copy_request(q, r) == ERR_OK)
		q->testimony = witness_ask(cs->witness, r->who.pid, r->who.since, client_known, q);
	if (q->testimony == NULL) {
		inquiry_free(q);
		return NULL;
	}
	note_hosts(q);
	q->prev = cs->last;
	if (cs->last != NULL)
		cs->last->next = q;
	else
		cs->first = q;
	cs->last = q;
	return q;
}

void consent_about(const struct inquiry *q, struct builder *b)
{
	struct question question = question_of(q);

	question_about(b, &question, ABOUT_ROOM);
}

uint64_t consent_client_started(const struct inquiry *q)
{
	return q->lineage.count != 0 ? q->lineage.process[0].started : 0;
}

bool consent_is_shown(const struct inquiry *q)
{
	return prompt_is_shown(q->prompt);
}

/* Nothing of it is under way any more. */
static void withdraw(struct inquiry *q)
{
	bool asked = q->stage == STAGE_NAMES || q->stage == STAGE_ASKING;

	witness_cancel(q->testimony);
	hostnames_cancel(q->query);
	prompt_cancel(q->prompt);
	if (asked)
		pass_on(q);
}

void consent_cancel(struct inquiry *q)
{
	if (q == NULL)
		return;
	withdraw(q);
	unlink_inquiry(q);
	introduce(q);
	inquiry_free(q);
}

/* Each end may bring others with it: the walk begins anew. */
static void review(struct task *t)
{
	struct consents *cs = (void *)((char *)t - offsetof(struct consents, review));
	struct inquiry *q = cs->first;

	cs->review_posted = false;
	while (q != NULL) {
		enum err e = q->allowed != NULL ? q->allowed(q->ctx) : ERR_OK;
		bool shown = consent_is_shown(q);

		if (e == ERR_OK) {
			q = q->next;
			continue;
		}
		withdraw(q);
		settle(q, e, shown ? CONSENT_ASKED : CONSENT_NOT_ASKED);
		q = cs->first;
	}
}

static void review_soon(struct consents *cs)
{
	if (cs->review_posted || cs->first == NULL)
		return;
	cs->review_posted = true;
	cs->review.run = review;
	loop_post(cs->loop, &cs->review);
}

struct consent_counts consent_count(const struct consents *cs)
{
	struct consent_counts n = {0};

	for (const struct inquiry *q = cs->first; q != NULL; q = q->next) {
		if (q->stage == STAGE_BEHIND)
			n.behind++;
		else if (q->stage == STAGE_ASKING)
			n.asking++;
		else
			n.looking++;
	}
	return n;
}
