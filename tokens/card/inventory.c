#include <string.h>

#include "proto/base/text.h"
#include "tokens/card/readers.h"

/* Whose tokens may be told, of this slot. */
static size_t tokens_of(const struct reader_slot *s)
{
	return s->name[0] != '\0' && s->present && s->found == FOUND_TOKENS ? s->n : 0;
}

/* Two cards with one identity cannot be told apart: the first counts. */
static bool is_told(
    const struct readers *all, const struct reader_slot *end, const struct card_id *id)
{
	for (const struct reader_slot *s = all->slots; s <= end; s++) {
		for (size_t i = 0; i < tokens_of(s); i++) {
			if (&s->tokens[i]->id == id)
				return false;
			if (card_id_is(&s->tokens[i]->id, BYTES(id->bytes, id->len)))
				return true;
		}
	}
	return false;
}

static void put_reader(struct builder *b, const struct reader_slot *s, struct bytes place)
{
	struct token_info m = {.type = TOKEN_READER,
	    .name = place,
	    .place = place,
	    .tries = TOKEN_TRIES_UNKNOWN,
	    .parallel = 1};

	if (s->present && s->found == FOUND_UNKNOWN)
		m.flags = TOKEN_UNKNOWN_CARD;
	else if (s->present && s->found == FOUND_BUSY)
		m.flags = TOKEN_BUSY_CARD;
	token_info_put(b, &m);
}

static void put_token(struct builder *b, const struct card_token *t, struct bytes place)
{
	struct token_info m = {.type = t->applet->type,
	    .id = BYTES(t->id.bytes, t->id.len),
	    .name = bytes_str(t->name),
	    .place = place,
	    .serial = bytes_str(t->serial),
	    .firmware = bytes_str(t->firmware),
	    .flags = card_pin_flags(t, t->tries),
	    .tries = t->tries,
	    .parallel = 1,
	    .count = (uint32_t)t->n};

	token_info_put(b, &m);
	for (size_t i = 0; i < t->n; i++) {
		const struct card_key *k = &t->keys[i];

		token_key_put(b, &(struct token_key){.id = BYTES(k->id.bytes, k->id.len),
				     .public = blob_view(&k->public),
				     .label = bytes_str(k->label),
				     .slot = bytes_str(k->slot),
				     .flags = k->flags});
	}
}

/* Of b, where it is not NULL; how many it put or would have put. */
static uint32_t put_slot(struct builder *b, const struct readers *all, const struct reader_slot *s)
{
	char place[TOKEN_TEXT_MOST];
	uint32_t count = 0;

	text_escape(bytes_str(s->name), place, sizeof(place));
	for (size_t i = 0; i < tokens_of(s); i++) {
		if (is_told(all, s, &s->tokens[i]->id))
			continue;
		if (b != NULL)
			put_token(b, s->tokens[i], bytes_str(place));
		count++;
	}
	if (count != 0)
		return count;
	if (b != NULL)
		put_reader(b, s, bytes_str(place));
	return 1;
}

void inventory_build(struct builder *b, struct readers *all)
{
	uint32_t count = 0;
	size_t mark;

	for (size_t i = 0; i < PCSC_READERS_MOST; i++) {
		if (all->slots[i].name[0] != '\0')
			count += put_slot(NULL, all, &all->slots[i]);
	}
	mark = token_inventory_open(b, all->service ? ERR_OK : ERR_NO_READER, count);
	for (size_t i = 0; i < PCSC_READERS_MOST; i++) {
		if (all->slots[i].name[0] != '\0')
			(void)put_slot(b, all, &all->slots[i]);
	}
	token_inventory_close(b, mark);
}
