#include "tokens/pkcs11/slots.h"

#include <string.h>

#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "tokens/pkcs11/keys.h"
#include "tokens/pkcs11/sessions.h"

enum { SLOTS_MOST = 256, RETRIES = 4 };

struct seen {
	CK_SLOT_ID slot;
	CK_SLOT_INFO slot_info;
	CK_TOKEN_INFO info;
	struct blob id;
};

/* --- tokens -------------------------------------------------------------------- */

static struct token *token_new(const struct seen *s)
{
	struct token *t = mem_alloc(sizeof(*t));

	if (t == NULL)
		return NULL;
	t->refs = 1;
	if (blob_copy(&t->id, blob_view(&s->id)) != ERR_OK ||
	    pthread_mutex_init(&t->login, NULL) != 0) {
		blob_clear(&t->id);
		mem_free(t);
		return NULL;
	}
	return t;
}

/* --- a look at all slots --------------------------------------------------------- */

static CK_RV list_slots(struct world *w, CK_SLOT_ID *slots, CK_ULONG *n)
{
	CK_RV rv = CKR_BUFFER_TOO_SMALL;

	/* Modules look for new slots only when they are asked for the number. */
	for (int i = 0; i < RETRIES && rv == CKR_BUFFER_TOO_SMALL; i++) {
		CK_ULONG count = 0;

		rv = w->module.f->C_GetSlotList(CK_FALSE, NULL, &count);
		*n = SLOTS_MOST;
		if (rv == CKR_OK && count == 0)
			*n = 0;
		else if (rv == CKR_OK)
			rv = w->module.f->C_GetSlotList(CK_FALSE, slots, n);
	}
	if (rv == CKR_OK && *n > SLOTS_MOST)
		rv = CKR_GENERAL_ERROR;
	return rv;
}

/* Is there a usable token in this slot? */
static bool look(struct world *w, CK_SLOT_ID slot, struct seen *s, bool *removable)
{
	*s = (struct seen){.slot = slot};
	if (w->module.f->C_GetSlotInfo(slot, &s->slot_info) != CKR_OK)
		return false;
	if ((s->slot_info.flags & CKF_REMOVABLE_DEVICE) != 0)
		*removable = true;
	return (s->slot_info.flags & CKF_TOKEN_PRESENT) != 0 &&
	       w->module.f->C_GetTokenInfo(slot, &s->info) == CKR_OK &&
	       (s->info.flags & CKF_TOKEN_INITIALIZED) != 0 && token_id(&s->info, &s->id) == ERR_OK;
}

static bool seen_before(const struct seen *list, size_t n, const struct seen *s)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes_equal(blob_view(&list[i].id), blob_view(&s->id)))
			return true;
	}
	return false;
}

static size_t look_at_all(
    struct world *w, const CK_SLOT_ID *slots, CK_ULONG n, struct seen *list, bool *removable)
{
	unsigned left_out = 0;
	size_t found = 0;

	for (CK_ULONG i = 0; i < n; i++) {
		struct seen s;
		char name[TOKEN_TEXT_MOST];
		bool twin;

		if (!look(w, slots[i], &s, removable))
			continue;
		twin = seen_before(list, found, &s);
		if (!twin && found < TOKEN_TOKENS_MOST) {
			list[found++] = s;
			continue;
		}
		/* Once, not with each look. */
		if (++left_out > w->tokens_left_out)
			log_warn("token %s is left out: %s",
			    text_quote(TEXT_OF(s.info.label), name, sizeof(name)),
			    twin ? "another cannot be told from it" : "there are too many");
		blob_clear(&s.id);
	}
	w->tokens_left_out = left_out;
	return found;
}

/* --- what is known, brought up to date -------------------------------------------- */

/* The token of what was seen, made if it is new; a reference.  *moved: it is in another slot;
 * *unread: its keys are not known. */
static struct token *take_in(struct world *w, const struct seen *s, bool *moved, bool *unread)
{
	struct token *t, **end;

	*moved = false;
	pthread_mutex_lock(&w->lock);
	for (end = &w->tokens; *end != NULL; end = &(*end)->next) {
		if (bytes_equal(blob_view(&(*end)->id), blob_view(&s->id)))
			break;
	}
	t = *end;
	if (t == NULL) {
		t = token_new(s);
		*end = t;
	} else {
		*moved = t->slot != s->slot;
	}
	*unread = t != NULL && !t->keys_read;
	if (t != NULL) {
		t->refs++;
		w->changed = true;
		t->slot = s->slot;
		t->info = s->info;
		t->slot_info = s->slot_info;
	}
	pthread_mutex_unlock(&w->lock);
	return t;
}

/* With token.login held. */
static void read_keys(struct world *w, struct token *t, struct fault *f)
{
	if (keys_read(w, t, f) == ERR_OK || f->loss < LOSS_SESSION)
		return;
	/* The session that it was tried in may be of before the token was pulled out. */
	sessions_forget(w, t, true);
	*f = (struct fault){0};
	(void)keys_read(w, t, f);
}

static void update(struct world *w, const struct seen *s, bool all)
{
	bool moved, unread;
	struct token *t = take_in(w, s, &moved, &unread);
	struct fault f = {0};

	if (t == NULL)
		return;
	if (moved || all || unread) {
		pthread_mutex_lock(&t->login);
		if (moved)
			sessions_forget(w, t, true);
		read_keys(w, t, &f);
		pthread_mutex_unlock(&t->login);
	}
	token_unref(w, t);
}

/* Unlink what is not among those seen: a list of tokens without refs of the list's. */
static struct token *take_out(struct world *w, const struct seen *list, size_t n)
{
	struct token *out = NULL, **at = &w->tokens;

	pthread_mutex_lock(&w->lock);
	while (*at != NULL) {
		struct token *t = *at;
		struct seen s = {.id = t->id};

		if (seen_before(list, n, &s)) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		t->gone = true;
		w->changed = true;
		t->next = out;
		out = t;
	}
	pthread_mutex_unlock(&w->lock);
	return out;
}

static void forget_all(struct world *w, struct token *t)
{
	while (t != NULL) {
		struct token *next = t->next;

		pthread_mutex_lock(&t->login);
		sessions_forget(w, t, true);
		pthread_mutex_unlock(&t->login);
		token_unref(w, t);
		t = next;
	}
}

/* A scan is over: what was found is to be told, or that it is not known, which is looked into
 * again. */
static void scanned(struct world *w, CK_RV rv, bool removable)
{
	pthread_mutex_lock(&w->lock);
	w->changed = true;
	w->trouble = rv == CKR_OK ? ERR_OK : ERR_TOKEN;
	w->removable = removable || rv != CKR_OK;
	pthread_mutex_unlock(&w->lock);
}

/* With the module entered and scanning held. */
static void scan(struct world *w, bool all)
{
	static const size_t size = TOKEN_TOKENS_MOST * sizeof(struct seen);
	CK_SLOT_ID slots[SLOTS_MOST];
	struct seen *list = mem_alloc(size);
	CK_ULONG n = 0;
	bool removable = false;
	size_t found = 0;
	CK_RV rv;

	if (list == NULL) {
		scanned(w, CKR_HOST_MEMORY, true);
		return;
	}
	rv = list_slots(w, slots, &n);
	if (rv == CKR_OK)
		found = look_at_all(w, slots, n, list, &removable);
	forget_all(w, take_out(w, list, found));
	for (size_t i = 0; i < found; i++) {
		update(w, &list[i], all);
		blob_clear(&list[i].id);
	}
	mem_free(list);
	scanned(w, rv, removable);
}

void slots_scan(struct world *w, bool all)
{
	pthread_mutex_lock(&w->scanning);
	module_enter(&w->module);
	scan(w, all);
	module_leave(&w->module);
	pthread_mutex_unlock(&w->scanning);
	(void)inventory_tell(w);
}

static void forget_sessions(void *ctx)
{
	struct world *w = ctx;

	for (struct token *t = w->tokens; t != NULL; t = t->next)
		sessions_forget(w, t, false);
}

bool slots_restart(struct world *w)
{
	bool done;

	pthread_mutex_lock(&w->scanning);
	done = module_restart(&w->module, forget_sessions, w);
	if (done) {
		module_enter(&w->module);
		scan(w, true);
		module_leave(&w->module);
	}
	pthread_mutex_unlock(&w->scanning);
	if (done)
		(void)inventory_tell(w);
	return done;
}

enum loss slots_recover(struct world *w, struct token *t, unsigned era, enum loss loss)
{
	struct fault f = {0};

	pthread_mutex_lock(&t->login);
	if (t->era == era) {
		if (loss > LOSS_SESSION || (loss == LOSS_SESSION && !sessions_stand(w, t)))
			sessions_forget(w, t, true);
		read_keys(w, t, &f);
	}
	pthread_mutex_unlock(&t->login);
	return f.loss > loss ? f.loss : loss;
}
