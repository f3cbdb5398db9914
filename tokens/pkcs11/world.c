#include "tokens/pkcs11/world.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"

void keys_free(struct key *k)
{
	while (k != NULL) {
		struct key *next = k->next;

		blob_clear(&k->id);
		blob_clear(&k->public);
		blob_clear(&k->label);
		for (size_t i = 0; i < FACES; i++) {
			blob_clear(&k->faces[i].id);
			blob_clear(&k->faces[i].label);
		}
		mem_free(k);
		k = next;
	}
}

struct token *token_find(struct world *w, struct bytes id)
{
	struct token *t;

	pthread_mutex_lock(&w->lock);
	t = w->tokens;
	while (t != NULL && !bytes_equal(blob_view(&t->id), id))
		t = t->next;
	if (t != NULL)
		t->refs++;
	pthread_mutex_unlock(&w->lock);
	return t;
}

struct token *token_ref(struct world *w, struct token *t)
{
	pthread_mutex_lock(&w->lock);
	t->refs++;
	pthread_mutex_unlock(&w->lock);
	return t;
}

void token_unref(struct world *w, struct token *t)
{
	bool last;

	if (t == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	last = --t->refs == 0;
	pthread_mutex_unlock(&w->lock);
	if (!last)
		return;
	keys_free(t->keys);
	blob_clear(&t->id);
	pthread_mutex_destroy(&t->login);
	mem_free(t);
}

struct key *token_key_of(struct token *t, struct bytes id)
{
	struct key *k = t->keys;

	while (k != NULL && !bytes_equal(blob_view(&k->id), id))
		k = k->next;
	return k;
}

enum err token_id(const CK_TOKEN_INFO *info, struct blob *out)
{
	struct builder b = {0};

	builder_string(&b, TEXT_OF(info->manufacturerID));
	builder_string(&b, TEXT_OF(info->model));
	builder_string(&b, TEXT_OF(info->serialNumber));
	builder_string(&b, TEXT_OF(info->label));
	return builder_take(&b, out);
}

enum err token_check(
    struct world *w, struct token *t, CK_SLOT_ID slot, CK_TOKEN_INFO *info, struct fault *f)
{
	CK_RV rv = w->module.f->C_GetTokenInfo(slot, info);
	struct blob id = {0};
	bool same;

	if (rv != CKR_OK)
		return fault_of(f, "C_GetTokenInfo", rv);
	if (token_id(info, &id) != ERR_OK)
		return fault_set(f, ERR_MEMORY, "token");
	same = bytes_equal(blob_view(&id), blob_view(&t->id));
	blob_clear(&id);
	if (same)
		return ERR_OK;
	/* Another was put into the slot since we looked. */
	return fault_of(f, "C_GetTokenInfo", CKR_TOKEN_NOT_RECOGNIZED);
}

uint32_t token_flags(const struct token *t)
{
	static const struct {
		CK_FLAGS theirs;
		uint32_t ours;
	} table[] = {
	    {CKF_PROTECTED_AUTHENTICATION_PATH, TOKEN_HAS_PAD},
	    {CKF_USER_PIN_COUNT_LOW, TOKEN_PIN_LOW},
	    {CKF_USER_PIN_FINAL_TRY, TOKEN_PIN_FINAL},
	    {CKF_USER_PIN_LOCKED, TOKEN_PIN_LOCKED},
	};
	uint32_t flags = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if ((t->info.flags & table[i].theirs) != 0)
			flags |= table[i].ours;
	}
	if (token_wants_login(t) && (t->info.flags & CKF_USER_PIN_INITIALIZED) == 0)
		flags |= TOKEN_PIN_UNSET;
	return flags;
}

uint8_t token_tries(const struct token *t)
{
	if ((t->info.flags & CKF_USER_PIN_LOCKED) != 0)
		return 0;
	return (t->info.flags & CKF_USER_PIN_FINAL_TRY) != 0 ? 1 : TOKEN_TRIES_UNKNOWN;
}

bool token_wants_login(const struct token *t)
{
	return (t->info.flags & CKF_LOGIN_REQUIRED) != 0;
}

struct bytes text_of(const unsigned char *text, size_t room)
{
	while (room > 0 && (text[room - 1] == ' ' || text[room - 1] == '\0'))
		room--;
	return BYTES(text, room);
}
