/* TOKEN_INVENTORY, and the names of what is in it. */
#include <strings.h>

#include "proto/base/text.h"
#include "proto/helpermsg.h"
#include "proto/keyblob.h"
#include "proto/tokenmsg_impl.h"

static const struct {
	const char *name, *words;
	bool applet;
} types[] = {
#define TOKEN_TYPE_ROW(type, name, words, applet) {name, words, applet},
    TOKEN_TYPES(TOKEN_TYPE_ROW)
#undef TOKEN_TYPE_ROW
};

const char *token_type_name(enum token_type type)
{
	return types[type].name;
}

const char *token_type_words(enum token_type type)
{
	return types[type].words;
}

bool token_type_is_applet(enum token_type type)
{
	return types[type].applet;
}

const char *token_slot_find(const char *name)
{
	static const char *const slots[] = {"9a", "9c", "9d", "9e", "82", "83", "84", "85", "86",
	    "87", "88", "89", "8a", "8b", "8c", "8d", "8e", "8f", "90", "91", "92", "93", "94",
	    "95", "3", "all"};

	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		if (strcasecmp(name, slots[i]) == 0)
			return slots[i];
	}
	return NULL;
}

size_t token_inventory_open(struct builder *b, enum err trouble, uint32_t count)
{
	size_t mark = helper_message_open(b, TOKEN_INVENTORY);

	builder_u8(b, (uint8_t)trouble);
	builder_u32(b, count);
	return mark;
}

void token_inventory_close(struct builder *b, size_t mark)
{
	builder_close(b, mark);
}

void token_info_put(struct builder *b, const struct token_info *m)
{
	builder_u8(b, (uint8_t)m->type);
	builder_string(b, m->id);
	builder_string(b, m->name);
	builder_string(b, m->place);
	builder_string(b, m->serial);
	builder_string(b, m->firmware);
	builder_u32(b, m->flags);
	builder_u8(b, m->tries);
	builder_u8(b, m->parallel);
	builder_u32(b, m->count);
}

void token_key_put(struct builder *b, const struct token_key *m)
{
	builder_string(b, m->id);
	builder_string(b, m->public);
	builder_string(b, m->label);
	builder_string(b, m->slot);
	builder_u32(b, m->flags);
}

/* UTF-8 that a person may be shown as it is. */
static enum err read_shown(struct reader *r, struct bytes *out)
{
	char shown[TOKEN_TEXT_MOST + 1];
	enum err e = reader_text_most(r, TOKEN_TEXT_MOST, out);

	if (e == ERR_OK && !bytes_is(*out, text_escape(*out, shown, sizeof(shown))))
		e = ERR_TEXT;
	return e;
}

static enum err read_public(struct reader *r, struct bytes *out)
{
	struct pubkey key;
	enum err e = reader_string_most(r, TOKEN_PUBLIC_MOST, out);

	return e == ERR_OK ? pubkey_parse(*out, &key) : e;
}

enum err token_key_next(struct reader *keys, struct token_key *out)
{
	struct reader ahead = *keys;
	struct token_key k = {0};
	enum err e = tokenmsg_id(&ahead, &k.id);

	if (e == ERR_OK)
		e = read_public(&ahead, &k.public);
	if (e == ERR_OK)
		e = read_shown(&ahead, &k.label);
	if (e == ERR_OK)
		e = read_shown(&ahead, &k.slot);
	if (e == ERR_OK)
		e = tokenmsg_flags(&ahead, TOKEN_KEY_FLAGS, &k.flags);
	if (e != ERR_OK)
		return e;
	*keys = ahead;
	*out = k;
	return ERR_OK;
}

/* byte kind, string id */
static enum err read_identity(struct reader *r, struct token_info *m)
{
	uint8_t type = 0;
	enum err e = reader_u8(r, &type);

	if (e == ERR_OK && type >= TOKEN_TYPE_COUNT)
		e = ERR_FORMAT;
	m->type = (enum token_type)type;
	if (e == ERR_OK)
		e = reader_string_most(r, TOKEN_ID_MOST, &m->id);
	if (e == ERR_OK && (m->type == TOKEN_READER) != (m->id.len == 0))
		e = ERR_FORMAT;
	return e;
}

static enum err read_texts(struct reader *r, struct token_info *m)
{
	enum err e = read_shown(r, &m->name);

	if (e == ERR_OK)
		e = read_shown(r, &m->place);
	if (e == ERR_OK)
		e = read_shown(r, &m->serial);
	return e == ERR_OK ? read_shown(r, &m->firmware) : e;
}

static enum err read_state(struct reader *r, struct token_info *m)
{
	enum err e = tokenmsg_flags(r, TOKEN_FLAGS, &m->flags);

	if (e == ERR_OK)
		e = reader_u8(r, &m->tries);
	if (e == ERR_OK)
		e = reader_u8(r, &m->parallel);
	if (e == ERR_OK && m->parallel == 0 && m->type != TOKEN_READER)
		e = ERR_FORMAT;
	return e;
}

/* uint32 count, keys: m->keys ends with them. */
static enum err read_keys(struct reader *r, struct token_info *m)
{
	struct token_key k;
	enum err e = reader_u32_most(r, TOKEN_KEYS_MOST, &m->count);

	if (e == ERR_OK && m->type == TOKEN_READER && m->count != 0)
		e = ERR_FORMAT;
	m->keys = *r;
	for (uint32_t i = 0; e == ERR_OK && i < m->count; i++)
		e = token_key_next(r, &k);
	m->keys.left -= r->left;
	return e;
}

enum err token_info_next(struct reader *tokens, struct token_info *out)
{
	struct reader ahead = *tokens;
	struct token_info m = {0};
	enum err e = read_identity(&ahead, &m);

	if (e == ERR_OK)
		e = read_texts(&ahead, &m);
	if (e == ERR_OK)
		e = read_state(&ahead, &m);
	if (e == ERR_OK)
		e = read_keys(&ahead, &m);
	if (e != ERR_OK)
		return e;
	*tokens = ahead;
	*out = m;
	return ERR_OK;
}

/* All tokens up to the end of r, which is to be theirs. */
static enum err check_tokens(struct reader r, uint32_t count)
{
	struct bytes ids[TOKEN_TOKENS_MOST];
	struct token_info m;
	uint32_t keys = 0, named = 0;
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < count; i++) {
		e = token_info_next(&r, &m);
		if (e != ERR_OK)
			break;
		keys += m.count;
		if (keys > TOKEN_KEYS_MOST)
			return ERR_LIMIT;
		for (uint32_t k = 0; k < named; k++) {
			if (bytes_equal(ids[k], m.id))
				return ERR_FORMAT;
		}
		if (m.id.len != 0)
			ids[named++] = m.id;
	}
	return e == ERR_OK ? reader_end(&r) : e;
}

enum err token_inventory_parse(struct bytes message, struct token_inventory *out)
{
	struct token_inventory m = {0};
	struct reader r;
	uint8_t trouble = 0;
	enum err e = tokenmsg_start(message, TOKEN_INVENTORY, &r);

	if (e == ERR_OK)
		e = reader_u8(&r, &trouble);
	m.trouble = (enum err)trouble;
	if (e == ERR_OK && m.trouble != ERR_OK && m.trouble != ERR_NO_READER &&
	    m.trouble != ERR_TOKEN)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_u32_most(&r, TOKEN_TOKENS_MOST, &m.count);
	if (e == ERR_OK && m.trouble != ERR_OK && m.count != 0)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = check_tokens(r, m.count);
	m.tokens = r;
	if (e == ERR_OK)
		*out = m;
	return e;
}
