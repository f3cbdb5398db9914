#include "keystore/keyring/serve.h"

#include "keystore/keyring/confine.h"
#include "keystore/keyring/service.h"
#include "proto/base/fdio.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

static enum err lookup(int sock, struct service *s, const struct keyring_item *item, bool prompt)
{
	SecretValue *value = NULL;
	struct builder b = {0};
	const gchar *data;
	gsize len = 0;
	enum err e = service_lookup(s, item, prompt, &value);

	if (e != ERR_OK)
		return e;
	data = secret_value_get(value, &len);
	keyring_secret_build(&b, BYTES(data, len));
	secret_value_unref(value);
	e = builder_error(&b);
	patience_over(s->patience);
	if (e == ERR_OK && fd_write_all(sock, builder_view(&b), LIMIT_HELPER_MS) != ERR_OK)
		e = ERR_CLOSED;
	builder_clear(&b);
	return e;
}

static enum err answer(int sock, enum err result)
{
	struct builder b = {0};
	enum err e;

	if (result == ERR_OK)
		keyring_done_build(&b);
	else
		keyring_failed_build(
		    &b, keyring_failure_allowed((uint8_t)result) ? result : ERR_KEYRING);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = fd_write_all(sock, builder_view(&b), LIMIT_HELPER_MS);
	builder_clear(&b);
	return e;
}

/* The request was read: who asked sends nothing more. */
static enum err carry_out(int sock, struct bytes message)
{
	struct service s = {.cancel = g_cancellable_new()};
	struct keyring_item item;
	struct bytes label, secret;
	bool prompt, looked_up = false;
	enum err e;

	s.patience = patience_start(sock, s.cancel);
	e = s.patience != NULL ? service_open(&s) : ERR_MEMORY;
	if (e == ERR_OK && keyring_lookup_parse(message, &item, &prompt) == ERR_OK) {
		e = lookup(sock, &s, &item, prompt);
		looked_up = e == ERR_OK;
	} else if (e == ERR_OK && keyring_store_parse(message, &item, &label, &secret) == ERR_OK) {
		e = service_store(&s, &item, label, secret);
	} else if (e == ERR_OK && keyring_forget_parse(message, &item) == ERR_OK) {
		e = service_forget(&s, &item);
	}
	if (e == ERR_CLOSED || looked_up)
		return e;
	patience_over(s.patience);
	return answer(sock, e);
}

static enum err check(struct bytes message)
{
	struct keyring_item item;
	struct bytes label, secret;
	uint8_t kind;
	bool prompt;
	enum err e = helper_message_kind(message, &kind);

	if (e != ERR_OK)
		return e;
	if (kind == KEYRING_LOOKUP)
		return keyring_lookup_parse(message, &item, &prompt);
	if (kind == KEYRING_STORE)
		return keyring_store_parse(message, &item, &label, &secret);
	return keyring_forget_parse(message, &item);
}

enum err keyring_serve(int sock)
{
	struct blob message = {0};
	enum err e = helper_receive(sock, KEYRING_REQUEST_MOST, &message);

	if (e == ERR_OK)
		e = check(blob_view(&message));
	if (e == ERR_OK)
		e = keyring_confine();
	if (e == ERR_OK)
		e = carry_out(sock, blob_view(&message));
	else if (e != ERR_CLOSED && e != ERR_VERSION) /* which was answered */
		(void)answer(sock, ERR_KEYRING);
	blob_clear(&message);
	return e;
}
