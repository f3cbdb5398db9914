/* TOKEN_INVENTORY out of what is known. */
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/limits.h"
#include "tokens/pkcs11/world.h"

/* Of a message: what a token and a key take up beyond their strings, and a reserve. */
enum { TOKEN_OVERHEAD = 64, KEY_OVERHEAD = 64, TEXTS = 5 * TOKEN_TEXT_MOST };

struct room {
	size_t keys, bytes;
	unsigned left_out;
};

/* Those with a private half, or those without. */
static uint32_t list_some(struct token *t, bool half, size_t most, struct room *room)
{
	uint32_t n = 0;

	for (struct key *k = t->keys; k != NULL; k = k->next) {
		size_t size = k->id.len + k->public.len + k->label.len + KEY_OVERHEAD;

		if (k->half_seen != half)
			continue;
		k->listed = n < most && room->bytes >= size;
		if (!k->listed) {
			room->left_out++;
			continue;
		}
		room->bytes -= size;
		n++;
	}
	room->keys -= n;
	return n;
}

/* No token takes the room of those that come behind it. */
static uint32_t list_keys(struct token *t, uint32_t tokens_left, struct room *room)
{
	size_t most = room->keys / tokens_left;
	uint32_t n = list_some(t, true, most, room);

	return n + list_some(t, false, most - n, room);
}

static void put_token(struct builder *b, struct token *t, uint32_t count, bool threads)
{
	char name[TOKEN_TEXT_MOST + 1], place[TOKEN_TEXT_MOST + 1], serial[TOKEN_TEXT_MOST + 1];
	struct bytes label = TEXT_OF(t->info.label);
	struct token_info m = {
	    .type = TOKEN_PKCS11,
	    .id = blob_view(&t->id),
	    .flags = token_flags(t),
	    .tries = token_tries(t),
	    .parallel = threads ? PARALLEL : 1,
	    .count = count,
	};

	if (label.len == 0)
		label = TEXT_OF(t->info.model);
	m.name = bytes_str(text_escape(label, name, sizeof(name)));
	m.place =
	    bytes_str(text_escape(TEXT_OF(t->slot_info.slotDescription), place, sizeof(place)));
	m.serial = bytes_str(text_escape(TEXT_OF(t->info.serialNumber), serial, sizeof(serial)));
	token_info_put(b, &m);
	for (struct key *k = t->keys; k != NULL; k = k->next) {
		struct token_key key = {
		    .id = blob_view(&k->id),
		    .public = blob_view(&k->public),
		    .label = blob_view(&k->label),
		    .flags = k->flags,
		};

		if (k->listed)
			token_key_put(b, &key);
	}
}

static void build(struct world *w, struct builder *b)
{
	struct room room = {TOKEN_KEYS_MOST, LIMIT_TOKEN_MESSAGE - 1024, 0};
	uint32_t tokens = 0;
	size_t mark;

	/* There are TOKEN_TOKENS_MOST at most, which is far from all of the room. */
	for (struct token *t = w->tokens; t != NULL; t = t->next) {
		room.bytes -= t->id.len + TEXTS + TOKEN_OVERHEAD;
		tokens++;
	}
	mark = token_inventory_open(b, w->trouble, tokens);
	for (struct token *t = w->tokens; t != NULL; t = t->next)
		put_token(b, t, list_keys(t, tokens--, &room), w->module.threads);
	token_inventory_close(b, mark);
	if (room.left_out > w->keys_left_out)
		log_warn("%u keys are left out: there are more than %d in the module's tokens",
		    room.left_out, TOKEN_KEYS_MOST);
	w->keys_left_out = room.left_out;
}

enum err inventory_tell(struct world *w)
{
	struct builder b = {0};
	bool changed;
	enum err e;

	/* Held over the sending, so that the last one sent is the last one made. */
	pthread_mutex_lock(&w->telling);
	pthread_mutex_lock(&w->lock);
	changed = w->changed;
	w->changed = false;
	if (changed)
		build(w, &b);
	pthread_mutex_unlock(&w->lock);
	e = builder_error(&b);
	if (e == ERR_OK && changed && !bytes_equal(builder_view(&b), blob_view(&w->told))) {
		e = blob_copy(&w->told, builder_view(&b));
		if (e == ERR_OK)
			e = outlet_send(w->outlet, &b);
	}
	if (e != ERR_OK && e != ERR_CLOSED) {
		outlet_hang_up(w->outlet);
		e = ERR_CLOSED;
	}
	pthread_mutex_unlock(&w->telling);
	builder_clear(&b);
	return e;
}
