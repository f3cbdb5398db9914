/* A passphrase that fitted, on its way to the keyring; no signature waits for any of this. */
#include <stdio.h>
#include <string.h>

#include "agent/unlocking_impl.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"

static const char title[] = "Signet: remember a passphrase";

/* One question; the passphrase goes with it. */
struct reminder {
	struct unlockings *all;
	struct reminder *next;
	struct prompt *prompt;
	struct blob path, passphrase;
	char print[FINGERPRINT_ROOM];
};

static void keep(
    const struct unlockings *us, struct bytes path, const char *print, struct bytes secret)
{
	const struct keyring_item item = {KEYRING_PASSPHRASE, path, bytes_str(print)};
	char label[KEYRING_NAME_MOST];

	(void)snprintf(label, sizeof(label), "Passphrase of SSH key %.*s (Signet)", (int)path.len,
	    (const char *)path.data);
	if (!keyring_store(us->keyring, &item, bytes_str(label), secret))
		log_warn(
		    "a passphrase was not stored in the keyring: it has a form that keyrings do "
		    "not take, too much is stored at once, or the screen is locked");
}

static void reminder_free(struct reminder *r)
{
	struct reminder **at = &r->all->reminders;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	prompt_cancel(r->prompt);
	blob_clear(&r->path);
	blob_clear(&r->passphrase);
	mem_free(r);
}

void reminders_end(struct unlockings *us, struct bytes path)
{
	struct reminder *next;

	for (struct reminder *r = us->reminders; r != NULL; r = next) {
		next = r->next;
		if (path.len == 0 || bytes_equal(blob_view(&r->path), path))
			reminder_free(r);
	}
}

static bool was_refused(const struct unlockings *us, struct bytes path)
{
	const struct refusal *f = us->refusals;

	while (f != NULL && !bytes_equal(blob_view(&f->path), path))
		f = f->next;
	return f != NULL;
}

static void refuse(struct unlockings *us, struct bytes path)
{
	struct refusal *f = was_refused(us, path) ? NULL : mem_alloc(sizeof(*f));

	if (f == NULL)
		return;
	*f = (struct refusal){.next = us->refusals};
	if (blob_copy(&f->path, path) == ERR_OK)
		us->refusals = f;
	else
		mem_free(f);
}

static void answered(void *ctx, enum err result, struct bytes answer)
{
	struct reminder *r = ctx;

	(void)answer;
	r->prompt = NULL;
	if (result == ERR_OK)
		keep(r->all, blob_view(&r->path), r->print, blob_view(&r->passphrase));
	else if (result == ERR_DENIED)
		refuse(r->all, blob_view(&r->path));
	reminder_free(r);
}

/* No terminal: whoever sits at it is told by the signature that all is done. */
static struct prompt *put_question(struct reminder *r)
{
	const struct unlockings *us = r->all;
	struct builder text = {0};
	struct helper_ask ask = {
	    .kind = ASKPASS_CONFIRM,
	    .title = bytes_str(title),
	    .flags = HELPER_ASK_FORWARDED,
	    .timeout = us->options->prompt_timeout,
	    .environment = us->environment != NULL ? blob_view(us->environment) : BYTES_NONE,
	};
	struct prompt *p = NULL;

	opening_remember_text(&text, blob_view(&r->path), r->print);
	ask.text = builder_view(&text);
	if (builder_error(&text) == ERR_OK)
		p = prompt_ask(us->prompts, &ask, answered, r);
	builder_clear(&text);
	return p;
}

static void remind(struct opening *o)
{
	struct unlockings *us = o->all;
	struct reminder *r;

	reminders_end(us, blob_view(&o->path));
	r = mem_alloc(sizeof(*r));
	if (r == NULL)
		return;
	*r = (struct reminder){.all = us, .next = us->reminders};
	us->reminders = r;
	memcpy(r->print, o->print, sizeof(r->print));
	r->passphrase = blob_move(&o->passphrase);
	if (blob_copy(&r->path, blob_view(&o->path)) == ERR_OK)
		r->prompt = put_question(r);
	if (r->prompt == NULL)
		reminder_free(r);
}

void opening_remember(struct opening *o)
{
	struct unlockings *us = o->all;
	struct bytes path = blob_view(&o->path);
	/* It was asked, and is unlocked; what it holds does not fit, or it holds nothing. */
	bool answers = o->looked_up == ERR_OK || o->looked_up == ERR_NOT_FOUND;
	struct config_policy policy;

	if (o->how == UNLOCK_TYPED && answers) {
		opening_policy(o, &policy);
		if (policy.keyring == KEYRING_RULE_YES ||
		    (policy.keyring == KEYRING_RULE_ASK && o->looked_up == ERR_OK))
			keep(us, path, o->print, blob_view(&o->passphrase));
		else if (policy.keyring == KEYRING_RULE_ASK && keyring_is_there(us->keyring) &&
			 !was_refused(us, path))
			remind(o);
	}
	blob_clear(&o->passphrase);
}
