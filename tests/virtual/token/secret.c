/* PINs, touches and private operations: what PIV and OpenPGP do alike. */
#include <stdio.h>
#include <string.h>

#include "tests/virtual/token/token.h"

struct token_slot *token_slot(struct token *t, uint8_t id)
{
	for (size_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].id == id)
			return &t->slots[i];
	return NULL;
}

enum status_word token_tries(const struct token *t, enum token_secret_id id)
{
	const unsigned tries = t->secrets[id].tries;

	return SW_TRIES + (tries > 15 ? 15 : (int)tries);
}

enum status_word token_verify(struct token *t, enum token_secret_id id, struct bytes given)
{
	struct token_secret *s = &t->secrets[id];

	t->verified[id] = false;
	if (s->tries == 0)
		return SW_BLOCKED;
	t->changes++;
	if (!bytes_is(given, s->text)) {
		s->tries--;
		t->counts.wrong++;
		return token_tries(t, id);
	}
	s->tries = s->most;
	t->verified[id] = true;
	return SW_OK;
}

bool token_set_secret(struct token *t, enum token_secret_id id, struct bytes text)
{
	struct token_secret *s = &t->secrets[id];

	if (text.len >= sizeof s->text)
		return false;
	memcpy(s->text, text.data, text.len);
	s->text[text.len] = '\0';
	s->tries = s->most;
	t->changes++;
	return true;
}

static bool take_touch(struct token *t)
{
	if (t->touches > 0)
		t->touches--;
	else if (!t->always || t->now - t->asked < t->delay_ms)
		return false;
	return true;
}

enum status_word token_touch(struct token *t, struct token_slot *slot)
{
	const bool cached = slot->touch == TOUCH_CACHED && slot->touched != 0 &&
			    t->now - slot->touched < TOKEN_CACHE_MS;

	if (slot->touch == TOUCH_NEVER || cached || t->touched)
		return SW_OK;
	if (!t->waiting) {
		t->waiting = true;
		t->asked = t->now;
	}
	if (t->refusals > 0) {
		t->refusals--;
		return SW_UNVERIFIED;
	}
	if (!take_touch(t))
		return t->now - t->asked >= t->options.touch_ms ? SW_UNVERIFIED : SW_WAIT;
	t->touched = true;
	slot->touched = t->now;
	t->counts.touches++;
	return SW_OK;
}

enum err token_sign(struct token *t, const struct token_slot *slot, token_sign_fn *sign,
    struct bytes data, struct builder *out)
{
	const bool hits = t->bad.ins < 0 || t->bad.ins == t->pending.ins;
	EVP_PKEY *other = NULL;
	const size_t before = out->len;
	enum err e = ERR_OK;

	if (hits && t->bad.mode == TOKEN_OTHER_KEY)
		e = key_make(slot->algorithm, &other);
	if (e == ERR_OK)
		e = sign(other != NULL ? other : slot->key, data, out);
	EVP_PKEY_free(other);
	if (e == ERR_OK && hits && t->bad.mode == TOKEN_BAD_SIGNATURE && out->len > before)
		out->data[out->len - 1] ^= 1;
	if (e == ERR_OK)
		t->counts.signatures++;
	return e;
}
