/* PINs in the desktop's keyring, where the configuration wants them there (KeyringPins). */
#include "agent/tokensign_impl.h"

#include <string.h>

#include "agent/config.h"
#include "proto/base/text.h"

static bool is_wanted(const struct tokensign *t)
{
	const struct tokensigns *ts = t->all;

	return ts->keyring != NULL && ts->config != NULL && *ts->config != NULL &&
	       (*ts->config)->keyring_pins;
}

/* Where its token does not say how many tries are left, it says when one was spent. */
static bool has_tries_to_spare(const struct tokensign *t)
{
	const uint32_t few = TOKEN_PIN_LOW | TOKEN_PIN_FINAL;

	if ((t->token_flags & TOKEN_PIN_FINAL) != 0)
		return false;
	return t->tries != TOKEN_TRIES_UNKNOWN ? t->tries > 1 : (t->token_flags & few) == 0;
}

/* False: it has no name that it could be found by again. */
static bool item_of(const struct tokensign *t, struct keyring_item *out)
{
	const struct token_info *about = token_about(t->use.token);
	struct keyring_item item = {.kind = KEYRING_PIN, .name = about->name, .id = about->serial};

	if (item.id.len == 0)
		item.id = about->id;
	if (item.name.len == 0)
		item.name = item.id;
	if (item.id.len == 0 || item.name.len > KEYRING_NAME_MOST ||
	    item.id.len > KEYRING_NAME_MOST || memchr(item.name.data, '\0', item.name.len) ||
	    memchr(item.id.data, '\0', item.id.len))
		return false;
	*out = item;
	return true;
}

static void looked_up(void *ctx, enum err result, struct bytes secret)
{
	struct tokensign *t = ctx;

	t->lookup = NULL;
	if (result == ERR_OK && secret.len <= TOKEN_PIN_MOST && has_tries_to_spare(t) &&
	    blob_copy(&t->pin, secret) == ERR_OK) {
		t->pin_is_stored = true;
		tokensign_send(t, false);
	} else {
		tokensign_want_pin(t);
	}
}

bool tokensign_try_stored(struct tokensign *t)
{
	struct keyring_item item;

	if (t->stored_tried || !is_wanted(t) || !has_tries_to_spare(t) || !item_of(t, &item))
		return false;
	t->stored_tried = true;
	t->lookup = keyring_lookup(t->all->keyring, &item, looked_up, t);
	return t->lookup != NULL;
}

void tokensign_forget_stored(struct tokensign *t)
{
	struct keyring_item item;

	if (is_wanted(t) && item_of(t, &item))
		(void)keyring_forget(t->all->keyring, &item);
}

void tokensign_store(struct tokensign *t)
{
	struct keyring_item item;
	struct builder label = {0};
	char name[KEYRING_NAME_MOST / 2];

	if (!is_wanted(t) || !item_of(t, &item))
		return;
	builder_put(&label, bytes_str("PIN of token "));
	builder_put(&label, bytes_str(text_quote(item.name, name, sizeof(name))));
	builder_put(&label, bytes_str(" (Signet)"));
	if (builder_error(&label) == ERR_OK)
		(void)keyring_store(
		    t->all->keyring, &item, builder_view(&label), blob_view(&t->pin));
	builder_clear(&label);
}
