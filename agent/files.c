#include "agent/files_impl.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/limits.h"

static void review(struct task *t)
{
	struct files *fs = (struct files *)(void *)((char *)t - offsetof(struct files, review));

	fs->review_posted = false;
	files_sync(fs);
}

static void patience_over(struct timer *t)
{
	files_release((struct files *)(void *)((char *)t - offsetof(struct files, patience)));
}

struct files *files_new(struct loop *l, struct calls *cs, struct store *s)
{
	struct files *fs = calloc(1, sizeof(*fs));

	if (fs == NULL)
		return NULL;
	fs->loop = l;
	fs->calls = cs;
	fs->store = s;
	fs->review.run = review;
	fs->patience.due = patience_over;
	return fs;
}

void files_free(struct files *fs)
{
	if (fs == NULL)
		return;
	files_stop(fs);
	timer_cancel(fs->loop, &fs->patience);
	timer_cancel(fs->loop, &fs->turn);
	files_drop_all(fs);
	free(fs);
}

static uint64_t hash_folders(const struct config *c)
{
	uint64_t h = BYTES_HASH_START;

	for (size_t i = 0; i < c->key_directories.n; i++)
		h = bytes_hash(
		    h, BYTES(c->key_directories.list[i], strlen(c->key_directories.list[i]) + 1));
	return h;
}

/* Can it be about a file?  By all but a fingerprint. */
static bool names_files(const struct words *patterns)
{
	for (size_t i = 0; i < patterns->n; i++) {
		const char *p = patterns->list[i] + (patterns->list[i][0] == '!');

		if (strcmp(p, "*") != 0 && strncmp(p, "SHA256:", strlen("SHA256:")) != 0)
			return true;
	}
	return false;
}

/* Is there something said of files, which a key that is added by hand can have come from? */
static bool is_about_files(const struct config *c)
{
	bool is = false;

	for (size_t i = 0; i < c->key_count; i++)
		is = is || names_files(&c->keys[i].patterns);
	for (size_t i = 0; i < c->view_count; i++)
		is = is || names_files(&c->views[i].keys);
	return is;
}

void files_reload(struct files *fs, const struct config *c, bool offer)
{
	bool any = c->key_directories.n != 0;
	uint64_t folders = hash_folders(c);
	bool moved = fs->config == NULL || folders != fs->folders;

	fs->config = c;
	fs->folders = folders;
	fs->generation++;
	fs->withdrew = false;
	fs->offer = offer && any;
	fs->looks = any && (offer || is_about_files(c));
	for (size_t i = 0; i < fs->count; i++) {
		fs->list[i]->away = 0;
		free(fs->list[i]->also);
		fs->list[i]->also = NULL;
		for (size_t n = 0; n < fs->list[i]->item_count; n++)
			fs->list[i]->items[n].withdrawn = false;
	}
	if (!fs->looks || moved)
		files_stop(fs);
	if (!fs->offer)
		files_release(fs);
	if (!fs->looks) {
		files_drop_all(fs);
		fs->told = false;
		return;
	}
	if (moved) /* what is wrong with a directory is told anew */
		files_drop_outside(fs);
	fs->disorder = true;
	files_sync(fs);
	if (fs->call == NULL && fs->again.slot == 0)
		files_start(fs);
}

bool files_pending(const struct files *fs)
{
	return fs->offer && !fs->told && fs->call != NULL &&
	       clock_now() < fs->started + LIMIT_FILES_MS;
}

bool files_wait(struct files *fs, struct files_waiter *w)
{
	if (!files_pending(fs))
		return true;
	if (fs->first_waiter == NULL &&
	    timer_arm(fs->loop, &fs->patience, fs->started + LIMIT_FILES_MS) != ERR_OK)
		return true;
	w->prev = NULL;
	w->next = fs->first_waiter;
	if (w->next != NULL)
		w->next->prev = w;
	fs->first_waiter = w;
	w->waits = true;
	return false;
}

void files_wait_end(struct files *fs, struct files_waiter *w)
{
	if (!w->waits)
		return;
	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		fs->first_waiter = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	w->waits = false;
}

void files_withdraw(struct files *fs, const struct identity *id)
{
	fs->withdrew = true;
	for (size_t i = 0; i < fs->count; i++) {
		for (size_t n = 0; n < fs->list[i]->item_count; n++) {
			struct file_item *item = &fs->list[i]->items[n];

			item->withdrawn = item->withdrawn || bytes_equal(item->blob, id->blob);
		}
	}
}

void files_withdraw_all(struct files *fs)
{
	fs->withdrew = true;
	for (size_t i = 0; i < fs->count; i++) {
		for (size_t n = 0; n < fs->list[i]->item_count; n++)
			fs->list[i]->items[n].withdrawn = true;
	}
}

void files_review(struct files *fs)
{
	/* What is done here is no news. */
	if (fs->syncing || fs->review_posted || fs->count == 0)
		return;
	fs->review_posted = true;
	loop_post(fs->loop, &fs->review);
}

static void teach(struct files *fs, struct bytes path, struct bytes public)
{
	struct builder b = {0};

	if (fs->call == NULL || fs->ending)
		return;
	files_learn_build(&b, path, public);
	if (builder_error(&b) == ERR_OK)
		(void)call_send(fs->call, builder_view(&b));
	builder_clear(&b);
}

static bool ends_with(const char *path, struct bytes name)
{
	size_t n = strlen(path);

	return n > name.len && path[n - name.len - 1] == '/' &&
	       memcmp(path + n - name.len, name.data, name.len) == 0;
}

/*
 * ssh-add and signet-add name a file as they were given it, maybe from within its folder: the only
 * one that hides its public half and has such an end is meant.  If it is not, unlocking it says so.
 */
static const struct file *find_named(const struct files *fs, struct bytes name)
{
	const struct file *found = NULL;

	for (size_t i = 0; i < fs->count; i++) {
		if (fs->list[i]->trouble != ERR_FILE_HIDDEN || !ends_with(fs->list[i]->path, name))
			continue;
		if (found != NULL)
			return NULL;
		found = fs->list[i];
	}
	return found;
}

void files_added(struct files *fs, struct bytes comment, struct bytes blob)
{
	const struct file *f = comment.len == 0 ? NULL : file_find(fs, comment);

	while (f == NULL && comment.len > 2 && memcmp(comment.data, "./", 2) == 0)
		comment = BYTES(comment.data + 2, comment.len - 2);
	if (f == NULL && comment.len != 0)
		f = find_named(fs, comment);
	/* Whether the file shows its public half itself, which nothing replaces, the helper knows.
	 */
	if (f != NULL && (f->trouble == ERR_FILE_HIDDEN ||
			     (f->item_count != 0 && !bytes_equal(f->items[0].blob, blob))))
		teach(fs, bytes_str(f->path), blob);
}

void files_learn(struct files *fs, struct bytes path, struct bytes public)
{
	if (file_find(fs, path) != NULL)
		teach(fs, path, public);
}

struct bytes files_path_of(const struct files *fs, struct bytes public)
{
	for (size_t i = 0; i < fs->count; i++) {
		const struct file *f = fs->list[i];

		if (f->item_count != 0 && bytes_equal(f->items[0].blob, public))
			return bytes_str(f->path);
	}
	return BYTES_NONE;
}

void files_doubt(struct files *fs, struct bytes path)
{
	if (file_find(fs, path) != NULL)
		teach(fs, path, BYTES_NONE);
}

static bool is_withdrawn(const struct file *f)
{
	return f->item_count != 0 && f->items[0].withdrawn;
}

struct files_counts files_count(const struct files *fs)
{
	struct files_counts n = {.why = fs->trouble};

	for (size_t i = 0; i < fs->count; i++) {
		const struct file *f = fs->list[i];

		n.withdrawn += is_withdrawn(f);
		n.troubles += file_state(f) != ERR_OK;
	}
	if (!fs->offer)
		n.withdrawn = n.troubles = 0;
	for (const struct identity *id = store_first(fs->store); id != NULL; id = id->next) {
		n.offered += id->rules.file.len != 0;
		n.locked += id->rules.file.len != 0 && key_is_locked(id->key);
	}
	return n;
}

const char *file_trouble_words(enum err why)
{
	switch (why) {
	case ERR_TRUNCATED:
		return "the file is damaged: it ends too early; put back a copy, or delete it";
	case ERR_SURPLUS:
	case ERR_FORMAT:
	case ERR_NUMBER:
	case ERR_TEXT:
		return "the file is damaged: put back a copy, or delete it";
	case ERR_FILE_GONE:
		return "the link leads to no file: make that file, or delete the link";
	case ERR_CERT:
	case ERR_CERT_MISMATCH:
	case ERR_CERT_HOST:
		return why == ERR_CERT ? "the certificate is damaged: put back a copy, or delete it"
		       : why == ERR_CERT_HOST
			   ? "the certificate is for a host, not for a user: have one made for you"
			   : "the certificate belongs to another key: have one made for this one";
	case ERR_CERT_EXPIRED:
		return "the certificate has expired: have it renewed, or delete it";
	case ERR_LIMIT:
		return "the file holds more than any key has: put back a copy, or delete it";
	default:
		return err_text(why);
	}
}

void files_each_trouble(
    const struct files *fs, void (*one)(void *ctx, struct bytes path, enum err why), void *ctx)
{
	for (size_t i = 0; fs->offer && i < fs->count; i++) {
		const struct file *f = fs->list[i];
		enum err why = file_state(f);

		if (why != ERR_OK)
			one(ctx, bytes_str(f->path), why);
	}
}
