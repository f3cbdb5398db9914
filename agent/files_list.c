/* The files that signet-files told of. */
#include <stdlib.h>
#include <string.h>

#include "agent/files_impl.h"
#include "proto/keytype.h"

static int compare(struct bytes path, const struct file *f)
{
	size_t len = strlen(f->path);
	int c = memcmp(path.data, f->path, path.len < len ? path.len : len);

	if (c != 0 || path.len == len)
		return c;
	return path.len < len ? -1 : 1;
}

static size_t slot_of(const struct files *fs, struct bytes path, bool *there)
{
	size_t low = 0, high = fs->count;

	*there = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = compare(path, fs->list[middle]);

		if (c == 0) {
			*there = true;
			return middle;
		}
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct file *file_find(const struct files *fs, struct bytes path)
{
	bool there;
	size_t i = slot_of(fs, path, &there);

	return there ? fs->list[i] : NULL;
}

static bool make_room(struct files *fs)
{
	size_t room = fs->room == 0 ? 64 : fs->room * 2;
	struct file **more;

	if (fs->count < fs->room)
		return true;
	more = realloc(fs->list, room * sizeof(struct file *));
	if (more == NULL)
		return false;
	fs->list = more;
	fs->room = room;
	return true;
}

/* ssh's own names come first, in the order in which it tries them. */
static size_t rank_of(const char *path)
{
	return keytype_file_rank(strrchr(path, '/') + 1);
}

static enum err add(struct files *fs, struct bytes path, struct file **out)
{
	bool there;
	size_t i = slot_of(fs, path, &there);
	struct file *f = there ? fs->list[i] : NULL;

	if (f == NULL) {
		if (fs->count >= FILES_TOLD_MOST)
			return ERR_LIMIT;
		if (!make_room(fs))
			return ERR_MEMORY;
		f = calloc(1, sizeof(*f) + path.len + 1);
		if (f == NULL)
			return ERR_MEMORY;
		memcpy(f->path, path.data, path.len);
		f->rank = (uint16_t)rank_of(f->path);
		memmove(&fs->list[i + 1], &fs->list[i], (fs->count - i) * sizeof(struct file *));
		fs->list[i] = f;
		fs->count++;
	}
	*out = f;
	return ERR_OK;
}

static void items_free(struct file *f)
{
	if (f->items != &f->own)
		free(f->items);
	free(f->certs);
	free(f->kept);
	key_unref(f->locked);
}

/* Identities that the store has of it are the caller's to mind. */
static void forget_message(struct files *fs, struct file *f)
{
	fs->bytes -= f->kept_len;
	items_free(f);
	if (f->said)
		free((void *)(uintptr_t)f->comment.data);
	f->said = false;
	f->locked = NULL;
	f->kept = NULL;
	f->kept_len = f->item_count = 0;
	f->items = NULL;
	f->certs = NULL;
	f->comment = BYTES_NONE;
	f->hash = 0;
}

static const struct file_item *item_of(const struct file *f, struct bytes blob)
{
	for (size_t i = 0; i < f->item_count; i++) {
		if (bytes_equal(f->items[i].blob, blob))
			return &f->items[i];
	}
	return NULL;
}

/* Never 0. */
static uint64_t print_of(const struct file *f)
{
	return bytes_hash(BYTES_HASH_START, f->items[0].blob) | 1;
}

/* Of the key that was withdrawn; 0: it was not. */
static uint64_t away_of(const struct file *f)
{
	if (f->item_count == 0)
		return f->away;
	return f->items[0].withdrawn ? print_of(f) : 0;
}

/* Was its key withdrawn as it lay under some path, this or another, where it may be still? */
static bool is_away(const struct files *fs, const struct file *fresh)
{
	uint64_t print = fs->withdrew ? print_of(fresh) : 0;

	for (size_t i = 0; fs->withdrew && i < fs->count; i++) {
		const struct file *f = fs->list[i];

		if (f->item_count == 0 ? f->away == print
				       : f->items[0].withdrawn &&
					     bytes_equal(f->items[0].blob, fresh->items[0].blob))
			return true;
	}
	return false;
}

/* What the new message has no more leaves the store; what it has keeps its state. */
static void hand_over(struct files *fs, struct file *old, struct file *fresh)
{
	bool away = is_away(fs, fresh);

	for (size_t i = 0; i < old->item_count; i++) {
		const struct file_item *kept = item_of(fresh, old->items[i].blob);
		struct identity *id =
		    kept != NULL ? NULL : store_find(fs->store, old->items[i].blob);

		if (id != NULL && bytes_is(id->rules.file, old->path))
			store_remove(fs->store, id);
	}
	if (old->item_count != 0 && !bytes_equal(old->items[0].blob, fresh->items[0].blob)) {
		free(old->also);
		old->also = NULL;
	}
	for (size_t i = 0; i < fresh->item_count; i++) {
		const struct file_item *was = item_of(old, fresh->items[i].blob);

		fresh->items[i].withdrawn = was != NULL ? was->withdrawn : away;
	}
}

static struct bytes keep(struct file *f, struct bytes b)
{
	uint8_t *place;

	if (b.len == 0)
		return BYTES_NONE;
	place = f->kept + f->kept_len;
	memcpy(place, b.data, b.len);
	f->kept_len += b.len;
	return BYTES(place, b.len);
}

/* Room for what a message says, as far as it is to be kept. */
static enum err make_items(struct file *out, const struct files_key *m)
{
	struct reader certs = m->certs;
	struct bytes cert;
	size_t size = m->public.len + m->comment.len;

	while (files_cert_next(&certs, &cert) == ERR_OK)
		size += cert.len;
	if (out->locked != NULL)
		size -= m->public.len;
	if (bytes_equal(m->comment, m->path))
		size -= m->comment.len;
	out->kept = size != 0 ? malloc(size) : NULL;
	if (size != 0 && out->kept == NULL)
		return ERR_MEMORY;
	out->items = &out->own;
	if (m->cert_count == 0)
		return ERR_OK;
	out->items = calloc((size_t)m->cert_count + 1, sizeof(*out->items));
	out->certs = calloc(m->cert_count, sizeof(*out->certs));
	return out->items != NULL && out->certs != NULL ? ERR_OK : ERR_MEMORY;
}

/* out->comment is empty where it is the path. */
static enum err read_message(const struct files_key *m, struct file *out)
{
	struct reader certs = m->certs;
	struct bytes cert;
	enum err e;

	if (key_locked(m->public, &out->locked) == ERR_MEMORY)
		return ERR_MEMORY;
	e = make_items(out, m);
	if (e != ERR_OK) {
		items_free(out);
		return e;
	}
	out->items[0].blob = out->locked != NULL ? key_blob(out->locked) : keep(out, m->public);
	out->item_count = 1;
	if (!bytes_equal(m->comment, m->path))
		out->comment = keep(out, m->comment);
	while (out->item_count <= m->cert_count && files_cert_next(&certs, &cert) == ERR_OK) {
		struct file_cert *said = &out->certs[out->item_count - 1];
		struct file_item *item = &out->items[out->item_count++];

		item->blob = keep(out, cert);
		file_judge(item->blob, out->items[0].blob, said);
	}
	return ERR_OK;
}

/* What the file said of itself when it was unlocked, if that holds of what is told now. */
static struct bytes keep_comment(struct file *f, const struct file *fresh, bool own_comment)
{
	struct bytes told = BYTES_NONE;

	if (!own_comment && f->item_count != 0 &&
	    bytes_equal(f->items[0].blob, fresh->items[0].blob)) {
		told = f->said ? f->comment : BYTES_NONE;
		f->said = false;
	}
	return told;
}

/* own_comment: it has one, else its path is it, or what was found when it was unlocked. */
static void take_over(
    struct files *fs, struct file *f, const struct file *fresh, uint64_t hash, bool own_comment)
{
	struct bytes told = keep_comment(f, fresh, own_comment);

	forget_message(fs, f);
	f->hash = hash;
	f->said = told.len != 0;
	f->away = 0;
	f->kept = fresh->kept;
	f->kept_len = fresh->kept_len;
	f->locked = fresh->locked;
	f->comment = own_comment ? fresh->comment : told.len != 0 ? told : bytes_str(f->path);
	f->own = fresh->own;
	f->items = fresh->items != &fresh->own ? fresh->items : &f->own;
	f->certs = fresh->certs;
	f->item_count = fresh->item_count;
	f->trouble = f->refused = ERR_OK;
	f->generation = 0;
	fs->bytes += f->kept_len;
}

enum err file_take(struct files *fs, struct bytes message)
{
	uint64_t hash = bytes_hash(BYTES_HASH_START, message);
	struct file fresh = {0}, *f = NULL;
	struct files_key m;
	enum err e = files_key_parse(message, &m);

	if (e == ERR_OK && message.len > FILES_BYTES_MOST - fs->bytes)
		e = ERR_LIMIT;
	if (e == ERR_OK)
		e = add(fs, m.path, &f);
	if (e != ERR_OK)
		return e;
	f->told = true;
	/* The same again: nothing to do but to look whether it is in the store. */
	if (f->item_count != 0 && f->hash == hash)
		return ERR_OK;
	e = read_message(&m, &fresh);
	if (e != ERR_OK)
		return e;
	hand_over(fs, f, &fresh);
	take_over(fs, f, &fresh, hash, !bytes_equal(m.comment, m.path));
	return ERR_OK;
}

enum err file_trouble(struct files *fs, struct bytes path, enum err why)
{
	struct file *f;
	enum err e = add(fs, path, &f);

	if (e != ERR_OK)
		return e;
	f->away = away_of(f);
	file_retract(fs, f);
	forget_message(fs, f);
	f->trouble = (uint8_t)why;
	f->told = true;
	return ERR_OK;
}

static void drop(struct files *fs, size_t i)
{
	struct file *f = fs->list[i];

	file_retract(fs, f);
	forget_message(fs, f);
	memmove(&fs->list[i], &fs->list[i + 1], (fs->count - i - 1) * sizeof(struct file *));
	fs->count--;
	free(f->also);
	free(f);
}

/* It may come back: what a person said of its key holds then. */
static void leave(struct files *fs, size_t i)
{
	struct file *f = fs->list[i];
	uint64_t away = away_of(f);

	if (away == 0) {
		drop(fs, i);
		return;
	}
	file_retract(fs, f);
	forget_message(fs, f);
	f->away = away;
	f->trouble = f->refused = ERR_OK;
}

void file_gone(struct files *fs, struct bytes path)
{
	bool there;
	size_t i = slot_of(fs, path, &there);

	if (there)
		leave(fs, i);
}

void files_drop_untold(struct files *fs)
{
	for (size_t i = fs->count; i-- > 0;) {
		if (!fs->list[i]->told)
			leave(fs, i);
	}
}

void files_drop_outside(struct files *fs)
{
	for (size_t i = fs->count; i-- > 0;) {
		if (file_folder(fs->config, fs->list[i]->path) == fs->config->key_directories.n)
			drop(fs, i);
	}
}

void files_drop_all(struct files *fs)
{
	while (fs->count != 0)
		drop(fs, fs->count - 1);
	free(fs->list);
	fs->list = NULL;
	fs->room = 0;
}
