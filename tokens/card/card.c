#include "tokens/card/card.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "tokens/base/pubkey.h"

struct card_token *card_token_new(void)
{
	struct card_token *t = mem_alloc(sizeof(*t));

	if (t != NULL)
		t->tries = t->full = TOKEN_TRIES_UNKNOWN;
	return t;
}

void card_token_free(struct card_token *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++)
		blob_clear(&t->keys[i].public);
	mem_free(t);
}

bool card_id_is(const struct card_id *id, struct bytes b)
{
	return bytes_equal(BYTES(id->bytes, id->len), b);
}

void card_id_set(struct card_id *id, uint8_t kind, struct bytes b)
{
	id->len = b.len < CARD_ID_ROOM ? b.len : CARD_ID_ROOM - 1;
	id->bytes[0] = kind;
	memcpy(id->bytes + 1, b.data, id->len);
	id->len++;
}

enum err card_digest(struct bytes b, uint8_t out[20])
{
	static const char algorithm[] = "ecdsa-sha2-nistp256"; /* by SHA-256 */
	struct blob digest = {0};
	bool is_cert;
	enum err e =
	    tosign(keytype_find(bytes_str(algorithm), &is_cert), bytes_str(algorithm), b, &digest);

	if (e == ERR_OK && digest.len < 20)
		e = ERR_CRYPTO;
	if (e == ERR_OK)
		memcpy(out, digest.data, 20);
	blob_clear(&digest);
	return e;
}

struct card_key *card_key_add(struct card_token *t, uint8_t ref, struct builder *public)
{
	struct card_key *k = &t->keys[t->n];
	struct bytes blob = builder_view(public);
	uint8_t digest[20];

	if (t->n == CARD_KEYS_MOST || blob.len > TOKEN_PUBLIC_MOST ||
	    card_digest(blob, digest) != ERR_OK)
		return NULL;
	*k = (struct card_key){.ref = ref};
	card_id_set(&k->id, ref, BYTES(digest, sizeof(digest)));
	if (builder_take(public, &k->public) != ERR_OK)
		return NULL;
	t->n++;
	return k;
}

struct card_key *card_key_find(struct card_token *t, struct bytes id)
{
	for (size_t i = 0; i < t->n; i++) {
		if (card_id_is(&t->keys[i].id, id))
			return &t->keys[i];
	}
	return NULL;
}

enum err card_look(struct wire *w, struct card_token *out[CARD_APPLETS], size_t *n)
{
	static const struct applet *const all[] = {&applet_openpgp, &applet_piv};
	struct card_token *found[CARD_APPLETS];
	uint32_t pad = pinpad_find(w);
	size_t count = 0;

	static_assert(sizeof(all) / sizeof(all[0]) == CARD_APPLETS, "the room of those who ask");
	for (size_t i = 0; i < CARD_APPLETS; i++) {
		struct card_token *t = card_token_new();
		enum err e = t == NULL ? ERR_MEMORY : all[i]->look(w, t);

		if (e == ERR_OK) {
			t->applet = all[i];
			t->has_pad = pad != 0;
			found[count++] = t;
			continue;
		}
		card_token_free(t);
		if (e == ERR_NOT_FOUND)
			continue;
		while (count > 0)
			card_token_free(found[--count]);
		return e;
	}
	memcpy(out, found, count * sizeof(found[0]));
	*n = count;
	return ERR_OK;
}

enum err card_lacks(const struct wire *w)
{
	switch (w->sw) {
	case 0x6a81:
	case 0x6a82:
	case 0x6a86:
	case 0x6a88:
	case 0x6b00:
	case 0x6d00:
	case 0x6e00:
		return ERR_NOT_FOUND;
	default:
		return ERR_FORMAT;
	}
}

uint32_t card_pin_flags(const struct card_token *t, uint8_t tries)
{
	uint8_t full = t->full != TOKEN_TRIES_UNKNOWN ? t->full : TRIES_USUAL;
	uint32_t flags = t->has_pad ? TOKEN_HAS_PAD : 0;

	if (tries == 0)
		flags |= TOKEN_PIN_LOCKED;
	else if (tries < full)
		flags |= TOKEN_PIN_LOW;
	if (tries == 1)
		flags |= TOKEN_PIN_FINAL;
	return flags;
}
