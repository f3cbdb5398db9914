/* The files that signet-files told of. */
#include <stdlib.h>
#include <string.h>

#include "agent/files_impl.h"

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
	static const char *const names[] = {
	    "id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"};
	const char *name = strrchr(path, '/') + 1;
	size_t i = 0;

	while (i < sizeof(names) / sizeof(names[0]) && strcmp(name, names[i]) != 0)
		i++;
	return i;
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
		f = calloc(1, sizeof(*f));
		if (f != NULL)
			f->path = strndup((const char *)path.data, path.len);
		if (f == NULL || f->path == NULL) {
			free(f);
			return ERR_MEMORY;
		}
		f->rank = rank_of(f->path);
		memmove(&fs->list[i + 1], &fs->list[i], (fs->count - i) * sizeof(struct file *));
		fs->list[i] = f;
		fs->count++;
	}
	*out = f;
	return ERR_OK;
}

/* Identities that the store has of it are the caller's to mind. */
static void forget_message(struct files *fs, struct file *f)
{
	fs->bytes -= f->message_len;
	free(f->message);
	free(f->items);
	f->message = NULL;
	f->message_len = f->item_count = 0;
	f->items = NULL;
	f->key = (struct files_key){0};
}

static const struct file_item *item_of(const struct file *f, struct bytes blob)
{
	for (size_t i = 0; i < f->item_count; i++) {
		if (bytes_equal(f->items[i].blob, blob))
			return &f->items[i];
	}
	return NULL;
}

/* What the new message has no more leaves the store; what it has keeps its state. */
static void hand_over(struct files *fs, struct file *old, struct file *fresh)
{
	bool away = old->item_count != 0 && old->items[0].withdrawn;

	for (size_t i = 0; i < old->item_count; i++) {
		const struct file_item *kept = item_of(fresh, old->items[i].blob);
		struct identity *id =
		    kept != NULL ? NULL : store_find(fs->store, old->items[i].blob);

		if (id != NULL && bytes_is(id->rules.file, old->path))
			store_remove(fs->store, id);
	}
	if (old->item_count == 0 || !bytes_equal(old->items[0].blob, fresh->items[0].blob))
		return;
	for (size_t i = 0; i < fresh->item_count; i++) {
		const struct file_item *was = item_of(old, fresh->items[i].blob);

		fresh->items[i].withdrawn = was != NULL ? was->withdrawn : away;
	}
}

static enum err read_message(struct bytes message, struct file *out)
{
	enum err e;

	out->message = malloc(message.len);
	if (out->message == NULL)
		return ERR_MEMORY;
	memcpy(out->message, message.data, message.len);
	out->message_len = message.len;
	e = files_key_parse(BYTES(out->message, message.len), &out->key);
	return e == ERR_OK ? file_items(out) : e;
}

enum err file_take(struct files *fs, struct bytes message)
{
	struct file fresh = {0}, *f = NULL;
	enum err e;

	if (message.len > FILES_BYTES_MOST - fs->bytes)
		return ERR_LIMIT;
	e = read_message(message, &fresh);
	if (e == ERR_OK)
		e = add(fs, fresh.key.path, &f);
	if (e != ERR_OK) {
		free(fresh.message);
		free(fresh.items);
		return e;
	}
	f->told = true;
	/* The same again: nothing to do but to look whether it is in the store. */
	if (f->message_len == message.len && memcmp(f->message, message.data, message.len) == 0) {
		free(fresh.message);
		free(fresh.items);
		return ERR_OK;
	}
	hand_over(fs, f, &fresh);
	forget_message(fs, f);
	f->message = fresh.message;
	f->message_len = message.len;
	f->key = fresh.key;
	f->items = fresh.items;
	f->item_count = fresh.item_count;
	f->trouble = f->refused = ERR_OK;
	f->generation = 0;
	fs->bytes += message.len;
	return ERR_OK;
}

enum err file_trouble(struct files *fs, struct bytes path, enum err why)
{
	struct file *f;
	enum err e = add(fs, path, &f);

	if (e != ERR_OK)
		return e;
	file_retract(fs, f);
	forget_message(fs, f);
	f->trouble = why;
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
	free(f->path);
	free(f);
}

void file_gone(struct files *fs, struct bytes path)
{
	bool there;
	size_t i = slot_of(fs, path, &there);

	if (there)
		drop(fs, i);
}

void files_drop_untold(struct files *fs)
{
	for (size_t i = fs->count; i-- > 0;) {
		if (!fs->list[i]->told)
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
