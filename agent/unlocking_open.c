/* The steps of one file: a try without a passphrase, the keyring, a person, and the key's check. */
#include "agent/unlocking_impl.h"

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/filesmsg.h"
#include "proto/limits.h"
#include "proto/privkey.h"

static const char title[] = "Signet: passphrase of a key file";

static void want_passphrase(struct opening *o);
static void ask(struct opening *o);
static void go_on(struct task *t);

/* --- nothing runs ---------------------------------------------------------------- */

/* o->call is over. */
static void try_over(struct opening *o)
{
	struct unlockings *us = o->all;

	o->call = NULL;
	us->trying--;
	if (us->line_posted)
		return;
	us->line_posted = true;
	us->line.run = go_on;
	loop_post(us->loop, &us->line);
}

static void end_try(struct opening *o)
{
	if (o->call == NULL)
		return;
	call_abandon(o->call, BYTES_NONE);
	try_over(o);
}

bool opening_stop(struct opening *o)
{
	timer_cancel(o->all->loop, &o->timer);
	prompt_cancel(o->prompt);
	o->prompt = NULL;
	keyring_lookup_end(o->lookup);
	o->lookup = NULL;
	end_try(o);
	if (o->stage != OPENING_CHECKING)
		return true;
	if (!workers_cancel(o->all->workers, &o->job))
		return false;
	o->stage = OPENING_BEGUN;
	return true;
}

/* --- the key --------------------------------------------------------------------- */

static enum err read_key(struct opening *o)
{
	struct reader r = reader_of(blob_view(&o->wire));
	struct privkey pk;
	enum err e = privkey_read(&r, &pk);

	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK && pk.cert.len != 0)
		e = ERR_REPLY;
	return e == ERR_OK ? key_import(&pk, &o->key) : e;
}

static void check_on_worker(struct job *j)
{
	struct opening *o = OPENING_OF(j, job);

	o->why = read_key(o);
	loop_post(o->all->loop, &o->checked);
}

/* 0: none. */
static uint32_t shorter(uint32_t a, uint32_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static bool is_of(const struct identity *id, const struct opening *o)
{
	return bytes_equal(id->rules.file, blob_view(&o->path)) &&
	       bytes_equal(key_blob(id->key), blob_view(&o->public));
}

/* The comment may be one that nobody knew: what is said of such a key holds before it can be used.
 */
static enum err take_comment(struct opening *o)
{
	enum err e = files_comment(
	    o->all->files, blob_view(&o->path), blob_view(&o->public), blob_view(&o->told));
	const struct identity *id = store_first(o->all->store);

	while (id != NULL && !is_of(id, o))
		id = id->next;
	if (e != ERR_OK || id == NULL || bytes_equal(id->comment, blob_view(&o->comment)))
		return e;
	blob_clear(&o->comment);
	return blob_copy(&o->comment, id->comment);
}

/* For each identity of the file: its key, and the certificates beside it. */
static enum err exchange(const struct opening *o)
{
	uint32_t relock = shorter(o->all->options->relock, o->all->options->lifetime);
	enum err e = ERR_OK;

	/* What Key blocks say is among the identity's rules: the shorter counts. */
	for (struct identity *id = store_first(o->all->store); e == ERR_OK && id != NULL;
	     id = id->next) {
		if (!is_of(id, o) || !key_is_locked(id->key))
			continue;
		e = store_unlock(id, key_ref(o->key), relock);
		if (e != ERR_OK)
			key_unref(o->key);
	}
	return e;
}

static void checked(struct task *t)
{
	struct opening *o = OPENING_OF(t, checked);
	enum err e = o->why;

	o->stage = OPENING_BEGUN;
	blob_clear(&o->wire);
	if (!opening_weed(o))
		return;
	if (e == ERR_OK && !bytes_equal(key_blob(o->key), blob_view(&o->public)))
		e = ERR_FILE_CHANGED;
	if (e == ERR_FILE_CHANGED) {
		opening_doubt(o, e);
		return;
	}
	if (e == ERR_OK && o->told.len != 0)
		e = take_comment(o);
	if (e == ERR_OK)
		e = exchange(o);
	if (e == ERR_OK)
		opening_remember(o);
	opening_finish(o, e);
}

/* --- trying ---------------------------------------------------------------------- */

static enum err take_key(struct opening *o, struct bytes message)
{
	struct bytes key, comment;
	enum err e = unlock_key_parse(message, &key, &comment);

	blob_clear(&o->told);
	if (e == ERR_OK && comment.len != 0)
		e = blob_copy(&o->told, comment);
	return e == ERR_OK ? blob_copy(&o->wire, key) : e;
}

static void failed(struct opening *o, enum err why)
{
	bool wanted = why == ERR_PASSPHRASE_NEEDED && o->how == UNLOCK_PLAIN;
	bool wrong = why == ERR_PASSPHRASE && o->how != UNLOCK_PLAIN;

	blob_clear(&o->passphrase);
	if (wanted) {
		want_passphrase(o);
	} else if (wrong) {
		o->remark = o->how == UNLOCK_KEYRING ? UNLOCK_KEYRING_WRONG : UNLOCK_WRONG;
		ask(o);
	} else if (why == ERR_FILE_GONE || why == ERR_FILE_CHANGED) {
		opening_doubt(o, why);
	} else {
		opening_finish(
		    o, why == ERR_PASSPHRASE_NEEDED || why == ERR_PASSPHRASE ? ERR_REPLY : why);
	}
}

static void heard(void *ctx, struct bytes message)
{
	struct opening *o = ctx;
	struct bytes other;
	enum err why, e = take_key(o, message);

	/* Nobody waits for it to end. */
	end_try(o);
	if (e == ERR_OK) {
		o->stage = OPENING_CHECKING;
		o->job.run = check_on_worker;
		o->checked.run = checked;
		workers_run(o->all->workers, &o->job);
		return;
	}
	if (e == ERR_MESSAGE && unlock_other_parse(message, &other) == ERR_OK) {
		files_learn(o->all->files, blob_view(&o->path), other);
		opening_finish(o, ERR_FILE_CHANGED);
		return;
	}
	if (e == ERR_MESSAGE) {
		e = unlock_failed_parse(message, &why);
		if (e == ERR_OK) {
			if (opening_weed(o))
				failed(o, why);
			return;
		}
	}
	if (e != ERR_MEMORY && e != ERR_VERSION) {
		log_warn("signet-unlock's answer makes no sense: %s", err_text(e));
		e = ERR_REPLY;
	}
	opening_finish(o, e);
}

static void ended(void *ctx, enum err why)
{
	struct opening *o = ctx;

	try_over(o);
	opening_finish(o, why == ERR_SURPLUS ? ERR_REPLY : why);
}

static const struct call_handler handler = {
    .message = heard, .ended = ended, .most = LIMIT_MESSAGE, .once = true};

/* With o->passphrase, unless there is to be none. */
static void try_it(struct opening *o, enum unlock_how how)
{
	const struct unlock_open m = {
	    .path = blob_view(&o->path),
	    .public = blob_view(&o->public),
	    .has_passphrase = how != UNLOCK_PLAIN,
	    .passphrase = blob_view(&o->passphrase),
	};
	struct builder b = {0};

	timer_cancel(o->all->loop, &o->timer);
	o->how = how;
	if (o->all->trying >= UNLOCK_TRYING_MOST) {
		o->stage = OPENING_IN_LINE;
		return;
	}
	o->stage = OPENING_TRYING;
	unlock_open_build(&b, &m);
	if (builder_error(&b) == ERR_OK)
		o->call = call_start(
		    o->all->calls, HELPER_UNLOCK, builder_view(&b), LIMIT_UNLOCK_MS, &handler, o);
	builder_clear(&b);
	if (o->call != NULL)
		o->all->trying++;
	else
		opening_finish(o, ERR_MEMORY);
}

/* The newest come first in the list. */
static struct opening *oldest_in_line(const struct unlockings *us)
{
	struct opening *oldest = NULL;

	for (struct opening *o = us->first; o != NULL; o = o->next) {
		if (o->stage == OPENING_IN_LINE)
			oldest = o;
	}
	return oldest;
}

static void go_on(struct task *t)
{
	struct unlockings *us =
	    (struct unlockings *)(void *)((char *)t - offsetof(struct unlockings, line));
	struct opening *o;

	us->line_posted = false;
	while (us->trying < UNLOCK_TRYING_MOST && (o = oldest_in_line(us)) != NULL) {
		o->stage = OPENING_BEGUN;
		if (opening_weed(o))
			try_it(o, o->how);
	}
}

void opening_start(struct timer *timer)
{
	struct opening *o = OPENING_OF(timer, timer);

	if (opening_weed(o))
		try_it(o, UNLOCK_PLAIN);
}

/* --- the keyring ------------------------------------------------------------------- */

static void looked_up(void *ctx, enum err result, struct bytes secret)
{
	struct opening *o = ctx;

	o->lookup = NULL;
	o->looked_up = result;
	if (!opening_weed(o))
		return;
	if (result == ERR_OK && secret.len <= LIMIT_PASSPHRASE)
		result = blob_copy(&o->passphrase, secret);
	else if (result == ERR_OK)
		o->remark = UNLOCK_KEYRING_WRONG;
	if (result == ERR_OK && o->remark == UNLOCK_NO_REMARK)
		try_it(o, UNLOCK_KEYRING);
	else
		ask(o);
}

static void want_passphrase(struct opening *o)
{
	const struct keyring_item item = {
	    KEYRING_PASSPHRASE, blob_view(&o->path), bytes_str(o->print)};
	struct config_policy policy;

	opening_policy(o, &policy);
	if (policy.keyring != KEYRING_RULE_NO && item.name.len <= KEYRING_NAME_MOST)
		o->lookup = keyring_lookup(o->all->keyring, &item, looked_up, o);
	if (o->lookup != NULL)
		o->stage = OPENING_KEYRING;
	else
		ask(o);
}

/* --- a person ---------------------------------------------------------------------- */

/* There is no way to this one's person; another one's request may have one. */
static bool is_of_one(enum err result)
{
	return prompt_is_unseen(result) || result == ERR_TERMINAL || result == ERR_CANCELLED;
}

static void given(void *ctx, enum err result, struct bytes answer)
{
	struct opening *o = ctx;

	o->prompt = NULL;
	if (is_of_one(result)) {
		opening_refuse_first(o, result);
		return;
	}
	if (result == ERR_OK && answer.len == 0)
		result = ERR_DENIED;
	if (result == ERR_OK && answer.len <= LIMIT_PASSPHRASE)
		result = blob_copy(&o->passphrase, answer);
	o->stage = OPENING_BEGUN;
	if (!opening_weed(o))
		return;
	if (result == ERR_OK && answer.len > LIMIT_PASSPHRASE) {
		o->remark = UNLOCK_LENGTH;
		ask(o);
	} else if (result == ERR_OK) {
		try_it(o, UNLOCK_TYPED);
	} else {
		opening_finish(o, result);
	}
}

static void put_question(struct opening *o)
{
	const struct unlockings *us = o->all;
	const struct unlocking *u = o->first;
	struct builder text = {0};
	struct helper_ask m = {
	    .kind = ASKPASS_SECRET,
	    .title = bytes_str(title),
	    .pid = u->pid,
	    .started = u->started,
	    .flags = u->forwarded ? HELPER_ASK_FORWARDED : 0,
	    .timeout = us->options->prompt_timeout,
	    .environment = us->environment != NULL ? blob_view(us->environment) : BYTES_NONE,
	};

	opening_ask_text(&text, o);
	m.text = builder_view(&text);
	if (builder_error(&text) == ERR_OK)
		o->prompt = prompt_ask(us->prompts, &m, given, o);
	builder_clear(&text);
	if (o->prompt == NULL)
		opening_finish(o, ERR_MEMORY);
}

static void ask(struct opening *o)
{
	if (o->asked == UNLOCK_ASKED_MOST) {
		opening_finish(o, ERR_PASSPHRASE);
		return;
	}
	o->asked++;
	o->stage = OPENING_ASKING;
	put_question(o);
}

static void ask_again(struct timer *timer)
{
	struct opening *o = OPENING_OF(timer, timer);

	if (opening_weed(o) && o->prompt == NULL)
		put_question(o);
}

void opening_ask_anew(struct opening *o)
{
	if (o->stage != OPENING_ASKING)
		return;
	/* Not from here: the others may leave along with it. */
	prompt_cancel(o->prompt);
	o->prompt = NULL;
	o->timer.due = ask_again;
	if (timer_arm(o->all->loop, &o->timer, clock_now()) != ERR_OK)
		opening_finish(o, ERR_MEMORY);
}
