#include "agent/decisions.h"

#include <stdlib.h>
#include <string.h>

#include "keystore/fingerprint.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"
#include "proto/ctlmsg.h"
#include "proto/limits.h"

enum { NAMES = 256 };

/* The name of a connection's client: not asked for (client is another's), asked for, or known. */
struct name {
	uint64_t client;
	struct decisions *all;
	struct testimony *asked;
	char program[DECISION_PROGRAM];
};

/* How much may still go to the journal in this second. */
struct ration {
	int64_t second;
	unsigned written;
	uint64_t left_out; /* since the last one written */
};

/*
 * ring[(number - 1) % LIMIT_DECISIONS] is the decision of this number; last is the newest one's.
 * Names lie in names[client % NAMES], the last one to come keeping the place.
 */
struct decisions {
	struct witness *witness;
	struct decision_hooks hooks;
	struct ration ration;
	uint64_t last, told; /* numbers of the newest, and of the last that was told */
	struct name names[NAMES];
	struct entry ring[LIMIT_DECISIONS];
};

struct decisions *decisions_new(struct witness *w)
{
	/* calloc: what is never used of it costs no memory. */
	struct decisions *ds = calloc(1, sizeof(*ds));

	if (ds != NULL)
		ds->witness = w;
	return ds;
}

void decisions_free(struct decisions *ds)
{
	for (size_t i = 0; ds != NULL && i < NAMES; i++)
		witness_cancel(ds->names[i].asked);
	free(ds);
}

void decisions_hook(struct decisions *ds, const struct decision_hooks *hooks)
{
	ds->hooks = *hooks;
}

static struct entry *entry_of(struct decisions *ds, uint64_t number)
{
	return &ds->ring[(number - 1) % LIMIT_DECISIONS];
}

static uint64_t oldest(const struct decisions *ds)
{
	return ds->last > LIMIT_DECISIONS ? ds->last - LIMIT_DECISIONS + 1 : 1;
}

/* Nothing waits for this name any more: enter it where it was waited for. */
static void settle(const struct name *n)
{
	struct decisions *ds = n->all;

	for (uint64_t i = ds == NULL ? 0 : ds->last; i != 0 && i >= oldest(ds); i--) {
		struct entry *e = entry_of(ds, i);

		if (e->client != n->client || !e->unnamed)
			continue;
		memcpy(e->program, n->program, sizeof(e->program));
		e->unnamed = false;
	}
}

/*
 * A client can ask for thousands of signatures a second, and the journal is for people: beyond the
 * ration only their number is written.
 */
static void tell_journal(struct decisions *ds, const struct entry *e)
{
	struct ration *r = &ds->ration;
	int64_t now = clock_wall();

	r->left_out += e->number - ds->told - 1;
	ds->told = e->number;
	if (r->second != now) {
		r->second = now;
		r->written = 0;
	}
	if (ds->hooks.journal == NULL || r->written >= LIMIT_JOURNAL_A_SECOND ||
	    !ds->hooks.journal(ds->hooks.ctx, e, r->left_out)) {
		r->left_out++;
		return;
	}
	r->written++;
	r->left_out = 0;
}

/* In order, and each with its client's name. */
static void tell(struct decisions *ds)
{
	const struct decision_hooks *h = &ds->hooks;
	const struct entry *e;

	while ((e = decisions_ready(ds, ds->told)) != NULL) {
		tell_journal(ds, e);
		if (h->notify != NULL && decision_wanted(e))
			h->notify(h->ctx, e);
	}
	if (h->follow != NULL)
		h->follow(h->ctx);
}

/* The name came: fill it in where it was waited for. */
static void named(void *ctx, const struct lineage *who)
{
	struct name *n = ctx;
	char label[LINEAGE_LABEL];
	const char *program =
	    who->count == 0 ? DECISION_GONE : lineage_label(&who->process[0], label);

	n->asked = NULL;
	text_escape(bytes_str(program), n->program, sizeof(n->program));
	settle(n);
	tell(n->all);
}

/* The place of this client's name; where it was another's, that one is asked for no more. */
static struct name *name_place(struct decisions *ds, const struct asker *who)
{
	struct name *n = &ds->names[who->client % NAMES];

	if (n->client == who->client)
		return n;
	if (n->asked != NULL) {
		witness_cancel(n->asked);
		settle(n);
	}
	*n = (struct name){.client = who->client, .all = ds};
	return n;
}

void decisions_introduce(struct decisions *ds, const struct asker *who, const char *program)
{
	struct name *n;

	if (ds == NULL || who->client == 0)
		return;
	n = name_place(ds, who);
	witness_cancel(n->asked);
	n->asked = NULL;
	text_escape(bytes_str(program), n->program, sizeof(n->program));
	settle(n);
	tell(ds);
}

/* Known already, or asked for: once a connection. */
static void name_client(struct decisions *ds, const struct asker *who, struct entry *e)
{
	struct name *n;
	bool fresh = ds->names[who->client % NAMES].client != who->client;

	if (who->client == 0 || ds->witness == NULL)
		return;
	n = name_place(ds, who);
	if (fresh)
		n->asked = witness_ask(ds->witness, who->pid, who->since, named, n);
	e->unnamed = n->asked != NULL;
	memcpy(e->program, n->program, sizeof(e->program));
}

static void name_key(const struct decision *d, struct entry *e)
{
	char print[FINGERPRINT_ROOM] = "";

	if (d->print != NULL)
		text_escape(bytes_str(d->print), e->print, sizeof(e->print));
	else if (d->blob.len != 0 && fingerprint(d->blob, FINGERPRINT_SHA256, print) == ERR_OK)
		text_escape(bytes_str(print), e->print, sizeof(e->print));
}

void decisions_put(struct decisions *ds, const struct asker *who, const struct decision *d)
{
	struct entry *e = entry_of(ds, ++ds->last);

	*e = (struct entry){
	    .number = ds->last,
	    .time = clock_wall(),
	    .client = who->client,
	    .pid = who->pid,
	    .what = (uint8_t)d->what,
	    .why = (uint8_t)d->why,
	    .consent = (uint8_t)d->consent,
	    .forwarded = d->forwarded,
	    .how = d->how,
	};
	name_key(d, e);
	text_escape(d->comment, e->comment, sizeof(e->comment));
	text_escape(d->destination, e->destination, sizeof(e->destination));
	text_escape(d->through, e->through, sizeof(e->through));
	text_escape(d->view, e->view, sizeof(e->view));
	name_client(ds, who, e);
	tell(ds);
}

const struct entry *decisions_after(const struct decisions *ds, uint64_t after)
{
	if (after >= ds->last)
		return NULL;
	if (after + 1 < oldest(ds))
		after = oldest(ds) - 1;
	return &ds->ring[after % LIMIT_DECISIONS];
}

const struct entry *decisions_ready(const struct decisions *ds, uint64_t after)
{
	const struct entry *e = decisions_after(ds, after);

	return e == NULL || e->unnamed ? NULL : e;
}

uint64_t decisions_last(const struct decisions *ds)
{
	return ds->last;
}
