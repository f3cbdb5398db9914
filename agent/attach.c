#include "agent/attach.h"

#include "proto/base/log.h"
#include "proto/keyblob.h"

/* The identity of this key: the key itself where it is listed, else one of its certificates. */
static struct identity *find_key(const struct store *s, struct bytes plain)
{
	struct identity *id = store_find(s, plain);

	if (id != NULL)
		return id;
	id = store_first(s);
	while (id != NULL && !bytes_equal(key_blob(id->key), plain))
		id = id->next;
	return id;
}

static bool is_earlier(
    const struct identity *id, const struct identity *fresh, const struct cert *cert)
{
	struct cert other;

	return id != fresh && bytes_equal(key_blob(id->key), key_blob(fresh->key)) &&
	       cert_parse(id->blob, &other) == ERR_OK &&
	       bytes_equal(other.signature_key, cert->signature_key);
}

static void remove_earlier(struct store *s, const struct identity *fresh, const struct cert *cert)
{
	struct identity *id = store_first(s);

	while (id != NULL) {
		struct identity *next = id->next;

		if (is_earlier(id, fresh, cert)) {
			log_info("a certificate makes room for a newer one");
			store_remove(s, id);
		}
		id = next;
	}
}

static enum err put(struct store *s, struct bytes plain, struct bytes certificate)
{
	struct identity *id = find_key(s, plain);
	enum err e;

	if (id == NULL)
		return ERR_NOT_FOUND;
	/* All that is handed over lies in id, which stays until copies were made. */
	e = store_put(s, key_ref(id->key), certificate, id->comment, &id->rules);
	if (e != ERR_OK)
		key_unref(id->key);
	return e;
}

enum err attach_certificate(struct store *s, struct bytes certificate, struct identity **out)
{
	struct builder plain = {0};
	struct cert cert;
	enum err e = cert_parse(certificate, &cert);

	if (e == ERR_OK)
		e = key_verify(cert.signature_key, cert.signed_part, cert.signature);
	if (e != ERR_OK)
		return ERR_CERT;
	pubkey_build(&plain, &cert.key);
	e = builder_error(&plain);
	if (e == ERR_OK)
		e = put(s, builder_view(&plain), certificate);
	builder_clear(&plain);
	if (e != ERR_OK)
		return e;
	*out = store_find(s, certificate);
	remove_earlier(s, *out, &cert);
	return ERR_OK;
}
